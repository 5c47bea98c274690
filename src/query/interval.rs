//! Intervals as keys, and arithmetic that gives intervals, as PostgreSQL means them.
//!
//! * A timestamp minus a timestamp is days and time.
//! * Intervals of one length are one value (24 hours are a day): where they are grouped, made distinct,
//!   joined or order a window, their length stands for them, and a group shows its first.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Decimal128Array, Int64Array, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    TimestampMicrosecondType,
};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, exec_err, internal_err};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, ColumnarValue, Distinct, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder,
    Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::coerce::{cast, mapped, span, timestamp};
use super::error::{refuse, to_datafusion};

const DAY_MICROS: i64 = 86_400_000_000;

/// The name of unary minus on intervals, for the syntax tree.
pub const MINUS: &str = "minus interval";

/// The functions that corrected expressions call; their names are no identifiers.
pub fn functions() -> Vec<ScalarUDF> {
    vec![ScalarUDF::new_from_impl(Negated { signature: Signature::any(1, Volatility::Immutable) })]
}

pub fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

fn holds(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|t| is_interval(&t))
}

fn call(function: impl ScalarUDFImpl + 'static, arguments: Vec<Expr>) -> Expr {
    let udf = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(udf, arguments))
}

/// An expression with intervals as PostgreSQL has them; its parts are done.
///
/// # Errors
/// `Unsupported` for a window's frame in intervals over intervals.
pub fn typed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Negative(inner) if holds(&inner, schema) => {
            let signature = Signature::any(1, Volatility::Immutable);
            Ok(Transformed::yes(call(Negated { signature }, vec![*inner])))
        }
        Expr::AggregateFunction(mut aggregate) => {
            let params = &mut aggregate.params;
            let mut changed = false;
            if params.distinct && params.args.iter().any(|e| holds(e, schema)) {
                if aggregate.func.name() != "count" {
                    return Err(to_datafusion(refuse(
                        "DISTINCT over intervals in this function",
                        "take it over a subquery with SELECT DISTINCT",
                    )));
                }
                let args = std::mem::take(&mut params.args);
                params.args = args.into_iter().map(|e| if holds(&e, schema) { span(e) } else { e }).collect();
                changed = true;
            }
            for order in &mut params.order_by {
                if holds(&order.expr, schema) {
                    order.expr = span(order.expr.clone());
                    changed = true;
                }
            }
            Ok(Transformed::new_transformed(Expr::AggregateFunction(aggregate), changed))
        }
        Expr::WindowFunction(window) => typed_window(window, schema),
        Expr::ScalarFunction(ScalarFunction { func, mut args })
            if func.name() == "date_part" && args.get(1).is_some_and(|e| holds(e, schema)) =>
        {
            let field = match args.first() {
                Some(Expr::Literal(value, _)) => value.try_as_str().flatten().and_then(Field::of),
                _ => None,
            };
            let (Some(field), Some(value)) = (field, args.pop()) else {
                return Err(to_datafusion(refuse(
                    "this field of an interval",
                    "there are year, month, day, hour, minute, second, millisecond, microsecond, epoch",
                )));
            };
            let signature = Signature::any(1, Volatility::Immutable);
            Ok(Transformed::yes(call(Part { field, signature }, vec![value])))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn typed_window(mut window: Box<WindowFunction>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let params = &mut window.params;
    let mut changed = false;
    for key in &mut params.partition_by {
        if holds(key, schema) {
            *key = span(key.clone());
            changed = true;
        }
    }
    let mut orders = false;
    for order in &mut params.order_by {
        if holds(&order.expr, schema) {
            order.expr = span(order.expr.clone());
            orders = true;
        }
    }
    if orders {
        use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
        let counts = |bound: &WindowFrameBound| match bound {
            WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => !value.is_null(),
            WindowFrameBound::CurrentRow => false,
        };
        let frame = &params.window_frame;
        if frame.units == WindowFrameUnits::Range && (counts(&frame.start_bound) || counts(&frame.end_bound))
        {
            return Err(to_datafusion(refuse(
                "a frame of intervals over intervals",
                "ORDER BY EXTRACT(EPOCH FROM ...), with a frame of seconds",
            )));
        }
    }
    Ok(Transformed::new_transformed(Expr::WindowFunction(window), changed || orders))
}

/// A node that groups or joins by intervals.
///
/// # Errors
/// `Unsupported` for grouping sets over intervals.
pub fn typed_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Distinct(Distinct::All(input)) => {
            if !input.schema().fields().iter().any(|f| is_interval(f.data_type())) {
                return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::All(input))));
            }
            let columns: Vec<Expr> = input
                .schema()
                .iter()
                .map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name())))
                .collect();
            grouped(Aggregate::try_new(input, columns, Vec::new())?)
        }
        LogicalPlan::Distinct(Distinct::On(on)) => {
            let schema = on.input.schema();
            if on.on_expr.iter().any(|e| holds(e, schema)) {
                return Err(to_datafusion(refuse(
                    "DISTINCT ON an interval",
                    "use DISTINCT ON (EXTRACT(EPOCH FROM ...))",
                )));
            }
            Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(on))))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let schema = aggregate.input.schema();
            let sets = |e: &Expr| matches!(e, Expr::GroupingSet(_));
            if aggregate.group_expr.iter().any(sets) {
                let fields = aggregate.schema.fields();
                let keys = aggregate.schema.fields().len().saturating_sub(aggregate.aggr_expr.len());
                if fields.iter().take(keys).any(|f| is_interval(f.data_type())) {
                    return Err(to_datafusion(refuse(
                        "grouping sets over intervals",
                        "group by EXTRACT(EPOCH FROM ...)",
                    )));
                }
                return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
            }
            if aggregate.group_expr.iter().any(|e| holds(e, schema)) {
                return grouped(aggregate);
            }
            Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)))
        }
        LogicalPlan::Join(mut join) => {
            let mut changed = false;
            for (left, right) in &mut join.on {
                if holds(left, join.left.schema()) && holds(right, join.right.schema()) {
                    *left = span(left.clone());
                    *right = span(right.clone());
                    changed = true;
                }
            }
            Ok(Transformed::new_transformed(LogicalPlan::Join(join), changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// A grouping by lengths that shows each group's first interval, under the columns it had.
fn grouped(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let input_schema = Arc::clone(aggregate.input.schema());
    let shown: Vec<_> = aggregate
        .schema
        .iter()
        .map(|(qualifier, field)| (qualifier.cloned(), field.name().clone()))
        .collect();
    let (mut keys, mut values, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for (number, expr) in aggregate.group_expr.iter().enumerate() {
        let (key, name) = (format!("key {number}"), format!("value {number}"));
        if holds(expr, &input_schema) {
            keys.push(span(expr.clone()).alias(key));
            let first = AggregateFunction::new_udf(
                first_value_udaf(),
                vec![expr.clone()],
                false,
                None,
                Vec::new(),
                None,
            );
            values.push(Expr::AggregateFunction(first).alias(name.clone()));
            columns.push(name);
        } else {
            keys.push(expr.clone().alias(key.clone()));
            columns.push(key);
        }
    }
    for (number, expr) in aggregate.aggr_expr.iter().enumerate() {
        let name = format!("aggregate {number}");
        values.push(expr.clone().alias(name.clone()));
        columns.push(name);
    }
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(aggregate.input, keys, values)?);
    let exprs = columns.into_iter().zip(shown).map(|(column, (qualifier, name))| {
        Expr::Column(Column::new_unqualified(column)).alias_qualified(qualifier, name)
    });
    let made = LogicalPlanBuilder::from(plan).project(exprs.collect::<Vec<_>>())?.build()?;
    Ok(Transformed::yes(made))
}

/// The time between two timestamps, in days and microseconds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Between {
    signature: Signature,
}

impl ScalarUDFImpl for Between {
    fn name(&self) -> &'static str {
        "time between"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let [left, right] = call.args.as_slice() else { return internal_err!("two times") };
        let (left, right) = (left.clone().into_array(rows)?, right.clone().into_array(rows)?);
        let (Some(left), Some(right)) = (
            left.as_primitive_opt::<TimestampMicrosecondType>(),
            right.as_primitive_opt::<TimestampMicrosecondType>(),
        ) else {
            return internal_err!("the time between {} and {}", left.data_type(), right.data_type());
        };
        let made = left.iter().zip(right.iter()).map(|pair| {
            let (Some(left), Some(right)) = pair else { return Ok(None) };
            let Some(micros) = left.checked_sub(right) else {
                return exec_err!("interval out of range");
            };
            let days = i32::try_from(micros / DAY_MICROS)
                .or_else(|_| exec_err!("interval out of range: more than 2^31 days"))?;
            Ok(Some(IntervalMonthDayNano::new(0, days, micros % DAY_MICROS * 1_000)))
        });
        Ok(ColumnarValue::Array(Arc::new(made.collect::<Result<IntervalMonthDayNanoArray>>()?)))
    }
}

/// What an operation is where the planner would not know it, or would give it another type, for the planner.
///
/// # Errors
/// As the planner.
pub fn planned(op: Operator, left: &Expr, right: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    use DataType::{Date32, Interval, Timestamp};
    let (Some(l), Some(r)) = (type_of(left, schema), type_of(right, schema)) else { return Ok(None) };
    let plus = |left: Expr, right: Expr| {
        Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) })
    };
    let number = |expr: &Expr, t: &DataType| match t {
        DataType::Float64 => expr.clone(),
        _ => cast(expr.clone(), DataType::Float64),
    };
    Ok(match (op, &l, &r) {
        (Operator::Minus, Timestamp(..), Timestamp(..) | Date32)
        | (Operator::Minus, Date32, Timestamp(..)) => {
            let signature = Signature::any(2, Volatility::Immutable);
            let sides = vec![cast(left.clone(), timestamp()), cast(right.clone(), timestamp())];
            Some(call(Between { signature }, sides))
        }
        (Operator::Plus | Operator::Minus, Date32, Interval(_)) => {
            Some(plus(cast(left.clone(), timestamp()), right.clone()))
        }
        (Operator::Plus, Interval(_), Date32) => Some(plus(left.clone(), cast(right.clone(), timestamp()))),
        (Operator::Multiply | Operator::Divide, Interval(_), n) if n.is_numeric() => {
            Some(scaled(left.clone(), op == Operator::Divide, number(right, n)))
        }
        (Operator::Multiply, n, Interval(_)) if n.is_numeric() => {
            Some(scaled(right.clone(), false, number(left, n)))
        }
        _ => None,
    })
}

/// The type of an operand; along a chain of sums only what stands in front can be a time.
fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    let mut first = expr;
    while let Expr::BinaryExpr(BinaryExpr { left, .. }) = first {
        first = left;
    }
    // Sums of numbers are not looked at further, nor are conditions.
    first
        .get_type(schema)
        .ok()
        .filter(|t| t.is_temporal() || std::ptr::eq(first, expr))
        .and_then(|t| if std::ptr::eq(first, expr) { Some(t) } else { expr.get_type(schema).ok() })
}

fn scaled(interval: Expr, divided: bool, factor: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    call(Scaled { divided, signature }, vec![interval, factor])
}

/// An interval times a number, or divided by one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Scaled {
    divided: bool,
    signature: Signature,
}

impl Scaled {
    /// What is left of a month goes to the days (30 of them), what is left of a day to the time, as in
    /// PostgreSQL's `interval_mul`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn apply(&self, interval: IntervalMonthDayNano, factor: f64) -> Result<IntervalMonthDayNano> {
        const DAY_SECONDS: f64 = 86_400.0;
        if self.divided && factor == 0.0 {
            return Err(datafusion::arrow::error::ArrowError::DivideByZero.into());
        }
        let times = |part: f64| if self.divided { part / factor } else { part * factor };
        let rounded = |value: f64| (value * 1e6).round_ties_even() / 1e6;
        let (months, days) = (times(interval.months.into()), times(interval.days.into()));
        let micros = times((interval.nanoseconds / 1_000) as f64);
        let days_of_month = rounded((months - months.trunc()) * 30.0);
        let mut seconds =
            rounded((days - days.trunc() + days_of_month - days_of_month.trunc()) * DAY_SECONDS);
        let mut whole_days = days.trunc();
        if seconds.abs() >= DAY_SECONDS {
            whole_days += (seconds / DAY_SECONDS).trunc();
            seconds -= (seconds / DAY_SECONDS).trunc() * DAY_SECONDS;
        }
        whole_days += days_of_month.trunc();
        let micros = (micros + seconds * 1e6).round_ties_even();
        let fits = |value: f64| value.abs() < f64::from(i32::MAX);
        if !fits(months) || !fits(whole_days) || micros.is_nan() || micros.abs() > 9.2e15 {
            return exec_err!("interval out of range");
        }
        Ok(IntervalMonthDayNano::new(months.trunc() as i32, whole_days as i32, micros as i64 * 1_000))
    }
}

impl ScalarUDFImpl for Scaled {
    fn name(&self) -> &'static str {
        "scaled interval"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let [intervals, factors] = call.args.as_slice() else {
            return internal_err!("an interval and a number");
        };
        let (intervals, factors) = (intervals.clone().into_array(rows)?, factors.clone().into_array(rows)?);
        let factors = datafusion::arrow::compute::cast(&factors, &DataType::Float64)?;
        let (Some(intervals), Some(factors)) = (
            intervals.as_primitive_opt::<IntervalMonthDayNanoType>(),
            factors.as_primitive_opt::<Float64Type>(),
        ) else {
            return internal_err!("{} times {}", intervals.data_type(), factors.data_type());
        };
        let made = intervals.iter().zip(factors.iter()).map(|pair| match pair {
            (Some(interval), Some(factor)) => self.apply(interval, factor).map(Some),
            _ => Ok(None),
        });
        Ok(ColumnarValue::Array(Arc::new(made.collect::<Result<IntervalMonthDayNanoArray>>()?)))
    }
}

/// A field of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Field {
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Epoch,
}

impl Field {
    fn of(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().trim_end_matches('s') {
            "millennium" => Field::Millennium,
            "century" => Field::Century,
            "decade" => Field::Decade,
            "year" => Field::Year,
            "quarter" => Field::Quarter,
            "month" => Field::Month,
            "day" => Field::Day,
            "hour" => Field::Hour,
            "minute" => Field::Minute,
            "second" => Field::Second,
            "millisecond" => Field::Millisecond,
            "microsecond" => Field::Microsecond,
            "epoch" => Field::Epoch,
            _ => return None,
        })
    }

    fn of_interval(self, interval: IntervalMonthDayNano) -> i64 {
        let micros = interval.nanoseconds / 1_000;
        let (years, months) = (i64::from(interval.months / 12), i64::from(interval.months % 12));
        match self {
            Field::Millennium => years / 1_000,
            Field::Century => years / 100,
            Field::Decade => years / 10,
            Field::Year => years,
            Field::Quarter => months / 3 + 1,
            Field::Month => months,
            Field::Day => interval.days.into(),
            Field::Hour => micros / 3_600_000_000,
            Field::Minute => micros / 60_000_000 % 60,
            Field::Second => micros / 1_000_000 % 60,
            Field::Millisecond => micros % 60_000_000 / 1_000,
            Field::Microsecond => micros % 60_000_000,
            // A year has 365.25 days, a month 30.
            Field::Epoch => {
                let days = i64::from(interval.days) + months * 30;
                years * 31_557_600_000_000 + days * DAY_MICROS + micros
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Part {
    field: Field,
    signature: Signature,
}

impl ScalarUDFImpl for Part {
    fn name(&self) -> &'static str {
        "part of interval"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(if self.field == Field::Epoch { DataType::Decimal128(20, 6) } else { DataType::Int64 })
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        mapped(&call, |array| {
            let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
                return internal_err!("a part of {}", array.data_type());
            };
            let parts = intervals.iter().map(|value| value.map(|value| self.field.of_interval(value)));
            if self.field == Field::Epoch {
                let micros: Decimal128Array = parts.map(|part| part.map(i128::from)).collect();
                return Ok(Arc::new(micros.with_data_type(DataType::Decimal128(20, 6))));
            }
            Ok(Arc::new(parts.collect::<Int64Array>()))
        })
    }
}

/// An interval with all its parts negated.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Negated {
    signature: Signature,
}

impl ScalarUDFImpl for Negated {
    fn name(&self) -> &'static str {
        MINUS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        mapped(&call, |array| {
            let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
                return internal_err!("minus {}", array.data_type());
            };
            let made = intervals.iter().map(|value| {
                let Some(i) = value else { return Ok(None) };
                let parts = (i.months.checked_neg(), i.days.checked_neg(), i.nanoseconds.checked_neg());
                match parts {
                    (Some(months), Some(days), Some(nanoseconds)) => {
                        Ok(Some(IntervalMonthDayNano::new(months, days, nanoseconds)))
                    }
                    _ => exec_err!("interval out of range"),
                }
            });
            Ok(Arc::new(made.collect::<Result<IntervalMonthDayNanoArray>>()?))
        })
    }
}
