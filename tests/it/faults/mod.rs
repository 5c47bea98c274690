//! The fault harness: it breaks the disk under the store in every way it knows and checks that the
//! store keeps its promise.
//!
//! > An acknowledged commit survives; recovery yields the first *k* transactions, with
//! > acknowledged <= k <= submitted; damage is reported, never served.
//!
//! * `model`: random transactions, and what the database must then hold;
//! * `check`: what a database holds, and whether its parts agree;
//! * `crash`: loss of power at every step of recorded runs, and in their recovery;
//! * `failing`: a failure at every step of a run; * `damage`: cut logs and turned bits;
//! * `tasks`: commits of async code, for which a thread of the store's own writes;
//! * `kill`: the built program, killed; * `planted`: mistakes put into the store, all of which must be found.
//!
//! Everything follows from seeds. A failure prints the kind of traffic, the seed and the place; to run
//! it alone, put that seed alone into the `SEEDS` of its file.

mod check;
mod crash;
mod damage;
mod failing;
mod kill;
mod model;
mod planted;
mod races;
mod regressions;
mod tasks;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aresadb::model::{FixedClock, IdGenerator, Result, SyncMode};
use aresadb::storage::sim::{Journal, Mark, Rng, SimDisk};
use aresadb::storage::{Planted, RedbBackend, Store, StoreOptions};
use parking_lot::Mutex;
use uuid::Uuid;

use check::{Checked, Content, Wrong, lied, read, read_thoroughly};
use model::{State, Traffic, Workload};

const CACHE_BYTES: usize = 256 << 10;

/// A kind of traffic and the limits it runs under.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    traffic: Traffic,
    segment_bytes: u64,
    memtable_bytes: u64,
    sync: SyncMode,
    /// After one transaction of so many there is a checkpoint.
    checkpoint_one_in: usize,
    /// After one transaction of so many the store is closed and opened.
    reopen_one_in: usize,
}

const SMALL: Kind = Kind {
    name: "small",
    traffic: Traffic { changes_max: 6, rows: 40, large_one_in: 40, large_max: 3_000 },
    segment_bytes: 64 << 10,
    memtable_bytes: 1 << 20,
    sync: SyncMode::Full,
    checkpoint_one_in: 25,
    reopen_one_in: 40,
};

const ROTATIONS: Kind = Kind {
    name: "rotations",
    traffic: Traffic { changes_max: 50, rows: 60, large_one_in: 12, large_max: 12_000 },
    segment_bytes: 4 << 10,
    memtable_bytes: 1 << 20,
    sync: SyncMode::Full,
    checkpoint_one_in: 15,
    reopen_one_in: 60,
};

const CHECKPOINTS: Kind = Kind {
    name: "checkpoints",
    traffic: Traffic { changes_max: 12, rows: 40, large_one_in: 20, large_max: 6_000 },
    segment_bytes: 8 << 10,
    memtable_bytes: 12 << 10,
    sync: SyncMode::Full,
    checkpoint_one_in: 4,
    reopen_one_in: 9,
};

/// Nothing is promised of what no checkpoint took, but a prefix.
const UNSYNCED: Kind = Kind { name: "unsynced", sync: SyncMode::Off, ..CHECKPOINTS };

const KINDS: [Kind; 3] = [SMALL, ROTATIONS, CHECKPOINTS];

/// How a store is opened on a simulated disk, again and again.
#[derive(Clone)]
struct Kit {
    kind: Kind,
    planted: Planted,
    clock: Arc<FixedClock>,
    ids: Arc<IdGenerator>,
    /// Whether the store has threads of its own: then the disk's steps follow from the seed no more.
    background: bool,
}

impl Kit {
    /// Ids and times of different `generation`s differ.
    fn new(kind: Kind, planted: Planted, seed: u64, generation: i64) -> Self {
        let start = 1_700_000_000_000_000 + generation * 1_000_000_000;
        Self {
            kind,
            planted,
            clock: Arc::new(FixedClock::new(start, 7)),
            ids: Arc::new(IdGenerator::seeded(seed ^ (generation as u64) << 32)),
            background: false,
        }
    }

    fn options(&self) -> StoreOptions {
        StoreOptions {
            segment_bytes: self.kind.segment_bytes,
            memtable_bytes: self.kind.memtable_bytes,
            sync: self.kind.sync,
            transaction_max_bytes: 1 << 26,
            background: self.background,
            planted: self.planted,
            ..StoreOptions::new(self.clock.clone(), Arc::clone(&self.ids))
        }
    }

    /// An empty disk with the data files of a new database.
    fn new_disk(&self) -> Result<SimDisk> {
        let disk = SimDisk::new();
        drop(RedbBackend::create_in(disk.folder(""), CACHE_BYTES, self.planted)?);
        // As the folder of a new database is made: it has its name once all in it is durable.
        Ok(disk.fork())
    }

    fn open(&self, disk: &SimDisk) -> Result<Arc<Store>> {
        let backend = RedbBackend::open_in(disk.folder(""), CACHE_BYTES, false, self.planted)?;
        Store::open(Box::new(backend), Some(disk.folder("wal")), self.options())
    }
}

/// The database after a transaction.
#[derive(Debug, Clone)]
struct Moment {
    state: State,
    content: Content,
}

/// A run of which everything is known.
struct Run {
    kind: Kind,
    seed: u64,
    journal: Journal,
    /// By the number of transactions before it.
    moments: Vec<Moment>,
    /// Every id there ever was.
    known: Vec<Uuid>,
}

impl Run {
    /// Runs so many transactions, between checkpoints and reopenings, and records what the disk is told.
    fn record(kind: Kind, seed: u64, transactions: u64, planted: Planted) -> Checked<Run> {
        let kit = Kit::new(kind, planted, seed, 0);
        let disk = kit.new_disk()?;
        disk.record();
        let mut store = kit.open(&disk)?;
        let mut work = Workload::new(seed, kind.traffic);
        let mut moments = vec![Moment { state: State::default(), content: read(&store.view())? }];
        for number in 1..=transactions {
            let last = &moments[moments.len() - 1];
            let (tx, state) = work.transaction(&store, &last.state)?;
            disk.mark(Mark::Submitted(number));
            store.commit(tx)?;
            disk.mark(Mark::Acknowledged(number));
            let content = read_thoroughly(&store.view(), &work.gone)?.share(&last.content);
            content.agrees(&state)?;
            moments.push(Moment { state, content });
            if work.rng.below(kind.checkpoint_one_in) == 0 {
                store.checkpoint()?;
            }
            if work.rng.below(kind.reopen_one_in) == 0 {
                drop(store);
                store = kit.open(&disk)?;
            }
            if work.rng.below(9) == 0 {
                // Rolled back: its handles and names are used up, and nothing else.
                drop(work.clone().transaction(&store, &moments[moments.len() - 1].state)?);
            }
        }
        drop(store);
        let known = moments.iter().flat_map(|moment| moment.state.rows.keys().copied()).collect();
        Ok(Run { kind, seed, journal: disk.recorded(), moments, known })
    }

    /// Which state a database is in; it must be one of `from..=to`.
    fn state_of(&self, store: &Store, from: u64, to: u64, thoroughly: bool) -> Checked<u64> {
        let view = store.view();
        let found = if thoroughly { read_thoroughly(&view, &self.known)? } else { read(&view)? };
        for number in (from..=to).rev() {
            if self.moments[number as usize].content == found {
                return Ok(number);
            }
        }
        let elsewhere = self.moments.iter().position(|moment| moment.content == found);
        match elsewhere {
            Some(number) => lied(format!("the state is {number}, not one of {from}..={to}")),
            None => {
                let difference = found.difference(&self.moments[to as usize].content).unwrap_or_default();
                lied(format!("the state is none there ever was; of {from}..={to}, to the last: {difference}"))
            }
        }
    }
}

/// Runs a check that may panic.
fn contained<T>(check: impl FnOnce() -> Checked<T>) -> Checked<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(check)) {
        Ok(checked) => checked,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            lied(format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

/// Runs `0..count` on all processors until something is wrong. Returns what, with its place.
fn in_parallel(count: usize, check: impl Fn(usize) -> Checked + Sync) -> Option<(usize, Wrong)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let found = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || found.lock().is_some() {
                        break;
                    }
                    if let Err(wrong) = contained(|| check(index)) {
                        found.lock().get_or_insert((index, wrong));
                    }
                }
            });
        }
    });
    found.into_inner()
}

/// A generator for one place of a run.
fn rng_for(seed: u64, place: u64) -> Rng {
    let mut rng = Rng(seed ^ place.wrapping_mul(0x2545_f491_4f6c_dd1d));
    rng.next();
    rng
}
