//! The program: what the arguments ask for, in which database, with which exit code.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bus::registry::{self, LATER};
use crate::bus::{Client, Command, EventBody, Events, RECORDING_START, recorded_commands};
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
use super::session::{Interrupt, Session, what_was_done};
use super::upkeep;
use super::view;
use super::wal;

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
        width: if out_is_terminal { terminal_width() } else { None },
        binary_results: 0,
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

/// The terminal's columns; some terminals tell 0 where they do not know.
fn terminal_width() -> Option<u16> {
    crossterm::terminal::size().ok().map(|(width, _)| width).filter(|width| *width >= 20)
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
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            let settings = session.settings.clone();
            ended(&mut session.io, &settings, stop)
        }
    };
    if session.in_transaction() {
        session.io.note("the transaction was not committed: it is rolled back");
    }
    code
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

/// Where a new database goes: it must be named.
fn new_place(arguments: &Arguments) -> Outcome<PathBuf> {
    match &arguments.database {
        Some(path) if path.as_os_str() != ":memory:" => Ok(path.clone()),
        _ => Err(Stop::usage(
            Error::bad_input("restore does not know where the database goes")
                .with_hint("name a new folder: aresadb -d PATH restore SRC"),
        )),
    }
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
    let command = Command::Open {
        path,
        create,
        name: given,
        read_only: arguments.readonly,
        salvage: arguments.salvage,
    };
    let mut opened = Opened::default();
    let mut notices = Vec::new();
    session.request(command, &mut |_, _, body| {
        if let EventBody::Opened { name, path, read_only, created, notices: found } = body {
            notices = found;
            opened = Opened { name, path, read_only, created };
        }
        Ok(())
    })?;
    for notice in &notices {
        session.io.note(&format!("note: {notice}"));
    }
    if is_init && !opened.created {
        return Err(Error::constraint(format!("{} holds a database already", opened.path)).into());
    }
    Ok(opened)
}

fn perform(session: &mut Session<'_>, arguments: Arguments, stdin: &mut dyn BufRead) -> Outcome {
    let takes_files = matches!(arguments.command, Some(Subcommands::Import(_) | Subcommands::Export { .. }));
    if !takes_files {
        check_format(session.settings.format, &session.io)?;
    }
    let params = arguments.param.iter().map(|text| parameter(text)).collect::<Outcome<Vec<Value>>>()?;
    if let Some(Subcommands::Wal { command }) = &arguments.command {
        let (path, _) = place_of(&arguments)?;
        return wal::run(session, path, command);
    }
    if arguments.readonly
        && matches!(arguments.command, Some(Subcommands::Compact | Subcommands::Restore { .. }))
    {
        let error = Error::read_only("--readonly refuses every write, and this is one");
        return Err(error.with_hint("leave --readonly out").into());
    }
    if let Some(Subcommands::Restore { src }) = &arguments.command {
        return upkeep::restore(session, src.clone(), new_place(&arguments)?);
    }
    if matches!(arguments.command, Some(Subcommands::Compact)) {
        return upkeep::compact(session, place_of(&arguments)?.0);
    }
    let opened = open(session, &arguments)?;
    if let Some(timeout) = arguments.timeout {
        let sql = format!("SET statement_timeout = {}", timeout.as_millis().max(1));
        session.query(sql, Vec::new(), 0)?;
    }
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
        Some(Subcommands::Checkpoint) => upkeep::checkpoint(session),
        Some(Subcommands::Verify) => upkeep::verify(session),
        Some(Subcommands::Backup { dest }) => upkeep::backup(session, dest),
        Some(Subcommands::Config { command }) => upkeep::config(session, command),
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
        Some(Subcommands::View { node_type, form }) => view::view(session, &node_type, form),
        Some(Subcommands::Neighbors { id, follow }) => graph::neighbors(session, &id, &follow),
        Some(Subcommands::Traverse { id, depth, follow }) => graph::traverse(session, &id, depth, &follow),
        Some(Subcommands::Path { from, to, follow }) => graph::path(session, &from, &to, &follow),
        Some(Subcommands::Schema { name }) => commands::schema(session, name.as_deref()),
        Some(Subcommands::Index { command }) => commands::index(session, command),
        Some(Subcommands::Import(import)) => data::import(session, &import, format, stdin),
        Some(Subcommands::Export { what, file }) => data::export(session, &what, file, format),
        Some(Subcommands::Demo) => data::demo(session),
        // Done above.
        Some(
            Subcommands::Completions { .. }
            | Subcommands::Wal { .. }
            | Subcommands::Restore { .. }
            | Subcommands::Compact
            | Subcommands::Other(_),
        ) => Ok(()),
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
        Script::File(path) => run_file(session, path, params),
    }
}

/// Runs the statements of a file, up to the first that fails.
pub fn run_file(session: &mut Session<'_>, path: &Path, params: &[Value]) -> Outcome {
    let file = std::fs::File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("there is no file {}", path.display())),
        _ => Error::io(format!("open {}", path.display()), &e),
    })?;
    let mut input = std::io::BufReader::new(file);
    let start = input.fill_buf().map_err(|e| Error::io(format!("read {}", path.display()), &e))?;
    if start.starts_with(RECORDING_START.as_bytes()) {
        return play(session, path);
    }
    run_stream(session, &mut input, params)
}

/// Runs what a recorded session has done; what it only looked at is passed over.
fn play(session: &mut Session<'_>, path: &Path) -> Outcome {
    for command in recorded_commands(path)? {
        match command {
            Command::Run { sql, params, .. } => session.run_sql(&sql, &params, 0)?,
            Command::Begin { read_only: false } => session.run_sql("BEGIN", &[], 0)?,
            Command::Begin { read_only: true } => session.run_sql("BEGIN READ ONLY", &[], 0)?,
            Command::Commit => session.run_sql("COMMIT", &[], 0)?,
            Command::Rollback => session.run_sql("ROLLBACK", &[], 0)?,
            command @ (Command::ApplyEdits { .. }
            | Command::InsertNode { .. }
            | Command::InsertEdge { .. }
            | Command::UpdateRecord { .. }
            | Command::DeleteRecord { .. }
            | Command::Import(_)
            | Command::LoadDemo) => {
                let (summary, _) = session.request(command, &mut |_, _, _| Ok(()))?;
                session.io.note(&what_was_done(&summary));
            }
            _ => {}
        }
        session.io.flush()?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::args::Format;
    use super::super::testing::{Captured, engine, settings};
    use super::*;
    use crate::bus::{CatalogInfo, Delivery, ResultColumn, Summary};
    use crate::model::{ErrorKind, PropertyType};

    fn done(verb: &str, rows: u64) -> Vec<EventBody> {
        let summary = Summary { verb: verb.to_owned(), rows, ..Summary::default() };
        vec![EventBody::Done { summary, elapsed: Duration::ZERO }]
    }

    fn opened() -> Vec<EventBody> {
        let mut events = vec![EventBody::Opened {
            name: "mydb".to_owned(),
            path: "/mydb".to_owned(),
            read_only: false,
            created: false,
            notices: Vec::new(),
        }];
        events.extend(done("OPEN", 0));
        events
    }

    /// Runs a command line against an engine that answers by itself; returns code, output, words.
    fn program(
        line: &[&str],
        input: &str,
        format: Format,
        mut answer: impl FnMut(&Command) -> Vec<EventBody> + Send + 'static,
    ) -> (ExitCode, String, String) {
        let words = ["aresadb", "-d", "x"].iter().chain(line).copied();
        let arguments = super::super::args::parse(words).unwrap();
        let (client, events) = engine(move |command| match command {
            Command::Open { .. } => opened(),
            command => answer(command),
        });
        let mut captured = Captured::default();
        let mut input = std::io::Cursor::new(input.as_bytes().to_vec());
        let interrupt = Interrupt::default();
        let code = run(arguments, client, events, interrupt, captured.io(), settings(format), &mut input);
        (code, captured.out(), captured.err())
    }

    /// Stands in for SQL: a text that holds `bad` fails at that word, the rest inserts two rows.
    fn sql_engine(command: &Command) -> Vec<EventBody> {
        let Command::Run { sql, delivery: Delivery::Stream { .. }, .. } = command else {
            panic!("{command:?}");
        };
        if let Some(at) = sql.find("bad") {
            let error = Error::not_found("there is no bad").at_sql(sql, at..at + 3);
            return vec![EventBody::Failed { error, statement: Some(0) }];
        }
        let summary = Summary { verb: "INSERT".to_owned(), rows: 2, ..Summary::default() };
        let mut events = vec![EventBody::StatementDone { statement: 0, summary, elapsed: Duration::ZERO }];
        events.extend(done("", 0));
        events
    }

    #[test]
    fn a_script_stops_at_its_first_error_and_says_where() {
        let input = "INSERT 1;\n\nINSERT 2;\nSELECT\n bad;\nINSERT 3;\n";
        let (code, out, err) = program(&[], input, Format::Csv, sql_engine);
        assert_eq!(code, ExitCode::from(1));
        assert_eq!(out, "");
        assert_eq!(
            err,
            "2 rows inserted\n2 rows inserted\nerror: there is no bad\n  at line 5, column 2\n  |  bad;\n  |  ^^^\n"
        );
    }

    #[test]
    fn an_error_is_an_object_with_the_json_format() {
        let (code, _, err) = program(&["--exec", "bad"], "", Format::Json, sql_engine);
        assert_eq!(code, ExitCode::from(1));
        let error: serde_json::Value = serde_json::from_str(&err).unwrap();
        assert_eq!(error["error"]["message"], "there is no bad");
        assert_eq!(error["error"]["kind"], "not_found");
        assert_eq!(error["error"]["place"]["sql"]["column"], 1);
    }

    #[test]
    fn scripts_run_in_the_order_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.sql");
        std::fs::write(&file, "INSERT 2").unwrap();
        let (sent, received) = std::sync::mpsc::channel();
        let line =
            ["--exec", "INSERT 1", "--file", file.to_str().unwrap(), "--file", "-", "--exec", "INSERT 4"];
        let (code, _, _) = program(&line, "INSERT 3;", Format::Csv, move |command| {
            if let Command::Run { sql, .. } = command {
                sent.send(sql.clone()).unwrap();
            }
            sql_engine(command)
        });
        assert_eq!(code, ExitCode::SUCCESS);
        let ran: Vec<String> = received.iter().collect();
        assert_eq!(ran, ["INSERT 1", "INSERT 2", "INSERT 3;", "INSERT 4"]);
    }

    #[test]
    fn exit_codes_come_from_the_kind_of_error() {
        for (kind, expected) in [(ErrorKind::Locked, 3), (ErrorKind::Corrupt, 4), (ErrorKind::Cancelled, 130)]
        {
            let fails =
                move |_: &Command| vec![EventBody::Failed { error: Error::new(kind, "x"), statement: None }];
            let (code, _, err) = program(&["stats"], "", Format::Csv, fails);
            assert_eq!(code, ExitCode::from(expected), "{err}");
        }
        let (code, _, err) = program(&["insert", "t", "[1]"], "", Format::Csv, |_| Vec::new());
        assert_eq!(code, ExitCode::from(2));
        assert!(err.contains("not a JSON object") && err.contains("hint:"), "{err}");
    }

    #[test]
    fn the_schema_is_a_result_like_any_other() {
        let answer = |_: &Command| {
            let mut events = vec![EventBody::Catalog(CatalogInfo {
                types: vec![crate::bus::TypeInfo {
                    name: "user".to_owned(),
                    is_edge: false,
                    from_type: None,
                    to_type: None,
                    declared: true,
                    open: false,
                    rows: 3,
                    properties: vec![crate::bus::PropertyInfo {
                        name: "age".to_owned(),
                        property_type: PropertyType::Integer,
                        declared: true,
                        not_null: false,
                        default: None,
                    }],
                    checks: Vec::new(),
                    references: Vec::new(),
                }],
                views: Vec::new(),
                graphs: Vec::new(),
                version: 1,
            })];
            events.extend(done("", 0));
            events
        };
        let (_, out, _) = program(&["schema"], "", Format::Csv, answer);
        assert_eq!(out, "type,kind,rows,from_type,to_type,declared,properties\nuser,node,3,,,true,age\n");
        let (_, out, _) = program(&["schema", "user", "--no-header"], "", Format::Csv, answer);
        assert!(out.contains("age,INTEGER,false,,true"), "{out}");
        let (code, _, err) = program(&["schema", "usr"], "", Format::Csv, answer);
        assert_eq!((code, err.contains("there is no type 'usr'")), (ExitCode::from(1), true));
    }

    #[test]
    fn a_limit_is_sent_and_what_it_left_out_is_told() {
        let answer = |command: &Command| {
            let Command::Run { delivery: Delivery::Stream { limit }, params, .. } = command else {
                panic!("{command:?}");
            };
            assert_eq!(
                (*limit, params.as_slice()),
                (Some(1), [Value::Integer(5), Value::from("x y")].as_slice())
            );
            let columns = vec![ResultColumn { name: "a".to_owned(), property_type: PropertyType::Integer }];
            let summary = Summary { verb: "SELECT".to_owned(), rows: 1, truncated: true, note: None };
            let mut events = vec![
                EventBody::Schema { statement: 0, columns },
                EventBody::StatementDone { statement: 0, summary, elapsed: Duration::ZERO },
            ];
            events.extend(done("", 0));
            events
        };
        let line = ["--limit", "1", "--param", "5", "--param", "x y", "query", "SELECT $1"];
        let words = ["aresadb", "-d", "x"].iter().chain(&line).copied();
        let limit = super::super::args::parse(words).unwrap().limit;
        assert_eq!(limit, Some(1));
        let arguments =
            super::super::args::parse(["aresadb", "-d", "x"].iter().chain(&line).copied()).unwrap();
        let (client, events) = engine(move |command| match command {
            Command::Open { .. } => opened(),
            command => answer(command),
        });
        let mut captured = Captured::default();
        let settings = Settings { limit, ..settings(Format::Csv) };
        let mut input = std::io::empty();
        let interrupt = Interrupt::default();
        run(arguments, client, events, interrupt, captured.io(), settings, &mut input);
        assert_eq!(captured.out(), "a\n");
        assert_eq!(captured.err(), "more rows were left out: --limit 1\n");
    }

    #[test]
    fn what_is_not_there_yet_says_so() {
        let mut captured = Captured::default();
        let arguments = super::super::args::parse(["aresadb", "publish"]).unwrap();
        let stop = without_engine(&arguments, &mut captured.io()).unwrap_err();
        assert_eq!(stop.exit_code(), 2);
        let arguments = super::super::args::parse(["aresadb", "improt", "x.csv"]).unwrap();
        let Err(Stop::Failed(failure)) = without_engine(&arguments, &mut captured.io()) else { panic!() };
        assert_eq!(failure.error.hint(), Some("did you mean import?"));
    }

    #[test]
    fn a_closed_pipe_ends_quietly() {
        struct Closed;
        impl std::io::Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (client, events) = engine(|command| match command {
            Command::Open { .. } => opened(),
            Command::Stats => {
                let mut events = vec![EventBody::Stats(crate::bus::StatsInfo::default())];
                events.extend(done("", 0));
                events
            }
            command => panic!("{command:?}"),
        });
        let mut err = Vec::new();
        let io = Io {
            out: &mut Closed,
            err: &mut err,
            out_is_terminal: false,
            err_is_terminal: false,
            in_is_terminal: false,
            width: None,
            binary_results: 0,
        };
        let arguments = super::super::args::parse(["aresadb", "-d", "x", "stats"]).unwrap();
        let interrupt = Interrupt::default();
        let code =
            run(arguments, client, events, interrupt, io, settings(Format::Csv), &mut std::io::empty());
        assert_eq!((code, err.as_slice()), (ExitCode::SUCCESS, b"".as_slice()));
    }
}
