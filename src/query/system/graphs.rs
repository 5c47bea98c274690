//! Property graphs as `information_schema` shows them, with the columns of ISO/IEC 9075-16.

use crate::model::{GraphDef, GraphElement, GraphLabel, GraphProperty, Result, TypeDef, TypeKind, Value};
use crate::query::property_graph::definition;
use crate::query::provider::{CATALOG, SCHEMA};
use crate::storage::{Catalog, View};

use super::{Facts, INFORMATION_SCHEMA, NUMBER, Rows, SYSTEM_SCHEMA, SystemTable, TEXT, number, text};

/// The tables about property graphs, by name.
pub(super) const TABLES: &[SystemTable] = &[
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_edge_table_components",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("edge_table_alias", TEXT),
            ("vertex_table_alias", TEXT),
            ("edge_end", TEXT),
            ("edge_table_column_name", TEXT),
            ("vertex_table_column_name", TEXT),
            ("ordinal_position", NUMBER),
        ],
        rows: edge_ends,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_element_table_labels",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("element_table_alias", TEXT),
            ("label_name", TEXT),
        ],
        rows: element_labels,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_element_table_properties",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("element_table_alias", TEXT),
            ("property_name", TEXT),
            ("property_expression", TEXT),
        ],
        rows: element_properties,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_element_tables",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("element_table_alias", TEXT),
            ("element_table_kind", TEXT),
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
        ],
        rows: elements,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_label_properties",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("label_name", TEXT),
            ("property_name", TEXT),
        ],
        rows: label_properties,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_labels",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("label_name", TEXT),
        ],
        rows: labels,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "pg_property_data_types",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
            ("property_name", TEXT),
            ("data_type", TEXT),
        ],
        rows: property_types,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "property_graphs",
        columns: &[
            ("property_graph_catalog", TEXT),
            ("property_graph_schema", TEXT),
            ("property_graph_name", TEXT),
        ],
        rows: graphs,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "property_graphs",
        columns: &[("name", TEXT), ("vertices", TEXT), ("edges", TEXT), ("definition", TEXT)],
        rows: definitions,
    },
];

/// The property graphs, by name.
fn sorted(view: &View) -> Vec<(&TypeDef, &GraphDef)> {
    let own = view.catalog().graphs().filter_map(|own| Some((own.as_ref(), own.graph.as_ref()?)));
    let mut graphs: Vec<_> = own.collect();
    graphs.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    graphs
}

fn own(graph: &TypeDef, rest: impl IntoIterator<Item = Value>) -> Vec<Value> {
    [text(CATALOG), text(SCHEMA), text(&graph.name)].into_iter().chain(rest).collect()
}

/// A row for each of what each element has.
fn of_elements<T>(
    facts: &Facts,
    of: impl Fn(&GraphElement) -> Vec<T>,
    row: impl Fn(&GraphElement, T) -> Vec<Value>,
) -> Rows {
    let mut rows = Vec::new();
    for (graph, definition) in sorted(&facts.view) {
        for element in definition.elements() {
            rows.extend(of(element).into_iter().map(|one| own(graph, row(element, one))));
        }
    }
    rows
}

/// The same, where what several elements have is told once.
fn distinct(mut rows: Rows) -> Rows {
    let key = |row: &Vec<Value>| format!("{row:?}");
    let mut seen = std::collections::HashSet::new();
    rows.retain(|row| seen.insert(key(row)));
    rows
}

fn table_name(catalog: &Catalog, element: &GraphElement) -> Value {
    super::some_text(catalog.by_id(element.type_id).map(|t| t.name.as_str()))
}

fn graphs(facts: &Facts) -> Result<Rows> {
    Ok(sorted(&facts.view).into_iter().map(|(graph, _)| own(graph, [])).collect())
}

fn definitions(facts: &Facts) -> Result<Rows> {
    let names = |elements: &[GraphElement]| {
        text(elements.iter().map(|element| element.name.as_str()).collect::<Vec<_>>().join(", "))
    };
    let row = |(graph, elements): (&TypeDef, &GraphDef)| {
        let definition = definition(graph, facts.view.catalog())?;
        Ok(vec![text(&graph.name), names(&elements.nodes), names(&elements.edges), text(definition)])
    };
    sorted(&facts.view).into_iter().map(row).collect()
}

fn elements(facts: &Facts) -> Result<Rows> {
    let catalog = facts.view.catalog();
    let is_edge = |element: &GraphElement| catalog.by_id(element.type_id).is_some_and(|t| t.is_edge());
    Ok(of_elements(
        facts,
        |_| vec![()],
        |element, ()| {
            let kind = if is_edge(element) { "EDGE" } else { "VERTEX" };
            let name = table_name(catalog, element);
            vec![text(&element.name), text(kind), text(CATALOG), text(SCHEMA), name]
        },
    ))
}

fn element_labels(facts: &Facts) -> Result<Rows> {
    let labels = |element: &GraphElement| element.labels.clone();
    let row = |element: &GraphElement, label: GraphLabel| vec![text(&element.name), text(label.name)];
    Ok(of_elements(facts, labels, row))
}

fn element_properties(facts: &Facts) -> Result<Rows> {
    let properties = |element: &GraphElement| element.properties.clone();
    let row = |element: &GraphElement, property: GraphProperty| {
        vec![text(&element.name), text(property.name), text(property.expression)]
    };
    Ok(of_elements(facts, properties, row))
}

fn labels(facts: &Facts) -> Result<Rows> {
    let labels = |element: &GraphElement| element.labels.clone();
    Ok(distinct(of_elements(facts, labels, |_, label| vec![text(label.name)])))
}

fn label_properties(facts: &Facts) -> Result<Rows> {
    let pairs = |element: &GraphElement| {
        let of = |label: &GraphLabel| {
            let name = label.name.clone();
            label.properties.iter().map(move |property| (name.clone(), property.clone())).collect::<Vec<_>>()
        };
        element.labels.iter().flat_map(of).collect()
    };
    Ok(distinct(of_elements(facts, pairs, |_, (label, property)| vec![text(label), text(property)])))
}

fn property_types(facts: &Facts) -> Result<Rows> {
    let properties = |element: &GraphElement| element.properties.clone();
    let row = |_: &GraphElement, property: GraphProperty| {
        vec![text(property.name), text(property.property_type.to_string())]
    };
    Ok(distinct(of_elements(facts, properties, row)))
}

/// The ends that edge types declare.
fn edge_ends(facts: &Facts) -> Result<Rows> {
    let catalog = facts.view.catalog();
    let mut rows = Vec::new();
    for (graph, definition) in sorted(&facts.view) {
        for edge in &definition.edges {
            let Some(TypeKind::Edge(ends)) = catalog.by_id(edge.type_id).map(|t| t.kind) else { continue };
            for (end, word, column) in [(ends.from, "SOURCE", "_from_id"), (ends.to, "DESTINATION", "_to_id")]
            {
                let node = definition.nodes.iter().find(|node| Some(node.type_id) == end);
                let Some(node) = node else { continue };
                let rest = [text(&edge.name), text(&node.name), text(word), text(column), text("_id")];
                rows.push(own(graph, rest.into_iter().chain([number(1)])));
            }
        }
    }
    Ok(rows)
}
