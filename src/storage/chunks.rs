//! Which flush last changed each chunk of a type's rows.
//!
//! A chunk is the rows of [`CHUNK_ROWS`] sequences in a row. What is derived from flushed rows (columns, later
//! adjacency) is kept by chunk and version, and is thrown away where the version is another one. Versions count
//! from the opening of the database: a chunk that no flush has touched since has the lowest.

use std::collections::HashMap;

use crate::model::RowId;

use super::backend::Table;
use super::keys;

/// Sequences of a chunk.
pub const CHUNK_ROWS: u64 = 8192;

/// A version of a chunk; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ChunkVersion {
    /// How often the tables' files were opened again.
    epoch: u64,
    /// The last transaction of the flush that last changed the chunk.
    lsn: u64,
}

/// The versions of all chunks, as of one snapshot of the tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChunkVersions {
    epoch: u64,
    changed: HashMap<u64, u64>,
}

/// The chunk of a row, among those of all types: the sequence stands in a handle's low bits.
fn chunk_of(row: RowId) -> u64 {
    row.0 / CHUNK_ROWS
}

impl ChunkVersions {
    /// The version of the chunk that a row is in.
    pub(crate) fn of(&self, row: RowId) -> ChunkVersion {
        ChunkVersion { epoch: self.epoch, lsn: self.changed.get(&chunk_of(row)).copied().unwrap_or(0) }
    }

    /// The versions after a flush of all transactions up to `lsn`.
    pub(crate) fn after(&self, touched: &Touched, lsn: u64) -> Self {
        let mut changed = self.changed.clone();
        changed.extend(touched.0.iter().map(|chunk| (*chunk, lsn)));
        Self { epoch: self.epoch, changed }
    }

    /// The versions after the tables' files were opened again behind a failure: what failed may have reached them.
    pub(crate) fn reopened(&self) -> Self {
        Self { epoch: self.epoch + 1, changed: self.changed.clone() }
    }
}

/// The chunks that a flush writes to.
#[derive(Debug, Default)]
pub(crate) struct Touched(Vec<u64>);

impl Touched {
    /// Takes note of a key that is written; keys of a table come in ascending order.
    pub(crate) fn add(&mut self, table: Table, key: &[u8]) {
        if !matches!(table, Table::Nodes | Table::Edges) {
            return;
        }
        // A key of another length is told by whoever reads it.
        let Ok(row) = keys::row_from(key) else { return };
        let chunk = chunk_of(row);
        if self.0.last() != Some(&chunk) {
            self.0.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TypeId;

    #[test]
    fn a_flush_changes_the_chunks_it_writes_to() {
        let row = |type_id, sequence| RowId::new(TypeId(type_id), sequence);
        let mut touched = Touched::default();
        for written in [row(1, 5), row(1, 6), row(1, CHUNK_ROWS), row(2, 0)] {
            touched.add(Table::Nodes, &written.to_bytes());
        }
        touched.add(Table::EdgeFrom, &row(3, 0).to_bytes());
        let before = ChunkVersions::default();
        let versions = before.after(&touched, 9).after(&Touched(vec![chunk_of(row(2, 0))]), 12);
        let of = |type_id, sequence| versions.of(row(type_id, sequence));
        let at = |lsn| ChunkVersion { epoch: 0, lsn };
        let ends = [0, CHUNK_ROWS - 1, 2 * CHUNK_ROWS - 1, 2 * CHUNK_ROWS].map(|sequence| of(1, sequence));
        assert_eq!(ends, [9, 9, 9, 0].map(at));
        assert_eq!([of(2, 1), of(3, 0), before.of(row(1, 0))], [12, 0, 0].map(at));
        assert!(versions.reopened().of(row(3, 0)) > of(2, 1));
    }
}
