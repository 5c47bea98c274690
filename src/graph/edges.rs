//! The edges of one node: counted, by the page, with their other ends.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::model::{CancelToken, EdgeId, NodeId, Result, RowId, TypeId};
use crate::storage::View;

use super::describe::{Described, Describer};
use super::filter::{EdgeFilter, Ticker, edge_type, node_row};

/// A node's edges of one type and direction, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeGroup {
    /// The type.
    pub type_id: TypeId,
    /// Its name.
    pub edge_type: String,
    /// They leave the node; otherwise they enter it.
    pub outgoing: bool,
    /// How many; a loop counts in both directions.
    pub count: u64,
}

/// A page of a node's edges of one type and direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgePage {
    /// The node.
    pub node: NodeId,
    /// They leave the node.
    pub outgoing: bool,
    /// The name of their type.
    pub edge_type: String,
    /// How many were passed over.
    pub offset: u64,
    /// All there are.
    pub total: u64,
    /// The page, in order of insertion.
    pub items: Vec<EdgeItem>,
}

/// An edge with its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeItem {
    /// The edge.
    pub edge: EdgeId,
    /// The node at its other end.
    pub other: Described,
}

/// An edge of a node, whatever its type and direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The edge.
    pub edge: EdgeId,
    /// The name of its type.
    pub edge_type: String,
    /// It leaves the node.
    pub outgoing: bool,
    /// The node at its other end.
    pub other: Described,
}

/// A node's edges counted by type and direction: outgoing first, then by type name. Reads keys only.
///
/// # Errors
/// `NotFound` for an unknown node, `BadInput` for an edge; `Cancelled`, `Corrupt`, `Io`.
pub fn edge_groups(view: &View, node: NodeId, cancel: &CancelToken) -> Result<Vec<EdgeGroup>> {
    groups_of(view, node_row(view, node)?, &mut Ticker::new(cancel))
}

pub(super) fn groups_of(view: &View, node: RowId, ticker: &mut Ticker<'_>) -> Result<Vec<EdgeGroup>> {
    let mut groups = Vec::new();
    let mut describer = Describer::new(view);
    for outgoing in [true, false] {
        let mut counts: BTreeMap<TypeId, u64> = BTreeMap::new();
        let mut run: (Option<TypeId>, u64) = (None, 0);
        view.adjacent(node, outgoing, None, &mut |edge, _| {
            ticker.tick()?;
            // Edges come by type: a run is added once.
            if run.0 != Some(edge.type_id()) {
                add_run(&mut counts, run);
                run = (Some(edge.type_id()), 0);
            }
            run.1 += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        add_run(&mut counts, run);
        let start = groups.len();
        for (type_id, count) in counts {
            let edge_type = describer.type_name(RowId::new(type_id, 0))?.to_owned();
            groups.push(EdgeGroup { type_id, edge_type, outgoing, count });
        }
        if let Some(added) = groups.get_mut(start..) {
            added.sort_by(|a, b| a.edge_type.cmp(&b.edge_type));
        }
    }
    Ok(groups)
}

fn add_run(counts: &mut BTreeMap<TypeId, u64>, (type_id, count): (Option<TypeId>, u64)) {
    if let Some(type_id) = type_id {
        *counts.entry(type_id).or_default() += count;
    }
}

/// A page of a node's edges of one type and direction, in order of insertion.
///
/// # Errors
/// `NotFound` for an unknown node or type, `BadInput` for an edge or a node type; `Cancelled`,
/// `Corrupt`, `Io`.
pub fn edge_page(
    view: &View,
    node: NodeId,
    edge_type_name: &str,
    outgoing: bool,
    offset: u64,
    limit: u32,
    cancel: &CancelToken,
) -> Result<EdgePage> {
    let row = node_row(view, node)?;
    let type_id = edge_type(view.catalog(), edge_type_name)?;
    let mut ticker = Ticker::new(cancel);
    let mut total = 0u64;
    let mut rows = Vec::new();
    let end = offset.saturating_add(u64::from(limit));
    view.adjacent(row, outgoing, Some(type_id), &mut |edge, other| {
        ticker.tick()?;
        if (offset..end).contains(&total) {
            rows.push((edge, other));
        }
        total += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    let mut describer = Describer::new(view);
    let items = rows
        .into_iter()
        .map(|(edge, other)| {
            ticker.tick()?;
            Ok(EdgeItem { edge: describer.edge_id(edge)?, other: describer.node(other)? })
        })
        .collect::<Result<_>>()?;
    Ok(EdgePage { node, outgoing, edge_type: edge_type_name.to_owned(), offset, total, items })
}

/// The first `limit` edges of a node that are followed: outgoing first, then by type and insertion.
/// A loop followed both ways comes once.
///
/// # Errors
/// `NotFound` for an unknown node, `BadInput` for an edge; `Cancelled`, `Corrupt`, `Io`.
pub fn neighbours(
    view: &View,
    node: NodeId,
    filter: &EdgeFilter,
    limit: usize,
    cancel: &CancelToken,
) -> Result<Vec<Neighbour>> {
    let row = node_row(view, node)?;
    let mut ticker = Ticker::new(cancel);
    let mut rows = Vec::new();
    if limit > 0 {
        filter.visit(view, row, &mut ticker, &mut |edge, other, outgoing| {
            rows.push((edge, other, outgoing));
            Ok(if rows.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    let mut describer = Describer::new(view);
    rows.into_iter()
        .map(|(edge, other, outgoing)| {
            ticker.tick()?;
            let edge_type = describer.type_name(edge)?.to_owned();
            Ok(Neighbour {
                edge: describer.edge_id(edge)?,
                edge_type,
                outgoing,
                other: describer.node(other)?,
            })
        })
        .collect()
}
