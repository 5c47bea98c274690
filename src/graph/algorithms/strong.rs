//! Strongly connected components: nodes with a way from each to each other.
//!
//! Source: Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J. Comput. 1, 1972, in the form
//! of Pearce, "A Space-Efficient Algorithm for Finding Strongly Connected Components", 2016: one number
//! a node. It keeps its own stack, so that the depth of the graph does not matter.

use crate::graph::csr::{Graph, at, put};
use crate::model::Result;

use super::components::{Groups, NO_GROUP};
use super::run::Run;

/// A node that is being searched, and which of its neighbours are left: those from `next` on in the list
/// of neighbours that all nodes on the way share.
struct Frame {
    node: u32,
    next: usize,
    first: usize,
    /// No way was found to a node met before it.
    is_root: bool,
}

/// The strongly connected components. Depth-first search is one thread's work.
///
/// # Errors
/// `Cancelled`.
pub fn strong_components<G: Graph>(graph: &G, run: Run<'_>) -> Result<Groups> {
    let bound = graph.bound();
    let mut ticker = run.ticker();
    // In order of discovery from 1; components that are done have no index below any other.
    let mut index = vec![0u32; bound as usize];
    let mut group = vec![NO_GROUP; bound as usize];
    let (mut path, mut left, mut open) = (Vec::<Frame>::new(), Vec::new(), Vec::new());
    let mut met = 0;
    for start in 0..bound {
        if at(&index, start) != 0 || !graph.is_live(start) {
            continue;
        }
        let mut entering = Some(start);
        loop {
            if let Some(node) = entering.take() {
                met += 1;
                put(&mut index, node, met);
                let first = left.len();
                graph.for_each_neighbour(node, |other, _| left.push(other));
                ticker.tick((left.len() - first) as u64)?;
                path.push(Frame { node, next: first, first, is_root: true });
            }
            let Some(frame) = path.last_mut() else { break };
            if let Some(other) = left.get(frame.next).copied() {
                if at(&index, other) == 0 {
                    // Looked at again when it is done.
                    entering = Some(other);
                    continue;
                }
                frame.next += 1;
                if at(&group, other) == NO_GROUP && at(&index, other) < at(&index, frame.node) {
                    let lowest = at(&index, other);
                    put(&mut index, frame.node, lowest);
                    frame.is_root = false;
                }
                continue;
            }
            let (node, is_root) = (frame.node, frame.is_root);
            left.truncate(frame.first);
            path.pop();
            open.push(node);
            if is_root {
                // Of what is open, the members have indices no lower than their root's.
                let own = at(&index, node);
                let members = open.iter().rev().take_while(|other| at(&index, **other) >= own).count();
                let from = open.len() - members;
                let smallest = open.iter().skip(from).copied().min().unwrap_or(node);
                for member in open.drain(from..) {
                    put(&mut group, member, smallest);
                }
            }
        }
        run.report(u64::from(met), u64::from(graph.live_count()));
    }
    Ok(Groups { of: group })
}
