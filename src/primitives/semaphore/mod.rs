//! A counting semaphore in one slot: permits and two marks, as `word` describes. The marks lie in the word of the permits,
//! which glibc's `sem_post` lacked (BZ 12674), and an agent that slept passes the wake on.
#![forbid(unsafe_code)]

use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, TimedOut, TooManyPermits};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Look, Slot, primitive, spin_while, wait_until_done};
use core::mem;
use std::time::{Duration, Instant};

mod permit;
mod word;

pub use permit::Permit;
use word::{MANY_WAITING, PERMITS_MASK, WAITING, available, in_range};

/// A counting semaphore over one slot, between threads and between processes.
///
/// A `Semaphore` is a `Copy` handle: its whole state is the word. It has no owner. One agent may release a permit that
/// another acquired, and agents may release *more* permits than were ever acquired, which is how one agent signals another.
///
/// It is **never poisoned** and not fair. An agent that arrives may overtake one that sleeps. An agent that needs many
/// permits may wait for long beside others that need one.
///
/// # Examples
///
/// At most two at a time:
///
/// ```
/// use slotsync::{Semaphore, SharedBuffer};
///
/// let buffer = SharedBuffer::new(4)?;
/// let semaphore = Semaphore::initialize(&buffer, 0, 2)?;
/// std::thread::scope(|threads| {
///     for _ in 0..4 {
///         threads.spawn(move || {
///             let _permit = semaphore.permit();
///             // ...
///         });
///     }
/// });
/// assert_eq!(semaphore.permits(), 2);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Cross-process
///
/// Every process that maps the memory may acquire, release and wait. If a process dies while it *holds* permits, they are
/// gone: an agent that knows how many may release them on its behalf. If a process dies while it *waits* or *releases*,
/// other waiters recover within one second.
///
/// # Source
///
/// Edsger W. Dijkstra, *Cooperating sequential processes* (1965), P and V. A mark in the word itself is the lesson of glibc
/// BZ 12674. Passing the wake on follows from taking that mark away. The states are described in the book,
/// `docs/src/semaphore.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Semaphore<'buf> {
    permits: Slot<'buf>,
}

impl<'buf> Semaphore<'buf> {
    /// The number of slots of a semaphore.
    pub const SLOTS: usize = 1;
    /// The maximum number of permits: 2³⁰ - 1.
    pub const MAX_PERMITS: u32 = PERMITS_MASK as u32;

    /// Returns the semaphore in slot `index`. Writes nothing: a slot of fresh memory is a semaphore without permits.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` a semaphore with this number of permits, whatever it holds, and wakes nobody. One agent may do
    /// this while no other agent uses the semaphore. If no agent is known to be the first, leave the memory as it is, and
    /// [`release`](Self::release) permits instead.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot, and [`Error::TooManyPermits`] if the number exceeds
    /// [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, permits: u32) -> Result<Self, Error> {
        let semaphore = Self::new(buffer, index)?;
        let permits = in_range(permits.into())?;
        // Release: pairs with the Acquire of the first agent that takes a permit.
        semaphore.permits.store(permits, Release);
        Ok(semaphore)
    }

    /// Returns the semaphore in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(permits: Slot<'buf>) -> Self {
        Self { permits }
    }

    /// Returns the scope of the semaphore: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.permits.scope()
    }

    /// Acquires a permit, blocking until there is one.
    #[inline]
    pub fn acquire(&self) {
        let Ok(()) = self.acquire_by(1, || Never);
    }

    /// Acquires a permit if there is one, and returns `true` if it did.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.try_take(1)
    }

    /// Acquires a permit, blocking for at most `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if there was no permit in time.
    pub fn acquire_for(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.acquire_by(1, || By::after(timeout))
    }

    /// Acquires a permit, blocking until `deadline` at most. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if there was no permit in time.
    pub fn acquire_until(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.acquire_by(1, || By::at(deadline))
    }

    /// Acquires `count` permits at once, blocking until there are enough. It takes none before.
    ///
    /// # Errors
    ///
    /// Returns [`TooManyPermits`] if `count` exceeds [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Deadlock
    ///
    /// Two agents that each acquire some permits and then some more can wait for each other. Acquire all of them at once.
    pub fn acquire_many(&self, count: u32) -> Result<(), TooManyPermits> {
        let Ok(acquired) = self.acquire_many_by(count, Never);
        acquired
    }

    /// Acquires `count` permits if there are enough, and otherwise none. Returns `true` if it did.
    ///
    /// # Errors
    ///
    /// Returns [`TooManyPermits`] as [`acquire_many`](Self::acquire_many) does.
    pub fn try_acquire_many(&self, count: u32) -> Result<bool, TooManyPermits> {
        Ok(self.try_take(in_range(count.into())?))
    }

    /// Acquires `count` permits at once, blocking for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if there were not enough in time; then it takes none. The inner result is that of
    /// [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Semaphore, SharedBuffer, TimedOut};
    /// use std::time::Duration;
    ///
    /// fn two(semaphore: Semaphore<'_>) -> Result<(), Error> {
    ///     Ok(semaphore.acquire_many_for(2, Duration::from_millis(1))??)
    /// }
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let semaphore = Semaphore::initialize(&buffer, 0, 3)?;
    /// assert_eq!(two(semaphore), Ok(()));
    /// assert_eq!(two(semaphore), Err(TimedOut.into()));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn acquire_many_for(&self, count: u32, timeout: Duration) -> Result<Result<(), TooManyPermits>, TimedOut> {
        self.acquire_many_by(count, By::after(timeout))
    }

    /// Acquires `count` permits at once, blocking until `deadline` at most.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`acquire_many_for`](Self::acquire_many_for).
    pub fn acquire_many_until(&self, count: u32, deadline: Instant) -> Result<Result<(), TooManyPermits>, TimedOut> {
        self.acquire_many_by(count, By::at(deadline))
    }

    /// Returns the number of permits. The answer may be out of date when it arrives.
    pub fn permits(&self) -> u32 {
        available(self.permits.load(Relaxed)) as u32
    }

    /// Adds `count` permits, and wakes agents that wait for them. Any agent may do this, whether it has acquired permits or
    /// not. This is async-signal-safe, but may change `errno`.
    ///
    /// # Errors
    ///
    /// Returns [`TooManyPermits`] if there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS). Then nothing changes.
    ///
    /// # Examples
    ///
    /// One agent acquires a permit, and another releases it:
    ///
    /// ```
    /// # use slotsync::{Semaphore, SharedBuffer};
    /// let buffer = SharedBuffer::new(4)?;
    /// let semaphore = Semaphore::initialize(&buffer, 0, 1)?;
    /// std::mem::forget(semaphore.permit());
    /// std::thread::scope(|threads| threads.spawn(move || semaphore.release(1)).join().unwrap())?;
    /// assert_eq!(semaphore.permits(), 1);
    /// assert!(semaphore.release(Semaphore::MAX_PERMITS).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn release(&self, count: u32) -> Result<(), TooManyPermits> {
        if count == 0 {
            return Ok(());
        }
        let sum = |was| in_range(available(was) as u64 + u64::from(count));
        let mut was = self.permits.load(Relaxed);
        // The marks go: agents that are woken set them again. Release: publishes what was done under the permits. Pairs
        // with the Acquire of the agents that take them: the takes and marks in between are read-modify-writes, which hand
        // it on. Lock-free: each further turn takes a write by a peer in between.
        while let Err(now) = self.permits.compare_exchange(was, sum(was)?, Release, Relaxed) {
            was = now;
        }
        // From here on, an agent that took a permit may free the memory: a wake uses the address alone.
        self.wake(was, count);
        Ok(())
    }

    #[inline]
    fn wake(&self, marks: i32, count: u32) {
        if marks & MANY_WAITING != 0 {
            self.permits.wake(u32::MAX);
        } else if marks & WAITING != 0 {
            self.permits.wake(count);
        }
    }

    #[inline]
    fn try_take(&self, count: i32) -> bool {
        let mut was = self.permits.load(Relaxed);
        while available(was) >= count {
            match self.take(was, count) {
                Ok(_) => return true,
                Err(now) => was = now,
            }
        }
        false
    }

    /// Takes permits from a word that has enough, and leaves the marks.
    #[inline]
    fn take(&self, was: i32, count: i32) -> Result<i32, i32> {
        // Acquire: makes what was done before the release visible. Pairs with the Release there. It fails only if a peer
        // has written meanwhile.
        self.permits.compare_exchange(was, was - count, Acquire, Relaxed)
    }

    #[inline]
    fn acquire_by<D: Deadline>(&self, count: i32, deadline: impl FnOnce() -> D) -> Result<(), D::Elapsed> {
        if self.try_take(count) { Ok(()) } else { self.acquire_contended(count, deadline()) }
    }

    fn acquire_many_by<D: Deadline>(&self, count: u32, deadline: D) -> Result<Result<(), TooManyPermits>, D::Elapsed> {
        match in_range(count.into()) {
            Ok(count) => self.acquire_by(count, || deadline).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Spins, then sleeps.
    #[cold]
    fn acquire_contended<D: Deadline>(&self, count: i32, deadline: D) -> Result<(), D::Elapsed> {
        deadline.check()?;
        let mark = if count == 1 { WAITING } else { MANY_WAITING };
        // While the word is below the count, marks included, nobody sleeps, and a release may come soon. Relaxed: taking
        // a permit will acquire.
        if spin_while(|| (0..count).contains(&self.permits.load(Relaxed))) && self.try_take(count) {
            return Ok(());
        }
        let mut must_wake = false;
        wait_until_done(deadline, Class::ANY, |_| {
            // We may sleep, and may have slept: we leave only with our mark in the word, which a release may have taken
            // away for a wake that came to us while others sleep beside us. Relaxed: a mark publishes nothing.
            let was = self.permits.fetch_or(mark, Relaxed);
            let marked = was | mark;
            // A wake of one may be under way, sent when no mark said that an agent needs several: from now on it can reach
            // one of those, by this mark or beside it. The agent that set the mark must wake another, even if it does not
            // sleep itself.
            must_wake |= mark == MANY_WAITING && was & MANY_WAITING == 0;
            if available(marked) >= count && self.take(marked, count).is_ok() {
                self.pass_on(marked - count);
                return Look::Done(());
            }
            if mem::take(&mut must_wake) && available(marked) > 0 {
                self.pass_on(marked);
                return Look::Again;
            }
            if available(marked) >= count {
                return Look::Again;
            }
            Look::Sleep(self.permits, marked)
        })
    }

    /// Wakes others for what is left, when one release has woken us, and the next found no mark though they slept.
    fn pass_on(&self, left: i32) {
        if available(left) > 0 {
            self.wake(left, 1);
        }
    }
}

primitive! { Semaphore }
