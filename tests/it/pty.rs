//! The built program on a real pseudo-terminal: typed into, read from, resized, stopped.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use aresadb::bus::{
    Bus, BusOptions, Client, Command, Delivery, EndLookup, EventBody, Events, ImportOptions, ImportTarget,
    OnError,
};
use aresadb::model::Value;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// Long enough for a debug build on a busy machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(120);

struct Shared {
    parser: Mutex<vt100::Parser>,
    changed: Condvar,
}

struct Pty {
    /// Where the program keeps what is its user's.
    home: tempfile::TempDir,
    shared: Arc<Shared>,
    master: Box<dyn MasterPty + Send>,
    // Kept open so that the terminal's modes can be read after the program has ended.
    _slave: Box<dyn SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    cooked: u32,
}

impl Pty {
    fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_aresadb-tui"), arguments, columns, rows)
    }

    fn start_program(program: &str, arguments: &[&str], columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let cooked = pair.master.get_termios().unwrap().local_flags.bits();
        let home = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new(program);
        command.env("XDG_DATA_HOME", home.path());
        command.env("XDG_STATE_HOME", home.path().join("state"));
        command.env("XDG_CONFIG_HOME", home.path().join("config"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env_remove("ARESADB_DATABASE");
        command.env_remove("NO_COLOR");
        // A backtrace would push what is looked for off the screen.
        command.env("RUST_BACKTRACE", "0");
        let child = pair.slave.spawn_command(command).unwrap();
        let shared = Arc::new(Shared {
            parser: Mutex::new(vt100::Parser::new(rows, columns, 0)),
            changed: Condvar::new(),
        });
        let mut reader = pair.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = reader.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                sink.parser.lock().unwrap().process(&bytes[..n]);
                sink.changed.notify_all();
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self { home, shared, master: pair.master, _slave: pair.slave, writer, child, cooked }
    }

    fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn wait(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut parser = self.shared.parser.lock().unwrap();
        while !holds(parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what:?} did not come:\n{}", parser.screen().contents());
            parser = self.shared.changed.wait_timeout(parser, left).unwrap().0;
        }
    }

    fn shows(&self, what: &str) {
        self.wait(what, |screen| screen.contents().contains(what));
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.shared.parser.lock().unwrap().screen_mut().set_size(rows, columns);
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end and checks that the terminal is as it was.
    fn ends(&mut self, code: u32) {
        let status = self.child.wait().unwrap();
        self.wait("the normal screen", |screen| !screen.alternate_screen());
        self.wait("the cursor", |screen| !screen.hide_cursor());
        self.wait("no mouse reports", |s| s.mouse_protocol_mode() == vt100::MouseProtocolMode::None);
        self.wait("no bracketed paste", |screen| !screen.bracketed_paste());
        assert_eq!(self.master.get_termios().unwrap().local_flags.bits(), self.cooked, "cooked mode is back");
        assert_eq!(status.exit_code(), code);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A test that failed leaves no program behind.
        let _ = self.child.kill();
    }
}

/// The Debian graph: all of it where it lies beside the project, else the slice of it.
fn debian() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let full = root.join("../shared/data/debian");
    if full.is_dir() { full } else { root.join("tests/data/debian") }
}

/// Runs a command through the bus and gives its events.
fn ask(client: &Client, events: &mut Events, command: Command) -> Vec<EventBody> {
    let request = client.send(command).unwrap();
    let mut bodies = Vec::new();
    while let Some(event) = events.blocking_recv() {
        if event.request == request {
            let last = event.body.is_last();
            if let EventBody::Failed { error, .. } = &event.body {
                panic!("{error} {:?}", error.hint());
            }
            bodies.push(event.body);
            if last {
                return bodies;
            }
        }
    }
    panic!("the bus has ended");
}

/// Makes a database of the Debian packages and what they depend on, and tells how many depend on libc6.
fn debian_database(path: &Path) -> i64 {
    let data = debian();
    let bus = Bus::start(BusOptions::new(std::env::temp_dir())).unwrap();
    let (client, mut events) = bus.connect();
    let open =
        Command::Open { path: path.to_owned(), create: true, name: None, read_only: false, salvage: false };
    ask(&client, &mut events, open);
    let by_name = |column: &str| EndLookup {
        node_type: "package".into(),
        property: "name".into(),
        column: column.into(),
    };
    let (from, to) = (by_name("from"), by_name("to"));
    for target in [
        ImportTarget::Nodes { node_type: "package".into() },
        ImportTarget::Edges { edge_type: "depends".into(), from, to },
    ] {
        let file = match &target {
            ImportTarget::Nodes { .. } => "package.csv.gz",
            ImportTarget::Edges { .. } => "depends.csv.gz",
        };
        let import = ImportOptions {
            file: data.join(file),
            format: None,
            target,
            batch: 50_000,
            atomic: false,
            on_error: OnError::Stop,
            key: None,
        };
        ask(&client, &mut events, Command::Import(import));
    }
    let count = Command::Run {
        sql: "SELECT count(*) FROM depends d JOIN package p ON p.id = d.to_id WHERE p.name = 'libc6'".into(),
        params: Vec::new(),
        delivery: Delivery::Stream { limit: None },
    };
    let answer = ask(&client, &mut events, count);
    bus.shutdown();
    answer
        .iter()
        .find_map(|body| match body {
            EventBody::Rows { page, .. } => match page.value(0, 0) {
                Value::Integer(count) => Some(count),
                _ => None,
            },
            _ => None,
        })
        .unwrap()
}

/// `21,815`.
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
    if head.is_empty() { tail.to_owned() } else { format!("{head},{tail}") }
}

const F5: &str = "\x1b[15~";

#[test]
fn the_example_is_browsed_and_left() {
    let mut pty = Pty::start(&["--demo"], 100, 30);
    pty.shows("depends_on");
    // Browse the first type, inspect its first row, show the graph around it, quit.
    pty.keys("\r");
    pty.shows("row 1 of");
    pty.keys("i");
    pty.shows("▾ properties");
    pty.keys("gn");
    pty.shows("depth 1");
    pty.keys(":q\r");
    pty.ends(0);
}

#[test]
fn the_debian_graph_is_asked_and_walked() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("debian");
    let dependants = debian_database(&database);
    assert!(dependants > 20, "libc6 is a hub: {dependants}");
    let hub = grouped(dependants);
    let mut pty = Pty::start(&[database.to_str().unwrap()], 120, 40);
    pty.shows("depends");
    pty.keys("2");
    pty.keys(
        "SELECT p.name, count(*) FROM depends d JOIN package p ON p.id = d.to_id \
         GROUP BY 1 ORDER BY 2 DESC LIMIT 5",
    );
    pty.keys(F5);
    pty.shows("row 1 of 5");
    pty.shows("libc6");
    // Out of the editor; the first row is libc6, found by its name.
    pty.keys("\x1b");
    pty.shows("RESULTS");
    pty.keys("i");
    pty.shows("▾ in edges");
    pty.shows(&hub);
    // Into the incoming edges, to their end, and to the top again.
    pty.keys("Gk\rj");
    pty.shows(&format!("depends edge 1 of {hub}"));
    pty.keys("Gk");
    pty.shows(&format!("depends edge {hub} of {hub}"));
    pty.wait("all lines near the end", |s| !s.contents().contains("← …"));
    pty.keys("gggn");
    // A hub's neighbourhood is bounded.
    pty.shows("depth 1 · 30 nodes");
    pty.keys("q");
    pty.ends(0);
}

#[test]
fn the_screen_follows_the_terminals_size() {
    let mut pty = Pty::start(&["--demo"], 80, 24);
    pty.shows("depends_on");
    pty.resize(30, 8);
    pty.shows("too small");
    pty.resize(132, 43);
    pty.wait("the wide status line", |s| {
        s.rows(0, 132).nth(42).is_some_and(|line| line.contains("TYPES") && line.contains("? help"))
    });
    pty.keys("q");
    pty.ends(0);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let mut pty = Pty::start(&["--demo"], 80, 24);
    pty.shows("depends_on");
    pty.signal("-TERM");
    pty.ends(128 + 15);
}

#[test]
fn a_panic_gives_the_terminal_back_and_says_so() {
    let mut pty = Pty::start(&["--demo"], 80, 24);
    pty.shows("depends_on");
    pty.keys(":panic\r");
    pty.ends(101);
    pty.shows("asked for");
    pty.shows("this is a defect of aresadb-tui");
}

#[test]
fn an_open_transaction_shows_in_the_status_line_and_quitting_asks() {
    let mut pty = Pty::start(&["--exec", "BEGIN; CREATE TABLE t (n INTEGER)", ":memory:"], 100, 30);
    pty.shows("CREATE TABLE: 0 rows");
    // The next key clears the note.
    pty.keys("\x1b");
    pty.shows("Tx: open");
    pty.keys(":q\r");
    pty.shows("A transaction is open");
    pty.keys("n");
    pty.shows("Tx: open");
    pty.keys(":q\r");
    pty.shows("A transaction is open");
    pty.keys("y");
    pty.ends(0);
    let mut pty = Pty::start(&["--exec", "BEGIN; CREATE TABLE t (n INTEGER); COMMIT", ":memory:"], 100, 30);
    pty.shows("COMMIT: 0 rows");
    pty.keys("\x1b");
    pty.shows("Tx: auto");
    pty.keys(":q\r");
    pty.ends(0);
}

#[test]
fn the_prompt_has_a_star_while_a_transaction_is_open() {
    let arguments = ["-d", ":memory:", "repl"];
    let mut pty = Pty::start_program(env!("CARGO_BIN_EXE_aresadb"), &arguments, 80, 24);
    pty.shows("aresadb> ");
    pty.keys("BEGIN;\r");
    pty.shows("aresadb*> ");
    pty.keys("SELECT * FROM nothing;\r");
    pty.shows("no table nothing");
    pty.keys("ROLLBACK;\r");
    pty.wait("the plain prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    pty.keys("BEGIN; CREATE TABLE t (n\r");
    pty.shows("     ...>");
    pty.keys("INTEGER);\r");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb*>"));
    pty.keys(".exit\r");
    pty.shows("the transaction was not committed: it is rolled back");
    pty.ends(0);
}

const REPL: [&str; 5] = ["-d", ":memory:", "--color", "always", "repl"];

fn repl() -> Pty {
    let pty = Pty::start_program(env!("CARGO_BIN_EXE_aresadb"), &REPL, 100, 30);
    pty.shows("aresadb> ");
    pty
}

/// The colour of the first character of `text` on the screen.
fn color_of(screen: &vt100::Screen, text: &str) -> Option<vt100::Color> {
    screen.rows(0, 100).zip(0..).find_map(|(line, row)| {
        let column = line.find(text)?;
        screen.cell(row, u16::try_from(column).ok()?).map(vt100::Cell::fgcolor)
    })
}

#[test]
fn the_repl_colours_completes_and_remembers() {
    let mut pty = repl();
    pty.keys("CREATE TABLE package (name TEXT, version TEXT);\r");
    pty.shows("\nCREATE TABLE\naresadb>");
    pty.keys("INSERT INTO pack\t VALUES ('tmux', '3.5');\r");
    pty.shows("\n1 row inserted\naresadb>");
    pty.keys("sel\t v\x7f'text', 12");
    pty.wait("coloured text", |s| color_of(s, "'text'") == Some(vt100::Color::Idx(2)));
    pty.wait("a coloured number", |s| color_of(s, "12") == Some(vt100::Color::Idx(6)));
    pty.wait("a coloured keyword", |s| color_of(s, "select") == Some(vt100::Color::Idx(4)));
    // Over two lines, with a property behind an alias.
    pty.keys(",\r");
    pty.shows("    ...> ");
    pty.keys("package.ver\t FROM package;\r");
    pty.shows("┆ 3.5");
    // What is typed ahead of a prompt is lost with the line before it.
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    pty.keys(".explain select p.name from package p\r");
    pty.shows("TableScan");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    pty.keys(".nothing\r");
    pty.shows("there is no command .nothing");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    // The statement of before, as it was typed.
    pty.keys("\x1b[A\x1b[A\x1b[A");
    pty.wait("the statement", |s| s.contents().trim_end().ends_with("package.version FROM package;"));
    pty.keys("\x03");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    pty.keys(".exit\r");
    pty.ends(0);
    let history = std::fs::read_to_string(pty.home.path().join("aresadb/history")).unwrap();
    assert!(history.contains("CREATE TABLE package") && history.contains("package.version"), "{history}");
}

#[test]
fn ctrl_c_stops_a_running_statement_and_the_repl_goes_on() {
    let mut pty = repl();
    pty.keys("SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b;\r");
    pty.shows("100000000) b;");
    pty.keys("\x03");
    pty.shows("error: cancelled");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    pty.keys("SET statement_timeout = '50ms';\r");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\nSET\naresadb>"));
    pty.keys("SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b;\r");
    pty.shows("the statement was stopped by its timeout of 50 ms");
    pty.wait("the prompt", |s| s.contents().trim_end().ends_with("\naresadb>"));
    pty.keys("SELECT 40 + 2 AS answer;\r");
    pty.shows("42");
    pty.keys(".exit\r");
    pty.ends(0);
}

#[test]
fn a_missing_folder_is_made_after_asking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let mut pty = Pty::start(&[path.to_str().unwrap()], 80, 24);
    pty.shows("Make an empty database");
    assert!(!path.join(".aresadb").exists());
    pty.keys("y");
    pty.shows("none yet");
    assert!(path.join(".aresadb").exists());
    pty.keys("q");
    pty.ends(0);
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_aresadb-tui"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a terminal is needed") && said.contains("hint: "), "{said}");
}
