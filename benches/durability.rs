//! What durability costs: commits of one row, beside SQLite and beside the bare disk; reading while
//! others write; opening after a crash. `cargo bench --bench durability [WORD]...`
//!
//! The contestants of a section take turns in short blocks, so that whatever else the machine does
//! meets all of them alike; medians over the blocks are compared. Everything lies in one folder of
//! the build's target folder, so that all write to the same disk. Words choose sections by their
//! name: `commit`, `interval`, `readers`, `recovery`, `open`. Without one all of them run but `open`,
//! which first makes a database of 1 GiB.
//!
//! AresaDB commits from as many threads, and once more from as many tasks of one thread
//! (`Store::commit_async`), which is how a program with an event loop does it. It has the programs' allocator;
//! SQLite has the one it has everywhere.
//!
//! The row: a 16-byte key, an integer, a short text, a float. SQLite has it in a table without rowid
//! (one B-tree, as the key is what it is looked up by), through a prepared statement, autocommitted.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aresadb::model::{
    Error, IdGenerator, NodeId, PropertyId, Result, SyncMode, SystemClock, TypeId, TypeKind, Value,
};
use aresadb::storage::{Disk, OsDisk, RedbBackend, Store, StoreOptions, Transaction};
use parking_lot::Mutex;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How the contestants take turns.
#[derive(Clone, Copy)]
struct Pace {
    /// How long one runs until the next has its turn.
    block: Duration,
    /// Turns of each.
    rounds: usize,
    /// Bytes of the log that is recovered.
    log_bytes: u64,
    /// Bytes of the database that is opened.
    database_bytes: u64,
}

const MEASURE: Pace =
    Pace { block: Duration::from_millis(250), rounds: 12, log_bytes: 64 << 20, database_bytes: 1 << 30 };
/// Without `--bench`, which `cargo bench` gives: that everything runs, not how fast.
const TRY: Pace =
    Pace { block: Duration::from_millis(10), rounds: 1, log_bytes: 1 << 20, database_bytes: 4 << 20 };

/// Committers at a time.
const COMMITTERS: [usize; 3] = [1, 4, 16];
const CACHE_BYTES: usize = 128 << 20;

fn main() {
    let pace = if std::env::args().any(|word| word == "--bench") { MEASURE } else { TRY };
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |section: &str| words.is_empty() || words.iter().any(|word| section.contains(word.as_str()));
    if wanted("commit") {
        ready(commits(pace));
    }
    if wanted("interval") {
        ready(intervals(pace));
    }
    if wanted("readers") {
        ready(readers(pace));
    }
    if wanted("recovery") {
        ready(recovery(pace));
    }
    if words.iter().any(|word| word == "open") {
        ready(open_large(pace));
    }
}

/// A bench that cannot run stops.
fn ready<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("the bench cannot run: {error}");
        std::process::exit(1);
    })
}

fn folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| Error::io("make a folder", &e))
}

fn sqlite_error(error: rusqlite::Error) -> Error {
    Error::internal(format!("SQLite: {error}"))
}

/// The row with a number.
struct Row {
    number: i64,
    name: String,
    score: f64,
}

impl Row {
    fn new(number: u64) -> Self {
        let number = (number & 0xffff_ffff) as i64;
        Row { number, name: format!("item {number}"), score: number as f64 / 7.0 }
    }
}

/// Commits a row each time it is called.
type Committer<'c> = Box<dyn FnMut() -> Result<()> + 'c>;

/// Something that commits rows, from several threads.
trait Contestant: Sync {
    fn name(&self) -> String;

    /// A committer for the thread that asks.
    fn committer(&self, thread: usize) -> Committer<'_>;

    /// So many commit until the time is over; what each took, and how long it went on.
    fn turn(&self, committers: usize, block: Duration) -> Vec<Result<Turn>> {
        in_threads(self, committers, block)
    }
}

/// The times of a committer's commits in microseconds, and how long it went on.
type Turn = (Vec<f64>, Duration);

/// AresaDB, through the library.
struct Ares {
    store: Arc<Store>,
    node_type: TypeId,
    properties: [PropertyId; 3],
    next: AtomicU64,
    folder: tempfile::TempDir,
}

fn options(sync: SyncMode) -> StoreOptions {
    StoreOptions { sync, ..StoreOptions::new(Arc::new(SystemClock), Arc::new(IdGenerator::random())) }
}

fn log_of(folder: &Path) -> Arc<dyn Disk> {
    Arc::new(OsDisk::new(folder.join("wal"), false))
}

impl Ares {
    fn new(options: StoreOptions) -> Result<Self> {
        let folder = folder()?;
        let backend = RedbBackend::create(folder.path(), CACHE_BYTES)?;
        let store = Store::open(Box::new(backend), Some(log_of(folder.path())), options)?;
        let mut tx = store.begin()?;
        let node_type = tx.ensure_type("item", TypeKind::Node)?;
        let row = Row::new(0);
        let values = [
            ("n".to_owned(), Value::Integer(row.number)),
            ("name".to_owned(), Value::String(row.name)),
            ("score".to_owned(), Value::Float(row.score)),
        ];
        let values = tx.resolve_properties(node_type, values.into())?;
        let mut properties = [PropertyId(0); 3];
        let definition = tx.catalog().require("item")?.clone();
        for (id, name) in properties.iter_mut().zip(["n", "name", "score"]) {
            *id = definition.property(name).map(|p| p.id).ok_or_else(|| Error::internal(name))?;
        }
        tx.insert_node(node_type, None, values)?;
        store.commit(tx)?;
        Ok(Self { store, node_type, properties, next: AtomicU64::new(1), folder })
    }

    fn insert(&self) -> Result<()> {
        self.insert_many(1).map(|_| ())
    }

    async fn insert_async(&self) -> Result<()> {
        let (tx, _) = self.inserted(1)?;
        self.store.commit_async(tx).await.map(|_| ())
    }

    /// What a commit of one row takes in the log.
    fn commit_bytes(&self) -> Result<usize> {
        const COMMITS: u64 = 16;
        let written = || self.store.log_stats().map_or(0, |log| log.bytes_written);
        let before = written();
        for _ in 0..COMMITS {
            self.insert()?;
        }
        Ok(((written() - before) / COMMITS) as usize)
    }

    /// So many rows in one commit.
    fn insert_many(&self, rows: usize) -> Result<Vec<NodeId>> {
        let (tx, ids) = self.inserted(rows)?;
        self.store.commit(tx)?;
        Ok(ids)
    }

    fn inserted(&self, rows: usize) -> Result<(Transaction, Vec<NodeId>)> {
        let [n, name, score] = self.properties;
        let mut ids = Vec::with_capacity(rows);
        let mut tx = self.store.begin()?;
        for _ in 0..rows {
            let row = Row::new(self.next.fetch_add(1, Ordering::Relaxed));
            let values = vec![
                (n, Value::Integer(row.number)),
                (name, Value::String(row.name)),
                (score, Value::Float(row.score)),
            ];
            ids.push(tx.insert_node(self.node_type, None, values)?.1);
        }
        Ok((tx, ids))
    }
}

impl Contestant for Ares {
    fn name(&self) -> String {
        "aresadb".to_owned()
    }

    fn committer(&self, _: usize) -> Committer<'_> {
        Box::new(|| self.insert())
    }
}

/// AresaDB, through the library, from tasks.
struct AresTasks {
    ares: Arc<Ares>,
    runtime: tokio::runtime::Runtime,
}

impl AresTasks {
    fn new(options: StoreOptions) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.map_err(|e| Error::io("start the thread of the tasks", &e))?;
        Ok(Self { ares: Arc::new(Ares::new(options)?), runtime })
    }
}

impl Contestant for AresTasks {
    fn name(&self) -> String {
        "aresadb, tasks".to_owned()
    }

    fn committer(&self, thread: usize) -> Committer<'_> {
        self.ares.committer(thread)
    }

    fn turn(&self, committers: usize, block: Duration) -> Vec<Result<Turn>> {
        let start = Arc::new(tokio::sync::Barrier::new(committers));
        let run = |_| {
            let (ares, start) = (Arc::clone(&self.ares), Arc::clone(&start));
            self.runtime.spawn(async move {
                let mut latencies = Vec::new();
                start.wait().await;
                let began = Instant::now();
                loop {
                    let before = Instant::now();
                    ares.insert_async().await?;
                    latencies.push(before.elapsed().as_secs_f64() * 1e6);
                    if began.elapsed() >= block {
                        return Ok((latencies, began.elapsed()));
                    }
                }
            })
        };
        let running: Vec<_> = (0..committers).map(run).collect();
        let ended = |task: tokio::task::JoinHandle<Result<Turn>>| {
            self.runtime.block_on(task).unwrap_or_else(|_| stopped())
        };
        running.into_iter().map(ended).collect()
    }
}

fn stopped() -> Result<Turn> {
    Err(Error::internal("a committer panicked"))
}

/// SQLite in WAL mode: one connection for all threads, or one for each.
struct Sqlite {
    name: String,
    connections: Vec<Mutex<rusqlite::Connection>>,
    ids: IdGenerator,
    next: AtomicU64,
    _folder: tempfile::TempDir,
}

const SQLITE_INSERT: &str = "INSERT INTO item(id, n, name, score) VALUES (?1, ?2, ?3, ?4)";

impl Sqlite {
    fn new(connections: usize, synchronous: &str) -> Result<Self> {
        let folder = folder()?;
        let path = folder.path().join("sqlite.db");
        let connect = |_| -> std::result::Result<_, rusqlite::Error> {
            let connection = rusqlite::Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(60))?;
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", synchronous)?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS item(id BLOB PRIMARY KEY, n INTEGER, name TEXT, score REAL) WITHOUT ROWID",
            )?;
            Ok(Mutex::new(connection))
        };
        let name = match connections {
            1 => format!("SQLite {synchronous}, one connection"),
            n => format!("SQLite {synchronous}, {n} connections"),
        };
        let connections = (0..connections).map(connect).collect::<std::result::Result<_, _>>();
        Ok(Self {
            name,
            connections: connections.map_err(sqlite_error)?,
            ids: IdGenerator::random(),
            next: AtomicU64::new(1),
            _folder: folder,
        })
    }

    fn insert(&self, connection: &rusqlite::Connection) -> Result<()> {
        let row = Row::new(self.next.fetch_add(1, Ordering::Relaxed));
        let id = self.ids.next(aresadb::model::Clock::now_micros(&SystemClock));
        loop {
            // Compiled once; the cache gives it back.
            let mut statement = connection.prepare_cached(SQLITE_INSERT).map_err(sqlite_error)?;
            let given = (id.as_bytes().as_slice(), row.number, row.name.as_str(), row.score);
            match statement.execute(given) {
                Ok(_) => return Ok(()),
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {}
                Err(error) => return Err(sqlite_error(error)),
            }
        }
    }
}

impl Contestant for Sqlite {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn committer(&self, thread: usize) -> Committer<'_> {
        let Some(connection) = self.connections.get(thread % self.connections.len()) else {
            return Box::new(|| Err(Error::internal("no connection")));
        };
        if self.connections.len() == 1 {
            return Box::new(|| self.insert(&connection.lock()));
        }
        let own = connection.lock();
        Box::new(move || self.insert(&own))
    }
}

/// The disk alone: so many bytes written and synced, one after the other.
struct Bare {
    /// Bytes of one write.
    bytes: usize,
    file: File,
    place: AtomicU64,
    _folder: tempfile::TempDir,
}

const BARE_FILE_BYTES: u64 = 64 << 20;

impl Bare {
    fn new(bytes: usize) -> Result<Self> {
        let folder = folder()?;
        let make = |path: &Path| -> std::io::Result<File> {
            let file = File::options().read(true).write(true).create_new(true).open(path)?;
            let zeros = vec![0; 1 << 20];
            for at in (0..BARE_FILE_BYTES).step_by(zeros.len()) {
                file.write_all_at(&zeros, at)?;
            }
            file.sync_all()?;
            Ok(file)
        };
        let file = make(&folder.path().join("bare")).map_err(|e| Error::io("write the bare file", &e))?;
        Ok(Self { bytes, file, place: AtomicU64::new(0), _folder: folder })
    }
}

impl Contestant for Bare {
    fn name(&self) -> String {
        format!("bare pwrite and fdatasync of {} bytes", self.bytes)
    }

    fn committer(&self, _: usize) -> Committer<'_> {
        let bytes = vec![7; self.bytes];
        Box::new(move || {
            let place = self.place.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            let place = place % (BARE_FILE_BYTES - bytes.len() as u64);
            self.file
                .write_all_at(&bytes, place)
                .and_then(|()| self.file.sync_data())
                .map_err(|e| Error::io("write the bare file", &e))
        })
    }
}

/// What a contestant did in its turns.
#[derive(Default)]
struct Measured {
    /// Commits a second, for each turn.
    rates: Vec<f64>,
    /// The time of each commit, in microseconds.
    latencies: Vec<f64>,
}

/// So many threads commit until the time is over.
fn in_threads(contestant: &(impl Contestant + ?Sized), threads: usize, block: Duration) -> Vec<Result<Turn>> {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let start = &start;
        let run = |thread| {
            scope.spawn(move || {
                let mut commit = contestant.committer(thread);
                let mut latencies = Vec::new();
                start.wait();
                let began = Instant::now();
                loop {
                    let before = Instant::now();
                    commit()?;
                    latencies.push(before.elapsed().as_secs_f64() * 1e6);
                    if began.elapsed() >= block {
                        return Ok((latencies, began.elapsed()));
                    }
                }
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| stopped())).collect()
    })
}

/// One turn.
fn turn(
    contestant: &dyn Contestant,
    committers: usize,
    block: Duration,
    measured: &mut Measured,
) -> Result<()> {
    let results = contestant.turn(committers, block);
    let (mut commits, mut longest) = (0, Duration::ZERO);
    for result in results {
        let (latencies, elapsed) = result?;
        commits += latencies.len();
        longest = longest.max(elapsed);
        measured.latencies.extend(latencies);
    }
    measured.rates.push(commits as f64 / longest.as_secs_f64());
    Ok(())
}

/// The contestants take turns; returns what each did, in their order.
fn contest(contestants: &[Box<dyn Contestant>], threads: usize, pace: Pace) -> Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = contestants.iter().map(|_| Measured::default()).collect();
    for round in 0..=pace.rounds {
        for (contestant, measured) in contestants.iter().zip(&mut measured) {
            // The first round warms up.
            let mut dropped = Measured::default();
            turn(contestant.as_ref(), threads, pace.block, if round == 0 { &mut dropped } else { measured })?;
        }
    }
    Ok(measured)
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn commit_table(title: &str, contestants: &[Box<dyn Contestant>], measured: &[Measured]) {
    println!("\n{title}");
    println!("| | commits/s | median | p99 |\n|---|--:|--:|--:|");
    for (contestant, measured) in contestants.iter().zip(measured) {
        println!(
            "| {} | {:.0} | {:.0} µs | {:.0} µs |",
            contestant.name(),
            median(&measured.rates),
            median(&measured.latencies),
            quantile(&measured.latencies, 0.99)
        );
    }
}

/// Durable commits of one row.
fn commits(pace: Pace) -> Result<()> {
    for threads in COMMITTERS {
        let ares = Ares::new(options(SyncMode::Full))?;
        let commit_bytes = ares.commit_bytes()?;
        let mut contestants: Vec<Box<dyn Contestant>> =
            vec![Box::new(ares), Box::new(Sqlite::new(1, "FULL")?)];
        if threads == 1 {
            contestants.push(Box::new(Bare::new(commit_bytes)?));
        } else {
            contestants.push(Box::new(Sqlite::new(threads, "FULL")?));
            contestants.push(Box::new(AresTasks::new(options(SyncMode::Full))?));
        }
        let measured = contest(&contestants, threads, pace)?;
        let s = if threads == 1 { "" } else { "s" };
        commit_table(&format!("durable commits of one row, {threads} committer{s}"), &contestants, &measured);
        let [ares, sqlite, third, tasks @ ..] = measured.as_slice() else { continue };
        if threads == 1 {
            println!(
                "aresadb takes {:.2} of SQLite's time, and {:+.0} µs over the bare disk's",
                median(&ares.latencies) / median(&sqlite.latencies),
                median(&ares.latencies) - median(&third.latencies)
            );
        } else {
            let best = median(&sqlite.rates).max(median(&third.rates));
            println!("aresadb commits {:.1} times as many as SQLite at its best", median(&ares.rates) / best);
            for tasks in tasks {
                println!("from tasks {:.1} times as many", median(&tasks.rates) / best);
            }
        }
    }
    Ok(())
}

/// Commits that are put on the disk a little later, or whenever the system does it.
fn intervals(pace: Pace) -> Result<()> {
    for threads in [1, 4] {
        let mut contestants: Vec<Box<dyn Contestant>> =
            vec![Box::new(Ares::new(options(SyncMode::Interval))?), Box::new(Sqlite::new(1, "OFF")?)];
        if threads > 1 {
            contestants.push(Box::new(Sqlite::new(threads, "OFF")?));
        }
        let measured = contest(&contestants, threads, pace)?;
        let s = if threads == 1 { "" } else { "s" };
        let title = format!("sync = \"interval\" beside synchronous=OFF, {threads} committer{s}");
        commit_table(&title, &contestants, &measured);
        let Some((ares, others)) = measured.split_first() else { continue };
        let best = others.iter().map(|other| median(&other.rates)).fold(0.0, f64::max);
        println!("aresadb commits {:.2} times as many as SQLite at its best", median(&ares.rates) / best);
    }
    Ok(())
}

/// A store that writes its log and nothing else by itself.
fn log_only() -> StoreOptions {
    StoreOptions {
        memtable_bytes: 1 << 40,
        checkpoint_every: Duration::from_secs(1 << 20),
        ..options(SyncMode::Off)
    }
}

/// Times of opening what a killed program leaves: the folder as it is while the store is open.
fn open_after_crash(ares: &Ares, times: usize) -> Result<Vec<f64>> {
    let rows = ares.store.view().live_rows(ares.node_type)?;
    let mut taken = Vec::new();
    for _ in 0..times {
        let copy = folder()?;
        let io = |e: std::io::Error| Error::io("copy the database", &e);
        std::fs::create_dir(copy.path().join("wal")).map_err(io)?;
        for part in ["", "wal"] {
            for entry in std::fs::read_dir(ares.folder.path().join(part)).map_err(io)? {
                let entry = entry.map_err(io)?;
                if entry.file_type().map_err(io)?.is_file() {
                    let target = copy.path().join(part).join(entry.file_name());
                    std::fs::copy(entry.path(), &target).map_err(io)?;
                    File::open(&target).and_then(|file| file.sync_all()).map_err(io)?;
                }
            }
        }
        let began = Instant::now();
        let backend = RedbBackend::open(copy.path(), CACHE_BYTES)?;
        let store = Store::open(Box::new(backend), Some(log_of(copy.path())), options(SyncMode::Full))?;
        let found = store.view().live_rows(ares.node_type)?;
        taken.push(began.elapsed().as_secs_f64() * 1e3);
        if found != rows {
            return Err(Error::internal(format!("{found} rows were recovered, {rows} were committed")));
        }
    }
    Ok(taken)
}

/// Opening when all that was committed is in the log alone.
fn recovery(pace: Pace) -> Result<()> {
    let ares = Ares::new(log_only())?;
    let written = || ares.store.log_stats().map_or(u64::MAX, |log| log.bytes_written);
    let mut commits = 0u64;
    while !commits.is_multiple_of(100) || written() < pace.log_bytes {
        ares.insert()?;
        commits += 1;
    }
    let taken = open_after_crash(&ares, pace.rounds.min(5))?;
    println!("\nrecovery of a log of {} MiB, {commits} transactions", written() >> 20);
    println!("| | median | longest |\n|---|--:|--:|");
    println!("| open | {:.0} ms | {:.0} ms |", median(&taken), quantile(&taken, 1.0));
    Ok(())
}

/// Opening a large database whose last changes are in the log.
fn open_large(pace: Pace) -> Result<()> {
    let ares = Ares::new(log_only())?;
    let data = ares.folder.path().join("data.redb");
    let size = || std::fs::metadata(&data).map_or(u64::MAX, |data| data.len());
    while size() < pace.database_bytes {
        for _ in 0..20 {
            ares.insert_many(5_000)?;
        }
        ares.store.checkpoint()?;
    }
    ares.insert_many(5_000)?;
    let taken = open_after_crash(&ares, pace.rounds.min(3))?;
    println!("\nopening a database of {} MiB after a crash", size() >> 20);
    println!("| | median | longest |\n|---|--:|--:|");
    println!("| open | {:.0} ms | {:.0} ms |", median(&taken), quantile(&taken, 1.0));
    Ok(())
}

/// Rows that are read in the section of readers.
const ROWS_READ: usize = 50_000;

/// Point gets in a second, alone and beside a writer that commits durably all the time.
fn readers(pace: Pace) -> Result<()> {
    let ares = Ares::new(options(SyncMode::Full))?;
    let mut ids = Vec::with_capacity(ROWS_READ);
    while ids.len() < ROWS_READ {
        ids.extend(ares.insert_many(5_000)?);
    }
    // Writing elsewhere takes as much of the machine and shares nothing with the reader.
    let other = Ares::new(options(SyncMode::Full))?;
    other.insert()?;
    let (mut alone, mut beside, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    let (mut written, mut written_apart) = (Vec::new(), Vec::new());
    for round in 0..=pace.rounds {
        let quiet = gets_per_second(&ares.store, &ids, pace.block)?;
        let (away, commits_apart) = gets_beside(&ares.store, &ids, &other, pace.block)?;
        let (busy, commits) = gets_beside(&ares.store, &ids, &ares, pace.block)?;
        if round > 0 {
            alone.push(quiet);
            beside.push(busy);
            apart.push(away);
            written.push(commits);
            written_apart.push(commits_apart);
        }
    }
    println!("\nreading one node by id, one reader");
    println!("| | gets/s |\n|---|--:|");
    println!("| alone | {:.0} |", median(&alone));
    println!(
        "| beside a writer of another database ({:.0} commits/s) | {:.0} |",
        median(&written_apart),
        median(&apart)
    );
    println!("| beside a writer ({:.0} commits/s) | {:.0} |", median(&written), median(&beside));
    println!(
        "a reader beside a writer reads at {:.2} of its speed, {:.2} of that beside a writer of another database",
        median(&beside) / median(&alone),
        median(&beside) / median(&apart)
    );
    Ok(())
}

/// How fast one reads while another one commits, and how fast that one does.
fn gets_beside(store: &Arc<Store>, ids: &[NodeId], writer: &Ares, block: Duration) -> Result<(f64, f64)> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| -> Result<u64> {
            let mut commits = 0;
            while !stop.load(Ordering::Relaxed) {
                writer.insert()?;
                commits += 1;
            }
            Ok(commits)
        });
        let gets = gets_per_second(store, ids, block);
        stop.store(true, Ordering::Relaxed);
        let commits = writing.join().unwrap_or_else(|_| Err(Error::internal("the writer panicked")))?;
        Ok((gets?, commits as f64 / block.as_secs_f64()))
    })
}

/// Each get takes the latest state, as a program would.
fn gets_per_second(store: &Arc<Store>, ids: &[NodeId], block: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut gets = 0u64;
    for id in ids.iter().cycle().step_by(7_919) {
        if store.view().node(black_box(*id))?.is_none() {
            return Err(Error::internal("a node is missing"));
        }
        gets += 1;
        if gets.is_multiple_of(64) && began.elapsed() >= block {
            break;
        }
    }
    Ok(gets as f64 / began.elapsed().as_secs_f64())
}
