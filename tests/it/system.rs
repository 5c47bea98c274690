//! System tables: the figures of a database in a folder, and sessions that see each other.

use aresadb::model::CancelToken;
use aresadb::{Database, OpenOptions, StatementResult};

use super::isolation::{Sql, sessions};

#[test]
fn a_database_in_a_folder_tells_its_log_and_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path().join("db"), OpenOptions { create: true, ..OpenOptions::default() })
        .unwrap();
    let sql = Sql::new(&db);
    sql.does(&["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1), (2)"]);
    sql.gives("SELECT sync, last_lsn = durable_lsn, commits, segments FROM aresadb.wal", "full|true|2|1");
    sql.gives(
        "SELECT bytes_written > 0, memtable_bytes > 0, groups <= commits FROM aresadb.wal",
        "true|true|true",
    );
    sql.gives("SELECT checkpoint_lsn FROM aresadb.wal", "0");
    db.checkpoint().unwrap();
    sql.gives("SELECT checkpoint_lsn >= 2, checkpoint_age_seconds >= 0 FROM aresadb.wal", "true|true");
    sql.gives("SELECT bytes > 0 FROM aresadb.storage WHERE name = 'config.toml'", "true");
    sql.gives("SELECT count(*) > 0 FROM aresadb.storage WHERE kind = 'file' AND name LIKE 'wal/%'", "true");
    sql.gives("SELECT entries FROM aresadb.storage WHERE kind = 'table' AND name = 'nodes'", "2");
    sql.gives("SELECT capacity_bytes FROM aresadb.cache WHERE name = 'pages'", "53687091");
    sql.gives(
        "SELECT capacity_bytes, bytes <= capacity_bytes FROM aresadb.cache WHERE name = 'chunks'",
        "111083521|true",
    );
    sql.gives(
        "SELECT capacity_bytes FROM aresadb.cache WHERE name IN ('nodes', 'bloom')",
        "16777216 8388608",
    );
}

#[test]
fn a_database_in_memory_has_no_log() {
    let (_db, [sql]) = sessions(&[]);
    sql.gives("SELECT count(*) FROM aresadb.wal", "0");
    sql.gives("SELECT count(*) FROM aresadb.storage WHERE kind = 'memory'", "1");
}

#[test]
fn sessions_see_what_the_others_do() {
    let (db, [one, two]) = sessions(&["CREATE TABLE t (n INT)"]);
    let others = "SELECT transaction, statement FROM aresadb.sessions WHERE NOT current AND id = 2";
    one.gives("SELECT count(*) FROM aresadb.sessions WHERE current", "1");
    two.does(&["BEGIN READ ONLY"]);
    let states =
        "SELECT count(*) FROM aresadb.sessions WHERE transaction = 'open, read only' AND NOT current";
    one.gives(states, "1");
    two.does(&["COMMIT"]);
    one.gives(states, "0");
    // A statement runs as long as its rows are read.
    let session = db.session().unwrap();
    let query = "SELECT v FROM generate_series(1, 3000000000) AS g(v)";
    let running = format!("SELECT count(*) FROM aresadb.sessions WHERE statement = '{query}'");
    let rows = db.executor().block_on(session.run(query, &[], &CancelToken::new())).unwrap();
    one.gives(&running, "1");
    assert!(matches!(rows, StatementResult::Rows(_)));
    drop(rows);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while one.run(&running).unwrap() != "0" {
        assert!(std::time::Instant::now() < end, "a statement nobody reads still runs");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let before = one.run("SELECT count(*) FROM aresadb.sessions").unwrap();
    drop(session);
    assert_ne!(one.run("SELECT count(*) FROM aresadb.sessions").unwrap(), before);
    assert!(one.run(others).is_ok());
}
