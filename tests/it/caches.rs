//! The caches change no answer: under commits, deletes, ids that come again, transactions, savepoints, flushes,
//! openings and budgets of any size, a store with caches reads what a model holds, in views of now and of the past.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aresadb::columnar::value_at;
use aresadb::model::{EdgeEnds, EdgeId, FixedClock, IdGenerator, NodeId, Properties, RowId, TypeKind, Value};
use aresadb::storage::{Disk, OsDisk, RedbBackend, Store, StoreOptions, Transaction, View};
use aresadb::{Database, OpenOptions, Session};
use uuid::Uuid;

use super::chunks::Random;

/// Ids that are there, with the one value of each; whether it is an edge is the id's lowest bit.
type Model = BTreeMap<Uuid, i64>;

/// Few ids, so that they go and come again, each time with another handle.
const IDS: u64 = 160;

fn id(number: u64) -> Uuid {
    Uuid::from_u128(
        u128::from(number) << 64 | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !1 | (number & 1)),
    )
}

fn is_edge(id: Uuid) -> bool {
    id.as_u128() & 1 == 1
}

fn options(node_cache_bytes: u64) -> StoreOptions {
    StoreOptions {
        node_cache_bytes,
        ..StoreOptions::new(
            Arc::new(FixedClock::new(1_700_000_000_000_000, 1)),
            Arc::new(IdGenerator::random()),
        )
    }
}

fn open(folder: &Path, node_cache_bytes: u64) -> Arc<Store> {
    let backend = match folder.join("data.redb").exists() {
        true => RedbBackend::open(folder, 1 << 20),
        false => RedbBackend::create(folder, 1 << 20),
    };
    let log: Arc<dyn Disk> = Arc::new(OsDisk::new(folder.join("wal"), false));
    Store::open(Box::new(backend.unwrap()), Some(log), options(node_cache_bytes)).unwrap()
}

fn value_of(properties: &Properties) -> i64 {
    match properties.get("value") {
        Some(Value::Integer(value)) => *value,
        other => panic!("{other:?} instead of a number"),
    }
}

/// Inserts, changes or deletes the record of an id.
fn write(tx: &mut Transaction, model: &mut Model, random: &mut Random) {
    let id = id(random.below(IDS));
    let value = random.below(1_000_000) as i64;
    let properties = Properties::from([("value".to_owned(), Value::Integer(value))]);
    let row = tx.current_row_of(id).unwrap();
    assert_eq!(row.is_some(), model.contains_key(&id), "{id} in a transaction");
    match row {
        Some(row) if random.below(2) == 0 => {
            tx.delete(row).unwrap().unwrap();
            model.remove(&id);
        }
        Some(row) => {
            let values = tx.resolve_properties(row.type_id(), properties).unwrap();
            assert!(tx.update(row, values).unwrap());
            model.insert(id, value);
        }
        None if is_edge(id) => {
            let node_type = tx.ensure_type("anchor", TypeKind::Node).unwrap();
            let edge_type = tx.ensure_type("edge", TypeKind::Edge(EdgeEnds::default())).unwrap();
            // Ends of its own: a node that is deleted takes no other id with it.
            let end: RowId = tx.insert_node(node_type, None, Vec::new()).unwrap().0;
            let values = tx.resolve_properties(edge_type, properties).unwrap();
            tx.insert_edge(edge_type, Some(EdgeId(id)), end, end, values).unwrap();
            model.insert(id, value);
        }
        None => {
            let name = ["node", "other"][random.below(2) as usize];
            let node_type = tx.ensure_type(name, TypeKind::Node).unwrap();
            let values = tx.resolve_properties(node_type, properties).unwrap();
            tx.insert_node(node_type, Some(NodeId(id)), values).unwrap();
            model.insert(id, value);
        }
    }
}

/// Some ids, the first of them often, are as the model has them, and so are the scans.
fn agrees(view: &View, model: &Model, random: &mut Random, told: &str) {
    for _ in 0..40 {
        let most = if random.below(2) == 0 { 12 } else { IDS };
        let id = id(random.below(most));
        let expected = model.get(&id).copied();
        let found = match is_edge(id) {
            true => view.edge(EdgeId(id)).unwrap().map(|edge| (edge.id.0, value_of(&edge.properties))),
            false => view.node(NodeId(id)).unwrap().map(|node| (node.id.0, value_of(&node.properties))),
        };
        assert_eq!(found, expected.map(|value| (id, value)), "{told}");
        assert_eq!(view.row_of(id).unwrap().is_some(), expected.is_some(), "{told}: {id}");
    }
    let mut all = 0;
    for definition in view.catalog().types().filter(|definition| definition.name != "anchor") {
        view.scan(definition.id, 0, u64::MAX, &mut |row, record| {
            assert_eq!(view.row_of(record.id())?, Some(row), "{told}");
            all += 1;
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    }
    assert_eq!(all, model.len(), "{told}");
}

fn mixed(seed: u64, node_cache_bytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), node_cache_bytes);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::new();
    let mut past: Vec<(View, Model)> = Vec::new();
    let mut hits = 0;
    for step in 0..120 {
        let told = format!("seed {seed}, {node_cache_bytes} bytes, step {step}");
        match random.below(14) {
            0..=4 => {
                let mut tx = store.begin().unwrap();
                let mut own = model.clone();
                for _ in 0..=random.below(20) {
                    write(&mut tx, &mut own, &mut random);
                    if random.below(6) == 0 {
                        tx.end_statement();
                        agrees(&tx.view(), &own, &mut random, &format!("{told}, in the transaction"));
                    }
                }
                tx.end_statement();
                if random.below(5) > 0 {
                    store.commit(tx).unwrap();
                    model = own;
                }
            }
            5 | 6 => drop(store.checkpoint().unwrap()),
            7 | 8 => past.push((store.view(), model.clone())),
            9 => drop(store.make_id_filter().unwrap()),
            10 if !past.is_empty() => {
                past.swap_remove(random.below(past.len() as u64) as usize);
            }
            11 if step % 3 == 0 => {
                hits += store.node_cache_stats().hits;
                past.clear();
                store.close();
                drop(store);
                store = open(folder.path(), node_cache_bytes);
            }
            _ => {}
        }
        agrees(&store.view(), &model, &mut random, &told);
        for (view, own) in past.iter().take(3) {
            agrees(view, own, &mut random, &format!("{told}, a view of the past"));
        }
    }
    hits += store.node_cache_stats().hits;
    assert_eq!(hits > 0, node_cache_bytes > 0, "seed {seed}: the cache answered {hits} times");
}

#[test]
fn records_by_id_are_what_the_model_holds() {
    for seed in 1..=4 {
        mixed(seed, 1 << 20);
    }
}

#[test]
fn neither_a_tiny_cache_nor_none_changes_an_answer() {
    mixed(11, 2_000);
    mixed(12, 700);
    mixed(13, 0);
}

/// Many nodes under ids of their own, from `from` on.
fn insert_many(store: &Arc<Store>, from: u64, count: u64) {
    let mut tx = store.begin().unwrap();
    let node_type = tx.ensure_type("node", TypeKind::Node).unwrap();
    for number in from..from + count {
        tx.insert_node(node_type, Some(NodeId(id(number))), Vec::new()).unwrap();
    }
    store.commit(tx).unwrap();
}

#[test]
fn the_filter_denies_no_id_while_others_write_and_it_is_made_anew() {
    let store = Store::open(Box::new(RedbBackend::memory().unwrap()), None, options(1 << 20)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                store.make_id_filter().unwrap();
            }
        });
        threads.spawn(|| {
            let mut random = Random(77);
            while !done.load(Ordering::SeqCst) {
                let view = store.view();
                let Some(definition) = view.catalog().get("node") else { continue };
                let there = view.live_rows(definition.id).unwrap();
                for _ in 0..200 {
                    let number = random.below(there * 2);
                    assert_eq!(
                        view.row_of(id(number)).unwrap().is_some(),
                        number < there,
                        "{number} of {there}"
                    );
                }
            }
        });
        for round in 0..40 {
            insert_many(&store, round * 100, 100);
            if round % 3 == 0 {
                store.checkpoint().unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    store.checkpoint().unwrap();
    let before = store.id_filter_stats();
    let view = store.view();
    assert!((0..4_000).all(|number| view.row_of(id(number)).unwrap().is_some()));
    assert!((4_000..8_000).all(|number| view.row_of(id(number)).unwrap().is_none()));
    let after = store.id_filter_stats();
    assert!(after.skipped - before.skipped > 3_900, "{after:?}");
    assert_eq!(after.lookups - before.lookups, 8_000);
}

#[test]
fn an_old_view_keeps_its_ids_when_the_filter_is_made_without_them() {
    let store = Store::open(Box::new(RedbBackend::memory().unwrap()), None, options(1 << 20)).unwrap();
    insert_many(&store, 0, 100);
    store.checkpoint().unwrap();
    let old = store.view();
    let mut tx = store.begin().unwrap();
    for number in 0..50 {
        let row = tx.current_row_of(id(number)).unwrap().unwrap();
        tx.delete(row).unwrap().unwrap();
    }
    store.commit(tx).unwrap();
    store.checkpoint().unwrap();
    assert!(store.make_id_filter().unwrap());
    assert!((0..100).all(|number| old.row_of(id(number)).unwrap().is_some()));
    let now = store.view();
    assert!((0..100).all(|number| now.row_of(id(number)).unwrap().is_some() == (number >= 50)));
    assert!(store.id_filter_stats().skipped >= 49);
}

#[test]
fn look_ups_in_vain_bring_the_filter_by_themselves() {
    let store = Store::open(Box::new(RedbBackend::memory().unwrap()), None, options(1 << 20)).unwrap();
    insert_many(&store, 0, 2_000);
    store.checkpoint().unwrap();
    assert_eq!(store.id_filter_stats().bytes, 0, "nobody asked for it");
    let began = std::time::Instant::now();
    while store.id_filter_stats().bytes == 0 {
        assert!(began.elapsed().as_secs() < 60, "no filter comes: {:?}", store.id_filter_stats());
        (5_000..7_000).for_each(|number| assert!(store.view().row_of(id(number)).unwrap().is_none()));
        std::thread::yield_now();
    }
    assert!((0..2_000).all(|number| store.view().row_of(id(number)).unwrap().is_some()));
}

/// A database that keeps results of queries, in a folder of its own.
fn keeping_results() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        Database::open(folder.path().join("db"), options).unwrap()
    };
    open().set_config("cache.query_cache_mb", "16").unwrap();
    (open(), folder)
}

fn query(session: &Session, sql: &str, params: &[Value]) -> String {
    let batches = session.database().executor().block_on(session.query(sql, params));
    let batches = batches.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let mut rows = Vec::new();
    for batch in &batches {
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().zip(schema.fields().iter());
            let cells: Vec<String> = cells.map(|(a, field)| value_at(a, field, row).to_text()).collect();
            rows.push(cells.join("|"));
        }
    }
    rows.join(" ")
}

fn execute(session: &Session, sql: &str) {
    let done = session.database().executor().block_on(session.execute(sql, &[]));
    done.unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// How many queries were answered without being run.
fn answered(db: &Database) -> u64 {
    db.caches().iter().find(|cache| cache.name == "queries").and_then(|cache| cache.hits).unwrap()
}

const SUM: &str = "SELECT count(*), sum(v) FROM t";

#[test]
fn a_result_is_kept_until_somebody_writes_what_it_read() {
    let (db, _folder) = keeping_results();
    let [one, other] = [db.session().unwrap(), db.session().unwrap()];
    execute(&one, "CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    execute(&one, "CREATE TABLE u (k INT)");
    execute(&one, "INSERT INTO t VALUES (1, 10), (2, 20)");
    for session in [&one, &other, &one] {
        assert_eq!(query(session, SUM, &[]), "2|30");
    }
    assert_eq!(answered(&db), 2);
    // What it did not read does not matter, a flush neither.
    execute(&other, "INSERT INTO u VALUES (1)");
    db.checkpoint().unwrap();
    assert_eq!((query(&one, SUM, &[]), answered(&db)), ("2|30".to_owned(), 3));
    execute(&other, "UPDATE t SET v = 21 WHERE k = 2");
    assert_eq!((query(&one, SUM, &[]), answered(&db)), ("2|31".to_owned(), 3));
    // A transaction of before reads what it did, and what it reads is not kept for others.
    execute(&one, "BEGIN");
    assert_eq!(query(&one, SUM, &[]), "2|31");
    let before = answered(&db);
    execute(&other, "DELETE FROM t WHERE k = 1");
    assert_eq!(query(&one, SUM, &[]), "2|31");
    assert_eq!(query(&other, SUM, &[]), "1|21");
    assert_eq!(query(&one, SUM, &[]), "2|31");
    assert_eq!(answered(&db), before);
    // Nor is what it wrote itself.
    execute(&one, "INSERT INTO u VALUES (5)");
    assert_eq!(query(&one, "SELECT count(*) FROM u", &[]), "2");
    assert_eq!(query(&other, "SELECT count(*) FROM u", &[]), "1");
    execute(&one, "ROLLBACK");
    assert_eq!(query(&one, "SELECT count(*) FROM u", &[]), "1");
    assert_eq!(query(&one, SUM, &[]), "1|21");
    // Definitions, and views over them.
    execute(&one, "CREATE VIEW w AS SELECT v FROM t");
    assert_eq!([&one, &other].map(|session| query(session, "SELECT * FROM w", &[])), ["21", "21"]);
    execute(&other, "UPDATE t SET v = 22");
    assert_eq!([&one, &other].map(|session| query(session, "SELECT * FROM w", &[])), ["22", "22"]);
    assert_eq!(query(&one, "SELECT * FROM t", &[]), "2|22");
    execute(&other, "ALTER TABLE t ADD COLUMN n INT DEFAULT 7");
    assert_eq!(query(&one, "SELECT * FROM t", &[]), "2|22|7");
}

#[test]
fn parameters_and_limits_are_part_of_what_a_result_is_kept_by() {
    let (db, _folder) = keeping_results();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT, v INT)");
    execute(&session, "INSERT INTO t SELECT i, i * i FROM generate_series(1, 100) AS g(i)");
    let sql = "SELECT sum(v) FROM t WHERE k <= $1 AND v + 0 > 0";
    for (most, sum) in [(2, "5"), (3, "14"), (2, "5"), (3, "14")] {
        assert_eq!(query(&session, sql, &[Value::Integer(most)]), sum);
    }
    assert_eq!(answered(&db), 2);
    let all = "SELECT v FROM t WHERE v + 0 > 0";
    assert_eq!(query(&session, all, &[]), query(&session, all, &[]));
    assert_eq!(answered(&db), 3);
    execute(&session, "SET row_limit = 5");
    let failed = session.database().executor().block_on(session.query(all, &[]));
    assert!(failed.unwrap_err().message().contains("row_limit"));
    execute(&session, "SET row_limit = 0");
    assert_eq!(query(&session, all, &[]).split(' ').count(), 100);
    let rounds = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 50) SELECT count(*) FROM r, t WHERE k = 1";
    assert_eq!(query(&session, rounds, &[]), query(&session, rounds, &[]));
    execute(&session, "SET recursion_limit = 10");
    assert!(session.database().executor().block_on(session.query(rounds, &[])).is_err());
}

#[test]
fn what_changes_by_itself_is_not_kept() {
    let (db, _folder) = keeping_results();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT)");
    execute(&session, "INSERT INTO t VALUES (1)");
    let before = answered(&db);
    for sql in [
        "SELECT k, now() FROM t",
        "SELECT k, random() FROM t",
        "SELECT k, uuid() FROM t",
        "SELECT k, current_date FROM t",
        "SELECT name, hits FROM aresadb.cache",
        "SELECT table_name FROM information_schema.tables",
        "EXPLAIN SELECT * FROM t",
    ] {
        for _ in 0..3 {
            query(&session, sql, &[]);
        }
    }
    let large = "SELECT repeat('x', 1000000) || g.i FROM t, generate_series(1, 4) AS g(i)";
    assert_eq!(query(&session, large, &[]), query(&session, large, &[]));
    let failing = "SELECT 1 / (k - 1) FROM t";
    for _ in 0..2 {
        assert!(session.database().executor().block_on(session.query(failing, &[])).is_err());
    }
    assert_eq!(answered(&db), before);
}

#[test]
fn sessions_that_write_and_read_at_once_see_no_result_of_another_moment() {
    let (db, _folder) = keeping_results();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT PRIMARY KEY, v INT)");
    execute(&session, "INSERT INTO t SELECT i, 0 FROM generate_series(1, 10) AS g(i)");
    let sums = ["SELECT sum(v), min(v), max(v) FROM t", "SELECT sum(v), min(v), max(v) FROM t WHERE k > 0"];
    let wrote = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for sql in sums {
            let (db, wrote) = (&db, &wrote);
            threads.spawn(move || {
                let session = db.session().unwrap();
                loop {
                    let at_least = wrote.load(Ordering::SeqCst);
                    let found = query(&session, sql, &[]);
                    let numbers: Vec<u64> = found.split('|').map(|cell| cell.parse().unwrap()).collect();
                    assert_eq!((numbers[0], numbers[1]), (numbers[1] * 10, numbers[2]), "{found}");
                    assert!(numbers[1] >= at_least, "{found} after {at_least} commits");
                    if at_least == 60 {
                        break;
                    }
                }
            });
        }
        for round in 1..=60 {
            execute(&session, &format!("UPDATE t SET v = {round}"));
            wrote.store(round, Ordering::SeqCst);
            if round % 20 == 0 {
                db.checkpoint().unwrap();
            }
        }
    });
}

#[test]
fn all_caches_and_what_waits_for_the_disk_stay_within_one_budget() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        Database::open(folder.path().join("db"), options).unwrap()
    };
    open().set_config("cache.max_size_mb", "8").unwrap();
    let db = open();
    let session = db.session().unwrap();
    execute(&session, "CREATE TABLE t (k INT PRIMARY KEY, a INT, b INT, s TEXT)");
    execute(
        &session,
        "INSERT INTO t SELECT i, i, i * 7, 'text ' || i FROM generate_series(1, 100000) AS g(i)",
    );
    db.checkpoint().unwrap();
    // Of pages only the limit is known; what is on the disk is no memory, and memtables are no cache.
    let memory = "FROM aresadb.cache WHERE name NOT IN ('spill', 'spill writes', 'memtables')";
    let budget = format!("SELECT sum(capacity_bytes) <= 8388608 {memory}");
    assert_eq!(query(&session, &budget, &[]), "true");
    let held = format!(
        "SELECT sum(coalesce(bytes, 0)) <= 8388608, min(capacity_bytes - coalesce(bytes, 0)) >= 0 {memory}"
    );
    for column in ["k", "a", "b", "s", "a + b", "length(s) + k"] {
        query(&session, &format!("SELECT max({column}) FROM t"), &[]);
        assert_eq!(query(&session, &held, &[]), "true|true", "{column}");
    }
    let chunks = "SELECT evictions > 0 FROM aresadb.cache WHERE name = 'chunks'";
    assert_eq!(query(&session, chunks, &[]), "true", "all of it had room: nothing was tried");
    let queue = "SELECT capacity_bytes > 0 FROM aresadb.cache WHERE name = 'spill queue'";
    assert_eq!(query(&session, queue, &[]), "true");
}
