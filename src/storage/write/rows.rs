//! Rows and edges: inserted, changed, deleted, with their ids, adjacency and counts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use uuid::Uuid;

use crate::model::{
    EdgeId, Error, NodeId, PropertyId, Result, RowId, TypeDef, TypeId, TypeKind, Value, sqlstate,
};
use crate::storage::log::LogEntry;
use crate::storage::record::{EdgeEndsRef, NewRecord, RecordView};

use super::Transaction;
use super::effects::{DeletedRow, NeededNode};
use super::indexes::Values;

/// The longest chain of rows that one delete takes along.
const MAX_CASCADE: usize = 2000;

/// What a delete took, rows that referenced the deleted one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Nodes.
    pub nodes: u64,
    /// Edges, with a node or on their own.
    pub edges: u64,
}

impl Transaction {
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
                ))
                .with_sqlstate(sqlstate::NOT_NULL_VIOLATION));
            }
            admitted.insert(id, value);
        }
        self.rely_on(type_id);
        Ok((definition, admitted))
    }

    /// The commit checks that the definition still holds.
    pub(super) fn rely_on(&mut self, type_id: TypeId) {
        if !self.all_effects().any(|effects| effects.relied_on.contains_key(&type_id))
            && let Some(before) = self.base.catalog().by_id(type_id).cloned()
        {
            self.statement().effects.relied_on.insert(type_id, before);
        }
    }

    fn check_required(definition: &TypeDef, given: &BTreeMap<PropertyId, Value>) -> Result<()> {
        match definition.properties.iter().find(|p| p.not_null && given.get(&p.id).is_none_or(Value::is_null))
        {
            None => Ok(()),
            Some(p) => Err(Error::constraint(format!("{}.{} must not be NULL", definition.name, p.name))
                .with_sqlstate(sqlstate::NOT_NULL_VIOLATION)),
        }
    }

    /// The values that a new row would hold, when the rules that concern it alone let it be inserted.
    ///
    /// # Errors
    /// As [`Transaction::insert_node`], keys and references excepted.
    pub fn admitted(&mut self, type_id: TypeId, values: Vec<(PropertyId, Value)>) -> Result<Values> {
        let (definition, values) = self.admit(type_id, values)?;
        Self::check_required(&definition, &values)?;
        self.check_conditions(&definition, &values)?;
        Ok(values)
    }

    fn free_id(&mut self, id: Option<Uuid>) -> Result<Uuid> {
        let Some(id) = id else { return Ok(self.store.new_id()) };
        if self.current_row_of(id)?.is_some() {
            return Err(Error::constraint(format!("the id {id} is already taken"))
                .with_sqlstate(sqlstate::UNIQUE_VIOLATION));
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
        Ok((row, EdgeId(id)))
    }

    /// As [`Transaction::insert_edge`], between nodes that the caller has read since anything of their types was
    /// last written ([`Store::last_write`](crate::storage::Store::last_write)) and that this transaction does not
    /// delete: they are not looked up again. The commit sees to what others do meanwhile.
    ///
    /// # Errors
    /// As [`Transaction::insert_node`], and `Constraint` for an end of a type that the edge type is not declared for.
    pub fn insert_edge_between(
        &mut self,
        type_id: TypeId,
        id: Option<EdgeId>,
        from: (RowId, NodeId),
        to: (RowId, NodeId),
        values: Vec<(PropertyId, Value)>,
    ) -> Result<(RowId, EdgeId)> {
        for (row, id) in [from, to] {
            self.statement().effects.needed.entry(row).or_insert(NeededNode { id, committed: true });
        }
        let ends = EdgeEndsRef { from: from.1, to: to.1, from_row: from.0, to_row: to.0 };
        let (row, id) = self.insert(type_id, id.map(|id| id.0), Some(ends), values)?;
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
        self.check_conditions(&definition, &values)?;
        let id = self.free_id(id)?;
        let now = self.store.now_micros();
        let row = self.store.interner().next_row(type_id)?;
        self.index_row(&definition, row, None, Some(&values))?;
        let record = NewRecord {
            id,
            ends,
            created_at: now,
            updated_at: now,
            properties: values.into_iter().filter(|(_, v)| !v.is_null()).collect(),
        };
        let record = &record.encode(self.store.compresses())?;
        self.write(&match ends {
            Some(_) => LogEntry::InsertEdge { row, record },
            None => LogEntry::InsertNode { row, record },
        })?;
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
        // A node deleted later in the transaction takes its edges along; no edge may follow.
        if let Some(known) = self.all_effects().find_map(|effects| effects.needed.get(&row))
            && !self.is_deleted(row)
            && self.catalog.by_id(row.type_id()).is_some()
        {
            return Ok(known.id);
        }
        let mut found = None;
        self.read_current(row, &mut |record| {
            found = record.ends().is_none().then(|| (NodeId(record.id()), record.lsn()));
            Ok(())
        })?;
        let (id, lsn) = found.ok_or_else(|| {
            Error::constraint("an edge's end does not exist: it is not a node, or was deleted")
                .with_sqlstate(sqlstate::FOREIGN_KEY_VIOLATION)
        })?;
        // A record that this transaction wrote has no lsn yet, a new one and a changed one alike.
        let committed = lsn != 0 || self.base.read(row, &mut |_| Ok(()))?;
        self.statement().effects.needed.insert(row, NeededNode { id, committed });
        Ok(id)
    }

    fn is_deleted(&self, row: RowId) -> bool {
        self.all_effects().any(|effects| effects.deleted_nodes.contains(&row))
    }

    /// Sets properties of a node or an edge; NULL removes one, others stay. Returns whether the
    /// row exists.
    ///
    /// # Errors
    /// As [`Transaction::insert_node`].
    pub fn update(&mut self, row: RowId, values: Vec<(PropertyId, Value)>) -> Result<bool> {
        let mut before = None;
        self.read_current(row, &mut |record| {
            before = Some((old_record(record)?, record.lsn()));
            Ok(())
        })?;
        let Some((mut record, lsn)) = before else { return Ok(false) };
        let (definition, values) = self.admit(row.type_id(), values)?;
        let old: BTreeMap<PropertyId, Value> = record.properties.into_iter().collect();
        let mut properties = old.clone();
        properties.extend(values);
        Self::check_required(&definition, &properties)?;
        self.check_conditions(&definition, &properties)?;
        // Noted first: what references the row may lead back to it.
        self.note_change(row, lsn);
        self.index_row(&definition, row, Some(&old), Some(&properties))?;
        record.properties = properties.into_iter().filter(|(_, v)| !v.is_null()).collect();
        record.updated_at = self.store.now_micros();
        let record = &record.encode(self.store.compresses())?;
        self.write(&match definition.is_edge() {
            true => LogEntry::UpdateEdge { row, record },
            false => LogEntry::UpdateNode { row, record },
        })?;
        Ok(true)
    }

    /// A record that was not written by this transaction must still be as it was at the commit.
    /// Own records have lsn 0 until then.
    pub(super) fn note_change(&mut self, row: RowId, lsn: u64) {
        if lsn != 0 {
            self.statement().effects.changed.entry(row).or_insert(lsn);
        }
    }

    /// Deletes a node with all its edges, or an edge. `None`: there is no such row.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; `OutOfSpace` past the transaction's memory.
    pub fn delete(&mut self, row: RowId) -> Result<Option<Deleted>> {
        if self.deleting.len() >= MAX_CASCADE || !self.deleting.insert(row) {
            return match self.deleting.contains(&row) {
                // A chain of references came back to it.
                true => Ok(Some(Deleted::default())),
                false => Err(Error::unsupported(format!(
                    "a delete would cascade through more than {MAX_CASCADE} references in a row"
                ))
                .with_hint("delete the rows at the end of the chain first")),
            };
        }
        let nested = self.deleting.len() > 1;
        if !nested {
            self.cascaded = Deleted::default();
        }
        let deleted = self.delete_row(row);
        self.deleting.remove(&row);
        let mut deleted = match deleted {
            Ok(Some(deleted)) => deleted,
            other => return other,
        };
        // What goes with the first row of a chain is told with it.
        if nested {
            self.cascaded.nodes += deleted.nodes;
            self.cascaded.edges += deleted.edges;
        } else {
            deleted.nodes += self.cascaded.nodes;
            deleted.edges += self.cascaded.edges;
        }
        Ok(Some(deleted))
    }

    fn delete_row(&mut self, row: RowId) -> Result<Option<Deleted>> {
        let Some((id, ends, lsn)) = self.head_of(row)? else { return Ok(None) };
        let mut deleted = Deleted::default();
        if ends.is_none() {
            for edge in self.edges_at(row)? {
                // A self-loop stands in both directions and is gone at its second sight.
                if let Some((edge_id, edge_ends, edge_lsn)) = self.head_of(edge)? {
                    self.remove_row(edge, edge_id, edge_ends, edge_lsn)?;
                    self.note_change(edge, edge_lsn);
                    deleted.edges += 1;
                }
            }
            self.statement().effects.deleted_nodes.insert(row);
            deleted.nodes = 1;
        } else {
            deleted.edges = 1;
        }
        self.remove_row(row, id, ends, lsn)?;
        self.note_change(row, lsn);
        Ok(Some(deleted))
    }

    fn head_of(&self, row: RowId) -> Result<Option<(Uuid, Option<EdgeEndsRef>, u64)>> {
        let mut head = None;
        self.read_current(row, &mut |record| {
            head = Some((record.id(), record.ends(), record.lsn()));
            Ok(())
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

    pub(super) fn remove_row(
        &mut self,
        row: RowId,
        id: Uuid,
        ends: Option<EdgeEndsRef>,
        lsn: u64,
    ) -> Result<()> {
        self.rely_on(row.type_id());
        self.unindex_row(row)?;
        let deleted = DeletedRow { id, ends: ends.map(|ends| (ends.from_row, ends.to_row)), lsn };
        self.write(&deleted.entry(row))?;
        self.statement().effects.deleted.insert(row, deleted);
        self.count(row.type_id(), -1, 0);
        Ok(())
    }

    /// Does what an entry says, in the running statement's layer.
    fn write(&mut self, entry: &LogEntry<'_>) -> Result<()> {
        entry.operations(&mut |table, key, value| self.put(table, key, value.map(<[u8]>::to_vec)))
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
