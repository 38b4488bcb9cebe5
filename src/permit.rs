//! A permit of a semaphore as a value, for those who give back what they took.
#![forbid(unsafe_code)]

use crate::semaphore::Semaphore;
use std::time::{Duration, Instant};

/// Holds one permit of a [`Semaphore`], and releases it when dropped.
///
/// It borrows the buffer, not the handle, and is `Send` and `Sync`: any agent may release. [Forget](std::mem::forget) it
/// to hand the permit over to an agent that will [`release`](Semaphore::release) it.
#[derive(Debug)]
#[must_use = "the permit is released when its guard is dropped"]
pub struct Permit<'buf> {
    semaphore: Semaphore<'buf>,
}

impl<'buf> Semaphore<'buf> {
    /// Takes a permit as [`acquire`](Self::acquire) does, and gives it back when the guard is dropped.
    #[inline]
    pub fn permit(&self) -> Permit<'buf> {
        self.acquire();
        Permit { semaphore: *self }
    }

    /// Takes a permit as [`try_acquire`](Self::try_acquire) does, and gives it back when the guard is dropped.
    #[inline]
    pub fn try_permit(&self) -> Option<Permit<'buf>> {
        // A closure: a guard that is made and dropped would release a permit that nobody took.
        self.try_acquire().then(|| Permit { semaphore: *self })
    }

    /// Takes a permit as [`acquire_for`](Self::acquire_for) does, and gives it back when the guard is dropped.
    pub fn permit_for(&self, timeout: Duration) -> Option<Permit<'buf>> {
        self.acquire_for(timeout).is_done().then(|| Permit { semaphore: *self })
    }

    /// Takes a permit as [`acquire_until`](Self::acquire_until) does, and gives it back when the guard is dropped.
    pub fn permit_until(&self, deadline: Instant) -> Option<Permit<'buf>> {
        self.acquire_until(deadline).is_done().then(|| Permit { semaphore: *self })
    }
}

impl<'buf> Permit<'buf> {
    /// The semaphore that this permit is of.
    pub fn semaphore(&self) -> Semaphore<'buf> {
        self.semaphore
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        // Too many is no error here: other agents were free to release more than they took.
        let _ = self.semaphore.release(1);
    }
}

static_assertions::assert_impl_all!(Permit<'static>: Send, Sync);
