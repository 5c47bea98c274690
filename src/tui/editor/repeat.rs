//! Vim's `.`: the keys of the last change, pressed again.

use crossterm::event::KeyEvent;

use super::{Editor, EditorOutcome, Mode};

/// A step of a change.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Key(KeyEvent),
    /// A completion was taken in the place of so many characters.
    Complete {
        typed: usize,
        text: String,
    },
    Paste(String),
}

/// What was pressed.
#[derive(Default)]
pub(super) struct Repeat {
    /// Since the command began.
    steps: Vec<Step>,
    changed: bool,
    last: Vec<Step>,
    replaying: bool,
}

impl Repeat {
    pub(super) fn add(&mut self, step: Step) {
        if !self.replaying {
            self.steps.push(step);
        }
    }
}

impl Editor {
    /// Nothing has begun: the next key begins a command.
    fn is_idle(&self) -> bool {
        self.vim.mode == Mode::Normal && !self.vim.pending() && self.find.prompt.is_none()
    }

    /// A key in vim, remembered.
    pub(super) fn vim_key(&mut self, key: KeyEvent) -> EditorOutcome {
        if self.repeat.replaying {
            return self.vim_key_now(key);
        }
        if self.is_idle() {
            self.repeat.steps.clear();
            self.repeat.changed = false;
        }
        self.repeat.steps.push(Step::Key(key));
        let before = self.buffer.version();
        self.vim.travelled = false;
        let outcome = self.vim_key_now(key);
        // Undo and redo are no changes to repeat.
        self.repeat.changed |= self.buffer.version() != before && !self.vim.travelled;
        if self.is_idle() && self.repeat.changed {
            self.repeat.last = std::mem::take(&mut self.repeat.steps);
            self.repeat.changed = false;
        }
        outcome
    }

    /// Does the last change again, some times.
    pub(super) fn do_again(&mut self, times: usize) {
        let steps = self.repeat.last.clone();
        self.vim.reset();
        self.repeat.replaying = true;
        for _ in 0..times.min(1_000) {
            for step in &steps {
                match step {
                    Step::Key(key) => {
                        self.vim_key_now(*key);
                    }
                    Step::Complete { typed, text } => {
                        let to = self.buffer.offset(self.buffer.cursor());
                        let at = self.buffer.cursor();
                        let from = self.buffer.offset(super::Pos::new(at.row, at.col.saturating_sub(*typed)));
                        self.complete(from..to, text);
                    }
                    Step::Paste(text) => self.replace_selection(text),
                }
            }
        }
        self.repeat.replaying = false;
        // The command `.` itself is not remembered.
        self.repeat.steps.clear();
        self.repeat.changed = false;
        self.vim.travelled = true;
        self.buffer.close_unit();
    }
}
