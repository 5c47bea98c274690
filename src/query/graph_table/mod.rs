//! SQL/PGQ: GRAPH_TABLE and the statements over property graphs, which the SQL parser does not know.
//!
//! ```text
//!  tokens ─▶ cut ─▶ tokens with `[LATERAL] aresadb_graph_table(n)` in FROM ─▶ the SQL parser
//!             │                   ▲ names
//!             └─▶ parse + element ─▶ check ─▶ GraphTable n  (spans of the text as given)
//!  tokens ─▶ definition_parse ─▶ CREATE / ALTER / DROP PROPERTY GRAPH
//! ```
//!
//! The reference is ISO/IEC 9075-16 as PostgreSQL 19 spells it, and its documentation for the meaning.
//! Beyond PostgreSQL: comma patterns, quantifiers, path prefixes and path variables (as in the standard
//! and GQL, ISO/IEC 39075), `v.*`, and `COST` with `CHEAPEST`. `COST` is spelled as in the drafts of
//! GQL and in Spanner Graph, `-[e IS road COST e.length]->`, and as in PGQL behind a pattern in
//! parentheses, `((a)-[e]->(b) COST e.length + b.toll)*`.
//!
//! Every node of a tree knows its bytes in the text as it was given; trees that differ in places alone
//! are equal. Names are as they were written: [`folded`] is what they mean. Must never: panic on any
//! tokens, or take time that is not linear in them (nested GRAPH_TABLEs count once for each level).
//!
//! Paths with repeated parts and path searches are calls of `query::traverse`, which the query joins.
//!
//! Absent here: what a label or a property is. That is looked up where the table is planned.

mod ast;
mod candidates;
mod check;
mod cut;
mod definition;
mod definition_parse;
mod definition_show;
mod element;
mod element_query;
mod expand;
mod names;
mod parse;
mod placed;
mod reader;
mod repeated;
mod show;
mod traversal;
mod used;
mod walked;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod cut_cases;
#[cfg(test)]
mod definition_cases;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod refused;

pub use ast::At;
pub use cut::{cut, mentions_graph};
pub use definition::{
    AlterAction, AlterPropertyGraph, CreatePropertyGraph, DropBehavior, DropPropertyGraph, EdgeTable,
    ElementKind, ElementTable, EndPoint, GraphStatement, LabelDefinition, Properties, Property,
};
pub use definition_parse::graph_statement;
pub use expand::{WHOLE, expand, expand_noting};
pub use used::is_system;
