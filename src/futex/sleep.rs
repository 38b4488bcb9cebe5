//! What the platform files and everything above them speak of: scopes, outcomes and classes.

use crate::deadline;
use core::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The agents that can sleep on a word and wake its sleepers.
///
/// The scope is a property of the memory, so a [`Slot`](crate::Slot) carries it. Agents must never wait on a word in one
/// scope and wake its waiters in the other: the two do not meet, and the wakeup is lost.
///
/// # Examples
///
/// ```
/// use slotsync::{Scope, SharedBuffer};
///
/// assert_eq!(SharedBuffer::new(4)?.scope(), Scope::Private);
/// # Ok::<(), slotsync::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The threads of this process. The kernel finds the sleepers by virtual address, which is a little faster.
    Private,
    /// Every process that maps the memory, each at whatever address.
    Shared,
}

/// The outcome of a wait on a word.
///
/// # Examples
///
/// ```
/// use slotsync::{SharedBuffer, Wait};
/// use std::time::Duration;
///
/// let buffer = SharedBuffer::new(4)?;
/// let slot = buffer.slot(0)?;
/// assert_eq!(slot.wait_for(7, Duration::from_secs(1)), Wait::NotEqual);
/// assert_eq!(slot.wait_for(0, Duration::ZERO), Wait::TimedOut);
/// # Ok::<(), slotsync::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a wait may end without a wake, and without the word having changed"]
pub enum Wait {
    /// A wake came, or the wait ended for no known reason (a *spurious* wakeup).
    Woken,
    /// The word did not hold the expected value, so there was no sleep.
    NotEqual,
    /// The deadline passed.
    TimedOut,
}

/// The outcome of one sleep. It tells more than a [`Wait`], for primitives that must know where a wake went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// A wake was spent on this sleeper, unless the system woke it for no reason.
    Woken,
    /// The word did not hold the expected value.
    NotEqual,
    /// The deadline passed. On some systems that may have swallowed a wake.
    TimedOut { perhaps_woken: bool },
    /// A signal handler ran, and no wake was spent on this sleeper.
    Interrupted,
    /// The slice is over: time to look at the word. Nobody is known to have sent a wake; on some systems one may be swallowed.
    SliceOver { perhaps_woken: bool },
}

impl Sleep {
    pub(crate) fn is_timed_out(self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Returns `true` if a wake may have been spent on this sleeper that another would need now.
    pub(crate) fn may_have_taken_a_wake(self) -> bool {
        matches!(self, Self::Woken | Self::TimedOut { perhaps_woken: true } | Self::SliceOver { perhaps_woken: true })
    }
}

/// A class of the sleepers on one word. Where the platform tells classes apart, a wake reaches only sleepers of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(NonZeroU32);

impl Class {
    /// Every class.
    pub(crate) const ANY: Self = Self(NonZeroU32::MAX);
    pub(crate) const READERS: Self = Self(NonZeroU32::new(1).unwrap());
    pub(crate) const WRITERS: Self = Self(NonZeroU32::new(2).unwrap());

    /// Returns the bits by which the kernel tells classes apart.
    #[allow(dead_code, reason = "for the systems that know classes")]
    pub(super) fn bits(self) -> NonZeroU32 {
        self.0
    }

    /// Returns `true` if a wake of one class reaches a sleeper of the other.
    #[allow(dead_code, reason = "the kernel knows, and only the doubles ask")]
    pub(super) fn meets(self, other: Self) -> bool {
        self.0.get() & other.0.get() != 0
    }
}

/// Answers for a wait that the system refuses for an unexpected reason (`ENOSYS` or `EPERM` under a system-call filter,
/// `EFAULT` for a page that a peer cut off). It returns spuriously after a short sleep, so that the loop around the wait
/// polls and does not burn a processor.
#[allow(dead_code, reason = "for the systems that can refuse a wait")]
#[cold]
pub(super) fn refused(deadline: Option<Instant>) -> Sleep {
    const POLL: Duration = Duration::from_millis(1);
    std::thread::sleep(deadline.map_or(POLL, |deadline| POLL.min(deadline::remaining(deadline))));
    if deadline::has_passed(deadline) { Sleep::TimedOut { perhaps_woken: false } } else { Sleep::Interrupted }
}
