//! SQL end to end on a store in memory: statements and what they give, worked out by hand after
//! PostgreSQL's documentation.

use std::sync::Arc;

use aresadb::bus::Page;
use aresadb::model::{CancelToken, Error, ErrorKind, FixedClock, IdGenerator, PropertyType, Value};
use aresadb::query::{Outcome, SqlOptions, SqlSession, error_from, property_type_of};
use aresadb::storage::{RedbBackend, Store, StoreOptions};
use futures::StreamExt as _;
use tokio::runtime::{Builder, Runtime};

/// A database in memory and a session on it.
struct Db {
    runtime: Runtime,
    store: Arc<Store>,
    session: SqlSession,
}

/// What a statement gave.
#[derive(Debug, PartialEq)]
enum Gave {
    Rows(Vec<String>, Vec<Vec<Value>>),
    Done(String, u64, Option<String>),
}

impl Db {
    fn new() -> Self {
        let options = StoreOptions {
            // 2024-01-01T00:00:00Z, one second a look.
            compression: false,
            transaction_max_bytes: 64 << 20,
            ..StoreOptions::new(
                Arc::new(FixedClock::new(1_704_067_200_000_000, 1_000_000)),
                Arc::new(IdGenerator::seeded(1)),
            )
        };
        let store = Store::open(Box::new(RedbBackend::memory().unwrap()), None, options).unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_stack_size(64 << 20)
            .enable_all()
            .build()
            .unwrap();
        let session = SqlSession::new(Arc::clone(&store), SqlOptions::default()).unwrap();
        Self { runtime, store, session }
    }

    fn run_with(&mut self, sql: &str, params: &[Value]) -> Result<Gave, Error> {
        let session = &mut self.session;
        self.runtime.block_on(async {
            match session.run(sql, params, &CancelToken::new()).await? {
                Outcome::Done(done) => Ok(Gave::Done(done.verb, done.rows, done.note)),
                Outcome::Rows { schema, mut stream, .. } => {
                    let names = schema.fields().iter().map(|f| f.name().clone()).collect();
                    let mut rows = Vec::new();
                    while let Some(batch) = stream.next().await {
                        let page = Page::new(0, batch.map_err(|e| error_from(&e, sql))?);
                        for row in 0..page.rows() {
                            rows.push((0..page.columns()).map(|column| page.value(row, column)).collect());
                        }
                    }
                    Ok(Gave::Rows(names, rows))
                }
            }
        })
    }

    fn run(&mut self, sql: &str) -> Result<Gave, Error> {
        self.run_with(sql, &[])
    }

    /// The rows as text: columns by `|`, rows by a space or a line.
    fn text_with(&mut self, sql: &str, params: &[Value]) -> String {
        match self.run_with(sql, params) {
            Ok(Gave::Rows(_, rows)) => rows.iter().map(|row| line(row)).collect::<Vec<_>>().join(" / "),
            Ok(Gave::Done(verb, rows, note)) => {
                format!("{verb} {rows}{}", note.map(|n| format!(" ({n})")).unwrap_or_default())
            }
            Err(e) => format!("{:?}: {}{}", e.kind(), e.message(), place(&e)),
        }
    }

    fn text(&mut self, sql: &str) -> String {
        self.text_with(sql, &[])
    }

    fn names(&mut self, sql: &str) -> Vec<String> {
        match self.run(sql).unwrap() {
            Gave::Rows(names, _) => names,
            Gave::Done(..) => panic!("no rows: {sql}"),
        }
    }

    fn fails(&mut self, sql: &str) -> Error {
        match self.run(sql) {
            Err(error) => error,
            Ok(gave) => panic!("{sql} gave {gave:?}"),
        }
    }

    fn check(&mut self, table: &[(&str, &str)]) {
        let wrong: Vec<String> = table
            .iter()
            .filter_map(|(sql, expected)| {
                let got = self.text(sql);
                (got != *expected).then(|| format!("{sql}\n   expected: {expected}\n        got: {got}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), table.len(), wrong.join("\n"));
    }
}

fn line(row: &[Value]) -> String {
    row.iter()
        .map(|v| if v.is_null() { "NULL".to_owned() } else { v.to_text() })
        .collect::<Vec<_>>()
        .join("|")
}

fn place(error: &Error) -> String {
    error.place().map(|p| format!(" @ {p}")).unwrap_or_default()
}

/// People and whom they follow.
fn social() -> Db {
    let mut db = Db::new();
    for sql in [
        "CREATE TABLE person (name TEXT NOT NULL, age INTEGER, city TEXT)",
        "INSERT INTO person VALUES ('Ann', 30, 'Oslo'), ('Bob', 25, 'Rome'), ('Cid', NULL, 'Oslo'), ('Dan', 41, NULL)",
        "CREATE EDGE TABLE follows (FROM person TO person, since INTEGER)",
        "INSERT INTO follows SELECT a.id, b.id, 2020 FROM person a, person b WHERE a.name = 'Ann' AND b.name <> 'Ann'",
        "INSERT INTO follows (from_id, to_id) SELECT a.id, b.id FROM person a, person b WHERE a.name = 'Bob' AND b.name = 'Ann'",
    ] {
        let gave = db.text(sql);
        assert!(gave.starts_with("INSERT") || gave.starts_with("CREATE"), "{sql}: {gave}");
    }
    db
}

#[test]
fn queries_give_what_postgresql_gives() {
    let mut db = social();
    db.check(&[
        ("SELECT 1 + 1, 'a' || 'b', NULL", "2|ab|NULL"),
        ("SELECT * FROM person", "Ann|30|Oslo / Bob|25|Rome / Cid|NULL|Oslo / Dan|41|NULL"),
        ("SELECT name FROM person WHERE age > 26 ORDER BY age DESC", "Dan / Ann"),
        ("SELECT name FROM person WHERE age > 26 OR city = 'Oslo' ORDER BY name", "Ann / Cid / Dan"),
        ("SELECT name FROM person WHERE NOT (age > 26)", "Bob"),
        ("SELECT name FROM person WHERE age IS NULL", "Cid"),
        ("SELECT count(*), count(age), sum(age), min(name), max(city) FROM person", "4|3|96|Ann|Rome"),
        ("SELECT avg(age) FROM person", "32.0"),
        ("SELECT city, count(*) FROM person GROUP BY city ORDER BY city", "Oslo|2 / Rome|1 / NULL|1"),
        ("SELECT city FROM person GROUP BY city HAVING count(*) > 1", "Oslo"),
        ("SELECT DISTINCT city FROM person WHERE city IS NOT NULL ORDER BY 1", "Oslo / Rome"),
        ("SELECT name FROM person ORDER BY age NULLS FIRST LIMIT 2", "Cid / Bob"),
        ("SELECT name FROM person ORDER BY age LIMIT 1 OFFSET 3", "Cid"),
        ("SELECT name FROM person LIMIT 2", "Ann / Bob"),
        ("SELECT count(*) FROM person LIMIT 0", ""),
        ("SELECT a.name, b.name FROM follows f JOIN person a ON a.id = f.from_id JOIN person b ON b.id = f.to_id ORDER BY 1, 2",
         "Ann|Bob / Ann|Cid / Ann|Dan / Bob|Ann"),
        ("SELECT p.name, count(f.id) FROM person p LEFT JOIN follows f ON f.to_id = p.id GROUP BY p.name ORDER BY 1",
         "Ann|1 / Bob|1 / Cid|1 / Dan|1"),
        ("SELECT name FROM person p WHERE EXISTS (SELECT * FROM follows f WHERE f.from_id = p.id) ORDER BY 1", "Ann / Bob"),
        ("SELECT name FROM person p WHERE NOT EXISTS (SELECT 1 FROM follows f WHERE f.from_id = p.id) ORDER BY 1", "Cid / Dan"),
        ("SELECT name FROM person WHERE id IN (SELECT to_id FROM follows WHERE since = 2020) ORDER BY 1", "Bob / Cid / Dan"),
        ("SELECT name FROM person WHERE age NOT IN (25, NULL)", ""),
        ("SELECT name FROM person WHERE age NOT IN (SELECT age FROM person WHERE name = 'Cid')", ""),
        ("WITH t AS (SELECT * FROM person WHERE city = 'Oslo') SELECT count(*) FROM t", "2"),
        ("WITH person AS (SELECT name FROM person WHERE age > 40) SELECT * FROM person", "Dan"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n", "15"),
        ("SELECT name, rank() OVER (ORDER BY age DESC NULLS LAST) FROM person ORDER BY 2, 1", "Dan|1 / Ann|2 / Bob|3 / Cid|4"),
        ("SELECT name FROM person UNION SELECT city FROM person ORDER BY 1", "Ann / Bob / Cid / Dan / Oslo / Rome / NULL"),
        ("SELECT city FROM person EXCEPT SELECT 'Oslo' ORDER BY 1", "Rome / NULL"),
        ("SELECT name FROM person WHERE name LIKE 'A%' OR name ILIKE '%AN'", "Ann / Dan"),
        ("SELECT CASE WHEN age >= 30 THEN 'old' WHEN age < 30 THEN 'young' ELSE '?' END FROM person", "old / young / ? / old"),
        ("SELECT coalesce(city, '-'), nullif(name, 'Ann') FROM person WHERE name IN ('Ann', 'Dan')", "Oslo|NULL / -|Dan"),
        ("SELECT (SELECT max(age) FROM person), name FROM person WHERE age = (SELECT min(age) FROM person)", "41|Bob"),
        ("SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b) WHERE a = 2", "2|y"),
        ("SELECT x.n FROM person AS x(n, a, c) WHERE x.a = 30", "Ann"),
        ("SELECT date_trunc('month', TIMESTAMP '2024-05-17 10:00:00')", "2024-05-01T00:00:00Z"),
        ("SELECT DATE '2024-02-28' + INTERVAL '2 days'", "2024-03-01T00:00:00Z"),
        ("SELECT TIMESTAMP '0001-01-01 00:00:00', TIMESTAMP '9999-12-31 23:59:59'", "0001-01-01T00:00:00Z|9999-12-31T23:59:59Z"),
        ("SELECT CAST('7' AS INTEGER), CAST(3000000000 AS INTEGER), '2.5'::FLOAT", "7|3000000000|2.5"),
        ("SELECT CAST(2.345 AS DECIMAL(10,2))", "2.35"),
        ("SELECT 7 / 2, 7 % 2, -7 / 2, 7.0 / 2", "3|1|-3|3.50000000000000000000"),
    ]);
}

#[test]
fn star_shows_what_was_declared_and_hides_the_system_s_columns() {
    let mut db = social();
    db.run("INSERT INTO note (text, stars) VALUES ('hi', 3)").unwrap();
    assert_eq!(db.names("SELECT * FROM person"), ["name", "age", "city"]);
    assert_eq!(db.names("SELECT p.*, f.since FROM person p, follows f"), ["name", "age", "city", "since"]);
    assert_eq!(db.names("SELECT * FROM follows"), ["from_id", "to_id", "since"]);
    assert_eq!(db.names("SELECT * FROM note"), ["id", "text", "stars"]);
    assert_eq!(db.names("SELECT * FROM (SELECT * FROM note) n"), ["id", "text", "stars"]);
    assert_eq!(
        db.names("SELECT * FROM person a JOIN person b USING (city)"),
        ["city", "name", "age", "name", "age"]
    );
    assert_eq!(db.names("SELECT * FROM person a NATURAL JOIN person b"), ["name", "age", "city"]);
    assert_eq!(
        db.names("SELECT * FROM person a NATURAL JOIN follows b"),
        ["name", "age", "city", "from_id", "to_id", "since"]
    );
    assert_eq!(
        db.names("SELECT * FROM person a RIGHT JOIN person b USING (age)"),
        ["age", "name", "city", "name", "city"]
    );
    assert_eq!(
        db.names("SELECT count(*), age + 1, name, name, max(p.city) AS name FROM person p GROUP BY age + 1, name ORDER BY age + 1, count(*)"),
        ["count(*)", "age + 1", "name", "name", "name"]
    );
    assert_eq!(
        db.fails("SELECT * FROM person NATURAL JOIN (SELECT 1 AS name) x").kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn system_columns_are_there_when_named() {
    let mut db = social();
    let Gave::Rows(_, rows) =
        db.run("SELECT id, _id, created_at, updated_at FROM person WHERE name = 'Ann'").unwrap()
    else {
        panic!("no rows");
    };
    let [Value::Uuid(id), same, Value::Timestamp(created), Value::Timestamp(updated)] = rows[0].as_slice()
    else {
        panic!("{rows:?}");
    };
    assert_eq!((Value::Uuid(*id), created), (same.clone(), updated));
    let mut check = |sql: String, expected: &str| assert_eq!(db.text(&sql), expected, "{sql}");
    check(format!("SELECT name FROM person WHERE id = '{id}'"), "Ann");
    check(format!("SELECT name FROM person WHERE _id IN ('{id}', 'no id')"), "Ann");
    check(format!("SELECT name FROM person WHERE id = '{id}' AND age = 31"), "");
    check(format!("SELECT count(*) FROM follows WHERE from_id = '{id}'"), "3");
    check(format!("SELECT count(*) FROM follows WHERE to_id = '{id}'"), "1");
    check(format!("SELECT count(*) FROM follows WHERE to_id <> '{id}'"), "3");
    check(format!("SELECT name FROM person WHERE id = '{}'", id.to_string().to_uppercase()), "Ann");
    assert_eq!(db.text_with("SELECT name FROM person WHERE id = $1", &[Value::Uuid(*id)]), "Ann");
    let plan = db.text(&format!("EXPLAIN SELECT name FROM person WHERE id = '{id}' AND age > 20"));
    assert!(plan.contains("IndexLookup: person.id (1 key), Filter: age > 20"), "{plan}");
    let plan = db.text_with(
        "EXPLAIN SELECT name FROM person WHERE id = $1 OR id = $2",
        &[Value::Uuid(*id), Value::from("x")],
    );
    assert!(plan.contains("IndexLookup: person.id (1 key)"), "{plan}");
    let plan = db.text("EXPLAIN SELECT name FROM person LIMIT 3");
    assert!(plan.contains("TableScan: person (4 rows), Limit: 3"), "{plan}");
    db.run("CREATE TABLE doc (id INTEGER, updated_at TEXT)").unwrap();
    db.run("INSERT INTO doc VALUES (7, 'never')").unwrap();
    db.check(&[("SELECT id, updated_at FROM doc WHERE id = 7", "7|never")]);
    let Ok(Gave::Rows(_, rows)) = db.run("SELECT _id FROM doc") else { panic!("no rows") };
    assert!(matches!(rows[0][0], Value::Uuid(_)));
}

#[test]
fn parameters_stand_for_values_of_every_kind() {
    let mut db = social();
    let mut check = |sql: &str, params: &[Value], expected: &str| {
        assert_eq!(db.text_with(sql, params), expected, "{sql}");
    };
    check("SELECT name FROM person WHERE age = $1", &[Value::Integer(25)], "Bob");
    check(
        "SELECT name FROM person WHERE name = $2 AND age > $1",
        &[Value::Integer(1), Value::from("Ann")],
        "Ann",
    );
    check("SELECT name FROM person ORDER BY name LIMIT $1", &[Value::Integer(1)], "Ann");
    check("SELECT $1, $2", &[Value::from("x"), Value::Null], "x|NULL");
    check("INSERT INTO person VALUES ($1, $2)", &[Value::from("Eve"), Value::Integer(7)], "INSERT 1");
    check(
        "UPDATE person SET age = age + $1 WHERE name = $2",
        &[Value::Integer(1), Value::from("Eve")],
        "UPDATE 1",
    );
    check("SELECT age FROM person WHERE name = 'Eve'", &[], "8");
    check("DELETE FROM person WHERE name = $1", &[Value::from("Eve")], "DELETE 1");
    check(
        "SELECT $2",
        &[Value::Integer(1)],
        "BadInput: $2 has no value: 1 parameters are given @ line 1, column 8",
    );
}

#[test]
fn inserting_makes_types_and_properties_and_fits_values() {
    let mut db = Db::new();
    db.check(&[
        ("INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT 1 (table t was made)"),
        ("INSERT INTO t (a, c) VALUES (2, 2.5), (3, 3)", "INSERT 2"),
        ("SELECT a, b, c FROM t", "1|x|NULL / 2|NULL|2.5 / 3|NULL|3.0"),
        ("INSERT INTO t (a) VALUES ('5'), (2 + 4), (DEFAULT)", "INSERT 3"),
        ("SELECT a FROM t WHERE a > 4 OR a IS NULL", "5 / 6 / NULL"),
        ("INSERT INTO t (a) SELECT a * 10 FROM t WHERE a < 3", "INSERT 2"),
        ("SELECT sum(a) FROM t", "47"),
        ("INSERT INTO t VALUES (1)", "BadInput: t is not declared: its columns have no order @ line 1, column 13"),
        ("INSERT INTO t (a) VALUES ('abc')", "BadInput: t.a: 'abc' is not of type INTEGER"),
        ("INSERT INTO t (a, a) VALUES (1, 2)", "BadInput: a is named twice @ line 1, column 19"),
        ("INSERT INTO t (a, b) VALUES (1)", "BadInput: 1 value for 2 columns"),
        ("INSERT INTO t (a, b) VALUES (1, 'y'), (2)", "BadInput: rows of VALUES have different numbers of values"),
        ("INSERT INTO t (created_at) VALUES (now())", "Constraint: created_at is a system column: it is set by the database @ line 1, column 16"),
        ("SELECT count(*) FROM t", "8"),
        ("CREATE TABLE d (n INTEGER NOT NULL, s TEXT DEFAULT 'none', at DATE DEFAULT DATE '2024-01-01', r FLOAT DEFAULT 1 + 0.5)", "CREATE TABLE 0"),
        ("INSERT INTO d VALUES (1), (2)", "INSERT 2"),
        ("INSERT INTO d (n, s) VALUES (3, NULL), (4, DEFAULT)", "INSERT 2"),
        ("INSERT INTO d (n) SELECT n + 10 FROM d WHERE n < 3", "INSERT 2"),
        ("SELECT * FROM d", "1|none|2024-01-01|1.5 / 2|none|2024-01-01|1.5 / 3|NULL|2024-01-01|1.5 / 4|none|2024-01-01|1.5 / 11|none|2024-01-01|1.5 / 12|none|2024-01-01|1.5"),
        ("INSERT INTO d VALUES (1, 'a', DATE '2024-01-01', 1.0, 5)", "BadInput: 5 values for 4 columns"),
        ("INSERT INTO d (s) VALUES ('x')", "Constraint: d.n must not be NULL"),
        ("INSERT INTO d (n, x) VALUES (1, 2)", "NotFound: d has no column x @ line 1, column 19"),
        ("INSERT INTO d (n) VALUES (1.5)", "Constraint: d.n is INTEGER, the value given is FLOAT: 1.5"),
        ("SELECT count(*) FROM d", "6"),
        ("CREATE TABLE o (a INTEGER) WITH (open = true)", "CREATE TABLE 0"),
        ("INSERT INTO o (a, b) VALUES (1, 'new')", "INSERT 1"),
        ("SELECT b FROM o", "new"),
        ("INSERT INTO nowhere VALUES (1)", "NotFound: no table nowhere @ line 1, column 13"),
    ]);
}

#[test]
fn edges_join_nodes_that_exist() {
    let mut db = social();
    let ann = "00000000-0000-7000-8000-000000000001";
    db.check(&[
        (&format!("INSERT INTO person (id, name) VALUES ('{ann}', 'Zoe')"), "INSERT 1"),
        (
            &format!("INSERT INTO person (id, name) VALUES ('{ann}', 'Zoe')"),
            &format!("Constraint: the id {ann} is already taken"),
        ),
        (
            "INSERT INTO person (id, name) VALUES ('nonsense', 'Zoe')",
            "BadInput: person.id: 'nonsense' is not of type UUID",
        ),
        (
            &format!("INSERT INTO likes (from_id, to_id, how) VALUES ('{ann}', '{ann}', 'much')"),
            "INSERT 1 (table likes was made)",
        ),
        (&format!("SELECT from_id, how FROM likes WHERE to_id = '{ann}'"), &format!("{ann}|much")),
        (
            "INSERT INTO likes (from_id, to_id) VALUES ('00000000-0000-7000-8000-0000000000ff', NULL)",
            "NotFound: likes.from_id: there is no node with the id 00000000-0000-7000-8000-0000000000ff",
        ),
        (
            &format!("INSERT INTO likes (from_id, to_id) VALUES ('{ann}', NULL)"),
            "Constraint: likes.to_id must not be NULL: an edge needs both its ends",
        ),
        (
            &format!("INSERT INTO likes (from_id, how) VALUES ('{ann}', 'no end')"),
            "Constraint: likes.to_id must not be NULL: an edge needs both its ends",
        ),
        (
            "UPDATE likes SET to_id = from_id",
            "Constraint: to_id is a system column: it is set by the database @ line 1, column 18",
        ),
        ("DELETE FROM person WHERE name = 'Zoe'", "DELETE 1 (1 edge deleted with the nodes)"),
        ("SELECT count(*) FROM likes", "0"),
        ("DELETE FROM person WHERE name = 'Ann'", "DELETE 1 (4 edges deleted with the nodes)"),
        ("SELECT count(*) FROM follows", "0"),
    ]);
}

#[test]
fn updates_change_exactly_the_rows_meant() {
    let mut db = social();
    db.check(&[
        ("UPDATE person SET age = age + 1", "UPDATE 4"),
        ("SELECT name, age FROM person", "Ann|31 / Bob|26 / Cid|NULL / Dan|42"),
        ("UPDATE person SET age = 50, city = upper(city) WHERE age > 30 AND city IS NOT NULL", "UPDATE 1"),
        ("SELECT * FROM person WHERE name = 'Ann'", "Ann|50|OSLO"),
        ("UPDATE person p SET city = (SELECT max(name) FROM person x WHERE x.age = p.age - 8) WHERE p.age = 50", "UPDATE 1"),
        ("SELECT city FROM person WHERE name = 'Ann'", "Dan"),
        ("UPDATE person SET age = NULL WHERE name IN (SELECT name FROM person WHERE city = 'Rome')", "UPDATE 1"),
        ("SELECT name FROM person WHERE age IS NULL ORDER BY 1", "Bob / Cid"),
        ("UPDATE person SET age = v.a FROM (VALUES ('Bob', 1), ('Cid', 2), ('Cid', 3)) AS v(n, a) WHERE v.n = person.name", "UPDATE 2"),
        ("SELECT age FROM person WHERE name = 'Bob'", "1"),
        ("UPDATE person p SET city = (SELECT max(name) FROM person x WHERE x.age < p.age)",
         "Unsupported: a subquery of this form is not supported"),
        ("UPDATE person SET name = NULL WHERE name = 'Bob'", "Constraint: person.name must not be NULL"),
        ("UPDATE person SET age = 'x'", "BadInput: person.age: 'x' is not of type INTEGER"),
        ("UPDATE person SET age = name", "Constraint: person.age is INTEGER, the value given is TEXT: 'Ann'"),
        ("UPDATE person SET id = 'x'", "Constraint: id is a system column: it is set by the database @ line 1, column 19"),
        ("UPDATE person SET agee = 1", "NotFound: person has no column agee @ line 1, column 19"),
        ("UPDATE person SET (age, city) = (9, 'Bern') WHERE name = 'Dan'", "UPDATE 1"),
        ("SELECT * FROM person WHERE name = 'Dan'", "Dan|9|Bern"),
        ("UPDATE nobody SET a = 1", "NotFound: no table nobody @ line 1, column 8"),
        ("UPDATE person SET age = 1 WHERE nme = 'Ann'", "NotFound: no column nme @ line 1, column 33"),
    ]);
}

#[test]
fn deletes_take_exactly_the_rows_meant() {
    let rest = |condition: &str| {
        let mut db = Db::new();
        db.run("CREATE TABLE t (a INTEGER, b INTEGER)").unwrap();
        db.run("INSERT INTO t VALUES (1, 1), (2, NULL), (3, 3), (4, 4), (NULL, 5)").unwrap();
        db.run("CREATE TABLE s (a INTEGER)").unwrap();
        db.run("INSERT INTO s VALUES (1), (3)").unwrap();
        let deleted = db.text(&format!("DELETE FROM t {condition}"));
        format!("{deleted}: {}", db.text("SELECT a, b FROM t"))
    };
    for (condition, expected) in [
        ("WHERE a IN (SELECT a FROM s)", "DELETE 2: 2|NULL / 4|4 / NULL|5"),
        ("WHERE a NOT IN (SELECT a FROM s)", "DELETE 2: 1|1 / 3|3 / NULL|5"),
        ("WHERE a NOT IN (SELECT b FROM t)", "DELETE 0: 1|1 / 2|NULL / 3|3 / 4|4 / NULL|5"),
        ("WHERE a IN (SELECT a FROM s WHERE false)", "DELETE 0: 1|1 / 2|NULL / 3|3 / 4|4 / NULL|5"),
        ("WHERE EXISTS (SELECT 1 FROM s WHERE s.a = t.a)", "DELETE 2: 2|NULL / 4|4 / NULL|5"),
        ("WHERE NOT EXISTS (SELECT 1 FROM s WHERE s.a = t.a)", "DELETE 3: 1|1 / 3|3"),
        ("WHERE a = 4 OR b = 3", "DELETE 2: 1|1 / 2|NULL / NULL|5"),
        ("WHERE a IN (SELECT a FROM s) OR b = 5", "DELETE 3: 2|NULL / 4|4"),
        ("WHERE b > (SELECT avg(a) FROM s)", "DELETE 3: 1|1 / 2|NULL"),
        ("WHERE false", "DELETE 0: 1|1 / 2|NULL / 3|3 / 4|4 / NULL|5"),
        ("WHERE NULL", "DELETE 0: 1|1 / 2|NULL / 3|3 / 4|4 / NULL|5"),
        ("AS x WHERE x.a = 1", "DELETE 1: 2|NULL / 3|3 / 4|4 / NULL|5"),
        ("USING s WHERE s.a = t.b", "DELETE 2: 2|NULL / 4|4 / NULL|5"),
        ("USING s WHERE t.a > s.a", "DELETE 3: 1|1 / NULL|5"),
        ("", "DELETE 5: "),
    ] {
        assert_eq!(rest(condition), expected, "DELETE FROM t {condition}");
    }
}

#[test]
fn types_are_declared_and_dropped() {
    let mut db = Db::new();
    db.check(&[
        ("CREATE TABLE a (x INTEGER)", "CREATE TABLE 0"),
        ("CREATE TABLE a (x INTEGER)", "Constraint: there is already a node type 'a' @ line 1, column 14"),
        ("CREATE TABLE IF NOT EXISTS a (y TEXT)", "CREATE TABLE 0 (a exists, nothing was done)"),
        ("CREATE EDGE TABLE e (FROM a TO nowhere)", "NotFound: no table nowhere @ line 1, column 32"),
        ("CREATE EDGE TABLE e (FROM a TO a, w FLOAT)", "CREATE EDGE TABLE 0"),
        ("CREATE EDGE TABLE IF NOT EXISTS e", "CREATE EDGE TABLE 0 (e exists, nothing was done)"),
        ("DROP TABLE a", "Constraint: edge type 'e' is declared over 'a' @ line 1, column 12"),
        ("SHOW TABLES", "a / e"),
        ("DESCRIBE a", "x|bigint|YES"),
        ("SELECT table_name, column_name FROM information_schema.columns WHERE table_name = 'e' ORDER BY ordinal_position",
         "e|from_id / e|to_id / e|w"),
        ("INSERT INTO a VALUES (1), (2)", "INSERT 2"),
        ("DROP TABLE e", "DROP TABLE 0"),
        ("DROP TABLE a", "DROP TABLE 2"),
        ("DROP TABLE a", "NotFound: no table a @ line 1, column 12"),
        ("DROP TABLE IF EXISTS a", "DROP TABLE 0 (a did not exist)"),
        ("SELECT * FROM a", "NotFound: no table a @ line 1, column 15"),
        ("CREATE TABLE p (a INTEGER REFERENCES a (x))", "NotFound: no table a @ line 1, column 38"),
        ("CREATE TABLE p (a MONEY)", "Unsupported: the type MONEY @ line 1, column 17"),
        ("CREATE TABLE p (_id TEXT)", "BadInput: the name _id belongs to a system column @ line 1, column 17"),
        ("CREATE TABLE p (a INTEGER, a TEXT)", "Constraint: property 'a' is declared twice @ line 1, column 14"),
        ("CREATE VIEW v AS SELECT 1 AS one", "CREATE VIEW 0"),
        ("SHOW TABLES", "v"),
        ("DESCRIBE v", "one|bigint|YES"),
    ]);
}

#[test]
fn every_type_keeps_its_values() {
    let mut db = Db::new();
    db.check(&[
        ("CREATE TABLE v (b BOOLEAN, i BIGINT, f DOUBLE PRECISION, s TEXT, ts TIMESTAMP, d DATE, t TIME, iv INTERVAL, dec DECIMAL(10,2), u UUID, by BYTEA, j JSON, e VECTOR(2))", "CREATE TABLE 0"),
        ("INSERT INTO v VALUES (true, 9223372036854775807, 0.1, 'é', '2024-05-17 10:00:00', '2024-05-17', '10:00', '1 month 2 days', 12.345, '0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47', '\\x00ff', '{\"a\": [1, 2]}', ARRAY[1, 0.5])", "INSERT 1"),
        ("INSERT INTO v (b) VALUES (NULL)", "INSERT 1"),
        ("SELECT * FROM v LIMIT 1", "true|9223372036854775807|0.1|é|2024-05-17T10:00:00Z|2024-05-17|10:00:00|1 mon 2 days|12.35|0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47|\\x00ff|{\"a\":[1,2]}|[1.0,0.5]"),
        ("SELECT count(*) FROM v WHERE ts = '2024-05-17 10:00:00' AND d < '2024-05-18' AND dec > 12.3 AND u = '0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47'", "1"),
        ("SELECT j->'a', j->>'a', json_get_int(j, 'a', 1) FROM v LIMIT 1", "[1,2]|[1,2]|2"),
        ("SELECT ts + INTERVAL '1 day', extract(year FROM ts) FROM v LIMIT 1", "2024-05-18T10:00:00Z|2024"),
        ("UPDATE v SET e = '[3, 4]', j = '[null]', dec = dec * 2 WHERE b", "UPDATE 1"),
        ("SELECT e, j, dec FROM v WHERE b", "[3.0,4.0]|[null]|24.70"),
        ("INSERT INTO v (e) VALUES ('[1]')", "BadInput: v.e: a vector of 1 dimensions does not fit VECTOR(2)"),
        ("INSERT INTO v (j) VALUES ('{bad')", "BadInput: v.j: not valid JSON: a name in double quotes is expected at byte 2"),
        ("INSERT INTO v (dec) VALUES (123456789.1)", "BadInput: v.dec: 123456789.1 does not fit DECIMAL(10,2)"),
        ("INSERT INTO v (i) VALUES (9223372036854775808)", "BadInput: v.i: 9223372036854775808 is out of the range of 64-bit integers"),
        ("INSERT INTO w (x) SELECT j FROM v WHERE b", "INSERT 1 (table w was made)"),
        ("SELECT x FROM w", "[null]"),
    ]);
    let Ok(Gave::Rows(_, rows)) = db.run("SELECT j, e, u, by FROM v WHERE b") else { panic!("no rows") };
    assert_eq!(rows[0][0], Value::Array(vec![Value::Null]));
    assert_eq!(rows[0][1], Value::Vector(vec![3.0, 4.0]));
    assert!(matches!(rows[0][2], Value::Uuid(_)));
    assert_eq!(rows[0][3], Value::Bytes(vec![0, 255]));
}

#[test]
fn errors_say_where_and_what_may_be_meant() {
    let mut db = social();
    let mut check = |sql: &str, kind: ErrorKind, at: &str, message: &str, hint: Option<&str>| {
        let error = db.fails(sql);
        let place = error.place().map(ToString::to_string).unwrap_or_default();
        assert_eq!((error.kind(), place.as_str(), error.message()), (kind, at, message), "{sql}: {error:?}");
        if let Some(hint) = hint {
            assert_eq!(error.hint(), Some(hint), "{sql}");
        }
    };
    use ErrorKind::{BadInput, NotFound, Unsupported};
    check(
        "SELECT nme FROM person",
        NotFound,
        "line 1, column 8",
        "no column nme",
        Some("did you mean name?"),
    );
    check(
        "SELECT name\nFROM persn",
        NotFound,
        "line 2, column 6",
        "no table persn",
        Some("did you mean person?"),
    );
    check(
        "SELECT p.agee FROM person p",
        NotFound,
        "line 1, column 8",
        "no column p.agee",
        Some("did you mean age?"),
    );
    check(
        "SELECT id FROM person a, person b",
        BadInput,
        "line 1, column 8",
        "the column id is ambiguous",
        None,
    );
    check(
        "SELECT name FROM person WHERE",
        BadInput,
        "line 1, column 30",
        "expected an expression, found end of the statement",
        None,
    );
    check("SELECT 'open", BadInput, "line 1, column 8", "unterminated string literal", None);
    check("SELECT nosuch(1)", NotFound, "line 1, column 8", "invalid function 'nosuch'", None);
    check("SELECT 1; SELECT 2", BadInput, "line 1, column 11", "unexpected 'SELECT'", None);
    check(
        "COPY person TO '/tmp/x'",
        Unsupported,
        "",
        "COPY person is not supported",
        Some("use the import and export commands"),
    );
    check("SELECT * FROM '/etc/passwd'", NotFound, "", "no table /etc/passwd", None);
    check("SET a = 1", Unsupported, "", "the setting a is not supported", None);
    check(
        "EXPLAIN ANALYZE DELETE FROM person",
        Unsupported,
        "",
        "EXPLAIN ANALYZE of a statement that writes is not supported",
        None,
    );
    assert_eq!(db.text("SELECT count(*) FROM person"), "4");
}

#[test]
fn no_wrong_answer_passes() {
    let mut db = social();
    db.check(&[
        ("SELECT a.name, since FROM person a RIGHT JOIN (SELECT 'Zoe' AS name, 1 AS since) b USING (name)", "NULL|1"),
        ("SELECT name, since FROM person a RIGHT JOIN (SELECT 'Zoe' AS name, 1 AS since) b USING (name)", "Zoe|1"),
        ("SELECT * FROM (SELECT 'Zoe' AS name, 1 AS since) b LEFT JOIN person a USING (name)", "Zoe|1|NULL|NULL"),
        ("SELECT name, name, age, age FROM person WHERE name = 'Ann'", "Ann|Ann|30|30"),
        ("SELECT city, sum(age) FROM person GROUP BY city ORDER BY 1", "Oslo|30 / Rome|25 / NULL|41"),
        ("SELECT name, sum(age) OVER (ORDER BY name ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM person ORDER BY 1", "Ann|30 / Bob|55 / Cid|25 / Dan|41"),
        ("SELECT 1 IS DISTINCT FROM 1 OR true", "true"),
        ("SELECT false AND NULL IS NOT DISTINCT FROM NULL", "false"),
        ("SELECT 9223372036854775807 + 1", "BadInput: number out of range: overflow happened on: 9223372036854775807 + 1"),
        ("SELECT age * 9223372036854775807 FROM person", "BadInput: number out of range: overflow happened on: 30 * 9223372036854775807"),
        ("SELECT 1.0 / 0", "BadInput: division by zero"),
        ("SELECT 1 / 0", "BadInput: division by zero"),
        ("SELECT age / 0.0 FROM person", "BadInput: division by zero"),
        ("SELECT ln(0)", "BadInput: ln is not defined for its argument, or its result is out of range"),
        ("SELECT sqrt(25 - age) FROM person", "BadInput: cannot take square root of a negative number"),
        ("SELECT exp(1000), 1", "BadInput: exp is not defined for its argument, or its result is out of range"),
        ("SELECT sqrt(16), ln(1), power(2, 10), round(log(1000)), sqrt(NULL)", "4.0|0.0|1024.0|3.0|NULL"),
        ("SELECT age FROM person EXCEPT ALL SELECT 1 ORDER BY 1", "25 / 30 / 41 / NULL"),
        ("SELECT age FROM person INTERSECT ALL SELECT 1", ""),
        ("SELECT name FROM person a FULL JOIN person b USING (name) ORDER BY name", "Ann / Bob / Cid / Dan"),
        ("SELECT name FROM person WHERE age >= ALL (SELECT age FROM person)", ""),
        ("SELECT name FROM person WHERE age < ANY (SELECT age FROM person) ORDER BY name", "Ann / Bob"),
        ("SELECT name FROM person WHERE age = ANY (SELECT 25)", "Bob"),
        ("SELECT name FROM person WHERE age <> ALL (SELECT 25) ORDER BY 1", "Ann / Dan"),
        ("SELECT sum(age) OVER (w ORDER BY age) FROM person WINDOW w AS (PARTITION BY city) ORDER BY name", "30 / 25 / 30 / 41"),
        ("SELECT name FROM person FOR UPDATE", "Unsupported: FOR UPDATE is not supported"),
        ("SELECT a.name, b.since FROM person a RIGHT JOIN follows b ON a.id = b.from_id AND a.name = 'Ann' WHERE a.name IS NULL", "NULL|NULL"),
        ("SELECT sum(x) FROM (VALUES (9223372036854775807), (1)) AS v(x)", "BadInput: number out of range: the sum is 9223372036854775808"),
    ]);
}

#[test]
fn explain_shows_the_plan_and_runs_nothing() {
    let mut db = social();
    let plan = db.text("EXPLAIN DELETE FROM person WHERE age > 30");
    assert!(plan.contains("TableScan: person (4 rows), Filter: age > 30"), "{plan}");
    assert_eq!(db.text("SELECT count(*) FROM person"), "4");
    let plan = db.text("EXPLAIN ANALYZE SELECT name FROM person WHERE age > 30");
    assert!(plan.contains("output_rows=1"), "{plan}");
}

#[test]
fn columns_of_results_have_types() {
    let mut db = social();
    let runtime = &db.runtime;
    let session = &mut db.session;
    let types: Vec<PropertyType> = runtime.block_on(async {
        let sql = "SELECT id, name, age, created_at, age > 1, age * 1.5 FROM person";
        match session.run(sql, &[], &CancelToken::new()).await.unwrap() {
            Outcome::Rows { schema, .. } => schema.fields().iter().map(|f| property_type_of(f)).collect(),
            Outcome::Done(_) => panic!("no rows"),
        }
    });
    use PropertyType::{Boolean, Decimal, Integer, String, Timestamp, Uuid};
    let decimal = Decimal { precision: 22, scale: 1 };
    assert_eq!(types, [Uuid, String, Integer, Timestamp, Boolean, decimal]);
}

#[test]
fn a_raised_token_ends_a_statement() {
    let mut db = Db::new();
    db.run("CREATE TABLE t (a INTEGER)").unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let session = &mut db.session;
    let refused = db.runtime.block_on(session.run("SELECT * FROM t", &[], &cancel));
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Cancelled);
    let error = db.runtime.block_on(async {
        let cancel = CancelToken::new();
        let sql = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
        let Outcome::Rows { mut stream, .. } = session.run(sql, &[], &cancel).await.unwrap() else {
            panic!("no rows");
        };
        cancel.cancel();
        let first = stream.next().await.unwrap();
        assert!(stream.next().await.is_none());
        error_from(&first.unwrap_err(), sql)
    });
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_failed_statement_changes_nothing() {
    let mut db = social();
    db.fails("INSERT INTO person (name, age) VALUES ('Eve', 1), (NULL, 2)");
    db.fails("INSERT INTO fresh (a) VALUES (1), ('x')");
    db.check(&[("SELECT count(*) FROM person", "4"), ("SHOW TABLES", "follows / person")]);
    let view = db.store.view();
    assert!(view.catalog().get("fresh").is_none());
}

#[test]
fn large_types_are_read_whole_and_in_order() {
    let mut db = Db::new();
    db.check(&[
        (
            "INSERT INTO n (i, s) SELECT i, 'row ' || i FROM generate_series(1, 40000) AS g(i)",
            "INSERT 40000 (table n was made)",
        ),
        ("SELECT count(*), sum(i), min(s), max(i) FROM n", "40000|800020000|row 1|40000"),
        ("SELECT i FROM n LIMIT 3 OFFSET 39990", "39991 / 39992 / 39993"),
        ("SELECT i FROM n WHERE i % 10000 = 0", "10000 / 20000 / 30000 / 40000"),
        ("DELETE FROM n WHERE i > 20000", "DELETE 20000"),
        ("SELECT count(*), sum(i) FROM n", "20000|200010000"),
        ("SELECT count(*) FROM n WHERE s LIKE '%7'", "2000"),
    ]);
}

#[test]
fn statements_at_the_limits_are_planned_and_run() {
    let mut db = Db::new();
    db.run("CREATE TABLE t (a INTEGER)").unwrap();
    db.run("INSERT INTO t VALUES (1), (2)").unwrap();
    assert_eq!(db.text(&format!("SELECT 0{}", " + 1".repeat(499))), "499");
    let chain: Vec<String> = (2..200).map(|i| format!("a = {i}")).collect();
    assert_eq!(db.text(&format!("SELECT a FROM t WHERE {}", chain.join(" OR "))), "2");
    assert_eq!(db.text(&format!("SELECT {}a{} FROM t LIMIT 1", "(".repeat(30), ")".repeat(30))), "1");
    let list: Vec<String> = (2..20_000).map(|i| i.to_string()).collect();
    assert_eq!(db.text(&format!("SELECT a FROM t WHERE a IN ({})", list.join(", "))), "2");
    let rows: Vec<String> = (0..5_000).map(|i| format!("({i})")).collect();
    assert_eq!(db.text(&format!("INSERT INTO t VALUES {}", rows.join(", "))), "INSERT 5000");
    assert!(
        db.text(&format!("SELECT 1{}", " + 1".repeat(501)))
            .starts_with("BadInput: a chain of more than 500 operators of arithmetic")
    );
}

/// What DataFusion makes of subqueries where NULL counts: refused, or right.
#[test]
fn subqueries_where_null_counts_are_refused_or_right() {
    let mut db = Db::new();
    for sql in [
        "CREATE TABLE t (k INTEGER, a INTEGER, d BOOLEAN)",
        "INSERT INTO t VALUES (1, 1, true), (2, 2, false), (3, NULL, true), (4, 9, NULL)",
        "CREATE TABLE u (a INTEGER)",
        "INSERT INTO u VALUES (1), (NULL)",
        "CREATE TABLE v (a INTEGER)",
        "INSERT INTO v VALUES (1), (2)",
    ] {
        db.run(sql).unwrap();
    }
    let not_in = "Unsupported: NOT IN (SELECT ...) here is not supported";
    let aggregate =
        "Unsupported: EXISTS over a correlated subquery with an aggregate or OFFSET is not supported";
    db.check(&[
        ("SELECT k FROM t WHERE a NOT IN (SELECT a FROM u) OR k = 3", "3"),
        ("SELECT k FROM t WHERE NOT (a IN (SELECT a FROM u) AND k > 3) ORDER BY k", "1 / 2 / 3"),
        ("UPDATE t SET k = 0 WHERE a NOT IN (SELECT a FROM u WHERE u.a = t.a)", not_in),
        ("SELECT k FROM t WHERE NULL NOT IN (SELECT a FROM u)", ""),
        ("SELECT k FROM t WHERE (a IN (SELECT a FROM u)) IS NULL ORDER BY k", "2 / 3 / 4"),
        ("SELECT k FROM t WHERE (a IN (SELECT a FROM u)) = d", "1"),
        ("SELECT k FROM t WHERE EXISTS (SELECT max(a) FROM u WHERE u.a = t.a)", aggregate),
        ("SELECT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a OFFSET 1)", aggregate),
        (
            "SELECT t.k FROM t LEFT JOIN v ON t.a = v.a AND NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.k)",
            "Unsupported: a subquery in the condition of an outer join is not supported",
        ),
        (
            "SELECT sum(k) OVER w2 FROM t WINDOW w AS (PARTITION BY d), w2 AS (w ORDER BY k) ORDER BY k",
            "1 / 2 / 4 / 4",
        ),
        ("SELECT * FROM t NATURAL JOIN u NATURAL JOIN v", "1|1|true"),
        ("SELECT count(*) FROM t", "4"),
        ("SELECT k FROM t WHERE a NOT IN (SELECT a FROM u) ORDER BY k", ""),
        ("SELECT k FROM t WHERE a NOT IN (SELECT a FROM v) ORDER BY k", "4"),
        ("SELECT k FROM t WHERE NOT (a IN (SELECT a FROM v)) ORDER BY k", "4"),
        ("SELECT k FROM t WHERE a IN (SELECT a FROM u) OR k = 4 ORDER BY k", "1 / 4"),
        (
            "SELECT k FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a) OR k = 1 ORDER BY k",
            "1 / 2 / 3 / 4",
        ),
        ("SELECT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a LIMIT 1)", "1"),
        ("DELETE FROM t WHERE a NOT IN (SELECT a FROM v)", "DELETE 1"),
        ("SELECT k FROM t ORDER BY k", "1 / 2 / 3"),
    ]);
}

/// Literals are what was written, whatever the column they are compared with is stored as.
#[test]
fn literals_are_exact_beside_decimals_and_uuids() {
    let mut db = Db::new();
    db.check(&[
        ("CREATE TABLE d (x DECIMAL(38,10))", "CREATE TABLE 0"),
        ("INSERT INTO d VALUES (12345678901234567890.1234567891)", "INSERT 1"),
        ("UPDATE d SET x = x + 0.0000000001", "UPDATE 1"),
        ("SELECT x FROM d", "12345678901234567890.1234567892"),
        ("SELECT count(*) FROM d WHERE x > 0.5 AND x BETWEEN 0.1 AND 1e20", "1"),
        ("SELECT count(*) FROM d WHERE x = 12345678901234567890.1234567892", "1"),
        ("INSERT INTO f (x) VALUES (9007199254740993), (2.5)", "Constraint: f.x is FLOAT, the value given is INTEGER: 9007199254740993"),
        ("INSERT INTO f (x) VALUES (9007199254740992), (2.5)", "INSERT 2 (table f was made)"),
        ("SELECT x FROM f ORDER BY x", "2.5 / 9.007199254740992e15"),
        ("CREATE TABLE p (a INTEGER, u UUID)", "CREATE TABLE 0"),
        ("INSERT INTO p (id, a, u) VALUES ('00000000-0000-7000-8000-00000000000A', 1, '00000000-0000-7000-8000-00000000000B')", "INSERT 1"),
        ("DELETE FROM p WHERE id <> '00000000-0000-7000-8000-00000000000A'", "DELETE 0"),
        ("SELECT a FROM p WHERE id = '00000000-0000-7000-8000-00000000000A' OR a = 99", "1"),
        ("SELECT a FROM p WHERE id NOT IN ('00000000-0000-7000-8000-00000000000A')", ""),
        ("SELECT a FROM p WHERE u = '0000000000007000800000000000000B'", "1"),
        ("SELECT a FROM p WHERE u <> '00000000-0000-7000-8000-00000000000B'::uuid", ""),
    ]);
}

#[test]
fn transactions_are_begun_divided_and_ended_as_postgresql_writes_it() {
    let mut db = social();
    let ages = "SELECT sum(age) FROM person";
    db.check(&[
        ("BEGIN", "BEGIN 0"),
        ("UPDATE person SET age = 0", "UPDATE 4"),
        ("SAVEPOINT one", "SAVEPOINT 0"),
        ("UPDATE person SET age = 1", "UPDATE 4"),
        ("EXPLAIN SELECT 1 FROM person WHERE false", &db_explain()),
        ("ROLLBACK TO SAVEPOINT ONE", "ROLLBACK 0"),
        (ages, "0"),
        ("ROLLBACK WORK TO one", "ROLLBACK 0"),
        ("SAVEPOINT \"One\"", "SAVEPOINT 0"),
        ("RELEASE one", "RELEASE 0"),
        ("RELEASE \"One\"", "NotFound: there is no savepoint 'One'"),
        ("ABORT", "ROLLBACK 0"),
        (ages, "96"),
    ]);
    for (begin, verb) in [
        ("BEGIN WORK", "BEGIN 0"),
        ("begin transaction read write", "BEGIN 0"),
        ("START TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", "START TRANSACTION 0"),
        ("START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE", "START TRANSACTION 0"),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN 0"),
        ("BEGIN ISOLATION LEVEL SNAPSHOT", "BEGIN 0"),
    ] {
        for (end, ended) in [
            ("COMMIT", "COMMIT 0"),
            ("COMMIT TRANSACTION AND NO CHAIN", "COMMIT 0"),
            ("END", "COMMIT 0"),
            ("END WORK", "COMMIT 0"),
            ("ROLLBACK", "ROLLBACK 0"),
            ("ABORT TRANSACTION", "ROLLBACK 0"),
        ] {
            db.check(&[(begin, verb), (ages, "96"), (end, ended)]);
        }
    }
}

fn db_explain() -> String {
    social().text("EXPLAIN SELECT 1 FROM person WHERE false")
}

#[test]
fn what_transactions_do_not_do_is_refused_and_changes_nothing() {
    let mut db = social();
    let none = "BadInput: no transaction is open";
    for sql in ["COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT s", "RELEASE s", "ROLLBACK TO s"] {
        assert_eq!(db.text(sql), none, "{sql}");
    }
    let unsupported = [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "ISOLATION LEVEL SERIALIZABLE is not supported"),
        ("BEGIN READ ONLY, ISOLATION LEVEL SERIALIZABLE", "ISOLATION LEVEL SERIALIZABLE is not supported"),
        ("SET TRANSACTION READ ONLY", "SET TRANSACTION is not supported"),
    ];
    for (sql, says) in unsupported {
        assert_eq!(db.text(sql), format!("Unsupported: {says}"));
    }
    for sql in ["BEGIN IMMEDIATE", "BEGIN NOT DEFERRABLE", "BEGIN 1", "SAVEPOINT", "ABORT TO s"] {
        assert_eq!(db.fails(sql).kind(), ErrorKind::BadInput, "{sql}");
    }
    assert_eq!(
        db.text("BEGIN READ ONLY, READ WRITE"),
        "BadInput: READ ONLY and READ WRITE exclude each other"
    );
    assert_eq!(db.text("COMMIT"), none, "none of these opened one");
    db.check(&[
        ("BEGIN", "BEGIN 0"),
        ("DELETE FROM person WHERE name = 'Dan'", "DELETE 1 (1 edge deleted with the nodes)"),
        ("BEGIN", "BadInput: a transaction is open already"),
        ("START TRANSACTION READ ONLY", "BadInput: a transaction is open already"),
        ("COMMIT AND CHAIN", "Unsupported: AND CHAIN is not supported"),
        ("ROLLBACK AND CHAIN", "Unsupported: AND CHAIN is not supported"),
        ("ROLLBACK TO s", "NotFound: there is no savepoint 's'"),
        ("EXPLAIN BEGIN", "Unsupported: BEGIN is not supported"),
        ("SELECT count(*) FROM person", "3"),
        ("COMMIT", "COMMIT 0"),
        ("SELECT count(*) FROM person", "3"),
    ]);
}

#[test]
fn a_read_only_session_has_transactions_too() {
    let mut db = social();
    let options = SqlOptions { read_only: true, ..SqlOptions::default() };
    db.session = SqlSession::new(Arc::clone(&db.store), options).unwrap();
    db.check(&[
        ("BEGIN READ WRITE", "ReadOnly: the session is read-only"),
        ("BEGIN", "BEGIN 0"),
        ("SELECT count(*) FROM person", "4"),
        ("DELETE FROM person", "ReadOnly: the session is read-only"),
        ("COMMIT", "COMMIT 0"),
    ]);
}
