//! The best of the paths that do not repeat themselves: whole paths, best first.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use crate::graph::csr::{Graph, NodeSet};
use crate::model::Result;

use super::search::{Measure, Queue, Taken};
use super::{Emit, Match, Matcher, Pick, Search, Step, too_many};

/// A path: the one before, and a step.
struct Entry {
    before: Option<usize>,
    step: Step,
}

impl<G: Graph> Matcher<'_, G> {
    /// The matches from a node to some ends; best first over all of them.
    pub(super) fn restricted(
        &self,
        start: u32,
        search: Search,
        alive: Option<&[NodeSet]>,
        mut open: HashSet<u32>,
        emit: &mut Emit<'_>,
    ) -> Result<ControlFlow<()>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut queue = Queue::of(search);
        let mut taken: HashMap<u32, Taken> = HashMap::new();
        let (mut made, mut seen, mut scopes) = (Match::default(), self.seen(), self.scopes());
        for (number, route) in self.program.routes(0) {
            if self.is_open(route, start, alive) {
                queue.push(Measure { cost: 0.0, length: 0 }, entries.len());
                let step = Step { node: start, route: number, ..Step::default() };
                entries.push(Entry { before: None, step });
            }
        }
        let (mut steps, mut ticks) = (Vec::new(), 0_u32);
        while let Some((measure, number)) = queue.pop() {
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(1024) {
                self.cancel.check()?;
            }
            let Some(first) = path_of(&entries, number, &mut steps) else { continue };
            let node = steps.last().map_or(start, |step| step.node);
            let last = steps.last().map_or(first, |step| step.route);
            let Some(at) = self.program.route(last).and_then(|route| route.target) else {
                if !open.contains(&node) {
                    continue;
                }
                let own = taken.entry(node).or_default();
                if !own.allows(&measure, search) {
                    open.remove(&node);
                    if open.is_empty() {
                        break;
                    }
                    continue;
                }
                self.matched(start, first, &steps, &mut made);
                match self.give(&made, &mut seen, emit)? {
                    None => continue,
                    Some(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
                    Some(ControlFlow::Continue(())) => own.take(measure, search),
                }
                let done = match search.pick {
                    Pick::One | Pick::Count(_) => !own.allows(&measure, search),
                    // Others may be as good.
                    Pick::Ties | Pick::Groups(_) => false,
                };
                if done {
                    open.remove(&node);
                    if open.is_empty() {
                        break;
                    }
                }
                continue;
            };
            scopes.go(first, &steps);
            let element = self.program.edge(at).map_or(0, |(element, _)| element);
            self.edges(at, node, false, &mut |other, edge, forward| {
                if !scopes.allow(start, &steps, edge, other) {
                    return;
                }
                let cost = if search.by_cost { self.cost(element, edge, forward) } else { 0.0 };
                let next = Measure { cost: measure.cost + cost, length: measure.length.saturating_add(1) };
                for (route, own) in self.program.routes(at + 1) {
                    if self.is_open(own, other, alive) {
                        queue.push(next, entries.len());
                        let step = Step { edge, forward, node: other, route };
                        entries.push(Entry { before: Some(number), step });
                    }
                }
            });
            if entries.len() > self.limits.entries {
                return Err(too_many("parts of paths", self.limits.entries));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Reads the steps of a path; its first route.
fn path_of(entries: &[Entry], number: usize, steps: &mut Vec<Step>) -> Option<u32> {
    steps.clear();
    let mut entry = entries.get(number)?;
    while let Some(before) = entry.before {
        steps.push(entry.step);
        entry = entries.get(before)?;
    }
    steps.reverse();
    Some(entry.step.route)
}
