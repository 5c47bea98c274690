//! The SQL editor: text, cursor, two sets of keys, colours and the statement to run.
//!
//! ```text
//!  key ─▶ standard | vim ─▶ typing ─▶ buffer (tui_textarea: text, history)
//!  draw ─▶ paint ─▶ highlight (syntect, per line) · statements (the bar beside the statement) · cells
//! ```
//!
//! Invariants: columns count characters and lie between user-perceived characters; nothing the text
//! holds reaches the terminal unescaped; no printable key alone and no Alt key is a command where
//! text is typed.

mod buffer;
mod cells;
mod highlight;
mod motion;
mod paint;
mod standard;
mod statements;
#[cfg(test)]
mod tests;
mod typing;
mod vim;

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use buffer::{Buffer, Pos};
use highlight::Highlighter;
use vim::{Mode, Vim};

/// Which keys the editor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPreset {
    /// Modes, as vi has them.
    #[default]
    Vim,
    /// One mode, as most programs have it.
    Standard,
}

/// SQL to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// One statement, or what is selected.
    pub sql: String,
    /// Where it begins in the text, in bytes: to place errors.
    pub offset: usize,
}

/// What a key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditorOutcome {
    /// The editor has no use for it.
    Ignored,
    /// Text, cursor or mode changed: draw.
    Changed,
    /// This is to be run.
    Run(RunRequest),
    /// The whole text is to be run.
    RunAll,
    /// The user wants out of the editor.
    Leave,
}

/// Text that was cut or copied.
#[derive(Default)]
struct Register {
    text: String,
    /// Whole lines; they are put between lines.
    lines: bool,
}

/// An editor of one text.
pub struct Editor {
    keys: KeyPreset,
    buffer: Buffer,
    vim: Vim,
    /// Where the selection began; the cursor is its other end.
    anchor: Option<Pos>,
    /// The column that moves up and down keep to.
    goal: Option<usize>,
    register: Register,
    copied: Option<String>,
    typing: typing::Last,
    error: Option<(Pos, Pos)>,
    view: Cell<paint::View>,
    colours: RefCell<Highlighter>,
    colours_missing: Cell<bool>,
    statements: RefCell<(Option<u64>, Vec<Range<usize>>)>,
}

impl Editor {
    /// An empty editor.
    #[must_use]
    pub fn new(keys: KeyPreset) -> Self {
        Self {
            keys,
            buffer: Buffer::new(),
            vim: Vim::default(),
            anchor: None,
            goal: None,
            register: Register::default(),
            copied: None,
            typing: typing::Last::None,
            error: None,
            view: Cell::default(),
            colours: RefCell::default(),
            colours_missing: Cell::new(false),
            statements: RefCell::default(),
        }
    }

    /// The text; lines end in `\n`.
    #[must_use]
    pub fn text(&self) -> String {
        self.buffer.text()
    }

    /// Replaces the text; the history of edits ends.
    pub fn set_text(&mut self, text: &str) {
        self.buffer.set_text(text);
        (self.anchor, self.goal, self.error) = (None, None, None);
        self.vim = Vim::default();
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> EditorOutcome {
        if key.kind == KeyEventKind::Release {
            return EditorOutcome::Ignored;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::F(5) => return self.run(),
            KeyCode::Enter if ctrl => return self.run(),
            KeyCode::F(6) if self.buffer.is_blank() => return EditorOutcome::Ignored,
            KeyCode::F(6) => return EditorOutcome::RunAll,
            KeyCode::F(_) => return EditorOutcome::Ignored,
            _ => {}
        }
        if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
            return EditorOutcome::Ignored;
        }
        self.edited(|editor| match editor.keys {
            KeyPreset::Vim => editor.vim_key(key),
            KeyPreset::Standard => editor.standard_key(key),
        })
    }

    /// Inserts text from the outside as one edit, in place of the selection.
    pub fn paste(&mut self, text: &str) {
        self.edited(|editor| {
            editor.buffer.close_unit();
            if let Some(prompt) = &mut editor.vim.prompt {
                prompt.push_str(text.lines().next().unwrap_or_default());
                return EditorOutcome::Changed;
            }
            editor.replace_selection(text);
            if editor.keys == KeyPreset::Vim && editor.vim.mode != Mode::Insert {
                editor.vim.reset();
                editor.enter_normal();
            }
            editor.buffer.close_unit();
            EditorOutcome::Changed
        });
    }

    fn edited(&mut self, change: impl FnOnce(&mut Self) -> EditorOutcome) -> EditorOutcome {
        let before = self.buffer.version();
        let outcome = change(self);
        if self.buffer.version() != before {
            self.error = None;
        }
        outcome
    }

    /// The statement under the cursor or the selection, and where it begins in the text, in bytes.
    #[must_use]
    pub fn statement_at_cursor(&self) -> Option<(String, usize)> {
        if let Some((from, to)) = self.selection() {
            let text = self.buffer.between(from, to);
            return (!text.trim().is_empty()).then(|| (text, self.buffer.offset(from)));
        }
        let range = self.statement_range()?;
        Some((self.text().get(range.clone())?.to_owned(), range.start))
    }

    /// The bytes of the statement under the cursor.
    fn statement_range(&self) -> Option<Range<usize>> {
        let mut cache = self.statements.borrow_mut();
        let version = Some(self.buffer.version());
        if cache.0 != version {
            *cache = (version, statements::statements(&self.text()));
        }
        statements::statement_at(&cache.1, self.buffer.offset(self.buffer.cursor()))
    }

    fn run(&mut self) -> EditorOutcome {
        match self.statement_at_cursor() {
            Some((sql, offset)) => EditorOutcome::Run(RunRequest { sql, offset }),
            None => EditorOutcome::Ignored,
        }
    }

    /// Marks bytes of the text as wrong until the next edit, or takes the mark away. The cursor goes
    /// to the mark.
    pub fn mark_error(&mut self, span: Option<Range<usize>>) {
        self.error = span.map(|span| {
            let from = self.buffer.pos(span.start);
            (from, self.buffer.pos(span.end.max(span.start)))
        });
        if let Some((from, _)) = self.error {
            self.anchor = None;
            self.vim.reset();
            if self.vim.mode != Mode::Insert {
                self.vim.mode = Mode::Normal;
            }
            self.place(from);
        }
    }

    /// The mode for the status line: `NORMAL`, `INSERT` or `VISUAL`; `EDIT` with standard keys.
    #[must_use]
    pub fn mode_label(&self) -> &'static str {
        match (self.keys, self.vim.mode) {
            (KeyPreset::Standard, _) => "EDIT",
            (KeyPreset::Vim, Mode::Normal) => "NORMAL",
            (KeyPreset::Vim, Mode::Insert) => "INSERT",
            (KeyPreset::Vim, Mode::Visual | Mode::VisualLine) => "VISUAL",
        }
    }

    /// Whether printable keys are text now, or belong to a vim command that has begun.
    #[must_use]
    pub fn takes_text(&self) -> bool {
        self.keys == KeyPreset::Standard || self.vim.mode == Mode::Insert || self.vim.pending()
    }

    /// Text cut or copied since the last call: for the system's clipboard.
    pub fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }

    /// What is selected: from, and up to but not including.
    fn selection(&self) -> Option<(Pos, Pos)> {
        let cursor = self.buffer.cursor();
        let anchor = self.anchor?;
        let (from, to) = (anchor.min(cursor), anchor.max(cursor));
        match (self.keys, self.vim.mode) {
            (KeyPreset::Standard, _) => (from < to).then_some((from, to)),
            (KeyPreset::Vim, Mode::VisualLine) => {
                Some((Pos::new(from.row, 0), Pos::new(to.row, self.buffer.len(to.row))))
            }
            (KeyPreset::Vim, Mode::Visual) => {
                Some((from, Pos::new(to.row, motion::next_col(self.buffer.line(to.row), to.col))))
            }
            (KeyPreset::Vim, _) => None,
        }
    }

    /// Puts the cursor on a place and forgets the column moves up and down kept to.
    fn place(&mut self, to: Pos) {
        self.goal = None;
        let row = to.row.min(self.buffer.last_row());
        self.buffer.place(Pos::new(row, motion::snap(self.buffer.line(row), to.col)));
    }

    fn copy(&mut self, text: String, lines: bool) {
        self.copied = Some(text.clone());
        self.register = Register { text, lines };
    }
}
