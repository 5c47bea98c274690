//! One direction of a set of edges.

use std::ops::{AddAssign, ControlFlow, Range};

use crate::model::{Error, Result};

use super::Graph;

/// The value at a node's place; outside, the default. A number that is out of range is a defect, found
/// in tests, and no reason to panic.
#[inline]
pub(in crate::graph) fn at<T: Copy + Default>(values: &[T], node: u32) -> T {
    debug_assert!((node as usize) < values.len(), "node {node} of {}", values.len());
    values.get(node as usize).copied().unwrap_or_default()
}

/// Sets the value at a node's place, if there is one.
#[inline]
pub(in crate::graph) fn put<T>(values: &mut [T], node: u32, value: T) {
    debug_assert!((node as usize) < values.len(), "node {node} of {}", values.len());
    if let Some(place) = values.get_mut(node as usize) {
        *place = value;
    }
}

/// Adds to the value at a node's place, if there is one.
#[inline]
pub(in crate::graph) fn add<T: AddAssign>(values: &mut [T], node: u32, more: T) {
    debug_assert!((node as usize) < values.len(), "node {node} of {}", values.len());
    if let Some(place) = values.get_mut(node as usize) {
        *place += more;
    }
}

/// Compressed sparse rows of one direction: for each node where its neighbours begin, then the
/// neighbours of all nodes one after another.
///
/// ```text
///  offsets     0 2 2 3      node 0 has two edges, node 1 none, node 2 one
///  neighbours  1 2 0        in order of (neighbour, edge) within a node
///  edges       7 4 9        the edge numbers, where they are kept
/// ```
///
/// Where edge numbers are not kept, the number of an edge is its place among the neighbours; that tells
/// the edges of one direction apart, but is not the same number in the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjacency {
    /// One more than there are nodes, ascending.
    offsets: Vec<u32>,
    neighbours: Vec<u32>,
    edges: Option<Vec<u32>>,
}

impl Default for Adjacency {
    fn default() -> Self {
        Self { offsets: vec![0], neighbours: Vec::new(), edges: None }
    }
}

impl Adjacency {
    /// From edges as (from, to, edge) that come in ascending order; nothing is held but the result.
    ///
    /// # Errors
    /// `BadInput` for a node beyond the bound and for edges out of order; `Unsupported` past
    /// 4,294,967,295 edges.
    pub fn from_sorted(
        bound: u32,
        edges: impl IntoIterator<Item = (u32, u32, u32)>,
        numbered: bool,
    ) -> Result<Self> {
        let edges = edges.into_iter();
        let expected = edges.size_hint().0;
        let mut offsets = vec![0u32; 1];
        offsets.reserve_exact(bound as usize);
        let mut neighbours = Vec::with_capacity(expected);
        let mut numbers = Vec::with_capacity(if numbered { expected } else { 0 });
        let mut last = (0, 0, 0);
        for (from, to, edge) in edges {
            if from >= bound || to >= bound {
                return Err(beyond(from.max(to), bound));
            }
            if (from, to, edge) < last {
                return Err(Error::bad_input("edges are not in order of (from, to, edge)"));
            }
            last = (from, to, edge);
            let place = u32::try_from(neighbours.len()).map_err(|_| too_many())?;
            if offsets.len() <= from as usize {
                offsets.resize(from as usize + 1, place);
            }
            neighbours.push(to);
            if numbered {
                numbers.push(edge);
            }
        }
        let end = u32::try_from(neighbours.len()).map_err(|_| too_many())?;
        offsets.resize(bound as usize + 1, end);
        Ok(Self { offsets, neighbours, edges: numbered.then_some(numbers) })
    }

    /// From its parts as [`Adjacency::into_parts`] gives them, for instance read from a file.
    ///
    /// # Errors
    /// `Corrupt` where offsets do not ascend from zero to the number of neighbours, the lengths of
    /// neighbours and edges differ, a neighbour is no node, or neighbours are out of order.
    pub fn from_parts(offsets: Vec<u32>, neighbours: Vec<u32>, edges: Option<Vec<u32>>) -> Result<Self> {
        let wrong = |what| Err(Error::corrupt(format!("adjacency is damaged: {what}")));
        let end = offsets.last().map(|last| *last as usize);
        if offsets.first() != Some(&0) || end != Some(neighbours.len()) || !offsets.is_sorted() {
            return wrong("offsets");
        }
        let bound = u32::try_from(offsets.len() - 1).map_err(|_| too_many())?;
        if neighbours.iter().any(|node| *node >= bound) {
            return wrong("a neighbour that is no node");
        }
        if edges.as_ref().is_some_and(|edges| edges.len() != neighbours.len()) {
            return wrong("edge numbers");
        }
        let made = Self { offsets, neighbours, edges };
        if !(0..bound).all(|node| made.neighbours(node).is_sorted()) {
            return wrong("neighbours out of order");
        }
        Ok(made)
    }

    /// Made by what keeps the invariants.
    pub(super) fn from_trusted(offsets: Vec<u32>, neighbours: Vec<u32>, edges: Option<Vec<u32>>) -> Self {
        Self { offsets, neighbours, edges }
    }

    /// Without edge numbers, from lists in order whose lengths may pass 32 bits: then the offsets are
    /// wrong, and it fails.
    pub(in crate::graph) fn from_ordered(offsets: Vec<u32>, neighbours: Vec<u32>) -> Result<Self> {
        u32::try_from(neighbours.len()).map_err(|_| too_many())?;
        Ok(Self { offsets, neighbours, edges: None })
    }

    /// Offsets, neighbours and edge numbers.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u32>, Vec<u32>, Option<Vec<u32>>) {
        (self.offsets, self.neighbours, self.edges)
    }

    /// Where the edges of a node lie.
    #[inline]
    #[must_use]
    pub fn range(&self, node: u32) -> Range<usize> {
        let node = node as usize;
        match (self.offsets.get(node), self.offsets.get(node + 1)) {
            (Some(start), Some(end)) => *start as usize..*end as usize,
            _ => 0..0,
        }
    }

    /// The neighbours of a node in ascending order, one for each edge.
    #[inline]
    #[must_use]
    pub fn neighbours(&self, node: u32) -> &[u32] {
        self.neighbours.get(self.range(node)).unwrap_or_default()
    }

    /// The edge numbers beside [`Adjacency::neighbours`], where they are kept.
    #[inline]
    #[must_use]
    pub fn edges(&self, node: u32) -> Option<&[u32]> {
        self.edges.as_ref()?.get(self.range(node))
    }

    /// Whether edge numbers are kept.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        self.edges.is_some()
    }

    /// All offsets: one more than there are nodes.
    #[must_use]
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The neighbours of all nodes, one after another.
    #[must_use]
    pub fn all_neighbours(&self) -> &[u32] {
        &self.neighbours
    }

    /// The edge numbers beside [`Adjacency::all_neighbours`], where they are kept.
    #[must_use]
    pub fn all_edges(&self) -> Option<&[u32]> {
        self.edges.as_deref()
    }

    /// The edges from one node to another, by number in ascending order.
    pub fn edges_between(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + '_ {
        let range = self.range(from);
        let slice = self.neighbours(from);
        let first = slice.partition_point(|other| *other < to);
        let count = slice.iter().skip(first).take_while(|other| **other == to).count();
        let start = range.start + first;
        (start..start + count).map(|place| match &self.edges {
            Some(edges) => edges.get(place).copied().unwrap_or(place as u32),
            None => place as u32,
        })
    }

    /// The memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = self.edges.as_ref().map_or(0, Vec::capacity);
        (self.offsets.capacity() + self.neighbours.capacity() + numbers) * size_of::<u32>()
    }
}

impl Graph for Adjacency {
    #[inline]
    fn bound(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    #[inline]
    fn visit<B>(&self, node: u32, mut f: impl FnMut(u32, u32) -> ControlFlow<B>) -> ControlFlow<B> {
        let neighbours = self.neighbours(node).iter();
        if let Some(edges) = self.edges(node) {
            neighbours.zip(edges).try_for_each(|(other, edge)| f(*other, *edge))
        } else {
            let first = self.range(node).start as u32;
            neighbours.zip(first..).try_for_each(|(other, edge)| f(*other, edge))
        }
    }

    #[inline]
    fn degree(&self, node: u32) -> u32 {
        self.range(node).len() as u32
    }

    fn edge_count(&self) -> u64 {
        self.neighbours.len() as u64
    }

    #[inline]
    fn slice(&self, node: u32) -> Option<&[u32]> {
        Some(self.neighbours(node))
    }

    fn has_edge(&self, from: u32, to: u32) -> bool {
        self.neighbours(from).binary_search(&to).is_ok()
    }
}

pub(super) fn beyond(node: u32, bound: u32) -> Error {
    Error::bad_input(format!("there is no node {node}: numbers end before {bound}"))
}

pub(super) fn too_many() -> Error {
    Error::unsupported("more than 4,294,967,295 edges of one type")
}
