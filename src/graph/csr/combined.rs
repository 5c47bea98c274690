//! Several edge types as one graph.

use std::ops::ControlFlow;

use crate::model::{Error, Result};

use super::{Adjacency, Graph};

/// One edge type of a combination.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Its edges.
    pub adjacency: &'a Adjacency,
    /// What its edge numbers are shifted by, so that those of different types differ.
    pub base: u32,
}

/// Several adjacencies over the same nodes, taken as one without a copy. Neighbours come part by part.
#[derive(Debug, Clone)]
pub struct Combined<'a> {
    parts: Vec<Part<'a>>,
    bound: u32,
}

impl<'a> Combined<'a> {
    /// One graph of several edge types. Each part's edge numbers are shifted past those of the part
    /// before: `limits` says how many numbers each has (one past its largest edge number), in the order
    /// of the adjacencies. The same limits for the other direction give the same numbers.
    ///
    /// # Errors
    /// `Unsupported` where the numbers pass 32 bits.
    pub fn new(adjacencies: &[&'a Adjacency], limits: &[u32]) -> Result<Self> {
        let mut base = 0u32;
        let mut parts = Vec::with_capacity(adjacencies.len());
        for (place, adjacency) in adjacencies.iter().enumerate() {
            parts.push(Part { adjacency, base });
            let limit = limits.get(place).copied().unwrap_or(0);
            base = base.checked_add(limit).ok_or_else(|| {
                Error::unsupported("the edge types of one traversal have more than 4,294,967,295 edges")
            })?;
        }
        Ok(Self::from_parts(parts))
    }

    /// One graph of parts whose shifts the caller has chosen.
    #[must_use]
    pub fn from_parts(parts: Vec<Part<'a>>) -> Self {
        let bound = parts.iter().map(|part| part.adjacency.bound()).max().unwrap_or(0);
        Self { parts, bound }
    }

    /// The same with nodes beyond those of the parts, which have no edges.
    #[must_use]
    pub fn with_bound(self, bound: u32) -> Self {
        Self { bound: bound.max(self.bound), ..self }
    }

    /// The part an edge is of, by its place, and its number there. Shifts must ascend, as
    /// [`Combined::new`] makes them.
    #[must_use]
    pub fn part_of(&self, edge: u32) -> Option<(usize, u32)> {
        let place = self.parts.partition_point(|part| part.base <= edge).checked_sub(1)?;
        self.parts.get(place).map(|part| (place, edge - part.base))
    }
}

impl Graph for Combined<'_> {
    fn bound(&self) -> u32 {
        self.bound
    }

    #[inline]
    fn visit<B>(&self, node: u32, mut f: impl FnMut(u32, u32) -> ControlFlow<B>) -> ControlFlow<B> {
        for part in &self.parts {
            part.adjacency.visit(node, |other, edge| f(other, edge.saturating_add(part.base)))?;
        }
        ControlFlow::Continue(())
    }

    fn degree(&self, node: u32) -> u32 {
        self.parts.iter().map(|part| part.adjacency.degree(node)).sum()
    }

    fn edge_count(&self) -> u64 {
        self.parts.iter().map(|part| part.adjacency.edge_count()).sum()
    }

    #[inline]
    fn slice(&self, node: u32) -> Option<&[u32]> {
        match self.parts.as_slice() {
            [only] => only.adjacency.slice(node),
            _ => None,
        }
    }

    fn has_edge(&self, from: u32, to: u32) -> bool {
        self.parts.iter().any(|part| part.adjacency.has_edge(from, to))
    }
}
