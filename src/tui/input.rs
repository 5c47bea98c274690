//! A line that is typed: what to find, a filter, a cell's new value, a file's name.

use unicode_segmentation::UnicodeSegmentation;

use crate::bus::CursorId;
use crate::model::Value;

/// What a line is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum InputKind {
    /// Finds while it is typed; `Esc` goes back to the cell it began at.
    Find {
        row: u64,
        column: usize,
    },
    FilterRows,
    FilterColumns,
    /// A new value for the cell under the cursor of this result.
    Cell(CursorId),
    Export,
    /// Finds in the value that is shown whole.
    FindInCell,
}

/// A line that is typed.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) kind: InputKind,
    pub(super) label: String,
    pub(super) text: String,
    /// A place in the text, in bytes.
    pub(super) cursor: usize,
    /// The value is NULL until something is typed.
    pub(super) null: bool,
    /// What is wrong with it, or what it takes.
    pub(super) note: String,
}

impl Input {
    pub(super) fn new(kind: InputKind, label: &str, text: &str, note: &str) -> Self {
        Self {
            kind,
            label: label.to_owned(),
            text: text.to_owned(),
            cursor: text.len(),
            null: false,
            note: note.to_owned(),
        }
    }

    /// Whether it is a cell's new value.
    pub(super) fn is_cell(&self) -> bool {
        matches!(self.kind, InputKind::Cell(_))
    }

    /// The line of a cell's new value.
    pub(super) fn of_cell(result: CursorId, label: &str, value: &Value, note: &str) -> Self {
        let mut input = Self::new(InputKind::Cell(result), label, &value.to_text(), note);
        input.null = value.is_null();
        input
    }

    pub(super) fn insert(&mut self, text: &str) {
        self.null = false;
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// Deletes the character before the cursor; false where there is none.
    pub(super) fn backspace(&mut self) -> bool {
        let Some(before) = self.before() else { return false };
        self.text.drain(before..self.cursor);
        self.cursor = before;
        true
    }

    pub(super) fn delete(&mut self) {
        let after = self.after();
        self.text.drain(self.cursor..after);
    }

    pub(super) fn left(&mut self) {
        self.cursor = self.before().unwrap_or(0);
    }

    pub(super) fn right(&mut self) {
        self.cursor = self.after();
    }

    pub(super) fn go_to(&mut self, end: bool) {
        self.cursor = if end { self.text.len() } else { 0 };
    }

    /// Deletes everything before the cursor.
    pub(super) fn erase(&mut self) {
        self.text.drain(..self.cursor);
        self.cursor = 0;
    }

    /// Deletes the word before the cursor.
    pub(super) fn erase_word(&mut self) {
        let head = self.text.get(..self.cursor).unwrap_or_default();
        let blank = head.trim_end().char_indices().rfind(|(_, c)| c.is_whitespace());
        let to = blank.map_or(0, |(at, c)| at + c.len_utf8());
        self.text.drain(to..self.cursor);
        self.cursor = to;
    }

    pub(super) fn set_null(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.null = true;
    }

    fn before(&self) -> Option<usize> {
        self.text.get(..self.cursor)?.grapheme_indices(true).next_back().map(|(at, _)| at)
    }

    fn after(&self) -> usize {
        let rest = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor + rest.graphemes(true).next().map_or(0, str::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_characters_and_words() {
        let mut input = Input::new(InputKind::FilterRows, "filter", "name ~ e\u{301}x", "");
        input.left();
        assert!(input.backspace());
        assert_eq!(input.text, "name ~ x");
        input.insert("漢");
        input.right();
        input.erase_word();
        assert_eq!((input.text.as_str(), input.cursor), ("name ~ ", 7));
        input.erase_word();
        assert_eq!(input.text, "name ");
        input.erase_word();
        assert_eq!(input.text, "");
        assert!(!input.backspace());
        input.insert("ab");
        input.go_to(false);
        input.delete();
        assert_eq!(input.text, "b");
        input.set_null();
        assert!(input.null);
        input.insert("x");
        assert!(!input.null);
    }
}
