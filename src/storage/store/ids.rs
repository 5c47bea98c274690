//! Making the filter of ids, and giving it to the tree it belongs to. What it must hold: `storage::id_filter`.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::model::Result;
use crate::storage::backend::Table;
use crate::storage::bloom::Bloom;
use crate::storage::view::View;

use super::Shared;

/// How often the making looks whether it should stop.
const CHECK_IDS: usize = 4096;

impl Shared {
    /// What the flush under way adds ids to.
    pub(super) fn id_filters(&self) -> Vec<Arc<Bloom>> {
        // In this order: one that is finished in between stands in the tree before it is no longer in the making.
        let making = self.caches().ids.in_the_making();
        let current = self.tree.lock().filter.clone();
        making.into_iter().chain(current).collect()
    }

    /// Makes a filter in a thread of its own where it is worth it.
    pub(super) fn make_id_filter_if_wanted(self: &Arc<Self>) {
        let view = self.published.load_full();
        let filter = view.tree().filter.clone();
        let ids = || live_rows(&view).unwrap_or(u64::MAX);
        if !view.tree().caches.ids.is_wanted(filter.as_deref(), ids) {
            return;
        }
        drop(view);
        let mut thread = self.filter_thread.lock();
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let shared = Arc::clone(self);
        let named = std::thread::Builder::new().name("aresadb-ids".into());
        // Without it look-ups are slower, and nothing else.
        *thread = named.spawn(move || drop(shared.make_id_filter())).ok();
    }

    /// Makes a filter of the ids in the tables, and gives it to the tree. Returns whether there is one now that was
    /// not there before.
    pub(super) fn make_id_filter(&self) -> Result<bool> {
        let caches = self.caches();
        let begun = {
            // Not while a flush is under way: its ids may be in neither the snapshot nor the filter.
            let _one = self.flushing.lock();
            let view = self.published.load_full();
            caches.ids.begin(live_rows(&view)?).map(|making| (making, Arc::clone(&view.tree().snapshot)))
        };
        let Some((making, snapshot)) = begun else { return Ok(false) };
        let mut read = 0_usize;
        snapshot.scan(Table::Ids, (Bound::Unbounded, Bound::Unbounded), &mut |id, _| {
            making.filter.add(id);
            read += 1;
            let stop = read.is_multiple_of(CHECK_IDS) && caches.ids.is_stopped();
            Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        drop(snapshot);
        if caches.ids.is_stopped() {
            return Ok(false);
        }
        let mut writer = self.writer.lock();
        self.change_tree(&mut writer, |tree| tree.filter = Some(Arc::clone(&making.filter)));
        drop(making);
        Ok(true)
    }

    /// Ends the making of a filter.
    pub(super) fn stop_id_filter(&self) {
        self.caches().ids.stop();
        if let Some(thread) = self.filter_thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn live_rows(view: &View) -> Result<u64> {
    view.catalog().types().map(|definition| view.live_rows(definition.id)).sum()
}
