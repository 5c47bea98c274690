//! The checked file alone: what is read is what was written, or an error.

use super::*;
use crate::model::ErrorKind;
use crate::storage::disk::Disk;
use crate::storage::sim::{Failure, Fault as SimFault, Rng, SimDisk};

fn names() -> FileNames {
    FileNames { data: "data".into(), sums: "sums".into() }
}

fn create(disk: &SimDisk) -> CheckedFile {
    let folder = disk.folder("");
    let file = |name| folder.create(name).unwrap();
    CheckedFile::create(file("data"), file("sums"), names()).unwrap()
}

fn open(disk: &SimDisk) -> Result<CheckedFile> {
    let folder = disk.folder("");
    let file = |name| folder.open(name).unwrap();
    CheckedFile::open(file("data"), file("sums"), names())
}

#[test]
fn random_writes_and_lengths_read_back_as_in_a_plain_buffer() {
    let mut rng = Rng(7);
    let disk = SimDisk::new();
    let mut file = create(&disk);
    let mut model: Vec<u8> = Vec::new();
    for step in 0..2_000 {
        match rng.below(10) {
            0 => {
                let len = rng.below(12) * BLOCK_BYTES;
                file.set_len(len as u64).unwrap();
                model.resize(len, 0);
            }
            1 => file.sync().unwrap(),
            2 if !model.is_empty() => {
                file.sync().unwrap();
                file = open(&disk).unwrap();
            }
            3..=6 => {
                let at = rng.below(10 * BLOCK_BYTES);
                let at = if rng.below(2) == 0 { at / BLOCK_BYTES * BLOCK_BYTES } else { at };
                let data: Vec<u8> = (0..rng.below(9_000)).map(|_| rng.next() as u8).collect();
                file.write(at as u64, &data).unwrap();
                let end = (at + data.len()).next_multiple_of(BLOCK_BYTES);
                if at + data.len() > model.len() {
                    model.resize(end, 0);
                }
                model[at..at + data.len()].copy_from_slice(&data);
            }
            _ => {
                let at = rng.below(model.len() + 1);
                let mut out = vec![0xaa; rng.below(model.len() - at + 1)];
                file.read(at as u64, &mut out).unwrap();
                assert_eq!(out, model[at..at + out.len()], "step {step}");
            }
        }
        assert_eq!(file.len_bytes(), model.len() as u64);
    }
}

#[test]
fn a_flipped_bit_is_an_error_with_the_offset_of_its_block() {
    let disk = SimDisk::new();
    let file = create(&disk);
    file.set_len(4 * BLOCK).unwrap();
    file.write(BLOCK, &[3; BLOCK_BYTES]).unwrap();
    file.sync().unwrap();
    drop(file);
    // Block 1 was written, block 2 never.
    for (block, at) in [(1, 4096 + 17), (2, 2 * 4096 + 4095u64)] {
        let damaged = disk.fork();
        damaged.flip("", "data", at * 8 + 4);
        let file = open(&damaged).unwrap();
        let mut out = [0; 10];
        // A part of the block is read: the whole of it is checked.
        assert!(file.read(block * BLOCK, &mut out).is_err());
        // Nor is a part of it written over the damage.
        assert!(file.write(block * BLOCK + 5, &[1]).is_err());
        let error = file.fault().get().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.place(), Some(&Place::Offset { path: "data".into(), offset: block * BLOCK }));
        file.read(3 * BLOCK, &mut out).unwrap();
    }
}

#[test]
fn two_blocks_that_changed_places_do_not_pass() {
    let disk = SimDisk::new();
    let file = create(&disk);
    file.set_len(3 * BLOCK).unwrap();
    file.write(BLOCK, &[1; BLOCK_BYTES]).unwrap();
    file.write(2 * BLOCK, &[2; BLOCK_BYTES]).unwrap();
    file.sync().unwrap();
    disk.edit("", "data", |bytes| bytes[BLOCK_BYTES..].rotate_left(BLOCK_BYTES));
    assert!(file.read(BLOCK, &mut [0; BLOCK_BYTES]).is_err());
}

#[test]
fn the_first_block_reaches_the_disk_with_a_sync_and_is_old_or_new_after_a_crash() {
    let mut rng = Rng(3);
    let disk = SimDisk::new();
    let file = create(&disk);
    file.set_len(2 * BLOCK).unwrap();
    file.write(0, &[1; 320]).unwrap();
    file.sync().unwrap();
    file.write(0, &[2; 320]).unwrap();
    assert_eq!(disk.bytes("", "data").unwrap()[0], 1);
    let mut outcomes = [0; 2];
    // The first sync after an opening also writes what it found once more.
    for failing in 0..10 {
        for _ in 0..20 {
            let disk = disk.fork();
            let file = open(&disk).unwrap();
            file.write(0, &[2; 320]).unwrap();
            disk.fail(SimFault {
                at: failing,
                failure: Failure::PowerCut,
                persistent: true,
                seed: rng.next(),
            });
            let synced = file.sync().is_ok();
            drop(file);
            disk.crash(&mut rng);
            let mut out = [0; 320];
            open(&disk).unwrap().read(0, &mut out).unwrap();
            assert!(out == [1; 320] && !synced || out == [2; 320], "{synced} {}", out[0]);
            outcomes[usize::from(out[0]) - 1] += 1;
        }
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
}

#[test]
fn files_that_are_cut_off_or_something_else_are_refused_and_stay_as_they_are() {
    let disk = SimDisk::new();
    let file = create(&disk);
    file.set_len(8 * BLOCK).unwrap();
    file.write(7 * BLOCK, &[9; BLOCK_BYTES]).unwrap();
    file.sync().unwrap();
    file.write(0, &[1; 320]).unwrap();
    file.sync().unwrap();
    drop(file);
    type Damage = dyn Fn(&mut Vec<u8>);
    let cases: [(&str, &Damage); 7] = [
        ("data", &|bytes| bytes.clear()),
        ("data", &|bytes| bytes.truncate(7 * BLOCK_BYTES)),
        ("data", &|bytes| bytes.truncate(BLOCK_BYTES + 9)),
        ("data", &|bytes| bytes[..BLOCK_BYTES].fill(b'x')),
        ("sums", &|bytes| bytes.clear()),
        ("sums", &|bytes| bytes.truncate(BLOCK_BYTES + 8)),
        ("sums", &|bytes| bytes.fill(b'x')),
    ];
    for (case, (name, damage)) in cases.into_iter().enumerate() {
        let damaged = disk.fork();
        damaged.edit("", name, damage);
        let before = ["data", "sums"].map(|name| damaged.bytes("", name));
        assert_eq!(open(&damaged).unwrap_err().kind(), ErrorKind::Corrupt, "case {case}");
        let after = ["data", "sums"].map(|name| damaged.bytes("", name));
        assert!(before == after, "case {case}");
    }
}
