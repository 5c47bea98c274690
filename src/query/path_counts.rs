//! Counting paths without walking them: `count(*)` over joins of edges that make a tree is computed from the edges in
//! memory, node by node.
//!
//! ```text
//!  count(*) of (a)-[:follows]->(b)-[:follows]->(c WHERE c.age > 30)
//!    ─▶ for each node: edges that enter it, times edges that leave it to somebody above 30; summed
//! ```
//!
//! The rule looks at joins that compare row handles (`row_joins`) and nothing else. A table of nodes says which nodes
//! may stand at its place: they are found by a scan of their own. Anything else, such as a condition on edges, a cycle,
//! or an outer join, is left to the joins.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use async_trait::async_trait;
use datafusion::catalog::default_table_source::{provider_as_source, source_as_provider};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DataFusionError, Result as PlannerResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    Aggregate, Expr, Join, JoinType, LogicalPlan, Projection, TableScan, TableScanBuilder, TableType,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, collect};

use crate::graph::Tree;
use crate::model::{CancelToken, Result, RowId, TypeId};
use crate::storage::View;

use super::columns::{HANDLE, Source};
use super::error::{from_datafusion, to_datafusion};
use super::provider::{StatementState, TypeTable};
use super::system::Surroundings;

/// What the column of a count is called.
const COUNT: &str = "count";

/// Puts a count of paths in the place of the joins that would walk them.
#[derive(Debug)]
pub struct PathCounts;

impl OptimizerRule for PathCounts {
    fn name(&self) -> &'static str {
        "path_counts"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> PlannerResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(match counted(aggregate)? {
            Some(counted) => Transformed::yes(counted),
            None => Transformed::no(plan),
        })
    }
}

/// The count in the place of an aggregate; `None` where it is not one of paths.
fn counted(aggregate: &Aggregate) -> PlannerResult<Option<LogicalPlan>> {
    let ([], [only]) = (aggregate.group_expr.as_slice(), aggregate.aggr_expr.as_slice()) else {
        return Ok(None);
    };
    if !counts_rows(only) {
        return Ok(None);
    }
    let mut joins = Joins::default();
    if joins.take(&aggregate.input, 0).is_none() {
        return Ok(None);
    }
    let Some(pattern) = joins.pattern() else { return Ok(None) };
    let Some((table, field)) = aggregate.schema.iter().next() else { return Ok(None) };
    let (table, name) = (table.cloned(), field.name().clone());
    let told = pattern.to_string();
    let provider = provider_as_source(Arc::new(CountTable { pattern: Arc::new(pattern) }));
    let scan = TableScanBuilder::new(told.as_str(), provider).build()?;
    let column =
        Expr::Column(scan.projected_schema.columns().into_iter().next().unwrap_or_else(|| COUNT.into()));
    let scan = Arc::new(LogicalPlan::TableScan(scan));
    let shown = Projection::try_new(vec![column.alias_qualified(table, name)], scan)?;
    Ok(Some(LogicalPlan::Projection(shown)))
}

/// Whether an aggregate counts rows, whatever is in them.
fn counts_rows(aggregate: &Expr) -> bool {
    let Expr::AggregateFunction(call) = aggregate else { return false };
    let params = &call.params;
    call.func.name() == "count"
        && !params.distinct
        && params.filter.is_none()
        && matches!(params.args.as_slice(), [Expr::Literal(value, _)] if !value.is_null())
}

/// Scans, and the handles that joins compare.
#[derive(Default)]
struct Joins<'p> {
    scans: Vec<(&'p TableScan, Arc<TypeTable>)>,
    pairs: Vec<(End, End)>,
}

/// A handle of a scan: its number, and which one it is.
type End = (usize, Source);

impl<'p> Joins<'p> {
    /// Takes in what a plan joins; `None` for a plan that does anything else.
    fn take(&mut self, plan: &'p LogicalPlan, depth: usize) -> Option<()> {
        /// Deeper plans are of no statement that anybody writes.
        const DEPTH_MAX: usize = 200;
        if depth > DEPTH_MAX {
            return None;
        }
        match plan {
            LogicalPlan::SubqueryAlias(alias) => self.take(&alias.input, depth + 1),
            LogicalPlan::Projection(projection) => {
                projection.expr.iter().all(is_plain).then_some(())?;
                self.take(&projection.input, depth + 1)
            }
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source).ok()?;
                let table = Arc::downcast::<TypeTable>(provider).ok()?;
                scan.fetch.is_none().then_some(())?;
                self.scans.push((scan, table));
                Some(())
            }
            LogicalPlan::Join(join) => self.join(join, depth),
            _ => None,
        }
    }

    fn join(&mut self, join: &'p Join, depth: usize) -> Option<()> {
        if join.join_type != JoinType::Inner || join.filter.is_some() || join.on.is_empty() {
            return None;
        }
        let first = self.scans.len();
        self.take(&join.left, depth + 1)?;
        let second = self.scans.len();
        self.take(&join.right, depth + 1)?;
        for (left, right) in &join.on {
            let (left, right) = (left.try_as_col()?, right.try_as_col()?);
            self.pairs.push((end_of(&join.left, left, first)?, end_of(&join.right, right, second)?));
        }
        Some(())
    }

    /// The tree of edges, where the joins make one.
    fn pattern(&self) -> Option<Pattern> {
        // Handles that are compared are one place.
        let mut ends: Vec<End> = Vec::new();
        let mut edges = Vec::new();
        for (number, (scan, table)) in self.scans.iter().enumerate() {
            if table.handle_of("_from_id").is_some() {
                scan.filters.is_empty().then_some(())?;
                edges.push(number);
                ends.extend([(number, Source::FromRow), (number, Source::ToRow)]);
            } else {
                ends.push((number, Source::Row));
            }
        }
        if edges.is_empty() {
            return None;
        }
        let mut place_of: Vec<usize> = (0..ends.len()).collect();
        for (a, b) in &self.pairs {
            let at = |end: &End| ends.iter().position(|known| known == end);
            let (a, b) = (*place_of.get(at(a)?)?, *place_of.get(at(b)?)?);
            place_of.iter_mut().filter(|place| **place == b).for_each(|place| *place = a);
        }
        let mut places = place_of.clone();
        places.sort_unstable();
        places.dedup();
        let place = |end: End| {
            let own = *place_of.get(ends.iter().position(|known| *known == end)?)?;
            places.binary_search(&own).ok()
        };
        let mut pattern = Pattern {
            tree: Tree { places: places.len(), edges: Vec::new() },
            names: Vec::new(),
            nodes: Vec::new(),
        };
        for number in edges {
            let (_, table) = self.scans.get(number)?;
            let (from, to) = (place((number, Source::FromRow))?, place((number, Source::ToRow))?);
            pattern.tree.edges.push((table.type_id(), from, to));
            pattern.names.push(table.name().to_owned());
        }
        for (number, (scan, table)) in self.scans.iter().enumerate() {
            if let Some(place) = place((number, Source::Row)) {
                pattern.nodes.push((place, handles(scan, table).ok()?));
            }
        }
        pattern.tree.is_tree().then_some(pattern)
    }
}

/// Whether an expression is a column or a literal, by any name: it cannot fail.
fn is_plain(expression: &Expr) -> bool {
    match expression {
        Expr::Alias(alias) => is_plain(&alias.expr),
        other => matches!(other, Expr::Column(_) | Expr::Literal(..)),
    }
}

/// The handle that a column is, and of which scan, where `first` is the number of the plan's first one.
fn end_of(plan: &LogicalPlan, column: &Column, first: usize) -> Option<End> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let place = alias.schema.maybe_index_of_column(column)?;
            end_of(&alias.input, alias.input.schema().columns().get(place)?, first)
        }
        LogicalPlan::Projection(projection) => {
            let place = projection.schema.maybe_index_of_column(column)?;
            let mut expression = projection.expr.get(place)?;
            while let Expr::Alias(alias) = expression {
                expression = &alias.expr;
            }
            end_of(&projection.input, expression.try_as_col()?, first)
        }
        LogicalPlan::Join(join) => {
            let (left, right) =
                (join.left.schema().has_column(column), join.right.schema().has_column(column));
            match (left, right) {
                (true, false) => end_of(&join.left, column, first),
                (false, true) => end_of(&join.right, column, first + scans_in(&join.left)),
                _ => None,
            }
        }
        LogicalPlan::TableScan(scan) => {
            let table = Arc::downcast::<TypeTable>(source_as_provider(&scan.source).ok()?).ok()?;
            let source = table.source_of(&column.name)?;
            let is_edge = table.handle_of("_from_id").is_some();
            let is_end = if is_edge {
                matches!(source, Source::FromRow | Source::ToRow)
            } else {
                source == Source::Row
            };
            is_end.then_some((first, source))
        }
        _ => None,
    }
}

fn scans_in(plan: &LogicalPlan) -> usize {
    match plan {
        LogicalPlan::TableScan(_) => 1,
        _ => plan.inputs().into_iter().map(scans_in).sum(),
    }
}

/// A scan of the same rows that gives their handles alone.
fn handles(scan: &TableScan, table: &Arc<TypeTable>) -> PlannerResult<LogicalPlan> {
    let with_handles =
        if table.place_of(HANDLE).is_some() { Arc::clone(table) } else { table.with_handles() };
    let place = with_handles.place_of(HANDLE).into_iter().collect();
    let scan = TableScanBuilder::new(scan.table_name.clone(), provider_as_source(with_handles))
        .with_projection(Some(place))
        .with_filters(scan.filters.clone())
        .build()?;
    Ok(LogicalPlan::TableScan(scan))
}

/// What is counted.
#[derive(Debug)]
struct Pattern {
    tree: Tree,
    /// Of the edges' types.
    names: Vec<String>,
    /// Places, and the nodes that may stand there.
    nodes: Vec<(usize, LogicalPlan)>,
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traverse: count of {}", self.names.join(", "))?;
        if !self.nodes.is_empty() {
            write!(f, " between some nodes")?;
        }
        Ok(())
    }
}

/// The count as a table of one row.
struct CountTable {
    pattern: Arc<Pattern>,
}

impl fmt::Debug for CountTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountTable").field(&self.pattern.names).finish()
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new(COUNT, DataType::Int64, false)]))
}

#[async_trait]
impl TableProvider for CountTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let outside = || DataFusionError::Internal("a count outside a session".to_owned());
        let statement = state.config().get_extension::<StatementState>().ok_or_else(outside)?;
        let mut nodes = Vec::with_capacity(self.pattern.nodes.len());
        for (place, plan) in &self.pattern.nodes {
            nodes.push((*place, state.create_physical_plan(plan).await?));
        }
        let count = Count {
            pattern: Arc::clone(&self.pattern),
            nodes,
            view: statement.current_view().ok_or_else(outside)?,
            cancel: statement.cancel().ok_or_else(outside)?,
            around: statement.around().ok_or_else(outside)?,
            threads: state.config().target_partitions(),
            schema: schema(),
        };
        let partitions = vec![Arc::new(count) as Arc<dyn PartitionStream>];
        let exec = StreamingTableExec::try_new(schema(), partitions, projection, Vec::new(), false, limit)?;
        Ok(Arc::new(exec))
    }
}

/// A count that is made when its row is asked for.
#[derive(Clone)]
struct Count {
    pattern: Arc<Pattern>,
    nodes: Vec<(usize, Arc<dyn ExecutionPlan>)>,
    view: View,
    cancel: CancelToken,
    around: Arc<Surroundings>,
    threads: usize,
    schema: SchemaRef,
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Count").field(&self.pattern.names).finish()
    }
}

impl Count {
    fn count(&self, found: Vec<(usize, Vec<RowId>)>) -> Result<i64> {
        let (store, system) = (&self.around.store, &self.around.system);
        let mut types: Vec<TypeId> =
            self.pattern.tree.edges.iter().map(|(edge_type, ..)| *edge_type).collect();
        types.sort_unstable();
        types.dedup();
        let network =
            system.graphs.network(store, &system.chunks, &self.view, &types, self.threads, &self.cancel)?;
        let mut sets = vec![None; self.pattern.tree.places];
        for (place, handles) in found {
            let nodes = network.set_of(handles.into_iter());
            if let Some(set) = sets.get_mut(place) {
                *set = Some(match set.take() {
                    None => nodes,
                    Some(before) => network.both(&before, &nodes),
                });
            }
        }
        self.pattern.tree.count(&network, &sets, &self.cancel)
    }

    async fn batch(self, context: Arc<TaskContext>) -> Result<RecordBatch> {
        let mut found = Vec::with_capacity(self.nodes.len());
        for (place, plan) in &self.nodes {
            let batches =
                collect(Arc::clone(plan), Arc::clone(&context)).await.map_err(|e| from_datafusion(&e))?;
            let columns =
                batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<UInt64Type>());
            let mut handles: Vec<RowId> = Vec::new();
            columns.for_each(|column| handles.extend(column.values().iter().map(|handle| RowId(*handle))));
            found.push((*place, handles));
        }
        let schema = Arc::clone(&self.schema);
        let counted = tokio::task::spawn_blocking(move || self.count(found)).await;
        let count =
            counted.map_err(|e| crate::model::Error::internal(format!("a count ended early: {e}")))??;
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![count]))])
            .map_err(super::output::arrow_error)
    }
}

impl PartitionStream for Count {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let count = self.clone();
        let made = async move { count.batch(context).await.map_err(to_datafusion) };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::once(made)))
    }
}
