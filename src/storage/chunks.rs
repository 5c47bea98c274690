//! Which flush last changed each chunk of a type's rows.
//!
//! A chunk is the rows of [`CHUNK_ROWS`] sequences in a row. What is derived from flushed rows (columns, later
//! adjacency) is kept by chunk and version, and is thrown away where the version is another one.
//!
//! Versions are durable: a flush writes those of the chunks it changes into the table `chunks`, in the same step as
//! the rows. A version is the flush's last transaction and a mark, which no other flush of any database has: it is a
//! hash of a new id and of the log's chain. The number of a transaction alone would not do, since two things take
//! it a second time: a copy of the files that goes its own way, and a log whose end was torn off.
//!
//! The table counts for the state of the tables that the fact `chunks` in `meta` names, so that a program which does
//! not know it, and writes rows past it, leaves no version behind that is taken for theirs. A chunk without an entry
//! was not touched since the table is kept; all of these have one version, which the same fact holds.
//!
//! Invariant: chunks of equal versions have equal flushed rows; of equal durable versions also in another process, and
//! in another copy of the database.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};

use crate::model::{Error, Result, RowId};

use super::backend::{Batch, Snapshot, Table, read_meta};
use super::keys::{self, meta};

/// Sequences of a chunk.
pub const CHUNK_ROWS: u64 = 8192;

/// A version of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkVersion {
    /// The last transaction of the flush that last changed the chunk.
    lsn: u64,
    /// What tells that flush from all others.
    mark: u64,
    /// Whether it is in the tables too.
    durable: bool,
}

impl ChunkVersion {
    /// Whether what is kept under it may outlive the process.
    #[must_use]
    pub fn is_durable(self) -> bool {
        self.durable
    }

    /// Whether a flush before the one of `other` made it.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        self.lsn < other.lsn
    }

    /// Its bytes: lsn, mark, both big-endian.
    pub(crate) fn encode(self) -> [u8; 16] {
        ((u128::from(self.lsn) << 64) | u128::from(self.mark)).to_be_bytes()
    }

    /// A durable version from its bytes.
    ///
    /// # Errors
    /// `Corrupt` for bytes of another length.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let (lsn, mark) = bytes
            .split_at_checked(8)
            .ok_or_else(|| Error::corrupt("a chunk's version has the wrong length"))?;
        Ok(Self { lsn: keys::u64_from(lsn)?, mark: keys::u64_from(mark)?, durable: true })
    }
}

/// The versions of all chunks, as of one snapshot of the tables.
#[derive(Debug, Clone)]
pub(crate) struct ChunkVersions {
    /// Of the chunks that are not among those changed.
    untouched: ChunkVersion,
    changed: HashMap<u64, ChunkVersion>,
}

/// The chunk of a row, among those of all types: the sequence stands in a handle's low bits.
fn chunk_of(row: RowId) -> u64 {
    row.0 / CHUNK_ROWS
}

impl ChunkVersions {
    /// The versions that the tables hold. Where they hold none, or none for the state they have, or where these
    /// cannot be read, the versions begin anew with `lsn` and `mark`, and are not durable.
    pub(crate) fn read(snapshot: &dyn Snapshot, lsn: u64, mark: u64) -> Self {
        let read = || -> Result<Option<Self>> {
            let Some(untouched) = untouched(snapshot)? else { return Ok(None) };
            let mut changed = HashMap::new();
            snapshot.scan(Table::Chunks, (Bound::Unbounded, Bound::Unbounded), &mut |key, value| {
                changed.insert(keys::u64_from(key)?, ChunkVersion::decode(value)?);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(Some(Self { untouched, changed }))
        };
        // What is derived is made again then; damage is told by whoever needs what is damaged.
        read().ok().flatten().unwrap_or_else(|| Self {
            untouched: ChunkVersion { lsn, mark, durable: false },
            changed: HashMap::new(),
        })
    }

    /// The version of the chunk that a row is in.
    pub(crate) fn of(&self, row: RowId) -> ChunkVersion {
        self.changed.get(&chunk_of(row)).copied().unwrap_or(self.untouched)
    }

    /// The version that a flush up to `lsn` gives the chunks it changes.
    pub(crate) fn next(&self, lsn: u64, mark: u64) -> ChunkVersion {
        ChunkVersion { lsn, mark, durable: self.untouched.durable }
    }

    /// The fact that makes the table count for the state after a flush up to `lsn`; nothing where it is not kept.
    pub(crate) fn fact(&self, lsn: u64) -> Option<(&'static [u8], Vec<u8>)> {
        self.untouched.durable.then(|| chunks_fact(lsn, self.untouched.mark))
    }

    /// The versions after a flush.
    pub(crate) fn after(&self, touched: &Touched, version: ChunkVersion) -> Self {
        let mut changed = self.changed.clone();
        changed.extend(touched.0.iter().map(|chunk| (*chunk, version)));
        Self { untouched: self.untouched, changed }
    }
}

/// The fact in `meta` of tables whose last transaction is `lsn`: all chunks without an entry have `mark`.
pub(crate) fn chunks_fact(lsn: u64, mark: u64) -> (&'static [u8], Vec<u8>) {
    (meta::CHUNKS, ChunkVersion { lsn, mark, durable: true }.encode().to_vec())
}

/// The version of chunks without an entry; nothing where the table does not count.
fn untouched(snapshot: &dyn Snapshot) -> Result<Option<ChunkVersion>> {
    let (Some(fact), Some(lsn)) = (read_meta(snapshot, meta::CHUNKS)?, read_meta(snapshot, meta::LSN)?)
    else {
        return Ok(None);
    };
    let fact = ChunkVersion::decode(&fact)?;
    // Another lsn: a program that does not know the table wrote since.
    Ok((fact.lsn == keys::u64_from(&lsn)?).then_some(ChunkVersion { lsn: 0, ..fact }))
}

/// What lets the table begin anew where it does not count for the state the tables have.
///
/// # Errors
/// `Corrupt` where the table cannot be read; `Io`.
pub(crate) fn begin_anew(snapshot: &dyn Snapshot, lsn: u64, mark: u64) -> Result<Option<Batch>> {
    if untouched(snapshot)?.is_some() {
        return Ok(None);
    }
    let (name, value) = chunks_fact(lsn, mark);
    let mut operations = vec![(Table::Meta, name.to_vec(), Some(value))];
    snapshot.scan(Table::Chunks, (Bound::Unbounded, Bound::Unbounded), &mut |key, _| {
        operations.push((Table::Chunks, key.to_vec(), None));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Some(Batch { operations }))
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

    /// Their keys in the table `chunks`, ascending: those of edges lie among those of nodes.
    pub(crate) fn keys(&self) -> Vec<[u8; 8]> {
        let mut keys: Vec<_> = self.0.iter().map(|chunk| chunk.to_be_bytes()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TypeId;
    use crate::storage::backend::StorageBackend as _;
    use crate::storage::tables::RedbBackend;

    fn row(type_id: u32, sequence: u64) -> RowId {
        RowId::new(TypeId(type_id), sequence)
    }

    fn version(lsn: u64, mark: u64) -> ChunkVersion {
        ChunkVersion { lsn, mark, durable: true }
    }

    #[test]
    fn a_flush_changes_the_chunks_it_writes_to() {
        let mut touched = Touched::default();
        for written in [row(1, 5), row(1, 6), row(1, CHUNK_ROWS), row(2, 0)] {
            touched.add(Table::Nodes, &written.to_bytes());
        }
        touched.add(Table::EdgeFrom, &row(3, 0).to_bytes());
        let before = ChunkVersions { untouched: version(0, 7), changed: HashMap::new() };
        let versions = before.after(&touched, before.next(9, 70));
        let versions = versions.after(&Touched(vec![chunk_of(row(2, 0))]), versions.next(12, 71));
        let of = |type_id, sequence| versions.of(row(type_id, sequence));
        let ends = [0, CHUNK_ROWS - 1, 2 * CHUNK_ROWS - 1, 2 * CHUNK_ROWS].map(|sequence| of(1, sequence));
        assert_eq!(ends, [version(9, 70), version(9, 70), version(9, 70), version(0, 7)]);
        assert_eq!(
            [of(2, 1), of(3, 0), before.of(row(1, 0))],
            [version(12, 71), version(0, 7), version(0, 7)]
        );
        assert!(of(1, 0).is_before(of(2, 0)) && !of(2, 0).is_before(of(1, 0)));
    }

    #[test]
    fn versions_count_for_the_state_they_were_written_with() {
        let backend = RedbBackend::memory().unwrap();
        let lsn = |lsn: u64| (Table::Meta, meta::LSN.to_vec(), Some(lsn.to_be_bytes().to_vec()));
        let apply = |operations| backend.apply(&Batch { operations }).unwrap();
        let read = || ChunkVersions::read(backend.snapshot().unwrap().as_ref(), 3, 33);
        apply(vec![lsn(5)]);
        let unknown = ChunkVersion { lsn: 3, mark: 33, durable: false };
        assert_eq!(read().of(row(1, 0)), unknown);
        let anew = || begin_anew(backend.snapshot().unwrap().as_ref(), 5, 44).unwrap();
        backend.apply(&anew().unwrap()).unwrap();
        assert_eq!((read().of(row(1, 0)), anew().is_none()), (version(0, 44), true));

        let key = chunk_of(row(1, 0)).to_be_bytes().to_vec();
        let entry = (Table::Chunks, key.clone(), Some(version(6, 55).encode().to_vec()));
        let (fact, value) = read().fact(6).unwrap();
        apply(vec![(Table::Meta, fact.to_vec(), Some(value)), lsn(6), entry]);
        assert_eq!([read().of(row(1, 9)), read().of(row(2, 0))], [version(6, 55), version(0, 44)]);

        // Somebody who does not know the table writes.
        apply(vec![lsn(7)]);
        assert_eq!((read().of(row(1, 0)), read().fact(8)), (unknown, None));
        backend.apply(&begin_anew(backend.snapshot().unwrap().as_ref(), 7, 66).unwrap().unwrap()).unwrap();
        assert_eq!(read().of(row(1, 0)), version(0, 66));

        // Entries of another shape.
        apply(vec![(Table::Chunks, key, Some(vec![1; 15]))]);
        assert_eq!(read().of(row(1, 0)), unknown);
    }
}
