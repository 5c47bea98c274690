//! Looking nodes up by id: `cargo bench --bench point -- --bench`. Contestants take turns.
//!
//! * Ids at random out of all: the database without its cache of records and with it, beside the two look-ups that the
//!   tables need (id to handle, handle to record) done on redb itself, on a copy of the very file.
//! * A few hot ids: with the cache and without.
//! * Ids that there are not: with the filter of ids and without; and what that makes of inserting nodes under ids of
//!   the caller's choice.
//!
//! An own loop, not criterion, so that a noisy machine is noisy for all. Medians of the rounds are told.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aresadb::model::{Error, IdGenerator, NodeId, Result, SystemClock, TypeKind, Value};
use aresadb::storage::{Disk, OsDisk, RedbBackend, Store, StoreOptions, View};
use redb::{ReadableDatabase, TableDefinition};
use uuid::Uuid;

// As the programs have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NODES: usize = 300_000;
const HOT: usize = 1_000;
const NODES_PER_COMMIT: usize = 20_000;
const INSERTED: usize = 10_000;
const PAGES_BYTES: usize = 256 << 20;
const ROUNDS: usize = 15;
/// A round of one contestant.
const TURN: Duration = Duration::from_millis(150);
/// Without `--bench` it is only tried.
const TRY: Duration = Duration::from_millis(2);

const IDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("ids");
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("nodes");

fn main() {
    let bench = std::env::args().any(|word| word == "--bench");
    let (turn, nodes) = if bench { (TURN, NODES) } else { (TRY, NODES / 100) };
    if let Err(error) = run(turn, nodes) {
        eprintln!("the bench cannot run: {error}");
        std::process::exit(1);
    }
}

/// Numbers that look random, the same each time (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

fn redb_error(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("redb: {error}"))
}

fn open(folder: &Path, create: bool, with_caches: bool) -> Result<Arc<Store>> {
    let backend = if create {
        RedbBackend::create(folder, PAGES_BYTES)
    } else {
        RedbBackend::open(folder, PAGES_BYTES)
    }?;
    let mut options = StoreOptions::new(Arc::new(SystemClock), Arc::new(IdGenerator::random()));
    if !with_caches {
        (options.node_cache_bytes, options.id_filter_bytes) = (0, 0);
    }
    let log: Arc<dyn Disk> = Arc::new(OsDisk::new(folder.join("wal"), false));
    Store::open(Box::new(backend), Some(log), options)
}

fn values(number: usize) -> Vec<(String, Value)> {
    vec![
        ("name".to_owned(), Value::from(format!("user {number}"))),
        ("email".to_owned(), Value::from(format!("user{number}@example.org"))),
        ("age".to_owned(), Value::Integer((number % 90) as i64)),
        ("score".to_owned(), Value::Float(number as f64 / 7.0)),
        ("active".to_owned(), Value::Bool(number.is_multiple_of(3))),
    ]
}

/// Inserts nodes in one commit, under the given ids or new ones.
fn insert(store: &Arc<Store>, numbers: std::ops::Range<usize>, ids: Option<&[Uuid]>) -> Result<Vec<Uuid>> {
    let mut tx = store.begin()?;
    let node_type = tx.ensure_type("user", TypeKind::Node)?;
    let mut made = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.enumerate() {
        let values = tx.resolve_properties(node_type, values(number).into_iter().collect())?;
        let id = ids.and_then(|ids| ids.get(place)).map(|id| NodeId(*id));
        made.push(tx.insert_node(node_type, id, values)?.1.0);
    }
    store.commit(tx)?;
    Ok(made)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("copy the files", &error);
    std::fs::create_dir_all(to.join("wal")).map_err(failed)?;
    for (folder, target) in [(from.to_owned(), to.to_owned()), (from.join("wal"), to.join("wal"))] {
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if let Some(name) = path.file_name().filter(|_| path.is_file()) {
                std::fs::copy(&path, target.join(name)).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// A contestant: its name, and what looks an id up and says whether it is there.
type Contestant<'c> = (&'c str, Box<dyn FnMut(Uuid) -> Result<bool> + 'c>);

/// Lets contestants look ids up in turns; gives the median of each, in nanoseconds a look-up.
fn compare(
    title: &str,
    turn: Duration,
    id: &dyn Fn(u64) -> Uuid,
    there: bool,
    contestants: &mut [Contestant<'_>],
) -> Result<()> {
    let mut times = vec![Vec::new(); contestants.len()];
    let mut numbers = Numbers(7);
    for _ in 0..ROUNDS {
        for ((name, look_up), times) in contestants.iter_mut().zip(&mut times) {
            let began = Instant::now();
            let mut count = 0u32;
            while began.elapsed() < turn {
                for _ in 0..64 {
                    if look_up(id(numbers.next()))? != there {
                        return Err(Error::internal(format!("{title}, {name}: an id is lost or made up")));
                    }
                }
                count += 64;
            }
            times.push(began.elapsed().as_secs_f64() * 1e9 / f64::from(count));
        }
    }
    println!("{title}");
    let mut first = None;
    for ((name, _), times) in contestants.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        let times = median / *first.get_or_insert(median);
        println!("  {name}: {median:.0} ns, {times:.2} times");
    }
    Ok(())
}

fn node<'c>(view: &'c View) -> Box<dyn FnMut(Uuid) -> Result<bool> + 'c> {
    Box::new(|id| Ok(black_box(view.node(NodeId(id))?).is_some()))
}

fn run(turn: Duration, nodes: usize) -> Result<()> {
    let folder =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| Error::io("make a folder", &e))?;
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("plain")).map_err(|e| Error::io("make a folder", &e))?;
    let store = open(&place("plain"), true, false)?;
    let mut ids = Vec::with_capacity(nodes);
    for start in (0..nodes).step_by(NODES_PER_COMMIT) {
        ids.extend(insert(&store, start..nodes.min(start + NODES_PER_COMMIT), None)?);
    }
    store.checkpoint()?;
    store.close();
    drop(store);
    copy(&place("plain"), &place("raw"))?;
    copy(&place("plain"), &place("cached"))?;
    let (plain, cached) = (open(&place("plain"), false, false)?, open(&place("cached"), false, true)?);
    read(turn, &ids, &place("raw"), &plain, &cached)?;
    write(&ids, &plain, &cached)
}

fn none(ids: &[Uuid], number: u64) -> Uuid {
    // The times of ids that there are, and other bits behind them.
    let near = ids.get(number as usize % ids.len()).copied().unwrap_or_default();
    Uuid::from_u128(near.as_u128() ^ u128::from(number | 1))
}

fn read(turn: Duration, ids: &[Uuid], raw: &Path, plain: &Store, cached: &Store) -> Result<()> {
    let raw = redb::Database::builder()
        .set_cache_size(PAGES_BYTES)
        .open(raw.join("data.redb"))
        .map_err(redb_error)?;
    let read = raw.begin_read().map_err(redb_error)?;
    let (raw_ids, raw_nodes) =
        (read.open_table(IDS).map_err(redb_error)?, read.open_table(RECORDS).map_err(redb_error)?);
    let two_gets = |id: Uuid| -> Result<bool> {
        let Some(row) = raw_ids.get(id.as_bytes().as_slice()).map_err(redb_error)? else { return Ok(false) };
        let record = raw_nodes.get(row.value()).map_err(redb_error)?;
        Ok(record.is_some_and(|record| black_box(record.value().len()) > 0))
    };
    let in_place = |view: &View, id: Uuid| {
        view.read_id(id, &mut |_, record| {
            black_box(record.created_at());
            Ok(())
        })
    };

    let (view, cached_view) = (plain.view(), cached.view());
    let all = |number: u64| ids.get(number as usize % ids.len()).copied().unwrap_or_default();
    let hot = |number: u64| all(number % HOT as u64 * 7_919);
    let none = |number: u64| none(ids, number);
    // What the cache spends on ids that do not come again shows in the first comparison.
    for (title, id) in [("ids at random", &all as &dyn Fn(u64) -> Uuid), ("1,000 hot ids", &hot)] {
        let mut contestants: [Contestant<'_>; 5] = [
            ("two look-ups of redb", Box::new(two_gets)),
            ("the record in place, no cache", Box::new(|id| in_place(&view, id))),
            ("the record in place, cache", Box::new(|id| in_place(&cached_view, id))),
            ("the node, no cache", node(&view)),
            ("the node, cache", node(&cached_view)),
        ];
        compare(title, turn, id, true, &mut contestants)?;
    }
    println!("  {:?}", cached.node_cache_stats());

    cached.make_id_filter()?;
    let filtered = cached.view();
    let mut contestants: [Contestant<'_>; 2] = [
        ("no filter", Box::new(|id| Ok(view.row_of(id)?.is_some()))),
        ("filter", Box::new(|id| Ok(filtered.row_of(id)?.is_some()))),
    ];
    compare("ids that there are not", turn, &none, false, &mut contestants)?;
    let mut contestants: [Contestant<'_>; 2] = [
        ("no filter", Box::new(|id| Ok(view.row_of(id)?.is_some()))),
        ("filter", Box::new(|id| Ok(filtered.row_of(id)?.is_some()))),
    ];
    compare("ids that there are", turn, &all, true, &mut contestants)?;
    println!("  {:?}", cached.id_filter_stats());
    Ok(())
}

fn write(ids: &[Uuid], plain: &Arc<Store>, cached: &Arc<Store>) -> Result<()> {
    let mut numbers = Numbers(11);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (store, times) in [plain, cached].into_iter().zip(&mut times) {
            // Anywhere among those that are there, as ids from elsewhere are.
            let chosen: Vec<Uuid> = (0..INSERTED.min(ids.len())).map(|_| none(ids, numbers.next())).collect();
            let began = Instant::now();
            insert(store, 0..chosen.len(), Some(&chosen))?;
            times.push(began.elapsed().as_secs_f64() * 1e9 / chosen.len() as f64);
            store.checkpoint()?;
        }
    }
    let [without, with] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    });
    println!(
        "inserting nodes under chosen ids\n  no filter: {without:.0} ns a node\n  filter: {with:.0} ns a node"
    );
    Ok(())
}
