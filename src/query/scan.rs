//! Reading rows: the physical operator that runs an access plan over a view and streams Arrow batches.
//!
//! A batch is made when it is asked for, on the thread that asks. Whole types are read from column chunks
//! (`chunk_scan`), single rows from their records. The statement's request to stop is looked at at least once in
//! [`CHECK_ROWS`] records.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use uuid::Uuid;

use crate::columnar;
use crate::columnar::Chunks;
use crate::model::{CancelToken, Error, PropertyType, Result, RowId, TypeId};
use crate::storage::{CHUNK_ROWS, RecordView, View};

use super::access::{Access, QueryPlan};
use super::arrow_value::{ColumnBuilder, scalar_of};
use super::chunk_scan::ChunkScan;
use super::columns::{Columns, Source};
use super::error::to_datafusion;
use super::indexed;
use super::output::{Conditions, Output, arrow_error};
use super::prune::Pruning;
use super::selectivity;

/// Rows of a batch.
pub const BATCH_ROWS: usize = 8192;
/// Texts of a batch take little more than this many bytes.
pub const BATCH_BYTES: usize = 16 << 20;
/// How often a reader looks whether it should stop.
const CHECK_ROWS: usize = 1024;
/// Types with more rows than this are read in several partitions.
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
    /// The columns of chunks that are kept.
    pub chunks: Arc<Chunks>,
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
    estimated_rows: OnceLock<usize>,
    flushed: OnceLock<bool>,
    /// The conditions made ready, once they are evaluated.
    pruning: OnceLock<Arc<Pruning>>,
}

impl ScanExec {
    /// An operator for a request.
    ///
    /// # Errors
    /// `Corrupt` or `Io` when the type's figures cannot be read; `Internal` for a column that is not there.
    pub fn new(request: ScanRequest, partitions: usize) -> Result<Self> {
        let live_rows = request.view.live_rows(request.type_id)?;
        let internal = |e| Error::internal(format!("a scan of columns that are not there: {e}"));
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
        let ranges = if split { split_chunks(end, partitions as u64) } else { vec![(0, end)] };
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
            estimated_rows: OnceLock::new(),
            flushed: OnceLock::new(),
            pruning: OnceLock::new(),
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

    fn pruning(&self) -> Result<Arc<Pruning>> {
        if let Some(pruning) = self.pruning.get() {
            return Ok(Arc::clone(pruning));
        }
        let end = self.ranges.last().map_or(0, |(_, end)| *end);
        let pruning = Arc::new(Pruning::new(&self.request, &self.read_schema, end)?);
        Ok(Arc::clone(self.pruning.get_or_init(|| pruning)))
    }

    /// What is known of a column read, by its place among them.
    fn known(&self, number: usize) -> Option<Arc<columnar::ColumnStatistics>> {
        let request = &self.request;
        let source = request.columns.source(*request.read.get(number)?)?;
        request.chunks.statistics(&request.view, request.type_id, source)
    }

    /// Whether the view has no rows but flushed ones.
    fn is_flushed(&self) -> bool {
        *self.flushed.get_or_init(|| {
            let (request, mut flushed) = (&self.request, true);
            let end = self.ranges.last().map_or(0, |(_, end)| *end);
            let scanned = request.view.scan_unflushed(request.type_id, 0, end, &mut |_, _| {
                flushed = false;
                Ok(ControlFlow::Break(()))
            });
            flushed && scanned.is_ok()
        })
    }

    /// How many rows a scan of the whole type gives, as far as statistics tell.
    // An estimate need not be exact.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn estimated_rows(&self) -> usize {
        *self.estimated_rows.get_or_init(|| {
            let part = selectivity::of_all(&self.request.filters, &|number| self.known(number));
            let rows = (self.live_rows as f64 * part).ceil() as usize;
            rows.clamp(1, usize::MAX).min(self.request.limit.unwrap_or(usize::MAX))
        })
    }

    /// What the flushed rows tell of a column. Rows written since, and conditions, make it an estimate.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn estimate(&self, statistics: &mut ColumnStatistics, known: &columnar::ColumnStatistics, most: usize) {
        // The planner takes them for bounds of all rows, inexact or not: a condition that leaves one value makes it sort no
        // more.
        if let (Some((low, high)), true) = (&known.bounds, known.complete && self.is_flushed()) {
            statistics.min_value = Precision::Inexact(low.clone());
            statistics.max_value = Precision::Inexact(high.clone());
        }
        if let Some(distinct) = known.distinct {
            let distinct = usize::try_from(distinct).unwrap_or(usize::MAX);
            statistics.distinct_count = Precision::Inexact(distinct.clamp(1, most.max(1)));
        }
        let nulls = known.nulls as f64 / known.rows.max(1) as f64;
        statistics.null_count = Precision::Inexact((nulls * most as f64) as usize);
    }

    /// What chunks and indexes tell of the columns: of an index, the first and the last entry are the lowest and the highest value.
    fn column_statistics(&self) -> Vec<ColumnStatistics> {
        let request = &self.request;
        let mut found = Statistics::unknown_column(&self.schema());
        let Some(definition) = request.view.catalog().by_id(request.type_id) else { return found };
        let live = usize::try_from(self.live_rows).unwrap_or(usize::MAX);
        let every_row =
            request.access == Access::Scan && request.filters.is_empty() && request.limit.is_none();
        let schema = self.schema();
        let shown = request.read.iter().take(request.shown).zip(schema.fields().iter());
        let most = self.estimated_rows();
        for (number, (statistics, (place, field))) in found.iter_mut().zip(shown).enumerate() {
            let Some(source) = request.columns.source(*place) else { continue };
            if let Some(known) = self.known(number) {
                self.estimate(statistics, &known, most);
            }
            let Source::Property(id, property_type) = source else { continue };
            let Some(index) = definition.indexes.iter().find(|index| index.properties.first() == Some(&id))
            else {
                continue;
            };
            if index.unique && index.properties.len() == 1 {
                statistics.distinct_count = Precision::Inexact(live.min(most));
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

/// Sequences up to `end` in so many parts, whole chunks each.
fn split_chunks(end: u64, parts: u64) -> Vec<(u64, u64)> {
    let chunks = end.div_ceil(CHUNK_ROWS);
    let parts = parts.clamp(1, chunks.max(1));
    let cut = |part: u64| (chunks * part / parts * CHUNK_ROWS).min(end);
    (0..parts).map(|part| (cut(part), cut(part + 1))).collect()
}

impl fmt::Debug for ScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanExec").field("plan", &self.request.plan).finish_non_exhaustive()
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.plan.fmt_as(format, self.properties.equivalence_properties().schema(), f)?;
        if self.request.access == Access::Scan && !self.request.filters.is_empty() {
            let rows = self.estimated_rows();
            return match format {
                DisplayFormatType::TreeRender => writeln!(f, "about {rows} rows"),
                _ => write!(f, ", about {rows} rows"),
            };
        }
        Ok(())
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
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mut rows: Box<dyn Batches> = match &self.request.access {
            Access::Scan => {
                let pruning = self.pruning().map_err(to_datafusion)?;
                Box::new(ChunkScan::new(&self.request, &self.read_schema, &schema, pruning, range))
            }
            _ => Box::new(RowScan::new(&self.request, &self.read_schema, &schema)),
        };
        let batches = futures::stream::poll_fn(move |context| {
            let timer = metrics.elapsed_compute().clone();
            let _timer = timer.timer();
            Poll::Ready(match rows.next() {
                Ok(Step::Batch(batch)) => {
                    metrics.record_output(batch.num_rows());
                    Some(Ok(batch))
                }
                Ok(Step::Pause) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(Step::End) => None,
                Err(error) => Some(Err(to_datafusion(error))),
            })
        });
        let stream = RecordBatchStreamAdapter::new(schema, batches);
        Ok(Box::pin(cooperative(stream)))
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
            Access::Scan if whole => Precision::Inexact(self.estimated_rows()),
            Access::Scan => Precision::Inexact((self.estimated_rows() / self.ranges.len().max(1)).max(1)),
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

/// What a scan has come to.
pub enum Step {
    /// Rows.
    Batch(RecordBatch),
    /// No rows yet: others may have the thread, and whoever lost interest can say so.
    Pause,
    /// No more rows.
    End,
}

/// Batches that are made one after the other.
pub trait Batches: Send {
    /// Goes on; to the end behind an error.
    ///
    /// # Errors
    /// `Cancelled`, `TimedOut`; `Corrupt` for a damaged record; `Io`; what a condition fails with.
    fn next(&mut self) -> Result<Step>;
}

/// Rows whose handles are looked up.
struct RowScan {
    request: ScanRequest,
    reader: Reader,
    /// What is left of them, once they are known.
    rows: Option<std::vec::IntoIter<RowId>>,
    done: bool,
}

impl RowScan {
    fn new(request: &ScanRequest, read_schema: &SchemaRef, out_schema: &SchemaRef) -> Self {
        let reader = Reader::new(request, Arc::clone(read_schema), Arc::clone(out_schema));
        Self { request: request.clone(), reader, rows: None, done: false }
    }

    fn handles(&self) -> Result<Vec<RowId>> {
        let request = &self.request;
        let mut rows = match &request.access {
            Access::Scan => return Err(Error::internal("a scan without handles")),
            Access::Ids(ids) => {
                let mut rows = Vec::with_capacity(ids.len());
                for id in ids {
                    rows.extend(request.view.row_of(*id)?.filter(|row| row.type_id() == request.type_id));
                }
                rows
            }
            Access::EdgesAt { outgoing, nodes } => edges_at(request, nodes, *outgoing)?,
            Access::Index(found) => found.rows.clone(),
        };
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    fn read(&mut self) -> Result<Step> {
        if self.rows.is_none() {
            self.rows = Some(self.handles()?.into_iter());
        }
        let Self { request, reader, rows, done } = self;
        for _ in 0..CHECK_ROWS {
            if let Some(batch) = reader.take() {
                return Ok(Step::Batch(batch));
            }
            if *done {
                return Ok(Step::End);
            }
            match rows.as_mut().and_then(Iterator::next) {
                Some(row) if !reader.is_done() => {
                    request.view.read(row, &mut |record| reader.add(row, record))?;
                }
                _ => {
                    reader.finish()?;
                    *done = true;
                }
            }
        }
        Ok(Step::Pause)
    }
}

impl Batches for RowScan {
    fn next(&mut self) -> Result<Step> {
        let read = self.read();
        if read.is_err() {
            (self.rows, self.done) = (Some(Vec::new().into_iter()), true);
        }
        read
    }
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

/// Turns records into batches that are filtered.
pub struct Reader {
    columns: Vec<(Source, ColumnBuilder)>,
    pending: usize,
    batch_rows: usize,
    read_schema: SchemaRef,
    conditions: Conditions,
    output: Output,
    cancel: CancelToken,
}

impl Reader {
    /// A reader of a request, which gives what is shown.
    pub fn new(request: &ScanRequest, read_schema: SchemaRef, out_schema: SchemaRef) -> Self {
        let limit = request.limit.unwrap_or(usize::MAX);
        let conditions = Conditions::new(&request.filters);
        let batch_rows = if conditions.is_empty() { limit.clamp(1, BATCH_ROWS) } else { BATCH_ROWS };
        let columns = request
            .read
            .iter()
            .filter_map(|index| request.columns.source(*index))
            .map(|source| (source, source.builder(batch_rows)))
            .collect();
        let output = Output::new(out_schema, limit, !conditions.is_empty());
        let cancel = request.cancel.clone();
        Self { columns, pending: 0, batch_rows, read_schema, conditions, output, cancel }
    }

    /// Whether it needs no more rows.
    pub fn is_done(&self) -> bool {
        self.output.remaining() == 0
    }

    /// The next batch that is ready.
    pub fn take(&mut self) -> Option<RecordBatch> {
        self.output.take()
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Cancelled`; `Corrupt` for a damaged record; what a filter fails with.
    pub fn add(&mut self, row: RowId, record: &RecordView<'_>) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        for (source, builder) in &mut self.columns {
            source.append(builder, row, record)?;
        }
        self.pending += 1;
        if self.pending.is_multiple_of(CHECK_ROWS) {
            self.cancel.check()?;
        }
        let bytes = self.columns.iter().map(|(_, builder)| builder.bytes()).sum::<usize>();
        if self.pending >= self.batch_rows || bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Passes on what is left.
    ///
    /// # Errors
    /// As [`Reader::add`].
    pub fn finish(&mut self) -> Result<()> {
        self.cancel.check()?;
        self.flush()?;
        self.output.finish()
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
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.read_schema), arrays, &options)
            .map_err(arrow_error)?;
        let mask = self.conditions.mask(&batch)?;
        let shown: Vec<usize> = (0..self.output.schema().fields().len()).collect();
        self.output.push(batch.project(&shown).map_err(arrow_error)?, mask.as_ref())
    }
}
