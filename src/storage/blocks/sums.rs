//! The side file `data.crc`: a checksum for each block of the data file.
//!
//! ```text
//!  offset  bytes
//!       0      8  magic "aresacrc"
//!       8      4  version, 1
//!      12      4  block size, 4096
//!      16      8  blocks the data file had at its last completed sync: it has at least as many
//!      24      4  checksum of block 0 as of that sync
//!      28      4  checksum of block 0 as the sync that is under way writes it
//!      32      4  crc32 of bytes 0..32
//!    4096      4  entry of block 0 (unused, 0)
//!    4100      4  entry of block 1, ...
//! ```
//!
//! All numbers are little-endian. The head lies within one 512-byte sector, and an entry never
//! crosses a sector, so a torn write leaves each of them old or new. An entry of 0 says that the
//! block was never written and holds zeros.

use std::collections::BTreeSet;
use std::io;

use super::{BLOCK, BLOCK_BYTES, RawFile};

const MAGIC: [u8; 8] = *b"aresacrc";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 36;
const ENTRIES_AT: u64 = BLOCK;
const ENTRY_BYTES: usize = 4;
/// Entries are written by the 4 KiB.
const CHUNK_ENTRIES: usize = BLOCK_BYTES / ENTRY_BYTES;

/// The checksum of a block: crc32 over its number and its content, so that a block which landed at
/// another place does not pass. Never 0, which stands for a block that was never written.
pub(super) fn checksum(block: u64, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&block.to_le_bytes());
    hasher.update(content);
    hasher.finalize().max(1)
}

/// What the head of the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The data file has at least as many blocks.
    pub(super) durable_blocks: u64,
    /// Block 0 has one of these checksums.
    pub(super) header: [u32; 2],
}

impl Head {
    fn encode(self) -> [u8; HEAD_BYTES] {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
        bytes.extend_from_slice(&self.durable_blocks.to_le_bytes());
        bytes.extend(self.header.iter().flat_map(|sum| sum.to_le_bytes()));
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        let mut head = [0; HEAD_BYTES];
        head.copy_from_slice(&bytes);
        head
    }

    /// Why the bytes are no head, in words that follow "data.crc".
    fn decode(bytes: &[u8; HEAD_BYTES]) -> Result<Self, String> {
        let u32_at =
            |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let durable_blocks = bytes.get(16..24).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        if !bytes.starts_with(&MAGIC) {
            return Err("is not a checksum file of aresadb".into());
        }
        if bytes.get(..32).is_none_or(|body| crc32fast::hash(body) != u32_at(32)) {
            return Err("has a damaged head".into());
        }
        if u32_at(8) != VERSION || u32_at(12) != BLOCK_BYTES as u32 {
            return Err(format!("has version {}, this program knows {VERSION}", u32_at(8)));
        }
        Ok(Head { durable_blocks, header: [u32_at(24), u32_at(28)] })
    }
}

/// Why the side file cannot be used.
pub(super) enum SumsError {
    Io(io::Error),
    /// Words that follow the name of the file.
    Damaged(String),
}

impl From<io::Error> for SumsError {
    fn from(error: io::Error) -> Self {
        SumsError::Io(error)
    }
}

/// The entries in memory, and which of them the file does not have yet.
#[derive(Debug)]
pub(super) struct Entries {
    sums: Vec<u32>,
    dirty_chunks: BTreeSet<usize>,
}

impl Entries {
    pub(super) fn empty() -> Self {
        Entries { sums: Vec::new(), dirty_chunks: BTreeSet::new() }
    }

    pub(super) fn get(&self, block: u64) -> u32 {
        usize::try_from(block).ok().and_then(|at| self.sums.get(at)).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, block: u64, sum: u32) {
        let Ok(at) = usize::try_from(block) else { return };
        if let Some(entry) = self.sums.get_mut(at)
            && *entry != sum
        {
            *entry = sum;
            self.dirty_chunks.insert(at / CHUNK_ENTRIES);
        }
    }

    pub(super) fn blocks(&self) -> u64 {
        self.sums.len() as u64
    }

    /// Follows a new length of the data file: added blocks were never written, whatever the side
    /// file still says about blocks that were there before.
    pub(super) fn resize(&mut self, blocks: u64) -> io::Result<()> {
        let blocks = usize::try_from(blocks).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let old = self.sums.len();
        self.sums.resize(blocks, 0);
        if blocks > old {
            self.dirty_chunks.extend(old / CHUNK_ENTRIES..=(blocks - 1) / CHUNK_ENTRIES);
        }
        Ok(())
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty_chunks.is_empty()
    }

    /// Takes what the file does not have yet, as writes.
    pub(super) fn take_writes(&mut self) -> Vec<(u64, Vec<u8>)> {
        std::mem::take(&mut self.dirty_chunks)
            .into_iter()
            .filter_map(|chunk| {
                let start = chunk * CHUNK_ENTRIES;
                let end = (start + CHUNK_ENTRIES).min(self.sums.len());
                let mut bytes: Vec<u8> =
                    self.sums.get(start..end)?.iter().flat_map(|sum| sum.to_le_bytes()).collect();
                bytes.resize(BLOCK_BYTES, 0);
                Some((ENTRIES_AT + (start * ENTRY_BYTES) as u64, bytes))
            })
            .collect()
    }
}

/// Reads the side file for a data file of `blocks` blocks.
pub(super) fn read(file: &dyn RawFile, blocks: u64) -> Result<(Head, Entries), SumsError> {
    let length = file.len()?;
    if length < HEAD_BYTES as u64 {
        return Err(SumsError::Damaged("is cut off".into()));
    }
    let mut head = [0; HEAD_BYTES];
    file.read_at(&mut head, 0)?;
    let head = Head::decode(&head).map_err(SumsError::Damaged)?;
    if head.durable_blocks > 0 && length < ENTRIES_AT + head.durable_blocks * ENTRY_BYTES as u64 {
        return Err(SumsError::Damaged("is cut off".into()));
    }
    // A crash may have left the data file longer than the side file: those blocks were never
    // written as far as a durable state knows.
    let present = (length.saturating_sub(ENTRIES_AT) / ENTRY_BYTES as u64).min(blocks);
    let too_large = || SumsError::Io(io::Error::from(io::ErrorKind::FileTooLarge));
    let mut bytes = vec![0; usize::try_from(present).map_err(|_| too_large())? * ENTRY_BYTES];
    if !bytes.is_empty() {
        file.read_at(&mut bytes, ENTRIES_AT)?;
    }
    let mut entries = Entries::empty();
    entries.sums =
        bytes.chunks_exact(ENTRY_BYTES).map(|entry| entry.try_into().map_or(0, u32::from_le_bytes)).collect();
    entries.resize(blocks)?;
    // What is read here may have been lost to a failed sync all the same: see the head of `blocks`.
    entries.dirty_chunks = (0..entries.sums.len().div_ceil(CHUNK_ENTRIES)).collect();
    Ok((head, entries))
}

/// Writes the head; it is durable after the next sync.
pub(super) fn write_head(file: &dyn RawFile, head: Head) -> io::Result<()> {
    file.write_at(&head.encode(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_has_these_bytes() {
        let head = Head { durable_blocks: 258, header: [1, 0xaabb_ccdd] };
        let bytes = head.encode();
        assert_eq!(&bytes[..8], b"aresacrc");
        assert_eq!(bytes[8..16], [1, 0, 0, 0, 0, 16, 0, 0]);
        assert_eq!(bytes[16..32], [2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xdd, 0xcc, 0xbb, 0xaa]);
        assert_eq!(Head::decode(&bytes), Ok(head));
        for bit in 0..HEAD_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_checksum_is_bound_to_its_block_and_never_zero() {
        let content = [7u8; BLOCK_BYTES];
        assert_ne!(checksum(1, &content), checksum(2, &content));
        assert_ne!(checksum(1, &content), 0);
    }
}
