//! Where the program writes, what it knows of the terminal, and how it ends.
//!
//! Data goes to standard output, words to standard error. A closed pipe is no error: it ends the
//! program quietly ([`Stop::ClosedPipe`]).

use std::io::Write;

use crate::model::{Error, ErrorKind, Place, Span, escape_control};

use super::args::{Arguments, Color, Format};

/// Why the program stops early.
#[derive(Debug)]
pub enum Stop {
    /// A statement or command failed.
    Failed(Failure),
    /// Nobody reads standard output any more.
    ClosedPipe,
    /// Ctrl-C ended what has no other end.
    Interrupted,
}

/// An error with what is needed to show it.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// The SQL its place lies in.
    pub sql: Option<String>,
    /// The command line is wrong, not the data.
    pub usage: bool,
}

/// The result of everything in the command line.
pub type Outcome<T = ()> = Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(Failure { error, sql: None, usage: false })
    }
}

impl Stop {
    /// The command line is wrong.
    pub fn usage(error: Error) -> Self {
        Stop::Failed(Failure { error, sql: None, usage: true })
    }

    /// Writing to standard output failed.
    pub fn output(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Stop::ClosedPipe
        } else {
            Error::io("write to standard output", error).into()
        }
    }

    /// The exit code: see the program's help.
    pub fn exit_code(&self) -> u8 {
        let failure = match self {
            Stop::Failed(failure) => failure,
            Stop::ClosedPipe => return 0,
            Stop::Interrupted => return 130,
        };
        match failure.error.kind() {
            ErrorKind::Locked | ErrorKind::Conflict => 3,
            ErrorKind::Corrupt => 4,
            ErrorKind::Cancelled => 130,
            _ if failure.usage => 2,
            _ => 1,
        }
    }
}

/// What the program reads and writes.
pub struct Io<'io> {
    /// Data.
    pub out: &'io mut dyn Write,
    /// Words.
    pub err: &'io mut dyn Write,
    /// Standard output is a terminal.
    pub out_is_terminal: bool,
    /// Standard error is a terminal.
    pub err_is_terminal: bool,
    /// Standard input is a terminal.
    pub in_is_terminal: bool,
    /// Columns of the terminal, where standard output is one.
    pub width: Option<u16>,
    /// Results that were printed as Arrow or Parquet.
    pub binary_results: u64,
}

/// How results are shown.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The format.
    pub format: Format,
    /// Leave out the header.
    pub no_header: bool,
    /// Rows of each result at most.
    pub limit: Option<u64>,
    /// Words in colour.
    pub color: bool,
    /// How much is said.
    pub verbose: u8,
    /// Say how long each statement took.
    pub timing: bool,
}

impl Settings {
    /// The settings of a command line.
    pub fn new(arguments: &Arguments, io: &Io<'_>, no_color: bool) -> Self {
        let format = arguments.format.unwrap_or(if io.out_is_terminal { Format::Table } else { Format::Csv });
        Settings {
            format,
            no_header: arguments.no_header,
            limit: arguments.limit,
            color: match arguments.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => io.err_is_terminal && !no_color,
            },
            verbose: arguments.verbose,
            timing: arguments.verbose > 0,
        }
    }
}

impl Io<'_> {
    /// Writes data.
    pub fn data(&mut self, bytes: &[u8]) -> Outcome {
        self.out.write_all(bytes).map_err(|e| Stop::output(&e))
    }

    /// Makes what was written visible to whoever reads.
    pub fn flush(&mut self) -> Outcome {
        self.out.flush().map_err(|e| Stop::output(&e))
    }

    /// Says something on standard error. Nobody listening is no reason to stop.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.err, "{}", escape_control(text));
        let _ = self.err.flush();
    }

    /// Replaces the line on the terminal; an empty text clears it.
    pub fn status(&mut self, text: &str) {
        let width = usize::from(self.width.unwrap_or(80)).saturating_sub(1);
        let shown: String = escape_control(text).chars().take(width).collect();
        let _ = write!(self.err, "\r\u{1b}[2K{shown}");
        let _ = self.err.flush();
    }

    /// Shows an error: its message, place and hint; with the JSON format as an object.
    pub fn failure(&mut self, failure: &Failure, settings: &Settings) {
        let text = if settings.format == Format::Json {
            let mut error = serde_json::json!({ "error": failure.error });
            if let Some(fields) = error.get_mut("error").and_then(serde_json::Value::as_object_mut) {
                // Every error has one, also where it is the kind's.
                fields.insert("sqlstate".to_owned(), failure.error.sqlstate().into());
            }
            format!("{error}\n")
        } else {
            describe(failure, settings.color)
        };
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }
}

/// An error as people read it.
fn describe(failure: &Failure, color: bool) -> String {
    let error = &failure.error;
    let paint = |text: &str, code: &str| {
        if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let mut text = format!("{} {}\n", paint("error:", "1;31"), escape_control(error.message()));
    if let Some(place) = error.place() {
        text.push_str(&format!("  at {}\n", escape_control(&place.to_string())));
        if let (Place::Sql { span, .. }, Some(sql)) = (place, &failure.sql) {
            text.push_str(&excerpt(sql, *span));
        }
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("{} {}\n", paint("hint:", "36"), escape_control(hint)));
    }
    text
}

/// The line of the SQL in which a span starts, with carets below it.
fn excerpt(sql: &str, span: Span) -> String {
    const BEFORE: usize = 60;
    const AFTER: usize = 60;
    let mut start = span.start.min(sql.len());
    while !sql.is_char_boundary(start) {
        start -= 1;
    }
    let before = sql.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let lead = sql.get(line_start..start).unwrap_or_default();
    let rest = sql.get(start..).unwrap_or_default();
    let rest = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let marked = rest.char_indices().take_while(|(at, _)| start + at < span.end).count().max(1);
    let lead_chars = lead.chars().count();
    let shown_lead: String = lead.chars().skip(lead_chars.saturating_sub(BEFORE)).collect();
    let shown_rest: String = rest.chars().take(AFTER).collect();
    // Tabs and control characters become escapes: measure what is shown.
    let (shown_lead, shown_rest) = (escape_control(&shown_lead), escape_control(&shown_rest));
    let indent = unicode_width::UnicodeWidthStr::width(shown_lead.as_ref());
    format!("  | {shown_lead}{shown_rest}\n  | {}{}\n", " ".repeat(indent), "^".repeat(marked.min(AFTER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_place_and_hint() {
        let sql = "SELECT 1,\n  nme FROM t";
        let at = sql.find("nme").unwrap();
        let error = Error::not_found("no column nme").with_hint("did you mean name?").at_sql(sql, at..at + 3);
        let failure = Failure { error, sql: Some(sql.to_owned()), usage: false };
        assert_eq!(
            describe(&failure, false),
            "error: no column nme\n  at line 2, column 3\n  |   nme FROM t\n  |   ^^^\nhint: did you mean name?\n"
        );
    }

    #[test]
    fn exit_codes_follow_the_kind() {
        let code = |kind| Stop::from(Error::new(kind, "x")).exit_code();
        assert_eq!(code(ErrorKind::NotFound), 1);
        assert_eq!(code(ErrorKind::Locked), 3);
        assert_eq!(code(ErrorKind::Corrupt), 4);
        assert_eq!(code(ErrorKind::Cancelled), 130);
        assert_eq!(Stop::usage(Error::bad_input("x")).exit_code(), 2);
        assert_eq!(Stop::ClosedPipe.exit_code(), 0);
    }

    #[test]
    fn messages_cannot_steer_the_terminal() {
        let failure = Failure { error: Error::not_found("no \u{1b}[2Jtable"), sql: None, usage: false };
        assert_eq!(describe(&failure, false), "error: no \\u{1b}[2Jtable\n");
    }
}
