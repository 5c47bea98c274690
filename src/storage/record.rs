//! The record codec: a node or an edge as bytes, read in place.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | format: 1 node, 2 edge |
//! | 1 | 8 | lsn of the last change, little-endian |
//! | 9 | n | the rkyv archive of [`StoredNode`] or [`StoredEdge`] (unaligned, little-endian, 32-bit offsets) |
//!
//! Properties stand sorted by their interned id. Invariant: access is always checked; damage is an
//! error, never undefined behaviour. Validation bounds the nesting, so a crafted file cannot
//! overflow the stack. Long text and bytes may be LZ4 blocks; a stored length is never trusted
//! beyond what LZ4 can expand to.

// rkyv's derives write `unsafe impl`s of its own traits; no unsafe code of ours stands here.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::num::NonZeroUsize;

use rkyv::rancor;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::{Archive, Serialize};
use uuid::Uuid;

use crate::model::{
    Decimal, Edge, EdgeId, Error, Interval, MAX_NESTING, Node, NodeId, Properties, PropertyId, Result, RowId,
    TypeDef, Value,
};

const FORMAT_NODE: u8 = 1;
const FORMAT_EDGE: u8 = 2;
const LSN_AT: usize = 1;
const ARCHIVE_AT: usize = LSN_AT + 8;
/// Text and bytes from this size on are worth a try at compression.
const COMPRESS_FROM: usize = 256;
/// No LZ4 block expands further than this (a match byte adds at most 255).
const LZ4_MOST_EXPANSION: usize = 255;

#[derive(Archive, Serialize)]
pub(super) struct StoredNode {
    id: [u8; 16],
    created_at: i64,
    updated_at: i64,
    properties: Vec<StoredProperty>,
}

#[derive(Archive, Serialize)]
pub(super) struct StoredEdge {
    id: [u8; 16],
    from: [u8; 16],
    to: [u8; 16],
    from_row: u64,
    to_row: u64,
    created_at: i64,
    updated_at: i64,
    properties: Vec<StoredProperty>,
}

#[derive(Archive, Serialize)]
struct StoredProperty {
    id: u32,
    value: StoredValue,
}

/// The stored form of [`Value`]. The order of variants is part of the format.
#[derive(Archive, Serialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rancor::Source))]
#[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rancor::Source)))]
enum StoredValue {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Array(#[rkyv(omit_bounds)] Vec<StoredValue>),
    Object(#[rkyv(omit_bounds)] Vec<StoredField>),
    Timestamp(i64),
    Date(i32),
    Time(i64),
    Interval { months: i32, days: i32, micros: i64 },
    Decimal { unscaled: i128, scale: i8 },
    Uuid([u8; 16]),
    Bytes(Vec<u8>),
    Vector(Vec<f32>),
    CompressedString { length: u32, lz4: Vec<u8> },
    CompressedBytes { length: u32, lz4: Vec<u8> },
}

#[derive(Archive, Serialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rancor::Source))]
#[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rancor::Source)))]
struct StoredField {
    name: String,
    #[rkyv(omit_bounds)]
    value: StoredValue,
}

/// What an edge's record says of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeEndsRef {
    /// The node it leaves.
    pub from: NodeId,
    /// The node it enters.
    pub to: NodeId,
    /// Where the node it leaves lives.
    pub from_row: RowId,
    /// Where the node it enters lives.
    pub to_row: RowId,
}

/// A record to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewRecord {
    pub(crate) id: Uuid,
    pub(crate) ends: Option<EdgeEndsRef>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    /// Sorted by id, each once, without NULLs.
    pub(crate) properties: Vec<(PropertyId, Value)>,
}

impl NewRecord {
    /// The bytes of the record, with lsn 0: the commit puts it in ([`stamp_lsn`]).
    pub(crate) fn encode(self, compress: bool) -> Result<Vec<u8>> {
        let properties = self
            .properties
            .into_iter()
            .map(|(id, value)| Ok(StoredProperty { id: id.0, value: store(value, compress)? }))
            .collect::<Result<Vec<_>>>()?;
        let (format, archive) = match self.ends {
            None => (
                FORMAT_NODE,
                rkyv::to_bytes::<rancor::Error>(&StoredNode {
                    id: self.id.into_bytes(),
                    created_at: self.created_at,
                    updated_at: self.updated_at,
                    properties,
                }),
            ),
            Some(ends) => (
                FORMAT_EDGE,
                rkyv::to_bytes::<rancor::Error>(&StoredEdge {
                    id: self.id.into_bytes(),
                    from: ends.from.0.into_bytes(),
                    to: ends.to.0.into_bytes(),
                    from_row: ends.from_row.0,
                    to_row: ends.to_row.0,
                    created_at: self.created_at,
                    updated_at: self.updated_at,
                    properties,
                }),
            ),
        };
        let archive =
            archive.map_err(|e| Error::out_of_space(format!("a record is too large to store: {e}")))?;
        let mut bytes = Vec::with_capacity(ARCHIVE_AT + archive.len());
        bytes.push(format);
        bytes.extend_from_slice(&0u64.to_le_bytes());
        bytes.extend_from_slice(&archive);
        Ok(bytes)
    }
}

/// Writes the lsn of a record's last change into its bytes.
pub(crate) fn stamp_lsn(record: &mut [u8], lsn: u64) {
    if let Some(place) = record.get_mut(LSN_AT..ARCHIVE_AT) {
        place.copy_from_slice(&lsn.to_le_bytes());
    }
}

fn store(value: Value, compress: bool) -> Result<StoredValue> {
    Ok(match value {
        Value::Null => StoredValue::Null,
        Value::Bool(b) => StoredValue::Bool(b),
        Value::Integer(i) => StoredValue::Integer(i),
        // There is one zero: -0.0 + 0.0 is 0.0.
        Value::Float(f) => StoredValue::Float(f + 0.0),
        Value::String(s) => match compress.then(|| compressed(s.as_bytes())).flatten() {
            Some((length, lz4)) => StoredValue::CompressedString { length, lz4 },
            None => StoredValue::String(s),
        },
        Value::Array(items) => {
            StoredValue::Array(items.into_iter().map(|v| store(v, compress)).collect::<Result<_>>()?)
        }
        Value::Object(fields) => StoredValue::Object(
            fields
                .into_iter()
                .map(|(name, v)| Ok(StoredField { name, value: store(v, compress)? }))
                .collect::<Result<_>>()?,
        ),
        Value::Timestamp(us) => StoredValue::Timestamp(us),
        Value::Date(days) => StoredValue::Date(days),
        Value::Time(us) => StoredValue::Time(us),
        Value::Interval(i) => StoredValue::Interval { months: i.months, days: i.days, micros: i.micros },
        Value::Decimal(d) => StoredValue::Decimal { unscaled: d.unscaled, scale: d.scale },
        Value::Uuid(u) => StoredValue::Uuid(u.into_bytes()),
        Value::Bytes(b) => match compress.then(|| compressed(&b)).flatten() {
            Some((length, lz4)) => StoredValue::CompressedBytes { length, lz4 },
            None => StoredValue::Bytes(b),
        },
        Value::Vector(v) => StoredValue::Vector(v),
    })
}

/// An LZ4 block of `bytes`, where that saves an eighth or more.
fn compressed(bytes: &[u8]) -> Option<(u32, Vec<u8>)> {
    let length = u32::try_from(bytes.len()).ok().filter(|n| *n as usize >= COMPRESS_FROM)?;
    let lz4 = lz4_flex::block::compress(bytes);
    (lz4.len() + bytes.len() / 8 <= bytes.len()).then_some((length, lz4))
}

fn decompressed(length: u32, lz4: &[u8]) -> Result<Vec<u8>> {
    let length = length as usize;
    let damaged = || Error::corrupt("a compressed value in data.redb is damaged");
    if length > lz4.len().saturating_mul(LZ4_MOST_EXPANSION) {
        return Err(damaged());
    }
    let bytes = lz4_flex::block::decompress(lz4, length).map_err(|_| damaged())?;
    if bytes.len() == length { Ok(bytes) } else { Err(damaged()) }
}

/// A property's value, borrowed from the record where it can be.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Integer`].
    Integer(i64),
    /// See [`Value::Float`].
    Float(f64),
    /// See [`Value::String`].
    String(Cow<'a, str>),
    /// See [`Value::Bytes`].
    Bytes(Cow<'a, [u8]>),
    /// See [`Value::Timestamp`].
    Timestamp(i64),
    /// See [`Value::Date`].
    Date(i32),
    /// See [`Value::Time`].
    Time(i64),
    /// See [`Value::Interval`].
    Interval(Interval),
    /// See [`Value::Decimal`].
    Decimal(Decimal),
    /// See [`Value::Uuid`].
    Uuid(Uuid),
    /// An array, an object or a vector.
    Other(Value),
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => ValueRef::Null,
            Value::Bool(b) => ValueRef::Bool(*b),
            Value::Integer(i) => ValueRef::Integer(*i),
            Value::Float(f) => ValueRef::Float(*f),
            Value::String(s) => ValueRef::String(Cow::Borrowed(s)),
            Value::Bytes(b) => ValueRef::Bytes(Cow::Borrowed(b)),
            Value::Timestamp(us) => ValueRef::Timestamp(*us),
            Value::Date(days) => ValueRef::Date(*days),
            Value::Time(us) => ValueRef::Time(*us),
            Value::Interval(i) => ValueRef::Interval(*i),
            Value::Decimal(d) => ValueRef::Decimal(*d),
            Value::Uuid(u) => ValueRef::Uuid(*u),
            Value::Array(_) | Value::Object(_) | Value::Vector(_) => ValueRef::Other(value.clone()),
        }
    }
}

impl ValueRef<'_> {
    /// The value, owned.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(b) => Value::Bool(b),
            ValueRef::Integer(i) => Value::Integer(i),
            ValueRef::Float(f) => Value::Float(f),
            ValueRef::String(s) => Value::String(s.into_owned()),
            ValueRef::Bytes(b) => Value::Bytes(b.into_owned()),
            ValueRef::Timestamp(us) => Value::Timestamp(us),
            ValueRef::Date(days) => Value::Date(days),
            ValueRef::Time(us) => Value::Time(us),
            ValueRef::Interval(i) => Value::Interval(i),
            ValueRef::Decimal(d) => Value::Decimal(d),
            ValueRef::Uuid(u) => Value::Uuid(u),
            ValueRef::Other(value) => value,
        }
    }
}

fn load(value: &ArchivedStoredValue) -> Result<ValueRef<'_>> {
    use ArchivedStoredValue as A;
    Ok(match value {
        A::Null => ValueRef::Null,
        A::Bool(b) => ValueRef::Bool(*b),
        A::Integer(i) => ValueRef::Integer(i.to_native()),
        A::Float(f) => ValueRef::Float(f.to_native()),
        A::String(s) => ValueRef::String(Cow::Borrowed(s.as_str())),
        A::Array(items) => ValueRef::Other(Value::Array(
            items.iter().map(|v| load(v).map(ValueRef::to_value)).collect::<Result<_>>()?,
        )),
        A::Object(fields) => ValueRef::Other(Value::Object(
            fields
                .iter()
                .map(|f| Ok((f.name.as_str().to_owned(), load(&f.value)?.to_value())))
                .collect::<Result<_>>()?,
        )),
        A::Timestamp(us) => ValueRef::Timestamp(us.to_native()),
        A::Date(days) => ValueRef::Date(days.to_native()),
        A::Time(us) => ValueRef::Time(us.to_native()),
        A::Interval { months, days, micros } => ValueRef::Interval(Interval {
            months: months.to_native(),
            days: days.to_native(),
            micros: micros.to_native(),
        }),
        A::Decimal { unscaled, scale } => {
            ValueRef::Decimal(Decimal { unscaled: unscaled.to_native(), scale: *scale })
        }
        A::Uuid(u) => ValueRef::Uuid(Uuid::from_bytes(*u)),
        A::Bytes(b) => ValueRef::Bytes(Cow::Borrowed(b.as_slice())),
        A::Vector(v) => ValueRef::Other(Value::Vector(v.iter().map(|f| f.to_native()).collect())),
        A::CompressedString { length, lz4 } => {
            let text = String::from_utf8(decompressed(length.to_native(), lz4)?)
                .map_err(|_| Error::corrupt("a compressed text in data.redb is not UTF-8"))?;
            ValueRef::String(Cow::Owned(text))
        }
        A::CompressedBytes { length, lz4 } => {
            ValueRef::Bytes(Cow::Owned(decompressed(length.to_native(), lz4)?))
        }
    })
}

/// A record, read in place from its bytes.
pub struct RecordView<'a> {
    bytes: &'a [u8],
    lsn: u64,
    body: Body<'a>,
}

enum Body<'a> {
    Node(&'a ArchivedStoredNode),
    Edge(&'a ArchivedStoredEdge),
}

/// Arrays and objects each take a level of the validator, a text in an object a further one, and
/// the list of properties the first.
const MAX_ARCHIVE_DEPTH: Option<NonZeroUsize> = NonZeroUsize::new(MAX_NESTING + 8);

impl<'a> RecordView<'a> {
    /// Checks the bytes of a record.
    ///
    /// # Errors
    /// `Corrupt` when they are not a record, `Unsupported` for a format this program does not know.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let damaged =
            |why: &dyn std::fmt::Display| Error::corrupt(format!("a record in data.redb is damaged: {why}"));
        let (head, archive) =
            bytes.split_at_checked(ARCHIVE_AT).ok_or_else(|| damaged(&"it is too short"))?;
        let lsn = head.get(LSN_AT..).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let mut validator = Validator::new(ArchiveValidator::with_max_depth(archive, MAX_ARCHIVE_DEPTH), ());
        let body = match head.first() {
            Some(&FORMAT_NODE) => Body::Node(
                rkyv::api::access_with_context::<ArchivedStoredNode, _, rancor::Error>(
                    archive,
                    &mut validator,
                )
                .map_err(|e| damaged(&e))?,
            ),
            Some(&FORMAT_EDGE) => Body::Edge(
                rkyv::api::access_with_context::<ArchivedStoredEdge, _, rancor::Error>(
                    archive,
                    &mut validator,
                )
                .map_err(|e| damaged(&e))?,
            ),
            format => {
                return Err(Error::unsupported(format!("a record has the unknown format {format:?}"))
                    .with_hint("open the database with a newer aresadb"));
            }
        };
        Ok(Self { bytes, lsn, body })
    }

    /// The node's or edge's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        Uuid::from_bytes(match self.body {
            Body::Node(n) => n.id,
            Body::Edge(e) => e.id,
        })
    }

    /// When it was inserted, in microseconds since 1970.
    #[must_use]
    pub fn created_at(&self) -> i64 {
        match self.body {
            Body::Node(n) => n.created_at.to_native(),
            Body::Edge(e) => e.created_at.to_native(),
        }
    }

    /// When it was last changed, in microseconds since 1970.
    #[must_use]
    pub fn updated_at(&self) -> i64 {
        match self.body {
            Body::Node(n) => n.updated_at.to_native(),
            Body::Edge(e) => e.updated_at.to_native(),
        }
    }

    /// The number of the commit that last changed it.
    #[must_use]
    pub fn lsn(&self) -> u64 {
        self.lsn
    }

    /// The bytes it is stored in.
    #[must_use]
    pub fn stored_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// An edge's ends; `None` for a node.
    #[must_use]
    pub fn ends(&self) -> Option<EdgeEndsRef> {
        match self.body {
            Body::Node(_) => None,
            Body::Edge(e) => Some(EdgeEndsRef {
                from: NodeId(Uuid::from_bytes(e.from)),
                to: NodeId(Uuid::from_bytes(e.to)),
                from_row: RowId(e.from_row.to_native()),
                to_row: RowId(e.to_row.to_native()),
            }),
        }
    }

    fn stored_properties(&self) -> &'a [ArchivedStoredProperty] {
        match self.body {
            Body::Node(n) => n.properties.as_slice(),
            Body::Edge(e) => e.properties.as_slice(),
        }
    }

    /// The value of a property, `Null` when it has none.
    ///
    /// # Errors
    /// `Corrupt` for a damaged compressed value.
    pub fn property(&self, id: PropertyId) -> Result<ValueRef<'a>> {
        let properties = self.stored_properties();
        match properties.binary_search_by_key(&id.0, |p| p.id.to_native()) {
            Ok(at) => properties.get(at).map_or(Ok(ValueRef::Null), |p| load(&p.value)),
            Err(_) => Ok(ValueRef::Null),
        }
    }

    /// All properties that have a value, by id.
    ///
    /// # Errors
    /// `Corrupt` for a damaged compressed value.
    pub fn properties(&self) -> Result<Vec<(PropertyId, Value)>> {
        self.stored_properties()
            .iter()
            .map(|p| Ok((PropertyId(p.id.to_native()), load(&p.value)?.to_value())))
            .collect()
    }

    /// The properties in the order in which they stand, each read on its own: a damaged one does not
    /// hide the others.
    pub(crate) fn each_property(&self) -> impl Iterator<Item = (PropertyId, Result<Value>)> {
        let properties = self.stored_properties().iter();
        properties.map(|p| (PropertyId(p.id.to_native()), load(&p.value).map(ValueRef::to_value)))
    }

    /// All properties that have a value, by name.
    fn named_properties(&self, definition: &TypeDef) -> Result<Properties> {
        self.stored_properties()
            .iter()
            .filter_map(|p| {
                // A property dropped from the type stays in old records and is not shown.
                let name = &definition.property_by_id(PropertyId(p.id.to_native()))?.name;
                Some(load(&p.value).map(|v| (name.clone(), v.to_value())))
            })
            .collect()
    }

    /// The record as a node of a type; `None` for an edge.
    ///
    /// # Errors
    /// `Corrupt` for a damaged compressed value.
    pub fn to_node(&self, definition: &TypeDef) -> Result<Option<Node>> {
        if self.ends().is_some() {
            return Ok(None);
        }
        Ok(Some(Node {
            id: NodeId(self.id()),
            node_type: definition.name.clone(),
            properties: self.named_properties(definition)?,
            created_at: self.created_at(),
            updated_at: self.updated_at(),
        }))
    }

    /// The record as an edge of a type; `None` for a node.
    ///
    /// # Errors
    /// `Corrupt` for a damaged compressed value.
    pub fn to_edge(&self, definition: &TypeDef) -> Result<Option<Edge>> {
        let Some(ends) = self.ends() else { return Ok(None) };
        Ok(Some(Edge {
            id: EdgeId(self.id()),
            from: ends.from,
            to: ends.to,
            edge_type: definition.name.clone(),
            properties: self.named_properties(definition)?,
            created_at: self.created_at(),
            updated_at: self.updated_at(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn record(properties: Vec<(PropertyId, Value)>) -> NewRecord {
        NewRecord { id: Uuid::from_u128(7), ends: None, created_at: 1, updated_at: 2, properties }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            any::<f64>().prop_filter("NaN is not equal to itself", |f| !f.is_nan()).prop_map(Value::Float),
            ".{0,40}".prop_map(Value::String),
            "[ab]{200,600}".prop_map(Value::String),
            any::<i64>().prop_map(Value::Timestamp),
            any::<i32>().prop_map(Value::Date),
            any::<i64>().prop_map(Value::Time),
            (any::<i32>(), any::<i32>(), any::<i64>())
                .prop_map(|(months, days, micros)| Value::Interval(Interval { months, days, micros })),
            (any::<i128>(), any::<i8>())
                .prop_map(|(unscaled, scale)| Value::Decimal(Decimal { unscaled, scale })),
            any::<u128>().prop_map(|u| Value::Uuid(Uuid::from_u128(u))),
            proptest::collection::vec(any::<u8>(), 0..600).prop_map(Value::Bytes),
            proptest::collection::vec(-1e9f32..1e9, 0..20).prop_map(Value::Vector),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::btree_map(".{0,8}", inner, 0..6).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_record_reads_back_as_written(
            values in proptest::collection::btree_map(any::<u32>(), any_value(), 0..8),
            edge in any::<bool>(), compress in any::<bool>(), lsn in any::<u64>(), at in any::<i64>(),
        ) {
            let properties: Vec<_> = values.into_iter().map(|(id, v)| (PropertyId(id), v)).collect();
            let ends = EdgeEndsRef { from: NodeId(Uuid::from_u128(1)), to: NodeId(Uuid::from_u128(2)), from_row: RowId(3), to_row: RowId(u64::MAX) };
            let new = NewRecord { id: Uuid::from_u128(9), ends: edge.then_some(ends), created_at: at, updated_at: 5, properties: properties.clone() };
            let mut bytes = new.encode(compress).unwrap();
            stamp_lsn(&mut bytes, lsn);
            let view = RecordView::new(&bytes).unwrap();
            prop_assert_eq!((view.id(), view.lsn(), view.created_at(), view.updated_at()), (Uuid::from_u128(9), lsn, at, 5));
            prop_assert_eq!(view.ends(), edge.then_some(ends));
            for (id, value) in &properties {
                prop_assert_eq!(&view.property(*id).unwrap().to_value(), value);
            }
            prop_assert_eq!(view.properties().unwrap(), properties);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_another_record_never_a_panic(
            values in proptest::collection::vec(any_value(), 0..5), flips in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6),
        ) {
            let properties: Vec<_> = values.into_iter().enumerate().map(|(i, v)| (PropertyId(i as u32), v)).collect();
            let mut bytes = record(properties).encode(true).unwrap();
            for (at, bit) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            if let Ok(view) = RecordView::new(&bytes) {
                let _ = view.properties();
            }
        }
    }

    #[test]
    fn the_deepest_value_that_may_enter_can_be_read() {
        let deepest = (0..MAX_NESTING).fold(Value::from("x"), |inner, n| {
            if n % 2 == 0 {
                Value::Array(vec![inner])
            } else {
                Value::Object(BTreeMap::from([("k".to_owned(), inner)]))
            }
        });
        let bytes = record(vec![(PropertyId(0), deepest.clone())]).encode(true).unwrap();
        assert_eq!(RecordView::new(&bytes).unwrap().property(PropertyId(0)).unwrap().to_value(), deepest);
    }

    /// The bytes of a small node: a change here is a change of the format.
    #[test]
    fn a_node_has_these_bytes() {
        let mut bytes = record(vec![(PropertyId(3), Value::from("hi")), (PropertyId(4), Value::Integer(-2))])
            .encode(true)
            .unwrap();
        stamp_lsn(&mut bytes, 0x0102);
        insta::assert_snapshot!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
    }

    #[test]
    fn a_stored_length_is_not_trusted() {
        assert!(decompressed(u32::MAX, &[0; 5]).is_err());
        assert!(decompressed(300, &compressed(&[b'a'; 301]).unwrap().1).is_err());
    }
}
