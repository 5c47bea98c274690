//! The sessions of a database: who is there, and what each one does.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::query::transaction::{SessionTransaction, TransactionState};

/// Longer statements are shown by their beginning.
const SHOWN_CHARS: usize = 1000;

/// The sessions of a database.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: u64,
    open: BTreeMap<u64, Weak<SessionEntry>>,
}

/// A session, as others see it.
pub struct SessionEntry {
    /// Its number; never given to another session of the opened database.
    pub id: u64,
    /// When it began, in microseconds since 1970.
    pub since_micros: i64,
    transaction: Weak<SessionTransaction>,
    running: Mutex<Vec<Statement>>,
}

/// A statement that runs.
#[derive(Debug, Clone)]
pub struct Statement {
    number: u64,
    /// Its text, or the beginning of it.
    pub sql: String,
    /// When it began, in microseconds since 1970.
    pub since_micros: i64,
}

/// Shows a statement as running as long as it is there.
pub struct Running {
    session: Arc<SessionEntry>,
    number: u64,
}

impl std::fmt::Debug for SessionEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionEntry").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Adds a session; it goes with the entry.
    pub fn add(&self, transaction: &Arc<SessionTransaction>, now_micros: i64) -> Arc<SessionEntry> {
        let mut known = self.0.lock();
        known.open.retain(|_, entry| entry.strong_count() > 0);
        known.last += 1;
        let id = known.last;
        let entry = Arc::new(SessionEntry {
            id,
            since_micros: now_micros,
            transaction: Arc::downgrade(transaction),
            running: Mutex::default(),
        });
        known.open.insert(id, Arc::downgrade(&entry));
        entry
    }

    /// The sessions that are open, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<SessionEntry>> {
        self.0.lock().open.values().filter_map(Weak::upgrade).collect()
    }
}

impl SessionEntry {
    /// Shows a statement as running until what is given is dropped.
    pub fn run(self: &Arc<Self>, sql: &str, now_micros: i64) -> Running {
        let mut running = self.running.lock();
        let number = running.last().map_or(0, |last| last.number + 1);
        let sql = sql.chars().take(SHOWN_CHARS).collect();
        running.push(Statement { number, sql, since_micros: now_micros });
        Running { session: Arc::clone(self), number }
    }

    /// The statement that began last of those that run.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        self.running.lock().last().cloned()
    }

    /// Its transaction.
    #[must_use]
    pub fn transaction(&self) -> TransactionState {
        self.transaction.upgrade().map_or(TransactionState::None, |transaction| transaction.state())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.session.running.lock().retain(|statement| statement.number != self.number);
    }
}
