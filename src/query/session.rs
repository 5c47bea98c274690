//! An SQL session: one DataFusion context, kept, one statement at a time.
//!
//! Every statement reads one view. A statement that writes outside of BEGIN ... COMMIT is a
//! transaction of its own, run again when another committed first; inside, it is a part of the open
//! transaction (see `transaction`). A query's rows stream; dropping the stream stops it, raising the
//! cancel token ends it with `Cancelled` at the next batch. Files cannot be reached from SQL.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, ParamValues, Result as DataFusionResult};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::registry::FunctionRegistry as _;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as PlannerStatement;
use futures::Stream;
use sqlparser::ast::{self, With};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::model::{CancelToken, Error, ErrorKind, PropertyType, Result, Value};
use crate::storage::{Catalog, Store, Transaction, View, closest};

use super::arrow_value::{UTC, property_type_of, scalar_of};
use super::error::{from_datafusion_at, quoted, some_of, to_datafusion};
use super::literal::{parameter_value, parse_text};
use super::point::{PointPlans, PointRows};
use super::prepared::Prepared;
use super::provider::{CATALOG, Reading, SCHEMA, StatementState, TypeCatalog};
use super::returning::Returned;
use super::rewrite::{parse_query, rewrite, shown_name};
use super::scan::BATCH_ROWS;
use super::scratch::ScratchTable;
use super::semantics::CheckedArithmetic;
use super::settings::{Setting, Settings};
use super::statement::{self, CreateEdgeTable, Deletion, Statement};
use super::sum::checked_aggregates;
use super::transaction::{Control, SessionTransaction, read_only_session};
use super::types::SqlTypes;
use super::{alter, create_as, ddl, dml, merge, truncate, views};

/// How often a statement is begun anew because another transaction committed first.
const ATTEMPTS: usize = 16;
/// How often a statement that waits looks whether it was cancelled.
const CANCEL_CHECK: Duration = Duration::from_millis(10);

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
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            temp_dir: None,
            read_only: false,
            partitions: 2,
            statement_timeout: None,
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

struct Shared {
    store: Arc<Store>,
    context: SessionContext,
    state: Arc<StatementState>,
    read_only: bool,
    transaction: Arc<SessionTransaction>,
    settings: Settings,
    prepared: Prepared,
    points: PointPlans,
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
        let settings = Settings::new(options.statement_timeout);
        let prepared = Prepared::default();
        let points = PointPlans::default();
        let shared = Shared { store, context, state, read_only, transaction, settings, prepared, points };
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
            Some(view) => self.shared.points.run(sql, params, &view),
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
        };
        let writes = Arc::clone(&run.writes);
        // A task of its own: planning cannot be interrupted, but its caller need not wait for it.
        let mut task = AbortOnDrop(tokio::spawn(run.statement()));
        let mut ticks = ticks();
        loop {
            tokio::select! {
                joined = &mut task.0 => {
                    return joined.unwrap_or_else(|e| Err(Error::internal(format!("the statement was stopped: {e}"))));
                }
                _ = ticks.tick() => {
                    // Once it writes, it alone knows whether it committed.
                    if cancel.is_cancelled() && !writes.load(Ordering::SeqCst) {
                        return Err(cancel.error());
                    }
                }
            }
        }
    }
}

/// A task that ends at its next pause when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ticks() -> Interval {
    let mut ticks = interval(CANCEL_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
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
    let session = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime.build_arc()?)
        .with_default_features()
        .with_type_planner(Arc::new(SqlTypes))
        .with_analyzer_rule(Arc::new(CheckedArithmetic::default()))
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
    context.register_catalog(CATALOG, Arc::new(TypeCatalog::new(state)));
    Ok(context)
}

/// A statement that writes.
enum Change {
    CreateTable(ast::CreateTable),
    AlterTable(ast::AlterTable),
    CreateIndex(ast::CreateIndex),
    CreateEdgeTable(CreateEdgeTable),
    Drop(ast::Statement),
    CreateTableAs(ast::CreateTable),
    CreateView(ast::CreateView),
    DropView(ast::Statement),
    Truncate(ast::Truncate),
    Insert(ast::Insert, Option<With>),
    Update(ast::Update, Option<With>),
    Delete(Deletion, Option<With>),
    Merge(ast::Merge, Option<With>),
}

/// What a statement that writes did, and the rows it returns.
pub(super) struct Applied {
    pub(super) result: CommandResult,
    pub(super) returned: Option<Returned>,
}

impl From<CommandResult> for Applied {
    fn from(result: CommandResult) -> Self {
        Self { result, returned: None }
    }
}

impl Applied {
    fn outcome(self) -> Result<Outcome> {
        let Some(Returned { schema, batches }) = self.returned else {
            return Ok(Outcome::Done(self.result));
        };
        let stream = MemoryStream::try_new(batches, Arc::clone(&schema), None);
        let stream = Box::pin(stream.map_err(|e| super::error::from_datafusion(&e))?);
        Ok(Outcome::Rows { schema, stream, changed: Some(self.result) })
    }
}

impl Change {
    async fn apply(&self, run: &Run, transaction: &mut Transaction) -> Result<Applied> {
        match self {
            Change::CreateTable(create) => ddl::create_table(run, transaction, create).map(Applied::from),
            Change::AlterTable(alter) => {
                let result = alter::alter_table(run, transaction, alter).await?;
                views::check_altered(run, transaction).await?;
                Ok(Applied::from(result))
            }
            Change::CreateIndex(create) => alter::create_index(run, transaction, create).map(Applied::from),
            Change::CreateEdgeTable(create) => {
                ddl::create_edge_table(run, transaction, create).map(Applied::from)
            }
            Change::Drop(drop) => ddl::drop_table(run, transaction, drop).map(Applied::from),
            Change::CreateTableAs(create) => {
                create_as::create_table_as(run, transaction, create).await.map(Applied::from)
            }
            Change::CreateView(create) => {
                views::create_view(run, transaction, create).await.map(Applied::from)
            }
            Change::DropView(drop) => views::drop_view(run, transaction, drop).map(Applied::from),
            Change::Truncate(truncate) => truncate::truncate(run, transaction, truncate).map(Applied::from),
            Change::Insert(insert, with) => dml::insert(run, transaction, insert, with.as_ref()).await,
            Change::Update(update, with) => dml::update(run, transaction, update, with.as_ref()).await,
            Change::Delete(Deletion { delete, restrict }, with) => {
                dml::delete(run, transaction, delete, *restrict, with.as_ref()).await
            }
            Change::Merge(merge, with) => merge::merge(run, transaction, merge, with.as_ref()).await,
        }
    }

    /// The change that a statement inside a query makes.
    fn under(with: Option<With>, statement: ast::Statement) -> Result<Self> {
        match statement {
            ast::Statement::Insert(insert) => Ok(Change::Insert(insert, with)),
            ast::Statement::Update(update) => Ok(Change::Update(update, with)),
            ast::Statement::Merge(merge) => Ok(Change::Merge(merge, with)),
            ast::Statement::Delete(delete) => {
                Ok(Change::Delete(Deletion { delete: Box::new(delete), restrict: false }, with))
            }
            other => Err(ddl::unsupported(&other)),
        }
    }
}

/// One statement on its way.
pub(super) struct Run {
    shared: Arc<Shared>,
    /// The statement as it was given.
    pub(super) sql: String,
    /// What `$1`, ... stand for.
    pub(super) params: Vec<Value>,
    /// Its request to stop.
    pub(super) cancel: CancelToken,
    writes: Arc<AtomicBool>,
}

impl Run {
    async fn statement(mut self) -> Result<Outcome> {
        let statement = match statement::parse(&self.sql)? {
            Statement::Sql(statement) if matches!(*statement, ast::Statement::Execute { .. }) => {
                let view = self.shared.transaction.view().await;
                let (statement, params) = self.shared.prepared.execute(&self, *statement, &view).await?;
                self.params = params;
                statement
            }
            statement => statement,
        };
        match statement {
            Statement::CreateEdgeTable(create) => self.write(Change::CreateEdgeTable(create)).await,
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
                    self.query(ast::Statement::Query(query), view).await
                }
            },
            ast::Statement::Explain { .. } => {
                let view = self.shared.transaction.view().await;
                let explain = dml::explained(&self, statement, view.catalog())?;
                self.query(explain, view).await
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
        match setting {
            Setting::SetTimeout(ms) => {
                settings.set_timeout(*ms);
                Ok(Outcome::Done(CommandResult::new("SET", 0)))
            }
            Setting::ShowTimeout => {
                let query = parse_query(&settings.timeout_query())?;
                let view = self.shared.transaction.view().await;
                self.query(ast::Statement::Query(Box::new(query)), view).await
            }
        }
    }

    async fn query(self, statement: ast::Statement, view: View) -> Result<Outcome> {
        let stream = self.rows(statement, &view).await?;
        Ok(Outcome::Rows { schema: stream.schema(), stream, changed: None })
    }

    /// The rows of a query over a view.
    pub(super) async fn rows(
        &self,
        statement: ast::Statement,
        view: &View,
    ) -> Result<SendableRecordBatchStream> {
        let (session, plan, number) = self.plan(statement, view, Vec::new()).await?;
        self.started(&session, &plan, number, view).await
    }

    /// The rows of a query that gives one row for each row of its FROM, as the clauses of statements
    /// that write do; with tables of the statement's own.
    pub(super) async fn rows_of_each(
        &self,
        statement: ast::Statement,
        view: &View,
        scratch: Vec<ScratchTable>,
    ) -> Result<SendableRecordBatchStream> {
        let refused = |what: &str| {
            Error::bad_input(format!("{what} cannot stand here")).with_hint("compute it in a subquery")
        };
        let in_order = !scratch.is_empty();
        let (mut session, plan, number) = self.plan(statement, view, scratch).await.map_err(|e| {
            // The handle beside it stands in no GROUP BY.
            let grouped = e.message().contains("must appear in the GROUP BY");
            if grouped { refused("an aggregate function") } else { e }
        })?;
        if let Some(what) = not_of_each(&plan) {
            return Err(refused(what));
        }
        if in_order {
            // Rows that were written come back in the order in which they were.
            session.config_mut().options_mut().execution.target_partitions = 1;
        }
        self.started(&session, &plan, number, view).await
    }

    /// The columns of a query.
    pub(super) async fn schema_of(&self, query: ast::Query, view: &View) -> Result<SchemaRef> {
        let statement = ast::Statement::Query(Box::new(query));
        let (_, plan, number) = self.plan(statement, view, Vec::new()).await?;
        self.shared.state.clear(number);
        Ok(shown_schema(&Arc::clone(plan.schema().inner())))
    }

    async fn started(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
        number: u64,
        view: &View,
    ) -> Result<SendableRecordBatchStream> {
        let failed = |e: DataFusionError| self.located(&e, view.catalog());
        let physical = session.create_physical_plan(plan).await.map_err(failed)?;
        self.cancel.check()?;
        let inner = execute_stream(physical, Arc::new(TaskContext::from(session))).map_err(failed)?;
        Ok(Box::pin(Guarded {
            state: Arc::clone(&self.shared.state),
            number,
            schema: shown_schema(&inner.schema()),
            inner: Some(inner),
            sql: self.sql.clone(),
            cancel: self.cancel.clone(),
            ticks: ticks(),
        }))
    }

    async fn plan(
        &self,
        mut statement: ast::Statement,
        view: &View,
        scratch: Vec<ScratchTable>,
    ) -> Result<(SessionState, LogicalPlan, u64)> {
        views::expand(&mut statement, view.catalog())?;
        super::exact::write_numbers(&mut statement)?;
        rewrite(&mut statement, view.catalog())?;
        let state = &self.shared.state;
        let reading = Reading { view: view.clone(), cancel: self.cancel.clone(), ordered: false, scratch };
        let number = state.set(reading);
        let session = self.shared.context.state();
        let failed = |e: DataFusionError| self.located(&e, view.catalog());
        let plan = session
            .statement_to_plan(PlannerStatement::Statement(Box::new(statement)))
            .await
            .map_err(failed)?;
        let plan = super::exact::checked(self.bind(plan)?).map_err(failed)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(failed)?;
        self.cancel.check()?;
        state.set_ordered(keeps_order(&plan));
        Ok((session, plan, number))
    }

    fn bind(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let internal = |e: DataFusionError| from_datafusion_at(&e, &self.sql);
        let names = plan.get_parameter_names().map_err(internal)?;
        if names.is_empty() {
            return Ok(plan);
        }
        for name in &names {
            parameter_value(name, &self.params).map_err(|e| match self.sql.find(name.as_str()) {
                Some(at) => e.at_sql(&self.sql, at..at + name.len()),
                None => e,
            })?;
        }
        // A text is read as the type that its place asks for, as a quoted literal is.
        let types = plan.get_parameter_types().map_err(internal)?;
        let mut values = Vec::with_capacity(self.params.len());
        for (number, value) in (1..).zip(&self.params) {
            let asked = types.get(&format!("${number}")).cloned().flatten();
            let value = match (value, asked.map(|asked| property_type_of(&Field::new("", asked, true)))) {
                (Value::String(text), Some(target)) if target != PropertyType::String => {
                    let read = parse_text(target, text);
                    read.map_err(|e| super::prepared::in_parameter(number, &e))?
                }
                (value, _) => value.clone(),
            };
            values.push(scalar_of(&value).into());
        }
        plan.with_param_values(ParamValues::List(values)).map_err(internal)
    }

    /// An error of planning or running, with its place and the names that may have been meant.
    pub(super) fn located(&self, error: &DataFusionError, catalog: &Catalog) -> Error {
        let error = from_datafusion_at(error, &self.sql);
        match error.message().strip_prefix("no table ") {
            Some(name) if error.kind() == ErrorKind::NotFound => match near_type(name, catalog) {
                Some(hint) => error.with_hint(hint),
                None => error,
            },
            _ => error,
        }
    }

    /// Begins, ends or divides a transaction.
    async fn control(&self, control: Control) -> Result<Outcome> {
        let mut turn = self.shared.transaction.turn().await;
        self.started_writing()?;
        match &control {
            Control::Begin { read_only, .. } => turn.begin(*read_only),
            Control::Commit => {
                // The turn goes along: the session's next statement waits for the commit's end.
                let committed = tokio::task::spawn_blocking(move || turn.commit()).await;
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
            let store = Arc::clone(&self.shared.store);
            let committed = tokio::task::spawn_blocking(move || store.commit(transaction)).await;
            match committed.unwrap_or_else(|e| Err(stopped_commit(&e))) {
                Ok(_) => return result.outcome(),
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

fn stopped_commit(error: &tokio::task::JoinError) -> Error {
    Error::internal(format!("the commit was stopped: {error}"))
}

/// A hint for a table that is not there.
pub(super) fn near_type(name: &str, catalog: &Catalog) -> Option<String> {
    let names = || catalog.types().chain(catalog.views()).map(|t| t.name.as_str());
    let exact = names().find(|known| known.eq_ignore_ascii_case(name));
    if let Some(found) = exact {
        return Some(format!("write {}: names in quotes keep their capitals", quoted(found)));
    }
    if let Some(near) = closest(name, names()) {
        return Some(format!("did you mean {}?", quoted(near)));
    }
    some_of(names()).map(|names| format!("the tables are {names}"))
}

/// What stands in a list that must give one row for each row, and does not.
fn not_of_each(plan: &LogicalPlan) -> Option<&'static str> {
    match plan {
        LogicalPlan::Aggregate(_) => Some("an aggregate function"),
        LogicalPlan::Window(_) => Some("a window function"),
        LogicalPlan::Unnest(_) => Some("a function that returns several rows"),
        LogicalPlan::Projection(projection) => not_of_each(&projection.input),
        LogicalPlan::Filter(filter) => not_of_each(&filter.input),
        _ => None,
    }
}

/// Whether rows come out in the order in which one partition reads them.
fn keeps_order(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_) => plan.inputs().into_iter().all(keeps_order),
        LogicalPlan::TableScan(_) => true,
        _ => false,
    }
}

/// The columns under the names that are shown.
fn shown_schema(schema: &SchemaRef) -> SchemaRef {
    if schema.fields().iter().all(|f| shown_name(f.name()) == f.name()) {
        return Arc::clone(schema);
    }
    let fields: Vec<_> =
        schema.fields().iter().map(|f| f.as_ref().clone().with_name(shown_name(f.name()))).collect();
    Arc::new(Schema::new(fields))
}

/// A statement's rows, ended by the cancel token, with errors in our words.
struct Guarded {
    state: Arc<StatementState>,
    number: u64,
    schema: SchemaRef,
    /// Gone once the stream has ended, and with it what the statement holds.
    inner: Option<SendableRecordBatchStream>,
    sql: String,
    cancel: CancelToken,
    ticks: Interval,
}

impl Stream for Guarded {
    type Item = DataFusionResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        if this.cancel.is_cancelled() {
            this.inner = None;
            return Poll::Ready(Some(Err(to_datafusion(this.cancel.error()))));
        }
        match inner.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(batch))) if batch.schema_ref() == &this.schema => {
                Poll::Ready(Some(Ok(batch)))
            }
            Poll::Ready(Some(Ok(batch))) => {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let columns = batch.columns().to_vec();
                let renamed = RecordBatch::try_new_with_options(Arc::clone(&this.schema), columns, &options);
                Poll::Ready(Some(renamed.map_err(DataFusionError::from)))
            }
            Poll::Ready(Some(Err(e))) => {
                this.inner = None;
                Poll::Ready(Some(Err(to_datafusion(from_datafusion_at(&e, &this.sql)))))
            }
            Poll::Ready(None) => {
                this.inner = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                // Wake up now and then to look at the token.
                while this.ticks.poll_tick(context).is_ready() {}
                Poll::Pending
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // An idle session holds no old state of the data.
        self.state.clear(self.number);
    }
}

impl RecordBatchStream for Guarded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
