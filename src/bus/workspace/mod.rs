//! What a user's desk needs between two starts: the session's state, the history of statements,
//! saved queries. Files of the user, never of the engine: a database knows nothing of them.
//!
//! ```text
//!  STATE/history.jsonl                    every statement, appended, shared by all programs
//!  STATE/sessions/NAME-HASH/SLOT.json     tabs and panes of one program on one database
//!  STATE/sessions/NAME-HASH/SLOT.lock     held while that program runs: the next takes another slot
//!  DATABASE/queries/NAME.sql              saved queries; CONFIG/queries where that cannot be written
//! ```
//!
//! Invariants: a file is replaced as a whole or not at all; what is private is readable by its user
//! alone; two programs never write the same session.

mod files;
mod history;
mod queries;
mod sessions;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::model::{Clock, Error, Result};

use super::server::Reply;
use super::{EventBody, Summary};

pub use queries::check_query_name;

/// What is asked of the desk. Each is answered by `Done` or `Failed`, before it what is said here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum WorkspaceCommand {
    /// Takes the desk of a database. Answers `Session`, `History` and `Queries`.
    Open {
        /// The database's folder, or `:memory:`.
        database: PathBuf,
        /// The folder for the user's state; without one nothing is kept.
        state: Option<PathBuf>,
        /// The folder for the user's configuration.
        config: Option<PathBuf>,
        /// The database's folder is not written to.
        read_only: bool,
    },
    /// Keeps the session's state.
    Keep {
        /// Grows with each: an older one never replaces a newer one.
        number: u64,
        /// What is kept, as the program writes it.
        state: String,
    },
    /// A statement begins.
    Started {
        /// Its number in this session.
        entry: u64,
        /// Its text.
        sql: String,
    },
    /// A statement has ended.
    Ended {
        /// Its number in this session.
        entry: u64,
        /// How long it took.
        elapsed: Duration,
        /// Rows given or changed.
        rows: Option<u64>,
        /// Why it failed.
        error: Option<String>,
    },
    /// Answers `History`, with what other programs have added.
    History,
    /// Answers `Queries`.
    Queries,
    /// Answers `Query`.
    ReadQuery {
        /// Which.
        query: QueryName,
    },
    /// Writes a query. Answers `Saved` and `Queries`.
    SaveQuery {
        /// Its name; where it goes is said in the answer when no place is given.
        name: String,
        /// Where it is.
        place: Option<QueryPlace>,
        /// Its text.
        sql: String,
        /// What may be replaced.
        over: Over,
    },
    /// Gives a query another name. Answers `Queries`.
    RenameQuery {
        /// Which.
        query: QueryName,
        /// The new name.
        to: String,
    },
    /// Deletes a query. Answers `Queries`.
    DeleteQuery {
        /// Which.
        query: QueryName,
    },
}

/// What a saved query may replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Nothing.
    Nothing,
    /// The query as it was read or written last: what another program wrote since stays.
    Text(String),
    /// Whatever is there.
    Anything,
}

/// Where a query is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryPlace {
    /// Beside the database: whoever has it has the query.
    Database,
    /// In the user's configuration.
    User,
}

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueryName {
    /// Where it is.
    pub place: QueryPlace,
    /// Its file's name without `.sql`.
    pub name: String,
}

/// A statement that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it began, in microseconds since 1970.
    pub at_micros: i64,
    /// The database's folder, or `:memory:`.
    pub database: String,
    /// Its text.
    pub sql: String,
    /// How long it took; nothing where its end was not seen.
    pub elapsed: Option<Duration>,
    /// Rows given or changed.
    pub rows: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// What the desk answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum WorkspaceEvent {
    /// The state that was kept last.
    Session {
        /// As the program wrote it.
        state: Option<String>,
        /// Whether it will be kept.
        kept: bool,
        /// The database as the history names it.
        database: String,
    },
    /// Statements that were run, the oldest first.
    History {
        /// At most the last 10,000.
        entries: Vec<HistoryEntry>,
    },
    /// The saved queries, those of the database first, by name.
    Queries {
        /// Where they are and their names.
        queries: Vec<QueryName>,
    },
    /// A saved query.
    Query {
        /// Which.
        query: QueryName,
        /// Its text.
        sql: String,
    },
    /// A query was written.
    Saved {
        /// Which.
        query: QueryName,
        /// Its file.
        file: PathBuf,
    },
}

/// The desk that was taken.
struct Desk {
    /// The database as the history names it.
    database: String,
    session: Option<sessions::Slot>,
    history: Option<history::Log>,
    queries: queries::Folders,
}

/// The desks of a bus: one at a time, as one database is open at a time.
pub(super) struct Workspace {
    desk: Mutex<Option<Desk>>,
    clock: Arc<dyn Clock>,
}

impl Workspace {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { desk: Mutex::new(None), clock }
    }

    /// Does what is asked, one after another.
    pub(super) fn perform(&self, command: WorkspaceCommand, reply: &Reply) -> Result<Summary> {
        // Held while files are written, so that answers come in the order of what was done.
        let mut desk = self.desk.lock();
        let mut tell = |event| reply.send_blocking(EventBody::Workspace(event));
        if let WorkspaceCommand::Open { database, state, config, read_only } = command {
            // The old desk's lock goes first: it may be the same one.
            desk.take();
            let (opened, state) = Desk::open(&database, state, config, read_only, self.clock.now_micros())?;
            let kept = opened.session.is_some();
            let database = opened.database.clone();
            tell(WorkspaceEvent::Session { state, kept, database })?;
            tell(WorkspaceEvent::History { entries: opened.entries()? })?;
            tell(WorkspaceEvent::Queries { queries: opened.queries.list() })?;
            *desk = Some(opened);
        } else {
            let desk = desk.as_mut().ok_or_else(|| Error::bad_input("no workspace is open"))?;
            desk.perform(command, self.clock.now_micros(), &mut tell)?;
        }
        Ok(Summary { verb: "WORKSPACE".to_owned(), ..Summary::default() })
    }
}

impl Desk {
    fn open(
        database: &Path,
        state: Option<PathBuf>,
        config: Option<PathBuf>,
        read_only: bool,
        now_micros: i64,
    ) -> Result<(Self, Option<String>)> {
        let in_memory = database.as_os_str() == ":memory:";
        let folder = if in_memory { database.to_path_buf() } else { files::resolved(database) };
        let mut kept = None;
        let mut session = None;
        let mut log = None;
        if let Some(state) = &state {
            files::private_folder(state)?;
            log = Some(history::Log::new(state, now_micros));
            if !in_memory {
                let slot = sessions::Slot::take(state, &folder)?;
                kept = slot.read()?;
                session = Some(slot);
            }
        }
        let own = (!in_memory).then(|| folder.join("queries"));
        let queries = queries::Folders::new(own, config.map(|c| c.join("queries")), read_only);
        let desk = Self { database: folder.display().to_string(), session, history: log, queries };
        Ok((desk, kept))
    }

    fn entries(&self) -> Result<Vec<HistoryEntry>> {
        self.history.as_ref().map_or_else(|| Ok(Vec::new()), history::Log::read)
    }

    fn perform(
        &mut self,
        command: WorkspaceCommand,
        now_micros: i64,
        tell: &mut dyn FnMut(WorkspaceEvent) -> Result<()>,
    ) -> Result<()> {
        match command {
            WorkspaceCommand::Open { .. } => return Err(Error::internal("a desk was opened twice")),
            WorkspaceCommand::Keep { number, state } => {
                if let Some(slot) = &mut self.session {
                    slot.keep(number, &state)?;
                }
            }
            WorkspaceCommand::Started { entry, sql } => {
                if let Some(log) = &self.history {
                    log.started(entry, now_micros, &self.database, &sql)?;
                }
            }
            WorkspaceCommand::Ended { entry, elapsed, rows, error } => {
                if let Some(log) = &self.history {
                    log.ended(entry, elapsed, rows, error)?;
                }
            }
            WorkspaceCommand::History => tell(WorkspaceEvent::History { entries: self.entries()? })?,
            WorkspaceCommand::Queries => tell(WorkspaceEvent::Queries { queries: self.queries.list() })?,
            WorkspaceCommand::ReadQuery { query } => {
                let sql = self.queries.read(&query)?;
                tell(WorkspaceEvent::Query { query, sql })?;
            }
            WorkspaceCommand::SaveQuery { name, place, sql, over } => {
                let (query, file) = self.queries.save(&name, place, &sql, &over)?;
                tell(WorkspaceEvent::Saved { query, file })?;
                tell(WorkspaceEvent::Queries { queries: self.queries.list() })?;
            }
            WorkspaceCommand::RenameQuery { query, to } => {
                self.queries.rename(&query, &to)?;
                tell(WorkspaceEvent::Queries { queries: self.queries.list() })?;
            }
            WorkspaceCommand::DeleteQuery { query } => {
                self.queries.delete(&query)?;
                tell(WorkspaceEvent::Queries { queries: self.queries.list() })?;
            }
        }
        Ok(())
    }
}
