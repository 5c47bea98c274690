//! All checked writing: a transaction's rows, edges and schema changes.
//!
//! A [`Transaction`] is a view plus a stack of layers, one per finished statement, plus the layer of
//! the running one. A statement reads the layers below its own ([`Transaction::view`]); checks
//! (does this node live, is this id free) see the running layer too. A failed statement drops its
//! layer and leaves the transaction as it was before.
//!
//! Besides the writes it collects what the commit must check again against the latest committed
//! state ([`Effects`]): snapshot isolation alone does not keep edges attached to living nodes.
//!
//! Must never: write to the backend, or let a value pass that its property's type does not hold.

mod effects;
mod rows;
mod schema;

use std::sync::Arc;

use uuid::Uuid;

use crate::model::{Error, Result, RowId, TypeId};

use super::backend::Table;
use super::catalog::Catalog;
use super::merge::Layer;
use super::store::Store;
use super::view::{CountChange, View};

pub(crate) use effects::{Effects, NeededNode};
pub use rows::Deleted;
pub(crate) use schema::edge_at_type;
pub use schema::{NewProperty, NewType};

/// A transaction: reads see its own writes; nothing is visible to others before
/// [`Store::commit`]. Dropping it rolls it back.
pub struct Transaction {
    store: Arc<Store>,
    base: View,
    layers: Vec<Arc<Layer>>,
    catalog: Arc<Catalog>,
    effects: Effects,
    statement: Option<Statement>,
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
        Self { store, base, layers: Vec::new(), catalog, effects: Effects::default(), statement: None }
    }

    pub(crate) fn finish(mut self) -> Finished {
        self.end_statement();
        Finished { base: self.base, layers: self.layers, catalog: self.catalog, effects: self.effects }
    }

    /// What a statement reads: the committed state at the transaction's start under the
    /// transaction's finished statements. The running statement's own writes are not in it.
    #[must_use]
    pub fn view(&self) -> View {
        let catalog = self.statement.as_ref().map_or(&self.catalog, |s| &s.catalog);
        self.base.with_layers(
            self.layers.clone().into(),
            Arc::clone(catalog),
            Arc::new(self.effects.counts.clone()),
        )
    }

    /// The catalog with the running statement's changes.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The memory its writes take, in bytes.
    #[must_use]
    pub fn changes_bytes(&self) -> u64 {
        self.effects.bytes + self.statement.as_ref().map_or(0, |s| s.effects.bytes)
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
            && self.statement.as_ref().is_none_or(|s| s.layer.is_empty())
            && self.effects.redefined.is_empty()
            && self.effects.dropped.is_empty()
            && self
                .statement
                .as_ref()
                .is_none_or(|s| s.effects.redefined.is_empty() && s.effects.dropped.is_empty())
    }

    /// Starts a statement; a running one is ended first.
    pub fn begin_statement(&mut self) {
        self.end_statement();
        self.statement();
    }

    /// Keeps what the running statement wrote: later statements see it.
    pub fn end_statement(&mut self) {
        if let Some(statement) = self.statement.take() {
            if !statement.layer.is_empty() {
                self.layers.push(Arc::new(statement.layer));
            }
            self.effects.absorb(statement.effects);
        }
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

    fn put(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) -> Result<()> {
        // What a map entry takes besides its bytes, roughly.
        const ENTRY_BYTES: u64 = 64;
        let most = self.store.transaction_max_bytes();
        let statement = self.statement();
        statement.effects.bytes +=
            ENTRY_BYTES + key.len() as u64 + value.as_ref().map_or(0, |v| v.len() as u64);
        statement.layer.table_mut(table).insert(key.to_vec(), value);
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

    /// Runs `read` over everything written so far, the running statement included.
    fn with_current<R>(&mut self, read: impl FnOnce(&View) -> Result<R>) -> Result<R> {
        let (running, layers) = match self.statement.as_mut().filter(|s| !s.layer.is_empty()) {
            None => (None, self.layers.clone()),
            Some(statement) => {
                let running = Arc::new(std::mem::take(&mut statement.layer));
                let mut layers = self.layers.clone();
                layers.push(Arc::clone(&running));
                (Some(running), layers)
            }
        };
        let view = self.base.with_layers(layers.into(), Arc::clone(&self.catalog), Arc::default());
        let result = read(&view);
        drop(view);
        if let (Some(running), Some(statement)) = (running, self.statement.as_mut()) {
            // The view is gone, so this is the only owner and nothing is copied.
            statement.layer = Arc::try_unwrap(running).unwrap_or_else(|shared| (*shared).clone());
        }
        result
    }

    /// Where a record lives, the running statement's own included.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn current_row_of(&mut self, id: Uuid) -> Result<Option<RowId>> {
        self.with_current(|view| view.row_of(id))
    }
}
