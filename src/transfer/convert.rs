//! Text as values of a known type: the way back from [`Value::to_text`].

use uuid::Uuid;

use crate::model::{
    Decimal, Error, Interval, PropertyType, Result, Value, escape_control, parse_date, parse_json,
    parse_time, parse_timestamp,
};

/// The value a field's text stands for in a column of a type.
///
/// # Errors
/// `BadInput` when the text is not of the type.
pub fn value_from_text(text: &str, property_type: PropertyType) -> Result<Value> {
    let wrong = || not_a(text, property_type);
    let trimmed = text.trim();
    Ok(match property_type {
        PropertyType::String => Value::String(text.to_owned()),
        PropertyType::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Bool(true),
        PropertyType::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Bool(false),
        PropertyType::Boolean => return Err(wrong()),
        PropertyType::Integer => Value::Integer(trimmed.parse().map_err(|_| wrong())?),
        PropertyType::Float => Value::Float(parse_float(trimmed).ok_or_else(wrong)?),
        PropertyType::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        PropertyType::Date => Value::Date(parse_date(text)?),
        PropertyType::Time => Value::Time(parse_time(text)?),
        PropertyType::Interval => Value::Interval(parse_interval(trimmed).ok_or_else(wrong)?),
        PropertyType::Decimal { scale, .. } => {
            Value::Decimal(parse_decimal(trimmed, scale).ok_or_else(wrong)?)
        }
        PropertyType::Uuid => Value::Uuid(Uuid::parse_str(trimmed).map_err(|_| wrong())?),
        PropertyType::Bytes => Value::Bytes(parse_bytes(trimmed).ok_or_else(wrong)?),
        PropertyType::Vector { .. } => Value::Vector(parse_vector(trimmed).ok_or_else(wrong)?),
        PropertyType::Json => parse_json(text)?,
    })
}

/// A value as it comes from a JSON file, as a column of a type takes it: JSON has no dates and the
/// like, so their text is read.
///
/// # Errors
/// `BadInput` when text is not of the type. A value of another type is left as it is: the store's
/// own check names the way out.
pub fn value_from_json_cell(value: &Value, property_type: PropertyType) -> Result<Value> {
    match (value, property_type) {
        (Value::String(_), PropertyType::String | PropertyType::Json) => Ok(value.clone()),
        (Value::String(_), PropertyType::Boolean | PropertyType::Integer) => Ok(value.clone()),
        // Floats that are not finite are text in JSON.
        (Value::String(text), PropertyType::Float)
            if !matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") =>
        {
            Ok(value.clone())
        }
        (Value::String(text), other) => value_from_text(text, other),
        (Value::Array(items), PropertyType::Vector { .. }) => {
            Ok(vector_of(items).map_or_else(|| value.clone(), Value::Vector))
        }
        _ => Ok(value.clone()),
    }
}

fn not_a(text: &str, property_type: PropertyType) -> Error {
    let shown: String = text.chars().take(60).collect();
    Error::bad_input(format!("'{}' is not {property_type}", escape_control(&shown)))
}

/// The words `NaN`, `Infinity` and `-Infinity`, and decimal notation; Rust's parser alone would also
/// take `inf` and the like.
fn parse_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) => {
            text.parse().ok()
        }
        _ => None,
    }
}

/// A decimal of a scale; digits that the scale does not hold are refused, not rounded.
fn parse_decimal(text: &str, scale: i8) -> Option<Decimal> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty())
        || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let all: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let shift = i32::from(scale) - i32::try_from(fraction.len()).ok()?;
    let unscaled = if shift >= 0 {
        all.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?
    } else {
        let divisor = 10i128.checked_pow(shift.unsigned_abs())?;
        (all % divisor == 0).then(|| all / divisor)?
    };
    Some(Decimal { unscaled: if negative { -unscaled } else { unscaled }, scale })
}

/// `1 year 2 mons 3 days 04:05:06`, as [`crate::model::format_interval`] writes it.
fn parse_interval(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut words = text.split_ascii_whitespace().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            let (negative, clock) = match word.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, word),
            };
            let micros = parse_clock(clock)?;
            interval.micros = if negative { -micros } else { micros };
            continue;
        }
        let n: i32 = word.parse().ok()?;
        match words.next()? {
            "year" | "years" => interval.months = interval.months.checked_add(n.checked_mul(12)?)?,
            "mon" | "mons" | "month" | "months" => interval.months = interval.months.checked_add(n)?,
            "day" | "days" => interval.days = interval.days.checked_add(n)?,
            _ => return None,
        }
    }
    Some(interval)
}

/// `HH:MM:SS.ffffff`, where hours may pass 24.
fn parse_clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let (seconds, fraction) = parts.next().map_or(("0", ""), |s| s.split_once('.').unwrap_or((s, "")));
    if parts.next().is_some() || fraction.len() > 6 {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let micros: i64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().ok()? };
    if !(0..60).contains(&minutes) || !(0..60).contains(&seconds) || hours < 0 || micros < 0 {
        return None;
    }
    hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)?.checked_mul(1_000_000)?.checked_add(micros)
}

/// `\x` and hexadecimal digits.
fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let mut byte = 0;
            for digit in pair {
                byte = byte * 16 + u8::try_from((*digit as char).to_digit(16)?).ok()?;
            }
            Some(byte)
        })
        .collect()
}

fn parse_vector(text: &str) -> Option<Vec<f32>> {
    match parse_json(text).ok()? {
        Value::Array(items) => vector_of(&items),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn vector_of(items: &[Value]) -> Option<Vec<f32>> {
    items
        .iter()
        .map(|item| match item {
            Value::Float(f) => Some(*f as f32),
            Value::Integer(i) => Some(*i as f32),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_what_it_writes() {
        let decimal = PropertyType::Decimal { precision: 38, scale: 3 };
        let values = [
            (PropertyType::Boolean, Value::Bool(false)),
            (PropertyType::Integer, Value::Integer(i64::MIN)),
            (PropertyType::Float, Value::Float(1.5e300)),
            (PropertyType::Float, Value::Float(f64::NEG_INFINITY)),
            (PropertyType::String, Value::from(" 007 ")),
            (PropertyType::Timestamp, Value::Timestamp(1_700_000_000_123_456)),
            (PropertyType::Date, Value::Date(-700_000)),
            (PropertyType::Time, Value::Time(86_399_999_999)),
            (
                PropertyType::Interval,
                Value::Interval(Interval { months: -14, days: 3, micros: -90_000_000_001 }),
            ),
            (decimal, Value::Decimal(Decimal { unscaled: -5, scale: 3 })),
            (PropertyType::Uuid, Value::Uuid(Uuid::from_u128(7))),
            (PropertyType::Bytes, Value::Bytes(vec![0, 255, 16])),
            (PropertyType::Vector { dimension: Some(2) }, Value::Vector(vec![0.1, -3.0])),
        ];
        for (property_type, value) in values {
            let text = value.to_text();
            assert_eq!(value_from_text(&text, property_type).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn text_of_another_type_is_refused() {
        let decimal = PropertyType::Decimal { precision: 9, scale: 1 };
        for (property_type, text) in [
            (PropertyType::Integer, "1.0"),
            (PropertyType::Integer, ""),
            (PropertyType::Float, "inf"),
            (PropertyType::Boolean, "yes"),
            (PropertyType::Bytes, "\\x0"),
            (PropertyType::Interval, "3 fortnights"),
            (PropertyType::Interval, ""),
            (decimal, "0.15"),
            (decimal, "."),
        ] {
            assert!(value_from_text(text, property_type).is_err(), "{text}");
        }
    }

    #[test]
    fn json_text_becomes_what_the_column_holds() {
        let cell = |value, property_type| value_from_json_cell(&value, property_type).unwrap();
        assert_eq!(cell(Value::from("1970-01-02"), PropertyType::Date), Value::Date(1));
        assert_eq!(cell(Value::from("7"), PropertyType::Integer), Value::from("7"));
        let vector = PropertyType::Vector { dimension: None };
        assert_eq!(cell(Value::Array(vec![Value::Integer(1)]), vector), Value::Vector(vec![1.0]));
    }
}
