//! Storage: the one place where data is read, checked, written and made durable.
//!
//! ```text
//!   Transaction (write)  ──▶  Store::commit (store)  ──▶  StorageBackend (tables: redb on checked blocks)
//!        │ reads                    │ publishes
//!        ▼                          ▼
//!   View (view) = layers over a snapshot, merged in key order (merge)
//! ```
//!
//! Records (`record`) live at row handles, not at random keys (`keys`): a scan of a type is one
//! range scan. `NodeId` and `EdgeId` are the only names the outside sees. Nothing above this module
//! knows redb, key bytes or the record's archive.

mod backend;
mod blocks;
mod bloom;
mod byte_cache;
mod caches;
mod catalog;
mod chunks;
mod contain;
mod disk;
mod folder;
mod id_filter;
mod index_key;
mod intern;
mod keys;
mod log;
mod memtable;
mod merge;
mod node_cache;
mod planted;
mod record;
#[cfg(any(test, debug_assertions))]
#[doc(hidden)]
pub mod sim;
mod spill;
mod store;
mod tables;
mod verify;
mod view;
mod write;

pub use backend::{BackendStats, Batch, Changes, Put, Snapshot, StorageBackend, Table, TableStats};
pub(crate) use bloom::Bloom;
pub use byte_cache::{ByteCache, CacheStats};
pub use catalog::{Catalog, closest};
pub use chunks::{CHUNK_ROWS, ChunkVersion};
pub(crate) use contain::contain;
pub use contain::panic_is_contained;
pub use disk::{Disk, OsDisk, RawFile};
pub use folder::Folder;
pub use id_filter::IdFilterStats;
pub use index_key::IndexRange;
pub use log::{LogEntry, LogReader, LoggedTransaction, SegmentInfo, check_log_formats};
pub use planted::{Bug, Planted};
#[cfg(test)]
pub(crate) use record::NewRecord;
pub use record::{EdgeEndsRef, RecordView, ValueRef};
pub use spill::{Spill, SpillColumn, SpillStats};
pub use store::{Checkpointed, Copied, CopyProgress, LogStats, Lsn, Store, StoreOptions};
pub use tables::RedbBackend;
pub use verify::{Checked, FINDINGS_KEPT, Fault, Finding, Verified, VerifyProgress};
pub use view::{ChangedRow, View};
pub use write::{
    Deleted, Names, NewCheck, NewIndex, NewProperty, NewReference, NewType, NewView, Rewrite, RowChecks,
    Transaction, Values,
};

#[cfg(test)]
mod model_tests;
