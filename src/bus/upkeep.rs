//! Checkpoints, verification, backups, compaction and settings on the bus.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::engine::{Database, OpenOptions};
use crate::model::{CancelToken, Result};
use crate::storage::{CopyProgress, FINDINGS_KEPT, Finding, Verified};

use super::server::Reply;
use super::{EventBody, Progress, Summary};

/// What was verified, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verification {
    /// What was looked at, in the order it was.
    pub checked: Vec<CheckedPart>,
    /// The first findings; see `found`.
    pub findings: Vec<Finding>,
    /// All findings, counted.
    pub found: u64,
}

/// A part that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedPart {
    /// `nodes`, `ids`, `log records`, ...
    pub part: String,
    /// How many there were.
    pub count: u64,
}

impl CheckedPart {
    pub(super) fn new(part: &str, count: u64) -> Self {
        Self { part: part.to_owned(), count }
    }
}

impl Verification {
    /// Adds what another part of the database gave.
    fn absorb(&mut self, other: Verification) {
        self.checked.extend(other.checked);
        self.found += other.found;
        let room = FINDINGS_KEPT.saturating_sub(self.findings.len());
        self.findings.extend(other.findings.into_iter().take(room));
    }
}

impl From<Verified> for Verification {
    fn from(verified: Verified) -> Self {
        let checked = verified.checked;
        let parts = [
            ("definitions", checked.definitions),
            ("nodes", checked.nodes),
            ("edges", checked.edges),
            ("ids", checked.ids),
            ("edges at nodes", checked.adjacency),
            ("counters", checked.counters),
            ("index entries", checked.index_entries),
        ];
        Self {
            checked: parts.iter().map(|(part, count)| CheckedPart::new(part, *count)).collect(),
            findings: verified.findings,
            found: verified.found,
        }
    }
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn verify(database: &Database, reply: &Reply, cancel: &CancelToken) -> Result<Summary> {
    let started = Instant::now();
    let verified = database.verify(cancel, &mut |at| {
        let fraction = (at.expected > 0).then(|| (at.done as f64 / at.expected as f64).min(1.0));
        reply.offer(EventBody::Progress(Progress {
            what: format!("verify {}", at.table.name()),
            done: at.done,
            unit: "entries".to_owned(),
            fraction,
            elapsed: started.elapsed(),
        }));
    })?;
    let mut verification = Verification::from(verified);
    let mut note = None;
    if let Some(path) = database.path() {
        let (log, torn) = super::logs::verify(path, reply, cancel)?;
        verification.absorb(log);
        note = torn;
    }
    Ok(Summary { note, ..answer(verification, "VERIFY", reply)? })
}

pub(super) fn checkpoint(database: &Database) -> Result<Summary> {
    let done = database.checkpoint()?;
    let note = format!(
        "all up to lsn {} is in the tables, {} KiB were written",
        done.flushed.0,
        done.bytes.div_ceil(1024)
    );
    Ok(Summary { verb: "CHECKPOINT".to_owned(), note: Some(note), ..Summary::default() })
}

/// Tells how far a copy is.
#[allow(clippy::cast_precision_loss)]
fn tell_copy(what: &str, reply: &Reply, started: Instant) -> impl FnMut(CopyProgress) {
    move |at| {
        let fraction = (at.expected > 0).then(|| (at.rows as f64 / at.expected as f64).min(1.0));
        reply.offer(EventBody::Progress(Progress {
            what: what.to_owned(),
            done: at.rows,
            unit: "rows".to_owned(),
            fraction,
            elapsed: started.elapsed(),
        }));
    }
}

pub(super) fn backup(
    database: &Database,
    folder: &Path,
    reply: &Reply,
    cancel: &CancelToken,
) -> Result<Summary> {
    let copied = database.backup(folder, cancel, &mut tell_copy("backup", reply, Instant::now()))?;
    let note = format!("as of transaction {}", copied.lsn);
    Ok(Summary { verb: "BACKUP".to_owned(), rows: copied.rows, truncated: false, note: Some(note) })
}

/// Makes the database of a backup and verifies what was made.
pub(super) fn restore(
    (backup, path): (&Path, &Path),
    options: &OpenOptions,
    reply: &Reply,
    cancel: &CancelToken,
) -> Result<Summary> {
    let mut tell = tell_copy("restore", reply, Instant::now());
    let copied = Database::restore(backup, path, options.clone(), cancel, &mut tell)?;
    let restored = Database::open(path, OpenOptions { create: false, ..options.clone() })?;
    let summary = verify(&restored, reply, cancel)?;
    restored.close();
    let note = format!("{} rows, as of transaction {}", copied.rows, copied.lsn);
    Ok(Summary { verb: "RESTORE".to_owned(), note: Some(note), ..summary })
}

pub(super) fn compact(path: &Path, options: OpenOptions) -> Result<Summary> {
    let done = Database::compact(path, options)?;
    let kib = |bytes: u64| bytes.div_ceil(1024);
    let freed = done.before_bytes.saturating_sub(done.after_bytes);
    let note = match freed {
        0 => format!("there was nothing to give back: the tables take {} KiB", kib(done.after_bytes)),
        freed => format!("{} KiB given back: the tables take {} KiB", kib(freed), kib(done.after_bytes)),
    };
    Ok(Summary { verb: "COMPACT".to_owned(), note: Some(note), ..Summary::default() })
}

pub(super) fn config(database: &Database, set: Option<(String, String)>, reply: &Reply) -> Result<Summary> {
    let (config, note) = match set {
        None => (database.config().clone(), None),
        Some((name, value)) => {
            let note = "it holds from the next opening on".to_owned();
            (database.set_config(&name, &value)?, Some(note))
        }
    };
    reply.send_blocking(EventBody::Settings(config.settings()?))?;
    Ok(Summary { verb: "CONFIG".to_owned(), note, ..Summary::default() })
}

/// Tells a verification; its summary counts the findings.
pub(super) fn answer(verification: Verification, verb: &str, reply: &Reply) -> Result<Summary> {
    let found = verification.found;
    reply.send_blocking(EventBody::Verified(Box::new(verification)))?;
    Ok(Summary { verb: verb.to_owned(), rows: found, ..Summary::default() })
}
