//! Held results through the bus: order, filters, find, copies, files and edits over many rows.

use aresadb::bus::{
    Bus, BusOptions, Client, Command, Comparison, CopyFormat, CopyRequest, CursorId, Delivery, EventBody,
    Events, FindRequest, RowChoice, RowEdit, RowFilter, RowShape, SortKey,
};
use aresadb::model::{Error, ErrorKind, Value};

struct Held {
    bus: Option<Bus>,
    client: Client,
    events: Events,
    folder: tempfile::TempDir,
}

impl Held {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::start(BusOptions::new(folder.path())).unwrap();
        let (client, events) = bus.connect();
        let mut held = Self { bus: Some(bus), client, events, folder };
        let path = ":memory:".into();
        held.ask(Command::Open { path, create: true, name: None, read_only: false, salvage: false }).unwrap();
        held
    }

    /// Sends a command and gives its events.
    fn ask(&mut self, command: Command) -> Result<Vec<EventBody>, Error> {
        let request = self.client.send(command)?;
        self.answers(request)
    }

    fn answers(&mut self, request: aresadb::bus::RequestId) -> Result<Vec<EventBody>, Error> {
        let mut bodies = Vec::new();
        loop {
            let event = self.events.blocking_recv().unwrap();
            if event.request != request {
                continue;
            }
            match event.body {
                EventBody::Failed { error, .. } => return Err(error),
                body @ EventBody::Done { .. } => {
                    bodies.push(body);
                    return Ok(bodies);
                }
                body => bodies.push(body),
            }
        }
    }

    fn hold(&mut self, sql: &str) -> CursorId {
        let delivery = Delivery::Cursor { page_rows: 10 };
        let bodies = self.ask(Command::Run { sql: sql.into(), params: vec![], delivery }).unwrap();
        cursor_of(&bodies)
    }

    fn shape(&mut self, cursor: CursorId, filters: Vec<RowFilter>, sort: Vec<SortKey>) -> CursorId {
        let bodies = self.ask(Command::Shape { cursor, shape: RowShape { filters, sort } }).unwrap();
        cursor_of(&bodies)
    }

    fn rows(&mut self, cursor: CursorId, first_row: u64, rows: u32) -> Vec<Vec<Value>> {
        let bodies = self.ask(Command::FetchPage { cursor, first_row, rows }).unwrap();
        bodies
            .iter()
            .filter_map(|body| match body {
                EventBody::Rows { page, .. } => Some(page),
                _ => None,
            })
            .flat_map(|page| {
                (0..page.rows()).map(|r| (0..page.columns()).map(|c| page.value(r, c)).collect::<Vec<_>>())
            })
            .collect()
    }

    fn run(&mut self, sql: &str) {
        let delivery = Delivery::Stream { limit: None };
        self.ask(Command::Run { sql: sql.into(), params: vec![], delivery }).unwrap();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.take() {
            bus.shutdown();
        }
    }
}

fn cursor_of(bodies: &[EventBody]) -> CursorId {
    let cursor = bodies.iter().find_map(|body| match body {
        EventBody::Cursor { cursor, .. } => Some(*cursor),
        _ => None,
    });
    cursor.unwrap()
}

const SORT: fn(u32, bool) -> SortKey = |column, descending| SortKey { column, descending };

/// More than the 64 MiB that stay in memory, so that most rows lie in the file.
const LARGE: &str = "SELECT i, (i * 7919) % 300007 AS k, repeat('x', 300) || i AS pad \
                     FROM generate_series(1, 300000) AS g(i)";

#[test]
fn a_result_that_lies_in_a_file_is_ordered_filtered_and_searched() {
    let mut held = Held::start();
    let cursor = held.hold(LARGE);
    let sorted = held.shape(cursor, vec![], vec![SORT(1, true)]);
    for first in [0, 150_000, 299_990] {
        let rows = held.rows(sorted, first, 10);
        assert_eq!(rows.len(), 10);
        let key = |row: &Vec<Value>| match row[1] {
            Value::Integer(k) => -k,
            _ => panic!("{row:?}"),
        };
        assert!(rows.is_sorted_by_key(key), "{first}");
        for row in &rows {
            let Value::Integer(i) = row[0] else { panic!("{row:?}") };
            assert_eq!(row[1], Value::Integer((i * 7919) % 300_007));
            assert_eq!(row[2], Value::from(format!("{}{i}", "x".repeat(300))));
        }
    }
    let less = RowFilter::Compare { column: 0, comparison: Comparison::LessOrEqual, text: "25".into() };
    let few = held.shape(cursor, vec![less], vec![SORT(0, true)]);
    let numbers: Vec<Value> = held.rows(few, 0, 100).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers, (1..=25).rev().map(Value::Integer).collect::<Vec<_>>());
    let find = |text: &str, from_row, backwards| FindRequest {
        text: text.into(),
        columns: vec![],
        from_row,
        from_column: 0,
        inclusive: false,
        backwards,
    };
    let mut found = |cursor, find| {
        let bodies = held.ask(Command::Find { cursor, find }).unwrap();
        bodies.into_iter().find_map(|body| match body {
            EventBody::Found(found) => Some(found.map(|f| (f.row, f.column, f.wrapped))),
            _ => None,
        })
    };
    assert_eq!(found(cursor, find("x299999", 5, false)), Some(Some((299_998, 2, false))));
    assert_eq!(found(cursor, find("x17", 250_000, false)), Some(Some((16, 2, true))));
    assert_eq!(found(cursor, find("x17", 20, true)), Some(Some((16, 2, false))));
    assert_eq!(found(cursor, find("X17", 20, true)), Some(None), "a capital is meant");
    assert_eq!(found(few, find("x3", 0, false)), Some(Some((22, 2, false))));
}

#[test]
fn work_over_many_rows_is_cancelled_and_a_closed_result_ends_its_views() {
    let mut held = Held::start();
    let cursor = held.hold(LARGE);
    let shape = RowShape { filters: vec![], sort: vec![SORT(2, false), SORT(1, true)] };
    let request = held.client.send(Command::Shape { cursor, shape }).unwrap();
    held.client.send(Command::Cancel { request }).unwrap();
    assert_eq!(held.answers(request).unwrap_err().kind(), ErrorKind::Cancelled);
    // The result is as it was.
    assert_eq!(held.rows(cursor, 299_999, 5).len(), 1);
    let view = held.shape(cursor, vec![], vec![SORT(0, true)]);
    held.ask(Command::CloseCursor { cursor }).unwrap();
    let error = held.ask(Command::FetchPage { cursor: view, first_row: 0, rows: 5 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn copies_and_files_have_the_rows_of_the_view() {
    let mut held = Held::start();
    let cursor = held.hold("SELECT i, 'row ' || i AS w FROM generate_series(1, 20000) AS g(i)");
    let view = held.shape(cursor, vec![], vec![SORT(0, true)]);
    let copy = |rows, most_bytes| CopyRequest {
        rows,
        columns: vec![1],
        format: CopyFormat::Insert,
        table: "t".into(),
        most_bytes,
    };
    let mut copied = |rows, most| {
        let bodies = held.ask(Command::CopyRows { cursor: view, copy: copy(rows, most) }).unwrap();
        bodies.into_iter().find_map(|body| match body {
            EventBody::Copied(copied) => Some(copied),
            _ => None,
        })
    };
    let few = copied(RowChoice::Numbers(vec![0, 1, 19_999]), 74_000).unwrap();
    let lines = ["row 20000", "row 19999", "row 1"].map(|w| format!("INSERT INTO t (w) VALUES ('{w}');"));
    assert_eq!(few.text.as_deref(), Some(lines.join("\n").as_str()));
    let all = copied(RowChoice::All, 74_000).unwrap();
    assert_eq!((all.text, all.rows), (None, 20_000));
    let text = std::fs::read_to_string(all.file.unwrap()).unwrap();
    assert_eq!((text.lines().count(), text.len() as u64), (20_000, all.bytes));
    let file = held.folder.path().join("out.csv");
    let export = |replace| Command::ExportRows {
        cursor: view,
        file: file.clone(),
        format: None,
        columns: vec![],
        replace,
    };
    held.ask(export(false)).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("i,w\n20000,row 20000\n19999,"));
    assert_eq!(held.ask(export(false)).unwrap_err().kind(), ErrorKind::Conflict);
    held.ask(export(true)).unwrap();
}

#[test]
fn edits_are_committed_all_or_none() {
    let mut held = Held::start();
    held.run("CREATE TABLE t (n INT PRIMARY KEY, s TEXT)");
    held.run("INSERT INTO t (n, s) VALUES (1, 'a'), (2, 'b')");
    let edit = |sql: &str| RowEdit { sql: sql.into(), rows: 1 };
    let mut apply = |edits: Vec<RowEdit>| held.ask(Command::ApplyEdits { edits });
    let stale =
        apply(vec![edit("UPDATE t SET s = 'x' WHERE n = 1"), edit("UPDATE t SET s = 'y' WHERE n = 9")]);
    assert_eq!(stale.unwrap_err().kind(), ErrorKind::Conflict);
    let twice = apply(vec![edit("UPDATE t SET s = 'x' WHERE n = 1"), edit("INSERT INTO t (n) VALUES (2)")]);
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Constraint);
    apply(vec![edit("UPDATE t SET s = 'c' WHERE n = 1"), edit("DELETE FROM t WHERE n = 2")]).unwrap();
    let cursor = held.hold("SELECT n, s FROM t");
    assert_eq!(held.rows(cursor, 0, 9), [[Value::Integer(1), Value::from("c")]]);
    // Within a transaction they are a part that comes and goes alone.
    held.run("BEGIN");
    held.run("INSERT INTO t (n, s) VALUES (3, 'd')");
    let edits = vec![edit("DELETE FROM t WHERE n = 3"), edit("DELETE FROM t WHERE n = 4")];
    held.ask(Command::ApplyEdits { edits }).unwrap_err();
    held.ask(Command::ApplyEdits { edits: vec![edit("UPDATE t SET s = 'e' WHERE n = 3")] }).unwrap();
    held.run("COMMIT");
    let cursor = held.hold("SELECT s FROM t ORDER BY n");
    assert_eq!(held.rows(cursor, 0, 9), [[Value::from("c")], [Value::from("e")]]);
}
