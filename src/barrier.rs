//! A reusable barrier in one slot: arrivals, a mark, and a generation. The generation is what tells a round from the
//! next, so that neither a stray wake nor a late sleeper lets anybody through early (Hansen's barrier, issues 29 and 30).
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline;
use crate::error::Error;
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::spin;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::{Duration, Instant};

/// How many have arrived in this round. Zero, so fresh memory is a barrier that nobody has come to.
const ARRIVED_MASK: i32 = (1 << 14) - 1;
/// Somebody may sleep. Legal to say falsely (one vain wake); illegal to omit, before the round is complete.
const WAITING: i32 = 1 << 14;
/// The rest of the word is the generation: how many rounds have been completed. It wraps around.
const FLAGS: i32 = ARRIVED_MASK | WAITING;

/// A reusable barrier over one slot, between threads and between processes: nobody passes until all have arrived.
///
/// A `Barrier` is a `Copy` handle: a word, and the number of agents, which the word does not hold: **every agent says the
/// same number**. In each round one of them is the [leader](Role::Leader).
///
/// # Examples
///
/// ```
/// use slotsync::{Barrier, Role, SharedBuffer};
///
/// let buffer = SharedBuffer::new(4)?;
/// let barrier = Barrier::new(&buffer, 0, 3)?;
/// let leaders = std::thread::scope(|threads| {
///     let agents = [(); 3].map(|()| threads.spawn(move || barrier.wait()));
///     agents.map(|agent| agent.join().unwrap()).iter().filter(|role| **role == Role::Leader).count()
/// });
/// assert_eq!(leaders, 1);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// Who waits twice in a round counts twice. If fewer agents wait than the barrier is for, they wait forever.
///
/// # Cross-process
///
/// Every process that maps the memory may wait. If a process dies after it has arrived, its arrival counts; if it dies
/// before, the others wait for it: let them wait for a limited time, and [`initialize`](Self::initialize) the barrier
/// when all have withdrawn, for as many as are left. Nobody is stranded for more than a second by a death in the midst
/// of completing a round.
///
/// # Memory
///
/// The leader touches the word no more once the others can pass, but they look at it once more before they do: free the
/// memory when all calls of the last round have *returned*.
///
/// # Bound
///
/// The generation wraps around at 2¹⁷ rounds. If as many agents use the barrier as it is for, none can be more than one round
/// behind. If more do, in turns, then one that is kept from looking for a multiple of 2¹⁷ rounds takes the round for its own.
///
/// # Source
///
/// `pthread_barrier_wait` (POSIX), whose serial thread is the leader here; that a wait can be withdrawn is an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier<'buf> {
    state: Slot<'buf>,
    agents: i32,
}

/// What an agent is in a round of a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one who arrived last, and completed the round. All others may be running again by now.
    Leader,
    /// One of the others.
    Follower,
}

impl<'buf> Barrier<'buf> {
    /// How many slots a barrier takes.
    pub const SLOTS: usize = 1;
    /// The most agents that a barrier can be for: 2¹⁴.
    pub const MAX_AGENTS: u32 = 1 << 14;

    /// The barrier in slot `index`, for so many agents. Writes nothing: a slot of fresh memory is a barrier that nobody
    /// has come to.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot. [`Error::BadAgents`].
    pub fn new(buffer: &'buf SharedBuffer, index: usize, agents: u32) -> Result<Self, Error> {
        Self::from_slot(buffer.slot(index)?, agents)
    }

    /// Makes slot `index` a barrier that nobody has come to, whatever it holds, and wakes nobody: for one agent, while no
    /// other uses it. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, agents: u32) -> Result<Self, Error> {
        let barrier = Self::new(buffer, index, agents)?;
        // Relaxed: a round that nobody has come to tells nobody to read anything.
        barrier.state.store(0, Relaxed);
        Ok(barrier)
    }

    /// The barrier in a word that lies elsewhere: see [`Slot::from_ref`].
    ///
    /// # Errors
    ///
    /// [`Error::BadAgents`].
    pub fn from_slot(state: Slot<'buf>, agents: u32) -> Result<Self, Error> {
        match agents {
            1..=Self::MAX_AGENTS => Ok(Self { state, agents: agents as i32 }),
            _ => Err(Error::BadAgents { agents, max: Self::MAX_AGENTS }),
        }
    }

    /// Arrives, and sleeps until all have. What each wrote before it arrived, all see when they return.
    pub fn wait(&self) -> Role {
        // Without a deadline nobody withdraws.
        self.wait_deadline(None).unwrap_or(Role::Follower)
    }

    /// As [`wait`](Self::wait), or gives up after `timeout` and withdraws: then it is as if this agent had not arrived.
    /// With [`Duration::ZERO`] only the last to arrive passes; [`Duration::MAX`] waits forever.
    pub fn wait_for(&self, timeout: Duration) -> Option<Role> {
        self.wait_deadline(deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), or gives up at `deadline` and withdraws. With a deadline that has passed only the last to
    /// arrive passes.
    pub fn wait_until(&self, deadline: Instant) -> Option<Role> {
        self.wait_deadline(Some(deadline))
    }

    /// How many have arrived in this round. By the time of the answer that may have changed.
    pub fn arrived(&self) -> u32 {
        arrived(self.state.load(Relaxed)) as u32
    }

    fn wait_deadline(&self, deadline: Option<Instant>) -> Option<Role> {
        let mut was = self.state.load(Relaxed);
        loop {
            let is_last = arrived(was) + 1 >= self.agents;
            // Who is not the last, and has no time, had better not arrive at all.
            if !is_last && deadline::has_passed(deadline) {
                return None;
            }
            // The next generation, without arrivals and mark; or one more arrival.
            let now = if is_last { (was | FLAGS).wrapping_add(1) } else { was + 1 };
            // Release: publishes what was done before. Acquire, for the last: sees what the others did. Pairs with their
            // Releases here: all changes of a round are read-modify-writes, which hand them on.
            match self.state.compare_exchange(was, now, AcqRel, Relaxed) {
                Ok(_) if is_last => break,
                Ok(_) => return self.wait_contended(now, deadline),
                Err(now) => was = now,
            }
        }
        // From here on, who passes may free the memory: a wake uses the address alone.
        if was & WAITING != 0 {
            self.state.wake(u32::MAX);
        }
        Some(Role::Leader)
    }

    /// Spins, then sleeps, until the generation in which it arrived is over.
    #[cold]
    fn wait_contended(&self, arrival: i32, deadline: Option<Instant>) -> Option<Role> {
        let is_over = |word: i32| generation(word) != generation(arrival);
        // While nobody sleeps, the last may arrive soon. Relaxed: the look below acquires.
        spin::spin_while(|| arrival & WAITING == 0 && (self.state.load(Relaxed) ^ arrival) & !ARRIVED_MASK == 0);
        let mut sleeper = Sleeper::until(deadline);
        loop {
            // The mark, and the newest word in one step. Acquire: what all did before they arrived is seen. Pairs with
            // the Releases of their arrivals.
            let now = self.state.fetch_or(WAITING, Acquire) | WAITING;
            if is_over(now) {
                sleeper.done();
                return Some(Role::Follower);
            }
            if !sleeper.is_late() {
                sleeper.sleep(self.state, now);
            // Relaxed: what was published by arriving is not taken back. The mark stays: others may need it. If no
            // arrival is left to withdraw, then a stranger wrote the word.
            } else if arrived(now) == 0 || self.state.compare_exchange(now, now - 1, Relaxed, Relaxed).is_ok() {
                return None;
            }
        }
    }
}

fn arrived(word: i32) -> i32 {
    word & ARRIVED_MASK
}

fn generation(word: i32) -> i32 {
    word & !FLAGS
}
