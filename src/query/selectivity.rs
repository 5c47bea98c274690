//! How large a part of a type's rows fulfils the conditions of a scan, as far as statistics tell.
//!
//! Conditions count as independent of each other, but for those that bound one column from both sides. Values count
//! as spread evenly between the lowest and the highest, and as equally frequent (Selinger et al., "Access Path
//! Selection in a Relational Database Management System", 1979, whose constants stand where nothing is known).

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};

use crate::columnar::ColumnStatistics;

/// Of an equality of which nothing is known.
const EQUAL: f64 = 0.1;
/// Of a range of which nothing is known.
const RANGE: f64 = 1.0 / 3.0;
/// Of a text that is like a pattern.
const LIKE: f64 = 0.1;
/// Of any other condition.
const OTHER: f64 = 1.0 / 3.0;

/// What is known of the column with a number.
pub type Known<'a> = &'a dyn Fn(usize) -> Option<Arc<ColumnStatistics>>;

/// The part of rows, between 0 and 1, that fulfils all conditions.
pub fn of_all(conditions: &[Arc<dyn PhysicalExpr>], known: Known<'_>) -> f64 {
    let mut ranges: HashMap<usize, (f64, f64)> = HashMap::new();
    let mut part = 1.0;
    for condition in conditions {
        and(condition, known, &mut ranges, &mut part);
    }
    for (from, to) in ranges.values() {
        part *= (to - from).max(0.0);
    }
    part.clamp(0.0, 1.0)
}

/// Takes a condition in: ranges of a column are cut with each other, as parts of all its values; the part of other
/// conditions is multiplied.
fn and(
    condition: &Arc<dyn PhysicalExpr>,
    known: Known<'_>,
    ranges: &mut HashMap<usize, (f64, f64)>,
    part: &mut f64,
) {
    let Some(operation) = condition.downcast_ref::<BinaryExpr>() else {
        *part *= of_one(condition, known);
        return;
    };
    if *operation.op() == Operator::And {
        and(operation.left(), known, ranges, part);
        and(operation.right(), known, ranges, part);
    } else if let Some((column, from, to)) = range(operation, known) {
        let (lowest, highest) = ranges.entry(column).or_insert((0.0, 1.0));
        (*lowest, *highest) = (lowest.max(from), highest.min(to));
    } else {
        *part *= of_one(condition, known);
    }
}

fn of_one(condition: &Arc<dyn PhysicalExpr>, known: Known<'_>) -> f64 {
    if let Some(operation) = condition.downcast_ref::<BinaryExpr>() {
        return of_operation(operation, condition, known);
    }
    if let Some(not) = condition.downcast_ref::<NotExpr>() {
        return 1.0 - of_one(not.arg(), known);
    }
    if let Some(list) = condition.downcast_ref::<InListExpr>() {
        let one = column_of(list.expr()).map_or(EQUAL, |column| of_value(known(column).as_deref()));
        let part = (one * count(list.list().len() as u64)).min(1.0);
        return if list.negated() { 1.0 - part } else { part };
    }
    if let Some(like) = condition.downcast_ref::<LikeExpr>() {
        return if like.negated() { 1.0 - LIKE } else { LIKE };
    }
    if let Some(null) = condition.downcast_ref::<IsNullExpr>() {
        return nulls(null.arg(), known);
    }
    if let Some(not_null) = condition.downcast_ref::<IsNotNullExpr>() {
        return 1.0 - nulls(not_null.arg(), known);
    }
    match condition.downcast_ref::<Literal>().map(Literal::value) {
        Some(ScalarValue::Boolean(Some(true))) => 1.0,
        Some(_) => 0.0,
        None => OTHER,
    }
}

fn of_operation(operation: &BinaryExpr, condition: &Arc<dyn PhysicalExpr>, known: Known<'_>) -> f64 {
    match operation.op() {
        Operator::And => of_all(std::slice::from_ref(condition), known),
        Operator::Or => {
            let (left, right) = (of_one(operation.left(), known), of_one(operation.right(), known));
            left + right - left * right
        }
        Operator::Eq => equal(operation, known),
        Operator::NotEq => 1.0 - equal(operation, known),
        Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
            range(operation, known).map_or(RANGE, |(_, from, to)| (to - from).max(0.0))
        }
        _ => OTHER,
    }
}

fn equal(operation: &BinaryExpr, known: Known<'_>) -> f64 {
    match sides(operation) {
        Some((column, value, _)) => {
            let statistics = known(column);
            let outside = statistics.as_deref().and_then(|statistics| {
                let (low, high) = statistics.bounds.as_ref()?;
                let value = number(value)?;
                Some(value < number(low)? || value > number(high)?)
            });
            if outside == Some(true) { 0.0 } else { of_value(statistics.as_deref()) }
        }
        // Two columns: as often as the one with more values has any of them.
        None => match (column_of(operation.left()), column_of(operation.right())) {
            (Some(left), Some(right)) => {
                of_value(known(left).as_deref()).min(of_value(known(right).as_deref()))
            }
            _ => EQUAL,
        },
    }
}

/// The part of rows that have a certain value.
fn of_value(statistics: Option<&ColumnStatistics>) -> f64 {
    let distinct = statistics.and_then(|statistics| statistics.distinct);
    distinct.map_or(EQUAL, |distinct| 1.0 / count(distinct.max(1)))
}

fn nulls(argument: &Arc<dyn PhysicalExpr>, known: Known<'_>) -> f64 {
    let statistics = column_of(argument).and_then(known);
    statistics.map_or(EQUAL, |found| count(found.nulls) / count(found.rows.max(1)))
}

/// The column that a comparison with a number, a date or a time bounds, and which part of its values is left.
fn range(operation: &BinaryExpr, known: Known<'_>) -> Option<(usize, f64, f64)> {
    let (column, value, swapped) = sides(operation)?;
    let is_below = match operation.op() {
        Operator::Lt | Operator::LtEq => !swapped,
        Operator::Gt | Operator::GtEq => swapped,
        _ => return None,
    };
    let statistics = known(column)?;
    let (low, high) = statistics.bounds.as_ref()?;
    let (low, high, value) = (number(low)?, number(high)?, number(value)?);
    let part = if high > low {
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    } else {
        f64::from(u8::from((value >= low) == is_below))
    };
    Some(if is_below { (column, 0.0, part) } else { (column, part, 1.0) })
}

/// The column and the value of a comparison, and whether the value stands first.
fn sides(operation: &BinaryExpr) -> Option<(usize, &ScalarValue, bool)> {
    let literal = |side: &Arc<dyn PhysicalExpr>| side.downcast_ref::<Literal>().is_some();
    let swapped = literal(operation.left());
    let (column, value) = match swapped {
        true => (operation.right(), operation.left()),
        false => (operation.left(), operation.right()),
    };
    Some((column_of(column)?, value.downcast_ref::<Literal>()?.value(), swapped))
}

fn column_of(side: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    match side.downcast_ref::<CastExpr>() {
        Some(cast) => column_of(cast.expr()),
        None => side.downcast_ref::<Column>().map(Column::index),
    }
}

/// A value on the line of numbers.
// An estimate need not be exact.
#[allow(clippy::cast_precision_loss)]
fn number(value: &ScalarValue) -> Option<f64> {
    const DAY_MICROS: f64 = 86_400e6;
    Some(match value {
        ScalarValue::Int64(Some(v)) | ScalarValue::Time64Microsecond(Some(v)) => *v as f64,
        ScalarValue::Int32(Some(v)) => f64::from(*v),
        ScalarValue::Float64(Some(v)) => *v,
        // Dates are compared with timestamps.
        ScalarValue::Date32(Some(v)) => f64::from(*v) * DAY_MICROS,
        ScalarValue::TimestampMicrosecond(Some(v), _) => *v as f64,
        ScalarValue::Decimal128(Some(v), _, scale) => *v as f64 / 10_f64.powi(i32::from(*scale)),
        _ => return None,
    })
}

// An estimate need not be exact.
#[allow(clippy::cast_precision_loss)]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_expr::expressions::{binary, col, in_list, is_null, lit};

    use super::*;

    fn statistics(number: usize) -> Option<Arc<ColumnStatistics>> {
        let bounds = Some((ScalarValue::Int64(Some(0)), ScalarValue::Int64(Some(100))));
        (number == 0).then(|| {
            Arc::new(ColumnStatistics { rows: 1000, nulls: 250, bounds, distinct: Some(50), complete: true })
        })
    }

    fn part(conditions: &[Arc<dyn PhysicalExpr>]) -> f64 {
        of_all(conditions, &statistics)
    }

    #[test]
    fn parts_are_as_the_statistics_say() {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("unknown", DataType::Int64, true),
        ]);
        let (a, unknown) = (col("a", &schema).unwrap(), col("unknown", &schema).unwrap());
        let compare = |left: &Arc<dyn PhysicalExpr>, op, value: i64| {
            binary(Arc::clone(left), op, lit(value), &schema).unwrap()
        };
        let near =
            |part: f64, expected: f64| assert!((part - expected).abs() < 1e-9, "{part}, not {expected}");
        near(part(&[]), 1.0);
        near(part(&[compare(&a, Operator::Eq, 7)]), 0.02);
        near(part(&[compare(&a, Operator::Eq, 101)]), 0.0);
        near(part(&[compare(&a, Operator::NotEq, 7)]), 0.98);
        near(part(&[compare(&a, Operator::Lt, 25)]), 0.25);
        near(part(&[binary(lit(25_i64), Operator::Gt, Arc::clone(&a), &schema).unwrap()]), 0.25);
        near(part(&[compare(&a, Operator::GtEq, 20), compare(&a, Operator::Lt, 30)]), 0.1);
        near(part(&[compare(&a, Operator::Gt, 60), compare(&a, Operator::Lt, 30)]), 0.0);
        near(part(&[compare(&unknown, Operator::Eq, 7)]), EQUAL);
        near(part(&[compare(&unknown, Operator::Lt, 7)]), RANGE);
        near(part(&[is_null(Arc::clone(&a)).unwrap()]), 0.25);
        let some = in_list(Arc::clone(&a), vec![lit(1_i64), lit(2_i64)], &false, &schema).unwrap();
        near(part(&[some]), 0.04);
        let or = |left, right| binary(left, Operator::Or, right, &schema).unwrap();
        near(part(&[or(compare(&a, Operator::Lt, 50), compare(&a, Operator::Lt, 50))]), 0.75);
    }
}
