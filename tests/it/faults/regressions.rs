//! Mistakes that were found once, each with the smallest run that shows it.

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use aresadb::model::{ErrorKind, Properties, Result, RowId, SyncMode, TypeKind, Value};
use aresadb::storage::sim::{Failure, Fault, SimDisk};
use aresadb::storage::{Disk, Planted, RawFile, RedbBackend, Store, StoreOptions, Transaction};

use super::{CACHE_BYTES, Kit, SMALL};

/// How long a thing that must end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Refuses or stops what it is told to.
#[derive(Debug, Default)]
struct Moods {
    refuse_create: AtomicBool,
    refuse_open: AtomicBool,
    panic_in_write: AtomicBool,
}

#[derive(Debug, Clone)]
struct Moody {
    inner: Arc<dyn Disk>,
    moods: Arc<Moods>,
}

#[derive(Debug)]
struct MoodyFile {
    inner: Box<dyn RawFile>,
    moods: Arc<Moods>,
}

impl Moody {
    fn new(disk: &SimDisk) -> Arc<Self> {
        Arc::new(Self { inner: disk.folder("wal"), moods: Arc::default() })
    }

    fn file(&self, inner: Box<dyn RawFile>) -> Box<dyn RawFile> {
        Box::new(MoodyFile { inner, moods: Arc::clone(&self.moods) })
    }
}

fn no_handles() -> io::Error {
    io::Error::from_raw_os_error(24)
}

impl Disk for Moody {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn RawFile>> {
        if self.moods.refuse_open.load(Ordering::SeqCst) {
            return Err(no_handles());
        }
        Ok(self.file(self.inner.open(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn RawFile>> {
        if self.moods.refuse_create.load(Ordering::SeqCst) {
            return Err(no_handles());
        }
        Ok(self.file(self.inner.create(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }

    fn shown(&self, name: &str) -> String {
        self.inner.shown(name)
    }
}

impl RawFile for MoodyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        assert!(!self.moods.panic_in_write.swap(false, Ordering::SeqCst), "planted");
        self.inner.write_at(data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
}

/// A disk with a database, and what opens it.
struct Desk {
    kit: Kit,
    disk: SimDisk,
    log: Arc<Moody>,
}

impl Desk {
    fn new() -> Self {
        let kit = Kit::new(SMALL, Planted::default(), 1, 0);
        let disk = kit.new_disk().unwrap();
        let log = Moody::new(&disk);
        Desk { kit, disk, log }
    }

    fn open(&self, set: impl FnOnce(&mut StoreOptions)) -> Result<Arc<Store>> {
        let mut options = self.kit.options();
        options.compression = false;
        set(&mut options);
        let read_only = options.read_only;
        let backend = RedbBackend::open_in(self.disk.folder(""), CACHE_BYTES, read_only, Planted::default())?;
        Store::open(Box::new(backend), Some(self.log.clone()), options)
    }
}

fn add(transaction: &mut Transaction, type_name: &str, text: &str) -> Result<RowId> {
    let id = transaction.ensure_type(type_name, TypeKind::Node)?;
    let given = Properties::from([("s".to_owned(), Value::from(text))]);
    let values = transaction.resolve_properties(id, given)?;
    Ok(transaction.insert_node(id, None, values)?.0)
}

fn insert(store: &Arc<Store>, type_name: &str, text: &str) -> Result<RowId> {
    let mut transaction = store.begin()?;
    let row = add(&mut transaction, type_name, text)?;
    store.commit(transaction)?;
    Ok(row)
}

fn count(store: &Store, type_name: &str) -> Result<u64> {
    let view = store.view();
    let id = view.catalog().require(type_name)?.id;
    let mut found = 0;
    view.scan(id, 0, u64::MAX, &mut |_, _| {
        found += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

#[test]
fn the_segment_that_the_tables_point_at_is_not_deleted() {
    const SEGMENT: u64 = 4096;
    let desk = Desk::new();
    let store = desk.open(|o| o.segment_bytes = SEGMENT).unwrap();
    insert(&store, "a", "").unwrap();
    let offset = || store.log_stats().unwrap().offset;
    let before = offset();
    insert(&store, "a", "").unwrap();
    let size = offset() - before;
    // Fill the segment to where a checkpoint's note does not fit any more.
    while SEGMENT - offset() >= 64 {
        let room = SEGMENT - offset();
        let padding = if room < 2 * size + 64 { room - size - 8 } else { 0 };
        insert(&store, "a", &"p".repeat(padding as usize)).unwrap();
    }
    desk.log.moods.refuse_create.store(true, Ordering::SeqCst);
    assert!(store.checkpoint().is_err());
    assert!(insert(&store, "a", "q").is_err());
    desk.log.moods.refuse_create.store(false, Ordering::SeqCst);
    store.checkpoint().unwrap();
    let rows = count(&store, "a").unwrap();
    drop(store);
    assert_eq!(count(&desk.open(|_| ()).unwrap(), "a").unwrap(), rows);
}

#[test]
fn writers_do_not_wait_for_a_store_that_takes_no_more_changes() {
    for sync in [SyncMode::Full, SyncMode::Interval] {
        let desk = Desk::new();
        let store = desk
            .open(|o| {
                o.background = true;
                o.memtable_bytes = 64 << 10;
                o.sync = sync;
                o.segment_bytes = 16 << 20;
            })
            .unwrap();
        insert(&store, "a", "x").unwrap();
        let mut large = store.begin().unwrap();
        for number in 0..300 {
            add(&mut large, "a", &format!("{number}").repeat(300)).unwrap();
        }
        desk.disk.fail(Fault { at: 0, failure: Failure::LostSync, persistent: true, seed: 1 });
        let _ = store.commit(large);
        let (sender, answers) = mpsc::channel();
        let writer = Arc::clone(&store);
        std::thread::spawn(move || {
            // The first of them may come before the failure is known.
            let refused = (0..1000).find_map(|_| insert(&writer, "a", "y").err());
            let _ = sender.send(refused);
        });
        let refused = answers.recv_timeout(PATIENCE).expect("the writer waits for ever");
        assert!(refused.is_some(), "{sync:?}");
        store.close();
    }
}

#[test]
fn a_leader_that_panics_leaves_no_gap_in_the_log() {
    let desk = Desk::new();
    let store = desk.open(|_| ()).unwrap();
    insert(&store, "a", "x").unwrap();
    desk.log.moods.panic_in_write.store(true, Ordering::SeqCst);
    let panicking = Arc::clone(&store);
    let panicked = catch_unwind(AssertUnwindSafe(move || insert(&panicking, "a", "y")));
    assert!(panicked.is_err());
    let error = insert(&store, "a", "z").unwrap_err();
    assert!(error.message().contains("takes no more changes"), "{error}");
    assert_eq!(count(&store, "a").unwrap(), 1);
    drop(store);
    let rows = count(&desk.open(|_| ()).unwrap(), "a").unwrap();
    assert!((1..=2).contains(&rows), "{rows}");
}

#[test]
fn what_is_taken_back_weighs_nothing() {
    let desk = Desk::new();
    let store = desk
        .open(|o| {
            o.memtable_bytes = 64 << 10;
            o.background = true;
        })
        .unwrap();
    insert(&store, "a", "x").unwrap();
    store.checkpoint().unwrap();
    desk.disk.fail(Fault { at: 0, failure: Failure::Full, persistent: true, seed: 1 });
    for _ in 0..60 {
        let error = insert(&store, "a", &"y".repeat(4000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfSpace);
        assert!(error.message().contains("wal"), "{error}");
    }
    assert_eq!(store.log_stats().unwrap().memtable_bytes, 0);
    desk.disk.heal();
    insert(&store, "a", &"y".repeat(4000)).unwrap();
    assert_eq!(count(&store, "a").unwrap(), 2);
}

#[test]
fn a_log_that_cannot_be_opened_for_a_moment_costs_only_that_commit() {
    let desk = Desk::new();
    drop(desk.open(|_| ()).map(|store| insert(&store, "a", "x")).unwrap());
    let store = desk.open(|_| ()).unwrap();
    desk.log.moods.refuse_open.store(true, Ordering::SeqCst);
    let error = insert(&store, "a", "y").unwrap_err();
    assert!(!error.message().contains("not known"), "{error}");
    desk.log.moods.refuse_open.store(false, Ordering::SeqCst);
    insert(&store, "a", "z").unwrap();
    assert_eq!(count(&store, "a").unwrap(), 2);
}

#[test]
fn the_number_of_a_dropped_type_does_not_come_back_with_a_transaction_that_met_it_before() {
    let desk = Desk::new();
    let store = desk.open(|_| ()).unwrap();
    let mut early = store.begin().unwrap();
    add(&mut early, "x", "first").unwrap();
    let dropped = insert(&store, "x", "second").unwrap();
    let mut drop_it = store.begin().unwrap();
    drop_it.drop_type(dropped.type_id()).unwrap();
    store.commit(drop_it).unwrap();
    assert_eq!(store.commit(early).unwrap_err().kind(), ErrorKind::Conflict);
    let again = insert(&store, "x", "third").unwrap();
    assert_ne!(again.type_id(), dropped.type_id());
    drop(store);
    let later = insert(&desk.open(|_| ()).unwrap(), "x", "fourth").unwrap();
    assert_eq!((later.type_id(), later.sequence()), (again.type_id(), again.sequence() + 1));
}

#[test]
fn no_edge_hangs_on_a_node_whose_type_the_transaction_dropped() {
    let desk = Desk::new();
    let store = desk.open(|_| ()).unwrap();
    let from = insert(&store, "a", "from").unwrap();
    let to = insert(&store, "b", "to").unwrap();
    let mut transaction = store.begin().unwrap();
    let edges = transaction.ensure_type("e", TypeKind::Edge(Default::default())).unwrap();
    let (edge, _) = transaction.insert_edge(edges, None, from, to, Vec::new()).unwrap();
    transaction.delete(edge).unwrap();
    transaction.drop_type(to.type_id()).unwrap();
    let error = transaction.insert_edge(edges, None, from, to, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Constraint);
}

#[test]
fn a_checkpoint_beside_the_keeper_on_a_full_disk_leaves_readers_their_tables() {
    for seed in 0..12 {
        let desk = Desk::new();
        let store = desk
            .open(|o| {
                o.background = true;
                o.memtable_bytes = 8 << 20;
                o.segment_bytes = 16 << 20;
                o.checkpoint_every = Duration::from_millis(1);
            })
            .unwrap();
        let mut rows = 0;
        for round in 0..8 {
            let mut transaction = store.begin().unwrap();
            for number in 0..100 {
                add(&mut transaction, "a", &format!("{number}").repeat(50)).unwrap();
            }
            rows += if store.commit(transaction).is_ok() { 100 } else { 0 };
            let at = 2 + (seed + round) % 9;
            desk.disk.fail(Fault { at, failure: Failure::Full, persistent: true, seed });
            let asked = store.checkpoint();
            desk.disk.heal();
            if let Err(error) = asked {
                assert_eq!(error.kind(), ErrorKind::OutOfSpace, "seed {seed}, round {round}: {error}");
            }
        }
        store.checkpoint().unwrap();
        assert_eq!(count(&store, "a").unwrap(), rows, "seed {seed}");
        drop(store);
        assert_eq!(count(&desk.open(|_| ()).unwrap(), "a").unwrap(), rows, "seed {seed}");
    }
}

#[test]
fn one_damaged_block_does_not_end_all_reading_of_a_database_open_to_be_read() {
    let desk = Desk::new();
    let store = desk.open(|_| ()).unwrap();
    for type_name in ["a", "b"] {
        let mut transaction = store.begin().unwrap();
        for number in 0..2000 {
            add(&mut transaction, type_name, &format!("{number}").repeat(20)).unwrap();
        }
        store.commit(transaction).unwrap();
    }
    drop(store);
    let blocks = desk.disk.bytes("", "data.redb").unwrap().len() as u64 / 4096;
    for block in (1..blocks).rev() {
        let disk = desk.disk.copy();
        let damaged = Desk { kit: desk.kit.clone(), log: Moody::new(&disk), disk };
        let backend =
            RedbBackend::open_in(damaged.disk.folder(""), 16 << 10, true, Planted::default()).unwrap();
        let mut options = damaged.kit.options();
        (options.read_only, options.background) = (true, true);
        let store = Store::open(Box::new(backend), Some(damaged.log.clone()), options).unwrap();
        damaged.disk.flip("", "data.redb", (block * 4096 + 100) * 8 + 3);
        if count(&store, "b").is_err() || count(&store, "a").is_ok() {
            continue;
        }
        let waited = (0..PATIENCE.as_millis() / 50).find(|_| {
            std::thread::sleep(Duration::from_millis(50));
            count(&store, "b").is_ok()
        });
        assert!(waited.is_some(), "block {block} keeps the others from being read");
        assert!(count(&store, "a").is_err());
        return;
    }
    panic!("no block holds rows of one type alone");
}
