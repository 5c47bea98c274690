//! Part of a graph: the nodes of a set, and the edges between them.

use std::ops::ControlFlow;

use super::{Graph, NodeSet};

/// A graph of which only some numbers are nodes: where numbers have holes, or for the sub-graph of the
/// nodes that pass a filter.
#[derive(Debug)]
pub struct Live<'a, G> {
    graph: &'a G,
    live: &'a NodeSet,
    count: u32,
    /// No edge touches what is not live, so edges need no look at the set.
    closed: bool,
}

impl<'a, G: Graph> Live<'a, G> {
    /// The sub-graph of a set of nodes: edges to or from other nodes are left out.
    #[must_use]
    pub fn new(graph: &'a G, live: &'a NodeSet) -> Self {
        Self { graph, live, count: live.count().min(graph.bound()), closed: false }
    }

    /// A graph whose numbers have holes. The caller knows that no edge touches a hole; then it is as
    /// fast as the graph itself.
    #[must_use]
    pub fn with_holes(graph: &'a G, live: &'a NodeSet) -> Self {
        Self { closed: true, ..Self::new(graph, live) }
    }
}

impl<G: Graph> Graph for Live<'_, G> {
    fn bound(&self) -> u32 {
        self.graph.bound()
    }

    #[inline]
    fn visit<B>(&self, node: u32, mut f: impl FnMut(u32, u32) -> ControlFlow<B>) -> ControlFlow<B> {
        if self.closed {
            return self.graph.visit(node, f);
        }
        if !self.live.contains(node) {
            return ControlFlow::Continue(());
        }
        self.graph.visit(node, |other, edge| {
            if self.live.contains(other) { f(other, edge) } else { ControlFlow::Continue(()) }
        })
    }

    fn degree(&self, node: u32) -> u32 {
        if self.closed {
            return self.graph.degree(node);
        }
        let mut degree = 0;
        self.for_each_neighbour(node, |_, _| degree += 1);
        degree
    }

    fn cost(&self, node: u32) -> u64 {
        self.graph.cost(node)
    }

    fn total_cost(&self) -> u64 {
        self.graph.total_cost()
    }

    fn is_live(&self, node: u32) -> bool {
        self.live.contains(node) && self.graph.is_live(node)
    }

    fn live_count(&self) -> u32 {
        self.count
    }

    #[inline]
    fn slice(&self, node: u32) -> Option<&[u32]> {
        if self.closed { self.graph.slice(node) } else { None }
    }

    fn has_edge(&self, from: u32, to: u32) -> bool {
        let both = self.closed || (self.live.contains(from) && self.live.contains(to));
        both && self.graph.has_edge(from, to)
    }
}
