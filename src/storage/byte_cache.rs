//! A cache under a limit of bytes, which counts what it does.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

/// Values under keys, of so many bytes in all. Entries that were not used for long are let go, and those least used
/// make room for others.
pub struct ByteCache<K, V> {
    entries: Cache<K, Held<V>, Xxh3DefaultBuilder>,
    bytes_of: Weigher<K, V>,
    max_bytes: u64,
    /// What is held now: the cache's own figure lags behind, and with it the room it makes.
    bytes: Arc<AtomicU64>,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: Arc<AtomicU64>,
}

/// What a value takes under a key, in bytes.
type Weigher<K, V> = Box<dyn Fn(&K, &V) -> usize + Send + Sync>;

/// A value, and what it was weighed at.
struct Held<V> {
    value: Arc<V>,
    bytes: u32,
}

impl<V> Clone for Held<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), bytes: self.bytes }
    }
}

/// Room is made down to so much less than the limit: one part in so many, so that not each value that is put in has
/// to wait for it.
const SLACK_SHARE: u64 = 32;

/// What a [`ByteCache`] did since it was made, and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// Entries it holds.
    pub entries: u64,
    /// Bytes it holds.
    pub bytes: u64,
    /// Bytes it may hold; 0: it is off.
    pub max_bytes: u64,
    /// How often it spared the way to what lies under it.
    pub hits: u64,
    /// How often it did not.
    pub misses: u64,
    /// Entries that made room for others, or that nobody used for long.
    pub evictions: u64,
}

impl<K, V> ByteCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A cache of `max_bytes`, where `bytes_of` says what an entry takes; what nobody used for `idle` is let go.
    pub fn new(
        name: &str,
        max_bytes: u64,
        idle: Duration,
        bytes_of: impl Fn(&K, &V) -> usize + Send + Sync + 'static,
    ) -> Self {
        let (evictions, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (evicted, held) = (Arc::clone(&evictions), Arc::clone(&bytes));
        let entries = Cache::builder()
            .name(name)
            .max_capacity(max_bytes - max_bytes / SLACK_SHARE)
            .weigher(|_, held: &Held<V>| held.bytes)
            .time_to_idle(idle)
            .eviction_listener(move |_, gone: Held<V>, cause| {
                held.fetch_sub(u64::from(gone.bytes), Ordering::Relaxed);
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    evicted.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(Xxh3DefaultBuilder::new());
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { entries, bytes_of: Box::new(bytes_of), max_bytes, bytes, hits, misses, evictions }
    }

    /// What is under a key. Counts neither as a hit nor as a miss: whether the value serves is the caller's to say.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        self.entries.get(key).map(|held| held.value)
    }

    /// Whether there is anything under a key; that does not count as a use of it.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Puts a value under a key, in the place of what was there; what is too much then is gone at the return.
    pub fn insert(&self, key: K, value: Arc<V>) {
        let bytes = u32::try_from((self.bytes_of)(&key, &value)).unwrap_or(u32::MAX);
        let before = self.bytes.fetch_add(u64::from(bytes), Ordering::Relaxed);
        self.entries.insert(key, Held { value, bytes });
        if before + u64::from(bytes) > self.max_bytes {
            self.entries.run_pending_tasks();
        }
    }

    /// Lets go what is under a key.
    pub fn remove(&self, key: &K) {
        self.entries.invalidate(key);
    }

    /// Counts so many uses of what was there.
    pub fn count_hits(&self, hits: usize) {
        self.hits.fetch_add(hits as u64, Ordering::Relaxed);
    }

    /// Counts so many uses of what was not there.
    pub fn count_misses(&self, misses: usize) {
        self.misses.fetch_add(misses as u64, Ordering::Relaxed);
    }

    /// Bytes it may hold.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// What it did, and holds.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.entries.run_pending_tasks();
        CacheStats {
            entries: self.entries.entry_count(),
            bytes: self.bytes.load(Ordering::Relaxed),
            max_bytes: self.max_bytes,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}
