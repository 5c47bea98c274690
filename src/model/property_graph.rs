//! Property graphs of one's own: some node and edge types under a name, with labels and properties.

use serde::{Deserialize, Serialize};

use super::{PropertyType, TypeId};

/// A property graph: which types it is made of, and how patterns see their rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphDef {
    /// Its nodes; a type stands here once.
    pub nodes: Vec<GraphElement>,
    /// Its edges; a type stands here once, and the types of its ends are among the nodes.
    pub edges: Vec<GraphElement>,
}

/// A type as an element of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphElement {
    /// Its name in the graph.
    pub name: String,
    /// The type.
    pub type_id: TypeId,
    /// The columns that KEY names; none where it was not written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Its labels; at least one.
    pub labels: Vec<GraphLabel>,
    /// The properties of all its labels.
    pub properties: Vec<GraphProperty>,
}

/// A label of an element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphLabel {
    /// The label.
    pub name: String,
    /// The names of the properties it has.
    pub properties: Vec<String>,
}

/// A property of an element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphProperty {
    /// Its name.
    pub name: String,
    /// The SQL expression over the type's columns.
    pub expression: String,
    /// What its values are.
    pub property_type: PropertyType,
}

impl GraphDef {
    /// Nodes, then edges.
    pub fn elements(&self) -> impl Iterator<Item = &GraphElement> {
        self.nodes.iter().chain(&self.edges)
    }

    /// The element that a type is.
    #[must_use]
    pub fn of_type(&self, id: TypeId) -> Option<&GraphElement> {
        self.elements().find(|element| element.type_id == id)
    }
}

impl GraphElement {
    /// The property of a name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&GraphProperty> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// The label of a name.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&GraphLabel> {
        self.labels.iter().find(|label| label.name == name)
    }
}
