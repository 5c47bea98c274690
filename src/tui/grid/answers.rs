//! What the bus answers to work on the rows of a result.

use crate::bus::{Command, Copied, CursorId, EventBody, Found};
use crate::model::{Error, ErrorKind};

use crate::tui::app::{App, Effect, Level, Purpose, RunKind};
use crate::tui::overlay::Overlay;
use crate::tui::{Ticket, text};

/// Takes an event of a view that is being made.
pub(in crate::tui) fn shape(app: &mut App, ticket: Ticket, result: CursorId, body: EventBody) {
    let Some(grid) = app.results.result_mut(result) else { return };
    if grid.shaping.as_ref().is_none_or(|s| s.ticket != ticket) {
        return;
    }
    match body {
        EventBody::Cursor { cursor, .. } => grid.shape_named(cursor),
        EventBody::Counted { cursor, rows, complete } => grid.counted(cursor, rows, complete),
        EventBody::Done { .. } => {
            let before = grid.shape_made();
            app.progress = None;
            close(app, before);
        }
        EventBody::Failed { error, .. } => {
            let view = grid.shape_failed();
            app.progress = None;
            close(app, view);
            if error.kind() == ErrorKind::Cancelled {
                app.note(Level::Info, "stopped: the rows are as they were");
            } else {
                tell(app, &error);
            }
        }
        _ => {}
    }
}

fn close(app: &mut App, cursor: Option<CursorId>) {
    if let Some(cursor) = cursor {
        app.send(Purpose::Close, Command::CloseCursor { cursor });
    }
}

/// An error with its way out on the one line there is.
fn tell(app: &mut App, error: &Error) {
    app.error("", error);
    if let Some(hint) = error.hint() {
        app.note(Level::Error, &format!("{error}; {hint}"));
    }
}

/// Takes an event of a find.
pub(in crate::tui) fn find(app: &mut App, result: CursorId, body: EventBody) {
    match body {
        EventBody::Found(Some(Found { row, column, wrapped })) => {
            let Some(grid) = app.results.result_mut(result) else { return };
            grid.go_to_cell(row, column as usize);
            if wrapped {
                app.note(Level::Info, "the search went on at the other end");
            }
        }
        EventBody::Found(None) => {
            let wanted = app.results.active().and_then(|g| g.find.clone()).unwrap_or_default();
            app.note(Level::Info, &format!("'{wanted}' is in no row"));
        }
        EventBody::Done { .. } => app.progress = None,
        EventBody::Failed { error, .. } => {
            app.progress = None;
            if error.kind() != ErrorKind::Cancelled {
                tell(app, &error);
            }
        }
        _ => {}
    }
}

/// Takes an event of a copy.
pub(in crate::tui) fn copy(app: &mut App, what: &str, body: EventBody) {
    match body {
        EventBody::Copied(Copied { text, file, rows, bytes }) => {
            let plural = if rows == 1 { "row" } else { "rows" };
            let count = format!("{} {plural} as {what}", text::count(rows));
            if let Some(text) = text {
                app.outbox.push(Effect::Copy(text));
                app.note(Level::Ok, &format!("copied {count}, {} bytes", text::count(bytes)));
            }
            if let Some(file) = file {
                let note = format!(
                    "too long for the clipboard: {count}, {} bytes are in {}",
                    text::count(bytes),
                    file.display()
                );
                app.message(Level::Ok, &note, &[]);
                app.note(Level::Ok, &note);
            }
        }
        EventBody::Done { .. } => app.progress = None,
        EventBody::Failed { error, .. } => stopped(app, "the copy", &error),
        _ => {}
    }
}

/// Says that work was stopped, or failed.
pub(in crate::tui) fn stopped(app: &mut App, what: &str, error: &Error) {
    app.progress = None;
    if error.kind() == ErrorKind::Cancelled {
        app.note(Level::Info, &format!("{what} is stopped"));
    } else {
        tell(app, error);
    }
}

/// Takes an event of a commit of staged edits.
pub(in crate::tui) fn apply(app: &mut App, result: CursorId, body: EventBody) {
    match body {
        EventBody::Done { summary, elapsed } => {
            app.progress = None;
            app.overlays.retain(|o| !matches!(o, Overlay::Review(review) if review.result == result));
            let Some(grid) = app.results.result_mut(result) else { return };
            let statements: Vec<String> = grid.staged.statements().into_iter().map(|s| s.edit.sql).collect();
            grid.staged.clear();
            grid.scroll();
            let plural = if summary.rows == 1 { "row" } else { "rows" };
            let note = format!("{} {plural} changed in {}", text::count(summary.rows), text::span(elapsed));
            let more: Vec<String> = statements.into_iter().chain(summary.note.clone()).collect();
            app.message(Level::Ok, &note, &more);
            app.refresh();
            again(app, result);
            let note = summary.note.map_or(note.clone(), |more| format!("{note}; {more}"));
            app.note(Level::Ok, &note);
        }
        EventBody::Failed { error, statement } => {
            app.progress = None;
            let at = statement.and_then(|n| usize::try_from(n).ok());
            let review = app.overlays.iter_mut().find_map(|overlay| match overlay {
                Overlay::Review(review) if review.result == result => Some(review),
                _ => None,
            });
            if let Some(review) = review {
                review.committing = false;
                review.selected = at.unwrap_or(review.selected);
                review.failed = Some((at, error.clone()));
            }
            let hint: Vec<String> = error.hint().iter().map(|h| format!("hint: {h}")).collect();
            app.message(Level::Error, &format!("the edits were not committed: {error}"), &hint);
            // With the review on the screen its own line tells it.
            if app.overlays.is_empty() {
                app.note(Level::Error, &format!("the edits were not committed: {error}"));
            }
        }
        _ => {}
    }
}

/// Runs the statement of a result again; the cursor and the shape stay.
fn again(app: &mut App, result: CursorId) {
    let Some(grid) = app.results.result_mut(result) else { return };
    let again = super::Again { result, row: grid.row, column: grid.column(), shape: grid.shape.clone() };
    let (sql, title) = (grid.sql.clone(), grid.title.clone());
    let kind = if title.is_empty() { RunKind::Script } else { RunKind::Browse(title) };
    app.run(sql, None, kind);
    if let Some(running) = &mut app.running {
        running.again = Some(again);
    }
}
