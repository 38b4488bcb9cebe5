//! The calls on a synchronic that are made of its few basic ones: changes of the value, and waits for it.
#![forbid(unsafe_code)]

use super::{NotifyHint, Synchronic};
use crate::deadline::{By, Never};
use crate::error::TimedOut;
use crate::words::{Integer, Number};
use std::time::{Duration, Instant};

impl<T: Number> Synchronic<'_, T> {
    /// Writes the value, and notifies.
    #[inline]
    pub fn store(&self, value: T, hint: NotifyHint) {
        self.swap(value, hint);
    }

    /// Writes `new` and notifies, if the value is [the same](Self#equality) as `current`. Returns the previous value.
    ///
    /// # Errors
    ///
    /// Returns the value if it was not `current`. Then nothing was written, and nobody was notified.
    #[inline]
    pub fn compare_exchange(&self, current: T, new: T, hint: NotifyHint) -> Result<T, T> {
        self.fetch_update(hint, |value| T::is_same(value, current).then_some(new))
    }

    /// Adds to the value, notifies, and returns the previous value. Integers wrap around.
    #[inline]
    pub fn fetch_add(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| T::sum(was, value))
    }

    /// Subtracts from the value, notifies, and returns the previous value. Integers wrap around.
    #[inline]
    pub fn fetch_sub(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| T::difference(was, value))
    }

    /// Waits until the value is as wanted, and returns the value that was seen.
    ///
    /// `is_wanted` is called for each value that this agent sees, which may be the same value many times, so it should
    /// be quick. It must not change or notify this synchronic, because this agent would then wake itself without end.
    ///
    /// # Panics
    ///
    /// Panics if `is_wanted` does. This agent may then stay in the count of waiters, as if it had died.
    ///
    /// # Examples
    ///
    /// One thread waits for a number that others count up:
    ///
    /// ```
    /// use slotsync::{NotifyHint, SharedBuffer, Synchronic};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let done = Synchronic::<u32>::new(&buffer, 0)?;
    /// std::thread::scope(|threads| {
    ///     for _ in 0..4 {
    ///         threads.spawn(move || done.fetch_add(1, NotifyHint::All));
    ///     }
    ///     assert!(done.load_when(|done| done >= 3) >= 3);
    /// });
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn load_when(&self, is_wanted: impl Fn(T) -> bool) -> T {
        let Ok(value) = self.load_when_by(is_wanted, Never);
        value
    }

    /// Waits until the value is as wanted, as [`load_when`](Self::load_when) does, for at most `timeout`.
    /// [`Duration::ZERO`] looks once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if no wanted value was seen in time.
    ///
    /// # Panics
    ///
    /// Panics if `is_wanted` does, as [`load_when`](Self::load_when) does.
    pub fn load_when_for(&self, is_wanted: impl Fn(T) -> bool, timeout: Duration) -> Result<T, TimedOut> {
        self.load_when_by(is_wanted, By::after(timeout))
    }

    /// Waits until the value is as wanted, as [`load_when`](Self::load_when) does, until `deadline` at most. A deadline
    /// that has passed looks once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if no wanted value was seen in time.
    ///
    /// # Panics
    ///
    /// Panics if `is_wanted` does, as [`load_when`](Self::load_when) does.
    pub fn load_when_until(&self, is_wanted: impl Fn(T) -> bool, deadline: Instant) -> Result<T, TimedOut> {
        self.load_when_by(is_wanted, By::at(deadline))
    }

    /// Waits until the value is [the same](Self#equality) as this one, and returns the value that was seen. A value
    /// that comes and goes before this agent looks is not seen.
    pub fn load_when_equal(&self, value: T) -> T {
        self.load_when(|now| T::is_same(now, value))
    }

    /// Waits until the value is the same as this one, as [`load_when_equal`](Self::load_when_equal) does, for at most
    /// `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the value was not seen in time.
    pub fn load_when_equal_for(&self, value: T, timeout: Duration) -> Result<T, TimedOut> {
        self.load_when_for(|now| T::is_same(now, value), timeout)
    }

    /// Waits until the value is the same as this one, as [`load_when_equal`](Self::load_when_equal) does, until
    /// `deadline` at most. A deadline that has passed looks once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the value was not seen in time.
    pub fn load_when_equal_until(&self, value: T, deadline: Instant) -> Result<T, TimedOut> {
        self.load_when_until(|now| T::is_same(now, value), deadline)
    }

    /// Waits until the value is not [the same](Self#equality) as this one, and returns the value that was seen.
    pub fn load_when_not_equal(&self, value: T) -> T {
        self.load_when(|now| !T::is_same(now, value))
    }

    /// Waits until the value is not the same as this one, as [`load_when_not_equal`](Self::load_when_not_equal) does,
    /// for at most `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if no other value was seen in time.
    pub fn load_when_not_equal_for(&self, value: T, timeout: Duration) -> Result<T, TimedOut> {
        self.load_when_for(|now| !T::is_same(now, value), timeout)
    }

    /// Waits until the value is not the same as this one, as [`load_when_not_equal`](Self::load_when_not_equal) does,
    /// until `deadline` at most. A deadline that has passed looks once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if no other value was seen in time.
    pub fn load_when_not_equal_until(&self, value: T, deadline: Instant) -> Result<T, TimedOut> {
        self.load_when_until(|now| !T::is_same(now, value), deadline)
    }

    /// Waits until the value is no longer [the same](Self#equality) as `current`. A change that is undone before this
    /// agent looks is not seen.
    ///
    /// This is [`load_when_not_equal`](Self::load_when_not_equal), without the value and by the name that N4195 and
    /// `synchronic.js` have for it.
    pub fn expect_update(&self, current: T) {
        self.load_when_not_equal(current);
    }

    /// Waits until the value is no longer the same as `current`, as [`expect_update`](Self::expect_update) does, for at
    /// most `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if no other value was seen in time.
    pub fn expect_update_for(&self, current: T, timeout: Duration) -> Result<(), TimedOut> {
        self.load_when_not_equal_for(current, timeout).map(drop)
    }

    /// Waits until the value is no longer the same as `current`, as [`expect_update`](Self::expect_update) does, until
    /// `deadline` at most. A deadline that has passed looks once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if no other value was seen in time.
    pub fn expect_update_until(&self, current: T, deadline: Instant) -> Result<(), TimedOut> {
        self.load_when_not_equal_until(current, deadline).map(drop)
    }

    #[inline]
    fn always_update(&self, hint: NotifyHint, change: impl Fn(T) -> T) -> T {
        self.fetch_update(hint, |was| Some(change(was))).unwrap_or_else(|was| was)
    }
}

impl<T: Integer> Synchronic<'_, T> {
    /// Keeps the bits that `value` has too, notifies, and returns the previous value.
    #[inline]
    pub fn fetch_and(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| was & value)
    }

    /// Sets the bits that `value` has, notifies, and returns the previous value.
    #[inline]
    pub fn fetch_or(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| was | value)
    }

    /// Flips the bits that `value` has, notifies, and returns the previous value.
    #[inline]
    pub fn fetch_xor(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| was ^ value)
    }
}
