//! The text being edited: `tui_textarea` as the edit model, with positions, undo units and a
//! version.
//!
//! Invariants: a position's column counts characters (not bytes, not cells); every change goes
//! through [`Buffer::insert`] or [`Buffer::remove`], each one entry of the model's history, so an
//! undo unit is a number of entries; `version` grows with every change.

use tui_textarea::{CursorMove, TextArea};

/// Edits the model remembers.
const HISTORY_EDITS: usize = 20_000;
/// Undo takes back at most this many edits at once: every one costs the model a pass over the text.
const UNIT_EDITS: usize = 1_000;

/// A place in the text, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Pos {
    /// The line.
    pub(super) row: usize,
    /// How many characters of the line stand before it.
    pub(super) col: usize,
}

impl Pos {
    pub(super) fn new(row: usize, col: usize) -> Self {
        Self { row, col }
    }
}

/// What is undone as one.
#[derive(Debug, Clone, Copy, Default)]
struct Unit {
    edits: usize,
    /// Where its first edit began.
    start: Pos,
}

/// The text with its cursor and history.
pub(super) struct Buffer {
    area: TextArea<'static>,
    version: u64,
    done: Vec<Unit>,
    undone: Vec<Unit>,
    /// The unit that is still growing.
    open: Unit,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { area: model(""), version: 0, done: Vec::new(), undone: Vec::new(), open: Unit::default() }
    }

    /// Replaces text and history; the cursor goes to the start.
    pub(super) fn set_text(&mut self, text: &str) {
        self.area = model(&normal_newlines(text));
        (self.done, self.undone, self.open) = (Vec::new(), Vec::new(), Unit::default());
        self.version += 1;
    }

    /// Changes with each edit.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn lines(&self) -> &[String] {
        self.area.lines()
    }

    pub(super) fn text(&self) -> String {
        self.lines().join("\n")
    }

    pub(super) fn line(&self, row: usize) -> &str {
        self.lines().get(row).map_or("", String::as_str)
    }

    /// Characters in a line.
    pub(super) fn len(&self, row: usize) -> usize {
        self.line(row).chars().count()
    }

    pub(super) fn last_row(&self) -> usize {
        self.lines().len().saturating_sub(1)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.lines().iter().all(|line| line.trim().is_empty())
    }

    pub(super) fn cursor(&self) -> Pos {
        let at = self.area.cursor();
        Pos::new(at.0, at.1)
    }

    /// Moves the cursor, to the nearest place that exists.
    pub(super) fn place(&mut self, to: Pos) {
        let row = to.row.min(self.last_row());
        let col = to.col.min(self.len(row));
        let limit = usize::from(u16::MAX);
        // The model jumps to 16-bit places only; what lies beyond is reached from there in steps.
        if self.cursor() == Pos::new(row, col) {
            return;
        }
        let near = self.cursor().row == row && self.cursor().col.abs_diff(col) <= col.saturating_sub(limit);
        if !near {
            let cut = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            self.area.move_cursor(CursorMove::Jump(cut(row), cut(col)));
            for _ in limit..row {
                self.area.move_cursor(CursorMove::Down);
            }
            if row > limit {
                self.area.move_cursor(CursorMove::Head);
            }
            if self.len(row) - col < col.saturating_sub(limit) {
                self.area.move_cursor(CursorMove::End);
            }
        }
        for _ in 0..self.len(row) {
            match self.cursor().col.cmp(&col) {
                std::cmp::Ordering::Less => self.area.move_cursor(CursorMove::Forward),
                std::cmp::Ordering::Greater => self.area.move_cursor(CursorMove::Back),
                std::cmp::Ordering::Equal => break,
            }
        }
    }

    /// Inserts at the cursor, which ends behind the insertion.
    pub(super) fn insert(&mut self, text: &str) {
        let text = normal_newlines(text);
        let start = self.cursor();
        if !text.is_empty() && self.area.insert_str(text.as_ref()) {
            self.changed(start);
        }
    }

    /// Takes the text between two places out; the cursor ends there.
    pub(super) fn remove(&mut self, from: Pos, to: Pos) -> String {
        if from >= to {
            return String::new();
        }
        self.place(from);
        self.area.start_selection();
        self.place(to);
        if !self.area.cut() {
            self.area.cancel_selection();
            return String::new();
        }
        self.changed(from);
        self.area.yank_text()
    }

    /// The text between two places.
    pub(super) fn between(&self, from: Pos, to: Pos) -> String {
        let mut out = String::new();
        for row in from.row..=to.row.min(self.last_row()) {
            let line = self.line(row);
            let start = if row == from.row { byte_of(line, from.col) } else { 0 };
            let end = if row == to.row { byte_of(line, to.col) } else { line.len() };
            out.push_str(line.get(start..end).unwrap_or_default());
            if row < to.row {
                out.push('\n');
            }
        }
        out
    }

    fn changed(&mut self, start: Pos) {
        self.version += 1;
        self.undone.clear();
        if self.open.edits == 0 {
            self.open.start = start;
        }
        self.open.edits += 1;
        if self.open.edits == UNIT_EDITS {
            self.close_unit();
        }
    }

    /// Ends the undo unit: what follows is undone on its own.
    pub(super) fn close_unit(&mut self) {
        if self.open.edits > 0 {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    /// Takes back the last unit. Returns where it had begun; the cursor is where it was before.
    pub(super) fn undo(&mut self) -> Option<Pos> {
        self.close_unit();
        let unit = self.done.pop()?;
        let edits = (0..unit.edits).take_while(|_| self.area.undo()).count();
        self.version += 1;
        self.undone.push(Unit { edits, ..unit });
        Some(unit.start)
    }

    /// Does the last unit that was taken back again.
    pub(super) fn redo(&mut self) -> bool {
        let Some(unit) = self.undone.pop() else { return false };
        let edits = (0..unit.edits).take_while(|_| self.area.redo()).count();
        self.version += 1;
        self.done.push(Unit { edits, ..unit });
        edits > 0
    }

    /// Bytes of [`Buffer::text`] before a place.
    pub(super) fn offset(&self, at: Pos) -> usize {
        let before: usize = self.lines().iter().take(at.row).map(|line| line.len() + 1).sum();
        before + byte_of(self.line(at.row), at.col)
    }

    /// The place of a byte of [`Buffer::text`].
    pub(super) fn pos(&self, offset: usize) -> Pos {
        let mut left = offset;
        for (row, line) in self.lines().iter().enumerate() {
            if left <= line.len() {
                return Pos::new(row, line.char_indices().take_while(|(at, _)| *at < left).count());
            }
            left -= line.len() + 1;
        }
        Pos::new(self.last_row(), self.len(self.last_row()))
    }
}

/// Bytes before a character of a line.
pub(super) fn byte_of(line: &str, col: usize) -> usize {
    line.char_indices().nth(col).map_or(line.len(), |(at, _)| at)
}

fn model(text: &str) -> TextArea<'static> {
    let mut area = TextArea::new(text.split('\n').map(str::to_owned).collect());
    area.set_max_histories(HISTORY_EDITS);
    area
}

/// Terminals send a carriage return for a line break in a paste.
fn normal_newlines(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_agree() {
        let mut buffer = Buffer::new();
        buffer.set_text("aé漢\n\nb");
        for (offset, pos) in
            [(0, (0, 0)), (1, (0, 1)), (3, (0, 2)), (6, (0, 3)), (7, (1, 0)), (8, (2, 0)), (9, (2, 1))]
        {
            assert_eq!(buffer.pos(offset), Pos::new(pos.0, pos.1));
            assert_eq!(buffer.offset(Pos::new(pos.0, pos.1)), offset);
        }
        assert_eq!(buffer.pos(99), Pos::new(2, 1));
    }

    #[test]
    fn a_unit_is_undone_and_done_again_as_one() {
        let mut buffer = Buffer::new();
        buffer.insert("one");
        buffer.close_unit();
        buffer.insert(" two");
        buffer.insert("\nthree");
        assert!(buffer.undo().is_some());
        assert_eq!(buffer.text(), "one");
        assert!(buffer.redo());
        assert_eq!(buffer.text(), "one two\nthree");
        assert!(buffer.undo().is_some() && buffer.undo().is_some() && buffer.undo().is_none());
        assert_eq!(buffer.text(), "");
        buffer.insert("x");
        assert!(!buffer.redo(), "an edit forgets what was undone");
    }

    #[test]
    fn removing_spans_lines_and_returns_what_went() {
        let mut buffer = Buffer::new();
        buffer.set_text("ab\r\ncd\ref");
        assert_eq!(buffer.text(), "ab\ncd\nef");
        assert_eq!(buffer.remove(Pos::new(0, 1), Pos::new(2, 1)), "b\ncd\ne");
        assert_eq!((buffer.text().as_str(), buffer.cursor()), ("af", Pos::new(0, 1)));
        assert_eq!(buffer.remove(Pos::new(0, 1), Pos::new(0, 1)), "");
    }

    #[test]
    fn places_past_sixteen_bits_are_reached() {
        let mut buffer = Buffer::new();
        buffer.set_text(&"x".repeat(65_700));
        for col in [65_690, 65_540, 65_699, 3, 65_536] {
            buffer.place(Pos::new(0, col));
            assert_eq!(buffer.cursor(), Pos::new(0, col));
        }
    }
}
