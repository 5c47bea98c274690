//! A simulated disk for tests: keeps what was synced apart from what was written, fails on demand,
//! and loses any part of what was not synced when the power goes.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::storage::disk::RawFile;

const SECTOR: usize = 512;

/// SplitMix64: enough randomness for a test, and the same each time.
#[derive(Debug, Clone)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

#[derive(Debug, Clone)]
enum Change {
    Sector(usize, Vec<u8>),
    Length(usize),
}

fn change(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Sector(at, data) => {
            if bytes.len() < at + data.len() {
                bytes.resize(at + data.len(), 0);
            }
            bytes[*at..at + data.len()].copy_from_slice(data);
        }
        Change::Length(len) => bytes.resize(*len, 0),
    }
}

#[derive(Debug, Default)]
struct State {
    synced: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Change>,
}

/// When the disk stops taking writes, and why.
#[derive(Debug, Default)]
struct Power {
    operations: u64,
    fail_from: Option<u64>,
    kind: Option<io::ErrorKind>,
}

/// Some files that share a power supply.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk {
    files: [Arc<Mutex<State>>; 2],
    power: Arc<Mutex<Power>>,
}

impl SimDisk {
    /// File `index`, 0 or 1.
    pub(crate) fn file(&self, index: usize) -> Box<dyn RawFile> {
        Box::new(SimFile { state: Arc::clone(&self.files[index]), power: Arc::clone(&self.power) })
    }

    /// Writes, resizes and syncs fail from the `count`th on (from 0, counted from now).
    pub(crate) fn fail_after(&self, count: u64, kind: io::ErrorKind) {
        *self.power.lock() = Power { operations: 0, fail_from: Some(count), kind: Some(kind) };
    }

    /// How many of them there were since `fail_after` or `repair`.
    pub(crate) fn operations(&self) -> u64 {
        self.power.lock().operations
    }

    pub(crate) fn repair(&self) {
        *self.power.lock() = Power::default();
    }

    /// The power goes, and comes back: of what was not synced, any part remains.
    pub(crate) fn crash(&self, rng: &mut Rng) {
        for file in &self.files {
            let state = &mut *file.lock();
            // Mostly lost, mostly kept, or a mix: each finds other mistakes.
            let keep_of_8 = rng.below(9);
            for pending in std::mem::take(&mut state.pending) {
                if rng.below(8) < keep_of_8 {
                    change(&mut state.synced, &pending);
                }
            }
            state.current = state.synced.clone();
        }
        self.repair();
    }

    /// The bytes of a file, to look at and to damage.
    pub(crate) fn with_bytes<T>(&self, index: usize, edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let state = &mut *self.files[index].lock();
        let result = edit(&mut state.current);
        state.synced = state.current.clone();
        state.pending.clear();
        result
    }

    /// A copy of its own.
    pub(crate) fn fork(&self) -> SimDisk {
        let copy = SimDisk::default();
        for index in 0..2 {
            let bytes = self.files[index].lock().current.clone();
            copy.with_bytes(index, |target| *target = bytes);
        }
        copy
    }
}

#[derive(Debug)]
struct SimFile {
    state: Arc<Mutex<State>>,
    power: Arc<Mutex<Power>>,
}

impl SimFile {
    fn step(&self) -> io::Result<()> {
        let mut power = self.power.lock();
        power.operations += 1;
        match (power.fail_from, power.kind) {
            (Some(from), Some(kind)) if power.operations > from => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn apply(&self, new: Change) {
        let state = &mut *self.state.lock();
        change(&mut state.current, &new);
        state.pending.push(new);
    }
}

impl RawFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state.lock();
        let at = offset as usize;
        let source = state.current.get(at..at + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let failed = self.step();
        let mut at = offset as usize;
        // A write that fails may have done a part of it, by whole sectors.
        let mut left = if failed.is_err() { &data[..data.len() / 2 / SECTOR * SECTOR] } else { data };
        while !left.is_empty() {
            let (sector, rest) = left.split_at(left.len().min(SECTOR - at % SECTOR));
            self.apply(Change::Sector(at, sector.to_vec()));
            at += sector.len();
            left = rest;
        }
        failed
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().current.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step()?;
        self.apply(Change::Length(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.step()?;
        let state = &mut *self.state.lock();
        state.synced = state.current.clone();
        state.pending.clear();
        Ok(())
    }
}
