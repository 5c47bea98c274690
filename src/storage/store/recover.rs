//! Opening: the tables, then what the log has behind them.
//!
//! Nothing is changed before all of it was read and understood. What was found behind the flushed
//! transaction is written once more before it is counted on: the process before may have died with it in the
//! operating system's cache, or after a sync that failed and left it there looking clean.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use uuid::Uuid;

use crate::model::{Error, Place, Result, TypeDef, TypeId};
use crate::storage::backend::{Batch, Snapshot, StorageBackend, Table, read_meta};
use crate::storage::catalog::Catalog;
use crate::storage::chunks::{self, chunks_fact};
use crate::storage::disk::{Disk, remove_if_there};
use crate::storage::intern::Interner;
use crate::storage::keys::{Counter, meta, type_key, u32_from, u64_from};
use crate::storage::log::{
    Ending, HEAD_BYTES, LogEntry, LoggedTransaction, Position, Start, Walked, first_chain, segment_name, walk,
};
use crate::storage::merge::Layer;
use crate::storage::planted::{Bug, Planted};
use crate::storage::record::stamp_lsn;
use crate::storage::view::CountChange;

use super::flush::mark_of;
use super::{STORAGE_FORMAT, StoreOptions};

/// What the tables say of the database.
pub(super) struct Base {
    pub(super) uuid: Uuid,
    pub(super) replica: Uuid,
    pub(super) position: Position,
    next_type: u32,
    catalog_version: u64,
}

/// Makes an empty backend a database.
pub(super) fn first_batch(options: &StoreOptions) -> Batch {
    let uuid = options.ids.next(options.clock.now_micros());
    let position = Position { lsn: 0, segment: 0, offset: 0, chain: first_chain(uuid) };
    let facts: BTreeMap<&[u8], Vec<u8>> = BTreeMap::from([
        (meta::FORMAT, STORAGE_FORMAT.to_be_bytes().to_vec()),
        (meta::UUID, uuid.as_bytes().to_vec()),
        // The first replica has the database's own name.
        (meta::REPLICA, uuid.as_bytes().to_vec()),
        (meta::LSN, 0u64.to_be_bytes().to_vec()),
        (meta::LOG, position.encode()),
        (meta::NEXT_TYPE, 0u32.to_be_bytes().to_vec()),
        (meta::CATALOG_VERSION, 0u64.to_be_bytes().to_vec()),
        chunks_fact(0, mark_of(options, None)),
    ]);
    Batch { operations: facts.into_iter().map(|(k, v)| (Table::Meta, k.to_vec(), Some(v))).collect() }
}

/// What a database of an older format lacks: 1 had no log, 2 no indexes.
pub(super) fn upgrade_batch(snapshot: &dyn Snapshot) -> Result<Option<Batch>> {
    let required = |name| required_meta(snapshot, name);
    let format = u32_from(&required(meta::FORMAT)?)?;
    if format >= STORAGE_FORMAT {
        return Ok(None);
    }
    if format == 2 {
        let format = (Table::Meta, meta::FORMAT.to_vec(), Some(STORAGE_FORMAT.to_be_bytes().to_vec()));
        return Ok(Some(Batch { operations: vec![format] }));
    }
    let uuid = uuid_from(&required(meta::UUID)?)?;
    let lsn = u64_from(&required(meta::LSN)?)?;
    let position = Position { lsn, segment: 0, offset: 0, chain: first_chain(uuid) };
    let facts = [
        (meta::FORMAT, STORAGE_FORMAT.to_be_bytes().to_vec()),
        (meta::LOG, position.encode()),
        (meta::REPLICA, uuid.as_bytes().to_vec()),
    ];
    Ok(Some(Batch {
        operations: facts.into_iter().map(|(k, v)| (Table::Meta, k.to_vec(), Some(v))).collect(),
    }))
}

impl Base {
    pub(super) fn read(snapshot: &dyn Snapshot) -> Result<Self> {
        let required = |name| required_meta(snapshot, name);
        let uuid = uuid_from(&required(meta::UUID)?)?;
        let lsn = u64_from(&required(meta::LSN)?)?;
        let (replica, position) = match read_meta(snapshot, meta::LOG)? {
            Some(bytes) => (uuid_from(&required(meta::REPLICA)?)?, Position::decode(&bytes)?),
            // Format 1, opened to be read.
            None => (uuid, Position { lsn, segment: 0, offset: 0, chain: first_chain(uuid) }),
        };
        if position.lsn != lsn {
            return Err(Error::corrupt("data.redb does not agree with itself on its last transaction"));
        }
        Ok(Base {
            uuid,
            replica,
            position,
            next_type: u32_from(&required(meta::NEXT_TYPE)?)?,
            catalog_version: u64_from(&required(meta::CATALOG_VERSION)?)?,
        })
    }
}

/// Refuses tables of a later format.
pub(super) fn check_format(snapshot: &dyn Snapshot) -> Result<()> {
    let format = u32_from(&required_meta(snapshot, meta::FORMAT)?)?;
    if format > STORAGE_FORMAT {
        return Err(Error::unsupported(format!(
            "the data has format {format}, this program knows up to {STORAGE_FORMAT}"
        ))
        .with_hint("open it with a newer aresadb; nothing was changed"));
    }
    Ok(())
}

/// The committed state behind the tables.
pub(super) struct Recovered {
    pub(super) catalog: Catalog,
    /// What the log adds to the tables.
    pub(super) layer: Layer,
    pub(super) walked: Walked,
    /// What a user should know.
    pub(super) notices: Vec<String>,
}

/// Reads the catalog, and what the log has behind the flushed transaction.
pub(super) fn recover(
    snapshot: &dyn Snapshot,
    base: &Base,
    log: Option<&dyn Disk>,
    interner: &Interner,
    options: &StoreOptions,
) -> Result<Recovered> {
    interner.start_types_at(base.next_type);
    let mut replay = Replay {
        snapshot,
        interner,
        planted: options.planted,
        catalog: load_catalog(snapshot, interner, base.catalog_version)?,
        layer: Layer::default(),
        counters: BTreeMap::new(),
    };
    let walked = match log {
        None => {
            let nothing = (base.position, Ending::Clean);
            Walked { end: nothing.0, salt: 0, ending: nothing.1, segments: Vec::new(), time_micros: 0 }
        }
        Some(disk) => {
            walk(disk, Some(base.uuid), Start::Behind(base.position), options.planted, &mut |transaction| {
                replay.transaction(transaction)?;
                Ok(ControlFlow::Continue(()))
            })?
        }
    };
    let mut notices = Vec::new();
    match &walked.ending {
        Ending::Damaged(error) if options.salvage => notices.push(format!(
            "{}: what is shown ends with transaction {}",
            error.message(),
            walked.end.lsn
        )),
        Ending::Damaged(error) => return Err(error.clone()),
        _ => {}
    }
    let Replay { catalog, mut layer, counters, .. } = replay;
    for (id, counter) in counters {
        if let Some(counter) = counter {
            interner.learn_sequence(id, counter.next_sequence);
        }
        let value = counter.map(Counter::encode);
        layer.table_mut(Table::Counters).insert(type_key(id).to_vec(), value);
    }
    Ok(Recovered { catalog, layer, walked, notices })
}

/// Makes durable what the walk found behind `from`, and keeps a torn tail aside. Returns whether the last
/// segment can be gone on with, and what a user should know.
pub(super) fn secure(
    disk: &dyn Disk,
    from: Position,
    walked: &Walked,
    planted: Planted,
) -> Result<(bool, Option<String>)> {
    let end = walked.end;
    if end.segment == 0 {
        return Ok((true, None));
    }
    let name = segment_name(end.segment);
    let failed = |error: &std::io::Error| Error::io(format_args!("secure '{}'", disk.shown(&name)), error);
    // The process before may have died, or failed, between giving a segment its name and this.
    disk.sync().map_err(|e| failed(&e))?;
    let torn = matches!(walked.ending, Ending::Torn);
    if end.lsn == from.lsn && !torn {
        return Ok((true, None));
    }
    let file = disk.open(&name).map_err(|e| failed(&e))?;
    let start = if from.segment == end.segment { from.offset } else { HEAD_BYTES as u64 };
    let bytes = |from: u64, to: u64| -> Result<Vec<u8>> {
        let too_large = |_| Error::corrupt("a segment of the log is too large");
        let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).map_err(too_large)?];
        if !bytes.is_empty() {
            file.read_at(&mut bytes, from).map_err(|e| failed(&e))?;
        }
        Ok(bytes)
    };
    if end.offset > start {
        file.write_at(&bytes(start, end.offset)?, start).map_err(|e| failed(&e))?;
        file.sync().map_err(|e| failed(&e))?;
    }
    if !torn {
        return Ok((true, None));
    }
    let length = file.len().map_err(|e| failed(&e))?;
    let mut tail = bytes(end.offset, length)?;
    let used = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    tail.truncate(used);
    let aside = format!("{name}.{}.torn", end.offset);
    let keep = || -> std::io::Result<()> {
        remove_if_there(disk, &aside)?;
        let copy = disk.create(&aside)?;
        copy.write_at(&tail, 0)?;
        copy.sync()?;
        disk.sync()
    };
    keep().map_err(|error| {
        Error::io(format_args!("write '{}'", disk.shown(&aside)), &error)
            .with_hint("what was not durable is kept aside before it is left out: make room")
    })?;
    let notice = format!(
        "{used} bytes behind transaction {} were never durable; they are kept in {}",
        end.lsn,
        disk.shown(&aside)
    );
    Ok((planted.has(Bug::AppendBehindTorn), Some(notice)))
}

struct Replay<'a> {
    snapshot: &'a dyn Snapshot,
    interner: &'a Interner,
    planted: Planted,
    catalog: Catalog,
    layer: Layer,
    /// Counters that the log changes; `None` for a type that is dropped.
    counters: BTreeMap<TypeId, Option<Counter>>,
}

impl Replay<'_> {
    fn transaction(&mut self, transaction: &LoggedTransaction<'_>) -> Result<()> {
        let mut counts = BTreeMap::new();
        for entry in transaction.entries() {
            self.entry(&entry?, transaction.lsn, &mut counts).map_err(|error| {
                let offset =
                    Place::Offset { path: segment_name(transaction.segment), offset: transaction.offset };
                error.at(offset)
            })?;
        }
        for (id, change) in counts {
            self.count(id, change)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &LogEntry<'_>,
        lsn: u64,
        counts: &mut BTreeMap<TypeId, CountChange>,
    ) -> Result<()> {
        match entry {
            LogEntry::DefineType { .. } | LogEntry::DropType { .. }
                if self.planted.has(Bug::ForgetDefinitions) =>
            {
                return Ok(());
            }
            LogEntry::DefineType { definition, .. } => self.define(definition)?,
            LogEntry::DropType { id, name } => {
                self.interner.forget_type(name, *id);
                // A type made and dropped in one transaction has no definition that would tell.
                self.interner.start_types_at(id.0 + 1);
                self.catalog.remove(*id);
                self.counters.insert(*id, None);
            }
            _ => {}
        }
        let (layer, planted) = (&mut self.layer, self.planted);
        entry.operations(&mut |table, key, value| {
            let forgotten = match table {
                Table::EdgeTo => planted.has(Bug::ForgetAdjacency),
                Table::Ids => value.is_none() && planted.has(Bug::ForgetIdDeletes),
                _ => false,
            };
            if forgotten {
                return Ok(());
            }
            let mut value = value.map(<[u8]>::to_vec);
            if let (Table::Nodes | Table::Edges, Some(record)) = (table, &mut value)
                && !planted.has(Bug::ForgetStamp)
            {
                stamp_lsn(record, lsn);
            }
            layer.table_mut(table).insert(key.to_vec(), value);
            Ok(())
        })?;
        if !self.planted.has(Bug::ForgetCounts) {
            entry.count(counts);
        }
        Ok(())
    }

    fn define(&mut self, definition: &[u8]) -> Result<()> {
        let definition: TypeDef = serde_json::from_slice(definition)
            .map_err(|e| Error::corrupt(format!("a type's definition in the log is damaged: {e}")))?;
        // Repeated for those that read a segment alone.
        if self.catalog.by_id(definition.id).is_some_and(|known| **known == definition) {
            return Ok(());
        }
        self.interner.learn(&definition, 0);
        self.catalog.put(definition);
        Ok(())
    }

    fn count(&mut self, id: TypeId, change: CountChange) -> Result<()> {
        let counter = match self.counters.get(&id) {
            // Rows of a type that the transaction drops go without being counted.
            Some(None) => return Ok(()),
            Some(Some(counter)) => *counter,
            None => self.flushed_counter(id)?,
        };
        self.counters.insert(id, Some(change.apply(counter)));
        Ok(())
    }

    fn flushed_counter(&self, id: TypeId) -> Result<Counter> {
        let mut counter = Counter::default();
        self.snapshot.get(Table::Counters, &type_key(id), &mut |value| {
            counter = Counter::decode(value)?;
            Ok(())
        })?;
        Ok(counter)
    }
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

fn uuid_from(bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|_| Error::corrupt("a UUID in data.redb is damaged"))
}

fn required_meta(snapshot: &dyn Snapshot, name: &[u8]) -> Result<Vec<u8>> {
    read_meta(snapshot, name)?
        .ok_or_else(|| Error::corrupt(format!("data.redb has no '{}'", String::from_utf8_lossy(name))))
}

/// Opens the tables as a database: makes an empty one, brings an older one up to date.
pub(super) fn prepare(backend: &dyn StorageBackend, options: &StoreOptions) -> Result<Arc<dyn Snapshot>> {
    let snapshot = backend.snapshot()?;
    let batch = if read_meta(snapshot.as_ref(), meta::FORMAT)?.is_none() {
        Some(first_batch(options))
    } else {
        check_format(snapshot.as_ref())?;
        if options.read_only { None } else { upgrade_batch(snapshot.as_ref())? }
    };
    let snapshot = match batch {
        None => snapshot,
        Some(batch) => {
            drop(snapshot);
            backend.apply(&batch)?;
            backend.snapshot()?
        }
    };
    if options.read_only {
        return Ok(snapshot);
    }
    let position = Base::read(snapshot.as_ref())?.position;
    let mark = || mark_of(options, Some(position));
    // Where the versions of chunks cannot be read they are not kept either: nothing else needs them.
    match chunks::begin_anew(snapshot.as_ref(), position.lsn, mark()) {
        Ok(Some(batch)) => {
            drop(snapshot);
            backend.apply(&batch)?;
            backend.snapshot()
        }
        _ => Ok(snapshot),
    }
}
