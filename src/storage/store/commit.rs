//! Committing: checked, queued for the log, put into the memtable, written by the group's leader, and
//! only then published and acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::MutexGuard;

use crate::model::{Error, ErrorKind, Result, SyncMode};
use crate::storage::log::{Failure, LogEntry, Payload, Pending};
use crate::storage::memtable::Memtable;
use crate::storage::merge::Layer;
use crate::storage::planted::Bug;
use crate::storage::view::{Tree, View};
use crate::storage::write::Transaction;

use super::change::Change;
use super::checks::{check, check_reshaped, merged_catalog};
use super::group::{Lead, Slot, unknown_outcome};
use super::{Frozen, Lsn, Queued, Shared, Writer};

/// A transaction of this size goes into the memtable as a run of its own.
const RUN_BYTES: u64 = 1 << 20;
/// Runs that take this much are written to the tables while the next ones are made: an import keeps two threads
/// busy. What is closed already need not wait until it is as much as a memtable.
const RUNS_BYTES: u64 = 16 << 20;

/// A transaction that is appended, and not decided yet.
struct Appended {
    lsn: u64,
    slot: Arc<Slot>,
    /// What is to be flushed waits for nobody.
    full: bool,
}

impl Shared {
    pub(super) fn commit(&self, transaction: Transaction) -> Result<Lsn> {
        if transaction.is_empty() {
            return Ok(Lsn(self.published.load().lsn()));
        }
        let appended = self.append(transaction, Slot::default())?;
        if self.options.planted.has(Bug::AcknowledgeEarly) {
            self.publish(&self.writer.lock().appended.clone());
        } else {
            self.wait(&appended.slot)?;
        }
        Ok(self.committed(&appended))
    }

    /// As [`Shared::commit`], for a task. What is appended is written whether the task goes on or not.
    pub(super) async fn commit_async(self: Arc<Self>, transaction: Transaction) -> Result<Lsn> {
        if transaction.is_empty() {
            return Ok(Lsn(self.published.load().lsn()));
        }
        self.room().await?;
        let appended = self.append(transaction, self.group.slot_of_task())?;
        if self.is_served() {
            std::future::poll_fn(|context| appended.slot.poll(context)).await?;
        } else {
            self.wait(&appended.slot)?;
        }
        Ok(self.committed(&appended))
    }

    /// Whether a thread of the store's own leads for tasks. Nobody needs it where a commit waits for no sync.
    pub(super) fn is_served(&self) -> bool {
        self.options.background && self.syncs()
    }

    /// Counts a transaction that is committed, and sees to what it fills.
    fn committed(&self, appended: &Appended) -> Lsn {
        self.commits.fetch_add(1, Ordering::Relaxed);
        if appended.full || self.log_is_long() {
            self.relieve();
        }
        Lsn(appended.lsn)
    }

    /// Checks a transaction and queues it for the log.
    fn append(&self, transaction: Transaction, slot: Slot) -> Result<Appended> {
        let mut finished = transaction.finish();
        let layers = std::mem::take(&mut finished.layers);
        let change = Change::new(layers, &finished.effects, self.options.compression)?;
        let mut writer = self.writer_with_room()?;
        self.check_usable()?;
        let latest = writer.appended.clone();
        if latest.lsn() != finished.base.lsn() {
            let last_writes = self.last_writes.read();
            check(&finished, &latest, &last_writes, self.options.planted)?;
            check_reshaped(&finished, &last_writes)?;
        }
        let catalog = merged_catalog(&finished, &latest, &self.interner)?;
        let lsn = latest.lsn() + 1;
        let (layer, payloads, types) = change.seal(&finished.effects, &latest, &catalog, lsn)?;
        drop(latest);
        for (id, (name, _)) in &finished.effects.dropped {
            self.interner.forget_type(name, *id);
        }
        for definition in finished.effects.redefined.keys().filter_map(|id| catalog.by_id(*id)) {
            self.interner.learn(definition, 0);
        }
        let time_micros = writer.next_time(self.options.clock.now_micros());
        self.last_writes.write().extend(types.iter().map(|id| (*id, lsn)));
        self.remember(&mut writer, layer, lsn);
        writer.appended = View::committed(Arc::clone(writer.appended.tree()), Arc::clone(&catalog), lsn);
        let of_task = slot.is_of_task();
        let slot = self.enqueue(&mut writer, Pending { lsn, time_micros, payloads, types, catalog }, slot);
        let queued = writer.queue.len();
        self.settle(&mut writer);
        let frozen: u64 = writer.frozen.iter().map(|frozen| frozen.memtable.bytes()).sum();
        let full = frozen >= self.options.memtable_bytes.min(RUNS_BYTES);
        drop(writer);
        if of_task {
            self.group.call(queued);
        }
        drop(finished);
        Ok(Appended { lsn, slot, full })
    }

    /// Appends an entry that is no change of data. Returns its slot.
    pub(super) fn append_note(&self, entry: &LogEntry<'_>) -> Result<Arc<Slot>> {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let mut writer = self.writer.lock();
        self.check_usable()?;
        let lsn = writer.appended.lsn() + 1;
        let time_micros = writer.next_time(self.options.clock.now_micros());
        let catalog = Arc::clone(writer.appended.catalog());
        writer.appended = View::committed(Arc::clone(writer.appended.tree()), Arc::clone(&catalog), lsn);
        let payloads = vec![Payload::new(&bytes, false)];
        let pending = Pending { lsn, time_micros, payloads, types: Vec::new(), catalog };
        Ok(self.enqueue(&mut writer, pending, Slot::default()))
    }

    /// Waits until a transaction is decided.
    pub(super) fn wait(&self, slot: &Slot) -> Result<()> {
        self.group.wait(slot, self)
    }

    fn enqueue(&self, writer: &mut Writer, pending: Pending, slot: Slot) -> Arc<Slot> {
        let slot = Arc::new(slot);
        writer.last = Arc::clone(&slot);
        writer.queue.push(Queued { pending, slot: Arc::clone(&slot) });
        self.queued.store(writer.queue.len(), Ordering::Release);
        slot
    }

    /// Puts a transaction's writes into the memtable.
    fn remember(&self, writer: &mut Writer, layer: Layer, lsn: u64) {
        if layer.len() < 4096 || layer.bytes() < RUN_BYTES {
            writer.active.insert(layer, lsn);
            return;
        }
        // Below the run everything must be older, above it younger: it is frozen as it comes.
        self.freeze(writer);
        let run = Arc::new(Memtable::run(Arc::new(layer), lsn, lsn));
        writer.frozen.push_back(Frozen { memtable: Arc::clone(&run), end: None });
        let place = writer.appended.tree().memtables.len() - 1;
        self.change_tree(writer, |tree| tree.memtables.insert(place, run));
    }

    /// Closes the active memtable and begins another one.
    pub(super) fn freeze(&self, writer: &mut Writer) {
        if writer.active.is_empty() {
            return;
        }
        let active = Arc::new(Memtable::new());
        let full = std::mem::replace(&mut writer.active, Arc::clone(&active));
        writer.frozen.push_back(Frozen { memtable: full, end: Some(Arc::clone(&writer.last)) });
        self.change_tree(writer, |tree| tree.memtables.push(active));
    }

    /// After a transaction is queued: its run ends with it, and a full memtable is closed.
    fn settle(&self, writer: &mut Writer) {
        let last = Arc::clone(&writer.last);
        for frozen in writer.frozen.iter_mut().filter(|frozen| frozen.end.is_none()) {
            frozen.end = Some(Arc::clone(&last));
        }
        if writer.active.bytes() >= self.options.memtable_bytes {
            self.freeze(writer);
        }
    }

    /// Gives the appended and the published state another tree with the same content.
    pub(super) fn change_tree(&self, writer: &mut Writer, change: impl FnOnce(&mut Tree)) {
        let mut current = self.tree.lock();
        let mut tree = Tree::clone(&current);
        change(&mut tree);
        let tree = Arc::new(tree);
        *current = Arc::clone(&tree);
        let appended = &writer.appended;
        writer.appended = View::committed(Arc::clone(&tree), Arc::clone(appended.catalog()), appended.lsn());
        let published = self.published.load();
        let view = View::committed(tree, Arc::clone(published.catalog()), published.lsn());
        self.published.store(Arc::new(view));
    }

    /// Shows everybody the state after a transaction.
    fn publish(&self, appended: &View) {
        // A flush may have changed the tree since; the lock keeps it from doing so now.
        let tree = self.tree.lock();
        let view = View::committed(Arc::clone(&tree), Arc::clone(appended.catalog()), appended.lsn());
        self.published.store(Arc::new(view));
    }

    /// Writes what is queued, for all who wait.
    fn write_group(&self) {
        let (queue, target) = {
            let mut writer = self.writer.lock();
            self.queued.store(0, Ordering::Release);
            (std::mem::take(&mut writer.queue), writer.appended.clone())
        };
        if queue.is_empty() {
            return;
        }
        self.group.note(queue.len());
        let (pending, slots): (Vec<Pending>, Vec<Arc<Slot>>) =
            queue.into_iter().map(|queued| (queued.pending, queued.slot)).unzip();
        let unwinding = Unwinding { shared: self, slots: &slots };
        if self.is_poisoned() {
            // Nothing of it reaches the disk.
            slots.iter().for_each(|slot| slot.finish(Err(self.poison_error())));
            std::mem::forget(unwinding);
            return;
        }
        let written = match &self.log {
            None => Ok(()),
            Some(log) => log.write(&pending, self.options.sync == SyncMode::Full, &mut |index, end| {
                if let Some(slot) = slots.get(index) {
                    slot.set_end(end);
                }
            }),
        };
        match written {
            Ok(()) => {
                self.publish(&target);
                if let Some(last) = slots.last() {
                    self.writer.lock().published = Arc::clone(last);
                }
                slots.iter().for_each(|slot| slot.finish(Ok(())));
            }
            Err(Failure::Undone(error)) => self.take_back(&slots, &error),
            Err(Failure::Broken(error)) => self.break_off(&target, &slots, &error),
        }
        std::mem::forget(unwinding);
    }

    fn take_queue(&self) -> Vec<Queued> {
        let mut writer = self.writer.lock();
        self.queued.store(0, Ordering::Release);
        std::mem::take(&mut writer.queue)
    }

    /// What a leader that stopped half way leaves: nobody knows what of it is in the log.
    fn abandon(&self, slots: &[Arc<Slot>]) {
        let error = Error::internal("writing the log stopped");
        self.poison(&error);
        let behind = self.take_queue();
        let all = slots.iter().chain(behind.iter().map(|queued| &queued.slot));
        all.for_each(|slot| slot.finish(Err(unknown_outcome(&error))));
    }

    /// The group was not written: neither it nor what was appended behind it has happened.
    fn take_back(&self, slots: &[Arc<Slot>], error: &Error) {
        let mut writer = self.writer.lock();
        let behind = std::mem::take(&mut writer.queue);
        self.queued.store(0, Ordering::Release);
        let published = self.published.load_full();
        let lsn = published.lsn();
        if !self.options.planted.has(Bug::KeepFailedWrite) {
            let tree = Arc::clone(writer.appended.tree());
            tree.memtables.iter().for_each(|memtable| memtable.forget_after(lsn));
            let active = Arc::clone(&writer.active);
            let gone = |memtable: &Arc<Memtable>| {
                let taken_back = memtable.is_run() && memtable.last_lsn() > lsn;
                (taken_back || memtable.is_empty()) && !Arc::ptr_eq(memtable, &active)
            };
            writer.frozen.retain(|frozen| !gone(&frozen.memtable));
            self.change_tree(&mut writer, |tree| tree.memtables.retain(|memtable| !gone(memtable)));
        }
        let last = Arc::clone(&writer.published);
        for frozen in &mut writer.frozen {
            let failed = frozen.end.as_ref().is_none_or(|end| end.result().is_none());
            if failed {
                frozen.end = Some(Arc::clone(&last));
            }
        }
        writer.last = last;
        writer.appended =
            View::committed(Arc::clone(writer.appended.tree()), Arc::clone(published.catalog()), lsn);
        drop(writer);
        slots.iter().for_each(|slot| slot.finish(Err(error.clone())));
        behind.iter().for_each(|queued| queued.slot.finish(Err(error.clone())));
    }

    /// Nobody knows what the log holds: no further write until the database is opened again.
    fn break_off(&self, target: &View, slots: &[Arc<Slot>], error: &Error) {
        if self.options.planted.has(Bug::GoOnAfterFailedSync) {
            self.publish(target);
            slots.iter().for_each(|slot| slot.finish(Err(error.clone())));
            return;
        }
        self.poison(error);
        let behind = self.take_queue();
        let unknown = unknown_outcome(error);
        slots.iter().for_each(|slot| slot.finish(Err(unknown.clone())));
        // These were not even written.
        behind.iter().for_each(|queued| queued.slot.finish(Err(self.poison_error())));
    }

    /// The writer, once there is room in memory for what it adds.
    fn writer_with_room(&self) -> Result<MutexGuard<'_, Writer>> {
        // A flush may end without telling: nobody waits longer than this without looking.
        const LOOK_AGAIN: Duration = Duration::from_secs(1);
        let mut writer = self.writer.lock();
        while !self.has_room(&writer) {
            if self.options.background {
                self.ask_for_room()?;
                self.flushed.wait_for(&mut writer, LOOK_AGAIN);
            } else {
                self.check_usable()?;
                drop(writer);
                self.checkpoint().map_err(|error| no_room(&error))?;
                writer = self.writer.lock();
            }
        }
        Ok(writer)
    }

    /// Waits, without a thread, until there is room in memory.
    async fn room(&self) -> Result<()> {
        loop {
            let mut flushed = std::pin::pin!(self.room.notified());
            flushed.as_mut().enable();
            if !self.options.background || self.has_room(&self.writer.lock()) {
                return Ok(());
            }
            self.ask_for_room()?;
            flushed.await;
        }
    }

    fn has_room(&self, writer: &Writer) -> bool {
        self.memtable_bytes(writer) < self.options.memtable_bytes.saturating_mul(2)
    }

    /// Asks the background thread for a flush, unless the last one failed.
    fn ask_for_room(&self) -> Result<()> {
        self.check_usable()?;
        if let Some(error) = self.flush_error.lock().as_ref() {
            return Err(no_room(error));
        }
        self.keeper.ask();
        Ok(())
    }

    /// Keeps memory and log within their bounds.
    fn relieve(&self) {
        if self.options.background {
            self.keeper.ask();
        } else {
            // The commit stands. A failure is kept, and told when memory runs out.
            let _ = self.checkpoint();
        }
    }
}

/// The error of a commit for which no memory can be let go.
fn no_room(error: &Error) -> Error {
    let message = format!("too much is waiting to be written to the tables: {}", error.message());
    Error::new(ErrorKind::OutOfSpace, message)
        .with_hint("nothing was committed; clear the cause and try again")
}

/// Ends what a leader that panics has begun.
struct Unwinding<'s> {
    shared: &'s Shared,
    slots: &'s [Arc<Slot>],
}

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        self.shared.abandon(self.slots);
    }
}

impl Lead for Shared {
    fn lead(&self) {
        self.write_group();
    }

    fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    fn syncs(&self) -> bool {
        self.log.is_some() && self.options.sync == SyncMode::Full
    }

    fn first_queued(&self) -> Option<Arc<Slot>> {
        self.writer.lock().queue.first().map(|queued| Arc::clone(&queued.slot))
    }
}

impl Writer {
    /// A commit time: later than all before it, even where the clock was set back.
    fn next_time(&mut self, now_micros: i64) -> u64 {
        self.time_micros = u64::try_from(now_micros).unwrap_or(0).max(self.time_micros + 1);
        self.time_micros
    }
}
