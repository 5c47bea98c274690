//! The history of statements: a file of JSON lines that all programs append to.
//!
//! A statement is written when it begins and its outcome when it ends, so that one that takes the
//! program with it is in the history. Lines that cannot be read are passed over: a crash leaves at
//! most a torn last one. Past [`FILE_MAX_BYTES`] the file is made anew with the newest entries.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Error, Result};

use super::{HistoryEntry, files};

/// Entries that are kept when the file is made anew, and that are given at most.
const ENTRIES_MAX: usize = 10_000;
/// The file is made anew when it is larger.
const FILE_MAX_BYTES: u64 = 8 << 20;
/// What is kept of an error's text.
const ERROR_CHARS: usize = 400;

/// A line of the file: a statement's beginning, or its end.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Begin {
        id: String,
        at: i64,
        db: String,
        sql: String,
    },
    End {
        id: String,
        us: u64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rows: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
    },
}

/// The history's file, and how this program's entries are named in it.
pub(super) struct Log {
    file: PathBuf,
    program: String,
    max_bytes: u64,
}

impl Log {
    pub(super) fn new(state: &Path, now_micros: i64) -> Self {
        let program = format!("{now_micros:x}.{:x}", std::process::id());
        Self { file: state.join("history.jsonl"), program, max_bytes: FILE_MAX_BYTES }
    }

    fn id(&self, entry: u64) -> String {
        format!("{}.{entry:x}", self.program)
    }

    pub(super) fn started(&self, entry: u64, at: i64, database: &str, sql: &str) -> Result<()> {
        let (db, sql) = (database.to_owned(), sql.to_owned());
        self.append(&Line::Begin { id: self.id(entry), at, db, sql })
    }

    pub(super) fn ended(
        &self,
        entry: u64,
        elapsed: Duration,
        rows: Option<u64>,
        error: Option<String>,
    ) -> Result<()> {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let error = error.map(|e| e.chars().take(ERROR_CHARS).collect());
        self.append(&Line::End { id: self.id(entry), us, rows, error })
    }

    fn failed(&self, e: &std::io::Error) -> Error {
        Error::io(format!("write the history {}", self.file.display()), e)
    }

    /// Waits until no other program writes; the lock goes with what is returned.
    fn lock(&self) -> Result<File> {
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.file.with_extension("lock"))
            .map_err(|e| self.failed(&e))?;
        lock.lock().map_err(|e| self.failed(&e))?;
        Ok(lock)
    }

    fn append(&self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line)
            .map_err(|e| Error::internal(format!("an entry of the history cannot be written: {e}")))?;
        text.push('\n');
        let _lock = self.lock()?;
        let mut file = fs::OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.file)
            .map_err(|e| self.failed(&e))?;
        let length = self.end_line(&mut file).map_err(|e| self.failed(&e))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(|e| self.failed(&e))?;
        if length + text.len() as u64 > self.max_bytes { self.shrink() } else { Ok(()) }
    }

    /// Ends a line that a crash has torn; gives the file's length.
    fn end_line(&self, file: &mut File) -> std::io::Result<u64> {
        let length = file.seek(SeekFrom::End(0))?;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(length)
    }

    /// Makes the file anew with the newest entries, half as large at most.
    fn shrink(&self) -> Result<()> {
        let text = self.text()?;
        let mut kept = Vec::new();
        let mut bytes = 0;
        for (id, entry) in merged(&text).into_iter().rev().take(ENTRIES_MAX) {
            let begin = Line::Begin {
                id: id.clone(),
                at: entry.at_micros,
                db: entry.database.clone(),
                sql: entry.sql.clone(),
            };
            let end = entry.elapsed.map(|elapsed| Line::End {
                id,
                us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                rows: entry.rows,
                error: entry.error.clone(),
            });
            let lines: Vec<String> =
                std::iter::once(begin).chain(end).filter_map(|l| serde_json::to_string(&l).ok()).collect();
            bytes += lines.iter().map(|l| l.len() as u64 + 1).sum::<u64>();
            // The newest one is kept however long it is.
            if bytes > self.max_bytes / 2 && !kept.is_empty() {
                break;
            }
            kept.push(lines);
        }
        let mut out = String::new();
        for line in kept.into_iter().rev().flatten() {
            out.push_str(&line);
            out.push('\n');
        }
        files::write_whole(&self.file, out.as_bytes(), true)
    }

    fn text(&self) -> Result<String> {
        Ok(files::read_text(&self.file, u64::MAX)?.unwrap_or_default())
    }

    /// The last entries, the oldest first.
    pub(super) fn read(&self) -> Result<Vec<HistoryEntry>> {
        let mut entries = merged(&self.text()?);
        let over = entries.len().saturating_sub(ENTRIES_MAX);
        Ok(entries.drain(over..).map(|(_, entry)| entry).collect())
    }
}

/// The entries of the file's text with their names, each with its end where that is known.
fn merged(text: &str) -> Vec<(String, HistoryEntry)> {
    let mut entries: Vec<(String, HistoryEntry)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // An end may stand before its beginning: two writers of one program race for the lock.
    let mut early: HashMap<String, (Duration, Option<u64>, Option<String>)> = HashMap::new();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Begin { id, at, db, sql }) => {
                let (elapsed, rows, error) = match early.remove(&id) {
                    Some((elapsed, rows, error)) => (Some(elapsed), rows, error),
                    None => (None, None, None),
                };
                places.insert(id.clone(), entries.len());
                let entry = HistoryEntry { at_micros: at, database: db, sql, elapsed, rows, error };
                entries.push((id, entry));
            }
            Ok(Line::End { id, us, rows, error }) => {
                let elapsed = Duration::from_micros(us);
                match places.get(&id).and_then(|at| entries.get_mut(*at)) {
                    Some((_, entry)) => {
                        (entry.elapsed, entry.rows, entry.error) = (Some(elapsed), rows, error);
                    }
                    None => {
                        early.insert(id, (elapsed, rows, error));
                    }
                }
            }
            Err(_) => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn texts(log: &Log) -> Vec<String> {
        log.read().unwrap().into_iter().map(|e| e.sql).collect()
    }

    #[test]
    fn a_statement_is_there_before_it_ends_and_its_outcome_after() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path(), 7);
        log.started(1, 1_000, "/db", "SELECT\n1").unwrap();
        assert_eq!(log.read().unwrap()[0].elapsed, None);
        log.started(2, 2_000, "/db", "SELECT nme").unwrap();
        log.ended(2, Duration::from_micros(40), None, Some("no nme".repeat(200))).unwrap();
        log.ended(1, Duration::from_millis(3), Some(1), None).unwrap();
        let entries = log.read().unwrap();
        assert_eq!((entries[0].rows, entries[0].elapsed), (Some(1), Some(Duration::from_millis(3))));
        assert_eq!(entries[1].error.as_ref().unwrap().len(), ERROR_CHARS);
        assert_eq!((entries[0].sql.as_str(), entries[0].at_micros), ("SELECT\n1", 1_000));
        let mode = fs::metadata(folder.path().join("history.jsonl")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_torn_line_loses_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path(), 7);
        log.started(1, 1, "/db", "one").unwrap();
        let file = folder.path().join("history.jsonl");
        let mut text = fs::read(&file).unwrap();
        text.extend(b"{\"id\":\"x\",\"at\":5,\"sq");
        fs::write(&file, text).unwrap();
        log.started(2, 2, "/db", "two").unwrap();
        assert_eq!(texts(&log), ["one", "two"]);
    }

    #[test]
    fn programs_that_write_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::thread::scope(|scope| {
            for program in 0..4_i64 {
                scope.spawn(move || {
                    let log = Log { max_bytes: 4_000, ..Log::new(path, program) };
                    for entry in 0..40 {
                        log.started(entry, entry as i64, "/db", &format!("{program} {entry}")).unwrap();
                    }
                });
            }
        });
        // Made anew many times: of each program the newest are there, in order.
        let kept = texts(&Log::new(path, 99));
        assert!(kept.len() > 10, "{}", kept.len());
        for program in 0..4 {
            let own: Vec<u32> = kept
                .iter()
                .filter_map(|sql| sql.strip_prefix(&format!("{program} "))?.parse().ok())
                .collect();
            assert!(own.windows(2).all(|w| w[1] == w[0] + 1), "{own:?}");
        }
    }

    #[test]
    fn the_file_stays_bounded_and_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log { max_bytes: 2_000, ..Log::new(folder.path(), 1) };
        for entry in 0..200 {
            log.started(entry, 0, "/db", &format!("SELECT {entry}")).unwrap();
            log.ended(entry, Duration::ZERO, Some(entry), None).unwrap();
        }
        assert!(fs::metadata(folder.path().join("history.jsonl")).unwrap().len() < 2_500);
        let last = log.read().unwrap().pop().unwrap();
        assert_eq!((last.sql.as_str(), last.rows), ("SELECT 199", Some(199)));
    }
}
