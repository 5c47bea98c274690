//! Runs SQL scripts: statement by statement, rows streamed or held.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;

use crate::engine::{RowStream, StatementResult};
use crate::model::{Result, Value};
use crate::query::{relocate, split_statements};

use super::cursor::{Cursor, Held};
use super::server::{Connection, Failure, Reply, Running};
use super::{Delivery, EventBody, Page, ResultColumn, Summary};

/// How often a held result tells how far it has grown.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// Runs a script; the summary is the last statement's.
pub(super) async fn run(
    connection: &Connection,
    script: &str,
    params: &[Value],
    delivery: Delivery,
    reply: &Reply,
    running: &Running,
) -> Result<Summary, Failure> {
    let session = connection.session()?;
    let mut last = Summary { verb: "SCRIPT".to_owned(), ..Summary::default() };
    for (n, span) in split_statements(script)?.into_iter().enumerate() {
        let statement = u32::try_from(n).unwrap_or(u32::MAX);
        let sql = script.get(span.start..span.end).unwrap_or_default();
        let started = Instant::now();
        let task = Statement { connection, statement, delivery, reply, running };
        let result = async {
            running.cancel.check()?;
            let work = session.run(sql, params, &running.cancel);
            // A read may be left at once; a write's end is waited for, because only that tells
            // whether it was committed. It looks at the token itself.
            let result = if only_reads(sql) { running.until_stopped(work).await? } else { work.await? };
            task.deliver(result).await
        };
        last = result
            .await
            .map_err(|error| Failure { error: relocate(error, script, span), statement: Some(statement) })?;
        connection.tell_transaction(reply).await?;
        let done = EventBody::StatementDone { statement, summary: last.clone(), elapsed: started.elapsed() };
        reply.send(done).await?;
    }
    Ok(last)
}

/// Whether a statement's first word says that it changes nothing.
fn only_reads(sql: &str) -> bool {
    const READS: [&str; 6] = ["select", "with", "values", "explain", "show", "table"];
    const WRITES: [&str; 4] = ["insert", "update", "delete", "merge"];
    let word: String = sql
        .trim_start_matches(['(', ' ', '\t', '\r', '\n'])
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let reads = READS.iter().any(|read| word.eq_ignore_ascii_case(read));
    if reads && word.eq_ignore_ascii_case("with") {
        // WITH ... INSERT writes; the word may also stand in a name or a string.
        let lower = sql.to_ascii_lowercase();
        return !WRITES.iter().any(|write| lower.contains(write));
    }
    reads
}

struct Statement<'a> {
    connection: &'a Connection,
    statement: u32,
    delivery: Delivery,
    reply: &'a Reply,
    running: &'a Running,
}

impl Statement<'_> {
    async fn deliver(&self, result: StatementResult) -> Result<Summary> {
        match result {
            StatementResult::Done(done) => {
                Ok(Summary { verb: done.verb, rows: done.rows, truncated: false, note: done.note })
            }
            StatementResult::Rows(rows) => {
                let columns = rows
                    .columns()
                    .into_iter()
                    .map(|(name, property_type)| ResultColumn { name, property_type })
                    .collect();
                let changed = rows.changed().cloned();
                let summary = match self.delivery {
                    Delivery::Stream { limit } => self.stream(rows, columns, limit).await,
                    Delivery::Cursor { page_rows } => self.hold(rows, columns, page_rows).await,
                }?;
                Ok(match changed {
                    // RETURNING: what was changed is told beside the rows.
                    Some(done) => {
                        let truncated = summary.truncated;
                        Summary { verb: done.verb, rows: done.rows, truncated, note: done.note }
                    }
                    None => summary,
                })
            }
        }
    }

    async fn next(&self, rows: &mut RowStream) -> Result<Option<RecordBatch>> {
        self.running.until_stopped(async { rows.next().await.transpose() }).await
    }

    async fn stream(
        &self,
        mut rows: RowStream,
        columns: Vec<ResultColumn>,
        limit: Option<u64>,
    ) -> Result<Summary> {
        self.reply.send(EventBody::Schema { statement: self.statement, columns }).await?;
        let mut summary = Summary { verb: "SELECT".to_owned(), ..Summary::default() };
        while let Some(mut batch) = self.next(&mut rows).await? {
            let left = limit.map_or(u64::MAX, |limit| limit - summary.rows);
            if batch.num_rows() as u64 > left {
                summary.truncated = true;
                batch = batch.slice(0, usize::try_from(left).unwrap_or(0));
            }
            if batch.num_rows() > 0 {
                let first_row = summary.rows;
                summary.rows += batch.num_rows() as u64;
                self.reply.send(EventBody::Rows { cursor: None, page: Page::new(first_row, batch) }).await?;
            }
            if summary.truncated {
                break;
            }
        }
        Ok(summary)
    }

    async fn hold(&self, mut rows: RowStream, columns: Vec<ResultColumn>, page_rows: u32) -> Result<Summary> {
        let temp_dir = self.connection.shared.options.temp_dir.clone();
        let cursor =
            Arc::new(Cursor::new(Arc::clone(rows.schema()), temp_dir, self.connection.budget.clone()));
        // However this ends, whoever waits for rows is told.
        let _end = EndOfRows(Arc::clone(&cursor));
        let id = self.connection.hold(Held::Result(Arc::clone(&cursor)));
        self.reply.send(EventBody::Cursor { statement: self.statement, cursor: id, columns }).await?;
        let mut first_page = true;
        let mut total = 0;
        let mut told = Instant::now();
        let produced = loop {
            let batch = tokio::select! {
                batch = self.next(&mut rows) => batch,
                () = cursor.until_closed() => break Err(crate::model::Error::cancelled()),
            };
            match batch.and_then(|b| b.map(|b| cursor.push(b)).transpose()) {
                Ok(Some(rows)) => total = rows,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if first_page && total >= u64::from(page_rows) {
                self.send_first_page(&cursor, id, page_rows).await?;
                first_page = false;
            }
            if told.elapsed() >= COUNT_INTERVAL {
                told = Instant::now();
                self.reply.offer(EventBody::Counted { cursor: id, rows: total, complete: false });
            }
        };
        cursor.finish(produced.clone());
        if first_page {
            // What there is: rows before an error are shown too.
            if produced.is_ok() || total > 0 {
                self.send_first_page(&cursor, id, page_rows).await?;
            }
        }
        produced?;
        self.reply.send(EventBody::Counted { cursor: id, rows: total, complete: true }).await?;
        Ok(Summary { verb: "SELECT".to_owned(), rows: total, ..Summary::default() })
    }

    async fn send_first_page(&self, cursor: &Cursor, id: super::CursorId, page_rows: u32) -> Result<()> {
        let page = cursor.page(0, page_rows).await?;
        self.reply.send(EventBody::Rows { cursor: Some(id), page }).await
    }
}

struct EndOfRows(Arc<Cursor>);

impl Drop for EndOfRows {
    fn drop(&mut self) {
        // The first end stands: this one counts only where none was told.
        self.0.finish(Err(crate::model::Error::cancelled()));
    }
}

#[cfg(test)]
mod tests {
    use super::only_reads;

    #[test]
    fn only_statements_that_surely_read_may_be_left_at_once() {
        assert!(
            only_reads("  (select 1)")
                && only_reads("WITH a AS (SELECT 1) SELECT * FROM a")
                && only_reads("VALUES (1)")
        );
        assert!(
            !only_reads("insert into t values (1)")
                && !only_reads("/* x */ select 1")
                && !only_reads("delete from t")
                && !only_reads("with a as (select 1) Insert into t select * from a")
        );
    }
}
