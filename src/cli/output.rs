//! Results as text: tables for people, CSV, TSV, JSON and JSON lines for programs.
//!
//! Tables, Markdown and vertical output show control characters as escapes. CSV and JSON are
//! lossless; only on a terminal are control characters escaped there too. Arrow and Parquet are bytes for
//! programs and do not go to a terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::bus::{ExportColumn, FileFormat, Page, PageEncoder, ResultColumn, RowEncoder};
use crate::model::{Error, PropertyType, Value, escape_control};

use super::args::Format;
use super::io::{Io, Outcome, Settings, Stop};

/// A table is laid out for so many rows at a time: memory is bounded, and a result appears as it comes.
const TABLE_ROWS: usize = 10_000;
const BUFFER_BYTES: usize = 64 << 10;
/// Rows that become one batch where a result has no batches.
const BATCH_ROWS: usize = 8192;

/// Prints one result.
pub struct ResultPrinter {
    columns: Vec<ResultColumn>,
    no_header: bool,
    style: Style,
    rows: u64,
}

enum Style {
    Encoded { encoder: RowEncoder, buffer: Vec<u8> },
    Table { rows: Vec<Vec<String>> },
    Markdown,
    Vertical,
    Columnar { encoder: Box<PageEncoder>, rows: Vec<Vec<Value>> },
}

impl ResultPrinter {
    /// Begins a result and prints what stands before its rows.
    ///
    /// # Errors
    /// `BadInput` for a second result as Parquet: a file holds one.
    pub fn start(columns: Vec<ResultColumn>, settings: &Settings, io: &mut Io<'_>) -> Outcome<Self> {
        let encoded = |format| {
            let columns = columns.iter();
            let columns =
                columns.map(|c| ExportColumn { name: c.name.clone(), property_type: c.property_type });
            let encoder = RowEncoder::new(format, columns.collect());
            let mut buffer = Vec::new();
            encoder.start(&mut buffer, !settings.no_header);
            Style::Encoded { encoder, buffer }
        };
        let columnar = |format| -> Outcome<Style> {
            let encoder = Box::new(PageEncoder::new(format, columns.clone())?);
            Ok(Style::Columnar { encoder, rows: Vec::new() })
        };
        let style = match settings.format {
            Format::Csv => encoded(FileFormat::Csv),
            Format::Tsv => encoded(FileFormat::Tsv),
            Format::Json => encoded(FileFormat::Json),
            Format::Jsonl => encoded(FileFormat::Jsonl),
            Format::Table => Style::Table { rows: Vec::new() },
            Format::Markdown => Style::Markdown,
            Format::Vertical => Style::Vertical,
            Format::Arrow => columnar(FileFormat::Arrow)?,
            Format::Parquet if io.binary_results > 0 => {
                return Err(Stop::usage(
                    Error::bad_input("a Parquet file holds one result").with_hint("run one query at a time"),
                ));
            }
            Format::Parquet => columnar(FileFormat::Parquet)?,
            Format::Dot | Format::Graphml | Format::Jgf => return Err(no_graph()),
        };
        io.binary_results += u64::from(matches!(style, Style::Columnar { .. }));
        if matches!(style, Style::Markdown) {
            let names: Vec<String> = columns.iter().map(|c| markdown(&c.name)).collect();
            let rule: Vec<&str> =
                columns.iter().map(|c| if is_number(c.property_type) { "--:" } else { "---" }).collect();
            io.data(format!("| {} |\n| {} |\n", names.join(" | "), rule.join(" | ")).as_bytes())?;
        }
        Ok(Self { columns, no_header: settings.no_header, style, rows: 0 })
    }

    /// Prints a row, or keeps it until the table can be laid out.
    pub fn row(&mut self, cells: &[Value], io: &mut Io<'_>) -> Outcome {
        self.rows += 1;
        match &mut self.style {
            Style::Encoded { encoder, buffer } => {
                encoder.row(buffer, cells);
                if buffer.len() >= BUFFER_BYTES {
                    write_encoded(buffer, io)?;
                }
            }
            Style::Table { rows } => {
                rows.push(cells.iter().map(shown).collect());
                if rows.len() >= TABLE_ROWS {
                    self.lay_out(io)?;
                }
            }
            Style::Markdown => {
                let cells: Vec<String> = cells.iter().map(|c| markdown(&text(c))).collect();
                io.data(format!("| {} |\n", cells.join(" | ")).as_bytes())?;
            }
            Style::Vertical => {
                let width = self.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
                let mut block = format!("-[ row {} ]-\n", self.rows);
                for (column, cell) in self.columns.iter().zip(cells) {
                    let name = escape_control(&column.name);
                    block.push_str(&format!("{name:<width$} | {}\n", shown(cell)));
                }
                io.data(block.as_bytes())?;
            }
            Style::Columnar { rows, .. } => {
                rows.push(cells.to_vec());
                if rows.len() >= BATCH_ROWS {
                    self.encode_rows(io)?;
                }
            }
        }
        Ok(())
    }

    /// Prints the rows of a page.
    pub fn page(&mut self, page: &Page, io: &mut Io<'_>) -> Outcome {
        if let Style::Columnar { encoder, .. } = &mut self.style {
            self.rows += page.rows() as u64;
            return io.data(&encoder.page(page)?);
        }
        let mut cells = Vec::with_capacity(page.columns());
        for row in 0..page.rows() {
            cells.clear();
            cells.extend((0..page.columns()).map(|column| page.value(row, column)));
            self.row(&cells, io)?;
        }
        Ok(())
    }

    fn encode_rows(&mut self, io: &mut Io<'_>) -> Outcome {
        if let Style::Columnar { encoder, rows } = &mut self.style
            && !rows.is_empty()
        {
            let page = Page::of_values(0, &self.columns, rows)?;
            rows.clear();
            io.data(&encoder.page(&page)?)?;
        }
        Ok(())
    }

    /// Makes the rows so far visible, except those of a table, which is laid out at its end.
    pub fn flush(&mut self, io: &mut Io<'_>) -> Outcome {
        if let Style::Encoded { buffer, .. } = &mut self.style {
            write_encoded(buffer, io)?;
        }
        self.encode_rows(io)?;
        io.flush()
    }

    /// Prints what is left. Returns the number of rows.
    pub fn finish(mut self, io: &mut Io<'_>) -> Outcome<u64> {
        let nothing_shown = self.rows == 0;
        self.encode_rows(io)?;
        if let Style::Columnar { encoder, .. } = self.style {
            io.data(&encoder.finish()?)?;
            io.flush()?;
            return Ok(self.rows);
        }
        match &mut self.style {
            Style::Encoded { encoder, buffer } => {
                encoder.finish(buffer);
                write_encoded(buffer, io)?;
            }
            Style::Table { rows } if !rows.is_empty() || nothing_shown => self.lay_out(io)?,
            _ => {}
        }
        io.flush()?;
        Ok(self.rows)
    }

    fn lay_out(&mut self, io: &mut Io<'_>) -> Outcome {
        let Style::Table { rows } = &mut self.style else { return Ok(()) };
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        if let Some(width) = io.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        if !self.no_header {
            table.set_header(self.columns.iter().map(|c| escape_control(&c.name).into_owned()));
        }
        for row in rows.drain(..) {
            table.add_row(row);
        }
        for (place, column) in self.columns.iter().enumerate() {
            if let Some(laid) = table.column_mut(place)
                && is_number(column.property_type)
            {
                laid.set_cell_alignment(CellAlignment::Right);
            }
        }
        io.data(format!("{table}\n").as_bytes())
    }
}

/// Whether a format can be printed: bytes would garble a terminal.
pub fn check_format(format: Format, io: &Io<'_>) -> Outcome {
    if matches!(format, Format::Arrow | Format::Parquet) && io.out_is_terminal {
        return Err(Stop::usage(
            Error::bad_input("arrow and parquet are no text: they do not go to a terminal")
                .with_hint("send the output to a file with >, or use export"),
        ));
    }
    Ok(())
}

/// Rows were asked for in a format for graphs.
fn no_graph() -> Stop {
    let error = Error::bad_input("dot, graphml and jgf are formats for graphs, not for rows");
    Stop::usage(error.with_hint("use them with export, view --as graph, neighbors, traverse and path"))
}

/// Hands over encoded text; on a terminal control characters become escapes.
pub fn write_encoded(buffer: &mut Vec<u8>, io: &mut Io<'_>) -> Outcome {
    let written = if io.out_is_terminal {
        let text = String::from_utf8_lossy(buffer);
        let mut safe = String::with_capacity(text.len());
        for part in text.split_inclusive(['\n', '\t']) {
            let end = part.chars().next_back().filter(|c| matches!(c, '\n' | '\t'));
            let body = end.map_or(part, |c| part.strip_suffix(c).unwrap_or(part));
            safe.push_str(&escape_control(body));
            safe.extend(end);
        }
        io.data(safe.as_bytes())
    } else {
        io.data(buffer)
    };
    buffer.clear();
    written
}

fn is_number(property_type: PropertyType) -> bool {
    matches!(property_type, PropertyType::Integer | PropertyType::Float | PropertyType::Decimal { .. })
}

fn text(value: &Value) -> String {
    if value.is_null() { "NULL".to_owned() } else { value.to_text() }
}

fn shown(value: &Value) -> String {
    escape_control(&text(value)).into_owned()
}

fn markdown(text: &str) -> String {
    escape_control(text).replace('\\', "\\\\").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Captured, settings};
    use super::*;

    fn print(format: Format, terminal: bool, rows: &[Vec<Value>]) -> String {
        let column = |name: &str, property_type| ResultColumn { name: name.to_owned(), property_type };
        let columns = vec![column("name", PropertyType::String), column("n", PropertyType::Integer)];
        let mut captured = Captured::default();
        let mut io = captured.io();
        io.out_is_terminal = terminal;
        let mut printer = ResultPrinter::start(columns, &settings(format), &mut io).unwrap();
        rows.iter().for_each(|row| printer.row(row, &mut io).unwrap());
        printer.finish(&mut io).unwrap();
        captured.out()
    }

    fn rows() -> Vec<Vec<Value>> {
        vec![
            vec![Value::from("a|b"), Value::Integer(5)],
            vec![Value::from(""), Value::Null],
            vec![Value::from("\u{1b}[31m"), Value::Integer(-1234)],
        ]
    }

    #[test]
    fn tables_align_numbers_and_tell_null_from_empty() {
        let expected = "\
┌────────────┬───────┐
│ name       ┆     n │
╞════════════╪═══════╡
│ a|b        ┆     5 │
│            ┆  NULL │
│ \\u{1b}[31m ┆ -1234 │
└────────────┴───────┘
";
        assert_eq!(print(Format::Table, true, &rows()), expected);
    }

    #[test]
    fn every_format_says_the_same() {
        let of = |format| print(format, false, &rows()[..2]);
        assert_eq!(of(Format::Csv), "name,n\na|b,5\n\"\",\n");
        assert_eq!(of(Format::Tsv), "name\tn\na|b\t5\n\"\"\t\n");
        assert_eq!(of(Format::Jsonl), "{\"name\":\"a|b\",\"n\":5}\n{\"name\":\"\",\"n\":null}\n");
        assert_eq!(of(Format::Json), "[\n{\"name\":\"a|b\",\"n\":5},\n{\"name\":\"\",\"n\":null}\n]\n");
        assert_eq!(of(Format::Markdown), "| name | n |\n| --- | --: |\n| a\\|b | 5 |\n|  | NULL |\n");
        assert_eq!(
            of(Format::Vertical),
            "-[ row 1 ]-\nname | a|b\nn    | 5\n-[ row 2 ]-\nname | \nn    | NULL\n"
        );
        assert_eq!(print(Format::Json, false, &[]), "[]\n");
    }

    #[test]
    fn arrow_and_parquet_are_bytes_for_programs() {
        let column = ResultColumn { name: "n".to_owned(), property_type: PropertyType::Integer };
        let mut captured = Bytes::default();
        let mut io = captured.io();
        let start =
            |format, io: &mut Io<'_>| ResultPrinter::start(vec![column.clone()], &settings(format), io);
        let mut printer = start(Format::Parquet, &mut io).unwrap();
        printer.row(&[Value::Integer(1)], &mut io).unwrap();
        assert_eq!(printer.finish(&mut io).unwrap(), 1);
        let error = start(Format::Parquet, &mut io).err().unwrap();
        assert_eq!(error.exit_code(), 2);
        io.out_is_terminal = true;
        assert!(check_format(Format::Arrow, &io).is_err() && check_format(Format::Csv, &io).is_ok());
        assert!(captured.0.starts_with(b"PAR1") && captured.0.ends_with(b"PAR1"));
    }

    #[derive(Default)]
    struct Bytes(Vec<u8>, Vec<u8>);

    impl Bytes {
        fn io(&mut self) -> Io<'_> {
            Io {
                out: &mut self.0,
                err: &mut self.1,
                out_is_terminal: false,
                err_is_terminal: false,
                in_is_terminal: false,
                width: None,
                binary_results: 0,
            }
        }
    }

    #[test]
    fn csv_is_lossless_in_a_pipe_and_safe_on_a_terminal() {
        assert!(print(Format::Csv, false, &rows()).contains("\u{1b}[31m"));
        assert!(print(Format::Csv, true, &rows()).contains("\\u{1b}[31m"));
    }
}
