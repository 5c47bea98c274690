//! A pattern as edges to take, and the routes from one to the next.
//!
//! A route is what may stand between two edges: conditions on the node there, and the ends and beginnings of repeated
//! parts. Repetitions are written out up to their bounds (Thompson, Regular expression search algorithm, 1968), so that
//! nothing counts while the graph is walked.

use crate::model::{Direction, Error, Result, sqlstate};

use super::{Part, Restrictor};

/// So many edges and conditions a pattern has at most, with all repetitions written out.
const OPS_MAX: usize = 20_000;
/// So many routes lead from edge to edge at most.
const ROUTES_MAX: usize = 200_000;

#[derive(Debug, Clone, Copy)]
enum Op {
    Node(usize),
    /// The number among the edges.
    Edge(usize),
    /// Either of two places.
    Split(usize, usize),
    Jump(usize),
    Mark(Mark),
    Match,
}

/// Where a part whose paths are restricted begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Begin(Restrictor),
    End,
}

/// A way from one edge to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The elements that stand for the node.
    pub(super) nodes: Vec<usize>,
    pub(super) marks: Vec<Mark>,
    /// The edge to take; none at the end of the pattern.
    pub(super) target: Option<usize>,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Program {
    edges: Vec<(usize, Direction)>,
    routes: Vec<Route>,
    /// Where the routes of each point begin; point 0 is the start, point n + 1 is behind edge n.
    firsts: Vec<usize>,
    ambiguous: bool,
    restrictor: Restrictor,
    restricted: bool,
}

struct Compiler {
    ops: Vec<Op>,
    edges: Vec<(usize, Direction)>,
    /// Behind each edge.
    behind: Vec<usize>,
}

impl Program {
    /// # Errors
    /// `Unsupported` for one that is too long.
    pub(super) fn of(parts: &[Part], restrictor: Restrictor) -> Result<Self> {
        let mut compiler = Compiler { ops: Vec::new(), edges: Vec::new(), behind: Vec::new() };
        compiler.parts(parts)?;
        compiler.push(Op::Match)?;
        let (mut routes, mut firsts) = (Vec::new(), Vec::new());
        for start in std::iter::once(&0).chain(&compiler.behind) {
            firsts.push(routes.len());
            compiler.routes(*start, &mut routes)?;
        }
        firsts.push(routes.len());
        let restricted = restrictor != Restrictor::Walk || routes.iter().any(|route| !route.marks.is_empty());
        Ok(Self {
            edges: compiler.edges,
            routes,
            firsts,
            ambiguous: choices(parts) > 1,
            restrictor,
            restricted,
        })
    }

    /// An edge to take: its element, and which way.
    pub(super) fn edge(&self, number: usize) -> Option<(usize, Direction)> {
        self.edges.get(number).copied()
    }

    pub(super) fn edge_count(&self) -> usize {
        self.edges.len()
    }

    pub(super) fn points(&self) -> usize {
        self.edges.len() + 1
    }

    /// The routes from a point, with their numbers.
    pub(super) fn routes(&self, point: usize) -> impl Iterator<Item = (u32, &Route)> {
        let from = self.firsts.get(point).copied().unwrap_or(0);
        let to = self.firsts.get(point + 1).copied().unwrap_or(from);
        let numbers = u32::try_from(from).unwrap_or(u32::MAX)..;
        numbers.zip(self.routes.get(from..to).unwrap_or_default())
    }

    pub(super) fn route(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }

    /// Whether a path can be matched in two ways.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Which paths count as a whole.
    pub(super) fn restrictor(&self) -> Restrictor {
        self.restrictor
    }

    /// Whether some path does not count although all of its edges pass.
    pub(super) fn is_restricted(&self) -> bool {
        self.restricted
    }
}

/// How many parts may be repeated more or less often.
fn choices(parts: &[Part]) -> usize {
    let of = |part: &Part| match part {
        Part::Group { parts, min, max, .. } => {
            let own = usize::from(Some(*min) != *max);
            // A choice in a part that is repeated is several.
            own + choices(parts) * if *max == Some(1) { 1 } else { 2 }
        }
        _ => 0,
    };
    parts.iter().map(of).sum()
}

impl Compiler {
    fn push(&mut self, op: Op) -> Result<usize> {
        if self.ops.len() >= OPS_MAX {
            return Err(too_long());
        }
        self.ops.push(op);
        Ok(self.ops.len() - 1)
    }

    fn set(&mut self, place: usize, op: Op) {
        if let Some(known) = self.ops.get_mut(place) {
            *known = op;
        }
    }

    fn parts(&mut self, parts: &[Part]) -> Result<()> {
        for part in parts {
            match part {
                Part::Node(element) => {
                    self.push(Op::Node(*element))?;
                }
                Part::Edge { element, direction } => {
                    self.push(Op::Edge(self.edges.len()))?;
                    self.edges.push((*element, *direction));
                    self.behind.push(self.ops.len());
                }
                Part::Group { parts, restrictor, min, max } => self.group(parts, *restrictor, *min, *max)?,
            }
        }
        Ok(())
    }

    fn group(&mut self, parts: &[Part], restrictor: Restrictor, min: u32, max: Option<u32>) -> Result<()> {
        for _ in 0..min {
            self.once(parts, restrictor)?;
        }
        let Some(max) = max else {
            let split = self.push(Op::Jump(0))?;
            self.once(parts, restrictor)?;
            self.push(Op::Jump(split))?;
            self.set(split, Op::Split(split + 1, self.ops.len()));
            return Ok(());
        };
        let mut splits = Vec::new();
        for _ in min..max {
            splits.push(self.push(Op::Jump(0))?);
            self.once(parts, restrictor)?;
        }
        for split in splits {
            self.set(split, Op::Split(split + 1, self.ops.len()));
        }
        Ok(())
    }

    fn once(&mut self, parts: &[Part], restrictor: Restrictor) -> Result<()> {
        if restrictor == Restrictor::Walk {
            return self.parts(parts);
        }
        self.push(Op::Mark(Mark::Begin(restrictor)))?;
        self.parts(parts)?;
        self.push(Op::Mark(Mark::End))?;
        Ok(())
    }

    /// The routes from a place, longest repetitions last.
    fn routes(&self, start: usize, routes: &mut Vec<Route>) -> Result<()> {
        let first = routes.len();
        let mut waiting =
            vec![(start, Route { nodes: Vec::new(), marks: Vec::new(), target: None }, Vec::new())];
        while let Some((mut place, mut route, mut been)) = waiting.pop() {
            let found = loop {
                // A repetition without an edge changes nothing, and would go on for ever.
                if been.contains(&place) {
                    break false;
                }
                match self.ops.get(place) {
                    Some(Op::Node(element)) => {
                        route.nodes.push(*element);
                        place += 1;
                    }
                    Some(Op::Mark(mark)) => {
                        route.marks.push(*mark);
                        place += 1;
                    }
                    Some(Op::Jump(to)) => place = *to,
                    Some(Op::Split(a, b)) => {
                        been.push(place);
                        waiting.push((*a, route.clone(), been.clone()));
                        place = *b;
                    }
                    Some(Op::Edge(edge)) => {
                        route.target = Some(*edge);
                        break true;
                    }
                    Some(Op::Match) | None => break true,
                }
            };
            if found && !routes.get(first..).unwrap_or_default().contains(&route) {
                routes.push(route);
            }
            if routes.len() + waiting.len() > ROUTES_MAX {
                return Err(too_long());
            }
        }
        Ok(())
    }
}

fn too_long() -> Error {
    Error::unsupported("the pattern is too long with all of its repetitions")
        .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
        .with_hint("lower the bounds of its quantifiers, or leave the upper one out")
}
