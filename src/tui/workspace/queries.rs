//! Saved queries: kept under a name, opened into a tab, renamed, deleted.

use std::path::Path;

use crate::bus::{Over, QueryName, QueryPlace, WorkspaceCommand, check_query_name};
use crate::model::{Error, ErrorKind};
use crate::tui::app::{App, Level};
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;

use super::ask::{Ask, Deed};
use super::tabs::{self, Saved};
use super::{Errand, send};

/// A query as lists and the `:` line name it.
pub(in crate::tui) fn title(query: &QueryName) -> String {
    match query.place {
        QueryPlace::Database => query.name.clone(),
        QueryPlace::User => format!("user/{}", query.name),
    }
}

/// Whether there is a place for queries.
fn has_place(app: &mut App) -> bool {
    let folders = &app.options.folders;
    let there = folders.state.is_some() || folders.config.is_some();
    if !there {
        app.note(Level::Error, "there is no folder for queries: set HOME or XDG_CONFIG_HOME");
    }
    there
}

/// Saves the tab: under the name given, under its own, or after asking for one.
pub(super) fn save(app: &mut App, name: &str) {
    if !has_place(app) {
        return;
    }
    let sql = app.editor.text();
    if sql.trim().is_empty() {
        return app.note(Level::Info, "there is nothing to save: the tab is empty");
    }
    let saved = app.work.tabs.active().and_then(|tab| tab.saved.clone());
    let (name, place, over) = match saved {
        Some(saved) if name.is_empty() || name == saved.query.name => {
            (saved.query.name, Some(saved.query.place), Over::Text(saved.text))
        }
        _ if name.is_empty() => {
            let given = app.work.tabs.active().map(|t| t.name.clone()).unwrap_or_default();
            let given = if given.starts_with("Query ") { String::new() } else { given };
            let lines = vec!["A name for the query, such as: top packages".to_owned()];
            return app.overlays.push(Overlay::Ask(Ask::name("Save the query", lines, &given, Deed::SaveAs)));
        }
        _ => (name.to_owned(), None, Over::Nothing),
    };
    if let Err(error) = check_query_name(&name) {
        return app.error("", &error);
    }
    write(app, name, place, sql, over);
}

fn write(app: &mut App, name: String, place: Option<QueryPlace>, sql: String, over: Over) {
    let tab = tabs::active_id(app);
    let errand = Errand::Save { name: name.clone(), sql: sql.clone(), tab, version: app.editor.version() };
    // A file ends with a line end, as other programs expect.
    let text = if sql.ends_with('\n') { sql } else { sql + "\n" };
    send(app, errand, WorkspaceCommand::SaveQuery { name, place, sql: text, over });
}

/// Saves over what is there.
pub(super) fn replace(app: &mut App, name: String, place: Option<QueryPlace>, sql: String) {
    write(app, name, place, sql, Over::Anything);
}

/// A query was written.
pub(super) fn saved(app: &mut App, errand: &Errand, query: QueryName, file: &Path) {
    let Errand::Save { sql, tab, version, .. } = errand else { return };
    let text = if sql.ends_with('\n') { sql.clone() } else { format!("{sql}\n") };
    app.note(Level::Ok, &format!("saved: {}", file.display()));
    if let Some(tab) = app.work.tabs.tabs.iter_mut().find(|t| t.id == *tab) {
        tab.name.clone_from(&query.name);
        tab.saved = Some(Saved { query, text, version: *version });
    }
}

/// A query was not written: one of the name is there, or something is wrong.
pub(super) fn not_saved(app: &mut App, name: &str, sql: &str, error: &Error) {
    if error.kind() != ErrorKind::Conflict {
        return app.error("the query was not saved", error);
    }
    let saved = app.work.tabs.active().and_then(|tab| tab.saved.as_ref());
    let place = saved.filter(|saved| saved.query.name == name).map(|saved| saved.query.place);
    let deed = Deed::Replace { name: name.to_owned(), place, sql: sql.to_owned() };
    let lines = vec![format!("{error}."), "Replace it with this text?".to_owned()];
    app.overlays.push(Overlay::Ask(Ask::question("Replace the query?", lines, "replace", deed)));
}

/// The query of a name, or under the tree's cursor.
fn found(app: &mut App, argument: &str) -> Option<QueryName> {
    let query = if argument.is_empty() {
        app.tree.selected_query().cloned()
    } else {
        let queries = &app.work.queries;
        queries
            .iter()
            .find(|q| title(q) == argument)
            .or_else(|| queries.iter().find(|q| q.name == argument))
            .cloned()
    };
    if query.is_none() {
        let text = match (argument.is_empty(), app.work.queries.is_empty()) {
            (_, true) => "there are no saved queries: Ctrl-S in the editor saves one".to_owned(),
            (true, _) => "which one? go to it in the tree, or give its name".to_owned(),
            (false, _) => format!("there is no saved query '{argument}'"),
        };
        app.note(Level::Info, &text);
    }
    query
}

/// Opens a query into a tab, or goes to the tab it is in.
pub(in crate::tui) fn open(app: &mut App, argument: &str) {
    let Some(query) = found(app, argument) else { return };
    let of = |saved: &Option<Saved>| saved.as_ref().is_some_and(|saved| saved.query == query);
    if let Some(at) = app.work.tabs.tabs.iter().position(|tab| of(&tab.saved)) {
        tabs::go_to(app, at);
        app.focus = Pane::Editor;
        return;
    }
    send(app, Errand::Read, WorkspaceCommand::ReadQuery { query });
}

/// A query's text has come.
pub(super) fn opened(app: &mut App, query: QueryName, sql: &str) {
    let lone = app.editor.is_blank() && app.work.tabs.active().is_some_and(|tab| tab.saved.is_none());
    if !lone && !tabs::add(app, Some(query.name.clone()), None) {
        return;
    }
    app.editor.set_text(sql.strip_suffix('\n').unwrap_or(sql));
    app.focus = Pane::Editor;
    let version = app.editor.version();
    if let Some(tab) = app.work.tabs.active_mut() {
        tab.name.clone_from(&query.name);
        tab.saved = Some(Saved { query, text: sql.to_owned(), version });
    }
}

/// Renames the query under the tree's cursor; in the editor the tab, with its file.
pub(super) fn rename(app: &mut App, argument: &str) {
    let query = if app.focus == Pane::Tree {
        let Some(query) = found(app, "") else { return };
        Some(query)
    } else {
        app.work.tabs.active().and_then(|tab| tab.saved.as_ref()).map(|saved| saved.query.clone())
    };
    match (query, argument.is_empty()) {
        (Some(query), true) => {
            let name = query.name.clone();
            let lines = vec!["The query's file and its tab get the name.".to_owned()];
            let ask = Ask::name("Rename the query", lines, &name, Deed::RenameQuery(query));
            app.overlays.push(Overlay::Ask(ask));
        }
        (Some(query), false) => rename_to(app, query, argument),
        (None, true) => {
            let name = app.work.tabs.active().map(|tab| tab.name.clone()).unwrap_or_default();
            let lines = vec!["Ctrl-S keeps the text as a saved query.".to_owned()];
            app.overlays.push(Overlay::Ask(Ask::name("Name the tab", lines, &name, Deed::NameTab)));
        }
        (None, false) => {
            if let Some(tab) = app.work.tabs.active_mut() {
                tab.name = argument.to_owned();
            }
        }
    }
}

/// Renames a saved query.
pub(super) fn rename_to(app: &mut App, query: QueryName, to: &str) {
    let name = match check_query_name(to) {
        Ok(name) => name.to_owned(),
        Err(error) => return app.error("", &error),
    };
    for tab in &mut app.work.tabs.tabs {
        if let Some(saved) = tab.saved.as_mut().filter(|saved| saved.query == query) {
            saved.query.name.clone_from(&name);
            tab.name.clone_from(&name);
        }
    }
    send(app, Errand::Change, WorkspaceCommand::RenameQuery { query, to: name });
}

pub(super) fn ask_to_delete(app: &mut App, argument: &str) {
    let Some(query) = found(app, argument) else { return };
    let lines = vec![format!("The file {}.sql is deleted.", query.name)];
    let ask = Ask::question("Delete the query?", lines, "delete", Deed::DeleteQuery(query));
    app.overlays.push(Overlay::Ask(ask));
}

/// Deletes a query; a tab that shows it keeps its text.
pub(super) fn delete(app: &mut App, query: QueryName) {
    for tab in &mut app.work.tabs.tabs {
        if tab.saved.as_ref().is_some_and(|saved| saved.query == query) {
            tab.saved = None;
        }
    }
    send(app, Errand::Change, WorkspaceCommand::DeleteQuery { query });
}

/// The saved queries as they are now.
pub(super) fn arrived(app: &mut App, queries: Vec<QueryName>) {
    app.tree.set_queries(&queries);
    app.work.queries = queries;
}
