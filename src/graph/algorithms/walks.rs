//! How many walks of a fixed number of steps there are.
//!
//! Walks are not enumerated. What is carried from step to step is for each node how many walks end
//! there; the first and the last step are degrees, so that two steps are the sum over the middle nodes of
//! the product of their degrees, and each further step is one pass over its edges. That is the power of
//! the adjacency matrix applied to a vector (Biggs, Algebraic Graph Theory, 1974, lemma 2.5).

use crate::graph::csr::{Directions, Graph, NodeSet, at, parallel};
use crate::model::{Error, Result};

use super::run::Run;

/// How many walks there are that take one edge of each of `hops` in turn. `nodes` are the sets that the
/// nodes on the way must be in, from the first to the last; missing ones let all pass. Nodes and edges
/// may repeat, and parallel edges make different walks. `bound` is one past the largest node number of all
/// hops; without a hop it is how many nodes pass, where holes are only kept out by the set.
///
/// # Errors
/// `Unsupported` where a count passes 128 bits; `Cancelled`.
pub fn walk_count<G: Graph>(
    hops: &[Directions<'_, G>],
    nodes: &[Option<&NodeSet>],
    bound: u32,
    run: Run<'_>,
) -> Result<u128> {
    let passes = |place: usize| nodes.get(place).copied().flatten();
    match hops {
        [] => Ok(u128::from(passes(0).map_or(bound, NodeSet::count))),
        [only] => {
            let ends = ends(only.out, bound, passes(1), passes(0), run)?;
            total(&ends, None)
        }
        [first, between @ .., last] => {
            let places = 1 + between.len();
            // From each end inwards; what meets is multiplied.
            let mut ways = ends(first.incoming, bound, passes(0), passes(1), run)?;
            for (place, hop) in (2..).zip(between) {
                run.report(place as u64, places as u64);
                ways = step(hop.incoming, &ways, passes(place), run)?;
            }
            let rest = ends(last.out, bound, passes(places + 1), passes(places), run)?;
            total(&ways, Some(&rest))
        }
    }
}

/// For each node that passes, how many of its edges lead to a node of the set.
fn ends<G: Graph>(
    graph: &G,
    bound: u32,
    to: Option<&NodeSet>,
    passing: Option<&NodeSet>,
    run: Run<'_>,
) -> Result<Vec<u128>> {
    let Some(to) = to else {
        let degree = |node| u128::from(graph.degree(node)) * u128::from(passes(passing, node));
        return Ok((0..bound).map(degree).collect());
    };
    let mut counts = vec![0u128; bound as usize];
    let threads = run.threads_for(graph.total_cost());
    parallel::map(threads, parallel::slices(&mut counts), |(nodes, counts)| {
        let mut ticker = run.ticker();
        for (node, count) in nodes.zip(counts) {
            if passes(passing, node) {
                let mut found = 0u64;
                graph.for_each_neighbour(node, |other, _| found += u64::from(to.contains(other)));
                *count = u128::from(found);
                ticker.tick(graph.cost(node))?;
            }
        }
        Ok(())
    })?;
    Ok(counts)
}

/// One step further: for each node that passes the sum of its predecessors' walks.
fn step<G: Graph>(incoming: &G, ways: &[u128], passing: Option<&NodeSet>, run: Run<'_>) -> Result<Vec<u128>> {
    let mut sums = vec![0u128; ways.len()];
    let threads = run.threads_for(incoming.total_cost());
    parallel::map(threads, parallel::slices(&mut sums), |(nodes, sums)| {
        let mut ticker = run.ticker();
        for (node, sum) in nodes.zip(sums) {
            if passes(passing, node) {
                let mut fits = true;
                incoming.for_each_neighbour(node, |other, _| {
                    let (more, over) = sum.overflowing_add(at(ways, other));
                    *sum = more;
                    fits &= !over;
                });
                if !fits {
                    return Err(too_many());
                }
                ticker.tick(incoming.cost(node))?;
            }
        }
        Ok(())
    })?;
    Ok(sums)
}

fn total(ways: &[u128], rest: Option<&[u128]>) -> Result<u128> {
    let one = [1u128];
    let rest = rest.unwrap_or_default().iter().chain(one.iter().cycle().take(ways.len()));
    let sum = ways.iter().zip(rest).try_fold(0u128, |sum, (way, rest)| {
        // Nothing times a number too large is still nothing, which checked_mul sees as well.
        sum.checked_add(way.checked_mul(*rest)?)
    });
    sum.ok_or_else(too_many)
}

fn passes(set: Option<&NodeSet>, node: u32) -> bool {
    set.is_none_or(|set| set.contains(node))
}

fn too_many() -> Error {
    Error::unsupported("the number of walks passes 128 bits")
}
