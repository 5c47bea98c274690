//! Records that are looked up by id again and again: from the id to the handle and the record in one step, where the
//! tables take two.
//!
//! An entry holds what the tables (not the memtables, which are memory anyway and come first) gave for an id, with the
//! version of the record's chunk in the snapshot that it was read from. It counts for every view whose snapshot has
//! the same version of that chunk, whatever the view's lsn, and for no other:
//!
//! * Chunks of equal versions have equal flushed rows (`storage::chunks`), so the record at the handle is the same.
//! * A record never changes its id, a handle is never used again, and snapshots lie between whole transactions, each
//!   of which writes a record and its id together. So where the record is the same, the id leads to the same handle:
//!   it cannot lead to another record while this one is there.
//!
//! An old view therefore finds either what its own snapshot has or nothing, and a newer one too; a flush that touches
//! a chunk, and files that are opened again, end the entries of before without anybody looking for them. A key of
//! handle and lsn would not do: neither is known before the two look-ups that the entry is there to spare.
//!
//! To keep a record costs more than to read it, so only what is asked for a second time is kept: a small table of
//! hashes remembers what was missed lately. A read of many different ids leaves the cache as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::RowId;

use super::byte_cache::{ByteCache, CacheStats};
use super::chunks::ChunkVersion;

/// What an entry takes beside its record: key, handle, version, and the cache's own bookkeeping.
const ENTRY_BYTES: usize = 224;
/// Larger records are not kept: reading what is in them costs more than finding them.
const RECORD_BYTES_MAX: usize = 16 << 10;
/// How many missed ids are remembered, a power of two. With more, ids at random out of many come again before they are
/// forgotten, and are kept for nothing; a cache of more than some thousand hot records is hardly faster than the tables.
const REMEMBERED: usize = 1 << 12;

/// See the module's head.
pub(crate) struct NodeCache {
    records: ByteCache<Uuid, CachedRecord>,
    /// Hashes of ids that were missed lately, each at the place its own bits say.
    missed: Box<[AtomicU32]>,
}

/// A record of the tables.
pub(crate) struct CachedRecord {
    pub(crate) row: RowId,
    pub(crate) bytes: Box<[u8]>,
    /// Of the chunk that the row is in.
    version: ChunkVersion,
}

impl NodeCache {
    /// A cache of so many bytes; what nobody used for `idle` is let go.
    pub(crate) fn new(max_bytes: u64, idle: Duration) -> Self {
        let bytes_of = |_: &Uuid, record: &CachedRecord| record.bytes.len() + ENTRY_BYTES;
        let records = ByteCache::new("nodes", max_bytes, idle, bytes_of);
        let missed = (0..REMEMBERED).map(|_| AtomicU32::new(0)).collect();
        Self { records, missed }
    }

    /// The flushed record of an id, where it is there for the version that `version` gives its row's chunk.
    pub(crate) fn get(
        &self,
        id: Uuid,
        version: impl FnOnce(RowId) -> ChunkVersion,
    ) -> Option<Arc<CachedRecord>> {
        let found = self.records.get(&id).filter(|record| record.version == version(record.row));
        if found.is_some() {
            self.records.count_hits(1);
        } else {
            self.records.count_misses(1);
        }
        found
    }

    /// Takes note of a flushed record that was not there, and keeps it if that happened before.
    pub(crate) fn offer(&self, id: Uuid, row: RowId, version: ChunkVersion, bytes: &[u8]) {
        if bytes.len() > RECORD_BYTES_MAX || !self.was_missed(id) {
            return;
        }
        // A view of the past does not take the place of a newer one.
        if self.records.get(&id).is_none_or(|known| known.version.is_before(version)) {
            self.records.insert(id, Arc::new(CachedRecord { row, bytes: bytes.into(), version }));
        }
    }

    /// Whether an id was missed lately; it is from now on. A mistake costs an entry that is not needed, or the first
    /// chance to keep one.
    fn was_missed(&self, id: Uuid) -> bool {
        let hash = xxh3_64(id.as_bytes());
        let place = usize::try_from(hash).unwrap_or(0) & (REMEMBERED - 1);
        let mark = u32::try_from(hash >> 32).unwrap_or(0);
        self.missed.get(place).is_some_and(|slot| slot.swap(mark, Ordering::Relaxed) == mark)
    }

    /// What it did, and holds; a miss is also an id that is nowhere.
    pub(crate) fn stats(&self) -> CacheStats {
        self.records.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TypeId;

    /// The version of a flush up to `lsn`.
    fn version(lsn: u64) -> ChunkVersion {
        ChunkVersion::decode(&(u128::from(lsn) << 64).to_be_bytes()).unwrap()
    }

    #[test]
    fn what_is_missed_twice_is_kept_for_its_version_alone() {
        let cache = NodeCache::new(1 << 20, Duration::from_secs(60));
        let (id, row) = (Uuid::from_u128(7), RowId::new(TypeId(1), 3));
        let (older, newer) = (version(1), version(2));
        for expected in [false, false, true] {
            assert_eq!(cache.get(id, |_| newer).is_some(), expected);
            cache.offer(id, row, newer, b"new");
        }
        // A view of the past neither sees it nor takes its place.
        assert!(cache.get(id, |_| older).is_none());
        cache.offer(id, row, older, b"old");
        cache.offer(id, row, older, b"old");
        assert_eq!(cache.get(id, |_| newer).map(|record| record.bytes.to_vec()), Some(b"new".to_vec()));
        let stats = cache.stats();
        assert_eq!((stats.entries, stats.hits, stats.misses, stats.evictions), (1, 2, 3, 0));
    }

    #[test]
    fn it_stays_within_its_bytes_and_counts_what_goes() {
        let cache = NodeCache::new(10_000, Duration::from_secs(60));
        let version = version(1);
        for number in 0..1_000 {
            for _ in 0..2 {
                cache.offer(Uuid::from_u128(number), RowId(0), version, &[0; 100]);
            }
        }
        let stats = cache.stats();
        assert!(stats.bytes <= 10_000 && stats.entries > 0, "{stats:?}");
        assert!(stats.evictions > 900, "{stats:?}");
    }

    #[test]
    fn many_different_ids_leave_it_empty() {
        let cache = NodeCache::new(1 << 20, Duration::from_secs(60));
        let version = version(1);
        (0..10_000).for_each(|number| cache.offer(Uuid::from_u128(number), RowId(0), version, b"record"));
        assert_eq!(cache.stats().entries, 0);
    }
}
