//! The rules of a type, made and taken back: indexes, keys, conditions, references.
//!
//! A new rule is held against every row the type has, those of this transaction included; the commit
//! checks that nobody wrote rows of the type meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::model::{
    CheckDef, Error, IndexDef, IndexOrigin, MAX_INDEX_COLUMNS, PropertyDef, PropertyId, ReferenceAction,
    ReferenceDef, Result, RowId, TypeDef, TypeId,
};
use crate::storage::backend::Table;

use super::Transaction;
use super::indexes::{Values, duplicate, key_of};

/// An index to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIndex {
    /// Its name; made from those of the type and the properties when absent.
    pub name: Option<String>,
    /// The names of its properties.
    pub properties: Vec<String>,
    /// No two rows have the same values.
    pub unique: bool,
    /// What it is made for.
    pub origin: IndexOrigin,
}

/// A condition to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCheck {
    /// Its name; made from that of the type when absent.
    pub name: Option<String>,
    /// The SQL expression.
    pub expression: String,
}

/// A foreign key to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReference {
    /// Its name; made from those of the type and the properties when absent.
    pub name: Option<String>,
    /// The names of the referencing properties.
    pub properties: Vec<String>,
    /// The type that is referenced.
    pub target: TypeId,
    /// The names of its key's properties; its primary key when empty.
    pub target_properties: Vec<String>,
    /// What becomes of a row when the one it references is deleted.
    pub on_delete: ReferenceAction,
    /// What becomes of a row when the key it references changes.
    pub on_update: ReferenceAction,
}

impl Transaction {
    /// The definition of a type, to be changed after all its rows are judged.
    pub(super) fn reshaped(&mut self, type_id: TypeId) -> Result<TypeDef> {
        let definition =
            self.catalog.by_id(type_id).ok_or_else(|| Error::not_found("the type was dropped"))?;
        let mut changed = TypeDef::clone(definition);
        changed.version += 1;
        self.rely_on(type_id);
        self.statement().effects.reshaped.insert(type_id);
        Ok(changed)
    }

    /// Calls `visit` with every row of a type and its values, the running statement's included.
    pub(super) fn each_row(
        &mut self,
        type_id: TypeId,
        visit: &mut dyn FnMut(RowId, Values) -> Result<()>,
    ) -> Result<()> {
        self.with_current(|view| {
            view.scan(type_id, 0, u64::MAX, &mut |row, record| {
                visit(row, record.properties()?.into_iter().collect())?;
                Ok(ControlFlow::Continue(()))
            })
        })
    }

    /// Makes an index over the rows there are. Returns its name.
    ///
    /// # Errors
    /// `Constraint` when the name is taken, or two rows have the same values under a unique one; `NotFound` for
    /// properties that are not there; `Unsupported` for properties without an order.
    pub fn create_index(&mut self, type_id: TypeId, new: NewIndex) -> Result<String> {
        let mut definition = self.reshaped(type_id)?;
        let number = self.add_index(&mut definition, new)?;
        let Some(index) = definition.index(number).cloned() else {
            return Err(Error::internal("an index got lost"));
        };
        self.fill_index(&definition, &index)?;
        self.redefine(definition);
        Ok(index.name)
    }

    /// Puts an index into a definition. Returns its number.
    fn add_index(&self, definition: &mut TypeDef, new: NewIndex) -> Result<u16> {
        if new.properties.len() > MAX_INDEX_COLUMNS {
            return Err(Error::bad_input(format!("an index has at most {MAX_INDEX_COLUMNS} columns")));
        }
        let mut properties = Vec::with_capacity(new.properties.len());
        for name in &new.properties {
            let property = required(definition, name)?;
            if !property.property_type.is_indexable() {
                return Err(Error::unsupported(format!(
                    "{}.{name} is {}, whose values have no order to index",
                    definition.name, property.property_type
                )));
            }
            if properties.contains(&property.id) {
                return Err(Error::bad_input(format!("column '{name}' stands twice in the index")));
            }
            properties.push(property.id);
        }
        if new.origin == IndexOrigin::PrimaryKey {
            if definition.primary_key().is_some() {
                return Err(Error::constraint(format!("{} has a primary key already", definition.name)));
            }
            for property in definition.properties.iter_mut().filter(|p| properties.contains(&p.id)) {
                property.not_null = true;
            }
        }
        let name = match new.name {
            Some(name) => {
                Self::check_name("index", &name)?;
                if self.is_index_name(definition, &name) {
                    return Err(Error::constraint(format!(
                        "there is already an index or constraint '{name}'"
                    )));
                }
                name
            }
            None => {
                let ending = match new.origin {
                    IndexOrigin::PrimaryKey => "pkey",
                    IndexOrigin::Unique => "key",
                    IndexOrigin::Index | IndexOrigin::Reference => "idx",
                };
                let columns = match new.origin {
                    IndexOrigin::PrimaryKey => String::new(),
                    _ => format!("{}_", new.properties.join("_")),
                };
                self.free_name(definition, &format!("{}_{columns}{ending}", definition.name))
            }
        };
        let number = definition.next_index;
        definition.next_index = number
            .checked_add(1)
            .ok_or_else(|| Error::out_of_space("the type has used up its index numbers"))?;
        definition.indexes.push(IndexDef {
            number,
            name,
            properties,
            unique: new.unique,
            origin: new.origin,
        });
        Ok(number)
    }

    fn is_index_name(&self, definition: &TypeDef, name: &str) -> bool {
        self.catalog.index(name).is_some()
            || definition.index_named(name).is_some()
            || definition.checks.iter().any(|check| check.name == name)
            || definition.references.iter().any(|reference| reference.name == name)
    }

    /// The name, or the name with a number behind it.
    fn free_name(&self, definition: &TypeDef, name: &str) -> String {
        let numbered = (1..).map(|n| format!("{name}{n}"));
        std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|name| !self.is_index_name(definition, name))
            .unwrap_or_default()
    }

    /// Gives all rows an entry.
    fn fill_index(&mut self, definition: &TypeDef, index: &IndexDef) -> Result<()> {
        let mut entries = Vec::new();
        let mut missing = None;
        let must = index.origin == IndexOrigin::PrimaryKey;
        self.each_row(definition.id, &mut |row, values| {
            let key = key_of(definition.id, index, &values)?;
            if must && key.has_null() {
                missing.get_or_insert_with(|| {
                    index
                        .properties
                        .iter()
                        .find(|p| values.get(p).is_none_or(crate::model::Value::is_null))
                        .copied()
                });
            }
            entries.push((row, key.has_null(), key.of_row(index.unique, row)));
            Ok(())
        })?;
        if let Some(property) = missing.flatten() {
            return Err(has_nulls(definition, &definition.names_of(&[property])));
        }
        for (row, has_null, key) in entries {
            if index.unique && !has_null {
                let mut taken = false;
                self.get_current(Table::IndexEntries, &key, &mut |_| {
                    taken = true;
                    Ok(())
                })?;
                if taken {
                    let values = self.values_of(row)?;
                    return Err(duplicate(definition, index, &values));
                }
            }
            self.put(Table::IndexEntries, &key, Some(row.to_bytes().to_vec()))?;
        }
        Ok(())
    }

    fn values_of(&mut self, row: RowId) -> Result<Values> {
        let mut values = Values::new();
        self.read_current(row, &mut |record| {
            values = record.properties()?.into_iter().collect();
            Ok(())
        })?;
        Ok(values)
    }

    /// Drops an index that CREATE INDEX made.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` when it belongs to a constraint.
    pub fn drop_index(&mut self, name: &str) -> Result<()> {
        let Some((owner, index)) = self.catalog.index(name) else {
            return Err(Error::not_found(format!("there is no index '{name}'")));
        };
        let (owner, number, origin) = (owner.id, index.number, index.origin);
        if origin != IndexOrigin::Index {
            let table = self.catalog.by_id(owner).map_or("?", |t| t.name.as_str());
            return Err(Error::constraint(format!("the index '{name}' belongs to a constraint of {table}"))
                .with_hint(format!("ALTER TABLE {table} DROP CONSTRAINT ...")));
        }
        if let Some(child) = self.referencing(owner, number) {
            return Err(Error::constraint(format!("rows of '{child}' reference the key of index '{name}'")));
        }
        let mut definition = self.reshaped(owner)?;
        self.remove_index(&mut definition, number)?;
        self.redefine(definition);
        Ok(())
    }

    /// The name of a type whose rows reference the key of an index.
    pub(super) fn referencing(&self, owner: TypeId, number: u16) -> Option<String> {
        let definition = self.catalog.by_id(owner)?;
        definition.referenced_by.iter().filter_map(|id| self.catalog.by_id(*id)).find_map(|child| {
            let hit = child.references.iter().any(|r| (r.target, r.target_index) == (owner, number));
            hit.then(|| child.name.clone())
        })
    }

    /// Takes an index and its entries out.
    pub(super) fn remove_index(&mut self, definition: &mut TypeDef, number: u16) -> Result<()> {
        let Some(at) = definition.indexes.iter().position(|index| index.number == number) else {
            return Ok(());
        };
        let index = definition.indexes.remove(at);
        let mut keys = Vec::new();
        self.each_row(definition.id, &mut |row, values| {
            keys.push(key_of(definition.id, &index, &values)?.of_row(index.unique, row));
            Ok(())
        })?;
        keys.into_iter().try_for_each(|key| self.put(Table::IndexEntries, &key, None))
    }

    /// Adds a condition, which every row must meet. Returns its name.
    ///
    /// # Errors
    /// `Constraint` when the name is taken or a row does not meet it.
    pub fn add_check(&mut self, type_id: TypeId, new: NewCheck) -> Result<String> {
        let mut definition = self.reshaped(type_id)?;
        let name = match new.name {
            Some(name) if self.is_index_name(&definition, &name) => {
                return Err(Error::constraint(format!("there is already a constraint '{name}'")));
            }
            Some(name) => name,
            None => self.free_name(&definition, &format!("{}_check", definition.name)),
        };
        definition.checks.push(CheckDef { name: name.clone(), expression: new.expression });
        let judged = Arc::new(definition.clone());
        let checks = Arc::clone(self.store.row_checks()?);
        checks.prepare(&judged)?;
        self.each_row(type_id, &mut |_, values| checks.check(&judged, &values))?;
        self.redefine(definition);
        Ok(name)
    }

    /// Adds a foreign key, which every row must meet. Returns its name.
    ///
    /// # Errors
    /// `Constraint` when a row references none, or the target has no such unique key.
    pub fn add_reference(&mut self, type_id: TypeId, new: NewReference) -> Result<String> {
        let mut definition = self.reshaped(type_id)?;
        let target = match new.target == type_id {
            true => definition.clone(),
            false => self.reshaped(new.target)?,
        };
        let target_index = referenced_index(&target, &new.target_properties)?;
        if target_index.properties.len() != new.properties.len() {
            return Err(Error::bad_input(format!(
                "a foreign key of {} columns cannot reference a key of {}",
                new.properties.len(),
                target_index.properties.len()
            )));
        }
        // In the order of the target's key.
        let mut own = Vec::with_capacity(new.properties.len());
        let listed: Vec<PropertyId> = match new.target_properties.is_empty() {
            true => target_index.properties.clone(),
            false => new
                .target_properties
                .iter()
                .map(|n| required(&target, n).map(|p| p.id))
                .collect::<Result<_>>()?,
        };
        for wanted in &target_index.properties {
            let at = listed.iter().position(|p| p == wanted);
            let name = at.and_then(|at| new.properties.get(at)).cloned().unwrap_or_default();
            let (ours, theirs) = (required(&definition, &name)?, target.property_by_id(*wanted));
            if theirs.is_none_or(|theirs| theirs.property_type != ours.property_type) {
                return Err(Error::constraint(format!(
                    "{}.{name} is {}, the key it references is {}",
                    definition.name,
                    ours.property_type,
                    theirs.map_or_else(String::new, |t| t.property_type.to_string())
                )));
            }
            own.push(name);
        }
        let properties =
            own.iter().map(|n| required(&definition, n).map(|p| p.id)).collect::<Result<Vec<_>>>()?;
        let name = match new.name {
            Some(name) if self.is_index_name(&definition, &name) => {
                return Err(Error::constraint(format!("there is already a constraint '{name}'")));
            }
            Some(name) => name,
            None => {
                self.free_name(&definition, &format!("{}_{}_fkey", definition.name, new.properties.join("_")))
            }
        };
        let index = NewIndex { name: None, properties: own, unique: false, origin: IndexOrigin::Reference };
        let own_index = self.add_index(&mut definition, index)?;
        let reference = ReferenceDef {
            name: name.clone(),
            properties,
            target: new.target,
            target_index: target_index.number,
            own_index,
            on_delete: new.on_delete,
            on_update: new.on_update,
        };
        definition.references.push(reference.clone());
        if let Some(index) = definition.index(own_index).cloned() {
            self.fill_index(&definition, &index)?;
        }
        let mut target = if new.target == type_id { definition.clone() } else { target };
        if !target.referenced_by.contains(&type_id) {
            target.referenced_by.push(type_id);
        }
        if new.target == type_id {
            definition = target;
        } else {
            self.redefine(target);
        }
        self.redefine(definition.clone());
        let mut rows = Vec::new();
        self.each_row(type_id, &mut |_, values| {
            rows.push(values);
            Ok(())
        })?;
        rows.iter().try_for_each(|values| self.expect_referenced(&definition, &reference, values))?;
        Ok(name)
    }

    /// Drops a primary key, a unique key, a condition or a foreign key.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` when rows of another type reference the key.
    pub fn drop_constraint(&mut self, type_id: TypeId, name: &str) -> Result<()> {
        let mut definition = self.reshaped(type_id)?;
        if let Some(at) = definition.checks.iter().position(|check| check.name == name) {
            definition.checks.remove(at);
        } else if let Some(at) = definition.references.iter().position(|r| r.name == name) {
            let reference = definition.references.remove(at);
            self.remove_index(&mut definition, reference.own_index)?;
            self.forget_reference(&mut definition, reference.target)?;
        } else if let Some(index) = definition.index_named(name).filter(|i| i.origin != IndexOrigin::Index) {
            let number = index.number;
            if let Some(child) = self.referencing(type_id, number) {
                return Err(Error::constraint(format!("rows of '{child}' reference the key '{name}'"))
                    .with_hint(format!("drop the foreign key of '{child}' first")));
            }
            self.remove_index(&mut definition, number)?;
        } else {
            return Err(Error::not_found(format!("{} has no constraint '{name}'", definition.name)));
        }
        self.redefine(definition);
        Ok(())
    }

    /// After a reference is gone: its target is told, unless another one of the type is left.
    pub(super) fn forget_reference(&mut self, definition: &mut TypeDef, target: TypeId) -> Result<()> {
        if definition.references.iter().any(|r| r.target == target) {
            return Ok(());
        }
        let own = definition.id;
        if target == own {
            definition.referenced_by.retain(|id| *id != own);
        } else if self.catalog.by_id(target).is_some() {
            let mut target = self.reshaped(target)?;
            target.referenced_by.retain(|id| *id != own);
            self.redefine(target);
        }
        Ok(())
    }

    /// A definition that is about to be dropped, its references taken back.
    pub(super) fn without_references(&mut self, definition: &Arc<TypeDef>) -> Result<Arc<TypeDef>> {
        if definition.references.is_empty() {
            return Ok(Arc::clone(definition));
        }
        let mut changed = self.reshaped(definition.id)?;
        let targets: Vec<TypeId> = std::mem::take(&mut changed.references).iter().map(|r| r.target).collect();
        for target in targets {
            self.forget_reference(&mut changed, target)?;
        }
        self.redefine(changed.clone());
        Ok(Arc::new(changed))
    }
}

pub(super) fn required<'d>(definition: &'d TypeDef, name: &str) -> Result<&'d PropertyDef> {
    definition
        .property(name)
        .ok_or_else(|| Error::not_found(format!("{} has no column '{name}'", definition.name)))
}

pub(super) fn has_nulls(definition: &TypeDef, name: &str) -> Error {
    Error::constraint(format!("{}.{name} is NULL in some rows", definition.name)).with_hint(format!(
        "set them first: UPDATE {} SET {name} = ... WHERE {name} IS NULL",
        definition.name
    ))
}

/// The unique index over exactly these properties; the primary key where none are named.
fn referenced_index(target: &TypeDef, names: &[String]) -> Result<IndexDef> {
    if names.is_empty() {
        return target.primary_key().cloned().ok_or_else(|| {
            Error::constraint(format!("{} has no primary key to reference", target.name))
                .with_hint("name the columns: REFERENCES t (a)")
        });
    }
    let mut wanted = names.iter().map(|n| required(target, n).map(|p| p.id)).collect::<Result<Vec<_>>>()?;
    wanted.sort();
    let same = |index: &&IndexDef| {
        let mut own = index.properties.clone();
        own.sort();
        index.unique && own == wanted
    };
    target.indexes.iter().find(same).cloned().ok_or_else(|| {
        Error::constraint(format!("{} has no unique key over ({})", target.name, names.join(", ")))
            .with_hint("a foreign key references a PRIMARY KEY or UNIQUE columns")
    })
}
