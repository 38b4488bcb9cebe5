//! The calls on a synchronic that are made of the few of `synchronic.rs`: to change its value, and to wait for it.
#![forbid(unsafe_code)]

use crate::deadline::{self, Outcome};
use crate::synchronic::{NotifyHint, Synchronic};
use crate::value::{Integer, Value};
use std::time::{Duration, Instant};

impl<T: Value> Synchronic<'_, T> {
    /// Writes the value, and notifies.
    #[inline]
    pub fn store(&self, value: T, hint: NotifyHint) {
        self.swap(value, hint);
    }

    /// Writes `new` and notifies, if the value is [the same](Self#equality) as `current`. Returns what it was: `Ok` if
    /// written, `Err` if not.
    ///
    /// # Errors
    ///
    /// The value that was found instead of `current`.
    #[inline]
    pub fn compare_exchange(&self, current: T, new: T, hint: NotifyHint) -> Result<T, T> {
        self.fetch_update(hint, |value| T::is_same(value, current).then_some(new))
    }

    /// Adds, and notifies. Integers wrap around. Returns what the value was.
    #[inline]
    pub fn fetch_add(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| T::sum(was, value))
    }

    /// Subtracts, and notifies. Integers wrap around. Returns what the value was.
    #[inline]
    pub fn fetch_sub(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| T::difference(was, value))
    }

    /// Sleeps until the value is as wanted, and returns what was seen. `is_wanted` is asked for each value that this agent
    /// sees, which may be the same many times: it should be quick. It must not change or notify this synchronic, since it
    /// would wake itself without end.
    ///
    /// # Panics
    ///
    /// If `is_wanted` does. This agent may then stay in the count of those who wait, as if it had died.
    ///
    /// # Examples
    ///
    /// To wait for a number that others count up:
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
        loop {
            // Without a deadline there is none to miss.
            if let Some(value) = self.load_when_deadline(&is_wanted, None) {
                return value;
            }
        }
    }

    /// As [`load_when`](Self::load_when), or gives up after `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`]
    /// waits forever.
    ///
    /// # Panics
    ///
    /// As [`load_when`](Self::load_when).
    pub fn load_when_for(&self, is_wanted: impl Fn(T) -> bool, timeout: Duration) -> Option<T> {
        self.load_when_deadline(is_wanted, deadline::after(timeout))
    }

    /// As [`load_when`](Self::load_when), or gives up at `deadline`. A deadline that has passed looks once.
    ///
    /// # Panics
    ///
    /// As [`load_when`](Self::load_when).
    pub fn load_when_until(&self, is_wanted: impl Fn(T) -> bool, deadline: Instant) -> Option<T> {
        self.load_when_deadline(is_wanted, Some(deadline))
    }

    /// Sleeps until the value is [the same](Self#equality) as this one, and returns what was seen. A value that comes and
    /// goes before this agent looks is not seen.
    pub fn load_when_equal(&self, value: T) -> T {
        self.load_when(|now| T::is_same(now, value))
    }

    /// As [`load_when_equal`](Self::load_when_equal), or gives up after `timeout`. [`Duration::ZERO`] looks once,
    /// [`Duration::MAX`] waits forever.
    pub fn load_when_equal_for(&self, value: T, timeout: Duration) -> Option<T> {
        self.load_when_deadline(|now| T::is_same(now, value), deadline::after(timeout))
    }

    /// As [`load_when_equal`](Self::load_when_equal), or gives up at `deadline`. A deadline that has passed looks once.
    pub fn load_when_equal_until(&self, value: T, deadline: Instant) -> Option<T> {
        self.load_when_deadline(|now| T::is_same(now, value), Some(deadline))
    }

    /// Sleeps until the value is not [the same](Self#equality) as this one, and returns what was seen.
    pub fn load_when_not_equal(&self, value: T) -> T {
        self.load_when(|now| !T::is_same(now, value))
    }

    /// As [`load_when_not_equal`](Self::load_when_not_equal), or gives up after `timeout`. [`Duration::ZERO`] looks once,
    /// [`Duration::MAX`] waits forever.
    pub fn load_when_not_equal_for(&self, value: T, timeout: Duration) -> Option<T> {
        self.load_when_deadline(|now| !T::is_same(now, value), deadline::after(timeout))
    }

    /// As [`load_when_not_equal`](Self::load_when_not_equal), or gives up at `deadline`. A deadline that has passed looks
    /// once.
    pub fn load_when_not_equal_until(&self, value: T, deadline: Instant) -> Option<T> {
        self.load_when_deadline(|now| !T::is_same(now, value), Some(deadline))
    }

    /// Sleeps until the value is no longer [the same](Self#equality) as `current`. A change that is taken back before this
    /// agent looks is not seen. This is [`load_when_not_equal`](Self::load_when_not_equal) by the name that the sources have
    /// for it, without the value.
    pub fn expect_update(&self, current: T) {
        self.load_when_not_equal(current);
    }

    /// As [`expect_update`](Self::expect_update), or gives up after `timeout`. [`Duration::ZERO`] looks once,
    /// [`Duration::MAX`] waits forever.
    pub fn expect_update_for(&self, current: T, timeout: Duration) -> Outcome {
        outcome(self.load_when_not_equal_for(current, timeout))
    }

    /// As [`expect_update`](Self::expect_update), or gives up at `deadline`. A deadline that has passed looks once.
    pub fn expect_update_until(&self, current: T, deadline: Instant) -> Outcome {
        outcome(self.load_when_not_equal_until(current, deadline))
    }

    #[inline]
    fn always_update(&self, hint: NotifyHint, change: impl Fn(T) -> T) -> T {
        self.fetch_update(hint, |was| Some(change(was))).unwrap_or_else(|was| was)
    }
}

impl<T: Integer> Synchronic<'_, T> {
    /// Keeps the bits that `value` has too, and notifies. Returns what the value was.
    #[inline]
    pub fn fetch_and(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| was & value)
    }

    /// Sets the bits that `value` has, and notifies. Returns what the value was.
    #[inline]
    pub fn fetch_or(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| was | value)
    }

    /// Flips the bits that `value` has, and notifies. Returns what the value was.
    #[inline]
    pub fn fetch_xor(&self, value: T, hint: NotifyHint) -> T {
        self.always_update(hint, |was| was ^ value)
    }
}

fn outcome<T>(seen: Option<T>) -> Outcome {
    seen.map_or(Outcome::TimedOut, |_| Outcome::Done)
}
