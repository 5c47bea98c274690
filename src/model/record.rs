//! Nodes and edges as the outside sees them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EdgeId, NodeId, Value};

/// Properties by name.
pub type Properties = BTreeMap<String, Value>;

/// A node with all its properties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its identity.
    pub id: NodeId,
    /// The name of its type.
    pub node_type: String,
    /// Its properties by name; a property without a value is left out.
    pub properties: Properties,
    /// When it was inserted, in microseconds since 1970.
    pub created_at: i64,
    /// When it was last changed, in microseconds since 1970.
    pub updated_at: i64,
}

/// An edge with all its properties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Its identity.
    pub id: EdgeId,
    /// The node it leaves.
    pub from: NodeId,
    /// The node it enters.
    pub to: NodeId,
    /// The name of its type.
    pub edge_type: String,
    /// Its properties by name; a property without a value is left out.
    pub properties: Properties,
    /// When it was inserted, in microseconds since 1970.
    pub created_at: i64,
    /// When it was last changed, in microseconds since 1970.
    pub updated_at: i64,
}

/// Which way edges are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the node the edge leaves to the one it enters.
    #[default]
    Out,
    /// Against it.
    In,
    /// Either way.
    Both,
}
