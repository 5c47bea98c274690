//! Reading rows: the physical operator that runs an access plan over a view and streams Arrow batches.
//!
//! The work is done on blocking threads, one a partition. It stops when the consumer is gone or
//! the statement was cancelled; both are looked at at least once in [`CHECK_ROWS`] rows.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{BatchCoalescer, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, DataFusionError, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use crate::model::{CancelToken, PropertyType, Result, RowId, TypeId};
use crate::storage::{RecordView, View};

use super::access::{Access, QueryPlan};
use super::arrow_value::{ColumnBuilder, scalar_of};
use super::columns::{Columns, Source};
use super::error::to_datafusion;
use super::indexed;

/// Rows of a batch.
pub const BATCH_ROWS: usize = 8192;
/// How often a reader looks whether it should stop.
const CHECK_ROWS: usize = 1024;
/// Types with more rows than this are read in two partitions.
const SPLIT_ROWS: u64 = 4 * BATCH_ROWS as u64;

/// Of types this small nothing but the rows is counted.
const SMALL_ROWS: u64 = 16;

/// What a scan reads.
#[derive(Clone)]
pub struct ScanRequest {
    /// The state of the data.
    pub view: View,
    /// Whose rows.
    pub type_id: TypeId,
    /// The type's columns.
    pub columns: Arc<Columns>,
    /// The columns read, by number: those that are shown, then those only filters look at.
    pub read: Vec<usize>,
    /// How many of them are shown.
    pub shown: usize,
    /// How rows are reached.
    pub access: Access,
    /// What the rows must fulfil beyond it; over the columns read.
    pub filters: Vec<Arc<dyn PhysicalExpr>>,
    /// The same as the planner wrote it.
    pub predicates: Vec<Expr>,
    /// At most this many rows are needed of each partition.
    pub limit: Option<usize>,
    /// One partition, so that rows come in the order of their insertion.
    pub ordered: bool,
    /// The statement's request to stop.
    pub cancel: CancelToken,
    /// For EXPLAIN.
    pub plan: QueryPlan,
}

/// The operator.
pub struct ScanExec {
    request: ScanRequest,
    ranges: Vec<(u64, u64)>,
    live_rows: u64,
    read_schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// Of the columns shown; computed when they are asked for.
    statistics: OnceLock<Vec<ColumnStatistics>>,
}

impl ScanExec {
    /// An operator for a request.
    ///
    /// # Errors
    /// `Corrupt` or `Io` when the type's figures cannot be read; `Internal` for a column that is not there.
    pub fn new(request: ScanRequest, partitions: usize) -> Result<Self> {
        let live_rows = request.view.live_rows(request.type_id)?;
        let internal =
            |e| crate::model::Error::internal(format!("a scan of columns that are not there: {e}"));
        let schema = request.columns.schema();
        let read_schema = Arc::new(schema.project(&request.read).map_err(internal)?);
        let shown = request.read.get(..request.shown).unwrap_or_default();
        let out_schema = Arc::new(schema.project(shown).map_err(internal)?);
        let end = request.view.next_sequence(request.type_id)?;
        let split = request.access == Access::Scan
            && !request.ordered
            && partitions > 1
            && live_rows > SPLIT_ROWS
            && request.limit.is_none();
        let ranges = if split { vec![(0, end / 2), (end / 2, end)] } else { vec![(0, end)] };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(out_schema),
            Partitioning::UnknownPartitioning(ranges.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Self {
            request,
            ranges,
            live_rows,
            read_schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            statistics: OnceLock::new(),
        })
    }

    /// What it reads.
    pub fn request(&self) -> &ScanRequest {
        &self.request
    }

    /// The rows of the type.
    pub fn live_rows(&self) -> u64 {
        self.live_rows
    }

    /// The columns read.
    pub fn read_schema(&self) -> &SchemaRef {
        &self.read_schema
    }

    /// What indexes tell of the columns: the first and the last entry are the lowest and the highest value.
    fn column_statistics(&self) -> Vec<ColumnStatistics> {
        let request = &self.request;
        let mut found = Statistics::unknown_column(&self.schema());
        let Some(definition) = request.view.catalog().by_id(request.type_id) else { return found };
        let live = usize::try_from(self.live_rows).unwrap_or(usize::MAX);
        let every_row =
            request.access == Access::Scan && request.filters.is_empty() && request.limit.is_none();
        let schema = self.schema();
        let shown = request.read.iter().take(request.shown).zip(schema.fields().iter());
        for (statistics, (place, field)) in found.iter_mut().zip(shown) {
            let Some(Source::Property(id, property_type)) = request.columns.source(*place) else { continue };
            let Some(index) = definition.indexes.iter().find(|index| index.properties.first() == Some(&id))
            else {
                continue;
            };
            if index.unique && index.properties.len() == 1 {
                statistics.distinct_count = Precision::Inexact(live);
            }
            // An error will be told by the scan.
            let Ok(Some((low, high))) = indexed::ends(&request.view, definition, index) else { continue };
            let ordered_alike =
                matches!(property_type, PropertyType::Integer | PropertyType::Date | PropertyType::Timestamp);
            let precise = |value| {
                let scalar = scalar_of(&value);
                match scalar.data_type() == *field.data_type() {
                    true if every_row && ordered_alike => Precision::Exact(scalar),
                    true => Precision::Inexact(scalar),
                    false => Precision::Absent,
                }
            };
            (statistics.min_value, statistics.max_value) = (precise(low), precise(high));
        }
        found
    }
}

impl fmt::Debug for ScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanExec").field("plan", &self.request.plan).finish_non_exhaustive()
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.plan.fmt_as(format, self.properties.equivalence_properties().schema(), f)
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "Scan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
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
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let range = self.ranges.get(partition).copied().unwrap_or_default();
        let schema = self.schema();
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&schema), 2);
        let mut reader = Reader::new(
            &self.request,
            Arc::clone(&self.read_schema),
            schema,
            stream.tx(),
            BaselineMetrics::new(&self.metrics, partition),
        );
        let request = self.request.clone();
        stream.spawn_blocking(move || {
            let timer = reader.metrics.elapsed_compute().clone();
            let _timer = timer.timer();
            match read(&request, range, &mut reader) {
                Ok(()) => Ok(()),
                Err(e) => Err(to_datafusion(e)),
            }
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> datafusion::common::Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let request = &self.request;
        let whole = args.partition().is_none() || self.ranges.len() == 1;
        let live = usize::try_from(self.live_rows).unwrap_or(usize::MAX);
        statistics.num_rows = match &request.access {
            Access::Scan if request.filters.is_empty() && whole => {
                Precision::Exact(request.limit.map_or(live, |limit| live.min(limit)))
            }
            Access::Scan if request.filters.is_empty() => Precision::Inexact(live / self.ranges.len().max(1)),
            // A guess as good as any until there are statistics of values.
            Access::Scan => Precision::Inexact((live / 5).max(1)),
            Access::Ids(ids) => Precision::Inexact(ids.len()),
            Access::EdgesAt { nodes, .. } => Precision::Inexact(nodes.len().saturating_mul(10).min(live)),
            Access::Index(found) => Precision::Inexact(found.rows.len()),
        };
        if self.live_rows > SMALL_ROWS {
            let columns = self.statistics.get_or_init(|| self.column_statistics());
            statistics.column_statistics.clone_from(columns);
            if !whole {
                statistics = statistics.to_inexact();
            }
        }
        Ok(Arc::new(statistics))
    }
}

/// Runs a request's access and hands every row to the reader.
fn read(request: &ScanRequest, (from, to): (u64, u64), reader: &mut Reader) -> Result<()> {
    let view = &request.view;
    match &request.access {
        Access::Scan => {
            view.scan(request.type_id, from, to, &mut |row, record| reader.add(row, record))?;
        }
        Access::Ids(ids) => {
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                rows.extend(view.row_of(*id)?.filter(|row| row.type_id() == request.type_id));
            }
            read_rows(request, rows, reader)?;
        }
        Access::EdgesAt { outgoing, nodes } => {
            let rows = edges_at(request, nodes, *outgoing)?;
            read_rows(request, rows, reader)?;
        }
        Access::Index(found) => read_rows(request, found.rows.clone(), reader)?,
    }
    reader.finish()
}

fn edges_at(request: &ScanRequest, nodes: &[Uuid], outgoing: bool) -> Result<Vec<RowId>> {
    let mut rows = Vec::new();
    for node in nodes {
        let Some(row) = request.view.row_of(*node)? else { continue };
        request.view.adjacent(row, outgoing, Some(request.type_id), &mut |edge, _| {
            rows.push(edge);
            Ok(ControlFlow::Continue(()))
        })?;
        request.cancel.check()?;
    }
    Ok(rows)
}

fn read_rows(request: &ScanRequest, mut rows: Vec<RowId>, reader: &mut Reader) -> Result<()> {
    rows.sort_unstable();
    rows.dedup();
    for row in rows {
        let mut flow = ControlFlow::Continue(());
        request.view.read(row, &mut |record| {
            flow = reader.add(row, record)?;
            Ok(())
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// Turns records into batches that are filtered and sent.
pub struct Reader {
    columns: Vec<(Source, ColumnBuilder)>,
    pending: usize,
    batch_rows: usize,
    read_schema: SchemaRef,
    out_schema: SchemaRef,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    remaining: usize,
    coalescer: Option<BatchCoalescer>,
    sender: Sender<datafusion::common::Result<RecordBatch>>,
    cancel: CancelToken,
    metrics: BaselineMetrics,
    stopped: bool,
}

impl Reader {
    /// A reader of a request, which sends what is shown.
    pub fn new(
        request: &ScanRequest,
        read_schema: SchemaRef,
        out_schema: SchemaRef,
        sender: Sender<datafusion::common::Result<RecordBatch>>,
        metrics: BaselineMetrics,
    ) -> Self {
        let limit = request.limit.unwrap_or(usize::MAX);
        let batch_rows = if request.filters.is_empty() { limit.clamp(1, BATCH_ROWS) } else { BATCH_ROWS };
        let columns = request
            .read
            .iter()
            .filter_map(|index| request.columns.source(*index))
            .map(|source| (source, source.builder(batch_rows)))
            .collect();
        // Filters leave small batches; a batch without columns has nothing to gather.
        let coalescer = (!request.filters.is_empty() && !out_schema.fields().is_empty())
            .then(|| BatchCoalescer::new(Arc::clone(&out_schema), BATCH_ROWS));
        Self {
            columns,
            pending: 0,
            batch_rows,
            read_schema,
            out_schema,
            filters: request.filters.clone(),
            remaining: limit,
            coalescer,
            sender,
            cancel: request.cancel.clone(),
            metrics,
            stopped: limit == 0,
        }
    }

    /// Whether it needs no more rows.
    pub fn is_done(&self) -> bool {
        self.stopped
    }

    /// Adds a row; breaks where no more are needed.
    ///
    /// # Errors
    /// `Cancelled`; `Corrupt` for a damaged record; what a filter fails with.
    pub fn add(&mut self, row: RowId, record: &RecordView<'_>) -> Result<ControlFlow<()>> {
        if self.stopped {
            return Ok(ControlFlow::Break(()));
        }
        for (source, builder) in &mut self.columns {
            source.append(builder, row, record)?;
        }
        self.pending += 1;
        if self.pending.is_multiple_of(CHECK_ROWS) {
            self.cancel.check()?;
            self.stopped |= self.sender.is_closed();
        }
        if self.pending >= self.batch_rows {
            self.flush()?;
        }
        Ok(if self.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Passes on what is left.
    ///
    /// # Errors
    /// As [`Reader::add`].
    pub fn finish(&mut self) -> Result<()> {
        self.cancel.check()?;
        if !self.stopped {
            self.flush()?;
        }
        let last = match &mut self.coalescer {
            Some(coalescer) => {
                coalescer.finish_buffered_batch().map_err(arrow_error)?;
                coalescer.next_completed_batch()
            }
            None => None,
        };
        if let Some(batch) = last {
            self.send(batch);
        }
        Ok(())
    }

    /// Filters and passes on what is pending.
    ///
    /// # Errors
    /// As [`Reader::add`].
    pub fn flush(&mut self) -> Result<()> {
        if self.pending == 0 {
            return Ok(());
        }
        self.cancel.check()?;
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(|(_, builder)| builder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.pending));
        self.pending = 0;
        let mut batch = RecordBatch::try_new_with_options(Arc::clone(&self.read_schema), arrays, &options)
            .map_err(arrow_error)?;
        // One after the other: a later predicate never sees a row that an earlier one refused.
        for filter in &self.filters {
            if batch.num_rows() == 0 {
                return Ok(());
            }
            let mask = filter
                .evaluate(&batch)
                .and_then(|value| value.into_array(batch.num_rows()))
                .map_err(|e| super::error::from_datafusion(&e))?;
            batch = filter_record_batch(&batch, &as_mask(&mask)?).map_err(arrow_error)?;
        }
        let shown: Vec<usize> = (0..self.out_schema.fields().len()).collect();
        let mut batch = batch.project(&shown).map_err(arrow_error)?;
        if batch.num_rows() >= self.remaining {
            batch = batch.slice(0, self.remaining);
            self.stopped = true;
        }
        self.remaining -= batch.num_rows();
        match &mut self.coalescer {
            Some(coalescer) => {
                coalescer.push_batch(batch).map_err(arrow_error)?;
                while let Some(full) = self.coalescer.as_mut().and_then(BatchCoalescer::next_completed_batch)
                {
                    self.send(full);
                }
            }
            None if batch.num_rows() > 0 => self.send(batch),
            None => {}
        }
        Ok(())
    }

    fn send(&mut self, batch: RecordBatch) {
        self.metrics.record_output(batch.num_rows());
        if self.sender.blocking_send(Ok(batch)).is_err() {
            self.stopped = true;
        }
    }
}

fn as_mask(mask: &ArrayRef) -> Result<BooleanArray> {
    let mask = mask
        .as_boolean_opt()
        .ok_or_else(|| crate::model::Error::internal("a filter that is neither true nor false"))?;
    Ok(if mask.null_count() == 0 { mask.clone() } else { prep_null_mask_filter(mask) })
}

fn arrow_error(error: arrow::error::ArrowError) -> crate::model::Error {
    super::error::from_datafusion(&DataFusionError::from(error))
}
