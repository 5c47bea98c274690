//! Reading the log: transaction by transaction, to its end, and what stands there.

use std::io;
use std::ops::ControlFlow;

use uuid::Uuid;

use crate::model::{Error, Place, Result};
use crate::storage::disk::Disk;
use crate::storage::planted::{Bug, Planted};

use super::entry::{LogEntry, entries};
use super::format::{ALIGNMENT, HEAD_BYTES, Head, HeadError, Record};
use super::{Position, segment_name, segment_number};

/// A transaction as the log has it.
#[derive(Debug, Clone, Copy)]
pub struct LoggedTransaction<'a> {
    /// Its number.
    pub lsn: u64,
    /// All up to this number was durable when it was written.
    pub durable_lsn: u64,
    /// When it was committed: microseconds since 1970, rising.
    pub time_micros: u64,
    /// The number of its segment.
    pub segment: u64,
    /// Where it starts in its segment, in bytes.
    pub offset: u64,
    /// What it takes there, in bytes.
    pub bytes: u64,
    /// The records it consists of.
    pub records: u32,
    payload: &'a [u8],
}

impl<'a> LoggedTransaction<'a> {
    /// What it did.
    pub fn entries(&self) -> impl Iterator<Item = Result<LogEntry<'a>>> {
        entries(self.payload)
    }
}

/// Transactions behind damage that still prove it. A segment holds far fewer.
const NEAR: u64 = 1 << 24;

/// Where a walk starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// Right behind a transaction.
    Behind(Position),
    /// At the head of a segment.
    Segment(u64),
}

/// How a walk ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Nothing stands behind the last transaction.
    Clean,
    /// Something does that was never durable.
    Torn,
    /// Data that was durable is damaged; the error names the place.
    Damaged(Error),
    /// The visitor had enough.
    Stopped,
}

/// What a walk found.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Behind the last whole transaction.
    pub(crate) end: Position,
    /// The salt of the segment there.
    pub(crate) salt: u64,
    pub(crate) ending: Ending,
    /// Segments it went through: their number and first lsn.
    pub(crate) segments: Vec<(u64, u64)>,
    /// The latest commit time.
    pub(crate) time_micros: u64,
}

/// What a walk calls with each transaction.
pub(crate) type Visit<'v> = dyn FnMut(&LoggedTransaction<'_>) -> Result<ControlFlow<()>> + 'v;

/// The numbers of the segments, ascending.
pub(crate) fn segments(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list().map_err(|e| Error::io(format_args!("list '{}'", disk.shown("")), &e))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Refuses a log of a later format, before anything is changed.
///
/// # Errors
/// `Unsupported`; `Io`.
pub fn check_log_formats(disk: &dyn Disk) -> Result<()> {
    for number in segments(disk)? {
        let bytes = read_head(disk, number)?;
        if let Err(HeadError::Newer(what)) = Head::decode(&bytes) {
            return Err(newer(disk, number, &what));
        }
    }
    Ok(())
}

/// Reads the log from `start` on. `database` is whose log it must be.
///
/// # Errors
/// What `visit` fails with; `Unsupported` for a later format; `Io`. Damage is an [`Ending`].
pub(crate) fn walk(
    disk: &dyn Disk,
    database: Option<Uuid>,
    start: Start,
    planted: Planted,
    visit: &mut Visit<'_>,
) -> Result<Walked> {
    let from = match start {
        Start::Behind(position) => position,
        Start::Segment(segment) => Position { lsn: 0, segment, offset: HEAD_BYTES as u64, chain: 0 },
    };
    let numbers: Vec<u64> = segments(disk)?.into_iter().filter(|n| *n >= from.segment).collect();
    let mut walker =
        Walker { disk, database, planted, at: from, salt: 0, time_micros: 0, segments: Vec::new() };
    let ending = walker.run(&numbers, start, visit)?;
    let Walker { at, salt, segments, time_micros, .. } = walker;
    Ok(Walked { end: at, salt, ending, segments, time_micros })
}

struct Walker<'d> {
    disk: &'d dyn Disk,
    database: Option<Uuid>,
    planted: Planted,
    at: Position,
    salt: u64,
    time_micros: u64,
    segments: Vec<(u64, u64)>,
}

/// Why a segment was left.
enum Left {
    ForNext,
    At(Ending),
}

impl Walker<'_> {
    fn run(&mut self, numbers: &[u64], start: Start, visit: &mut Visit<'_>) -> Result<Ending> {
        // A segment that ends where the walk starts may be gone: the next one then says that it follows.
        let starts = [self.at.segment, self.at.segment + 1];
        if self.at.segment != 0 && numbers.first().is_none_or(|first| !starts.contains(first)) {
            return Ok(Ending::Damaged(self.damage(self.at.segment, 0, "the segment is missing")));
        }
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 && *number != self.at.segment + 1 {
                let missing = self.at.segment + 1;
                return Ok(Ending::Damaged(self.damage(missing, 0, "the segment is missing")));
            }
            let head = match self.head(*number)? {
                Ok(head) => head,
                Err(damage) => return Ok(Ending::Damaged(damage)),
            };
            match start {
                Start::Segment(first) if first == *number => {
                    (self.at.lsn, self.at.chain) = (head.first_lsn.wrapping_sub(1), head.chain);
                }
                Start::Behind(position) if position.segment == *number => {}
                _ => {
                    let follows = head.first_lsn == self.at.lsn + 1 && head.chain == self.at.chain;
                    if !follows && !self.planted.has(Bug::IgnoreChain) {
                        let what = "the segment does not follow from the transactions before it";
                        return Ok(Ending::Damaged(self.damage(*number, 0, what)));
                    }
                    (self.at.segment, self.at.offset) = (*number, HEAD_BYTES as u64);
                }
            }
            self.salt = head.salt;
            self.segments.push((*number, head.first_lsn));
            let next = match numbers.get(index + 1) {
                None => None,
                Some(next) if *next != *number + 1 => None,
                Some(next) => match self.head(*next)? {
                    Ok(head) => Some(head),
                    Err(damage) => return Ok(Ending::Damaged(damage)),
                },
            };
            match self.segment(*number, next.as_ref(), visit)? {
                Left::ForNext => {}
                // Later segments begin only behind this one's end: one between them is gone.
                Left::At(Ending::Clean | Ending::Torn)
                    if numbers.get(index + 1).is_some_and(|next| *next != *number + 1)
                        && !self.planted.has(Bug::TruncateAtDamage) =>
                {
                    return Ok(Ending::Damaged(self.damage(*number + 1, 0, "the segment is missing")));
                }
                Left::At(ending) => return Ok(ending),
            }
        }
        Ok(Ending::Clean)
    }

    fn head(&self, number: u64) -> Result<std::result::Result<Head, Error>> {
        let bytes = read_head(self.disk, number)?;
        match Head::decode(&bytes) {
            Ok(head) if head.number != number => {
                Ok(Err(self.damage(number, 0, "the segment has another's name")))
            }
            Ok(head) if self.database.is_some_and(|own| own != head.database) => {
                Ok(Err(self.damage(number, 0, "the segment is of another database")))
            }
            Ok(head) => Ok(Ok(head)),
            Err(HeadError::Damaged(what)) => Ok(Err(self.damage(number, 0, &format!("the segment {what}")))),
            Err(HeadError::Newer(what)) => Err(newer(self.disk, number, &what)),
        }
    }

    fn segment(&mut self, number: u64, next: Option<&Head>, visit: &mut Visit<'_>) -> Result<Left> {
        let base = self.at.offset;
        let (bytes, len) = read(self.disk, number, base, u64::MAX)?;
        if len < base {
            return Ok(Left::At(Ending::Damaged(self.damage(number, len, "the segment is cut off"))));
        }
        let mut at = 0;
        let mut chain = self.at.chain;
        let mut open = OpenTransaction::default();
        let stopped = loop {
            if open.records == 0
                && next.is_some_and(|next| next.first_lsn == self.at.lsn + 1 && next.chain == chain)
            {
                return Ok(Left::ForNext);
            }
            let Some(record) = self.record(bytes.get(at..).unwrap_or_default(), chain) else { break None };
            if let Err(error) = record.entries_to(&mut open.payload) {
                break Some(error);
            }
            if open.records == 0 {
                open.durable_lsn = record.head.durable_lsn;
            }
            open.records += 1;
            chain = record.chain_after();
            at += record.record_bytes();
            if !record.head.last {
                continue;
            }
            let offset = self.at.offset;
            let transaction =
                open.transaction(record.head.time_micros, self.at, number, base + at as u64 - offset);
            let flow = visit(&transaction)?;
            self.time_micros = self.time_micros.max(record.head.time_micros);
            self.at = Position { lsn: self.at.lsn + 1, segment: number, offset: base + at as u64, chain };
            open.clear();
            if flow.is_break() {
                return Ok(Left::At(Ending::Stopped));
            }
        };
        if let Some(error) = stopped {
            return Ok(Left::At(Ending::Damaged(error.at(self.place(number, base + at as u64)))));
        }
        if open.records > 0 && self.planted.has(Bug::TakeHalfTransaction) {
            let _ = visit(&open.transaction(self.time_micros + 1, self.at, number, 0))?;
            self.at.lsn += 1;
        }
        let behind =
            bytes.get(usize::try_from(self.at.offset - base).unwrap_or(usize::MAX)..).unwrap_or_default();
        Ok(Left::At(self.ending(number, base + at as u64, behind, next.is_some())))
    }

    /// The record at the start of `bytes`, if it is the one that comes next.
    fn record<'b>(&self, bytes: &'b [u8], chain: u64) -> Option<Record<'b>> {
        let record = if self.planted.has(Bug::IgnoreChecksum) {
            Record::parse(bytes).filter(|record| record.head.lsn == self.at.lsn + 1)?
        } else {
            Record::decode(bytes, self.salt)?
        };
        if self.planted.has(Bug::IgnoreChain) {
            return Some(record);
        }
        (record.head.chain == chain && record.head.lsn == self.at.lsn + 1).then_some(record)
    }

    /// What stands behind the last transaction: see the head of `storage::log`.
    fn ending(&self, number: u64, stopped: u64, behind: &[u8], has_next: bool) -> Ending {
        if self.planted.has(Bug::TruncateAtDamage) {
            return if behind.iter().all(|byte| *byte == 0) { Ending::Clean } else { Ending::Torn };
        }
        let lost = self.at.lsn + 1;
        if has_next {
            return Ending::Damaged(self.damage(number, stopped, "a record is damaged"));
        }
        if behind.iter().all(|byte| *byte == 0) {
            return Ending::Clean;
        }
        let proves = |at: usize| {
            let bytes = behind.get(at..)?;
            Record::parse(bytes).filter(|record| {
                let head = record.head;
                // What cannot be a record of this log costs no checksum: there may be megabytes of it.
                head.durable_lsn >= lost && head.lsn >= head.durable_lsn && head.lsn - lost < NEAR
            })?;
            Record::decode(bytes, self.salt)
        };
        if (0..behind.len()).step_by(ALIGNMENT).any(|at| proves(at).is_some()) {
            return Ending::Damaged(self.damage(number, stopped, "a record is damaged"));
        }
        Ending::Torn
    }

    fn damage(&self, number: u64, offset: u64, what: &str) -> Error {
        let lost = self.at.lsn + 1;
        Error::corrupt(format!("the log is damaged: {what}; transactions from lsn {lost} on cannot be read"))
            .at(self.place(number, offset))
            .with_hint(
                "nothing was changed; restore a backup, or open it with --salvage to read what is before the damage",
            )
    }

    fn place(&self, number: u64, offset: u64) -> Place {
        Place::Offset { path: self.disk.shown(&segment_name(number)), offset }
    }
}

/// A transaction whose last record is not there yet.
#[derive(Default)]
struct OpenTransaction {
    payload: Vec<u8>,
    records: u32,
    durable_lsn: u64,
}

impl OpenTransaction {
    fn transaction(
        &self,
        time_micros: u64,
        before: Position,
        segment: u64,
        bytes: u64,
    ) -> LoggedTransaction<'_> {
        LoggedTransaction {
            lsn: before.lsn + 1,
            durable_lsn: self.durable_lsn,
            time_micros,
            segment,
            offset: before.offset,
            bytes,
            records: self.records,
            payload: &self.payload,
        }
    }

    fn clear(&mut self) {
        self.payload.clear();
        self.records = 0;
    }
}

/// Bytes of a segment from `offset` on, at most `most` of them, and the segment's length.
fn read(disk: &dyn Disk, number: u64, offset: u64, most: u64) -> Result<(Vec<u8>, u64)> {
    let name = segment_name(number);
    let run = || -> io::Result<(Vec<u8>, u64)> {
        let file = disk.open(&name)?;
        let len = file.len()?;
        let bytes = len.saturating_sub(offset).min(most);
        let mut buffer = vec![0; usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?];
        if !buffer.is_empty() {
            file.read_at(&mut buffer, offset)?;
        }
        Ok((buffer, len))
    };
    run().map_err(|error| Error::io(format_args!("read '{}'", disk.shown(&name)), &error))
}

/// The bytes of a segment's head, as far as they are there.
pub(crate) fn read_head(disk: &dyn Disk, number: u64) -> Result<Vec<u8>> {
    Ok(read(disk, number, 0, HEAD_BYTES as u64)?.0)
}

fn newer(disk: &dyn Disk, number: u64, what: &str) -> Error {
    Error::unsupported(format!("the log was written by a newer aresadb: {what}"))
        .at_file(disk.shown(&segment_name(number)), None, None)
        .with_hint("open it with a newer aresadb; nothing was changed")
}
