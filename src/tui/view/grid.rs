//! Draws the rows of a result, and a row with one column a line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::bus::contains_text;
use crate::model::Value;

use super::super::app::App;
use super::super::grid::{self, Grid, RowKind, Seen};
use super::super::layout::{WIDE, cell_box};
use super::super::record::RecordView;
use super::data::value_scope;
use super::{empty, foot, overlay};
use crate::tui::text;

fn small(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

pub(super) fn rows(app: &App, buffer: &mut Buffer, rect: Rect, inside: Rect, focused: bool) {
    let Some(grid) = app.results.active() else {
        if app.running.is_some() {
            let ways = [("cancel", "cancels the statement")];
            return empty(app, buffer, inside, "The first rows are on their way.", &ways);
        }
        let ways = [("browse", "on a type shows its rows"), ("run", "in the editor runs a statement")];
        return empty(app, buffer, inside, "No rows yet.", &ways);
    };
    let theme = &app.theme;
    let mut area = inside;
    if grid.has_state() {
        state_line(app, buffer, grid, inside);
        area = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    }
    let seen = grid.seen();
    header(app, buffer, grid, area, &seen, focused);
    for line in 0..area.height.saturating_sub(2) {
        let row = grid.top + u64::from(line);
        if row >= grid.total() {
            break;
        }
        let place = Line { row, y: area.y + 2 + line, focused };
        grid_row(app, buffer, grid, area, &seen, place);
    }
    if grid.total() == 0 {
        let known = grid.known();
        let text = match (known.complete, known.stopped, grid.shape.is_empty()) {
            (true, _, true) => "no rows",
            (true, _, false) => "no row passes the filter: Esc takes it off",
            (false, true, _) => "stopped before the first row",
            (false, false, _) => "…",
        };
        buffer.set_string(area.x + 1, area.y + 2, text, theme.style("ui.null"));
    }
    bottom_line(app, buffer, grid, rect);
}

/// What is asked of the rows, above the header.
fn state_line(app: &App, buffer: &mut Buffer, grid: &Grid, inside: Rect) {
    let theme = &app.theme;
    let staged = grid.staged.len();
    let mut x = inside.x + 1;
    let mut room = usize::from(inside.width.saturating_sub(2));
    if staged > 0 {
        let words = format!("{} staged, ^S commits", text::count(staged as u64));
        let words = text::cut(&words, room);
        buffer.set_string(x, inside.y, &words, theme.style("ui.warning"));
        let used = text::width(&words) + 3;
        x += small(used);
        room = room.saturating_sub(used);
    }
    buffer.set_string(x, inside.y, text::cut(&grid.state(), room), theme.style("ui.match"));
}

fn header(app: &App, buffer: &mut Buffer, grid: &Grid, area: Rect, seen: &[Seen], focused: bool) {
    let theme = &app.theme;
    let border = theme.style("ui.border");
    let rule_y = area.y + 1;
    buffer.set_string(area.x, rule_y, "─".repeat(usize::from(area.width)), border);
    let separator = |buffer: &mut Buffer, at: usize, y: u16, symbol: &str| {
        if at < usize::from(area.width) {
            buffer.set_string(area.x + small(at), y, symbol, border);
        }
    };
    separator(buffer, grid.gutter() + 1, area.y, "│");
    separator(buffer, grid.gutter() + 1, rule_y, "┼");
    for (i, own) in seen.iter().enumerate() {
        let name = grid.columns.name(own.column);
        let current = own.column == grid.column() && focused;
        let style = theme.style(if current { "ui.title.focus" } else { "ui.header" });
        let x = area.x + small(own.at);
        match grid.shape.mark(own.column) {
            // The mark stays whole, the name gives way.
            Some(mark) => {
                let room = own.width.saturating_sub(text::width(&mark) + 1);
                let name = text::cut(name, room);
                let shown = text::fit(&format!("{name} {mark}"), own.width, grid.is_number(own.column));
                buffer.set_string(x, area.y, shown, style);
            }
            None => {
                buffer.set_string(x, area.y, text::fit(name, own.width, grid.is_number(own.column)), style);
            }
        }
        if i + 1 < seen.len() {
            // The last column that stays has a line of its own.
            let frozen = grid.columns.frozen > 0 && i + 1 == grid.columns.frozen;
            separator(buffer, own.at + own.width + 1, area.y, if frozen { "┃" } else { "│" });
            separator(buffer, own.at + own.width + 1, rule_y, if frozen { "╂" } else { "┼" });
        }
    }
    if grid.columns.more_right(seen) {
        buffer.set_string(area.right() - 1, area.y, "›", theme.style("ui.hint.key"));
    }
    if grid.columns.scrolled() {
        buffer.set_string(area.x, area.y, "‹", theme.style("ui.hint.key"));
    }
}

/// Position and column, on the pane's lower border.
fn bottom_line(app: &App, buffer: &mut Buffer, grid: &Grid, rect: Rect) {
    let Some(column) = grid.columns.of.get(grid.column()) else { return };
    let name = grid.columns.name(grid.column());
    let of = format!(
        "{} of {}",
        text::count(grid.columns.place() as u64 + 1),
        text::count(grid.columns.shown().len() as u64)
    );
    // On a narrow screen the row stands here, where the status line has no room for it.
    let first = match (app.size.0 < WIDE, grid.title.is_empty()) {
        (true, _) => format!("{} · ", grid.position()),
        (false, false) => format!("{} · ", grid.title),
        (false, true) => String::new(),
    };
    let label = format!("{first}{name} {} · column {of}", column.property_type);
    foot(buffer, rect, &label, app.theme.style("ui.title"));
}

#[derive(Clone, Copy)]
struct Line {
    row: u64,
    y: u16,
    focused: bool,
}

fn grid_row(app: &App, buffer: &mut Buffer, grid: &Grid, area: Rect, seen: &[Seen], line: Line) {
    let theme = &app.theme;
    let border = theme.style("ui.border");
    let Line { row, y, focused } = line;
    let kind = grid.row_kind(row);
    let number = match grid.insert_at(row) {
        Some(_) => "new".to_owned(),
        None => text::count(row + 1),
    };
    let number = text::fit(&number, grid.gutter(), true);
    let selected = row == grid.row;
    let scope = if selected { "ui.line-number.active" } else { "ui.line-number" };
    buffer.set_string(area.x, y, number, theme.style(scope));
    let separate = |buffer: &mut Buffer, at: usize, symbol: &str| {
        if at < usize::from(area.width) {
            buffer.set_string(area.x + small(at), y, symbol, border);
        }
    };
    separate(buffer, grid.gutter() + 1, "│");
    let selection = theme.style(if focused { "ui.selection" } else { "ui.selection.dim" });
    if selected {
        buffer.set_style(Rect { y, height: 1, ..area }, selection);
    }
    let (sign, scope) = match kind {
        RowKind::Deleted => ("-", "ui.error"),
        RowKind::New => ("+", "ui.ok"),
        RowKind::Changed => ("~", "ui.warning"),
        RowKind::Plain if grid.marks.contains(&row) => ("●", "ui.hint.key"),
        RowKind::Plain => ("", "ui"),
    };
    if !sign.is_empty() {
        let style = buffer[(area.x, y)].style().patch(theme.style(scope));
        buffer.set_string(area.x + small(grid.gutter()), y, sign, style);
    }
    for (i, own) in seen.iter().enumerate() {
        let x = area.x + small(own.at);
        let value = grid.shown(row, own.column);
        let (shown, mut style) = cell(app, grid, value.as_ref(), (row, own.column), kind);
        if selected {
            // The selection's own colour of text is made for its ground.
            style = style.patch(selection);
        }
        let fitted = text::fit(&shown, own.width, grid.is_number(own.column));
        buffer.set_string(x, y, &fitted, style);
        if let Some(wanted) = &grid.find {
            matches(buffer, (x, y), &fitted, wanted, theme.style("ui.match"));
        }
        if selected && focused && own.column == grid.column() {
            let cell = Rect { x: x.saturating_sub(1), y, width: small(own.width + 2), height: 1 };
            buffer.set_style(cell.intersection(area), theme.style("ui.cursor"));
        }
        if i + 1 < seen.len() {
            let frozen = grid.columns.frozen > 0 && i + 1 == grid.columns.frozen;
            separate(buffer, own.at + own.width + 1, if frozen { "┃" } else { "│" });
        }
    }
}

/// A cell's text and style.
fn cell(
    app: &App,
    grid: &Grid,
    value: Option<&Value>,
    (row, column): (u64, usize),
    kind: RowKind,
) -> (String, Style) {
    let theme = &app.theme;
    let Some(value) = value else { return ("…".to_owned(), theme.style("ui.null")) };
    let mut style = theme.style(value_scope(value));
    let mut shown = grid::cell_text(value, grid.columns.separated(column));
    match kind {
        RowKind::Deleted => style = style.patch(theme.style("ui.error")).crossed_out(),
        RowKind::New if !grid.is_staged(row, column) => {
            shown = "·".to_owned();
            style = theme.style("ui.null");
        }
        RowKind::New => style = style.patch(theme.style("ui.ok")),
        RowKind::Changed if grid.is_staged(row, column) => {
            style = style.patch(theme.style("ui.warning")).underlined();
        }
        RowKind::Changed | RowKind::Plain => {}
    }
    (shown, style)
}

/// Marks where a text is found in what is shown.
pub(super) fn matches(buffer: &mut Buffer, (x, y): (u16, u16), shown: &str, wanted: &str, style: Style) {
    if wanted.is_empty() || !contains_text(shown, wanted) {
        return;
    }
    let any_case = !wanted.chars().any(char::is_uppercase);
    let (hay, needle) = if any_case && shown.is_ascii() {
        (shown.to_ascii_lowercase(), wanted.to_owned())
    } else {
        (shown.to_owned(), wanted.to_owned())
    };
    for (at, _) in hay.match_indices(&needle) {
        let before = text::width(hay.get(..at).unwrap_or_default());
        let area = Rect { x: x + small(before), y, width: small(text::width(&needle)), height: 1 };
        buffer.set_style(area.intersection(buffer.area), style);
    }
}

/// The row under the cursor with one column a line.
pub(super) fn record(app: &App, buffer: &mut Buffer, view: &RecordView) {
    let Some(grid) = app.results.active() else { return };
    let theme = &app.theme;
    let shown = grid.columns.shown();
    let title = match grid.insert_at(grid.row) {
        Some(n) => format!("new row {}", n + 1),
        None => format!("row {} of {}", text::count(grid.row + 1), text::count(grid.rows())),
    };
    let place = format!(
        "column {} of {}",
        text::count(grid.columns.place() as u64 + 1),
        text::count(shown.len() as u64)
    );
    let inside = overlay::frame_box(app, buffer, cell_box(app.size, shown.len() + 1), &title, &place);
    let names = shown.iter().map(|c| text::width(grid.columns.name(*c))).max().unwrap_or(0).clamp(4, 24);
    let kinds = shown
        .iter()
        .filter_map(|c| grid.columns.of.get(*c))
        .map(|c| text::width(&c.property_type.to_string()))
        .max()
        .unwrap_or(0)
        .clamp(4, 13);
    let room = usize::from(inside.width).saturating_sub(names + kinds + 6);
    let kind = grid.row_kind(grid.row);
    for (line, column) in shown.iter().skip(view.top).take(view.height).enumerate() {
        let y = inside.y + small(line);
        let of = grid.columns.of.get(*column).map(|c| c.property_type.to_string().to_lowercase());
        let value = grid.shown(grid.row, *column);
        let (_, style) = cell(app, grid, value.as_ref(), (grid.row, *column), kind);
        let whole = value.as_ref().map_or_else(|| "…".to_owned(), text::one_line);
        let name = text::fit(grid.columns.name(*column), names, false);
        buffer.set_string(inside.x + 1, y, name, theme.style("ui.header"));
        let of = text::fit(&of.unwrap_or_default(), kinds, false);
        buffer.set_string(inside.x + small(names + 3), y, of, theme.style("ui.text.muted"));
        buffer.set_string(inside.x + small(names + kinds + 5), y, text::cut(&whole, room), style);
        if *column == grid.column() {
            buffer.set_style(Rect { y, height: 1, ..inside }, theme.style("ui.selection"));
        }
    }
}
