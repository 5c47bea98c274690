//! The schema and the figures of a database, as programs show them.

use crate::engine::Database;
use crate::model::{
    GraphElement, GraphProperty, IndexOrigin, PropertyDef, PropertyId, ReferenceDef, Result, TypeDef,
    TypeKind, Value,
};
use crate::query::graph_definition;
use crate::storage::{LogStats, View};

use super::{
    CatalogInfo, Figure, GraphElementInfo, GraphInfo, IndexInfo, PropertyInfo, ReferenceInfo, StatsInfo,
    TypeInfo, ViewInfo,
};

/// The types with their row counts, which the store keeps: nothing is scanned.
pub(super) fn catalog(view: &View) -> Result<CatalogInfo> {
    let mut types = view.catalog().types().map(|t| type_info(view, t)).collect::<Result<Vec<_>>>()?;
    types.sort_by(|a, b| (a.is_edge, &a.name).cmp(&(b.is_edge, &b.name)));
    let views = view.catalog().views().map(|t| ViewInfo {
        name: t.name.clone(),
        columns: properties_of(t),
        query: t.view.as_ref().map_or_else(String::new, |view| view.query.clone()),
    });
    let mut views: Vec<ViewInfo> = views.collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    let mut graphs = view.catalog().graphs().map(|t| graph_info(view, t)).collect::<Result<Vec<_>>>()?;
    graphs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(CatalogInfo { types, views, graphs, version: view.catalog().version() })
}

fn graph_info(view: &View, own: &TypeDef) -> Result<GraphInfo> {
    let property = |p: &GraphProperty| PropertyInfo {
        name: p.name.clone(),
        property_type: p.property_type,
        declared: true,
        not_null: false,
        default: None,
    };
    let element = |is_edge: bool| {
        move |element: &GraphElement| GraphElementInfo {
            name: element.name.clone(),
            is_edge,
            labels: element.labels.iter().map(|label| label.name.clone()).collect(),
            properties: element.properties.iter().map(property).collect(),
        }
    };
    let graph = own.graph.iter();
    let elements = graph.flat_map(|graph| {
        graph.nodes.iter().map(element(false)).chain(graph.edges.iter().map(element(true)))
    });
    Ok(GraphInfo {
        name: own.name.clone(),
        elements: elements.collect(),
        definition: graph_definition(own, view.catalog())?,
    })
}

fn type_info(view: &View, definition: &TypeDef) -> Result<TypeInfo> {
    let name_of = |id| view.catalog().by_id(id).map(|t| t.name.clone());
    let (from_type, to_type) = match definition.kind {
        TypeKind::Node => (None, None),
        TypeKind::Edge(ends) => (ends.from.and_then(name_of), ends.to.and_then(name_of)),
    };
    Ok(TypeInfo {
        name: definition.name.clone(),
        is_edge: definition.is_edge(),
        from_type,
        to_type,
        declared: definition.declared,
        open: definition.open,
        rows: view.live_rows(definition.id)?,
        properties: properties_of(definition),
        checks: definition.checks.clone(),
        references: references_of(view, definition),
    })
}

fn properties_of(definition: &TypeDef) -> Vec<PropertyInfo> {
    let info = |p: &PropertyDef| PropertyInfo {
        name: p.name.clone(),
        property_type: p.property_type,
        declared: p.declared,
        not_null: p.not_null,
        default: p.default.clone(),
    };
    definition.properties.iter().map(info).collect()
}

fn references_of(view: &View, definition: &TypeDef) -> Vec<ReferenceInfo> {
    let names = |of: &TypeDef, ids: &[PropertyId]| -> Option<Vec<String>> {
        ids.iter().map(|id| of.property_by_id(*id).map(|p| p.name.clone())).collect()
    };
    let info = |reference: &ReferenceDef| {
        let target = view.catalog().by_id(reference.target)?;
        let index = target.indexes.iter().find(|index| index.number == reference.target_index)?;
        Some(ReferenceInfo {
            name: reference.name.clone(),
            on_delete: reference.on_delete,
            on_update: reference.on_update,
            properties: names(definition, &reference.properties)?,
            target: target.name.clone(),
            keys: names(target, &index.properties)?,
        })
    };
    definition.references.iter().filter_map(info).collect()
}

/// The indexes of all types.
pub(super) fn indexes(view: &View) -> Vec<IndexInfo> {
    let mut found = Vec::new();
    for definition in view.catalog().types() {
        let name_of = |id| definition.property_by_id(id).map_or_else(String::new, |p| p.name.clone());
        found.extend(definition.indexes.iter().map(|index| IndexInfo {
            name: index.name.clone(),
            type_name: definition.name.clone(),
            properties: index.properties.iter().map(|id| name_of(*id)).collect(),
            unique: index.unique,
            constraint: match index.origin {
                IndexOrigin::Index => None,
                IndexOrigin::PrimaryKey => Some("primary key".to_owned()),
                IndexOrigin::Unique => Some("unique".to_owned()),
                IndexOrigin::Reference => Some("reference".to_owned()),
            },
        }));
    }
    found.sort_by(|a, b| (&a.type_name, &a.name).cmp(&(&b.type_name, &b.name)));
    found
}

fn number(n: u64) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Where the log is, and what it did since the database was opened.
#[allow(clippy::cast_precision_loss)]
fn log_figures(log: &LogStats, now_micros: i64, add: &mut dyn FnMut(&str, &str, Value, &str)) {
    let age = log.checkpointed_micros.map(|at| now_micros.saturating_sub(at).max(0) / 1_000_000);
    // Hundredths are enough to see whether commits share their syncs.
    let average = (log.groups > 0).then(|| (log.commits as f64 / log.groups as f64 * 100.0).round() / 100.0);
    add("log", "segment", number(log.segment), "");
    add("log", "offset", number(log.offset), "bytes");
    add("log", "last transaction", number(log.lsn), "lsn");
    add("log", "durable up to", number(log.durable_lsn), "lsn");
    add("log", "in the tables up to", number(log.flushed_lsn), "lsn");
    add("log", "segments", number(log.segments), "");
    add("log", "written", number(log.bytes_written), "bytes");
    add("log", "since the last checkpoint", number(log.bytes_since_checkpoint), "bytes");
    add("log", "checkpoint age", Value::from(age), "seconds");
    add("log", "commits", number(log.commits), "");
    add("log", "groups", number(log.groups), "");
    add("log", "commits in a group, average", Value::from(average), "");
    add("log", "commits in a group, most", number(log.largest_group), "");
    add("log", "syncs", number(log.syncs), "");
    add("log", "not in the tables yet", number(log.memtable_bytes), "bytes");
}

/// Identity, sizes and counts.
pub(super) fn stats(database: &Database) -> Result<StatsInfo> {
    let view = database.view();
    let mut figures = Vec::new();
    let mut add = |group: &str, name: &str, value: Value, unit: &str| {
        figures.push(Figure { group: group.to_owned(), name: name.to_owned(), value, unit: unit.to_owned() });
    };
    let store = database.store();
    add("database", "name", Value::from(database.name()), "");
    let path = database.path().map_or_else(|| ":memory:".to_owned(), |p| p.display().to_string());
    add("database", "path", Value::from(path), "");
    add("database", "uuid", Value::Uuid(store.uuid()), "");
    add("database", "created", Value::from(database.config().created_at.as_str()), "");
    add("database", "format", Value::from(database.config().version), "");
    add("database", "read only", Value::Bool(database.is_read_only()), "");
    add("database", "last transaction", number(view.lsn()), "lsn");
    for notice in store.notices() {
        add("database", "notice", Value::from(notice.as_str()), "");
    }
    let (mut nodes, mut edges) = ((0u64, 0u64), (0u64, 0u64));
    for definition in view.catalog().types() {
        let count = if definition.is_edge() { &mut edges } else { &mut nodes };
        count.0 += 1;
        count.1 += view.live_rows(definition.id)?;
    }
    add("data", "node types", number(nodes.0), "");
    add("data", "nodes", number(nodes.1), "rows");
    add("data", "edge types", number(edges.0), "");
    add("data", "edges", number(edges.1), "rows");
    if let Some(log) = store.log_stats() {
        log_figures(&log, store.now_micros(), &mut add);
    }
    for cache in database.caches() {
        let figures = [
            ("entries", cache.entries, ""),
            ("size", cache.bytes, "bytes"),
            ("may take", cache.capacity_bytes, "bytes"),
            ("hits", cache.hits, ""),
            ("misses", cache.misses, ""),
            ("evictions", cache.evictions, ""),
            ("false positives", cache.false_positives, ""),
        ];
        for (name, value, unit) in figures {
            if let Some(value) = value {
                add("cache", &format!("{} {name}", cache.name), number(value), unit);
            }
        }
    }
    let backend = store.backend_stats()?;
    add("storage", "file", number(backend.file_bytes), "bytes");
    for table in &backend.tables {
        add("storage", &format!("{} entries", table.table.name()), number(table.entries), "");
        add("storage", &format!("{} size", table.table.name()), number(table.stored_bytes), "bytes");
    }
    Ok(StatsInfo { figures })
}
