//! All paths that match, depth first.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::model::Result;

use super::{KEPT_MAX, Match, PathPattern, Restrictor, Step, Tell, Ticker, is_in, too_many};

/// A place on the path, and what may follow there.
struct Frame {
    node: u32,
    hop: usize,
    /// Edges of the hop that were taken.
    taken: u32,
    /// Whether an edge led here.
    by_edge: bool,
    /// Edges that may be taken: where each leads, its number, its cost. The next one last.
    edges: Vec<(u32, u32, f64)>,
    /// The next hop was not begun yet.
    advances: bool,
}

struct Walk<'p, 'g> {
    pattern: &'p PathPattern<'g>,
    path: Match,
    frames: Vec<Frame>,
    /// Nodes of the path, where none may come twice.
    nodes: HashSet<u32>,
    /// Edges of the path, where none may come twice.
    edges: HashSet<u32>,
    costs: Vec<f64>,
    kept: usize,
}

/// Tells the paths from a node.
pub(super) fn from(
    pattern: &PathPattern<'_>,
    start: u32,
    ticker: &mut Ticker<'_>,
    tell: &mut Tell<'_>,
) -> Result<ControlFlow<()>> {
    let mut walk = Walk {
        pattern,
        path: Match { start, steps: Vec::new(), cost: 0.0 },
        frames: Vec::new(),
        nodes: HashSet::from([start]),
        edges: HashSet::new(),
        costs: Vec::new(),
        kept: 0,
    };
    walk.enter(start, 0, 0, false, ticker)?;
    while let Some(frame) = walk.frames.last_mut() {
        if frame.hop == pattern.hops.len() {
            if tell(&walk.path)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            walk.leave();
        } else if std::mem::take(&mut frame.advances) {
            let (node, hop) = (frame.node, frame.hop + 1);
            walk.enter(node, hop, 0, false, ticker)?;
        } else if let Some((node, edge, cost)) = frame.edges.pop() {
            walk.kept -= 1;
            let (hop, taken) = (frame.hop, frame.taken);
            walk.step(Step { hop, edge, node }, cost, taken, ticker)?;
        } else {
            walk.leave();
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl Walk<'_, '_> {
    /// Takes an edge, where the restrictor lets it.
    fn step(&mut self, step: Step, cost: f64, taken: u32, ticker: &mut Ticker<'_>) -> Result<()> {
        let is_closed = !self.path.steps.is_empty() && self.path.end() == self.path.start;
        let allowed = match self.pattern.restrictor {
            Restrictor::Walk => true,
            Restrictor::Trail => !self.edges.contains(&step.edge),
            Restrictor::Acyclic => !self.nodes.contains(&step.node),
            Restrictor::Simple => {
                !is_closed && (step.node == self.path.start || !self.nodes.contains(&step.node))
            }
        };
        if !allowed {
            return Ok(());
        }
        match self.pattern.restrictor {
            Restrictor::Walk => {}
            Restrictor::Trail => drop(self.edges.insert(step.edge)),
            Restrictor::Acyclic | Restrictor::Simple => drop(self.nodes.insert(step.node)),
        }
        self.costs.push(self.path.cost);
        self.path.cost += cost;
        self.path.steps.push(step);
        self.enter(step.node, step.hop, taken.saturating_add(1), true, ticker)
    }

    fn enter(
        &mut self,
        node: u32,
        hop: usize,
        taken: u32,
        by_edge: bool,
        ticker: &mut Ticker<'_>,
    ) -> Result<()> {
        let mut edges = Vec::new();
        let mut advances = false;
        if let Some(at) = self.pattern.hops.get(hop) {
            advances = taken >= at.min && is_in(self.pattern.nodes.get(hop + 1), node);
            if at.goes_on(taken) {
                at.visit(node, ticker, &mut |other, edge, cost| {
                    edges.push((other, edge, cost));
                    Ok(())
                })?;
                edges.reverse();
            }
        }
        self.kept += edges.len();
        if self.kept + self.frames.len() > KEPT_MAX {
            return Err(too_many());
        }
        self.frames.push(Frame { node, hop, taken, by_edge, edges, advances });
        Ok(())
    }

    /// Goes back to where the last place was entered from.
    fn leave(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        self.kept -= frame.edges.len();
        if !frame.by_edge {
            return;
        }
        let Some(step) = self.path.steps.pop() else { return };
        self.path.cost = self.costs.pop().unwrap_or(0.0);
        match self.pattern.restrictor {
            Restrictor::Walk => {}
            Restrictor::Trail => drop(self.edges.remove(&step.edge)),
            // A path that is closed has its first node twice.
            Restrictor::Acyclic | Restrictor::Simple if step.node != self.path.start => {
                self.nodes.remove(&step.node);
            }
            Restrictor::Acyclic | Restrictor::Simple => {}
        }
    }
}
