//! Which node and edge types the variables of a pattern may be of.
//!
//! In the graph `graph`, which has all types, a label is the name of a type; in a property graph of one's own, what it
//! was defined as. An edge type whose ends are declared joins nodes of those types alone, so that what stands beside an
//! edge narrows the edge, and the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlparser::ast::ObjectName;

use crate::model::{
    Error, GraphDef, GraphElement, PropertyDef, PropertyId, Result, Span, TypeDef, TypeId, TypeKind, sqlstate,
};
use crate::query::columns::ROW;
use crate::query::error::{quoted, some_of};
use crate::query::provider::{ROWS_SCHEMA, SCHEMA};
use crate::query::rewrite::{ident, type_name};
use crate::storage::{Catalog, closest};

use super::ast::{Direction, LabelExpr, LabelKind, folded};

/// The types a variable may be of.
pub(super) type Types = BTreeSet<TypeId>;

/// The types of the graph.
pub(super) struct Labels<'c> {
    catalog: &'c Catalog,
    graph: Option<Named<'c>>,
}

/// A property graph of one's own.
struct Named<'c> {
    id: TypeId,
    graph: &'c GraphDef,
    /// Its elements' types, with the properties that they have in it.
    definitions: BTreeMap<TypeId, Arc<TypeDef>>,
}

/// An edge of a pattern, between two nodes of it.
pub(super) struct Joined {
    /// The edge's place among the variables.
    pub(super) edge: usize,
    /// The node on its left, and the one on its right.
    pub(super) ends: (usize, usize),
    pub(super) direction: Direction,
}

impl<'c> Labels<'c> {
    /// Those of a graph.
    ///
    /// # Errors
    /// `NotFound`, `BadInput` for a name that is another thing's.
    pub(super) fn of(graph: &ObjectName, catalog: &'c Catalog) -> Result<Self> {
        let parts: Vec<String> = graph.0.iter().filter_map(|part| part.as_ident().map(folded)).collect();
        if parts == [super::WHOLE] {
            return Ok(Self { catalog, graph: None });
        }
        let wanted = type_name(graph);
        let found = wanted.as_ref().and_then(|name| catalog.named(name));
        let Some(found) = found else {
            let error = Error::not_found(format!("no property graph {graph}"))
                .with_sqlstate(sqlstate::UNDEFINED_TABLE);
            let known = some_of(catalog.graphs().map(|graph| graph.name.as_str()));
            return Err(error.with_hint(match known {
                None => "the graph of all types is called graph".to_owned(),
                Some(known) => format!("there are graph, of all types, and {known}"),
            }));
        };
        let Some(graph) = &found.graph else {
            let name = quoted(&found.name);
            return Err(Error::bad_input(format!("{name} is a {}, not a property graph", found.what()))
                .with_sqlstate(sqlstate::WRONG_OBJECT_TYPE)
                .with_hint("the graph of all types is called graph"));
        };
        let mut definitions = BTreeMap::new();
        for element in graph.elements() {
            let own = catalog.by_id(element.type_id);
            let own = own.ok_or_else(|| Error::internal("a property graph of a type that is not there"))?;
            definitions.insert(element.type_id, Arc::new(as_element(own, element)));
        }
        Ok(Self { catalog, graph: Some(Named { id: found.id, graph, definitions }) })
    }

    /// The property graph, where it is not the one of all types.
    pub(super) fn graph(&self) -> Option<TypeId> {
        self.graph.as_ref().map(|named| named.id)
    }

    /// All types of nodes, or of edges.
    pub(super) fn all(&self, edges: bool) -> Types {
        match &self.graph {
            None => self.catalog.types().filter(|own| own.is_edge() == edges).map(|own| own.id).collect(),
            Some(named) => named.elements(edges).map(|element| element.type_id).collect(),
        }
    }

    /// Whether some types of nodes are all that there are, in the graph or not.
    pub(super) fn is_everything(&self, types: &Types) -> bool {
        self.catalog.types().all(|own| own.is_edge() || types.contains(&own.id))
    }

    /// Whether edges of some types may join nodes that are not in the graph.
    pub(super) fn lead_out(&self, edges: &Types) -> bool {
        let nodes = self.all(false);
        edges.iter().any(|id| {
            let (from, to) = self.ends(*id);
            !from.is_subset(&nodes) || !to.is_subset(&nodes)
        })
    }

    /// A type, with the properties that it has in the graph.
    pub(super) fn definition(&self, id: TypeId) -> Result<&Arc<TypeDef>> {
        let found = match &self.graph {
            None => self.catalog.by_id(id),
            Some(named) => named.definitions.get(&id),
        };
        found.ok_or_else(|| Error::internal("a type that is not there"))
    }

    /// The rows of a type as the graph has them, with their handles where they are asked for: a table, or a query in
    /// parentheses.
    pub(super) fn rows(&self, id: TypeId, has_rows: bool) -> Result<String> {
        let own = self.catalog.by_id(id).ok_or_else(|| Error::internal("a type that is not there"))?;
        let table = format!("\"{}\".{}", if has_rows { ROWS_SCHEMA } else { SCHEMA }, ident(&own.name));
        match self.graph.as_ref().and_then(|named| named.graph.of_type(id)) {
            Some(element) if !is_plain(own, element) => {
                Ok(format!("({})", rows_of(own, element, &table, has_rows)))
            }
            _ => Ok(table),
        }
    }

    /// The names that labels have.
    fn names(&self, edges: bool) -> Vec<&str> {
        match &self.graph {
            None => {
                let types = self.catalog.types().filter(|own| own.is_edge() == edges);
                types.map(|own| own.name.as_str()).collect()
            }
            Some(named) => {
                let labels = named.elements(edges).flat_map(|element| &element.labels);
                labels.map(|label| label.name.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
            }
        }
    }

    /// The types that have a label; nothing where there is no such label.
    fn labelled(&self, name: &str, edges: bool) -> Option<Types> {
        let types: Types = match &self.graph {
            None => self
                .catalog
                .get(name)
                .filter(|own| own.is_edge() == edges)
                .map(|own| own.id)
                .into_iter()
                .collect(),
            Some(named) => {
                let elements = named.elements(edges).filter(|element| element.label(name).is_some());
                elements.map(|element| element.type_id).collect()
            }
        };
        Some(types).filter(|types| !types.is_empty())
    }

    /// The types that fulfil a condition on labels.
    ///
    /// # Errors
    /// `NotFound` for a label that there is not, `BadInput` for one of the other kind; with their bytes.
    pub(super) fn matching(
        &self,
        label: Option<&LabelExpr>,
        edges: bool,
    ) -> std::result::Result<Types, (Error, Span)> {
        let Some(label) = label else { return Ok(self.all(edges)) };
        Ok(match &label.kind {
            LabelKind::Any => self.all(edges),
            LabelKind::Not(inner) => &self.all(edges) - &self.matching(Some(inner), edges)?,
            LabelKind::Or(labels) => {
                let mut types = Types::new();
                for label in labels {
                    types.extend(self.matching(Some(label), edges)?);
                }
                types
            }
            LabelKind::And(labels) => {
                let mut types = self.all(edges);
                for label in labels {
                    types = &types & &self.matching(Some(label), edges)?;
                }
                types
            }
            LabelKind::Name(name) => {
                let name = folded(name);
                if let Some(types) = self.labelled(&name, edges) {
                    return Ok(types);
                }
                if self.labelled(&name, !edges).is_some() {
                    let (is, wanted) = if edges { ("node", "edge") } else { ("edge", "node") };
                    let error = Error::bad_input(
                        format!("\"{name}\" is a type of {is}s, and stands in a pattern of an {wanted}")
                            .replace("an node", "a node"),
                    )
                    .with_sqlstate(sqlstate::UNDEFINED_OBJECT);
                    return Err((error, label.at.0));
                }
                return Err((self.unknown(&name, edges), label.at.0));
            }
        })
    }

    fn unknown(&self, name: &str, edges: bool) -> Error {
        let error = Error::not_found(format!("the graph has no label \"{name}\""))
            .with_sqlstate(sqlstate::UNDEFINED_OBJECT);
        let names = self.names(edges);
        match closest(name, names.iter().copied()) {
            Some(near) => error.with_hint(format!("did you mean {near}?")),
            None => {
                let known: Vec<&str> = names.into_iter().take(12).collect();
                let kind = if edges { "edges" } else { "nodes" };
                let what = if self.graph.is_some() { "labels" } else { "types" };
                error.with_hint(format!("the {what} of {kind} are {}", known.join(", ")))
            }
        }
    }

    /// Which types the ends of an edge type are of, in the graph or not: of each pair one of the first and one of the
    /// second.
    fn ends(&self, id: TypeId) -> (Types, Types) {
        let every = || self.catalog.types().filter(|own| !own.is_edge()).map(|own| own.id).collect();
        let of = |end: Option<TypeId>| end.map_or_else(every, |id| Types::from([id]));
        match self.catalog.by_id(id).map(|definition| definition.kind) {
            Some(TypeKind::Edge(ends)) => (of(ends.from), of(ends.to)),
            _ => (Types::new(), Types::new()),
        }
    }

    /// The types of the nodes that an edge type leads to at one side of its pattern.
    pub(super) fn leads_to(&self, edge: TypeId, left: bool, direction: Direction) -> Types {
        let (from, to) = self.ends(edge);
        match direction {
            Direction::Either => &from | &to,
            Direction::Right if left => from,
            Direction::Left if !left => from,
            _ => to,
        }
    }

    /// Takes away the types that no edge of the pattern can join. `false` where nothing is left of a variable: there is
    /// no match then.
    pub(super) fn narrow(&self, types: &mut [Types], joined: &[Joined]) -> bool {
        loop {
            let mut changed = false;
            for Joined { edge, ends: (left, right), direction } in joined {
                let (mut lefts, mut rights, mut edges) = (Types::new(), Types::new(), Types::new());
                for id in types.get(*edge).into_iter().flatten() {
                    let (from, to) = self.ends(*id);
                    let ways = match direction {
                        Direction::Right => vec![(from, to)],
                        Direction::Left => vec![(to, from)],
                        Direction::Either => vec![(from.clone(), to.clone()), (to, from)],
                    };
                    for (l, r) in ways {
                        let (l, r) = (cut(types, *left, &l), cut(types, *right, &r));
                        if !l.is_empty() && !r.is_empty() {
                            edges.insert(*id);
                            lefts.extend(l);
                            rights.extend(r);
                        }
                    }
                }
                // A node that is both ends keeps what it may be as both.
                if left == right {
                    lefts = &lefts & &rights;
                    rights.clone_from(&lefts);
                }
                for (place, new) in [(*edge, edges), (*left, lefts), (*right, rights)] {
                    if let Some(own) = types.get_mut(place)
                        && *own != new
                    {
                        *own = &*own & &new;
                        changed = true;
                    }
                }
            }
            if types.iter().any(Types::is_empty) {
                return false;
            }
            if !changed {
                return true;
            }
        }
    }

    /// The properties of some types by name, and of which type each is; in the order of the types' definitions.
    ///
    /// # Errors
    /// `BadInput` for one that has two types which are not numbers.
    pub(super) fn properties(&self, types: &Types) -> Result<Vec<(String, crate::model::PropertyType)>> {
        let mut found: Vec<(String, crate::model::PropertyType)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for id in types {
            for property in &self.definition(*id)?.properties {
                match places.get(property.name.as_str()) {
                    None => {
                        places.insert(&property.name, found.len());
                        found.push((property.name.clone(), property.property_type));
                    }
                    Some(place) => {
                        if let Some((_, known)) = found.get_mut(*place) {
                            *known = common(*known, property.property_type).unwrap_or(*known);
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

impl Named<'_> {
    fn elements(&self, edges: bool) -> std::slice::Iter<'_, GraphElement> {
        if edges { self.graph.edges.iter() } else { self.graph.nodes.iter() }
    }
}

/// A type with the properties of an element.
fn as_element(own: &TypeDef, element: &GraphElement) -> TypeDef {
    let property = |(property, number): (&crate::model::GraphProperty, u32)| PropertyDef {
        id: PropertyId(number),
        name: property.name.clone(),
        property_type: property.property_type,
        declared: true,
        not_null: false,
        default: None,
    };
    let properties = element.properties.iter().zip(0..).map(property).collect();
    TypeDef { properties, ..TypeDef::new(own.id, &own.name, own.kind) }
}

/// Whether the rows of an element are those of its table, of which patterns ask for the element's properties alone.
fn is_plain(own: &TypeDef, element: &GraphElement) -> bool {
    let is_column = |p: &crate::model::GraphProperty| p.expression == ident(&p.name).to_string();
    // What a column of the table means by itself must not hide what the system's means.
    let shadows = |p: &&PropertyDef| super::is_system(&p.name) && element.property(&p.name).is_none();
    element.properties.iter().all(is_column) && !own.properties.iter().any(|p| shadows(&p))
}

/// The rows of an element, with its properties and the system's columns.
fn rows_of(own: &TypeDef, element: &GraphElement, table: &str, has_rows: bool) -> String {
    let mut columns: Vec<String> = has_rows.then(|| ident(ROW).to_string()).into_iter().collect();
    let ends: &[&str] = if own.is_edge() { &["from_id", "to_id"] } else { &[] };
    for name in ["id", "created_at", "updated_at"].iter().chain(ends) {
        columns.push(format!("\"_{name}\""));
        if element.property(name).is_none() {
            columns.push(format!("\"_{name}\" AS \"{name}\""));
        }
    }
    for property in &element.properties {
        columns.push(format!("{} AS {}", property.expression, ident(&property.name)));
    }
    format!("SELECT {} FROM {table}", columns.join(", "))
}

fn cut(types: &[Types], place: usize, with: &Types) -> Types {
    types.get(place).map(|own| own & with).unwrap_or_default()
}

/// The type that holds the values of both.
pub(super) fn common(
    a: crate::model::PropertyType,
    b: crate::model::PropertyType,
) -> Option<crate::model::PropertyType> {
    use crate::model::PropertyType::{Float, Integer};
    match (a, b) {
        _ if a == b => Some(a),
        (Integer, Float) | (Float, Integer) => Some(Float),
        _ => None,
    }
}
