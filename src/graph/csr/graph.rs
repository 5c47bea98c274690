//! What the algorithms run over.

use std::ops::ControlFlow;

/// One direction of a graph over the node numbers `0..bound`. Numbers may have holes (deleted nodes): a
/// hole is not live and has no edges.
///
/// The order in which neighbours are visited is fixed for a given graph.
pub trait Graph: Sync {
    /// One past the largest node number.
    fn bound(&self) -> u32;

    /// Visits the neighbours of a node as (neighbour, edge) until told to stop; a neighbour comes once
    /// for each edge that leads to it. A number that is no node has none.
    fn visit<B>(&self, node: u32, f: impl FnMut(u32, u32) -> ControlFlow<B>) -> ControlFlow<B>;

    /// How many edges leave the node in this direction.
    fn degree(&self, node: u32) -> u32;

    /// Whether the number is a node.
    fn is_live(&self, node: u32) -> bool {
        node < self.bound()
    }

    /// How many numbers are nodes.
    fn live_count(&self) -> u32 {
        self.bound()
    }

    /// How many edges there are.
    fn edge_count(&self) -> u64 {
        (0..self.bound()).map(|node| u64::from(self.degree(node))).sum()
    }

    /// About how many edges a visit of the node looks at, told at once: for choosing between ways to go,
    /// not for counting.
    fn cost(&self, node: u32) -> u64 {
        u64::from(self.degree(node))
    }

    /// The sum of the costs of all nodes, about.
    fn total_cost(&self) -> u64 {
        self.edge_count()
    }

    /// All neighbours of the node in ascending order where they lie side by side in memory: the fast
    /// path of what needs no edge numbers.
    fn slice(&self, node: u32) -> Option<&[u32]> {
        let _ = node;
        None
    }

    /// Whether an edge leads from one node to the other.
    fn has_edge(&self, from: u32, to: u32) -> bool {
        self.visit(
            from,
            |neighbour, _| {
                if neighbour == to { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )
        .is_break()
    }

    /// Visits all neighbours of a node as (neighbour, edge).
    #[inline]
    fn for_each_neighbour(&self, node: u32, mut f: impl FnMut(u32, u32)) {
        let _ = self.visit(node, |neighbour, edge| {
            f(neighbour, edge);
            ControlFlow::<()>::Continue(())
        });
    }
}

/// Both directions of a graph.
#[derive(Debug)]
pub struct Directions<'a, G> {
    /// From a node along its edges.
    pub out: &'a G,
    /// From a node against the edges that lead to it; the same edges under the same numbers.
    pub incoming: &'a G,
}

impl<G> Clone for Directions<'_, G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for Directions<'_, G> {}

impl<'a, G: Graph> Directions<'a, G> {
    /// The two directions of one set of edges.
    #[must_use]
    pub fn new(out: &'a G, incoming: &'a G) -> Self {
        Self { out, incoming }
    }

    /// A graph that is its own reverse, such as an [`Undirected`].
    #[must_use]
    pub fn symmetric(graph: &'a G) -> Self {
        Self { out: graph, incoming: graph }
    }

    /// Against the direction of the edges.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { out: self.incoming, incoming: self.out }
    }
}

/// Edges taken in both directions: first those that leave a node, then those that enter it. An edge from
/// a node to itself is there once.
#[derive(Debug)]
pub struct Undirected<'a, G>(pub Directions<'a, G>);

impl<G: Graph> Undirected<'_, G> {
    fn loops(&self, node: u32) -> u32 {
        let mut loops = 0;
        if let Some(slice) = self.0.incoming.slice(node) {
            let from = slice.partition_point(|other| *other < node);
            loops = slice.iter().skip(from).take_while(|other| **other == node).count() as u32;
        } else {
            self.0.incoming.for_each_neighbour(node, |other, _| loops += u32::from(other == node));
        }
        loops
    }
}

impl<G: Graph> Graph for Undirected<'_, G> {
    fn bound(&self) -> u32 {
        self.0.out.bound()
    }

    #[inline]
    fn visit<B>(&self, node: u32, mut f: impl FnMut(u32, u32) -> ControlFlow<B>) -> ControlFlow<B> {
        self.0.out.visit(node, &mut f)?;
        self.0.incoming.visit(
            node,
            |other, edge| {
                if other == node { ControlFlow::Continue(()) } else { f(other, edge) }
            },
        )
    }

    fn degree(&self, node: u32) -> u32 {
        let both = self.0.out.degree(node).saturating_add(self.0.incoming.degree(node));
        both.saturating_sub(self.loops(node))
    }

    fn cost(&self, node: u32) -> u64 {
        self.0.out.cost(node) + self.0.incoming.cost(node)
    }

    fn total_cost(&self) -> u64 {
        self.0.out.total_cost() + self.0.incoming.total_cost()
    }

    fn is_live(&self, node: u32) -> bool {
        self.0.out.is_live(node)
    }

    fn live_count(&self) -> u32 {
        self.0.out.live_count()
    }

    fn has_edge(&self, from: u32, to: u32) -> bool {
        self.0.out.has_edge(from, to) || self.0.incoming.has_edge(from, to)
    }
}
