//! CREATE, ALTER and DROP PROPERTY GRAPH.
//!
//! A property graph is a definition under a name ([`GraphDef`]): which types are its nodes and edges, under which
//! labels, with which properties. It holds no rows; `graph_table` reads the types behind it. PostgreSQL's
//! documentation is the reference, with what rows that are nodes and edges allow: an edge type knows its ends, so
//! that SOURCE and DESTINATION are checked against them, and a type stands in a graph once.
//!
//! The graph `graph` is made of all types, and nobody defines it.

mod alter;
mod element;
mod rules;
mod show;

use std::collections::BTreeSet;

use sqlparser::ast::{Ident, ObjectName};

use crate::model::{Error, GraphDef, Result, Span, TypeDef, TypeId, sqlstate};
use crate::storage::{Catalog, Transaction, View, closest};

use super::ddl::{at_name, table_name};
use super::error::{quoted, some_of};
use super::graph_table::{CreatePropertyGraph, DropBehavior, DropPropertyGraph, GraphStatement, WHOLE};
use super::session::{CommandResult, Run};
use super::statement::span_of;

pub use show::definition;

/// Runs a statement over property graphs.
///
/// # Errors
/// `NotFound`, `Constraint`, `BadInput`, `Unsupported` with the place.
pub async fn run(
    run: &Run,
    transaction: &mut Transaction,
    statement: &GraphStatement,
) -> Result<CommandResult> {
    match statement {
        GraphStatement::Create(statement) => create(run, transaction, statement).await,
        GraphStatement::Alter(statement) => alter::alter(run, transaction, statement).await,
        GraphStatement::Drop(statement) => drop_graphs(run, transaction, statement),
    }
}

async fn create(
    run: &Run,
    transaction: &mut Transaction,
    create: &CreatePropertyGraph,
) -> Result<CommandResult> {
    let name = graph_name(run, &create.name)?;
    let result = CommandResult::new("CREATE PROPERTY GRAPH", 0);
    if create.if_not_exists && transaction.catalog().named(&name).is_some() {
        return Ok(result.with_note(format!("{name} exists, nothing was done")));
    }
    let view = transaction.planning_view();
    let mut graph = GraphDef::default();
    element::add(run, &view, &mut graph, &create.vertices, &create.edges).await?;
    rules::check(run, view.catalog(), &graph, &create.name)?;
    let made = transaction.create_graph(&name, graph, create.or_replace);
    made.map_err(|e| at_name(run, e, &create.name))?;
    Ok(result)
}

fn drop_graphs(
    run: &Run,
    transaction: &mut Transaction,
    statement: &DropPropertyGraph,
) -> Result<CommandResult> {
    let mut missing = Vec::new();
    for name in &statement.names {
        let wanted = graph_name(run, name)?;
        let Some(graph) = transaction.catalog().graph(&wanted).cloned() else {
            if statement.if_exists && transaction.catalog().named(&wanted).is_none() {
                missing.push(wanted);
                continue;
            }
            return Err(no_graph(run, name, &wanted, &transaction.catalog()));
        };
        if statement.behavior == Some(DropBehavior::Cascade) {
            drop_readers(transaction, graph.id)?;
        }
        transaction.drop_graph(graph.id).map_err(|e| at_name(run, e, name))?;
    }
    let result = CommandResult::new("DROP PROPERTY GRAPH", 0);
    Ok(if missing.is_empty() {
        result
    } else {
        result.with_note(format!("{} did not exist", missing.join(", ")))
    })
}

/// Drops the views that read something, those that read others of them first.
fn drop_readers(transaction: &mut Transaction, id: TypeId) -> Result<()> {
    let mut order = Vec::new();
    let mut open = vec![id];
    while let Some(next) = open.pop() {
        let catalog = transaction.catalog();
        for reader in catalog.readers_of(next) {
            // The one that is read by a later one is dropped behind it.
            order.retain(|known| *known != reader.id);
            order.push(reader.id);
            open.push(reader.id);
        }
    }
    order.into_iter().rev().try_for_each(|view| transaction.drop_view(view))
}

/// The property graphs over types that a statement altered have the properties that they had.
///
/// # Errors
/// `Constraint` naming the graph that would not.
pub async fn check_altered(run: &Run, graph: &TypeDef, altered: &BTreeSet<TypeId>, now: &View) -> Result<()> {
    let elements = graph.graph.iter().flat_map(GraphDef::elements);
    for own in elements.filter(|element| altered.contains(&element.type_id)) {
        let broken = |why: &str| {
            let name = quoted(&graph.name);
            Error::constraint(format!("the property graph {name} reads what would change: {why}"))
                .with_hint(format!(
                    "take it out with ALTER PROPERTY GRAPH {name}, or DROP PROPERTY GRAPH {name} first"
                ))
                .with_sqlstate(sqlstate::DEPENDENT_OBJECTS_STILL_EXIST)
        };
        let types = element::types_of(run, now, own).await.map_err(|e| broken(e.message()))?;
        for (property, now) in own.properties.iter().zip(types) {
            if property.property_type != now {
                return Err(broken(&format!("{} would be {now}", quoted(&property.name))));
            }
        }
    }
    Ok(())
}

/// The name of a graph that is defined.
fn graph_name(run: &Run, name: &ObjectName) -> Result<String> {
    let wanted = table_name(run, name)?;
    if wanted == WHOLE {
        let error = Error::constraint("the graph \"graph\" is made of all types, and is not defined by hand")
            .with_sqlstate(sqlstate::RESERVED_NAME)
            .with_hint("choose another name");
        return Err(at_name(run, error, name));
    }
    Ok(wanted)
}

/// The error for a graph that is not there.
fn no_graph(run: &Run, name: &ObjectName, wanted: &str, catalog: &Catalog) -> Error {
    if let Some(other) = catalog.named(wanted) {
        let what = other.what();
        let error = Error::bad_input(format!("{} is a {what}, not a property graph", quoted(wanted)))
            .with_sqlstate(sqlstate::WRONG_OBJECT_TYPE)
            .with_hint(format!("DROP {} {} removes it", what.to_uppercase(), quoted(wanted)));
        return at_name(run, error, name);
    }
    let error = Error::not_found(format!("no property graph {}", quoted(wanted)))
        .with_sqlstate(sqlstate::UNDEFINED_TABLE);
    let names = || catalog.graphs().map(|graph| graph.name.as_str());
    let hint = match closest(wanted, names()) {
        Some(near) => Some(format!("did you mean {}?", quoted(near))),
        None => some_of(names()).map(|names| format!("the property graphs are {names}")),
    };
    at_name(run, hint.into_iter().fold(error, Error::with_hint), name)
}

/// An error at a name.
fn at(run: &Run, error: Error, name: &Ident) -> Error {
    if name.span.start.line == 0 { error } else { error.at_sql(&run.sql, span_of(&run.sql, name)) }
}

/// An error at bytes of the statement.
fn at_bytes(run: &Run, error: Error, bytes: Span) -> Error {
    if error.place().is_some() || bytes.end == 0 { error } else { error.at_sql(&run.sql, bytes) }
}
