//! Keys that type, delete and move alike in both presets.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::buffer::Pos;
use super::{Editor, motion};

/// What Tab indents by.
const INDENT: &str = "  ";

/// The last edit, to tell where an undo unit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// None, or the cursor moved since.
    None,
    /// A character that is not white space was typed.
    Word,
    /// White space was typed.
    Space,
    /// Something was deleted.
    Delete,
}

impl Editor {
    /// Where a movement key leads; `None` for other keys.
    pub(super) fn move_of(&mut self, key: KeyEvent) -> Option<Pos> {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let at = self.buffer.cursor();
        let lines = self.buffer.lines();
        let line = self.buffer.line(at.row);
        let page = self.view.get().height.max(2) - 1;
        Some(match key.code {
            KeyCode::Left if ctrl => motion::word_back(lines, at),
            KeyCode::Right if ctrl => motion::word_forward(lines, at),
            KeyCode::Left if at.col > 0 => Pos::new(at.row, motion::previous_col(line, at.col)),
            KeyCode::Left if at.row > 0 => Pos::new(at.row - 1, self.buffer.len(at.row - 1)),
            KeyCode::Right if at.col < self.buffer.len(at.row) => {
                Pos::new(at.row, motion::next_col(line, at.col))
            }
            KeyCode::Right if at.row < self.buffer.last_row() => Pos::new(at.row + 1, 0),
            KeyCode::Left | KeyCode::Right => at,
            KeyCode::Home if ctrl => Pos::new(0, 0),
            KeyCode::End if ctrl => Pos::new(self.buffer.last_row(), usize::MAX),
            KeyCode::Home => {
                let text = motion::first_text(line);
                Pos::new(at.row, if at.col == text { 0 } else { text })
            }
            KeyCode::End => Pos::new(at.row, usize::MAX),
            KeyCode::Up => return Some(self.vertical(-1)),
            KeyCode::Down => return Some(self.vertical(1)),
            KeyCode::PageUp => return Some(self.vertical(-(page as isize))),
            KeyCode::PageDown => return Some(self.vertical(page as isize)),
            _ => return None,
        })
    }

    /// Some rows further, in the column the last such move began from.
    pub(super) fn vertical(&mut self, rows: isize) -> Pos {
        let at = self.buffer.cursor();
        let goal = *self.goal.get_or_insert(at.col);
        Pos::new(at.row.saturating_add_signed(rows).min(self.buffer.last_row()), goal)
    }

    /// Moves there; a move up or down keeps its column in mind.
    pub(super) fn go(&mut self, to: Pos, vertical: bool) {
        let goal = self.goal.filter(|_| vertical);
        self.place(to);
        self.goal = goal;
        self.typing = Last::None;
    }

    /// Handles a key that edits text at the cursor. Returns whether it is one.
    pub(super) fn edit_key(&mut self, key: KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let at = self.buffer.cursor();
        match key.code {
            KeyCode::Char('h') if ctrl => self.delete_before(at, false),
            KeyCode::Char('w') if ctrl => self.delete_before(at, true),
            KeyCode::Char(c) if !ctrl => self.replace_selection(c.encode_utf8(&mut [0; 4])),
            KeyCode::Enter if !ctrl => {
                let line = self.buffer.line(at.row);
                let indent: String = line.chars().take(motion::first_text(line).min(at.col)).collect();
                // Behind an opening bracket one deeper.
                let opens = line.chars().take(at.col).collect::<String>().trim_end().ends_with('(');
                let deeper = if opens { INDENT } else { "" };
                self.replace_selection(&format!("\n{indent}{deeper}"));
            }
            KeyCode::Tab => self.indent(),
            KeyCode::BackTab => self.outdent(),
            KeyCode::Backspace => self.delete_before(at, ctrl),
            KeyCode::Delete => {
                let line = self.buffer.line(at.row);
                let to = match (ctrl, at.col < self.buffer.len(at.row)) {
                    (true, _) => motion::word_forward(self.buffer.lines(), at),
                    (false, true) => Pos::new(at.row, motion::next_col(line, at.col)),
                    (false, false) => Pos::new(at.row + 1, 0),
                };
                if to.row <= self.buffer.last_row() {
                    self.delete_to(at, to);
                }
            }
            _ => return false,
        }
        true
    }

    fn delete_before(&mut self, at: Pos, word: bool) {
        let line = self.buffer.line(at.row);
        let from = if word {
            motion::word_back(self.buffer.lines(), at)
        } else if at.col > 0 {
            Pos::new(at.row, motion::previous_col(line, at.col))
        } else if at.row > 0 {
            Pos::new(at.row - 1, self.buffer.len(at.row - 1))
        } else {
            at
        };
        self.delete_to(from, at);
    }

    /// Deletes the selection, or else what lies between two places.
    fn delete_to(&mut self, from: Pos, to: Pos) {
        let (from, to) = self.selection().unwrap_or((from, to));
        self.group(Last::Delete);
        self.buffer.remove(from, to);
        (self.anchor, self.goal) = (None, None);
    }

    /// Puts text at the cursor, in place of the selection.
    pub(super) fn replace_selection(&mut self, text: &str) {
        let kind = if text.trim().is_empty() { Last::Space } else { Last::Word };
        self.group(kind);
        if let Some((from, to)) = self.selection() {
            self.buffer.remove(from, to);
        }
        (self.anchor, self.goal) = (None, None);
        self.buffer.insert(text);
    }

    /// Ends the undo unit where a new kind of edit begins: words are undone one by one. What vim's
    /// insert mode types is one unit, which that mode ends itself.
    fn group(&mut self, kind: Last) {
        let same = matches!(
            (self.typing, kind),
            (Last::Word, Last::Word | Last::Space)
                | (Last::Space, Last::Space)
                | (Last::Delete, Last::Delete)
        );
        if self.keys == super::KeyPreset::Standard && !same {
            self.buffer.close_unit();
        }
        self.typing = kind;
    }

    /// Indents the selected lines, or moves what follows the cursor to the next stop.
    fn indent(&mut self) {
        match self.selection() {
            Some((from, to)) if from.row < to.row => self.shift_lines(from.row, to.row, true),
            _ => {
                let col = self.buffer.cursor().col;
                self.replace_selection(if col.is_multiple_of(2) { INDENT } else { " " });
            }
        }
    }

    fn outdent(&mut self) {
        let row = self.buffer.cursor().row;
        let (from, to) = self.selection().map_or((row, row), |(from, to)| (from.row, to.row));
        self.shift_lines(from, to, false);
    }

    /// Indents lines or takes an indentation back; cursor and selection keep to their characters.
    pub(super) fn shift_lines(&mut self, first: usize, last: usize, deeper: bool) {
        let (cursor, anchor) = (self.buffer.cursor(), self.anchor);
        self.buffer.close_unit();
        let width = |line: &str| line.chars().take(INDENT.len()).take_while(|c| *c == ' ').count();
        let (mut cursor_at, mut anchor_at) = (cursor, anchor);
        for row in first..=last.min(self.buffer.last_row()) {
            let change = if deeper {
                if self.buffer.len(row) == 0 {
                    continue;
                }
                self.buffer.place(Pos::new(row, 0));
                self.buffer.insert(INDENT);
                INDENT.len() as isize
            } else {
                let cut = width(self.buffer.line(row));
                self.buffer.remove(Pos::new(row, 0), Pos::new(row, cut));
                -(cut as isize)
            };
            for at in std::iter::once(&mut cursor_at).chain(anchor_at.as_mut()) {
                if at.row == row {
                    at.col = at.col.saturating_add_signed(change);
                }
            }
        }
        self.buffer.close_unit();
        self.place(cursor_at);
        self.anchor = anchor_at;
    }
}
