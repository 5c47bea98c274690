//! A query's rows on their way to the caller: ended by the cancel token and the row limit, with errors in
//! our words.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::memory::MemoryStream;
use futures::Stream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::model::{CancelToken, Result};

use super::error::{from_datafusion, from_datafusion_at, to_datafusion};
use super::limits::RowLimit;
use super::provider::StatementState;
use super::rewrite::shown_name;
use super::session::{CommandResult, Outcome};
use super::system::Running;

/// How often a statement that waits looks whether it was cancelled.
const CANCEL_CHECK: Duration = Duration::from_millis(10);

/// Tells when to look whether a statement was cancelled.
pub(super) fn ticks() -> Interval {
    let mut ticks = interval(CANCEL_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// The columns under the names that are shown.
pub(super) fn shown_schema(schema: &SchemaRef) -> SchemaRef {
    if schema.fields().iter().all(|f| shown_name(f.name()) == f.name()) {
        return Arc::clone(schema);
    }
    let fields: Vec<_> =
        schema.fields().iter().map(|f| f.as_ref().clone().with_name(shown_name(f.name()))).collect();
    Arc::new(Schema::new(fields))
}

impl Outcome {
    /// Rows that are there already.
    pub(super) fn of_batches(
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
        changed: Option<CommandResult>,
    ) -> Result<Self> {
        let stream = MemoryStream::try_new(batches, Arc::clone(&schema), None);
        let stream = Box::pin(stream.map_err(|e| from_datafusion(&e))?);
        Ok(Outcome::Rows { schema, stream, changed })
    }
}

/// A statement's rows, ended by the cancel token, with errors in our words.
pub(super) struct Guarded {
    state: Arc<StatementState>,
    number: u64,
    schema: SchemaRef,
    /// Gone once the stream has ended, and with it what the statement holds.
    inner: Option<SendableRecordBatchStream>,
    sql: String,
    cancel: CancelToken,
    limit: Option<RowLimit>,
    ticks: Interval,
    /// Shows the statement as running.
    running: Option<Arc<Running>>,
}

impl Guarded {
    /// The rows of a stream; `number` is what [`StatementState::set`] gave.
    pub(super) fn new(
        inner: SendableRecordBatchStream,
        state: Arc<StatementState>,
        number: u64,
        sql: String,
        cancel: CancelToken,
    ) -> Self {
        let schema = shown_schema(&inner.schema());
        let (inner, ticks) = (Some(inner), ticks());
        Self { state, number, schema, inner, sql, cancel, limit: None, ticks, running: None }
    }

    /// As what a statement gives its caller.
    pub(super) fn shown(mut self, limit: Option<RowLimit>, running: Arc<Running>) -> Self {
        (self.limit, self.running) = (limit, Some(running));
        self
    }

    fn end(&mut self) {
        self.inner = None;
        self.running = None;
    }

    /// A batch under the names that are shown, if it is within the limit.
    fn passed(&mut self, batch: RecordBatch) -> DataFusionResult<RecordBatch> {
        if let Some(limit) = &mut self.limit {
            limit.take(batch.num_rows()).map_err(to_datafusion)?;
        }
        if batch.schema_ref() == &self.schema {
            return Ok(batch);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(DataFusionError::from)
    }
}

impl Stream for Guarded {
    type Item = DataFusionResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        if this.cancel.is_cancelled() {
            this.end();
            return Poll::Ready(Some(Err(to_datafusion(this.cancel.error()))));
        }
        match inner.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(batch))) => {
                let passed = this.passed(batch);
                if passed.is_err() {
                    this.end();
                }
                Poll::Ready(Some(passed))
            }
            Poll::Ready(Some(Err(e))) => {
                this.end();
                Poll::Ready(Some(Err(to_datafusion(from_datafusion_at(&e, &this.sql)))))
            }
            Poll::Ready(None) => {
                this.end();
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
