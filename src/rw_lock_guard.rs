//! The guards of a reader-writer lock, and the calls that return them.
#![forbid(unsafe_code)]

use crate::deadline;
use crate::error::Error;
use crate::futex::Class;
use crate::rw_lock::{MARKS, READERS_WAITING, RwLock, WRITERS_WAITING, WRITING, is_writing};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::mem;
use std::time::{Duration, Instant};

impl<'buf> RwLock<'buf> {
    /// Takes the lock to read, beside others that read, and sleeps until that is possible.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyReaders`]: there are [`MAX_READERS`](Self::MAX_READERS). Nothing changes.
    #[inline]
    pub fn read(&self) -> Result<RwLockReadGuard<'buf>, Error> {
        if !self.try_take_read()? {
            self.read_contended(None)?;
        }
        Ok(RwLockReadGuard { lock: *self })
    }

    /// Takes the lock to read, if nobody holds it, or if others read and no writer waits.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[inline]
    pub fn try_read(&self) -> Result<Option<RwLockReadGuard<'buf>>, Error> {
        // A closure: a guard that is made and dropped would unlock the lock under another reader.
        Ok(self.try_take_read()?.then(|| RwLockReadGuard { lock: *self }))
    }

    /// Takes the lock to read, or gives up after `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_for(&self, timeout: Duration) -> Result<Option<RwLockReadGuard<'buf>>, Error> {
        self.read_deadline(deadline::after(timeout))
    }

    /// Takes the lock to read, or gives up at `deadline`. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_until(&self, deadline: Instant) -> Result<Option<RwLockReadGuard<'buf>>, Error> {
        self.read_deadline(Some(deadline))
    }

    /// Takes the lock to write, alone, and sleeps until that is possible.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'buf> {
        if !self.try_take_write() {
            self.write_contended(None);
        }
        RwLockWriteGuard { lock: *self }
    }

    /// Takes the lock to write, if it is free.
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'buf>> {
        self.try_take_write().then(|| RwLockWriteGuard { lock: *self })
    }

    /// Takes the lock to write, or gives up after `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits
    /// forever.
    pub fn write_for(&self, timeout: Duration) -> Option<RwLockWriteGuard<'buf>> {
        self.write_deadline(deadline::after(timeout))
    }

    /// Takes the lock to write, or gives up at `deadline`. A deadline that has passed tries once.
    pub fn write_until(&self, deadline: Instant) -> Option<RwLockWriteGuard<'buf>> {
        self.write_deadline(Some(deadline))
    }

    /// Makes a writer a reader: nobody writes in between.
    pub(crate) fn downgrade(&self) {
        // With the marks: readers that come now queue behind a writer that waits. Release: publishes what was written.
        let turn = |was| is_writing(was).then_some(was & MARKS | 1);
        let Ok(was) = self.state.fetch_update(Release, Relaxed, turn) else { return };
        // The writers' mark may be false, if this one slept before it wrote: a writer shows that it is not, or all look again.
        if was & WRITERS_WAITING != 0 {
            self.withdraw();
        } else if was & READERS_WAITING != 0 {
            let _ = self.state.wake_class(u32::MAX, Class::READERS);
        }
    }

    /// Makes the only reader the writer. False: there are others.
    fn try_upgrade(&self) -> bool {
        // Acquire: what was read by others stays before. Pairs with the Release of unlock_read.
        let turn = |was| (was & !MARKS == 1).then_some(was ^ (WRITING | 1));
        self.state.fetch_update(Acquire, Relaxed, turn).is_ok()
    }

    fn read_deadline(&self, deadline: Option<Instant>) -> Result<Option<RwLockReadGuard<'buf>>, Error> {
        let is_taken = self.try_take_read()? || !deadline::has_passed(deadline) && self.read_contended(deadline)?;
        Ok(is_taken.then(|| RwLockReadGuard { lock: *self }))
    }

    fn write_deadline(&self, deadline: Option<Instant>) -> Option<RwLockWriteGuard<'buf>> {
        (self.try_take_write() || !deadline::has_passed(deadline) && self.write_contended(deadline))
            .then(|| RwLockWriteGuard { lock: *self })
    }
}

/// Holds an [`RwLock`] to read, and unlocks it when dropped.
///
/// It borrows the buffer, not the handle, and is `Send` and `Sync`: any agent may unlock.
#[derive(Debug)]
#[must_use = "the lock is unlocked when its guard is dropped"]
pub struct RwLockReadGuard<'buf> {
    lock: RwLock<'buf>,
}

impl<'buf> RwLockReadGuard<'buf> {
    /// The lock that this guard holds.
    pub fn lock(&self) -> RwLock<'buf> {
        self.lock
    }

    /// Goes on to write, if nobody else reads, without letting go of the lock. It overtakes writers that wait.
    ///
    /// # Errors
    ///
    /// This guard, which holds the lock as before: others read. To wait for them could be for ever, if one of them does so
    /// too: unlock, take the lock to write, and look again at what was read.
    pub fn try_upgrade(self) -> Result<RwLockWriteGuard<'buf>, Self> {
        if !self.lock.try_upgrade() {
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
        // Not held is no error here: another agent was free to unlock it.
        let _ = self.lock.unlock_read();
    }
}

/// Holds an [`RwLock`] to write, and unlocks it when dropped.
///
/// It borrows the buffer, not the handle, and is `Send` and `Sync`: any agent may unlock.
#[derive(Debug)]
#[must_use = "the lock is unlocked when its guard is dropped"]
pub struct RwLockWriteGuard<'buf> {
    lock: RwLock<'buf>,
}

impl<'buf> RwLockWriteGuard<'buf> {
    /// The lock that this guard holds.
    pub fn lock(&self) -> RwLock<'buf> {
        self.lock
    }

    /// Goes on to read, without letting go of the lock: nobody writes in between. Others may read with it, unless a writer
    /// waits.
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
        // Not held is no error here: another agent was free to unlock it.
        let _ = self.lock.unlock_write();
    }
}

static_assertions::assert_impl_all!(RwLockReadGuard<'static>: Send, Sync);
static_assertions::assert_impl_all!(RwLockWriteGuard<'static>: Send, Sync);
