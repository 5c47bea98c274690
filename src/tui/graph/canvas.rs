//! Lines of box characters that join where they meet.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const LEFT: u8 = 1;
const RIGHT: u8 = 2;
const UP: u8 = 4;
const DOWN: u8 = 8;

/// What each set of arms looks like.
const SHAPES: [&str; 16] = ["", "─", "─", "─", "│", "╯", "╰", "┴", "│", "╮", "╭", "┬", "│", "┤", "├", "┼"];

/// Lines over an area, in its coordinates from 0.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    cells: Vec<(u8, Style)>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, cells: vec![(0, Style::default()); width * height] }
    }

    fn arm(&mut self, x: usize, y: usize, arms: u8, style: Style) {
        if x < self.width
            && y < self.height
            && let Some(cell) = self.cells.get_mut(y * self.width + x)
        {
            *cell = (cell.0 | arms, style);
        }
    }

    /// A line from parent to child: level at the parent's row, along the bus, level at the child's.
    /// The ends are the last cells drawn.
    pub(super) fn link(&mut self, from: (usize, usize), bus: usize, to: (usize, usize), style: Style) {
        let right = to.0 >= from.0;
        let (back, ahead) = if right { (LEFT, RIGHT) } else { (RIGHT, LEFT) };
        self.level(from.0, bus, from.1, style);
        self.level(to.0, bus, to.1, style);
        self.arm(bus, from.1, back, style);
        self.arm(bus, to.1, ahead, style);
        let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
        for y in top..=bottom {
            let arms = if y > top { UP } else { 0 } | if y < bottom { DOWN } else { 0 };
            self.arm(bus, y, arms, style);
        }
    }

    /// A level line from a column up to the bus, the bus's own cell left out.
    fn level(&mut self, from: usize, bus: usize, y: usize, style: Style) {
        for x in (from.min(bus)..=from.max(bus)).filter(|x| *x != bus) {
            self.arm(x, y, LEFT | RIGHT, style);
        }
    }

    /// Paints the lines.
    pub(super) fn paint(&self, screen: &mut Buffer, area: Rect) {
        for (at, (arms, style)) in self.cells.iter().enumerate().filter(|(_, cell)| cell.0 != 0) {
            let place = |n: usize, start: u16| u16::try_from(n).map_or(u16::MAX, |n| start.saturating_add(n));
            let (x, y) = (place(at % self.width, area.x), place(at / self.width, area.y));
            let shape = SHAPES.get(usize::from(*arms)).copied().unwrap_or_default();
            if area.contains((x, y).into()) {
                screen.set_stringn(x, y, shape, 1, *style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_join_where_they_meet() {
        let mut canvas = Canvas::new(7, 5);
        for y in [0, 2, 4] {
            canvas.link((0, 2), 3, (6, y), Style::default());
        }
        let area = Rect::new(0, 0, 7, 5);
        let mut screen = Buffer::empty(area);
        canvas.paint(&mut screen, area);
        let expected = Buffer::with_lines(["   ╭───", "   │   ", "───┼───", "   │   ", "   ╰───"]);
        assert_eq!(screen, expected);
    }

    #[test]
    fn the_left_side_mirrors_the_right() {
        let mut canvas = Canvas::new(5, 3);
        for y in [0, 2] {
            canvas.link((4, 1), 2, (0, y), Style::default());
        }
        let area = Rect::new(0, 0, 5, 3);
        let mut screen = Buffer::empty(area);
        canvas.paint(&mut screen, area);
        assert_eq!(screen, Buffer::with_lines(["──╮  ", "  ├──", "──╯  "]));
    }
}
