//! A type's columns as SQL sees them: its properties and the system columns, what `*` means, what
//! shadows what.
//!
//! The names `_id`, `_created_at`, `_updated_at`, `_from_id` and `_to_id` always mean the system's
//! columns. Without the underscore they do so unless a property of that name shadows them. Handles
//! (`_row`) are offered only to the statements that find rows in order to change them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::model::TypeDef;

pub use crate::columnar::Source;

use super::arrow_value::field_of;

/// The hidden column of row handles.
pub const ROW: &str = "_row";
/// The hidden column of row handles that joins compare in the place of ids.
pub const HANDLE: &str = "$row";
/// The same of the nodes that edges leave.
const FROM_HANDLE: &str = "$from";
/// The same of the nodes that edges enter.
const TO_HANDLE: &str = "$to";

const NODE_SYSTEM: [(&str, &str, Source); 3] = [
    ("id", "_id", Source::Id),
    ("created_at", "_created_at", Source::CreatedAt),
    ("updated_at", "_updated_at", Source::UpdatedAt),
];
const EDGE_SYSTEM: [(&str, &str, Source); 5] = [
    ("id", "_id", Source::Id),
    ("from_id", "_from_id", Source::FromId),
    ("to_id", "_to_id", Source::ToId),
    ("created_at", "_created_at", Source::CreatedAt),
    ("updated_at", "_updated_at", Source::UpdatedAt),
];

/// Ids, and the handles that are equal where they are.
const HANDLES: [(Source, &str, Source); 3] = [
    (Source::Id, HANDLE, Source::Row),
    (Source::FromId, FROM_HANDLE, Source::FromRow),
    (Source::ToId, TO_HANDLE, Source::ToRow),
];

/// The columns of a type.
#[derive(Debug)]
pub struct Columns {
    schema: SchemaRef,
    sources: Vec<Source>,
    visible: usize,
}

impl Columns {
    /// The columns of a type; with the hidden column of row handles where `with_row` asks for it.
    #[must_use]
    pub fn of(def: &TypeDef, with_row: bool) -> Self {
        let system = system_columns(def);
        let shadowed = |name: &str| def.property(name).is_some();
        let mut fields = Vec::with_capacity(def.properties.len() + 2 * system.len());
        let mut sources = Vec::with_capacity(fields.capacity());
        let mut add = |name: &str, source: Source, nullable: bool| {
            fields.push(field_of(name, source.property_type(), nullable));
            sources.push(source);
        };
        let in_star = |source: Source| match source {
            Source::Id => !def.declared,
            Source::FromId | Source::ToId => true,
            _ => false,
        };
        for (name, _, source) in system {
            if in_star(*source) && !shadowed(name) {
                add(name, *source, false);
            }
        }
        for property in &def.properties {
            if !system.iter().any(|(_, own, _)| *own == property.name) {
                add(
                    &property.name,
                    Source::Property(property.id, property.property_type),
                    !property.not_null,
                );
            }
        }
        let mut hidden = 0;
        for (name, own, source) in system {
            if !in_star(*source) && !shadowed(name) {
                add(name, *source, false);
                hidden += 1;
            }
            add(own, *source, false);
            hidden += 1;
        }
        let visible = sources.len() - hidden;
        if with_row {
            fields.push(Field::new(ROW, DataType::UInt64, false));
            sources.push(Source::Row);
        }
        Self { schema: Arc::new(Schema::new(fields)), sources, visible }
    }

    /// The same columns, and behind them those of handles; without one whose name is a property's.
    #[must_use]
    pub fn with_handles(&self) -> Self {
        let mut fields: Vec<_> = self.schema.fields().iter().cloned().collect();
        let mut sources = self.sources.clone();
        for (id, name, source) in HANDLES {
            if self.sources.contains(&id) && self.schema.index_of(name).is_err() {
                fields.push(Arc::new(Field::new(name, DataType::UInt64, false)));
                sources.push(source);
            }
        }
        Self { schema: Arc::new(Schema::new(fields)), sources, visible: self.visible }
    }

    /// The column of handles for one of ids; nothing for any other column, and where a property has its name.
    #[must_use]
    pub fn handle_of(&self, name: &str) -> Option<&'static str> {
        let source = self.source_of(name)?;
        let (_, handle, own) = HANDLES.into_iter().find(|(id, ..)| *id == source)?;
        self.source_of(handle).is_none_or(|found| found == own).then_some(handle)
    }

    /// All columns, the visible ones first.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns `*` stands for.
    #[must_use]
    pub fn visible(&self) -> &[Arc<Field>] {
        self.schema.fields().get(..self.visible).unwrap_or_default()
    }

    /// Where the cells of all columns come from, in order.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Where a column's cells come from.
    #[must_use]
    pub fn source(&self, index: usize) -> Option<Source> {
        self.sources.get(index).copied()
    }

    /// Where the cells of the column of a name come from.
    #[must_use]
    pub fn source_of(&self, name: &str) -> Option<Source> {
        self.schema.index_of(name).ok().and_then(|index| self.source(index))
    }
}

/// The system columns of a type: the name, the name that is never shadowed, the source.
#[must_use]
pub fn system_columns(def: &TypeDef) -> &'static [(&'static str, &'static str, Source)] {
    if def.is_edge() { &EDGE_SYSTEM } else { &NODE_SYSTEM }
}

/// Which system column of a type a name means, when it means one.
#[must_use]
pub fn system_source(def: &TypeDef, name: &str) -> Option<Source> {
    let shadowed = def.property(name).is_some();
    system_columns(def)
        .iter()
        .find(|(plain, own, _)| name == *own || (name == *plain && !shadowed))
        .map(|(_, _, source)| *source)
}

#[cfg(test)]
mod tests {
    use crate::model::{EdgeEnds, PropertyDef, PropertyId, PropertyType, TypeId, TypeKind};

    use super::*;

    fn def(kind: TypeKind, declared: bool, properties: &[&str]) -> TypeDef {
        let properties = properties.iter().zip(0..).map(|(name, id)| PropertyDef {
            id: PropertyId(id),
            name: (*name).to_owned(),
            property_type: PropertyType::Integer,
            declared,
            not_null: false,
            default: None,
        });
        TypeDef { declared, properties: properties.collect(), ..TypeDef::new(TypeId(1), "t", kind) }
    }

    fn star(def: &TypeDef) -> Vec<String> {
        Columns::of(def, true).visible().iter().map(|f| f.name().clone()).collect()
    }

    #[test]
    fn star_is_the_declared_columns_or_the_id_and_what_was_seen() {
        assert_eq!(star(&def(TypeKind::Node, true, &["a", "b"])), ["a", "b"]);
        assert_eq!(star(&def(TypeKind::Node, false, &["a"])), ["id", "a"]);
        let edge = TypeKind::Edge(EdgeEnds::default());
        assert_eq!(star(&def(edge, false, &["w"])), ["id", "from_id", "to_id", "w"]);
        assert_eq!(star(&def(edge, true, &["w"])), ["from_id", "to_id", "w"]);
    }

    #[test]
    fn a_property_shadows_a_system_column_but_not_its_own_name() {
        let shadowing = def(TypeKind::Node, true, &["id", "_created_at"]);
        let columns = Columns::of(&shadowing, true);
        assert!(matches!(columns.source_of("id"), Some(Source::Property(..))));
        assert_eq!(columns.source_of("_id"), Some(Source::Id));
        assert_eq!(columns.source_of("_created_at"), Some(Source::CreatedAt));
        assert_eq!(columns.source_of(ROW), Some(Source::Row));
        assert_eq!(system_source(&shadowing, "id"), None);
        assert_eq!(system_source(&shadowing, "_id"), Some(Source::Id));
        assert_eq!(star(&shadowing), ["id"]);
    }
}
