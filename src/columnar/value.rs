//! Between Arrow and values: cells as [`Value`]s, property types as Arrow fields, stored values as
//! Arrow arrays.
//!
//! Arrow has no type for a UUID or for a property that holds anything: both travel as text, and the
//! field's metadata ([`LOGICAL_TYPE`]) says what the text stands for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{
    Array, ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    FixedSizeListBuilder, Float32Builder, Float64Builder, Int64Builder, IntervalMonthDayNanoBuilder,
    ListBuilder, StringViewBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Field,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use uuid::Uuid;

use crate::model::{Decimal, Error, Interval, PropertyType, Result, Value, parse_json};
use crate::storage::ValueRef;

/// The metadata key of fields whose Arrow type does not say what they hold.
pub const LOGICAL_TYPE: &str = "aresadb.type";
/// Text that is JSON.
const JSON: &str = "json";
/// Text that is a UUID.
const UUID: &str = "uuid";

/// The time zone of stored timestamps.
pub const UTC: &str = "UTC";

/// The Arrow type of a property type.
#[must_use]
pub fn data_type_of(property_type: PropertyType) -> DataType {
    match property_type {
        PropertyType::Boolean => DataType::Boolean,
        PropertyType::Integer => DataType::Int64,
        PropertyType::Float => DataType::Float64,
        PropertyType::String | PropertyType::Uuid | PropertyType::Json => DataType::Utf8View,
        PropertyType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        PropertyType::Date => DataType::Date32,
        PropertyType::Time => DataType::Time64(TimeUnit::Microsecond),
        PropertyType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        PropertyType::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
        PropertyType::Bytes => DataType::Binary,
        PropertyType::Vector { dimension } => {
            let item = Arc::new(Field::new_list_field(DataType::Float32, false));
            match dimension.and_then(|n| i32::try_from(n).ok()) {
                Some(n) => DataType::FixedSizeList(item, n),
                None => DataType::List(item),
            }
        }
    }
}

/// The Arrow field of a column with a property's type.
#[must_use]
pub fn field_of(name: &str, property_type: PropertyType, nullable: bool) -> Field {
    let field = Field::new(name, data_type_of(property_type), nullable);
    let logical = match property_type {
        PropertyType::Json => JSON,
        PropertyType::Uuid => UUID,
        _ => return field,
    };
    field.with_metadata(HashMap::from([(LOGICAL_TYPE.to_owned(), logical.to_owned())]))
}

fn is_logical(field: &Field, logical: &str) -> bool {
    field.metadata().get(LOGICAL_TYPE).is_some_and(|t| t == logical)
}

/// Whether a column holds UUIDs as their text.
pub fn is_uuid(field: &Field) -> bool {
    is_logical(field, UUID)
}

/// What the values of a result's column are.
#[must_use]
pub fn property_type_of(field: &Field) -> PropertyType {
    if is_logical(field, JSON) {
        return PropertyType::Json;
    }
    if is_logical(field, UUID) {
        return PropertyType::Uuid;
    }
    property_type_of_data(field.data_type())
}

fn property_type_of_data(data_type: &DataType) -> PropertyType {
    match data_type {
        DataType::Boolean => PropertyType::Boolean,
        t if t.is_integer() => PropertyType::Integer,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => PropertyType::Float,
        DataType::Timestamp(..) => PropertyType::Timestamp,
        DataType::Date32 | DataType::Date64 => PropertyType::Date,
        DataType::Time32(_) | DataType::Time64(_) => PropertyType::Time,
        DataType::Interval(_) | DataType::Duration(_) => PropertyType::Interval,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => {
            PropertyType::Decimal { precision: *precision, scale: *scale }
        }
        DataType::Decimal256(_, scale) => PropertyType::Decimal { precision: 38, scale: *scale },
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            PropertyType::Bytes
        }
        DataType::FixedSizeList(item, n) if *item.data_type() == DataType::Float32 => {
            PropertyType::Vector { dimension: u32::try_from(*n).ok() }
        }
        DataType::List(item) if *item.data_type() == DataType::Float32 => {
            PropertyType::Vector { dimension: None }
        }
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Union(..) => PropertyType::Json,
        DataType::Dictionary(_, values) => property_type_of_data(values),
        DataType::RunEndEncoded(_, values) => property_type_of(values),
        _ => PropertyType::String,
    }
}

/// The value of a cell; [`Value::Null`] outside the array. Text that the field marks as JSON comes
/// back as what it says, text that it marks as a UUID as a UUID.
#[must_use]
pub fn value_at(array: &ArrayRef, field: &Field, row: usize) -> Value {
    let value = cell(array.as_ref(), row);
    match value {
        Value::String(text) if is_logical(field, JSON) => parse_json(&text).unwrap_or(Value::String(text)),
        Value::String(text) if is_logical(field, UUID) => {
            Uuid::parse_str(&text).map_or(Value::String(text), Value::Uuid)
        }
        other => other,
    }
}

fn cell(array: &dyn Array, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Integer(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Integer(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Value::Integer(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::Integer(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::Integer(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => {
            let n = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(n)
                .map_or_else(|_| Value::Decimal(Decimal { unscaled: n.into(), scale: 0 }), Value::Integer)
        }
        DataType::Float16 => Value::Float(array.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => Value::Float(widen(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::String(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::String(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::String(array.as_string_view().value(row).to_owned()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row).to_vec()),
        DataType::FixedSizeBinary(_) => Value::Bytes(array.as_fixed_size_binary().value(row).to_vec()),
        DataType::Decimal32(_, scale) => {
            decimal(array.as_primitive::<Decimal32Type>().value(row).into(), *scale)
        }
        DataType::Decimal64(_, scale) => {
            decimal(array.as_primitive::<Decimal64Type>().value(row).into(), *scale)
        }
        DataType::Decimal128(_, scale) => decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Timestamp(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_) => temporal_cell(array, row),
        DataType::Interval(_) | DataType::Duration(_) => interval_cell(array, row),
        _ => nested_cell(array, row),
    }
}

/// The shortest decimal that names the 32-bit float, so that 0.1 does not become 0.10000000149.
fn widen(f: f32) -> f64 {
    if f.is_finite() { f.to_string().parse().unwrap_or(f64::from(f)) } else { f64::from(f) }
}

fn decimal(unscaled: i128, scale: i8) -> Value {
    Value::Decimal(Decimal { unscaled, scale })
}

fn temporal_cell(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::Timestamp(unit, _) => Value::Timestamp(match unit {
            TimeUnit::Second => {
                array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000)
            }
            TimeUnit::Millisecond => {
                array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000)
            }
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
            TimeUnit::Nanosecond => {
                array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000)
            }
        }),
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Date64 => {
            let days = array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000);
            i32::try_from(days).map_or(Value::Null, Value::Date)
        }
        DataType::Time32(TimeUnit::Second) => {
            Value::Time(i64::from(array.as_primitive::<Time32SecondType>().value(row)) * 1_000_000)
        }
        DataType::Time32(_) => {
            Value::Time(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1_000)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            Value::Time(array.as_primitive::<Time64NanosecondType>().value(row) / 1_000)
        }
        _ => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
    }
}

fn interval_cell(array: &dyn Array, row: usize) -> Value {
    let micros = |micros| Value::Interval(Interval { months: 0, days: 0, micros });
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => Value::Interval(Interval {
            months: array.as_primitive::<IntervalYearMonthType>().value(row),
            ..Interval::default()
        }),
        DataType::Interval(IntervalUnit::DayTime) => {
            let i = array.as_primitive::<IntervalDayTimeType>().value(row);
            Value::Interval(Interval { months: 0, days: i.days, micros: i64::from(i.milliseconds) * 1_000 })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let i = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Value::Interval(Interval { months: i.months, days: i.days, micros: i.nanoseconds / 1_000 })
        }
        DataType::Duration(TimeUnit::Second) => {
            micros(array.as_primitive::<DurationSecondType>().value(row).saturating_mul(1_000_000))
        }
        DataType::Duration(TimeUnit::Millisecond) => {
            micros(array.as_primitive::<DurationMillisecondType>().value(row).saturating_mul(1_000))
        }
        DataType::Duration(TimeUnit::Nanosecond) => {
            micros(array.as_primitive::<DurationNanosecondType>().value(row) / 1_000)
        }
        _ => micros(array.as_primitive::<DurationMicrosecondType>().value(row)),
    }
}

fn nested_cell(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::List(item) => {
            let values = array.as_list::<i32>().value(row);
            if *item.data_type() == DataType::Float32 { vector(&values) } else { items(&values, item) }
        }
        DataType::FixedSizeList(item, _) => {
            let values = array.as_fixed_size_list().value(row);
            if *item.data_type() == DataType::Float32 { vector(&values) } else { items(&values, item) }
        }
        DataType::LargeList(item) => items(&array.as_list::<i64>().value(row), item),
        DataType::ListView(item) => items(&array.as_list_view::<i32>().value(row), item),
        DataType::LargeListView(item) => items(&array.as_list_view::<i64>().value(row), item),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let named = fields.iter().zip(columns).map(|(f, c)| (f.name().clone(), value_at(c, f, row)));
            Value::Object(named.collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (Some(keys), Some(values)) = (entries.columns().first(), entries.columns().get(1)) else {
                return Value::Object(BTreeMap::new());
            };
            let entry = |i| (cell(keys.as_ref(), i).to_text(), cell(values.as_ref(), i));
            Value::Object((0..entries.len()).map(entry).collect())
        }
        DataType::Union(..) => array.as_union_opt().map_or(Value::Null, |u| cell(u.value(row).as_ref(), 0)),
        DataType::Dictionary(..) => array.as_any_dictionary_opt().map_or(Value::Null, |dictionary| {
            dictionary
                .normalized_keys()
                .get(row)
                .map_or(Value::Null, |key| cell(dictionary.values().as_ref(), *key))
        }),
        _ => ArrayFormatter::try_new(array, &FormatOptions::new())
            .and_then(|f| f.value(row).try_to_string())
            .map_or(Value::Null, Value::String),
    }
}

fn items(values: &ArrayRef, field: &Field) -> Value {
    Value::Array((0..values.len()).map(|i| value_at(values, field, i)).collect())
}

fn vector(values: &ArrayRef) -> Value {
    Value::Vector(values.as_primitive::<Float32Type>().values().to_vec())
}

/// A value as a constant of a plan.
#[must_use]
pub fn scalar_of(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(b) => ScalarValue::Boolean(Some(*b)),
        Value::Integer(i) => ScalarValue::Int64(Some(*i)),
        Value::Float(f) => ScalarValue::Float64(Some(*f)),
        Value::String(text) => ScalarValue::Utf8View(Some(text.clone())),
        Value::Timestamp(us) => ScalarValue::TimestampMicrosecond(Some(*us), Some(UTC.into())),
        Value::Date(days) => ScalarValue::Date32(Some(*days)),
        Value::Time(us) => ScalarValue::Time64Microsecond(Some(*us)),
        Value::Interval(i) => ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(
            i.months,
            i.days,
            i.micros.saturating_mul(1_000),
        ))),
        Value::Decimal(d) => ScalarValue::Decimal128(Some(d.unscaled), 38, d.scale),
        Value::Bytes(bytes) => ScalarValue::Binary(Some(bytes.clone())),
        Value::Vector(v) => {
            let mut list = ListBuilder::new(Float32Builder::new())
                .with_field(Field::new_list_field(DataType::Float32, false));
            list.values().append_slice(v);
            list.append(true);
            ScalarValue::List(Arc::new(list.finish()))
        }
        Value::Uuid(_) | Value::Array(_) | Value::Object(_) => ScalarValue::Utf8View(Some(value.to_text())),
    }
}

/// Collects the stored values of one property into an Arrow array.
pub struct ColumnBuilder {
    property_type: PropertyType,
    kind: Kind,
    /// Of texts and the like since the last `finish`.
    bytes: usize,
}

enum Kind {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Text(StringViewBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Decimal(Decimal128Builder),
    Bytes(BinaryBuilder),
    Vector(ListBuilder<Float32Builder>),
    FixedVector(FixedSizeListBuilder<Float32Builder>, usize),
    Row(UInt64Builder),
}

impl ColumnBuilder {
    /// A builder for a column of a type, with room for `rows`.
    #[must_use]
    pub fn new(property_type: PropertyType, rows: usize) -> Self {
        let kind = match property_type {
            PropertyType::Boolean => Kind::Boolean(BooleanBuilder::with_capacity(rows)),
            PropertyType::Integer => Kind::Integer(Int64Builder::with_capacity(rows)),
            PropertyType::Float => Kind::Float(Float64Builder::with_capacity(rows)),
            PropertyType::String | PropertyType::Uuid | PropertyType::Json => {
                Kind::Text(StringViewBuilder::with_capacity(rows))
            }
            PropertyType::Timestamp => {
                Kind::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone(UTC))
            }
            PropertyType::Date => Kind::Date(Date32Builder::with_capacity(rows)),
            PropertyType::Time => Kind::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            PropertyType::Interval => Kind::Interval(IntervalMonthDayNanoBuilder::with_capacity(rows)),
            PropertyType::Decimal { .. } => Kind::Decimal(
                Decimal128Builder::with_capacity(rows).with_data_type(data_type_of(property_type)),
            ),
            PropertyType::Bytes => Kind::Bytes(BinaryBuilder::new()),
            PropertyType::Vector { dimension } => {
                let item = Arc::new(Field::new_list_field(DataType::Float32, false));
                match dimension.and_then(|n| i32::try_from(n).ok()) {
                    Some(n) => Kind::FixedVector(
                        FixedSizeListBuilder::new(Float32Builder::new(), n).with_field(item),
                        n.as_usize(),
                    ),
                    None => Kind::Vector(ListBuilder::new(Float32Builder::new()).with_field(item)),
                }
            }
        };
        Self { property_type, kind, bytes: 0 }
    }

    /// A builder for row handles.
    #[must_use]
    pub fn rows(rows: usize) -> Self {
        let kind = Kind::Row(UInt64Builder::with_capacity(rows));
        Self { property_type: PropertyType::Integer, kind, bytes: 0 }
    }

    /// Bytes of texts, binaries and vectors that were appended.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a row handle; only for a builder made by [`ColumnBuilder::rows`].
    pub fn push_row(&mut self, row: u64) {
        if let Kind::Row(builder) = &mut self.kind {
            builder.append_value(row);
        }
    }

    /// Appends a UUID as text.
    pub fn push_uuid(&mut self, id: Uuid) {
        if let Kind::Text(builder) = &mut self.kind {
            let mut buffer = Uuid::encode_buffer();
            builder.append_value(id.hyphenated().encode_lower(&mut buffer));
            self.bytes += uuid::fmt::Hyphenated::LENGTH;
        }
    }

    /// Appends a stored value.
    ///
    /// # Errors
    /// `Internal` when the value is not of the column's type: what is stored was admitted by it.
    pub fn push(&mut self, value: &ValueRef<'_>) -> Result<()> {
        if self.property_type == PropertyType::Json {
            self.push_json(value);
            return Ok(());
        }
        self.bytes += match value {
            ValueRef::String(text) => text.len(),
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Other(Value::Vector(vector)) => size_of_val(vector.as_slice()),
            _ => 0,
        };
        match (&mut self.kind, value) {
            (_, ValueRef::Null) => self.push_null(),
            (Kind::Boolean(b), ValueRef::Bool(v)) => b.append_value(*v),
            (Kind::Integer(b), ValueRef::Integer(v)) => b.append_value(*v),
            (Kind::Float(b), ValueRef::Float(v)) => b.append_value(*v),
            // Stored before the property was widened, which is done only where it is exact.
            #[allow(clippy::cast_precision_loss)]
            (Kind::Float(b), ValueRef::Integer(v)) => b.append_value(*v as f64),
            (Kind::Text(b), ValueRef::String(v)) => b.append_value(v),
            (Kind::Text(_), ValueRef::Uuid(v)) => self.push_uuid(*v),
            (Kind::Timestamp(b), ValueRef::Timestamp(v)) => b.append_value(*v),
            (Kind::Date(b), ValueRef::Date(v)) => b.append_value(*v),
            (Kind::Time(b), ValueRef::Time(v)) => b.append_value(*v),
            (Kind::Interval(b), ValueRef::Interval(v)) => {
                b.append_value(IntervalMonthDayNano::new(v.months, v.days, v.micros.saturating_mul(1_000)));
            }
            (Kind::Decimal(b), ValueRef::Decimal(v)) => b.append_value(v.unscaled),
            (Kind::Bytes(b), ValueRef::Bytes(v)) => b.append_value(v),
            (Kind::Vector(b), ValueRef::Other(Value::Vector(v))) => {
                b.values().append_slice(v);
                b.append(true);
            }
            (Kind::FixedVector(b, n), ValueRef::Other(Value::Vector(v))) if v.len() == *n => {
                b.values().append_slice(v);
                b.append(true);
            }
            (_, other) => {
                return Err(Error::internal(format!(
                    "a {} column holds {}",
                    self.property_type,
                    other
                        .clone()
                        .to_value()
                        .property_type()
                        .map_or_else(|| "NULL".to_owned(), |t| t.to_string())
                )));
            }
        }
        Ok(())
    }

    fn push_json(&mut self, value: &ValueRef<'_>) {
        if let Kind::Text(builder) = &mut self.kind {
            match value {
                ValueRef::Null => builder.append_null(),
                other => {
                    let text = other.clone().to_value().to_json().to_string();
                    self.bytes += text.len();
                    builder.append_value(text);
                }
            }
        }
    }

    fn push_null(&mut self) {
        match &mut self.kind {
            Kind::Boolean(b) => b.append_null(),
            Kind::Integer(b) => b.append_null(),
            Kind::Float(b) => b.append_null(),
            Kind::Text(b) => b.append_null(),
            Kind::Timestamp(b) => b.append_null(),
            Kind::Date(b) => b.append_null(),
            Kind::Time(b) => b.append_null(),
            Kind::Interval(b) => b.append_null(),
            Kind::Decimal(b) => b.append_null(),
            Kind::Bytes(b) => b.append_null(),
            Kind::Vector(b) => b.append_null(),
            Kind::FixedVector(b, n) => {
                for _ in 0..*n {
                    b.values().append_value(0.0);
                }
                b.append(false);
            }
            Kind::Row(b) => b.append_null(),
        }
    }

    /// The array of what was appended; the builder is empty afterwards.
    pub fn finish(&mut self) -> ArrayRef {
        self.bytes = 0;
        match &mut self.kind {
            Kind::Boolean(b) => ArrayBuilder::finish(b),
            Kind::Integer(b) => ArrayBuilder::finish(b),
            Kind::Float(b) => ArrayBuilder::finish(b),
            Kind::Text(b) => ArrayBuilder::finish(b),
            Kind::Timestamp(b) => ArrayBuilder::finish(b),
            Kind::Date(b) => ArrayBuilder::finish(b),
            Kind::Time(b) => ArrayBuilder::finish(b),
            Kind::Interval(b) => ArrayBuilder::finish(b),
            Kind::Decimal(b) => ArrayBuilder::finish(b),
            Kind::Bytes(b) => ArrayBuilder::finish(b),
            Kind::Vector(b) => ArrayBuilder::finish(b),
            Kind::FixedVector(b, _) => ArrayBuilder::finish(b),
            Kind::Row(b) => ArrayBuilder::finish(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn round_trip(property_type: PropertyType, values: &[Value]) {
        let mut builder = ColumnBuilder::new(property_type, values.len());
        for value in values {
            let stored = match value.clone() {
                Value::Null => ValueRef::Null,
                Value::Bool(v) => ValueRef::Bool(v),
                Value::Integer(v) => ValueRef::Integer(v),
                Value::Float(v) => ValueRef::Float(v),
                Value::String(v) => ValueRef::String(Cow::Owned(v)),
                Value::Bytes(v) => ValueRef::Bytes(Cow::Owned(v)),
                Value::Timestamp(v) => ValueRef::Timestamp(v),
                Value::Date(v) => ValueRef::Date(v),
                Value::Time(v) => ValueRef::Time(v),
                Value::Interval(v) => ValueRef::Interval(v),
                Value::Decimal(v) => ValueRef::Decimal(v),
                Value::Uuid(v) => ValueRef::Uuid(v),
                other => ValueRef::Other(other),
            };
            builder.push(&stored).unwrap();
        }
        let array = builder.finish();
        let field = field_of("c", property_type, true);
        assert_eq!(array.data_type(), field.data_type());
        assert_eq!(property_type_of(&field), property_type);
        let read: Vec<Value> = (0..values.len()).map(|row| value_at(&array, &field, row)).collect();
        assert_eq!(read, values);
        assert_eq!(value_at(&array, &field, values.len()), Value::Null);
    }

    #[test]
    fn every_property_type_comes_back_from_arrow_as_it_went_in() {
        let null = Value::Null;
        round_trip(PropertyType::Boolean, &[Value::Bool(true), null.clone(), Value::Bool(false)]);
        round_trip(
            PropertyType::Integer,
            &[Value::Integer(i64::MIN), null.clone(), Value::Integer(i64::MAX)],
        );
        round_trip(PropertyType::Float, &[Value::Float(0.1), null.clone()]);
        round_trip(
            PropertyType::String,
            &[Value::from(""), null.clone(), Value::from("longer than twelve é")],
        );
        round_trip(PropertyType::Timestamp, &[Value::Timestamp(-1), null.clone(), Value::Timestamp(1 << 60)]);
        round_trip(PropertyType::Date, &[Value::Date(-700_000), null.clone()]);
        round_trip(PropertyType::Time, &[Value::Time(86_399_999_999), null.clone()]);
        let interval = Interval { months: -1, days: 2, micros: 3 };
        round_trip(PropertyType::Interval, &[Value::Interval(interval), null.clone()]);
        let decimal = PropertyType::Decimal { precision: 10, scale: 2 };
        round_trip(decimal, &[Value::Decimal(Decimal { unscaled: -12345, scale: 2 }), null.clone()]);
        round_trip(PropertyType::Uuid, &[Value::Uuid(Uuid::from_u128(7)), null.clone()]);
        round_trip(PropertyType::Bytes, &[Value::Bytes(vec![0, 255]), null.clone(), Value::Bytes(vec![])]);
        round_trip(
            PropertyType::Vector { dimension: Some(2) },
            &[Value::Vector(vec![0.5, 1.0]), null.clone()],
        );
        round_trip(PropertyType::Vector { dimension: None }, &[Value::Vector(vec![0.5]), null.clone()]);
    }

    #[test]
    fn json_columns_hold_anything() {
        let object = Value::Object(BTreeMap::from([("a".to_owned(), Value::Array(vec![Value::Null]))]));
        round_trip(
            PropertyType::Json,
            &[
                object,
                Value::Integer(1),
                Value::from("\"text\""),
                Value::Null,
                Value::Float(1.0),
                Value::Bool(true),
            ],
        );
    }

    #[test]
    fn a_widened_column_reads_the_integers_stored_before() {
        let mut builder = ColumnBuilder::new(PropertyType::Float, 1);
        builder.push(&ValueRef::Integer(3)).unwrap();
        assert_eq!(cell(builder.finish().as_ref(), 0), Value::Float(3.0));
        assert!(builder.push(&ValueRef::Bool(true)).is_err());
    }

    #[test]
    fn unsigned_numbers_past_63_bits_keep_their_digits() {
        let array: ArrayRef = Arc::new(arrow::array::UInt64Array::from(vec![5, u64::MAX]));
        assert_eq!(cell(array.as_ref(), 0), Value::Integer(5));
        assert_eq!(cell(array.as_ref(), 1).to_text(), u64::MAX.to_string());
    }
}
