//! Which steps the restrictors of a pattern allow.

use super::program::{Mark, Program};
use super::{Restrictor, Step};

/// The restrictors that hold at the end of a path, and where the part of each begins.
#[derive(Debug)]
pub(super) struct Scopes<'p> {
    program: &'p Program,
    open: Vec<(Restrictor, usize)>,
}

impl<'p> Scopes<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        Self { program, open: Vec::new() }
    }

    /// Goes to the end of a path: its first route, and its steps.
    pub(super) fn go(&mut self, route: u32, steps: &[Step]) {
        self.open.clear();
        if self.program.restrictor() != Restrictor::Walk {
            self.open.push((self.program.restrictor(), 0));
        }
        self.pass(route, 0);
        for (place, step) in (1..).zip(steps) {
            self.pass(step.route, place);
        }
    }

    /// Goes on by a route at a place of the path.
    pub(super) fn pass(&mut self, route: u32, place: usize) {
        let Some(route) = self.program.route(route) else { return };
        for mark in &route.marks {
            match mark {
                Mark::Begin(restrictor) => self.open.push((*restrictor, place)),
                Mark::End => drop(self.open.pop()),
            }
        }
    }

    /// Whether a path may go on with an edge to a node.
    pub(super) fn allow(&self, start: u32, steps: &[Step], edge: u32, node: u32) -> bool {
        let node_at = |place: usize| match place.checked_sub(1) {
            None => Some(start),
            Some(before) => steps.get(before).map(|step| step.node),
        };
        self.open.iter().all(|(restrictor, from)| {
            let own = steps.get(*from..).unwrap_or_default();
            let (first, last) = (node_at(*from), node_at(steps.len()));
            let met = || own.iter().any(|step| step.node == node);
            match restrictor {
                Restrictor::Walk => true,
                Restrictor::Trail => own.iter().all(|step| step.edge != edge),
                Restrictor::Acyclic => first != Some(node) && !met(),
                // Back at its first node it is at its end.
                Restrictor::Simple => !(met() || (!own.is_empty() && first == last)),
            }
        })
    }

    /// Whether a whole path is allowed.
    pub(super) fn allow_all(&mut self, start: u32, route: u32, steps: &[Step]) -> bool {
        self.go(route, &[]);
        for (place, step) in steps.iter().enumerate() {
            if !self.allow(start, steps.get(..place).unwrap_or_default(), step.edge, step.node) {
                return false;
            }
            self.pass(step.route, place + 1);
        }
        true
    }
}
