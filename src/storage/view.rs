//! A view: everything that reads takes one.
//!
//! ```text
//!  View @ lsn = the transaction's own layers   (uncommitted, newest last)
//!               over memtables                 (committed, at versions up to the lsn)
//!               over a backend snapshot        (flushed)
//! ```
//!
//! Views are cheap to clone and own what they read, so streams keep theirs. A view never changes:
//! writes made after it was taken are not in it.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, LazyLock};

use uuid::Uuid;

use xxhash_rust::xxh3::Xxh3;

use crate::model::{Edge, EdgeId, Node, NodeId, Result, RowId, TypeId, Value};

use super::backend::{Snapshot, Table, Visitor};
use super::bloom::Bloom;
use super::caches::Caches;
use super::catalog::Catalog;
use super::chunks::{CHUNK_ROWS, ChunkVersion, ChunkVersions};
use super::index_key::{IndexKey, IndexRange};
use super::keys::{self, Counter};
use super::memtable::Memtable;
use super::merge::{self, Layer, Sources};
use super::record::RecordView;

/// What is called for a row that was written: its handle, and its record unless it was deleted.
pub type ChangedRow<'v> = dyn FnMut(RowId, Option<&RecordView<'_>>) -> Result<ControlFlow<()>> + 'v;

/// A consistent state of the database.
#[derive(Clone)]
pub struct View {
    tree: Arc<Tree>,
    layers: Arc<[Arc<Layer>]>,
    catalog: Arc<Catalog>,
    lsn: u64,
    counts: Arc<BTreeMap<TypeId, CountChange>>,
}

/// Where committed data lies.
#[derive(Clone)]
pub(crate) struct Tree {
    /// The tables, as of the last flush.
    pub(crate) snapshot: Arc<dyn Snapshot>,
    /// What is not in them yet, newest last.
    pub(crate) memtables: Vec<Arc<Memtable>>,
    /// Which flush last changed each part of the tables.
    pub(crate) chunks: Arc<ChunkVersions>,
    /// Holds every id that the snapshot holds, once there is one (see [`super::id_filter`]).
    pub(crate) filter: Option<Arc<Bloom>>,
    /// What all trees of a store share.
    pub(crate) caches: Arc<Caches>,
}

impl Tree {
    /// Calls `read` with the value of a key as of the last flush. Returns whether it is there.
    fn get_flushed(
        &self,
        table: Table,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<bool> {
        match table {
            Table::Ids => {
                let filter = self.filter.as_deref();
                self.caches.ids.ask(filter, key, || self.snapshot.get(table, key, read))
            }
            _ => self.snapshot.get(table, key, read),
        }
    }
}

/// What a transaction does to a type's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CountChange {
    /// Rows inserted less rows deleted.
    pub(crate) live: i64,
    /// One past the highest sequence used.
    pub(crate) next_sequence: u64,
}

impl CountChange {
    pub(crate) fn add(&mut self, other: CountChange) {
        self.live += other.live;
        self.next_sequence = self.next_sequence.max(other.next_sequence);
    }

    /// The counter after the change.
    pub(crate) fn apply(self, counter: Counter) -> Counter {
        Counter {
            next_sequence: counter.next_sequence.max(self.next_sequence),
            live_rows: counter.live_rows.saturating_add_signed(self.live),
        }
    }
}

impl View {
    pub(crate) fn committed(tree: Arc<Tree>, catalog: Arc<Catalog>, lsn: u64) -> Self {
        // Shared, so that a commit allocates neither.
        static NO_LAYERS: LazyLock<Arc<[Arc<Layer>]>> = LazyLock::new(|| Arc::new([]));
        static NO_COUNTS: LazyLock<Arc<BTreeMap<TypeId, CountChange>>> = LazyLock::new(Arc::default);
        Self { tree, layers: Arc::clone(&NO_LAYERS), catalog, lsn, counts: Arc::clone(&NO_COUNTS) }
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            base: self.tree.snapshot.as_ref(),
            memtables: &self.tree.memtables,
            lsn: self.lsn,
            layers: &self.layers,
        }
    }

    /// The same committed state under a transaction's own writes.
    pub(crate) fn with_layers(
        &self,
        layers: Arc<[Arc<Layer>]>,
        catalog: Arc<Catalog>,
        counts: Arc<BTreeMap<TypeId, CountChange>>,
    ) -> Self {
        Self { tree: Arc::clone(&self.tree), layers, catalog, lsn: self.lsn, counts }
    }

    /// The types, as this view has them.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The number of the last commit it shows.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.lsn
    }

    /// Whether it shows what is committed and nothing else.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.layers.is_empty() && self.counts.is_empty()
    }

    pub(crate) fn get_raw(
        &self,
        table: Table,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<bool> {
        match merge::get_upper(self.sources(), table, key, read)? {
            Some(there) => Ok(there),
            None => self.tree.get_flushed(table, key, read),
        }
    }

    pub(crate) fn scan_raw(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        visit: &mut Visitor<'_>,
    ) -> Result<()> {
        merge::scan(self.sources(), table, range, visit)
    }

    /// The table that holds a type's records, if the type exists.
    fn record_table(&self, type_id: TypeId) -> Option<Table> {
        self.catalog.by_id(type_id).map(|t| if t.is_edge() { Table::Edges } else { Table::Nodes })
    }

    /// Where the node or edge of an id lives.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn row_of(&self, id: Uuid) -> Result<Option<RowId>> {
        let mut row = None;
        self.get_raw(Table::Ids, id.as_bytes(), &mut |value| {
            row = Some(keys::row_from(value)?);
            Ok(())
        })?;
        Ok(row)
    }

    /// Calls `read` with a record. Returns whether it exists.
    ///
    /// # Errors
    /// What `read` fails with; `Corrupt`, `Io`.
    pub fn read(&self, row: RowId, read: &mut dyn FnMut(&RecordView<'_>) -> Result<()>) -> Result<bool> {
        let Some(table) = self.record_table(row.type_id()) else { return Ok(false) };
        self.get_raw(table, &row.to_bytes(), &mut |bytes| read(&RecordView::new(bytes)?))
    }

    /// Calls `read` with the handle and the record of an id. Returns whether it exists. Ids that are asked for again
    /// and again are answered from the cache of records.
    ///
    /// # Errors
    /// What `read` fails with; `Corrupt`, `Io`.
    pub fn read_id(
        &self,
        id: Uuid,
        read: &mut dyn FnMut(RowId, &RecordView<'_>) -> Result<()>,
    ) -> Result<bool> {
        let mut row = None;
        let upper = merge::get_upper(self.sources(), Table::Ids, id.as_bytes(), &mut |value| {
            row = Some(keys::row_from(value)?);
            Ok(())
        })?;
        match (upper, row) {
            (Some(true), Some(row)) => return self.read(row, &mut |record| read(row, record)),
            (Some(_), _) => return Ok(false),
            (None, _) => {}
        }
        let nodes = self.tree.caches.nodes.as_ref();
        let cached = nodes.and_then(|nodes| nodes.get(id, |row| self.chunk_version(row)));
        if let Some(cached) = &cached {
            row = Some(cached.row);
        } else {
            self.tree.get_flushed(Table::Ids, id.as_bytes(), &mut |value| {
                row = Some(keys::row_from(value)?);
                Ok(())
            })?;
        }
        let Some(row) = row else { return Ok(false) };
        let Some(table) = self.record_table(row.type_id()) else { return Ok(false) };
        let key = row.to_bytes();
        // Changed since the last flush, or deleted and its id with it.
        let upper =
            merge::get_upper(self.sources(), table, &key, &mut |bytes| read(row, &RecordView::new(bytes)?))?;
        match (upper, cached) {
            (Some(there), _) => Ok(there),
            (None, Some(cached)) => read(row, &RecordView::new(&cached.bytes)?).map(|()| true),
            (None, None) => self.tree.get_flushed(table, &key, &mut |bytes| {
                read(row, &RecordView::new(bytes)?)?;
                if let Some(nodes) = nodes {
                    nodes.offer(id, row, self.chunk_version(row), bytes);
                }
                Ok(())
            }),
        }
    }

    /// Visits the records of a type whose sequence lies in `from..to`, in order of their handles.
    ///
    /// # Errors
    /// What `visit` fails with; `Corrupt`, `Io`.
    pub fn scan(
        &self,
        type_id: TypeId,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(RowId, &RecordView<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let Some((table, first, last)) = self.rows_between(type_id, from, to) else { return Ok(()) };
        self.scan_raw(table, (Bound::Included(&first), Bound::Included(&last)), &mut |key, value| {
            visit(keys::row_from(key)?, &RecordView::new(value)?)
        })
    }

    /// The version of the chunk that a row is in, as [`View::scan_flushed`] reads it: chunks of equal versions have
    /// equal flushed rows.
    #[must_use]
    pub fn chunk_version(&self, row: RowId) -> ChunkVersion {
        self.tree.chunks.of(row)
    }

    /// One past the last sequence of a type, and a number that stands for its flushed rows: where it is the same, they
    /// are, as good as surely.
    ///
    /// # Errors
    /// `Corrupt` or `Io` when the type's figures cannot be read.
    pub fn flushed_state(&self, type_id: TypeId) -> Result<(u64, u64)> {
        let end = self.next_sequence(type_id)?;
        let mut state = Xxh3::new();
        for first in (0..end).step_by(CHUNK_ROWS as usize) {
            state.update(&self.chunk_version(RowId::new(type_id, first)).encode());
        }
        Ok((end, state.digest()))
    }

    /// As [`View::scan`], over the rows as they were at the last flush.
    ///
    /// # Errors
    /// As [`View::scan`].
    pub fn scan_flushed(
        &self,
        type_id: TypeId,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(RowId, &RecordView<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let Some((table, first, last)) = self.rows_between(type_id, from, to) else { return Ok(()) };
        let range = (Bound::Included(first.as_slice()), Bound::Included(last.as_slice()));
        self.tree
            .snapshot
            .scan(table, range, &mut |key, value| visit(keys::row_from(key)?, &RecordView::new(value)?))
    }

    /// Visits the rows of a type that were written since the last flush, in order of their handles; those that
    /// were deleted without a record.
    ///
    /// # Errors
    /// As [`View::scan`].
    pub fn scan_unflushed(
        &self,
        type_id: TypeId,
        from: u64,
        to: u64,
        visit: &mut ChangedRow<'_>,
    ) -> Result<()> {
        let Some((table, first, last)) = self.rows_between(type_id, from, to) else { return Ok(()) };
        let range = (Bound::Included(first.as_slice()), Bound::Included(last.as_slice()));
        merge::scan_upper(self.sources(), table, range, &mut |key, change| {
            let row = keys::row_from(key)?;
            match change {
                Some(bytes) => visit(row, Some(&RecordView::new(bytes)?)),
                None => visit(row, None),
            }
        })
    }

    fn rows_between(&self, type_id: TypeId, from: u64, to: u64) -> Option<(Table, [u8; 8], [u8; 8])> {
        let table = self.record_table(type_id)?;
        if from > RowId::MAX_SEQUENCE || from >= to {
            return None;
        }
        let first = RowId::new(type_id, from).to_bytes();
        let last = RowId::new(type_id, (to - 1).min(RowId::MAX_SEQUENCE)).to_bytes();
        Some((table, first, last))
    }

    /// The node at a handle.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn node_at(&self, row: RowId) -> Result<Option<Node>> {
        let mut node = None;
        self.read(row, &mut |record| {
            node = self.node_of(row, record)?;
            Ok(())
        })?;
        Ok(node)
    }

    fn node_of(&self, row: RowId, record: &RecordView<'_>) -> Result<Option<Node>> {
        self.catalog.by_id(row.type_id()).map_or(Ok(None), |definition| record.to_node(definition))
    }

    fn edge_of(&self, row: RowId, record: &RecordView<'_>) -> Result<Option<Edge>> {
        self.catalog.by_id(row.type_id()).map_or(Ok(None), |definition| record.to_edge(definition))
    }

    /// The edge at a handle.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn edge_at(&self, row: RowId) -> Result<Option<Edge>> {
        let mut edge = None;
        self.read(row, &mut |record| {
            edge = self.edge_of(row, record)?;
            Ok(())
        })?;
        Ok(edge)
    }

    /// The node of an id.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn node(&self, id: NodeId) -> Result<Option<Node>> {
        let mut node = None;
        self.read_id(id.0, &mut |row, record| {
            node = self.node_of(row, record)?;
            Ok(())
        })?;
        Ok(node)
    }

    /// The edge of an id.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn edge(&self, id: EdgeId) -> Result<Option<Edge>> {
        let mut edge = None;
        self.read_id(id.0, &mut |row, record| {
            edge = self.edge_of(row, record)?;
            Ok(())
        })?;
        Ok(edge)
    }

    /// Visits a node's edges in one direction, ordered by the edge's handle, which means by type
    /// first: the edge, then the node at its other end.
    ///
    /// # Errors
    /// What `visit` fails with; `Corrupt`, `Io`.
    pub fn adjacent(
        &self,
        node: RowId,
        outgoing: bool,
        edge_type: Option<TypeId>,
        visit: &mut dyn FnMut(RowId, RowId) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let table = if outgoing { Table::EdgeFrom } else { Table::EdgeTo };
        let (start, end) = keys::adjacency_range(node, edge_type);
        let end = match &end {
            Bound::Included(key) => Bound::Included(key.as_slice()),
            Bound::Excluded(key) => Bound::Excluded(key.as_slice()),
            Bound::Unbounded => Bound::Unbounded,
        };
        self.scan_raw(table, (Bound::Included(&start), end), &mut |key, value| {
            let (edge, other) = keys::adjacency_entry(key, value)?;
            visit(edge, other)
        })
    }

    /// Visits the rows of a stretch of an index, in its order.
    ///
    /// # Errors
    /// What `visit` fails with; `Corrupt`, `Io`.
    pub fn indexed(
        &self,
        range: &IndexRange,
        visit: &mut dyn FnMut(RowId) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.scan_raw(Table::IndexEntries, range.bounds(), &mut |_, value| visit(keys::row_from(value)?))
    }

    /// As [`View::indexed`], from the end of the stretch.
    ///
    /// # Errors
    /// As [`View::indexed`].
    pub fn indexed_back(
        &self,
        range: &IndexRange,
        visit: &mut dyn FnMut(RowId) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let bounds = range.bounds();
        merge::scan_back(self.sources(), Table::IndexEntries, bounds, &mut |_, value| {
            visit(keys::row_from(value)?)
        })
    }

    /// The row under a whole key of a unique index; `None` also where a value is NULL.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn row_of_key(&self, type_id: TypeId, number: u16, values: &[Value]) -> Result<Option<RowId>> {
        let mut key = IndexKey::new(type_id, number);
        values.iter().try_for_each(|value| key.push(value))?;
        if key.has_null() {
            return Ok(None);
        }
        let mut row = None;
        self.get_raw(Table::IndexEntries, key.prefix(), &mut |value| {
            row = Some(keys::row_from(value)?);
            Ok(())
        })?;
        Ok(row)
    }

    pub(crate) fn counter(&self, type_id: TypeId) -> Result<Counter> {
        let mut counter = Counter::default();
        self.get_raw(Table::Counters, &keys::type_key(type_id), &mut |value| {
            counter = Counter::decode(value)?;
            Ok(())
        })?;
        Ok(self.counts.get(&type_id).map_or(counter, |change| change.apply(counter)))
    }

    /// How many rows a type has.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn live_rows(&self, type_id: TypeId) -> Result<u64> {
        Ok(self.counter(type_id)?.live_rows)
    }

    /// One past the highest sequence that a row of the type can have.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn next_sequence(&self, type_id: TypeId) -> Result<u64> {
        Ok(self.counter(type_id)?.next_sequence)
    }
}
