//! Themes are seen before they are chosen: while a list's cursor stands on one, the screen has it.

use super::app::{App, Level};
use super::overlay::{Entry, Overlay, Picker};
use super::theme::Theme;

/// A list entry that changes the theme has this line.
const LINE: &str = "theme ";

/// The themes as a list to pick from.
pub(super) fn pick(app: &mut App) {
    app.overlays.push(Overlay::List(Picker::new("Themes", entries())));
    show(app);
}

/// The entries of the themes.
pub(super) fn entries() -> Vec<Entry> {
    let entry = |name: &str| Entry {
        section: "themes",
        keys: String::new(),
        label: format!("theme {name}"),
        detail: Theme::about(name).to_owned(),
        line: format!("{LINE}{name}"),
    };
    Theme::names().map(entry).collect()
}

/// Gives the screen the theme under the cursor of the list on top, or its own back.
pub(super) fn show(app: &mut App) {
    let name = match app.overlays.last() {
        Some(Overlay::List(list)) => list.picked().and_then(|entry| entry.line.strip_prefix(LINE)),
        _ => None,
    };
    let Some(Ok(theme)) = name.map(|name| Theme::load(name, app.theme.depth())) else {
        return end(app);
    };
    let before = std::mem::replace(&mut app.theme, theme);
    app.theme_before.get_or_insert(before);
}

/// Gives the screen its own theme back.
pub(super) fn end(app: &mut App) {
    if let Some(before) = app.theme_before.take() {
        app.theme = before;
    }
}

/// Changes the theme.
pub(super) fn choose(app: &mut App, name: &str) {
    if name.is_empty() {
        return pick(app);
    }
    match Theme::load(name, app.theme.depth()) {
        Ok(theme) => {
            app.theme_before = None;
            app.theme = theme;
            app.work.theme = Some(name.to_owned());
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            app.note(Level::Error, &format!("{error}; {hint}"));
        }
    }
}
