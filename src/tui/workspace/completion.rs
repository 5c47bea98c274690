//! The list of completions at the cursor.
//!
//! It opens by itself after a dot or two letters and closes by itself; until an entry was chosen it
//! takes no key but Tab, Esc and the arrows, so that nothing typed is ever changed unasked.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use crate::bus::complete::{Candidate, complete, functions};
use crate::tui::app::{App, Level};
use crate::tui::keymap::Key;
use crate::tui::layout::{Pane, inner};

/// Lines of the list.
const LINES: usize = 8;
/// Letters after which it opens by itself.
const LETTERS: usize = 2;
/// A longer text is looked at around the cursor alone.
const TEXT_MAX_BYTES: usize = 32 << 10;

/// The list.
#[derive(Debug)]
pub(in crate::tui) struct Popup {
    /// The bytes of the text that an entry replaces.
    from: usize,
    to: usize,
    pub(in crate::tui) items: Vec<Candidate>,
    pub(in crate::tui) chosen: Option<usize>,
    pub(in crate::tui) top: usize,
    /// It was asked for by a key.
    asked: bool,
}

impl Popup {
    fn choose(&mut self, by: isize) {
        let count = self.items.len();
        let next = match self.chosen {
            None if by > 0 => 0,
            None => count - 1,
            Some(at) => (at + count).saturating_add_signed(by) % count,
        };
        self.chosen = Some(next);
        self.top = self.top.min(next).max((next + 1).saturating_sub(LINES));
    }

    /// Lines it has.
    pub(in crate::tui) fn height(&self) -> usize {
        self.items.len().min(LINES)
    }

    /// How many characters stand before the cursor that an entry replaces.
    pub(in crate::tui) fn typed(&self) -> usize {
        self.to.saturating_sub(self.from)
    }
}

/// Opens the list where the cursor is.
pub(super) fn ask(app: &mut App) {
    app.focus = Pane::Editor;
    refresh(app, true);
    match app.work.popup.as_mut() {
        Some(popup) => popup.choose(1),
        None => app.note(Level::Info, "nothing is known that could stand here"),
    }
}

/// Reads the text at the cursor and shows what fits.
fn refresh(app: &mut App, asked: bool) {
    app.work.popup = None;
    let Some((text, base, at)) = app.editor.text_around_cursor(TEXT_MAX_BYTES) else { return };
    if app.work.words.functions.is_empty() {
        app.work.words.functions = functions().to_vec();
    }
    let found = complete(&app.work.words, &text, at);
    let typed = text.get(found.from..at).unwrap_or_default();
    if found.items.is_empty() {
        return;
    }
    if !asked {
        let dot = text.get(..found.from).is_some_and(|head| head.ends_with('.'));
        let enough = dot || typed.chars().count() >= LETTERS;
        // A word that is whole already needs no list: Tab and arrows are the editor's again.
        let whole = found.items.iter().any(|item| item.text.eq_ignore_ascii_case(typed));
        if !enough || whole {
            return;
        }
    }
    app.work.popup = Some(Popup {
        from: base + found.from,
        to: base + at,
        items: found.items,
        chosen: None,
        top: 0,
        asked,
    });
}

/// A key while the list is open; false when it is for the editor.
pub(in crate::tui) fn key(app: &mut App, event: &KeyEvent) -> bool {
    let Some(popup) = app.work.popup.as_mut() else { return false };
    if app.focus != Pane::Editor {
        app.work.popup = None;
        return false;
    }
    let is = |text: &str| Key::of(event) == Key::parse(text);
    if is("Down") || is("Ctrl-N") {
        popup.choose(1);
    } else if is("Up") || is("Ctrl-P") {
        popup.choose(-1);
    } else if is("PageDown") || is("PageUp") {
        let last = popup.items.len() - 1;
        let at = popup.chosen.unwrap_or(0);
        let to = if is("PageDown") { (at + LINES).min(last) } else { at.saturating_sub(LINES) };
        popup.chosen = Some(at);
        popup.choose(isize::try_from(to).unwrap_or(0) - isize::try_from(at).unwrap_or(0));
    } else if is("Tab") || (is("Enter") && popup.chosen.is_some()) {
        let at = popup.chosen.unwrap_or(0);
        take(app, at);
    } else if is("Esc") {
        app.work.popup = None;
        // In vim Esc also ends insert mode, list or not.
        return app.editor.is_standard();
    } else if is("Ctrl-Space") {
        popup.choose(1);
    } else {
        return false;
    }
    true
}

/// Puts an entry into the text.
fn take(app: &mut App, at: usize) {
    let Some(popup) = app.work.popup.take() else { return };
    let Some(item) = popup.items.get(at) else { return };
    app.editor.complete(popup.from..popup.to, &item.text);
    // Behind a table's name its properties come.
    if item.text.ends_with('.') {
        refresh(app, false);
    }
}

/// The editor has taken a key: the list follows what is typed, or closes.
pub(in crate::tui) fn after_key(app: &mut App, event: &KeyEvent) {
    let asked = app.work.popup.as_ref().is_some_and(|popup| popup.asked);
    let open = app.work.popup.take().is_some();
    if !app.editor.is_inserting() {
        return;
    }
    match event.code {
        KeyCode::Char(c) if Key::of(event).is_some_and(Key::is_text) => {
            let word = c.is_alphanumeric() || matches!(c, '_' | '.' | '"');
            if word {
                refresh(app, asked && c != '.');
            }
        }
        KeyCode::Backspace if open => refresh(app, asked),
        _ => {}
    }
}

/// A click on the screen: takes the entry there; false beside the list, which closes.
pub(in crate::tui) fn click(app: &mut App, column: u16, row: u16) -> bool {
    let Some(rect) = place(app) else { return false };
    let inside = inner(rect);
    let hit = inside.contains(ratatui::layout::Position::new(column, row));
    match app.work.popup.as_ref().map(|popup| popup.top) {
        Some(top) if hit => take(app, top + usize::from(row - inside.y)),
        _ => app.work.popup = None,
    }
    hit
}

/// Where the list is drawn, its border included.
pub(in crate::tui) fn place(app: &App) -> Option<Rect> {
    let popup = app.work.popup.as_ref()?;
    let pane = inner(app.screen.editor?);
    let cursor = app.editor.cursor(pane)?;
    let names = popup.items.iter().map(|item| crate::tui::text::width(&item.text)).max().unwrap_or(0);
    let details = popup.items.iter().map(|item| crate::tui::text::width(&item.detail)).max().unwrap_or(0);
    let wide = names.clamp(12, 44) + details.min(36) + 6;
    let width = u16::try_from(wide).unwrap_or(u16::MAX).min(app.size.0);
    let height = u16::try_from(popup.height()).unwrap_or(8) + 2;
    let typed = u16::try_from(popup.typed() + 3).unwrap_or(0);
    let x = cursor.x.saturating_sub(typed).min(app.size.0.saturating_sub(width));
    let below = app.size.1.saturating_sub(cursor.y + 2);
    let y = if below >= height || below >= cursor.y { cursor.y + 1 } else { cursor.y.saturating_sub(height) };
    let room = if y > cursor.y { below } else { cursor.y };
    Some(Rect { x, y, width, height: height.min(room) })
}
