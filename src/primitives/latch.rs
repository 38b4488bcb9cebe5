//! A latch in one slot: it counts down to zero, once, and then lets every waiter through.
#![forbid(unsafe_code)]

use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, TimedOut, TooFewLeft};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Look, Slot, primitive, spin_while, wait_until_done};
use std::time::{Duration, Instant};

/// An agent may sleep. Legal to say falsely (one vain wake); illegal to omit while the count is not zero.
const WAITING: i32 = i32::MIN;
/// The rest of the word is the count that is left. Zero, so fresh memory is a latch that is done.
const COUNT_MASK: i32 = i32::MAX;

/// A latch over one slot, between threads and between processes: it counts down once, and opens at zero.
///
/// A `Latch` is a `Copy` handle: its whole state is the word. Any agent may count down, also more than once. A waiter
/// returns when the count has reached zero. The latch does not count up again: [`initialize`](Self::initialize) makes a
/// new one when nobody uses the old one. For rounds, use a [`Barrier`](crate::Barrier).
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
/// Every process that maps the memory may count down and wait. If a process dies before it has counted down, the count
/// stays: an agent that knows of the death may count down on its behalf. If it dies while it counts down or waits, other
/// waiters recover within one second.
///
/// # Memory
///
/// An agent that counts down to zero does not touch the word after that. If one agent waits, it may free the memory when
/// it returns. If several agents wait, each looks at the word once more: free the memory when all of them have returned.
///
/// # Source
///
/// `std::latch` of C++20 (section \[thread.latch\]), where counting below zero is undefined behaviour. The states are
/// described in the book, `docs/src/latch.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latch<'buf> {
    count: Slot<'buf>,
}

impl<'buf> Latch<'buf> {
    /// The number of slots of a latch.
    pub const SLOTS: usize = 1;
    /// The maximum count of a latch: 2³¹ - 1.
    pub const MAX_COUNT: u32 = COUNT_MASK as u32;

    /// Returns the latch in slot `index`. Writes nothing: a slot of fresh memory is a latch that is done.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` a latch that counts down from `count`, whatever it holds, and wakes nobody. One agent may do this
    /// before any other agent uses the latch.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot, and [`Error::TooLongCount`] if the count exceeds
    /// [`MAX_COUNT`](Self::MAX_COUNT).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, count: u32) -> Result<Self, Error> {
        let latch = Self::new(buffer, index)?;
        if count > Self::MAX_COUNT {
            return Err(Error::TooLongCount { count, max: Self::MAX_COUNT });
        }
        // Release: if the count is zero, a waiter reads what was done before. Pairs with the Acquires there.
        latch.count.store(count as i32, Release);
        Ok(latch)
    }

    /// Returns the latch in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(count: Slot<'buf>) -> Self {
        Self { count }
    }

    /// Returns the scope of the latch: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.count.scope()
    }

    /// Counts down by `by`, and wakes all waiters if the count reaches zero. They see what this agent wrote before. This is
    /// async-signal-safe, but may change `errno`.
    ///
    /// # Errors
    ///
    /// Returns [`TooFewLeft`] if the count is less than `by`. Then nothing changes.
    #[inline]
    pub fn count_down(&self, by: u32) -> Result<(), TooFewLeft> {
        let mut was = self.count.load(Relaxed);
        loop {
            let left = left(was).checked_sub(by).ok_or(TooFewLeft { count: by, left: left(was) })?;
            // The mark stays until the last. Release: publishes what was done before. Pairs with the Acquires of the
            // waiters: all that counts down after us are read-modify-writes, which hand it on. Lock-free: each further
            // turn takes a write by a peer in between.
            let now = if left == 0 { 0 } else { left as i32 | was & WAITING };
            match self.count.compare_exchange(was, now, Release, Relaxed) {
                // From here on, an agent that returns from its wait may free the memory: a wake uses the address alone.
                Ok(_) if now == 0 && was & WAITING != 0 => break,
                Ok(_) => return Ok(()),
                Err(now) => was = now,
            }
        }
        self.count.wake(u32::MAX);
        Ok(())
    }

    /// Returns the count that is left. The answer may be out of date when it arrives.
    pub fn count(&self) -> u32 {
        left(self.count.load(Relaxed))
    }

    /// Returns `true` if the count has reached zero. Then the caller sees what was done before each count.
    #[inline]
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of each count_down.
        left(self.count.load(Acquire)) == 0
    }

    /// Blocks until the count has reached zero. Returns at once if it has.
    #[inline]
    pub fn wait(&self) {
        let Ok(()) = self.wait_by(|| Never);
    }

    /// Blocks until the count has reached zero, for at most `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`]
    /// waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the count did not reach zero in time.
    pub fn wait_for(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_by(|| By::after(timeout))
    }

    /// Blocks until the count has reached zero, until `deadline` at most. A deadline that has passed looks once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the count did not reach zero in time.
    pub fn wait_until(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.wait_by(|| By::at(deadline))
    }

    #[inline]
    fn wait_by<D: Deadline>(&self, deadline: impl FnOnce() -> D) -> Result<(), D::Elapsed> {
        if self.is_done() { Ok(()) } else { self.wait_contended(deadline()) }
    }

    /// Spins, then sleeps.
    #[cold]
    fn wait_contended<D: Deadline>(&self, deadline: D) -> Result<(), D::Elapsed> {
        deadline.check()?;
        // While nobody sleeps, the last may come soon. Relaxed: the look below acquires.
        spin_while(|| self.count.load(Relaxed) > 0);
        wait_until_done(deadline, Class::ANY, |_| {
            // The mark, and the newest word in one step. A waiter that gives up leaves the mark behind: others may need
            // it. Acquire: as in is_done.
            let now = self.count.fetch_or(WAITING, Acquire) | WAITING;
            if left(now) == 0 { Look::Done(()) } else { Look::Sleep(self.count, now) }
        })
    }
}

#[inline]
fn left(word: i32) -> u32 {
    (word & COUNT_MASK) as u32
}

primitive! { Latch }
