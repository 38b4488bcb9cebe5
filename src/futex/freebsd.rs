//! FreeBSD: `_umtx_op(2)`.

use super::sleep::{Class, Scope, Sleep, refused};
use crate::deadline;
use crate::sync::{AtomicI32, Ordering::Relaxed};
use core::ffi::{c_int, c_ulong, c_void};
use core::{mem, ptr};
use std::io;
use std::time::Instant;

pub(super) const SHARED: bool = true;

/// Waits by `UMTX_OP_WAIT_UINT`. It answers "not equal" and "woken" alike, so the word is compared here first.
pub(super) fn wait(word: &AtomicI32, expected: i32, deadline: Option<Instant>, scope: Scope, _: Class) -> Sleep {
    // Relaxed: the kernel compares again, and the caller orders what it reads.
    if word.load(Relaxed) != expected {
        return Sleep::NotEqual;
    }
    let operation = match scope {
        Scope::Private => libc::UMTX_OP_WAIT_UINT_PRIVATE,
        Scope::Shared => libc::UMTX_OP_WAIT_UINT,
    };
    let timeout = deadline.and_then(relative);
    let (size, timeout) = match &timeout {
        Some(timeout) => (mem::size_of_val(timeout), ptr::from_ref(timeout)),
        None => (0, ptr::null()),
    };
    // SAFETY: `word` is live for the call, and the size says what the last argument points to.
    let result = unsafe {
        libc::_umtx_op(
            word.as_ptr().cast(),
            operation,
            c_ulong::from(expected as u32),
            ptr::without_provenance_mut(size),
            timeout.cast::<c_void>().cast_mut(),
        )
    };
    if result == 0 {
        return Sleep::Woken;
    }
    match io::Error::last_os_error().raw_os_error() {
        // The kernel returns these two only if it finds the sleeper still in its queue, where no wake has reached it.
        Some(libc::ETIMEDOUT) => Sleep::TimedOut { perhaps_woken: false },
        Some(libc::EINTR) => Sleep::Interrupted,
        _ => refused(deadline),
    }
}

/// Returns the time to sleep from now, on the clock that `Instant` reads. `None` is forever. Flags of 0 say *relative*:
/// `UMTX_ABSTIME` would take a duration for a point in time long past.
fn relative(deadline: Instant) -> Option<libc::_umtx_time> {
    let remaining = deadline::remaining(deadline);
    Some(libc::_umtx_time {
        _timeout: libc::timespec {
            tv_sec: remaining.as_secs().try_into().ok()?,
            tv_nsec: remaining.subsec_nanos().try_into().ok()?,
        },
        _flags: 0,
        _clockid: libc::CLOCK_MONOTONIC as u32,
    })
}

/// Wakes by `UMTX_OP_WAKE`. Private wakes of one and of all are atomic-wait's.
pub(super) fn wake(word: *const AtomicI32, count: u32, scope: Scope) {
    match (scope, count) {
        (Scope::Private, 1) => atomic_wait::wake_one(word.cast()),
        (Scope::Private, u32::MAX) => atomic_wait::wake_all(word.cast()),
        (Scope::Private, _) => wake_some(word, libc::UMTX_OP_WAKE_PRIVATE, count),
        (Scope::Shared, _) => wake_some(word, libc::UMTX_OP_WAKE, count),
    }
}

fn wake_some(word: *const AtomicI32, operation: c_int, count: u32) {
    let count = count.min(i32::MAX as u32);
    // SAFETY: a wake uses the pointer as an address to look up; where there is no memory any more it says EFAULT.
    unsafe {
        libc::_umtx_op(word.cast_mut().cast(), operation, c_ulong::from(count), ptr::null_mut(), ptr::null_mut())
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
