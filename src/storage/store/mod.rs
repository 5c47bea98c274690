//! The store: the committed state, and the one place that changes it.
//!
//! ```text
//!  commit (commit, checks, change)    validated against the latest appended state
//!     │  queue ─▶ log (group)         one write, one sync for all who wait
//!     ▼
//!  memtable ── flush (flush) ──▶ tables     in the background, in key order
//!     │
//!  published view                     what readers take; they never wait
//! ```
//!
//! Three states: *appended* (validated and queued; the next commit is checked against it), *durable*
//! (in the log), *published* (what readers see: durable with `sync = "full"`). A group that cannot be
//! written is taken back: nobody saw it. After a failed sync nobody knows what is durable: the store then
//! refuses writes until it is opened again.
//!
//! Must never: publish what is not durable (with `sync = "full"`), reuse a row handle, type or property
//! number, or let a reader wait for a writer.

mod change;
mod checks;
mod commit;
mod copy;
mod flush;
mod group;
mod ids;
mod recover;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::model::{Clock, Config, Error, ErrorKind, IdGenerator, Result, SyncMode, TypeId};

use super::backend::{BackendStats, StorageBackend};
use super::byte_cache::CacheStats;
use super::caches::Caches;
use super::chunks::ChunkVersions;
use super::disk::Disk;
use super::folder::Folder;
use super::id_filter::IdFilterStats;
use super::intern::Interner;
use super::log::{Ending, Files, Pending, check_log_formats};
use super::memtable::Memtable;
use super::node_cache::NodeCache;
use super::planted::Planted;
use super::view::{Tree, View};
use super::write::{RowChecks, Transaction};

use self::flush::Keeper;
use self::group::{Group, Slot};

pub use self::copy::{Copied, CopyProgress};
pub use self::flush::Checkpointed;

/// The format of tables and records that this program writes. 1 had no log, 2 no indexes.
const STORAGE_FORMAT: u32 = 3;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<IdGenerator>,
    /// Refuse to begin transactions, and change no file.
    pub read_only: bool,
    /// Compress long text and bytes, and the log.
    pub compression: bool,
    /// The memory one transaction's changes may take.
    pub transaction_max_bytes: u64,
    /// When a commit is acknowledged.
    pub sync: SyncMode,
    /// How often the log is synced with [`SyncMode::Interval`].
    pub sync_interval: Duration,
    /// The size at which a segment of the log is closed.
    pub segment_bytes: u64,
    /// What is committed is written to the tables once it takes this much memory, or log. Writers
    /// wait at twice that.
    pub memtable_bytes: u64,
    /// What is committed is written to the tables this often.
    pub checkpoint_every: Duration,
    /// Flush and sync in a thread of the store's own. Otherwise commits do it when it is due.
    pub background: bool,
    /// Open a damaged log up to the damage; only with `read_only`.
    pub salvage: bool,
    /// The memory that records looked up by id again and again may take; 0: none is kept.
    pub node_cache_bytes: u64,
    /// How long a record that nobody looks up stays there.
    pub cache_idle: Duration,
    /// The memory that the filter of ids may take, which spares look-ups of ids that there are not; 0: there is none.
    pub id_filter_bytes: u64,
    /// A mistake to make, for the fault harness.
    pub planted: Planted,
}

impl StoreOptions {
    /// What a database has unless its settings say otherwise.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<IdGenerator>) -> Self {
        Self {
            clock,
            ids,
            read_only: false,
            compression: true,
            transaction_max_bytes: 1 << 30,
            sync: SyncMode::Full,
            sync_interval: Duration::from_millis(100),
            segment_bytes: 16 << 20,
            memtable_bytes: 64 << 20,
            checkpoint_every: Duration::from_secs(30),
            background: true,
            salvage: false,
            node_cache_bytes: 16 << 20,
            cache_idle: Duration::from_secs(3600),
            id_filter_bytes: 8 << 20,
            planted: Planted::default(),
        }
    }
}

/// The number of a commit; later commits have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

/// Figures of the log since the store was opened, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStats {
    /// The last transaction in the log.
    pub lsn: u64,
    /// All transactions up to this one are durable.
    pub durable_lsn: u64,
    /// All transactions up to this one are in the tables.
    pub flushed_lsn: u64,
    /// The segment that is written; 0 before the first.
    pub segment: u64,
    /// Where the next record goes in it, in bytes.
    pub offset: u64,
    /// Segments there are.
    pub segments: u64,
    /// Bytes of records written.
    pub bytes_written: u64,
    /// Bytes of records written since the last checkpoint.
    pub bytes_since_checkpoint: u64,
    /// The last checkpoint, microseconds since 1970; `None` before the first.
    pub checkpointed_micros: Option<i64>,
    /// Transactions committed.
    pub commits: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Groups that were written together, and the largest of them.
    pub groups: u64,
    /// Transactions in the largest group.
    pub largest_group: u64,
    /// Memory of what is not in the tables yet, in bytes.
    pub memtable_bytes: u64,
}

/// The database's data. See the module's head.
pub struct Store {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Leads for tasks that commit; there from the first one on.
    server: Mutex<Option<JoinHandle<()>>>,
    /// The folder and its lock: let go after the files, whoever holds the store last.
    folder: OnceLock<Folder>,
    row_checks: OnceLock<Arc<dyn RowChecks>>,
}

/// What the store shares with its background thread.
struct Shared {
    backend: Box<dyn StorageBackend>,
    log: Option<Files>,
    options: StoreOptions,
    uuid: Uuid,
    notices: Vec<String>,
    interner: Interner,
    published: ArcSwap<View>,
    /// The tree of the published state; held while that is changed.
    tree: Mutex<Arc<Tree>>,
    writer: Mutex<Writer>,
    /// The last transaction that wrote rows of a type; those before the opening are not in it. Changed while the
    /// writer is held, before the transaction is published.
    last_writes: RwLock<HashMap<TypeId, u64>>,
    group: Group,
    /// Transactions in the writer's queue.
    queued: AtomicUsize,
    /// One flush at a time.
    flushing: Mutex<()>,
    /// Memory was let go, or could not be.
    flushed: Condvar,
    /// The same, for tasks.
    room: Notify,
    flush_error: Mutex<Option<Error>>,
    keeper: Keeper,
    syncer: Keeper,
    /// Makes a filter of ids.
    filter_thread: Mutex<Option<JoinHandle<()>>>,
    flushed_lsn: AtomicU64,
    logged_bytes_flushed: AtomicU64,
    checkpointed_micros: AtomicI64,
    commits: AtomicU64,
    closed: AtomicBool,
    poisoned: AtomicBool,
    poison: Mutex<Option<Error>>,
}

/// What is appended: changed by one commit at a time.
struct Writer {
    appended: View,
    /// Takes what is appended; the last of the tree's memtables.
    active: Arc<Memtable>,
    /// Closed memtables, oldest first.
    frozen: VecDeque<Frozen>,
    queue: Vec<Queued>,
    /// Of the last transaction that was appended.
    last: Arc<Slot>,
    /// Of the last transaction that was published.
    published: Arc<Slot>,
    time_micros: u64,
}

struct Frozen {
    memtable: Arc<Memtable>,
    /// The last transaction in it.
    end: Option<Arc<Slot>>,
}

struct Queued {
    pending: Pending,
    slot: Arc<Slot>,
}

impl Store {
    /// Opens the data in a backend and the folder of its log; an empty backend becomes an empty
    /// database. Without a log nothing survives that is not flushed: for databases in memory.
    ///
    /// # Errors
    /// `Corrupt` for damaged data, `Unsupported` for a newer format, `Io`. Nothing was changed then.
    pub fn open(
        backend: Box<dyn StorageBackend>,
        log: Option<Arc<dyn Disk>>,
        options: StoreOptions,
    ) -> Result<Arc<Self>> {
        if options.salvage && !options.read_only {
            return Err(Error::bad_input("what is salvaged can only be read"));
        }
        if let Some(disk) = &log {
            check_log_formats(disk.as_ref())?;
        }
        let snapshot = recover::prepare(backend.as_ref(), &options)?;
        let base = recover::Base::read(snapshot.as_ref())?;
        let interner = Interner::default();
        let mut recovered = recover::recover(snapshot.as_ref(), &base, log.as_deref(), &interner, &options)?;
        let files = match log {
            Some(disk) if !options.read_only => {
                let (append, notice) =
                    recover::secure(disk.as_ref(), base.position, &recovered.walked, options.planted)?;
                recovered.notices.extend(notice);
                if append && matches!(recovered.walked.ending, Ending::Torn) {
                    // Planted: `Bug::AppendBehindTorn`.
                    recovered.walked.end.offset += 512;
                }
                let owners = (base.uuid, base.replica);
                let (bytes, planted) = (options.segment_bytes, options.planted);
                Some(Files::new(disk, owners, bytes, planted, &recovered.walked, append))
            }
            _ => {
                if matches!(recovered.walked.ending, Ending::Torn) {
                    recovered.notices.push("the log ends with bytes that were never durable".into());
                }
                None
            }
        };
        let shared = Arc::new(Shared::new(backend, files, options, snapshot, &base, recovered, interner));
        let mut threads = Vec::new();
        let mut start = |name: &str, work: fn(&Arc<Shared>)| -> Result<()> {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(name.into());
            let started = thread.spawn(move || work(&shared));
            threads.push(started.map_err(|e| Error::io("start a thread", &e))?);
            Ok(())
        };
        if shared.options.background {
            start("aresadb-keeper", Shared::keep)?;
            if shared.log.is_some() && shared.options.sync == SyncMode::Interval {
                start("aresadb-syncer", |shared| shared.keep_synced())?;
            }
        }
        Ok(Arc::new(Self {
            shared,
            threads: Mutex::new(threads),
            server: Mutex::new(None),
            folder: OnceLock::new(),
            row_checks: OnceLock::new(),
        }))
    }

    /// Keeps the database's folder locked until the store is closed. Statements under way may hold
    /// the store longer than the database does.
    pub fn keep(&self, folder: Folder) {
        // A store has one folder: a second one is let go.
        let _ = self.folder.set(folder);
    }

    /// Changes the database's settings in its folder; they hold from the next opening on.
    ///
    /// # Errors
    /// `BadInput` for a database in memory, `ReadOnly`; what `change` fails with; `Io`.
    pub fn change_config(&self, change: &mut dyn FnMut(Config) -> Result<Config>) -> Result<Config> {
        if self.is_read_only() {
            return Err(Error::read_only("the database is open read-only"));
        }
        let folder = self.folder.get();
        folder
            .ok_or_else(|| Error::bad_input("a database in memory keeps no settings"))?
            .change_config(change)
    }

    /// The latest committed state.
    #[must_use]
    pub fn view(&self) -> View {
        View::clone(&self.shared.published.load())
    }

    /// The number of the last transaction that wrote rows of a type since the opening; 0 where none did. It may not
    /// be published yet, or fail. Two views that show it, and nothing uncommitted, have the same rows of the type where
    /// it is the same for both.
    #[must_use]
    pub fn last_write(&self, type_id: TypeId) -> u64 {
        self.shared.last_writes.read().get(&type_id).copied().unwrap_or(0)
    }

    /// Starts a transaction on the latest committed state.
    ///
    /// # Errors
    /// `ReadOnly` when the store was opened so.
    pub fn begin(self: &Arc<Self>) -> Result<Transaction> {
        if self.is_read_only() {
            return Err(Error::read_only("the database is open read-only")
                .with_hint("open it without --readonly to change it"));
        }
        Ok(Transaction::new(Arc::clone(self), self.view()))
    }

    /// Makes a transaction durable and visible, all or nothing.
    ///
    /// # Errors
    /// `Conflict` when another transaction that committed since this one began changed what it
    /// relies on: run it again. `OutOfSpace`, `Io`: nothing was committed, unless the message says that this
    /// is not known.
    pub fn commit(&self, mut transaction: Transaction) -> Result<Lsn> {
        self.check_own(&mut transaction)?;
        self.shared.commit(transaction)
    }

    /// As [`Store::commit`], for async code: no thread waits while the disk works, and all who commit meanwhile
    /// share its next sync. The checks are made, and the transaction is queued, when the future is first polled. One that
    /// is dropped later does not take it back: it is committed, or not, without anybody being told.
    ///
    /// Runs on any runtime.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_async(
        &self,
        mut transaction: Transaction,
    ) -> impl Future<Output = Result<Lsn>> + Send + 'static {
        let checked = self.check_own(&mut transaction).and_then(|()| self.serve());
        let shared = Arc::clone(&self.shared);
        async move {
            checked?;
            shared.commit_async(transaction).await
        }
    }

    fn check_own(&self, transaction: &mut Transaction) -> Result<()> {
        if !transaction.is_of(self) {
            return Err(Error::internal("a transaction of another database cannot be committed here"));
        }
        transaction.check_pending_all()
    }

    /// Starts the thread that leads for tasks, where one is needed.
    fn serve(&self) -> Result<()> {
        if !self.shared.is_served() || self.shared.group.is_served() {
            return Ok(());
        }
        let mut server = self.server.lock();
        if server.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("aresadb-log".into());
            let started = thread.spawn(move || shared.group.serve(shared.as_ref()));
            let started = started.map_err(|e| Error::io("start a thread", &e))?;
            self.shared.group.served_by(started.thread().clone());
            *server = Some(started);
        }
        Ok(())
    }

    /// Says who judges the conditions of rows (CHECK); only the first one counts.
    pub fn set_row_checks(&self, checks: Arc<dyn RowChecks>) {
        let _ = self.row_checks.set(checks);
    }

    pub(super) fn row_checks(&self) -> Result<&Arc<dyn RowChecks>> {
        self.row_checks.get().ok_or_else(|| {
            Error::unsupported("the type has CHECK conditions, and nobody here can judge them")
                .with_hint("open the database through the engine")
        })
    }

    /// Writes all that is committed to the tables, and lets the log go that is not needed any more.
    ///
    /// # Errors
    /// `OutOfSpace`, `Io`: what is committed stays so, in the log.
    pub fn checkpoint(&self) -> Result<Checkpointed> {
        self.shared.checkpoint()
    }

    /// Ends writing: flushes, and leaves the files so that opening has nothing to do. What is open goes on
    /// reading. Dropping the store does the same.
    pub fn close(&self) {
        self.shared.keeper.stop();
        self.shared.syncer.stop();
        self.shared.stop_id_filter();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            let _ = thread.join();
        }
        self.shared.close();
        // Whoever found it open has queued its transaction once the writer is free; those are still written.
        drop(self.shared.writer.lock());
        self.shared.group.stop_serving();
        let server = self.server.lock().take();
        // A task's last handle of the store may be let go where the task is woken.
        if let Some(server) = server.filter(|server| server.thread().id() != std::thread::current().id()) {
            let _ = server.join();
        }
    }

    /// Figures of the log; `None` for a database that has none or is open read-only.
    #[must_use]
    pub fn log_stats(&self) -> Option<LogStats> {
        let shared = &self.shared;
        let log = shared.log.as_ref()?;
        let end = log.end();
        let (groups, _, largest_group) = shared.group.sizes();
        let bytes_written = log.bytes_written();
        let checkpointed = shared.checkpointed_micros.load(Ordering::Relaxed);
        Some(LogStats {
            lsn: end.lsn,
            durable_lsn: log.durable_lsn(),
            flushed_lsn: shared.flushed_lsn.load(Ordering::Relaxed),
            segment: end.segment,
            offset: end.offset,
            segments: log.segments().len() as u64,
            bytes_written,
            bytes_since_checkpoint: bytes_written
                .saturating_sub(shared.logged_bytes_flushed.load(Ordering::Relaxed)),
            checkpointed_micros: (checkpointed != i64::MIN).then_some(checkpointed),
            commits: shared.commits.load(Ordering::Relaxed),
            syncs: log.syncs(),
            groups,
            largest_group,
            memtable_bytes: shared.memtable_bytes(&shared.writer.lock()),
        })
    }

    /// Figures of the records that are kept for look-ups by id.
    #[must_use]
    pub fn node_cache_stats(&self) -> CacheStats {
        self.shared.caches().nodes.as_ref().map(NodeCache::stats).unwrap_or_default()
    }

    /// Figures of the filter of ids.
    #[must_use]
    pub fn id_filter_stats(&self) -> IdFilterStats {
        let view = self.shared.published.load();
        let tree = view.tree();
        tree.caches.ids.stats(tree.filter.as_deref())
    }

    /// Makes the filter that spares look-ups of ids that there are not, on this thread. It comes by itself once there
    /// were many of them; this is for who knows that there will be. Returns whether it was made: not where one is in
    /// the making, or all ids are too many for its memory.
    ///
    /// # Errors
    /// `Corrupt`, `Io`: all is as before.
    pub fn make_id_filter(&self) -> Result<bool> {
        self.shared.make_id_filter()
    }

    /// What was found at opening that a user should know: a torn tail, missing data.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.shared.notices
    }

    /// Sizes and counts of the backend.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn backend_stats(&self) -> Result<BackendStats> {
        self.shared.backend.stats()
    }

    /// The files of the database's folder and their bytes; `None` in memory.
    ///
    /// # Errors
    /// `Io`.
    pub fn files(&self) -> Result<Option<Vec<(String, u64)>>> {
        self.folder.get().map(Folder::sizes).transpose()
    }

    /// The database's identity.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.shared.uuid
    }

    /// Whether writing is refused.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.shared.options.read_only
    }

    /// The time of day, as the store was told it.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        self.shared.options.clock.now_micros()
    }

    /// A new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.shared.options.ids.next(self.shared.options.clock.now_micros())
    }

    pub(crate) fn interner(&self) -> &Interner {
        &self.shared.interner
    }

    pub(crate) fn compresses(&self) -> bool {
        self.shared.options.compression
    }

    pub(crate) fn transaction_max_bytes(&self) -> u64 {
        self.shared.options.transaction_max_bytes
    }
}

impl Shared {
    fn new(
        backend: Box<dyn StorageBackend>,
        log: Option<Files>,
        options: StoreOptions,
        snapshot: Arc<dyn super::backend::Snapshot>,
        base: &recover::Base,
        recovered: recover::Recovered,
        interner: Interner,
    ) -> Self {
        let end = recovered.walked.end;
        let active = Arc::new(Memtable::new());
        let last = Slot::done(log.is_some().then_some(end));
        let mut frozen = VecDeque::new();
        if !recovered.layer.is_empty() {
            let run = Memtable::run(Arc::new(recovered.layer), base.position.lsn + 1, end.lsn);
            frozen.push_back(Frozen { memtable: Arc::new(run), end: Some(Arc::clone(&last)) });
        }
        let memtables = frozen.iter().map(|f: &Frozen| Arc::clone(&f.memtable));
        let memtables = memtables.chain([Arc::clone(&active)]).collect();
        let caches = Caches::new(options.node_cache_bytes, options.cache_idle, options.id_filter_bytes);
        let caches = Arc::new(caches);
        let mark = flush::mark_of(&options, None);
        let chunks = Arc::new(ChunkVersions::read(snapshot.as_ref(), base.position.lsn, mark));
        let tree = Arc::new(Tree { snapshot, memtables, chunks, filter: None, caches });
        let view = View::committed(Arc::clone(&tree), Arc::new(recovered.catalog), end.lsn);
        let writer = Writer {
            appended: view.clone(),
            active,
            frozen,
            queue: Vec::new(),
            last: Arc::clone(&last),
            published: last,
            time_micros: recovered.walked.time_micros,
        };
        Shared {
            backend,
            log,
            options,
            uuid: base.uuid,
            notices: recovered.notices,
            interner,
            published: ArcSwap::from_pointee(view),
            tree: Mutex::new(tree),
            writer: Mutex::new(writer),
            last_writes: RwLock::default(),
            group: Group::new(),
            queued: AtomicUsize::new(0),
            flushing: Mutex::new(()),
            flushed: Condvar::new(),
            room: Notify::new(),
            flush_error: Mutex::new(None),
            keeper: Keeper::default(),
            syncer: Keeper::default(),
            filter_thread: Mutex::default(),
            flushed_lsn: AtomicU64::new(base.position.lsn),
            logged_bytes_flushed: AtomicU64::new(0),
            checkpointed_micros: AtomicI64::new(i64::MIN),
            commits: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            poison: Mutex::new(None),
        }
    }

    fn caches(&self) -> Arc<Caches> {
        Arc::clone(&self.tree.lock().caches)
    }

    fn memtable_bytes(&self, writer: &Writer) -> u64 {
        writer.active.bytes() + writer.frozen.iter().map(|frozen| frozen.memtable.bytes()).sum::<u64>()
    }

    fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Refuses all further writes: what is durable is not known.
    fn poison(&self, error: &Error) {
        self.poison.lock().get_or_insert_with(|| error.clone());
        self.poisoned.store(true, Ordering::Release);
        self.tell_flushed();
    }

    fn poison_error(&self) -> Error {
        let cause = self.poison.lock().as_ref().map_or_else(String::new, |e| e.message().to_owned());
        Error::new(
            ErrorKind::Io,
            format!(
                "the database takes no more changes since the disk failed ({cause}); nothing was committed"
            ),
        )
        .with_hint("reading goes on; clear the cause and open the database again")
    }

    fn check_usable(&self) -> Result<()> {
        if self.is_poisoned() {
            return Err(self.poison_error());
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Io, "the database was closed")
                .with_hint("nothing was committed; open it again"));
        }
        Ok(())
    }

    /// Leaves the files so that opening has nothing to do.
    fn close(&self) {
        if self.options.read_only || self.is_poisoned() || self.closed.load(Ordering::Acquire) {
            return;
        }
        let flushed = if self.has_unflushed() { self.checkpoint().is_ok() } else { true };
        if let Some(log) = &self.log
            && (!flushed || log.durable_lsn() < log.end().lsn)
        {
            // The log has it all: this is the last chance to say so to the disk.
            let _ = log.sync();
        }
        self.closed.store(true, Ordering::Release);
        self.tell_flushed();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("uuid", &self.shared.uuid)
            .field("lsn", &self.shared.published.load().lsn())
            .finish_non_exhaustive()
    }
}
