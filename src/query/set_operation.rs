//! EXCEPT ALL and INTERSECT ALL: the planner keeps all or none of equal rows. Equal rows are numbered
//! on both sides; then the rows with their numbers are sets.

use sqlparser::ast::{Expr, SelectItem, SetExpr, SetOperator, SetQuantifier, TableFactor};

use super::error::refuse;
use super::rewrite::{name_of, parse_query, shown_name};
use crate::model::{Error, Result};

/// Rewrites the set operations of a query, whose SELECTs were rewritten before.
///
/// # Errors
/// `Unsupported` where the columns are not known.
pub fn count_duplicates(body: &mut SetExpr) -> Result<()> {
    let SetExpr::SetOperation { left, op, set_quantifier, right } = body else { return Ok(()) };
    count_duplicates(left)?;
    count_duplicates(right)?;
    let all = *set_quantifier == SetQuantifier::All;
    if !all || !matches!(op, SetOperator::Except | SetOperator::Intersect | SetOperator::Minus) {
        return Ok(());
    }
    let names = names(left).ok_or_else(|| {
        refuse(&format!("{op} ALL over columns that are not named"), "name the columns in place of *")
    })?;
    let operator = if *op == SetOperator::Intersect { "INTERSECT" } else { "EXCEPT" };
    *body = numbered(operator, &names, left, right)?;
    Ok(())
}

/// The names of a query's columns.
fn names(body: &SetExpr) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) => select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => Some(name_of(alias)),
                SelectItem::UnnamedExpr(Expr::Identifier(column)) => Some(name_of(column)),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(name_of),
                SelectItem::UnnamedExpr(other) => Some(other.to_string().chars().take(64).collect()),
                _ => None,
            })
            .collect(),
        SetExpr::Query(query) => names(&query.body),
        SetExpr::SetOperation { left, .. } => names(left),
        SetExpr::Values(values) => {
            let columns = values.rows.first()?.len();
            Some((1..=columns).map(|n| format!("column{n}")).collect())
        }
        _ => None,
    }
}

fn numbered(operator: &str, names: &[String], left: &SetExpr, right: &SetExpr) -> Result<SetExpr> {
    let columns: Vec<String> = (1..=names.len()).map(|n| format!("\"\u{1}{n}\"")).collect();
    let columns = columns.join(", ");
    let mut known: Vec<&str> = Vec::new();
    let shown: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let name = shown_name(name);
            let repeated = known.iter().filter(|other| **other == name).count();
            known.push(name);
            let number = if repeated > 0 { format!("\u{1}{repeated}") } else { String::new() };
            format!("\"\u{1}{}\" AS \"{}{number}\"", at + 1, name.replace('"', "\"\""))
        })
        .collect();
    let side = format!(
        "SELECT {columns}, row_number() OVER (PARTITION BY {columns}) AS \"\u{1}n\" FROM (SELECT 1) AS \"\u{1}s\" ({columns})"
    );
    let text = format!("SELECT {} FROM ({side} {operator} {side}) AS \"\u{1}a\"", shown.join(", "));
    let mut query = parse_query(&text)?;
    let broken = || Error::internal("a set operation without its sides");
    {
        let SetExpr::SetOperation { left: l, right: r, .. } = derived(&mut query.body).ok_or_else(broken)?
        else {
            return Err(broken());
        };
        *derived(l).ok_or_else(broken)? = left.clone();
        *derived(r).ok_or_else(broken)? = right.clone();
    }
    Ok(*query.body)
}

/// The body of the one subquery in FROM.
fn derived(body: &mut SetExpr) -> Option<&mut SetExpr> {
    let SetExpr::Select(select) = body else { return None };
    match &mut select.from.first_mut()?.relation {
        TableFactor::Derived { subquery, .. } => Some(subquery.body.as_mut()),
        _ => None,
    }
}
