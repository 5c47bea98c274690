//! What a command reads and writes: the session's transaction where one is open, the latest state
//! otherwise. So a session sees its own writes in records and walks as well.

use crate::engine::{Database, Session};
use crate::model::{CancelToken, Error, Result};
use crate::storage::{Transaction, View};

/// A connection's database with its session, once a statement started one.
pub(super) struct Reach {
    pub(super) database: Database,
    pub(super) session: Option<Session>,
}

impl Reach {
    /// What the session reads now.
    pub(super) fn view(&self) -> View {
        self.session.as_ref().map_or_else(|| self.database.view(), Session::view)
    }

    /// Runs `work` as one statement of the session.
    ///
    /// # Errors
    /// As [`Session::write`].
    pub(super) fn write<T>(
        &self,
        cancel: &CancelToken,
        work: impl FnMut(&mut Transaction) -> Result<T>,
    ) -> Result<T> {
        match &self.session {
            Some(session) => session.write_unless(cancel, work),
            None => self.database.write(work),
        }
    }

    /// For a command that commits on its own.
    ///
    /// # Errors
    /// `BadInput` while a transaction is open.
    pub(super) fn refuse_in_transaction(&self, command: &str) -> Result<()> {
        if self.session.as_ref().is_some_and(|session| session.transaction_state().is_open()) {
            return Err(Error::bad_input(format!(
                "'{command}' commits on its own, it cannot be part of the open transaction"
            ))
            .with_hint("COMMIT or ROLLBACK first"));
        }
        Ok(())
    }
}
