//! The log on the bus: its segments, its transactions in words, its verification.
//!
//! These read the folder of a database and take no lock, so that the log of a database that another
//! program is writing can be listed, followed and verified. They see what that program has written so
//! far; what it removes meanwhile (segments older than its last checkpoint) is passed over.
//!
//! Must never: change a file, or hold up the writer.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model::{CancelToken, Error, ErrorKind, Place, Result};
use crate::storage::{
    FINDINGS_KEPT, Fault, Finding, Folder, LogReader, LoggedTransaction, RecordView, SegmentInfo,
};

use super::server::Reply;
use super::upkeep::{CheckedPart, Verification, answer};
use super::{Command, EventBody, Progress, Summary};

mod operations;

use operations::{Definitions, described};
pub use operations::{LogAction, LogOperation, LogTransaction};

/// How often a log that is followed is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How often a waiting follower looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(10);
/// So many looks in a row may fail: the writer may be at it.
const FAILED_POLLS: u32 = 10;
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// A segment of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSegment {
    /// Its number.
    pub number: u64,
    /// Its file.
    pub file: String,
    /// Its first transaction.
    pub first_lsn: u64,
    /// Its last transaction; `None` where it has none.
    pub last_lsn: Option<u64>,
    /// Transactions in it.
    pub transactions: u64,
    /// Bytes of its head and its transactions.
    pub used_bytes: u64,
    /// Bytes of its file: room is made ahead.
    pub file_bytes: u64,
    /// When it was begun, in microseconds since 1970.
    pub begun_micros: i64,
    /// Something stands behind its last transaction that was never acknowledged.
    pub torn: bool,
    /// What is wrong with it.
    pub damage: Option<String>,
}

impl From<SegmentInfo> for LogSegment {
    fn from(info: SegmentInfo) -> Self {
        Self {
            number: info.number,
            file: info.name,
            first_lsn: info.first_lsn,
            last_lsn: (info.transactions > 0).then_some(info.last_lsn),
            transactions: info.transactions,
            used_bytes: info.used_bytes,
            file_bytes: info.file_bytes,
            begun_micros: i64::try_from(info.begun_micros).unwrap_or(i64::MAX),
            torn: info.torn,
            damage: info.damage.map(|error| error.message().to_owned()),
        }
    }
}

/// Carries out a command on the log of a database folder.
pub(super) fn perform(command: Command, reply: &Reply, cancel: &CancelToken) -> Result<Summary> {
    match command {
        Command::WalList { path } => {
            let segments: Vec<LogSegment> = reader(&path)?.segments()?.into_iter().map(Into::into).collect();
            let rows = segments.len() as u64;
            reply.send_blocking(EventBody::Segments(segments))?;
            Ok(Summary { verb: "WAL LIST".to_owned(), rows, ..Summary::default() })
        }
        Command::WalTail { path, from, transactions, follow } => {
            let mut tail = Tail::new(reader(&path)?, from, transactions, reply, cancel)?;
            if follow {
                tail.follow()?
            } else {
                tail.read()?
            }
            Ok(Summary { verb: "WAL TAIL".to_owned(), rows: tail.sent, ..Summary::default() })
        }
        Command::WalVerify { path } => {
            let (verification, note) = verify(&path, reply, cancel)?;
            Ok(Summary { note, ..answer(verification, "WAL VERIFY", reply)? })
        }
        other => Err(Error::internal(format!("'{}' does not read the log", other.name()))),
    }
}

fn reader(path: &Path) -> Result<LogReader> {
    Ok(LogReader::new(Folder::log_of(path)?))
}

/// The end of a log, told transaction by transaction.
struct Tail<'t> {
    reader: LogReader,
    reply: &'t Reply,
    cancel: &'t CancelToken,
    definitions: Definitions,
    /// Earlier ones are read for their definitions alone.
    from: u64,
    /// Transactions told.
    sent: u64,
    /// The segment of the last transaction read.
    segment: u64,
}

impl<'t> Tail<'t> {
    fn new(
        mut reader: LogReader,
        from: Option<u64>,
        transactions: u64,
        reply: &'t Reply,
        cancel: &'t CancelToken,
    ) -> Result<Self> {
        let from = match from {
            Some(from) => from,
            None => {
                let last = reader.segments()?.iter().map(|segment| segment.last_lsn).max().unwrap_or(0);
                (last + 1).saturating_sub(transactions)
            }
        };
        // A segment has the definitions that its own entries use.
        reader.seek(from)?;
        let definitions = Definitions::default();
        Ok(Self { reader, reply, cancel, definitions, from, sent: 0, segment: 0 })
    }

    /// Tells what is there.
    fn read(&mut self) -> Result<()> {
        let Self { reader, reply, cancel, definitions, from, sent, segment } = self;
        reader.read(&mut |transaction| {
            cancel.check()?;
            *segment = transaction.segment;
            let told = transaction.lsn >= *from;
            for part in described(transaction, definitions, told)? {
                reply.send_blocking(EventBody::Logged(Box::new(part)))?;
            }
            if told {
                *sent += 1;
                *from = transaction.lsn + 1;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Tells what is there and what comes, until it is cancelled.
    fn follow(&mut self) -> Result<()> {
        let mut failed = 0;
        loop {
            match self.read() {
                Ok(()) => failed = 0,
                Err(error) if !matches!(error.kind(), ErrorKind::Io | ErrorKind::Corrupt) => {
                    return Err(error);
                }
                // A segment may be made or removed at this moment.
                Err(_) if failed < FAILED_POLLS => {
                    failed += 1;
                    self.pass_over_removed()?;
                }
                Err(error) => return Err(error),
            }
            let waited = Instant::now();
            while waited.elapsed() < POLL {
                self.cancel.check()?;
                std::thread::sleep(LOOK);
            }
        }
    }

    /// The segment that was read is gone: a checkpoint made it superfluous. What it held and was not
    /// read yet is in the tables.
    fn pass_over_removed(&mut self) -> Result<()> {
        let first = self
            .reader
            .segments()
            .ok()
            .and_then(|segments| segments.first().map(|s| (s.number, s.first_lsn)));
        if let Some((number, first_lsn)) = first
            && number > self.segment
        {
            self.from = self.from.max(first_lsn);
            self.reader.seek(self.from)?;
        }
        Ok(())
    }
}

/// What a verification of the log has seen so far.
#[derive(Default)]
struct Seen {
    transactions: u64,
    records: u64,
    entries: u64,
    bytes: u64,
    time_micros: u64,
    segment: u64,
    verification: Verification,
}

impl Seen {
    fn found(&mut self, finding: Finding) {
        self.verification.found += 1;
        if self.verification.findings.len() < FINDINGS_KEPT {
            self.verification.findings.push(finding);
        }
    }

    /// A transaction whose checksums hold: what it says must make sense too.
    fn transaction(
        &mut self,
        transaction: &LoggedTransaction<'_>,
        definitions: &mut Definitions,
        file: &str,
    ) {
        let at = |fault, message: String| Finding {
            lsn: Some(transaction.lsn),
            place: Some(Place::Offset { path: file.to_owned(), offset: transaction.offset }),
            ..Finding::new(fault, "log", message)
        };
        self.segment = transaction.segment;
        self.transactions += 1;
        self.records += u64::from(transaction.records);
        self.bytes += transaction.bytes;
        if transaction.time_micros <= self.time_micros {
            self.found(at(Fault::Log, "it was committed before the transaction before it".to_owned()));
        }
        self.time_micros = transaction.time_micros;
        if let Err(error) = definitions.learn(transaction) {
            self.found(at(Fault::Definition, error.message().to_owned()));
        }
        for entry in transaction.entries() {
            self.entries += 1;
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.found(at(Fault::Log, error.message().to_owned()));
                    break;
                }
            };
            let (row, record) = operations::row_and_record(&entry);
            let Some(row) = row else { continue };
            let type_name = definitions.get(row.type_id()).map(|t| t.name.clone());
            if type_name.is_none() {
                let message = format!("the segment has no definition of type {}", row.type_id().0);
                self.found(Finding { row: Some(row), ..at(Fault::Definition, message) });
            }
            let read = record.map(|bytes| RecordView::new(bytes).and_then(|record| record.properties()));
            if let Some(Err(error)) = read {
                let message = error.message().to_owned();
                self.found(Finding { row: Some(row), type_name, ..at(Fault::Record, message) });
            }
        }
        definitions.forget_dropped(transaction);
    }
}

/// Reads the whole log: heads, checksums, the chain from record to record and from segment to
/// segment, and every entry. Behind damage it goes on at the next segment. Also says whether something
/// stands at its end that was never acknowledged, which is no damage.
#[allow(clippy::cast_precision_loss)]
pub(super) fn verify(
    path: &Path,
    reply: &Reply,
    cancel: &CancelToken,
) -> Result<(Verification, Option<String>)> {
    let mut reader = reader(path)?;
    let started = Instant::now();
    let mut told = started;
    let segments = reader.segments()?;
    let all_bytes: u64 = segments.iter().map(|s| s.used_bytes).sum();
    let mut seen = Seen::default();
    let mut next = 0;
    while next < segments.len() {
        let Some(from) = segments.get(next) else { break };
        reader.seek(if next == 0 { 0 } else { from.first_lsn })?;
        seen.segment = from.number;
        // Each segment decodes alone.
        let mut definitions = Definitions::default();
        let read = reader.read(&mut |transaction| {
            cancel.check()?;
            if transaction.segment != seen.segment {
                definitions = Definitions::default();
            }
            let file =
                segments.iter().find(|s| s.number == transaction.segment).map_or("", |s| s.name.as_str());
            seen.transaction(transaction, &mut definitions, file);
            if told.elapsed() >= REPORT_INTERVAL {
                told = Instant::now();
                reply.offer(EventBody::Progress(Progress {
                    what: "verify the log".to_owned(),
                    done: seen.transactions,
                    unit: "transactions".to_owned(),
                    fraction: (all_bytes > 0).then(|| (seen.bytes as f64 / all_bytes as f64).min(1.0)),
                    elapsed: started.elapsed(),
                }));
            }
            Ok(ControlFlow::Continue(()))
        });
        match read {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let damaged = damaged_segment(&error, &segments, seen.segment);
                seen.found(damage(&error, &segments));
                // A segment without a head cannot be sought.
                next = segments
                    .iter()
                    .position(|s| s.number > damaged && s.first_lsn > 0)
                    .filter(|at| *at > next)
                    .unwrap_or(segments.len());
            }
            Err(error) => return Err(error),
        }
    }
    let Seen { transactions, records, entries, mut verification, .. } = seen;
    verification.checked = vec![
        CheckedPart::new("log segments", segments.len() as u64),
        CheckedPart::new("log transactions", transactions),
        CheckedPart::new("log records", records),
        CheckedPart::new("log entries", entries),
    ];
    let torn = segments.iter().find(|s| s.torn);
    let note = torn.map(|s| {
        format!("behind the last transaction in {} stands something that was never acknowledged", s.name)
    });
    Ok((verification, note))
}

fn damage(error: &Error, segments: &[SegmentInfo]) -> Finding {
    let segment = segments.iter().find(|s| is_of(error, s));
    let lsn = segment.filter(|s| s.first_lsn > 0).map(|s| s.first_lsn + s.transactions);
    Finding { lsn, place: error.place().cloned(), ..Finding::new(Fault::Log, "log", error.message()) }
}

/// The segment an error names; the one after the last that was read where it is missing.
fn damaged_segment(error: &Error, segments: &[SegmentInfo], last_read: u64) -> u64 {
    segments.iter().find(|s| is_of(error, s)).map_or(last_read, |s| s.number)
}

fn is_of(error: &Error, segment: &SegmentInfo) -> bool {
    match error.place() {
        Some(Place::Offset { path, .. } | Place::File { path, .. }) => path.ends_with(&segment.name),
        _ => false,
    }
}
