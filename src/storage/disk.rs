//! The file layer: what the operating system gives, and nothing more.
//!
//! Everything durable goes through these two traits, so that a simulated disk can stand in for the
//! operating system in tests. A [`Disk`] is one folder of plain files; a [`RawFile`] is one of them.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that is read and written at offsets.
///
/// What was written is in doubt until [`RawFile::sync`] returned: after a crash, any part of it may
/// be there or not, sector by sector, and so may a new length.
pub trait RawFile: fmt::Debug + Send + Sync + 'static {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` past the end; what the operating system reports.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `data` at `offset`; a write past the end makes the file longer.
    ///
    /// # Errors
    /// What the operating system reports; the range then holds any mix of old and new.
    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the operating system reports.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// What the operating system reports.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends the file; new bytes are zero.
    ///
    /// # Errors
    /// What the operating system reports.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    /// What the operating system reports: nothing is known then about what was written since the
    /// last sync.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of files.
///
/// A new name, a new place of a name and a name that is gone are in doubt until [`Disk::sync`]
/// returned: after a crash each of them may have happened or not. The content of a file is its own
/// matter ([`RawFile::sync`]).
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// The names of the files, in any order; none where the folder does not exist.
    ///
    /// # Errors
    /// What the operating system reports.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for what is not a plain file; what the operating system reports.
    fn open(&self, name: &str) -> io::Result<Box<dyn RawFile>>;

    /// Makes a new, empty file.
    ///
    /// # Errors
    /// `AlreadyExists`; what the operating system reports.
    fn create(&self, name: &str) -> io::Result<Box<dyn RawFile>>;

    /// Gives a file another name; a file of that name is replaced. It is one step: nobody sees
    /// neither or both.
    ///
    /// # Errors
    /// What the operating system reports.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system reports.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    ///
    /// # Errors
    /// What the operating system reports.
    fn sync(&self) -> io::Result<()>;

    /// Bytes that can still be written, where that is known.
    ///
    /// # Errors
    /// What the operating system reports.
    fn available(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    /// What a file is called in messages.
    fn shown(&self, name: &str) -> String;
}

/// Removes a file, unless it is gone already.
pub(crate) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl RawFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A folder of the operating system. Made with its first file, mode 0700; files are 0600.
#[derive(Debug, Clone)]
pub struct OsDisk {
    path: PathBuf,
    read_only: bool,
}

impl OsDisk {
    /// The folder at `path`. `read_only` files are opened so, and nothing can be made.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, read_only: bool) -> Self {
        Self { path: path.into(), read_only }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.read_only {
            return Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "the database is open read-only"));
        }
        Ok(())
    }

    fn check_plain(&self, name: &str) -> io::Result<()> {
        if !fs::symlink_metadata(self.path.join(name))?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
        }
        Ok(())
    }
}

impl Disk for OsDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn RawFile>> {
        self.check_plain(name)?;
        let file = OpenOptions::new().read(true).write(!self.read_only).open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn RawFile>> {
        self.check_writable()?;
        if !self.path.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&self.path)?;
            if let Some(parent) = self.path.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(Box::new(options.open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_writable()?;
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.check_writable()?;
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn available(&self) -> io::Result<Option<u64>> {
        let figures = rustix::fs::statvfs(&self.path)?;
        Ok(Some(figures.f_bavail.saturating_mul(figures.f_frsize)))
    }

    fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}
