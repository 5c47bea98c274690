//! What rustyline asks while a line is typed: candidates, colours, a hint from the history.

use std::borrow::Cow;

use rustyline::Context;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::Validator;

use crate::bus::complete::{FunctionWords, State, Words, lex};

use super::complete::{Completion, complete};
use super::paint::painted;

/// The line editor's helper.
pub struct Helper {
    /// What is known of the database.
    pub words: Words,
    color: bool,
    /// The lines of the statement before the one that is typed.
    before: String,
    /// Where they end.
    state: State,
    files: FilenameCompleter,
    history: HistoryHinter,
}

impl Helper {
    /// A helper that knows functions, and no types yet.
    pub fn new(color: bool, functions: Vec<FunctionWords>) -> Self {
        Self {
            words: Words { types: Vec::new(), functions },
            color,
            before: String::new(),
            state: State::Plain,
            files: FilenameCompleter::new(),
            history: HistoryHinter::new(),
        }
    }

    /// Goes on behind a line that did not end its statement.
    pub fn go_on_behind(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.state = lex(&line, std::mem::take(&mut self.state)).1;
        self.before.push_str(&line);
    }

    /// A new statement begins.
    pub fn begin(&mut self) {
        self.before.clear();
        self.state = State::Plain;
    }
}

impl Completer for Helper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..pos).unwrap_or(line);
        match complete(&self.words, &self.before, typed) {
            Completion::File => self.files.complete_path(line, pos),
            Completion::Words(start, found) => {
                let pair = |word: String| Pair { display: word.clone(), replacement: word };
                Ok((start, found.into_iter().map(pair).collect()))
            }
        }
    }
}

impl Hinter for Helper {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        // Without colours a hint could not be told from what was typed.
        if !self.color || line.is_empty() {
            return None;
        }
        self.history.hint(line, pos, context).filter(|hint| !hint.contains('\n'))
    }
}

impl Highlighter for Helper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let is_dot = self.before.is_empty() && line.trim_start().starts_with('.');
        if self.color && !is_dot { painted(line, self.state.clone()) } else { Cow::Borrowed(line) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\u{1b}[90m{hint}\u{1b}[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Validator for Helper {}

impl rustyline::Helper for Helper {}
