//! How far long work is, told now and then.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::{Error, Result};

use super::server::Reply;
use super::{EventBody, Progress};

/// How often work tells how far it is.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// Tells how far work is, now and then.
#[derive(Clone)]
pub(super) struct Report {
    what: String,
    unit: &'static str,
    reply: Reply,
    started: Instant,
    told: Instant,
}

impl Report {
    /// Of work that begins now, counted in rows.
    pub(super) fn new(what: &str, reply: &Reply) -> Self {
        Self::of(what, "rows", reply)
    }

    /// Of work that begins now, counted in units of a name.
    pub(super) fn of(what: &str, unit: &'static str, reply: &Reply) -> Self {
        let now = Instant::now();
        Self { what: what.to_owned(), unit, reply: reply.clone(), started: now, told: now }
    }

    /// So much is done, of so much where that is known.
    pub(super) fn at(&mut self, done: u64, all: Option<u64>) {
        if self.told.elapsed() >= REPORT_INTERVAL {
            self.told = Instant::now();
            self.reply.offer(EventBody::Progress(Progress {
                what: self.what.clone(),
                done,
                unit: self.unit.to_owned(),
                fraction: all.filter(|all| *all > 0).map(|all| (done as f64 / all as f64).min(1.0)),
                elapsed: self.started.elapsed(),
            }));
        }
    }
}

/// Whether a file may be written where `replace` says whether it may be there already.
///
/// # Errors
/// `Conflict` for one that is there.
pub(super) fn check_free(file: &Path, replace: bool) -> Result<()> {
    if !replace && file.exists() {
        return Err(Error::conflict(format!("{} exists", file.display())));
    }
    Ok(())
}
