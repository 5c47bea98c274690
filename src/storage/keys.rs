//! Keys and small values of the tables, byte by byte.
//!
//! All integers in keys are big-endian, so that `memcmp` order is number order.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | see [`meta`] |
//! | `types` | type id `u32` | the definition as JSON |
//! | `counters` | type id `u32` | next sequence `u64`, live rows `u64`, both big-endian |
//! | `nodes`, `edges` | row handle `u64` | a record (`storage::record`) |
//! | `ids` | UUID, 16 bytes | row handle `u64` |
//! | `edge_from` | from `u64`, edge `u64` | to `u64` |
//! | `edge_to` | to `u64`, edge `u64` | from `u64` |
//! | `index_entries` | see `storage::index_key` | row handle `u64` |
//! | `chunks` | row handle / 8192 `u64` | lsn `u64`, mark `u64`: the version (`storage::chunks`) |
//!
//! An edge's handle starts with its type, so one node's edges of one type are one key range.

use std::ops::Bound;

use crate::model::{Error, Result, RowId, TypeId};

/// Names in the `meta` table.
pub(crate) mod meta {
    /// The format of the records and tables, `u32` big-endian.
    pub(crate) const FORMAT: &[u8] = b"format";
    /// The database's UUID, 16 bytes.
    pub(crate) const UUID: &[u8] = b"uuid";
    /// The number of the last transaction that is in the tables, `u64` big-endian.
    pub(crate) const LSN: &[u8] = b"lsn";
    /// Where the log goes on behind that transaction (`storage::log::Position`).
    pub(crate) const LOG: &[u8] = b"log";
    /// This replica's UUID, 16 bytes.
    pub(crate) const REPLICA: &[u8] = b"replica";
    /// The lowest type id never used, `u32` big-endian.
    pub(crate) const NEXT_TYPE: &[u8] = b"next_type";
    /// The transaction up to which the table `chunks` is kept, and the mark of chunks that are not in it, both `u64`
    /// big-endian.
    pub(crate) const CHUNKS: &[u8] = b"chunks";
    /// The catalog's version, `u64` big-endian.
    pub(crate) const CATALOG_VERSION: &[u8] = b"catalog_version";
}

pub(crate) fn type_key(id: TypeId) -> [u8; 4] {
    id.0.to_be_bytes()
}

/// `edge_from` and `edge_to` keys: a node, then an edge.
pub(crate) fn adjacency_key(node: RowId, edge: RowId) -> [u8; 16] {
    ((u128::from(node.0) << 64) | u128::from(edge.0)).to_be_bytes()
}

/// The parts of an adjacency entry: the edge from its key, the other node from its value.
pub(crate) fn adjacency_entry(key: &[u8], value: &[u8]) -> Result<(RowId, RowId)> {
    let edge = key.get(8..).map(row_from).transpose()?;
    edge.zip(Some(row_from(value)?)).ok_or_else(|| damaged("an adjacency key"))
}

/// The keys of one node's edges, of all types or of one.
pub(crate) fn adjacency_range(node: RowId, edge_type: Option<TypeId>) -> ([u8; 16], Bound<[u8; 16]>) {
    match edge_type {
        None => {
            let end = node
                .0
                .checked_add(1)
                .map_or(Bound::Unbounded, |next| Bound::Excluded(adjacency_key(RowId(next), RowId(0))));
            (adjacency_key(node, RowId(0)), end)
        }
        Some(t) => {
            let last = RowId::new(t, RowId::MAX_SEQUENCE);
            (adjacency_key(node, RowId::new(t, 0)), Bound::Included(adjacency_key(node, last)))
        }
    }
}

pub(crate) fn row_from(bytes: &[u8]) -> Result<RowId> {
    u64_from(bytes).map(RowId)
}

pub(crate) fn u64_from(bytes: &[u8]) -> Result<u64> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged("a number"))
}

pub(crate) fn u32_from(bytes: &[u8]) -> Result<u32> {
    bytes.try_into().map(u32::from_be_bytes).map_err(|_| damaged("a number"))
}

/// The value of a `counters` entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counter {
    /// The lowest sequence never given to a durable row.
    pub(crate) next_sequence: u64,
    /// Rows that exist.
    pub(crate) live_rows: u64,
}

impl Counter {
    pub(crate) fn encode(self) -> Vec<u8> {
        [self.next_sequence.to_be_bytes(), self.live_rows.to_be_bytes()].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let (next, live) = bytes.split_at_checked(8).ok_or_else(|| damaged("a counter"))?;
        Ok(Self { next_sequence: u64_from(next)?, live_rows: u64_from(live)? })
    }
}

fn damaged(what: &str) -> Error {
    Error::corrupt(format!("{what} in data.redb has the wrong length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_a_node_are_one_range() {
        let node = RowId::new(TypeId(1), 9);
        let edge = RowId::new(TypeId(7), 3);
        let key = adjacency_key(node, edge);
        let (start, end) = adjacency_range(node, None);
        assert!(key >= start && matches!(end, Bound::Excluded(e) if key < e));
        let (start, end) = adjacency_range(node, Some(TypeId(7)));
        assert!(key >= start && matches!(end, Bound::Included(e) if key <= e));
        let (start, _) = adjacency_range(node, Some(TypeId(8)));
        assert!(key < start);
        assert_eq!(adjacency_entry(&key, &node.to_bytes()).unwrap(), (edge, node));
    }

    #[test]
    fn counters_have_these_bytes() {
        let counter = Counter { next_sequence: 258, live_rows: 3 };
        assert_eq!(counter.encode(), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(Counter::decode(&counter.encode()).unwrap(), counter);
    }
}
