//! What the caches of a database did and hold, each told alike.

use crate::storage::{CacheStats, Store};

use super::System;

/// What a cache did since the database was opened, and holds. A figure that it does not have is absent.
#[derive(Debug, Clone, Default)]
pub struct CacheFigures {
    /// What it is called.
    pub name: &'static str,
    /// How many things it holds.
    pub entries: Option<u64>,
    /// Bytes it holds.
    pub bytes: Option<u64>,
    /// Bytes it may hold.
    pub capacity_bytes: Option<u64>,
    /// How often it spared the way to what lies under it.
    pub hits: Option<u64>,
    /// How often it did not.
    pub misses: Option<u64>,
    /// What made room for others, or was not used for long.
    pub evictions: Option<u64>,
    /// Misses that a filter took for hits.
    pub false_positives: Option<u64>,
    /// What it holds, in words.
    pub description: &'static str,
}

impl CacheFigures {
    fn of(stats: CacheStats) -> Self {
        Self {
            entries: Some(stats.entries),
            bytes: Some(stats.bytes),
            capacity_bytes: Some(stats.max_bytes),
            hits: Some(stats.hits),
            misses: Some(stats.misses),
            evictions: Some(stats.evictions),
            ..Self::default()
        }
    }
}

/// The caches of a database.
#[must_use]
pub fn caches(store: &Store, system: &System) -> Vec<CacheFigures> {
    let (chunks, nodes, ids) = (system.chunks.stats(), store.node_cache_stats(), store.id_filter_stats());
    let mut caches = vec![
        CacheFigures {
            name: "pages",
            capacity_bytes: Some(system.config.page_cache_bytes()),
            description: "pages of the tables' file",
            ..CacheFigures::default()
        },
        CacheFigures {
            name: "chunks",
            description: "columns of what is in the tables, 8192 sequences each",
            ..CacheFigures::of(chunks)
        },
        CacheFigures {
            name: "chunk filters",
            description: "filters of columns of chunks: hits are columns that need not be looked through",
            ..CacheFigures::of(system.chunks.filter_stats())
        },
        CacheFigures {
            name: "graphs",
            description: "edges in memory, by type, for traversals and algorithms",
            ..CacheFigures::of(system.graphs.stats())
        },
        CacheFigures {
            name: "nodes",
            description: "records in the tables that are looked up by id again and again",
            ..CacheFigures::of(nodes)
        },
        CacheFigures {
            name: "bloom",
            entries: Some(ids.ids),
            bytes: Some(ids.bytes),
            capacity_bytes: Some(ids.max_bytes),
            hits: Some(ids.skipped),
            misses: Some(ids.lookups.saturating_sub(ids.skipped)),
            false_positives: Some(ids.false_positives),
            description: "a filter of the ids in the tables: hits are look-ups in vain that it spared",
            ..CacheFigures::default()
        },
    ];
    if let Some(spill) = system.chunks.spill_stats() {
        caches.push(CacheFigures {
            name: "spill",
            entries: Some(spill.columns),
            bytes: Some(spill.bytes),
            capacity_bytes: Some(spill.max_bytes),
            hits: Some(spill.reads),
            description: "columns of chunks on the disk, for what is not in memory",
            ..CacheFigures::default()
        });
        caches.push(CacheFigures {
            name: "spill writes",
            entries: Some(spill.writes),
            bytes: Some(spill.bytes_written),
            description: "columns of chunks written to the disk since the opening",
            ..CacheFigures::default()
        });
    }
    if let Some(queue) = system.chunks.spill_queue_stats() {
        caches.push(CacheFigures {
            name: "spill queue",
            entries: Some(queue.columns),
            bytes: Some(queue.bytes),
            capacity_bytes: Some(queue.max_bytes),
            misses: Some(queue.refused),
            description: "columns of chunks that wait to be written to the disk: misses found no room",
            ..CacheFigures::default()
        });
    }
    let results = system.results.as_ref().map(|results| results.stats()).unwrap_or_default();
    caches.push(CacheFigures {
        name: "queries",
        description: "results of queries, where cache.query_cache_mb is more than 0",
        ..CacheFigures::of(results)
    });
    if let Some(log) = store.log_stats() {
        caches.push(CacheFigures {
            name: "memtables",
            bytes: Some(log.memtable_bytes),
            description: "what is committed and not in the tables yet",
            ..CacheFigures::default()
        });
    }
    caches
}
