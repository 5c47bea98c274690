//! The bytes of the log: a segment's head and its records.
//!
//! All numbers are little-endian. A segment `wal/0000000001.wal` is its head, then records, then
//! zeros that were written ahead so that a sync need not make room.
//!
//! # The head, 128 bytes
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `aresawal` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | compatible features: a program that does not know one may read the segment |
//! | 16 | 4 | incompatible features: a program that does not know one must not |
//! | 20 | 4 | timeline: raised by a restore to a point in time |
//! | 24 | 16 | the database's UUID |
//! | 40 | 16 | the replica's UUID |
//! | 56 | 8 | the segment's number |
//! | 64 | 8 | the lsn of its first record |
//! | 72 | 8 | the chain before its first record |
//! | 80 | 8 | salt: goes into each record's checksum, so that no other segment's record passes |
//! | 88 | 8 | when it was begun, microseconds since 1970 |
//! | 96 | 28 | zeros |
//! | 124 | 4 | crc32 of bytes 0..124 |
//!
//! # A record, 48 bytes and its payload, at a multiple of 8
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | bytes of the payload as stored |
//! | 4 | 4 | crc32 of the salt, bytes 0..4, bytes 8..48 and the payload |
//! | 8 | 8 | lsn: the transaction's number |
//! | 16 | 8 | durable lsn: all up to it was synced when this was written |
//! | 24 | 8 | chain before this record |
//! | 32 | 8 | commit time: microseconds since 1970, never less than the one before plus one |
//! | 40 | 1 | kind: 1, entries of a transaction |
//! | 41 | 1 | flags: 1 the transaction's last record, 2 the payload is an LZ4 block |
//! | 42 | 2 | version of the entries, 1 |
//! | 44 | 4 | bytes of the payload before compression |
//!
//! The chain after a record is `xxh3_64(chain before, crc32)`: a record stands for all before it.

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Error, Result};

pub(crate) const HEAD_BYTES: usize = 128;
pub(crate) const RECORD_BYTES: usize = 48;
pub(crate) const ALIGNMENT: usize = 8;
/// A transaction's entries are cut into payloads of at most this many bytes.
pub(crate) const PAYLOAD_MAX_BYTES: usize = 1 << 20;

const MAGIC: [u8; 8] = *b"aresawal";
const VERSION: u32 = 1;
const ENTRIES_VERSION: u16 = 1;
const KIND_ENTRIES: u8 = 1;
/// Features this program knows.
const INCOMPATIBLE_KNOWN: u32 = 0;
/// Payloads below this do not get smaller by much.
const COMPRESS_FROM: usize = 512;

/// The transaction's last record.
pub(crate) const FLAG_LAST: u8 = 1;
/// The payload is an LZ4 block.
pub(crate) const FLAG_LZ4: u8 = 2;

/// What a segment's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) timeline: u32,
    pub(crate) database: Uuid,
    pub(crate) replica: Uuid,
    pub(crate) number: u64,
    pub(crate) first_lsn: u64,
    pub(crate) chain: u64,
    pub(crate) salt: u64,
    pub(crate) begun_micros: u64,
}

/// Why bytes are no head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// Words that follow the segment's name.
    Damaged(&'static str),
    /// It is of a later format.
    Newer(String),
}

impl Head {
    pub(crate) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend_from_slice(&MAGIC);
        for number in [VERSION, 0, 0, self.timeline] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(self.database.as_bytes());
        bytes.extend_from_slice(self.replica.as_bytes());
        for number in [self.number, self.first_lsn, self.chain, self.salt, self.begun_micros] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.resize(HEAD_BYTES - 4, 0);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        let mut head = [0; HEAD_BYTES];
        head.copy_from_slice(&bytes);
        head
    }

    pub(crate) fn decode(bytes: &[u8]) -> std::result::Result<Self, HeadError> {
        let Some(bytes) = bytes.get(..HEAD_BYTES) else { return Err(HeadError::Damaged("is cut off")) };
        if !bytes.starts_with(&MAGIC) {
            return Err(HeadError::Damaged("is not a segment of a log"));
        }
        if bytes
            .get(..HEAD_BYTES - 4)
            .is_none_or(|body| crc32fast::hash(body) != u32_at(bytes, HEAD_BYTES - 4))
        {
            return Err(HeadError::Damaged("has a damaged head"));
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(HeadError::Newer(format!("version {version}, this program knows {VERSION}")));
        }
        let unknown = u32_at(bytes, 16) & !INCOMPATIBLE_KNOWN;
        if unknown != 0 {
            return Err(HeadError::Newer(format!("features this program does not know ({unknown:#x})")));
        }
        Ok(Head {
            timeline: u32_at(bytes, 20),
            database: uuid_at(bytes, 24),
            replica: uuid_at(bytes, 40),
            number: u64_at(bytes, 56),
            first_lsn: u64_at(bytes, 64),
            chain: u64_at(bytes, 72),
            salt: u64_at(bytes, 80),
            begun_micros: u64_at(bytes, 88),
        })
    }
}

/// The chain before the first record of a database's log.
pub(crate) fn first_chain(database: Uuid) -> u64 {
    xxh3_64(database.as_bytes())
}

/// The chain after a record.
pub(crate) fn next_chain(chain: u64, crc: u32) -> u64 {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&chain.to_le_bytes());
    bytes[8..].copy_from_slice(&crc.to_le_bytes());
    xxh3_64(&bytes)
}

/// A payload that is ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) raw_bytes: u32,
    pub(crate) compressed: bool,
    pub(crate) stored: Vec<u8>,
}

impl Payload {
    /// Entries, compressed where that saves an eighth or more. At most [`PAYLOAD_MAX_BYTES`].
    pub(crate) fn new(entries: &[u8], compress: bool) -> Self {
        let raw_bytes = entries.len() as u32;
        if compress && entries.len() >= COMPRESS_FROM {
            let stored = lz4_flex::block::compress(entries);
            if stored.len() + entries.len() / 8 <= entries.len() {
                return Payload { raw_bytes, compressed: true, stored };
            }
        }
        Payload { raw_bytes, compressed: false, stored: entries.to_vec() }
    }

    /// What it takes in a segment.
    pub(crate) fn record_bytes(&self) -> usize {
        (RECORD_BYTES + self.stored.len()).next_multiple_of(ALIGNMENT)
    }
}

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub(crate) lsn: u64,
    pub(crate) durable_lsn: u64,
    /// The chain before it.
    pub(crate) chain: u64,
    pub(crate) time_micros: u64,
    pub(crate) last: bool,
}

/// Appends a record to `out`; returns the chain after it.
pub(crate) fn encode_record(head: &RecordHead, payload: &Payload, salt: u64, out: &mut Vec<u8>) -> u64 {
    let mut bytes = [0; RECORD_BYTES];
    let flags = if head.last { FLAG_LAST } else { 0 } | if payload.compressed { FLAG_LZ4 } else { 0 };
    bytes[..4].copy_from_slice(&(payload.stored.len() as u32).to_le_bytes());
    for (place, number) in [(8, head.lsn), (16, head.durable_lsn), (24, head.chain), (32, head.time_micros)] {
        #[allow(clippy::indexing_slicing)] // the four places lie within the 48 bytes
        bytes[place..place + 8].copy_from_slice(&number.to_le_bytes());
    }
    bytes[40] = KIND_ENTRIES;
    bytes[41] = flags;
    bytes[42..44].copy_from_slice(&ENTRIES_VERSION.to_le_bytes());
    bytes[44..].copy_from_slice(&payload.raw_bytes.to_le_bytes());
    let crc = checksum(salt, &bytes, &payload.stored);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&bytes);
    out.extend_from_slice(&payload.stored);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    next_chain(head.chain, crc)
}

fn checksum(salt: u64, head: &[u8; RECORD_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&head[..4]);
    hasher.update(&head[8..]);
    hasher.update(payload);
    hasher.finalize()
}

/// A record, found intact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) head: RecordHead,
    pub(crate) compressed: bool,
    raw_bytes: u32,
    stored: &'a [u8],
    crc: u32,
    entries_version: u16,
}

impl<'a> Record<'a> {
    /// The record that `bytes` begin with, if its checksum holds.
    pub(crate) fn decode(bytes: &'a [u8], salt: u64) -> Option<Self> {
        let record = Self::parse(bytes)?;
        let head = bytes.first_chunk::<RECORD_BYTES>()?;
        (checksum(salt, head, record.stored) == record.crc).then_some(record)
    }

    /// The record that `bytes` seem to begin with, its checksum not looked at.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.first_chunk::<RECORD_BYTES>()?;
        let raw_bytes = u32_at(head, 44);
        let flags = head[41];
        let stored_bytes = u32_at(head, 0) as usize;
        if stored_bytes > PAYLOAD_MAX_BYTES
            || head[40] != KIND_ENTRIES
            || flags & !(FLAG_LAST | FLAG_LZ4) != 0
            || raw_bytes as usize > PAYLOAD_MAX_BYTES
        {
            return None;
        }
        let stored = bytes.get(RECORD_BYTES..)?.get(..stored_bytes)?;
        Some(Record {
            head: RecordHead {
                lsn: u64_at(head, 8),
                durable_lsn: u64_at(head, 16),
                chain: u64_at(head, 24),
                time_micros: u64_at(head, 32),
                last: flags & FLAG_LAST != 0,
            },
            compressed: flags & FLAG_LZ4 != 0,
            raw_bytes,
            stored,
            crc: u32_at(head, 4),
            entries_version: u16::from_le_bytes([head[42], head[43]]),
        })
    }

    /// What it takes in its segment.
    pub(crate) fn record_bytes(&self) -> usize {
        (RECORD_BYTES + self.stored.len()).next_multiple_of(ALIGNMENT)
    }

    /// The chain after it.
    pub(crate) fn chain_after(&self) -> u64 {
        next_chain(self.head.chain, self.crc)
    }

    /// Appends its entries to `out`.
    ///
    /// # Errors
    /// `Corrupt` for a payload that its checksum lets pass and that is still none; `Unsupported` for
    /// entries of a later version.
    pub(crate) fn entries_to(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.entries_version > ENTRIES_VERSION {
            return Err(Error::unsupported(format!(
                "the log's entries have version {}, this program knows up to {ENTRIES_VERSION}",
                self.entries_version
            ))
            .with_hint("open the database with a newer aresadb; nothing was changed"));
        }
        if !self.compressed {
            out.extend_from_slice(self.stored);
            return Ok(());
        }
        // `parse` has bounded the length, so this allocates at most a payload.
        let raw = lz4_flex::block::decompress(self.stored, self.raw_bytes as usize)
            .ok()
            .filter(|raw| raw.len() == self.raw_bytes as usize)
            .ok_or_else(|| Error::corrupt("a record's compressed entries are damaged"))?;
        out.extend_from_slice(&raw);
        Ok(())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn uuid_at(bytes: &[u8], at: usize) -> Uuid {
    bytes.get(at..at + 16).and_then(|b| b.try_into().ok()).map_or(Uuid::nil(), Uuid::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            timeline: 1,
            database: Uuid::from_u128(2),
            replica: Uuid::from_u128(3),
            number: 4,
            first_lsn: 5,
            chain: 6,
            salt: 7,
            begun_micros: 8,
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn a_head_has_these_bytes_and_every_flip_is_seen() {
        let bytes = head().encode();
        insta::assert_snapshot!(hex(&bytes), @"617265736177616c0100000000000000000000000100000000000000000000000000000000000002000000000000000000000000000000030400000000000000050000000000000006000000000000000700000000000000080000000000000000000000000000000000000000000000000000000000000000000000d4ae9152");
        assert_eq!(Head::decode(&bytes), Ok(head()));
        for bit in 0..HEAD_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_head_is_told_from_a_damaged_one() {
        for place in [8, 16] {
            let mut bytes = head().encode();
            bytes[place] = 9;
            let crc = crc32fast::hash(&bytes[..HEAD_BYTES - 4]);
            bytes[HEAD_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
            assert!(matches!(Head::decode(&bytes), Err(HeadError::Newer(_))), "at {place}");
        }
    }

    #[test]
    fn a_record_has_these_bytes_and_every_flip_is_seen() {
        let head = RecordHead { lsn: 1, durable_lsn: 2, chain: 3, time_micros: 4, last: true };
        let mut bytes = Vec::new();
        let chain = encode_record(&head, &Payload::new(b"entries", true), 99, &mut bytes);
        insta::assert_snapshot!(hex(&bytes), @"07000000832cd72c01000000000000000200000000000000030000000000000004000000000000000101010007000000656e747269657300");
        let record = Record::decode(&bytes, 99).unwrap();
        assert_eq!((record.head, record.record_bytes(), record.chain_after()), (head, bytes.len(), chain));
        let mut entries = Vec::new();
        record.entries_to(&mut entries).unwrap();
        assert_eq!(entries, b"entries");
        assert_eq!(Record::decode(&bytes, 98), None);
        // The last byte is padding.
        for bit in 0..(bytes.len() - 1) * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&flipped, 99), None, "bit {bit}");
        }
        for end in 0..bytes.len() - 1 {
            assert_eq!(Record::decode(&bytes[..end], 99), None, "cut at {end}");
        }
    }

    #[test]
    fn long_entries_are_compressed_and_a_claimed_length_is_not_trusted() {
        let entries = vec![7; PAYLOAD_MAX_BYTES];
        let payload = Payload::new(&entries, true);
        assert!(payload.compressed && payload.stored.len() < entries.len() / 100);
        let head = RecordHead { lsn: 1, durable_lsn: 0, chain: 0, time_micros: 0, last: false };
        let mut bytes = Vec::new();
        encode_record(&head, &payload, 0, &mut bytes);
        let mut out = Vec::new();
        Record::decode(&bytes, 0).unwrap().entries_to(&mut out).unwrap();
        assert_eq!(out, entries);
        let lie = Payload { raw_bytes: u32::MAX, ..payload };
        let mut bytes = Vec::new();
        encode_record(&head, &lie, 0, &mut bytes);
        assert_eq!(Record::decode(&bytes, 0), None);
        let lie = Payload { raw_bytes: 5, ..lie };
        let mut bytes = Vec::new();
        encode_record(&head, &lie, 0, &mut bytes);
        assert!(Record::decode(&bytes, 0).unwrap().entries_to(&mut Vec::new()).is_err());
    }
}
