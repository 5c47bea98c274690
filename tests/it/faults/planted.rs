//! Mistakes put into the store, one at a time: the harness has to find each of them.

use std::sync::atomic::{AtomicU64, AtomicUsize};

use aresadb::storage::sim::Failure;
use aresadb::storage::{Bug, Planted};

use super::crash::{Tally, crash_everywhere};
use super::damage::{Logged, cut_everywhere, flip_log, splice};
use super::failing::{LONG, MIXED, fail_everywhere};
use super::races::{Waiting, crash_together, pairs};
use super::{CHECKPOINTS, Kind, ROTATIONS, Run, SMALL, UNSYNCED};

/// A way of the harness to find something. Returns what it found.
type Hunt = fn(Planted) -> Option<String>;

fn crashes_of(kind: Kind, seed: u64, planted: Planted) -> Option<String> {
    match Run::record(kind, seed, 40, planted) {
        Ok(run) => crash_everywhere(&run, planted, 2, 1, &Tally::default()),
        Err(wrong) => Some(format!("{}, seed {seed:#x}, without a fault: {wrong}", kind.name)),
    }
}

fn small(planted: Planted) -> Option<String> {
    crashes_of(SMALL, 0xb06, planted)
}

fn rotations(planted: Planted) -> Option<String> {
    crashes_of(ROTATIONS, 0xb06, planted)
}

fn checkpoints(planted: Planted) -> Option<String> {
    crashes_of(CHECKPOINTS, 0xb06, planted)
}

fn unsynced(planted: Planted) -> Option<String> {
    crashes_of(UNSYNCED, 0xb06, planted)
}

fn long_segments(planted: Planted) -> Option<String> {
    let failures = [Failure::ShortWrite, Failure::Full];
    fail_everywhere(LONG, 0xb06, &failures, planted, &AtomicUsize::new(0))
}

fn failures(planted: Planted) -> Option<String> {
    let failures = [Failure::LostSync, Failure::Full, Failure::ShortWrite];
    fail_everywhere(MIXED, 0xb06, &failures, planted, &AtomicUsize::new(0))
}

fn damage(planted: Planted) -> Option<String> {
    match Logged::new(0xb06, 3, 9, planted) {
        Ok(logged) => {
            splice(&logged).or_else(|| flip_log(&logged, 0xb06, 2_000)).or_else(|| cut_everywhere(&logged, 7))
        }
        Err(wrong) => Some(format!("without damage: {wrong}")),
    }
}

fn races(planted: Planted) -> Option<String> {
    let found = pairs(planted, 0xb06).err().map(|wrong| wrong.to_string());
    found.or_else(|| crash_together(planted, 0xb06, Waiting::Threads, &AtomicU64::new(0)))
}

/// The ways in the order of their cost.
const HUNTS: [(&str, Hunt); 8] = [
    ("races", races),
    ("crashes, small", small),
    ("crashes, rotations", rotations),
    ("crashes, checkpoints", checkpoints),
    ("crashes, unsynced", unsynced),
    ("damage", damage),
    ("failures, long segments", long_segments),
    ("failures", failures),
];

/// The first hunt that finds it; the one that is made for it goes first.
fn find(bug: Bug) -> Option<(&'static str, String)> {
    let first = match bug {
        Bug::RetryFailedSync | Bug::GoOnAfterFailedSync | Bug::KeepFailedWrite => "failures",
        Bug::GoOnBehindFailedWrite => "failures, long segments",
        Bug::FlushBeforeSync => "crashes, unsynced",
        Bug::IgnoreChain | Bug::IgnoreChecksum | Bug::TruncateAtDamage => "damage",
        _ => "races",
    };
    let planted = Planted::bug(bug);
    let (own, others): (Vec<_>, Vec<_>) = HUNTS.into_iter().partition(|(name, _)| *name == first);
    own.into_iter().chain(others).find_map(|(name, hunt)| hunt(planted).map(|found| (name, found)))
}

/// All of them: a hook that is not there, or a mistake that cannot be found, is a hole in the proof.
#[test]
fn every_planted_mistake_is_found() {
    // A hunt that finds something where nothing is would find every mistake.
    for (name, hunt) in HUNTS {
        assert_eq!(hunt(Planted::default()), None, "{name}");
    }
    // What a planted mistake makes panic is found, too, and need not be shown.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let started = std::time::Instant::now();
        match find(bug) {
            Some((hunt, found)) => {
                println!("{bug:?}: found by {hunt} in {:?}: {found:.300}", started.elapsed());
            }
            None => {
                println!("{bug:?}: NOT FOUND in {:?}", started.elapsed());
                missed.push(bug);
            }
        }
    }
    let _ = std::panic::take_hook();
    println!("{} of {} found", Bug::ALL.len() - missed.len(), Bug::ALL.len());
    assert!(missed.is_empty(), "not found: {missed:?}");
}
