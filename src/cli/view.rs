//! `view TYPE --as table|graph|kv`: the same rows as a table, as edges between nodes, or as keys with
//! their values.

use crate::bus::{CatalogInfo, Command, Delivery, EventBody, GraphSource, TypeInfo, sql_name};
use crate::model::{Error, PropertyType, Value};

use super::args::Form;
use super::commands::column;
use super::find::{catalog, quoted, type_named};
use super::graph_files::{graph_format, print_graph};
use super::io::Outcome;
use super::output::ResultPrinter;
use super::session::Session;

/// What people know a node by: the first of these that its type has.
const NAMES: [&str; 6] = ["name", "title", "label", "key", "code", "email"];

/// `view TYPE --as FORM`
pub fn view(session: &mut Session<'_>, name: &str, form: Form) -> Outcome {
    let catalog = catalog(session)?;
    if catalog.views.iter().any(|v| v.name == name) {
        if form != Form::Table {
            let error =
                Error::unsupported(format!("'{name}' is a view: its rows have neither ids nor edges"));
            return Err(error.with_hint("view it --as table").into());
        }
        return session.run_sql(&format!("SELECT * FROM {}", quoted(name)), &[], 0);
    }
    if catalog.graphs.iter().any(|g| g.name == name) {
        let error = Error::unsupported(format!("'{name}' is a property graph: it has no rows of its own"));
        let hint = format!("match it in SQL: SELECT ... FROM GRAPH_TABLE ({} MATCH ...)", sql_name(name));
        return Err(error.with_hint(hint).into());
    }
    let found = type_named(&catalog, name)?;
    if let (Form::Graph, Some(format)) = (form, graph_format(session.settings.format)) {
        return print_graph(session, GraphSource::Type(name.to_owned()), format);
    }
    match form {
        Form::Table => session.run_sql(&table(found), &[], 0),
        Form::Kv => key_value(session, found),
        Form::Graph => session.run_sql(&graph(&catalog, found)?, &[], 0),
    }
}

/// Every row with its id, and both ends of an edge.
fn table(found: &TypeInfo) -> String {
    let has = |name: &str| found.properties.iter().any(|p| p.name == name);
    let ends: &[&str] = if found.is_edge { &["id", "from_id", "to_id"] } else { &["id"] };
    let system = ends.iter().filter(|name| !has(name)).map(|name| format!("_{name} AS {name}"));
    let columns: Vec<String> = system.chain(found.properties.iter().map(|p| quoted(&p.name))).collect();
    format!("SELECT {} FROM {}", columns.join(", "), quoted(&found.name))
}

/// The id as the key, the record's properties as one JSON object.
fn key_value(session: &mut Session<'_>, found: &TypeInfo) -> Outcome {
    let names: Vec<String> = found.properties.iter().map(|p| p.name.clone()).collect();
    let columns = std::iter::once("_id".to_owned()).chain(names.iter().map(|name| quoted(name)));
    let columns: Vec<String> = columns.collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), quoted(&found.name));
    let shown = vec![column("key", PropertyType::Uuid), column("value", PropertyType::Json)];
    let mut printer = ResultPrinter::start(shown, &session.settings, &mut session.io)?;
    let delivery = Delivery::Stream { limit: session.settings.limit };
    let outcome = session.request(Command::Run { sql, params: Vec::new(), delivery }, &mut |io, _, body| {
        let EventBody::Rows { page, .. } = body else { return Ok(()) };
        for row in 0..page.rows() {
            let cells = names.iter().enumerate().map(|(n, name)| (name.clone(), page.value(row, n + 1)));
            // A property without a value is not there.
            let object = cells.filter(|(_, value)| !value.is_null()).collect();
            printer.row(&[page.value(row, 0), Value::Object(object)], io)?;
        }
        Ok(())
    });
    let rows = printer.finish(&mut session.io)?;
    outcome?;
    if let Some(limit) = session.settings.limit.filter(|limit| found.rows > *limit && rows == *limit) {
        session.io.note(&format!("more rows were left out: --limit {limit}"));
    }
    Ok(())
}

/// Edges with what is at their ends: those of an edge type, or all that leave or enter a node type.
fn graph(catalog: &CatalogInfo, found: &TypeInfo) -> Outcome<String> {
    if found.is_edge {
        return Ok(edges(catalog, found, None));
    }
    let touches = |end: &Option<String>| end.as_ref().is_none_or(|name| *name == found.name);
    let touching =
        catalog.types.iter().filter(|t| t.is_edge && (touches(&t.from_type) || touches(&t.to_type)));
    let all: Vec<String> = touching.map(|t| edges(catalog, t, Some(found))).collect();
    if all.is_empty() {
        return Err(Error::not_found(format!("no edge type joins nodes of '{}'", found.name))
            .with_hint("view it --as table, or make edges with link")
            .into());
    }
    Ok(all.join(" UNION ALL "))
}

/// The edges of a type, those that touch a node type alone if one is given.
fn edges(catalog: &CatalogInfo, edge: &TypeInfo, node: Option<&TypeInfo>) -> String {
    let shown = |id: &str, end: &Option<String>, alias: &str| {
        let end = end.as_ref().and_then(|name| catalog.types.iter().find(|t| t.name == *name));
        // Ends that are not declared are told by the node types there are, one after the other.
        let ends: Vec<&TypeInfo> = match end {
            Some(end) => vec![end],
            None => catalog.types.iter().filter(|t| !t.is_edge).collect(),
        };
        let (mut names, mut joins) = (Vec::new(), String::new());
        for (n, end) in ends.into_iter().enumerate() {
            let known = NAMES.iter().find(|name| end.properties.iter().any(|p| p.name == **name));
            let Some(known) = known else { continue };
            let alias = format!("{alias}{n}");
            names.push(format!("CAST({alias}.{known} AS TEXT)"));
            joins.push_str(&format!(" LEFT JOIN {} {alias} ON {alias}._id = e.{id}", quoted(&end.name)));
        }
        names.push(format!("e.{id}"));
        (format!("coalesce({})", names.join(", ")), joins)
    };
    let (from, from_joins) = shown("_from_id", &edge.from_type, "f");
    let (to, to_joins) = shown("_to_id", &edge.to_type, "t");
    let only = node.map_or_else(String::new, |node| {
        let ids = format!("SELECT _id FROM {}", quoted(&node.name));
        format!(" WHERE e._from_id IN ({ids}) OR e._to_id IN ({ids})")
    });
    let name = edge.name.replace('\'', "''");
    format!(
        "SELECT {from} AS \"from\", '{name}' AS edge, {to} AS \"to\", e._id AS edge_id FROM {} e{from_joins}{to_joins}{only}",
        quoted(&edge.name)
    )
}
