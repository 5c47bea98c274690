//! Panics of the B-tree engine become errors here; panics of anything else pass.
//!
//! The engine asserts what it expects of its file. Checked blocks keep damage away from it, but a
//! database must answer with an error even where that was not enough. Only calls into the engine are
//! contained, never a visitor that runs between them: its panics are somebody else's. Readers of foreign
//! file formats are contained alike.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic on this thread would be turned into an error: for panic hooks, which then have
/// nothing to say.
#[must_use]
pub fn panic_is_contained() -> bool {
    DEPTH.with(Cell::get) > 0
}

struct Entered;

impl Entered {
    fn new() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Entered
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// Runs `call`; a panic in it comes back as its message.
///
/// What `call` touched may be in any state after a panic: the caller must stop using it.
pub(crate) fn contain<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    let _entered = Entered::new();
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".into())
}

/// A value of the engine whose end is contained too.
pub(super) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    pub(super) fn new(value: T) -> Self {
        Contained(Some(value))
    }

    /// The value; `None` only after [`Contained::forget`].
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// As [`Contained::get`], to change it.
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()
    }

    /// Leaks the value: for one that can no longer be trusted to end well.
    pub(super) fn forget(&mut self) {
        std::mem::forget(self.0.take());
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        // The file is as it was synced, whatever happens here: there is nobody to tell.
        let _ = contain(move || drop(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contained_panic_is_a_message_and_the_flag_ends_with_it() {
        assert!(!panic_is_contained());
        assert_eq!(contain(panic_is_contained), Ok(true));
        assert_eq!(contain(|| std::panic::panic_any("gone")), Err::<(), _>("gone".into()));
        assert!(!panic_is_contained());
    }

    #[test]
    fn a_panic_at_the_end_of_a_value_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("at the end");
            }
        }
        drop(Contained::new(Bomb));
        let mut forgotten = Contained::new(Bomb);
        forgotten.forget();
        assert!(forgotten.get().is_none());
    }
}
