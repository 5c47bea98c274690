//! Files in and out: import, export, the example graph.

use std::collections::BTreeSet;
use std::path::PathBuf;

use uuid::Uuid;

use crate::columnar::{property_type_of, value_at};
use crate::engine::{Database, RowStream, Session, StatementResult};
use crate::model::{CancelToken, Error, PropertyType, Result, TypeDef, Value};
use crate::transfer::{
    self, ExportSource, ExportWriter, FileFormat, GraphFormat, GraphSource, ImportOptions, ImportPhase,
    ImportTarget,
};

use super::report::{Report, check_free};
use super::server::{Connection, Reply, Running};
use super::{EventBody, Progress, Summary};

pub(super) fn import(
    database: &Database,
    options: &ImportOptions,
    reply: &Reply,
    cancel: &CancelToken,
) -> Result<Summary> {
    let name = match &options.target {
        ImportTarget::Nodes { node_type } => node_type,
        ImportTarget::Edges { edge_type, .. } => edge_type,
    };
    let mut tell = |at: transfer::ImportProgress| {
        let what = match at.phase {
            ImportPhase::Inferring => format!("reading {name}"),
            ImportPhase::Writing => format!("import {name}"),
        };
        reply.offer(EventBody::Progress(Progress {
            what,
            done: if at.phase == ImportPhase::Writing { at.committed } else { at.rows },
            unit: if at.phase == ImportPhase::Writing { "rows committed" } else { "rows" }.to_owned(),
            fraction: at.fraction,
            elapsed: at.elapsed,
        }));
    };
    let report = transfer::import(database.store(), options, &mut tell, cancel)?;
    let mut notes = Vec::new();
    if report.updated > 0 {
        notes.push(format!("{} rows updated", report.updated));
    }
    if report.skipped > 0 {
        let place = report.rejected_file.map(|f| format!(", see {}", f.display())).unwrap_or_default();
        notes.push(format!("{} rows rejected{place}", report.skipped));
    }
    let note = (!notes.is_empty()).then(|| notes.join(", "));
    Ok(Summary { verb: "IMPORT".to_owned(), rows: report.rows, truncated: false, note })
}

pub(super) fn load_demo(database: &Database) -> Result<Summary> {
    let counts = transfer::load_demo(database.store())?;
    let note = format!("{} packages, {} dependencies", counts.packages, counts.dependencies);
    let rows = counts.packages + counts.dependencies;
    Ok(Summary { verb: "DEMO".to_owned(), rows, truncated: false, note: Some(note) })
}

pub(super) async fn export(
    connection: &Connection,
    source: ExportSource,
    file: PathBuf,
    format: Option<FileFormat>,
    reply: &Reply,
    running: &Running,
) -> Result<Summary> {
    let session = connection.session()?;
    let (sql, expected) = match source {
        ExportSource::Sql(sql) => (sql, None),
        ExportSource::Type(name) => {
            let view = session.view();
            match view.catalog().view(&name) {
                Some(_) => (format!("SELECT * FROM {}", quoted(&name)), None),
                None => {
                    let definition = view.catalog().require(&name)?;
                    (select_all(definition), Some(view.live_rows(definition.id)?))
                }
            }
        }
    };
    let mut rows = rows_of(&session, &sql, running).await?;
    let mut writer = ExportWriter::new(&file, format, rows.schema())?;
    let mut done = 0u64;
    let mut report = Report::new(&format!("export {}", file.display()), reply);
    while let Some(batch) = running.until_stopped(async { rows.next().await.transpose() }).await? {
        writer.write(&batch)?;
        done += batch.num_rows() as u64;
        report.at(done, expected);
    }
    let note = writer.note();
    let rows = connection.shared.executor.run_blocking(move || writer.finish()).await?;
    Ok(Summary { verb: "EXPORT".to_owned(), rows, truncated: false, note })
}

pub(super) async fn export_graph(
    connection: &Connection,
    source: GraphSource,
    (file, format, replace): (PathBuf, GraphFormat, bool),
    reply: &Reply,
    running: &Running,
) -> Result<Summary> {
    check_free(&file, replace)?;
    let session = connection.session()?;
    let source = match source {
        GraphSource::Sql(sql) => GraphSource::Records(ids_of(&session, &sql, running).await?),
        source => source,
    };
    let (view, cancel) = (session.view(), running.cancel.clone());
    let mut report = Report::of(&format!("export {}", file.display()), "nodes and edges", reply);
    let work = move || {
        let mut tell = |done, all| report.at(done, all);
        transfer::export_graph(&view, &source, (&file, format), &mut tell, &cancel)
    };
    let exported = connection.shared.executor.run_blocking(work).await?;
    let mut note = format!("{} nodes, {} edges", exported.nodes, exported.edges);
    exported.note.iter().for_each(|more| note.push_str(&format!("; {more}")));
    let rows = exported.nodes + exported.edges;
    Ok(Summary { verb: "EXPORT".to_owned(), rows, truncated: false, note: Some(note) })
}

/// The rows of a query that is exported.
async fn rows_of(session: &Session, sql: &str, running: &Running) -> Result<RowStream> {
    match session.run(sql, &[], &running.cancel).await? {
        StatementResult::Rows(rows) => Ok(rows),
        _ => Err(Error::bad_input("only a statement that gives rows can be exported")),
    }
}

/// The ids that a query gives, in columns of ids and of lists of them.
async fn ids_of(session: &Session, sql: &str, running: &Running) -> Result<Vec<Uuid>> {
    let mut rows = rows_of(session, sql, running).await?;
    let mut ids = BTreeSet::new();
    while let Some(batch) = running.until_stopped(async { rows.next().await.transpose() }).await? {
        for (array, field) in batch.columns().iter().zip(batch.schema_ref().fields()) {
            for row in 0..batch.num_rows() {
                collect_ids(&value_at(array, field, row), &mut ids);
            }
        }
    }
    if ids.is_empty() && rows.schema().fields().iter().all(|f| !may_hold_ids(property_type_of(f))) {
        return Err(Error::bad_input("the query gives no ids: a graph is made of nodes and edges")
            .with_hint("select _id, of nodes or of edges"));
    }
    Ok(ids.into_iter().collect())
}

fn may_hold_ids(property_type: PropertyType) -> bool {
    matches!(property_type, PropertyType::Uuid | PropertyType::Json)
}

fn collect_ids(value: &Value, ids: &mut BTreeSet<Uuid>) {
    match value {
        Value::Uuid(id) => drop(ids.insert(*id)),
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        _ => {}
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Every row of a type with its identity: what `*` leaves out for declared types is needed to read
/// the file back.
fn select_all(definition: &TypeDef) -> String {
    let system: &[(&str, &str)] = if definition.is_edge() {
        &[("_id", "id"), ("_from_id", "from_id"), ("_to_id", "to_id")]
    } else {
        &[("_id", "id")]
    };
    let columns: Vec<String> = system
        .iter()
        .filter(|(_, shown)| definition.property(shown).is_none())
        .map(|(column, shown)| format!("{column} AS {shown}"))
        .chain(definition.properties.iter().map(|p| quoted(&p.name)))
        .collect();
    format!("SELECT {} FROM {}", columns.join(", "), quoted(&definition.name))
}
