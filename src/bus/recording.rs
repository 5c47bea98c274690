//! A session as a file: a line of JSON for each command and each event, in the order they passed.
//!
//! ```text
//!  {"aresadb_recording":1,"protocol":1}
//!  {"request":3,"command":{...}}
//!  {"event":{"request":3,"body":{...},...}}
//! ```
//!
//! What belongs to the user's desk (`Workspace`) is left out. A recording is played again by its
//! statements: those that succeeded, so that it comes to the same end.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::{Error, Result};
use crate::query::split_statements;

use super::{Command, Event, EventBody, PROTOCOL_VERSION, RequestId};

/// The version of the file; raised when its lines change.
const RECORDING_VERSION: u16 = 1;
/// What a recording begins with.
pub const RECORDING_START: &str = "{\"aresadb_recording\":";

#[derive(Serialize, Deserialize)]
struct Header {
    aresadb_recording: u16,
    protocol: u16,
}

#[derive(Serialize)]
struct CommandLine<'a> {
    request: RequestId,
    command: &'a Command,
}

#[derive(Serialize)]
struct EventLine<'a> {
    event: &'a Event,
}

/// A line that is read; of events the body alone matters, and of most of them nothing.
#[derive(Deserialize)]
struct Line {
    request: Option<RequestId>,
    command: Option<Command>,
    event: Option<EventRead>,
}

#[derive(Deserialize)]
struct EventRead {
    request: RequestId,
    body: BodyRead,
}

#[derive(Deserialize)]
struct BodyRead {
    event: String,
}

/// Writes a session down.
pub struct Recorder {
    out: BufWriter<File>,
    file: PathBuf,
}

impl Recorder {
    /// Begins a recording in a new file that only its user can read.
    ///
    /// # Errors
    /// `Conflict` where the file exists, `Io` where it cannot be written.
    pub fn create(file: &Path) -> Result<Self> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let made = made.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::conflict(format!("{} is there already", file.display()))
                    .with_hint("give the recording a new name")
            }
            _ => Error::io(format!("write {}", file.display()), &e),
        })?;
        let mut recorder = Self { out: BufWriter::new(made), file: file.to_owned() };
        recorder.line(&Header { aresadb_recording: RECORDING_VERSION, protocol: PROTOCOL_VERSION })?;
        Ok(recorder)
    }

    /// Writes a command that was sent.
    ///
    /// # Errors
    /// `Io` where the file cannot be written.
    pub fn command(&mut self, request: RequestId, command: &Command) -> Result<()> {
        if matches!(command, Command::Workspace(_)) {
            return Ok(());
        }
        self.line(&CommandLine { request, command })
    }

    /// Writes an event that came.
    ///
    /// # Errors
    /// `Io` where the file cannot be written.
    pub fn event(&mut self, event: &Event) -> Result<()> {
        if matches!(event.body, EventBody::Workspace(_)) {
            return Ok(());
        }
        self.line(&EventLine { event })
    }

    /// Each line goes to the file at once: a crash is what a recording is read for.
    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let failed = |e: &std::io::Error| Error::io(format!("write {}", self.file.display()), e);
        let text = serde_json::to_string(line)
            .map_err(|e| Error::internal(format!("a line of the recording cannot be written: {e}")))?;
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).map_err(|e| failed(&e))
    }
}

/// The commands of a recording that did something, in the order they were sent. Of a script that failed
/// those statements are left that were done.
///
/// # Errors
/// `BadInput` for a file that is no recording or a line that cannot be read, with its number.
pub fn recorded_commands(file: &Path) -> Result<Vec<Command>> {
    let shown = file.display().to_string();
    let bad = |number: u64, what: String| Error::bad_input(what).at_file(shown.clone(), Some(number), None);
    let input = File::open(file).map_err(|e| Error::io(format!("open {shown}"), &e))?;
    let mut found: Vec<(Command, usize, bool)> = Vec::new();
    let mut places: HashMap<RequestId, usize> = HashMap::new();
    for (number, line) in (1..).zip(BufReader::new(input).lines()) {
        let line = line.map_err(|e| Error::io(format!("read {shown}"), &e))?;
        if number == 1 {
            let header: Header =
                serde_json::from_str(&line).map_err(|e| bad(1, format!("this is no recording: {e}")))?;
            if header.aresadb_recording != RECORDING_VERSION || header.protocol != PROTOCOL_VERSION {
                let (version, protocol) = (header.aresadb_recording, header.protocol);
                let text =
                    format!("a recording of version {version}, protocol {protocol} cannot be played here");
                return Err(bad(1, text));
            }
            continue;
        }
        // A program that was killed leaves half a line at the end.
        let line: Line = match serde_json::from_str(&line) {
            Ok(line) => line,
            Err(e) if e.is_eof() => break,
            Err(e) => return Err(bad(number, format!("the line cannot be read: {e}"))),
        };
        if let (Some(request), Some(command)) = (line.request, line.command) {
            places.insert(request, found.len());
            found.push((command, 0, false));
        }
        let Some(event) = line.event else { continue };
        if let Some((_, done, whole)) = places.get(&event.request).and_then(|at| found.get_mut(*at)) {
            match event.body.event.as_str() {
                "statement_done" => *done += 1,
                "done" => *whole = true,
                _ => {}
            }
        }
    }
    Ok(found.into_iter().filter_map(|(command, done, whole)| kept(command, done, whole)).collect())
}

/// The command as far as it was done.
fn kept(command: Command, done: usize, whole: bool) -> Option<Command> {
    match command {
        Command::Run { .. } if whole => Some(command),
        Command::Run { sql, params, delivery } => {
            let spans = split_statements(&sql).ok()?;
            let end = spans.get(done.checked_sub(1)?)?.end;
            Some(Command::Run { sql: sql.get(..end)?.to_owned(), params, delivery })
        }
        command => whole.then_some(command),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::{Delivery, SessionId, Summary, WorkspaceCommand};

    #[test]
    fn what_succeeded_is_played_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session");
        let mut recorder = Recorder::create(&file).unwrap();
        let run = |sql: &str| Command::Run {
            sql: sql.into(),
            params: vec!["x".into()],
            delivery: Delivery::Stream { limit: None },
        };
        let event = |request: u64, body| Event {
            protocol: PROTOCOL_VERSION,
            session: SessionId(1),
            request: RequestId(request),
            body,
        };
        let summary = Summary::default();
        let elapsed = Duration::ZERO;
        let statement = || EventBody::StatementDone { statement: 0, summary: Summary::default(), elapsed };
        for (n, command) in [
            run("SELECT 1"),
            run("INSERT 1; SELECT nme; INSERT 2"),
            run("bad"),
            Command::Workspace(WorkspaceCommand::History),
            Command::LoadDemo,
        ]
        .iter()
        .enumerate()
        {
            recorder.command(RequestId(n as u64), command).unwrap();
        }
        let failed = || EventBody::Failed { error: Error::not_found("no nme"), statement: Some(1) };
        for event in [
            event(1, statement()),
            event(0, EventBody::Indexes(Vec::new())),
            event(0, statement()),
            event(0, EventBody::Done { summary: summary.clone(), elapsed }),
            event(1, failed()),
            event(2, failed()),
            event(4, EventBody::Done { summary, elapsed }),
        ] {
            recorder.event(&event).unwrap();
        }
        drop(recorder);
        let mut text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(RECORDING_START) && !text.contains("workspace"), "{text}");
        assert_eq!(recorded_commands(&file).unwrap(), [run("SELECT 1"), run("INSERT 1"), Command::LoadDemo]);
        text.push_str("{\"request\":9,\"comm");
        std::fs::write(&file, &text).unwrap();
        assert_eq!(recorded_commands(&file).unwrap().len(), 3, "half a line is passed over");
        assert!(Recorder::create(&file).is_err(), "nothing is written over");
        std::fs::write(&file, "SELECT 1").unwrap();
        assert!(recorded_commands(&file).is_err());
    }
}
