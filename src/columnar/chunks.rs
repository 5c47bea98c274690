//! Column chunks: flushed rows as Arrow arrays, one a chunk and column, kept under a limit of bytes.
//!
//! A chunk is [`CHUNK_ROWS`] sequences of a type. Its columns are made from the records at their first use, all that
//! are missing in one pass, and hold for the version that the view gives the chunk: a flush that touches the chunk
//! gives it another one. What was written since is no part of them; a scan puts it over them.
//!
//! What was made goes to the disk behind the reader's back ([`super::spill`]), and is read from there before it is
//! made again: at the next opening, or when the cache had no room for it.
//!
//! Invariant: the columns of a chunk that [`Chunks::read`] gives are of one version, that of the view.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef};
use datafusion::common::ScalarValue;

use crate::model::{CancelToken, ErrorKind, Result, RowId};
use crate::storage::{ByteCache, CHUNK_ROWS, CacheStats, ChunkVersion, Spill, SpillStats, View};

use super::filters::Filters;
use super::known::Known;
use super::source::Source;
use super::spill::{SpillQueueStats, Spilled};
use super::statistics::Statistics;
use super::value::ColumnBuilder;

/// Texts of a chunk that take more than this are not kept as columns.
const CHUNK_BYTES_MAX: usize = 32 << 20;
/// How often the making of columns looks whether it should stop.
const CHECK_ROWS: usize = 1024;
/// What an entry of the cache takes beside its array.
const ENTRY_BYTES: usize = 512;
/// One part in so many of the cache is for filters of columns.
const FILTERS_SHARE: u64 = 16;
/// One part in so many is for columns that wait to be written to the disk.
const SPILL_QUEUE_SHARE: u64 = 6;

/// The columns of chunks, shared by all who read a database.
pub struct Chunks {
    columns: ByteCache<Key, Column>,
    filters: Filters,
    pub(super) statistics: Statistics,
    spill: Option<Spilled>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The chunk's first handle.
    first: RowId,
    pub(super) source: Source,
}

/// A column of a chunk.
#[derive(Debug)]
pub struct Column {
    version: ChunkVersion,
    /// The cells; nothing where they are too large to be kept.
    array: Option<ArrayRef>,
    /// What is known of them; nothing where they are too large.
    known: Option<Arc<Known>>,
    /// The memory that the cells take.
    bytes: usize,
}

impl Column {
    /// A column from the disk.
    pub(super) fn spilled(version: ChunkVersion, array: ArrayRef, known: Arc<Known>, bytes: usize) -> Self {
        Self { version, array: Some(array), known: Some(known), bytes }
    }

    /// The version of its chunk.
    pub(super) fn version(&self) -> ChunkVersion {
        self.version
    }

    /// The memory that its cells take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The cells; nothing where they are too large to be kept.
    #[must_use]
    pub fn array(&self) -> Option<&ArrayRef> {
        self.array.as_ref()
    }

    /// What is known of the cells; nothing where they are too large to be kept.
    #[must_use]
    pub fn known(&self) -> Option<&Arc<Known>> {
        self.known.as_ref()
    }
}

impl Chunks {
    /// A cache of so many bytes, and what keeps columns on the disk; what nobody used for `idle` is let go. What waits
    /// to be written there is a part of the bytes.
    #[must_use]
    pub fn new(max_bytes: u64, idle: Duration, spill: Option<Spill>) -> Self {
        let for_queue = if spill.is_some() { max_bytes / SPILL_QUEUE_SHARE } else { 0 };
        let spill = spill.map(|spill| Spilled::new(spill, for_queue));
        let max_bytes = max_bytes - for_queue;
        let bytes_of = |_: &Key, column: &Column| column.bytes + ENTRY_BYTES;
        let for_filters = max_bytes / FILTERS_SHARE;
        let columns = ByteCache::new("chunks", max_bytes - for_filters, idle, bytes_of);
        let filters = Filters::new(for_filters, idle);
        Self { columns, filters, statistics: Statistics::default(), spill }
    }

    /// What the cache did, and holds; a miss is a column that had to be made.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.columns.stats()
    }

    /// What the filters of the columns did, and hold; a hit is a column that need not be looked through.
    #[must_use]
    pub fn filter_stats(&self) -> CacheStats {
        self.filters.stats()
    }

    /// What is kept on the disk; nothing where nothing is.
    #[must_use]
    pub fn spill_stats(&self) -> Option<SpillStats> {
        self.spill.as_ref().map(Spilled::stats)
    }

    /// What waits to be written there; nothing where nothing is kept.
    #[must_use]
    pub fn spill_queue_stats(&self) -> Option<SpillQueueStats> {
        self.spill.as_ref().map(Spilled::queue_stats)
    }

    /// Ends writing to the disk, in a bounded time, and lets go there what does not count for the published view.
    pub fn finish(&self, view: &View) {
        if let Some(spill) = &self.spill {
            spill.finish(view);
        }
    }

    /// Whether a column can be had without reading records.
    #[must_use]
    pub fn is_kept(&self, view: &View, first: RowId, source: Source) -> bool {
        let spilled = |spill: &Spilled| spill.has(first, view.chunk_version(first), source);
        self.cached(view, first, source).is_some() || self.spill.as_ref().is_some_and(spilled)
    }

    /// What is known of a column that is kept.
    #[must_use]
    pub fn known(&self, view: &View, first: RowId, source: Source) -> Option<Arc<Known>> {
        match self.cached(view, first, source) {
            Some(column) => column.known.clone(),
            None => self.spill.as_ref()?.known(first, view.chunk_version(first), source),
        }
    }

    /// Whether none of some values is in a column of the chunk that begins at a handle; `false` also where that is not
    /// known.
    #[must_use]
    pub fn lacks<'a>(
        &self,
        view: &View,
        first: RowId,
        source: Source,
        values: impl Iterator<Item = &'a ScalarValue>,
    ) -> bool {
        self.filters.lacks(&Key { first, source }, view.chunk_version(first), values)
    }

    /// Takes note that a column was looked through for some values, and had none of them. Who does that again and
    /// again is spared it ([`Chunks::lacks`]).
    pub fn looked_through(&self, view: &View, first: RowId, source: Source) {
        if let Some(column) = self.cached(view, first, source) {
            self.filters.looked_through(Key { first, source }, &column);
        }
    }

    /// A column of the chunk that begins at a handle, where it is there for the view's version of the chunk.
    #[must_use]
    pub fn cached(&self, view: &View, first: RowId, source: Source) -> Option<Arc<Column>> {
        let version = view.chunk_version(first);
        self.columns.get(&Key { first, source }).filter(|column| column.version == version)
    }

    /// Columns of the flushed rows of the chunk that begins at a handle; nothing where one of them is too large, or
    /// where a property has another type since: what is flushed is of the old one then.
    ///
    /// # Errors
    /// `Cancelled`, `TimedOut`; `Corrupt` for a damaged record; `Io`.
    pub fn read(
        &self,
        view: &View,
        first: RowId,
        sources: &[Source],
        cancel: &CancelToken,
    ) -> Result<Option<Vec<ArrayRef>>> {
        let mut columns: Vec<Option<Arc<Column>>> =
            sources.iter().map(|source| self.cached(view, first, *source)).collect();
        let hits = columns.iter().flatten().count();
        self.columns.count_hits(hits);
        if hits < columns.len() && self.spill.is_some() {
            for (source, column) in sources.iter().zip(&mut columns) {
                if column.is_none() {
                    *column = self.spilled(view, first, *source);
                }
            }
            self.check_lengths(first, sources, &mut columns);
        }
        let missing = sources.iter().zip(&columns).filter_map(|(s, column)| column.is_none().then_some(*s));
        let missing: Vec<Source> = missing.collect();
        if !missing.is_empty() {
            self.columns.count_misses(missing.len());
            let Some(made) = self.make(view, first, &missing, cancel)? else { return Ok(None) };
            let mut made = made.into_iter();
            for column in columns.iter_mut().filter(|column| column.is_none()) {
                *column = made.next();
            }
        }
        Ok(columns.into_iter().map(|column| column?.array.clone()).collect())
    }

    /// A column from the disk, kept from now on.
    fn spilled(&self, view: &View, first: RowId, source: Source) -> Option<Arc<Column>> {
        let column = self.spill.as_ref()?.read(first, view.chunk_version(first), source)?;
        self.keep(Key { first, source }, &column);
        Some(column)
    }

    /// Lets columns go that do not have equally many cells: those from the disk were of another chunk's rows.
    fn check_lengths(&self, first: RowId, sources: &[Source], columns: &mut [Option<Arc<Column>>]) {
        let mut lengths = columns.iter().flatten().filter_map(|column| column.array().map(|a| a.len()));
        let length = lengths.next();
        if lengths.all(|other| Some(other) == length) {
            return;
        }
        for (source, column) in sources.iter().zip(columns) {
            *column = None;
            self.columns.remove(&Key { first, source: *source });
            if let Some(spill) = &self.spill {
                spill.forget(first, *source);
            }
        }
    }

    /// Keeps a column, unless one of a later flush is there: a view of the past does not take its place.
    fn keep(&self, key: Key, column: &Arc<Column>) {
        if self.columns.get(&key).is_none_or(|known| !column.version.is_before(known.version)) {
            self.columns.insert(key, Arc::clone(column));
        }
    }

    fn make(
        &self,
        view: &View,
        first: RowId,
        sources: &[Source],
        cancel: &CancelToken,
    ) -> Result<Option<Vec<Arc<Column>>>> {
        let version = view.chunk_version(first);
        let mut builders: Vec<(Source, ColumnBuilder)> =
            sources.iter().map(|source| (*source, source.builder(CHUNK_ROWS as usize))).collect();
        let (from, mut rows, mut fits, mut of_type) = (first.sequence(), 0_usize, true, true);
        view.scan_flushed(first.type_id(), from, from + CHUNK_ROWS, &mut |row, record| {
            for (source, builder) in &mut builders {
                match source.append(builder, row, record) {
                    Err(error) if error.kind() == ErrorKind::Internal => {
                        of_type = false;
                        return Ok(ControlFlow::Break(()));
                    }
                    appended => appended?,
                }
            }
            rows += 1;
            if rows.is_multiple_of(CHECK_ROWS) {
                cancel.check()?;
            }
            fits = builders.iter().map(|(_, builder)| builder.bytes()).sum::<usize>() <= CHUNK_BYTES_MAX;
            Ok(if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if !of_type {
            return Ok(None);
        }
        let most = builders.iter().map(|(_, builder)| builder.bytes()).max().unwrap_or(0);
        let made = builders.into_iter().map(|(source, mut builder)| {
            let large = builder.bytes() == most;
            let array = fits.then(|| builder.finish());
            let known = array.as_ref().map(|array| Arc::new(Known::of(array)));
            let bytes = array.as_ref().map_or(0, |array| array.get_array_memory_size());
            let column = Arc::new(Column { version, array, known, bytes });
            // A column that is not made for another one's size may be made alone.
            if fits || large {
                self.keep(Key { first, source }, &column);
            }
            if let Some(spill) = &self.spill {
                spill.offer(first, source, &column);
            }
            column
        });
        Ok(Some(made.collect()))
    }
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").field("stats", &self.stats()).finish()
    }
}
