//! Values of statements that need no planner: literals and parameters, and how values of all kinds
//! fit the properties they are written to.
//!
//! A quoted literal has no type of its own (PostgreSQL calls it unknown): it is read as the type of
//! the property it goes to. Values that were computed have a type and are converted only where
//! nothing is lost.

use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use sqlparser::ast::{CastKind, Expr, UnaryOperator, Value as Sql};
use uuid::Uuid;

use crate::model::{
    Decimal, Error, Interval, PropertyType, Result, Value, escape_control, parse_date, parse_json,
    parse_time, parse_timestamp, sqlstate,
};

use super::types::property_type;

/// What stands in the place of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A value with a type.
    Typed(Value),
    /// A quoted literal, or a text parameter: read as the type it goes to.
    Text(String),
    /// A number as it was written.
    Number(String),
    /// Literals in order.
    List(Vec<Literal>),
    /// The word DEFAULT.
    Default,
}

/// The literal an expression is, or `None` when it has to be computed.
///
/// # Errors
/// `BadInput` for a parameter that was not given, and for a typed literal that is not of its type.
pub fn literal(expr: &Expr, params: &[Value]) -> Result<Option<Literal>> {
    Ok(Some(match expr {
        Expr::Value(value) => match &value.value {
            Sql::Null => Literal::Typed(Value::Null),
            Sql::Boolean(b) => Literal::Typed(Value::Bool(*b)),
            Sql::Number(digits, _) => Literal::Number(digits.clone()),
            Sql::SingleQuotedString(text)
            | Sql::EscapedStringLiteral(text)
            | Sql::UnicodeStringLiteral(text)
            | Sql::NationalStringLiteral(text) => Literal::Text(text.clone()),
            Sql::DollarQuotedString(text) => Literal::Text(text.value.clone()),
            Sql::Placeholder(name) => parameter(name, params)?,
            _ => return Ok(None),
        },
        Expr::Nested(inner) => return literal(inner, params),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match literal(expr, params)? {
            Some(Literal::Number(digits)) if !digits.starts_with('-') => {
                Literal::Number(format!("-{digits}"))
            }
            _ => return Ok(None),
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => match literal(expr, params)? {
            Some(Literal::Number(digits)) => Literal::Number(digits),
            _ => return Ok(None),
        },
        Expr::Identifier(ident)
            if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default") =>
        {
            Literal::Default
        }
        Expr::TypedString(typed) => match typed.value.value.clone().into_string() {
            Some(text) => Literal::Typed(parse_text(property_type(&typed.data_type)?, &text)?),
            None => return Ok(None),
        },
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr,
            data_type,
            format: None,
            array: false,
        } => match literal(expr, params)? {
            Some(Literal::Text(text)) => Literal::Typed(parse_text(property_type(data_type)?, &text)?),
            Some(Literal::Typed(Value::Null)) => Literal::Typed(Value::Null),
            _ => return Ok(None),
        },
        Expr::Array(array) => {
            let items =
                array.elem.iter().map(|item| literal(item, params)).collect::<Result<Option<Vec<_>>>>()?;
            match items {
                Some(items) => Literal::List(items),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    }))
}

fn parameter(name: &str, params: &[Value]) -> Result<Literal> {
    Ok(match parameter_value(name, params)? {
        Value::String(text) => Literal::Text(text.clone()),
        value => Literal::Typed(value.clone()),
    })
}

/// The value of `$1`, `$2`, ...
///
/// # Errors
/// `BadInput` for one that was not given, and for other placeholders.
pub fn parameter_value<'p>(name: &str, params: &'p [Value]) -> Result<&'p Value> {
    let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()).filter(|n| *n > 0);
    let Some(number) = number else {
        return Err(Error::bad_input(format!("the parameter {} has no number", escape_control(name)))
            .with_hint("parameters are written $1, $2, ..."));
    };
    params.get(number - 1).ok_or_else(|| {
        Error::bad_input(format!("${number} has no value: {} parameters are given", params.len()))
            .with_sqlstate(sqlstate::UNDEFINED_PARAMETER)
            .with_hint("give one value for each $ number")
    })
}

impl Literal {
    /// The value it is where no type asks for another: of a property that does not exist yet.
    ///
    /// # Errors
    /// `BadInput` for a number that no type holds.
    pub fn value(&self) -> Result<Value> {
        Ok(match self {
            Literal::Typed(value) => value.clone(),
            Literal::Text(text) => Value::String(text.clone()),
            Literal::Number(digits) => number(digits)?,
            Literal::List(items) => Value::Array(items.iter().map(Literal::value).collect::<Result<_>>()?),
            Literal::Default => Value::Null,
        })
    }

    /// The value it is for a property of a type.
    ///
    /// # Errors
    /// `BadInput` for text or a number that is not of the type. A typed value that does not fit
    /// stays as it is: the store names the property when it refuses it.
    pub fn value_for(&self, target: PropertyType) -> Result<Value> {
        match self {
            Literal::Text(text) => parse_text(target, text),
            Literal::Number(digits) => match target {
                // An integer stays one: the store widens it where that is exact, and refuses it else.
                PropertyType::Float => match number(digits) {
                    Ok(Value::Integer(integer)) => Ok(Value::Integer(integer)),
                    _ => parse_text(target, digits),
                },
                PropertyType::Decimal { precision, scale } => decimal(digits, precision, scale),
                _ => convert(number(digits)?, target),
            },
            other => convert(other.value()?, target),
        }
    }
}

fn number(digits: &str) -> Result<Value> {
    let digits = digits.replace('_', "");
    if !digits.contains(['.', 'e', 'E']) {
        return digits.parse().map(Value::Integer).map_err(|_| {
            Error::bad_input(format!("{digits} is out of the range of 64-bit integers"))
                .with_sqlstate(sqlstate::NUMERIC_OUT_OF_RANGE)
                .with_hint("write it with a fraction to make it a float, or store it as DECIMAL or TEXT")
        });
    }
    digits.parse::<f64>().ok().filter(|f| f.is_finite()).map(Value::Float).ok_or_else(|| {
        Error::bad_input(format!("{digits} is out of the range of 64-bit floats"))
            .with_sqlstate(sqlstate::NUMERIC_OUT_OF_RANGE)
    })
}

/// Text read as a type.
///
/// # Errors
/// `BadInput` when it is not of the type.
pub fn parse_text(target: PropertyType, text: &str) -> Result<Value> {
    let trimmed = text.trim();
    let wrong = || {
        let shown: String = escape_control(text).chars().take(60).collect();
        Error::bad_input(format!("'{shown}' is not of type {target}"))
            .with_sqlstate(sqlstate::INVALID_TEXT_REPRESENTATION)
    };
    Ok(match target {
        PropertyType::String => Value::String(text.to_owned()),
        PropertyType::Boolean => match trimmed.to_lowercase().as_str() {
            // What begins one of the words alone, as in PostgreSQL.
            "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Value::Bool(true),
            "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Value::Bool(false),
            _ => return Err(wrong()),
        },
        PropertyType::Integer => Value::Integer(trimmed.parse().map_err(|_| wrong())?),
        PropertyType::Float => {
            let float: f64 = trimmed.replace('_', "").parse().map_err(|_| wrong())?;
            // 1e400 would become infinity in silence.
            let named = trimmed.to_lowercase().contains("inf");
            if float.is_infinite() && !named {
                return Err(wrong());
            }
            // There is one zero.
            Value::Float(float + 0.0)
        }
        PropertyType::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        PropertyType::Date => Value::Date(parse_date(text)?),
        PropertyType::Time => Value::Time(parse_time(text)?),
        PropertyType::Interval => interval(trimmed)
            .ok_or_else(|| wrong().with_hint("intervals look like '1 month 2 days 03:04:05'"))?,
        PropertyType::Decimal { precision, scale } => decimal(trimmed, precision, scale)?,
        PropertyType::Uuid => Value::Uuid(
            Uuid::parse_str(trimmed)
                .map_err(|_| wrong().with_hint("UUIDs look like 0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47"))?,
        ),
        PropertyType::Bytes => match trimmed.strip_prefix("\\x") {
            Some(hex) => Value::Bytes(bytes_of_hex(hex).ok_or_else(wrong)?),
            None => Value::Bytes(text.as_bytes().to_vec()),
        },
        PropertyType::Json => parse_json(text)?,
        PropertyType::Vector { .. } => convert(parse_json(text).map_err(|_| wrong())?, target)?,
    })
}

/// An interval in words, in a time, or both: `1 year 2 mons -3 days 04:05:06.5`.
fn interval(text: &str) -> Option<Value> {
    let (time, words): (Vec<&str>, Vec<&str>) = text.split_whitespace().partition(|word| word.contains(':'));
    let mut found = Interval::default();
    if !words.is_empty() {
        let parsed = parse_interval_month_day_nano(&words.join(" ")).ok()?;
        found = Interval { months: parsed.months, days: parsed.days, micros: parsed.nanoseconds / 1_000 };
    }
    match time.as_slice() {
        [] => (!words.is_empty()).then_some(Value::Interval(found)),
        [time] => {
            let (sign, time) = match time.strip_prefix('-') {
                Some(time) => (-1, time),
                None => (1, time.strip_prefix('+').unwrap_or(time)),
            };
            found.micros = found.micros.checked_add(sign * clock_micros(time)?)?;
            Some(Value::Interval(found))
        }
        _ => None,
    }
}

/// `hours:minutes[:seconds[.fraction]]`, with any number of hours.
fn clock_micros(text: &str) -> Option<i64> {
    let number =
        |digits: &str| digits.parse::<i64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if parts.next().is_some() || fraction.len() > 6 {
        return None;
    }
    let micros = number(&format!("{fraction:0<6}"))?;
    let (hours, minutes, whole) = (number(hours)?, number(minutes)?, number(whole)?);
    if minutes > 59 || whole > 59 {
        return None;
    }
    hours.checked_mul(3600)?.checked_add(minutes * 60 + whole)?.checked_mul(1_000_000)?.checked_add(micros)
}

fn bytes_of_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// A decimal number in text, rounded half away from zero to a scale as PostgreSQL does.
fn decimal(text: &str, precision: u8, scale: i8) -> Result<Value> {
    let wrong = |why: &str| {
        let shown: String = escape_control(text).chars().take(60).collect();
        Error::bad_input(format!("{shown} {why} DECIMAL({precision},{scale})"))
    };
    let text = text.replace('_', "");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa.to_owned(), exponent.parse::<i32>().map_err(|_| wrong("is not a"))?)
        }
        None => (text.clone(), 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(&mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong("is not a"));
    }
    // The number is `all * 10^shift` in units of the scale.
    let shift = i64::from(exponent) + i64::from(scale) - fraction.len() as i64;
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(Value::Decimal(Decimal { unscaled: 0, scale }));
    }
    let length = significant.len() as i64 + shift;
    if length > i64::from(precision) + 1 {
        return Err(wrong("does not fit"));
    }
    let kept: String = if shift >= 0 {
        format!("{significant}{}", "0".repeat(usize::try_from(shift).unwrap_or(0)))
    } else {
        significant.get(..usize::try_from(length.max(0)).unwrap_or(0)).unwrap_or_default().to_owned()
    };
    let next = if shift >= 0 || length < 0 {
        b'0'
    } else {
        significant.as_bytes().get(usize::try_from(length).unwrap_or(usize::MAX)).copied().unwrap_or(b'0')
    };
    let mut unscaled: i128 =
        if kept.is_empty() { 0 } else { kept.parse().map_err(|_| wrong("does not fit"))? };
    unscaled += i128::from(next >= b'5');
    if unscaled.unsigned_abs() >= 10u128.saturating_pow(u32::from(precision)) {
        return Err(wrong("does not fit"));
    }
    Ok(Value::Decimal(Decimal { unscaled: if negative { -unscaled } else { unscaled }, scale }))
}

/// The type of a column that is made for computed values: decimals of any number of digits, like
/// PostgreSQL's NUMERIC, not of those that the first value happens to have.
#[must_use]
pub fn open_type(property_type: PropertyType) -> PropertyType {
    match property_type {
        PropertyType::Decimal { scale, .. } => PropertyType::Decimal { precision: 38, scale: scale.max(10) },
        other => other,
    }
}

/// A value with a type as another type, where nothing is lost; otherwise as it is, for the store to
/// refuse with the property's name.
///
/// # Errors
/// `BadInput` for text that is not of a type that is always written as text (dates, UUIDs, JSON), and
/// for decimals that do not fit.
pub fn convert(value: Value, target: PropertyType) -> Result<Value> {
    if value.is_null() || target.holds(&value) {
        return Ok(value);
    }
    Ok(match (target, value) {
        (PropertyType::Decimal { precision, scale }, value @ (Value::Integer(_) | Value::Decimal(_))) => {
            decimal(&value.to_text(), precision, scale)?
        }
        (PropertyType::Decimal { precision, scale }, Value::Float(f)) if f.is_finite() => {
            decimal(&Value::Float(f).to_text(), precision, scale)?
        }
        (PropertyType::Float, Value::Decimal(d)) => parse_text(target, &Value::Decimal(d).to_text())?,
        (PropertyType::Integer, Value::Decimal(d)) => match decimal(&Value::Decimal(d).to_text(), 38, 0)? {
            Value::Decimal(whole) if equal(&whole, &d) => {
                i64::try_from(whole.unscaled).map_or(Value::Decimal(d), Value::Integer)
            }
            _ => Value::Decimal(d),
        },
        #[allow(clippy::cast_possible_truncation)]
        (PropertyType::Integer, Value::Float(f)) if f.trunc() == f && f.abs() < 9e15 => {
            Value::Integer(f as i64)
        }
        (PropertyType::Timestamp, Value::Date(days)) => Value::Timestamp(i64::from(days) * 86_400_000_000),
        (PropertyType::Date, Value::Timestamp(us)) if us.rem_euclid(86_400_000_000) == 0 => {
            i32::try_from(us.div_euclid(86_400_000_000)).map_or(Value::Timestamp(us), Value::Date)
        }
        (PropertyType::String, Value::Uuid(id)) => Value::String(id.hyphenated().to_string()),
        (PropertyType::Vector { dimension }, Value::Array(items)) => vector(dimension, items)?,
        (
            PropertyType::Timestamp
            | PropertyType::Date
            | PropertyType::Time
            | PropertyType::Interval
            | PropertyType::Uuid
            | PropertyType::Vector { .. },
            Value::String(text),
        ) => parse_text(target, &text)?,
        (_, value) => value,
    })
}

fn equal(whole: &Decimal, other: &Decimal) -> bool {
    u32::try_from(other.scale)
        .ok()
        .and_then(|scale| 10i128.checked_pow(scale))
        .and_then(|factor| whole.unscaled.checked_mul(factor))
        == Some(other.unscaled)
}

fn vector(dimension: Option<u32>, items: Vec<Value>) -> Result<Value> {
    let given = items.len();
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    let numbers: Option<Vec<f32>> = items
        .into_iter()
        .map(|item| match item {
            Value::Integer(i) => Some(i as f32),
            Value::Float(f) => Some(f as f32).filter(|f| f.is_finite()),
            Value::Decimal(d) => Value::Decimal(d).to_text().parse().ok(),
            _ => None,
        })
        .collect();
    let numbers = numbers.ok_or_else(|| Error::bad_input("a vector consists of 32-bit floats"))?;
    match dimension {
        Some(n) if n as usize != given => {
            Err(Error::bad_input(format!("a vector of {given} dimensions does not fit VECTOR({n})")))
        }
        _ => Ok(Value::Vector(numbers)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::statement::parse_expression;
    use super::*;

    fn read(sql: &str) -> Option<Literal> {
        literal(&parse_expression(sql).unwrap(), &[Value::from("1"), Value::Integer(2)]).unwrap()
    }

    #[test]
    fn literals_are_read_without_the_planner() {
        assert_eq!(read("-(5)"), Some(Literal::Number("-5".into())));
        assert_eq!(read("'it''s'"), Some(Literal::Text("it's".into())));
        assert_eq!(read("E'a\\nb'"), Some(Literal::Text("a\nb".into())));
        assert_eq!(read("NULL"), Some(Literal::Typed(Value::Null)));
        assert_eq!(read("DEFAULT"), Some(Literal::Default));
        assert_eq!(read("$1"), Some(Literal::Text("1".into())));
        assert_eq!(read("$2"), Some(Literal::Typed(Value::Integer(2))));
        assert_eq!(read("DATE '1970-01-02'"), Some(Literal::Typed(Value::Date(1))));
        assert_eq!(read("'5'::BIGINT"), Some(Literal::Typed(Value::Integer(5))));
        assert_eq!(read("1 + 1"), None);
        assert_eq!(read("upper('a')"), None);
        assert!(literal(&parse_expression("$3").unwrap(), &[]).is_err());
    }

    #[test]
    fn numbers_keep_their_digits() {
        let decimal = PropertyType::Decimal { precision: 10, scale: 2 };
        let as_text = |digits: &str| {
            Literal::Number(digits.into())
                .value_for(decimal)
                .map(|v| v.to_text())
                .unwrap_or_else(|e| e.message().to_owned())
        };
        assert_eq!(as_text("12345678.12"), "12345678.12");
        assert_eq!(as_text("0.005"), "0.01");
        assert_eq!(as_text("-0.005"), "-0.01");
        assert_eq!(as_text("0.004999"), "0.00");
        assert_eq!(as_text("0.0004"), "0.00");
        assert_eq!(as_text("1e3"), "1000.00");
        assert_eq!(as_text("1.5e-1"), "0.15");
        assert_eq!(as_text("99999999.99"), "99999999.99");
        assert_eq!(as_text("99999999.995"), "99999999.995 does not fit DECIMAL(10,2)");
        assert_eq!(as_text("1e30"), "1e30 does not fit DECIMAL(10,2)");
        assert!(Literal::Number("9223372036854775808".into()).value().is_err());
        assert_eq!(Literal::Number("1.0".into()).value().unwrap(), Value::Float(1.0));
        assert!(Literal::Number("1e400".into()).value().is_err());
    }

    #[test]
    fn text_is_read_as_the_type_it_goes_to() {
        let as_type = |t, text: &str| parse_text(t, text);
        assert_eq!(as_type(PropertyType::Integer, " 7 ").unwrap(), Value::Integer(7));
        assert!(as_type(PropertyType::Integer, "7.5").is_err());
        assert_eq!(as_type(PropertyType::Boolean, "YES").unwrap(), Value::Bool(true));
        assert_eq!(as_type(PropertyType::Bytes, "\\x00fF").unwrap(), Value::Bytes(vec![0, 255]));
        assert!(as_type(PropertyType::Bytes, "\\x0").is_err());
        assert_eq!(
            as_type(PropertyType::Vector { dimension: Some(2) }, "[1, 0.5]").unwrap(),
            Value::Vector(vec![1.0, 0.5])
        );
        assert!(as_type(PropertyType::Vector { dimension: Some(3) }, "[1, 0.5]").is_err());
        assert_eq!(
            as_type(PropertyType::Interval, "1 month 2 days 00:00:03").unwrap(),
            Value::Interval(Interval { months: 1, days: 2, micros: 3_000_000 })
        );
        let long = Interval { months: 14, days: -3, micros: -14_706_500_000 };
        assert_eq!(
            as_type(PropertyType::Interval, "1 year 2 mons -3 days -04:05:06.5").unwrap(),
            Value::Interval(long)
        );
        for wrong in ["", "soon", "1:60", "1:2:3:4", "1:2 3:4"] {
            assert!(as_type(PropertyType::Interval, wrong).is_err(), "{wrong}");
        }
        assert!(as_type(PropertyType::Float, "1e400").is_err());
        assert!(as_type(PropertyType::Json, "{bad").is_err());
    }

    #[test]
    fn typed_values_are_converted_only_where_nothing_is_lost() {
        let half = Value::Decimal(Decimal { unscaled: 15, scale: 1 });
        assert_eq!(convert(half.clone(), PropertyType::Integer).unwrap(), half);
        let two = Value::Decimal(Decimal { unscaled: 20, scale: 1 });
        assert_eq!(convert(two, PropertyType::Integer).unwrap(), Value::Integer(2));
        assert_eq!(convert(Value::Float(1.5), PropertyType::Integer).unwrap(), Value::Float(1.5));
        assert_eq!(convert(Value::from("5"), PropertyType::Integer).unwrap(), Value::from("5"));
        assert_eq!(
            convert(Value::Date(1), PropertyType::Timestamp).unwrap(),
            Value::Timestamp(86_400_000_000)
        );
    }
}
