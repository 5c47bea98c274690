//! Group commit: those who wait for the disk at one time share one write and one sync.
//!
//! Whoever finds no leader leads: takes all that is queued, writes and syncs it, publishes the state
//! after it, and wakes every member. Those who come meanwhile queue up, and one of them leads next: a leader
//! that wrote their group as well would not be in it with a transaction of its own. Only where those who wait
//! sleep does it write a few more: the disk then never waits for a thread to wake up. Before each group it
//! waits a part of a sync's time for those who committed with the last one: they are on their way.
//!
//! To sleep and be woken costs more processor time than the commit itself. Whoever waits first looks again and
//! again, and lets other threads run between two looks; it sleeps when that has taken [`LOOKING`], or when the
//! machine has other work to do (RocksDB's write threads do the same). Each sleeps on its own, so that nobody is
//! woken in vain.
//!
//! Tasks (asynchronous commits) have no thread that could lead. A thread of the store's own leads for them, see
//! [`Group::serve`]: between two groups it lets others run until as many are queued as took part in the last one.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;

use crate::model::{Error, Result};
use crate::storage::log::Logged;

/// How many groups one leader writes at most while nobody looks: its own caller waits for all of them.
const GROUPS_LED: u32 = 3;
/// How long one who waits for a sync looks before it goes to sleep: a few syncs of a good disk.
const LOOKING: Duration = Duration::from_millis(1);
/// How often one who waits for a write without a sync looks before it goes to sleep.
const QUICK_LOOKS: u32 = 64;
/// Letting others run has taken this long: they do work of their own, and whoever sleeps is preferred to them.
const CROWDED: Duration = Duration::from_millis(1);
/// For so long nobody looks after that.
const CROWDED_FOR: Duration = Duration::from_millis(50);
/// A leader waits for the members of the last group for at most this part of a sync's time, ...
const GATHERING_PART: u64 = 2;
/// ... and no longer than this, in nanoseconds.
const GATHERING_MAX: u64 = 120_000;

/// The thread that leads for tasks waits for them no longer than a sync takes, and than this, in nanoseconds.
const GATHERING_TASKS_MAX: u64 = 200_000;

/// How often a second waiter of a slot looks.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// What becomes of a transaction that was appended.
#[derive(Debug, Default)]
pub(super) struct Slot {
    result: OnceLock<Result<()>>,
    /// Where it ends in the log; set before the result.
    end: OnceLock<Logged>,
    /// Who waits for it; of a task, the thread that leads for it.
    waiter: OnceLock<Thread>,
    /// The task that waits for it.
    task: AtomicWaker,
    /// Whether a task waits, and not a thread.
    of_task: bool,
}

impl Slot {
    /// One that is durable.
    pub(super) fn done(end: Option<Logged>) -> Arc<Self> {
        let slot = Slot::default();
        if let Some(end) = end {
            slot.set_end(end);
        }
        slot.finish(Ok(()));
        Arc::new(slot)
    }

    /// One for which a task waits, and for which that thread leads.
    fn of_task(server: Thread) -> Self {
        Slot { waiter: OnceLock::from(server), of_task: true, ..Slot::default() }
    }

    pub(super) fn is_of_task(&self) -> bool {
        self.of_task
    }

    /// The result for the task that asks; it is woken when there is one.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<()>> {
        if let Some(result) = self.result() {
            return Poll::Ready(result);
        }
        self.task.register(context.waker());
        self.result().map_or(Poll::Pending, Poll::Ready)
    }

    pub(super) fn set_end(&self, end: Logged) {
        let _ = self.end.set(end);
    }

    pub(super) fn finish(&self, result: Result<()>) {
        let _ = self.result.set(result);
        if self.of_task { self.task.wake() } else { self.wake() }
    }

    /// Lets the one who waits, or who leads for it, look again.
    pub(super) fn wake(&self) {
        // Either this sees the waiter, or the waiter sees what was done before.
        fence(Ordering::SeqCst);
        if let Some(waiter) = self.waiter.get() {
            waiter.unpark();
        }
    }

    pub(super) fn result(&self) -> Option<Result<()>> {
        self.result.get().cloned()
    }

    pub(super) fn end(&self) -> Option<Logged> {
        self.end.get().copied()
    }
}

/// The work of a leader.
pub(super) trait Lead {
    /// Writes what is queued, and finishes its slots.
    fn lead(&self);

    /// The slot that has been queued longest.
    fn first_queued(&self) -> Option<Arc<Slot>>;

    /// How many are queued; may be a moment old.
    fn queued(&self) -> usize;

    /// Whether a group takes as long as a sync.
    fn syncs(&self) -> bool;
}

/// Who leads, and how large groups are.
pub(super) struct Group {
    leading: AtomicBool,
    born: Instant,
    /// Nobody looks before this moment, in nanoseconds since `born`.
    crowded_until: AtomicU64,
    /// How many took part in the last group or came meanwhile.
    active: AtomicUsize,
    /// What the last group took, in nanoseconds.
    took: AtomicU64,
    groups: AtomicU64,
    members: AtomicU64,
    largest: AtomicU64,
    /// The thread that leads for tasks, once there is one.
    server: OnceLock<Thread>,
    /// So many must be queued for it to be woken.
    wanted: AtomicUsize,
    stopped: AtomicBool,
}

impl Group {
    pub(super) fn new() -> Self {
        Group {
            leading: AtomicBool::new(false),
            born: Instant::now(),
            crowded_until: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            took: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            members: AtomicU64::new(0),
            largest: AtomicU64::new(0),
            server: OnceLock::new(),
            wanted: AtomicUsize::new(1),
            stopped: AtomicBool::new(false),
        }
    }

    /// A slot for a task; for a thread where nobody leads for tasks.
    pub(super) fn slot_of_task(&self) -> Slot {
        self.server.get().cloned().map_or_else(Slot::default, Slot::of_task)
    }

    /// Whether a thread leads for tasks.
    pub(super) fn is_served(&self) -> bool {
        self.server.get().is_some()
    }

    /// Says which thread calls [`Group::serve`].
    pub(super) fn served_by(&self, server: Thread) {
        let _ = self.server.set(server);
    }

    /// Tells the thread that leads for tasks how many are queued.
    pub(super) fn call(&self, queued: usize) {
        // Either this sees what it wants, or it sees what is queued.
        fence(Ordering::SeqCst);
        if queued >= self.wanted.load(Ordering::SeqCst)
            && let Some(server) = self.server.get()
        {
            server.unpark();
        }
    }

    /// Lets [`Group::serve`] return once nothing is queued.
    pub(super) fn stop_serving(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(server) = self.server.get() {
            server.unpark();
        }
    }

    /// Leads for tasks until it is told to stop.
    pub(super) fn serve(&self, work: &impl Lead) {
        loop {
            // Those of the last group have just been woken, and one thread may run them all.
            self.gather(work, self.took.load(Ordering::Relaxed).min(GATHERING_TASKS_MAX));
            if work.queued() == 0 {
                self.active.store(0, Ordering::Relaxed);
                if self.stopped.load(Ordering::SeqCst) {
                    return;
                }
                self.want(1);
                if work.queued() == 0 && !self.stopped.load(Ordering::SeqCst) {
                    thread::park();
                }
            } else if self.leading.swap(true, Ordering::SeqCst) {
                // A committer's thread leads; at its end it wakes the first of the queue, or who leads for that.
                fence(Ordering::SeqCst);
                if work.queued() > 0 && self.leading.load(Ordering::SeqCst) {
                    thread::park_timeout(LOOK_AGAIN);
                }
            } else {
                self.want(usize::MAX);
                let _ended = Ended { group: self, work };
                self.lead_once(work);
            }
        }
    }

    fn want(&self, queued: usize) {
        self.wanted.store(queued, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Waits until a slot is decided; leads where nobody does.
    pub(super) fn wait(&self, slot: &Slot, work: &impl Lead) -> Result<()> {
        let (mut looking_since, mut looks) = (None, 0);
        loop {
            if let Some(result) = slot.result() {
                return result;
            }
            if !self.leading.swap(true, Ordering::SeqCst) {
                self.lead(work);
                if slot.result().is_none() {
                    // Whoever led before this one did not come to its end.
                    slot.finish(Err(Error::internal("a commit was lost before it was written")
                        .with_hint("open the database again, and look whether the change is there")));
                }
                continue;
            }
            if !work.syncs() && looks < QUICK_LOOKS {
                looks += 1;
                thread::yield_now();
                continue;
            }
            if work.syncs() && self.look_again(&mut looking_since) {
                continue;
            }
            // Only one can be woken. A checkpoint that waits for another's transaction looks now and then.
            if slot.waiter.get_or_init(thread::current).id() != thread::current().id() {
                thread::sleep(LOOK_AGAIN);
                continue;
            }
            fence(Ordering::SeqCst);
            if slot.result().is_none() && self.leading.load(Ordering::SeqCst) {
                thread::park();
            }
        }
    }

    /// Writes a few groups, and lets another one lead.
    fn lead(&self, work: &impl Lead) {
        let _ended = Ended { group: self, work };
        let groups = if self.is_crowded() || !work.syncs() { GROUPS_LED } else { 1 };
        for _ in 0..groups {
            let longest = self.took.load(Ordering::Relaxed) / GATHERING_PART;
            self.gather(work, longest.min(GATHERING_MAX));
            if self.lead_once(work) == 0 {
                break;
            }
        }
    }

    /// Writes a group; returns how many queued up meanwhile.
    fn lead_once(&self, work: &impl Lead) -> usize {
        let members = work.queued();
        let began = self.now();
        work.lead();
        self.took.store(self.now().saturating_sub(began), Ordering::Relaxed);
        let behind = work.queued();
        self.active.store(members + behind, Ordering::Relaxed);
        behind
    }

    /// Waits for those who are on their way for so many nanoseconds, where a sync costs more than the waiting.
    fn gather(&self, work: &impl Lead, longest: u64) {
        let expected = self.active.load(Ordering::Relaxed);
        // One in ten may be late.
        if !work.syncs() || work.queued() * 10 >= expected * 9 || self.is_crowded() {
            return;
        }
        let until = self.now() + longest;
        while work.queued() * 10 < expected * 9 && self.now() < until {
            thread::yield_now();
        }
    }

    /// Lets others run for a moment; not for ever, and not where they have work of their own.
    fn look_again(&self, since: &mut Option<Instant>) -> bool {
        if self.is_crowded() {
            return false;
        }
        let before = Instant::now();
        if before.duration_since(*since.get_or_insert(before)) >= LOOKING {
            return false;
        }
        thread::yield_now();
        if before.elapsed() >= CROWDED {
            let until = self.born.elapsed() + CROWDED_FOR;
            self.crowded_until.store(nanos(until), Ordering::Relaxed);
        }
        true
    }

    fn is_crowded(&self) -> bool {
        let until = self.crowded_until.load(Ordering::Relaxed);
        until > 0 && self.now() < until
    }

    /// Nanoseconds since this was made.
    fn now(&self) -> u64 {
        nanos(self.born.elapsed())
    }

    pub(super) fn note(&self, members: usize) {
        let members = members as u64;
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.members.fetch_add(members, Ordering::Relaxed);
        self.largest.fetch_max(members, Ordering::Relaxed);
    }

    /// Groups, transactions in them, the largest group.
    pub(super) fn sizes(&self) -> (u64, u64, u64) {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (get(&self.groups), get(&self.members), get(&self.largest))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Lets another one lead, however leading ends.
struct Ended<'g, W: Lead> {
    group: &'g Group,
    work: &'g W,
}

impl<W: Lead> Drop for Ended<'_, W> {
    fn drop(&mut self) {
        self.group.leading.store(false, Ordering::SeqCst);
        // Whoever queued before this saw a leader and sleeps; whoever queues after finds none.
        if let Some(next) = self.work.first_queued() {
            next.wake();
        }
    }
}

/// The error of a group whose fate nobody knows.
pub(super) fn unknown_outcome(error: &Error) -> Error {
    Error::new(error.kind(), format!("{}; whether it was committed is not known", error.message()))
        .with_sqlstate(error.sqlstate())
        .with_hint("the database takes no more changes: open it again, and look whether the change is there")
}
