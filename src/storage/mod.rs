//! Storage: the one place where data is read, checked, written and made durable.

mod backend;
mod merge;

pub use backend::{BackendStats, Batch, Snapshot, StorageBackend, Table, TableStats};
