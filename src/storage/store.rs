//! The store: the committed state, and the one place that changes it.
//!
//! A commit runs alone (`commit_lock`): it checks the transaction against the latest committed
//! state, gives it the next lsn, hands the backend one sorted batch, and publishes the new state.
//! It returns once the batch is durable. Readers take the published state and never wait.
//!
//! The checks at commit (first committer wins): every row it changed still has the lsn it saw;
//! both ends of each new edge live; no edge was added to a node it deletes; ids it chose are free;
//! definitions its rows were checked against still hold; a type it drops got no rows.
//!
//! Must never: publish what is not durable, or reuse a row handle, type or property number.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::model::{Clock, Error, ErrorKind, IdGenerator, Result, RowId, TypeDef, TypeKind};

use super::backend::{BackendStats, Batch, Snapshot, StorageBackend, Table};
use super::catalog::{Catalog, is_extension, is_observed};
use super::intern::Interner;
use super::keys::{self, Counter, meta, type_key};
use super::merge::Layer;
use super::record::stamp_lsn;
use super::view::View;
use super::write::{Effects, Finished, NeededNode, Transaction, edge_at_type};

/// The format of tables and records that this program writes.
const STORAGE_FORMAT: u32 = 1;

/// How a store is opened.
pub struct StoreOptions {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<IdGenerator>,
    /// Refuse to begin transactions.
    pub read_only: bool,
    /// Compress long text and bytes.
    pub compression: bool,
    /// The memory one transaction's changes may take.
    pub transaction_max_bytes: u64,
}

/// The number of a commit; later commits have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

/// The database's data. See the module's head.
pub struct Store {
    backend: Box<dyn StorageBackend>,
    options: StoreOptions,
    uuid: Uuid,
    interner: Interner,
    published: ArcSwap<View>,
    commit_lock: Mutex<()>,
    /// A commit became durable and could not be published: no further one may follow.
    poisoned: AtomicBool,
}

impl Store {
    /// Opens the data in a backend; an empty backend becomes an empty database.
    ///
    /// # Errors
    /// `Corrupt` for damaged data, `Unsupported` for a newer format, `Io`.
    pub fn open(backend: Box<dyn StorageBackend>, options: StoreOptions) -> Result<Arc<Self>> {
        let snapshot = backend.snapshot()?;
        let fresh = read_meta(snapshot.as_ref(), meta::FORMAT)?.is_none();
        if fresh {
            let uuid = options.ids.next(options.clock.now_micros());
            backend.apply(&first_batch(uuid))?;
        }
        let snapshot = backend.snapshot()?;
        let required = |name: &[u8]| {
            read_meta(snapshot.as_ref(), name)?.ok_or_else(|| {
                Error::corrupt(format!("data.redb has no '{}'", String::from_utf8_lossy(name)))
            })
        };
        let format = keys::u32_from(&required(meta::FORMAT)?)?;
        if format > STORAGE_FORMAT {
            return Err(Error::unsupported(format!(
                "the data has format {format}, this program knows up to {STORAGE_FORMAT}"
            ))
            .with_hint("open it with a newer aresadb; nothing was changed"));
        }
        let uuid = Uuid::from_slice(&required(meta::UUID)?)
            .map_err(|_| Error::corrupt("the database's UUID is damaged"))?;
        let lsn = keys::u64_from(&required(meta::LSN)?)?;
        let interner = Interner::default();
        interner.start_types_at(keys::u32_from(&required(meta::NEXT_TYPE)?)?);
        let catalog_version = keys::u64_from(&required(meta::CATALOG_VERSION)?)?;
        let catalog = load_catalog(snapshot.as_ref(), &interner, catalog_version)?;
        let view = View::committed(snapshot, Arc::new(catalog), lsn);
        Ok(Arc::new(Self {
            backend,
            options,
            uuid,
            interner,
            published: ArcSwap::from_pointee(view),
            commit_lock: Mutex::new(()),
            poisoned: AtomicBool::new(false),
        }))
    }

    /// The latest committed state.
    #[must_use]
    pub fn view(&self) -> View {
        View::clone(&self.published.load())
    }

    /// Starts a transaction on the latest committed state.
    ///
    /// # Errors
    /// `ReadOnly` when the store was opened so.
    pub fn begin(self: &Arc<Self>) -> Result<Transaction> {
        if self.options.read_only {
            return Err(Error::read_only("the database is open read-only")
                .with_hint("open it without --readonly to change it"));
        }
        Ok(Transaction::new(Arc::clone(self), self.view()))
    }

    /// Makes a transaction durable and visible, all or nothing.
    ///
    /// # Errors
    /// `Conflict` when another transaction that committed since this one began changed what it
    /// relies on: run it again. `OutOfSpace`, `Io`: nothing was committed.
    pub fn commit(&self, transaction: Transaction) -> Result<Lsn> {
        if transaction.is_empty() {
            return Ok(Lsn(self.published.load().lsn()));
        }
        let mut finished = transaction.finish();
        let _alone = self.commit_lock.lock();
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Io,
                "the last commit is durable but its state could not be read",
            )
            .with_hint("open the database again; nothing of this transaction was committed"));
        }
        let latest = self.view();
        if latest.lsn() != finished.base.lsn() {
            self.check_again(&finished, &latest)?;
        }
        let catalog = merged_catalog(&finished, &latest)?;
        let lsn = latest.lsn() + 1;
        let layers = std::mem::take(&mut finished.layers);
        let batch = self.batch(layers, &finished.effects, &latest, &catalog, lsn)?;
        // The log's seat: here the entries are appended and synced, and the batch goes to the
        // memtable instead of the backend.
        self.backend.apply(&batch)?;
        let snapshot = self.backend.snapshot().inspect_err(|_| {
            // Durable, but not to be seen: going on would give the next commit the same number.
            self.poisoned.store(true, Ordering::Release);
        })?;
        for (name, id) in finished.effects.dropped.iter().map(|(id, (name, _))| (name, *id)) {
            self.interner.forget_type(name, id);
        }
        for definition in finished.effects.redefined.keys().filter_map(|id| catalog.by_id(*id)) {
            self.interner.learn(definition, 0);
        }
        self.published.store(Arc::new(View::committed(snapshot, catalog, lsn)));
        Ok(Lsn(lsn))
    }

    /// Everything a commit must find true of the latest state. See the module's head.
    fn check_again(&self, finished: &Finished, latest: &View) -> Result<()> {
        let effects = &finished.effects;
        let conflict = |what: &str| Err(conflict(what));
        for (row, seen) in &effects.changed {
            let mut now = None;
            latest.read(*row, &mut |record| {
                now = Some(record.lsn());
                Ok(())
            })?;
            if now != Some(*seen) {
                return conflict("a row that this transaction changes was changed by another");
            }
        }
        let relied_on =
            |(row, node): &(&RowId, &NeededNode)| node.committed && !effects.deleted_nodes.contains(row);
        for (row, _) in effects.needed.iter().filter(relied_on) {
            if !latest.read(*row, &mut |_| Ok(()))? {
                return conflict("a node that a new edge hangs on was deleted by another");
            }
        }
        for id in &effects.chosen_ids {
            if latest.row_of(*id)?.is_some() && finished.base.row_of(*id)?.is_none() {
                return conflict("an id that this transaction inserts was taken by another");
            }
        }
        for node in &effects.deleted_nodes {
            check_gained_no_edge(finished, latest, *node)?;
        }
        for (id, seen) in &effects.relied_on {
            let holds = latest.catalog().by_id(*id).is_some_and(|now| is_extension(seen, now));
            if !holds {
                return conflict(
                    "the definition of a type that this transaction writes was changed by another",
                );
            }
        }
        for (id, (name, next_sequence)) in &effects.dropped {
            let mut edge = None;
            edge_at_type(latest, *id, &mut edge)?;
            let declared_over = latest.catalog().types().any(|t| {
                matches!(t.kind, TypeKind::Edge(ends) if [ends.from, ends.to].contains(&Some(*id)))
                    && !effects.dropped.contains_key(&t.id)
            });
            if declared_over || edge.is_some() || latest.next_sequence(*id)? != *next_sequence {
                return conflict(&format!(
                    "'{name}', which this transaction drops, got rows or edges from another"
                ));
            }
        }
        Ok(())
    }

    /// The batch of a commit: rows stamped with the lsn, definitions, counters, meta; sorted.
    fn batch(
        &self,
        layers: Vec<Arc<Layer>>,
        effects: &Effects,
        latest: &View,
        catalog: &Arc<Catalog>,
        lsn: u64,
    ) -> Result<Batch> {
        let mut merged = Layer::default();
        for layer in layers {
            // Copied only while some view of the transaction still reads it.
            let layer = Arc::unwrap_or_clone(layer);
            for (table, changes) in Table::ALL.into_iter().zip(layer.tables) {
                merged.table_mut(table).extend(changes);
            }
        }
        for table in [Table::Nodes, Table::Edges] {
            merged.table_mut(table).values_mut().flatten().for_each(|record| stamp_lsn(record, lsn));
        }
        self.add_definitions(effects, catalog, &mut merged)?;
        for (id, change) in &effects.counts {
            let value = if effects.dropped.contains_key(id) {
                None
            } else {
                Some(change.apply(latest.counter(*id)?).encode())
            };
            merged.table_mut(Table::Counters).insert(type_key(*id).to_vec(), value);
        }
        let facts = [
            (meta::LSN, lsn.to_be_bytes().to_vec()),
            (meta::NEXT_TYPE, self.interner.next_type().to_be_bytes().to_vec()),
            (meta::CATALOG_VERSION, catalog.version().to_be_bytes().to_vec()),
        ];
        for (name, value) in facts {
            merged.table_mut(Table::Meta).insert(name.to_vec(), Some(value));
        }
        let mut operations = Vec::with_capacity(merged.tables.iter().map(BTreeMap::len).sum());
        for (table, changes) in Table::ALL.into_iter().zip(merged.tables) {
            operations.extend(changes.into_iter().map(|(key, value)| (table, key, value)));
        }
        Ok(Batch { operations })
    }

    fn add_definitions(&self, effects: &Effects, catalog: &Catalog, merged: &mut Layer) -> Result<()> {
        for id in effects.redefined.keys() {
            let value = catalog.by_id(*id).map(|t| encode_definition(t)).transpose()?;
            merged.table_mut(Table::Types).insert(type_key(*id).to_vec(), value);
        }
        for id in effects.dropped.keys() {
            merged.table_mut(Table::Types).insert(type_key(*id).to_vec(), None);
        }
        Ok(())
    }

    /// Sizes and counts of the backend.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn backend_stats(&self) -> Result<BackendStats> {
        self.backend.stats()
    }

    /// The database's identity.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Whether writing is refused.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// The time of day, as the store was told it.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        self.options.clock.now_micros()
    }

    /// A new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.options.ids.next(self.options.clock.now_micros())
    }

    pub(crate) fn interner(&self) -> &Interner {
        &self.interner
    }

    pub(crate) fn compresses(&self) -> bool {
        self.options.compression
    }

    pub(crate) fn transaction_max_bytes(&self) -> u64 {
        self.options.transaction_max_bytes
    }
}

fn conflict(what: &str) -> Error {
    Error::conflict(what).with_hint("nothing was committed: run the transaction again")
}

fn read_meta(snapshot: &dyn Snapshot, name: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut value = None;
    snapshot.get(Table::Meta, name, &mut |bytes| {
        value = Some(bytes.to_vec());
        Ok(())
    })?;
    Ok(value)
}

/// What makes an empty backend a database.
fn first_batch(uuid: Uuid) -> Batch {
    let facts: BTreeMap<&[u8], Vec<u8>> = BTreeMap::from([
        (meta::FORMAT, STORAGE_FORMAT.to_be_bytes().to_vec()),
        (meta::UUID, uuid.as_bytes().to_vec()),
        (meta::LSN, 0u64.to_be_bytes().to_vec()),
        (meta::NEXT_TYPE, 0u32.to_be_bytes().to_vec()),
        (meta::CATALOG_VERSION, 0u64.to_be_bytes().to_vec()),
    ]);
    Batch { operations: facts.into_iter().map(|(k, v)| (Table::Meta, k.to_vec(), Some(v))).collect() }
}

fn load_catalog(snapshot: &dyn Snapshot, interner: &Interner, version: u64) -> Result<Catalog> {
    use std::ops::Bound::Unbounded;
    let mut definitions: Vec<TypeDef> = Vec::new();
    snapshot.scan(Table::Types, (Unbounded, Unbounded), &mut |_, value| {
        definitions.push(
            serde_json::from_slice(value)
                .map_err(|e| Error::corrupt(format!("a type's definition is damaged: {e}")))?,
        );
        Ok(ControlFlow::Continue(()))
    })?;
    let mut catalog = Catalog::default();
    for definition in definitions {
        let mut counter = Counter::default();
        snapshot.get(Table::Counters, &type_key(definition.id), &mut |value| {
            counter = Counter::decode(value)?;
            Ok(())
        })?;
        interner.learn(&definition, counter.next_sequence);
        catalog.put(definition);
    }
    catalog.set_version(version);
    Ok(catalog)
}

fn encode_definition(definition: &TypeDef) -> Result<Vec<u8>> {
    serde_json::to_vec(definition)
        .map_err(|e| Error::internal(format!("a definition cannot be written: {e}")))
}

/// A deleted node may have no edge in the latest state that the transaction does not delete too.
fn check_gained_no_edge(finished: &Finished, latest: &View, node: RowId) -> Result<()> {
    for outgoing in [true, false] {
        latest.adjacent(node, outgoing, None, &mut |edge, _| {
            if finished.base.read(edge, &mut |_| Ok(()))? {
                return Ok(ControlFlow::Continue(()));
            }
            Err(conflict("a node that this transaction deletes got an edge from another"))
        })?;
    }
    Ok(())
}

/// The latest catalog with the transaction's changes to it.
fn merged_catalog(finished: &Finished, latest: &View) -> Result<Arc<Catalog>> {
    let effects = &finished.effects;
    if effects.redefined.is_empty() && effects.dropped.is_empty() {
        return Ok(Arc::clone(latest.catalog()));
    }
    if latest.lsn() == finished.base.lsn() {
        return Ok(Arc::clone(&finished.catalog));
    }
    let mut catalog = Catalog::clone(latest.catalog());
    for id in effects.dropped.keys() {
        catalog.remove(*id);
    }
    for (id, before) in &effects.redefined {
        // A type made and dropped in one transaction has no definition any more.
        let Some(ours) = finished.catalog.by_id(*id) else { continue };
        let merged =
            merged_definition(before.as_deref(), ours, latest.catalog().by_id(*id).map(Arc::as_ref))?;
        if catalog.get(&merged.name).is_some_and(|other| other.id != *id) {
            return Err(conflict("a type of the same name was made by another"));
        }
        catalog.put(merged);
    }
    Ok(Arc::new(catalog))
}

/// One definition out of ours and the latest, when both only added observed properties.
fn merged_definition(before: Option<&TypeDef>, ours: &TypeDef, latest: Option<&TypeDef>) -> Result<TypeDef> {
    let changed = || conflict(&format!("the definition of '{}' was changed by another", ours.name));
    match (before, latest) {
        (None, None) => return Ok(ours.clone()),
        (Some(_), None) => return Err(changed()),
        (Some(before), Some(latest)) if before == latest => return Ok(ours.clone()),
        (_, Some(_)) => {}
    }
    let Some(latest) = latest else { return Err(changed()) };
    let ours_only_adds = before.map_or(!ours.declared, |before| is_extension(before, ours));
    let latest_only_added = before.map_or(!latest.declared, |before| is_extension(before, latest));
    if !ours_only_adds || !latest_only_added || ours.kind != latest.kind {
        return Err(changed());
    }
    let mut merged = latest.clone();
    for property in &ours.properties {
        match latest.property_by_id(property.id) {
            Some(theirs) if theirs.property_type == property.property_type => {}
            Some(_) => return Err(changed()),
            None if is_observed(property) => merged.properties.push(property.clone()),
            None => return Err(changed()),
        }
    }
    merged.version += 1;
    Ok(merged)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("uuid", &self.uuid)
            .field("lsn", &self.published.load().lsn())
            .finish_non_exhaustive()
    }
}
