//! A counting semaphore in one slot: permits and two marks. The marks in the word of the permits are what glibc's
//! `sem_post` lacked (BZ 12674), and who slept passes the wake on.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline::{self, Outcome};
use crate::error::Error;
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::spin;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use core::mem;
use std::time::{Duration, Instant};

/// How many permits there are. Zero, so fresh memory is a semaphore without any.
const PERMITS_MASK: i32 = (1 << 30) - 1;
/// Somebody may sleep. Legal to say falsely (one vain wake); illegal to omit, unless one who was woken is on its way: it
/// will say so again and pass the wake on.
const WAITING: i32 = 1 << 30;
/// Somebody may sleep who needs several permits: whoever wakes must wake all, or it could swallow the one wake that
/// another, who needs fewer, could use. Legal to say falsely; illegal to omit.
const MANY_WAITING: i32 = i32::MIN;

/// A counting semaphore over one slot, between threads and between processes.
///
/// A `Semaphore` is a `Copy` handle: all its state is the word. It has no owner: a permit that one agent acquires may be
/// released by another, and *more* may be released than were ever acquired, which is how one agent signals another.
/// It is **never poisoned** and makes no promise of fairness: who arrives may overtake who sleeps, and who needs many
/// permits may wait for long beside others who need one.
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
/// Every process that maps the memory may acquire, release and wait. If a process dies that *holds* permits, they are
/// gone: whoever knows how many releases them in its name. If it dies while it *waits* or *releases*, nobody is
/// stranded for more than one second.
///
/// # Source
///
/// Edsger W. Dijkstra, *Cooperating sequential processes* (1965), P and V. That the word itself says whether somebody
/// sleeps is the lesson of glibc BZ 12674; that who slept passes the wake on follows from taking that mark away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Semaphore<'buf> {
    permits: Slot<'buf>,
}

impl<'buf> Semaphore<'buf> {
    /// How many slots a semaphore takes.
    pub const SLOTS: usize = 1;
    /// The most permits that a semaphore can have: 2³⁰ - 1.
    pub const MAX_PERMITS: u32 = PERMITS_MASK as u32;

    /// The semaphore in slot `index`. Writes nothing: a slot of fresh memory is a semaphore without permits.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` a semaphore with so many permits, whatever it holds, and wakes nobody: for one agent, while no
    /// other uses it. Where nobody is the first, leave the memory as it is and [`release`](Self::release) instead.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot. [`Error::TooManyPermits`].
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, permits: u32) -> Result<Self, Error> {
        let semaphore = Self::new(buffer, index)?;
        let permits = in_range(permits.into())?;
        // Release: pairs with the Acquire of the first who takes a permit.
        semaphore.permits.store(permits, Release);
        Ok(semaphore)
    }

    /// The semaphore in a word that lies elsewhere: see [`Slot::from_ref`].
    pub fn from_slot(permits: Slot<'buf>) -> Self {
        Self { permits }
    }

    /// Takes a permit, and sleeps until there is one.
    #[inline]
    pub fn acquire(&self) {
        let _ = self.acquire_deadline(1, None);
    }

    /// Takes a permit if there is one, and says whether there was.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.try_take(1)
    }

    /// Takes a permit, or gives up after `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    pub fn acquire_for(&self, timeout: Duration) -> Outcome {
        self.acquire_deadline(1, deadline::after(timeout))
    }

    /// Takes a permit, or gives up at `deadline`. A deadline that has passed tries once.
    pub fn acquire_until(&self, deadline: Instant) -> Outcome {
        self.acquire_deadline(1, Some(deadline))
    }

    /// Takes `count` permits at once, and sleeps until there are so many. None is taken before.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyPermits`]: there will never be so many.
    ///
    /// # Deadlock
    ///
    /// Two agents that each acquire some permits and then some more can wait for each other. Acquire all at once.
    pub fn acquire_many(&self, count: u32) -> Result<(), Error> {
        let _ = self.acquire_deadline(in_range(count.into())?, None);
        Ok(())
    }

    /// Takes `count` permits if there are so many, else none, and says whether there were.
    ///
    /// # Errors
    ///
    /// As for [`acquire_many`](Self::acquire_many).
    pub fn try_acquire_many(&self, count: u32) -> Result<bool, Error> {
        Ok(self.try_take(in_range(count.into())?))
    }

    /// As [`acquire_many`](Self::acquire_many), or gives up after `timeout`, and then takes none.
    ///
    /// # Errors
    ///
    /// As for [`acquire_many`](Self::acquire_many).
    pub fn acquire_many_for(&self, count: u32, timeout: Duration) -> Result<Outcome, Error> {
        Ok(self.acquire_deadline(in_range(count.into())?, deadline::after(timeout)))
    }

    /// As [`acquire_many`](Self::acquire_many), or gives up at `deadline`, and then takes none.
    ///
    /// # Errors
    ///
    /// As for [`acquire_many`](Self::acquire_many).
    pub fn acquire_many_until(&self, count: u32, deadline: Instant) -> Result<Outcome, Error> {
        Ok(self.acquire_deadline(in_range(count.into())?, Some(deadline)))
    }

    /// How many permits there are. By the time of the answer that may have changed.
    pub fn permits(&self) -> u32 {
        available(self.permits.load(Relaxed)) as u32
    }

    /// Adds `count` permits, and wakes who waits for them. Any agent may do this, with or without having acquired any.
    /// It is async-signal-safe, but may change `errno`.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyPermits`]: there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS). Then nothing changes.
    ///
    /// # Examples
    ///
    /// A permit that one agent takes and another gives back:
    ///
    /// ```
    /// # use slotsync::{Error, Semaphore, SharedBuffer};
    /// let buffer = SharedBuffer::new(4)?;
    /// let semaphore = Semaphore::initialize(&buffer, 0, 1)?;
    /// std::mem::forget(semaphore.permit());
    /// std::thread::scope(|threads| threads.spawn(move || semaphore.release(1)).join().unwrap())?;
    /// assert_eq!(semaphore.permits(), 1);
    /// assert!(semaphore.release(Semaphore::MAX_PERMITS).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn release(&self, count: u32) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        let sum = |was| in_range(available(was) as u64 + u64::from(count));
        let mut was = self.permits.load(Relaxed);
        // The marks go: those who are woken set them again. Release: publishes what was done under the permits. Pairs
        // with the Acquire of those who take them: the takes and marks in between are read-modify-writes, which hand it
        // on. Lock-free: each further turn takes a write by a peer in between.
        while let Err(now) = self.permits.compare_exchange(was, sum(was)?, Release, Relaxed) {
            was = now;
        }
        // From here on, who took a permit may free the memory: a wake uses the address alone.
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
        // Acquire: what was done before the release is seen. Pairs with the Release there. It fails only if a peer has
        // written meanwhile.
        self.permits.compare_exchange(was, was - count, Acquire, Relaxed)
    }

    #[inline]
    fn acquire_deadline(&self, count: i32, deadline: Option<Instant>) -> Outcome {
        if self.try_take(count) {
            return Outcome::Done;
        }
        if deadline::has_passed(deadline) {
            return Outcome::TimedOut;
        }
        self.acquire_contended(count, deadline)
    }

    /// Spins, then sleeps.
    #[cold]
    fn acquire_contended(&self, count: i32, deadline: Option<Instant>) -> Outcome {
        let mark = if count == 1 { WAITING } else { MANY_WAITING };
        // While the word is below the count, marks included, nobody sleeps, and a release may come soon. Relaxed: taking
        // a permit will acquire.
        if spin::spin_while(|| (0..count).contains(&self.permits.load(Relaxed))) && self.try_take(count) {
            return Outcome::Done;
        }
        let mut sleeper = Sleeper::until(deadline);
        let mut owes_a_wake = false;
        loop {
            // We may sleep, and may have slept: we leave only with our mark in the word, which a release may have taken
            // away for a wake that came to us while others sleep beside us. Relaxed: a mark publishes nothing.
            let was = self.permits.fetch_or(mark, Relaxed);
            let marked = was | mark;
            // A wake of one may be under way, sent when nobody said that it needs several: from now on it can reach one of
            // those, by this mark or beside it. Whoever set the mark answers for that, also if it does not sleep itself.
            owes_a_wake |= mark == MANY_WAITING && was & MANY_WAITING == 0;
            if available(marked) >= count {
                if self.take(marked, count).is_ok() {
                    sleeper.done();
                    self.pass_on(marked - count);
                    return Outcome::Done;
                }
            } else if mem::take(&mut owes_a_wake) && available(marked) > 0 {
                self.pass_on(marked);
            } else if sleeper.is_late() {
                return Outcome::TimedOut;
            } else {
                sleeper.sleep(self.permits, marked);
            }
        }
    }

    /// Wakes others for what is left, when one release has woken us, and the next found no mark though they slept.
    fn pass_on(&self, left: i32) {
        if available(left) > 0 {
            self.wake(left, 1);
        }
    }
}

/// The permits of a word. Every value of the word says some number from zero to [`Semaphore::MAX_PERMITS`].
#[inline]
fn available(word: i32) -> i32 {
    word & PERMITS_MASK
}

#[inline]
fn in_range(permits: u64) -> Result<i32, Error> {
    let max = Semaphore::MAX_PERMITS;
    if permits > max.into() { Err(Error::TooManyPermits { permits, max }) } else { Ok(permits as i32) }
}
