//! What stands between the store and the key-value engine under it.
//!
//! Keys and values are byte strings; keys sort by `memcmp`. The trait is deliberately small: it is
//! implemented by redb on a file and redb in memory, later by others.

use std::ops::{Bound, ControlFlow};

use crate::model::Result;

/// A table of the store. The layout of keys and values is documented in `storage::keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Facts about the database, by name.
    Meta,
    /// Type definitions, by type id.
    Types,
    /// Next sequence and live rows, by type id.
    Counters,
    /// Node records, by row handle.
    Nodes,
    /// Edge records, by row handle.
    Edges,
    /// Row handles, by UUID.
    Ids,
    /// Outgoing adjacency: (from, edge) -> to.
    EdgeFrom,
    /// Incoming adjacency: (to, edge) -> from.
    EdgeTo,
    /// Entries of indexes: (index, values) -> row handle.
    IndexEntries,
    /// Versions of chunks of rows, by chunk.
    Chunks,
}

impl Table {
    /// All tables, in the order of their numbers.
    pub const ALL: [Table; 10] = [
        Table::Meta,
        Table::Types,
        Table::Counters,
        Table::Nodes,
        Table::Edges,
        Table::Ids,
        Table::EdgeFrom,
        Table::EdgeTo,
        Table::IndexEntries,
        Table::Chunks,
    ];

    /// The name it has in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Types => "types",
            Table::Counters => "counters",
            Table::Nodes => "nodes",
            Table::Edges => "edges",
            Table::Ids => "ids",
            Table::EdgeFrom => "edge_from",
            Table::EdgeTo => "edge_to",
            Table::IndexEntries => "index_entries",
            Table::Chunks => "chunks",
        }
    }
}

/// Puts and deletes that take effect together. Within a table the keys stand in ascending order,
/// each once: the backend may rely on it to insert sequentially.
#[derive(Debug, Default)]
pub struct Batch {
    /// Table, key, and the new value or `None` for a delete; sorted by table and key.
    pub operations: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

/// What takes a table, a key, and its new value or `None` for a delete.
pub type Put<'p> = dyn FnMut(Table, &[u8], Option<&[u8]>) -> Result<()> + 'p;

/// Writes that take effect together.
pub trait Changes {
    /// Calls `put` with each table, key, and new value or `None` for a delete; sorted by table and
    /// key, each once.
    ///
    /// # Errors
    /// What `put` fails with.
    fn visit(&self, put: &mut Put<'_>) -> Result<()>;
}

impl Changes for Batch {
    fn visit(&self, put: &mut Put<'_>) -> Result<()> {
        self.operations.iter().try_for_each(|(table, key, value)| put(*table, key, value.as_deref()))
    }
}

/// What a scan calls for each entry; `Break` ends the scan.
pub type Visitor<'v> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>> + 'v;

/// A consistent state of the data that later writes do not change.
pub trait Snapshot: Send + Sync {
    /// Calls `read` with the value of a key, if it is there. Returns whether it was.
    ///
    /// # Errors
    /// What `read` fails with; `Corrupt` for damaged data; `Io`.
    fn get(&self, table: Table, key: &[u8], read: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool>;

    /// Visits the entries of a key range in ascending order.
    ///
    /// # Errors
    /// What the visitor fails with; `Corrupt` for damaged data; `Io`.
    fn scan(&self, table: Table, range: (Bound<&[u8]>, Bound<&[u8]>), visit: &mut Visitor<'_>) -> Result<()>;

    /// Visits the entries of a key range in descending order.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    fn scan_back(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        visit: &mut Visitor<'_>,
    ) -> Result<()>;
}

/// An ordered key-value engine with snapshots and atomic, durable batches.
pub trait StorageBackend: Send + Sync {
    /// The latest applied state.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn snapshot(&self) -> Result<std::sync::Arc<dyn Snapshot>>;

    /// Applies changes, all or nothing; on return it is durable.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`: nothing was applied. `Corrupt`.
    fn apply(&self, changes: &dyn Changes) -> Result<()>;

    /// Bytes that can still be written, where that is known.
    ///
    /// # Errors
    /// `Io`.
    fn available(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Opens the files again after a failure that left them as they were: a full disk, a block that
    /// could not be read. Snapshots taken before may fail; new ones work.
    ///
    /// # Errors
    /// As when it was opened; `Io` after a failure that only opening the database can clear.
    fn recover(&self) -> Result<()>;

    /// Whether it waits for [`StorageBackend::recover`].
    fn has_failed(&self) -> bool;

    /// Whether a sync failed: nothing may be written before the database is opened again.
    fn sync_failed(&self) -> bool;

    /// Sizes and counts.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn stats(&self) -> Result<BackendStats>;
}

/// Sizes and counts of a backend.
#[derive(Debug, Clone, Default)]
pub struct BackendStats {
    /// Bytes of the file, or of the memory that stands for it.
    pub file_bytes: u64,
    /// Per table.
    pub tables: Vec<TableStats>,
}

/// Sizes and counts of a table.
#[derive(Debug, Clone)]
pub struct TableStats {
    /// Which table.
    pub table: Table,
    /// Entries.
    pub entries: u64,
    /// Bytes of keys and values.
    pub stored_bytes: u64,
}

/// A fact of the table `meta`; nothing where it is not there.
///
/// # Errors
/// What the snapshot fails with.
pub(crate) fn read_meta(snapshot: &dyn Snapshot, name: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut value = None;
    snapshot.get(Table::Meta, name, &mut |bytes| {
        value = Some(bytes.to_vec());
        Ok(())
    })?;
    Ok(value)
}
