//! Which cells hold a text, which rows a filter keeps.
//!
//! A cell is compared as a reader takes it: a number with a number as numbers, everything else by
//! the text that is shown. Text without capitals matches any case.

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field};

use crate::columnar::{property_type_of, value_at};
use crate::model::{PropertyType, Value};

use super::super::{Comparison, RowFilter};

/// Whether `text` holds `wanted`: in any case where `wanted` has no capitals.
#[must_use]
pub fn contains_text(text: &str, wanted: &str) -> bool {
    Needle::new(wanted).is_in(text)
}

/// A text that is looked for.
pub(super) struct Needle {
    text: String,
    any_case: bool,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), any_case: !text.chars().any(char::is_uppercase) }
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        if !self.any_case {
            return text.contains(&self.text);
        }
        if text.is_ascii() {
            let (hay, needle) = (text.as_bytes(), self.text.as_bytes());
            let Some(first) = needle.first() else { return true };
            return (hay.windows(needle.len())).any(|w| {
                w.first().is_some_and(|c| c.eq_ignore_ascii_case(first)) && w.eq_ignore_ascii_case(needle)
            });
        }
        text.to_lowercase().contains(&self.text)
    }

    /// Whether a cell's text holds it; NULL holds nothing.
    pub(super) fn is_in_cell(&self, array: &ArrayRef, field: &Field, row: usize) -> bool {
        with_text(array, field, row, |text| text.is_some_and(|text| self.is_in(text)))
    }
}

/// Gives the text of a cell, without a copy where the cell is text; `None` for NULL.
fn with_text<T>(array: &ArrayRef, field: &Field, row: usize, take: impl FnOnce(Option<&str>) -> T) -> T {
    if row >= array.len() || array.is_null(row) {
        return take(None);
    }
    // JSON that is text is shown without its quotes, a UUID is stored as it is shown.
    let plain = property_type_of(field) != PropertyType::Json;
    match array.data_type() {
        DataType::Utf8 if plain => take(Some(array.as_string::<i32>().value(row))),
        DataType::LargeUtf8 if plain => take(Some(array.as_string::<i64>().value(row))),
        DataType::Utf8View if plain => take(Some(array.as_string_view().value(row))),
        _ => match value_at(array, field, row) {
            Value::Null => take(None),
            value => take(Some(&value.to_text())),
        },
    }
}

/// A filter, ready to be asked.
pub(super) enum Test {
    Contains { needle: Needle, columns: Vec<usize>, not: bool },
    Compare { column: usize, comparison: Comparison, text: String, number: Option<f64>, integer: Option<i64> },
    Null { column: usize, not: bool },
}

impl Test {
    pub(super) fn new(filter: &RowFilter, columns: usize) -> Self {
        match filter {
            RowFilter::Contains { text, columns: of, not } => Test::Contains {
                needle: Needle::new(text),
                columns: if of.is_empty() {
                    (0..columns).collect()
                } else {
                    of.iter().map(|c| *c as usize).collect()
                },
                not: *not,
            },
            RowFilter::Compare { column, comparison, text } => Test::Compare {
                column: *column as usize,
                comparison: *comparison,
                number: text.trim().replace([',', '_'], "").parse().ok(),
                integer: text.trim().replace([',', '_'], "").parse().ok(),
                text: text.clone(),
            },
            RowFilter::IsNull { column, not } => Test::Null { column: *column as usize, not: *not },
        }
    }

    /// Whether the row stays.
    pub(super) fn keeps(&self, batch: &RecordBatch, row: usize) -> bool {
        let cell = |column: usize| {
            batch.columns().get(column).map(|array| (array, batch.schema_ref().field(column)))
        };
        match self {
            Test::Contains { needle, columns, not } => {
                let found = (columns.iter().filter_map(|c| cell(*c)))
                    .any(|(array, field)| needle.is_in_cell(array, field, row));
                found != *not
            }
            Test::Null { column, not } => {
                cell(*column).is_some_and(|(array, field)| value_at(array, field, row).is_null() != *not)
            }
            Test::Compare { column, comparison, .. } => {
                let Some((array, field)) = cell(*column) else { return false };
                // NULL is neither equal nor unequal to anything.
                self.ordering(array, field, row).is_some_and(|found| comparison.holds(found))
            }
        }
    }

    fn ordering(&self, array: &ArrayRef, field: &Field, row: usize) -> Option<std::cmp::Ordering> {
        let Test::Compare { text, number, integer, .. } = self else { return None };
        if !array.data_type().is_numeric() {
            let number = (*number).filter(|_| property_type_of(field) == PropertyType::Json);
            if let Some(number) = number
                && let Some(own) = as_number(&value_at(array, field, row))
            {
                return own.partial_cmp(&number);
            }
            return with_text(array, field, row, |own| own.map(|own| own.cmp(text.as_str())));
        }
        match (value_at(array, field, row), integer, number) {
            (Value::Null, ..) => None,
            (Value::Integer(own), Some(wanted), _) => Some(own.cmp(wanted)),
            (own, _, _) if own.to_text() == *text => Some(std::cmp::Ordering::Equal),
            (own, _, Some(wanted)) => as_number(&own)?.partial_cmp(wanted),
            (own, _, None) => Some(own.to_text().cmp(text)),
        }
    }
}

/// A number as the planner's widest, which orders all kinds of them.
pub(super) fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Float(n) => Some(*n),
        Value::Decimal(_) => value.to_text().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::batch_of;

    fn kept(filter: &RowFilter) -> Vec<usize> {
        let columns = [
            ("name".to_owned(), PropertyType::String),
            ("size".to_owned(), PropertyType::Integer),
            ("extra".to_owned(), PropertyType::Json),
        ];
        let row = |name: Option<&str>, size: Option<i64>, extra: Value| {
            vec![Value::from(name), Value::from(size), extra]
        };
        let rows = [
            row(Some("Ärger"), Some(9), Value::Integer(7)),
            row(Some("libC6"), Some(10), Value::from("seven")),
            row(Some(""), None, Value::Null),
            row(None, Some(-3), Value::Integer(100)),
        ];
        let batch = batch_of(&columns, &rows).unwrap();
        let test = Test::new(filter, 3);
        (0..4).filter(|row| test.keeps(&batch, *row)).collect()
    }

    fn compare(column: u32, comparison: Comparison, text: &str) -> Vec<usize> {
        kept(&RowFilter::Compare { column, comparison, text: text.to_owned() })
    }

    #[test]
    fn text_is_found_in_any_case_unless_it_has_capitals() {
        let contains =
            |text: &str| kept(&RowFilter::Contains { text: text.into(), columns: vec![], not: false });
        assert_eq!(contains("libc"), [1]);
        assert_eq!(contains("libC"), [1]);
        assert_eq!(contains("Libc"), [] as [usize; 0]);
        assert_eq!(contains("är"), [0]);
        assert_eq!(contains("seven"), [1]);
        assert_eq!(contains("1"), [1, 3], "numbers as they are shown");
        assert_eq!(kept(&RowFilter::Contains { text: "e".into(), columns: vec![0], not: true }), [1, 2, 3]);
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_null_with_nothing() {
        assert_eq!(compare(1, Comparison::Less, "10"), [0, 3]);
        assert_eq!(compare(1, Comparison::GreaterOrEqual, "9.5"), [1]);
        assert_eq!(compare(1, Comparison::NotEqual, "9"), [1, 3]);
        assert_eq!(compare(2, Comparison::Greater, "8"), [1, 3], "text orders as text");
        assert_eq!(compare(0, Comparison::Equal, ""), [2], "the empty text is not NULL");
        assert_eq!(kept(&RowFilter::IsNull { column: 0, not: false }), [3]);
        assert_eq!(kept(&RowFilter::IsNull { column: 1, not: true }), [0, 1, 3]);
    }
}
