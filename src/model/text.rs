//! Values as text, as PostgreSQL spells them, and text made safe for a terminal.
//!
//! [`Value::to_text`] is lossless for scalars and is what CSV and every other text format carries.
//! [`escape_control`] is the one sanitizer: whatever goes to a terminal (cells, names, errors)
//! passes through it, so that stored text can never emit control sequences.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Decimal, Error, Interval, Result, Value};

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Value {
    /// The value as text without quotes: floats in their shortest form that reads back equal,
    /// times in ISO 8601, bytes as `\x` and hexadecimal digits, arrays and objects as JSON. NULL is empty.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Value::Null => String::new(),
            Value::Bool(b) => (if *b { "true" } else { "false" }).to_owned(),
            Value::Integer(i) => i.to_string(),
            Value::Float(f) => format_float(*f),
            Value::String(s) => s.clone(),
            Value::Array(_) | Value::Object(_) | Value::Vector(_) => self.to_json().to_string(),
            Value::Timestamp(us) => format_timestamp(*us),
            Value::Date(days) => format_date(*days),
            Value::Time(us) => format_time(*us),
            Value::Interval(i) => format_interval(i),
            Value::Decimal(d) => format_decimal(d),
            Value::Uuid(u) => u.hyphenated().to_string(),
            Value::Bytes(b) => b.iter().fold(String::from("\\x"), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        }
    }
}

/// A short form of a value for messages: text quoted, long values cut.
pub(crate) fn preview(value: &Value) -> String {
    const MOST: usize = 60;
    let text = match value {
        Value::String(s) => format!("'{}'", s.chars().take(MOST + 1).collect::<String>()),
        other => other.to_text(),
    };
    let safe = escape_control(&text);
    if safe.chars().count() > MOST {
        safe.chars().take(MOST).chain("…".chars()).collect()
    } else {
        safe.into_owned()
    }
}

fn format_float(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_owned()
    } else if f.is_infinite() {
        (if f > 0.0 { "Infinity" } else { "-Infinity" }).to_owned()
    } else if f != 0.0 && !(1e-5..1e15).contains(&f.abs()) {
        format!("{f:e}")
    } else if f == f.trunc() {
        format!("{f:.1}")
    } else {
        f.to_string()
    }
}

fn format_decimal(d: &Decimal) -> String {
    let digits = d.unscaled.unsigned_abs().to_string();
    let sign = if d.unscaled < 0 { "-" } else { "" };
    match usize::try_from(d.scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(d.scale.unsigned_abs()))),
    }
}

/// `2024-05-17`, for days since 1970; a year outside 0001..9999 has its sign.
#[must_use]
pub fn format_date(days: i32) -> String {
    let (y, m, d) = civil_from_days(i64::from(days));
    if (0..=9999).contains(&y) { format!("{y:04}-{m:02}-{d:02}") } else { format!("{y:+05}-{m:02}-{d:02}") }
}

/// `13:45:00.25`, for microseconds since midnight.
#[must_use]
pub fn format_time(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    push_fraction(&mut text, fraction);
    text
}

fn push_fraction(text: &mut String, micros: i64) {
    if micros != 0 {
        let digits = format!("{micros:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
}

/// `2024-05-17T13:45:00.25Z`, for microseconds since 1970.
#[must_use]
pub fn format_timestamp(micros: i64) -> String {
    let days = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX);
    format!("{}T{}Z", format_date(days), format_time(micros.rem_euclid(MICROS_PER_DAY)))
}

/// `1 year 2 mons 3 days 04:05:06`, as PostgreSQL prints intervals.
#[must_use]
pub fn format_interval(interval: &Interval) -> String {
    let mut parts = Vec::new();
    // Behind a part that is negative a positive one has its sign.
    let mut negative = false;
    let mut unit = |n: i64, name: &str| {
        if n != 0 {
            let sign = if negative && n > 0 { "+" } else { "" };
            let plural = if n == 1 { "" } else { "s" };
            parts.push(format!("{sign}{n} {name}{plural}"));
            negative = n < 0;
        }
    };
    unit(i64::from(interval.months / 12), "year");
    unit(i64::from(interval.months % 12), "mon");
    unit(i64::from(interval.days), "day");
    if interval.micros != 0 || parts.is_empty() {
        let sign = match interval.micros < 0 {
            true => "-",
            false if negative => "+",
            false => "",
        };
        parts.push(format!("{sign}{}", format_time(interval.micros.saturating_abs())));
    }
    parts.join(" ")
}

/// Reads `2024-05-17` as days since 1970.
///
/// # Errors
/// `BadInput` for other text and for days that do not exist.
pub fn parse_date(text: &str) -> Result<i32> {
    let wrong = || {
        Error::bad_input(format!("'{}' is not a date", escape_control(text)))
            .with_hint("dates look like 2024-05-17")
    };
    let date: jiff::civil::Date = padded(text.trim()).parse().map_err(|_| wrong())?;
    days_since_1970(date).ok_or_else(wrong)
}

fn days_since_1970(date: jiff::civil::Date) -> Option<i32> {
    let since = date.since((jiff::Unit::Day, jiff::civil::Date::constant(1970, 1, 1)));
    since.ok().map(|span| span.get_days())
}

/// A date with its month and day in two digits: `2024-1-5` is one too.
fn padded(text: &str) -> Cow<'_, str> {
    let parts: Vec<&str> = text.splitn(3, '-').collect();
    let [year, month, rest] = parts.as_slice() else { return Cow::Borrowed(text) };
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    if year.is_empty() || (month.len() == 2 && day == 2) {
        return Cow::Borrowed(text);
    }
    let zero = if day == 1 { "0" } else { "" };
    Cow::Owned(format!("{year}-{month:0>2}-{zero}{rest}"))
}

/// Reads `13:45` or `13:45:00.25` as microseconds since midnight.
///
/// # Errors
/// `BadInput` for other text.
pub fn parse_time(text: &str) -> Result<i64> {
    let time: jiff::civil::Time = text.trim().parse().map_err(|_| {
        Error::bad_input(format!("'{}' is not a time of day", escape_control(text)))
            .with_hint("times look like 13:45:00")
    })?;
    Ok(micros_of(time))
}

/// Reads an ISO 8601 or RFC 3339 time, or a date, as microseconds since 1970. Without an offset it is UTC.
///
/// # Errors
/// `BadInput` for other text.
pub fn parse_timestamp(text: &str) -> Result<i64> {
    let wrong = || {
        Error::bad_input(format!("'{}' is not a timestamp", escape_control(text)))
            .with_hint("timestamps look like 2024-05-17T13:45:00Z")
    };
    let trimmed = padded(text.trim());
    if let Ok(at) = trimmed.parse::<jiff::Timestamp>() {
        // The nearest microsecond.
        return i64::try_from((at.as_nanosecond() + 500).div_euclid(1000)).map_err(|_| wrong());
    }
    let at: jiff::civil::DateTime = trimmed.parse().map_err(|_| wrong())?;
    let days = days_since_1970(at.date()).ok_or_else(wrong)?;
    Ok(i64::from(days) * MICROS_PER_DAY + micros_of(at.time()))
}

fn micros_of(time: jiff::civil::Time) -> i64 {
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds * 1_000_000 + (i64::from(time.subsec_nanosecond()) + 500) / 1000
}

/// Days since 1970 as year, month and day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// Text with everything replaced that could steer a terminal or reorder what it shows: control
/// characters (C0, DEL, C1), bidirectional controls and line separators become `\u{..}` escapes,
/// tab, line feed and carriage return become `\t`, `\n`, `\r`.
#[must_use]
pub fn escape_control(text: &str) -> Cow<'_, str> {
    fn dangerous(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    }
    if !text.chars().any(dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if dangerous(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_written() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, -62_000_000_000_000_000, 4_000_000_000_000_000] {
            assert_eq!(
                parse_timestamp(&format_timestamp(micros)).unwrap(),
                micros,
                "{}",
                format_timestamp(micros)
            );
        }
        for days in [0, 1, -1, 19_000, -700_000, 2_000_000] {
            assert_eq!(parse_date(&format_date(days)).unwrap(), days, "{}", format_date(days));
        }
        assert_eq!(format_time(parse_time("13:45:00.25").unwrap()), "13:45:00.25");
        assert!(parse_date("2023-02-29").is_err());
    }

    #[test]
    fn floats_read_back_equal_and_look_like_floats() {
        for f in [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, f64::MAX, 123_456_789.25, 1e15, 1e-7] {
            let text = Value::Float(f).to_text();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), f.to_bits(), "{text}");
            assert!(text.contains(['.', 'e']), "{text}");
        }
        assert_eq!(Value::Float(f64::NEG_INFINITY).to_text(), "-Infinity");
    }

    #[test]
    fn decimals_keep_their_scale() {
        let text = |unscaled, scale| Value::Decimal(Decimal { unscaled, scale }).to_text();
        assert_eq!(
            (text(-5, 2), text(12345, 2), text(7, 0), text(7, -2)),
            ("-0.05".into(), "123.45".into(), "7".into(), "700".into())
        );
    }

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        assert_eq!(escape_control("plain é 漢"), "plain é 漢");
        assert_eq!(
            escape_control("\x1b]52;c;AA\x07\u{9b}31m\u{202e}x\n"),
            "\\u{1b}]52;c;AA\\u{7}\\u{9b}31m\\u{202e}x\\n"
        );
    }
}
