//! Changes of the schema: types and properties made, declared, dropped.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::model::{
    EdgeEnds, Error, Properties, PropertyDef, PropertyId, PropertyType, Result, RowId, TypeDef, TypeId,
    TypeKind, Value,
};
use crate::storage::backend::Table;
use crate::storage::keys::{adjacency_entry, adjacency_key};
use crate::storage::view::View;

use super::Transaction;

/// Names that queries keep for what the system knows of a row.
const RESERVED_NAMES: [&str; 8] =
    ["_id", "_row", "_from", "_to", "_from_id", "_to_id", "_created_at", "_updated_at"];

/// A type to be declared.
#[derive(Debug, Clone, PartialEq)]
pub struct NewType {
    /// Its name.
    pub name: String,
    /// Nodes or edges.
    pub kind: TypeKind,
    /// It takes properties it does not declare.
    pub open: bool,
    /// Its properties in order.
    pub properties: Vec<NewProperty>,
}

/// A property to be declared.
#[derive(Debug, Clone, PartialEq)]
pub struct NewProperty {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub property_type: PropertyType,
    /// NULL is refused.
    pub not_null: bool,
    /// The SQL expression an INSERT that leaves it out takes.
    pub default: Option<String>,
}

impl Transaction {
    pub(super) fn redefine(&mut self, definition: TypeDef) {
        let before = self.catalog.by_id(definition.id).cloned();
        let id = definition.id;
        self.statement().effects.redefined.entry(id).or_insert(before);
        Arc::make_mut(&mut self.catalog).put(definition);
    }

    pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return Err(Error::bad_input(format!(
                "'{}' cannot name a {what}",
                crate::model::escape_control(name)
            ))
            .with_hint("names have 1 to 255 bytes and no control characters"));
        }
        Ok(())
    }

    pub(super) fn check_property_name(name: &str) -> Result<()> {
        if RESERVED_NAMES.contains(&name) {
            return Err(Error::bad_input(format!(
                "'{name}' cannot name a property: it always means the system's column"
            ))
            .with_hint("choose another name"));
        }
        Self::check_name("property", name)
    }

    /// The number of a type that does not exist. The number of one that this transaction drops is
    /// not used again.
    pub(super) fn new_type_id(&self, name: &str) -> Result<TypeId> {
        let id = self.store.interner().type_id(name)?;
        let taken = self.catalog.by_id(id).is_some();
        if taken || self.all_effects().any(|effects| effects.dropped.contains_key(&id)) {
            return self.store.interner().fresh_type_id();
        }
        Ok(id)
    }

    /// The type of a name; an undeclared one is made where there is none.
    ///
    /// # Errors
    /// `Constraint` when the name belongs to nodes and edges are meant, or the other way round.
    pub fn ensure_type(&mut self, name: &str, kind: TypeKind) -> Result<TypeId> {
        if let Some(found) = self.catalog.get(name) {
            let wants_edge = matches!(kind, TypeKind::Edge(_));
            if found.is_edge() != wants_edge {
                let (is, wanted) = if wants_edge {
                    ("a node type", "an edge type")
                } else {
                    ("an edge type", "a node type")
                };
                return Err(Error::constraint(format!("'{name}' is {is}, {wanted} is needed")));
            }
            return Ok(found.id);
        }
        self.check_no_view(name)?;
        Self::check_name("type", name)?;
        let id = self.new_type_id(name)?;
        let kind = if matches!(kind, TypeKind::Edge(_)) { TypeKind::Edge(EdgeEnds::default()) } else { kind };
        self.redefine(TypeDef::new(id, name, kind));
        Ok(id)
    }

    /// The property of a name; an observed one is added where there is none.
    ///
    /// # Errors
    /// `Constraint` when the type is declared and does not take further properties.
    pub fn ensure_property(
        &mut self,
        type_id: TypeId,
        name: &str,
        property_type: PropertyType,
    ) -> Result<PropertyId> {
        let definition =
            Arc::clone(self.catalog.by_id(type_id).ok_or_else(|| Error::not_found("the type was dropped"))?);
        if let Some(found) = definition.property(name) {
            return Ok(found.id);
        }
        if !definition.takes_new_properties() {
            return Err(Error::constraint(format!("{} has no property '{name}'", definition.name))
                .with_hint("it is a declared type: declare the property, or declare the type open"));
        }
        Self::check_property_name(name)?;
        let id = self.new_property_id(&definition, name);
        let mut changed = (*definition).clone();
        changed.version += 1;
        changed.properties.push(PropertyDef {
            id,
            name: name.to_owned(),
            property_type,
            declared: false,
            not_null: false,
            default: None,
        });
        self.redefine(changed);
        Ok(id)
    }

    /// Properties by id, with those the type does not have yet added where it takes them. NULL
    /// values of unknown properties are left out: they have no type to give.
    ///
    /// # Errors
    /// `Constraint` when the type is declared and does not take further properties; `BadInput` for
    /// a value nested too deep.
    pub fn resolve_properties(
        &mut self,
        type_id: TypeId,
        properties: Properties,
    ) -> Result<Vec<(PropertyId, Value)>> {
        let mut resolved = Vec::with_capacity(properties.len());
        for (name, value) in properties {
            let known = self.catalog.by_id(type_id).and_then(|t| t.property(&name)).map(|p| p.id);
            let id = match (known, value.property_type()) {
                (Some(id), _) => id,
                (None, Some(property_type)) => self.ensure_property(type_id, &name, property_type)?,
                (None, None) => match self.catalog.by_id(type_id) {
                    Some(t) if !t.takes_new_properties() => {
                        return Err(Error::constraint(format!("{} has no property '{name}'", t.name)));
                    }
                    _ => continue,
                },
            };
            resolved.push((id, value));
        }
        Ok(resolved)
    }

    /// The number of a property that a type does not have. That of a renamed one is not used again.
    pub(super) fn new_property_id(&self, definition: &TypeDef, name: &str) -> PropertyId {
        let id = self.store.interner().property_id(definition.id, name);
        match definition.property_by_id(id) {
            None => id,
            Some(_) => self.store.interner().fresh_property_id(definition.id),
        }
    }

    /// Declares a type.
    ///
    /// # Errors
    /// `Constraint` when the name is taken or a property is named twice.
    pub fn create_type(&mut self, new: NewType) -> Result<TypeId> {
        Self::check_name("type", &new.name)?;
        if let Some(taken) = self.catalog.get(&new.name) {
            let what = if taken.is_edge() { "an edge type" } else { "a node type" };
            return Err(Error::constraint(format!("there is already {what} '{}'", new.name))
                .with_sqlstate(crate::model::sqlstate::DUPLICATE_TABLE));
        }
        self.check_no_view(&new.name)?;
        let id = self.new_type_id(&new.name)?;
        let mut properties: Vec<PropertyDef> = Vec::with_capacity(new.properties.len());
        for property in new.properties {
            Self::check_property_name(&property.name)?;
            if properties.iter().any(|p| p.name == property.name) {
                return Err(Error::constraint(format!("property '{}' is declared twice", property.name)));
            }
            properties.push(PropertyDef {
                id: self.store.interner().property_id(id, &property.name),
                name: property.name,
                property_type: property.property_type,
                declared: true,
                not_null: property.not_null,
                default: property.default,
            });
        }
        if let TypeKind::Edge(ends) = new.kind {
            // The commit checks that they are still there.
            for end in [ends.from, ends.to].into_iter().flatten() {
                if let Some(before) = self.base.catalog().by_id(end).cloned() {
                    self.statement().effects.relied_on.entry(end).or_insert(before);
                }
            }
        }
        self.redefine(TypeDef {
            declared: true,
            open: new.open,
            properties,
            ..TypeDef::new(id, &new.name, new.kind)
        });
        Ok(id)
    }

    /// Drops a type with its rows. Returns how many rows went.
    ///
    /// # Errors
    /// `Constraint` when edges hang on its nodes or an edge type is declared over it.
    pub fn drop_type(&mut self, type_id: TypeId) -> Result<u64> {
        let definition =
            Arc::clone(self.catalog.by_id(type_id).ok_or_else(|| Error::not_found("the type was dropped"))?);
        self.check_not_viewed(&definition)?;
        if !definition.is_edge() {
            self.check_no_edges_at(&definition)?;
        }
        let others = definition.referenced_by.iter().filter(|id| **id != type_id);
        if let Some(child) = others.filter_map(|id| self.catalog.by_id(*id)).next() {
            return Err(Error::constraint(format!(
                "rows of '{}' reference '{}'",
                child.name, definition.name
            ))
            .with_hint(format!("drop it first: DROP TABLE {}, or drop the foreign key", child.name)));
        }
        // Its own rows may reference each other: all go.
        let definition = self.without_references(&definition)?;
        let mut rows = Vec::new();
        let next_sequence = self.with_current(|view| {
            view.scan(type_id, 0, u64::MAX, &mut |row, record| {
                rows.push((row, record.id(), record.ends(), record.lsn()));
                Ok(ControlFlow::Continue(()))
            })?;
            view.next_sequence(type_id)
        })?;
        let dropped = rows.len() as u64;
        for (row, id, ends, lsn) in rows {
            self.remove_row(row, id, ends, lsn)?;
            // Were it deleted by another, its id might be another row's by the commit.
            self.note_change(row, lsn);
        }
        self.rely_on(type_id);
        self.statement().effects.dropped.insert(type_id, (definition.name.clone(), next_sequence));
        Arc::make_mut(&mut self.catalog).remove(type_id);
        Ok(dropped)
    }

    fn check_no_edges_at(&mut self, definition: &TypeDef) -> Result<()> {
        for other in self.catalog.types() {
            if let TypeKind::Edge(ends) = other.kind
                && [ends.from, ends.to].contains(&Some(definition.id))
            {
                return Err(Error::constraint(format!(
                    "edge type '{}' is declared over '{}'",
                    other.name, definition.name
                ))
                .with_hint(format!("drop it first: DROP TABLE {}", other.name)));
            }
        }
        let mut found = None;
        self.with_current(|view| edge_at_type(view, definition.id, &mut found))?;
        match found {
            None => Ok(()),
            Some(edge) => {
                let name = self.catalog.by_id(edge.type_id()).map_or_else(String::new, |t| t.name.clone());
                Err(Error::constraint(format!("edges of type '{name}' hang on nodes of '{}'", definition.name))
                    .with_hint(format!("delete them first: DELETE FROM {name} WHERE ..., or DELETE FROM {} to delete nodes with their edges", definition.name)))
            }
        }
    }
}

/// Finds some edge that hangs on a node of a type.
pub(crate) fn edge_at_type(view: &View, type_id: TypeId, found: &mut Option<RowId>) -> Result<()> {
    let start = adjacency_key(RowId::new(type_id, 0), RowId(0));
    let last = adjacency_key(RowId::new(type_id, RowId::MAX_SEQUENCE), RowId(u64::MAX));
    for table in [Table::EdgeFrom, Table::EdgeTo] {
        view.scan_raw(table, (Bound::Included(&start), Bound::Included(&last)), &mut |key, value| {
            *found = Some(adjacency_entry(key, value)?.0);
            Ok(ControlFlow::Break(()))
        })?;
        if found.is_some() {
            break;
        }
    }
    Ok(())
}
