//! Initialization once, in one slot: the state of the initializer, and how often the once was reset.
#![forbid(unsafe_code)]

use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, OnceError, TimedOut};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Look, Slot, primitive, wait_until_done};
use std::time::{Duration, Instant};

/// The initializer has not been run. Zero, so fresh memory is a once that was not run.
const NOT_RUN: i32 = 0;
/// An agent runs it, or died while running it.
const RUNNING: i32 = 1;
/// It panicked.
const PANICKED: i32 = 2;
/// It has been run.
const DONE: i32 = 3;
/// Which of these four.
const STATE_MASK: i32 = 3;
/// An agent may sleep. Legal to say falsely (one vain wake); illegal to omit while the initializer runs.
const WAITING: i32 = 4;
/// The rest of the word is the attempt: the number of resets. It wraps around.
const FLAGS: i32 = STATE_MASK | WAITING;

/// Initialization once over one slot, between threads and between processes: one agent runs the initializer, and the
/// others wait until it is done.
///
/// A `Once` is a `Copy` handle: its whole state is the word. It decides which of several processes initializes a segment
/// that all of them attach to.
///
/// # Examples
///
/// ```
/// use slotsync::{Once, Semaphore, SharedBuffer};
///
/// let segment = SharedBuffer::new(8)?;
/// let once = Once::new(&segment, 0)?;
/// std::thread::scope(|threads| {
///     for _ in 0..4 {
///         threads.spawn(|| {
///             once.call_once(|| drop(Semaphore::initialize(&segment, 1, 5))).unwrap();
///             assert_eq!(Semaphore::new(&segment, 1).unwrap().permits(), 5);
///         });
///     }
/// });
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// An initializer that calls its own once waits for itself.
///
/// # Cross-process
///
/// Every process that maps the memory may call it. If a process dies *while it runs the initializer*, the others wait
/// forever, because they cannot tell a dead process from a slow one. Let them wait [for a limited
/// time](Self::call_once_for), and let one agent that is sure of the death call [`reset`](Self::reset). If a process dies
/// at any other moment, waiters recover within one second.
///
/// # Bound
///
/// The attempt wraps around. An initializer that was taken for dead, and runs on while the once is reset a multiple of 2²⁹
/// times, does not learn that it was superseded.
///
/// # Source
///
/// `pthread_once` (POSIX) and `std::sync::Once`, which threads of one process share. The states are described in the book,
/// `docs/src/once.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once<'buf> {
    state: Slot<'buf>,
}

/// The state of a [`Once`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnceState {
    /// The initializer has not been run.
    NotRun,
    /// An agent runs the initializer, or died while running it.
    Running,
    /// The initializer panicked. It is not run again before a [`reset`](Once::reset).
    Panicked,
    /// The initializer has been run. The agent that reads this sees what the initializer wrote.
    Done,
}

impl<'buf> Once<'buf> {
    /// The number of slots of a once.
    pub const SLOTS: usize = 1;

    /// Returns the once in slot `index`. Writes nothing: a slot of fresh memory is a once that was not run.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` a once that was not run, whatever it holds, and wakes nobody. One agent may do this while no other
    /// agent uses the once. Fresh memory needs no such call. While others use it, [`reset`](Self::reset) it instead.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let once = Self::new(buffer, index)?;
        // Release: pairs with the Acquire of the first agent that runs the initializer.
        once.state.store(NOT_RUN, Release);
        Ok(once)
    }

    /// Returns the once in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Returns the scope of the once: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.state.scope()
    }

    /// Runs `initializer`, unless an agent has run one. If an agent is running one, blocks until it is done.
    ///
    /// When this returns `Ok`, an initializer has been run to its end, and the caller sees what it wrote.
    ///
    /// # Errors
    ///
    /// Returns [`OnceError::Panicked`] if the initializer of another call has panicked, and nobody has
    /// [`reset`](Self::reset) the once since. Returns [`OnceError::Superseded`] if this call ran its initializer to the end,
    /// but an agent took it for dead and reset the once meanwhile. Another initializer may then have run, or run now.
    ///
    /// # Panics
    ///
    /// Panics if `initializer` does. Others then get [`OnceError::Panicked`].
    #[inline]
    pub fn call_once(&self, initializer: impl FnOnce()) -> Result<(), OnceError> {
        let Ok(called) = self.call_by(initializer, || Never);
        called
    }

    /// Runs `initializer`, or waits for that of another agent for at most `timeout`. The caller's own initializer may take
    /// longer.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent's initializer was not done in time. The inner result is that of
    /// [`call_once`](Self::call_once).
    pub fn call_once_for(
        &self,
        initializer: impl FnOnce(),
        timeout: Duration,
    ) -> Result<Result<(), OnceError>, TimedOut> {
        self.call_by(initializer, || By::after(timeout))
    }

    /// Runs `initializer`, or waits for that of another agent until `deadline` at most. The caller's own initializer may
    /// take longer.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent's initializer was not done in time. The inner result is that of
    /// [`call_once`](Self::call_once).
    pub fn call_once_until(
        &self,
        initializer: impl FnOnce(),
        deadline: Instant,
    ) -> Result<Result<(), OnceError>, TimedOut> {
        self.call_by(initializer, || By::at(deadline))
    }

    /// Returns the state. If it is [`Done`](OnceState::Done), the caller sees what the initializer wrote.
    pub fn state(&self) -> OnceState {
        // Acquire: pairs with the Release of the end of the initializer.
        match self.state.load(Acquire) & STATE_MASK {
            NOT_RUN => OnceState::NotRun,
            RUNNING => OnceState::Running,
            PANICKED => OnceState::Panicked,
            _ => OnceState::Done,
        }
    }

    /// Makes it as if the initializer had never been run, and wakes the waiters: one of them runs its own.
    ///
    /// This is for a once whose initializer [panicked](OnceState::Panicked), or whose process was killed while
    /// [running](OnceState::Running) it, after what it left has been repaired. If the process was not dead but slow, its
    /// call returns [`OnceError::Superseded`].
    ///
    /// **One** agent may do this, such as the parent process, which learns of each death. If several agents time out, and
    /// each resets the once, then the second takes away the attempt that the first let begin, and two initializers run at
    /// once.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Once, OnceError, OnceState, SharedBuffer};
    /// use std::panic::catch_unwind;
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let once = Once::new(&buffer, 0)?;
    /// assert!(catch_unwind(|| once.call_once(|| panic!("half way"))).is_err());
    /// assert_eq!(once.call_once(|| ()), Err(OnceError::Panicked));
    /// once.reset();
    /// once.call_once(|| ())?;
    /// assert_eq!(once.state(), OnceState::Done);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn reset(&self) {
        let mut was = self.state.load(Relaxed);
        // The next attempt, without flags. Release: publishes what was repaired to the agent that runs the initializer
        // next. Pairs with the Acquire there. Lock-free: each further turn takes a write by a peer in between.
        while let Err(now) = self.state.compare_exchange(was, (was | FLAGS).wrapping_add(1), Release, Relaxed) {
            was = now;
        }
        self.wake(was);
    }

    #[inline]
    fn call_by<D: Deadline>(
        &self,
        initializer: impl FnOnce(),
        deadline: impl FnOnce() -> D,
    ) -> Result<Result<(), OnceError>, D::Elapsed> {
        // Acquire: as in state.
        if self.state.load(Acquire) & STATE_MASK == DONE {
            return Ok(Ok(()));
        }
        match self.begin(deadline())? {
            Ok(Turn::Done) => Ok(Ok(())),
            Ok(Turn::Mine(attempt)) => {
                // If the initializer panics, dropping this says so.
                let running = Running { once: *self, attempt };
                initializer();
                core::mem::forget(running);
                Ok(self.end(attempt, DONE))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Waits until it is this agent's turn to run its initializer, or until there is nothing left to run.
    #[cold]
    fn begin<D: Deadline>(&self, deadline: D) -> Result<Result<Turn, OnceError>, D::Elapsed> {
        wait_until_done(deadline, Class::ANY, |_| {
            // Acquire, here and below: makes what was done before a reset, or by the initializer, visible. Pairs with the
            // Releases of reset and end.
            let now = self.state.load(Acquire);
            match now & STATE_MASK {
                NOT_RUN => match self.state.compare_exchange(now, now | RUNNING, Acquire, Relaxed) {
                    Ok(_) => Look::Done(Ok(Turn::Mine(Attempt(now & !FLAGS)))),
                    Err(_) => Look::Again,
                },
                // An agent without time leaves no mark.
                RUNNING if deadline.elapsed().is_some() => Look::Again,
                RUNNING => {
                    // Relaxed: a mark publishes nothing, and the next look acquires.
                    let marked = self.state.fetch_or(WAITING, Relaxed) | WAITING;
                    if marked & STATE_MASK == RUNNING { Look::Sleep(self.state, marked) } else { Look::Again }
                }
                DONE => Look::Done(Ok(Turn::Done)),
                _ => Look::Done(Err(OnceError::Panicked)),
            }
        })
    }

    /// Says how the initializer ended, if this attempt is still the one that counts.
    fn end(&self, attempt: Attempt, end: i32) -> Result<(), OnceError> {
        let mut was = attempt.0 | RUNNING;
        // Release: publishes what the initializer did. Pairs with the Acquires of the agents that look. It fails once for
        // the mark; each further turn takes a write by a peer in between.
        while let Err(now) = self.state.compare_exchange(was, attempt.0 | end, Release, Relaxed) {
            if now & !WAITING != attempt.0 | RUNNING {
                return Err(OnceError::Superseded);
            }
            was = now;
        }
        self.wake(was);
        Ok(())
    }

    /// Wakes by address alone: an agent that waited may have freed the memory by now.
    fn wake(&self, was: i32) {
        if was & WAITING != 0 {
            self.state.wake(u32::MAX);
        }
    }
}

/// What a call finds when it need not wait.
enum Turn {
    /// This agent is to run its initializer.
    Mine(Attempt),
    /// An initializer has been run.
    Done,
}

/// The word of an attempt, without state and mark.
#[derive(Clone, Copy)]
struct Attempt(i32);

/// An initializer that has begun. Dropped only if it panics.
struct Running<'buf> {
    once: Once<'buf>,
    attempt: Attempt,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // If it was superseded, an agent took it for dead, and it did not come to its end anyway.
        let _ = self.once.end(self.attempt, PANICKED);
    }
}

primitive! { Once }
