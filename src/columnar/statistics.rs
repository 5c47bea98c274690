//! What is known of a whole column, from what is known of its chunks.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::{RowId, TypeId};
use crate::storage::{CHUNK_ROWS, View};

use super::chunks::Chunks;
use super::known::Bounds;
use super::sketch::Sketch;
use super::source::Source;

/// What is known of a column's flushed cells: enough to estimate with, and no more.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStatistics {
    /// The cells that it is made from; there may be more.
    pub rows: u64,
    /// How many of them are NULL.
    pub nulls: u64,
    /// The lowest and the highest value among them. No bounds of the column where the cells are not all.
    pub bounds: Option<Bounds>,
    /// How many different values they have, roughly.
    pub distinct: Option<u64>,
    /// Whether the cells are all that were flushed.
    pub complete: bool,
}

/// What was found out, as long as it holds.
#[derive(Debug, Default)]
pub(super) struct Statistics(Mutex<HashMap<(TypeId, Source), Found>>);

#[derive(Debug)]
struct Found {
    /// Of the flushed rows.
    state: u64,
    /// Whether all chunks were known.
    complete: bool,
    statistics: Option<Arc<ColumnStatistics>>,
}

impl Chunks {
    /// What is known of a column of a type as a view has it; nothing where less than half of its chunks were read.
    #[must_use]
    pub fn statistics(&self, view: &View, type_id: TypeId, source: Source) -> Option<Arc<ColumnStatistics>> {
        let (end, state) = view.flushed_state(type_id).ok()?;
        let mut kept = self.statistics.0.lock();
        if let Some(found) = kept.get(&(type_id, source))
            && found.state == state
            && found.complete
        {
            return found.statistics.clone();
        }
        let (statistics, complete) = self.fold(view, type_id, source, end);
        let statistics = statistics.map(Arc::new);
        kept.insert((type_id, source), Found { state, complete, statistics: statistics.clone() });
        statistics
    }

    fn fold(
        &self,
        view: &View,
        type_id: TypeId,
        source: Source,
        end: u64,
    ) -> (Option<ColumnStatistics>, bool) {
        let mut all = ColumnStatistics { rows: 0, nulls: 0, bounds: None, distinct: None, complete: false };
        let (mut distinct, mut bounded) = (Some(Sketch::default()), true);
        let (mut chunks, mut known_chunks) = (0_u64, 0_u64);
        for first in (0..end).step_by(CHUNK_ROWS as usize) {
            chunks += 1;
            let Some(known) = self.known(view, RowId::new(type_id, first), source) else { continue };
            known_chunks += 1;
            all.rows += known.rows;
            all.nulls += known.nulls;
            match &known.bounds {
                Some(bounds) => all.bounds = Some(wider(all.bounds.take(), bounds)),
                None => bounded &= known.nulls == known.rows,
            }
            match (&mut distinct, &known.distinct) {
                (Some(distinct), Some(more)) => distinct.merge(more),
                _ => distinct = None,
            }
        }
        if !bounded {
            all.bounds = None;
        }
        all.distinct = distinct.map(|sketch| sketch.estimate());
        all.complete = known_chunks == chunks;
        (((known_chunks * 2 > chunks) && all.rows > 0).then_some(all), known_chunks == chunks)
    }
}

fn wider(bounds: Option<Bounds>, other: &Bounds) -> Bounds {
    match bounds {
        None => other.clone(),
        Some((mut low, mut high)) => {
            if other.0 < low {
                low = other.0.clone();
            }
            if other.1 > high {
                high = other.1.clone();
            }
            (low, high)
        }
    }
}
