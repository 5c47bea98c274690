//! A file that appears whole or not at all.
//!
//! What is written goes to a temporary file beside the target, which is synced and renamed at the end; one that is
//! dropped before is removed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::model::{Error, Result};

/// How much is gathered before it is written.
pub(super) const BUFFER_BYTES: usize = 256 << 10;

/// Where the temporary file of a target lies, and its name in the end.
pub(super) struct WholeFile {
    target: PathBuf,
    temporary: PathBuf,
}

impl WholeFile {
    /// Opens the temporary file of a target; compressed when the target's name ends with `.gz` or `.zst`.
    ///
    /// # Errors
    /// `BadInput` for what does not name a file; `Io`, `OutOfSpace`.
    pub(super) fn create(target: &Path) -> Result<(Self, Output)> {
        let name = target
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .ok_or_else(|| Error::bad_input(format!("{} does not name a file", target.display())))?;
        if target.is_dir() {
            return Err(Error::bad_input(format!("{} is a folder", target.display())));
        }
        let temporary = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let file = Self { target: target.to_owned(), temporary };
        let output = Output::create(target, &file.temporary)?;
        Ok((file, output))
    }

    /// Writes what a buffer holds, and empties it.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`.
    pub(super) fn drain(&self, output: &mut Output, buffer: &mut Vec<u8>) -> Result<()> {
        let written = output.write_all(buffer);
        buffer.clear();
        written.map_err(|e| self.failed(&e))
    }

    /// Makes the file durable under its name.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`: the target is as it was before.
    pub(super) fn finish(self, output: Output) -> Result<()> {
        output.finish().map_err(|e| self.failed(&e))?;
        std::fs::rename(&self.temporary, &self.target).map_err(|e| self.failed(&e))?;
        let folder = self.target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A folder that cannot be opened or synced (some file systems) has the name all the same.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io(format!("write {}", self.target.display()), error)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // After the rename it is gone already.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// The temporary file.
pub(super) enum Output {
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
