//! How many ways there are to lay a tree of edges into a graph, without laying them: what one side of an edge can be
//! is summed up for each node on its other side, from the leaves to the root. A path of two edges is the product of
//! what enters and what leaves each node in the middle.
//!
//! This is how acyclic queries are counted in time linear in the data (Yannakakis, "Algorithms for Acyclic Database
//! Schemes", 1981, with sums in the place of semi joins).

use crate::model::{CancelToken, Error, Result, TypeId};

use super::csr::{Adjacency, Graph, NodeSet};
use super::network::Network;

/// Nodes between two looks at the cancel token.
const CHECK_NODES: usize = 4096;

/// A tree of edges between places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// How many places there are.
    pub places: usize,
    /// The type of each edge, the place it leaves, and the one it enters.
    pub edges: Vec<(TypeId, usize, usize)>,
}

impl Tree {
    /// Whether each place can be reached from each other one, in one way.
    #[must_use]
    pub fn is_tree(&self) -> bool {
        let mut reached = vec![false; self.places];
        let mut open = vec![0];
        while let Some(place) = open.pop() {
            let Some(known) = reached.get_mut(place) else { return false };
            if std::mem::replace(known, true) {
                continue;
            }
            for (_, from, to) in &self.edges {
                if *from == place {
                    open.push(*to);
                }
                if *to == place {
                    open.push(*from);
                }
            }
        }
        self.edges.len() + 1 == self.places && reached.iter().all(|reached| *reached)
    }

    /// How often the tree is in a network, where `sets` say which nodes each place may be, if not all.
    ///
    /// # Errors
    /// `BadInput` for what is no tree, `OutOfRange` past 2^63 - 1; `Cancelled`.
    pub fn count(&self, network: &Network, sets: &[Option<NodeSet>], cancel: &CancelToken) -> Result<i64> {
        if !self.is_tree() {
            return Err(Error::bad_input("a count of what is no tree of edges"));
        }
        // The place with most edges: what is behind its neighbours are often degrees alone.
        let edges_at =
            |place: &usize| self.edges.iter().filter(|(_, from, to)| from == place || to == place).count();
        let root = (0..self.places).max_by_key(edges_at).unwrap_or(0);
        let ways = self.ways(network, sets, root, None, cancel)?;
        let mut sum = 0_u64;
        for node in network.nodes().iter() {
            let own = ways.of(node);
            sum = sum.checked_add(own).ok_or_else(too_many)?;
        }
        i64::try_from(sum).map_err(|_| too_many())
    }

    /// In how many ways what is behind a place, seen from the edge `above`, can be laid, for each node there.
    fn ways(
        &self,
        network: &Network,
        sets: &[Option<NodeSet>],
        place: usize,
        above: Option<usize>,
        cancel: &CancelToken,
    ) -> Result<Ways> {
        let bound = network.nodes().bound();
        let mut made = Ways { set: sets.get(place).cloned().flatten(), counts: None };
        for (number, (edge_type, from, to)) in self.edges.iter().enumerate() {
            let (other, along) = match (*from == place, *to == place) {
                _ if Some(number) == above => continue,
                (true, _) => (*to, true),
                (_, true) => (*from, false),
                _ => continue,
            };
            let behind = self.ways(network, sets, other, Some(number), cancel)?;
            let csr = network.edges_of(*edge_type)?;
            let edges = if along { &csr.out } else { &csr.incoming };
            let mut counts = Vec::with_capacity(bound as usize);
            for node in 0..bound {
                if (node as usize).is_multiple_of(CHECK_NODES) {
                    cancel.check()?;
                }
                let before = made.of(node);
                let own = if before == 0 {
                    0
                } else {
                    behind.sum(edges, node)?.checked_mul(before).ok_or_else(too_many)?
                };
                counts.push(own);
            }
            made.counts = Some(counts);
        }
        Ok(made)
    }
}

/// In how many ways something can be laid, by node.
struct Ways {
    /// The nodes that may be taken; all without.
    set: Option<NodeSet>,
    /// One way each without.
    counts: Option<Vec<u64>>,
}

impl Ways {
    fn of(&self, node: u32) -> u64 {
        match (&self.counts, &self.set) {
            // The set was looked at when they were counted.
            (Some(counts), _) => counts.get(node as usize).copied().unwrap_or(0),
            (None, Some(set)) => u64::from(set.contains(node)),
            (None, None) => 1,
        }
    }

    /// Of all neighbours of a node together.
    fn sum(&self, edges: &Adjacency, node: u32) -> Result<u64> {
        if self.counts.is_none() && self.set.is_none() {
            return Ok(u64::from(edges.degree(node)));
        }
        let each = edges.neighbours(node).iter().map(|other| self.of(*other));
        each.into_iter().try_fold(0_u64, u64::checked_add).ok_or_else(too_many)
    }
}

fn too_many() -> Error {
    Error::bad_input("there are more than 9223372036854775807 matches")
        .with_sqlstate(crate::model::sqlstate::NUMERIC_OUT_OF_RANGE)
}
