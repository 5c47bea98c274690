//! Which ids are in no table: a filter that spares the B-tree of the ids look-ups in vain.
//!
//! ```text
//!  layers, memtables        say what they know of an id, first
//!         │ nothing
//!  filter of the tree       "it is not in the tables": the end
//!         │ maybe, or there is none
//!  snapshot                 the B-tree
//! ```
//!
//! The filter belongs to a tree ([`super::view::Tree`]) as the snapshot does, and holds every id that the snapshot
//! holds, so that it never denies one that is there:
//!
//! * It is made from a snapshot, and given to trees with that snapshot or later ones alone. An older tree, whose
//!   snapshot may hold ids that were deleted since, keeps the filter it had, or none.
//! * What a flush writes is added before the engine gets it, to the filter of the tree and to one in the making. None
//!   is begun while a flush is under way, so each id is in the snapshot that it is made from or added by a later flush.
//! * A flush that fails half way leaves its memtables where they are: they answer for what it may have written.
//!
//! Commits, imports and recovery write to memtables, and what is in these is found there: nothing has to be added
//! before the flush, and a commit costs nothing.
//!
//! It is made where it is worth it: a look-up in vain costs about as much as [`SCANNED_A_MISS`] ids of the scan that
//! makes it. Opening costs nothing, and nothing is kept on disk. Deleted ids stay in it until it is made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::bloom::Bloom;

/// The part of look-ups in vain that a full filter sends to the B-tree all the same.
pub(crate) const FALSE_POSITIVES: f64 = 0.01;
/// So many ids are read in the time of one look-up in vain.
const SCANNED_A_MISS: u64 = 8;
/// Fewer look-ups in vain are nobody's concern.
const FEWEST_MISSES: u64 = 1024;
/// No filter is made for fewer ids.
const FEWEST_IDS: u64 = 1 << 16;

/// What was asked of the tables' ids, and whether a filter is wanted.
#[derive(Default)]
pub(crate) struct IdLookups {
    /// Bytes a filter may take; 0: there shall be none.
    max_bytes: u64,
    lookups: AtomicU64,
    skipped: AtomicU64,
    false_positives: AtomicU64,
    /// In vain, since there is no filter.
    missed: AtomicU64,
    wanted: AtomicBool,
    /// What a flush adds to beside the tree's own.
    making: Mutex<Option<Arc<Bloom>>>,
    stopped: AtomicBool,
}

/// What the filter of ids did since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdFilterStats {
    /// Ids in it, roughly, deleted ones included; 0 while there is none.
    pub ids: u64,
    /// Bytes it takes.
    pub bytes: u64,
    /// Bytes it may take.
    pub max_bytes: u64,
    /// Ids looked for in the tables.
    pub lookups: u64,
    /// Of these, those that the filter denied, which spared the B-tree.
    pub skipped: u64,
    /// Of these, those that the filter let pass and the B-tree did not have.
    pub false_positives: u64,
}

impl IdLookups {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, ..Self::default() }
    }

    /// Asks the tables for an id: the filter if there is one, then `search`, which says whether it is there.
    ///
    /// # Errors
    /// What `search` fails with.
    pub(crate) fn ask<E>(
        &self,
        filter: Option<&Bloom>,
        id: &[u8],
        search: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let Some(filter) = filter else {
            let found = search()?;
            if !found && self.missed.fetch_add(1, Ordering::Relaxed) % FEWEST_MISSES == FEWEST_MISSES - 1 {
                self.wanted.store(true, Ordering::Relaxed);
            }
            return Ok(found);
        };
        if !filter.may_contain(id) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return Ok(false);
        }
        let found = search()?;
        if !found {
            self.false_positives.fetch_add(1, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// Whether a filter for `ids` ids is worth its making now. Asked every so often, and cheap while nobody looks
    /// for ids that there are not; `ids` is asked for only then.
    pub(crate) fn is_wanted(&self, filter: Option<&Bloom>, ids: impl FnOnce() -> u64) -> bool {
        if self.max_bytes == 0 {
            return false;
        }
        match filter {
            // The larger one costs a scan: where it is filled faster than it is asked, it need not keep up.
            Some(filter) => {
                filter.len() > filter.capacity()
                    && self.skipped.load(Ordering::Relaxed).saturating_mul(SCANNED_A_MISS) > filter.len()
            }
            None => {
                self.wanted.swap(false, Ordering::Relaxed)
                    && self.missed.load(Ordering::Relaxed).saturating_mul(SCANNED_A_MISS) >= ids()
            }
        }
    }

    /// Begins to make a filter of `ids` ids and as many again. `None` where they are too many for its memory, or
    /// another one is in the making. No flush may be under way.
    pub(crate) fn begin(&self, ids: u64) -> Option<Making<'_>> {
        let mut making = self.making.lock();
        if making.is_some() || self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let capacity = ids.max(FEWEST_IDS / 2).saturating_mul(2);
        let filter = Arc::new(Bloom::new(capacity, FALSE_POSITIVES, self.max_bytes)?);
        *making = Some(Arc::clone(&filter));
        Some(Making { lookups: self, filter })
    }

    /// The filter in the making, for a flush to add to.
    pub(crate) fn in_the_making(&self) -> Option<Arc<Bloom>> {
        self.making.lock().clone()
    }

    /// Ends the making of a filter, and lets none begin.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self, filter: Option<&Bloom>) -> IdFilterStats {
        IdFilterStats {
            ids: filter.map_or(0, Bloom::len),
            bytes: filter.map_or(0, Bloom::bytes),
            max_bytes: self.max_bytes,
            lookups: self.lookups.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            false_positives: self.false_positives.load(Ordering::Relaxed),
        }
    }
}

/// A filter in the making. Flushes add to it until this is dropped, which must be after it stands in a tree, or not
/// at all.
pub(crate) struct Making<'l> {
    lookups: &'l IdLookups,
    pub(crate) filter: Arc<Bloom>,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        *self.lookups.making.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_wanted_once_look_ups_in_vain_cost_as_much_as_making_it() {
        let lookups = IdLookups::new(1 << 20);
        let miss = |times: u64| {
            for _ in 0..times {
                assert_eq!(lookups.ask(None, b"id", || Ok::<_, ()>(false)), Ok(false));
            }
        };
        miss(FEWEST_MISSES - 1);
        assert!(!lookups.is_wanted(None, || 0));
        miss(1);
        assert!(!lookups.is_wanted(None, || FEWEST_MISSES * SCANNED_A_MISS + 1));
        miss(FEWEST_MISSES);
        assert!(lookups.is_wanted(None, || FEWEST_MISSES * SCANNED_A_MISS + 1));
        assert!(!lookups.is_wanted(None, || 0));
        let none = IdLookups::new(0);
        assert!(none.begin(1).is_none() && !none.is_wanted(None, || 0));
    }

    #[test]
    fn one_is_made_at_a_time_and_look_ups_are_counted() {
        let lookups = IdLookups::new(1 << 20);
        let making = lookups.begin(100).unwrap();
        assert!(lookups.begin(100).is_none());
        lookups.in_the_making().unwrap().add(b"here");
        let filter = Arc::clone(&making.filter);
        drop(making);
        assert!(lookups.in_the_making().is_none());
        let ask = |id: &[u8], there| lookups.ask(Some(&filter), id, || Ok::<_, ()>(there));
        assert_eq!([ask(b"here", true), ask(b"here", false)], [Ok(true), Ok(false)]);
        assert_eq!(lookups.ask(Some(&filter), b"gone", || Err("not asked")), Ok(false));
        let stats = lookups.stats(Some(&filter));
        assert_eq!((stats.ids, stats.lookups, stats.skipped, stats.false_positives), (1, 3, 1, 1));
        lookups.stop();
        assert!(lookups.begin(100).is_none());
    }
}
