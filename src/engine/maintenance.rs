//! Upkeep of an open database: checkpoints and verification.

use crate::model::{CancelToken, Result};
use crate::storage::{Checkpointed, Verified, VerifyProgress};

use super::database::Database;

impl Database {
    /// Writes all that is committed to the tables, and lets the part of the log go that is not needed
    /// any more. It happens by itself too; nothing that was acknowledged depends on it.
    ///
    /// # Errors
    /// `ReadOnly`; `OutOfSpace`, `Io`: what is committed stays so, in the log.
    pub fn checkpoint(&self) -> Result<Checkpointed> {
        self.store().checkpoint()
    }

    /// Reads everything and holds it against itself: records, ids, edges at their nodes, counters,
    /// definitions. Writing goes on meanwhile; what is verified is the state at the start.
    ///
    /// # Errors
    /// `Cancelled`; `Io` where the operating system refuses. Damage is a finding, not an error.
    pub fn verify(&self, cancel: &CancelToken, progress: &mut dyn FnMut(VerifyProgress)) -> Result<Verified> {
        self.view().verify(cancel, progress)
    }
}
