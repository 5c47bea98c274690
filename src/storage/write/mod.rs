//! All checked writing: a transaction's rows, edges and schema changes.
//!
//! ```text
//!  Transaction = base view                              (what was committed when it began)
//!                under a frame: layers, effects         (statements outside of savepoints)
//!                under a frame per savepoint            (statements since that savepoint)
//!                under the running statement            (its own layer and effects)
//! ```
//!
//! A statement reads the frames below it ([`Transaction::view`]); checks (does this node live, is
//! this id free) see the running statement too. A failed statement drops its layer, a rollback to a
//! savepoint drops the frames above it; either leaves the transaction as it was before.
//!
//! A frame keeps few layers, however many statements it has: a statement's layer goes into the one
//! below unless some view still reads that one (see `layers`).
//!
//! Besides the writes it collects what the commit must check again against the latest committed
//! state ([`Effects`]): snapshot isolation alone does not keep edges attached to living nodes.
//!
//! Must never: write to the backend, let a value pass that its property's type does not hold, or
//! change a layer that a view reads.

mod alter;
mod effects;
mod frames;
mod graphs;
mod indexes;
mod layers;
mod rows;
mod rules;
mod schema;
#[cfg(test)]
mod tests;
mod views;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use crate::model::{Error, Result, RowId, TypeId};

use super::backend::Table;
use super::catalog::Catalog;
use super::keys;
use super::merge::Layer;
use super::record::RecordView;
use super::store::Store;
use super::view::{CountChange, View};

use frames::{Frame, Savepoint};

pub use alter::{Names, Rewrite};
pub(crate) use effects::{Effects, NeededNode};
pub(crate) use indexes::key_of;
pub use indexes::{RowChecks, Values};
pub use rows::Deleted;
pub use rules::{NewCheck, NewIndex, NewReference};
pub(crate) use schema::edge_at_type;
pub use schema::{NewProperty, NewType};
pub use views::NewView;

/// A transaction: reads see its own writes; nothing is visible to others before
/// [`Store::commit`]. Dropping it rolls it back.
pub struct Transaction {
    store: Arc<Store>,
    base: View,
    /// What was written outside of savepoints.
    bottom: Frame,
    /// The savepoints that stand, oldest first.
    savepoints: Vec<Savepoint>,
    catalog: Arc<Catalog>,
    /// What the writes of the finished statements take.
    finished_bytes: u64,
    statement: Option<Statement>,
    /// What the finished statements give to read, once somebody asked.
    finished: OnceLock<View>,
    /// Rows whose delete is under way: what they take along may lead back to them.
    deleting: HashSet<RowId>,
    /// What went along with the first of them.
    cascaded: Deleted,
}

/// The running statement: what goes when it fails.
#[derive(Default)]
struct Statement {
    layer: Layer,
    effects: Effects,
    /// The catalog before it, to go back to.
    catalog: Arc<Catalog>,
}

/// What a transaction hands to the commit.
pub(crate) struct Finished {
    pub(crate) base: View,
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) effects: Effects,
}

impl Transaction {
    pub(crate) fn new(store: Arc<Store>, base: View) -> Self {
        let catalog = Arc::clone(base.catalog());
        Self {
            store,
            base,
            bottom: Frame::default(),
            savepoints: Vec::new(),
            catalog,
            finished_bytes: 0,
            statement: None,
            finished: OnceLock::new(),
            deleting: HashSet::new(),
            cascaded: Deleted::default(),
        }
    }

    pub(crate) fn finish(mut self) -> Finished {
        self.end_statement();
        self.release_from(0);
        let Frame { layers, mut effects, counts } = self.bottom;
        effects.counts = Arc::unwrap_or_clone(counts);
        Finished { base: self.base, layers, catalog: self.catalog, effects }
    }

    /// What its writes take in memory, in bytes.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.finished_bytes + self.statement.as_ref().map_or(0, |statement| statement.layer.bytes())
    }

    /// What a statement reads: the committed state at the transaction's start under the
    /// transaction's finished statements. The running statement's own writes are not in it.
    #[must_use]
    pub fn view(&self) -> View {
        self.finished_view().clone()
    }

    fn finished_view(&self) -> &View {
        self.finished.get_or_init(|| {
            let catalog = self.statement.as_ref().map_or(&self.catalog, |s| &s.catalog);
            let layers = self.frames().flat_map(|frame| frame.layers.iter().cloned()).collect();
            self.base.with_layers(layers, Arc::clone(catalog), Arc::clone(&self.top().counts))
        })
    }

    /// What [`Transaction::view`] gives, with the running statement's definitions: to plan with, not
    /// to read.
    #[must_use]
    pub fn planning_view(&self) -> View {
        let layers = self.frames().flat_map(|frame| frame.layers.iter().cloned()).collect();
        self.base.with_layers(layers, Arc::clone(&self.catalog), Arc::clone(&self.top().counts))
    }

    /// The catalog with the running statement's changes.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The memory its writes take, in bytes.
    #[must_use]
    pub fn changes_bytes(&self) -> u64 {
        self.finished_bytes + self.statement.as_ref().map_or(0, |s| s.effects.bytes)
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames().all(|frame| frame.layers.is_empty())
            && self.statement.as_ref().is_none_or(|s| s.layer.is_empty())
            && self.all_effects().all(|e| e.redefined.is_empty() && e.dropped.is_empty())
    }

    /// Whether it is a transaction of this store.
    pub(crate) fn is_of(&self, store: &Store) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.store), store)
    }

    /// Starts a statement; a running one is ended first.
    pub fn begin_statement(&mut self) {
        self.end_statement();
        self.statement();
    }

    /// Keeps what the running statement wrote: later statements see it.
    pub fn end_statement(&mut self) {
        let Some(statement) = self.statement.take() else { return };
        // Let go first: a layer that no view reads is added to, not copied.
        self.finished.take();
        let frame = self.savepoints.last_mut().map_or(&mut self.bottom, |savepoint| &mut savepoint.frame);
        let before = frame.effects.bytes;
        frame.add(statement.layer, statement.effects);
        self.finished_bytes = (self.finished_bytes + frame.effects.bytes).saturating_sub(before);
    }

    /// Judges everything that was left to the end.
    pub(crate) fn check_pending_all(&mut self) -> Result<()> {
        self.end_statement();
        let pending: Vec<_> = self.frames().flat_map(|frame| frame.effects.pending.iter().cloned()).collect();
        pending.iter().try_for_each(|pending| self.check_pending(pending))
    }

    /// Drops what the running statement wrote.
    pub fn abort_statement(&mut self) {
        if let Some(statement) = self.statement.take() {
            self.catalog = statement.catalog;
        }
    }

    fn statement(&mut self) -> &mut Statement {
        let catalog = &self.catalog;
        self.statement
            .get_or_insert_with(|| Statement { catalog: Arc::clone(catalog), ..Statement::default() })
    }

    /// What the running and the finished statements relied on and did, the running one first.
    fn all_effects(&self) -> impl Iterator<Item = &Effects> {
        self.statement.iter().map(|s| &s.effects).chain(self.frames().map(|frame| &frame.effects))
    }

    fn put(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) -> Result<()> {
        let most = self.store.transaction_max_bytes();
        let statement = self.statement();
        statement.effects.bytes += layers::entry_bytes(key, value.as_deref());
        if let Some(old) = statement.layer.table_mut(table).insert(key.to_vec(), value) {
            statement.effects.bytes -= layers::entry_bytes(key, old.as_deref());
        }
        if self.changes_bytes() > most {
            return Err(Error::out_of_space(format!(
                "the transaction holds more than {} MiB of changes",
                most >> 20
            ))
            .with_hint("commit in smaller parts"));
        }
        Ok(())
    }

    fn count(&mut self, type_id: TypeId, live: i64, next_sequence: u64) {
        let change = CountChange { live, next_sequence };
        self.statement().effects.counts.entry(type_id).or_default().add(change);
    }

    /// Runs `read` over everything written so far, the running statement included. For scans; what
    /// reads by key uses [`Transaction::get_current`], which builds nothing.
    fn with_current<R>(&mut self, read: impl FnOnce(&View) -> Result<R>) -> Result<R> {
        let running = match self.statement.as_mut().filter(|s| !s.layer.is_empty()) {
            None => None,
            Some(statement) => Some(Arc::new(std::mem::take(&mut statement.layer))),
        };
        let layers = self.frames().flat_map(|frame| frame.layers.iter().cloned()).chain(running.clone());
        let view = self.base.with_layers(layers.collect(), Arc::clone(&self.catalog), Arc::default());
        let result = read(&view);
        drop(view);
        if let (Some(running), Some(statement)) = (running, self.statement.as_mut()) {
            // The view is gone, so this is the only owner and nothing is copied.
            statement.layer = Arc::unwrap_or_clone(running);
        }
        result
    }

    /// The value of a key with everything written so far, the running statement included. Returns
    /// whether it is there.
    fn get_current(
        &self,
        table: Table,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<bool> {
        match self.statement.as_ref().and_then(|s| s.layer.table(table).get(key)) {
            Some(Some(value)) => read(value).map(|()| true),
            Some(None) => Ok(false),
            None if self.frames().all(|frame| frame.layers.is_empty()) => self.base.get_raw(table, key, read),
            None => self.finished_view().get_raw(table, key, read),
        }
    }

    /// As [`View::read`], the running statement's own writes included.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; what `read` fails with.
    pub fn read_current(
        &self,
        row: RowId,
        read: &mut dyn FnMut(&RecordView<'_>) -> Result<()>,
    ) -> Result<bool> {
        let Some(definition) = self.catalog.by_id(row.type_id()) else { return Ok(false) };
        let table = if definition.is_edge() { Table::Edges } else { Table::Nodes };
        self.get_current(table, &row.to_bytes(), &mut |bytes| read(&RecordView::new(bytes)?))
    }

    /// Where a record lives, the running statement's own included.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn current_row_of(&self, id: Uuid) -> Result<Option<RowId>> {
        let mut row = None;
        self.get_current(Table::Ids, id.as_bytes(), &mut |value| {
            row = Some(keys::row_from(value)?);
            Ok(())
        })?;
        Ok(row)
    }
}
