//! The simple undirected view of a graph: each pair of neighbours once in each direction, no loops.

use crate::graph::csr::{Adjacency, Directions, Graph, parallel};
use crate::model::Result;

use super::degree::distinct_neighbours;
use super::run::Run;

/// Directions, parallel edges and edges from a node to itself are left out; edge numbers are not kept.
///
/// # Errors
/// `Unsupported` past 4,294,967,295 entries; `Cancelled`.
pub fn simple_undirected<G: Graph>(graph: Directions<'_, G>, run: Run<'_>) -> Result<Adjacency> {
    let bound = graph.out.bound();
    let threads = run.threads_for(graph.out.total_cost());
    let parts = parallel::map(threads, parallel::ranges(bound), |nodes| {
        let mut ticker = run.ticker();
        let (mut ends, mut all) = (Vec::with_capacity(nodes.len()), Vec::new());
        let (mut out, mut incoming) = (Vec::new(), Vec::new());
        for node in nodes {
            distinct_neighbours(graph.out, node, &mut out);
            distinct_neighbours(graph.incoming, node, &mut incoming);
            let mut others = incoming.iter().copied().peekable();
            for next in out.iter().copied() {
                while let Some(other) = others.next_if(|other| *other < next) {
                    all.push(other);
                }
                others.next_if_eq(&next);
                all.push(next);
            }
            all.extend(others);
            let start = ends.last().copied().unwrap_or(0);
            if let Some(own) = all.get(start..).and_then(|list| list.binary_search(&node).ok()) {
                all.remove(start + own);
            }
            ends.push(all.len());
            ticker.tick((out.len() + incoming.len()) as u64)?;
        }
        Ok((ends, all))
    })?;
    let total = parts.iter().map(|(_, all)| all.len()).sum();
    let (mut offsets, mut neighbours) = (vec![0], Vec::with_capacity(total));
    for (ends, all) in parts {
        let start = neighbours.len();
        offsets.extend(ends.into_iter().map(|end| (start + end) as u32));
        neighbours.extend(all);
    }
    Adjacency::from_ordered(offsets, neighbours)
}
