//! Initialization once, in one slot: who runs the initializer, whether it is done, and how often it was reset.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline::{self, Outcome};
use crate::error::Error;
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

/// Nobody has run the initializer. Zero, so fresh memory is a once that was not run.
const NOT_RUN: i32 = 0;
/// Somebody runs it, or died of it.
const RUNNING: i32 = 1;
/// It panicked.
const PANICKED: i32 = 2;
/// It has been run.
const DONE: i32 = 3;
/// Which of these four.
const STATE_MASK: i32 = 3;
/// Somebody may sleep. Legal to say falsely (one vain wake); illegal to omit while the initializer runs.
const WAITING: i32 = 4;
/// The rest of the word is the attempt: how often the once was reset. It wraps around.
const FLAGS: i32 = STATE_MASK | WAITING;

/// Initialization once over one slot, between threads and between processes: one agent runs the initializer, and the
/// others wait until it is done.
///
/// A `Once` is a `Copy` handle: all its state is the word. It answers who of several processes initializes a segment that
/// all of them attach to.
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
/// forever, as nobody else can know whether it is dead or slow: let them wait [for a limited time](Self::call_once_for),
/// and let who is sure of its death call [`reset`](Self::reset). If it dies at any other moment, nobody is stranded for
/// more than one second.
///
/// # Bound
///
/// The attempt wraps around: an initializer that was taken for dead, and runs on while the once is reset a multiple of
/// 2²⁹ times, does not learn that it was superseded.
///
/// # Source
///
/// `pthread_once` (POSIX) and `std::sync::Once`, which threads of one process share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once<'buf> {
    state: Slot<'buf>,
}

/// What a [`Once`] says of its initializer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnceState {
    /// Nobody has run it.
    NotRun,
    /// Somebody runs it, or died while running it.
    Running,
    /// It panicked. It is not run again before a [`reset`](Once::reset).
    Panicked,
    /// It has been run, and what it wrote is seen by who reads this.
    Done,
}

impl<'buf> Once<'buf> {
    /// How many slots a once takes.
    pub const SLOTS: usize = 1;

    /// The once in slot `index`. Writes nothing: a slot of fresh memory is a once that was not run.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` a once that was not run, whatever it holds, and wakes nobody: for one agent, while no other uses
    /// it. Fresh memory needs no such call. While others use it, [`reset`](Self::reset) it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let once = Self::new(buffer, index)?;
        // Release: pairs with the Acquire of the first who runs the initializer.
        once.state.store(NOT_RUN, Release);
        Ok(once)
    }

    /// The once in a word that lies elsewhere: see [`Slot::from_ref`].
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Runs `initializer`, unless somebody has; if somebody does just now, sleeps until it is done. When this returns
    /// `Ok`, an initializer has been run to its end, and what it wrote is seen.
    ///
    /// # Errors
    ///
    /// [`Error::InitializerPanicked`]: that of another call has, and nobody has [`reset`](Self::reset) the once since.
    /// [`Error::Superseded`]: this call ran its initializer to the end, but somebody took it for dead and reset the once
    /// meanwhile. Another may have run since, or run now.
    ///
    /// # Panics
    ///
    /// If `initializer` does. Others then get `InitializerPanicked`.
    #[inline]
    pub fn call_once(&self, initializer: impl FnOnce()) -> Result<(), Error> {
        self.call_deadline(initializer, None).map(|_| ())
    }

    /// As [`call_once`](Self::call_once), or gives up after `timeout` to wait for the initializer of another agent. This
    /// agent's own may take as long as it likes.
    ///
    /// # Errors
    ///
    /// As for [`call_once`](Self::call_once).
    pub fn call_once_for(&self, initializer: impl FnOnce(), timeout: Duration) -> Result<Outcome, Error> {
        self.call_deadline(initializer, deadline::after(timeout))
    }

    /// As [`call_once`](Self::call_once), or gives up at `deadline` to wait for the initializer of another agent. This
    /// agent's own may take as long as it likes.
    ///
    /// # Errors
    ///
    /// As for [`call_once`](Self::call_once).
    pub fn call_once_until(&self, initializer: impl FnOnce(), deadline: Instant) -> Result<Outcome, Error> {
        self.call_deadline(initializer, Some(deadline))
    }

    /// What is known of the initializer. If it is done, then what it wrote is seen.
    pub fn state(&self) -> OnceState {
        // Acquire: pairs with the Release of the end of the initializer.
        match self.state.load(Acquire) & STATE_MASK {
            NOT_RUN => OnceState::NotRun,
            RUNNING => OnceState::Running,
            PANICKED => OnceState::Panicked,
            _ => OnceState::Done,
        }
    }

    /// Makes it as if the initializer had never been run, and wakes who waits: one of them runs its own. For a once whose
    /// initializer [panicked](OnceState::Panicked), or whose process was killed while [running](OnceState::Running) it, after
    /// what it left has been repaired. If it was not dead but slow, then it learns of this at its end, by
    /// [`Error::Superseded`].
    ///
    /// For **one** agent, such as the parent process, which learns of each death. If several find that a call of theirs timed
    /// out, and each resets the once, then the second takes away the attempt that the first let begin, and two initializers
    /// run at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Once, OnceState, SharedBuffer};
    /// use std::panic::catch_unwind;
    ///
    /// let buffer = SharedBuffer::new(4)?;
    /// let once = Once::new(&buffer, 0)?;
    /// assert!(catch_unwind(|| once.call_once(|| panic!("half way"))).is_err());
    /// assert_eq!(once.call_once(|| ()), Err(Error::InitializerPanicked));
    /// once.reset();
    /// once.call_once(|| ())?;
    /// assert_eq!(once.state(), OnceState::Done);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn reset(&self) {
        let mut was = self.state.load(Relaxed);
        // The next attempt, without flags. Release: what was repaired is seen by who runs the initializer next. Pairs with
        // the Acquire there. Lock-free: each further turn takes a write by a peer in between.
        while let Err(now) = self.state.compare_exchange(was, (was | FLAGS).wrapping_add(1), Release, Relaxed) {
            was = now;
        }
        self.wake(was);
    }

    #[inline]
    fn call_deadline(&self, initializer: impl FnOnce(), deadline: Option<Instant>) -> Result<Outcome, Error> {
        // Acquire: as in state.
        if self.state.load(Acquire) & STATE_MASK == DONE {
            return Ok(Outcome::Done);
        }
        let Some(attempt) = self.begin(deadline)? else { return Ok(Outcome::TimedOut) };
        if attempt & STATE_MASK == DONE {
            return Ok(Outcome::Done);
        }
        // If it panics, the guard says so.
        let running = Running { once: *self, attempt };
        initializer();
        std::mem::forget(running);
        self.end(attempt, DONE).map(|()| Outcome::Done)
    }

    /// Waits until there is nothing to wait for: the word is then this agent's attempt, or done. `None`: the deadline
    /// passed.
    #[cold]
    fn begin(&self, deadline: Option<Instant>) -> Result<Option<i32>, Error> {
        let mut sleeper = Sleeper::until(deadline);
        // Acquire, here and below: what was done before a reset, or by the initializer, is seen. Pairs with the Releases
        // of reset and end.
        let mut now = self.state.load(Acquire);
        loop {
            match now & STATE_MASK {
                NOT_RUN => match self.state.compare_exchange(now, now | RUNNING, Acquire, Acquire) {
                    Ok(_) => break sleeper.done(),
                    Err(changed) => now = changed,
                },
                RUNNING if sleeper.is_late() || deadline::has_passed(deadline) => return Ok(None),
                RUNNING => {
                    // Relaxed: a mark publishes nothing, and the look below acquires.
                    let marked = self.state.fetch_or(WAITING, Relaxed) | WAITING;
                    if marked & STATE_MASK == RUNNING {
                        sleeper.sleep(self.state, marked);
                    }
                    now = self.state.load(Acquire);
                }
                DONE => break sleeper.done(),
                _ => {
                    sleeper.done();
                    return Err(Error::InitializerPanicked);
                }
            }
        }
        Ok(Some((now | RUNNING) & !WAITING))
    }

    /// The end of the initializer, if this attempt is still the one that counts.
    fn end(&self, attempt: i32, end: i32) -> Result<(), Error> {
        let mut was = attempt;
        // Release: publishes what the initializer did. Pairs with the Acquires of those who look. It fails once for the
        // mark; each further turn takes a write by a peer in between.
        while let Err(now) = self.state.compare_exchange(was, (attempt & !STATE_MASK) | end, Release, Relaxed) {
            if now & !WAITING != attempt {
                return Err(Error::Superseded);
            }
            was = now;
        }
        self.wake(was);
        Ok(())
    }

    /// By address alone: who waited may have freed the memory by now.
    fn wake(&self, was: i32) {
        if was & WAITING != 0 {
            self.state.wake(u32::MAX);
        }
    }
}

/// An initializer that has begun. Dropped only if it panics.
struct Running<'buf> {
    once: Once<'buf>,
    attempt: i32,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Superseded: somebody took it for dead, and it did not come to its end anyway.
        let _ = self.once.end(self.attempt, PANICKED);
    }
}
