//! Rows of Parquet and Arrow IPC files, whose columns have types of their own.
//!
//! The readers of these formats want to jump about in the file; one that is packed is unpacked into a
//! temporary file first. A damaged file is an error, whatever the reader makes of it.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, SchemaRef, Time64NanosecondType, TimeUnit, TimestampNanosecondType};
use arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::columnar::{LOGICAL_TYPE, property_type_of, value_at};
use crate::model::{Error, PropertyType, Result, Value};
use crate::storage::contain;

use super::columnar_out::INTERVAL;
use super::convert::value_from_text;
use super::options::FileFormat;
use super::rows::{Bad, Columns, Next};
use super::source::{self, Position};

/// Rows of a batch of Parquet.
const BATCH_ROWS: usize = 8192;
/// How a file of Arrow IPC begins; a stream has no such mark.
const ARROW_FILE: &[u8] = b"ARROW1";

/// Reads a file row by row.
pub struct ColumnarReader {
    reader: Reader,
    shown: String,
    columns: Vec<Column>,
    arrays: Vec<ArrayRef>,
    /// The next row of the batch, and how many there are.
    at: usize,
    rows: usize,
    cells: Vec<Value>,
    /// The number of the current row in the file, from 1.
    row: u64,
    position: Position,
}

enum Reader {
    Parquet(Box<ParquetRecordBatchReader>),
    File(Box<FileReader<BufReader<File>>>),
    Stream(Box<StreamReader<BufReader<File>>>),
}

struct Column {
    field: Field,
    property_type: PropertyType,
}

impl ColumnarReader {
    /// Opens a file and reads its schema into `columns`.
    ///
    /// # Errors
    /// `NotFound`, `Io`; `BadInput` for a file that is damaged or of another format.
    pub fn open(path: &Path, format: FileFormat, columns: &mut Columns) -> Result<Self> {
        let shown = path.display().to_string();
        let mut file = plain_file(path)?;
        let mut mark = [0; ARROW_FILE.len()];
        let is_file = file.read_exact(&mut mark).is_ok() && mark == ARROW_FILE;
        file.seek(SeekFrom::Start(0)).map_err(|e| Error::io(format!("read {shown}"), &e))?;
        let (schema, reader, rows) = guarded(&shown, || {
            let failed = |e: &dyn std::fmt::Display| damaged(&shown, e);
            Ok(if format == FileFormat::Parquet {
                let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| failed(&e))?;
                let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
                let schema = SchemaRef::clone(builder.schema());
                let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(|e| failed(&e))?;
                (schema, Reader::Parquet(Box::new(reader)), rows)
            } else if is_file {
                let reader = FileReader::try_new(BufReader::new(file), None).map_err(|e| failed(&e))?;
                (reader.schema(), Reader::File(Box::new(reader)), 0)
            } else {
                let reader = StreamReader::try_new(BufReader::new(file), None).map_err(|e| failed(&e))?;
                (reader.schema(), Reader::Stream(Box::new(reader)), 0)
            })
        })?;
        let mut found = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            if field.name().is_empty() || columns.place(field.name()).is_some() {
                let what =
                    if field.name().is_empty() { "a column has no name" } else { "two columns are named" };
                let error = Error::bad_input(format!("{what} '{}'", field.name()));
                return Err(error.at_file(shown, None, None));
            }
            columns.intern(field.name());
            let interval = field.metadata().get(LOGICAL_TYPE).is_some_and(|t| t == INTERVAL);
            let property_type = if interval { PropertyType::Interval } else { property_type_of(field) };
            found.push(Column { field: field.as_ref().clone(), property_type });
        }
        Ok(Self {
            reader,
            shown,
            columns: found,
            arrays: Vec::new(),
            at: 0,
            rows: 0,
            cells: Vec::new(),
            row: 0,
            position: Position::of_rows(rows),
        })
    }

    /// Reads the next row.
    ///
    /// # Errors
    /// `BadInput` for damage: what follows cannot be read. A value that cannot be held is [`Next::Bad`].
    pub fn next(&mut self) -> Result<Next> {
        while self.at >= self.rows {
            let Some(batch) = self.batch()? else { return Ok(Next::End) };
            self.take(&batch)?;
        }
        let at = self.at;
        self.at += 1;
        self.row += 1;
        self.position.advance(1);
        self.cells.clear();
        for (array, column) in self.arrays.iter().zip(&self.columns) {
            match cell(array, column, at) {
                Ok(value) => self.cells.push(value),
                Err(error) => {
                    let column = Some(column.field.name().clone());
                    return Ok(Next::Bad(Bad { line: self.row, column, error }));
                }
            }
        }
        Ok(Next::Row)
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let (reader, shown) = (&mut self.reader, &self.shown);
        guarded(shown, || {
            let next = match reader {
                Reader::Parquet(reader) => reader.next(),
                Reader::File(reader) => reader.next(),
                Reader::Stream(reader) => reader.next(),
            };
            next.transpose().map_err(|e| damaged(shown, &e))
        })
    }

    /// Takes the columns of a batch, those that are packed as plain ones.
    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        self.at = 0;
        self.rows = batch.num_rows();
        let plain = |array: &ArrayRef| {
            let values = match array.data_type() {
                DataType::Dictionary(_, values) => values.as_ref(),
                DataType::RunEndEncoded(_, values) => values.data_type(),
                _ => return Ok(ArrayRef::clone(array)),
            };
            cast(array, values).map_err(|e| damaged(&self.shown, &e))
        };
        self.arrays = batch.columns().iter().map(plain).collect::<Result<_>>()?;
        Ok(())
    }

    /// The type of a column.
    pub fn type_of(&self, column: usize) -> Option<PropertyType> {
        self.columns.get(column).map(|c| c.property_type)
    }

    /// A value of the current row.
    pub fn cell(&self, column: usize) -> Option<&Value> {
        self.cells.get(column)
    }

    /// The number of the current row, from 1.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// How far the file is read.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The current row as a JSON object.
    pub fn as_json(&self, names: &[String]) -> String {
        let cells = names.iter().zip(&self.cells);
        let object: serde_json::Map<_, _> =
            cells.map(|(name, cell)| (name.clone(), cell.to_json())).collect();
        serde_json::Value::Object(object).to_string()
    }
}

/// A value that nothing is lost of.
fn cell(array: &ArrayRef, column: &Column, row: usize) -> Result<Value> {
    let nanoseconds = match array.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => array
            .as_any()
            .downcast_ref::<arrow::array::PrimitiveArray<TimestampNanosecondType>>()
            .map(|a| a.value(row)),
        DataType::Time64(TimeUnit::Nanosecond) => array
            .as_any()
            .downcast_ref::<arrow::array::PrimitiveArray<Time64NanosecondType>>()
            .map(|a| a.value(row)),
        _ => None,
    };
    if array.is_valid(row) && nanoseconds.is_some_and(|n| n % 1000 != 0) {
        return Err(Error::bad_input("the time has nanoseconds, microseconds are kept")
            .with_hint("round it before the import"));
    }
    match value_at(array, &column.field, row) {
        Value::String(text) if column.property_type == PropertyType::Interval => {
            value_from_text(&text, PropertyType::Interval)
        }
        value => value.check_nesting().map(|()| value),
    }
}

/// The file itself, or what it is unpacked into.
fn plain_file(path: &Path) -> Result<File> {
    let mut source = source::open(path)?;
    let failed = |e: &std::io::Error| Error::io(format!("read {}", path.display()), e);
    if !source.packed {
        return File::open(path).map_err(|e| failed(&e));
    }
    let mut unpacked = tempfile::tempfile().map_err(|e| Error::io("make a temporary file", &e))?;
    std::io::copy(&mut source.reader, &mut unpacked).map_err(|e| failed(&e))?;
    unpacked.seek(SeekFrom::Start(0)).map_err(|e| failed(&e))?;
    Ok(unpacked)
}

fn damaged(shown: &str, why: &dyn std::fmt::Display) -> Error {
    let why = why.to_string();
    let why: String = why.lines().next().unwrap_or_default().chars().take(200).collect();
    Error::bad_input(format!("the file cannot be read: {why}")).at_file(shown, None, None)
}

/// Runs a reader of a foreign format; its panics over damaged files are errors.
fn guarded<T>(shown: &str, read: impl FnOnce() -> Result<T>) -> Result<T> {
    contain(read).unwrap_or_else(|panic| Err(damaged(shown, &panic)))
}
