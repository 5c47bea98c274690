//! The types PostgreSQL gives expressions where the planner gives others, on the planned statement.
//!
//! * A fraction cast to an integer is rounded: decimals half away from zero, floats half to even. The
//!   planner would cut.
//! * A date plus an interval is a timestamp; the planner would drop the hours.
//! * Intervals are compared by their length (a month is 30 days, a day 24 hours), not field by field.
//! * Text that stands beside bytes is read as bytes; floats and times become text as PostgreSQL's do.
//! * Text is not compared with, or put under, numbers; a recursive term has the types of the first.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Decimal128Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, Float64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::expr::{Between, Cast, InList, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arrow_value::{UTC, value_at};
use super::decimal::{FromFloat, ToFloat};
use super::error::{refuse, to_datafusion};
use super::literal::parse_text;
use crate::model::{Error, PropertyType, Value};

const ROUNDED: &str = "rounded to integer";
const SPAN: &str = "interval length";

/// The functions that corrected expressions call; their names are no identifiers.
pub fn functions() -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::new_from_impl(Rounded { signature: any_one() }),
        ScalarUDF::new_from_impl(IntervalSpan { signature: any_one() }),
        ScalarUDF::new_from_impl(AsText { short: false, signature: any_one() }),
    ]
}

fn any_one() -> Signature {
    Signature::any(1, Volatility::Immutable)
}

fn call_of(function: impl ScalarUDFImpl + 'static, argument: Expr) -> Expr {
    let udf = ScalarUDF::new_from_impl(function);
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), vec![argument]))
}

fn rounded(expr: Expr) -> Expr {
    call_of(Rounded { signature: any_one() }, expr)
}

pub(super) fn span(expr: Expr) -> Expr {
    call_of(IntervalSpan { signature: any_one() }, expr)
}

pub(super) fn cast(expr: Expr, to: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), to))
}

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// Refuses a node that would mix what does not go together.
///
/// # Errors
/// `BadInput` with the way out.
pub fn check_node(node: &LogicalPlan) -> crate::model::Result<()> {
    match node {
        LogicalPlan::Union(union) => {
            let Some((first, rest)) = union.inputs.split_first() else { return Ok(()) };
            for input in rest {
                for (a, b) in first.schema().fields().iter().zip(input.schema().fields()) {
                    if mixed(a.data_type(), b.data_type()) {
                        return Err(mixture("UNION", a.data_type(), b.data_type()));
                    }
                }
            }
            Ok(())
        }
        LogicalPlan::Join(join) => {
            for (left, right) in &join.on {
                let types = (left.get_type(join.left.schema()), right.get_type(join.right.schema()));
                if let (Ok(l), Ok(r)) = types
                    && mixed(&l, &r)
                {
                    return Err(mixture("a comparison", &l, &r));
                }
            }
            Ok(())
        }
        LogicalPlan::RecursiveQuery(query) => {
            let LogicalPlan::Projection(projection) = query.recursive_term.as_ref() else { return Ok(()) };
            for (number, expr) in projection.expr.iter().enumerate() {
                // The planner made the cast: those of the statement stand below a function.
                let mut inner = expr;
                while let Expr::Alias(alias) = inner {
                    inner = &alias.expr;
                }
                if let Expr::Cast(Cast { expr, field }) = inner
                    && let Ok(given) = expr.get_type(projection.input.schema())
                    && !widens(&given, field.data_type())
                {
                    return Err(Error::bad_input(format!(
                        "column {} of the recursive query {} is {} in its first term and {} in its recursive term",
                        number + 1,
                        query.name,
                        shown(field.data_type()),
                        shown(&given),
                    ))
                    .with_hint("CAST the column of the first term to the wider type"));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a value of one type is kept as it is in another.
fn widens(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Null, _) => true,
        (a, b) if a == b => true,
        (a, b) if a.is_integer() => b.is_numeric(),
        (DataType::Decimal128(_, a), DataType::Decimal128(_, b)) => a <= b,
        (a, b) if is_text(a) => is_text(b),
        (a, b) if a.is_floating() => b.is_floating(),
        (DataType::Timestamp(..), DataType::Timestamp(..)) => true,
        (a, b) if a.is_nested() => b.is_nested(),
        _ => false,
    }
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
}

/// Whether one is text and the other something that is none.
fn mixed(a: &DataType, b: &DataType) -> bool {
    let other = |t: &DataType| t.is_numeric() || t.is_temporal() || *t == DataType::Boolean;
    (is_text(a) && other(b)) || (other(a) && is_text(b))
}

fn shown(data_type: &DataType) -> String {
    match data_type {
        t if is_text(t) => "TEXT".to_owned(),
        t if t.is_integer() => "INTEGER".to_owned(),
        t if t.is_floating() => "FLOAT".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Time64(_) | DataType::Time32(_) => "TIME".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        other => other.to_string(),
    }
}

fn mixture(what: &str, a: &DataType, b: &DataType) -> Error {
    Error::bad_input(format!("{what} mixes {} and {}", shown(a), shown(b)))
        .with_hint("CAST one of them to the type of the other")
}

/// An expression with the types that PostgreSQL gives it; its parts have them already.
///
/// # Errors
/// As an error of ours on its way: see `mixture`; `BadInput` for text that is no bytes.
pub fn typed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(Cast { expr: inner, field }) => {
            let Ok(from) = inner.get_type(schema) else {
                return Ok(Transformed::no(Expr::Cast(Cast { expr: inner, field })));
            };
            Ok(match (from, field.data_type()) {
                (from, DataType::Int64) if is_fraction(&from) => Transformed::yes(rounded(*inner)),
                (DataType::Float64, DataType::Decimal128(precision, scale)) => {
                    Transformed::yes(FromFloat::call(*inner, (*precision, *scale)))
                }
                (DataType::Decimal128(..), DataType::Float64) => Transformed::yes(ToFloat::plain(*inner)),
                (from, to) if is_text(to) && has_own_text(&from) => Transformed::yes(Expr::Cast(Cast {
                    expr: Box::new(call_of(AsText { short: false, signature: any_one() }, *inner)),
                    field,
                })),
                _ => Transformed::no(Expr::Cast(Cast { expr: inner, field })),
            })
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            let [left, right] = [left, right].map(|side| joined_text(*side, false, schema));
            let changed = left.transformed || right.transformed;
            let (left, right) = (Box::new(left.data), Box::new(right.data));
            let made = Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right });
            Ok(Transformed::new_transformed(made, changed))
        }
        // NULL is equal to nothing, for these functions it is equal to NULL: without those on one side those on
        // the other find nothing.
        Expr::ScalarFunction(mut call) if ["array_has_all", "array_has_any"].contains(&call.func.name()) => {
            let compact = datafusion::functions_nested::array_compact::array_compact_udf();
            match call.args.first_mut() {
                Some(within) if within.get_type(schema).is_ok_and(|t| t.is_list()) => {
                    let given = std::mem::replace(within, Expr::Literal(ScalarValue::Null, None));
                    *within = Expr::ScalarFunction(ScalarFunction::new_udf(compact, vec![given]));
                    Ok(Transformed::yes(Expr::ScalarFunction(call)))
                }
                _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
            }
        }
        Expr::BinaryExpr(binary) => typed_binary(binary, schema),
        Expr::ScalarFunction(ScalarFunction { func, args })
            if ["concat", "concat_ws"].contains(&func.name()) =>
        {
            let mut changed = false;
            let args = args
                .into_iter()
                .map(|argument| {
                    let made = joined_text(argument, true, schema);
                    changed |= made.transformed;
                    made.data
                })
                .collect();
            let made = Expr::ScalarFunction(ScalarFunction { func, args });
            Ok(Transformed::new_transformed(made, changed))
        }
        Expr::AggregateFunction(call)
            if ["min", "max"].contains(&call.func.name())
                && call.params.args.first().is_some_and(|argument| is_interval(argument, schema)) =>
        {
            // They would be compared field by field.
            Err(to_datafusion(refuse("min or max of intervals", "ORDER BY the interval, with LIMIT 1")))
        }
        Expr::Between(Between { expr, negated, low, high }) if is_interval(&expr, schema) => {
            Ok(Transformed::yes(Expr::Between(Between {
                expr: Box::new(length(*expr, schema)),
                negated,
                low: Box::new(length(*low, schema)),
                high: Box::new(length(*high, schema)),
            })))
        }
        Expr::InList(InList { expr, list, negated }) if is_interval(&expr, schema) => {
            Ok(Transformed::yes(Expr::InList(InList {
                expr: Box::new(length(*expr, schema)),
                list: list.into_iter().map(|item| length(item, schema)).collect(),
                negated,
            })))
        }
        Expr::InList(InList { expr, list, negated }) if is_bytes(&expr, schema) => {
            let list = list
                .into_iter()
                .map(|item| Ok(bytes(item.clone())?.unwrap_or(item)))
                .collect::<Result<Vec<_>>>()?;
            Ok(Transformed::yes(Expr::InList(InList { expr, list, negated })))
        }
        Expr::ScalarSubquery(subquery) if subquery.outer_ref_columns.is_empty() => {
            let first = subquery.subquery.schema().iter().next();
            let first = first.filter(|(_, field)| !field.is_nullable());
            let Some((qualifier, field)) = first.map(|(q, field)| (q.cloned(), Arc::clone(field))) else {
                return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
            };
            // No row gives NULL, also where the column has none.
            let column = Expr::Column(datafusion::common::Column::new(qualifier, field.name()));
            let null = Expr::Literal(ScalarValue::Null, None);
            let value = datafusion::functions::expr_fn::nullif(column, null).alias(field.name());
            let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(Arc::clone(&subquery.subquery)))
                .project(vec![value])?
                .build()?;
            Ok(Transformed::yes(Expr::ScalarSubquery(subquery.with_plan(Arc::new(plan)))))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// What is joined to text; arrays are not, they are joined to each other.
fn joined_text(expr: Expr, short: bool, schema: &DFSchema) -> Transformed<Expr> {
    if matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::StringConcat, .. })) {
        return Transformed::no(expr);
    }
    match expr.get_type(schema) {
        Ok(DataType::List(_)) => Transformed::no(expr),
        Ok(t) if has_own_text(&t) || short && t == DataType::Boolean => {
            Transformed::yes(call_of(AsText { short, signature: any_one() }, expr))
        }
        _ => Transformed::no(expr),
    }
}

fn typed_binary(binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let BinaryExpr { left, op, right } = binary;
    let adds = matches!(op, Operator::Plus | Operator::Minus);
    if !(compares(op) || adds && (is_time(&left, schema) || is_time(&right, schema))) {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    }
    let unchanged = |left, right| Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    let (Ok(l), Ok(r)) = (left.get_type(schema), right.get_type(schema)) else {
        return unchanged(left, right);
    };
    let made = |left: Expr, right: Expr| {
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
    };
    match (op, &l, &r) {
        (Operator::Plus | Operator::Minus, DataType::Date32, DataType::Interval(_)) => {
            made(cast(*left, timestamp()), *right)
        }
        (Operator::Plus, DataType::Interval(_), DataType::Date32) => made(*left, cast(*right, timestamp())),
        (op, _, _) if !compares(op) => unchanged(left, right),
        (_, DataType::Interval(_), _) | (_, _, DataType::Interval(_)) => {
            made(length(*left, schema), length(*right, schema))
        }
        (_, DataType::Binary | DataType::BinaryView | DataType::LargeBinary, text) if is_text(text) => {
            match bytes(*right.clone())? {
                Some(right) => made(*left, right),
                None => unchanged(left, right),
            }
        }
        (_, text, DataType::Binary | DataType::BinaryView | DataType::LargeBinary) if is_text(text) => {
            match bytes(*left.clone())? {
                Some(left) => made(left, *right),
                None => unchanged(left, right),
            }
        }
        (_, l, r) if mixed(l, r) && !is_literal(&left) && !is_literal(&right) => {
            Err(to_datafusion(mixture("a comparison", l, r)))
        }
        _ => unchanged(left, right),
    }
}

/// Whether a sum begins with a time or an interval; does not derive types along a long chain.
pub(super) fn is_time(expr: &Expr, schema: &DFSchema) -> bool {
    let mut first = expr;
    while let Expr::BinaryExpr(BinaryExpr { left, .. }) = first {
        first = left;
    }
    first.get_type(schema).is_ok_and(|t| t.is_temporal())
}

pub(super) fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) | Expr::Placeholder(_) => true,
        Expr::Alias(alias) => is_literal(&alias.expr),
        _ => false,
    }
}

fn is_fraction(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float64 | DataType::Decimal128(..))
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Interval(_)))
}

fn is_bytes(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Binary | DataType::BinaryView | DataType::LargeBinary))
}

/// An interval's length; text is read as an interval.
fn length(expr: Expr, schema: &DFSchema) -> Expr {
    match expr.get_type(schema) {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano)) => span(expr),
        _ => span(cast(expr, INTERVAL)),
    }
}

/// An expression of ORDER BY over intervals, ordered by their length.
pub fn ordered(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    if is_interval(&expr, schema) { Transformed::yes(span(expr)) } else { Transformed::no(expr) }
}

/// A float without a fraction as an integer.
fn whole(value: f64) -> Result<i64> {
    const PAST: f64 = 9_223_372_036_854_775_808.0;
    if (-PAST..PAST).contains(&value) {
        #[allow(clippy::cast_possible_truncation)]
        return Ok(value as i64);
    }
    exec_err!("number out of range: {value} is no 64-bit integer")
}

/// Text that is a literal, as the bytes it says.
fn bytes(expr: Expr) -> Result<Option<Expr>> {
    match expr {
        Expr::Literal(value, metadata) => {
            let Some(Some(text)) = value.try_as_str() else { return Ok(None) };
            match parse_text(PropertyType::Bytes, text).map_err(to_datafusion)? {
                Value::Bytes(bytes) => Ok(Some(Expr::Literal(ScalarValue::Binary(Some(bytes)), metadata))),
                _ => Ok(None),
            }
        }
        Expr::Alias(alias) => bytes(*alias.expr),
        _ => Ok(None),
    }
}

/// A float or decimal as the nearest integer.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounded {
    signature: Signature,
}

impl ScalarUDFImpl for Rounded {
    fn name(&self) -> &'static str {
        ROUNDED
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        mapped(&call, |array| {
            if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
                let values = floats.iter().map(|v| v.map(|v| whole(v.round_ties_even())).transpose());
                return Ok(Arc::new(values.collect::<Result<Int64Array>>()?));
            }
            let Some(decimals) = array.as_primitive_opt::<Decimal128Type>() else {
                return internal_err!("{} rounded to an integer", array.data_type());
            };
            let scale = u32::from(decimals.scale().max(0).unsigned_abs());
            let unit = 10i128.pow(scale);
            let values = decimals.iter().map(|value| {
                value
                    .map(|value| {
                        let rest = value % unit;
                        let up = if rest.abs() * 2 >= unit { value.signum() } else { 0 };
                        i64::try_from(value / unit + up)
                            .or_else(|_| exec_err!("number out of range: it is no 64-bit integer"))
                    })
                    .transpose()
            });
            Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
        })
    }
}

/// An interval's length in nanoseconds, with months of 30 days and days of 24 hours.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalSpan {
    signature: Signature,
}

impl ScalarUDFImpl for IntervalSpan {
    fn name(&self) -> &'static str {
        SPAN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(38, 0))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        const DAY: i128 = 86_400_000_000_000;
        mapped(&call, |array| {
            let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
                return internal_err!("the length of {}", array.data_type());
            };
            let length = |v: datafusion::arrow::datatypes::IntervalMonthDayNano| {
                (i128::from(v.months) * 30 + i128::from(v.days)) * DAY + i128::from(v.nanoseconds)
            };
            let lengths: Decimal128Array = intervals.iter().map(|v| v.map(length)).collect();
            Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
        })
    }
}

/// Types whose text the planner spells otherwise than PostgreSQL.
fn has_own_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Float64
            | DataType::Timestamp(..)
            | DataType::Time64(_)
            | DataType::Interval(_)
            | DataType::Binary
            | DataType::List(_)
    )
}

/// A value as the text PostgreSQL has for it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AsText {
    /// Truth values as t and f, as functions that take any value show them.
    short: bool,
    signature: Signature,
}

impl ScalarUDFImpl for AsText {
    fn name(&self) -> &'static str {
        "as text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        mapped(&call, |array| {
            let field = Field::new("", array.data_type().clone(), true);
            let array = datafusion::arrow::array::make_array(array.to_data());
            let texts: StringArray = (0..array.len())
                .map(|row| match value_at(&array, &field, row) {
                    Value::Null => None,
                    Value::Bool(truth) if self.short => Some((if truth { "t" } else { "f" }).to_owned()),
                    Value::Array(items) if array.data_type().is_nested() => Some(array_text(&items)),
                    other => Some(plain_text(&other)),
                })
                .collect();
            Ok(Arc::new(texts))
        })
    }
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::Float(float) => float_text(*float),
        Value::Timestamp(_) => value.to_text().replace('T', " ").trim_end_matches('Z').to_owned(),
        other => other.to_text(),
    }
}

/// An array in braces; texts in quotes where they would not be read back.
fn array_text(items: &[Value]) -> String {
    let item = |item: &Value| match item {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) => (if *truth { "t" } else { "f" }).to_owned(),
        Value::Array(items) => array_text(items),
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) | Value::Date(_) | Value::Time(_) => {
            plain_text(item)
        }
        other => {
            let text = plain_text(other);
            let plain = !text.is_empty()
                && !text.eq_ignore_ascii_case("null")
                && !text.contains([',', '{', '}', '"', '\\'])
                && !text.contains(char::is_whitespace);
            if plain { text } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
        }
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}

/// A float's shortest exact digits: with an exponent below 1e-4 and from 1e15 on.
fn float_text(float: f64) -> String {
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return Value::Float(float).to_text();
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..15).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => float.to_string(),
    }
}

pub(super) fn mapped(
    call: &ScalarFunctionArgs,
    map: impl Fn(&dyn Array) -> Result<Arc<dyn Array>>,
) -> Result<ColumnarValue> {
    match call.args.as_slice() {
        [ColumnarValue::Array(array)] => Ok(ColumnarValue::Array(map(array.as_ref())?)),
        [ColumnarValue::Scalar(scalar)] => {
            let array = map(scalar.to_array()?.as_ref())?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
        }
        _ => internal_err!("a function of one argument"),
    }
}
