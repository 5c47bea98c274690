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
mod edits;
mod find;
mod highlight;
mod motion;
mod objects;
mod paint;
mod repeat;
mod standard;
mod statements;
#[cfg(test)]
mod tests;
mod typing;
mod vim;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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
    /// A command of the program, by its name.
    Command(&'static str),
}

/// A place that is wrong, and why.
#[derive(Debug, Clone)]
struct Mistake {
    from: Pos,
    to: Pos,
    /// One safe line.
    message: String,
}

/// Text that was cut or copied.
#[derive(Debug, Clone, Default)]
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
    /// Vim's named registers.
    named: BTreeMap<char, Register>,
    find: find::Find,
    repeat: repeat::Repeat,
    copied: Option<String>,
    typing: typing::Last,
    error: Option<Mistake>,
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
            named: BTreeMap::new(),
            find: find::Find::default(),
            repeat: repeat::Repeat::default(),
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
        if self.find.prompt.is_some() {
            return self.find_key(key);
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
            if let Some(prompt) = &mut editor.find.prompt {
                prompt.push_str(text.lines().next().unwrap_or_default());
                return EditorOutcome::Changed;
            }
            if editor.vim.mode == Mode::Insert {
                editor.repeat.add(repeat::Step::Paste(text.to_owned()));
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
            self.find.lit(false);
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

    /// Marks bytes of the text as wrong until the next edit, with what is wrong beside them, or takes the
    /// mark away. The cursor goes to the mark.
    pub fn mark_error(&mut self, mistake: Option<(Range<usize>, &str)>) {
        self.error = mistake.map(|(span, message)| Mistake {
            from: self.buffer.pos(span.start),
            to: self.buffer.pos(span.end.max(span.start)),
            message: crate::model::escape_control(message).into_owned(),
        });
        if let Some(from) = self.error.as_ref().map(|mistake| mistake.from) {
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
        self.keys == KeyPreset::Standard
            || self.vim.mode == Mode::Insert
            || self.vim.pending()
            || self.find.prompt.is_some()
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

    /// Keeps text that was cut or copied: in the register that vim's `"` names, else in the one there
    /// is, and for the system's clipboard.
    fn copy(&mut self, text: String, lines: bool) {
        let name = self.vim.register.take();
        if name == Some('_') {
            return;
        }
        self.copied = Some(text.clone());
        let register = Register { text, lines };
        if let Some(name) = name.filter(char::is_ascii_alphabetic) {
            let small = name.to_ascii_lowercase();
            match self.named.get_mut(&small).filter(|_| name.is_ascii_uppercase()) {
                Some(there) => there.text.push_str(&register.text),
                None => {
                    self.named.insert(small, register.clone());
                }
            }
        }
        self.register = register;
    }

    /// What `p` puts: the register that `"` names, else the one there is.
    fn put_register(&mut self) -> Register {
        match self.vim.register.take() {
            Some(name) if name.is_ascii_alphabetic() => {
                self.named.get(&name.to_ascii_lowercase()).cloned().unwrap_or_default()
            }
            _ => self.register.clone(),
        }
    }
}
