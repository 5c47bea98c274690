//! Columns of chunks on the disk: as Arrow's IPC format has them, written behind the back of those who made them.
//!
//! What a query makes is offered; a thread of its own writes it once there is enough for a file, or nothing more comes
//! for a while, or the database is closed. Whoever offers never waits: past a limit of memory, which is a part of that
//! of all caches, nothing is taken any more. The closing waits for the rest, for at most [`CLOSING`].
//!
//! A column is a stream of one batch of one column. What is known of it stands beside it, to be known without it. What is read is not trusted: its checksum was right, and still its shape, its type and its length are checked,
//! and a panic of the decoder is contained.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use parking_lot::{Condvar, Mutex};

use crate::model::RowId;
use crate::storage::{CHUNK_ROWS, ChunkVersion, Spill, SpillColumn, SpillStats, View, contain};

use super::chunks::Column;
use super::known::Known;
use super::source::Source;

/// Columns of fewer rows are as fast to make as to read.
const ROWS_MIN: usize = 1024;
/// So much goes into a file, where as much more may wait meanwhile.
const FILE_BYTES_MAX: usize = 32 << 20;
/// Less than a file is written when nothing came for so long.
const IDLE: Duration = Duration::from_secs(2);
/// How long the closing of a database waits for columns to be written.
const CLOSING: Duration = Duration::from_millis(1000);

/// The columns on the disk, and those that are to go there.
pub(super) struct Spilled {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    spill: Spill,
    /// What may wait to be written, with what is being written.
    max_bytes: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// What waits to be written, and is being written: memory beside the columns that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpillQueueStats {
    /// Columns.
    pub columns: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes they may take.
    pub max_bytes: u64,
    /// Columns that there was no room for since the opening.
    pub refused: u64,
}

/// A column that waits to be written, and which one it is.
type Offered = ((RowId, Source), Arc<Column>);

#[derive(Default)]
struct Queue {
    waiting: HashMap<(RowId, Source), Arc<Column>>,
    bytes: usize,
    /// What the thread has taken and not written yet: columns, and their bytes.
    writing: (usize, usize),
    refused: u64,
    /// When nothing more is to be written.
    until: Option<Instant>,
}

impl Spilled {
    /// What is kept on the disk, where so many bytes may wait for it.
    pub(super) fn new(spill: Spill, max_bytes: u64) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let shared = Shared { spill, max_bytes, queue: Mutex::default(), changed: Condvar::new() };
        Self { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    pub(super) fn stats(&self) -> SpillStats {
        self.shared.spill.stats()
    }

    pub(super) fn queue_stats(&self) -> SpillQueueStats {
        let queue = self.shared.queue.lock();
        let (columns, bytes) = queue.writing;
        SpillQueueStats {
            columns: (queue.waiting.len() + columns) as u64,
            bytes: (queue.bytes + bytes) as u64,
            max_bytes: self.shared.max_bytes as u64,
            refused: queue.refused,
        }
    }

    /// Whether a column is there.
    pub(super) fn has(&self, first: RowId, version: ChunkVersion, source: Source) -> bool {
        version.is_durable() && self.shared.spill.has(first, version, &source.spilled_name())
    }

    /// What is known of a column that is there.
    pub(super) fn known(&self, first: RowId, version: ChunkVersion, source: Source) -> Option<Arc<Known>> {
        if !version.is_durable() {
            return None;
        }
        let note = self.shared.spill.note(first, version, &source.spilled_name())?;
        Known::decode(&note, &source.data_type()).map(Arc::new)
    }

    /// A column that is there and whole.
    pub(super) fn read(&self, first: RowId, version: ChunkVersion, source: Source) -> Option<Arc<Column>> {
        if !version.is_durable() {
            return None;
        }
        let (bytes, note) = self.shared.spill.read(first, version, &source.spilled_name())?;
        let (length, data_type) = (bytes.len(), source.data_type());
        let known = Known::decode(&note, &data_type);
        let Some((array, known)) = decode(bytes, &data_type).zip(known) else {
            self.forget(first, source);
            return None;
        };
        Some(Arc::new(Column::spilled(version, array, Arc::new(known), length)))
    }

    /// Drops a column that is not what it should be.
    pub(super) fn forget(&self, first: RowId, source: Source) {
        self.shared.spill.forget(first, &source.spilled_name());
    }

    /// Takes a column to write it, where it is worth it and there is room.
    pub(super) fn offer(&self, first: RowId, source: Source, column: &Arc<Column>) {
        let Some(array) = column.array() else { return };
        if array.len() < ROWS_MIN || !column.version().is_durable() || !self.shared.spill.is_writable() {
            return;
        }
        let mut queue = self.shared.queue.lock();
        if queue.until.is_some() {
            return;
        }
        if queue.bytes + queue.writing.1 + column.bytes() > self.shared.max_bytes {
            queue.refused += 1;
            return;
        }
        let is_first = queue.bytes == 0;
        queue.bytes += column.bytes();
        if let Some(before) = queue.waiting.insert((first, source), Arc::clone(column)) {
            queue.bytes = queue.bytes.saturating_sub(before.bytes());
        }
        let is_enough = queue.bytes >= self.shared.file_bytes();
        drop(queue);
        if is_first || is_enough {
            self.shared.changed.notify_one();
        }
        self.start();
    }

    /// Writes what waits, in a bounded time, and takes nothing any more.
    pub(super) fn finish(&self, view: &View) {
        self.shared.queue.lock().until.get_or_insert_with(|| Instant::now() + CLOSING);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
            self.shared.spill.sweep(view);
        }
    }

    fn start(&self) {
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let named = std::thread::Builder::new().name("aresadb-spill".to_owned());
            // Where there is no thread nothing is kept for the next opening.
            *thread = named.spawn(move || shared.keep_writing()).ok();
        }
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        // Whoever drops it without `finish` does not wait for it.
        self.shared.queue.lock().until.get_or_insert_with(Instant::now);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// So much is written at once: while it is, as much may come.
    fn file_bytes(&self) -> usize {
        FILE_BYTES_MAX.min(self.max_bytes / 2)
    }

    /// What the thread does until the end.
    fn keep_writing(&self) {
        loop {
            let (columns, until) = self.next();
            let stop = || match until {
                Some(until) => Instant::now() >= until,
                None => self.queue.lock().until.is_some_and(|until| Instant::now() >= until),
            };
            if !columns.is_empty() {
                let encoded = columns.into_iter().filter_map(|((first, source), column)| {
                    Some(SpillColumn {
                        first,
                        version: column.version(),
                        name: source.spilled_name(),
                        note: column.known()?.encode(),
                        bytes: encode(column.array()?)?,
                    })
                });
                self.spill.write(encoded, &stop);
                self.queue.lock().writing = (0, 0);
            }
            if until.is_some() {
                return;
            }
        }
    }

    /// Waits for enough columns, or for no more to come. With them, the end that was set.
    fn next(&self) -> (Vec<Offered>, Option<Instant>) {
        let mut queue = self.queue.lock();
        loop {
            let before = queue.bytes;
            match queue.until {
                None if before == 0 => self.changed.wait(&mut queue),
                None if before < self.file_bytes() => drop(self.changed.wait_for(&mut queue, IDLE)),
                _ => {}
            }
            let is_idle = queue.bytes == before && before > 0;
            if queue.until.is_some() || queue.bytes >= self.file_bytes() || is_idle {
                queue.writing = (queue.waiting.len(), std::mem::take(&mut queue.bytes));
                let mut columns: Vec<_> = queue.waiting.drain().collect();
                // As a scan reads them.
                columns.sort_unstable_by_key(|((first, _), _)| *first);
                return (columns, queue.until);
            }
        }
    }
}

fn encode(array: &ArrayRef) -> Option<Vec<u8>> {
    let schema = Arc::new(Schema::new(vec![Field::new("", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(array)]).ok()?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).ok()?;
    writer.write(&batch).ok()?;
    writer.into_inner().ok()
}

/// The column of a stream, where it is one of the type.
fn decode(bytes: Vec<u8>, data_type: &DataType) -> Option<ArrayRef> {
    let mut buffer = Buffer::from_vec(bytes);
    // The decoder slices buffers by lengths it has read.
    let batch = contain(move || StreamDecoder::new().decode(&mut buffer)).ok()?.ok()??;
    let [array] = batch.columns() else { return None };
    let fits = array.data_type() == data_type && array.len() as u64 <= CHUNK_ROWS;
    fits.then(|| Arc::clone(array))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn a_column_comes_back_as_it_was_and_what_is_damaged_does_not() {
        let texts = (0..2000).map(|i| (i % 7 != 0).then(|| format!("a text with its number, {i}")));
        let array: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
        let bytes = encode(&array).unwrap();
        assert_eq!(&decode(bytes.clone(), array.data_type()).unwrap(), &array);
        assert!(decode(bytes.clone(), &DataType::Int64).is_none());
        for length in (0..bytes.len()).step_by(37) {
            let cut = decode(bytes[..length].to_vec(), array.data_type());
            assert!(cut.is_none_or(|cut| *cut == *array), "cut to {length}");
        }
        // The decoder meets lengths that are too large, and its panics stay inside.
        for at in 0..1200.min(bytes.len()) {
            let mut hostile = bytes.clone();
            hostile[at] ^= 0xff;
            let _ = decode(hostile, array.data_type());
        }
    }
}
