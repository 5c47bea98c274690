//! Checkpoints and verification on the bus.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::engine::Database;
use crate::model::{CancelToken, Result};
use crate::storage::{FINDINGS_KEPT, Finding, Verified};

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

/// Tells a verification; its summary counts the findings.
pub(super) fn answer(verification: Verification, verb: &str, reply: &Reply) -> Result<Summary> {
    let found = verification.found;
    reply.send_blocking(EventBody::Verified(Box::new(verification)))?;
    Ok(Summary { verb: verb.to_owned(), rows: found, ..Summary::default() })
}
