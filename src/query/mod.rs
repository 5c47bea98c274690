//! SQL: statements over the graph, planned and run by DataFusion.
//!
//! ```text
//!  text ─▶ statement (limits, parser) ─▶ rewrite + semantics (syntax tree) ─▶ DataFusion plan
//!                                                                               │
//!     SELECT: rows ◀── scan (access plan over a View) ◀── provider ◀────────────┤
//!     INSERT, UPDATE, DELETE: rows and values found the same way ─▶ Transaction ◀┘
//! ```
//!
//! PostgreSQL's documentation is the reference for what a statement means. What is not supported is
//! refused by name. Must never: use DataFusion's own hooks for changing tables, reach files from
//! SQL, let a wrong answer of the planner pass (see `semantics`).

mod statement;
mod dialect;
mod rewrite;
mod semantics;
mod types;
mod literal;
mod session;
mod ddl;
mod dml;
mod insert;
mod provider;
mod columns;
mod access;
mod scan;
mod arrow_value;
mod error;

pub use access::{PlanStep, QueryPlan};
pub use arrow_value::{property_type_of, value_at};
pub use error::from_datafusion_at as error_from;
pub use session::{CommandResult, Outcome, SqlOptions, SqlSession};
pub use statement::{relocate, split_statements, statement_at};
