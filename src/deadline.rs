//! From a duration to a point in time, once, at the edge of the crate: inside there is only `Option<Instant>`.

use std::time::{Duration, Instant};

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
