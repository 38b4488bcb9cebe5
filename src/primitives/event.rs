//! A manual-reset event in one slot: whether it is set, and how often it has been reset. The second lets a waiter see a
//! set that was taken back at once.
#![forbid(unsafe_code)]

use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, TimedOut};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Look, Slot, primitive, spin_while, wait_until_done};
use std::time::{Duration, Instant};

/// The event is set: nobody waits. Fresh memory is an event that is not set.
const SET: i32 = 1;
/// An agent may sleep. Legal to say falsely (one vain wake); illegal to omit, unless the event is set.
const WAITING: i32 = 2;
/// The rest of the word is the generation: the number of resets. It wraps around.
const FLAGS: i32 = SET | WAITING;

/// An event over one slot, between threads and between processes: it is set, and stays set until it is reset.
///
/// An `Event` is a `Copy` handle: its whole state is the word. A waiter returns as soon as the event is set, **even if the
/// event has been reset since**: no set is missed. (A waiter that is kept from looking for a multiple of 2³⁰ resets misses
/// one.)
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
/// Every process that maps the memory may set, reset and wait. If a process dies in the middle of a call, waiters recover
/// within one second: an event that was set before the death is set.
///
/// # Memory
///
/// An agent that sets the event does not touch the word after that. If one agent waits, it may free the memory when it
/// returns. If several agents wait, each looks at the word once more: free the memory when all of them have returned.
///
/// # Source
///
/// The manual-reset event of Windows (`CreateEvent`), whose `PulseEvent` loses waiters. Here a generation in the word
/// keeps them. The states are described in the book, `docs/src/event.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'buf> {
    state: Slot<'buf>,
}

impl<'buf> Event<'buf> {
    /// The number of slots of an event.
    pub const SLOTS: usize = 1;

    /// Returns the event in slot `index`. Writes nothing: a slot of fresh memory is an event that is not set.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` an event that is not set, whatever it holds, and wakes nobody. One agent may do this while no
    /// other agent uses the event. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let event = Self::new(buffer, index)?;
        // Relaxed: an event that is not set tells nobody to read anything.
        event.state.store(0, Relaxed);
        Ok(event)
    }

    /// Returns the event in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Returns the scope of the event: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.state.scope()
    }

    /// Sets the event, and wakes all waiters. They see what this agent wrote before. An event that is set stays set. This
    /// is async-signal-safe, but may change `errno`.
    #[inline]
    pub fn set(&self) {
        // Release: publishes what was done before. Pairs with the Acquires of the agents that look. If it was set already,
        // this publishes what *this* agent did beside what the first one did.
        let was = self.state.fetch_or(SET, Release);
        // From here on, an agent that returns from its wait may free the memory: a wake uses the address alone.
        if was & FLAGS == WAITING {
            self.state.wake(u32::MAX);
        }
    }

    /// Resets the event: an agent that waits from now on waits for the next [`set`](Self::set).
    ///
    /// The caller sees what was done before the set that this takes back. So it can reset, look whether there is something
    /// to do, and otherwise wait. This is async-signal-safe.
    #[inline]
    pub fn reset(&self) {
        let mut was = self.state.load(Relaxed);
        let began = generation(was);
        // The next generation, without flags. It fails once for the mark of a waiter that is about to return; if the
        // generation has changed, then another agent has reset the event meanwhile. Acquire: makes what was done before
        // the set visible. Not Release: it publishes nothing; being a read-modify-write, it hands on what the set
        // published to the agents that see the generation change.
        while is_set(was) && generation(was) == began {
            match self.state.compare_exchange(was, (was | FLAGS).wrapping_add(1), Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => was = now,
            }
        }
    }

    /// Returns `true` if the event is set. Then the caller sees what was done before it was set.
    #[inline]
    pub fn is_set(&self) -> bool {
        // Acquire: pairs with the Release of set.
        is_set(self.state.load(Acquire))
    }

    /// Blocks until the event is set. Returns at once if it is set.
    #[inline]
    pub fn wait(&self) {
        let Ok(()) = self.wait_by(|| Never);
    }

    /// Blocks until the event is set, for at most `timeout`. [`Duration::ZERO`] looks once, [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the event was not set in time.
    pub fn wait_for(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_by(|| By::after(timeout))
    }

    /// Blocks until the event is set, until `deadline` at most. A deadline that has passed looks once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the event was not set in time.
    pub fn wait_until(&self, deadline: Instant) -> Result<(), TimedOut> {
        self.wait_by(|| By::at(deadline))
    }

    #[inline]
    fn wait_by<D: Deadline>(&self, deadline: impl FnOnce() -> D) -> Result<(), D::Elapsed> {
        // Acquire: as in is_set.
        let began = self.state.load(Acquire);
        if is_set(began) { Ok(()) } else { self.wait_contended(began, deadline()) }
    }

    /// Spins, then sleeps, until the event is set or is no longer in the generation in which the wait began.
    #[cold]
    fn wait_contended<D: Deadline>(&self, began: i32, deadline: D) -> Result<(), D::Elapsed> {
        deadline.check()?;
        // While nobody sleeps, it may be set soon. Relaxed: the look below acquires.
        spin_while(|| self.state.load(Relaxed) == began && began & WAITING == 0);
        wait_until_done(deadline, Class::ANY, |_| {
            // The mark, and the newest word in one step. A waiter that gives up leaves the mark behind: others may need
            // it. Acquire: makes what was done before the set visible, also by way of the reset after it. Pairs with the
            // Release of set.
            let now = self.state.fetch_or(WAITING, Acquire) | WAITING;
            let is_over = is_set(now) || generation(now) != generation(began);
            if is_over { Look::Done(()) } else { Look::Sleep(self.state, now) }
        })
    }
}

fn is_set(word: i32) -> bool {
    word & SET != 0
}

fn generation(word: i32) -> i32 {
    word & !FLAGS
}

primitive! { Event }
