//! What DataFusion runs though PostgreSQL refuses it because it means nothing, on the planned statement.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Case, WindowFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use crate::model::{Error, Result, sqlstate};

/// Refuses an expression that means nothing; its parts are done.
///
/// # Errors
/// `BadInput`.
pub fn check(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::Case(Case { expr: None, when_then_expr, .. }) => {
            when_then_expr.iter().try_for_each(|(when, _)| condition("CASE WHEN", when, schema))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            operand(left, schema).and_then(|()| operand(right, schema))
        }
        Expr::Not(inner) => condition("NOT", inner, schema),
        Expr::WindowFunction(window) => check_window(window),
        Expr::ScalarFunction(call) if call.func.name() == "date_part" => match call.args.as_slice() {
            [Expr::Literal(field, _), value] => {
                let field = field.try_as_str().flatten().unwrap_or_default().to_lowercase();
                let of_day = ["hour", "minute", "second", "millisecond", "microsecond", "timezone"];
                let has_no_time = matches!(value.get_type(schema), Ok(DataType::Date32 | DataType::Date64));
                if has_no_time && of_day.iter().any(|unit| field.starts_with(unit)) {
                    return Err(
                        Error::bad_input(format!("a date has no {field}")).with_hint("CAST it to TIMESTAMP")
                    );
                }
                Ok(())
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A side of AND or OR: only literals and columns are looked at, chains are long.
fn operand(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::Literal(..) | Expr::Column(_) => condition("AND or OR", expr, schema),
        _ => Ok(()),
    }
}

fn condition(what: &str, expr: &Expr, schema: &DFSchema) -> Result<()> {
    let wrong = match expr {
        Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => false,
        // A quoted literal is read as a truth value.
        Expr::Literal(value, _) => {
            !matches!(value, ScalarValue::Boolean(_) | ScalarValue::Null) && value.try_as_str().is_none()
        }
        other => other.get_type(schema).is_ok_and(|t| !matches!(t, DataType::Boolean | DataType::Null)),
    };
    if wrong {
        return Err(Error::bad_input(format!("what stands under {what} is no condition"))
            .with_sqlstate(sqlstate::DATATYPE_MISMATCH)
            .with_hint("compare it with something: x <> 0"));
    }
    Ok(())
}

fn check_window(window: &WindowFunction) -> Result<()> {
    let second = window.params.args.get(1);
    if window.fun.name() == "nth_value"
        && let Some(Expr::Literal(ScalarValue::Int64(Some(number)), _)) = second
        && *number < 1
    {
        return Err(Error::bad_input(format!("nth_value counts from 1, not from {number}")));
    }
    Ok(())
}

/// Refuses a node that means nothing.
///
/// # Errors
/// `BadInput`.
pub fn check_node(node: &LogicalPlan) -> Result<()> {
    match node {
        LogicalPlan::Filter(filter) => condition("WHERE or HAVING", &filter.predicate, filter.input.schema()),
        LogicalPlan::RecursiveQuery(query) => {
            let aggregates = query.recursive_term.exists(|node| {
                Ok(matches!(node, LogicalPlan::Aggregate(aggregate) if reads(&aggregate.input, &query.name)))
            });
            if aggregates.unwrap_or(false) {
                return Err(Error::bad_input("an aggregate over the rows of a recursive query's last step")
                    .with_hint("aggregate over the whole query, outside of WITH"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn reads(plan: &LogicalPlan, table: &str) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::TableScan(scan) if scan.table_name.table() == table)))
        .unwrap_or(true)
}
