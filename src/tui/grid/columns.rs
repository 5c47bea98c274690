//! The columns of a grid: which are shown, how wide, which stay when the rest scrolls.
//!
//! Widths are found when a column comes near the screen, so that two thousand columns cost what is
//! seen of them. A column has a number (its place in the result) and, while it is shown, a place
//! among the shown ones.

use std::collections::BTreeSet;

use crate::bus::{ResultColumn, contains_text};
use crate::model::{PropertyType, Value, escape_control};

use crate::tui::text;

use super::cell_text;

/// Integers with more digits than a year has are hard to read without separators.
const LONG: u64 = 10_000;
/// The widest a column grows by itself.
pub(in crate::tui) const MAX_COLUMN: usize = 48;
/// The widest `=` makes one.
const MAX_FIT: usize = 400;
/// Between two columns: blank, line, blank.
pub(super) const GAP: usize = 3;

#[derive(Debug, Clone, Copy)]
struct Width {
    columns: usize,
    /// Cells were looked at for it.
    measured: bool,
    /// Set by the user: cells do not change it.
    fixed: bool,
    /// It has long integers: all are shown with separators.
    separated: bool,
}

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Seen {
    /// Its number in the result.
    pub(in crate::tui) column: usize,
    /// Its offset from the pane's left.
    pub(in crate::tui) at: usize,
    /// The columns of the terminal it takes; the last may be cut.
    pub(in crate::tui) width: usize,
}

/// The columns of a result on the screen.
#[derive(Debug)]
pub(in crate::tui) struct Columns {
    pub(in crate::tui) of: Vec<ResultColumn>,
    /// Safe names.
    pub(in crate::tui) names: Vec<String>,
    widths: Vec<Width>,
    hidden: BTreeSet<usize>,
    filter: Option<String>,
    /// The numbers of those shown.
    shown: Vec<usize>,
    /// How many of the first shown ones stay at the left.
    pub(in crate::tui) frozen: usize,
    /// The place of the one under the cursor.
    place: usize,
    /// The place of the first one that scrolls.
    left: usize,
}

impl Columns {
    pub(super) fn new(of: Vec<ResultColumn>) -> Self {
        let names: Vec<String> = of.iter().map(|c| escape_control(&c.name).into_owned()).collect();
        let width = |name: &String| Width {
            columns: text::width(name).clamp(1, MAX_COLUMN),
            measured: false,
            separated: false,
            fixed: false,
        };
        let widths = names.iter().map(width).collect();
        let shown = (0..of.len()).collect();
        let (hidden, filter) = (BTreeSet::new(), None);
        Self { of, names, widths, hidden, filter, shown, frozen: 0, place: 0, left: 0 }
    }

    /// The number of the one under the cursor.
    pub(in crate::tui) fn current(&self) -> usize {
        self.shown.get(self.place).copied().unwrap_or(0)
    }

    /// The place of the one under the cursor among those shown.
    pub(in crate::tui) fn place(&self) -> usize {
        self.place
    }

    pub(in crate::tui) fn shown(&self) -> &[usize] {
        &self.shown
    }

    pub(in crate::tui) fn name(&self, column: usize) -> &str {
        self.names.get(column).map_or("", String::as_str)
    }

    pub(in crate::tui) fn width(&self, column: usize) -> usize {
        self.widths.get(column).map_or(1, |w| w.columns)
    }

    /// Whether the column's values stand at the right.
    pub(in crate::tui) fn is_number(&self, column: usize) -> bool {
        self.of.get(column).is_some_and(|c| {
            matches!(
                c.property_type,
                PropertyType::Integer | PropertyType::Float | PropertyType::Decimal { .. }
            )
        })
    }

    /// Whether columns are left out at the left or the right.
    pub(in crate::tui) fn scrolled(&self) -> bool {
        self.left > self.frozen
    }

    pub(super) fn go_to_place(&mut self, place: usize) {
        self.place = place.min(self.shown.len().saturating_sub(1));
    }

    pub(super) fn go_to(&mut self, column: usize) {
        if let Some(place) = self.shown.iter().position(|c| *c == column) {
            self.place = place;
        }
    }

    /// Scrolls sideways without the cursor, which follows.
    pub(super) fn wheel(&mut self, by: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.left = self.left.saturating_add_signed(by).clamp(self.frozen, last.max(self.frozen));
        if self.place >= self.frozen {
            self.place = self.place.max(self.left);
        }
    }

    /// Keeps the columns up to the one under the cursor; again, none.
    pub(super) fn freeze(&mut self) -> usize {
        self.frozen = if self.frozen == self.place + 1 { 0 } else { self.place + 1 };
        self.left = self.left.max(self.frozen);
        self.frozen
    }

    /// Hides the one under the cursor; false where it is the last one.
    pub(super) fn hide(&mut self) -> bool {
        if self.shown.len() < 2 {
            return false;
        }
        self.hidden.insert(self.current());
        self.list();
        true
    }

    /// Shows all hidden ones again; how many those were.
    pub(super) fn restore(&mut self) -> usize {
        let count = self.hidden.len();
        let here = self.current();
        self.hidden.clear();
        self.list();
        self.go_to(here);
        count
    }

    pub(in crate::tui) fn hidden(&self) -> usize {
        self.hidden.len()
    }

    /// Shows the columns alone whose names hold a text; false where none does.
    pub(super) fn filter(&mut self, filter: Option<String>) -> bool {
        let fits = |name: &String| filter.as_ref().is_none_or(|f| contains_text(name, f));
        if !self.names.iter().any(fits) {
            return false;
        }
        let here = self.current();
        self.filter = filter;
        self.list();
        self.go_to(here);
        true
    }

    fn list(&mut self) {
        let fits = |name: &str| self.filter.as_ref().is_none_or(|f| contains_text(name, f));
        self.shown = (self.names.iter().enumerate())
            .filter(|(column, name)| !self.hidden.contains(column) && fits(name))
            .map(|(column, _)| column)
            .collect();
        self.frozen = self.frozen.min(self.shown.len());
        self.go_to_place(self.place);
        self.left = self.left.min(self.shown.len().saturating_sub(1)).max(self.frozen);
    }

    pub(super) fn set_width(&mut self, column: usize, columns: usize) {
        if let Some(width) = self.widths.get_mut(column) {
            (width.measured, width.fixed) = (true, true);
            width.columns = columns.clamp(1, MAX_FIT);
        }
    }

    /// Whether the column's integers have separators.
    pub(in crate::tui) fn separated(&self, column: usize) -> bool {
        self.widths.get(column).is_some_and(|width| width.separated)
    }

    /// Takes a cell in.
    pub(super) fn take(&mut self, column: usize, value: &Value) {
        if let Some(width) = self.widths.get_mut(column) {
            width.separated |= matches!(value, Value::Integer(n) if n.unsigned_abs() >= LONG);
        }
        self.grow(column, text::width(&cell_text(value, self.separated(column))));
    }

    /// Takes a cell's width in.
    pub(super) fn grow(&mut self, column: usize, cell: usize) {
        if let Some(width) = self.widths.get_mut(column)
            && !width.fixed
        {
            width.columns = width.columns.max(cell.min(MAX_COLUMN));
        }
    }

    /// Whether the widths of a column's cells matter.
    pub(super) fn grows(&self, column: usize) -> bool {
        self.widths.get(column).is_some_and(|w| w.measured && !w.fixed && w.columns < MAX_COLUMN)
    }

    /// The shown ones near the screen whose cells were not looked at yet; they count as looked at.
    pub(super) fn unmeasured(&mut self, room: usize) -> Vec<usize> {
        // Narrow ones take four columns of the terminal with what is between them.
        let near = room / 4 + 1;
        let from = self.left.saturating_sub(near).min(self.place.saturating_sub(near));
        let to = (self.left + near).max(self.place + near);
        let mut found: Vec<usize> = self.shown.iter().take(self.frozen).copied().collect();
        found.extend(self.shown.iter().take(to).skip(from).copied());
        found.retain(|column| {
            self.widths.get_mut(*column).is_some_and(|w| !std::mem::replace(&mut w.measured, true))
        });
        found
    }

    /// Scrolls until the one under the cursor is whole on the screen; `from` is where cells begin.
    pub(super) fn scroll(&mut self, from: usize, room: usize) {
        self.left = self.left.max(self.frozen);
        if self.place < self.frozen {
            return;
        }
        self.left = self.left.min(self.place);
        let width = |place: usize| self.shown.get(place).map_or(1, |c| self.width(*c));
        let frozen: usize = (0..self.frozen).map(|place| width(place) + GAP).sum();
        let room = room.saturating_sub(from + frozen);
        // As many before it as fit with it.
        let mut used = width(self.place);
        let mut first = self.place;
        while first > self.left {
            used += width(first - 1) + GAP;
            if used > room {
                break;
            }
            first -= 1;
        }
        self.left = first;
    }

    /// The columns on the screen; `from` is where cells begin.
    pub(super) fn seen(&self, from: usize, room: usize) -> Vec<Seen> {
        let mut at = from;
        let mut seen = Vec::new();
        let places = (0..self.frozen.min(self.shown.len())).chain(self.left..self.shown.len());
        for place in places {
            let Some(column) = self.shown.get(place).copied() else { break };
            if at >= room {
                break;
            }
            let width = self.width(column);
            let left = room - at;
            // A number cut short would be another number; of text a few letters must remain.
            let least = if self.is_number(column) { width } else { width.min(6) };
            if left < least && place != self.left {
                break;
            }
            // A lone last column takes the room there is.
            let lone = place + 1 == self.shown.len() && self.left == place;
            let own = if lone { left.min(200).max(width) } else { width };
            seen.push(Seen { column, at, width: own.min(left) });
            at += own + GAP;
        }
        seen
    }

    /// Whether shown columns remain to the right of those seen.
    pub(in crate::tui) fn more_right(&self, seen: &[Seen]) -> bool {
        seen.last().map(|s| s.column) != self.shown.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(n: usize) -> Columns {
        let of = |i| ResultColumn { name: format!("c{i:04}"), property_type: PropertyType::String };
        Columns::new((0..n).map(of).collect())
    }

    #[test]
    fn the_column_under_the_cursor_is_seen_whole_wherever_it_is() {
        let mut columns = columns(2_000);
        for column in [0, 9, 1_999, 1_000, 1_001, 3] {
            columns.go_to(column);
            columns.unmeasured(80);
            columns.scroll(6, 80);
            let seen = columns.seen(6, 80);
            assert!(seen.iter().any(|s| s.column == column && s.width >= 5), "{column}: {seen:?}");
        }
    }

    #[test]
    fn frozen_columns_stay_and_hidden_ones_come_back() {
        let mut columns = columns(50);
        columns.go_to(1);
        assert_eq!(columns.freeze(), 2);
        columns.go_to(40);
        columns.scroll(6, 60);
        let seen: Vec<usize> = columns.seen(6, 60).iter().map(|s| s.column).collect();
        assert_eq!(seen[..2], [0, 1]);
        assert!(seen.contains(&40));
        assert!(columns.hide());
        assert_eq!(columns.current(), 41);
        assert!(columns.filter(Some("c004".into())));
        assert_eq!(columns.shown(), [41, 42, 43, 44, 45, 46, 47, 48, 49]);
        assert!(!columns.filter(Some("nothing".into())));
        assert!(columns.filter(None));
        assert_eq!(columns.restore(), 1);
        assert_eq!(columns.shown().len(), 50);
    }
}
