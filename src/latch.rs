//! A latch in one slot: it counts down to zero, once, and then lets everybody through.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline::{self, Outcome};
use crate::error::Error;
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::spin;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

/// Somebody may sleep. Legal to say falsely (one vain wake); illegal to omit while the count is not zero.
const WAITING: i32 = i32::MIN;
/// The rest of the word is how many are left to count down. Zero, so fresh memory is a latch that is done.
const COUNT_MASK: i32 = i32::MAX;

/// A latch over one slot, between threads and between processes: it counts down once, and opens at zero.
///
/// A `Latch` is a `Copy` handle: all its state is the word. Any agent may count down, also more than once; who waits
/// returns when the count has come to zero. It does not count up again: [`initialize`](Self::initialize) makes a new one
/// when nobody uses the old. For rounds, use a [`Barrier`](crate::Barrier).
///
/// # Examples
///
/// ```
/// use slotsync::{Latch, SharedBuffer};
///
/// let buffer = SharedBuffer::new(4)?;
/// let ready = Latch::initialize(&buffer, 0, 3)?;
/// std::thread::scope(|threads| {
///     for _ in 0..3 {
///         threads.spawn(move || ready.count_down(1));
///     }
///     ready.wait(); // For all three.
/// });
/// assert!(ready.is_done());
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Cross-process
///
/// Every process that maps the memory may count down and wait. If a process dies before it has counted down, whoever
/// knows that counts down in its name. If it dies in the midst of that or while it waits, nobody is stranded for more
/// than one second.
///
/// # Memory
///
/// The agent that lets the others go on touches the word no more after that, so if one agent waits, it may free the memory
/// when it returns. If several do, each looks at the word once more: free the memory when all have returned.
///
/// # Source
///
/// `std::latch` of C++20 (section \[thread.latch\]); there, to count below zero is undefined behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latch<'buf> {
    count: Slot<'buf>,
}

impl<'buf> Latch<'buf> {
    /// How many slots a latch takes.
    pub const SLOTS: usize = 1;
    /// The most that a latch can count down from: 2³¹ - 1.
    pub const MAX_COUNT: u32 = COUNT_MASK as u32;

    /// The latch in slot `index`. Writes nothing: a slot of fresh memory is a latch that is done.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` a latch that counts down from `count`, whatever it holds, and wakes nobody: for one agent,
    /// before any other uses it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot. [`Error::TooLongCount`].
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, count: u32) -> Result<Self, Error> {
        let latch = Self::new(buffer, index)?;
        if count > Self::MAX_COUNT {
            return Err(Error::TooLongCount { count, max: Self::MAX_COUNT });
        }
        // Release: if the count is zero, then who waits reads what was done before. Pairs with the Acquires there.
        latch.count.store(count as i32, Release);
        Ok(latch)
    }

    /// The latch in a word that lies elsewhere: see [`Slot::from_ref`].
    pub fn from_slot(count: Slot<'buf>) -> Self {
        Self { count }
    }

    /// Counts down by `by`, and wakes all who wait if that brings the count to zero. What this agent wrote before is seen
    /// by all who wait. It is async-signal-safe, but may change `errno`.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewLeft`]: the count is less. Then nothing changes.
    #[inline]
    pub fn count_down(&self, by: u32) -> Result<(), Error> {
        let mut was = self.count.load(Relaxed);
        loop {
            let left = left(was).checked_sub(by).ok_or(Error::TooFewLeft { count: by, left: left(was) })?;
            // The mark stays until the last. Release: publishes what was done before. Pairs with the Acquires of those
            // who wait: all that counts down after us are read-modify-writes, which hand it on. Lock-free: each further
            // turn takes a write by a peer in between.
            let now = if left == 0 { 0 } else { left as i32 | was & WAITING };
            match self.count.compare_exchange(was, now, Release, Relaxed) {
                // From here on, who returns from its wait may free the memory: a wake uses the address alone.
                Ok(_) if now == 0 && was & WAITING != 0 => break,
                Ok(_) => return Ok(()),
                Err(now) => was = now,
            }
        }
        self.count.wake(u32::MAX);
        Ok(())
    }

    /// How many are left to count down. By the time of the answer that may be fewer.
    pub fn count(&self) -> u32 {
        left(self.count.load(Relaxed))
    }

    /// Has the count come to zero? If so, what was done before each count is seen.
    #[inline]
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of each count_down.
        left(self.count.load(Acquire)) == 0
    }

    /// Sleeps until the count has come to zero, or returns at once if it has.
    #[inline]
    pub fn wait(&self) {
        let _ = self.wait_deadline(None);
    }

    /// As [`wait`](Self::wait), or gives up after `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`] waits
    /// forever.
    pub fn wait_for(&self, timeout: Duration) -> Outcome {
        self.wait_deadline(deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), or gives up at `deadline`. A deadline that has passed looks once.
    pub fn wait_until(&self, deadline: Instant) -> Outcome {
        self.wait_deadline(Some(deadline))
    }

    #[inline]
    fn wait_deadline(&self, deadline: Option<Instant>) -> Outcome {
        if self.is_done() {
            return Outcome::Done;
        }
        if deadline::has_passed(deadline) {
            return Outcome::TimedOut;
        }
        self.wait_contended(deadline)
    }

    /// Spins, then sleeps.
    #[cold]
    fn wait_contended(&self, deadline: Option<Instant>) -> Outcome {
        // While nobody sleeps, the last may come soon. Relaxed: the look below acquires.
        spin::spin_while(|| self.count.load(Relaxed) > 0);
        let mut sleeper = Sleeper::until(deadline);
        loop {
            // The mark, and the newest word in one step. Acquire: as in is_done.
            let now = self.count.fetch_or(WAITING, Acquire) | WAITING;
            if left(now) == 0 {
                sleeper.done();
                return Outcome::Done;
            }
            // Who gives up leaves the mark behind: others may need it.
            if sleeper.is_late() {
                return Outcome::TimedOut;
            }
            sleeper.sleep(self.count, now);
        }
    }
}

#[inline]
fn left(word: i32) -> u32 {
    (word & COUNT_MASK) as u32
}
