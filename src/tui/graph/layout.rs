//! Where the items of a tree stand on the map.
//!
//! Each side of the middle is a stack of rows, one for every item without children; a parent stands
//! beside the middle of its children, so no two lines cross. A side taller than the area is scrolled
//! to the row last selected on it; a tree wider than the area loses its outermost layers, farthest
//! from the selection first.
//!
//! Invariant: the same tree, selection and size give the same places.

use super::text;
use super::tree::{Item, Side, Tree};

/// The widest name drawn.
const NAME_CELLS: usize = 34;
/// The narrowest room for lines: trunk, bus, dash, arrow, space.
const GAP_MIN: usize = 5;
/// What lines need beside a label.
const GAP_EXTRA: usize = 9;
const NAME_MIN: usize = 7;

/// Where an item stands in its side's stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) item: Item,
    pub(super) side: Side,
    pub(super) level: usize,
    /// Its rows: its children's, or its own one.
    pub(super) first: usize,
    pub(super) last: usize,
}

/// The stacks of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stacks {
    /// All items but the middle, each before its children, top to bottom.
    pub(super) spots: Vec<Spot>,
    rows: [usize; 2],
}

/// Where empty rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Spacing {
    /// Nowhere.
    #[default]
    Tight,
    /// Between the groups of the middle.
    Airy,
    /// Above each group of the middle: its edge type is written there.
    Headed,
}

fn index(side: Side) -> usize {
    match side {
        Side::Left => 0,
        Side::Right => 1,
    }
}

impl Stacks {
    /// Stacks with the spacing of each side.
    pub(super) fn new(tree: &Tree, spacing: [Spacing; 2]) -> Self {
        let mut stacks = Stacks::default();
        for (side, spacing) in [Side::Left, Side::Right].into_iter().zip(spacing) {
            stacks.stack(tree, side, spacing);
        }
        stacks
    }

    fn stack(&mut self, tree: &Tree, side: Side, spacing: Spacing) {
        let mut row = 0;
        let mut last_label: Option<&str> = None;
        for item in tree.kids(0, side) {
            let label = tree.link(item).map(|link| link.label.as_str());
            let apart = match spacing {
                Spacing::Tight => false,
                Spacing::Airy => last_label.is_some(),
                Spacing::Headed => true,
            };
            row += usize::from(apart && label != last_label);
            last_label = label;
            row = self.place(tree, item, side, row);
        }
        if let Some(rows) = self.rows.get_mut(index(side)) {
            *rows = row;
        }
    }

    /// Places an item and what hangs on it from a row on; returns the row behind.
    fn place(&mut self, tree: &Tree, item: Item, side: Side, row: usize) -> usize {
        let level = tree.link(item).map_or(1, |link| link.level);
        let at = self.spots.len();
        self.spots.push(Spot { item, side, level, first: row, last: row });
        let Item::Node(node) = item else { return row + 1 };
        let mut next = row;
        for kid in tree.kids(node, side) {
            next = self.place(tree, kid, side, next);
        }
        let next = next.max(row + 1);
        if let Some(spot) = self.spots.get_mut(at) {
            spot.last = next - 1;
        }
        next
    }

    pub(super) fn spot(&self, item: Item) -> Option<&Spot> {
        self.spots.iter().find(|spot| spot.item == item)
    }

    fn rows(&self, side: Side) -> usize {
        self.rows.get(index(side)).copied().unwrap_or(0)
    }
}

fn groups(tree: &Tree, side: Side) -> usize {
    let mut labels: Vec<_> = tree.kids(0, side).map(|item| tree.link(item).map(|link| &link.label)).collect();
    labels.dedup();
    labels.len()
}

/// An item on the map, in cells from the map's corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) item: Item,
    pub(super) side: Side,
    pub(super) x: usize,
    pub(super) y: usize,
    /// The cells its text may take.
    pub(super) width: usize,
}

/// A layer of one side: its names and the lines that lead to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) side: Side,
    pub(super) level: usize,
    /// Where its names are.
    pub(super) x: usize,
    pub(super) width: usize,
    /// The cells of its lines, between its names and what they hang on.
    pub(super) gap_x: usize,
    pub(super) gap: usize,
    name_wanted: usize,
    pub(super) gap_wanted: usize,
}

impl Column {
    /// Whether the lines are long enough for every edge type; two cells are nice to have.
    fn has_labels(&self) -> bool {
        self.gap + 2 >= self.gap_wanted
    }
}

/// The map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The middle's box: its corner and width; it is three cells high.
    pub(super) middle: (usize, usize, usize),
    pub(super) columns: Vec<Column>,
    pub(super) placed: Vec<Placed>,
    /// Rows above and below the area: side, above, below.
    pub(super) hidden: Vec<(Side, usize, usize)>,
    /// Where each side has empty rows.
    spacing: [Spacing; 2],
}

/// What the layout must know of the texts.
pub(super) struct Names<'a> {
    /// The text of an item.
    pub(super) name: &'a dyn Fn(Item) -> String,
    /// The middle's name and type.
    pub(super) middle: (&'a str, &'a str),
}

impl Layout {
    /// Lays the tree out for a size. `focus` holds the row of each side that must be seen; `selected`
    /// decides which layers stay when not all fit.
    pub(super) fn new(
        tree: &Tree,
        names: &Names<'_>,
        size: (usize, usize),
        focus: [usize; 2],
        selected: Item,
    ) -> Self {
        let (width, height) = size;
        let room = (width / 3).clamp(8, NAME_CELLS);
        let text = text::width(names.middle.0, room).max(text::width(names.middle.1, room) + 2);
        let middle_width = (text + 4).min(room).min(width);
        let tight = Stacks::new(tree, [Spacing::Tight; 2]);
        let mut columns = columns(tree, &tight, names);
        let keep = tree.link(selected).map_or((Side::Right, 0), |link| (link.side, link.level));
        fit(&mut columns, width.saturating_sub(middle_width), keep);
        let middle_x = arrange(&mut columns, middle_width, width);
        let spacing = [Side::Left, Side::Right].map(|side| spacing(tree, &tight, &columns, side, height));
        let stacks = Stacks::new(tree, spacing);
        let mut layout = Layout {
            middle: (middle_x, height.saturating_sub(3) / 2, middle_width),
            columns,
            placed: Vec::new(),
            hidden: Vec::new(),
            spacing,
        };
        for side in [Side::Left, Side::Right] {
            layout.place(&stacks, side, height, focus);
        }
        layout
    }

    fn place(&mut self, stacks: &Stacks, side: Side, height: usize, focus: [usize; 2]) {
        let rows = stacks.rows(side);
        if rows == 0 {
            return;
        }
        // The rows seen, and where the first of them is drawn. The marks of hidden rows take a line.
        let (start, seen, offset) = if rows <= height {
            // The first heading stands above what is centred.
            let heading = usize::from(self.is_headed(side));
            (0, rows, ((height - (rows - heading)) / 2).saturating_sub(heading))
        } else {
            let seen = height.saturating_sub(2).max(1);
            let focus = focus.get(index(side)).copied().unwrap_or(0);
            let start = focus.saturating_sub(seen / 2).min(rows - seen);
            self.hidden.push((side, start, rows - seen - start));
            (start, seen, usize::from(height > 2))
        };
        for spot in stacks.spots.iter().filter(|spot| spot.side == side) {
            let (first, last) = (spot.first.max(start), spot.last.min(start + seen - 1));
            let column = self.columns.iter().find(|c| c.side == side && c.level == spot.level);
            if let Some(column) = column.filter(|_| first <= last) {
                let y = offset + (first + last) / 2 - start;
                let (x, width) = (column.x, column.width);
                self.placed.push(Placed { item: spot.item, side, x, y, width });
            }
        }
    }

    pub(super) fn find(&self, item: Item) -> Option<&Placed> {
        self.placed.iter().find(|placed| placed.item == item)
    }

    /// Whether the edge types of the middle's groups are written above them.
    pub(super) fn is_headed(&self, side: Side) -> bool {
        self.spacing.get(index(side)) == Some(&Spacing::Headed)
    }

    /// Whether there is no room for a side at all.
    pub(super) fn lacks(&self, tree: &Tree, side: Side) -> bool {
        tree.kids(0, side).next().is_some() && !self.columns.iter().any(|column| column.side == side)
    }

    /// The row of the middle's name.
    pub(super) fn middle_row(&self) -> usize {
        self.middle.1 + 1
    }
}

/// Empty rows where there is room for them; for edge types where the lines are too short for those.
fn spacing(tree: &Tree, tight: &Stacks, columns: &[Column], side: Side, height: usize) -> Spacing {
    let short = columns.iter().any(|c| c.side == side && c.level == 1 && !c.has_labels());
    match (height.checked_sub(tight.rows(side)), groups(tree, side)) {
        (Some(spare), groups) if short && spare >= groups => Spacing::Headed,
        (Some(spare), groups) if spare + 1 >= groups => Spacing::Airy,
        _ => Spacing::Tight,
    }
}

/// The layers there are, with the sizes they would like, outwards from the middle.
fn columns(tree: &Tree, stacks: &Stacks, names: &Names<'_>) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for spot in &stacks.spots {
        let at = columns.iter().position(|c| c.side == spot.side && c.level == spot.level);
        let at = at.unwrap_or_else(|| {
            let (side, level) = (spot.side, spot.level);
            let empty =
                Column { side, level, x: 0, width: 0, gap_x: 0, gap: 0, name_wanted: 1, gap_wanted: 0 };
            columns.push(empty);
            columns.len() - 1
        });
        let name = text::width(&(names.name)(spot.item), NAME_CELLS);
        let label = tree.link(spot.item).map_or(0, |link| text::width(&link.label, NAME_CELLS));
        if let Some(column) = columns.get_mut(at) {
            column.name_wanted = column.name_wanted.max(name);
            column.gap_wanted = column.gap_wanted.max(label + GAP_EXTRA);
        }
    }
    columns.sort_by_key(|column| (column.level, column.side));
    columns
}

/// Gives the columns the width there is; takes the outermost out while even the least is too much.
fn fit(columns: &mut Vec<Column>, width: usize, keep: (Side, usize)) {
    for column in columns.iter_mut() {
        (column.width, column.gap) = (column.name_wanted.min(NAME_MIN), GAP_MIN);
    }
    let used = |columns: &[Column]| columns.iter().map(|c| c.width + c.gap).sum::<usize>();
    while used(columns) > width && !columns.is_empty() {
        let needed = |c: &Column| c.side == keep.0 && c.level <= keep.1;
        let outermost = columns.iter().rposition(|c| !needed(c)).unwrap_or(columns.len() - 1);
        columns.remove(outermost);
    }
    let mut spare = width.saturating_sub(used(columns));
    // Names tell more than edge types do; both tell more than the rest of a long name.
    grow(columns, &mut spare, |c| (&mut c.width, c.name_wanted.min(NAME_CELLS * 2 / 3)));
    grow(columns, &mut spare, |c| (&mut c.gap, c.gap_wanted));
    grow(columns, &mut spare, |c| (&mut c.width, c.name_wanted));
    // Long lines look calmer than a picture with wide margins, up to a point.
    for column in columns.iter_mut() {
        let more = (spare / 4).min(6);
        column.gap += more;
        spare -= more;
    }
}

/// Shares spare cells out evenly, as long as something wants them.
fn grow(columns: &mut [Column], spare: &mut usize, part: fn(&mut Column) -> (&mut usize, usize)) {
    let mut growing = true;
    while *spare > 0 && growing {
        growing = false;
        for column in columns.iter_mut() {
            let (size, wanted) = part(column);
            if *size < wanted && *spare > 0 {
                *size += 1;
                *spare -= 1;
                growing = true;
            }
        }
    }
}

/// Sets the columns side by side with the middle between; returns where the middle is.
fn arrange(columns: &mut [Column], middle_width: usize, width: usize) -> usize {
    let total: usize = columns.iter().map(|c| c.width + c.gap).sum::<usize>() + middle_width;
    let mut left = width.saturating_sub(total) / 2;
    for column in columns.iter_mut().rev().filter(|c| c.side == Side::Left) {
        (column.x, column.gap_x) = (left, left + column.width);
        left += column.width + column.gap;
    }
    let middle = left;
    left += middle_width;
    for column in columns.iter_mut().filter(|c| c.side == Side::Right) {
        (column.gap_x, column.x) = (left, left + column.gap);
        left += column.gap + column.width;
    }
    middle
}
