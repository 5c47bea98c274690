//! Rows into a file that appears whole or not at all.
//!
//! The rows go to a temporary file beside the target, which is synced and renamed at the end; a
//! writer that is dropped before removes it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::model::{Error, Result, Value};

use super::encode::{ExportColumn, RowEncoder};
use super::options::FileFormat;

const BUFFER_BYTES: usize = 256 << 10;

/// Writes rows to a file; compressed when its name ends with `.gz` or `.zst`.
pub struct ExportWriter {
    target: PathBuf,
    temporary: PathBuf,
    output: Option<Output>,
    encoder: RowEncoder,
    buffer: Vec<u8>,
}

enum Output {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Output::Plain(out) => out.write_all(bytes),
            Output::Gzip(out) => out.write_all(bytes),
            Output::Zstd(out) => out.write_all(bytes),
        }
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
    /// `BadInput` for an unknown extension; `Io`, `OutOfSpace`.
    pub fn new(file: &Path, format: Option<FileFormat>, columns: Vec<ExportColumn>) -> Result<Self> {
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
        let created =
            File::create(&temporary).map_err(|e| Error::io(format!("write {}", file.display()), &e))?;
        let buffered = BufWriter::with_capacity(BUFFER_BYTES, created);
        let output = if name.ends_with(".gz") {
            Output::Gzip(flate2::write::GzEncoder::new(buffered, flate2::Compression::default()))
        } else if name.ends_with(".zst") {
            let encoder = zstd::stream::write::Encoder::new(buffered, 0)
                .map_err(|e| Error::io(format!("compress {}", file.display()), &e))?;
            Output::Zstd(encoder)
        } else {
            Output::Plain(buffered)
        };
        let encoder = RowEncoder::new(format, columns);
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        encoder.start(&mut buffer, true);
        Ok(Self { target: file.to_owned(), temporary, output: Some(output), encoder, buffer })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the writer is of no more use.
    pub fn write_row(&mut self, cells: &[Value]) -> Result<()> {
        self.encoder.row(&mut self.buffer, cells);
        if self.buffer.len() >= BUFFER_BYTES { self.drain() } else { Ok(()) }
    }

    /// Makes the file durable under its name. Returns the number of rows.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the target is as it was before.
    pub fn finish(mut self) -> Result<u64> {
        self.encoder.finish(&mut self.buffer);
        self.drain()?;
        let failed = |e: &std::io::Error| Error::io(format!("write {}", self.target.display()), e);
        if let Some(output) = self.output.take() {
            output.finish().map_err(|e| failed(&e))?;
        }
        std::fs::rename(&self.temporary, &self.target).map_err(|e| failed(&e))?;
        let folder = self.target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A folder that cannot be opened or synced (some file systems) has the name all the same.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(self.encoder.rows())
    }

    fn drain(&mut self) -> Result<()> {
        if let Some(output) = &mut self.output {
            output
                .write(&self.buffer)
                .map_err(|e| Error::io(format!("write {}", self.target.display()), &e))?;
        }
        self.buffer.clear();
        Ok(())
    }
}

impl Drop for ExportWriter {
    fn drop(&mut self) {
        if let Some(output) = self.output.take() {
            drop(output);
        }
        // After the rename it is gone already.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PropertyType;

    fn columns() -> Vec<ExportColumn> {
        vec![ExportColumn { name: "n".to_owned(), property_type: PropertyType::Integer }]
    }

    #[test]
    fn the_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.csv");
        std::fs::write(&file, "before").unwrap();
        let mut writer = ExportWriter::new(&file, None, columns()).unwrap();
        writer.write_row(&[Value::Integer(1)]).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "before");
        let mut writer = ExportWriter::new(&file, None, columns()).unwrap();
        writer.write_row(&[Value::Integer(1)]).unwrap();
        assert_eq!(writer.finish().unwrap(), 1);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "n\n1\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn compressed_exports_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jsonl.gz", "a.jsonl.zst"] {
            let file = folder.path().join(name);
            let mut writer = ExportWriter::new(&file, None, columns()).unwrap();
            writer.write_row(&[Value::Integer(7)]).unwrap();
            writer.finish().unwrap();
            let mut text = String::new();
            let mut source = super::super::source::open(&file).unwrap();
            std::io::Read::read_to_string(&mut source.reader, &mut text).unwrap();
            assert_eq!(text, "{\"n\":7}\n");
        }
        assert!(ExportWriter::new(&folder.path().join("a.xyz"), None, columns()).is_err());
    }
}
