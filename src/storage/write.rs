//! All checked writing: a transaction's rows, edges and schema changes.
//!
//! A [`Transaction`] is a view plus a stack of layers, one per finished statement, plus the layer of
//! the running one. A statement reads the layers below its own ([`Transaction::view`]); checks
//! (does this node live, is this id free) see the running layer too. A failed statement drops its
//! layer and leaves the transaction as it was before.
//!
//! Besides the writes it collects what the commit must check again against the latest committed
//! state ([`Effects`]): snapshot isolation alone does not keep edges attached to living nodes.
//!
//! Must never: write to the backend, or let a value pass that its property's type does not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use uuid::Uuid;

use crate::model::{
    EdgeEnds, EdgeId, Error, NodeId, Properties, PropertyDef, PropertyId, PropertyType, Result, RowId,
    TypeDef, TypeId, TypeKind, Value,
};

use super::backend::Table;
use super::catalog::Catalog;
use super::keys::{adjacency_entry, adjacency_key};
use super::merge::Layer;
use super::record::{EdgeEndsRef, NewRecord, RecordView};
use super::store::Store;
use super::view::{CountChange, View};

/// A transaction: reads see its own writes; nothing is visible to others before
/// [`Store::commit`]. Dropping it rolls it back.
pub struct Transaction {
    store: Arc<Store>,
    base: View,
    layers: Vec<Arc<Layer>>,
    catalog: Arc<Catalog>,
    effects: Effects,
    statement: Option<Statement>,
}

/// The running statement: what goes when it fails.
#[derive(Default)]
struct Statement {
    layer: Layer,
    effects: Effects,
    /// The catalog before it, to go back to.
    catalog: Arc<Catalog>,
}

/// What a transaction relies on and does, besides its writes: the commit checks it again.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) counts: BTreeMap<TypeId, CountChange>,
    /// Committed rows that are changed or deleted, with the lsn they had.
    pub(crate) changed: BTreeMap<RowId, u64>,
    /// Nodes that must live because new edges hang on them.
    pub(crate) needed: HashMap<RowId, NodeId>,
    /// Nodes that are deleted with all their edges.
    pub(crate) deleted_nodes: BTreeSet<RowId>,
    /// Ids that were chosen by the caller and must be free.
    pub(crate) chosen_ids: BTreeSet<Uuid>,
    /// Definitions that rows were checked against.
    pub(crate) relied_on: BTreeMap<TypeId, Arc<TypeDef>>,
    /// Definitions that are new or changed, with the one they replace.
    pub(crate) redefined: BTreeMap<TypeId, Option<Arc<TypeDef>>>,
    /// Types that are dropped, with their name and the sequence that came next.
    pub(crate) dropped: BTreeMap<TypeId, (String, u64)>,
    pub(crate) bytes: u64,
}

impl Effects {
    fn absorb(&mut self, other: Effects) {
        for (id, change) in other.counts {
            self.counts.entry(id).or_default().add(change);
        }
        for (row, lsn) in other.changed {
            self.changed.entry(row).or_insert(lsn);
        }
        self.needed.extend(other.needed);
        self.deleted_nodes.extend(other.deleted_nodes);
        self.chosen_ids.extend(other.chosen_ids);
        for (id, definition) in other.relied_on {
            self.relied_on.entry(id).or_insert(definition);
        }
        for (id, before) in other.redefined {
            self.redefined.entry(id).or_insert(before);
        }
        self.dropped.extend(other.dropped);
        self.bytes += other.bytes;
    }
}

/// What a delete took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Nodes.
    pub nodes: u64,
    /// Edges, with a node or on their own.
    pub edges: u64,
}

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

/// What a transaction hands to the commit.
pub(crate) struct Finished {
    pub(crate) base: View,
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) effects: Effects,
}

impl Transaction {
    pub(crate) fn new(store: Arc<Store>, base: View) -> Self {
        let catalog = Arc::clone(base.catalog());
        Self { store, base, layers: Vec::new(), catalog, effects: Effects::default(), statement: None }
    }

    pub(crate) fn finish(mut self) -> Finished {
        self.end_statement();
        Finished { base: self.base, layers: self.layers, catalog: self.catalog, effects: self.effects }
    }

    /// What a statement reads: the committed state at the transaction's start under the
    /// transaction's finished statements. The running statement's own writes are not in it.
    #[must_use]
    pub fn view(&self) -> View {
        let catalog = self.statement.as_ref().map_or(&self.catalog, |s| &s.catalog);
        self.base.with_layers(
            self.layers.clone().into(),
            Arc::clone(catalog),
            Arc::new(self.effects.counts.clone()),
        )
    }

    /// The catalog with the running statement's changes.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The memory its writes take, in bytes.
    #[must_use]
    pub fn changes_bytes(&self) -> u64 {
        self.effects.bytes + self.statement.as_ref().map_or(0, |s| s.effects.bytes)
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
            && self.statement.as_ref().is_none_or(|s| s.layer.is_empty())
            && self.effects.redefined.is_empty()
            && self.effects.dropped.is_empty()
            && self
                .statement
                .as_ref()
                .is_none_or(|s| s.effects.redefined.is_empty() && s.effects.dropped.is_empty())
    }

    /// Starts a statement; a running one is ended first.
    pub fn begin_statement(&mut self) {
        self.end_statement();
        self.statement();
    }

    /// Keeps what the running statement wrote: later statements see it.
    pub fn end_statement(&mut self) {
        if let Some(statement) = self.statement.take() {
            if !statement.layer.is_empty() {
                self.layers.push(Arc::new(statement.layer));
            }
            self.effects.absorb(statement.effects);
        }
    }

    /// Drops what the running statement wrote.
    pub fn abort_statement(&mut self) {
        if let Some(statement) = self.statement.take() {
            self.catalog = statement.catalog;
        }
    }

    fn statement(&mut self) -> &mut Statement {
        let catalog = &self.catalog;
        self.statement
            .get_or_insert_with(|| Statement { catalog: Arc::clone(catalog), ..Statement::default() })
    }

    fn put(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) -> Result<()> {
        // What a map entry takes besides its bytes, roughly.
        const ENTRY_BYTES: u64 = 64;
        let most = self.store.transaction_max_bytes();
        let statement = self.statement();
        statement.effects.bytes +=
            ENTRY_BYTES + key.len() as u64 + value.as_ref().map_or(0, |v| v.len() as u64);
        statement.layer.table_mut(table).insert(key.to_vec(), value);
        if self.changes_bytes() > most {
            return Err(Error::out_of_space(format!(
                "the transaction holds more than {} MiB of changes",
                most >> 20
            ))
            .with_hint("commit in smaller parts"));
        }
        Ok(())
    }

    fn count(&mut self, type_id: TypeId, live: i64, next_sequence: u64) {
        let change = CountChange { live, next_sequence };
        self.statement().effects.counts.entry(type_id).or_default().add(change);
    }

    /// Runs `read` over everything written so far, the running statement included.
    fn with_current<R>(&mut self, read: impl FnOnce(&View) -> Result<R>) -> Result<R> {
        let (running, layers) = match self.statement.as_mut().filter(|s| !s.layer.is_empty()) {
            None => (None, self.layers.clone()),
            Some(statement) => {
                let running = Arc::new(std::mem::take(&mut statement.layer));
                let mut layers = self.layers.clone();
                layers.push(Arc::clone(&running));
                (Some(running), layers)
            }
        };
        let view = self.base.with_layers(layers.into(), Arc::clone(&self.catalog), Arc::default());
        let result = read(&view);
        drop(view);
        if let (Some(running), Some(statement)) = (running, self.statement.as_mut()) {
            // The view is gone, so this is the only owner and nothing is copied.
            statement.layer = Arc::try_unwrap(running).unwrap_or_else(|shared| (*shared).clone());
        }
        result
    }

    /// Where a record lives, the running statement's own included.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn current_row_of(&mut self, id: Uuid) -> Result<Option<RowId>> {
        self.with_current(|view| view.row_of(id))
    }

    // ---------------------------------------------------------------- schema

    fn redefine(&mut self, definition: TypeDef) {
        let before = self.catalog.by_id(definition.id).cloned();
        let id = definition.id;
        self.statement().effects.redefined.entry(id).or_insert(before);
        Arc::make_mut(&mut self.catalog).put(definition);
    }

    fn check_name(what: &str, name: &str) -> Result<()> {
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return Err(Error::bad_input(format!(
                "'{}' cannot name a {what}",
                crate::model::escape_control(name)
            ))
            .with_hint("names have 1 to 255 bytes and no control characters"));
        }
        Ok(())
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
        Self::check_name("type", name)?;
        let id = self.store.interner().type_id(name)?;
        let kind = if matches!(kind, TypeKind::Edge(_)) { TypeKind::Edge(EdgeEnds::default()) } else { kind };
        self.redefine(TypeDef {
            id,
            name: name.to_owned(),
            kind,
            declared: false,
            open: false,
            properties: Vec::new(),
            version: 1,
        });
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
        Self::check_name("property", name)?;
        let id = self.store.interner().property_id(type_id, name);
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

    /// Declares a type.
    ///
    /// # Errors
    /// `Constraint` when the name is taken or a property is named twice.
    pub fn create_type(&mut self, new: NewType) -> Result<TypeId> {
        Self::check_name("type", &new.name)?;
        if let Some(taken) = self.catalog.get(&new.name) {
            let what = if taken.is_edge() { "an edge type" } else { "a node type" };
            return Err(Error::constraint(format!("there is already {what} '{}'", new.name)));
        }
        let id = self.store.interner().type_id(&new.name)?;
        let mut properties: Vec<PropertyDef> = Vec::with_capacity(new.properties.len());
        for property in new.properties {
            Self::check_name("property", &property.name)?;
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
        self.redefine(TypeDef {
            id,
            name: new.name,
            kind: new.kind,
            declared: true,
            open: new.open,
            properties,
            version: 1,
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
        if !definition.is_edge() {
            self.check_no_edges_at(&definition)?;
        }
        let mut rows = Vec::new();
        let next_sequence = self.with_current(|view| {
            view.scan(type_id, 0, u64::MAX, &mut |row, record| {
                rows.push((row, record.id(), record.ends()));
                Ok(ControlFlow::Continue(()))
            })?;
            view.next_sequence(type_id)
        })?;
        let dropped = rows.len() as u64;
        for (row, id, ends) in rows {
            self.remove_row(row, id, ends)?;
        }
        let statement = self.statement();
        statement.effects.dropped.insert(type_id, (definition.name.clone(), next_sequence));
        statement.effects.relied_on.entry(type_id).or_insert(definition);
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

    // ------------------------------------------------------------------ rows

    /// Values that fit their properties, sorted by id, the last one winning where a property is
    /// given twice.
    fn admit(
        &mut self,
        type_id: TypeId,
        values: Vec<(PropertyId, Value)>,
    ) -> Result<(Arc<TypeDef>, BTreeMap<PropertyId, Value>)> {
        let definition =
            Arc::clone(self.catalog.by_id(type_id).ok_or_else(|| Error::not_found("the type was dropped"))?);
        let mut admitted = BTreeMap::new();
        for (id, value) in values {
            let property = definition.property_by_id(id).ok_or_else(|| {
                Error::internal(format!("{} has no property with number {}", definition.name, id.0))
            })?;
            value.check_nesting()?;
            let value = property.property_type.admit(&property.name, &definition.name, value)?;
            if value.is_null() && property.not_null {
                return Err(Error::constraint(format!(
                    "{}.{} must not be NULL",
                    definition.name, property.name
                )));
            }
            admitted.insert(id, value);
        }
        let known = self.statement().effects.relied_on.contains_key(&type_id);
        if !known {
            let relied_on = self.base.catalog().by_id(type_id).cloned();
            if let Some(before) = relied_on {
                self.statement().effects.relied_on.insert(type_id, before);
            }
        }
        Ok((definition, admitted))
    }

    fn check_required(definition: &TypeDef, given: &BTreeMap<PropertyId, Value>) -> Result<()> {
        match definition.properties.iter().find(|p| p.not_null && given.get(&p.id).is_none_or(Value::is_null))
        {
            None => Ok(()),
            Some(p) => Err(Error::constraint(format!("{}.{} must not be NULL", definition.name, p.name))),
        }
    }

    fn free_id(&mut self, id: Option<Uuid>) -> Result<Uuid> {
        let Some(id) = id else { return Ok(self.store.new_id()) };
        if self.current_row_of(id)?.is_some() {
            return Err(Error::constraint(format!("the id {id} is already taken")));
        }
        self.statement().effects.chosen_ids.insert(id);
        Ok(id)
    }

    /// Inserts a node. Without an id it gets a new one.
    ///
    /// # Errors
    /// `Constraint` for a value that does not fit, a missing value of a NOT NULL property, or an id
    /// that is taken; `OutOfSpace` past the transaction's memory.
    pub fn insert_node(
        &mut self,
        type_id: TypeId,
        id: Option<NodeId>,
        values: Vec<(PropertyId, Value)>,
    ) -> Result<(RowId, NodeId)> {
        let (row, id) = self.insert(type_id, id.map(|id| id.0), None, values)?;
        Ok((row, NodeId(id)))
    }

    /// Inserts an edge between two nodes given by handle. Without an id it gets a new one.
    ///
    /// # Errors
    /// As [`Transaction::insert_node`], and `Constraint` when an end does not live or is of a type
    /// that the edge type is not declared for.
    pub fn insert_edge(
        &mut self,
        type_id: TypeId,
        id: Option<EdgeId>,
        from: RowId,
        to: RowId,
        values: Vec<(PropertyId, Value)>,
    ) -> Result<(RowId, EdgeId)> {
        let ends = EdgeEndsRef {
            from: self.living_node(from)?,
            to: self.living_node(to)?,
            from_row: from,
            to_row: to,
        };
        let (row, id) = self.insert(type_id, id.map(|id| id.0), Some(ends), values)?;
        self.put(Table::EdgeFrom, &adjacency_key(from, row), Some(to.to_bytes().to_vec()))?;
        self.put(Table::EdgeTo, &adjacency_key(to, row), Some(from.to_bytes().to_vec()))?;
        Ok((row, EdgeId(id)))
    }

    fn insert(
        &mut self,
        type_id: TypeId,
        id: Option<Uuid>,
        ends: Option<EdgeEndsRef>,
        values: Vec<(PropertyId, Value)>,
    ) -> Result<(RowId, Uuid)> {
        let (definition, values) = self.admit(type_id, values)?;
        Self::check_required(&definition, &values)?;
        self.check_kind(&definition, ends)?;
        let id = self.free_id(id)?;
        let now = self.store.now_micros();
        let row = self.store.interner().next_row(type_id)?;
        let record = NewRecord {
            id,
            ends,
            created_at: now,
            updated_at: now,
            properties: values.into_iter().filter(|(_, v)| !v.is_null()).collect(),
        };
        let table = if ends.is_some() { Table::Edges } else { Table::Nodes };
        self.put(table, &row.to_bytes(), Some(record.encode(self.store.compresses())?))?;
        self.put(Table::Ids, id.as_bytes(), Some(row.to_bytes().to_vec()))?;
        self.count(type_id, 1, row.sequence() + 1);
        Ok((row, id))
    }

    fn check_kind(&self, definition: &TypeDef, ends: Option<EdgeEndsRef>) -> Result<()> {
        let (kind, ends) = match (definition.kind, ends) {
            (TypeKind::Node, None) => return Ok(()),
            (TypeKind::Edge(kind), Some(ends)) => (kind, ends),
            (TypeKind::Node, Some(_)) => {
                return Err(Error::constraint(format!(
                    "'{}' is a node type, an edge type is needed",
                    definition.name
                )));
            }
            (TypeKind::Edge(_), None) => {
                return Err(Error::constraint(format!(
                    "'{}' is an edge type: an edge needs both its ends",
                    definition.name
                ))
                .with_hint("give from_id and to_id"));
            }
        };
        for (declared, row, which) in [(kind.from, ends.from_row, "leaves"), (kind.to, ends.to_row, "enters")]
        {
            if let Some(declared) = declared
                && declared != row.type_id()
            {
                let name =
                    |id| self.catalog.by_id(id).map_or_else(String::new, |t: &Arc<TypeDef>| t.name.clone());
                return Err(Error::constraint(format!(
                    "an edge of type '{}' {which} a '{}', the node given is a '{}'",
                    definition.name,
                    name(declared),
                    name(row.type_id())
                )));
            }
        }
        Ok(())
    }

    /// The id of a node that lives, for an edge to hang on.
    fn living_node(&mut self, row: RowId) -> Result<NodeId> {
        let known = |effects: &Effects| effects.needed.get(&row).copied();
        // A node deleted later in the transaction takes its edges along; no edge may follow.
        if let Some(id) =
            self.statement.as_ref().and_then(|s| known(&s.effects)).or_else(|| known(&self.effects))
            && !self.is_deleted(row)
        {
            return Ok(id);
        }
        let mut id = None;
        self.with_current(|view| {
            view.read(row, &mut |record| {
                id = record.ends().is_none().then(|| NodeId(record.id()));
                Ok(())
            })
        })?;
        let id = id.ok_or_else(|| {
            Error::constraint("an edge's end does not exist: it is not a node, or was deleted")
        })?;
        self.statement().effects.needed.insert(row, id);
        Ok(id)
    }

    fn is_deleted(&self, row: RowId) -> bool {
        self.effects.deleted_nodes.contains(&row)
            || self.statement.as_ref().is_some_and(|s| s.effects.deleted_nodes.contains(&row))
    }

    /// Sets properties of a node or an edge; NULL removes one, others stay. Returns whether the
    /// row exists.
    ///
    /// # Errors
    /// As [`Transaction::insert_node`].
    pub fn update(&mut self, row: RowId, values: Vec<(PropertyId, Value)>) -> Result<bool> {
        let mut before = None;
        self.with_current(|view| {
            view.read(row, &mut |record| {
                before = Some((old_record(record)?, record.lsn()));
                Ok(())
            })
        })?;
        let Some((mut record, lsn)) = before else { return Ok(false) };
        let (definition, values) = self.admit(row.type_id(), values)?;
        let mut properties: BTreeMap<PropertyId, Value> = record.properties.into_iter().collect();
        properties.extend(values);
        Self::check_required(&definition, &properties)?;
        record.properties = properties.into_iter().filter(|(_, v)| !v.is_null()).collect();
        record.updated_at = self.store.now_micros();
        let table = if definition.is_edge() { Table::Edges } else { Table::Nodes };
        self.put(table, &row.to_bytes(), Some(record.encode(self.store.compresses())?))?;
        self.note_change(row, lsn);
        Ok(true)
    }

    /// A record that was not written by this transaction must still be as it was at the commit.
    /// Own records have lsn 0 until then.
    fn note_change(&mut self, row: RowId, lsn: u64) {
        if lsn != 0 {
            self.statement().effects.changed.entry(row).or_insert(lsn);
        }
    }

    /// Deletes a node with all its edges, or an edge. `None`: there is no such row.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; `OutOfSpace` past the transaction's memory.
    pub fn delete(&mut self, row: RowId) -> Result<Option<Deleted>> {
        let Some((id, ends, lsn)) = self.head_of(row)? else { return Ok(None) };
        let mut deleted = Deleted::default();
        if ends.is_none() {
            for edge in self.edges_at(row)? {
                // A self-loop stands in both directions and is gone at its second sight.
                if let Some((edge_id, edge_ends, edge_lsn)) = self.head_of(edge)? {
                    self.remove_row(edge, edge_id, edge_ends)?;
                    self.note_change(edge, edge_lsn);
                    deleted.edges += 1;
                }
            }
            self.statement().effects.deleted_nodes.insert(row);
            deleted.nodes = 1;
        } else {
            deleted.edges = 1;
        }
        self.remove_row(row, id, ends)?;
        self.note_change(row, lsn);
        Ok(Some(deleted))
    }

    fn head_of(&mut self, row: RowId) -> Result<Option<(Uuid, Option<EdgeEndsRef>, u64)>> {
        let mut head = None;
        self.with_current(|view| {
            view.read(row, &mut |record| {
                head = Some((record.id(), record.ends(), record.lsn()));
                Ok(())
            })
        })?;
        Ok(head)
    }

    fn edges_at(&mut self, node: RowId) -> Result<Vec<RowId>> {
        let mut edges = Vec::new();
        self.with_current(|view| {
            for outgoing in [true, false] {
                view.adjacent(node, outgoing, None, &mut |edge, _| {
                    edges.push(edge);
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            Ok(())
        })?;
        Ok(edges)
    }

    fn remove_row(&mut self, row: RowId, id: Uuid, ends: Option<EdgeEndsRef>) -> Result<()> {
        let table = if let Some(ends) = ends {
            self.put(Table::EdgeFrom, &adjacency_key(ends.from_row, row), None)?;
            self.put(Table::EdgeTo, &adjacency_key(ends.to_row, row), None)?;
            Table::Edges
        } else {
            Table::Nodes
        };
        self.put(table, &row.to_bytes(), None)?;
        self.put(Table::Ids, id.as_bytes(), None)?;
        self.count(row.type_id(), -1, 0);
        Ok(())
    }
}

fn old_record(record: &RecordView<'_>) -> Result<NewRecord> {
    Ok(NewRecord {
        id: record.id(),
        ends: record.ends(),
        created_at: record.created_at(),
        updated_at: record.updated_at(),
        properties: record.properties()?,
    })
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
