//! Rows of values as CSV, TSV, JSON or JSON lines, into a buffer.
//!
//! Lossless: NULL is an empty field without quotes, the empty string is `""`, and text that a reader
//! would take for a number, a truth value or a time stands in quotes.

use crate::model::{PropertyType, Value};

use super::infer::looks_typed;
use super::options::FileFormat;

/// A column of what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub property_type: PropertyType,
}

/// Turns rows into text of a format. The caller owns the buffer and empties it as it likes.
#[derive(Debug)]
pub struct RowEncoder {
    format: FileFormat,
    columns: Vec<ExportColumn>,
    /// The columns' names as JSON text.
    json_names: Vec<String>,
    rows: u64,
}

impl RowEncoder {
    /// An encoder of rows with these columns.
    #[must_use]
    pub fn new(format: FileFormat, columns: Vec<ExportColumn>) -> Self {
        let json_names =
            columns.iter().map(|c| serde_json::Value::from(c.name.as_str()).to_string()).collect();
        Self { format, columns, json_names, rows: 0 }
    }

    /// Writes what stands before the rows: the header, where the format has one and `header` asks for it.
    pub fn start(&self, out: &mut Vec<u8>, header: bool) {
        match self.format {
            FileFormat::Csv | FileFormat::Tsv if header => {
                let delimiter = self.delimiter();
                for (place, column) in self.columns.iter().enumerate() {
                    if place > 0 {
                        out.push(delimiter);
                    }
                    push_field(out, &column.name, delimiter, column.name.is_empty());
                }
                out.push(b'\n');
            }
            FileFormat::Json => out.push(b'['),
            _ => {}
        }
    }

    /// Writes a row; a cell that is missing is NULL.
    pub fn row(&mut self, out: &mut Vec<u8>, cells: &[Value]) {
        match self.format {
            FileFormat::Csv | FileFormat::Tsv => {
                let delimiter = self.delimiter();
                for (place, column) in self.columns.iter().enumerate() {
                    if place > 0 {
                        out.push(delimiter);
                    }
                    push_cell(out, cells.get(place).unwrap_or(&Value::Null), column, delimiter);
                }
            }
            FileFormat::Json => {
                out.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
                self.object(out, cells);
            }
            // The columnar formats have an encoder of their own.
            FileFormat::Jsonl | FileFormat::Parquet | FileFormat::Arrow => self.object(out, cells),
        }
        if self.format != FileFormat::Json {
            out.push(b'\n');
        }
        self.rows += 1;
    }

    /// Writes what stands behind the rows.
    pub fn finish(&self, out: &mut Vec<u8>) {
        if self.format == FileFormat::Json {
            out.extend_from_slice(if self.rows == 0 { b"]\n" } else { b"\n]\n" });
        }
    }

    /// How many rows were written.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn delimiter(&self) -> u8 {
        if self.format == FileFormat::Tsv { b'\t' } else { b',' }
    }

    fn object(&self, out: &mut Vec<u8>, cells: &[Value]) {
        out.push(b'{');
        for (place, name) in self.json_names.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            match cells.get(place).unwrap_or(&Value::Null) {
                Value::Null => out.extend_from_slice(b"null"),
                Value::Integer(i) => out.extend_from_slice(i.to_string().as_bytes()),
                value => out.extend_from_slice(value.to_json().to_string().as_bytes()),
            }
        }
        out.push(b'}');
    }
}

fn push_cell(out: &mut Vec<u8>, cell: &Value, column: &ExportColumn, delimiter: u8) {
    match cell {
        Value::Null => {}
        // A column of anything: JSON text tells "1" from 1.
        value if column.property_type == PropertyType::Json => {
            push_field(out, &value.to_json().to_string(), delimiter, false);
        }
        Value::String(text) => push_field(out, text, delimiter, looks_typed(text)),
        value => push_field(out, &value.to_text(), delimiter, false),
    }
}

fn push_field(out: &mut Vec<u8>, text: &str, delimiter: u8, quote: bool) {
    let special = |b: u8| b == delimiter || matches!(b, b'"' | b'\n' | b'\r');
    // A byte order mark at the start of a field could be taken for the file's own.
    if quote || text.starts_with('\u{feff}') || text.bytes().any(special) {
        out.push(b'"');
        for (place, part) in text.split('"').enumerate() {
            if place > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(format: FileFormat, rows: &[[Value; 2]]) -> String {
        let columns = ["n", "a,b"]
            .map(|name| ExportColumn { name: name.to_owned(), property_type: PropertyType::String })
            .to_vec();
        let mut encoder = RowEncoder::new(format, columns);
        let mut out = Vec::new();
        encoder.start(&mut out, true);
        rows.iter().for_each(|row| encoder.row(&mut out, row));
        encoder.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_tells_null_from_empty_and_numbers_from_their_text() {
        let rows = [
            [Value::Null, Value::from("")],
            [Value::Integer(1), Value::from("1")],
            [Value::from("say \"hi\"\n"), Value::from("plain text")],
        ];
        assert_eq!(
            encode(FileFormat::Csv, &rows),
            "n,\"a,b\"\n,\"\"\n1,\"1\"\n\"say \"\"hi\"\"\n\",plain text\n"
        );
        assert_eq!(encode(FileFormat::Tsv, &rows[..1]), "n\ta,b\n\t\"\"\n");
    }

    #[test]
    fn json_is_an_array_and_jsonl_a_line_a_row() {
        let rows = [[Value::Null, Value::from("x")], [Value::Float(1.0), Value::Bool(true)]];
        assert_eq!(
            encode(FileFormat::Json, &rows),
            "[\n{\"n\":null,\"a,b\":\"x\"},\n{\"n\":1.0,\"a,b\":true}\n]\n"
        );
        assert_eq!(encode(FileFormat::Json, &[]), "[]\n");
        assert_eq!(encode(FileFormat::Jsonl, &rows[1..]), "{\"n\":1.0,\"a,b\":true}\n");
    }
}
