//! Property graphs of one's own, across sessions and processes: commits that race, a store that is opened again.

use aresadb::model::CancelToken;
use aresadb::{Database, ErrorKind, OpenOptions};

use super::isolation::{Sql, sessions};
use super::rules::copy_folder;

const TABLES: [&str; 4] = [
    "CREATE TABLE person (k INT, name TEXT)",
    "CREATE EDGE TABLE knows (FROM person TO person, since INT)",
    "INSERT INTO person (_id, k, name) VALUES ('00000000-0000-0000-0000-000000000001', 1, 'ann'), ('00000000-0000-0000-0000-000000000002', 2, 'bob')",
    "INSERT INTO knows (from_id, to_id, since) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', 2000)",
];
const GRAPH: &str = "CREATE PROPERTY GRAPH g VERTEX TABLES (person LABEL human PROPERTIES (upper(name) AS big)) \
     EDGE TABLES (knows LABEL likes PROPERTIES (since))";
const MATCHED: &str =
    "SELECT * FROM GRAPH_TABLE (g MATCH (a IS human)-[e IS likes]->(b) COLUMNS (a.big, e.since, b.big AS c))";

#[track_caller]
fn whole(db: &Database) {
    let verified = db.verify(&CancelToken::new(), &mut |_| {}).unwrap();
    assert_eq!(verified.found, 0, "{:#?}", verified.findings);
}

#[test]
fn others_see_a_graph_once_it_is_committed() {
    let (db, [a, b]) = sessions(&TABLES);
    a.does(&["BEGIN", GRAPH]);
    a.gives(MATCHED, "ANN|2000|BOB");
    b.fails(MATCHED, ErrorKind::NotFound);
    b.does(&["BEGIN"]);
    b.gives("SELECT count(*) FROM aresadb.property_graphs", "0");
    a.does(&["COMMIT"]);
    b.fails(MATCHED, ErrorKind::NotFound);
    b.does(&["ROLLBACK"]);
    b.gives(MATCHED, "ANN|2000|BOB");
    whole(&db);
}

#[test]
fn a_savepoint_takes_a_graph_back() {
    let (db, [a]) = sessions(&TABLES);
    a.does(&["BEGIN", "SAVEPOINT s", GRAPH, "ROLLBACK TO s"]);
    a.fails(MATCHED, ErrorKind::NotFound);
    a.does(&["ROLLBACK", GRAPH, "BEGIN", "SAVEPOINT s", "DROP PROPERTY GRAPH g", "ROLLBACK TO s"]);
    a.gives(MATCHED, "ANN|2000|BOB");
    a.does(&["COMMIT"]);
    a.gives(MATCHED, "ANN|2000|BOB");
    whole(&db);
}

/// Of a graph and of what takes its types away, the first to commit wins.
#[test]
fn a_graph_and_a_change_below_it_do_not_both_commit() {
    for change in [
        "DROP TABLE knows",
        "ALTER TABLE person DROP COLUMN name",
        "ALTER TABLE person RENAME COLUMN name TO title",
    ] {
        for graph_first in [true, false] {
            let (db, [a, b]) = sessions(&TABLES);
            a.does(&["BEGIN", GRAPH]);
            b.does(&["BEGIN", change]);
            let (first, second) = if graph_first { (&a, &b) } else { (&b, &a) };
            first.does(&["COMMIT"]);
            second.fails("COMMIT", ErrorKind::Conflict);
            if graph_first {
                b.gives(MATCHED, "ANN|2000|BOB");
            } else {
                a.gives("SELECT count(*) FROM aresadb.property_graphs", "0");
            }
            whole(&db);
        }
    }
}

#[test]
fn two_changes_of_a_graph_do_not_both_commit() {
    let (db, [a, b]) = sessions(&TABLES);
    a.does(&[
        GRAPH,
        "BEGIN",
        "ALTER PROPERTY GRAPH g ALTER VERTEX TABLE person ADD LABEL being NO PROPERTIES",
    ]);
    b.does(&["BEGIN", "DROP PROPERTY GRAPH g"]);
    a.does(&["COMMIT"]);
    b.fails("COMMIT", ErrorKind::Conflict);
    a.gives("SELECT count(*) FROM GRAPH_TABLE (g MATCH (a IS being) COLUMNS (1 AS one))", "2");
    b.does(&["BEGIN", "CREATE VIEW v AS SELECT * FROM GRAPH_TABLE (g MATCH (a IS being) COLUMNS (a.big))"]);
    a.does(&["DROP PROPERTY GRAPH g"]);
    b.fails("COMMIT", ErrorKind::Conflict);
    whole(&db);
}

#[test]
fn a_graph_is_there_after_a_restart_with_and_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = Database::open(&path, OpenOptions { create: true, ..OpenOptions::default() }).unwrap();
    let sql = Sql::new(&db);
    sql.does(&TABLES);
    sql.does(&[GRAPH]);
    let definition = sql.run("SELECT definition FROM aresadb.property_graphs").unwrap();
    drop((sql, db));
    for round in 0..3 {
        let db = Database::open(&path, OpenOptions::default()).unwrap();
        let sql = Sql::new(&db);
        sql.gives(MATCHED, "ANN|2000|BOB");
        sql.gives("SELECT definition FROM aresadb.property_graphs", &definition);
        sql.fails("DROP TABLE knows", ErrorKind::Constraint);
        whole(&db);
        if round == 0 {
            db.checkpoint().unwrap();
        }
    }
    let db = Database::open(&path, OpenOptions::default()).unwrap();
    let sql = Sql::new(&db);
    sql.does(&["DROP PROPERTY GRAPH g", &definition]);
    sql.gives(MATCHED, "ANN|2000|BOB");
    sql.does(&["DROP PROPERTY GRAPH g"]);
    drop((sql, db));
    let db = Database::open(&path, OpenOptions::default()).unwrap();
    Sql::new(&db).fails(MATCHED, ErrorKind::NotFound);
    whole(&db);
}

/// What a process leaves behind that ends in the middle of things: the files of a database that is still open.
#[test]
fn a_graph_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = Database::open(&path, OpenOptions { create: true, ..OpenOptions::default() }).unwrap();
    let sql = Sql::new(&db);
    sql.does(&TABLES);
    sql.does(&["CREATE PROPERTY GRAPH old VERTEX TABLES (person)"]);
    db.checkpoint().unwrap();
    sql.does(&[GRAPH, "DROP PROPERTY GRAPH old", "BEGIN", "DROP PROPERTY GRAPH g"]);
    let left = folder.path().join("left");
    copy_folder(&path, &left);
    let db = Database::open(&left, OpenOptions::default()).unwrap();
    let sql = Sql::new(&db);
    sql.gives(MATCHED, "ANN|2000|BOB");
    sql.gives("SELECT name FROM aresadb.property_graphs", "g");
    sql.fails("DROP TABLE knows", ErrorKind::Constraint);
    whole(&db);
}

#[test]
fn the_program_shows_graphs_in_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let program = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aresadb"));
        command.env_remove("ARESADB_DATABASE").current_dir(folder.path()).args(words);
        let done = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.success(), text(done.stdout), text(done.stderr))
    };
    assert!(program(&["init", "db"]).0);
    for statement in TABLES.into_iter().chain([GRAPH]) {
        let (done, _, error) = program(&["-d", "db", "query", statement]);
        assert!(done, "{error}");
    }
    let (_, all, _) = program(&["-d", "db", "-f", "csv", "schema"]);
    assert!(all.ends_with("\ng,graph,,,,true,\"person, knows\"\n"), "{all}");
    let (_, own, _) = program(&["-d", "db", "-f", "csv", "schema", "g"]);
    assert_eq!(
        own,
        "element,kind,labels,property,type\nperson,node,human,big,TEXT\nknows,edge,likes,since,INTEGER\n"
    );
    let (done, _, error) = program(&["-d", "db", "view", "g"]);
    assert!(
        !done && error.contains("'g' is a property graph") && error.contains("GRAPH_TABLE (g MATCH"),
        "{error}"
    );
}
