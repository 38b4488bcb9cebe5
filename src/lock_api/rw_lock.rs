//! `RwLock` as a raw reader-writer lock.

use super::raw::{keep, slot};
use crate::futex::Scope;
use crate::primitives::RwLock as Handle;
use crate::sync::AtomicI32;
use ::lock_api::GuardSend;
use std::time::{Duration, Instant};

macro_rules! raw_rw_lock {
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
            fn handle(&self) -> Handle<'_> {
                Handle::from_slot(slot(&self.word, $scope))
            }
        }

        // SAFETY: the word is private, and only `RwLock` writes to it. (For other processes, the caller that made a
        // reference into shared memory has promised that.) Either readers or one writer hold an `RwLock`; locking it
        // has Acquire, and unlocking it has Release. The guards' states are empty: forgetting one leaves the lock
        // locked. The word holds no address, so a held lock may be moved or dropped. No call unwinds.
        unsafe impl ::lock_api::RawRwLock for $name {
            #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants it so")]
            const INIT: Self = Self { word: AtomicI32::new(0) };

            /// Any thread may unlock.
            type SharedGuard = GuardSend;
            /// Any thread may unlock.
            type ExclusiveGuard = GuardSend;

            #[inline]
            fn lock_shared(&self) -> GuardSend {
                keep(self.handle().read())
            }

            #[inline]
            fn try_lock_shared(&self) -> Option<GuardSend> {
                self.handle().try_read().map(keep)
            }

            #[inline]
            unsafe fn unlock_shared(&self, _: GuardSend) {
                // The lock is held, as the caller promises. If another process broke its promise, there is nothing to
                // do.
                let _ = self.handle().unlock_read();
            }

            #[inline]
            fn lock_exclusive(&self) -> GuardSend {
                keep(self.handle().write())
            }

            #[inline]
            fn try_lock_exclusive(&self) -> Option<GuardSend> {
                self.handle().try_write().map(keep)
            }

            #[inline]
            unsafe fn unlock_exclusive(&self, _: GuardSend) {
                // See unlock_shared.
                let _ = self.handle().unlock_write();
            }

            #[inline]
            fn is_locked(&self) -> bool {
                self.handle().is_locked()
            }

            #[inline]
            fn is_locked_exclusive(&self) -> bool {
                self.handle().is_write_locked()
            }
        }

        // SAFETY: as above. `RwLock` does not give up before the deadline has passed.
        unsafe impl ::lock_api::RawRwLockTimed for $name {
            type Duration = Duration;
            type Instant = Instant;

            fn try_lock_shared_for(&self, timeout: Duration) -> Option<GuardSend> {
                self.handle().read_for(timeout).ok().map(keep)
            }

            fn try_lock_shared_until(&self, deadline: Instant) -> Option<GuardSend> {
                self.handle().read_until(deadline).ok().map(keep)
            }

            fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<GuardSend> {
                self.handle().write_for(timeout).ok().map(keep)
            }

            fn try_lock_exclusive_until(&self, deadline: Instant) -> Option<GuardSend> {
                self.handle().write_until(deadline).ok().map(keep)
            }
        }

        // SAFETY: one step makes the writer a reader. It has Release, and so publishes what was written.
        unsafe impl ::lock_api::RawRwLockDowngrade for $name {
            #[inline]
            unsafe fn downgrade(&self, guard: GuardSend) -> GuardSend {
                self.handle().downgrade();
                guard
            }
        }

        static_assertions::assert_eq_size!($name, i32);
        static_assertions::assert_eq_align!($name, i32);
        static_assertions::assert_impl_all!($name: Send, Sync);
    };
}

raw_rw_lock! {
    /// A raw reader-writer lock: an [`RwLock`](crate::RwLock) of four bytes, between the threads of one process.
    /// [`RwLock`] is the [`lock_api::RwLock`](::lock_api::RwLock) over it.
    ///
    /// # Examples
    ///
    /// ```
    /// use lock_api::RawRwLock as _;
    /// use slotsync::lock_api::RawRwLock;
    ///
    /// static RAW: RawRwLock = RawRwLock::INIT;
    /// let guard = RAW.lock_shared();
    /// assert!(RAW.try_lock_exclusive().is_none());
    /// // SAFETY: this is a reader's guard of this lock.
    /// unsafe { RAW.unlock_shared(guard) };
    /// assert!(!RAW.is_locked());
    /// ```
    RawRwLock, Scope::Private
}

#[cfg(unix)]
raw_rw_lock! {
    /// A raw reader-writer lock: an [`RwLock`](crate::RwLock) of four bytes, between processes. [`SharedRwLock`] is the
    /// [`lock_api::RwLock`](::lock_api::RwLock) over it.
    ///
    /// # Examples
    ///
    /// ```
    /// use lock_api::RawRwLock as _;
    /// use slotsync::lock_api::RawSharedRwLock;
    ///
    /// let raw = RawSharedRwLock::INIT; // Or four zeros, in memory that is shared.
    /// let guard = raw.lock_exclusive();
    /// assert!(raw.try_lock_shared().is_none());
    /// // SAFETY: this is the writer's guard of this lock.
    /// unsafe { raw.unlock_exclusive(guard) };
    /// ```
    RawSharedRwLock, Scope::Shared
}

/// Data, and the lock under which many agents read it or one writes it, for the threads of one process.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{RwLock, RwLockWriteGuard};
///
/// static SETTINGS: RwLock<(u32, u32)> = RwLock::new((0, 0));
/// let mut guard = SETTINGS.write();
/// *guard = (1, 2);
/// let guard = RwLockWriteGuard::downgrade(guard); // No other thread writes in between.
/// assert_eq!(*SETTINGS.read(), *guard);
/// ```
pub type RwLock<T> = ::lock_api::RwLock<RawRwLock, T>;
/// The guard of a reader of an [`RwLock`]: gives access to the data, and unlocks when dropped.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{RwLock, RwLockReadGuard};
///
/// let number = RwLock::new(1);
/// let [one, other]: [RwLockReadGuard<'_, i32>; 2] = [number.read(), number.read()];
/// assert_eq!(*one, *other);
/// ```
pub type RwLockReadGuard<'a, T> = ::lock_api::RwLockReadGuard<'a, RawRwLock, T>;
/// The guard of the writer of an [`RwLock`]: gives access to the data, and unlocks when dropped.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{RwLock, RwLockWriteGuard};
///
/// let number = RwLock::new(1);
/// let mut guard: RwLockWriteGuard<'_, i32> = number.write();
/// *guard += 1;
/// ```
pub type RwLockWriteGuard<'a, T> = ::lock_api::RwLockWriteGuard<'a, RawRwLock, T>;
/// The guard of a reader of an [`RwLock`], with access to a part of the data.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
///
/// let pair = RwLock::new((1, "one"));
/// let name: MappedRwLockReadGuard<'_, &str> = RwLockReadGuard::map(pair.read(), |pair| &pair.1);
/// assert_eq!(*name, "one");
/// ```
pub type MappedRwLockReadGuard<'a, T> = ::lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;
/// The guard of the writer of an [`RwLock`], with access to a part of the data.
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
///
/// let pair = RwLock::new((1, "one"));
/// let mut name: MappedRwLockWriteGuard<'_, &str> = RwLockWriteGuard::map(pair.write(), |pair| &mut pair.1);
/// *name = "uno";
/// ```
pub type MappedRwLockWriteGuard<'a, T> = ::lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

/// Data, and the lock under which many agents read it or one writes it, between processes, in memory that they share.
/// See [which processes can share it](crate::lock_api#cross-process).
///
/// # Examples
///
/// ```
/// use slotsync::lock_api::SharedRwLock;
///
/// let number = SharedRwLock::new(5); // In memory that is shared.
/// *number.write() += 1;
/// assert_eq!(*number.read(), 6);
/// ```
#[cfg(unix)]
pub type SharedRwLock<T> = ::lock_api::RwLock<RawSharedRwLock, T>;
/// The guard of a reader of a [`SharedRwLock`]: gives access to the data, and unlocks when dropped.
#[cfg(unix)]
pub type SharedRwLockReadGuard<'a, T> = ::lock_api::RwLockReadGuard<'a, RawSharedRwLock, T>;
/// The guard of the writer of a [`SharedRwLock`]: gives access to the data, and unlocks when dropped.
#[cfg(unix)]
pub type SharedRwLockWriteGuard<'a, T> = ::lock_api::RwLockWriteGuard<'a, RawSharedRwLock, T>;
/// The guard of a reader of a [`SharedRwLock`], with access to a part of the data.
#[cfg(unix)]
pub type MappedSharedRwLockReadGuard<'a, T> = ::lock_api::MappedRwLockReadGuard<'a, RawSharedRwLock, T>;
/// The guard of the writer of a [`SharedRwLock`], with access to a part of the data.
#[cfg(unix)]
pub type MappedSharedRwLockWriteGuard<'a, T> = ::lock_api::MappedRwLockWriteGuard<'a, RawSharedRwLock, T>;
