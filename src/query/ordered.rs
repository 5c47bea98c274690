//! `ORDER BY ... LIMIT k` along an index: the first rows in its order instead of all of them sorted.
//!
//! The rule puts [`OrderedExec`] in the place of a sort that keeps k rows of a table, where an index has the
//! order. It walks the index and evaluates every filter on the rows it comes to, so that it cannot change
//! an answer. Where few rows fulfil the filters the walk could get long: past a part of the table it is
//! given up, and the sort that stood there runs after all.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as PlannerResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::model::Result;

use super::access::{Access, PlanStep, QueryPlan};
use super::columns::Source;
use super::error::to_datafusion;
use super::indexed::{self, OrderBy, Ordered, ROW_COST};
use super::scan::{Reader, ScanExec, ScanRequest};

/// More rows than this are sorted.
const MOST_ROWS: usize = 10_000;
/// With filters: so many rows are read before they are evaluated for the first time.
const FIRST_ROWS: u64 = 64;

/// Puts walks along indexes into plans.
#[derive(Debug)]
pub struct IndexOrder;

impl PhysicalOptimizerRule for IndexOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            Ok(match walk_for(&plan).map_err(to_datafusion)? {
                Some(walk) => Transformed::new(Arc::new(walk) as _, true, TreeNodeRecursion::Jump),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "index_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The walk that gives what a sort of a table gives.
fn walk_for(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<OrderedExec>> {
    let (sort, fetch) = match plan.downcast_ref::<SortPreservingMergeExec>() {
        Some(merge) => (merge.input().downcast_ref::<SortExec>(), merge.fetch()),
        None => {
            let sort = plan.downcast_ref::<SortExec>();
            (sort, sort.and_then(SortExec::fetch))
        }
    };
    let (Some(sort), Some(fetch)) = (sort, fetch) else { return Ok(None) };
    if fetch > MOST_ROWS || plan.output_partitioning().partition_count() != 1 {
        return Ok(None);
    }
    let mut keys: Vec<PhysicalSortExpr> = sort.expr().iter().cloned().collect();
    let mut projections = Vec::new();
    let mut input = sort.input();
    while let Some(projection) = input.downcast_ref::<ProjectionExec>() {
        for key in &mut keys {
            let place = key.expr.downcast_ref::<Column>().map(Column::index);
            let Some(inner) = place.and_then(|place| projection.expr().get(place)) else { return Ok(None) };
            key.expr = Arc::clone(&inner.expr);
        }
        let computed = projection.expr().iter().map(|column| Arc::clone(&column.expr)).collect();
        projections.push((input.schema(), computed));
        input = projection.input();
    }
    projections.reverse();
    let Some(scan) = input.downcast_ref::<ScanExec>() else { return Ok(None) };
    let request = scan.request();
    let mut order = Vec::with_capacity(keys.len());
    for key in &keys {
        let place = key.expr.downcast_ref::<Column>().and_then(|column| request.read.get(column.index()));
        let Some(Source::Property(id, property_type)) = place.and_then(|at| request.columns.source(*at))
        else {
            return Ok(None);
        };
        let (descending, nulls_first) = (key.options.descending, key.options.nulls_first);
        order.push(OrderBy { id, property_type, descending, nulls_first });
    }
    // Rows that an index leads to are few enough to be sorted.
    if request.access != Access::Scan || (fetch as u64).saturating_mul(ROW_COST) > scan.live_rows() {
        return Ok(None);
    }
    let Some(definition) = request.view.catalog().by_id(request.type_id) else { return Ok(None) };
    let found = indexed::in_order(definition, &request.columns, &request.predicates, &order)?;
    Ok(found.map(|found| OrderedExec::new(scan, &definition.name, found, projections, fetch, plan)))
}

/// The columns of a projection, and how they are computed.
type Projection = (SchemaRef, Vec<Arc<dyn PhysicalExpr>>);

/// The operator.
struct OrderedExec {
    request: ScanRequest,
    read_schema: SchemaRef,
    scanned: SchemaRef,
    ordered: Ordered,
    projections: Vec<Projection>,
    /// The most entries that are walked.
    most: u64,
    otherwise: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl OrderedExec {
    fn new(
        scan: &ScanExec,
        table: &str,
        ordered: Ordered,
        projections: Vec<Projection>,
        fetch: usize,
        otherwise: &Arc<dyn ExecutionPlan>,
    ) -> Self {
        let mut request = scan.request().clone();
        request.limit = Some(fetch);
        let mut steps = vec![PlanStep::IndexOrder {
            table: table.to_owned(),
            index: ordered.name.clone(),
            columns: ordered.columns.join(", "),
            descending: ordered.back,
        }];
        let filters = request.plan.steps.iter().filter(|step| matches!(step, PlanStep::Filter { .. }));
        steps.extend(filters.cloned());
        steps.push(PlanStep::Limit { rows: fetch });
        #[allow(clippy::cast_precision_loss)]
        let estimated_cost = (fetch as u64 * ROW_COST) as f64;
        request.plan = QueryPlan { steps, estimated_cost };
        let most = if request.filters.is_empty() { u64::MAX } else { scan.live_rows() / ROW_COST };
        Self {
            request,
            read_schema: Arc::clone(scan.read_schema()),
            scanned: scan.schema(),
            ordered,
            projections,
            most,
            otherwise: Arc::clone(otherwise),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

/// The first rows; `None` where they are too far apart.
fn first_rows(
    request: &ScanRequest,
    ordered: &Ordered,
    (read_schema, scanned): (SchemaRef, SchemaRef),
    most: u64,
    metrics: &BaselineMetrics,
) -> Result<Option<Vec<RecordBatch>>> {
    let wanted = request.limit.unwrap_or_default();
    let mut reader = Reader::new(request, read_schema, scanned);
    let (mut entries, mut evaluate_at) = (0u64, FIRST_ROWS.max(wanted as u64));
    for range in &ordered.ranges {
        let mut visit = |row| {
            entries += 1;
            if entries > most {
                return Ok(ControlFlow::Break(()));
            }
            request.view.read(row, &mut |record| reader.add(row, record))?;
            if !request.filters.is_empty() && entries == evaluate_at {
                evaluate_at = evaluate_at.saturating_mul(2);
                reader.flush()?;
            }
            Ok(if reader.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        match ordered.back {
            true => request.view.indexed_back(range, &mut visit)?,
            false => request.view.indexed(range, &mut visit)?,
        }
        if reader.is_done() || entries > most {
            break;
        }
    }
    if entries > most && !reader.is_done() {
        return Ok(None);
    }
    reader.finish()?;
    let found: Vec<RecordBatch> = std::iter::from_fn(|| reader.take()).collect();
    metrics.record_output(found.iter().map(RecordBatch::num_rows).sum());
    Ok(Some(found))
}

fn projected(batch: RecordBatch, projections: &[Projection]) -> PlannerResult<RecordBatch> {
    projections.iter().try_fold(batch, |batch, (schema, columns)| {
        let rows = batch.num_rows();
        let arrays = columns.iter().map(|column| column.evaluate(&batch)?.into_array(rows));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let arrays = arrays.collect::<PlannerResult<Vec<_>>>()?;
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options).map_err(DataFusionError::from)
    })
}

impl fmt::Debug for OrderedExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedExec").field("plan", &self.request.plan).finish_non_exhaustive()
    }
}

impl DisplayAs for OrderedExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.plan.fmt_as(format, &self.otherwise.schema(), f)
    }
}

impl ExecutionPlan for OrderedExec {
    fn name(&self) -> &'static str {
        "IndexOrder"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.otherwise.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlannerResult<TreeNodeRecursion>,
    ) -> PlannerResult<TreeNodeRecursion> {
        for filter in &self.request.filters {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> PlannerResult<SendableRecordBatchStream> {
        let (request, ordered, most) = (self.request.clone(), self.ordered.clone(), self.most);
        let schemas = (Arc::clone(&self.read_schema), Arc::clone(&self.scanned));
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (projections, otherwise) = (self.projections.clone(), Arc::clone(&self.otherwise));
        let walked = async move {
            let walk = tokio::task::spawn_blocking(move || {
                let timer = metrics.elapsed_compute().clone();
                let _timer = timer.timer();
                first_rows(&request, &ordered, schemas, most, &metrics)
            });
            let walked = walk.await.map_err(|e| DataFusionError::External(Box::new(e)))?;
            match walked.map_err(to_datafusion)? {
                Some(batches) => {
                    let batches = batches.into_iter().map(move |batch| projected(batch, &projections));
                    Ok(stream::iter(batches).boxed())
                }
                None => Ok::<_, DataFusionError>(otherwise.execute(partition, context)?.boxed()),
            }
        };
        let rows = stream::once(walked).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.otherwise.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
