//! Where decimals meet other numbers, on the planned statement.
//!
//! * A number with a point or an exponent is a decimal; one that no decimal holds (1e300) a float.
//! * Beside a float a decimal becomes a float; the planner would make a decimal with 15 places of both.
//! * Beside an integer it stays a decimal; sums, products and quotients are those of `decimal`.
//! * Functions of floats take decimals as floats.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Between, Case, Cast, InList, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Values,
};

use super::coerce::compares;
use super::decimal::{Arithmetic, Digits, Rounded, Rounding, ToFloat};

/// Functions whose arguments have one type.
const OF_ONE_TYPE: [&str; 5] = ["coalesce", "nullif", "greatest", "least", "make_array"];

/// Functions that keep decimals.
const KEEP: [&str; 4] = ["abs", "signum", "to_char", "random"];

/// Whether an expression may hold a decimal; cheap, and asked before types are derived along chains.
pub fn has_decimal(expr: &Expr, schema: &DFSchema) -> bool {
    let decimal = |t: &DataType| is_decimal(t) || t.is_nested();
    expr.exists(|e| {
        Ok(match e {
            Expr::Literal(value, _) => decimal(&value.data_type()),
            Expr::Column(column) => schema.field_from_column(column).is_ok_and(|f| decimal(f.data_type())),
            Expr::OuterReferenceColumn(field, _) => decimal(field.data_type()),
            Expr::Cast(cast) => decimal(cast.field.data_type()),
            Expr::ScalarSubquery(subquery) => {
                subquery.subquery.schema().fields().iter().any(|f| decimal(f.data_type()))
            }
            Expr::InSubquery(found) => {
                found.subquery.subquery.schema().fields().iter().any(|f| decimal(f.data_type()))
            }
            _ => false,
        })
    })
    .unwrap_or(true)
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..))
}

/// The type of an expression whose parts are done.
pub fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    if let Expr::ScalarFunction(call) = expr {
        let function: &dyn std::any::Any = call.func.inner().as_ref();
        if let Some(arithmetic) = function.downcast_ref::<Arithmetic>() {
            return Some(arithmetic.result());
        }
    }
    expr.get_type(schema).ok()
}

/// The digits of a number that is a decimal or an integer.
fn digits_of(expr: &Expr, data_type: &DataType) -> Option<Digits> {
    match (data_type, expr) {
        (DataType::Decimal128(precision, scale), _) => Some((*precision, *scale)),
        (DataType::Int64, Expr::Literal(ScalarValue::Int64(Some(value)), _)) => {
            let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
            Some((u8::try_from(digits).unwrap_or(20), 0))
        }
        (t, _) if t.is_integer() => Some((20, 0)),
        _ => None,
    }
}

fn as_float(expr: Expr, schema: &DFSchema) -> Expr {
    match type_of(&expr, schema) {
        Some(t) if is_decimal(&t) => ToFloat::call(expr),
        _ => expr,
    }
}

/// Whether there are floats and decimals among expressions.
fn mixes<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> bool {
    let types: Vec<DataType> = exprs.into_iter().filter_map(|e| type_of(e, schema)).collect();
    types.iter().any(DataType::is_floating) && types.iter().any(is_decimal)
}

/// An expression with its numbers in the types that PostgreSQL gives them; its parts have them already.
///
/// # Errors
/// As the planner.
pub fn typed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(binary) => typed_binary(binary, schema),
        Expr::Between(Between { expr, negated, low, high }) if mixes([&*expr, &*low, &*high], schema) => {
            let float = |e: Box<Expr>| Box::new(as_float(*e, schema));
            let between = Between { expr: float(expr), negated, low: float(low), high: float(high) };
            Ok(Transformed::yes(Expr::Between(between)))
        }
        Expr::InList(InList { expr, list, negated })
            if mixes(std::iter::once(&*expr).chain(&list), schema) =>
        {
            Ok(Transformed::yes(Expr::InList(InList {
                expr: Box::new(as_float(*expr, schema)),
                list: list.into_iter().map(|item| as_float(item, schema)).collect(),
                negated,
            })))
        }
        Expr::Case(case) => Ok(typed_case(case, schema)),
        Expr::ScalarFunction(call) => Ok(typed_function(call, schema)),
        other => Ok(Transformed::no(other)),
    }
}

/// The decimal that holds the values of all, where some are decimals, the others integers or NULL, and they are not
/// of one type yet.
fn common_decimal<'e>(exprs: impl Iterator<Item = &'e Expr>, schema: &DFSchema) -> Option<DataType> {
    let mut types = exprs.map(|e| type_of(e, schema)).collect::<Option<Vec<_>>>()?;
    types.retain(|t| *t != DataType::Null);
    if !types.iter().any(is_decimal) || types.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
        return None;
    }
    let (mut whole, mut fraction) = (0, 0);
    for data_type in &types {
        let (precision, scale) = match data_type {
            DataType::Decimal128(precision, scale) => (i16::from(*precision), i16::from(*scale)),
            t if t.is_integer() => (19, 0),
            _ => return None,
        };
        whole = whole.max(precision - scale);
        fraction = fraction.max(scale);
    }
    let precision = u8::try_from((whole + fraction).min(38)).ok()?;
    Some(DataType::Decimal128(precision, i8::try_from(fraction).ok()?))
}

fn typed_case(case: Case, schema: &DFSchema) -> Transformed<Expr> {
    let float = |e: Box<Expr>| Box::new(as_float(*e, schema));
    let Case { mut expr, mut when_then_expr, mut else_expr } = case;
    let mut changed = false;
    if let Some(base) = &expr
        && mixes(std::iter::once(&**base).chain(when_then_expr.iter().map(|(when, _)| &**when)), schema)
    {
        changed = true;
        expr = expr.map(float);
        when_then_expr = when_then_expr.into_iter().map(|(when, then)| (float(when), then)).collect();
    }
    if mixes(when_then_expr.iter().map(|(_, then)| &**then).chain(else_expr.as_deref()), schema) {
        changed = true;
        when_then_expr = when_then_expr.into_iter().map(|(when, then)| (when, float(then))).collect();
        else_expr = else_expr.map(float);
    }
    // The planner takes the type of the first branch for that of all until it has made them one, and what is
    // computed with the CASE would be rounded to that one's digits.
    let branches = when_then_expr.iter().map(|(_, then)| &**then).chain(else_expr.as_deref());
    if let Some(common) = common_decimal(branches, schema) {
        let same = |e: Box<Expr>| match type_of(&e, schema) {
            Some(t) if t == common || t == DataType::Null => e,
            _ => Box::new(Expr::Cast(Cast::new(e, common.clone()))),
        };
        changed = true;
        when_then_expr = when_then_expr.into_iter().map(|(when, then)| (when, same(then))).collect();
        else_expr = else_expr.map(same);
    }
    let made = Expr::Case(Case { expr, when_then_expr, else_expr });
    Transformed::new_transformed(made, changed)
}

fn typed_function(call: ScalarFunction, schema: &DFSchema) -> Transformed<Expr> {
    let name = call.func.name().to_owned();
    let unchanged = |call| Transformed::no(Expr::ScalarFunction(call));
    if OF_ONE_TYPE.contains(&name.as_str()) {
        if !mixes(&call.args, schema) {
            return unchanged(call);
        }
        let args = call.args.into_iter().map(|e| as_float(e, schema)).collect();
        return Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(call.func, args)));
    }
    let first = call.args.first().and_then(|e| digits_of(e, &type_of(e, schema).filter(is_decimal)?));
    let how = match name.as_str() {
        "round" => Some(Rounding::Nearest),
        "trunc" => Some(Rounding::Truncate),
        "ceil" => Some(Rounding::Up),
        "floor" => Some(Rounding::Down),
        _ => None,
    };
    if let (Some(how), Some(digits)) = (how, first) {
        let places = match call.args.get(1) {
            None => Some(0),
            Some(Expr::Literal(ScalarValue::Int64(Some(places)), _)) => Some(*places),
            Some(Expr::Negative(inner)) => match **inner {
                Expr::Literal(ScalarValue::Int64(Some(places)), _) => places.checked_neg(),
                _ => None,
            },
            Some(_) => None,
        };
        return Transformed::yes(Rounded::call(how, digits, call.args, places));
    }
    let numbers = datafusion::functions::math::functions();
    if KEEP.contains(&name.as_str()) || !numbers.iter().any(|f| f.name() == name) {
        return unchanged(call);
    }
    if !call.args.iter().any(|e| type_of(e, schema).is_some_and(|t| is_decimal(&t))) {
        return unchanged(call);
    }
    let args = call.args.into_iter().map(|e| as_float(e, schema)).collect();
    Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(call.func, args)))
}

fn is_arithmetic(op: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

fn typed_binary(binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let BinaryExpr { left, op, right } = binary;
    if !(is_arithmetic(op) || compares(op) || matches!(op, Operator::BitwiseXor)) {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    }
    let (Some(l), Some(r)) = (type_of(&left, schema), type_of(&right, schema)) else {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    };
    let (mut left, mut right) = (*left, *right);
    let made = |left, right| {
        Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) }))
    };
    match (&l, &r) {
        (a, b) if is_decimal(a) && b.is_floating() => {
            left = ToFloat::call(left);
        }
        (a, b) if is_decimal(b) && a.is_floating() => {
            right = ToFloat::call(right);
        }
        (a, b) if is_arithmetic(op) && (is_decimal(a) || is_decimal(b)) => {
            let digits = (digits_of(&left, a), digits_of(&right, b));
            return Ok(match digits {
                (Some(x), Some(y)) => match Arithmetic::call(op, (left.clone(), x), (right.clone(), y)) {
                    Some(call) => Transformed::yes(call),
                    None => made(left, right),
                },
                _ => made(left, right),
            });
        }
        _ => {
            let expr = Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) });
            return Ok(Transformed::no(expr));
        }
    }
    Ok(made(left, right))
}

/// A node whose inputs, or whose rows, are floats in one place and decimals in another.
///
/// # Errors
/// As the planner.
pub fn typed_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Values(values) => typed_values(values),
        LogicalPlan::Union(mut union) => {
            let columns = union.inputs.first().map_or(0, |input| input.schema().fields().len());
            let types = |column: usize| {
                union
                    .inputs
                    .iter()
                    .filter_map(move |input| Some(input.schema().fields().get(column)?.data_type().clone()))
            };
            let mixed: Vec<bool> = (0..columns)
                .map(|c| types(c).any(|t| t.is_floating()) && types(c).any(|t| is_decimal(&t)))
                .collect();
            if !mixed.contains(&true) {
                return Ok(Transformed::no(LogicalPlan::Union(union)));
            }
            for input in &mut union.inputs {
                *input = Arc::new(with_floats(Arc::unwrap_or_clone(Arc::clone(input)), &mixed)?);
            }
            Ok(Transformed::yes(LogicalPlan::Union(union)))
        }
        LogicalPlan::Join(mut join) => {
            let mut changed = false;
            for (left, right) in &mut join.on {
                let types = (left.get_type(join.left.schema()), right.get_type(join.right.schema()));
                match types {
                    (Ok(a), Ok(b)) if a.is_floating() && is_decimal(&b) => {
                        *right = ToFloat::call(right.clone());
                        changed = true;
                    }
                    (Ok(a), Ok(b)) if is_decimal(&a) && b.is_floating() => {
                        *left = ToFloat::call(left.clone());
                        changed = true;
                    }
                    _ => {}
                }
            }
            Ok(Transformed::new_transformed(LogicalPlan::Join(join), changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// A query with its decimals as floats in some columns.
fn with_floats(input: LogicalPlan, columns: &[bool]) -> Result<LogicalPlan> {
    let schema = Arc::clone(input.schema());
    let exprs = schema.iter().zip(columns).map(|((qualifier, field), float)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if *float && is_decimal(field.data_type()) {
            ToFloat::call(column).alias_qualified(qualifier.cloned(), field.name())
        } else {
            column
        }
    });
    LogicalPlanBuilder::from(input).project(exprs.collect::<Vec<_>>())?.build()
}

/// Rows of VALUES: the planner makes decimals of a column with floats and decimals.
fn typed_values(values: Values) -> Result<Transformed<LogicalPlan>> {
    let empty = DFSchema::empty();
    let columns = values.schema.fields().len();
    // What the statement said, below the cast that the planner put over it.
    let given = |expr: &Expr, common: &DataType| match expr {
        Expr::Cast(Cast { expr, field }) if field.data_type() == common => expr.as_ref().clone(),
        other => other.clone(),
    };
    let mixed: Vec<bool> = (0..columns)
        .map(|column| {
            let Some(field) = values.schema.fields().get(column) else { return false };
            is_decimal(field.data_type())
                && values.values.iter().filter_map(|row| row.get(column)).any(|expr| {
                    given(expr, field.data_type()).get_type(&empty).is_ok_and(|t| t.is_floating())
                })
        })
        .collect();
    if !mixed.contains(&true) {
        return Ok(Transformed::no(LogicalPlan::Values(values)));
    }
    let rows: Vec<Vec<Expr>> = values
        .values
        .iter()
        .map(|row| {
            row.iter()
                .zip(&mixed)
                .zip(values.schema.fields())
                .map(
                    |((expr, mixed), field)| {
                        if *mixed { as_float(given(expr, field.data_type()), &empty) } else { expr.clone() }
                    },
                )
                .collect()
        })
        .collect();
    let made = LogicalPlanBuilder::values(rows)?.build()?;
    Ok(Transformed::yes(made))
}
