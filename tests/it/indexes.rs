//! Indexes and the point path: that they are taken where they should be, and never change an answer.

use aresadb::model::{CancelToken, Value};
use aresadb::{Database, StatementResult};
use proptest::prelude::*;

use super::isolation::{Sql, sessions};

const ROWS: &[&str] = &[
    "CREATE TABLE t (k INT, name TEXT, f DOUBLE PRECISION, d DATE, n DECIMAL(10,2), b BOOLEAN)",
    "INSERT INTO t SELECT v, CASE WHEN v % 7 = 0 THEN NULL ELSE 'n' || (v % 50) END, v / 4.0, \
     DATE '2024-01-01' + CAST(v % 30 AS INTEGER), CAST(v AS DECIMAL(10,2)) / 3, v % 2 = 0 FROM generate_series(1, 1000) AS g(v)",
    "INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL, NULL), (-5, '', -0.0, DATE '0001-01-01', -1.5, NULL), \
     (9007199254740993, 'Ünï', 'NaN', NULL, 0, true), (0, 'n%', 0.0, NULL, 0, false), (1, 'n\\_x', 'Infinity', NULL, 1, true)",
];

const INDEXES: &[&str] = &[
    "CREATE INDEX ON t (k)",
    "CREATE INDEX ON t (name)",
    "CREATE INDEX ON t (f)",
    "CREATE INDEX ON t (d, k)",
    "CREATE INDEX ON t (n)",
    "CREATE INDEX ON t (b, name, k)",
];

#[track_caller]
fn plan(sql: &Sql, query: &str) -> String {
    sql.run(&format!("EXPLAIN {query}")).unwrap()
}

#[test]
fn the_plan_tells_the_index_that_is_taken() {
    let (_db, [sql]) = sessions(ROWS);
    for index in INDEXES {
        sql.does(&[index]);
    }
    for (condition, step) in [
        ("k = 17", "IndexLookup: t.t_k_idx on k (1 key, 1 row)"),
        ("k IN (1, 2, 3)", "IndexLookup: t.t_k_idx on k (3 keys, 4 rows)"),
        ("k = 4 OR k = 5", "IndexLookup: t.t_k_idx on k (2 keys, 2 rows)"),
        ("k > 995", "IndexRange: t.t_k_idx on k"),
        ("k BETWEEN 10 AND 20", "IndexRange: t.t_k_idx on k (11 rows)"),
        ("name LIKE 'n1%'", "TableScan: t"),
        ("name LIKE 'n49%'", "IndexRange: t.t_name_idx on name"),
        ("d = DATE '2024-01-05' AND k < 100", "IndexRange: t.t_d_k_idx on d, k"),
        ("b AND name = 'n4' AND k = 504", "IndexLookup: t.t_k_idx on k"),
        ("n = 1.00", "IndexLookup: t.t_n_idx on n"),
        ("k > 0", "TableScan: t"),
        ("k + 1 = 5", "TableScan: t"),
        ("name LIKE '%4'", "TableScan: t"),
        ("k <> 5", "TableScan: t"),
        ("NOT k = 5", "TableScan: t"),
        ("k = 5 OR f = 1", "TableScan: t"),
    ] {
        let told = plan(&sql, &format!("SELECT * FROM t WHERE {condition}"));
        assert!(told.contains(step), "{condition}:\n{told}");
    }
    sql.does(&["DROP INDEX t_k_idx"]);
    assert!(plan(&sql, "SELECT * FROM t WHERE k = 17").contains("TableScan"));
}

fn any_condition() -> impl Strategy<Value = String> {
    let number = prop_oneof![-6i64..20, Just(504), 990i64..1003, Just(9_007_199_254_740_993)];
    let numbers = || number.clone();
    let operator = || proptest::sample::select(vec!["=", "<", "<=", ">", ">=", "<>"]);
    let text = || proptest::sample::select(vec!["", "n", "n1", "n12", "n%", "n\\_x", "Ü", "o", "N1"]);
    let float = || {
        proptest::sample::select(vec!["0.0", "-0.0", "1.25", "100.5", "'NaN'::float8", "'-Infinity'::float8"])
    };
    let leaf = prop_oneof![
        (operator(), numbers()).prop_map(|(o, n)| format!("k {o} {n}")),
        (operator(), numbers()).prop_map(|(o, n)| format!("{n} {o} k")),
        (numbers(), numbers()).prop_map(|(a, b)| format!("k BETWEEN {a} AND {b}")),
        proptest::collection::vec(numbers(), 1..5).prop_map(|list| {
            let list: Vec<String> = list.iter().map(i64::to_string).collect();
            format!("k IN ({})", list.join(", "))
        }),
        (operator(), text()).prop_map(|(o, t)| format!("name {o} '{t}'")),
        text().prop_map(|t| format!("name LIKE '{t}%'")),
        text().prop_map(|t| format!("name LIKE '{t}_'")),
        (operator(), float()).prop_map(|(o, f)| format!("f {o} {f}")),
        (operator(), 1u8..31).prop_map(|(o, d)| format!("d {o} DATE '2024-01-{d:02}'")),
        (operator(), 0u32..40).prop_map(|(o, n)| format!("n {o} {}.{:02}", n / 3, n)),
        (operator(), numbers()).prop_map(|(o, n)| format!("f {o} {n}")),
        (operator(), float()).prop_map(|(o, f)| format!("k {o} {f}")),
        Just("k IS NULL".to_owned()),
        Just("name IS NOT NULL".to_owned()),
        Just("k = NULL".to_owned()),
        Just("b".to_owned()),
        Just("b = false".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            1 => inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

#[test]
fn an_index_never_changes_an_answer() {
    let (_one, [plain]) = sessions(ROWS);
    let (_two, [indexed]) = sessions(ROWS);
    for index in INDEXES {
        indexed.does(&[index]);
    }
    // What one has not flushed, deleted, or not committed yet counts too.
    for sql in [&plain, &indexed] {
        sql.does(&["DELETE FROM t WHERE k % 11 = 0", "UPDATE t SET k = k + 1 WHERE k % 13 = 0", "BEGIN"]);
        sql.does(&[
            "UPDATE t SET name = 'n12' WHERE k % 17 = 0",
            "INSERT INTO t (k, name) VALUES (504, 'n1')",
        ]);
    }
    let config = ProptestConfig { cases: 150, ..ProptestConfig::default() };
    proptest!(config, |(condition in any_condition())| {
        let query = format!("SELECT k, name, f, d, n, b FROM t WHERE {condition}");
        let (expected, got) = (plain.run(&query), indexed.run(&query));
        prop_assert_eq!(expected.map_err(|e| e.message().to_owned()), got.map_err(|e| e.message().to_owned()), "{}", condition);
    });
}

#[test]
fn the_plan_tells_the_order_that_an_index_has() {
    let (_db, [sql]) = sessions(ROWS);
    for index in INDEXES {
        sql.does(&[index]);
    }
    for (rest, step) in [
        ("ORDER BY k LIMIT 5", "IndexOrder: t.t_k_idx on k, Limit: 5"),
        ("ORDER BY k DESC LIMIT 5", "IndexOrder: t.t_k_idx on k descending, Limit: 5"),
        ("ORDER BY k DESC NULLS LAST LIMIT 5 OFFSET 5", "IndexOrder: t.t_k_idx on k descending, Limit: 10"),
        ("ORDER BY k NULLS FIRST LIMIT 5", "IndexOrder: t.t_k_idx on k, Limit: 5"),
        ("WHERE name <> 'n4' ORDER BY k LIMIT 5", "IndexOrder: t.t_k_idx on k, Filter:"),
        ("WHERE d > DATE '2024-01-02' ORDER BY d, k LIMIT 3", "IndexOrder: t.t_d_k_idx on d, k"),
        ("ORDER BY d DESC, k DESC LIMIT 3", "IndexOrder: t.t_d_k_idx on d, k descending"),
        ("WHERE d = DATE '2024-01-05' ORDER BY k LIMIT 3", "IndexLookup: t.t_d_k_idx on d"),
        ("ORDER BY d, k DESC LIMIT 3", "TableScan: t"),
        ("ORDER BY f, k LIMIT 5", "TableScan: t"),
        ("ORDER BY k LIMIT 500", "TableScan: t"),
        ("ORDER BY k", "TableScan: t"),
        ("ORDER BY k + 1 LIMIT 5", "TableScan: t"),
    ] {
        let told = plan(&sql, &format!("SELECT * FROM t {rest}"));
        assert!(told.contains(step), "{rest}:\n{told}");
    }
    // Computed columns and names of their own stand in nobody's way.
    let told = plan(&sql, "SELECT upper(name) AS title, k AS number FROM t ORDER BY number DESC LIMIT 2");
    assert!(told.contains("IndexOrder: t.t_k_idx"), "{told}");
    sql.gives("SELECT k * 2 AS twice, k AS number FROM t ORDER BY number LIMIT 2", "-10|-5 0|0");
    // Many rows are read in several partitions, whose sorts the index stands for as well.
    sql.does(&["INSERT INTO t (k) SELECT v FROM generate_series(2000, 40000) AS g(v)"]);
    let told = plan(&sql, "SELECT k FROM t ORDER BY k DESC NULLS LAST LIMIT 2");
    assert!(told.contains("IndexOrder: t.t_k_idx on k descending") && !told.contains("SortExec"), "{told}");
    sql.gives("SELECT k FROM t ORDER BY k DESC NULLS LAST LIMIT 3", "9007199254740993 40000 39999");
    // Rows that are too far apart in the index are found by the sort after all.
    sql.gives("SELECT k FROM t WHERE name = 'n%' OR f = 'Infinity'::float8 ORDER BY k DESC LIMIT 3", "1 0");
}

fn any_order() -> impl Strategy<Value = (String, String)> {
    let column =
        || proptest::sample::select(vec!["k", "name", "f", "d", "n", "d, k", "b, name, k", "name, k"]);
    let direction =
        || proptest::sample::select(vec!["", " DESC", " NULLS FIRST", " DESC NULLS LAST", " ASC NULLS LAST"]);
    (column(), direction(), 0usize..40, 0usize..4).prop_map(|(columns, direction, limit, offset)| {
        let order: Vec<String> = columns.split(", ").map(|column| format!("{column}{direction}")).collect();
        (columns.to_owned(), format!("ORDER BY {} LIMIT {limit} OFFSET {offset}", order.join(", ")))
    })
}

#[test]
fn an_order_along_an_index_never_changes_an_answer() {
    let (_one, [plain]) = sessions(ROWS);
    let (_two, [indexed]) = sessions(ROWS);
    for index in INDEXES {
        indexed.does(&[index]);
    }
    for sql in [&plain, &indexed] {
        sql.does(&["DELETE FROM t WHERE k % 11 = 0", "UPDATE t SET k = k + 1 WHERE k % 13 = 0", "BEGIN"]);
        sql.does(&[
            "DELETE FROM t WHERE k BETWEEN 3 AND 6",
            "UPDATE t SET name = NULL, d = NULL WHERE k % 17 = 0",
            "UPDATE t SET k = -k WHERE k % 19 = 0",
            "INSERT INTO t (k, name) VALUES (504, 'n1'), (-7, NULL), (NULL, 'zz')",
        ]);
    }
    let config = ProptestConfig { cases: 150, ..ProptestConfig::default() };
    let condition = prop_oneof![2 => Just("true".to_owned()), 3 => any_condition()];
    proptest!(config, |(condition in condition, (columns, order) in any_order())| {
        // Which of equal rows come is nobody's promise: what they are equal in is compared.
        let query = format!("SELECT {columns} FROM t WHERE {condition} {order}");
        let gives = |sql: &Sql| {
            sql.run(&query).map(|text| text.replace("-0 ", "0 ")).map_err(|e| e.message().to_owned())
        };
        prop_assert_eq!(gives(&plain), gives(&indexed), "{}", query);
    });
    for query in [
        "SELECT min(k), max(k), min(d), max(d), min(n), max(name), count(*) FROM t",
        "SELECT max(k) FROM t WHERE k < 100",
    ] {
        assert_eq!(plain.run(query).unwrap(), indexed.run(query).unwrap(), "{query}");
    }
}

/// What the session gives without and with something that keeps the statement from being a look-up.
fn both(db: &Database, condition: &str, params: &[Value]) -> [String; 2] {
    let session = db.session().unwrap();
    let gives = |query: String| {
        let rows = db.executor().block_on(async {
            match session.run(&query, params, &CancelToken::new()).await? {
                StatementResult::Rows(rows) => {
                    let columns = format!("{:?}", rows.schema());
                    Ok((columns, rows.collect().await?))
                }
                StatementResult::Done(done) => panic!("{done:?}"),
            }
        });
        rows.map_or_else(
            |e: aresadb::Error| e.message().to_owned(),
            |(columns, batches)| {
                let batches = batches.into_iter().filter(|batch| batch.num_rows() > 0);
                format!("{columns} {:?}", batches.map(|b| b.columns().to_vec()).collect::<Vec<_>>())
            },
        )
    };
    let query = format!("SELECT k, name AS title, f, d, n, b, u, created_at FROM p WHERE {condition}");
    [gives(query.clone()), gives(format!("{query} OFFSET 0"))]
}

#[test]
fn a_look_up_gives_what_the_planner_gives() {
    let (db, [sql]) = sessions(&[
        "CREATE TABLE p (k INT PRIMARY KEY, name TEXT UNIQUE, f DOUBLE PRECISION, d DATE, n DECIMAL(10,2), b BOOLEAN, u UUID UNIQUE)",
        "INSERT INTO p VALUES (1, 'a', 1.5, DATE '2024-01-01', 1.25, true, '0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47'), \
         (2, NULL, NULL, NULL, NULL, NULL, NULL), (-3, '', 0, NULL, 0, false, NULL)",
    ]);
    let text = |t: &str| Value::from(t);
    let cases: Vec<(&str, Vec<Value>)> = vec![
        ("k = 1", vec![]),
        ("k = 99", vec![]),
        ("k = -3", vec![]),
        ("name = 'a'", vec![]),
        ("name = ''", vec![]),
        ("name = 'A'", vec![]),
        ("k = $1", vec![Value::Integer(2)]),
        ("k = $1", vec![text("2")]),
        ("k = $1", vec![Value::Float(2.0)]),
        ("k = $1", vec![Value::Null]),
        ("name = $1", vec![text("a")]),
        ("name = $1", vec![Value::Integer(1)]),
        ("u = '0198C5F2-7D3A-7C41-9D5E-2B8F6A1C0E47'", vec![]),
        ("u = $1", vec![text("0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47")]),
        ("u = 'x'", vec![]),
        ("k = $2", vec![Value::Integer(1)]),
        ("k BETWEEN 1 AND 2", vec![]),
        ("k > -3", vec![]),
        ("k > $1 ORDER BY k", vec![Value::Integer(-10)]),
        ("k < 2 ORDER BY k", vec![]),
        ("k <= 2 AND k >= 2", vec![]),
        ("k > 9223372036854775807", vec![]),
        ("k < 9223372036854775807 AND k > 1", vec![]),
        ("2 > k", vec![]),
        ("k > $1 AND k < $2", vec![Value::Integer(-5), Value::Integer(5)]),
        ("k > $1", vec![Value::Float(1.5)]),
    ];
    for (condition, params) in cases {
        let [looked_up, planned] = both(&db, condition, &params);
        assert_eq!(looked_up, planned, "{condition} {params:?}");
    }
    let id = sql.run("SELECT id FROM p WHERE k = 1").unwrap();
    sql.gives(&format!("SELECT name FROM p WHERE id = '{id}'"), "a");
    // A plan that is kept follows the table.
    let by_key = "SELECT name FROM p WHERE k = 1";
    sql.gives(by_key, "a");
    sql.does(&["BEGIN", "UPDATE p SET name = 'own' WHERE k = 1"]);
    sql.gives(by_key, "own");
    sql.does(&["ROLLBACK"]);
    sql.gives(by_key, "a");
    sql.does(&["ALTER TABLE p RENAME COLUMN name TO title", "ALTER TABLE p ADD COLUMN name INT DEFAULT 7"]);
    sql.gives(by_key, "7");
    sql.does(&[
        "ALTER TABLE p DROP CONSTRAINT p_pkey",
        "ALTER TABLE p ALTER k DROP NOT NULL",
        "INSERT INTO p (k) VALUES (1)",
    ]);
    sql.gives("SELECT count(*) FROM (SELECT name FROM p WHERE k = 1) AS q", "2");
    assert_eq!(sql.run(by_key).unwrap().split(' ').count(), 2);
    sql.does(&["DROP TABLE p"]);
    assert!(sql.run(by_key).is_err());
}
