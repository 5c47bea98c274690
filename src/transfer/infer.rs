//! The type of a column, from every value it has.
//!
//! A type is inferred only where it loses nothing: leading zeros, a plus sign, digits past 64 bits
//! and integers that a float cannot hold keep a column text.

use crate::model::{PropertyType, Value, parse_date, parse_timestamp};

/// What a text could be besides text, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Could(u8);

impl Could {
    const BOOLEAN: u8 = 1;
    const INTEGER: u8 = 2;
    const FLOAT: u8 = 4;
    const DATE: u8 = 8;
    const TIMESTAMP: u8 = 16;
    const ANYTHING: Could = Could(31);
    const TEXT: Could = Could(0);
}

/// Whether unquoted text would be taken for something else than text. The empty text is NULL.
pub fn looks_typed(text: &str) -> bool {
    text.is_empty() || could_be(text) != Could::TEXT || matches!(text, "NaN" | "Infinity" | "-Infinity")
}

fn could_be(text: &str) -> Could {
    let Some(first) = text.bytes().next() else { return Could::ANYTHING };
    match first {
        b't' | b'f' if matches!(text, "true" | "false") => Could(Could::BOOLEAN),
        b'N' | b'I' if matches!(text, "NaN" | "Infinity") => Could(Could::FLOAT),
        b'-' if text == "-Infinity" => Could(Could::FLOAT),
        b'-' | b'0'..=b'9' => number_or_time(text),
        _ => Could::TEXT,
    }
}

fn number_or_time(text: &str) -> Could {
    if let Some(number) = number(text) {
        return number;
    }
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let date_shape = bytes.len() >= 10
        && digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-');
    if !date_shape {
        return Could::TEXT;
    }
    if bytes.len() == 10 {
        return if parse_date(text).is_ok() { Could(Could::DATE | Could::TIMESTAMP) } else { Could::TEXT };
    }
    let separated = matches!(bytes.get(10), Some(b'T' | b' '));
    // More digits than microseconds would be cut.
    let fraction = text.rsplit_once('.').map_or(0, |(_, f)| f.bytes().take_while(u8::is_ascii_digit).count());
    if separated && fraction <= 6 && parse_timestamp(text).is_ok() {
        Could(Could::TIMESTAMP)
    } else {
        Could::TEXT
    }
}

/// A number as JSON writes it: no leading zeros, no plus sign. `None`: not a number.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn number(text: &str) -> Option<Could> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole_digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if whole_digits == 0 || (whole_digits > 1 && unsigned.starts_with('0')) {
        return None;
    }
    let rest = unsigned.get(whole_digits..)?;
    if rest.is_empty() {
        let Ok(integer) = text.parse::<i64>() else { return Some(Could::TEXT) };
        // "-0" is a float: as an integer it would come back as "0".
        let as_integer = if text == "-0" { 0 } else { Could::INTEGER };
        let exact = (integer as f64) as i128 == i128::from(integer);
        return Some(Could(as_integer | if exact { Could::FLOAT } else { 0 }));
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, rest.get(at + 1..)),
        None => (rest, None),
    };
    let fraction_ok = fraction.is_empty()
        || fraction.strip_prefix('.').is_some_and(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
    let exponent_ok = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['+', '-']).unwrap_or(e);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    if !fraction_ok || !exponent_ok {
        return None;
    }
    Some(if text.parse::<f64>().is_ok_and(f64::is_finite) { Could(Could::FLOAT) } else { Could::TEXT })
}

/// What is known of a column so far.
#[derive(Debug, Clone)]
pub struct Guess {
    could: Could,
    any_value: bool,
    /// A float or integer with digits: a column of the word `NaN` alone is text.
    any_digit: bool,
    /// JSON: the one type of all values, or mixed.
    json: Option<PropertyType>,
}

impl Default for Guess {
    fn default() -> Self {
        Self { could: Could::ANYTHING, any_value: false, any_digit: false, json: None }
    }
}

impl Guess {
    /// Takes a field of a delimited file into account. `quoted` fields are text unless the whole file is quoted.
    pub fn see_text(&mut self, bytes: &[u8], quoted: bool, quotes_everything: bool) {
        if bytes.is_empty() && (!quoted || quotes_everything) {
            return;
        }
        self.any_value = true;
        if self.could == Could::TEXT {
            return;
        }
        if quoted && !quotes_everything {
            self.could = Could::TEXT;
            return;
        }
        let seen = std::str::from_utf8(bytes).map_or(Could::TEXT, could_be);
        self.any_digit |= bytes.iter().any(u8::is_ascii_digit);
        self.could = Could(self.could.0 & seen.0);
    }

    /// Takes a value of a JSON file into account.
    pub fn see_value(&mut self, value: &Value) {
        let Some(seen) = value.property_type() else { return };
        self.json = Some(match self.json {
            None => seen,
            Some(known) if known == seen => known,
            Some(PropertyType::Integer | PropertyType::Float)
                if matches!(seen, PropertyType::Integer | PropertyType::Float) =>
            {
                PropertyType::Float
            }
            Some(_) => PropertyType::Json,
        });
        // An integer that no float equals must not be among floats.
        if let Value::Integer(i) = value
            && PropertyType::Float.admit("", "", Value::Integer(*i)).is_err()
        {
            self.any_digit = true;
        }
    }

    /// The type; text for a column without values.
    pub fn property_type(&self) -> PropertyType {
        if let Some(json) = self.json {
            return if json == PropertyType::Float && self.any_digit { PropertyType::Json } else { json };
        }
        if !self.any_value {
            return PropertyType::String;
        }
        let could = |bit| self.could.0 & bit != 0;
        if could(Could::BOOLEAN) {
            PropertyType::Boolean
        } else if could(Could::INTEGER) {
            PropertyType::Integer
        } else if could(Could::FLOAT) && self.any_digit {
            PropertyType::Float
        } else if could(Could::DATE) {
            PropertyType::Date
        } else if could(Could::TIMESTAMP) {
            PropertyType::Timestamp
        } else {
            PropertyType::String
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> PropertyType {
        let mut guess = Guess::default();
        for field in fields {
            guess.see_text(field.as_bytes(), false, false);
        }
        guess.property_type()
    }

    #[test]
    fn a_type_is_inferred_only_where_it_loses_nothing() {
        use PropertyType as T;
        assert_eq!(of(&["1", "", "-7"]), T::Integer);
        assert_eq!(of(&["1", "2.5", "1e3"]), T::Float);
        assert_eq!(of(&["9007199254740993", "2.5"]), T::String);
        assert_eq!(of(&["1", "x"]), T::String);
        assert_eq!(of(&["007"]), T::String);
        assert_eq!(of(&["+1"]), T::String);
        assert_eq!(of(&["9223372036854775808"]), T::String);
        assert_eq!(of(&["-9223372036854775808"]), T::Integer);
        assert_eq!(of(&["-0", "1"]), T::Float);
        assert_eq!(of(&["1e999"]), T::String);
        assert_eq!(of(&["1.", ".5"]), T::String);
        assert_eq!(of(&["true", "false"]), T::Boolean);
        assert_eq!(of(&["true", "True"]), T::String);
        assert_eq!(of(&["true", "1"]), T::String);
        assert_eq!(of(&["2024-02-29"]), T::Date);
        assert_eq!(of(&["2023-02-29"]), T::String);
        assert_eq!(of(&["2024-02-29", "2024-02-29T12:00:00Z"]), T::Timestamp);
        assert_eq!(of(&["2024-02-29 12:00:00.1234567"]), T::String);
        assert_eq!(of(&["NaN"]), T::String);
        assert_eq!(of(&["NaN", "1.5"]), T::Float);
        assert_eq!(of(&["", ""]), T::String);
    }

    #[test]
    fn quotes_make_text_unless_everything_is_quoted() {
        let mut guess = Guess::default();
        guess.see_text(b"1", true, false);
        assert_eq!(guess.property_type(), PropertyType::String);
        let mut guess = Guess::default();
        guess.see_text(b"1", true, true);
        guess.see_text(b"", true, true);
        assert_eq!(guess.property_type(), PropertyType::Integer);
    }

    #[test]
    fn json_values_have_types_and_mixtures_are_json() {
        let of = |values: &[Value]| {
            let mut guess = Guess::default();
            values.iter().for_each(|v| guess.see_value(v));
            guess.property_type()
        };
        assert_eq!(of(&[Value::Integer(1), Value::Null, Value::Float(0.5)]), PropertyType::Float);
        assert_eq!(of(&[Value::Integer((1 << 53) + 1), Value::Float(0.5)]), PropertyType::Json);
        assert_eq!(of(&[Value::from("2024-01-01")]), PropertyType::String);
        assert_eq!(of(&[Value::from("a"), Value::Integer(1)]), PropertyType::Json);
        assert_eq!(of(&[Value::Array(vec![])]), PropertyType::Json);
    }
}
