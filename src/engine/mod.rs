//! The engine: a database, opened; sessions on it. Ties storage, query and transfer together.
//!
//! ```text
//!  Database ── Folder (config, lock, files) ── Store ── Executor (threads with large stacks)
//!      └── Session: one SQL session, one statement at a time; reads and single records need none
//! ```
//!
//! Invariants: a database folder is open in one process at a time; the last handle dropped closes it.
//! The engine reads no environment variable and no home folder.

mod database;
mod executor;
mod maintenance;
pub(crate) mod records;
mod session;

pub use crate::query::{CacheFigures, TransactionState};
pub use database::{Database, OpenOptions};
pub(crate) use executor::from_panic;
pub use executor::{Executor, quiet_contained_panics};
pub use maintenance::Compacted;
pub use session::{RowStream, Session, StatementResult};
