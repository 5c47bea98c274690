//! The rows of a result: cursor, viewport, page cache.
//!
//! The grid holds only pages near the viewport, at most [`MAX_PAGES`] of them; the rest stays
//! with the engine behind a paging cursor. What is missing is asked for by [`Grid::wanted`], a page
//! ahead of where the viewport moves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::bus::{CursorId, Page, ResultColumn};
use crate::model::{PropertyType, Value, escape_control};

use super::text;

/// Rows of a page.
pub(super) const PAGE_ROWS: u32 = 256;
/// Pages kept: about what a long scroll back needs, and little memory.
const MAX_PAGES: usize = 32;
/// Pages asked for at the same time.
const MAX_IN_FLIGHT: usize = 4;
/// The widest a column grows by itself.
const MAX_COLUMN: usize = 48;
const PAGE: u64 = PAGE_ROWS as u64;

/// A value as a cell shows it: ids by their ends, which tell them apart.
pub(super) fn cell_text(value: &Value) -> String {
    match value {
        Value::Uuid(id) => {
            let text = id.hyphenated().to_string();
            format!("{}…{}", text.get(..8).unwrap_or_default(), text.get(32..).unwrap_or_default())
        }
        other => text::one_line(other),
    }
}

/// A result on the screen.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) cursor: CursorId,
    pub(super) columns: Vec<ResultColumn>,
    /// Safe column names, and widths in terminal columns.
    pub(super) names: Vec<String>,
    pub(super) widths: Vec<usize>,
    /// What produced it, for the title.
    pub(super) title: String,
    pub(super) sql: String,
    pages: BTreeMap<u64, Page>,
    in_flight: BTreeSet<u64>,
    failed: BTreeSet<u64>,
    /// Rows known to exist.
    pub(super) rows: u64,
    /// Whether those are all.
    pub(super) complete: bool,
    /// The statement ended before its last row: by a cancel, or an error.
    pub(super) stopped: bool,
    pub(super) elapsed: Option<Duration>,
    pub(super) row: u64,
    pub(super) column: usize,
    pub(super) top: u64,
    pub(super) left: usize,
    /// What fits on the screen: rows, and columns of the terminal.
    height: u64,
    width: usize,
    /// The cursor follows the end until all rows are known.
    chase_end: bool,
}

impl Grid {
    pub(super) fn new(cursor: CursorId, columns: Vec<ResultColumn>, title: String, sql: String) -> Self {
        let names: Vec<String> = columns.iter().map(|c| escape_control(&c.name).into_owned()).collect();
        let widths = names.iter().map(|n| text::width(n).clamp(1, MAX_COLUMN)).collect();
        Self {
            cursor,
            columns,
            names,
            widths,
            title,
            sql,
            pages: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            failed: BTreeSet::new(),
            rows: 0,
            complete: false,
            stopped: false,
            elapsed: None,
            row: 0,
            column: 0,
            top: 0,
            left: 0,
            height: 10,
            width: 80,
            chase_end: false,
        }
    }

    /// Takes rows in; the far ones leave when there are too many.
    pub(super) fn insert(&mut self, page: Page) {
        self.rows = self.rows.max(page.first_row() + page.rows() as u64);
        let sample = if self.columns.len() > 200 { 16 } else { 128 };
        for (column, width) in self.widths.iter_mut().enumerate() {
            for row in 0..page.rows().min(sample) {
                if *width >= MAX_COLUMN {
                    break;
                }
                let cell = text::width(&cell_text(&page.value(row, column)));
                *width = (*width).max(cell.min(MAX_COLUMN));
            }
        }
        self.pages.insert(page.first_row(), page);
        while self.pages.len() > MAX_PAGES {
            let middle = self.top;
            let far = self.pages.keys().copied().max_by_key(|first| first.abs_diff(middle));
            let Some(far) = far else { break };
            self.pages.remove(&far);
        }
    }

    /// A page was answered, or will not come.
    pub(super) fn page_arrived(&mut self, index: u64, failed: bool) {
        self.in_flight.remove(&index);
        if failed {
            self.failed.insert(index);
        }
    }

    /// The result has grown, or is whole.
    pub(super) fn counted(&mut self, rows: u64, complete: bool) {
        self.rows = self.rows.max(rows);
        self.complete |= complete;
        if self.chase_end {
            self.row = self.rows.saturating_sub(1);
            self.chase_end = !self.complete;
        }
        self.scroll();
    }

    /// A cell, where its page is here.
    pub(super) fn value(&self, row: u64, column: usize) -> Option<Value> {
        let (first, page) = self.pages.range(..=row).next_back()?;
        let within = usize::try_from(row - first).ok()?;
        (within < page.rows()).then(|| page.value(within, column))
    }

    fn has(&self, row: u64) -> bool {
        self.pages.range(..=row).next_back().is_some_and(|(first, page)| row - first < page.rows() as u64)
    }

    /// The pages to ask for now (their numbers); they count as asked for from here on.
    pub(super) fn wanted(&mut self) -> Vec<u64> {
        let last_row = self.rows.saturating_sub(1);
        let first = self.top / PAGE;
        let last = (self.top + self.height) / PAGE;
        let mut wanted = Vec::new();
        // What is on the screen first, then what lies ahead, then behind.
        for page in (first..=last).chain([last + 1]).chain(first.checked_sub(1)) {
            let start = page * PAGE;
            let end = (start + PAGE - 1).min(last_row);
            let missing = start <= last_row && self.rows > 0 && !(self.has(start) && self.has(end));
            if missing
                && !self.failed.contains(&page)
                && self.in_flight.len() < MAX_IN_FLIGHT
                && self.in_flight.insert(page)
            {
                wanted.push(page);
            }
        }
        wanted
    }

    /// What fits on the screen has changed.
    pub(super) fn fit(&mut self, width: u16, height: u16) {
        self.width = usize::from(width);
        self.height = u64::from(height.saturating_sub(2)).max(1);
        self.scroll();
    }

    /// Rows that fit on the screen.
    pub(super) fn height(&self) -> u64 {
        self.height
    }

    /// Columns of the row number at the left, with its separator.
    pub(super) fn gutter(&self) -> usize {
        text::count(self.rows).len().max(3) + 1
    }

    pub(super) fn move_rows(&mut self, by: i64) {
        self.chase_end = false;
        let last = self.rows.saturating_sub(1);
        self.row = self.row.saturating_add_signed(by).min(last);
        self.scroll();
    }

    pub(super) fn go_to_row(&mut self, row: u64) {
        self.row = row;
        self.move_rows(0);
    }

    pub(super) fn go_to_end(&mut self) {
        self.go_to_row(u64::MAX);
        self.chase_end = !self.complete;
    }

    pub(super) fn move_columns(&mut self, by: i64) {
        let by = isize::try_from(by).unwrap_or(0);
        self.column = self.column.saturating_add_signed(by).min(self.columns.len().saturating_sub(1));
        self.scroll();
    }

    pub(super) fn go_to_column(&mut self, column: usize) {
        self.column = column;
        self.move_columns(0);
    }

    /// Scrolls without moving the cursor further than needed.
    pub(super) fn wheel(&mut self, by: i64) {
        self.chase_end = false;
        let last_top = self.rows.saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(by).min(last_top);
        self.row = self.row.clamp(self.top, (self.top + self.height - 1).max(self.top));
        self.scroll();
    }

    fn scroll(&mut self) {
        let last = self.rows.saturating_sub(1);
        self.row = self.row.min(last);
        self.top = self.top.min(self.row).max((self.row + 1).saturating_sub(self.height));
        self.top = self.top.min(self.rows.saturating_sub(self.height));
        self.left = self.left.min(self.column);
        while self.left < self.column
            && !self
                .visible_columns()
                .iter()
                .any(|(c, _, w)| *c == self.column && self.widths.get(*c).is_some_and(|own| w >= own))
        {
            self.left += 1;
        }
    }

    /// The columns on the screen: number, offset from the left, width. The last may be cut.
    pub(super) fn visible_columns(&self) -> Vec<(usize, usize, usize)> {
        let mut at = self.gutter() + 3;
        let mut visible = Vec::new();
        for (column, width) in self.widths.iter().enumerate().skip(self.left) {
            if at >= self.width {
                break;
            }
            let last = column + 1 == self.widths.len();
            let room = self.width - at;
            // A number cut short would be another number; of text a few letters must remain.
            let least = if self.is_number(column) { *width } else { (*width).min(6) };
            if room < least && column != self.left {
                break;
            }
            // A lone last column takes the room there is.
            let own = if last && self.left == column { room.min(200).max(*width) } else { *width };
            visible.push((column, at, own.min(room)));
            at += own + 3;
        }
        visible
    }

    /// Whether the column's values stand at the right.
    pub(super) fn is_number(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|c| {
            matches!(
                c.property_type,
                PropertyType::Integer | PropertyType::Float | PropertyType::Decimal { .. }
            )
        })
    }

    /// The id that names a record under the cursor: the cell when it holds one, else the row's
    /// `id`.
    ///
    /// # Errors
    /// Says what is missing.
    pub(super) fn record_id(&self) -> Result<uuid::Uuid, &'static str> {
        if self.rows == 0 {
            return Err("there is no row");
        }
        let id_of = |column: usize| match self.value(self.row, column) {
            Some(Value::Uuid(id)) => Some(id),
            Some(Value::String(text)) if text.len() == 36 => uuid::Uuid::parse_str(&text).ok(),
            _ => None,
        };
        let names = ["id", "from_id", "to_id"];
        let here = self
            .columns
            .get(self.column)
            .is_some_and(|c| names.contains(&c.name.as_str()) || c.property_type == PropertyType::Uuid);
        if here && let Some(id) = id_of(self.column) {
            return Ok(id);
        }
        names
            .iter()
            .filter_map(|name| self.columns.iter().position(|c| c.name == *name))
            .find_map(id_of)
            .ok_or("no id in this row: select the id column too, such as SELECT p.id, ...")
    }

    /// `row 2 of ≥ 9,114`.
    pub(super) fn position(&self) -> String {
        let of = if self.complete { "" } else { "≥ " };
        match self.rows {
            0 if self.stopped => "stopped".to_owned(),
            rows if self.stopped => {
                format!("row {} of {}, then stopped", text::count(self.row + 1), text::count(rows))
            }
            0 if self.complete => "no rows".to_owned(),
            0 => "rows …".to_owned(),
            rows => format!("row {} of {of}{}", text::count(self.row + 1), text::count(rows)),
        }
    }

    /// The row under the cursor, its cells joined by tabs.
    pub(super) fn row_text(&self) -> Option<String> {
        let cells: Option<Vec<String>> =
            (0..self.columns.len()).map(|column| self.value(self.row, column).map(|v| v.to_text())).collect();
        cells.map(|cells| cells.join("\t"))
    }

    #[cfg(test)]
    pub(super) fn pages_held(&self) -> usize {
        self.pages.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use super::*;

    fn page(first: u64, rows: u64) -> Page {
        let values: Int64Array = (first..first + rows).map(|n| Some(n as i64)).collect();
        Page::new(first, RecordBatch::try_from_iter([("n", Arc::new(values) as _)]).unwrap())
    }

    fn grid() -> Grid {
        let columns = vec![ResultColumn { name: "n".into(), property_type: PropertyType::Integer }];
        let mut grid = Grid::new(CursorId(1), columns, "test".into(), String::new());
        grid.fit(80, 22);
        grid
    }

    #[test]
    fn a_million_rows_cost_a_bounded_cache() {
        let mut grid = grid();
        grid.insert(page(0, PAGE));
        grid.counted(1_000_000, true);
        for step in 0..500 {
            grid.move_rows(2_000);
            for wanted in grid.wanted() {
                let first = wanted * PAGE;
                grid.insert(page(first, PAGE.min(1_000_000 - first)));
                grid.page_arrived(wanted, false);
            }
            assert_eq!(grid.value(grid.row, 0), Some(Value::Integer(grid.row as i64)), "step {step}");
            assert!(grid.pages_held() <= MAX_PAGES);
        }
        assert_eq!(grid.row, 999_999);
        assert_eq!(grid.position(), "row 1,000,000 of 1,000,000");
    }

    #[test]
    fn pages_are_asked_for_once_and_only_where_rows_are() {
        let mut grid = grid();
        grid.insert(page(0, 10));
        assert_eq!(grid.wanted(), [] as [u64; 0], "all known rows are here");
        grid.counted(300, false);
        assert_eq!(grid.wanted(), [0, 1]);
        assert_eq!(grid.wanted(), [] as [u64; 0]);
        grid.page_arrived(0, true);
        assert_eq!(grid.wanted(), [] as [u64; 0], "a page that failed is not asked for again");
    }

    #[test]
    fn the_end_is_followed_until_it_is_known() {
        let mut grid = grid();
        grid.insert(page(0, PAGE));
        grid.go_to_end();
        assert_eq!((grid.row, grid.position()), (255, "row 256 of ≥ 256".into()));
        grid.counted(5_000, false);
        assert_eq!(grid.row, 4_999);
        grid.counted(6_000, true);
        grid.counted(6_000, true);
        assert_eq!((grid.row, grid.position()), (5_999, "row 6,000 of 6,000".into()));
        grid.move_rows(-1);
        assert_eq!(grid.row, 5_998);
    }
}
