//! What keys do with the rows of a result: find, filter, sort, columns, copy, export.

use crate::bus::{Command, CopyFormat, CopyRequest, FindRequest, RowChoice};

use crate::tui::app::{App, Effect, Level, Purpose, Tab};
use crate::tui::export;
use crate::tui::input::{Input, InputKind};
use crate::tui::layout::Pane;
use crate::tui::overlay::{Entry, Overlay, Picker};
use crate::tui::text;

use super::shape::{Shape, like_cell, parse_filter};
use super::{Grid, edit};

/// Longer text goes to a file: terminals drop longer clipboard sequences without a word.
const CLIPBOARD_BYTES: u64 = 74_000;
pub(in crate::tui) const NO_ROWS: &str = "there are no rows yet: run a statement, or browse a type";

/// Does a command of the rows; false when the name is none.
pub(in crate::tui) fn command(app: &mut App, name: &str, argument: &str) -> bool {
    let argument = argument.trim();
    match name {
        "find" => find(app, argument),
        "find-next" => find_again(app, false),
        "find-previous" => find_again(app, true),
        "filter-rows" if argument.is_empty() => ask(app, InputKind::FilterRows),
        "filter-rows" => filter_rows(app, argument),
        "filter-columns" if argument.is_empty() => ask(app, InputKind::FilterColumns),
        "filter-columns" => filter_columns(app, argument),
        "filter-cell" => filter_cell(app),
        "sort" => sort(app, argument, false),
        "sort-add" => sort(app, argument, true),
        "narrower" => resize(app, -2),
        "wider" => resize(app, 2),
        "fit" => with_grid(app, |grid| {
            let width = grid.fit_column();
            Some(format!("{width} columns wide"))
        }),
        "freeze" => with_grid(app, |grid| {
            let frozen = grid.columns.freeze();
            grid.scroll();
            Some(match frozen {
                0 => "no column is frozen".to_owned(),
                1 => "the first column stays".to_owned(),
                n => format!("the first {n} columns stay"),
            })
        }),
        "hide" => with_grid(app, |grid| {
            let name = grid.columns.name(grid.column()).to_owned();
            let hidden = grid.columns.hide();
            grid.move_columns(0);
            Some(if hidden {
                format!("{name} is hidden: g- brings it back")
            } else {
                "it is the last one".to_owned()
            })
        }),
        "restore" => with_grid(app, |grid| {
            let count = grid.columns.restore();
            grid.move_columns(0);
            Some(format!("{count} hidden columns are back"))
        }),
        "select" => with_grid(app, |grid| {
            let row = grid.row;
            if row < grid.rows() {
                if !grid.marks.remove(&row) {
                    grid.marks.insert(row);
                }
                grid.move_rows(1);
            }
            None
        }),
        "copy-as" if argument.is_empty() => copy_menu(app),
        "copy-as" => copy_as(app, argument),
        "export" if argument.is_empty() => export::ask(app),
        "export" => export::to_file(app, argument),
        "edit-cell" => edit::edit_cell(app),
        "new-row" => edit::new_row(app),
        "delete-row" => edit::delete_row(app),
        "unstage" => edit::unstage(app),
        "discard" => edit::discard(app),
        "review" => edit::review(app),
        _ => return false,
    }
    true
}

fn with_grid(app: &mut App, work: impl FnOnce(&mut Grid) -> Option<String>) {
    match app.results.active_mut() {
        Some(grid) => {
            if let Some(note) = work(grid) {
                app.note(Level::Info, &note);
            }
        }
        None => app.note(Level::Info, NO_ROWS),
    }
}

/// Starts work in the background that `Ctrl-C` stops; of a kind there is one at a time.
pub(in crate::tui) fn start(app: &mut App, purpose: Purpose, command: Command) -> crate::tui::Ticket {
    let kind = std::mem::discriminant(&purpose);
    let old: Vec<_> = (app.pending.iter())
        .filter(|(_, p)| std::mem::discriminant(*p) == kind)
        .map(|(ticket, _)| *ticket)
        .collect();
    for ticket in old {
        app.pending.remove(&ticket);
        app.outbox.push(Effect::Cancel(ticket));
    }
    app.send(purpose, command)
}

fn ask(app: &mut App, kind: InputKind) {
    let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
    let (label, text, note) = match &kind {
        InputKind::FilterRows => {
            ("filter rows", String::new(), "text · !text · size > 100 · name ~ lib · x is null")
        }
        InputKind::FilterColumns => {
            ("show columns", grid.column_filter.clone().unwrap_or_default(), "part of their names")
        }
        InputKind::Find { .. } => ("find", String::new(), ""),
        InputKind::Cell(_) | InputKind::FindInCell | InputKind::Export => return,
    };
    app.overlays.push(Overlay::Input(Input::new(kind, label, &text, note)));
}

/// A line was typed to its end.
pub(in crate::tui) fn accept(app: &mut App) {
    if edit::is_editing(app) {
        return edit::accept_cell(app);
    }
    let Some(Overlay::Input(input)) = app.overlays.pop() else { return };
    let text = input.text.trim();
    match input.kind {
        InputKind::Find { .. } if text.is_empty() => end_find(app),
        // It was looked for while it was typed.
        InputKind::Find { .. } => {}
        InputKind::FilterRows if text.is_empty() => {}
        InputKind::FilterRows => filter_rows(app, text),
        InputKind::FilterColumns => filter_columns(app, text),
        InputKind::Export if text.is_empty() => {}
        InputKind::Export => export::to_file(app, text),
        InputKind::FindInCell => {
            if let Some(Overlay::Cell(viewer)) = app.overlays.last_mut()
                && !text.is_empty()
                && !viewer.find_next(false, true)
            {
                app.note(Level::Info, &format!("'{text}' is not in it"));
            }
        }
        InputKind::Cell(_) => {}
    }
}

/// A line was given up.
pub(in crate::tui) fn give_up(app: &mut App) {
    let Some(Overlay::Input(input)) = app.overlays.pop() else { return };
    if let InputKind::Find { row, column } = input.kind {
        end_find(app);
        if let Some(grid) = app.results.active_mut() {
            grid.go_to_cell(row, column);
        }
    }
}

/// A line has changed: what is found or shown while it is typed.
pub(in crate::tui) fn typed(app: &mut App) {
    let [.., below, Overlay::Input(input)] = app.overlays.as_mut_slice() else {
        let Some(Overlay::Input(input)) = app.overlays.last() else { return };
        let (kind, text) = (input.kind.clone(), input.text.clone());
        if let InputKind::Find { row, column } = kind {
            match text.is_empty() {
                true => end_find(app),
                false => send_find(app, &text, (row, column), true, false),
            }
        }
        return;
    };
    if let (InputKind::FindInCell, Overlay::Cell(viewer)) = (&input.kind, below) {
        viewer.find = Some(input.text.clone());
        viewer.find_next(false, true);
    }
}

fn find(app: &mut App, argument: &str) {
    let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
    let (row, column) = (grid.row, grid.column());
    if argument.is_empty() {
        ask(app, InputKind::Find { row, column });
    } else {
        send_find(app, argument, (row, column), true, false);
    }
}

fn end_find(app: &mut App) {
    let finds: Vec<_> =
        app.pending.iter().filter(|(_, p)| matches!(p, Purpose::Find { .. })).map(|(t, _)| *t).collect();
    for ticket in finds {
        app.pending.remove(&ticket);
        app.outbox.push(Effect::Cancel(ticket));
    }
    app.progress = None;
    if let Some(grid) = app.results.active_mut() {
        grid.find = None;
    }
}

fn find_again(app: &mut App, backwards: bool) {
    let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
    let here = (grid.row, grid.column());
    match grid.find.clone() {
        Some(text) => send_find(app, &text, here, false, backwards),
        None => app.note(Level::Info, "nothing was looked for yet: / finds"),
    }
}

fn send_find(app: &mut App, wanted: &str, from: (u64, usize), inclusive: bool, backwards: bool) {
    let Some(grid) = app.results.active_mut() else { return };
    grid.find = Some(wanted.to_owned());
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let find = FindRequest {
        text: wanted.to_owned(),
        columns: grid.columns.shown().iter().map(|c| number(*c)).collect(),
        from_row: from.0.min(grid.rows().saturating_sub(1)),
        from_column: number(from.1),
        inclusive,
        backwards,
    };
    let (cursor, result) = (grid.cursor(), grid.result);
    start(app, Purpose::Find { result }, Command::Find { cursor, find });
}

fn filter_rows(app: &mut App, typed: &str) {
    let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
    if let Some(filter) = parse_filter(typed, &grid.columns.names, grid.columns.shown()) {
        let shape = grid.wanted_shape().with_filter(filter);
        set_shape(app, shape);
    }
}

fn filter_columns(app: &mut App, typed: &str) {
    with_grid(app, |grid| {
        let filter = (!typed.is_empty()).then(|| typed.to_owned());
        if grid.columns.filter(filter.clone()) {
            grid.column_filter = filter;
            grid.move_columns(0);
            None
        } else {
            Some(format!("no column's name holds '{typed}'"))
        }
    });
}

fn filter_cell(app: &mut App) {
    let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
    let column = grid.column();
    match grid.stored(grid.row, column) {
        Some(value) => {
            let shape = grid.wanted_shape().with_filter(like_cell(column, grid.columns.name(column), &value));
            set_shape(app, shape);
        }
        None => app.note(Level::Info, "there is no cell here to filter by"),
    }
}

fn sort(app: &mut App, argument: &str, add: bool) {
    let Some(grid) = app.results.active_mut() else { return app.note(Level::Info, NO_ROWS) };
    if !argument.is_empty() {
        match grid.columns.names.iter().position(|name| name.eq_ignore_ascii_case(argument)) {
            Some(column) => grid.go_to_column(column),
            None => return app.note(Level::Error, &format!("there is no column '{argument}'")),
        }
    }
    let shape = grid.wanted_shape().with_sort(grid.column(), add);
    set_shape(app, shape);
}

/// Asks for rows in another shape; none is the result itself.
pub(in crate::tui) fn set_shape(app: &mut App, shape: Shape) {
    stop_shaping(app);
    let Some(grid) = app.results.active_mut() else { return };
    if shape.is_empty() {
        if let Some(view) = grid.unshape() {
            app.send(Purpose::Close, Command::CloseCursor { cursor: view });
        }
        return;
    }
    let (result, request) = (grid.result, shape.request());
    let ticket = app.send(Purpose::Shape { result }, Command::Shape { cursor: result, shape: request });
    if let Some(grid) = app.results.active_mut() {
        grid.begin_shape(ticket, shape);
    }
}

/// Stops the making of a view; whether one was made.
pub(in crate::tui) fn stop_shaping(app: &mut App) -> bool {
    let Some(grid) = app.results.active_mut() else { return false };
    let Some(ticket) = grid.shaping.as_ref().map(|s| s.ticket) else { return false };
    let view = grid.shape_failed();
    app.pending.remove(&ticket);
    app.progress = None;
    app.outbox.push(Effect::Cancel(ticket));
    if let Some(cursor) = view {
        app.send(Purpose::Close, Command::CloseCursor { cursor });
    }
    true
}

/// Takes off what was asked of the rows last; false where nothing was.
pub(in crate::tui) fn step_back(app: &mut App) -> bool {
    let stepping = app.results.active().and_then(Grid::stepping_back);
    if stop_shaping(app) {
        if let Some(shape) = stepping {
            set_shape(app, shape);
        }
        return true;
    }
    let Some(grid) = app.results.active_mut() else { return false };
    if grid.find.is_some() {
        end_find(app);
        return true;
    }
    if !grid.marks.is_empty() {
        grid.marks.clear();
        return true;
    }
    if let Some(shape) = grid.shape.without_last() {
        set_shape(app, shape);
        return true;
    }
    if grid.column_filter.take().is_some() {
        grid.columns.filter(None);
        grid.move_columns(0);
        return true;
    }
    false
}

fn resize(app: &mut App, by: isize) {
    let times = isize::try_from(app.count.unwrap_or(1).max(1)).unwrap_or(1);
    with_grid(app, |grid| {
        let column = grid.column();
        let width = grid.columns.width(column).saturating_add_signed(by.saturating_mul(times));
        grid.resize(column, width.max(3));
        None
    });
}

fn copy_menu(app: &mut App) {
    let Some(grid) = app.results.active().filter(|g| g.rows() > 0) else {
        return app.note(Level::Info, "there is no row to copy");
    };
    let known = grid.known();
    let all = format!("{}{} rows", if known.complete { "" } else { "≥ " }, text::count(known.rows));
    let marked = match grid.marks.len() {
        1 => "1 row".to_owned(),
        n => format!("{} rows", text::count(n as u64)),
    };
    let this = format!("row {}", text::count(grid.row + 1));
    let mut choices = vec![("this row", this, "row")];
    if !grid.marks.is_empty() {
        choices.insert(0, ("marked rows", marked, "marked"));
    }
    choices.push(("all rows", all, "all"));
    let mut entries = Vec::new();
    for (section, detail, which) in choices {
        entries.extend(CopyFormat::ALL.map(|format| Entry {
            section,
            keys: String::new(),
            label: format!("{} {which}", format.name()),
            detail: detail.clone(),
            line: format!("copy-as {} {which}", format.name()),
        }));
    }
    entries.push(Entry {
        section: "file",
        keys: "X".to_owned(),
        label: "to a file".to_owned(),
        detail: "CSV, JSON, Parquet and others, by its name".to_owned(),
        line: "export".to_owned(),
    });
    app.overlays.push(Overlay::List(Picker::new("Copy as", entries)));
}

fn copy_as(app: &mut App, argument: &str) {
    let Some(grid) = app.results.active().filter(|g| g.rows() > 0) else {
        return app.note(Level::Info, "there is no row to copy");
    };
    let (name, which) = argument.split_once(' ').map_or((argument, "row"), |(n, w)| (n, w.trim()));
    let Some(format) = CopyFormat::parse(name) else {
        let names = CopyFormat::ALL.map(CopyFormat::name).join(", ");
        return app.note(Level::Error, &format!("rows are copied as {names}; then row, marked or all"));
    };
    let rows = match which {
        "row" if grid.row >= grid.rows() => {
            return app.note(Level::Info, "the row is not committed yet");
        }
        "row" => RowChoice::Numbers(vec![grid.row]),
        "marked" if grid.marks.is_empty() => return app.note(Level::Info, "no row is marked: Space marks"),
        "marked" => RowChoice::Numbers(grid.marks.iter().copied().collect()),
        "all" => RowChoice::All,
        _ => return app.note(Level::Error, "row, marked or all are copied"),
    };
    let table = match crate::bus::edit_source(grid.sql.trim().trim_end_matches(';')) {
        Ok(source) => source.type_name,
        Err(_) => "result".to_owned(),
    };
    let copy = CopyRequest { rows, columns: shown_columns(grid), format, table, most_bytes: CLIPBOARD_BYTES };
    let cursor = grid.cursor();
    let what = format.name().to_owned();
    start(app, Purpose::Copy { what }, Command::CopyRows { cursor, copy });
}

/// The columns on the screen in their order; none means all.
pub(in crate::tui) fn shown_columns(grid: &Grid) -> Vec<u32> {
    if grid.columns.shown().len() == grid.columns.of.len() {
        return Vec::new();
    }
    grid.columns.shown().iter().filter_map(|c| u32::try_from(*c).ok()).collect()
}

/// Whether keys are for the rows of a result.
pub(in crate::tui) fn in_results(app: &App) -> bool {
    app.focus == Pane::Lower && app.tab == Tab::Results
}
