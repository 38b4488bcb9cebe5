//! A mutual-exclusion lock in one slot: Drepper's mutex 3 (*Futexes Are Tricky*), on the words of Hansen's `lock.js`.
#![forbid(unsafe_code)]

use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, NotHeld, TimedOut};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Look, Slot, handles, primitive, spin_while, wait_until_done};
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
/// A `Lock` is a `Copy` handle: the whole state of the lock is the word, and all handles over one word are one lock. It is
/// **not recursive**: locking it twice deadlocks. It has **no owner**: any agent may unlock it, which lets one agent hand
/// it to another. It is **never poisoned**, and it is not fair.
///
/// Locking and unlocking take two atomic operations and no system call when no other agent wants the lock.
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
/// An agent that locks a lock it already holds waits for itself. All agents must take two locks in the same order.
///
/// # Cross-process
///
/// Every process that maps the memory may lock, unlock and wait. If a process dies while it *waits* or *unlocks*, other
/// waiters recover within one second.
///
/// If a process dies while it *holds* the lock, the lock stays held. The word does not say which agent holds it, so a
/// waiter whose time runs out cannot tell a dead holder from a slow one, or from another waiter that has just recovered
/// the lock. Unlocking on behalf of the dead process is sound only after every other process that uses the lock has been
/// stopped: then repair the data, and [`initialize`](Self::initialize) the lock.
///
/// # Source
///
/// Ulrich Drepper, *Futexes Are Tricky* (2011), section 6, mutex 3; Lars T. Hansen, `lock.js`, which has the same words 0,
/// 1 and 2. The states are described in the book, `docs/src/abi.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock<'buf> {
    state: Slot<'buf>,
}

impl<'buf> Lock<'buf> {
    /// The number of slots of a lock.
    pub const SLOTS: usize = 1;

    /// Returns the lock in slot `index`. Writes nothing: a slot of fresh memory is an unlocked lock.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` an unlocked lock, whatever it holds, and wakes nobody. One agent may do this while no other agent
    /// uses the lock.
    ///
    /// Fresh memory needs no such call. Memory that outlives its users, such as a file, may contain a held lock.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let lock = Self::new(buffer, index)?;
        // Release: publishes what was repaired. Pairs with the Acquire of the first agent that takes the lock.
        lock.state.store(UNLOCKED, Release);
        Ok(lock)
    }

    /// Returns the lock in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Returns the scope of the lock: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.state.scope()
    }

    /// Acquires the lock, blocking until it is available.
    #[inline]
    pub fn lock(&self) -> LockGuard<'buf> {
        let Ok(guard) = self.lock_by(|| Never);
        guard
    }

    /// Acquires the lock if it is available.
    #[inline]
    #[must_use = "the lock is released when its guard is dropped"]
    pub fn try_lock(&self) -> Option<LockGuard<'buf>> {
        // A closure: a guard that is made and dropped would unlock the lock under its holder.
        self.try_take().then(|| LockGuard { lock: *self })
    }

    /// Acquires the lock, blocking for at most `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the lock was not available in time.
    pub fn lock_for(&self, timeout: Duration) -> Result<LockGuard<'buf>, TimedOut> {
        self.lock_by(|| By::after(timeout))
    }

    /// Acquires the lock, blocking until `deadline` at most. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the lock was not available in time.
    pub fn lock_until(&self, deadline: Instant) -> Result<LockGuard<'buf>, TimedOut> {
        self.lock_by(|| By::at(deadline))
    }

    /// Returns `true` if an agent holds the lock. The answer may be out of date when it arrives.
    pub fn is_locked(&self) -> bool {
        self.state.load(Relaxed) != UNLOCKED
    }

    /// Releases the lock without a guard.
    ///
    /// This is for a lock that another agent acquired and handed over, and for one whose guard was
    /// [forgotten](std::mem::forget). Any agent may do this. It is async-signal-safe, but may change `errno`.
    ///
    /// # Errors
    ///
    /// Returns [`NotHeld`] if nobody holds the lock. It stays as it is.
    ///
    /// # Examples
    ///
    /// One agent acquires the lock, and another releases it:
    ///
    /// ```
    /// # use slotsync::{Lock, NotHeld, SharedBuffer};
    /// let buffer = SharedBuffer::new(4)?;
    /// let lock = Lock::new(&buffer, 0)?;
    /// std::mem::forget(lock.lock());
    /// std::thread::scope(|threads| threads.spawn(move || lock.unlock()).join().unwrap())?;
    /// assert!(!lock.is_locked());
    /// assert_eq!(lock.unlock(), Err(NotHeld));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn unlock(&self) -> Result<(), NotHeld> {
        // Release: publishes what the holder wrote. Pairs with the Acquires of the agents that take the lock.
        let was = self.state.swap(UNLOCKED, Release);
        // From here on the next holder may free the memory: a wake uses the address alone.
        match was {
            UNLOCKED => Err(NotHeld),
            LOCKED => Ok(()),
            _ => {
                self.state.wake(1);
                Ok(())
            }
        }
    }

    #[inline]
    pub(crate) fn lock_by<D: Deadline>(&self, deadline: impl FnOnce() -> D) -> Result<LockGuard<'buf>, D::Elapsed> {
        if !self.try_take() {
            self.lock_contended(deadline())?;
        }
        Ok(LockGuard { lock: *self })
    }

    #[inline]
    fn try_take(&self) -> bool {
        // Acquire: makes what the last holder wrote visible. Pairs with the Release of unlock. Relaxed: a failure reads
        // nothing that the lock protects.
        self.state.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_ok()
    }

    /// Spins, then sleeps.
    #[cold]
    fn lock_contended<D: Deadline>(&self, deadline: D) -> Result<(), D::Elapsed> {
        deadline.check()?;
        // While nobody sleeps, the holder is likely to be done soon. Relaxed: taking it will acquire.
        if spin_while(|| self.state.load(Relaxed) == LOCKED) && self.try_take() {
            return Ok(());
        }
        // We may sleep, and may have slept: from here on we take the lock as contended only, since we cannot know
        // whether others sleep beside us. A waiter that gives up leaves the mark behind: it is legal to say falsely, and
        // others may need it. Acquire: as in try_take.
        wait_until_done(deadline, Class::ANY, |_| match self.state.swap(CONTENDED, Acquire) {
            UNLOCKED => Look::Done(()),
            _ => Look::Sleep(self.state, CONTENDED),
        })
    }
}

/// Holds a [`Lock`], and releases it when dropped.
///
/// The guard borrows the buffer, not the handle. It is `Send` and `Sync`, because any agent may release the lock. If
/// another agent has already released it, dropping the guard releases it once more if it is held then, and otherwise does
/// nothing.
#[derive(Debug)]
#[must_use = "the lock is released when its guard is dropped"]
pub struct LockGuard<'buf> {
    lock: Lock<'buf>,
}

impl<'buf> LockGuard<'buf> {
    /// Makes the guard of a lock that is held and whose guard was forgotten.
    #[allow(dead_code, reason = "for the feature `lock_api`")]
    pub(crate) fn of(lock: Lock<'buf>) -> Self {
        Self { lock }
    }

    /// Returns the lock that this guard holds.
    pub fn lock(&self) -> Lock<'buf> {
        self.lock
    }
}

impl Drop for LockGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A lock that is not held is not an error here: another agent was free to release it.
        let _ = self.lock.unlock();
    }
}

primitive! { Lock }
handles! { LockGuard }

static_assertions::assert_impl_all!(LockGuard<'static>: Send, Sync);
