//! Triangles and clustering coefficients of the simple undirected view: directions, parallel edges and
//! edges from a node to itself make no difference.
//!
//! Source: Schank, Wagner, "Finding, Counting and Listing All Triangles in Large Graphs" (forward), 2005;
//! Chiba, Nishizeki 1985 for the bound. Each edge is taken from the node of lower degree to that of higher
//! degree, so that no node has more than the square root of twice the edges; a triangle is then found
//! once, where the lists of the two ends of an edge have a node in common.

use crate::graph::csr::{Adjacency, Directions, Graph, add, at, parallel, put};
use crate::model::Result;

use super::run::Run;
use super::simple::simple_undirected;

/// Triangles, and what the clustering coefficient needs besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Triangles {
    /// How many there are.
    pub total: u64,
    /// How many each node is a corner of, by number.
    pub of_node: Vec<u64>,
    /// How many different neighbours each node has, itself aside.
    pub neighbours: Vec<u32>,
}

impl Triangles {
    /// The local clustering coefficient of each node: of the pairs of its neighbours the part that are
    /// neighbours themselves, from 0 to 1; 0 for a node with fewer than two (Watts, Strogatz 1998).
    #[must_use]
    pub fn clustering(&self) -> Vec<f64> {
        let each = self.of_node.iter().zip(&self.neighbours);
        each.map(|(triangles, degree)| {
            let pairs = f64::from(*degree) * (f64::from(*degree) - 1.0) / 2.0;
            if pairs > 0.0 { *triangles as f64 / pairs } else { 0.0 }
        })
        .collect()
    }

    /// Of all pairs of neighbours of one node the part that are neighbours: transitivity; 0 without any.
    #[must_use]
    pub fn transitivity(&self) -> f64 {
        let degrees = self.neighbours.iter().map(|degree| f64::from(*degree));
        let pairs: f64 = degrees.map(|degree| degree * (degree - 1.0) / 2.0).sum();
        if pairs > 0.0 { 3.0 * self.total as f64 / pairs } else { 0.0 }
    }
}

/// Counts the triangles, in all and of each node.
///
/// # Errors
/// `Unsupported` past 4,294,967,295 pairs of neighbours; `Cancelled`.
pub fn triangles<G: Graph>(graph: Directions<'_, G>, run: Run<'_>) -> Result<Triangles> {
    let simple = simple_undirected(graph, run)?;
    let bound = simple.bound();
    let neighbours: Vec<u32> = (0..bound).map(|node| simple.degree(node)).collect();
    let (upward, order) = upward(&simple)?;
    drop(simple);
    let threads = run.threads_for(upward.total_cost());
    let zeros = || (vec![0u64; bound as usize], vec![0u32; bound as usize], 0u32);
    let counts = parallel::with_state(threads, parallel::ranges(bound), zeros, |state, nodes| {
        let (counts, marks, mark) = state;
        let mut ticker = run.ticker();
        run.report(u64::from(nodes.start), u64::from(bound));
        for one in nodes {
            let list = upward.neighbours(one);
            if list.len() < 2 {
                continue;
            }
            *mark += 1;
            for other in list {
                put(marks, *other, *mark);
            }
            let mut own = 0;
            for other in list {
                let mut shared = 0;
                for third in upward.neighbours(*other) {
                    if at(marks, *third) == *mark {
                        shared += 1;
                        add(counts, *third, 1);
                    }
                }
                if shared > 0 {
                    add(counts, *other, shared);
                    own += shared;
                }
                ticker.tick(upward.degree(*other).into())?;
            }
            add(counts, one, own);
        }
        Ok(())
    })?;
    let mut of_node = vec![0u64; bound as usize];
    for (counts, ..) in counts {
        for (count, node) in counts.into_iter().zip(&order) {
            add(&mut of_node, *node, count);
        }
    }
    Ok(Triangles { total: of_node.iter().sum::<u64>() / 3, of_node, neighbours })
}

/// Each edge once, between nodes numbered anew by degree, from the lower number to the higher; and what
/// node each new number is.
fn upward(simple: &Adjacency) -> Result<(Adjacency, Vec<u32>)> {
    let bound = simple.bound();
    let mut order: Vec<u32> = (0..bound).collect();
    order.sort_by_key(|node| simple.degree(*node));
    let mut rank = vec![0u32; bound as usize];
    for (place, node) in (0u32..).zip(&order) {
        put(&mut rank, *node, place);
    }
    let (mut offsets, mut list) = (vec![0u32], Vec::with_capacity(simple.all_neighbours().len() / 2));
    for (place, node) in (0u32..).zip(&order) {
        let start = list.len();
        let ranks = simple.neighbours(*node).iter().map(|other| at(&rank, *other));
        list.extend(ranks.filter(|other| *other > place));
        if let Some(own) = list.get_mut(start..) {
            own.sort_unstable();
        }
        offsets.push(list.len() as u32);
    }
    Ok((Adjacency::from_ordered(offsets, list)?, order))
}
