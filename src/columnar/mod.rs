//! Columns: values, types and stored records as Arrow has them. What queries, files and pages share.
//!
//! Invariant: a value that goes into a column of its type and comes out again is equal to what it was.

mod chunks;
mod filters;
mod keys;
mod known;
mod sketch;
mod source;
mod spill;
mod statistics;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;

use crate::model::{Error, PropertyType, Result, Value};
use crate::storage::ValueRef;

pub use chunks::{Chunks, Column};
pub use known::{Bounds, Known};
pub use sketch::Sketch;
pub use source::Source;
pub use statistics::ColumnStatistics;
pub use value::{
    ColumnBuilder, LOGICAL_TYPE, UTC, data_type_of, field_of, is_uuid, property_type_of, scalar_of, value_at,
};

/// Rows of values as an Arrow batch; a cell that is missing is NULL.
///
/// # Errors
/// `Internal` for a value that is not of its column's type.
pub fn batch_of(columns: &[(String, PropertyType)], rows: &[Vec<Value>]) -> Result<RecordBatch> {
    let fields: Vec<_> = columns.iter().map(|(name, of)| field_of(name, *of, true)).collect();
    let mut arrays = Vec::with_capacity(columns.len());
    for (place, (_, property_type)) in columns.iter().enumerate() {
        let mut builder = ColumnBuilder::new(*property_type, rows.len());
        for row in rows {
            builder.push(&stored(row.get(place).unwrap_or(&Value::Null)))?;
        }
        arrays.push(builder.finish());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|e| Error::internal(format!("rows cannot be put into columns: {e}")))
}

/// A value as records hold it.
fn stored(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(v) => ValueRef::Bool(*v),
        Value::Integer(v) => ValueRef::Integer(*v),
        Value::Float(v) => ValueRef::Float(*v),
        Value::String(v) => ValueRef::String(Cow::Borrowed(v)),
        Value::Bytes(v) => ValueRef::Bytes(Cow::Borrowed(v)),
        Value::Timestamp(v) => ValueRef::Timestamp(*v),
        Value::Date(v) => ValueRef::Date(*v),
        Value::Time(v) => ValueRef::Time(*v),
        Value::Interval(v) => ValueRef::Interval(*v),
        Value::Decimal(v) => ValueRef::Decimal(*v),
        Value::Uuid(v) => ValueRef::Uuid(*v),
        other => ValueRef::Other(other.clone()),
    }
}
