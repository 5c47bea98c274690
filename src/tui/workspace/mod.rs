//! The desk around the editor: tabs, completion, history, saved queries, and what is there again at
//! the next start.
//!
//! ```text
//!  update ─▶ tabs · completion · history · queries · guard ─▶ Command::Workspace, Command::Run
//!  bus ────▶ answer (session, history, queries) ─▶ restore
//!  Tick ───▶ keep: the session's state, a moment after the last change
//! ```
//!
//! The active tab's editor is `App::editor`; the others are parked in [`tabs::Tabs`]. Pure as all of
//! the screen's state: files are written by the bus.

pub(super) mod ask;
pub(super) mod completion;
pub(super) mod guard;
pub(super) mod history;
pub(super) mod palette;
pub(super) mod queries;
pub(super) mod restore;
pub(super) mod split;
pub(super) mod tabs;

use std::path::PathBuf;

use crate::bus::complete::Words;
use crate::bus::{
    CatalogInfo, Command, EventBody, HistoryEntry, QueryName, WorkspaceCommand, WorkspaceEvent,
};

use super::app::{App, Effect, Level, Purpose};
use super::editor::Editor;

/// The folders of the user's files; without one nothing is kept there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// For the history and the state of sessions.
    pub state: Option<PathBuf>,
    /// For queries that cannot be saved beside their database.
    pub config: Option<PathBuf>,
}

/// What a request to the desk was for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Errand {
    Open,
    Keep,
    History,
    Save { name: String, sql: String, tab: u64, version: u64 },
    Read,
    Change,
}

/// The state of the desk.
pub(super) struct Workspace {
    pub(super) tabs: tabs::Tabs,
    pub(super) words: Words,
    pub(super) popup: Option<completion::Popup>,
    pub(super) history: Vec<HistoryEntry>,
    pub(super) queries: Vec<QueryName>,
    pub(super) sizes: split::Sizes,
    pub(super) drag: Option<split::Edge>,
    /// The theme chosen by name.
    pub(super) theme: Option<String>,
    running: history::Running,
    keeper: restore::Keeper,
}

impl Workspace {
    pub(super) fn new() -> Self {
        Self {
            tabs: tabs::Tabs::new(),
            words: Words::default(),
            popup: None,
            history: Vec::new(),
            queries: Vec::new(),
            sizes: split::Sizes::default(),
            drag: None,
            theme: None,
            running: history::Running::default(),
            keeper: restore::Keeper::default(),
        }
    }

    /// The types are known, or have changed.
    pub(super) fn learn(&mut self, catalog: &CatalogInfo) {
        let functions = std::mem::take(&mut self.words.functions);
        self.words = Words { functions, ..Words::of_catalog(catalog) };
    }
}

/// Asks for the desk of the database.
pub(super) fn open(app: &mut App) {
    let Folders { state, config } = app.options.folders.clone();
    if state.is_none() && config.is_none() {
        return;
    }
    let database = app.options.path.clone();
    let read_only = app.options.read_only;
    send(app, Errand::Open, WorkspaceCommand::Open { database, state, config, read_only });
}

fn send(app: &mut App, errand: Errand, command: WorkspaceCommand) {
    app.send(Purpose::Workspace(errand), Command::Workspace(command));
}

/// Takes what the desk answers in.
pub(super) fn answer(app: &mut App, errand: &Errand, body: EventBody) {
    match body {
        EventBody::Workspace(event) => match event {
            WorkspaceEvent::Session { state, kept, database } => {
                app.work.keeper.database = Some(database);
                restore::restored(app, state.as_deref(), kept);
            }
            WorkspaceEvent::History { entries } => history::arrived(app, entries),
            WorkspaceEvent::Queries { queries } => queries::arrived(app, queries),
            WorkspaceEvent::Query { query, sql } => queries::opened(app, query, &sql),
            WorkspaceEvent::Saved { query, file } => queries::saved(app, errand, query, &file),
        },
        EventBody::Done { .. } if *errand == Errand::Keep => restore::kept(app, None),
        EventBody::Failed { error, .. } => match errand {
            Errand::Keep => restore::kept(app, Some(&error)),
            Errand::Save { name, sql, .. } => queries::not_saved(app, name, sql, &error),
            Errand::Open => {
                app.error("the session of before is not there", &error);
                app.note(Level::Error, &format!("nothing of this session is kept: {error}"));
            }
            Errand::History => app.error("the history is not complete", &error),
            Errand::Read | Errand::Change => app.error("", &error),
        },
        _ => {}
    }
}

/// A command of the registry for the desk; false when the name is none.
pub(super) fn command(app: &mut App, name: &str, argument: &str) -> bool {
    match name {
        "new-query" => tabs::new(app),
        "close-query" => tabs::ask_to_close(app),
        "next-query" => tabs::turn(app, 1),
        "previous-query" => tabs::turn(app, -1),
        "rename-query" => queries::rename(app, argument),
        "save-query" => queries::save(app, argument),
        "open-query" => queries::open(app, argument),
        "delete-query" => queries::ask_to_delete(app, argument),
        "complete" => completion::ask(app),
        "recall" if argument.is_empty() => history::open(app, false),
        "recall" => history::recall(app, argument),
        "history" => history::open(app, true),
        "history-filter" => app.note(Level::Info, "history-filter is for the history: :history shows it"),
        "find-text" => editing(app, Editor::begin_find),
        "comment" => editing(app, Editor::toggle_comment),
        "format" => format(app),
        "edit-outside" => app.outbox.push(Effect::Edit(app.editor.text())),
        _ => return false,
    }
    true
}

/// Does something in the editor, which gets the focus.
fn editing(app: &mut App, deed: impl FnOnce(&mut Editor)) {
    app.focus = super::layout::Pane::Editor;
    deed(&mut app.editor);
}

/// Lays the statement under the cursor out anew.
fn format(app: &mut App) {
    let Some((sql, offset)) = app.editor.statement_at_cursor() else {
        return app.note(Level::Info, "there is no statement under the cursor");
    };
    match crate::bus::format_statement(&sql) {
        Ok(text) if text == sql => app.note(Level::Info, "the statement is laid out already"),
        Ok(text) => {
            app.editor.replace(offset..offset + sql.len(), &text);
            app.note(Level::Ok, "laid out anew; undo takes it back");
        }
        Err(error) => app.error("the statement was not laid out", &error),
    }
}

/// The text comes back from the user's own editor.
pub(super) fn edited(app: &mut App, text: Result<String, crate::model::Error>) {
    match text {
        Ok(text) => {
            let text = text.strip_suffix('\n').unwrap_or(&text);
            if app.editor.text() != text {
                app.editor.replace_all(text);
            }
        }
        Err(error) => app.error("", &error),
    }
}
