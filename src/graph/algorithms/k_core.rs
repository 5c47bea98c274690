//! Core numbers: the largest k such that a node is in a part of the graph where every node has at least
//! k neighbours in that part.
//!
//! Source: Batagelj, Zaveršnik, "An O(m) Algorithm for Cores Decomposition of Networks", 2003: nodes are
//! taken away in order of the degree that is left, kept in bins. Directions, parallel edges and edges
//! from a node to itself make no difference.

use crate::graph::csr::{Directions, Graph, at, put};
use crate::model::Result;

use super::run::Run;
use super::simple::simple_undirected;

/// The core number of each node; a hole has none, which is 0.
///
/// # Errors
/// `Unsupported` past 4,294,967,295 pairs of neighbours; `Cancelled`.
pub fn core_numbers<G: Graph>(graph: Directions<'_, G>, run: Run<'_>) -> Result<Vec<u32>> {
    let simple = simple_undirected(graph, run)?;
    let bound = simple.bound();
    let mut degree: Vec<u32> = (0..bound).map(|node| simple.degree(node)).collect();
    // Nodes by degree; where each is; where each degree begins.
    let mut order: Vec<u32> = (0..bound).collect();
    order.sort_by_key(|node| at(&degree, *node));
    let mut place = vec![0u32; bound as usize];
    for (position, node) in (0u32..).zip(&order) {
        put(&mut place, *node, position);
    }
    let largest = degree.iter().copied().max().unwrap_or(0);
    let mut starts = vec![0u32; largest as usize + 2];
    for own in &degree {
        if let Some(count) = starts.get_mut(*own as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut ticker = run.ticker();
    for position in 0..bound {
        let node = at(&order, position);
        let own = at(&degree, node);
        for other in simple.neighbours(node) {
            let left = at(&degree, *other);
            if left <= own {
                continue;
            }
            // It changes places with the first of its degree, which then begins one later.
            let (from, to) = (at(&place, *other), at(&starts, left));
            let displaced = at(&order, to);
            put(&mut order, to, *other);
            put(&mut order, from, displaced);
            put(&mut place, *other, to);
            put(&mut place, displaced, from);
            put(&mut starts, left, to + 1);
            put(&mut degree, *other, left - 1);
        }
        ticker.tick(u64::from(simple.degree(node)))?;
    }
    Ok(degree)
}
