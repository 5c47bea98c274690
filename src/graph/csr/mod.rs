//! Compressed sparse rows: adjacency over dense node numbers, held in plain memory.
//!
//! Nodes are `0..bound` and edges have numbers of their own; both are `u32`. [`Adjacency`] is one
//! direction, [`Csr`] both of one set of edges. What algorithms run over is a [`Graph`]: an adjacency,
//! several of them ([`Combined`]), one with a session's changes on top ([`Overlay`]), part of one
//! ([`Live`]) or both directions taken as one ([`Undirected`]). All are dispatched statically, and none
//! copies what is below it.
//!
//! Invariants: the neighbours of a node are in order of (neighbour, edge), so that whether there is an
//! edge is a binary search and results do not depend on the order of insertion; the reverse direction
//! has the same edges under the same numbers.

mod adjacency;
mod build;
mod combined;
mod graph;
mod live;
mod node_set;
mod overlay;
pub(super) mod parallel;

pub use adjacency::Adjacency;
pub use build::{Csr, EdgeNumbers};
pub use combined::{Combined, Part};
pub use graph::{Directions, Graph, Undirected};
pub use live::Live;
pub use node_set::NodeSet;
pub use overlay::Overlay;

pub(super) use adjacency::{add, at, put};

#[cfg(test)]
pub(super) mod tests;
