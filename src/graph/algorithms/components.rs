//! Weakly connected components: nodes with a way between them when directions are ignored.
//!
//! Source: Sutton, Ben-Nun, Barak, "Optimizing Parallel Graph Connectivity Computation via Subgraph
//! Sampling" (Afforest), IPDPS 2018. A few edges of each node already join most of a graph with one large
//! component; the nodes of that one then skip their other edges. The parent of a node is never a larger
//! number, so that a component's root is its smallest node, whatever the threads did.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::graph::csr::{Directions, Graph, parallel};
use crate::model::Result;

use super::run::Run;

/// So many edges of each node are joined before the largest component is guessed.
const SAMPLED_EDGES: u32 = 2;
/// So many nodes are asked which component they are in.
const SAMPLED_NODES: u32 = 1024;

/// In a list of groups by node: no group, as the number is a hole.
pub const NO_GROUP: u32 = u32::MAX;

/// Nodes in groups, each named by its smallest node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups {
    /// Of each node the smallest node of its group, or [`NO_GROUP`].
    pub of: Vec<u32>,
}

impl Groups {
    /// How many groups there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.of.iter().zip(0u32..).filter(|(group, node)| **group == *node).count()
    }

    /// How many nodes each group has: (its smallest node, nodes), the largest group first, then by node.
    #[must_use]
    pub fn sizes(&self) -> Vec<(u32, u32)> {
        let mut counts = vec![0u32; self.of.len()];
        for group in &self.of {
            if let Some(count) = counts.get_mut(*group as usize) {
                *count += 1;
            }
        }
        let mut sizes: Vec<(u32, u32)> = (0u32..).zip(counts).filter(|(_, count)| *count > 0).collect();
        sizes.sort_by_key(|(node, count)| (std::cmp::Reverse(*count), *node));
        sizes
    }
}

/// The weakly connected components.
///
/// # Errors
/// `Cancelled`.
pub fn connected_components<G: Graph>(graph: Directions<'_, G>, run: Run<'_>) -> Result<Groups> {
    let bound = graph.out.bound();
    let threads = run.threads_for(graph.out.total_cost());
    let forest = Forest { parents: (0..bound).map(AtomicU32::new).collect() };
    let join = |skipped: Option<u32>| {
        parallel::map(threads, parallel::ranges(bound), |nodes| {
            let mut ticker = run.ticker();
            for node in nodes {
                let edges = match skipped {
                    None => forest.join_some(graph.out, node),
                    Some(skipped) if forest.root(node) == skipped => 0,
                    Some(_) => forest.join_rest(graph, node),
                };
                ticker.tick(edges)?;
            }
            Ok(())
        })
    };
    join(None)?;
    run.report(1, 3);
    forest.compress(threads, bound)?;
    let largest = forest.sample(bound);
    join(Some(largest))?;
    run.report(2, 3);
    forest.compress(threads, bound)?;
    let of = (0..bound).map(|node| if graph.out.is_live(node) { forest.parent(node) } else { NO_GROUP });
    Ok(Groups { of: of.collect() })
}

struct Forest {
    parents: Vec<AtomicU32>,
}

impl Forest {
    #[inline]
    fn parent(&self, node: u32) -> u32 {
        self.parents.get(node as usize).map_or(node, |parent| parent.load(Ordering::Relaxed))
    }

    fn root(&self, mut node: u32) -> u32 {
        loop {
            let parent = self.parent(node);
            if parent == node {
                return node;
            }
            node = parent;
        }
    }

    /// Puts two nodes under the smaller of their roots.
    #[inline]
    fn join(&self, one: u32, other: u32) {
        let (mut one, mut other) = (self.parent(one), self.parent(other));
        while one != other {
            let (high, low) = (one.max(other), one.min(other));
            let Some(place) = self.parents.get(high as usize) else { return };
            match place.compare_exchange(high, low, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(parent) => (one, other) = (self.parent(parent), low),
            }
        }
    }

    fn join_some<G: Graph>(&self, out: &G, node: u32) -> u64 {
        let mut left = SAMPLED_EDGES;
        let _ = out.visit(node, |other, _| {
            self.join(node, other);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        u64::from(SAMPLED_EDGES)
    }

    /// Edges into the node too: their other end may be one that skips its edges.
    fn join_rest<G: Graph>(&self, graph: Directions<'_, G>, node: u32) -> u64 {
        let mut edges = 0;
        for direction in [graph.out, graph.incoming] {
            direction.for_each_neighbour(node, |other, _| {
                edges += 1;
                self.join(node, other);
            });
        }
        edges
    }

    /// Puts each node right under its root.
    fn compress(&self, threads: usize, bound: u32) -> Result<()> {
        parallel::map(threads, parallel::ranges(bound), |nodes| {
            for node in nodes {
                if let Some(place) = self.parents.get(node as usize) {
                    place.store(self.root(node), Ordering::Relaxed);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The component that most of some nodes are in.
    fn sample(&self, bound: u32) -> u32 {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for node in (0..bound).step_by((bound / SAMPLED_NODES).max(1) as usize) {
            *counts.entry(self.parent(node)).or_default() += 1;
        }
        counts
            .into_iter()
            .max_by_key(|(root, count)| (*count, std::cmp::Reverse(*root)))
            .map_or(0, |(root, _)| root)
    }
}
