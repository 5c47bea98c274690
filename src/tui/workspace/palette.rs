//! What the palette lists: types, saved queries, commands, statements of the history, themes.

use crate::bus::QueryPlace;
use crate::bus::registry::SCREEN;
use crate::model::escape_control;
use crate::tui::app::App;
use crate::tui::keymap::key_of;
use crate::tui::overlay::Entry;
use crate::tui::preview;
use crate::tui::text;

use super::queries::title;

/// Statements of the history in the palette.
const STATEMENTS: usize = 200;

/// The entries of the palette.
pub(in crate::tui) fn entries(app: &App) -> Vec<Entry> {
    let types = app.tree.catalog.iter().flat_map(|c| &c.types).map(|info| Entry {
        section: "types",
        keys: String::new(),
        label: escape_control(&info.name).into_owned(),
        detail: format!("{}, {} rows", if info.is_edge { "edges" } else { "nodes" }, text::count(info.rows)),
        line: format!("browse {}", info.name),
    });
    let queries = app.work.queries.iter().map(|query| Entry {
        section: "saved queries",
        keys: String::new(),
        label: query.name.clone(),
        detail: match query.place {
            QueryPlace::Database => "open the saved query".to_owned(),
            QueryPlace::User => "open the saved query of the user".to_owned(),
        },
        line: format!("open-query {}", title(query)),
    });
    // Movements and commands that want an argument make no sense in a list.
    let commands = SCREEN.iter().filter(|s| s.group != "move" && s.name != "theme").map(|spec| Entry {
        section: "commands",
        keys: key_of(app.context(), spec.name, app.is_typing()).unwrap_or_default().to_owned(),
        label: spec.name.to_owned(),
        detail: spec.help.to_owned(),
        line: spec.name.to_owned(),
    });
    let mut seen = std::collections::HashSet::new();
    let statements =
        app.work.history.iter().rev().filter(|entry| seen.insert(entry.sql.trim())).take(STATEMENTS);
    let statements = statements.map(|entry| Entry {
        section: "history",
        keys: String::new(),
        label: one_line(&entry.sql),
        detail: entry.rows.map_or_else(String::new, |rows| format!("{} rows", text::count(rows))),
        line: format!("recall {}", entry.sql),
    });
    types.chain(queries).chain(commands).chain(statements).chain(preview::entries()).collect()
}

/// A statement in one safe line, its white space drawn together.
pub(in crate::tui) fn one_line(sql: &str) -> String {
    let mut line = String::new();
    for word in sql.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 300 {
            break;
        }
    }
    escape_control(&line).into_owned()
}
