//! The schema: node and edge types, their properties, and the rules a value must fit.
//!
//! A property's type is fixed by its declaration or by its first value. A value that does not fit
//! is an error that names the way out; only an integer widens to a float by itself, and only where
//! that is exact, because silent widening changes data (9007199254740993 would become ...992).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Error, GraphDef, PropertyId, Result, TypeId, Value};

/// The type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyType {
    /// True or false.
    Boolean,
    /// 64-bit signed integer.
    Integer,
    /// 64-bit floating point.
    Float,
    /// UTF-8 text.
    String,
    /// Microseconds since 1970, UTC.
    Timestamp,
    /// A day.
    Date,
    /// A time of day in microseconds.
    Time,
    /// Months, days and microseconds.
    Interval,
    /// Exact decimal.
    Decimal {
        /// Digits in all, at most 38.
        precision: u8,
        /// Digits behind the point.
        scale: i8,
    },
    /// UUID.
    Uuid,
    /// Raw bytes.
    Bytes,
    /// 32-bit floats; every vector of the property has the same length where one is declared.
    Vector {
        /// The declared length.
        dimension: Option<u32>,
    },
    /// Anything: arrays, objects, and values of mixed types.
    Json,
}

impl fmt::Display for PropertyType {
    /// The SQL name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PropertyType::Boolean => f.write_str("BOOLEAN"),
            PropertyType::Integer => f.write_str("INTEGER"),
            PropertyType::Float => f.write_str("FLOAT"),
            PropertyType::String => f.write_str("TEXT"),
            PropertyType::Timestamp => f.write_str("TIMESTAMP"),
            PropertyType::Date => f.write_str("DATE"),
            PropertyType::Time => f.write_str("TIME"),
            PropertyType::Interval => f.write_str("INTERVAL"),
            PropertyType::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            PropertyType::Uuid => f.write_str("UUID"),
            PropertyType::Bytes => f.write_str("BYTEA"),
            PropertyType::Vector { dimension: Some(n) } => write!(f, "VECTOR({n})"),
            PropertyType::Vector { dimension: None } => f.write_str("VECTOR"),
            PropertyType::Json => f.write_str("JSON"),
        }
    }
}

impl PropertyType {
    /// Whether its values have an order that an index can keep.
    #[must_use]
    pub fn is_indexable(self) -> bool {
        !matches!(self, PropertyType::Json | PropertyType::Vector { .. })
    }

    /// Whether a value is of this type as it stands. NULL is of every type.
    #[must_use]
    pub fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null) | (PropertyType::Json, _) => true,
            (PropertyType::Decimal { scale, precision }, Value::Decimal(d)) => {
                d.scale == scale && d.unscaled.unsigned_abs() < 10u128.saturating_pow(u32::from(precision))
            }
            (PropertyType::Vector { dimension: Some(n) }, Value::Vector(v)) => v.len() as u64 == u64::from(n),
            (PropertyType::Vector { dimension: None }, Value::Vector(_)) => true,
            (own, value) => value.property_type() == Some(own),
        }
    }

    /// The value as this type stores it: itself, or an integer as an equal float.
    ///
    /// # Errors
    /// `Constraint` when the value is of another type; `property` names it in the message.
    pub fn admit(self, property: &str, type_name: &str, value: Value) -> Result<Value> {
        if self.holds(&value) {
            return Ok(value);
        }
        if let (PropertyType::Float, Value::Integer(i)) = (self, &value)
            && let Some(exact) = exact_float(*i)
        {
            return Ok(Value::Float(exact));
        }
        let given = value.property_type().map_or_else(|| "NULL".to_owned(), |t| t.to_string());
        Err(Error::constraint(format!(
            "{type_name}.{property} is {self}, the value given is {given}: {}",
            super::text::preview(&value)
        ))
        .with_sqlstate(super::sqlstate::DATATYPE_MISMATCH)
        .with_hint("convert the value; a property that is declared JSON holds anything"))
    }
}

/// The float equal to an integer, where there is one.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn exact_float(integer: i64) -> Option<f64> {
    let float = integer as f64;
    // i64::MAX rounds up to 2^63, which saturates back to i64::MAX: compare as i128.
    (float as i128 == i128::from(integer)).then_some(float)
}

/// A property of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyDef {
    /// What records hold in place of the name.
    pub id: PropertyId,
    /// Its name; unique in its type.
    pub name: String,
    /// What its values are.
    pub property_type: PropertyType,
    /// Declared in DDL, or seen in data.
    pub declared: bool,
    /// NULL is refused.
    #[serde(default)]
    pub not_null: bool,
    /// The SQL expression an INSERT that leaves it out takes.
    #[serde(default)]
    pub default: Option<String>,
}

/// Which node types an edge type joins; `None` is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EdgeEnds {
    /// The type of the node it leaves.
    pub from: Option<TypeId>,
    /// The type of the node it enters.
    pub to: Option<TypeId>,
}

/// Node type or edge type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeKind {
    /// Rows are nodes.
    Node,
    /// Rows are edges.
    Edge(EdgeEnds),
}

/// The most columns of an index.
pub const MAX_INDEX_COLUMNS: usize = 32;

/// An index of a type: its rows in the order of some properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDef {
    /// Its number in the type; never given to another index.
    pub number: u16,
    /// Its name; unique in the database.
    pub name: String,
    /// What it is ordered by, the first one first.
    pub properties: Vec<PropertyId>,
    /// No two rows have the same values; rows with a NULL among them are not compared.
    pub unique: bool,
    /// Why it is there: an index of a constraint goes with the constraint alone.
    #[serde(default)]
    pub origin: IndexOrigin,
}

/// Why an index is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexOrigin {
    /// CREATE INDEX.
    #[default]
    Index,
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    Unique,
    /// The referencing side of a foreign key.
    Reference,
}

/// A condition that every row meets: it is true or NULL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckDef {
    /// Its name; unique in its type.
    pub name: String,
    /// The SQL expression over the type's properties.
    pub expression: String,
}

/// What happens to rows that reference one that is deleted, or whose key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceAction {
    /// The change is refused.
    #[default]
    Restrict,
    /// They are deleted, or changed along.
    Cascade,
    /// Their referencing properties become NULL.
    SetNull,
}

/// A foreign key: the values of some properties are the key of a row of another type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceDef {
    /// Its name; unique in its type.
    pub name: String,
    /// The referencing properties.
    pub properties: Vec<PropertyId>,
    /// The type that is referenced.
    pub target: TypeId,
    /// The unique index of that type that the values are looked up in.
    pub target_index: u16,
    /// The index of this type over the referencing properties.
    pub own_index: u16,
    /// What becomes of the row when the one it references is deleted.
    #[serde(default)]
    pub on_delete: ReferenceAction,
    /// What becomes of the row when the key it references changes.
    #[serde(default)]
    pub on_update: ReferenceAction,
}

/// A view: a query under a name, in the place of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewDef {
    /// The query, as it was written.
    pub query: String,
    /// The columns of the query that the view's columns show, in their order.
    pub sources: Vec<String>,
    /// The types and views that the query names.
    pub reads: Vec<TypeId>,
}

/// A node type or an edge type: a table. Or a view or a property graph, which share the names of tables and have no rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeDef {
    /// The upper bits of its rows' handles.
    pub id: TypeId,
    /// Its name; unique among node and edge types.
    pub name: String,
    /// Nodes or edges.
    pub kind: TypeKind,
    /// Declared in DDL, or made by its first insert.
    pub declared: bool,
    /// A declared type that takes properties it did not declare.
    #[serde(default)]
    pub open: bool,
    /// Its properties, in order of declaration or first sight.
    pub properties: Vec<PropertyDef>,
    /// Its indexes, in order of their making.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexDef>,
    /// The number of its next index.
    #[serde(default)]
    pub next_index: u16,
    /// What its rows must meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckDef>,
    /// The rows that its rows reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceDef>,
    /// The types whose rows reference this one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referenced_by: Vec<TypeId>,
    /// The query it stands for, where it is a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewDef>,
    /// What it is made of, where it is a property graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphDef>,
    /// Raised by each change of the definition.
    pub version: u64,
}

impl TypeDef {
    /// A type without properties and rules.
    #[must_use]
    pub fn new(id: TypeId, name: &str, kind: TypeKind) -> Self {
        Self {
            id,
            name: name.to_owned(),
            kind,
            declared: false,
            open: false,
            properties: Vec::new(),
            indexes: Vec::new(),
            next_index: 0,
            checks: Vec::new(),
            references: Vec::new(),
            referenced_by: Vec::new(),
            view: None,
            graph: None,
            version: 1,
        }
    }

    /// The index of a number.
    #[must_use]
    pub fn index(&self, number: u16) -> Option<&IndexDef> {
        self.indexes.iter().find(|index| index.number == number)
    }

    /// The index of a name.
    #[must_use]
    pub fn index_named(&self, name: &str) -> Option<&IndexDef> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// The index of the primary key, if it has one.
    #[must_use]
    pub fn primary_key(&self) -> Option<&IndexDef> {
        self.indexes.iter().find(|index| index.origin == IndexOrigin::PrimaryKey)
    }

    /// The names of some properties, as `a, b`.
    #[must_use]
    pub fn names_of(&self, properties: &[PropertyId]) -> String {
        let name = |id: &PropertyId| self.property_by_id(*id).map_or("?", |p| p.name.as_str());
        properties.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// The property of a name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&PropertyDef> {
        self.properties.iter().find(|p| p.name == name)
    }

    /// The property of an id.
    #[must_use]
    pub fn property_by_id(&self, id: PropertyId) -> Option<&PropertyDef> {
        // Ids are given in order, so it usually stands at its own number.
        self.properties
            .get(id.0 as usize)
            .filter(|p| p.id == id)
            .or_else(|| self.properties.iter().find(|p| p.id == id))
    }

    /// Whether a property that is not listed may be added by an insert.
    #[must_use]
    pub fn takes_new_properties(&self) -> bool {
        !self.declared || self.open
    }

    /// Whether it is a table, and neither a view nor a property graph.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.view.is_none() && self.graph.is_none()
    }

    /// What it is, in a word.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match (&self.view, &self.graph) {
            (Some(_), _) => "view",
            (None, Some(_)) => "property graph",
            (None, None) => "table",
        }
    }

    /// The types, views and property graphs that a view or a property graph reads.
    #[must_use]
    pub fn reads(&self) -> Vec<TypeId> {
        let of_graph = self.graph.iter().flat_map(|graph| graph.elements().map(|element| element.type_id));
        self.view.iter().flat_map(|view| view.reads.iter().copied()).chain(of_graph).collect()
    }

    /// Whether rows are edges.
    #[must_use]
    pub fn is_edge(&self) -> bool {
        matches!(self.kind, TypeKind::Edge(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_widen_to_floats_only_where_exact() {
        let admit = |v| PropertyType::Float.admit("p", "t", v);
        assert_eq!(admit(Value::Integer(1 << 53)).unwrap(), Value::Float(9_007_199_254_740_992.0));
        assert!(admit(Value::Integer((1 << 53) + 1)).is_err());
        assert!(admit(Value::Integer(i64::MAX)).is_err());
        assert!(admit(Value::Integer(i64::MIN)).is_ok());
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_the_way_out() {
        let error = PropertyType::Integer.admit("age", "user", Value::from("abc")).unwrap_err();
        assert_eq!(error.message(), "user.age is INTEGER, the value given is TEXT: 'abc'");
        assert!(error.hint().unwrap().contains("declared JSON"));
    }
}
