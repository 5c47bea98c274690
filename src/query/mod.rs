//! SQL: statements over the graph, planned and run by DataFusion.

mod arrow_value;

pub use arrow_value::value_at;
