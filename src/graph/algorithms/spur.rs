//! The shortest way from the end of a path's beginning to the target, under the rules of a path mode.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::ControlFlow;

use crate::graph::csr::{Graph, at};
use crate::model::Result;

use super::bfs::UNREACHED;
use super::k_shortest::PathMode;
use super::path::Path;
use super::run::Run;

/// Where a way begins, and what it must not do.
pub(super) struct Spur<'a> {
    pub(super) node: u32,
    pub(super) end: u32,
    /// The first node of the whole path.
    pub(super) first: u32,
    pub(super) mode: PathMode,
    /// The steps (neighbour, edge) it must not begin with.
    pub(super) without: &'a [(u32, u32)],
    /// The nodes, or for a trail the edges, of the beginning.
    pub(super) used: &'a HashSet<u32>,
}

/// The shortest way of at least one edge, beginning with the spur's node.
pub(super) fn completion<G: Graph>(
    graph: &G,
    to_end: &[u32],
    spur: &Spur<'_>,
    run: Run<'_>,
) -> Result<Option<Path>> {
    if spur.mode == PathMode::Walk {
        walk(graph, to_end, spur, run)
    } else {
        search(graph, to_end, spur, run)
    }
}

/// Nothing is forbidden past the first step, so after the best of those it goes straight to the end.
fn walk<G: Graph>(graph: &G, to_end: &[u32], spur: &Spur<'_>, run: Run<'_>) -> Result<Option<Path>> {
    let mut best: Option<(u32, u32, u32)> = None;
    graph.for_each_neighbour(spur.node, |other, edge| {
        let left = at(to_end, other);
        let better = left != UNREACHED && best.is_none_or(|(known, _, _)| left < known);
        if better && !spur.without.contains(&(other, edge)) {
            best = Some((left, other, edge));
        }
    });
    let Some((mut left, mut node, edge)) = best else { return Ok(None) };
    let mut ticker = run.ticker();
    let mut path = Path { nodes: vec![spur.node, node], edges: vec![edge] };
    while left > 0 {
        left -= 1;
        let step = graph.visit(node, |other, edge| match at(to_end, other) == left {
            true => ControlFlow::Break((other, edge)),
            false => ControlFlow::Continue(()),
        });
        let ControlFlow::Break((other, edge)) = step else { return Ok(None) };
        path.nodes.push(other);
        path.edges.push(edge);
        node = other;
        ticker.tick(1)?;
    }
    Ok(Some(path))
}

/// A step of the search.
struct Step {
    node: u32,
    edge: u32,
    /// The step before, by its place.
    before: Option<usize>,
    /// How many steps it is from the spur's node.
    done: u32,
    /// The edge of the first of them.
    branch: u32,
}

/// Which nodes were expanded. A node once, at the first and so the shortest way to it; but for a trail
/// twice, by ways that begin with different edges: a way back to the spur's node, to leave it by a step
/// that the way must not begin with, must not take its own first edge, and then has the other to go by.
#[derive(Default)]
struct Expanded {
    branches: HashMap<u32, (u32, Option<u32>)>,
    trail: bool,
}

impl Expanded {
    fn is_done(&self, node: u32, branch: u32) -> bool {
        let known = self.branches.get(&node);
        known.is_some_and(|(first, second)| !self.trail || *first == branch || second.is_some())
    }

    fn add(&mut self, node: u32, branch: u32) {
        self.branches.entry(node).and_modify(|(_, second)| *second = Some(branch)).or_insert((branch, None));
    }
}

/// A*: what may be repeated apart, a shortest way repeats nothing.
fn search<G: Graph>(graph: &G, to_end: &[u32], spur: &Spur<'_>, run: Run<'_>) -> Result<Option<Path>> {
    let mut ticker = run.ticker();
    let mut steps: Vec<Step> = Vec::new();
    // By what the whole way has at least, then in order of discovery.
    let mut waiting: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let trail = spur.mode == PathMode::Trail;
    let closes = spur.mode == PathMode::Simple && spur.first == spur.end;
    let mut expanded = Expanded { trail, ..Expanded::default() };
    let mut from: Option<usize> = None;
    loop {
        let last = from.and_then(|place| steps.get(place));
        let (node, done, branch) = last.map_or((spur.node, 0, None), |s| (s.node, s.done, Some(s.branch)));
        let mut looked_at = 0;
        graph.for_each_neighbour(node, |other, edge| {
            looked_at += 1;
            let left = at(to_end, other);
            let used = spur.used.contains(if trail { &edge } else { &other });
            let repeats = used && !(closes && other == spur.end);
            let wrong = match branch {
                None => spur.without.contains(&(other, edge)),
                Some(branch) => {
                    let back = trail && other == spur.node && edge == branch;
                    back || expanded.is_done(other, branch)
                }
            };
            if left == UNREACHED || repeats || wrong {
                return;
            }
            waiting.push(Reverse((u64::from(done) + 1 + u64::from(left), steps.len())));
            let branch = branch.unwrap_or(edge);
            steps.push(Step { node: other, edge, before: from, done: done + 1, branch });
        });
        ticker.tick(looked_at)?;
        from = loop {
            let Some(Reverse((_, place))) = waiting.pop() else { return Ok(None) };
            let Some(step) = steps.get(place) else { continue };
            if step.node == spur.end {
                return Ok(Some(way(&steps, place, spur.node)));
            }
            if !expanded.is_done(step.node, step.branch) {
                expanded.add(step.node, step.branch);
                break Some(place);
            }
        };
    }
}

fn way(steps: &[Step], last: usize, start: u32) -> Path {
    let mut path = Path::default();
    let mut next = Some(last);
    while let Some(step) = next.and_then(|step| steps.get(step)) {
        path.nodes.push(step.node);
        path.edges.push(step.edge);
        next = step.before;
    }
    path.nodes.push(start);
    path.nodes.reverse();
    path.edges.reverse();
    path
}
