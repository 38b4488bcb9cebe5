//! A mutual-exclusion lock in one slot: Drepper's mutex 3 (*Futexes Are Tricky*), on the words of Hansen's `lock.js`.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::error::Error;
use crate::futex::Scope;
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::{deadline, spin};
use std::time::{Duration, Instant};

/// No agent holds the lock. Zero, so that fresh memory is an unlocked lock.
const UNLOCKED: i32 = 0;
/// Held, and nobody sleeps: unlocking need not wake. Illegal to say while somebody sleeps.
const LOCKED: i32 = 1;
/// Held, and somebody may sleep. Legal to say falsely (one vain wake); illegal to omit (a lost wakeup). Every other
/// value, which only a stranger can have written, is taken for this one.
const CONTENDED: i32 = 2;

/// A mutual-exclusion lock over one slot, between threads and between processes.
///
/// A `Lock` is a `Copy` handle: the lock's whole state is the word, and all handles over one word are one lock. It is
/// **not recursive** (locking it twice deadlocks), has **no owner** (any agent may unlock it: that is what lets one
/// agent hand it to another), is **never poisoned**, and makes no promise of fairness.
///
/// Two atomic operations and no system call lock and unlock it when nobody else wants it.
///
/// # Examples
///
/// ```
/// use slotsync::{Lock, SharedBuffer};
/// use std::sync::atomic::Ordering::Relaxed;
///
/// let buffer = SharedBuffer::new(8)?;
/// let lock = Lock::new(&buffer, 0)?;
/// let total = buffer.slot(1)?;
/// std::thread::scope(|threads| {
///     for _ in 0..4 {
///         threads.spawn(move || {
///             for _ in 0..1000 {
///                 let _guard = lock.lock();
///                 total.store(total.load(Relaxed) + 1, Relaxed);
///             }
///         });
///     }
/// });
/// assert_eq!(total.load(Relaxed), 4000);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// Locking a lock that this agent holds already waits for itself. Two locks must be taken in one order by all.
///
/// # Cross-process
///
/// Every process that maps the memory may lock, unlock and wait. If a process dies while it *holds* the lock, the lock
/// stays held: find out by [`lock_for`](Self::lock_for), repair the data, and call [`unlock`](Self::unlock) in its
/// name. If it dies while it *waits* or *unlocks*, nobody is stranded for more than one second.
///
/// # Source
///
/// Ulrich Drepper, *Futexes Are Tricky* (2011), section 6, mutex 3; Lars T. Hansen, `lock.js`, whose words 0, 1 and 2
/// these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock<'buf> {
    state: Slot<'buf>,
}

impl<'buf> Lock<'buf> {
    /// How many slots a lock takes.
    pub const SLOTS: usize = 1;

    /// The lock in slot `index`. Writes nothing: a slot of fresh memory is an unlocked lock.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` an unlocked lock, whatever it holds, and wakes nobody: for one agent, while no other uses it.
    ///
    /// Fresh memory needs no such call. Memory that outlived its users, as a file does, may hold a held lock.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let lock = Self::new(buffer, index)?;
        // Release: pairs with the Acquire of the first who takes it.
        lock.state.store(UNLOCKED, Release);
        Ok(lock)
    }

    /// The lock in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Who can use the lock: the scope of its memory.
    pub fn scope(&self) -> Scope {
        self.state.scope()
    }

    /// Takes the lock, and sleeps until that is possible.
    #[inline]
    pub fn lock(&self) -> LockGuard<'buf> {
        if !self.try_take() {
            self.lock_contended(None);
        }
        LockGuard { lock: *self }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<LockGuard<'buf>> {
        // A closure: a guard that is made and dropped would unlock the lock under its holder.
        self.try_take().then(|| LockGuard { lock: *self })
    }

    /// Takes the lock, or gives up after `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    pub fn lock_for(&self, timeout: Duration) -> Option<LockGuard<'buf>> {
        self.try_lock().or_else(|| self.lock_deadline(deadline::after(timeout)))
    }

    /// Takes the lock, or gives up at `deadline`. A deadline that has passed tries once.
    pub fn lock_until(&self, deadline: Instant) -> Option<LockGuard<'buf>> {
        self.try_lock().or_else(|| self.lock_deadline(Some(deadline)))
    }

    /// Does any agent hold the lock? By the time of the answer that may have changed.
    pub fn is_locked(&self) -> bool {
        self.state.load(Relaxed) != UNLOCKED
    }

    /// Unlocks without a guard: for a lock that another agent took and handed over, or whose guard was
    /// [forgotten](std::mem::forget). Any agent may do this. It is async-signal-safe, but may change `errno`.
    ///
    /// # Errors
    ///
    /// [`Error::NotHeld`]: nobody holds the lock. It stays as it is.
    ///
    /// # Examples
    ///
    /// The lock is taken by one agent and opened by another:
    ///
    /// ```
    /// # use slotsync::{Error, Lock, SharedBuffer};
    /// let buffer = SharedBuffer::new(4)?;
    /// let lock = Lock::new(&buffer, 0)?;
    /// std::mem::forget(lock.lock());
    /// std::thread::scope(|threads| threads.spawn(move || lock.unlock()).join().unwrap())?;
    /// assert!(!lock.is_locked());
    /// assert_eq!(lock.unlock(), Err(Error::NotHeld));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn unlock(&self) -> Result<(), Error> {
        // Release: publishes what the holder wrote. Pairs with the Acquires of those who take the lock.
        let was = self.state.swap(UNLOCKED, Release);
        // From here on the next holder may free the memory: a wake uses the address alone.
        match was {
            UNLOCKED => Err(Error::NotHeld),
            LOCKED => Ok(()),
            _ => {
                self.state.wake(1);
                Ok(())
            }
        }
    }

    #[inline]
    fn try_take(&self) -> bool {
        // Acquire: what the last holder wrote is seen. Pairs with the Release of unlock. Relaxed: a failure reads
        // nothing that the lock protects.
        self.state.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_ok()
    }

    fn lock_deadline(&self, deadline: Option<Instant>) -> Option<LockGuard<'buf>> {
        (!deadline::has_passed(deadline) && self.lock_contended(deadline)).then(|| LockGuard { lock: *self })
    }

    /// Spins, then sleeps. False: the deadline passed.
    #[cold]
    fn lock_contended(&self, deadline: Option<Instant>) -> bool {
        // While nobody sleeps, the holder is likely to be done soon. Relaxed: taking it will acquire.
        if spin::spin_while(|| self.state.load(Relaxed) == LOCKED) && self.try_take() {
            return true;
        }
        let mut sleeper = Sleeper::until(deadline);
        // We may sleep, and may have slept: from here on we take the lock as contended only, since we cannot know
        // whether others sleep beside us. Acquire: as in try_take.
        while self.state.swap(CONTENDED, Acquire) != UNLOCKED {
            // Who gives up leaves the mark behind: it is legal to say falsely, and others may need it.
            if sleeper.is_late() {
                return false;
            }
            sleeper.sleep(self.state, CONTENDED);
        }
        sleeper.done();
        true
    }
}

/// Holds a [`Lock`], and unlocks it when dropped.
///
/// It borrows the buffer, not the handle. It is `Send` and `Sync`: any agent may unlock. If somebody else has unlocked
/// the lock meanwhile, dropping this does so again, if it is held then, or else does nothing.
#[derive(Debug)]
#[must_use = "the lock is unlocked when its guard is dropped"]
pub struct LockGuard<'buf> {
    /// For `lock_api` too, where a guard is made again for a lock that is held and whose guard was forgotten.
    pub(crate) lock: Lock<'buf>,
}

impl<'buf> LockGuard<'buf> {
    /// The lock that this guard holds.
    pub fn lock(&self) -> Lock<'buf> {
        self.lock
    }
}

impl Drop for LockGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // Not held is no error here: another agent was free to unlock it.
        let _ = self.lock.unlock();
    }
}

static_assertions::assert_impl_all!(LockGuard<'static>: Send, Sync);
