//! `Cond` as a raw condition variable.

use super::{keep, slot};
use crate::cond::Cond;
use crate::futex::Scope;
use crate::lock::{Lock, LockGuard};
use crate::sync::AtomicI32;
use ::lock_api::GuardSend;
use std::time::{Duration, Instant};

macro_rules! raw_condvar {
    ($(#[$about:meta])* $name:ident, $mutex:ident, $scope:expr) => {
        $(#[$about])*
        ///
        /// # Spurious wakeups
        ///
        /// A wait may return though nobody notified, so `notify_one` and `notify_all` say `false` and 0, as lock_api asks
        /// for then. They notify all the same.
        #[derive(Debug)]
        #[repr(C)]
        pub struct $name {
            seq: AtomicI32,
            waiters: AtomicI32,
        }

        impl $name {
            #[inline]
            fn handle<'a>(&'a self, lock: Lock<'a>) -> Cond<'a> {
                let words = [&self.seq, &self.waiters].map(|word| slot(word, $scope));
                Cond::from_slots(words, lock).expect("the scopes are one")
            }

            /// For a notify, which never touches the lock: any handle will do.
            #[inline]
            fn without_lock(&self) -> Cond<'_> {
                self.handle(Lock::from_slot(slot(&self.seq, $scope)))
            }
        }

        // SAFETY: `Cond` counts the waiter under the lock, unlocks, sleeps unless somebody has notified since, and locks
        // again before it returns. It unwinds only for a guard of another lock than its own, which are one here. The guard's
        // state is empty, so that of the first acquisition is as good for the second.
        unsafe impl ::lock_api::RawCondvar for $name {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it so")]
            const INIT: Self = Self { seq: AtomicI32::new(0), waiters: AtomicI32::new(0) };

            type RawMutex = super::$mutex;

            unsafe fn wait(&self, mutex: &super::$mutex, guard: &mut GuardSend) {
                let lock = mutex.handle();
                *guard = keep(self.handle(lock).wait(LockGuard { lock }));
            }

            #[inline]
            fn notify_one(&self) -> bool {
                self.without_lock().notify_one();
                false
            }

            #[inline]
            fn notify_all(&self) -> usize {
                self.without_lock().notify_all();
                0
            }
        }

        // SAFETY: as above; `Cond` does not say that the time ran out before it did.
        unsafe impl ::lock_api::RawCondvarTimed for $name {
            fn checked_duration_to_instant(timeout: &Duration) -> Option<Instant> {
                Instant::now().checked_add(*timeout)
            }

            unsafe fn wait_until(&self, mutex: &super::$mutex, guard: &mut GuardSend, deadline: &Instant) -> bool {
                let lock = mutex.handle();
                let (held, outcome) = self.handle(lock).wait_until(LockGuard { lock }, *deadline);
                *guard = keep(held);
                outcome.is_timed_out()
            }
        }

        static_assertions::assert_eq_size!($name, [i32; 2]);
        static_assertions::assert_eq_align!($name, i32);
        static_assertions::assert_impl_all!($name: Send, Sync);
    };
}

raw_condvar! {
    /// A [`Cond`](crate::Cond) of eight bytes, between the threads of one process, for
    /// [`lock_api::Condvar`](::lock_api::Condvar): see [`Condvar`].
    ///
    /// # Examples
    ///
    /// ```
    /// use lock_api::RawCondvar as _;
    /// use slotsync::lock_api::RawCondvar;
    ///
    /// static RAW: RawCondvar = RawCondvar::INIT;
    /// assert_eq!(RAW.notify_all(), 0);
    /// ```
    RawCondvar, RawMutex, Scope::Private
}

#[cfg(unix)]
raw_condvar! {
    /// A [`Cond`](crate::Cond) of eight bytes, between processes, for [`lock_api::Condvar`](::lock_api::Condvar): see
    /// [`SharedCondvar`].
    ///
    /// # Examples
    ///
    /// ```
    /// use lock_api::RawCondvar as _;
    /// use slotsync::lock_api::RawSharedCondvar;
    ///
    /// let raw = RawSharedCondvar::INIT; // Or eight zeros, in memory that is shared.
    /// assert!(!raw.notify_one());
    /// ```
    RawSharedCondvar, RawSharedMutex, Scope::Shared
}

/// A condition variable for the guards of a [`Mutex`](super::Mutex): for the threads of one process.
///
/// A wait **may return though nobody notified**, so use `wait_while` or a loop. `notify_one` and `notify_all` always say
/// `false` and 0, however many they woke.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{Condvar, Mutex};
///
/// static ITEMS: Mutex<Vec<i32>> = Mutex::new(Vec::new());
/// static FILLED: Condvar = Condvar::new();
/// std::thread::scope(|threads| {
///     threads.spawn(|| {
///         let mut items = ITEMS.lock();
///         FILLED.wait_while(&mut items, |items| items.is_empty());
///         assert_eq!(items.pop(), Some(7));
///     });
///     ITEMS.lock().push(7);
///     FILLED.notify_one();
/// });
/// ```
pub type Condvar = ::lock_api::Condvar<RawCondvar>;

/// A condition variable for the guards of a [`SharedMutex`](super::SharedMutex): between processes, in memory that they
/// share. See [which processes](crate::lock_api#cross-process). A wait may return though nobody notified, and at least once
/// a second it does; what `notify_one` and `notify_all` say is that of a [`Condvar`].
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{SharedCondvar, SharedMutex};
/// use std::time::Duration;
///
/// let is_ready = SharedMutex::new(false);
/// let ready = SharedCondvar::new();
/// let timeout = Duration::from_millis(1);
/// assert!(ready.wait_while_for(&mut is_ready.lock(), |is_ready| !*is_ready, timeout).timed_out());
/// ```
#[cfg(unix)]
pub type SharedCondvar = ::lock_api::Condvar<RawSharedCondvar>;
