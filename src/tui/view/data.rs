//! Draws the panes that show data: tree, grid, inspector, lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::bus::QueryPlace;
use crate::model::{Value, escape_control};

use super::super::app::{App, Lines};
use super::super::inspector::{InspectorRow, Section};
use super::super::lens::{self, Lens};
use super::super::tree::TreeRow;
use super::{empty, foot, level_scope, styled};
use crate::tui::text;

/// The scope of a value's colour.
pub(super) fn value_scope(value: &Value) -> &'static str {
    match value {
        Value::Null => "ui.null",
        Value::Bool(_) => "ui.boolean",
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => "ui.number",
        Value::Timestamp(_) | Value::Date(_) | Value::Time(_) | Value::Interval(_) => "ui.time",
        Value::Uuid(_) | Value::Bytes(_) => "ui.id",
        _ => "ui.string",
    }
}

fn small(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// A line of a pane: text at the left, a count or type at the right, marked when selected.
struct Row<'a> {
    left: Vec<(&'a str, &'a str)>,
    right: (&'a str, &'a str),
    selected: Option<bool>,
}

fn draw_row(app: &App, buffer: &mut Buffer, area: Rect, y: u16, row: &Row<'_>) {
    let theme = &app.theme;
    let right_width = small(text::width(row.right.0));
    let mut x = area.x;
    let end = area.right();
    let left_end = if right_width > 0 { end.saturating_sub(right_width + 2) } else { end.saturating_sub(1) };
    for (piece, scope) in &row.left {
        let room = usize::from(left_end.saturating_sub(x));
        let shown = text::cut(piece, room);
        buffer.set_string(x, y, &shown, theme.style(scope));
        x += small(text::width(&shown));
    }
    if right_width > 0 && right_width + 1 < area.width {
        buffer.set_string(end - right_width - 1, y, row.right.0, theme.style(row.right.1));
    }
    if let Some(focused) = row.selected {
        let scope = if focused { "ui.selection" } else { "ui.selection.dim" };
        buffer.set_style(Rect { y, height: 1, ..area }, theme.style(scope));
    }
}

pub(super) fn tree(app: &App, buffer: &mut Buffer, inside: Rect, focused: bool) {
    let tree = &app.tree;
    if tree.catalog.is_none() {
        let what = match (&app.database, app.is_opening()) {
            (Some(_), _) => "reading types …",
            (None, true) => "opening …",
            (None, false) => "no database",
        };
        buffer.set_string(inside.x + 1, inside.y, what, app.theme.style("ui.text.muted"));
        return;
    }
    let rows = tree.rows();
    for (i, row) in rows.iter().enumerate().skip(tree.top).take(usize::from(inside.height)) {
        let y = inside.y + small(i - tree.top);
        let arrow = if tree.is_unfolded(*row) { "▾ " } else { "▸ " };
        let selected = (i == tree.cursor).then_some(focused);
        match *row {
            TreeRow::Section { edges } => {
                let name = if edges { "edges" } else { "nodes" };
                let left = vec![(arrow, "ui.text.muted"), (name, "ui.text.strong")];
                draw_row(app, buffer, inside, y, &Row { left, right: ("", ""), selected });
            }
            TreeRow::Empty => {
                let left = vec![("  none yet", "ui.null")];
                draw_row(app, buffer, inside, y, &Row { left, right: ("", ""), selected });
            }
            TreeRow::Type(t) => {
                let Some(info) = tree.type_at(t) else { continue };
                let name = escape_control(&info.name);
                let rows = text::count(info.rows);
                let left = vec![(" ", "ui"), (arrow, "ui.border"), (&name, "ui.text")];
                draw_row(app, buffer, inside, y, &Row { left, right: (&rows, "ui.number"), selected });
            }
            TreeRow::Queries => {
                let left = vec![(arrow, "ui.text.muted"), ("saved queries", "ui.text.strong")];
                draw_row(app, buffer, inside, y, &Row { left, right: ("", ""), selected });
            }
            TreeRow::Query(at) => {
                let Some(query) = tree.query_at(at) else { continue };
                let right = if query.place == QueryPlace::User { "user" } else { "" };
                let left = vec![("   ", "ui"), (query.name.as_str(), "ui.text")];
                draw_row(app, buffer, inside, y, &Row { left, right: (right, "ui.text.muted"), selected });
            }
            TreeRow::Property(t, p) => {
                let Some(property) = tree.type_at(t).and_then(|t| t.properties.get(p)) else { continue };
                let name = escape_control(&property.name);
                let kind = property.property_type.to_string().to_lowercase();
                let mark = if property.not_null { "*" } else { "" };
                let left = vec![("     ", "ui"), (&name, "ui.text.muted"), (mark, "ui.warning")];
                draw_row(app, buffer, inside, y, &Row { left, right: (&kind, "syntax.type"), selected });
            }
        }
    }
}

pub(super) fn lines(app: &App, buffer: &mut Buffer, inside: Rect, lines: &Lines) {
    let room = usize::from(inside.width.saturating_sub(2));
    for (i, (level, line)) in lines.lines.iter().skip(lines.top).take(usize::from(inside.height)).enumerate()
    {
        let y = inside.y + small(i);
        let scope = level.map_or("ui.text", level_scope);
        let line = if lines.left > 0 { text::skip(line, lines.left) } else { line.clone() };
        buffer.set_string(inside.x + 1, y, text::cut(&line, room), app.theme.style(scope));
    }
}

pub(super) fn inspector(app: &App, buffer: &mut Buffer, rect: Rect, inside: Rect, focused: bool) {
    let inspector = &app.inspector;
    let theme = &app.theme;
    let Some((kind, label)) = inspector.title() else {
        return empty(app, buffer, inside, "No record yet.", &[("inspect", "on a row of the results")]);
    };
    let head = Rect { height: 1, ..inside };
    let left =
        vec![(" ", "ui"), (kind.as_str(), "syntax.type"), ("  ", "ui"), (label.as_str(), "ui.text.strong")];
    let lens = (inspector.lens.name(), "ui.title");
    draw_row(app, buffer, head, inside.y, &Row { left, right: lens, selected: None });
    let body = Rect { y: inside.y + 2, height: inside.height.saturating_sub(2), ..inside };
    let rule = "─".repeat(usize::from(inside.width));
    buffer.set_string(inside.x, inside.y + 1, rule, theme.style("ui.border"));
    if inspector.lens != Lens::Node {
        return lens_lines(app, buffer, body);
    }
    let names = inspector.properties().map_or(4, |p| p.keys().map(|k| text::width(k)).max().unwrap_or(4));
    let names = names.clamp(4, usize::from(inside.width) / 2);
    for (line, row) in inspector.visible(u64::from(body.height)) {
        let y = body.y + u16::try_from(line - inspector.top()).unwrap_or(0);
        let selected = (line == inspector.cursor()).then_some(focused);
        inspector_row(app, buffer, body, y, row, names, selected);
    }
    let position = match inspector.selected() {
        Some(InspectorRow::Item(group, at)) => inspector.group(group).map(|g| {
            format!(
                "{} edge {} of {}",
                escape_control(&g.edge_type),
                text::count(at + 1),
                text::count(g.count)
            )
        }),
        _ => None,
    };
    if let Some(position) = position {
        foot(buffer, rect, &position, theme.style("ui.title"));
    }
}

/// The record as a row, as bytes or as a vector.
fn lens_lines(app: &App, buffer: &mut Buffer, body: Rect) {
    let inspector = &app.inspector;
    let Some(inspection) = inspector.inspection() else { return };
    let (columns, part) = (usize::from(body.width), (inspector.lens_top, usize::from(body.height)));
    let lines = lens::lines(inspector.lens, inspection, app.inspected_type(), columns, part);
    for (i, pieces) in lines.iter().enumerate() {
        buffer.set_line(body.x, body.y + small(i), &styled(&app.theme, pieces), body.width);
    }
}

fn inspector_row(
    app: &App,
    buffer: &mut Buffer,
    body: Rect,
    y: u16,
    row: InspectorRow,
    names: usize,
    selected: Option<bool>,
) {
    let inspector = &app.inspector;
    let arrow = if inspector.is_unfolded(row) { "▾ " } else { "▸ " };
    let mut draw = |left: Vec<(&str, &str)>, right: (&str, &str)| {
        draw_row(app, buffer, body, y, &Row { left, right, selected });
    };
    match row {
        InspectorRow::Id => {
            let id = inspector.id().map(|id| id.hyphenated().to_string()).unwrap_or_default();
            draw(vec![(" id ", "ui.text.muted"), (&id, "ui.id")], ("", ""));
        }
        InspectorRow::End { from } => {
            let Some(node) = inspector.end(from) else { return };
            let label = escape_control(&node.label);
            let kind = escape_control(&node.node_type);
            let word = if from { " from  " } else { " to    " };
            draw(vec![(word, "ui.text.muted"), (&label, "ui.text.strong")], (&kind, "syntax.type"));
        }
        InspectorRow::Section(section) => {
            let (name, count) = match section {
                Section::Properties => ("properties", inspector.properties().map_or(0, |p| p.len() as u64)),
                Section::Out => ("out edges", edges(app, true)),
                Section::In => ("in edges", edges(app, false)),
                Section::Record => ("record", 0),
            };
            let count = if section == Section::Record { String::new() } else { text::count(count) };
            draw(vec![(arrow, "ui.text.muted"), (name, "ui.text.strong")], (&count, "ui.text.muted"));
        }
        InspectorRow::Property(i) => {
            let Some((name, value)) = inspector.property(i) else { return };
            let name = text::fit(&escape_control(name), names, false);
            let shown = text::one_line(value);
            let left =
                vec![("   ", "ui"), (&*name, "ui.text.muted"), ("  ", "ui"), (&*shown, value_scope(value))];
            draw(left, ("", ""));
        }
        InspectorRow::Fact(i) => {
            let facts = inspector.facts();
            let Some((name, value)) = facts.get(i) else { return };
            let name = text::fit(name, 10, false);
            let shown = text::one_line(value);
            draw(vec![("   ", "ui"), (&*name, "ui.text.muted"), (&*shown, "ui.text")], ("", ""));
        }
        InspectorRow::Group(i) => {
            let Some(group) = inspector.group(i) else { return };
            let name = escape_control(&group.edge_type);
            let count = text::count(group.count);
            draw(vec![("   ", "ui"), (arrow, "ui.border"), (&*name, "ui.text")], (&count, "ui.number"));
        }
        InspectorRow::Item(group, at) => {
            let way =
                if inspector.group(group).is_some_and(|g| g.outgoing) { "     → " } else { "     ← " };
            match inspector.item(group, at) {
                Some(item) => {
                    let label = escape_control(&item.other.label);
                    let kind = escape_control(&item.other.node_type);
                    draw(vec![(way, "ui.border"), (&*label, "ui.text")], (&*kind, "ui.text.muted"));
                }
                None => draw(vec![(way, "ui.border"), ("…", "ui.null")], ("", "")),
            }
        }
    }
}

fn edges(app: &App, outgoing: bool) -> u64 {
    let groups = app.inspector.inspection().map_or(&[] as &[_], |i| i.edges.as_slice());
    groups.iter().filter(|g| g.outgoing == outgoing).map(|g| g.count).sum()
}
