//! TRUNCATE: all rows of the named types go, in one statement.
//!
//! Edges that hang on the nodes of a named type and are of no named type go only with CASCADE, and so
//! do the rows of types that reference a named one.

use std::ops::ControlFlow;

use sqlparser::ast::{CascadeOption, Truncate, TruncateIdentityOption};

use crate::model::{Error, Result, TypeDef, sqlstate};
use crate::storage::{Catalog, Transaction};

use super::ddl::{no_table, table_name};
use super::dml::{CHECK_ROWS, Gone, hanging_edges};
use super::error::{quoted, refuse};
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
    let cascade = truncate.cascade == Some(CascadeOption::Cascade);
    let named = types.len();
    add_referencing(&catalog, &mut types, cascade)?;
    let along: Vec<&str> = types.iter().skip(named).map(|def| def.name.as_str()).collect();
    let along = (!along.is_empty()).then(|| format!("{} truncated too", along.join(", ")));
    // Edges first: those of named types go on their own account.
    types.sort_by_key(|def| !def.is_edge());
    let (mut count, mut edges) = (0, 0);
    for def in types {
        let (rows, went) = empty(run, transaction, def)?;
        count += rows;
        edges += went.edges(def);
    }
    if edges > 0 && !cascade {
        return Err(hanging_edges(edges)
            .with_hint("TRUNCATE ... CASCADE deletes them too; or name their types as well"));
    }
    let edges = (edges > 0)
        .then(|| format!("{edges} edge{} deleted with the nodes", if edges == 1 { "" } else { "s" }));
    let missing = (!missing.is_empty()).then(|| format!("{} did not exist", missing.join(", ")));
    let notes: Vec<String> = [edges, along, missing].into_iter().flatten().collect();
    let result = CommandResult::new("TRUNCATE", count);
    Ok(if notes.is_empty() { result } else { result.with_note(notes.join(", ")) })
}

/// The types whose rows reference those of a named one go with CASCADE; without it they must be named,
/// whether they have rows or not, as in PostgreSQL.
fn add_referencing<'c>(catalog: &'c Catalog, types: &mut Vec<&'c TypeDef>, cascade: bool) -> Result<()> {
    let mut at = 0;
    while let Some(def) = types.get(at).copied() {
        at += 1;
        for child in def.referenced_by.iter().filter_map(|id| catalog.by_id(*id)) {
            if types.iter().any(|known| known.id == child.id) {
                continue;
            }
            if !cascade {
                return Err(Error::constraint(format!(
                    "rows of {} reference {}",
                    quoted(&child.name),
                    quoted(&def.name)
                ))
                .with_hint("TRUNCATE ... CASCADE truncates it too; or name it as well")
                .with_sqlstate(sqlstate::FEATURE_NOT_SUPPORTED));
            }
            types.push(child);
        }
    }
    Ok(())
}

/// Deletes all rows of a type.
fn empty(run: &Run, transaction: &mut Transaction, def: &TypeDef) -> Result<(u64, Gone)> {
    let mut rows = Vec::new();
    transaction.view().scan(def.id, 0, u64::MAX, &mut |row, _| {
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    let (count, mut went) = (rows.len() as u64, Gone::default());
    for (number, row) in rows.into_iter().enumerate() {
        if number.is_multiple_of(CHECK_ROWS) {
            run.cancel.check()?;
        }
        went.add(transaction.delete(row)?);
    }
    Ok((count, went))
}
