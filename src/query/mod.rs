//! SQL: statements over the graph, planned and run by DataFusion.

mod access;
mod arrow_value;
mod columns;
mod dialect;
mod error;
mod provider;
mod scan;
mod statement;

pub use arrow_value::{property_type_of, value_at};
pub use error::from_datafusion;
pub use statement::{relocate, split_statements, statement_at};
