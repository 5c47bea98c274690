//! Betweenness: of the shortest paths between all pairs of other nodes, how many lead through a node,
//! where a pair with several counts each as its part of one.
//!
//! Source: Brandes, "A Faster Algorithm for Betweenness Centrality", J. Math. Sociology 25, 2001; from a
//! sample of sources: Brandes, Pich, "Centrality Estimation in Large Networks", 2007. Sources are worked on
//! in blocks of a fixed size, whose sums are added in order: the result is the same with any number of
//! threads. Parallel edges make no difference.

use crate::graph::csr::{Graph, add, at, parallel, put};
use crate::model::{Error, Result};

use super::run::{Run, Ticker, check_node};

/// So many sources make one sum.
const BLOCK: usize = 16;

/// From where shortest paths are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources<'a> {
    /// Every node: exact, in time of nodes times edges.
    All,
    /// These.
    Given(&'a [u32]),
    /// So many different nodes, chosen by a seed.
    Sample {
        /// How many; all if there are no more.
        count: u32,
        /// The same seed chooses the same nodes of the same graph.
        seed: u64,
    },
}

/// What to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BetweennessOptions<'a> {
    /// From where; with fewer than all nodes the sums are scaled up to all.
    pub sources: Sources<'a>,
    /// As a part of all pairs, from 0 to 1, not as a number of paths.
    pub normalized: bool,
}

/// The betweenness of each node by number, along the edges of the graph; a hole has 0. In an
/// [`crate::graph::csr::Undirected`] graph each pair counts twice, once from each end.
///
/// # Errors
/// `NotFound` for a source that is no node; `Unsupported` where there are more shortest paths between two
/// nodes than an `f64` holds; `Cancelled`.
pub fn betweenness<G: Graph>(graph: &G, options: BetweennessOptions<'_>, run: Run<'_>) -> Result<Vec<f64>> {
    let bound = graph.bound();
    let live = || (0..bound).filter(|node| graph.is_live(*node));
    let sources: Vec<u32> = match options.sources {
        Sources::All => live().collect(),
        Sources::Given(given) => given.to_vec(),
        Sources::Sample { count, seed } => sample(live().collect(), count, seed),
    };
    sources.iter().try_for_each(|source| check_node(graph, *source))?;
    let mut sums = vec![0.0f64; bound as usize];
    let blocks: Vec<&[u32]> = sources.chunks(BLOCK).collect();
    let work = graph.total_cost().saturating_mul(sources.len() as u64);
    let threads = run.threads_for(work);
    // A few blocks at a time, as each has a sum for every node.
    for (round, blocks) in blocks.chunks(threads).enumerate() {
        run.report((round * threads * BLOCK) as u64, sources.len() as u64);
        let parts = parallel::map(threads, blocks.to_vec(), |sources| {
            let mut search = Search::new(bound);
            let mut ticker = run.ticker();
            sources.iter().try_for_each(|source| search.add(graph, *source, &mut ticker))?;
            Ok(search.sums)
        })?;
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, more)| *sum += more);
        }
    }
    let nodes = f64::from(graph.live_count());
    let mut scale = if sources.is_empty() { 0.0 } else { nodes / sources.len() as f64 };
    if options.normalized {
        let pairs = (nodes - 1.0) * (nodes - 2.0);
        scale = if pairs > 0.0 { scale / pairs } else { 0.0 };
    }
    sums.iter_mut().for_each(|sum| *sum *= scale);
    Ok(sums)
}

/// The first of a shuffle (Fisher, Yates), ascending.
fn sample(mut nodes: Vec<u32>, count: u32, seed: u64) -> Vec<u32> {
    let mut state = seed;
    let count = nodes.len().min(count as usize);
    for place in 0..count {
        let left = (nodes.len() - place) as u64;
        let chosen = place + ((u128::from(split_mix(&mut state)) * u128::from(left)) >> 64) as usize;
        nodes.swap(place, chosen);
    }
    nodes.truncate(count);
    nodes.sort_unstable();
    nodes
}

/// Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

struct Search {
    sums: Vec<f64>,
    /// One more than the steps from the source, or zero.
    steps: Vec<u32>,
    /// How many shortest paths lead here from the source.
    ways: Vec<f64>,
    /// Of a node that is done, by what the ways to a node before it are multiplied to get that node's part
    /// of the paths through here.
    share: Vec<f64>,
    order: Vec<u32>,
    around: Vec<u32>,
}

impl Search {
    fn new(bound: u32) -> Self {
        let zeros = || vec![0.0f64; bound as usize];
        let steps = vec![0; bound as usize];
        Self { sums: zeros(), steps, ways: zeros(), share: zeros(), order: Vec::new(), around: Vec::new() }
    }

    /// Adds what lies on shortest paths from the source.
    fn add<G: Graph>(&mut self, graph: &G, source: u32, ticker: &mut Ticker<'_>) -> Result<()> {
        let Self { sums, steps, ways, share, order, around } = self;
        let (steps, ways, share) = (steps.as_mut_slice(), ways.as_mut_slice(), share.as_mut_slice());
        order.push(source);
        put(steps, source, 1);
        put(ways, source, 1.0);
        let nodes = graph.live_count() as usize;
        let mut next = 0;
        while let Some(node) = order.get(next).copied() {
            next += 1;
            let (own_steps, own_ways) = (at(steps, node), at(ways, node));
            if own_ways.is_infinite() {
                return Err(Error::unsupported("there are more shortest paths between two nodes than 1e308"));
            }
            // Nothing can be found from the last level once all nodes are.
            if order.len() == nodes && order.last().is_some_and(|last| at(steps, *last) == own_steps) {
                continue;
            }
            let looked_at = each_distinct(graph, node, around, |other| {
                let mut their_steps = at(steps, other);
                if their_steps == 0 {
                    their_steps = own_steps + 1;
                    put(steps, other, their_steps);
                    order.push(other);
                }
                if their_steps == own_steps + 1 {
                    add(ways, other, own_ways);
                }
            });
            ticker.tick(looked_at)?;
        }
        let last_steps = order.last().map_or(0, |last| at(steps, *last));
        for node in order.iter().rev().copied() {
            let (own_steps, own_ways) = (at(steps, node), at(ways, node));
            let mut sum = 0.0;
            if own_steps == last_steps {
                put(share, node, 1.0 / own_ways);
                continue;
            }
            let looked_at = each_distinct(graph, node, around, |other| {
                let on = at(steps, other) == own_steps + 1;
                sum += if on { at(share, other) } else { 0.0 };
            });
            sum *= own_ways;
            put(share, node, (1.0 + sum) / own_ways);
            if node != source {
                add(sums, node, sum);
            }
            ticker.tick(looked_at)?;
        }
        for node in order.drain(..) {
            put(steps, node, 0);
            put(ways, node, 0.0);
            put(share, node, 0.0);
        }
        Ok(())
    }
}

/// Visits each neighbour once; how many edges were looked at.
#[inline]
fn each_distinct<G: Graph>(graph: &G, node: u32, around: &mut Vec<u32>, mut f: impl FnMut(u32)) -> u64 {
    if let Some(slice) = graph.slice(node) {
        let mut last = None;
        for other in slice {
            if last != Some(*other) {
                f(*other);
            }
            last = Some(*other);
        }
        return slice.len() as u64;
    }
    super::degree::distinct_neighbours(graph, node, around);
    around.iter().for_each(|other| f(*other));
    around.len() as u64
}
