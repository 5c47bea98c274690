//! Graph algorithms over [`crate::graph::csr`]: searches, paths, ranks and groups.
//!
//! Every algorithm takes a [`Run`] (cancel token, threads, progress) that its result does not depend on:
//! the same graph and options give the same result in the same order with any number of threads. None
//! recurses, so that long chains are no matter, and an empty graph has an empty result. Values by node
//! have a place for each number below the graph's bound, holes included.
//!
//! Edge numbers are the caller's: weights are asked for by number, and paths name the edges they take.

mod run;

mod all_shortest;
mod bfs;
mod dijkstra;
mod k_shortest;
mod multi_source;
mod path;
mod spur;

mod degree;
mod k_core;
mod simple;
mod triangles;
mod walks;

mod betweenness;
mod pagerank;

mod components;
mod label_propagation;
mod louvain;
mod strong;
mod weighted;

pub use all_shortest::{AllShortest, Paths, all_shortest_paths};
pub use betweenness::{BetweennessOptions, Sources, betweenness};
pub use bfs::{Levels, Limits, UNREACHED, distances, levels};
pub use components::{Groups, NO_GROUP, connected_components};
pub use degree::{DegreeKind, degrees, mutual_pairs};
pub use dijkstra::{CheapestPaths, Goal, cheapest_path, cheapest_paths};
pub use k_core::core_numbers;
pub use k_shortest::{PathMode, ShortestPaths, k_shortest_paths};
pub use label_propagation::label_propagation;
pub use louvain::{Communities, LouvainOptions, louvain};
pub use multi_source::{Reached, level_sizes, multi_source};
pub use pagerank::{PageRank, PageRankOptions, Weights, pagerank};
pub use path::{Path, shortest_path};
pub use run::{Progress, Run};
pub use simple::simple_undirected;
pub use strong::strong_components;
pub use triangles::{Triangles, triangles};
pub use walks::walk_count;

#[cfg(test)]
mod tests;
