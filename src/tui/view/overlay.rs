//! Draws what lies over the panes.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget};

use super::super::app::App;
use super::super::layout::{cell_box, centered, inner, list_box};
use super::super::overlay::{CellView, Overlay, Picker, Prompt, Question};
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

fn cell(app: &App, buffer: &mut Buffer, view: &CellView) {
    let theme = &app.theme;
    let lines = view.lines.len();
    let last = (view.top + view.height).min(lines);
    let place = if lines > view.height {
        format!("{} · lines {}-{} of {}", view.kind, view.top + 1, last, text::count(lines as u64))
    } else {
        view.kind.clone()
    };
    let inside = frame_box(app, buffer, cell_box(app.size, lines), &view.title, &place);
    let room = usize::from(inside.width.saturating_sub(2));
    for (i, line) in view.lines.iter().skip(view.top).take(usize::from(inside.height)).enumerate() {
        let line = if view.left > 0 { text::skip(line, view.left) } else { line.clone() };
        let style = theme.style(if view.kind == "NULL" { "ui.null" } else { "ui.overlay" });
        buffer.set_string(inside.x + 1, inside.y + small(i), text::cut(&line, room), style);
    }
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
