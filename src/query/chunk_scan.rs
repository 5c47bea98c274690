//! A scan of a whole type, chunk by chunk: the columns of what is flushed, and over them what was written since.
//!
//! Conditions are evaluated over their own columns; the others of a chunk are not even made where no row fulfils
//! them, and a chunk is not looked at where the bounds of its columns say so. A chunk whose texts are too large to
//! be kept is read from its records, a few at a time.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::{SchemaRef, UInt64Type};

use crate::model::{Error, Result, RowId};
use crate::storage::CHUNK_ROWS;

use super::arrow_value::ColumnBuilder;
use super::columns::Source;
use super::output::{Conditions, Output, arrow_error};
use super::prune::Pruning;
use super::scan::{BATCH_BYTES, Batches, ScanRequest, Step};

/// So few rows are read from their records: whole chunks would be made for them.
const FEW_ROWS: usize = 1024;
/// How often the reading of records looks whether it should stop.
const CHECK_ROWS: usize = 1024;

/// The rows of a range of sequences.
pub struct ChunkScan {
    request: ScanRequest,
    read_schema: SchemaRef,
    /// Of the columns read.
    sources: Vec<Source>,
    conditions: Conditions,
    output: Output,
    /// The next sequence, and one past the last.
    at: u64,
    to: u64,
    /// What the scans of all ranges share.
    pruning: Arc<Pruning>,
    done: bool,
}

/// What was written to a chunk since the last flush.
struct Unflushed {
    /// The handles written, and whether the row is there; in order.
    rows: Vec<(RowId, bool)>,
    /// The columns of those that are.
    arrays: Vec<ArrayRef>,
}

impl ChunkScan {
    /// A scan of the sequences of a range.
    pub fn new(
        request: &ScanRequest,
        read_schema: &SchemaRef,
        out_schema: &SchemaRef,
        pruning: Arc<Pruning>,
        (from, to): (u64, u64),
    ) -> Self {
        let sources: Vec<Source> =
            request.read.iter().filter_map(|index| request.columns.source(*index)).collect();
        let conditions = Conditions::new(&request.filters);
        let limit = request.limit.unwrap_or(usize::MAX);
        Self {
            output: Output::new(Arc::clone(out_schema), limit, !conditions.is_empty()),
            request: request.clone(),
            read_schema: Arc::clone(read_schema),
            sources,
            conditions,
            at: from,
            to,
            pruning,
            done: false,
        }
    }

    fn batch(&self, schema: &SchemaRef, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options).map_err(arrow_error)
    }

    /// Passes on the rows of all columns read that fulfil the conditions; whether there is one.
    fn pass(&mut self, arrays: Vec<ArrayRef>, rows: usize) -> Result<bool> {
        let batch = self.batch(&self.read_schema, arrays, rows)?;
        let mask = self.conditions.mask(&batch)?;
        let shown: Vec<usize> = (0..self.output.schema().fields().len()).collect();
        self.output.push(batch.project(&shown).map_err(arrow_error)?, mask.as_ref())?;
        Ok(mask.map_or(rows, |mask| mask.true_count()) > 0)
    }

    /// Reads the next stretch of sequences.
    fn step(&mut self) -> Result<()> {
        self.request.cancel.check()?;
        let first = self.at / CHUNK_ROWS * CHUNK_ROWS;
        let end = (first + CHUNK_ROWS).min(self.to);
        let few = self.request.filters.is_empty() && self.output.remaining() <= FEW_ROWS;
        if self.at > first || (few && !self.is_cached(first)) {
            return self.read_records(end);
        }
        let Some(unflushed) = self.unflushed(first, end)? else { return self.read_records(end) };
        let read = match unflushed.rows.is_empty() {
            true if self.pruning.skips(first) => Some(()),
            true => self.read_flushed(first)?,
            false => self.read_merged(first, &unflushed)?,
        };
        match read {
            Some(()) => self.at = end,
            None => self.read_records(end)?,
        }
        Ok(())
    }

    fn is_cached(&self, first: u64) -> bool {
        let row = RowId::new(self.request.type_id, first);
        let cached = |source: &Source| self.request.chunks.cached(&self.request.view, row, *source).is_some();
        self.sources.iter().all(cached)
    }

    /// Columns of the chunk, and how many rows they have.
    fn columns(&self, first: u64, sources: &[Source]) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let (request, row) = (&self.request, RowId::new(self.request.type_id, first));
        let read = |sources: &[Source]| request.chunks.read(&request.view, row, sources, &request.cancel);
        // Some column has to say how many rows there are.
        let arrays = if sources.is_empty() { read(&[Source::Row])? } else { read(sources)? };
        let Some(mut arrays) = arrays else { return Ok(None) };
        let rows = arrays.first().map_or(0, |array| array.len());
        arrays.truncate(sources.len());
        Ok(Some((arrays, rows)))
    }

    /// Reads a chunk that nobody wrote to since the last flush; nothing where it is too large.
    fn read_flushed(&mut self, first: u64) -> Result<Option<()>> {
        let Some(early) = &self.pruning.early else {
            let Some((arrays, rows)) = self.columns(first, &self.sources)? else { return Ok(None) };
            if !self.pass(arrays, rows)? {
                self.pruning.looked_through(&self.request, first);
            }
            return Ok(Some(()));
        };
        let own: Vec<Source> =
            early.looked_at.iter().filter_map(|place| self.sources.get(*place).copied()).collect();
        let Some((arrays, rows)) = self.columns(first, &own)? else { return Ok(None) };
        let mask = early.conditions.mask(&self.batch(&early.schema, arrays, rows)?)?;
        if rows == 0 || mask.as_ref().is_some_and(|mask| mask.true_count() == 0) {
            self.pruning.looked_through(&self.request, first);
            return Ok(Some(()));
        }
        let shown = self.sources.get(..self.output.schema().fields().len()).unwrap_or_default();
        let Some((arrays, rows)) = self.columns(first, shown)? else { return Ok(None) };
        let batch = self.batch(self.output.schema(), arrays, rows)?;
        self.output.push(batch, mask.as_ref()).map(Some)
    }

    /// What was written to a chunk; nothing where it is too large.
    fn unflushed(&self, first: u64, end: u64) -> Result<Option<Unflushed>> {
        let request = &self.request;
        let mut builders: Vec<(Source, ColumnBuilder)> = Vec::new();
        let (mut rows, mut bytes) = (Vec::new(), 0_usize);
        request.view.scan_unflushed(request.type_id, first, end, &mut |row, record| {
            if rows.is_empty() {
                builders = self.sources.iter().map(|source| (*source, source.builder(0))).collect();
            }
            rows.push((row, record.is_some()));
            if let Some(record) = record {
                for (source, builder) in &mut builders {
                    source.append(builder, row, record)?;
                }
                bytes = builders.iter().map(|(_, builder)| builder.bytes()).sum();
            }
            if rows.len().is_multiple_of(CHECK_ROWS) {
                request.cancel.check()?;
            }
            Ok(if bytes > BATCH_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let arrays = builders.into_iter().map(|(_, mut builder)| builder.finish()).collect();
        Ok((bytes <= BATCH_BYTES).then_some(Unflushed { rows, arrays }))
    }

    /// Reads a chunk and what was written to it since, in the order of the rows; nothing where it is too large.
    fn read_merged(&mut self, first: u64, unflushed: &Unflushed) -> Result<Option<()>> {
        let mut sources = self.sources.clone();
        sources.push(Source::Row);
        let Some((mut flushed, _)) = self.columns(first, &sources)? else { return Ok(None) };
        let handles = flushed.pop();
        let Some(handles) = handles.as_ref().and_then(|array| array.as_primitive_opt::<UInt64Type>()) else {
            return Err(Error::internal("handles that are no numbers"));
        };
        // Each row of the result: of what is flushed (0) or was written since (1), and which.
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(handles.len() + unflushed.rows.len());
        let (mut next, mut written) = (0_usize, 0_usize);
        for (row, is_there) in &unflushed.rows {
            while let Some(handle) = handles.values().get(next).filter(|handle| **handle <= row.0) {
                if *handle < row.0 {
                    places.push((0, next));
                }
                next += 1;
            }
            if *is_there {
                places.push((1, written));
                written += 1;
            }
        }
        places.extend((next..handles.len()).map(|place| (0, place)));
        let arrays = flushed
            .iter()
            .zip(&unflushed.arrays)
            .map(|(old, new)| interleave(&[old.as_ref(), new.as_ref()], &places).map_err(arrow_error));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        self.pass(arrays, places.len()).map(|_| Some(()))
    }

    /// Reads rows up to a sequence from their records, as many as a batch takes.
    fn read_records(&mut self, end: u64) -> Result<()> {
        let mut builders: Vec<(Source, ColumnBuilder)> =
            self.sources.iter().map(|source| (*source, source.builder(0))).collect();
        let most = match self.request.filters.is_empty() {
            true => self.output.remaining().min(FEW_ROWS),
            false => FEW_ROWS,
        };
        let (mut rows, mut at) = (0_usize, end);
        let request = &self.request;
        request.view.scan(request.type_id, self.at, end, &mut |row, record| {
            for (source, builder) in &mut builders {
                source.append(builder, row, record)?;
            }
            rows += 1;
            let bytes = builders.iter().map(|(_, builder)| builder.bytes()).sum::<usize>();
            if rows < most && bytes < BATCH_BYTES {
                return Ok(ControlFlow::Continue(()));
            }
            at = row.sequence() + 1;
            Ok(ControlFlow::Break(()))
        })?;
        self.at = at;
        let arrays = builders.into_iter().map(|(_, mut builder)| builder.finish()).collect();
        self.pass(arrays, rows).map(drop)
    }

    /// Goes to the next row that there is, where the chunk at hand is not known: many sequences may be of rows
    /// that were deleted.
    fn skip_empty(&mut self) -> Result<()> {
        let first = RowId::new(self.request.type_id, self.at / CHUNK_ROWS * CHUNK_ROWS);
        let kept = |source: &Source| self.request.chunks.is_kept(&self.request.view, first, *source);
        if self.sources.iter().all(kept) {
            return Ok(());
        }
        let mut found = None;
        self.request.view.scan(self.request.type_id, self.at, self.to, &mut |row, _| {
            found = Some(row.sequence());
            Ok(ControlFlow::Break(()))
        })?;
        match found {
            None => self.at = self.to,
            Some(row) if row / CHUNK_ROWS > self.at / CHUNK_ROWS => self.at = row / CHUNK_ROWS * CHUNK_ROWS,
            Some(_) => {}
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Step> {
        if let Some(batch) = self.output.take() {
            return Ok(Step::Batch(batch));
        }
        if self.done {
            return Ok(Step::End);
        }
        if self.at < self.to && self.output.remaining() > 0 {
            self.skip_empty()?;
        }
        if self.at < self.to && self.output.remaining() > 0 {
            self.step()?;
        } else {
            self.output.finish()?;
            self.done = true;
        }
        Ok(self.output.take().map_or(Step::Pause, Step::Batch))
    }
}

impl Batches for ChunkScan {
    fn next(&mut self) -> Result<Step> {
        let read = self.read();
        if read.is_err() {
            (self.done, self.at) = (true, self.to);
        }
        read
    }
}
