//! Traversals and algorithms in FROM, over graphs at random, against plain SQL: flushed, committed since, uncommitted.

use std::ops::ControlFlow;

use aresadb::columnar::value_at;
use aresadb::graph::{self, EdgeFilter};
use aresadb::{CancelToken, Database, Direction, NodeId, Session, Value};

use crate::chunks::Random;

fn ask(session: &Session, sql: &str) -> aresadb::Result<Vec<Vec<Value>>> {
    let batches = session.database().executor().block_on(session.query(sql, &[]))?;
    let row = |batch: &arrow::array::RecordBatch, row| {
        let schema = batch.schema();
        let cells = batch.columns().iter().zip(schema.fields().iter());
        cells.map(|(array, field)| value_at(array, field, row)).collect::<Vec<_>>()
    };
    Ok(batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect())
}

pub fn rows(session: &Session, sql: &str) -> Vec<Vec<Value>> {
    let mut found = ask(session, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    found.sort_by_cached_key(|row| format!("{row:?}"));
    found
}

pub fn execute(session: &Session, sql: &str) {
    session
        .database()
        .executor()
        .block_on(session.execute(sql, &[]))
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn number(session: &Session, sql: &str) -> f64 {
    rows(session, sql)[0][0].to_text().parse().unwrap()
}

/// People who know each other, with loops, edges side by side and people without any.
pub fn people(random: &mut Random, people: u64, edges: u64) -> Session {
    let session = Database::in_memory().unwrap().session().unwrap();
    execute(&session, "CREATE TABLE person (n INT PRIMARY KEY)");
    execute(&session, "CREATE TABLE city (n INT)");
    execute(&session, "CREATE EDGE TABLE knows (FROM person TO person, w INT)");
    execute(&session, "CREATE EDGE TABLE likes (FROM person TO person, w INT)");
    execute(&session, "CREATE EDGE TABLE lives (FROM person TO city)");
    execute(
        &session,
        &format!("INSERT INTO person SELECT i FROM generate_series(0, {}) AS g(i)", people - 1),
    );
    execute(&session, "INSERT INTO city VALUES (0), (1)");
    add(&session, random, people, edges);
    execute(
        &session,
        "INSERT INTO lives (from_id, to_id) SELECT p.id, c.id FROM person p, city c WHERE p.n % 3 = c.n",
    );
    session
}

pub fn add(session: &Session, random: &mut Random, people: u64, edges: u64) {
    for edge_type in ["knows", "likes"] {
        let pairs: Vec<String> = (0..edges)
            .map(|_| format!("({}, {}, {})", random.below(people), random.below(people), random.below(9)))
            .collect();
        execute(
            session,
            &format!(
                "INSERT INTO {edge_type} (from_id, to_id, w) SELECT a.id, b.id, v.w FROM (VALUES {}) AS v(a, b, w) \
                 JOIN person a ON a.n = v.a JOIN person b ON b.n = v.b",
                pairs.join(", ")
            ),
        );
    }
}

/// Steps from person 0 to each that is reached, over some edges.
fn distances(edges: &str) -> String {
    format!(
        "WITH RECURSIVE e AS ({edges}), r(id, d) AS (SELECT id, 0 FROM person WHERE n = 0 \
         UNION SELECT e.t, r.d + 1 FROM r JOIN e ON e.f = r.id WHERE r.d < 12) \
         SELECT id, min(d) AS d FROM r GROUP BY id"
    )
}

const OUT: &str = "SELECT from_id AS f, to_id AS t FROM knows";
const BOTH: &str = "SELECT from_id AS f, to_id AS t FROM knows UNION SELECT to_id, from_id FROM knows";
const TWO: &str = "SELECT from_id AS f, to_id AS t FROM knows UNION SELECT from_id, to_id FROM likes";

fn check(session: &Session, told: &str) {
    let same = |function: &str, plain: &str| {
        assert_eq!(rows(session, function), rows(session, plain), "{told}: {function}");
    };
    let start = "(SELECT id FROM person WHERE n = 0)";
    for (edges, name, direction) in
        [(OUT, "'knows'", "'out'"), (BOTH, "'knows'", "'both'"), (TWO, "'knows, likes'", "'out'")]
    {
        let plain = distances(edges);
        same(
            &format!("SELECT id, depth FROM traverse({start}, {name}, 12, {direction})"),
            &format!("SELECT id, d FROM ({plain}) AS x WHERE d > 0"),
        );
        for end in 0..4 {
            let end = format!("(SELECT id FROM person WHERE n = {end})");
            let path = format!("shortest_path({start}, {end}, {name}, {direction})");
            same(
                &format!("SELECT max(step) FROM {path}"),
                &format!("SELECT max(d) FROM ({plain}) AS x WHERE id = {end}"),
            );
            // Each step is an edge between the nodes of the path.
            let wrong = format!(
                "SELECT count(*) FROM {path} a JOIN {path} b ON b.step = a.step + 1 WHERE NOT EXISTS \
                 (SELECT 1 FROM (SELECT id, from_id, to_id FROM knows UNION ALL SELECT id, from_id, to_id FROM likes) e \
                 WHERE e.id = b.edge_id AND (e.from_id = a.id AND e.to_id = b.id OR {direction} = 'both' AND e.to_id = a.id AND e.from_id = b.id))"
            );
            assert_eq!(number(session, &wrong), 0.0, "{told}: {path}");
            same(
                &format!(
                    "SELECT count(DISTINCT path), count(*) FROM {}",
                    path.replace("shortest_path", "all_shortest_paths")
                ),
                &format!(
                    "WITH RECURSIVE e AS (SELECT from_id AS f, to_id AS t FROM knows {}), r(id, d) AS (SELECT id, 0 FROM person WHERE n = 0 \
                     UNION ALL SELECT e.t, r.d + 1 FROM r JOIN e ON e.f = r.id JOIN ({plain}) x ON x.id = e.t AND x.d = r.d + 1) \
                     SELECT count(*), coalesce(sum(d + 1), 0) FROM r WHERE id = {end}",
                    match (edges == BOTH, edges == TWO) {
                        (true, _) => "UNION ALL SELECT to_id, from_id FROM knows WHERE from_id <> to_id",
                        (_, true) => "UNION ALL SELECT from_id, to_id FROM likes",
                        _ => "",
                    }
                ),
            );
        }
    }
    same(
        "SELECT id, in_degree, out_degree FROM degree('knows')",
        "SELECT p.id, (SELECT count(*) FROM knows k WHERE k.to_id = p.id), (SELECT count(*) FROM knows k WHERE k.from_id = p.id) FROM person p",
    );
    same(
        "SELECT count(*) FROM connected_components('knows') a JOIN connected_components('knows') b ON a.component = b.component \
         WHERE a.id = (SELECT id FROM person WHERE n = 0)",
        &format!("SELECT count(*) FROM ({}) AS x", distances(BOTH)),
    );
    same(
        "SELECT id FROM strongly_connected_components('knows') WHERE component = \
         (SELECT component FROM strongly_connected_components('knows') WHERE id = (SELECT id FROM person WHERE n = 0))",
        &format!(
            "SELECT a.id FROM ({}) AS a JOIN ({}) AS b ON a.id = b.id",
            distances(OUT),
            distances("SELECT to_id AS f, from_id AS t FROM knows")
        ),
    );
    let pairs = "SELECT DISTINCT least(from_id, to_id) AS a, greatest(from_id, to_id) AS b FROM knows WHERE from_id <> to_id";
    same(
        "SELECT sum(triangles) FROM triangle_count('knows')",
        &format!(
            "WITH p AS ({pairs}) SELECT 3 * count(*) FROM p x JOIN p y ON y.a = x.b JOIN p z ON z.a = x.a AND z.b = y.b"
        ),
    );
    same(
        "SELECT n.id, n.edge_id FROM neighbors((SELECT id FROM person WHERE n = 0), 'knows') n",
        "SELECT to_id, id FROM knows WHERE from_id = (SELECT id FROM person WHERE n = 0)",
    );
    same(
        "SELECT count(*) FROM pagerank('knows,lives')",
        "SELECT (SELECT count(*) FROM person) + (SELECT count(*) FROM city)",
    );
    let sum = number(session, "SELECT sum(rank) FROM pagerank('knows')");
    assert!((sum - 1.0).abs() < 1e-6, "{told}: {sum}");
    for function in [
        "louvain('knows')",
        "label_propagation('knows')",
        "k_core('knows')",
        "local_clustering('knows')",
        "betweenness('knows')",
    ] {
        same(&format!("SELECT count(*) FROM {function}"), "SELECT count(*) FROM person");
    }
    // The cheapest path costs what a relaxation of all edges finds.
    same(
        "SELECT CAST(max(cost) AS INT) FROM dijkstra((SELECT id FROM person WHERE n = 0), (SELECT id FROM person WHERE n = 1), 'knows', 'w')",
        "WITH RECURSIVE r(id, c, d) AS (SELECT id, 0, 0 FROM person WHERE n = 0 \
         UNION SELECT k.to_id, r.c + k.w, r.d + 1 FROM r JOIN knows k ON k.from_id = r.id WHERE r.d < 14) \
         SELECT min(c) FROM r WHERE id = (SELECT id FROM person WHERE n = 1)",
    );
}

#[test]
fn functions_give_what_plain_sql_gives() {
    for seed in 1..=2 {
        let mut random = Random(seed);
        let session = people(&mut random, 14, 16);
        let told = |what: &str| format!("seed {seed}, {what}");
        check(&session, &told("in memtables"));
        session.database().store().checkpoint().unwrap();
        check(&session, &told("flushed"));
        add(&session, &mut random, 14, 3);
        execute(&session, "DELETE FROM knows WHERE w = 4");
        check(&session, &told("written since"));
        execute(&session, "BEGIN");
        execute(&session, "DELETE FROM person WHERE n IN (5, 9)");
        execute(&session, "INSERT INTO person VALUES (99)");
        add(&session, &mut random, 12, 2);
        check(&session, &told("uncommitted"));
        execute(&session, "ROLLBACK");
        check(&session, &told("rolled back"));
    }
}

#[test]
fn arguments_are_computed_or_refused() {
    let session = people(&mut Random(3), 6, 8);
    let refused = |sql: &str, part: &str| {
        let error = ask(&session, sql).expect_err(sql).to_string();
        assert!(error.contains(part), "{sql}: {error}");
    };
    refused("SELECT * FROM pagerank('nows')", "no edge type \"nows\"");
    refused("SELECT * FROM pagerank('person')", "person is a type of nodes");
    refused("SELECT * FROM pagerank('knows', 1.5)", "damping");
    refused("SELECT * FROM pagerank('knows', 'much')", "cannot be the argument \"damping\"");
    refused("SELECT * FROM traverse('bash', 'knows', 2)", "'bash' is no id");
    refused("SELECT * FROM traverse()", "takes other arguments");
    refused("SELECT * FROM traverse((SELECT id FROM person WHERE n = -1), 'knows', 2)", "is NULL");
    refused("SELECT * FROM traverse((SELECT id FROM person), 'knows', 2)", "more than one row");
    refused("SELECT * FROM traverse((SELECT id FROM knows LIMIT 1), 'knows', 2)", "is an edge");
    refused("SELECT * FROM traverse((SELECT id FROM person WHERE n = 0), 'knows', -1)", "below zero");
    refused(
        "SELECT * FROM traverse((SELECT id FROM person WHERE n = 0), 'knows', 1, 'up')",
        "'up' is no direction",
    );
    refused(
        "SELECT * FROM dijkstra((SELECT id FROM person WHERE n = 0), (SELECT id FROM person WHERE n = 1), 'knows', 'x')",
        "no property \"x\"",
    );
    // A function in an argument of another one is computed with it.
    execute(&session, "CREATE TABLE stop (n INT)");
    execute(&session, "INSERT INTO stop VALUES (1), (2), (3), (4)");
    execute(&session, "CREATE EDGE TABLE next (FROM stop TO stop)");
    execute(
        &session,
        "INSERT INTO next (from_id, to_id) SELECT a.id, b.id FROM stop a JOIN stop b ON b.n = a.n + 1",
    );
    let at = |n: i64| format!("(SELECT id FROM stop WHERE n = {n})");
    let sql = format!(
        "SELECT s.n, z.n FROM traverse((SELECT id FROM neighbors({}, 'next')), 'next', 1) t, traverse({}, 'next', 1, NULL) u, stop s, stop z \
         WHERE s.id = t.id AND z.id = u.id",
        at(1),
        at(3)
    );
    assert_eq!(rows(&session, &sql), [[Value::Integer(3), Value::Integer(4)]]);
    refused(
        "WITH c AS (SELECT id FROM stop) SELECT * FROM traverse((SELECT id FROM c LIMIT 1), 'next')",
        "cannot read c of a WITH clause",
    );
    let id = rows(&session, "SELECT id FROM person WHERE n = 0")[0][0].to_text();
    let sql = "SELECT count(*) FROM neighbors($1, $2)";
    let executor = session.database().executor();
    let found =
        executor.block_on(session.query(sql, &[Value::from(id.as_str()), Value::from("knows")])).unwrap();
    let plain = format!("SELECT count(*) FROM knows WHERE from_id = '{id}'");
    assert_eq!(
        found[0].column(0).as_ref(),
        executor.block_on(session.query(&plain, &[])).unwrap()[0].column(0).as_ref()
    );
    assert_eq!(
        rows(&session, "SELECT count(*) FROM pagerank(NULL, 0.5 + 0.25, 10 * 2)")[0][0].to_text(),
        "12"
    );
}

#[test]
fn paths_are_counted_as_if_they_were_walked() {
    let mut random = Random(11);
    let session = people(&mut random, 20, 60);
    let counted = [
        "(a)-[:knows]->(b)-[:knows]->(c)",
        "(a)-[:knows]->(b)-[:likes]->(c)<-[:knows]-(d)",
        "(a:person WHERE a.n < 9)-[:knows]->(b)-[:knows]->(c:person WHERE c.n > 5)",
        "(a)-[:knows]->(b:person WHERE b.n % 3 = 1)-[:lives]->(c:city WHERE c.n = 1)",
        "(a)-[:knows]->(b), (b)-[:likes]->(c), (b)-[:lives]->(d)",
        "(a)-[:knows]->(b)-[:knows]->(c)-[:knows]->(d)-[:knows]->(e)",
        "(a)-[:knows]->(b:person WHERE b.n = -1)",
    ];
    // A cycle, a condition on an edge, edges that go either way, patterns apart.
    let walked = [
        "(a)-[:knows]->(b)-[:knows]->(a)",
        "(a)-[k:knows WHERE k.w > 3]->(b)-[:knows]->(c)",
        "(a)-[:knows]-(b)-[:knows]->(c)",
        "(a)-[:knows]->(b), (c)-[:likes]->(d)",
        "TRAIL (a)-[e:knows]->(b)-[f:knows]->(c)",
        "(a)-[:knows]->(b:person WHERE b.n > 1)-[:knows]->(c) WHERE a.n <> c.n",
    ];
    let plan = |pattern: &str| {
        let sql =
            format!("EXPLAIN SELECT count(*) FROM GRAPH_TABLE (graph MATCH {pattern} COLUMNS (1 AS one))");
        ask(&session, &sql).unwrap().into_iter().flatten().map(|cell| cell.to_text()).collect::<String>()
    };
    let check = |told: &str| {
        for pattern in counted.iter().chain(&walked) {
            let of = |aggregate: &str| {
                let sql = format!(
                    "SELECT {aggregate} FROM GRAPH_TABLE (graph MATCH {pattern} COLUMNS (1 AS one)) g"
                );
                rows(&session, &sql)[0][0].to_text()
            };
            assert_eq!(of("count(*)"), of("coalesce(sum(one), 0)"), "{told}: {pattern}");
        }
    };
    for pattern in counted {
        assert!(plan(pattern).contains("Traverse: count"), "{}", plan(pattern));
    }
    for pattern in walked {
        assert!(!plan(pattern).contains("Traverse"), "{}", plan(pattern));
    }
    check("in memtables");
    session.database().store().checkpoint().unwrap();
    check("flushed");
    execute(&session, "BEGIN");
    execute(&session, "DELETE FROM person WHERE n = 7");
    add(&session, &mut random, 7, 9);
    check("uncommitted");
    execute(&session, "COMMIT");
    check("committed");
}

/// What programs walk edge by edge is what the functions find over the graph in memory.
#[test]
fn walks_of_programs_are_those_of_the_functions() {
    let mut random = Random(19);
    let session = people(&mut random, 16, 20);
    let (view, cancel) = (session.view(), CancelToken::new());
    let people: Vec<uuid::Uuid> = rows(&session, "SELECT _id FROM person")
        .into_iter()
        .map(|row| match row.first() {
            Some(Value::Uuid(id)) => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    let mut paths = 0;
    for (direction, word) in [(Direction::Out, "out"), (Direction::In, "in"), (Direction::Both, "both")] {
        for names in
            [vec!["knows".to_owned()], vec!["knows".to_owned(), "likes".to_owned(), "lives".to_owned()]]
        {
            let filter = EdgeFilter::named(view.catalog(), direction, &names).unwrap();
            let list = names.join(",");
            for from in &people {
                let mut walked = Vec::new();
                graph::traverse(&view, NodeId(*from), &filter, 3, None, &cancel, &mut |level| {
                    let depth = Value::Integer(i64::from(level.depth));
                    walked.extend(level.nodes.iter().map(|node| vec![Value::Uuid(node.id.0), depth.clone()]));
                    Ok(ControlFlow::Continue(()))
                })
                .unwrap();
                walked.sort_by_cached_key(|row| format!("{row:?}"));
                let sql = format!("SELECT id, depth FROM traverse('{from}', '{list}', 3, '{word}')");
                assert_eq!(walked, rows(&session, &sql), "{sql}");
                let to = people[random.below(16) as usize];
                let path = graph::shortest_path(&view, NodeId(*from), NodeId(to), &filter, &cancel).unwrap();
                let length = path.map_or(Value::Null, |path| Value::Integer(path.edges.len() as i64));
                let sql =
                    format!("SELECT max(step) FROM shortest_path('{from}', '{to}', '{list}', '{word}')");
                paths += usize::from(length != Value::Null);
                assert_eq!(vec![vec![length]], rows(&session, &sql), "{sql}");
            }
        }
    }
    assert!(paths > 20, "{paths} paths");
}
