//! GRAPH_TABLE with repeated parts and searches against an enumeration, over graphs at random: committed, flushed, with
//! rows deleted since, and with rows that only their transaction sees.

use std::collections::BTreeMap;

use aresadb::Session;

use crate::chunks::Random;
use crate::graph_functions::{add, execute, people, rows};
use crate::graph_paths::{Case, Restrictor, Way, edges, integers, nodes, sorted};

/// So many people.
const PEOPLE: u64 = 7;
/// No path of the enumeration is longer.
const LONGEST: usize = 5;

fn numbers(session: &Session, sql: &str) -> Vec<Vec<i64>> {
    sorted(integers(session, sql))
}

/// All paths of up to so many edges: their nodes, and what the edges weigh.
fn paths(session: &Session, way: Way, restrictor: Restrictor, least: i64) -> Vec<(Vec<i64>, Vec<i64>)> {
    let case = Case { likes: false, way, min: 0, max: Some(LONGEST), restrictor, ends: (None, None), least };
    let found = case.paths(&nodes(session), &edges(session)).into_iter();
    found.map(|path| (path.nodes, path.edges.iter().map(|edge| edge.w).collect())).collect()
}

fn check(session: &Session, told: &str) {
    let ends = |path: &(Vec<i64>, Vec<i64>)| (path.0[0], *path.0.last().unwrap());
    for (way, arrow) in [
        (Way::Right, ("-[e:knows", "]->")),
        (Way::Left, ("<-[e:knows", "]-")),
        (Way::Either, ("-[e:knows", "]-")),
    ] {
        let (open, close) = arrow;
        // The sum over the repeated edges, with a condition on each.
        for (min, max) in [(0, 2), (1, 3), (2, 2)] {
            let sql = format!(
                "SELECT * FROM GRAPH_TABLE (graph MATCH (a:person){open} WHERE e.w > 3{close}{{{min},{max}}}(b:person) \
                 COLUMNS (a.n AS a, b.n AS b, count(e) AS c, coalesce(sum(e.w), 0) AS s))"
            );
            let mut expected: Vec<Vec<i64>> = paths(session, way, Restrictor::Walk, 4)
                .iter()
                .filter(|(_, taken)| (min..=max).contains(&taken.len()))
                .map(|path| {
                    let sum: i64 = path.1.iter().sum();
                    vec![ends(path).0, ends(path).1, path.1.len() as i64, sum]
                })
                .collect();
            expected.sort();
            assert_eq!(numbers(session, &sql), expected, "{told}: {sql}");
        }
        for (restrictor, kind) in
            [("TRAIL", Restrictor::Trail), ("ACYCLIC", Restrictor::Acyclic), ("SIMPLE", Restrictor::Simple)]
        {
            let sql = format!(
                "SELECT * FROM GRAPH_TABLE (graph MATCH p = {restrictor} (a:person WHERE a.n < 2){open}{close}{{1,{LONGEST}}}(b) \
                 WHERE a.n <= b.n COLUMNS (a.n AS a, b.n AS b, path_length(p) AS c))"
            );
            let mut expected: Vec<Vec<i64>> = paths(session, way, kind, 0)
                .iter()
                .filter(|path| !path.1.is_empty() && path.0[0] < 2 && ends(path).0 <= ends(path).1)
                .map(|path| vec![ends(path).0, ends(path).1, path.1.len() as i64])
                .collect();
            expected.sort();
            assert_eq!(numbers(session, &sql), expected, "{told}: {sql}");
        }
        // Searches: what they take is counted by length, or by cost.
        let all = paths(session, way, Restrictor::Walk, 0);
        let measure = |path: &(Vec<i64>, Vec<i64>), by_cost: bool| match by_cost {
            true => path.1.iter().map(|w| w + 1).sum(),
            false => path.1.len() as i64,
        };
        for (search, by_cost) in [("SHORTEST", false), ("CHEAPEST", true)] {
            let mut by_ends: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
            for path in all.iter().filter(|path| !path.1.is_empty()) {
                by_ends.entry(ends(path)).or_default().push(measure(path, by_cost));
            }
            for (words, least) in [("ANY", 1), ("ALL", usize::MAX)] {
                let (cost, shown) = match by_cost {
                    true => (" COST e.w + 1", "path_cost(p)"),
                    false => ("", "path_length(p)"),
                };
                let sql = format!(
                    "SELECT * FROM GRAPH_TABLE (graph MATCH p = {words} {search} (a:person){open}{cost}{close}{{1,{LONGEST}}}(b:person) \
                     COLUMNS (a.n AS a, b.n AS b, {shown} AS m))"
                );
                let mut expected: Vec<Vec<i64>> = by_ends
                    .iter()
                    .flat_map(|((a, b), measures)| {
                        let best = *measures.iter().min().unwrap();
                        let count = measures.iter().filter(|measure| **measure == best).count().min(least);
                        std::iter::repeat_n(vec![*a, *b, best], count)
                    })
                    .collect();
                expected.sort();
                assert_eq!(numbers(session, &sql), expected, "{told}: {sql}");
            }
        }
    }
}

#[test]
fn repeated_parts_match_what_an_enumeration_finds() {
    for seed in 1..4 {
        let mut random = Random(seed);
        let session = people(&mut random, PEOPLE, 6);
        check(&session, &format!("{seed}: committed"));
        session.database().store().checkpoint().unwrap();
        check(&session, &format!("{seed}: flushed"));
        execute(&session, "DELETE FROM knows WHERE w = 5");
        execute(&session, "DELETE FROM person WHERE n = 6");
        check(&session, &format!("{seed}: with rows deleted"));
        execute(&session, "BEGIN");
        add(&session, &mut random, PEOPLE, 3);
        execute(&session, "DELETE FROM knows WHERE w = 7");
        execute(&session, "INSERT INTO person VALUES (20)");
        check(&session, &format!("{seed}: in a transaction"));
        execute(&session, "ROLLBACK");
        check(&session, &format!("{seed}: rolled back"));
    }
}

#[test]
fn a_limit_ends_a_traversal_early() {
    let session = people(&mut Random(9), 12, 40);
    let sql = "SELECT * FROM GRAPH_TABLE (graph MATCH (a:person)-[:knows]->{12}(b) COLUMNS (a.n AS a, b.n AS b)) LIMIT 5";
    assert_eq!(rows(&session, sql).len(), 5);
}

#[test]
fn traversals_are_shown_in_plans() {
    let session = people(&mut Random(3), PEOPLE, 6);
    let sql = "EXPLAIN SELECT * FROM GRAPH_TABLE (graph MATCH p = ANY SHORTEST TRAIL (a:person WHERE a.n = 1)-[:knows]->+(b) \
               COLUMNS (b.n AS b, path_length(p) AS m))";
    let plan = format!("{:?}", rows(&session, sql));
    assert!(plan.contains("Traverse: p = ANY SHORTEST TRAIL (a IS person"), "{plan}");
}
