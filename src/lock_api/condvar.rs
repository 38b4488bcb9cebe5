//! `Cond` as a raw condition variable.

use super::raw::{keep, slot, slots};
use crate::error::TimedOut;
use crate::futex::Scope;
use crate::primitives::{Cond, Lock, LockGuard};
use crate::sync::AtomicI32;
use ::lock_api::GuardSend;
use std::time::{Duration, Instant};

macro_rules! raw_condvar {
    ($(#[$about:meta])* $name:ident, $mutex:ident, $scope:expr) => {
        $(#[$about])*
        ///
        /// # Spurious wakeups
        ///
        /// A wait may return although nobody notified. For that case lock_api requires `notify_one` and `notify_all` to
        /// return `false` and 0. They do, and notify all the same.
        ///
        /// # Timed waits
        ///
        /// A timed wait always returns with the mutex locked, because the trait cannot say that it could not be locked.
        /// If the time runs out while another agent holds the mutex, the wait lasts longer than its deadline. A
        /// [`Cond`](crate::Cond) returns in time.
        #[derive(Debug)]
        #[repr(transparent)]
        pub struct $name {
            /// The sequence, and the number of waiters.
            words: [AtomicI32; 2],
        }

        impl $name {
            /// Returns the handle over the words.
            #[inline]
            fn handle<'a>(&'a self, lock: Lock<'a>) -> Cond<'a> {
                Cond::from_slots(slots(&self.words, $scope), lock).expect("there are two words, of one scope")
            }

            /// Returns a handle for a notify, which never touches the lock, so that any lock will do.
            #[inline]
            fn without_lock(&self) -> Cond<'_> {
                self.handle(Lock::from_slot(slot(&self.words[0], $scope)))
            }
        }

        // SAFETY: `Cond` counts the waiter under the lock, unlocks, sleeps unless an agent has notified since, and
        // locks again before it returns. It unwinds only for a guard of another lock than its own, and here the two
        // locks are the same. The guard's state is empty, so the state of the first acquisition is as good for the
        // second.
        unsafe impl ::lock_api::RawCondvar for $name {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it so")]
            const INIT: Self = Self { words: [const { AtomicI32::new(0) }; 2] };

            type RawMutex = super::mutex::$mutex;

            unsafe fn wait(&self, mutex: &super::mutex::$mutex, guard: &mut GuardSend) {
                let lock = mutex.handle();
                *guard = keep(self.handle(lock).wait(LockGuard::of(lock)));
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

        // SAFETY: as above, but a `Cond` whose time runs out does not lock again, so this does. `Cond` does not say
        // that the time ran out before it did.
        unsafe impl ::lock_api::RawCondvarTimed for $name {
            fn checked_duration_to_instant(timeout: &Duration) -> Option<Instant> {
                Instant::now().checked_add(*timeout)
            }

            unsafe fn wait_until(
                &self,
                mutex: &super::mutex::$mutex,
                guard: &mut GuardSend,
                deadline: &Instant,
            ) -> bool {
                let lock = mutex.handle();
                let waited = self.handle(lock).wait_until(LockGuard::of(lock), *deadline);
                let has_timed_out = waited.is_err();
                *guard = keep(waited.unwrap_or_else(|TimedOut| lock.lock()));
                has_timed_out
            }
        }

        static_assertions::assert_eq_size!($name, [i32; 2]);
        static_assertions::assert_eq_align!($name, i32);
        static_assertions::assert_impl_all!($name: Send, Sync);
    };
}

raw_condvar! {
    /// A raw condition variable: a [`Cond`](crate::Cond) of eight bytes, between the threads of one process.
    /// [`Condvar`] is the [`lock_api::Condvar`](::lock_api::Condvar) over it.
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
    /// A raw condition variable: a [`Cond`](crate::Cond) of eight bytes, between processes. [`SharedCondvar`] is the
    /// [`lock_api::Condvar`](::lock_api::Condvar) over it.
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

/// A condition variable for the guards of a [`Mutex`](super::Mutex), for the threads of one process.
///
/// A wait **may return although nobody notified**, so use `wait_while` or a loop. `notify_one` and `notify_all` always
/// return `false` and 0, however many threads they woke. A timed wait returns with the mutex locked, which can take
/// longer than its deadline.
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

/// A condition variable for the guards of a [`SharedMutex`](super::SharedMutex), between processes, in memory that they
/// share. See [which processes can share it](crate::lock_api#cross-process).
///
/// A wait may return although nobody notified, and does so at least once a second. `notify_one`, `notify_all` and the
/// timed waits return as those of a [`Condvar`] do.
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
