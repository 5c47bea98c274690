//! Values as JSON: how properties are given on the command line and in JSON files, and shown.
//!
//! JSON has fewer types than [`Value`]: dates and the like are written as their text, bytes as
//! base64, decimals as text (a JSON number would lose digits in many readers), floats that are not
//! finite as text. Reading gives text back as text; a declared property type converts it.

use serde_json::{Map, Number, Value as Json};

use super::json_text::JsonText;
use super::{Error, MAX_NESTING, Result, Value};

impl Value {
    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Integer(i) => Json::Number((*i).into()),
            Value::Float(f) => {
                Number::from_f64(*f).map_or_else(|| Json::String(self.to_text()), Json::Number)
            }
            Value::String(s) => Json::String(s.clone()),
            Value::Array(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Object(fields) => {
                Json::Object(fields.iter().map(|(k, v)| (k.clone(), v.to_json())).collect::<Map<_, _>>())
            }
            Value::Vector(v) => Json::Array(
                v.iter().map(|f| Number::from_f64(f64::from(*f)).map_or(Json::Null, Json::Number)).collect(),
            ),
            other => Json::String(other.to_text()),
        }
    }
}

/// Reads JSON text. Numbers without fraction or exponent are integers.
///
/// # Errors
/// `BadInput` with the place for text that is not JSON, for nesting past the limit, and for a
/// number that does not fit: an integer past 64 bits would lose digits as a float.
pub fn parse_json(text: &str) -> Result<Value> {
    let mut parser = JsonText::new(text.as_bytes());
    let value = parser.value(MAX_NESTING).and_then(|value| parser.end().map(|()| value));
    value.map_err(|fault| Error::bad_input(format!("not valid JSON: {}", fault.message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_integers_and_floats_apart_and_refuses_what_would_lose_digits() {
        assert_eq!(
            parse_json("[1, 1.0, \"1\"]").unwrap(),
            Value::Array(vec![Value::Integer(1), Value::Float(1.0), Value::from("1")])
        );
        assert!(parse_json("18446744073709551615").is_err());
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert!(parse_json(&deep).is_err());
    }
}
