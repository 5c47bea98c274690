//! Subqueries in expressions, on the syntax tree, before DataFusion makes joins of them.
//!
//! A semi join answers true or false. Where that is all that counts (a condition, joined to others
//! by AND and OR) `x IN (SELECT ...)` and EXISTS stay as they are. Where NULL counts, or the answer is
//! shown, they become what has SQL's three answers: `x = ANY` over the subquery's values in a list
//! (see `quantified`), a count compared with 0. So do comparisons with ANY and ALL.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Distinct, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, GroupByExpr, Query, Select, SelectItem, SetExpr, UnaryOperator, VisitMut, VisitorMut,
};

use super::error::refuse;
use super::quantified::{Comparison, function_name};
use super::rewrite::{ident, object_name, parse_query};
use crate::model::{Error, Result};

/// Corrects the subqueries in the clauses of a SELECT; those below them are corrected in their turn.
///
/// # Errors
/// `Unsupported` for forms without a way.
pub fn correct_select(select: &mut Select) -> Result<()> {
    for condition in [&mut select.selection, &mut select.having, &mut select.qualify].into_iter().flatten() {
        correct_condition(condition, true)?;
    }
    for item in &mut select.from {
        for join in &mut item.joins {
            if let Some(condition) = super::rewrite::condition_of(&mut join.join_operator) {
                correct_condition(condition, true)?;
            }
        }
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            // The name stays what was written.
            correct_value(expr, true)?;
        }
    }
    if let GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
        exprs.iter_mut().try_for_each(|expr| correct_value(expr, true))?;
    }
    Ok(())
}

/// Corrects an expression that stands where NULL and false mean the same; `alone`: it is a condition
/// of its own, joined to others by AND at most.
///
/// # Errors
/// `Unsupported` for forms without a way.
pub fn correct_condition(expr: &mut Expr, alone: bool) -> Result<()> {
    plain_in(expr);
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            correct_condition(left, alone)?;
            correct_condition(right, alone)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            correct_condition(left, false)?;
            correct_condition(right, false)
        }
        Expr::Nested(inner) => correct_condition(inner, alone),
        Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
            plain_in(inner);
            match without_parentheses(inner) {
                Expr::InSubquery { expr: value, subquery, negated } => {
                    let (value, subquery, negated) = (value.clone(), subquery.clone(), !*negated);
                    *expr = Expr::InSubquery { expr: value, subquery, negated };
                    correct_condition(expr, alone)
                }
                _ => correct_value(expr, false),
            }
        }
        Expr::InSubquery { expr: left, subquery, negated } => {
            if let Some(values) = row_of(left) {
                if *negated {
                    return Err(in_rows());
                }
                *expr = exists_equal(&values, subquery)?;
                return Ok(());
            }
            let simple = !*negated || (alone && is_column(left));
            if simple { correct_value(left, false) } else { correct_value(expr, false) }
        }
        _ => correct_value(expr, false),
    }
}

fn without_parentheses(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => without_parentheses(inner),
        other => other,
    }
}

/// For another expression the planner looks at the columns in it to see whether it may be NULL.
fn is_column(expr: &Expr) -> bool {
    matches!(without_parentheses(expr), Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// `= ANY (SELECT ...)` is IN, `<> ALL (SELECT ...)` is NOT IN.
fn plain_in(expr: &mut Expr) {
    let (left, right, negated) = match expr {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        _ => return,
    };
    if let Expr::Subquery(subquery) = right.as_ref() {
        *expr = Expr::InSubquery { expr: left.clone(), subquery: subquery.clone(), negated };
    }
}

/// The values of `(a, b)`.
fn row_of(expr: &Expr) -> Option<Vec<Expr>> {
    match without_parentheses(expr) {
        Expr::Tuple(values) if values.len() > 1 => Some(values.clone()),
        _ => None,
    }
}

fn in_rows() -> Error {
    refuse(
        "a row with NOT IN (SELECT ...), or with IN (SELECT ...) as a value",
        "use NOT EXISTS (SELECT ...)",
    )
}

/// `(a, b) IN (SELECT x, y ...)` as EXISTS.
fn exists_equal(values: &[Expr], subquery: &Query) -> Result<Expr> {
    let names: Vec<String> = (1..=values.len()).map(|n| format!("\u{1}{n}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let mut outer =
        parse_query(&format!("SELECT 1 FROM (SELECT 1) AS \"\u{1}in\" ({})", columns.join(", ")))?;
    put_below(&mut outer, subquery);
    if let SetExpr::Select(select) = outer.body.as_mut() {
        select.selection = values.iter().zip(&names).map(|(value, name)| equal(value, name)).reduce(and);
    }
    Ok(Expr::Exists { subquery: Box::new(outer), negated: false })
}

fn equal(value: &Expr, name: &str) -> Expr {
    let column = Expr::CompoundIdentifier(vec![ident("\u{1}in"), ident(name)]);
    Expr::BinaryOp {
        left: Box::new(column),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::Nested(Box::new(value.clone()))),
    }
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

/// Puts a query in the place of the subquery in FROM of one of our own making.
fn put_below(outer: &mut Query, inner: &Query) {
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let Some(item) = select.from.first_mut()
        && let ast::TableFactor::Derived { subquery, .. } = &mut item.relation
    {
        **subquery = inner.clone();
    }
}

/// Corrects an expression whose NULL counts. `exists`: EXISTS is one of its values, too.
///
/// # Errors
/// `Unsupported` for forms without a way.
pub fn correct_value(expr: &mut Expr, exists: bool) -> Result<()> {
    let mut visitor = Values { depth: 0, exists };
    match VisitMut::visit(expr, &mut visitor) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Values {
    /// How many subqueries deep: those below have their own turn.
    depth: usize,
    exists: bool,
}

impl VisitorMut for Values {
    type Break = Error;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match as_value(expr, self.exists) {
            Ok(Some(value)) => *expr = value,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

/// What an expression becomes, where it becomes another.
fn as_value(expr: &Expr, exists: bool) -> Result<Option<Expr>> {
    Ok(Some(match expr {
        Expr::InSubquery { expr: left, subquery, negated } => {
            let found = quantified(left, Comparison::Equal, false, &Expr::Subquery(subquery.clone()))?;
            if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) } } else { found }
        }
        Expr::AnyOp { left, compare_op, right, .. } => quantified(left, of(compare_op)?, false, right)?,
        Expr::AllOp { left, compare_op, right } => quantified(left, of(compare_op)?, true, right)?,
        Expr::Exists { subquery, negated } if exists => {
            let op = if *negated { BinaryOperator::Eq } else { BinaryOperator::Gt };
            let zero = Expr::Value(ast::Value::Number("0".to_owned(), false).into());
            let count = Expr::Subquery(Box::new(aggregated(subquery, "count(*)", None)?));
            Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(count), op, right: Box::new(zero) }))
        }
        _ => return Ok(None),
    }))
}

fn of(operator: &BinaryOperator) -> Result<Comparison> {
    Ok(match operator {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        other => return Err(refuse(&format!("{other} with ANY or ALL"), "use EXISTS (SELECT ...)")),
    })
}

fn quantified(left: &Expr, comparison: Comparison, all: bool, right: &Expr) -> Result<Expr> {
    if row_of(left).is_some() {
        return Err(in_rows());
    }
    let (list, subquery) = match right {
        Expr::Subquery(query) => {
            (Expr::Subquery(Box::new(aggregated(query, "array_agg(\"\u{1}v\")", Some("\u{1}v"))?)), true)
        }
        Expr::Nested(inner) => return quantified(left, comparison, all, inner),
        array => (array.clone(), false),
    };
    let name = function_name(comparison, all, subquery);
    Ok(call(&name, vec![left.clone(), list]))
}

/// A call of a function by its exact name.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect();
    Expr::Function(Function {
        name: object_name(&[name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A subquery's rows as one value. Where nothing stands in the way the aggregate takes the place of
/// the columns, so that the planner can follow references to the query around; else it stands above.
fn aggregated(query: &Query, aggregate: &str, column: Option<&str>) -> Result<Query> {
    if let SetExpr::Select(select) = query.body.as_ref()
        && is_simple(query, select)
    {
        let inner = match (column, select.projection.as_slice()) {
            (None, _) => None,
            (Some(_), [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }]) => Some(expr),
            _ => return above(query, aggregate, column),
        };
        let function = match inner {
            Some(expr) => call("array_agg", vec![expr.clone()]),
            None => return counted(query),
        };
        let mut made = query.clone();
        made.order_by = None;
        if let SetExpr::Select(select) = made.body.as_mut() {
            select.projection = vec![SelectItem::UnnamedExpr(function)];
        }
        return Ok(made);
    }
    above(query, aggregate, column)
}

fn counted(query: &Query) -> Result<Query> {
    let mut made = query.clone();
    made.order_by = None;
    let count = parse_query("SELECT count(*)")?;
    if let (SetExpr::Select(select), SetExpr::Select(count)) = (made.body.as_mut(), *count.body) {
        select.projection = count.projection;
    }
    Ok(made)
}

fn above(query: &Query, aggregate: &str, column: Option<&str>) -> Result<Query> {
    let columns = column.map(|name| format!("(\"{name}\")")).unwrap_or_default();
    let mut outer = parse_query(&format!("SELECT {aggregate} FROM (SELECT 1) AS \"\u{1}q\" {columns}"))?;
    put_below(&mut outer, query);
    Ok(outer)
}

/// Whether the columns of a query can be exchanged for an aggregate of them.
fn is_simple(query: &Query, select: &Select) -> bool {
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(exprs, _) => !exprs.is_empty(),
        GroupByExpr::All(_) => true,
    };
    let plain = query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && !grouped
        && select.having.is_none()
        && select.qualify.is_none()
        && matches!(select.distinct, None | Some(Distinct::All))
        && !select.from.is_empty();
    plain && !select.projection.iter().any(has_call)
}

/// Whether a column may hold an aggregate, a window or a function that makes rows.
fn has_call(item: &SelectItem) -> bool {
    const SCALAR: [&str; 8] = ["lower", "upper", "coalesce", "nullif", "abs", "length", "round", "trim"];
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return false };
    let found = ast::visit_expressions(expr, |e| match e {
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            if SCALAR.contains(&name.as_str()) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}
