//! What is cut out of which statements, and the places.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::ast::*;
use super::cases::{tokens, told};
use super::cut::{Cut, PLACEHOLDER, restore};
use super::*;
use crate::query::dialect::DIALECT;

fn cut_text(sql: &str) -> Cut {
    cut(sql, tokens(sql)).unwrap_or_else(|error| panic!("{sql}: {}", told(&error)))
}

/// `@` stands for a GRAPH_TABLE.
fn with_tables(sql: &str) -> String {
    sql.replace('@', "GRAPH_TABLE (g MATCH (a)->(b) COLUMNS (a.x, b.y))")
}

/// The text that the tokens make.
pub(super) fn text_of(cut: &Cut) -> String {
    cut.tokens.iter().map(|token| token.token.to_string()).collect()
}

#[test]
fn tables_in_from_are_cut() {
    for sql in [
        "SELECT * FROM @",
        "SELECT * FROM @ AS t (a, b)",
        "SELECT * FROM @ t WHERE t.x = 1;",
        "SELECT * FROM a, @ t, b",
        "SELECT * FROM a JOIN @ t ON t.x = a.x LEFT JOIN @ u USING (x)",
        "SELECT * FROM a JOIN b ON f(a.x, 1) = CASE WHEN b.x THEN 1 END, @ t",
        "SELECT * FROM a CROSS JOIN LATERAL @ t",
        "SELECT * FROM a, LATERAL @ t",
        "SELECT * FROM (@ t JOIN b USING (x))",
        "SELECT * FROM (a NATURAL JOIN (@ t CROSS JOIN @ u)), @",
        "SELECT * FROM (SELECT x, y FROM @ t) s, @ t",
        "SELECT (SELECT count(*) FROM @), x FROM @",
        "WITH c AS (SELECT * FROM @), d (x) AS (SELECT x FROM a, @) SELECT * FROM c, d",
        "WITH RECURSIVE c AS (SELECT 1 FROM @ UNION ALL SELECT 2 FROM c, @) TABLE c",
        "INSERT INTO t SELECT * FROM @",
        "INSERT INTO t (a, b) SELECT x, y FROM a, @",
        "UPDATE t SET a = g.x FROM @ g WHERE g.y = t.y",
        "DELETE FROM t USING @ g WHERE g.x = t.x",
        "MERGE INTO t USING @ g ON g.x = t.x WHEN MATCHED THEN DELETE",
        "CREATE VIEW v AS SELECT * FROM @",
        "CREATE TABLE t AS SELECT * FROM @ LIMIT 1",
        "EXPLAIN SELECT * FROM @",
        "SELECT 1 WHERE EXISTS (SELECT FROM @) AND x IN (SELECT x FROM a, @)",
        "SELECT * FROM @ UNION SELECT 1, 2 FROM @ ORDER BY 1",
        "select * from /* c */ @ -- d\n, @",
        "SELECT 'é', \"@\" FROM \n @",
        "PREPARE p AS SELECT * FROM @ WHERE x = $1",
    ] {
        // A table in quotes is a name.
        let sql = sql.replace("\"@\"", "\"GRAPH_TABLE (g MATCH\"");
        let count = sql.matches('@').count();
        let given = with_tables(&sql);
        let found = cut_text(&given);
        assert_eq!(found.tables.len(), count, "{given}");
        let written = text_of(&found);
        let mut expected = String::new();
        let mut number = 0;
        for (at, part) in sql.split('@').enumerate() {
            if at > 0 {
                expected.push_str(&format!("{PLACEHOLDER}({number})"));
                number += 1;
            }
            expected.push_str(part);
        }
        assert_eq!(written, expected);
        assert_eq!(restore(&written, &found.tables), given);
        // The tokens are the ones of that text, and the parser takes them.
        let plain = |tokens: Vec<TokenWithSpan>| tokens.into_iter().map(|t| t.token).collect::<Vec<Token>>();
        assert_eq!(plain(found.tokens.clone()), plain(tokens(&written)));
        let mut parser = Parser::new(&DIALECT).with_tokens_with_locations(found.tokens.clone());
        if !sql.ends_with("TABLE c") {
            parser.parse_statement().unwrap_or_else(|error| panic!("{given}: {error}"));
        }
    }
}

#[test]
fn names_are_not_cut() {
    for sql in [
        "SELECT graph_table FROM graph_table",
        "SELECT graph_table (1), graph_table(a, b) FROM t",
        "SELECT * FROM graph_table g, graph_table",
        "SELECT * FROM t AS graph_table (a, b)",
        "SELECT * FROM t graph_table (a, b)",
        "SELECT * FROM \"graph_table\" (g)",
        "SELECT * FROM s.graph_table(1)",
        "CREATE TABLE graph_table (g MATCH, b int)",
        "CREATE INDEX i ON graph_table (a)",
        "INSERT INTO graph_table (a, b) VALUES (1, 2)",
        "WITH graph_table (a) AS (SELECT 1), b AS (SELECT 2), graph_table (a) AS (SELECT 1) SELECT 1",
        "SELECT 'GRAPH_TABLE (g MATCH (a) COLUMNS (a.x))' -- FROM GRAPH_TABLE (\n",
        "SELECT /* FROM GRAPH_TABLE (g MATCH */ $$ FROM GRAPH_TABLE ($$",
        "SELECT x.graph_table, t.aresadb_graph_table FROM aresadb_graph_table",
        "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES graph_table (a)",
        "",
        ";;",
    ] {
        let given = tokens(sql);
        let found = cut(sql, given.clone()).unwrap();
        assert_eq!(found.tokens, given, "{sql}");
        assert_eq!(text_of(&found), sql);
        assert!(found.tables.is_empty());
    }
    assert!(mentions_graph("SELECT 1 FROM Graph_Table"));
    assert!(mentions_graph("drop PROPERTY GRAPH g"));
    assert!(!mentions_graph("SELECT 1 FROM grap h"));
    assert!(!mentions_graph(""));
}

#[test]
fn statements_that_are_refused() {
    for (sql, expected) in [
        (
            "SELECT 1,\n @",
            "GRAPH_TABLE stands in FROM alone @ line 2, column 2 (write (SELECT ... FROM GRAPH_TABLE (...)) where a value is needed)",
        ),
        (
            "SELECT @",
            "GRAPH_TABLE stands in FROM alone @ line 1, column 8 (write (SELECT ... FROM GRAPH_TABLE (...)) where a value is needed)",
        ),
        (
            "SELECT * FROM t WHERE x IN (@)",
            "GRAPH_TABLE stands in FROM alone @ line 1, column 29 (write (SELECT ... FROM GRAPH_TABLE (...)) where a value is needed)",
        ),
        (
            "SELECT * FROM f(1, @)",
            "GRAPH_TABLE stands in FROM alone @ line 1, column 20 (write (SELECT ... FROM GRAPH_TABLE (...)) where a value is needed)",
        ),
        (
            "SELECT * FROM t ORDER BY 1, @",
            "GRAPH_TABLE stands in FROM alone @ line 1, column 29 (write (SELECT ... FROM GRAPH_TABLE (...)) where a value is needed)",
        ),
        (
            "SELECT * FROM ARESADB_graph_table(0)",
            "the name aresadb_graph_table is reserved @ line 1, column 15 (write GRAPH_TABLE (graph MATCH ... COLUMNS (...)))",
        ),
        (
            "SELECT \"aresadb_graph_table\" (0)",
            "the name aresadb_graph_table is reserved @ line 1, column 8 (write GRAPH_TABLE (graph MATCH ... COLUMNS (...)))",
        ),
        ("SELECT * FROM graph_table(1)", "expected the name of a graph, found '1' @ line 1, column 27"),
        (
            "SELECT * FROM a, GRAPH_TABLE (g MATCH (a) COLUMNS (a.x)",
            "the '(' of GRAPH_TABLE is not closed @ line 1, column 18",
        ),
        (
            "SELECT * FROM @, GRAPH_TABLE (g\n  MATCH (a b))",
            "expected IS, ':', WHERE or ')' to end the node pattern that begins at line 2, column 9, found 'b' @ line 2, column 12",
        ),
        (
            "SELECT * FROM GRAPH_TABLE (g MATCH (a WHERE EXISTS (SELECT 1 FROM\n GRAPH_TABLE (g MATCH (b c) COLUMNS (b.x)))) COLUMNS (a.x))",
            "expected IS, ':', WHERE or ')' to end the node pattern that begins at line 2, column 23, found 'c' @ line 2, column 26",
        ),
        (
            "SELECT * FROM GRAPH_TABLE (g MATCH (a WHERE a.x IN (SELECT x FROM @) a) COLUMNS (a.x))",
            "expected ')' to end the node pattern that begins at line 1, column 36, found 'a' @ line 1, column 118",
        ),
    ] {
        let sql = with_tables(sql);
        assert_eq!(told(&cut(&sql, tokens(&sql)).unwrap_err()), expected, "{sql}");
    }
    let deep = "SELECT 1 FROM GRAPH_TABLE (g MATCH (a WHERE EXISTS (".repeat(70);
    let sql = format!("{deep}{}", "))) COLUMNS (1 AS x))".repeat(70));
    let error = cut(&sql, tokens(&sql)).unwrap_err();
    assert_eq!(error.message(), "GRAPH_TABLE nested deeper than 64 levels");
    for (text, message) in [
        (format!("{}(a)->(b){}", "(".repeat(70), ")".repeat(70)), "a pattern nested deeper than 64 levels"),
        (format!("(a IS {}x)", "!".repeat(70)), "a pattern nested deeper than 64 levels"),
        (format!("(a IS {}x{})", "(".repeat(70), ")".repeat(70)), "a pattern nested deeper than 64 levels"),
    ] {
        let sql = format!("SELECT * FROM GRAPH_TABLE (g MATCH {text} COLUMNS (1 AS x))");
        assert_eq!(cut(&sql, tokens(&sql)).unwrap_err().message(), message);
    }
}

#[test]
fn a_table_within_another_is_cut_first() {
    let inner = with_tables("@");
    let sql = format!(
        "SELECT * FROM GRAPH_TABLE (h MATCH (c WHERE EXISTS (SELECT 1 FROM {inner} AS i WHERE i.x = c.x)) \
         COLUMNS (c.x)), {inner}"
    );
    let found = cut_text(&sql);
    assert_eq!(found.tables.len(), 3);
    assert_eq!(text_of(&found), format!("SELECT * FROM {PLACEHOLDER}(1), {PLACEHOLDER}(2)"));
    let at = found.tables[0].at.0;
    assert_eq!(&sql[at.start..at.end], inner);
    assert!(found.tables[1].to_string().contains(&format!("FROM {PLACEHOLDER}(0) AS i")));
    assert_eq!(restore(&text_of(&found), &found.tables), sql);
}

#[test]
fn errors_around_keep_their_places() {
    let sql = with_tables("SELECT * FROM @ g\n WHERE é = = 1");
    let found = cut_text(&sql);
    let error = Parser::new(&DIALECT)
        .with_tokens_with_locations(found.tokens)
        .parse_statement()
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("found: = at Line: 2, Column: 12"), "{error}");
}

#[test]
fn nodes_of_the_tree_know_their_text() {
    let sql = "SELECT 'é' FROM GRAPH_TABLE (g MATCH\n p = ANY SHORTEST (a IS x|!y WHERE a.é = 'ü') \
               -[e]-> {1,3} ((b)<-[f]-(c) WHERE b.x) COLUMNS (a.x AS z, b.*)) t";
    let found = cut_text(sql);
    let text = |at: At| &sql[at.0.start..at.0.end];
    let table = &found.tables[0];
    assert!(text(table.at).starts_with("GRAPH_TABLE (") && text(table.at).ends_with("b.*))"));
    let path = &table.paths[0];
    assert!(text(path.at).starts_with("p = ANY") && text(path.at).ends_with("WHERE b.x)"));
    assert_eq!(text(path.prefix.unwrap().at), "ANY SHORTEST");
    let parts: Vec<&str> = path.factors.iter().map(|factor| text(factor.primary.at())).collect();
    assert_eq!(parts, ["(a IS x|!y WHERE a.é = 'ü')", "-[e]->", "((b)<-[f]-(c) WHERE b.x)"]);
    assert_eq!(text(path.factors[1].quantifier.unwrap().at), "{1,3}");
    let Primary::Node(node) = &path.factors[0].primary else { panic!() };
    let label = node.label.as_ref().unwrap();
    assert_eq!(text(label.at), "x|!y");
    let LabelKind::Or(labels) = &label.kind else { panic!() };
    assert_eq!(text(labels[1].at), "!y");
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(|column| match column {
            OutputColumn::Expr { at, .. } | OutputColumn::All { at, .. } => text(*at),
        })
        .collect();
    assert_eq!(columns, ["a.x AS z", "b.*"]);
}

#[test]
fn tokens_without_places_are_read_too() {
    let sql = with_tables("SELECT * FROM @ g");
    let plain = |sql: &str| tokens(sql).into_iter().map(|t| TokenWithSpan::wrap(t.token)).collect::<Vec<_>>();
    let found = cut(&sql, plain(&sql)).unwrap();
    assert_eq!(found.tables, cut_text(&sql).tables);
    let sql = "SELECT * FROM GRAPH_TABLE (g MATCH (a b) COLUMNS (a.x))";
    let error = cut(sql, plain(sql)).unwrap_err();
    assert_eq!(told(&error), "expected IS, ':', WHERE or ')' to end the node pattern, found 'b'");
}

#[test]
fn names_from_around_need_lateral() {
    for (from, outer) in [
        ("x, @(a WHERE a.y = 1) COLUMNS (a.z)", ""),
        ("x, @(a WHERE a.y = x.y) COLUMNS (a.z)", "x"),
        ("x, @(x WHERE x.y = X.y)-[\"E\"]->() COLUMNS (\"E\".z)", ""),
        ("x, @()-[e]->() COLUMNS (\"E\".z)", "E"),
        ("x, @(a) WHERE flag COLUMNS (a.z)", "flag"),
        ("x, @(a) COLUMNS (x.z, a.y + x.y AS s)", "x x"),
        ("x, @p = (a)->(b) WHERE f(p) > $1 COLUMNS (g(a, b) AS s)", ""),
        ("x, @((a)-[e]->(b) WHERE e.x < y.x){2} COLUMNS (1 AS s)", "y"),
        ("x, @(a WHERE a.tags[1] = x.tags[1]) COLUMNS (1 AS s)", "x"),
        ("x, @(a WHERE EXISTS (SELECT y FROM t, s.u WHERE t.y = a.y AND u.z = q.z)) COLUMNS (1 AS s)", "q"),
        (
            "x, @(a WHERE a.y IN (SELECT d.y FROM (SELECT 1 AS y) d JOIN t e ON e.x = d.x)) COLUMNS (1 AS s)",
            "",
        ),
        ("x, @(a WHERE EXISTS (SELECT 1 FROM @(b WHERE b.y = a.y) COLUMNS (b.y)) g)) COLUMNS (1 AS s)", ""),
        ("x, @(a WHERE EXISTS (SELECT 1 FROM @(b WHERE b.y = x.y) COLUMNS (b.y)) g)) COLUMNS (1 AS s)", "x"),
        ("x CROSS JOIN LATERAL @(a WHERE a.y = x.y) COLUMNS (a.z)", "x"),
    ] {
        let given = format!("SELECT * FROM {}) t", from.replace('@', "GRAPH_TABLE (g MATCH "));
        let found = cut_text(&given);
        let table = found.tables.last().unwrap();
        let names: Vec<String> =
            table.outer_names(&found.tables).into_iter().map(|name| name.value).collect();
        assert_eq!(names.join(" "), outer, "{given}");
        let written = text_of(&found);
        assert_eq!(written.matches("LATERAL aresadb").count(), usize::from(!outer.is_empty()), "{given}");
        assert_eq!(written.matches("LATERAL").count(), usize::from(!outer.is_empty()), "{given}");
        let plain = |tokens: Vec<TokenWithSpan>| tokens.into_iter().map(|t| t.token).collect::<Vec<Token>>();
        assert_eq!(plain(found.tokens.clone()), plain(tokens(&written)));
        Parser::new(&DIALECT).with_tokens_with_locations(found.tokens.clone()).parse_statement().unwrap();
        let again = restore(&written, &found.tables);
        assert_eq!(cut_text(&again).tables, found.tables, "{again}");
    }
}
