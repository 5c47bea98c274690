//! Single records and walks over the graph: commands that answer at once.

use uuid::Uuid;

use crate::engine::records::{self, no_record};
use crate::graph;
use crate::model::{CancelToken, Error, NodeId, Result};
use crate::storage::Transaction;

use super::reach::Reach;
use super::walks::{edge_groups, node_of};
use super::{Command, EventBody, Inspection, RecordBody, StorageFacts};

/// The stored bytes shown at most.
const RAW_BYTES_SHOWN: usize = 64 << 10;
/// Rows of a column chunk.
const CHUNK_ROWS: u64 = 8192;

/// What a command answers before its closing event.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) bodies: Vec<EventBody>,
    pub(super) rows: u64,
    pub(super) note: Option<String>,
}

impl Answer {
    pub(super) fn one(body: EventBody, rows: usize) -> Result<Self> {
        Ok(Self { bodies: vec![body], rows: rows as u64, note: None })
    }
}

pub(super) fn perform(reach: &Reach, command: Command, cancel: &CancelToken) -> Result<Answer> {
    match command {
        Command::Inspect { id } => inspected(reach, id, cancel),
        Command::InsertNode { node_type, id, properties } => {
            let insert = |tx: &mut Transaction| records::insert_node(tx, &node_type, id, properties.clone());
            inspected(reach, reach.write(cancel, insert)?.0, cancel)
        }
        Command::InsertEdge { edge_type, from, to, properties } => {
            let insert =
                |tx: &mut Transaction| records::insert_edge(tx, &edge_type, from, to, properties.clone());
            inspected(reach, reach.write(cancel, insert)?.0, cancel)
        }
        Command::UpdateRecord { id, properties } => {
            reach.write(cancel, |tx| records::update(tx, id, properties.clone()))?;
            inspected(reach, id, cancel)
        }
        Command::DeleteRecord { id, edge_only } => delete(reach, id, edge_only, cancel),
        other => super::walks::perform(&reach.view(), other, cancel),
    }
}

fn inspected(reach: &Reach, id: Uuid, cancel: &CancelToken) -> Result<Answer> {
    let view = reach.view();
    let row = view.row_of(id)?.ok_or_else(|| {
        no_record(id).with_hint("it may have been deleted; ids are shown in the column `id`")
    })?;
    let definition = view.catalog().by_id(row.type_id()).ok_or_else(|| no_record(id))?;
    let mut found = None;
    view.read(row, &mut |record| {
        let body = match (record.to_node(definition)?, record.to_edge(definition)?) {
            (Some(node), _) => RecordBody::Node(node),
            (None, Some(edge)) => RecordBody::Edge(edge),
            (None, None) => {
                return Err(Error::corrupt(format!("the record of {id} is neither node nor edge")));
            }
        };
        let bytes = record.stored_bytes();
        let storage = StorageFacts {
            row: row.0,
            sequence: row.sequence(),
            chunk: row.sequence() / CHUNK_ROWS,
            bytes: bytes.len() as u64,
            lsn: record.lsn(),
            raw: bytes.iter().take(RAW_BYTES_SHOWN).copied().collect(),
        };
        found = Some((body, storage, record.ends()));
        Ok(())
    })?;
    let (record, storage, ends) = found.ok_or_else(|| no_record(id))?;
    let (edges, ends) = match ends {
        None => (edge_groups(&view, NodeId(id), cancel)?, None),
        Some(ends) => {
            let end = |row| graph::describe(&view, row).map(node_of);
            (Vec::new(), Some((end(ends.from_row)?, end(ends.to_row)?)))
        }
    };
    Answer::one(EventBody::Inspected(Box::new(Inspection { record, edges, ends, storage })), 1)
}

fn delete(reach: &Reach, id: Uuid, edge_only: bool, cancel: &CancelToken) -> Result<Answer> {
    if edge_only {
        let view = reach.view();
        let row = view.row_of(id)?.ok_or_else(|| no_record(id))?;
        if view.edge_at(row)?.is_none() {
            return Err(Error::bad_input(format!("{id} is a node, an edge is needed"))
                .with_hint("`delete` deletes a node with its edges"));
        }
    }
    let deleted = reach.write(cancel, |tx| records::delete(tx, id))?;
    let note = match (deleted.nodes, deleted.edges) {
        (0, _) => None,
        (_, 1) => Some("1 edge deleted with it".to_owned()),
        (_, edges) => Some(format!("{edges} edges deleted with it")),
    };
    Ok(Answer { bodies: Vec::new(), rows: 1, note })
}
