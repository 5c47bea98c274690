//! Work over the rows of a held result, in the background: choose and order, find, copy, export.
//!
//! It runs on threads that may wait, block by block; between two blocks it looks whether to stop
//! and tells how far it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;

use crate::columnar::{property_type_of, value_at};
use crate::model::{CancelToken, Error, Result};
use crate::transfer::{ExportWriter, FileFormat};

use super::super::copy::{Copied, CopyEncoder, CopySink};
use super::super::report::{REPORT_INTERVAL, Report, check_free};
use super::super::server::{Connection, Reply, Running};
use super::super::{
    CopyRequest, EventBody, FindRequest, Found, Progress, ResultColumn, RowChoice, RowShape, Summary,
};
use super::Cursor;
use super::matching::{Needle, Test};
use super::order::Keys;
use super::view::{Held, RowView};

/// Rows of a block where they are looked at only.
const SCAN_ROWS: u64 = 8_192;

fn columns_of(base: &Cursor) -> Vec<ResultColumn> {
    (base.schema().fields().iter())
        .map(|f| ResultColumn { name: f.name().clone(), property_type: property_type_of(f) })
        .collect()
}

/// A view that is being made.
struct Making {
    base: Arc<Cursor>,
    view: Arc<RowView>,
    tests: Vec<Test>,
    keys: Option<Keys>,
    chosen: Vec<u32>,
    next: u64,
    kept: u64,
}

impl Making {
    /// Goes over the rows there are.
    fn take(&mut self, until: u64, cancel: &CancelToken, tell: &mut impl FnMut(u64, u64)) -> Result<()> {
        while self.next < until {
            cancel.check()?;
            let Some((first, batch)) = self.base.batch_of(self.next)? else { break };
            let kept: Vec<u32> = (0..batch.num_rows())
                .filter(|row| self.tests.iter().all(|test| test.keeps(&batch, *row)))
                .filter_map(|row| u32::try_from(row).ok())
                .collect();
            let number = |row: &u32| {
                u32::try_from(first + u64::from(*row))
                    .map_err(|_| Error::unsupported("a result of so many rows is not sorted or filtered"))
            };
            let numbers: Vec<u32> = kept.iter().map(number).collect::<Result<_>>()?;
            self.kept += numbers.len() as u64;
            match &mut self.keys {
                Some(keys) => {
                    if kept.len() == batch.num_rows() {
                        keys.push(&batch)?;
                    } else {
                        keys.push(&taken(&batch, kept)?)?;
                    }
                    self.chosen.extend(numbers);
                }
                None => self.view.push(&numbers),
            }
            self.next = first + batch.num_rows() as u64;
            tell(self.next, self.kept);
        }
        Ok(())
    }

    fn finish(&mut self, cancel: &CancelToken) -> Result<()> {
        if let Some(keys) = self.keys.take() {
            let ordered = keys.order(&self.chosen, cancel)?;
            self.view.push(&ordered);
        }
        Ok(())
    }
}

fn taken(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch> {
    take_record_batch(batch, &UInt32Array::from(rows))
        .map_err(|e| Error::internal(format!("rows cannot be chosen: {e}")))
}

/// Makes a view of a result. A filter's rows come as they are found, a sort's at the end.
pub(in crate::bus) async fn shape(
    connection: &Connection,
    held: Held,
    shape: RowShape,
    reply: &Reply,
    running: &Running,
) -> Result<Summary> {
    let base = Arc::clone(held.base());
    let keys = match shape.sort.is_empty() {
        true => None,
        false => Some(Keys::new(base.schema(), &shape.sort)?),
    };
    let columns = base.schema().fields().len();
    let view = Arc::new(RowView::new(Arc::clone(&base)));
    let cursor = connection.hold(Held::View(Arc::clone(&view)));
    reply.send(EventBody::Cursor { statement: 0, cursor, columns: columns_of(&base) }).await?;
    let tests = shape.filters.iter().map(|f| Test::new(f, columns)).collect();
    let sorts = keys.is_some();
    let mut making = Making {
        base: Arc::clone(&base),
        view: Arc::clone(&view),
        tests,
        keys,
        chosen: vec![],
        next: 0,
        kept: 0,
    };
    let report = Report::new(if sorts { "sort" } else { "filter" }, reply);
    let work = async {
        while running.until_stopped(base.until_more_than(making.next)).await? {
            let (rows, complete) = base.known();
            let (cancel, counted, mut report) = (running.cancel.clone(), reply.clone(), report.clone());
            let all = complete.then_some(rows);
            making = (connection.shared.executor)
                .run_blocking(move || {
                    let mut told = Instant::now();
                    making.take(rows, &cancel, &mut |done, kept| {
                        report.at(done, all);
                        if !sorts && told.elapsed() >= REPORT_INTERVAL {
                            told = Instant::now();
                            counted.offer(EventBody::Counted { cursor, rows: kept, complete: false });
                        }
                    })?;
                    Ok(making)
                })
                .await?;
        }
        let cancel = running.cancel.clone();
        if sorts {
            reply.offer(EventBody::Progress(Progress {
                what: "put in order".to_owned(),
                done: making.kept,
                unit: "rows".to_owned(),
                fraction: None,
                elapsed: Duration::ZERO,
            }));
        }
        (connection.shared.executor).run_blocking(move || making.finish(&cancel).map(|()| making.kept)).await
    };
    let kept = work.await;
    view.finish(kept.clone().map(|_| ()));
    let rows = kept?;
    reply.send(EventBody::Counted { cursor, rows, complete: true }).await?;
    Ok(Summary { verb: "SHAPE".to_owned(), rows, ..Summary::default() })
}

/// A stretch of rows that is gone through for a find, and which of its cells count.
struct Pass {
    from: u64,
    /// The row behind the last; `None`: to the end, once that is known.
    until: Option<u64>,
    /// The place that bounds it, and on which side of it cells count.
    bound: (u64, usize),
    behind: bool,
    inclusive: bool,
}

impl Pass {
    fn counts(&self, row: u64, place: usize) -> bool {
        match (row, place).cmp(&self.bound) {
            std::cmp::Ordering::Equal => self.inclusive,
            std::cmp::Ordering::Greater => self.behind,
            std::cmp::Ordering::Less => !self.behind,
        }
    }

    fn look(
        &self,
        block: &RecordBatch,
        first: u64,
        wanted: &Wanted,
        backwards: bool,
    ) -> Option<(u64, usize)> {
        let rows = 0..block.num_rows();
        let in_row = |row: usize| {
            let number = first + row as u64;
            let matches = |place: &usize| {
                self.counts(number, *place)
                    && wanted.columns.get(*place).is_some_and(|column| {
                        block.columns().get(*column).is_some_and(|array| {
                            wanted.needle.is_in_cell(array, block.schema_ref().field(*column), row)
                        })
                    })
            };
            let mut places = 0..wanted.columns.len();
            let place = if backwards { places.rfind(matches) } else { places.find(matches) };
            place.map(|place| (number, place))
        };
        if backwards { rows.rev().find_map(in_row) } else { rows.into_iter().find_map(in_row) }
    }
}

struct Wanted {
    needle: Needle,
    columns: Vec<usize>,
}

/// Finds the next cell with a text, over all rows; goes on at the other end once.
pub(in crate::bus) async fn find(
    connection: &Connection,
    held: Held,
    request: FindRequest,
    reply: &Reply,
    running: &Running,
) -> Result<Summary> {
    let columns: Vec<usize> = match request.columns.is_empty() {
        true => (0..held.schema().fields().len()).collect(),
        false => request.columns.iter().map(|c| *c as usize).collect(),
    };
    let place = columns.iter().position(|c| *c == request.from_column as usize).unwrap_or(0);
    let bound = (request.from_row, place);
    let backwards = request.backwards;
    let (here, there) = ((request.from_row, None), (0, Some(request.from_row + 1)));
    let order = if backwards { [there, here] } else { [here, there] };
    let wanted = Arc::new(Wanted { needle: Needle::new(&request.text), columns });
    let mut report = Report::new("find", reply);
    let mut looked_at = 0;
    for (nth, (from, until)) in order.into_iter().enumerate() {
        let first_pass = nth == 0;
        let pass = Pass {
            from,
            until,
            bound,
            behind: first_pass != backwards,
            inclusive: first_pass == request.inclusive,
        };
        let work = Search { connection, held: &held, wanted: &wanted, running, backwards };
        if let Some((row, place)) = work.pass(pass, &mut report, &mut looked_at).await? {
            let column = wanted.columns.get(place).copied().unwrap_or(0);
            let column = u32::try_from(column).unwrap_or(u32::MAX);
            reply.send(EventBody::Found(Some(Found { row, column, wrapped: !first_pass }))).await?;
            return Ok(Summary { verb: "FIND".to_owned(), rows: 1, ..Summary::default() });
        }
    }
    reply.send(EventBody::Found(None)).await?;
    Ok(Summary { verb: "FIND".to_owned(), ..Summary::default() })
}

struct Search<'a> {
    connection: &'a Connection,
    held: &'a Held,
    wanted: &'a Arc<Wanted>,
    running: &'a Running,
    backwards: bool,
}

impl Search<'_> {
    async fn pass(
        &self,
        pass: Pass,
        report: &mut Report,
        looked_at: &mut u64,
    ) -> Result<Option<(u64, usize)>> {
        let pass = Arc::new(pass);
        let mut until = pass.until.unwrap_or(u64::MAX);
        if self.backwards {
            // The last row comes first: it has to be known.
            self.until_end(&mut until).await?;
        }
        let (mut low, mut high) = (pass.from, until);
        while low < high {
            self.running.cancel.check()?;
            if !self.backwards && !self.running.until_stopped(self.held.until_more_than(low)).await? {
                break;
            }
            let (known, complete) = self.held.known();
            let high_now = high.min(known);
            let rows = SCAN_ROWS.min(high_now.saturating_sub(low)).max(1);
            let first = if self.backwards { high_now.saturating_sub(rows).max(low) } else { low };
            let (held, wanted, pass) = (self.held.clone(), Arc::clone(self.wanted), Arc::clone(&pass));
            let backwards = self.backwards;
            let look = move || {
                let block = held.read(first, rows)?;
                Ok((block.num_rows() as u64, pass.look(&block, first, &wanted, backwards)))
            };
            let (read, found) = self.connection.shared.executor.run_blocking(look).await?;
            if found.is_some() {
                return Ok(found);
            }
            *looked_at += read;
            report.at(*looked_at, complete.then_some(known));
            if self.backwards {
                high = first;
            } else {
                low += read.max(1);
            }
        }
        Ok(None)
    }

    async fn until_end(&self, until: &mut u64) -> Result<()> {
        let mut known = 0;
        while known < *until && self.running.until_stopped(self.held.until_more_than(known)).await? {
            known = self.held.known().0;
        }
        *until = (*until).min(known);
        Ok(())
    }
}

/// The rows to go over, as stretches.
fn stretches(rows: &RowChoice) -> Vec<(u64, Option<u64>)> {
    match rows {
        RowChoice::All => vec![(0, None)],
        RowChoice::Numbers(numbers) => {
            let mut stretches: Vec<(u64, Option<u64>)> = Vec::new();
            for number in numbers {
                match stretches.last_mut() {
                    Some((_, Some(until))) if *until == *number => *until += 1,
                    _ => stretches.push((*number, Some(number + 1))),
                }
            }
            stretches
        }
    }
}

fn projection(columns: &[u32], held: &Held) -> Vec<usize> {
    let all = held.schema().fields().len();
    if columns.is_empty() {
        return (0..all).collect();
    }
    columns.iter().map(|c| *c as usize).filter(|c| *c < all).collect()
}

/// Takes rows block by block, on a thread that may wait.
trait Taker: Send + 'static {
    fn take(&mut self, block: &RecordBatch) -> Result<()>;
}

async fn each_block<T: Taker>(
    (connection, held, running): (&Connection, &Held, &Running),
    rows: &RowChoice,
    columns: Vec<usize>,
    mut taker: T,
    report: &mut Report,
) -> Result<(T, u64)> {
    let mut done = 0;
    for (mut at, until) in stretches(rows) {
        let until = until.unwrap_or(u64::MAX);
        let mut size = SCAN_ROWS;
        while at < until && running.until_stopped(held.until_more_than(at)).await? {
            running.cancel.check()?;
            let (own, columns, wanted) = (held.clone(), columns.clone(), size.min(until - at));
            let work = move || {
                let block = own.read(at, wanted)?;
                let next = own.block_rows(&block);
                let rows = block.num_rows() as u64;
                let block = block.project(&columns).map_err(|e| Error::internal(e.to_string()))?;
                taker.take(&block)?;
                Ok((taker, rows, next))
            };
            let (back, read, next) = connection.shared.executor.run_blocking(work).await?;
            taker = back;
            at += read.max(1);
            done += read;
            size = next;
            let (known, complete) = held.known();
            report.at(done, (complete && *rows == RowChoice::All).then_some(known));
        }
    }
    Ok((taker, done))
}

struct Copying {
    encoder: CopyEncoder,
    sink: CopySink,
}

impl Taker for Copying {
    fn take(&mut self, block: &RecordBatch) -> Result<()> {
        let mut cells = Vec::with_capacity(block.num_columns());
        let mut out = Vec::new();
        for row in 0..block.num_rows() {
            cells.clear();
            let columns = block.columns().iter().zip(block.schema_ref().fields());
            cells.extend(columns.map(|(array, field)| value_at(array, field, row)));
            self.encoder.row(&mut out, &cells);
        }
        self.sink.write(&out)
    }
}

/// Encodes rows for the clipboard; what is too long for it goes to a file.
pub(in crate::bus) async fn copy_rows(
    connection: &Connection,
    held: Held,
    request: CopyRequest,
    reply: &Reply,
    running: &Running,
) -> Result<Summary> {
    let columns = projection(&request.columns, &held);
    let all = columns_of(held.base());
    let named = columns.iter().filter_map(|c| all.get(*c).cloned()).collect();
    let single = matches!(&request.rows, RowChoice::Numbers(numbers) if numbers.len() == 1);
    let encoder = CopyEncoder::new(request.format, named, &request.table, single);
    let folder = connection.shared.options.temp_dir.clone();
    let mut sink = CopySink::new(folder, request.format, request.most_bytes);
    let mut out = Vec::new();
    encoder.start(&mut out);
    sink.write(&out)?;
    let mut report = Report::new("copy", reply);
    let place = (connection, &held, running);
    let taker = Copying { encoder, sink };
    let (taker, rows) = each_block(place, &request.rows, columns, taker, &mut report).await?;
    let Copying { encoder, mut sink } = taker;
    let mut out = Vec::new();
    encoder.finish(&mut out);
    sink.write(&out)?;
    let copied: Copied = sink.finish(rows)?;
    reply.send(EventBody::Copied(copied)).await?;
    Ok(Summary { verb: "COPY".to_owned(), rows, ..Summary::default() })
}

impl Taker for ExportWriter {
    fn take(&mut self, block: &RecordBatch) -> Result<()> {
        self.write(block)
    }
}

/// Writes the rows of a held result to a file.
pub(in crate::bus) async fn export_rows(
    connection: &Connection,
    held: Held,
    (file, format, replace): (PathBuf, Option<FileFormat>, bool),
    columns: &[u32],
    reply: &Reply,
    running: &Running,
) -> Result<Summary> {
    check_free(&file, replace)?;
    let columns = projection(columns, &held);
    let schema = held.schema().project(&columns).map_err(|e| Error::internal(e.to_string()))?;
    let mut report = Report::new(&format!("export {}", file.display()), reply);
    let writer = ExportWriter::new(&file, format, &Arc::new(schema))?;
    let place = (connection, &held, running);
    let (writer, _) = each_block(place, &RowChoice::All, columns, writer, &mut report).await?;
    let note = writer.note();
    let rows = connection.shared.executor.run_blocking(move || writer.finish()).await?;
    Ok(Summary { verb: "EXPORT".to_owned(), rows, truncated: false, note })
}
