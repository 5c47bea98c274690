//! Statements typed at the terminal: several lines until a semicolon, with a history.
//!
//! Dot-commands stand alone on a line. A failed statement is shown and the session goes on.

use std::path::PathBuf;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use clap::ValueEnum as _;

use crate::model::{Error, ErrorKind};

use super::args::Format;
use super::commands::{self, Opened};
use super::io::{Outcome, Stop};
use super::output::check_format;
use super::script::Splitter;
use super::session::Session;

const HELP: &str = "\
.help             this text
.tables           the types with their row counts
.schema [TYPE]    the types, or the properties of one
.format [FORMAT]  how results are printed: table, vertical, csv, tsv, json, jsonl, markdown
.timing [on|off]  say how long each statement took
.exit             leave (also Ctrl-D)
The prompt has a star while a transaction is open: BEGIN opens one, COMMIT or ROLLBACK ends it.
A statement ends with a semicolon. Ctrl-C stops a running statement, or drops what was typed.
";

/// What a line asked for.
enum Next {
    GoOn,
    Leave,
}

/// Reads and runs statements until the end of the input.
pub fn run(session: &mut Session<'_>, opened: &Opened) -> Outcome {
    if !session.io.in_is_terminal {
        let error = Error::bad_input("repl needs a terminal")
            .with_hint("pipe a script into aresadb without a subcommand, or use --file -");
        return Err(Stop::usage(error));
    }
    let failed = |e: ReadlineError| Error::new(ErrorKind::Io, format!("cannot read from the terminal: {e}"));
    let mut editor = DefaultEditor::new().map_err(failed)?;
    let history = history_file();
    if let Some(file) = &history {
        // The first session has no history yet.
        let _ = editor.load_history(file);
    }
    session.io.note(&format!("{} ({}), .help shows the commands", opened.name, opened.path));
    let mut splitter = Splitter::default();
    loop {
        session.interrupt().reset();
        let prompt = match (splitter.is_within_statement(), session.in_transaction()) {
            (false, false) => "aresadb> ",
            (false, true) => "aresadb*> ",
            (true, false) => "    ...> ",
            (true, true) => "     ...> ",
        };
        match editor.readline(prompt) {
            Ok(line) => {
                if !line.trim().is_empty() {
                    let _ = editor.add_history_entry(line.as_str());
                }
                if let Next::Leave = take_line(session, &mut splitter, &line)? {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => splitter.clear(),
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(failed(e).into()),
        }
    }
    if let Some(file) = &history
        && let Err(e) = editor.save_history(file)
    {
        session.io.note(&format!("the history was not kept: {e}"));
    }
    Ok(())
}

fn take_line(session: &mut Session<'_>, splitter: &mut Splitter, line: &str) -> Outcome<Next> {
    if !splitter.is_within_statement() && line.trim_start().starts_with('.') {
        return match dot_command(session, line.trim()) {
            Err(stop) => show(session, stop).map(|()| Next::GoOn),
            done => done,
        };
    }
    splitter.push(line);
    splitter.push("\n");
    while let Some(piece) = splitter.next() {
        if let Err(stop) = session.run_sql(piece.sql.trim_start(), &[], 0) {
            show(session, stop)?;
            // What stood behind the failed statement was meant to follow it.
            splitter.clear();
        }
        session.io.flush()?;
    }
    Ok(Next::GoOn)
}

/// Shows a failure; a closed pipe ends the session.
fn show(session: &mut Session<'_>, stop: Stop) -> Outcome {
    match stop {
        Stop::Failed(failure) => {
            let settings = session.settings.clone();
            session.io.failure(&failure, &settings);
            Ok(())
        }
        Stop::ClosedPipe => Err(Stop::ClosedPipe),
    }
}

fn dot_command(session: &mut Session<'_>, line: &str) -> Outcome<Next> {
    let mut words = line.split_whitespace();
    let (name, argument) = (words.next().unwrap_or_default(), words.next());
    match (name, argument) {
        (".exit" | ".quit", _) => return Ok(Next::Leave),
        (".help", _) => session.io.data(HELP.as_bytes())?,
        (".tables", _) | (".schema", None) => commands::schema(session, None)?,
        (".schema", Some(name)) => commands::schema(session, Some(name))?,
        (".format", None) => {
            let name = session.settings.format.to_possible_value().map(|v| v.get_name().to_owned());
            session.io.note(&name.unwrap_or_default());
        }
        (".format", Some(name)) => {
            let format = Format::from_str(name, true).map_err(|_| {
                Error::bad_input(format!("there is no format '{name}'"))
                    .with_hint("table, vertical, csv, tsv, json, jsonl and markdown are known")
            })?;
            check_format(format)?;
            session.settings.format = format;
        }
        (".timing", argument) => {
            session.settings.timing = match argument {
                Some("on") => true,
                Some("off") => false,
                _ => !session.settings.timing,
            };
            session.io.note(if session.settings.timing { "timing is on" } else { "timing is off" });
        }
        _ => {
            let error = Error::bad_input(format!("there is no command {name}")).with_hint(".help lists them");
            return Err(error.into());
        }
    }
    session.io.flush()?;
    Ok(Next::GoOn)
}

/// `$XDG_DATA_HOME/aresadb/history`, or below `~/.local/share`; `None` where neither is known.
fn history_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    let folder = data.join("aresadb");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
