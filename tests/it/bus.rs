//! The bus over a real engine: what a client may rely on.

use std::path::PathBuf;

use aresadb::ErrorKind;
use aresadb::bus::{Bus, BusOptions, Client, Command, Delivery, EventBody, Events, RequestId};

fn start() -> (Bus, Client, Events) {
    let bus = Bus::start(BusOptions::new(std::env::temp_dir())).unwrap();
    let (client, mut events) = bus.connect();
    let open = Command::Open {
        path: PathBuf::from(":memory:"),
        create: true,
        name: None,
        read_only: false,
        salvage: false,
    };
    let request = client.send(open).unwrap();
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
