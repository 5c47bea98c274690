//! A query's rows on their way to the caller: ended by the cancel token and the row limit, with errors in
//! our words.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::memory::MemoryStream;
use futures::Stream;

use crate::model::{CancelToken, Result};

use super::error::{from_datafusion, from_datafusion_at, to_datafusion};
use super::limits::RowLimit;
use super::provider::StatementState;
use super::rewrite::shown_name;
use super::session::{CommandResult, Outcome};
use super::system::Running;

/// Waits until a statement is to stop: it was cancelled, or its time is up. The latter may be told late while
/// statements keep all workers busy, and timers with them.
pub async fn stopped(cancel: CancelToken) {
    match cancel.deadline() {
        Some(at) => tokio::select! {
            () = cancel.raised() => {}
            () = tokio::time::sleep_until(at.into()) => {}
        },
        None => cancel.raised().await,
    }
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
    /// Wakes the reader once the statement is to stop.
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
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
        let stop = Box::pin(stopped(cancel.clone()));
        Self { state, number, schema, inner: Some(inner), sql, cancel, limit: None, stop, running: None }
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
            Poll::Pending => match this.stop.as_mut().poll(context) {
                Poll::Ready(()) => {
                    this.end();
                    Poll::Ready(Some(Err(to_datafusion(this.cancel.error()))))
                }
                Poll::Pending => Poll::Pending,
            },
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
