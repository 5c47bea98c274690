//! Statements made to break the parser or the planner: an error, or the right answer, and the database
//! goes on.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aresadb::{Database, ErrorKind};

#[test]
fn hostile_statements_are_errors_and_the_session_goes_on() {
    let session = Database::in_memory().unwrap().session().unwrap();
    let run = |sql: &str| futures::executor::block_on(session.query(sql, &[]));
    let garbage = |seed: u64, bytes: usize| -> String {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(u8::try_from(32 + (state >> 33) % 95).unwrap())
        };
        (0..bytes).map(next).collect()
    };
    let or_chain = (0..20_000).map(|n| format!("x = {n}")).collect::<Vec<_>>().join(" OR ");
    let deep = |open: &str, close: &str, n: usize| format!("SELECT {}1{}", open.repeat(n), close.repeat(n));
    let statements = [
        ("an OR chain", format!("SELECT 1 FROM (SELECT 1 AS x) t WHERE {or_chain}")),
        ("parentheses", deep("(", ")", 10_000)),
        ("open parentheses", format!("SELECT {}", "(".repeat(10_000))),
        ("brackets", deep("ARRAY[", "]", 10_000)),
        ("CASE", deep("CASE WHEN TRUE THEN ", " END", 10_000)),
        ("subqueries", deep("(SELECT ", ")", 10_000)),
        ("calls", deep("upper(", ")", 10_000)),
        ("NOT", format!("SELECT {}TRUE", "NOT ".repeat(10_000))),
        ("minus signs", format!("SELECT {}1", "- ".repeat(10_000))),
        ("UNION", vec!["SELECT 1"; 20_000].join(" UNION ALL ")),
        ("joins", format!("SELECT 1 FROM t{}", " JOIN t ON TRUE".repeat(20_000))),
        ("garbage", garbage(1, 1 << 20)),
        ("more garbage", garbage(2, 1 << 20)),
        ("a long name", format!("SELECT {}", "a".repeat(1 << 19))),
        ("control characters", (0u8..32).map(char::from).collect::<String>().repeat(1 << 10)),
        ("an open quote", format!("SELECT '{}", "x".repeat(1 << 19))),
        ("an open comment", "/*".repeat(1 << 18)),
        ("past the limit", format!("SELECT '{}'", "x".repeat(1 << 20))),
    ];
    for (what, sql) in statements {
        let error = run(&sql).expect_err(what);
        assert_ne!(error.kind(), ErrorKind::Internal, "{what}: {error}");
    }
    assert_eq!(run("SELECT 1").unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
}

/// Calls nested as deep as the limit allows are parsed once, not once for each subset of their levels.
#[test]
fn nested_calls_are_planned() {
    let session = Database::in_memory().unwrap().session().unwrap();
    let sql = format!("SELECT {}'a'{}", "upper(".repeat(50), ")".repeat(50));
    let rows = futures::executor::block_on(session.query(&sql, &[])).unwrap();
    assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
}

#[test]
fn bytes_that_are_no_text_are_an_error_of_the_program() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aresadb"))
        .args(["--database", ":memory:", "--file", "-"])
        .env_remove("ARESADB_DATABASE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"SELECT '\xff\xfe\x80';\n");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?} {told}", output.status);
    assert!(!told.is_empty() && !told.contains("panicked"), "{told}");
}
