//! The engine's end of the bus: takes commands, runs them, answers.
//!
//! Each connection has a dispatcher that takes its commands in order. `Open` is finished before the
//! next command is looked at; every other command runs beside the others, so that a long query does
//! not hold up an inspection or a `Cancel`. Statements of one session still run one after another.
//!
//! Invariant: every command gets exactly one `Done` or `Failed`, whatever happens inside, panics
//! included.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc};

use crate::engine::{Database, Executor, OpenOptions, Session, StatementResult};
use crate::model::{CancelToken, Clock, Error, IdGenerator, Result, SystemClock};

use super::client::{Client, Events};
use super::cursor::{self, Budget, Held};
use super::reach::Reach;
use super::workspace::Workspace;
use super::{Command, CursorId, Envelope, Event, EventBody, PROTOCOL_VERSION, RequestId, SessionId, Summary};
use super::{edits, figures, files, logs, records, script, upkeep};

/// Commands of one client that may wait.
const QUEUED_COMMANDS: usize = 64;
/// Events that may wait for one client.
const QUEUED_EVENTS: usize = 64;

/// How the bus is started.
#[derive(Clone)]
pub struct BusOptions {
    /// Where large results are put aside; the files have no name and go with the result.
    pub temp_dir: PathBuf,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<IdGenerator>,
}

impl BusOptions {
    /// Options with the machine's clock and randomness.
    #[must_use]
    pub fn new(temp_dir: impl Into<PathBuf>) -> Self {
        Self { temp_dir: temp_dir.into(), clock: Arc::new(SystemClock), ids: Arc::new(IdGenerator::random()) }
    }
}

/// The bus: one engine, any number of clients.
pub struct Bus {
    shared: Arc<Shared>,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) options: BusOptions,
    /// Where statements run.
    pub(super) executor: Executor,
    /// Where commands are taken and answered: never on the statements' threads, which an operator
    /// may hold for long, so that a `Cancel` is always heard.
    dispatcher: Executor,
    database: RwLock<Option<Database>>,
    workspace: Workspace,
    next_session: AtomicU64,
    next_cursor: AtomicU64,
    /// Wakes the connections to end.
    ending: Notify,
}

impl Bus {
    /// Starts the threads; no database is open yet.
    ///
    /// # Errors
    /// `Io` when threads cannot be started.
    pub fn start(options: BusOptions) -> Result<Self> {
        let shared = Shared {
            workspace: Workspace::new(Arc::clone(&options.clock)),
            options,
            executor: Executor::new()?,
            dispatcher: Executor::with_workers(1)?,
            database: RwLock::new(None),
            next_session: AtomicU64::new(1),
            next_cursor: AtomicU64::new(1),
            ending: Notify::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A new client with its events. The connection ends when every clone of the client is gone,
    /// or when the events are dropped.
    #[must_use]
    pub fn connect(&self) -> (Client, Events) {
        let session = SessionId(self.shared.next_session.fetch_add(1, Ordering::Relaxed));
        let (commands, command_queue) = mpsc::channel(QUEUED_COMMANDS);
        let (events, event_queue) = mpsc::channel(QUEUED_EVENTS);
        let connection = Arc::new(Connection {
            shared: Arc::clone(&self.shared),
            id: session,
            events,
            session: Mutex::new(None),
            transaction_told: tokio::sync::Mutex::new(false),
            running: Mutex::default(),
            cursors: Mutex::default(),
            budget: Budget::default(),
        });
        self.shared.dispatcher.spawn(connection.serve(command_queue));
        (Client::new(session, commands), Events::new(event_queue))
    }

    /// Ends the connections, waits a moment for what runs to stop, and closes the database.
    pub fn shutdown(self) {
        const LONGEST: Duration = Duration::from_secs(5);
        const LOOK_AGAIN: Duration = Duration::from_millis(1);
        self.shared.ending.notify_waiters();
        let database = self.shared.database.write().take();
        let started = Instant::now();
        // Every connection and request holds the shared part; the last one lets the database go.
        while Arc::strong_count(&self.shared) > 1 && started.elapsed() < LONGEST {
            std::thread::sleep(LOOK_AGAIN);
        }
        if let Some(database) = database {
            database.close();
        }
    }
}

/// A client's connection.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    id: SessionId,
    events: mpsc::Sender<Event>,
    session: Mutex<Option<Session>>,
    /// Whether the client was last told that a transaction is open. Locked while it is told, so
    /// that the last word is the right one.
    transaction_told: tokio::sync::Mutex<bool>,
    running: Mutex<HashMap<RequestId, Running>>,
    cursors: Mutex<HashMap<CursorId, Held>>,
    /// The memory of held results.
    pub(super) budget: Budget,
}

/// How a running request is stopped.
#[derive(Clone, Default)]
pub(super) struct Running {
    pub(super) cancel: CancelToken,
    /// Wakes what waits; the token stops what works.
    pub(super) stop: Arc<Notify>,
}

impl Running {
    pub(super) fn stop(&self) {
        self.cancel.cancel();
        // One permit is kept for a waiter that comes late.
        self.stop.notify_one();
    }

    /// Runs a future that only reads, until it ends or the request is stopped.
    pub(super) async fn until_stopped<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            result = future => result,
            () = self.stop.notified() => Err(Error::cancelled()),
        }
    }
}

/// A failure, and which statement of a script it was.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) statement: Option<u32>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, statement: None }
    }
}

/// Answers one request.
#[derive(Clone)]
pub(super) struct Reply {
    session: SessionId,
    request: RequestId,
    events: mpsc::Sender<Event>,
}

impl Reply {
    fn event(&self, body: EventBody) -> Event {
        Event { protocol: PROTOCOL_VERSION, session: self.session, request: self.request, body }
    }

    /// Sends an event, waiting for a slow client.
    ///
    /// # Errors
    /// `Cancelled` when the client is gone.
    pub(super) async fn send(&self, body: EventBody) -> Result<()> {
        self.events.send(self.event(body)).await.map_err(|_| Error::cancelled())
    }

    /// As [`Reply::send`], on a thread that may wait.
    ///
    /// # Errors
    /// `Cancelled` when the client is gone.
    pub(super) fn send_blocking(&self, body: EventBody) -> Result<()> {
        self.events.blocking_send(self.event(body)).map_err(|_| Error::cancelled())
    }

    /// Sends an event that may be left out when the client is busy.
    pub(super) fn offer(&self, body: EventBody) {
        let _ = self.events.try_send(self.event(body));
    }
}

impl Connection {
    async fn serve(self: Arc<Self>, mut commands: mpsc::Receiver<Envelope>) {
        let ending = self.shared.ending.notified();
        let mut ending = std::pin::pin!(ending);
        loop {
            let envelope = tokio::select! {
                envelope = commands.recv() => envelope,
                () = self.events.closed() => None,
                () = &mut ending => None,
            };
            let Some(envelope) = envelope else { break };
            Arc::clone(&self).dispatch(envelope).await;
        }
        // The client is gone: whatever still works for it stops.
        self.running.lock().values().for_each(Running::stop);
        self.cursors.lock().drain().for_each(|(_, cursor)| cursor.close());
    }

    async fn dispatch(self: Arc<Self>, envelope: Envelope) {
        let reply = Reply { session: self.id, request: envelope.request, events: self.events.clone() };
        let running = Running::default();
        self.running.lock().insert(envelope.request, running.clone());
        let first = matches!(
            envelope.command,
            Command::Open { .. } | Command::Cancel { .. } | Command::CloseCursor { .. }
        );
        let work = Arc::clone(&self).answer(envelope, reply, running);
        if first {
            work.await;
        } else {
            let dispatcher = self.shared.dispatcher.clone();
            dispatcher.spawn(work);
        }
    }

    async fn answer(self: Arc<Self>, envelope: Envelope, reply: Reply, running: Running) {
        let started = Instant::now();
        let request = envelope.request;
        let work = AssertUnwindSafe(self.perform(envelope.command, &reply, &running)).catch_unwind().await;
        self.running.lock().remove(&request);
        let result = work.unwrap_or_else(|payload| Err(crate::engine::from_panic(payload.as_ref()).into()));
        let last = match result {
            Ok(summary) => EventBody::Done { summary, elapsed: started.elapsed() },
            Err(Failure { error, statement }) => EventBody::Failed { error, statement },
        };
        // A client that is gone needs no answer.
        let _ = self.tell_transaction(&reply).await;
        let _ = reply.send(last).await;
    }

    async fn perform(&self, command: Command, reply: &Reply, running: &Running) -> Result<Summary, Failure> {
        let verb = command.name().to_uppercase();
        let done = |rows| Ok(Summary { verb, rows, ..Summary::default() });
        match command {
            Command::Open { path, create, name, read_only, salvage } => {
                self.open(path, (create, name), (read_only, salvage), reply).await?;
                done(0)
            }
            Command::Cancel { request } => {
                let found = self.running.lock().get(&request).cloned();
                found.iter().for_each(Running::stop);
                done(u64::from(found.is_some()))
            }
            Command::CloseCursor { cursor } => {
                let found = self.cursors.lock().remove(&cursor);
                found.iter().for_each(|c| c.close());
                done(u64::from(found.is_some()))
            }
            Command::FetchPage { cursor, first_row, rows } => {
                let held = self.held(cursor)?;
                running.until_stopped(held.until_page(first_row, rows)).await?;
                // It may read a file: not on the thread that takes the commands.
                let page = self.shared.executor.run_blocking(move || held.page(first_row, rows)).await?;
                let count = page.rows() as u64;
                reply.send(EventBody::Rows { cursor: Some(cursor), page }).await?;
                done(count)
            }
            Command::Shape { cursor, shape } => {
                Ok(cursor::shape(self, self.held(cursor)?, shape, reply, running).await?)
            }
            Command::Find { cursor, find } => {
                Ok(cursor::find(self, self.held(cursor)?, find, reply, running).await?)
            }
            Command::CopyRows { cursor, copy } => {
                Ok(cursor::copy_rows(self, self.held(cursor)?, copy, reply, running).await?)
            }
            Command::ExportRows { cursor, file, format, columns, replace } => {
                let (held, target) = (self.held(cursor)?, (file, format, replace));
                Ok(cursor::export_rows(self, held, target, &columns, reply, running).await?)
            }
            Command::ApplyEdits { edits: list } => edits::apply(self, &list, running).await,
            Command::Run { sql, params, delivery } => {
                script::run(self, &sql, &params, delivery, reply, running).await
            }
            Command::Begin { read_only: false } => Ok(self.control("BEGIN", running).await?),
            Command::Begin { read_only: true } => Ok(self.control("BEGIN READ ONLY", running).await?),
            Command::Commit => Ok(self.control("COMMIT", running).await?),
            Command::Rollback => Ok(self.control("ROLLBACK", running).await?),
            Command::Export { source, file, format } => {
                Ok(files::export(self, source, file, format, reply, running).await?)
            }
            Command::ExportGraph { source, file, format, replace } => {
                Ok(files::export_graph(self, source, (file, format, replace), reply, running).await?)
            }
            command @ (Command::WalList { .. } | Command::WalTail { .. } | Command::WalVerify { .. }) => {
                let (reply, cancel) = (reply.clone(), running.cancel.clone());
                let work = move || logs::perform(command, &reply, &cancel);
                Ok(self.shared.executor.run_blocking(work).await?)
            }
            Command::Workspace(command) => {
                let (shared, reply) = (Arc::clone(&self.shared), reply.clone());
                let work = move || shared.workspace.perform(command, &reply);
                Ok(self.shared.executor.run_blocking(work).await?)
            }
            Command::Restore { backup, path } => {
                let (reply, cancel) = (reply.clone(), running.cancel.clone());
                let options = self.open_options();
                let work = move || upkeep::restore((&backup, &path), &options, &reply, &cancel);
                Ok(self.shared.executor.run_blocking(work).await?)
            }
            Command::Compact { path } => {
                self.let_go();
                let options = self.open_options();
                Ok(self.shared.executor.run_blocking(move || upkeep::compact(&path, options)).await?)
            }
            other => {
                let (reach, reply, cancel) = (self.reach()?, reply.clone(), running.cancel.clone());
                // These read a bounded amount or look at the token themselves; a write is waited
                // for, because only its end tells whether it was committed.
                let work = move || perform_blocking(&reach, other, &reply, &cancel);
                Ok(self.shared.executor.run_blocking(work).await?)
            }
        }
    }

    async fn open(
        &self,
        path: PathBuf,
        (create, name): (bool, Option<String>),
        (read_only, salvage): (bool, bool),
        reply: &Reply,
    ) -> Result<()> {
        // The old database is let go first: it may be the same folder.
        self.let_go();
        let options = OpenOptions { create, name, read_only, salvage, ..self.open_options() };
        let in_memory = path.as_os_str() == ":memory:";
        let work = move || {
            if in_memory { Database::in_memory_with(options) } else { Database::open(path, options) }
        };
        let database = self.shared.executor.run_blocking(work).await?;
        let opened = EventBody::Opened {
            name: database.name().to_owned(),
            path: database.path().map_or_else(|| ":memory:".to_owned(), |p| p.display().to_string()),
            read_only: database.is_read_only(),
            created: database.was_created(),
            notices: database.notices().to_vec(),
        };
        *self.shared.database.write() = Some(database);
        reply.send(opened).await
    }

    /// Lets the open database go.
    fn let_go(&self) {
        self.session.lock().take();
        self.shared.database.write().take();
    }

    fn open_options(&self) -> OpenOptions {
        OpenOptions {
            clock: Arc::clone(&self.shared.options.clock),
            ids: Arc::clone(&self.shared.options.ids),
            executor: Some(self.shared.executor.clone()),
            ..OpenOptions::default()
        }
    }

    pub(super) fn database(&self) -> Result<Database> {
        self.shared
            .database
            .read()
            .clone()
            .ok_or_else(|| Error::bad_input("no database is open").with_hint("open one first"))
    }

    /// The connection's SQL session, started with its first statement.
    pub(super) fn session(&self) -> Result<Session> {
        let database = self.database()?;
        let mut session = self.session.lock();
        if let Some(session) = session.as_ref() {
            return Ok(session.clone());
        }
        Ok(session.insert(database.session()?).clone())
    }

    /// What the connection's commands read and write: no session is started for it.
    fn reach(&self) -> Result<Reach> {
        Ok(Reach { database: self.database()?, session: self.session.lock().clone() })
    }

    /// Begins or ends a transaction, in turn with the session's statements.
    async fn control(&self, sql: &str, running: &Running) -> Result<Summary> {
        match self.session()?.run(sql, &[], &running.cancel).await? {
            StatementResult::Done(done) => Ok(Summary { verb: done.verb, ..Summary::default() }),
            StatementResult::Rows(_) => Err(Error::internal(format!("{sql} gave rows"))),
        }
    }

    /// Tells the client whether a transaction is open, where that changed.
    ///
    /// # Errors
    /// `Cancelled` when the client is gone.
    pub(super) async fn tell_transaction(&self, reply: &Reply) -> Result<()> {
        let mut told = self.transaction_told.lock().await;
        let open = self.session.lock().as_ref().is_some_and(|s| s.transaction_state().is_open());
        if *told != open {
            reply.send(EventBody::Transaction { open }).await?;
            *told = open;
        }
        Ok(())
    }

    fn held(&self, cursor: CursorId) -> Result<Held> {
        self.cursors
            .lock()
            .get(&cursor)
            .cloned()
            .ok_or_else(|| Error::not_found("the result is closed").with_hint("run the statement again"))
    }

    /// Keeps a result under a new name.
    pub(super) fn hold(&self, cursor: Held) -> CursorId {
        let id = CursorId(self.shared.next_cursor.fetch_add(1, Ordering::Relaxed));
        self.cursors.lock().insert(id, cursor);
        id
    }
}

fn perform_blocking(reach: &Reach, command: Command, reply: &Reply, cancel: &CancelToken) -> Result<Summary> {
    let verb = command.name().to_uppercase();
    let done = |rows, note| Ok(Summary { verb, rows, truncated: false, note });
    let database = &reach.database;
    match command {
        Command::Catalog => reply
            .send_blocking(EventBody::Catalog(figures::catalog(&reach.view())?))
            .and_then(|()| done(0, None)),
        Command::Indexes => {
            let indexes = figures::indexes(&reach.view());
            let rows = indexes.len() as u64;
            reply.send_blocking(EventBody::Indexes(indexes)).and_then(|()| done(rows, None))
        }
        Command::Stats => {
            reply.send_blocking(EventBody::Stats(figures::stats(database)?)).and_then(|()| done(0, None))
        }
        Command::Import(options) => {
            reach.refuse_in_transaction("import")?;
            files::import(database, &options, reply, cancel)
        }
        Command::LoadDemo => {
            reach.refuse_in_transaction("demo")?;
            files::load_demo(database)
        }
        Command::Checkpoint => upkeep::checkpoint(database),
        Command::Verify => upkeep::verify(database, reply, cancel),
        Command::Backup { folder } => upkeep::backup(database, &folder, reply, cancel),
        Command::Config { set } => upkeep::config(database, set, reply),
        other => {
            let answer = records::perform(reach, other, cancel)?;
            let (rows, note) = (answer.rows, answer.note);
            answer.bodies.into_iter().try_for_each(|body| reply.send_blocking(body))?;
            done(rows, note)
        }
    }
}
