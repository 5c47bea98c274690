//! The settings of a session that SQL can change: `SET`, `SHOW`, `RESET`.
//!
//! `statement_timeout` as PostgreSQL spells it, and limits of counts. A setting lasts as long as its
//! session; a transaction that is rolled back does not bring the old one back. All are numbers; 0 is no
//! limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlparser::ast::{self, ContextModifier, Expr, UnaryOperator};

use crate::model::{CancelToken, Error, Result, escape_control, sqlstate};

use super::error::refuse;
use super::rewrite::name_of;

/// The most milliseconds PostgreSQL takes, too.
const TIMEOUT_MAX_MS: u64 = i32::MAX as u64;
/// Rounds of a recursive query that no session says otherwise about.
pub const RECURSION_LIMIT: u64 = 10_000;

/// A setting of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// How long a statement may take, in milliseconds.
    StatementTimeout,
    /// How many rounds a recursive query may take.
    RecursionLimit,
    /// How many rows a query may give.
    RowLimit,
}

impl Name {
    /// All of them.
    pub const ALL: [Name; 3] = [Name::StatementTimeout, Name::RecursionLimit, Name::RowLimit];

    /// As SQL spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Name::StatementTimeout => "statement_timeout",
            Name::RecursionLimit => "recursion_limit",
            Name::RowLimit => "row_limit",
        }
    }

    /// What it is for.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Name::StatementTimeout => "the longest time a statement may take; 0 is no limit",
            Name::RecursionLimit => "the most rounds of WITH RECURSIVE; 0 is no limit",
            Name::RowLimit => "the most rows a query may give; 0 is no limit",
        }
    }

    fn find(name: &str) -> Option<Self> {
        let name = name.trim_matches('"');
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name))
    }
}

/// The settings of a session.
#[derive(Debug)]
pub struct Settings {
    now: [AtomicU64; Name::ALL.len()],
    /// What the session began with.
    first: [u64; Name::ALL.len()],
}

/// What is asked of the settings.
#[derive(Debug, PartialEq, Eq)]
pub enum Setting {
    /// Sets one; `None` is what the session began with.
    Set(Name, Option<u64>),
    /// Sets all to what the session began with.
    ResetAll,
    /// Gives one as a row.
    Show(Name),
    /// Gives all, one a row.
    ShowAll,
}

impl Settings {
    /// The settings of a new session.
    pub fn new(timeout: Option<Duration>, recursion_limit: u64, row_limit: u64) -> Self {
        let timeout_ms = timeout.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX).max(1));
        let first = [timeout_ms, recursion_limit, row_limit];
        Self { now: first.map(AtomicU64::new), first }
    }

    /// The token of a statement that begins now.
    pub fn limited(&self, cancel: &CancelToken) -> CancelToken {
        match self.get(Name::StatementTimeout) {
            0 => cancel.clone(),
            ms => cancel.with_timeout(Duration::from_millis(ms)),
        }
    }

    /// A setting as it is now.
    // There is a place for each name.
    #[allow(clippy::indexing_slicing)]
    #[must_use]
    pub fn get(&self, name: Name) -> u64 {
        self.now[name as usize].load(Ordering::Relaxed)
    }

    /// A limit as it is now; `None` is none.
    #[must_use]
    pub fn limit(&self, name: Name) -> Option<u64> {
        Some(self.get(name)).filter(|limit| *limit > 0)
    }

    /// What a setting was when the session began.
    #[allow(clippy::indexing_slicing)]
    fn first(&self, name: Name) -> u64 {
        self.first[name as usize]
    }

    /// Whether a setting is not what it was when the session began.
    #[must_use]
    pub fn is_changed(&self, name: Name) -> bool {
        self.get(name) != self.first(name)
    }

    /// Sets one from now on; `None` is what the session began with.
    #[allow(clippy::indexing_slicing)]
    pub fn set(&self, name: Name, value: Option<u64>) {
        self.now[name as usize].store(value.unwrap_or(self.first(name)), Ordering::Relaxed);
    }

    /// Sets all to what the session began with.
    pub fn reset(&self) {
        Name::ALL.into_iter().for_each(|name| self.set(name, None));
    }

    /// A setting as SHOW gives it.
    #[must_use]
    pub fn shown(&self, name: Name) -> String {
        match (name, self.get(name)) {
            (Name::StatementTimeout, ms) if ms > 0 => match ms {
                ms if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
                ms if ms.is_multiple_of(60_000) => format!("{}min", ms / 60_000),
                ms if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
                ms => format!("{ms}ms"),
            },
            (_, number) => number.to_string(),
        }
    }

    /// The query that shows a setting.
    #[must_use]
    pub fn query(&self, name: Name) -> String {
        format!("SELECT '{}' AS {}", self.shown(name), name.as_str())
    }
}

/// The query that shows all settings of a session.
pub const SHOW_ALL: &str =
    "SELECT name, value AS setting, description FROM aresadb.settings WHERE scope = 'session' ORDER BY name";

impl Setting {
    /// What a statement asks of the settings; `None` where it is about something else.
    ///
    /// # Errors
    /// `Unsupported` for a setting that there is not, `BadInput` for a value it does not take.
    pub fn of(statement: &ast::Statement) -> Result<Option<Self>> {
        match statement {
            ast::Statement::Set(ast::Set::SingleAssignment { scope, hivevar: false, variable, values }) => {
                let name = known(&variable.to_string())?;
                if let Some(scope @ (ContextModifier::Local | ContextModifier::Global)) = scope {
                    let scope = scope.to_string();
                    return Err(refuse(
                        &format!("SET {}", scope.trim()),
                        "SET without it lasts for the session",
                    ));
                }
                match values.as_slice() {
                    [value] => number(name, value).map(|value| Some(Setting::Set(name, value))),
                    _ => Err(wrong_value(name, "a list")),
                }
            }
            ast::Statement::Reset(ast::ResetStatement { reset }) => Ok(Some(match reset {
                ast::Reset::ConfigurationParameter(name) => Setting::Set(known(&name.to_string())?, None),
                ast::Reset::ALL => Setting::ResetAll,
            })),
            ast::Statement::ShowVariable { variable } => Ok(match variable.as_slice() {
                [name] if name_of(name).eq_ignore_ascii_case("all") => Some(Setting::ShowAll),
                [name] => Name::find(&name_of(name)).map(Setting::Show),
                _ => None,
            }),
            _ => Ok(None),
        }
    }
}

/// The settings' names, for hints.
#[must_use]
pub fn names() -> String {
    Name::ALL.map(Name::as_str).join(", ")
}

fn known(name: &str) -> Result<Name> {
    Name::find(name).ok_or_else(|| {
        refuse(&format!("the setting {}", escape_control(name)), &format!("SET knows {}", names()))
    })
}

fn wrong_value(name: Name, shown: &str) -> Error {
    Error::bad_input(format!("{} cannot be {}", name.as_str(), escape_control(shown)))
        .with_sqlstate(sqlstate::INVALID_PARAMETER_VALUE)
        .with_hint(match name {
            Name::StatementTimeout => {
                "write milliseconds, or text with a unit such as '5s', '200ms', '2min'; 0 is none"
            }
            Name::RecursionLimit | Name::RowLimit => "write a whole number; 0 is no limit",
        })
}

fn number(name: Name, value: &Expr) -> Result<Option<u64>> {
    let wrong = || wrong_value(name, &value.to_string());
    let text = match value {
        Expr::Identifier(word) if word.value.eq_ignore_ascii_case("default") => return Ok(None),
        Expr::Identifier(word) => word.value.clone(),
        Expr::UnaryOp { op: UnaryOperator::Minus, .. } => return Err(wrong()),
        Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => digits.clone(),
            ast::Value::SingleQuotedString(text) => text.clone(),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    let read = match name {
        Name::StatementTimeout => milliseconds(&text),
        Name::RecursionLimit | Name::RowLimit => {
            text.trim().parse().ok().filter(|limit| *limit <= i64::MAX as u64)
        }
    };
    read.map(Some).ok_or_else(wrong)
}

/// `5000`, `'5s'`, `'1.5 min'`. PostgreSQL rounds to whole milliseconds; what is not 0 stays so.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    let ms = number.parse::<f64>().ok()? * factor;
    if ms > TIMEOUT_MAX_MS as f64 {
        return None;
    }
    Some(if ms > 0.0 { (ms.round() as u64).max(1) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_the_units_of_postgresql() {
        let read = ["5000", "5s", " 1.5 min ", "0", "200 us", "1h", "24d"].map(milliseconds);
        let expected = [5000, 5000, 90_000, 0, 1, 3_600_000, 2_073_600_000].map(Some);
        assert_eq!(read, expected);
        assert!(["", "5 weeks", "25d", "1e3", "x", "1.2.3"].iter().all(|text| milliseconds(text).is_none()));
    }

    #[test]
    fn what_is_set_is_shown_and_goes_back() {
        let settings = Settings::new(Some(Duration::from_secs(90)), RECURSION_LIMIT, 0);
        let name = Name::StatementTimeout;
        assert!(settings.query(name).contains("'90s'"));
        settings.set(name, Some(250));
        settings.set(Name::RowLimit, Some(5));
        assert_eq!((settings.shown(name), settings.limit(Name::RowLimit)), ("250ms".to_owned(), Some(5)));
        settings.set(name, None);
        assert!(settings.query(name).contains("'90s'") && settings.is_changed(Name::RowLimit));
        settings.reset();
        assert_eq!((settings.limit(Name::RowLimit), settings.get(Name::RecursionLimit)), (None, 10_000));
    }
}
