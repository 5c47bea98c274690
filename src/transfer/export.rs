//! Rows into a file that appears whole or not at all.
//!
//! A writer that is dropped before its end leaves nothing behind.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::columnar::{property_type_of, value_at};
use crate::model::{PropertyType, Result, Value};

use super::columnar_out::ColumnarEncoder;
use super::encode::{ExportColumn, RowEncoder};
use super::options::FileFormat;
use super::whole_file::{BUFFER_BYTES, Output, WholeFile};

/// Writes rows to a file; compressed when its name ends with `.gz` or `.zst`.
pub struct ExportWriter {
    body: Body,
    file: WholeFile,
    /// Columns whose values are text in the file, though they are not.
    text_columns: Vec<String>,
}

/// What is written to.
enum Body {
    Rows(Box<RowFile>),
    Columns(ColumnarEncoder<Output>),
}

struct RowFile {
    output: Output,
    encoder: RowEncoder,
    buffer: Vec<u8>,
}

impl ExportWriter {
    /// Opens a temporary file beside `file` and writes the header. The format is the extension's
    /// when `format` is absent.
    ///
    /// # Errors
    /// `BadInput` for an unknown extension; `Unsupported` for a column the format has no type for;
    /// `Io`, `OutOfSpace`.
    pub fn new(file: &Path, format: Option<FileFormat>, schema: &SchemaRef) -> Result<Self> {
        let format = match format {
            Some(format) => format,
            None => FileFormat::of_path(file)?,
        };
        let (file, output) = WholeFile::create(file)?;
        if format.is_columnar() {
            let body = Body::Columns(ColumnarEncoder::new(format, false, schema, output)?);
            return Ok(Self { body, file, text_columns: Vec::new() });
        }
        let columns: Vec<ExportColumn> = (schema.fields().iter())
            .map(|f| ExportColumn { name: f.name().clone(), property_type: property_type_of(f) })
            .collect();
        let lost = columns.iter().filter(|c| format.is_json() && is_text_in_json(c.property_type));
        let text_columns = lost.map(|c| c.name.clone()).collect();
        let encoder = RowEncoder::new(format, columns);
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        encoder.start(&mut buffer, true);
        Ok(Self { body: Body::Rows(Box::new(RowFile { output, encoder, buffer })), file, text_columns })
    }

    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the writer is of no more use.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = match &mut self.body {
            Body::Columns(encoder) => return encoder.write(batch),
            Body::Rows(rows) => rows,
        };
        let mut cells: Vec<Value> = Vec::with_capacity(batch.num_columns());
        for row in 0..batch.num_rows() {
            let columns = batch.columns().iter().zip(batch.schema_ref().fields());
            cells.clear();
            cells.extend(columns.map(|(array, field)| value_at(array, field, row)));
            rows.encoder.row(&mut rows.buffer, &cells);
            if rows.buffer.len() >= BUFFER_BYTES {
                self.file.drain(&mut rows.output, &mut rows.buffer)?;
            }
        }
        Ok(())
    }

    /// What whoever reads the file back should know.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let (first, more) = self.text_columns.split_first()?;
        let mut names = first.clone();
        more.iter().for_each(|name| names.push_str(&format!(", {name}")));
        Some(format!("{names}: text in JSON, so declare the type before the file is read back"))
    }

    /// Makes the file durable under its name. Returns the number of rows.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the target is as it was before.
    pub fn finish(self) -> Result<u64> {
        let (output, rows) = match self.body {
            Body::Columns(encoder) => {
                let rows = encoder.rows();
                (encoder.finish()?, rows)
            }
            Body::Rows(mut rows) => {
                rows.encoder.finish(&mut rows.buffer);
                self.file.drain(&mut rows.output, &mut rows.buffer)?;
                (rows.output, rows.encoder.rows())
            }
        };
        self.file.finish(output)?;
        Ok(rows)
    }
}

/// Whether JSON has no type for it, so that a file read into a new type makes text of it.
fn is_text_in_json(property_type: PropertyType) -> bool {
    use PropertyType as T;
    matches!(property_type, T::Timestamp | T::Date | T::Time | T::Interval | T::Decimal { .. } | T::Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::{batch_of, field_of};

    fn columns() -> SchemaRef {
        SchemaRef::new(arrow::datatypes::Schema::new(vec![field_of("n", PropertyType::Integer, true)]))
    }

    fn row(n: i64) -> RecordBatch {
        batch_of(&[("n".to_owned(), PropertyType::Integer)], &[vec![Value::Integer(n)]]).unwrap()
    }

    #[test]
    fn json_says_what_it_makes_text() {
        let folder = tempfile::tempdir().unwrap();
        let fields = [("a", PropertyType::Date), ("b", PropertyType::Integer), ("c", PropertyType::Bytes)];
        let fields: Vec<_> = fields.iter().map(|(name, of)| field_of(name, *of, true)).collect();
        let schema = SchemaRef::new(arrow::datatypes::Schema::new(fields));
        let note = |name: &str| ExportWriter::new(&folder.path().join(name), None, &schema).unwrap().note();
        assert!(note("x.json").unwrap().starts_with("a, c: text in JSON"));
        assert_eq!((note("x.csv"), note("x.parquet")), (None, None));
    }

    #[test]
    fn the_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.csv");
        std::fs::write(&file, "before").unwrap();
        let mut writer = ExportWriter::new(&file, None, &columns()).unwrap();
        writer.write(&row(1)).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "before");
        let mut writer = ExportWriter::new(&file, None, &columns()).unwrap();
        writer.write(&row(1)).unwrap();
        assert_eq!(writer.finish().unwrap(), 1);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "n\n1\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn compressed_exports_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jsonl.gz", "a.jsonl.zst"] {
            let file = folder.path().join(name);
            let mut writer = ExportWriter::new(&file, None, &columns()).unwrap();
            writer.write(&row(7)).unwrap();
            writer.finish().unwrap();
            let mut text = String::new();
            let mut source = super::super::source::open(&file).unwrap();
            std::io::Read::read_to_string(&mut source.reader, &mut text).unwrap();
            assert_eq!(text, "{\"n\":7}\n");
        }
        assert!(ExportWriter::new(&folder.path().join("a.xyz"), None, &columns()).is_err());
    }
}
