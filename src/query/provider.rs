//! The catalog as DataFusion asks for it: schemas, and a table for each node and edge type.
//!
//! A table holds a type and no data: the scan takes the view of the statement that runs from the
//! session ([`StatementState`]). So types appear and change without being registered.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, SchemaProvider, Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::{Mutex, RwLock};

use crate::columnar::Chunks;
use crate::model::{CancelToken, TypeDef, TypeId};
use crate::storage::View;

use super::access::{Access, PlanStep, QueryPlan};
use super::columns::{Columns, Source};
use super::error::to_datafusion;
use super::indexed;
use super::scan::{ScanExec, ScanRequest};
use super::scratch::{SCRATCH_SCHEMA, ScratchSchema, ScratchTable};
use super::system::{Around, INFORMATION_SCHEMA, SYSTEM_SCHEMA, Surroundings, SystemSchema};

/// The name of the one catalog.
pub const CATALOG: &str = "aresadb";
/// The schema of node and edge types.
pub const SCHEMA: &str = "public";
/// The schema that shows the same tables with row handles, for statements that change rows. Its
/// name is one no user writes by accident; it is not listed.
pub const ROWS_SCHEMA: &str = "$rows";

/// What the statement that runs reads.
#[derive(Clone)]
pub struct Reading {
    /// The state of the data.
    pub view: View,
    /// Its request to stop.
    pub cancel: CancelToken,
    /// Rows shall come in the order of their insertion.
    pub ordered: bool,
    /// Its own tables.
    pub scratch: Vec<ScratchTable>,
}

/// What the statement that runs reads, shared by the session, its catalog and its scans.
#[derive(Default)]
pub struct StatementState {
    reading: RwLock<Current>,
    /// By type, and whether with row handles.
    tables: Mutex<HashMap<(TypeId, bool), KnownTable>>,
    around: Around,
}

/// A table, and the definition it was made for.
type KnownTable = (Arc<TypeDef>, Arc<TypeTable>);

#[derive(Default)]
struct Current {
    number: u64,
    reading: Option<Reading>,
}

impl StatementState {
    /// Sets what is read from now on; scans that run keep what they have. Returns a number for
    /// [`StatementState::clear`].
    ///
    /// # Errors
    /// `Cancelled`, `TimedOut`: nobody waits for a statement that is to stop, and the next one may have set what it
    /// reads already.
    pub fn set(&self, reading: Reading) -> crate::model::Result<u64> {
        let mut current = self.reading.write();
        reading.cancel.check()?;
        let number = current.number + 1;
        *current = Current { number, reading: Some(reading) };
        Ok(number)
    }

    /// Sets whether rows shall come in the order of their insertion.
    pub fn set_ordered(&self, ordered: bool) {
        if let Some(reading) = self.reading.write().reading.as_mut() {
            reading.ordered = ordered;
        }
    }

    /// Lets the view go, unless another one was set since.
    pub fn clear(&self, number: u64) {
        let mut current = self.reading.write();
        if current.number == number {
            current.reading = None;
        }
    }

    fn reading(&self) -> Option<Reading> {
        self.reading.read().reading.clone()
    }

    /// A table of the statement's own.
    pub fn scratch(&self, name: &str) -> Option<ScratchTable> {
        self.reading()?.scratch.into_iter().find(|table| table.name == name)
    }

    fn type_names(&self) -> Vec<String> {
        self.reading().map_or_else(Vec::new, |r| r.view.catalog().types().map(|t| t.name.clone()).collect())
    }

    /// The view that the statement reads.
    pub fn current_view(&self) -> Option<View> {
        self.reading.read().reading.as_ref().map(|reading| reading.view.clone())
    }

    /// The statement's request to stop.
    pub fn cancel(&self) -> Option<CancelToken> {
        self.reading.read().reading.as_ref().map(|reading| reading.cancel.clone())
    }

    /// Tells what system tables are made from, once.
    pub fn surround(&self, around: Arc<Surroundings>) {
        // It is told by the session's making alone.
        let _ = self.around.set(around);
    }

    /// The columns that the sessions of the database share.
    fn chunks(&self) -> Option<Arc<Chunks>> {
        self.around.get().map(|around| Arc::clone(&around.system.chunks))
    }

    /// What system tables are made from.
    pub fn around(&self) -> Option<Arc<Surroundings>> {
        self.around.get().cloned()
    }

    fn table(&self, name: &str, with_row: bool) -> Option<Arc<TypeTable>> {
        let reading = self.reading()?;
        let def = reading.view.catalog().get(name)?;
        let mut tables = self.tables.lock();
        match tables.get(&(def.id, with_row)) {
            // By content: two transactions may give one version number to different definitions.
            Some((known, table)) if Arc::ptr_eq(known, def) || known == def => Some(Arc::clone(table)),
            _ => {
                let table = Arc::new(TypeTable::new(def, with_row));
                tables.insert((def.id, with_row), (Arc::clone(def), Arc::clone(&table)));
                Some(table)
            }
        }
    }
}

impl std::fmt::Debug for StatementState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementState").finish_non_exhaustive()
    }
}

/// A node or edge type as a table.
#[derive(Debug)]
pub struct TypeTable {
    name: String,
    type_id: TypeId,
    columns: Arc<Columns>,
    /// The same type with the columns of handles, once joins need them.
    with_handles: OnceLock<Arc<TypeTable>>,
}

impl TypeTable {
    /// The type that it shows.
    #[must_use]
    pub fn type_id(&self) -> TypeId {
        self.type_id
    }

    /// The name of the type.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a column's cells come from.
    #[must_use]
    pub fn source_of(&self, column: &str) -> Option<Source> {
        self.columns.source_of(column)
    }

    /// The column of handles for one of ids.
    #[must_use]
    pub fn handle_of(&self, column: &str) -> Option<&'static str> {
        self.columns.handle_of(column)
    }

    /// The place of a column.
    #[must_use]
    pub fn place_of(&self, column: &str) -> Option<usize> {
        self.columns.schema().index_of(column).ok()
    }

    /// The same table with the columns of handles behind the others.
    #[must_use]
    pub fn with_handles(&self) -> Arc<TypeTable> {
        let made = self.with_handles.get_or_init(|| {
            let (name, columns) = (self.name.clone(), Arc::new(self.columns.with_handles()));
            Arc::new(Self { name, type_id: self.type_id, columns, with_handles: OnceLock::new() })
        });
        Arc::clone(made)
    }

    fn new(def: &TypeDef, with_row: bool) -> Self {
        let columns = Arc::new(Columns::of(def, with_row));
        Self { name: def.name.clone(), type_id: def.id, columns, with_handles: OnceLock::new() }
    }

    /// How the rows are reached, and which filter that alone fulfils.
    fn access(
        &self,
        reading: &Reading,
        filters: &[Expr],
        live_rows: u64,
    ) -> crate::model::Result<(Access, Option<usize>)> {
        let (access, fulfilled) = Access::choose(&self.columns, filters);
        if let (Access::Scan, Some(definition)) = (&access, reading.view.catalog().by_id(self.type_id))
            && let Some(found) = indexed::choose(
                definition,
                &self.columns,
                &reading.view,
                filters,
                live_rows,
                &reading.cancel,
            )?
        {
            return Ok((Access::Index(Arc::new(found)), None));
        }
        Ok((access, fulfilled))
    }

    /// The columns read: those shown first, then those that only filters look at.
    fn columns_read(&self, projection: Option<&Vec<usize>>, filters: &[Expr]) -> Result<(Vec<usize>, usize)> {
        let schema = self.columns.schema();
        let mut read: Vec<usize> = match projection {
            Some(columns) => columns.clone(),
            None => (0..schema.fields().len()).collect(),
        };
        let shown = read.len();
        for filter in filters {
            for column in filter.column_refs() {
                let index = schema.index_of(&column.name).map_err(DataFusionError::from)?;
                if !read.contains(&index) {
                    read.push(index);
                }
            }
        }
        Ok((read, shown))
    }
}

/// A filter the scan evaluates just as DataFusion's own filter would.
fn evaluates(filter: &Expr) -> bool {
    !filter.is_volatile()
        && !filter.contains_outer()
        && !filter
            .exists(|e| {
                Ok(matches!(
                    e,
                    Expr::Exists(_)
                        | Expr::InSubquery(_)
                        | Expr::ScalarSubquery(_)
                        | Expr::SetComparison(_)
                        | Expr::AggregateFunction(_)
                        | Expr::WindowFunction(_)
                        | Expr::Placeholder(_)
                ))
            })
            .unwrap_or(true)
}

#[async_trait]
impl TableProvider for TypeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let statement = state.config().get_extension::<StatementState>();
        let (reading, chunks) =
            statement
                .and_then(|statement| statement.reading().zip(statement.chunks()))
                .ok_or_else(|| DataFusionError::Internal("a scan outside a statement".to_owned()))?;
        let live_rows = reading.view.live_rows(self.type_id).map_err(to_datafusion)?;
        let (access, fulfilled) = self.access(&reading, filters, live_rows).map_err(to_datafusion)?;
        let filters: Vec<Expr> = filters
            .iter()
            .enumerate()
            .filter(|(position, _)| Some(*position) != fulfilled)
            .map(|(_, filter)| filter.clone())
            .collect();
        let (read, shown) = self.columns_read(projection, &filters)?;
        let read_schema = DFSchema::try_from(self.columns.schema().project(&read)?)?;
        let physical = filters
            .iter()
            .map(|filter| state.create_physical_expr(filter.clone(), &read_schema))
            .collect::<Result<Vec<_>>>()?;
        let plan = plan_of(&self.name, &access, &filters, limit, live_rows);
        let request = ScanRequest {
            view: reading.view,
            type_id: self.type_id,
            columns: Arc::clone(&self.columns),
            read,
            shown,
            access,
            filters: physical,
            predicates: filters,
            limit,
            ordered: reading.ordered,
            cancel: reading.cancel,
            chunks,
            plan,
        };
        let partitions = state.config().target_partitions();
        Ok(Arc::new(ScanExec::new(request, partitions).map_err(to_datafusion)?))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| {
                if evaluates(filter) {
                    TableProviderFilterPushDown::Exact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }
}

fn plan_of(
    table: &str,
    access: &Access,
    filters: &[Expr],
    limit: Option<usize>,
    live_rows: u64,
) -> QueryPlan {
    let mut steps = vec![access.step(table, live_rows)];
    steps.extend(
        filters.iter().map(|filter| PlanStep::Filter { predicate: filter.human_display().to_string() }),
    );
    steps.extend(limit.map(|rows| PlanStep::Limit { rows }));
    #[allow(clippy::cast_precision_loss)]
    let estimated_cost = match access {
        Access::Scan => live_rows as f64,
        Access::Ids(ids) => ids.len() as f64,
        Access::EdgesAt { nodes, .. } => nodes.len() as f64 * 10.0,
        Access::Index(found) => found.rows.len() as f64,
    };
    QueryPlan { steps, estimated_cost }
}

/// Node and edge types as the tables of a schema.
#[derive(Debug)]
struct TypeSchema {
    state: Arc<StatementState>,
    with_row: bool,
}

#[async_trait]
impl SchemaProvider for TypeSchema {
    fn table_names(&self) -> Vec<String> {
        self.state.type_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.state.table(name, self.with_row).map(|table| table as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.state.table(name, self.with_row).is_some()
    }
}

/// The catalog statements are planned with.
#[derive(Debug)]
pub struct TypeCatalog {
    types: Arc<TypeSchema>,
    rows: Arc<TypeSchema>,
    scratch: Arc<ScratchSchema>,
    system: Arc<SystemSchema>,
    information: Arc<SystemSchema>,
}

impl TypeCatalog {
    /// A catalog over what the session's statement reads.
    #[must_use]
    pub fn new(state: &Arc<StatementState>) -> Self {
        let schema = |with_row| Arc::new(TypeSchema { state: Arc::clone(state), with_row });
        Self {
            types: schema(false),
            rows: schema(true),
            scratch: Arc::new(ScratchSchema(Arc::clone(state))),
            system: Arc::new(SystemSchema::new(SYSTEM_SCHEMA)),
            information: Arc::new(SystemSchema::new(INFORMATION_SCHEMA)),
        }
    }
}

impl CatalogProvider for TypeCatalog {
    fn schema_names(&self) -> Vec<String> {
        [SCHEMA, SYSTEM_SCHEMA, INFORMATION_SCHEMA].map(str::to_owned).into()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            SCHEMA => Some(Arc::clone(&self.types) as Arc<dyn SchemaProvider>),
            ROWS_SCHEMA => Some(Arc::clone(&self.rows) as Arc<dyn SchemaProvider>),
            SCRATCH_SCHEMA => Some(Arc::clone(&self.scratch) as Arc<dyn SchemaProvider>),
            SYSTEM_SCHEMA => Some(Arc::clone(&self.system) as Arc<dyn SchemaProvider>),
            INFORMATION_SCHEMA => Some(Arc::clone(&self.information) as Arc<dyn SchemaProvider>),
            _ => None,
        }
    }
}
