//! Cheapest paths: Dijkstra, "A Note on Two Problems in Connexion with Graphs", Numerische Mathematik 1,
//! 1959, with a binary heap from which outdated entries are not taken out.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use crate::graph::csr::{Graph, at, put};
use crate::model::{Error, Result};

use super::path::Path;
use super::run::{Run, check_node};

/// What it costs at least to get from the start to each node, and on which way.
#[derive(Debug, Clone, PartialEq)]
pub struct CheapestPaths {
    start: u32,
    /// Of each node; infinite where it was not reached.
    costs: Vec<f64>,
    before: Vec<u32>,
    edge: Vec<u32>,
}

impl CheapestPaths {
    /// The cost of each node by its number: infinite where there is no way, or none was looked for.
    #[must_use]
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// What it costs to get to the node, if there is a way.
    #[must_use]
    pub fn cost(&self, node: u32) -> Option<f64> {
        self.costs.get(node as usize).copied().filter(|cost| cost.is_finite())
    }

    /// A cheapest way to the node.
    #[must_use]
    pub fn path(&self, node: u32) -> Option<Path> {
        self.cost(node)?;
        let mut path = Path { nodes: vec![node], edges: Vec::new() };
        let mut node = node;
        while node != self.start {
            path.edges.push(at(&self.edge, node));
            node = at(&self.before, node);
            path.nodes.push(node);
        }
        path.nodes.reverse();
        path.edges.reverse();
        Some(path)
    }
}

/// What to stop at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Goal {
    /// Stop once this node's cost is known; the costs of other nodes may then be missing or too high.
    pub target: Option<u32>,
    /// Look no further than this.
    pub max_cost: Option<f64>,
}

/// By cost, the cheapest first, then by number.
#[derive(PartialEq)]
struct Entry {
    cost: f64,
    node: u32,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The cheapest ways from the start along the edges of the graph, where `weight` gives the cost of an
/// edge by its number. An infinite weight is an edge that cannot be used.
///
/// # Errors
/// `NotFound` for a start or target that is no node; `BadInput` for an edge that was looked at and has a
/// weight that is negative or not a number; `Cancelled`.
pub fn cheapest_paths<G: Graph>(
    graph: &G,
    start: u32,
    weight: impl Fn(u32) -> f64,
    goal: Goal,
    run: Run<'_>,
) -> Result<CheapestPaths> {
    check_node(graph, start)?;
    goal.target.map_or(Ok(()), |target| check_node(graph, target))?;
    let size = graph.bound() as usize;
    let mut found =
        CheapestPaths { start, costs: vec![f64::INFINITY; size], before: vec![0; size], edge: vec![0; size] };
    let mut ticker = run.ticker();
    let mut waiting = BinaryHeap::from([Entry { cost: 0.0, node: start }]);
    put(&mut found.costs, start, 0.0);
    while let Some(Entry { cost, node }) = waiting.pop() {
        if goal.target == Some(node) {
            break;
        }
        if cost > at(&found.costs, node) {
            continue;
        }
        let wrong = graph.visit(node, |other, edge| {
            let step = weight(edge);
            if step.is_nan() || step < 0.0 {
                return ControlFlow::Break((edge, step));
            }
            let sum = cost + step;
            if sum < at(&found.costs, other) && goal.max_cost.is_none_or(|max| sum <= max) {
                put(&mut found.costs, other, sum);
                put(&mut found.before, other, node);
                put(&mut found.edge, other, edge);
                waiting.push(Entry { cost: sum, node: other });
            }
            ControlFlow::Continue(())
        });
        if let ControlFlow::Break((edge, weight)) = wrong {
            return Err(bad_weight(edge, weight));
        }
        ticker.tick(graph.cost(node))?;
    }
    Ok(found)
}

/// A cheapest path from one node to another and its cost, if there is a path.
///
/// # Errors
/// As for [`cheapest_paths`].
pub fn cheapest_path<G: Graph>(
    graph: &G,
    from: u32,
    to: u32,
    weight: impl Fn(u32) -> f64,
    run: Run<'_>,
) -> Result<Option<(Path, f64)>> {
    let goal = Goal { target: Some(to), max_cost: None };
    let found = cheapest_paths(graph, from, weight, goal, run)?;
    Ok(found.path(to).zip(found.cost(to)))
}

pub(super) fn bad_weight(edge: u32, weight: f64) -> Error {
    Error::bad_input(format!("the weight of edge {edge} is {weight}: weights must be numbers not below zero"))
}
