//! Rows of a result on their way to a program.
//!
//! A page wraps an Arrow batch, so that a million rows travel without being turned into values one
//! by one; a program reads the cells it shows. Serialized, it is an Arrow IPC stream.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::columnar::{batch_of, value_at};
use crate::model::{Error, Value};

use super::ResultColumn;

/// Consecutive rows of a result.
#[derive(Debug, Clone)]
pub struct Page {
    first_row: u64,
    batch: RecordBatch,
}

impl Page {
    /// Rows of a result, the first of which has the number `first_row` (from 0).
    #[must_use]
    pub fn new(first_row: u64, batch: RecordBatch) -> Self {
        Self { first_row, batch }
    }

    /// Rows of values as a page.
    ///
    /// # Errors
    /// `Internal` for a value that is not of its column's type.
    pub fn of_values(first_row: u64, columns: &[ResultColumn], rows: &[Vec<Value>]) -> Result<Self, Error> {
        let columns: Vec<_> = columns.iter().map(|c| (c.name.clone(), c.property_type)).collect();
        Ok(Self::new(first_row, batch_of(&columns, rows)?))
    }

    /// The number of its first row in the result, from 0.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// How many columns it has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.batch.num_columns()
    }

    /// The memory it holds, in bytes; slices of one batch each count the whole.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.batch.get_array_memory_size()
    }

    /// A cell; `row` counts from 0 within the page. NULL outside the page.
    #[must_use]
    pub fn value(&self, row: usize, column: usize) -> Value {
        if row >= self.batch.num_rows() {
            return Value::Null;
        }
        self.batch
            .columns()
            .get(column)
            .map_or(Value::Null, |array| value_at(array, self.batch.schema_ref().field(column), row))
    }

    /// A cell of which a line is shown: of text and JSON longer than `bytes`, its beginning as text.
    #[must_use]
    pub fn start(&self, row: usize, column: usize, bytes: usize) -> Value {
        let Some(array) = self.batch.columns().get(column).filter(|a| row < a.len() && a.is_valid(row))
        else {
            return Value::Null;
        };
        let text = match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row),
            DataType::LargeUtf8 => array.as_string::<i64>().value(row),
            DataType::Utf8View => array.as_string_view().value(row),
            _ => return self.value(row, column),
        };
        if text.len() <= bytes {
            return self.value(row, column);
        }
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        Value::String(text.get(..end).unwrap_or_default().to_owned())
    }

    /// The rows as an Arrow batch.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    first_row: u64,
    arrow_ipc: Vec<u8>,
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let schema: SchemaRef = Arc::clone(self.batch.schema_ref());
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(S::Error::custom)?;
        writer.write(&self.batch).map_err(S::Error::custom)?;
        let arrow_ipc = writer.into_inner().map_err(S::Error::custom)?;
        Wire { first_row: self.first_row, arrow_ipc }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let mut reader = StreamReader::try_new(wire.arrow_ipc.as_slice(), None).map_err(D::Error::custom)?;
        let batch = reader
            .next()
            .ok_or_else(|| D::Error::custom("a page without a batch"))?
            .map_err(D::Error::custom)?;
        Ok(Page { first_row: wire.first_row, batch })
    }
}
