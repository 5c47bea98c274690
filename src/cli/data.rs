//! Subcommands that move files: import, export, the example.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bus::{
    Command, EndLookup, EventBody, ExportSource, FileFormat, GraphFormat, ImportOptions, ImportTarget,
    OnError, Progress,
};
use crate::model::{Error, Place, escape_control};

use super::args::{Format, ImportArguments, OnErrorArgument};
use super::graph_files;
use super::io::{Io, Outcome, Settings, Stop};
use super::session::{Session, show_duration, what_was_done};

/// `import FILE...`
pub fn import(
    session: &mut Session<'_>,
    arguments: &ImportArguments,
    format: Option<Format>,
    stdin: &mut dyn BufRead,
) -> Outcome {
    let format = format.map(file_format).transpose()?;
    let ends = match (&arguments.from, &arguments.to) {
        (Some(from), Some(to)) => {
            let parse = |text: &str| EndLookup::parse(text).map_err(Stop::usage);
            Some((parse(from)?, parse(to)?))
        }
        _ => None,
    };
    // Every file's target first: a mistake in the last must not show after the first was loaded.
    let mut imports = Vec::new();
    let mut spooled = None;
    for file in &arguments.files {
        let is_stdin = file.as_os_str() == "-";
        if is_stdin {
            check_stdin(arguments, format, ends.is_some())?;
        }
        let target = match &ends {
            None => ImportTarget::Nodes { node_type: name_for(file, arguments.node_type.as_deref())? },
            Some((from, to)) => ImportTarget::Edges {
                edge_type: name_for(file, arguments.edge.as_deref())?,
                from: from.clone(),
                to: to.clone(),
            },
        };
        if format.is_none() {
            FileFormat::of_path(file).map_err(Stop::usage)?;
        }
        let file = if is_stdin { Spooled::read(&mut spooled, stdin)? } else { file.clone() };
        imports.push(ImportOptions {
            file,
            format,
            target,
            batch: arguments.batch,
            atomic: arguments.atomic,
            on_error: match arguments.on_error {
                OnErrorArgument::Stop => OnError::Stop,
                OnErrorArgument::Skip => OnError::Skip,
            },
            key: arguments.key.clone(),
        });
    }
    for options in imports {
        let name = match &options.target {
            ImportTarget::Nodes { node_type } => node_type.clone(),
            ImportTarget::Edges { edge_type, .. } => edge_type.clone(),
        };
        let into = format!("into {name}");
        let from_stdin = spooled.as_ref().filter(|s| s.file == options.file);
        match from_stdin {
            None => long_work(session, Command::Import(options), &into, &|text| text.to_owned())?,
            Some(spooled) => {
                let shown = |text: &str| spooled.shown(text);
                let outcome = long_work(session, Command::Import(options), &into, &shown);
                spooled.keep_rejected()?;
                outcome.map_err(|stop| spooled.renamed(stop))?;
            }
        }
    }
    Ok(())
}

/// What standard input does not say of itself must be given.
fn check_stdin(arguments: &ImportArguments, format: Option<FileFormat>, edges: bool) -> Outcome {
    let named = if edges { arguments.edge.is_some() } else { arguments.node_type.is_some() };
    if format.is_some() && named {
        return Ok(());
    }
    let option = if edges { "--edge" } else { "--type" };
    let error = Error::bad_input("standard input has no name that would tell the format and the type");
    Err(Stop::usage(error.with_hint(format!("give --format and {option}"))))
}

/// Standard input in a temporary file: an import reads its file twice.
struct Spooled {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

/// How standard input is named in words, and its rejected rows.
const STDIN: &str = "standard input";
const STDIN_REJECTED: &str = "stdin.rejected";

impl Spooled {
    fn read(spooled: &mut Option<Self>, stdin: &mut dyn BufRead) -> Outcome<PathBuf> {
        if spooled.is_some() {
            return Err(Stop::usage(Error::bad_input("standard input can be read once")));
        }
        let failed = |e: &std::io::Error| Error::io("keep standard input in a temporary file", e);
        let folder = tempfile::tempdir().map_err(|e| failed(&e))?;
        let file = folder.path().join("stdin");
        let mut copy = std::fs::File::create(&file).map_err(|e| failed(&e))?;
        std::io::copy(stdin, &mut copy).map_err(|e| failed(&e))?;
        *spooled = Some(Spooled { _folder: folder, file: file.clone() });
        Ok(file)
    }

    /// Words without the temporary file's name.
    fn shown(&self, text: &str) -> String {
        let name = self.file.display().to_string();
        text.replace(&format!("{name}.rejected"), STDIN_REJECTED).replace(&name, STDIN)
    }

    /// Rejected rows stand beside their file, which here is the working directory.
    fn keep_rejected(&self) -> Outcome {
        let rejected = self.file.with_extension("rejected");
        if rejected.exists() {
            std::fs::copy(&rejected, STDIN_REJECTED)
                .map_err(|e| Error::io(format!("write {STDIN_REJECTED}"), &e))?;
        }
        Ok(())
    }

    fn renamed(&self, stop: Stop) -> Stop {
        let Stop::Failed(mut failure) = stop else { return stop };
        if let Some(Place::File { path, line, column }) = failure.error.place().cloned() {
            failure.error = failure.error.at_file(self.shown(&path), line, column);
        }
        Stop::Failed(failure)
    }
}

/// The type a file's rows become: the one given, or the file's name without extensions.
fn name_for(file: &Path, given: Option<&str>) -> Outcome<String> {
    if let Some(name) = given {
        return Ok(name.to_owned());
    }
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stem = name.as_str();
    for compressed in [".gz", ".zst"] {
        stem = stem.strip_suffix(compressed).unwrap_or(stem);
    }
    stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    if stem.is_empty() {
        let error = Error::bad_input(format!("the name of {} does not name a type", file.display()));
        return Err(Stop::usage(error.with_hint("give --type or --edge")));
    }
    Ok(stem.to_owned())
}

fn file_format(format: Format) -> Outcome<FileFormat> {
    Ok(match format {
        Format::Csv => FileFormat::Csv,
        Format::Tsv => FileFormat::Tsv,
        Format::Json => FileFormat::Json,
        Format::Jsonl => FileFormat::Jsonl,
        Format::Arrow => FileFormat::Arrow,
        Format::Parquet => FileFormat::Parquet,
        Format::Dot | Format::Graphml | Format::Jgf => {
            let error = Error::bad_input("that format is for graphs, and is written only");
            return Err(Stop::usage(
                error.with_hint("give --format csv, tsv, json, jsonl, parquet or arrow"),
            ));
        }
        Format::Table | Format::Markdown | Format::Vertical => {
            let error = Error::bad_input("that format is for people, not for files");
            return Err(Stop::usage(
                error.with_hint("give --format csv, tsv, json, jsonl, parquet or arrow"),
            ));
        }
    })
}

/// A type's name has no blank in it unless it stands in quotes; SQL always has one.
pub fn is_sql(what: &str) -> bool {
    what.trim().contains(char::is_whitespace)
}

/// `export WHAT FILE`
pub fn export(session: &mut Session<'_>, what: &str, file: PathBuf, format: Option<Format>) -> Outcome {
    let graph = format.map_or_else(|| GraphFormat::of_path(&file), graph_files::graph_format);
    if let Some(graph) = graph {
        return graph_files::export(session, what.trim(), file, graph);
    }
    let format = format.map(file_format).transpose()?;
    if format.is_none() {
        FileFormat::of_path(&file).map_err(Stop::usage)?;
    }
    let source = if is_sql(what) {
        ExportSource::Sql(what.to_owned())
    } else {
        ExportSource::Type(what.trim().to_owned())
    };
    let into = format!("to {}", file.display());
    long_work(session, Command::Export { source, file, format }, &into, &|text| text.to_owned())
}

/// `demo`
pub fn demo(session: &mut Session<'_>) -> Outcome {
    let (summary, _) = session.request(Command::LoadDemo, &mut |_, _, _| Ok(()))?;
    let note = summary.note.unwrap_or_else(|| format!("{} rows inserted", summary.rows));
    session.io.note(&note);
    Ok(())
}

/// Runs a command that reports progress, and closes with a line about what it did.
pub fn long_work(
    session: &mut Session<'_>,
    command: Command,
    into: &str,
    shown: &dyn Fn(&str) -> String,
) -> Outcome {
    let mut line = ProgressLine::default();
    let outcome = session.request(command, &mut |io, settings, body| {
        if let EventBody::Progress(progress) = &body {
            line.show(io, settings, progress);
        }
        Ok(())
    });
    line.clear(&mut session.io);
    let (summary, elapsed) = outcome?;
    let mut words = format!("{} {into} in {}", what_was_done(&summary), show_duration(elapsed));
    if let Some(rate) = rate(summary.rows, elapsed) {
        words.push_str(&format!(" ({rate} rows/s)"));
    }
    if let Some(note) = &summary.note {
        words.push_str(", ");
        words.push_str(&shown(note));
    }
    session.io.note(&words);
    Ok(())
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn rate(rows: u64, elapsed: Duration) -> Option<u64> {
    let seconds = elapsed.as_secs_f64();
    (rows > 0 && seconds > 0.01).then(|| (rows as f64 / seconds) as u64)
}

/// Progress on standard error: one line that is rewritten on a terminal, a line each with `-v`.
#[derive(Default)]
pub struct ProgressLine {
    shown: Option<Instant>,
    on_terminal: bool,
}

impl ProgressLine {
    /// Shows it, where it is time to.
    pub fn show(&mut self, io: &mut Io<'_>, settings: &Settings, progress: &Progress) {
        if settings.verbose > 0 {
            io.note(&words(progress));
        } else if io.err_is_terminal && self.shown.is_none_or(|at| at.elapsed() > Duration::from_millis(80)) {
            self.on_terminal = true;
            self.shown = Some(Instant::now());
            io.status(&words(progress));
        }
    }

    /// Takes the line away.
    pub fn clear(&mut self, io: &mut Io<'_>) {
        if self.on_terminal {
            io.status("");
        }
    }
}

/// `import package: 30000 rows, 45%, 31000 rows/s, 1.2 s left`
fn words(progress: &Progress) -> String {
    let mut words = format!("{}: {} {}", escape_control(&progress.what), progress.done, progress.unit);
    if let Some(fraction) = progress.fraction {
        words.push_str(&format!(", {:.0}%", fraction * 100.0));
    }
    if let Some(rate) = rate(progress.done, progress.elapsed) {
        words.push_str(&format!(", {rate} {}/s", progress.unit));
    }
    if let Some(fraction) = progress.fraction
        && fraction > 0.05
        && fraction < 1.0
    {
        let left = progress.elapsed.mul_f64((1.0 - fraction) / fraction);
        words.push_str(&format!(", {} left", show_duration(left)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_stem_names_its_type() {
        let name = |file: &str| name_for(Path::new(file), None).unwrap();
        assert_eq!(name("../data/package.csv.gz"), "package");
        assert_eq!(name("in_section.jsonl"), "in_section");
        assert_eq!(name_for(Path::new("x.csv"), Some("t")).unwrap(), "t");
        assert!(name_for(Path::new(".csv"), None).is_err());
    }

    #[test]
    fn progress_tells_rate_and_time_left() {
        let progress = Progress {
            what: "import package".to_owned(),
            done: 3000,
            unit: "rows".to_owned(),
            fraction: Some(0.25),
            elapsed: Duration::from_secs(1),
        };
        assert_eq!(words(&progress), "import package: 3000 rows, 25%, 3000 rows/s, 3.0 s left");
    }
}
