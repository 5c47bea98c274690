//! A flag that asks work to stop, and a time by which it must be done.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Error, Result};

/// A shared request to stop; clones are one flag. Long work looks at it at least once a batch.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    flag: Arc<Flag>,
    /// When the time is up, and how long it was.
    deadline: Option<(Instant, Duration)>,
}

#[derive(Default)]
struct Flag {
    raised: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Who waits for the flag. A timer would not do: the threads that keep timers may all be busy with the work
/// that is to stop.
#[derive(Default)]
struct Waiting {
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flag").field(&self.raised).finish()
    }
}

impl CancelToken {
    /// A flag nobody has raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same flag for work that may take so long from now: past it the work stops as if the flag
    /// were raised, with an error that names the timeout. The flag itself stays as it is.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        let deadline = Instant::now().checked_add(timeout).map(|at| (at, timeout));
        Self { flag: Arc::clone(&self.flag), deadline: deadline.or(self.deadline) }
    }

    /// Asks for the stop. Raising it twice is harmless; it cannot be lowered.
    pub fn cancel(&self) {
        self.flag.raised.store(true, Ordering::SeqCst);
        let wakers = std::mem::take(&mut self.flag.waiting.lock().wakers);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Waits until the stop is asked for; the time being up is not told.
    #[must_use]
    pub fn raised(&self) -> Raised {
        Raised { flag: Arc::clone(&self.flag), number: None }
    }

    /// When the time is up, if there is a limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.map(|(at, _)| at)
    }

    /// Whether the stop was asked for, or the time is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.flag.raised.load(Ordering::SeqCst) || self.deadline.is_some_and(|(at, _)| Instant::now() >= at)
    }

    /// For use with `?` inside loops.
    ///
    /// # Errors
    /// `Cancelled` once the stop was asked for, `TimedOut` once the time is up.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(self.error()) } else { Ok(()) }
    }

    /// The error of work that stops for it.
    #[must_use]
    pub fn error(&self) -> Error {
        match self.deadline {
            Some((_, timeout)) if !self.flag.raised.load(Ordering::SeqCst) => Error::new(
                super::ErrorKind::TimedOut,
                format!("the statement was stopped by its timeout of {}", shown(timeout)),
            )
            .with_hint("raise it with --timeout or SET statement_timeout, or ask for less"),
            _ => Error::cancelled(),
        }
    }
}

/// The future of [`CancelToken::raised`].
#[derive(Debug)]
pub struct Raised {
    flag: Arc<Flag>,
    /// Of its waker among those that wait.
    number: Option<u64>,
}

impl Future for Raised {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Made before and dropped after the lock is held: with a waker the last of a task may go, and with
        // that another one of these.
        let mut waker = context.waker().clone();
        let mut waiting = this.flag.waiting.lock();
        // Whoever raises it does so before it takes the lock for the wakers.
        if this.flag.raised.load(Ordering::SeqCst) {
            drop(waiting);
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            waiting.next += 1;
            waiting.next
        });
        match waiting.wakers.iter_mut().find(|(own, _)| *own == number) {
            Some((_, known)) => std::mem::swap(known, &mut waker),
            None => waiting.wakers.push((number, waker.clone())),
        }
        drop(waiting);
        Poll::Pending
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut waiting = self.flag.waiting.lock();
        let own = waiting.wakers.iter().position(|(other, _)| *other == number);
        let waker = own.map(|place| waiting.wakers.swap_remove(place));
        drop(waiting);
        drop(waker);
    }
}

/// `250 ms`, `3 s`, `1.5 s`.
fn shown(timeout: Duration) -> String {
    match timeout.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        _ => format!("{} s", timeout.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_stops_what_has_it_alone_and_names_itself() {
        let token = CancelToken::new();
        let limited = token.with_timeout(Duration::ZERO);
        assert!(limited.is_cancelled() && !token.is_cancelled());
        let error = limited.check().unwrap_err();
        assert_eq!((error.sqlstate(), error.message().contains("its timeout of 0 ms")), ("57014", true));
        assert!(token.with_timeout(Duration::MAX).check().is_ok());
        token.cancel();
        assert_eq!(limited.check().unwrap_err().message(), "cancelled");
    }

    #[test]
    fn who_waits_is_woken_once_it_is_raised_and_leaves_nothing() {
        let token = CancelToken::new();
        let (mut first, mut gone) = (Box::pin(token.raised()), Box::pin(token.clone().raised()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(gone.as_mut().poll(&mut context).is_pending());
        assert_eq!(token.flag.waiting.lock().wakers.len(), 2);
        drop(gone);
        assert_eq!(token.flag.waiting.lock().wakers.len(), 1);
        let waiting = std::thread::spawn({
            let token = token.with_timeout(Duration::from_secs(60));
            move || futures::executor::block_on(token.raised())
        });
        token.cancel();
        waiting.join().unwrap();
        assert!(first.as_mut().poll(&mut context).is_ready());
        assert!(token.flag.waiting.lock().wakers.is_empty());
    }
}
