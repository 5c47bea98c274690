//! Bloom filters over the columns of chunks, for those who look for few values without an index.
//!
//! A filter takes a tenth of its column and as long to make as some scans of it, so it is made for who comes again:
//! once a column of a chunk was looked through in vain [`LOOKED_THROUGH`] times. It is kept apart from its column and
//! spares, where that is on the disk or gone, the reading too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use datafusion::common::ScalarValue;

use crate::storage::{Bloom, ByteCache, CHUNK_ROWS, CacheStats, ChunkVersion};

use super::chunks::{Column, Key};
use super::keys::{each_key, key_of};

/// So often without a filter.
const LOOKED_THROUGH: u32 = 2;
/// The part of values that are not there and that a filter does not know of.
const FALSE_POSITIVES: f64 = 0.01;
/// What an entry takes beside its filter.
const ENTRY_BYTES: usize = 256;

/// The filters of a database's chunks.
pub(super) struct Filters(ByteCache<Key, Filter>);

struct Filter {
    version: ChunkVersion,
    /// How often its column was looked through in vain while there was no filter.
    in_vain: AtomicU32,
    /// Nothing as long as that was seldom, and where there can be none.
    bloom: Option<Bloom>,
}

impl Filters {
    pub(super) fn new(max_bytes: u64, idle: Duration) -> Self {
        let bytes_of = |_: &Key, filter: &Filter| {
            let bloom = filter.bloom.as_ref().map_or(0, Bloom::bytes);
            usize::try_from(bloom).unwrap_or(usize::MAX).saturating_add(ENTRY_BYTES)
        };
        Self(ByteCache::new("chunk filters", max_bytes, idle, bytes_of))
    }

    /// What they did, and hold: a hit is a column of a chunk that need not be looked through.
    pub(super) fn stats(&self) -> CacheStats {
        self.0.stats()
    }

    /// Whether none of some values is in a column of a version; `false` also where that is not known.
    pub(super) fn lacks<'a>(
        &self,
        key: &Key,
        version: ChunkVersion,
        mut values: impl Iterator<Item = &'a ScalarValue>,
    ) -> bool {
        let Some(filter) = self.0.get(key).filter(|filter| filter.version == version) else { return false };
        let Some(bloom) = &filter.bloom else { return false };
        let data_type = key.source.data_type();
        let lacks =
            values.all(|value| key_of(value, &data_type).is_some_and(|bytes| !bloom.may_contain(&bytes)));
        if lacks {
            self.0.count_hits(1);
        } else {
            self.0.count_misses(1);
        }
        lacks
    }

    /// Takes note that a column was looked through and had no row, and makes a filter if it pays.
    pub(super) fn looked_through(&self, key: Key, column: &Column) {
        let version = column.version();
        let (in_vain, bloom) = match self.0.get(&key).filter(|filter| filter.version == version) {
            Some(filter) if filter.bloom.is_some() => return,
            Some(filter) => match filter.in_vain.fetch_add(1, Ordering::Relaxed) + 1 {
                LOOKED_THROUGH => (LOOKED_THROUGH, bloom_of(column)),
                _ => return,
            },
            None => (1, None),
        };
        self.0.insert(key, Arc::new(Filter { version, in_vain: AtomicU32::new(in_vain), bloom }));
    }
}

fn bloom_of(column: &Column) -> Option<Bloom> {
    let array = column.array()?;
    let bloom = Bloom::new((array.len() as u64).min(CHUNK_ROWS), FALSE_POSITIVES, u64::MAX)?;
    each_key(array, &mut |key| bloom.add(key)).then_some(bloom)
}
