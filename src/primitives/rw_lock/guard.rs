//! The guards of a reader-writer lock, and the calls that return them.
#![forbid(unsafe_code)]

use super::RwLock;
use crate::deadline::{By, Deadline, Never};
use crate::error::TimedOut;
use crate::words::handles;
use core::mem;
use std::time::{Duration, Instant};

impl<'buf> RwLock<'buf> {
    /// Acquires the lock for reading, beside other readers, blocking until that is possible.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'buf> {
        let Ok(guard) = self.read_by(|| Never);
        guard
    }

    /// Acquires the lock for reading, if nobody holds it, or if others read and no writer waits.
    #[inline]
    #[must_use = "the lock is released when its guard is dropped"]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'buf>> {
        // A closure: a guard that is made and dropped would unlock the lock under another reader.
        self.try_take_read().then(|| RwLockReadGuard { lock: *self })
    }

    /// Acquires the lock for reading, blocking for at most `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`]
    /// waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the lock was not available in time.
    pub fn read_for(&self, timeout: Duration) -> Result<RwLockReadGuard<'buf>, TimedOut> {
        self.read_by(|| By::after(timeout))
    }

    /// Acquires the lock for reading, blocking until `deadline` at most. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the lock was not available in time.
    pub fn read_until(&self, deadline: Instant) -> Result<RwLockReadGuard<'buf>, TimedOut> {
        self.read_by(|| By::at(deadline))
    }

    /// Acquires the lock for writing, alone, blocking until that is possible.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'buf> {
        let Ok(guard) = self.write_by(|| Never);
        guard
    }

    /// Acquires the lock for writing, if nobody holds it.
    #[inline]
    #[must_use = "the lock is released when its guard is dropped"]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'buf>> {
        self.try_take_write().then(|| RwLockWriteGuard { lock: *self })
    }

    /// Acquires the lock for writing, blocking for at most `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`]
    /// waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the lock was not available in time.
    pub fn write_for(&self, timeout: Duration) -> Result<RwLockWriteGuard<'buf>, TimedOut> {
        self.write_by(|| By::after(timeout))
    }

    /// Acquires the lock for writing, blocking until `deadline` at most. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the lock was not available in time.
    pub fn write_until(&self, deadline: Instant) -> Result<RwLockWriteGuard<'buf>, TimedOut> {
        self.write_by(|| By::at(deadline))
    }

    #[inline]
    fn read_by<D: Deadline>(&self, deadline: impl FnOnce() -> D) -> Result<RwLockReadGuard<'buf>, D::Elapsed> {
        if !self.try_take_read() {
            self.read_contended(deadline())?;
        }
        Ok(RwLockReadGuard { lock: *self })
    }

    #[inline]
    fn write_by<D: Deadline>(&self, deadline: impl FnOnce() -> D) -> Result<RwLockWriteGuard<'buf>, D::Elapsed> {
        if !self.try_take_write() {
            self.write_contended(deadline())?;
        }
        Ok(RwLockWriteGuard { lock: *self })
    }
}

/// Holds an [`RwLock`] for reading, and releases it when dropped.
///
/// The guard borrows the buffer, not the handle. It is `Send` and `Sync`, because any agent may unlock.
#[derive(Debug)]
#[must_use = "the lock is released when its guard is dropped"]
pub struct RwLockReadGuard<'buf> {
    lock: RwLock<'buf>,
}

impl<'buf> RwLockReadGuard<'buf> {
    /// Returns the lock that this guard holds.
    pub fn lock(&self) -> RwLock<'buf> {
        self.lock
    }

    /// Makes the reader the writer if nobody else reads, without releasing the lock. It overtakes waiting writers.
    ///
    /// # Errors
    ///
    /// Returns this guard, which holds the lock as before, if others read. Waiting for them could take forever, because one
    /// of them may be waiting in the same way. Instead drop the guard, acquire the lock for writing, and read again.
    pub fn try_upgrade(self) -> Result<RwLockWriteGuard<'buf>, Self> {
        if !self.lock.try_turn_writer() {
            return Err(self);
        }
        let lock = self.lock;
        mem::forget(self);
        Ok(RwLockWriteGuard { lock })
    }
}

impl Drop for RwLockReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A lock that is not held is not an error here: another agent was free to release it.
        let _ = self.lock.unlock_read();
    }
}

/// Holds an [`RwLock`] for writing, and releases it when dropped.
///
/// The guard borrows the buffer, not the handle. It is `Send` and `Sync`, because any agent may unlock.
#[derive(Debug)]
#[must_use = "the lock is released when its guard is dropped"]
pub struct RwLockWriteGuard<'buf> {
    lock: RwLock<'buf>,
}

impl<'buf> RwLockWriteGuard<'buf> {
    /// Returns the lock that this guard holds.
    pub fn lock(&self) -> RwLock<'buf> {
        self.lock
    }

    /// Makes the writer a reader, without releasing the lock: nobody writes in between. Others may read beside it, unless a
    /// writer waits.
    pub fn downgrade(self) -> RwLockReadGuard<'buf> {
        // Does nothing if another agent has unlocked it, as it was free to: the guard then holds nothing.
        self.lock.downgrade();
        let lock = self.lock;
        mem::forget(self);
        RwLockReadGuard { lock }
    }
}

impl Drop for RwLockWriteGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A lock that is not held is not an error here: another agent was free to release it.
        let _ = self.lock.unlock_write();
    }
}

handles! { RwLockReadGuard RwLockWriteGuard }

static_assertions::assert_impl_all!(RwLockReadGuard<'static>: Send, Sync);
static_assertions::assert_impl_all!(RwLockWriteGuard<'static>: Send, Sync);
