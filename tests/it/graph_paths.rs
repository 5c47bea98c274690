//! GRAPH_TABLE with quantifiers and searches against an enumeration of all paths, over graphs at random: in memtables,
//! flushed, with rows deleted since, and within a transaction.

use std::collections::BTreeMap;

use aresadb::{Session, Value};

use crate::chunks::Random;
use crate::graph_functions::{add, execute, people, rows};

#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub id: usize,
    pub likes: bool,
    pub from: i64,
    pub to: i64,
    pub w: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Right,
    Left,
    Either,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Restrictor {
    Walk,
    Trail,
    Acyclic,
    Simple,
}

/// A path that was found: its nodes and edges.
#[derive(Debug, Clone)]
pub struct Path {
    pub nodes: Vec<i64>,
    pub edges: Vec<Edge>,
}

/// `(a)-[e WHERE e.w >= least]->{min,max}(b)`.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub likes: bool,
    pub way: Way,
    pub min: usize,
    pub max: Option<usize>,
    pub restrictor: Restrictor,
    /// The first and the last node, where they are given.
    pub ends: (Option<i64>, Option<i64>),
    pub least: i64,
}

impl Case {
    fn any(random: &mut Random) -> Self {
        let way = [Way::Right, Way::Left, Way::Either][random.below(3) as usize];
        let restrictor = [Restrictor::Walk, Restrictor::Trail, Restrictor::Acyclic, Restrictor::Simple];
        let restrictor = restrictor[random.below(4) as usize];
        let min = random.below(3) as usize;
        let max = match (restrictor, random.below(2)) {
            (Restrictor::Walk, _) | (_, 0) => Some((min + random.below(3) as usize).max(1)),
            _ => None,
        };
        let mut end = || (random.below(2) == 0).then(|| random.below(6) as i64);
        let ends = (end(), end());
        Case { likes: random.below(3) == 0, way, min, max, restrictor, ends, least: random.below(4) as i64 }
    }

    fn sql(&self, search: &str, columns: &str) -> String {
        let (left, right) = match self.way {
            Way::Right => ("-[", "]->"),
            Way::Left => ("<-[", "]-"),
            Way::Either => ("-[", "]-"),
        };
        let types = if self.likes { "knows|likes" } else { "knows" };
        let max = self.max.map_or_else(String::new, |max| max.to_string());
        let restrictor = match self.restrictor {
            Restrictor::Walk => "WALK",
            Restrictor::Trail => "TRAIL",
            Restrictor::Acyclic => "ACYCLIC",
            Restrictor::Simple => "SIMPLE",
        };
        let search_and_restrictor = match search.strip_suffix(" GROUPS") {
            Some(search) => format!("{search} {restrictor} GROUPS"),
            None => format!("{search} {restrictor}"),
        };
        let cost = if search.contains("CHEAPEST") { " COST e.w + 1" } else { "" };
        let first = self.ends.0.map_or_else(String::new, |n| format!(" WHERE a.n = {n}"));
        let last = self.ends.1.map_or_else(String::new, |n| format!(" WHERE b.n = {n}"));
        format!(
            "SELECT * FROM GRAPH_TABLE (graph MATCH p = {search_and_restrictor} (a IS person{first}){left}e IS {types} \
             WHERE e.w >= {}{cost}{right}{{{},{max}}}(b IS person){last} COLUMNS ({columns}))",
            self.least, self.min
        )
    }

    /// All paths by definition.
    pub fn paths(&self, nodes: &[i64], edges: &[Edge]) -> Vec<Path> {
        let mut found = Vec::new();
        for start in nodes {
            if self.ends.0.is_none_or(|wanted| wanted == *start) {
                self.extend(Path { nodes: vec![*start], edges: Vec::new() }, edges, &mut found);
            }
        }
        found
    }

    fn extend(&self, path: Path, edges: &[Edge], found: &mut Vec<Path>) {
        let last = *path.nodes.last().unwrap();
        if path.edges.len() >= self.min && self.ends.1.is_none_or(|wanted| wanted == last) {
            found.push(path.clone());
        }
        if self.max.is_some_and(|max| path.edges.len() >= max) {
            return;
        }
        for edge in edges.iter().filter(|edge| (self.likes || !edge.likes) && edge.w >= self.least) {
            let mut next = Vec::new();
            if self.way != Way::Left && edge.from == last {
                next.push(edge.to);
            }
            if self.way != Way::Right && edge.to == last && !(self.way == Way::Either && edge.from == edge.to)
            {
                next.push(edge.from);
            }
            for node in next {
                let mut longer = path.clone();
                longer.nodes.push(node);
                longer.edges.push(*edge);
                if self.counts(&longer) {
                    self.extend(longer, edges, found);
                }
            }
        }
    }

    fn counts(&self, path: &Path) -> bool {
        let distinct = |nodes: &[i64]| nodes.iter().enumerate().all(|(n, node)| !nodes[..n].contains(node));
        match self.restrictor {
            Restrictor::Walk => true,
            Restrictor::Trail => {
                path.edges.iter().enumerate().all(|(n, e)| path.edges[..n].iter().all(|b| b.id != e.id))
            }
            Restrictor::Acyclic => distinct(&path.nodes),
            Restrictor::Simple => distinct(&path.nodes[1..]) && distinct(&path.nodes[..path.nodes.len() - 1]),
        }
    }
}

pub fn integers(session: &Session, sql: &str) -> Vec<Vec<i64>> {
    let integer = |value: Value| match value {
        Value::Null => i64::MIN,
        value => value.to_text().parse::<f64>().unwrap_or_else(|_| panic!("{value:?}")) as i64,
    };
    rows(session, sql).into_iter().map(|row| row.into_iter().map(integer).collect()).collect()
}

pub fn sorted(mut rows: Vec<Vec<i64>>) -> Vec<Vec<i64>> {
    rows.sort();
    rows
}

/// The measures of the paths that a search takes, by ends.
fn taken(paths: &[Path], measure: impl Fn(&Path) -> i64, pick: &str) -> Vec<Vec<i64>> {
    let mut groups: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    for path in paths {
        let ends = (path.nodes[0], *path.nodes.last().unwrap());
        groups.entry(ends).or_default().push(measure(path));
    }
    let mut all = Vec::new();
    for ((from, to), mut measures) in groups {
        measures.sort_unstable();
        let mut distinct = measures.clone();
        distinct.dedup();
        match pick {
            "ANY" => measures.truncate(1),
            "ALL" => measures.retain(|m| *m == distinct[0]),
            "2" => measures.truncate(2),
            _ => measures.retain(|m| *m <= distinct[distinct.len().min(2) - 1]),
        }
        all.extend(measures.into_iter().map(|m| vec![from, to, m]));
    }
    sorted(all)
}

/// The numbers of all persons.
pub fn nodes(session: &Session) -> Vec<i64> {
    integers(session, "SELECT n FROM person").into_iter().map(|row| row[0]).collect()
}

/// The edges between persons.
pub fn edges(session: &Session) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (likes, table) in [(false, "knows"), (true, "likes")] {
        let sql = format!(
            "SELECT a.n, b.n, e.w FROM {table} e JOIN person a ON a.id = e.from_id JOIN person b ON b.id = e.to_id"
        );
        for row in integers(session, &sql) {
            edges.push(Edge { id: edges.len(), likes, from: row[0], to: row[1], w: row[2] });
        }
    }
    edges
}

fn check(session: &Session, random: &mut Random, told: &str) {
    let nodes = nodes(session);
    let edges = edges(session);
    for _ in 0..12 {
        let case = Case::any(random);
        let paths = case.paths(&nodes, &edges);
        let sum = |path: &Path| match path.edges.is_empty() {
            true => i64::MIN,
            false => path.edges.iter().map(|edge| edge.w).sum(),
        };
        let columns = "a.n, b.n AS m, path_length(p) AS l, count(e) AS c, sum(e.w) AS s, max(e.w) AS x";
        let wanted = paths.iter().map(|path| {
            let length = path.edges.len() as i64;
            let most = path.edges.iter().map(|edge| edge.w).max().unwrap_or(i64::MIN);
            vec![path.nodes[0], *path.nodes.last().unwrap(), length, length, sum(path), most]
        });
        let sql = case.sql("ALL", columns);
        assert_eq!(sorted(integers(session, &sql)), sorted(wanted.collect()), "{told}: {sql}");
        let length = |path: &Path| path.edges.len() as i64;
        let cost = |path: &Path| path.edges.iter().map(|edge| edge.w + 1).sum();
        for (search, pick) in [
            ("ANY SHORTEST", "ANY"),
            ("ALL SHORTEST", "ALL"),
            ("SHORTEST 2", "2"),
            ("SHORTEST 2 GROUPS", "2 GROUPS"),
        ] {
            let sql = case.sql(search, "a.n, b.n AS m, path_length(p) AS l");
            assert_eq!(sorted(integers(session, &sql)), taken(&paths, length, pick), "{told}: {sql}");
        }
        for (search, pick) in [("ANY CHEAPEST", "ANY"), ("ALL CHEAPEST", "ALL"), ("CHEAPEST 2", "2")] {
            let sql = case.sql(search, "a.n, b.n AS m, path_cost(p) AS l");
            assert_eq!(sorted(integers(session, &sql)), taken(&paths, cost, pick), "{told}: {sql}");
        }
    }
}

#[test]
fn paths_are_those_of_their_definition() {
    for seed in 1..=2 {
        let mut random = Random(seed * 77);
        let session = people(&mut random, 6, 7);
        let told = |what: &str| format!("seed {seed}, {what}");
        check(&session, &mut random, &told("in memtables"));
        session.database().store().checkpoint().unwrap();
        check(&session, &mut random, &told("flushed"));
        execute(&session, "DELETE FROM knows WHERE w = 4");
        add(&session, &mut random, 6, 1);
        check(&session, &mut random, &told("written since"));
        execute(&session, "BEGIN");
        execute(&session, "DELETE FROM person WHERE n = 2");
        execute(&session, "INSERT INTO person VALUES (99)");
        add(&session, &mut random, 6, 1);
        check(&session, &mut random, &told("uncommitted"));
        execute(&session, "ROLLBACK");
        check(&session, &mut random, &told("rolled back"));
    }
}

#[test]
fn several_hops_and_joins_meet_at_their_nodes() {
    let mut random = Random(5);
    let session = people(&mut random, 7, 10);
    // A walk of two fixed hops is a join of both.
    let walked = "SELECT * FROM GRAPH_TABLE (graph MATCH ALL (a)-[e IS knows]->{1,1}(b)-[f IS likes]->(c) \
                  COLUMNS (a.n, b.n AS m, c.n AS o, sum(e.w) AS w, f.w AS v))";
    let joined = "SELECT * FROM GRAPH_TABLE (graph MATCH (a)-[e IS knows]->(b)-[f IS likes]->(c) \
                  COLUMNS (a.n, b.n AS m, c.n AS o, e.w, f.w AS v))";
    assert_eq!(rows(&session, walked), rows(&session, joined));
    // Two hops of one type are those of the quantifier {2}; other patterns and tables join at the ends.
    let walked = "SELECT g.n, g.m, city.n FROM GRAPH_TABLE (graph MATCH (a)-[IS knows]->{2}(b), (b)-[IS lives]->(c) \
                  COLUMNS (a.n, b.n AS m, element_id(c) AS c)) g JOIN city ON city.id = g.c";
    let joined = walked.replace("(a)-[IS knows]->{2}(b)", "(a)-[IS knows]->()-[IS knows]->(b)");
    assert_eq!(rows(&session, walked), rows(&session, &joined));
    assert!(!rows(&session, walked).is_empty());
    // What repeated nodes must be, and a limit.
    let sql = "SELECT * FROM GRAPH_TABLE (graph MATCH p = (a)((x WHERE x.n < 5)-[e IS knows]->(y WHERE y.n > 0)){2}(b) \
               COLUMNS (a.n, b.n AS m, max(x.n) AS x, min(y.n) AS y))";
    let all = rows(&session, sql);
    assert!(!all.is_empty());
    let number = |value: &Value| value.to_text().parse::<i64>().unwrap();
    assert!(all.iter().all(|row| number(&row[2]) < 5 && number(&row[3]) > 0));
    let plain = "SELECT a.n, c.n, greatest(a.n, b.n), least(b.n, c.n) FROM person a, knows e, person b, knows f, person c \
                 WHERE e.from_id = a.id AND e.to_id = b.id AND f.from_id = b.id AND f.to_id = c.id \
                 AND a.n < 5 AND b.n < 5 AND b.n > 0 AND c.n > 0";
    assert_eq!(all, rows(&session, plain));
    assert_eq!(rows(&session, &format!("{sql} LIMIT 2")).len(), all.len().min(2));
}
