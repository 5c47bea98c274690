//! What is done to single records, inside any transaction: a session's or one of its own.

use uuid::Uuid;

use crate::model::{EdgeEnds, EdgeId, Error, NodeId, Properties, Result, RowId, TypeKind};
use crate::storage::{Deleted, Transaction};

/// Inserts a node; its type and new properties are made as needed.
///
/// # Errors
/// As [`Transaction::insert_node`].
pub fn insert_node(
    tx: &mut Transaction,
    node_type: &str,
    id: Option<NodeId>,
    properties: Properties,
) -> Result<NodeId> {
    let type_id = tx.ensure_type(node_type, TypeKind::Node)?;
    let values = tx.resolve_properties(type_id, properties)?;
    Ok(tx.insert_node(type_id, id, values)?.1)
}

/// Inserts an edge; its type and new properties are made as needed.
///
/// # Errors
/// `NotFound` when an end does not exist; as [`Transaction::insert_edge`].
pub fn insert_edge(
    tx: &mut Transaction,
    edge_type: &str,
    from: NodeId,
    to: NodeId,
    properties: Properties,
) -> Result<EdgeId> {
    let row = |tx: &Transaction, id: NodeId| {
        tx.current_row_of(id.0)?.ok_or_else(|| Error::not_found(format!("there is no node {id}")))
    };
    let (from, to) = (row(tx, from)?, row(tx, to)?);
    let type_id = tx.ensure_type(edge_type, TypeKind::Edge(EdgeEnds::default()))?;
    let values = tx.resolve_properties(type_id, properties)?;
    Ok(tx.insert_edge(type_id, None, from, to, values)?.1)
}

/// Sets properties of a node or an edge; NULL removes one, others stay.
///
/// # Errors
/// `NotFound`; as [`Transaction::update`].
pub fn update(tx: &mut Transaction, id: Uuid, properties: Properties) -> Result<()> {
    let row = row_of(tx, id)?;
    let values = tx.resolve_properties(row.type_id(), properties)?;
    if tx.update(row, values)? { Ok(()) } else { Err(no_record(id)) }
}

/// Deletes a node with its edges, or an edge.
///
/// # Errors
/// `NotFound`; as [`Transaction::delete`].
pub fn delete(tx: &mut Transaction, id: Uuid) -> Result<Deleted> {
    let row = row_of(tx, id)?;
    tx.delete(row)?.ok_or_else(|| no_record(id))
}

fn row_of(tx: &Transaction, id: Uuid) -> Result<RowId> {
    tx.current_row_of(id)?.ok_or_else(|| no_record(id))
}

/// The error for an id that no record has.
pub fn no_record(id: Uuid) -> Error {
    Error::not_found(format!("there is no node or edge {id}"))
}
