//! The threads that plan and run statements.
//!
//! Planning recurses over the syntax tree, so its threads have large stacks; the limits of
//! `query::statement` bound how deep it can go. The memory is reserved, not used, until it is needed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::model::{Error, Result};

const STACK_BYTES: usize = 64 << 20;

/// How long the threads are waited for at the end; work that cannot be stopped ends by itself.
const PATIENCE: Duration = Duration::from_millis(100);

/// A pool of threads. Clones share it; the last one dropped lets it wind down.
#[derive(Debug, Clone)]
pub struct Executor(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Runtime>, Handle);

impl Drop for Owned {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else { return };
        // Waiting is not allowed inside async code. Elsewhere a moment is given to the threads: one that is let go just
        // as it ends can bring the process down, for glibc looks at it once more (its bug 19951).
        match Handle::try_current() {
            Ok(_) => runtime.shutdown_background(),
            Err(_) => runtime.shutdown_timeout(PATIENCE),
        }
    }
}

impl Executor {
    /// Starts a pool for statements. It has more workers than cores: a statement that was left can
    /// hold its workers until its operator yields, and the next one must not wait for that.
    ///
    /// # Errors
    /// `Io` when the threads cannot be started.
    pub fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self::with_workers(cores * 4)
    }

    /// Starts a pool with this many workers.
    ///
    /// # Errors
    /// `Io` when the threads cannot be started.
    pub fn with_workers(workers: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.max(1))
            .thread_stack_size(STACK_BYTES)
            .thread_name("aresadb")
            .enable_all()
            .build()
            .map_err(|e| Error::io("start worker threads", &e))?;
        let handle = runtime.handle().clone();
        Ok(Self(Arc::new(Owned(Some(runtime), handle))))
    }

    /// Runs a future in the background.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.1.spawn(future)
    }

    /// Runs blocking work on a thread of its own.
    pub fn spawn_blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        self.0.1.spawn_blocking(work)
    }

    /// Waits for a future on this thread. Not for async code.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.1.block_on(future)
    }

    /// Runs a future on the pool and waits for it in async code of any runtime.
    ///
    /// # Errors
    /// What the future fails with; `Internal` when it panicked.
    pub async fn run<T, F>(&self, future: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        joined(self.spawn(future).await)
    }

    /// Runs blocking work on the pool and waits for it in async code of any runtime.
    ///
    /// # Errors
    /// What the work fails with; `Internal` when it panicked.
    pub async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        joined(self.spawn_blocking(work).await)
    }
}

fn joined<T>(result: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    match result {
        Ok(result) => result,
        Err(e) if e.is_cancelled() => Err(Error::cancelled()),
        Err(e) => Err(from_panic(e.into_panic().as_ref())),
    }
}

/// A panic as an error: the statement fails, the database stays usable.
pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::internal(format!("a defect of aresadb stopped the work: {text}"))
        .with_hint("please report it with the statement")
}

/// For a program's start: panics that are caught and told as errors print nothing; all others are
/// reported as before.
pub fn quiet_contained_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !crate::storage::panic_is_contained() {
            report(info);
        }
    }));
}
