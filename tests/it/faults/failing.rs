//! A failure at every step of a mixed run, once and from there on: what was acknowledged stays, what
//! failed is not there (or, where a sync failed, may be), reads stay right, and the store works again
//! as soon as it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aresadb::model::{Error, ErrorKind, SyncMode};
use aresadb::storage::sim::{Failure, Fault, Rng, SimDisk, Step};
use aresadb::storage::{Planted, Store};

use super::check::{Checked, Wrong, lied, read_thoroughly};
use super::model::{State, Traffic, Workload};
use super::{Kind, Kit, in_parallel, rng_for};

const SEEDS: [u64; 1] = [0xfa11];
const TRANSACTIONS: u64 = 14;

/// A little of everything, and quickly through.
pub const MIXED: Kind = Kind {
    name: "mixed",
    traffic: Traffic { changes_max: 10, rows: 25, large_one_in: 12, large_max: 4_000 },
    segment_bytes: 4 << 10,
    memtable_bytes: 24 << 10,
    sync: SyncMode::Full,
    checkpoint_one_in: 5,
    reopen_one_in: 7,
};

/// Segments that hold several transactions: what a failed write leaves stands before the next ones.
pub const LONG: Kind = Kind { name: "long segments", segment_bytes: 1 << 20, ..MIXED };

/// Where a run with a fault stands.
struct Faulty {
    kit: Kit,
    disk: SimDisk,
    work: Workload,
    /// What was acknowledged, all of it.
    state: State,
    /// Transactions whose commit failed at a sync: nobody knows.
    unknown: Vec<State>,
    failure: Failure,
    /// What had failed when the store was opened.
    struck_before: usize,
}

impl Faulty {
    /// What failed since the store was opened.
    fn struck(&self) -> Vec<(Step, String)> {
        self.disk.struck().split_off(self.struck_before)
    }

    fn sync_failed(&self) -> bool {
        self.struck().iter().any(|(step, _)| matches!(step, Step::Sync | Step::SyncFolder))
    }

    /// The log's own sync failed: nothing more may be written before the store is opened again.
    fn log_sync_failed(&self) -> bool {
        self.struck().iter().any(|(step, name)| *step == Step::Sync && name.starts_with("wal/"))
    }

    /// All that failed are writes to the log: there is no reason to refuse more, once it works again.
    fn only_log_writes_failed(&self) -> bool {
        let struck = self.struck();
        let harmless = |step: Step| matches!(step, Step::Write | Step::Grow | Step::Create);
        !struck.is_empty() && struck.iter().all(|(step, name)| harmless(*step) && name.starts_with("wal/"))
    }

    /// A failure has to have a name that fits.
    fn check_error(&self, error: &Error) -> Checked {
        let fits = match self.failure {
            Failure::Full => matches!(error.kind(), ErrorKind::OutOfSpace),
            _ => matches!(error.kind(), ErrorKind::Io),
        };
        if fits && !error.message().is_empty() {
            return Ok(());
        }
        lied(format!("{:?} became {:?}: {error}", self.failure, error.kind()))
    }

    /// Reads give right answers, or fail by name.
    fn check_reads(&self, store: &Store) -> Checked {
        match read_thoroughly(&store.view(), &self.work.gone) {
            Ok(content) => content.agrees(&self.state),
            Err(Wrong::Failed(error)) => self.check_error(&error),
            Err(lied) => Err(lied),
        }
    }

    fn try_open(&mut self) -> Checked<Open> {
        self.struck_before = self.disk.struck().len();
        match self.kit.open(&self.disk) {
            Ok(store) => Ok(Some(store)),
            Err(error) => self.check_error(&error).map(|()| None),
        }
    }

    /// One transaction. Returns whether it was committed.
    fn transact(&mut self, store: &Arc<Store>) -> Checked<bool> {
        let (tx, next) = match self.work.transaction(store, &self.state) {
            Ok(made) => made,
            Err(error) => return self.check_error(&error).map(|()| false),
        };
        let refused = self.log_sync_failed();
        match store.commit(tx) {
            Ok(_) if refused => lied("a commit is acknowledged after a failed sync"),
            Ok(_) => {
                self.state = next;
                Ok(true)
            }
            Err(error) => {
                self.check_error(&error)?;
                if !refused && self.sync_failed() {
                    self.unknown.push(next);
                }
                Ok(false)
            }
        }
    }

    /// Opens the store again, and takes its state from what may be there.
    fn reopen(&mut self) -> Checked<Arc<Store>> {
        self.struck_before = self.disk.struck().len();
        let store = self.kit.open(&self.disk)?;
        let found = read_thoroughly(&store.view(), &self.work.gone)?;
        if let Err(Wrong::Lied(what)) = found.agrees(&self.state) {
            match self.unknown.iter().find(|state| found.agrees(state).is_ok()) {
                Some(state) => self.state = state.clone(),
                None => return lied(format!("after reopening, with {} unknown: {what}", self.unknown.len())),
            }
        }
        self.unknown.clear();
        Ok(store)
    }
}

/// A run with a fault, and what comes after it.
pub fn fail_once(kind: Kind, seed: u64, fault: &Fault, planted: Planted, transactions: u64) -> Checked {
    let disk = Kit::new(kind, planted, seed, 0).new_disk()?;
    let (mut run, store) = run_with(kind, seed, fault, planted, transactions, disk)?;
    end(&mut run, store, &mut rng_for(seed, fault.at))
}

type Open = Option<Arc<Store>>;

/// The run itself. The fault is over a few transactions after it came.
fn run_with(
    kind: Kind,
    seed: u64,
    fault: &Fault,
    planted: Planted,
    transactions: u64,
    disk: SimDisk,
) -> Checked<(Faulty, Open)> {
    let kit = Kit::new(kind, planted, seed, 1);
    disk.fail(fault.clone());
    let work = Workload::new(seed, kind.traffic);
    let (state, unknown) = (State::default(), Vec::new());
    let mut run = Faulty { kit, disk, work, state, unknown, failure: fault.failure, struck_before: 0 };
    let mut store = run.try_open()?;
    let mut after = 0;
    for _ in 0..transactions {
        let Some(open) = store.take() else { break };
        let struck = !run.struck().is_empty();
        let committed = run.transact(&open)?;
        if struck && !fault.persistent && !committed && run.only_log_writes_failed() {
            return lied("commits do not work again, although the disk does");
        }
        if !run.disk.struck().is_empty() {
            run.check_reads(&open)?;
            after += 1;
        }
        if run.work.rng.below(kind.checkpoint_one_in) == 0
            && let Err(error) = open.checkpoint()
        {
            run.check_error(&error)?;
        }
        store = Some(open);
        if run.work.rng.below(kind.reopen_one_in) == 0 {
            drop(store.take());
            store = run.try_open()?;
            if let Some(open) = &store {
                run.check_reads_after_reopening(open)?;
            }
        }
        if after > 4 {
            break;
        }
    }
    Ok((run, store))
}

impl Faulty {
    /// As [`Faulty::reopen`], while the fault may still be there.
    fn check_reads_after_reopening(&mut self, store: &Store) -> Checked {
        let found = match read_thoroughly(&store.view(), &self.work.gone) {
            Ok(found) => found,
            Err(Wrong::Failed(error)) => return self.check_error(&error),
            Err(lied) => return Err(lied),
        };
        if found.agrees(&self.state).is_err() {
            match self.unknown.iter().find(|state| found.agrees(state).is_ok()) {
                Some(state) => self.state = state.clone(),
                None => return found.agrees(&self.state),
            }
        }
        self.unknown.clear();
        Ok(())
    }
}

/// The fault is over: the store is opened again, with or without a loss of power, takes more, and
/// keeps it over another loss.
fn end(run: &mut Faulty, store: Open, rng: &mut Rng) -> Checked {
    let persistent_words = run.disk.struck();
    let at_end = |what: &str, wrong: Wrong| match wrong {
        Wrong::Failed(error) => {
            Wrong::Lied(format!("{what}, after {persistent_words:.200?}: {}", Wrong::Failed(error)))
        }
        Wrong::Lied(text) => Wrong::Lied(format!("{what}, after {persistent_words:.200?}: {text}")),
    };
    let crash_first = rng.below(2) == 0;
    if crash_first {
        run.disk.crash(rng);
        drop(store);
    } else {
        run.disk.heal();
        drop(store);
    }
    let what = if crash_first { "opened after a crash" } else { "opened again" };
    let store = run.reopen().map_err(|wrong| at_end(what, wrong))?;
    for _ in 0..3 {
        if !run.transact_well(&store).map_err(|wrong| at_end(what, wrong))? {
            return lied(format!("{what}, the store takes no commits"));
        }
    }
    run.disk.crash(rng);
    drop(store);
    let what = if crash_first { "crashed, written, crashed" } else { "opened, written, crashed" };
    drop(run.reopen().map_err(|wrong| at_end(what, wrong))?);
    Ok(())
}

impl Faulty {
    fn transact_well(&mut self, store: &Arc<Store>) -> Checked<bool> {
        let (tx, next) = self.work.transaction(store, &self.state)?;
        store.commit(tx)?;
        self.state = next;
        Ok(true)
    }
}

/// Every step of a run that a failure concerns. Returns what is wrong, with the place.
pub fn fail_everywhere(
    kind: Kind,
    seed: u64,
    failures: &[Failure],
    planted: Planted,
    tally: &AtomicUsize,
) -> Option<String> {
    // How many steps and reads there are without a fault; the same up to the fault.
    let (steps, reads) = match count(kind, seed, planted) {
        Ok(counted) => counted,
        Err(wrong) => return Some(format!("{}, seed {seed:#x}, without a fault: {wrong}", kind.name)),
    };
    let mut faults = Vec::new();
    for failure in failures {
        let places: Vec<u64> = if *failure == Failure::Read {
            (0..reads).collect()
        } else {
            (0..).zip(&steps).filter(|(_, step)| failure.concerns(**step)).map(|(at, _)| at).collect()
        };
        for at in places {
            for persistent in [false, true] {
                faults.push(Fault { at, failure: *failure, persistent, seed: seed ^ at });
            }
        }
    }
    let wrong = in_parallel(faults.len(), |index| {
        tally.fetch_add(1, Ordering::Relaxed);
        fail_once(kind, seed, &faults[index], planted, TRANSACTIONS)
    });
    wrong.map(|(index, wrong)| format!("{}, seed {seed:#x}, {:?}: {wrong}", kind.name, faults[index]))
}

/// The steps of a run without a fault, and how many reads it makes.
fn count(kind: Kind, seed: u64, planted: Planted) -> Checked<(Vec<Step>, u64)> {
    let disk = Kit::new(kind, planted, seed, 0).new_disk()?;
    disk.record();
    let never = Fault { at: u64::MAX, failure: Failure::Device, persistent: false, seed };
    let (run, store) = run_with(kind, seed, &never, planted, TRANSACTIONS, disk)?;
    let counted = (run.disk.recorded().steps(), run.disk.reads());
    drop(store);
    Ok(counted)
}

fn fail_at_every_step(failures: &[Failure]) {
    let tally = AtomicUsize::new(0);
    for seed in SEEDS {
        for kind in [MIXED, LONG] {
            if let Some(wrong) = fail_everywhere(kind, seed, failures, Planted::default(), &tally) {
                panic!("{wrong}");
            }
        }
    }
    let count = tally.load(Ordering::Relaxed);
    println!("{count} runs with a fault of {failures:?}");
    assert!(count > 100);
}

#[test]
fn a_full_disk_fails_one_statement_and_works_again_with_room() {
    fail_at_every_step(&[Failure::Full]);
}

#[test]
fn a_refusing_device_and_a_short_write_lose_nothing_acknowledged() {
    fail_at_every_step(&[Failure::Device, Failure::ShortWrite]);
}

#[test]
fn after_a_failed_sync_the_store_takes_nothing_until_it_is_opened_again() {
    fail_at_every_step(&[Failure::LostSync]);
}

#[test]
fn a_failed_read_is_an_error_and_never_a_wrong_answer() {
    fail_at_every_step(&[Failure::Read]);
}
