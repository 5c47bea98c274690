//! Draws what belongs to the editor's desk: completions, the history, its questions.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget};

use crate::bus::HistoryEntry;
use crate::bus::complete::Kind;
use crate::model::{escape_control, format_timestamp};

use super::super::app::App;
use super::super::layout::{centered, inner, list_box};
use super::super::workspace::ask::Ask;
use super::super::workspace::completion;
use super::super::workspace::history::HistoryList;
use super::super::workspace::palette::one_line;
use super::overlay::{frame_box, small};
use crate::tui::text;

/// What a candidate is, in one cell.
fn sign(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Join => ("⋈", "syntax.keyword"),
        Kind::Property => ("·", "syntax.type"),
        Kind::Alias => ("→", "ui.text.muted"),
        Kind::Type => ("▤", "ui.title"),
        Kind::Keyword => ("k", "syntax.keyword"),
        Kind::Function => ("ƒ", "syntax.function"),
    }
}

/// The list of completions at the cursor.
pub(super) fn popup(app: &App, buffer: &mut Buffer) {
    let Some((popup, rect)) = app.work.popup.as_ref().zip(completion::place(app)) else { return };
    let theme = &app.theme;
    Clear.render(rect, buffer);
    buffer.set_style(rect, theme.style("ui.overlay"));
    Block::new().borders(Borders::ALL).border_style(theme.style("ui.border")).render(rect, buffer);
    if popup.items.len() > popup.height() {
        let at = popup.chosen.map_or(0, |at| at + 1);
        let foot =
            if at > 0 { format!("{at} of {}", popup.items.len()) } else { format!("{}", popup.items.len()) };
        super::foot(buffer, rect, &foot, theme.style("ui.title"));
    }
    let inside = inner(rect);
    let names = popup.items.iter().map(|item| text::width(&item.text)).max().unwrap_or(0).clamp(12, 44);
    let names = names.min(usize::from(inside.width).saturating_sub(3));
    for (i, item) in popup.items.iter().enumerate().skip(popup.top).take(usize::from(inside.height)) {
        let y = inside.y + small(i - popup.top);
        let (sign, scope) = sign(item.kind);
        let room = usize::from(inside.width).saturating_sub(names + 4);
        let spans = vec![
            Span::styled(sign, theme.style(scope)),
            Span::raw(" "),
            Span::styled(text::fit(&escape_control(&item.text), names, false), theme.style("ui.text")),
            Span::raw("  "),
            Span::styled(
                text::cut(&escape_control(&item.detail), room).into_owned(),
                theme.style("ui.text.muted"),
            ),
        ];
        buffer.set_line(inside.x, y, &Line::from(spans), inside.width);
        if popup.chosen == Some(i) {
            buffer.set_style(Rect { y, height: 1, ..inside }, theme.style("ui.selection"));
        }
    }
}

/// The box of the history, its lines and those of the preview.
fn history_box(size: (u16, u16), full: bool) -> (Rect, usize, usize) {
    let rect = if full { Rect::new(0, 0, size.0, size.1.saturating_sub(1)) } else { list_box(size) };
    let room = usize::from(inner(rect).height);
    let preview = (room / 3).clamp(3, 12);
    // The filter, the heading, and the rule above the preview.
    (rect, room.saturating_sub(preview + 3).max(1), preview)
}

/// How many statements the history shows at once.
pub(in crate::tui) fn history_lines(size: (u16, u16), full: bool) -> usize {
    history_box(size, full).1
}

/// The history: filter, statements, the whole of the selected one below.
pub(super) fn history(app: &App, frame: &mut Frame<'_>, list: &HistoryList) {
    let theme = &app.theme;
    let (rect, lines, preview) = history_box(app.size, list.full);
    let buffer = frame.buffer_mut();
    let found = format!("{} · {} of {}", list.which.name(), list.shown.len(), app.work.history.len());
    let inside = frame_box(app, buffer, rect, "History", &found);
    let prompt = format!(" › {}", list.filter);
    buffer.set_string(inside.x, inside.y, &prompt, theme.style("ui.text.strong"));
    let end = inside.x + small(text::width(&prompt));
    if list.filter.is_empty() {
        buffer.set_string(end, inside.y, "type to filter", theme.style("ui.null"));
    }
    let wide = list.full && inside.width >= 100;
    let heading = columns(wide, "time (UTC)", "ms", "rows", "database", "statement");
    let heading = text::cut(&heading, usize::from(inside.width)).into_owned();
    buffer.set_string(inside.x, inside.y + 1, heading, theme.style("ui.header"));
    for (n, at) in list.shown.iter().enumerate().skip(list.top).take(lines) {
        let Some(entry) = app.work.history.get(*at) else { continue };
        let y = inside.y + 2 + small(n - list.top);
        let row = Rect { y, height: 1, ..inside };
        let line = text::cut(&line_of(entry, wide), usize::from(inside.width)).into_owned();
        let scope = if entry.error.is_some() { "ui.error" } else { "ui.overlay" };
        buffer.set_string(inside.x, y, line, theme.style(scope));
        if n == list.selected {
            buffer.set_style(row, theme.style("ui.selection"));
        }
    }
    if list.shown.is_empty() {
        let what = if app.work.history.is_empty() { "nothing was run yet" } else { "nothing matches" };
        buffer.set_string(inside.x + 2, inside.y + 2, what, theme.style("ui.null"));
    }
    let rule_y = inside.y + 2 + small(lines);
    buffer.set_string(inside.x, rule_y, "─".repeat(usize::from(inside.width)), theme.style("ui.border"));
    if let Some(entry) = list.picked(&app.work.history) {
        let below = Rect {
            y: rule_y + 1,
            height: small(preview).min(inside.bottom().saturating_sub(rule_y + 1)),
            ..inside
        };
        preview_of(app, buffer, below, entry);
    }
    let cursor = Position::new(end.min(inside.right().saturating_sub(1)), inside.y);
    frame.set_cursor_position(cursor);
}

fn columns(wide: bool, time: &str, ms: &str, rows: &str, database: &str, statement: &str) -> String {
    let fixed =
        format!(" {}  {}  {}", text::fit(time, 16, false), text::fit(ms, 8, true), text::fit(rows, 9, true));
    if wide {
        format!("{fixed}  {}  {statement}", text::fit(database, 14, false))
    } else {
        format!("{fixed}  {statement}")
    }
}

fn line_of(entry: &HistoryEntry, wide: bool) -> String {
    let time = match entry.at_micros {
        0 => "just now".to_owned(),
        at => format_timestamp(at).replace('T', " ").chars().take(16).collect(),
    };
    let ms = entry
        .elapsed
        .map_or_else(|| "…".to_owned(), |e| text::count(u64::try_from(e.as_millis()).unwrap_or(0)));
    let rows = match (&entry.error, entry.rows) {
        (Some(_), _) => "error".to_owned(),
        (None, Some(rows)) => text::count(rows),
        (None, None) => String::new(),
    };
    let name = entry.database.rsplit('/').next().unwrap_or_default();
    columns(wide, &time, &ms, &rows, &escape_control(name), &one_line(&entry.sql))
}

/// The selected statement as it was written, and why it failed.
fn preview_of(app: &App, buffer: &mut Buffer, area: Rect, entry: &HistoryEntry) {
    let theme = &app.theme;
    let room = usize::from(area.width.saturating_sub(2));
    let shown: String = entry.sql.trim().chars().take(8_000).collect();
    let mut lines: Vec<(String, &str)> = Vec::new();
    if let Some(error) = &entry.error {
        lines.extend(text::lines(error, Some(room)).into_iter().take(2).map(|line| (line, "ui.error")));
    }
    lines.extend(text::lines(&shown, Some(room)).into_iter().map(|line| (line, "ui.text")));
    let height = usize::from(area.height);
    let over = lines.len() > height;
    for (i, (line, scope)) in lines.into_iter().take(height).enumerate() {
        buffer.set_string(area.x + 1, area.y + small(i), text::cut(&line, room), theme.style(scope));
    }
    if over && area.height > 0 {
        buffer.set_string(
            area.right().saturating_sub(2),
            area.bottom() - 1,
            "…",
            theme.style("ui.text.muted"),
        );
    }
}

/// A question of the desk.
pub(super) fn ask(app: &App, frame: &mut Frame<'_>, ask: &Ask) {
    let theme = &app.theme;
    let width = app.size.0.saturating_sub(8).min(76);
    let room = usize::from(width.saturating_sub(4));
    let lines: Vec<String> = ask.lines.iter().flat_map(|line| text::lines(line, Some(room))).collect();
    let most = usize::from(app.size.1.saturating_sub(9)).max(1);
    let lines: Vec<String> = if lines.len() > most {
        let more = format!("… and {} more", lines.len() - (most - 1));
        lines.into_iter().take(most - 1).chain(std::iter::once(more)).collect()
    } else {
        lines
    };
    let extra = if ask.input.is_some() { 6 } else { 4 };
    let buffer = frame.buffer_mut();
    let height = small(lines.len() + extra);
    let inside = frame_box(app, buffer, centered(app.size, width, height), &ask.title, "");
    for (i, line) in lines.iter().enumerate() {
        buffer.set_string(inside.x + 1, inside.y + small(i), line, theme.style("ui.overlay"));
    }
    let mut cursor = None;
    if let Some(input) = &ask.input {
        let y = inside.y + small(lines.len() + 1);
        let label = ask
            .wanted
            .as_ref()
            .map_or_else(String::new, |wanted| format!("type {} ", escape_control(wanted)));
        let label = text::cut(&label, room / 2).into_owned();
        let shown = escape_control(input);
        let space = room.saturating_sub(text::width(&label) + 3);
        // Of a long name the end is seen.
        let over = text::width(&shown).saturating_sub(space);
        let shown = if over > 0 { text::skip(&shown, over) } else { shown.into_owned() };
        buffer.set_string(inside.x + 1, y, format!("{label}› {shown}"), theme.style("ui.text.strong"));
        let x = inside.x + 1 + small(text::width(&label) + 2 + text::width(&shown));
        cursor = Some(Position::new(x.min(inside.right().saturating_sub(1)), y));
    }
    let mut spans = vec![Span::raw(" ")];
    let mut choice = |key: &'static str, label: &'static str, on: bool| {
        let (key_scope, label_scope) =
            if on { ("ui.hint.key", "ui.text") } else { ("ui.text.muted", "ui.text.muted") };
        spans.push(Span::styled(key, theme.style(key_scope)));
        spans.push(Span::styled(format!(" {label}   "), theme.style(label_scope)));
    };
    if ask.input.is_some() {
        choice("Enter", ask.yes, ask.is_ready());
        choice("Esc", "leave it", true);
    } else {
        choice("y", ask.yes, true);
        choice("n", "leave it", true);
    }
    buffer.set_line(inside.x, inside.bottom() - 1, &Line::from(spans), inside.width);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}
