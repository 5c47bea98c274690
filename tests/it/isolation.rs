//! What snapshot isolation promises, anomaly by anomaly, with two and three sessions at once; what
//! it does not (write skew); and the checks at commit that keep the graph whole, each raced by two.
//!
//! The anomalies are those of Berenson et al., "A Critique of ANSI SQL Isolation Levels" (1995).

use std::sync::{Arc, Barrier};

use aresadb::bus::Page;
use aresadb::model::CancelToken;
use aresadb::{
    Database, Error, ErrorKind, NodeId, Properties, Session, StatementResult, TransactionState, Value,
};

/// A session that is asked in SQL and answers in text: columns by `|`, rows by a space.
pub(super) struct Sql(Session);

impl Sql {
    pub(super) fn new(db: &Database) -> Self {
        Sql(db.session().unwrap())
    }

    pub(super) fn run(&self, sql: &str) -> Result<String, Error> {
        self.run_unless(sql, &CancelToken::new())
    }

    fn run_unless(&self, sql: &str, cancel: &CancelToken) -> Result<String, Error> {
        self.0.database().executor().block_on(async {
            match self.0.run(sql, &[], cancel).await? {
                StatementResult::Done(done) => Ok(format!("{} {}", done.verb, done.rows)),
                StatementResult::Rows(rows) => Ok(text(rows.collect().await?)),
            }
        })
    }

    #[track_caller]
    pub(super) fn gives(&self, sql: &str, expected: &str) {
        assert_eq!(self.run(sql).unwrap(), expected, "{sql}");
    }

    #[track_caller]
    pub(super) fn does(&self, statements: &[&str]) {
        for sql in statements {
            self.run(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
    }

    #[track_caller]
    pub(super) fn fails(&self, sql: &str, kind: ErrorKind) -> Error {
        let error = self.run(sql).expect_err(sql);
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        error
    }

    /// A COMMIT that another was faster than. The transaction is over, and the hint says what to do.
    #[track_caller]
    pub(super) fn conflicts(&self) {
        let error = self.fails("COMMIT", ErrorKind::Conflict);
        assert!(error.hint().unwrap().contains("run the transaction again"), "{error:?}");
        assert_eq!(self.0.transaction_state(), TransactionState::None);
    }
}

fn text(batches: Vec<arrow::array::RecordBatch>) -> String {
    let rows = batches.into_iter().flat_map(|batch| {
        let page = Page::new(0, batch);
        let cell = |row, column| match page.value(row, column) {
            Value::Null => "NULL".to_owned(),
            value => value.to_text().to_string(),
        };
        (0..page.rows())
            .map(|row| (0..page.columns()).map(|column| cell(row, column)).collect::<Vec<_>>().join("|"))
            .collect::<Vec<_>>()
    });
    rows.collect::<Vec<_>>().join(" ")
}

/// A database and as many sessions on it.
pub(super) fn sessions<const N: usize>(setup: &[&str]) -> (Database, [Sql; N]) {
    let db = Database::in_memory().unwrap();
    Sql(db.session().unwrap()).does(setup);
    let sessions = std::array::from_fn(|_| Sql(db.session().unwrap()));
    (db, sessions)
}

const ACCOUNTS: &[&str] = &[
    "CREATE TABLE account (name TEXT NOT NULL, n INTEGER)",
    "INSERT INTO account VALUES ('x', 50), ('y', 50)",
];
const ALL: &str = "SELECT n FROM account ORDER BY name";
const X: &str = "SELECT n FROM account WHERE name = 'x'";
const Y: &str = "SELECT n FROM account WHERE name = 'y'";

// ----------------------------------------------------- what cannot be

#[test]
fn no_dirty_read_what_is_not_committed_is_seen_by_its_own_session_alone() {
    let (_db, [writer, reader, other]) = sessions::<3>(ACCOUNTS);
    other.does(&["BEGIN", "UPDATE account SET n = 7 WHERE name = 'y'"]);
    writer.does(&[
        "BEGIN",
        "UPDATE account SET n = 1 WHERE name = 'x'",
        "INSERT INTO account VALUES ('z', 9)",
    ]);
    writer.gives(ALL, "1 50 9");
    other.gives(ALL, "50 7");
    reader.gives(ALL, "50 50");
    reader.does(&["BEGIN"]);
    reader.gives(ALL, "50 50");
    writer.does(&["ROLLBACK"]);
    other.does(&["COMMIT"]);
    for session in [&writer, &other] {
        session.gives(ALL, "50 7");
    }
    reader.gives(ALL, "50 50");
    reader.does(&["COMMIT"]);
    reader.gives(ALL, "50 7");
}

#[test]
fn no_non_repeatable_read_a_transaction_reads_one_state() {
    let (_db, [reader, writer, deleter]) = sessions::<3>(ACCOUNTS);
    reader.does(&["BEGIN"]);
    // The snapshot is the first statement's, not BEGIN's.
    writer.does(&["UPDATE account SET n = 51 WHERE name = 'x'"]);
    reader.gives(X, "51");
    writer.does(&["UPDATE account SET n = 52 WHERE name = 'x'"]);
    reader.gives(X, "51");
    deleter.does(&["BEGIN", "DELETE FROM account WHERE name = 'x'", "COMMIT"]);
    reader.gives(X, "51");
    // A statement that writes reads the same state.
    reader.does(&["UPDATE account SET n = (SELECT sum(n) FROM account) WHERE name = 'y'"]);
    reader.gives(ALL, "51 101");
    // Its own row changed, no other did: nothing was lost.
    reader.does(&["COMMIT"]);
    reader.gives(ALL, "101");
}

#[test]
fn no_lost_update_the_first_of_those_that_change_a_row_wins() {
    let (_db, [a, b, c]) = sessions::<3>(ACCOUNTS);
    for session in [&a, &b, &c] {
        session.does(&["BEGIN"]);
        session.gives(X, "50");
    }
    a.does(&["UPDATE account SET n = 60 WHERE name = 'x'"]);
    b.does(&["UPDATE account SET n = 70 WHERE name = 'x'"]);
    c.does(&["UPDATE account SET n = n + 30 WHERE name = 'x'"]);
    // Not the first to write: the first to commit.
    b.does(&["COMMIT"]);
    a.conflicts();
    c.conflicts();
    a.gives(X, "70");
    c.does(&["BEGIN", "UPDATE account SET n = n + 30 WHERE name = 'x'", "COMMIT"]);
    b.gives(X, "100");
}

#[test]
fn a_change_beside_a_delete_of_the_row_conflicts_either_way() {
    for delete_first in [true, false] {
        let (_db, [deletes, changes]) = sessions::<2>(ACCOUNTS);
        deletes.does(&["BEGIN", "DELETE FROM account WHERE name = 'x'"]);
        changes.does(&["BEGIN", "UPDATE account SET n = 0 WHERE name = 'x'"]);
        let (first, second) = if delete_first { (&deletes, &changes) } else { (&changes, &deletes) };
        first.does(&["COMMIT"]);
        second.conflicts();
        second.gives(ALL, if delete_first { "50" } else { "0 50" });
    }
}

#[test]
fn no_read_skew_two_rows_are_read_as_they_were_together() {
    let (_db, [reader, writer, other]) = sessions::<3>(ACCOUNTS);
    reader.does(&["BEGIN"]);
    reader.gives(X, "50");
    writer.does(&[
        "BEGIN",
        "UPDATE account SET n = n - 40 WHERE name = 'x'",
        "UPDATE account SET n = n + 40 WHERE name = 'y'",
        "COMMIT",
    ]);
    other.gives(ALL, "10 90");
    reader.gives(Y, "50");
    // Nor is what was read the ground for a write that would be lost.
    reader.does(&["UPDATE account SET n = (SELECT n FROM account WHERE name = 'x') - 10 WHERE name = 'y'"]);
    reader.conflicts();
    reader.gives(ALL, "10 90");
}

#[test]
fn no_phantom_a_condition_finds_the_same_rows_again() {
    let (_db, [reader, writer, deleter]) = sessions::<3>(ACCOUNTS);
    let large = "SELECT count(*), sum(n) FROM account WHERE n > 40";
    reader.does(&["BEGIN READ ONLY"]);
    reader.gives(large, "2|100");
    writer.does(&["INSERT INTO account VALUES ('z', 80)"]);
    deleter.does(&["DELETE FROM account WHERE name = 'y'"]);
    reader.gives(large, "2|100");
    reader.gives("SELECT n FROM account WHERE name = 'z'", "");
    reader.does(&["COMMIT"]);
    reader.gives(large, "2|130");
}

/// Each statement of its own transaction, too, reads one state: also where it looks twice, and
/// while its rows are still on their way.
#[test]
fn no_phantom_within_one_statement() {
    let (db, [reader, writer, other]) = sessions::<3>(&["CREATE TABLE t (n INTEGER)"]);
    writer.does(&["INSERT INTO t SELECT x FROM generate_series(1, 100000) AS g(x)"]);
    db.executor().block_on(async {
        let sql = "SELECT n FROM t";
        let StatementResult::Rows(mut rows) = reader.0.run(sql, &[], &CancelToken::new()).await.unwrap()
        else {
            panic!("no rows");
        };
        let mut read = rows.next().await.unwrap().unwrap().num_rows();
        for sql in ["DELETE FROM t WHERE n % 2 = 0", "INSERT INTO t SELECT n FROM t"] {
            writer.0.execute(sql, &[]).await.unwrap();
        }
        other.0.execute("DELETE FROM t", &[]).await.unwrap();
        while let Some(batch) = rows.next().await {
            read += batch.unwrap().num_rows();
        }
        assert_eq!(read, 100_000);
    });
    // The sides of a statement agree however many commits fall between them.
    let stop = CancelToken::new();
    std::thread::scope(|scope| {
        for session in [&writer, &other] {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.is_cancelled() {
                    session.does(&["INSERT INTO t VALUES (1)"]);
                }
            });
        }
        for _ in 0..10 {
            reader.gives("SELECT (SELECT count(*) FROM t) - (SELECT count(*) FROM t AS again)", "0");
        }
        stop.cancel();
    });
}

#[test]
fn rows_that_stream_keep_their_state_while_their_own_transaction_goes_on() {
    let (db, [session]) = sessions::<1>(&["CREATE TABLE t (n INTEGER)"]);
    session.does(&["BEGIN", "INSERT INTO t SELECT x FROM generate_series(1, 50000) AS g(x)"]);
    db.executor().block_on(async {
        let sql = "SELECT n FROM t";
        let StatementResult::Rows(mut rows) = session.0.run(sql, &[], &CancelToken::new()).await.unwrap()
        else {
            panic!("no rows");
        };
        let mut read = rows.next().await.unwrap().unwrap().num_rows();
        for sql in ["DELETE FROM t WHERE n > 10", "INSERT INTO t VALUES (0)", "COMMIT"] {
            session.0.execute(sql, &[]).await.unwrap();
        }
        while let Some(batch) = rows.next().await {
            read += batch.unwrap().num_rows();
        }
        assert_eq!(read, 50_000);
    });
    session.gives("SELECT count(*) FROM t", "11");
}

#[test]
fn statements_of_their_own_are_run_again_and_no_update_is_lost() {
    for writers in [2, 3] {
        let (_db, [a, b, c]) = sessions::<3>(ACCOUNTS);
        let start = Barrier::new(writers);
        let done: usize = std::thread::scope(|scope| {
            let running: Vec<_> = [&a, &b, &c]
                .into_iter()
                .take(writers)
                .map(|session| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        let add = "UPDATE account SET n = n + 1 WHERE name = 'x'";
                        let results = (0..40).map(|_| session.run(add));
                        results
                            .filter(|result| match result {
                                Ok(gave) => gave == "UPDATE 1",
                                // Only when the others were faster every time.
                                Err(e) => {
                                    assert_eq!(e.kind(), ErrorKind::Conflict, "{e}");
                                    false
                                }
                            })
                            .count()
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(done > 40 * (writers - 1), "{done} of {}", 40 * writers);
        a.gives(X, &(50 + done).to_string());
    }
}

// ------------------------------------------------------- what may be

/// Documented as allowed: two transactions that read what the other changes, and change different
/// rows, both commit. SERIALIZABLE, which forbids it, is refused rather than promised.
#[test]
fn write_skew_is_possible_and_serializable_is_refused() {
    let setup = [
        "CREATE TABLE doctor (name TEXT, on_call BOOLEAN)",
        "INSERT INTO doctor VALUES ('ann', true), ('bob', true)",
    ];
    let (_db, [ann, bob]) = sessions::<2>(&setup);
    for (session, name) in [(&ann, "ann"), (&bob, "bob")] {
        session.does(&["BEGIN ISOLATION LEVEL REPEATABLE READ"]);
        session.gives("SELECT count(*) FROM doctor WHERE on_call", "2");
        session.does(&[&format!("UPDATE doctor SET on_call = false WHERE name = '{name}'")]);
    }
    ann.does(&["COMMIT"]);
    bob.does(&["COMMIT"]);
    ann.gives("SELECT count(*) FROM doctor WHERE on_call", "0");
    let error = ann.fails("BEGIN ISOLATION LEVEL SERIALIZABLE", ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("write skew is possible"), "{error:?}");
    assert_eq!(ann.0.transaction_state(), TransactionState::None);
    // The way around it: both change a row that they have in common.
    ann.does(&["UPDATE doctor SET on_call = true"]);
    for (session, name) in [(&ann, "ann"), (&bob, "bob")] {
        session.does(&["BEGIN", &format!("UPDATE doctor SET on_call = (name <> '{name}')")]);
    }
    ann.does(&["COMMIT"]);
    bob.conflicts();
}

// ------------------------------------------- checks at commit, raced

const GRAPH: &[&str] = &[
    "CREATE TABLE person (name TEXT NOT NULL)",
    "INSERT INTO person VALUES ('ann'), ('bob')",
    "CREATE EDGE TABLE follows (FROM person TO person, since INTEGER)",
];
const LINK: &str = "INSERT INTO follows (from_id, to_id) SELECT a.id, b.id FROM person a, person b WHERE a.name = 'ann' AND b.name = 'bob'";
const UNPERSON: &str = "DELETE FROM person WHERE name = 'bob'";
const TAKE: &str = "INSERT INTO person (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'new')";

/// Two transactions that cannot both be: whichever commits first, the other conflicts and nothing of
/// it is there; then both commit at the same moment, and one of them wins.
#[track_caller]
fn race(setup: &[&str], one: &[&str], other: &[&str], check: &str, after_one: &str, after_other: &str) {
    for one_first in [true, false] {
        let (db, [a, b]) = sessions::<2>(setup);
        let begin = || {
            for (session, statements) in [(&a, one), (&b, other)] {
                session.does(&["BEGIN"]);
                session.does(statements);
            }
        };
        begin();
        let (first, second) = if one_first { (&a, &b) } else { (&b, &a) };
        first.does(&["COMMIT"]);
        second.conflicts();
        second.gives(check, if one_first { after_one } else { after_other });
        whole(&db);
    }
    for _ in 0..5 {
        let (db, [a, b]) = sessions::<2>(setup);
        for (session, statements) in [(&a, one), (&b, other)] {
            session.does(&["BEGIN"]);
            session.does(statements);
        }
        let start = Barrier::new(2);
        let commit = |session: &Sql| {
            start.wait();
            session.run("COMMIT").map_err(|e| e.kind())
        };
        let (one, other) = std::thread::scope(|scope| {
            let (a, b) = (scope.spawn(|| commit(&a)), scope.spawn(|| commit(&b)));
            (a.join().unwrap(), b.join().unwrap())
        });
        let expected = match (one, other) {
            (Ok(_), Err(ErrorKind::Conflict)) => after_one,
            (Err(ErrorKind::Conflict), Ok(_)) => after_other,
            both => panic!("{both:?}"),
        };
        a.gives(check, expected);
        whole(&db);
    }
}

/// Every edge hangs on two nodes that live, and the counts are those of the rows.
fn whole(db: &Database) {
    let view = db.view();
    for definition in view.catalog().types() {
        let mut rows = 0;
        view.scan(definition.id, 0, u64::MAX, &mut |_, record| {
            rows += 1;
            assert!(view.row_of(record.id())?.is_some());
            if let Some(ends) = record.ends() {
                assert!(view.node_at(ends.from_row)?.is_some() && view.node_at(ends.to_row)?.is_some());
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(view.live_rows(definition.id).unwrap(), rows, "{}", definition.name);
    }
}

#[test]
fn an_edge_and_the_delete_of_its_end_cannot_both_commit() {
    let count = "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM follows)";
    race(GRAPH, &[LINK], &[UNPERSON], count, "2|1", "1|0");
    // The node that gains an edge, and another edge of its that goes with it.
    let linked: Vec<&str> = GRAPH.iter().copied().chain([LINK]).collect();
    race(&linked, &[LINK], &[UNPERSON], count, "2|2", "1|0");
    // The edge is written, the node deleted: the change of an edge that goes with its node.
    race(&linked, &["UPDATE follows SET since = 1"], &[UNPERSON], count, "2|1", "1|0");
}

#[test]
fn one_id_is_taken_once() {
    race(GRAPH, &[TAKE], &[TAKE], "SELECT count(*) FROM person", "3", "3");
    let other = TAKE.replace("'new'", "'newer'");
    race(GRAPH, &[TAKE], &[&other], "SELECT max(name) FROM person", "new", "newer");
}

#[test]
fn a_definition_that_another_changed_is_not_written_to() {
    let drop = ["DROP TABLE follows", "DROP TABLE person", "CREATE TABLE person (name INTEGER)"];
    let insert = ["INSERT INTO person VALUES ('cid')"];
    let count = "SELECT count(*), min(name) FROM person";
    race(GRAPH, &insert, &drop, count, "3|ann", "0|NULL");
    // Two declare one name.
    let (text, number) = ("CREATE TABLE city (name TEXT)", "CREATE TABLE city (name INTEGER)");
    let column =
        "SELECT data_type FROM information_schema.columns WHERE table_name = 'city' AND column_name = 'name'";
    race(GRAPH, &[text], &[number], column, "text", "bigint");
    // An edge type is declared over a type that another drops.
    let edge = ["CREATE EDGE TABLE likes (FROM person TO person)"];
    let types = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    race(&GRAPH[..2], &edge, &["DROP TABLE person"], types, "2", "0");
}

#[test]
fn a_type_that_got_rows_is_not_dropped() {
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let (insert, drop) = (["INSERT INTO person VALUES ('cid')"], ["DROP TABLE person"]);
    race(&GRAPH[..2], &insert, &drop, tables, "1", "0");
    race(GRAPH, &[LINK], &["DROP TABLE follows"], tables, "2", "1");
    race(
        GRAPH,
        &["UPDATE person SET name = 'x'"],
        &["DROP TABLE follows", "DROP TABLE person"],
        tables,
        "2",
        "0",
    );
}

/// Found here: the drop took the id away from the row that had got it meanwhile.
#[test]
fn an_id_that_moved_to_another_type_stays_there_when_its_old_type_is_dropped() {
    let drop = ["DROP TABLE follows", "DROP TABLE person"];
    let moves = [
        "DELETE FROM person WHERE name = 'new'",
        "CREATE TABLE city (name TEXT)",
        &TAKE.replace("person", "city"),
    ];
    let setup: Vec<&str> = GRAPH.iter().copied().chain([TAKE]).collect();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
    race(&setup, &moves, &drop, tables, "city follows person", "");
}

#[test]
fn two_that_add_to_one_type_do_not_conflict() {
    let (db, [a, b, c]) = sessions::<3>(GRAPH);
    for (session, name) in [(&a, "cid"), (&b, "dan"), (&c, "eve")] {
        session.does(&["BEGIN", &format!("INSERT INTO person VALUES ('{name}')"), LINK]);
        // A type and a property that all three meet for the first time.
        session.does(&[&format!("INSERT INTO note (text, {name}) VALUES ('x', 1)")]);
    }
    for session in [&c, &a, &b] {
        session.does(&["COMMIT"]);
    }
    a.gives("SELECT count(*) FROM person", "5");
    a.gives("SELECT count(*) FROM follows", "3");
    a.gives("SELECT sum(cid), sum(dan), sum(eve), count(*) FROM note", "1|1|1|3");
    whole(&db);
}

// ------------------------------------------------- one transaction

#[test]
fn definitions_are_part_of_the_transaction() {
    let (db, [a, b]) = sessions::<2>(GRAPH);
    a.does(&[
        "BEGIN",
        "CREATE TABLE city (name TEXT NOT NULL)",
        "INSERT INTO city VALUES ('Oslo')",
        "DROP TABLE follows",
        "INSERT INTO note (text) VALUES ('x')",
    ]);
    a.gives("SELECT name FROM city", "Oslo");
    a.gives("SHOW TABLES", "city note person");
    a.fails("SELECT * FROM follows", ErrorKind::NotFound);
    b.gives("SHOW TABLES", "follows person");
    b.fails("SELECT * FROM city", ErrorKind::NotFound);
    a.does(&["ROLLBACK"]);
    a.gives("SHOW TABLES", "follows person");
    a.gives("SELECT count(*) FROM follows", "0");
    // Dropped and made anew, by another definition, rows and all.
    a.does(&[
        "BEGIN",
        LINK,
        "DROP TABLE follows",
        "CREATE TABLE follows (n INTEGER)",
        "INSERT INTO follows VALUES (1)",
    ]);
    b.gives("SELECT count(*) FROM follows", "0");
    a.does(&["COMMIT"]);
    b.gives("SELECT n FROM follows", "1");
    whole(&db);
}

#[test]
fn a_statement_that_fails_leaves_the_transaction_as_it_was() {
    let (_db, [a, b]) = sessions::<2>(ACCOUNTS);
    a.does(&["BEGIN", "UPDATE account SET n = 1 WHERE name = 'x'"]);
    // Fails at its last row, on its way, in its syntax, at a name.
    a.fails("INSERT INTO account VALUES ('v', 1), ('w', 2), (NULL, 3)", ErrorKind::Constraint);
    a.fails("UPDATE account SET n = 100 / (n - 50)", ErrorKind::BadInput);
    a.fails("SELEC 1", ErrorKind::BadInput);
    a.fails("DELETE FROM acount", ErrorKind::NotFound);
    a.fails("CREATE TABLE account (x INTEGER)", ErrorKind::Constraint);
    a.fails("BEGIN", ErrorKind::BadInput);
    a.gives(ALL, "1 50");
    a.does(&["INSERT INTO account VALUES ('z', 3)", "COMMIT"]);
    b.gives(ALL, "1 50 3");
}

/// Whatever moment a cancel falls on, the statement is in the transaction as a whole or not at all,
/// its answer says which, and the transaction goes on.
#[test]
fn a_cancelled_statement_leaves_the_transaction_as_it_was() {
    let (db, [session]) = sessions::<1>(&["CREATE TABLE t (n INTEGER)"]);
    session.does(&["BEGIN", "INSERT INTO t VALUES (0)"]);
    let mut rows = 1;
    for wait_micros in (0..40).map(|step| step * 500) {
        let cancel = CancelToken::new();
        let result = std::thread::scope(|scope| {
            let cancel = &cancel;
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_micros(wait_micros));
                cancel.cancel();
            });
            session.run_unless("INSERT INTO t SELECT x FROM generate_series(1, 1000) AS g(x)", cancel)
        });
        match result {
            Ok(_) => rows += 1000,
            Err(e) => assert_eq!(e.kind(), ErrorKind::Cancelled, "{e}"),
        }
        session.gives("SELECT count(*) FROM t", &rows.to_string());
    }
    // One that holds its thread for long: who writes next waits for it to give the turn back.
    let busy = "INSERT INTO t SELECT a.x FROM generate_series(1, 3000) AS a(x), generate_series(1, 3000) AS b(y) WHERE a.x + b.y < 0";
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| session.run_unless(busy, &cancel));
        std::thread::sleep(std::time::Duration::from_millis(20));
        cancel.cancel();
        session.does(&["INSERT INTO t VALUES (-1)"]);
        assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
    rows += 1;
    session.does(&["COMMIT"]);
    let other = Sql(db.session().unwrap());
    other.gives("SELECT count(*) FROM t", &rows.to_string());
}

#[test]
fn a_statement_whose_caller_went_away_is_in_the_transaction_whole_or_not_at_all() {
    let (db, [session]) = sessions::<1>(&["CREATE TABLE t (n INTEGER)"]);
    session.does(&["BEGIN"]);
    for wait_micros in (0..20).map(|step| step * 700) {
        db.executor().block_on(async {
            let insert = "INSERT INTO t SELECT x FROM generate_series(1, 1000) AS g(x)";
            let wait = std::time::Duration::from_micros(wait_micros);
            let _ = tokio::time::timeout(wait, session.0.execute(insert, &[])).await;
        });
        // The next statement finds the transaction open, with whole statements in it.
        session.does(&["INSERT INTO t VALUES (0)", "DELETE FROM t WHERE n = 0"]);
        let rows: u64 = session.run("SELECT count(*) FROM t").unwrap().parse().unwrap();
        assert!(rows.is_multiple_of(1000), "{rows}");
    }
    session.does(&["ROLLBACK"]);
    session.gives("SELECT count(*) FROM t", "0");
}

#[test]
fn savepoints_nest_and_hide_each_other() {
    let (_db, [a, b]) = sessions::<2>(ACCOUNTS);
    a.does(&["BEGIN", "UPDATE account SET n = 1 WHERE name = 'x'", "SAVEPOINT s"]);
    a.does(&[
        "UPDATE account SET n = 2 WHERE name = 'x'",
        "SAVEPOINT inner_one",
        "CREATE TABLE extra (n INTEGER)",
    ]);
    a.does(&["SAVEPOINT s", "DELETE FROM account"]);
    a.gives(ALL, "");
    a.does(&["ROLLBACK TO SAVEPOINT S"]);
    a.gives(ALL, "2 50");
    a.gives("SHOW TABLES", "account extra");
    a.does(&["RELEASE s", "ROLLBACK TO inner_one"]);
    a.gives("SHOW TABLES", "account");
    a.does(&["ROLLBACK TO s"]);
    a.gives(ALL, "1 50");
    let error = a.fails("RELEASE inner_one", ErrorKind::NotFound);
    assert!(error.message().contains("inner_one"));
    a.does(&["UPDATE account SET n = 3 WHERE name = 'y'", "RELEASE SAVEPOINT s"]);
    a.fails("ROLLBACK TO s", ErrorKind::NotFound);
    a.gives(ALL, "1 3");
    b.gives(ALL, "50 50");
    // What was rolled back conflicts with nobody.
    a.does(&["SAVEPOINT last", "DELETE FROM account WHERE name = 'y'", "ROLLBACK TO last", "COMMIT"]);
    b.gives(ALL, "1 3");
    a.does(&["BEGIN", "SAVEPOINT s", "UPDATE account SET n = 9 WHERE name = 'x'", "ROLLBACK TO s"]);
    a.does(&["UPDATE account SET n = 8 WHERE name = 'y'"]);
    b.does(&["UPDATE account SET n = 7 WHERE name = 'x'"]);
    a.does(&["COMMIT"]);
    b.gives(ALL, "7 8");
}

/// A session sees its own writes by SQL, by id and along edges, whichever way they were written.
#[test]
fn own_writes_are_seen_in_every_read() {
    let (db, [a, b]) = sessions::<2>(GRAPH);
    a.does(&["BEGIN", LINK]);
    let write = |session: &Sql, name: &str| {
        session.0.write(|tx| {
            let person = tx.catalog().get("person").unwrap().id;
            let values =
                tx.resolve_properties(person, Properties::from([("name".into(), Value::from(name))]))?;
            Ok(tx.insert_node(person, None, values)?.1)
        })
    };
    let cid: NodeId = write(&a, "cid").unwrap();
    a.gives("SELECT name FROM person ORDER BY name", "ann bob cid");
    a.does(&["INSERT INTO follows (from_id, to_id) SELECT b.id, c.id FROM person b, person c WHERE b.name = 'bob' AND c.name = 'cid'"]);
    let view = a.0.view();
    assert_eq!(view.node(cid).unwrap().unwrap().properties["name"], Value::from("cid"));
    let ann: NodeId = a.run("SELECT id FROM person WHERE name = 'ann'").unwrap().parse().unwrap();
    let any = aresadb::graph::EdgeFilter::named(view.catalog(), aresadb::Direction::Out, &[]).unwrap();
    let path = |view: &_| aresadb::graph::shortest_path(view, ann, cid, &any, &CancelToken::new());
    assert_eq!(path(&view).unwrap().unwrap().edges.len(), 2);
    assert!(path(&b.0.view()).is_err(), "no such node outside");
    // A statement that fails on the way takes all of itself back.
    let failed = a.0.write(|tx| {
        tx.delete(view.row_of(cid.0)?.unwrap())?;
        Err::<(), _>(Error::bad_input("changed my mind"))
    });
    assert_eq!(failed.unwrap_err().message(), "changed my mind");
    assert!(a.0.view().node(cid).unwrap().is_some() && db.node(cid).unwrap().is_none());
    a.0.commit().unwrap();
    assert_eq!(path(&b.0.view()).unwrap().unwrap().edges.len(), 2);
    // Without a transaction a write is one of its own.
    write(&a, "dan").unwrap();
    b.gives("SELECT count(*) FROM person", "4");
    whole(&db);
}

#[test]
fn a_read_only_transaction_reads_and_refuses_to_write() {
    let (_db, [a, b]) = sessions::<2>(ACCOUNTS);
    a.0.begin(true).unwrap();
    assert_eq!(a.0.transaction_state(), TransactionState::Open { read_only: true, started: false });
    a.gives(ALL, "50 50");
    for sql in ["DELETE FROM account", "CREATE TABLE t (n INTEGER)", "DROP TABLE account"] {
        a.fails(sql, ErrorKind::ReadOnly);
    }
    assert_eq!(a.0.write(|_| Ok(())).unwrap_err().kind(), ErrorKind::ReadOnly);
    b.does(&["DELETE FROM account"]);
    a.does(&["SAVEPOINT s", "ROLLBACK TO s"]);
    a.gives(ALL, "50 50");
    assert_eq!(a.0.transaction_state(), TransactionState::Open { read_only: true, started: true });
    a.0.rollback().unwrap();
    a.gives(ALL, "");
}

#[test]
fn a_session_that_goes_away_rolls_back() {
    let (db, [a, b]) = sessions::<2>(ACCOUNTS);
    let again = a.0.clone();
    a.does(&["BEGIN", "DELETE FROM account"]);
    drop(a);
    let again = Sql(again);
    again.gives(ALL, "");
    drop(again);
    b.gives(ALL, "50 50");
    // What is left is the database's own and what the other session holds, as any session does.
    let left = Arc::strong_count(db.store());
    let c = Sql(db.session().unwrap());
    c.gives(ALL, "50 50");
    assert_eq!(Arc::strong_count(db.store()) - left, left - 1, "of the session that is gone nothing is left");
}
