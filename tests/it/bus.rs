//! The bus over a real engine: what a client may rely on.

use std::path::PathBuf;

use aresadb::ErrorKind;
use aresadb::bus::{Bus, BusOptions, Client, Command, Delivery, EventBody, Events, RequestId};

fn open_memory() -> Command {
    Command::Open {
        path: PathBuf::from(":memory:"),
        create: true,
        name: None,
        read_only: false,
        salvage: false,
    }
}

fn start() -> (Bus, Client, Events) {
    let bus = Bus::start(BusOptions::new(std::env::temp_dir())).unwrap();
    let (client, mut events) = bus.connect();
    let request = client.send(open_memory()).unwrap();
    assert!(matches!(last_of(&mut events, request), EventBody::Done { .. }));
    (bus, client, events)
}

fn run(sql: &str, delivery: Delivery) -> Command {
    Command::Run { sql: sql.to_owned(), params: Vec::new(), delivery }
}

fn last_of(events: &mut Events, request: RequestId) -> EventBody {
    loop {
        let event = events.blocking_recv().expect("the bus has not ended");
        if event.request == request && event.body.is_last() {
            return event.body;
        }
    }
}

const STREAM: Delivery = Delivery::Stream { limit: None };

/// One operator that looks at 100,000,000 pairs before it gives a row: it does not yield by itself.
const BUSY: &str = "SELECT count(*) FROM generate_series(1, 10000) AS a(x), generate_series(1, 10000) AS b(y) WHERE a.x + b.y < 0";

#[test]
fn a_cancel_is_heard_while_operators_hold_their_threads_and_the_next_statement_runs() {
    let (_bus, client, mut events) = start();
    // As many as there are cores and more: none of them may keep the bus from listening.
    for _ in 0..4 {
        let busy = client.send(run(BUSY, STREAM)).unwrap();
        // Its columns are told once it is planned and its rows are asked for.
        while !matches!(events.blocking_recv().unwrap().body, EventBody::Schema { .. }) {}
        client.send(Command::Cancel { request: busy }).unwrap();
        match last_of(&mut events, busy) {
            EventBody::Failed { error, .. } => assert_eq!(error.kind(), ErrorKind::Cancelled),
            other => panic!("not cancelled: {other:?}"),
        }
    }
    let next = client.send(run("SELECT 1", STREAM)).unwrap();
    assert!(matches!(last_of(&mut events, next), EventBody::Done { .. }));
}

#[test]
fn a_held_result_is_paged_and_let_go() {
    let (_bus, client, mut events) = start();
    let sql = "SELECT x FROM generate_series(1, 100000) AS g(x)";
    client.send(run(sql, Delivery::Cursor { page_rows: 10 })).unwrap();
    let (mut cursor, mut counted) = (None, 0);
    loop {
        match events.blocking_recv().unwrap().body {
            EventBody::Cursor { cursor: held, .. } => cursor = Some(held),
            EventBody::Rows { page, .. } => assert_eq!((page.first_row(), page.rows()), (0, 10)),
            EventBody::Counted { rows, .. } => counted = rows,
            body if body.is_last() => break,
            _ => {}
        }
    }
    assert_eq!(counted, 100_000);
    let cursor = cursor.unwrap();
    let fetch = |first_row| Command::FetchPage { cursor, first_row, rows: 5 };
    client.send(fetch(99_998)).unwrap();
    match events.blocking_recv().unwrap().body {
        EventBody::Rows { page, .. } => {
            assert_eq!((page.first_row(), page.rows()), (99_998, 2));
            assert_eq!(page.value(1, 0), aresadb::Value::Integer(100_000));
        }
        other => panic!("no rows: {other:?}"),
    }
    events.blocking_recv().unwrap();
    client.send(Command::CloseCursor { cursor }).unwrap();
    events.blocking_recv().unwrap();
    let closed = client.send(fetch(0)).unwrap();
    match last_of(&mut events, closed) {
        EventBody::Failed { error, .. } => assert_eq!(error.kind(), ErrorKind::NotFound),
        other => panic!("still there: {other:?}"),
    }
}

#[test]
fn commands_without_a_database_say_so() {
    let bus = Bus::start(BusOptions::new(std::env::temp_dir())).unwrap();
    let (client, mut events) = bus.connect();
    for command in [Command::Catalog, Command::Stats, run("SELECT 1", STREAM)] {
        let request = client.send(command).unwrap();
        match last_of(&mut events, request) {
            EventBody::Failed { error, .. } => assert_eq!(error.message(), "no database is open"),
            other => panic!("answered: {other:?}"),
        }
    }
    bus.shutdown();
    assert!(events.blocking_recv().is_none());
}

/// The events of a request, the last one included.
fn all_of(events: &mut Events, request: RequestId) -> Vec<EventBody> {
    let mut all = Vec::new();
    while !all.last().is_some_and(EventBody::is_last) {
        let event = events.blocking_recv().expect("the bus has not ended");
        if event.request == request {
            all.push(event.body);
        }
    }
    all
}

/// Sends a command and tells whether it said that a transaction is open; panics where it failed.
fn done(client: &Client, events: &mut Events, command: Command) -> (Vec<EventBody>, Option<bool>) {
    let request = client.send(command).unwrap();
    let all = all_of(events, request);
    assert!(matches!(all.last(), Some(EventBody::Done { .. })), "{:?}", all.last());
    let told = all.iter().find_map(|body| match body {
        EventBody::Transaction { open } => Some(*open),
        _ => None,
    });
    (all, told)
}

fn fails(client: &Client, events: &mut Events, command: Command) -> (aresadb::Error, Option<bool>) {
    let request = client.send(command).unwrap();
    let mut told = None;
    for body in all_of(events, request) {
        match body {
            EventBody::Transaction { open } => told = Some(open),
            EventBody::Failed { error, .. } => return (error, told),
            _ => {}
        }
    }
    panic!("it did not fail");
}

fn inspected(bodies: &[EventBody]) -> aresadb::NodeId {
    let found = bodies.iter().find_map(|body| match body {
        EventBody::Inspected(found) => match &found.record {
            aresadb::bus::RecordBody::Node(node) => Some(node.id),
            aresadb::bus::RecordBody::Edge(_) => None,
        },
        _ => None,
    });
    found.expect("a node")
}

fn node(name: &str) -> Command {
    let properties = aresadb::Properties::from([("name".to_owned(), aresadb::Value::from(name))]);
    Command::InsertNode { node_type: "person".to_owned(), id: None, properties }
}

fn traverse(from: aresadb::NodeId) -> Command {
    let direction = aresadb::Direction::Out;
    Command::Traverse { node: from, direction, depth: 5, edge_types: Vec::new(), max_fan_out: None }
}

#[test]
fn a_transaction_is_one_for_statements_records_and_walks() {
    let (bus, client, mut events) = start();
    let (other, mut others) = bus.connect();
    let (bodies, told) = done(&client, &mut events, node("ann"));
    let ann = inspected(&bodies);
    assert_eq!(told, None, "nothing was opened");
    assert_eq!(done(&client, &mut events, Command::Begin { read_only: false }).1, Some(true));
    let bob = inspected(&done(&client, &mut events, node("bob")).0);
    let edge_type = "knows".to_owned();
    let link = Command::InsertEdge { edge_type, from: ann, to: bob, properties: aresadb::Properties::new() };
    done(&client, &mut events, link);
    let rename = "UPDATE person SET name = 'Bob' WHERE name = 'bob'";
    assert_eq!(done(&client, &mut events, run(rename, STREAM)).1, None, "it was open before");
    let properties = aresadb::Properties::from([("age".to_owned(), aresadb::Value::from(7i64))]);
    done(&client, &mut events, Command::UpdateRecord { id: ann.0, properties });

    // Its own session sees all of it, whichever way it asks.
    let levels = |bodies: &[EventBody]| bodies.iter().filter(|b| matches!(b, EventBody::Level(_))).count();
    assert_eq!(levels(&done(&client, &mut events, traverse(ann)).0), 1);
    let (seen, _) = done(&client, &mut events, Command::Inspect { id: bob.0 });
    match &seen[0] {
        EventBody::Inspected(found) => {
            assert!(format!("{:?}", found.record).contains("Bob"));
            assert_eq!((found.storage.lsn, found.edges[0].count), (0, 1));
        }
        other => panic!("{other:?}"),
    }
    let types = |bodies: &[EventBody]| match &bodies[0] {
        EventBody::Catalog(catalog) => {
            catalog.types.iter().map(|t| (t.name.clone(), t.rows)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let own = types(&done(&client, &mut events, Command::Catalog).0);
    assert_eq!(own, [("person".to_owned(), 2), ("knows".to_owned(), 1)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    let source = aresadb::bus::ExportSource::Type("person".to_owned());
    done(&client, &mut events, Command::Export { source, file: file.clone(), format: None });
    assert!(std::fs::read_to_string(&file).unwrap().contains("Bob"));

    // Another session sees none of it.
    assert_eq!(types(&done(&other, &mut others, Command::Catalog).0), [("person".to_owned(), 1)]);
    assert_eq!(fails(&other, &mut others, Command::Inspect { id: bob.0 }).0.kind(), ErrorKind::NotFound);
    assert_eq!(levels(&done(&other, &mut others, traverse(ann)).0), 0);

    // What commits on its own is refused; a failed command changes nothing.
    let (error, told) = fails(&client, &mut events, Command::LoadDemo);
    assert_eq!((error.kind(), told), (ErrorKind::BadInput, None));
    assert!(error.message().contains("commits on its own"), "{error}");
    assert_eq!(done(&client, &mut events, Command::Commit).1, Some(false));
    assert_eq!(levels(&done(&other, &mut others, traverse(ann)).0), 1);
    assert_eq!(fails(&client, &mut events, Command::Commit).0.message(), "no transaction is open");
}

#[test]
fn a_client_is_told_once_when_a_transaction_opens_and_ends_however_it_ends() {
    let (bus, client, mut events) = start();
    let (other, mut others) = bus.connect();
    done(&client, &mut events, node("ann"));
    let update = |name| run(name, STREAM);
    // Within a script, before the statement that did it is done.
    let (bodies, _) = done(&client, &mut events, update("BEGIN; UPDATE person SET name = 'a'; SELECT 1"));
    let place = |wanted: fn(&EventBody) -> bool| bodies.iter().position(wanted).unwrap();
    assert!(
        place(|b| matches!(b, EventBody::Transaction { open: true }))
            < place(|b| matches!(b, EventBody::StatementDone { .. }))
    );
    assert_eq!(bodies.iter().filter(|b| matches!(b, EventBody::Transaction { .. })).count(), 1);
    done(&other, &mut others, update("UPDATE person SET name = 'b'"));
    // A conflict ends it as well.
    let (error, told) = fails(&client, &mut events, Command::Commit);
    assert_eq!((error.kind(), told), (ErrorKind::Conflict, Some(false)));
    // One that fails leaves it open.
    done(&client, &mut events, Command::Begin { read_only: true });
    let (error, told) = fails(&client, &mut events, node("bob"));
    assert_eq!((error.kind(), told), (ErrorKind::ReadOnly, None));
    assert_eq!(done(&client, &mut events, Command::Rollback).1, Some(false));
    // Another database has no part of it.
    done(&client, &mut events, Command::Begin { read_only: false });
    assert_eq!(done(&client, &mut events, open_memory()).1, Some(false));
}
