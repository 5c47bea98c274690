//! The planned statement, before DataFusion optimizes it: what it would answer silently wrong and
//! cannot be seen on the syntax tree.
//!
//! * `x IN (SELECT ...)` and EXISTS become semi joins, whose answer is true or false. That is right
//!   where NULL and false mean the same (a condition, joined by AND and OR), and for NOT IN only as
//!   a condition of its own; anywhere else the statement is refused.
//! * Below a correlated subquery, aggregates, windows and OFFSET lose their meaning: refused.
//! * UUIDs are stored in one spelling: literals compared with them are put into it.
//! * A parameter that is a float is read as a decimal beside one.
//! * A number with a point is a decimal; one with more digits than those have is refused.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, Union,
};
use sqlparser::ast;

use super::arrow_value::is_uuid;
use super::error::refuse;
use super::rewrite::REPEATED;
use super::{coerce, interval, numeric, regex, strict, untyped};
use crate::model::{Error, Result};

/// Digits that a decimal has.
const DECIMAL_DIGITS: usize = 38;

/// `(SELECT ... correlated ...) IN (SELECT ...)` in a condition: the left side becomes a column of its own below
/// it. IN becomes a join, and DataFusion does not look for subqueries in the conditions of joins.
fn with_left_sides(
    node: LogicalPlan,
    columns: &Cell<usize>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let LogicalPlan::Filter(filter) = &node else { return Ok(Transformed::no(node)) };
    let mut sides = Vec::new();
    let predicate = filter.predicate.clone().transform_down(|expr| match expr {
        Expr::InSubquery(InSubquery { expr, subquery, negated }) if has_correlated_subquery(&expr) => {
            columns.set(columns.get() + 1);
            // Nothing else has this name: what a statement names holds no control characters.
            let name = format!("left side{REPEATED}{}", columns.get());
            sides.push(expr.alias(&name));
            let expr = Box::new(Expr::Column(Column::from_name(name)));
            let found = Expr::InSubquery(InSubquery { expr, subquery, negated });
            Ok(Transformed::new(found, true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    })?;
    if sides.is_empty() {
        return Ok(Transformed::no(node));
    }
    let shown: Vec<Expr> = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
    let input = Arc::unwrap_or_clone(Arc::clone(&filter.input));
    let plan = LogicalPlanBuilder::from(input)
        .project(shown.iter().cloned().chain(sides))?
        .filter(predicate.data)?
        .project(shown)?
        .build()?;
    Ok(Transformed::yes(plan))
}

fn has_correlated_subquery(expr: &Expr) -> bool {
    let found = expr.exists(|expr| {
        Ok(matches!(expr, Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty()))
    });
    found.unwrap_or(false)
}

/// Refuses what would be answered wrong, and makes literals exact.
///
/// # Errors
/// `Unsupported` with the way out.
pub fn checked(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let columns = Cell::new(0);
    let plan = plan.transform_up_with_subqueries(|node| with_left_sides(node, &columns))?.data;
    plan.apply_with_subqueries(|node| {
        let checked = check_node(node).and_then(|()| coerce::check_node(node));
        checked.and_then(|()| strict::check_node(node)).map_err(super::error::to_datafusion)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    // What is computed from an expression that has another type now has another type too.
    let changed = Cell::new(false);
    plan.transform_up_with_subqueries(|node| {
        let node = numeric::typed_node(node)?;
        changed.set(changed.get() || node.transformed);
        let node = node.data;
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let sorts = matches!(node, LogicalPlan::Sort(_));
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let decimals = numeric::has_decimal(&expr, &schema);
            let made = expr.transform_up(|expr| {
                strict::check(&expr, &schema).map_err(super::error::to_datafusion)?;
                let mut made = exact(expr, &schema);
                made = made.transform_data(|expr| untyped::typed(expr, &schema))?;
                if decimals {
                    made = made.transform_data(|expr| numeric::typed(expr, &schema))?;
                }
                made = made.transform_data(regex::typed)?;
                made = made.transform_data(|expr| interval::typed(expr, &schema))?;
                made.transform_data(|expr| coerce::typed(expr, &schema))
            })?;
            let made = if sorts {
                let ordered = coerce::ordered(made.data, &schema);
                Transformed::new_transformed(ordered.data, made.transformed || ordered.transformed)
            } else {
                made
            };
            Ok(made.update_data(|expr| name.restore(expr)))
        })?;
        changed.set(changed.get() || node.transformed);
        let node = if changed.get() { node.map_data(with_schema)? } else { node };
        let node = node.transform_data(interval::typed_node)?;
        changed.set(changed.get() || node.transformed);
        Ok(node)
    })
    .map(|transformed| transformed.data)
}

/// A node whose inputs, or whose expressions, have other types than before.
fn with_schema(node: LogicalPlan) -> datafusion::common::Result<LogicalPlan> {
    match node {
        // It would keep the types it had.
        LogicalPlan::Union(union) => Ok(LogicalPlan::Union(Union::try_new_with_loose_types(union.inputs)?)),
        node => node.recompute_schema(),
    }
}

fn check_node(node: &LogicalPlan) -> Result<()> {
    match node {
        LogicalPlan::Filter(filter) => check_condition(&filter.predicate, true),
        LogicalPlan::Join(join) if join.join_type != JoinType::Inner => {
            let subquery = join.filter.as_ref().is_some_and(has_subquery);
            if subquery || join.on.iter().any(|(l, r)| has_subquery(l) || has_subquery(r)) {
                return Err(refuse(
                    "a subquery in the condition of an outer join",
                    "join with a subquery in FROM",
                ));
            }
            Ok(())
        }
        LogicalPlan::Join(join) => join.filter.as_ref().map_or(Ok(()), |on| check_condition(on, true)),
        _ => Ok(()),
    }
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::InSubquery(_) | Expr::Exists(_)))).unwrap_or(true)
}

fn has_in(expr: &Expr) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::InSubquery(_)))).unwrap_or(true)
}

/// Checks an expression that stands where NULL and false mean the same. `alone`: it is a condition
/// of its own, joined to others by AND at most.
fn check_condition(expr: &Expr, alone: bool) -> Result<()> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            check_condition(left, alone)?;
            check_condition(right, alone)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            check_condition(left, false)?;
            check_condition(right, false)
        }
        Expr::Alias(alias) => check_condition(&alias.expr, alone),
        Expr::InSubquery(found) => check_in(found, found.negated, alone),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(found) => check_in(found, !found.negated, alone),
            inner if has_in(inner) => Err(in_a_value("NOT over IN (SELECT ...)")),
            inner => check_exists(inner),
        },
        other if has_in(other) => Err(in_a_value("IN (SELECT ...) inside another expression")),
        other => check_exists(other),
    }
}

fn in_a_value(what: &str) -> Error {
    refuse(what, "use it as a condition of its own, or write it with EXISTS or NOT EXISTS")
}

fn check_in(found: &InSubquery, negated: bool, alone: bool) -> Result<()> {
    let correlated = !found.subquery.outer_ref_columns.is_empty();
    if negated && (!alone || correlated || found.expr.column_refs().is_empty()) {
        return Err(in_a_value("NOT IN (SELECT ...) here"));
    }
    if correlated && !is_plain(&found.subquery, false) {
        return Err(refuse(
            "IN over a correlated subquery with an aggregate, a window or a LIMIT",
            "compute it in a joined subquery in FROM",
        ));
    }
    Ok(())
}

/// Checks every EXISTS in an expression; it is never NULL, so it may stand anywhere.
fn check_exists(expr: &Expr) -> Result<()> {
    let mut wrong = false;
    let _ = expr.apply(|e| {
        if let Expr::Exists(exists) = e
            && !exists.subquery.outer_ref_columns.is_empty()
            && !is_plain(&exists.subquery, true)
        {
            wrong = true;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if wrong {
        return Err(refuse(
            "EXISTS over a correlated subquery with an aggregate or OFFSET",
            "count in a joined subquery in FROM",
        ));
    }
    Ok(())
}

/// Whether a correlated subquery has nothing that changes its meaning as a join.
fn is_plain(subquery: &Subquery, limit_is_fine: bool) -> bool {
    let changes = subquery.subquery.exists(|node| {
        Ok(match node {
            LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) => true,
            LogicalPlan::Limit(limit) => !limit_is_fine || limit.skip.is_some(),
            _ => false,
        })
    });
    !changes.unwrap_or(true)
}

/// An expression with its literals in the spelling and type of what they are compared with.
fn exact(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = if is_uuid_column(&left, schema) {
                (left, Box::new(canonical(*right)))
            } else if is_uuid_column(&right, schema) {
                (Box::new(canonical(*left)), right)
            } else if is_fraction(&right) && is_decimal(&left, schema) {
                (left, Box::new(as_decimal(*right)))
            } else if is_fraction(&left) && is_decimal(&right, schema) {
                (Box::new(as_decimal(*left)), right)
            } else {
                return Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }));
            };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::InList(mut list) if is_uuid_column(&list.expr, schema) => {
            list.list = list.list.into_iter().map(canonical).collect();
            Transformed::yes(Expr::InList(list))
        }
        Expr::InList(mut list) if list.list.iter().any(is_fraction) && is_decimal(&list.expr, schema) => {
            list.list = list.list.into_iter().map(as_decimal).collect();
            Transformed::yes(Expr::InList(list))
        }
        Expr::Between(mut between) if is_uuid_column(&between.expr, schema) => {
            between.low = Box::new(canonical(*between.low));
            between.high = Box::new(canonical(*between.high));
            Transformed::yes(Expr::Between(between))
        }
        Expr::Between(mut between)
            if (is_fraction(&between.low) || is_fraction(&between.high))
                && is_decimal(&between.expr, schema) =>
        {
            between.low = Box::new(as_decimal(*between.low));
            between.high = Box::new(as_decimal(*between.high));
            Transformed::yes(Expr::Between(between))
        }
        other => Transformed::no(other),
    }
}

fn is_uuid_column(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::Column(column) => schema.field_from_column(column).is_ok_and(|field| is_uuid(field)),
        Expr::OuterReferenceColumn(field, _) => is_uuid(field),
        Expr::Alias(alias) => is_uuid_column(&alias.expr, schema),
        _ => false,
    }
}

/// A UUID's text in the one spelling it is stored in; other expressions as they are.
fn canonical(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(value, metadata) => {
            let uuid = value.try_as_str().flatten().and_then(|text| uuid::Uuid::parse_str(text.trim()).ok());
            match uuid {
                Some(uuid) => {
                    Expr::Literal(ScalarValue::Utf8View(Some(uuid.hyphenated().to_string())), metadata)
                }
                None => Expr::Literal(value, metadata),
            }
        }
        Expr::Cast(mut cast) => {
            cast.expr = Box::new(canonical(*cast.expr));
            Expr::Cast(cast)
        }
        Expr::Alias(mut alias) => {
            alias.expr = Box::new(canonical(*alias.expr));
            Expr::Alias(alias)
        }
        other => other,
    }
}

fn is_fraction(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => value.is_finite(),
        Expr::Negative(inner) => is_fraction(inner),
        _ => false,
    }
}

fn is_decimal(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Decimal128(..)))
}

/// A float literal as the decimal its shortest digits say; as it is where there is none.
fn as_decimal(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), metadata) => match decimal(value) {
            Some(exact) => Expr::Literal(exact, metadata),
            None => Expr::Literal(ScalarValue::Float64(Some(value)), metadata),
        },
        Expr::Negative(inner) => Expr::Negative(Box::new(as_decimal(*inner))),
        other => other,
    }
}

fn decimal(value: f64) -> Option<ScalarValue> {
    let digits = value.to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i8::try_from(fraction.len()).ok()?;
    let precision = whole.trim_start_matches('-').len() + fraction.len();
    let precision = u8::try_from(precision).ok().filter(|p| *p <= 38)?;
    Some(ScalarValue::Decimal128(Some(unscaled), precision, scale))
}

/// Writes numbers with an exponent and integers past 64 bits as decimals; what has too many digits for one
/// because of its exponent is a float.
///
/// # Errors
/// `Unsupported` for a number with more digits than a decimal has.
pub fn write_numbers(statement: &mut ast::Statement) -> Result<()> {
    let flow = ast::visit_expressions_mut(statement, |expr| {
        let ast::Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        let ast::Value::Number(text, _) = &mut value.value else { return ControlFlow::Continue(()) };
        if let Some(digits) = without_exponent(text) {
            *text = digits;
        } else if text.contains(['e', 'E']) {
            let text = ast::Value::SingleQuotedString(text.replace('_', ""));
            *expr = ast::Expr::Cast {
                kind: ast::CastKind::Cast,
                expr: Box::new(ast::Expr::Value(text.into())),
                data_type: ast::DataType::DoublePrecision,
                array: false,
                format: None,
            };
        } else if has_too_many_digits(text) {
            return ControlFlow::Break(text.clone());
        } else if is_past_integers(text) {
            text.push('.');
        }
        ControlFlow::Continue(())
    });
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(text) => Err(refuse(
            &format!("the number {text} would lose digits: it"),
            "a decimal has at most 38 digits; with an exponent (1e50) a number is a float",
        )),
    }
}

/// A number with an exponent as the decimal it says, where that has few enough digits.
fn without_exponent(text: &str) -> Option<String> {
    let text = text.replace('_', "");
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let length = i32::try_from(digits.len()).ok()?;
    let most = i32::try_from(DECIMAL_DIGITS).ok()?;
    if !(-most..=most).contains(&point) || length > most || length - point > most {
        return None;
    }
    let made = if point <= 0 {
        format!("0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?))
    } else if point >= length {
        format!("{digits}{}.", "0".repeat(usize::try_from(point - length).ok()?))
    } else {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{fraction}")
    };
    (!has_too_many_digits(&made)).then_some(made)
}

fn has_too_many_digits(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    digits(whole.trim_start_matches(['0', '_'])) + digits(fraction) > DECIMAL_DIGITS
}

/// 2^63 itself is kept: with a minus before it, it is the smallest integer.
fn is_past_integers(text: &str) -> bool {
    let digits = text.replace('_', "");
    digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u64>().map_or(true, |n| n > 1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_the_decimal_its_digits_say() {
        assert_eq!(decimal(0.1), Some(ScalarValue::Decimal128(Some(1), 2, 1)));
        assert_eq!(decimal(-12.25), Some(ScalarValue::Decimal128(Some(-1225), 4, 2)));
        assert_eq!(decimal(1e-10), Some(ScalarValue::Decimal128(Some(1), 11, 10)));
        assert_eq!(decimal(1e300), None);
    }

    #[test]
    fn numbers_with_too_many_digits_are_known() {
        assert!(has_too_many_digits("123456789012345678901234567890.123456789"));
        assert!(!has_too_many_digits("0.1") && !has_too_many_digits("12345678901234567890.1234567891"));
        assert!(is_past_integers("9223372036854775809") && !is_past_integers("9223372036854775808"));
        assert!(!is_past_integers("9223372036854775809.5"));
        assert_eq!(without_exponent("1e3").as_deref(), Some("1000."));
        assert_eq!(without_exponent("1.25e1").as_deref(), Some("12.5"));
        assert_eq!(without_exponent("1.5E-3").as_deref(), Some("0.0015"));
        assert_eq!(without_exponent("0e5").as_deref(), Some("000000."));
        assert!(without_exponent("1e300").is_none() && without_exponent("1e-300").is_none());
        assert!(without_exponent("12").is_none());
    }
}
