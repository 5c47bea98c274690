//! The schema `aresadb`: types, indexes, rules, settings, and the figures of log, files and caches.

use crate::model::{
    Config, EdgeEnds, IndexDef, IndexOrigin, PropertyId, PropertyType, ReferenceAction, ReferenceDef, Result,
    TypeDef, TypeKind, Value,
};
use crate::query::error::quoted;
use crate::query::rules::names_column;
use crate::query::settings::Name;
use crate::query::transaction::TransactionState;
use crate::storage::View;

use super::caches::{CacheFigures, caches};
use super::{Facts, NUMBER, Rows, SystemTable, TEXT, TRUTH, number, some_text, text};

/// The schema's name.
pub const SYSTEM_SCHEMA: &str = "aresadb";

const TIME: PropertyType = PropertyType::Timestamp;
const FRACTION: PropertyType = PropertyType::Float;

/// The tables of the schema, by name.
pub(super) const TABLES: &[SystemTable] = &[
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "cache",
        columns: &[
            ("name", TEXT),
            ("entries", NUMBER),
            ("bytes", NUMBER),
            ("capacity_bytes", NUMBER),
            ("hits", NUMBER),
            ("misses", NUMBER),
            ("evictions", NUMBER),
            ("false_positives", NUMBER),
            ("description", TEXT),
        ],
        rows: cache,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "constraints",
        columns: &[("name", TEXT), ("type", TEXT), ("kind", TEXT), ("columns", TEXT), ("definition", TEXT)],
        rows: constraints,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "indexes",
        columns: &[
            ("name", TEXT),
            ("type", TEXT),
            ("columns", TEXT),
            ("is_unique", TRUTH),
            ("entries", NUMBER),
            ("origin", TEXT),
        ],
        rows: indexes,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "properties",
        columns: &[
            ("type", TEXT),
            ("name", TEXT),
            ("position", NUMBER),
            ("data_type", TEXT),
            ("nullable", TRUTH),
            ("default_value", TEXT),
            ("declared", TRUTH),
        ],
        rows: properties,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "sessions",
        columns: &[
            ("id", NUMBER),
            ("current", TRUTH),
            ("started", TIME),
            ("transaction", TEXT),
            ("statement", TEXT),
            ("statement_started", TIME),
        ],
        rows: sessions,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "settings",
        columns: &[("name", TEXT), ("value", TEXT), ("scope", TEXT), ("source", TEXT), ("description", TEXT)],
        rows: settings,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "storage",
        columns: &[("kind", TEXT), ("name", TEXT), ("entries", NUMBER), ("bytes", NUMBER)],
        rows: storage,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "types",
        columns: &[
            ("name", TEXT),
            ("kind", TEXT),
            ("rows", NUMBER),
            ("declared", TRUTH),
            ("open", TRUTH),
            ("properties", NUMBER),
            ("indexes", NUMBER),
            ("from_type", TEXT),
            ("to_type", TEXT),
            ("version", NUMBER),
        ],
        rows: types,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "views",
        columns: &[("name", TEXT), ("columns", TEXT), ("reads", TEXT), ("definition", TEXT)],
        rows: views,
    },
    SystemTable {
        schema: SYSTEM_SCHEMA,
        name: "wal",
        columns: &[
            ("sync", TEXT),
            ("last_lsn", NUMBER),
            ("durable_lsn", NUMBER),
            ("checkpoint_lsn", NUMBER),
            ("checkpoint_time", TIME),
            ("checkpoint_age_seconds", NUMBER),
            ("segments", NUMBER),
            ("segment", NUMBER),
            ("segment_offset", NUMBER),
            ("bytes_written", NUMBER),
            ("bytes_since_checkpoint", NUMBER),
            ("memtable_bytes", NUMBER),
            ("commits", NUMBER),
            ("syncs", NUMBER),
            ("groups", NUMBER),
            ("average_group", FRACTION),
            ("largest_group", NUMBER),
        ],
        rows: wal,
    },
];

/// The node and edge types, by name.
pub(super) fn sorted_types(view: &View) -> Vec<&TypeDef> {
    let mut types: Vec<&TypeDef> = view.catalog().types().map(AsRef::as_ref).collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// The views, by name.
pub(super) fn sorted_views(view: &View) -> Vec<&TypeDef> {
    let mut views: Vec<&TypeDef> = view.catalog().views().map(AsRef::as_ref).collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

fn types(facts: &Facts) -> Result<Rows> {
    let catalog = facts.view.catalog();
    let row = |t: &TypeDef| {
        let (kind, ends) = match t.kind {
            TypeKind::Node => ("node", EdgeEnds::default()),
            TypeKind::Edge(ends) => ("edge", ends),
        };
        let name_of = |id| some_text(catalog.by_id(id).map(|end| end.name.as_str()));
        Ok(vec![
            text(&t.name),
            text(kind),
            number(facts.view.live_rows(t.id)?),
            Value::Bool(t.declared),
            Value::Bool(t.takes_new_properties()),
            number(t.properties.len()),
            number(t.indexes.len()),
            ends.from.map_or(Value::Null, name_of),
            ends.to.map_or(Value::Null, name_of),
            number(t.version),
        ])
    };
    sorted_types(&facts.view).into_iter().map(row).collect()
}

fn properties(facts: &Facts) -> Result<Rows> {
    let mut rows = Vec::new();
    for t in sorted_types(&facts.view) {
        rows.extend((1i64..).zip(&t.properties).map(|(position, p)| {
            vec![
                text(&t.name),
                text(&p.name),
                Value::Integer(position),
                text(p.property_type.to_string()),
                Value::Bool(!p.not_null),
                some_text(p.default.as_deref()),
                Value::Bool(p.declared),
            ]
        }));
    }
    Ok(rows)
}

fn origin(index: &IndexDef) -> &'static str {
    match index.origin {
        IndexOrigin::Index => "index",
        IndexOrigin::PrimaryKey => "primary key",
        IndexOrigin::Unique => "unique",
        IndexOrigin::Reference => "foreign key",
    }
}

fn indexes(facts: &Facts) -> Result<Rows> {
    let mut rows = Vec::new();
    for t in sorted_types(&facts.view) {
        // Every row has one entry, whatever is NULL in it.
        let entries = facts.view.live_rows(t.id)?;
        rows.extend(t.indexes.iter().map(|index| {
            vec![
                text(&index.name),
                text(&t.name),
                text(t.names_of(&index.properties)),
                Value::Bool(index.unique),
                number(entries),
                text(origin(index)),
            ]
        }));
    }
    Ok(rows)
}

/// The kinds of constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    NotNull,
    PrimaryKey,
    Unique,
    Check(&'t str),
    ForeignKey(&'t ReferenceDef),
}

/// A constraint of a type.
pub(super) struct Constraint<'t> {
    pub(super) name: String,
    pub(super) kind: Kind<'t>,
    pub(super) columns: Vec<PropertyId>,
}

/// All constraints of a type.
pub(super) fn constraints_of(t: &TypeDef) -> Vec<Constraint<'_>> {
    let mut found = Vec::new();
    for index in &t.indexes {
        let kind = match index.origin {
            IndexOrigin::PrimaryKey => Kind::PrimaryKey,
            IndexOrigin::Unique => Kind::Unique,
            IndexOrigin::Index | IndexOrigin::Reference => continue,
        };
        found.push(Constraint { name: index.name.clone(), kind, columns: index.properties.clone() });
    }
    found.extend(t.references.iter().map(|reference| Constraint {
        name: reference.name.clone(),
        kind: Kind::ForeignKey(reference),
        columns: reference.properties.clone(),
    }));
    found.extend(t.checks.iter().map(|check| {
        let named = t.properties.iter().filter(|p| names_column(&check.expression, &p.name));
        Constraint {
            name: check.name.clone(),
            kind: Kind::Check(&check.expression),
            columns: named.map(|p| p.id).collect(),
        }
    }));
    found.extend(t.properties.iter().filter(|p| p.not_null).map(|p| Constraint {
        name: format!("{}_{}_not_null", t.name, p.name),
        kind: Kind::NotNull,
        columns: vec![p.id],
    }));
    found
}

fn action(action: ReferenceAction) -> &'static str {
    match action {
        ReferenceAction::Restrict => "RESTRICT",
        ReferenceAction::Cascade => "CASCADE",
        ReferenceAction::SetNull => "SET NULL",
    }
}

fn constraints(facts: &Facts) -> Result<Rows> {
    let catalog = facts.view.catalog();
    let mut rows = Vec::new();
    for t in sorted_types(&facts.view) {
        let list = |t: &TypeDef, ids: &[PropertyId]| {
            let names = ids.iter().filter_map(|id| t.property_by_id(*id)).map(|p| quoted(&p.name));
            names.collect::<Vec<_>>().join(", ")
        };
        for constraint in constraints_of(t) {
            let own = list(t, &constraint.columns);
            let (kind, definition) = match constraint.kind {
                Kind::NotNull => ("not null", format!("NOT NULL {own}")),
                Kind::PrimaryKey => ("primary key", format!("PRIMARY KEY ({own})")),
                Kind::Unique => ("unique", format!("UNIQUE ({own})")),
                Kind::Check(expression) => ("check", format!("CHECK ({expression})")),
                Kind::ForeignKey(reference) => {
                    let target = catalog.by_id(reference.target);
                    let target = target.map_or_else(String::new, |target| {
                        let key = target.index(reference.target_index).map(|index| &index.properties);
                        let key = list(target, key.map_or(&[], Vec::as_slice));
                        format!("{} ({key})", quoted(&target.name))
                    });
                    let (delete, update) = (action(reference.on_delete), action(reference.on_update));
                    let definition = format!(
                        "FOREIGN KEY ({own}) REFERENCES {target} ON DELETE {delete} ON UPDATE {update}"
                    );
                    ("foreign key", definition)
                }
            };
            rows.push(vec![
                text(constraint.name),
                text(&t.name),
                text(kind),
                text(t.names_of(&constraint.columns)),
                text(definition),
            ]);
        }
    }
    Ok(rows)
}

fn views(facts: &Facts) -> Result<Rows> {
    let catalog = facts.view.catalog();
    let row = |t: &TypeDef| {
        let columns: Vec<&str> = t.properties.iter().map(|p| p.name.as_str()).collect();
        let ids = t.view.as_ref().map_or(&[][..], |view| view.reads.as_slice());
        let reads: Vec<&str> =
            ids.iter().filter_map(|id| catalog.by_id(*id)).map(|t| t.name.as_str()).collect();
        vec![
            text(&t.name),
            text(columns.join(", ")),
            text(reads.join(", ")),
            some_text(t.view.as_ref().map(|view| view.query.as_str())),
        ]
    };
    Ok(sorted_views(&facts.view).into_iter().map(row).collect())
}

fn settings(facts: &Facts) -> Result<Rows> {
    let (own, config) = (&facts.around.settings, &facts.around.system.config);
    let session = Name::ALL.into_iter().map(|name| {
        let source = if own.is_changed(name) { "session" } else { "config" };
        vec![
            text(name.as_str()),
            text(own.shown(name)),
            text("session"),
            text(source),
            text(name.description()),
        ]
    });
    let mut rows: Rows = session.collect();
    for (name, value) in config.settings()? {
        let description = Config::description(&name);
        rows.push(vec![
            text(&name),
            text(value.to_text()),
            text("database"),
            text("config"),
            text(description),
        ]);
    }
    Ok(rows)
}

// The average is for reading.
#[allow(clippy::cast_precision_loss)]
fn wal(facts: &Facts) -> Result<Rows> {
    let store = &facts.around.store;
    let Some(log) = store.log_stats() else { return Ok(Vec::new()) };
    let age = log.checkpointed_micros.map(|at| store.now_micros().saturating_sub(at).max(0) / 1_000_000);
    let sync = serde_json::to_value(facts.around.system.config.wal.sync).ok();
    let average = (log.groups > 0).then(|| (log.commits as f64 / log.groups as f64 * 100.0).round() / 100.0);
    Ok(vec![vec![
        some_text(sync.as_ref().and_then(serde_json::Value::as_str)),
        number(log.lsn),
        number(log.durable_lsn),
        number(log.flushed_lsn),
        log.checkpointed_micros.map_or(Value::Null, Value::Timestamp),
        age.map_or(Value::Null, Value::Integer),
        number(log.segments),
        number(log.segment),
        number(log.offset),
        number(log.bytes_written),
        number(log.bytes_since_checkpoint),
        number(log.memtable_bytes),
        number(log.commits),
        number(log.syncs),
        number(log.groups),
        average.map_or(Value::Null, Value::Float),
        number(log.largest_group),
    ]])
}

fn storage(facts: &Facts) -> Result<Rows> {
    let store = &facts.around.store;
    let backend = store.backend_stats()?;
    let mut rows: Rows = match store.files()? {
        Some(files) => files
            .into_iter()
            .map(|(name, bytes)| vec![text("file"), text(name), Value::Null, number(bytes)])
            .collect(),
        None => vec![vec![text("memory"), text("tables"), Value::Null, number(backend.file_bytes)]],
    };
    rows.extend(backend.tables.iter().map(|table| {
        vec![text("table"), text(table.table.name()), number(table.entries), number(table.stored_bytes)]
    }));
    Ok(rows)
}

fn cache(facts: &Facts) -> Result<Rows> {
    let row = |cache: CacheFigures| {
        let figures = [
            cache.entries,
            cache.bytes,
            cache.capacity_bytes,
            cache.hits,
            cache.misses,
            cache.evictions,
            cache.false_positives,
        ];
        let figures = figures.into_iter().map(|figure| figure.map_or(Value::Null, number));
        std::iter::once(text(cache.name)).chain(figures).chain([text(cache.description)]).collect()
    };
    Ok(caches(&facts.around.store, &facts.around.system).into_iter().map(row).collect())
}

fn sessions(facts: &Facts) -> Result<Rows> {
    let around = &facts.around;
    let row = |session: &std::sync::Arc<super::SessionEntry>| {
        let transaction = match session.transaction() {
            TransactionState::None => "none",
            TransactionState::Open { read_only: true, .. } => "open, read only",
            TransactionState::Open { read_only: false, .. } => "open",
        };
        let statement = session.statement();
        vec![
            number(session.id),
            Value::Bool(session.id == around.session.id),
            Value::Timestamp(session.since_micros),
            text(transaction),
            some_text(statement.as_ref().map(|statement| statement.sql.as_str())),
            statement.map_or(Value::Null, |statement| Value::Timestamp(statement.since_micros)),
        ]
    };
    Ok(around.system.sessions.list().iter().map(row).collect())
}
