//! A manual-reset event in one slot: set or not, and how often it has been reset, so that nobody who waited for a set
//! misses it though it was reset at once.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline::{self, Outcome};
use crate::error::Error;
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::spin;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

/// The event is set: nobody waits. Fresh memory is an event that is not.
const SET: i32 = 1;
/// Somebody may sleep. Legal to say falsely (one vain wake); illegal to omit, unless the event is set.
const WAITING: i32 = 2;
/// The rest of the word is the generation: how often the event has been reset. It wraps around.
const FLAGS: i32 = SET | WAITING;

/// An event over one slot, between threads and between processes: it is set, and stays so until it is reset.
///
/// An `Event` is a `Copy` handle: all its state is the word. Who waits returns as soon as the event is set, and **also if
/// it was set after the wait began and has been reset since**: no set goes by unseen. (A multiple of 2³⁰ resets while a
/// waiter is kept from looking would.)
///
/// # Examples
///
/// ```
/// use slotsync::{Event, SharedBuffer};
///
/// let buffer = SharedBuffer::new(4)?;
/// let started = Event::new(&buffer, 0)?;
/// std::thread::scope(|threads| {
///     for _ in 0..4 {
///         threads.spawn(move || {
///             started.wait();
///             // ...
///         });
///     }
///     started.set(); // Wakes all of them.
/// });
/// assert!(started.is_set());
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Cross-process
///
/// Every process that maps the memory may set, reset and wait. A process that dies strands nobody for more than one
/// second: if it had set the event before it died, then the event is set.
///
/// # Memory
///
/// The agent that lets the others go on touches the word no more after that, so if one agent waits, it may free the memory
/// when it returns. If several do, each looks at the word once more: free the memory when all have returned.
///
/// # Source
///
/// The manual-reset event of Windows (`CreateEvent`), whose `PulseEvent` loses waiters; here a generation in the word
/// keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'buf> {
    state: Slot<'buf>,
}

impl<'buf> Event<'buf> {
    /// How many slots an event takes.
    pub const SLOTS: usize = 1;

    /// The event in slot `index`. Writes nothing: a slot of fresh memory is an event that is not set.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` an event that is not set, whatever it holds, and wakes nobody: for one agent, while no other
    /// uses it. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let event = Self::new(buffer, index)?;
        // Relaxed: an event that is not set tells nobody to read anything.
        event.state.store(0, Relaxed);
        Ok(event)
    }

    /// The event in a word that lies elsewhere: see [`Slot::from_ref`].
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Sets the event, and wakes all who wait. What this agent wrote before is seen by all who return for it. An event
    /// that is set stays so. It is async-signal-safe, but may change `errno`.
    #[inline]
    pub fn set(&self) {
        // Release: publishes what was done before. Pairs with the Acquires of those who look. If it was set already, this
        // publishes what *this* agent did beside what the first one did.
        let was = self.state.fetch_or(SET, Release);
        // From here on, who returns from its wait may free the memory: a wake uses the address alone.
        if was & FLAGS == WAITING {
            self.state.wake(u32::MAX);
        }
    }

    /// Resets the event: who waits from now on, waits for the next [`set`](Self::set). What was done before the set that
    /// this takes back is seen: reset, look whether there is something to do, and if not, wait. It is async-signal-safe.
    #[inline]
    pub fn reset(&self) {
        let mut was = self.state.load(Relaxed);
        let began = generation(was);
        // The next generation, without flags. It fails once for the mark of a waiter that is about to return; if the
        // generation has changed, then another agent has reset the event meanwhile. Acquire: what was done before the set
        // that this takes back is seen. Not Release: it publishes nothing; being a read-modify-write, it hands on what the
        // set published to those who see the generation change.
        while is_set(was) && generation(was) == began {
            match self.state.compare_exchange(was, (was | FLAGS).wrapping_add(1), Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => was = now,
            }
        }
    }

    /// Is the event set? If so, what was done before it was set is seen.
    #[inline]
    pub fn is_set(&self) -> bool {
        // Acquire: pairs with the Release of set.
        is_set(self.state.load(Acquire))
    }

    /// Sleeps until the event is set, or returns at once if it is.
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
        // Acquire: as in is_set.
        let began = self.state.load(Acquire);
        if is_set(began) {
            return Outcome::Done;
        }
        if deadline::has_passed(deadline) {
            return Outcome::TimedOut;
        }
        self.wait_contended(began, deadline)
    }

    /// Spins, then sleeps, until the event is set or is no longer in the generation in which the wait began.
    #[cold]
    fn wait_contended(&self, began: i32, deadline: Option<Instant>) -> Outcome {
        // While nobody sleeps, it may be set soon. Relaxed: the look below acquires.
        spin::spin_while(|| self.state.load(Relaxed) == began && began & WAITING == 0);
        let mut sleeper = Sleeper::until(deadline);
        loop {
            // The mark, and the newest word in one step. Acquire: what was done before the set is seen, also by way of
            // the reset after it. Pairs with the Release of set.
            let now = self.state.fetch_or(WAITING, Acquire) | WAITING;
            if is_set(now) || generation(now) != generation(began) {
                sleeper.done();
                return Outcome::Done;
            }
            // Who gives up leaves the mark behind: others may need it.
            if sleeper.is_late() {
                return Outcome::TimedOut;
            }
            sleeper.sleep(self.state, now);
        }
    }
}

fn is_set(word: i32) -> bool {
    word & SET != 0
}

fn generation(word: i32) -> i32 {
    word & !FLAGS
}
