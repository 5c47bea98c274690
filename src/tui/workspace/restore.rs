//! What is there again at the next start: tabs with their text, panes, theme, folding.
//!
//! The state is written a moment after the last change, at the latest [`LONGEST`] after the first one,
//! and at the end. A program that is killed loses what was typed in that moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bus::{QueryName, QueryPlace, WorkspaceCommand};
use crate::model::Error;
use crate::tui::app::{App, Effect, Level, Tab};
use crate::tui::editor::Editor;
use crate::tui::layout::Pane;
use crate::tui::theme::Theme;

use super::split::Sizes;
use super::tabs::{self, MOST, Saved};
use super::{Errand, send};

/// How long nothing changes before the state is written.
const PAUSE: Duration = Duration::from_millis(400);
/// How long it may take when changes go on.
const LONGEST: Duration = Duration::from_secs(3);
/// The version of the state; a newer one is left alone.
const VERSION: u16 = 1;

/// What is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    version: u16,
    tabs: Vec<TabState>,
    active: usize,
    pane: String,
    lower: String,
    inspector: bool,
    theme: Option<String>,
    folded: Vec<String>,
    unfolded: Vec<String>,
    sizes: Sizes,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct TabState {
    name: String,
    text: String,
    row: usize,
    column: usize,
    saved: Option<SavedState>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    place: QueryPlace,
    name: String,
    /// The file's text, where the tab's is another.
    text: Option<String>,
}

/// What shows that something changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Mark {
    texts: u64,
    tabs: Vec<(u64, String)>,
    active: usize,
    places: (String, String, bool),
    theme: Option<String>,
    folding: u64,
    sizes: Sizes,
}

/// Keeps the state.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// The state can be written.
    on: bool,
    /// It cannot, and that was said.
    failed: bool,
    number: u64,
    written: Mark,
    first_change: Option<Duration>,
    last_change: Option<Duration>,
    last_mark: Mark,
    /// The database as the history names it.
    pub(super) database: Option<String>,
}

fn mark(app: &App) -> Mark {
    let tabs = &app.work.tabs;
    let parked = tabs.tabs.iter().filter_map(|tab| tab.parked.as_ref());
    Mark {
        texts: parked.map(Editor::version).sum::<u64>() + app.editor.version(),
        tabs: tabs.tabs.iter().map(|tab| (tab.id, tab.name.clone())).collect(),
        active: tabs.active,
        places: (pane_name(app.focus).to_owned(), app.tab.name().to_owned(), app.inspector_open),
        theme: app.work.theme.clone(),
        folding: app.tree.folding_version(),
        sizes: app.work.sizes,
    }
}

/// After every event: is there something new to write, and is it time?
pub(in crate::tui) fn look(app: &mut App) {
    if !app.work.keeper.on {
        return;
    }
    let now = app.now;
    let mark = mark(app);
    let keeper = &mut app.work.keeper;
    if mark != keeper.last_mark {
        keeper.last_mark = mark;
        keeper.last_change = Some(now);
        keeper.first_change.get_or_insert(now);
    }
    if keeper.last_mark == keeper.written {
        (keeper.first_change, keeper.last_change) = (None, None);
    } else if due(keeper).is_some_and(|at| at <= now) {
        write(app);
    }
}

fn due(keeper: &Keeper) -> Option<Duration> {
    let (first, last) = (keeper.first_change?, keeper.last_change?);
    Some((last + PAUSE).min(first + LONGEST))
}

/// When the state is to be written, if nothing happens until then.
pub(in crate::tui) fn wakes_at(app: &App) -> Option<Duration> {
    let keeper = &app.work.keeper;
    if keeper.on { due(keeper) } else { None }
}

fn write(app: &mut App) {
    let state = match serde_json::to_string(&state_of(app)) {
        Ok(state) => state,
        Err(error) => return kept(app, Some(&Error::internal(error.to_string()))),
    };
    let keeper = &mut app.work.keeper;
    keeper.written = keeper.last_mark.clone();
    (keeper.first_change, keeper.last_change) = (None, None);
    keeper.number += 1;
    let number = keeper.number;
    send(app, Errand::Keep, WorkspaceCommand::Keep { number, state });
}

/// The program ends: the state is written with where the cursor is.
pub(in crate::tui) fn at_end(app: &mut App) {
    if app.work.keeper.on {
        app.work.keeper.last_mark = mark(app);
        write(app);
    }
}

/// The state was written, or not: that is said once.
pub(super) fn kept(app: &mut App, error: Option<&Error>) {
    let first = error.is_some() && !app.work.keeper.failed;
    app.work.keeper.failed = error.is_some();
    if let (true, Some(error)) = (first, error) {
        app.error("the editor's text is not kept", error);
    }
}

fn pane_name(pane: Pane) -> &'static str {
    match pane {
        Pane::Tree => "tree",
        Pane::Editor => "editor",
        Pane::Lower => "lower",
        Pane::Inspector => "inspector",
    }
}

fn state_of(app: &App) -> State {
    let tabs = app.work.tabs.tabs.iter().enumerate().map(|(at, tab)| {
        let editor = tab.parked.as_ref().filter(|_| at != app.work.tabs.active).unwrap_or(&app.editor);
        let (row, column) = editor.position();
        let text = editor.text();
        let saved = tab.saved.as_ref().map(|saved| SavedState {
            place: saved.query.place,
            name: saved.query.name.clone(),
            text: (saved.version != editor.version()).then(|| saved.text.clone()),
        });
        TabState { name: tab.name.clone(), text, row, column, saved }
    });
    let (folded, unfolded) = app.tree.folding();
    State {
        version: VERSION,
        tabs: tabs.collect(),
        active: app.work.tabs.active,
        pane: pane_name(app.focus).to_owned(),
        lower: app.tab.name().to_owned(),
        // What was inspected is not kept, so the pane would be empty.
        inspector: false,
        theme: app.work.theme.clone(),
        folded,
        unfolded,
        sizes: app.work.sizes,
    }
}

/// The state of the last time has come.
pub(super) fn restored(app: &mut App, state: Option<&str>, kept: bool) {
    app.work.keeper.on = kept;
    let state: Option<State> = match state.map(serde_json::from_str) {
        None => None,
        Some(Ok(state)) => Some(state),
        Some(Err(error)) => {
            app.message(Level::Error, &format!("the session of before cannot be read: {error}"), &[]);
            None
        }
    };
    if let Some(state) = state {
        if state.version > VERSION {
            // Written by a newer program: it stays as it is.
            app.work.keeper.on = false;
            app.message(Level::Error, "the session was kept by a newer program: it is left alone", &[]);
        } else {
            apply(app, state);
        }
    }
    let mark = mark(app);
    let keeper = &mut app.work.keeper;
    (keeper.written, keeper.last_mark) = (mark.clone(), mark);
}

fn apply(app: &mut App, state: State) {
    // What was typed meanwhile, or given with --exec, stays and is gone to.
    let own = (!app.editor.is_blank()).then(|| {
        let name = app.work.tabs.active().map(|tab| tab.name.clone()).unwrap_or_default();
        (name, std::mem::replace(&mut app.editor, Editor::new(app.options.keys)))
    });
    let keeps_place = own.is_some() || app.options.exec.is_some();
    let mut all = Vec::new();
    for tab in state.tabs.into_iter().take(MOST) {
        let mut editor = Editor::new(app.options.keys);
        editor.set_text(&tab.text);
        editor.go_to_position(tab.row, tab.column);
        let saved = tab.saved.map(|saved| {
            // A version no editor has says that the file is older than the tab.
            let version = if saved.text.is_none() { editor.version() } else { u64::MAX };
            let text = saved.text.unwrap_or_else(|| format!("{}\n", tab.text));
            Saved { query: QueryName { place: saved.place, name: saved.name }, text, version }
        });
        all.push((tab.name, saved, editor));
    }
    let lone = all.len() == 1 && all.first().is_some_and(|(_, saved, e)| saved.is_none() && e.is_blank());
    if lone && own.is_some() {
        all.clear();
    }
    let mut active = state.active;
    if let Some((name, editor)) = own {
        let taken = all.iter().any(|(other, ..)| *other == name);
        let name = if taken { format!("Query {}", all.len() + 1) } else { name };
        active = all.len();
        all.push((name, None, editor));
    }
    if !all.is_empty() {
        tabs::replace_all(app, all, active);
    }
    if !keeps_place {
        app.focus = match state.pane.as_str() {
            "editor" => Pane::Editor,
            "lower" => Pane::Lower,
            _ => Pane::Tree,
        };
        if let Some(tab) = Tab::ALL.into_iter().find(|tab| tab.name() == state.lower) {
            app.tab = tab;
        }
    }
    app.work.sizes = state.sizes;
    app.tree.set_folding(state.folded, state.unfolded);
    if let Some(name) = state.theme.filter(|_| app.options.restores_theme)
        && let Ok(theme) = Theme::load(&name, app.theme.depth())
    {
        app.theme = theme;
        app.work.theme = Some(name);
    }
}

/// The effects of the end: what is left to write.
pub(in crate::tui) fn farewell(app: &mut App) -> Vec<Effect> {
    at_end(app);
    std::mem::take(&mut app.outbox)
}
