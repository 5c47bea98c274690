//! What becomes of rows that a scan read: conditions, the columns shown, the limit, batches of a size.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{BatchCoalescer, and, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};

use crate::model::{Error, Result};

use super::error::from_datafusion;
use super::scan::BATCH_ROWS;

/// Which rows fulfil all conditions of a scan. They are evaluated one after the other: a later one never sees a row
/// that an earlier one refused, unless it cannot fail.
pub struct Conditions(Vec<(Arc<dyn PhysicalExpr>, bool)>);

impl Conditions {
    /// Conditions over batches of one schema.
    pub fn new(conditions: &[Arc<dyn PhysicalExpr>]) -> Self {
        Self(conditions.iter().map(|condition| (Arc::clone(condition), never_fails(condition))).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows that fulfil them; `None` for all.
    ///
    /// # Errors
    /// What a condition fails with.
    pub fn mask(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let mut all: Option<BooleanArray> = None;
        for (condition, never_fails) in &self.0 {
            let value = match &all {
                Some(mask) if mask.true_count() == 0 => break,
                Some(mask) if !never_fails => condition.evaluate_selection(batch, mask),
                _ => condition.evaluate(batch),
            };
            let value = value.and_then(|value| value.into_array(batch.num_rows()));
            let mask = as_mask(&value.map_err(|e| from_datafusion(&e))?)?;
            let mask = match &all {
                Some(before) => and(before, &mask).map_err(arrow_error)?,
                None => mask,
            };
            all = (mask.true_count() < mask.len()).then_some(mask);
        }
        Ok(all)
    }
}

/// Whether a condition gives an answer for every row.
fn never_fails(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let own = if let Some(operation) = condition.downcast_ref::<BinaryExpr>() {
        use Operator::{And, Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq, Or};
        let sure = [And, Or, Eq, NotEq, Lt, LtEq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom];
        sure.contains(operation.op())
    } else {
        condition.is::<Column>()
            || condition.is::<Literal>()
            || condition.is::<NotExpr>()
            || condition.is::<IsNullExpr>()
            || condition.is::<IsNotNullExpr>()
            || condition.is::<InListExpr>()
            || condition.is::<LikeExpr>()
    };
    own && condition.children().into_iter().all(never_fails)
}

/// Takes batches with the columns shown and gives those that go on.
pub struct Output {
    schema: SchemaRef,
    /// Conditions leave small batches, which are gathered.
    coalescer: Option<BatchCoalescer>,
    ready: std::collections::VecDeque<RecordBatch>,
    remaining: usize,
}

impl Output {
    /// For batches of a schema, at most `limit` rows in all; `gather` small ones.
    pub fn new(schema: SchemaRef, limit: usize, gather: bool) -> Self {
        // A batch without columns has nothing to gather.
        let coalescer = (gather && !schema.fields().is_empty()).then(|| {
            BatchCoalescer::new(Arc::clone(&schema), BATCH_ROWS)
                .with_biggest_coalesce_batch_size(Some(BATCH_ROWS / 2))
        });
        Self { schema, coalescer, ready: std::collections::VecDeque::new(), remaining: limit }
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows are still needed.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Adds the rows of a batch that a mask keeps.
    ///
    /// # Errors
    /// `Internal` for columns that are not those of the schema.
    pub fn push(&mut self, batch: RecordBatch, mask: Option<&BooleanArray>) -> Result<()> {
        let rows = mask.map_or(batch.num_rows(), BooleanArray::true_count);
        if rows == 0 || self.remaining == 0 {
            return Ok(());
        }
        if rows > self.remaining {
            let kept = match mask {
                Some(mask) => filter_record_batch(&batch, mask).map_err(arrow_error)?,
                None => batch,
            };
            let kept = kept.slice(0, self.remaining);
            return self.push(kept, None);
        }
        self.remaining -= rows;
        match (&mut self.coalescer, mask) {
            (Some(coalescer), Some(mask)) => {
                coalescer.push_batch_with_filter(batch, mask).map_err(arrow_error)?;
            }
            (Some(coalescer), None) => coalescer.push_batch(batch).map_err(arrow_error)?,
            (None, Some(mask)) => {
                self.ready.push_back(filter_record_batch(&batch, mask).map_err(arrow_error)?)
            }
            (None, None) => self.ready.push_back(batch),
        }
        self.take_gathered();
        Ok(())
    }

    /// Says that no more comes.
    ///
    /// # Errors
    /// `Internal`.
    pub fn finish(&mut self) -> Result<()> {
        if let Some(coalescer) = &mut self.coalescer {
            coalescer.finish_buffered_batch().map_err(arrow_error)?;
        }
        self.take_gathered();
        Ok(())
    }

    /// The next batch that is ready.
    pub fn take(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }

    fn take_gathered(&mut self) {
        while let Some(batch) = self.coalescer.as_mut().and_then(BatchCoalescer::next_completed_batch) {
            self.ready.push_back(batch);
        }
    }
}

fn as_mask(mask: &ArrayRef) -> Result<BooleanArray> {
    let mask =
        mask.as_boolean_opt().ok_or_else(|| Error::internal("a filter that is neither true nor false"))?;
    Ok(if mask.null_count() == 0 { mask.clone() } else { prep_null_mask_filter(mask) })
}

/// An error of arrow as ours.
pub fn arrow_error(error: arrow::error::ArrowError) -> Error {
    from_datafusion(&DataFusionError::from(error))
}
