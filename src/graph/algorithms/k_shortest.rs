//! The shortest paths between two nodes one after another, by number of edges.
//!
//! The paths not given yet are kept as a partition: each part is a beginning, followed from its last
//! node by none of some steps; it is represented by its shortest path. Giving the shortest of all splits
//! its part by where others leave it. Sources: Yen, "Finding the K Shortest Loopless Paths in a Network",
//! Management Science 17, 1971; Lawler, Management Science 18, 1972. The shortest path of a part is found
//! by A* (Hart, Nilsson, Raphael 1968) with the distances to the end in the whole graph, so that only
//! ways that can lead to the end are looked at.
//!
//! For GQL: `SHORTEST k` are the first k; `SHORTEST k GROUPS` those of the first k lengths.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use crate::graph::csr::{Directions, Graph, at};
use crate::model::Result;

use super::bfs::{UNREACHED, distances};
use super::path::Path;
use super::run::{Run, check_node};
use super::spur::{Spur, completion};

/// What a path may repeat (ISO/IEC 39075 GQL, path mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathMode {
    /// Anything.
    Walk,
    /// Nodes, but no edge.
    Trail,
    /// Nothing.
    Acyclic,
    /// Nothing, but that the first node may be the last as well.
    Simple,
}

/// The iterator of [`k_shortest_paths`].
#[derive(Debug)]
pub struct ShortestPaths<'a, G> {
    graph: Directions<'a, G>,
    mode: PathMode,
    end: u32,
    /// From each node to the end.
    to_end: Vec<u32>,
    run: Run<'a>,
    /// By length, then as they came up.
    waiting: BinaryHeap<Reverse<Candidate>>,
    came_up: u64,
    /// The last one given, whose part is not split yet.
    given: Option<Candidate>,
}

/// The shortest path of a part.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    length: usize,
    came_up: u64,
    path: Path,
    /// Up to here it is the part's beginning.
    leaves_at: usize,
    /// The steps (neighbour, edge) that do not follow the beginning in this part.
    without: Vec<(u32, u32)>,
    /// Nor does the part have the beginning alone.
    without_end: bool,
}

/// All paths from one node to another of a mode, the shortest first, each once; the iterator may be
/// endless. Those of one length come in an order that is the same each time. From a node to itself the
/// first path is the node alone.
///
/// # Errors
/// `NotFound` for an end that is no node; `Cancelled`, then and at each path.
pub fn k_shortest_paths<'a, G: Graph>(
    graph: Directions<'a, G>,
    from: u32,
    to: u32,
    mode: PathMode,
    run: Run<'a>,
) -> Result<ShortestPaths<'a, G>> {
    check_node(graph.out, from)?;
    check_node(graph.out, to)?;
    let to_end = distances(graph.incoming, Some(graph.out), to, run)?;
    let waiting = BinaryHeap::new();
    let mut paths = ShortestPaths { graph, mode, end: to, to_end, run, waiting, came_up: 0, given: None };
    let start = Path { nodes: vec![from], edges: Vec::new() };
    paths.add(&start, 0, Vec::new(), false, &HashSet::new())?;
    Ok(paths)
}

impl<G: Graph> ShortestPaths<'_, G> {
    /// Adds the part of the paths that begin like this one up to its node `leaves_at`. `used` are the
    /// nodes or edges of that beginning that must not come again.
    fn add(
        &mut self,
        path: &Path,
        leaves_at: usize,
        without: Vec<(u32, u32)>,
        without_end: bool,
        used: &HashSet<u32>,
    ) -> Result<()> {
        let Some(node) = path.nodes.get(leaves_at).copied() else { return Ok(()) };
        let rest = if node == self.end && !without_end {
            Some(Path { nodes: vec![node], edges: Vec::new() })
        } else if at(&self.to_end, node) == UNREACHED {
            None
        } else {
            let first = path.nodes.first().copied().unwrap_or(node);
            let spur = Spur { node, end: self.end, first, mode: self.mode, without: &without, used };
            completion(self.graph.out, &self.to_end, &spur, self.run)?
        };
        let Some(rest) = rest else { return Ok(()) };
        let mut whole = Path::default();
        whole.nodes.extend(path.nodes.iter().take(leaves_at));
        whole.nodes.extend(rest.nodes);
        whole.edges.extend(path.edges.iter().take(leaves_at));
        whole.edges.extend(rest.edges);
        self.came_up += 1;
        self.waiting.push(Reverse(Candidate {
            length: whole.len(),
            came_up: self.came_up,
            path: whole,
            leaves_at,
            without,
            without_end,
        }));
        Ok(())
    }

    /// Splits what is left of a part after its shortest path was given.
    fn split(&mut self, given: Candidate) -> Result<()> {
        let Candidate { path, leaves_at, without, without_end, .. } = given;
        let mut used: HashSet<u32> = match self.mode {
            PathMode::Walk => HashSet::new(),
            PathMode::Trail => path.edges.iter().take(leaves_at).copied().collect(),
            PathMode::Acyclic | PathMode::Simple => path.nodes.iter().take(leaves_at).copied().collect(),
        };
        let mut first = Some((without, without_end));
        for place in leaves_at..path.nodes.len() {
            let (mut without, mut without_end) = first.take().unwrap_or_default();
            let node = path.nodes.get(place).copied().unwrap_or_default();
            match path.nodes.get(place + 1).zip(path.edges.get(place)) {
                Some((next, edge)) => without.push((*next, *edge)),
                None => without_end = true,
            }
            // The end itself can be left again only where nodes may repeat, or where it is the start.
            let over = without_end && place > 0 && matches!(self.mode, PathMode::Acyclic | PathMode::Simple);
            if !over {
                if matches!(self.mode, PathMode::Acyclic | PathMode::Simple) {
                    used.insert(node);
                }
                self.add(&path, place, without, without_end, &used)?;
            }
            if let (PathMode::Trail, Some(edge)) = (self.mode, path.edges.get(place)) {
                used.insert(*edge);
            }
        }
        Ok(())
    }
}

impl<G: Graph> Iterator for ShortestPaths<'_, G> {
    type Item = Result<Path>;

    fn next(&mut self) -> Option<Result<Path>> {
        let split = self.given.take().map_or(Ok(()), |given| self.split(given));
        if let Err(error) = split.and_then(|()| self.run.cancel.check()) {
            self.waiting.clear();
            return Some(Err(error));
        }
        let Reverse(shortest) = self.waiting.pop()?;
        let path = shortest.path.clone();
        self.given = Some(shortest);
        Some(Ok(path))
    }
}
