//! All paths, depth first.

use std::ops::ControlFlow;

use crate::graph::csr::{Graph, NodeSet};
use crate::model::Result;

use super::{Emit, Match, Matcher, Step, too_many};

/// A step to take, and how many are taken before it.
struct Todo {
    depth: usize,
    step: Step,
}

impl<G: Graph> Matcher<'_, G> {
    /// The matches that begin at a node.
    pub(super) fn walk(
        &self,
        start: u32,
        alive: Option<&[NodeSet]>,
        emit: &mut Emit<'_>,
    ) -> Result<ControlFlow<()>> {
        let (mut made, mut seen, mut scopes) = (Match::default(), self.seen(), self.scopes());
        let (mut steps, mut ticks): (Vec<Step>, u32) = (Vec::new(), 0);
        for (first, route) in self.program.routes(0) {
            if !self.is_open(route, start, alive) {
                continue;
            }
            steps.clear();
            let mut waiting: Vec<Todo> = Vec::new();
            let mut next = Some(first);
            loop {
                let Some(route) = next.take() else {
                    let Some(todo) = waiting.pop() else { break };
                    steps.truncate(todo.depth);
                    steps.push(todo.step);
                    next = Some(todo.step.route);
                    continue;
                };
                ticks = ticks.wrapping_add(1);
                if ticks.is_multiple_of(1024) {
                    self.cancel.check()?;
                }
                match self.program.route(route).and_then(|route| route.target) {
                    None => {
                        self.matched(start, first, &steps, &mut made);
                        if let Some(ControlFlow::Break(())) = self.give(&made, &mut seen, emit)? {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    Some(at) => {
                        let node = steps.last().map_or(start, |step| step.node);
                        if self.program.is_restricted() {
                            scopes.go(first, &steps);
                        }
                        let before = waiting.len();
                        self.edges(at, node, false, &mut |other, edge, forward| {
                            if self.program.is_restricted() && !scopes.allow(start, &steps, edge, other) {
                                return;
                            }
                            for (route, own) in self.program.routes(at + 1) {
                                if self.is_open(own, other, alive) {
                                    let step = Step { edge, forward, node: other, route };
                                    waiting.push(Todo { depth: steps.len(), step });
                                }
                            }
                        });
                        if let Some(new) = waiting.get_mut(before..) {
                            new.reverse();
                        }
                        if waiting.len() > self.limits.entries {
                            return Err(too_many("edges to take", self.limits.entries));
                        }
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
