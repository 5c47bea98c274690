//! A property's value.
//!
//! Every variant exists from the first record on: the archived form of an enum cannot grow in
//! place, so the set is wider than what the first release can do with it.
//!
//! Invariant: nesting is at most [`MAX_NESTING`] deep. It is checked wherever a value enters the
//! system ([`Value::check_nesting`]), never later, so that recursion over a stored value is bounded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Error, PropertyType, Result};

/// The deepest nesting of arrays and objects that a value may have.
pub const MAX_NESTING: usize = 64;

/// A value of a property: a scalar, or arrays and objects of values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Value {
    /// The absence of a value; distinct from an empty string.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Integer(i64),
    /// A 64-bit IEEE 754 number.
    Float(f64),
    /// UTF-8 text.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by name.
    Object(BTreeMap<String, Value>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// A span in calendar units.
    Interval(Interval),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A UUID of any version.
    Uuid(Uuid),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// An embedding.
    Vector(Vec<f32>),
}

/// A span of time in the three units that do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// Calendar months.
    pub months: i32,
    /// Days, which daylight saving can make 23 or 25 hours long.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// An exact decimal: `unscaled * 10^-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Decimal {
    /// The number without its decimal point.
    pub unscaled: i128,
    /// How many digits stand behind the point.
    pub scale: i8,
}

impl Value {
    /// The type a property gets when this is its first value; `None` for [`Value::Null`].
    #[must_use]
    pub fn property_type(&self) -> Option<PropertyType> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(_) => PropertyType::Boolean,
            Value::Integer(_) => PropertyType::Integer,
            Value::Float(_) => PropertyType::Float,
            Value::String(_) => PropertyType::String,
            Value::Array(_) | Value::Object(_) => PropertyType::Json,
            Value::Timestamp(_) => PropertyType::Timestamp,
            Value::Date(_) => PropertyType::Date,
            Value::Time(_) => PropertyType::Time,
            Value::Interval(_) => PropertyType::Interval,
            Value::Decimal(d) => PropertyType::Decimal { precision: 38, scale: d.scale },
            Value::Uuid(_) => PropertyType::Uuid,
            Value::Bytes(_) => PropertyType::Bytes,
            Value::Vector(v) => PropertyType::Vector { dimension: u32::try_from(v.len()).ok() },
        })
    }

    /// Whether this is [`Value::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a [`Value::String`].
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Checks the nesting limit.
    ///
    /// # Errors
    /// `BadInput` when arrays and objects are nested deeper than [`MAX_NESTING`].
    pub fn check_nesting(&self) -> Result<()> {
        if self.nested_within(MAX_NESTING) {
            Ok(())
        } else {
            Err(Error::bad_input(format!("a value is nested deeper than {MAX_NESTING} levels"))
                .with_hint("store deep documents as text, or split them into nodes and edges"))
        }
    }

    fn nested_within(&self, levels: usize) -> bool {
        match self {
            Value::Array(items) => levels > 0 && items.iter().all(|v| v.nested_within(levels - 1)),
            Value::Object(fields) => levels > 0 && fields.values().all(|v| v.nested_within(levels - 1)),
            _ => true,
        }
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident),* $(,)?) => {$(
        impl From<$source> for Value {
            fn from(value: $source) -> Self { Value::$variant(value.into()) }
        }
    )*};
}
from!(bool => Bool, i64 => Integer, i32 => Integer, u32 => Integer, f64 => Float, &str => String, String => String, Uuid => Uuid, Vec<Value> => Array, BTreeMap<String, Value> => Object);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Integer(1), |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn nesting_is_capped_at_the_limit_exactly() {
        assert!(nested(MAX_NESTING).check_nesting().is_ok());
        assert!(nested(MAX_NESTING + 1).check_nesting().is_err());
    }
}
