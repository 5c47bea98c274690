//! The folder of a database: `PATH/.aresadb` with its settings, its files and its lock.
//!
//! Made so that a crash leaves either no database or a whole one: everything is written and synced in
//! `.aresadb.new`, which then takes its name. Folders are 0700, files 0600.
//!
//! One process at a time has a database open to write, or any number to read; within a process, one
//! [`Folder`] to write. The lock is the operating system's on the file `lock`, so it ends with its holder,
//! however that ends; what the file says is for messages alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, OsDisk};
use super::log::LOG_FOLDER;
use super::log::check_log_formats;
use super::tables::RedbBackend;
use crate::model::{Config, Error, FORMAT_VERSION, Result};

const FOLDER: &str = ".aresadb";
const NEW_FOLDER: &str = ".aresadb.new";
const CONFIG_FILE: &str = "config.toml";
const LOCK_FILE: &str = "lock";
const CACHE_FOLDER: &str = "cache";
const IGNORE_FILE: &str = ".gitignore";
/// Far more than settings take: a larger file is something else.
const CONFIG_MAX_BYTES: u64 = 1 << 20;
/// The cache for the moment a database is made in.
const CREATE_CACHE_BYTES: usize = 1 << 20;

/// A database's folder, locked for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    files: PathBuf,
    config: Config,
    /// Holds the lock.
    _lock: File,
}

impl Folder {
    /// Makes a new, empty database in `path`, which is made where it is missing, and opens it.
    ///
    /// # Errors
    /// `BadInput` if there is a database already or `path` is a file; `Locked` while another process
    /// makes one there; `Io`, `OutOfSpace`.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        Self::create_filled(path, config, &mut |_| Ok(()))
    }

    /// As [`Folder::create`], in a `path` that does not exist or is empty, with what `fill` writes to
    /// the tables. Where it fails nothing is left of it.
    ///
    /// # Errors
    /// `BadInput` if something is in `path`; what `fill` fails with; as [`Folder::create`].
    pub fn create_with(
        path: &Path,
        config: &Config,
        fill: &mut dyn FnMut(&RedbBackend) -> Result<()>,
    ) -> Result<Self> {
        let holds = |name: &std::ffi::OsStr| name != NEW_FOLDER;
        let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
        if entries.any(|entry| holds(&entry.file_name())) {
            return Err(Error::bad_input(format!("'{}' is not empty", path.display()))
                .with_hint("name a folder that does not exist yet"));
        }
        let is_new = !path.exists();
        Self::create_filled(path, config, fill).inspect_err(|error| {
            // A folder that somebody else prepares is theirs.
            if error.kind() != crate::model::ErrorKind::Locked {
                let _ = fs::remove_dir_all(path.join(NEW_FOLDER));
                if is_new {
                    let _ = fs::remove_dir(path);
                }
            }
        })
    }

    fn create_filled(
        path: &Path,
        config: &Config,
        fill: &mut dyn FnMut(&RedbBackend) -> Result<()>,
    ) -> Result<Self> {
        let shown = path.display();
        let files = path.join(FOLDER);
        let made = make_database_folder(path)?;
        if fs::symlink_metadata(&files).is_ok() {
            return Err(Error::bad_input(format!("'{shown}' is a database already"))
                .with_hint("open it, or choose another path"));
        }
        let new = path.join(NEW_FOLDER);
        let lock = start_new_folder(&new)?;
        let text = config.to_toml()?;
        write_new_file(&new.join(CONFIG_FILE), text.as_bytes())?;
        // Made and closed here: its files are whole before the folder has its name.
        let backend = RedbBackend::create(&new, CREATE_CACHE_BYTES)?;
        fill(&backend)?;
        drop(backend);
        sync_folder(&new)?;
        ignore_files(path)?;
        fs::rename(&new, &files).map_err(|error| match error.kind() {
            // Somebody else was faster; rename does not replace a folder that holds something.
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                Error::bad_input(format!("'{shown}' is a database already"))
            }
            _ => Error::io(format_args!("create '{}'", files.display()), &error),
        })?;
        sync_folder(path)?;
        for parent in made {
            sync_folder(&parent)?;
        }
        Ok(Folder { path: path.to_owned(), files, config: config.clone(), _lock: lock })
    }

    /// Opens the database in `path`: reads its settings and takes its lock.
    ///
    /// # Errors
    /// `NotFound` if there is no database; `BadInput` if `path` is a file, or for settings with a
    /// mistake; `Unsupported` for a newer format; `Locked` while it is open, here or in another
    /// process; `Io`. Nothing was changed then.
    pub fn open(path: &Path, read_only: bool) -> Result<Self> {
        let files = path.join(FOLDER);
        find(path, &files)?;
        let mut config = read_config(&files.join(CONFIG_FILE))?;
        let lock = take_lock(&files, path, read_only)?;
        if config.version < FORMAT_VERSION && !read_only {
            // Before a byte is written: what is newer stays as it is.
            check_log_formats(&OsDisk::new(files.join(LOG_FOLDER), true))?;
            // Programs that know only the older format must not open it any more.
            config.version = FORMAT_VERSION;
            replace_config(&files, &config)?;
        }
        Ok(Folder { path: path.to_owned(), files, config, _lock: lock })
    }

    /// Changes the settings in the file; an open database keeps those it was opened with.
    ///
    /// # Errors
    /// What `change` fails with; `Io`, `OutOfSpace`. The file is as before then.
    pub fn change_config(&self, change: &mut dyn FnMut(Config) -> Result<Config>) -> Result<Config> {
        let config = change(read_config(&self.files.join(CONFIG_FILE))?)?;
        replace_config(&self.files, &config)?;
        Ok(config)
    }

    /// The folder of its tables.
    #[must_use]
    pub fn disk(&self, read_only: bool) -> Arc<dyn Disk> {
        Arc::new(OsDisk::new(&self.files, read_only))
    }

    /// The folder of its log.
    #[must_use]
    pub fn log(&self, read_only: bool) -> Arc<dyn Disk> {
        Arc::new(OsDisk::new(self.files.join(LOG_FOLDER), read_only))
    }

    /// The folder of what is derived from its tables and can be made again.
    #[must_use]
    pub fn cache(&self, read_only: bool) -> Arc<dyn Disk> {
        Arc::new(OsDisk::new(self.files.join(CACHE_FOLDER), read_only))
    }

    /// The folder of the log of the database in `path`, to read. Nothing is opened or locked.
    ///
    /// # Errors
    /// `NotFound` if there is no database; `BadInput` if `path` is a file; `Io`.
    pub fn log_of(path: &Path) -> Result<Arc<dyn Disk>> {
        let files = path.join(FOLDER);
        find(path, &files)?;
        Ok(Arc::new(OsDisk::new(files.join(LOG_FOLDER), true)))
    }

    /// The path the database was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of its files, `PATH/.aresadb`.
    #[must_use]
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// Its files by name, those of the log as `wal/NAME`, derived ones as `cache/NAME`, and their bytes.
    ///
    /// # Errors
    /// `Io`.
    pub fn sizes(&self) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        let folders = [("", ""), (LOG_FOLDER, "wal/"), (CACHE_FOLDER, "cache/")];
        for (folder, prefix) in folders.map(|(name, prefix)| (self.files.join(name), prefix)) {
            let failed = |error: io::Error| Error::io(format_args!("list '{}'", folder.display()), &error);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                // A file may go meanwhile: a checkpoint lets segments go.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_file() {
                    found.push((format!("{prefix}{}", entry.file_name().to_string_lossy()), metadata.len()));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// Makes `path` where it is missing. Returns the folders that have got a new entry by it.
fn make_database_folder(path: &Path) -> Result<Vec<PathBuf>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(Vec::new()),
        Ok(_) => return Err(not_a_folder(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(not_a_folder(path)),
        Err(error) => return Err(Error::io(format_args!("open '{}'", path.display()), &error)),
    }
    let missing = |ancestor: &&Path| !ancestor.as_os_str().is_empty() && !ancestor.exists();
    let parents = path
        .ancestors()
        .take_while(missing)
        .map(|made| match made.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        })
        .collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => not_a_folder(path),
        _ => Error::io(format_args!("create '{}'", path.display()), &error),
    })?;
    Ok(parents)
}

/// Makes the folder a database is prepared in, with its lock held. One that a crash left is replaced.
fn start_new_folder(new: &Path) -> Result<File> {
    if fs::symlink_metadata(new).is_ok_and(|metadata| metadata.is_dir()) {
        // Whoever prepares a database in it holds its lock.
        drop(take_lock(new, new, false)?);
        fs::remove_dir_all(new)
            .map_err(|error| Error::io(format_args!("remove '{}'", new.display()), &error))?;
    }
    DirBuilder::new().mode(0o700).create(new).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::locked(format!("a database is being made in '{}'", new.display()))
        }
        _ => Error::io(format_args!("create '{}'", new.display()), &error),
    })?;
    take_lock(new, new, false)
}

fn find(path: &Path, files: &Path) -> Result<()> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(not_a_folder(path)),
        Err(error) => {
            return Err(match error.kind() {
                io::ErrorKind::NotFound => Error::not_found(format!("'{shown}' does not exist"))
                    .with_hint(format!("make a database there: aresadb init {shown}")),
                io::ErrorKind::NotADirectory => not_a_folder(path),
                _ => Error::io(format_args!("open '{shown}'"), &error),
            });
        }
    }
    match fs::symlink_metadata(files) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Error::bad_input(format!("'{}' is not a folder", files.display()))
            .with_hint("a database does not follow links: put the folder itself there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::not_found(format!("'{shown}' is not a database: it has no {FOLDER} folder"))
                .with_hint(format!("make a database there: aresadb init {shown}")))
        }
        Err(error) => Err(Error::io(format_args!("open '{}'", files.display()), &error)),
    }
}

fn not_a_folder(path: &Path) -> Error {
    Error::bad_input(format!("'{}' is not a folder", path.display()))
        .with_hint("a database is a folder: name the folder it is in")
}

fn read_config(path: &Path) -> Result<Config> {
    let shown = path.display();
    let unreadable = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::corrupt(format!("'{shown}' is missing"))
            .with_hint("restore it from a backup, or from another database's with this one's name"),
        _ => Error::io(format_args!("read '{shown}'"), error),
    };
    let mut text = Vec::new();
    let file = open_plain(path, OpenOptions::new().read(true)).map_err(|error| unreadable(&error))?;
    file.take(CONFIG_MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| unreadable(&error))?;
    if text.len() as u64 > CONFIG_MAX_BYTES {
        return Err(Error::bad_input("the file is too large to be settings").at_file(
            shown.to_string(),
            None,
            None,
        ));
    }
    let text = String::from_utf8(text).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        Error::bad_input("the file is not UTF-8 text")
            .at_file(shown.to_string(), Some(line), None)
            .with_hint("correct the line; nothing was changed")
    })?;
    Config::parse(&text, &shown.to_string())
}

/// Takes the lock in `files`, shared with other readers to read; `path` is for messages.
fn take_lock(files: &Path, path: &Path, read_only: bool) -> Result<File> {
    let lock_path = files.join(LOCK_FILE);
    let failed = |error: &io::Error| Error::io(format_args!("lock '{}'", path.display()), error);
    let mut writable = OpenOptions::new();
    writable.read(true).write(true).create(true).truncate(false).mode(0o600);
    let opened = open_plain(&lock_path, &writable);
    let mut lock = match opened {
        // A disk that cannot be written has readers all the same.
        Err(_) if read_only => open_plain(&lock_path, OpenOptions::new().read(true)),
        other => other,
    }
    .map_err(|error| failed(&error))?;
    match if read_only { lock.try_lock_shared() } else { lock.try_lock() } {
        Ok(()) => {
            // Only for messages: a file that cannot be written still locks.
            let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{} {}", std::process::id(), program()));
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => Err(locked(path, &mut lock)),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

fn locked(path: &Path, lock: &mut File) -> Error {
    let mut text = String::new();
    let read = Read::by_ref(lock).take(4096).read_to_string(&mut text);
    let holder = read.ok().and_then(|_| {
        let (pid, program) = text.trim().split_once(' ')?;
        Some((pid.parse::<u32>().ok()?, program))
    });
    let shown = path.display();
    match holder {
        Some((pid, _)) if pid == std::process::id() => {
            Error::locked(format!("'{shown}' is open in this program already"))
                .with_hint("use the one that is open")
        }
        Some((pid, program)) => {
            Error::locked(format!("'{shown}' is open in another program: {program} (process {pid})"))
                .with_hint(format!("close it there, or try again later; process {pid} holds it"))
        }
        None => Error::locked(format!("'{shown}' is open in another program"))
            .with_hint("close it there, or try again later"),
    }
}

/// What this program is called, on one line.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "unknown".into()).replace(char::is_control, " ")
}

/// Opens a file that is not a link.
fn open_plain(path: &Path, options: &OpenOptions) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => options.open(path),
    }
}

/// Puts other settings in the place of those there are, in one step.
fn replace_config(files: &Path, config: &Config) -> Result<()> {
    let new = files.join("config.toml.new");
    let _ = fs::remove_file(&new);
    write_new_file(&new, config.to_toml()?.as_bytes())?;
    let path = files.join(CONFIG_FILE);
    fs::rename(&new, &path).map_err(|error| Error::io(format_args!("write '{}'", path.display()), &error))?;
    sync_folder(files)
}

fn write_new_file(path: &Path, content: &[u8]) -> Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| Error::io(format_args!("write '{}'", path.display()), &error))
}

/// Keeps the database's files out of version control: a copy of them taken while the database is in
/// use is not a backup. What the file says already stays.
fn ignore_files(path: &Path) -> Result<()> {
    let file_path = path.join(IGNORE_FILE);
    let ignore = || {
        let mut file =
            open_plain(&file_path, OpenOptions::new().read(true).append(true).create(true).mode(0o600))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let rule = format!("{FOLDER}/");
        if text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == rule.as_bytes()) {
            return Ok(());
        }
        let separator = if text.last().is_some_and(|byte| *byte != b'\n') { "\n" } else { "" };
        file.write_all(format!("{separator}{rule}\n").as_bytes())?;
        file.sync_all()
    };
    ignore().map_err(|error| Error::io(format_args!("write '{}'", file_path.display()), &error))
}

/// Makes the entries of a folder durable.
fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io(format_args!("sync '{}'", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::model::ErrorKind;

    fn config() -> Config {
        Config::new("mydb", 1_700_000_000_000_000)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_database_is_whole_private_and_ignored_by_version_control() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/mydb");
        let folder = Folder::create(&path, &config()).unwrap();
        assert_eq!((folder.path(), folder.config()), (path.as_path(), &config()));
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(folder.files()), 0o700);
        for file in ["config.toml", "data.redb", "data.crc", "lock"] {
            assert_eq!(mode(&folder.files().join(file)), 0o600, "{file}");
        }
        assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), ".aresadb/\n");
        assert!(!path.join(NEW_FOLDER).exists());
        drop(folder);
        let folder = Folder::open(&path, false).unwrap();
        assert_eq!(folder.config(), &config());
        RedbBackend::open(folder.files(), 1 << 20).unwrap();
    }

    #[test]
    fn a_folder_with_other_files_keeps_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".gitignore"), "target").unwrap();
        drop(Folder::create(dir.path(), &config()).unwrap());
        assert_eq!(fs::read_to_string(dir.path().join(".gitignore")).unwrap(), "target\n.aresadb/\n");
        let error = Folder::create(dir.path(), &config()).unwrap_err();
        assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::BadInput, true));
    }

    #[test]
    fn what_a_crash_left_of_making_a_database_is_no_database_and_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join(NEW_FOLDER);
        fs::create_dir(&new).unwrap();
        fs::write(new.join("data.redb"), "half").unwrap();
        assert_eq!(Folder::open(dir.path(), false).unwrap_err().kind(), ErrorKind::NotFound);
        // Unless somebody is at it right now.
        let held = take_lock(&new, &new, false).unwrap();
        assert_eq!(Folder::create(dir.path(), &config()).unwrap_err().kind(), ErrorKind::Locked);
        drop(held);
        let folder = Folder::create(dir.path(), &config()).unwrap();
        assert!(!new.exists());
        RedbBackend::open(folder.files(), 1 << 20).unwrap();
    }

    #[test]
    fn a_second_open_is_refused_with_the_holder_and_a_stale_note_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), &config()).unwrap();
        let error = Folder::open(dir.path(), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().contains("in this program"), "{error}");
        let lock = folder.files().join(LOCK_FILE);
        fs::write(&lock, "4711 aresadb-tui\n").unwrap();
        let error = Folder::open(dir.path(), false).unwrap_err();
        assert!(error.message().contains("aresadb-tui (process 4711)"), "{error}");
        assert!(error.hint().is_some());
        drop(folder);
        let folder = Folder::open(dir.path(), false).unwrap();
        let note = fs::read_to_string(folder.files().join(LOCK_FILE)).unwrap();
        assert!(note.starts_with(&format!("{} ", std::process::id())), "{note}");
    }

    #[test]
    fn what_is_no_database_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for (path, kind, hint) in [
            (dir.path().to_owned(), ErrorKind::NotFound, "aresadb init"),
            (dir.path().join("missing"), ErrorKind::NotFound, "aresadb init"),
            (file.clone(), ErrorKind::BadInput, "name the folder"),
            (file.join("below"), ErrorKind::BadInput, "name the folder"),
        ] {
            let error = Folder::open(&path, false).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.hint().unwrap().contains(hint), "{error}");
        }
        assert_eq!(Folder::create(&file, &config()).unwrap_err().kind(), ErrorKind::BadInput);
        assert_eq!(Folder::create(&file.join("below"), &config()).unwrap_err().kind(), ErrorKind::BadInput);
    }

    #[test]
    fn settings_with_mistakes_a_newer_format_and_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = Folder::create(dir.path(), &config()).unwrap().files().join(CONFIG_FILE);
        let good = fs::read(&path).unwrap();
        for (text, kind) in [
            (b"name = 3\n".to_vec(), ErrorKind::BadInput),
            (b"name = \"\xff\"\n".to_vec(), ErrorKind::BadInput),
            (b"version = 99\n".to_vec(), ErrorKind::Unsupported),
            (vec![b'#'; 2 << 20], ErrorKind::BadInput),
        ] {
            fs::write(&path, &text).unwrap();
            let error = Folder::open(dir.path(), false).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.place().is_some(), "{error}");
            assert_eq!(fs::read(&path).unwrap(), text);
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(Folder::open(dir.path(), false).unwrap_err().kind(), ErrorKind::Corrupt);
        let elsewhere = dir.path().join("elsewhere.toml");
        fs::write(&elsewhere, good).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert_eq!(Folder::open(dir.path(), false).unwrap_err().kind(), ErrorKind::Io);
    }
}
