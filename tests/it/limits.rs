//! Limits of statements: time, memory, and the stop that a caller asks for.

use aresadb::model::{CancelToken, Error, ErrorKind, Value};
use aresadb::{Database, OpenOptions, Session, StatementResult};

use crate::cli::Shell;

/// Rows that no statement over them gets through.
const ENDLESS: &str = "generate_series(1, 3000000000)";

fn database() -> Database {
    let db = Database::in_memory().unwrap();
    let sql = "CREATE TABLE t (n INTEGER, s TEXT); \
               INSERT INTO t SELECT v, CAST(v * 7919 % 100003 AS TEXT) FROM generate_series(1, 20000) AS g(v)";
    let session = db.session().unwrap();
    for statement in sql.split("; ") {
        db.executor().block_on(session.execute(statement, &[])).unwrap();
    }
    db
}

/// Runs a statement to its end, and asks for the stop once it has begun.
fn stopped(session: &Session, sql: &str, cancel: &CancelToken) -> Error {
    let executor = session.database().executor().clone();
    let stop = cancel.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(60));
        stop.cancel();
    });
    let error = run(session, sql, cancel).unwrap_err();
    stopper.join().unwrap();
    // The session is as before.
    let batches = executor.block_on(session.query("SELECT count(*) FROM t", &[])).unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 1, "{sql}");
    error
}

fn run(session: &Session, sql: &str, cancel: &CancelToken) -> aresadb::model::Result<usize> {
    session.database().executor().block_on(async {
        match session.run(sql, &[], cancel).await? {
            StatementResult::Done(_) => Ok(0),
            StatementResult::Rows(rows) => Ok(rows.collect().await?.iter().map(|b| b.num_rows()).sum()),
        }
    })
}

fn endless() -> Vec<(&'static str, String)> {
    vec![
        ("scan", format!("SELECT count(*) FROM {ENDLESS} AS g(v) WHERE v < 0")),
        ("sort", format!("SELECT v FROM {ENDLESS} AS g(v) ORDER BY v % 1000, v DESC")),
        ("aggregate", format!("SELECT v % 100000, count(*) FROM {ENDLESS} AS g(v) GROUP BY 1")),
        ("hash join", format!("SELECT count(*) FROM {ENDLESS} AS g(v) JOIN t ON t.n = g.v % 20000")),
        ("nested loops", "SELECT count(*) FROM t a, t b, t c WHERE a.n < b.n AND b.n < c.n".to_owned()),
        ("window", format!("SELECT sum(v) OVER (ORDER BY v) FROM {ENDLESS} AS g(v)")),
        (
            "recursion",
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
                .to_owned(),
        ),
        ("insert", format!("INSERT INTO t SELECT v, 'x' FROM {ENDLESS} AS g(v) WHERE v < 0")),
        ("update", format!("UPDATE t SET s = 'y' WHERE n IN (SELECT v FROM {ENDLESS} AS g(v) WHERE v > 5)")),
        (
            "delete",
            "DELETE FROM t WHERE n IN (SELECT count(*) FROM t a, t b, t c WHERE a.n < b.n)".to_owned(),
        ),
    ]
}

#[test]
fn every_operator_stops_when_it_is_asked_to() {
    let db = database();
    for (what, sql) in endless() {
        let session = db.session().unwrap();
        let error = stopped(&session, &sql, &CancelToken::new());
        assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::Cancelled, "57014"), "{what}: {error}");
    }
    let rows = run(&db.session().unwrap(), "SELECT * FROM t WHERE s <> 'y'", &CancelToken::new()).unwrap();
    assert_eq!(rows, 20_000, "no statement left anything behind");
}

/// A join whose condition no pair fulfils gives no batch: it stops all the same, and the threads it ran on are free
/// for the statements after it.
#[test]
fn a_stopped_join_leaves_its_threads() {
    let database = database();
    let session = database.session().unwrap();
    let (a, b) = ("generate_series(1, 200000) a(i)", "generate_series(1, 200000) b(j)");
    let joins = [
        format!("SELECT count(*) FROM {a}, {b} WHERE a.i * 3 < b.j - 1000000"),
        format!("SELECT count(*) FROM {a} JOIN {b} ON a.i % 2 = b.j % 2 AND a.i * 3 < b.j - 1000000"),
        format!("SELECT sum(a.i * 1.0e0 * b.j) FROM {a}, {b}"),
        format!("SELECT count(b.j) FROM {a} LEFT JOIN {b} ON true"),
        format!("SELECT sum(a.i * 1.0e0 * b.j) FROM {a} JOIN {b} ON a.i % 2 = b.j % 2"),
        format!("SELECT count(*) FROM (SELECT a.i + b.j AS v FROM {a}, {b}) x WHERE v < 0"),
    ];
    // Each holds as many threads as the machine has cores: left running, ten of them would hold all.
    for sql in &joins {
        for _ in 0..10 {
            assert_eq!(stopped(&session, sql, &CancelToken::new()).kind(), ErrorKind::Cancelled, "{sql}");
        }
        assert_eq!(run(&session, "SELECT 1", &CancelToken::new()).unwrap(), 1, "{sql}");
    }
}

#[test]
fn a_statement_has_the_time_it_is_given() {
    let db = database();
    let session = db.session().unwrap();
    let go = |sql: &str| run(&session, sql, &CancelToken::new());
    go("SET statement_timeout = '80ms'").unwrap();
    for (what, sql) in endless() {
        let error = go(&sql).unwrap_err();
        assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::TimedOut, "57014"), "{what}: {error}");
        assert!(error.message().contains("timeout of 80 ms"), "{error}");
    }
    // Inside a transaction the statement alone is undone.
    go("SET statement_timeout TO DEFAULT").unwrap();
    go("BEGIN").unwrap();
    go("INSERT INTO t VALUES (-1, 'mine')").unwrap();
    go("SET statement_timeout = 50").unwrap();
    assert_eq!(go(&endless()[7].1).unwrap_err().kind(), ErrorKind::TimedOut);
    go("SET statement_timeout = 0").unwrap();
    go("COMMIT").unwrap();
    assert_eq!(go("SELECT * FROM t WHERE n = -1").unwrap(), 1);
    assert_eq!(go("SET LOCAL statement_timeout = 5").unwrap_err().kind(), ErrorKind::Unsupported);
    go("RESET statement_timeout").unwrap();
}

/// Statements that are wide or deep, within the limits of the parser.
fn shapes() -> Vec<(&'static str, String)> {
    let nested =
        |open: &str, close: &str, n: usize| format!("SELECT {}n{} FROM t", open.repeat(n), close.repeat(n));
    let list = |item: &dyn Fn(usize) -> String, between: &str, n: usize| {
        (0..n).map(item).collect::<Vec<_>>().join(between)
    };
    let number = |n: usize| n.to_string();
    let equals = |n: usize| format!("n = {n}");
    let either = |n: usize| format!("s = '{n}' AND n <> {n}");
    let column = |n: usize| format!("n + {n} AS c{n}");
    let cte = |n: usize| match n {
        0 => "c0 AS (SELECT n FROM t)".to_owned(),
        n => format!("c{n} AS (SELECT n FROM c{})", n - 1),
    };
    let twice = |n: usize| match n {
        0 => "c0 AS (SELECT n FROM t)".to_owned(),
        n => format!("c{n} AS (SELECT a.n FROM c{0} a JOIN c{0} b USING (n))", n - 1),
    };
    vec![
        ("additions", format!("SELECT n{} FROM t", " + 1".repeat(300))),
        ("too many additions", format!("SELECT n{} FROM t", " + 1".repeat(1_900))),
        ("OR of one column", format!("SELECT n FROM t WHERE {}", list(&equals, " OR ", 900))),
        ("OR of several columns", format!("SELECT n FROM t WHERE {}", list(&either, " OR ", 400))),
        ("IN list", format!("SELECT n FROM t WHERE n IN ({})", list(&number, ", ", 5_000))),
        ("calls", nested("upper(", ")", 40).replace('n', "s")),
        ("calls of two", nested("coalesce(", ", 1)", 40)),
        ("calls of nullif", nested("nullif(", ", 1)", 40)),
        ("calls of abs", nested("abs(", ")", 40)),
        ("calls in calls", nested("substr(concat(", ", 'x'), 1)", 20)),
        ("casts", nested("CAST(CAST(", " AS TEXT) AS BIGINT)", 20)),
        ("parentheses", nested("(", ")", 60)),
        ("CASE", nested("CASE WHEN n > 0 THEN ", " ELSE 0 END", 40)),
        ("concatenation", format!("SELECT s{} FROM t", " || 'x'".repeat(200))),
        ("NOT", format!("SELECT n FROM t WHERE {} n = 1", "NOT ".repeat(1_000))),
        ("columns", format!("SELECT {} FROM t", list(&column, ", ", 1_000))),
        ("subqueries", format!("SELECT {}1{}", "(SELECT ".repeat(30), ")".repeat(30))),
        (
            "subqueries in FROM",
            format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(30), ") AS q".repeat(30)),
        ),
        ("WITH clauses", format!("WITH {} SELECT * FROM c99", list(&cte, ", ", 100))),
        ("WITH clauses read twice", format!("WITH {} SELECT count(*) FROM c4", list(&twice, ", ", 5))),
        ("unions", format!("SELECT 1 UNION ALL {}", vec!["SELECT n FROM t"; 40].join(" UNION ALL "))),
        (
            "joins",
            format!(
                "SELECT count(*) FROM t{}",
                list(&|n| format!(" JOIN t AS j{n} ON j{n}.n = t.n"), "", 12)
            ),
        ),
        (
            "rows of VALUES",
            format!("SELECT count(*) FROM (VALUES {}) AS v(a)", list(&|n| format!("({n})"), ", ", 5_000)),
        ),
    ]
}

#[test]
fn statements_of_any_shape_end() {
    let db = database();
    let session = db.session().unwrap();
    run(&session, "DELETE FROM t WHERE n > 100", &CancelToken::new()).unwrap();
    for (what, sql) in shapes() {
        let started = std::time::Instant::now();
        let ended = run(&session, &sql, &CancelToken::new());
        println!("{what}: {:?}, {}", started.elapsed(), ended.is_ok());
        if let Err(error) = ended {
            assert_eq!(error.kind(), ErrorKind::BadInput, "{what}: {error}");
            assert!(error.to_string().len() < 500, "{what}: {} bytes", error.to_string().len());
        }
    }
}

#[test]
fn a_statement_that_is_being_planned_is_cancelled() {
    let db = database();
    for (what, sql) in shapes() {
        let session = db.session().unwrap();
        let cancel = CancelToken::new();
        let stop = cancel.clone();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(5));
            stop.cancel();
            std::time::Instant::now()
        });
        let ended = run(&session, &sql, &cancel);
        let after = stopper.join().unwrap().elapsed();
        println!("{what}: {after:?} {}", ended.is_ok());
        if let Err(error) = ended {
            assert!([ErrorKind::Cancelled, ErrorKind::BadInput].contains(&error.kind()), "{what}: {error}");
        }
    }
}

/// An endless recursion ends by its rounds, by its memory, and when it is asked to.
#[test]
fn a_recursion_without_end_is_stopped() {
    let db = database();
    let session = db.session().unwrap();
    let endless = |all: &str, columns: &str| {
        format!(
            "WITH RECURSIVE r AS (SELECT 1 AS n, repeat('x', 100) AS s UNION {all} SELECT n + 1, s FROM r) SELECT {columns} FROM r"
        )
    };
    for sql in [endless("ALL", "count(*)"), endless("", "n"), endless("ALL", "max(s)")] {
        run(&session, "SET recursion_limit = 200", &CancelToken::new()).unwrap();
        let error = run(&session, &sql, &CancelToken::new()).unwrap_err();
        assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::BadInput, "53400"), "{error}");
        assert!(error.message().contains("recursion_limit"), "{error}");
        run(&session, "SET recursion_limit = 0", &CancelToken::new()).unwrap();
        let error = stopped(&session, &sql, &CancelToken::new());
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    }
    // Each round doubles the rows: the memory is used up long before the rounds are.
    let folder = tempfile::tempdir().unwrap();
    let create = || OpenOptions { create: true, ..OpenOptions::default() };
    Database::open(folder.path().join("db"), create()).unwrap().set_config("query.memory_mb", "16").unwrap();
    let db = Database::open(folder.path().join("db"), create()).unwrap();
    let session = db.session().unwrap();
    let doubling = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r CROSS JOIN (VALUES (1), (2)) AS v(x)) \
                    SELECT count(*) FROM r";
    let error = run(&session, doubling, &CancelToken::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfSpace, "{error}");
}

#[test]
fn limits_come_from_the_settings_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let create = || OpenOptions { create: true, ..OpenOptions::default() };
    let db = Database::open(folder.path().join("db"), create()).unwrap();
    db.set_config("query.row_limit", "10").unwrap();
    db.set_config("query.recursion_limit", "20").unwrap();
    drop(db);
    let db = Database::open(folder.path().join("db"), create()).unwrap();
    let session = db.session().unwrap();
    let go = |sql: &str| run(&session, sql, &CancelToken::new());
    assert_eq!(go("SELECT v FROM generate_series(1, 10) AS g(v)").unwrap(), 10);
    let error = go("SELECT v FROM generate_series(1, 11) AS g(v)").unwrap_err();
    assert!(error.message().contains("row_limit") && error.sqlstate() == "53400", "{error}");
    let recursion =
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 30) SELECT max(n) FROM r";
    assert!(go(recursion).unwrap_err().message().contains("20 rounds"));
    go("SET recursion_limit = 30").unwrap();
    assert_eq!(go(recursion).unwrap(), 1);
}

#[test]
fn the_program_takes_a_timeout_and_tells_it_from_an_interrupt() {
    let shell = Shell::new();
    let sql = format!("SELECT count(*) FROM {ENDLESS} AS g(v) WHERE v < 0");
    shell.run(&["--timeout", "0.1", "query", &sql]).fails(1, &["stopped by its timeout of 100 ms", "hint: "]);
    shell
        .run(&["--exec", &format!("SET statement_timeout = '100ms'; {sql}")])
        .fails(1, &["timeout of 100 ms"]);
    shell.run(&["--timeout", "60", "query", "SELECT 1"]).ok();
    shell.run(&["--timeout", "0", "query", "SELECT 1"]).fails(2, &["seconds"]);
}

#[test]
fn sorts_use_files_past_their_memory_and_what_cannot_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let create = || OpenOptions { create: true, ..OpenOptions::default() };
    let db = Database::open(&path, create()).unwrap();
    db.set_config("query.memory_mb", "16").unwrap();
    drop(db);
    let db = Database::open(&path, create()).unwrap();
    assert_eq!(db.config().query.memory_mb, 16);
    let session = db.session().unwrap();
    let wide =
        "SELECT v, repeat(CAST(v * 7919 % 1000003 AS TEXT), 20) AS s FROM generate_series(1, 200000) AS g(v)";
    let sorted = format!(
        "SELECT count(*), min(v), max(r) FROM (SELECT v, row_number() OVER (ORDER BY s, v) AS r FROM ({wide}))"
    );
    let batches = db.executor().block_on(session.query(&sorted, &[])).unwrap();
    let cell = |n: usize| aresadb::columnar::value_at(batches[0].column(n), batches[0].schema().field(n), 0);
    assert_eq!([cell(0), cell(1), cell(2)], [200_000, 1, 200_000].map(Value::Integer));
    let join = format!("SELECT count(*) FROM ({wide}) a JOIN ({wide}) b ON a.s = b.s");
    let error = db.executor().block_on(session.query(&join, &[])).unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::OutOfSpace, "53200"), "{error}");
    assert_eq!(run(&session, "SELECT 1", &CancelToken::new()).unwrap(), 1);
}
