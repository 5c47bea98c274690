//! Subcommands that look into the log: `wal list`, `wal tail`, `wal verify`. They need no open
//! database, so they work while another program has it open.

use std::path::PathBuf;

use crate::bus::{Command, EventBody, LogSegment, LogTransaction, ResultColumn};
use crate::model::{ErrorKind, PropertyType, Value, escape_control, format_timestamp};

use super::args::{Format, WalCommand};
use super::commands::{column, integer, print};
use super::io::{Io, Outcome, Settings, Stop};
use super::output::ResultPrinter;
use super::session::Session;
use super::upkeep::verified;

/// `wal list|tail|verify`
pub fn run(session: &mut Session<'_>, path: PathBuf, command: &WalCommand) -> Outcome {
    match command {
        WalCommand::List => list(session, path),
        WalCommand::Tail { follow, from, lines } => {
            let command = Command::WalTail { path, from: *from, transactions: *lines, follow: *follow };
            tail(session, command, *follow)
        }
        WalCommand::Verify => verified(session, Command::WalVerify { path }, "the log"),
    }
}

fn list(session: &mut Session<'_>, path: PathBuf) -> Outcome {
    let mut segments = Vec::new();
    session.request(Command::WalList { path }, &mut |_, _, body| {
        if let EventBody::Segments(found) = body {
            segments = found;
        }
        Ok(())
    })?;
    let columns = vec![
        column("segment", PropertyType::Integer),
        column("file", PropertyType::String),
        column("first_lsn", PropertyType::Integer),
        column("last_lsn", PropertyType::Integer),
        column("transactions", PropertyType::Integer),
        column("used_bytes", PropertyType::Integer),
        column("file_bytes", PropertyType::Integer),
        column("begun", PropertyType::Timestamp),
        column("state", PropertyType::String),
    ];
    print(session, columns, segments.into_iter().map(segment_row).collect())
}

fn segment_row(segment: LogSegment) -> Vec<Value> {
    let state = match (&segment.damage, segment.torn) {
        (Some(damage), _) => damage.clone(),
        (None, true) => "torn end".to_owned(),
        (None, false) => "whole".to_owned(),
    };
    vec![
        integer(segment.number),
        Value::String(segment.file),
        integer(segment.first_lsn),
        segment.last_lsn.map_or(Value::Null, integer),
        integer(segment.transactions),
        integer(segment.used_bytes),
        integer(segment.file_bytes),
        Value::Timestamp(segment.begun_micros),
        Value::String(state),
    ]
}

fn tail(session: &mut Session<'_>, command: Command, follow: bool) -> Outcome {
    let format = session.settings.format;
    // A table is laid out at its end, which a log that is followed does not have.
    let mut printer = if follow && format == Format::Table {
        None
    } else {
        Some(ResultPrinter::start(columns(format), &session.settings, &mut session.io)?)
    };
    let outcome = session.request(command, &mut |io, settings, body| {
        let EventBody::Logged(transaction) = body else { return Ok(()) };
        match &mut printer {
            None => lines(&transaction, io)?,
            Some(printer) => rows(&transaction, printer, settings, io)?,
        }
        match &mut printer {
            Some(printer) if follow => printer.flush(io),
            None => io.flush(),
            Some(_) => Ok(()),
        }
    });
    if let Some(printer) = printer {
        printer.finish(&mut session.io)?;
    }
    match outcome {
        // Ctrl-C is how following ends: nothing went wrong, but a script shall know.
        Err(Stop::Failed(failure)) if follow && failure.error.kind() == ErrorKind::Cancelled => {
            Err(Stop::Interrupted)
        }
        other => other.map(|_| ()),
    }
}

/// `     12  2026-01-02T03:04:05Z  insert package ...`
fn lines(transaction: &LogTransaction, io: &mut Io<'_>) -> Outcome {
    let time = format_timestamp(transaction.time_micros);
    for operation in &transaction.operations {
        let words = operation.to_string();
        io.data(format!("{:>8}  {time}  {}\n", transaction.lsn, escape_control(&words)).as_bytes())?;
    }
    Ok(())
}

fn columns(format: Format) -> Vec<ResultColumn> {
    let mut columns = vec![column("lsn", PropertyType::Integer), column("time", PropertyType::Timestamp)];
    if format == Format::Table {
        columns.push(column("operation", PropertyType::String));
        return columns;
    }
    columns.extend([
        column("segment", PropertyType::Integer),
        column("offset", PropertyType::Integer),
        column("action", PropertyType::String),
        column("type", PropertyType::String),
        column("id", PropertyType::Uuid),
        column("from_id", PropertyType::Uuid),
        column("to_id", PropertyType::Uuid),
        column("properties", PropertyType::Json),
        column("detail", PropertyType::String),
    ]);
    columns
}

fn rows(
    transaction: &LogTransaction,
    printer: &mut ResultPrinter,
    settings: &Settings,
    io: &mut Io<'_>,
) -> Outcome {
    for operation in &transaction.operations {
        let mut row = vec![integer(transaction.lsn), Value::Timestamp(transaction.time_micros)];
        if settings.format == Format::Table {
            row.push(Value::String(operation.to_string()));
        } else {
            let (from, to) = operation.ends.unzip();
            row.extend([
                integer(transaction.segment),
                integer(transaction.offset),
                Value::from(operation.action.name()),
                Value::from(operation.type_name.as_deref()),
                Value::from(operation.id),
                Value::from(from.map(|id| id.0)),
                Value::from(to.map(|id| id.0)),
                operation.properties.clone().map_or(Value::Null, Value::Object),
                Value::from(operation.detail.as_deref()),
            ]);
        }
        printer.row(&row, io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::session::Interrupt;
    use super::super::testing::{Captured, engine, settings};
    use super::*;
    use crate::bus::{LogAction, LogOperation, Summary};
    use crate::model::{Error, Properties};

    fn transaction(lsn: u64) -> EventBody {
        let insert = LogOperation {
            action: LogAction::Insert,
            type_name: Some("user".to_owned()),
            row: Some(1),
            id: Some(uuid::Uuid::from_u128(7)),
            ends: None,
            properties: Some(Properties::from([("n".to_owned(), Value::from("a\u{1b}"))])),
            detail: None,
        };
        EventBody::Logged(Box::new(LogTransaction {
            lsn,
            durable_lsn: lsn - 1,
            time_micros: 0,
            segment: 1,
            offset: 128,
            bytes: 200,
            records: 1,
            operations: vec![insert],
            more: false,
        }))
    }

    fn run_tail(format: Format, follow: bool, ending: EventBody) -> (Outcome, String) {
        let (client, events) = engine(move |_| vec![transaction(41), transaction(42), ending.clone()]);
        let mut captured = Captured::default();
        let mut session = Session::new(client, events, Interrupt::default(), captured.io(), settings(format));
        let command = WalCommand::Tail { follow, from: None, lines: 20 };
        let outcome = run(&mut session, PathBuf::from("db"), &command);
        (outcome, captured.out())
    }

    fn done() -> EventBody {
        EventBody::Done { summary: Summary::default(), elapsed: Duration::ZERO }
    }

    #[test]
    fn the_tail_prints_in_every_format() {
        let (_, table) = run_tail(Format::Table, false, done());
        assert!(
            table.contains("insert user 00000000-0000-0000-0000-000000000007 {\"n\":\"a\\u001b\"}"),
            "{table}"
        );
        let (_, lines) = run_tail(Format::Jsonl, false, done());
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&first["lsn"], &first["action"], &first["properties"]["n"]),
            (&41.into(), &"insert".into(), &"a\u{1b}".into())
        );
        let (_, json) = run_tail(Format::Json, false, done());
        let all: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((all.as_array().unwrap().len(), &all[1]["lsn"]), (2, &42.into()));
    }

    #[test]
    fn following_ends_with_the_interrupt_and_what_came_is_printed() {
        let cancelled = || EventBody::Failed { error: Error::cancelled(), statement: None };
        let (outcome, table) = run_tail(Format::Table, true, cancelled());
        assert_eq!(outcome.unwrap_err().exit_code(), 130);
        assert_eq!(table.lines().count(), 2);
        assert!(table.starts_with("      41  1970-01-01T00:00:00Z  insert user"), "{table}");
        let (outcome, json) = run_tail(Format::Json, true, cancelled());
        assert_eq!(outcome.unwrap_err().exit_code(), 130);
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
        let damaged = EventBody::Failed { error: Error::corrupt("x"), statement: None };
        assert_eq!(run_tail(Format::Table, true, damaged).0.unwrap_err().exit_code(), 4);
    }
}
