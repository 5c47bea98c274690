//! Drawing the neighbourhood or a path as a list, and the lines above and below both views.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::tree::{Item, Side, Tree};
use super::{GraphAction, GraphPane, PathView, Shown, map, text};
use crate::tui::theme::Theme;

/// The widest edge label in a list.
const LABEL_CELLS: usize = 18;

/// A row of the list: what it shows and how deep it hangs.
struct Row {
    item: Item,
    /// The lines before it.
    lines: String,
}

/// The rows, the middle first, each node followed by what hangs on it.
fn rows(tree: &Tree) -> Vec<Row> {
    let mut rows = vec![Row { item: Item::Node(0), lines: String::new() }];
    let kids = |node: usize| -> Vec<Item> {
        tree.kids(node, Side::Right).chain(tree.kids(node, Side::Left)).collect()
    };
    let mut open: Vec<(Vec<Item>, usize, String)> = vec![(kids(0), 0, String::new())];
    while let Some((items, at, lines)) = open.last_mut() {
        let Some(item) = items.get(*at).copied() else {
            open.pop();
            continue;
        };
        *at += 1;
        let last = *at == items.len();
        rows.push(Row { item, lines: format!("{lines}{}", if last { "╰" } else { "├" }) });
        if let Item::Node(node) = item {
            let deeper = format!("{lines}{}  ", if last { " " } else { "│" });
            open.push((kids(node), 0, deeper));
        }
    }
    rows
}

/// The first row seen so that the selected one is near the middle.
fn first_row(rows: usize, selected: usize, height: usize) -> usize {
    selected.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

/// A line of an edge in a list: `─ depends ─▶` or `◀ depends ──`, as wide as the others.
fn edge(label: &str, cells: usize, away: bool, toward: bool) -> String {
    let text = text::clip(label, cells);
    let rest = "─".repeat(cells - text::width(&text, cells));
    let (tail, head) = (if toward { "◀" } else { "─" }, if away { "▶" } else { "─" });
    format!("{tail} {text} {rest}─{head} ")
}

impl GraphPane {
    pub(super) fn walk_list(&mut self, action: GraphAction) {
        let step: isize = if matches!(action, GraphAction::Up | GraphAction::Left) { -1 } else { 1 };
        if let Some(path) = self.path.as_mut().filter(|path| path.open) {
            let last = path.found.nodes.len().saturating_sub(1);
            path.selected = path.selected.saturating_add_signed(step).min(last);
            return;
        }
        let Some(tree) = self.tree() else { return };
        let next = match (action, self.selected) {
            (GraphAction::Left, item) => tree.link(item).map(|link| Item::Node(link.parent)),
            (GraphAction::Right, Item::Node(node)) => {
                tree.kids(node, Side::Right).chain(tree.kids(node, Side::Left)).next()
            }
            (GraphAction::Right, Item::Stub(_)) => None,
            _ => {
                let rows = rows(tree);
                let at = rows.iter().position(|row| row.item == self.selected);
                let next = at.and_then(|at| at.checked_add_signed(step));
                next.and_then(|at| rows.get(at)).map(|row| row.item)
            }
        };
        if let Some(item) = next {
            self.select(item);
        }
    }

    /// Selects the row at a place of the screen; returns whether there is one.
    pub(super) fn click_list(&mut self, row: u16) -> bool {
        let area = map::body(self.area.get());
        let Some(row) = row.checked_sub(area.y).filter(|row| *row < area.height) else { return false };
        let (row, height) = (usize::from(row), usize::from(area.height));
        if let Some(path) = self.path.as_mut().filter(|path| path.open) {
            let count = path.found.nodes.len();
            let at = first_row(count, path.selected, height) + row;
            if at < count {
                path.selected = at;
            }
            return at < count;
        }
        let Some(tree) = self.tree() else { return false };
        let rows = rows(tree);
        let selected = rows.iter().position(|row| row.item == self.selected).unwrap_or(0);
        let hit = rows.get(first_row(rows.len(), selected, height) + row).map(|row| row.item);
        if let Some(item) = hit {
            self.select(item);
        }
        hit.is_some()
    }

    pub(super) fn draw_list(&self, screen: &mut Buffer, shown: &Shown, focused: bool, theme: &Theme) {
        let area = map::body(self.area.get());
        let rows = rows(&shown.list);
        let selected = rows.iter().position(|row| row.item == self.selected).unwrap_or(0);
        let first = first_row(rows.len(), selected, usize::from(area.height));
        let label =
            |row: &Row| shown.list.link(row.item).map_or(0, |link| text::width(&link.label, LABEL_CELLS));
        let cells = rows.iter().map(label).max().unwrap_or(0);
        for (row, y) in rows.iter().skip(first).zip(area.top()..area.bottom()) {
            let mut line = ListLine::new(screen, area, y);
            let chosen = (row.item == self.selected).then_some(focused);
            line.put(" ", theme.style("ui.text"));
            line.put(&row.lines, theme.style("graph.edge"));
            if let Some(link) = shown.list.link(row.item) {
                let text = edge(&link.label, cells, link.away, link.toward);
                line.put(&text, theme.style("graph.edge.label"));
            }
            match row.item {
                Item::Node(node) => {
                    let Some(drawn) = shown.around.nodes.get(node) else { continue };
                    let marked = self.is_marked(drawn);
                    let scope = match node {
                        _ if marked || self.is_on_path(drawn) => "graph.path",
                        0 => "graph.center",
                        _ => "graph.node",
                    };
                    let mark = if marked { "◆ " } else { "" };
                    line.name(&format!("{mark}{}", drawn.label), scope, chosen, theme);
                    line.put(&format!("  {}", drawn.node_type), theme.style("ui.text.muted"));
                    if let Some(more) = shown.list.more.get(node).filter(|more| **more > 0) {
                        let more = format!("  +{} more", text::thousands(*more));
                        line.put(&more, theme.style("graph.stub"));
                    }
                }
                Item::Stub(stub) => {
                    let count = shown.list.stubs.get(stub).map_or(0, |stub| stub.count);
                    line.name(&format!("+{} more", text::thousands(count)), "graph.stub", chosen, theme);
                }
            }
        }
    }

    pub(super) fn draw_path(&self, screen: &mut Buffer, path: &PathView, focused: bool, theme: &Theme) {
        let area = map::body(self.area.get());
        let first = first_row(path.found.nodes.len(), path.selected, usize::from(area.height));
        let steps = &path.found.edges;
        let cells = steps.iter().map(|step| text::width(&step.edge_type, LABEL_CELLS)).max().unwrap_or(0);
        let rows = path.found.nodes.iter().enumerate().skip(first);
        for ((at, node), y) in rows.zip(area.top()..area.bottom()) {
            let mut line = ListLine::new(screen, area, y);
            let indent = if at == 0 { " ".repeat(cells + 7) } else { " ╰".to_owned() };
            line.put(&indent, theme.style("graph.edge"));
            if let Some(step) = at.checked_sub(1).and_then(|at| steps.get(at)) {
                let away = step.to as usize == at;
                line.put(&edge(&step.edge_type, cells, away, !away), theme.style("graph.edge.label"));
            }
            let chosen = (at == path.selected).then_some(focused);
            line.name(&node.label, "graph.path", chosen, theme);
            line.put(&format!("  {}", node.node_type), theme.style("ui.text.muted"));
        }
    }

    /// The trail above, the selection or the last message below.
    pub(super) fn draw_frame(&self, screen: &mut Buffer, area: Rect, theme: &Theme) {
        let body = map::body(area);
        if body.y > area.y {
            self.draw_trail(screen, area, theme);
        }
        if self.shown.is_none() {
            let (text, scope) = match (&self.note, &self.loading) {
                (Some((note, true)), _) => (note.as_str(), "ui.error"),
                (_, Some(_)) => ("loading …", "ui.text.muted"),
                _ => ("no node is shown: pick a row of a node type and graph it from there", "ui.text.muted"),
            };
            let room = usize::from(body.width);
            let x = (room - text::width(text, room)) / 2;
            let mut line = ListLine::new(screen, body, body.y + body.height / 2);
            line.put(&" ".repeat(x), Style::default());
            line.put(text, theme.style(scope));
            return;
        }
        if body.bottom() < area.bottom() {
            let mut line = ListLine::new(screen, area, area.bottom() - 1);
            match (&self.note, &self.loading) {
                (Some((note, wrong)), _) => {
                    line.put(&format!(" {note}"), theme.style(if *wrong { "ui.error" } else { "ui.ok" }));
                }
                (None, Some(_)) => line.put(" loading …", theme.style("ui.warning")),
                (None, None) => self.draw_selection(&mut line, theme),
            }
        }
    }

    fn draw_trail(&self, screen: &mut Buffer, area: Rect, theme: &Theme) {
        let Some(shown) = &self.shown else { return };
        let mut facts: Vec<String> = Vec::new();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if let Some(path) = self.path.as_ref().filter(|path| path.open) {
            let steps = path.found.edges.len();
            facts.push(format!("path of {steps} step{} · ⌫ closes it", plural(steps)));
        } else {
            if let Some(query) = &self.query {
                facts.push(format!("depth {}", query.depth));
                if !query.edge_types.is_empty() {
                    facts.push(query.edge_types.join(", "));
                }
            }
            let count = shown.around.nodes.len();
            facts.push(format!("{count} node{}", plural(count)));
        }
        let facts = text::clip(&facts.join(" · "), usize::from(area.width / 2));
        let used = text::width(&facts, usize::from(area.width)) + 1;
        // The trail's end counts most: what does not fit goes from its start.
        let room = usize::from(area.width).saturating_sub(used + 3);
        let here = text::clip(shown.around.nodes.first().map_or("", |node| &node.label), room.min(40));
        let mut left = room.saturating_sub(text::width(&here, room));
        let mut crumbs: Vec<String> = Vec::new();
        // Until the next picture is there, the line above belongs to the old one.
        let trail = self.loading.as_ref().map_or(&self.trail, |before| &before.trail);
        for node in trail.iter().rev() {
            let crumb = text::clip(&node.label, 24);
            let cells = text::width(&crumb, 24) + 3;
            // Two more for the sign of what was left out.
            if cells + 2 > left {
                crumbs.push("…".into());
                break;
            }
            left -= cells;
            crumbs.push(crumb);
        }
        crumbs.reverse();
        let mut line = ListLine::new(screen, area, area.y);
        line.put(" ", Style::default());
        for crumb in crumbs {
            line.put(&format!("{crumb} › "), theme.style("ui.text.muted"));
        }
        line.put(&here, theme.style("ui.header"));
        line.right(&facts, theme.style("ui.text.muted"));
    }

    fn draw_selection(&self, line: &mut ListLine<'_>, theme: &Theme) {
        let marked = self.marks.first().map(|node| text::clip(&node.label, 20));
        let marked = marked.map(|label| format!("◆ {label} to …"));
        let reserve = marked.as_ref().map_or(0, |text| text::width(text, 40) + 2);
        line.keep(reserve);
        let node = self.selected_node();
        line.put(" ", Style::default());
        if let Some(node) = node {
            line.put(&node.label, theme.style("ui.text.strong"));
            line.put(&format!("  {}", node.node_type), theme.style("ui.text.muted"));
        }
        let listed = self.path.as_ref().is_some_and(|path| path.open);
        let tree = self.tree().filter(|_| !listed);
        let link = tree.and_then(|tree| tree.link(self.selected));
        if let Some(link) = link.filter(|link| !link.label.is_empty()) {
            let parent = self.shown.as_ref().and_then(|shown| shown.around.nodes.get(link.parent));
            let parent = text::clip(parent.map_or("", |node| &node.label), 24);
            let (tail, head) = (if link.away { "◀─" } else { "──" }, if link.toward { "─▶" } else { "──" });
            let gap = if node.is_some() { "   " } else { "" };
            let text = format!("{gap}{tail} {} {head} {parent}", link.label);
            line.put(&text, theme.style("graph.edge.label"));
            if let Item::Stub(_) = self.selected {
                line.put("   not drawn, Enter asks for more", theme.style("graph.stub"));
            }
        }
        line.keep(0);
        if let Some(marked) = marked {
            line.right(&marked, theme.style("graph.path"));
        }
    }
}

/// A line that is written from left to right and never past its end.
struct ListLine<'a> {
    screen: &'a mut Buffer,
    x: u16,
    y: u16,
    end: u16,
    kept: u16,
}

impl<'a> ListLine<'a> {
    fn new(screen: &'a mut Buffer, area: Rect, y: u16) -> Self {
        Self { screen, x: area.x, y, end: area.right(), kept: 0 }
    }

    /// Keeps cells at the end free.
    fn keep(&mut self, cells: usize) {
        self.kept = u16::try_from(cells).unwrap_or(u16::MAX);
    }

    fn put(&mut self, text: &str, style: Style) {
        let room = usize::from(self.end.saturating_sub(self.x).saturating_sub(self.kept));
        let text = text::clip(text, room);
        (self.x, _) = self.screen.set_stringn(self.x, self.y, text, room, style);
    }

    /// Writes at the end of the line.
    fn right(&mut self, text: &str, style: Style) {
        let room = usize::from(self.end.saturating_sub(self.x));
        let used = u16::try_from(text::width(text, room) + 1).unwrap_or(u16::MAX);
        if usize::from(used) < room {
            self.screen.set_stringn(self.end - used, self.y, text, room, style);
        }
    }

    fn name(&mut self, text: &str, scope: &str, chosen: Option<bool>, theme: &Theme) {
        let style = match chosen {
            Some(true) => theme.style("graph.node.selected"),
            Some(false) => theme.style(scope).patch(theme.style("ui.selection.dim")),
            None => theme.style(scope),
        };
        self.put(text, style);
    }
}
