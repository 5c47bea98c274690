//! The standard preset: one mode, Shift selects.
//!
//! `Ctrl-C`, `Ctrl-S`, `Ctrl-O`, `Ctrl-X` and `Ctrl-Space` belong to the program; copying is
//! `Ctrl-Insert`, cutting `Shift-Delete` or `Ctrl-K` (the rest of the line), putting `Ctrl-V` or
//! `Shift-Insert`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::buffer::Pos;
use super::typing::Last;
use super::{Editor, EditorOutcome};

impl Editor {
    pub(super) fn standard_key(&mut self, key: KeyEvent) -> EditorOutcome {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        if let Some(to) = self.move_of(key) {
            self.select(shift);
            let vertical =
                matches!(key.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown);
            self.go(to, vertical);
            return EditorOutcome::Changed;
        }
        match key.code {
            KeyCode::Esc if self.anchor.is_some() => self.anchor = None,
            KeyCode::Esc => return EditorOutcome::Leave,
            KeyCode::Insert if ctrl => self.copy_selection(false),
            KeyCode::Delete if shift => self.copy_selection(true),
            KeyCode::Insert if shift => self.put(),
            KeyCode::Char(c) if ctrl => match c.to_ascii_lowercase() {
                'z' if shift => self.travel(false),
                'z' => self.travel(true),
                'y' => self.travel(false),
                'a' => {
                    self.place(Pos::new(self.buffer.last_row(), usize::MAX));
                    self.anchor = Some(Pos::new(0, 0));
                }
                'v' => self.put(),
                'k' => {
                    let at = self.buffer.cursor();
                    let end = Pos::new(at.row, self.buffer.len(at.row));
                    self.anchor = Some(at);
                    self.place(end);
                    self.copy_selection(true);
                }
                'h' | 'w' if self.edit_key(key) => {}
                _ => return EditorOutcome::Ignored,
            },
            _ if self.edit_key(key) => {}
            _ => return EditorOutcome::Ignored,
        }
        EditorOutcome::Changed
    }

    /// Begins a selection at the cursor, or ends the one there is.
    fn select(&mut self, on: bool) {
        let cursor = self.buffer.cursor();
        self.anchor = on.then(|| self.anchor.unwrap_or(cursor));
    }

    fn copy_selection(&mut self, cut: bool) {
        let Some((from, to)) = self.selection() else {
            self.anchor = None;
            return;
        };
        let text = self.buffer.between(from, to);
        self.copy(text, false);
        if cut {
            self.buffer.close_unit();
            self.buffer.remove(from, to);
            self.anchor = None;
            self.typing = Last::None;
        }
    }

    fn put(&mut self) {
        let text = std::mem::take(&mut self.register.text);
        self.typing = Last::None;
        self.replace_selection(&text);
        self.typing = Last::None;
        self.register.text = text;
    }

    /// Undoes or does again.
    fn travel(&mut self, back: bool) {
        (self.anchor, self.goal, self.typing) = (None, None, Last::None);
        if back {
            self.buffer.undo();
        } else {
            self.buffer.redo();
        }
    }
}
