//! A simulated disk for tests: folders and files in memory behind the traits of [`super::disk`].
//!
//! It keeps what was synced apart from what was written, sector by sector, and names apart from
//! contents; fails on demand ([`Fault`]); and loses any part of what was not synced when the power
//! goes ([`SimDisk::crash`]). Everything random follows from seeds.
//!
//! A run can be recorded ([`SimDisk::record`]): a [`Cursor`] over the [`Journal`] then makes the disk of a crash at
//! each of its steps, without running anything again.
//!
//! What a crash leaves is what the file systems we run on can leave, and somewhat worse: sectors of
//! one write go each their own way and in any order; a length or a name that was not synced has
//! happened or not; a file whose name is durable and whose content is not is empty, or has holes.
//! Sectors are never torn, and what was synced stays.

// A mistake in a test has to stop it.
#![allow(clippy::indexing_slicing)]

mod image;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use self::image::{Content, FileId, Image, Op};
use super::disk::{Disk, RawFile};

/// SplitMix64 (Steele, Lea, Flood 2014): enough randomness for a test, and the same each time.
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// A kind of step. All but reads are counted by [`SimDisk::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Write,
    /// A greater length.
    Grow,
    /// A length that is not greater.
    Cut,
    Sync,
    Create,
    Rename,
    Remove,
    SyncFolder,
    Read,
}

/// How steps fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No room: a part of a write may be done; greater lengths and new files fail; the rest does not.
    Full,
    /// The device refuses any change; what was to be done is not done, and stays to be done.
    Device,
    /// A write does a part of its sectors, in their order, and fails.
    ShortWrite,
    /// A sync of a file fails and marks what it did not write as written.
    LostSync,
    /// The device refuses reads.
    Read,
    /// The power goes: nothing works until [`SimDisk::crash`], which may leave a part of the step.
    PowerCut,
}

impl Failure {
    /// Whether it makes such steps fail.
    #[must_use]
    pub fn concerns(self, step: Step) -> bool {
        match self {
            Failure::Full => matches!(step, Step::Write | Step::Grow | Step::Create),
            Failure::Device => step != Step::Read,
            Failure::ShortWrite => step == Step::Write,
            Failure::LostSync => step == Step::Sync,
            Failure::Read => step == Step::Read,
            Failure::PowerCut => true,
        }
    }

    fn error(self) -> io::Error {
        match self {
            Failure::Full => io::ErrorKind::StorageFull.into(),
            // EIO.
            _ => io::Error::from_raw_os_error(5),
        }
    }
}

/// When steps fail, and how.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The step from which on, counted from 0 and from now; of reads, if reads are to fail.
    pub at: u64,
    /// How.
    pub failure: Failure,
    /// All further steps it concerns, too.
    pub persistent: bool,
    /// What is done in part follows from it.
    pub seed: u64,
}

/// A moment of a recorded run that the disk does not know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The transaction of this number was handed to the store.
    Submitted(u64),
    /// The store said that it is durable.
    Acknowledged(u64),
}

#[derive(Debug, Clone)]
enum Entry {
    Op(Op, Step),
    Mark(Mark),
}

/// A recorded run.
#[derive(Debug, Clone)]
pub struct Journal {
    start: Image,
    entries: Vec<Entry>,
}

impl Journal {
    /// The kinds of its steps, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Op(_, step) => Some(*step),
                Entry::Mark(_) => None,
            })
            .collect()
    }

    /// Goes through it from its beginning.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { journal: self, image: self.start.clone(), at: 0, steps: 0, submitted: 0, acknowledged: 0 }
    }
}

/// A place in a recorded run.
#[derive(Debug, Clone)]
pub struct Cursor<'j> {
    journal: &'j Journal,
    image: Image,
    at: usize,
    /// Steps made so far.
    pub steps: u64,
    /// The highest number of a transaction that was handed to the store.
    pub submitted: u64,
    /// The highest number of a transaction that the store said is durable.
    pub acknowledged: u64,
}

impl Cursor<'_> {
    /// Goes on by one step, or one mark: either may change what a crash may leave. `false` at the end.
    pub fn advance(&mut self) -> bool {
        let Some(entry) = self.journal.entries.get(self.at) else { return false };
        self.at += 1;
        match entry {
            Entry::Op(op, _) => {
                self.steps += 1;
                self.image.apply(op);
                if matches!(op, Op::SyncFolder { .. }) {
                    self.image.forget_nameless();
                }
            }
            Entry::Mark(Mark::Submitted(number)) => self.submitted = self.submitted.max(*number),
            Entry::Mark(Mark::Acknowledged(number)) => self.acknowledged = self.acknowledged.max(*number),
        }
        true
    }

    /// Which place it is: steps and marks before it.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.at as u64
    }

    /// The disk after the process was killed at this place, and the machine was not: all is there, and
    /// what was not synced is still in doubt.
    #[must_use]
    pub fn kill(&self) -> SimDisk {
        SimDisk::of(self.image.clone())
    }

    /// The disk after a loss of power at this place.
    pub fn crash(&self, rng: &mut Rng) -> SimDisk {
        let mut image = self.image.clone();
        image.crash(rng);
        SimDisk::of(image)
    }
}

#[derive(Debug, Default)]
struct Machine {
    image: Image,
    next_file: FileId,
    /// Raised by each loss of power: handles from before are dead.
    boot: u64,
    steps: u64,
    reads: u64,
    fault: Option<Fault>,
    /// The power is gone.
    dead: bool,
    /// What failed.
    struck: Vec<(Step, String)>,
    sync_time: Duration,
    journal: Option<Journal>,
}

impl Machine {
    /// The failure that comes now, if one does. Counts the step.
    fn failing(&mut self, step: Step) -> Option<(Failure, Rng)> {
        if self.dead {
            return Some((Failure::PowerCut, Rng(0)));
        }
        let counter = if step == Step::Read { &mut self.reads } else { &mut self.steps };
        let at = *counter;
        *counter += 1;
        let fault = self.fault.as_ref()?;
        let counted = (step == Step::Read) == (fault.failure == Failure::Read);
        let due = if fault.persistent { at >= fault.at } else { at == fault.at };
        (counted && due && fault.failure.concerns(step)).then_some((fault.failure, Rng(fault.seed ^ at)))
    }

    fn step_of(&self, op: &Op) -> Step {
        match op {
            Op::Write { .. } => Step::Write,
            Op::SetLen { file, len } => {
                let now = self.image.files.get(file).map_or(0, |file| file.current.len);
                if *len <= now { Step::Cut } else { Step::Grow }
            }
            Op::Sync { .. } => Step::Sync,
            Op::Create { .. } => Step::Create,
            Op::Rename { .. } => Step::Rename,
            Op::Remove { .. } => Step::Remove,
            Op::SyncFolder { .. } => Step::SyncFolder,
        }
    }

    fn run(&mut self, op: Op) -> io::Result<()> {
        let step = self.step_of(&op);
        let Some((failure, mut rng)) = self.failing(step) else {
            self.perform(op);
            return Ok(());
        };
        self.struck.push((step, self.path_of(&op)));
        match op {
            op if failure == Failure::PowerCut => {
                // What was under way is in doubt, like all before it that was not synced.
                let first = !std::mem::replace(&mut self.dead, true);
                if first && !matches!(op, Op::Sync { .. } | Op::SyncFolder { .. }) {
                    self.perform(op);
                }
            }
            Op::Write { file, at, data } if matches!(failure, Failure::Full | Failure::ShortWrite) => {
                let done = rng.below(image::sectors(at, &data).count());
                let bytes: usize = image::sectors(at, &data).take(done).map(|(_, sector)| sector.len()).sum();
                if bytes > 0 {
                    self.perform(Op::Write { file, at, data: data[..bytes].into() });
                }
            }
            Op::Sync { file } if failure == Failure::LostSync => self.image.lose(file, &mut rng),
            _ => {}
        }
        Err(failure.error())
    }

    fn perform(&mut self, op: Op) {
        let step = self.step_of(&op);
        self.image.apply(&op);
        if let Some(journal) = &mut self.journal {
            journal.entries.push(Entry::Op(op, step));
        }
    }

    /// What a step is about, for messages.
    fn path_of(&self, op: &Op) -> String {
        match op {
            Op::Create { folder, name, .. } | Op::Remove { folder, name } => format!("{folder}/{name}"),
            Op::Rename { folder, to, .. } => format!("{folder}/{to}"),
            Op::SyncFolder { folder } => format!("{folder}/"),
            Op::Write { file, .. } | Op::SetLen { file, .. } | Op::Sync { file } => self.name_of(*file),
        }
    }

    fn name_of(&self, file: FileId) -> String {
        let mut names = self.image.folders.iter().flat_map(|(folder, state)| {
            state
                .current
                .iter()
                .filter(|(_, id)| **id == file)
                .map(move |(name, _)| format!("{folder}/{name}"))
        });
        names.next().unwrap_or_else(|| "a removed file".to_owned())
    }

    fn file_of(&self, folder: &str, name: &str) -> Option<FileId> {
        self.image.folders.get(folder)?.current.get(name).copied()
    }
}

/// A machine's disk. Clones are the same disk; see [`SimDisk::fork`].
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
}

impl SimDisk {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn of(image: Image) -> Self {
        let next_file = image.files.keys().next_back().map_or(0, |last| last + 1);
        Self { machine: Arc::new(Mutex::new(Machine { image, next_file, ..Machine::default() })) }
    }

    /// One of its folders. It is there from the beginning.
    #[must_use]
    pub fn folder(&self, name: &str) -> Arc<SimFolder> {
        let boot = self.machine.lock().boot;
        Arc::new(SimFolder { machine: Arc::clone(&self.machine), name: name.into(), boot })
    }

    /// Lets steps fail, instead of any fault before it. Steps are counted anew.
    pub fn fail(&self, fault: Fault) {
        let mut machine = self.machine.lock();
        (machine.steps, machine.reads) = (0, 0);
        machine.fault = Some(fault);
        machine.struck.clear();
    }

    /// How long a sync of a file takes: with some time, committers meet in groups.
    pub fn set_sync_time(&self, time: Duration) {
        self.machine.lock().sync_time = time;
    }

    /// Ends a fault. Steps are counted anew.
    pub fn heal(&self) {
        let mut machine = self.machine.lock();
        (machine.steps, machine.reads) = (0, 0);
        machine.fault = None;
    }

    /// The steps since the beginning or the last [`SimDisk::fail`] or [`SimDisk::heal`].
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.machine.lock().steps
    }

    /// What failed since the last [`SimDisk::fail`]: the step, and `folder/name`.
    #[must_use]
    pub fn struck(&self) -> Vec<(Step, String)> {
        self.machine.lock().struck.clone()
    }

    /// The reads since then.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.machine.lock().reads
    }

    /// The power goes, and comes back: of what was not synced, any part remains. Files and folders
    /// that were open are dead.
    pub fn crash(&self, rng: &mut Rng) {
        let mut machine = self.machine.lock();
        machine.image.crash(rng);
        machine.boot += 1;
        (machine.steps, machine.reads) = (0, 0);
        (machine.fault, machine.dead) = (None, false);
    }

    /// A disk of its own with what readers see now, all of it durable.
    #[must_use]
    pub fn fork(&self) -> SimDisk {
        let mut image = self.machine.lock().image.clone();
        image.sync_all();
        Self::of(image)
    }

    /// A disk of its own as this one is, with what is in doubt.
    #[must_use]
    pub fn copy(&self) -> SimDisk {
        Self::of(self.machine.lock().image.clone())
    }

    /// Starts to record. What readers see now counts as durable.
    pub fn record(&self) {
        let mut machine = self.machine.lock();
        machine.image.sync_all();
        machine.journal = Some(Journal { start: machine.image.clone(), entries: Vec::new() });
    }

    /// Notes a moment, if it is recorded.
    pub fn mark(&self, mark: Mark) {
        if let Some(journal) = &mut self.machine.lock().journal {
            journal.entries.push(Entry::Mark(mark));
        }
    }

    /// Ends the record and gives it. Empty if there was none.
    #[must_use]
    pub fn recorded(&self) -> Journal {
        let mut machine = self.machine.lock();
        let journal = machine.journal.take();
        journal.unwrap_or_else(|| Journal { start: machine.image.clone(), entries: Vec::new() })
    }

    /// Folder, name and length of each file.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String, u64)> {
        let machine = self.machine.lock();
        let mut files = Vec::new();
        for (folder, state) in &machine.image.folders {
            for (name, file) in &state.current {
                let len = machine.image.files.get(file).map_or(0, |file| file.current.len);
                files.push((folder.to_string(), name.to_string(), len));
            }
        }
        files
    }

    /// What readers see of a file.
    #[must_use]
    pub fn bytes(&self, folder: &str, name: &str) -> Option<Vec<u8>> {
        let machine = self.machine.lock();
        let file = machine.file_of(folder, name)?;
        machine.image.files.get(&file).map(|file| file.current.bytes())
    }

    /// Changes a file under the store, durably; it is made where it is missing.
    pub fn edit<T>(&self, folder: &str, name: &str, edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut bytes = self.bytes(folder, name).unwrap_or_default();
        let result = edit(&mut bytes);
        let mut machine = self.machine.lock();
        let file = machine.file_of(folder, name).unwrap_or_else(|| {
            machine.next_file += 1;
            let file = machine.next_file - 1;
            machine.image.apply(&Op::Create { folder: folder.into(), name: name.into(), file });
            machine.image.apply(&Op::SyncFolder { folder: folder.into() });
            file
        });
        if let Some(state) = machine.image.file(file) {
            state.replace(Content::of(&bytes));
        }
        result
    }

    /// Turns over one bit of a file, durably.
    pub fn flip(&self, folder: &str, name: &str, bit: u64) {
        let mut machine = self.machine.lock();
        let Some(file) = machine.file_of(folder, name) else { return };
        let Some(state) = machine.image.file(file) else { return };
        let mut byte = [0];
        if state.current.get(bit / 8, &mut byte) {
            state.overwrite(bit / 8, &[byte[0] ^ 1 << (bit % 8)]);
        }
    }

    /// Removes a file under the store, durably.
    pub fn lose_file(&self, folder: &str, name: &str) {
        let image = &mut self.machine.lock().image;
        image.apply(&Op::Remove { folder: folder.into(), name: name.into() });
        image.apply(&Op::SyncFolder { folder: folder.into() });
    }
}

/// A folder of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFolder {
    machine: Arc<Mutex<Machine>>,
    name: Arc<str>,
    boot: u64,
}

impl SimFolder {
    fn with<T>(&self, run: impl FnOnce(&mut Machine) -> io::Result<T>) -> io::Result<T> {
        with(&self.machine, self.boot, run)
    }

    fn handle(&self, file: FileId) -> Box<dyn RawFile> {
        Box::new(SimFile { machine: Arc::clone(&self.machine), file, boot: self.boot })
    }
}

fn with<T>(
    machine: &Mutex<Machine>,
    boot: u64,
    run: impl FnOnce(&mut Machine) -> io::Result<T>,
) -> io::Result<T> {
    let mut machine = machine.lock();
    if machine.boot == boot { run(&mut machine) } else { Err(Failure::PowerCut.error()) }
}

impl Disk for SimFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        self.with(|machine| {
            if let Some((failure, _)) = machine.failing(Step::Read) {
                return Err(failure.error());
            }
            let names = machine.image.folders.get(&self.name).map(|folder| folder.current.keys());
            Ok(names.into_iter().flatten().map(|name| name.to_string()).collect())
        })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn RawFile>> {
        self.with(|machine| {
            let file = machine.file_of(&self.name, name).ok_or(io::ErrorKind::NotFound)?;
            Ok(self.handle(file))
        })
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn RawFile>> {
        self.with(|machine| {
            if machine.file_of(&self.name, name).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            machine.next_file += 1;
            let file = machine.next_file - 1;
            machine.run(Op::Create { folder: Arc::clone(&self.name), name: name.into(), file })?;
            Ok(self.handle(file))
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.with(|machine| {
            if machine.file_of(&self.name, from).is_none() {
                return Err(io::ErrorKind::NotFound.into());
            }
            machine.run(Op::Rename { folder: Arc::clone(&self.name), from: from.into(), to: to.into() })
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|machine| {
            if machine.file_of(&self.name, name).is_none() {
                return Err(io::ErrorKind::NotFound.into());
            }
            machine.run(Op::Remove { folder: Arc::clone(&self.name), name: name.into() })
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|machine| machine.run(Op::SyncFolder { folder: Arc::clone(&self.name) }))
    }

    fn shown(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}/{name}", self.name) }
    }
}

#[derive(Debug)]
struct SimFile {
    machine: Arc<Mutex<Machine>>,
    file: FileId,
    boot: u64,
}

impl SimFile {
    fn with<T>(&self, run: impl FnOnce(&mut Machine) -> io::Result<T>) -> io::Result<T> {
        with(&self.machine, self.boot, run)
    }
}

impl RawFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.with(|machine| {
            if let Some((failure, _)) = machine.failing(Step::Read) {
                let name = machine.name_of(self.file);
                machine.struck.push((Step::Read, name));
                return Err(failure.error());
            }
            let state = machine.image.files.get(&self.file).ok_or(io::ErrorKind::NotFound)?;
            if state.current.get(offset, buffer) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        })
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.with(|machine| machine.run(Op::Write { file: self.file, at: offset, data: data.into() }))
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|machine| {
            let state = machine.image.files.get(&self.file).ok_or(io::ErrorKind::NotFound)?;
            Ok(state.current.len)
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|machine| machine.run(Op::SetLen { file: self.file, len }))
    }

    fn sync(&self) -> io::Result<()> {
        let time = self.machine.lock().sync_time;
        if !time.is_zero() {
            std::thread::sleep(time);
        }
        self.with(|machine| machine.run(Op::Sync { file: self.file }))
    }
}
