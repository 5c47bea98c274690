//! A flag that asks work to stop, and a time by which it must be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Error, Result};

/// A shared request to stop; clones are one flag. Long work looks at it at least once a batch.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    raised: Arc<AtomicBool>,
    /// When the time is up, and how long it was.
    deadline: Option<(Instant, Duration)>,
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
        Self { raised: Arc::clone(&self.raised), deadline: deadline.or(self.deadline) }
    }

    /// Asks for the stop. Raising it twice is harmless; it cannot be lowered.
    pub fn cancel(&self) {
        self.raised.store(true, Ordering::Release);
    }

    /// Whether the stop was asked for, or the time is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.raised.load(Ordering::Acquire) || self.deadline.is_some_and(|(at, _)| Instant::now() >= at)
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
            Some((_, timeout)) if !self.raised.load(Ordering::Acquire) => Error::new(
                super::ErrorKind::TimedOut,
                format!("the statement was stopped by its timeout of {}", shown(timeout)),
            )
            .with_hint("raise it with --timeout or SET statement_timeout, or ask for less"),
            _ => Error::cancelled(),
        }
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
}
