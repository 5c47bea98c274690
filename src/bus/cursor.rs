//! A held result: rows by number, while they are still produced and after.
//!
//! The first [`MEMORY_BYTES`] of a connection's results stay in memory, what comes after goes to an unnamed
//! temporary file as Arrow IPC, batch by batch; a few decoded batches are kept. So a result of a
//! million rows costs a bounded amount of memory, and its statement, with the view it reads, ends
//! as soon as its last row was produced, not when the user has looked at it.
//!
//! What a program shows of a result stands in `view` (the rows in another order, some left out);
//! what else it does with the rows in `work` (find, copy, export).

mod matching;
mod order;
mod view;
mod work;

pub use matching::contains_text;
pub(super) use view::Held;
pub(super) use work::{copy_rows, export_rows, find, shape};

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::model::{Error, Result};

use super::Page;

/// Memory for batches of all results of a connection.
const MEMORY_BYTES: usize = 64 << 20;
/// Disk for batches of one result.
const SPILL_BYTES: u64 = 16 << 30;
/// Decoded batches kept of those on disk.
const DECODED_BATCHES: usize = 4;
/// The most rows a page may have.
const MAX_PAGE_ROWS: u32 = 100_000;

/// The memory that the held results of a connection take.
#[derive(Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= MEMORY_BYTES);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A result that is held.
pub(super) struct Cursor {
    schema: SchemaRef,
    temp_dir: PathBuf,
    budget: Budget,
    state: Mutex<State>,
    /// Wakes readers when rows came or the end is known.
    grown: Notify,
    /// Wakes the producer when nobody wants the rows any more.
    closed: Notify,
}

#[derive(Default)]
struct State {
    batches: Vec<Slot>,
    rows: u64,
    memory_bytes: usize,
    spill: Option<File>,
    spill_bytes: u64,
    /// Decoded batches of those on disk, the last one used last.
    decoded: Vec<(usize, RecordBatch)>,
    end: Option<Result<()>>,
    closed: bool,
}

struct Slot {
    first_row: u64,
    rows: u64,
    place: Place,
}

enum Place {
    Memory(RecordBatch),
    Disk { offset: u64, bytes: usize },
}

impl Cursor {
    pub(super) fn new(schema: SchemaRef, temp_dir: PathBuf, budget: Budget) -> Self {
        let state = Mutex::default();
        Self { schema, temp_dir, budget, state, grown: Notify::new(), closed: Notify::new() }
    }

    /// Adds rows. Returns how many there are now.
    ///
    /// # Errors
    /// `Cancelled` when the result was closed; `OutOfSpace`, `Io` when it cannot be put aside.
    pub(super) fn push(&self, batch: RecordBatch) -> Result<u64> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::cancelled());
        }
        let rows = batch.num_rows() as u64;
        let bytes = batch.get_array_memory_size();
        let place = if self.budget.take(bytes) {
            state.memory_bytes += bytes;
            Place::Memory(batch)
        } else {
            state.put_aside(&batch, &self.temp_dir)?
        };
        let first_row = state.rows;
        state.batches.push(Slot { first_row, rows, place });
        state.rows += rows;
        let total = state.rows;
        drop(state);
        self.grown.notify_waiters();
        Ok(total)
    }

    /// Says that no rows follow, and why.
    pub(super) fn finish(&self, end: Result<()>) {
        self.state.lock().end.get_or_insert(end);
        self.grown.notify_waiters();
    }

    /// Lets the rows go; whoever produces them stops.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        self.budget.give_back(state.memory_bytes);
        *state = State { closed: true, end: Some(Err(Error::cancelled())), ..State::default() };
        drop(state);
        self.grown.notify_waiters();
        self.closed.notify_one();
    }

    /// The columns as Arrow has them.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows produced so far, and whether those are all.
    pub(super) fn known(&self) -> (u64, bool) {
        let state = self.state.lock();
        (state.rows, state.end.is_some())
    }

    /// Waits until there are more than `rows` rows, or the end is known; whether there are more.
    ///
    /// # Errors
    /// What the statement failed with, where no more rows came before.
    pub(super) async fn until_more_than(&self, rows: u64) -> Result<bool> {
        loop {
            let grown = self.grown.notified();
            {
                let state = self.state.lock();
                match &state.end {
                    _ if state.rows > rows => return Ok(true),
                    Some(end) => return end.clone().map(|()| false),
                    None => {}
                }
            }
            grown.await;
        }
    }

    /// Rows that are there already, as one batch; fewer at the end of what there is.
    ///
    /// # Errors
    /// `Cancelled` when the result is closed; `Io`, `Corrupt` from the file.
    pub(super) fn read(&self, first_row: u64, rows: u64) -> Result<RecordBatch> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::cancelled());
        }
        let available = state.rows.saturating_sub(first_row).min(rows);
        Ok(state.slice(first_row, available, &self.schema)?.batch().clone())
    }

    /// The batch that holds a row, and the number of its first row; `None` behind the last row.
    ///
    /// # Errors
    /// As [`Cursor::read`].
    pub(super) fn batch_of(&self, row: u64) -> Result<Option<(u64, RecordBatch)>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::cancelled());
        }
        let at = state.batches.partition_point(|slot| slot.first_row + slot.rows <= row);
        let Some(first_row) = state.batches.get(at).map(|slot| slot.first_row) else { return Ok(None) };
        Ok(Some((first_row, state.batch(at)?)))
    }

    /// Rows by their numbers, in the order given. Each batch is read once.
    ///
    /// # Errors
    /// As [`Cursor::read`]; `Internal` for a row that is not there.
    pub(super) fn gather(&self, rows: &[u32]) -> Result<RecordBatch> {
        let failed = |e: arrow::error::ArrowError| Error::internal(format!("rows cannot be gathered: {e}"));
        let mut ascending: Vec<(u32, u32)> = rows.iter().copied().zip(0..).collect();
        ascending.sort_unstable();
        let mut parts = Vec::new();
        let mut places = vec![0u32; rows.len()];
        let mut rest = ascending.as_slice();
        let mut gathered = 0;
        while let Some((row, _)) = rest.first() {
            let (first, batch) = self
                .batch_of(u64::from(*row))?
                .ok_or_else(|| Error::internal("a row of the view is not in the result"))?;
            let end = first + batch.num_rows() as u64;
            let here = rest.partition_point(|(row, _)| u64::from(*row) < end);
            let (own, behind) = rest.split_at(here);
            let within = own.iter().map(|(row, _)| (u64::from(*row) - first) as u32);
            let taken = take_record_batch(&batch, &UInt32Array::from_iter_values(within)).map_err(failed)?;
            parts.push(compact(&taken)?);
            for (_, place) in own {
                if let Some(slot) = places.get_mut(*place as usize) {
                    *slot = gathered;
                }
                gathered += 1;
            }
            rest = behind;
        }
        let all = concat_batches(&self.schema, &parts).map_err(failed)?;
        take_record_batch(&all, &UInt32Array::from(places)).map_err(failed)
    }

    /// Waits until the result is closed.
    pub(super) async fn until_closed(&self) {
        self.closed.notified().await;
    }

    /// Rows from `first_row` on, at most `rows`; waits until they are there or the end is known.
    ///
    /// # Errors
    /// What the statement failed with, if it failed before these rows.
    pub(super) async fn page(&self, first_row: u64, rows: u32) -> Result<Page> {
        let wanted = u64::from(rows.min(MAX_PAGE_ROWS));
        loop {
            // Registered before looking, so that growth in between is not missed.
            let grown = self.grown.notified();
            {
                let mut state = self.state.lock();
                let available = state.rows.saturating_sub(first_row).min(wanted);
                match &state.end {
                    Some(Err(error)) if available == 0 => return Err(error.clone()),
                    Some(_) => return state.slice(first_row, available, &self.schema),
                    None if available == wanted => return state.slice(first_row, available, &self.schema),
                    None => {}
                }
            }
            grown.await;
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.budget.give_back(self.state.get_mut().memory_bytes);
    }
}

impl State {
    fn put_aside(&mut self, batch: &RecordBatch, temp_dir: &std::path::Path) -> Result<Place> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::new(crate::model::ErrorKind::Io, format!("a result cannot be put aside: {e}"))
        };
        if self.spill_bytes > SPILL_BYTES {
            return Err(Error::out_of_space(format!("the result takes more than {} GiB", SPILL_BYTES >> 30))
                .with_hint("add a LIMIT, or export it to a file"));
        }
        let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).map_err(|e| failed(&e))?;
        writer.write(batch).map_err(|e| failed(&e))?;
        let encoded = writer.into_inner().map_err(|e| failed(&e))?;
        if self.spill.is_none() {
            let file =
                tempfile::tempfile_in(temp_dir).map_err(|e| Error::io("put a large result aside", &e))?;
            self.spill = Some(file);
        }
        let Some(file) = self.spill.as_mut() else { return Err(failed(&"no file")) };
        let offset = file.seek(SeekFrom::End(0)).map_err(|e| Error::io("put a large result aside", &e))?;
        file.write_all(&encoded).map_err(|e| Error::io("put a large result aside", &e))?;
        self.spill_bytes += encoded.len() as u64;
        Ok(Place::Disk { offset, bytes: encoded.len() })
    }

    fn slice(&mut self, first_row: u64, rows: u64, schema: &SchemaRef) -> Result<Page> {
        let end = first_row + rows;
        let start = self.batches.partition_point(|slot| slot.first_row + slot.rows <= first_row);
        let mut parts = Vec::new();
        let mut at = start;
        while let Some((from, to)) =
            self.batches.get(at).filter(|s| s.first_row < end).map(|s| (s.first_row, s.first_row + s.rows))
        {
            let batch = self.batch(at)?;
            let skip = first_row.saturating_sub(from);
            let take = to.min(end) - from - skip;
            parts.push(batch.slice(usize::try_from(skip).unwrap_or(0), usize::try_from(take).unwrap_or(0)));
            at += 1;
        }
        let batch = concat_batches(schema, &parts)
            .map_err(|e| Error::internal(format!("rows cannot be put together: {e}")))?;
        Ok(Page::new(first_row, batch))
    }

    fn batch(&mut self, at: usize) -> Result<RecordBatch> {
        let gone = || Error::internal("a held row is not where it was put");
        let (offset, bytes) = match &self.batches.get(at).ok_or_else(gone)?.place {
            Place::Memory(batch) => return Ok(batch.clone()),
            Place::Disk { offset, bytes } => (*offset, *bytes),
        };
        if let Some(found) = self.decoded.iter().position(|(n, _)| *n == at) {
            let entry = self.decoded.remove(found);
            self.decoded.push(entry.clone());
            return Ok(entry.1);
        }
        let mut encoded = vec![0; bytes];
        let file = self.spill.as_ref().ok_or_else(gone)?;
        file.read_exact_at(&mut encoded, offset)
            .map_err(|e| Error::io("read a result that was put aside", &e))?;
        let batch = StreamReader::try_new(encoded.as_slice(), None)
            .and_then(|mut reader| reader.next().transpose())
            .map_err(|e| Error::corrupt(format!("a result that was put aside is damaged: {e}")))?
            .ok_or_else(gone)?;
        if self.decoded.len() >= DECODED_BATCHES {
            self.decoded.remove(0);
        }
        self.decoded.push((at, batch.clone()));
        Ok(batch)
    }
}

/// Rows without what they share with rows that were not taken: a view of text keeps whole buffers.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = (batch.columns().iter())
        .map(|array| match array.data_type() {
            DataType::Utf8View => Arc::new(array.as_string_view().gc()) as ArrayRef,
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()) as ArrayRef,
            _ => Arc::clone(array),
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
        .map_err(|e| Error::internal(format!("rows cannot be put together: {e}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array as _, Int64Array};
    use arrow::datatypes::{DataType, Field, Schema};
    use futures::FutureExt as _;

    use super::*;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]))
    }

    fn batch(from: i64, rows: i64) -> RecordBatch {
        RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from_iter_values(from..from + rows))])
            .unwrap()
    }

    fn numbers(page: &Page) -> Vec<i64> {
        let column = page.batch().column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        (0..column.len()).map(|i| column.value(i)).collect()
    }

    /// More rows than memory takes, so that most of them lie in the file.
    #[tokio::test]
    async fn rows_come_back_by_number_from_memory_and_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let cursor = Cursor::new(schema(), dir.path().to_owned(), Budget::default());
        let per_batch = 1 << 20;
        let batches = 2 * (MEMORY_BYTES as i64 / (per_batch * 8)) + 1;
        for n in 0..batches {
            cursor.push(batch(n * per_batch, per_batch)).unwrap();
        }
        cursor.finish(Ok(()));
        let total = (batches * per_batch) as u64;
        assert!(matches!(cursor.state.lock().batches.last().unwrap().place, Place::Disk { .. }));
        for first in [0, per_batch as u64 - 3, total / 2 - 2, total - 5] {
            let expected: Vec<i64> = (first as i64..(first as i64 + 5)).collect();
            assert_eq!(numbers(&cursor.page(first, 5).await.unwrap()), expected);
        }
        assert_eq!(cursor.page(total - 2, 10).await.unwrap().rows(), 2);
        assert_eq!(cursor.page(total + 2, 10).await.unwrap().rows(), 0);
    }

    #[tokio::test]
    async fn a_page_waits_for_its_rows_and_an_error_comes_after_the_rows_before_it() {
        let cursor = Cursor::new(schema(), std::path::PathBuf::from("/nonexistent"), Budget::default());
        cursor.push(batch(0, 3)).unwrap();
        assert!(cursor.page(0, 5).now_or_never().is_none());
        assert_eq!(cursor.page(0, 3).await.unwrap().rows(), 3);
        let waiting = cursor.page(2, 2);
        let grow = async { cursor.push(batch(3, 3)).map(|_| ()) };
        let (page, grown) = tokio::join!(waiting, grow);
        grown.unwrap();
        assert_eq!(numbers(&page.unwrap()), [2, 3]);
        cursor.finish(Err(Error::bad_input("division by zero")));
        assert_eq!(cursor.page(4, 9).await.unwrap().rows(), 2);
        assert_eq!(cursor.page(6, 1).await.unwrap_err().message(), "division by zero");
    }

    #[tokio::test]
    async fn a_closed_result_takes_and_gives_nothing() {
        let cursor = Cursor::new(schema(), std::path::PathBuf::from("/nonexistent"), Budget::default());
        cursor.push(batch(0, 3)).unwrap();
        cursor.close();
        cursor.until_closed().await;
        assert!(cursor.push(batch(3, 3)).is_err());
        assert!(cursor.page(0, 1).await.is_err());
    }
}
