//! Backups of a database in use, what is restored from them, compaction and settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use aresadb::model::{CancelToken, ErrorKind, NodeId, Value};
use aresadb::{Database, OpenOptions};

use crate::cli::Shell;

fn create(path: &Path) -> Database {
    Database::open(path, OpenOptions { create: true, ..OpenOptions::default() }).unwrap()
}

fn open(path: &Path) -> Database {
    Database::open(path, OpenOptions::default()).unwrap()
}

fn sql(db: &Database, sql: &str) -> aresadb::model::Result<()> {
    let session = db.session()?;
    db.executor().block_on(session.query(sql, &[])).map(|_| ())
}

/// The numbers of a type's rows with the rows' ids.
fn numbers(db: &Database, name: &str) -> BTreeMap<i64, NodeId> {
    let view = db.view();
    let definition = view.catalog().get(name).unwrap().clone();
    let mut found = BTreeMap::new();
    view.scan(definition.id, 0, u64::MAX, &mut |_, record| {
        let node = record.to_node(&definition)?.unwrap();
        let Value::Integer(n) = node.properties["n"] else { panic!("{node:?}") };
        found.insert(n, node.id);
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    found
}

fn is_whole(db: &Database) {
    let verified = db.verify(&CancelToken::new(), &mut |_| {}).unwrap();
    assert_eq!((verified.found, verified.findings), (0, Vec::new()));
}

/// Each transaction adds a number to both tables and joins them: a state between two commits shows.
fn add(db: &Database, n: i64) {
    db.write(|tx| {
        let mut ends = Vec::new();
        for name in ["a", "b"] {
            let type_id = tx.ensure_type(name, aresadb::model::TypeKind::Node)?;
            let values = tx.resolve_properties(type_id, [("n".to_owned(), Value::Integer(n))].into())?;
            ends.push(tx.insert_node(type_id, None, values)?.0);
        }
        let kind = aresadb::model::TypeKind::Edge(aresadb::model::EdgeEnds::default());
        let joins = tx.ensure_type("joins", kind)?;
        tx.insert_edge(joins, None, ends[0], ends[1], Vec::new()).map(|_| ())
    })
    .unwrap();
}

#[test]
fn a_backup_is_a_state_the_database_had_while_others_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let db = create(&folder.path().join("db"));
    sql(&db, "CREATE TABLE a (n INTEGER PRIMARY KEY, note TEXT DEFAULT 'x'); ").unwrap();
    sql(&db, "CREATE VIEW small AS SELECT n FROM a WHERE n < 10").unwrap();
    let enough = AtomicBool::new(false);
    let mut sizes = Vec::new();
    let mut copies = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut n = 0;
            while !enough.load(Ordering::Relaxed) {
                add(&db, n);
                n += 1;
                if n % 50 == 0 {
                    // What is in the tables and what is in memory alone come together in a copy.
                    db.checkpoint().unwrap();
                }
            }
            n
        });
        for round in 0..4 {
            while numbers(&db, "a").len() < 30 * (round + 1) {
                std::thread::yield_now();
            }
            let path = folder.path().join(format!("copy{round}"));
            let copied = db.backup(&path, &CancelToken::new(), &mut |_| {}).unwrap();
            assert_eq!(copied.rows % 3, 0, "whole transactions");
            sizes.push(copied.rows / 3);
            copies.push(path);
        }
        enough.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() >= 120);
    });
    let all = numbers(&db, "a");
    for (path, size) in copies.iter().zip(sizes) {
        let copy = open(path);
        is_whole(&copy);
        assert_eq!(copy.store().uuid(), db.store().uuid());
        let (a, b) = (numbers(&copy, "a"), numbers(&copy, "b"));
        assert!(a.keys().copied().eq(0..i64::try_from(size).unwrap()), "the first commits, all of them");
        assert!(a.keys().eq(b.keys()));
        for (n, id) in &a {
            assert_eq!(id, &all[n]);
            assert_eq!(copy.node(*id).unwrap(), db.node(*id).unwrap(), "times and all");
        }
    }
    // What is restored is a database of its own: rules hold, writing goes on, it opens again.
    let restored = folder.path().join("restored");
    let options = OpenOptions::default();
    Database::restore(&copies[3], &restored, options.clone(), &CancelToken::new(), &mut |_| {}).unwrap();
    let copy = open(&restored);
    let last = i64::try_from(numbers(&copy, "a").len()).unwrap();
    assert_eq!(sql(&copy, "INSERT INTO a (n) VALUES (0)").unwrap_err().sqlstate(), "23505");
    add(&copy, last);
    sql(&copy, "ALTER TABLE a ADD COLUMN more TEXT").unwrap();
    let session = copy.session().unwrap();
    let small = copy.executor().block_on(session.query("SELECT * FROM small", &[])).unwrap();
    assert_eq!(small.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 10);
    drop(session);
    copy.close();
    drop(copy);
    let copy = open(&restored);
    is_whole(&copy);
    assert_eq!(numbers(&copy, "a").len() as i64, last + 1);
    assert_eq!(numbers(&open(&copies[3]), "a").len() as i64, last, "the backup is as it was");
}

#[test]
fn a_backup_goes_where_nothing_is_and_leaves_nothing_when_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let db = create(&folder.path().join("db"));
    for n in 0..2000 {
        if n % 500 == 0 {
            add(&db, n);
        }
    }
    let cancel = CancelToken::new();
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("file"), "mine").unwrap();
    let error = db.backup(&taken, &cancel, &mut |_| {}).unwrap_err();
    assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::BadInput, true));
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 1);
    let own = folder.path().join("db");
    assert_eq!(db.backup(&own, &cancel, &mut |_| {}).unwrap_err().kind(), ErrorKind::BadInput);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    db.backup(&empty, &cancel, &mut |_| {}).unwrap();
    cancel.cancel();
    let stopped = folder.path().join("stopped");
    assert_eq!(db.backup(&stopped, &cancel, &mut |_| {}).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(!stopped.exists());
    let nowhere = folder.path().join("nowhere");
    let cancel = CancelToken::new();
    let restored = Database::restore(&nowhere, &stopped, OpenOptions::default(), &cancel, &mut |_| {});
    assert_eq!(restored.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!stopped.exists());
}

#[test]
fn a_database_in_memory_is_backed_up_to_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::in_memory().unwrap();
    add(&db, 7);
    let path = folder.path().join("copy");
    db.backup(&path, &CancelToken::new(), &mut |_| {}).unwrap();
    let copy = open(&path);
    is_whole(&copy);
    assert_eq!(numbers(&copy, "a").into_keys().collect::<Vec<_>>(), [7]);
    assert_eq!(db.set_config("wal.sync", "off").unwrap_err().kind(), ErrorKind::BadInput);
}

#[test]
fn compacting_gives_back_what_rows_left_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = create(&path);
    sql(&db, "CREATE TABLE t (n INTEGER PRIMARY KEY, s TEXT)").unwrap();
    sql(&db, "INSERT INTO t SELECT v, repeat(CAST(v AS TEXT), 40) FROM generate_series(1, 20000) AS g(v)")
        .unwrap();
    db.checkpoint().unwrap();
    sql(&db, "DELETE FROM t WHERE n % 100 <> 0").unwrap();
    let error = Database::compact(&path, OpenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "while it is open");
    db.close();
    drop(db);
    let done = Database::compact(&path, OpenOptions::default()).unwrap();
    assert!(done.after_bytes < done.before_bytes / 2, "{done:?}");
    let db = open(&path);
    is_whole(&db);
    assert_eq!(numbers_of(&db, "t"), 200);
    sql(&db, "INSERT INTO t VALUES (1, 'again')").unwrap();
    drop(db);
    is_whole(&open(&path));
}

fn numbers_of(db: &Database, name: &str) -> u64 {
    let view = db.view();
    view.live_rows(view.catalog().get(name).unwrap().id).unwrap()
}

#[test]
fn the_program_backs_up_restores_compacts_and_keeps_settings() {
    let shell = Shell::new();
    shell.run(&["demo"]).ok();
    let copied = shell.run(&["backup", "copy"]);
    assert!(
        copied.err.contains("rows copied into copy") && copied.err.contains("as of transaction"),
        "{copied:?}"
    );
    shell.run(&["backup", "copy"]).fails(1, &["not empty", "hint: "]);
    shell.sql("DELETE FROM depends_on; DELETE FROM package");
    shell.run(&["restore", "copy"]).fails(1, &["not empty"]);
    let restored = shell.run(&["-d", "again", "-f", "json", "restore", "copy"]);
    assert!(
        restored.err.contains("as of transaction") && restored.err.contains("again is whole"),
        "{restored:?}"
    );
    let report: serde_json::Value = serde_json::from_str(&restored.ok()).unwrap();
    assert_eq!(report["whole"], true);
    let count = ["-d", "again", "--no-header", "--exec", "SELECT count(*) > 200 FROM package"];
    assert_eq!(shell.run(&count).ok(), "true\n");
    shell.run(&["-d", "other", "restore", "nowhere"]).fails(1, &["nowhere"]);
    shell.run(&["-d", ":memory:", "restore", "copy"]).fails(2, &["name a new folder"]);
    let compacted = shell.run(&["compact"]);
    assert!(compacted.err.contains("KiB"), "{compacted:?}");
    shell.run(&["verify"]).ok();
    shell.run(&["--readonly", "compact"]).fails(1, &["--readonly"]);
    shell.run(&["--readonly", "-d", "other", "restore", "copy"]).fails(1, &["--readonly"]);
    // Settings.
    let all: serde_json::Value = serde_json::from_str(&shell.run(&["-f", "json", "config"]).ok()).unwrap();
    let find =
        |name: &str| all.as_array().unwrap().iter().find(|s| s["setting"] == name).unwrap()["value"].clone();
    assert_eq!((find("wal.sync"), find("query.memory_mb")), ("full".into(), 2048.into()));
    let set = shell.run(&["config", "set", "query.timeout_ms", "60000"]);
    assert!(set.err.contains("from the next opening on"), "{set:?}");
    assert_eq!(set.out, "setting,value\nquery.timeout_ms,\"60000\"\n");
    assert_eq!(
        shell.run(&["--no-header", "config", "get", "query.timeout_ms"]).ok(),
        "query.timeout_ms,\"60000\"\n"
    );
    assert_eq!(shell.run(&["--no-header", "--exec", "SHOW statement_timeout"]).ok(), "1min\n");
    shell.run(&["config", "set", "wal.sync", "sometimes"]).fails(1, &["wal.sync cannot be 'sometimes'"]);
    shell.run(&["config", "set", "wal.snyc", "full"]).fails(1, &["there is no setting", "wal.sync"]);
    shell.run(&["config", "get", "wal.snyc"]).fails(1, &["there is no setting"]);
    shell.run(&["--readonly", "config", "set", "wal.sync", "off"]).fails(1, &["read-only"]);
}
