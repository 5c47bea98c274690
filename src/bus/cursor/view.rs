//! What a program shows of a held result: all its rows, or a view of them in another order and
//! with some left out.
//!
//! A view holds row numbers, four bytes a row, never rows; its pages are gathered from the result.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::model::{Error, Result};

use super::super::Page;
use super::{Cursor, MAX_PAGE_ROWS};

/// Rows read at once by work that goes over all of them.
const MOST_ROWS: u64 = 1 << 16;
const LEAST_ROWS: u64 = 256;
/// About how many bytes such a block has.
const BLOCK_BYTES: usize = 32 << 20;

/// Rows of a result, chosen and ordered.
pub(in crate::bus) struct RowView {
    base: Arc<Cursor>,
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Default)]
struct State {
    rows: Vec<u32>,
    end: Option<Result<()>>,
}

impl RowView {
    pub(super) fn new(base: Arc<Cursor>) -> Self {
        Self { base, state: Mutex::default(), grown: Notify::new() }
    }

    pub(super) fn push(&self, rows: &[u32]) {
        self.state.lock().rows.extend_from_slice(rows);
        self.grown.notify_waiters();
    }

    pub(super) fn finish(&self, end: Result<()>) {
        self.state.lock().end.get_or_insert(end);
        self.grown.notify_waiters();
    }

    fn close(&self) {
        *self.state.lock() = State { rows: Vec::new(), end: Some(Err(Error::cancelled())) };
        self.grown.notify_waiters();
    }

    fn known(&self) -> (u64, bool) {
        let state = self.state.lock();
        (state.rows.len() as u64, state.end.is_some())
    }

    async fn until_more_than(&self, rows: u64) -> Result<bool> {
        loop {
            let grown = self.grown.notified();
            {
                let state = self.state.lock();
                match &state.end {
                    _ if state.rows.len() as u64 > rows => return Ok(true),
                    Some(end) => return end.clone().map(|()| false),
                    None => {}
                }
            }
            grown.await;
        }
    }

    fn read(&self, first_row: u64, rows: u64) -> Result<RecordBatch> {
        let chosen: Vec<u32> = {
            let state = self.state.lock();
            let first = usize::try_from(first_row).unwrap_or(usize::MAX);
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            state.rows.iter().skip(first).take(rows).copied().collect()
        };
        self.base.gather(&chosen)
    }
}

/// What a cursor's name stands for.
#[derive(Clone)]
pub(in crate::bus) enum Held {
    Result(Arc<Cursor>),
    View(Arc<RowView>),
}

impl Held {
    /// The result whose rows they are.
    pub(in crate::bus) fn base(&self) -> &Arc<Cursor> {
        match self {
            Held::Result(cursor) => cursor,
            Held::View(view) => &view.base,
        }
    }

    pub(in crate::bus) fn schema(&self) -> &SchemaRef {
        self.base().schema()
    }

    pub(in crate::bus) fn close(&self) {
        match self {
            Held::Result(cursor) => cursor.close(),
            Held::View(view) => view.close(),
        }
    }

    /// The rows there are, and whether those are all.
    pub(in crate::bus) fn known(&self) -> (u64, bool) {
        match self {
            Held::Result(cursor) => cursor.known(),
            Held::View(view) => view.known(),
        }
    }

    /// Waits until there are more than `rows` rows, or the end is known; whether there are more.
    ///
    /// # Errors
    /// What the rows ended with.
    pub(in crate::bus) async fn until_more_than(&self, rows: u64) -> Result<bool> {
        match self {
            Held::Result(cursor) => cursor.until_more_than(rows).await,
            Held::View(view) => view.until_more_than(rows).await,
        }
    }

    /// Rows that are there already. May read a file.
    ///
    /// # Errors
    /// `Cancelled` when the result is closed; `Io`, `Corrupt` from the file.
    pub(in crate::bus) fn read(&self, first_row: u64, rows: u64) -> Result<RecordBatch> {
        match self {
            Held::Result(cursor) => cursor.read(first_row, rows),
            Held::View(view) => view.read(first_row, rows),
        }
    }

    /// Waits for rows as [`Cursor::page`] does; they can be read then.
    ///
    /// # Errors
    /// What the rows ended with, if none of these came before.
    pub(in crate::bus) async fn until_page(&self, first_row: u64, rows: u32) -> Result<()> {
        let last = first_row + u64::from(rows.clamp(1, MAX_PAGE_ROWS)) - 1;
        match self.until_more_than(last).await {
            Err(error) if self.known().0 <= first_row => Err(error),
            _ => Ok(()),
        }
    }

    /// A page, once its rows are there.
    ///
    /// # Errors
    /// As [`Held::read`].
    pub(in crate::bus) fn page(&self, first_row: u64, rows: u32) -> Result<Page> {
        Ok(Page::new(first_row, self.read(first_row, u64::from(rows.min(MAX_PAGE_ROWS)))?))
    }

    /// How many rows to read at once when all are gone over.
    pub(in crate::bus) fn block_rows(&self, sample: &RecordBatch) -> u64 {
        let bytes = sample.get_array_memory_size() / sample.num_rows().max(1);
        ((BLOCK_BYTES / bytes.max(1)) as u64).clamp(LEAST_ROWS, MOST_ROWS)
    }
}
