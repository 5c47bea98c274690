//! The built program, killed in the middle of its work, over and over on the same databases: what it
//! said is done stays, and no statement is half there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aresadb::model::Value;
use aresadb::storage::sim::Rng;
use aresadb::storage::{OsDisk, Planted, RedbBackend, Store, StoreOptions};

use super::check::{Checked, lied, read};
use super::{CACHE_BYTES, Kit, SMALL, in_parallel};

const SEEDS: [u64; 4] = [0x5161, 0x5162, 0x5163, 0x5164];
const KILLS: usize = 200;
/// Rows of one INSERT.
const ROWS: i64 = 5;
/// Statements that the program may not have answered yet.
const AHEAD: usize = 6;

/// Statement number `n` of a run: it adds the rows of batch `n`, now and then takes old batches away.
fn statement(n: i64) -> String {
    if n % 12 == 0 {
        return format!("DELETE FROM t WHERE batch < {};", n - 50);
    }
    let rows: Vec<String> =
        (0..ROWS).map(|row| format!("({n}, {row}, '{}')", "x".repeat((n % 90) as usize))).collect();
    format!("INSERT INTO t (batch, n, words) VALUES {};", rows.join(", "))
}

/// The batches that are there after statement `n`.
fn batches_after(n: i64) -> BTreeSet<i64> {
    let from = n / 12 * 12 - 50;
    (from.max(1)..=n).filter(|batch| batch % 12 != 0).collect()
}

fn start(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_aresadb"))
        .args(["-d", "db"])
        .current_dir(folder)
        .env_remove("ARESADB_DATABASE")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Reads the database without the program, and without changing a file, unless `recover`.
fn there(folder: &Path, recover: bool) -> Checked<BTreeSet<i64>> {
    let files = folder.join("db/.aresadb");
    let kit = Kit::new(SMALL, Planted::default(), 1, 2);
    let options = StoreOptions { read_only: !recover, ..kit.options() };
    let disk = |path| Arc::new(OsDisk::new(path, !recover));
    let backend = RedbBackend::open_in(disk(files.clone()), CACHE_BYTES, !recover, Planted::default())?;
    let store = Store::open(Box::new(backend), Some(disk(files.join("wal"))), options)?;
    let content = read(&store.view())?;
    let mut rows = BTreeSet::new();
    for stored in content.rows.values() {
        match (stored.row.properties.get("batch"), stored.row.properties.get("n")) {
            (Some(Value::Integer(batch)), Some(Value::Integer(n))) => drop(rows.insert((*batch, *n))),
            _ => return lied(format!("a row is {:?}", stored.row)),
        }
    }
    let batches: BTreeSet<i64> = rows.iter().map(|(batch, _)| *batch).collect();
    if rows.len() != batches.len() * ROWS as usize {
        return lied("a statement is half there");
    }
    Ok(batches)
}

/// Kills a program after some answers. Returns the statement it answered last and the last it may have made.
fn kill_once(folder: &Path, next: i64, rng: &mut Rng) -> (i64, i64) {
    let mut child = start(folder);
    let mut input = child.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let (mut sent, mut answered) = (next - 1, next - 1);
    let kill_after = answered + rng.below(25) as i64;
    while answered < kill_after {
        while sent < answered + AHEAD as i64 {
            sent += 1;
            writeln!(input, "{}", statement(sent)).expect("the program reads");
        }
        let answer = answers.next().expect("the program answers").expect("in text");
        assert!(answer.contains("inserted") || answer.contains("deleted"), "{answer}");
        answered += 1;
    }
    // Somewhere in what comes next, or in opening.
    std::thread::sleep(Duration::from_micros(rng.below(15_000) as u64));
    child.kill().expect("it is there");
    // Answers it gave before it died count, too.
    answered += answers.map_while(Result::ok).filter(|line| line.contains(" row")).count() as i64;
    child.wait().expect("it is gone");
    (answered, sent)
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_answered() {
    let wrong = in_parallel(SEEDS.len(), |index| {
        let mut rng = Rng(SEEDS[index]);
        let folder = tempfile::tempdir().expect("there is a place for it");
        for words in [
            ["init", "db"].as_slice(),
            &["-d", "db", "--exec", "CREATE TABLE t (batch INTEGER, n INTEGER, words TEXT)"],
        ] {
            let program = Command::new(env!("CARGO_BIN_EXE_aresadb"))
                .args(words)
                .current_dir(folder.path())
                .output()
                .expect("the program runs");
            assert!(program.status.success(), "{program:?}");
        }
        let mut next = 1;
        for kill in 0..KILLS / SEEDS.len() {
            let (answered, sent) = kill_once(folder.path(), next, &mut rng);
            let found = there(folder.path(), kill % 5 == 4)?;
            let Some(made) = (answered..=sent).rev().find(|n| batches_after(*n) == found) else {
                return lied(format!(
                    "seed {:#x}, kill {kill}: {answered} to {sent}: {found:?}",
                    SEEDS[index]
                ));
            };
            // The same again: reading has changed nothing.
            if there(folder.path(), false)? != found {
                return lied(format!("seed {:#x}, kill {kill}: read twice, it differs", SEEDS[index]));
            }
            next = made + 1;
        }
        Ok(())
    });
    if let Some((_, wrong)) = wrong {
        panic!("{wrong}");
    }
}
