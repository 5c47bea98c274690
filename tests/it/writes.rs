//! Statements that write, each followed by a look at everything the database holds.
//!
//! The cases stand in `tests/writes/*.txt`. What a statement gave follows it; after a write that
//! succeeded all rows of all types are listed, after one that failed nothing may have changed:
//!
//! ```text
//! > INSERT INTO t VALUES (1) RETURNING a + 1 AS b     the statement, over one or more lines
//! < b                                                 the columns of its rows, and the rows
//! < 2
//! . INSERT 1                                          what was done, with its note
//! ! constraint: t.a must not be NULL                  or the error's kind and message
//! = t: 1 / 2                                          the content: a line for each type
//! ```
//!
//! Edges are listed by the first properties of the nodes they join (`knows: Ann>Bob|2020`). Besides,
//! every type's count, what SQL shows of it, and the adjacency of every node must agree with the
//! records; at the end the database is opened again and must hold the same.
//! `ARESADB_BLESS=1` writes what was given into the files: read the difference before keeping it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use aresadb::bus::Page;
use aresadb::model::{CancelToken, Error, RowId, TypeDef, Value};
use aresadb::storage::View;
use aresadb::{Database, OpenOptions, Session, StatementResult};

/// A statement and the lines behind it.
struct Case {
    before: String,
    sql: String,
    given: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let (mut before, mut in_statement) = (String::new(), false);
    for line in text.lines() {
        if let Some(sql) = line.strip_prefix("> ") {
            cases.push(Case {
                before: std::mem::take(&mut before),
                sql: sql.to_owned(),
                given: String::new(),
            });
            in_statement = true;
        } else if line.starts_with(['<', '.', '!', '=']) {
            in_statement = false;
            let case = cases.last_mut().expect("a statement comes first");
            case.given.push_str(line);
            case.given.push('\n');
        } else if in_statement && !line.is_empty() {
            let case = cases.last_mut().expect("a statement comes first");
            write!(case.sql, "\n{line}").unwrap();
        } else {
            in_statement = false;
            before.push_str(line);
            before.push('\n');
        }
    }
    cases
}

fn cell(value: &Value) -> String {
    if value.is_null() { "NULL".to_owned() } else { value.to_text() }
}

/// Every record, and that counts, adjacency and SQL agree with them.
fn content(session: &Session) -> BTreeMap<String, Vec<String>> {
    let view = session.view();
    let mut all = BTreeMap::new();
    let (mut edges, mut adjacent) = (Vec::new(), Vec::new());
    for def in view.catalog().types() {
        let mut rows = Vec::new();
        let mut handles = Vec::new();
        view.scan(def.id, 0, u64::MAX, &mut |row, _| {
            handles.push(row);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        for row in handles {
            rows.push(shown(&view, def, row));
            if let Some(edge) = view.edge_at(row).unwrap() {
                let end = |id: aresadb::NodeId| view.row_of(id.0).unwrap().expect("an end that lives");
                edges.push((end(edge.from), row, end(edge.to), true));
                edges.push((end(edge.to), row, end(edge.from), false));
                continue;
            }
            for outgoing in [true, false] {
                view.adjacent(row, outgoing, None, &mut |edge, other| {
                    adjacent.push((row, edge, other, outgoing));
                    Ok(ControlFlow::Continue(()))
                })
                .unwrap();
            }
        }
        assert_eq!(view.live_rows(def.id).unwrap(), rows.len() as u64, "the count of {}", def.name);
        assert_eq!(asked(session, def), properties_alone(&rows), "what SQL shows of {}", def.name);
        all.insert(def.name.clone(), rows);
    }
    edges.sort();
    adjacent.sort();
    assert_eq!(edges, adjacent, "the adjacency of all nodes");
    all
}

fn shown(view: &View, def: &TypeDef, row: RowId) -> String {
    let (ends, properties) = match (view.node_at(row).unwrap(), view.edge_at(row).unwrap()) {
        (Some(node), _) => (String::new(), node.properties),
        (_, Some(edge)) => {
            let label = |id| {
                let node = view.node(id).unwrap().expect("an end that lives");
                let def = view.catalog().get(&node.node_type).expect("its type");
                let first = def.properties.first().and_then(|p| node.properties.get(&p.name));
                first.map_or_else(|| "?".to_owned(), cell)
            };
            (format!("{}>{}", label(edge.from), label(edge.to)), edge.properties)
        }
        (None, None) => panic!("no record at {row:?}"),
    };
    let cells =
        def.properties.iter().map(|p| properties.get(&p.name).map_or_else(|| "NULL".to_owned(), cell));
    let ends = (!ends.is_empty()).then_some(ends);
    ends.into_iter().chain(cells).collect::<Vec<_>>().join("|")
}

/// The rows without the ends of edges, sorted.
fn properties_alone(rows: &[String]) -> Vec<String> {
    let mut rows: Vec<String> = rows.to_vec();
    rows.sort();
    rows
}

/// The same rows through SQL, which shows ends as ids.
fn asked(session: &Session, def: &TypeDef) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    if def.is_edge() {
        columns.extend(["_from_id".to_owned(), "_to_id".to_owned()]);
    }
    columns.extend(def.properties.iter().map(|p| format!("\"{}\"", p.name)));
    if columns.is_empty() {
        columns.push("_id".to_owned());
    }
    let sql = format!("SELECT {} FROM \"{}\"", columns.join(", "), def.name);
    let (_, rows) = rows_of(session, &sql);
    let view = session.view();
    let mut texts: Vec<String> = rows
        .into_iter()
        .map(|row| {
            let mut cells: Vec<String> = row.iter().map(cell).collect();
            if def.is_edge() {
                let label = |text: &str| {
                    let node = view.node(aresadb::NodeId(text.parse().unwrap())).unwrap().unwrap();
                    let def = view.catalog().get(&node.node_type).unwrap();
                    let first = def.properties.first().and_then(|p| node.properties.get(&p.name));
                    first.map_or_else(|| "?".to_owned(), cell)
                };
                let ends = format!("{}>{}", label(&cells[0]), label(&cells[1]));
                cells.splice(0..2, [ends]);
            } else if def.properties.is_empty() {
                cells.clear();
            }
            cells.join("|")
        })
        .collect();
    texts.sort();
    texts
}

fn rows_of(session: &Session, sql: &str) -> (Vec<String>, Vec<Vec<Value>>) {
    match run(session, sql).unwrap_or_else(|e| panic!("{sql}: {e}")) {
        (Some(rows), _) => rows,
        _ => panic!("{sql} gave no rows"),
    }
}

type Rows = (Vec<String>, Vec<Vec<Value>>);

/// A statement's rows, and what it did.
fn run(session: &Session, sql: &str) -> Result<(Option<Rows>, Option<String>), Error> {
    let done = |done: &aresadb::query::CommandResult| {
        let note = done.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        format!("{} {}{note}", done.verb, done.rows)
    };
    session.database().executor().block_on(async {
        match session.run(sql, &[], &CancelToken::new()).await? {
            StatementResult::Done(result) => Ok((None, Some(done(&result)))),
            StatementResult::Rows(rows) => {
                let names = rows.columns().into_iter().map(|(name, _)| name).collect();
                let changed = rows.changed().map(done);
                let mut all = Vec::new();
                for batch in rows.collect().await? {
                    let page = Page::new(0, batch);
                    for row in 0..page.rows() {
                        all.push((0..page.columns()).map(|column| page.value(row, column)).collect());
                    }
                }
                Ok((Some((names, all)), changed))
            }
        }
    })
}

fn given(session: &Session, sql: &str, content_before: &mut BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::new();
    let outcome = run(session, sql);
    let now = content(session);
    let writes = match outcome {
        Err(error) => {
            let kind = format!("{:?}", error.kind()).to_lowercase();
            let place = error.place().map(|place| format!(" @ {place}")).unwrap_or_default();
            writeln!(text, "! {kind}: {}{place}", error.message()).unwrap();
            assert_eq!(&now, content_before, "{sql} failed and changed something");
            false
        }
        Ok((rows, done)) => {
            if let Some((names, rows)) = rows {
                writeln!(text, "< {}", names.join("|")).unwrap();
                for row in rows {
                    writeln!(text, "< {}", row.iter().map(cell).collect::<Vec<_>>().join("|")).unwrap();
                }
            }
            match done {
                Some(done) => {
                    writeln!(text, ". {done}").unwrap();
                    true
                }
                None => {
                    assert_eq!(&now, content_before, "{sql} is a query and changed something");
                    false
                }
            }
        }
    };
    if writes {
        for (name, rows) in &now {
            let space = if rows.is_empty() { "" } else { " " };
            writeln!(text, "= {name}:{space}{}", rows.join(" / ")).unwrap();
        }
    }
    *content_before = now;
    text
}

/// Runs a file.
fn file(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/writes").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path(), OpenOptions { create: true, ..OpenOptions::default() }).unwrap();
    let session = db.session().unwrap();
    let mut before = content(&session);
    let (mut blessed, mut wrong) = (String::new(), String::new());
    for case in cases(&text) {
        let given = given(&session, &case.sql, &mut before);
        write!(blessed, "{}> {}\n{given}", case.before, case.sql).unwrap();
        if given != case.given {
            writeln!(wrong, "> {}\nexpected:\n{}given:\n{given}", case.sql, case.given).unwrap();
        }
    }
    if session.transaction_state().is_open() {
        session.rollback().unwrap();
        before = content(&session);
    }
    drop(session);
    db.close();
    drop(db);
    let reopened = Database::open(folder.path(), OpenOptions::default()).unwrap();
    assert_eq!(content(&reopened.session().unwrap()), before, "after opening it again");
    let found = reopened.verify(&CancelToken::new(), &mut |_| {}).unwrap().findings;
    assert!(found.is_empty(), "{found:?}");
    if std::env::var_os("ARESADB_BLESS").is_some() {
        std::fs::write(&path, blessed).unwrap();
    } else {
        assert!(wrong.is_empty(), "{name}:\n{wrong}");
    }
}

#[test]
fn inserts() {
    file("insert.txt");
}

#[test]
fn updates() {
    file("update.txt");
}

#[test]
fn deletes_and_truncate() {
    file("delete.txt");
}

#[test]
fn prepared_statements() {
    file("prepared.txt");
}

#[test]
fn merges() {
    file("merge.txt");
}

#[test]
fn views() {
    file("views.txt");
}

#[test]
fn conflicts() {
    file("conflict.txt");
}

/// Sessions that insert the same new keys and count up the same rows: every one counts once.
#[test]
fn inserts_that_race_for_a_key_are_tried_again() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    run(&session, "CREATE TABLE c (k INTEGER PRIMARY KEY, n INTEGER)").unwrap();
    let (threads, rounds) = (3, 40);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let session = db.session().unwrap();
                for round in 0..rounds {
                    let key = round / 4;
                    let sql = format!(
                        "INSERT INTO c VALUES ({key}, 1) ON CONFLICT (k) DO UPDATE SET n = c.n + excluded.n"
                    );
                    // A statement gives up after many tries.
                    while let Err(error) = run(&session, &sql) {
                        assert_eq!(error.kind(), aresadb::ErrorKind::Conflict, "{error}");
                    }
                }
            });
        }
    });
    let (_, rows) = rows_of(&session, "SELECT count(*), min(n), max(n) FROM c");
    assert_eq!(rows, [[Value::Integer(10), Value::Integer(12), Value::Integer(12)]]);
    content(&session);
}

#[test]
fn writes_against_rules() {
    file("rules.txt");
}

/// Chains of views, and statements made of many, end in an error, not in a stack that runs out.
#[test]
fn views_nest_to_a_limit() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    run(&session, "CREATE VIEW v0 AS SELECT 1 AS a").unwrap();
    let mut chain = 0;
    let error = loop {
        let sql = format!("CREATE VIEW v{} AS SELECT a + 1 AS a FROM v{chain}", chain + 1);
        match run(&session, &sql) {
            Ok(_) => chain += 1,
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("deep"), "{error}");
    assert_eq!(rows_of(&session, &format!("SELECT a FROM v{chain}")).1, [[Value::Integer(chain + 1)]]);
    run(&session, "CREATE VIEW w0 AS SELECT 1 AS a").unwrap();
    let mut wide = 0;
    let error = loop {
        let sql = format!("CREATE VIEW w{} AS SELECT x.a FROM w{wide} x, w{wide} y, w{wide} z", wide + 1);
        match run(&session, &sql) {
            Ok(_) => wide += 1,
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("1000 views"), "{error}");
}

/// More rows than are kept back at once, every second one there already.
#[test]
fn many_rows_meet_their_keys() {
    let db = Database::in_memory().unwrap();
    let session = db.session().unwrap();
    run(&session, "CREATE TABLE m (k INTEGER PRIMARY KEY, n INTEGER)").unwrap();
    run(&session, "INSERT INTO m SELECT generate_series * 2, 0 FROM generate_series(1, 5000)").unwrap();
    let upsert = "INSERT INTO m SELECT v, v FROM generate_series(1, 10000) v ORDER BY v \
                  ON CONFLICT (k) DO UPDATE SET n = m.n - excluded.n RETURNING k, n";
    let (_, rows) = rows_of(&session, upsert);
    assert_eq!(rows.len(), 10_000);
    for (row, k) in rows.iter().zip(1i64..) {
        let n = if k % 2 == 0 { -k } else { k };
        assert_eq!(row, &[Value::Integer(k), Value::Integer(n)]);
    }
    let (_, rows) = rows_of(&session, "SELECT count(*), sum(n) FROM m");
    assert_eq!(rows, [[Value::Integer(10_000), Value::Integer(-5_000)]]);
}
