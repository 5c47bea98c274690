//! Drawing the map, its frame, and walking on it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::canvas::Canvas;
use super::layout::{Layout, Names, Placed};
use super::tree::{Item, Link, Side, Tree};
use super::{GraphAction, GraphPane, Shown, text};
use crate::bus::GraphNode;
use crate::tui::theme::Theme;

/// Where the map is: between the line of the trail and the line of the selection, where there is room.
pub(super) fn body(area: Rect) -> Rect {
    let (top, bottom) = (u16::from(area.height > 4), u16::from(area.height > 5));
    Rect { y: area.y + top, height: area.height - top - bottom, ..area }
}

impl GraphPane {
    fn name_of(&self, shown: &Shown, tree: &Tree, item: Item) -> String {
        match item {
            Item::Stub(stub) => {
                let count = tree.stubs.get(stub).map_or(0, |stub| stub.count);
                format!("+{} more", text::thousands(count))
            }
            Item::Node(node) => {
                let Some(drawn) = shown.around.nodes.get(node) else { return String::new() };
                let mark = if self.is_marked(drawn) { "◆ " } else { "" };
                match tree.more.get(node).copied().unwrap_or(0) {
                    0 => format!("{mark}{}", drawn.label),
                    more => format!("{mark}{} +{}", drawn.label, text::thousands(more)),
                }
            }
        }
    }

    pub(super) fn is_marked(&self, node: &GraphNode) -> bool {
        self.marks.iter().any(|marked| marked.id == node.id)
    }

    /// Whether a node lies on the path found.
    pub(super) fn is_on_path(&self, node: &GraphNode) -> bool {
        self.path.as_ref().is_some_and(|path| path.found.nodes.iter().any(|n| n.id == node.id))
    }

    /// Whether a line of the map is a step of the path found.
    fn is_step(&self, shown: &Shown, child: usize, parent: usize) -> bool {
        let id = |place: usize| shown.around.nodes.get(place).map(|node| node.id);
        let step = |pair: &[GraphNode]| match pair {
            [a, b] => {
                let (a, b) = (Some(a.id), Some(b.id));
                (id(child), id(parent)) == (a, b) || (id(child), id(parent)) == (b, a)
            }
            _ => false,
        };
        self.path.as_ref().is_some_and(|path| path.found.nodes.windows(2).any(step))
    }

    fn lay_out(&self, shown: &Shown, area: Rect) -> Layout {
        let area = body(area);
        let size = (usize::from(area.width), usize::from(area.height));
        let middle = shown.around.nodes.first();
        let (label, kind) = middle.map_or(("", ""), |node| (node.label.as_str(), node.node_type.as_str()));
        let name = |item| self.name_of(shown, &shown.map, item);
        let names = Names { name: &name, middle: (label, kind) };
        Layout::new(&shown.map, &names, size, self.focus, self.selected)
    }

    /// Up and down go along a layer, left and right to the neighbour in the next one.
    pub(super) fn walk(&mut self, action: GraphAction) {
        if self.list || self.path.as_ref().is_some_and(|path| path.open) {
            self.walk_list(action);
            return;
        }
        let Some(shown) = &self.shown else { return };
        let stacks = self.stacks();
        let here = stacks.spot(self.selected).copied();
        let outward = match action {
            GraphAction::Left => Side::Left,
            _ => Side::Right,
        };
        let next = match (action, here) {
            (GraphAction::Up | GraphAction::Down, Some(here)) => {
                let layer: Vec<Item> = stacks
                    .spots
                    .iter()
                    .filter(|spot| spot.side == here.side && spot.level == here.level)
                    .map(|spot| spot.item)
                    .collect();
                let at = layer.iter().position(|item| *item == here.item);
                let step = if action == GraphAction::Up { -1 } else { 1 };
                at.and_then(|at| at.checked_add_signed(step)).and_then(|at| layer.get(at).copied())
            }
            (GraphAction::Up | GraphAction::Down, None) => None,
            // Towards the middle: the parent.
            (_, Some(here)) if here.side != outward => {
                shown.map.link(here.item).map(|link| Item::Node(link.parent))
            }
            // Away from it: the child drawn nearest.
            _ => {
                let node = if let Item::Node(node) = self.selected { node } else { return };
                let layout = self.lay_out(shown, self.area.get());
                let row = layout.find(self.selected).map_or(layout.middle_row(), |placed| placed.y);
                let kids: Vec<Item> = shown.map.kids(node, outward).collect();
                let seen = kids.iter().filter_map(|kid| Some((layout.find(*kid)?.y.abs_diff(row), *kid)));
                seen.min().map(|(_, kid)| kid).or(kids.first().copied())
            }
        };
        if let Some(item) = next {
            self.select(item);
        }
    }

    /// Selects the item at a place of the screen; returns whether there is one.
    pub(super) fn click_map(&mut self, column: u16, row: u16) -> bool {
        let area = body(self.area.get());
        let Some(shown) = self.shown.as_ref().filter(|_| area.contains(Position::new(column, row))) else {
            return false;
        };
        let layout = self.lay_out(shown, self.area.get());
        let (x, y) = (usize::from(column - area.x), usize::from(row - area.y));
        let (left, top, width) = layout.middle;
        let hit = if (left..left + width).contains(&x) && (top..top + 3).contains(&y) {
            Some(Item::Node(0))
        } else {
            let placed = layout.placed.iter();
            placed.filter(|p| p.y == y && (p.x..p.x + p.width).contains(&x)).map(|p| p.item).next()
        };
        if let Some(item) = hit {
            self.select(item);
        }
        hit.is_some()
    }

    pub(super) fn draw_map(&self, screen: &mut Buffer, shown: &Shown, focused: bool, theme: &Theme) {
        let area = body(self.area.get());
        let layout = self.lay_out(shown, self.area.get());
        let mut map = Map { pane: self, shown, layout: &layout, area, theme, focused };
        map.lines(screen);
        map.names(screen);
        map.middle(screen);
    }
}

/// One draw of the map.
struct Map<'a> {
    pane: &'a GraphPane,
    shown: &'a Shown,
    layout: &'a Layout,
    area: Rect,
    theme: &'a Theme,
    focused: bool,
}

/// A line of the map: from the parent along the bus to the child.
struct Line<'a> {
    item: Item,
    link: &'a Link,
    from: (usize, usize),
    bus: usize,
    to: (usize, usize),
}

impl Map<'_> {
    fn put(&self, screen: &mut Buffer, x: usize, y: usize, text: &str, style: Style) {
        let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return };
        if x < self.area.width && y < self.area.height {
            let room = usize::from(self.area.width - x);
            screen.set_stringn(self.area.x + x, self.area.y + y, text, room, style);
        }
    }

    /// The text of a placed item and its first cell: names stand next to their lines.
    fn text(&self, placed: &Placed) -> (String, usize) {
        let name = self.pane.name_of(self.shown, &self.shown.map, placed.item);
        let mut text = text::clip(&name, placed.width);
        if let (Item::Stub(_), Some(number)) =
            (placed.item, name.strip_suffix(" more").filter(|_| text != name))
        {
            text = text::clip(number, placed.width);
        }
        let used = text::width(&text, placed.width);
        (text, if placed.side == Side::Left { placed.x + placed.width - used } else { placed.x })
    }

    /// The line to an item, or to any row of a layer (`to_row`).
    fn line_to<'l>(&self, item: Item, link: &'l Link, to_row: usize) -> Option<Line<'l>> {
        let column = self.layout.columns.iter().find(|c| c.side == link.side && c.level == link.level)?;
        let trunk = if column.gap >= column.gap_wanted { 2 } else { 1 };
        let (bus, to) = match link.side {
            Side::Right => (column.gap_x + trunk, column.gap_x + column.gap - 2),
            Side::Left => (column.gap_x + column.gap - 1 - trunk, column.gap_x + 1),
        };
        let (x, y) = if link.parent == 0 {
            let (left, _, width) = self.layout.middle;
            (
                if link.side == Side::Right { left + width } else { left.saturating_sub(1) },
                self.layout.middle_row(),
            )
        } else {
            let parent = self.layout.find(Item::Node(link.parent))?;
            let (text, start) = self.text(parent);
            let width = text::width(&text, parent.width);
            (if link.side == Side::Right { start + width + 1 } else { start.saturating_sub(2) }, parent.y)
        };
        Some(Line { item, link, from: (x, y), bus, to: (to, to_row) })
    }

    fn all_lines(&self) -> Vec<Line<'_>> {
        let lines = self
            .layout
            .placed
            .iter()
            .filter_map(|placed| self.line_to(placed.item, self.shown.map.link(placed.item)?, placed.y));
        lines.collect()
    }

    /// The selected item and what it hangs on, up to the middle.
    fn chain(&self) -> Vec<Item> {
        let mut chain = Vec::new();
        let mut at = self.pane.selected;
        while let Some(link) = self.shown.map.link(at) {
            chain.push(at);
            at = Item::Node(link.parent);
        }
        chain
    }

    fn lines(&mut self, screen: &mut Buffer) {
        let lines = self.all_lines();
        let chain = self.chain();
        let is_step = |line: &Line<'_>| match line.item {
            Item::Node(node) => self.pane.is_step(self.shown, node, line.link.parent),
            Item::Stub(_) => false,
        };
        let [plain, chosen, path] =
            ["graph.edge", "ui.border.focus", "graph.path"].map(|scope| self.theme.style(scope));
        let style = |line: &Line<'_>| {
            if is_step(line) {
                path
            } else if chain.contains(&line.item) {
                chosen
            } else {
                plain
            }
        };
        let mut canvas = Canvas::new(usize::from(self.area.width), usize::from(self.area.height));
        self.hidden(screen, &mut canvas, plain);
        let mut ordered: Vec<&Line<'_>> = lines.iter().collect();
        ordered.sort_by_key(|line| (is_step(line), chain.contains(&line.item)));
        for line in &ordered {
            canvas.link(line.from, line.bus, line.to, style(line));
        }
        canvas.paint(screen, self.area);
        let mut last: Option<(&Link, usize)> = None;
        for line in &lines {
            self.arrows(screen, line, &lines, style(line));
            let group = |a: &Link, b: &Link| {
                (a.parent, a.side, &a.label, a.away, a.toward)
                    == (b.parent, b.side, &b.label, b.away, b.toward)
            };
            let repeated =
                last.is_some_and(|(link, level)| level == line.link.level && group(link, line.link));
            if !repeated {
                self.label(screen, line);
            }
            last = Some((line.link, line.link.level));
        }
    }

    /// What is scrolled out of the map on each side.
    fn hidden(&self, screen: &mut Buffer, canvas: &mut Canvas, style: Style) {
        for (side, above, below) in &self.layout.hidden {
            let bottom = usize::from(self.area.height).saturating_sub(1);
            for (count, sign, row) in [(above, "↑", 0), (below, "↓", bottom)] {
                let Some(column) = self.layout.columns.iter().find(|c| c.side == *side && c.level == 1)
                else {
                    continue;
                };
                if *count == 0 {
                    continue;
                }
                let text = text::clip(&format!("{sign} {count}"), column.width);
                let used = text::width(&text, column.width);
                let x = if *side == Side::Left { column.x + column.width - used } else { column.x };
                self.put(screen, x, row, &text, self.theme.style("graph.stub"));
                let link = Link {
                    parent: 0,
                    side: *side,
                    level: 1,
                    label: String::new(),
                    away: true,
                    toward: false,
                };
                if let Some(line) = self.line_to(Item::Node(0), &link, row) {
                    canvas.link(line.from, line.bus, line.to, style);
                }
            }
        }
    }

    /// Heads where edges enter: at the child, or at the parent once for all where all lead to it.
    fn arrows(&self, screen: &mut Buffer, line: &Line<'_>, lines: &[Line<'_>], style: Style) {
        let (outward, inward) = if line.link.side == Side::Right { ("▶", "◀") } else { ("◀", "▶") };
        if line.link.away {
            self.put(screen, line.to.0, line.to.1, outward, style);
        }
        if line.link.toward {
            let mut siblings =
                lines.iter().filter(|l| (l.link.parent, l.link.side) == (line.link.parent, line.link.side));
            if siblings.all(|l| l.link.toward && !l.link.away) {
                self.put(screen, line.from.0, line.from.1, inward, style);
            } else {
                let x = if line.link.side == Side::Right { line.bus + 1 } else { line.bus.saturating_sub(1) };
                self.put(screen, x, line.to.1, inward, style);
            }
        }
    }

    /// The edge type on the line; above the group where the line is too short for it.
    fn label(&self, screen: &mut Buffer, line: &Line<'_>) {
        let link = line.link;
        let style = self.theme.style("graph.edge.label");
        let (start, end) = match link.side {
            Side::Right => (line.bus + 2, line.to.0),
            Side::Left => (line.to.0 + 1, line.bus.saturating_sub(1)),
        };
        let room = end.saturating_sub(start);
        let wanted = text::width(&link.label, room + 1) + 2;
        let column = self.layout.columns.iter().find(|c| c.side == link.side && c.level == link.level);
        let Some(column) = column.filter(|_| wanted > 2) else { return };
        if wanted > room && link.parent == 0 && self.layout.is_headed(link.side) && line.to.1 > 0 {
            let text = text::clip(&link.label, column.width);
            let used = text::width(&text, column.width);
            let x = if link.side == Side::Left { column.x + column.width - used } else { column.x };
            self.put(screen, x, line.to.1 - 1, &text, style);
        } else if wanted <= room || room >= 6 {
            let text = format!(" {} ", text::clip(&link.label, room - 2));
            // Labels stand where the line leaves the bus, on both sides.
            let x = if link.side == Side::Right { start } else { end - text::width(&text, room) };
            self.put(screen, x, line.to.1, &text, style);
        }
    }

    fn names(&self, screen: &mut Buffer) {
        for placed in &self.layout.placed {
            let (text, x) = self.text(placed);
            let style = self.name_style(placed.item, "graph.node");
            self.put(screen, x, placed.y, &text, style);
        }
    }

    fn name_style(&self, item: Item, plain: &str) -> Style {
        let node = match item {
            Item::Node(node) => self.shown.around.nodes.get(node),
            Item::Stub(_) => None,
        };
        let scope = match node {
            _ if item == self.pane.selected && self.focused => "graph.node.selected",
            None => "graph.stub",
            Some(node) if self.pane.is_on_path(node) || self.pane.is_marked(node) => "graph.path",
            Some(_) => plain,
        };
        let style = self.theme.style(scope);
        if item == self.pane.selected && !self.focused {
            return style.patch(self.theme.style("ui.selection.dim"));
        }
        style
    }

    fn middle(&self, screen: &mut Buffer) {
        let (x, y, width) = self.layout.middle;
        let Some(node) = self.shown.around.nodes.first().filter(|_| width > 4) else { return };
        let border = self.theme.style("graph.center");
        let bar = |n: usize| "─".repeat(n);
        self.put(screen, x, y, &format!("╭{}╮", bar(width - 2)), border);
        let room = width - 4;
        let name = self.pane.name_of(self.shown, &self.shown.map, Item::Node(0));
        let name = text::clip(&name, room);
        let pad = room - text::width(&name, room);
        let (before, behind) = (" ".repeat(pad / 2), " ".repeat(pad - pad / 2));
        // A side that does not fit is hinted at.
        let lacks = |side| self.layout.lacks(&self.shown.map, side);
        self.put(screen, x, y + 1, if lacks(Side::Left) { "«" } else { "│" }, border);
        let style = self.name_style(Item::Node(0), "graph.center");
        self.put(screen, x + 1, y + 1, &format!(" {before}{name}{behind} "), style);
        self.put(screen, x + width - 1, y + 1, if lacks(Side::Right) { "»" } else { "│" }, border);
        let kind = text::clip(&node.node_type, room.saturating_sub(2));
        let used = text::width(&kind, room) + 2;
        let left = (width - 2).saturating_sub(used) / 2;
        let right = (width - 2).saturating_sub(used + left);
        self.put(screen, x, y + 2, &format!("╰{} {kind} {}╯", bar(left), bar(right)), border);
        let kind_style = self.theme.style("ui.text.muted");
        self.put(screen, x + 1 + left, y + 2, &format!(" {kind} "), kind_style);
    }
}
