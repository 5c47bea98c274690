//! The checked file: a data file of 4 KiB blocks with a checksum of each in a side file.
//!
//! The B-tree engine above checks its own checksums only in repair, so a flipped bit would come out
//! as a panic or, mostly, as a wrong answer. Here each block is checked on every read from disk, and
//! a block that does not match its checksum is an error with its offset, never content.
//!
//! # Why it is sound over a crash
//!
//! Two files cannot be changed at once, so after a crash a block and its checksum may disagree
//! although nothing is damaged. That must never happen to a block that is read. It rests on what the
//! engine guarantees, in the way it is used (copy on write, two-phase commits throughout):
//!
//! > **G.** It reads block 0 and the blocks reachable from it. A block that the *durable* block 0
//! > reaches is not written again before a block 0 that no longer reaches it is durable. What a block 0
//! > reaches was synced before that block 0 was written.
//!
//! **Blocks from 1 on.** `sync` writes and syncs the checksums first, then the data. Let block `b` be
//! reached by the durable block 0. By G it was synced before that block 0 was written, and its
//! checksum was synced before that; neither was written since. So both are durable and agree.
//! * *Checksums synced, data not:* the new checksums belong to blocks that no durable block 0 reaches.
//! * *Data written back by the operating system before the checksums were synced:* the same blocks.
//! * *Growth:* added blocks are zeros, with the entry 0 or, after a crash, a stale one; nothing
//!   reaches them. They are written whole before they are read, which gives them a right entry.
//! * *Shrinking:* entries past the end are ignored and set to 0 when the file grows again.
//!
//! **Block 0** is overwritten in place, so G does not help it. It is kept in memory and written only in
//! `sync`, after the head of the side file was made durable with the checksums of *both* its last
//! durable content and the one about to be written. A crash leaves one of the two; anything else is
//! damage. To hold back a write until the next sync is what a cache may do: the engine counts on
//! nothing before its sync returned. `open` syncs the data file, so that the content it found is the
//! durable one even where a killed process had left it in the page cache. (Block 0's first 320 bytes
//! lie within a sector; a disk that tears sectors gives `Corrupt`, not a wrong answer.)
//!
//! **The length.** The head also says how many blocks the last completed sync had, lowered before the
//! file is cut. A shorter data file was truncated by something else: an error before anything is written.
//!
//! A failed write leaves a block of unknown content; by G nothing reaches it. A failed sync leaves
//! everything since the last one unknown: [`Fault`] remembers it, and the store has to be opened again. Blocks
//! that were lost then are not reached, by G; a lost checksum would be one that a later write of the same
//! content takes for written, so all checksums are written again with the first sync after an opening. The
//! length and block 0 may be lost as well while reads still show them: the first sync after an opening begins
//! with writing the last block and block 0 as they were found, and syncs that.

mod overlay;
mod sums;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use super::disk::RawFile;
use super::planted::{Bug, Planted};

pub(crate) use self::overlay::Overlay;

use self::sums::{Entries, Head, SumsError, checksum};
use crate::model::{Error, Place, Result};

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 4096;
const BLOCK: u64 = BLOCK_BYTES as u64;

/// The first thing that went wrong with a file. The engine above wraps errors of its file and loses
/// their cause on the second one; the cause stays here.
#[derive(Debug, Default)]
pub struct Fault {
    first: Mutex<Option<Error>>,
    unusable: AtomicBool,
    sync_failed: AtomicBool,
}

impl Fault {
    /// What went wrong first, if anything did.
    #[must_use]
    pub fn get(&self) -> Option<Error> {
        self.first.lock().clone()
    }

    /// Keeps `error` if it is the first one.
    pub fn set(&self, error: Error) {
        self.first.lock().get_or_insert(error);
    }

    /// Says that the state in memory can no longer be trusted at all.
    pub fn make_unusable(&self, error: Error) {
        self.set(error);
        self.unusable.store(true, Ordering::Release);
    }

    /// Whether a sync failed: what was written since the last one may be lost although it can be read.
    #[must_use]
    pub fn sync_failed(&self) -> bool {
        self.sync_failed.load(Ordering::Acquire)
    }

    /// Whether the state in memory can no longer be trusted at all.
    #[must_use]
    pub fn is_unusable(&self) -> bool {
        self.unusable.load(Ordering::Acquire)
    }
}

/// How the two files are called in messages.
#[derive(Debug, Clone)]
pub struct FileNames {
    /// The data file.
    pub data: String,
    /// The side file.
    pub sums: String,
}

/// A file whose blocks are checked. See the module's head.
#[derive(Debug)]
pub struct CheckedFile {
    data: Box<dyn RawFile>,
    sums: Box<dyn RawFile>,
    names: FileNames,
    fault: Arc<Fault>,
    planted: Planted,
    entries: RwLock<Entries>,
    /// Also held through a sync: one at a time.
    header: Mutex<Header>,
}

/// Block 0 and what is durable.
#[derive(Debug)]
struct Header {
    content: Vec<u8>,
    /// `content` differs from what was last written.
    dirty: bool,
    /// The checksum of the content that is durable.
    durable_sum: u32,
    /// The data file durably has at least as many blocks.
    durable_blocks: u64,
    /// Block 0 and the length are durable as they were found.
    secured: bool,
}

impl CheckedFile {
    /// Makes a checked file of two empty files.
    ///
    /// # Errors
    /// `BadInput` if a file is not empty; `Io`, `OutOfSpace`.
    pub fn create(data: Box<dyn RawFile>, sums: Box<dyn RawFile>, names: FileNames) -> Result<Self> {
        let occupied = |file: &dyn RawFile, name: &str| match file.is_empty() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::bad_input(format!("'{name}' is there already and not empty"))),
            Err(error) => Err(Error::io(format_args!("read '{name}'"), &error)),
        };
        occupied(&*data, &names.data)?;
        occupied(&*sums, &names.sums)?;
        let content = vec![0; BLOCK_BYTES];
        let durable_sum = checksum(0, &content);
        let head = Head { durable_blocks: 0, header: [durable_sum; 2] };
        sums::write_head(&*sums, head)
            .and_then(|()| sums.sync())
            .map_err(|error| Error::io(format_args!("write '{}'", names.sums), &error))?;
        Ok(CheckedFile {
            data,
            sums,
            names,
            fault: Arc::default(),
            planted: Planted::default(),
            entries: RwLock::new(Entries::empty()),
            header: Mutex::new(Header {
                content,
                dirty: false,
                durable_sum,
                durable_blocks: 0,
                secured: true,
            }),
        })
    }

    /// Opens the two files of a checked file. Nothing is changed.
    ///
    /// # Errors
    /// `Corrupt` for an empty or truncated file, a damaged head or block 0; `Io`.
    pub fn open(data: Box<dyn RawFile>, sums: Box<dyn RawFile>, names: FileNames) -> Result<Self> {
        let unreadable = |name: &str, error: &io::Error| Error::io(format_args!("read '{name}'"), error);
        // Before it is looked at: see the module's head.
        data.sync().map_err(|error| Error::io(format_args!("sync '{}'", names.data), &error))?;
        let len = data.len().map_err(|error| unreadable(&names.data, &error))?;
        if len == 0 || !len.is_multiple_of(BLOCK) {
            let message = if len == 0 { "is empty" } else { "is cut off within a block" };
            return Err(damaged_file(&names.data, message, len));
        }
        let blocks = len / BLOCK;
        let (head, entries) = sums::read(&*sums, blocks).map_err(|error| match error {
            SumsError::Io(error) => unreadable(&names.sums, &error),
            SumsError::Damaged(message) => damaged_file(&names.sums, &message, 0),
        })?;
        if blocks < head.durable_blocks {
            let message = format!("is cut off: {len} bytes of at least {}", head.durable_blocks * BLOCK);
            return Err(damaged_file(&names.data, &message, len));
        }
        let mut content = vec![0; BLOCK_BYTES];
        data.read_at(&mut content, 0).map_err(|error| unreadable(&names.data, &error))?;
        let durable_sum = checksum(0, &content);
        if !head.header.contains(&durable_sum) {
            return Err(damaged_block(&names.data, 0));
        }
        Ok(CheckedFile {
            data,
            sums,
            names,
            fault: Arc::default(),
            planted: Planted::default(),
            entries: RwLock::new(entries),
            header: Mutex::new(Header {
                content,
                dirty: false,
                durable_sum,
                durable_blocks: head.durable_blocks,
                secured: false,
            }),
        })
    }

    /// Makes a mistake on purpose.
    #[must_use]
    pub fn with_planted(self, planted: Planted) -> Self {
        Self { planted, ..self }
    }

    /// Where the first failure is kept.
    #[must_use]
    pub fn fault(&self) -> &Arc<Fault> {
        &self.fault
    }

    /// The length in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.entries.read().blocks() * BLOCK
    }

    /// Fills `out` from `offset`, with checked content.
    ///
    /// # Errors
    /// `UnexpectedEof` past the end, `InvalidData` for a damaged block, and what the operating
    /// system reports. The first failure is kept in [`CheckedFile::fault`].
    pub fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check_range(offset, out.len())?;
        for piece in pieces(offset, out.len()) {
            let Some(target) = out.get_mut(piece.at..piece.at + piece.len) else { continue };
            if piece.block == 0 {
                let header = self.header.lock();
                copy(target, &header.content, piece.start);
            } else if piece.is_whole() {
                // A run of whole blocks is one read.
                self.read_blocks(piece.block, target)?;
            } else {
                let mut content = vec![0; BLOCK_BYTES];
                self.read_blocks(piece.block, &mut content)?;
                copy(target, &content, piece.start);
            }
        }
        Ok(())
    }

    /// Writes `data` at `offset`; past the end the file grows by whole blocks. Block 0 reaches the
    /// disk with the next sync.
    ///
    /// # Errors
    /// As [`CheckedFile::read`]: a block that is written in part is read, and checked, first.
    pub fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(data.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        if end > self.len_bytes() {
            self.set_len(end.next_multiple_of(BLOCK))?;
        }
        for piece in pieces(offset, data.len()) {
            let Some(source) = data.get(piece.at..piece.at + piece.len) else { continue };
            if piece.block == 0 {
                let mut header = self.header.lock();
                overlay(&mut header.content, source, piece.start);
                header.dirty = true;
            } else if piece.is_whole() {
                self.write_blocks(piece.block, source)?;
            } else {
                let mut content = vec![0; BLOCK_BYTES];
                self.read_blocks(piece.block, &mut content)?;
                overlay(&mut content, source, piece.start);
                self.write_blocks(piece.block, &content)?;
            }
        }
        Ok(())
    }

    /// Cuts or extends the file to `len`, a whole number of blocks; new blocks are zeros.
    ///
    /// # Errors
    /// `InvalidInput` for another length; what the operating system reports.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        if !len.is_multiple_of(BLOCK) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a whole number of blocks"));
        }
        let blocks = len / BLOCK;
        let mut header = self.header.lock();
        if blocks < header.durable_blocks {
            // Before the cut: a shorter file than the head says counts as truncated.
            let head = Head { durable_blocks: blocks, header: [header.durable_sum; 2] };
            sums::write_head(&*self.sums, head)
                .map_err(|error| self.failed("write", &self.names.sums, error))?;
            self.sums.sync().map_err(|error| self.failed("sync", &self.names.sums, error))?;
            header.durable_blocks = blocks;
        }
        let mut entries = self.entries.write();
        self.data.set_len(len).map_err(|error| self.failed("resize", &self.names.data, error))?;
        if blocks == 0 {
            header.content.fill(0);
        }
        entries.resize(blocks)
    }

    /// Makes everything written durable: the checksums first, then the data.
    ///
    /// # Errors
    /// What the operating system reports: the file then has to be opened again.
    pub fn sync(&self) -> io::Result<()> {
        let mut header = self.header.lock();
        if !header.secured {
            self.secure()?;
            header.secured = true;
        }
        let new_sum = checksum(0, &header.content);
        let (writes, blocks) = {
            let mut entries = self.entries.write();
            let needed = header.dirty || entries.is_dirty();
            (needed.then(|| entries.take_writes()), entries.blocks())
        };
        let sums_last = self.planted.has(Bug::SumsAfterData);
        if let Some(writes) = writes {
            let head = Head { durable_blocks: header.durable_blocks, header: [header.durable_sum, new_sum] };
            writes
                .iter()
                .try_for_each(|(offset, bytes)| self.sums.write_at(bytes, *offset))
                .and_then(|()| sums::write_head(&*self.sums, head))
                .map_err(|error| self.failed("write", &self.names.sums, error))?;
            if !sums_last {
                self.sums.sync().map_err(|error| self.failed("sync", &self.names.sums, error))?;
            }
        }
        if header.dirty && blocks > 0 {
            self.data
                .write_at(&header.content, 0)
                .map_err(|error| self.failed("write", &self.names.data, error))?;
        }
        if !self.planted.has(Bug::SkipDataSync) {
            self.data.sync().map_err(|error| self.failed("sync", &self.names.data, error))?;
        }
        if sums_last {
            self.sums.sync().map_err(|error| self.failed("sync", &self.names.sums, error))?;
        }
        header.dirty = false;
        header.durable_sum = new_sum;
        header.durable_blocks = blocks;
        Ok(())
    }

    /// Makes durable what was found at opening and may be in the operating system's cache alone.
    fn secure(&self) -> io::Result<()> {
        let mut block = vec![0; BLOCK_BYTES];
        let run = |block: &mut [u8]| -> io::Result<()> {
            let Some(last) = (self.data.len()? / BLOCK).checked_sub(1) else { return Ok(()) };
            for at in [last * BLOCK, 0] {
                self.data.read_at(block, at)?;
                self.data.write_at(block, at)?;
            }
            Ok(())
        };
        run(&mut block).map_err(|error| self.failed("write", &self.names.data, error))?;
        self.data.sync().map_err(|error| self.failed("sync", &self.names.data, error))
    }

    /// Syncs what is left, unless something failed: then the files stay as they are.
    ///
    /// # Errors
    /// As [`CheckedFile::sync`].
    pub fn close(&self) -> io::Result<()> {
        let clean = !self.header.lock().dirty;
        if clean || self.fault.get().is_some() { Ok(()) } else { self.sync() }
    }

    /// Reads whole blocks, and checks each.
    fn read_blocks(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        self.data
            .read_at(out, first * BLOCK)
            .map_err(|error| self.failed("read", &self.names.data, error))?;
        let entries = self.entries.read();
        for (block, content) in (first..).zip(out.chunks(BLOCK_BYTES)) {
            let matches = match entries.get(block) {
                0 => content.iter().all(|byte| *byte == 0),
                sum => checksum(block, content) == sum,
            };
            if !matches {
                let error = damaged_block(&self.names.data, block);
                self.fault.set(error.clone());
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        Ok(())
    }

    fn write_blocks(&self, first: u64, data: &[u8]) -> io::Result<()> {
        self.data
            .write_at(data, first * BLOCK)
            .map_err(|error| self.failed("write", &self.names.data, error))?;
        let mut entries = self.entries.write();
        for (block, content) in (first..).zip(data.chunks(BLOCK_BYTES)) {
            entries.set(block, checksum(block, content));
        }
        Ok(())
    }

    fn check_range(&self, offset: u64, bytes: usize) -> io::Result<()> {
        let len = self.len_bytes();
        if offset.checked_add(bytes as u64).is_some_and(|end| end <= len) {
            return Ok(());
        }
        let error = damaged_file(&self.names.data, "refers to a place past its end", len);
        self.fault.set(error.clone());
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, error))
    }

    fn failed(&self, what: &str, name: &str, error: io::Error) -> io::Error {
        let mut described = Error::io(format_args!("{what} '{name}'"), &error);
        if error.kind() == io::ErrorKind::UnexpectedEof {
            described = damaged_file(name, "is shorter than it was", self.data.len().unwrap_or(0));
        } else if what != "read" {
            described = described
                .with_hint("nothing of this change was stored; clear the cause and open the database again");
        }
        if what == "sync" {
            self.fault.sync_failed.store(true, Ordering::Release);
        }
        self.fault.set(described);
        error
    }
}

fn damaged_block(name: &str, block: u64) -> Error {
    Error::corrupt(format!("block {block} of the database does not match its checksum"))
        .at(Place::Offset { path: name.to_owned(), offset: block * BLOCK })
        .with_hint("nothing was changed; restore the database from a backup")
}

fn damaged_file(name: &str, message: &str, offset: u64) -> Error {
    Error::corrupt(format!("'{name}' {message}"))
        .at(Place::Offset { path: name.to_owned(), offset })
        .with_hint("nothing was changed; restore the database from a backup")
}

/// A part of a range that lies in block 0, in whole blocks, or in a part of one block.
struct Piece {
    /// Where it starts within the range.
    at: usize,
    len: usize,
    /// Its first block, and where it starts within that.
    block: u64,
    start: usize,
}

impl Piece {
    fn is_whole(&self) -> bool {
        self.start == 0 && self.len.is_multiple_of(BLOCK_BYTES)
    }
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let left = len - at;
        if left == 0 {
            return None;
        }
        let position = offset + at as u64;
        let (block, start) = (position / BLOCK, (position % BLOCK) as usize);
        let whole = if block == 0 { 0 } else { left / BLOCK_BYTES * BLOCK_BYTES };
        let len = if start == 0 && whole > 0 { whole } else { left.min(BLOCK_BYTES - start) };
        let piece = Piece { at, len, block, start };
        at += len;
        Some(piece)
    })
}

fn copy(target: &mut [u8], content: &[u8], start: usize) {
    if let Some(source) = content.get(start..start + target.len()) {
        target.copy_from_slice(source);
    }
}

fn overlay(content: &mut [u8], source: &[u8], start: usize) {
    if let Some(target) = content.get_mut(start..start + source.len()) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests;
