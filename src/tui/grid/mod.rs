//! The rows of a result: cursor, viewport, page cache.
//!
//! The grid holds only pages near the viewport, at most [`MAX_PAGES`] of them; the rest stays
//! with the engine behind a paging cursor. What is missing is asked for by [`Grid::wanted`], a page
//! ahead of where the viewport moves. Filters and order are the engine's too: the grid shows another
//! cursor's pages then. New rows that are staged stand behind the result's own.

pub(super) mod actions;
pub(super) mod answers;
mod columns;
pub(super) mod edit;
mod results;
mod shape;
pub(super) mod staged;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::bus::{CursorId, Page, ResultColumn};
use crate::model::{PropertyType, Value};

use super::app::Ticket;
use super::text;
pub(super) use columns::{Columns, Seen};
pub(super) use results::Results;
pub(super) use shape::Shape;
use staged::Staged;

/// Rows of a page.
pub(super) const PAGE_ROWS: u32 = 256;
/// Pages kept: about what a long scroll back needs, and little memory.
const MAX_PAGES: usize = 32;
/// Pages asked for at the same time.
const MAX_IN_FLIGHT: usize = 4;
/// Rows of a page whose cells are measured.
const SAMPLE_ROWS: usize = 128;
/// Bytes of a long text that are looked at for one line.
const SHOWN_BYTES: usize = 1_600;
const PAGE: u64 = PAGE_ROWS as u64;

/// A value as a cell shows it: ids by their ends, which tell them apart; integers with separators where the
/// column has long ones. Years and other short numbers read better without.
pub(super) fn cell_text(value: &Value, separated: bool) -> String {
    match value {
        Value::Uuid(id) => {
            let text = id.hyphenated().to_string();
            format!("{}…{}", text.get(..8).unwrap_or_default(), text.get(32..).unwrap_or_default())
        }
        Value::Integer(n) if separated => {
            format!("{}{}", if *n < 0 { "-" } else { "" }, text::count(n.unsigned_abs()))
        }
        other => text::one_line(other),
    }
}

/// What is known of how many rows there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) rows: u64,
    /// Those are all.
    pub(super) complete: bool,
    /// The rows ended before the last one: by a cancel, or an error.
    pub(super) stopped: bool,
}

/// A view that the engine is making.
#[derive(Debug)]
pub(super) struct Shaping {
    pub(super) ticket: Ticket,
    shape: Shape,
    view: Option<CursorId>,
    known: Known,
    /// What was shown before, where the new view is shown already.
    before: Option<(Option<CursorId>, Shape, Known)>,
}

/// Where a result stood whose statement is run again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Again {
    /// The result it takes the place of.
    pub(super) result: CursorId,
    pub(super) row: u64,
    pub(super) column: usize,
    pub(super) shape: Shape,
}

/// What a row of the grid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    Plain,
    /// Cells of it are changed, once committed.
    Changed,
    Deleted,
    New,
}

/// A result on the screen.
#[derive(Debug)]
pub(super) struct Grid {
    /// The result, whose rows are as the statement gave them.
    pub(super) result: CursorId,
    /// The rows shown, where they are others or in another order.
    view: Option<CursorId>,
    pub(super) columns: Columns,
    /// What produced it, for the title.
    pub(super) title: String,
    /// The type whose rows are browsed.
    pub(super) sql: String,
    pages: BTreeMap<u64, Page>,
    in_flight: BTreeSet<u64>,
    failed: BTreeSet<u64>,
    base: Known,
    viewed: Known,
    pub(super) elapsed: Option<Duration>,
    pub(super) row: u64,
    pub(super) top: u64,
    /// What fits on the screen: rows, and columns of the terminal.
    height: u64,
    width: usize,
    /// The cursor follows the end until all rows are known.
    chase_end: bool,
    /// The row to go to once it is known.
    goal: Option<u64>,
    /// The request and the statement of it that gave the rows.
    pub(super) run: Option<(Ticket, u32)>,
    pub(super) shape: Shape,
    pub(super) shaping: Option<Shaping>,
    /// What was looked for last.
    pub(super) find: Option<String>,
    pub(super) column_filter: Option<String>,
    pub(super) marks: BTreeSet<u64>,
    pub(super) staged: Staged,
}

impl Grid {
    pub(super) fn new(result: CursorId, columns: Vec<ResultColumn>, title: String, sql: String) -> Self {
        Self {
            result,
            view: None,
            columns: Columns::new(columns),
            title,
            sql,
            pages: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            failed: BTreeSet::new(),
            base: Known::default(),
            viewed: Known::default(),
            elapsed: None,
            row: 0,
            top: 0,
            height: 10,
            width: 80,
            chase_end: false,
            goal: None,
            run: None,
            shape: Shape::default(),
            shaping: None,
            find: None,
            column_filter: None,
            marks: BTreeSet::new(),
            staged: Staged::default(),
        }
    }

    /// The cursor whose pages are shown.
    pub(super) fn cursor(&self) -> CursorId {
        self.view.unwrap_or(self.result)
    }

    /// The cursors to let go with it.
    pub(super) fn cursors(&self) -> Vec<CursorId> {
        let shaping = self.shaping.iter().flat_map(|s| [s.view, s.before.as_ref().and_then(|b| b.0)]);
        let mut all: Vec<CursorId> = shaping.flatten().chain(self.view).chain([self.result]).collect();
        all.dedup();
        all
    }

    /// What is known of the rows shown.
    pub(super) fn known(&self) -> Known {
        if self.view.is_some() { self.viewed } else { self.base }
    }

    /// Rows known to be there, without the staged ones.
    pub(super) fn rows(&self) -> u64 {
        self.known().rows
    }

    /// Rows on the screen's scale: the new ones stand behind the others.
    pub(super) fn total(&self) -> u64 {
        self.rows() + self.staged.inserts.len() as u64
    }

    /// The number of the column under the cursor.
    pub(super) fn column(&self) -> usize {
        self.columns.current()
    }

    /// Which new row a row is.
    pub(super) fn insert_at(&self, row: u64) -> Option<usize> {
        let n = usize::try_from(row.checked_sub(self.rows())?).ok()?;
        (n < self.staged.inserts.len()).then_some(n)
    }

    /// Takes rows in; the far ones leave when there are too many.
    pub(super) fn insert(&mut self, cursor: CursorId, page: Page) {
        if cursor != self.cursor() {
            return;
        }
        let known = if self.view.is_some() { &mut self.viewed } else { &mut self.base };
        known.rows = known.rows.max(page.first_row() + page.rows() as u64);
        let sample = page.rows().min(SAMPLE_ROWS);
        for column in 0..page.columns() {
            for row in 0..sample {
                if !self.columns.grows(column) {
                    break;
                }
                self.columns.take(column, &page.start(row, column, SHOWN_BYTES));
            }
        }
        self.pages.insert(page.first_row(), page);
        self.reach_goal();
        while self.pages.len() > MAX_PAGES {
            let middle = self.top;
            let far = self.pages.keys().copied().max_by_key(|first| first.abs_diff(middle));
            let Some(far) = far else { break };
            self.pages.remove(&far);
        }
        self.measure();
    }

    /// Looks at the cells of columns that came near the screen.
    fn measure(&mut self) {
        if self.pages.is_empty() {
            return;
        }
        for column in self.columns.unmeasured(self.width) {
            for page in self.pages.values() {
                for row in 0..page.rows().min(SAMPLE_ROWS) {
                    if !self.columns.grows(column) {
                        break;
                    }
                    self.columns.take(column, &page.start(row, column, SHOWN_BYTES));
                }
            }
        }
    }

    /// A page was answered, or will not come.
    pub(super) fn page_arrived(&mut self, index: u64, failed: bool) {
        self.in_flight.remove(&index);
        if failed {
            self.failed.insert(index);
        }
    }

    /// A result or view has grown, or is whole.
    pub(super) fn counted(&mut self, cursor: CursorId, rows: u64, complete: bool) {
        if let Some(shaping) = self.shaping.as_mut().filter(|s| s.view == Some(cursor)) {
            shaping.known.rows = shaping.known.rows.max(rows);
            shaping.known.complete |= complete;
        }
        let shown = cursor == self.cursor();
        let known = match (cursor == self.result, shown) {
            (true, _) => &mut self.base,
            (false, true) => &mut self.viewed,
            (false, false) => return,
        };
        known.rows = known.rows.max(rows);
        known.complete |= complete;
        if shown {
            self.reach_goal();
        }
        if shown && self.chase_end {
            self.row = self.rows().saturating_sub(1);
            self.chase_end = !self.known().complete;
        }
        self.scroll();
    }

    /// Goes on where another grid of the same statement stood.
    pub(super) fn resume(&mut self, row: u64, column: usize) {
        self.goal = Some(row);
        self.columns.go_to(column);
    }

    fn reach_goal(&mut self) {
        let known = self.known();
        if let Some(goal) = self.goal
            && (goal < known.rows || known.complete)
        {
            self.goal = None;
            self.go_to_row(goal);
        }
    }

    /// The statement ended before its last row.
    pub(super) fn stop(&mut self) {
        self.base.stopped |= !self.base.complete;
    }

    /// The shape that is shown, or the one that is being made.
    pub(super) fn wanted_shape(&self) -> &Shape {
        self.shaping.as_ref().map_or(&self.shape, |shaping| &shaping.shape)
    }

    /// A view is being made.
    pub(super) fn begin_shape(&mut self, ticket: Ticket, shape: Shape) {
        self.shaping = Some(Shaping { ticket, shape, view: None, known: Known::default(), before: None });
    }

    /// Where the view that is made takes something off: what is left once the next is off too.
    fn stepping_back(&self) -> Option<Shape> {
        let shaping = self.shaping.as_ref()?;
        let before = shaping.before.as_ref().map_or(&self.shape, |(_, shape, _)| shape);
        (shaping.shape.steps() < before.steps()).then(|| shaping.shape.without_last().unwrap_or_default())
    }

    /// The view that is being made has a name. A filter's rows are shown as they are found, a sort's
    /// once they are in order.
    pub(super) fn shape_named(&mut self, view: CursorId) {
        let Some(shaping) = &mut self.shaping else { return };
        shaping.view = Some(view);
        if shaping.shape.sort.is_empty() {
            let before = (self.view, self.shape.clone(), self.viewed);
            shaping.before = Some(before);
            let (shape, known) = (shaping.shape.clone(), shaping.known);
            self.show(Some(view), shape, known);
        }
    }

    /// The view is made. Returns the one it takes the place of.
    pub(super) fn shape_made(&mut self) -> Option<CursorId> {
        let shaping = self.shaping.take()?;
        match shaping.before {
            Some((before, ..)) => before,
            None => {
                let before = self.view;
                self.show(shaping.view, shaping.shape, shaping.known);
                before
            }
        }
    }

    /// The view is not made: what was shown before is shown again. Returns what is of no more use.
    pub(super) fn shape_failed(&mut self) -> Option<CursorId> {
        let shaping = self.shaping.take()?;
        if let Some((view, shape, known)) = shaping.before {
            self.show(view, shape, known);
        }
        shaping.view
    }

    /// Shows the result itself again. Returns the view that is of no more use.
    pub(super) fn unshape(&mut self) -> Option<CursorId> {
        let before = self.view;
        self.show(None, Shape::default(), Known::default());
        before
    }

    fn show(&mut self, view: Option<CursorId>, shape: Shape, known: Known) {
        self.view = view;
        self.shape = shape;
        for key in &self.shape.sort {
            // The header needs room for the mark.
            let column = key.column as usize;
            let mark = self.shape.mark(column).map_or(0, |mark| text::width(&mark) + 1);
            self.columns.grow(column, text::width(self.columns.name(column)) + mark);
        }
        self.viewed = known;
        self.pages.clear();
        self.in_flight.clear();
        self.failed.clear();
        self.marks.clear();
        self.chase_end = false;
        self.row = 0;
        self.top = 0;
        self.scroll();
    }

    /// A cell as the result has it, where its page is here.
    pub(super) fn stored(&self, row: u64, column: usize) -> Option<Value> {
        let (first, page) = self.pages.range(..=row).next_back()?;
        let within = usize::try_from(row - first).ok()?;
        (within < page.rows()).then(|| page.value(within, column))
    }

    /// A cell for the screen: the start of a long one.
    pub(super) fn shown(&self, row: u64, column: usize) -> Option<Value> {
        if self.insert_at(row).is_none() && !self.is_staged(row, column) {
            let (first, page) = self.pages.range(..=row).next_back()?;
            let within = usize::try_from(row - first).ok()?;
            return (within < page.rows()).then(|| page.start(within, column, SHOWN_BYTES));
        }
        self.value(row, column)
    }

    /// A cell as it is: what is staged for it stands before what the result has.
    pub(super) fn value(&self, row: u64, column: usize) -> Option<Value> {
        if let Some(n) = self.insert_at(row) {
            let cells = self.staged.inserts.get(n)?;
            return Some(cells.get(&column).cloned().unwrap_or_default());
        }
        if let Some(id) = self.staged_id(row)
            && let Some(value) = self.staged.cell(id, column)
        {
            return Some(value.clone());
        }
        self.stored(row, column)
    }

    /// The id of a row for which something may be staged.
    fn staged_id(&self, row: u64) -> Option<uuid::Uuid> {
        if self.staged.changes.is_empty() {
            return None;
        }
        self.row_id(row)
    }

    /// The id of the record that a row is, where its rows are traced to one type.
    pub(super) fn row_id(&self, row: u64) -> Option<uuid::Uuid> {
        let column = self.staged.source.as_ref()?.id_column;
        match self.stored(row, column)? {
            Value::Uuid(id) => Some(id),
            _ => None,
        }
    }

    pub(super) fn row_kind(&self, row: u64) -> RowKind {
        if self.insert_at(row).is_some() {
            return RowKind::New;
        }
        match self.staged_id(row).and_then(|id| self.staged.changes.get(&id)) {
            Some(change) if change.delete => RowKind::Deleted,
            Some(_) => RowKind::Changed,
            None => RowKind::Plain,
        }
    }

    /// Whether something is staged for a cell.
    pub(super) fn is_staged(&self, row: u64, column: usize) -> bool {
        match self.insert_at(row) {
            Some(n) => self.staged.inserts.get(n).is_some_and(|cells| cells.contains_key(&column)),
            None => self.staged_id(row).is_some_and(|id| self.staged.cell(id, column).is_some()),
        }
    }

    fn has(&self, row: u64) -> bool {
        self.pages.range(..=row).next_back().is_some_and(|(first, page)| row - first < page.rows() as u64)
    }

    /// The pages to ask for now (their numbers); they count as asked for from here on.
    pub(super) fn wanted(&mut self) -> Vec<u64> {
        let rows = self.rows();
        let last_row = rows.saturating_sub(1);
        let first = self.top / PAGE;
        let last = (self.top + self.height) / PAGE;
        let mut wanted = Vec::new();
        // What is on the screen first, then what lies ahead, then behind.
        for page in (first..=last).chain([last + 1]).chain(first.checked_sub(1)) {
            let start = page * PAGE;
            let end = (start + PAGE - 1).min(last_row);
            let missing = start <= last_row && rows > 0 && !(self.has(start) && self.has(end));
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
        let heading = 2 + u16::from(self.has_state());
        self.height = u64::from(height.saturating_sub(heading)).max(1);
        self.measure();
        self.scroll();
    }

    /// Whether a line above the header says what is asked of the rows.
    pub(super) fn has_state(&self) -> bool {
        !self.shape.is_empty()
            || self.shaping.is_some()
            || self.column_filter.is_some()
            || self.columns.hidden() > 0
            || !self.marks.is_empty()
            || !self.staged.is_empty()
    }

    /// Rows that fit on the screen.
    pub(super) fn height(&self) -> u64 {
        self.height
    }

    /// Columns of the row number at the left, with its separator.
    pub(super) fn gutter(&self) -> usize {
        text::count(self.total()).len().max(3) + 1
    }

    /// Where cells begin.
    fn cells_at(&self) -> usize {
        self.gutter() + columns::GAP
    }

    pub(super) fn move_rows(&mut self, by: i64) {
        self.chase_end = false;
        let last = self.total().saturating_sub(1);
        self.row = self.row.saturating_add_signed(by).min(last);
        self.scroll();
    }

    pub(super) fn go_to_row(&mut self, row: u64) {
        self.row = row;
        self.move_rows(0);
    }

    pub(super) fn go_to_end(&mut self) {
        self.go_to_row(u64::MAX);
        self.chase_end = !self.known().complete;
    }

    /// Goes to a cell; its row comes to the middle when it was not on the screen.
    pub(super) fn go_to_cell(&mut self, row: u64, column: usize) {
        if !(self.top..self.top + self.height).contains(&row) {
            self.top = row.saturating_sub(self.height / 2);
        }
        self.columns.go_to(column);
        self.go_to_row(row);
    }

    pub(super) fn move_columns(&mut self, by: i64) {
        let by = isize::try_from(by).unwrap_or(0);
        self.columns.go_to_place(self.columns.place().saturating_add_signed(by));
        self.measure();
        self.scroll();
    }

    pub(super) fn go_to_column(&mut self, column: usize) {
        self.columns.go_to(column);
        self.move_columns(0);
    }

    /// Scrolls without moving the cursor further than needed.
    pub(super) fn wheel(&mut self, by: i64) {
        self.chase_end = false;
        let last_top = self.total().saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(by).min(last_top);
        self.row = self.row.clamp(self.top, (self.top + self.height - 1).max(self.top));
        self.scroll();
    }

    /// Scrolls sideways.
    pub(super) fn wheel_columns(&mut self, by: i64) {
        self.columns.wheel(isize::try_from(by).unwrap_or(0));
        self.measure();
        self.scroll();
    }

    /// Makes the column under the cursor as wide as its cells that are here.
    pub(super) fn fit_column(&mut self) -> usize {
        let column = self.column();
        let mut widest =
            text::width(self.columns.name(column)) + 2 * usize::from(self.shape.mark(column).is_some());
        let separated = self.columns.separated(column);
        for page in self.pages.values() {
            for row in 0..page.rows() {
                let shown = cell_text(&page.start(row, column, SHOWN_BYTES), separated);
                widest = widest.max(text::width(&shown));
            }
        }
        self.columns.set_width(column, widest);
        self.scroll();
        self.columns.width(column)
    }

    /// Makes a column wider or narrower.
    pub(super) fn resize(&mut self, column: usize, width: usize) {
        self.columns.set_width(column, width);
        self.scroll();
    }

    pub(super) fn scroll(&mut self) {
        let total = self.total();
        self.row = self.row.min(total.saturating_sub(1));
        self.top = self.top.min(self.row).max((self.row + 1).saturating_sub(self.height));
        self.top = self.top.min(total.saturating_sub(self.height));
        let from = self.cells_at();
        self.columns.scroll(from, self.width);
    }

    /// The columns on the screen.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.columns.seen(self.cells_at(), self.width)
    }

    /// Whether the column's values stand at the right.
    pub(super) fn is_number(&self, column: usize) -> bool {
        self.columns.is_number(column)
    }

    /// The id that names a record under the cursor: the cell when it holds one, else the row's
    /// `id`.
    ///
    /// # Errors
    /// Says what is missing.
    pub(super) fn record_id(&self) -> Result<uuid::Uuid, &'static str> {
        if self.rows() == 0 {
            return Err("there is no row");
        }
        let id_of = |column: usize| match self.value(self.row, column) {
            Some(Value::Uuid(id)) => Some(id),
            Some(Value::String(text)) if text.len() == 36 => uuid::Uuid::parse_str(&text).ok(),
            _ => None,
        };
        let names = ["_id", "id", "from_id", "to_id"];
        let columns = &self.columns.of;
        let here = columns
            .get(self.column())
            .is_some_and(|c| names.contains(&c.name.as_str()) || c.property_type == PropertyType::Uuid);
        if here && let Some(id) = id_of(self.column()) {
            return Ok(id);
        }
        names
            .iter()
            .filter_map(|name| columns.iter().position(|c| c.name == *name))
            .find_map(id_of)
            .ok_or("no id in this row: select the id column too, such as SELECT p.id, ...")
    }

    /// `row 2 of ≥ 9,114`.
    pub(super) fn position(&self) -> String {
        let known = self.known();
        let of = if known.complete { "" } else { "≥ " };
        let new = self.staged.inserts.len();
        if let Some(n) = self.insert_at(self.row) {
            return format!("new row {} of {}", n + 1, new);
        }
        match known.rows {
            0 if known.stopped => "stopped".to_owned(),
            rows if known.stopped => {
                format!("row {} of {}, then stopped", text::count(self.row + 1), text::count(rows))
            }
            0 if known.complete => "no rows".to_owned(),
            0 => "rows …".to_owned(),
            rows => format!("row {} of {of}{}", text::count(self.row + 1), text::count(rows)),
        }
    }

    /// What is asked of the rows, in words; empty where nothing is.
    pub(super) fn state(&self) -> String {
        let mut words = Vec::new();
        if let Some(shaping) = &self.shaping {
            let what = if shaping.shape.sort.is_empty() { "filtering" } else { "sorting" };
            words.push(format!("{what} …"));
        }
        if !self.shape.filters.is_empty() {
            let at_least = |known: Known| if known.complete { "" } else { "≥ " };
            let (shown, whole) = (self.known(), self.base);
            words.push(format!(
                "{}{} of {}{} rows",
                at_least(shown),
                text::count(shown.rows),
                at_least(whole),
                text::count(whole.rows)
            ));
        }
        let shape = self.shape.words(&self.columns.names);
        if !shape.is_empty() {
            words.push(shape);
        }
        if let Some(filter) = &self.column_filter {
            words.push(format!("columns '{}'", crate::model::escape_control(filter)));
        }
        if self.columns.hidden() > 0 {
            words.push(format!("{} hidden", self.columns.hidden()));
        }
        if !self.marks.is_empty() {
            words.push(format!("{} marked", text::count(self.marks.len() as u64)));
        }
        words.join(" · ")
    }

    /// The row under the cursor, its cells joined by tabs.
    pub(super) fn row_text(&self) -> Option<String> {
        let cells: Option<Vec<String>> = (self.columns.shown().iter())
            .map(|column| self.value(self.row, *column).map(|v| v.to_text()))
            .collect();
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
        grid.insert(CursorId(1), page(0, PAGE));
        grid.counted(CursorId(1), 1_000_000, true);
        for step in 0..500 {
            grid.move_rows(2_000);
            for wanted in grid.wanted() {
                let first = wanted * PAGE;
                grid.insert(CursorId(1), page(first, PAGE.min(1_000_000 - first)));
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
        grid.insert(CursorId(1), page(0, 10));
        assert_eq!(grid.wanted(), [] as [u64; 0], "all known rows are here");
        grid.counted(CursorId(1), 300, false);
        assert_eq!(grid.wanted(), [0, 1]);
        assert_eq!(grid.wanted(), [] as [u64; 0]);
        grid.page_arrived(0, true);
        assert_eq!(grid.wanted(), [] as [u64; 0], "a page that failed is not asked for again");
    }

    #[test]
    fn the_end_is_followed_until_it_is_known() {
        let mut grid = grid();
        grid.insert(CursorId(1), page(0, PAGE));
        grid.go_to_end();
        assert_eq!((grid.row, grid.position()), (255, "row 256 of ≥ 256".into()));
        grid.counted(CursorId(1), 5_000, false);
        assert_eq!(grid.row, 4_999);
        grid.counted(CursorId(1), 6_000, true);
        grid.counted(CursorId(1), 6_000, true);
        assert_eq!((grid.row, grid.position()), (5_999, "row 6,000 of 6,000".into()));
        grid.move_rows(-1);
        assert_eq!(grid.row, 5_998);
    }
}
