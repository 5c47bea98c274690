//! Storage: the one place where data is read, checked, written and made durable.

mod backend;
mod blocks;
mod contain;
mod folder;
mod merge;
mod tables;

pub use backend::{BackendStats, Batch, Snapshot, StorageBackend, Table, TableStats};
pub use contain::panic_is_contained;
pub use folder::Folder;
pub use tables::RedbBackend;
