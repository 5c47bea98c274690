//! The state of one program on one database. Several programs on it have a slot each; a slot is held
//! by a lock that the system gives back when the program ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Error, Result};

use super::files;

/// Programs on one database whose state is kept.
const SLOTS: usize = 64;
/// The largest state that is read.
const STATE_MAX_BYTES: u64 = 64 << 20;

/// A session's file, held.
pub(super) struct Slot {
    file: PathBuf,
    /// The number of the state that was written last.
    number: u64,
    _lock: File,
}

impl Slot {
    /// Takes the first slot of a database that no other program holds.
    ///
    /// # Errors
    /// `Io` where files cannot be made; `Locked` when every slot is taken.
    pub(super) fn take(state: &Path, database: &Path) -> Result<Self> {
        let folder = state.join("sessions").join(key(database));
        files::private_folder(&folder)?;
        for n in 0..SLOTS {
            let path = folder.join(format!("{n}.lock"));
            let lock = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(|e| Error::io(format!("open {}", path.display()), &e))?;
            match lock.try_lock() {
                Ok(()) => return Ok(Self { file: folder.join(format!("{n}.json")), number: 0, _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => {
                    return Err(Error::io(format!("lock {}", path.display()), &e));
                }
            }
        }
        Err(Error::locked(format!("{SLOTS} programs have this database open")))
    }

    /// What was kept last.
    pub(super) fn read(&self) -> Result<Option<String>> {
        files::read_text(&self.file, STATE_MAX_BYTES)
    }

    pub(super) fn keep(&mut self, number: u64, state: &str) -> Result<()> {
        if number <= self.number {
            return Ok(());
        }
        files::write_whole(&self.file, state.as_bytes(), true)?;
        self.number = number;
        Ok(())
    }
}

/// The name of a database's folder of sessions: readable, and its own.
fn key(database: &Path) -> String {
    let name: String = database
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(40)
        .collect();
    format!("{name}-{:016x}", xxh3_64(database.as_os_str().as_encoded_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_programs_have_a_slot_each_and_a_freed_one_is_taken_again() {
        let state = tempfile::tempdir().unwrap();
        let database = Path::new("/srv/my db");
        let mut first = Slot::take(state.path(), database).unwrap();
        let mut second = Slot::take(state.path(), database).unwrap();
        first.keep(1, "one").unwrap();
        second.keep(1, "two").unwrap();
        first.keep(3, "one, later").unwrap();
        first.keep(2, "one, in between").unwrap();
        assert_eq!(first.read().unwrap().as_deref(), Some("one, later"));
        drop(first);
        let again = Slot::take(state.path(), database).unwrap();
        assert_eq!(again.read().unwrap().as_deref(), Some("one, later"));
        assert_eq!(second.read().unwrap().as_deref(), Some("two"));
        let other = Slot::take(state.path(), Path::new("/srv/other/my db")).unwrap();
        assert_eq!(other.read().unwrap(), None);
    }
}
