//! Draws an admin screen over the whole screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Sparkline, Widget};

use super::super::admin::{Admin, Kind};
use super::super::app::App;
use super::super::layout::inner;
use super::super::text;
use super::TAB_GAP;

/// The rectangle of the screen: all but the status line.
pub(in crate::tui) fn area(size: (u16, u16)) -> Rect {
    Rect::new(0, 0, size.0, size.1.saturating_sub(1))
}

/// The screen whose name stands at a column of the upper border.
pub(in crate::tui) fn kind_at(column: u16) -> Option<Kind> {
    let mut at = 2;
    for kind in Kind::ALL {
        let end = at + text::width(kind.name());
        if (at..end).contains(&usize::from(column)) {
            return Some(kind);
        }
        at = end + text::width(TAB_GAP);
    }
    None
}

pub(super) fn draw(app: &App, frame: &mut Frame<'_>) {
    let Some(admin) = &app.admin else { return };
    let theme = &app.theme;
    let area = area(app.size);
    let buffer = frame.buffer_mut();
    Clear.render(area, buffer);
    buffer.set_style(area, theme.style("ui"));
    Block::new().borders(Borders::ALL).border_style(theme.style("ui.border.focus")).render(area, buffer);
    let mut spans = vec![Span::raw(" ")];
    for (i, kind) in Kind::ALL.into_iter().enumerate() {
        if i > 0 {
            spans.push(Span::styled(TAB_GAP, theme.style("ui.border")));
        }
        let scope = if kind == admin.kind { "ui.title.focus" } else { "ui.tab" };
        spans.push(Span::styled(kind.name(), theme.style(scope)));
    }
    spans.push(Span::raw(" "));
    buffer.set_line(area.x + 1, area.y, &Line::from(spans), area.width.saturating_sub(2));
    let inside = inner(area);
    let graphs = admin.graphs(inside.height);
    if graphs > 0 {
        rates(app, admin, frame, Rect { height: graphs, ..inside });
    }
    lines(app, admin, frame, Rect { y: inside.y + graphs, height: inside.height - graphs, ..inside });
    let foot = match (admin.kind, admin.follows()) {
        (Kind::Wal, true) => format!("{} transactions, following", text::count(admin.transactions)),
        (Kind::Wal, false) => format!("{} transactions, G follows", text::count(admin.transactions)),
        _ => String::new(),
    };
    if !foot.is_empty() {
        super::foot(frame.buffer_mut(), area, &foot, theme.style("ui.title"));
    }
}

fn lines(app: &App, admin: &Admin, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.theme;
    let buffer = frame.buffer_mut();
    if admin.lines.is_empty() {
        let (line, scope) = match &admin.failed {
            Some(why) => (why.as_str(), "ui.error"),
            None if admin.kind == Kind::Wal => ("reading the log …", "ui.null"),
            None => ("reading …", "ui.null"),
        };
        let room = usize::from(area.width.saturating_sub(2));
        buffer.set_string(area.x + 1, area.y, text::cut(line, room), theme.style(scope));
        return;
    }
    for (i, line) in admin.lines.iter().enumerate().skip(admin.top).take(usize::from(area.height)) {
        let y = area.y + u16::try_from(i - admin.top).unwrap_or(0);
        let room = area.width.saturating_sub(1);
        buffer.set_line(area.x + 1, y, &super::styled(theme, &line.pieces), room);
        if i == admin.cursor {
            buffer.set_style(Rect { y, height: 1, ..area }, theme.style("ui.selection"));
        }
    }
}

fn rates(app: &App, admin: &Admin, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.theme;
    let columns = Layout::horizontal(vec![Constraint::Ratio(1, 3); admin.rates.len()]).spacing(2).split(area);
    for (rate, column) in admin.rates.iter().zip(columns.iter()) {
        let now = rate.values.back().map_or_else(|| "…".to_owned(), |n| text::count(*n));
        let title = format!(" {now} {}", rate.title);
        frame.buffer_mut().set_string(
            column.x,
            column.y,
            text::cut(&title, usize::from(column.width)),
            theme.style("ui.text.strong"),
        );
        let graph =
            Rect { x: column.x + 1, y: column.y + 1, width: column.width.saturating_sub(1), height: 2 };
        let skipped = rate.values.len().saturating_sub(usize::from(graph.width));
        let data: Vec<u64> = rate.values.iter().skip(skipped).copied().collect();
        frame.render_widget(Sparkline::default().data(&data).style(theme.style("ui.title.focus")), graph);
    }
}
