//! Cells as bytes to be hashed.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt64Type,
};
use datafusion::common::ScalarValue;

/// Visits the bytes of an array's cells, which are equal where the cells are; NULL is left out. Whether it can:
/// cells that are equal in more ways than one, as floats are, have no such bytes.
pub(super) fn each_key(array: &ArrayRef, visit: &mut dyn FnMut(&[u8])) -> bool {
    macro_rules! numbers {
        ($type:ty) => {
            match array.as_primitive_opt::<$type>() {
                Some(values) => values.iter().flatten().for_each(|value| visit(&value.to_le_bytes())),
                None => return false,
            }
        };
    }
    match array.data_type() {
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Date32 => numbers!(Date32Type),
        DataType::Time64(TimeUnit::Microsecond) => numbers!(Time64MicrosecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => numbers!(TimestampMicrosecondType),
        DataType::Decimal128(..) => numbers!(Decimal128Type),
        DataType::Utf8View => match array.as_string_view_opt() {
            Some(values) => values.iter().flatten().for_each(|value| visit(value.as_bytes())),
            None => return false,
        },
        DataType::FixedSizeBinary(_) => match array.as_fixed_size_binary_opt() {
            Some(values) => values.iter().flatten().for_each(visit),
            None => return false,
        },
        _ => return false,
    }
    true
}

/// The bytes of a value as a cell of a type has them; nothing for NULL and for a value of another type.
pub(super) fn key_of(value: &ScalarValue, data_type: &DataType) -> Option<Vec<u8>> {
    if value.data_type() != *data_type {
        return None;
    }
    let mut key = None;
    each_key(&value.to_array().ok()?, &mut |bytes| key = Some(bytes.to_vec()));
    key
}
