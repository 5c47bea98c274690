//! AresaDB: an embedded multi-model database. One property graph is the foundation; the same data
//! is key-value (`NodeId -> Node`), relational (a node or edge type is a table) and graph.
//!
//! # The house
//!
//! A module imports only what stands below it; `tests/it/layers.rs` enforces it.
//!
//! ```text
//!  bin/aresadb   bin/aresadb-tui      arguments, exit code, terminal restored: nothing else
//!       cli            tui            words and screens; know only the bus and model types
//!              bus                    Command in, Event out; queue, cancel, progress, paging
//!            engine                   Database: open, session, close; ties the parts together
//!    query     transfer               SQL -> rows  |  CSV, JSON, Parquet, Arrow in and out
//!              graph                 traversal, paths and algorithms over a View; edges in memory
//!             columnar               values and chunks of rows as Arrow columns
//!             storage                 Store: views, checked writes, commits, redb tables
//!              model                  values, nodes, edges, ids, schema, errors: no I/O
//! ```
//!
//! # How a statement flows
//!
//! ```text
//!  SQL ─▶ query::statement ─▶ DataFusion plan ─▶ scan(View) ─▶ Arrow batches ─▶ bus pages ─▶ screen
//!                │                                  ▲
//!                └─ DML: SELECT finds rows ─▶ Transaction (checked, layered) ─▶ Store::commit ─▶ redb
//! ```
//!
//! # What is deliberately absent
//!
//! The engine reads no environment variable and no home folder. Nothing writes to redb but
//! `storage`. Nothing is acknowledged before it is durable. There is no global state.

// In reading order, from the ground up.
pub mod bus;
pub mod cli;
pub mod columnar;
pub mod engine;
pub mod graph;
pub mod model;
pub mod query;
pub mod storage;
pub mod transfer;
pub mod tui;

pub use engine::{
    CacheFigures, Compacted, Database, Executor, OpenOptions, RowStream, Session, StatementResult,
    TransactionState,
};
pub use model::{
    CancelToken, Config, Direction, Edge, EdgeId, Error, ErrorKind, Node, NodeId, Properties, PropertyType,
    Result, Value,
};
