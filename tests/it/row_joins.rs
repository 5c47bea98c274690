//! Joins of ids compare row handles, and give what joins of the ids' texts give.

use aresadb::columnar::value_at;
use aresadb::{Database, Session, Value};

fn rows(session: &Session, sql: &str) -> Vec<Vec<Value>> {
    let batches = session.database().executor().block_on(session.query(sql, &[]));
    let batches = batches.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let row = |batch: &arrow::array::RecordBatch, row| {
        let schema = batch.schema();
        let cells = batch.columns().iter().zip(schema.fields().iter());
        cells.map(|(array, field)| value_at(array, field, row)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

fn execute(session: &Session, sql: &str) {
    session
        .database()
        .executor()
        .block_on(session.execute(sql, &[]))
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Conditions stand as `{a = b}`: once as they are, once over texts made from the ids.
fn both(session: &Session, template: &str) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let on_ids = template.replace(['{', '}'], "");
    let mut on_texts = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (condition, behind) = after.split_once('}').unwrap();
        let (a, b) = condition.split_once(" = ").unwrap();
        on_texts += &format!("{before}concat({a}, '') = concat({b}, '')");
        rest = behind;
    }
    on_texts += rest;
    let sorted = |sql: &str| {
        let mut found = rows(session, sql);
        found.sort_by_cached_key(|row| format!("{row:?}"));
        found
    };
    let plan = |sql: &str| {
        rows(session, &format!("EXPLAIN {sql}"))
            .into_iter()
            .flatten()
            .map(|v| v.to_text())
            .collect::<String>()
    };
    // A count of paths compares none.
    assert!(
        plan(&on_ids).contains('$') || plan(&on_ids).contains("Traverse"),
        "{on_ids}: no handles\n{}",
        plan(&on_ids)
    );
    assert!(!plan(&on_texts).contains('$'), "{on_texts}: handles");
    (sorted(&on_ids), sorted(&on_texts))
}

fn people() -> Session {
    let session = Database::in_memory().unwrap().session().unwrap();
    for sql in [
        "CREATE TABLE person (name TEXT, age INT)",
        "CREATE TABLE city (name TEXT)",
        "CREATE EDGE TABLE knows (FROM person TO person, since INT)",
        "CREATE EDGE TABLE lives (FROM person TO city)",
        "INSERT INTO person SELECT 'p' || i, i % 60 FROM generate_series(0, 199) AS g(i)",
        "INSERT INTO city SELECT 'c' || i FROM generate_series(0, 9) AS g(i)",
        "INSERT INTO knows (from_id, to_id, since) SELECT a.id, b.id, a.age FROM person a, person b \
         WHERE (a.age * 7 + b.age * 13) % 31 = 3 AND a.age < 55",
        "INSERT INTO lives (from_id, to_id) SELECT p.id, c.id FROM person p, city c WHERE p.age % 9 = 1 + CAST(substr(c.name, 2) AS INT)",
    ] {
        execute(&session, sql);
    }
    session
}

const JOINS: &[&str] = &[
    "SELECT a.name, b.name, k.since FROM person a JOIN knows k ON {k.from_id = a.id} JOIN person b ON {k.to_id = b.id}",
    "SELECT count(*) FROM knows x JOIN knows y ON {x.to_id = y.from_id}",
    "SELECT a.id, count(k.since) FROM person a LEFT JOIN knows k ON {k.from_id = a.id} GROUP BY a.id",
    "SELECT a.name, k.id FROM knows k RIGHT JOIN person a ON {k.to_id = a.id} AND k.since > 10",
    "SELECT a.name, l.to_id FROM person a FULL JOIN lives l ON {l.from_id = a.id} AND a.age > 30",
    "SELECT name FROM person p WHERE EXISTS (SELECT 1 FROM lives l WHERE {l.from_id = p.id})",
    "SELECT name FROM person p WHERE NOT EXISTS (SELECT 1 FROM knows k WHERE {k.from_id = p.id} AND k.since < 20)",
    "WITH k AS (SELECT from_id AS f, to_id AS t, since FROM knows WHERE since < 30) \
     SELECT p.name, k.since FROM k JOIN person p ON {k.t = p.id} WHERE p.age < 40",
    "SELECT x.f, y.name FROM (SELECT k.from_id AS f, l.to_id AS c FROM knows k JOIN lives l ON {k.to_id = l.from_id}) x \
     JOIN city y ON {x.c = y.id}",
    "SELECT p.name FROM (SELECT to_id FROM knows ORDER BY since, to_id LIMIT 20) k JOIN person p ON {p.id = k.to_id}",
    "SELECT a.name FROM person a, knows k, person b WHERE {a.id = k.from_id} AND {k.to_id = b.id} AND b.age = 3",
    "SELECT x.id, y.id FROM knows x JOIN knows y ON {x.from_id = y.to_id} AND {x.to_id = y.from_id} WHERE x.since = y.since",
    "SELECT p.name, x.way FROM (SELECT from_id AS i, 'out' AS way FROM knows UNION ALL SELECT to_id, 'in' FROM knows \
     UNION ALL SELECT from_id, 'lives' FROM lives) x JOIN person p ON {x.i = p.id}",
    "SELECT a.id, a._id, k._to_id FROM person a JOIN knows k ON {a._id = k._from_id} WHERE k.since = 4",
];

#[test]
fn joins_on_handles_give_what_joins_on_ids_give() {
    let session = people();
    let check = |told: &str| {
        let mut found = 0;
        for join in JOINS {
            let (on_ids, on_texts) = both(&session, join);
            assert_eq!(on_ids.len(), on_texts.len(), "{told}: {join}");
            assert_eq!(on_ids, on_texts, "{told}: {join}");
            found += on_ids.len();
        }
        assert!(found > 1000, "{told}: {found} rows");
    };
    check("in memtables");
    session.database().store().checkpoint().unwrap();
    check("flushed");
    execute(&session, "BEGIN");
    execute(&session, "DELETE FROM person WHERE age % 4 = 0");
    execute(&session, "INSERT INTO person (name, age) VALUES ('new', 3)");
    execute(
        &session,
        "INSERT INTO knows (from_id, to_id, since) SELECT a.id, b.id, 4 FROM person a, person b WHERE a.name = 'new' AND b.age < 9",
    );
    check("uncommitted");
    execute(&session, "COMMIT");
    check("committed");
}

#[test]
fn columns_of_other_tables_are_compared_as_they_are() {
    let session = people();
    execute(&session, "CREATE TABLE note (about UUID, text TEXT)");
    execute(&session, "INSERT INTO note SELECT id, 'about ' || name FROM person WHERE age < 5");
    let found = rows(&session, "SELECT count(*) FROM note n JOIN person p ON n.about = p.id");
    assert_eq!(found, rows(&session, "SELECT count(*) FROM person WHERE age < 5"));
    // A property that has the name of a column of handles, or of an id.
    execute(&session, "CREATE TABLE odd (\"$row\" INT, id TEXT)");
    execute(&session, "INSERT INTO odd SELECT 1, name FROM person WHERE age < 5");
    let found = rows(
        &session,
        "SELECT sum(o.\"$row\") FROM odd o JOIN odd q ON o._id = q._id JOIN person p ON p.name = o.id",
    );
    assert_eq!(found, rows(&session, "SELECT count(*) FROM person WHERE age < 5"));
}
