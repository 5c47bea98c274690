//! Index access: which index narrows the rows of a table reference, and to how many.
//!
//! An index only narrows: every filter is evaluated on the rows it leads to, so that it cannot change an
//! answer. What a filter leaves of an index is therefore rounded outwards. The estimate is a count: the
//! entries are walked until there are too many to be worth it, and the rows found are what is read.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, InList, Like};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use uuid::Uuid;

use crate::model::{CancelToken, Decimal, IndexDef, PropertyId, PropertyType, Result, RowId, TypeDef, Value};
use crate::storage::{IndexRange, View};

use super::columns::{Columns, Source};

/// Reading a row by its handle costs as much as this many of a scan.
pub const ROW_COST: u64 = 8;
/// The most entries walked to learn how many there are.
const MOST_ENTRIES: u64 = 50_000;
/// Types this small are scanned.
const SMALL: u64 = 16;
/// The most keys that IN lists over several columns may make.
const MOST_KEYS: usize = 1000;

/// The rows that an index leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The index's name.
    pub name: String,
    /// The names of the columns it narrows by.
    pub columns: Vec<String>,
    /// Whether it looks up whole values; otherwise a stretch of it is walked.
    pub lookup: bool,
    /// How many keys or stretches.
    pub keys: usize,
    /// The rows, each once.
    pub rows: Vec<RowId>,
}

/// What the filters say of one property.
#[derive(Debug, Clone, Default)]
struct Narrowed {
    /// It equals one of these.
    equal: Option<Vec<Value>>,
    low: Option<Value>,
    high: Option<Value>,
    /// It is text with this beginning.
    begins: Option<String>,
}

/// The rows of the index that narrows best; `None` where a scan is better, or no index fits.
///
/// # Errors
/// `Corrupt`, `Io`; `Cancelled`.
pub fn choose(
    definition: &TypeDef,
    columns: &Columns,
    view: &View,
    filters: &[Expr],
    live_rows: u64,
    cancel: &CancelToken,
) -> Result<Option<Indexed>> {
    if definition.indexes.is_empty() || live_rows <= SMALL || filters.is_empty() {
        return Ok(None);
    }
    let mut candidates: Vec<(usize, bool, &IndexDef, Vec<IndexRange>)> = Vec::new();
    for index in &definition.indexes {
        let narrowed: Vec<Narrowed> =
            index.properties.iter().map(|id| narrowed(columns, filters, *id)).collect();
        if let Some((used, lookup, ranges)) = ranges(definition, index, &narrowed)? {
            candidates.push((used, lookup, index, ranges));
        }
    }
    // A whole unique key first, then what looks up most columns.
    candidates.sort_by_key(|(used, lookup, index, _)| {
        let whole = *lookup && index.unique && *used == index.properties.len();
        (!whole, !*lookup, std::cmp::Reverse(*used))
    });
    let most = (live_rows / ROW_COST).clamp(SMALL, MOST_ENTRIES);
    let mut best: Option<Indexed> = None;
    for (used, lookup, index, ranges) in candidates {
        let limit = best.as_ref().map_or(most, |known| known.rows.len() as u64);
        let Some(rows) = rows_of(view, &ranges, limit, cancel)? else { continue };
        let names = index.properties.iter().take(used).filter_map(|id| definition.property_by_id(*id));
        best = Some(Indexed {
            name: index.name.clone(),
            columns: names.map(|p| p.name.clone()).collect(),
            lookup,
            keys: ranges.len(),
            rows,
        });
        if best.as_ref().is_some_and(|found| found.rows.len() as u64 <= SMALL) {
            break;
        }
    }
    Ok(best)
}

/// A column that rows are ordered by.
#[derive(Debug, Clone, Copy)]
pub struct OrderBy {
    /// The property.
    pub id: PropertyId,
    /// Its type.
    pub property_type: PropertyType,
    /// The highest first.
    pub descending: bool,
    /// NULLs before all others.
    pub nulls_first: bool,
}

/// An index that has the rows in an order.
#[derive(Debug, Clone)]
pub struct Ordered {
    /// Its name.
    pub name: String,
    /// The columns it is walked by: those that equal a value, then those of the order.
    pub columns: Vec<String>,
    /// The stretches, in the order they are walked.
    pub ranges: Vec<IndexRange>,
    /// Each is walked from its end.
    pub back: bool,
}

/// The index that has the rows that filters leave in an order; the one that most equalities bound.
///
/// # Errors
/// `Internal`.
pub fn in_order(
    definition: &TypeDef,
    columns: &Columns,
    filters: &[Expr],
    order: &[OrderBy],
) -> Result<Option<Ordered>> {
    let mut best: Option<(usize, Ordered)> = None;
    for index in &definition.indexes {
        let Some((equal, ordered)) = order_of(definition, index, columns, filters, order)? else { continue };
        if best.as_ref().is_none_or(|(known, _)| equal > *known) {
            best = Some((equal, ordered));
        }
    }
    Ok(best.map(|(_, ordered)| ordered))
}

fn order_of(
    definition: &TypeDef,
    index: &IndexDef,
    columns: &Columns,
    filters: &[Expr],
    order: &[OrderBy],
) -> Result<Option<(usize, Ordered)>> {
    let Some(first) = order.first() else { return Ok(None) };
    let mut equal = Vec::new();
    for id in index.properties.iter().take_while(|id| **id != first.id) {
        match narrowed(columns, filters, *id).equal.as_deref() {
            Some([value]) => equal.push(value.clone()),
            _ => return Ok(None),
        }
    }
    let rest = index.properties.get(equal.len()..).unwrap_or_default();
    let fits = rest.len() >= order.len() && rest.iter().zip(order).all(|(id, by)| *id == by.id);
    // Intervals of one length are equal in an index, and not to a sort.
    if !fits || order.iter().any(|by| by.property_type == PropertyType::Interval) {
        return Ok(None);
    }
    let is_null = |by: &OrderBy| definition.property_by_id(by.id).is_none_or(|p| !p.not_null);
    // NULLs stand at the end of an index.
    let natural = |by: &OrderBy| by.nulls_first == by.descending || !is_null(by);
    if order.iter().any(|by| by.descending != first.descending) {
        return Ok(None);
    }
    let (id, number) = (definition.id, index.number);
    let bounds = narrowed(columns, filters, first.id);
    let bounded = bounds.low.is_some() || bounds.high.is_some();
    let values = || IndexRange::between(id, number, &equal, bounds.low.as_ref(), bounds.high.as_ref());
    let ranges = if bounded && order.iter().skip(1).all(natural) {
        values().map(|range| vec![range])
    } else if order.iter().all(natural) {
        IndexRange::equal(id, number, &equal).map(|range| vec![range])
    } else if order.len() == 1 {
        let nulls = [equal.as_slice(), &[Value::Null]].concat();
        let mut ranges = vec![values()?, IndexRange::equal(id, number, &nulls)?];
        if first.nulls_first {
            ranges.reverse();
        }
        Ok(ranges)
    } else {
        return Ok(None);
    };
    // A value too long for an index: the sort says so.
    let Ok(ranges) = ranges else { return Ok(None) };
    let used = index.properties.iter().take(equal.len() + order.len());
    let names = used.filter_map(|id| definition.property_by_id(*id)).map(|p| p.name.clone());
    let ordered =
        Ordered { name: index.name.clone(), columns: names.collect(), ranges, back: first.descending };
    Ok(Some((equal.len(), ordered)))
}

/// The lowest and the highest value of the first column of an index; none where all are NULL.
///
/// # Errors
/// `Corrupt`, `Io`.
pub fn ends(view: &View, definition: &TypeDef, index: &IndexDef) -> Result<Option<(Value, Value)>> {
    let Some(property) = index.properties.first() else { return Ok(None) };
    let range = IndexRange::between(definition.id, index.number, &[], None, None)?;
    let value_at = |row: Option<RowId>| -> Result<Value> {
        let mut value = Value::Null;
        if let Some(row) = row {
            view.read(row, &mut |record| {
                value = record.property(*property)?.to_value();
                Ok(())
            })?;
        }
        Ok(value)
    };
    let (mut first, mut last) = (None, None);
    view.indexed(&range, &mut |row| {
        first = Some(row);
        Ok(ControlFlow::Break(()))
    })?;
    view.indexed_back(&range, &mut |row| {
        last = Some(row);
        Ok(ControlFlow::Break(()))
    })?;
    let (low, high) = (value_at(first)?, value_at(last)?);
    Ok((!low.is_null() && !high.is_null()).then_some((low, high)))
}

/// The rows under some stretches; `None` where there are more than `most`.
fn rows_of(
    view: &View,
    ranges: &[IndexRange],
    most: u64,
    cancel: &CancelToken,
) -> Result<Option<Vec<RowId>>> {
    let mut rows = Vec::new();
    let mut too_many = false;
    for range in ranges {
        cancel.check()?;
        view.indexed(range, &mut |row| {
            rows.push(row);
            too_many = rows.len() as u64 > most;
            Ok(if too_many { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if too_many {
            return Ok(None);
        }
    }
    rows.sort_unstable();
    rows.dedup();
    Ok(Some(rows))
}

/// The stretches of an index that the filters leave: how many of its columns they use, whether these are
/// whole values, and the stretches.
fn ranges(
    definition: &TypeDef,
    index: &IndexDef,
    narrowed: &[Narrowed],
) -> Result<Option<(usize, bool, Vec<IndexRange>)>> {
    let mut keys: Vec<Vec<Value>> = vec![Vec::new()];
    let mut used = 0;
    for column in narrowed {
        let Some(values) = &column.equal else { break };
        if keys.len().saturating_mul(values.len().max(1)) > MOST_KEYS {
            break;
        }
        keys = keys
            .iter()
            .flat_map(|key| values.iter().map(|value| [key.as_slice(), std::slice::from_ref(value)].concat()))
            .collect();
        used += 1;
    }
    let (id, number) = (definition.id, index.number);
    let next = narrowed.get(used);
    let stretch = |key: &[Value]| -> Result<Option<IndexRange>> {
        Ok(match next {
            Some(Narrowed { begins: Some(text), .. }) => {
                Some(IndexRange::starting_with(id, number, key, text)?)
            }
            Some(Narrowed { low, high, .. }) if low.is_some() || high.is_some() => {
                Some(IndexRange::between(id, number, key, low.as_ref(), high.as_ref())?)
            }
            _ => None,
        })
    };
    let walked = keys.iter().map(|key| stretch(key)).collect::<Result<Option<Vec<_>>>>();
    // A value too long for an index equals none of its entries; a scan says so.
    let Ok(walked) = walked else { return Ok(None) };
    if let Some(walked) = walked
        && !walked.is_empty()
    {
        return Ok(Some((used + 1, false, walked)));
    }
    if used == 0 {
        return Ok(None);
    }
    let looked_up = keys.iter().map(|key| IndexRange::equal(id, number, key)).collect::<Result<Vec<_>>>();
    Ok(looked_up.ok().map(|ranges| (used, true, ranges)))
}

/// What filters that all must hold say of a property.
fn narrowed(columns: &Columns, filters: &[Expr], id: PropertyId) -> Narrowed {
    let mut found = Narrowed::default();
    for filter in filters {
        narrow(columns, filter, id, &mut found);
    }
    found
}

fn narrow(columns: &Columns, filter: &Expr, id: PropertyId, found: &mut Narrowed) {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            narrow(columns, left, id, found);
            narrow(columns, right, id, found);
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (op, target, literal) = match (property(columns, left, id), property(columns, right, id)) {
                (Some(target), None) => (*op, target, right),
                (None, Some(target)) => match op.swap() {
                    Some(op) => (op, target, left),
                    None => return,
                },
                _ => {
                    if *op == Operator::Or
                        && let Some(values) = equal_values(columns, filter, id)
                    {
                        set_equal(found, values);
                    }
                    return;
                }
            };
            let Some(value) = value_of(literal, target) else { return };
            match op {
                Operator::Eq => set_equal(found, vec![value]),
                Operator::Gt | Operator::GtEq if found.low.is_none() => found.low = Some(value),
                Operator::Lt | Operator::LtEq if found.high.is_none() => found.high = Some(value),
                _ => {}
            }
        }
        Expr::InList(InList { negated: false, .. }) => {
            if let Some(values) = equal_values(columns, filter, id) {
                set_equal(found, values);
            }
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let Some(target) = property(columns, expr, id) else { return };
            if let (Some(low), Some(high)) = (value_of(low, target), value_of(high, target)) {
                found.low.get_or_insert(low);
                found.high.get_or_insert(high);
            }
        }
        Expr::Like(Like { negated: false, expr, pattern, escape_char: None, case_insensitive: false }) => {
            if property(columns, expr, id) != Some(PropertyType::String) || found.begins.is_some() {
                return;
            }
            let Expr::Literal(scalar, _) = pattern.as_ref() else { return };
            let Some(Some(pattern)) = scalar.try_as_str() else { return };
            let begins: String = pattern.chars().take_while(|c| !matches!(c, '%' | '_' | '\\')).collect();
            if !begins.is_empty() {
                found.begins = Some(begins);
            }
        }
        _ => {}
    }
}

/// The first set of values counts; others only narrow further, which the filters do.
fn set_equal(found: &mut Narrowed, values: Vec<Value>) {
    if found.equal.as_ref().is_none_or(|known| values.len() < known.len()) {
        found.equal = Some(values);
    }
}

/// The values that a property must equal one of.
fn equal_values(columns: &Columns, filter: &Expr, id: PropertyId) -> Option<Vec<Value>> {
    fn collect(columns: &Columns, filter: &Expr, id: PropertyId, values: &mut Vec<Value>) -> Option<()> {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                collect(columns, left, id, values)?;
                collect(columns, right, id, values)
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                let (target, literal) = match property(columns, left, id) {
                    Some(target) => (target, right),
                    None => (property(columns, right, id)?, left),
                };
                values.push(value_of(literal, target)?);
                Some(())
            }
            Expr::InList(InList { expr, list, negated: false }) => {
                let target = property(columns, expr, id)?;
                for item in list {
                    // NULL equals nothing.
                    if !matches!(item, Expr::Literal(scalar, _) if scalar.is_null()) {
                        values.push(value_of(item, target)?);
                    }
                }
                Some(())
            }
            _ => None,
        }
    }
    let mut values = Vec::new();
    collect(columns, filter, id, &mut values)?;
    let mut seen = BTreeSet::new();
    values.retain(|value| seen.insert(format!("{value:?}")));
    Some(values)
}

/// The type of a property where an expression is just that property.
fn property(columns: &Columns, expr: &Expr, id: PropertyId) -> Option<PropertyType> {
    let Expr::Column(column) = expr else { return None };
    match columns.source_of(&column.name) {
        Some(Source::Property(own, property_type)) if own == id => Some(property_type),
        _ => None,
    }
}

/// A literal as the index holds it; `None` where it is none, NULL, or of another type.
fn value_of(literal: &Expr, target: PropertyType) -> Option<Value> {
    let Expr::Literal(scalar, _) = literal else { return None };
    value_of_scalar(scalar, target)
}

/// See [`value_of`].
#[must_use]
pub fn value_of_scalar(scalar: &ScalarValue, target: PropertyType) -> Option<Value> {
    Some(match (target, scalar) {
        (PropertyType::Boolean, ScalarValue::Boolean(Some(b))) => Value::Bool(*b),
        (PropertyType::Integer, ScalarValue::Int64(Some(i))) => Value::Integer(*i),
        (PropertyType::Float, ScalarValue::Float64(Some(f))) => Value::Float(*f),
        (PropertyType::String, scalar) => Value::from(scalar.try_as_str()??),
        (PropertyType::Uuid, scalar) => Value::Uuid(Uuid::parse_str(scalar.try_as_str()??).ok()?),
        (PropertyType::Timestamp, ScalarValue::TimestampMicrosecond(Some(us), Some(_))) => {
            Value::Timestamp(*us)
        }
        (PropertyType::Date, ScalarValue::Date32(Some(days))) => Value::Date(*days),
        (PropertyType::Time, ScalarValue::Time64Microsecond(Some(us))) => Value::Time(*us),
        (PropertyType::Decimal { scale, .. }, ScalarValue::Decimal128(Some(unscaled), _, own))
            if *own == scale =>
        {
            Value::Decimal(Decimal { unscaled: *unscaled, scale })
        }
        (
            PropertyType::Bytes,
            ScalarValue::Binary(Some(b))
            | ScalarValue::BinaryView(Some(b))
            | ScalarValue::LargeBinary(Some(b)),
        ) => Value::Bytes(b.clone()),
        _ => return None,
    })
}
