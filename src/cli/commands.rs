//! Subcommands about the database, its records and its schema.

use uuid::Uuid;

use crate::bus::{Command, EventBody, GraphInfo, Inspection, PropertyInfo, RecordBody, ResultColumn};
use crate::model::{EdgeId, Error, NodeId, Properties, PropertyType, Value, parse_json};

use super::args::{Format, IndexCommand};
use super::find::{catalog, quoted, record_id, type_named};
use super::io::{Outcome, Stop};
use super::output::ResultPrinter;
use super::session::Session;

/// A column of a result made here.
pub fn column(name: &str, property_type: PropertyType) -> ResultColumn {
    ResultColumn { name: name.to_owned(), property_type }
}

/// Prints rows made here, at most as many as `--limit` says.
pub fn print(session: &mut Session<'_>, columns: Vec<ResultColumn>, rows: Vec<Vec<Value>>) -> Outcome {
    let limit = session.settings.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut printer = ResultPrinter::start(columns, &session.settings, &mut session.io)?;
    for row in rows.iter().take(limit) {
        printer.row(row, &mut session.io)?;
    }
    printer.finish(&mut session.io)?;
    if rows.len() > limit {
        session.io.note(&format!("{} more rows were left out: --limit {limit}", rows.len() - limit));
    }
    Ok(())
}

/// A JSON object as properties.
pub fn properties(json: &str) -> Outcome<Properties> {
    match parse_json(json).map_err(Stop::usage)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Stop::usage(
            Error::bad_input("the properties are not a JSON object")
                .with_hint("write them like '{\"name\": \"tmux\", \"size\": 3}'"),
        )),
    }
}

/// Sends a command that answers with a record.
fn inspected(session: &mut Session<'_>, command: Command) -> Outcome<Inspection> {
    let mut found = None;
    session.request(command, &mut |_, _, body| {
        if let EventBody::Inspected(inspection) = body {
            found = Some(*inspection);
        }
        Ok(())
    })?;
    found.ok_or_else(|| Error::internal("the engine did not answer with the record").into())
}

fn print_id(session: &mut Session<'_>, inspection: &Inspection, done: &str) -> Outcome {
    let id = match &inspection.record {
        RecordBody::Node(node) => node.id.0,
        RecordBody::Edge(edge) => edge.id.0,
    };
    print(session, vec![column("id", PropertyType::Uuid)], vec![vec![Value::Uuid(id)]])?;
    session.io.note(done);
    Ok(())
}

/// `insert TYPE JSON`
pub fn insert(session: &mut Session<'_>, node_type: String, json: &str) -> Outcome {
    let command = Command::InsertNode { node_type, id: None, properties: properties(json)? };
    let inspection = inspected(session, command)?;
    print_id(session, &inspection, "1 node inserted")
}

/// `link FROM TYPE TO [JSON]`
pub fn link(session: &mut Session<'_>, ends: (&str, &str), edge_type: String, json: Option<&str>) -> Outcome {
    let properties = json.map_or_else(|| Ok(Properties::new()), properties)?;
    let from = NodeId(record_id(session, ends.0)?);
    let to = NodeId(record_id(session, ends.1)?);
    let inspection = inspected(session, Command::InsertEdge { edge_type, from, to, properties })?;
    print_id(session, &inspection, "1 edge inserted")
}

/// `get ID`
pub fn get(session: &mut Session<'_>, id: &str) -> Outcome {
    let id = record_id(session, id)?;
    let inspection = inspected(session, Command::Inspect { id })?;
    let (mut columns, mut row) = (Vec::new(), Vec::new());
    let mut cell = |name: &str, property_type, value| {
        columns.push(column(name, property_type));
        row.push(value);
    };
    let (properties, created_at, updated_at) = match inspection.record {
        RecordBody::Node(node) => {
            cell("id", PropertyType::Uuid, Value::Uuid(node.id.0));
            cell("type", PropertyType::String, Value::String(node.node_type));
            (node.properties, node.created_at, node.updated_at)
        }
        RecordBody::Edge(edge) => {
            cell("id", PropertyType::Uuid, Value::Uuid(edge.id.0));
            cell("type", PropertyType::String, Value::String(edge.edge_type));
            cell("from_id", PropertyType::Uuid, Value::Uuid(edge.from.0));
            cell("to_id", PropertyType::Uuid, Value::Uuid(edge.to.0));
            (edge.properties, edge.created_at, edge.updated_at)
        }
    };
    for (name, value) in properties {
        cell(&name, value.property_type().unwrap_or(PropertyType::String), value);
    }
    cell("created_at", PropertyType::Timestamp, Value::Timestamp(created_at));
    cell("updated_at", PropertyType::Timestamp, Value::Timestamp(updated_at));
    // One record is wide: people read it from top to bottom.
    if session.settings.format == Format::Table {
        let rows = columns.into_iter().zip(row);
        let rows = rows.map(|(c, value)| vec![Value::String(c.name), Value::String(shown(&value))]).collect();
        let text = |name| column(name, PropertyType::String);
        return print(session, vec![text("property"), text("value")], rows);
    }
    print(session, columns, vec![row])
}

fn shown(value: &Value) -> String {
    if value.is_null() { "NULL".to_owned() } else { value.to_text() }
}

/// `update ID JSON`
pub fn update(session: &mut Session<'_>, id: &str, json: &str) -> Outcome {
    let properties = properties(json)?;
    let id = record_id(session, id)?;
    let inspection = inspected(session, Command::UpdateRecord { id, properties })?;
    let what = if matches!(inspection.record, RecordBody::Node(_)) { "node" } else { "edge" };
    session.io.note(&format!("1 {what} updated"));
    Ok(())
}

/// `delete ID`, `unlink ID`
pub fn delete(session: &mut Session<'_>, id: &str, edge_only: bool) -> Outcome {
    let id: Uuid =
        if edge_only { id.parse::<EdgeId>().map_err(Stop::usage)?.0 } else { record_id(session, id)? };
    let (summary, _) = session.request(Command::DeleteRecord { id, edge_only }, &mut |_, _, _| Ok(()))?;
    let rows = summary.rows;
    let mut note = format!("{rows} row{} deleted", if rows == 1 { "" } else { "s" });
    if let Some(more) = summary.note {
        note.push_str(", ");
        note.push_str(&more);
    }
    session.io.note(&note);
    Ok(())
}

/// The elements of a property graph: each property in a row, and elements without any.
fn graph_schema(session: &mut Session<'_>, graph: &GraphInfo) -> Outcome {
    let mut rows = Vec::new();
    for element in &graph.elements {
        let kind = if element.is_edge { "edge" } else { "node" };
        let mut row = |property: Option<&PropertyInfo>| {
            rows.push(vec![
                Value::from(element.name.as_str()),
                Value::from(kind),
                Value::String(element.labels.join(", ")),
                Value::from(property.map(|p| p.name.as_str())),
                property.map_or(Value::Null, |p| Value::String(p.property_type.to_string())),
            ]);
        };
        match element.properties.as_slice() {
            [] => row(None),
            properties => properties.iter().for_each(|property| row(Some(property))),
        }
    }
    let columns = ["element", "kind", "labels", "property", "type"];
    print(session, columns.map(|name| column(name, PropertyType::String)).into(), rows)
}

/// `schema [TYPE]`
pub fn schema(session: &mut Session<'_>, name: Option<&str>) -> Outcome {
    let catalog = catalog(session)?;
    let text = |text: &str| Value::from(text);
    if let Some(name) = name {
        if let Some(graph) = catalog.graphs.iter().find(|g| g.name == name) {
            return graph_schema(session, graph);
        }
        let of_view = catalog.views.iter().find(|v| v.name == name).map(|v| &v.columns);
        let properties = match of_view {
            Some(columns) => columns,
            None => &type_named(&catalog, name)?.properties,
        };
        let rows = (properties.iter())
            .map(|p| {
                vec![
                    text(&p.name),
                    Value::String(p.property_type.to_string()),
                    Value::Bool(p.not_null),
                    Value::from(p.default.as_deref()),
                    Value::Bool(p.declared),
                ]
            })
            .collect();
        let columns = vec![
            column("property", PropertyType::String),
            column("type", PropertyType::String),
            column("not_null", PropertyType::Boolean),
            column("default", PropertyType::String),
            column("declared", PropertyType::Boolean),
        ];
        return print(session, columns, rows);
    }
    let names = |properties: &[PropertyInfo]| {
        Value::String(properties.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "))
    };
    let views = catalog.views.iter().map(|v| {
        let nothing = || Value::Null;
        vec![
            text(&v.name),
            text("view"),
            nothing(),
            nothing(),
            nothing(),
            Value::Bool(true),
            names(&v.columns),
        ]
    });
    let graphs = catalog.graphs.iter().map(|g| {
        let nothing = || Value::Null;
        let elements: Vec<&str> = g.elements.iter().map(|element| element.name.as_str()).collect();
        vec![
            text(&g.name),
            text("graph"),
            nothing(),
            nothing(),
            nothing(),
            Value::Bool(true),
            Value::String(elements.join(", ")),
        ]
    });
    let rows = (catalog.types.iter())
        .map(|t| {
            vec![
                text(&t.name),
                text(if t.is_edge { "edge" } else { "node" }),
                integer(t.rows),
                Value::from(t.from_type.as_deref()),
                Value::from(t.to_type.as_deref()),
                Value::Bool(t.declared),
                names(&t.properties),
            ]
        })
        .chain(views)
        .chain(graphs)
        .collect();
    let columns = vec![
        column("type", PropertyType::String),
        column("kind", PropertyType::String),
        column("rows", PropertyType::Integer),
        column("from_type", PropertyType::String),
        column("to_type", PropertyType::String),
        column("declared", PropertyType::Boolean),
        column("properties", PropertyType::String),
    ];
    print(session, columns, rows)
}

/// `index create|list|drop`
pub fn index(session: &mut Session<'_>, command: IndexCommand) -> Outcome {
    match command {
        IndexCommand::Create { node_type, properties, unique, name } => {
            let columns: Vec<String> = properties.iter().map(|p| quoted(p)).collect();
            let name = name.map_or_else(String::new, |name| format!("{} ", quoted(&name)));
            let unique = if unique { "UNIQUE " } else { "" };
            let sql =
                format!("CREATE {unique}INDEX {name}ON {} ({})", quoted(&node_type), columns.join(", "));
            session.run_sql(&sql, &[], 0)
        }
        IndexCommand::Drop { name } => session.run_sql(&format!("DROP INDEX {}", quoted(&name)), &[], 0),
        IndexCommand::List { node_type } => indexes(session, node_type.as_deref()),
    }
}

fn indexes(session: &mut Session<'_>, only: Option<&str>) -> Outcome {
    if let Some(name) = only {
        type_named(&catalog(session)?, name)?;
    }
    let mut rows = Vec::new();
    session.request(Command::Indexes, &mut |_, _, body| {
        if let EventBody::Indexes(found) = body {
            let wanted = found.into_iter().filter(|i| only.is_none_or(|name| name == i.type_name));
            rows.extend(wanted.map(|i| {
                vec![
                    Value::String(i.name),
                    Value::String(i.type_name),
                    Value::String(i.properties.join(", ")),
                    Value::Bool(i.unique),
                    Value::from(i.constraint),
                ]
            }));
        }
        Ok(())
    })?;
    let text = |name| column(name, PropertyType::String);
    let unique = column("unique", PropertyType::Boolean);
    print(session, vec![text("index"), text("type"), text("properties"), unique, text("constraint")], rows)
}

/// A count as a value.
pub fn integer(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// What `Open` told.
#[derive(Debug, Default)]
pub struct Opened {
    /// The database's name.
    pub name: String,
    /// Its folder, or `:memory:`.
    pub path: String,
    /// Writes are refused.
    pub read_only: bool,
    /// It was made just now.
    pub created: bool,
}

/// `info`
pub fn info(session: &mut Session<'_>, opened: &Opened) -> Outcome {
    let catalog = catalog(session)?;
    let count = |edges: bool| catalog.types.iter().filter(|t| t.is_edge == edges).count() as u64;
    let rows = |edges: bool| catalog.types.iter().filter(|t| t.is_edge == edges).map(|t| t.rows).sum();
    let facts = [
        ("name", Value::from(opened.name.as_str())),
        ("path", Value::from(opened.path.as_str())),
        ("read_only", Value::Bool(opened.read_only)),
        ("node_types", integer(count(false))),
        ("edge_types", integer(count(true))),
        ("nodes", integer(rows(false))),
        ("edges", integer(rows(true))),
    ];
    let (values, kept) = values_as(session.settings.format);
    let rows = facts.into_iter().map(|(name, value)| vec![Value::from(name), kept(value)]);
    print(session, vec![column("fact", PropertyType::String), column("value", values)], rows.collect())
}

/// How a column of values of several types is printed: JSON keeps numbers apart from text, elsewhere
/// they are text.
pub fn values_as(format: Format) -> (PropertyType, fn(Value) -> Value) {
    match format {
        Format::Json | Format::Jsonl => (PropertyType::Json, |value| value),
        _ => (PropertyType::String, |value| Value::String(shown(&value))),
    }
}

/// `stats`
pub fn stats(session: &mut Session<'_>) -> Outcome {
    let mut rows = Vec::new();
    let (values, kept) = values_as(session.settings.format);
    session.request(Command::Stats, &mut |_, _, body| {
        if let EventBody::Stats(stats) = body {
            rows.extend(stats.figures.into_iter().map(|f| {
                vec![Value::String(f.group), Value::String(f.name), kept(f.value), Value::String(f.unit)]
            }));
        }
        Ok(())
    })?;
    let text = |name| column(name, PropertyType::String);
    print(session, vec![text("group"), text("name"), column("value", values), text("unit")], rows)
}
