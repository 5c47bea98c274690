//! A graph with changes on top: what a session has not committed yet.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{Graph, NodeSet};

/// A few edges added to a base and a few of its edges taken away, with nodes beyond those of the base.
/// What it visits is what a graph built from all of it would visit, in the same order, as long as the
/// base keeps the order of (neighbour, edge). Nodes that have no change stay as fast as in the base.
///
/// It is one direction: each change is made to the overlay of either direction, with its ends swapped.
/// Deleted nodes are a [`super::Live`] on top.
#[derive(Debug)]
pub struct Overlay<'a, G> {
    base: &'a G,
    bound: u32,
    changed: NodeSet,
    changes: HashMap<u32, Changes>,
}

/// Of one node, each in ascending order.
#[derive(Debug, Default)]
struct Changes {
    added: Vec<(u32, u32)>,
    removed: Vec<u32>,
}

impl<'a, G: Graph> Overlay<'a, G> {
    /// No change yet. `bound` is one past the largest node number, those of the base included.
    #[must_use]
    pub fn new(base: &'a G, bound: u32) -> Self {
        let bound = bound.max(base.bound());
        Self { base, bound, changed: NodeSet::new(bound), changes: HashMap::new() }
    }

    /// Adds an edge; ends beyond the bound make further nodes.
    pub fn add(&mut self, from: u32, to: u32, edge: u32) {
        let needed = from.max(to).saturating_add(1);
        if needed > self.bound {
            let mut changed = NodeSet::new(needed);
            changed.extend(&self.changed);
            (self.changed, self.bound) = (changed, needed);
        }
        let added = &mut self.change(from).added;
        let place = added.partition_point(|known| *known < (to, edge));
        added.insert(place, (to, edge));
    }

    /// Takes an edge of the base away, by the node it leaves in this direction and its number; an added
    /// one as well.
    pub fn remove(&mut self, from: u32, edge: u32) {
        if from >= self.bound {
            return;
        }
        let changes = self.change(from);
        changes.added.retain(|(_, number)| *number != edge);
        if let Err(place) = changes.removed.binary_search(&edge) {
            changes.removed.insert(place, edge);
        }
    }

    fn change(&mut self, node: u32) -> &mut Changes {
        self.changed.insert(node);
        self.changes.entry(node).or_default()
    }

    #[inline]
    fn changes_of(&self, node: u32) -> Option<&Changes> {
        if self.changed.contains(node) { self.changes.get(&node) } else { None }
    }
}

impl<G: Graph> Graph for Overlay<'_, G> {
    fn bound(&self) -> u32 {
        self.bound
    }

    #[inline]
    fn visit<B>(&self, node: u32, mut f: impl FnMut(u32, u32) -> ControlFlow<B>) -> ControlFlow<B> {
        let Some(changes) = self.changes_of(node) else { return self.base.visit(node, f) };
        let mut added = changes.added.iter().copied().peekable();
        self.base.visit(node, |other, edge| {
            while let Some((new, number)) = added.next_if(|new| *new < (other, edge)) {
                f(new, number)?;
            }
            if changes.removed.binary_search(&edge).is_ok() {
                return ControlFlow::Continue(());
            }
            f(other, edge)
        })?;
        for (new, number) in added {
            f(new, number)?;
        }
        ControlFlow::Continue(())
    }

    fn degree(&self, node: u32) -> u32 {
        if self.changes_of(node).is_none() {
            return self.base.degree(node);
        }
        let mut degree = 0;
        self.for_each_neighbour(node, |_, _| degree += 1);
        degree
    }

    fn cost(&self, node: u32) -> u64 {
        let added = self.changes_of(node).map_or(0, |changes| changes.added.len() as u64);
        self.base.cost(node) + added
    }

    fn total_cost(&self) -> u64 {
        self.base.total_cost()
    }

    fn is_live(&self, node: u32) -> bool {
        self.base.is_live(node) || (self.base.bound()..self.bound).contains(&node)
    }

    fn live_count(&self) -> u32 {
        self.base.live_count().saturating_add(self.bound - self.base.bound())
    }

    #[inline]
    fn slice(&self, node: u32) -> Option<&[u32]> {
        if self.changed.contains(node) {
            return None;
        }
        if node < self.base.bound() { self.base.slice(node) } else { Some(&[]) }
    }

    fn has_edge(&self, from: u32, to: u32) -> bool {
        if self.changes_of(from).is_none() {
            return self.base.has_edge(from, to);
        }
        self.visit(
            from,
            |other, _| {
                if other == to { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )
        .is_break()
    }
}
