//! Looking rows up by SQL beside SQLite with prepared statements, in turns in one run: one row by a unique key, and
//! ten rows of an indexed range. `cargo bench --bench sql`; `benches/peers/look_up.py` does the same in DuckDB.
//!
//! An own loop, not criterion: contestants take turns, so that a noisy machine is noisy for all.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aresadb::model::CancelToken;
use aresadb::{Database, Error, Result, Session, StatementResult, Value};
use rusqlite::Connection;

const ROWS: i64 = 100_000;
const RANGE: i64 = 10;
const ROUNDS: usize = 9;
/// A round of one contestant.
const TURN: Duration = Duration::from_millis(300);
/// Without `--bench` it is only tried.
const TRY: Duration = Duration::from_millis(2);

const BY_KEY: &str = "SELECT k, name, score FROM item WHERE k = $1";
const BY_RANGE: &str = "SELECT k, name, score FROM item WHERE grp BETWEEN $1 AND $2";

fn main() {
    let turn = if std::env::args().any(|word| word == "--bench") { TURN } else { TRY };
    if let Err(error) = run(turn) {
        eprintln!("the bench cannot run: {error}");
        std::process::exit(1);
    }
}

fn sqlite_error(error: rusqlite::Error) -> Error {
    Error::internal(format!("SQLite: {error}"))
}

/// Numbers that look random, the same each time (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as i64 % below
    }
}

fn run(turn: Duration) -> Result<()> {
    let folder =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| Error::io("make a folder", &e))?;
    let options = aresadb::OpenOptions { create: true, ..aresadb::OpenOptions::default() };
    let db = Database::open(folder.path().join("ares"), options)?;
    let session = db.session()?;
    let sqlite = Connection::open(folder.path().join("sqlite.db")).map_err(sqlite_error)?;
    fill(&db, &session, &sqlite)?;
    for (title, ares_sql, sqlite_sql, width) in [
        ("one row by its unique key", BY_KEY, BY_KEY.replace('$', "?"), None),
        ("ten rows of an indexed range", BY_RANGE, BY_RANGE.replace('$', "?"), Some(RANGE)),
    ] {
        let params =
            |from: i64| -> Vec<i64> { std::iter::once(from).chain(width.map(|w| from + w - 1)).collect() };
        let ares = |from: i64| -> Result<usize> {
            let values: Vec<Value> = params(from).into_iter().map(Value::Integer).collect();
            futures::executor::block_on(async {
                let StatementResult::Rows(mut rows) =
                    session.run(ares_sql, &values, &CancelToken::new()).await?
                else {
                    return Err(Error::internal("no rows"));
                };
                let mut count = 0;
                while let Some(batch) = rows.next().await {
                    count += black_box(batch?).num_rows();
                }
                Ok(count)
            })
        };
        let mut statement = sqlite.prepare(&sqlite_sql).map_err(sqlite_error)?;
        let mut lite = |from: i64| -> Result<usize> {
            let mut rows = statement.query(rusqlite::params_from_iter(params(from))).map_err(sqlite_error)?;
            let mut count = 0;
            while let Some(row) = rows.next().map_err(sqlite_error)? {
                let cells: (i64, String, f64) = (
                    row.get(0).map_err(sqlite_error)?,
                    row.get(1).map_err(sqlite_error)?,
                    row.get(2).map_err(sqlite_error)?,
                );
                black_box(cells);
                count += 1;
            }
            Ok(count)
        };
        compare(title, turn, &mut |from| ares(from), &mut lite, width)?;
    }
    Ok(())
}

fn fill(db: &Database, session: &Session, sqlite: &Connection) -> Result<()> {
    let table = "CREATE TABLE item (k BIGINT PRIMARY KEY, name TEXT, score DOUBLE PRECISION, grp BIGINT)";
    let run = |sql: &str| db.executor().block_on(session.execute(sql, &[])).map(|_| ());
    run(table)?;
    run(&format!(
        "INSERT INTO item SELECT v, 'item ' || v, v / 7.0, v FROM generate_series(0, {}) AS g(v)",
        ROWS - 1
    ))?;
    run("CREATE INDEX item_grp ON item (grp)")?;
    db.store().checkpoint()?;
    sqlite.execute_batch(table).map_err(sqlite_error)?;
    sqlite
        .execute_batch(&format!(
            "INSERT INTO item WITH RECURSIVE g(v) AS (SELECT 0 UNION ALL SELECT v + 1 FROM g WHERE v < {}) \
             SELECT v, 'item ' || v, v / 7.0, v FROM g; CREATE INDEX item_grp ON item (grp); ANALYZE",
            ROWS - 1
        ))
        .map_err(sqlite_error)
}

type LookUp<'l> = &'l mut dyn FnMut(i64) -> Result<usize>;

fn compare<'l>(
    title: &str,
    turn: Duration,
    ares: LookUp<'l>,
    sqlite: LookUp<'l>,
    width: Option<i64>,
) -> Result<()> {
    let expected = width.unwrap_or(1) as usize;
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let mut numbers = Numbers(7);
    let mut contestants = [ares, sqlite];
    for _ in 0..ROUNDS {
        for (look_up, times) in contestants.iter_mut().zip(&mut times) {
            let began = Instant::now();
            let mut count = 0u32;
            while began.elapsed() < turn {
                for _ in 0..16 {
                    let from = numbers.next(ROWS - width.unwrap_or(0));
                    if look_up(from)? != expected {
                        return Err(Error::internal(format!("{title}: {from} gave another number of rows")));
                    }
                    count += 1;
                }
            }
            times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(count));
        }
    }
    let [ares, sqlite] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    });
    println!("{title}: aresadb {ares:.1} µs, SQLite prepared {sqlite:.1} µs, {:.2} times", ares / sqlite);
    Ok(())
}
