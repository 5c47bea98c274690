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

use std::fs::{File, OpenOptions};
use std::ops::{Bound, ControlFlow};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::InMemoryBackend;
use redb::{
    AccessGuard, CommitError, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase,
    ReadableTableMetadata, StorageError, TableDefinition, TableError, TransactionError,
};

use super::backend::{BackendStats, Batch, Snapshot, StorageBackend, Table, TableStats, Visitor};
use super::blocks::{CheckedFile, Fault, FileNames};
use super::contain::{Contained, contain};
use super::disk::RawFile;
use super::merge::is_empty_range;
use crate::model::{Error, ErrorKind, Result};

/// The name of the data file in the database's folder.
pub(crate) const DATA_FILE: &str = "data.redb";
/// The name of its checksums.
pub(crate) const SUMS_FILE: &str = "data.crc";

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type ReadTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// The redb implementation of [`StorageBackend`].
pub struct RedbBackend {
    database: Contained<Database>,
    shared: Arc<Shared>,
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
        let open = |name: &str| {
            let path = dir.join(name);
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(
                |error| match error.kind() {
                    std::io::ErrorKind::AlreadyExists => {
                        Error::bad_input(format!("'{}' is there already", path.display()))
                    }
                    _ => Error::io(format_args!("create '{}'", path.display()), &error),
                },
            )
        };
        let data = open(DATA_FILE)?;
        let sums = open(SUMS_FILE)?;
        Self::create_on(Box::new(data), Box::new(sums), file_names(dir), cache_bytes)
    }

    /// Opens the files of the database in `dir`.
    ///
    /// # Errors
    /// `Corrupt` for files that are missing, cut off, damaged, or not a database; `Io`. Nothing was
    /// changed then.
    pub fn open(dir: &Path, cache_bytes: usize) -> Result<Self> {
        let data = open_file(&dir.join(DATA_FILE))?;
        let sums = open_file(&dir.join(SUMS_FILE))?;
        Self::open_on(Box::new(data), Box::new(sums), file_names(dir), cache_bytes)
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
        let backend = Self::start(backend, 4 << 20, shared)?;
        backend.create_tables()?;
        Ok(backend)
    }

    /// Makes a new database on two empty files.
    ///
    /// # Errors
    /// As [`RedbBackend::create`].
    pub(crate) fn create_on(
        data: Box<dyn RawFile>,
        sums: Box<dyn RawFile>,
        names: FileNames,
        cache_bytes: usize,
    ) -> Result<Self> {
        let path = names.data.clone();
        let backend = Self::start_on(CheckedFile::create(data, sums, names)?, path, cache_bytes)?;
        backend.create_tables()?;
        Ok(backend)
    }

    /// Opens a database on its two files.
    ///
    /// # Errors
    /// As [`RedbBackend::open`].
    pub(crate) fn open_on(
        data: Box<dyn RawFile>,
        sums: Box<dyn RawFile>,
        names: FileNames,
        cache_bytes: usize,
    ) -> Result<Self> {
        let path = names.data.clone();
        let backend = Self::start_on(CheckedFile::open(data, sums, names)?, path, cache_bytes)?;
        // Its tables are there, or it is another program's file.
        backend.snapshot()?;
        Ok(backend)
    }

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
        Ok(RedbBackend { database: Contained::new(database), shared: Arc::new(shared) })
    }

    fn create_tables(&self) -> Result<()> {
        self.write(|write| {
            for table in Table::ALL {
                write.open_table(definition(table))?;
            }
            Ok(())
        })
    }

    /// One durable write transaction.
    fn write(&self, body: impl FnOnce(&redb::WriteTransaction) -> Result<(), Failure>) -> Result<()> {
        let database = self.database()?;
        if let Some(error) = self.shared.fault.get() {
            return Err(error);
        }
        self.shared.call(|| {
            let mut write = database.begin_write()?;
            write.set_durability(Durability::Immediate).map_err(|e| Failure::Other(e.to_string()))?;
            write.set_quick_repair(true);
            body(&write)?;
            write.commit()?;
            Ok(())
        })
    }

    fn database(&self) -> Result<&Database> {
        self.shared.check_usable()?;
        self.database.get().ok_or_else(|| Error::internal("the database was closed"))
    }
}

impl Drop for RedbBackend {
    fn drop(&mut self) {
        // After a panic its state may be anything: the file is better left as it was synced.
        if self.shared.fault.is_unusable() {
            self.database.forget();
        }
    }
}

impl StorageBackend for RedbBackend {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        let database = self.database()?;
        let tables = self.shared.call(|| {
            let read = database.begin_read()?;
            let mut tables = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                tables.push(read.open_table(definition(table))?);
            }
            Ok(tables)
        })?;
        Ok(Arc::new(RedbSnapshot { tables: Contained::new(tables), shared: Arc::clone(&self.shared) }))
    }

    fn apply(&self, batch: &Batch) -> Result<()> {
        if batch.operations.is_empty() {
            return Ok(());
        }
        self.write(|write| {
            for operations in batch.operations.chunk_by(|a, b| a.0 == b.0) {
                let Some((table, ..)) = operations.first() else { continue };
                let mut target = write.open_table(definition(*table))?;
                for (_, key, change) in operations {
                    match change {
                        Some(value) => drop(target.insert(key.as_slice(), value.as_slice())?),
                        None => drop(target.remove(key.as_slice())?),
                    }
                }
            }
            Ok(())
        })
    }

    /// Reads every page of the tables: an answer for a command, not for a hot path.
    fn stats(&self) -> Result<BackendStats> {
        let database = self.database()?;
        let tables = self.shared.call(|| {
            let read = database.begin_read()?;
            let mut tables = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                let opened = read.open_table(definition(table))?;
                let stored_bytes = opened.stats()?.stored_bytes();
                tables.push(TableStats { table, entries: opened.len()?, stored_bytes });
            }
            Ok(tables)
        })?;
        let file_bytes = match &self.shared.size {
            Size::File(file) => file.len_bytes(),
            Size::Memory(bytes) => bytes.load(Ordering::Relaxed),
        };
        Ok(BackendStats { file_bytes, tables })
    }
}

struct RedbSnapshot {
    /// By [`Table`] number.
    tables: Contained<Vec<ReadTable>>,
    shared: Arc<Shared>,
}

impl RedbSnapshot {
    fn table(&self, table: Table) -> Result<&ReadTable> {
        self.shared.check_usable()?;
        let tables = self.tables.get().ok_or_else(|| Error::internal("the snapshot has ended"))?;
        tables
            .get(table as usize)
            .ok_or_else(|| Error::internal(format!("table '{}' was not opened", table.name())))
    }
}

impl Snapshot for RedbSnapshot {
    fn get(&self, table: Table, key: &[u8], read: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        let table = self.table(table)?;
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
        if is_empty_range(range) {
            return Ok(());
        }
        let table = self.table(table)?;
        let mut entries = self.shared.call(|| Ok(table.range::<&[u8]>(range)?))?;
        loop {
            let next = self.shared.call(|| {
                let next = entries.next().transpose()?;
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

fn file_names(dir: &Path) -> FileNames {
    let name = |file: &str| dir.join(file).display().to_string();
    FileNames { data: name(DATA_FILE), sums: name(SUMS_FILE) }
}

/// Opens a file of a database that must be there, and be a file rather than a link to one.
fn open_file(path: &Path) -> Result<File> {
    let shown = path.display();
    let metadata = std::fs::symlink_metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::corrupt(format!("'{shown}' is missing")).with_hint("restore the database from a backup")
        }
        _ => Error::io(format_args!("open '{shown}'"), &error),
    })?;
    if !metadata.is_file() {
        return Err(Error::bad_input(format!("'{shown}' is not a plain file"))
            .with_hint("a database does not follow links: put the file itself there"));
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| Error::io(format_args!("open '{shown}'"), &error))
}

#[cfg(test)]
mod tests;
