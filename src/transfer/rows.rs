//! Rows of a file, whatever its format: what the two passes of an import read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use crate::model::{Error, PropertyType, Result, Value};

use super::columnar_in::ColumnarReader;
use super::delimited::{DelimitedReader, Record};
use super::json::JsonReader;
use super::options::FileFormat;
use super::source::{self, Position};

/// The longest row, in bytes: a quote that is never closed must not swallow a large file.
pub const ROW_MAX_BYTES: usize = 64 << 20;

/// A row that cannot be used, and why.
#[derive(Debug)]
pub struct Bad {
    /// The line it starts in, from 1.
    pub line: u64,
    /// The column, where it is one column's fault.
    pub column: Option<String>,
    /// Why.
    pub error: Error,
}

impl Bad {
    /// A row whose fault no single column has.
    pub fn row(line: u64, error: Error) -> Self {
        Bad { line, column: None, error }
    }

    /// The error with its place in the file.
    pub fn into_error(self, path: &Path) -> Error {
        let file = path.display().to_string();
        self.error.at_file(file, Some(self.line), self.column)
    }
}

/// What reading a row gives.
pub enum Next {
    /// A row.
    Row,
    /// A row that cannot be used; the reader stands behind it.
    Bad(Bad),
    /// The end.
    End,
}

/// A cell of the current row.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'r> {
    /// A field of a delimited file.
    Text {
        /// Its bytes, without quotes.
        bytes: &'r [u8],
        /// It stood in quotes.
        quoted: bool,
    },
    /// A value of a JSON file, or of a file whose columns have types.
    Json(&'r Value),
    /// The column is not in this row.
    Absent,
}

/// Reads a file row by row.
pub struct Rows {
    reader: Reader,
    columns: Columns,
    position: Position,
    /// Every field of the header stands in quotes: then quotes say nothing about types.
    pub quotes_everything: bool,
}

/// The columns of a file, in order of their first appearance.
#[derive(Debug, Default, Clone)]
pub struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Columns {
    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The place of a name, which is added if it is new.
    pub fn intern(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

enum Reader {
    Delimited(Box<DelimitedReader>, Record),
    Json(Box<JsonReader>),
    Columnar(Box<ColumnarReader>),
}

impl Rows {
    /// Opens a file and reads its header if its format has one.
    ///
    /// # Errors
    /// `NotFound`, `Io`; `BadInput` for a header that cannot be used.
    pub fn open(path: &Path, format: FileFormat) -> Result<Self> {
        let mut columns = Columns::default();
        if format.is_columnar() {
            let reader = Box::new(ColumnarReader::open(path, format, &mut columns)?);
            let position = reader.position().clone();
            return Ok(Self {
                reader: Reader::Columnar(reader),
                columns,
                position,
                quotes_everything: false,
            });
        }
        let source = source::open(path)?;
        let mut quotes_everything = false;
        let reader = match format {
            FileFormat::Csv | FileFormat::Tsv => {
                let delimiter = if format == FileFormat::Csv { b',' } else { b'\t' };
                let mut reader = Box::new(DelimitedReader::new(source.reader, delimiter));
                let mut record = Record::default();
                read_header(path, &mut reader, &mut record, &mut columns)?;
                quotes_everything = record.all_quoted();
                Reader::Delimited(reader, record)
            }
            FileFormat::Json => Reader::Json(Box::new(JsonReader::array(source.reader))),
            _ => Reader::Json(Box::new(JsonReader::lines(source.reader))),
        };
        Ok(Self { reader, columns, position: source.position, quotes_everything })
    }

    /// Reads the next row.
    ///
    /// # Errors
    /// `Io`: the file cannot be read on. A row that cannot be used is [`Next::Bad`].
    pub fn next(&mut self) -> Result<Next> {
        match &mut self.reader {
            Reader::Delimited(reader, record) => {
                let mut next = reader.next(record)?;
                // With one column a blank line is a row: NULL.
                while matches!(next, Next::Row) && record.is_blank() && self.columns.names.len() != 1 {
                    next = reader.next(record)?;
                }
                if matches!(next, Next::Row) && record.fields() != self.columns.names.len() {
                    let (has, wants) = (record.fields(), self.columns.names.len());
                    let error = Error::bad_input(format!(
                        "the row has {has} field{}, the header has {wants}",
                        if has == 1 { "" } else { "s" }
                    ))
                    .with_hint("a field that holds the separator must stand in double quotes");
                    return Ok(Next::Bad(Bad::row(record.line, error)));
                }
                Ok(next)
            }
            Reader::Json(reader) => reader.next(&mut self.columns),
            Reader::Columnar(reader) => reader.next(),
        }
    }

    /// The type a column has in the file itself, where its format says so.
    pub fn type_of(&self, column: usize) -> Option<PropertyType> {
        match &self.reader {
            Reader::Columnar(reader) => reader.type_of(column),
            _ => None,
        }
    }

    /// The columns seen so far: all of them from the start in a delimited file.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The line the current row starts in, from 1; its number where a file has no lines.
    pub fn line(&self) -> u64 {
        match &self.reader {
            Reader::Delimited(_, record) => record.line,
            Reader::Json(reader) => reader.row_line(),
            Reader::Columnar(reader) => reader.row(),
        }
    }

    /// The bytes of the current row as they stand in the file, without the line's end; as JSON where
    /// they are no text.
    pub fn raw(&self) -> Cow<'_, [u8]> {
        match &self.reader {
            Reader::Delimited(_, record) => record.raw().into(),
            Reader::Json(reader) => reader.raw().into(),
            Reader::Columnar(reader) => reader.as_json(self.columns.names()).into_bytes().into(),
        }
    }

    /// A cell of the current row.
    pub fn cell(&self, column: usize) -> Cell<'_> {
        match &self.reader {
            Reader::Delimited(_, record) => {
                record.field(column).map_or(Cell::Absent, |(bytes, quoted)| Cell::Text { bytes, quoted })
            }
            Reader::Json(reader) => reader.cell(column).map_or(Cell::Absent, Cell::Json),
            Reader::Columnar(reader) => reader.cell(column).map_or(Cell::Absent, Cell::Json),
        }
    }

    /// How far the file is read.
    pub fn position(&self) -> &Position {
        &self.position
    }
}

fn read_header(
    path: &Path,
    reader: &mut DelimitedReader,
    record: &mut Record,
    columns: &mut Columns,
) -> Result<()> {
    let file = || path.display().to_string();
    match reader.next(record)? {
        Next::Row => {}
        Next::Bad(bad) => return Err(bad.into_error(path)),
        Next::End => {
            return Err(Error::bad_input(format!("{} is empty", path.display()))
                .with_hint("the first line must name the columns"));
        }
    }
    for place in 0..record.fields() {
        let (bytes, _) = record.field(place).unwrap_or_default();
        let number = Some((place + 1).to_string());
        let name = std::str::from_utf8(bytes).map_err(|_| {
            Error::bad_input("the column's name is not UTF-8").at_file(file(), Some(1), number.clone())
        })?;
        if name.is_empty() {
            return Err(Error::bad_input("the column has no name")
                .with_hint("the first line must name the columns")
                .at_file(file(), Some(1), number));
        }
        if columns.place(name).is_some() {
            return Err(Error::bad_input(format!("two columns are named '{name}'")).at_file(
                file(),
                Some(1),
                number,
            ));
        }
        columns.intern(name);
    }
    Ok(())
}
