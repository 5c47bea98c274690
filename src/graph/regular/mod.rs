//! Path patterns with repeated parts, over the edges in memory.
//!
//! ```text
//!  Pattern (nodes, edges, repeated parts) ─▶ Program (edges, and the routes from one to the next)
//!    no search ─▶ walk: depth first, path by path
//!    a search  ─▶ search: best first over (edge to take, node), then back from the ends
//!                 restricted: the same over whole paths, where a path may not repeat itself
//! ```
//!
//! The meaning is that of ISO/IEC 9075-16: a search picks among the paths with the same first and last node. Two
//! matches are one where they have the same path and bind the same named elements at the same places.
//!
//! Memory is bounded: past [`Limits`] it is an error. Matches come in an order that depends on the graph alone.

mod program;
mod restricted;
mod scopes;
mod search;
mod walk;

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::model::{CancelToken, Direction, Error, Result, sqlstate};

use super::csr::{Directions, Graph, NodeSet};

use program::{Program, Route};
use scopes::Scopes;

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// A condition on the node that the path is at; the element's number.
    Node(usize),
    /// An edge.
    Edge {
        /// The element's number.
        element: usize,
        /// Which way it is taken.
        direction: Direction,
    },
    /// Parts that are repeated.
    Group {
        /// What is repeated.
        parts: Vec<Part>,
        /// Which paths count in each repetition.
        restrictor: Restrictor,
        /// The least number of repetitions.
        min: u32,
        /// The greatest; any where it is absent.
        max: Option<u32>,
    },
}

/// Which paths count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Which paths are taken of those between the same two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Search {
    /// Better is cheaper, not shorter.
    pub by_cost: bool,
    /// Which of the best.
    pub pick: Pick,
}

/// Which of the best paths are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pick {
    /// One of the best.
    One,
    /// The best and all that are as good.
    Ties,
    /// So many of the best.
    Count(u64),
    /// All paths of so many best measures.
    Groups(u64),
}

/// A path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pattern {
    /// What the path goes through.
    pub parts: Vec<Part>,
    /// Which paths count.
    pub restrictor: Restrictor,
    /// Which of them are taken; all where it is absent.
    pub search: Option<Search>,
    /// Of each element: whether what it stands for is asked for.
    pub named: Vec<bool>,
    /// Elements that stand at several places and are the same node at each.
    pub same: Vec<usize>,
}

/// What an element may stand for; absent sets let all pass.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Nodes, or edges along their direction.
    pub passing: Option<NodeSet>,
    /// Edges against their direction, where that is not the same set.
    pub backward: Option<NodeSet>,
    /// What each edge adds to the cost of a path, by its number; along its direction and against it.
    pub costs: Option<[Vec<f64>; 2]>,
}

/// How much is held at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Paths, parts of paths and edges to take.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 8_000_000 }
    }
}

/// A match: a path, and what its nodes and edges are bound to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Match {
    /// The nodes, one more than edges.
    pub nodes: Vec<u32>,
    /// The edges.
    pub edges: Vec<u32>,
    /// The element of each edge.
    pub edge_elements: Vec<usize>,
    /// The node elements at each node.
    pub node_elements: Vec<Vec<usize>>,
    /// Whether each edge is taken along its direction.
    pub forward: Vec<bool>,
    /// The sum of the costs.
    pub cost: f64,
}

/// Told of each match; breaking ends the work.
pub type Emit<'e> = dyn FnMut(&Match) -> Result<ControlFlow<()>> + 'e;

/// A pattern, a graph, and what the elements may stand for.
pub(super) struct Matcher<'a, G> {
    program: Program,
    graph: Directions<'a, G>,
    elements: &'a [Element],
    limits: Limits,
    cancel: &'a CancelToken,
    reversed: bool,
    same: &'a [usize],
    /// The first and the last node are one.
    closed: bool,
    /// How many nodes a path may end at, where that is known.
    ends: Option<u32>,
    named: &'a [bool],
}

/// A step that has been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Step {
    edge: u32,
    forward: bool,
    node: u32,
    /// How the pattern goes on at the node.
    route: u32,
}

/// Gives the matches of a pattern.
///
/// # Errors
/// `Unsupported` for a pattern that is too long, and for more than the limits allow; `Cancelled`; what `emit` fails with.
pub fn matches<G: Graph>(
    pattern: &Pattern,
    graph: Directions<'_, G>,
    elements: &[Element],
    limits: Limits,
    cancel: &CancelToken,
    emit: &mut Emit<'_>,
) -> Result<()> {
    let set_of = |part: Option<&Part>| match part {
        Some(Part::Node(element)) => elements.get(*element).and_then(|own| own.passing.as_ref()),
        _ => None,
    };
    let (first, last) = (set_of(pattern.parts.first()), set_of(pattern.parts.last()));
    let size = |set: Option<&NodeSet>| set.map_or(u32::MAX, NodeSet::count);
    let reversed = size(last) < size(first);
    let closed = match (pattern.parts.first(), pattern.parts.last()) {
        (Some(Part::Node(first)), Some(Part::Node(last))) => first == last && pattern.parts.len() > 1,
        _ => false,
    };
    let program = if reversed {
        Program::of(&turned(&pattern.parts), pattern.restrictor)?
    } else {
        Program::of(&pattern.parts, pattern.restrictor)?
    };
    let (starts, ends) = if reversed { (last, first) } else { (first, last) };
    let matcher = Matcher {
        program,
        graph,
        elements,
        limits,
        cancel,
        reversed,
        same: &pattern.same,
        closed,
        ends: if closed { Some(1) } else { ends.map(NodeSet::count) },
        named: &pattern.named,
    };
    let alive = match ends {
        Some(ends) if !closed => Some(matcher.alive(ends)?),
        _ => None,
    };
    let mut ticks = 0_u32;
    let mut each = |start: u32| -> Result<ControlFlow<()>> {
        ticks += 1;
        if ticks.is_multiple_of(256) {
            cancel.check()?;
        }
        if !graph.out.is_live(start) {
            return Ok(ControlFlow::Continue(()));
        }
        match pattern.search {
            None => matcher.walk(start, alive.as_deref(), emit),
            Some(search) => matcher.search(start, search, alive.as_deref(), emit),
        }
    };
    match starts {
        Some(starts) => {
            for start in starts.iter() {
                if each(start)?.is_break() {
                    break;
                }
            }
        }
        None => {
            for start in 0..graph.out.bound() {
                if each(start)?.is_break() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The same paths from their ends.
fn turned(parts: &[Part]) -> Vec<Part> {
    let turn = |part: &Part| match part {
        Part::Node(element) => Part::Node(*element),
        Part::Edge { element, direction } => Part::Edge {
            element: *element,
            direction: match direction {
                Direction::Out => Direction::In,
                Direction::In => Direction::Out,
                Direction::Both => Direction::Both,
            },
        },
        Part::Group { parts, restrictor, min, max } => {
            Part::Group { parts: turned(parts), restrictor: *restrictor, min: *min, max: *max }
        }
    };
    parts.iter().rev().map(turn).collect()
}

fn too_many(what: &str, limit: usize) -> Error {
    Error::unsupported(format!("the pattern has more than {limit} {what} at once"))
        .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
        .with_hint(
            "give the quantifier a lower bound above, name the first or last node, or ask for ANY SHORTEST",
        )
}

impl<G: Graph> Matcher<'_, G> {
    /// Whether a node fulfils what a route asks of it.
    fn passes(&self, route: &Route, node: u32) -> bool {
        route.nodes.iter().all(|element| {
            let own = self.elements.get(*element).and_then(|own| own.passing.as_ref());
            own.is_none_or(|set| set.contains(node))
        })
    }

    /// Whether an edge may be taken for an element.
    fn may_take(&self, element: usize, edge: u32, forward: bool) -> bool {
        let Some(own) = self.elements.get(element) else { return true };
        let set = if forward { own.passing.as_ref() } else { own.backward.as_ref().or(own.passing.as_ref()) };
        set.is_none_or(|set| set.contains(edge))
    }

    fn cost(&self, element: usize, edge: u32, forward: bool) -> f64 {
        let costs = self.elements.get(element).and_then(|own| own.costs.as_ref());
        let side = costs.map(|[along, against]| if forward { along } else { against });
        side.and_then(|side| side.get(edge as usize)).copied().unwrap_or(0.0)
    }

    /// Visits the edges at a node that may be taken at an edge of the program: (other node, edge, forward).
    fn edges(&self, at: usize, node: u32, backwards: bool, visit: &mut dyn FnMut(u32, u32, bool)) {
        let Some((element, direction)) = self.program.edge(at) else { return };
        let (mut out, mut incoming) = match direction {
            Direction::Out => (true, false),
            Direction::In => (false, true),
            Direction::Both => (true, true),
        };
        if backwards {
            std::mem::swap(&mut out, &mut incoming);
        }
        let along = !(backwards ^ self.reversed);
        if out {
            self.graph.out.for_each_neighbour(node, |other, edge| {
                // A loop that may go either way is taken once, along its direction.
                let forward = along || (direction == Direction::Both && other == node);
                if self.may_take(element, edge, forward) {
                    visit(other, edge, forward);
                }
            });
        }
        if incoming {
            self.graph.incoming.for_each_neighbour(node, |other, edge| {
                if !(out && other == node) && self.may_take(element, edge, !along) {
                    visit(other, edge, !along);
                }
            });
        }
    }

    /// Of each edge of the program: the nodes from which taking it may lead to an end.
    fn alive(&self, ends: &NodeSet) -> Result<Vec<NodeSet>> {
        let bound = self.graph.out.bound();
        let (points, edges) = (self.program.points(), self.program.edge_count());
        let mut alive = vec![NodeSet::new(bound); edges];
        // From here the pattern can be fulfilled: the place behind an edge of the program, and the node.
        let mut good = vec![NodeSet::new(bound); points];
        let mut waiting: Vec<(usize, u32)> = Vec::new();
        for point in 0..points {
            let routes: Vec<&Route> = self
                .program
                .routes(point)
                .map(|(_, route)| route)
                .filter(|route| route.target.is_none())
                .collect();
            if routes.is_empty() {
                continue;
            }
            for node in ends.iter().filter(|node| self.graph.out.is_live(*node)) {
                if routes.iter().any(|route| self.passes(route, node))
                    && good.get_mut(point).is_some_and(|set| set.insert(node))
                {
                    waiting.push((point, node));
                }
            }
        }
        let leading: Vec<Vec<(usize, &Route)>> = (0..edges)
            .map(|at| {
                let of = |point: usize| {
                    let routes = self.program.routes(point).map(move |(_, route)| (point, route));
                    routes.filter(|(_, route)| route.target == Some(at))
                };
                (0..points).flat_map(of).collect()
            })
            .collect();
        let mut ticks = 0_u32;
        while let Some((point, node)) = waiting.pop() {
            ticks += 1;
            if ticks.is_multiple_of(1024) {
                self.cancel.check()?;
            }
            // The start is behind no edge.
            let Some(at) = point.checked_sub(1) else { continue };
            let mut before = Vec::new();
            self.edges(at, node, true, &mut |other, _, _| before.push(other));
            for other in before {
                if !alive.get_mut(at).is_some_and(|set| set.insert(other)) {
                    continue;
                }
                for (earlier, route) in leading.get(at).into_iter().flatten() {
                    if self.passes(route, other)
                        && good.get_mut(*earlier).is_some_and(|set| set.insert(other))
                    {
                        waiting.push((*earlier, other));
                    }
                }
            }
        }
        Ok(alive)
    }

    /// Whether a route is worth to be taken at a node.
    fn is_open(&self, route: &Route, node: u32, alive: Option<&[NodeSet]>) -> bool {
        self.passes(route, node)
            && match (route.target, alive) {
                (Some(at), Some(alive)) => alive.get(at).is_some_and(|set| set.contains(node)),
                _ => true,
            }
    }

    /// A path as a match: the first node and how it goes on, and the steps.
    fn matched(&self, start: u32, route: u32, steps: &[Step], made: &mut Match) {
        let Match { nodes, edges, edge_elements, node_elements, forward, cost } = made;
        nodes.clear();
        edges.clear();
        edge_elements.clear();
        node_elements.clear();
        forward.clear();
        *cost = 0.0;
        let elements_of =
            |route: u32| self.program.route(route).map(|own| own.nodes.clone()).unwrap_or_default();
        nodes.push(start);
        node_elements.push(elements_of(route));
        let mut before = route;
        for step in steps {
            let at = self.program.route(before).and_then(|route| route.target);
            let element = at.and_then(|at| self.program.edge(at)).map_or(0, |(element, _)| element);
            *cost += self.cost(element, step.edge, step.forward);
            edges.push(step.edge);
            forward.push(step.forward);
            edge_elements.push(element);
            nodes.push(step.node);
            node_elements.push(elements_of(step.route));
            before = step.route;
        }
        if self.reversed {
            nodes.reverse();
            edges.reverse();
            forward.reverse();
            edge_elements.reverse();
            node_elements.reverse();
        }
    }

    /// Whether elements that stand at several places are the same node at each.
    fn is_consistent(&self, made: &Match) -> bool {
        self.same.iter().all(|element| {
            let mut places =
                made.nodes.iter().zip(&made.node_elements).filter(|(_, own)| own.contains(element));
            let first = places.next().map(|(node, _)| *node);
            places.all(|(node, _)| Some(*node) == first)
        })
    }

    /// What makes a match another one than those with the same start.
    fn key(&self, made: &Match) -> Box<[u32]> {
        let is_named = |element: &usize| self.named.get(*element).copied().unwrap_or(true);
        let small = |element: usize| u32::try_from(element).unwrap_or(u32::MAX);
        let mut key = Vec::with_capacity(made.edges.len() * 3);
        for (place, nodes) in made.node_elements.iter().enumerate() {
            let mut own: Vec<u32> = nodes.iter().copied().filter(is_named).map(small).collect();
            own.sort_unstable();
            own.dedup();
            key.push(small(own.len()));
            key.extend(own);
            if let (Some(edge), Some(element)) = (made.edges.get(place), made.edge_elements.get(place)) {
                key.push(*edge);
                key.push(if is_named(element) { small(*element) } else { u32::MAX });
            }
        }
        key.into()
    }

    /// What was given already; nothing where no match can come twice.
    fn seen(&self) -> Option<HashSet<Box<[u32]>>> {
        self.program.is_ambiguous().then(HashSet::new)
    }

    /// Gives a match, if it is one and is new.
    fn give(
        &self,
        made: &Match,
        seen: &mut Option<HashSet<Box<[u32]>>>,
        emit: &mut Emit<'_>,
    ) -> Result<Option<ControlFlow<()>>> {
        if !self.is_consistent(made) {
            return Ok(None);
        }
        if let Some(seen) = seen {
            if seen.len() >= self.limits.entries {
                return Err(too_many("paths", self.limits.entries));
            }
            if !seen.insert(self.key(made)) {
                return Ok(None);
            }
        }
        emit(made).map(Some)
    }

    fn scopes(&self) -> Scopes<'_> {
        Scopes::new(&self.program)
    }
}

#[cfg(test)]
mod tests;
