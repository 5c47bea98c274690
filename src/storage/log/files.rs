//! Writing the log: segments, records, syncs.
//!
//! One group of transactions is written at a time, by whoever leads it. Nothing here knows what a
//! transaction means. A record is encoded when it is written, so that it can say what is durable at
//! that moment.
//!
//! A segment is never begun before the one before it is synced, and has its name only once its head
//! is durable. A write that fails is undone: the file is cut back to where the group began, durably,
//! so that nothing of a transaction that was reported as failed can come back. Where that fails too, and
//! after any failed sync, the state of the files is unknown: [`Failure::Broken`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::{Error, ErrorKind, Result, TypeDef, TypeId, TypeKind};
use crate::storage::catalog::Catalog;
use crate::storage::disk::{Disk, RawFile, remove_if_there};
use crate::storage::planted::{Bug, Planted};

use super::entry::LogEntry;
use super::format::{HEAD_BYTES, Head, Payload, RecordHead, encode_record};
use super::walk::{Walked, read_head, segments};
use super::{Position, segment_name};

/// Zeros are written ahead in steps: a part of what the segment has, within these limits.
const AHEAD_MIN_BYTES: u64 = 64 << 10;
const AHEAD_MAX_BYTES: u64 = 1 << 20;

/// A transaction that waits to be written.
pub(crate) struct Pending {
    pub(crate) lsn: u64,
    pub(crate) time_micros: u64,
    /// Its entries.
    pub(crate) payloads: Vec<Payload>,
    /// Types whose definitions tell what the entries mean, as of `catalog`.
    pub(crate) types: Vec<TypeId>,
    pub(crate) catalog: Arc<Catalog>,
}

/// Where a transaction was written.
pub(crate) type Logged = Position;

/// Why a group was not written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The log is as it was before.
    Undone(Error),
    /// Nobody knows what the log holds until it is opened again.
    Broken(Error),
}

/// The log's files. See the module's head.
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    database: Uuid,
    replica: Uuid,
    segment_bytes: u64,
    planted: Planted,
    io: Mutex<Io>,
    durable_lsn: AtomicU64,
    syncs: AtomicU64,
    bytes: AtomicU64,
}

struct Io {
    state: State,
    /// The segment at `state.end`, once it was written to.
    file: Option<Arc<dyn RawFile>>,
    /// Up to where the segment has bytes of its own.
    allocated: u64,
    unsynced: bool,
    /// All segments, oldest first: number and first lsn.
    segments: VecDeque<(u64, u64)>,
}

/// What a group moves on, and a failure leaves.
#[derive(Clone)]
struct State {
    end: Position,
    salt: u64,
    /// Whether the segment at `end` takes more records.
    open: bool,
    /// The definitions that stand in the segment.
    defined: Arc<HashMap<TypeId, Arc<TypeDef>>>,
}

impl Files {
    /// The files as a walk has found them. `append` says whether the last segment goes on: only behind
    /// a clean end.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        (database, replica): (Uuid, Uuid),
        segment_bytes: u64,
        planted: Planted,
        walked: &Walked,
        append: bool,
    ) -> Self {
        let state = State {
            end: walked.end,
            salt: walked.salt,
            open: append && walked.end.segment != 0,
            defined: Arc::default(),
        };
        let segments = older_segments(disk.as_ref(), walked).chain(walked.segments.iter().copied()).collect();
        let io = Io { state, file: None, allocated: walked.end.offset, unsynced: false, segments };
        Files {
            disk,
            database,
            replica,
            segment_bytes,
            planted,
            io: Mutex::new(io),
            durable_lsn: AtomicU64::new(walked.end.lsn),
            syncs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// All transactions up to this one are durable.
    pub(crate) fn durable_lsn(&self) -> u64 {
        self.durable_lsn.load(Ordering::Acquire)
    }

    /// Syncs of a segment so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Bytes of records written so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Behind the last transaction that was written.
    pub(crate) fn end(&self) -> Position {
        self.io.lock().state.end
    }

    /// The segments there are: number and first lsn, oldest first.
    pub(crate) fn segments(&self) -> Vec<(u64, u64)> {
        self.io.lock().segments.iter().copied().collect()
    }

    /// Writes a group of transactions; with `sync` it is durable on return. `logged` is told where each
    /// ends.
    pub(crate) fn write(
        &self,
        group: &[Pending],
        sync: bool,
        logged: &mut dyn FnMut(usize, Logged),
    ) -> std::result::Result<(), Failure> {
        let mut io = self.io.lock();
        let mut state = io.state.clone();
        let mut begun = Vec::new();
        let mut buffer = Vec::new();
        // Where `buffer` goes.
        let mut at = state.end.offset;
        let mut taken = Vec::with_capacity(group.len());
        let group = match group.split_last() {
            Some((_, rest)) if !rest.is_empty() && self.planted.has(Bug::DropLastOfGroup) => rest,
            _ => group,
        };
        for pending in group {
            let bytes: usize = pending.payloads.iter().map(Payload::record_bytes).sum();
            let full =
                state.end.offset > HEAD_BYTES as u64 && state.end.offset + bytes as u64 > self.segment_bytes;
            if !state.open || full {
                self.put(&mut io, &buffer, at).map_err(|e| self.undo(&mut io, &begun, e))?;
                buffer.clear();
                begun.push(state.end.segment + 1);
                self.begin_segment(&mut io, &mut state, pending)
                    .map_err(|failure| self.after_begin(&mut io, &begun, failure))?;
                at = state.end.offset;
            }
            self.encode(&mut state, pending, &mut buffer);
            taken.push(state.end);
        }
        self.put(&mut io, &buffer, at).map_err(|e| self.undo(&mut io, &begun, e))?;
        if sync {
            self.sync_file(&mut io, state.end.lsn).map_err(Failure::Broken)?;
        }
        io.state = state;
        taken.into_iter().enumerate().for_each(|(index, position)| logged(index, position));
        self.write_ahead(&mut io);
        Ok(())
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// `Io`: nobody knows what the log holds until it is opened again.
    pub(crate) fn sync(&self) -> Result<()> {
        let (file, end) = {
            let io = self.io.lock();
            (io.file.clone().filter(|_| io.unsynced), io.state.end)
        };
        // Others go on writing meanwhile: what they write is not counted as durable.
        if let Some(file) = file.filter(|_| !self.planted.has(Bug::SkipLogSync)) {
            file.sync().map_err(|error| self.failed("sync", end.segment, &error))?;
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        self.durable_lsn.fetch_max(end.lsn, Ordering::AcqRel);
        Ok(())
    }

    /// Deletes the segments before `needed` that hold nothing after `lsn`. What cannot be deleted now is
    /// deleted later.
    pub(crate) fn delete_until(&self, lsn: u64, needed: u64) {
        let mut io = self.io.lock();
        let mut deleted = false;
        while let (Some((number, _)), Some((_, next_first))) = (io.segments.front(), io.segments.get(1)) {
            let holds_more = *next_first > lsn + 1 || *number >= needed;
            if holds_more || self.disk.remove(&segment_name(*number)).is_err() {
                break;
            }
            io.segments.pop_front();
            deleted = true;
        }
        if deleted {
            // Best effort: a segment that comes back is one that nobody needs.
            let _ = self.disk.sync();
        }
    }

    fn sync_file(&self, io: &mut Io, lsn: u64) -> Result<()> {
        if io.unsynced && !self.planted.has(Bug::SkipLogSync) {
            let result = io.file.as_ref().map_or(Ok(()), |file| file.sync());
            let result = match (result, &io.file) {
                (Err(_), Some(file)) if self.planted.has(Bug::RetryFailedSync) => file.sync(),
                (result, _) => result,
            };
            result.map_err(|error| self.failed("sync", io.state.end.segment, &error))?;
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        io.unsynced = false;
        self.durable_lsn.store(lsn, Ordering::Release);
        Ok(())
    }

    fn encode(&self, state: &mut State, pending: &Pending, buffer: &mut Vec<u8>) {
        let definitions = missing_definitions(state, pending);
        let count = definitions.len() + pending.payloads.len();
        let started = buffer.len();
        for (index, payload) in definitions.iter().chain(&pending.payloads).enumerate() {
            let durable = if self.planted.has(Bug::ClaimDurable) { pending.lsn } else { self.durable_lsn() };
            let head = RecordHead {
                lsn: pending.lsn,
                durable_lsn: durable,
                chain: state.end.chain,
                time_micros: pending.time_micros,
                last: index + 1 == count,
            };
            state.end.chain = encode_record(&head, payload, state.salt, buffer);
        }
        state.end.offset += (buffer.len() - started) as u64;
        state.end.lsn = pending.lsn;
    }

    /// Writes `bytes` to the present segment.
    fn put(&self, io: &mut Io, bytes: &[u8], at: u64) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if io.file.is_none() {
            let file = self.disk.open(&segment_name(io.state.end.segment))?;
            // A segment is gone on with only where nothing but zeros follows.
            io.allocated = io.allocated.max(file.len()?);
            io.file = Some(Arc::from(file));
        }
        if let Some(file) = &io.file {
            io.allocated = io.allocated.max(at + bytes.len() as u64);
            io.unsynced = true;
            file.write_at(bytes, at)?;
            self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn begin_segment(
        &self,
        io: &mut Io,
        state: &mut State,
        first: &Pending,
    ) -> std::result::Result<(), Failure> {
        let number = state.end.segment + 1;
        // What a later segment follows is durable: recovery counts on it.
        if !self.planted.has(Bug::SkipRotationSync) && io.unsynced {
            let lsn = state.end.lsn;
            self.sync_file(io, lsn).map_err(Failure::Broken)?;
        }
        // Nothing secret: it only has to differ from that of any other segment.
        let salt = [number, first.lsn, state.end.chain, first.time_micros].map(u64::to_le_bytes).concat();
        let head = Head {
            timeline: 1,
            database: self.database,
            replica: self.replica,
            number,
            first_lsn: first.lsn,
            chain: state.end.chain,
            salt: xxh3_64_with_seed(&salt, self.database.as_u64_pair().1),
            begun_micros: first.time_micros,
        };
        let name = segment_name(number);
        let unnamed = format!("{name}.new");
        let undone = |error: &io::Error| Failure::Undone(self.failed("create", number, error));
        let broken = |error: &io::Error| Failure::Broken(self.failed("sync", number, error));
        remove_if_there(self.disk.as_ref(), &unnamed).map_err(|e| undone(&e))?;
        let file = self.disk.create(&unnamed).map_err(|e| undone(&e))?;
        file.write_at(&head.encode(), 0).map_err(|e| undone(&e))?;
        if !self.planted.has(Bug::SkipHeadSync) {
            file.sync().map_err(|e| broken(&e))?;
        }
        self.disk.rename(&unnamed, &name).map_err(|e| undone(&e))?;
        if !self.planted.has(Bug::SkipFolderSync) {
            self.disk.sync().map_err(|e| broken(&e))?;
        }
        io.file = Some(Arc::from(file));
        io.allocated = HEAD_BYTES as u64;
        io.unsynced = false;
        io.segments.push_back((number, first.lsn));
        state.end = Position { segment: number, offset: HEAD_BYTES as u64, ..state.end };
        state.salt = head.salt;
        state.open = true;
        state.defined = Arc::default();
        // The state before the group stays where `put` finds the file's name.
        io.state.end.segment = number;
        Ok(())
    }

    fn after_begin(&self, io: &mut Io, begun: &[u64], failure: Failure) -> Failure {
        match failure {
            Failure::Undone(error) => self.undo_with(io, begun, error),
            broken @ Failure::Broken(_) => broken,
        }
    }

    fn undo(&self, io: &mut Io, begun: &[u64], error: io::Error) -> Failure {
        let error = self.failed("write", io.state.end.segment, &error);
        self.undo_with(io, begun, error)
    }

    /// Makes the log what it was before the group, durably.
    fn undo_with(&self, io: &mut Io, begun: &[u64], error: Error) -> Failure {
        if self.planted.has(Bug::GoOnBehindFailedWrite) && begun.is_empty() {
            io.state.end.offset = io.allocated.next_multiple_of(8);
            return Failure::Undone(error);
        }
        if begun.is_empty() && io.file.is_none() {
            // It could not even be opened.
            return Failure::Undone(error);
        }
        let before = begun.first().map_or(io.state.end.segment, |first| first - 1);
        let run = |io: &mut Io| -> io::Result<()> {
            if !begun.is_empty() {
                for number in begun.iter().rev() {
                    for name in [segment_name(*number), format!("{}.new", segment_name(*number))] {
                        remove_if_there(self.disk.as_ref(), &name)?;
                    }
                    // One by one, the newest first: a crash leaves no gap between them.
                    self.disk.sync()?;
                    io.segments.retain(|(n, _)| n != number);
                }
                io.file = None;
                io.state.end.segment = before;
            }
            if before == 0 {
                return Ok(());
            }
            if io.file.is_none() {
                io.file = Some(Arc::from(self.disk.open(&segment_name(before))?));
            }
            if let Some(file) = &io.file
                && (io.unsynced || file.len()? > io.state.end.offset)
            {
                file.set_len(io.state.end.offset)?;
                file.sync()?;
            }
            io.allocated = io.state.end.offset;
            io.unsynced = false;
            Ok(())
        };
        // A rotation may have synced a part of what is cut off now.
        self.durable_lsn.fetch_min(io.state.end.lsn, Ordering::AcqRel);
        match run(io) {
            Ok(()) => Failure::Undone(error),
            Err(second) => Failure::Broken(self.failed("cut back", before, &second)),
        }
    }

    /// Writes zeros behind the end, so that the next syncs have no blocks to allocate. A disk that has
    /// no room for them will say so when a record needs it.
    fn write_ahead(&self, io: &mut Io) {
        let end = io.state.end.offset;
        if io.allocated > end {
            return;
        }
        let step = end.clamp(AHEAD_MIN_BYTES, AHEAD_MAX_BYTES).min(self.segment_bytes.saturating_sub(end));
        if step == 0 {
            return;
        }
        if let Some(file) = &io.file
            && file.write_at(&vec![0; step as usize], end).is_ok()
        {
            io.allocated = end + step;
            io.unsynced = true;
        }
    }

    fn failed(&self, what: &str, number: u64, error: &io::Error) -> Error {
        let error = Error::io(format_args!("{what} '{}'", self.disk.shown(&segment_name(number))), error);
        match error.kind() {
            ErrorKind::OutOfSpace => error.with_hint("nothing was committed; make room and try again"),
            _ => error,
        }
    }
}

/// The segments before those of a walk, to be deleted in their turn. One that cannot be read now stays.
fn older_segments(disk: &dyn Disk, walked: &Walked) -> impl Iterator<Item = (u64, u64)> {
    let first = walked.segments.first().map_or(u64::MAX, |(number, _)| *number);
    let numbers = segments(disk).unwrap_or_default().into_iter().filter(move |number| *number < first);
    numbers.filter_map(move |number| {
        let head = Head::decode(&read_head(disk, number).ok()?).ok()?;
        Some((number, head.first_lsn))
    })
}

/// The definitions that a transaction's entries need and that do not stand in the segment yet.
fn missing_definitions(state: &mut State, pending: &Pending) -> Vec<Payload> {
    let stale = |id: &&TypeId| match (state.defined.get(id), pending.catalog.by_id(**id)) {
        (Some(known), Some(now)) => !Arc::ptr_eq(known, now),
        (None, Some(_)) => true,
        (_, None) => false,
    };
    // An edge type's definition names its ends by their numbers.
    let ends = pending.types.iter().filter_map(|id| match pending.catalog.by_id(*id)?.kind {
        TypeKind::Edge(ends) => Some([ends.from, ends.to]),
        TypeKind::Node => None,
    });
    let ends: Vec<TypeId> = ends.flatten().flatten().collect();
    let missing: BTreeMap<TypeId, Arc<TypeDef>> = pending
        .types
        .iter()
        .chain(&ends)
        .filter(stale)
        .filter_map(|id| Some((*id, Arc::clone(pending.catalog.by_id(*id)?))))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let mut payloads = Vec::with_capacity(missing.len());
    for (id, definition) in &missing {
        // Definitions are plain structures: writing them as JSON cannot fail.
        let json = serde_json::to_vec(definition.as_ref()).unwrap_or_default();
        let mut entry = Vec::new();
        LogEntry::DefineType { id: *id, definition: &json }.encode(&mut entry);
        payloads.extend(entry.chunks(super::PAYLOAD_MAX_BYTES).map(|part| Payload::new(part, true)));
    }
    Arc::make_mut(&mut state.defined).extend(missing);
    payloads
}
