//! Flushes and checkpoints: the memtables go into the tables, in key order, in one step with the number of the
//! last transaction among them and its place in the log.
//!
//! Must never: write what the log does not durably have, or delete a segment that the tables need.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Error, ErrorKind, Result};
use crate::storage::backend::{Changes, Put, Table};
use crate::storage::bloom::Bloom;
use crate::storage::catalog::Catalog;
use crate::storage::chunks::{ChunkVersion, ChunkVersions, Touched};
use crate::storage::keys::meta;
use crate::storage::log::{LogEntry, Position};
use crate::storage::memtable::Memtable;
use crate::storage::merge;
use crate::storage::planted::Bug;

use super::{Lsn, Shared, StoreOptions};

/// How long a flush that failed waits for its next try.
const RETRY: Duration = Duration::from_secs(1);

/// What a checkpoint did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpointed {
    /// All transactions up to this one are in the tables.
    pub flushed: Lsn,
    /// Memory that was let go, in bytes.
    pub bytes: u64,
}

/// The memtables of a flush with the facts that go with them.
struct Flush<'m> {
    memtables: &'m [Arc<Memtable>],
    facts: Vec<(&'static [u8], Vec<u8>)>,
    /// They get the new ids before the tables do.
    filters: Vec<Arc<Bloom>>,
    /// The version of the chunks it changes.
    version: ChunkVersion,
    /// What the last visit wrote to.
    touched: Mutex<Touched>,
}

impl<'m> Flush<'m> {
    fn new(
        memtables: &'m [Arc<Memtable>],
        facts: Vec<(&'static [u8], Vec<u8>)>,
        filters: Vec<Arc<Bloom>>,
        version: ChunkVersion,
    ) -> Self {
        Self { memtables, facts, filters, version, touched: Mutex::default() }
    }
}

impl Changes for Flush<'_> {
    fn visit(&self, put: &mut Put<'_>) -> Result<()> {
        // `meta` is the first table, and stands in no memtable.
        for (name, value) in &self.facts {
            put(Table::Meta, name, Some(value))?;
        }
        let mut touched = Touched::default();
        merge::newest(self.memtables, &mut |table, key, value| {
            touched.add(table, key);
            if table == Table::Ids && value.is_some() {
                self.filters.iter().for_each(|filter| filter.add(key));
            }
            put(table, key, value)
        })?;
        // `chunks` is the last table, and stands in no memtable either.
        if self.version.is_durable() {
            let version = self.version.encode();
            touched.keys().iter().try_for_each(|key| put(Table::Chunks, key, Some(&version)))?;
        }
        *self.touched.lock() = touched;
        Ok(())
    }
}

impl Shared {
    /// Writes all that is committed to the tables and lets the log go that is not needed any more.
    pub(super) fn checkpoint(&self) -> Result<Checkpointed> {
        if self.options.read_only {
            return Err(Error::read_only("the database is open read-only"));
        }
        let _one = self.flushing.lock();
        self.check_usable()?;
        let _told = Told(self);
        let result = self.flush();
        *self.flush_error.lock() = result.as_ref().err().cloned();
        result
    }

    /// Lets those look again who wait for room in memory.
    pub(super) fn tell_flushed(&self) {
        self.flushed.notify_all();
        self.room.notify_waiters();
    }

    fn flush(&self) -> Result<Checkpointed> {
        let (memtables, end) = {
            let mut writer = self.writer.lock();
            self.freeze(&mut writer);
            let end = writer.frozen.back().and_then(|frozen| frozen.end.clone());
            let memtables: Vec<_> = writer.frozen.iter().map(|f| Arc::clone(&f.memtable)).collect();
            (memtables, end)
        };
        if self.backend.has_failed() {
            self.recover_backend()?;
        }
        let Some(end) = end else {
            self.checkpointed_micros.store(self.options.clock.now_micros(), Ordering::Relaxed);
            return Ok(Checkpointed { flushed: Lsn(self.flushed_lsn()), bytes: 0 });
        };
        if !self.options.planted.has(Bug::FlushBeforeSync) {
            self.wait(&end)?;
        }
        // A failed write may have given the memtables an earlier end while this waited.
        let (position, lsn) = match &self.log {
            None => (None, memtables.iter().map(|m| m.last_lsn()).max().unwrap_or(0)),
            Some(log) => {
                let end = end.end().unwrap_or_else(|| log.end());
                if !self.options.planted.has(Bug::FlushBeforeSync) && log.durable_lsn() < end.lsn {
                    log.sync().inspect_err(|error| self.poison(error))?;
                }
                (Some(end), end.lsn)
            }
        };
        let bytes = memtables.iter().map(|memtable| memtable.bytes()).sum();
        self.check_room(bytes)?;
        if let Some(log) = self.log.as_ref().filter(|_| self.options.planted.has(Bug::DeleteSegmentsEarly)) {
            log.delete_until(lsn, u64::MAX);
        }
        let (touched, version) = self.write_tables(&memtables, lsn, position)?;
        self.swap(&memtables, &touched, version)?;
        let needed = position.map_or(0, |position| position.segment);
        let before = self.flushed_lsn.swap(lsn, Ordering::AcqRel);
        self.checkpointed_micros.store(self.options.clock.now_micros(), Ordering::Relaxed);
        if let Some(log) = &self.log {
            self.logged_bytes_flushed.store(log.bytes_written(), Ordering::Relaxed);
            let note = self.append_note(&LogEntry::Checkpoint { flushed: lsn })?;
            self.wait(&note)?;
            log.delete_until(before, needed);
        }
        Ok(Checkpointed { flushed: Lsn(lsn), bytes })
    }

    /// Refuses a flush that would fill the disk: the engine below stops reading, too, once a write failed.
    fn check_room(&self, bytes: u64) -> Result<()> {
        // Copy on write, two checksums, a table that splits: more than what is written, and some pages.
        const SPARE_BYTES: u64 = 4 << 20;
        let needed = bytes.saturating_mul(2) + SPARE_BYTES;
        match self.backend.available()? {
            Some(room) if room < needed => Err(Error::out_of_space(format!(
                "the disk has {} MiB left, writing to the tables may need {}",
                room >> 20,
                needed >> 20
            ))
            .with_hint("what is committed is safe in the log; make room")),
            _ => Ok(()),
        }
    }

    fn write_tables(
        &self,
        memtables: &[Arc<Memtable>],
        lsn: u64,
        position: Option<Position>,
    ) -> Result<(Touched, ChunkVersion)> {
        let published = self.published.load_full();
        let chunks = &published.tree().chunks;
        let version = chunks.next(lsn, self.new_mark(position));
        let mut facts = self.catalog_facts(published.catalog());
        facts.extend(chunks.fact(lsn));
        if !self.options.planted.has(Bug::ForgetFlushedLsn) {
            facts.push((meta::LSN, lsn.to_be_bytes().to_vec()));
            facts.extend(position.map(|position| (meta::LOG, position.encode())));
        }
        facts.sort();
        if self.options.planted.has(Bug::FlushedLsnFirst) {
            self.backend.apply(&Flush::new(&[], facts.clone(), Vec::new(), version))?;
        }
        let flush = Flush::new(memtables, facts, self.id_filters(), version);
        self.backend.apply(&flush).inspect_err(|error| {
            if self.backend.sync_failed() {
                self.poison(error);
            } else {
                // Reads go on, from the state before. That this fails too is told by the next one.
                let _ = self.recover_backend();
            }
        })?;
        Ok((flush.touched.into_inner(), version))
    }

    /// A mark that no other flush has: neither one that fails and is tried again, nor one of a copy of the files.
    fn new_mark(&self, position: Option<Position>) -> u64 {
        mark_of(&self.options, position)
    }

    /// The facts that go with a catalog.
    pub(super) fn catalog_facts(&self, catalog: &Catalog) -> Vec<(&'static [u8], Vec<u8>)> {
        vec![
            (meta::CATALOG_VERSION, catalog.version().to_be_bytes().to_vec()),
            (meta::NEXT_TYPE, self.interner.next_type().to_be_bytes().to_vec()),
        ]
    }

    /// Opens the backend's files again and gives everybody a snapshot of them. Only while `flushing` is
    /// held: nothing may be written to the files meanwhile.
    pub(super) fn recover_backend(&self) -> Result<()> {
        self.backend.recover()?;
        let snapshot = self.backend.snapshot()?;
        // What failed may have reached the tables, and then its versions did too.
        let chunks = ChunkVersions::read(snapshot.as_ref(), self.flushed_lsn(), self.new_mark(None));
        let mut writer = self.writer.lock();
        self.change_tree(&mut writer, |tree| {
            tree.snapshot = snapshot;
            tree.chunks = Arc::new(chunks);
        });
        Ok(())
    }

    /// Puts the tables as they are now in the place of what was flushed.
    fn swap(&self, flushed: &[Arc<Memtable>], touched: &Touched, version: ChunkVersion) -> Result<()> {
        let snapshot = self.backend.snapshot()?;
        let mut writer = self.writer.lock();
        let is_flushed = |memtable: &Arc<Memtable>| flushed.iter().any(|f| Arc::ptr_eq(f, memtable));
        writer.frozen.retain(|frozen| !is_flushed(&frozen.memtable));
        self.change_tree(&mut writer, |tree| {
            tree.snapshot = snapshot;
            tree.chunks = Arc::new(tree.chunks.after(touched, version));
            tree.memtables.retain(|memtable| !is_flushed(memtable));
        });
        Ok(())
    }

    /// Whether the log has grown enough for a checkpoint.
    pub(super) fn log_is_long(&self) -> bool {
        let since = |log: &crate::storage::log::Files| {
            log.bytes_written().saturating_sub(self.logged_bytes_flushed.load(Ordering::Relaxed))
        };
        self.log.as_ref().is_some_and(|log| since(log) >= self.options.memtable_bytes)
    }

    /// What the background thread does, until it is told to stop.
    pub(super) fn keep(self: &Arc<Self>) {
        let every = self.options.checkpoint_every;
        let mut waited = Duration::ZERO;
        while let Some(asked) = self.keeper.wait(RETRY) {
            if self.is_poisoned() {
                continue;
            }
            waited = if asked { every } else { waited + RETRY };
            if self.backend.has_failed()
                && !self.backend.sync_failed()
                && let Some(_one) = self.flushing.try_lock()
            {
                // A block that could not be read must not keep the others from being read.
                let _ = self.recover_backend();
            }
            self.make_id_filter_if_wanted();
            if waited >= every && !self.options.read_only {
                waited = Duration::ZERO;
                if self.has_unflushed() {
                    // Kept and told by `checkpoint`; the next round tries again.
                    let failed = self.checkpoint().is_err_and(|e| e.kind() != ErrorKind::ReadOnly);
                    waited = if failed { every.saturating_sub(RETRY) } else { Duration::ZERO };
                }
            }
        }
    }

    /// Syncs the log every so often, until it is told to stop.
    pub(super) fn keep_synced(&self) {
        while self.syncer.wait(self.options.sync_interval).is_some() {
            if let Some(log) = &self.log
                && !self.is_poisoned()
                && log.durable_lsn() < log.end().lsn
                && let Err(error) = log.sync()
            {
                self.poison(&error);
            }
        }
    }

    pub(super) fn has_unflushed(&self) -> bool {
        let writer = self.writer.lock();
        !writer.frozen.is_empty() || !writer.active.is_empty()
    }

    fn flushed_lsn(&self) -> u64 {
        self.flushed_lsn.load(Ordering::Acquire)
    }
}

/// Tells of a flush, however it ends: tasks that wait for room look at nothing else.
struct Told<'s>(&'s Shared);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.tell_flushed();
    }
}

/// A mark for versions of chunks: a hash of a new id and of what the log holds up to a position.
pub(super) fn mark_of(options: &StoreOptions, position: Option<Position>) -> u64 {
    let mut bytes = options.ids.next(options.clock.now_micros()).as_bytes().to_vec();
    bytes.extend(position.map(|position| position.encode()).unwrap_or_default());
    xxh3_64(&bytes)
}

/// Wakes and stops the background thread.
#[derive(Default)]
pub(super) struct Keeper {
    state: Mutex<KeeperState>,
    changed: Condvar,
}

#[derive(Default)]
struct KeeperState {
    asked: bool,
    stopped: bool,
}

impl Keeper {
    /// Asks for a flush.
    pub(super) fn ask(&self) {
        self.state.lock().asked = true;
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits for `pause` or until asked. `None` to stop, otherwise whether it was asked.
    fn wait(&self, pause: Duration) -> Option<bool> {
        let mut state = self.state.lock();
        if !state.asked && !state.stopped {
            self.changed.wait_for(&mut state, pause);
        }
        (!state.stopped).then(|| std::mem::take(&mut state.asked))
    }
}
