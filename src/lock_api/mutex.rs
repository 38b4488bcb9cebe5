//! `Lock` as a raw mutex.

use super::raw::{keep, slot};
use crate::futex::Scope;
use crate::primitives::Lock;
use crate::sync::AtomicI32;
use ::lock_api::GuardSend;
use std::time::{Duration, Instant};

macro_rules! raw_mutex {
    ($(#[$about:meta])* $name:ident, $scope:expr) => {
        $(#[$about])*
        #[derive(Debug)]
        #[repr(transparent)]
        pub struct $name {
            word: AtomicI32,
        }

        impl $name {
            /// Returns the handle over the word.
            #[inline]
            pub(super) fn handle(&self) -> Lock<'_> {
                Lock::from_slot(slot(&self.word, $scope))
            }
        }

        // SAFETY: the word is private, and only `Lock` writes to it. (For other processes, the caller that made a
        // reference into shared memory has promised that.) At most one agent holds a `Lock`; locking it has Acquire,
        // and unlocking it has Release. The guard's state is empty: forgetting it leaves the lock locked. The word
        // holds no address, so a held lock may be moved or dropped. No call unwinds.
        unsafe impl ::lock_api::RawMutex for $name {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it so")]
            const INIT: Self = Self { word: AtomicI32::new(0) };

            /// Any thread may unlock.
            type Guard = GuardSend;

            #[inline]
            fn lock(&self) -> GuardSend {
                keep(self.handle().lock())
            }

            #[inline]
            fn try_lock(&self) -> Option<GuardSend> {
                self.handle().try_lock().map(keep)
            }

            #[inline]
            unsafe fn unlock(&self, _: GuardSend) {
                // The lock is held, as the caller promises. If another process broke its promise, there is nothing to
                // do.
                let _ = self.handle().unlock();
            }

            #[inline]
            fn is_locked(&self) -> bool {
                self.handle().is_locked()
            }
        }

        // SAFETY: as above. `Lock` does not give up before the deadline has passed.
        unsafe impl ::lock_api::RawMutexTimed for $name {
            type Duration = Duration;
            type Instant = Instant;

            fn try_lock_for(&self, timeout: Duration) -> Option<GuardSend> {
                self.handle().lock_for(timeout).ok().map(keep)
            }

            fn try_lock_until(&self, deadline: Instant) -> Option<GuardSend> {
                self.handle().lock_until(deadline).ok().map(keep)
            }
        }

        static_assertions::assert_eq_size!($name, i32);
        static_assertions::assert_eq_align!($name, i32);
        static_assertions::assert_impl_all!($name: Send, Sync);
    };
}

raw_mutex! {
    /// A raw mutex: a [`Lock`](crate::Lock) of four bytes, between the threads of one process. [`Mutex`] is the
    /// [`lock_api::Mutex`](::lock_api::Mutex) over it.
    ///
    /// # Examples
    ///
    /// ```
    /// use lock_api::RawMutex as _;
    /// use slotsync::lock_api::RawMutex;
    ///
    /// static RAW: RawMutex = RawMutex::INIT;
    /// let guard = RAW.lock();
    /// assert!(RAW.try_lock().is_none());
    /// // SAFETY: this is the guard of this lock.
    /// unsafe { RAW.unlock(guard) };
    /// assert!(!RAW.is_locked());
    /// ```
    RawMutex, Scope::Private
}

#[cfg(unix)]
raw_mutex! {
    /// A raw mutex: a [`Lock`](crate::Lock) of four bytes, between processes. [`SharedMutex`] is the
    /// [`lock_api::Mutex`](::lock_api::Mutex) over it.
    ///
    /// # Examples
    ///
    /// ```
    /// use lock_api::RawMutex as _;
    /// use slotsync::lock_api::RawSharedMutex;
    ///
    /// #[repr(C)]
    /// struct Header {
    ///     version: u32,
    ///     lock: RawSharedMutex, // At byte 4, in every program.
    /// }
    ///
    /// let header = Header { version: 1, lock: RawSharedMutex::INIT }; // Or four zeros, in memory that is shared.
    /// let guard = header.lock.lock();
    /// // SAFETY: this is the guard of this lock.
    /// unsafe { header.lock.unlock(guard) };
    /// assert_eq!((size_of::<Header>(), header.version), (8, 1));
    /// ```
    RawSharedMutex, Scope::Shared
}

/// Data and the lock that protects it, for the threads of one process.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::Mutex;
/// use std::time::Duration;
///
/// static TOTAL: Mutex<u64> = Mutex::new(0);
/// *TOTAL.lock() += 1;
/// let guard = TOTAL.lock();
/// assert!(TOTAL.try_lock_for(Duration::from_millis(1)).is_none());
/// assert_eq!(*guard, 1);
/// ```
pub type Mutex<T> = ::lock_api::Mutex<RawMutex, T>;
/// The guard of a [`Mutex`]: gives access to the data, and unlocks when dropped.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{Mutex, MutexGuard};
///
/// let numbers = Mutex::new(vec![1]);
/// let mut guard: MutexGuard<'_, Vec<i32>> = numbers.lock();
/// guard.push(2);
/// ```
pub type MutexGuard<'a, T> = ::lock_api::MutexGuard<'a, RawMutex, T>;
/// The guard of a [`Mutex`], with access to a part of the data.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{MappedMutexGuard, Mutex, MutexGuard};
///
/// let pair = Mutex::new((1, "one"));
/// let name: MappedMutexGuard<'_, &str> = MutexGuard::map(pair.lock(), |pair| &mut pair.1);
/// assert_eq!(*name, "one");
/// ```
pub type MappedMutexGuard<'a, T> = ::lock_api::MappedMutexGuard<'a, RawMutex, T>;

/// Data and the lock that protects it, between processes, in memory that they share. See
/// [which processes can share it](crate::lock_api#cross-process).
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::SharedMutex;
///
/// let total = SharedMutex::new(5); // In memory that is shared.
/// *total.lock() += 1;
/// assert_eq!(total.into_inner(), 6);
/// ```
#[cfg(unix)]
pub type SharedMutex<T> = ::lock_api::Mutex<RawSharedMutex, T>;
/// The guard of a [`SharedMutex`]: gives access to the data, and unlocks when dropped.
#[cfg(unix)]
pub type SharedMutexGuard<'a, T> = ::lock_api::MutexGuard<'a, RawSharedMutex, T>;
/// The guard of a [`SharedMutex`], with access to a part of the data.
#[cfg(unix)]
pub type MappedSharedMutexGuard<'a, T> = ::lock_api::MappedMutexGuard<'a, RawSharedMutex, T>;
