//! The integration tests: one binary, so that DataFusion is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods)]

mod backup;
mod bus;
mod caches;
mod chunks;
mod cli;
mod differential;
#[cfg(debug_assertions)]
mod faults;
mod formats;
mod formats_out;
mod graph_files;
mod graph_functions;
mod graph_paths;
mod held;
mod hostile;
mod indexes;
mod isolation;
mod layers;
mod limits;
mod plans;
mod property_graphs;
mod pty;
mod repeated_paths;
mod row_joins;
mod rules;
mod slt;
mod sql;
mod system;
mod terminal;
mod transfer;
mod tui;
mod upkeep;
mod writes;
