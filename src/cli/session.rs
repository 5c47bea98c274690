//! One command at a time over the bus: send it, read its events until the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::bus::{Client, Command, Delivery, EventBody, Events, RequestId, Summary};
use crate::model::{Error, ErrorKind, Place, Value};

use super::args::Format;
use super::io::{Failure, Io, Outcome, Settings, Stop};
use super::output::ResultPrinter;

/// Whether Ctrl-C was pressed, and what it stops. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<InterruptState>);

#[derive(Debug, Default)]
struct InterruptState {
    pressed: AtomicBool,
    /// The running request; 0 when there is none.
    request: AtomicU64,
}

impl Interrupt {
    /// Ctrl-C: stops the running request. Returns whether the program is to end at once: it was
    /// pressed before, or nothing runs (the program waits for input).
    pub fn press(&self, client: &Client) -> bool {
        let again = self.0.pressed.swap(true, Ordering::AcqRel);
        self.cancel_running(client);
        again || self.0.request.load(Ordering::Acquire) == 0
    }

    /// Whether it was pressed.
    pub fn is_pressed(&self) -> bool {
        self.0.pressed.load(Ordering::Acquire)
    }

    /// Forgets that it was pressed.
    pub fn reset(&self) {
        self.0.pressed.store(false, Ordering::Release);
    }

    fn cancel_running(&self, client: &Client) {
        let request = self.0.request.load(Ordering::Acquire);
        if request != 0 {
            // A full queue cannot be: one command runs at a time. An ended bus has nothing to stop.
            let _ = client.send(Command::Cancel { request: RequestId(request) });
        }
    }
}

/// The program's end of the bus with what it writes to.
pub struct Session<'io> {
    client: Client,
    events: Events,
    interrupt: Interrupt,
    in_transaction: bool,
    /// Where results go.
    pub io: Io<'io>,
    /// How results look.
    pub settings: Settings,
}

impl<'io> Session<'io> {
    /// Takes over a client and its events.
    pub fn new(
        client: Client,
        events: Events,
        interrupt: Interrupt,
        io: Io<'io>,
        settings: Settings,
    ) -> Self {
        Self { client, events, interrupt, in_transaction: false, io, settings }
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// What Ctrl-C sets.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Sends a command and gives its events to `on`, except the last. Where `on` fails the command is
    /// cancelled.
    ///
    /// # Errors
    /// The command's failure, or what `on` fails with.
    pub fn request(
        &mut self,
        command: Command,
        on: &mut dyn FnMut(&mut Io<'io>, &Settings, EventBody) -> Outcome,
    ) -> Outcome<(Summary, Duration)> {
        let request = self.client.send(command)?;
        self.interrupt.0.request.store(request.0, Ordering::Release);
        // Pressed just before the number was known: nobody has told the bus yet.
        if self.interrupt.is_pressed() {
            self.interrupt.cancel_running(&self.client);
        }
        let outcome = self.follow(request, on);
        self.interrupt.0.request.store(0, Ordering::Release);
        if outcome.is_err() && !matches!(&outcome, Err(Stop::Failed(_))) {
            let _ = self.client.send(Command::Cancel { request });
        }
        outcome
    }

    fn follow(
        &mut self,
        request: RequestId,
        on: &mut dyn FnMut(&mut Io<'io>, &Settings, EventBody) -> Outcome,
    ) -> Outcome<(Summary, Duration)> {
        loop {
            let Some(event) = self.events.blocking_recv() else {
                return Err(Error::new(ErrorKind::Io, "the engine has ended").into());
            };
            if let EventBody::Transaction { open } = event.body {
                self.in_transaction = open;
                continue;
            }
            if event.request != request {
                continue;
            }
            match event.body {
                EventBody::Done { summary, elapsed } => return Ok((summary, elapsed)),
                EventBody::Failed { error, .. } => return Err(error.into()),
                body => on(&mut self.io, &self.settings, body)?,
            }
        }
    }

    /// Runs SQL and prints each result. `lines_before` is added to the lines of errors.
    pub fn run_sql(&mut self, sql: &str, params: &[Value], lines_before: u32) -> Outcome {
        let command = Command::Run {
            sql: sql.to_owned(),
            params: params.to_vec(),
            delivery: Delivery::Stream { limit: self.settings.limit },
        };
        let mut printer: Option<ResultPrinter> = None;
        let outcome = self.request(command, &mut |io, settings, body| match body {
            EventBody::Schema { columns, .. } => {
                printer = Some(ResultPrinter::start(columns, settings, io)?);
                Ok(())
            }
            EventBody::Rows { page, .. } => {
                let Some(printer) = &mut printer else { return Ok(()) };
                printer.page(&page, io)
            }
            EventBody::StatementDone { summary, elapsed, .. } => {
                let had_rows = printer.is_some();
                if let Some(printer) = printer.take() {
                    printer.finish(io)?;
                }
                statement_done(io, settings, &summary, elapsed, had_rows);
                Ok(())
            }
            _ => Ok(()),
        });
        match outcome {
            Ok(_) => Ok(()),
            Err(Stop::Failed(failure)) => {
                // What was printed of the broken result stays readable.
                if let Some(printer) = printer.take() {
                    printer.finish(&mut self.io)?;
                }
                Err(Stop::Failed(Failure {
                    error: shift_lines(failure.error, lines_before),
                    sql: Some(sql.to_owned()),
                    usage: failure.usage,
                }))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Runs a query and collects its rows: for the program's own use, with few rows.
    pub fn query(&mut self, sql: String, params: Vec<Value>, limit: u64) -> Outcome<Vec<Vec<Value>>> {
        let command = Command::Run { sql, params, delivery: Delivery::Stream { limit: Some(limit) } };
        let mut rows = Vec::new();
        self.request(command, &mut |_, _, body| {
            if let EventBody::Rows { page, .. } = body {
                rows.extend((0..page.rows()).map(|row| {
                    (0..page.columns()).map(|column| page.value(row, column)).collect::<Vec<_>>()
                }));
            }
            Ok(())
        })?;
        Ok(rows)
    }
}

/// The words behind a statement.
fn statement_done(
    io: &mut Io<'_>,
    settings: &Settings,
    summary: &Summary,
    elapsed: Duration,
    had_rows: bool,
) {
    let mut words = Vec::new();
    // RETURNING gives rows, and what was done is told all the same.
    if !had_rows || ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(&summary.verb.as_str()) {
        words.push(what_was_done(summary));
    } else if settings.format == Format::Table {
        words.push(format!("{} row{}", summary.rows, if summary.rows == 1 { "" } else { "s" }));
    }
    if let Some(note) = &summary.note {
        words.push(note.clone());
    }
    if summary.truncated {
        words.push(match settings.limit {
            Some(limit) => format!("more rows were left out: --limit {limit}"),
            None => "more rows were left out".to_owned(),
        });
    }
    if settings.timing {
        words.push(show_duration(elapsed));
    }
    if !words.is_empty() {
        io.note(&words.join(", "));
    }
}

/// `3 rows inserted`, `CREATE TABLE`.
pub fn what_was_done(summary: &Summary) -> String {
    let done = match summary.verb.as_str() {
        "INSERT" => "inserted",
        "UPDATE" => "updated",
        "DELETE" => "deleted",
        "MERGE" => "merged",
        "IMPORT" => "imported",
        "EXPORT" => "exported",
        "BACKUP" => "copied",
        "SELECT" => "returned",
        verb => return verb.to_owned(),
    };
    format!("{} row{} {done}", summary.rows, if summary.rows == 1 { "" } else { "s" })
}

/// `340 µs`, `12 ms`, `3.4 s`.
pub fn show_duration(elapsed: Duration) -> String {
    match elapsed.as_micros() {
        us @ 0..1000 => format!("{us} µs"),
        1000..10_000_000 if elapsed.as_millis() < 1000 => format!("{} ms", elapsed.as_millis()),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}

/// An error whose SQL stands further down in a script.
fn shift_lines(error: Error, lines_before: u32) -> Error {
    match error.place().cloned() {
        Some(Place::Sql { span, line, column }) if lines_before > 0 => {
            error.at(Place::Sql { span, line: line.saturating_add(lines_before), column })
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Captured, engine, settings};
    use super::*;

    #[test]
    fn an_interrupt_cancels_what_runs_or_ends_at_once() {
        let (told, cancelled) = std::sync::mpsc::channel();
        let (client, events) = engine(move |command| {
            if let Command::Cancel { request } = command {
                told.send(*request).unwrap();
            }
            Vec::new()
        });
        let interrupt = Interrupt::default();
        assert!(interrupt.press(&client), "nothing runs");
        interrupt.reset();
        let mut captured = Captured::default();
        let session =
            Session::new(client.clone(), events, interrupt.clone(), captured.io(), settings(Format::Csv));
        let request = session.client.send(Command::Stats).unwrap();
        session.interrupt.0.request.store(request.0, Ordering::Release);
        assert!(!interrupt.press(&client), "a first time it asks for the stop");
        assert!(interrupt.press(&client), "a second time it does not wait");
        assert!(session.interrupt().is_pressed());
        assert_eq!((cancelled.recv(), cancelled.recv()), (Ok(request), Ok(request)));
    }

    #[test]
    fn durations_have_a_unit_that_suits_them() {
        let shown = [340, 12_000, 3_400_000].map(|us| show_duration(Duration::from_micros(us)));
        assert_eq!(shown, ["340 µs", "12 ms", "3.4 s"]);
    }
}
