//! How an algorithm runs: what may stop it, how many threads it has, and whom it tells how far it is.

use std::fmt;

use crate::graph::csr::Graph;
use crate::model::{CancelToken, Error, Result};

/// So many edges are looked at between two looks at the cancel token: well below a millisecond.
const EDGES_BETWEEN_CHECKS: u64 = 16_384;

/// Below so many edges further threads cost more than they bring; in tests they are used all the same.
const PARALLEL_EDGES: u64 = if cfg!(test) { 1 } else { 100_000 };

/// The same for a round of many.
const PARALLEL_ROUND_EDGES: u64 = if cfg!(test) { 1 } else { 1_000_000 };

/// Told how much of how much is done, from any thread.
pub type Progress<'a> = dyn Fn(u64, u64) + Sync + 'a;

/// How an algorithm runs. Its result does not depend on it.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Asks it to stop.
    pub cancel: &'a CancelToken,
    /// How many threads it may use, at least one.
    pub threads: usize,
    progress: Option<&'a Progress<'a>>,
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("cancel", &self.cancel).field("threads", &self.threads).finish()
    }
}

impl<'a> Run<'a> {
    /// On the calling thread, telling nobody.
    #[must_use]
    pub fn new(cancel: &'a CancelToken) -> Self {
        Self { cancel, threads: 1, progress: None }
    }

    /// With so many threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// Tells how far it is.
    #[must_use]
    pub fn with_progress(self, progress: &'a Progress<'a>) -> Self {
        Self { progress: Some(progress), ..self }
    }

    pub(super) fn report(&self, done: u64, total: u64) {
        if let Some(progress) = self.progress {
            progress(done, total);
        }
    }

    /// The first tick looks at the token.
    pub(super) fn ticker(&self) -> Ticker<'a> {
        Ticker { cancel: self.cancel, edges: EDGES_BETWEEN_CHECKS }
    }

    /// The same where threads meet after each round: with less to do in a round, the wait for the last of
    /// them, on a machine that has other work too, is longer than what they save.
    pub(super) fn threads_for_rounds(&self, edges: u64) -> usize {
        if edges < PARALLEL_ROUND_EDGES { 1 } else { self.threads }
    }

    /// So many threads as pay for work on so many edges.
    pub(super) fn threads_for(&self, edges: u64) -> usize {
        if edges < PARALLEL_EDGES { 1 } else { self.threads }
    }
}

/// Looks at the cancel token now and then.
pub(super) struct Ticker<'a> {
    cancel: &'a CancelToken,
    edges: u64,
}

impl Ticker<'_> {
    /// So many edges were looked at.
    #[inline]
    pub(super) fn tick(&mut self, edges: u64) -> Result<()> {
        self.edges += edges + 1;
        if self.edges >= EDGES_BETWEEN_CHECKS {
            self.edges = 0;
            self.cancel.check()?;
        }
        Ok(())
    }
}

/// That the number is a node.
pub(super) fn check_node(graph: &impl Graph, node: u32) -> Result<()> {
    if graph.is_live(node) { Ok(()) } else { Err(Error::not_found(format!("there is no node {node}"))) }
}
