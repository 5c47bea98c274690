//! SQL: statements over the graph, planned and run by DataFusion.

mod arrow_value;
mod dialect;
mod statement;

pub use arrow_value::value_at;
pub use statement::{relocate, split_statements, statement_at};
