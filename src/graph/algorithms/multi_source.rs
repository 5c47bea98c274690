//! Breadth-first searches from many nodes at once, 64 to a word: Then et al., "The More the Merrier:
//! Efficient Multi-Source Graph Traversal", VLDB 8, 2014. An edge that several searches take in the same
//! step is looked at once.

use crate::graph::csr::{Graph, at, parallel};
use crate::model::Result;

use super::run::{Run, check_node};

/// A node that some searches of a batch reach in the same number of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The place among all sources of the batch's first.
    pub first: usize,
    /// Which of the batch's sources, the first in the lowest bit.
    pub sources: u64,
    /// The node.
    pub node: u32,
    /// In how many steps; a source reaches itself in none.
    pub depth: u32,
}

impl Reached {
    /// The sources by their place among all.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        let (first, sources) = (self.first, self.sources);
        (0..64).filter(move |bit| sources >> bit & 1 == 1).map(move |bit| first + bit)
    }
}

/// Searches from each source along the edges, at most `max_depth` steps. `visit` is told of each node
/// once for each depth at which sources reach it first, with the value that `start` made for its batch;
/// the values are given back in order of the batches, each of 64 sources.
///
/// # Errors
/// `NotFound` for a source that is no node; `Cancelled`.
pub fn multi_source<G: Graph, A: Send>(
    graph: &G,
    sources: &[u32],
    max_depth: Option<u32>,
    start: impl Fn() -> A + Sync,
    visit: impl Fn(&mut A, Reached) + Sync,
    run: Run<'_>,
) -> Result<Vec<A>> {
    sources.iter().try_for_each(|source| check_node(graph, *source))?;
    let batches: Vec<_> = sources.chunks(64).zip((0..).step_by(64)).collect();
    parallel::map(run.threads, batches, |(batch, first)| {
        let mut value = start();
        run.report(first as u64, sources.len() as u64);
        search(graph, batch, max_depth, run, |sources, node, depth| {
            visit(&mut value, Reached { first, sources, node, depth });
        })?;
        Ok(value)
    })
}

fn search<G: Graph>(
    graph: &G,
    sources: &[u32],
    max_depth: Option<u32>,
    run: Run<'_>,
    mut visit: impl FnMut(u64, u32, u32),
) -> Result<()> {
    let mut ticker = run.ticker();
    let mut seen = vec![0u64; graph.bound() as usize];
    let mut next = vec![0u64; graph.bound() as usize];
    let mut frontier: Vec<(u32, u64)> = Vec::new();
    let mut found: Vec<u32> = Vec::new();
    for (bit, source) in sources.iter().enumerate() {
        if let Some(bits) = next.get_mut(*source as usize) {
            if *bits == 0 {
                found.push(*source);
            }
            *bits |= 1 << bit;
        }
    }
    let mut depth = 0;
    while !found.is_empty() {
        frontier.clear();
        found.sort_unstable();
        for node in found.drain(..) {
            let Some(bits) = next.get_mut(node as usize) else { continue };
            let bits = std::mem::take(bits);
            if let Some(known) = seen.get_mut(node as usize) {
                *known |= bits;
            }
            visit(bits, node, depth);
            frontier.push((node, bits));
        }
        if max_depth.is_some_and(|max| depth >= max) {
            break;
        }
        depth += 1;
        for (node, bits) in &frontier {
            graph.for_each_neighbour(*node, |other, _| {
                let new = bits & !at(&seen, other);
                if let (1.., Some(place)) = (new, next.get_mut(other as usize)) {
                    if *place == 0 {
                        found.push(other);
                    }
                    *place |= new;
                }
            });
            ticker.tick(graph.cost(*node))?;
        }
    }
    Ok(())
}

/// How many nodes each source reaches in each number of steps, beginning with none (itself).
///
/// # Errors
/// As for [`multi_source`].
pub fn level_sizes<G: Graph>(
    graph: &G,
    sources: &[u32],
    max_depth: Option<u32>,
    run: Run<'_>,
) -> Result<Vec<Vec<u64>>> {
    let batch = || vec![Vec::new(); 64];
    let counted = multi_source(
        graph,
        sources,
        max_depth,
        batch,
        |sizes: &mut Vec<Vec<u64>>, reached| {
            for (bit, levels) in sizes.iter_mut().enumerate() {
                if reached.sources >> bit & 1 == 1 {
                    if levels.len() <= reached.depth as usize {
                        levels.resize(reached.depth as usize + 1, 0);
                    }
                    if let Some(size) = levels.last_mut() {
                        *size += 1;
                    }
                }
            }
        },
        run,
    )?;
    Ok(counted.into_iter().flatten().take(sources.len()).collect())
}
