//! Tables in redb: on a checked file, or in memory. The only file that names redb.
//!
//! A table is a B-tree of byte strings. A batch is one write transaction, durable when `apply`
//! returns, with the allocator's state stored beside it ("quick repair"), so that opening after a
//! crash reads no data. Quick repair also makes every commit a two-phase commit, which the checked
//! file's soundness rests on (see `storage::blocks`): nothing here may commit in another way.
//!
//! Every call into redb is contained: a panic of it becomes an error. After a panic, and after a
//! failed write, the backend takes no more writes and says that the store has to be opened again;
//! what a failed `apply` was to write is then absent.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use redb::backends::InMemoryBackend;
use redb::{
    AccessGuard, CommitError, CompactionError, Database, DatabaseError, Durability, ReadOnlyTable,
    ReadableDatabase, ReadableTableMetadata, StorageError, TableDefinition, TableError, TransactionError,
};

use super::backend::{BackendStats, Changes, Snapshot, StorageBackend, Table, TableStats, Visitor};
use super::blocks::{CheckedFile, Fault, FileNames, Overlay};
use super::contain::{Contained, contain};
use super::disk::{Disk, OsDisk, RawFile};
use super::merge::is_empty_range;
use super::planted::Planted;
use crate::model::{Error, ErrorKind, Result};

/// The name of the data file in the database's folder.
pub(crate) const DATA_FILE: &str = "data.redb";
/// The name of its checksums.
pub(crate) const SUMS_FILE: &str = "data.crc";

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type WriteTable<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;
type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// The redb implementation of [`StorageBackend`].
pub struct RedbBackend {
    opened: RwLock<Arc<Opened>>,
    /// Where the files are; `None` in memory, or where they were handed over.
    place: Option<FilePlace>,
}

/// An engine over its files. Another takes its place after a failure.
struct Opened {
    database: Contained<Database>,
    shared: Arc<Shared>,
}

/// How the files are opened.
#[derive(Clone)]
struct FilePlace {
    disk: Arc<dyn Disk>,
    cache_bytes: usize,
    read_only: bool,
    planted: Planted,
}

/// What snapshots share with their backend.
struct Shared {
    fault: Arc<Fault>,
    size: Size,
    /// The data file as messages name it; `None` in memory.
    path: Option<String>,
}

enum Size {
    File(Arc<CheckedFile>),
    Memory(Arc<AtomicU64>),
}

/// The checked file as redb's backend.
#[derive(Debug)]
struct OnFile(Arc<CheckedFile>);

impl redb::StorageBackend for OnFile {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.0.len_bytes())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> std::io::Result<()> {
        self.0.close()
    }
}

/// Memory as redb's backend, with its size.
#[derive(Debug)]
struct InMemory {
    inner: InMemoryBackend,
    bytes: Arc<AtomicU64>,
}

impl redb::StorageBackend for InMemory {
    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.inner.set_len(len)?;
        self.bytes.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.inner.write(offset, data)
    }
}

impl RedbBackend {
    /// Makes the files of a new database in `dir`. `cache_bytes` is the memory for pages.
    ///
    /// # Errors
    /// `BadInput` if they are there already; `Io`, `OutOfSpace`.
    pub fn create(dir: &Path, cache_bytes: usize) -> Result<Self> {
        Self::create_in(Arc::new(OsDisk::new(dir, false)), cache_bytes, Planted::default())
    }

    /// Opens the files of the database in `dir`.
    ///
    /// # Errors
    /// `Corrupt` for files that are missing, cut off, damaged, or not a database; `Io`. Nothing was
    /// changed then.
    pub fn open(dir: &Path, cache_bytes: usize) -> Result<Self> {
        Self::open_in(Arc::new(OsDisk::new(dir, false)), cache_bytes, false, Planted::default())
    }

    /// As [`RedbBackend::create`], in any folder.
    ///
    /// # Errors
    /// As [`RedbBackend::create`].
    pub fn create_in(disk: Arc<dyn Disk>, cache_bytes: usize, planted: Planted) -> Result<Self> {
        let create = |name: &str| {
            disk.create(name).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::bad_input(format!("'{}' is there already", disk.shown(name)))
                }
                _ => Error::io(format_args!("create '{}'", disk.shown(name)), &error),
            })
        };
        let (data, sums) = (create(DATA_FILE)?, create(SUMS_FILE)?);
        let names = file_names(disk.as_ref());
        let file = CheckedFile::create(data, sums, names.clone())?.with_planted(planted);
        let opened = Opened::start_on(file, names.data, cache_bytes)?;
        let place = FilePlace { disk, cache_bytes, read_only: false, planted };
        let backend = RedbBackend { opened: RwLock::new(Arc::new(opened)), place: Some(place) };
        backend.create_tables()?;
        Ok(backend)
    }

    /// As [`RedbBackend::open`], in any folder. `read_only` leaves the files as they are.
    ///
    /// # Errors
    /// As [`RedbBackend::open`].
    pub fn open_in(
        disk: Arc<dyn Disk>,
        cache_bytes: usize,
        read_only: bool,
        planted: Planted,
    ) -> Result<Self> {
        let place = FilePlace { disk, cache_bytes, read_only, planted };
        let opened = place.open()?;
        let backend = RedbBackend { opened: RwLock::new(Arc::new(opened)), place: Some(place) };
        // Its tables are there, or it is another program's file.
        backend.snapshot()?;
        Ok(backend)
    }

    /// A database in memory, gone with the backend.
    ///
    /// # Errors
    /// `Internal` if redb refuses.
    pub fn memory() -> Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let backend = InMemory { inner: InMemoryBackend::new(), bytes: Arc::clone(&bytes) };
        let shared = Shared { fault: Arc::default(), size: Size::Memory(bytes), path: None };
        // redb's cache would hold a second copy of what is in memory anyway.
        let opened = Opened::start(backend, 4 << 20, shared)?;
        let backend = RedbBackend { opened: RwLock::new(Arc::new(opened)), place: None };
        backend.create_tables()?;
        Ok(backend)
    }

    /// Makes a new database on two empty files.
    ///
    /// # Errors
    /// As [`RedbBackend::create`].
    #[cfg(test)]
    pub(crate) fn create_on(
        data: Box<dyn RawFile>,
        sums: Box<dyn RawFile>,
        names: FileNames,
        cache_bytes: usize,
    ) -> Result<Self> {
        let path = names.data.clone();
        let opened = Opened::start_on(CheckedFile::create(data, sums, names)?, path, cache_bytes)?;
        let backend = RedbBackend { opened: RwLock::new(Arc::new(opened)), place: None };
        backend.create_tables()?;
        Ok(backend)
    }

    /// Opens a database on its two files.
    ///
    /// # Errors
    /// As [`RedbBackend::open`].
    #[cfg(test)]
    pub(crate) fn open_on(
        data: Box<dyn RawFile>,
        sums: Box<dyn RawFile>,
        names: FileNames,
        cache_bytes: usize,
    ) -> Result<Self> {
        let path = names.data.clone();
        let opened = Opened::start_on(CheckedFile::open(data, sums, names)?, path, cache_bytes)?;
        let backend = RedbBackend { opened: RwLock::new(Arc::new(opened)), place: None };
        backend.snapshot()?;
        Ok(backend)
    }

    /// Gives the file's free space back to the disk. No snapshot may be in use.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `OutOfSpace`: the data is as before.
    pub fn compact(&mut self) -> Result<()> {
        let in_use = || Error::internal("a snapshot of the tables is in use");
        let opened = Arc::get_mut(self.opened.get_mut()).ok_or_else(in_use)?;
        let shared = Arc::clone(&opened.shared);
        let database = opened.database.get_mut().ok_or_else(in_use)?;
        shared.call(|| {
            while database.compact().map_err(Failure::from)? {}
            Ok(())
        })
    }

    fn create_tables(&self) -> Result<()> {
        self.write(|write| {
            for table in Table::ALL {
                write.open_table(definition(table))?;
            }
            Ok(())
        })
    }

    fn opened(&self) -> Arc<Opened> {
        Arc::clone(&self.opened.read())
    }

    /// One durable write transaction.
    fn write(&self, body: impl FnOnce(&redb::WriteTransaction) -> Result<(), Failure>) -> Result<()> {
        let opened = self.opened();
        let database = opened.database()?;
        if let Some(error) = opened.shared.fault.get() {
            return Err(error);
        }
        opened.shared.call(|| {
            let mut write = database.begin_write()?;
            write.set_durability(Durability::Immediate).map_err(|e| Failure::Other(e.to_string()))?;
            write.set_quick_repair(true);
            body(&write)?;
            write.commit()?;
            Ok(())
        })
    }
}

impl FilePlace {
    fn open(&self) -> Result<Opened> {
        let open = |name: &str| -> Result<Box<dyn RawFile>> {
            let shown = self.disk.shown(name);
            let file = self.disk.open(name).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Error::corrupt(format!("'{shown}' is missing"))
                    .with_hint("restore the database from a backup"),
                std::io::ErrorKind::InvalidInput => {
                    Error::bad_input(format!("'{shown}' is not a plain file"))
                        .with_hint("a database does not follow links: put the file itself there")
                }
                _ => Error::io(format_args!("open '{shown}'"), &error),
            })?;
            if !self.read_only {
                return Ok(file);
            }
            let overlay =
                Overlay::new(file).map_err(|error| Error::io(format_args!("read '{shown}'"), &error))?;
            Ok(Box::new(overlay))
        };
        let names = file_names(self.disk.as_ref());
        let file = CheckedFile::open(open(DATA_FILE)?, open(SUMS_FILE)?, names.clone())?;
        Opened::start_on(file.with_planted(self.planted), names.data, self.cache_bytes)
    }
}

impl Opened {
    fn start_on(file: CheckedFile, path: String, cache_bytes: usize) -> Result<Self> {
        let fault = Arc::clone(file.fault());
        let file = Arc::new(file);
        let shared = Shared { fault, size: Size::File(Arc::clone(&file)), path: Some(path) };
        Self::start(OnFile(file), cache_bytes, shared)
    }

    fn start(backend: impl redb::StorageBackend, cache_bytes: usize, shared: Shared) -> Result<Self> {
        let database = shared.call(|| {
            Database::builder()
                .set_cache_size(cache_bytes)
                .create_with_backend(backend)
                .map_err(Failure::from)
        })?;
        Ok(Opened { database: Contained::new(database), shared: Arc::new(shared) })
    }

    fn database(&self) -> Result<&Database> {
        self.shared.check_usable()?;
        self.database.get().ok_or_else(|| Error::internal("the database was closed"))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // After a panic its state may be anything: the file is better left as it was synced.
        if self.shared.fault.is_unusable() {
            self.database.forget();
        }
    }
}

impl StorageBackend for RedbBackend {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        let opened = self.opened();
        let database = opened.database()?;
        let tables = opened.shared.call(|| {
            let read = database.begin_read()?;
            let mut tables = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                tables.push(open_table(&read, table)?);
            }
            Ok(tables)
        })?;
        Ok(Arc::new(RedbSnapshot { tables: Contained::new(tables), shared: Arc::clone(&opened.shared) }))
    }

    fn apply(&self, changes: &dyn Changes) -> Result<()> {
        self.write(|write| {
            let mut target: Option<(Table, WriteTable<'_>)> = None;
            let mut failure = None;
            let visited = changes.visit(&mut |table, key, value| {
                let mut put = || -> Result<(), Failure> {
                    if target.as_ref().is_none_or(|(open, _)| *open != table) {
                        target = None;
                        target = Some((table, write.open_table(definition(table))?));
                    }
                    if let Some((_, target)) = &mut target {
                        match value {
                            Some(value) => drop(target.insert(key, value)?),
                            None => drop(target.remove(key)?),
                        }
                    }
                    Ok(())
                };
                put().map_err(|error| {
                    failure = Some(error);
                    Error::internal("the storage engine failed")
                })
            });
            match (visited, failure) {
                (Ok(()), _) => Ok(()),
                (Err(_), Some(failure)) => Err(failure),
                (Err(error), None) => Err(Failure::Other(error.to_string())),
            }
        })
    }

    fn available(&self) -> Result<Option<u64>> {
        let Some(place) = &self.place else { return Ok(None) };
        place
            .disk
            .available()
            .map_err(|error| Error::io(format_args!("look for room in '{}'", place.disk.shown("")), &error))
    }

    fn recover(&self) -> Result<()> {
        let Some(place) = &self.place else { return Ok(()) };
        if self.sync_failed() {
            return Err(self.opened().shared.fault.get().unwrap_or_else(|| Error::internal("a sync failed")));
        }
        let mut opened = self.opened.write();
        if opened.shared.fault.get().is_none() {
            return Ok(());
        }
        // The old engine writes nothing at its end: its file has failed.
        *opened = Arc::new(place.open()?);
        Ok(())
    }

    fn has_failed(&self) -> bool {
        self.place.is_some() && self.opened.read().shared.fault.get().is_some()
    }

    fn sync_failed(&self) -> bool {
        self.opened.read().shared.fault.sync_failed()
    }

    /// Reads every page of the tables: an answer for a command, not for a hot path.
    fn stats(&self) -> Result<BackendStats> {
        let opened = self.opened();
        let database = opened.database()?;
        let tables = opened.shared.call(|| {
            let read = database.begin_read()?;
            let mut tables = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                let Some(opened) = open_table(&read, table)? else { continue };
                let stored_bytes = opened.stats()?.stored_bytes();
                tables.push(TableStats { table, entries: opened.len()?, stored_bytes });
            }
            Ok(tables)
        })?;
        let file_bytes = match &opened.shared.size {
            Size::File(file) => file.len_bytes(),
            Size::Memory(bytes) => bytes.load(Ordering::Relaxed),
        };
        Ok(BackendStats { file_bytes, tables })
    }
}

/// A table to read; `None` where a file of an older format does not have it.
fn open_table(read: &redb::ReadTransaction, table: Table) -> Result<Option<ReadTable>, Failure> {
    match read.open_table(definition(table)) {
        Err(TableError::TableDoesNotExist(_)) if matches!(table, Table::IndexEntries | Table::Chunks) => {
            Ok(None)
        }
        opened => Ok(Some(opened?)),
    }
}

struct RedbSnapshot {
    /// By [`Table`] number.
    tables: Contained<Vec<Option<ReadTable>>>,
    shared: Arc<Shared>,
}

impl RedbSnapshot {
    /// `None`: the file's format does not have it yet.
    fn table(&self, table: Table) -> Result<Option<&ReadTable>> {
        self.shared.check_usable()?;
        let tables = self.tables.get().ok_or_else(|| Error::internal("the snapshot has ended"))?;
        tables
            .get(table as usize)
            .map(Option::as_ref)
            .ok_or_else(|| Error::internal(format!("table '{}' was not opened", table.name())))
    }
}

impl Snapshot for RedbSnapshot {
    fn get(&self, table: Table, key: &[u8], read: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        let Some(table) = self.table(table)? else { return Ok(false) };
        let found = self.shared.call(|| {
            let found = table.get(key)?;
            if let Some(guard) = &found {
                touch(guard);
            }
            Ok(found)
        })?;
        match found {
            Some(guard) => read(guard.value()).map(|()| true),
            None => Ok(false),
        }
    }

    fn scan(&self, table: Table, range: (Bound<&[u8]>, Bound<&[u8]>), visit: &mut Visitor<'_>) -> Result<()> {
        self.walk(table, range, false, visit)
    }

    fn scan_back(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        visit: &mut Visitor<'_>,
    ) -> Result<()> {
        self.walk(table, range, true, visit)
    }
}

impl RedbSnapshot {
    fn walk(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        back: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<()> {
        if is_empty_range(range) {
            return Ok(());
        }
        let Some(table) = self.table(table)? else { return Ok(()) };
        let mut entries = self.shared.call(|| Ok(table.range::<&[u8]>(range)?))?;
        loop {
            let next = self.shared.call(|| {
                let next = if back { entries.next_back() } else { entries.next() }.transpose()?;
                if let Some((key, value)) = &next {
                    touch(key);
                    touch(value);
                }
                Ok(next)
            })?;
            // Outside: a panic of the visitor is not one of the engine.
            match next {
                Some((key, value)) => {
                    if visit(key.value(), value.value())? == ControlFlow::Break(()) {
                        break;
                    }
                }
                None => break,
            }
        }
        Ok(())
    }
}

/// Takes a value once where a panic is contained; the second time then goes the same way.
fn touch(guard: &AccessGuard<'_, &'static [u8]>) {
    std::hint::black_box(guard.value());
}

/// Why redb did not do something.
enum Failure {
    Storage(StorageError),
    /// Words for it.
    Other(String),
    /// The file lacks a table, or has it in another shape.
    NotOurs(String),
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Failure::Storage(error)
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => Failure::Storage(error),
            other => Failure::Other(other.to_string()),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => Failure::Storage(error),
            other => Failure::Other(other.to_string()),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => Failure::Storage(error),
            other => Failure::NotOurs(other.to_string()),
        }
    }
}

impl From<CompactionError> for Failure {
    fn from(error: CompactionError) -> Self {
        match error {
            CompactionError::Storage(error) => Failure::Storage(error),
            other => Failure::Other(other.to_string()),
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Storage(error) => Failure::Storage(error),
            other => Failure::NotOurs(other.to_string()),
        }
    }
}

impl Shared {
    /// Runs a call into redb: its errors and panics become ours.
    fn call<T>(&self, call: impl FnOnce() -> Result<T, Failure>) -> Result<T> {
        match contain(call) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => Err(self.explain(failure)),
            Err(panic) => {
                let error = self.fault.get().unwrap_or_else(|| self.after_panic(&panic));
                self.fault.make_unusable(error.clone());
                Err(error)
            }
        }
    }

    fn check_usable(&self) -> Result<()> {
        if !self.fault.is_unusable() {
            return Ok(());
        }
        Err(self.fault.get().unwrap_or_else(|| Error::internal("the database has to be opened again")))
    }

    fn explain(&self, failure: Failure) -> Error {
        let corrupt = |message: String| {
            self.place(Error::corrupt(message).with_hint("restore the database from a backup"))
        };
        match failure {
            Failure::Storage(StorageError::ValueTooLarge(bytes)) => {
                Error::bad_input(format!("a value of {bytes} bytes is too large to store"))
            }
            Failure::Storage(StorageError::DatabaseClosed) => Error::internal("the database was closed"),
            Failure::Storage(error) => self.fault.get().unwrap_or_else(|| match error {
                StorageError::Corrupted(message) => corrupt(format!("the database is damaged: {message}")),
                StorageError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    corrupt("the file is not a database of aresadb".into())
                }
                StorageError::Io(error) => Error::io("use the database file", &error),
                StorageError::PreviousIo => Error::new(ErrorKind::Io, "an earlier access to the file failed")
                    .with_hint("open the database again"),
                other => Error::internal(format!("the storage engine failed: {other}"))
                    .with_hint("open the database again"),
            }),
            Failure::NotOurs(message) => {
                corrupt(format!("the file is not a database this program can read: {message}"))
            }
            Failure::Other(message) => Error::internal(format!("the storage engine failed: {message}")),
        }
    }

    fn after_panic(&self, panic: &str) -> Error {
        let message = format!("the storage engine stopped over its data: {panic}");
        if self.path.is_none() {
            return Error::internal(message);
        }
        self.place(Error::corrupt(message).with_hint("open the database again, or restore it from a backup"))
    }

    fn place(&self, error: Error) -> Error {
        match &self.path {
            Some(path) => error.at_file(path.clone(), None, None),
            None => error,
        }
    }
}

fn file_names(disk: &dyn Disk) -> FileNames {
    FileNames { data: disk.shown(DATA_FILE), sums: disk.shown(SUMS_FILE) }
}

#[cfg(test)]
mod tests;
