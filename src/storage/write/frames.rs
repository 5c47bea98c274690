//! Frames and savepoints: what a rollback to a savepoint drops.
//!
//! A savepoint is a depth in the stack of frames. As in PostgreSQL: rolling back to it keeps it,
//! releasing it keeps what was written since, a name that is given again hides the older savepoint
//! of that name until the newer one is released.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Error, Result, TypeId};
use crate::storage::catalog::Catalog;
use crate::storage::merge::Layer;
use crate::storage::view::CountChange;

use super::effects::Effects;
use super::{Transaction, layers};

/// The most savepoints that may stand at once: each is one more place where a read looks.
const MAX_SAVEPOINTS: usize = 4096;

/// What the finished statements since a savepoint wrote, relied on and did.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) layers: Vec<Arc<Layer>>,
    /// Without `counts`.
    pub(super) effects: Effects,
    /// What this frame and those below it do to the types' counters.
    pub(super) counts: Arc<BTreeMap<TypeId, CountChange>>,
}

/// A savepoint with what came after it.
pub(super) struct Savepoint {
    name: String,
    /// The catalog when it was set.
    catalog: Arc<Catalog>,
    /// The counts when it was set.
    counts: Arc<BTreeMap<TypeId, CountChange>>,
    pub(super) frame: Frame,
}

impl Frame {
    /// Adds what a statement wrote and did.
    pub(super) fn add(&mut self, layer: Layer, mut effects: Effects) {
        let counts = std::mem::take(&mut effects.counts);
        if !counts.is_empty() {
            let all = Arc::make_mut(&mut self.counts);
            for (id, change) in counts {
                all.entry(id).or_default().add(change);
            }
        }
        self.effects.absorb(effects);
        if !layer.is_empty() {
            let freed = layers::lay(&mut self.layers, Arc::new(layer));
            self.effects.bytes = self.effects.bytes.saturating_sub(freed);
        }
    }

    /// Adds the frame above, whose counts include this one's.
    fn add_frame(&mut self, above: Frame) {
        self.counts = above.counts;
        self.effects.absorb(above.effects);
        for layer in above.layers {
            let freed = layers::lay(&mut self.layers, layer);
            self.effects.bytes = self.effects.bytes.saturating_sub(freed);
        }
    }
}

impl Transaction {
    /// The frames, lowest first.
    pub(super) fn frames(&self) -> impl Iterator<Item = &Frame> {
        std::iter::once(&self.bottom).chain(self.savepoints.iter().map(|savepoint| &savepoint.frame))
    }

    /// The frame that the next finished statement goes into.
    pub(super) fn top(&self) -> &Frame {
        self.savepoints.last().map_or(&self.bottom, |savepoint| &savepoint.frame)
    }

    /// Sets a savepoint; a running statement is ended first. A name may be given again.
    ///
    /// # Errors
    /// `OutOfSpace` where thousands of savepoints stand already.
    pub fn savepoint(&mut self, name: &str) -> Result<()> {
        self.end_statement();
        if self.savepoints.len() >= MAX_SAVEPOINTS {
            return Err(Error::out_of_space(format!("{MAX_SAVEPOINTS} savepoints stand already"))
                .with_hint("RELEASE those that are not needed any more"));
        }
        let counts = Arc::clone(&self.top().counts);
        self.savepoints.push(Savepoint {
            name: name.to_owned(),
            catalog: Arc::clone(&self.catalog),
            frame: Frame { counts: Arc::clone(&counts), ..Frame::default() },
            counts,
        });
        Ok(())
    }

    /// Drops everything since the newest savepoint of the name, a running statement and later
    /// savepoints included. The savepoint itself stays.
    ///
    /// # Errors
    /// `NotFound` where no savepoint of the name stands; nothing is dropped then.
    pub fn rollback_to(&mut self, name: &str) -> Result<()> {
        let at = self.find_savepoint(name)?;
        self.abort_statement();
        self.finished.take();
        self.savepoints.truncate(at + 1);
        if let Some(savepoint) = self.savepoints.last_mut() {
            savepoint.frame = Frame { counts: Arc::clone(&savepoint.counts), ..Frame::default() };
            self.catalog = Arc::clone(&savepoint.catalog);
        }
        self.finished_bytes = self.frames().map(|frame| frame.effects.bytes).sum();
        Ok(())
    }

    /// Removes the newest savepoint of the name and those after it, and keeps what was written
    /// since; a running statement is ended first.
    ///
    /// # Errors
    /// `NotFound` where no savepoint of the name stands; nothing changes then.
    pub fn release(&mut self, name: &str) -> Result<()> {
        let at = self.find_savepoint(name)?;
        self.end_statement();
        self.release_from(at);
        Ok(())
    }

    /// The names of the savepoints that stand, oldest first.
    pub fn savepoints(&self) -> impl Iterator<Item = &str> {
        self.savepoints.iter().map(|savepoint| savepoint.name.as_str())
    }

    pub(super) fn release_from(&mut self, at: usize) {
        // Let go first: a layer that no view reads is added to, not copied.
        self.finished.take();
        for above in self.savepoints.split_off(at) {
            self.savepoints
                .last_mut()
                .map_or(&mut self.bottom, |savepoint| &mut savepoint.frame)
                .add_frame(above.frame);
        }
        self.finished_bytes = self.frames().map(|frame| frame.effects.bytes).sum();
    }

    fn find_savepoint(&self, name: &str) -> Result<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| {
            let shown = crate::model::escape_control(name);
            Error::not_found(format!("there is no savepoint '{shown}'"))
                .with_hint("SAVEPOINT sets one; COMMIT, ROLLBACK and RELEASE remove it")
        })
    }
}
