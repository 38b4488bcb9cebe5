//! The errors of calls that can fail in one way only.

use core::fmt;

/// The time of a timed call ran out.
///
/// Every call whose name ends in `_for` or `_until` returns `Result<T, TimedOut>`, where `T` is what the call without a
/// deadline returns.
///
/// # Examples
///
/// ```
/// use slotsync::{Lock, SharedBuffer, TimedOut};
/// use std::time::Duration;
///
/// fn with_the_lock(lock: Lock<'_>) -> Result<(), TimedOut> {
///     let _guard = lock.lock_for(Duration::from_millis(1))?;
///     Ok(())
/// }
///
/// let buffer = SharedBuffer::new(4)?;
/// let lock = Lock::new(&buffer, 0)?;
/// assert_eq!(with_the_lock(lock), Ok(()));
/// let _guard = lock.lock();
/// assert_eq!(with_the_lock(lock), Err(TimedOut));
/// # Ok::<(), slotsync::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time ran out")
    }
}

impl std::error::Error for TimedOut {}

/// A lock that nobody holds was to be unlocked. It stays unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotHeld;

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is not held")
    }
}

impl std::error::Error for NotHeld {}

/// A semaphore was to have, or to give, more permits than its maximum. It stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TooManyPermits {
    /// The number of permits that there would be, or that were asked for.
    pub permits: u64,
    /// The maximum.
    pub max: u32,
}

impl fmt::Display for TooManyPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} permits exceed the maximum of {}", self.permits, self.max)
    }
}

impl std::error::Error for TooManyPermits {}

/// A latch was to be counted down below zero. It stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TooFewLeft {
    /// The number that was to be subtracted.
    pub count: u32,
    /// The count of the latch.
    pub left: u32,
}

impl fmt::Display for TooFewLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counting down by {} exceeds the {} that are left", self.count, self.left)
    }
}

impl std::error::Error for TooFewLeft {}

/// A [`Once`](crate::Once) did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnceError {
    /// The initializer has panicked, in this process or in another.
    Panicked,
    /// The once was reset while the caller's initializer ran. Another initializer may have run since.
    Superseded,
}

impl fmt::Display for OnceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked => "the initializer has panicked",
            Self::Superseded => "the once was reset while the initializer ran",
        })
    }
}

impl std::error::Error for OnceError {}
