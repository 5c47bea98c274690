//! Commits of async code: nobody's thread waits, and a thread of the store's own writes the groups.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aresadb::model::{ErrorKind, Properties, Result, TypeKind, Value};
use aresadb::storage::sim::{Failure, Fault, SimDisk, Step};
use aresadb::storage::{Lsn, Planted, Store, Transaction};
use futures::executor::block_on;
use futures::future::join_all;

use super::{Kind, Kit, SMALL};

fn kit(kind: Kind) -> Kit {
    Kit { background: true, ..Kit::new(kind, Planted::default(), 0x7a5c, 0) }
}

fn opened(kind: Kind) -> (Kit, SimDisk, Arc<Store>) {
    let kit = kit(kind);
    let disk = kit.new_disk().unwrap();
    let store = kit.open(&disk).unwrap();
    (kit, disk, store)
}

fn insert(store: &Arc<Store>, n: i64) -> Result<Transaction> {
    let mut tx = store.begin()?;
    let type_id = tx.ensure_type("item", TypeKind::Node)?;
    let values = tx.resolve_properties(type_id, Properties::from([("n".to_owned(), Value::Integer(n))]))?;
    tx.insert_node(type_id, None, values)?;
    Ok(tx)
}

async fn commit(store: &Arc<Store>, n: i64) -> Result<Lsn> {
    store.commit_async(insert(store, n)?).await
}

fn rows(store: &Store) -> u64 {
    let view = store.view();
    view.catalog().get("item").map_or(0, |item| view.live_rows(item.id).unwrap())
}

#[test]
fn tasks_of_one_thread_share_a_sync() {
    let (kit, disk, store) = opened(SMALL);
    block_on(commit(&store, -1)).unwrap();
    disk.set_sync_time(Duration::from_millis(2));
    let before = store.log_stats().unwrap();
    let lsns = block_on(join_all((0..64).map(|n| commit(&store, n))));
    let mut lsns: Vec<Lsn> = lsns.into_iter().map(Result::unwrap).collect();
    assert_eq!(rows(&store), 65);
    lsns.sort_unstable();
    lsns.dedup();
    assert_eq!(lsns.len(), 64);
    let after = store.log_stats().unwrap();
    assert_eq!(after.commits - before.commits, 64);
    assert!(after.largest_group > 8, "{after:?}");
    assert!(after.groups - before.groups < 16, "{after:?}");
    // What was acknowledged is on the disk.
    disk.crash(&mut super::rng_for(1, 1));
    drop(store);
    assert_eq!(rows(&kit.open(&disk).unwrap()), 65);
}

#[test]
fn tasks_and_threads_commit_side_by_side() {
    let (_, disk, store) = opened(SMALL);
    disk.set_sync_time(Duration::from_micros(200));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..40).for_each(|n| _ = store.commit(insert(&store, n).unwrap()).unwrap()));
        }
        scope.spawn(|| {
            let many = |first: i64| {
                let store = &store;
                async move {
                    for n in 0..40 {
                        commit(store, first + n).await.unwrap();
                    }
                }
            };
            block_on(join_all((0..5).map(|task| many(task * 100))));
        });
    });
    assert_eq!(rows(&store), 3 * 40 + 5 * 40);
}

#[test]
fn a_task_that_goes_away_does_not_take_its_commit_back() {
    let (kit, disk, store) = opened(SMALL);
    disk.set_sync_time(Duration::from_millis(5));
    let mut committing = Box::pin(store.commit_async(insert(&store, 1).unwrap()));
    let polled = committing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
    drop(committing);
    // The next one is behind it.
    block_on(commit(&store, 2)).unwrap();
    assert_eq!(rows(&store), 2);
    // One that nobody polled was never begun.
    drop(store.commit_async(insert(&store, 3).unwrap()));
    let mut last = Box::pin(store.commit_async(insert(&store, 4).unwrap()));
    assert!(matches!(last.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    // The close writes what is queued.
    drop(last);
    drop(store);
    assert_eq!(rows(&kit.open(&disk).unwrap()), 3);
}

#[test]
fn a_task_is_told_of_a_conflict() {
    let (_, _, store) = opened(SMALL);
    block_on(commit(&store, 0)).unwrap();
    let mut tx = store.begin().unwrap();
    let row = {
        let type_id = tx.ensure_type("item", TypeKind::Node).unwrap();
        tx.insert_node(type_id, None, Vec::new()).unwrap().0
    };
    store.commit(tx).unwrap();
    let change = |n| {
        let mut tx = store.begin().unwrap();
        let given = Properties::from([("n".to_owned(), Value::Integer(n))]);
        let values = tx.resolve_properties(row.type_id(), given).unwrap();
        tx.update(row, values).unwrap();
        tx
    };
    let (first, second) = (change(1), change(2));
    block_on(async {
        store.commit_async(first).await.unwrap();
        let error = store.commit_async(second).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    });
}

/// The steps of a commit, by their number from here on.
fn fault_in_log(disk: &SimDisk, wanted: Step, failure: Failure) -> Fault {
    let ahead = disk.fork();
    let start = ahead.steps();
    ahead.record();
    let store = kit(SMALL).open(&ahead).unwrap();
    let opened = ahead.steps() - start;
    block_on(commit(&store, 0)).unwrap();
    let steps = ahead.recorded().steps();
    let behind = steps.iter().skip(opened as usize).position(|step| *step == wanted).unwrap();
    Fault { at: behind as u64, failure, persistent: false, seed: 3 }
}

#[test]
fn all_tasks_of_a_group_hear_of_a_full_disk_and_the_next_ones_commit() {
    let (_, disk, store) = opened(SMALL);
    block_on(commit(&store, 0)).unwrap();
    disk.set_sync_time(Duration::from_millis(1));
    disk.fail(Fault { persistent: true, ..fault_in_log(&disk, Step::Write, Failure::Full) });
    let results = block_on(join_all((0..8).map(|n| commit(&store, n))));
    for result in results {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfSpace);
    }
    assert_eq!(rows(&store), 1);
    disk.heal();
    block_on(commit(&store, 9)).unwrap();
    assert_eq!(rows(&store), 2);
}

#[test]
fn after_a_failed_sync_tasks_are_refused() {
    let (_, disk, store) = opened(SMALL);
    block_on(commit(&store, 0)).unwrap();
    disk.fail(fault_in_log(&disk, Step::Sync, Failure::LostSync));
    let results = block_on(join_all((0..4).map(|n| commit(&store, n))));
    assert!(results.iter().any(|result| result.as_ref().is_err_and(|e| e.message().contains("not known"))));
    assert!(results.iter().all(Result::is_err));
    let refused = block_on(commit(&store, 9)).unwrap_err();
    assert!(refused.message().contains("takes no more changes"), "{refused}");
    assert_eq!(rows(&store), 1);
}

#[test]
fn tasks_wait_for_room_in_memory() {
    let (_, _, store) = opened(Kind { memtable_bytes: 8 << 10, ..SMALL });
    let results = block_on(join_all((0..400).map(|n| commit(&store, n))));
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(rows(&store), 400);
    assert!(store.log_stats().unwrap().flushed_lsn > 0);
}

#[test]
fn a_closed_store_refuses_tasks() {
    let (_, _, store) = opened(SMALL);
    block_on(commit(&store, 0)).unwrap();
    let late = insert(&store, 1).unwrap();
    store.close();
    let error = block_on(store.commit_async(late)).unwrap_err();
    assert!(error.message().contains("closed"), "{error}");
}
