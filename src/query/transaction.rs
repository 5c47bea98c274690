//! A session's transaction: none, or the one that BEGIN opened.
//!
//! ```text
//!  reads ───▶ view():  the open transaction's finished statements, else the latest commit
//!  writes ──▶ turn():  one at a time ─▶ statement ─▶ keep(), or dropped with the turn
//!  COMMIT ──▶ turn():  the transaction leaves the session with it, whatever comes of it
//! ```
//!
//! The transaction belongs to the session and never leaves it while a statement runs: a statement
//! holds the turn, and the turn's end takes back what was not kept. So a statement that fails, is
//! cancelled, is left by its caller or panics cannot lose the transaction or leave half of itself in
//! it, and whoever writes next waits for it. Reads take no turn: they see what was kept.
//!
//! The snapshot is taken by the first statement after BEGIN, as by PostgreSQL's repeatable read.
//!
//! Must never: show a running statement's writes, or go on after a COMMIT that failed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use sqlparser::ast::{
    self, TransactionAccessMode as AccessMode, TransactionIsolationLevel as Isolation, TransactionMode,
};
use tokio::sync::OwnedMutexGuard;

use crate::model::{CancelToken, Error, Result, sqlstate};
use crate::storage::{Store, Transaction, View};

use super::error::refuse;
use super::rewrite::name_of;

/// How often a thread that waits for its turn looks whether it was cancelled.
const CANCEL_CHECK: Duration = Duration::from_millis(10);

/// Whether a session has a transaction open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionState {
    /// Each statement is a transaction of its own.
    #[default]
    None,
    /// BEGIN opened one that was not ended yet.
    Open {
        /// It refuses to write.
        read_only: bool,
        /// A first statement took the snapshot that all of its statements read.
        started: bool,
    },
}

impl TransactionState {
    /// Whether a transaction is open.
    #[must_use]
    pub fn is_open(self) -> bool {
        self != Self::None
    }
}

/// A session's transaction. See the module's head.
pub struct SessionTransaction {
    store: Arc<Store>,
    /// The session refuses to write.
    read_only: bool,
    shown: Mutex<Shown>,
    /// Made by the first statement that needs it. Locked by whoever has the turn.
    transaction: Arc<tokio::sync::Mutex<Option<Transaction>>>,
}

/// What reads of the session see.
enum Shown {
    /// The latest commit.
    Latest,
    /// An open transaction: its view, once its first statement took one.
    Open { read_only: bool, view: Option<View> },
    /// A transaction that is being committed: known when the turn ends.
    Ending,
}

impl SessionTransaction {
    /// A session without a transaction.
    #[must_use]
    pub fn new(store: Arc<Store>, read_only: bool) -> Arc<Self> {
        let transaction = Arc::new(tokio::sync::Mutex::new(None));
        Arc::new(Self { store, read_only, shown: Mutex::new(Shown::Latest), transaction })
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn state(&self) -> TransactionState {
        match &*self.shown.lock() {
            Shown::Latest | Shown::Ending => TransactionState::None,
            Shown::Open { read_only, view } => {
                TransactionState::Open { read_only: *read_only, started: view.is_some() }
            }
        }
    }

    /// What a statement reads, which counts as the transaction's first statement. `None` while a
    /// COMMIT is on its way.
    pub(super) fn try_view(&self) -> Option<View> {
        match &mut *self.shown.lock() {
            Shown::Latest => Some(self.store.view()),
            Shown::Open { view, .. } => Some(view.get_or_insert_with(|| self.store.view()).clone()),
            Shown::Ending => None,
        }
    }

    /// What a statement reads: the open transaction's finished statements over its snapshot, or the
    /// latest commit. Waits where this session's COMMIT is on its way, for nothing else.
    pub async fn view(self: &Arc<Self>) -> View {
        loop {
            if let Some(view) = self.try_view() {
                return view;
            }
            drop(self.turn().await);
        }
    }

    /// As [`SessionTransaction::view`], on this thread.
    #[must_use]
    pub fn view_blocking(self: &Arc<Self>) -> View {
        loop {
            if let Some(view) = self.try_view() {
                return view;
            }
            drop(self.turn_blocking(&CancelToken::new()));
        }
    }

    /// The right to write, or to begin and end: one has it at a time.
    pub async fn turn(self: &Arc<Self>) -> Turn {
        let transaction = Arc::clone(&self.transaction).lock_owned().await;
        Turn { transaction, session: Arc::clone(self) }
    }

    /// As [`SessionTransaction::turn`], on this thread.
    ///
    /// # Errors
    /// `Cancelled` when that was asked for while it waited.
    pub fn turn_blocking(self: &Arc<Self>, cancel: &CancelToken) -> Result<Turn> {
        wait_unless(cancel, self.turn())
    }
}

/// Commits; a large transaction on a thread that may be kept, as to check and to queue it takes a while.
pub(super) async fn commit_async(store: &Arc<Store>, transaction: Transaction) -> Result<()> {
    const LARGE_BYTES: u64 = 64 << 10;
    if transaction.written_bytes() < LARGE_BYTES {
        return store.commit_async(transaction).await.map(|_| ());
    }
    let store = Arc::clone(store);
    let committed = tokio::task::spawn_blocking(move || store.commit(transaction)).await;
    committed.unwrap_or_else(|e| Err(stopped_commit(&e))).map(|_| ())
}

/// The error of a commit whose task ended before it.
pub(super) fn stopped_commit(error: &tokio::task::JoinError) -> Error {
    Error::internal(format!("the commit was stopped: {error}"))
}

/// The right to write. What a statement wrote is dropped with it, unless it was kept.
pub struct Turn {
    transaction: OwnedMutexGuard<Option<Transaction>>,
    session: Arc<SessionTransaction>,
}

impl Turn {
    /// Opens a transaction; `read_only` is what BEGIN says, if it does.
    ///
    /// # Errors
    /// `BadInput` when one is open, which stays so; `ReadOnly` when it shall write and the session
    /// may not.
    pub fn begin(&mut self, read_only: Option<bool>) -> Result<()> {
        let mut shown = self.session.shown.lock();
        if matches!(*shown, Shown::Open { .. }) {
            return Err(Error::bad_input("a transaction is open already")
                .with_sqlstate(sqlstate::ACTIVE_SQL_TRANSACTION)
                .with_hint("COMMIT or ROLLBACK ends it; SAVEPOINT starts a part that can be rolled back"));
        }
        if self.session.read_only && read_only == Some(false) {
            return Err(read_only_session());
        }
        *shown = Shown::Open { read_only: read_only.unwrap_or(self.session.read_only), view: None };
        Ok(())
    }

    /// Commits the open transaction. It is over then, whether that succeeds or not.
    ///
    /// # Errors
    /// `BadInput` when none is open; as [`Store::commit`], with nothing committed.
    pub fn commit(mut self) -> Result<()> {
        match self.ended()? {
            Some(transaction) => self.session.store.commit(transaction).map(|_| ()),
            None => Ok(()),
        }
    }

    /// As [`Turn::commit`], for async code.
    ///
    /// # Errors
    /// As [`Turn::commit`].
    pub async fn commit_async(mut self) -> Result<()> {
        match self.ended()? {
            Some(transaction) => commit_async(&self.session.store, transaction).await,
            None => Ok(()),
        }
    }

    /// Takes what was written, to commit it.
    fn ended(&mut self) -> Result<Option<Transaction>> {
        self.require_open()?;
        // Views of it are let go: what nobody reads is moved, not copied. The turn's end says what
        // is seen from then on.
        *self.session.shown.lock() = Shown::Ending;
        Ok(self.transaction.take())
    }

    /// Drops the open transaction.
    ///
    /// # Errors
    /// `BadInput` when none is open.
    pub fn rollback(&mut self) -> Result<()> {
        self.require_open()?;
        *self.session.shown.lock() = Shown::Latest;
        self.transaction.take();
        Ok(())
    }

    /// Sets a savepoint.
    ///
    /// # Errors
    /// `BadInput` when no transaction is open; as [`Transaction::savepoint`].
    pub fn savepoint(&mut self, name: &str) -> Result<()> {
        self.change(|transaction| transaction.savepoint(name))
    }

    /// Rolls back to a savepoint, which stays.
    ///
    /// # Errors
    /// `BadInput` when no transaction is open; `NotFound`.
    pub fn rollback_to(&mut self, name: &str) -> Result<()> {
        self.change(|transaction| transaction.rollback_to(name))
    }

    /// Removes a savepoint; what was written since stays.
    ///
    /// # Errors
    /// `BadInput` when no transaction is open; `NotFound`.
    pub fn release(&mut self, name: &str) -> Result<()> {
        self.change(|transaction| transaction.release(name))
    }

    /// The open transaction with a new statement begun in it, to be kept with [`Turn::keep`];
    /// `None` where none is open and a statement is a transaction of its own.
    ///
    /// # Errors
    /// `ReadOnly` when the session or the transaction may not write.
    pub fn statement(&mut self) -> Result<Option<&mut Transaction>> {
        if self.session.read_only {
            return Err(read_only_session());
        }
        match self.session.state() {
            TransactionState::None => Ok(None),
            TransactionState::Open { read_only: true, .. } => {
                Err(Error::read_only("the transaction is read-only")
                    .with_hint("end it, and begin one without READ ONLY to write"))
            }
            TransactionState::Open { .. } => {
                let transaction = self.transaction();
                transaction.begin_statement();
                Ok(Some(transaction))
            }
        }
    }

    /// Keeps what the statement wrote: the session's later statements see it.
    pub fn keep(&mut self) {
        if let Some(transaction) = self.transaction.as_mut() {
            shown_anew(&self.session, transaction, Transaction::end_statement);
        }
    }

    fn transaction(&mut self) -> &mut Transaction {
        let session = &self.session;
        self.transaction
            .get_or_insert_with(|| Transaction::new(Arc::clone(&session.store), session.view_blocking()))
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        self.require_open()?;
        self.transaction();
        match self.transaction.as_mut() {
            Some(transaction) => shown_anew(&self.session, transaction, change),
            None => Err(no_transaction()),
        }
    }

    fn require_open(&self) -> Result<()> {
        if self.session.state().is_open() { Ok(()) } else { Err(no_transaction()) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.as_mut() {
            transaction.abort_statement();
        }
        let mut shown = self.session.shown.lock();
        if matches!(*shown, Shown::Ending) {
            *shown = Shown::Latest;
        }
    }
}

/// Changes the transaction and shows what it is then.
fn shown_anew<T>(
    session: &SessionTransaction,
    transaction: &mut Transaction,
    change: impl FnOnce(&mut Transaction) -> T,
) -> T {
    let mut shown = session.shown.lock();
    // Let go first: what no view reads is changed in its place, not copied.
    if let Shown::Open { view, .. } = &mut *shown {
        *view = None;
    }
    let result = change(transaction);
    if let Shown::Open { view, .. } = &mut *shown {
        *view = Some(transaction.view());
    }
    result
}

fn no_transaction() -> Error {
    Error::bad_input("no transaction is open")
        .with_sqlstate(sqlstate::NO_ACTIVE_SQL_TRANSACTION)
        .with_hint("BEGIN opens one")
}

pub(super) fn read_only_session() -> Error {
    Error::read_only("the session is read-only")
        .with_hint("open the database without --readonly to change it")
}

/// Waits for a future on this thread, inside any runtime or none, unless it is cancelled.
fn wait_unless<F: Future>(cancel: &CancelToken, future: F) -> Result<F::Output> {
    struct Parked(Thread);
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    // Without the runtime's budget, which would make a task wait for itself.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Arc::new(Parked(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        cancel.check()?;
        std::thread::park_timeout(CANCEL_CHECK);
    }
}

/// A statement that begins, ends or divides a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    Begin { verb: &'static str, read_only: Option<bool> },
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
}

impl Control {
    /// The control statement that was parsed, if it is one.
    ///
    /// # Errors
    /// `Unsupported` for options that would not be kept.
    pub(super) fn of(statement: &ast::Statement) -> Result<Option<Self>> {
        Ok(Some(match statement {
            ast::Statement::StartTransaction {
                modes,
                begin,
                modifier: None,
                statements,
                has_end_keyword: false,
                ..
            } if statements.is_empty() => Control::Begin {
                verb: if *begin { "BEGIN" } else { "START TRANSACTION" },
                read_only: access(modes)?,
            },
            ast::Statement::StartTransaction { .. } => {
                return Err(refuse(
                    "this form of BEGIN",
                    "use BEGIN [ISOLATION LEVEL ...] [READ ONLY], which locks nothing",
                ));
            }
            ast::Statement::Commit { chain: true, .. } | ast::Statement::Rollback { chain: true, .. } => {
                return Err(refuse("AND CHAIN", "BEGIN opens the next transaction"));
            }
            ast::Statement::Commit { modifier: None, .. } => Control::Commit,
            ast::Statement::Rollback { savepoint: None, .. } => Control::Rollback,
            ast::Statement::Rollback { savepoint: Some(name), .. } => Control::RollbackTo(name_of(name)),
            ast::Statement::Savepoint { name } => Control::Savepoint(name_of(name)),
            ast::Statement::ReleaseSavepoint { name } => Control::Release(name_of(name)),
            _ => return Ok(None),
        }))
    }

    /// The statement's first words, as its result names it.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Control::Begin { verb, .. } => verb,
            Control::Commit => "COMMIT",
            Control::Rollback | Control::RollbackTo(_) => "ROLLBACK",
            Control::Savepoint(_) => "SAVEPOINT",
            Control::Release(_) => "RELEASE",
        }
    }
}

/// Whether the modes ask for READ ONLY or READ WRITE. Every isolation level that snapshot isolation
/// holds is taken.
fn access(modes: &[TransactionMode]) -> Result<Option<bool>> {
    let mut read_only = None;
    for mode in modes {
        match mode {
            TransactionMode::AccessMode(mode) => {
                let wanted = matches!(mode, AccessMode::ReadOnly);
                if read_only.is_some_and(|before| before != wanted) {
                    return Err(Error::bad_input("READ ONLY and READ WRITE exclude each other"));
                }
                read_only = Some(wanted);
            }
            TransactionMode::IsolationLevel(
                Isolation::ReadUncommitted
                | Isolation::ReadCommitted
                | Isolation::RepeatableRead
                | Isolation::Snapshot,
            ) => {}
            TransactionMode::IsolationLevel(Isolation::Serializable) => {
                return Err(refuse(
                    "ISOLATION LEVEL SERIALIZABLE",
                    "transactions have snapshot isolation (REPEATABLE READ), under which write skew is possible: two may each read what the other changes",
                ));
            }
        }
    }
    Ok(read_only)
}
