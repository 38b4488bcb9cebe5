//! From a duration to a point in time, once, at the edge of the crate: inside there is only `Option<Instant>`.

use std::time::{Duration, Instant};

/// How a wait ended that could have run out of time.
///
/// # Examples
///
/// ```
/// use slotsync::{Outcome, Semaphore, SharedBuffer};
/// use std::time::Duration;
///
/// let buffer = SharedBuffer::new(4)?;
/// let semaphore = Semaphore::new(&buffer, 0)?;
/// assert_eq!(semaphore.acquire_for(Duration::from_millis(1)), Outcome::TimedOut);
/// semaphore.release(1)?;
/// assert_eq!(semaphore.acquire_for(Duration::from_millis(1)), Outcome::Done);
/// # Ok::<(), slotsync::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the wait may have run out of time"]
pub enum Outcome {
    /// What was waited for has come.
    Done,
    /// The deadline passed, and it had not come.
    TimedOut,
}

impl Outcome {
    /// Has it come?
    #[inline]
    pub fn is_done(self) -> bool {
        self == Self::Done
    }

    /// Did the time run out?
    #[inline]
    pub fn is_timed_out(self) -> bool {
        self == Self::TimedOut
    }
}

/// When a wait that starts now and lasts `timeout` ends. `None` is never: a point in time that the clock cannot
/// represent will not come.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Has the time come? Asks the clock only if there is a deadline.
pub(crate) fn has_passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| remaining(deadline).is_zero())
}

/// How long to go: zero once it has passed.
pub(crate) fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
