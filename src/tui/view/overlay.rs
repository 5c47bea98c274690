//! Draws what lies over the panes.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget};

use super::super::app::App;
use super::super::grid::edit::Review;
use super::super::input::Input;
use super::super::layout::{cell_box, centered, inner, list_box, review_box};
use super::super::overlay::{Overlay, Picker, Prompt, Question};
use super::super::viewer::Viewer;
use crate::tui::text;

pub(super) fn draw(app: &App, frame: &mut Frame<'_>) {
    for overlay in &app.overlays {
        match overlay {
            Overlay::Cell(view) => cell(app, frame.buffer_mut(), view),
            Overlay::List(picker) => {
                let cursor = list(app, frame.buffer_mut(), picker);
                frame.set_cursor_position(cursor);
            }
            Overlay::Prompt(prompt) => {
                let rect = app.screen.status;
                let column = small(text::width(&prompt.text) + 1).min(rect.width.saturating_sub(1));
                frame.set_cursor_position(Position::new(rect.x + column, rect.y));
            }
            Overlay::Question(asked) => question(app, frame.buffer_mut(), asked),
            Overlay::History(list) => super::workspace::history(app, frame, list),
            Overlay::Ask(asked) => super::workspace::ask(app, frame, asked),
            Overlay::Record(view) => super::grid::record(app, frame.buffer_mut(), view),
            Overlay::Review(view) => review(app, frame.buffer_mut(), view),
            Overlay::Input(input) => {
                let cursor = input_box(app, frame.buffer_mut(), input);
                frame.set_cursor_position(cursor);
            }
        }
    }
}

pub(super) fn small(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// A framed box on a clean ground.
pub(super) fn frame_box(app: &App, buffer: &mut Buffer, rect: Rect, title: &str, foot: &str) -> Rect {
    let theme = &app.theme;
    Clear.render(rect, buffer);
    buffer.set_style(rect, theme.style("ui"));
    buffer.set_style(rect, theme.style("ui.overlay"));
    let room = usize::from(rect.width.saturating_sub(6));
    Block::new()
        .borders(Borders::ALL)
        .border_style(theme.style("ui.border.focus"))
        .title(Span::styled(format!(" {} ", text::cut(title, room)), theme.style("ui.title.focus")))
        .render(rect, buffer);
    if !foot.is_empty() {
        super::foot(buffer, rect, foot, theme.style("ui.title"));
    }
    inner(rect)
}

fn cell(app: &App, buffer: &mut Buffer, view: &Viewer) {
    let theme = &app.theme;
    let inside = frame_box(app, buffer, cell_box(app.size, view.lines()), &view.title, &view.place());
    let room = usize::from(inside.width.saturating_sub(2));
    for (i, (current, pieces)) in view.seen().into_iter().take(usize::from(inside.height)).enumerate() {
        let y = inside.y + small(i);
        let mut used = 0;
        let mut whole = String::new();
        for (piece, scope) in pieces {
            let piece = text::cut(&piece, room.saturating_sub(used)).into_owned();
            buffer.set_string(inside.x + 1 + small(used), y, &piece, theme.style(scope));
            used += text::width(&piece);
            whole.push_str(&piece);
        }
        if let Some(wanted) = &view.find {
            super::grid::matches(buffer, (inside.x + 1, y), &whole, wanted, theme.style("ui.match"));
        }
        if current {
            buffer.set_style(Rect { y, height: 1, ..inside }, theme.style("ui.selection"));
        }
    }
}

/// The statements of a commit; below them what they touch, or why the commit failed.
fn review(app: &App, buffer: &mut Buffer, view: &Review) {
    let theme = &app.theme;
    let count = view.statements.len();
    let plural = if count == 1 { "statement" } else { "statements" };
    let title = format!("Commit {count} {plural} in one transaction");
    let foot =
        if view.committing { "committing …" } else { "Enter commits · u takes one back · Esc goes back" };
    let inside = frame_box(app, buffer, review_box(app.size), &title, foot);
    for (i, (n, line)) in view.lines(inside.width).into_iter().skip(view.top).take(view.height).enumerate() {
        let y = inside.y + small(i);
        let failed = view.failed.as_ref().is_some_and(|(at, _)| *at == Some(n));
        let style = theme.style(if failed { "ui.error" } else { "ui.overlay" });
        buffer.set_string(inside.x + 2, y, line, style);
        if n == view.selected {
            buffer.set_string(inside.x, y, "▎", theme.style("ui.hint.key"));
        }
    }
    let rule = "─".repeat(usize::from(inside.width));
    let y = inside.bottom().saturating_sub(4);
    buffer.set_string(inside.x, y, rule, theme.style("ui.border"));
    let room = usize::from(inside.width.saturating_sub(2));
    let (words, scope) = match &view.failed {
        Some((_, error)) => {
            let hint = error.hint().map_or(String::new(), |hint| format!(" — {hint}"));
            (format!("not committed: {error}{hint}"), "ui.error")
        }
        None => (view.summary(), "ui.warning"),
    };
    for (i, line) in text::lines(&words, Some(room)).iter().take(3).enumerate() {
        buffer.set_string(inside.x + 1, y + 1 + small(i), line, theme.style(scope));
    }
}

/// Draws a line that is typed, a cell's over the cell; gives the place of the text cursor.
fn input_box(app: &App, buffer: &mut Buffer, input: &Input) -> Position {
    if !input.is_cell() {
        return input_cursor(app, input);
    }
    let theme = &app.theme;
    let width = app.size.0.saturating_sub(8).min(72);
    let rect = centered(app.size, width, 4);
    let inside = frame_box(app, buffer, rect, &input.label, "Enter stages · ^N NULL · Esc leaves");
    let room = usize::from(inside.width.saturating_sub(2));
    if input.null {
        buffer.set_string(inside.x + 1, inside.y, "NULL", theme.style("ui.null"));
    } else {
        let (shown, _) = around_cursor(input, room);
        buffer.set_string(inside.x + 1, inside.y, shown, theme.style("ui.text.strong"));
    }
    buffer.set_string(
        inside.x + 1,
        inside.y + 1,
        text::cut(&crate::model::escape_control(&input.note), room),
        theme.style("ui.warning"),
    );
    let (_, column) = around_cursor(input, room);
    Position::new(inside.x + 1 + small(column), inside.y)
}

/// The stretch of a line that fits with its cursor, and the cursor's column in it.
fn around_cursor(input: &Input, room: usize) -> (String, usize) {
    let safe = |text: &str| {
        text.split('\n')
            .map(|line| crate::model::escape_control(line).into_owned())
            .collect::<Vec<_>>()
            .join("⏎")
    };
    let before = safe(input.text.get(..input.cursor).unwrap_or_default());
    let whole = safe(&input.text);
    let at = text::width(&before);
    let skipped = (at + 2).saturating_sub(room);
    let shown = if skipped > 0 { text::skip(&whole, skipped) } else { whole };
    (text::cut(&shown, room).into_owned(), at - skipped)
}

/// The room for what is typed on the status line, behind the label.
fn input_room(app: &App, input: &Input) -> (usize, usize) {
    let label = text::width(&input.label) + 4;
    (label, usize::from(app.screen.status.width).saturating_sub(label + 1).max(8))
}

fn input_cursor(app: &App, input: &Input) -> Position {
    let (label, room) = input_room(app, input);
    let (_, column) = around_cursor(input, room);
    let rect = app.screen.status;
    Position::new((rect.x + small(label + column)).min(rect.right().saturating_sub(1)), rect.y)
}

/// A line that is typed, in place of the status line.
pub(super) fn input_line(app: &App, buffer: &mut Buffer, rect: Rect, input: &Input) {
    let theme = &app.theme;
    let (label, room) = input_room(app, input);
    buffer.set_string(rect.x, rect.y, format!(" {} › ", input.label), theme.style("ui.hint.key"));
    let (shown, _) = around_cursor(input, room);
    buffer.set_string(rect.x + small(label), rect.y, &shown, theme.style("ui.status.strong"));
    let used = label + text::width(&shown) + 3;
    let left = usize::from(rect.width).saturating_sub(used);
    let note = match (&app.notice, &app.progress) {
        (Some((_, notice)), _) if input.note.is_empty() => notice.clone(),
        (_, Some(progress)) => progress.clone(),
        _ => input.note.clone(),
    };
    buffer.set_string(rect.x + small(used), rect.y, text::cut(&note, left), theme.style("ui.hint.text"));
}

/// Draws a list; gives the place of the text cursor.
fn list(app: &App, buffer: &mut Buffer, picker: &Picker) -> Position {
    let theme = &app.theme;
    let found = picker.shown().count();
    let foot = format!("{found} found");
    let inside = frame_box(app, buffer, list_box(app.size), picker.title, &foot);
    let prompt = format!(" › {}", picker.filter);
    buffer.set_string(inside.x, inside.y, &prompt, theme.style("ui.text.strong"));
    if picker.filter.is_empty() {
        let x = inside.x + small(text::width(&prompt));
        buffer.set_string(x, inside.y, "type to filter", theme.style("ui.null"));
    }
    let rule = "─".repeat(usize::from(inside.width));
    buffer.set_string(inside.x, inside.y + 1, rule, theme.style("ui.border"));
    let keys = picker.shown().map(|e| text::width(&e.keys)).max().unwrap_or(0).clamp(4, 24);
    let labels = picker.shown().map(|e| text::width(&e.label)).max().unwrap_or(0).clamp(8, 24);
    let room = usize::from(inside.width).saturating_sub(keys + labels + 7);
    let mut y = inside.y + 2;
    let mut section = "";
    for (i, entry) in picker.shown().enumerate().skip(picker.top) {
        if y >= inside.bottom() {
            break;
        }
        if picker.filter.is_empty() && entry.section != section {
            section = entry.section;
            // A heading only where a line remains for what it heads.
            if y + 1 >= inside.bottom() {
                break;
            }
            buffer.set_string(inside.x + 1, y, section, theme.style("ui.header"));
            y += 1;
        }
        let spans = vec![
            Span::raw("  "),
            Span::styled(text::fit(&entry.keys, keys, false), theme.style("ui.hint.key")),
            Span::raw("  "),
            Span::styled(text::fit(&entry.label, labels, false), theme.style("ui.text.strong")),
            Span::raw("  "),
            Span::styled(text::cut(&entry.detail, room).into_owned(), theme.style("ui.text.muted")),
        ];
        buffer.set_line(inside.x, y, &Line::from(spans), inside.width.saturating_sub(1));
        if i == picker.selected {
            buffer.set_style(Rect { y, height: 1, ..inside }, theme.style("ui.selection"));
        }
        y += 1;
    }
    if found == 0 {
        buffer.set_string(inside.x + 2, inside.y + 2, "nothing matches", theme.style("ui.null"));
    }
    Position::new(inside.x + small(text::width(&prompt)), inside.y)
}

fn question(app: &App, buffer: &mut Buffer, question: &Question) {
    let theme = &app.theme;
    let width = app.size.0.saturating_sub(8).min(76);
    let room = usize::from(width.saturating_sub(4));
    let lines: Vec<String> = question.lines.iter().flat_map(|line| text::lines(line, Some(room))).collect();
    let height = small(lines.len() + 4);
    let inside = frame_box(app, buffer, centered(app.size, width, height), question.title, "");
    for (i, line) in lines.iter().take(usize::from(inside.height.saturating_sub(2))).enumerate() {
        buffer.set_string(inside.x + 1, inside.y + small(i), line, theme.style("ui.overlay"));
    }
    let mut spans = vec![Span::raw(" ")];
    let mut choice = |key: &'static str, label: &'static str| {
        spans.push(Span::styled(key, theme.style("ui.hint.key")));
        spans.push(Span::styled(format!(" {label}   "), theme.style("ui.text")));
    };
    if question.consent.is_some() {
        choice("y", question.yes);
    }
    choice("n", question.no);
    buffer.set_line(inside.x, inside.bottom() - 1, &Line::from(spans), inside.width);
}

/// The `:` line, in place of the status line.
pub(super) fn prompt(app: &App, buffer: &mut Buffer, rect: Rect, prompt: &Prompt) {
    let theme = &app.theme;
    let line = format!(":{}", prompt.text);
    buffer.set_string(
        rect.x,
        rect.y,
        text::cut(&line, usize::from(rect.width)),
        theme.style("ui.status.strong"),
    );
    let typed = text::width(&line) + 3;
    let fits = prompt.fits().join("  ");
    let room = usize::from(rect.width).saturating_sub(typed);
    buffer.set_string(rect.x + small(typed), rect.y, text::cut(&fits, room), theme.style("ui.hint.text"));
}
