//! The log's entries: what a transaction did, and the one function that says what that means.
//!
//! Entries are logical and deterministic: each carries the UUID, the row handle and the property
//! ids it was given, so that applying it anywhere gives the same rows. [`LogEntry::operations`] turns an
//! entry into key-value operations, for a transaction's own writes and in recovery alike.
//!
//! # Bytes of an entry
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | kind, below |
//! | 1 | 8 | row handle, or the type's number, or the flushed lsn; little-endian |
//! | 9 | 4 | bytes that follow |
//! | 13 | n | see the kind |
//!
//! | kind | what | bytes that follow |
//! |---|---|---|
//! | 1 | insert node | its record (`storage::record`) with lsn 0 |
//! | 2 | update node | its new record with lsn 0 |
//! | 3 | delete node | its UUID |
//! | 4 | insert edge | its record with lsn 0 |
//! | 5 | update edge | its new record with lsn 0 |
//! | 6 | delete edge | its UUID, then the row handles of the nodes it left and entered |
//! | 7 | define type | the definition as JSON; also repeated where a segment first needs it |
//! | 8 | drop type | its name |
//! | 9 | checkpoint | none |
//! | 10 | an index leads to the row | the entry's key (`storage::index_key`) |
//! | 11 | an index leads to the row no more | the entry's key |

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::model::{Error, Result, RowId, TypeId};
use crate::storage::backend::{Put, Table};
use crate::storage::keys::{adjacency_key, type_key};
use crate::storage::record::RecordView;
use crate::storage::view::CountChange;

const ENTRY_HEAD_BYTES: usize = 13;

/// One thing that a transaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntry<'a> {
    /// A node was inserted.
    InsertNode {
        /// Its handle.
        row: RowId,
        /// Its record.
        record: &'a [u8],
    },
    /// A node's properties changed.
    UpdateNode {
        /// Its handle.
        row: RowId,
        /// Its new record.
        record: &'a [u8],
    },
    /// A node was deleted. Its edges have entries of their own.
    DeleteNode {
        /// Its handle.
        row: RowId,
        /// Its id.
        id: Uuid,
    },
    /// An edge was inserted.
    InsertEdge {
        /// Its handle.
        row: RowId,
        /// Its record, with both ends.
        record: &'a [u8],
    },
    /// An edge's properties changed.
    UpdateEdge {
        /// Its handle.
        row: RowId,
        /// Its new record.
        record: &'a [u8],
    },
    /// An edge was deleted.
    DeleteEdge {
        /// Its handle.
        row: RowId,
        /// Its id.
        id: Uuid,
        /// Where the node it left lives.
        from: RowId,
        /// Where the node it entered lives.
        to: RowId,
    },
    /// A type was made or changed, or is repeated for those that read this segment alone.
    DefineType {
        /// Its number.
        id: TypeId,
        /// Its definition as JSON.
        definition: &'a [u8],
    },
    /// A type was dropped. Its rows have entries of their own.
    DropType {
        /// Its number.
        id: TypeId,
        /// Its name.
        name: &'a str,
    },
    /// An index got an entry.
    Indexed {
        /// The row it leads to.
        row: RowId,
        /// Its key.
        key: &'a [u8],
    },
    /// An index lost an entry.
    Unindexed {
        /// Its key.
        key: &'a [u8],
    },
    /// All up to a transaction was written to the tables.
    Checkpoint {
        /// The number of that transaction.
        flushed: u64,
    },
}

impl<'a> LogEntry<'a> {
    /// Appends the entry's bytes to `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut small = [0; 32];
        let (kind, number, bytes): (u8, u64, &[u8]) = match *self {
            LogEntry::InsertNode { row, record } => (1, row.0, record),
            LogEntry::UpdateNode { row, record } => (2, row.0, record),
            LogEntry::DeleteNode { row, ref id } => (3, row.0, id.as_bytes()),
            LogEntry::InsertEdge { row, record } => (4, row.0, record),
            LogEntry::UpdateEdge { row, record } => (5, row.0, record),
            LogEntry::DeleteEdge { row, id, from, to } => {
                small[..16].copy_from_slice(id.as_bytes());
                small[16..24].copy_from_slice(&from.0.to_le_bytes());
                small[24..].copy_from_slice(&to.0.to_le_bytes());
                (6, row.0, &small)
            }
            LogEntry::DefineType { id, definition } => (7, u64::from(id.0), definition),
            LogEntry::DropType { id, name } => (8, u64::from(id.0), name.as_bytes()),
            LogEntry::Checkpoint { flushed } => (9, flushed, &[]),
            LogEntry::Indexed { row, key } => (10, row.0, key),
            LogEntry::Unindexed { key } => (11, 0, key),
        };
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }

    /// The entry that `bytes` begin with, and what follows it.
    ///
    /// # Errors
    /// `Corrupt`: the record's checksum held, and still this is no entry.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let damaged = || Error::corrupt("an entry of the log has the wrong shape");
        let (head, rest) = bytes.split_first_chunk::<ENTRY_HEAD_BYTES>().ok_or_else(damaged)?;
        let number =
            u64::from_le_bytes([head[1], head[2], head[3], head[4], head[5], head[6], head[7], head[8]]);
        let length = u32::from_le_bytes([head[9], head[10], head[11], head[12]]) as usize;
        let (bytes, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let row = RowId(number);
        let type_id = || u32::try_from(number).map(TypeId).map_err(|_| damaged());
        let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| damaged());
        let entry = match head[0] {
            1 => LogEntry::InsertNode { row, record: bytes },
            2 => LogEntry::UpdateNode { row, record: bytes },
            3 => LogEntry::DeleteNode { row, id: uuid(bytes)? },
            4 => LogEntry::InsertEdge { row, record: bytes },
            5 => LogEntry::UpdateEdge { row, record: bytes },
            6 => {
                let (id, ends) = bytes.split_at_checked(16).ok_or_else(damaged)?;
                let ends: [u8; 16] = ends.try_into().map_err(|_| damaged())?;
                let ends = u128::from_le_bytes(ends);
                LogEntry::DeleteEdge {
                    row,
                    id: uuid(id)?,
                    from: RowId(ends as u64),
                    to: RowId((ends >> 64) as u64),
                }
            }
            7 => LogEntry::DefineType { id: type_id()?, definition: bytes },
            8 => LogEntry::DropType {
                id: type_id()?,
                name: std::str::from_utf8(bytes).map_err(|_| damaged())?,
            },
            9 => LogEntry::Checkpoint { flushed: number },
            10 => LogEntry::Indexed { row, key: bytes },
            11 => LogEntry::Unindexed { key: bytes },
            _ => return Err(damaged()),
        };
        Ok((entry, rest))
    }

    /// What the entry does to the tables. Counters are not among it: see [`LogEntry::count`].
    ///
    /// # Errors
    /// What `put` fails with; `Corrupt` for a record that is none.
    pub(crate) fn operations(&self, put: &mut Put<'_>) -> Result<()> {
        match *self {
            LogEntry::InsertNode { row, record } => {
                let id = RecordView::new(record)?.id();
                put(Table::Nodes, &row.to_bytes(), Some(record))?;
                put(Table::Ids, id.as_bytes(), Some(&row.to_bytes()))
            }
            LogEntry::InsertEdge { row, record } => {
                let view = RecordView::new(record)?;
                let ends = view.ends().ok_or_else(|| Error::corrupt("an edge of the log has no ends"))?;
                put(Table::Edges, &row.to_bytes(), Some(record))?;
                put(Table::Ids, view.id().as_bytes(), Some(&row.to_bytes()))?;
                put(Table::EdgeFrom, &adjacency_key(ends.from_row, row), Some(&ends.to_row.to_bytes()))?;
                put(Table::EdgeTo, &adjacency_key(ends.to_row, row), Some(&ends.from_row.to_bytes()))
            }
            LogEntry::UpdateNode { row, record } => put(Table::Nodes, &row.to_bytes(), Some(record)),
            LogEntry::UpdateEdge { row, record } => put(Table::Edges, &row.to_bytes(), Some(record)),
            LogEntry::DeleteNode { row, id } => {
                put(Table::Nodes, &row.to_bytes(), None)?;
                put(Table::Ids, id.as_bytes(), None)
            }
            LogEntry::DeleteEdge { row, id, from, to } => {
                put(Table::Edges, &row.to_bytes(), None)?;
                put(Table::Ids, id.as_bytes(), None)?;
                put(Table::EdgeFrom, &adjacency_key(from, row), None)?;
                put(Table::EdgeTo, &adjacency_key(to, row), None)
            }
            LogEntry::Indexed { row, key } => put(Table::IndexEntries, key, Some(&row.to_bytes())),
            LogEntry::Unindexed { key } => put(Table::IndexEntries, key, None),
            LogEntry::DefineType { id, definition } => put(Table::Types, &type_key(id), Some(definition)),
            LogEntry::DropType { id, .. } => put(Table::Types, &type_key(id), None),
            LogEntry::Checkpoint { .. } => Ok(()),
        }
    }

    /// What the entry does to its type's count of rows.
    pub(crate) fn count(&self, counts: &mut BTreeMap<TypeId, CountChange>) {
        let (row, change) = match *self {
            LogEntry::InsertNode { row, .. } | LogEntry::InsertEdge { row, .. } => {
                (row, CountChange { live: 1, next_sequence: row.sequence() + 1 })
            }
            LogEntry::DeleteNode { row, .. } | LogEntry::DeleteEdge { row, .. } => {
                (row, CountChange { live: -1, next_sequence: 0 })
            }
            _ => return,
        };
        counts.entry(row.type_id()).or_default().add(change);
    }

    /// The type whose definition tells what the entry means.
    #[must_use]
    pub fn row_type(&self) -> Option<TypeId> {
        match *self {
            LogEntry::InsertNode { row, .. }
            | LogEntry::UpdateNode { row, .. }
            | LogEntry::DeleteNode { row, .. }
            | LogEntry::InsertEdge { row, .. }
            | LogEntry::UpdateEdge { row, .. }
            | LogEntry::DeleteEdge { row, .. } => Some(row.type_id()),
            _ => None,
        }
    }
}

/// The entries of a transaction, one after the other.
pub(crate) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Result<LogEntry<'_>>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let decoded = LogEntry::decode(bytes);
        bytes = decoded.as_ref().map_or(&[], |(_, rest)| rest);
        Some(decoded.map(|(entry, _)| entry))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<LogEntry<'static>> {
        let row = RowId(0x0102);
        let id = Uuid::from_u128(0x0a0b);
        vec![
            LogEntry::InsertNode { row, record: b"rec" },
            LogEntry::UpdateNode { row, record: b"rec" },
            LogEntry::DeleteNode { row, id },
            LogEntry::InsertEdge { row, record: b"rec" },
            LogEntry::UpdateEdge { row, record: b"rec" },
            LogEntry::DeleteEdge { row, id, from: RowId(3), to: RowId(4) },
            LogEntry::DefineType { id: TypeId(7), definition: b"{}" },
            LogEntry::DropType { id: TypeId(7), name: "t" },
            LogEntry::Checkpoint { flushed: 9 },
            LogEntry::Indexed { row, key: b"key" },
            LogEntry::Unindexed { key: b"key" },
        ]
    }

    #[test]
    fn each_kind_has_these_bytes_and_reads_back() {
        let mut listed = String::new();
        let mut together = Vec::new();
        for entry in all() {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            assert_eq!(LogEntry::decode(&bytes).unwrap(), (entry, &[][..]));
            for end in 0..bytes.len() {
                assert!(LogEntry::decode(&bytes[..end]).is_err(), "{entry:?} cut at {end}");
            }
            listed.extend(bytes.iter().map(|b| format!("{b:02x}")));
            listed.push('\n');
            together.extend(bytes);
        }
        insta::assert_snapshot!(listed, @r"
        01020100000000000003000000726563
        02020100000000000003000000726563
        0302010000000000001000000000000000000000000000000000000a0b
        04020100000000000003000000726563
        05020100000000000003000000726563
        0602010000000000002000000000000000000000000000000000000a0b03000000000000000400000000000000
        070700000000000000020000007b7d
        0807000000000000000100000074
        09090000000000000000000000
        0a0201000000000000030000006b6579
        0b0000000000000000030000006b6579
        ");
        let read: Vec<_> = entries(&together).collect::<Result<_>>().unwrap();
        assert_eq!(read, all());
        assert!(entries(&together[..together.len() - 1]).any(|entry| entry.is_err()));
    }
}
