//! Upkeep: checkpoints, verification, settings, backups and what is made of them, compaction.

use std::path::Path;

use crate::model::{CancelToken, Config, Error, ErrorKind, Result};
use crate::storage::{
    Checkpointed, Copied, CopyProgress, Folder, Planted, RedbBackend, StorageBackend as _, Verified,
    VerifyProgress,
};

use super::database::{Database, OpenOptions};

/// The cache of a compaction, which reads and writes every page once.
const COMPACT_CACHE_BYTES: usize = 64 << 20;

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The size of the tables' file before, in bytes.
    pub before_bytes: u64,
    /// Its size now.
    pub after_bytes: u64,
}

impl Database {
    /// Writes all that is committed to the tables, and lets the part of the log go that is not needed
    /// any more. It happens by itself too; nothing that was acknowledged depends on it.
    ///
    /// # Errors
    /// `ReadOnly`; `OutOfSpace`, `Io`: what is committed stays so, in the log.
    pub fn checkpoint(&self) -> Result<Checkpointed> {
        self.store().checkpoint()
    }

    /// Reads everything and holds it against itself: records, ids, edges at their nodes, counters,
    /// definitions. Writing goes on meanwhile; what is verified is the state at the start.
    ///
    /// # Errors
    /// `Cancelled`; `Io` where the operating system refuses. Damage is a finding, not an error.
    pub fn verify(&self, cancel: &CancelToken, progress: &mut dyn FnMut(VerifyProgress)) -> Result<Verified> {
        self.view().verify(cancel, progress)
    }

    /// Copies the database, as it is now, into a new one in a folder that does not exist or is empty.
    /// Writing goes on meanwhile. The copy can be opened like any database.
    ///
    /// # Errors
    /// `BadInput` when something is in the folder; `Cancelled`; `Corrupt` for damage in what is copied;
    /// `OutOfSpace`, `Io`. There is no copy then.
    pub fn backup(
        &self,
        folder: impl AsRef<Path>,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<Copied> {
        self.store().copy_to(folder.as_ref(), self.config(), cancel, progress)
    }

    /// Makes the database of a backup in a folder that does not exist or is empty. The backup stays as it
    /// is.
    ///
    /// # Errors
    /// As [`Database::open`] for the backup, and as [`Database::backup`] for the new database.
    pub fn restore(
        backup: impl AsRef<Path>,
        folder: impl AsRef<Path>,
        options: OpenOptions,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<Copied> {
        let options = OpenOptions { create: false, read_only: true, ..options };
        let source = Self::open(backup, options)?;
        let copied = source.backup(folder, cancel, progress);
        source.close();
        copied
    }

    /// Changes a setting in `config.toml`; it holds from the next opening on.
    ///
    /// # Errors
    /// As [`Config::with_setting`]; `BadInput` for a database in memory, `ReadOnly`, `Io`.
    pub fn set_config(&self, name: &str, value: &str) -> Result<Config> {
        self.store().change_config(&mut |config| config.with_setting(name, value))
    }

    /// Gives the free space of a database's files back to the disk. It must not be open anywhere.
    ///
    /// # Errors
    /// `Locked` while it is open; `Corrupt`, `OutOfSpace`, `Io`: the data is as before.
    pub fn compact(path: impl AsRef<Path>, options: OpenOptions) -> Result<Compacted> {
        let path = path.as_ref();
        if options.read_only || options.salvage {
            return Err(Error::read_only("a database that is opened read-only cannot be compacted"));
        }
        // What is in the log alone goes to the tables first.
        let database = Self::open(path, OpenOptions { create: false, ..options })?;
        let flushed = database.checkpoint().map(|_| ());
        database.close();
        drop(database);
        flushed?;
        let folder = Folder::open(path, false)?;
        let open =
            || RedbBackend::open_in(folder.disk(false), COMPACT_CACHE_BYTES, false, Planted::default());
        let mut backend = open()?;
        let before_bytes = backend.stats()?.file_bytes;
        backend.compact().map_err(|error| match error.kind() {
            ErrorKind::OutOfSpace => error.with_hint("compacting needs room for what it moves"),
            _ => error,
        })?;
        drop(backend);
        // Once more: the engine cuts its file at its end.
        let after_bytes = open()?.stats()?.file_bytes;
        Ok(Compacted { before_bytes, after_bytes })
    }
}
