//! The program: what the arguments ask for, in which database, with which exit code.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bus::registry::{self, LATER};
use crate::bus::{Client, Command, EventBody, Events};
use crate::model::{Error, Value, parse_json};

use super::args::{Arguments, Script, Subcommands};
use super::commands::{self, Opened};
use super::completions;
use super::data;
use super::graph;
use super::io::{Io, Outcome, Settings, Stop};
use super::output::check_format;
use super::repl;
use super::script::Splitter;
use super::session::{Interrupt, Session};

/// The whole program, with the process's own arguments and streams. `connect` starts the bus.
pub fn main(connect: impl FnOnce() -> crate::model::Result<(Client, Events)>) -> ExitCode {
    let arguments = match super::args::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output; nobody reading is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let (mut out, mut err) = (std::io::BufWriter::new(std::io::stdout()), std::io::stderr());
    let out_is_terminal = std::io::stdout().is_terminal();
    let mut io = Io {
        out: &mut out,
        err: &mut err,
        out_is_terminal,
        err_is_terminal: std::io::stderr().is_terminal(),
        in_is_terminal: std::io::stdin().is_terminal(),
        width: if out_is_terminal { crossterm::terminal::size().ok().map(|(width, _)| width) } else { None },
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let settings = Settings::new(&arguments, &io, no_color);
    match without_engine(&arguments, &mut io) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(stop) => return ended(&mut io, &settings, stop),
    }
    let (client, events) = match connect() {
        Ok(connected) => connected,
        Err(error) => return ended(&mut io, &settings, error.into()),
    };
    let interrupt = Interrupt::default();
    watch_ctrl_c(client.clone(), interrupt.clone());
    let stdin = &mut std::io::stdin().lock();
    run(arguments, client, events, interrupt, io, settings, stdin)
}

/// Runs what the arguments ask for over a bus.
pub fn run(
    arguments: Arguments,
    client: Client,
    events: Events,
    interrupt: Interrupt,
    io: Io<'_>,
    settings: Settings,
    stdin: &mut dyn BufRead,
) -> ExitCode {
    let mut session = Session::new(client, events, interrupt, io, settings);
    let outcome = perform(&mut session, arguments, stdin).and_then(|()| session.io.flush());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            let settings = session.settings.clone();
            ended(&mut session.io, &settings, stop)
        }
    }
}

fn ended(io: &mut Io<'_>, settings: &Settings, stop: Stop) -> ExitCode {
    // What was written before the failure comes first.
    let _ = io.out.flush();
    if let Stop::Failed(failure) = &stop {
        io.failure(failure, settings);
    }
    ExitCode::from(stop.exit_code())
}

/// Cancels the running statement at Ctrl-C; a second Ctrl-C ends the program at once.
fn watch_ctrl_c(client: Client, interrupt: Interrupt) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if interrupt.press(&client) {
                    std::process::exit(130);
                }
            }
        });
    });
}

/// What needs no database. Returns whether that was all.
fn without_engine(arguments: &Arguments, io: &mut Io<'_>) -> Outcome<bool> {
    match &arguments.command {
        Some(Subcommands::Completions { shell }) => {
            io.data(completions::script(*shell).as_bytes())?;
            io.flush()?;
            Ok(true)
        }
        Some(Subcommands::Other(words)) => {
            let name = words.first().map_or("", String::as_str);
            match registry::SHELL.iter().find(|spec| spec.name == name) {
                Some(spec) => {
                    debug_assert_eq!(spec.group, LATER);
                    Err(Stop::usage(
                        Error::unsupported(format!("'{name}' is not available yet ({})", spec.help))
                            .with_hint("aresadb help lists what is"),
                    ))
                }
                None => {
                    let mut known: Vec<&str> = registry::SHELL.iter().map(|spec| spec.name).collect();
                    known.retain(|known| known.starts_with(name.get(..2).unwrap_or(name)));
                    let hint = match known.as_slice() {
                        [] => "aresadb help lists the commands; SQL is run by --exec or query".to_owned(),
                        close => format!("did you mean {}?", close.join(" or ")),
                    };
                    Err(Stop::usage(
                        Error::bad_input(format!("there is no command '{name}'")).with_hint(hint),
                    ))
                }
            }
        }
        Some(_) if !arguments.scripts.is_empty() => Err(Stop::usage(
            Error::bad_input("--exec and --file do not go with a subcommand")
                .with_hint("run the one, then the other"),
        )),
        _ => Ok(false),
    }
}

/// Which database, and whether it may be made.
fn place_of(arguments: &Arguments) -> Outcome<(PathBuf, bool)> {
    if let Some(Subcommands::Init { path, .. }) = &arguments.command {
        return Ok((path.clone(), true));
    }
    let given = match &arguments.database {
        Some(path) => path.clone(),
        None => nearest_database(Path::new("."))?,
    };
    let may_be_made = given.as_os_str() == ":memory:"
        || (matches!(arguments.command, Some(Subcommands::Demo)) && arguments.database.is_some());
    Ok((given, may_be_made))
}

/// The nearest folder upward that holds `.aresadb`.
fn nearest_database(from: &Path) -> Outcome<PathBuf> {
    let start = std::path::absolute(from).map_err(|e| Error::io("find the working directory", &e))?;
    let start = std::fs::canonicalize(&start).unwrap_or(start);
    start.ancestors().find(|folder| folder.join(".aresadb").is_dir()).map(Path::to_owned).ok_or_else(|| {
        Stop::usage(
            Error::not_found("no database was named, and there is none here or in the folders above")
                .with_hint("give -d PATH, set ARESADB_DATABASE, or make one with aresadb init PATH"),
        )
    })
}

fn open(session: &mut Session<'_>, arguments: &Arguments) -> Outcome<Opened> {
    let (path, create) = place_of(arguments)?;
    let is_init = matches!(arguments.command, Some(Subcommands::Init { .. }));
    let given = match &arguments.command {
        Some(Subcommands::Init { name, .. }) => name.clone(),
        _ => None,
    };
    let path = if path.as_os_str() == ":memory:" {
        path
    } else {
        std::path::absolute(&path).map_err(|e| Error::io("find the working directory", &e))?
    };
    let command = Command::Open { path, create, name: given, read_only: arguments.readonly };
    let mut opened = Opened::default();
    session.request(command, &mut |_, _, body| {
        if let EventBody::Opened { name, path, read_only, created } = body {
            opened = Opened { name, path, read_only, created };
        }
        Ok(())
    })?;
    if is_init && !opened.created {
        return Err(Error::constraint(format!("{} holds a database already", opened.path)).into());
    }
    Ok(opened)
}

fn perform(session: &mut Session<'_>, arguments: Arguments, stdin: &mut dyn BufRead) -> Outcome {
    let takes_files = matches!(arguments.command, Some(Subcommands::Import(_) | Subcommands::Export { .. }));
    if !takes_files {
        check_format(session.settings.format)?;
    }
    let params = arguments.param.iter().map(|text| parameter(text)).collect::<Outcome<Vec<Value>>>()?;
    let opened = open(session, &arguments)?;
    let format = arguments.format;
    match arguments.command {
        None if !arguments.scripts.is_empty() => {
            for script in &arguments.scripts {
                run_script(session, script, &params, stdin)?;
            }
            Ok(())
        }
        None if session.io.in_is_terminal => repl::run(session, &opened),
        None => run_stream(session, stdin, &params),
        Some(Subcommands::Repl) => repl::run(session, &opened),
        Some(Subcommands::Init { .. }) => {
            session.io.note(&format!("made the database {} in {}", opened.name, opened.path));
            Ok(())
        }
        Some(Subcommands::Info) => commands::info(session, &opened),
        Some(Subcommands::Stats) => commands::stats(session),
        Some(Subcommands::Insert { node_type, json }) => commands::insert(session, node_type, &json),
        Some(Subcommands::Get { id }) => commands::get(session, &id),
        Some(Subcommands::Update { id, json }) => commands::update(session, &id, &json),
        Some(Subcommands::Delete { id }) => commands::delete(session, &id, false),
        Some(Subcommands::Unlink { id }) => commands::delete(session, &id, true),
        Some(Subcommands::Link { from, edge_type, to, json }) => {
            commands::link(session, (&from, &to), edge_type, json.as_deref())
        }
        Some(Subcommands::Query { sql }) => session.run_sql(&sql, &params, 0),
        Some(Subcommands::Explain { analyze, sql }) => {
            let sql = format!("EXPLAIN {}{sql}", if analyze { "ANALYZE " } else { "" });
            session.run_sql(&sql, &params, 0)
        }
        Some(Subcommands::Neighbors { id, follow }) => graph::neighbors(session, &id, &follow),
        Some(Subcommands::Traverse { id, depth, follow }) => graph::traverse(session, &id, depth, &follow),
        Some(Subcommands::Path { from, to, follow }) => graph::path(session, &from, &to, &follow),
        Some(Subcommands::Schema { name }) => commands::schema(session, name.as_deref()),
        Some(Subcommands::Import(import)) => data::import(session, &import, format),
        Some(Subcommands::Export { what, file }) => data::export(session, &what, file, format),
        Some(Subcommands::Demo) => data::demo(session),
        Some(Subcommands::Completions { .. } | Subcommands::Other(_)) => Ok(()),
    }
}

/// A parameter: JSON, or text where it is not JSON.
fn parameter(text: &str) -> Outcome<Value> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => parse_json(text).map_err(Stop::usage),
        Err(_) => Ok(Value::from(text)),
    }
}

fn run_script(
    session: &mut Session<'_>,
    script: &Script,
    params: &[Value],
    stdin: &mut dyn BufRead,
) -> Outcome {
    match script {
        Script::Text(sql) => session.run_sql(sql, params, 0),
        Script::StandardInput => run_stream(session, stdin, params),
        Script::File(path) => {
            let file = std::fs::File::open(path).map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    Error::not_found(format!("there is no file {}", path.display()))
                }
                _ => Error::io(format!("open {}", path.display()), &e),
            })?;
            run_stream(session, &mut std::io::BufReader::new(file), params)
        }
    }
}

/// Runs statements as they arrive; what a statement printed is flushed before the next is read.
fn run_stream(session: &mut Session<'_>, input: &mut dyn BufRead, params: &[Value]) -> Outcome {
    let mut splitter = Splitter::default();
    let mut bytes = Vec::new();
    loop {
        if session.interrupt().is_pressed() {
            return Err(Error::cancelled().into());
        }
        bytes.clear();
        let read = input.read_until(b'\n', &mut bytes).map_err(|e| Error::io("read the script", &e))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::bad_input("the script is not UTF-8").with_hint("convert it to UTF-8"))?;
        splitter.push(text);
        while let Some(piece) = if read == 0 { splitter.rest() } else { splitter.next() } {
            session.run_sql(&piece.sql, params, piece.lines_before)?;
            session.io.flush()?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}
