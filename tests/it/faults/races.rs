//! Several sessions at once: what the commit checks again, and what a crash leaves of groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aresadb::model::{EdgeEnds, ErrorKind, Properties, Result, RowId, TypeKind, Value};
use aresadb::storage::sim::{Journal, Mark, Rng, SimDisk};
use aresadb::storage::{Lsn, Planted, Store, Transaction};
use futures::executor::block_on;
use parking_lot::Mutex;

use super::check::{Checked, Wrong, lied, read};
use super::{Kit, ROTATIONS, SMALL, contained, in_parallel, rng_for};

const SEEDS: [u64; 3] = [0x9ace1, 0x9ace2, 0x9ace3];
const COMMITTERS: u64 = 4;
const EACH: u64 = 15;

fn insert(tx: &mut Transaction, name: &str, values: &[(&str, i64)]) -> Result<RowId> {
    let type_id = tx.ensure_type(name, TypeKind::Node)?;
    let given: Properties =
        values.iter().map(|(name, value)| ((*name).to_owned(), Value::Integer(*value))).collect();
    let values = tx.resolve_properties(type_id, given)?;
    Ok(tx.insert_node(type_id, None, values)?.0)
}

fn set(tx: &mut Transaction, row: RowId, value: i64) -> Result<()> {
    let given = Properties::from([("n".to_owned(), Value::Integer(value))]);
    let values = tx.resolve_properties(row.type_id(), given)?;
    tx.update(row, values).map(|_| ())
}

fn knows(tx: &mut Transaction, from: RowId, to: RowId) -> Result<()> {
    let type_id = tx.ensure_type("knows", TypeKind::Edge(EdgeEnds::default()))?;
    tx.insert_edge(type_id, None, from, to, Vec::new()).map(|_| ())
}

/// Of two transactions that must not both commit, the second says that it conflicts.
fn second_conflicts(store: &Store, first: Transaction, second: Transaction, what: &str) -> Checked {
    store.commit(first)?;
    match store.commit(second) {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => lied(format!("{what}: both were committed")),
    }
}

/// Pairs of transactions that must not both commit, on one store.
pub fn pairs(planted: Planted, seed: u64) -> Checked {
    let kit = Kit::new(SMALL, planted, seed, 0);
    let disk = kit.new_disk()?;
    let store = kit.open(&disk)?;
    for edge_first in [true, false] {
        let mut tx = store.begin()?;
        let (a, b) = (insert(&mut tx, "person", &[("n", 1)])?, insert(&mut tx, "person", &[("n", 2)])?);
        store.commit(tx)?;
        let (mut one, mut two) = (store.begin()?, store.begin()?);
        set(&mut one, a, 10)?;
        set(&mut two, a, 20)?;
        second_conflicts(&store, one, two, "a lost update")?;
        let (mut adds, mut deletes) = (store.begin()?, store.begin()?);
        knows(&mut adds, a, b)?;
        deletes.delete(b)?;
        let (first, second) = if edge_first { (adds, deletes) } else { (deletes, adds) };
        second_conflicts(&store, first, second, "an edge on a deleted node")?;
        read(&store.view())?;
    }
    Ok(())
}

/// How committers wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Each in its thread.
    Threads,
    /// As tasks, for which a thread of the store's own leads.
    Tasks,
    /// Every second one as a task.
    Mixed,
}

impl Waiting {
    fn is_task(self, who: u64) -> bool {
        self == Waiting::Tasks || self == Waiting::Mixed && who.is_multiple_of(2)
    }
}

/// What several committers did at once.
struct Together {
    kit: Kit,
    journal: Journal,
    /// Committer and number, by lsn.
    by_lsn: BTreeMap<u64, (u64, u64)>,
    largest_group: u64,
}

/// Each committer inserts three rows a time and raises one counter that all share.
fn together(planted: Planted, seed: u64, waiting: Waiting) -> Checked<Together> {
    let mut kit = Kit::new(ROTATIONS, planted, seed, 0);
    kit.background = waiting != Waiting::Threads;
    let disk = kit.new_disk()?;
    let store = kit.open(&disk)?;
    let mut tx = store.begin()?;
    let counter = insert(&mut tx, "counter", &[("n", 0)])?;
    store.commit(tx)?;
    disk.record();
    disk.set_sync_time(Duration::from_micros(300));
    let by_lsn = Mutex::new(BTreeMap::new());
    let wrong = Mutex::new(None);
    std::thread::scope(|scope| {
        for who in 0..COMMITTERS {
            let (store, disk, by_lsn, wrong) = (&store, &disk, &by_lsn, &wrong);
            scope.spawn(move || {
                let run = || -> Checked {
                    for number in 0..EACH {
                        let is_task = waiting.is_task(who);
                        let Lsn(lsn) = commit_one(store, disk, counter, who, number, is_task)?;
                        by_lsn.lock().insert(lsn, (who, number));
                        disk.mark(Mark::Acknowledged(lsn));
                    }
                    Ok(())
                };
                if let Err(error) = contained(run) {
                    *wrong.lock() = Some(error);
                }
            });
        }
    });
    if let Some(wrong) = wrong.into_inner() {
        return Err(wrong);
    }
    let journal = disk.recorded();
    let largest_group = store.log_stats().map_or(0, |log| log.largest_group);
    let value = store.view().node_at(counter)?.and_then(|node| node.properties.get("n").cloned());
    let expected = Value::Integer((COMMITTERS * EACH) as i64 / 3);
    if value != Some(expected.clone()) {
        return lied(format!("the counter is {value:?} and not {expected:?}"));
    }
    Ok(Together { kit, journal, by_lsn: by_lsn.into_inner(), largest_group })
}

/// Three rows; every third time also the counter. Runs again after a conflict.
fn commit_one(
    store: &Arc<Store>,
    disk: &SimDisk,
    counter: RowId,
    who: u64,
    number: u64,
    is_task: bool,
) -> Checked<Lsn> {
    loop {
        let mut tx = store.begin()?;
        for part in 0..3 {
            insert(&mut tx, &format!("by{who}"), &[("number", number as i64), ("part", part)])?;
        }
        if number.is_multiple_of(3) {
            let node = tx.view().node_at(counter)?;
            let Some(Value::Integer(n)) = node.and_then(|node| node.properties.get("n").cloned()) else {
                return lied("the counter is gone");
            };
            set(&mut tx, counter, n + 1)?;
        }
        disk.mark(Mark::Submitted(number));
        let result = if is_task { block_on(store.commit_async(tx)) } else { store.commit(tx) };
        match result {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            result => return Ok(result?),
        }
    }
}

impl Together {
    /// After a crash: all transactions up to some lsn, whole, and at least what was acknowledged.
    fn check(&self, store: &Store, acknowledged: u64) -> Checked {
        let content = read(&store.view())?;
        let lsn = store.view().lsn();
        if lsn < acknowledged {
            return lied(format!("{acknowledged} was acknowledged, {lsn} is there"));
        }
        let mut found = BTreeSet::new();
        for stored in content.rows.values() {
            if let Some(who) = stored.row.type_name.strip_prefix("by") {
                let value = |name: &str| match stored.row.properties.get(name) {
                    Some(Value::Integer(value)) => *value,
                    _ => -1,
                };
                found.insert((who.parse().unwrap_or(u64::MAX), value("number") as u64, value("part")));
            }
        }
        let expected: BTreeSet<(u64, u64, i64)> = self
            .by_lsn
            .range(..=lsn)
            .flat_map(|(_, (who, number))| (0..3).map(|part| (*who, *number, part)))
            .collect();
        if found == expected {
            return Ok(());
        }
        let missing: Vec<_> = expected.difference(&found).take(3).collect();
        let extra: Vec<_> = found.difference(&expected).take(3).collect();
        lied(format!("up to {lsn}, {missing:?} are missing and {extra:?} should not be there"))
    }
}

/// Several committers, and a crash at every step of what they did. Returns what is wrong.
pub fn crash_together(planted: Planted, seed: u64, waiting: Waiting, crashes: &AtomicU64) -> Option<String> {
    let mut run = match contained(|| together(planted, seed, waiting)) {
        Ok(run) => run,
        Err(wrong) => return Some(format!("seed {seed:#x}, {waiting:?}, without a crash: {wrong}")),
    };
    // What is opened after a crash is looked at alone.
    run.kit.background = false;
    let (done, largest) = (run.by_lsn.len(), run.largest_group);
    println!("seed {seed:#x}, {waiting:?}: {done} transactions, at most {largest} in a group");
    let wrong = in_parallel(4, |part| {
        let mut cursor = run.journal.cursor();
        loop {
            if cursor.steps % 4 == part as u64 {
                let mut rng: Rng = rng_for(seed, cursor.steps);
                let disk = cursor.crash(&mut rng);
                crashes.fetch_add(1, Ordering::Relaxed);
                let at = |wrong: Wrong| Wrong::Lied(format!("a crash after step {}: {wrong}", cursor.steps));
                let store = run.kit.open(&disk).map_err(|error| at(error.into()))?;
                run.check(&store, cursor.acknowledged).map_err(at)?;
                disk.crash(&mut rng);
            }
            if !cursor.advance() {
                return Ok(());
            }
        }
    });
    wrong.map(|(_, wrong)| format!("seed {seed:#x}, {COMMITTERS} committers, {waiting:?}: {wrong}"))
}

#[test]
fn two_that_must_not_both_commit_do_not() {
    if let Err(wrong) = pairs(Planted::default(), 1) {
        panic!("{wrong}");
    }
}

#[test]
fn a_power_loss_among_several_committers_leaves_a_prefix_of_whole_transactions() {
    let crashes = AtomicU64::new(0);
    for seed in SEEDS {
        for waiting in [Waiting::Threads, Waiting::Tasks, Waiting::Mixed] {
            if let Some(wrong) = crash_together(Planted::default(), seed, waiting, &crashes) {
                panic!("{wrong}");
            }
        }
    }
    println!("{crashes:?} crashes");
    assert!(crashes.load(Ordering::Relaxed) > 100);
}
