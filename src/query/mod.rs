//! SQL: statements over the graph, planned and run by DataFusion.
//!
//! ```text
//!  text ─▶ statement (limits, parser) ─▶ rewrite + semantics (syntax tree) ─▶ DataFusion plan
//!                                                                               │
//!     SELECT: rows ◀── scan (access plan over a View) ◀── provider ◀────────────┤
//!     INSERT, UPDATE, DELETE: rows and values found the same way ─▶ Transaction ◀┘
//! ```
//!
//! Between BEGIN and COMMIT the session keeps the `Transaction` and every statement reads its view.
//! PostgreSQL's documentation is the reference for what a statement means. What is not supported is
//! refused by name. Must never: use DataFusion's own hooks for changing tables, reach files from
//! SQL, let a wrong answer of the planner pass (see `semantics`).

mod access;
mod alter;
mod chains;
mod change;
mod checks;
mod chunk_scan;
mod coerce;
mod columns;
mod conflict;
mod create_as;
mod ddl;
mod decimal;
mod dialect;
mod dml;
mod domain;
mod early_semi;
mod edit_source;
mod error;
mod exact;
mod explain;
mod forms;
mod functions;
mod graph_functions;
mod graph_table;
mod ids;
mod indexed;
mod insert;
mod intent;
mod interval;
mod joined;
mod limits;
mod literal;
mod merge;
mod numeric;
mod ordered;
mod output;
mod path_counts;
mod plain_filter;
mod planning;
mod plans;
mod point;
mod prepared;
mod property_graph;
mod provider;
mod prune;
mod quantified;
mod regex;
mod results;
mod returning;
mod rewrite;
mod row_joins;
mod rows;
mod rules;
mod scan;
mod scratch;
mod selectivity;
mod semantics;
mod session;
mod set_operation;
mod settings;
mod signatures;
mod statement;
mod stoppable;
mod strict;
mod subquery;
mod sum;
mod system;
mod transaction;
mod traverse;
mod truncate;
mod types;
mod untyped;
mod views;
mod watch;
mod windows;

use crate::columnar as arrow_value;
pub use crate::columnar::{property_type_of, value_at};
pub use access::{PlanStep, QueryPlan};
pub use checks::Conditions;
pub use edit_source::{EditSource, edit_source};
pub use error::from_datafusion_at as error_from;
pub use intent::{Intent, Loss, Lost, format_statement, statement_intents};
pub use property_graph::definition as graph_definition;
pub use rows::stopped;
pub use session::{CommandResult, Outcome, SqlOptions, SqlSession};
pub use signatures::{Signature, function_signatures};
pub use statement::{relocate, split_statements, statement_at};
pub use system::{CacheFigures, System, caches};
pub use transaction::{SessionTransaction, TransactionState};
