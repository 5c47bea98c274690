//! The built program on a real pseudo-terminal: typed into, read from, resized, stopped.

use std::path::{Path, PathBuf};

use aresadb::bus::{
    Bus, BusOptions, Client, Command, Delivery, EndLookup, EventBody, Events, ImportOptions, ImportTarget,
    OnError,
};
use aresadb::model::Value;

use super::terminal::Pty;

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
    pty.escape();
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

/// A dozen sizes, each for a moment, while results come: the last one counts.
#[test]
fn a_storm_of_sizes_ends_in_the_last_one() {
    let mut pty = Pty::start(&["--demo", "--exec", "SELECT * FROM package"], 120, 40);
    pty.shows("row 1 of");
    // The parser of the tests does not stand such a storm: it keeps the largest size meanwhile.
    pty.resize(250, 80);
    let mut seed = 7_u32;
    for _ in 0..80 {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let columns = u16::try_from(1 + (seed >> 16) % 250).unwrap();
        let rows = u16::try_from(1 + (seed >> 8) % 80).unwrap();
        pty.resize_alone(columns, rows);
        pty.keys("3jjkl");
        std::thread::sleep(std::time::Duration::from_millis(4));
    }
    pty.resize(100, 30);
    pty.escape();
    pty.keys("3gg");
    pty.wait("the status line at the bottom", |s| {
        s.rows(0, 100).nth(29).is_some_and(|line| line.contains("RESULTS") && line.contains("row 1 of"))
    });
    pty.keys("q");
    pty.ends(0);
}

#[test]
fn a_paste_of_100_kb_is_text_and_runs_nothing() {
    let mut pty = Pty::start(&["--demo"], 100, 30);
    pty.shows("depends_on");
    pty.keys("2");
    let mut text = String::new();
    for line in 0.. {
        if text.len() > 100_000 {
            break;
        }
        text.push_str(&format!("CREATE TABLE pasted_{line} (n INTEGER);\n"));
    }
    text.push_str("SELECT 40 + 2 AS answer;");
    pty.paste(&text);
    pty.shows("SELECT 40 + 2 AS answer;");
    assert!(!pty.text().contains("RUNNING"));
    // The statement under the cursor alone is run.
    pty.keys(F5);
    pty.shows("row 1 of 1");
    pty.shows("42");
    // A paste elsewhere writes into what is open there, and is no row of keys.
    pty.escape();
    pty.keys(":");
    pty.paste("q\nq\n");
    pty.shows(":qq");
    pty.escape();
    pty.keys(":q\r");
    pty.ends(0);
}

/// What lies in cells reaches the terminal as text only.
#[test]
fn hostile_cells_never_command_the_terminal() {
    let columns: Vec<String> = (1..=2000).map(|n| format!("{n} AS c_{n}")).collect();
    let folder = tempfile::tempdir().unwrap();
    let statements = folder.path().join("wide.sql");
    std::fs::write(&statements, format!("SELECT {};", columns.join(", "))).unwrap();
    let sql = "SELECT chr(27) || ']52;c;aGVsbG8=' || chr(7) AS clipboard, \
               chr(27) || ']0;title' || chr(27) || chr(92) AS title, \
               chr(27) || '[2J' || chr(27) || '[31m' || chr(155) || '32m' AS csi, \
               chr(8238) || 'abc' || chr(8294) || 'def' AS bidi, \
               repeat('long ', 209716) AS megabyte, 'behind' AS last";
    let mut pty = Pty::start(&["--demo", "--exec", sql], 100, 30);
    pty.shows("row 1 of 1");
    pty.escape();
    pty.keys("3i");
    pty.shows("]52;c;aGVsbG8=");
    // Each cell looked at in the grid and in the viewer, the long one to its end.
    for _ in 0..6 {
        pty.keys("\r");
        pty.shows("wrap");
        pty.keys("G");
        pty.escape();
        pty.wait("no viewer", |s| !s.contents().contains("wrap"));
        pty.keys("l");
    }
    pty.shows("behind");
    pty.keys("K");
    pty.shows("megabyte");
    pty.escape();
    // Two thousand columns, pasted, run and walked to the last one and back.
    pty.keys("2\x01\x7f");
    pty.paste(&std::fs::read_to_string(&statements).unwrap());
    pty.keys(F5);
    pty.shows("c_1 ");
    pty.escape();
    pty.keys("3$");
    pty.shows("c_2000");
    pty.keys("0");
    pty.shows("c_1 ");
    pty.keys(":q!\r");
    pty.ends(0);
    let came = pty.received();
    let has = |bytes: &[u8]| came.windows(bytes.len()).any(|part| part == bytes);
    assert!(!has(b"\x1b]"), "an operating system command");
    assert!(!has("\u{9b}".as_bytes()), "a control of eight bits");
    assert!(!has("\u{202e}".as_bytes()) && !has("\u{2066}".as_bytes()), "a turn of direction");
    assert!(!has(b"\x07"), "a bell");
}

#[test]
fn a_recorded_session_is_run_again_by_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second, record) = (at("first"), at("second"), at("session.rec"));
    let mut pty = Pty::start(&["--record", &record, &first], 100, 30);
    pty.shows("Make an empty database");
    pty.keys("y");
    pty.shows("none yet");
    pty.keys("2CREATE TABLE package (name TEXT PRIMARY KEY, size INTEGER);");
    pty.keys(F5);
    pty.shows("CREATE TABLE: 0 rows");
    pty.keys("\x01\x7fINSERT INTO package VALUES ('tmux', 1), ('vim', 2);");
    pty.keys(F5);
    pty.shows("INSERT: 2 rows");
    pty.keys("\x01\x7f");
    pty.escape();
    pty.keys(":q\r");
    pty.ends(0);
    let run = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_aresadb"))
            .env_remove("ARESADB_DATABASE")
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", &second]);
    run(&["-d", &second, "--file", &record]);
    let rows =
        run(&["-d", &second, "--format", "csv", "--exec", "SELECT name, size FROM package ORDER BY 1"]);
    assert_eq!(rows, "name,size\ntmux,1\nvim,2\n");
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
    pty.escape();
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
    pty.escape();
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
    pty.line("SET statement_timeout = '50ms';", |s| {
        s.contents().contains("\nSET\n") && s.contents().trim_end().ends_with("\naresadb>")
    });
    pty.line("SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b;", |s| {
        s.contents().contains("the statement was stopped by its timeout of 50 ms")
            && s.contents().trim_end().ends_with("\naresadb>")
    });
    pty.line("SELECT 40 + 2 AS answer;", |s| s.contents().contains("42"));
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
