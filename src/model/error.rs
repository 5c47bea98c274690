//! The one public error type.
//!
//! An [`ErrorKind`] says what the caller can do about it; the message is written for a user and
//! names the thing; the place says where in the SQL or in which file; the hint names the next step.
//! `Display` prints the message alone, so that programs can lay out place and hint as they like.
//! The code ([`Error::sqlstate`]) is for programs: the five characters PostgreSQL gives the same error.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::sqlstate::{SqlState, sqlstate_of};

/// The result of everything that can fail in AresaDB.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong: correct it.
    BadInput,
    /// What was named does not exist.
    NotFound,
    /// Another transaction committed first: run it again.
    Conflict,
    /// A rule of the schema forbids it.
    Constraint,
    /// Another process has the database open: try again later.
    Locked,
    /// Stored data is damaged.
    Corrupt,
    /// The disk, or a limit on memory, is full.
    OutOfSpace,
    /// The caller asked for the stop.
    Cancelled,
    /// The time that the statement may take was over.
    TimedOut,
    /// The statement or option is not supported.
    Unsupported,
    /// The database or the session does not allow writing.
    ReadOnly,
    /// The operating system refused.
    Io,
    /// A defect of AresaDB itself: please report it.
    Internal,
}

/// A stretch of SQL text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Span { start: range.start, end: range.end }
    }
}

/// Where an error lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the SQL that was given, with its line and column (both from 1; the column counts characters).
    Sql {
        /// The bytes it concerns, of the whole text that was given.
        span: Span,
        /// The line, from 1.
        line: u32,
        /// The column in characters, from 1.
        column: u32,
    },
    /// In a text file.
    File {
        /// The file as the user named it.
        path: String,
        /// The line, from 1, where it is known.
        line: Option<u64>,
        /// The column's name or number, where it is known.
        column: Option<String>,
    },
    /// In a database file, at a byte.
    Offset {
        /// The file.
        path: String,
        /// The byte.
        offset: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sql { line, column, .. } => write!(f, "line {line}, column {column}"),
            Place::File { path, line, column } => {
                write!(f, "{path}")?;
                if let Some(line) = line {
                    write!(f, ", line {line}")?;
                }
                if let Some(column) = column {
                    write!(f, ", column {column}")?;
                }
                Ok(())
            }
            Place::Offset { path, offset } => write!(f, "{path}, byte {offset}"),
        }
    }
}

/// Why something failed. See the module's head for its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Inner {
    kind: ErrorKind,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sqlstate: Option<SqlState>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(message: impl Into<String>) -> Self { Self::new(ErrorKind::$kind, message) }
    )*};
}

impl Error {
    /// An error with a kind and a message, lower case and without a full stop.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), place: None, hint: None, sqlstate: None }))
    }

    constructors! {
        /// The request is wrong.
        bad_input => BadInput,
        /// What was named does not exist.
        not_found => NotFound,
        /// Another transaction committed first.
        conflict => Conflict,
        /// A rule of the schema forbids it.
        constraint => Constraint,
        /// Another process has the database open.
        locked => Locked,
        /// Stored data is damaged.
        corrupt => Corrupt,
        /// The disk or a memory limit is full.
        out_of_space => OutOfSpace,
        /// Not supported.
        unsupported => Unsupported,
        /// Writing is not allowed.
        read_only => ReadOnly,
        /// A defect of AresaDB itself.
        internal => Internal,
    }

    /// The caller asked for the stop.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// The operating system refused `what` (a phrase such as `open data.redb`).
    #[must_use]
    pub fn io(what: impl fmt::Display, source: &std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => ErrorKind::OutOfSpace,
            _ => ErrorKind::Io,
        };
        Self::new(kind, format!("cannot {what}: {source}"))
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, for a user.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it lies, where that is known.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The next step, where one is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The code of PostgreSQL's errors for this one, such as `42P01`: the one that was set, otherwise
    /// the kind's.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        self.0.sqlstate.and_then(SqlState::code).unwrap_or_else(|| sqlstate_of(self.0.kind))
    }

    /// Sets the code; one of the constants of [`crate::model::sqlstate`].
    #[must_use]
    pub fn with_sqlstate(mut self, code: &'static str) -> Self {
        self.0.sqlstate = Some(SqlState::new(code));
        self
    }

    /// Adds the next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Adds the place in SQL: `span` counts in bytes of `sql`.
    #[must_use]
    pub fn at_sql(self, sql: &str, span: impl Into<Span>) -> Self {
        let span = span.into();
        let mut start = span.start.min(sql.len());
        while !sql.is_char_boundary(start) {
            start -= 1;
        }
        let before = sql.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        self.at(Place::Sql {
            span,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        })
    }

    /// Adds the place in a text file.
    #[must_use]
    pub fn at_file(self, path: impl Into<String>, line: Option<u64>, column: Option<String>) -> Self {
        self.at(Place::File { path: path.into(), line, column })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_sql_counts_lines_and_characters_from_one() {
        let sql = "SELECT 'é',\n  nme FROM t";
        let at = sql.find("nme").unwrap();
        let error = Error::not_found("no column nme").at_sql(sql, at..at + 3);
        assert_eq!(error.place().unwrap().to_string(), "line 2, column 3");
        let error = Error::not_found("x").at_sql(sql, sql.find(',').unwrap()..usize::MAX);
        assert_eq!(error.place().unwrap().to_string(), "line 1, column 11");
    }

    #[test]
    fn a_code_is_the_kind_s_unless_it_was_set_and_travels() {
        let plain = Error::cancelled();
        assert_eq!(plain.sqlstate(), "57014");
        let set = Error::not_found("no table t").with_sqlstate(crate::model::sqlstate::UNDEFINED_TABLE);
        let text = serde_json::to_string(&set).unwrap();
        assert!(text.contains("42P01"), "{text}");
        let read: Error = serde_json::from_str(&text).unwrap();
        assert_eq!((read.sqlstate(), &read), ("42P01", &set));
        let read: Error = serde_json::from_str(&text.replace("42P01", "99999")).unwrap();
        assert_eq!(read.sqlstate(), "42704", "a code of a later version gives way to the kind's");
    }

    #[test]
    fn a_full_disk_has_its_own_kind() {
        let error = Error::io("write data.redb", &std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(error.kind(), ErrorKind::OutOfSpace);
    }
}
