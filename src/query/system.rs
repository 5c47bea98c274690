//! System tables: what the database knows about itself, to be read like any table.
//!
//! Two schemas: `aresadb` ([`tables`]) and `information_schema` ([`information`]; of both [`graphs`]). A table is a list of
//! columns and a function that makes its rows from the statement's view and the figures that the store
//! keeps anyway; it runs when the table is scanned, once for each scan, on a thread for blocking work.
//! Figures are those of that moment; what a transaction has not committed counts where the view has it.
//!
//! Must never: be written to, or show what was computed for another statement.

mod caches;
mod graphs;
mod information;
mod sessions;
mod tables;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{MemoryCatalogProviderList, SchemaProvider, Session, TableProvider};
use datafusion::common::{DataFusionError, Result as PlannerResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use crate::columnar::Chunks;
use crate::graph::Graphs;
use crate::model::{Config, Error, PropertyType, Result, Value};
use crate::storage::{Spill, Store, View};

use super::arrow_value::{batch_of, field_of};
use super::error::to_datafusion;
use super::provider::StatementState;
use super::results::Results;
use super::settings::Settings;

pub use caches::{CacheFigures, caches};
pub use information::INFORMATION_SCHEMA;
pub use sessions::{Running, SessionEntry, Sessions};
pub use tables::SYSTEM_SCHEMA;

/// Of the memory for columns, one part in so many is for edges.
const GRAPHS_SHARE: u64 = 4;

/// What the sessions of a database share and show in system tables.
#[derive(Debug)]
pub struct System {
    /// The settings it was opened with.
    pub config: Config,
    /// Its folder; `None` in memory.
    pub path: Option<PathBuf>,
    /// Its sessions.
    pub sessions: Sessions,
    /// The columns of its chunks.
    pub chunks: Arc<Chunks>,
    /// The edges of its graph in memory.
    pub graphs: Graphs,
    /// Results of queries, if they are kept.
    pub results: Option<Arc<Results>>,
}

impl System {
    /// What the sessions of a database share; `spill` keeps columns on the disk.
    #[must_use]
    pub fn new(config: Config, path: Option<PathBuf>, spill: Option<Spill>) -> Arc<Self> {
        let idle = Duration::from_secs(config.cache.ttl_seconds);
        let for_graphs = config.chunk_cache_bytes() / GRAPHS_SHARE;
        let chunks = Arc::new(Chunks::new(config.chunk_cache_bytes() - for_graphs, idle, spill));
        let graphs = Graphs::new(for_graphs, idle);
        let results = Results::new(config.query_cache_bytes(), idle);
        Arc::new(Self { config, path, sessions: Sessions::default(), chunks, graphs, results })
    }
}

/// What a session's system tables are made from, beside its statement's view.
pub struct Surroundings {
    /// The database's data.
    pub store: Arc<Store>,
    /// What its sessions share.
    pub system: Arc<System>,
    /// The session's settings.
    pub settings: Arc<Settings>,
    /// The session.
    pub session: Arc<SessionEntry>,
}

/// What rows are made from.
struct Facts {
    view: View,
    around: Arc<Surroundings>,
}

/// A system table.
struct SystemTable {
    schema: &'static str,
    name: &'static str,
    columns: &'static [(&'static str, PropertyType)],
    rows: fn(&Facts) -> Result<Rows>,
}

type Rows = Vec<Vec<Value>>;

const TEXT: PropertyType = PropertyType::String;
const NUMBER: PropertyType = PropertyType::Integer;
const TRUTH: PropertyType = PropertyType::Boolean;

/// All of them.
fn all() -> impl Iterator<Item = &'static SystemTable> {
    tables::TABLES.iter().chain(information::TABLES).chain(graphs::TABLES)
}

/// Whether tables of a schema are made by the system, and cannot be written to.
#[must_use]
pub fn is_system_schema(name: &str) -> bool {
    [SYSTEM_SCHEMA, INFORMATION_SCHEMA].contains(&name)
}

/// Whether a table is made by the system.
#[must_use]
pub fn is_system_table(provider: &dyn TableProvider) -> bool {
    provider.downcast_ref::<Provider>().is_some()
}

impl SystemTable {
    fn arrow_schema(&self) -> SchemaRef {
        let fields: Vec<_> = self.columns.iter().map(|(name, of)| field_of(name, *of, true)).collect();
        Arc::new(Schema::new(fields))
    }

    fn batch(&self, facts: &Facts) -> Result<RecordBatch> {
        let columns: Vec<_> = self.columns.iter().map(|(name, of)| ((*name).to_owned(), *of)).collect();
        batch_of(&columns, &(self.rows)(facts)?)
    }
}

/// The tables of a system schema.
#[derive(Debug)]
pub struct SystemSchema {
    name: &'static str,
    tables: Vec<(&'static str, Arc<Provider>)>,
    /// Tables about the planner itself: its functions and settings.
    planner: Option<InformationSchemaProvider>,
}

/// The planner's own tables that are shown.
const PLANNER_TABLES: [&str; 3] = ["df_settings", "parameters", "routines"];

impl SystemSchema {
    /// The tables of a schema of this name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let own = all().filter(|table| table.schema == name);
        let tables = own.map(|table| (table.name, Arc::new(Provider::new(table)))).collect();
        let planner = (name == INFORMATION_SCHEMA)
            .then(|| InformationSchemaProvider::new(Arc::new(MemoryCatalogProviderList::new())));
        Self { name, tables, planner }
    }
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        let planner = self.planner.iter().flat_map(|_| PLANNER_TABLES);
        self.tables.iter().map(|(name, _)| *name).chain(planner).map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> PlannerResult<Option<Arc<dyn TableProvider>>> {
        if let Some(planner) = &self.planner
            && PLANNER_TABLES.contains(&name)
        {
            return planner.table(name).await;
        }
        let found = self.tables.iter().find(|(own, _)| *own == name);
        if found.is_none() {
            let hint = format!("there are {}", self.table_names().join(", "));
            let error = Error::not_found(format!("no table {}.{}", self.name, super::error::quoted(name)))
                .with_sqlstate(crate::model::sqlstate::UNDEFINED_TABLE)
                .with_hint(hint);
            return Err(to_datafusion(error));
        }
        Ok(found.map(|(_, table)| Arc::clone(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.iter().any(|(own, _)| *own == name)
            || (self.planner.is_some() && PLANNER_TABLES.contains(&name))
    }
}

/// A system table as the planner sees it.
struct Provider {
    table: &'static SystemTable,
    schema: SchemaRef,
}

impl Provider {
    fn new(table: &'static SystemTable) -> Self {
        Self { table, schema: table.arrow_schema() }
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SystemTable").field(&self.table.name).finish()
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let facts = state
            .config()
            .get_extension::<StatementState>()
            .and_then(|statement| Some((statement.current_view()?, statement.around()?)))
            .map(|(view, around)| Facts { view, around })
            .ok_or_else(|| DataFusionError::Internal("a system table outside a session".to_owned()))?;
        let scan = Scan { table: self.table, schema: self.schema(), facts: Arc::new(facts) };
        let partitions = vec![Arc::new(scan) as Arc<dyn PartitionStream>];
        let exec =
            StreamingTableExec::try_new(self.schema(), partitions, projection, Vec::new(), false, limit)?;
        Ok(Arc::new(exec))
    }
}

/// One scan of a system table.
struct Scan {
    table: &'static SystemTable,
    schema: SchemaRef,
    facts: Arc<Facts>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Scan").field(&self.table.name).finish()
    }
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (table, facts) = (self.table, Arc::clone(&self.facts));
        let made = async move {
            let made = tokio::task::spawn_blocking(move || table.batch(&facts)).await;
            made.map_err(|e| DataFusionError::External(Box::new(e)))?.map_err(to_datafusion)
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::once(made)))
    }
}

/// The session's surroundings, once it has them.
pub type Around = OnceLock<Arc<Surroundings>>;

fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

fn some_text(value: Option<impl Into<String>>) -> Value {
    value.map_or(Value::Null, text)
}

fn number(value: impl TryInto<i64>) -> Value {
    Value::Integer(value.try_into().unwrap_or(i64::MAX))
}
