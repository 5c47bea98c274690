//! Graph: neighbours, traversal and paths over a view.
//!
//! Everything here reads adjacency, ordered by edge handle and so by edge type first, and touches
//! records only for what is returned. Hubs are usual (a node with tens of thousands of edges), so
//! counting is a scan of keys, collecting is bounded, and long work looks at a cancel token.
//!
//! Results are deterministic: the same view and question give the same answer in the same order.

pub mod algorithms;
mod count;
pub mod csr;
mod describe;
mod edges;
mod filter;
mod neighbourhood;
mod network;
mod path;
pub mod regular;
mod traverse;

pub use count::Tree;
pub use describe::{Described, Describer, describe};
pub use edges::{EdgeGroup, EdgeItem, EdgePage, Neighbour, edge_groups, edge_page, neighbours};
pub use filter::EdgeFilter;
pub use neighbourhood::{Neighbourhood, Stub, neighbourhood};
pub use network::{Both, Graphs, LiveEdges, Network, node_types};
pub use path::{Path, shortest_path};
pub use traverse::{Level, traverse};

use crate::model::{EdgeId, RowId};

/// An edge between two nodes of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it lives.
    pub row: RowId,
    /// Its identity.
    pub id: EdgeId,
    /// The name of its type.
    pub edge_type: String,
    /// The node it leaves, by place in the result's nodes.
    pub from: u32,
    /// The node it enters, by place in the result's nodes.
    pub to: u32,
}

#[cfg(test)]
mod tests;
