//! The futex floor: sleep while a word holds a value, wake who sleeps on a word. One file per platform.
//!
//! The contract, which every platform file and both model doubles keep:
//!
//! - `wait` compares and goes to sleep in one step: no wake sent after the comparison is missed. It may return `Woken`
//!   for no reason at all, so a wait is always a `while`.
//! - `wake` uses the *address* of the word and never reads it. The memory may be gone, unmapped or reused by then, so
//!   every waiter must expect wakes that were meant for somebody else.
//! - Neither orders memory. What a waiter must see, it must acquire from the word itself.
//! - A sleeper on whom a wake was spent says `Woken`, also if its deadline passed meanwhile. A platform that cannot
//!   promise this says `perhaps_woken`.
//! - Wait and wake on one word use one scope: a private wake does not reach a shared waiter.

use crate::sync::{AtomicI32, Counter, Ordering::Relaxed};
use crate::{deadline, error::Error};
use core::num::NonZeroU32;
use crossbeam_utils::CachePadded;
use std::time::{Duration, Instant};

#[cfg(all(target_os = "freebsd", not(loom)))]
#[path = "freebsd.rs"]
mod platform;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
#[path = "linux.rs"]
mod platform;
#[cfg(loom)]
#[path = "loom.rs"]
pub mod platform;
#[cfg(all(target_os = "macos", not(loom)))]
#[path = "macos.rs"]
mod platform;
#[cfg(all(windows, not(loom)))]
#[path = "windows.rs"]
mod platform;

#[cfg(not(any(
    loom,
    windows,
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "macos"
)))]
compile_error!(
    "slotsync has no futex for this platform. A backend is one file in src/futex/ that provides \
     `SHARED: bool`, `wait(word, expected, deadline, scope, class) -> Sleep`, `wake(word, count, scope)`, \
     `wake_counted(word, count, scope) -> Option<u32>` and `wake_class(word, count, scope, class) -> Option<u32>`; see src/futex/linux.rs"
);

/// Who can sleep on a word and wake its sleepers.
///
/// The scope is a property of the memory, so a [`Slot`](crate::Slot) carries it. One word must never be waited for in
/// one scope and woken in the other: the two do not meet, and the wakeup is lost.
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

/// How a wait on a word ended.
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
    /// A wake came, or the wait ended for no reason that is known (a *spurious* wakeup).
    Woken,
    /// The word did not hold the expected value, so there was no sleep.
    NotEqual,
    /// The deadline passed.
    TimedOut,
}

/// How one sleep ended: more than a [`Wait`] tells, for primitives that must know where a wake went.
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
    /// Time to look at the word, see `SLICE`. Nobody is known to have sent a wake; on some systems one may be swallowed.
    SliceOver { perhaps_woken: bool },
}

impl Sleep {
    pub(crate) fn is_timed_out(self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// May a wake have been spent on this sleeper that another would need now?
    pub(crate) fn may_have_taken_a_wake(self) -> bool {
        matches!(self, Self::Woken | Self::TimedOut { perhaps_woken: true } | Self::SliceOver { perhaps_woken: true })
    }
}

/// Which of those who sleep on one word: where the platform tells them apart, a wake reaches only those of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(NonZeroU32);

impl Class {
    /// Everybody.
    pub(crate) const ANY: Self = Self(NonZeroU32::MAX);
    pub(crate) const READERS: Self = Self(NonZeroU32::new(1).unwrap());
    pub(crate) const WRITERS: Self = Self(NonZeroU32::new(2).unwrap());

    /// Does a wake of one class reach a sleeper of the other?
    #[cfg(loom)]
    fn meets(self, other: Self) -> bool {
        self.0.get() & other.0.get() != 0
    }
}

/// What this process has done on the futex floor since it started; see [`counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Sleeps: waits that ended by a wake or a time-out, not by a word that had changed. A wait of [`Scope::Shared`]
    /// that lasts for more than a second counts once a second.
    pub sleeps: usize,
    /// Waits of [`Scope::Shared`] that ended by a look at the word at the end of a slice, and not by a wake, as happens
    /// when a peer is killed between changing a word and waking its waiters.
    pub rescues: usize,
}

static SLEEPS: CachePadded<Counter> = CachePadded::new(Counter::new(0));
static RESCUES: CachePadded<Counter> = CachePadded::new(Counter::new(0));

/// How often this process slept and was rescued on the futex floor: for tests, and for those who watch a fleet.
///
/// The counters are process-local, wrap around, and are only ever counted up.
///
/// # Examples
///
/// ```
/// let before = slotsync::counters();
/// let buffer = slotsync::SharedBuffer::new(4)?;
/// let _ = buffer.slot(0)?.wait_for(0, std::time::Duration::from_millis(1));
/// assert!(slotsync::counters().sleeps > before.sleeps);
/// # Ok::<(), slotsync::Error>(())
/// ```
pub fn counters() -> Counters {
    Counters { sleeps: SLEEPS.load(Relaxed), rescues: RESCUES.load(Relaxed) }
}

/// Counts a wait that no wake ended, but a look at the end of a slice.
pub(crate) fn count_rescue() {
    RESCUES.fetch_add(1, Relaxed);
}

/// The longest that a shared sleep goes without looking at its word.
///
/// A peer that is killed between changing a word and waking its waiters would else leave them asleep forever.
const SLICE: Duration = Duration::from_secs(1);

/// Sleeps while `word` holds `expected`, until a wake, the deadline, or the end of a slice.
///
/// `NotEqual` wins over a deadline that has passed. A deadline that has passed does not sleep.
pub(crate) fn wait(word: &AtomicI32, expected: i32, deadline: Option<Instant>, scope: Scope, class: Class) -> Sleep {
    let slice = slice_end(deadline, scope);
    let sleep = platform::wait(word, expected, slice.or(deadline), scope, class);
    if sleep != Sleep::NotEqual {
        SLEEPS.fetch_add(1, Relaxed);
    }
    match sleep {
        Sleep::TimedOut { perhaps_woken } if slice.is_some() => Sleep::SliceOver { perhaps_woken },
        // Nobody set a time. To believe it would let a caller without a deadline go on as if it had been woken.
        Sleep::TimedOut { .. } if deadline.is_none() => Sleep::Interrupted,
        _ => sleep,
    }
}

/// When the next slice of a shared sleep ends, if that is before the deadline.
fn slice_end(deadline: Option<Instant>, scope: Scope) -> Option<Instant> {
    // A model has no killed peers, and no clock to slice by.
    if scope == Scope::Private || cfg!(loom) {
        return None;
    }
    let end = deadline::after(SLICE)?;
    deadline.is_none_or(|deadline| end < deadline).then_some(end)
}

/// Wakes up to `count` sleepers; 0 is no call.
#[inline]
pub(crate) fn wake(word: *const AtomicI32, count: u32, scope: Scope) {
    if count > 0 {
        platform::wake(word, count, scope);
    }
}

/// Wakes up to `count` sleepers and says how many there were, where the platform tells.
pub(crate) fn wake_counted(word: *const AtomicI32, count: u32, scope: Scope) -> Result<u32, Error> {
    if count == 0 {
        return Ok(0);
    }
    platform::wake_counted(word, count, scope).ok_or(Error::Unsupported { what: "counting the woken" })
}

/// Wakes up to `count` sleepers of a class and says how many there were. Where the platform knows no classes, or does not
/// tell, it wakes all of every class and says `None`.
pub(crate) fn wake_class(word: *const AtomicI32, count: u32, scope: Scope, class: Class) -> Option<u32> {
    platform::wake_class(word, count, scope, class)
}

/// Refuses a scope that this platform cannot reach.
#[inline]
pub(crate) fn check_scope(scope: Scope) -> Result<(), Error> {
    if scope == Scope::Shared && !platform::SHARED {
        return Err(Error::Unsupported { what: "waiting across processes" });
    }
    Ok(())
}

/// What a wait answers when the system refuses it for a reason that nobody expects (`ENOSYS` or `EPERM` under a
/// system-call filter, `EFAULT` for a page that a peer cut off): a spurious return after a short sleep, so that the
/// loop around the wait polls instead of burning a processor.
#[cfg(all(unix, not(loom)))]
#[cold]
fn refused(deadline: Option<Instant>) -> Sleep {
    const POLL: Duration = Duration::from_millis(1);
    std::thread::sleep(deadline.map_or(POLL, |deadline| POLL.min(deadline::remaining(deadline))));
    if deadline::has_passed(deadline) { Sleep::TimedOut { perhaps_woken: false } } else { Sleep::Interrupted }
}
