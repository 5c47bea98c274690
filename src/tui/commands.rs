//! The registry's commands, done.

use uuid::Uuid;

use crate::bus::registry::{KEYS, SCREEN, screen_command};
use crate::bus::statement_intents;
use crate::model::NodeId;

use super::admin;
use super::app::{App, Effect, Level, RunKind, Tab};
use super::grid;
use super::input::{Input, InputKind};
use super::inspector::Opened;
use super::layout::Pane;
use super::lookup::{self, Then};
use super::overlay::{Consent, Overlay, Picker, Prompt, Question};
use super::preview;
use super::record::RecordView;
use super::text;
use super::tree::{TreeRow, quote_name};
use super::upkeep;
use super::viewer::Viewer;
use super::workspace;
use crate::tui::graph::GraphAction;

/// Types with more rows than this are browsed up to it: the engine keeps a result aside.
const BROWSE_ROWS: u64 = 1_000_000;

/// Runs a line of the `:` prompt: a command's name and its arguments, or a row's number.
pub(super) fn run_line(app: &mut App, line: &str) {
    let line = line.trim();
    let (name, argument) = line.split_once(' ').map_or((line, ""), |(n, a)| (n, a.trim()));
    if name.is_empty() {
        return;
    }
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return dispatch(app, "row", name);
    }
    // The way to try what a panic leaves on the terminal; not in release builds.
    #[cfg(debug_assertions)]
    if name == "panic" {
        panic!("asked for");
    }
    match screen_command(name.trim_end_matches('!')) {
        Some(spec) => dispatch(app, spec.name, argument),
        None => {
            let near = SCREEN.iter().find(|s| text::fuzzy(s.name, name).is_some());
            let hint = near.map_or_else(|| ": ? lists them".to_owned(), |s| format!("; {} is one", s.name));
            app.note(Level::Error, &format!("there is no command '{name}'{hint}"));
        }
    }
}

/// Runs a command by the registry's name.
pub(super) fn dispatch(app: &mut App, name: &str, argument: &str) {
    // What could stand at the cursor is asked about no longer.
    if name != "complete" {
        app.work.popup = None;
    }
    if admin_command(app, name)
        || movement(app, name)
        || pane_command(app, name)
        || grid::actions::command(app, name, argument)
        || workspace::command(app, name, argument)
        || upkeep::command(app, name, argument)
    {
        return;
    }
    match name {
        "run" => run_statement(app, Way::Run),
        "run-all" => workspace::guard::run(app, app.editor.text(), Some(0), RunKind::Script),
        "explain" => run_statement(app, Way::Explain),
        "analyze" => run_statement(app, Way::Analyze),
        "cancel" => {
            if !app.cancel() {
                app.note(Level::Info, "nothing is running; q or :q quits");
            }
        }
        "browse" => browse(app, argument),
        "row" => go_to_row(app, argument),
        "count" => app.count = Some(0),
        "open" => open(app),
        "view" => view_cell(app),
        "record" => record(app),
        "inspect" => inspect(app, argument),
        "neighbours" => neighbours(app),
        "copy" => copy(app),
        "copy-row" => match app.results.active().and_then(super::grid::Grid::row_text) {
            Some(text) => copy_text(app, text, "row"),
            None => app.note(Level::Info, "there is no row to copy"),
        },
        "back" => back(app),
        "plan-shape" => app.plan.turn(),
        "lens" => app.inspector.turn(),
        "wrap" => app.note(Level::Info, "wrap is for the whole cell: Enter in the results shows one"),
        "recentre" | "deeper" | "shallower" | "edge-filter" | "more" | "list" | "mark" => {
            graph_action(app, name)
        }
        "help" => {
            let contexts = app.contexts();
            app.overlays.push(Overlay::List(Picker::help(&contexts, app.is_typing())));
        }
        "palette" => {
            let entries = workspace::palette::entries(app);
            app.overlays.push(Overlay::List(Picker::new("Palette", entries)));
        }
        "command-line" => app.overlays.push(Overlay::Prompt(Prompt::default())),
        "refresh" => {
            app.refresh();
            app.note(Level::Info, "types and counts are read again");
        }
        "next-row" | "previous-row" | "next-form" | "fold-all" | "unfold-all" | "accept" | "set-null" => {
            app.note(Level::Info, "this is for what lies over the rows: Enter, K or Ctrl-S opens that")
        }
        "theme" => preview::choose(app, argument),
        "leave" => leave(app),
        "close" => close(app),
        "suspend" => app.outbox.push(Effect::Suspend),
        "quit" => quit(app),
        _ => app.note(Level::Error, &format!("there is no command '{name}'")),
    }
}

/// Opens an admin screen, or runs a command of the one that is open; false where the name is for the
/// panes, which are shown again then.
fn admin_command(app: &mut App, name: &str) -> bool {
    if let Some(kind) = admin::Kind::of_command(name) {
        admin::open(app, kind);
        return true;
    }
    let Some(screen) = &mut app.admin else { return false };
    let height = i64::try_from(screen.height()).unwrap_or(1);
    match name {
        "up" => screen.move_by(-1),
        "down" => screen.move_by(1),
        "half-page-down" => screen.move_by(height / 2),
        "half-page-up" => screen.move_by(-height / 2),
        "page-down" => screen.move_by(height),
        "page-up" => screen.move_by(-height),
        "first" => screen.move_by(i64::MIN / 2),
        "last" => screen.move_by(i64::MAX / 2),
        "next-tab" | "next-pane" => admin::turn(app, 1),
        "previous-tab" | "previous-pane" => admin::turn(app, admin::Kind::ALL.len() - 1),
        "open" => open_line(app),
        "copy" => {
            if let Some(line) = screen.selected().map(admin::Line::text) {
                copy_text(app, line.trim().to_owned(), "line");
            }
        }
        "refresh" => admin::ask(app),
        "leave" | "close" => admin::close(app),
        "help" | "palette" | "command-line" | "theme" | "cancel" | "suspend" | "quit" | "left" | "right"
        | "zoom" => return ["left", "right", "zoom"].contains(&name),
        _ => {
            admin::close(app);
            return false;
        }
    }
    true
}

fn open_line(app: &mut App) {
    let target = app.admin.as_ref().and_then(|screen| screen.selected()).map(|line| line.target.clone());
    match target.unwrap_or_default() {
        admin::Target::Nothing => app.note(Level::Info, "this line leads nowhere"),
        admin::Target::Record(id) => app.inspect(id),
        admin::Target::Type(name) => {
            admin::close(app);
            browse(app, &name);
        }
        admin::Target::Text(title, text) => app.overlays.push(Overlay::Cell(Viewer::text(&title, &text))),
    }
}

/// The registry's context of an overlay whose keys are commands.
pub(super) fn overlay_context(overlay: &Overlay) -> Option<&'static str> {
    match overlay {
        Overlay::Cell(_) => Some("cell"),
        Overlay::Record(_) => Some("record"),
        Overlay::Review(_) => Some("review"),
        _ => None,
    }
}

/// What a list's entry runs: over another overlay, that one's command.
fn run_picked(app: &mut App, line: &str) {
    let context = app.overlays.last().and_then(overlay_context);
    let own = |k: &&crate::bus::registry::KeyBinding| Some(k.context) == context && k.command == line;
    match KEYS.iter().find(own) {
        Some(key) => in_overlay(app, key.command),
        None => run_line(app, line),
    }
}

/// A command within the overlay on top.
pub(super) fn in_overlay(app: &mut App, name: &str) {
    if name == "help" {
        if let Some(context) = app.overlays.last().and_then(overlay_context) {
            app.overlays.push(Overlay::List(Picker::help(&[context], false)));
        }
        return;
    }
    let Some(overlay) = app.overlays.last_mut() else { return };
    if name == "leave" && !matches!(overlay, Overlay::Input(_)) {
        app.overlays.pop();
        return preview::end(app);
    }
    match overlay {
        Overlay::Record(_) => in_record(app, name),
        Overlay::Review(review) => {
            let height = i64::try_from(review.height).unwrap_or(1);
            match name {
                "up" => review.move_by(-1),
                "down" => review.move_by(1),
                "page-down" => review.move_by(height / 2),
                "page-up" => review.move_by(-height / 2),
                "first" => review.move_by(i64::MIN / 2),
                "last" => review.move_by(i64::MAX / 2),
                "commit" => grid::edit::commit(app),
                "unstage" => grid::edit::unstage_reviewed(app),
                "copy" => {
                    let sql: Vec<String> =
                        review.statements.iter().map(|s| format!("{};", s.edit.sql)).collect();
                    copy_text(app, sql.join("\n"), "statements");
                }
                _ => {}
            }
        }
        Overlay::Input(input) => match name {
            "accept" => grid::actions::accept(app),
            "leave" => grid::actions::give_up(app),
            "set-null" if input.is_cell() => input.set_null(),
            _ => {}
        },
        Overlay::Cell(view) => {
            let height = i64::try_from(view.height()).unwrap_or(1);
            match name {
                "up" => view.move_by(-1),
                "down" => view.move_by(1),
                "left" => view.move_sideways(-1),
                "right" => view.move_sideways(1),
                "half-page-down" => view.move_by(height / 2),
                "half-page-up" => view.move_by(-height / 2),
                "page-down" => view.move_by(height),
                "page-up" => view.move_by(-height),
                "first" => view.move_by(i64::MIN / 2),
                "last" => view.move_by(i64::MAX / 2),
                "wrap" => view.toggle_wrap(),
                "next-form" => view.next_mode(),
                "fold-all" => view.fold_all(true),
                "unfold-all" => view.fold_all(false),
                // What folds is folded; what does not has nothing to open.
                "open" if view.toggle() => {}
                "open" => {
                    app.overlays.pop();
                }
                "find" => {
                    let input = Input::new(InputKind::FindInCell, "find", "", "");
                    app.overlays.push(Overlay::Input(input));
                }
                "find-next" | "find-previous" => {
                    let found = view.find_next(name == "find-previous", false);
                    let wanted = view.find.clone();
                    match wanted {
                        None => app.note(Level::Info, "nothing was looked for yet: / finds"),
                        Some(text) if !found => app.note(Level::Info, &format!("'{text}' is not in it")),
                        Some(_) => {}
                    }
                }
                "copy" | "copy-row" => {
                    let text = view.copied(name == "copy-row");
                    copy_text(app, text, "cell");
                }
                _ => {}
            }
        }
        Overlay::List(list) => {
            let height = i64::try_from(list.height).unwrap_or(1);
            match name {
                "up" => list.move_by(-1),
                "down" => list.move_by(1),
                "page-down" => list.move_by(height),
                "page-up" => list.move_by(-height),
                "open" => {
                    let line = list.picked().map(|entry| entry.line.clone());
                    app.overlays.pop();
                    preview::end(app);
                    if let Some(line) = line {
                        run_picked(app, &line);
                    }
                }
                _ => {}
            }
            preview::show(app);
        }
        Overlay::History(_) => workspace::history::command(app, name),
        Overlay::Prompt(_) | Overlay::Question(_) | Overlay::Ask(_) => {}
    }
}

/// A command where a row is shown with one column a line.
fn in_record(app: &mut App, name: &str) {
    let Some(grid) = app.results.active_mut() else { return };
    let height = i64::try_from(grid.height()).unwrap_or(1);
    match name {
        "up" => grid.move_columns(-1),
        "down" => grid.move_columns(1),
        "half-page-down" | "page-down" => grid.move_columns(height / 2),
        "half-page-up" | "page-up" => grid.move_columns(-height / 2),
        "first" => grid.move_columns(-1_000_000),
        "last" => grid.move_columns(1_000_000),
        "next-row" => grid.move_rows(1),
        "previous-row" => grid.move_rows(-1),
        "view" => view_cell(app),
        "inspect" => {
            app.overlays.pop();
            inspect(app, "");
        }
        "copy" | "copy-row" | "edit-cell" | "unstage" | "copy-as" => dispatch(app, name, ""),
        _ => {}
    }
    let place = app.results.active().map_or(0, |grid| grid.columns.place());
    for overlay in &mut app.overlays {
        if let Overlay::Record(record) = overlay {
            record.show(place);
        }
    }
}

/// Does a movement in the focused pane; false when the name is none.
fn movement(app: &mut App, name: &str) -> bool {
    let times = i64::try_from(app.count.unwrap_or(1).max(1)).unwrap_or(1);
    let height = match (app.focus, app.tab) {
        (Pane::Tree, _) => i64::try_from(app.tree.height()).unwrap_or(1),
        (Pane::Inspector, _) => i64::try_from(app.inspector.height()).unwrap_or(1),
        (Pane::Lower, Tab::Plan) => i64::try_from(app.plan.height()).unwrap_or(1),
        (Pane::Lower, Tab::Messages) => i64::try_from(app.messages.height).unwrap_or(1),
        (Pane::Lower | Pane::Editor, _) => {
            app.results.active().map_or(1, |grid| i64::try_from(grid.height()).unwrap_or(1))
        }
    }
    .max(1);
    match name {
        "up" => rows(app, -times, name),
        "down" => rows(app, times, name),
        "half-page-up" => rows(app, -times * (height / 2).max(1), "up"),
        "half-page-down" => rows(app, times * (height / 2).max(1), "down"),
        "page-up" => rows(app, -times * height, "up"),
        "page-down" => rows(app, times * height, "down"),
        "first" => to_end(app, false),
        "last" => to_end(app, true),
        "left" => columns(app, -times, name),
        "right" => columns(app, times, name),
        "next-column" => columns(app, times, "right"),
        "previous-column" => columns(app, -times, "left"),
        "first-column" => columns(app, -1_000_000, "left"),
        "last-column" => columns(app, 1_000_000, "right"),
        _ => return false,
    }
    true
}

fn rows(app: &mut App, by: i64, graph: &str) {
    match (app.focus, app.tab) {
        (Pane::Tree, _) => app.tree.move_by(by),
        (Pane::Inspector, _) => app.inspector.move_by(by),
        (Pane::Lower, Tab::Results) => {
            if let Some(grid) = app.results.active_mut() {
                grid.move_rows(by);
            }
        }
        (Pane::Lower, Tab::Graph) => graph_action(app, graph),
        (Pane::Lower, Tab::Plan) => app.plan.move_by(by),
        (Pane::Lower, Tab::Messages) => app.messages.move_by(by),
        (Pane::Editor, _) => {}
    }
}

fn to_end(app: &mut App, last: bool) {
    let count = app.count;
    match (app.focus, app.tab) {
        (Pane::Lower, Tab::Results) => {
            if let Some(grid) = app.results.active_mut() {
                match (count, last) {
                    (Some(row), true) if row > 0 => grid.go_to_row(row - 1),
                    (_, true) => grid.go_to_end(),
                    (_, false) => grid.go_to_row(0),
                }
            }
        }
        (Pane::Inspector, _) => app.inspector.go_to(if last { u64::MAX } else { 0 }),
        (Pane::Lower, Tab::Graph) => {}
        _ => rows(app, if last { i64::MAX / 2 } else { i64::MIN / 2 }, ""),
    }
}

fn columns(app: &mut App, by: i64, graph: &str) {
    let unfold = by > 0;
    match (app.focus, app.tab) {
        (Pane::Tree, _) => app.tree.unfold(unfold),
        (Pane::Inspector, _) => app.inspector.unfold(unfold),
        (Pane::Lower, Tab::Results) => {
            if let Some(grid) = app.results.active_mut() {
                grid.move_columns(by);
            }
        }
        (Pane::Lower, Tab::Graph) => graph_action(app, graph),
        (Pane::Lower, Tab::Plan) => app.plan.sideways(by),
        (Pane::Lower, Tab::Messages) | (Pane::Editor, _) => {}
    }
}

/// Goes to a pane or tab; false when the name is none.
fn pane_command(app: &mut App, name: &str) -> bool {
    let order = [Pane::Tree, Pane::Editor, Pane::Lower, Pane::Inspector];
    let step = |app: &mut App, by: usize| {
        let shown: Vec<Pane> =
            order.into_iter().filter(|p| *p != Pane::Inspector || app.inspector_open).collect();
        let here = shown.iter().position(|p| *p == app.focus).unwrap_or(0);
        let by = if by == 1 { 1 } else { shown.len().saturating_sub(1) };
        if let Some(pane) = shown.iter().cycle().nth(here + by) {
            app.focus = *pane;
        }
    };
    let tab = |app: &mut App, tab: Tab| {
        app.focus = Pane::Lower;
        app.tab = tab;
    };
    let turn = |app: &mut App, by: usize| {
        // The results of a script stand side by side before the other tabs.
        if app.tab == Tab::Results && app.focus == Pane::Lower && app.results.turn(by == 1) {
            return;
        }
        let here = Tab::ALL.iter().position(|t| *t == app.tab).unwrap_or(0);
        if let Some(next) = Tab::ALL.iter().cycle().nth(here + by) {
            app.tab = *next;
        }
        if app.tab == Tab::Results {
            app.results.turn_to(by != 1);
        }
    };
    match name {
        "tree" => app.focus = Pane::Tree,
        "editor" => app.focus = Pane::Editor,
        "results" => tab(app, Tab::Results),
        "graph" => tab(app, Tab::Graph),
        "plan" => tab(app, Tab::Plan),
        "messages" => tab(app, Tab::Messages),
        "inspector" => {
            app.inspector_open = true;
            app.focus = Pane::Inspector;
        }
        "next-pane" => step(app, 1),
        "previous-pane" => step(app, 2),
        "next-tab" => turn(app, 1),
        "previous-tab" => turn(app, 3),
        "zoom" => app.zoom = !app.zoom,
        _ => return false,
    }
    true
}

/// How a statement is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Run,
    Explain,
    Analyze,
}

fn run_statement(app: &mut App, way: Way) {
    let Some((sql, offset)) = app.editor.statement_at_cursor() else {
        app.focus = Pane::Editor;
        app.note(Level::Info, "there is no statement under the cursor: type one, then F5 runs it");
        return;
    };
    let plain = sql.trim_start();
    let first = plain.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_lowercase();
    match way {
        Way::Run => workspace::guard::run(app, sql, Some(offset), RunKind::Script),
        Way::Explain | Way::Analyze if first == "explain" => app.run(sql, None, RunKind::Plan),
        Way::Explain => run_explain(app, EXPLAIN, plain, offset + sql.len() - plain.len()),
        // It runs what it explains, so a change would be made.
        Way::Analyze if statement_intents(plain).iter().any(|intent| intent.writes) => {
            app.note(Level::Error, "only a query can be analyzed: this statement would be carried out");
        }
        Way::Analyze => {
            run_explain(app, ANALYZE, plain, offset + sql.len() - plain.len());
        }
    }
}

const EXPLAIN: &str = "EXPLAIN (FORMAT JSON) ";
/// Runs what it explains.
const ANALYZE: &str = "EXPLAIN (ANALYZE, FORMAT JSON) ";

fn run_explain(app: &mut App, explain: &str, sql: &str, offset: usize) {
    app.run(format!("{explain}{sql}"), Some(offset), RunKind::Plan);
    if let Some(running) = &mut app.running {
        running.prefix = explain.len();
    }
}

fn browse(app: &mut App, argument: &str) {
    let found = if argument.is_empty() {
        match app.tree.selected() {
            Some(TreeRow::Section { .. } | TreeRow::Queries) => {
                app.tree.toggle();
                return;
            }
            Some(TreeRow::Query(_)) => return workspace::queries::open(app, ""),
            _ => app.tree.selected_type(),
        }
    } else {
        app.tree.catalog.as_ref().and_then(|c| c.types.iter().find(|t| t.name == argument))
    };
    let Some(info) = found else {
        let text = if argument.is_empty() {
            "there is no type here".to_owned()
        } else {
            format!("there is no type '{argument}'")
        };
        app.note(Level::Info, &text);
        return;
    };
    let (name, rows) = (info.name.clone(), info.rows);
    // What `*` leaves out for declared types is what a row is inspected and changed by.
    let columns = if info.declared { "_id, *" } else { "*" };
    let limit = if rows > BROWSE_ROWS { format!(" LIMIT {BROWSE_ROWS}") } else { String::new() };
    app.run(format!("SELECT {columns} FROM {}{limit}", quote_name(&name)), None, RunKind::Browse(name));
    if !limit.is_empty() {
        app.note(Level::Info, &format!("the first {} rows are shown", text::count(BROWSE_ROWS)));
    }
}

fn go_to_row(app: &mut App, argument: &str) {
    let Ok(row) = argument.trim().parse::<u64>() else {
        app.note(Level::Error, "a row is a number, such as :120");
        return;
    };
    match (app.focus, app.results.active_mut()) {
        (Pane::Inspector, _) => app.inspector.go_to(row.saturating_sub(1)),
        (_, Some(grid)) => {
            grid.go_to_row(row.saturating_sub(1));
            app.focus = Pane::Lower;
            app.tab = Tab::Results;
        }
        (_, None) => app.note(Level::Info, "there are no rows"),
    }
}

fn open(app: &mut App) {
    match app.focus {
        Pane::Tree => app.tree.toggle(),
        Pane::Inspector => match app.inspector.open() {
            Opened::Nothing => {}
            Opened::Inspect(id) => app.inspect(id),
            Opened::View(name, value) => app.view_value(&name, &value),
        },
        Pane::Lower if app.tab == Tab::Results => view_cell(app),
        Pane::Lower if app.tab == Tab::Graph => graph_action(app, "recentre"),
        Pane::Lower if app.tab == Tab::Plan => {
            if let Some((name, about)) = app.plan.about() {
                app.overlays.push(Overlay::Cell(Viewer::text(&name, &about)));
            }
        }
        Pane::Lower | Pane::Editor => {}
    }
}

fn view_cell(app: &mut App) {
    let Some(grid) = app.results.active() else {
        app.note(Level::Info, "there are no rows yet: run a statement, or browse a type");
        return;
    };
    let (row, column) = (grid.row, grid.column());
    let name = grid.columns.name(column).to_owned();
    match grid.value(row, column) {
        Some(value) => app.view_value(&format!("{name}, row {}", text::count(row + 1)), &value),
        None => app.note(Level::Info, "the row has not arrived yet"),
    }
}

/// Shows the row with one column a line.
fn record(app: &mut App) {
    if app.results.active().is_none_or(|grid| grid.total() == 0) {
        app.note(Level::Info, "there are no rows yet: run a statement, or browse a type");
        return;
    }
    app.overlays.push(Overlay::Record(RecordView::default()));
    app.arrange();
    in_record(app, "");
}

fn record_id(app: &App) -> Result<Uuid, String> {
    match (app.focus, app.tab) {
        (Pane::Lower, Tab::Graph) => {
            app.graph.selected().map(|n| n.0).ok_or_else(|| "no node is selected".to_owned())
        }
        (Pane::Inspector, _) => app
            .inspector
            .graph_node()
            .map(|n| n.0)
            .ok_or_else(|| "nothing is inspected: press i on a row".to_owned()),
        _ => match app.results.active() {
            Some(grid) => grid.record_id().map_err(str::to_owned),
            None => Err("there are no rows yet: run a statement, or browse a type".to_owned()),
        },
    }
}

fn inspect(app: &mut App, argument: &str) {
    let id = if argument.is_empty() {
        record_id(app)
    } else {
        Uuid::parse_str(argument)
            .map_err(|_| format!("'{argument}' is no id; ids look like 0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47"))
    };
    match id {
        Ok(id) => app.inspect(id),
        Err(_)
            if argument.is_empty() && grid::actions::in_results(app) && lookup::start(app, Then::Inspect) => {
        }
        Err(why) => app.note(Level::Error, &why),
    }
}

fn neighbours(app: &mut App) {
    match record_id(app) {
        Ok(id) => app.show_graph(NodeId(id)),
        Err(_) if grid::actions::in_results(app) && lookup::start(app, Then::Graph) => {}
        Err(why) => app.note(Level::Error, &why),
    }
}

fn copy(app: &mut App) {
    match (app.focus, app.tab) {
        (Pane::Lower, Tab::Results) => {
            let value = app.results.active().and_then(|g| g.value(g.row, g.column()));
            match value {
                Some(value) => copy_text(app, value.to_text(), "cell"),
                None => app.note(Level::Info, "there is no cell to copy"),
            }
        }
        (Pane::Lower, Tab::Plan) => copy_text(app, app.plan.to_text(), "plan"),
        (Pane::Lower, Tab::Messages) => copy_text(app, app.messages.text(), "messages"),
        (Pane::Inspector, _) => match app.inspector.value() {
            Some((name, value)) => copy_text(app, value.to_text(), &name),
            None => app.note(Level::Info, "there is no value on this line"),
        },
        _ => app.note(Level::Info, "there is nothing to copy here"),
    }
}

fn copy_text(app: &mut App, text: String, what: &str) {
    let safe: String = text::one_line(&crate::model::Value::String(text.clone()));
    app.note(Level::Ok, &format!("copied {what}: {}", text::cut(&safe, 40)));
    app.outbox.push(Effect::Copy(text));
}

fn back(app: &mut App) {
    match (app.focus, app.tab) {
        (Pane::Inspector, _) if app.inspector.back() => {}
        (Pane::Inspector, _) => app.note(Level::Info, "this is where the inspector began"),
        (Pane::Lower, Tab::Graph) => graph_action(app, "back"),
        _ => {}
    }
}

/// Does a command of the graph.
pub(super) fn graph_action(app: &mut App, name: &str) {
    let action = match name {
        "up" => GraphAction::Up,
        "down" => GraphAction::Down,
        "left" => GraphAction::Left,
        "right" => GraphAction::Right,
        "recentre" => GraphAction::Recentre,
        "back" => GraphAction::Back,
        "deeper" => GraphAction::Deeper,
        "shallower" => GraphAction::Shallower,
        "edge-filter" => GraphAction::EdgeFilter,
        "more" => GraphAction::More,
        "list" => GraphAction::ToggleView,
        "mark" => GraphAction::Mark,
        _ => return,
    };
    let outcome = app.graph.action(action);
    app.graph_outcome(outcome);
}

fn leave(app: &mut App) {
    if app.count.take().is_some() {
    } else if app.zoom {
        app.zoom = false;
    } else if app.focus == Pane::Inspector {
        app.inspector_open = false;
        app.focus = Pane::Lower;
    } else if app.focus == Pane::Editor {
        app.focus = Pane::Lower;
    } else if app.focus == Pane::Lower && app.tab == Tab::Graph && app.graph.close_path() {
    } else if app.focus == Pane::Lower && app.tab != Tab::Results {
        app.tab = Tab::Results;
    } else if app.focus == Pane::Lower && grid::actions::step_back(app) {
    } else if app.focus == Pane::Lower {
        app.focus = Pane::Tree;
    }
}

fn close(app: &mut App) {
    if app.zoom || app.focus == Pane::Inspector { leave(app) } else { quit(app) }
}

fn quit(app: &mut App) {
    let staged = app.results.staged();
    if staged > 0 {
        let what = if staged == 1 { "1 edit is".to_owned() } else { format!("{staged} edits are") };
        app.overlays.push(Overlay::Question(Question {
            title: "Staged edits",
            lines: vec![format!(
                "{what} staged and not committed; quitting drops them. Ctrl-S in the rows commits."
            )],
            yes: "quit",
            no: "stay",
            consent: Some(Consent::Quit),
            no_quits: false,
        }));
    } else if app.in_transaction {
        app.overlays.push(Overlay::Question(Question {
            title: "A transaction is open",
            lines: vec!["Its changes are not committed; quitting rolls them back.".to_owned()],
            yes: "quit",
            no: "stay",
            consent: Some(Consent::Quit),
            no_quits: false,
        }));
    } else {
        app.outbox.push(Effect::Quit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_registry_is_known_here() {
        for spec in SCREEN {
            let mut app = crate::tui::tests::app(80, 24);
            dispatch(&mut app, spec.name, "");
            let unknown = app.notice.as_ref().is_some_and(|(_, text)| text.contains("there is no command"));
            assert!(!unknown, "{}", spec.name);
        }
    }
}
