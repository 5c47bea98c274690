//! The write-ahead log: what makes a commit durable.
//!
//! ```text
//!  commit ─▶ queue ─▶ leader of the group: encode, write, sync ─▶ published, acknowledged
//!                     (files: segments, one sync for all that wait)
//!  open   ─▶ walk (from the flushed transaction on) ─▶ torn tail or damage told apart ─▶ replay
//! ```
//!
//! `format` has the bytes, `entry` what they mean, `files` writes, `walk` reads, `reader` is for those
//! who look at the log of a database that may be in use.
//!
//! # What a crash can leave, and how it is told from damage
//!
//! A record says which transaction was durable when it was written. Where the walk stops at
//! transaction *h*, and any later intact record says that *h* was durable, or a later segment
//! begins (its predecessor was synced first), acknowledged data is damaged: an error, nothing is
//! changed. Otherwise what stands there was never acknowledged: it is kept aside and left out.

mod entry;
mod files;
mod format;
mod reader;
mod walk;

pub use entry::LogEntry;
pub(crate) use files::{Failure, Files, Logged, Pending};
pub(crate) use format::{HEAD_BYTES, PAYLOAD_MAX_BYTES, Payload, first_chain};
pub use reader::{LogReader, SegmentInfo};
pub(crate) use walk::{Ending, Start, Walked, walk};
pub use walk::{LoggedTransaction, check_log_formats};

use crate::model::{Error, Result};

/// The folder of the log in the database's folder.
pub(crate) const LOG_FOLDER: &str = "wal";

/// A place between two transactions of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last transaction before it.
    pub(crate) lsn: u64,
    /// The segment; 0 where no segment has begun.
    pub(crate) segment: u64,
    /// Bytes from the segment's start.
    pub(crate) offset: u64,
    /// The chain there.
    pub(crate) chain: u64,
}

impl Position {
    /// 32 bytes, big-endian.
    pub(crate) fn encode(self) -> Vec<u8> {
        [self.lsn, self.segment, self.offset, self.chain].iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let numbers: [u64; 4] = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| u64::from_be_bytes(*b))
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| Error::corrupt("the position of the log in data.redb has the wrong length"))?;
        let [lsn, segment, offset, chain] = numbers;
        Ok(Position { lsn, segment, offset, chain })
    }
}

/// The name of a segment's file.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:010}.wal")
}

/// The number of the segment that a file is, if it is one.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal")?;
    let number = digits.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_bytes() {
        let position = Position { lsn: 1, segment: 2, offset: 3, chain: u64::MAX };
        assert_eq!(Position::decode(&position.encode()).unwrap(), position);
        assert!(Position::decode(&[0; 31]).is_err());
    }

    #[test]
    fn only_segments_are_taken_for_segments() {
        assert_eq!(segment_number(&segment_name(17)), Some(17));
        assert_eq!(segment_number("0000000001.wal.new"), None);
        assert_eq!(segment_number("1.wal"), None);
    }
}
