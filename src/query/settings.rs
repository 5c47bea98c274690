//! The settings of a session that SQL can change: `SET`, `SHOW`, `RESET`.
//!
//! There is one, `statement_timeout`, as PostgreSQL spells it. A setting lasts as long as its session;
//! a transaction that is rolled back does not bring the old one back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlparser::ast::{self, ContextModifier, Expr, UnaryOperator};

use crate::model::{CancelToken, Error, Result, escape_control, sqlstate};

use super::error::refuse;
use super::rewrite::name_of;

const STATEMENT_TIMEOUT: &str = "statement_timeout";
/// The most milliseconds PostgreSQL takes, too.
const TIMEOUT_MAX_MS: u64 = i32::MAX as u64;

/// The settings of a session.
#[derive(Debug, Default)]
pub struct Settings {
    /// Milliseconds; 0 is no timeout.
    timeout_ms: AtomicU64,
    /// What the session began with.
    default_ms: u64,
}

/// What is asked of the settings.
#[derive(Debug, PartialEq, Eq)]
pub enum Setting {
    /// Sets the timeout, in milliseconds; `None` is what the session began with.
    SetTimeout(Option<u64>),
    /// Gives the timeout as a row.
    ShowTimeout,
}

impl Settings {
    /// The settings of a new session.
    pub fn new(timeout: Option<Duration>) -> Self {
        let default_ms = timeout.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX).max(1));
        Self { timeout_ms: AtomicU64::new(default_ms), default_ms }
    }

    /// The token of a statement that begins now.
    pub fn limited(&self, cancel: &CancelToken) -> CancelToken {
        match self.timeout_ms.load(Ordering::Relaxed) {
            0 => cancel.clone(),
            ms => cancel.with_timeout(Duration::from_millis(ms)),
        }
    }

    /// Sets the timeout from now on.
    pub fn set_timeout(&self, ms: Option<u64>) {
        self.timeout_ms.store(ms.unwrap_or(self.default_ms), Ordering::Relaxed);
    }

    /// The query that shows the timeout.
    pub fn timeout_query(&self) -> String {
        let ms = self.timeout_ms.load(Ordering::Relaxed);
        let shown = match ms {
            0 => "0".to_owned(),
            ms if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            ms if ms.is_multiple_of(60_000) => format!("{}min", ms / 60_000),
            ms if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
            ms => format!("{ms}ms"),
        };
        format!("SELECT '{shown}' AS {STATEMENT_TIMEOUT}")
    }
}

impl Setting {
    /// What a statement asks of the settings; `None` where it is about something else.
    ///
    /// # Errors
    /// `Unsupported` for a setting that there is not, `BadInput` for a value it does not take.
    pub fn of(statement: &ast::Statement) -> Result<Option<Self>> {
        match statement {
            ast::Statement::Set(ast::Set::SingleAssignment { scope, hivevar: false, variable, values }) => {
                known(&variable.to_string())?;
                if let Some(scope @ (ContextModifier::Local | ContextModifier::Global)) = scope {
                    let scope = scope.to_string();
                    return Err(refuse(
                        &format!("SET {}", scope.trim()),
                        "SET without it lasts for the session",
                    ));
                }
                match values.as_slice() {
                    [value] => timeout(value).map(|ms| Some(Setting::SetTimeout(ms))),
                    _ => Err(wrong_value("a list")),
                }
            }
            ast::Statement::Reset(ast::ResetStatement { reset }) => {
                if let ast::Reset::ConfigurationParameter(name) = reset {
                    known(&name.to_string())?;
                }
                Ok(Some(Setting::SetTimeout(None)))
            }
            ast::Statement::ShowVariable { variable } => match variable.as_slice() {
                [name] if name_of(name).eq_ignore_ascii_case(STATEMENT_TIMEOUT) => {
                    Ok(Some(Setting::ShowTimeout))
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

fn known(name: &str) -> Result<()> {
    if name.trim_matches('"').eq_ignore_ascii_case(STATEMENT_TIMEOUT) {
        return Ok(());
    }
    Err(refuse(&format!("the setting {}", escape_control(name)), "SET knows statement_timeout alone"))
}

fn wrong_value(shown: &str) -> Error {
    Error::bad_input(format!("{STATEMENT_TIMEOUT} cannot be {}", escape_control(shown)))
        .with_sqlstate(sqlstate::INVALID_PARAMETER_VALUE)
        .with_hint("write milliseconds, or text with a unit such as '5s', '200ms', '2min'; 0 is none")
}

fn timeout(value: &Expr) -> Result<Option<u64>> {
    let wrong = || wrong_value(&value.to_string());
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
    milliseconds(&text).map(Some).ok_or_else(wrong)
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
        let settings = Settings::new(Some(Duration::from_secs(90)));
        assert!(settings.timeout_query().contains("'90s'"));
        settings.set_timeout(Some(250));
        assert!(settings.timeout_query().contains("'250ms'"));
        settings.set_timeout(None);
        assert!(settings.timeout_query().contains("'90s'"));
    }
}
