//! Communities by label propagation.
//!
//! Source: Raghavan, Albert, Kumara, "Near Linear Time Algorithm to Detect Community Structures", Physical
//! Review E 76, 2007, in the deterministic form of LDBC Graphalytics (CDLP): each node begins with its own
//! number; in each round all nodes at once take the most frequent label of their neighbours, the smallest
//! of several. Edges count in both directions, so that a pair linked both ways counts twice.

use crate::graph::csr::{Directions, Graph, at, parallel};
use crate::model::Result;

use super::components::NO_GROUP;
use super::run::Run;

/// The label of each node after at most so many rounds ([`NO_GROUP`] for a hole). A label is the number of
/// some node, not always one of its community. Rounds end when nothing changes; on graphs that have two
/// sides the labels may swap for ever.
///
/// # Errors
/// `Cancelled`.
pub fn label_propagation<G: Graph>(
    graph: Directions<'_, G>,
    max_rounds: u32,
    run: Run<'_>,
) -> Result<Vec<u32>> {
    let bound = graph.out.bound();
    let own = |node| if graph.out.is_live(node) { node } else { NO_GROUP };
    let mut labels: Vec<u32> = (0..bound).map(own).collect();
    let mut next = labels.clone();
    let threads = run.threads_for(graph.out.total_cost());
    for round in 0..max_rounds {
        run.cancel.check()?;
        run.report(u64::from(round), u64::from(max_rounds));
        let changed = parallel::map(threads, parallel::slices(&mut next), |(nodes, next)| {
            let (mut ticker, mut around, mut changed) = (run.ticker(), Vec::new(), false);
            for (node, next) in nodes.zip(next) {
                around.clear();
                graph.out.for_each_neighbour(node, |other, _| around.push(at(&labels, other)));
                graph.incoming.for_each_neighbour(node, |other, _| around.push(at(&labels, other)));
                ticker.tick(around.len() as u64)?;
                let label = most_frequent(&mut around).unwrap_or_else(|| at(&labels, node));
                changed |= label != at(&labels, node);
                *next = label;
            }
            Ok(changed)
        })?;
        std::mem::swap(&mut labels, &mut next);
        if !changed.contains(&true) {
            break;
        }
    }
    Ok(labels)
}

/// The smallest of the most frequent.
fn most_frequent(labels: &mut [u32]) -> Option<u32> {
    labels.sort_unstable();
    let mut best = (0, None);
    for run in labels.chunk_by(|one, other| one == other) {
        if run.len() > best.0 {
            best = (run.len(), run.first().copied());
        }
    }
    best.1
}
