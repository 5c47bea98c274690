//! Records, ids and adjacency: each against the others.

use uuid::Uuid;

use super::{Fault, Finding, Found, Walk, table_of};
use crate::model::{NodeId, Result, RowId, TypeDef, TypeId, TypeKind};
use crate::storage::backend::Table;
use crate::storage::chunks::ChunkVersion;
use crate::storage::index_key::owner;
use crate::storage::keys::{self, adjacency_key};
use crate::storage::record::{EdgeEndsRef, RecordView};
use crate::storage::write::{Values, key_of};

/// The record at hand: what its findings say of it.
struct At {
    table: Table,
    row: RowId,
    id: Option<Uuid>,
    lsn: Option<u64>,
}

/// One of an edge's ends.
struct End {
    /// `leaves` or `enters`.
    verb: &'static str,
    node: NodeId,
    row: RowId,
    other: RowId,
    declared: Option<TypeId>,
    /// Where the edge stands at this node.
    table: Table,
}

impl Walk<'_> {
    fn found_at(&mut self, at: &At, fault: Fault, message: impl Into<String>) {
        let type_name = self.type_name(at.row);
        self.found(Finding {
            type_name,
            row: Some(at.row),
            id: at.id,
            lsn: at.lsn,
            ..Finding::new(fault, at.table.name(), message)
        });
    }

    fn wrong_key(&mut self, table: Table) -> Result<()> {
        self.found(Finding::new(Fault::Entry, table.name(), "a key or its value has the wrong length"));
        Ok(())
    }

    /// An entry of `chunks`.
    pub(super) fn chunk(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match (keys::u64_from(key), ChunkVersion::decode(value)) {
            (Ok(_), Ok(_)) => Ok(()),
            _ => self.wrong_key(Table::Chunks),
        }
    }

    /// An entry of `nodes` or `edges`.
    pub(super) fn record(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let Ok(row) = keys::row_from(key) else { return self.wrong_key(table) };
        let mut at = At { table, row, id: None, lsn: None };
        let view = self.view;
        let Some(definition) = view.catalog().by_id(row.type_id()) else {
            at.id = RecordView::new(value).ok().map(|record| record.id());
            let message = format!("it belongs to type {}, which does not exist", row.type_id().0);
            self.found_at(&at, Fault::Orphan, message);
            return Ok(());
        };
        if table_of(definition) != table {
            let (is, stands) = if definition.is_edge() { ("an edge", "nodes") } else { ("a node", "edges") };
            self.found_at(
                &at,
                Fault::Kind,
                format!("by its handle it is {is}, and it stands among the {stands}"),
            );
            return Ok(());
        }
        let seen = self.rows.entry(row.type_id()).or_default();
        seen.live += 1;
        seen.next_sequence = seen.next_sequence.max(row.sequence() + 1);
        let record = match RecordView::new(value) {
            Ok(record) => record,
            Err(error) => {
                self.found_at(&at, Fault::Record, error.message());
                return Ok(());
            }
        };
        (at.id, at.lsn) = (Some(record.id()), Some(record.lsn()));
        if record.ends().is_some() != definition.is_edge() {
            let (is, wanted) =
                if definition.is_edge() { ("a node", "an edge") } else { ("an edge", "a node") };
            self.found_at(&at, Fault::Kind, format!("its record is {is}'s, {wanted}'s is needed"));
            return Ok(());
        }
        // A committed record has the number of its commit, and the first commit is number 1.
        if record.lsn() == 0 || record.lsn() > view.lsn() {
            let message =
                format!("it was changed by commit {}, the last one is {}", record.lsn(), view.lsn());
            self.found_at(&at, Fault::Lsn, message);
        }
        self.properties(&at, definition, &record);
        self.own_entries(&at, definition, &record)?;
        self.own_id(&at, record.id())?;
        match (record.ends(), definition.kind) {
            (Some(ends), TypeKind::Edge(declared)) => {
                self.end(&at, &leaves(&ends, declared.from))?;
                self.end(&at, &enters(&ends, declared.to))
            }
            _ => Ok(()),
        }
    }

    fn properties(&mut self, at: &At, definition: &TypeDef, record: &RecordView<'_>) {
        let mut last = None;
        let mut given = Vec::new();
        for (id, value) in record.each_property() {
            if last.is_some_and(|last| last >= id) {
                self.found_at(
                    at,
                    Fault::Property,
                    format!("its property {} stands twice, or not in order", id.0),
                );
            }
            last = Some(id);
            let Some(property) = definition.property_by_id(id) else {
                let message = format!("it has a property {}, which its type does not have", id.0);
                self.found_at(at, Fault::Property, message);
                continue;
            };
            match value {
                Err(error) => {
                    let message =
                        format!("the value of '{}' cannot be read: {}", property.name, error.message());
                    self.found_at(at, Fault::Value, message);
                    given.push(id);
                }
                Ok(value) => {
                    if !property.property_type.holds(&value) {
                        let is = value.property_type().map_or_else(|| "NULL".to_owned(), |t| t.to_string());
                        let message =
                            format!("'{}' is {}, its value is {is}", property.name, property.property_type);
                        self.found_at(at, Fault::Value, message);
                    }
                    if !value.is_null() {
                        given.push(id);
                    }
                }
            }
        }
        for property in definition.properties.iter().filter(|p| p.not_null && !given.contains(&p.id)) {
            self.found_at(
                at,
                Fault::MissingValue,
                format!("'{}' must have a value and has none", property.name),
            );
        }
    }

    /// A record stands in each index of its type.
    fn own_entries(&mut self, at: &At, definition: &TypeDef, record: &RecordView<'_>) -> Result<()> {
        if definition.indexes.is_empty() {
            return Ok(());
        }
        // A value that cannot be read was told.
        let Ok(values) = record.properties() else { return Ok(()) };
        let values: Values = values.into_iter().collect();
        for index in &definition.indexes {
            let Ok(key) = key_of(definition.id, index, &values) else {
                let message = format!("it has a value that the index '{}' cannot hold", index.name);
                self.found_at(at, Fault::Index, message);
                continue;
            };
            let key = key.of_row(index.unique, at.row);
            match self.look_up(Table::IndexEntries, &key, |bytes| keys::row_from(bytes).ok())? {
                Found::Yes(row) if row == at.row => {}
                Found::Yes(row) => {
                    let message = format!("the index '{}' leads to row {} for its values", index.name, row.0);
                    self.found_at(at, Fault::Index, message);
                }
                Found::No => {
                    self.found_at(at, Fault::Index, format!("the index '{}' does not have it", index.name));
                }
                Found::Unknown => {}
            }
        }
        Ok(())
    }

    /// An entry of `index_entries`.
    pub(super) fn index_entry(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let (Some((type_id, number)), Ok(row)) = (owner(key), keys::row_from(value)) else {
            return self.wrong_key(Table::IndexEntries);
        };
        let at = At { table: Table::IndexEntries, row, id: None, lsn: None };
        let definition = self.view.catalog().by_id(type_id);
        let Some((definition, index)) = definition.and_then(|t| Some((t, t.index(number)?))) else {
            self.found_at(
                &at,
                Fault::StrayIndex,
                format!("it belongs to no index (type {}, {number})", type_id.0),
            );
            return Ok(());
        };
        let (type_id, name, index) = (definition.id, index.name.clone(), index.clone());
        let own = self.look_up(table_of(definition), &row.to_bytes(), |bytes| {
            let values: Values = RecordView::new(bytes).ok()?.properties().ok()?.into_iter().collect();
            Some(key_of(type_id, &index, &values).ok()?.of_row(index.unique, row))
        })?;
        match own {
            Found::Yes(own) if own == key && row.type_id() == type_id => {}
            Found::Yes(_) => {
                self.found_at(
                    &at,
                    Fault::StrayIndex,
                    format!("'{name}' leads to row {}, which has other values", row.0),
                );
            }
            Found::No => {
                self.found_at(
                    &at,
                    Fault::StrayIndex,
                    format!("'{name}' leads to row {}, where nothing is", row.0),
                );
            }
            Found::Unknown => {}
        }
        Ok(())
    }

    /// A record's id leads to it.
    fn own_id(&mut self, at: &At, id: Uuid) -> Result<()> {
        match self.row_of(id)? {
            Found::Yes(row) if row == at.row => {}
            Found::Yes(row) => {
                self.found_at(at, Fault::Id, format!("its id leads to row {} instead", row.0));
            }
            Found::No => self.found_at(at, Fault::Id, "its id is not in the table of ids"),
            Found::Unknown => {}
        }
        Ok(())
    }

    /// An edge's end: the node lives, is the one that is named, is of the declared type, and has
    /// the edge.
    fn end(&mut self, at: &At, end: &End) -> Result<()> {
        let End { verb, node, row, .. } = *end;
        match self.id_at(Table::Nodes, row)? {
            Found::Yes(id) if id == node.0 => {}
            Found::Yes(id) => {
                let message = format!("it {verb} node {node}, and {id} lives at that row ({})", row.0);
                self.found_at(at, Fault::End, message);
            }
            Found::No => {
                let message = format!("it {verb} node {node} at row {}, where no node lives", row.0);
                self.found_at(at, Fault::End, message);
            }
            Found::Unknown => {}
        }
        if let Some(declared) = end.declared
            && declared != row.type_id()
        {
            let name = |id: TypeId| {
                let known = self.view.catalog().by_id(id);
                known.map_or_else(|| format!("type {}", id.0), |t| format!("'{}'", t.name))
            };
            let message = format!(
                "it {verb} a node of {}, its type is declared for {}",
                name(row.type_id()),
                name(declared)
            );
            self.found_at(at, Fault::EndType, message);
        }
        let key = adjacency_key(row, at.row);
        match self.look_up(end.table, &key, |bytes| keys::row_from(bytes).ok())? {
            Found::Yes(other) if other == end.other => {}
            Found::Yes(other) => {
                let message = format!(
                    "{} leads from node {node} to row {}, its other end is row {}",
                    end.table.name(),
                    other.0,
                    end.other.0
                );
                self.found_at(at, Fault::Adjacency, message);
            }
            Found::No => {
                let message =
                    format!("it {verb} node {node}, and {} does not have it there", end.table.name());
                self.found_at(at, Fault::Adjacency, message);
            }
            Found::Unknown => {}
        }
        Ok(())
    }

    /// An entry of `ids`.
    pub(super) fn id(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let (Ok(id), Ok(row)) = (Uuid::from_slice(key), keys::row_from(value)) else {
            return self.wrong_key(Table::Ids);
        };
        let at = At { table: Table::Ids, row, id: Some(id), lsn: None };
        let found = match self.view.catalog().by_id(row.type_id()) {
            Some(definition) => self.id_at(table_of(definition), row)?,
            None => match self.id_at(Table::Nodes, row)? {
                Found::No => self.id_at(Table::Edges, row)?,
                found => found,
            },
        };
        match found {
            Found::Yes(own) if own != id => {
                self.found_at(&at, Fault::StrayId, format!("it leads to a record with the id {own}"));
            }
            Found::No => {
                self.found_at(&at, Fault::StrayId, format!("it leads to row {}, where nothing is", row.0))
            }
            Found::Yes(_) | Found::Unknown => {}
        }
        Ok(())
    }

    /// An entry of `edge_from` or `edge_to`. Where the edge stands rightly at this node and leads to
    /// the wrong other one, the edge's own walk has told it.
    pub(super) fn adjacency(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let node = key.get(..8).and_then(|bytes| keys::row_from(bytes).ok());
        let (Some(node), Ok((edge, _))) = (node, keys::adjacency_entry(key, value)) else {
            return self.wrong_key(table);
        };
        let ends = self.look_up(Table::Edges, &edge.to_bytes(), |bytes| {
            RecordView::new(bytes).ok().map(|record| (record.id(), record.ends()))
        })?;
        let mut at = At { table, row: edge, id: None, lsn: None };
        match ends {
            Found::No => {
                let message = format!("the node at row {} has this edge, and it does not exist", node.0);
                self.found_at(&at, Fault::StrayAdjacency, message);
            }
            Found::Yes((id, Some(ends))) => {
                at.id = Some(id);
                let own = if table == Table::EdgeFrom { ends.from_row } else { ends.to_row };
                if own != node {
                    let message =
                        format!("the node at row {} has this edge, whose end is row {}", node.0, own.0);
                    self.found_at(&at, Fault::StrayAdjacency, message);
                }
            }
            // Told by the walk of the edges.
            Found::Yes((_, None)) | Found::Unknown => {}
        }
        Ok(())
    }
}

fn leaves(ends: &EdgeEndsRef, declared: Option<TypeId>) -> End {
    let (node, row, other) = (ends.from, ends.from_row, ends.to_row);
    End { verb: "leaves", node, row, other, declared, table: Table::EdgeFrom }
}

fn enters(ends: &EdgeEndsRef, declared: Option<TypeId>) -> End {
    let (node, row, other) = (ends.to, ends.to_row, ends.from_row);
    End { verb: "enters", node, row, other, declared, table: Table::EdgeTo }
}
