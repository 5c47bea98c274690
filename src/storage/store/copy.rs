//! A copy of a database in another folder: all that one view shows, as it is stored. Writing goes on
//! meanwhile; the copy has the state at the start.
//!
//! Rows keep their ids, handles, times and numbers of commits; definitions keep theirs. The copy's log
//! begins behind the view's last commit, and the copy is a replica of its own. It has its name only once
//! it is whole and on the disk.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::{CancelToken, Config, FORMAT_VERSION, Result};
use crate::storage::backend::{Batch, StorageBackend, Table};
use crate::storage::chunks::chunks_fact;
use crate::storage::folder::Folder;
use crate::storage::keys::meta;
use crate::storage::log::{Position, first_chain};
use crate::storage::tables::RedbBackend;
use crate::storage::view::View;

use super::flush::mark_of;
use super::{STORAGE_FORMAT, Store};

/// What is written in one step: a bound on memory.
const STEP_BYTES: usize = 16 << 20;
/// Entries between two looks at the clock and the cancel token.
const ENTRIES_PER_LOOK: u64 = 1024;
/// How often progress is told.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// Rows copied.
    pub rows: u64,
    /// Rows there are.
    pub expected: u64,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Nodes and edges.
    pub rows: u64,
    /// The last commit that is in the copy.
    pub lsn: u64,
}

impl Store {
    /// Copies the latest committed state into a new database in `path`, which must not exist or be empty.
    ///
    /// # Errors
    /// `BadInput` when there is something in `path`; `Cancelled`; `Corrupt` for damage in what is
    /// copied; `OutOfSpace`, `Io`. There is no copy then.
    pub fn copy_to(
        &self,
        path: &Path,
        config: &Config,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<Copied> {
        let view = self.view();
        let mut rows = 0;
        // What is read may be older; what is written is not.
        let config = Config { version: FORMAT_VERSION, ..config.clone() };
        drop(Folder::create_with(path, &config, &mut |target| {
            let mut copy = Copy { target, batch: Batch::default(), bytes: 0, rows: 0, cancel, progress };
            rows = copy.tables(&view)?;
            copy.batch = self.facts_of_copy(&view);
            copy.write()
        })?);
        Ok(Copied { rows, lsn: view.lsn() })
    }

    fn facts_of_copy(&self, view: &View) -> Batch {
        let uuid = self.uuid();
        let position = Position { lsn: view.lsn(), segment: 0, offset: 0, chain: first_chain(uuid) };
        let mut facts: Vec<(&[u8], Vec<u8>)> = vec![
            (meta::FORMAT, STORAGE_FORMAT.to_be_bytes().to_vec()),
            (meta::UUID, uuid.as_bytes().to_vec()),
            (meta::REPLICA, self.new_id().as_bytes().to_vec()),
            (meta::LSN, view.lsn().to_be_bytes().to_vec()),
            (meta::LOG, position.encode()),
        ];
        facts.extend(self.shared.catalog_facts(view.catalog()));
        // Its chunks hold what is not flushed here, too.
        facts.push(chunks_fact(view.lsn(), mark_of(&self.shared.options, Some(position))));
        facts.sort();
        let operations = facts.into_iter().map(|(name, value)| (Table::Meta, name.to_vec(), Some(value)));
        Batch { operations: operations.collect() }
    }
}

struct Copy<'a> {
    target: &'a RedbBackend,
    batch: Batch,
    bytes: usize,
    rows: u64,
    cancel: &'a CancelToken,
    progress: &'a mut dyn FnMut(CopyProgress),
}

impl Copy<'_> {
    /// Copies every table but the facts, and the versions of chunks. Returns the number of nodes and edges.
    fn tables(&mut self, view: &View) -> Result<u64> {
        let mut expected = 0;
        for definition in view.catalog().types() {
            expected += view.live_rows(definition.id)?;
        }
        let (mut seen, mut told) = (0u64, Instant::now());
        for table in Table::ALL.into_iter().filter(|table| !matches!(table, Table::Meta | Table::Chunks)) {
            let is_rows = matches!(table, Table::Nodes | Table::Edges);
            view.scan_raw(table, (Bound::Unbounded, Bound::Unbounded), &mut |key, value| {
                self.rows += u64::from(is_rows);
                seen += 1;
                if seen.is_multiple_of(ENTRIES_PER_LOOK) {
                    self.cancel.check()?;
                    if told.elapsed() >= REPORT_INTERVAL {
                        told = Instant::now();
                        (self.progress)(CopyProgress { rows: self.rows, expected });
                    }
                }
                self.bytes += key.len() + value.len();
                self.batch.operations.push((table, key.to_vec(), Some(value.to_vec())));
                if self.bytes >= STEP_BYTES {
                    self.write()?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        self.write()?;
        self.cancel.check()?;
        Ok(self.rows)
    }

    fn write(&mut self) -> Result<()> {
        self.bytes = 0;
        self.target.apply(&std::mem::take(&mut self.batch))
    }
}
