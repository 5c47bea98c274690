//! The schema `information_schema`, with the columns that PostgreSQL documents and that say something here.

use crate::model::{PropertyDef, PropertyId, PropertyType, ReferenceAction, Result, TypeDef, Value};
use crate::query::arrow_value::property_type_of;
use crate::query::columns::Columns;
use crate::query::error::quoted;
use crate::query::provider::{CATALOG, SCHEMA};

use super::tables::{Constraint, Kind, constraints_of, sorted_types, sorted_views};
use super::{Facts, NUMBER, Rows, SYSTEM_SCHEMA, SystemTable, TEXT, number, some_text, text};

/// The schema's name.
pub const INFORMATION_SCHEMA: &str = "information_schema";

/// The tables of the schema, by name.
pub(super) const TABLES: &[SystemTable] = &[
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "check_constraints",
        columns: &[
            ("constraint_catalog", TEXT),
            ("constraint_schema", TEXT),
            ("constraint_name", TEXT),
            ("check_clause", TEXT),
        ],
        rows: check_constraints,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "columns",
        columns: &[
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("column_name", TEXT),
            ("ordinal_position", NUMBER),
            ("column_default", TEXT),
            ("is_nullable", TEXT),
            ("data_type", TEXT),
            ("character_maximum_length", NUMBER),
            ("character_octet_length", NUMBER),
            ("numeric_precision", NUMBER),
            ("numeric_precision_radix", NUMBER),
            ("numeric_scale", NUMBER),
            ("datetime_precision", NUMBER),
            ("interval_type", TEXT),
            ("udt_name", TEXT),
            ("is_identity", TEXT),
            ("is_generated", TEXT),
            ("is_updatable", TEXT),
        ],
        rows: columns,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "constraint_column_usage",
        columns: &[
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("column_name", TEXT),
            ("constraint_catalog", TEXT),
            ("constraint_schema", TEXT),
            ("constraint_name", TEXT),
        ],
        rows: constraint_column_usage,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "key_column_usage",
        columns: &[
            ("constraint_catalog", TEXT),
            ("constraint_schema", TEXT),
            ("constraint_name", TEXT),
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("column_name", TEXT),
            ("ordinal_position", NUMBER),
            ("position_in_unique_constraint", NUMBER),
        ],
        rows: key_column_usage,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "referential_constraints",
        columns: &[
            ("constraint_catalog", TEXT),
            ("constraint_schema", TEXT),
            ("constraint_name", TEXT),
            ("unique_constraint_catalog", TEXT),
            ("unique_constraint_schema", TEXT),
            ("unique_constraint_name", TEXT),
            ("match_option", TEXT),
            ("update_rule", TEXT),
            ("delete_rule", TEXT),
        ],
        rows: referential_constraints,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "schemata",
        columns: &[
            ("catalog_name", TEXT),
            ("schema_name", TEXT),
            ("schema_owner", TEXT),
            ("default_character_set_catalog", TEXT),
            ("default_character_set_schema", TEXT),
            ("default_character_set_name", TEXT),
            ("sql_path", TEXT),
        ],
        rows: schemata,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "table_constraints",
        columns: &[
            ("constraint_catalog", TEXT),
            ("constraint_schema", TEXT),
            ("constraint_name", TEXT),
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("constraint_type", TEXT),
            ("is_deferrable", TEXT),
            ("initially_deferred", TEXT),
            ("enforced", TEXT),
            ("nulls_distinct", TEXT),
        ],
        rows: table_constraints,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "tables",
        columns: &[
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("table_type", TEXT),
            ("is_insertable_into", TEXT),
            ("is_typed", TEXT),
        ],
        rows: tables,
    },
    SystemTable {
        schema: INFORMATION_SCHEMA,
        name: "views",
        columns: &[
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("view_definition", TEXT),
            ("check_option", TEXT),
            ("is_updatable", TEXT),
            ("is_insertable_into", TEXT),
            // The name this column had before it had PostgreSQL's.
            ("definition", TEXT),
        ],
        rows: views,
    },
];

fn yes(is: bool) -> Value {
    text(if is { "YES" } else { "NO" })
}

/// A name with its catalog and schema.
fn named(schema: &str, name: &str) -> [Value; 3] {
    [text(CATALOG), text(schema), text(name)]
}

fn own(name: &str) -> [Value; 3] {
    named(SCHEMA, name)
}

fn row<const PARTS: usize>(parts: [&[Value]; PARTS]) -> Vec<Value> {
    parts.concat()
}

fn schemata(_: &Facts) -> Result<Rows> {
    let schema = |name: &str| {
        vec![text(CATALOG), text(name), text(CATALOG), Value::Null, Value::Null, text("UTF8"), Value::Null]
    };
    Ok([SYSTEM_SCHEMA, INFORMATION_SCHEMA, SCHEMA].map(schema).into())
}

fn tables(facts: &Facts) -> Result<Rows> {
    let line =
        |name: [Value; 3], kind: &str, insertable| row([&name, &[text(kind), yes(insertable), yes(false)]]);
    let base = sorted_types(&facts.view).into_iter().map(|t| line(own(&t.name), "BASE TABLE", true));
    let views = sorted_views(&facts.view).into_iter().map(|t| line(own(&t.name), "VIEW", false));
    let system = super::all().map(|table| line(named(table.schema, table.name), "VIEW", false));
    Ok(base.chain(views).chain(system).collect())
}

fn views(facts: &Facts) -> Result<Rows> {
    let views = sorted_views(&facts.view).into_iter().map(|t| {
        let query = some_text(t.view.as_ref().map(|view| view.query.as_str()));
        let rest = [query.clone(), text("NONE"), yes(false), yes(false), query];
        row([&own(&t.name), &rest])
    });
    Ok(views.collect())
}

/// What `columns` says of a type: its name as PostgreSQL writes it, and its sizes.
struct Described {
    data_type: String,
    udt_name: &'static str,
    precision: Option<i64>,
    radix: Option<i64>,
    scale: Option<i64>,
    datetime_precision: Option<i64>,
}

impl Described {
    fn of(property_type: PropertyType) -> Self {
        let plain = |data_type: &str, udt_name| Described {
            data_type: data_type.to_owned(),
            udt_name,
            precision: None,
            radix: None,
            scale: None,
            datetime_precision: None,
        };
        let time =
            |data_type, udt_name| Described { datetime_precision: Some(6), ..plain(data_type, udt_name) };
        match property_type {
            PropertyType::Boolean => plain("boolean", "bool"),
            PropertyType::Integer => {
                Described { precision: Some(64), radix: Some(2), scale: Some(0), ..plain("bigint", "int8") }
            }
            PropertyType::Float => {
                Described { precision: Some(53), radix: Some(2), ..plain("double precision", "float8") }
            }
            PropertyType::String => plain("text", "text"),
            PropertyType::Timestamp => time("timestamp with time zone", "timestamptz"),
            PropertyType::Date => Described { datetime_precision: Some(0), ..plain("date", "date") },
            PropertyType::Time => time("time without time zone", "time"),
            PropertyType::Interval => time("interval", "interval"),
            PropertyType::Decimal { precision, scale } => Described {
                precision: Some(precision.into()),
                radix: Some(10),
                scale: Some(scale.into()),
                ..plain("numeric", "numeric")
            },
            PropertyType::Uuid => plain("uuid", "uuid"),
            PropertyType::Bytes => plain("bytea", "bytea"),
            PropertyType::Vector { .. } => plain(&property_type.to_string().to_lowercase(), "vector"),
            PropertyType::Json => plain("json", "json"),
        }
    }
}

fn column(
    table: &[Value; 3],
    name: &str,
    position: i64,
    default: Option<&str>,
    nullable: bool,
    property_type: PropertyType,
    updatable: bool,
) -> Vec<Value> {
    let described = Described::of(property_type);
    let octets = matches!(property_type, PropertyType::String).then_some(1i64 << 30);
    let some = |value: Option<i64>| value.map_or(Value::Null, Value::Integer);
    let rest = [
        text(name),
        Value::Integer(position),
        some_text(default),
        yes(nullable),
        text(described.data_type),
        Value::Null,
        some(octets),
        some(described.precision),
        some(described.radix),
        some(described.scale),
        some(described.datetime_precision),
        Value::Null,
        text(described.udt_name),
        yes(false),
        text("NEVER"),
        yes(updatable),
    ];
    row([table, &rest])
}

fn columns(facts: &Facts) -> Result<Rows> {
    let mut rows = Vec::new();
    for t in sorted_types(&facts.view) {
        let table = own(&t.name);
        for (position, field) in (1i64..).zip(Columns::of(t, false).visible()) {
            let default = t.property(field.name()).and_then(|p| p.default.as_deref());
            let of = property_type_of(field);
            rows.push(column(&table, field.name(), position, default, field.is_nullable(), of, true));
        }
    }
    for t in sorted_views(&facts.view) {
        let table = own(&t.name);
        let line = |(position, p): (i64, &PropertyDef)| {
            column(&table, &p.name, position, None, true, p.property_type, false)
        };
        rows.extend((1i64..).zip(&t.properties).map(line));
    }
    for system in super::all() {
        let table = named(system.schema, system.name);
        let columns = (1i64..).zip(system.columns);
        rows.extend(columns.map(|(at, (name, of))| column(&table, name, at, None, true, *of, false)));
    }
    Ok(rows)
}

/// Visits the constraints of all types.
fn each_constraint<'f>(facts: &'f Facts, visit: &mut dyn FnMut(&'f TypeDef, Constraint<'f>)) {
    for t in sorted_types(&facts.view) {
        constraints_of(t).into_iter().for_each(|constraint| visit(t, constraint));
    }
}

fn table_constraints(facts: &Facts) -> Result<Rows> {
    let mut rows = Vec::new();
    each_constraint(facts, &mut |t, constraint| {
        let (kind, distinct) = match constraint.kind {
            Kind::PrimaryKey => ("PRIMARY KEY", Value::Null),
            Kind::Unique => ("UNIQUE", yes(true)),
            Kind::ForeignKey(_) => ("FOREIGN KEY", Value::Null),
            Kind::Check(_) | Kind::NotNull => ("CHECK", Value::Null),
        };
        let rest = [text(kind), yes(false), yes(false), yes(true), distinct];
        rows.push(row([&own(&constraint.name), &own(&t.name), &rest]));
    });
    Ok(rows)
}

fn check_constraints(facts: &Facts) -> Result<Rows> {
    let mut rows = Vec::new();
    each_constraint(facts, &mut |t, constraint| {
        let clause = match (constraint.kind, constraint.columns.as_slice()) {
            (Kind::Check(expression), _) => expression.to_owned(),
            (Kind::NotNull, [id]) => {
                let name = t.property_by_id(*id).map(|p| quoted(&p.name)).unwrap_or_default();
                format!("{name} IS NOT NULL")
            }
            _ => return,
        };
        rows.push(row([&own(&constraint.name), &[text(clause)]]));
    });
    Ok(rows)
}

fn name_of(t: &TypeDef, id: PropertyId) -> Value {
    some_text(t.property_by_id(id).map(|p| p.name.as_str()))
}

fn key_column_usage(facts: &Facts) -> Result<Rows> {
    let mut rows = Vec::new();
    each_constraint(facts, &mut |t, constraint| {
        let is_reference = match constraint.kind {
            Kind::PrimaryKey | Kind::Unique => false,
            Kind::ForeignKey(_) => true,
            Kind::Check(_) | Kind::NotNull => return,
        };
        for (position, id) in (1i64..).zip(&constraint.columns) {
            let in_unique = if is_reference { number(position) } else { Value::Null };
            let rest = [name_of(t, *id), number(position), in_unique];
            rows.push(row([&own(&constraint.name), &own(&t.name), &rest]));
        }
    });
    Ok(rows)
}

fn constraint_column_usage(facts: &Facts) -> Result<Rows> {
    let catalog = facts.view.catalog();
    let mut rows = Vec::new();
    each_constraint(facts, &mut |t, constraint| {
        // Of a foreign key the columns that it leads to.
        let (table, columns): (&TypeDef, &[PropertyId]) = match constraint.kind {
            Kind::ForeignKey(reference) => {
                let Some(target) = catalog.by_id(reference.target) else { return };
                let key = target.index(reference.target_index);
                (target, key.map_or(&[], |key| key.properties.as_slice()))
            }
            _ => (t, constraint.columns.as_slice()),
        };
        for id in columns {
            rows.push(row([&own(&table.name), &[name_of(table, *id)], &own(&constraint.name)]));
        }
    });
    Ok(rows)
}

fn referential_constraints(facts: &Facts) -> Result<Rows> {
    let rule = |action| {
        text(match action {
            ReferenceAction::Restrict => "RESTRICT",
            ReferenceAction::Cascade => "CASCADE",
            ReferenceAction::SetNull => "SET NULL",
        })
    };
    let catalog = facts.view.catalog();
    let mut rows = Vec::new();
    each_constraint(facts, &mut |_, constraint| {
        let Kind::ForeignKey(reference) = constraint.kind else { return };
        let target = catalog.by_id(reference.target);
        let key = target.and_then(|target| target.index(reference.target_index));
        let key = own(key.map_or("", |key| key.name.as_str()));
        let rest = [text("NONE"), rule(reference.on_update), rule(reference.on_delete)];
        rows.push(row([&own(&constraint.name), &key, &rest]));
    });
    Ok(rows)
}
