//! Draws the plan: a tree with rows and times, an icicle, or text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::app::App;
use super::super::plan::{PlanPane, Shape, Step, millis};
use super::super::text;
use super::data;

/// Columns of the numbers to the right of the steps.
const ROWS: usize = 12;
const TIME: usize = 9;
const BAR: usize = 10;
/// The parts of a cell that a bar can end with.
const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

pub(super) fn draw(app: &App, buffer: &mut Buffer, rect: Rect, inside: Rect, focused: bool) {
    let pane = &app.plan;
    if pane.steps.is_empty() {
        return data::lines(app, buffer, inside, &pane.text);
    }
    match pane.shape {
        Shape::Tree => tree(app, buffer, inside, focused),
        Shape::Icicle => icicle(app, buffer, inside, focused),
    }
    below(app, buffer, inside);
    super::foot(buffer, rect, &pane.summary, app.theme.style("ui.title"));
}

/// The line about the selected step at the bottom.
fn below(app: &App, buffer: &mut Buffer, inside: Rect) {
    let theme = &app.theme;
    let Some(step) = app.plan.selected() else { return };
    if inside.height < 4 {
        return;
    }
    let y = inside.bottom() - 2;
    let room = usize::from(inside.width);
    buffer.set_string(inside.x, y, "─".repeat(room), theme.style("ui.border"));
    let line = format!("{}: {}", step.name, step.details);
    buffer.set_string(inside.x, y + 1, text::cut(&line, room), theme.style("ui.text.muted"));
}

fn tree(app: &App, buffer: &mut Buffer, inside: Rect, focused: bool) {
    let (pane, theme) = (&app.plan, &app.theme);
    let times = pane.has_times();
    let width = usize::from(inside.width);
    // On a narrow pane the bar goes first, then the estimate.
    let bar = if times && width >= 70 { BAR } else { 0 };
    let estimate = if !times || width >= 56 { ROWS } else { 0 };
    let numbers = estimate + if times { ROWS + TIME } else { 0 } + if bar > 0 { bar + 2 } else { 0 };
    let room = width.saturating_sub(numbers + 1);
    let mut heading = text::fit(" step", room, false);
    if estimate > 0 {
        heading.push_str(&text::fit("expected", ROWS, true));
    }
    if times {
        heading.push_str(&text::fit("rows", ROWS, true));
        heading.push_str(&text::fit("own time", TIME, true));
    }
    buffer.set_string(inside.x, inside.y, text::cut(&heading, width), theme.style("ui.header"));
    let longest = pane.steps.iter().filter_map(|step| step.own).fold(0.0, f64::max);
    let height = usize::from(inside.height.saturating_sub(3));
    for (i, at) in pane.shown().into_iter().skip(pane.top).take(height).enumerate() {
        let Some(step) = pane.steps.get(at) else { continue };
        let y = inside.y + 1 + u16::try_from(i).unwrap_or(0);
        let line = Line { room, estimate: estimate > 0, times, bar, longest };
        step_line(app, buffer, inside, y, (at, step), &line);
        if at == pane.cursor {
            let style = theme.style(if focused { "ui.selection" } else { "ui.selection.dim" });
            buffer.set_style(Rect { y, height: 1, ..inside }, style);
        }
    }
}

/// What stands on a line of the tree.
struct Line {
    room: usize,
    estimate: bool,
    times: bool,
    bar: usize,
    longest: f64,
}

fn step_line(app: &App, buffer: &mut Buffer, inside: Rect, y: u16, (at, step): (usize, &Step), line: &Line) {
    let (pane, theme) = (&app.plan, &app.theme);
    let arrow = match (step.below, pane.is_folded(at)) {
        (0, _) => "  ",
        (_, true) => "▸ ",
        (_, false) => "▾ ",
    };
    // Deep plans lean less, so that their names stay on the screen.
    let indent = (step.depth * 2).min(line.room / 2);
    let mark = if step.slow { "▌" } else { " " };
    buffer.set_string(inside.x, y, mark, theme.style("ui.warning"));
    let mut x = inside.x + 1 + u16::try_from(indent).unwrap_or(0);
    let mut left = line.room.saturating_sub(indent + 1);
    for (part, scope) in [
        (arrow, "ui.text.muted"),
        (step.name.as_str(), "ui.text.strong"),
        (" ", "ui.text"),
        (step.details.as_str(), "ui.text.muted"),
    ] {
        let part = text::cut(part, left);
        buffer.set_string(x, y, &*part, theme.style(scope));
        let width = text::width(&part);
        left -= width.min(left);
        x += u16::try_from(width).unwrap_or(0);
    }
    let mut x = inside.x + u16::try_from(line.room).unwrap_or(0);
    let mut put = |cell: &str, columns: usize, scope: &str| {
        buffer.set_string(x, y, text::fit(cell, columns, true), theme.style(scope));
        x += u16::try_from(columns).unwrap_or(0);
    };
    if line.estimate {
        let off = step.far_off().is_some();
        let expected = step.expected.map_or_else(|| "?".to_owned(), text::count);
        put(&expected, ROWS, if off { "ui.warning" } else { "ui.text.muted" });
    }
    if line.times {
        let off = step.far_off().is_some();
        let rows = step.rows.map_or_else(String::new, text::count);
        put(&rows, ROWS, if off { "ui.warning" } else { "ui.number" });
        let own = step.own.map_or_else(String::new, millis);
        put(&own, TIME, if step.slow { "ui.text.strong" } else { "ui.text" });
    }
    if line.bar > 0 {
        let share = step.own.filter(|_| line.longest > 0.0).map_or(0.0, |own| own / line.longest);
        buffer.set_string(x + 1, y, bar_of(share, line.bar), theme.style(bar_scope(share)));
    }
}

fn bar_scope(share: f64) -> &'static str {
    if share >= 0.5 {
        "ui.error"
    } else if share >= 0.2 {
        "ui.warning"
    } else {
        "ui.ok"
    }
}

/// A bar over a share of so many columns; what takes time at all is seen.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn bar_of(share: f64, columns: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (columns * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS.get(eighths % 8).copied().unwrap_or_default());
    bar
}

fn icicle(app: &App, buffer: &mut Buffer, inside: Rect, focused: bool) {
    let (pane, theme) = (&app.plan, &app.theme);
    let height = usize::from(inside.height.saturating_sub(2));
    let widths = widths(pane, usize::from(inside.width));
    let depth = pane.selected().map_or(0, |step| step.depth);
    let top = (depth + 2).saturating_sub(height);
    for (at, (step, (x, width))) in pane.steps.iter().zip(widths).enumerate() {
        let Some(line) = step.depth.checked_sub(top).filter(|line| *line < height) else { continue };
        if width == 0 {
            continue;
        }
        let y = inside.y + u16::try_from(line).unwrap_or(0);
        let label = match step.own {
            Some(_) => format!(" {} {}", step.name, millis(step.total)),
            None => format!(" {}", step.name),
        };
        // Neighbours differ even without colours: a bar begins each step.
        let cell = format!("▏{}", text::fit(&label, width.saturating_sub(1), false));
        let scope = match (at == pane.cursor, step.slow) {
            (true, _) if focused => "ui.cursor",
            (true, _) => "ui.selection",
            (false, true) => "ui.selection",
            (false, false) => "ui.selection.dim",
        };
        let x = inside.x + u16::try_from(x).unwrap_or(0);
        buffer.set_string(x, y, text::cut(&cell, width), theme.style(scope));
    }
}

/// Where each step of an icicle begins, and how wide it is: by its time with its inputs, or, before it
/// ran, by its leaves.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn widths(pane: &PlanPane, columns: usize) -> Vec<(usize, usize)> {
    let times = pane.has_times();
    let leaves = |at: usize, step: &Step| {
        pane.steps.get(at..=at + step.below).unwrap_or_default().iter().filter(|s| s.below == 0).count()
    };
    let weight = |at: usize, step: &Step| if times { step.total } else { leaves(at, step) as f64 };
    let mut places: Vec<(usize, usize)> = Vec::with_capacity(pane.steps.len());
    // For each depth: where the next input begins, the whole width and weight of the step above.
    let mut open: Vec<(f64, f64, f64)> = Vec::new();
    for (at, step) in pane.steps.iter().enumerate() {
        open.truncate(step.depth + 1);
        let (start, width) = match step.depth.checked_sub(1).and_then(|above| open.get_mut(above)) {
            None => (0.0, columns as f64),
            Some((next, room, whole)) => {
                let share = if *whole > 0.0 { weight(at, step) / *whole } else { 0.0 };
                let own = (*next, *room * share);
                *next += own.1;
                own
            }
        };
        let end = (start + width).round().max(0.0) as usize;
        let from = start.round().max(0.0) as usize;
        places.push((from, end.saturating_sub(from)));
        open.truncate(step.depth);
        open.push((start, width, weight(at, step)));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_its_columns_by_eighths() {
        assert_eq!(bar_of(1.0, 4), "████");
        assert_eq!(bar_of(0.5, 4), "██");
        assert_eq!(bar_of(0.0, 4), "");
        assert_eq!(bar_of(0.0001, 4), "▏");
        assert_eq!(bar_of(0.25, 2), "▌");
    }

    #[test]
    fn the_inputs_of_a_step_share_its_width() {
        let step = |depth, total, below| Step { depth, total, own: Some(1.0), below, ..Step::default() };
        let mut pane = PlanPane::default();
        pane.steps = vec![step(0, 10.0, 3), step(1, 8.0, 2), step(2, 2.0, 0), step(2, 4.0, 0)];
        assert_eq!(widths(&pane, 100), [(0, 100), (0, 80), (0, 20), (20, 40)]);
    }
}
