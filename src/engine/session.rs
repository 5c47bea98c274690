//! A session: SQL, one statement at a time, and the transaction its statements share.
//!
//! A statement runs on the database's own threads, whatever thread or runtime asks; its rows come
//! through a short queue, so that a slow reader slows the producer. Dropping the stream stops the
//! statement at its next batch.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::model::{CancelToken, Error, PropertyType, Result, Value};
use crate::query::{
    CommandResult, Outcome, SessionTransaction, SqlOptions, SqlSession, TransactionState, property_type_of,
    stopped,
};
use crate::storage::{Transaction, View};

use super::database::Database;
use super::executor::from_panic;

/// Batches that may wait for the reader.
const QUEUED_BATCHES: usize = 2;
/// An SQL session on a database. One statement runs at a time; a second one waits for the first
/// one's plan, not for its rows. The last clone dropped rolls an open transaction back.
#[derive(Clone)]
pub struct Session {
    database: Database,
    sql: Arc<Mutex<SqlSession>>,
    transaction: Arc<SessionTransaction>,
}

/// What a statement gives.
#[derive(Debug)]
pub enum StatementResult {
    /// Rows.
    Rows(RowStream),
    /// A change, and what it did.
    Done(CommandResult),
}

/// The rows of a statement, batch by batch.
#[derive(Debug)]
pub struct RowStream {
    schema: SchemaRef,
    changed: Option<CommandResult>,
    batches: mpsc::Receiver<Result<RecordBatch>>,
    /// Tells that the statement was cancelled, while an operator may still be busy.
    stopped: oneshot::Receiver<Error>,
}

impl RowStream {
    /// Rows that are there already.
    fn of(schema: SchemaRef, batch: Option<RecordBatch>) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let (_, stopped) = oneshot::channel();
        if let Some(batch) = batch {
            // It has room for one.
            let _ = sender.try_send(Ok(batch));
        }
        Self { schema, changed: None, batches, stopped }
    }

    /// The columns as Arrow has them.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What a statement with RETURNING changed; that is done and, outside of a transaction,
    /// committed. `None` for a query.
    #[must_use]
    pub fn changed(&self) -> Option<&CommandResult> {
        self.changed.as_ref()
    }

    /// The columns' names and types.
    #[must_use]
    pub fn columns(&self) -> Vec<(String, PropertyType)> {
        self.schema.fields().iter().map(|f| (f.name().clone(), property_type_of(f))).collect()
    }

    /// The next batch; `None` at the end. Once the statement is cancelled that is told at once,
    /// whatever an operator is still busy with: it stops at its next batch.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        tokio::select! {
            biased;
            batch = self.batches.recv() => batch,
            Ok(error) = &mut self.stopped, if !self.stopped.is_terminated() => {
                self.batches.close();
                while self.batches.try_recv().is_ok() {}
                Some(Err(error))
            }
        }
    }

    /// All batches that are left.
    ///
    /// # Errors
    /// What the statement fails with.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut all = Vec::new();
        while let Some(batch) = self.next().await {
            all.push(batch?);
        }
        Ok(all)
    }
}

/// Tells the reader of a stream once its statement is cancelled. Ends with the reader.
async fn watch(cancel: CancelToken, mut stop: oneshot::Sender<Error>) {
    tokio::select! {
        () = stop.closed() => {}
        () = stopped(cancel.clone()) => {
            // A reader that is gone needs no word.
            let _ = stop.send(cancel.error());
        }
    }
}

impl Session {
    pub(super) fn new(database: Database) -> Result<Self> {
        let config = &database.config().query;
        let options = SqlOptions {
            memory_bytes: usize::try_from(config.memory_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
            read_only: database.is_read_only(),
            statement_timeout: (config.timeout_ms > 0).then(|| Duration::from_millis(config.timeout_ms)),
            recursion_limit: config.recursion_limit,
            row_limit: config.row_limit,
            system: Some(Arc::clone(database.system())),
            ..SqlOptions::default()
        };
        let sql = SqlSession::new(Arc::clone(database.store()), options)?;
        let transaction = Arc::clone(sql.transaction());
        Ok(Self { database, sql: Arc::new(Mutex::new(sql)), transaction })
    }

    /// The database it works on.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Runs one statement. `$1`, `$2`, ... stand for `params`.
    ///
    /// # Errors
    /// `BadInput`, `NotFound`, `Unsupported` with the place in the SQL; `Constraint`, `Conflict`;
    /// `Cancelled` once the token is raised, `TimedOut` past the statement's timeout; `OutOfSpace` past
    /// the memory limit.
    pub async fn run(&self, sql: &str, params: &[Value], cancel: &CancelToken) -> Result<StatementResult> {
        cancel.check()?;
        if let Ok(session) = self.sql.try_lock()
            && let Some((schema, batch)) = session.look_up(sql, params)?
        {
            return Ok(StatementResult::Rows(RowStream::of(schema, batch)));
        }
        let (session, sql, params, cancel) =
            (Arc::clone(&self.sql), sql.to_owned(), params.to_vec(), cancel.clone());
        let executor = self.database.executor().clone();
        let (pump, watcher) = (executor.clone(), executor.clone());
        executor
            .run(async move {
                let mut session = session.lock().await;
                let limited = session.limited(&cancel);
                let outcome = session.run(&sql, &params, &limited).await?;
                drop(session);
                let (schema, mut stream, changed) = match outcome {
                    Outcome::Done(result) => return Ok(StatementResult::Done(result)),
                    Outcome::Rows { schema, stream, changed } => (schema, stream, changed),
                };
                let (sender, batches) = mpsc::channel(QUEUED_BATCHES);
                pump.spawn(async move {
                    loop {
                        // A reader that is gone stops a statement that finds no rows as well.
                        // A panic must end the stream with an error, not as if it were complete.
                        let next = AssertUnwindSafe(stream.next()).catch_unwind();
                        let batch = tokio::select! {
                            batch = next => batch,
                            () = sender.closed() => break,
                        };
                        let batch = match batch {
                            Ok(None) => break,
                            Ok(Some(batch)) => batch.map_err(|e| crate::query::error_from(&e, &sql)),
                            Err(payload) => Err(from_panic(payload.as_ref())),
                        };
                        let failed = batch.is_err();
                        if sender.send(batch).await.is_err() || failed {
                            break;
                        }
                    }
                });
                let (stop, stopped) = oneshot::channel();
                watcher.spawn(watch(limited, stop));
                Ok(StatementResult::Rows(RowStream { schema, changed, batches, stopped }))
            })
            .await
    }

    /// Runs one statement and gives all its rows; none for a statement that changes data.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<RecordBatch>> {
        match self.run(sql, params, &CancelToken::new()).await? {
            StatementResult::Rows(rows) => rows.collect().await,
            StatementResult::Done(_) => Ok(Vec::new()),
        }
    }

    /// Runs one statement that changes data; rows it returns are counted and let go.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn execute(&self, sql: &str, params: &[Value]) -> Result<CommandResult> {
        match self.run(sql, params, &CancelToken::new()).await? {
            StatementResult::Done(result) => Ok(result),
            StatementResult::Rows(rows) => {
                let changed = rows.changed().cloned();
                let rows: usize = rows.collect().await?.iter().map(RecordBatch::num_rows).sum();
                Ok(changed.unwrap_or_else(|| CommandResult::new("SELECT", rows as u64)))
            }
        }
    }

    /// What the session reads now: the open transaction's finished statements over its snapshot,
    /// or the latest commit. In an open transaction the first view takes the snapshot.
    #[must_use]
    pub fn view(&self) -> View {
        self.transaction.view_blocking()
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn transaction_state(&self) -> TransactionState {
        self.transaction.state()
    }

    /// Opens a transaction, as BEGIN does; with `read_only` it refuses to write. Waits for the
    /// session's statement that writes, as all that follow; not for async code.
    ///
    /// # Errors
    /// `BadInput` when one is open, which stays so.
    pub fn begin(&self, read_only: bool) -> Result<()> {
        self.transaction.turn_blocking(&CancelToken::new())?.begin(read_only.then_some(true))
    }

    /// Commits the open transaction. It is over then, whether that succeeds or not.
    ///
    /// # Errors
    /// `BadInput` when none is open; `Conflict` when another transaction committed first what this
    /// one relies on: nothing was committed, run it again; as `Store::commit`.
    pub fn commit(&self) -> Result<()> {
        self.transaction.turn_blocking(&CancelToken::new())?.commit()
    }

    /// Rolls the open transaction back.
    ///
    /// # Errors
    /// `BadInput` when none is open.
    pub fn rollback(&self) -> Result<()> {
        self.transaction.turn_blocking(&CancelToken::new())?.rollback()
    }

    /// Runs `work` as one statement: in the open transaction, which is as before when it fails, or
    /// in a transaction of its own as [`Database::write`] does.
    ///
    /// # Errors
    /// What `work` fails with; `ReadOnly`; as [`Database::write`].
    pub fn write<T>(&self, work: impl FnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        self.write_unless(&CancelToken::new(), work)
    }

    /// As [`Session::write`]; stops waiting for its turn once it is cancelled.
    ///
    /// # Errors
    /// As [`Session::write`]; `Cancelled`.
    pub fn write_unless<T>(
        &self,
        cancel: &CancelToken,
        mut work: impl FnMut(&mut Transaction) -> Result<T>,
    ) -> Result<T> {
        let mut turn = self.transaction.turn_blocking(cancel)?;
        let Some(transaction) = turn.statement()? else {
            drop(turn);
            return self.database.write(work);
        };
        let result = work(transaction)?;
        turn.keep();
        Ok(result)
    }
}
