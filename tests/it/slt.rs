//! The sqllogictest files of `tests/slt`, each on a fresh database in memory, through the library.
//!
//! `ARESADB_SLT='path/**/*.slt' cargo test --test it slt` runs further files in the same way: labels for
//! `skipif` and `onlyif` are `aresadb` and `postgresql`, every `connection` is a session of its own.
//! Values are shown as PostgreSQL shows them: NULL, `t` and `f`, `(empty)` for empty text, floats in
//! their shortest exact form, timestamps without a zone, arrays in braces. Numbers with a fraction are
//! compared as numbers (`2.50` is `2.5`); `2.500`, SQLite's three digits, also means what rounds to it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aresadb::bus::Page;
use aresadb::model::{CancelToken, Error, Value};
use aresadb::query::{property_type_of, split_statements};
use aresadb::{Database, Executor, OpenOptions, PropertyType, Session, StatementResult};
use arrow::datatypes::{DataType, Field};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Normalizer, Record, Runner};

/// Failures told of one file; the rest is counted.
const TOLD: usize = 100;

/// How cells of a column are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Float,
    Decimal,
}

thread_local! {
    /// The columns of the last result on this thread: the comparison is told of their text alone.
    static KINDS: RefCell<Vec<Kind>> = const { RefCell::new(Vec::new()) };
}

/// A session, as the test files see it.
struct Engine(Session);

/// An error with its kind and hint, for `statement error PATTERN`.
#[derive(Debug)]
struct Failed(Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.0.kind(), self.0.message())?;
        self.0.hint().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

impl std::error::Error for Failed {}

#[async_trait::async_trait]
impl AsyncDB for Engine {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let mut output = DBOutput::StatementComplete(0);
        for span in split_statements(sql).map_err(Failed)? {
            output = self.statement(&sql[span.start..span.end]).await.map_err(Failed)?;
        }
        Ok(output)
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "aresadb"
    }
}

impl Engine {
    async fn statement(&self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let mut stream = match self.0.run(sql, &[], &CancelToken::new()).await? {
            StatementResult::Done(done) => return Ok(DBOutput::StatementComplete(done.rows)),
            StatementResult::Rows(stream) => stream,
        };
        let schema = std::sync::Arc::clone(stream.schema());
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            let page = Page::new(0, batch?);
            for row in 0..page.rows() {
                let cells = schema.fields().iter().enumerate();
                rows.push(cells.map(|(column, field)| shown(&page.value(row, column), field)).collect());
            }
        }
        let types: Vec<_> = schema.fields().iter().map(|field| property_type_of(field)).collect();
        KINDS.set(types.iter().copied().map(kind).collect());
        Ok(DBOutput::Rows { types: types.into_iter().map(letter).collect(), rows })
    }
}

fn kind(property_type: PropertyType) -> Kind {
    match property_type {
        PropertyType::Float => Kind::Float,
        PropertyType::Decimal { .. } => Kind::Decimal,
        _ => Kind::Text,
    }
}

fn letter(property_type: PropertyType) -> DefaultColumnType {
    match property_type {
        PropertyType::Integer => DefaultColumnType::Integer,
        PropertyType::Float | PropertyType::Decimal { .. } => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

fn shown(value: &Value, field: &Field) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::Array(_)
            if matches!(
                field.data_type(),
                DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
            ) =>
        {
            array_item(value)
        }
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(b) => if *b { "t" } else { "f" }.to_owned(),
        Value::Float(f) => float(*f),
        Value::Timestamp(_) => value.to_text().replace('T', " ").trim_end_matches('Z').to_owned(),
        other => other.to_text(),
    }
}

/// An array as PostgreSQL's array output has it.
fn array_item(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("{{{}}}", items.iter().map(array_item).collect::<Vec<_>>().join(","))
        }
        Value::String(text) => {
            let plain = !text.is_empty()
                && !text.eq_ignore_ascii_case("null")
                && !text.contains([',', '{', '}', '"', '\\'])
                && !text.contains(char::is_whitespace);
            if plain {
                text.clone()
            } else {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
        }
        other => plain(other),
    }
}

/// A float in the shortest digits that read back equal, with PostgreSQL's choice of the form.
fn float(f: f64) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{f:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    if (-4..15).contains(&exponent) {
        return f.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Rows that are equal, or that are one value a line.
fn equal(normalize: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    let actual: Vec<Vec<String>> = actual.iter().map(|row| row.iter().map(normalize).collect()).collect();
    let expected: Vec<String> = expected.iter().map(normalize).collect();
    let columns = actual.first().map_or(0, Vec::len);
    if expected.len() == actual.len() {
        return actual.iter().zip(&expected).all(|(row, line)| row_equal(row, line));
    }
    let values = actual.iter().flat_map(|row| row.iter().enumerate());
    expected.len() == actual.len() * columns
        && values.zip(&expected).all(|((column, cell), line)| cell_equal(column, cell, line))
}

fn row_equal(row: &[String], line: &str) -> bool {
    if row.join(" ") == line {
        return true;
    }
    // Cells of text may hold spaces: each takes as many words as it has itself.
    let words: Vec<&str> = line.split(' ').collect();
    let mut at = 0;
    let fits = row.iter().enumerate().all(|(column, cell)| {
        let end = at + cell.split(' ').count();
        let cell_fits = words.get(at..end).is_some_and(|words| cell_equal(column, cell, &words.join(" ")));
        at = end;
        cell_fits
    });
    fits && at == words.len()
}

fn cell_equal(column: usize, cell: &str, expected: &str) -> bool {
    if cell == expected {
        return true;
    }
    let kind = KINDS.with_borrow(|kinds| kinds.get(column).copied().unwrap_or(Kind::Text));
    let (Ok(actual), Ok(wanted)) = (cell.parse::<f64>(), expected.parse::<f64>()) else { return false };
    let three_digits = expected.split_once('.').is_some_and(|(_, fraction)| fraction.len() == 3);
    match kind {
        Kind::Text => false,
        _ if three_digits && format!("{actual:.3}") == expected => true,
        Kind::Float => actual == wanted,
        Kind::Decimal => digits(cell) == digits(expected),
    }
}

/// A decimal number without the zeros that end its fraction.
fn digits(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Runs a file; what failed, and how many records it has.
fn run_file(path: &Path, executor: &Executor) -> (Vec<String>, usize) {
    let records = match sqllogictest::parse_file::<DefaultColumnType>(path) {
        Ok(records) => records,
        Err(e) => return (vec![format!("{e}")], 0),
    };
    let options = OpenOptions { executor: Some(executor.clone()), ..OpenOptions::default() };
    let database = Database::in_memory_with(options).unwrap();
    let mut runner = Runner::new(|| async { database.session().map(Engine).map_err(Failed) });
    runner.add_label("postgresql");
    runner.with_validator(equal);
    let (mut failures, mut count) = (Vec::new(), 0);
    for record in records {
        match record {
            Record::Halt { .. } => break,
            Record::Statement { .. } | Record::Query { .. } => count += 1,
            Record::System { loc, .. } => {
                failures.push(format!("system commands are not run\nat {loc}"));
                continue;
            }
            _ => {}
        }
        if let Err(e) = futures::executor::block_on(runner.run_async(record)) {
            failures.push(e.to_string());
        }
    }
    (failures, count)
}

/// Runs files on two threads and tells how many records there were, or panics with what failed.
fn run_files(files: &[PathBuf]) -> usize {
    let executor = Executor::new().unwrap();
    let (next, records) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed: Mutex<Vec<(PathBuf, Vec<String>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (failures, count) = run_file(path, &executor);
                    records.fetch_add(count, Ordering::SeqCst);
                    if !failures.is_empty() {
                        failed.lock().unwrap().push((path.clone(), failures));
                    }
                }
            });
        }
    });
    let (mut failed, records) = (failed.into_inner().unwrap(), records.into_inner());
    failed.sort();
    let mut report = String::new();
    for (path, failures) in &failed {
        let _ = writeln!(report, "\n== {}: {} failed", path.display(), failures.len());
        for failure in failures.iter().take(TOLD) {
            let _ = writeln!(report, "{}\n", failure.trim_end());
        }
    }
    let wrong: usize = failed.iter().map(|(_, failures)| failures.len()).sum();
    assert!(wrong == 0, "{wrong} of {records} records in {} files failed{report}", files.len());
    records
}

/// The files a pattern means: `*` and `?` within a name, `**` for any folders.
fn matching(pattern: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) {
        let Some((part, rest)) = parts.split_first() else { return };
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        if *part == "**" {
            walk(folder, rest, found);
            entries.iter().filter(|entry| entry.is_dir()).for_each(|entry| walk(entry, parts, found));
            return;
        }
        for entry in entries {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match (wild(part.as_bytes(), name.as_bytes()), rest.is_empty()) {
                (true, true) if entry.is_file() => found.push(entry),
                (true, false) if entry.is_dir() => walk(&entry, rest, found),
                _ => {}
            }
        }
    }
    fn wild(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => wild(rest, name) || (!name.is_empty() && wild(pattern, &name[1..])),
            (Some((b'?', rest)), Some((_, others))) => wild(rest, others),
            (Some((p, rest)), Some((n, others))) => p == n && wild(rest, others),
            _ => false,
        }
    }
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().take(parts.len() - 1).take_while(|part| !part.contains(['*', '?'])).count();
    let folder = match parts[..fixed].join("/") {
        root if root.is_empty() && pattern.starts_with('/') => "/".to_owned(),
        here if here.is_empty() => ".".to_owned(),
        folder => folder,
    };
    let mut found = Vec::new();
    walk(Path::new(&folder), &parts[fixed..], &mut found);
    found
}

#[test]
fn all_files_give_what_they_say() {
    let files = matching(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt/**/*.slt"));
    let records = run_files(&files);
    assert!(records >= 1_500, "{records} records in {} files", files.len());
}

#[test]
fn further_files_give_what_they_say() {
    let Ok(pattern) = std::env::var("ARESADB_SLT") else { return };
    let files = matching(&pattern);
    assert!(!files.is_empty(), "no file matches ARESADB_SLT={pattern}");
    let records = run_files(&files);
    println!("{records} records in {} files", files.len());
}

#[test]
fn values_look_as_in_postgresql() {
    for (f, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (2.5, "2.5"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(float(f), text);
    }
    let array = Value::Array(vec![Value::Integer(1), Value::Null, Value::String("a b".to_owned())]);
    assert_eq!(array_item(&array), "{1,NULL,\"a b\"}");
    assert_eq!(plain(&Value::Timestamp(1_700_000_000_250_000)), "2023-11-14 22:13:20.25");
}

#[test]
fn a_pattern_finds_its_files() {
    let root = env!("CARGO_MANIFEST_DIR");
    for pattern in ["tests/it/slt.rs", "tests/*/sl?.rs", "tests/**/slt.rs", "**/slt.rs"] {
        assert!(matching(pattern).iter().any(|path| path.ends_with("it/slt.rs")), "{pattern}");
        assert!(matching(&format!("{root}/{pattern}")).len() == 1 || pattern.starts_with("**"), "{pattern}");
    }
    assert!(matching("tests/*.nothing").is_empty());
}
