//! Files in and out: import, export, the example graph.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::engine::{Database, StatementResult};
use crate::model::{CancelToken, Error, Result, TypeDef};
use crate::transfer::{
    self, ExportSource, ExportWriter, FileFormat, ImportOptions, ImportPhase, ImportTarget,
};

use super::server::{Connection, Reply, Running};
use super::{EventBody, Progress, Summary};

/// How often an export tells how far it is.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

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
    let started = Instant::now();
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
    let result = session.run(&sql, &[], &running.cancel).await?;
    let StatementResult::Rows(mut rows) = result else {
        return Err(Error::bad_input("only a statement that gives rows can be exported"));
    };
    let mut writer = ExportWriter::new(&file, format, rows.schema())?;
    let mut done = 0u64;
    let mut told = started;
    while let Some(batch) = running.until_stopped(async { rows.next().await.transpose() }).await? {
        writer.write(&batch)?;
        done += batch.num_rows() as u64;
        if told.elapsed() >= REPORT_INTERVAL {
            told = Instant::now();
            reply.offer(EventBody::Progress(Progress {
                what: format!("export {}", file.display()),
                done,
                unit: "rows".to_owned(),
                fraction: expected.filter(|n| *n > 0).map(|all| done as f64 / all as f64),
                elapsed: started.elapsed(),
            }));
        }
    }
    let note = writer.note();
    let rows = connection.shared.executor.run_blocking(move || writer.finish()).await?;
    Ok(Summary { verb: "EXPORT".to_owned(), rows, truncated: false, note })
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
