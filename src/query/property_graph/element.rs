//! What an element table means: its type, its labels, its properties and their types.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, Visit, Visitor};

use crate::model::{
    Error, GraphDef, GraphElement, GraphLabel, GraphProperty, PropertyType, Result, Span, TypeDef, TypeKind,
    sqlstate,
};
use crate::query::columns::Columns;
use crate::query::ddl::{at_name, no_table, table_name};
use crate::query::error::{quoted, refuse, some_of};
use crate::query::functions::is_aggregate;
use crate::query::graph_table::{
    EdgeTable, ElementTable, EndPoint, LabelDefinition, Properties, Property, is_system,
};
use crate::query::provider::SCHEMA;
use crate::query::rewrite::{ident, name_of, parse_query};
use crate::query::session::Run;
use crate::query::statement::parse_expression;
use crate::query::views::column_type;
use crate::storage::{Catalog, View};

use super::{at, at_bytes};

/// A property as it was written, before its type is known.
struct Written {
    name: String,
    expr: Expr,
    at: Span,
}

/// Adds element tables to a graph.
///
/// # Errors
/// `NotFound`, `Constraint`, `BadInput`, `Unsupported` with the place.
pub(super) async fn add(
    run: &Run,
    view: &View,
    graph: &mut GraphDef,
    vertices: &[ElementTable],
    edges: &[EdgeTable],
) -> Result<()> {
    for table in vertices {
        let element = element(run, view, graph, table, false).await?;
        graph.nodes.push(element);
    }
    for EdgeTable { element: table, ends } in edges {
        let element = element(run, view, graph, table, true).await?;
        if let Some((source, destination)) = ends {
            let own = definition(view.catalog(), &element)?;
            end_point(run, view.catalog(), graph, own, source, true)?;
            end_point(run, view.catalog(), graph, own, destination, false)?;
        }
        graph.edges.push(element);
    }
    Ok(())
}

/// The type of an element.
pub(super) fn definition<'c>(catalog: &'c Catalog, element: &GraphElement) -> Result<&'c TypeDef> {
    let found = catalog.by_id(element.type_id).map(AsRef::as_ref);
    found.ok_or_else(|| Error::internal("a property graph of a type that is not there"))
}

async fn element(
    run: &Run,
    view: &View,
    graph: &GraphDef,
    table: &ElementTable,
    is_edge: bool,
) -> Result<GraphElement> {
    let own = table_of(run, view.catalog(), table, is_edge)?;
    let name = table.name().map(name_of).ok_or_else(|| Error::internal("an element without a name"))?;
    let place = |error: Error| at_bytes(run, error, table.at.0);
    if graph.elements().any(|known| known.name == name) {
        return Err(place(
            Error::constraint(format!("the graph has an element {} already", quoted(&name)))
                .with_sqlstate(sqlstate::DUPLICATE_OBJECT)
                .with_hint("give one of them another name with AS"),
        ));
    }
    if let Some(known) = graph.of_type(own.id) {
        return Err(place(
            Error::unsupported(format!(
                "{} is in the graph already, as {}: a row is one element of a graph",
                quoted(&own.name),
                quoted(&known.name)
            ))
            .with_hint("give the one element several labels: LABEL a ... LABEL b ..."),
        ));
    }
    let mut key: Vec<String> = Vec::new();
    for column in &table.key {
        let wanted = known_column(run, own, column)?;
        if key.contains(&wanted) {
            let error = Error::bad_input(format!("{} stands twice in the key", quoted(&wanted)));
            return Err(at(run, error.with_sqlstate(sqlstate::DUPLICATE_COLUMN), column));
        }
        key.push(wanted);
    }
    let mut made = GraphElement { name, type_id: own.id, key, labels: Vec::new(), properties: Vec::new() };
    for label in &table.labels {
        add_label(run, view, &mut made, label).await?;
    }
    Ok(made)
}

/// The type of an element table.
fn table_of<'c>(run: &Run, catalog: &'c Catalog, table: &ElementTable, is_edge: bool) -> Result<&'c TypeDef> {
    let wanted = table_name(run, &table.table)?;
    let found = catalog.get(&wanted).ok_or_else(|| match catalog.named(&wanted) {
        Some(other) => {
            let message =
                format!("{} is a {}: property graphs are made of tables", quoted(&wanted), other.what());
            let error = Error::unsupported(message).with_sqlstate(sqlstate::WRONG_OBJECT_TYPE);
            at_name(run, error.with_hint("name the tables behind it"), &table.table)
        }
        None => no_table(run, &table.table, &wanted, catalog),
    })?;
    if found.is_edge() == is_edge {
        return Ok(found);
    }
    let (is, hint) = match is_edge {
        true => (
            "nodes, and stands among the edge tables",
            "edges are rows of tables that CREATE EDGE TABLE makes",
        ),
        false => ("edges, and stands among the vertex tables", "name it behind EDGE TABLES"),
    };
    let error = Error::bad_input(format!("{} is a table of {is}", quoted(&wanted)));
    Err(at_name(run, error.with_sqlstate(sqlstate::WRONG_OBJECT_TYPE).with_hint(hint), &table.table))
}

/// Adds a label with its properties to an element.
///
/// # Errors
/// As [`add`].
pub(super) async fn add_label(
    run: &Run,
    view: &View,
    element: &mut GraphElement,
    label: &LabelDefinition,
) -> Result<()> {
    let name = label.label.as_ref().map_or_else(|| element.name.clone(), name_of);
    if element.label(&name).is_some() {
        let error =
            Error::constraint(format!("{} has the label {} already", quoted(&element.name), quoted(&name)));
        return Err(at_bytes(run, error.with_sqlstate(sqlstate::DUPLICATE_OBJECT), label.at.0));
    }
    let own = definition(view.catalog(), element)?;
    let written = match &label.properties {
        Properties::None => Vec::new(),
        Properties::All { except } => all_columns(run, own, except, label.at.0)?,
        Properties::List(list) => list.iter().map(|one| written(run, one)).collect::<Result<_>>()?,
    };
    element.labels.push(GraphLabel { name: name.clone(), properties: Vec::new() });
    add_written(run, view, element, &name, written).await
}

/// Adds properties to a label of an element.
///
/// # Errors
/// As [`add`].
pub(super) async fn add_properties(
    run: &Run,
    view: &View,
    element: &mut GraphElement,
    label: &str,
    properties: &[Property],
) -> Result<()> {
    let written = properties.iter().map(|one| written(run, one)).collect::<Result<_>>()?;
    add_written(run, view, element, label, written).await
}

async fn add_written(
    run: &Run,
    view: &View,
    element: &mut GraphElement,
    label: &str,
    written: Vec<Written>,
) -> Result<()> {
    let types = planned(run, view, definition(view.catalog(), element)?, &written).await?;
    for (Written { name, expr, at }, property_type) in written.into_iter().zip(types) {
        run.cancel.check()?;
        let place = |error: Error| at_bytes(run, error, at);
        let expression = text_of(&expr);
        match element.property(&name) {
            Some(known) if known.expression != expression => {
                return Err(place(
                    Error::bad_input(format!(
                        "the property {} of {} is {} and {expression}",
                        quoted(&name),
                        quoted(&element.name),
                        known.expression
                    ))
                    .with_sqlstate(sqlstate::SYNTAX_OR_ACCESS_RULE)
                    .with_hint("a property means the same in all labels of an element"),
                ));
            }
            Some(_) => {}
            None => element.properties.push(GraphProperty { name: name.clone(), expression, property_type }),
        }
        let Some(own) = element.labels.iter_mut().find(|own| own.name == label) else {
            return Err(Error::internal("a label that is not there"));
        };
        if own.properties.contains(&name) {
            let error = Error::bad_input(format!(
                "the label {} has a property {} already",
                quoted(label),
                quoted(&name)
            ));
            return Err(place(error.with_sqlstate(sqlstate::DUPLICATE_OBJECT)));
        }
        own.properties.push(name);
    }
    Ok(())
}

/// The columns of a type as properties.
fn all_columns(run: &Run, own: &TypeDef, except: &[Ident], at_label: Span) -> Result<Vec<Written>> {
    let mut left_out = Vec::new();
    for column in except {
        left_out.push(known_column(run, own, column)?);
    }
    let properties = own.properties.iter().filter(|p| !is_hidden(&p.name) && !left_out.contains(&p.name));
    Ok(properties
        .map(|p| Written { name: p.name.clone(), expr: Expr::Identifier(ident(&p.name)), at: at_label })
        .collect())
}

/// Whether a name always means a column of the system.
fn is_hidden(name: &str) -> bool {
    name.starts_with('_') && (is_system(name) || name == crate::query::columns::ROW)
}

fn written(run: &Run, property: &Property) -> Result<Written> {
    let place = |error: Error| at_bytes(run, error, property.at.0);
    let name = property.name().map(name_of);
    let name = name.ok_or_else(|| place(Error::bad_input("a property that is no column needs a name")))?;
    if is_hidden(&name) {
        let error =
            Error::bad_input(format!("{name} cannot name a property: it always means the system's column"));
        return Err(place(error.with_hint("every element has it without PROPERTIES")));
    }
    refuse_parts(&property.expr).map_err(place)?;
    Ok(Written { name, expr: property.expr.as_ref().clone(), at: property.at.0 })
}

/// What an expression is kept as.
fn text_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => ident(&name_of(name)).to_string(),
        other => other.to_string(),
    }
}

/// Refuses what is no expression over the columns of one row.
fn refuse_parts(expr: &Expr) -> Result<()> {
    struct Finder;
    impl Visitor for Finder {
        type Break = Error;

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
            ControlFlow::Break(refuse("a query in a property", "join it where the graph is matched"))
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
            match expr {
                Expr::CompoundIdentifier(_) => ControlFlow::Break(
                    Error::bad_input(format!("{expr}: a property is made of the columns of its own table"))
                        .with_sqlstate(sqlstate::UNDEFINED_COLUMN)
                        .with_hint("write the column's name alone"),
                ),
                Expr::Value(value) if matches!(value.value, sqlparser::ast::Value::Placeholder(_)) => {
                    ControlFlow::Break(
                        Error::bad_input("a property graph takes no parameters")
                            .with_sqlstate(sqlstate::SYNTAX_OR_ACCESS_RULE),
                    )
                }
                Expr::Function(function)
                    if function.over.is_some()
                        || is_aggregate(&function.name.to_string().to_ascii_lowercase()) =>
                {
                    ControlFlow::Break(refuse(
                        "a function of several rows in a property",
                        "use it where the graph is matched",
                    ))
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match expr.visit(&mut Finder) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The types of properties over the rows of a type.
async fn planned(run: &Run, view: &View, own: &TypeDef, written: &[Written]) -> Result<Vec<PropertyType>> {
    if written.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = parse_query(&format!("SELECT 1 FROM \"{SCHEMA}\".{}", ident(&own.name)))?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Err(Error::internal("a query that selects nothing"));
    };
    select.projection = (0..)
        .zip(written)
        .map(|(number, one): (usize, _)| SelectItem::ExprWithAlias {
            expr: one.expr.clone(),
            alias: ident(&format!(" {number}")),
        })
        .collect();
    let schema = run.schema_of(query, view).await?;
    Ok(schema.fields().iter().map(|field| column_type(field)).collect())
}

/// The types that the properties of an element have now.
///
/// # Errors
/// What planning their expressions fails with.
pub(super) async fn types_of(run: &Run, view: &View, element: &GraphElement) -> Result<Vec<PropertyType>> {
    let kept = |property: &GraphProperty| {
        let expr = parse_expression(&property.expression)?;
        Ok(Written { name: property.name.clone(), expr, at: Span { start: 0, end: 0 } })
    };
    let written = element.properties.iter().map(kept).collect::<Result<Vec<_>>>()?;
    planned(run, view, definition(view.catalog(), element)?, &written).await
}

fn known_column(run: &Run, own: &TypeDef, column: &Ident) -> Result<String> {
    let wanted = name_of(column);
    if Columns::of(own, false).schema().index_of(&wanted).is_ok() {
        return Ok(wanted);
    }
    let error = Error::not_found(format!("no column {} in {}", quoted(&wanted), quoted(&own.name)))
        .with_sqlstate(sqlstate::UNDEFINED_COLUMN);
    let known = some_of(own.properties.iter().map(|p| p.name.as_str()));
    let error = known.into_iter().fold(error, |e, names| e.with_hint(format!("the columns are {names}")));
    Err(at(run, error, column))
}

/// SOURCE and DESTINATION say what the edge type says of itself.
fn end_point(
    run: &Run,
    catalog: &Catalog,
    graph: &GraphDef,
    own: &TypeDef,
    end: &EndPoint,
    is_source: bool,
) -> Result<()> {
    let (word, verb, column) = match is_source {
        true => ("SOURCE", "start", "_from_id"),
        false => ("DESTINATION", "end", "_to_id"),
    };
    let place = |error: Error| at_bytes(run, error, end.at.0);
    let is = |names: &[Ident], own: &str| matches!(names, [only] if { let name = name_of(only); name == own || Some(name.as_str()) == own.strip_prefix('_') });
    if (!end.key.is_empty() && !is(&end.key, column))
        || (!end.references.is_empty() && !is(&end.references, "_id"))
    {
        return Err(place(
            Error::unsupported(format!("an edge knows where it {verb}s: {word} takes no columns but KEY ({column}) REFERENCES ... (_id)"))
                .with_hint(format!("write {word} {}", end.table)),
        ));
    }
    let wanted = name_of(&end.table);
    let Some(node) = graph.nodes.iter().find(|node| node.name == wanted) else {
        let error = Error::not_found(format!("{} is no vertex table of the graph", quoted(&wanted)))
            .with_sqlstate(sqlstate::UNDEFINED_OBJECT);
        let known = some_of(graph.nodes.iter().map(|node| node.name.as_str()));
        return Err(at(
            run,
            known.into_iter().fold(error, |e, names| e.with_hint(format!("there are {names}"))),
            &end.table,
        ));
    };
    let TypeKind::Edge(ends) = own.kind else { return Ok(()) };
    match if is_source { ends.from } else { ends.to } {
        Some(id) if id == node.type_id => Ok(()),
        Some(id) => {
            let real = catalog.by_id(id).map_or_else(String::new, |t| quoted(&t.name));
            let error = Error::bad_input(format!("edges of {} {verb} at {real}, not at {}", quoted(&own.name), end.table))
                .with_sqlstate(sqlstate::SYNTAX_OR_ACCESS_RULE);
            Err(place(error.with_hint(format!("write {word} {real}"))))
        }
        None => Err(place(
            Error::unsupported(format!("edges of {} {verb} at nodes of any type", quoted(&own.name)))
                .with_hint(format!(
                    "leave SOURCE and DESTINATION away, or declare the ends: CREATE EDGE TABLE {} (FROM a TO b)",
                    quoted(&own.name)
                )),
        )),
    }
}
