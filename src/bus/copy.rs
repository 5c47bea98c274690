//! Rows as text for a clipboard: CSV, TSV, JSON, INSERT statements, a Markdown table.
//!
//! Terminals drop long clipboard sequences without a word, so text past a limit goes to a file that
//! only the user can read.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::model::{Error, Result, Value};
use crate::transfer::{ExportColumn, FileFormat, RowEncoder};

use super::ResultColumn;

/// A form of copied rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyFormat {
    /// Comma-separated with a header.
    Csv,
    /// Tab-separated with a header.
    Tsv,
    /// An object for one row, an array of objects for several.
    Json,
    /// An INSERT statement for each row.
    Insert,
    /// A Markdown table.
    Markdown,
}

impl CopyFormat {
    /// All, in the order they are offered.
    pub const ALL: [CopyFormat; 5] =
        [CopyFormat::Csv, CopyFormat::Tsv, CopyFormat::Json, CopyFormat::Insert, CopyFormat::Markdown];

    /// Its name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CopyFormat::Csv => "csv",
            CopyFormat::Tsv => "tsv",
            CopyFormat::Json => "json",
            CopyFormat::Insert => "insert",
            CopyFormat::Markdown => "markdown",
        }
    }

    /// The format of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    fn extension(self) -> &'static str {
        match self {
            CopyFormat::Insert => "sql",
            CopyFormat::Markdown => "md",
            other => other.name(),
        }
    }
}

/// What was copied: text, or the file it went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// The text, where it is not too long.
    pub text: Option<String>,
    /// The file that has it otherwise.
    pub file: Option<PathBuf>,
    /// Rows.
    pub rows: u64,
    /// The text's length.
    pub bytes: u64,
}

/// A value as an SQL literal that means the same wherever a column of its type is set.
#[must_use]
pub fn sql_literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(_) | Value::Integer(_) | Value::Decimal(_) => value.to_text(),
        Value::Float(f) if f.is_finite() => value.to_text(),
        other => format!("'{}'", other.to_text().replace('\'', "''")),
    }
}

/// A name as SQL writes it.
#[must_use]
pub fn sql_name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !super::registry::is_keyword(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Turns rows into text.
pub(super) struct CopyEncoder {
    form: Form,
}

enum Form {
    Rows(RowEncoder),
    Insert { head: String },
    Markdown { names: Vec<String> },
}

impl CopyEncoder {
    pub(super) fn new(format: CopyFormat, columns: Vec<ResultColumn>, table: &str, single: bool) -> Self {
        let rows = |format| {
            let columns = (columns.iter())
                .map(|c| ExportColumn { name: c.name.clone(), property_type: c.property_type })
                .collect();
            Form::Rows(RowEncoder::new(format, columns))
        };
        let form = match format {
            CopyFormat::Csv => rows(FileFormat::Csv),
            CopyFormat::Tsv => rows(FileFormat::Tsv),
            CopyFormat::Json if single => rows(FileFormat::Jsonl),
            CopyFormat::Json => rows(FileFormat::Json),
            CopyFormat::Insert => {
                let names: Vec<String> = columns.iter().map(|c| sql_name(&c.name)).collect();
                let head = format!("INSERT INTO {} ({}) VALUES (", sql_name(table), names.join(", "));
                Form::Insert { head }
            }
            CopyFormat::Markdown => {
                Form::Markdown { names: columns.iter().map(|c| markdown(&c.name)).collect() }
            }
        };
        Self { form }
    }

    pub(super) fn start(&self, out: &mut Vec<u8>) {
        match &self.form {
            Form::Rows(encoder) => encoder.start(out, true),
            Form::Insert { .. } => {}
            Form::Markdown { names } => {
                let rule = vec!["---"; names.len()].join(" | ");
                out.extend_from_slice(format!("| {} |\n| {rule} |\n", names.join(" | ")).as_bytes());
            }
        }
    }

    pub(super) fn row(&mut self, out: &mut Vec<u8>, cells: &[Value]) {
        match &mut self.form {
            Form::Rows(encoder) => encoder.row(out, cells),
            Form::Insert { head } => {
                let values: Vec<String> = cells.iter().map(sql_literal).collect();
                out.extend_from_slice(format!("{head}{});\n", values.join(", ")).as_bytes());
            }
            Form::Markdown { .. } => {
                let cells: Vec<String> = cells.iter().map(|v| markdown(&v.to_text())).collect();
                out.extend_from_slice(format!("| {} |\n", cells.join(" | ")).as_bytes());
            }
        }
    }

    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        if let Form::Rows(encoder) = &self.form {
            encoder.finish(out);
        }
    }
}

fn markdown(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace("\r\n", "<br>").replace('\n', "<br>")
}

/// Takes text: into memory, past the limit into a file.
pub(super) struct CopySink {
    folder: PathBuf,
    extension: &'static str,
    most_bytes: u64,
    memory: Vec<u8>,
    file: Option<(PathBuf, File)>,
    bytes: u64,
}

impl CopySink {
    pub(super) fn new(folder: PathBuf, format: CopyFormat, most_bytes: u64) -> Self {
        Self { folder, extension: format.extension(), most_bytes, memory: Vec::new(), file: None, bytes: 0 }
    }

    pub(super) fn write(&mut self, text: &[u8]) -> Result<()> {
        self.bytes += text.len() as u64;
        if self.file.is_none() && self.bytes <= self.most_bytes {
            self.memory.extend_from_slice(text);
            return Ok(());
        }
        let before = std::mem::take(&mut self.memory);
        if self.file.is_none() {
            self.file = Some(self.create()?);
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(&before)
            .and_then(|()| file.write_all(text))
            .map_err(|e| Error::io(format!("write {}", path.display()), &e))
    }

    fn create(&self) -> Result<(PathBuf, File)> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        loop {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("aresadb-copy-{}-{n}.{}", std::process::id(), self.extension);
            let path = self.folder.join(name);
            // Never through a link that another user has put there.
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(format!("write {}", path.display()), &e)),
            }
        }
    }

    pub(super) fn finish(self, rows: u64) -> Result<Copied> {
        let text = match &self.file {
            Some(_) => None,
            None => {
                let text = String::from_utf8(self.memory)
                    .map_err(|_| Error::internal("copied rows are not text"))?;
                Some(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
            }
        };
        Ok(Copied { text, file: self.file.map(|(path, _)| path), rows, bytes: self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PropertyType;

    fn encode(format: CopyFormat, rows: &[Vec<Value>]) -> String {
        let column = |name: &str, of| ResultColumn { name: name.into(), property_type: of };
        let columns = vec![column("name", PropertyType::String), column("Size", PropertyType::Integer)];
        let mut encoder = CopyEncoder::new(format, columns, "package", rows.len() == 1);
        let mut out = Vec::new();
        encoder.start(&mut out);
        rows.iter().for_each(|row| encoder.row(&mut out, row));
        encoder.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_are_written_in_every_form() {
        let rows = [vec![Value::from("it's|\n"), Value::Null], vec![Value::from(""), Value::Integer(7)]];
        assert_eq!(encode(CopyFormat::Csv, &rows), "name,Size\n\"it's|\n\",\n\"\",7\n");
        assert_eq!(
            encode(CopyFormat::Insert, &rows),
            "INSERT INTO package (name, \"Size\") VALUES ('it''s|\n', NULL);\n\
             INSERT INTO package (name, \"Size\") VALUES ('', 7);\n"
        );
        assert_eq!(
            encode(CopyFormat::Markdown, &rows),
            "| name | Size |\n| --- | --- |\n| it's\\|<br> |  |\n|  | 7 |\n"
        );
        assert_eq!(encode(CopyFormat::Json, &rows[1..]), "{\"name\":\"\",\"Size\":7}\n");
        assert!(encode(CopyFormat::Json, &rows).starts_with("[\n{"));
    }

    #[test]
    fn long_text_goes_to_a_private_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mut sink = CopySink::new(folder.path().to_owned(), CopyFormat::Csv, 10);
        sink.write(b"0123456789").unwrap();
        sink.write(b"abc").unwrap();
        let copied = sink.finish(2).unwrap();
        assert_eq!((copied.text, copied.bytes), (None, 13));
        let file = copied.file.unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "0123456789abc");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let mut short = CopySink::new(folder.path().to_owned(), CopyFormat::Csv, 10);
        short.write(b"abc\n").unwrap();
        assert_eq!(short.finish(1).unwrap().text.as_deref(), Some("abc"));
    }
}
