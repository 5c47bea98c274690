//! Everything a commit must find true of the latest appended state: first committer wins.
//!
//! Snapshot isolation alone does not keep edges attached to living nodes, so more is checked than
//! the rows that were written: both ends of each new edge live; no edge was added to a node that is
//! deleted; ids that were chosen are free; definitions that rows were checked against still hold; a type
//! that is dropped got no rows.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::model::{Error, Result, RowId, TypeDef, TypeId, TypeKind};
use crate::storage::backend::Table;
use crate::storage::catalog::{Catalog, is_extension, is_observed};
use crate::storage::index_key::behind;
use crate::storage::intern::Interner;
use crate::storage::keys::row_from;
use crate::storage::planted::{Bug, Planted};
use crate::storage::view::View;
use crate::storage::write::{Finished, NeededNode, edge_at_type};

/// Checks a transaction against the latest appended state. See the module's head. `last_writes` says when rows of a
/// type were last written.
///
/// # Errors
/// `Conflict`; `Corrupt`, `Io`.
pub(super) fn check(
    finished: &Finished,
    latest: &View,
    last_writes: &HashMap<TypeId, u64>,
    planted: Planted,
) -> Result<()> {
    let effects = &finished.effects;
    let conflict = |what: &str| Err(conflict(what));
    for (row, seen) in effects.changed.iter().filter(|_| !planted.has(Bug::SkipRowsCheck)) {
        let mut now = None;
        latest.read(*row, &mut |record| {
            now = Some(record.lsn());
            Ok(())
        })?;
        if now != Some(*seen) {
            return conflict("a row that this transaction changes was changed by another");
        }
    }
    // Of a type that nobody wrote to, and that still is, every node lives that did.
    let untouched = |id: TypeId| {
        last_writes.get(&id).is_none_or(|lsn| *lsn <= finished.base.lsn())
            && latest.catalog().by_id(id).is_some()
    };
    let relied_on = |(row, node): &(&RowId, &NeededNode)| {
        node.committed && !untouched(row.type_id()) && !effects.deleted_nodes.contains(row)
    };
    for (row, _) in effects.needed.iter().filter(relied_on).filter(|_| !planted.has(Bug::SkipEndsCheck)) {
        if !latest.read(*row, &mut |_| Ok(()))? {
            return conflict("a node that a new edge hangs on was deleted by another");
        }
    }
    for id in &effects.chosen_ids {
        if latest.row_of(*id)?.is_some() && finished.base.row_of(*id)?.is_none() {
            return conflict("an id that this transaction inserts was taken by another");
        }
    }
    check_readers(finished, latest)?;
    check_keys(finished, latest)?;
    for node in &effects.deleted_nodes {
        check_gained_no_edge(finished, latest, *node)?;
    }
    for (id, seen) in &effects.relied_on {
        let holds = latest.catalog().by_id(*id).is_some_and(|now| is_extension(seen, now));
        if !holds {
            return conflict("the definition of a type that this transaction writes was changed by another");
        }
    }
    for (id, (name, next_sequence)) in &effects.dropped {
        let mut edge = None;
        edge_at_type(latest, *id, &mut edge)?;
        let declared_over = latest.catalog().types().any(|t| {
            matches!(t.kind, TypeKind::Edge(ends) if [ends.from, ends.to].contains(&Some(*id)))
                && !effects.dropped.contains_key(&t.id)
        });
        let read = latest.catalog().readers_of(*id).find(|reader| !effects.dropped.contains_key(&reader.id));
        if let Some(reader) = read {
            return conflict(&format!(
                "'{name}', which this transaction drops, is read by the {} '{}' of another",
                reader.what(),
                reader.name
            ));
        }
        if declared_over || edge.is_some() || latest.next_sequence(*id)? != *next_sequence {
            return conflict(&format!(
                "'{name}', which this transaction drops, got rows or edges from another"
            ));
        }
    }
    Ok(())
}

/// Nobody made or changed a property graph over what this transaction alters otherwise than by adding to it.
fn check_readers(finished: &Finished, latest: &View) -> Result<()> {
    for (id, before) in &finished.effects.redefined {
        let (Some(before), Some(ours)) = (before, finished.catalog.by_id(*id)) else { continue };
        if is_extension(before, ours) {
            continue;
        }
        let known = |reader: &TypeDef| {
            finished.base.catalog().by_id(reader.id).is_some_and(|known| **known == *reader)
        };
        let others =
            |reader: &&Arc<TypeDef>| !known(reader) && !finished.effects.dropped.contains_key(&reader.id);
        if let Some(reader) = latest.catalog().readers_of(*id).find(others) {
            return Err(conflict(&format!(
                "'{}', which this transaction changes, is read by the {} '{}' of another",
                ours.name,
                reader.what(),
                reader.name
            )));
        }
    }
    Ok(())
}

/// Unique keys, and the rows that others reference, are as the transaction saw them.
fn check_keys(finished: &Finished, latest: &View) -> Result<()> {
    let effects = &finished.effects;
    let row_of = |view: &View, key: &[u8]| {
        let mut row = None;
        view.get_raw(Table::IndexEntries, key, &mut |value| {
            row = Some(row_from(value)?);
            Ok(())
        })?;
        Ok::<_, Error>(row)
    };
    for key in &effects.unique_keys {
        if let Some(row) = row_of(latest, key)?
            && row_of(&finished.base, key)? != Some(row)
        {
            return Err(conflict("a unique key that this transaction inserts was taken by another"));
        }
    }
    for key in effects.referenced.keys() {
        if row_of(&finished.base, key)?.is_some() && row_of(latest, key)?.is_none() {
            return Err(conflict("a row that this transaction references was deleted by another"));
        }
    }
    for prefix in &effects.unreferenced {
        let end = behind(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        latest.scan_raw(Table::IndexEntries, (Bound::Included(prefix), end), &mut |key, _| match finished
            .base
            .get_raw(Table::IndexEntries, key, &mut |_| Ok(()))?
        {
            true => Ok(ControlFlow::Continue(())),
            false => Err(conflict("a row that this transaction deletes was referenced by another")),
        })?;
    }
    Ok(())
}

/// Types whose rules were changed after all their rows were read: none was written since.
pub(super) fn check_reshaped(finished: &Finished, last_writes: &HashMap<TypeId, u64>) -> Result<()> {
    let written = |id: &&TypeId| last_writes.get(id).is_some_and(|lsn| *lsn > finished.base.lsn());
    match finished.effects.reshaped.iter().find(written) {
        None => Ok(()),
        Some(_) => {
            Err(conflict("rows of a type whose definition this transaction changes were written by another"))
        }
    }
}

fn conflict(what: &str) -> Error {
    Error::conflict(what).with_hint("nothing was committed: run the transaction again")
}

/// A deleted node may have no edge in the latest state that the transaction does not delete too.
fn check_gained_no_edge(finished: &Finished, latest: &View, node: RowId) -> Result<()> {
    for outgoing in [true, false] {
        latest.adjacent(node, outgoing, None, &mut |edge, _| {
            if finished.base.read(edge, &mut |_| Ok(()))? {
                return Ok(ControlFlow::Continue(()));
            }
            Err(conflict("a node that this transaction deletes got an edge from another"))
        })?;
    }
    Ok(())
}

/// The latest catalog with the transaction's changes to it.
pub(super) fn merged_catalog(
    finished: &Finished,
    latest: &View,
    interner: &Interner,
) -> Result<Arc<Catalog>> {
    let effects = &finished.effects;
    if effects.redefined.is_empty() && effects.dropped.is_empty() {
        return Ok(Arc::clone(latest.catalog()));
    }
    if latest.lsn() == finished.base.lsn() {
        return Ok(Arc::clone(&finished.catalog));
    }
    let mut catalog = Catalog::clone(latest.catalog());
    for id in effects.dropped.keys() {
        catalog.remove(*id);
    }
    for (id, before) in &effects.redefined {
        // A type made and dropped in one transaction has no definition any more.
        let Some(ours) = finished.catalog.by_id(*id) else { continue };
        if before.is_none() && interner.is_retired(*id) {
            return Err(conflict("a type of the same name was made and dropped by another"));
        }
        let merged =
            merged_definition(before.as_deref(), ours, latest.catalog().by_id(*id).map(Arc::as_ref))?;
        if catalog.named(&merged.name).is_some_and(|other| other.id != *id) {
            return Err(conflict("a type of the same name was made by another"));
        }
        catalog.put(merged);
    }
    Ok(Arc::new(catalog))
}

/// One definition out of ours and the latest, when both only added observed properties.
fn merged_definition(before: Option<&TypeDef>, ours: &TypeDef, latest: Option<&TypeDef>) -> Result<TypeDef> {
    let changed = || conflict(&format!("the definition of '{}' was changed by another", ours.name));
    match (before, latest) {
        (None, None) => return Ok(ours.clone()),
        (Some(_), None) => return Err(changed()),
        (Some(before), Some(latest)) if before == latest => return Ok(ours.clone()),
        (_, Some(_)) => {}
    }
    let Some(latest) = latest else { return Err(changed()) };
    let ours_only_adds = before.map_or(!ours.declared, |before| is_extension(before, ours));
    let latest_only_added = before.map_or(!latest.declared, |before| is_extension(before, latest));
    if !ours_only_adds || !latest_only_added || ours.kind != latest.kind {
        return Err(changed());
    }
    let mut merged = latest.clone();
    for property in &ours.properties {
        match latest.property_by_id(property.id) {
            Some(theirs) if theirs.property_type == property.property_type => {}
            Some(_) => return Err(changed()),
            None if is_observed(property) => merged.properties.push(property.clone()),
            None => return Err(changed()),
        }
    }
    merged.version += 1;
    Ok(merged)
}
