//! What is read, as what, and what is refused, with which words.

use sqlparser::tokenizer::{TokenWithSpan, Tokenizer};

use super::ast::*;
use super::cut::{Cut, cut};
use crate::model::{Error, Result};
use crate::query::dialect::DIALECT;

pub(super) fn tokens(sql: &str) -> Vec<TokenWithSpan> {
    Tokenizer::new(&DIALECT, sql).tokenize_with_location().unwrap()
}

fn cut_text(sql: &str) -> Result<Cut> {
    cut(sql, tokens(sql))
}

/// The table of a body.
pub(super) fn body(body: &str) -> Result<GraphTable> {
    let sql = format!("SELECT * FROM GRAPH_TABLE ({body}\n)");
    Ok(cut_text(&sql)?.tables.pop().unwrap())
}

/// The table of a path pattern, without the text around it.
fn pattern(pattern: &str) -> Result<GraphTable> {
    body(&format!("g MATCH {pattern} COLUMNS (1 AS one)"))
}

/// The pattern is read, written as the second text, and that is read as the same.
#[test]
fn patterns_that_are_read() {
    let same = "";
    let cases: &[(&str, &str)] = &[
        // Nodes.
        ("()", same),
        ("(a)", same),
        ("(a IS user)", same),
        ("(a:user)", "(a IS user)"),
        ("(:user)", "(IS user)"),
        ("(IS user)", same),
        ("(WHERE true)", same),
        ("(a WHERE a.x = 1)", same),
        ("(a IS user WHERE a.age > 30 AND a.name LIKE 'x%')", same),
        ("( a /* c */ IS -- d\n user )", "(a IS user)"),
        ("(\"A b\" IS \"C \"\"d\")", same),
        ("(vertex)", same),
        ("(node IS node)", same),
        ("(trail)", same),
        ("(any IS shortest)", same),
        ("(a WHERE a.x < -1)", same),
        ("(a WHERE a.tags[1] = $1)", same),
        ("(a WHERE a.doc -> 'k' ->> 'l' = 'v')", same),
        ("(a WHERE (a.x, a.y) = (1, 2))", same),
        ("(é IS straße)", same),
        // Labels.
        ("(a IS x|y)", "(a IS x | y)"),
        ("(a IS x|y|z)", "(a IS x | y | z)"),
        ("(a IS x&y|z)", "(a IS (x & y) | z)"),
        ("(a IS x & (y | z))", same),
        ("(a IS !x)", same),
        ("(a IS !!x)", same),
        ("(a IS x&!y)", "(a IS x & !y)"),
        ("(a IS x|!y)", "(a IS x | !y)"),
        ("(a IS %)", same),
        ("(a IS !%)", same),
        ("(a IS x|%)", "(a IS x | %)"),
        ("(a IS %|x)", "(a IS % | x)"),
        ("(a IS %&!x)", "(a IS % & !x)"),
        ("(a IS (x))", "(a IS x)"),
        ("(a IS x | (y | z))", same),
        ("(a IS !(x|y) WHERE a.b)", "(a IS !(x | y) WHERE a.b)"),
        ("(a:x|y)", "(a IS x | y)"),
        // Edges.
        ("(a)-[e]->(b)", same),
        ("(a)<-[e]-(b)", same),
        ("(a)-[e]-(b)", same),
        ("(a)<-[e]->(b)", "(a)-[e]-(b)"),
        ("(a)-[]->(b)", "(a)->(b)"),
        ("(a)<-[]-(b)", "(a)<-(b)"),
        ("(a)-[]-(b)", "(a)-(b)"),
        ("(a)<-[]->(b)", "(a)-(b)"),
        ("(a)->(b)", same),
        ("(a)<-(b)", same),
        ("(a)-(b)", same),
        ("(a)<->(b)", "(a)-(b)"),
        ("( a ) <- [ e IS f ] - ( b )", "(a)<-[e IS f]-(b)"),
        ("(a) - [e] - > (b)", "(a)-[e]->(b)"),
        ("(a)- /* c */[e]/* d */->(b)", "(a)-[e]->(b)"),
        ("(a)- -- c\n[e]->(b)", "(a)-[e]->(b)"),
        (
            "(a)-[e:follows|likes WHERE e.since > 2000]->(b)",
            "(a)-[e IS follows | likes WHERE e.since > 2000]->(b)",
        ),
        ("(a)-[IS f]->()<-[WHERE true]-(c)", same),
        ("(a)-[e WHERE e.x[1] = 2]->(b)", same),
        ("(a)-[cost]->(b)", same),
        ("(a)-[cost IS cost]->(b)", same),
        ("(a)->(b)->(a)", same),
        ("(a)-[b]->(a)-[b]->(a)", same),
        // Quantifiers.
        ("(a)-[e]->{2}(b)", same),
        ("(a)-[e]->{1,3}(b)", same),
        ("(a)-[e]->{1 , 3}(b)", "(a)-[e]->{1,3}(b)"),
        ("(a)-[e]->{,3}(b)", "(a)-[e]->{0,3}(b)"),
        ("(a)-[e]->{3,3}(b)", "(a)-[e]->{3}(b)"),
        ("(a)-[e]->?(b)", same),
        ("(a)-?(b)", same),
        ("(a)->{2}(b)", same),
        ("(a)<-{2}(b)", same),
        ("TRAIL (a)-[e]->*(b)", same),
        ("TRAIL (a)-[e]->+(b)", same),
        ("TRAIL (a)-[e]-+(b)", same),
        ("TRAIL (a)<-[e]-*(b)", same),
        ("TRAIL (a)->*(b)", same),
        ("TRAIL (a)-*(b)", same),
        ("TRAIL (a)<-*(b)", same),
        ("TRAIL (a)<->+(b)", "TRAIL (a)-+(b)"),
        ("TRAIL (a)->{2,}(b)", same),
        ("TRAIL (a)->{0,}(b)", "TRAIL (a)->*(b)"),
        ("TRAIL (a)->{1,}(b)", "TRAIL (a)->+(b)"),
        ("(a)->{0,1}(b)", same),
        // Parts in parentheses.
        ("((a)-[e]->(b))", same),
        ("((a)-[e]->(b)){1,3}", same),
        ("((a)-[e]->(b) WHERE a.x < b.x){1,3}", same),
        ("(a)((b)-[e]->(c)){2}(d)", same),
        ("(a)((b)->(c))?-[e]->(d)", same),
        ("TRAIL (a)((b)->(c))*-[e]->(d)", same),
        ("TRAIL (a)((b)->(c))+-[e]->(d)", same),
        ("TRAIL (a)((b)->(c))*<-[e]-(d)", same),
        ("((a)->(b))((c)->(d))", same),
        ("(p = (a)-[e]->(b)){2}", same),
        ("(TRAIL (a)-[e]->(b)){2}", same),
        ("(TRAIL PATH (a)-[e]->*(b)){2}", "(TRAIL (a)-[e]->*(b)){2}"),
        ("(p = ACYCLIC (a)-[e]->*(b))", same),
        ("(((a)))", same),
        ("(((a)->(b)){2}-[e]->(c)){3}", same),
        // Paths and prefixes.
        ("p = (a)->(b)", same),
        ("any = (a)->(b)", same),
        ("different = (a)->(b)", same),
        ("p = ANY SHORTEST (a)->*(b)", same),
        ("ANY (a)->*(b)", same),
        ("ANY 1 (a)->*(b)", "ANY (a)->*(b)"),
        ("ANY 5 PATHS (a)->*(b)", "ANY 5 (a)->*(b)"),
        ("ANY SHORTEST PATH (a)->*(b)", "ANY SHORTEST (a)->*(b)"),
        ("ALL SHORTEST (a)->*(b)", same),
        ("SHORTEST 3 (a)->*(b)", same),
        ("SHORTEST 3 PATHS (a)->*(b)", "SHORTEST 3 (a)->*(b)"),
        ("SHORTEST 3 GROUPS (a)->*(b)", same),
        ("SHORTEST GROUP (a)->*(b)", "SHORTEST 1 GROUPS (a)->*(b)"),
        ("SHORTEST 2 ACYCLIC PATH GROUPS (a)->*(b)", "SHORTEST 2 ACYCLIC GROUPS (a)->*(b)"),
        ("ALL (a)->(b)", same),
        ("ALL TRAIL PATHS (a)->*(b)", "ALL TRAIL (a)->*(b)"),
        ("WALK (a)->(b)", same),
        ("ACYCLIC (a)->*(b)", same),
        ("SIMPLE PATH (a)->*(b)", "SIMPLE (a)->*(b)"),
        ("ANY SHORTEST WALK (a)->*(b)", same),
        ("any shortest (a)->*(b)", "ANY SHORTEST (a)->*(b)"),
        // Costs.
        ("ANY CHEAPEST (a)-[e COST e.w]->*(b)", same),
        ("ANY CHEAPEST (a)-[COST 1]->*(b)", same),
        ("ALL CHEAPEST (a)-[e IS road WHERE e.open COST e.w * 2]->*(b)", same),
        ("CHEAPEST 3 (a)((x)-[e]->(y) COST e.w + y.toll)*(b)", same),
        ("CHEAPEST 2 GROUPS (a)((x)-[e]->(y) WHERE e.open COST e.w)*(b)", same),
        ("ANY CHEAPEST (a)-[cost COST cost.w]->*(b)", same),
        // Several paths.
        ("(a)->(b), (b)->(c)", same),
        ("p = (a)->(b), q = ANY SHORTEST (b)->*(c)", same),
        ("DIFFERENT EDGES (a)->*(b), (b)-[f]->(c)", same),
        ("DIFFERENT EDGE BINDINGS (a)->(b)", "DIFFERENT EDGES (a)->(b)"),
        ("REPEATABLE ELEMENTS (a)->(b)", same),
        ("(a)->(b) WHERE a.x = b.x", same),
        ("(a)->(b) WHERE EXISTS (SELECT 1 FROM t WHERE t.x = a.x)", same),
        ("(a)->(b) WHERE path_length(p) > $1 ONE ROW PER MATCH", "(a)->(b) WHERE path_length(p) > $1"),
    ];
    for (text, written) in cases {
        let written = if written.is_empty() { text } else { written };
        let table = pattern(text).unwrap_or_else(|error| panic!("{text}: {error} {:?}", error.hint()));
        let shown = table.to_string();
        let expected = format!("GRAPH_TABLE (g MATCH {written} COLUMNS (1 AS one))");
        assert_eq!(shown, expected, "{text}");
        let again = pattern(written).unwrap();
        assert_eq!(again, table, "{text}");
    }
}

#[test]
fn columns_that_are_read() {
    let same = "";
    for (text, written, names) in [
        ("a.name", same, "name"),
        ("a.name AS n, b.name AS m", same, "n m"),
        ("a.*", same, "*"),
        ("a.*, b.name, 1 + 2 AS three", same, "* name three"),
        ("a . *", "a.*", "*"),
        ("ELEMENT_ID(a) AS i, path_length(p) AS l, nodes(p) AS n, edges(p) AS e", same, "i l n e"),
        ("a.x * b.y AS z", same, "z"),
        ("count(*) AS n", same, "n"),
        ("x", same, "x"),
        ("user.x, select.y, case.z + interval.w AS s", same, "x y s"),
        ("s.t.x", same, "x"),
        ("a.\"Name\"", same, "Name"),
        ("(SELECT max(x) FROM t) AS m", same, "m"),
        ("CASE WHEN a.x THEN 1 ELSE 2 END AS c", same, "c"),
        ("'x' AS \"columns\"", same, "columns"),
    ] {
        let table = body(&format!("s.g MATCH p = (a)->(b) COLUMNS ({text})")).unwrap();
        let written = if written.is_empty() { text } else { written };
        assert_eq!(table.to_string(), format!("GRAPH_TABLE (s.g MATCH p = (a)->(b) COLUMNS ({written}))"));
        let found = table.columns.iter().map(|c| c.name().map_or("*", |name| &name.value));
        assert_eq!(found.collect::<Vec<_>>().join(" "), names, "{text}");
    }
}

/// The message, the place and the hint of an error.
pub(super) fn told(error: &Error) -> String {
    let place = error.place().map_or(String::new(), |place| format!(" @ {place}"));
    let hint = error.hint().map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{}{place}{hint}", error.message())
}

#[test]
fn bodies_that_are_refused() {
    // The first column of a body is column 28 of line 1.
    let cases: &[(&str, &str)] = super::refused::REFUSED;
    let mut wrong = String::new();
    for (text, expected) in cases {
        let found = match body(text) {
            Ok(table) => format!("read: {table}"),
            Err(error) => told(&error),
        };
        if found != *expected {
            wrong.push_str(&format!("        ({text:?}, {found:?}),\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
