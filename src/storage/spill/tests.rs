//! The folder of columns: what comes back, what does not, and what it takes.

use super::*;
use crate::model::TypeId;
use crate::storage::sim::{Failure, Fault, Rng, SimDisk};

const DATABASE: Uuid = Uuid::from_u128(7);
const NEVER: &dyn Fn() -> bool = &|| false;

fn spill(disk: &SimDisk, max_bytes: u64) -> Spill {
    Spill::new(disk.folder("cache"), DATABASE, max_bytes, false)
}

fn first(chunk: u64) -> RowId {
    RowId::new(TypeId(1), chunk * 8192)
}

fn version(lsn: u64) -> ChunkVersion {
    ChunkVersion::decode(&((u128::from(lsn) << 64) | 99).to_be_bytes()).unwrap()
}

fn bytes(chunk: u64, lsn: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u64 * 31 + chunk * 7 + lsn) as u8).collect()
}

fn column(chunk: u64, name: &str, lsn: u64, length: usize) -> SpillColumn {
    SpillColumn {
        first: first(chunk),
        version: version(lsn),
        name: name.to_owned(),
        note: vec![chunk as u8, lsn as u8],
        bytes: bytes(chunk, lsn, length),
    }
}

/// Whether a column is there as it was written; it is never there in another way.
fn has(spill: &Spill, chunk: u64, name: &str, lsn: u64, length: usize) -> bool {
    match spill.read(first(chunk), version(lsn), name) {
        Some((found, note)) => {
            assert_eq!((found, &*note), (bytes(chunk, lsn, length), [chunk as u8, lsn as u8].as_slice()));
            true
        }
        None => false,
    }
}

fn files(disk: &SimDisk) -> Vec<String> {
    disk.folder("cache").list().unwrap()
}

#[test]
fn columns_are_there_at_the_next_opening_for_their_version_and_database() {
    let disk = SimDisk::new();
    let own = spill(&disk, 1 << 20);
    own.write([column(0, "a", 5, 1000), column(0, "b", 5, 10), column(1, "a", 5, 0)].into_iter(), NEVER);
    own.write([column(0, "a", 6, 500)].into_iter(), NEVER);
    let check = |spill: &Spill| {
        assert!(has(spill, 0, "a", 6, 500) && has(spill, 0, "b", 5, 10) && has(spill, 1, "a", 5, 0));
        assert!(!has(spill, 0, "a", 5, 1000) && !has(spill, 0, "c", 5, 1) && !has(spill, 2, "a", 5, 1));
        assert_eq!(spill.note(first(0), version(6), "a").as_deref(), Some([0, 6].as_slice()));
        assert_eq!(spill.stats().columns, 3);
    };
    check(&own);
    check(&spill(&disk, 1 << 20));
    let stats = own.stats();
    assert_eq!((stats.writes, stats.bytes_written, stats.reads, stats.bytes_read), (4, 1510, 3, 510));

    let reader = Spill::new(disk.folder("cache"), DATABASE, 1 << 20, true);
    reader.write([column(3, "a", 5, 10)].into_iter(), NEVER);
    check(&reader);
    let other = Spill::new(disk.folder("cache"), Uuid::from_u128(8), 1 << 20, true);
    assert_eq!(other.stats().columns, 0);
    assert!(!files(&disk).is_empty());
    // A writer clears away what is not of its database.
    assert_eq!(Spill::new(disk.folder("cache"), Uuid::from_u128(8), 1 << 20, false).stats().bytes, 0);
    assert!(files(&disk).is_empty());
}

#[test]
fn whatever_is_damaged_is_not_there() {
    let disk = SimDisk::new();
    let columns = || (0..6).map(|chunk| column(chunk, "a", 5, 300));
    spill(&disk, 1 << 20).write(columns(), NEVER);
    let [name] = files(&disk).try_into().unwrap();
    let whole = disk.bytes("cache", &name).unwrap();
    let readable = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let disk = disk.fork();
        disk.edit("cache", &name, spoil);
        let spill = spill(&disk, 1 << 20);
        (0..6).filter(|chunk| has(&spill, *chunk, "a", 5, 300)).count()
    };
    assert_eq!(readable(&|_| {}), 6);
    for length in 0..whole.len() {
        assert_eq!(readable(&|bytes| bytes.truncate(length)), 0, "cut to {length}");
    }
    for at in 0..whole.len() {
        let found = readable(&|bytes| bytes[at] ^= 1 << (at % 8));
        // A bit between two columns is of none.
        assert!(found == 0 || found == 5 || (found == 6 && whole[at] == 0), "bit at {at}: {found}");
    }
}

#[test]
fn an_index_with_a_right_checksum_and_wrong_places_is_none() {
    for (at, value) in [(24, u64::MAX), (24, 1 << 40), (32, u64::MAX), (32, 1 << 40)] {
        let disk = SimDisk::new();
        spill(&disk, 1 << 20).write([column(0, "a", 5, 300)].into_iter(), NEVER);
        let [name] = files(&disk).try_into().unwrap();
        disk.edit("cache", &name, |bytes| {
            let end = bytes.len();
            let start = u64::from_le_bytes(bytes[end - 24..end - 16].try_into().unwrap()) as usize;
            bytes[start + at..start + at + 8].copy_from_slice(&value.to_le_bytes());
            let sum = sum_of(&bytes[..HEAD_BYTES], &bytes[start..end - 16]);
            bytes[end - 16..end - 8].copy_from_slice(&sum.to_le_bytes());
        });
        assert_eq!(spill(&disk, 1 << 20).stats().columns, 0, "{value} at {at}");
    }
}

#[test]
fn the_limit_holds_the_oldest_go_and_what_is_read_stays() {
    let disk = SimDisk::new();
    let max_bytes = 40 << 20;
    let length = 9 << 20;
    let write = |spill: &Spill, chunk| {
        spill.write([column(chunk, "a", 5, length)].into_iter(), NEVER);
        assert!(spill.stats().bytes <= max_bytes);
    };
    let own = spill(&disk, max_bytes);
    (0..4).for_each(|chunk| write(&own, chunk));
    // Nothing of what this opening wrote goes for more.
    write(&own, 4);
    let there = |spill: &Spill| {
        (0..8).filter(|c| spill.note(first(*c), version(5), "a").is_some()).collect::<Vec<_>>()
    };
    assert_eq!(there(&own), [0, 1, 2, 3]);
    let next = spill(&disk, max_bytes);
    assert!(has(&next, 0, "a", 5, length));
    write(&next, 5);
    write(&next, 6);
    assert_eq!(there(&next), [0, 3, 5, 6]);
    // What a later one replaced goes in any case.
    next.write([column(0, "a", 6, 10)].into_iter(), NEVER);
    write(&next, 7);
    assert_eq!(there(&next), [3, 5, 6, 7]);
    assert!(has(&next, 0, "a", 6, 10));
    assert_eq!(spill(&disk, max_bytes).stats().columns, 5);
}

#[test]
fn small_files_are_joined() {
    let disk = SimDisk::new();
    for chunk in 0..100 {
        spill(&disk, 1 << 20).write([column(chunk, "a", 5, 1000)].into_iter(), NEVER);
    }
    assert!(files(&disk).len() < 10, "{:?}", files(&disk));
    let spill = spill(&disk, 1 << 20);
    assert!((0..100).all(|chunk| has(&spill, chunk, "a", 5, 1000)));
}

#[test]
fn faults_and_crashes_leave_what_is_whole_or_nothing() {
    // It is as it was written, or not there.
    let look = |spill: &Spill, chunk| {
        let _ = has(spill, chunk, "a", 5, if chunk < 3 { 100 } else { 5000 });
    };
    for failure in [Failure::Full, Failure::Device, Failure::ShortWrite, Failure::Read, Failure::PowerCut] {
        for at in 0..40 {
            let disk = SimDisk::new();
            spill(&disk, 1 << 20).write((0..3).map(|chunk| column(chunk, "a", 5, 100)), NEVER);
            disk.fail(Fault { at, failure, persistent: at % 2 == 0, seed: at });
            let own = spill(&disk, 1 << 20);
            own.write((3..6).map(|chunk| column(chunk, "a", 5, 5000)), NEVER);
            (0..6).for_each(|chunk| look(&own, chunk));
            if failure == Failure::PowerCut {
                disk.crash(&mut Rng(at));
            } else {
                disk.heal();
            }
            let next = spill(&disk, 1 << 20);
            (0..6).for_each(|chunk| look(&next, chunk));
            next.write((6..8).map(|chunk| column(chunk, "a", 5, 50)), NEVER);
            assert!(has(&next, 6, "a", 5, 50) && has(&next, 7, "a", 5, 50), "{failure:?} at {at}");
            assert!(files(&disk).iter().all(|name| name.ends_with(SUFFIX)), "{:?}", files(&disk));
        }
    }
}

#[test]
fn a_stop_leaves_a_whole_file_with_what_was_done() {
    let disk = SimDisk::new();
    let asked = std::cell::Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    spill(&disk, 1 << 20).write((0..9).map(|chunk| column(chunk, "a", 5, 100)), &stop);
    let spill = spill(&disk, 1 << 20);
    assert_eq!((0..9).filter(|chunk| has(&spill, *chunk, "a", 5, 100)).count(), 3);
}
