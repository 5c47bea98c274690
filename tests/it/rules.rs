//! Constraints, indexes and changes of tables: what they refuse, what they keep, that a refused statement
//! changes nothing, and that two sessions cannot break them together.

use aresadb::model::CancelToken;
use aresadb::{Database, Error, ErrorKind, OpenOptions};
use proptest::prelude::*;

use super::isolation::{Sql, sessions};

/// Every table holds against every other.
#[track_caller]
fn whole(db: &Database) {
    let verified = db.verify(&CancelToken::new(), &mut |_| {}).unwrap();
    assert_eq!(verified.found, 0, "{:#?}", verified.findings);
}

#[track_caller]
fn refused(sql: &Sql, statement: &str, words: &str) -> Error {
    let error = sql.fails(statement, ErrorKind::Constraint);
    assert!(error.message().contains(words), "{statement}: {error}");
    error
}

#[test]
fn a_primary_key_is_unique_and_not_null() {
    let (db, [sql]) = sessions(&["CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"]);
    sql.does(&["INSERT INTO t VALUES (1, 'a'), (2, 'b')"]);
    refused(&sql, "INSERT INTO t VALUES (3, 'c'), (1, 'd')", "(k) = (1) exists already (primary key t_pkey)");
    refused(&sql, "INSERT INTO t VALUES (4, 'a'), (4, 'b')", "(k) = (4)");
    refused(&sql, "INSERT INTO t (v) VALUES ('x')", "t.k must not be NULL");
    refused(&sql, "UPDATE t SET k = 1 WHERE k = 2", "(k) = (1)");
    refused(&sql, "UPDATE t SET k = NULL", "t.k must not be NULL");
    sql.gives("SELECT * FROM t ORDER BY k", "1|a 2|b");
    sql.does(&[
        "UPDATE t SET k = 3 WHERE k = 1",
        "INSERT INTO t VALUES (1, 'c')",
        "DELETE FROM t WHERE k = 2",
    ]);
    sql.does(&["INSERT INTO t VALUES (2, 'd')"]);
    sql.gives("SELECT * FROM t ORDER BY k", "1|c 2|d 3|a");
    whole(&db);
    let error = sql.run("CREATE TABLE u (a INT PRIMARY KEY, b INT PRIMARY KEY)").unwrap_err();
    assert!(error.message().contains("primary key already"), "{error}");
    sql.gives("SELECT count(*) FROM information_schema.tables WHERE table_name = 'u'", "0");
}

#[test]
fn a_unique_key_of_several_columns_lets_nulls_be() {
    let (db, [sql]) = sessions(&["CREATE TABLE t (a INT, b TEXT, UNIQUE (a, b))"]);
    sql.does(&["INSERT INTO t VALUES (1, 'x'), (1, NULL), (1, NULL), (NULL, 'x'), (NULL, 'x'), (1, 'y')"]);
    refused(&sql, "INSERT INTO t VALUES (1, 'x')", "(a, b) = (1, 'x') exists already (unique t_a_b_key)");
    refused(&sql, "UPDATE t SET b = 'x' WHERE b = 'y'", "(1, 'x')");
    sql.does(&["DELETE FROM t WHERE b = 'x'", "INSERT INTO t VALUES (1, 'x')"]);
    whole(&db);
}

#[test]
fn an_index_is_made_over_rows_that_exist_and_goes_again() {
    let (db, [sql]) = sessions(&["CREATE TABLE t (a INT, b TEXT)"]);
    sql.does(&["INSERT INTO t SELECT value % 10, 'x' || value FROM generate_series(1, 500) AS g(value)"]);
    sql.does(&["CREATE INDEX ON t (a)", "CREATE UNIQUE INDEX t_b ON t (b)"]);
    whole(&db);
    refused(&sql, "CREATE UNIQUE INDEX t_a ON t (a)", "exists already (unique t_a)");
    refused(&sql, "CREATE INDEX t_b ON t (a)", "there is already an index or constraint 't_b'");
    sql.does(&["CREATE INDEX IF NOT EXISTS t_b ON t (a)"]);
    sql.fails("CREATE INDEX ON t (nothing)", ErrorKind::NotFound);
    sql.fails("CREATE INDEX ON t (a DESC)", ErrorKind::Unsupported);
    sql.fails("CREATE INDEX ON t (lower(b))", ErrorKind::Unsupported);
    sql.fails("CREATE INDEX ON t USING hash (a)", ErrorKind::Unsupported);
    refused(&sql, "INSERT INTO t VALUES (0, 'x7')", "unique t_b");
    sql.does(&["DROP INDEX t_b", "INSERT INTO t VALUES (0, 'x7')", "DROP INDEX IF EXISTS t_b"]);
    sql.fails("DROP INDEX t_b", ErrorKind::NotFound);
    sql.does(&["DELETE FROM t WHERE a < 5", "UPDATE t SET a = a + 100"]);
    whole(&db);
}

#[test]
fn a_key_of_a_constraint_is_dropped_with_the_constraint_alone() {
    let (db, [sql]) = sessions(&["CREATE TABLE t (k INT PRIMARY KEY, u INT UNIQUE)"]);
    refused(&sql, "DROP INDEX t_pkey", "belongs to a constraint");
    sql.does(&["INSERT INTO t VALUES (1, 1)", "ALTER TABLE t DROP CONSTRAINT t_u_key"]);
    sql.does(&["INSERT INTO t VALUES (2, 1)"]);
    refused(&sql, "ALTER TABLE t ADD UNIQUE (u)", "(u) = (1)");
    sql.does(&["DELETE FROM t WHERE k = 2", "ALTER TABLE t ADD CONSTRAINT only_once UNIQUE (u)"]);
    refused(&sql, "INSERT INTO t VALUES (3, 1)", "unique only_once");
    sql.fails("ALTER TABLE t DROP CONSTRAINT nothing", ErrorKind::NotFound);
    sql.does(&["ALTER TABLE t DROP CONSTRAINT IF EXISTS nothing"]);
    whole(&db);
}

#[test]
fn conditions_judge_every_way_in() {
    let (db, [sql]) = sessions(&[
        "CREATE TABLE t (a INT CHECK (a > 0), b INT, CONSTRAINT ordered CHECK (a < b), CHECK (b % 2 = 0))",
        "INSERT INTO t VALUES (1, 2), (NULL, 4), (3, NULL)",
    ]);
    refused(&sql, "INSERT INTO t VALUES (0, 2)", "CHECK (a > 0) (constraint t_check)");
    refused(&sql, "INSERT INTO t VALUES (1, 4), (5, 4)", "constraint ordered");
    refused(&sql, "INSERT INTO t VALUES (1, 3)", "t_check1");
    refused(&sql, "UPDATE t SET a = 10 WHERE a = 1", "ordered");
    let properties = [("a", 0i64.into())];
    assert_eq!(db.insert_node("t", properties).unwrap_err().kind(), ErrorKind::Constraint);
    // An overflow is an error, not a pass.
    sql.does(&["CREATE TABLE big (n BIGINT CHECK (n + 1 > 0))"]);
    assert!(sql.run("INSERT INTO big VALUES (9223372036854775807)").is_err());
    sql.gives("SELECT count(*) FROM big", "0");
    sql.gives("SELECT * FROM t", "1|2 NULL|4 3|NULL");
    sql.fails("CREATE TABLE u (a INT CHECK (a IN (SELECT 1)))", ErrorKind::Unsupported);
    sql.fails("CREATE TABLE u (a INT CHECK (a + 1))", ErrorKind::BadInput);
    assert!(sql.run("CREATE TABLE u (a INT CHECK (nothing > 1))").is_err());
    refused(&sql, "ALTER TABLE t ADD CHECK (a < 3)", "CHECK (a < 3)");
    sql.does(&["ALTER TABLE t ADD CONSTRAINT small CHECK (a < 4)"]);
    refused(&sql, "INSERT INTO t VALUES (5, 8)", "small");
    sql.does(&["ALTER TABLE t DROP CONSTRAINT small", "INSERT INTO t VALUES (5, 8)"]);
    whole(&db);
}

const FAMILY: &[&str] = &[
    "CREATE TABLE parent (k INT PRIMARY KEY, name TEXT UNIQUE)",
    "CREATE TABLE child (n INT, k INT REFERENCES parent)",
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    "INSERT INTO child VALUES (10, 1), (20, 2), (21, 2), (30, NULL)",
];

#[test]
fn references_are_kept_from_both_sides() {
    let (db, [sql]) = sessions(FAMILY);
    refused(
        &sql,
        "INSERT INTO child VALUES (40, 4)",
        "child (k) = (4) references a row of parent that does not exist",
    );
    refused(&sql, "UPDATE child SET k = 9 WHERE n = 10", "(k) = (9)");
    refused(&sql, "DELETE FROM parent WHERE k = 2", "still references the row of parent");
    refused(&sql, "UPDATE parent SET k = 5 WHERE k = 1", "still references");
    refused(&sql, "DROP TABLE parent", "reference 'parent'");
    refused(&sql, "ALTER TABLE parent DROP CONSTRAINT parent_pkey", "reference the key");
    refused(&sql, "ALTER TABLE parent DROP COLUMN k", "reference a key");
    sql.does(&["DELETE FROM parent WHERE k = 3", "UPDATE parent SET name = 'z' WHERE k = 1"]);
    sql.does(&["DELETE FROM child WHERE k = 2", "DELETE FROM parent WHERE k = 2"]);
    sql.gives("SELECT * FROM parent", "1|z");
    sql.gives("SELECT * FROM child ORDER BY n", "10|1 30|NULL");
    sql.does(&["DROP TABLE child", "DELETE FROM parent", "DROP TABLE parent"]);
    whole(&db);
}

#[test]
fn references_follow_where_they_are_told_to() {
    let (db, [sql]) = sessions(&[
        "CREATE TABLE parent (k INT PRIMARY KEY)",
        "CREATE TABLE gone (n INT, k INT REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE freed (n INT, k INT REFERENCES parent (k) ON DELETE SET NULL ON UPDATE SET NULL)",
        "INSERT INTO parent VALUES (1), (2)",
        "INSERT INTO gone VALUES (10, 1), (11, 1), (20, 2)",
        "INSERT INTO freed VALUES (10, 1), (20, 2)",
        "UPDATE parent SET k = 7 WHERE k = 1",
    ]);
    sql.gives("SELECT * FROM gone ORDER BY n", "10|7 11|7 20|2");
    sql.gives("SELECT * FROM freed ORDER BY n", "10|NULL 20|2");
    sql.does(&["DELETE FROM parent WHERE k = 2"]);
    sql.gives("SELECT * FROM gone ORDER BY n", "10|7 11|7");
    sql.gives("SELECT * FROM freed ORDER BY n", "10|NULL 20|NULL");
    whole(&db);
}

#[test]
fn a_table_may_reference_itself() {
    let (db, [sql]) = sessions(&["CREATE TABLE emp (id2 INT PRIMARY KEY, boss INT REFERENCES emp)"]);
    // Judged at the statement's end, whatever the order of the rows.
    sql.does(&["INSERT INTO emp VALUES (2, 1), (1, 1), (3, 2)"]);
    refused(&sql, "DELETE FROM emp WHERE id2 = 1", "still references");
    sql.does(&["DELETE FROM emp"]);
    sql.does(&["CREATE TABLE ring (k INT PRIMARY KEY, next INT REFERENCES ring ON DELETE CASCADE)"]);
    sql.does(&["INSERT INTO ring VALUES (1, 2), (2, 3), (3, 1), (4, 4)", "DELETE FROM ring WHERE k = 2"]);
    sql.gives("SELECT * FROM ring", "4|4");
    sql.does(&["DROP TABLE ring", "DROP TABLE emp"]);
    whole(&db);
}

#[test]
fn columns_are_added_dropped_and_renamed() {
    let (db, [sql]) = sessions(&[
        "CREATE TABLE t (a INT, b TEXT, CHECK (a < 100))",
        "CREATE INDEX t_b ON t (b)",
        "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
        "ALTER TABLE t ADD COLUMN c INT DEFAULT 7, ADD d TEXT",
    ]);
    sql.gives("SELECT * FROM t ORDER BY a", "1|x|7|NULL 2|y|7|NULL");
    sql.does(&["INSERT INTO t (a) VALUES (3)"]);
    sql.gives("SELECT c FROM t WHERE a = 3", "7");
    refused(&sql, "ALTER TABLE t ADD COLUMN e INT NOT NULL", "is NULL in some rows");
    sql.does(&["ALTER TABLE t ADD COLUMN e INT NOT NULL DEFAULT 1", "ALTER TABLE t RENAME COLUMN a TO n"]);
    refused(&sql, "INSERT INTO t (n) VALUES (100)", "CHECK (\"n\" < 100)");
    sql.does(&["ALTER TABLE t DROP COLUMN b, DROP COLUMN d", "ALTER TABLE t ADD COLUMN b INT"]);
    sql.gives("SELECT * FROM t ORDER BY n", "1|7|1|NULL 2|7|1|NULL 3|7|1|NULL");
    sql.fails("DROP INDEX t_b", ErrorKind::NotFound);
    // A name that was another column's is a column of its own.
    sql.does(&["ALTER TABLE t ADD COLUMN a TEXT DEFAULT 'new'"]);
    sql.gives("SELECT n, a FROM t ORDER BY n", "1|new 2|new 3|new");
    sql.does(&["ALTER TABLE t DROP COLUMN n"]);
    sql.does(&["INSERT INTO t (c) VALUES (200)"]);
    sql.fails("ALTER TABLE t DROP COLUMN nothing", ErrorKind::NotFound);
    sql.does(&["ALTER TABLE t DROP COLUMN IF EXISTS nothing", "ALTER TABLE IF EXISTS nothing ADD x INT"]);
    whole(&db);
}

#[test]
fn a_column_changes_what_is_declared_of_it() {
    let (db, [sql]) =
        sessions(&["CREATE TABLE t (a TEXT, b INT)", "INSERT INTO t VALUES ('1', 1), ('22', NULL)"]);
    refused(&sql, "ALTER TABLE t ALTER COLUMN b SET NOT NULL", "t.b is NULL in some rows");
    sql.does(&["UPDATE t SET b = 0 WHERE b IS NULL", "ALTER TABLE t ALTER COLUMN b SET NOT NULL"]);
    refused(&sql, "INSERT INTO t VALUES ('x', NULL)", "must not be NULL");
    sql.does(&["ALTER TABLE t ALTER b DROP NOT NULL", "ALTER TABLE t ALTER b SET DEFAULT 5"]);
    sql.does(&["INSERT INTO t (a) VALUES ('3')", "ALTER TABLE t ALTER b DROP DEFAULT"]);
    sql.gives("SELECT * FROM t ORDER BY a", "1|1 22|0 3|5");
    sql.does(&["ALTER TABLE t ALTER COLUMN a TYPE INTEGER"]);
    sql.gives("SELECT a + 1 FROM t ORDER BY a", "2 4 23");
    sql.does(&["ALTER TABLE t ALTER COLUMN a TYPE TEXT USING 'n' || a"]);
    sql.gives("SELECT a FROM t ORDER BY a", "n1 n22 n3");
    assert!(sql.run("ALTER TABLE t ALTER COLUMN a TYPE INTEGER").is_err());
    sql.gives("SELECT a FROM t ORDER BY a", "n1 n22 n3");
    sql.does(&["ALTER TABLE t ALTER COLUMN a TYPE JSON", "INSERT INTO t (a) VALUES ('{\"k\": 1}')"]);
    whole(&db);
}

#[test]
fn a_table_is_renamed_with_all_it_has() {
    let (db, [sql, other]) = sessions(&[
        "CREATE TABLE t (k INT PRIMARY KEY)",
        "CREATE TABLE c (k INT REFERENCES t)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO c VALUES (1)",
        "ALTER TABLE t RENAME TO u",
    ]);
    sql.fails("SELECT * FROM t", ErrorKind::NotFound);
    refused(&sql, "INSERT INTO u VALUES (1)", "primary key");
    refused(&sql, "DELETE FROM u", "still references");
    sql.does(&["CREATE TABLE t (other TEXT)", "INSERT INTO t VALUES ('x')"]);
    other.gives("SELECT u.k, t.other FROM u, t", "1|x");
    refused(&sql, "ALTER TABLE t RENAME TO u", "already a type 'u'");
    sql.does(&[
        "BEGIN",
        "ALTER TABLE t RENAME TO w",
        "CREATE TABLE t (z INT)",
        "INSERT INTO t VALUES (1)",
        "COMMIT",
    ]);
    other.gives("SELECT w.other, t.z FROM w, t", "x|1");
    whole(&db);
}

#[test]
fn rules_are_part_of_a_transaction() {
    let (db, [sql, other]) = sessions(FAMILY);
    sql.does(&[
        "BEGIN",
        "CREATE UNIQUE INDEX only ON child (n)",
        "ALTER TABLE parent ADD COLUMN z INT DEFAULT 1",
    ]);
    refused(&sql, "INSERT INTO child VALUES (10, 1)", "only");
    sql.does(&["SAVEPOINT s", "DROP INDEX only", "INSERT INTO child VALUES (10, 1)", "ROLLBACK TO s"]);
    refused(&sql, "INSERT INTO child VALUES (10, 1)", "only");
    other.gives("SELECT count(*) FROM parent", "3");
    sql.does(&["ROLLBACK", "INSERT INTO child VALUES (10, 1)"]);
    sql.does(&[
        "BEGIN",
        "DELETE FROM child",
        "DELETE FROM parent",
        "INSERT INTO parent VALUES (1, 'a')",
        "COMMIT",
    ]);
    sql.gives("SELECT * FROM parent", "1|a");
    whole(&db);
}

// ------------------------------------------------------------ two sessions

/// Both begin, each does its statement, the first commits, the second must not.
#[track_caller]
fn race(setup: &[&str], first: &str, second: &str) {
    for turned in [false, true] {
        let (db, [a, b]) = sessions(setup);
        let (one, two) = if turned { (second, first) } else { (first, second) };
        a.does(&["BEGIN"]);
        b.does(&["BEGIN"]);
        // A snapshot is taken by the first read.
        a.does(&["SELECT 1 FROM parent LIMIT 1"]);
        b.does(&["SELECT 1 FROM parent LIMIT 1"]);
        a.does(&[one]);
        b.does(&[two]);
        a.does(&["COMMIT"]);
        b.conflicts();
        whole(&db);
    }
}

#[test]
fn two_sessions_cannot_take_one_key() {
    race(FAMILY, "INSERT INTO parent VALUES (9, 'x')", "INSERT INTO parent VALUES (9, 'y')");
    race(FAMILY, "UPDATE parent SET name = 'n' WHERE k = 1", "INSERT INTO parent VALUES (9, 'n')");
}

#[test]
fn a_row_that_is_referenced_cannot_go_meanwhile() {
    race(FAMILY, "INSERT INTO child VALUES (99, 3)", "DELETE FROM parent WHERE k = 3");
    race(FAMILY, "UPDATE child SET k = 3 WHERE n = 10", "UPDATE parent SET k = 8 WHERE k = 3");
}

#[test]
fn a_rule_holds_for_rows_written_while_it_was_made() {
    let plain: &[&str] = &["CREATE TABLE parent (k INT, v INT)", "INSERT INTO parent VALUES (1, 1), (2, 2)"];
    for rule in [
        "CREATE UNIQUE INDEX u ON parent (k)",
        "CREATE INDEX u ON parent (k)",
        "ALTER TABLE parent ADD CHECK (k < 10)",
        "ALTER TABLE parent ALTER k SET NOT NULL",
        "ALTER TABLE parent ADD COLUMN z INT DEFAULT 3",
        "ALTER TABLE parent DROP COLUMN v",
        "ALTER TABLE parent RENAME COLUMN v TO w",
    ] {
        race(plain, rule, "INSERT INTO parent VALUES (1, 5)");
        race(plain, rule, "UPDATE parent SET k = 20 WHERE k = 1");
        race(plain, rule, "DELETE FROM parent WHERE k = 1");
    }
}

#[test]
fn autocommit_takes_a_key_once_however_many_try() {
    let (db, tries) = sessions::<4>(&["CREATE TABLE t (k INT PRIMARY KEY, who INT)"]);
    let won: usize = std::thread::scope(|scope| {
        let one = |(who, sql): (usize, &Sql)| {
            (0..25).filter(|k| sql.run(&format!("INSERT INTO t VALUES ({k}, {who})")).is_ok()).count()
        };
        let threads: Vec<_> = tries.iter().enumerate().map(|t| scope.spawn(move || one(t))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(won, 25);
    tries[0].gives("SELECT count(*), count(DISTINCT k) FROM t", "25|25");
    whole(&db);
}

// ------------------------------------------------------------ over a restart

#[test]
fn rules_are_there_after_a_restart_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = Database::open(&path, OpenOptions { create: true, ..OpenOptions::default() }).unwrap();
    let sql = Sql::new(&db);
    sql.does(FAMILY);
    sql.does(&["CREATE INDEX by_n ON child (n)", "ALTER TABLE parent RENAME COLUMN name TO title"]);
    db.store().checkpoint().unwrap();
    sql.does(&[
        "INSERT INTO child VALUES (50, 3)",
        "ALTER TABLE child RENAME TO kid",
        "CREATE TABLE child (x INT)",
    ]);
    // The files as they are now, without a clean end.
    let copy = folder.path().join("copy");
    copy_folder(&path, &copy);
    drop(sql);
    drop(db);
    for path in [path, copy] {
        let db = Database::open(&path, OpenOptions::default()).unwrap();
        whole(&db);
        let sql = Sql::new(&db);
        refused(&sql, "INSERT INTO parent VALUES (3, 'q')", "primary key");
        refused(&sql, "INSERT INTO parent (k, title) VALUES (9, 'a')", "parent_name_key");
        refused(&sql, "DELETE FROM parent WHERE k = 3", "still references");
        sql.does(&["DELETE FROM kid WHERE n = 50", "DELETE FROM parent WHERE k = 3", "DROP INDEX by_n"]);
        sql.gives("SELECT count(*) FROM child", "0");
        whole(&db);
    }
}

pub(super) fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

// ------------------------------------------------------------ at random

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, Option<u8>),
    Move(u8, Option<u8>),
    Delete(u8),
    Index(u8),
    DropIndex(u8),
    Begin,
    Savepoint,
    BackToSavepoint,
    Commit,
    Rollback,
}

fn any_step() -> impl Strategy<Value = Step> {
    let k = || 0u8..12;
    let u = || proptest::option::of(0u8..6);
    prop_oneof![
        6 => (k(), u()).prop_map(|(k, u)| Step::Insert(k, u)),
        4 => (k(), u()).prop_map(|(k, u)| Step::Move(k, u)),
        3 => k().prop_map(Step::Delete),
        1 => (0u8..3).prop_map(Step::Index),
        1 => (0u8..3).prop_map(Step::DropIndex),
        1 => Just(Step::Begin),
        1 => Just(Step::Savepoint),
        1 => Just(Step::BackToSavepoint),
        1 => Just(Step::Commit),
        1 => Just(Step::Rollback),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Rows with a key and a unique column against a plain list; indexes come and go meanwhile.
    #[test]
    fn rows_under_keys_are_those_of_a_plain_list(steps in proptest::collection::vec(any_step(), 1..60)) {
        let (db, [sql]) = sessions(&["CREATE TABLE t (k INT PRIMARY KEY, u INT UNIQUE)"]);
        type Rows = Vec<(u8, Option<u8>)>;
        let mut rows: Rows = Vec::new();
        let (mut committed, mut saved): (Rows, Option<Rows>) = (Vec::new(), None);
        let mut open = false;
        let value = |u: Option<u8>| u.map_or_else(|| "NULL".to_owned(), |u| u.to_string());
        for step in steps {
            match step {
                Step::Insert(k, u) => {
                    let free = rows.iter().all(|row| row.0 != k && (u.is_none() || row.1 != u));
                    let done = sql.run(&format!("INSERT INTO t VALUES ({k}, {})", value(u)));
                    prop_assert_eq!(done.is_ok(), free, "{:?}", done);
                    if free { rows.push((k, u)); }
                }
                Step::Move(k, u) => {
                    let free = rows.iter().all(|row| row.0 == k || u.is_none() || row.1 != u);
                    let there = rows.iter().any(|row| row.0 == k);
                    let done = sql.run(&format!("UPDATE t SET u = {} WHERE k = {k}", value(u)));
                    prop_assert_eq!(done.is_ok(), free || !there, "{:?}", done);
                    if free { rows.iter_mut().filter(|row| row.0 == k).for_each(|row| row.1 = u); }
                }
                Step::Delete(k) => {
                    sql.does(&[&format!("DELETE FROM t WHERE k = {k}")]);
                    rows.retain(|row| row.0 != k);
                }
                Step::Index(n) => sql.does(&[&format!("CREATE INDEX IF NOT EXISTS i{n} ON t (u, k)")]),
                Step::DropIndex(n) => sql.does(&[&format!("DROP INDEX IF EXISTS i{n}")]),
                Step::Begin if !open => {
                    sql.does(&["BEGIN"]);
                    (open, committed, saved) = (true, rows.clone(), None);
                }
                Step::Savepoint if open => {
                    sql.does(&["SAVEPOINT s"]);
                    saved = Some(rows.clone());
                }
                Step::BackToSavepoint if open && saved.is_some() => {
                    sql.does(&["ROLLBACK TO s"]);
                    rows = saved.clone().unwrap();
                }
                Step::Commit if open => {
                    sql.does(&["COMMIT"]);
                    open = false;
                }
                Step::Rollback if open => {
                    sql.does(&["ROLLBACK"]);
                    (open, rows) = (false, committed.clone());
                }
                _ => {}
            }
            rows.sort_unstable();
            let expected: Vec<String> = rows.iter().map(|(k, u)| format!("{k}|{}", value(*u))).collect();
            sql.gives("SELECT * FROM t ORDER BY k", &expected.join(" "));
        }
        if open { sql.does(&["COMMIT"]); }
        whole(&db);
    }
}
