//! The backend as a whole: what it stores, what a crash leaves, what damage becomes.

use std::collections::BTreeMap;

use super::*;
use crate::storage::backend::Batch;
use crate::storage::disk::Disk;
use crate::storage::sim::{Failure, Fault as SimFault, Rng, SimDisk};

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

const CACHE: usize = 256 * 1024;

fn names() -> FileNames {
    FileNames { data: "data.redb".into(), sums: "data.crc".into() }
}

fn create(disk: &SimDisk) -> Result<RedbBackend> {
    let folder = disk.folder("");
    let file = |name| folder.create(name).map_err(|e| Error::io("create it", &e));
    RedbBackend::create_on(file(DATA_FILE)?, file(SUMS_FILE)?, names(), CACHE)
}

fn open(disk: &SimDisk) -> Result<RedbBackend> {
    let folder = disk.folder("");
    let file = |name| folder.open(name).map_err(|e| Error::io("open it", &e));
    RedbBackend::open_on(file(DATA_FILE)?, file(SUMS_FILE)?, names(), CACHE)
}

fn cut(at: u64) -> SimFault {
    SimFault { at, failure: Failure::PowerCut, persistent: true, seed: at }
}

fn batch(operations: impl IntoIterator<Item = (Table, Vec<u8>, Option<Vec<u8>>)>) -> Batch {
    let mut operations: Vec<_> = operations.into_iter().collect();
    operations.sort();
    Batch { operations }
}

/// A batch of random puts and deletes over a small key space, with some large values.
fn random_batch(rng: &mut Rng, size: usize) -> Batch {
    let mut operations = BTreeMap::new();
    for _ in 0..size {
        let table = Table::ALL[rng.below(3) + 3];
        let key = (rng.below(300) as u16).to_be_bytes().to_vec();
        let length = if rng.below(20) == 0 { rng.below(20_000) } else { rng.below(200) };
        let value = vec![rng.next() as u8; length];
        operations.insert((table, key), (rng.below(4) > 0).then_some(value));
    }
    batch(operations.into_iter().map(|((table, key), value)| (table, key, value)))
}

fn apply_to(model: &mut Model, batch: &Batch) {
    for (table, key, value) in &batch.operations {
        match value {
            Some(value) => model.insert((*table, key.clone()), value.clone()),
            None => model.remove(&(*table, key.clone())),
        };
    }
}

fn content(backend: &RedbBackend) -> Result<Model> {
    let snapshot = backend.snapshot()?;
    let mut found = Model::new();
    for table in Table::ALL {
        snapshot.scan(table, (Bound::Unbounded, Bound::Unbounded), &mut |key, value| {
            found.insert((table, key.to_vec()), value.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(found)
}

fn get(snapshot: &dyn Snapshot, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    let mut value = None;
    let there = snapshot
        .get(table, key, &mut |bytes| {
            value = Some(bytes.to_vec());
            Ok(())
        })
        .unwrap();
    assert_eq!(there, value.is_some());
    value
}

#[test]
fn batches_are_read_by_snapshots_taken_after_them_only() {
    let dir = tempfile::tempdir().unwrap();
    for backend in [RedbBackend::memory().unwrap(), RedbBackend::create(dir.path(), CACHE).unwrap()] {
        let put =
            |key: &str, value: &str| (Table::Nodes, key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        backend.apply(&batch([put("a", "1"), put("b", "2")])).unwrap();
        let before = backend.snapshot().unwrap();
        backend
            .apply(&batch([put("a", "3"), (Table::Nodes, b"b".to_vec(), None), put("", "empty")]))
            .unwrap();
        let after = backend.snapshot().unwrap();
        assert_eq!(get(&*before, Table::Nodes, b"a").unwrap(), b"1");
        assert_eq!(get(&*before, Table::Nodes, b"b").unwrap(), b"2");
        assert_eq!(get(&*after, Table::Nodes, b"a").unwrap(), b"3");
        assert_eq!(get(&*after, Table::Nodes, b"b"), None);
        assert_eq!(get(&*after, Table::Nodes, b"").unwrap(), b"empty");
        assert_eq!(get(&*after, Table::Edges, b"a"), None);

        let mut seen = Vec::new();
        let range = (Bound::Excluded(b"".as_slice()), Bound::Included(b"a".as_slice()));
        after
            .scan(Table::Nodes, range, &mut |key, _| {
                seen.push(key.to_vec());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(seen, [b"a"]);
        let backwards = (Bound::Included(b"b".as_slice()), Bound::Excluded(b"a".as_slice()));
        after.scan(Table::Nodes, backwards, &mut |_, _| panic!("nothing is there")).unwrap();

        let stats = backend.stats().unwrap();
        assert!(stats.file_bytes > 0);
        let nodes = stats.tables.iter().find(|t| t.table == Table::Nodes).unwrap();
        assert_eq!((nodes.entries, nodes.stored_bytes), (2, 7));
    }
}

#[test]
fn what_was_applied_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng(11);
    let mut model = Model::new();
    drop(RedbBackend::create(dir.path(), CACHE).unwrap());
    for _ in 0..5 {
        let backend = RedbBackend::open(dir.path(), CACHE).unwrap();
        for _ in 0..4 {
            let batch = random_batch(&mut rng, 60);
            backend.apply(&batch).unwrap();
            apply_to(&mut model, &batch);
        }
        assert_eq!(content(&backend).unwrap(), model);
    }
    assert_eq!(RedbBackend::create(dir.path(), CACHE).err().unwrap().kind(), ErrorKind::BadInput);
}

#[test]
fn a_power_loss_at_any_write_leaves_a_prefix_of_the_batches_and_all_acknowledged_ones() {
    let mut rng = Rng(23);
    let batches: Vec<Batch> = (0..6).map(|_| random_batch(&mut rng, 40)).collect();
    let empty = SimDisk::new();
    drop(create(&empty).unwrap());
    let counted = empty.fork();
    let backend = open(&counted).unwrap();
    batches.iter().for_each(|batch| backend.apply(batch).unwrap());
    drop(backend);
    let operations = counted.steps();

    let mut prefixes = vec![Model::new()];
    for batch in &batches {
        let mut next = prefixes.last().unwrap().clone();
        apply_to(&mut next, batch);
        prefixes.push(next);
    }
    for failing in 0..=operations {
        let disk = empty.fork();
        disk.fail(cut(failing));
        let mut acknowledged = 0;
        // Opening an orderly closed database may itself be where the power goes.
        if let Ok(backend) = open(&disk) {
            acknowledged = batches.iter().take_while(|batch| backend.apply(*batch).is_ok()).count();
        }
        // A second loss, in the recovery of the first.
        disk.crash(&mut rng);
        disk.fail(cut(rng.below(12) as u64));
        drop(open(&disk));
        disk.crash(&mut rng);

        let backend = open(&disk).unwrap_or_else(|e| panic!("at {failing}: {e} {:?}", e.place()));
        let found = content(&backend).unwrap_or_else(|e| panic!("at {failing}: {e} {:?}", e.place()));
        let prefix =
            prefixes.iter().position(|model| *model == found).unwrap_or_else(|| panic!("at {failing}"));
        assert!(prefix >= acknowledged, "at {failing}: {prefix} of {acknowledged}");
        // It can be written on, and read once more from the disk.
        let batch = random_batch(&mut rng, 40);
        backend.apply(&batch).unwrap();
        drop(backend);
        let mut model = found;
        apply_to(&mut model, &batch);
        assert_eq!(content(&open(&disk).unwrap()).unwrap(), model, "at {failing}");
    }
}

/// A closed database with some content.
fn filled() -> (SimDisk, Model) {
    let mut rng = Rng(31);
    let disk = SimDisk::new();
    let backend = create(&disk).unwrap();
    let mut model = Model::new();
    for _ in 0..8 {
        let batch = random_batch(&mut rng, 80);
        backend.apply(&batch).unwrap();
        apply_to(&mut model, &batch);
    }
    (disk, model)
}

#[test]
fn a_flipped_bit_anywhere_is_the_right_content_or_a_corrupt_error() {
    let (disk, model) = filled();
    let mut rng = Rng(41);
    let mut reported = 0;
    for round in 0..600 {
        let damaged = disk.fork();
        let name = [DATA_FILE, DATA_FILE, DATA_FILE, SUMS_FILE][rng.below(4)];
        // The heads of both files hold much in few bytes: aim at them as well.
        let bytes = if round % 4 == 0 { 400 } else { damaged.bytes("", name).unwrap().len() };
        let bit = rng.below(bytes * 8) as u64;
        damaged.flip("", name, bit);
        let at = bit / 8;
        match open(&damaged).and_then(|backend| content(&backend)) {
            Ok(found) => assert_eq!(found, model, "{name}, byte {at}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}, byte {at}: {error}");
                assert!(error.place().is_some(), "{name}, byte {at}: {error}");
                assert!(!error.message().contains("stopped over"), "redb panicked: {error}");
                reported += 1;
            }
        }
    }
    assert!(reported > 100, "{reported}");
}

#[test]
fn a_cut_file_is_corrupt_and_stays_as_it_is() {
    let (disk, model) = filled();
    let files = [DATA_FILE, SUMS_FILE];
    let lengths = files.map(|name| disk.bytes("", name).unwrap().len());
    let mut rng = Rng(43);
    let mut cuts: Vec<(usize, usize)> = (0..60)
        .map(|round| (round % 2, rng.below(lengths[round % 2]) / if round % 3 == 0 { 4096 } else { 1 }))
        .collect();
    cuts.extend([(0, 0), (0, 4096), (0, lengths[0] - 4096), (1, 0), (1, 36)]);
    for (index, length) in cuts {
        let damaged = disk.fork();
        damaged.edit("", files[index], |bytes| bytes.truncate(length));
        match open(&damaged).and_then(|backend| content(&backend)) {
            // Entries of blocks that hold nothing may be missing.
            Ok(found) => {
                assert!(index == 1 && length > 4096 && found == model, "file {index} cut to {length}")
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "file {index} cut to {length}: {error}")
            }
        }
        if index == 1 && length > 4096 {
            continue;
        }
        let (after, before) = (damaged.bytes("", files[index]), disk.bytes("", files[index]));
        assert!(after.unwrap() == before.unwrap()[..length], "file {index} cut to {length}");
    }
}

#[test]
fn a_newer_format_of_the_engine_is_corrupt() {
    let (disk, _) = filled();
    // Slots of a version that does not exist, under right checksums: what a later program would write.
    let folder = disk.folder("");
    let (data, sums) = (folder.open(DATA_FILE).unwrap(), folder.open(SUMS_FILE).unwrap());
    let file = CheckedFile::open(data, sums, names()).unwrap();
    for slot in [64, 64 + 128] {
        file.write(slot, &[77]).unwrap();
    }
    file.sync().unwrap();
    drop(file);
    let error = open(&disk).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(open(&disk).err(), Some(error));
}

#[test]
fn a_full_disk_says_so_takes_nothing_and_is_whole_after_reopening() {
    let (disk, mut model) = filled();
    let mut rng = Rng(53);
    let large = batch((0..200u16).map(|i| (Table::Edges, i.to_be_bytes().to_vec(), Some(vec![1; 5_000]))));
    for failing in [0, 1, 2, 5, 20] {
        let backend = open(&disk).unwrap();
        disk.fail(SimFault { at: failing, failure: Failure::Full, persistent: true, seed: failing });
        let error = backend.apply(&large).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfSpace, "{error}");
        assert!(error.hint().unwrap().contains("open the database again"));
        // The store takes no more, even with room again.
        disk.heal();
        assert_eq!(backend.apply(&large).unwrap_err(), error);
        drop(backend);
        let backend = open(&disk).unwrap();
        assert_eq!(content(&backend).unwrap(), model);
        let batch = random_batch(&mut rng, 20);
        backend.apply(&batch).unwrap();
        apply_to(&mut model, &batch);
    }
}

#[test]
fn errors_and_panics_of_a_visitor_are_its_own() {
    let (disk, _) = filled();
    let backend = open(&disk).unwrap();
    let snapshot = backend.snapshot().unwrap();
    let everything = (Bound::Unbounded, Bound::Unbounded);
    let result = snapshot.scan(Table::Nodes, everything, &mut |_, _| Err(Error::cancelled()));
    assert_eq!(result, Err(Error::cancelled()));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        snapshot.scan(Table::Nodes, everything, &mut |_, _| {
            assert!(!crate::storage::panic_is_contained());
            panic!("mine")
        })
    }));
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "mine");
    // Nothing of it sticks.
    assert!(!content(&backend).unwrap().is_empty());
}

#[test]
fn a_snapshot_that_outlives_its_backend_fails_without_a_panic() {
    let (disk, _) = filled();
    let backend = open(&disk).unwrap();
    let snapshot = backend.snapshot().unwrap();
    drop(backend);
    // What is cached may still be answered; the rest is an error.
    let result = snapshot
        .scan(Table::Nodes, (Bound::Unbounded, Bound::Unbounded), &mut |_, _| Ok(ControlFlow::Continue(())));
    assert_eq!(result.unwrap_err().message(), "the database was closed");
}

#[test]
fn missing_files_and_links_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = RedbBackend::open(dir.path(), CACHE).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("data.redb' is missing"), "{error}");
    drop(RedbBackend::create(dir.path(), CACHE).unwrap());
    let (data, moved) = (dir.path().join(DATA_FILE), dir.path().join("elsewhere"));
    std::fs::rename(&data, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &data).unwrap();
    assert_eq!(RedbBackend::open(dir.path(), CACHE).err().unwrap().kind(), ErrorKind::BadInput);
}
