//! An undirected weighted graph without parallel edges, whose nodes can be merged.

use crate::graph::csr::{Directions, Graph, at, parallel, put};
use crate::model::Result;

use super::pagerank::Weights;
use super::run::Run;

/// Rows of (neighbour, weight), each edge in the rows of both its ends; what leads from a node to itself
/// apart, twice its weight, as it would be in both rows.
pub(super) struct Weighted {
    offsets: Vec<usize>,
    neighbours: Vec<u32>,
    weights: Vec<f64>,
    loops: Vec<f64>,
    /// Of each node its loops and all its edges.
    degrees: Vec<f64>,
    /// An edge whose weight cannot be one.
    pub(super) wrong: Option<(u32, f64)>,
}

/// The rows of some nodes.
#[derive(Default)]
struct Rows {
    ends: Vec<usize>,
    row: Vec<(u32, f64)>,
    loops: Vec<f64>,
    wrong: Option<(u32, f64)>,
}

impl Weighted {
    pub(super) fn new<G: Graph>(
        graph: Directions<'_, G>,
        weights: Option<Weights<'_>>,
        run: Run<'_>,
    ) -> Result<Self> {
        let threads = run.threads_for(graph.out.total_cost());
        let parts = parallel::map(threads, parallel::ranges(graph.out.bound()), |nodes| {
            let (mut rows, mut around, mut ticker) = (Rows::default(), Vec::new(), run.ticker());
            for node in nodes {
                around.clear();
                let mut wrong = None;
                for direction in [graph.out, graph.incoming] {
                    direction.for_each_neighbour(node, |other, edge| {
                        let weight = weights.map_or(1.0, |weight| weight(edge));
                        if !weight.is_finite() || weight < 0.0 {
                            wrong = Some((edge, weight));
                        }
                        around.push((other, weight));
                    });
                }
                ticker.tick(around.len() as u64)?;
                rows.wrong = rows.wrong.or(wrong);
                // Stable, so that sums do not depend on how the sort works.
                around.sort_by_key(|(other, _)| *other);
                let mut loops = 0.0;
                for run in around.chunk_by(|one, other| one.0 == other.0) {
                    let sum: f64 = run.iter().map(|(_, weight)| weight).sum();
                    match run.first() {
                        Some((other, _)) if *other == node => loops += sum,
                        Some((other, _)) if sum > 0.0 => rows.row.push((*other, sum)),
                        _ => {}
                    }
                }
                rows.loops.push(loops);
                rows.ends.push(rows.row.len());
            }
            Ok(rows)
        })?;
        Ok(Self::from_rows(parts))
    }

    fn from_rows(parts: Vec<Rows>) -> Self {
        let total = parts.iter().map(|rows| rows.row.len()).sum();
        let mut made = Self {
            offsets: vec![0],
            neighbours: Vec::with_capacity(total),
            weights: Vec::with_capacity(total),
            loops: Vec::new(),
            degrees: Vec::new(),
            wrong: None,
        };
        for rows in parts {
            let start = made.neighbours.len();
            made.offsets.extend(rows.ends.iter().map(|end| start + end));
            made.neighbours.extend(rows.row.iter().map(|(other, _)| other));
            made.weights.extend(rows.row.iter().map(|(_, weight)| weight));
            made.loops.extend(rows.loops);
            made.wrong = made.wrong.or(rows.wrong);
        }
        let sum = |node: u32| made.neighbours(node).map(|(_, weight)| weight).sum::<f64>();
        made.degrees = (0..made.bound()).map(|node| at(&made.loops, node) + sum(node)).collect();
        made
    }

    pub(super) fn bound(&self) -> u32 {
        self.loops.len() as u32
    }

    pub(super) fn degree(&self, node: u32) -> f64 {
        at(&self.degrees, node)
    }

    /// The neighbours other than itself.
    #[inline]
    pub(super) fn neighbours(&self, node: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        let range = at(&self.offsets, node)..at(&self.offsets, node + 1);
        let neighbours = self.neighbours.get(range.clone()).unwrap_or_default();
        let weights = self.weights.get(range).unwrap_or_default();
        neighbours.iter().copied().zip(weights.iter().copied())
    }

    /// The graph whose nodes are the groups `0..count`, where `group` names that of each node.
    pub(super) fn merged(&self, group: &[u32], count: u32, run: Run<'_>) -> Result<Self> {
        let mut members: Vec<u32> = (0..self.bound()).collect();
        members.sort_by_key(|node| at(group, *node));
        let mut ticker = run.ticker();
        let mut rows = Rows::default();
        let mut sums = vec![0.0f64; count as usize];
        let mut around = Vec::new();
        for nodes in members.chunk_by(|one, other| at(group, *one) == at(group, *other)) {
            let mut loops = 0.0;
            let own = nodes.first().map_or(0, |node| at(group, *node));
            for node in nodes {
                loops += at(&self.loops, *node);
                let mut looked_at = 0;
                for (other, weight) in self.neighbours(*node) {
                    looked_at += 1;
                    let theirs = at(group, other);
                    if theirs == own {
                        loops += weight;
                        continue;
                    }
                    let sum = at(&sums, theirs);
                    if sum == 0.0 {
                        around.push(theirs);
                    }
                    put(&mut sums, theirs, sum + weight);
                }
                ticker.tick(looked_at)?;
            }
            around.sort_unstable();
            for theirs in around.drain(..) {
                rows.row.push((theirs, at(&sums, theirs)));
                put(&mut sums, theirs, 0.0);
            }
            rows.loops.push(loops);
            rows.ends.push(rows.row.len());
        }
        Ok(Self::from_rows(vec![rows]))
    }

    /// With each node a community of its own.
    pub(super) fn modularity(&self, resolution: f64) -> f64 {
        let all: f64 = self.degrees.iter().sum();
        if all <= 0.0 {
            return 0.0;
        }
        let each = self.loops.iter().zip(&self.degrees);
        each.map(|(loops, degree)| loops / all - resolution * (degree / all) * (degree / all)).sum()
    }
}
