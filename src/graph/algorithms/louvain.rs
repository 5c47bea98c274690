//! Communities by modularity.
//!
//! Source: Blondel, Guillaume, Lambiotte, Lefebvre, "Fast Unfolding of Communities in Large Networks", 2008,
//! with the resolution of Reichardt and Bornholdt 2006. Nodes move to the community of a neighbour where
//! that raises modularity most; then communities become nodes, and so on. After the first round only nodes
//! are looked at again whose neighbours moved (Traag, Waltman, van Eck 2019, fast local move). Nodes go in
//! order of their numbers, of equal gains the community with the smallest number wins: there is no chance
//! in it. Directions make no difference; parallel edges add up.

use std::collections::VecDeque;

use crate::graph::csr::{Directions, Graph, add, at, put};
use crate::model::{Error, Result};

use super::components::{Groups, NO_GROUP};
use super::dijkstra::bad_weight;
use super::pagerank::Weights;
use super::run::Run;
use super::weighted::Weighted;

/// A move must raise modularity by more than this, so that rounding cannot move nodes for ever.
const LEAST_GAIN: f64 = 1e-12;

/// What to look for.
#[derive(Clone, Copy)]
pub struct LouvainOptions<'a> {
    /// Above 1 for more and smaller communities, below for fewer and larger ones.
    pub resolution: f64,
    /// Of the edges; 1 each if not given.
    pub weights: Option<Weights<'a>>,
}

impl std::fmt::Debug for LouvainOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LouvainOptions").field("resolution", &self.resolution).finish_non_exhaustive()
    }
}

impl Default for LouvainOptions<'_> {
    fn default() -> Self {
        Self { resolution: 1.0, weights: None }
    }
}

/// Communities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Communities {
    /// Of each node, named by the smallest node.
    pub groups: Groups,
    /// Of the communities with the given resolution: from -0.5 to 1 with a resolution of 1.
    pub modularity: f64,
    /// How often communities became nodes.
    pub levels: u32,
}

/// Finds communities. One thread's work.
///
/// # Errors
/// `BadInput` for a weight that is negative or no finite number, and for a resolution that is; `Cancelled`.
pub fn louvain<G: Graph>(
    graph: Directions<'_, G>,
    options: LouvainOptions<'_>,
    run: Run<'_>,
) -> Result<Communities> {
    let resolution = options.resolution;
    if !resolution.is_finite() || resolution < 0.0 {
        return Err(Error::bad_input(format!("the resolution is {resolution}: it must not be below zero")));
    }
    let first = Weighted::new(graph, options.weights, run)?;
    if let Some((edge, weight)) = first.wrong {
        return Err(bad_weight(edge, weight));
    }
    let bound = graph.out.bound();
    // Of each node of the graph the node of the current level that it is in.
    let mut member: Vec<u32> = (0..bound).collect();
    let mut levels = 0;
    let mut merged: Option<Weighted> = None;
    loop {
        let level = merged.as_ref().unwrap_or(&first);
        let mut community = move_nodes(level, resolution, run)?;
        let count = renumber(&mut community);
        run.report(u64::from(bound.saturating_sub(count)), u64::from(bound));
        for node in &mut member {
            *node = at(&community, *node);
        }
        if count == level.bound() {
            break;
        }
        levels += 1;
        merged = Some(level.merged(&community, count, run)?);
    }
    let modularity = merged.as_ref().unwrap_or(&first).modularity(resolution);
    let mut smallest = vec![NO_GROUP; merged.as_ref().unwrap_or(&first).bound() as usize];
    let mut of = vec![NO_GROUP; bound as usize];
    for node in (0..bound).filter(|node| graph.out.is_live(*node)) {
        let community = at(&member, node);
        if at(&smallest, community) == NO_GROUP {
            put(&mut smallest, community, node);
        }
        put(&mut of, node, at(&smallest, community));
    }
    Ok(Communities { groups: Groups { of }, modularity, levels })
}

/// Moves nodes until no move is worth it; the community of each, named by one of its nodes.
fn move_nodes(graph: &Weighted, resolution: f64, run: Run<'_>) -> Result<Vec<u32>> {
    let bound = graph.bound();
    let mut community: Vec<u32> = (0..bound).collect();
    let mut totals: Vec<f64> = (0..bound).map(|node| graph.degree(node)).collect();
    let all: f64 = totals.iter().sum();
    if all <= 0.0 {
        return Ok(community);
    }
    let least = LEAST_GAIN * all;
    let mut ticker = run.ticker();
    let mut queue: VecDeque<u32> = (0..bound).collect();
    let mut queued = vec![true; bound as usize];
    // The weight of a node's edges to each community around it.
    let mut weights = vec![0.0f64; bound as usize];
    let mut around: Vec<u32> = Vec::new();
    while let Some(node) = queue.pop_front() {
        put(&mut queued, node, false);
        let own = at(&community, node);
        let degree = graph.degree(node);
        for (other, weight) in graph.neighbours(node) {
            let theirs = at(&community, other);
            let sum = at(&weights, theirs);
            if sum == 0.0 {
                around.push(theirs);
            }
            put(&mut weights, theirs, sum + weight);
        }
        let share = resolution * degree / all;
        // Without the node itself.
        add(&mut totals, own, -degree);
        let stay = at(&weights, own) - share * at(&totals, own);
        let (mut best, mut best_gain) = (own, stay + least);
        for theirs in around.drain(..) {
            let gain = at(&weights, theirs) - share * at(&totals, theirs);
            if theirs != own && (gain > best_gain || (gain == best_gain && theirs < best)) {
                (best, best_gain) = (theirs, gain);
            }
            put(&mut weights, theirs, 0.0);
        }
        add(&mut totals, best, degree);
        let mut looked_at = 0;
        for (other, _) in graph.neighbours(node) {
            looked_at += 1;
            if best != own && at(&community, other) != best && !at(&queued, other) {
                put(&mut queued, other, true);
                queue.push_back(other);
            }
        }
        put(&mut community, node, best);
        ticker.tick(looked_at)?;
    }
    Ok(community)
}

/// Numbers communities from 0 in order of their first node; how many there are.
fn renumber(community: &mut [u32]) -> u32 {
    let mut numbers = vec![NO_GROUP; community.len()];
    let mut count = 0;
    for own in community {
        if at(&numbers, *own) == NO_GROUP {
            put(&mut numbers, *own, count);
            count += 1;
        }
        *own = at(&numbers, *own);
    }
    count
}
