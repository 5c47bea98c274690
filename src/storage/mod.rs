//! Storage: the one place where data is read, checked, written and made durable.

mod backend;

pub use backend::{BackendStats, Batch, Snapshot, StorageBackend, Table, TableStats};
