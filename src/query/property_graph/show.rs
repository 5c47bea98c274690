//! A property graph as the statement that makes it.

use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart};
use sqlparser::keywords::RESERVED_FOR_COLUMN_ALIAS;
use sqlparser::tokenizer::Token;

use crate::model::{Error, GraphDef, GraphElement, GraphLabel, Result, Span, TypeDef, TypeId, TypeKind};
use crate::query::error::quoted;
use crate::query::graph_table::{
    At, CreatePropertyGraph, EdgeTable, ElementTable, EndPoint, LabelDefinition, Properties, Property,
};
use crate::query::rewrite::ident;
use crate::query::statement::parse_expression;
use crate::storage::Catalog;

use super::element;

const NOWHERE: At = At(Span { start: 0, end: 0 });

/// The statement that makes a property graph.
///
/// # Errors
/// `Internal` for a definition that is none.
pub fn definition(own: &TypeDef, catalog: &Catalog) -> Result<String> {
    let graph = own.graph.as_ref().ok_or_else(|| Error::internal("no property graph"))?;
    let vertices = graph.nodes.iter().map(|node| table(node, catalog)).collect::<Result<_>>()?;
    let edges = graph.edges.iter().map(|edge| edge_table(graph, edge, catalog)).collect::<Result<_>>()?;
    let create = CreatePropertyGraph {
        or_replace: false,
        if_not_exists: false,
        name: object(&own.name),
        vertices,
        edges,
    };
    Ok(create.to_string())
}

/// A name, in quotes where it needs them.
fn name(name: &str) -> Ident {
    let reserved = match Token::make_word(name, None) {
        Token::Word(word) => RESERVED_FOR_COLUMN_ALIAS.contains(&word.keyword),
        _ => true,
    };
    if quoted(name) == name && !reserved { Ident::new(name) } else { ident(name) }
}

fn object(own: &str) -> ObjectName {
    ObjectName(vec![ObjectNamePart::Identifier(name(own))])
}

fn table(own: &GraphElement, catalog: &Catalog) -> Result<ElementTable> {
    let table = element::definition(catalog, own)?;
    let labels = own.labels.iter().map(|one| label(own, one)).collect::<Result<_>>()?;
    Ok(ElementTable {
        table: object(&table.name),
        alias: (table.name != own.name).then(|| name(&own.name)),
        key: own.key.iter().map(|column| name(column)).collect(),
        labels,
        at: NOWHERE,
    })
}

fn label(own: &GraphElement, label: &GraphLabel) -> Result<LabelDefinition> {
    let property = |wanted: &String| {
        let expression = own.property(wanted).map(|property| property.expression.as_str());
        let plain = expression == Some(ident(wanted).to_string().as_str());
        let expr = match expression {
            Some(expression) if !plain => match parse_expression(expression)? {
                Expr::Identifier(column) => Expr::Identifier(name(&column.value)),
                other => other,
            },
            _ => Expr::Identifier(name(wanted)),
        };
        Ok(Property { expr: Box::new(expr), name: (!plain).then(|| name(wanted)), at: NOWHERE })
    };
    let properties = match label.properties.as_slice() {
        [] => Properties::None,
        names => Properties::List(names.iter().map(property).collect::<Result<_>>()?),
    };
    let label = (label.name != own.name).then(|| name(&label.name));
    Ok(LabelDefinition { label, properties, at: NOWHERE })
}

fn edge_table(graph: &GraphDef, edge: &GraphElement, catalog: &Catalog) -> Result<EdgeTable> {
    let (from, to) = ends(edge, catalog)?;
    let point = |end: Option<TypeId>| {
        let node = graph.nodes.iter().find(|node| Some(node.type_id) == end)?;
        Some(EndPoint { key: Vec::new(), table: name(&node.name), references: Vec::new(), at: NOWHERE })
    };
    Ok(EdgeTable { element: table(edge, catalog)?, ends: point(from).zip(point(to)) })
}

/// The types that an edge element joins, where its type says so.
fn ends(edge: &GraphElement, catalog: &Catalog) -> Result<(Option<TypeId>, Option<TypeId>)> {
    Ok(match element::definition(catalog, edge)?.kind {
        TypeKind::Edge(ends) => (ends.from, ends.to),
        TypeKind::Node => (None, None),
    })
}
