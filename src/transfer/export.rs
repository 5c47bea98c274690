//! Rows into a file that appears whole or not at all.
//!
//! The rows go to a temporary file beside the target, which is synced and renamed at the end; a
//! writer that is dropped before removes it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::columnar::{property_type_of, value_at};
use crate::model::{Error, PropertyType, Result, Value};

use super::columnar_out::ColumnarEncoder;
use super::encode::{ExportColumn, RowEncoder};
use super::options::FileFormat;

const BUFFER_BYTES: usize = 256 << 10;

/// Writes rows to a file; compressed when its name ends with `.gz` or `.zst`.
pub struct ExportWriter {
    target: PathBuf,
    temporary: PathBuf,
    body: Option<Body>,
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

enum Output {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Output::Plain(out) => out.write(bytes),
            Output::Gzip(out) => out.write(bytes),
            Output::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Output::Plain(out) => out.flush(),
            Output::Gzip(out) => out.flush(),
            Output::Zstd(out) => out.flush(),
        }
    }
}

impl Output {
    fn create(target: &Path, temporary: &Path) -> Result<Self> {
        let created =
            File::create(temporary).map_err(|e| Error::io(format!("write {}", target.display()), &e))?;
        let buffered = BufWriter::with_capacity(BUFFER_BYTES, created);
        Ok(match target.extension().and_then(|e| e.to_str()) {
            Some("gz") => {
                Output::Gzip(flate2::write::GzEncoder::new(buffered, flate2::Compression::default()))
            }
            Some("zst") => {
                let encoder = zstd::stream::write::Encoder::new(buffered, 0)
                    .map_err(|e| Error::io(format!("compress {}", target.display()), &e))?;
                Output::Zstd(encoder)
            }
            _ => Output::Plain(buffered),
        })
    }

    fn finish(self) -> std::io::Result<()> {
        let buffered = match self {
            Output::Plain(out) => out,
            Output::Gzip(out) => out.finish()?,
            Output::Zstd(out) => out.finish()?,
        };
        let file = buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()
    }
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
        let name = file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .ok_or_else(|| Error::bad_input(format!("{} does not name a file", file.display())))?;
        if file.is_dir() {
            return Err(Error::bad_input(format!("{} is a folder", file.display())));
        }
        let temporary = file.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let output = Output::create(file, &temporary)?;
        let mut writer = Self { target: file.to_owned(), temporary, body: None, text_columns: Vec::new() };
        writer.body = Some(if format.is_columnar() {
            Body::Columns(ColumnarEncoder::new(format, false, schema, output)?)
        } else {
            let columns: Vec<ExportColumn> = (schema.fields().iter())
                .map(|f| ExportColumn { name: f.name().clone(), property_type: property_type_of(f) })
                .collect();
            if matches!(format, FileFormat::Json | FileFormat::Jsonl) {
                let lost = columns.iter().filter(|c| is_text_in_json(c.property_type));
                writer.text_columns = lost.map(|c| c.name.clone()).collect();
            }
            let encoder = RowEncoder::new(format, columns);
            let mut buffer = Vec::with_capacity(BUFFER_BYTES);
            encoder.start(&mut buffer, true);
            Body::Rows(Box::new(RowFile { output, encoder, buffer }))
        });
        Ok(writer)
    }

    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the writer is of no more use.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = match &mut self.body {
            Some(Body::Columns(encoder)) => return encoder.write(batch),
            Some(Body::Rows(rows)) => rows,
            None => return Err(Error::internal("the export has ended")),
        };
        let mut cells: Vec<Value> = Vec::with_capacity(batch.num_columns());
        for row in 0..batch.num_rows() {
            let columns = batch.columns().iter().zip(batch.schema_ref().fields());
            cells.clear();
            cells.extend(columns.map(|(array, field)| value_at(array, field, row)));
            rows.encoder.row(&mut rows.buffer, &cells);
            if rows.buffer.len() >= BUFFER_BYTES {
                rows.drain(&self.target)?;
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
    pub fn finish(mut self) -> Result<u64> {
        let failed = |e: &std::io::Error| Error::io(format!("write {}", self.target.display()), e);
        let (output, rows) = match self.body.take() {
            Some(Body::Columns(encoder)) => {
                let rows = encoder.rows();
                (encoder.finish()?, rows)
            }
            Some(Body::Rows(mut file)) => {
                file.encoder.finish(&mut file.buffer);
                file.drain(&self.target)?;
                (file.output, file.encoder.rows())
            }
            None => return Err(Error::internal("the export has ended")),
        };
        output.finish().map_err(|e| failed(&e))?;
        std::fs::rename(&self.temporary, &self.target).map_err(|e| failed(&e))?;
        let folder = self.target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A folder that cannot be opened or synced (some file systems) has the name all the same.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(rows)
    }
}

impl RowFile {
    fn drain(&mut self, target: &Path) -> Result<()> {
        let written = self.output.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|e| Error::io(format!("write {}", target.display()), &e))
    }
}

impl Drop for ExportWriter {
    fn drop(&mut self) {
        drop(self.body.take());
        // After the rename it is gone already.
        let _ = std::fs::remove_file(&self.temporary);
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
