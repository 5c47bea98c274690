//! Graphs as DOT, GraphML and JSON Graph Format: read back, and held against what is in the database.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::cli::Shell;

/// Names and values that a format could trip over.
const HOSTILE: [&str; 6] =
    ["a\"b\\N", "<b>&amp;</b>]]>", "line\none", "tab\there\rback", "bell\u{7}", "Łódź 🦀"];

/// Persons who know each other (a loop, two parallel edges, one person alone), and a city.
fn small() -> Shell {
    let shell = Shell::new();
    shell.sql(
        "CREATE TABLE person (name TEXT, age INTEGER, score FLOAT, tags JSON, born DATE);
         CREATE TABLE city (name TEXT, age TEXT);
         CREATE EDGE TABLE knows (FROM person TO person, since INTEGER);
         CREATE EDGE TABLE lives_in (FROM person TO city);
         INSERT INTO city (name, age) VALUES ('Rome', 'old')",
    );
    for (n, name) in HOSTILE.iter().enumerate() {
        let insert = format!(
            "INSERT INTO person (name, age, score, tags, born) VALUES ($1, {n}, 'Infinity', '[\"1\", 1]', '2024-02-29')"
        );
        shell.run(&["--param", name, "--exec", &insert]).ok();
    }
    let edge = |from: usize, to: usize| {
        format!(
            "INSERT INTO knows (_from_id, _to_id, since) SELECT a._id, b._id, {from} FROM person a, person b \
             WHERE a.age = {from} AND b.age = {to};"
        )
    };
    let all = [(0, 1), (0, 1), (1, 2), (2, 0), (3, 3), (4, 3)];
    shell.sql(&all.iter().map(|(from, to)| edge(*from, *to)).collect::<String>());
    shell.sql(
        "INSERT INTO lives_in (_from_id, _to_id) SELECT p._id, c._id FROM person p, city c WHERE p.age = 1",
    );
    shell
}

/// What a graph file says.
#[derive(Debug, Default, PartialEq)]
struct Read {
    /// Id: type and what the format says of it.
    nodes: BTreeMap<String, (String, BTreeMap<String, String>)>,
    /// From, to, type, properties.
    edges: Vec<(String, String, String, BTreeMap<String, String>)>,
}

impl Read {
    fn of_types(&self) -> (BTreeMap<&str, usize>, BTreeMap<&str, usize>) {
        let (mut nodes, mut edges) = (BTreeMap::new(), BTreeMap::new());
        self.nodes.values().for_each(|(of, _)| *nodes.entry(of.as_str()).or_default() += 1);
        self.edges.iter().for_each(|(_, _, of, _)| *edges.entry(of.as_str()).or_default() += 1);
        for (from, to, ..) in &self.edges {
            assert!(self.nodes.contains_key(from) && self.nodes.contains_key(to), "an edge without its ends");
        }
        (nodes, edges)
    }
}

/// A tag of an XML file, with its attributes and the text before the next tag.
type Tag = (String, BTreeMap<String, String>, String);

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').expect("a reference ends");
        out.push(match &rest[at + 1..end] {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            number => char::from_u32(number.strip_prefix('#').unwrap().parse().unwrap()).unwrap(),
        });
        rest = &rest[end + 1..];
    }
    out + rest
}

/// Reads XML without comments and sections: every tag is closed in its turn, or the file is no XML.
fn xml(text: &str) -> Vec<Tag> {
    let allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') || c > '\u{ffff}'
    };
    assert!(text.chars().all(allowed), "a character that XML cannot hold");
    let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut tags, mut open): (Vec<Tag>, Vec<String>) = (Vec::new(), Vec::new());
    for part in body.split('<').skip(1) {
        let (tag, content) = part.split_once('>').expect("a tag ends");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed));
            continue;
        }
        let inner = tag.trim_end_matches('/');
        let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
        let mut attributes = BTreeMap::new();
        while let Some((key, value)) = rest.split_once("=\"") {
            let (value, behind) = value.split_once('"').expect("a value ends");
            attributes.insert(key.trim().to_owned(), unescape(value));
            rest = behind;
        }
        assert!(rest.trim().is_empty(), "{rest}");
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
        tags.push((name.to_owned(), attributes, unescape(content)));
    }
    assert!(open.is_empty(), "{open:?} is not closed");
    let (first, attributes, _) = &tags[0];
    let namespace = attributes.get("xmlns").map(String::as_str);
    assert_eq!((first.as_str(), namespace), ("graphml", Some("http://graphml.graphdrawing.org/xmlns")));
    tags
}

fn graphml(text: &str) -> Read {
    let (mut read, mut keys) = (Read::default(), BTreeMap::new());
    let mut in_edge = false;
    for (tag, attributes, text) in xml(text) {
        let get = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        match tag.as_str() {
            "key" => drop(keys.insert(get("id"), (get("for"), get("attr.name"), get("attr.type")))),
            "node" => {
                in_edge = false;
                assert!(read.nodes.insert(get("id"), Default::default()).is_none());
                read.nodes.entry("current".to_owned()).or_default().0 = get("id");
            }
            "edge" => {
                in_edge = true;
                read.edges.push((get("source"), get("target"), String::new(), BTreeMap::new()));
            }
            "data" => {
                let (of, name, form) = &keys[&get("key")];
                assert_eq!(of, if in_edge { "edge" } else { "node" });
                let current = read.nodes["current"].0.clone();
                let (type_name, properties) = match in_edge {
                    true => {
                        let (_, _, type_name, properties) = read.edges.last_mut().unwrap();
                        (type_name, properties)
                    }
                    false => {
                        let (type_name, properties) = read.nodes.get_mut(&current).unwrap();
                        (type_name, properties)
                    }
                };
                match name.as_str() {
                    "_type" => *type_name = text,
                    name => drop(properties.insert(format!("{name}: {form}"), text)),
                }
            }
            _ => {}
        }
    }
    read.nodes.remove("current");
    read
}

fn jgf(text: &str) -> Read {
    let whole: Json = serde_json::from_str(text).unwrap();
    assert_eq!(whole["graph"]["directed"], true);
    let properties = |of: &Json| {
        let all = of["metadata"]["properties"].as_object().unwrap();
        all.iter().map(|(name, value)| (name.clone(), value.to_string())).collect::<BTreeMap<_, _>>()
    };
    let text = |of: &Json| of.as_str().unwrap().to_owned();
    let nodes = whole["graph"]["nodes"].as_object().unwrap().iter();
    let edges = whole["graph"]["edges"].as_array().unwrap().iter();
    Read {
        nodes: nodes
            .map(|(id, node)| (id.clone(), (text(&node["metadata"]["type"]), properties(node))))
            .collect(),
        edges: edges
            .map(|e| (text(&e["source"]), text(&e["target"]), text(&e["relation"]), properties(e)))
            .collect(),
    }
}

/// Reads the quoted strings of a line of DOT, and checks that nothing but what we write stands between them.
fn dot_strings(line: &str) -> (Vec<String>, String) {
    let (mut strings, mut between) = (Vec::new(), String::new());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '"' {
            between.push(c);
            continue;
        }
        let mut text = String::new();
        loop {
            match chars.next().expect("a string ends on its line") {
                '"' => break,
                '\\' => text.push(match chars.next().unwrap() {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    c => panic!("the escape \\{c} would draw something else"),
                }),
                c => text.push(c),
            }
        }
        between.push('_');
        strings.push(text);
    }
    (strings, between)
}

fn dot(text: &str) -> Read {
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.pop(), lines.first()), (Some("}"), Some(&"digraph {")));
    let mut read = Read::default();
    for line in &lines[1..] {
        let (strings, between) = dot_strings(line);
        match (between.as_str(), strings.as_slice()) {
            ("  _ [label=_, class=_];", [id, label, of]) => {
                let label = BTreeMap::from([("label".to_owned(), label.clone())]);
                read.nodes.insert(id.clone(), (of.clone(), label));
            }
            ("  _ -> _ [label=_];", [from, to, of]) => {
                read.edges.push((from.clone(), to.clone(), of.clone(), BTreeMap::new()));
            }
            _ => panic!("{line}"),
        }
    }
    read
}

fn all(shell: &Shell, what: &str) -> [Read; 3] {
    let file = |name: &str| {
        shell.run(&["export", what, name]).ok();
        std::fs::read_to_string(shell.path(name)).unwrap()
    };
    [dot(&file("x.dot")), graphml(&file("x.graphml")), jgf(&file("x.jgf"))]
}

#[test]
fn the_whole_database_goes_out_in_each_format() {
    let shell = small();
    for read in all(&shell, "graph") {
        let (nodes, edges) = read.of_types();
        assert_eq!(nodes, BTreeMap::from([("city", 1), ("person", 6)]));
        assert_eq!(edges, BTreeMap::from([("knows", 6), ("lives_in", 1)]));
    }
    let [dot, graphml, jgf] = all(&shell, "person");
    for read in [&dot, &graphml, &jgf] {
        assert_eq!(
            read.of_types(),
            (BTreeMap::from([("person", 6)]), BTreeMap::from([("knows", 6)])),
            "edges to other types stay out"
        );
        let loops = read.edges.iter().filter(|(from, to, ..)| from == to).count();
        let ends: BTreeSet<_> = read.edges.iter().map(|(from, to, ..)| (from, to)).collect();
        assert_eq!((loops, ends.len()), (1, 5), "a loop, and two parallel edges");
    }
    let names = |read: &Read, key: &str| -> BTreeSet<String> {
        read.nodes.values().map(|(_, properties)| properties[key].clone()).collect()
    };
    let json: BTreeSet<String> = HOSTILE.iter().map(|name| Json::from(*name).to_string()).collect();
    assert_eq!(names(&jgf, "name"), json);
    let kept: BTreeSet<String> = HOSTILE.iter().map(|name| name.replace('\u{7}', "\u{fffd}")).collect();
    assert_eq!(names(&graphml, "name: string"), kept);
    let drawn: BTreeSet<String> = kept.iter().map(|name| name.replace(['\t', '\r'], "\u{fffd}")).collect();
    assert_eq!(names(&dot, "label"), drawn);
    let (_, properties) = graphml.nodes.values().next().unwrap();
    assert_eq!(properties["score: double"], "INF");
    assert_eq!(properties["tags: string"], "[\"1\",1]");
    assert_eq!(properties["born: string"], "2024-02-29");
    assert!(properties.contains_key("age: long"));
    assert!(graphml.edges.iter().all(|(.., properties)| properties.contains_key("since: long")));
    let out = shell.run(&["export", "person", "x.graphml.gz"]);
    assert!(out.err.contains("6 nodes, 6 edges; 1 characters that XML cannot hold"), "{}", out.err);
}

#[test]
fn a_query_chooses_nodes_and_edges() {
    let shell = small();
    for read in all(&shell, "SELECT _id FROM person WHERE age < 3") {
        assert_eq!((read.nodes.len(), read.edges.len()), (3, 4), "all edges among them");
    }
    for read in all(&shell, "SELECT _id FROM knows WHERE since = 4") {
        assert_eq!((read.nodes.len(), read.edges.len()), (2, 1), "both ends of an edge");
    }
    for read in all(&shell, "lives_in") {
        assert_eq!(read.of_types().0, BTreeMap::from([("city", 1), ("person", 1)]));
    }
    for read in all(&shell, "SELECT _id FROM person WHERE age > 100") {
        assert_eq!(read, Read::default());
    }
    shell
        .run(&["export", "SELECT name FROM person", "x.dot"])
        .fails(1, &["gives no ids", "hint: select _id"]);
    shell.run(&["export", "nobody", "x.dot"]).fails(1, &["no node or edge type 'nobody'"]);
    let unknown = "SELECT CAST('0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47' AS UUID) AS id";
    assert!(shell.run(&["export", unknown, "y.jgf"]).err.contains("1 ids are those of no node or edge"));
}

#[test]
fn an_export_that_fails_leaves_the_file_as_it_was() {
    let shell = small();
    std::fs::write(shell.path("kept.dot"), "before").unwrap();
    shell.run(&["export", "nobody", "kept.dot"]).fails(1, &[]);
    assert_eq!(std::fs::read_to_string(shell.path("kept.dot")).unwrap(), "before");
    shell.run(&["export", "graph", "no/folder.dot"]).fails(1, &["folder.dot"]);
    let left: Vec<_> =
        std::fs::read_dir(shell.folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the database and the file alone: {left:?}");
}

#[test]
fn what_the_commands_find_is_drawn() {
    let shell = small();
    let ids = shell.sql("SELECT _id FROM person WHERE age IN (0, 2) ORDER BY age");
    let ids: Vec<&str> = ids.lines().skip(1).collect();
    let run = |words: &[&str]| dot(&shell.run(&[&["-f", "dot"], words].concat()).ok());
    let near = run(&["neighbors", ids[0]]);
    assert_eq!((near.nodes.len(), near.edges.len()), (2, 2));
    let reached = run(&["traverse", ids[0], "--depth", "2"]);
    assert_eq!((reached.nodes.len(), reached.edges.len()), (4, 5), "with all edges among them");
    let path = run(&["path", ids[0], ids[1]]);
    assert_eq!((path.nodes.len(), path.edges.len()), (3, 2));
    let viewed = jgf(&shell.run(&["-f", "jgf", "view", "lives_in", "--as", "graph"]).ok());
    assert_eq!((viewed.nodes.len(), viewed.edges.len()), (2, 1));
    let printed = graphml(&shell.run(&["-f", "graphml", "export", "graph", "-"]).ok());
    assert_eq!((printed.nodes.len(), printed.edges.len()), (7, 7));
    shell.run(&["-f", "dot", "--exec", "SELECT 1"]).fails(2, &["formats for graphs", "hint: "]);
    shell.run(&["import", "x.dot", "--format", "dot"]).fails(2, &["for graphs"]);
}
