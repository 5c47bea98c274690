//! Looking after a database, end to end: its log in words, its checkpoints, its verification.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

struct Shell {
    folder: tempfile::TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// Its lines, each an object.
    #[track_caller]
    fn objects(self) -> Vec<serde_json::Value> {
        self.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Shell {
    fn new() -> Self {
        let shell = Shell { folder: tempfile::tempdir().unwrap() };
        shell.run(&["init", "db"]).ok();
        shell
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aresadb"));
        command.env_remove("ARESADB_DATABASE").env("RUST_BACKTRACE", "0");
        command.current_dir(self.folder.path()).args(words);
        if words.first() != Some(&"init") {
            command.args(["-d", "db"]);
        }
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).stdin(Stdio::null()).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn segment(&self) -> PathBuf {
        let folder = self.folder.path().join("db/.aresadb/wal");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.retain(|file| file.extension().is_some_and(|e| e == "wal"));
        files.remove(0)
    }
}

const LIFE: &str =
    "INSERT INTO person (name) VALUES ('Ann'); UPDATE person SET name = 'Bob'; DELETE FROM person";

#[test]
fn the_log_says_what_was_done() {
    let shell = Shell::new();
    shell.run(&["--exec", LIFE]).ok();
    let told = shell.run(&["wal", "tail", "--format", "jsonl"]).objects();
    let actions: Vec<&str> = told.iter().map(|o| o["action"].as_str().unwrap()).collect();
    let without_definitions: Vec<&str> = actions.iter().copied().filter(|a| *a != "define type").collect();
    assert_eq!(without_definitions, ["insert", "update", "delete", "checkpoint"], "{told:?}");
    assert!(actions.contains(&"define type"));
    let of = |action: &str| told.iter().find(|o| o["action"] == action).unwrap();
    assert_eq!(
        (&of("insert")["type"], &of("insert")["properties"]["name"]),
        (&"person".into(), &"Ann".into())
    );
    assert_eq!(of("update")["properties"]["name"], "Bob");
    assert_eq!((&of("delete")["id"], &of("delete")["type"]), (&of("insert")["id"], &"person".into()));

    let from = of("delete")["lsn"].as_u64().unwrap();
    let later = shell.run(&["wal", "tail", "--from", &from.to_string(), "--format", "jsonl"]).objects();
    assert_eq!(later[0]["action"], "delete");
    let last = shell.run(&["wal", "tail", "--lines", "1", "--format", "jsonl"]).objects();
    assert_eq!((last.len(), &last[0]["action"]), (1, &"checkpoint".into()));

    let segments = shell.run(&["wal", "list", "--format", "jsonl"]).objects();
    assert_eq!(
        (segments.len(), &segments[0]["first_lsn"], &segments[0]["state"]),
        (1, &1.into(), &"whole".into())
    );
    assert_eq!(segments[0]["last_lsn"], last[0]["lsn"]);
}

#[test]
fn a_log_is_followed_while_another_process_writes_it() {
    let shell = Shell::new();
    let mut follower = shell.command(&["wal", "tail", "--follow", "--format", "jsonl"]);
    let mut follower =
        follower.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (told, lines) = mpsc::channel();
    let out = BufReader::new(follower.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        for line in out.lines() {
            if told.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    let wait_for = |action: &str| loop {
        let line = lines.recv_timeout(Duration::from_secs(60)).unwrap();
        let operation: serde_json::Value = serde_json::from_str(&line).unwrap();
        if operation["action"] == action {
            return operation;
        }
    };
    // Each of these locks the database, which the follower does not.
    shell.run(&["--exec", "INSERT INTO person (name) VALUES ('Ann')"]).ok();
    assert_eq!(wait_for("insert")["properties"]["name"], "Ann");
    shell.run(&["--exec", "DELETE FROM person"]).ok();
    assert_eq!(wait_for("delete")["type"], "person");
    Command::new("kill").args(["-INT", &follower.id().to_string()]).status().unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(130));
    reader.join().unwrap();
}

#[test]
fn a_damaged_log_is_found_and_its_place_is_told() {
    let shell = Shell::new();
    shell.run(&["--exec", LIFE]).ok();
    let whole = shell.run(&["wal", "verify"]);
    assert!(whole.err.starts_with("the log is whole: "), "{}", whole.err);
    assert!(whole.ok().contains("log transactions,4"));
    assert!(shell.run(&["verify"]).ok().contains("log transactions,4"));

    let file = shell.segment();
    let mut bytes = std::fs::read(&file).unwrap();
    // In the first record, behind its head.
    bytes[128 + 60] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    for command in [&["wal", "verify", "--format", "json"][..], &["verify", "--format", "json"]] {
        let ran = shell.run(command);
        assert_eq!(ran.code, 4, "{}", ran.err);
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let finding = &report["findings"][0];
        assert_eq!(
            (&report["found"], &finding["fault"], &finding["lsn"]),
            (&1.into(), &"log".into(), &1.into())
        );
        assert!(finding["place"].as_str().unwrap().ends_with(&format!("{name}, byte 128")), "{finding}");
    }
    let listed = shell.run(&["wal", "list"]).ok();
    assert!(listed.contains("damaged"), "{listed}");
}

#[test]
fn a_checkpoint_and_the_figures_of_the_log() {
    let shell = Shell::new();
    shell.run(&["--exec", LIFE]).ok();
    let ran = shell.run(&["checkpoint"]);
    assert!(ran.err.starts_with("all up to lsn "), "{}", ran.err);
    ran.ok();
    let figures = shell.run(&["stats"]).ok();
    for figure in [
        "log,segment,",
        "log,durable up to,",
        "log,checkpoint age,",
        "log,syncs,",
        "log,\"commits in a group, most\",",
    ] {
        assert!(figures.contains(figure), "{figure} is not in:\n{figures}");
    }
    let nowhere =
        Command::new(env!("CARGO_BIN_EXE_aresadb")).args(["-d", "nowhere", "wal", "list"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}

/// A log of several segments, one commit after the other.
fn in_segments(shell: &Shell) -> Vec<PathBuf> {
    use aresadb::model::{IdGenerator, Properties, SystemClock, TypeKind, Value};
    use aresadb::storage::{OsDisk, RedbBackend, Store, StoreOptions};
    use std::sync::Arc;

    let files = shell.folder.path().join("db/.aresadb");
    let options = StoreOptions {
        segment_bytes: 4096,
        background: false,
        ..StoreOptions::new(Arc::new(SystemClock), Arc::new(IdGenerator::random()))
    };
    let backend = RedbBackend::open(&files, 1 << 20).unwrap();
    let log = Arc::new(OsDisk::new(files.join("wal"), false));
    let store = Store::open(Box::new(backend), Some(log), options).unwrap();
    for n in 0..100 {
        let mut tx = store.begin().unwrap();
        let person = tx.ensure_type("person", TypeKind::Node).unwrap();
        let properties = Properties::from([("n".to_owned(), Value::Integer(n))]);
        let values = tx.resolve_properties(person, properties).unwrap();
        tx.insert_node(person, None, values).unwrap();
        store.commit(tx).unwrap();
    }
    drop(store);
    let mut segments: Vec<_> =
        std::fs::read_dir(files.join("wal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    assert!(segments.len() >= 4, "{segments:?}");
    segments
}

/// The places of what `wal verify` finds.
fn places(shell: &Shell) -> Vec<String> {
    let ran = shell.run(&["wal", "verify", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(ran.code, if findings.is_empty() { 0 } else { 4 }, "{}", ran.err);
    findings
        .iter()
        .map(|finding| {
            let place = finding["place"].as_str().unwrap();
            place.rsplit('/').next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn each_damaged_segment_is_found_and_a_missing_one() {
    let shell = Shell::new();
    let segments = in_segments(&shell);
    assert_eq!(places(&shell), [""; 0]);
    let flip = |segment: &PathBuf, at: usize| {
        let mut bytes = std::fs::read(segment).unwrap();
        bytes[at] ^= 1;
        std::fs::write(segment, bytes).unwrap();
    };
    // A record of the second, the head of the last.
    flip(&segments[1], 128 + 60);
    assert_eq!(places(&shell), ["0000000002.wal, byte 128"]);
    let last = segments.last().unwrap();
    flip(last, 30);
    let name = last.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(places(&shell), ["0000000002.wal, byte 128".to_owned(), format!("{name}, byte 0")]);
    flip(&segments[1], 128 + 60);
    flip(last, 30);
    assert_eq!(places(&shell), [""; 0]);
    std::fs::remove_file(&segments[1]).unwrap();
    assert_eq!(places(&shell), ["0000000002.wal, byte 0"]);
}

#[test]
fn definitions_are_told_once_although_each_segment_has_them() {
    let shell = Shell::new();
    in_segments(&shell);
    let told = shell.run(&["wal", "tail", "--from", "1", "--format", "jsonl"]).objects();
    let count = |action: &str| told.iter().filter(|o| o["action"] == action).count();
    assert_eq!((count("define type"), count("insert"), count("checkpoint")), (1, 100, 1));
    assert!(told.iter().all(|o| o["action"] == "checkpoint" || o["type"] == "person"));
}
