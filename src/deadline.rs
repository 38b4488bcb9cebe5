//! The end of a wait: an instant, or never. Durations become instants once, at the edge of the crate.

use crate::error::TimedOut;
use core::convert::Infallible;
use std::time::{Duration, Instant};

/// When a wait ends, if what it waits for does not come.
///
/// A private step that waits is generic over this, and returns `Result<T, D::Elapsed>`: a plain call passes [`Never`] and
/// cannot get an error, so it has no answer to invent for one.
pub(crate) trait Deadline: Copy {
    /// What the wait returns when its time has run out.
    type Elapsed: Copy;

    /// Returns the instant to sleep until. `None` is forever.
    fn instant(self) -> Option<Instant>;

    /// Returns what to give up with, if there is a deadline at all.
    fn answer(self) -> Option<Self::Elapsed>;

    /// Returns what to give up with, if the time has run out.
    fn elapsed(self) -> Option<Self::Elapsed> {
        self.answer().filter(|_| has_passed(self.instant()))
    }

    /// Gives up if the time has run out.
    #[inline]
    fn check(self) -> Result<(), Self::Elapsed> {
        self.elapsed().map_or(Ok(()), Err)
    }
}

/// No deadline.
#[derive(Clone, Copy)]
pub(crate) struct Never;

impl Deadline for Never {
    type Elapsed = Infallible;

    #[inline]
    fn instant(self) -> Option<Instant> {
        None
    }

    #[inline]
    fn answer(self) -> Option<Infallible> {
        None
    }
}

/// A deadline on the monotonic clock. `None` lies beyond what the clock can represent, and never comes.
#[derive(Clone, Copy)]
pub(crate) struct By(Option<Instant>);

impl By {
    /// The deadline of a wait that begins now and lasts for `timeout`.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(after(timeout))
    }

    /// The deadline at `instant`.
    pub(crate) fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }
}

impl Deadline for By {
    type Elapsed = TimedOut;

    #[inline]
    fn instant(self) -> Option<Instant> {
        self.0
    }

    #[inline]
    fn answer(self) -> Option<TimedOut> {
        Some(TimedOut)
    }
}

/// Returns the instant `timeout` from now, or `None` if the clock cannot represent it.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Returns `true` if the deadline has passed. Reads the clock only if there is a deadline.
pub(crate) fn has_passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| remaining(deadline).is_zero())
}

/// Returns the time until the deadline: zero once it has passed.
pub(crate) fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
