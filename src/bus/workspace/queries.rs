//! Saved queries: `.sql` files in the database's folder, or in the user's where that is not written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::{Error, Result, escape_control};

use super::files;
use super::{Over, QueryName, QueryPlace};

/// The longest query that is read or written: as long as a statement may be.
const QUERY_MAX_BYTES: u64 = 1 << 20;
/// The longest name, in bytes: file systems take 255 with what stands around it.
const NAME_MAX_BYTES: usize = 200;
/// Queries that are listed.
const LISTED_MAX: usize = 2_000;

/// The folders queries are in.
pub(super) struct Folders {
    own: Option<PathBuf>,
    user: Option<PathBuf>,
    read_only: bool,
}

impl Folders {
    pub(super) fn new(own: Option<PathBuf>, user: Option<PathBuf>, read_only: bool) -> Self {
        Self { own, user, read_only }
    }

    fn folder(&self, place: QueryPlace) -> Result<&Path> {
        let folder = match place {
            QueryPlace::Database => &self.own,
            QueryPlace::User => &self.user,
        };
        folder.as_deref().ok_or_else(|| Error::not_found("there is no folder for saved queries here"))
    }

    fn file(&self, query: &QueryName) -> Result<PathBuf> {
        let name = check_query_name(&query.name)?;
        Ok(self.folder(query.place)?.join(format!("{name}.sql")))
    }

    /// The names of the queries; a folder that is not there has none.
    pub(super) fn list(&self) -> Vec<QueryName> {
        let mut found = Vec::new();
        for (place, folder) in [(QueryPlace::Database, &self.own), (QueryPlace::User, &self.user)] {
            let Some(entries) = folder.as_ref().and_then(|folder| fs::read_dir(folder).ok()) else {
                continue;
            };
            for entry in entries.flatten().take(10 * LISTED_MAX) {
                let name = entry.file_name();
                // Names this program would refuse are not offered either.
                let Some(name) = name.to_str().and_then(|n| n.strip_suffix(".sql")) else { continue };
                if check_query_name(name).is_ok_and(|checked| checked == name)
                    && fs::metadata(entry.path()).is_ok_and(|found| found.is_file())
                {
                    found.push(QueryName { place, name: name.to_owned() });
                }
            }
        }
        found.sort();
        found.truncate(LISTED_MAX);
        found
    }

    pub(super) fn read(&self, query: &QueryName) -> Result<String> {
        files::read_text(&self.file(query)?, QUERY_MAX_BYTES)?.ok_or_else(|| missing(query))
    }

    /// Writes a query; says where it went.
    pub(super) fn save(
        &self,
        name: &str,
        place: Option<QueryPlace>,
        sql: &str,
        over: &Over,
    ) -> Result<(QueryName, PathBuf)> {
        let name = check_query_name(name)?;
        if sql.len() as u64 > QUERY_MAX_BYTES {
            let text = format!("a query of {} bytes is too long: at most {QUERY_MAX_BYTES}", sql.len());
            return Err(Error::bad_input(text));
        }
        let wanted = place.unwrap_or(if self.own.is_some() && !self.read_only {
            QueryPlace::Database
        } else {
            QueryPlace::User
        });
        let query = QueryName { place: wanted, name: name.to_owned() };
        let written = self.write(&query, sql, over);
        match written {
            // The database's folder cannot be written: the user's can.
            Err(error)
                if wanted == QueryPlace::Database
                    && self.user.is_some()
                    && error.kind() == crate::model::ErrorKind::Io =>
            {
                let query = QueryName { place: QueryPlace::User, ..query };
                let file = self.write(&query, sql, over)?;
                Ok((query, file))
            }
            written => Ok((query, written?)),
        }
    }

    fn write(&self, query: &QueryName, sql: &str, over: &Over) -> Result<PathBuf> {
        let file = self.file(query)?;
        let folder = self.folder(query.place)?;
        fs::create_dir_all(folder).map_err(|e| Error::io(format!("make {}", folder.display()), &e))?;
        let there = files::read_text(&file, QUERY_MAX_BYTES)?;
        let name = &query.name;
        match (there, over) {
            (None, _) | (_, Over::Anything) => {}
            (Some(there), Over::Text(known)) if there == *known => {}
            (Some(_), Over::Text(_)) => {
                let text = format!("the query '{name}' was changed by another program");
                return Err(Error::conflict(text));
            }
            (Some(_), Over::Nothing) => {
                return Err(Error::conflict(format!("there is a query '{name}' already")));
            }
        }
        files::write_whole(&file, sql.as_bytes(), false)?;
        Ok(file)
    }

    pub(super) fn rename(&self, query: &QueryName, to: &str) -> Result<()> {
        let from = self.file(query)?;
        let to = QueryName { place: query.place, name: check_query_name(to)?.to_owned() };
        if to == *query {
            return Ok(());
        }
        let target = self.file(&to)?;
        if !from.exists() {
            return Err(missing(query));
        }
        // A link fails where the name is taken; a rename would take it over.
        fs::hard_link(&from, &target).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::conflict(format!("there is a query '{}' already", to.name))
            }
            _ => Error::io(format!("rename {}", from.display()), &e),
        })?;
        fs::remove_file(&from).map_err(|e| Error::io(format!("delete {}", from.display()), &e))
    }

    pub(super) fn delete(&self, query: &QueryName) -> Result<()> {
        let file = self.file(query)?;
        fs::remove_file(&file).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => missing(query),
            _ => Error::io(format!("delete {}", file.display()), &e),
        })
    }
}

fn missing(query: &QueryName) -> Error {
    Error::not_found(format!("there is no query '{}' any more", query.name))
}

/// The name of a query as it is used: without blanks around it and without `.sql`.
///
/// # Errors
/// `BadInput` for a name that would leave the folder, hide, or show as something else.
pub fn check_query_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let name = name.strip_suffix(".sql").unwrap_or(name).trim_end();
    let refused = |why: &str| {
        let shown: String = name.chars().take(60).collect();
        let text = format!("'{}' is no name for a query: {why}", escape_control(&shown));
        Err(Error::bad_input(text).with_hint("letters, digits, blanks, - _ . and the like are taken"))
    };
    if name.is_empty() {
        return refused("it is empty");
    }
    if name.len() > NAME_MAX_BYTES {
        return refused("it is too long");
    }
    if name.starts_with(['.', '-', '~']) || name.ends_with('.') {
        return refused("it must not start with . - or ~ nor end with .");
    }
    if name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']) {
        return refused(r#"it must not hold any of / \ : * ? " < > |"#);
    }
    if escape_control(name) != name {
        return refused("it holds characters that do not show");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(read_only: bool) -> (tempfile::TempDir, Folders) {
        let folder = tempfile::tempdir().unwrap();
        let own = Some(folder.path().join("db/queries"));
        let user = Some(folder.path().join("config/queries"));
        (folder, Folders::new(own, user, read_only))
    }

    #[test]
    fn queries_are_written_listed_read_renamed_and_deleted() {
        let (_folder, folders) = folders(false);
        assert_eq!(folders.list(), []);
        let (query, file) = folders.save(" top ten.sql ", None, "SELECT 1", &Over::Nothing).unwrap();
        assert_eq!((query.name.as_str(), query.place), ("top ten", QueryPlace::Database));
        assert!(file.ends_with("db/queries/top ten.sql"));
        assert_eq!(folders.read(&query).unwrap(), "SELECT 1");
        folders.rename(&query, "all").unwrap();
        assert!(folders.read(&query).is_err());
        let all = QueryName { name: "all".into(), ..query.clone() };
        assert_eq!(folders.list(), std::slice::from_ref(&all));
        folders.save("other", None, "x", &Over::Nothing).unwrap();
        assert!(folders.rename(&all, "other").is_err(), "a name that is taken");
        folders.delete(&all).unwrap();
        assert!(folders.delete(&all).is_err());
        assert_eq!(folders.list().len(), 1);
    }

    #[test]
    fn what_another_program_wrote_is_not_replaced_unasked() {
        let (_folder, folders) = folders(false);
        folders.save("q", None, "one", &Over::Nothing).unwrap();
        assert!(folders.save("q", None, "two", &Over::Nothing).is_err());
        folders.save("q", None, "two", &Over::Text("one".into())).unwrap();
        assert!(folders.save("q", None, "three", &Over::Text("one".into())).is_err());
        let (query, _) = folders.save("q", None, "three", &Over::Anything).unwrap();
        assert_eq!(folders.read(&query).unwrap(), "three");
    }

    #[test]
    fn a_read_only_database_has_its_queries_with_the_user() {
        let (folder, folders) = folders(true);
        let (query, _) = folders.save("q", None, "one", &Over::Nothing).unwrap();
        assert_eq!(query.place, QueryPlace::User);
        assert!(!folder.path().join("db").exists());
        // A folder that cannot be made, too.
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").unwrap();
        let own = Some(blocked.join("queries"));
        let folders = Folders::new(own, Some(folder.path().join("config/queries")), false);
        assert_eq!(folders.save("r", None, "x", &Over::Nothing).unwrap().0.place, QueryPlace::User);
        assert_eq!(folders.list().len(), 2);
    }

    #[test]
    fn hostile_names_are_refused_and_not_listed() {
        let bad = ["", " ", "../x", "a/b", "a\\b", ".hidden", "-rf", "a\nb", "a\u{202e}b", "x.", "a\0", "~"];
        for name in bad {
            assert!(check_query_name(name).is_err(), "{name:?}");
        }
        assert!(check_query_name(&"x".repeat(300)).is_err());
        assert_eq!(check_query_name(" größte 10 – neu.sql ").unwrap(), "größte 10 – neu");
        let (folder, folders) = folders(false);
        let own = folder.path().join("db/queries");
        fs::create_dir_all(own.join("folder.sql")).unwrap();
        for name in ["a\x1b[31m.sql", ".b.sql", "c.txt", "ok.sql"] {
            fs::write(own.join(name), "SELECT 1").unwrap();
        }
        assert_eq!(folders.list().iter().map(|q| q.name.as_str()).collect::<Vec<_>>(), ["ok"]);
    }
}
