//! Upkeep of an open database: verification.

use crate::model::{CancelToken, Result};
use crate::storage::{Verified, VerifyProgress};

use super::database::Database;

impl Database {
    /// Reads everything and holds it against itself: records, ids, edges at their nodes, counters,
    /// definitions. Writing goes on meanwhile; what is verified is the state at the start.
    ///
    /// # Errors
    /// `Cancelled`; `Io` where the operating system refuses. Damage is a finding, not an error.
    pub fn verify(&self, cancel: &CancelToken, progress: &mut dyn FnMut(VerifyProgress)) -> Result<Verified> {
        self.view().verify(cancel, progress)
    }
}
