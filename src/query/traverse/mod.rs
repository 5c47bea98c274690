//! Path patterns with repeated parts and path searches, as relations.
//!
//! ```text
//!  aresadb_traverse('{...}', (SELECT "_row", ... FROM person WHERE ...), ...) AS " path0"
//!    ─▶ Traverse, whose inputs are the queries: which nodes and edges pass, and what is asked of them
//!    ─▶ TraverseExec: reads the inputs, walks the edges in memory, gives a row for each match
//! ```
//!
//! Absent here: what a pattern means in SQL. `graph_table` writes the call.

mod inputs;
mod logical;
mod output;
mod physical;

use serde::{Deserialize, Serialize};

use crate::graph::regular::Pattern;
use crate::model::TypeId;

pub use logical::{CallPlanner, types_read};
pub use physical::TraversePlanner;

/// The function that stands for a traversal. It cannot be written in SQL: its arguments are no values.
pub const CALL: &str = "aresadb_traverse";

/// What is walked, and what is given of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spec {
    /// The pattern.
    pub pattern: Pattern,
    /// The pattern as it was written, for EXPLAIN.
    pub about: String,
    /// Its elements, by number.
    pub elements: Vec<ElementSpec>,
    /// The columns.
    pub outputs: Vec<(String, Output)>,
}

/// An element of the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ElementSpec {
    /// The types that it may be of.
    pub types: Vec<TypeId>,
    /// An edge, or a node.
    pub is_edge: bool,
    /// What passes, where that is more than the types.
    pub input: Option<InputSpec>,
}

/// A query that tells what an element may be: the first column has the handles.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InputSpec {
    /// Which of the queries.
    pub place: usize,
    /// The second column says whether the edge passes along its direction.
    pub sided: bool,
    /// The column of costs.
    pub cost: Option<usize>,
}

/// What a column has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    /// The id of what an element is bound to; NULL where it is bound to nothing.
    Id(usize),
    /// The number of edges.
    Length,
    /// The sum of the costs.
    Cost,
    /// The ids of nodes, edges or both, in the order of the path.
    Ids {
        /// Those of nodes.
        nodes: bool,
        /// Those of edges.
        edges: bool,
    },
    /// A column of an element's query, of the one thing that the element is bound to.
    First {
        /// The element.
        element: usize,
        /// The column.
        column: usize,
    },
    /// To how many things an element is bound.
    Count(usize),
    /// An aggregate over a column of an element's query.
    Aggregate {
        /// The function.
        function: String,
        /// Over values that differ.
        distinct: bool,
        /// The element.
        element: usize,
        /// The column.
        column: usize,
        /// A further argument: what stands between texts.
        between: Option<String>,
    },
}
