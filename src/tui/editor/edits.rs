//! Edits that the program asks for: each is one unit that undo takes back.

use std::ops::Range;

use super::buffer::Pos;
use super::repeat::Step;
use super::{Editor, KeyPreset, motion};

impl Editor {
    /// Changes with each edit.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.buffer.version()
    }

    /// Whether it holds white space alone.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.buffer.is_blank()
    }

    /// Whether it has the standard keys.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        self.keys == KeyPreset::Standard
    }

    /// Whether what is typed goes into the text.
    #[must_use]
    pub fn is_inserting(&self) -> bool {
        let typing = self.is_standard() || self.vim.mode == super::Mode::Insert;
        typing && self.find.prompt.is_none() && self.anchor.is_none()
    }

    /// Line and column of the cursor, in characters from 0.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        let at = self.buffer.cursor();
        (at.row, at.col)
    }

    /// Puts the cursor there, or where the text ends.
    pub fn go_to_position(&mut self, row: usize, column: usize) {
        self.anchor = None;
        self.place(Pos::new(row, column));
    }

    /// The text, or of a longer one the statement at the cursor: where it begins in the text and where
    /// the cursor is in it, in bytes. `None` where that is longer still.
    #[must_use]
    pub fn text_around_cursor(&self, most_bytes: usize) -> Option<(String, usize, usize)> {
        let at = self.buffer.offset(self.buffer.cursor());
        let text = self.text();
        if text.len() <= most_bytes {
            return Some((text, 0, at));
        }
        let range = self.statement_range()?;
        // What is typed behind the last statement is near its end.
        let end = range.end.max(at);
        let found = text.get(range.start.min(at)..end).filter(|found| found.len() <= most_bytes)?;
        Some((found.to_owned(), range.start.min(at), at - range.start.min(at)))
    }

    /// Replaces bytes of the text; the cursor ends behind the new ones.
    pub fn replace(&mut self, range: Range<usize>, text: &str) {
        let (from, to) = (self.buffer.pos(range.start), self.buffer.pos(range.end));
        self.anchor = None;
        self.buffer.close_unit();
        self.edited(|editor| {
            editor.put_over(from, to, text);
            super::EditorOutcome::Changed
        });
        self.buffer.close_unit();
        self.settle_after();
    }

    /// Replaces the whole text, as an edit that can be undone.
    pub fn replace_all(&mut self, text: &str) {
        let at = self.buffer.cursor();
        self.replace(0..usize::MAX, text);
        self.place(at);
        self.settle_after();
    }

    /// Puts a completion in the place of what was typed of it.
    pub fn complete(&mut self, range: Range<usize>, text: &str) {
        let (from, to) = (self.buffer.pos(range.start), self.buffer.pos(range.end));
        let typed = self.buffer.between(from, to).chars().count();
        self.repeat.add(Step::Complete { typed, text: text.to_owned() });
        self.edited(|editor| {
            editor.put_over(from, to, text);
            super::EditorOutcome::Changed
        });
    }

    fn put_over(&mut self, from: Pos, to: Pos, text: &str) {
        self.buffer.remove(from, to);
        self.buffer.place(from);
        self.buffer.insert(text);
        self.goal = None;
    }

    /// Adds a statement behind the text and goes to it; one that is there already is gone to.
    pub fn append_statement(&mut self, sql: &str) {
        let sql = sql.trim();
        let text = self.text();
        if let Some(at) = text.rfind(sql).filter(|_| !sql.is_empty()) {
            let at = self.buffer.pos(at);
            self.anchor = None;
            return self.place(at);
        }
        let body = text.trim_end();
        let joint = match body {
            "" => "",
            body if body.ends_with(';') => "\n\n",
            _ => ";\n\n",
        };
        let end = if sql.ends_with(';') { "" } else { ";" };
        self.replace(body.len()..text.len(), &format!("{joint}{sql}{end}"));
        let at = self.buffer.pos(body.len() + joint.len());
        self.place(at);
    }

    /// Takes over what was cut and copied in another editor.
    pub fn take_registers(&mut self, other: &mut Editor) {
        self.register = std::mem::take(&mut other.register);
        self.named = std::mem::take(&mut other.named);
        if !other.find.search.is_empty() {
            self.find.search = std::mem::take(&mut other.find.search);
        }
    }

    /// Makes the selected lines comments, or takes the marks away where all are.
    pub fn toggle_comment(&mut self) {
        let row = self.buffer.cursor().row;
        let (first, last) = match self.selection() {
            // A selection that ends before the first character of a line does not mean that line.
            Some((from, to)) if to.col == 0 && to.row > from.row => (from.row, to.row - 1),
            Some((from, to)) => (from.row, to.row),
            None => (row, row),
        };
        self.comment_lines(first, last);
    }

    pub(super) fn comment_lines(&mut self, first: usize, last: usize) {
        let rows: Vec<usize> = (first..=last.min(self.buffer.last_row()))
            .filter(|r| !self.buffer.line(*r).trim().is_empty())
            .collect();
        let is_comment = |editor: &Self, row: usize| editor.buffer.line(row).trim_start().starts_with("--");
        let all = rows.iter().all(|row| is_comment(self, *row));
        let depth = rows.iter().map(|row| motion::first_text(self.buffer.line(*row))).min().unwrap_or(0);
        let (cursor, anchor) = (self.buffer.cursor(), self.anchor.take());
        self.buffer.close_unit();
        self.edited(|editor| {
            for row in rows {
                if all {
                    let line = editor.buffer.line(row);
                    let at = motion::first_text(line);
                    let mark = if line.chars().nth(at + 2) == Some(' ') { 3 } else { 2 };
                    editor.buffer.remove(Pos::new(row, at), Pos::new(row, at + mark));
                } else {
                    editor.buffer.place(Pos::new(row, depth));
                    editor.buffer.insert("-- ");
                }
            }
            super::EditorOutcome::Changed
        });
        self.buffer.close_unit();
        self.anchor = anchor;
        let shift: isize = if all { -3 } else { 3 };
        let moved = if cursor.col >= depth { cursor.col.saturating_add_signed(shift) } else { cursor.col };
        self.place(Pos::new(cursor.row, moved));
        self.settle_after();
    }

    /// The modes of vim keep their rules after an edit from outside.
    fn settle_after(&mut self) {
        if self.keys == KeyPreset::Vim && self.vim.mode != super::Mode::Insert {
            self.enter_normal();
        }
    }
}
