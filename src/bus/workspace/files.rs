//! Files of the user: private, replaced as a whole.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::model::{Error, Result};

/// Makes a folder, and those above it, that only their user can look into.
pub(super) fn private_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| Error::io(format!("make {}", folder.display()), &e))
}

/// Replaces a file: whatever happens, it holds the old bytes or the new ones.
pub(super) fn write_whole(file: &Path, bytes: &[u8], private: bool) -> Result<()> {
    let failed = |e: &std::io::Error| Error::io(format!("write {}", file.display()), e);
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mode = if private { 0o600 } else { 0o666 };
    let mut new = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(|e| failed(&e))?;
    new.write_all(bytes).and_then(|()| new.as_file().sync_all()).map_err(|e| failed(&e))?;
    new.persist(file).map_err(|e| failed(&e.error))?;
    // The new name is in the folder; where a folder cannot be synced nothing better is to be had.
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// A file's text, `None` where there is none. Broken UTF-8 shows as replacement characters.
pub(super) fn read_text(file: &Path, most_bytes: u64) -> Result<Option<String>> {
    let failed = |e: &std::io::Error| Error::io(format!("read {}", file.display()), e);
    match fs::metadata(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(&e)),
        Ok(found) if !found.is_file() => {
            return Err(Error::bad_input(format!("{} is no file", file.display())));
        }
        Ok(found) if found.len() > most_bytes => {
            let text = format!("{} has {} bytes, more than {most_bytes}", file.display(), found.len());
            return Err(Error::bad_input(text));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(file).map_err(|e| failed(&e))?;
    Ok(Some(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())))
}

/// The path without links, also where its end does not exist yet: one folder has one name.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut rest: Vec<OsString> = Vec::new();
    for ancestor in path.ancestors() {
        if let Ok(real) = fs::canonicalize(ancestor) {
            return rest.iter().rev().fold(real, |path, part| path.join(part));
        }
        rest.extend(ancestor.file_name().map(ToOwned::to_owned));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        private_folder(&inner).unwrap();
        let file = inner.join("x");
        write_whole(&file, b"one", true).unwrap();
        write_whole(&file, b"two", true).unwrap();
        assert_eq!(read_text(&file, 10).unwrap().as_deref(), Some("two"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(read_text(&inner.join("none"), 10).unwrap(), None);
        assert!(read_text(&file, 2).is_err() && read_text(&inner, 10).is_err());
    }

    #[test]
    fn a_folder_has_one_name_before_and_after_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let before = resolved(&link.join("db"));
        fs::create_dir(folder.path().join("db")).unwrap();
        assert_eq!(before, resolved(&folder.path().join("db")));
    }
}
