//! Values as JSON: how properties are given on the command line and in JSON files, and shown.
//!
//! JSON has fewer types than [`Value`]: dates and the like are written as their text, bytes as
//! base64, decimals as text (a JSON number would lose digits in many readers), floats that are not
//! finite as text. Reading gives text back as text; a declared property type converts it.

use serde_json::{Map, Number, Value as Json};

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

/// A JSON value as a [`Value`]. Numbers without fraction or exponent that fit 64 bits are integers.
///
/// # Errors
/// `BadInput` for nesting past the limit, and for an integer past 64 bits, which would lose digits.
pub fn value_from_json(json: &Json) -> Result<Value> {
    fn convert(json: &Json, levels: usize) -> Result<Value> {
        Ok(match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(i), _) => Value::Integer(i),
                (None, _) if n.is_u64() => {
                    return Err(Error::bad_input(format!("{n} does not fit a 64-bit integer"))
                        .with_hint("write it as text, or with a fraction to make it a float"));
                }
                (None, Some(f)) => Value::Float(f),
                (None, None) => {
                    return Err(Error::bad_input(format!("{n} is not a number that can be stored")));
                }
            },
            Json::String(s) => Value::String(s.clone()),
            Json::Array(_) | Json::Object(_) if levels == 0 => {
                return Err(Error::bad_input(format!("a value is nested deeper than {MAX_NESTING} levels")));
            }
            Json::Array(items) => {
                Value::Array(items.iter().map(|v| convert(v, levels - 1)).collect::<Result<_>>()?)
            }
            Json::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(k, v)| Ok((k.clone(), convert(v, levels - 1)?)))
                    .collect::<Result<_>>()?,
            ),
        })
    }
    convert(json, MAX_NESTING)
}

/// Reads JSON text.
///
/// # Errors
/// `BadInput` with the reason and place for text that is not JSON, and as [`value_from_json`].
pub fn parse_json(text: &str) -> Result<Value> {
    let json: Json =
        serde_json::from_str(text).map_err(|e| Error::bad_input(format!("not valid JSON: {e}")))?;
    value_from_json(&json)
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
