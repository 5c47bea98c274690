//! Expressions that would take the planner long, written so that they do not, or refused.
//!
//! **Chains.** The parser makes `a OR b OR c ...` as deep as it is long, and the planner's work on an expression grows
//! with its size times its depth. Both operators are associative, with NULLs too, and the order of their
//! operands stays: the tree means the same.
//!
//! **Growth.** The planner writes `coalesce(a, b)` as `CASE WHEN a IS NOT NULL THEN a ELSE b END`, with `a`
//! twice; nested in each other such functions grow with two to the power of their depth. Where that gets
//! out of hand, `coalesce` directly in `coalesce` becomes one, and what grows even so is refused.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, VisitMut, VisitorMut,
};

use crate::model::{Error, Result, sqlstate};

/// The deepest nesting of subqueries in expressions: the planner goes through each of them twice for every
/// one around it.
const MOST_SUBQUERIES: usize = 12;
/// The most parts of expressions that a statement may be larger by for the planner than as it is written.
const MOST_COPIES: u64 = 20_000;
/// Functions that the planner writes with an argument twice.
const COPYING: [&str; 5] = ["coalesce", "ifnull", "nullif", "nvl", "nvl2"];

/// Shorter chains stay as they are.
const SHORT: usize = 16;

/// Balances the chains of a statement, and keeps it from growing.
///
/// # Errors
/// `BadInput` for a statement that would grow too much.
pub fn tame(statement: &mut ast::Statement) -> Result<()> {
    let _ = VisitMut::visit(statement, &mut Balancer);
    if VisitMut::visit(statement, &mut Subqueries(0)).is_break() {
        return Err(Error::bad_input(format!("subqueries are nested deeper than {MOST_SUBQUERIES} levels"))
            .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
            .with_hint("put inner ones into WITH clauses, or join them"));
    }
    if !grows(statement) {
        return Ok(());
    }
    let _ = VisitMut::visit(statement, &mut Flattener);
    if grows(statement) {
        return Err(Error::bad_input("functions such as coalesce and nullif are nested too deeply")
            .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
            .with_hint("compute the inner ones in a subquery of FROM"));
    }
    Ok(())
}

/// Whether a statement is much larger for the planner than as it is written.
fn grows(statement: &mut ast::Statement) -> bool {
    let mut growth = Growth { copies: vec![1], more: 0 };
    VisitMut::visit(statement, &mut growth).is_break()
}

/// How many subqueries of expressions stand around.
struct Subqueries(usize);

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
}

impl VisitorMut for Subqueries {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0 += usize::from(is_subquery(expr));
        if self.0 > MOST_SUBQUERIES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0 -= usize::from(is_subquery(expr));
        ControlFlow::Continue(())
    }
}

struct Growth {
    /// For each expression around: how often the planner will have what is in it.
    copies: Vec<u64>,
    more: u64,
}

impl VisitorMut for Growth {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let copies = self.copies.last().copied().unwrap_or(1);
        self.more = self.more.saturating_add(copies - 1);
        let copying = match expr {
            Expr::Between { .. } => true,
            Expr::Function(function) => COPYING.iter().any(|name| is_call(function, name)),
            _ => false,
        };
        self.copies.push(if copying { copies.saturating_mul(2) } else { copies });
        if self.more > MOST_COPIES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
        self.copies.pop();
        ControlFlow::Continue(())
    }
}

fn is_call(function: &Function, name: &str) -> bool {
    matches!(function.name.0.as_slice(), [ast::ObjectNamePart::Identifier(own)] if own.value.eq_ignore_ascii_case(name))
}

/// Makes one of a `coalesce` directly in another.
struct Flattener;

impl VisitorMut for Flattener {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some(arguments) = coalesced(expr) else { return ControlFlow::Continue(()) };
        let mut flat = Vec::with_capacity(arguments.args.len());
        let mut open = std::mem::take(&mut arguments.args);
        open.reverse();
        while let Some(argument) = open.pop() {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(mut inner)) => match coalesced(&mut inner) {
                    Some(arguments) => open.extend(std::mem::take(&mut arguments.args).into_iter().rev()),
                    None => flat.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))),
                },
                other => flat.push(other),
            }
        }
        arguments.args = flat;
        ControlFlow::Continue(())
    }
}

/// The arguments of `coalesce`.
fn coalesced(expr: &mut Expr) -> Option<&mut FunctionArgumentList> {
    match expr {
        Expr::Function(function) if is_call(function, "coalesce") => match &mut function.args {
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                Some(list)
            }
            _ => None,
        },
        _ => None,
    }
}

struct Balancer;

impl VisitorMut for Balancer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        for op in [BinaryOperator::And, BinaryOperator::Or] {
            if length(expr, &op) > SHORT {
                let mut operands = Vec::new();
                take_apart(expr, &op, &mut operands);
                operands.reverse();
                if let Some(tree) = tree(&mut operands, &op) {
                    *expr = tree;
                }
                break;
            }
        }
        ControlFlow::Continue(())
    }
}

/// How many operands a chain has.
fn length(mut expr: &Expr, op: &BinaryOperator) -> usize {
    let mut operands = 1;
    while let Expr::BinaryOp { left, op: own, .. } = expr
        && own == op
    {
        operands += 1;
        expr = left;
    }
    operands
}

/// The operands of a chain, the last one first.
fn take_apart(expr: &mut Expr, op: &BinaryOperator, operands: &mut Vec<Expr>) {
    let mut rest = std::mem::replace(expr, nothing());
    loop {
        match rest {
            Expr::BinaryOp { left, op: own, right } if own == *op => {
                operands.push(*right);
                rest = *left;
            }
            first => return operands.push(first),
        }
    }
}

fn tree(operands: &mut Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    if operands.len() < 2 {
        return operands.pop();
    }
    let mut behind = operands.split_off(operands.len() / 2);
    Some(Expr::BinaryOp {
        left: Box::new(tree(operands, op)?),
        op: op.clone(),
        right: Box::new(tree(&mut behind, op)?),
    })
}

fn nothing() -> Expr {
    Expr::Value(ast::Value::Null.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::statement::parse_expression;

    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::BinaryOp { left, right, .. } => 1 + depth(left).max(depth(right)),
            _ => 0,
        }
    }

    #[test]
    fn a_chain_keeps_its_operands_in_their_order_and_is_not_deep() {
        let terms: Vec<String> = (0..100).map(|n| format!("x{n} AND y{n}")).collect();
        let text = terms.join(" OR ");
        let mut expr = parse_expression(&text).unwrap();
        assert_eq!(depth(&expr), 100);
        let _ = VisitMut::visit(&mut expr, &mut Balancer);
        assert_eq!((expr.to_string(), depth(&expr)), (text, 8));
        let mut short = parse_expression("a OR b OR c").unwrap();
        let before = short.clone();
        let _ = VisitMut::visit(&mut short, &mut Balancer);
        assert_eq!(short, before);
    }

    #[test]
    fn coalesce_in_coalesce_becomes_one_where_it_would_grow() {
        use crate::query::rewrite::parse_query;
        let tamed = |depth: usize, open: &str, close: &str| {
            let sql = format!("SELECT {}n{}", open.repeat(depth), close.repeat(depth));
            let mut statement = ast::Statement::Query(Box::new(parse_query(&sql)?));
            tame(&mut statement).map(|()| statement.to_string())
        };
        assert_eq!(tamed(3, "coalesce(", ", 1)").unwrap(), "SELECT coalesce(coalesce(coalesce(n, 1), 1), 1)");
        assert_eq!(
            tamed(40, "coalesce(", ", 1)").unwrap(),
            format!("SELECT coalesce(n{})", ", 1".repeat(40))
        );
        assert_eq!(
            tamed(40, "coalesce(1, ", ")").unwrap(),
            format!("SELECT coalesce({}n)", "1, ".repeat(40))
        );
        assert!(tamed(40, "nullif(", ", 1)").unwrap_err().message().contains("nested too deeply"));
        assert!(tamed(40, "coalesce(abs(", "), 1)").is_err() && tamed(8, "nullif(", ", 1)").is_ok());
    }
}
