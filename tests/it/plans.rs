//! Plans that are kept: a statement that comes again gives what it would give if it were planned anew.

use aresadb::Value;
use aresadb::model::CancelToken;

use super::isolation::{Sql, sessions};

const TABLES: &[&str] = &[
    "CREATE TABLE a (k INT, x TEXT)",
    "CREATE TABLE b (k INT, y TEXT)",
    "INSERT INTO a VALUES (1, 'one'), (2, 'two')",
    "INSERT INTO b VALUES (2, 'zwei'), (3, 'drei')",
];
const JOIN: &str = "SELECT x, y FROM a JOIN b ON a.k = b.k ORDER BY x";

#[test]
fn a_plan_reads_the_data_of_now() {
    let (_db, [one, two]) = sessions(TABLES);
    for _ in 0..2 {
        one.gives(JOIN, "two|zwei");
    }
    two.does(&["INSERT INTO a VALUES (3, 'three')"]);
    one.gives(JOIN, "three|drei two|zwei");
    one.does(&["BEGIN", "DELETE FROM b WHERE k = 2"]);
    one.gives(JOIN, "three|drei");
    two.gives(JOIN, "three|drei two|zwei");
    one.does(&["ROLLBACK"]);
    one.gives(JOIN, "three|drei two|zwei");
    // A kept plan takes the transaction's snapshot as any statement does.
    one.does(&["BEGIN"]);
    one.gives(JOIN, "three|drei two|zwei");
    two.does(&["DELETE FROM a"]);
    one.gives(JOIN, "three|drei two|zwei");
    one.does(&["COMMIT"]);
    one.gives(JOIN, "");
}

#[test]
fn a_plan_holds_as_long_as_the_definitions_do() {
    let (_db, [one, two]) = sessions(TABLES);
    let all = "SELECT * FROM a ORDER BY k";
    let twice = |sql: &Sql, query: &str, expected: &str| {
        sql.gives(query, expected);
        sql.gives(query, expected);
    };
    twice(&one, all, "1|one 2|two");
    two.does(&["ALTER TABLE a ADD COLUMN n INT DEFAULT 7"]);
    twice(&one, all, "1|one|7 2|two|7");
    // What is not committed yet counts in its own session alone, and not after ROLLBACK.
    one.does(&["BEGIN", "ALTER TABLE a DROP COLUMN x"]);
    twice(&one, all, "1|7 2|7");
    twice(&two, all, "1|one|7 2|two|7");
    one.does(&["ROLLBACK"]);
    twice(&one, all, "1|one|7 2|two|7");
    one.does(&[
        "BEGIN",
        "ALTER TABLE a RENAME COLUMN n TO m",
        "ROLLBACK",
        "BEGIN",
        "ALTER TABLE a RENAME COLUMN x TO n2",
    ]);
    assert!(one.run("SELECT m FROM a").is_err());
    twice(&one, "SELECT n2 FROM a ORDER BY 1", "one two");
    one.does(&["ROLLBACK"]);
    assert!(one.run("SELECT n2 FROM a ORDER BY 1").is_err());
    // Views.
    two.does(&["CREATE VIEW v AS SELECT k FROM a WHERE k > 1"]);
    twice(&one, "SELECT * FROM v ORDER BY 1", "2");
    two.does(&["CREATE OR REPLACE VIEW v AS SELECT k FROM a WHERE k < 2"]);
    twice(&one, "SELECT * FROM v ORDER BY 1", "1");
    two.does(&["DROP VIEW v", "CREATE TABLE v (t TEXT)", "INSERT INTO v VALUES ('table')"]);
    twice(&one, "SELECT * FROM v ORDER BY 1", "table");
    two.does(&["DROP TABLE v"]);
    assert!(one.run("SELECT * FROM v ORDER BY 1").is_err());
    // A type that its rows extend.
    two.does(&["INSERT INTO thing (p) VALUES (1)"]);
    let columns = |sql: &Sql| sql.run("SELECT * FROM thing ORDER BY p LIMIT 1").unwrap().split('|').count();
    assert_eq!([columns(&one), columns(&one)], [2, 2]);
    two.does(&["INSERT INTO thing (p, q) VALUES (2, 'new')"]);
    assert_eq!([columns(&one), columns(&one)], [3, 3]);
}

#[test]
fn what_changes_by_itself_is_computed_anew() {
    let (db, [sql]) = sessions(TABLES);
    for query in [
        "SELECT now() FROM a LIMIT 1",
        "SELECT random() FROM a LIMIT 1",
        "SELECT (SELECT max(random()) FROM b) FROM a LIMIT 1",
    ] {
        let first = sql.run(query).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert_ne!(first, sql.run(query).unwrap(), "{query}");
    }
    // Prepared statements: the same words, another meaning.
    sql.does(&["PREPARE p AS SELECT x FROM a WHERE k = 1"]);
    sql.gives("EXECUTE p", "one");
    sql.gives("EXECUTE p", "one");
    sql.does(&["DEALLOCATE p", "PREPARE p AS SELECT y FROM b WHERE k = 3"]);
    sql.gives("EXECUTE p", "drei");
    // Parameters.
    let session = db.session().unwrap();
    for k in [1i64, 2, 3, 2] {
        let (params, cancel) = ([Value::Integer(k)], CancelToken::new());
        let run = session.run("SELECT x FROM a WHERE k + 0 = $1", &params, &cancel);
        let aresadb::StatementResult::Rows(rows) = db.executor().block_on(run).unwrap() else {
            panic!("no rows")
        };
        let batches = db.executor().block_on(rows.collect()).unwrap();
        let found: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(found, usize::from(k < 3), "{k}");
    }
    // Settings, and errors that come again with their place.
    for _ in 0..2 {
        sql.does(&["SET row_limit = 1"]);
        assert!(sql.run("SELECT k FROM a ORDER BY k").unwrap_err().message().contains("row_limit"));
        sql.does(&["RESET row_limit"]);
        sql.gives("SELECT k FROM a ORDER BY k", "1 2");
        let error = sql.run("SELECT k / (k - 1) FROM a ORDER BY k").unwrap_err();
        assert_eq!(error.sqlstate(), "22012", "{error}");
    }
    // Rows come in the order of their insertion each time.
    sql.does(&["INSERT INTO a SELECT v, 'x' FROM generate_series(3, 40000) AS g(v)"]);
    let listed = "SELECT k FROM a WHERE k < 10 OR k > 39995";
    let first = sql.run(listed).unwrap();
    assert!(first.starts_with("1 2 3 4") && first.ends_with("39999 40000"), "{first}");
    sql.gives(listed, &first);
}

/// Prints how long a short query takes with and without a kept plan; the figures are no test.
#[test]
fn a_short_query_is_faster_with_its_plan() {
    let (_db, [sql]) = sessions(TABLES);
    let mut took = Vec::new();
    // Another text each time has no plan.
    let texts: [Vec<String>; 2] =
        [(0..50).map(|n| format!("{JOIN} LIMIT {}", n + 10)).collect(), vec![JOIN.to_owned(); 50]];
    for texts in &texts {
        let started = std::time::Instant::now();
        for text in texts {
            sql.gives(text, "two|zwei");
        }
        took.push(started.elapsed() / 50);
    }
    println!("a join of two rows: {:?} planned each time, {:?} with its plan", took[0], took[1]);
}

#[test]
fn a_semi_join_is_asked_before_a_join_that_keeps_every_row() {
    let (_db, [one, _two]) = sessions(&[
        "CREATE TABLE a (k INT, x INT)",
        "CREATE TABLE b (k INT, y INT)",
        "CREATE TABLE c (x INT)",
        "INSERT INTO a SELECT i, i % 10 FROM generate_series(1, 100) AS s(i)",
        "INSERT INTO b SELECT i % 50, i FROM generate_series(1, 200) AS s(i)",
        "INSERT INTO c VALUES (3), (4), (NULL), (3)",
    ]);
    let first = |query: &str| {
        let plan = one.run(&format!("EXPLAIN {query}")).unwrap();
        let at = |what: &str| plan.find(what).unwrap_or_else(|| panic!("no {what} in {plan}"));
        if at("Inner Join") < at("LeftSemi Join") { "semi join" } else { "join" }
    };
    let counted = |condition: &str| {
        format!(
            "SELECT count(*), sum(b.y) FROM a JOIN b ON a.k = b.k WHERE a.x IN (SELECT x FROM c){condition}"
        )
    };
    assert_eq!(first(&counted("")), "semi join");
    one.gives(&counted(""), "40|3940");
    // The join may leave few rows to ask.
    assert_eq!(first(&counted(" AND b.y = 7")), "join");
    one.gives(&counted(" AND b.y = 3"), "1|3");
    // A condition on the table itself changes nothing, nor does a third table.
    assert_eq!(first(&counted(" AND a.x > 3")), "semi join");
    let three = "SELECT count(*) FROM b, a, b AS d
        WHERE a.k = b.k AND b.y = d.y AND EXISTS (SELECT 1 FROM c WHERE c.x = a.x)";
    assert_eq!(first(three), "semi join");
    one.gives(three, "40");
    // What is not there decides nothing early: rows without a partner stay.
    one.gives("SELECT count(*) FROM a LEFT JOIN b ON a.k = b.k WHERE a.x IN (SELECT x FROM c)", "50");
    one.gives("SELECT count(*) FROM a JOIN b ON a.k = b.k WHERE a.x NOT IN (SELECT x FROM c)", "0");
}
