//! A permit of a semaphore as a guard.
#![forbid(unsafe_code)]

use super::Semaphore;
use crate::error::TimedOut;
use crate::words::handles;
use std::time::{Duration, Instant};

/// Holds one permit of a [`Semaphore`], and releases it when dropped.
///
/// The permit borrows the buffer, not the handle. It is `Send` and `Sync`, because any agent may release. To hand it over to
/// an agent that will [`release`](Semaphore::release) it, [forget](std::mem::forget) it.
#[derive(Debug)]
#[must_use = "the permit is released when its guard is dropped"]
pub struct Permit<'buf> {
    semaphore: Semaphore<'buf>,
}

impl<'buf> Semaphore<'buf> {
    /// Acquires a permit as [`acquire`](Self::acquire) does. Dropping the guard releases it.
    #[inline]
    pub fn permit(&self) -> Permit<'buf> {
        self.acquire();
        Permit { semaphore: *self }
    }

    /// Acquires a permit as [`try_acquire`](Self::try_acquire) does. Dropping the guard releases it.
    #[inline]
    #[must_use = "the permit is released when its guard is dropped"]
    pub fn try_permit(&self) -> Option<Permit<'buf>> {
        // A closure: a guard that is made and dropped would release a permit that nobody took.
        self.try_acquire().then(|| Permit { semaphore: *self })
    }

    /// Acquires a permit as [`acquire_for`](Self::acquire_for) does. Dropping the guard releases it.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if there was no permit in time.
    pub fn permit_for(&self, timeout: Duration) -> Result<Permit<'buf>, TimedOut> {
        self.acquire_for(timeout).map(|()| Permit { semaphore: *self })
    }

    /// Acquires a permit as [`acquire_until`](Self::acquire_until) does. Dropping the guard releases it.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if there was no permit in time.
    pub fn permit_until(&self, deadline: Instant) -> Result<Permit<'buf>, TimedOut> {
        self.acquire_until(deadline).map(|()| Permit { semaphore: *self })
    }
}

impl<'buf> Permit<'buf> {
    /// Returns the semaphore of this permit.
    pub fn semaphore(&self) -> Semaphore<'buf> {
        self.semaphore
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        // Too many permits are not an error here: other agents were free to release more than they took.
        let _ = self.semaphore.release(1);
    }
}

handles! { Permit }

static_assertions::assert_impl_all!(Permit<'static>: Send, Sync);
