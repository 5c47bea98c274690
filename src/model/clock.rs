//! The time of day, injected so that tests are deterministic.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the time of day.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now_micros(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    // The one place that asks the machine for the time of day.
    #[allow(clippy::disallowed_methods)]
    fn now_micros(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
        }
    }
}

/// A clock that stands at a time, or advances by a step at each look.
#[derive(Debug)]
pub struct FixedClock {
    now: AtomicI64,
    step_micros: i64,
}

impl FixedClock {
    /// A clock that shows `start_micros` first and `step_micros` more each time.
    #[must_use]
    pub fn new(start_micros: i64, step_micros: i64) -> Self {
        Self { now: AtomicI64::new(start_micros), step_micros }
    }
}

impl Clock for FixedClock {
    fn now_micros(&self) -> i64 {
        self.now.fetch_add(self.step_micros, Ordering::Relaxed)
    }
}
