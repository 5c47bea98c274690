//! PageRank by power iteration.
//!
//! Source: Page, Brin, Motwani, Winograd, "The PageRank Citation Ranking", 1999. Each node pulls from
//! those that lead to it, so that each rank is written by one thread; sums go block by block in a fixed
//! order, so that the ranks are the same with any number of threads.

use crate::graph::csr::{Directions, Graph, at, parallel};
use crate::model::{Error, Result};

use super::dijkstra::bad_weight;
use super::run::Run;

/// The weight of an edge by its number.
pub type Weights<'a> = &'a (dyn Fn(u32) -> f64 + Sync);

/// What to rank by, and how exactly.
#[derive(Clone, Copy)]
pub struct PageRankOptions<'a> {
    /// The part of a rank that goes along the edges, from 0 to below 1; 0.85 is usual.
    pub damping: f64,
    /// Done once the ranks change by no more than this in all from one iteration to the next.
    pub tolerance: f64,
    /// Done after so many iterations in any case.
    pub max_iterations: u32,
    /// A node's rank is shared among its edges by weight, not evenly. A node all of whose weights are
    /// zero is one without edges.
    pub weights: Option<Weights<'a>>,
    /// Where a rank goes that does not go along edges, by node number, in proportion: everywhere evenly
    /// if not given. Holes get nothing.
    pub personalization: Option<&'a [f64]>,
}

impl std::fmt::Debug for PageRankOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageRankOptions")
            .field("damping", &self.damping)
            .field("tolerance", &self.tolerance)
            .field("max_iterations", &self.max_iterations)
            .finish_non_exhaustive()
    }
}

impl Default for PageRankOptions<'_> {
    fn default() -> Self {
        Self { damping: 0.85, tolerance: 1e-6, max_iterations: 100, weights: None, personalization: None }
    }
}

/// Ranks of nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageRank {
    /// Of each node by number; they add up to 1. A hole has 0.
    pub ranks: Vec<f64>,
    /// How many iterations were made.
    pub iterations: u32,
    /// By how much the last one changed the ranks in all. Above the tolerance if they did not settle.
    pub change: f64,
}

/// Ranks the nodes by the ranks of those that lead to them. The rank of nodes without edges goes where
/// `personalization` says.
///
/// # Errors
/// `BadInput` for a damping outside of 0 to 1, a weight or share that is negative or no finite number,
/// shares that are all zero or not one a node; `Cancelled`.
pub fn pagerank<G: Graph>(
    graph: Directions<'_, G>,
    options: PageRankOptions<'_>,
    run: Run<'_>,
) -> Result<PageRank> {
    let damping = options.damping;
    if !(0.0..1.0).contains(&damping) {
        return Err(Error::bad_input(format!("the damping is {damping}: it must be from 0 to below 1")));
    }
    let shares = shares(graph.out, options.personalization)?;
    let flow = Flow::new(graph, options.weights, run)?;
    let threads = run.threads_for_rounds(graph.out.total_cost());
    let mut result = PageRank { ranks: shares.clone(), iterations: 0, change: f64::INFINITY };
    if graph.out.live_count() == 0 {
        result.change = 0.0;
    }
    let mut sent = vec![0.0f64; result.ranks.len()];
    // What each node sends along its edges follows from its rank at once: the next pass reads that.
    let stuck = parallel::map(1, parallel::slices(&mut sent), |(nodes, sent)| {
        Ok(nodes.zip(sent).map(|(node, sent)| flow.send(node, at(&result.ranks, node), sent)).sum::<f64>())
    })?;
    let mut stuck: f64 = stuck.into_iter().sum();
    let mut next_sent = vec![0.0f64; result.ranks.len()];
    while result.iterations < options.max_iterations && result.change > options.tolerance {
        run.cancel.check()?;
        run.report(u64::from(result.iterations), u64::from(options.max_iterations));
        let spread = damping * stuck + (1.0 - damping);
        let blocks: Vec<_> =
            parallel::slices(&mut result.ranks).into_iter().zip(parallel::slices(&mut next_sent)).collect();
        let sums = parallel::map(threads, blocks, |((nodes, ranks), (_, next_sent))| {
            let mut ticker = run.ticker();
            let (mut change, mut stuck) = (0.0, 0.0);
            for ((node, rank), next) in nodes.zip(ranks).zip(next_sent) {
                let pulled = flow.pull(graph.incoming, node, &sent);
                let new = damping * pulled + spread * at(&shares, node);
                change += (new - *rank).abs();
                *rank = new;
                stuck += flow.send(node, new, next);
                ticker.tick(8)?;
            }
            Ok((change, stuck))
        })?;
        std::mem::swap(&mut sent, &mut next_sent);
        (result.change, stuck) = sums.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        result.iterations += 1;
    }
    Ok(result)
}

/// How much of a rank goes along which edge.
struct Flow {
    /// Of each node the part of its rank that an edge of weight 1 gets; 0 without edges.
    scale: Vec<f64>,
    /// The weights of the edges in the order in which they are visited against their direction, and
    /// where those of each node begin.
    weights: Option<(Vec<f64>, Vec<usize>)>,
}

impl Flow {
    fn new<G: Graph>(graph: Directions<'_, G>, weights: Option<Weights<'_>>, run: Run<'_>) -> Result<Self> {
        let bound = graph.out.bound();
        let inverse = |sum: f64| if sum >= f64::MIN_POSITIVE { 1.0 / sum } else { 0.0 };
        let Some(weight) = weights else {
            let scale = (0..bound).map(|node| inverse(f64::from(graph.out.degree(node))));
            return Ok(Self { scale: scale.collect(), weights: None });
        };
        let mut ticker = run.ticker();
        let (mut scale, mut wrong) = (Vec::with_capacity(bound as usize), None);
        let (mut list, mut starts) = (Vec::new(), Vec::with_capacity(bound as usize));
        for node in 0..bound {
            let mut sum = 0.0;
            graph.out.for_each_neighbour(node, |_, edge| {
                let own = weight(edge);
                if !own.is_finite() || own < 0.0 {
                    wrong = Some((edge, own));
                }
                sum += own;
            });
            scale.push(inverse(sum));
            starts.push(list.len());
            graph.incoming.for_each_neighbour(node, |_, edge| list.push(weight(edge)));
            ticker.tick(graph.out.cost(node))?;
        }
        match wrong {
            Some((edge, weight)) => Err(bad_weight(edge, weight)),
            None => Ok(Self { scale, weights: Some((list, starts)) }),
        }
    }

    /// Sets what the node sends along an edge of weight 1; what it has no edge for is given back.
    #[inline]
    fn send(&self, node: u32, rank: f64, sent: &mut f64) -> f64 {
        let scale = at(&self.scale, node);
        *sent = rank * scale;
        if scale == 0.0 { rank } else { 0.0 }
    }

    /// What comes in along the node's edges.
    #[inline]
    fn pull<G: Graph>(&self, incoming: &G, node: u32, sent: &[f64]) -> f64 {
        let mut sum = 0.0;
        if let Some((weights, starts)) = &self.weights {
            let mut own = weights.iter().skip(at(starts, node));
            incoming.for_each_neighbour(node, |other, _| {
                sum += at(sent, other) * own.next().copied().unwrap_or(0.0);
            });
        } else if let Some(slice) = incoming.slice(node) {
            for other in slice {
                sum += at(sent, *other);
            }
        } else {
            incoming.for_each_neighbour(node, |other, _| sum += at(sent, other));
        }
        sum
    }
}

/// What goes to each node of what does not go along edges; in all 1.
fn shares<G: Graph>(graph: &G, given: Option<&[f64]>) -> Result<Vec<f64>> {
    let live = |node: u32| f64::from(u8::from(graph.is_live(node)));
    let Some(given) = given else {
        let share = 1.0 / f64::from(graph.live_count().max(1));
        return Ok((0..graph.bound()).map(|node| share * live(node)).collect());
    };
    if given.len() != graph.bound() as usize {
        return Err(Error::bad_input("the personalization does not have one share for each node"));
    }
    if given.iter().any(|share| !share.is_finite() || *share < 0.0) {
        return Err(Error::bad_input("a share of the personalization is negative or not a finite number"));
    }
    let shares: Vec<f64> = (0u32..).zip(given).map(|(node, share)| share * live(node)).collect();
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 && sum.is_finite() || shares.is_empty() {
        return Ok(shares.into_iter().map(|share| share / sum).collect());
    }
    Err(Error::bad_input("the personalization is zero for all nodes, or too large to add up"))
}
