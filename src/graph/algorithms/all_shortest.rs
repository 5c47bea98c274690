//! All shortest paths between two nodes, by number of edges.
//!
//! Two searches from both ends meet (see [`super::shortest_path`]); of what they saw the nodes that lie
//! on a shortest path are kept, with the edges from each layer to the next: a graph in which every way
//! from the start is such a path (the predecessor graph of Brandes 2001). Counting adds up along it, and
//! the paths are enumerated one at a time: there may be more of them than memory holds.

use std::collections::HashMap;

use crate::graph::csr::{Directions, Graph, at, put};
use crate::model::Result;

use super::path::Path;
use super::run::{Run, Ticker, check_node};

/// A step to a node of the next layer, by its place.
#[derive(Debug, Clone, Copy)]
struct Step {
    to: u32,
    edge: u32,
}

/// All shortest paths from one node to another, not enumerated yet. Paths differ if they differ in an
/// edge.
#[derive(Debug, Clone, Default)]
pub struct AllShortest {
    /// The nodes that lie on the paths, the start first, layer by layer.
    nodes: Vec<u32>,
    /// Where the steps of each node begin, and where the last end.
    offsets: Vec<usize>,
    steps: Vec<Step>,
    length: Option<u32>,
}

impl AllShortest {
    /// Their length in edges; `None` if there is no path.
    #[must_use]
    pub fn length(&self) -> Option<u32> {
        self.length
    }

    /// How many there are, at most `u128::MAX`.
    #[must_use]
    pub fn count(&self) -> u128 {
        let mut ways = vec![0u128; self.nodes.len()];
        for place in (0..self.nodes.len()).rev() {
            let steps = self.steps_of(place).iter();
            let sum = steps.fold(0u128, |sum, step| sum.saturating_add(at(&ways, step.to)));
            let end = place + 1 == self.nodes.len();
            put(&mut ways, place as u32, if end { 1 } else { sum });
        }
        ways.first().copied().unwrap_or(0)
    }

    /// The nodes that lie on a shortest path, the start first and the end last.
    #[must_use]
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// The paths, in the order of the graph's neighbours at the first node where they differ.
    #[must_use]
    pub fn paths(&self) -> Paths<'_> {
        Paths { graph: self, chosen: Vec::new(), state: State::Fresh }
    }

    fn steps_of(&self, place: usize) -> &[Step] {
        let range = self.offsets.get(place).zip(self.offsets.get(place + 1));
        range.and_then(|(start, end)| self.steps.get(*start..*end)).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Running,
    Done,
}

/// The iterator of [`AllShortest::paths`].
#[derive(Debug, Clone)]
pub struct Paths<'a> {
    graph: &'a AllShortest,
    /// Of each node on the way its place, and which of its steps was taken.
    chosen: Vec<(u32, usize)>,
    state: State,
}

impl Paths<'_> {
    /// From a node to the end by the first steps.
    fn descend(&mut self, mut place: u32) {
        while let Some(step) = self.graph.steps_of(place as usize).first() {
            self.chosen.push((place, 0));
            place = step.to;
        }
    }

    /// To the next way; whether there is one.
    fn advance(&mut self) -> bool {
        while let Some((place, taken)) = self.chosen.pop() {
            if let Some(step) = self.graph.steps_of(place as usize).get(taken + 1) {
                self.chosen.push((place, taken + 1));
                self.descend(step.to);
                return true;
            }
        }
        false
    }
}

impl Iterator for Paths<'_> {
    type Item = Path;

    fn next(&mut self) -> Option<Path> {
        let more = match self.state {
            State::Fresh => {
                self.descend(0);
                self.graph.length.is_some()
            }
            State::Running => self.advance(),
            State::Done => false,
        };
        self.state = if more { State::Running } else { State::Done };
        if !more {
            return None;
        }
        let mut path = Path { nodes: vec![*self.graph.nodes.first()?], edges: Vec::new() };
        for (place, taken) in &self.chosen {
            let step = self.graph.steps_of(*place as usize).get(*taken)?;
            path.nodes.push(at(&self.graph.nodes, step.to));
            path.edges.push(step.edge);
        }
        Some(path)
    }
}

/// All paths from one node to another that have as few edges as possible, if those are at most
/// `max_length`. From a node to itself it is the node alone.
///
/// # Errors
/// `NotFound` for an end that is no node; `Cancelled`.
pub fn all_shortest_paths<G: Graph>(
    graph: Directions<'_, G>,
    from: u32,
    to: u32,
    max_length: Option<u32>,
    run: Run<'_>,
) -> Result<AllShortest> {
    check_node(graph.out, from)?;
    check_node(graph.out, to)?;
    let mut ticker = run.ticker();
    let mut forward = Side::new(graph.out, from);
    let mut backward = Side::new(graph.incoming, to);
    let mut meeting = if from == to { vec![from] } else { Vec::new() };
    while meeting.is_empty() {
        let length = forward.depth + backward.depth;
        let none = forward.frontier.is_empty() || backward.frontier.is_empty();
        if none || max_length.is_some_and(|max| length >= max) {
            return Ok(AllShortest::default());
        }
        meeting = if forward.edges_ahead <= backward.edges_ahead {
            forward.expand(&backward, &mut ticker)?
        } else {
            backward.expand(&forward, &mut ticker)?
        };
    }
    // From where they met back to each end, a layer at a time.
    let mut layers = backward.layers_from(&meeting, graph.out, &mut ticker)?;
    let mut before = forward.layers_from(&meeting, graph.incoming, &mut ticker)?;
    before.reverse();
    before.push(meeting);
    before.append(&mut layers);
    connect(graph.out, before, &mut ticker)
}

/// The graph of the layers.
fn connect<G: Graph>(graph: &G, layers: Vec<Vec<u32>>, ticker: &mut Ticker<'_>) -> Result<AllShortest> {
    let length = Some(layers.len().saturating_sub(1) as u32);
    let nodes: Vec<u32> = layers.concat();
    let mut made = AllShortest { nodes, offsets: vec![0], steps: Vec::new(), length };
    let mut first_of_next = 0;
    for (depth, layer) in layers.iter().enumerate() {
        first_of_next += layer.len() as u32;
        let next = layers.get(depth + 1).into_iter().flatten();
        let places: HashMap<u32, u32> = next.copied().zip(first_of_next..).collect();
        for node in layer {
            let cost = graph.cost(*node);
            if !places.is_empty() {
                graph.for_each_neighbour(*node, |other, edge| {
                    made.steps.extend(places.get(&other).map(|to| Step { to: *to, edge }));
                });
            }
            made.offsets.push(made.steps.len());
            ticker.tick(cost)?;
        }
    }
    Ok(made)
}

struct Side<'a, G> {
    graph: &'a G,
    /// One more than the steps from the start, or zero; see the shortest path for why.
    seen: Vec<u32>,
    frontier: Vec<u32>,
    edges_ahead: u64,
    depth: u32,
}

impl<'a, G: Graph> Side<'a, G> {
    fn new(graph: &'a G, start: u32) -> Self {
        let mut seen = vec![0; graph.bound() as usize];
        put(&mut seen, start, 1);
        let edges_ahead = graph.cost(start);
        Self { graph, seen, frontier: vec![start], edges_ahead, depth: 0 }
    }

    /// Finds the whole next level, and those of it that the other side knows, ascending.
    fn expand(&mut self, other_side: &Self, ticker: &mut Ticker<'_>) -> Result<Vec<u32>> {
        let (mut next, mut meeting) = (Vec::new(), Vec::new());
        self.depth += 1;
        for node in std::mem::take(&mut self.frontier) {
            let graph = self.graph;
            graph.for_each_neighbour(node, |other, _| {
                if at(&self.seen, other) == 0 {
                    put(&mut self.seen, other, self.depth + 1);
                    next.push(other);
                    if at(&other_side.seen, other) != 0 {
                        meeting.push(other);
                    }
                }
            });
            ticker.tick(graph.cost(node))?;
        }
        meeting.sort_unstable();
        self.edges_ahead = next.iter().map(|node| self.graph.cost(*node)).sum();
        self.frontier = next;
        Ok(meeting)
    }

    /// From the nodes where the searches met towards this side's start: each layer is what the layer
    /// before it leads to along `towards` that this side knows to be a step nearer.
    fn layers_from(&self, meeting: &[u32], towards: &G, ticker: &mut Ticker<'_>) -> Result<Vec<Vec<u32>>> {
        let mut layers: Vec<Vec<u32>> = Vec::new();
        let mut depth = meeting.first().map_or(0, |node| at(&self.seen, *node));
        while depth > 1 {
            depth -= 1;
            let mut layer = Vec::new();
            for node in layers.last().map_or(meeting, Vec::as_slice) {
                towards.for_each_neighbour(*node, |other, _| {
                    if at(&self.seen, other) == depth {
                        layer.push(other);
                    }
                });
                ticker.tick(towards.cost(*node))?;
            }
            layer.sort_unstable();
            layer.dedup();
            layers.push(layer);
        }
        Ok(layers)
    }
}
