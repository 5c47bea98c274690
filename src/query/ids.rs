//! The ids of records by their handles.

use std::collections::HashMap;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use uuid::Uuid;

use crate::columnar::{Chunks, Source};
use crate::model::{CancelToken, Error, Result, RowId};
use crate::storage::{CHUNK_ROWS, View};

/// So many chunks are held at most.
const HELD: usize = 256;

/// Looks ids up, chunk by chunk.
pub struct Ids<'a> {
    chunks: &'a Chunks,
    view: &'a View,
    cancel: &'a CancelToken,
    held: HashMap<u64, HashMap<u64, Uuid>>,
}

impl<'a> Ids<'a> {
    /// The ids that a view has.
    #[must_use]
    pub fn new(chunks: &'a Chunks, view: &'a View, cancel: &'a CancelToken) -> Self {
        Self { chunks, view, cancel, held: HashMap::new() }
    }

    /// The id of a record.
    ///
    /// # Errors
    /// `Internal` where there is none; `Cancelled`; `Corrupt`, `Io`.
    pub fn of(&mut self, row: RowId) -> Result<Uuid> {
        let chunk = row.0 / CHUNK_ROWS;
        if !self.held.contains_key(&chunk) {
            if self.held.len() >= HELD {
                self.held.clear();
            }
            let flushed = self.flushed(RowId(chunk * CHUNK_ROWS))?;
            self.held.insert(chunk, flushed);
        }
        if let Some(id) = self.held.get(&chunk).and_then(|ids| ids.get(&row.0)) {
            return Ok(*id);
        }
        // Written since the last flush.
        let mut id = None;
        self.view.read(row, &mut |record| {
            id = Some(record.id());
            Ok(())
        })?;
        id.ok_or_else(|| Error::internal(format!("no record at {row:?}")))
    }

    fn flushed(&self, first: RowId) -> Result<HashMap<u64, Uuid>> {
        let sources = [Source::Row, Source::Id];
        let arrays = self.chunks.read(self.view, first, &sources, self.cancel)?;
        let Some([rows, ids]) = arrays.as_deref() else { return Ok(HashMap::new()) };
        let (rows, ids) = (rows.as_primitive_opt::<UInt64Type>(), ids.as_string_view_opt());
        let Some((rows, ids)) = rows.zip(ids) else { return Ok(HashMap::new()) };
        let pairs = rows.values().iter().zip(ids.iter());
        Ok(pairs.filter_map(|(row, id)| Some((*row, Uuid::parse_str(id?).ok()?))).collect())
    }
}
