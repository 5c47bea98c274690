//! Path patterns with repeated parts, and path searches: what is walked, and the queries that say what passes.
//!
//! ```text
//!  (a:person WHERE a.age > 30)-[e:knows WHERE e.since > 2000]->{1,3}(b)
//!    ─▶ pattern    Node 0, Group {1,3} of Edge 1, Node 2
//!    ─▶ queries    SELECT "_row" FROM person AS a WHERE a.age > 30;  the same of knows
//! ```
//!
//! A condition of a repeated part is one of a node, of an edge, or of an edge with the nodes beside it. What is asked of
//! a repeated element is a column of its query; a single element is joined by its id.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Ident, ObjectName, Visit, Visitor};

use crate::graph::regular as walked;
use crate::model::{self, Error, Span};
use crate::query::rewrite::ident;
use crate::query::traverse::Output;

use super::ast::{
    At, Direction, EdgePattern, GraphTable, GroupPattern, LabelExpr, LabelKind, MatchMode, Measure,
    NodePattern, PathFactor, PathPattern, Pick, Primary, Quantifier, Restrictor, Search, folded,
};
use super::candidates::{Labels, Types};
use super::expand::Placed;

/// How often an element is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Once.
    Single,
    /// Once or not at all.
    Optional,
    /// Any number of times.
    List,
}

/// An element of a path.
pub(super) struct Slot {
    pub(super) name: Option<String>,
    pub(super) is_edge: bool,
    pub(super) types: Types,
    pub(super) kind: Kind,
    pub(super) labels: Vec<LabelExpr>,
    pub(super) filters: Vec<Expr>,
    /// Conditions on an edge and the nodes beside it.
    pub(super) around: Vec<Expr>,
    pub(super) costs: Vec<Expr>,
    /// Of an edge: the nodes beside it.
    pub(super) beside: Option<(usize, usize)>,
    pub(super) direction: Direction,
    /// What is asked of it.
    pub(super) values: Vec<Expr>,
    pub(super) at: Span,
}

/// A path that is walked.
pub(super) struct Traversal {
    /// What it is called in the query.
    pub(super) name: String,
    /// The path's variable.
    pub(super) variable: Option<String>,
    pub(super) slots: Vec<Slot>,
    pub(super) pattern: walked::Pattern,
    pub(super) about: String,
    pub(super) outputs: Vec<Output>,
    /// Conditions of parts that are not repeated, which are looked at behind all.
    pub(super) filters: Vec<Expr>,
    pub(super) graph: ObjectName,
    /// Of the conditions in it: all variables of the table.
    pub(super) known: BTreeSet<String>,
}

/// Whether a path is walked, and no join of tables.
pub(super) fn is_walked(path: &PathPattern) -> bool {
    let search = path.prefix.and_then(|prefix| prefix.search);
    !matches!(search, None | Some(Search::All))
        || path
            .factors
            .iter()
            .any(|factor| factor.quantifier.is_some() || matches!(factor.primary, Primary::Group(_)))
}

/// The names that an expression mentions in the place of variables.
pub(super) fn mentioned(expr: &Expr) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(name) => drop(self.0.insert(folded(name))),
                Expr::CompoundIdentifier(names) => self.0.extend(names.first().map(folded)),
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(BTreeSet::new());
    let _: ControlFlow<()> = expr.visit(&mut names);
    names.0
}

/// The conditions that AND puts together.
pub(super) fn conjuncts(expr: Expr) -> Vec<Expr> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(*left);
            all.extend(conjuncts(*right));
            all
        }
        Expr::Nested(inner) if matches!(*inner, Expr::BinaryOp { op: BinaryOperator::And, .. }) => {
            conjuncts(*inner)
        }
        other => vec![other],
    }
}

pub(super) fn joined(exprs: &[Expr], op: BinaryOperator) -> Option<Expr> {
    let nested = |expr: &Expr| Expr::Nested(Box::new(expr.clone()));
    let (first, rest) = exprs.split_first()?;
    Some(rest.iter().fold(nested(first), |left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(nested(right)),
    }))
}

pub(super) fn refused<T>(what: impl Into<String>, hint: &str, at: Span) -> Placed<T> {
    Err((Error::unsupported(what).with_hint(hint), at))
}

fn restrictor_of(restrictor: Option<Restrictor>) -> walked::Restrictor {
    match restrictor {
        None | Some(Restrictor::Walk) => walked::Restrictor::Walk,
        Some(Restrictor::Trail) => walked::Restrictor::Trail,
        Some(Restrictor::Acyclic) => walked::Restrictor::Acyclic,
        Some(Restrictor::Simple) => walked::Restrictor::Simple,
    }
}

fn search_of(search: Option<Search>) -> Option<walked::Search> {
    let (by_cost, pick) = match search {
        None | Some(Search::All) => return None,
        Some(Search::Any(1)) => (false, walked::Pick::One),
        Some(Search::Any(count)) => (false, walked::Pick::Count(count)),
        Some(Search::Best { by, pick }) => {
            let pick = match pick {
                Pick::One => walked::Pick::One,
                Pick::Ties => walked::Pick::Ties,
                Pick::Count(count) => walked::Pick::Count(count),
                Pick::Groups(count) => walked::Pick::Groups(count),
            };
            (by == Measure::Cost, pick)
        }
    };
    Some(walked::Search { by_cost, pick })
}

impl Traversal {
    /// A path that is walked, the one of this number in its table.
    pub(super) fn of(
        number: usize,
        path: &PathPattern,
        table: &GraphTable,
        labels: &Labels<'_>,
    ) -> Placed<Self> {
        let prefix = path.prefix.as_ref();
        let mut restrictor = restrictor_of(prefix.and_then(|prefix| prefix.restrictor));
        if table.mode == Some(MatchMode::DifferentEdges) {
            if table.paths.len() > 1 {
                let hint = "write TRAIL in front of each path pattern, or one path pattern";
                return refused(
                    "DIFFERENT EDGES over several path patterns of which one is repeated or searched for",
                    hint,
                    path.at.0,
                );
            }
            if restrictor == walked::Restrictor::Walk {
                restrictor = walked::Restrictor::Trail;
            }
        }
        let mut made = Self {
            name: format!(" path{number}"),
            variable: path.variable.as_ref().map(folded),
            slots: Vec::new(),
            pattern: walked::Pattern {
                parts: Vec::new(),
                restrictor,
                search: search_of(prefix.and_then(|prefix| prefix.search)),
                named: Vec::new(),
                same: Vec::new(),
            },
            about: path.to_string(),
            outputs: Vec::new(),
            filters: Vec::new(),
            graph: table.graph.clone(),
            known: table.variables().into_iter().map(folded).collect(),
        };
        made.pattern.parts = made.factors(&path.factors, Kind::Single, labels)?;
        made.pattern.named = made.slots.iter().map(|slot| slot.name.is_some()).collect();
        made.repeated(path.at.0)?;
        Ok(made)
    }

    /// Elements that stand at several places.
    fn repeated(&mut self, at: Span) -> Placed<()> {
        let mut counts = vec![0_usize; self.slots.len()];
        count(&self.pattern.parts, &mut counts);
        let places = (0..).zip(&counts).filter(|(_, count)| **count > 1).map(|(slot, count)| (slot, *count));
        for (slot, count) in places {
            let is_closed = count == 2 && self.is_end(slot, true) && self.is_end(slot, false);
            if self.pattern.search.is_some() && !is_closed {
                let name = self.slots.get(slot).and_then(|slot| slot.name.clone()).unwrap_or_default();
                let hint = "name the nodes differently, or leave the search out and write TRAIL or a bound";
                return refused(
                    format!("a search for paths through the node {name} several times"),
                    hint,
                    at,
                );
            }
            self.pattern.same.push(slot);
        }
        Ok(())
    }

    /// Whether the path begins, or ends, with an element.
    fn is_end(&self, slot: usize, first: bool) -> bool {
        let parts = &self.pattern.parts;
        let end = if first { parts.first() } else { parts.last() };
        matches!(end, Some(walked::Part::Node(own)) if *own == slot)
    }

    fn factors(
        &mut self,
        factors: &[PathFactor],
        kind: Kind,
        labels: &Labels<'_>,
    ) -> Placed<Vec<walked::Part>> {
        let (mut parts, mut before): (Vec<walked::Part>, Option<usize>) = (Vec::new(), None);
        // The edge that waits for its right end.
        let mut open: Option<(usize, usize)> = None;
        for PathFactor { primary, quantifier } in factors {
            let inner = match quantifier {
                None => kind,
                Some(Quantifier { optional: true, .. }) if kind == Kind::Single => Kind::Optional,
                Some(_) => Kind::List,
            };
            let (own, restrictor) = match primary {
                Primary::Node(node) => {
                    let slot = self.node(node, kind, labels)?;
                    if let Some((edge, left)) = open.take()
                        && let Some(edge) = self.slots.get_mut(edge)
                    {
                        edge.beside = Some((left, slot));
                    }
                    before = Some(slot);
                    (vec![walked::Part::Node(slot)], walked::Restrictor::Walk)
                }
                Primary::Edge(edge) => {
                    let slot = self.edge(edge, inner, labels)?;
                    open = before.filter(|_| quantifier.is_none()).map(|left| (slot, left));
                    let direction = match edge.direction {
                        Direction::Right => model::Direction::Out,
                        Direction::Left => model::Direction::In,
                        Direction::Either => model::Direction::Both,
                    };
                    (vec![walked::Part::Edge { element: slot, direction }], walked::Restrictor::Walk)
                }
                Primary::Group(group) => {
                    (open, before) = (None, None);
                    (self.group(group, inner, labels)?, restrictor_of(group.restrictor))
                }
            };
            match quantifier {
                Some(Quantifier { min, max, .. }) => {
                    parts.push(walked::Part::Group { parts: own, restrictor, min: *min, max: *max });
                }
                None if restrictor == walked::Restrictor::Walk => parts.extend(own),
                None => parts.push(walked::Part::Group { parts: own, restrictor, min: 1, max: Some(1) }),
            }
        }
        Ok(parts)
    }

    fn node(&mut self, node: &NodePattern, kind: Kind, labels: &Labels<'_>) -> Placed<usize> {
        let types = labels.matching(node.label.as_ref(), false)?;
        let name = node.variable.as_ref().map(folded);
        let known = self.slots.iter().position(|slot| name.is_some() && slot.name == name);
        let place = match known {
            Some(place) if kind != Kind::Single => {
                let name = self.slots.get(place).and_then(|slot| slot.name.clone()).unwrap_or_default();
                let hint = "give the nodes names of their own, and compare them in WHERE with same(a, b)";
                return refused(format!("the node {name} stands twice in a repeated part"), hint, node.at.0);
            }
            Some(place) => place,
            None => {
                self.slots.push(Slot::new(name, false, types.clone(), kind, node.at.0));
                self.slots.len() - 1
            }
        };
        if let Some(slot) = self.slots.get_mut(place) {
            slot.types = &slot.types & &types;
            slot.labels.extend(node.label.clone());
            slot.filters.extend(node.filter.clone());
        }
        Ok(place)
    }

    fn edge(&mut self, edge: &EdgePattern, kind: Kind, labels: &Labels<'_>) -> Placed<usize> {
        let types = labels.matching(edge.label.as_ref(), true)?;
        let leads_out = labels.lead_out(&types);
        let name = edge.variable.as_ref().map(folded);
        if name.is_some() && self.slots.iter().any(|slot| slot.name == name) {
            let what = "an edge stands twice in a path pattern that is repeated or searched for";
            return refused(what, "give each edge a name of its own", edge.at.0);
        }
        let mut slot = Slot::new(name, true, types, kind, edge.at.0);
        slot.labels.extend(edge.label.clone());
        slot.filters.extend(edge.filter.clone());
        if leads_out {
            // A query of the edges, whatever its condition, joins the graph's nodes to them.
            slot.filters.push(Expr::Value(sqlparser::ast::Value::Boolean(true).into()));
        }
        slot.costs.extend(edge.cost.clone());
        slot.direction = edge.direction;
        self.slots.push(slot);
        Ok(self.slots.len() - 1)
    }

    fn group(&mut self, group: &GroupPattern, kind: Kind, labels: &Labels<'_>) -> Placed<Vec<walked::Part>> {
        let first = self.slots.len();
        let parts = self.factors(&group.factors, kind, labels)?;
        for condition in group.filter.clone().into_iter().flat_map(conjuncts) {
            let names = self.variables_of(&condition);
            let holder = self.holder(first, &names);
            match holder.and_then(|(place, own)| Some((self.slots.get_mut(place)?, own))) {
                Some((slot, true)) => slot.filters.push(condition),
                Some((slot, false)) => slot.around.push(condition),
                None if kind == Kind::Single && self.pattern.search.is_none() => self.filters.push(condition),
                None => {
                    let hint = "a condition there may be on a node, on an edge, or on an edge and the nodes beside it";
                    return refused("a condition on several edges of a part", hint, group.at.0);
                }
            }
        }
        if let Some(cost) = &group.cost {
            let names = self.variables_of(cost);
            match self.cost_holder(first, &names) {
                Some(slot) => slot.costs.push(cost.clone()),
                None => {
                    let hint = "write the cost of each edge into it: -[e COST e.property]->";
                    return refused("a COST of several edges", hint, group.at.0);
                }
            }
        }
        Ok(parts)
    }

    /// The variables of the table that an expression mentions.
    fn variables_of(&self, expr: &Expr) -> BTreeSet<String> {
        &mentioned(expr) & &self.known
    }

    /// The element that a condition on some variables is one of, from a slot on: on itself alone, or with what is beside it.
    fn holder(&self, first: usize, names: &BTreeSet<String>) -> Option<(usize, bool)> {
        let own = |slot: &Slot| slot.name.as_ref().is_some_and(|name| names.contains(name));
        let place = match names.len() {
            0 => (first..self.slots.len())
                .find(|place| self.slots.get(*place).is_some_and(|slot| slot.is_edge)),
            1 => (first..self.slots.len()).find(|place| self.slots.get(*place).is_some_and(own)),
            _ => None,
        };
        match place {
            Some(place) => Some((place, true)),
            None => self.around(first, names).map(|place| (place, false)),
        }
    }

    /// The edge whose name, or those of the nodes beside it, are the given ones.
    fn around(&self, first: usize, names: &BTreeSet<String>) -> Option<usize> {
        (first..self.slots.len()).find(|place| {
            let Some((slot, (left, right))) =
                self.slots.get(*place).and_then(|slot| Some((slot, slot.beside?)))
            else {
                return false;
            };
            let known = [Some(slot), self.slots.get(left), self.slots.get(right)];
            names.iter().all(|name| known.iter().flatten().any(|slot| slot.name.as_ref() == Some(name)))
        })
    }

    fn cost_holder(&mut self, first: usize, names: &BTreeSet<String>) -> Option<&mut Slot> {
        let edges: Vec<usize> = (first..self.slots.len())
            .filter(|place| self.slots.get(*place).is_some_and(|slot| slot.is_edge))
            .collect();
        let place = match edges.as_slice() {
            [only] if names.is_empty() || self.around(first, names).is_some() => Some(*only),
            [first, ..] if names.is_empty() => Some(*first),
            several => several.iter().copied().find(|place| {
                let name = self.slots.get(*place).and_then(|slot| slot.name.as_ref());
                names.len() == 1 && name.is_some_and(|name| names.contains(name))
            }),
        }?;
        self.slots.get_mut(place)
    }

    /// Takes a condition from behind the pattern, if it is one of a single element and the search does not mind.
    pub(super) fn takes(&mut self, condition: &Expr) -> bool {
        let names = mentioned(condition);
        let Some(name) = names.first().filter(|_| names.len() == 1) else { return false };
        let is_own = |slot: &Slot| slot.name.as_ref() == Some(name) && slot.kind == Kind::Single;
        let Some(place) = self.slots.iter().position(is_own) else { return false };
        if self.pattern.search.is_some() && !self.is_end(place, true) && !self.is_end(place, false) {
            return false;
        }
        if let Some(slot) = self.slots.get_mut(place) {
            slot.filters.push(condition.clone());
        }
        true
    }

    /// The element of a name.
    pub(super) fn slot(&self, name: &str) -> Option<(usize, &Slot)> {
        (0..).zip(&self.slots).find(|(_, slot)| slot.name.as_deref() == Some(name))
    }

    /// A column of the relation; its name.
    pub(super) fn output(&mut self, output: Output) -> String {
        let place = match self.outputs.iter().position(|known| *known == output) {
            Some(place) => place,
            None => {
                self.outputs.push(output);
                self.outputs.len() - 1
            }
        };
        format!(" c{place}")
    }

    /// The column of an element's query that has a value.
    pub(super) fn value(&mut self, slot: usize, value: &Expr) -> usize {
        let Some(own) = self.slots.get_mut(slot) else { return 0 };
        let place = match own.values.iter().position(|known| known == value) {
            Some(place) => place,
            None => {
                own.values.push(value.clone());
                own.values.len() - 1
            }
        };
        self.before_values(slot) + place
    }

    fn before_values(&self, slot: usize) -> usize {
        let cost = self.slots.get(slot).is_some_and(|slot| !slot.costs.is_empty());
        1 + usize::from(self.is_sided(slot)) + usize::from(cost)
    }

    /// Whether a cost needs the nodes beside its edge.
    pub(super) fn is_costed_around(&self, place: usize) -> bool {
        let Some(slot) = self.slots.get(place) else { return false };
        let others =
            |cost: &Expr| self.variables_of(cost).iter().any(|name| slot.name.as_ref() != Some(name));
        slot.costs.iter().any(others)
    }

    /// Whether the query of an edge tells its two directions apart.
    pub(super) fn is_sided(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| {
            slot.direction == Direction::Either && (!slot.around.is_empty() || self.is_costed_around(place))
        })
    }
}

impl Slot {
    fn new(name: Option<String>, is_edge: bool, types: Types, kind: Kind, at: Span) -> Self {
        Self {
            name,
            is_edge,
            types,
            kind,
            labels: Vec::new(),
            filters: Vec::new(),
            around: Vec::new(),
            costs: Vec::new(),
            beside: None,
            direction: Direction::Right,
            values: Vec::new(),
            at,
        }
    }

    pub(super) fn label(&self) -> Option<LabelExpr> {
        match self.labels.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(LabelExpr { kind: LabelKind::And(several.to_vec()), at: At(self.at) }),
        }
    }
}

/// Counts at how many places each element stands.
fn count(parts: &[walked::Part], counts: &mut [usize]) {
    for part in parts {
        match part {
            walked::Part::Node(slot) => {
                if let Some(count) = counts.get_mut(*slot) {
                    *count += 1;
                }
            }
            walked::Part::Edge { .. } => {}
            walked::Part::Group { parts, .. } => count(parts, counts),
        }
    }
}

/// The name as it is written in a query.
pub(super) fn column(relation: &str, name: &str) -> Expr {
    let quoted: [Ident; 2] = [ident(relation), ident(name)];
    Expr::CompoundIdentifier(quoted.to_vec())
}
