//! The program `aresadb` end to end: a database in a folder, real files, real processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aresadb::bus::registry::{LATER, SHELL};

/// A folder with a database in it.
pub struct Shell {
    pub folder: tempfile::TempDir,
}

#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    #[track_caller]
    pub fn fails(self, code: i32, says: &[&str]) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        for part in says {
            assert!(self.err.contains(part), "'{part}' is not in: {}", self.err);
        }
        self.err
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aresadb"));
    command.env_remove("ARESADB_DATABASE").env("RUST_BACKTRACE", "0");
    command
}

pub fn finish(mut command: Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may end without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Shell {
    pub fn new() -> Self {
        let shell = Shell { folder: tempfile::tempdir().unwrap() };
        shell.run(&["init", "db"]).ok();
        shell
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = program();
        command.current_dir(self.folder.path()).args(words);
        if words.first() != Some(&"init") {
            command.env("ARESADB_DATABASE", "db");
        }
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        finish(self.command(words), "")
    }

    pub fn sql(&self, sql: &str) -> String {
        self.run(&["--exec", sql]).ok()
    }
}

const ENDS: [&str; 3] = ["--from", "package.name=from", "--to"];

fn import_sections(shell: &Shell, folder: &Path) {
    let file = |name: &str| folder.join(format!("{name}.csv.gz")).to_str().unwrap().to_owned();
    shell.run(&["import", &file("package"), &file("section")]).ok();
    shell.run(&[&["import", &file("in_section")], &ENDS[..], &["section.name=to"]].concat()).ok();
}

/// Imports the eight files of a Debian graph.
fn import_debian(shell: &Shell, folder: &Path) {
    import_sections(shell, folder);
    let file = |name: &str| folder.join(format!("{name}.csv.gz")).to_str().unwrap().to_owned();
    let (depends, recommends, suggests) = (file("depends"), file("recommends"), file("suggests"));
    let edges = [&["import", &depends, &recommends, &suggests], &ENDS[..], &["package.name=to"]].concat();
    shell.run(&edges).ok();
    shell.run(&["import", &file("tag")]).ok();
    shell.run(&[&["import", &file("tagged")], &ENDS[..], &["tag.name=to"]].concat()).ok();
}

const MOST_NEEDED: &str = "SELECT p.name, count(*) FROM depends d JOIN package p ON p.id = d.to_id \
                           GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5";
const LARGEST_SECTIONS: &str = "SELECT s.name, count(*) FROM in_section i JOIN section s ON s.id = i.to_id \
                                GROUP BY 1 ORDER BY 2 DESC LIMIT 5";

/// The lines behind the header.
fn body(csv: &str) -> Vec<&str> {
    csv.lines().skip(1).collect()
}

fn slice() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debian")
}

/// What holds in the slice and in the full graph alike.
fn check_graph(shell: &Shell) {
    let levels = shell.run(&["traverse", "package:tmux", "--edges", "depends", "--depth", "9"]);
    assert_eq!(levels.code, 0, "{}", levels.err);
    assert_eq!(levels.err, "depth 1: 4 nodes\ndepth 2: 1 node\ndepth 3: 1 node\n");
    let labels: Vec<&str> = body(&levels.out).iter().map(|line| line.rsplit(',').next().unwrap()).collect();
    let mut first = labels[..4].to_vec();
    first.sort_unstable();
    assert_eq!(first, ["libc6", "libevent-core-2.1-7", "libtinfo6", "libutempter0"]);
    assert_eq!(labels[4..], ["libgcc-s1", "gcc-12-base"]);

    let path = shell.run(&["path", "package:wordpress", "package:zlib1g", "--edges", "depends"]);
    assert!(path.err.contains("3 edges"), "{path:?}");
    let path = path.ok();
    let steps = body(&path);
    assert_eq!(steps.len(), 4);
    assert!(steps[0].contains("wordpress") && steps[3].contains("zlib1g"), "{path}");
}

#[test]
fn the_slice_of_the_debian_graph_imports_and_answers() {
    let shell = Shell::new();
    import_debian(&shell, &slice());
    let counts = shell.run(&["schema"]).ok();
    for counted in
        ["package,node,253", "section,node,20", "tag,node,110", "depends,edge,743", "tagged,edge,513"]
    {
        assert!(counts.contains(counted), "{counts}");
    }
    let needed = shell.sql(MOST_NEEDED);
    assert_eq!(body(&needed), ["libc6,168", "zlib1g,29", "libssl3,24", "libgcc-s1,13", "libstdc++6,11"]);
    let sections = shell.sql(LARGEST_SECTIONS);
    assert_eq!(body(&sections), ["libs,142", "admin,17", "php,15", "python,14", "fonts,11"]);
    check_graph(&shell);
    let neighbours = shell.run(&["neighbors", "package:tmux", "--edges", "depends"]).ok();
    assert_eq!(body(&neighbours).len(), 4, "{neighbours}");
    let incoming = ["neighbors", "package:libc6", "--edges", "depends", "--direction", "in"];
    assert_eq!(body(&shell.run(&incoming).ok()).len(), 168);
    let limited = shell.run(&[&incoming[..], &["--limit", "10"]].concat());
    assert!(limited.err.contains("left out"), "{limited:?}");
    assert_eq!(body(&limited.out).len(), 10);
}

#[test]
fn the_full_debian_graph_gives_the_known_figures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/debian");
    if !folder.is_dir() {
        eprintln!("{} is not there: the slice is tested instead", folder.display());
        return;
    }
    let shell = Shell::new();
    // Without optimization the whole graph takes minutes: then its sections alone are loaded.
    if cfg!(debug_assertions) {
        import_sections(&shell, &folder);
    } else {
        import_debian(&shell, &folder);
        let needed = shell.sql(MOST_NEEDED);
        let expected = ["libc6,21815", "libstdc++6,7462", "python3,6355", "libgcc-s1,6278", "perl,5063"];
        assert_eq!(body(&needed), expected);
        check_graph(&shell);
    }
    let sections = shell.sql(LARGEST_SECTIONS);
    assert_eq!(body(&sections), ["libs,6711", "libdevel,5581", "python,4546", "doc,4475", "perl,4223"]);
    let without = shell.sql("SELECT count(*) FROM package WHERE installed_size_kib IS NULL");
    assert_eq!(body(&without), ["126"]);
}

#[test]
fn records_are_made_changed_linked_and_deleted() {
    let shell = Shell::new();
    let id = shell.run(&["--no-header", "insert", "user", r#"{"name":"ann","age":30,"tags":["x"]}"#]).ok();
    let id = id.trim();
    shell.run(&["insert", "user", r#"{"name":"bob"}"#]).ok();
    let edge = shell.run(&["--no-header", "link", "user:ann", "knows", "user:bob", r#"{"since":2020}"#]).ok();
    assert!(shell.run(&["update", id, r#"{"age":31,"tags":null}"#]).err.contains("1 node updated"));
    let json: serde_json::Value =
        serde_json::from_str(&shell.run(&["-f", "json", "get", "user:ann"]).ok()).unwrap();
    assert_eq!((&json[0]["id"], &json[0]["age"]), (&id.into(), &31.into()));
    assert_eq!(json[0].get("tags"), None);
    shell.run(&["get", "user:carl"]).fails(1, &["there is no user 'carl'", "hint:"]);
    shell.run(&["insert", "user", r#"{"name":"bob"}"#]).ok();
    shell.run(&["get", "user:bob"]).fails(1, &["several", "give an id"]);
    shell.run(&["unlink", id]).fails(1, &[]);
    shell.run(&["unlink", edge.trim()]).ok();
    shell.run(&["link", "user:ann", "knows", "user:ann"]).ok();
    let gone = shell.run(&["delete", id]);
    assert_eq!(gone.code, 0, "{gone:?}");
    shell.run(&["get", id]).fails(1, &["hint:"]);
    assert_eq!(body(&shell.sql("SELECT count(*) FROM knows")), ["0"]);
}

#[test]
fn every_format_prints_the_same_rows() {
    let shell = Shell::new();
    shell.sql("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x,y'), (NULL, ''), (3, NULL)");
    let of = |format: &str| shell.run(&["-f", format, "query", "SELECT a, b FROM t ORDER BY a"]).ok();
    assert_eq!(of("csv"), "a,b\n1,\"x,y\"\n3,\n,\"\"\n");
    assert_eq!(of("tsv"), "a\tb\n1\tx,y\n3\t\n\t\"\"\n");
    assert_eq!(of("jsonl"), "{\"a\":1,\"b\":\"x,y\"}\n{\"a\":3,\"b\":null}\n{\"a\":null,\"b\":\"\"}\n");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&of("json")).unwrap()[1]["a"], 3);
    assert_eq!(of("markdown"), "| a | b |\n| --: | --- |\n| 1 | x,y |\n| 3 | NULL |\n| NULL |  |\n");
    assert!(of("table").contains("│    3 ┆ NULL │"), "{}", of("table"));
    assert!(of("vertical").starts_with("-[ row 1 ]-\na | 1\nb | x,y\n"), "{}", of("vertical"));
    let bare = shell.run(&["--no-header", "--limit", "1", "--exec", "SELECT a FROM t ORDER BY a"]);
    assert_eq!(bare.out, "1\n");
    assert!(bare.err.contains("left out"), "{bare:?}");
    let bound = ["--exec", "SELECT b FROM t WHERE a = $1 OR b = $2", "--param", "3", "--param", ""];
    assert_eq!(body(&shell.run(&bound).ok()).len(), 2);
}

#[test]
fn statements_arrive_one_by_one_and_answers_come_at_once() {
    let shell = Shell::new();
    let mut child = shell
        .command(&["--no-header"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Each answer is read before the next statement is sent: it would hang if output were held back.
    input
        .write_all(b"CREATE TABLE t (a INTEGER);\nINSERT INTO t VALUES (1),\n(2); SELECT count(*) FROM t;\n")
        .unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "2");
    input.write_all(b"SELECT ';' || 'x'; SELECT sum(a)\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), ";x");
    input.write_all(b"FROM t").unwrap();
    drop(input);
    assert_eq!(lines.next().unwrap().unwrap(), "3");
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("2 rows inserted"), "{words}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn errors_name_their_place_and_the_way_out() {
    let shell = Shell::new();
    shell.sql("CREATE TABLE user (name TEXT); INSERT INTO user VALUES ('ann')");
    shell
        .run(&["--exec", "SELECT 1;\nSELECT nme FROM \"user\""])
        .fails(1, &["nme", "line 2, column 8", "^^^"]);
    shell.run(&["query", "SELECT * FROM usr"]).fails(1, &["usr", "hint:"]);
    shell.run(&["query", "SELEC 1"]).fails(1, &["error: "]);
    let json = shell.run(&["-f", "json", "query", "SELECT * FROM usr"]).fails(1, &[]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["error"]["message"].as_str().unwrap().contains("usr"), "{json}");

    let broken = shell.write("user.csv", "name\nbob\ncarl,1\n");
    shell.run(&["import", &broken]).fails(1, &["user.csv, line 3", "2 fields"]);
    let edges = shell.write("knows.csv", "from,to\nann,nobody\n");
    let words = ["import", &edges, "--from", "user.name=from", "--to", "user.name=to"];
    shell.run(&words).fails(1, &["'nobody'", "knows.csv, line 2, column to", "hint:"]);
    shell.run(&["import", "nowhere.csv"]).fails(1, &["nowhere.csv"]);
    shell.run(&["import", "nowhere.xyz"]).fails(2, &["--format"]);
    assert_eq!(body(&shell.sql("SELECT name FROM \"user\"")), ["ann"], "nothing was changed");

    let skipped = shell.run(&["import", &broken, "--on-error", "skip"]);
    assert_eq!(skipped.code, 0, "{skipped:?}");
    assert!(std::fs::read_to_string(shell.path("user.csv.rejected")).unwrap().contains("carl,1"));
    assert_eq!(body(&shell.sql("SELECT count(*) FROM \"user\"")), ["2"]);
}

#[test]
fn a_folder_that_is_no_database_and_wrong_words_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = program();
        command.current_dir(folder.path()).args(words);
        finish(command, "")
    };
    run(&["--exec", "SELECT 1"]).fails(2, &["no database", "aresadb init"]);
    run(&["-d", ".", "--exec", "SELECT 1"]).fails(1, &["hint:"]);
    run(&["-d", "nowhere", "info"]).fails(1, &["nowhere"]);
    run(&["improt", "x.csv"]).fails(2, &["did you mean import?"]);
    run(&["publish"]).fails(2, &["not available yet"]);
    run(&["--frmat", "csv"]).fails(2, &["--format"]);
    run(&["insert", "t"]).fails(2, &["JSON"]);
    assert_eq!(run(&["-d", ":memory:", "--exec", "SELECT 1 AS one"]).ok(), "one\n1\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
    run(&["init", "db", "--name", "mine"]).ok();
    run(&["init", "db"]).fails(1, &["already"]);
    std::fs::create_dir_all(folder.path().join("db/deep/er")).unwrap();
    let mut command = program();
    command.current_dir(folder.path().join("db/deep/er")).arg("info");
    assert!(finish(command, "").ok().contains("name,mine"), "the nearest database upward is found");
}

#[test]
fn a_whole_database_verifies() {
    let shell = Shell::new();
    shell.run(&["demo"]).ok();
    let ran = shell.run(&["verify"]);
    assert!(ran.err.starts_with("the database is whole: "), "{ran:?}");
    let counts = ran.ok();
    let count_of = |part: &str| -> u64 {
        let line = body(&counts).into_iter().find_map(|line| line.strip_prefix(&format!("{part},")));
        line.unwrap().parse().unwrap()
    };
    assert!(count_of("nodes") > 100 && count_of("edges at nodes") == 2 * count_of("edges"), "{counts}");
    assert_eq!(count_of("ids"), count_of("nodes") + count_of("edges"));
    let report: serde_json::Value =
        serde_json::from_str(&shell.run(&["--format", "json", "verify"]).ok()).unwrap();
    assert_eq!((&report["whole"], &report["found"]), (&true.into(), &0.into()));
}

#[test]
fn a_database_in_use_says_who_holds_it() {
    let shell = Shell::new();
    let mut holder = shell.command(&[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = holder.stdin.take().unwrap();
    input.write_all(b"SELECT 1;\n").unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    shell.run(&["info"]).fails(3, &[&holder.id().to_string(), "hint:"]);
    drop(input);
    assert!(holder.wait().unwrap().success());
    shell.run(&["info"]).ok();
}

#[test]
fn a_truncated_file_is_damage_and_not_a_panic() {
    let shell = Shell::new();
    import_debian(&shell, &slice());
    let file = shell.path("db/.aresadb/data.redb");
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(length / 2).unwrap();
    shell.run(&["--exec", "SELECT count(*) FROM package"]).fails(4, &["error: "]);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), length / 2, "nothing was changed");
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    for round in 1..=4 {
        let shell = Shell::new();
        shell.sql("CREATE TABLE t (a INTEGER)");
        let mut child = shell
            .command(&[])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut acknowledged = 0;
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
        for n in 0..200 {
            // A statement more is on its way when the process dies.
            if input.write_all(format!("INSERT INTO t VALUES ({n});\n").as_bytes()).is_err() {
                break;
            }
            if n > 0 {
                assert!(words.next().unwrap().unwrap().contains("1 row inserted"));
                acknowledged += 1;
            }
            if acknowledged == round * 7 {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        let there = shell.sql("SELECT a FROM t ORDER BY a");
        let there: Vec<i64> = body(&there).iter().map(|a| a.parse().unwrap()).collect();
        assert!(there.len() >= acknowledged, "{} of {acknowledged}", there.len());
        assert_eq!(there, (0..there.len() as i64).collect::<Vec<_>>());
    }
}

#[test]
fn a_kill_during_an_import_leaves_whole_batches() {
    let shell = Shell::new();
    let rows: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    let file = shell.write("t.csv", &format!("a\n{rows}"));
    let mut child = shell
        .command(&["-v", "import", &file, "--batch", "1000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
    for _ in 0..5 {
        words.next().unwrap().unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let types = shell.run(&["schema"]).ok();
    if types.lines().any(|line| line.starts_with("t,")) {
        let there = shell.sql("SELECT count(*), max(a) + 1 FROM t");
        let (count, next) = body(&there)[0].split_once(',').unwrap();
        let count: u64 = count.parse().unwrap();
        assert_eq!(count % 1000, 0, "{there}");
        assert!(count == 0 || count.to_string() == next, "{there}");
    }
    shell.run(&["import", &file, "--type", "other"]).ok();
    assert_eq!(body(&shell.sql("SELECT count(*) FROM other")), ["200000"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_the_running_statement() {
    let shell = Shell::new();
    shell.sql("CREATE TABLE t (a INTEGER)");
    let rows: Vec<String> = (0..300).map(|n| format!("({n})")).collect();
    shell.sql(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
    let mut child = shell
        .command(&[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // Five times 300 rows joined with each other: it does not end by itself.
    let endless = "SELECT sum(a.a + b.a * c.a - d.a * e.a) FROM t a CROSS JOIN t b CROSS JOIN t c \
                   CROSS JOIN t d CROSS JOIN t e;\n";
    input.write_all(format!("SELECT 1;\n{endless}").as_bytes()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(input);
    assert_eq!(body(&shell.sql("SELECT count(*) FROM t")), ["300"]);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let shell = Shell::new();
    import_debian(&shell, &slice());
    let sql = "SELECT a.name, b.name FROM package a CROSS JOIN package b CROSS JOIN tag t";
    let mut child =
        shell.command(&["--exec", sql]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    drop(out);
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!((child.wait().unwrap().code(), words.as_str()), (Some(0), ""));
}

#[test]
fn the_example_loads_and_files_go_out_and_come_back() {
    let shell = Shell::new();
    shell.run(&["demo"]).ok();
    let depends = shell.run(&["neighbors", "package:aresadb", "--edges", "depends_on"]).ok();
    assert!(depends.contains("datafusion"), "{depends}");
    shell.run(&["demo"]).fails(1, &["package"]);
    let names = ["csv", "jsonl.gz", "json", "tsv.zst", "parquet", "arrow"].map(|e| format!("package.{e}"));
    for name in names.iter().map(String::as_str) {
        shell.run(&["export", "SELECT name, version, source, checksum FROM package", name]).ok();
        let copy = name.split('.').nth(1).unwrap();
        let copy = format!("copy_{copy}");
        shell.run(&["import", name, "--type", &copy]).ok();
        let same = format!(
            "SELECT count(*) FROM package p JOIN {copy} c ON p.name = c.name AND p.version = c.version \
             AND p.checksum IS NOT DISTINCT FROM c.checksum"
        );
        let all = shell.sql("SELECT count(*) FROM package");
        assert_eq!(shell.sql(&same).lines().nth(1), all.lines().nth(1), "{name}");
    }
    shell.run(&["export", "package", "x.table"]).fails(2, &["does not name a format", "hint: "]);
}

#[test]
fn readonly_refuses_writes() {
    let shell = Shell::new();
    shell.run(&["--readonly", "insert", "t", "{}"]).fails(1, &["error: "]);
    shell.run(&["--readonly", "info"]).ok();
}

#[test]
fn the_readme_lists_the_commands_of_the_registry() {
    let mut table = String::from("| group | command | |\n|---|---|---|\n");
    for spec in SHELL.iter().filter(|spec| spec.group != LATER) {
        let usage = format!("{} {}", spec.name, spec.syntax);
        table.push_str(&format!(
            "| {} | `{}` | {} |\n",
            spec.group,
            usage.trim().replace('|', "\\|"),
            spec.help
        ));
    }
    let later: Vec<String> =
        SHELL.iter().filter(|spec| spec.group == LATER).map(|spec| format!("`{}`", spec.name)).collect();
    table.push_str(&format!("\nNot available yet: {}.\n", later.join(", ")));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let (_, rest) = readme.split_once("<!-- commands -->\n").unwrap();
    let (listed, _) = rest.split_once("<!-- /commands -->").unwrap();
    assert_eq!(listed, table, "README.md is to list the commands as on the right");
}

#[test]
fn scripts_of_one_command_line_are_one_session_with_transactions() {
    let shell = Shell::new();
    let exec = |scripts: &[&str]| {
        let mut arguments = vec!["-d", "db", "--no-header"];
        arguments.extend(scripts.iter().flat_map(|sql| ["--exec", sql]));
        shell.run(&arguments)
    };
    exec(&["CREATE TABLE t (n INTEGER)"]).ok();
    assert_eq!(exec(&["BEGIN", "INSERT INTO t VALUES (1)", "COMMIT", "SELECT n FROM t"]).ok(), "1\n");
    // Left open at the end, and told so.
    let ran = exec(&["BEGIN; INSERT INTO t VALUES (2)", "SELECT count(*) FROM t"]);
    assert!(ran.err.ends_with("the transaction was not committed: it is rolled back\n"), "{}", ran.err);
    assert_eq!(ran.ok(), "2\n");
    // An error ends the script, and with it the transaction.
    let says = ["no table missing", "the transaction was not committed: it is rolled back"];
    exec(&["BEGIN; INSERT INTO t VALUES (3); SELECT * FROM missing; COMMIT"]).fails(1, &says);
    let input = "BEGIN;\nINSERT INTO t VALUES (4);\nROLLBACK;\nBEGIN;\nINSERT INTO t VALUES (5);\nEND;\n";
    let ran = finish(shell.command(&["-d", "db"]), input);
    assert!(!ran.err.contains("not committed"), "{}", ran.err);
    assert_eq!(exec(&["SELECT n FROM t ORDER BY n"]).ok(), "1\n5\n");
}
