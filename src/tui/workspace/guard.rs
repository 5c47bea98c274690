//! Statements that destroy are asked about first: from the syntax tree and from how many rows there
//! are, never from words.
//!
//! | what goes | asked |
//! |---|---|
//! | rows that a WHERE picks | nothing |
//! | an index, a view, a column; a table without rows | Enter |
//! | a table with rows; all rows of a table | the table's name is typed |

use crate::bus::{Loss, Lost, statement_intents};
use crate::tui::app::{App, RunKind};
use crate::tui::overlay::Overlay;
use crate::tui::text;

use super::ask::{Ask, Deed};

/// Runs SQL, or asks first.
pub(in crate::tui) fn run(app: &mut App, sql: String, offset: Option<usize>, kind: RunKind) {
    // Read-only databases refuse it anyway; a busy program says so at once.
    let asks = app.database.as_ref().is_some_and(|db| !db.read_only) && app.running.is_none();
    let losses = if asks { losses(&sql) } else { Vec::new() };
    match question(app, &losses) {
        None => app.run(sql, offset, kind),
        Some((lines, wanted)) => {
            let deed = Deed::Run { sql, offset, kind };
            let title = if app.in_transaction { "Are you sure?" } else { "This cannot be taken back" };
            let ask = match wanted {
                Some(name) => Ask::sure(title, lines, &name, deed),
                None => Ask::question("Are you sure?", lines, "do it", deed),
            };
            app.overlays.push(Overlay::Ask(ask));
        }
    }
}

/// Runs what was asked about.
pub(super) fn run_now(app: &mut App, sql: String, offset: Option<usize>, kind: RunKind) {
    app.run(sql, offset, kind);
}

fn losses(sql: &str) -> Vec<Loss> {
    statement_intents(sql).into_iter().flat_map(|intent| intent.losses).collect()
}

/// What is said of the losses, and the name to type; none where nothing needs to be said.
fn question(app: &App, losses: &[Loss]) -> Option<(Vec<String>, Option<String>)> {
    let mut lines = Vec::new();
    let mut wanted: Option<(u64, String)> = None;
    for loss in losses {
        let rows = rows_of(app, &loss.name);
        let counted = |n: u64| format!("{} row{}", text::count(n), if n == 1 { "" } else { "s" });
        // What is not there is not lost; the engine says so.
        let known = app.tree.catalog.is_some();
        let line = match (&loss.lost, rows) {
            (Lost::Rows, Some(0)) => continue,
            (Lost::Rows | Lost::Table, None) if known => continue,
            (Lost::Rows, Some(n)) => format!("{} {}: every row, {}", loss.verb, loss.name, counted(n)),
            (Lost::Rows, None) => format!("{} {}: every row", loss.verb, loss.name),
            (Lost::Table, Some(n)) => format!("{} {}: {}", loss.verb, loss.name, counted(n)),
            (Lost::Table | Lost::Part, _) => format!("{} {}", loss.verb, loss.name),
        };
        lines.push(line);
        let weighs = match (&loss.lost, rows) {
            (Lost::Part, _) | (_, Some(0)) => None,
            (Lost::Table | Lost::Rows, rows) => Some(rows.unwrap_or(0)),
        };
        if let Some(rows) = weighs
            && wanted.as_ref().is_none_or(|(most, _)| rows > *most)
        {
            wanted = Some((rows, loss.name.clone()));
        }
    }
    if lines.is_empty() {
        return None;
    }
    if app.in_transaction {
        lines.push("A transaction is open: ROLLBACK takes it back.".to_owned());
    }
    Some((lines, wanted.map(|(_, name)| name)))
}

fn rows_of(app: &App, name: &str) -> Option<u64> {
    let types = &app.tree.catalog.as_ref()?.types;
    types.iter().find(|t| t.name == name || t.name.eq_ignore_ascii_case(name)).map(|t| t.rows)
}
