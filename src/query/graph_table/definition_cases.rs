//! Statements over property graphs: what is read, and what is refused.

use super::cases::{tokens, told};
use super::definition::*;
use super::*;

fn read(sql: &str) -> String {
    match graph_statement(sql, &tokens(sql)) {
        Ok(None) => "none".to_owned(),
        Ok(Some(statement)) => {
            let shown = statement.to_string();
            let again = graph_statement(&shown, &tokens(&shown)).unwrap().unwrap();
            assert_eq!(again, statement, "{sql}");
            shown
        }
        Err(error) => told(&error),
    }
}

#[test]
fn statements_that_are_read() {
    let same = "";
    for (sql, written) in [
        ("CREATE PROPERTY GRAPH g", same),
        ("create property graph s.g ;", "CREATE PROPERTY GRAPH s.g"),
        ("CREATE OR REPLACE PROPERTY GRAPH g VERTEX TABLES (v)", same),
        ("CREATE PROPERTY GRAPH IF NOT EXISTS g EDGE TABLES (e)", same),
        (
            "CREATE PROPERTY GRAPH g NODE TABLES (v) RELATIONSHIP TABLES (e)",
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v) EDGE TABLES (e)",
        ),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (v1, s.v2 AS w KEY (a, b), \"V\" KEY (c))", same),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (v) EDGE TABLES (e SOURCE v DESTINATION v)", same),
        (
            "CREATE PROPERTY GRAPH g EDGE TABLES (e KEY (x) SOURCE KEY (a) REFERENCES v (b) DESTINATION KEY (c, d) REFERENCES w (e, f))",
            same,
        ),
        (
            "CREATE PROPERTY GRAPH g EDGE TABLES (e SOURCE KEY (a) REFERENCES v DESTINATION w LABEL l NO PROPERTIES)",
            same,
        ),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v NO PROPERTIES)",
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v DEFAULT LABEL NO PROPERTIES)",
        ),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES ALL COLUMNS)",
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v)",
        ),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v DEFAULT LABEL)",
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v)",
        ),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES ARE ALL COLUMNS EXCEPT (a, b))",
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v DEFAULT LABEL PROPERTIES ALL COLUMNS EXCEPT (a, b))",
        ),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v LABEL a LABEL b PROPERTIES (x, y + 1 AS z) DEFAULT LABEL NO PROPERTIES)",
            same,
        ),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v LABEL l PROPERTIES (a * 2 AS x, 'o'::varchar(10) AS k, n COLLATE \"C\" AS m))",
            "CREATE PROPERTY GRAPH g VERTEX TABLES (v LABEL l PROPERTIES (a * 2 AS x, 'o'::VARCHAR(10) AS k, n COLLATE \"C\" AS m))",
        ),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (v, v AS w)", same),
        ("DROP PROPERTY GRAPH g", same),
        ("DROP PROPERTY GRAPH IF EXISTS g, s.h CASCADE", same),
        ("DROP PROPERTY GRAPH g RESTRICT;", "DROP PROPERTY GRAPH g RESTRICT"),
        ("ALTER PROPERTY GRAPH g ADD VERTEX TABLES (v) EDGE TABLES (e SOURCE v DESTINATION v)", same),
        (
            "ALTER PROPERTY GRAPH IF EXISTS g ADD NODE TABLES (v LABEL x)",
            "ALTER PROPERTY GRAPH IF EXISTS g ADD VERTEX TABLES (v LABEL x)",
        ),
        ("ALTER PROPERTY GRAPH g DROP EDGE TABLES (a, b) CASCADE", same),
        ("ALTER PROPERTY GRAPH g DROP NODE TABLES (a)", "ALTER PROPERTY GRAPH g DROP VERTEX TABLES (a)"),
        ("ALTER PROPERTY GRAPH g ALTER VERTEX TABLE v ADD LABEL a ADD LABEL b PROPERTIES (x)", same),
        ("ALTER PROPERTY GRAPH g ALTER EDGE TABLE e DROP LABEL l RESTRICT", same),
        (
            "ALTER PROPERTY GRAPH g ALTER RELATIONSHIP TABLE e ALTER LABEL l ADD PROPERTIES (x + 1 AS y)",
            "ALTER PROPERTY GRAPH g ALTER EDGE TABLE e ALTER LABEL l ADD PROPERTIES (x + 1 AS y)",
        ),
        ("ALTER PROPERTY GRAPH g ALTER VERTEX TABLE v ALTER LABEL l DROP PROPERTIES (x, y) CASCADE", same),
        (
            "ALTER PROPERTY GRAPH g ADD VERTEX TABLES (v) ADD EDGE TABLES (e)",
            "ALTER PROPERTY GRAPH g ADD VERTEX TABLES (v) EDGE TABLES (e)",
        ),
        ("ALTER PROPERTY GRAPH g RENAME TO h", same),
        // Not ours.
        ("CREATE TABLE property (graph int)", "none"),
        ("CREATE VIEW property AS SELECT 1", "none"),
        ("DROP TABLE property", "none"),
        ("SELECT property graph", "none"),
        ("", "none"),
    ] {
        assert_eq!(read(sql), if written.is_empty() { sql } else { written }, "{sql}");
    }
    let sql = "CREATE PROPERTY GRAPH g VERTEX TABLES (s.v KEY (a)) EDGE TABLES (e AS f)";
    let Some(GraphStatement::Create(create)) = graph_statement(sql, &tokens(sql)).unwrap() else { panic!() };
    assert_eq!(create.vertices[0].name().unwrap().value, "v");
    assert_eq!(create.edges[0].element.name().unwrap().value, "f");
    let at = create.vertices[0].at.0;
    assert_eq!(&sql[at.start..at.end], "s.v KEY (a)");
}

#[test]
fn statements_that_are_refused() {
    let mut wrong = String::new();
    for (sql, expected) in REFUSED {
        let found = read(sql);
        if found != *expected {
            wrong.push_str(&format!("        ({sql:?}, {found:?}),\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

const REFUSED: &[(&str, &str)] = &[
    (
        "CREATE PROPERTY GRAPH",
        "expected a name for the property graph, found the end of the statement @ line 1, column 22",
    ),
    (
        "CREATE TEMP PROPERTY GRAPH g",
        "a temporary property graph is not supported @ line 1, column 8 (leave the word away, and drop the graph when it is done with)",
    ),
    (
        "CREATE OR REPLACE PROPERTY GRAPH IF NOT EXISTS g",
        "OR REPLACE and IF NOT EXISTS contradict each other @ line 1, column 34",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES",
        "expected '(' and the name of a table, found the end of the statement @ line 1, column 38",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES ()",
        "expected the name of a table, found ')' @ line 1, column 40",
    ),
    ("CREATE PROPERTY GRAPH g VERTEX TABLE (v)", "expected TABLES, found 'TABLE' @ line 1, column 32"),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v w)",
        "expected AS, KEY, LABEL, PROPERTIES, ',' or ')' to end the list of vertex tables that begins at line 1, column 39, found 'w' @ line 1, column 42",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v, v)",
        "two element tables are named v @ line 1, column 43 (give one of them another name with AS)",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v) EDGE TABLES (s.v)",
        "two element tables are named v @ line 1, column 56 (give one of them another name with AS)",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v SOURCE w DESTINATION x)",
        "expected AS, KEY, LABEL, PROPERTIES, ',' or ')' to end the list of vertex tables that begins at line 1, column 39, found 'SOURCE' @ line 1, column 42",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v KEY ())",
        "expected the name of a column, found ')' @ line 1, column 47",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v KEY a)",
        "expected '(' and the name of a column, found 'a' @ line 1, column 46",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v LABEL)",
        "expected a name for the label, found ')' @ line 1, column 47",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES)",
        "expected ALL COLUMNS or '(', found ')' @ line 1, column 52",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES ())",
        "expected an expression, found ')' @ line 1, column 54",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES (a + 1))",
        "a property that is no column needs a name @ line 1, column 54 (write AS and a name behind it)",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES (a b))",
        "expected AS, ',' or ')' to end the list of properties that begins at line 1, column 53, found 'b' @ line 1, column 56",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v PROPERTIES (a) LABEL l)",
        "expected ',' or ')' to end the list of vertex tables that begins at line 1, column 39, found 'LABEL' @ line 1, column 57",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v",
        "expected AS, KEY, LABEL, PROPERTIES, ',' or ')' to end the list of vertex tables that begins at line 1, column 39, found the end of the statement @ line 1, column 41",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e SOURCE v)",
        "expected DESTINATION, found ')' @ line 1, column 48",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e DESTINATION v)",
        "expected SOURCE before DESTINATION, found 'DESTINATION' @ line 1, column 40",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e SOURCE KEY (a) v DESTINATION w)",
        "expected REFERENCES, found 'v' @ line 1, column 55",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e SOURCE v (a) DESTINATION w)",
        "expected KEY (...) REFERENCES before the vertex table's columns, found '(' @ line 1, column 49",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e SOURCE KEY (a, b) REFERENCES v (a) DESTINATION w)",
        "the source's key has 2 columns and refers to 1 @ line 1, column 71",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e LABEL l SOURCE v DESTINATION w)",
        "expected LABEL, PROPERTIES, ',' or ')' to end the list of edge tables that begins at line 1, column 37, found 'SOURCE' @ line 1, column 48",
    ),
    (
        "CREATE PROPERTY GRAPH g EDGE TABLES (e) VERTEX TABLES (v)",
        "VERTEX TABLES stand before EDGE TABLES @ line 1, column 41",
    ),
    (
        "CREATE PROPERTY GRAPH g\n VERTEX TABLES (v) x",
        "expected EDGE TABLES or the end of the statement, found 'x' @ line 2, column 20",
    ),
    (
        "CREATE PROPERTY GRAPH g; SELECT 1",
        "expected the end of the statement, found 'SELECT' @ line 1, column 26",
    ),
    (
        "DROP PROPERTY GRAPH",
        "expected the name of a property graph, found the end of the statement @ line 1, column 20",
    ),
    (
        "DROP PROPERTY GRAPH g h",
        "expected ',', CASCADE, RESTRICT or the end of the statement, found 'h' @ line 1, column 23",
    ),
    (
        "DROP PROPERTY GRAPH IF EXIST g",
        "expected ',', CASCADE, RESTRICT or the end of the statement, found 'EXIST' @ line 1, column 24",
    ),
    (
        "ALTER PROPERTY GRAPH g",
        "expected ADD, DROP, ALTER or RENAME TO, found the end of the statement @ line 1, column 23",
    ),
    (
        "ALTER PROPERTY GRAPH g ADD",
        "expected VERTEX TABLES or EDGE TABLES behind ADD, found the end of the statement @ line 1, column 27",
    ),
    (
        "ALTER PROPERTY GRAPH g ADD TABLES (v)",
        "expected VERTEX TABLES or EDGE TABLES behind ADD, found 'TABLES' @ line 1, column 28",
    ),
    (
        "ALTER PROPERTY GRAPH g DROP TABLES (v)",
        "expected VERTEX TABLES or EDGE TABLES, found 'TABLES' @ line 1, column 29",
    ),
    (
        "ALTER PROPERTY GRAPH g DROP VERTEX TABLES v",
        "expected '(' and the alias of a table, found 'v' @ line 1, column 43",
    ),
    (
        "ALTER PROPERTY GRAPH g ALTER VERTEX TABLE v",
        "expected ADD LABEL, DROP LABEL or ALTER LABEL, found the end of the statement @ line 1, column 44",
    ),
    (
        "ALTER PROPERTY GRAPH g ALTER VERTEX TABLE v ADD LABEL l PROPERTIES",
        "expected ALL COLUMNS or '(', found the end of the statement @ line 1, column 67",
    ),
    (
        "ALTER PROPERTY GRAPH g ALTER VERTEX TABLE v ALTER LABEL l",
        "expected ADD PROPERTIES or DROP PROPERTIES, found the end of the statement @ line 1, column 58",
    ),
    (
        "ALTER PROPERTY GRAPH g ALTER VERTEX TABLE v DROP LABEL l CASCADE x",
        "expected the end of the statement, found 'x' @ line 1, column 66",
    ),
    (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (v) ADD EDGE TABLES (e)",
        "expected EDGE TABLES or the end of the statement, found 'ADD' @ line 1, column 43",
    ),
    (
        "ALTER PROPERTY GRAPH g ADD VERTEX TABLES (v) ADD VERTEX TABLES (w)",
        "expected ADD EDGE TABLES, EDGE TABLES or the end of the statement, found 'ADD' @ line 1, column 46",
    ),
    (
        "ALTER PROPERTY GRAPH g OWNER TO me",
        "an owner of a property graph is not supported @ line 1, column 24 (a database has one schema and one owner)",
    ),
    (
        "ALTER PROPERTY GRAPH g SET SCHEMA s",
        "a schema of a property graph is not supported @ line 1, column 24 (a database has one schema and one owner)",
    ),
    ("ALTER PROPERTY GRAPH g RENAME h", "expected TO, found 'h' @ line 1, column 31"),
];
