//! Windows: `WaitOnAddress`, which knows the threads of one process only.

use super::sleep::{Class, Scope, Sleep};
use crate::deadline;
use crate::sync::{AtomicI32, Ordering::Relaxed};
use std::ptr;
use std::time::Instant;
use windows_sys::Win32::Foundation::{ERROR_TIMEOUT, GetLastError};
use windows_sys::Win32::System::Threading::{INFINITE, WaitOnAddress};

pub(super) const SHARED: bool = false;

/// Waits by `WaitOnAddress`. It answers "not equal" and "woken" alike, so the word is compared here first.
pub(super) fn wait(word: &AtomicI32, expected: i32, deadline: Option<Instant>, _: Scope, _: Class) -> Sleep {
    // Relaxed: the system compares again, and the caller orders what it reads.
    if word.load(Relaxed) != expected {
        return Sleep::NotEqual;
    }
    let millis = deadline.map_or(INFINITE, milliseconds);
    // SAFETY: both pointers are to four live bytes.
    let woken = unsafe { WaitOnAddress(word.as_ptr().cast(), ptr::from_ref(&expected).cast(), 4, millis) } != 0;
    // SAFETY: no preconditions.
    let timed_out = !woken && unsafe { GetLastError() } == ERROR_TIMEOUT;
    // The timer may tick early, and the longest sleep may be shorter than the deadline is far: both are spurious. And
    // nothing says that a wake cannot have come at the same time.
    if timed_out && deadline::has_passed(deadline) { Sleep::TimedOut { perhaps_woken: true } } else { Sleep::Woken }
}

/// Returns the time until the deadline, rounded up, since a wait must not end early.
fn milliseconds(deadline: Instant) -> u32 {
    let millis = deadline::remaining(deadline).as_nanos().div_ceil(1_000_000);
    u32::try_from(millis).unwrap_or(INFINITE - 1).min(INFINITE - 1)
}

/// Wakes by `WakeByAddressSingle` and `WakeByAddressAll`, through atomic-wait: the system knows no number between.
pub(super) fn wake(word: *const AtomicI32, count: u32, _: Scope) {
    match count {
        1 => atomic_wait::wake_one(word.cast()),
        _ => atomic_wait::wake_all(word.cast()),
    }
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
