//! Group commit: those who wait for the disk at one time share one write and one sync.
//!
//! Whoever finds no leader leads: takes all that is queued, writes and syncs it, publishes the state
//! after it, and tells every member. Those who come meanwhile queue up for the next leader.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex};

use crate::model::{Error, Result};
use crate::storage::log::Logged;

/// What becomes of a transaction that was appended.
#[derive(Debug, Default)]
pub(super) struct Slot {
    result: OnceLock<Result<()>>,
    /// Where it ends in the log; set before the result.
    end: OnceLock<Logged>,
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

    pub(super) fn set_end(&self, end: Logged) {
        let _ = self.end.set(end);
    }

    pub(super) fn finish(&self, result: Result<()>) {
        let _ = self.result.set(result);
    }

    pub(super) fn result(&self) -> Option<Result<()>> {
        self.result.get().cloned()
    }

    pub(super) fn end(&self) -> Option<Logged> {
        self.end.get().copied()
    }
}

/// Who leads, and how large groups are.
#[derive(Default)]
pub(super) struct Group {
    leading: Mutex<bool>,
    changed: Condvar,
    groups: AtomicU64,
    members: AtomicU64,
    largest: AtomicU64,
}

impl Group {
    /// Waits until a slot is decided; leads with `lead` where nobody does.
    pub(super) fn wait(&self, slot: &Slot, lead: impl Fn()) -> Result<()> {
        let mut leading = self.leading.lock();
        loop {
            if let Some(result) = slot.result() {
                return result;
            }
            if *leading {
                self.changed.wait(&mut leading);
                continue;
            }
            *leading = true;
            drop(leading);
            let ended = Ended(self);
            lead();
            drop(ended);
            if slot.result().is_none() {
                // Whoever led before this one did not come to its end.
                slot.finish(Err(Error::internal("a commit was lost before it was written")
                    .with_hint("open the database again, and look whether the change is there")));
            }
            leading = self.leading.lock();
        }
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

/// Lets another one lead, however leading ends.
struct Ended<'g>(&'g Group);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        *self.0.leading.lock() = false;
        self.0.changed.notify_all();
    }
}

/// The error of a group whose fate nobody knows.
pub(super) fn unknown_outcome(error: &Error) -> Error {
    Error::new(error.kind(), format!("{}; whether it was committed is not known", error.message()))
        .with_hint("the database takes no more changes: open it again, and look whether the change is there")
}
