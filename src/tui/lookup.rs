//! Finds the record a row speaks of when the row holds no id: by a cell that names it.
//!
//! A row of `SELECT p.name, count(*) ... JOIN package p ...` has no id, but its `name` names one
//! package. The node types that the statement mentions and that have a property of the column's
//! name are asked for records with the cell's value; exactly one will do.

use crate::bus::{Command, Delivery, EventBody};
use crate::model::{NodeId, Value};

use super::app::{App, Level, Purpose};
use super::text;
use super::tree::quote_name;

/// What the record is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Inspect,
    Graph,
}

/// Columns that name a record, after the one under the cursor.
const NAMING: [&str; 3] = ["name", "title", "label"];

/// Looks for the record of the row under the cursor; false when no cell names one.
pub(super) fn start(app: &mut App, then: Then) -> bool {
    let Some((sql, value)) = question(app) else { return false };
    app.supersede(|p| matches!(p, Purpose::Lookup { .. }));
    let command =
        Command::Run { sql, params: vec![value.clone()], delivery: Delivery::Stream { limit: Some(2) } };
    app.send(Purpose::Lookup { then, value, found: Vec::new() }, command);
    true
}

fn question(app: &App) -> Option<(String, Value)> {
    let grid = app.results.active()?;
    let catalog = app.tree.catalog.as_ref()?;
    let statement = grid.sql.to_lowercase();
    let mentions = |name: &str| {
        statement.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name.to_lowercase())
    };
    let named = NAMING.iter().filter_map(|name| grid.columns.of.iter().position(|c| c.name == *name));
    for column in [grid.column()].into_iter().chain(named) {
        let Some(Value::String(value)) = grid.value(grid.row, column) else { continue };
        let Some(property) = grid.columns.of.get(column).map(|c| c.name.as_str()) else { continue };
        let selects: Vec<String> = catalog
            .types
            .iter()
            .filter(|t| !t.is_edge && t.properties.iter().any(|p| p.name == property) && mentions(&t.name))
            .map(|t| format!("SELECT id FROM {} WHERE {} = $1", quote_name(&t.name), quote_name(property)))
            .collect();
        if !selects.is_empty() {
            return Some((selects.join(" UNION ALL "), Value::String(value)));
        }
    }
    None
}

/// Takes an event of the lookup in.
pub(super) fn answer(app: &mut App, ticket: super::Ticket, body: EventBody) {
    if let EventBody::Rows { page, .. } = &body
        && let Some(Purpose::Lookup { found, .. }) = app.pending.get_mut(&ticket)
    {
        found.extend((0..page.rows()).filter_map(|row| match page.value(row, 0) {
            Value::Uuid(id) => Some(id),
            Value::String(text) => uuid::Uuid::parse_str(&text).ok(),
            _ => None,
        }));
    }
}

/// The lookup is done.
pub(super) fn finish(app: &mut App, then: Then, value: &Value, found: &[uuid::Uuid]) {
    let name = text::one_line(value);
    match (found, then) {
        ([id], Then::Inspect) => app.inspect(*id),
        ([id], Then::Graph) => app.show_graph(NodeId(*id)),
        ([], _) => app.note(Level::Info, &format!("no record is named '{name}' any more")),
        _ => app.note(Level::Info, &format!("several records are named '{name}': select the id column too")),
    }
}
