//! CSV and TSV records (RFC 4180), read so that a quoted field can be told from an unquoted one.
//!
//! That difference carries meaning (NULL against the empty string, a number against text that looks
//! like one), and the usual parsers drop it; hence an own reader. A record is kept both unquoted and
//! as its raw bytes, in two buffers that are reused from row to row.
//!
//! Lines end with LF or CRLF. A quote inside an unquoted field is an ordinary character.

use std::io::BufRead;

use crate::model::{Error, Result};

use super::rows::{Bad, Next, ROW_MAX_BYTES};

/// A record: fields without quotes, and the bytes it was read from.
#[derive(Debug, Default)]
pub struct Record {
    /// The line it starts in, from 1.
    pub line: u64,
    text: Vec<u8>,
    fields: Vec<FieldEnd>,
    raw: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct FieldEnd {
    end: usize,
    quoted: bool,
}

impl Record {
    /// How many fields it has.
    pub fn fields(&self) -> usize {
        self.fields.len()
    }

    /// A field's bytes, and whether it stood in quotes.
    pub fn field(&self, place: usize) -> Option<(&[u8], bool)> {
        let field = self.fields.get(place)?;
        let start = match place.checked_sub(1) {
            Some(before) => self.fields.get(before)?.end,
            None => 0,
        };
        Some((self.text.get(start..field.end)?, field.quoted))
    }

    /// The bytes it was read from, without the line's end.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Nothing but a line's end.
    pub fn is_blank(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether every field stood in quotes.
    pub fn all_quoted(&self) -> bool {
        self.fields.iter().all(|f| f.quoted)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.raw.clear();
    }
}

/// Reads records from bytes.
pub struct DelimitedReader {
    reader: Box<dyn BufRead>,
    delimiter: u8,
    /// The line the next record starts in.
    line: u64,
    at_start: bool,
}

impl DelimitedReader {
    /// A reader of records whose fields `delimiter` separates.
    pub fn new(reader: Box<dyn BufRead>, delimiter: u8) -> Self {
        Self { reader, delimiter, line: 1, at_start: true }
    }

    /// Reads the next record into `record`.
    ///
    /// # Errors
    /// `Io`; `BadInput` for compressed data that is damaged.
    pub fn next(&mut self, record: &mut Record) -> Result<Next> {
        record.clear();
        record.line = self.line;
        // A quoted field may hold line ends: lines are added until no quote is open.
        let mut scanned = 0;
        let mut quotes_open = false;
        loop {
            let before = record.raw.len();
            if !self.read_line(&mut record.raw)? {
                if before == 0 {
                    return Ok(Next::End);
                }
                let error = Error::bad_input("a double quote opens a field and nothing closes it");
                return Ok(Next::Bad(Bad::row(record.line, error)));
            }
            self.line += 1;
            quotes_open = self.quotes_open_after(record.raw.get(scanned..).unwrap_or_default(), quotes_open);
            scanned = record.raw.len();
            if !quotes_open {
                break;
            }
            if record.raw.len() > ROW_MAX_BYTES {
                let error = Error::bad_input(format!(
                    "a double quote opens a field and nothing closes it within {} MiB",
                    ROW_MAX_BYTES >> 20
                ));
                return Ok(Next::Bad(Bad::row(record.line, error)));
            }
        }
        trim_line_end(&mut record.raw);
        Ok(match split(record, self.delimiter) {
            Ok(()) => Next::Row,
            Err(error) => Next::Bad(Bad {
                line: record.line,
                column: Some((record.fields.len() + 1).to_string()),
                error,
            }),
        })
    }

    fn read_line(&mut self, raw: &mut Vec<u8>) -> Result<bool> {
        let read = self.reader.read_until(b'\n', raw).map_err(|e| read_error(&e))?;
        if self.at_start {
            self.at_start = false;
            if raw.starts_with(b"\xef\xbb\xbf") {
                raw.drain(..3);
            }
        }
        Ok(read > 0)
    }

    /// Whether a quoted field is still open behind `line`. A quote opens a field only at its start.
    fn quotes_open_after(&self, line: &[u8], mut open: bool) -> bool {
        if !open && !line.contains(&b'"') {
            return false;
        }
        let mut field_start = !open;
        let mut bytes = line.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if open {
                if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
                    open = false;
                }
                field_start = false;
            } else {
                open = field_start && byte == b'"';
                field_start = byte == self.delimiter;
            }
        }
        open
    }
}

/// What a failed read means: damaged compressed data is the file's fault, the rest the system's.
pub fn read_error(error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput
        | std::io::ErrorKind::UnexpectedEof => {
            Error::bad_input(format!("the compressed data is damaged or cut off: {error}"))
                .with_hint("fetch or compress the file again")
        }
        _ => Error::io("read the file", error),
    }
}

/// Drops a line's end: LF or CRLF.
pub fn trim_line_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

/// Splits the raw bytes of a whole record into fields.
fn split(record: &mut Record, delimiter: u8) -> Result<()> {
    let Record { text, fields, raw, .. } = record;
    let mut rest = raw.as_slice();
    loop {
        if let Some(after_quote) = rest.strip_prefix(b"\"") {
            rest = unquote(after_quote, text)?;
            fields.push(FieldEnd { end: text.len(), quoted: true });
            match rest.split_first() {
                None => return Ok(()),
                Some((byte, after)) if *byte == delimiter => rest = after,
                Some(_) => {
                    fields.pop();
                    return Err(Error::bad_input("text stands behind a field's closing double quote")
                        .with_hint("a double quote inside a quoted field is written twice"));
                }
            }
        } else {
            let end = rest.iter().position(|b| *b == delimiter);
            let (field, after) = match end {
                Some(end) => (rest.get(..end).unwrap_or_default(), rest.get(end + 1..)),
                None => (rest, None),
            };
            text.extend_from_slice(field);
            fields.push(FieldEnd { end: text.len(), quoted: false });
            match after {
                Some(after) => rest = after,
                None => return Ok(()),
            }
        }
    }
}

/// Appends a quoted field, whose opening quote is already passed; returns what follows its end.
fn unquote<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8]> {
    loop {
        let Some(quote) = rest.iter().position(|b| *b == b'"') else {
            return Err(Error::bad_input("a double quote opens a field and nothing closes it"));
        };
        text.extend_from_slice(rest.get(..quote).unwrap_or_default());
        rest = rest.get(quote + 1..).unwrap_or_default();
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                text.push(b'"');
                rest = after;
            }
            None => return Ok(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = Vec<(String, bool)>;

    fn read(text: &str) -> Vec<std::result::Result<(u64, Fields), (u64, String)>> {
        let mut reader = DelimitedReader::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), b',');
        let mut record = Record::default();
        let mut all = Vec::new();
        loop {
            match reader.next(&mut record).unwrap() {
                Next::End => return all,
                Next::Bad(bad) => all.push(Err((bad.line, bad.error.message().to_owned()))),
                Next::Row => {
                    let fields = (0..record.fields())
                        .map(|i| record.field(i).unwrap())
                        .map(|(bytes, quoted)| (String::from_utf8(bytes.to_vec()).unwrap(), quoted))
                        .collect();
                    all.push(Ok((record.line, fields)));
                }
            }
        }
    }

    fn plain(fields: &[&str]) -> Fields {
        fields.iter().map(|f| ((*f).to_owned(), false)).collect()
    }

    #[test]
    fn quoted_fields_are_told_from_unquoted_ones() {
        let rows = read("a,\"b\"\n,\"\"\nx,\"say \"\"hi\"\", you\"\r\n");
        assert_eq!(rows[0], Ok((1, vec![("a".into(), false), ("b".into(), true)])));
        assert_eq!(rows[1], Ok((2, vec![(String::new(), false), (String::new(), true)])));
        assert_eq!(rows[2], Ok((3, vec![("x".into(), false), ("say \"hi\", you".into(), true)])));
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn lines_within_quotes_count_and_belong_to_the_field() {
        let rows = read("\u{feff}a,b\n1,\"two\nlines, \"\"\n\"\n3,4");
        assert_eq!(rows[0], Ok((1, plain(&["a", "b"]))));
        assert_eq!(rows[1], Ok((2, vec![("1".into(), false), ("two\nlines, \"\n".into(), true)])));
        assert_eq!(rows[2], Ok((5, plain(&["3", "4"]))));
    }

    #[test]
    fn broken_quotes_are_errors_with_their_line_and_reading_goes_on() {
        let rows = read("a,b\n1,\"x\"y\n5'\",2\"2\n3,\"open\nto the end\n");
        assert_eq!(rows[1].as_ref().unwrap_err().0, 2);
        assert!(rows[1].as_ref().unwrap_err().1.contains("behind a field's closing"));
        assert_eq!(rows[2], Ok((3, plain(&["5'\"", "2\"2"]))));
        assert_eq!(rows[3].as_ref().unwrap_err().0, 4);
        assert_eq!(rows.len(), 4);
    }
}
