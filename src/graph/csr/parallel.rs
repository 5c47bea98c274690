//! Sharing work among threads.
//!
//! What is done is cut into the same items whatever the number of threads, and results come in the
//! order of the items; so sums of floating-point numbers are the same with one thread and with many.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::{Error, Result};

/// Ranges are no shorter than this; in tests short, so that small graphs have several.
const LEAST_RANGE: u32 = if cfg!(test) { 64 } else { 1024 };

/// Works on each item and gives the results in order of the items. After an error no further item is
/// begun.
///
/// # Errors
/// What the work fails with: with one thread the first item's, with several one of those that failed.
pub(in crate::graph) fn map<T: Send, R: Send>(
    threads: usize,
    items: Vec<T>,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let items: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    let parts = with_state(threads, items, Vec::new, |done: &mut Vec<(usize, R)>, (place, item)| {
        done.push((place, work(item)?));
        Ok(())
    })?;
    let mut results: Vec<(usize, R)> = parts.into_iter().flatten().collect();
    results.sort_unstable_by_key(|(place, _)| *place);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Works on each item with a state of each thread, and gives the states. Which items met in a state
/// depends on the threads: the states must be such that their sum does not.
///
/// # Errors
/// As for [`map`].
pub(in crate::graph) fn with_state<T: Send, S: Send>(
    threads: usize,
    items: Vec<T>,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        let mut own = state();
        items.into_iter().try_for_each(|item| work(&mut own, item))?;
        return Ok(vec![own]);
    }
    let (queue, failed) = (Mutex::new(items.into_iter()), AtomicBool::new(false));
    let worker = || {
        let mut own = state();
        while !failed.load(Ordering::Relaxed) {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(item) = next else { break };
            if let Err(error) = work(&mut own, item) {
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(own)
    };
    std::thread::scope(|scope| {
        // A thread that cannot be had is one less: the others empty the queue.
        let helpers: Vec<_> = (1..threads)
            .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, worker).ok())
            .collect();
        let mut states = vec![worker()];
        states.extend(helpers.into_iter().map(|helper| {
            helper.join().unwrap_or_else(|_| Err(Error::internal("a thread of a graph algorithm panicked")))
        }));
        states.into_iter().collect()
    })
}

/// The numbers `0..bound` cut into ranges that begin at multiples of 64; the cuts depend on the bound
/// alone.
pub(in crate::graph) fn ranges(bound: u32) -> Vec<Range<u32>> {
    let step = (bound / 256).max(LEAST_RANGE).next_multiple_of(64);
    let starts = (0..bound).step_by(step as usize);
    starts.map(|start| start..start.saturating_add(step).min(bound)).collect()
}

/// A slice with a value for each of `0..bound` cut as [`ranges`] cuts the numbers.
pub(in crate::graph) fn slices<T>(values: &mut [T]) -> Vec<(Range<u32>, &mut [T])> {
    let ranges = ranges(values.len() as u32);
    let mut rest = values;
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (part, after) = rest.split_at_mut(range.len().min(rest.len()));
        parts.push((range, part));
        rest = after;
    }
    parts
}
