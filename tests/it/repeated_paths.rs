//! GRAPH_TABLE with repeated parts and searches against an enumeration, over graphs at random: committed, flushed, with
//! rows deleted since, and with rows that only their transaction sees.

use std::collections::{BTreeMap, BTreeSet};

use aresadb::Session;

use crate::chunks::Random;
use crate::graph_functions::{add, execute, people, rows};

/// So many people.
const PEOPLE: u64 = 7;
/// No path of the enumeration is longer.
const LONGEST: usize = 5;

/// The edges, as (from, to, w).
fn edges(session: &Session, edge_type: &str) -> Vec<(i64, i64, i64)> {
    let sql = format!(
        "SELECT a.n, b.n, e.w FROM {edge_type} e JOIN person a ON a.id = e.from_id JOIN person b ON b.id = e.to_id"
    );
    let number = |value: &aresadb::Value| value.to_text().parse().unwrap();
    rows(session, &sql).iter().map(|row| (number(&row[0]), number(&row[1]), number(&row[2]))).collect()
}

fn numbers(session: &Session, sql: &str) -> Vec<Vec<i64>> {
    let mut found: Vec<Vec<i64>> = rows(session, sql)
        .iter()
        .map(|row| row.iter().map(|value| value.to_text().parse::<f64>().unwrap() as i64).collect())
        .collect();
    found.sort();
    found
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Right,
    Left,
    Either,
}

/// A path: its nodes, and the places of its edges.
type Path = (Vec<i64>, Vec<usize>);

/// All paths of up to so many edges whose places pass.
fn paths(edges: &[(i64, i64, i64)], nodes: &BTreeSet<i64>, way: Way, restrictor: &str) -> Vec<Path> {
    let mut all: Vec<Path> = nodes.iter().map(|node| (vec![*node], Vec::new())).collect();
    let mut last = all.clone();
    for _ in 0..LONGEST {
        let mut next = Vec::new();
        for (nodes, taken) in &last {
            let at = *nodes.last().unwrap();
            for (place, (from, to, _)) in edges.iter().enumerate() {
                let mut ends = Vec::new();
                if *from == at && way != Way::Left {
                    ends.push(*to);
                }
                if *to == at && (way == Way::Left || (way == Way::Either && from != to)) {
                    ends.push(*from);
                }
                for end in ends {
                    let (mut nodes, mut taken) = (nodes.clone(), taken.clone());
                    nodes.push(end);
                    taken.push(place);
                    let distinct = |nodes: &[i64]| nodes.iter().collect::<BTreeSet<_>>().len() == nodes.len();
                    let counts = match restrictor {
                        "TRAIL" => taken.iter().collect::<BTreeSet<_>>().len() == taken.len(),
                        "ACYCLIC" => distinct(&nodes),
                        "SIMPLE" => distinct(&nodes[1..]) && distinct(&nodes[..nodes.len() - 1]),
                        _ => true,
                    };
                    if counts {
                        next.push((nodes, taken));
                    }
                }
            }
        }
        all.extend(next.iter().cloned());
        last = next;
    }
    all
}

fn check(session: &Session, told: &str) {
    let nodes: BTreeSet<i64> = numbers(session, "SELECT n FROM person").iter().map(|row| row[0]).collect();
    let knows = edges(session, "knows");
    let heavy: Vec<_> = knows.iter().copied().filter(|(_, _, w)| *w > 3).collect();
    let ends = |path: &Path| (path.0[0], *path.0.last().unwrap());
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
            let mut expected: Vec<Vec<i64>> = paths(&heavy, &nodes, way, "")
                .iter()
                .filter(|(_, taken)| (min..=max).contains(&taken.len()))
                .map(|path| {
                    let sum: i64 = path.1.iter().map(|place| heavy[*place].2).sum();
                    vec![ends(path).0, ends(path).1, path.1.len() as i64, sum]
                })
                .collect();
            expected.sort();
            assert_eq!(numbers(session, &sql), expected, "{told}: {sql}");
        }
        for restrictor in ["TRAIL", "ACYCLIC", "SIMPLE"] {
            let sql = format!(
                "SELECT * FROM GRAPH_TABLE (graph MATCH p = {restrictor} (a:person WHERE a.n < 2){open}{close}{{1,{LONGEST}}}(b) \
                 WHERE a.n <= b.n COLUMNS (a.n AS a, b.n AS b, path_length(p) AS c))"
            );
            let mut expected: Vec<Vec<i64>> = paths(&knows, &nodes, way, restrictor)
                .iter()
                .filter(|path| !path.1.is_empty() && path.0[0] < 2 && ends(path).0 <= ends(path).1)
                .map(|path| vec![ends(path).0, ends(path).1, path.1.len() as i64])
                .collect();
            expected.sort();
            assert_eq!(numbers(session, &sql), expected, "{told}: {sql}");
        }
        // Searches: what they take is counted by length, or by cost.
        let all = paths(&knows, &nodes, way, "");
        let measure = |path: &Path, by_cost: bool| match by_cost {
            true => path.1.iter().map(|place| knows[*place].2 + 1).sum(),
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
