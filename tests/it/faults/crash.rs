//! Loss of power at every step of recorded runs: at each place some of what a crash may leave is
//! made, opened and compared; then further crashes in the recovery, and further commits.

use std::sync::atomic::{AtomicU64, Ordering};

use aresadb::model::SyncMode;
use aresadb::storage::Planted;
use aresadb::storage::sim::{Cursor, Failure, Fault, Rng, SimDisk};

use super::check::{Checked, Wrong, read_thoroughly};
use super::model::Workload;
use super::{KINDS, Kind, Kit, Run, UNSYNCED, contained, in_parallel, rng_for};

/// Two runs of each kind of traffic.
const SEEDS: [u64; 2] = [0x0a5e, 0xdb01];
const TRANSACTIONS: u64 = 60;
/// Crash points that the tests of this file make at least, together.
const AT_LEAST: u64 = 20_000;

/// How many crash points were made, and in which depth.
#[derive(Default)]
pub struct Tally {
    pub crashes: AtomicU64,
    pub in_recovery: AtomicU64,
    pub gone_on: AtomicU64,
}

/// Crashes at the place of `cursor`, once, and follows one way from there.
pub fn crash_once(run: &Run, cursor: &Cursor<'_>, planted: Planted, rng: &mut Rng, tally: &Tally) -> Checked {
    let promised = run.kind.sync == SyncMode::Full;
    let (from, to) = (if promised { cursor.acknowledged } else { 0 }, cursor.submitted);
    let kit = Kit::new(run.kind, planted, rng.next(), 1);
    if rng.below(10) == 0 {
        // The process dies, the next one goes on, and then the power goes.
        let disk = cursor.kill();
        let store = kit.open(&disk)?;
        let number = run.state_of(&store, from, to, false)?;
        // No orderly end: nothing of it reaches the disk.
        disk.fail(Fault { at: 0, failure: Failure::Device, persistent: true, seed: 0 });
        drop(store);
        disk.heal();
        tally.crashes.fetch_add(1, Ordering::Relaxed);
        return go_on(run, &kit, &disk, number, rng, tally);
    }
    let disk = cursor.crash(rng);
    tally.crashes.fetch_add(1, Ordering::Relaxed);
    if rng.below(6) == 0 {
        crash_in_recovery(&kit, &disk, rng, tally);
    }
    let store = kit.open(&disk)?;
    let number = run.state_of(&store, from, to, rng.below(6) == 0)?;
    match rng.below(8) {
        // What a reader has seen stays, whether the store was closed or not.
        way @ 0..=2 => {
            if way > 0 {
                disk.crash(rng);
                tally.crashes.fetch_add(1, Ordering::Relaxed);
            }
            drop(store);
            let store = kit.open(&disk)?;
            run.state_of(&store, number, number, false)?;
            drop(store);
            Ok(())
        }
        3 => {
            drop(store);
            go_on(run, &kit, &disk, number, rng, tally)
        }
        _ => {
            // No time for an orderly end.
            disk.crash(rng);
            drop(store);
            Ok(())
        }
    }
}

/// The power goes at some step of a recovery, up to three times over.
fn crash_in_recovery(kit: &Kit, disk: &SimDisk, rng: &mut Rng, tally: &Tally) {
    for _ in 0..3 {
        disk.fail(Fault { at: rng.below(24) as u64, failure: Failure::PowerCut, persistent: true, seed: 0 });
        drop(kit.open(disk));
        disk.crash(rng);
        tally.in_recovery.fetch_add(1, Ordering::Relaxed);
    }
}

/// The recovered store takes further commits, which survive the next crash, wherever that comes.
fn go_on(run: &Run, kit: &Kit, disk: &SimDisk, number: u64, rng: &mut Rng, tally: &Tally) -> Checked {
    let mut state = run.moments[number as usize].state.clone();
    let mut work = Workload::new(rng.next(), run.kind.traffic);
    let mut states = vec![state.clone()];
    let mut acknowledged = 0;
    disk.fail(Fault { at: rng.below(40) as u64, failure: Failure::PowerCut, persistent: true, seed: 0 });
    if let Ok(store) = kit.open(disk) {
        for _ in 0..4 {
            let Ok((tx, next)) = work.transaction(&store, &state) else { break };
            states.push(next.clone());
            if store.commit(tx).is_err() {
                break;
            }
            acknowledged += usize::from(kit.kind.sync == SyncMode::Full);
            state = next;
        }
        if rng.below(2) == 0 {
            let _ = store.checkpoint();
        }
        disk.crash(rng);
    } else {
        disk.crash(rng);
    }
    tally.gone_on.fetch_add(1, Ordering::Relaxed);
    let on = |wrong| Wrong::Lied(format!("gone on from {number} with {acknowledged} commits, then: {wrong}"));
    let store = kit.open(disk).map_err(|error| on(error.into()))?;
    let found = read_thoroughly(&store.view(), &work.gone).map_err(on)?;
    if states[acknowledged..].iter().any(|state| found.agrees(state).is_ok()) {
        return Ok(());
    }
    found.agrees(&states[acknowledged]).map_err(on)
}

/// All places of a run, `images` crashes at each. Returns what is wrong, with the place.
pub fn crash_everywhere(
    run: &Run,
    planted: Planted,
    images: usize,
    stride: usize,
    tally: &Tally,
) -> Option<String> {
    let places = run.journal.steps().len();
    let parts = std::thread::available_parallelism().map_or(1, usize::from) * 8;
    let wrong = in_parallel(parts, |part| {
        let (first, end) = (places * part / parts, places * (part + 1) / parts);
        let mut cursor = run.journal.cursor();
        loop {
            let step = cursor.steps as usize;
            if step > end || (step == end && part + 1 < parts) {
                return Ok(());
            }
            if step >= first && step.is_multiple_of(stride) {
                for image in 0..images {
                    let mut rng = rng_for(run.seed, cursor.place() << 8 | image as u64);
                    contained(|| crash_once(run, &cursor, planted, &mut rng, tally)).map_err(|wrong| {
                        Wrong::Lied(format!("a crash after step {step}, image {image}: {wrong}"))
                    })?;
                }
            }
            if !cursor.advance() {
                return Ok(());
            }
        }
    });
    wrong.map(|(_, wrong)| format!("{}, seed {:#x}: {wrong}", run.kind.name, run.seed))
}

#[test]
fn a_power_loss_without_syncs_leaves_a_prefix() {
    for seed in SEEDS {
        let run = record(UNSYNCED, seed, TRANSACTIONS / 2);
        if let Some(wrong) = crash_everywhere(&run, Planted::default(), 1, 1, &Tally::default()) {
            panic!("{wrong}");
        }
    }
}

fn record(kind: Kind, seed: u64, transactions: u64) -> Run {
    Run::record(kind, seed, transactions, Planted::default())
        .unwrap_or_else(|wrong| panic!("{}, seed {seed:#x}, without any fault: {wrong}", kind.name))
}

#[test]
fn a_power_loss_at_any_step_loses_nothing_acknowledged_and_leaves_no_half_transaction() {
    let tally = Tally::default();
    let runs: Vec<Run> =
        SEEDS.iter().flat_map(|seed| KINDS.map(|kind| record(kind, *seed, TRANSACTIONS))).collect();
    let steps: usize = runs.iter().map(|run| run.journal.steps().len()).sum();
    // Marks are places, too; three of eight ways crash once more, and one of six in recovery.
    let images = (AT_LEAST as usize / 2).div_ceil(steps);
    for run in &runs {
        println!("{} {:#x}: {} steps", run.kind.name, run.seed, run.journal.steps().len());
        if let Some(wrong) = crash_everywhere(run, Planted::default(), images, 1, &tally) {
            panic!("{wrong}");
        }
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (crashes, in_recovery, gone_on) =
        (count(&tally.crashes), count(&tally.in_recovery), count(&tally.gone_on));
    println!(
        "{steps} steps of {} runs: {crashes} crashes, {in_recovery} in recovery, {gone_on} followed by commits",
        runs.len()
    );
    assert!(crashes + in_recovery >= AT_LEAST && in_recovery > 1_000 && gone_on > 1_000);
}
