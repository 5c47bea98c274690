//! Breadth-first search by levels.
//!
//! Where both directions are known and a level is a large part of what is left, the next level is found
//! from its own side: each node not yet seen looks for one of the level among its predecessors, and
//! stops at the first. Source: Beamer, Asanović, Patterson, "Direction-Optimizing Breadth-First
//! Search", SC 2012, with its constants.

use std::ops::ControlFlow;

use crate::graph::csr::{Graph, NodeSet, at, parallel, put};
use crate::model::Result;

use super::run::{Run, check_node};

/// Backward once the level has more than this part of the edges that are left, see [`BETA`].
const ALPHA: u64 = 14;
/// Forward again once the level has less than this part of the nodes.
const BETA: u64 = 24;

/// In [`distances`]: not reached.
pub const UNREACHED: u32 = u32::MAX;

/// How far a search goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The last level; all without.
    pub max_depth: Option<u32>,
    /// How many edges are followed from one node at most, the first in the graph's order.
    pub max_fan_out: Option<u32>,
}

/// The levels of a search: which nodes are reached in how many steps at least.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels {
    nodes: Vec<u32>,
    ends: Vec<usize>,
    truncated: bool,
}

impl Levels {
    /// How many levels have nodes, that of the starts included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there was no start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The nodes that are so many steps away, ascending; the starts are level 0.
    #[must_use]
    pub fn level(&self, depth: usize) -> &[u32] {
        let start = depth.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(depth).copied().unwrap_or(start);
        self.nodes.get(start..end).unwrap_or_default()
    }

    /// All nodes reached, level by level.
    #[must_use]
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// Whether a node had more edges than the limit, so that nodes may be missing.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Closes a level; whether it has nodes.
    fn close(&mut self) -> bool {
        let start = self.ends.last().copied().unwrap_or(0);
        let grew = self.nodes.len() > start;
        if grew {
            self.ends.push(self.nodes.len());
        }
        grew
    }
}

/// The levels around the starts along `out`. `incoming`, the same edges from their other end, makes
/// large searches faster and changes nothing else; it is of no use with a limit on the fan-out.
///
/// # Errors
/// `NotFound` for a start that is no node; `Cancelled`.
pub fn levels<G: Graph>(
    out: &G,
    incoming: Option<&G>,
    starts: &[u32],
    limits: Limits,
    run: Run<'_>,
) -> Result<Levels> {
    let bound = out.bound();
    let mut search = Search { out, seen: NodeSet::new(bound), levels: Levels::default(), run };
    for start in starts {
        check_node(out, *start)?;
        if search.seen.insert(*start) {
            search.levels.nodes.push(*start);
        }
    }
    search.levels.nodes.sort_unstable();
    let incoming = incoming.filter(|_| limits.max_fan_out.is_none());
    let mut edges_left = incoming.map_or(0, |_| out.total_cost());
    let (mut depth, mut backward) = (0, false);
    while search.levels.close() && limits.max_depth.is_none_or(|max| depth < max) {
        run.cancel.check()?;
        run.report(search.levels.nodes.len() as u64, u64::from(out.live_count()));
        let frontier = search.levels.level(depth as usize);
        if let Some(incoming) = incoming {
            let edges: u64 = frontier.iter().map(|node| out.cost(*node)).sum();
            edges_left = edges_left.saturating_sub(edges);
            backward = match backward {
                false => edges > edges_left / ALPHA && edges > 1024,
                true => frontier.len() as u64 > u64::from(bound) / BETA,
            };
            if backward {
                search.backward(incoming, depth as usize)?;
                depth += 1;
                continue;
            }
        }
        search.forward(depth as usize, limits.max_fan_out.unwrap_or(u32::MAX))?;
        depth += 1;
    }
    Ok(search.levels)
}

struct Search<'a, G> {
    out: &'a G,
    seen: NodeSet,
    levels: Levels,
    run: Run<'a>,
}

impl<G: Graph> Search<'_, G> {
    /// Appends the next level, from the level before.
    fn forward(&mut self, depth: usize, max_fan_out: u32) -> Result<()> {
        let mut ticker = self.run.ticker();
        let frontier = self.levels.level(depth).to_vec();
        let start = self.levels.nodes.len();
        let Self { out, seen, levels, .. } = self;
        for node in frontier {
            let mut followed = 0;
            let cut = out.visit(node, |other, _| {
                if followed == max_fan_out {
                    return ControlFlow::Break(());
                }
                followed += 1;
                if seen.insert(other) {
                    levels.nodes.push(other);
                }
                ControlFlow::Continue(())
            });
            levels.truncated |= cut.is_break();
            ticker.tick(u64::from(followed))?;
        }
        if let Some(level) = levels.nodes.get_mut(start..) {
            level.sort_unstable();
        }
        Ok(())
    }

    /// Appends the next level, from its own side.
    fn backward(&mut self, incoming: &G, depth: usize) -> Result<()> {
        let bound = self.out.bound();
        let frontier = NodeSet::from_nodes(bound, self.levels.level(depth).iter().copied());
        let mut next = NodeSet::new(bound);
        let words = next.words_mut();
        let threads = self.run.threads_for(self.out.total_cost());
        let blocks: Vec<_> = words.chunks_mut(64).zip((0..bound).step_by(64 * 64)).collect();
        let (seen, out, run) = (&self.seen, self.out, self.run);
        parallel::map(threads, blocks, |(words, first)| {
            run.cancel.check()?;
            let nodes = first..first.saturating_add(64 * 64).min(bound);
            for node in nodes {
                if seen.contains(node) || !out.is_live(node) {
                    continue;
                }
                let found = match incoming.slice(node) {
                    Some(slice) => slice.iter().any(|other| frontier.contains(*other)),
                    None => incoming
                        .visit(node, |other, _| match frontier.contains(other) {
                            true => ControlFlow::Break(()),
                            false => ControlFlow::Continue(()),
                        })
                        .is_break(),
                };
                if let Some(word) = words.get_mut(((node - first) / 64) as usize) {
                    *word |= u64::from(found) << (node % 64);
                }
            }
            Ok(())
        })?;
        self.seen.extend(&next);
        self.levels.nodes.extend(next.iter());
        Ok(())
    }
}

/// How many steps each node is away from the start, or [`UNREACHED`].
///
/// # Errors
/// `NotFound` for a start that is no node; `Cancelled`.
pub fn distances<G: Graph>(out: &G, incoming: Option<&G>, start: u32, run: Run<'_>) -> Result<Vec<u32>> {
    let levels = levels(out, incoming, &[start], Limits::default(), run)?;
    let mut distances = vec![UNREACHED; out.bound() as usize];
    for depth in 0..levels.len() {
        for node in levels.level(depth) {
            put(&mut distances, *node, depth as u32);
        }
    }
    debug_assert_eq!(at(&distances, start), 0);
    Ok(distances)
}
