//! Graphs in formats of their own: into files, and to standard output for a program that draws them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::bus::{Command, EventBody, GraphFormat, GraphSource};
use crate::model::Error;

use super::args::Format;
use super::data::{is_sql, long_work};
use super::io::Outcome;
use super::output::write_encoded;
use super::session::Session;

const BUFFER_BYTES: usize = 64 << 10;

/// The format for graphs that an output format is.
pub fn graph_format(format: Format) -> Option<GraphFormat> {
    match format {
        Format::Dot => Some(GraphFormat::Dot),
        Format::Graphml => Some(GraphFormat::Graphml),
        Format::Jgf => Some(GraphFormat::Jgf),
        _ => None,
    }
}

/// `export WHAT FILE` in a format for graphs: `graph` is everything, a type of that name stands in quotes.
pub fn export(session: &mut Session<'_>, what: &str, file: PathBuf, format: GraphFormat) -> Outcome {
    let source = match what {
        "graph" => GraphSource::Whole,
        sql if is_sql(sql) => GraphSource::Sql(sql.to_owned()),
        name => GraphSource::Type(name.trim_matches('"').to_owned()),
    };
    if file.as_os_str() == "-" {
        return print_graph(session, source, format);
    }
    let into = format!("to {}", file.display());
    let command = Command::ExportGraph { source, file, format, replace: true };
    long_work(session, command, &into, &|text| text.to_owned())
}

/// Writes a graph to standard output.
pub fn print_graph(session: &mut Session<'_>, source: GraphSource, format: GraphFormat) -> Outcome {
    let failed = |e: &std::io::Error| Error::io("keep the graph in a temporary file", e);
    let folder = tempfile::tempdir().map_err(|e| failed(&e))?;
    let file = folder.path().join("graph");
    let command = Command::ExportGraph { source, file: file.clone(), format, replace: true };
    let (summary, _) = session.request(command, &mut |_, _, _: EventBody| Ok(()))?;
    copy_out(session, &file)?;
    summary.note.iter().for_each(|note| session.io.note(note));
    Ok(())
}

/// Line by line, so that no character is cut in two.
fn copy_out(session: &mut Session<'_>, file: &Path) -> Outcome {
    let failed = |e: &std::io::Error| Error::io(format!("read {}", file.display()), e);
    let mut lines = BufReader::new(std::fs::File::open(file).map_err(|e| failed(&e))?);
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while lines.read_until(b'\n', &mut buffer).map_err(|e| failed(&e))? > 0 {
        if buffer.len() >= BUFFER_BYTES {
            write_encoded(&mut buffer, &mut session.io)?;
        }
    }
    write_encoded(&mut buffer, &mut session.io)
}
