//! Damage at rest: logs that are cut at each byte, logs and closed databases with one bit turned over.
//! What is read is right, or the error names the place; nothing panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aresadb::model::{Error, ErrorKind, Result, SyncMode};
use aresadb::storage::sim::{Rng, SimDisk};
use aresadb::storage::{
    BackendStats, Changes, Planted, RedbBackend, Snapshot, StorageBackend, Store, StoreOptions,
};

use super::check::{Checked, Wrong, lied, read};
use super::model::{State, Traffic, Workload};
use super::{CACHE_BYTES, Kind, Kit, Moment, in_parallel, rng_for};

const SEEDS: [u64; 2] = [0xda3a, 0x6e01];
const FLIPS: usize = 100_000;
const CLOSED_FLIPS: usize = 2_000;

/// Small transactions, so that a short log has many.
const LOGGED: Kind = Kind {
    name: "logged",
    traffic: Traffic { changes_max: 2, rows: 8, large_one_in: 30, large_max: 400 },
    segment_bytes: 5 << 10,
    memtable_bytes: 1 << 20,
    sync: SyncMode::Full,
    checkpoint_one_in: usize::MAX,
    reopen_one_in: usize::MAX,
};

/// A database that was killed, with some of its transactions in the tables and the rest in the log.
pub struct Logged {
    disk: SimDisk,
    kit: Kit,
    /// By the number of transactions before it.
    moments: Vec<Moment>,
    /// Segment and end of each transaction in the log.
    ends: Vec<(u64, u64)>,
    /// Transactions in the tables.
    flushed: usize,
    tables: Arc<dyn Snapshot>,
}

/// The tables as they are, for many logs; they take nothing.
struct Tables(Arc<dyn Snapshot>);

impl StorageBackend for Tables {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::clone(&self.0))
    }

    fn apply(&self, _: &dyn Changes) -> Result<()> {
        Err(Error::read_only("the tables are shared"))
    }

    fn stats(&self) -> Result<BackendStats> {
        Ok(BackendStats::default())
    }

    fn recover(&self) -> Result<()> {
        Ok(())
    }

    fn has_failed(&self) -> bool {
        false
    }

    fn sync_failed(&self) -> bool {
        false
    }
}

impl Logged {
    pub fn new(seed: u64, flushed: usize, logged: usize, planted: Planted) -> Checked<Self> {
        let kit = Kit::new(LOGGED, planted, seed, 0);
        let disk = kit.new_disk()?;
        let store = kit.open(&disk)?;
        let mut work = Workload::new(seed, LOGGED.traffic);
        let mut moments = vec![Moment { state: State::default(), content: read(&store.view())? }];
        let mut ends = vec![(0, 0)];
        for number in 1..=flushed + logged {
            let (tx, state) = work.transaction(&store, &moments[number - 1].state)?;
            store.commit(tx)?;
            let content = read(&store.view())?.share(&moments[number - 1].content);
            moments.push(Moment { state, content });
            let log = store.log_stats().expect("it has a log");
            ends.push((log.segment, log.offset));
            if number == flushed {
                store.checkpoint()?;
            }
        }
        let killed = disk.fork();
        let backend = RedbBackend::open_in(killed.fork().folder(""), CACHE_BYTES, true, planted)?;
        let tables = backend.snapshot()?;
        // The snapshot reads from the backend's file, which is to stay open.
        std::mem::forget(backend);
        Ok(Self { disk: killed, kit, moments, ends, flushed, tables })
    }

    /// Opens a damaged copy to read, over the tables as they were.
    fn open_read_only(&self, disk: &SimDisk) -> Result<Arc<Store>> {
        let options = StoreOptions { read_only: true, ..self.kit.options() };
        Store::open(Box::new(Tables(Arc::clone(&self.tables))), Some(disk.folder("wal")), options)
    }

    /// What a damaged copy must be: the state after `at_least` transactions or more, or an error
    /// that names the damage.
    fn check(&self, opened: Result<Arc<Store>>, at_least: usize) -> Checked<Option<usize>> {
        let store = match opened {
            Ok(store) => store,
            Err(error) if error.kind() == ErrorKind::Corrupt && error.place().is_some() => return Ok(None),
            Err(error) => return lied(format!("it became {}", Wrong::Failed(error))),
        };
        let found = match read(&store.view()) {
            Ok(found) => found,
            Err(Wrong::Failed(error)) => {
                return lied(format!("it opened and became {}", Wrong::Failed(error)));
            }
            Err(wrong) => return Err(wrong),
        };
        match self.moments.iter().rposition(|moment| moment.content == found) {
            Some(number) if number >= at_least => Ok(Some(number)),
            Some(number) => lied(format!("{number} transactions are there of at least {at_least}")),
            None => lied(format!(
                "the state is none there ever was; to the last: {}",
                found.difference(&self.moments[self.moments.len() - 1].content).unwrap_or_default()
            )),
        }
    }

    /// The log's segments: name, number, used bytes.
    fn segments(&self) -> Vec<(String, u64, u64)> {
        let names = self
            .disk
            .files()
            .into_iter()
            .filter(|(folder, name, _)| folder == "wal" && name.ends_with(".wal"));
        names
            .map(|(_, name, _)| {
                let number = name.trim_end_matches(".wal").parse().expect("a segment's number");
                let bytes = self.disk.bytes("wal", &name).expect("it is listed");
                let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                (name, number, used as u64)
            })
            .collect()
    }
}

/// Cuts the log at each byte, or each of so many. Returns what is wrong.
pub fn cut_everywhere(logged: &Logged, stride: usize) -> Option<String> {
    let segments = logged.segments();
    let last = segments.iter().map(|(_, number, _)| *number).max().unwrap_or(0);
    let mut cuts = Vec::new();
    for (name, number, used) in &segments {
        cuts.extend((0..=*used).step_by(stride).map(|at| (name.clone(), *number, at)));
    }
    let (read_only_errors, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong = in_parallel(cuts.len(), |index| {
        let (name, number, at) = &cuts[index];
        let disk = logged.disk.copy();
        disk.edit("wal", name, |bytes| bytes.truncate(*at as usize));
        // All that stands whole before the cut is there still.
        let whole =
            logged.ends.iter().rposition(|(segment, end)| segment < number || segment == number && end <= at);
        let at_least = whole.unwrap_or(0).max(logged.flushed);
        let result = if index % 16 == 0 { logged.kit.open(&disk) } else { logged.open_read_only(&disk) };
        match logged.check(result, at_least)? {
            Some(_) => opened.fetch_add(1, Ordering::Relaxed),
            None if *number == last && *at >= 128 => return lied("what a cut left was refused"),
            None => read_only_errors.fetch_add(1, Ordering::Relaxed),
        };
        Ok(())
    });
    println!(
        "{} cuts of {} segments: {opened:?} read on, {read_only_errors:?} refused by name",
        cuts.len(),
        segments.len()
    );
    wrong.map(|(index, wrong)| format!("the log cut at {:?}: {wrong}", cuts[index]))
}

/// Takes each transaction out of the log, and doubles each: every record is whole, and the log is not.
pub fn splice(logged: &Logged) -> Option<String> {
    let ends = &logged.ends;
    let wrong = in_parallel(ends.len() * 2, |index| {
        let (number, doubled) = (index / 2, index % 2 == 1);
        let (segment, end) = ends[number];
        // Within a segment, and behind what the tables have.
        if number <= logged.flushed + 1 || ends[number - 1].0 != segment {
            return Ok(());
        }
        let range = ends[number - 1].1 as usize..end as usize;
        let disk = logged.disk.copy();
        disk.edit("wal", &format!("{segment:010}.wal"), |bytes| {
            let record = bytes[range.clone()].to_vec();
            let put = if doubled { record.repeat(2) } else { Vec::new() };
            bytes.splice(range.clone(), put);
        });
        // That the last one was durable stands nowhere.
        let at_least = logged.moments.len() - 2;
        logged.check(logged.open_read_only(&disk), at_least).map(|_| ())
    });
    wrong.map(|(index, wrong)| format!("transaction {} taken out or doubled: {wrong}", index / 2))
}

/// Turns over bits of the log, one at a time. Returns what is wrong.
pub fn flip_log(logged: &Logged, seed: u64, flips: usize) -> Option<String> {
    let segments = logged.segments();
    let place = |index: usize| {
        let mut rng = rng_for(seed, index as u64);
        let (name, _, used) = &segments[rng.below(segments.len())];
        // A little past the end, too.
        (name.clone(), rng.below((*used as usize + 16) * 8) as u64)
    };
    let (refused, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong = in_parallel(flips, |index| {
        let (name, bit) = place(index);
        let disk = logged.disk.copy();
        disk.flip("wal", &name, bit);
        // The last transaction alone may count as torn: nothing behind it says that it was durable.
        let at_least = logged.moments.len() - 2;
        let result = if index % 64 == 0 { logged.kit.open(&disk) } else { logged.open_read_only(&disk) };
        let counter = if logged.check(result, at_least)?.is_some() { &opened } else { &refused };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    println!("{flips} bits of the log: {opened:?} read on, {refused:?} refused by name");
    wrong
        .map(|(index, wrong)| format!("seed {seed:#x}, the log with {:?} turned over: {wrong}", place(index)))
}

fn logged(seed: u64) -> Logged {
    Logged::new(seed, 3, 9, Planted::default()).unwrap_or_else(|wrong| panic!("seed {seed:#x}: {wrong}"))
}

#[test]
fn a_log_cut_at_any_byte_is_a_prefix_or_a_named_error() {
    for seed in SEEDS {
        if let Some(wrong) = cut_everywhere(&logged(seed), 1) {
            panic!("seed {seed:#x}: {wrong}");
        }
    }
}

#[test]
fn a_transaction_taken_out_of_the_log_or_doubled_is_noticed() {
    for seed in SEEDS {
        if let Some(wrong) = splice(&logged(seed)) {
            panic!("seed {seed:#x}: {wrong}");
        }
    }
}

#[test]
fn a_bit_of_the_log_turned_over_is_no_wrong_answer() {
    for seed in SEEDS {
        if let Some(wrong) = flip_log(&logged(seed), seed, FLIPS / SEEDS.len()) {
            panic!("{wrong}");
        }
    }
}

#[test]
fn a_bit_of_a_closed_database_turned_over_is_no_wrong_answer() {
    let logged = logged(SEEDS[0]);
    let disk = logged.disk.fork();
    drop(logged.kit.open(&disk).expect("it is whole"));
    let last = &logged.moments[logged.moments.len() - 1].content;
    let files = disk.files();
    let bytes: Vec<Vec<u8>> =
        files.iter().map(|(folder, name, _)| disk.bytes(folder, name).unwrap()).collect();
    let place = |index: usize| {
        let mut rng = rng_for(SEEDS[0], index as u64);
        // The tables and their checksums, or anything.
        let file = if rng.below(2) == 0 { rng.below(2) } else { rng.below(files.len()) };
        (file, bit_of(&bytes[file], &mut rng))
    };
    let refused = AtomicUsize::new(0);
    let wrong = in_parallel(CLOSED_FLIPS, |index| {
        let (file, bit) = place(index);
        let damaged = disk.copy();
        damaged.flip(&files[file].0, &files[file].1, bit);
        let content = logged.kit.open(&damaged).map_err(Wrong::from).and_then(|store| read(&store.view()));
        match content {
            Ok(found) if found == *last => Ok(()),
            Ok(found) => lied(found.difference(last).unwrap_or_default()),
            Err(Wrong::Failed(error)) if error.kind() == ErrorKind::Corrupt && error.place().is_some() => {
                refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(wrong) => Err(wrong),
        }
    });
    println!("{CLOSED_FLIPS} bits of a closed database, {refused:?} refused by name");
    if let Some((index, wrong)) = wrong {
        let (file, bit) = place(index);
        panic!("flip {index}, bit {bit} of {}/{}: {wrong}", files[file].0, files[file].1);
    }
    assert!(refused.load(Ordering::Relaxed) > CLOSED_FLIPS / 40);
}

/// A bit, mostly of a place that holds something.
fn bit_of(bytes: &[u8], rng: &mut Rng) -> u64 {
    let anywhere = rng.below(bytes.len() * 8) as u64;
    let used: Vec<usize> = (0..bytes.len().div_ceil(512))
        .filter(|sector| bytes[sector * 512..].iter().take(512).any(|byte| *byte != 0))
        .collect();
    if rng.below(3) == 0 || used.is_empty() {
        return anywhere;
    }
    let sector = used[rng.below(used.len())];
    let len = (bytes.len() - sector * 512).min(512);
    ((sector * 512 + rng.below(len)) * 8 + rng.below(8)) as u64
}
