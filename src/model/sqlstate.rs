//! SQLSTATE: the five characters by which programs tell errors apart, as PostgreSQL gives them
//! (its documentation, appendix A).
//!
//! Every error has one: the one it was given, otherwise its kind's. A code that this version does not
//! know is read as none.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ErrorKind;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $code;)*
        const KNOWN: &[&str] = &[$($name),*];
    };
}

codes! {
    /// A feature that is not supported.
    FEATURE_NOT_SUPPORTED = "0A000";
    /// Data that is wrong in a way that has no code of its own.
    DATA_EXCEPTION = "22000";
    /// Text that is too long for its column.
    STRING_RIGHT_TRUNCATION = "22001";
    /// A number that its type does not hold.
    NUMERIC_OUT_OF_RANGE = "22003";
    /// A date or time that there is not.
    DATETIME_OVERFLOW = "22008";
    /// Division by zero.
    DIVISION_BY_ZERO = "22012";
    /// An argument that is not allowed.
    INVALID_PARAMETER_VALUE = "22023";
    /// Text that does not stand for a value of the type.
    INVALID_TEXT_REPRESENTATION = "22P02";
    /// A subquery that gave several rows where one was needed.
    CARDINALITY_VIOLATION = "21000";
    /// A constraint that has no code of its own.
    INTEGRITY_CONSTRAINT_VIOLATION = "23000";
    /// Deleting what is referred to.
    RESTRICT_VIOLATION = "23001";
    /// NOT NULL.
    NOT_NULL_VIOLATION = "23502";
    /// A reference to what does not exist; an edge's end.
    FOREIGN_KEY_VIOLATION = "23503";
    /// UNIQUE, PRIMARY KEY, an id.
    UNIQUE_VIOLATION = "23505";
    /// CHECK.
    CHECK_VIOLATION = "23514";
    /// BEGIN while a transaction is open.
    ACTIVE_SQL_TRANSACTION = "25001";
    /// Writing where only reading is allowed.
    READ_ONLY_SQL_TRANSACTION = "25006";
    /// COMMIT, ROLLBACK, SAVEPOINT without a transaction.
    NO_ACTIVE_SQL_TRANSACTION = "25P01";
    /// A prepared statement that there is not.
    INVALID_SQL_STATEMENT_NAME = "26000";
    /// A savepoint that there is not.
    INVALID_SAVEPOINT = "3B001";
    /// Another transaction committed first.
    SERIALIZATION_FAILURE = "40001";
    /// A statement that is wrong in a way that has no code of its own.
    SYNTAX_OR_ACCESS_RULE = "42000";
    /// Text that is no SQL.
    SYNTAX_ERROR = "42601";
    /// A column twice.
    DUPLICATE_COLUMN = "42701";
    /// A column's name that means several.
    AMBIGUOUS_COLUMN = "42702";
    /// A column that there is not.
    UNDEFINED_COLUMN = "42703";
    /// An object that there is not.
    UNDEFINED_OBJECT = "42704";
    /// An object that exists already.
    DUPLICATE_OBJECT = "42710";
    /// A column that is neither grouped nor aggregated.
    GROUPING_ERROR = "42803";
    /// A value of another type than its column's.
    DATATYPE_MISMATCH = "42804";
    /// A table of another kind than the statement needs.
    WRONG_OBJECT_TYPE = "42809";
    /// A function or operator that there is not for these types.
    UNDEFINED_FUNCTION = "42883";
    /// A table that there is not.
    UNDEFINED_TABLE = "42P01";
    /// A parameter that has no value.
    UNDEFINED_PARAMETER = "42P02";
    /// A prepared statement that exists already.
    DUPLICATE_PREPARED_STATEMENT = "42P05";
    /// A table that exists already.
    DUPLICATE_TABLE = "42P07";
    /// A reference that ON CONFLICT cannot use.
    INVALID_COLUMN_REFERENCE = "42P10";
    /// A definition that cannot hold.
    INVALID_OBJECT_DEFINITION = "42P17";
    /// A name that the system keeps for itself.
    RESERVED_NAME = "42939";
    /// The disk is full.
    DISK_FULL = "53100";
    /// The memory a statement may take is used up.
    OUT_OF_MEMORY = "53200";
    /// A limit that a setting gives.
    CONFIGURATION_LIMIT_EXCEEDED = "53400";
    /// A limit on size or depth of a statement.
    STATEMENT_TOO_COMPLEX = "54001";
    /// Others depend on it.
    DEPENDENT_OBJECTS_STILL_EXIST = "2BP01";
    /// It is open or locked elsewhere.
    LOCK_NOT_AVAILABLE = "55P03";
    /// The caller asked for the stop, or the time was up.
    QUERY_CANCELED = "57014";
    /// The operating system refused.
    IO_ERROR = "58030";
    /// A defect of this program.
    INTERNAL_ERROR = "XX000";
    /// Stored data is damaged.
    DATA_CORRUPTED = "XX001";
}

/// The code of errors of a kind that have none of their own.
pub(super) fn sqlstate_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BadInput => INVALID_PARAMETER_VALUE,
        ErrorKind::NotFound => UNDEFINED_OBJECT,
        ErrorKind::Conflict => SERIALIZATION_FAILURE,
        ErrorKind::Constraint => INTEGRITY_CONSTRAINT_VIOLATION,
        ErrorKind::Locked => LOCK_NOT_AVAILABLE,
        ErrorKind::Corrupt => DATA_CORRUPTED,
        ErrorKind::OutOfSpace => DISK_FULL,
        ErrorKind::Cancelled | ErrorKind::TimedOut => QUERY_CANCELED,
        ErrorKind::Unsupported => FEATURE_NOT_SUPPORTED,
        ErrorKind::ReadOnly => READ_ONLY_SQL_TRANSACTION,
        ErrorKind::Io => IO_ERROR,
        ErrorKind::Internal => INTERNAL_ERROR,
    }
}

/// A code that was set: one of this module's, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SqlState(Option<&'static str>);

impl SqlState {
    pub(super) fn new(code: &'static str) -> Self {
        debug_assert!(KNOWN.contains(&code), "{code}");
        Self(Some(code))
    }

    pub(super) fn code(self) -> Option<&'static str> {
        self.0
    }
}

impl Serialize for SqlState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SqlState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(Self(text.and_then(|text| KNOWN.iter().find(|known| **known == text).copied())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_five_characters_each_once() {
        let mut seen = std::collections::BTreeSet::new();
        for code in KNOWN {
            assert!(code.len() == 5 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
            assert!(seen.insert(code), "{code}");
        }
    }
}
