//! macOS 14.4 and later: `os_sync_wait_on_address(3)`.
//!
//! atomic-wait does not serve here: it parks through libc++, whose sleepers wait in a table of its own, where these wakes
//! do not reach them.

use super::sleep::{Class, Scope, Sleep, refused};
use crate::deadline;
use crate::sync::{AtomicI32, Ordering::Relaxed};
use std::io;
use std::time::Instant;

pub(super) const SHARED: bool = true;
const SIZE: usize = size_of::<AtomicI32>();

/// Waits by `os_sync_wait_on_address`. It answers "not equal" and "woken" alike, so the word is compared here first.
pub(super) fn wait(word: &AtomicI32, expected: i32, deadline: Option<Instant>, scope: Scope, _: Class) -> Sleep {
    // Relaxed: the kernel compares again, and the caller orders what it reads.
    if word.load(Relaxed) != expected {
        return Sleep::NotEqual;
    }
    let flags = match scope {
        Scope::Private => libc::OS_SYNC_WAIT_ON_ADDRESS_NONE,
        Scope::Shared => libc::OS_SYNC_WAIT_ON_ADDRESS_SHARED,
    };
    let address = word.as_ptr().cast();
    let expected = u64::from(expected as u32);
    let result = match deadline.map(deadline::remaining) {
        // SAFETY: `word` is live for the call and has SIZE bytes.
        None => unsafe { libc::os_sync_wait_on_address(address, expected, SIZE, flags) },
        Some(remaining) => {
            // Zero is refused, and more than 64 bits of nanoseconds are 584 years.
            let nanos = u64::try_from(remaining.as_nanos()).unwrap_or(u64::MAX).max(1);
            let clock = libc::OS_CLOCK_MACH_ABSOLUTE_TIME;
            // SAFETY: as above.
            unsafe { libc::os_sync_wait_on_address_with_timeout(address, expected, SIZE, flags, clock, nanos) }
        }
    };
    if result >= 0 {
        return Sleep::Woken;
    }
    match io::Error::last_os_error().raw_os_error() {
        // A wake may have come at the same time: nothing says that it cannot.
        Some(libc::ETIMEDOUT) => Sleep::TimedOut { perhaps_woken: true },
        // A handler ran: taken for a wake, for the same reason.
        Some(libc::EINTR) => Sleep::Woken,
        _ => refused(deadline),
    }
}

/// Wakes one or all: the system knows no number between.
pub(super) fn wake(word: *const AtomicI32, count: u32, scope: Scope) {
    let flags = match scope {
        Scope::Private => libc::OS_SYNC_WAKE_BY_ADDRESS_NONE,
        Scope::Shared => libc::OS_SYNC_WAKE_BY_ADDRESS_SHARED,
    };
    let address = word.cast_mut().cast();
    // SAFETY: a wake uses the pointer as an address to look up and reads no memory.
    match count {
        1 => unsafe { libc::os_sync_wake_by_address_any(address, SIZE, flags) },
        _ => unsafe { libc::os_sync_wake_by_address_all(address, SIZE, flags) },
    };
}

/// Returns `None`: the system does not tell.
pub(super) fn wake_counted(_: *const AtomicI32, _: u32, _: Scope) -> Option<u32> {
    None
}

/// Wakes all: the system knows no classes.
pub(super) fn wake_class(word: *const AtomicI32, _: u32, scope: Scope, _: Class) -> Option<u32> {
    wake(word, u32::MAX, scope);
    None
}
