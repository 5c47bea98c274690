//! How the terminal program feels: `cargo bench --bench screen [WORD]...`, with the built program on a
//! pseudo-terminal over the Debian graph (`ARESADB_DEBIAN`: a folder with its eight files; without it
//! the slice in `tests/data/debian`).
//!
//! Words choose sections by their name: `start`, `keys`, `cancel`, `draw`, `idle`, `memory`, `hub`.
//! Times are from the write of a key to the moment the parsed screen holds its effect, so the
//! terminal's own parsing is counted against the program.

// It stops at whatever goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods)]

#[allow(dead_code)]
#[path = "../tests/it/terminal.rs"]
mod terminal;

#[allow(dead_code)]
#[path = "../tests/it/tui/desk.rs"]
mod desk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::{Duration, Instant};

use aresadb::bus::{Bus, BusOptions, Command, Delivery, EventBody};
use aresadb::model::{Direction, NodeId, Value};
use aresadb::tui::Options;

use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use desk::{Behind, Desk, options};
use terminal::Pty;

const F5: &str = "\x1b[15~";
/// Keeps both cores busy for minutes: each pair of dependencies against each.
const LONG: &str =
    "SELECT count(*) FROM depends a, depends b WHERE a.to_id < b.from_id AND a.alternative <> b.alternative";

/// Median, 99th percentile and greatest of some times.
fn figures(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let place = ((times.len() - 1) as f64 * share).round() as usize;
        milliseconds(times[place])
    };
    format!("median {}  p99 {}  most {}  ({} times)", at(0.5), at(0.99), at(1.0), times.len())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn line(what: &str, aim: &str, figures: &str) {
    println!("{what:<52} {aim:<10} {figures}");
}

fn program(arguments: &[&str]) -> Pty {
    Pty::start(arguments, 120, 40)
}

/// Makes the Debian graph with the built program.
fn debian(folder: &Path) -> PathBuf {
    let data = std::env::var_os("ARESADB_DEBIAN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debian"), PathBuf::from);
    let database = folder.join("debian");
    let run = |words: &[&str]| {
        let mut command = Process::new(env!("CARGO_BIN_EXE_aresadb"));
        command.arg("-d").arg(&database).args(words).stderr(std::process::Stdio::null());
        assert!(command.status().unwrap().success(), "{words:?}");
    };
    let file = |name: &str| data.join(format!("{name}.csv.gz")).to_str().unwrap().to_owned();
    let mut init = Process::new(env!("CARGO_BIN_EXE_aresadb"));
    assert!(init.arg("init").arg(&database).stderr(std::process::Stdio::null()).status().unwrap().success());
    for nodes in ["package", "section", "tag"] {
        run(&["import", &file(nodes)]);
    }
    for (edges, to) in [
        ("in_section", "section"),
        ("depends", "package"),
        ("recommends", "package"),
        ("suggests", "package"),
        ("tagged", "tag"),
    ] {
        run(&["import", &file(edges), "--from", "package.name=from", "--to", &format!("{to}.name=to")]);
    }
    database
}

/// From the start of the process to the first frame, with a database to be opened.
fn start(database: &str, rounds: usize) {
    let mut first = Vec::new();
    let mut whole = Vec::new();
    for _ in 0..rounds {
        let from = Instant::now();
        let mut pty = program(&[database]);
        pty.shows("? help");
        first.push(from.elapsed());
        pty.shows("depends");
        whole.push(from.elapsed());
        pty.keys("q");
        pty.ends(0);
    }
    line("first frame after the start of the process", "30 ms", &figures(first));
    line("  types on the screen", "", &figures(whole));
}

/// Types into the editor, letter by letter, and waits for each to show.
fn typed(pty: &mut Pty, letters: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    pty.keys("\r-- ");
    pty.shows("--");
    let mut shown = String::from("-- ");
    for n in 0..letters {
        if n % 40 == 39 {
            shown = String::from("-- ");
            pty.keys("\r-- ");
            std::thread::sleep(Duration::from_millis(50));
        }
        let letter = char::from(b'a' + u8::try_from(n % 26).unwrap());
        shown.push(letter);
        let from = Instant::now();
        pty.keys(&letter.to_string());
        pty.wait(&shown, |screen| screen.contents().contains(&shown));
        times.push(from.elapsed());
        // Apart from one another as a fast typist's, and not in step with the program's clocks.
        std::thread::sleep(Duration::from_millis(23 + (n as u64 * 7) % 13));
    }
    times
}

fn keys(database: &str, letters: usize) {
    let mut pty = program(&[database]);
    pty.shows("depends");
    pty.keys("2");
    line("key to draw, nothing running", "", &figures(typed(&mut pty, letters)));
    pty.keys("\x01\x7f");
    pty.keys(&format!("{LONG};\r{F5}"));
    pty.shows("RUNNING");
    line("key to draw, a query on all cores", "10 ms p99", &figures(typed(&mut pty, letters)));
    pty.shows("RUNNING");
    pty.keys("\x03");
    pty.shows("cancelled after");
    pty.escape();
    pty.keys(":q!\r");
}

/// From Ctrl-C until the screen says that the statement has stopped.
fn cancel(database: &str, rounds: usize) {
    let mut pty = program(&[database]);
    pty.shows("depends");
    let mut statements = vec![("a join of all pairs", LONG.to_owned())];
    statements.push((
        "a sort of 250,000 rows joined",
        "SELECT a.from_id, b.to_id FROM depends a JOIN depends b ON a.to_id = b.from_id ORDER BY b.to_id, a.from_id"
            .to_owned(),
    ));
    for (name, sql) in statements {
        let mut times = Vec::new();
        for round in 0..rounds {
            pty.keys("2\x01\x7f");
            pty.keys(&format!("{sql};{F5}"));
            pty.shows("RUNNING");
            std::thread::sleep(Duration::from_millis(150 + 17 * round as u64));
            let from = Instant::now();
            pty.keys("\x03");
            pty.wait("the end", |screen| !screen.contents().contains("RUNNING"));
            times.push(from.elapsed());
            pty.escape();
        }
        line(&format!("Ctrl-C to control back: {name}"), "50 ms", &figures(times));
    }
    pty.escape();
    pty.keys(":q!\r");
}

/// The time of a draw at 250x80 with every pane filled.
fn draw(database: &Path, rounds: usize) {
    let bus = Bus::start(BusOptions::new(std::env::temp_dir())).unwrap();
    let (client, events) = bus.connect();
    let behind = Behind::Bus { client, events, requests: HashMap::new() };
    let mut desk = Desk::new((250, 80), Options { path: database.to_owned(), ..options() }, behind);
    desk.settle();
    desk.press("2");
    desk.type_text("SELECT * FROM package;");
    desk.press("F5 Esc");
    desk.press("i 3");
    desk.shows("▾ properties");
    // The bytes for the terminal are made too, and thrown away.
    let viewport = Viewport::Fixed(Rect::new(0, 0, 250, 80));
    let backend = CrosstermBackend::new(std::io::sink());
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    let mut times = Vec::new();
    for round in 0..rounds {
        desk.press(if round % 40 < 20 { "Ctrl-D" } else { "Ctrl-U" });
        let from = Instant::now();
        desk.draw_on(&mut terminal).unwrap();
        times.push(from.elapsed());
    }
    line("a draw at 250x80: tree, editor, grid, inspector", "4 ms", &figures(times));
    desk.press("g n");
    desk.shows("depth 1");
    let mut times = Vec::new();
    for round in 0..rounds {
        desk.press(if round % 20 < 10 { "j" } else { "k" });
        let from = Instant::now();
        desk.draw_on(&mut terminal).unwrap();
        times.push(from.elapsed());
    }
    line("a draw at 250x80: graph", "4 ms", &figures(times));
    desk.end();
    drop(desk);
    bus.shutdown();
}

/// A process's time on the processors so far, in ticks of 10 ms, and its resident memory now and at
/// most, in KiB.
fn process(pty: &Pty) -> (u64, u64, u64) {
    let id = pty.process();
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    (ticks, kib("VmRSS:"), kib("VmHWM:"))
}

fn idle(database: &str, time: Duration) {
    let mut pty = program(&[database, "--exec", "SELECT * FROM package"]);
    pty.shows("row 1 of");
    std::thread::sleep(Duration::from_secs(3));
    let (before, bytes) = (process(&pty).0, pty.received().len());
    std::thread::sleep(time);
    let (after, drawn) = (process(&pty).0, pty.received().len());
    let figures =
        format!("{} bytes drawn, {} ms on the processor in {time:?}", drawn - bytes, (after - before) * 10);
    line("idle", "none", &figures);
    pty.escape();
    pty.keys("q");
}

fn memory(rows: u64) {
    let mut resident = Vec::new();
    for rows in [1_000, rows] {
        let sql = format!(
            "SELECT n, n * 7 AS seven, 'row ' || n AS name, n % 10 AS digit FROM generate_series(1, {rows}) AS s(n)"
        );
        let mut pty = program(&["--demo", "--exec", &sql]);
        pty.shows("row 1 of");
        pty.escape();
        pty.keys("3G");
        let last = grouped(rows);
        pty.shows(&format!("row {last} of {last}"));
        let mut times = Vec::new();
        for screen in 0..300_u64 {
            let row = grouped(1 + (screen * 7919 * 131) % rows);
            let from = Instant::now();
            pty.keys(&format!(":{}\r", row.replace(',', "")));
            pty.shows(&format!("row {row} of"));
            times.push(from.elapsed());
        }
        let (_, now, most) = process(&pty);
        resident.push((now, most));
        line(&format!("a jump to any row of {last}"), "", &figures(times));
        pty.escape();
        pty.keys("q");
    }
    let (few, many) = (resident[0], resident[1]);
    let figures = format!(
        "{} MiB more resident, {} MiB more at most ({} and {} MiB)",
        many.0.saturating_sub(few.0) / 1024,
        many.1.saturating_sub(few.1) / 1024,
        few.1 / 1024,
        many.1 / 1024
    );
    line(&format!("{} rows against 1,000", grouped(rows)), "200 MiB", &figures);
}

/// `21,815`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The neighbourhood of libc6 through the bus: the first after opening, and the following.
fn hub(database: &Path, rounds: usize) {
    let bus = Bus::start(BusOptions::new(std::env::temp_dir())).unwrap();
    let (client, mut events) = bus.connect();
    let mut ask = |command: Command| {
        let request = client.send(command).unwrap();
        let mut bodies = Vec::new();
        while let Some(event) = events.blocking_recv() {
            if event.request != request {
                continue;
            }
            if let EventBody::Failed { error, .. } = &event.body {
                panic!("{error}");
            }
            let last = event.body.is_last();
            bodies.push(event.body);
            if last {
                break;
            }
        }
        bodies
    };
    let path = database.to_owned();
    ask(Command::Open { path, create: false, name: None, read_only: false, salvage: false });
    let found = ask(Command::Run {
        sql: "SELECT id FROM package WHERE name = 'libc6'".into(),
        params: Vec::new(),
        delivery: Delivery::Stream { limit: None },
    });
    let id = found
        .iter()
        .find_map(|body| match body {
            EventBody::Rows { page, .. } => match page.value(0, 0) {
                Value::Uuid(id) => Some(id),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .unwrap();
    let node = NodeId::from(id);
    for (depth, aim) in [(1, "50 ms"), (2, "")] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let from = Instant::now();
            let bodies = ask(Command::Neighbourhood {
                node,
                direction: Direction::Both,
                depth,
                edge_types: Vec::new(),
                max_nodes: 60,
            });
            times.push(from.elapsed());
            assert!(bodies.iter().any(|body| matches!(body, EventBody::Neighbourhood(_))));
        }
        line(&format!("libc6's neighbourhood at depth {depth}: the first"), aim, &milliseconds(times[0]));
        line("  the following", aim, &figures(times));
    }
    bus.shutdown();
}

fn main() {
    let bench = std::env::args().any(|word| word == "--bench");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |section: &str| words.is_empty() || words.iter().any(|word| section.contains(word.as_str()));
    if !bench {
        // `cargo test --benches`: the tests of the program on a terminal cover the same ground.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let database = debian(folder.path());
    let name = database.to_str().unwrap();
    line("what", "aim", "seen");
    if wanted("start") {
        start(name, 25);
    }
    if wanted("keys") {
        keys(name, 400);
    }
    if wanted("cancel") {
        cancel(name, 15);
    }
    if wanted("draw") {
        draw(&database, 400);
    }
    if wanted("idle") {
        idle(name, Duration::from_secs(10));
    }
    if wanted("memory") {
        memory(1_000_000);
    }
    if wanted("hub") {
        hub(&database, 15);
    }
}
