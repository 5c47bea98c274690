//! The simulated disk itself: what it keeps, what it loses, how it fails.

use std::collections::BTreeSet;

use super::*;

fn disk_with(bytes: &[u8]) -> (SimDisk, Box<dyn RawFile>) {
    let disk = SimDisk::new();
    let folder = disk.folder("f");
    let file = folder.create("a").unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    folder.sync().unwrap();
    (disk, file)
}

fn fault(at: u64, failure: Failure, persistent: bool) -> Fault {
    Fault { at, failure, persistent, seed: 9 }
}

#[test]
fn it_is_a_disk_as_long_as_nothing_fails() {
    let mut rng = Rng(1);
    let disk = SimDisk::new();
    let folder = disk.folder("");
    let file = folder.create("a").unwrap();
    let mut model: Vec<u8> = Vec::new();
    for _ in 0..3_000 {
        match rng.below(8) {
            0 => {
                let len = rng.below(20_000);
                file.set_len(len as u64).unwrap();
                model.resize(len, 0);
            }
            1 => file.sync().unwrap(),
            2..=4 => {
                let data: Vec<u8> = (0..rng.below(6_000)).map(|_| rng.next() as u8).collect();
                let at = rng.below(12_000);
                file.write_at(&data, at as u64).unwrap();
                if !data.is_empty() && model.len() < at + data.len() {
                    model.resize(at + data.len(), 0);
                }
                let end = (at + data.len()).min(model.len());
                if at < end {
                    model[at..end].copy_from_slice(&data);
                }
            }
            _ => {
                let at = rng.below(model.len() + 1);
                let mut out = vec![7; rng.below(model.len() - at + 1)];
                file.read_at(&mut out, at as u64).unwrap();
                assert_eq!(out, model[at..at + out.len()]);
            }
        }
        assert_eq!(file.len().unwrap(), model.len() as u64);
    }
    let past = file.read_at(&mut [0; 2], model.len() as u64 - 1).unwrap_err();
    assert_eq!(past.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(folder.create("a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    folder.rename("a", "b").unwrap();
    assert_eq!(folder.list().unwrap(), ["b"]);
    assert_eq!(folder.open("a").unwrap_err().kind(), io::ErrorKind::NotFound);
    folder.remove("b").unwrap();
    assert!(folder.list().unwrap().is_empty());
}

#[test]
fn a_crash_keeps_what_was_synced_and_any_sectors_of_the_rest() {
    let mut rng = Rng(2);
    let mut seen = BTreeSet::new();
    for _ in 0..600 {
        let (disk, file) = disk_with(&[1; 2048]);
        file.write_at(&[2; 1024], 512).unwrap();
        file.write_at(&[3; 600], 2048).unwrap();
        disk.crash(&mut rng);
        assert!(file.read_at(&mut [0], 0).is_err(), "a handle from before the crash is dead");
        let bytes = disk.bytes("f", "a").unwrap();
        let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
        for sector in bytes.chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole");
        }
        assert_eq!((sectors[0], sectors[3]), (1, 1));
        assert!([2048, 2648].contains(&bytes.len()));
        seen.insert(sectors);
    }
    let expected: [&[u8]; 6] = [
        &[1, 1, 1, 1],
        &[1, 2, 1, 1],
        &[1, 1, 2, 1],
        &[1, 2, 2, 1, 3, 3],
        &[1, 1, 1, 1, 3, 0],
        &[1, 1, 1, 1, 0, 0],
    ];
    for outcome in expected {
        assert!(seen.contains(outcome), "{outcome:?} of {seen:?}");
    }
}

#[test]
fn names_are_in_doubt_until_the_folder_is_synced_whatever_is_synced_of_the_file() {
    let mut rng = Rng(3);
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let (disk, _) = disk_with(b"old");
        let folder = disk.folder("f");
        let new = folder.create("new").unwrap();
        new.write_at(b"new", 0).unwrap();
        new.sync().unwrap();
        folder.rename("new", "a").unwrap();
        disk.crash(&mut rng);
        let names: Vec<String> = disk.folder("f").list().unwrap();
        seen.insert((names.join(" "), disk.bytes("f", "a").unwrap()));
    }
    let of = |names: &str, bytes: &[u8]| (names.to_owned(), bytes.to_vec());
    assert_eq!(seen, BTreeSet::from([of("a", b"old"), of("a", b"new"), of("a new", b"old")]));

    for synced in [false, true] {
        let mut contents = BTreeSet::new();
        for _ in 0..100 {
            let (disk, _) = disk_with(b"old");
            let folder = disk.folder("f");
            let new = folder.create("new").unwrap();
            new.write_at(b"new", 0).unwrap();
            if synced {
                new.sync().unwrap();
            }
            folder.rename("new", "a").unwrap();
            folder.sync().unwrap();
            disk.crash(&mut rng);
            contents.insert(disk.bytes("f", "a").unwrap());
        }
        assert_eq!(contents.contains(b"".as_slice()), !synced, "a name may come before its content");
        assert!(contents.contains(b"new".as_slice()));
    }
}

#[test]
fn a_removed_file_may_come_back_and_a_synced_removal_stays() {
    let mut rng = Rng(4);
    let mut left = BTreeSet::new();
    for _ in 0..50 {
        let (disk, _) = disk_with(b"x");
        disk.folder("f").remove("a").unwrap();
        disk.crash(&mut rng);
        left.insert(disk.files().len());
    }
    assert_eq!(left, BTreeSet::from([0, 1]));
    let (disk, _) = disk_with(b"x");
    disk.folder("f").remove("a").unwrap();
    disk.folder("f").sync().unwrap();
    disk.crash(&mut rng);
    assert!(disk.files().is_empty());
}

#[test]
fn a_fault_comes_at_its_step_once_or_from_there_on() {
    for persistent in [false, true] {
        let (disk, file) = disk_with(&[0; 100]);
        disk.fail(fault(1, Failure::Device, persistent));
        file.write_at(&[1], 0).unwrap();
        assert_eq!(file.write_at(&[1], 1).unwrap_err().raw_os_error(), Some(5));
        assert_eq!(file.sync().is_err(), persistent);
        assert_eq!(disk.folder("f").create("b").is_err(), persistent);
        assert_eq!(disk.bytes("f", "a").unwrap()[..3], [1, 0, 0]);
        file.read_at(&mut [0], 0).unwrap();
        disk.heal();
        file.sync().unwrap();
    }
}

#[test]
fn a_full_disk_takes_no_more_and_syncs_what_it_has() {
    let (disk, file) = disk_with(&[1; 4096]);
    disk.fail(fault(0, Failure::Full, true));
    let error = file.write_at(&[2; 4096], 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.set_len(9_000).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(disk.folder("f").create("b").is_err());
    file.sync().unwrap();
    let bytes = disk.bytes("f", "a").unwrap();
    let done = bytes.iter().take_while(|byte| **byte == 2).count();
    assert!(done < 4096 && done % SECTOR_BYTES == 0 && bytes[done..].iter().all(|byte| *byte == 1));
}

const SECTOR_BYTES: usize = 512;

#[test]
fn a_lost_sync_marks_as_written_what_a_crash_then_takes() {
    let (mut shown, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..60 {
        let (disk, file) = disk_with(&[1; 512]);
        file.write_at(&[2; 512], 0).unwrap();
        disk.fail(Fault { seed, ..fault(0, Failure::LostSync, false) });
        file.sync().unwrap_err();
        shown.insert(disk.bytes("f", "a").unwrap()[0]);
        file.sync().unwrap();
        disk.crash(&mut Rng(seed));
        taken.insert(disk.bytes("f", "a").unwrap()[0]);
    }
    assert_eq!((shown, taken), (BTreeSet::from([1, 2]), BTreeSet::from([1, 2])));
    // What is written again is written.
    let (disk, file) = disk_with(&[1; 512]);
    file.write_at(&[2; 512], 0).unwrap();
    disk.fail(fault(0, Failure::LostSync, false));
    file.sync().unwrap_err();
    file.write_at(&[2; 512], 0).unwrap();
    file.sync().unwrap();
    disk.crash(&mut Rng(5));
    assert_eq!(disk.bytes("f", "a").unwrap(), [2; 512]);
}

#[test]
fn a_power_cut_ends_everything_until_the_crash() {
    let (disk, file) = disk_with(&[1; 512]);
    disk.fail(fault(1, Failure::PowerCut, true));
    file.write_at(&[2; 512], 0).unwrap();
    file.sync().unwrap_err();
    assert!(file.read_at(&mut [0], 0).is_err() && disk.folder("f").list().is_err());
    disk.crash(&mut Rng(6));
    assert_eq!(disk.folder("f").list().unwrap(), ["a"]);
}

#[test]
fn a_recorded_run_gives_the_disk_of_a_crash_at_each_step() {
    let (disk, file) = disk_with(&[1; 512]);
    disk.record();
    disk.mark(Mark::Submitted(1));
    file.write_at(&[2; 512], 0).unwrap();
    file.sync().unwrap();
    disk.mark(Mark::Acknowledged(1));
    file.write_at(&[3; 512], 0).unwrap();
    let journal = disk.recorded();
    assert_eq!(journal.steps(), [Step::Write, Step::Sync, Step::Write]);
    let mut rng = Rng(7);
    let mut cursor = journal.cursor();
    let mut found = Vec::new();
    loop {
        let mut bytes = BTreeSet::new();
        for _ in 0..40 {
            bytes.insert(cursor.crash(&mut rng).bytes("f", "a").unwrap()[0]);
        }
        found.push((cursor.steps, cursor.submitted, cursor.acknowledged, Vec::from_iter(bytes)));
        if !cursor.advance() {
            break;
        }
    }
    assert_eq!(
        found,
        [
            (0, 0, 0, vec![1]),
            (0, 1, 0, vec![1]),
            (1, 1, 0, vec![1, 2]),
            (2, 1, 0, vec![2]),
            (2, 1, 1, vec![2]),
            (3, 1, 1, vec![2, 3]),
        ]
    );
}

#[test]
fn a_fork_is_another_disk() {
    let (disk, file) = disk_with(&[1; 512]);
    file.write_at(&[2], 0).unwrap();
    let fork = disk.fork();
    fork.flip("f", "a", 8);
    fork.crash(&mut Rng(8));
    assert_eq!(fork.bytes("f", "a").unwrap()[..3], [2, 0, 1]);
    assert_eq!(disk.bytes("f", "a").unwrap()[..3], [2, 1, 1]);
}
