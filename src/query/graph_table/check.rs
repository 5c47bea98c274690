//! What a pattern may not say although it can be written: rules of ISO/IEC 9075-16 that need no graph.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, visit_expressions};

use super::ast::{
    At, GraphTable, MatchMode, Measure, OutputColumn, PathFactor, Primary, Restrictor, Search, folded,
};
use super::reader::Reader;
use crate::model::{Result, sqlstate};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Node,
    Edge,
    Path,
}

impl Kind {
    fn shown(self) -> &'static str {
        match self {
            Kind::Node => "a node",
            Kind::Edge => "an edge",
            Kind::Path => "a path",
        }
    }
}

struct Check<'r, 'a> {
    r: &'r Reader<'a>,
    /// Each variable: what it is, and the quantified part it stands in (0 is none).
    variables: HashMap<String, (Kind, usize)>,
    /// Quantified parts so far.
    parts: usize,
}

/// What holds for the elements of a list.
#[derive(Clone, Copy)]
struct Around {
    /// The quantified part they stand in.
    part: usize,
    /// The paths are finitely many, whatever the quantifiers.
    bounded: bool,
    /// The path is one of the CHEAPEST.
    cheapest: bool,
}

/// Checks a table.
///
/// # Errors
/// `BadInput` with the place of what breaks a rule.
pub(super) fn check(r: &Reader<'_>, table: &GraphTable) -> Result<()> {
    let mut check = Check { r, variables: HashMap::new(), parts: 0 };
    for path in &table.paths {
        if let Some(variable) = &path.variable {
            check.declare(variable, Kind::Path, 0, path.at)?;
        }
        let search = path.prefix.and_then(|prefix| prefix.search);
        let restrictor = path.prefix.and_then(|prefix| prefix.restrictor);
        let cheapest = matches!(search, Some(Search::Best { by: Measure::Cost, .. }));
        let bounded = table.mode == Some(MatchMode::DifferentEdges)
            || !matches!(search, None | Some(Search::All))
            || bounds(restrictor);
        let costs = check.factors(&path.factors, Around { part: 0, bounded, cheapest })?;
        if let (true, 0, Some(prefix)) = (cheapest, costs, path.prefix) {
            let error = r.wrong_at(prefix.at, "CHEAPEST needs the cost of the edges");
            return Err(error.with_hint("write it into an edge: -[e COST e.property]->"));
        }
    }
    for column in &table.columns {
        if let OutputColumn::All { variable, at } = column {
            match check.variables.get(&folded(variable)) {
                Some((Kind::Node | Kind::Edge, _)) => {}
                Some((Kind::Path, _)) => {
                    let error = r.wrong_at(*at, format!("{variable} is a path, which has no properties"));
                    return Err(error.with_hint("name a node or an edge"));
                }
                None => {
                    let error = r.wrong_at(*at, format!("no element {variable} stands in the pattern"));
                    return Err(error.with_sqlstate(sqlstate::UNDEFINED_COLUMN));
                }
            }
        }
    }
    for expr in table.expressions() {
        stars(r, expr)?;
    }
    Ok(())
}

/// Refuses `v.*` where a value is needed.
fn stars(r: &Reader<'_>, expr: &Expr) -> Result<()> {
    let found = visit_expressions(expr, |expr| match expr {
        Expr::Wildcard(star) | Expr::QualifiedWildcard(_, star) => ControlFlow::Break(star.0.span.start),
        _ => ControlFlow::Continue(()),
    });
    match found {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(place) => {
            let error = r.wrong_at(r.at_place(place), "'*' stands for no value");
            Err(error.with_hint("name a property, or write v.* as a column of its own"))
        }
    }
}

fn bounds(restrictor: Option<Restrictor>) -> bool {
    matches!(restrictor, Some(Restrictor::Trail | Restrictor::Acyclic | Restrictor::Simple))
}

impl Check<'_, '_> {
    fn declare(&mut self, variable: &Ident, kind: Kind, part: usize, at: At) -> Result<()> {
        match self.variables.insert(folded(variable), (kind, part)) {
            None => Ok(()),
            Some((Kind::Path, _)) if kind == Kind::Path => {
                Err(self.r.wrong_at(at, format!("two paths are named {variable}")))
            }
            Some((before, _)) if before != kind => Err(self
                .r
                .wrong_at(at, format!("the variable {variable} is {} and {}", before.shown(), kind.shown()))),
            Some((_, before)) if before != part => {
                let message = format!("the variable {variable} stands inside and outside of a repeated part");
                let hint = "give one of them another name: inside it stands for a list";
                Err(self.r.wrong_at(at, message).with_hint(hint))
            }
            Some(_) => Ok(()),
        }
    }

    /// Checks a list of elements, and counts the costs in it.
    fn factors(&mut self, factors: &[PathFactor], around: Around) -> Result<usize> {
        self.neighbours(factors)?;
        let mut costs = 0;
        for PathFactor { primary, quantifier } in factors {
            let mut around = around;
            if let Some(quantifier) = quantifier {
                if matches!(primary, Primary::Node(_)) {
                    let error = self.r.wrong_at(quantifier.at, "a node takes no quantifier");
                    return Err(
                        error.with_hint("repeat an edge, or a path in parentheses: ((a)-[e]->(b)){1,3}")
                    );
                }
                // A restrictor within the part holds for each repetition alone.
                if quantifier.max.is_none() && !around.bounded {
                    let error = self
                        .r
                        .wrong_at(quantifier.at, "a quantifier without an upper bound has endless matches");
                    let hint = "write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10}";
                    return Err(error.with_hint(hint));
                }
                self.parts += 1;
                around.part = self.parts;
            }
            costs += self.primary(primary, around)?;
        }
        Ok(costs)
    }

    fn primary(&mut self, primary: &Primary, around: Around) -> Result<usize> {
        match primary {
            Primary::Node(node) => {
                if let Some(variable) = &node.variable {
                    self.declare(variable, Kind::Node, around.part, node.at)?;
                }
                Ok(0)
            }
            Primary::Edge(edge) => {
                if let Some(variable) = &edge.variable {
                    self.declare(variable, Kind::Edge, around.part, edge.at)?;
                }
                self.cost(edge.cost.is_some(), around, edge.at)
            }
            Primary::Group(group) => {
                if let Some(variable) = &group.variable {
                    self.declare(variable, Kind::Path, around.part, group.at)?;
                }
                let own = self.cost(group.cost.is_some(), around, group.at)?;
                let inner = Around { bounded: around.bounded || bounds(group.restrictor), ..around };
                Ok(own + self.factors(&group.factors, inner)?)
            }
        }
    }

    fn cost(&self, present: bool, around: Around, at: At) -> Result<usize> {
        if present && !around.cheapest {
            let error = self.r.wrong_at(at, "COST without CHEAPEST changes nothing");
            return Err(error.with_hint("write ANY CHEAPEST in front of the path pattern"));
        }
        Ok(usize::from(present))
    }

    /// Nodes and edges take turns; a part in parentheses begins and ends with a node of its own.
    fn neighbours(&self, factors: &[PathFactor]) -> Result<()> {
        const HINT: &str = "write () for a node without conditions";
        let mut before: Option<&Primary> = None;
        for PathFactor { primary, quantifier } in factors {
            match (before, primary) {
                (None, Primary::Edge(edge)) => {
                    return Err(self
                        .r
                        .wrong_at(edge.at, "a path pattern cannot start with an edge")
                        .with_hint(HINT));
                }
                (Some(Primary::Edge(_)), Primary::Edge(edge)) => {
                    return Err(self.r.wrong_at(edge.at, "between two edges stands a node").with_hint(HINT));
                }
                (Some(Primary::Node(_)), Primary::Node(node)) => {
                    let error = self.r.wrong_at(node.at, "between two nodes stands an edge");
                    return Err(
                        error.with_hint("put ->, <- or - between them, or a comma before another path")
                    );
                }
                _ => {}
            }
            if let (Primary::Group(group), Some(quantifier)) = (primary, quantifier)
                && !has_edge(&group.factors)
            {
                return Err(self.r.wrong_at(quantifier.at, "a repeated part needs an edge"));
            }
            before = Some(primary);
        }
        match before {
            Some(Primary::Edge(edge)) => {
                Err(self.r.wrong_at(edge.at, "a path pattern cannot end with an edge").with_hint(HINT))
            }
            _ => Ok(()),
        }
    }
}

fn has_edge(factors: &[PathFactor]) -> bool {
    factors.iter().any(|factor| match &factor.primary {
        Primary::Node(_) => false,
        Primary::Edge(_) => true,
        Primary::Group(group) => has_edge(&group.factors),
    })
}
