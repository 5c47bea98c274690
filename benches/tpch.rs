//! Queries of TPC-H beside the same engine over other storage: what ours costs. `cargo bench --bench tpch`.
//!
//! `ARESADB_TPCH` names a folder with the tables as Parquet files, one a table (`customer.parquet`, ...), as the
//! generator `tpchgen-cli` of PyPI writes them: `tpchgen-cli parquet -s 0.1 --output-dir FOLDER`. Each query runs in
//! turns: hot over our column chunks, and over DataFusion's tables in memory made of the same files; the answers
//! must agree. Then each query cold, in a process of its own for every run: over a database whose columns are on the
//! disk (`cache.spill_max_size_mb`), and over DataFusion's tables of the Parquet files themselves; from the start of
//! `main` to the whole answer, with the files in the system's cache. `cargo bench --bench tpch -- hot` or `-- cold` runs
//! one of the two.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aresadb::{Database, Error, OpenOptions, Result, Session};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

const TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];
const QUERIES: &str = include_str!("tpch/queries.sql");
const ROUNDS: usize = 5;
/// Of both: what the machine for figures has.
const PARTITIONS: usize = 2;
/// All columns of scale 1 fit.
const CACHE_MB: u32 = 6144;

/// The argument that makes a process run one query: then the storage, its folder, and the query's name.
const RUN_ONE: &str = "--run-one";

fn main() {
    let began = Instant::now();
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == RUN_ONE) {
        if let Err(error) = run_one(began, arguments.get(at + 1..).unwrap_or_default()) {
            eprintln!("{error}");
            std::process::exit(1);
        }
        return;
    }
    let only = |name: &str| arguments.iter().any(|argument| argument == name);
    let Some(folder) = std::env::var_os("ARESADB_TPCH") else {
        println!("ARESADB_TPCH does not name a folder with the tables of TPC-H: nothing was measured");
        return;
    };
    if let Err(error) = run(Path::new(&folder), !only("cold"), !only("hot")) {
        eprintln!("the bench cannot run: {error}");
        std::process::exit(1);
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(error.to_string())
}

fn run(files: &Path, with_hot: bool, with_cold: bool) -> Result<()> {
    let folder =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| Error::io("make a folder", &e))?;
    let path = folder.path().join("tpch");
    load(&path, files)?;
    if with_hot {
        hot(&path, files)?;
    }
    if with_cold {
        cold(&path, files)?;
    }
    Ok(())
}

/// Each query in a process of its own, over both storages in turns.
fn cold(path: &Path, files: &Path) -> Result<()> {
    println!("{:>5} {:>12} {:>12} {:>8}   columns made", "cold", "aresadb", "parquet", "ratio");
    let (mut ours_all, mut theirs_all) = (Duration::ZERO, Duration::ZERO);
    for (name, _) in queries() {
        let (first, expected) = in_process("aresadb", path, name)?;
        let (_, other) = in_process("parquet", files, name)?;
        if let Some(difference) = difference(&expected, &other) {
            return Err(Error::internal(format!("{name}: the answers differ: {difference}")));
        }
        let (mut own, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (time, cells) = in_process("aresadb", path, name)?;
            if let Some(difference) = difference(&expected, &cells) {
                return Err(Error::internal(format!("{name}: another answer when it is cold: {difference}")));
            }
            own.push(time);
            peer.push(in_process("parquet", files, name)?.0);
        }
        let (own, peer) = (median(own), median(peer));
        (ours_all, theirs_all) = (ours_all + own, theirs_all + peer);
        print_line(name, own, peer, Some(first));
    }
    print_line("all", ours_all, theirs_all, None);
    let entries = std::fs::read_dir(path.join(".aresadb/cache")).into_iter().flatten().flatten();
    let sizes: Vec<u64> = entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect();
    println!("columns on the disk: {} files, {} MiB", sizes.len(), sizes.iter().sum::<u64>() >> 20);
    Ok(())
}

/// Runs a query in a process of its own: the time it says it took, and the cells of the answer.
fn in_process(storage: &str, path: &Path, query: &str) -> Result<(Duration, Vec<String>)> {
    let program = std::env::current_exe().map_err(|e| Error::io("find the bench", &e))?;
    let done = Command::new(program).args([RUN_ONE, storage]).arg(path).arg(query).output();
    let done = done.map_err(|e| Error::io("start the bench", &e))?;
    if !done.status.success() {
        return Err(Error::internal(String::from_utf8_lossy(&done.stderr)));
    }
    let said = String::from_utf8_lossy(&done.stdout);
    let mut lines = said.lines();
    let micros = lines.next().and_then(|line| line.parse().ok()).ok_or_else(|| failed("it told no time"))?;
    Ok((Duration::from_micros(micros), lines.map(str::to_owned).collect()))
}

/// The other end of [`in_process`].
fn run_one(began: Instant, arguments: &[String]) -> Result<()> {
    let [storage, path, query] = arguments else { return Err(failed("what shall be run is missing")) };
    let found = queries().into_iter().find(|(name, _)| name == query);
    let (_, sql) = found.ok_or_else(|| failed("there is no such query"))?;
    let database;
    let batches = if storage == "parquet" {
        let executor = aresadb::Executor::with_workers(PARTITIONS)?;
        let path = Path::new(path);
        executor.block_on(async { theirs(&over_files(path).await?, sql).await })?
    } else {
        database = Database::open(path, OpenOptions::default())?;
        ours(&database.session()?, sql)?
    };
    let took = began.elapsed();
    println!("{}", took.as_micros());
    cells(&batches).iter().for_each(|cell| println!("{cell}"));
    Ok(())
}

/// Hot, in one process.
fn hot(path: &Path, files: &Path) -> Result<()> {
    let database = Database::open(path, OpenOptions::default())?;
    let session = database.session()?;
    let executor = database.executor();
    let memory = executor.block_on(in_memory(files))?;
    println!("{:>5} {:>12} {:>12} {:>8}   first run", "query", "aresadb", "in memory", "ratio");
    let (mut ours_all, mut theirs_all) = (Duration::ZERO, Duration::ZERO);
    for (name, sql) in queries() {
        let (first, expected) = timed(|| ours(&session, sql))?;
        let (_, other) = timed(|| executor.block_on(theirs(&memory, sql)))?;
        if let Some(difference) = difference(&cells(&expected), &cells(&other)) {
            return Err(Error::internal(format!("{name}: the answers differ: {difference}")));
        }
        let (mut own, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(timed(|| ours(&session, sql))?.0);
            peer.push(timed(|| executor.block_on(theirs(&memory, sql)))?.0);
        }
        let (own, peer) = (median(own), median(peer));
        (ours_all, theirs_all) = (ours_all + own, theirs_all + peer);
        print_line(name, own, peer, Some(first));
    }
    print_line("all", ours_all, theirs_all, None);
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn print_line(name: &str, own: Duration, peer: Duration, first: Option<Duration>) {
    let ms = |time: Duration| time.as_micros() as f64 / 1e3;
    let first = first.map(|time| format!("{:.1} ms", ms(time))).unwrap_or_default();
    let ratio = ms(own) / ms(peer).max(1e-3);
    println!("{name:>5} {:>9.1} ms {:>9.1} ms {ratio:>8.2}   {first}", ms(own), ms(peer));
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let began = Instant::now();
    let done = work()?;
    Ok((began.elapsed(), done))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn queries() -> Vec<(&'static str, &'static str)> {
    let parts = QUERIES.split("\n-- Q").skip(1);
    parts.filter_map(|part| part.split_once('\n')).map(|(name, sql)| (name.trim(), sql.trim())).collect()
}

/// Imports the files with the program, and writes all to the tables.
fn load(path: &Path, files: &Path) -> Result<()> {
    let program = |words: &[&std::ffi::OsStr]| {
        let done = Command::new(env!("CARGO_BIN_EXE_aresadb")).arg("-d").arg(path).args(words).output();
        let done = done.map_err(|e| Error::io("start the program", &e))?;
        let said = || String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(Error::internal(said())) }
    };
    let cache = CACHE_MB.to_string();
    let began = Instant::now();
    let made = Command::new(env!("CARGO_BIN_EXE_aresadb")).arg("init").arg(path).output();
    made.map_err(|e| Error::io("start the program", &e))?;
    for setting in ["cache.max_size_mb", "cache.spill_max_size_mb"] {
        program(&["config".as_ref(), "set".as_ref(), setting.as_ref(), cache.as_ref()])?;
    }
    for table in TABLES {
        program(&["import".as_ref(), files.join(format!("{table}.parquet")).as_ref()])?;
    }
    program(&["checkpoint".as_ref()])?;
    println!("loaded in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn context() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(PARTITIONS);
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    SessionContext::new_with_config(config)
}

/// The files as tables; as DataFusion reads them by default.
async fn over_files(files: &Path) -> Result<SessionContext> {
    let context = context();
    for table in TABLES {
        let file = files.join(format!("{table}.parquet")).to_string_lossy().into_owned();
        context.register_parquet(table, file, ParquetReadOptions::default()).await.map_err(failed)?;
    }
    Ok(context)
}

async fn in_memory(files: &Path) -> Result<SessionContext> {
    let context = context();
    for table in TABLES {
        let file = files.join(format!("{table}.parquet")).to_string_lossy().into_owned();
        let read = context.read_parquet(file, ParquetReadOptions::default());
        let batches = read.await.map_err(failed)?.collect().await.map_err(failed)?;
        let Some(schema) = batches.first().map(RecordBatch::schema) else {
            return Err(Error::internal(format!("{table} is empty")));
        };
        let half = batches.len().div_ceil(PARTITIONS).max(1);
        let parts = batches.chunks(half).map(<[RecordBatch]>::to_vec).collect();
        let made = MemTable::try_new(schema, parts).map_err(failed)?;
        context.register_table(table, Arc::new(made)).map_err(failed)?;
    }
    Ok(context)
}

async fn theirs(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    context.sql(sql).await.map_err(failed)?.collect().await.map_err(failed)
}

fn ours(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    session.database().executor().block_on(session.query(sql, &[]))
}

/// The first cell that differs; numbers may do so in their last digits, which depend on the order of rows.
fn difference(ours: &[String], theirs: &[String]) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} cells against {}", ours.len(), theirs.len()));
    }
    let same = |a: &str, b: &str| {
        let numbers = a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
        a == b || numbers.is_some_and(|(a, b)| (a - b).abs() <= 1e-4 * a.abs().max(1e-9))
    };
    ours.iter().zip(theirs).find(|(a, b)| !same(a, b)).map(|(a, b)| format!("{a} against {b}"))
}

fn cells(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new();
    let mut cells = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns: Vec<_> = columns.filter_map(std::result::Result::ok).collect();
        for row in 0..batch.num_rows() {
            cells.extend(columns.iter().map(|column| column.value(row).to_string()));
        }
    }
    cells
}
