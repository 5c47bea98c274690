//! Path patterns with repeated parts: which paths through a graph they match.
//!
//! ```text
//!  (a)-[:knows]->{1,3}(b)-[:likes]->(c)   nodes: a, b, c   hops: knows 1 to 3 times, likes once
//! ```
//!
//! A pattern is a machine that walks: its state is the hop it is at and how often that was repeated. Without a search
//! all matching paths are told, depth first ([`all`]); a search walks breadth first, or by cost, and keeps of each
//! state no more than it can tell ([`best`]). Ends are searched for from each first node on its own, as the standard
//! says of selectors: they choose among the paths between two nodes (ISO/IEC 39075, 16.6).
//!
//! Invariants: the same graph and pattern give the same paths in the same order; memory is bounded by
//! [`KEPT_MAX`], past which the search fails; long work looks at the cancel token.

mod all;
mod best;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::model::{CancelToken, Error, Result};

use super::csr::NodeSet;
use super::network::Steps;

/// So many partial paths are kept at most while one first node is searched from.
pub const KEPT_MAX: usize = 4 << 20;
/// The cancel token is looked at each time so many edges were looked at.
const CHECK_EVERY: u32 = 4096;

/// A pattern of paths.
pub struct PathPattern<'g> {
    /// What the nodes before, between and behind the hops must be; any node where absent. One more than hops.
    pub nodes: Vec<Option<NodeSet>>,
    /// What leads from node to node.
    pub hops: Vec<Hop<'g>>,
    /// Which paths count.
    pub restrictor: Restrictor,
    /// Which of them are told; all where absent.
    pub search: Option<Search>,
}

/// Edges from one node of a pattern to the next.
pub struct Hop<'g> {
    /// The edges.
    pub steps: Steps<'g>,
    /// The least number of edges.
    pub min: u32,
    /// The greatest; any where absent.
    pub max: Option<u32>,
    /// What each edge starts at; any node where absent.
    pub left: Option<NodeSet>,
    /// What each edge ends at; any node where absent.
    pub right: Option<NodeSet>,
    /// The numbers of the edges that count; all where absent.
    pub edges: Option<NodeSet>,
    /// What an edge costs, by its number; nothing where absent. No cost is below zero, and in a search for ties or groups
    /// of walks by cost each hop without an upper bound has costs above zero: otherwise there is no end of matches.
    pub costs: Option<HashMap<u32, f64>>,
}

/// Which paths count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restrictor {
    /// Every path.
    Walk,
    /// No edge twice.
    Trail,
    /// No node twice.
    Acyclic,
    /// No node twice, but the last may be the first.
    Simple,
}

/// Which of the paths with the same first and last node are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// By the sum of costs, not by the number of edges.
    pub by_cost: bool,
    /// How many.
    pub pick: Pick,
}

/// How many of the best paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// So many.
    Paths(u64),
    /// The best, and all as good.
    Ties,
    /// All of so many of the best measures.
    Groups(u64),
}

/// A step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The hop it is of.
    pub hop: usize,
    /// The edge's number.
    pub edge: u32,
    /// The node that it leads to.
    pub node: u32,
}

/// A path that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Its first node.
    pub start: u32,
    /// Its edges in order.
    pub steps: Vec<Step>,
    /// The sum of the costs of its edges.
    pub cost: f64,
}

impl Match {
    /// Its last node.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.steps.last().map_or(self.start, |step| step.node)
    }

    /// The node before a hop, or behind the last one.
    #[must_use]
    pub fn node_at(&self, place: usize) -> u32 {
        let before = self.steps.iter().take_while(|step| step.hop < place).last();
        before.map_or(self.start, |step| step.node)
    }
}

/// What a match is told to; it says whether to go on.
pub type Tell<'t> = dyn FnMut(&Match) -> Result<ControlFlow<()>> + 't;

/// Tells the paths from some first nodes that match; those that are no nodes of the pattern are left out.
///
/// # Errors
/// `OutOfSpace` where more partial paths must be kept than [`KEPT_MAX`]; `Cancelled`; what `tell` fails with.
pub fn matches(
    pattern: &PathPattern<'_>,
    starts: impl Iterator<Item = u32>,
    cancel: &CancelToken,
    tell: &mut Tell<'_>,
) -> Result<()> {
    let mut ticker = Ticker { cancel, left: 0 };
    let mut best = pattern.search.map(|search| best::Best::new(pattern, search));
    for start in starts {
        ticker.tick()?;
        if !is_in(pattern.nodes.first(), start) {
            continue;
        }
        let flow = match &mut best {
            None => all::from(pattern, start, &mut ticker, tell)?,
            Some(best) => best.from(start, &mut ticker, tell)?,
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

fn is_in(set: Option<&Option<NodeSet>>, node: u32) -> bool {
    set.and_then(Option::as_ref).is_none_or(|set| set.contains(node))
}

impl Hop<'_> {
    /// Whether one edge more may follow so many.
    fn goes_on(&self, taken: u32) -> bool {
        self.max.is_none_or(|max| taken < max)
    }

    /// Visits the edges that may be taken from a node: where each leads, its number, its cost.
    fn visit(
        &self,
        node: u32,
        ticker: &mut Ticker<'_>,
        visit: &mut dyn FnMut(u32, u32, f64) -> Result<()>,
    ) -> Result<()> {
        if self.left.as_ref().is_some_and(|left| !left.contains(node)) {
            return Ok(());
        }
        self.steps.visit(node, &mut |other, edge| {
            ticker.tick()?;
            let counts = self.edges.as_ref().is_none_or(|edges| edges.contains(edge))
                && self.right.as_ref().is_none_or(|right| right.contains(other));
            if !counts {
                return Ok(());
            }
            let cost = self.costs.as_ref().map_or(0.0, |costs| costs.get(&edge).copied().unwrap_or(0.0));
            visit(other, edge, cost)
        })
    }
}

struct Ticker<'c> {
    cancel: &'c CancelToken,
    left: u32,
}

impl Ticker<'_> {
    fn tick(&mut self) -> Result<()> {
        if self.left == 0 {
            self.left = CHECK_EVERY;
            self.cancel.check()?;
        }
        self.left -= 1;
        Ok(())
    }
}

/// The error of a search that would keep too much.
fn too_many() -> Error {
    Error::out_of_space(format!("the path pattern has more than {KEPT_MAX} partial paths from one node"))
        .with_hint(
            "give the quantifier a lower bound above it, ask for ANY SHORTEST, or narrow the nodes and edges",
        )
}
