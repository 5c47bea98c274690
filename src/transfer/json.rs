//! JSON rows: one object a line, or one array of objects, read object by object.
//!
//! Objects become `(column, value)` pairs in the file's order; nested arrays and objects are kept.
//! An object's extent is found first (strings and nesting only), so that a broken object costs one
//! row, its raw bytes are at hand, and a large array is never in memory as a whole.

use std::io::BufRead;

use crate::model::{Error, JsonFault, JsonText, MAX_NESTING, Result, Value};

use super::delimited::{read_error, trim_line_end};
use super::rows::{Bad, Columns, Next, ROW_MAX_BYTES};

/// Reads objects.
pub struct JsonReader {
    reader: Box<dyn BufRead>,
    layout: Layout,
    /// The line of the next byte.
    line: u64,
    row_line: u64,
    raw: Vec<u8>,
    /// The current row by column; `None` where the object does not have it.
    cells: Vec<Option<Value>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Lines,
    /// An array: before its `[`, before its first item, between items, behind its `]`.
    BeforeArray,
    FirstItem,
    NextItem,
    AfterArray,
    /// The array is broken: nothing more is read.
    Ended,
}

impl JsonReader {
    /// One object a line; blank lines are passed over.
    pub fn lines(reader: Box<dyn BufRead>) -> Self {
        Self::new(reader, Layout::Lines)
    }

    /// One array of objects.
    pub fn array(reader: Box<dyn BufRead>) -> Self {
        Self::new(reader, Layout::BeforeArray)
    }

    fn new(reader: Box<dyn BufRead>, layout: Layout) -> Self {
        Self { reader, layout, line: 1, row_line: 1, raw: Vec::new(), cells: Vec::new() }
    }

    /// The line the current row starts in.
    pub fn row_line(&self) -> u64 {
        self.row_line
    }

    /// The current row's bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// A cell of the current row.
    pub fn cell(&self, column: usize) -> Option<&Value> {
        self.cells.get(column)?.as_ref()
    }

    /// Reads the next object; its columns are added to `columns`.
    ///
    /// # Errors
    /// `Io`, and `BadInput` where the array itself is broken.
    pub fn next(&mut self, columns: &mut Columns) -> Result<Next> {
        self.raw.clear();
        let found = match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Ended => Ok(false),
            _ => self.next_item(),
        };
        match found {
            Ok(true) => {}
            Ok(false) => return Ok(Next::End),
            Err(error) if error.kind() == crate::model::ErrorKind::BadInput => {
                // The place of what follows is not known any more.
                self.layout = Layout::Ended;
                return Ok(Next::Bad(Bad::row(self.line, error)));
            }
            Err(error) => return Err(error),
        }
        self.cells.iter_mut().for_each(|cell| *cell = None);
        Ok(match read_row(&self.raw, columns, &mut self.cells) {
            Ok(()) => Next::Row,
            Err(fault) => {
                let before = self.raw.get(..fault.at).unwrap_or(&self.raw);
                let line = self.row_line + before.iter().filter(|b| **b == b'\n').count() as u64;
                let error =
                    Error::bad_input(format!("not a JSON object that can be read: {}", fault.message));
                Next::Bad(Bad { line, column: None, error })
            }
        })
    }

    fn next_line(&mut self) -> Result<bool> {
        loop {
            self.raw.clear();
            self.row_line = self.line;
            if self.reader.read_until(b'\n', &mut self.raw).map_err(|e| read_error(&e))? == 0 {
                return Ok(false);
            }
            if self.line == 1 && self.raw.starts_with(b"\xef\xbb\xbf") {
                self.raw.drain(..3);
            }
            self.line += 1;
            trim_line_end(&mut self.raw);
            if !self.raw.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
        }
    }

    /// Finds the next item of the array and copies its bytes.
    fn next_item(&mut self) -> Result<bool> {
        if self.layout == Layout::BeforeArray {
            match self.peek_token()? {
                Some(b'[') => self.consume(1),
                None => return Ok(false),
                Some(_) => {
                    return Err(Error::bad_input("the file is not a JSON array")
                        .with_hint("for one object a line, give --format jsonl"));
                }
            }
            self.layout = Layout::FirstItem;
        }
        if self.layout == Layout::AfterArray {
            return match self.peek_token()? {
                None => Ok(false),
                Some(_) => Err(Error::bad_input("text stands behind the end of the JSON array")),
            };
        }
        let mut token = self.array_token()?;
        if token == b']' {
            self.consume(1);
            self.layout = Layout::AfterArray;
            return self.next_item();
        }
        if self.layout == Layout::NextItem {
            if token != b',' {
                return Err(Error::bad_input("a comma is missing between two items of the JSON array"));
            }
            self.consume(1);
            token = self.array_token()?;
        }
        self.layout = Layout::NextItem;
        self.row_line = self.line;
        if token != b'{' {
            return Err(Error::bad_input("an item of the JSON array is not an object"));
        }
        self.copy_object()?;
        Ok(true)
    }

    fn array_token(&mut self) -> Result<u8> {
        self.peek_token()?
            .ok_or_else(|| Error::bad_input("the JSON array is not closed: the file is cut off"))
    }

    /// The next byte that is not white space, not yet consumed.
    fn peek_token(&mut self) -> Result<Option<u8>> {
        loop {
            let buffer = self.reader.fill_buf().map_err(|e| read_error(&e))?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let buffer_start = if buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            let rest = buffer.get(buffer_start..).unwrap_or_default();
            let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let lines = rest.iter().take(blank).filter(|b| **b == b'\n').count();
            let token = rest.get(blank).copied();
            self.line += lines as u64;
            self.consume(buffer_start + blank);
            if token.is_some() {
                return Ok(token);
            }
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.reader.consume(bytes);
    }

    /// Copies the object that starts at the next byte, up to its closing brace.
    fn copy_object(&mut self) -> Result<()> {
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            let buffer = self.reader.fill_buf().map_err(|e| read_error(&e))?;
            if buffer.is_empty() {
                return Err(Error::bad_input(
                    "an object of the JSON array is not closed: the file is cut off",
                ));
            }
            let mut used = 0;
            let mut closed = false;
            for byte in buffer {
                used += 1;
                self.line += u64::from(*byte == b'\n');
                if in_string {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => in_string = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        closed = depth == 0;
                    }
                    _ => {}
                }
                if closed {
                    break;
                }
            }
            self.raw.extend_from_slice(buffer.get(..used).unwrap_or_default());
            self.consume(used);
            if closed {
                return Ok(());
            }
            if self.raw.len() > ROW_MAX_BYTES {
                return Err(Error::bad_input(format!(
                    "an object of the JSON array is longer than {} MiB",
                    ROW_MAX_BYTES >> 20
                )));
            }
        }
    }
}

/// Puts an object's values into their cells.
fn read_row(
    raw: &[u8],
    columns: &mut Columns,
    cells: &mut Vec<Option<Value>>,
) -> std::result::Result<(), JsonFault> {
    let mut parser = JsonText::new(raw);
    parser.object(MAX_NESTING + 1, &mut |name, value| {
        if name.is_empty() {
            return Err("a name is empty".to_owned());
        }
        let place = columns.intern(&name);
        if cells.len() <= place {
            cells.resize(place + 1, None);
        }
        match cells.get_mut(place) {
            Some(cell) if cell.is_none() => *cell = Some(value),
            _ => return Err(format!("the name '{name}' stands twice in the object")),
        }
        Ok(())
    })?;
    parser.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut JsonReader) -> Vec<String> {
        let mut columns = Columns::default();
        let mut all = Vec::new();
        loop {
            match reader.next(&mut columns).unwrap() {
                Next::End => return all,
                Next::Bad(bad) => all.push(format!("line {}: {}", bad.line, bad.error.message())),
                Next::Row => {
                    let cells = columns.names().iter().enumerate().filter_map(|(place, name)| {
                        Some(format!("{name}={}", reader.cell(place)?.to_json()))
                    });
                    all.push(format!("{}: {}", reader.row_line(), cells.collect::<Vec<_>>().join(" ")));
                }
            }
        }
    }

    fn bytes(text: &str) -> Box<dyn BufRead> {
        // A tiny buffer, so that objects span many reads.
        Box::new(std::io::BufReader::with_capacity(5, std::io::Cursor::new(text.as_bytes().to_vec())))
    }

    #[test]
    fn lines_keep_the_order_of_names_and_nested_values() {
        let text = "{\"b\":1,\"a\":[1.0,{\"x\":null}]}\n\n{\"a\":\"2024-01-01\",\"c\":true}\n";
        assert_eq!(
            read(&mut JsonReader::lines(bytes(text))),
            ["1: b=1 a=[1.0,{\"x\":null}]", "3: a=\"2024-01-01\" c=true"]
        );
    }

    #[test]
    fn an_array_is_read_object_by_object_with_lines() {
        let text = " [\n {\"a\": \"]}\\\"\"},\n {\"a\":\n 2}\n]\n";
        assert_eq!(read(&mut JsonReader::array(bytes(text))), ["2: a=\"]}\\\"\"", "3: a=2"]);
        assert_eq!(read(&mut JsonReader::array(bytes("[]"))), Vec::<String>::new());
    }

    #[test]
    fn broken_objects_name_their_line() {
        let text = "{\"a\":1}\n{\"a\":}\n{\"a\":18446744073709551615}\n{\"a\":1,\"a\":2}\n[1]\n{\"a\":3}\n";
        let rows = read(&mut JsonReader::lines(bytes(text)));
        assert!(rows[1].starts_with("line 2: not a JSON object"), "{rows:?}");
        assert!(rows[2].starts_with("line 3:") && rows[2].contains("64-bit"), "{rows:?}");
        assert!(rows[3].contains("stands twice"), "{rows:?}");
        assert!(rows[4].starts_with("line 5:"), "{rows:?}");
        assert_eq!(rows[5], "6: a=3");
        for (cut, says) in
            [("[{\"a\":1}", "not closed"), ("[{\"a\":1} {}]", "comma"), ("{}", "not a JSON array")]
        {
            let rows = read(&mut JsonReader::array(bytes(cut)));
            assert!(rows.last().unwrap().contains(says), "{rows:?}");
        }
    }

    #[test]
    fn nesting_is_capped() {
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert_eq!(read(&mut JsonReader::lines(bytes(&deep(MAX_NESTING)))).len(), 1);
        let rows = read(&mut JsonReader::lines(bytes(&deep(MAX_NESTING + 1))));
        assert!(rows[0].contains("nested deeper"), "{rows:?}");
    }
}
