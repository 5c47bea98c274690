//! The order of rows: keys of a result's columns in bytes that compare as the values do, and a sort
//! that can be stopped.
//!
//! Numbers are ordered as numbers, NULL comes last in either direction, rows with equal keys stay in
//! the order they were produced.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, Rows, SortField};

use crate::columnar::{property_type_of, value_at};
use crate::model::{CancelToken, Error, PropertyType, Result, Value};

use super::super::SortKey;
use super::matching::as_number;

/// Memory for the keys of one sort.
const KEY_BYTES: usize = 512 << 20;
/// Rows sorted at once; between two such runs it is looked whether to stop.
const RUN_ROWS: usize = 1 << 16;

/// The keys of rows, in the order the rows came.
pub(super) struct Keys {
    sort: Vec<SortKey>,
    converter: RowConverter,
    keys: Rows,
    limit_bytes: usize,
}

/// How a column is ordered.
enum By {
    /// As Arrow orders its type.
    Type,
    /// Numbers first, by value; then text.
    NumbersThenText,
    /// As its text is shown.
    Text,
}

fn by(field: &Field) -> By {
    if property_type_of(field) == PropertyType::Json {
        return By::NumbersThenText;
    }
    let plain = matches!(field.data_type(), DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8)
        || matches!(field.data_type(), DataType::Utf8View | DataType::Binary | DataType::LargeBinary)
        || field.data_type().is_numeric()
        || field.data_type().is_temporal();
    if plain && !matches!(field.data_type(), DataType::Interval(_)) { By::Type } else { By::Text }
}

impl Keys {
    /// No keys yet, for rows with these columns.
    ///
    /// # Errors
    /// `Unsupported` for a column that has no order.
    pub(super) fn new(schema: &arrow::datatypes::Schema, sort: &[SortKey]) -> Result<Self> {
        let mut fields = Vec::new();
        let mut known = Vec::new();
        for key in sort {
            let Some(field) = schema.fields().get(key.column as usize) else { continue };
            known.push(*key);
            let options = SortOptions { descending: key.descending, nulls_first: false };
            let mut add = |of: DataType| fields.push(SortField::new_with_options(of, options));
            match by(field) {
                By::Type => add(field.data_type().clone()),
                By::Text => add(DataType::Utf8),
                By::NumbersThenText => {
                    add(DataType::Float64);
                    add(DataType::Utf8);
                }
            }
        }
        let converter = RowConverter::new(fields)
            .map_err(|e| Error::unsupported(format!("this column cannot be sorted: {e}")))?;
        let keys = converter.empty_rows(0, 0);
        Ok(Self { sort: known, converter, keys, limit_bytes: KEY_BYTES })
    }

    /// Adds the keys of a batch's rows.
    ///
    /// # Errors
    /// `OutOfSpace` when they take more memory than a sort may have.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for key in &self.sort {
            let column = key.column as usize;
            let Some(array) = batch.columns().get(column) else { continue };
            let field = batch.schema_ref().field(column);
            match by(field) {
                By::Type => arrays.push(Arc::clone(array)),
                By::Text => arrays.push(texts(array, field, |value| Some(value.to_text()))),
                By::NumbersThenText => {
                    let numbers: Float64Array =
                        (0..array.len()).map(|row| as_number(&value_at(array, field, row))).collect();
                    arrays.push(Arc::new(numbers));
                    arrays.push(texts(array, field, |value| {
                        as_number(value).is_none().then(|| value.to_text())
                    }));
                }
            }
        }
        self.converter
            .append(&mut self.keys, &arrays)
            .map_err(|e| Error::internal(format!("rows cannot be ordered: {e}")))?;
        if self.keys.size() > self.limit_bytes {
            return Err(Error::out_of_space(format!(
                "sorting {} rows by these columns takes more than {} MiB",
                self.keys.num_rows(),
                self.limit_bytes >> 20
            ))
            .with_hint("sort in the statement: ORDER BY has no such limit"));
        }
        Ok(())
    }

    /// Orders `rows`, the n-th of which has the n-th key.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(super) fn order(&self, rows: &[u32], cancel: &CancelToken) -> Result<Vec<u32>> {
        let places: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        let less_or_equal = |a: u32, b: u32| self.keys.row(a as usize) <= self.keys.row(b as usize);
        let sorted = merge_sort(places, &less_or_equal, cancel)?;
        Ok(sorted.into_iter().filter_map(|place| rows.get(place as usize).copied()).collect())
    }
}

fn texts(array: &ArrayRef, field: &Field, text: impl Fn(&Value) -> Option<String>) -> ArrayRef {
    let of = |row| match value_at(array, field, row) {
        Value::Null => None,
        value => text(&value),
    };
    Arc::new((0..array.len()).map(of).collect::<StringArray>())
}

/// A stable sort in runs that are merged, so that it can be stopped.
fn merge_sort(
    mut items: Vec<u32>,
    less_or_equal: &impl Fn(u32, u32) -> bool,
    cancel: &CancelToken,
) -> Result<Vec<u32>> {
    for run in items.chunks_mut(RUN_ROWS) {
        cancel.check()?;
        run.sort_by(|a, b| match (less_or_equal(*a, *b), less_or_equal(*b, *a)) {
            (true, true) => std::cmp::Ordering::Equal,
            (true, false) => std::cmp::Ordering::Less,
            (false, _) => std::cmp::Ordering::Greater,
        });
    }
    let mut width = RUN_ROWS;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for pair in items.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(left, right, less_or_equal, cancel, &mut merged)?;
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}

fn merge(
    left: &[u32],
    right: &[u32],
    less_or_equal: &impl Fn(u32, u32) -> bool,
    cancel: &CancelToken,
    out: &mut Vec<u32>,
) -> Result<()> {
    let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    loop {
        if out.len().is_multiple_of(RUN_ROWS) {
            cancel.check()?;
        }
        let next = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => {
                if less_or_equal(*l, *r) {
                    left.next()
                } else {
                    right.next()
                }
            }
            (Some(_), None) => left.next(),
            (None, _) => right.next(),
        };
        match next {
            Some(item) => out.push(item),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::batch_of;

    fn order(of: PropertyType, values: &[Value], descending: bool) -> Vec<u32> {
        let rows: Vec<Vec<Value>> = values.iter().map(|v| vec![v.clone()]).collect();
        let batch = batch_of(&[("c".to_owned(), of)], &rows).unwrap();
        let mut keys = Keys::new(&batch.schema(), &[SortKey { column: 0, descending }]).unwrap();
        keys.push(&batch).unwrap();
        let all: Vec<u32> = (0..values.len() as u32).collect();
        keys.order(&all, &CancelToken::new()).unwrap()
    }

    #[test]
    fn numbers_order_as_numbers_and_null_is_last_either_way() {
        let numbers = [Value::Integer(10), Value::Null, Value::Integer(9), Value::Integer(-1)];
        assert_eq!(order(PropertyType::Integer, &numbers, false), [3, 2, 0, 1]);
        assert_eq!(order(PropertyType::Integer, &numbers, true), [0, 2, 3, 1]);
        let mixed = [Value::from("b"), Value::Integer(10), Value::Null, Value::Integer(9), Value::from("a")];
        assert_eq!(order(PropertyType::Json, &mixed, false), [3, 1, 4, 0, 2]);
    }

    #[test]
    fn equal_rows_stay_in_order_over_many_runs_and_a_sort_stops() {
        let rows = 3 * RUN_ROWS + 17;
        let keys = |n: u32| n % 7;
        let less_or_equal = |a: u32, b: u32| keys(a) <= keys(b);
        let sorted = merge_sort((0..rows as u32).collect(), &less_or_equal, &CancelToken::new()).unwrap();
        assert!(sorted.windows(2).all(|w| (keys(w[0]), w[0]) < (keys(w[1]), w[1])));
        assert_eq!(sorted.len(), rows);
        let cancel = CancelToken::new();
        cancel.cancel();
        assert!(merge_sort((0..9).collect(), &less_or_equal, &cancel).is_err());
    }

    #[test]
    fn a_sort_that_needs_too_much_memory_is_refused_with_the_way_out() {
        let batch = batch_of(
            &[("c".to_owned(), PropertyType::String)],
            &vec![vec![Value::from("x".repeat(100))]; 100],
        )
        .unwrap();
        let mut keys = Keys::new(&batch.schema(), &[SortKey { column: 0, descending: false }]).unwrap();
        keys.limit_bytes = 1_000;
        assert!(keys.push(&batch).unwrap_err().hint().unwrap().contains("ORDER BY"));
    }
}
