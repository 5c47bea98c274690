//! Numbers for names, and sequences for rows: given out outside transactions.
//!
//! Two transactions that insert into one type, or both meet a new property, agree on the numbers
//! at once and so do not conflict. A transaction that rolls back leaves holes, nothing else: no
//! number is ever given twice for different things while the store is open, and what became durable
//! keeps its number for good.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::model::{Error, PropertyId, Result, RowId, TypeDef, TypeId};

/// Hands out type ids, property ids and row sequences.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    names: Mutex<Names>,
    sequences: RwLock<HashMap<TypeId, Arc<AtomicU64>>>,
}

#[derive(Debug, Default)]
struct Names {
    types: HashMap<String, TypeId>,
    /// Numbers of types that were dropped: never given to a name again.
    retired: HashSet<TypeId>,
    next_type: u32,
    properties: HashMap<TypeId, HashMap<String, PropertyId>>,
    next_property: HashMap<TypeId, u32>,
}

impl Names {
    fn next_type_id(&mut self) -> Result<TypeId> {
        let id = TypeId(self.next_type);
        if id > TypeId::MAX {
            return Err(Error::out_of_space("the database has used up its 16,777,215 type numbers")
                .with_hint("export it and import it into a new database"));
        }
        self.next_type += 1;
        Ok(id)
    }
}

impl Interner {
    /// Learns a durable definition and the sequence its next row gets.
    pub(crate) fn learn(&self, definition: &TypeDef, next_sequence: u64) {
        let mut names = self.names.lock();
        // A name that was its own before a renaming is free.
        names.types.retain(|name, id| *id != definition.id || *name == definition.name);
        names.types.insert(definition.name.clone(), definition.id);
        if let Some(known) = names.properties.get_mut(&definition.id) {
            known.retain(|name, id| definition.property_by_id(*id).is_none_or(|p| p.name == *name));
        }
        names.next_type = names.next_type.max(definition.id.0 + 1);
        for property in &definition.properties {
            names.properties.entry(definition.id).or_default().insert(property.name.clone(), property.id);
            let next = names.next_property.entry(definition.id).or_default();
            *next = (*next).max(property.id.0 + 1);
        }
        drop(names);
        self.sequence(definition.id).fetch_max(next_sequence, Ordering::Relaxed);
    }

    /// Learns the sequence that a type's next row gets.
    pub(crate) fn learn_sequence(&self, id: TypeId, next_sequence: u64) {
        self.sequence(id).fetch_max(next_sequence, Ordering::Relaxed);
    }

    /// Starts type numbers at `next`: those below were used, by types that may be dropped by now.
    pub(crate) fn start_types_at(&self, next: u32) {
        let mut names = self.names.lock();
        names.next_type = names.next_type.max(next);
    }

    /// One past the highest type number given out.
    pub(crate) fn next_type(&self) -> u32 {
        self.names.lock().next_type
    }

    /// The number of a type's name.
    pub(crate) fn type_id(&self, name: &str) -> Result<TypeId> {
        let mut names = self.names.lock();
        if let Some(id) = names.types.get(name) {
            return Ok(*id);
        }
        let id = names.next_type_id()?;
        names.types.insert(name.to_owned(), id);
        Ok(id)
    }

    /// A number that no name has yet: for a type whose name still belongs to one that the same
    /// transaction drops.
    pub(crate) fn fresh_type_id(&self) -> Result<TypeId> {
        let mut names = self.names.lock();
        names.next_type_id()
    }

    /// Forgets the name of a type that was dropped: the name's next use is another type.
    pub(crate) fn forget_type(&self, name: &str, id: TypeId) {
        let mut names = self.names.lock();
        names.retired.insert(id);
        if names.types.get(name) == Some(&id) {
            names.types.remove(name);
        }
    }

    /// Whether a type of this number was dropped.
    pub(crate) fn is_retired(&self, id: TypeId) -> bool {
        self.names.lock().retired.contains(&id)
    }

    /// The number of a property's name.
    pub(crate) fn property_id(&self, type_id: TypeId, name: &str) -> PropertyId {
        let mut names = self.names.lock();
        if let Some(id) = names.properties.get(&type_id).and_then(|p| p.get(name)) {
            return *id;
        }
        let next = names.next_property.entry(type_id).or_default();
        let id = PropertyId(*next);
        *next += 1;
        names.properties.entry(type_id).or_default().insert(name.to_owned(), id);
        id
    }

    /// A property number that no name has yet: for a name whose number is a renamed property's.
    pub(crate) fn fresh_property_id(&self, type_id: TypeId) -> PropertyId {
        let mut names = self.names.lock();
        let next = names.next_property.entry(type_id).or_default();
        let id = PropertyId(*next);
        *next += 1;
        id
    }

    /// A new row handle of a type.
    pub(crate) fn next_row(&self, type_id: TypeId) -> Result<RowId> {
        let sequence = self.sequence(type_id).fetch_add(1, Ordering::Relaxed);
        if sequence > RowId::MAX_SEQUENCE {
            return Err(Error::out_of_space("the type has used up its 2^40 row numbers"));
        }
        Ok(RowId::new(type_id, sequence))
    }

    fn sequence(&self, type_id: TypeId) -> Arc<AtomicU64> {
        if let Some(sequence) = self.sequences.read().get(&type_id) {
            return Arc::clone(sequence);
        }
        Arc::clone(self.sequences.write().entry(type_id).or_default())
    }
}
