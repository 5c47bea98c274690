//! The editor's tabs. The active one's editor stands in the application; the others wait here.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::bus::QueryName;
use crate::model::escape_control;
use crate::tui::app::{App, Level};
use crate::tui::editor::Editor;
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::text;
use crate::tui::theme::Theme;

use super::ask::{Ask, Deed};

/// Tabs at most.
pub(super) const MOST: usize = 50;
const GAP: &str = " │ ";
/// The columns of a tab's name.
const NAME: usize = 24;

/// The file a tab belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Saved {
    pub(in crate::tui) query: QueryName,
    /// The text of the file as this program knows it.
    pub(in crate::tui) text: String,
    /// The editor's version that is in the file.
    pub(in crate::tui) version: u64,
}

/// A tab.
pub(in crate::tui) struct QueryTab {
    pub(in crate::tui) id: u64,
    pub(in crate::tui) name: String,
    pub(in crate::tui) saved: Option<Saved>,
    /// Its editor, while another tab is active.
    pub(in crate::tui) parked: Option<Editor>,
}

/// All tabs; there is always one.
pub(in crate::tui) struct Tabs {
    pub(in crate::tui) tabs: Vec<QueryTab>,
    pub(in crate::tui) active: usize,
    next: u64,
}

impl Tabs {
    pub(super) fn new() -> Self {
        let mut tabs = Self { tabs: Vec::new(), active: 0, next: 1 };
        let tab = tabs.made(None);
        tabs.tabs.push(tab);
        tabs
    }

    fn made(&mut self, name: Option<String>) -> QueryTab {
        let id = self.next;
        self.next += 1;
        let taken = |name: &str| self.tabs.iter().any(|tab| tab.name == name);
        let name = name.unwrap_or_else(|| {
            let numbered = (1..).map(|n: u64| format!("Query {n}"));
            numbered.into_iter().find(|name| !taken(name)).unwrap_or_default()
        });
        QueryTab { id, name, saved: None, parked: None }
    }

    pub(in crate::tui) fn active(&self) -> Option<&QueryTab> {
        self.tabs.get(self.active)
    }

    pub(super) fn active_mut(&mut self) -> Option<&mut QueryTab> {
        self.tabs.get_mut(self.active)
    }
}

/// The id of the tab that has the editor.
pub(in crate::tui) fn active_id(app: &App) -> u64 {
    app.work.tabs.active().map_or(0, |tab| tab.id)
}

/// The editor of a tab, wherever it is.
pub(in crate::tui) fn editor_of(app: &mut App, id: u64) -> Option<&mut Editor> {
    if active_id(app) == id {
        return Some(&mut app.editor);
    }
    app.work.tabs.tabs.iter_mut().find(|tab| tab.id == id)?.parked.as_mut()
}

/// Goes to a tab.
pub(in crate::tui) fn go_to(app: &mut App, to: usize) {
    let tabs = &mut app.work.tabs;
    if to == tabs.active || to >= tabs.tabs.len() {
        return;
    }
    let Some(mut editor) = tabs.tabs.get_mut(to).and_then(|tab| tab.parked.take()) else { return };
    editor.take_registers(&mut app.editor);
    let before = std::mem::replace(&mut app.editor, editor);
    if let Some(tab) = tabs.active_mut() {
        tab.parked = Some(before);
    }
    tabs.active = to;
    app.work.popup = None;
}

/// The next tab, or with -1 the one before.
pub(super) fn turn(app: &mut App, by: isize) {
    app.focus = Pane::Editor;
    let count = app.work.tabs.tabs.len();
    if count == 1 {
        return app.note(Level::Info, "there is one tab alone: Ctrl-T opens another");
    }
    let to = (app.work.tabs.active + count).saturating_add_signed(by) % count;
    go_to(app, to);
}

/// Opens an empty tab behind the others.
pub(super) fn new(app: &mut App) {
    app.focus = Pane::Editor;
    add(app, None, None);
}

/// Opens a tab behind the others and goes there; where there are too many it says so.
pub(in crate::tui) fn add(app: &mut App, name: Option<String>, saved: Option<Saved>) -> bool {
    if app.work.tabs.tabs.len() >= MOST {
        app.note(Level::Error, &format!("{MOST} tabs are open: close one first"));
        return false;
    }
    let mut tab = app.work.tabs.made(name);
    tab.saved = saved;
    tab.parked = Some(Editor::new(app.options.keys));
    app.work.tabs.tabs.push(tab);
    go_to(app, app.work.tabs.tabs.len() - 1);
    true
}

/// Whether a tab holds text that is in no file.
fn is_unsaved(tab: &QueryTab, editor: &Editor) -> bool {
    match &tab.saved {
        Some(saved) => saved.version != editor.version() && saved.text != editor.text(),
        None => !editor.is_blank(),
    }
}

/// Closes the active tab, after a question where its text would be gone.
pub(super) fn ask_to_close(app: &mut App) {
    let Some(tab) = app.work.tabs.active() else { return };
    if !is_unsaved(tab, &app.editor) {
        return close(app);
    }
    let lines = vec![
        format!("'{}' holds text that is not saved.", tab.name),
        "Ctrl-S saves it as a query; closed, it is gone.".to_owned(),
    ];
    app.overlays.push(Overlay::Ask(Ask::question("Close this tab?", lines, "close", Deed::CloseTab)));
}

/// Closes the active tab; the last one is emptied.
pub(super) fn close(app: &mut App) {
    app.work.popup = None;
    if app.work.tabs.tabs.len() == 1 {
        let mut editor = Editor::new(app.options.keys);
        editor.take_registers(&mut app.editor);
        app.editor = editor;
        let tab = app.work.tabs.made(None);
        app.work.tabs.tabs = vec![tab];
        return;
    }
    let closed = app.work.tabs.active;
    let to = if closed + 1 < app.work.tabs.tabs.len() { closed + 1 } else { closed - 1 };
    go_to(app, to);
    app.work.tabs.tabs.remove(closed);
    if app.work.tabs.active > closed {
        app.work.tabs.active -= 1;
    }
}

/// Replaces all tabs: names, files and editors.
pub(super) fn replace_all(app: &mut App, tabs: Vec<(String, Option<Saved>, Editor)>, active: usize) {
    let mut all = Vec::new();
    for (name, saved, editor) in tabs {
        let mut tab = app.work.tabs.made(Some(name));
        (tab.saved, tab.parked) = (saved, Some(editor));
        all.push(tab);
    }
    let active = active.min(all.len().saturating_sub(1));
    if let Some(editor) = all.get_mut(active).and_then(|tab| tab.parked.take()) {
        app.editor = editor;
        app.work.tabs.tabs = all;
        app.work.tabs.active = active;
        app.work.popup = None;
    }
}

/// What stands for a tab: its name, a point where its file is older.
fn label(app: &App, at: usize, tab: &QueryTab) -> String {
    let tabs = &app.work.tabs;
    // One tab that was never named needs no number.
    if tabs.tabs.len() == 1 && tab.saved.is_none() && tab.name.starts_with("Query ") {
        return "Query".to_owned();
    }
    let editor = if at == tabs.active { Some(&app.editor) } else { tab.parked.as_ref() };
    let changed = tab.saved.as_ref().zip(editor).is_some_and(|(saved, e)| saved.version != e.version());
    let name = escape_control(&tab.name);
    format!("{}{}", text::cut(&name, NAME), if changed { " •" } else { "" })
}

/// The tabs that fit in so many columns, around the active one, each with its first column.
fn shown(app: &App, room: usize) -> Vec<(usize, usize, String)> {
    let tabs = &app.work.tabs;
    let labels: Vec<String> = tabs.tabs.iter().enumerate().map(|(i, tab)| label(app, i, tab)).collect();
    let wide = |i: usize| labels.get(i).map_or(0, |l| text::width(l) + GAP.chars().count());
    let (mut first, mut last) = (tabs.active, tabs.active);
    let mut used = wide(first) + 4;
    loop {
        let grown = [last + 1, first.wrapping_sub(1)]
            .into_iter()
            .find(|i| *i < labels.len() && used + wide(*i) <= room);
        let Some(i) = grown else { break };
        used += wide(i);
        (first, last) = (first.min(i), last.max(i));
    }
    let mut at = 2 + if first > 0 { 2 } else { 0 };
    let mut found = Vec::new();
    for i in first..=last {
        let Some(label) = labels.get(i) else { break };
        found.push((i, at, label.clone()));
        at += wide(i);
    }
    found
}

/// The tabs as the title of the editor's pane.
pub(in crate::tui) fn title(app: &App, theme: &Theme, rect: Rect) -> Line<'static> {
    let focused = app.focus == Pane::Editor;
    let own = theme.style(if focused { "ui.title.focus" } else { "ui.title" });
    let shown = shown(app, usize::from(rect.width.saturating_sub(4)));
    let mut spans = vec![Span::styled("2 ", own)];
    if shown.first().is_some_and(|(i, ..)| *i > 0) {
        spans.push(Span::styled("‹ ", theme.style("ui.border")));
    }
    let last = shown.last().map_or(0, |(i, ..)| *i);
    for (n, (i, _, label)) in shown.into_iter().enumerate() {
        if n > 0 {
            spans.push(Span::styled(GAP, theme.style("ui.border")));
        }
        let style = match (i == app.work.tabs.active, focused) {
            (true, true) => own,
            (true, false) if app.work.tabs.tabs.len() == 1 => own,
            (true, false) => theme.style("ui.tab.active"),
            (false, _) => theme.style("ui.tab"),
        };
        spans.push(Span::styled(label, style));
    }
    if last + 1 < app.work.tabs.tabs.len() {
        spans.push(Span::styled(" ›", theme.style("ui.border")));
    }
    Line::from(spans)
}

/// A click on the editor's upper border: goes to the tab there.
pub(in crate::tui) fn click(app: &mut App, rect: Rect, column: u16) {
    let at = usize::from(column.saturating_sub(rect.x + 2));
    let shown = shown(app, usize::from(rect.width.saturating_sub(4)));
    let found = shown.iter().find(|(_, from, label)| (*from..from + text::width(label)).contains(&at));
    if let Some((to, ..)) = found {
        go_to(app, *to);
    }
}
