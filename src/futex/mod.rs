//! The futex floor: sleep while a word holds a value, wake who sleeps on a word. One file per platform.
//!
//! The contract, which every platform file and both model doubles keep:
//!
//! - `wait` compares and goes to sleep in one step: no wake sent after the comparison is missed. It may return `Woken`
//!   for no reason at all, so a wait is always a `while`.
//! - `wake` uses the *address* of the word and never reads it. The memory may be gone, unmapped or reused by then, so
//!   every waiter must expect wakes that were meant for another.
//! - Neither orders memory. A waiter must acquire from the word itself what it must see.
//! - A sleeper on whom a wake was spent says `Woken`, also if its deadline passed meanwhile. A platform that cannot
//!   promise this says `perhaps_woken`.
//! - Wait and wake on one word use one scope: a private wake does not reach a shared waiter.

use crate::deadline;
use crate::sync::{AtomicI32, Counter, Ordering::Relaxed};
use crossbeam_utils::CachePadded;
use std::time::{Duration, Instant};

#[cfg(all(target_os = "freebsd", not(loom)))]
mod freebsd;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
mod linux;
#[cfg(all(target_os = "macos", not(loom)))]
mod macos;
#[cfg(loom)]
pub mod model;
mod sleep;
#[cfg(all(windows, not(loom)))]
mod windows;

#[cfg(all(target_os = "freebsd", not(loom)))]
use freebsd as platform;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(loom)))]
use linux as platform;
#[cfg(all(target_os = "macos", not(loom)))]
use macos as platform;
#[cfg(loom)]
use model as platform;
#[cfg(all(windows, not(loom)))]
use windows as platform;

pub(crate) use sleep::{Class, Sleep};
pub use sleep::{Scope, Wait};

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

/// The number of sleeps and rescues of this process since it started: see [`counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// The number of waits that ended by a wake or a time-out, and not by a word that had changed. A wait of
    /// [`Scope::Shared`] that lasts for more than a second counts once a second.
    pub sleeps: usize,
    /// The number of rescues: waits of [`Scope::Shared`] that ended by a look at the word at the end of a slice, and not by
    /// a wake. That happens when a peer is killed between changing a word and waking its waiters.
    pub rescues: usize,
}

static SLEEPS: CachePadded<Counter> = CachePadded::new(Counter::new(0));
static RESCUES: CachePadded<Counter> = CachePadded::new(Counter::new(0));

/// Returns how often this process slept and was rescued on the futex floor: for tests, and for monitoring a fleet.
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

/// The longest that a shared sleep goes without a look at its word.
///
/// Otherwise a peer that is killed between changing a word and waking its waiters would leave them asleep forever. Tests
/// build the crate with another length where the length is not what they test.
const SLICE: Duration = Duration::from_millis(match option_env!("SLOTSYNC_TEST_SLICE_MS") {
    Some(millis) => match u64::from_str_radix(millis, 10) {
        Ok(millis) => millis,
        Err(_) => panic!("SLOTSYNC_TEST_SLICE_MS is not a number of milliseconds"),
    },
    None => 1000,
});

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
        // Nobody set a time. A caller without a deadline must not go on as if it had been woken.
        Sleep::TimedOut { .. } if deadline.is_none() => Sleep::Interrupted,
        _ => sleep,
    }
}

/// Returns the end of the next slice of a shared sleep, if that is before the deadline.
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

/// Wakes up to `count` sleepers and returns how many there were, where the platform tells.
pub(crate) fn wake_counted(word: *const AtomicI32, count: u32, scope: Scope) -> Option<u32> {
    if count == 0 { Some(0) } else { platform::wake_counted(word, count, scope) }
}

/// Wakes up to `count` sleepers of a class and returns how many there were. Where the platform knows no classes, or does
/// not tell, it wakes all of every class and returns `None`.
pub(crate) fn wake_class(word: *const AtomicI32, count: u32, scope: Scope, class: Class) -> Option<u32> {
    platform::wake_class(word, count, scope, class)
}

/// Refuses a scope that this platform cannot reach, and returns what it cannot do.
#[inline]
pub(crate) fn check_scope(scope: Scope) -> Result<(), &'static str> {
    if scope == Scope::Shared && !platform::SHARED { Err("waiting across processes") } else { Ok(()) }
}
