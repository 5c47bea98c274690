//! What is known of a column of a chunk without looking at its cells.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::compute::{max, max_string_view, min, min_string_view};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use xxhash_rust::xxh3::xxh3_64;

use super::keys::each_key;
use super::sketch::{REGISTERS, Sketch};

/// Longer texts are no bounds of a chunk.
const BOUND_BYTES_MAX: usize = 64;

/// What is known of a column of a chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Cells.
    pub rows: u64,
    /// Cells that are NULL.
    pub nulls: u64,
    /// The lowest and the highest value, where conditions can use them; NULL does not count.
    pub bounds: Option<Bounds>,
    /// How many different values there are, where that can be counted; NULL does not count.
    pub distinct: Option<Sketch>,
}

/// The lowest and the highest value of a column.
pub type Bounds = (ScalarValue, ScalarValue);

impl Known {
    /// What is to be known of an array.
    pub(super) fn of(array: &ArrayRef) -> Self {
        let mut sketch = Sketch::default();
        let counted = each_key(array, &mut |key| sketch.add(xxh3_64(key)));
        Self {
            rows: array.len() as u64,
            nulls: array.null_count() as u64,
            bounds: bounds(array),
            distinct: counted.then_some(sketch),
        }
    }

    /// As it is kept on the disk, numbers little-endian: rows and NULLs in 4 bytes each; 1 and the sketch's registers,
    /// or 0; then the lowest and the highest value, each behind its length in a byte, or nothing.
    pub(super) fn encode(&self) -> Vec<u8> {
        let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = [number(self.rows), number(self.nulls)].concat();
        match &self.distinct {
            Some(sketch) => {
                bytes.push(1);
                bytes.extend(sketch.as_bytes());
            }
            None => bytes.push(0),
        }
        bytes.extend(self.bounds.as_ref().map(encode_bounds).unwrap_or_default());
        bytes
    }

    /// What [`Known::encode`] gave of a column of a type; nothing where it is anything else.
    pub(super) fn decode(bytes: &[u8], data_type: &DataType) -> Option<Self> {
        let (rows, rest) = bytes.split_first_chunk()?;
        let (nulls, rest) = rest.split_first_chunk()?;
        let (rows, nulls) = (u32::from_le_bytes(*rows).into(), u32::from_le_bytes(*nulls).into());
        let (counted, rest) = rest.split_first()?;
        let (distinct, rest) = match counted {
            0 => (None, rest),
            _ => {
                let (registers, rest) = rest.split_at_checked(REGISTERS)?;
                (Some(Sketch::from_bytes(registers)?), rest)
            }
        };
        let bounds = if rest.is_empty() { None } else { Some(decode_bounds(rest, data_type)?) };
        Some(Self { rows, nulls, bounds, distinct })
    }
}

/// The lowest and the highest value of an array; nothing where it has none, or none that conditions can use.
fn bounds(array: &ArrayRef) -> Option<Bounds> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<(T::Native, T::Native)> {
        let values = array.as_primitive_opt::<T>()?;
        min(values).zip(max(values))
    }
    match array.data_type() {
        DataType::Int64 => {
            let (low, high) = of::<Int64Type>(array)?;
            Some((ScalarValue::Int64(Some(low)), ScalarValue::Int64(Some(high))))
        }
        DataType::Float64 => {
            let values = array.as_primitive_opt::<Float64Type>()?;
            // What NaN is compared with is a matter of the operator.
            if values.values().iter().any(|value| value.is_nan()) {
                return None;
            }
            let (low, high) = of::<Float64Type>(array)?;
            Some((ScalarValue::Float64(Some(low)), ScalarValue::Float64(Some(high))))
        }
        DataType::Date32 => {
            let (low, high) = of::<Date32Type>(array)?;
            Some((ScalarValue::Date32(Some(low)), ScalarValue::Date32(Some(high))))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let (low, high) = of::<Time64MicrosecondType>(array)?;
            Some((ScalarValue::Time64Microsecond(Some(low)), ScalarValue::Time64Microsecond(Some(high))))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let (low, high) = of::<TimestampMicrosecondType>(array)?;
            let scalar = |value| ScalarValue::TimestampMicrosecond(Some(value), zone.clone());
            Some((scalar(low), scalar(high)))
        }
        DataType::Decimal128(precision, scale) => {
            let (low, high) = of::<Decimal128Type>(array)?;
            let scalar = |value| ScalarValue::Decimal128(Some(value), *precision, *scale);
            Some((scalar(low), scalar(high)))
        }
        DataType::Utf8View => {
            let values = array.as_string_view_opt()?;
            let (low, high) = min_string_view(values).zip(max_string_view(values))?;
            let short = low.len().max(high.len()) <= BOUND_BYTES_MAX;
            let scalar = |text: &str| ScalarValue::Utf8View(Some(text.to_owned()));
            short.then(|| (scalar(low), scalar(high)))
        }
        _ => None,
    }
}

/// The lowest, then the highest value: the length of each in a byte, then its bytes, numbers little-endian.
fn encode_bounds((low, high): &Bounds) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in [low, high] {
        let value = match value {
            ScalarValue::Int64(Some(v))
            | ScalarValue::Time64Microsecond(Some(v))
            | ScalarValue::TimestampMicrosecond(Some(v), _) => v.to_le_bytes().to_vec(),
            ScalarValue::Float64(Some(v)) => v.to_le_bytes().to_vec(),
            ScalarValue::Date32(Some(v)) => v.to_le_bytes().to_vec(),
            ScalarValue::Decimal128(Some(v), ..) => v.to_le_bytes().to_vec(),
            ScalarValue::Utf8View(Some(v)) => v.as_bytes().to_vec(),
            _ => return Vec::new(),
        };
        let Ok(length) = u8::try_from(value.len()) else { return Vec::new() };
        bytes.push(length);
        bytes.extend(value);
    }
    bytes
}

/// The bounds of a column of a type; nothing where there are none.
fn decode_bounds(bytes: &[u8], data_type: &DataType) -> Option<Bounds> {
    let one = |bytes: &[u8]| -> Option<ScalarValue> {
        Some(match data_type {
            DataType::Int64 => ScalarValue::Int64(Some(i64::from_le_bytes(bytes.try_into().ok()?))),
            DataType::Float64 => ScalarValue::Float64(Some(f64::from_le_bytes(bytes.try_into().ok()?))),
            DataType::Date32 => ScalarValue::Date32(Some(i32::from_le_bytes(bytes.try_into().ok()?))),
            DataType::Time64(TimeUnit::Microsecond) => {
                ScalarValue::Time64Microsecond(Some(i64::from_le_bytes(bytes.try_into().ok()?)))
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let value = i64::from_le_bytes(bytes.try_into().ok()?);
                ScalarValue::TimestampMicrosecond(Some(value), zone.clone())
            }
            DataType::Decimal128(precision, scale) => {
                let value = i128::from_le_bytes(bytes.try_into().ok()?);
                ScalarValue::Decimal128(Some(value), *precision, *scale)
            }
            DataType::Utf8View if bytes.len() <= BOUND_BYTES_MAX => {
                ScalarValue::Utf8View(Some(std::str::from_utf8(bytes).ok()?.to_owned()))
            }
            _ => return None,
        })
    };
    let (length, rest) = bytes.split_first()?;
    let (low, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, high) = rest.split_first()?;
    (high.len() == usize::from(*length)).then_some(())?;
    one(low).zip(one(high))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;
    use crate::columnar::scalar_of;
    use crate::model::{Decimal, PropertyType, Value};

    #[test]
    fn what_is_known_comes_back_as_it_was() {
        let numbers: ArrayRef =
            Arc::new((0..5000).map(|i| (i % 5 != 0).then_some(i % 70)).collect::<Int64Array>());
        let texts: ArrayRef =
            Arc::new((0..100).map(|i| Some(format!("{i:0>80}"))).collect::<StringViewArray>());
        let nothing: ArrayRef = Arc::new(StringViewArray::new_null(3));
        for array in [numbers, texts, nothing] {
            let known = Known::of(&array);
            let bytes = known.encode();
            assert_eq!(Known::decode(&bytes, array.data_type()), Some(known));
            for length in 0..bytes.len() {
                let cut = Known::decode(&bytes[..length], array.data_type());
                assert!(cut.is_none_or(|cut| cut.bounds.is_none()), "cut to {length}");
            }
        }
    }

    #[test]
    fn bounds_come_back_as_they_were() {
        for (low, high, of) in [
            (Value::Integer(-3), Value::Integer(i64::MAX), PropertyType::Integer),
            (Value::Float(-0.5), Value::Float(1e300), PropertyType::Float),
            (Value::Date(-1), Value::Date(9), PropertyType::Date),
            (Value::Time(0), Value::Time(9), PropertyType::Time),
            (Value::Timestamp(-5), Value::Timestamp(5), PropertyType::Timestamp),
            (Value::from(""), Value::from("äb"), PropertyType::String),
        ] {
            let bounds = (scalar_of(&low), scalar_of(&high));
            let data_type = crate::columnar::data_type_of(of);
            let bytes = encode_bounds(&bounds);
            assert_eq!(decode_bounds(&bytes, &data_type), Some(bounds));
            for length in 0..bytes.len() {
                assert_eq!(decode_bounds(&bytes[..length], &data_type), None);
            }
        }
        let decimal = scalar_of(&Value::Decimal(Decimal { unscaled: -7, scale: 2 }));
        let bounds = (decimal.clone(), decimal);
        assert_eq!(decode_bounds(&encode_bounds(&bounds), &DataType::Decimal128(38, 2)), Some(bounds));
        assert_eq!(decode_bounds(&[], &DataType::Int64), None);
    }
}
