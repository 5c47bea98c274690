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
    if spur.mode == PathMode::Walk { walk(graph, to_end, spur, run) } else { search(graph, to_end, spur, run) }
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

/// A step of the search: (node, edge, the step before).
type Step = (u32, u32, Option<usize>);

/// A* over nodes, or over edges for a trail: each is taken once, at the first and so the shortest way
/// to it. Taken edge by edge, a node is expanded once more only if it is the spur's, whose first steps
/// were limited.
fn search<G: Graph>(graph: &G, to_end: &[u32], spur: &Spur<'_>, run: Run<'_>) -> Result<Option<Path>> {
    let mut ticker = run.ticker();
    let mut steps: Vec<Step> = Vec::new();
    let mut waiting = BinaryHeap::new();
    let mut seen: HashMap<u32, u32> = HashMap::new();
    let trail = spur.mode == PathMode::Trail;
    let closes = spur.mode == PathMode::Simple && spur.first == spur.end;
    let mut expanded = HashSet::new();
    let mut from: Option<(usize, u32, u32)> = None;
    loop {
        let (node, done, before) = match from {
            None => (spur.node, 0, None),
            Some((step, node, done)) => (node, done, Some(step)),
        };
        let mut looked_at = 0;
        graph.for_each_neighbour(node, |other, edge| {
            looked_at += 1;
            let left = at(to_end, other);
            let key = if trail { edge } else { other };
            let repeats = spur.used.contains(&key) && !(closes && other == spur.end);
            if left == UNREACHED || repeats || (before.is_none() && spur.without.contains(&(other, edge))) {
                return;
            }
            // A node may be found again by a shorter way before it is expanded; an edge may not.
            let known = seen.get(&key).copied().unwrap_or(u32::MAX);
            if done + 1 < known && (known == u32::MAX || !trail) {
                seen.insert(key, done + 1);
                waiting.push(Reverse((u64::from(done) + 1 + u64::from(left), steps.len())));
                steps.push((other, edge, before));
            }
        });
        ticker.tick(looked_at)?;
        from = loop {
            let Some(Reverse((total, step))) = waiting.pop() else { return Ok(None) };
            let Some((node, _, _)) = steps.get(step).copied() else { continue };
            if node == spur.end {
                return Ok(Some(way(&steps, step, spur.node)));
            }
            let done = (total - u64::from(at(to_end, node))) as u32;
            if expanded.insert(node) {
                break Some((step, node, done));
            }
        };
    }
}

fn way(steps: &[Step], last: usize, start: u32) -> Path {
    let mut path = Path::default();
    let mut next = Some(last);
    while let Some((node, edge, before)) = next.and_then(|step| steps.get(step)) {
        path.nodes.push(*node);
        path.edges.push(*edge);
        next = *before;
    }
    path.nodes.push(start);
    path.nodes.reverse();
    path.edges.reverse();
    path
}
