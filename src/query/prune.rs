//! What a scan of a whole type can leave out: chunks that no row of fulfils the conditions in.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column as ColumnName, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, TryCastExpr};
use datafusion::physical_expr::utils::{Guarantee, collect_columns, conjunction, reassign_expr_columns};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};

use crate::columnar::Known;
use crate::model::{Result, RowId};
use crate::storage::CHUNK_ROWS;

use super::columns::Source;
use super::error::from_datafusion;
use super::output::{Conditions, arrow_error};
use super::scan::ScanRequest;

/// The conditions of a scan, made ready for chunks. Nothing where there are none.
#[derive(Default)]
pub struct Pruning {
    /// Where the conditions look at some of the columns read alone.
    pub early: Option<Early>,
    /// Chunks that no flushed row fulfils the conditions in, by their first sequence.
    skipped: HashSet<u64>,
    /// Columns of which the conditions ask for some values.
    equal: Vec<Source>,
}

/// Conditions over the columns that they look at.
pub struct Early {
    /// They.
    pub conditions: Conditions,
    /// Which of the columns read those are.
    pub looked_at: Vec<usize>,
    /// What they are.
    pub schema: SchemaRef,
}

impl Pruning {
    /// Makes the conditions of a request ready for the sequences before `end`.
    ///
    /// # Errors
    /// `Internal` for conditions over columns that are not read.
    pub fn new(request: &ScanRequest, read_schema: &SchemaRef, end: u64) -> Result<Self> {
        if request.filters.is_empty() {
            return Ok(Self::default());
        }
        let mut looked_at: Vec<usize> =
            request.filters.iter().flat_map(collect_columns).map(|column| column.index()).collect();
        looked_at.sort_unstable();
        looked_at.dedup();
        let schema = Arc::new(read_schema.project(&looked_at).map_err(arrow_error)?);
        let own = request.filters.iter().map(|filter| {
            reassign_expr_columns(Arc::clone(filter), &schema).map_err(|e| from_datafusion(&e))
        });
        let own = own.collect::<Result<Vec<_>>>()?;
        // What cannot be said of bounds is evaluated.
        let of_bounds = own.iter().filter(|condition| keeps_order(condition, &schema)).cloned();
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&schema));
        let mut pruning = Self::default();
        if let Some(predicate) = builder.build(conjunction(of_bounds)) {
            let sources = looked_at.iter().map(|place| request.columns.source(*request.read.get(*place)?));
            let chunks = KnownChunks { request, schema: &schema, sources: sources.collect(), end };
            pruning.skipped = chunks.skipped(&predicate);
            let equal =
                predicate.literal_guarantees().iter().filter(|found| found.guarantee == Guarantee::In);
            pruning.equal = equal.filter_map(|found| Some(chunks.column(&found.column)?.1)).collect();
        }
        if looked_at.len() < request.read.len() {
            pruning.early = Some(Early { conditions: Conditions::new(&own), looked_at, schema });
        }
        Ok(pruning)
    }

    /// Whether no flushed row of the chunk that begins at a sequence fulfils the conditions.
    pub fn skips(&self, first: u64) -> bool {
        self.skipped.contains(&first)
    }

    /// Takes note that no row of a chunk fulfilled them.
    pub fn looked_through(&self, request: &ScanRequest, first: u64) {
        let first = RowId::new(request.type_id, first);
        self.equal.iter().for_each(|source| request.chunks.looked_through(&request.view, first, *source));
    }
}

/// Whether a condition can be judged by the lowest and the highest value: casts in it keep the order of values. The
/// time of day of a timestamp does not, nor does the truth of a number.
fn keeps_order(condition: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let cast = |from: &Arc<dyn PhysicalExpr>, to: &DataType| {
        let is_day = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(..));
        let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        from.data_type(schema).is_ok_and(|from| {
            from == *to
                || (from.is_numeric() && to.is_numeric())
                || (is_day(&from) && is_day(to))
                || (is_text(&from) && is_text(to))
        })
    };
    let own = if let Some(found) = condition.downcast_ref::<CastExpr>() {
        cast(found.expr(), found.cast_type())
    } else if let Some(found) = condition.downcast_ref::<TryCastExpr>() {
        cast(found.expr(), found.cast_type())
    } else {
        true
    };
    own && condition.children().into_iter().all(|child| keeps_order(child, schema))
}

/// What is known of the columns that conditions look at, chunk by chunk.
struct KnownChunks<'a> {
    request: &'a ScanRequest,
    schema: &'a Schema,
    /// Of the columns.
    sources: Vec<Option<Source>>,
    end: u64,
}

impl KnownChunks<'_> {
    /// The first sequences of the chunks of which a predicate says that no row fulfils it.
    fn skipped(&self, predicate: &PruningPredicate) -> HashSet<u64> {
        match predicate.prune(self) {
            Ok(kept) => {
                self.firsts().zip(kept).filter_map(|(first, kept)| (!kept).then_some(first)).collect()
            }
            // They are looked through.
            Err(_) => HashSet::new(),
        }
    }

    fn firsts(&self) -> impl Iterator<Item = u64> {
        (0..self.end).step_by(CHUNK_ROWS as usize)
    }

    /// The type of a column, and where its cells come from.
    fn column(&self, column: &ColumnName) -> Option<(&DataType, Source)> {
        let place = self.schema.index_of(&column.name).ok()?;
        Some((self.schema.field(place).data_type(), (*self.sources.get(place)?)?))
    }

    fn known(&self, source: Source) -> impl Iterator<Item = Option<Arc<Known>>> {
        let ScanRequest { view, type_id, chunks, .. } = self.request;
        self.firsts().map(move |first| chunks.known(view, RowId::new(*type_id, first), source))
    }

    fn bounds(&self, column: &ColumnName, low: bool) -> Option<ArrayRef> {
        let (data_type, source) = self.column(column)?;
        let none = ScalarValue::try_from(data_type).ok()?;
        let bound = |known: Option<Arc<Known>>| match known.as_ref().and_then(|known| known.bounds.as_ref()) {
            Some((lowest, highest)) => if low { lowest } else { highest }.clone(),
            None => none.clone(),
        };
        ScalarValue::iter_to_array(self.known(source).map(bound)).ok()
    }
}

impl PruningStatistics for KnownChunks<'_> {
    fn min_values(&self, column: &ColumnName) -> Option<ArrayRef> {
        self.bounds(column, true)
    }

    fn max_values(&self, column: &ColumnName) -> Option<ArrayRef> {
        self.bounds(column, false)
    }

    fn num_containers(&self) -> usize {
        self.firsts().count()
    }

    fn null_counts(&self, column: &ColumnName) -> Option<ArrayRef> {
        let (_, source) = self.column(column)?;
        let counts = self.known(source).map(|known| known.map(|known| known.nulls));
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, column: &ColumnName, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        let (_, source) = self.column(column)?;
        let ScanRequest { view, type_id, chunks, .. } = self.request;
        let lacks = |first| chunks.lacks(view, RowId::new(*type_id, first), source, values.iter());
        // That all cells are among the values is never known.
        Some(self.firsts().map(|first| lacks(first).then_some(false)).collect())
    }
}
