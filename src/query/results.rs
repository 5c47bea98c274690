//! Results that are kept: a query whose text and parameters come again, over types that nobody wrote since, is
//! answered without running it. Off unless `[cache] query_cache_mb` says otherwise.
//!
//! An entry holds the rows of a query, the catalog they were planned with, and for each type that the query names the
//! last transaction that wrote to it as of the query's view. It answers for a view where
//!
//! * the view has nothing uncommitted over it, and its catalog is the very same: no definition changed;
//! * each type was last written by the same transaction, and that one is in the view. The store tells of the latest
//!   write there is ([`Store::last_write`]); where it is later than the view, the view is one of the past, and what it
//!   holds of the type is not known: it is neither answered nor kept;
//! * the limit of recursion is the same. The limits of rows and of time apply to what is kept as to what is run.
//!
//! Must never: keep what depends on more than this. Only queries whose plans could be kept as well are (`plans`), and
//! none over system tables; nothing of a query that failed, was cancelled or was not read to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::memory::MemoryStream;
use futures::Stream;

use crate::model::{Result, TypeId, Value};
use crate::storage::{ByteCache, CacheStats, Catalog, Store, View};

use super::error::from_datafusion;

/// A result may take one part in so many of the cache.
const RESULT_SHARE: u64 = 8;
/// What an entry takes beside its rows and its text.
const ENTRY_BYTES: usize = 512;

/// The results that the sessions of a database share.
pub struct Results {
    kept: ByteCache<Key, Kept>,
}

/// The text, its parameters and the limit of recursion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    sql: String,
    /// As they are written for programmers, which tells types apart.
    params: String,
    recursion_limit: u64,
}

struct Kept {
    catalog: Arc<Catalog>,
    writes: Vec<(TypeId, u64)>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Key {
    /// The key of a statement.
    #[must_use]
    pub fn new(sql: &str, params: &[Value], recursion_limit: u64) -> Self {
        Self { sql: sql.to_owned(), params: format!("{params:?}"), recursion_limit }
    }
}

impl Results {
    /// A cache of so many bytes; what nobody used for `idle` is let go. `None` for no bytes.
    #[must_use]
    pub fn new(max_bytes: u64, idle: Duration) -> Option<Arc<Self>> {
        if max_bytes == 0 {
            return None;
        }
        let bytes_of = |key: &Key, kept: &Kept| kept.bytes + key.sql.len() + key.params.len() + ENTRY_BYTES;
        Some(Arc::new(Self { kept: ByteCache::new("queries", max_bytes, idle, bytes_of) }))
    }

    /// Whether a statement has a result, of whatever state of the data.
    #[must_use]
    pub fn knows(&self, key: &Key) -> bool {
        self.kept.contains(key)
    }

    /// The rows of a statement over a view.
    ///
    /// # Errors
    /// `Internal` when rows that were kept cannot be given.
    pub fn get(&self, key: &Key, store: &Store, view: &View) -> Result<Option<SendableRecordBatchStream>> {
        let holds = |kept: &Arc<Kept>| {
            view.is_committed()
                && Arc::ptr_eq(&kept.catalog, view.catalog())
                && kept.writes.iter().all(|(id, lsn)| store.last_write(*id) == *lsn && *lsn <= view.lsn())
        };
        let Some(kept) = self.kept.get(key).filter(holds) else { return Ok(None) };
        self.kept.count_hits(1);
        let stream = MemoryStream::try_new(kept.batches.clone(), Arc::clone(&kept.schema), None);
        Ok(Some(Box::pin(stream.map_err(|e| from_datafusion(&e))?)))
    }

    /// The rows of a query over a view that reads the types, to be kept once they were all given.
    #[must_use]
    pub fn keeping(
        self: &Arc<Self>,
        key: Key,
        store: &Store,
        view: &View,
        reads: &[TypeId],
        rows: SendableRecordBatchStream,
    ) -> SendableRecordBatchStream {
        self.kept.count_misses(1);
        let writes: Vec<_> = reads.iter().map(|id| (*id, store.last_write(*id))).collect();
        if !view.is_committed() || writes.iter().any(|(_, lsn)| *lsn > view.lsn()) {
            return rows;
        }
        let (catalog, schema) = (Arc::clone(view.catalog()), rows.schema());
        let kept = Kept { catalog, writes, schema, batches: Vec::new(), bytes: 0 };
        Box::pin(Keeping { results: Arc::clone(self), taken: Some((key, kept)), rows })
    }

    /// What it did, and holds; a miss is a query that it could have answered.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.kept.stats()
    }
}

impl std::fmt::Debug for Results {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Results").field("stats", &self.stats()).finish()
    }
}

/// Rows on their way, which are kept at their end.
struct Keeping {
    results: Arc<Results>,
    /// Nothing once they are too large, or failed.
    taken: Option<(Key, Kept)>,
    rows: SendableRecordBatchStream,
}

impl Stream for Keeping {
    type Item = DataFusionResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let polled = this.rows.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(batch))) => {
                if let Some((_, kept)) = &mut this.taken {
                    kept.bytes += batch.get_array_memory_size();
                    kept.batches.push(batch.clone());
                    if kept.bytes as u64 > this.results.kept.max_bytes() / RESULT_SHARE {
                        this.taken = None;
                    }
                }
            }
            Poll::Ready(Some(Err(_))) => this.taken = None,
            Poll::Ready(None) => {
                if let Some((key, kept)) = this.taken.take() {
                    this.results.kept.insert(key, Arc::new(kept));
                }
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl RecordBatchStream for Keeping {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
