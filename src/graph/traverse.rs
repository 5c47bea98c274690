//! Breadth-first traversal: level by level, each node once.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::model::{CancelToken, NodeId, Result, RowId};
use crate::storage::View;

use super::describe::{Described, Describer};
use super::filter::{EdgeFilter, Ticker, node_row};

/// A level of a traversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Steps from the start; 1 is the first.
    pub depth: u32,
    /// Nodes not reached in fewer steps, in order of their discovery.
    pub nodes: Vec<Described>,
    /// A node had more edges than the cap, so nodes may be missing.
    pub capped: bool,
}

/// Visits the levels around a node, without the node itself, until one is empty or `depth` is
/// reached. `max_fan_out` is how many edges are followed from one node at most.
///
/// # Errors
/// `NotFound` for an unknown node, `BadInput` for an edge; what `visit` fails with; `Cancelled`,
/// `Corrupt`, `Io`.
pub fn traverse(
    view: &View,
    start: NodeId,
    filter: &EdgeFilter,
    depth: u32,
    max_fan_out: Option<u64>,
    cancel: &CancelToken,
    visit: &mut dyn FnMut(Level) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let start = node_row(view, start)?;
    let cap = max_fan_out.unwrap_or(u64::MAX);
    let mut ticker = Ticker::new(cancel);
    let mut describer = Describer::new(view);
    let mut visited = HashSet::from([start]);
    let mut frontier = vec![start];
    for depth in 1..=depth {
        let mut next: Vec<RowId> = Vec::new();
        let mut capped = false;
        for node in frontier {
            let mut followed = 0;
            filter.visit(view, node, &mut ticker, &mut |_, other, _| {
                if followed == cap {
                    capped = true;
                    return Ok(ControlFlow::Break(()));
                }
                followed += 1;
                if visited.insert(other) {
                    next.push(other);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        if next.is_empty() && !capped {
            break;
        }
        let mut nodes = Vec::with_capacity(next.len());
        for row in &next {
            ticker.tick()?;
            nodes.push(describer.node(*row)?);
        }
        if visit(Level { depth, nodes, capped })?.is_break() {
            break;
        }
        frontier = next;
    }
    Ok(())
}
