//! What the trees of a store share to find records by id faster.

use std::time::Duration;

use super::id_filter::IdLookups;
use super::node_cache::NodeCache;

/// See the module's head.
pub(crate) struct Caches {
    /// Records that are looked up by id again and again; none where it may take no memory.
    pub(crate) nodes: Option<NodeCache>,
    /// What was asked of the tables' ids.
    pub(crate) ids: IdLookups,
}

impl Caches {
    /// Of so many bytes each; records that nobody used for `idle` are let go.
    pub(crate) fn new(nodes_max_bytes: u64, idle: Duration, filter_max_bytes: u64) -> Self {
        let nodes = (nodes_max_bytes > 0).then(|| NodeCache::new(nodes_max_bytes, idle));
        Self { nodes, ids: IdLookups::new(filter_max_bytes) }
    }
}
