//! Indexes, unique keys, conditions and references of rows: kept with each write.
//!
//! A row's entries follow from its values ([`IndexKey`]). A unique key is checked at once, row by row, as
//! PostgreSQL does, and again by the commit; so is that a referenced row is there, and that no row
//! references one that goes.
//!
//! Must never: leave an entry without its row, or a row without its entries.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::model::{
    Error, IndexDef, IndexOrigin, PropertyId, ReferenceAction, ReferenceDef, Result, RowId, TypeDef, TypeId,
    Value, preview, sqlstate,
};
use crate::storage::backend::Table;
use crate::storage::index_key::{IndexKey, behind};
use crate::storage::keys::row_from;

use super::Transaction;

/// A row's values by property; what is not there is NULL.
pub type Values = BTreeMap<PropertyId, Value>;

/// Judges the conditions of rows. Storage knows no SQL: who opens the store brings it.
pub trait RowChecks: Send + Sync {
    /// Whether the conditions of a type can be judged.
    ///
    /// # Errors
    /// `BadInput`, `NotFound`, `Unsupported` for one that is no condition over the type's properties.
    fn prepare(&self, definition: &Arc<TypeDef>) -> Result<()>;

    /// Whether a row meets the conditions of its type.
    ///
    /// # Errors
    /// `Constraint` naming the condition that is false; what evaluating one fails with.
    fn check(&self, definition: &Arc<TypeDef>, values: &Values) -> Result<()>;
}

/// The key of a row's entry in an index, its handle not yet in it.
pub(crate) fn key_of(type_id: TypeId, index: &IndexDef, values: &Values) -> Result<IndexKey> {
    key_over(type_id, index.number, &index.properties, values)
}

fn key_over(type_id: TypeId, number: u16, properties: &[PropertyId], values: &Values) -> Result<IndexKey> {
    let mut key = IndexKey::new(type_id, number);
    for property in properties {
        key.push(values.get(property).unwrap_or(&Value::Null))?;
    }
    Ok(key)
}

impl Transaction {
    /// A row meets the conditions of its type.
    pub(super) fn check_conditions(&self, definition: &Arc<TypeDef>, values: &Values) -> Result<()> {
        if definition.checks.is_empty() {
            return Ok(());
        }
        self.store.row_checks()?.check(definition, values)
    }

    /// Brings the entries of a row from its old values to its new ones; `None` stands for no row.
    pub(super) fn index_row(
        &mut self,
        definition: &TypeDef,
        row: RowId,
        old: Option<&Values>,
        new: Option<&Values>,
    ) -> Result<()> {
        if definition.indexes.is_empty() {
            return Ok(());
        }
        for index in &definition.indexes {
            let key = |values: &Values| key_of(definition.id, index, values);
            let (old_key, new_key) = (old.map(key).transpose()?, new.map(key).transpose()?);
            if old_key == new_key {
                continue;
            }
            // The new key first: rows that reference the old one may follow to it.
            if let (Some(key), Some(values)) = (new_key, new) {
                self.take_key(definition, index, key, row, values)?;
            }
            if let (Some(key), Some(values)) = (old_key, old) {
                self.leave_key(definition, index, &key, row, values, new)?;
                self.put(Table::IndexEntries, &key.of_row(index.unique, row), None)?;
            }
        }
        if let Some(values) = new {
            for reference in &definition.references {
                let same = |p: &PropertyId| old.is_some_and(|old| old.get(p) == values.get(p));
                if !reference.properties.iter().all(same) {
                    self.expect_referenced(definition, reference, values)?;
                }
            }
        }
        Ok(())
    }

    fn take_key(
        &mut self,
        definition: &TypeDef,
        index: &IndexDef,
        key: IndexKey,
        row: RowId,
        values: &Values,
    ) -> Result<()> {
        let unique = index.unique && !key.has_null();
        let key = key.of_row(index.unique, row);
        if unique {
            if self.indexed_row(&key)?.is_some_and(|other| other != row) {
                return Err(duplicate(definition, index, values));
            }
            self.statement().effects.unique_keys.insert(key.clone());
        }
        self.put(Table::IndexEntries, &key, Some(row.to_bytes().to_vec()))
    }

    /// Removes the entries of a row that is deleted.
    pub(super) fn unindex_row(&mut self, row: RowId) -> Result<()> {
        let definition = match self.catalog.by_id(row.type_id()) {
            Some(definition) if !definition.indexes.is_empty() => Arc::clone(definition),
            _ => return Ok(()),
        };
        if let Some(old) = self.current_values(row)? {
            self.index_row(&definition, row, Some(&old), None)?;
        }
        Ok(())
    }

    /// The values of a row, the running statement's included.
    fn current_values(&self, row: RowId) -> Result<Option<Values>> {
        let mut values = None;
        self.read_current(row, &mut |record| {
            values = Some(record.properties()?.into_iter().collect());
            Ok(())
        })?;
        Ok(values)
    }

    /// The row that a whole key of an index leads to.
    fn indexed_row(&self, key: &[u8]) -> Result<Option<RowId>> {
        let mut row = None;
        self.get_current(Table::IndexEntries, key, &mut |value| {
            row = Some(row_from(value)?);
            Ok(())
        })?;
        Ok(row)
    }

    /// The row with these values in a unique index, the running statement's rows included. `None` also where
    /// a value is NULL: such rows are not compared.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn row_of_key(&self, type_id: TypeId, index: &IndexDef, values: &Values) -> Result<Option<RowId>> {
        let key = key_of(type_id, index, values)?;
        if !index.unique || key.has_null() {
            return Ok(None);
        }
        self.indexed_row(key.prefix())
    }

    /// The rows whose entries begin with some values.
    fn rows_under(&mut self, prefix: &[u8]) -> Result<Vec<RowId>> {
        let end = behind(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = Vec::new();
        self.with_current(|view| {
            view.scan_raw(Table::IndexEntries, (Bound::Included(prefix), end), &mut |_, value| {
                rows.push(row_from(value)?);
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(rows)
    }

    /// The statement's end finds the row that a reference names.
    pub(super) fn expect_referenced(
        &mut self,
        definition: &TypeDef,
        reference: &ReferenceDef,
        values: &Values,
    ) -> Result<()> {
        let key = key_over(reference.target, reference.target_index, &reference.properties, values)?;
        if key.has_null() {
            return Ok(());
        }
        self.rely_on(reference.target);
        let pending = Pending::Referenced {
            key: key.prefix().to_vec(),
            what: format!(
                "{} ({}) = ({})",
                definition.name,
                definition.names_of(&reference.properties),
                shown(&reference.properties, values)
            ),
            target: reference.target,
            constraint: reference.name.clone(),
        };
        self.statement().effects.pending.push(pending);
        Ok(())
    }

    /// What references a key that a row gives up: it follows, goes, or must be gone at the statement's end.
    fn leave_key(
        &mut self,
        definition: &TypeDef,
        index: &IndexDef,
        key: &IndexKey,
        row: RowId,
        old: &Values,
        new: Option<&Values>,
    ) -> Result<()> {
        if key.has_null() {
            return Ok(());
        }
        for child in &definition.referenced_by {
            let Some(child) = self.catalog.by_id(*child).cloned() else { continue };
            for reference in &child.references {
                if (reference.target, reference.target_index) == (definition.id, index.number) {
                    let left = Left { definition, index, key, row, old, new };
                    self.release_references(&left, &child, reference)?;
                }
            }
        }
        Ok(())
    }

    fn release_references(
        &mut self,
        left: &Left<'_>,
        child: &TypeDef,
        reference: &ReferenceDef,
    ) -> Result<()> {
        let Some(own) = child.index(reference.own_index) else { return Ok(()) };
        let pairs = own.properties.iter().zip(&left.index.properties);
        let value = |values: &Values, property| values.get(property).cloned().unwrap_or_default();
        let under: Values = pairs.clone().map(|(own, theirs)| (*own, value(left.old, theirs))).collect();
        let prefix = key_of(child.id, own, &under)?;
        self.rely_on(child.id);
        self.statement().effects.unreferenced.insert(prefix.prefix().to_vec());
        let action = if left.new.is_some() { reference.on_update } else { reference.on_delete };
        if action == ReferenceAction::Restrict {
            let pending = Pending::Unreferenced {
                key: left.key.prefix().to_vec(),
                prefix: prefix.prefix().to_vec(),
                what: format!(
                    "{} ({}) = ({})",
                    child.name,
                    child.names_of(&own.properties),
                    shown(&own.properties, &under)
                ),
                target: left.definition.name.clone(),
                constraint: reference.name.clone(),
            };
            self.statement().effects.pending.push(pending);
            return Ok(());
        }
        for referencing in self.rows_under(prefix.prefix())? {
            if referencing == left.row {
                if left.new.is_some() {
                    return Err(Error::unsupported(format!(
                        "a row of {} that references itself cannot change its key",
                        left.definition.name
                    ))
                    .with_hint("set the reference to NULL first"));
                }
                continue;
            }
            match (action, left.new) {
                (ReferenceAction::Cascade, None) => {
                    self.delete(referencing)?;
                }
                (ReferenceAction::Cascade, Some(new)) => {
                    let values = pairs.clone().map(|(own, theirs)| (*own, value(new, theirs))).collect();
                    self.update(referencing, values)?;
                }
                _ => {
                    let values = own.properties.iter().map(|own| (*own, Value::Null)).collect();
                    self.update(referencing, values)?;
                }
            }
        }
        Ok(())
    }

    /// Judges what a statement leaves to its end: every row that is referenced is there.
    ///
    /// # Errors
    /// `Constraint`: the statement has to be aborted.
    pub fn check_statement(&mut self) -> Result<()> {
        let pending =
            self.statement.as_mut().map_or_else(Vec::new, |s| std::mem::take(&mut s.effects.pending));
        pending.into_iter().try_for_each(|pending| self.check_pending(&pending))
    }

    pub(super) fn check_pending(&mut self, pending: &Pending) -> Result<()> {
        match pending {
            Pending::Referenced { key, what, target, constraint } => match self.indexed_row(key)? {
                Some(row) => {
                    self.statement().effects.referenced.insert(key.clone(), row);
                    Ok(())
                }
                None => {
                    let target = self.catalog.by_id(*target).map_or("?", |t| t.name.as_str());
                    Err(Error::constraint(format!(
                        "{what} references a row of {target} that does not exist (constraint {constraint})"
                    ))
                    .with_sqlstate(sqlstate::FOREIGN_KEY_VIOLATION)
                    .with_hint(format!("insert the row of {target} first")))
                }
            },
            Pending::Unreferenced { key, prefix, what, target, constraint } => {
                if self.indexed_row(key)?.is_some() || self.rows_under(prefix)?.is_empty() {
                    return Ok(());
                }
                Err(Error::constraint(format!(
                    "{what} still references the row of {target} (constraint {constraint})"
                ))
                .with_sqlstate(sqlstate::FOREIGN_KEY_VIOLATION)
                .with_hint("delete or change the referencing rows first, or declare ON DELETE CASCADE"))
            }
        }
    }
}

/// A row that gives up a key.
struct Left<'a> {
    definition: &'a TypeDef,
    index: &'a IndexDef,
    key: &'a IndexKey,
    row: RowId,
    old: &'a Values,
    /// `None`: the row is deleted.
    new: Option<&'a Values>,
}

/// What is judged at a statement's end.
#[derive(Debug, Clone)]
pub(crate) enum Pending {
    /// A row of a key must be there.
    Referenced {
        key: Vec<u8>,
        /// The row that references it, for a message.
        what: String,
        target: TypeId,
        constraint: String,
    },
    /// Unless the key is there again, no row may reference it.
    Unreferenced {
        key: Vec<u8>,
        /// What the entries of such rows begin with.
        prefix: Vec<u8>,
        what: String,
        target: String,
        constraint: String,
    },
}

pub(super) fn duplicate(definition: &TypeDef, index: &IndexDef, values: &Values) -> Error {
    Error::constraint(format!(
        "a row of {} with ({}) = ({}) exists already ({} {})",
        definition.name,
        definition.names_of(&index.properties),
        shown(&index.properties, values),
        if index.origin == IndexOrigin::PrimaryKey { "primary key" } else { "unique" },
        index.name
    ))
    .with_sqlstate(sqlstate::UNIQUE_VIOLATION)
}

fn shown(properties: &[PropertyId], values: &Values) -> String {
    let one = |p: &PropertyId| values.get(p).map_or_else(|| "NULL".to_owned(), preview);
    properties.iter().map(one).collect::<Vec<_>>().join(", ")
}
