//! Shortest paths by number of edges: breadth-first from both ends.
//!
//! Levels are finished whole, always on the side with the smaller frontier. While no node is known
//! to both sides, the path is longer than the levels of both together; so the first node that is
//! lies on a shortest one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::model::{CancelToken, NodeId, Result, RowId};
use crate::storage::View;

use super::Link;
use super::describe::{Described, Describer};
use super::filter::{EdgeFilter, Ticker, node_row};

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Its nodes from start to end.
    pub nodes: Vec<Described>,
    /// The edges between them, one fewer, with the ends they have in the database: an edge that was
    /// followed against its direction leaves the later node.
    pub edges: Vec<Link>,
}

/// A shortest path between two nodes, or `None`; of a node to itself, the node. Of several, which
/// one is decided by the order of insertion.
///
/// # Errors
/// `NotFound` for an unknown node, `BadInput` for an edge; `Cancelled`, `Corrupt`, `Io`.
pub fn shortest_path(
    view: &View,
    from: NodeId,
    to: NodeId,
    filter: &EdgeFilter,
    cancel: &CancelToken,
) -> Result<Option<Path>> {
    let (from, to) = (node_row(view, from)?, node_row(view, to)?);
    let mut ticker = Ticker::new(cancel);
    let mut forward = Side::new(from, filter.clone());
    let mut backward = Side::new(to, filter.reversed());
    let mut meeting = (from == to).then_some(from);
    while meeting.is_none() && !forward.frontier.is_empty() && !backward.frontier.is_empty() {
        meeting = if forward.frontier.len() <= backward.frontier.len() {
            forward.expand(view, &backward, &mut ticker)?
        } else {
            backward.expand(view, &forward, &mut ticker)?
        };
    }
    let Some(meeting) = meeting else { return Ok(None) };
    let mut steps = forward.steps_to(meeting);
    steps.reverse();
    // Backward, an edge followed from the end leads to the node before.
    steps.extend(backward.steps_to(meeting).into_iter().map(|step| Step {
        node: step.previous,
        previous: step.node,
        edge: step.edge,
        outgoing: !step.outgoing,
    }));
    let mut describer = Describer::new(view);
    let nodes = describer.nodes(std::iter::once(from).chain(steps.iter().map(|step| step.node)))?;
    let edges = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let (tail, head) = if step.outgoing { (at, at + 1) } else { (at + 1, at) };
            describer.link(step.edge, tail, head)
        })
        .collect::<Result<_>>()?;
    Ok(Some(Path { nodes, edges }))
}

/// How a node was reached.
#[derive(Debug, Clone, Copy)]
struct Step {
    node: RowId,
    previous: RowId,
    edge: RowId,
    /// The edge leaves `previous`.
    outgoing: bool,
}

/// The search from one end.
struct Side {
    filter: EdgeFilter,
    /// By node; `None` for the end itself.
    reached: HashMap<RowId, Option<Step>>,
    frontier: Vec<RowId>,
}

impl Side {
    fn new(end: RowId, filter: EdgeFilter) -> Self {
        Side { filter, reached: HashMap::from([(end, None)]), frontier: vec![end] }
    }

    /// Goes one level further. Returns the first node that the other side knows too; once there is
    /// one, the rest of the level cannot give a shorter path.
    fn expand(&mut self, view: &View, other: &Side, ticker: &mut Ticker<'_>) -> Result<Option<RowId>> {
        let mut met = None;
        let mut next = Vec::new();
        for previous in std::mem::take(&mut self.frontier) {
            let reached = &mut self.reached;
            self.filter.visit(view, previous, ticker, &mut |edge, node, outgoing| {
                if reached.contains_key(&node) {
                    return Ok(ControlFlow::Continue(()));
                }
                reached.insert(node, Some(Step { node, previous, edge, outgoing }));
                next.push(node);
                if other.reached.contains_key(&node) {
                    met = Some(node);
                    return Ok(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            if met.is_some() {
                break;
            }
        }
        self.frontier = next;
        Ok(met)
    }

    /// The steps to a node, from it back to this side's end.
    fn steps_to(&self, node: RowId) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = node;
        while let Some(Some(step)) = self.reached.get(&at) {
            steps.push(*step);
            at = step.previous;
        }
        steps
    }
}
