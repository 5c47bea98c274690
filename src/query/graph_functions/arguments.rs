//! The arguments of graph functions: computed before the statement is planned, and read from the plan.

use std::ops::ControlFlow;

use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr as PlannedExpr;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Query, SelectItem, SetExpr, Statement, TableFactor, UnaryOperator,
    Value as Literal, VisitMut, VisitorMut, visit_relations,
};
use uuid::Uuid;

use crate::columnar::value_at;
use crate::model::{Direction, Error, Result, TypeId, Value, sqlstate};
use crate::query::rewrite::{ident, name_of, parse_query};
use crate::storage::{Catalog, closest};

use super::{Function, Kind, is_known};

/// Arguments that have to be computed, in the order of the text.
pub type Waiting = Vec<Expr>;

/// Takes the arguments of a statement's graph functions that are no literals out of it.
///
/// # Errors
/// `Unsupported` for one that reads a WITH clause of the statement: it is computed on its own.
pub fn take_out(statement: &mut Statement) -> Result<Waiting> {
    let mut waiting = Waiting::new();
    each(statement, &mut |expr, known| {
        let read = visit_relations(expr, |name| match name.0.as_slice() {
            [part] if part.as_ident().is_some_and(|name| known.contains(&name_of(name))) => {
                ControlFlow::Break(name.to_string())
            }
            _ => ControlFlow::Continue(()),
        });
        if let ControlFlow::Break(name) = read {
            return Err(Error::unsupported(format!(
                "an argument of a graph function cannot read {name} of a WITH clause: it is computed before the statement"
            ))
            .with_hint("write the query of the WITH clause in the argument"));
        }
        // Nobody looks into what was taken out: functions in it are computed with it.
        waiting.push(std::mem::replace(expr, Expr::Identifier(ident("argument"))));
        Ok(())
    })?;
    Ok(waiting)
}

/// The query that gives an argument's value.
///
/// # Errors
/// None but `Internal`.
pub fn query_of(argument: Expr) -> Result<Statement> {
    let mut query = parse_query("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(argument)];
    }
    Ok(Statement::Query(Box::new(query)))
}

/// Puts values in the place of what [`take_out`] gave.
///
/// # Errors
/// None but `Internal`.
pub fn put_in(statement: &mut Statement, values: Vec<Value>) -> Result<()> {
    let mut values = values.into_iter();
    each(statement, &mut |expr, _| {
        let literal = match values.next() {
            None | Some(Value::Null) => Literal::Null,
            Some(Value::Bool(truth)) => Literal::Boolean(truth),
            Some(Value::Integer(number)) => Literal::Number(number.to_string(), false),
            Some(Value::Decimal(number)) => Literal::Number(Value::Decimal(number).to_text(), false),
            Some(Value::Float(number)) => Literal::Number(format!("{number:?}"), false),
            Some(other) => Literal::SingleQuotedString(other.to_text()),
        };
        *expr = match literal {
            // A sign is no part of a number.
            Literal::Number(text, long) if text.starts_with('-') => Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr: Box::new(Expr::Value(Literal::Number(text.replacen('-', "", 1), long).into())),
            },
            literal => Expr::Value(literal.into()),
        };
        Ok(())
    })
}

/// What is done with an argument, and the names of the WITH clauses around it.
type Visit<'v> = dyn FnMut(&mut Expr, &[String]) -> Result<()> + 'v;

/// Visits the arguments that are no literals.
fn each(statement: &mut Statement, visit: &mut Visit<'_>) -> Result<()> {
    struct Finder<'f, 'v> {
        visit: &'f mut Visit<'v>,
        /// Of the queries around: the names of their WITH clauses.
        names: Vec<String>,
        counts: Vec<usize>,
    }
    impl VisitorMut for Finder<'_, '_> {
        type Break = Error;

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
            let clauses = query.with.iter().flat_map(|with| &with.cte_tables);
            let before = self.names.len();
            self.names.extend(clauses.map(|clause| name_of(&clause.alias.name)));
            self.counts.push(self.names.len() - before);
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
            let count = self.counts.pop().unwrap_or(0);
            self.names.truncate(self.names.len().saturating_sub(count));
            ControlFlow::Continue(())
        }

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
            let (name, args) = match factor {
                TableFactor::Table { name, args: Some(args), .. } => (name, &mut args.args),
                TableFactor::Function { name, args, .. } => (name, args),
                _ => return ControlFlow::Continue(()),
            };
            let known = matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| is_known(&name_of(name))));
            for argument in args.iter_mut().filter(|_| known) {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument
                    && !is_literal(expr)
                    && let Err(error) = (self.visit)(expr, &self.names)
                {
                    return ControlFlow::Break(error);
                }
            }
            ControlFlow::Continue(())
        }
    }
    match VisitMut::visit(statement, &mut Finder { visit, names: Vec::new(), counts: Vec::new() }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Literal::Placeholder(_)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_literal(expr),
        _ => false,
    }
}

/// The arguments of a call, in the order of the parameters; absent ones at the end left out.
#[derive(Debug)]
pub(super) struct Arguments {
    function: &'static str,
    values: Vec<Value>,
}

impl Arguments {
    /// Reads what a call was planned with.
    pub(super) fn read(function: &'static Function, given: &[PlannedExpr]) -> Result<Self> {
        let name = function.name;
        let least = function.parameters.iter().filter(|parameter| !parameter.optional).count();
        if given.len() < least || given.len() > function.parameters.len() {
            return Err(Error::bad_input(format!("{name} takes other arguments than these {}", given.len()))
                .with_sqlstate(sqlstate::UNDEFINED_FUNCTION)
                .with_hint(format!("it is {}", function.syntax())));
        }
        let mut values = Vec::with_capacity(given.len());
        for (expr, parameter) in given.iter().zip(function.parameters) {
            let value = literal(expr).ok_or_else(|| {
                Error::unsupported(format!(
                    "{name}: the argument \"{}\" depends on the rows of other tables",
                    parameter.name
                ))
                .with_hint("an argument may be a literal, a parameter, or a subquery of its own")
            })?;
            let fits = match parameter.kind {
                Kind::Node | Kind::Text | Kind::Direction => {
                    matches!(value, Value::String(_)) || (parameter.optional && value == Value::Null)
                }
                Kind::Edges => matches!(value, Value::String(_) | Value::Null),
                Kind::Integer => {
                    matches!(value, Value::Integer(_)) || (parameter.optional && value == Value::Null)
                }
                Kind::Float => {
                    matches!(value, Value::Integer(_) | Value::Float(_) | Value::Decimal(_))
                        || (parameter.optional && value == Value::Null)
                }
            };
            if value == Value::Null && parameter.kind == Kind::Node {
                return Err(Error::not_found(format!(
                    "{name}: the argument \"{}\" is NULL: there is no such node",
                    parameter.name
                )));
            }
            if !fits {
                return Err(Error::bad_input(format!(
                    "{name}: {} cannot be the argument \"{}\"",
                    value.to_text(),
                    parameter.name
                ))
                .with_sqlstate(sqlstate::DATATYPE_MISMATCH)
                .with_hint(format!("it is {}", function.syntax())));
            }
            values.push(value);
        }
        Ok(Self { function: name, values })
    }

    /// The function's name.
    pub(super) fn function(&self) -> &'static str {
        self.function
    }

    /// A text; nothing where it is absent or NULL.
    pub(super) fn text(&self, place: usize) -> Option<&str> {
        match self.values.get(place) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The id of a node.
    ///
    /// # Errors
    /// `BadInput` for a text that is no id.
    pub(super) fn node(&self, place: usize) -> Result<Uuid> {
        let text = self.text(place).unwrap_or_default();
        Uuid::parse_str(text).map_err(|_| {
            Error::bad_input(format!("{}: '{text}' is no id", self.function))
                .with_hint("give the id of a node, for instance (SELECT id FROM type WHERE name = '...')")
        })
    }

    /// The edge types that an argument names; all where it is absent.
    ///
    /// # Errors
    /// `NotFound` for one that there is not, `BadInput` for a type of nodes.
    pub(super) fn edge_types(&self, place: usize, catalog: &Catalog) -> Result<Vec<TypeId>> {
        let edge_types = || catalog.types().filter(|definition| definition.is_edge());
        let Some(names) = self.text(place) else {
            return Ok(edge_types().map(|definition| definition.id).collect());
        };
        let (mut found, function) = (Vec::new(), self.function);
        for name in names.split(',').map(str::trim) {
            match catalog.get(name) {
                Some(definition) if definition.is_edge() => found.push(definition.id),
                Some(_) => {
                    return Err(Error::bad_input(format!(
                        "{function}: {name} is a type of nodes, a type of edges is needed"
                    ))
                    .with_sqlstate(sqlstate::UNDEFINED_OBJECT));
                }
                None => {
                    let names: Vec<&str> = edge_types().map(|definition| definition.name.as_str()).collect();
                    let hint = match closest(name, names.iter().copied()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("the edge types are {}", names.join(", ")),
                    };
                    return Err(Error::not_found(format!("{function}: no edge type \"{name}\""))
                        .with_sqlstate(sqlstate::UNDEFINED_OBJECT)
                        .with_hint(hint));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Says before the statement runs what is wrong with arguments.
    ///
    /// # Errors
    /// As the methods that read them.
    pub(super) fn check(&self, function: &Function, catalog: &Catalog) -> Result<()> {
        for (place, parameter) in function.parameters.iter().enumerate().take(self.values.len()) {
            match parameter.kind {
                Kind::Node => drop(self.node(place)?),
                Kind::Edges => drop(self.edge_types(place, catalog)?),
                Kind::Direction => drop(self.direction(place)?),
                Kind::Integer => drop(self.count(place)?),
                Kind::Float | Kind::Text => {}
            }
        }
        Ok(())
    }

    /// A whole number that is not below zero.
    ///
    /// # Errors
    /// `BadInput` for one that is.
    pub(super) fn count(&self, place: usize) -> Result<Option<u64>> {
        match self.values.get(place) {
            Some(Value::Integer(number)) => u64::try_from(*number)
                .map(Some)
                .map_err(|_| Error::bad_input(format!("{}: {number} is below zero", self.function))),
            _ => Ok(None),
        }
    }

    /// A number.
    // A decimal is read as the nearest float, which is what it is used as.
    pub(super) fn number(&self, place: usize) -> Option<f64> {
        match self.values.get(place)? {
            Value::Null => None,
            other => other.to_text().parse().ok(),
        }
    }

    /// Which way edges are followed; out where it is absent.
    ///
    /// # Errors
    /// `BadInput` for any other text.
    pub(super) fn direction(&self, place: usize) -> Result<Direction> {
        Ok(match self.text(place).map(str::to_ascii_lowercase).as_deref() {
            None | Some("out") => Direction::Out,
            Some("in") => Direction::In,
            Some("both") => Direction::Both,
            Some(other) => {
                return Err(Error::bad_input(format!("{}: '{other}' is no direction", self.function))
                    .with_hint("the directions are 'out', 'in' and 'both'"));
            }
        })
    }
}

fn value_of(value: &ScalarValue) -> Option<Value> {
    let array = value.to_array().ok()?;
    Some(value_at(&array, &Field::new("", value.data_type(), true), 0))
}

fn literal(expr: &PlannedExpr) -> Option<Value> {
    match expr {
        PlannedExpr::Literal(value, _) => value_of(value),
        PlannedExpr::Negative(inner) => match literal(inner)? {
            Value::Integer(number) => number.checked_neg().map(Value::Integer),
            Value::Float(number) => Some(Value::Float(-number)),
            Value::Decimal(mut number) => {
                number.unscaled = number.unscaled.checked_neg()?;
                Some(Value::Decimal(number))
            }
            _ => None,
        },
        PlannedExpr::Cast(cast) => literal(&cast.expr),
        _ => None,
    }
}
