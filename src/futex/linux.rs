//! Linux and Android: `futex(2)`.

use super::sleep::{Class, Scope, Sleep, refused};
use crate::deadline;
use crate::sync::AtomicI32;
use core::ptr;
use core::sync::atomic::AtomicU32;
use rustix::io::Errno;
use rustix::thread::futex::{Flags, Timespec, wait_bitset};
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

pub(super) const SHARED: bool = true;

/// Waits by `FUTEX_WAIT_BITSET`, because its deadline is a point in time: a signal that interrupts the sleep cannot extend it.
pub(super) fn wait(word: &AtomicI32, expected: i32, deadline: Option<Instant>, scope: Scope, class: Class) -> Sleep {
    // SAFETY: AtomicI32 and AtomicU32 have the same size, alignment and validity, and both may be written while shared.
    let word = unsafe { &*(&raw const *word).cast::<AtomicU32>() };
    let flags = match scope {
        Scope::Private => Flags::PRIVATE,
        Scope::Shared => Flags::empty(),
    };
    let end = deadline.and_then(monotonic);
    match wait_bitset(word, flags, expected as u32, end.as_ref(), class.bits()) {
        Ok(()) => Sleep::Woken,
        Err(Errno::AGAIN) => Sleep::NotEqual,
        // The kernel returns these two only if it finds the sleeper still in its queue, where no wake has reached it.
        Err(Errno::TIMEDOUT) => Sleep::TimedOut { perhaps_woken: false },
        Err(Errno::INTR) => Sleep::Interrupted,
        Err(_) => refused(deadline),
    }
}

/// Returns the deadline on the kernel's clock, or `None` if it is so far away that the kernel cannot represent it.
fn monotonic(deadline: Instant) -> Option<Timespec> {
    // Read in this order, time that passes between the two readings makes the wait longer, never shorter.
    let remaining = deadline::remaining(deadline);
    let now = clock_gettime(ClockId::Monotonic);
    let nanos = now.tv_nsec + i64::from(remaining.subsec_nanos());
    let seconds = i64::try_from(remaining.as_secs()).ok()?;
    Some(Timespec {
        tv_sec: now.tv_sec.checked_add(seconds)?.checked_add(nanos / 1_000_000_000)?,
        tv_nsec: nanos % 1_000_000_000,
    })
}

/// Wakes by `FUTEX_WAKE`. Private wakes of one and of all are atomic-wait's.
pub(super) fn wake(word: *const AtomicI32, count: u32, scope: Scope) {
    match (scope, count) {
        (Scope::Private, 1) => atomic_wait::wake_one(word.cast()),
        (Scope::Private, u32::MAX) => atomic_wait::wake_all(word.cast()),
        _ => drop(wake_counted(word, count, scope)),
    }
}

pub(super) fn wake_counted(word: *const AtomicI32, count: u32, scope: Scope) -> Option<u32> {
    wake_class(word, count, scope, Class::ANY)
}

/// Wakes by `FUTEX_WAKE_BITSET`, which reaches the waits that have a bit in common. With all bits it is `FUTEX_WAKE`.
pub(super) fn wake_class(word: *const AtomicI32, count: u32, scope: Scope, class: Class) -> Option<u32> {
    let operation = match scope {
        Scope::Private => libc::FUTEX_WAKE_BITSET | libc::FUTEX_PRIVATE_FLAG,
        Scope::Shared => libc::FUTEX_WAKE_BITSET,
    };
    // The kernel takes a count below one for one, so a large one must not turn negative.
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let (no_timeout, no_word) = (ptr::null::<libc::timespec>(), ptr::null::<AtomicI32>());
    // SAFETY: a wake uses the pointer as an address to look up; where there is no memory any more it says EFAULT.
    let woken =
        unsafe { libc::syscall(libc::SYS_futex, word, operation, count, no_timeout, no_word, class.bits().get()) };
    // A refusal woke nobody.
    Some(u32::try_from(woken).unwrap_or(0))
}
