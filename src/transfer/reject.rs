//! `FILE.rejected`: the rows an import left out, each behind a comment line that says why.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::model::{Error, Result, escape_control};

use super::rows::Bad;

/// Collects rejected rows; the file is made with the first of them.
pub struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    rows: u64,
}

impl Rejects {
    /// For the rows of `source`.
    pub fn new(source: &Path) -> Self {
        let mut name = source.as_os_str().to_owned();
        name.push(".rejected");
        Self { path: name.into(), file: None, rows: 0 }
    }

    /// Adds a row: `# line 7, column to: reason`, then its bytes as they stand in the file.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`.
    pub fn add(&mut self, bad: &Bad, raw: &[u8]) -> Result<()> {
        let failed = |e: &std::io::Error, path: &Path| Error::io(format!("write {}", path.display()), e);
        if self.file.is_none() {
            self.file = Some(BufWriter::new(File::create(&self.path).map_err(|e| failed(&e, &self.path))?));
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let column = bad.column.as_ref().map_or_else(String::new, |c| format!(", column {c}"));
        let reason = format!("# line {}{column}: {}", bad.line, bad.error);
        let written = writeln!(file, "{}", escape_control(&reason))
            .and_then(|()| file.write_all(raw))
            .and_then(|()| file.write_all(b"\n"));
        written.map_err(|e| failed(&e, &self.path))?;
        self.rows += 1;
        Ok(())
    }

    /// How many rows were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// `Io`, `OutOfSpace`.
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.file {
            Some(file) => file.flush().map_err(|e| Error::io(format!("write {}", self.path.display()), &e)),
            None => Ok(()),
        }
    }

    /// The file, if a row was rejected.
    pub fn path(&self) -> Option<PathBuf> {
        self.file.is_some().then(|| self.path.clone())
    }
}
