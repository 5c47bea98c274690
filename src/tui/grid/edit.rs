//! Staged editing: from a key to a staged edit, to the review, to the commit.

use crate::bus::{Command, IndexInfo};
use crate::model::{Error, Value};

use crate::tui::app::{App, Level, Purpose};
use crate::tui::input::{Input, InputKind};
use crate::tui::overlay::Overlay;
use crate::tui::text;

use super::Grid;
use super::staged::{Source, Statement, Target, parse_typed};

/// The statements of a commit, before it.
#[derive(Debug)]
pub(in crate::tui) struct Review {
    pub(in crate::tui) result: crate::bus::CursorId,
    pub(in crate::tui) type_name: String,
    /// Its rows are nodes: a deleted one takes its edges along.
    pub(in crate::tui) has_edges: bool,
    pub(in crate::tui) statements: Vec<Statement>,
    /// Known once they were asked for.
    pub(in crate::tui) indexes: Option<Vec<IndexInfo>>,
    pub(in crate::tui) selected: usize,
    pub(in crate::tui) top: usize,
    pub(in crate::tui) height: usize,
    /// Why the commit failed, and at which statement.
    pub(in crate::tui) failed: Option<(Option<usize>, Error)>,
    pub(in crate::tui) committing: bool,
}

impl Review {
    pub(in crate::tui) fn move_by(&mut self, by: i64) {
        let by = isize::try_from(by.clamp(-(1 << 40), 1 << 40)).unwrap_or(0);
        let last = self.statements.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// The statements' lines for a box of so many columns, each with its statement.
    pub(in crate::tui) fn lines(&self, width: u16) -> Vec<(usize, String)> {
        let room = usize::from(width).saturating_sub(4).max(10);
        let mut lines = Vec::new();
        for (n, statement) in self.statements.iter().enumerate() {
            let sql = format!("{};", statement.edit.sql);
            // Of a value of a megabyte its beginning is enough here; `y` copies it whole.
            let sql: String = sql.chars().take(4_000).collect();
            lines.extend(text::lines(&sql, Some(room)).into_iter().map(|line| (n, line)));
        }
        lines
    }

    /// `2 rows updated, 1 row deleted with all edges · indexes by_name, by_size touched`.
    pub(in crate::tui) fn summary(&self) -> String {
        let count = |verb: &str| self.statements.iter().filter(|s| s.verb == verb).count();
        let rows = |n: usize| if n == 1 { "1 row".to_owned() } else { format!("{n} rows") };
        let deleted = if self.has_edges { "deleted with all edges" } else { "deleted" };
        let parts: Vec<String> = [("UPDATE", "updated"), ("DELETE", deleted), ("INSERT", "inserted")]
            .into_iter()
            .filter(|(verb, _)| count(verb) > 0)
            .map(|(verb, word)| format!("{} {word}", rows(count(verb))))
            .collect();
        let indexes = match &self.indexes {
            None => "indexes …".to_owned(),
            Some(all) => {
                let mut names: Vec<&str> =
                    self.statements.iter().flat_map(|s| s.indexes(&self.type_name, all)).collect();
                names.sort_unstable();
                names.dedup();
                if names.is_empty() { "no index".to_owned() } else { format!("indexes {}", names.join(", ")) }
            }
        };
        crate::model::escape_control(&format!("{} · {indexes} touched", parts.join(", "))).into_owned()
    }
}

/// Traces the rows of the result on the screen to one type, or says why that cannot be.
fn traced(app: &mut App) -> bool {
    let Some(database) = &app.database else { return false };
    let read_only = database.read_only;
    let Some(grid) = app.results.active_mut() else {
        app.note(Level::Info, "there are no rows yet: run a statement, or browse a type");
        return false;
    };
    if grid.staged.source.is_some() {
        return true;
    }
    let found = match (read_only, &app.tree.catalog) {
        (true, _) => Err("the database is open for reading only".to_owned()),
        (_, None) => Err("the types are not read yet".to_owned()),
        (_, Some(catalog)) => Source::of(&grid.sql, &grid.columns, catalog),
    };
    match found {
        Ok(source) => {
            grid.staged.source = Some(source);
            true
        }
        Err(why) => {
            app.note(Level::Error, &format!("these rows cannot be changed here: {why}"));
            false
        }
    }
}

/// What the cell under the cursor can be set to.
fn target(grid: &Grid) -> Result<Target, String> {
    let column = grid.column();
    let name = grid.columns.name(column);
    let source = grid.staged.source.as_ref().ok_or("the rows are not traced")?;
    let target = (source.targets.get(column).cloned().flatten())
        .ok_or_else(|| format!("{name} is no property: it is the system's, or computed"))?;
    let new = grid.insert_at(grid.row).is_some();
    if target.new_only && !new {
        return Err(format!("{name} is an end of the edge: delete the edge and add another one"));
    }
    if !new && grid.row_id(grid.row).is_none() {
        return Err("the row has not arrived yet".to_owned());
    }
    Ok(target)
}

pub(in crate::tui) fn edit_cell(app: &mut App) {
    if !traced(app) {
        return;
    }
    let Some(grid) = app.results.active() else { return };
    if grid.total() == 0 {
        app.note(Level::Info, "there is no row: o adds one");
        return;
    }
    match target(grid) {
        Ok(target) => {
            let value = grid.value(grid.row, grid.column()).unwrap_or_default();
            let label = format!("{} {}", grid.columns.name(grid.column()), target.property_type);
            let note = if target.not_null { "never NULL" } else { "" };
            app.overlays.push(Overlay::Input(Input::of_cell(grid.result, &label, &value, note)));
        }
        Err(why) => app.note(Level::Error, &why),
    }
}

/// Takes the typed value of a cell; what is wrong with it is told beside it.
pub(in crate::tui) fn accept_cell(app: &mut App) {
    let Some(Overlay::Input(input)) = app.overlays.last_mut() else { return };
    let Some(grid) = app.results.active_mut() else { return };
    let (row, column) = (grid.row, grid.column());
    let value = match target(grid) {
        // Another result came while it was typed.
        _ if input.kind != InputKind::Cell(grid.result) => {
            Err("its rows are not on the screen any more".to_owned())
        }
        Err(why) => Err(why),
        Ok(target) if input.null && target.not_null => Err("it may not be NULL".to_owned()),
        Ok(_) if input.null => Ok(Value::Null),
        Ok(target) => match parse_typed(&input.text, target.property_type) {
            Ok(Value::Null) if target.not_null => Err("it may not be NULL".to_owned()),
            other => other,
        },
    };
    match value {
        Err(why) => input.note = why,
        Ok(new) => {
            stage(grid, row, column, new);
            app.overlays.pop();
            let staged = app.results.staged();
            app.note(Level::Ok, &format!("staged ({staged}): Ctrl-S reviews and commits, u takes it back"));
        }
    }
}

fn stage(grid: &mut Grid, row: u64, column: usize, new: Value) {
    if let Some(n) = grid.insert_at(row) {
        if let Some(cells) = grid.staged.inserts.get_mut(n) {
            cells.insert(column, new);
        }
        return;
    }
    let Some(id) = grid.row_id(row) else { return };
    let old = grid.stored(row, column).unwrap_or_default();
    // What is typed for a time comes as text: the same text is no change.
    let new = if new == Value::String(old.to_text()) && !matches!(old, Value::String(_)) && !old.is_null() {
        old.clone()
    } else {
        new
    };
    grid.staged.set(id, column, old, new);
}

pub(in crate::tui) fn new_row(app: &mut App) {
    if !traced(app) {
        return;
    }
    let Some(grid) = app.results.active_mut() else { return };
    let Some(source) = &grid.staged.source else { return };
    let first =
        grid.columns.shown().iter().copied().find(|c| source.targets.get(*c).is_some_and(Option::is_some));
    grid.staged.inserts.push(Default::default());
    grid.go_to_row(u64::MAX);
    if let Some(column) = first {
        grid.go_to_column(column);
    }
    app.note(Level::Ok, "a new row is staged: c fills its cells, Ctrl-S reviews and commits");
}

pub(in crate::tui) fn delete_row(app: &mut App) {
    if !traced(app) {
        return;
    }
    let Some(grid) = app.results.active_mut() else { return };
    if let Some(n) = grid.insert_at(grid.row) {
        grid.staged.inserts.remove(n);
        grid.scroll();
        return app.note(Level::Ok, "the new row is gone");
    }
    let rows: Vec<u64> =
        if grid.marks.is_empty() { vec![grid.row] } else { grid.marks.iter().copied().collect() };
    let ids: Vec<uuid::Uuid> = rows.iter().filter_map(|row| grid.row_id(*row)).collect();
    if ids.len() < rows.len() {
        return app.note(Level::Info, "not all of these rows are here: go to them first");
    }
    let mut deleted = 0;
    for id in &ids {
        deleted += usize::from(grid.staged.toggle_delete(*id));
    }
    let note = match (deleted, ids.len()) {
        (0, 1) => "the row stays".to_owned(),
        (1, 1) => "deletion staged: Ctrl-S reviews and commits, u takes it back".to_owned(),
        (deleted, _) => format!("{deleted} deletions staged: Ctrl-S reviews and commits"),
    };
    app.note(Level::Ok, &note);
}

pub(in crate::tui) fn unstage(app: &mut App) {
    let Some(grid) = app.results.active_mut() else { return };
    let (row, column) = (grid.row, grid.column());
    let done = match grid.insert_at(row) {
        Some(n) => {
            let cell = grid.staged.inserts.get_mut(n).is_some_and(|cells| cells.remove(&column).is_some());
            if !cell {
                grid.staged.inserts.remove(n);
            }
            true
        }
        None => grid.row_id(row).is_some_and(|id| grid.staged.unstage(id, column)),
    };
    grid.scroll();
    let note = if done { "taken back" } else { "nothing is staged for this row" };
    app.note(Level::Info, note);
}

pub(in crate::tui) fn discard(app: &mut App) {
    let Some(grid) = app.results.active_mut().filter(|grid| !grid.staged.is_empty()) else {
        return app.note(Level::Info, "nothing is staged");
    };
    let count = grid.staged.len();
    grid.staged.clear();
    grid.scroll();
    app.note(Level::Info, &format!("{count} staged edits are dropped"));
}

/// Shows the statements of the commit.
pub(in crate::tui) fn review(app: &mut App) {
    let Some(grid) = app.results.active().filter(|grid| !grid.staged.is_empty()) else {
        return app.note(Level::Info, "nothing is staged: c edits a cell, o adds a row, dd deletes one");
    };
    let type_name = grid.staged.source.as_ref().map(|s| s.type_name.clone()).unwrap_or_default();
    let types = app.tree.catalog.as_ref().map(|catalog| catalog.types.as_slice()).unwrap_or_default();
    let review = Review {
        result: grid.result,
        has_edges: types.iter().any(|info| info.is_edge)
            && types.iter().any(|info| info.name == type_name && !info.is_edge),
        type_name,
        statements: grid.staged.statements(),
        indexes: None,
        selected: 0,
        top: 0,
        height: 1,
        failed: None,
        committing: false,
    };
    app.overlays.push(Overlay::Review(review));
    app.supersede(|p| *p == Purpose::Indexes);
    app.send(Purpose::Indexes, Command::Indexes);
}

/// Commits the statements of the review.
pub(in crate::tui) fn commit(app: &mut App) {
    if app.running.is_some() {
        return app.note(Level::Error, "a statement is running: Ctrl-C cancels it");
    }
    let Some(Overlay::Review(review)) = app.overlays.last_mut() else { return };
    if review.committing {
        return;
    }
    review.committing = true;
    review.failed = None;
    let result = review.result;
    let edits = review.statements.iter().map(|s| s.edit.clone()).collect();
    super::actions::start(app, Purpose::Apply { result }, Command::ApplyEdits { edits });
}

/// Takes the statement under the review's cursor back.
pub(in crate::tui) fn unstage_reviewed(app: &mut App) {
    let Some(Overlay::Review(review)) = app.overlays.last_mut().filter(|o| !is_committing(o)) else { return };
    let Some(subject) = review.statements.get(review.selected).map(|s| s.subject) else { return };
    let result = review.result;
    let Some(grid) = app.results.result_mut(result) else { return };
    grid.staged.drop_subject(subject);
    grid.scroll();
    review.statements = grid.staged.statements();
    review.failed = None;
    review.move_by(0);
    if review.statements.is_empty() {
        app.overlays.pop();
        app.note(Level::Info, "nothing is staged any more");
    }
}

fn is_committing(overlay: &Overlay) -> bool {
    matches!(overlay, Overlay::Review(review) if review.committing)
}

/// Whether a cell's new value is typed.
pub(in crate::tui) fn is_editing(app: &App) -> bool {
    matches!(app.overlays.last(), Some(Overlay::Input(input)) if input.is_cell())
}

/// What staged edits there are, for the status line.
pub(in crate::tui) fn staged_words(app: &App) -> Option<String> {
    let staged = app.results.staged();
    (staged > 0).then(|| format!("{} staged", text::count(staged as u64)))
}
