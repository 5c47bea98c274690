//! Column chunks: flushed rows as Arrow arrays, one a chunk and column, kept under a limit of bytes.
//!
//! A chunk is [`CHUNK_ROWS`] sequences of a type. Its columns are made from the records at their first use, all that
//! are missing in one pass, and hold for the version that the view gives the chunk: a flush that touches the chunk
//! gives it another one. What was written since is no part of them; a scan puts it over them.
//!
//! Invariant: the columns of a chunk that [`Chunks::read`] gives are of one version, that of the view.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::compute::{max, max_string_view, min, min_string_view};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use moka::notification::RemovalCause;

use crate::model::{CancelToken, ErrorKind, Result, RowId};
use crate::storage::{CHUNK_ROWS, ChunkVersion, View};

use super::source::Source;
use super::value::ColumnBuilder;

/// Texts of a chunk that take more than this are not kept as columns.
const CHUNK_BYTES_MAX: usize = 32 << 20;
/// How often the making of columns looks whether it should stop.
const CHECK_ROWS: usize = 1024;
/// Longer texts are no bounds of a chunk.
const BOUND_BYTES_MAX: usize = 64;
/// What an entry of the cache takes beside its array.
const ENTRY_BYTES: usize = 256;

/// The columns of chunks, shared by all who read a database.
pub struct Chunks {
    columns: moka::sync::Cache<Key, Arc<Column>>,
    max_bytes: u64,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// The chunk's first handle.
    first: RowId,
    source: Source,
}

/// A column of a chunk.
#[derive(Debug)]
pub struct Column {
    version: ChunkVersion,
    /// The cells; nothing where they are too large to be kept.
    array: Option<ArrayRef>,
    /// The lowest and the highest value, where they are known.
    bounds: Option<(ScalarValue, ScalarValue)>,
}

impl Column {
    /// The cells; nothing where they are too large to be kept.
    #[must_use]
    pub fn array(&self) -> Option<&ArrayRef> {
        self.array.as_ref()
    }

    /// The lowest and the highest value, where they are known; NULL does not count.
    #[must_use]
    pub fn bounds(&self) -> Option<&(ScalarValue, ScalarValue)> {
        self.bounds.as_ref()
    }
}

/// What the cache did since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChunkStats {
    /// Columns it holds.
    pub columns: u64,
    /// Bytes it holds.
    pub bytes: u64,
    /// Bytes it may hold.
    pub max_bytes: u64,
    /// Columns of chunks that were there when they were asked for.
    pub hits: u64,
    /// Columns of chunks that had to be made.
    pub misses: u64,
    /// Columns that made room for others, or that nobody used for long.
    pub evictions: u64,
}

impl Chunks {
    /// A cache of so many bytes; what nobody used for `idle` is let go.
    #[must_use]
    pub fn new(max_bytes: u64, idle: Duration) -> Self {
        let weigh = |_: &Key, column: &Arc<Column>| {
            let bytes = column.array.as_ref().map_or(0, |array| array.get_array_memory_size());
            u32::try_from(bytes + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let evictions = Arc::new(AtomicU64::new(0));
        let evicted = Arc::clone(&evictions);
        let columns = moka::sync::Cache::builder()
            .name("chunks")
            .max_capacity(max_bytes)
            .weigher(weigh)
            .time_to_idle(idle)
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    evicted.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        Self { columns, max_bytes, hits: AtomicU64::new(0), misses: AtomicU64::new(0), evictions }
    }

    /// What the cache did, and holds.
    #[must_use]
    pub fn stats(&self) -> ChunkStats {
        self.columns.run_pending_tasks();
        ChunkStats {
            columns: self.columns.entry_count(),
            bytes: self.columns.weighted_size(),
            max_bytes: self.max_bytes,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
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
        let missing: Vec<Source> = sources
            .iter()
            .zip(&columns)
            .filter_map(|(source, column)| column.is_none().then_some(*source))
            .collect();
        self.hits.fetch_add((columns.len() - missing.len()) as u64, Ordering::Relaxed);
        if !missing.is_empty() {
            self.misses.fetch_add(missing.len() as u64, Ordering::Relaxed);
            let Some(made) = self.make(view, first, &missing, cancel)? else { return Ok(None) };
            let mut made = made.into_iter();
            for column in columns.iter_mut().filter(|column| column.is_none()) {
                *column = made.next();
            }
        }
        Ok(columns.into_iter().map(|column| column?.array.clone()).collect())
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
            let bounds = array.as_ref().and_then(bounds);
            let column = Arc::new(Column { version, array, bounds });
            let key = Key { first, source };
            // A view of the past does not take the place of a newer one; and a column that is not made for another
            // one's size may be made alone.
            if (fits || large) && self.columns.get(&key).is_none_or(|known| known.version < version) {
                self.columns.insert(key, Arc::clone(&column));
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

/// The lowest and the highest value of an array; nothing where it has none, or none that conditions can use.
fn bounds(array: &ArrayRef) -> Option<(ScalarValue, ScalarValue)> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<(T::Native, T::Native)> {
        let values = array.as_primitive_opt::<T>()?;
        min(values).zip(max(values))
    }
    match array.data_type() {
        DataType::Int64 => {
            let (low, high) = of::<Int64Type>(array)?;
            Some((ScalarValue::Int64(Some(low)), ScalarValue::Int64(Some(high))))
        }
        DataType::Float64 => {
            let values = array.as_primitive_opt::<Float64Type>()?;
            // What NaN is compared with is a matter of the operator.
            if values.values().iter().any(|value| value.is_nan()) {
                return None;
            }
            let (low, high) = of::<Float64Type>(array)?;
            Some((ScalarValue::Float64(Some(low)), ScalarValue::Float64(Some(high))))
        }
        DataType::Date32 => {
            let (low, high) = of::<Date32Type>(array)?;
            Some((ScalarValue::Date32(Some(low)), ScalarValue::Date32(Some(high))))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let (low, high) = of::<Time64MicrosecondType>(array)?;
            Some((ScalarValue::Time64Microsecond(Some(low)), ScalarValue::Time64Microsecond(Some(high))))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let (low, high) = of::<TimestampMicrosecondType>(array)?;
            let scalar = |value| ScalarValue::TimestampMicrosecond(Some(value), zone.clone());
            Some((scalar(low), scalar(high)))
        }
        DataType::Decimal128(precision, scale) => {
            let (low, high) = of::<Decimal128Type>(array)?;
            let scalar = |value| ScalarValue::Decimal128(Some(value), *precision, *scale);
            Some((scalar(low), scalar(high)))
        }
        DataType::Utf8View => {
            let values = array.as_string_view_opt()?;
            let (low, high) = min_string_view(values).zip(max_string_view(values))?;
            let short = low.len().max(high.len()) <= BOUND_BYTES_MAX;
            let scalar = |text: &str| ScalarValue::Utf8View(Some(text.to_owned()));
            short.then(|| (scalar(low), scalar(high)))
        }
        _ => None,
    }
}
