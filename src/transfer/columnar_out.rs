//! Batches as Parquet or Arrow IPC.
//!
//! Text and bytes are written in the plain layouts that every reader knows, not as views. What Parquet
//! has no type for (intervals) is text, and the column's metadata says what it stands for, as it does
//! for UUIDs and JSON: what is written is read back as what it was.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use crate::columnar::{LOGICAL_TYPE, value_at};
use crate::model::{Error, Result, Value};

use super::options::FileFormat;

/// What a row group may take in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Text that is an interval.
pub(super) const INTERVAL: &str = "interval";

/// Writes batches of one schema.
pub struct ColumnarEncoder<W: Write + Send> {
    schema: SchemaRef,
    sink: Sink<W>,
    rows: u64,
}

enum Sink<W: Write + Send> {
    Stream(Box<StreamWriter<W>>),
    File(Box<FileWriter<W>>),
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> ColumnarEncoder<W> {
    /// Begins a file, or a stream where the format has one and `stream` asks for it.
    ///
    /// # Errors
    /// `Unsupported` for a column the format has no type for; `Io`, `OutOfSpace`.
    pub fn new(format: FileFormat, stream: bool, schema: &SchemaRef, out: W) -> Result<Self> {
        let parquet = format == FileFormat::Parquet;
        let fields: Vec<Field> = schema.fields().iter().map(|f| written_field(f, parquet)).collect();
        let schema = Arc::new(Schema::new(fields));
        let sink = if parquet {
            let level = ZstdLevel::try_new(3).map_err(|e| parquet_error(&e))?;
            let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
            let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
            Sink::Parquet(Box::new(writer.map_err(|e| parquet_error(&e))?))
        } else if stream {
            let writer = StreamWriter::try_new(out, &schema).map_err(|e| arrow_error(&e))?;
            Sink::Stream(Box::new(writer))
        } else {
            Sink::File(Box::new(FileWriter::try_new(out, &schema).map_err(|e| arrow_error(&e))?))
        };
        Ok(Self { schema, sink, rows: 0 })
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the encoder is of no more use.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().zip(batch.schema_ref().fields()).zip(self.schema.fields());
        let columns: Vec<ArrayRef> =
            columns.map(|((array, from), to)| written_column(array, from, to)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|e| arrow_error(&e))?;
        match &mut self.sink {
            Sink::Stream(writer) => writer.write(&batch).map_err(|e| arrow_error(&e))?,
            Sink::File(writer) => writer.write(&batch).map_err(|e| arrow_error(&e))?,
            Sink::Parquet(writer) => {
                writer.write(&batch).map_err(|e| parquet_error(&e))?;
                if writer.in_progress_size() >= ROW_GROUP_BYTES {
                    writer.flush().map_err(|e| parquet_error(&e))?;
                }
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows written.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what stands at the end, and gives back what was written to.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`.
    pub fn finish(self) -> Result<W> {
        match self.sink {
            // `into_inner` of all three writes the end first.
            Sink::Stream(writer) => writer.into_inner().map_err(|e| arrow_error(&e)),
            Sink::File(writer) => writer.into_inner().map_err(|e| arrow_error(&e)),
            Sink::Parquet(writer) => writer.into_inner().map_err(|e| parquet_error(&e)),
        }
    }
}

/// The field as it is written.
fn written_field(field: &Field, parquet: bool) -> Field {
    let plain = match field.data_type() {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Interval(_) | DataType::Duration(_) if parquet => {
            let mut metadata = field.metadata().clone();
            metadata.insert(LOGICAL_TYPE.to_owned(), INTERVAL.to_owned());
            return Field::new(field.name(), DataType::Utf8, field.is_nullable()).with_metadata(metadata);
        }
        _ => return field.clone(),
    };
    field.clone().with_data_type(plain)
}

fn written_column(array: &ArrayRef, from: &Field, to: &Field) -> Result<ArrayRef> {
    if array.data_type() == to.data_type() {
        return Ok(Arc::clone(array));
    }
    if matches!(array.data_type(), DataType::Interval(_) | DataType::Duration(_)) {
        let text = |row| match value_at(array, from, row) {
            Value::Null => None,
            value => Some(value.to_text()),
        };
        return Ok(Arc::new((0..array.len()).map(text).collect::<StringArray>()));
    }
    cast(array, to.data_type()).map_err(|e| arrow_error(&e))
}

fn arrow_error(error: &ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, source) => Error::io("write", source),
        ArrowError::NotYetImplemented(text) => Error::unsupported(text.clone()),
        other => Error::internal(format!("rows cannot be written: {other}")),
    }
}

fn parquet_error(error: &ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast_ref::<std::io::Error>() {
            Some(source) => Error::io("write", source),
            None => Error::internal(format!("rows cannot be written: {error}")),
        },
        ParquetError::NYI(text) | ParquetError::ArrowError(text) => {
            Error::unsupported(format!("a column cannot be written as Parquet: {text}"))
                .with_hint("cast it in a query, or export as CSV or JSON")
        }
        other => Error::internal(format!("rows cannot be written: {other}")),
    }
}
