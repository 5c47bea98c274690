//! Into files: the rows of a result, and the graph that is drawn.

use std::path::PathBuf;

use crate::bus::{Command, EventBody, GraphFormat, GraphSource};
use crate::model::{ErrorKind, escape_control};

use super::app::{App, Level, Purpose, Tab};
use super::grid::actions::{NO_ROWS, shown_columns, start};
use super::grid::answers::stopped;
use super::input::{Input, InputKind};
use super::layout::Pane;
use super::overlay::{Consent, Overlay, Question};
use super::text;

/// The formats of a graph, as people are told.
const GRAPH_FORMATS: &str = ".dot .graphml .jgf, with .gz or .zst";

/// Asks for the file's name.
pub(super) fn ask(app: &mut App) {
    let (name, note) = if in_graph(app) {
        let Some(name) = app.graph.title() else { return app.note(Level::Info, "there is no graph yet") };
        (format!("{}.dot", file_name(name, "graph")), GRAPH_FORMATS)
    } else {
        let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
        let name = file_name(&grid.title, "result");
        (format!("{name}.csv"), ".csv .tsv .json .jsonl .parquet .arrow, with .gz or .zst")
    };
    app.overlays.push(Overlay::Input(Input::new(InputKind::Export, "export to", &name, note)));
}

/// What of a title may stand in a file's name.
fn file_name(title: &str, otherwise: &str) -> String {
    let name: String = title.chars().filter(|c| c.is_alphanumeric() || "_-".contains(*c)).collect();
    if name.is_empty() { otherwise.to_owned() } else { name }
}

/// Writes what is shown to a file.
pub(super) fn to_file(app: &mut App, file: &str) {
    let file = PathBuf::from(file);
    let request = if in_graph(app) {
        let ids = app.graph.drawn();
        if ids.is_empty() {
            return app.note(Level::Info, "there is no graph yet");
        }
        let Some(format) = GraphFormat::of_path(&file) else {
            let told = format!("a graph goes to {GRAPH_FORMATS}");
            return app.note(Level::Error, &told);
        };
        Command::ExportGraph { source: GraphSource::Records(ids), file: file.clone(), format, replace: false }
    } else {
        let Some(grid) = app.results.active() else { return app.note(Level::Info, NO_ROWS) };
        Command::ExportRows {
            cursor: grid.cursor(),
            file: file.clone(),
            format: None,
            columns: shown_columns(grid),
            replace: false,
        }
    };
    app.note(Level::Info, &format!("writing {} …: Ctrl-C stops", file.display()));
    send(app, request);
}

fn in_graph(app: &App) -> bool {
    app.focus == Pane::Lower && app.tab == Tab::Graph
}

fn send(app: &mut App, request: Command) {
    app.export = Some(request.clone());
    start(app, Purpose::Export, request);
}

/// Asks whether a file is to be replaced.
fn ask_to_replace(app: &mut App, message: &str) {
    app.overlays.push(Overlay::Question(Question {
        title: "The file exists",
        lines: vec![format!("{}: replace it?", escape_control(message))],
        yes: "replace it",
        no: "leave it",
        consent: Some(Consent::Replace),
        no_quits: false,
    }));
}

/// Exports once more, over the file there is.
pub(super) fn replace_file(app: &mut App) {
    let mut request = app.export.take();
    if let Some(Command::ExportRows { replace, .. } | Command::ExportGraph { replace, .. }) = &mut request {
        *replace = true;
    }
    if let Some(request) = request {
        send(app, request);
    }
}

/// Takes an event of an export.
pub(super) fn answer(app: &mut App, body: EventBody) {
    match body {
        EventBody::Done { summary, elapsed } => {
            app.progress = None;
            let (file, what, per) = match app.export.take() {
                Some(Command::ExportRows { file, .. }) => (file, "rows", "rows"),
                Some(Command::ExportGraph { file, .. }) => (file, "nodes and edges", "records"),
                _ => (PathBuf::new(), "rows", "rows"),
            };
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rate = (summary.rows as f64 / elapsed.as_secs_f64().max(0.000_001)) as u64;
            let note = format!(
                "{} {what} are in {} after {}, {} {per}/s",
                text::count(summary.rows),
                file.display(),
                text::span(elapsed),
                text::count(rate)
            );
            app.message(Level::Ok, &note, &summary.note.iter().cloned().collect::<Vec<_>>());
            app.note(Level::Ok, &note);
        }
        EventBody::Failed { error, .. } if error.kind() == ErrorKind::Conflict => {
            app.progress = None;
            ask_to_replace(app, error.message());
        }
        EventBody::Failed { error, .. } => stopped(app, "the export", &error),
        _ => {}
    }
}
