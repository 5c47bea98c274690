//! What the bus answers, taken into the state.

use crate::bus::{Command, CursorId, EventBody, Page, Progress, ResultColumn, Summary, split_statements};
use crate::model::{Error, ErrorKind, Place};

use super::admin;
use super::app::{App, Database, Level, Purpose, RunKind, Tab, Ticket};
use super::export;
use super::grid::{self, Grid};
use super::layout::Pane;
use super::lookup;
use super::overlay::{Consent, Overlay, Question};
use super::plan;
use super::text;
use super::upkeep;
use super::workspace;

/// Takes an event of the bus in; one that nobody waits for any more is dropped.
pub(super) fn answer(app: &mut App, ticket: Ticket, body: EventBody) {
    // Of a statement that was given up as well.
    if let EventBody::Transaction { open } = body {
        app.in_transaction = open;
        return;
    }
    let last = body.is_last();
    match app.pending.get(&ticket).cloned() {
        Some(purpose) => {
            if last {
                app.pending.remove(&ticket);
            }
            take(app, ticket, &purpose, body);
        }
        None => {
            // The result of a statement that was given up would be held for ever.
            if let EventBody::Cursor { cursor, .. } = body {
                app.send(Purpose::Close, Command::CloseCursor { cursor });
            }
        }
    }
}

fn take(app: &mut App, ticket: Ticket, purpose: &Purpose, body: EventBody) {
    match (purpose, body) {
        (_, EventBody::Progress(progress)) => {
            app.progress = Some(crate::model::escape_control(&progress_words(&progress)).into_owned());
        }
        (Purpose::Open { .. }, EventBody::Opened { name, path, read_only, created, notices }) => {
            app.database = Some(Database { name: name.clone(), read_only });
            let how = if created { "made" } else { "opened" };
            let level = if notices.is_empty() { Level::Ok } else { Level::Error };
            app.message(level, &format!("{how} {name} ({path})"), &notices);
        }
        (Purpose::Open { .. }, EventBody::Done { .. }) => opened(app),
        (Purpose::Open { create }, EventBody::Failed { error, .. }) => open_failed(app, *create, &error),
        (Purpose::Demo, EventBody::Done { summary, elapsed }) => {
            app.progress = None;
            app.message(
                Level::Ok,
                &format!("the example is loaded in {}", text::span(elapsed)),
                &note_of(&summary),
            );
            app.refresh();
            run_exec(app);
        }
        (Purpose::Demo, EventBody::Failed { error, .. }) => {
            app.progress = None;
            app.error("the example was not loaded", &error);
        }
        (Purpose::Catalog, EventBody::Catalog(catalog)) => {
            app.work.learn(&catalog);
            app.tree.load(catalog);
            admin::rebuild(app);
        }
        (Purpose::Catalog, EventBody::Failed { error, .. }) => app.error("the types were not read", &error),
        (Purpose::Workspace(errand), body) => workspace::answer(app, errand, body),
        (Purpose::Run, body) => {
            workspace::history::watch(app, ticket, &body);
            run_event(app, ticket, body);
        }
        (Purpose::Page { cursor, page }, body) => page_event(app, *cursor, *page, body),
        (Purpose::Inspect, EventBody::Inspected(inspection)) => {
            admin::close(app);
            app.inspector.show(*inspection);
            app.inspector_open = true;
            app.focus = Pane::Inspector;
            app.zoom = false;
        }
        (Purpose::Inspect, EventBody::Failed { error, .. }) => app.error("", &error),
        (Purpose::Lookup { then, value, found }, EventBody::Done { .. }) => {
            lookup::finish(app, *then, value, found);
        }
        (Purpose::Lookup { .. }, EventBody::Failed { error, .. }) => {
            app.error("the record was not found", &error);
        }
        (Purpose::Lookup { .. }, body) => lookup::answer(app, ticket, body),
        (Purpose::Edges { record, group, page }, body) if app.inspector.id() == Some(*record) => match body {
            EventBody::Edges(edges) => app.inspector.edges_arrived(*group, *page, Some(edges)),
            EventBody::Failed { error, .. } => {
                app.inspector.edges_arrived(*group, *page, None);
                app.error("edges were not read", &error);
            }
            _ => {}
        },
        (Purpose::Graph, EventBody::Neighbourhood(neighbourhood)) => app.graph.loaded(neighbourhood),
        (Purpose::Graph, EventBody::Failed { error, .. }) => {
            app.graph.failed(error.to_string());
            app.error("", &error);
        }
        (Purpose::Path, EventBody::Path(path)) => {
            match &path {
                Some(path) => {
                    let labels: Vec<&str> = path.nodes.iter().map(|n| n.label.as_str()).collect();
                    let steps = path.edges.len();
                    let plural = if steps == 1 { "edge" } else { "edges" };
                    let text = format!("shortest path, {steps} {plural}: {}", labels.join(" → "));
                    app.message(Level::Ok, &text, &[]);
                    app.note(Level::Ok, &text);
                }
                None => app.note(Level::Info, "there is no path between the two"),
            }
            app.graph.path_loaded(path);
        }
        (Purpose::Admin, body) => admin::answer(app, body),
        (Purpose::Path, EventBody::Failed { error, .. }) => app.error("", &error),
        (Purpose::Shape { result }, body) => grid::answers::shape(app, ticket, *result, body),
        (Purpose::Find { result }, body) => grid::answers::find(app, *result, body),
        (Purpose::Copy { what }, body) => grid::answers::copy(app, what, body),
        (Purpose::Chore(chore), body) => upkeep::answer(app, *chore, body),
        (Purpose::Export, body) => export::answer(app, body),
        (Purpose::Apply { result }, body) => grid::answers::apply(app, *result, body),
        (Purpose::Indexes, EventBody::Indexes(indexes)) => {
            for overlay in &mut app.overlays {
                if let Overlay::Review(review) = overlay {
                    review.indexes = Some(indexes.clone());
                }
            }
        }
        (Purpose::Indexes, EventBody::Failed { error, .. }) => app.error("the indexes were not read", &error),
        _ => {}
    }
}

/// How far work is: its rate, and the time left where that can be told.
fn progress_words(progress: &Progress) -> String {
    let mut words = format!("{} {} {}", progress.what, text::count(progress.done), progress.unit);
    let seconds = progress.elapsed.as_secs_f64();
    if let Some(fraction) = progress.fraction.filter(|f| *f > 0.0) {
        words.push_str(&format!(" {:.0} %", fraction * 100.0));
    }
    if seconds >= 0.5 {
        words.push_str(&format!(", {}/s", text::count((progress.done as f64 / seconds) as u64)));
        if let Some(fraction) = progress.fraction.filter(|f| *f > 0.01 && *f < 1.0) {
            let left = progress.elapsed.mul_f64((1.0 - fraction) / fraction);
            words.push_str(&format!(", {} left", text::span(left)));
        }
    }
    words
}

fn opened(app: &mut App) {
    app.refresh();
    if app.options.demo {
        app.progress = Some("loading the example".to_owned());
        app.send(Purpose::Demo, Command::LoadDemo);
    } else {
        run_exec(app);
    }
}

fn run_exec(app: &mut App) {
    if let Some(sql) = app.options.exec.take() {
        app.focus = Pane::Lower;
        app.tab = Tab::Results;
        app.run(sql, Some(0), RunKind::Script);
    }
}

fn open_failed(app: &mut App, created: bool, error: &Error) {
    let path = app.options.path.display().to_string();
    let question = if error.kind() == ErrorKind::NotFound && !created && !app.options.read_only {
        Question {
            title: "No database here",
            lines: vec![error.to_string(), String::new(), format!("Make an empty database in {path}?")],
            yes: "make it",
            no: "quit",
            consent: Some(Consent::Create),
            no_quits: true,
        }
    } else {
        let mut lines = vec![error.to_string()];
        lines.extend(error.place().map(|p| format!("at {p}")));
        lines.extend(error.hint().map(|h| format!("hint: {h}")));
        Question {
            title: "The database cannot be opened",
            lines,
            yes: "",
            no: "quit",
            consent: None,
            no_quits: true,
        }
    };
    app.overlays.clear();
    app.overlays.push(Overlay::Question(question));
}

fn run_event(app: &mut App, ticket: Ticket, body: EventBody) {
    if app.running.as_ref().is_none_or(|r| r.ticket != ticket) {
        return;
    }
    let kind = app.running.as_ref().map_or(RunKind::Script, |r| r.kind.clone());
    match body {
        EventBody::Cursor { statement, cursor, columns } => {
            let title = match &kind {
                RunKind::Browse(name) => crate::model::escape_control(name).into_owned(),
                _ => String::new(),
            };
            result_begins(app, statement, cursor, columns, title);
        }
        EventBody::Rows { cursor, page } => {
            if app.running.as_ref().is_some_and(|r| r.explains) {
                plan_rows(app, &page);
            }
            if let Some(cursor) = cursor
                && let Some(grid) = app.results.of_mut(cursor)
            {
                grid.insert(cursor, page);
            }
        }
        EventBody::Counted { cursor, rows, complete } => counted(app, cursor, rows, complete),
        EventBody::StatementDone { statement, summary, elapsed } => {
            let own = |grid: &&mut Grid| grid.run == Some((ticket, statement));
            if let Some(grid) = app.results.iter_mut().find(own) {
                grid.elapsed = Some(elapsed);
            }
            statement_done(app, &summary, elapsed);
        }
        EventBody::Done { elapsed, .. } => {
            let running = app.running.take();
            app.progress = None;
            if running.is_some_and(|r| r.wrote) {
                app.refresh();
            }
            let of_run = |grid: &&mut Grid| grid.run.is_some_and(|(of, _)| of == ticket);
            let mut given = 0;
            for grid in app.results.iter_mut().filter(of_run) {
                grid.elapsed.get_or_insert(elapsed);
                given += 1;
            }
            if given > 1 && app.notice.is_none() {
                app.note(Level::Ok, &format!("{given} results: ] and [ turn to them"));
            }
        }
        EventBody::Failed { error, .. } => run_failed(app, &error),
        _ => {}
    }
}

fn counted(app: &mut App, cursor: CursorId, rows: u64, complete: bool) {
    if let Some(grid) = app.results.of_mut(cursor) {
        grid.counted(cursor, rows, complete);
    }
}

fn statement_done(app: &mut App, summary: &Summary, elapsed: std::time::Duration) {
    let reads = matches!(summary.verb.as_str(), "SELECT" | "EXPLAIN" | "SHOW" | "VALUES" | "");
    let plural = if summary.rows == 1 { "row" } else { "rows" };
    let text = format!("{}: {} {plural} in {}", summary.verb, text::count(summary.rows), text::span(elapsed));
    app.message(Level::Ok, &text, &note_of(summary));
    if !reads {
        app.note(Level::Ok, &text);
        if let Some(running) = &mut app.running {
            running.wrote = true;
        }
    }
}

fn note_of(summary: &Summary) -> Vec<String> {
    summary.note.iter().cloned().collect()
}

fn plan_rows(app: &mut App, page: &Page) {
    for row in 0..page.rows() {
        for column in 0..page.columns() {
            let cell = page.value(row, column).to_text();
            if page.columns() == 1 && app.plan.load(&cell) {
                return;
            }
            // The first column names the kind of plan, the last is the plan.
            plan::add_text(&mut app.plan.text, column + 1 < page.columns(), &cell);
        }
        app.plan.text.lines.push((None, String::new()));
    }
}

fn run_failed(app: &mut App, error: &Error) {
    let Some(running) = app.running.take() else { return };
    app.progress = None;
    if running.wrote {
        app.refresh();
    }
    let of_run = |grid: &&mut Grid| grid.run.is_some_and(|(of, _)| of == running.ticket);
    app.results.iter_mut().filter(of_run).for_each(Grid::stop);
    if error.kind() == ErrorKind::Cancelled || running.cancelled {
        let after = app.now.saturating_sub(running.since);
        let text = format!("cancelled after {}", text::span(after));
        app.message(Level::Info, &text, &[]);
        app.note(Level::Info, &text);
        return;
    }
    app.error("", error);
    app.tab = Tab::Messages;
    if let (Some(Place::Sql { span, .. }), Some(offset)) = (error.place(), running.offset) {
        let at = |place: usize| place.saturating_sub(running.prefix) + offset;
        let span = at(span.start)..at(span.end.max(span.start + 1));
        if let Some(editor) = workspace::tabs::editor_of(app, running.query_tab) {
            editor.mark_error(Some((span, error.message())));
        }
    }
}

fn page_event(app: &mut App, cursor: CursorId, page: u64, body: EventBody) {
    let Some(grid) = app.results.of_mut(cursor).filter(|g| g.cursor() == cursor) else { return };
    match body {
        EventBody::Rows { page: rows, .. } => grid.insert(cursor, rows),
        EventBody::Counted { rows, complete, .. } => grid.counted(cursor, rows, complete),
        EventBody::Done { .. } => grid.page_arrived(page, false),
        EventBody::Failed { error, .. } => {
            grid.page_arrived(page, true);
            app.error("rows were not read", &error);
        }
        _ => {}
    }
}

/// A statement has rows: their grid comes on the screen, or stands behind the script's first one.
fn result_begins(app: &mut App, statement: u32, cursor: CursorId, columns: Vec<ResultColumn>, title: String) {
    let Some(running) = &mut app.running else { return };
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let is_plan = names == ["plan_type", "plan"] || names == ["QUERY PLAN"];
    running.explains = is_plan;
    let first = !std::mem::replace(&mut running.gave_rows, true);
    let (ticket, again) = (running.ticket, running.again.take());
    let sql = statement_of(&running.sql, statement);
    let mut grid = Grid::new(cursor, columns, title, sql);
    grid.run = Some((ticket, statement));
    let mut gone = Vec::new();
    if let Some(again) = again {
        grid.resume(again.row, again.column);
        match app.results.replace(again.result, grid) {
            Ok(before) => gone.push(before),
            Err(grid) => gone.extend(app.results.push(*grid, true)),
        }
        gone.into_iter().for_each(|grid| close_result(app, &grid));
        if !again.shape.is_empty() {
            grid::actions::set_shape(app, again.shape);
        }
        return;
    }
    if first {
        gone = app.results.clear();
        app.tab = if is_plan { Tab::Plan } else { Tab::Results };
    }
    if is_plan {
        app.plan.clear();
    }
    if let Some(over) = app.results.push(grid, first) {
        app.message(Level::Info, "a result of this script was let go: there are too many to keep", &[]);
        gone.push(over);
    }
    gone.into_iter().for_each(|grid| close_result(app, &grid));
}

/// A statement of a script.
fn statement_of(script: &str, statement: u32) -> String {
    let spans = split_statements(script).unwrap_or_default();
    let span = usize::try_from(statement).ok().and_then(|n| spans.get(n));
    span.and_then(|span| script.get(span.start..span.end)).unwrap_or(script).to_owned()
}

/// Lets a result go that is shown no more.
fn close_result(app: &mut App, grid: &Grid) {
    let cursors = grid.cursors();
    app.supersede(|p| match p {
        Purpose::Page { cursor, .. } => cursors.contains(cursor),
        Purpose::Shape { result } | Purpose::Find { result } => *result == grid.result,
        _ => false,
    });
    for cursor in cursors {
        app.send(Purpose::Close, Command::CloseCursor { cursor });
    }
}
