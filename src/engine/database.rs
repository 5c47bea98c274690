//! A database, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Clock, Config, Edge, EdgeId, ErrorKind, IdGenerator, Node, NodeId, Properties, Result, SystemClock, Value,
};
use crate::storage::{
    Deleted, Disk, Folder, Planted, RedbBackend, Spill, Store, StoreOptions, Transaction, View,
    check_log_formats,
};

use crate::query::{CacheFigures, Conditions, System, caches};

use super::executor::Executor;
use super::records;
use super::session::Session;

/// One transaction's changes may take this much memory.
const TRANSACTION_MAX_BYTES: u64 = 1 << 30;

/// How often a transaction is run that others come before.
const TRIES: usize = 8;

/// How a database is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// Make the database when it does not exist.
    pub create: bool,
    /// Its name when it is made; the folder's name otherwise.
    pub name: Option<String>,
    /// Refuse every write, and change no file.
    pub read_only: bool,
    /// Open a database whose log is damaged, to read what is before the damage; see
    /// [`Database::notices`]. Implies `read_only`.
    pub salvage: bool,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<IdGenerator>,
    /// The threads to work on; own ones when absent.
    pub executor: Option<Executor>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            create: false,
            name: None,
            read_only: false,
            salvage: false,
            clock: Arc::new(SystemClock),
            ids: Arc::new(IdGenerator::random()),
            executor: None,
        }
    }
}

/// An open database. Cheap to clone; the last clone dropped closes it.
///
/// ```
/// use aresadb::{Database, Value};
///
/// let db = Database::in_memory()?;
/// let ada = db.insert_node("person", [("name", Value::from("Ada"))])?;
/// let bob = db.insert_node("person", [("name", Value::from("Bob"))])?;
/// db.insert_edge("knows", ada, bob, [("since", Value::from(1833i64))])?;
/// assert_eq!(db.node(ada)?.unwrap().properties["name"], Value::from("Ada"));
/// # Ok::<(), aresadb::Error>(())
/// ```
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    executor: Executor,
    system: Arc<System>,
    created: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // While the folder is still locked.
        self.system.chunks.finish(&self.store.view());
    }
}

impl Database {
    /// Opens the database in a folder.
    ///
    /// # Errors
    /// `NotFound` when there is none (and `create` is off), `Locked` when another process has it
    /// open, `Corrupt` for damaged files, `Unsupported` for a newer format, `BadInput` for a wrong
    /// `config.toml`, `Io`.
    pub fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let read_only = options.read_only || options.salvage;
        let (folder, created) = match Folder::open(path, read_only) {
            Ok(folder) => (folder, false),
            Err(e) if e.kind() == ErrorKind::NotFound && options.create => {
                let name = options.name.clone().unwrap_or_else(|| name_of(path));
                (Folder::create(path, &Config::new(name, options.clock.now_micros()))?, true)
            }
            Err(e) => return Err(e),
        };
        let config = folder.config().clone();
        let cache_bytes = usize::try_from(config.page_cache_bytes()).unwrap_or(usize::MAX);
        let log = folder.log(read_only);
        // Before anything is opened that may write: what is newer stays as it is.
        check_log_formats(log.as_ref())?;
        let backend =
            RedbBackend::open_in(folder.disk(read_only), cache_bytes, read_only, Planted::default())?;
        let log = Some(log);
        Self::with_backend(backend, log, Some(folder), config, Some(path.to_owned()), created, options)
    }

    /// A new database that lives in memory and goes with its last handle.
    ///
    /// # Errors
    /// `Io` when worker threads cannot be started.
    pub fn in_memory() -> Result<Self> {
        Self::in_memory_with(OpenOptions::default())
    }

    /// As [`Database::in_memory`], with options.
    ///
    /// # Errors
    /// `Io` when worker threads cannot be started.
    pub fn in_memory_with(options: OpenOptions) -> Result<Self> {
        let name = options.name.clone().unwrap_or_else(|| ":memory:".to_owned());
        let config = Config::new(name, options.clock.now_micros());
        Self::with_backend(RedbBackend::memory()?, None, None, config, None, true, options)
    }

    fn with_backend(
        backend: RedbBackend,
        log: Option<Arc<dyn Disk>>,
        folder: Option<Folder>,
        config: Config,
        path: Option<PathBuf>,
        created: bool,
        options: OpenOptions,
    ) -> Result<Self> {
        let store = Store::open(
            Box::new(backend),
            log,
            StoreOptions {
                read_only: options.read_only || options.salvage,
                salvage: options.salvage,
                compression: config.compression.enabled,
                transaction_max_bytes: TRANSACTION_MAX_BYTES,
                sync: config.wal.sync,
                sync_interval: Duration::from_millis(config.wal.interval_ms),
                node_cache_bytes: config.node_cache_bytes(),
                cache_idle: Duration::from_secs(config.cache.ttl_seconds),
                id_filter_bytes: config.id_filter_bytes(),
                ..StoreOptions::new(options.clock, options.ids)
            },
        )?;
        store.set_row_checks(Arc::new(Conditions::new(&store)));
        let spill = folder.as_ref().filter(|_| config.spill_max_bytes() > 0).map(|folder| {
            let read_only = store.is_read_only();
            Spill::new(folder.cache(read_only), store.uuid(), config.spill_max_bytes(), read_only)
        });
        // The store may outlive the database: a statement under way holds it too.
        folder.into_iter().for_each(|folder| store.keep(folder));
        let executor = options.executor.map_or_else(Executor::new, Ok)?;
        Ok(Self(Arc::new(Inner { store, executor, system: System::new(config, path, spill), created })))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.system.config.name
    }

    /// Its folder; `None` in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.system.path.as_deref()
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.system.config
    }

    /// Whether it was made by this opening.
    #[must_use]
    pub fn was_created(&self) -> bool {
        self.0.created
    }

    /// Whether writing is refused.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.0.store.is_read_only()
    }

    /// What was found at opening that a user should know: a torn tail of the log, missing data.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        self.0.store.notices()
    }

    /// Ends writing and leaves the files so that opening has nothing to do, whoever still holds the
    /// database. The last handle dropped does the same.
    pub fn close(&self) {
        self.0.store.close();
        self.0.system.chunks.finish(&self.0.store.view());
    }

    /// The store: views, transactions, commits.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// What its caches did and hold.
    #[must_use]
    pub fn caches(&self) -> Vec<CacheFigures> {
        caches(&self.0.store, &self.0.system)
    }

    /// What its sessions share.
    pub(super) fn system(&self) -> &Arc<System> {
        &self.0.system
    }

    /// The latest committed state.
    #[must_use]
    pub fn view(&self) -> View {
        self.0.store.view()
    }

    /// The threads it works on.
    #[must_use]
    pub fn executor(&self) -> &Executor {
        &self.0.executor
    }

    /// Starts an SQL session.
    ///
    /// # Errors
    /// `Internal` when the query engine cannot be set up.
    pub fn session(&self) -> Result<Session> {
        Session::new(self.clone())
    }

    /// Runs `work` in a transaction and commits it; on a conflict with another session it is run
    /// again, a few times.
    ///
    /// # Errors
    /// What `work` fails with (nothing is committed then), `Conflict` when others kept committing
    /// first, and as `Store::commit`.
    pub fn write<T>(&self, mut work: impl FnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        let mut tried = 1;
        loop {
            let mut transaction = self.0.store.begin()?;
            let result = work(&mut transaction)?;
            match self.0.store.commit(transaction) {
                Ok(_) => return Ok(result),
                Err(e) if e.kind() == ErrorKind::Conflict && tried < TRIES => tried += 1,
                Err(e) => return Err(e),
            }
        }
    }

    /// As [`Database::write`], for async code: no thread waits while the disk works, and all tasks that commit
    /// meanwhile share its next sync. A future that is dropped once `work` has been run may still commit.
    ///
    /// ```
    /// use aresadb::{Database, Value};
    ///
    /// # async fn insert(db: &Database) -> Result<(), aresadb::Error> {
    /// let properties = [("name".to_owned(), Value::from("Ada"))];
    /// db.write_async(|tx| {
    ///     let person = tx.ensure_type("person", aresadb::model::TypeKind::Node)?;
    ///     let values = tx.resolve_properties(person, properties.clone().into())?;
    ///     tx.insert_node(person, None, values)
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// # let db = Database::in_memory()?;
    /// # futures::executor::block_on(insert(&db))?;
    /// # Ok::<(), aresadb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn write_async<T>(&self, mut work: impl FnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        let mut tried = 1;
        loop {
            let mut transaction = self.0.store.begin()?;
            let result = work(&mut transaction)?;
            match self.0.store.commit_async(transaction).await {
                Ok(_) => return Ok(result),
                Err(e) if e.kind() == ErrorKind::Conflict && tried < TRIES => tried += 1,
                Err(e) => return Err(e),
            }
        }
    }

    /// Inserts a node; its type and new properties are made as needed.
    ///
    /// # Errors
    /// `Constraint` for a value that does not fit its property, and as [`Database::write`].
    pub fn insert_node<N: Into<String>>(
        &self,
        node_type: &str,
        properties: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<NodeId> {
        let properties: Properties =
            properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
        self.insert_node_with_id(node_type, None, properties)
    }

    /// Inserts a node with an id of the caller's choice.
    ///
    /// # Errors
    /// As [`Database::insert_node`]; `Constraint` when the id is taken.
    pub fn insert_node_with_id(
        &self,
        node_type: &str,
        id: Option<NodeId>,
        properties: Properties,
    ) -> Result<NodeId> {
        self.write(|tx| records::insert_node(tx, node_type, id, properties.clone()))
    }

    /// Inserts an edge between two nodes; its type and new properties are made as needed.
    ///
    /// # Errors
    /// `NotFound` when an end does not exist, and as [`Database::insert_node`].
    pub fn insert_edge<N: Into<String>>(
        &self,
        edge_type: &str,
        from: NodeId,
        to: NodeId,
        properties: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<EdgeId> {
        let properties: Properties =
            properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
        self.write(|tx| records::insert_edge(tx, edge_type, from, to, properties.clone()))
    }

    /// The node of an id.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn node(&self, id: NodeId) -> Result<Option<Node>> {
        self.view().node(id)
    }

    /// The edge of an id.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn edge(&self, id: EdgeId) -> Result<Option<Edge>> {
        self.view().edge(id)
    }

    /// Sets properties of a node or an edge; NULL removes one, others stay.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` for a value that does not fit; as [`Database::write`].
    pub fn update(&self, id: uuid::Uuid, properties: Properties) -> Result<()> {
        self.write(|tx| records::update(tx, id, properties.clone()))
    }

    /// Deletes a node with its edges, or an edge.
    ///
    /// # Errors
    /// `NotFound`; as [`Database::write`].
    pub fn delete(&self, id: uuid::Uuid) -> Result<Deleted> {
        self.write(|tx| records::delete(tx, id))
    }
}

fn name_of(path: &Path) -> String {
    path.canonicalize()
        .unwrap_or_else(|_| path.to_owned())
        .file_name()
        .map_or_else(|| "database".to_owned(), |name| name.to_string_lossy().into_owned())
}
