//! Keys of index entries: bytes whose `memcmp` order is the order of the values.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | type id, big-endian |
//! | 2 | the index's number in the type, big-endian |
//! | n | each value in turn, as below |
//! | 8 | the row handle, big-endian; left out in a unique index where no value is NULL |
//!
//! | value | bytes |
//! |---|---|
//! | NULL | `ff`: behind all others, as `ORDER BY` puts it |
//! | any other | `01`, then |
//! | boolean | 0 or 1 |
//! | integer, timestamp, time | 8, big-endian, the sign bit flipped |
//! | date | 4, likewise |
//! | float | 8: bits flipped so that they sort as numbers; `-0` is `0`, NaN stands behind infinity |
//! | decimal | 16, big-endian, the sign bit flipped; the scale is the property's |
//! | interval | 16, its length in microseconds (a month has 30 days, as comparison counts), the sign bit flipped |
//! | UUID | 16 |
//! | text, bytes | the bytes, `00` as `00 ff`; then `00 00` |
//!
//! The value of an entry is the row handle. Equal values have equal bytes, so a unique key is one key
//! of the table. Must never: encode a value of a property that is not indexable.

use std::ops::Bound;

use crate::model::{Error, Interval, Result, RowId, TypeId, Value};

/// The longest key: B-tree pages stay well filled, and a key is never a document.
const MAX_KEY_BYTES: usize = 8 << 10;

const NULL: u8 = 0xff;
const PRESENT: u8 = 0x01;

/// The key of an index under way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexKey {
    bytes: Vec<u8>,
    has_null: bool,
}

impl IndexKey {
    /// What all keys of an index begin with.
    pub(crate) fn new(type_id: TypeId, number: u16) -> Self {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(&type_id.0.to_be_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        Self { bytes, has_null: false }
    }

    /// Adds a value.
    ///
    /// # Errors
    /// `Constraint` when the key gets too long; `Internal` for a value that has no order.
    pub(crate) fn push(&mut self, value: &Value) -> Result<()> {
        let out = &mut self.bytes;
        if value.is_null() {
            self.has_null = true;
            out.push(NULL);
            return Ok(());
        }
        out.push(PRESENT);
        match value {
            Value::Bool(b) => out.push(u8::from(*b)),
            Value::Integer(i) | Value::Timestamp(i) | Value::Time(i) => {
                out.extend_from_slice(&(*i ^ i64::MIN).to_be_bytes());
            }
            Value::Date(days) => out.extend_from_slice(&(*days ^ i32::MIN).to_be_bytes()),
            Value::Float(f) => out.extend_from_slice(&float_bits(*f).to_be_bytes()),
            Value::Decimal(d) => out.extend_from_slice(&(d.unscaled ^ i128::MIN).to_be_bytes()),
            Value::Interval(i) => out.extend_from_slice(&(interval_length(*i) ^ i128::MIN).to_be_bytes()),
            Value::Uuid(u) => out.extend_from_slice(u.as_bytes()),
            Value::String(text) => push_bytes(out, text.as_bytes()),
            Value::Bytes(bytes) => push_bytes(out, bytes),
            Value::Null | Value::Array(_) | Value::Object(_) | Value::Vector(_) => {
                return Err(Error::internal("a value without an order came to an index"));
            }
        }
        if out.len() > MAX_KEY_BYTES {
            return Err(Error::constraint(format!("an indexed value is longer than {MAX_KEY_BYTES} bytes"))
                .with_hint("drop the index, or store long text in a property that is not indexed"));
        }
        Ok(())
    }

    /// Whether some value is NULL.
    pub(crate) fn has_null(&self) -> bool {
        self.has_null
    }

    /// The bytes that all entries with these values begin with.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.bytes
    }

    /// The key of a row's entry.
    pub(crate) fn of_row(mut self, unique: bool, row: RowId) -> Vec<u8> {
        if !unique || self.has_null {
            self.bytes.extend_from_slice(&row.to_bytes());
        }
        self.bytes
    }
}

/// A stretch of an index: entries whose first values equal some, and whose next one lies between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRange {
    start: Vec<u8>,
    /// One past the last key; `None`: all behind.
    end: Option<Vec<u8>>,
}

impl IndexRange {
    /// The entries of an index whose first values are `equal`; NULL equals NULL here.
    ///
    /// # Errors
    /// `Constraint` for values too long to be in an index.
    pub fn equal(type_id: TypeId, number: u16, equal: &[Value]) -> Result<Self> {
        let start = beginning(type_id, number, equal)?;
        Ok(Self { end: behind(&start), start })
    }

    /// The entries whose next value lies between two, both included; those with NULL there are not.
    ///
    /// # Errors
    /// As [`IndexRange::equal`].
    pub fn between(
        type_id: TypeId,
        number: u16,
        equal: &[Value],
        low: Option<&Value>,
        high: Option<&Value>,
    ) -> Result<Self> {
        let bound = |value: Option<&Value>, tag: u8| -> Result<Vec<u8>> {
            let mut key = beginning_key(type_id, number, equal)?;
            match value {
                Some(value) => key.push(value)?,
                None => key.bytes.push(tag),
            }
            Ok(key.bytes)
        };
        let start = bound(low, PRESENT)?;
        let end = match high {
            Some(_) => behind(&bound(high, PRESENT)?),
            None => Some(bound(None, NULL)?),
        };
        Ok(Self { start, end })
    }

    /// The entries whose next value is a text with this beginning.
    ///
    /// # Errors
    /// As [`IndexRange::equal`].
    pub fn starting_with(type_id: TypeId, number: u16, equal: &[Value], text: &str) -> Result<Self> {
        let mut key = beginning_key(type_id, number, equal)?;
        key.push(&Value::from(text))?;
        let mut start = key.bytes;
        // Without the end of the text.
        start.truncate(start.len().saturating_sub(2));
        Ok(Self { end: behind(&start), start })
    }

    pub(super) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (Bound::Included(&self.start), self.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded))
    }
}

fn beginning_key(type_id: TypeId, number: u16, equal: &[Value]) -> Result<IndexKey> {
    let mut key = IndexKey::new(type_id, number);
    equal.iter().try_for_each(|value| key.push(value))?;
    Ok(key)
}

fn beginning(type_id: TypeId, number: u16, equal: &[Value]) -> Result<Vec<u8>> {
    beginning_key(type_id, number, equal).map(|key| key.bytes)
}

/// The lowest key behind all that begin with `prefix`; `None` where there is none.
pub(crate) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut key = prefix.get(..=last)?.to_vec();
    if let Some(byte) = key.last_mut() {
        *byte += 1;
    }
    Some(key)
}

/// The type and the index a key belongs to.
pub(crate) fn owner(key: &[u8]) -> Option<(TypeId, u16)> {
    let (type_id, rest) = key.split_first_chunk::<4>()?;
    let (number, _) = rest.split_first_chunk::<2>()?;
    Some((TypeId(u32::from_be_bytes(*type_id)), u16::from_be_bytes(*number)))
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn float_bits(value: f64) -> u64 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    let bits = value.to_bits();
    // The canonical NaN is positive: behind infinity.
    let bits = if value.is_nan() { bits & !(1 << 63) } else { bits };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn interval_length(interval: Interval) -> i128 {
    const DAY_MICROS: i128 = 86_400_000_000;
    (i128::from(interval.months) * 30 + i128::from(interval.days)) * DAY_MICROS + i128::from(interval.micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Decimal;

    fn key(value: &Value) -> Vec<u8> {
        let mut key = IndexKey::new(TypeId(1), 2);
        key.push(value).unwrap();
        key.prefix().to_vec()
    }

    fn ascending(values: &[Value]) {
        for pair in values.windows(2) {
            assert!(key(&pair[0]) < key(&pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn keys_sort_as_their_values() {
        ascending(&[i64::MIN, -2, -1, 0, 1, i64::MAX].map(Value::Integer));
        let floats = [f64::NEG_INFINITY, -1.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 1.0, f64::INFINITY, f64::NAN];
        ascending(&floats.map(Value::Float));
        assert_eq!(key(&Value::Float(-0.0)), key(&Value::Float(0.0)));
        assert_eq!(key(&Value::Float(-f64::NAN)), key(&Value::Float(f64::NAN)));
        ascending(&["", "\0", "\0\0", "\0a", "a", "a\0", "a\u{1}", "aa", "b", "é"].map(Value::from));
        ascending(&[i32::MIN, -1, 0, i32::MAX].map(Value::Date));
        ascending(
            &[-10i128.pow(30), -1, 0, 7].map(|unscaled| Value::Decimal(Decimal { unscaled, scale: 2 })),
        );
        ascending(&[Value::Bool(false), Value::Bool(true), Value::Null]);
        let interval = |months, days, micros| Value::Interval(Interval { months, days, micros });
        ascending(&[interval(-1, 0, 0), interval(0, 29, 0), interval(1, 0, 1)]);
        assert_eq!(key(&interval(1, 0, 0)), key(&interval(0, 30, 0)));
    }

    #[test]
    fn one_value_never_runs_into_the_next() {
        let two = |a: &str, b: &str| {
            let mut key = IndexKey::new(TypeId(1), 0);
            key.push(&Value::from(a)).unwrap();
            key.push(&Value::from(b)).unwrap();
            key.prefix().to_vec()
        };
        assert!(two("a", "z") < two("ab", "a"));
        assert_ne!(two("a", "\0b"), two("a\0", "b"));
    }

    #[test]
    fn an_entry_has_these_bytes() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let mut of = IndexKey::new(TypeId(3), 1);
        of.push(&Value::from("a\0")).unwrap();
        of.push(&Value::Integer(-1)).unwrap();
        let row = RowId(5);
        assert_eq!(hex(&of.clone().of_row(true, row)), "000000030001016100ff0000017fffffffffffffff");
        assert_eq!(hex(&of.of_row(false, row)), "000000030001016100ff0000017fffffffffffffff0000000000000005");
        let mut null = IndexKey::new(TypeId(3), 1);
        null.push(&Value::Null).unwrap();
        assert_eq!(hex(&null.of_row(true, row)), "000000030001ff0000000000000005");
    }

    #[test]
    fn what_is_behind_a_prefix() {
        assert_eq!(behind(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(behind(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(behind(&[0xff]), None);
    }

    #[test]
    fn long_values_are_refused() {
        let mut key = IndexKey::new(TypeId(1), 0);
        assert!(key.push(&Value::from("x".repeat(9000))).is_err());
    }
}
