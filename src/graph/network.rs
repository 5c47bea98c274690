//! The edges of a view in memory: compressed sparse rows of each edge type, kept as long as nobody writes to it.
//!
//! Nodes have numbers that all edge types share and that never change while the database is open: a chunk of handles
//! gets a range of numbers when one of its nodes is first met ([`Numbers`]). So the rows of several edge types are one
//! graph without a copy ([`Network::run`]), and what is kept of one type is not concerned by another.
//!
//! What is kept of a type is of its flushed rows, or of these and all that is committed since. A view with writes of its
//! own has its edges made for itself.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use parking_lot::RwLock;

use crate::columnar::{Chunks, Source};
use crate::model::{CancelToken, Error, Result, RowId, TypeId};
use crate::storage::{ByteCache, CHUNK_ROWS, CacheStats, Store, View};

use super::csr::{Combined, Csr, Directions, EdgeNumbers, Live, NodeSet};

/// What an entry of the cache takes beside its rows.
const ENTRY_BYTES: usize = 256;

/// The numbers of nodes, and the edges that are kept.
pub struct Graphs {
    numbers: Numbers,
    kept: ByteCache<TypeId, Edges>,
}

/// Which number a node has.
#[derive(Debug, Default)]
struct Numbers(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The place of a chunk of handles among all.
    places: HashMap<u64, u32>,
    chunks: Vec<u64>,
}

/// The edges of a type.
struct Edges {
    csr: Csr,
    /// What the flushed rows were.
    state: u64,
    /// The last transaction that wrote to the type, where rows that were not flushed are in it.
    written: Option<u64>,
    /// One past the greatest number of an edge.
    limit: u32,
}

/// The edges of some types, and the nodes they may join, as a view has them.
pub struct Network {
    types: Vec<TypeId>,
    node_types: Vec<TypeId>,
    parts: Vec<Arc<Edges>>,
    /// The nodes there are.
    live: NodeSet,
    /// The chunks of handles that numbers stand for.
    chunks: Vec<u64>,
}

/// Both directions of a network, as algorithms take them.
pub type Both<'a> = Directions<'a, LiveEdges<'a>>;

/// One direction of a network.
pub type LiveEdges<'a> = Live<'a, Combined<'a>>;

impl Graphs {
    /// A cache of so many bytes; what nobody used for `idle` is let go.
    #[must_use]
    pub fn new(max_bytes: u64, idle: Duration) -> Self {
        let bytes_of = |_: &TypeId, edges: &Edges| edges.csr.bytes() + ENTRY_BYTES;
        Self { numbers: Numbers::default(), kept: ByteCache::new("graphs", max_bytes, idle, bytes_of) }
    }

    /// What the cache did, and holds; a miss is an edge type whose rows had to be made.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.kept.stats()
    }

    /// The edges of some types, with the nodes of the types that they may join.
    ///
    /// # Errors
    /// `Unsupported` past 4,294,967,295 nodes or edges of a type; `Cancelled`; `Corrupt`, `Io`.
    pub fn network(
        &self,
        store: &Store,
        chunks: &Chunks,
        view: &View,
        edge_types: &[TypeId],
        threads: usize,
        cancel: &CancelToken,
    ) -> Result<Network> {
        let nodes = node_types(view, edge_types);
        self.network_of(store, chunks, view, (edge_types, &nodes), threads, cancel)
    }

    /// The edges of some types, with the nodes of others.
    ///
    /// # Errors
    /// As [`Graphs::network`].
    pub fn network_of(
        &self,
        store: &Store,
        chunks: &Chunks,
        view: &View,
        (edge_types, node_types): (&[TypeId], &[TypeId]),
        threads: usize,
        cancel: &CancelToken,
    ) -> Result<Network> {
        let reader = Reader { chunks, view, cancel };
        let mut parts = Vec::with_capacity(edge_types.len());
        for edge_type in edge_types {
            parts.push(self.edges(store, &reader, *edge_type, threads)?);
        }
        let mut nodes = Vec::new();
        for node_type in node_types {
            let mut handles = Vec::new();
            reader.rows(*node_type, &[Source::Row], &mut |row, _| handles.push(row))?;
            self.numbers.of_all(handles.into_iter(), &mut nodes)?;
        }
        let known = self.numbers.0.read().chunks.clone();
        let bound = bound_of(known.len())?;
        Ok(Network {
            types: edge_types.to_vec(),
            node_types: node_types.to_vec(),
            parts,
            live: NodeSet::from_nodes(bound, nodes),
            chunks: known,
        })
    }

    fn edges(
        &self,
        store: &Store,
        reader: &Reader<'_>,
        edge_type: TypeId,
        threads: usize,
    ) -> Result<Arc<Edges>> {
        let view = reader.view;
        let (end, state) = view.flushed_state(edge_type)?;
        let mut is_flushed = true;
        view.scan_unflushed(edge_type, 0, end, &mut |_, _| {
            is_flushed = false;
            Ok(ControlFlow::Break(()))
        })?;
        let last = store.last_write(edge_type);
        let written = (!is_flushed).then_some(last);
        // Of a view of the past, or with writes of its own, it is not known what a number of a transaction stands for.
        let is_known = is_flushed || (view.is_committed() && last <= view.lsn());
        if is_known
            && let Some(kept) =
                self.kept.get(&edge_type).filter(|kept| kept.state == state && kept.written == written)
        {
            self.kept.count_hits(1);
            return Ok(kept);
        }
        self.kept.count_misses(1);
        let limit = u32::try_from(end).map_err(|_| too_many("edges of a type"))?;
        let (mut from, mut to, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        reader.rows(edge_type, &[Source::Row, Source::FromRow, Source::ToRow], &mut |row, ends| {
            edges.push(u32::try_from(row.sequence()).unwrap_or(u32::MAX));
            from.push(ends.first().copied().unwrap_or(row));
            to.push(ends.get(1).copied().unwrap_or(row));
        })?;
        let number = |handles: Vec<RowId>| -> Result<Vec<u32>> {
            let mut numbers = Vec::with_capacity(handles.len());
            self.numbers.of_all(handles.into_iter(), &mut numbers)?;
            Ok(numbers)
        };
        let (from, to) = (number(from)?, number(to)?);
        let bound = bound_of(self.numbers.0.read().chunks.len())?;
        let csr = Csr::build(bound, &from, &to, EdgeNumbers::Given(&edges), threads, reader.cancel)?;
        let made = Arc::new(Edges { csr, state, written, limit });
        if is_known {
            self.kept.insert(edge_type, Arc::clone(&made));
        }
        Ok(made)
    }
}

impl std::fmt::Debug for Graphs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graphs").field("stats", &self.stats()).finish()
    }
}

impl Numbers {
    /// Appends the numbers of nodes, which get them where they have none.
    fn of_all(&self, handles: impl Iterator<Item = RowId>, numbers: &mut Vec<u32>) -> Result<()> {
        let mut last: Option<(u64, u32)> = None;
        for handle in handles {
            let (chunk, within) = (handle.0 / CHUNK_ROWS, handle.0 % CHUNK_ROWS);
            let first = match last {
                Some((known, first)) if known == chunk => first,
                _ => self.first_of(chunk)?,
            };
            last = Some((chunk, first));
            // Within a chunk a number is smaller than its rows.
            numbers.push(first + u32::try_from(within).unwrap_or(0));
        }
        Ok(())
    }

    /// The number of the first node of a chunk.
    fn first_of(&self, chunk: u64) -> Result<u32> {
        let place = self.0.read().places.get(&chunk).copied();
        let place = match place {
            Some(place) => place,
            None => {
                let mut known = self.0.write();
                let next = u32::try_from(known.chunks.len()).map_err(|_| too_many("nodes"))?;
                bound_of(known.chunks.len() + 1)?;
                let place = *known.places.entry(chunk).or_insert(next);
                if place == next {
                    known.chunks.push(chunk);
                }
                place
            }
        };
        Ok(place * CHUNK_ROWS as u32)
    }
}

impl Network {
    /// Runs an algorithm over the edges.
    ///
    /// # Errors
    /// What it fails with; `Unsupported` past 4,294,967,295 edges in all.
    pub fn run<R>(&self, work: impl FnOnce(Both<'_>) -> Result<R>) -> Result<R> {
        let limits: Vec<u32> = self.parts.iter().map(|part| part.limit).collect();
        let bound = self.live.bound();
        let outs: Vec<_> = self.parts.iter().map(|part| &part.csr.out).collect();
        let ins: Vec<_> = self.parts.iter().map(|part| &part.csr.incoming).collect();
        let out = Combined::new(&outs, &limits)?.with_bound(bound);
        let incoming = Combined::new(&ins, &limits)?.with_bound(bound);
        let (out, incoming) = (Live::with_holes(&out, &self.live), Live::with_holes(&incoming, &self.live));
        work(Directions::new(&out, &incoming))
    }

    /// Each type of edges with the numbers of its edges, as [`Network::run`] gives them.
    fn ranges(&self) -> impl Iterator<Item = (TypeId, Range<u32>)> {
        self.types.iter().zip(&self.parts).scan(0u32, |next, (edge_type, part)| {
            let first = *next;
            *next = first.saturating_add(part.limit);
            Some((*edge_type, first..*next))
        })
    }

    /// The number of an edge, as [`Network::edge`] reads it.
    #[must_use]
    pub fn edge_number(&self, edge: RowId) -> Option<u32> {
        let (_, range) = self.ranges().find(|(own, _)| *own == edge.type_id())?;
        range.start.checked_add(u32::try_from(edge.sequence()).ok()?)
    }

    /// One past the greatest number of an edge.
    #[must_use]
    pub fn edge_bound(&self) -> u32 {
        self.ranges().last().map_or(0, |(_, range)| range.end)
    }

    /// The edges of one of its types.
    ///
    /// # Errors
    /// `Internal` for a type that is none of them.
    pub fn edges_of(&self, edge_type: TypeId) -> Result<&Csr> {
        let found = self.types.iter().zip(&self.parts).find(|(own, _)| **own == edge_type);
        found
            .map(|(_, part)| &part.csr)
            .ok_or_else(|| Error::internal("edges of a type that was not asked for"))
    }

    /// The nodes of some handles; those of other types are left out. Fast where neighbours come together.
    #[must_use]
    pub fn set_of(&self, handles: impl Iterator<Item = RowId>) -> NodeSet {
        let mut last: Option<(u64, Option<u32>)> = None;
        let numbers = handles.filter_map(|handle| {
            let (chunk, within) = (handle.0 / CHUNK_ROWS, handle.0 % CHUNK_ROWS);
            let first = match last {
                Some((known, first)) if known == chunk => first,
                _ => {
                    let place = self.chunks.iter().position(|known| *known == chunk);
                    place.and_then(|place| u32::try_from(place as u64 * CHUNK_ROWS).ok())
                }
            };
            last = Some((chunk, first));
            Some(first? + u32::try_from(within).ok()?)
        });
        NodeSet::from_nodes(self.live.bound(), numbers)
    }

    /// The nodes that are in two sets.
    #[must_use]
    pub fn both(&self, a: &NodeSet, b: &NodeSet) -> NodeSet {
        NodeSet::from_nodes(self.live.bound(), a.iter().filter(|node| b.contains(*node)))
    }

    /// The nodes there are, by number.
    #[must_use]
    pub fn nodes(&self) -> &NodeSet {
        &self.live
    }

    /// The handle of a node.
    #[must_use]
    pub fn node(&self, number: u32) -> Option<RowId> {
        let chunk = self.chunks.get(number as usize / CHUNK_ROWS as usize)?;
        Some(RowId(chunk * CHUNK_ROWS + u64::from(number) % CHUNK_ROWS))
    }

    /// The number of a node that is there.
    #[must_use]
    pub fn number(&self, node: RowId) -> Option<u32> {
        let place = self.chunks.iter().position(|chunk| *chunk == node.0 / CHUNK_ROWS)?;
        let number = u32::try_from(place as u64 * CHUNK_ROWS + node.0 % CHUNK_ROWS).ok()?;
        self.live.contains(number).then_some(number)
    }

    /// The types of its edges.
    #[must_use]
    pub fn edge_types(&self) -> &[TypeId] {
        &self.types
    }

    /// The types of its nodes.
    #[must_use]
    pub fn node_types(&self) -> &[TypeId] {
        &self.node_types
    }

    /// The nodes of some types.
    #[must_use]
    pub fn nodes_of(&self, types: &[TypeId]) -> NodeSet {
        let is_own = |node: &u32| self.node(*node).is_some_and(|row| types.contains(&row.type_id()));
        NodeSet::from_nodes(self.live.bound(), self.live.iter().filter(is_own))
    }

    /// The edges of some handles, by the numbers that algorithms give them; those of other types are left out.
    #[must_use]
    pub fn edge_set(&self, handles: impl Iterator<Item = RowId>) -> NodeSet {
        NodeSet::from_nodes(self.edge_bound(), handles.filter_map(|row| self.edge_number(row)))
    }

    /// The edges of some of its types.
    #[must_use]
    pub fn edges_of_types(&self, types: &[TypeId]) -> NodeSet {
        let own = self.ranges().filter(|(own, _)| types.contains(own));
        NodeSet::from_nodes(self.edge_bound(), own.flat_map(|(_, range)| range))
    }

    /// The handle of an edge, by the number that an algorithm gave it.
    #[must_use]
    pub fn edge(&self, number: u32) -> Option<RowId> {
        let (edge_type, range) = self.ranges().find(|(_, range)| range.contains(&number))?;
        Some(RowId::new(edge_type, u64::from(number - range.start)))
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("types", &self.types).field("nodes", &self.live.count()).finish()
    }
}

/// The node types that edges of some types may join.
#[must_use]
pub fn node_types(view: &View, edge_types: &[TypeId]) -> Vec<TypeId> {
    use crate::model::TypeKind;
    let mut found = Vec::new();
    for edge_type in edge_types {
        let kind = view.catalog().by_id(*edge_type).map(|definition| definition.kind);
        let ends = match kind {
            Some(TypeKind::Edge(ends)) => ends.from.zip(ends.to),
            _ => None,
        };
        match ends {
            Some((from, to)) => found.extend([from, to]),
            None => {
                let all = view.catalog().types().filter(|definition| !definition.is_edge());
                found.extend(all.map(|definition| definition.id));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Reads handles, and those of ends, of all rows of a type.
struct Reader<'a> {
    chunks: &'a Chunks,
    view: &'a View,
    cancel: &'a CancelToken,
}

impl Reader<'_> {
    /// Visits the rows of a type in order, with the handles of their ends; `sources` begin with the row's own.
    fn rows(
        &self,
        type_id: TypeId,
        sources: &[Source],
        visit: &mut dyn FnMut(RowId, &[RowId]),
    ) -> Result<()> {
        let end = self.view.next_sequence(type_id)?;
        for first in (0..end).step_by(CHUNK_ROWS as usize) {
            self.cancel.check()?;
            self.chunk(type_id, first, (first + CHUNK_ROWS).min(end), sources, visit)?;
        }
        Ok(())
    }

    fn chunk(
        &self,
        type_id: TypeId,
        first: u64,
        end: u64,
        sources: &[Source],
        visit: &mut dyn FnMut(RowId, &[RowId]),
    ) -> Result<()> {
        let mut changed: Vec<(RowId, Option<Vec<RowId>>)> = Vec::new();
        self.view.scan_unflushed(type_id, first, end, &mut |row, record| {
            let ends = record
                .map(|record| record.ends().map(|ends| vec![ends.from_row, ends.to_row]).unwrap_or_default());
            changed.push((row, ends));
            Ok(ControlFlow::Continue(()))
        })?;
        let arrays = self.chunks.read(self.view, RowId::new(type_id, first), sources, self.cancel)?;
        let arrays = arrays.ok_or_else(|| Error::internal("handles that are too large to be kept"))?;
        let columns: Option<Vec<_>> =
            arrays.iter().map(|array| array.as_primitive_opt::<UInt64Type>()).collect();
        let columns = columns.ok_or_else(|| Error::internal("handles that are no numbers"))?;
        let Some((rows, ends)) = columns.split_first() else { return Ok(()) };
        let mut changed = changed.into_iter().peekable();
        let mut at_ends = Vec::with_capacity(ends.len());
        for (place, row) in rows.values().iter().enumerate() {
            let row = RowId(*row);
            while let Some((new, ends)) = changed.next_if(|(new, _)| *new < row) {
                if let Some(ends) = ends {
                    visit(new, &ends);
                }
            }
            if let Some((_, ends)) = changed.next_if(|(new, _)| *new == row) {
                if let Some(ends) = ends {
                    visit(row, &ends);
                }
                continue;
            }
            at_ends.clear();
            at_ends
                .extend(ends.iter().filter_map(|column| column.values().get(place)).map(|end| RowId(*end)));
            visit(row, &at_ends);
        }
        for (new, ends) in changed {
            if let Some(ends) = ends {
                visit(new, &ends);
            }
        }
        Ok(())
    }
}

/// One past the greatest number of so many chunks.
fn bound_of(chunks: usize) -> Result<u32> {
    let nodes = u64::try_from(chunks).ok().and_then(|chunks| chunks.checked_mul(CHUNK_ROWS));
    nodes.and_then(|nodes| u32::try_from(nodes).ok()).ok_or_else(|| too_many("nodes"))
}

fn too_many(what: &str) -> Error {
    Error::unsupported(format!("a graph in memory has at most 4,294,967,295 {what}"))
}
