//! ALTER PROPERTY GRAPH: elements, labels and properties added and dropped, another name.

use sqlparser::ast::Ident;

use crate::model::{Error, GraphDef, GraphElement, Result, TypeKind, sqlstate};
use crate::query::ddl::at_name;
use crate::query::error::{quoted, some_of};
use crate::query::graph_table::{AlterAction, AlterPropertyGraph, DropBehavior, ElementKind, WHOLE};
use crate::query::rewrite::name_of;
use crate::query::session::{CommandResult, Run};
use crate::storage::{Catalog, Transaction, View};

use super::{at, element, graph_name, no_graph, rules};

/// `ALTER PROPERTY GRAPH [IF EXISTS] name ...`.
///
/// # Errors
/// `NotFound`, `Constraint`, `BadInput`, `Unsupported` with the place.
pub(super) async fn alter(
    run: &Run,
    transaction: &mut Transaction,
    alter: &AlterPropertyGraph,
) -> Result<CommandResult> {
    let wanted = graph_name(run, &alter.name)?;
    let result = CommandResult::new("ALTER PROPERTY GRAPH", 0);
    let view = transaction.planning_view();
    let catalog = view.catalog();
    let Some(definition) = catalog.graph(&wanted).cloned() else {
        if alter.if_exists && catalog.named(&wanted).is_none() {
            return Ok(result.with_note(format!("{wanted} does not exist, nothing was done")));
        }
        return Err(no_graph(run, &alter.name, &wanted, catalog));
    };
    let mut graph = definition.graph.clone().unwrap_or_default();
    let mut name = definition.name.clone();
    match &alter.action {
        AlterAction::Rename(new) => {
            name = name_of(new);
            if name == WHOLE {
                let error = Error::constraint("the name graph is that of the graph of all types");
                return Err(at(run, error.with_sqlstate(sqlstate::RESERVED_NAME), new));
            }
        }
        action => apply(run, &view, &mut graph, action).await?,
    }
    rules::check(run, catalog, &graph, &alter.name)?;
    transaction.change_graph(definition.id, &name, graph).map_err(|e| at_name(run, e, &alter.name))?;
    Ok(result)
}

async fn apply(run: &Run, view: &View, graph: &mut GraphDef, action: &AlterAction) -> Result<()> {
    match action {
        AlterAction::AddTables { vertices, edges } => element::add(run, view, graph, vertices, edges).await,
        AlterAction::DropTables { kind, tables, behavior } => {
            for table in tables {
                drop_table(run, view.catalog(), graph, (*kind, *behavior), table)?;
            }
            Ok(())
        }
        AlterAction::AddLabels { kind, table, labels } => {
            let own = find(run, graph, *kind, table)?;
            for label in labels {
                element::add_label(run, view, own, label).await?;
            }
            Ok(())
        }
        AlterAction::DropLabel { kind, table, label, .. } => {
            let own = find(run, graph, *kind, table)?;
            let name = known_label(run, own, label)?;
            if own.labels.len() == 1 {
                let error = Error::constraint(format!(
                    "{} is the only label of {}",
                    quoted(&name),
                    quoted(&own.name)
                ))
                .with_sqlstate(sqlstate::INVALID_OBJECT_DEFINITION)
                .with_hint("an element has a label: add another one first, or drop the element");
                return Err(at(run, error, label));
            }
            own.labels.retain(|known| known.name != name);
            forget_properties(own);
            Ok(())
        }
        AlterAction::AddProperties { kind, table, label, properties } => {
            let own = find(run, graph, *kind, table)?;
            let name = known_label(run, own, label)?;
            element::add_properties(run, view, own, &name, properties).await
        }
        AlterAction::DropProperties { kind, table, label, properties, .. } => {
            let own = find(run, graph, *kind, table)?;
            let name = known_label(run, own, label)?;
            for property in properties {
                let wanted = name_of(property);
                let Some(label) = own.labels.iter_mut().find(|known| known.name == name) else { continue };
                if !label.properties.contains(&wanted) {
                    let known = some_of(label.properties.iter().map(String::as_str));
                    let message = format!("the label {} has no property {}", quoted(&name), quoted(&wanted));
                    return Err(missing(run, message, known, property));
                }
                label.properties.retain(|known| *known != wanted);
            }
            forget_properties(own);
            Ok(())
        }
        AlterAction::Rename(_) => Ok(()),
    }
}

/// Properties that no label has are none any more.
fn forget_properties(element: &mut GraphElement) {
    let GraphElement { labels, properties, .. } = element;
    properties.retain(|property| labels.iter().any(|label| label.properties.contains(&property.name)));
}

fn drop_table(
    run: &Run,
    catalog: &Catalog,
    graph: &mut GraphDef,
    (kind, behavior): (ElementKind, Option<DropBehavior>),
    table: &Ident,
) -> Result<()> {
    let own = find(run, graph, kind, table)?.clone();
    if kind == ElementKind::Edge {
        graph.edges.retain(|edge| edge.name != own.name);
        return Ok(());
    }
    let joined = |edge: &GraphElement| {
        catalog.by_id(edge.type_id).is_some_and(|edge| {
            matches!(edge.kind, TypeKind::Edge(ends) if [ends.from, ends.to].contains(&Some(own.type_id)))
        })
    };
    if behavior == Some(DropBehavior::Cascade) {
        graph.edges.retain(|edge| !joined(edge));
    } else if let Some(edge) = graph.edges.iter().find(|edge| joined(edge)) {
        let error =
            Error::constraint(format!("edges of {} join nodes of {}", quoted(&edge.name), quoted(&own.name)))
                .with_sqlstate(sqlstate::DEPENDENT_OBJECTS_STILL_EXIST)
                .with_hint("drop the edge table first, or both with CASCADE");
        return Err(at(run, error, table));
    }
    graph.nodes.retain(|node| node.name != own.name);
    Ok(())
}

fn find<'g>(
    run: &Run,
    graph: &'g mut GraphDef,
    kind: ElementKind,
    table: &Ident,
) -> Result<&'g mut GraphElement> {
    let wanted = name_of(table);
    let (elements, what) = match kind {
        ElementKind::Vertex => (&mut graph.nodes, "vertex"),
        ElementKind::Edge => (&mut graph.edges, "edge"),
    };
    let known = some_of(elements.iter().map(|element| element.name.as_str()));
    match elements.iter_mut().find(|element| element.name == wanted) {
        Some(found) => Ok(found),
        None => {
            let message = format!("the graph has no {what} table {}", quoted(&wanted));
            Err(missing(run, message, known, table))
        }
    }
}

fn known_label(run: &Run, element: &GraphElement, label: &Ident) -> Result<String> {
    let wanted = name_of(label);
    if element.label(&wanted).is_some() {
        return Ok(wanted);
    }
    let known = some_of(element.labels.iter().map(|label| label.name.as_str()));
    let message = format!("{} has no label {}", quoted(&element.name), quoted(&wanted));
    Err(missing(run, message, known, label))
}

fn missing(run: &Run, message: String, known: Option<String>, name: &Ident) -> Error {
    let error = Error::not_found(message).with_sqlstate(sqlstate::UNDEFINED_OBJECT);
    let error = known.into_iter().fold(error, |e, names| e.with_hint(format!("there are {names}")));
    at(run, error, name)
}
