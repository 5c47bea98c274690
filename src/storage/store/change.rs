//! From a finished transaction to what the log and the memtable take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Error, Result, TypeDef, TypeId, TypeKind};
use crate::storage::backend::Table;
use crate::storage::catalog::Catalog;
use crate::storage::keys::{row_from, type_key};
use crate::storage::log::{LogEntry, PAYLOAD_MAX_BYTES, Payload};
use crate::storage::merge::Layer;
use crate::storage::record::stamp_lsn;
use crate::storage::view::{CountChange, View};
use crate::storage::write::Effects;

/// A transaction's net effect, before it has a number. Made without holding up other commits.
pub(super) struct Change {
    /// The rows, their ids and adjacency; records have lsn 0.
    layer: Layer,
    pub(super) counts: BTreeMap<TypeId, CountChange>,
    /// The rows' entries.
    payloads: Vec<Payload>,
    /// The types of the rows.
    pub(super) types: Vec<TypeId>,
}

impl Change {
    pub(super) fn new(layers: Vec<Arc<Layer>>, effects: &Effects, compress: bool) -> Result<Self> {
        let layer = merged(layers);
        let mut counts = BTreeMap::new();
        let mut types = BTreeSet::new();
        let mut payloads = Vec::new();
        let mut bytes = Vec::new();
        let mut add = |entry: LogEntry<'_>, type_id: TypeId| {
            entry.count(&mut counts);
            types.insert(type_id);
            entry.encode(&mut bytes);
            if bytes.len() >= PAYLOAD_MAX_BYTES {
                cut(&mut bytes, &mut payloads, compress);
            }
        };
        // Deletes first: a new row may have the id of one that goes.
        for table in [Table::Nodes, Table::Edges] {
            for (key, _) in layer.table(table).iter().filter(|(_, record)| record.is_none()) {
                let row = row_from(key)?;
                // A row that the transaction made itself and took back was never there.
                if let Some(gone) = effects.deleted.get(&row)
                    && (gone.lsn != 0 || effects.changed.contains_key(&row))
                {
                    add(gone.entry(row), row.type_id());
                }
            }
        }
        for table in [Table::Nodes, Table::Edges] {
            for (key, record) in layer.table(table) {
                let Some(record) = record else { continue };
                let row = row_from(key)?;
                let known = effects.changed.contains_key(&row);
                let entry = match (table == Table::Nodes, known) {
                    (true, true) => LogEntry::UpdateNode { row, record },
                    (true, false) => LogEntry::InsertNode { row, record },
                    (false, true) => LogEntry::UpdateEdge { row, record },
                    (false, false) => LogEntry::InsertEdge { row, record },
                };
                add(entry, row.type_id());
            }
        }
        for (key, value) in layer.table(Table::IndexEntries) {
            let entry = match value {
                Some(row) => LogEntry::Indexed { row: row_from(row)?, key },
                None => LogEntry::Unindexed { key },
            };
            entry.encode(&mut bytes);
            if bytes.len() >= PAYLOAD_MAX_BYTES {
                cut(&mut bytes, &mut payloads, compress);
            }
        }
        if !bytes.is_empty() {
            payloads.push(Payload::new(&bytes, compress));
        }
        Ok(Change { layer, counts, payloads, types: types.into_iter().collect() })
    }

    /// The writes for the memtable and the payloads for the log, once it is known what the transaction
    /// stands on.
    pub(super) fn seal(
        mut self,
        effects: &Effects,
        latest: &View,
        catalog: &Catalog,
        lsn: u64,
    ) -> Result<(Layer, Vec<Payload>, Vec<TypeId>)> {
        for table in [Table::Nodes, Table::Edges] {
            self.layer.table_mut(table).values_mut().flatten().for_each(|record| stamp_lsn(record, lsn));
        }
        let definitions = self.define(effects, catalog)?;
        for (id, change) in &self.counts {
            let value = match effects.dropped.contains_key(id) {
                true => None,
                false => Some(change.apply(latest.counter(*id)?).encode()),
            };
            self.layer.table_mut(Table::Counters).insert(type_key(*id).to_vec(), value);
        }
        for id in effects.dropped.keys() {
            self.layer.table_mut(Table::Counters).insert(type_key(*id).to_vec(), None);
        }
        let parts = definitions.chunks(PAYLOAD_MAX_BYTES).map(|part| Payload::new(part, true));
        self.payloads.splice(0..0, parts);
        if self.payloads.is_empty() {
            // It took back all it did, and has a number all the same.
            self.payloads.push(Payload::new(&[], false));
        }
        Ok((self.layer, self.payloads, self.types))
    }

    /// Puts new and dropped definitions into the layer; returns their entries.
    fn define(&mut self, effects: &Effects, catalog: &Catalog) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut put = |layer: &mut Layer, entry: LogEntry<'_>| {
            entry.encode(&mut bytes);
            entry.operations(&mut |table, key, value| {
                layer.table_mut(table).insert(key.to_vec(), value.map(<[u8]>::to_vec));
                Ok(())
            })
        };
        for (id, (name, _)) in &effects.dropped {
            put(&mut self.layer, LogEntry::DropType { id: *id, name })?;
        }
        for id in effects.redefined.keys() {
            // A type made and dropped in one transaction has no definition any more.
            let Some(definition) = catalog.by_id(*id) else { continue };
            if let TypeKind::Edge(ends) = definition.kind {
                self.types.extend([ends.from, ends.to].into_iter().flatten());
            }
            let definition = encode_definition(definition)?;
            put(&mut self.layer, LogEntry::DefineType { id: *id, definition: &definition })?;
        }
        Ok(bytes)
    }
}

/// The layers as one. Copied only while some view of the transaction still reads them.
fn merged(layers: Vec<Arc<Layer>>) -> Layer {
    let mut layers = layers.into_iter();
    let mut merged = layers.next().map(Arc::unwrap_or_clone).unwrap_or_default();
    for layer in layers {
        let layer = Arc::unwrap_or_clone(layer);
        for (table, changes) in Table::ALL.into_iter().zip(layer.tables) {
            merged.table_mut(table).extend(changes);
        }
    }
    merged
}

/// Moves whole payloads out of `bytes`.
fn cut(bytes: &mut Vec<u8>, payloads: &mut Vec<Payload>, compress: bool) {
    let whole = bytes.len() / PAYLOAD_MAX_BYTES * PAYLOAD_MAX_BYTES;
    let rest = bytes.split_off(whole);
    payloads.extend(bytes.chunks(PAYLOAD_MAX_BYTES).map(|part| Payload::new(part, compress)));
    *bytes = rest;
}

pub(super) fn encode_definition(definition: &TypeDef) -> Result<Vec<u8>> {
    serde_json::to_vec(definition)
        .map_err(|e| Error::internal(format!("a definition cannot be written: {e}")))
}
