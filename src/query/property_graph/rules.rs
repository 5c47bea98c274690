//! What holds within a graph, as in PostgreSQL: a label has the same properties wherever it stands, a property is of
//! one type, and edges join nodes of the graph.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::ObjectName;

use crate::model::{Error, GraphDef, PropertyType, Result, TypeKind, sqlstate};
use crate::query::ddl::at_name;
use crate::query::error::quoted;
use crate::query::session::Run;
use crate::storage::Catalog;

use super::element::definition;

/// Checks a graph; `name` is the place of what is wrong.
///
/// # Errors
/// `BadInput`.
pub(super) fn check(run: &Run, catalog: &Catalog, graph: &GraphDef, name: &ObjectName) -> Result<()> {
    let checked = ends(catalog, graph).and_then(|()| labels(graph)).and_then(|()| types(graph));
    checked.map_err(|e| at_name(run, e.with_sqlstate(sqlstate::SYNTAX_OR_ACCESS_RULE), name))
}

fn ends(catalog: &Catalog, graph: &GraphDef) -> Result<()> {
    for edge in &graph.edges {
        let own = definition(catalog, edge)?;
        let TypeKind::Edge(ends) = own.kind else { continue };
        for (end, verb) in [(ends.from, "start"), (ends.to, "end")] {
            let Some(end) = end.filter(|id| graph.nodes.iter().all(|node| node.type_id != *id)) else {
                continue;
            };
            let end = catalog.by_id(end).map_or_else(String::new, |t| quoted(&t.name));
            return Err(Error::bad_input(format!(
                "edges of {} {verb} at {end}, which is no vertex table of the graph",
                quoted(&own.name)
            ))
            .with_hint(format!("add it: VERTEX TABLES ({end})")));
        }
    }
    Ok(())
}

fn labels(graph: &GraphDef) -> Result<()> {
    let mut known: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for element in graph.elements() {
        for label in &element.labels {
            let own: BTreeSet<&str> = label.properties.iter().map(String::as_str).collect();
            match known.get(label.name.as_str()) {
                None => {
                    known.insert(&label.name, (&element.name, own));
                }
                Some((_, other)) if *other == own => {}
                Some((first, other)) => {
                    let odd = own.symmetric_difference(other).next().copied().unwrap_or_default();
                    return Err(Error::bad_input(format!(
                        "the label {} has other properties in {} than in {}: {}",
                        quoted(&label.name),
                        quoted(&element.name),
                        quoted(first),
                        quoted(odd)
                    ))
                    .with_hint("list the same ones: LABEL l PROPERTIES (a, b)"));
                }
            }
        }
    }
    Ok(())
}

fn types(graph: &GraphDef) -> Result<()> {
    let mut known: BTreeMap<&str, (&str, PropertyType)> = BTreeMap::new();
    for element in graph.elements() {
        for property in &element.properties {
            match known.get(property.name.as_str()) {
                None => {
                    known.insert(&property.name, (&element.name, property.property_type));
                }
                Some((_, other)) if *other == property.property_type => {}
                Some((first, other)) => {
                    return Err(Error::bad_input(format!(
                        "the property {} is {other} in {} and {} in {}",
                        quoted(&property.name),
                        quoted(first),
                        property.property_type,
                        quoted(&element.name)
                    ))
                    .with_hint(format!(
                        "cast one of them: PROPERTIES (CAST({0} AS {other}) AS {0})",
                        quoted(&property.name)
                    )));
                }
            }
        }
    }
    Ok(())
}
