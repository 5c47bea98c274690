//! Search in the text: a line at the foot of the editor, the places found marked.
//!
//! With standard keys the selection goes to the first place while the text is typed, Enter and Down go
//! to the next, Up to the one before, Esc stays there. In vim `/` and Enter are a motion.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::buffer::Pos;
use super::{Editor, EditorOutcome, KeyPreset, motion};

/// The search.
#[derive(Default)]
pub(super) struct Find {
    /// What is being typed.
    pub(super) prompt: Option<String>,
    /// What was searched last.
    pub(super) search: String,
    /// Where the cursor was when the search began.
    origin: Pos,
    /// The places are marked.
    lit: bool,
    /// Nothing was found.
    pub(super) missed: bool,
}

impl Find {
    /// What is marked in the text.
    pub(super) fn shown(&self) -> Option<&str> {
        let text = match &self.prompt {
            Some(prompt) => prompt,
            None if self.lit => &self.search,
            None => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn lit(&mut self, on: bool) {
        self.lit = on;
    }
}

impl Editor {
    /// Begins a search; with standard keys what is selected in one line is searched.
    pub fn begin_find(&mut self) {
        self.find.origin = self.buffer.cursor();
        self.find.missed = false;
        let selected = self.selection().filter(|(from, to)| from.row == to.row);
        let given = selected.map(|(from, to)| self.buffer.between(from, to)).unwrap_or_default();
        self.find.prompt = Some(if self.keys == KeyPreset::Standard { given } else { String::new() });
    }

    /// A key while the search is typed.
    pub(super) fn find_key(&mut self, key: KeyEvent) -> EditorOutcome {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let standard = self.keys == KeyPreset::Standard;
        let Some(prompt) = &mut self.find.prompt else { return EditorOutcome::Ignored };
        match key.code {
            KeyCode::Char('f') if ctrl && standard => self.find_again(true),
            KeyCode::Char('u') if ctrl => prompt.clear(),
            KeyCode::Char(c) if !ctrl => {
                prompt.push(c);
                self.find_from_origin();
            }
            KeyCode::Backspace if prompt.pop().is_some() => self.find_from_origin(),
            KeyCode::Esc | KeyCode::Backspace => {
                if standard && !prompt.is_empty() {
                    self.find.search = std::mem::take(prompt);
                }
                self.find.prompt = None;
                self.find.lit = false;
                self.vim.reset();
            }
            KeyCode::Enter | KeyCode::Down if standard => self.find_again(true),
            KeyCode::Up if standard => self.find_again(false),
            KeyCode::Enter => {
                if !prompt.is_empty() {
                    self.find.search = std::mem::take(prompt);
                }
                self.find.prompt = None;
                return self.motion_key('n');
            }
            _ => return EditorOutcome::Ignored,
        }
        EditorOutcome::Changed
    }

    /// With standard keys: to the first place from where the search began.
    fn find_from_origin(&mut self) {
        if self.keys != KeyPreset::Standard {
            return;
        }
        let origin = self.find.origin;
        // The place the cursor is on counts too.
        let before = match origin {
            Pos { row: 0, col: 0 } => Pos::new(self.buffer.last_row(), usize::MAX),
            Pos { row, col: 0 } => Pos::new(row - 1, usize::MAX),
            Pos { row, col } => Pos::new(row, col - 1),
        };
        self.find_next(before, true);
    }

    /// To the next place, or the one before.
    fn find_again(&mut self, forward: bool) {
        let at = self.selection().map_or(self.buffer.cursor(), |(from, _)| from);
        self.find_next(at, forward);
    }

    fn find_next(&mut self, from: Pos, forward: bool) {
        let Some(wanted) = self.find.prompt.clone() else { return };
        let found = motion::find(self.buffer.lines(), from, &wanted, forward);
        self.find.missed = found.is_none() && !wanted.is_empty();
        self.anchor = found;
        match found {
            Some(found) => self.place(Pos::new(found.row, found.col + wanted.chars().count())),
            None => self.place(self.find.origin),
        }
    }

    /// Vim's `*` and `#`: the word under the cursor is searched.
    pub(super) fn find_word(&mut self, forward: bool) -> EditorOutcome {
        let at = self.buffer.cursor();
        let line = self.buffer.line(at.row);
        let (start, end) = motion::inner_word(line, at.col);
        let word: String = line.chars().skip(start).take(end - start).collect();
        if word.trim().is_empty() {
            return EditorOutcome::Changed;
        }
        self.find.search = word;
        self.place(Pos::new(at.row, start));
        self.motion_key(if forward { 'n' } else { 'N' })
    }
}

/// The columns of a line where a text is found.
pub(super) fn places(line: &str, wanted: &str) -> Vec<(usize, usize)> {
    let exact = wanted.chars().any(char::is_uppercase);
    let (line, wanted) = if exact {
        (line.to_owned(), wanted.to_owned())
    } else {
        (line.to_lowercase(), wanted.to_lowercase())
    };
    line.match_indices(&wanted).map(|(at, found)| (at, at + found.len())).collect()
}
