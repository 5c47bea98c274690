//! Degrees and mutual pairs.

use crate::graph::csr::{Directions, Graph, parallel};
use crate::model::Result;

use super::run::Run;

/// Which edges of a node are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DegreeKind {
    /// Those that leave it.
    Out,
    /// Those that enter it.
    In,
    /// Both; an edge from a node to itself counts twice.
    Both,
}

/// How many edges each node has, by its number; a hole has none.
#[must_use]
pub fn degrees<G: Graph>(graph: Directions<'_, G>, kind: DegreeKind) -> Vec<u64> {
    let out = |node| u64::from(graph.out.degree(node));
    let incoming = |node| u64::from(graph.incoming.degree(node));
    let nodes = 0..graph.out.bound();
    match kind {
        DegreeKind::Out => nodes.map(out).collect(),
        DegreeKind::In => nodes.map(incoming).collect(),
        DegreeKind::Both => nodes.map(|node| out(node) + incoming(node)).collect(),
    }
}

/// How many pairs of different nodes have edges in both directions; parallel edges make no difference.
///
/// # Errors
/// `Cancelled`.
pub fn mutual_pairs<G: Graph>(graph: Directions<'_, G>, run: Run<'_>) -> Result<u64> {
    let threads = run.threads_for(graph.out.total_cost());
    let counts = parallel::map(threads, parallel::ranges(graph.out.bound()), |nodes| {
        let mut ticker = run.ticker();
        let (mut pairs, mut out, mut incoming) = (0, Vec::new(), Vec::new());
        for node in nodes {
            distinct_neighbours(graph.out, node, &mut out);
            distinct_neighbours(graph.incoming, node, &mut incoming);
            let mut others = incoming.iter().skip_while(|other| **other <= node).peekable();
            for other in out.iter().skip_while(|other| **other <= node) {
                while others.next_if(|found| *found < other).is_some() {}
                pairs += u64::from(others.peek() == Some(&other));
            }
            ticker.tick((out.len() + incoming.len()) as u64)?;
        }
        Ok(pairs)
    })?;
    Ok(counts.into_iter().sum())
}

/// Puts each neighbour of a node into the list once, in ascending order.
pub(super) fn distinct_neighbours<G: Graph>(graph: &G, node: u32, list: &mut Vec<u32>) {
    list.clear();
    if let Some(slice) = graph.slice(node) {
        list.extend_from_slice(slice);
    } else {
        graph.for_each_neighbour(node, |other, _| list.push(other));
        if !list.is_sorted() {
            list.sort_unstable();
        }
    }
    list.dedup();
}
