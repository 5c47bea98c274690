//! The log as seen from outside: by commands that list, follow and verify it.
//!
//! Reading takes no lock and changes nothing, so a log can be followed while another program writes it:
//! a segment only ever grows, and a record counts only when it is whole.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::model::{Error, Result};
use crate::storage::disk::Disk;
use crate::storage::planted::Planted;

use super::format::Head;
use super::walk::{Ending, LoggedTransaction, Start, read_head, segments, walk};
use super::{Position, segment_name};

/// What is known of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub number: u64,
    /// The name of its file.
    pub name: String,
    /// The number of its first transaction.
    pub first_lsn: u64,
    /// The number of its last transaction; one less than the first where it has none.
    pub last_lsn: u64,
    /// Transactions in it.
    pub transactions: u64,
    /// Bytes of its head and its transactions.
    pub used_bytes: u64,
    /// Bytes of its file.
    pub file_bytes: u64,
    /// When it was begun, microseconds since 1970.
    pub begun_micros: u64,
    /// What is wrong with it, if anything is.
    pub damage: Option<Error>,
    /// Something stands behind the last transaction that was never durable.
    pub torn: bool,
}

/// A reader of a log. Cheap; keeps its place between calls of [`LogReader::read`].
#[derive(Debug)]
pub struct LogReader {
    disk: Arc<dyn Disk>,
    /// Behind the last transaction that was read.
    at: Option<Position>,
}

impl LogReader {
    /// A reader at the start of the log in a folder (`.aresadb/wal`).
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        LogReader { disk, at: None }
    }

    /// What the segments hold; each is read.
    ///
    /// # Errors
    /// `Unsupported` for a later format; `Io`.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        let mut found = Vec::new();
        for number in segments(self.disk.as_ref())? {
            let name = segment_name(number);
            let file_bytes = self
                .disk
                .open(&name)
                .and_then(|file| file.len())
                .map_err(|e| Error::io(format_args!("read '{}'", self.disk.shown(&name)), &e))?;
            let mut info = SegmentInfo {
                number,
                name,
                first_lsn: 0,
                last_lsn: 0,
                transactions: 0,
                used_bytes: 0,
                file_bytes,
                begun_micros: 0,
                damage: None,
                torn: false,
            };
            if let Ok(head) = Head::decode(&read_head(self.disk.as_ref(), number)?) {
                (info.first_lsn, info.begun_micros) = (head.first_lsn, head.begun_micros);
            }
            let mut transactions = 0;
            let walked =
                walk(self.disk.as_ref(), None, Start::Segment(number), Planted::default(), &mut |tx| {
                    if tx.segment != number {
                        return Ok(ControlFlow::Break(()));
                    }
                    transactions += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
            info.transactions = transactions;
            info.last_lsn = (info.first_lsn + transactions).saturating_sub(1);
            let ended_here = walked.end.segment == number;
            info.used_bytes = if ended_here { walked.end.offset } else { file_bytes };
            match walked.ending {
                Ending::Damaged(error) if ended_here => info.damage = Some(error),
                Ending::Torn if ended_here => info.torn = true,
                _ => {}
            }
            found.push(info);
        }
        Ok(found)
    }

    /// Starts again at the segment that holds transaction `lsn`, or at the first one there is.
    ///
    /// # Errors
    /// `Unsupported` for a later format; `Io`.
    pub fn seek(&mut self, lsn: u64) -> Result<()> {
        self.at = None;
        for number in segments(self.disk.as_ref())? {
            let Ok(head) = Head::decode(&read_head(self.disk.as_ref(), number)?) else { continue };
            if self.at.is_some() && head.first_lsn > lsn {
                break;
            }
            self.at = Some(Position {
                lsn: head.first_lsn.wrapping_sub(1),
                segment: number,
                offset: super::HEAD_BYTES as u64,
                chain: head.chain,
            });
        }
        Ok(())
    }

    /// Visits the transactions that are there and were not read yet; the next call goes on behind them.
    ///
    /// # Errors
    /// What `visit` fails with; `Corrupt` for damage, `Unsupported` for a later format, `Io`.
    pub fn read(
        &mut self,
        visit: &mut dyn FnMut(&LoggedTransaction<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if self.at.is_none() {
            self.seek(0)?;
        }
        let Some(at) = self.at else { return Ok(()) };
        let walked = walk(self.disk.as_ref(), None, Start::Behind(at), Planted::default(), visit)?;
        self.at = Some(walked.end);
        match walked.ending {
            Ending::Damaged(error) => Err(error),
            Ending::Clean | Ending::Torn | Ending::Stopped => Ok(()),
        }
    }
}
