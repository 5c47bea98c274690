//! A path, and shortest ones by number of edges.
//!
//! Breadth-first from both ends (Pohl, "Bi-directional Search", Machine Intelligence 6, 1971). Levels
//! are finished whole, on the side whose level has fewer edges. While no node is known to both sides,
//! the path is longer than the levels of both together; so the first node that is lies on a shortest.

use std::ops::ControlFlow;

use crate::graph::csr::{Directions, Graph, at, put};
use crate::model::Result;

use super::run::{Run, Ticker, check_node};

/// Nodes and the edges between them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path {
    /// From start to end.
    pub nodes: Vec<u32>,
    /// One fewer than there are nodes.
    pub edges: Vec<u32>,
}

impl Path {
    /// How many edges it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether it is a node alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }
}

/// A path with as few edges as possible, or none if there is no path of at most `max_length` edges; of
/// a node to itself, the node. Of several, the same one each time.
///
/// # Errors
/// `NotFound` for an end that is no node; `Cancelled`.
pub fn shortest_path<G: Graph>(
    graph: Directions<'_, G>,
    from: u32,
    to: u32,
    max_length: Option<u32>,
    run: Run<'_>,
) -> Result<Option<Path>> {
    check_node(graph.out, from)?;
    check_node(graph.out, to)?;
    let mut ticker = run.ticker();
    let mut forward = Side::new(graph.out, from);
    let mut backward = Side::new(graph.incoming, to);
    let mut meeting = (from == to).then_some(from);
    let mut length = 0;
    while meeting.is_none() && max_length.is_none_or(|max| length < max) {
        if forward.frontier.is_empty() || backward.frontier.is_empty() {
            return Ok(None);
        }
        meeting = if forward.edges_ahead <= backward.edges_ahead {
            forward.expand(&backward, &mut ticker)?
        } else {
            backward.expand(&forward, &mut ticker)?
        };
        length += 1;
    }
    let Some(meeting) = meeting else { return Ok(None) };
    let mut path = forward.way_from(meeting);
    path.nodes.reverse();
    path.edges.reverse();
    let rest = backward.way_from(meeting);
    path.nodes.extend(rest.nodes.iter().skip(1));
    path.edges.extend(rest.edges);
    Ok(Some(path))
}

struct Side<'a, G> {
    graph: &'a G,
    start: u32,
    /// Of each node one more than the number of the node before it, or zero: memory that is asked for
    /// as zeros and never touched costs nothing, so that a short path in a large graph is cheap.
    before: Vec<u32>,
    edge: Vec<u32>,
    frontier: Vec<u32>,
    edges_ahead: u64,
}

impl<'a, G: Graph> Side<'a, G> {
    fn new(graph: &'a G, start: u32) -> Self {
        let zeros = || vec![0; graph.bound() as usize];
        let edges_ahead = graph.cost(start);
        let mut before = zeros();
        put(&mut before, start, start + 1);
        Self { graph, start, before, edge: zeros(), frontier: vec![start], edges_ahead }
    }

    /// Finds the next level; the first node of it that the other side knows ends the search.
    fn expand(&mut self, other_side: &Self, ticker: &mut Ticker<'_>) -> Result<Option<u32>> {
        let mut next = Vec::new();
        self.edges_ahead = 0;
        for node in std::mem::take(&mut self.frontier) {
            let (mut looked_at, graph) = (0, self.graph);
            let met = graph.visit(node, |other, edge| {
                looked_at += 1;
                if at(&self.before, other) != 0 {
                    return ControlFlow::Continue(());
                }
                put(&mut self.before, other, node + 1);
                put(&mut self.edge, other, edge);
                if at(&other_side.before, other) != 0 {
                    return ControlFlow::Break(other);
                }
                next.push(other);
                ControlFlow::Continue(())
            });
            if let ControlFlow::Break(meeting) = met {
                return Ok(Some(meeting));
            }
            ticker.tick(looked_at)?;
        }
        self.edges_ahead = next.iter().map(|node| self.graph.cost(*node)).sum();
        self.frontier = next;
        Ok(None)
    }

    /// The way from a node back to the start.
    fn way_from(&self, mut node: u32) -> Path {
        let mut path = Path { nodes: vec![node], edges: Vec::new() };
        while node != self.start {
            path.edges.push(at(&self.edge, node));
            node = at(&self.before, node).saturating_sub(1);
            path.nodes.push(node);
        }
        path
    }
}
