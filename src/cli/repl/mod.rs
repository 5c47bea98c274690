//! Statements typed at the terminal: several lines until a semicolon, with colours, completion and a
//! history.
//!
//! ```text
//!  line ─▶ rustyline (helper: colours, complete) ─▶ Splitter ─▶ Session::run_sql
//!    └── .command ─▶ dot
//! ```
//!
//! Dot-commands stand alone on a line. A failed statement is shown and the session goes on.

mod complete;
mod dot;
mod helper;
mod paint;

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use crate::bus::complete::{Words, functions};
use crate::model::{Error, ErrorKind};

use super::commands::Opened;
use super::find;
use super::io::{Outcome, Stop};
use super::script::Splitter;
use super::session::Session;

use self::helper::Helper;

/// Statements that the history keeps.
const HISTORY_MAX: usize = 10_000;

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
    let mut editor = editor(session.settings.color)?;
    let history = history_file();
    if let Some(file) = &history {
        // The first session has no history yet.
        let _ = editor.load_history(file);
    }
    session.io.note(&format!("{} ({}), .help shows the commands", opened.name, opened.path));
    let outcome = read_lines(session, &mut editor);
    if let Some(file) = &history
        && let Err(e) = editor.append_history(file)
    {
        session.io.note(&format!("the history was not kept: {e}"));
    }
    outcome
}

type LineEditor = Editor<Helper, DefaultHistory>;

fn failed(error: ReadlineError) -> Stop {
    Error::new(ErrorKind::Io, format!("cannot read from the terminal: {error}")).into()
}

fn editor(color: bool) -> Outcome<LineEditor> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .color_mode(if color { ColorMode::Forced } else { ColorMode::Disabled })
        .max_history_size(HISTORY_MAX)
        .and_then(|config| config.history_ignore_dups(true))
        .map_err(failed)?
        .build();
    let mut editor = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Helper::new(color, functions().to_vec())));
    Ok(editor)
}

fn read_lines(session: &mut Session<'_>, editor: &mut LineEditor) -> Outcome {
    let mut splitter = Splitter::default();
    // What was typed of statements that are not whole yet.
    let mut typed = String::new();
    let mut stale = true;
    loop {
        session.interrupt().reset();
        if std::mem::take(&mut stale) {
            learn_words(session, editor);
        }
        let prompt = match (splitter.is_within_statement(), session.in_transaction()) {
            (false, false) => "aresadb> ",
            (false, true) => "aresadb*> ",
            (true, false) => "    ...> ",
            (true, true) => "     ...> ",
        };
        match editor.readline(prompt) {
            Ok(line) => {
                let is_dot = !splitter.is_within_statement() && line.trim_start().starts_with('.');
                typed.push_str(&line);
                let next = if is_dot {
                    dot::command(session, line.trim())
                        .or_else(|stop| show(session, stop).map(|()| Next::GoOn))?
                } else {
                    stale = run_whole(session, &mut splitter, &line)?;
                    Next::GoOn
                };
                stale |= is_dot;
                if splitter.is_within_statement() {
                    typed.push('\n');
                    editor.helper_mut().into_iter().for_each(|helper| helper.go_on_behind(&line));
                } else {
                    editor.helper_mut().into_iter().for_each(Helper::begin);
                    let entry = std::mem::take(&mut typed);
                    if !entry.trim().is_empty() {
                        editor.add_history_entry(entry.trim_end()).map_err(failed)?;
                    }
                }
                if let Next::Leave = next {
                    return Ok(());
                }
            }
            Err(ReadlineError::Interrupted) => {
                splitter.clear();
                typed.clear();
                editor.helper_mut().into_iter().for_each(Helper::begin);
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(e) => return Err(failed(e)),
        }
    }
}

/// Runs the statements that are whole with this line. Returns whether there were any.
fn run_whole(session: &mut Session<'_>, splitter: &mut Splitter, line: &str) -> Outcome<bool> {
    let mut ran = false;
    splitter.push(line);
    splitter.push("\n");
    while let Some(piece) = splitter.next() {
        ran = true;
        if let Err(stop) = session.run_sql(piece.sql.trim_start(), &[], 0) {
            show(session, stop)?;
            // What stood behind the failed statement was meant to follow it.
            splitter.clear();
        }
        session.io.flush()?;
    }
    Ok(ran)
}

/// Asks for the types, which completion offers. Where that fails it offers those of before.
fn learn_words(session: &mut Session<'_>, editor: &mut LineEditor) {
    let Ok(catalog) = find::catalog(session) else { return };
    if let Some(helper) = editor.helper_mut() {
        let functions = std::mem::take(&mut helper.words.functions);
        helper.words = Words { functions, ..Words::of_catalog(&catalog) };
    }
}

/// Shows a failure; a closed pipe ends the session.
fn show(session: &mut Session<'_>, stop: Stop) -> Outcome {
    match stop {
        Stop::Failed(failure) => {
            let settings = session.settings.clone();
            session.io.failure(&failure, &settings);
            Ok(())
        }
        Stop::ClosedPipe | Stop::Interrupted => Err(stop),
    }
}

/// `aresadb/history` in `$XDG_DATA_HOME` or `~/.local/share`; `None` where neither is known.
fn history_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    let folder = data.join("aresadb");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
