//! An SQL session: one DataFusion context, kept, one statement at a time.
//!
//! Every statement reads one view. A statement that writes outside of BEGIN ... COMMIT is a
//! transaction of its own, run again when another committed first; inside, it is a part of the open
//! transaction (see `transaction`). A query's rows stream; dropping the stream stops it, raising the
//! cancel token ends it with `Cancelled` at the next batch. Files cannot be reached from SQL.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::registry::FunctionRegistry as _;
use datafusion::prelude::{SessionConfig, SessionContext};
use sqlparser::ast;
use tokio::task::{JoinError, JoinHandle};

use crate::model::{CancelToken, Config, Error, ErrorKind, Result, Value};
use crate::storage::{Store, View};

use super::arrow_value::UTC;
use super::change::Change;
use super::ddl;
use super::dml;
use super::explain::{self, Explained};
use super::limits::Rounds;
use super::ordered::IndexOrder;
use super::plans::KeptPlans;
use super::point::{PointPlans, PointRows};
use super::prepared::Prepared;
use super::provider::{CATALOG, SCHEMA, StatementState, TypeCatalog};
use super::results::Results;
use super::rewrite::parse_query;
use super::rows::stopped;
use super::scan::BATCH_ROWS;
use super::semantics::CheckedArithmetic;
use super::settings::{Name, RECURSION_LIMIT, SHOW_ALL, Setting, Settings};
use super::statement::{self, Statement};
use super::stoppable::StoppableJoins;
use super::sum::checked_aggregates;
use super::system::{Running, SessionEntry, Surroundings, System};
use super::transaction::{Control, SessionTransaction, commit_async, read_only_session, stopped_commit};
use super::types::SqlTypes;
use super::watch::watched;

/// How often a statement is begun anew because another transaction committed first.
const ATTEMPTS: usize = 16;

/// How a session runs statements.
#[derive(Debug, Clone)]
pub struct SqlOptions {
    /// The memory sorting, grouping and joining may take, in bytes; past it they use files.
    pub memory_bytes: usize,
    /// Where these files go; the system's place for temporary files when absent.
    pub temp_dir: Option<PathBuf>,
    /// Refuse statements that write.
    pub read_only: bool,
    /// How many threads one statement may use.
    pub partitions: usize,
    /// How long a statement may take until `SET statement_timeout` says otherwise; for ever when absent.
    pub statement_timeout: Option<Duration>,
    /// How many rounds a recursive query may take until `SET recursion_limit` says otherwise; 0 is for ever.
    pub recursion_limit: u64,
    /// How many rows a query may give until `SET row_limit` says otherwise; 0 is any number.
    pub row_limit: u64,
    /// What the sessions of the database share; nothing is shared when absent.
    pub system: Option<Arc<System>>,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            temp_dir: None,
            read_only: false,
            partitions: 2,
            statement_timeout: None,
            recursion_limit: RECURSION_LIMIT,
            row_limit: 0,
            system: None,
        }
    }
}

/// What a statement gives.
pub enum Outcome {
    /// Rows.
    Rows {
        /// Their columns.
        schema: SchemaRef,
        /// The rows in batches. Errors in it carry a [`crate::model::Error`]; see [`super::error_from`].
        stream: SendableRecordBatchStream,
        /// What a statement with RETURNING changed, which is done when its rows are given.
        changed: Option<CommandResult>,
    },
    /// A change.
    Done(CommandResult),
}

/// What a statement that changes something did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandResult {
    /// The statement's first words: `INSERT`, `CREATE TABLE`.
    pub verb: String,
    /// Rows inserted, updated, deleted.
    pub rows: u64,
    /// What else is worth knowing.
    pub note: Option<String>,
}

impl CommandResult {
    /// A result without a note.
    #[must_use]
    pub fn new(verb: &str, rows: u64) -> Self {
        Self { verb: verb.to_owned(), rows, note: None }
    }

    /// Adds a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// An SQL session. It must be used inside a tokio runtime with timers, whose threads have large
/// stacks (64 MiB): planning recurses.
pub struct SqlSession {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) context: SessionContext,
    pub(super) state: Arc<StatementState>,
    read_only: bool,
    transaction: Arc<SessionTransaction>,
    pub(super) settings: Arc<Settings>,
    entry: Arc<SessionEntry>,
    prepared: Prepared,
    points: PointPlans,
    pub(super) plans: KeptPlans,
    results: Option<Arc<Results>>,
}

impl Shared {
    /// The results that are kept, if any are.
    pub(super) fn results(&self) -> Option<&Arc<Results>> {
        self.results.as_ref()
    }
}

impl SqlSession {
    /// A session on a store.
    ///
    /// # Errors
    /// `Io` when the folder for temporary files cannot be used; `Internal` when DataFusion refuses its options.
    pub fn new(store: Arc<Store>, options: SqlOptions) -> Result<Self> {
        let state = Arc::new(StatementState::default());
        let context = context(&state, &options).map_err(|e| super::error::from_datafusion(&e))?;
        let read_only = options.read_only || store.is_read_only();
        let transaction = SessionTransaction::new(Arc::clone(&store), read_only);
        let settings = Settings::new(options.statement_timeout, options.recursion_limit, options.row_limit);
        let settings = Arc::new(settings);
        let system =
            options.system.unwrap_or_else(|| System::new(Config::new("", store.now_micros()), None, None));
        let results = system.results.clone();
        let entry = system.sessions.add(&transaction, store.now_micros());
        state.surround(Arc::new(Surroundings {
            store: Arc::clone(&store),
            system,
            settings: Arc::clone(&settings),
            session: Arc::clone(&entry),
        }));
        let prepared = Prepared::default();
        let (points, plans) = (PointPlans::default(), KeptPlans::default());
        let shared = Shared {
            store,
            context,
            state,
            read_only,
            transaction,
            settings,
            entry,
            prepared,
            points,
            plans,
            results,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The session's transaction, for reads and writes that are no SQL.
    #[must_use]
    pub fn transaction(&self) -> &Arc<SessionTransaction> {
        &self.shared.transaction
    }

    /// A token that is raised with `cancel`, and once the statement timeout, counted from now, is over.
    #[must_use]
    pub fn limited(&self, cancel: &CancelToken) -> CancelToken {
        self.shared.settings.limited(cancel)
    }

    /// Answers a statement that looks a few rows up by id or through an index, on this thread and without a
    /// plan: its columns, and the rows if there are any. `None`: [`SqlSession::run`] has to do it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn look_up(&self, sql: &str, params: &[Value]) -> Result<Option<PointRows>> {
        match self.shared.transaction.try_view() {
            Some(view) => {
                let found = self.shared.points.run(sql, params, &view)?;
                let limit = self.shared.settings.limit(Name::RowLimit).unwrap_or(u64::MAX);
                // Past the limit it is the planner's way that says so.
                Ok(found.filter(|(_, rows)| rows.as_ref().is_none_or(|rows| rows.num_rows() as u64 <= limit)))
            }
            None => Ok(None),
        }
    }

    /// Runs one statement; `$1`, `$2`, ... stand for `params`.
    ///
    /// # Errors
    /// `BadInput`, `NotFound`, `Unsupported` with the place in the SQL; `Constraint`; `Conflict`
    /// when other transactions kept committing first, or from COMMIT when another did; `ReadOnly`; `Cancelled`; `TimedOut`; `OutOfSpace`.
    pub async fn run(&mut self, sql: &str, params: &[Value], cancel: &CancelToken) -> Result<Outcome> {
        cancel.check()?;
        let cancel = self.limited(cancel);
        let run = Run {
            shared: Arc::clone(&self.shared),
            sql: sql.to_owned(),
            params: params.to_vec(),
            cancel: cancel.clone(),
            writes: Arc::new(AtomicBool::new(false)),
            is_text: true,
            running: Arc::new(self.shared.entry.run(sql, self.shared.store.now_micros())),
        };
        let writes = Arc::clone(&run.writes);
        // A task of its own: planning cannot be interrupted, but its caller need not wait for it.
        let mut task = AbortOnDrop(tokio::spawn(run.statement()));
        tokio::select! {
            biased;
            joined = &mut task.0 => return finished(joined),
            () = stopped(cancel.clone()) => {}
        }
        // Once it writes, it alone knows whether it committed.
        if writes.load(Ordering::SeqCst) { finished((&mut task.0).await) } else { Err(cancel.error()) }
    }
}

fn finished(joined: std::result::Result<Result<Outcome>, JoinError>) -> Result<Outcome> {
    joined.unwrap_or_else(|e| Err(Error::internal(format!("the statement was stopped: {e}"))))
}

/// A task that ends at its next pause when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn context(state: &Arc<StatementState>, options: &SqlOptions) -> DataFusionResult<SessionContext> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false)
        .with_target_partitions(options.partitions.max(1))
        .with_batch_size(BATCH_ROWS)
        .with_extension(Arc::clone(state));
    let settings = config.options_mut();
    settings.sql_parser.collect_spans = true;
    settings.sql_parser.parse_float_as_decimal = true;
    settings.execution.time_zone = Some(UTC.to_owned());
    // It compares what may be NULL, on which the planner of unions does not agree with itself.
    settings.execution.skip_physical_aggregate_schema_check = true;
    let optimizer = &mut settings.optimizer;
    // Batches dealt out in turn come back in any order: rows listed in insertion order would not
    // stay so. Large types are scanned in several partitions where order does not matter.
    optimizer.enable_round_robin_repartition = false;
    optimizer.enable_dynamic_filter_pushdown = false;
    optimizer.enable_join_dynamic_filter_pushdown = false;
    optimizer.enable_topk_dynamic_filter_pushdown = false;
    optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    let mut runtime =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes)));
    if let Some(dir) = &options.temp_dir {
        runtime = runtime.with_temp_file_path(dir);
    }
    let builder = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime.build_arc()?);
    let session = watched(builder, state)
        .with_default_features()
        .with_type_planner(Arc::new(SqlTypes))
        .with_relation_planners(vec![Arc::new(super::traverse::CallPlanner)])
        .with_query_planner(Arc::new(super::traverse::TraversePlanner))
        .with_analyzer_rule(Arc::new(CheckedArithmetic::default()))
        .with_physical_optimizer_rule(Arc::new(IndexOrder))
        .with_physical_optimizer_rule(Arc::new(Rounds::new(state)))
        .with_physical_optimizer_rule(Arc::new(StoppableJoins::new(state)))
        .build();
    let mut context = SessionContext::new_with_state(session);
    datafusion_functions_json::register_all(&mut context)?;
    context.register_expr_planner(Arc::new(super::untyped::Literals))?;
    for aggregate in checked_aggregates() {
        context.register_udaf(aggregate);
    }
    let functions = [
        super::domain::checked_functions(),
        super::quantified::functions(),
        super::coerce::functions(),
        super::interval::functions(),
    ];
    for function in functions.into_iter().flatten() {
        context.register_udf(function);
    }
    super::graph_functions::register(&context);
    context.register_catalog(CATALOG, Arc::new(TypeCatalog::new(state)));
    Ok(context)
}

/// One statement on its way.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    /// The statement as it was given.
    pub(super) sql: String,
    /// What `$1`, ... stand for.
    pub(super) params: Vec<Value>,
    /// Its request to stop.
    pub(super) cancel: CancelToken,
    writes: Arc<AtomicBool>,
    /// What runs is what the text says, not what it names.
    is_text: bool,
    /// Shows the statement as running.
    pub(super) running: Arc<Running>,
}

impl Run {
    async fn statement(mut self) -> Result<Outcome> {
        if self.shared.results().is_some_and(|results| results.knows(&self.result_key())) {
            let view = self.shared.transaction.view().await;
            if let Some(stream) = self.rows_as_kept(&view)? {
                return Ok(Outcome::Rows { schema: stream.schema(), stream, changed: None });
            }
        }
        if self.params.is_empty() && self.shared.plans.knows(&self.sql) {
            let view = self.shared.transaction.view().await;
            if let Some(stream) = self.rows_as_planned(&view).await? {
                return Ok(Outcome::Rows { schema: stream.schema(), stream, changed: None });
            }
        }
        let statement = match statement::parse(&self.sql)? {
            Statement::Sql(statement) if matches!(*statement, ast::Statement::Execute { .. }) => {
                let view = self.shared.transaction.view().await;
                let (statement, params) = self.shared.prepared.execute(&self, *statement, &view).await?;
                self.params = params;
                self.is_text = false;
                statement
            }
            statement => statement,
        };
        match statement {
            Statement::CreateEdgeTable(create) => self.write(Change::CreateEdgeTable(create)).await,
            Statement::Graph(statement) => self.write(Change::Graph(statement)).await,
            Statement::Delete(delete) => self.write(Change::Delete(delete, None)).await,
            Statement::Sql(statement) => self.sql_statement(*statement).await,
        }
    }

    async fn sql_statement(self, statement: ast::Statement) -> Result<Outcome> {
        if let Some(control) = Control::of(&statement)? {
            return self.control(control).await;
        }
        if let Some(setting) = Setting::of(&statement)? {
            return self.setting(&setting).await;
        }
        match statement {
            ast::Statement::Query(query) => match dml::written_by(*query)? {
                Ok((with, statement)) => self.write(Change::under(with, statement)?).await,
                Err(query) => {
                    let view = self.shared.transaction.view().await;
                    let query = ast::Statement::Query(query);
                    if !self.is_text {
                        return self.query(query, view).await;
                    }
                    let stream = self.rows_of_text(query, &view).await?;
                    Ok(Outcome::Rows { schema: stream.schema(), stream, changed: None })
                }
            },
            ast::Statement::Explain { .. } => {
                let view = self.shared.transaction.view().await;
                match explain::explained(&self, statement, view.catalog())? {
                    Explained::Text(explain) => self.query(explain, view).await,
                    Explained::Json { query, analyze } => {
                        explain::as_json(&self, query, analyze, &view).await
                    }
                }
            }
            ast::Statement::Insert(insert) => self.write(Change::Insert(insert, None)).await,
            ast::Statement::Update(update) => self.write(Change::Update(update, None)).await,
            ast::Statement::Merge(merge) => self.write(Change::Merge(merge, None)).await,
            ast::Statement::CreateTable(create) if create.query.is_some() => {
                self.write(Change::CreateTableAs(create)).await
            }
            ast::Statement::CreateTable(create) => self.write(Change::CreateTable(create)).await,
            ast::Statement::AlterTable(alter) => self.write(Change::AlterTable(alter)).await,
            ast::Statement::CreateIndex(create) => self.write(Change::CreateIndex(create)).await,
            ast::Statement::CreateView(create) => self.write(Change::CreateView(create)).await,
            drop @ ast::Statement::Drop { object_type: ast::ObjectType::View, .. } => {
                self.write(Change::DropView(drop)).await
            }
            ast::Statement::Truncate(truncate) => self.write(Change::Truncate(truncate)).await,
            drop @ ast::Statement::Drop { .. } => self.write(Change::Drop(drop)).await,
            prepare @ ast::Statement::Prepare { .. } => {
                self.shared.prepared.prepare(&self.sql, &prepare).map(Outcome::Done)
            }
            deallocate @ ast::Statement::Deallocate { .. } => {
                self.shared.prepared.deallocate(&deallocate).map(Outcome::Done)
            }
            other => match ddl::as_query(&other)? {
                Some(sql) => {
                    let view = self.shared.transaction.view().await;
                    self.query(ast::Statement::Query(Box::new(parse_query(&sql)?)), view).await
                }
                None => Err(ddl::unsupported(&other)),
            },
        }
    }

    async fn setting(self, setting: &Setting) -> Result<Outcome> {
        let settings = &self.shared.settings;
        let query = match setting {
            Setting::Set(name, value) => {
                settings.set(*name, *value);
                return Ok(Outcome::Done(CommandResult::new("SET", 0)));
            }
            Setting::ResetAll => {
                settings.reset();
                return Ok(Outcome::Done(CommandResult::new("RESET", 0)));
            }
            Setting::Show(name) => parse_query(&settings.query(*name))?,
            Setting::ShowAll => parse_query(SHOW_ALL)?,
        };
        let view = self.shared.transaction.view().await;
        self.query(ast::Statement::Query(Box::new(query)), view).await
    }

    async fn query(self, statement: ast::Statement, view: View) -> Result<Outcome> {
        let stream = self.shown_rows(statement, &view).await?;
        Ok(Outcome::Rows { schema: stream.schema(), stream, changed: None })
    }

    /// Begins, ends or divides a transaction.
    async fn control(&self, control: Control) -> Result<Outcome> {
        let mut turn = self.shared.transaction.turn().await;
        self.started_writing()?;
        match &control {
            Control::Begin { read_only, .. } => turn.begin(*read_only),
            Control::Commit => {
                // The turn goes along: the session's next statement waits for the commit's end.
                let committed = tokio::spawn(turn.commit_async()).await;
                committed.unwrap_or_else(|e| Err(stopped_commit(&e)))
            }
            Control::Rollback => turn.rollback(),
            Control::Savepoint(name) => turn.savepoint(name),
            Control::Release(name) => turn.release(name),
            Control::RollbackTo(name) => turn.rollback_to(name),
        }?;
        Ok(Outcome::Done(CommandResult::new(control.verb(), 0)))
    }

    /// Runs a statement that writes, in the open transaction or in one of its own.
    async fn write(&self, change: Change) -> Result<Outcome> {
        if self.shared.read_only {
            return Err(read_only_session());
        }
        let mut turn = self.shared.transaction.turn().await;
        let Some(transaction) = turn.statement()? else {
            drop(turn);
            return self.autocommit(change).await;
        };
        let result = change.apply(self, transaction).await?;
        transaction.check_statement()?;
        self.started_writing()?;
        turn.keep();
        result.outcome()
    }

    async fn autocommit(&self, change: Change) -> Result<Outcome> {
        for attempt in 1.. {
            let mut transaction = self.shared.store.begin()?;
            transaction.begin_statement();
            let result = change.apply(self, &mut transaction).await?;
            transaction.check_statement()?;
            transaction.end_statement();
            self.started_writing()?;
            match commit_async(&self.shared.store, transaction).await {
                Ok(()) => return result.outcome(),
                Err(e) if e.kind() == ErrorKind::Conflict && attempt < ATTEMPTS => {}
                Err(e) => return Err(e),
            }
        }
        Err(Error::internal("a statement that was tried without end"))
    }

    /// From here on the statement alone decides whether it was cancelled.
    fn started_writing(&self) -> Result<()> {
        self.writes.store(true, Ordering::SeqCst);
        self.cancel.check()
    }
}
