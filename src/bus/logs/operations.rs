//! A transaction of the log in words: what it did to which record.
//!
//! The log's entries hold row handles and property numbers; a segment carries the definitions that
//! its entries use. [`Definitions`] follows them.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{EdgeEnds, Error, NodeId, Properties, Result, RowId, TypeDef, TypeId, TypeKind, Value};
use crate::storage::{LogEntry, LoggedTransaction, RecordView};

/// Operations told in one event; a transaction that did more is told in several.
const OPERATIONS_A_PART: usize = 500;

/// A transaction of the log, or a part of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogTransaction {
    /// Its number.
    pub lsn: u64,
    /// All up to this number was durable when it was written.
    pub durable_lsn: u64,
    /// When it was committed, in microseconds since 1970.
    pub time_micros: i64,
    /// The number of its segment.
    pub segment: u64,
    /// Where it starts there, in bytes.
    pub offset: u64,
    /// What it takes there, in bytes.
    pub bytes: u64,
    /// The records it consists of.
    pub records: u32,
    /// What it did, in order.
    pub operations: Vec<LogOperation>,
    /// More of it follows.
    pub more: bool,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogAction {
    /// A node was inserted.
    Insert,
    /// Properties of a node or edge were set.
    Update,
    /// A node was deleted.
    Delete,
    /// An edge was inserted.
    Link,
    /// An edge was deleted.
    Unlink,
    /// A type was made or changed, or is repeated for those who read the segment alone.
    Define,
    /// A type was dropped.
    Drop,
    /// All up to a transaction was written to the tables.
    Checkpoint,
}

impl LogAction {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LogAction::Insert => "insert",
            LogAction::Update => "update",
            LogAction::Delete => "delete",
            LogAction::Link => "link",
            LogAction::Unlink => "unlink",
            LogAction::Define => "define type",
            LogAction::Drop => "drop type",
            LogAction::Checkpoint => "checkpoint",
        }
    }
}

/// One thing that a transaction did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogOperation {
    /// What was done.
    pub action: LogAction,
    /// The type, by name where the log tells it.
    pub type_name: Option<String>,
    /// The record's row handle.
    pub row: Option<u64>,
    /// The record's id.
    pub id: Option<Uuid>,
    /// An edge's ends: the node it leaves and the one it enters.
    pub ends: Option<(NodeId, NodeId)>,
    /// The properties the record has from then on.
    pub properties: Option<Properties>,
    /// More: a definition, or what a checkpoint reached.
    pub detail: Option<String>,
}

impl fmt::Display for LogOperation {
    /// `insert package 0190... {"name":"libc6"}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.name())?;
        if let Some(name) = &self.type_name {
            write!(f, " {name}")?;
        }
        if let Some(id) = self.id {
            write!(f, " {id}")?;
        }
        if let Some((from, to)) = self.ends {
            write!(f, " {from} -> {to}")?;
        }
        if let Some(properties) = self.properties.as_ref().filter(|p| !p.is_empty() || self.ends.is_none()) {
            write!(f, " {}", Value::Object(properties.clone()).to_json())?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " {detail}")?;
        }
        Ok(())
    }
}

impl LogOperation {
    fn new(action: LogAction) -> Self {
        Self { action, type_name: None, row: None, id: None, ends: None, properties: None, detail: None }
    }
}

/// The definitions that the log has told so far.
#[derive(Debug, Default)]
pub(super) struct Definitions(HashMap<TypeId, TypeDef>);

impl Definitions {
    pub(super) fn get(&self, id: TypeId) -> Option<&TypeDef> {
        self.0.get(&id)
    }

    /// Takes in what a transaction defines.
    ///
    /// # Errors
    /// `Corrupt` for an entry or a definition that is none.
    pub(super) fn learn(&mut self, transaction: &LoggedTransaction<'_>) -> Result<()> {
        for entry in transaction.entries() {
            if let LogEntry::DefineType { id, definition } = entry? {
                self.0.insert(id, parse(definition)?);
            }
        }
        Ok(())
    }

    /// Lets go what a transaction drops: its deletes still name the type.
    pub(super) fn forget_dropped(&mut self, transaction: &LoggedTransaction<'_>) {
        for entry in transaction.entries().map_while(Result::ok) {
            if let LogEntry::DropType { id, .. } = entry {
                self.0.remove(&id);
            }
        }
    }
}

fn parse(definition: &[u8]) -> Result<TypeDef> {
    serde_json::from_slice(definition)
        .map_err(|e| Error::corrupt(format!("a type's definition in the log is damaged: {e}")))
}

/// A transaction in parts of a bounded size; none where it is only read for its definitions.
pub(super) fn described(
    transaction: &LoggedTransaction<'_>,
    definitions: &mut Definitions,
    told: bool,
) -> Result<Vec<LogTransaction>> {
    let operations = if told { operations(transaction.entries(), definitions)? } else { Vec::new() };
    definitions.learn(transaction)?;
    definitions.forget_dropped(transaction);
    if !told {
        return Ok(Vec::new());
    }
    let part = |operations: &[LogOperation], more| LogTransaction {
        lsn: transaction.lsn,
        durable_lsn: transaction.durable_lsn,
        time_micros: i64::try_from(transaction.time_micros).unwrap_or(i64::MAX),
        segment: transaction.segment,
        offset: transaction.offset,
        bytes: transaction.bytes,
        records: transaction.records,
        operations: operations.to_vec(),
        more,
    };
    let parts = operations.len().div_ceil(OPERATIONS_A_PART).max(1);
    let mut chunks = operations.chunks(OPERATIONS_A_PART);
    Ok((1..=parts).map(|n| part(chunks.next().unwrap_or_default(), n < parts)).collect())
}

/// Entries in words. A definition that is only repeated is left out.
fn operations<'e>(
    entries: impl Iterator<Item = Result<LogEntry<'e>>>,
    definitions: &Definitions,
) -> Result<Vec<LogOperation>> {
    let mut operations = Vec::new();
    // A transaction's own definitions hold for all of its entries.
    let mut own: HashMap<TypeId, TypeDef> = HashMap::new();
    let mut rest = Vec::new();
    for entry in entries {
        match entry? {
            LogEntry::DefineType { id, definition } => {
                let definition = parse(definition)?;
                let known = own.get(&id).or_else(|| definitions.get(id));
                if known != Some(&definition) {
                    let name = |id| own.get(&id).or_else(|| definitions.get(id)).map(|t| t.name.clone());
                    operations.push(defined(&definition, name));
                }
                own.insert(id, definition);
            }
            entry => rest.push(entry),
        }
    }
    for entry in rest {
        let (row, record) = row_and_record(&entry);
        let definition =
            row.and_then(|row| own.get(&row.type_id()).or_else(|| definitions.get(row.type_id())));
        operations.extend(operation(&entry, row, record, definition)?);
    }
    Ok(operations)
}

/// The row an entry is about, and the record it has from then on.
pub(super) fn row_and_record<'e>(entry: &LogEntry<'e>) -> (Option<RowId>, Option<&'e [u8]>) {
    match *entry {
        LogEntry::InsertNode { row, record }
        | LogEntry::UpdateNode { row, record }
        | LogEntry::InsertEdge { row, record }
        | LogEntry::UpdateEdge { row, record } => (Some(row), Some(record)),
        LogEntry::DeleteNode { row, .. } | LogEntry::DeleteEdge { row, .. } => (Some(row), None),
        LogEntry::DefineType { .. }
        | LogEntry::DropType { .. }
        | LogEntry::Checkpoint { .. }
        | LogEntry::Indexed { .. }
        | LogEntry::Unindexed { .. } => (None, None),
    }
}

fn operation(
    entry: &LogEntry<'_>,
    row: Option<RowId>,
    record: Option<&[u8]>,
    definition: Option<&TypeDef>,
) -> Result<Option<LogOperation>> {
    let mut operation = LogOperation::new(match entry {
        LogEntry::InsertNode { .. } => LogAction::Insert,
        LogEntry::InsertEdge { .. } => LogAction::Link,
        LogEntry::UpdateNode { .. } | LogEntry::UpdateEdge { .. } => LogAction::Update,
        LogEntry::DeleteNode { .. } => LogAction::Delete,
        LogEntry::DeleteEdge { .. } => LogAction::Unlink,
        LogEntry::DefineType { .. } => LogAction::Define,
        LogEntry::DropType { .. } => LogAction::Drop,
        LogEntry::Checkpoint { .. } => LogAction::Checkpoint,
        // What follows from the rows is not told again.
        LogEntry::Indexed { .. } | LogEntry::Unindexed { .. } => return Ok(None),
    });
    operation.row = row.map(|row| row.0);
    operation.type_name =
        row.map(|row| definition.map_or_else(|| format!("type {}", row.type_id().0), |t| t.name.clone()));
    if let Some(bytes) = record {
        let record = RecordView::new(bytes)?;
        operation.id = Some(record.id());
        operation.ends = record.ends().map(|ends| (ends.from, ends.to));
        let mut properties = Properties::new();
        for (id, value) in record.properties()? {
            let name = definition.and_then(|t| t.property_by_id(id)).map(|p| p.name.clone());
            properties.insert(name.unwrap_or_else(|| format!("property {}", id.0)), value);
        }
        operation.properties = Some(properties);
    }
    match *entry {
        LogEntry::DeleteNode { id, .. } | LogEntry::DeleteEdge { id, .. } => operation.id = Some(id),
        LogEntry::DropType { name, .. } => operation.type_name = Some(name.to_owned()),
        LogEntry::Checkpoint { flushed } => operation.detail = Some(format!("up to lsn {flushed}")),
        _ => {}
    }
    Ok(Some(operation))
}

/// `define type package node (name TEXT NOT NULL, size INTEGER)`
fn defined(definition: &TypeDef, name: impl Fn(TypeId) -> Option<String>) -> LogOperation {
    let kind = match definition.kind {
        TypeKind::Node if !definition.has_rows() => definition.what().to_owned(),
        TypeKind::Node => "node".to_owned(),
        TypeKind::Edge(EdgeEnds { from: None, to: None }) => "edge".to_owned(),
        TypeKind::Edge(EdgeEnds { from, to }) => {
            let named = |id: TypeId| name(id).unwrap_or_else(|| format!("type {}", id.0));
            let end = |id: Option<TypeId>| id.map_or_else(|| "any".to_owned(), named);
            format!("edge from {} to {}", end(from), end(to))
        }
    };
    let properties: Vec<String> = (definition.properties.iter())
        .map(|p| format!("{} {}{}", p.name, p.property_type, if p.not_null { " NOT NULL" } else { "" }))
        .collect();
    let elements = definition.graph.iter().flat_map(|graph| graph.elements()).map(|e| e.name.clone());
    let properties: Vec<String> = properties.into_iter().chain(elements).collect();
    let mut operation = LogOperation::new(LogAction::Define);
    operation.type_name = Some(definition.name.clone());
    operation.detail = Some(format!("{kind} ({})", properties.join(", ")));
    operation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PropertyDef, PropertyId, PropertyType};
    use crate::storage::EdgeEndsRef;
    use crate::storage::NewRecord;

    fn package() -> TypeDef {
        TypeDef {
            declared: true,
            properties: vec![PropertyDef {
                id: PropertyId(0),
                name: "name".to_owned(),
                property_type: PropertyType::String,
                declared: true,
                not_null: true,
                default: None,
            }],
            ..TypeDef::new(TypeId(1), "package", TypeKind::Node)
        }
    }

    fn record(id: u128, ends: Option<EdgeEndsRef>, properties: Vec<(PropertyId, Value)>) -> Vec<u8> {
        let record = NewRecord { id: Uuid::from_u128(id), ends, created_at: 0, updated_at: 0, properties };
        record.encode(true).unwrap()
    }

    fn words(entries: Vec<LogEntry<'_>>, definitions: &Definitions) -> Vec<String> {
        let operations = operations(entries.into_iter().map(Ok), definitions).unwrap();
        operations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_entry_has_its_words() {
        let node = RowId::new(TypeId(1), 5);
        let edge = RowId::new(TypeId(2), 0);
        let definition = serde_json::to_vec(&package()).unwrap();
        let inserted = record(7, None, vec![(PropertyId(0), Value::from("libc6"))]);
        let ends = EdgeEndsRef {
            from: NodeId(Uuid::from_u128(7)),
            to: NodeId(Uuid::from_u128(8)),
            from_row: node,
            to_row: node,
        };
        let linked = record(9, Some(ends), vec![(PropertyId(3), Value::Integer(4))]);
        let entries = vec![
            LogEntry::InsertNode { row: node, record: &inserted },
            LogEntry::UpdateNode { row: node, record: &inserted },
            LogEntry::InsertEdge { row: edge, record: &linked },
            LogEntry::DeleteEdge { row: edge, id: Uuid::from_u128(9), from: node, to: node },
            LogEntry::DeleteNode { row: node, id: Uuid::from_u128(7) },
            LogEntry::DropType { id: TypeId(1), name: "package" },
            LogEntry::Checkpoint { flushed: 41 },
            // Stands behind what it defines; it holds for the whole transaction.
            LogEntry::DefineType { id: TypeId(1), definition: &definition },
        ];
        let id = |n: u128| Uuid::from_u128(n).to_string();
        let expected = [
            "define type package node (name TEXT NOT NULL)".to_owned(),
            format!("insert package {} {{\"name\":\"libc6\"}}", id(7)),
            format!("update package {} {{\"name\":\"libc6\"}}", id(7)),
            format!("link type 2 {} {} -> {} {{\"property 3\":4}}", id(9), id(7), id(8)),
            format!("unlink type 2 {}", id(9)),
            format!("delete package {}", id(7)),
            "drop type package".to_owned(),
            "checkpoint up to lsn 41".to_owned(),
        ];
        assert_eq!(words(entries, &Definitions::default()), expected);
    }

    #[test]
    fn a_repeated_definition_is_not_told_again_and_a_changed_one_is() {
        let same = serde_json::to_vec(&package()).unwrap();
        let mut changed = package();
        changed.properties.clear();
        let known = Definitions(HashMap::from([(TypeId(1), package())]));
        let define = |definition| vec![LogEntry::DefineType { id: TypeId(1), definition }];
        assert_eq!(words(define(&same), &known), [""; 0]);
        let changed = serde_json::to_vec(&changed).unwrap();
        assert_eq!(words(define(&changed), &known), ["define type package node ()"]);
    }

    #[test]
    fn entries_that_are_none_are_errors() {
        let definitions = Definitions::default();
        let damaged = [
            LogEntry::InsertNode { row: RowId(1), record: b"\x01" },
            LogEntry::DefineType { id: TypeId(1), definition: b"{" },
        ];
        for entry in damaged {
            let error = operations([Ok(entry)].into_iter(), &definitions).unwrap_err();
            assert_eq!(error.kind(), crate::model::ErrorKind::Corrupt);
        }
    }
}
