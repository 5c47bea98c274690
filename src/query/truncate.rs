//! TRUNCATE: all rows of the named types go, in one statement.
//!
//! Edges that hang on the nodes of a named type and are of no named type go only with CASCADE.

use std::ops::ControlFlow;

use sqlparser::ast::{CascadeOption, Truncate, TruncateIdentityOption};

use crate::model::{Error, Result, TypeDef};
use crate::storage::{Deleted, Transaction};

use super::ddl::{no_table, table_name};
use super::dml::{CHECK_ROWS, edges_went, hanging_edges};
use super::error::refuse;
use super::session::{CommandResult, Run};

/// Runs a TRUNCATE.
///
/// # Errors
/// `NotFound`; `Constraint` with the count of the edges that hang on the nodes.
pub fn truncate(run: &Run, transaction: &mut Transaction, truncate: &Truncate) -> Result<CommandResult> {
    if truncate.partitions.is_some() || truncate.on_cluster.is_some() {
        return Err(refuse("this form of TRUNCATE", "use TRUNCATE [TABLE] a, b [CASCADE]"));
    }
    if truncate.identity == Some(TruncateIdentityOption::Restart) {
        return Err(refuse("RESTART IDENTITY", "leave it out: there are no sequences"));
    }
    let catalog = transaction.catalog();
    let (mut types, mut missing): (Vec<&TypeDef>, Vec<String>) = (Vec::new(), Vec::new());
    for target in &truncate.table_names {
        let wanted = table_name(run, &target.name)?;
        match catalog.get(&wanted) {
            Some(def) => types.push(def),
            None if truncate.if_exists => missing.push(wanted),
            None => return Err(no_table(run, &target.name, &wanted, &catalog)),
        }
    }
    // Edges first: those of named types go on their own account.
    types.sort_by_key(|def| !def.is_edge());
    let (mut count, mut edges) = (0, 0);
    for def in types {
        let went = empty(run, transaction, def)?;
        count += if def.is_edge() { went.edges } else { went.nodes };
        edges += if def.is_edge() { 0 } else { went.edges };
    }
    if edges > 0 && truncate.cascade != Some(CascadeOption::Cascade) {
        return Err(hanging_edges(edges)
            .with_hint("TRUNCATE ... CASCADE deletes them too; or name their types as well"));
    }
    let mut result = CommandResult::new("TRUNCATE", count);
    if edges > 0 {
        result = result.with_note(edges_went(edges));
    }
    if !missing.is_empty() {
        result = result.with_note(format!("{} did not exist", missing.join(", ")));
    }
    Ok(result)
}

/// Deletes all rows of a type.
fn empty(run: &Run, transaction: &mut Transaction, def: &TypeDef) -> Result<Deleted> {
    let mut rows = Vec::new();
    transaction.view().scan(def.id, 0, u64::MAX, &mut |row, _| {
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut went = Deleted::default();
    for (number, row) in rows.into_iter().enumerate() {
        if number.is_multiple_of(CHECK_ROWS) {
            run.cancel.check()?;
        }
        if let Some(deleted) = transaction.delete(row)? {
            went.nodes += deleted.nodes;
            went.edges += deleted.edges;
        }
    }
    if went.nodes + went.edges == 0 && transaction.catalog().by_id(def.id).is_none() {
        return Err(Error::not_found("the type was dropped"));
    }
    Ok(went)
}
