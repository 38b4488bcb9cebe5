//! A reusable barrier in one slot: arrivals, a mark, and a generation. The generation tells a round from the next, so that
//! neither a stray wake nor a late sleeper lets an agent through early (Hansen's barrier, issues 29 and 30).
#![forbid(unsafe_code)]

use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, TimedOut};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed};
use crate::words::{Look, Primitive, Slot, handles, spin_while, wait_until_done};
use std::time::{Duration, Instant};

/// The number of arrivals in this round. Zero, so fresh memory is a barrier at which nobody has arrived.
const ARRIVED_MASK: i32 = (1 << 14) - 1;
/// An agent may sleep. Legal to say falsely (one vain wake); illegal to omit, before the round is complete.
const WAITING: i32 = 1 << 14;
/// The rest of the word is the generation: the number of completed rounds. It wraps around.
const FLAGS: i32 = ARRIVED_MASK | WAITING;

/// A reusable barrier over one slot, between threads and between processes: nobody passes until all have arrived.
///
/// A `Barrier` is a `Copy` handle: a word, and the number of agents. The word does not hold that number, so **every agent
/// must give the same one**. In each round one agent is the [leader](BarrierRole::Leader).
///
/// # Examples
///
/// ```
/// use slotsync::{Barrier, BarrierRole, SharedBuffer};
///
/// let buffer = SharedBuffer::new(4)?;
/// let barrier = Barrier::new(&buffer, 0, 3)?;
/// let leaders = std::thread::scope(|threads| {
///     let agents = [(); 3].map(|()| threads.spawn(move || barrier.wait()));
///     agents.map(|agent| agent.join().unwrap()).iter().filter(|role| **role == BarrierRole::Leader).count()
/// });
/// assert_eq!(leaders, 1);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// An agent that waits twice in a round counts twice. If fewer agents wait than the barrier is for, they wait forever.
///
/// # Cross-process
///
/// Every process that maps the memory may wait. If a process dies after it has arrived, its arrival counts. If it dies
/// before, the others wait for it: let them wait for a limited time, and [`initialize`](Self::initialize) the barrier for
/// the remaining agents when all have withdrawn. If a process dies while it completes a round, waiters recover within one
/// second.
///
/// # Memory
///
/// The leader does not touch the word once the others can pass, but they look at it once more before they do. Free the
/// memory when all calls of the last round have *returned*.
///
/// # Bound
///
/// The generation wraps around at 2¹⁷ rounds. If as many agents use the barrier as it is for, none can be more than one
/// round behind. If more agents take turns, an agent that is kept from looking for a multiple of 2¹⁷ rounds takes a later
/// round for its own.
///
/// # Source
///
/// `pthread_barrier_wait` (POSIX), whose serial thread is the leader here. Withdrawing from a wait is an addition. The
/// states are described in the book, `docs/src/barrier.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier<'buf> {
    state: Slot<'buf>,
    agents: i32,
}

/// The role of an agent in a round of a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BarrierRole {
    /// The agent that arrived last, and completed the round. All others may be running again by now.
    Leader,
    /// Any other agent.
    Follower,
}

impl<'buf> Barrier<'buf> {
    /// The number of slots of a barrier.
    pub const SLOTS: usize = 1;
    /// The maximum number of agents: 2¹⁴.
    pub const MAX_AGENTS: u32 = 1 << 14;

    /// Returns the barrier in slot `index`, for this number of agents. Writes nothing: a slot of fresh memory is a barrier
    /// at which nobody has arrived.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot, and [`Error::BadAgents`] unless `agents` is in
    /// the range 1 to [`MAX_AGENTS`](Self::MAX_AGENTS).
    pub fn new(buffer: &'buf SharedBuffer, index: usize, agents: u32) -> Result<Self, Error> {
        Self::from_slot(buffer.slot(index)?, agents)
    }

    /// Makes slot `index` a barrier at which nobody has arrived, whatever it holds, and wakes nobody. One agent may do this
    /// while no other agent uses the barrier. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, agents: u32) -> Result<Self, Error> {
        let barrier = Self::new(buffer, index, agents)?;
        // Relaxed: a round at which nobody has arrived tells nobody to read anything.
        barrier.state.store(0, Relaxed);
        Ok(barrier)
    }

    /// Returns the barrier in a word that lies elsewhere: see [`Slot::from_ref`].
    ///
    /// # Errors
    ///
    /// Returns [`Error::BadAgents`] as [`new`](Self::new) does.
    #[inline]
    pub fn from_slot(state: Slot<'buf>, agents: u32) -> Result<Self, Error> {
        match agents {
            1..=Self::MAX_AGENTS => Ok(Self { state, agents: agents as i32 }),
            _ => Err(Error::BadAgents { agents, max: Self::MAX_AGENTS }),
        }
    }

    /// Returns the scope of the barrier: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.state.scope()
    }

    /// Arrives, and blocks until all agents have arrived. When an agent returns, it sees what each agent wrote before it
    /// arrived.
    pub fn wait(&self) -> BarrierRole {
        let Ok(role) = self.wait_by(Never);
        role
    }

    /// Arrives, and blocks until all agents have arrived, for at most `timeout`. With [`Duration::ZERO`] only the last agent
    /// passes; [`Duration::MAX`] waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the round was not complete in time. The agent has then withdrawn, as if it had not arrived.
    pub fn wait_for(&self, timeout: Duration) -> Result<BarrierRole, TimedOut> {
        self.wait_by(By::after(timeout))
    }

    /// Arrives, and blocks until all agents have arrived, until `deadline` at most. With a deadline that has passed only the
    /// last agent passes.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the round was not complete in time. The agent has then withdrawn, as if it had not arrived.
    pub fn wait_until(&self, deadline: Instant) -> Result<BarrierRole, TimedOut> {
        self.wait_by(By::at(deadline))
    }

    /// Returns the number of agents that have arrived in this round. The answer may be out of date when it arrives.
    pub fn arrived(&self) -> u32 {
        arrived(self.state.load(Relaxed)) as u32
    }

    /// Returns the number of agents that the barrier is for.
    pub fn agents(&self) -> u32 {
        self.agents as u32
    }

    fn wait_by<D: Deadline>(&self, deadline: D) -> Result<BarrierRole, D::Elapsed> {
        let mut was = self.state.load(Relaxed);
        loop {
            let is_last = arrived(was) + 1 >= self.agents;
            // An agent that is not the last, and has no time, had better not arrive at all.
            if !is_last {
                deadline.check()?;
            }
            // The next generation, without arrivals and mark; or one more arrival.
            let now = if is_last { (was | FLAGS).wrapping_add(1) } else { was + 1 };
            // Release: publishes what was done before. Acquire, for the last: makes what the others did visible. Pairs with
            // their Releases here: all changes of a round are read-modify-writes, which hand them on.
            match self.state.compare_exchange(was, now, AcqRel, Relaxed) {
                Ok(_) if is_last => break,
                Ok(_) => return self.wait_contended(now, deadline),
                Err(now) => was = now,
            }
        }
        // From here on, an agent that passes may free the memory: a wake uses the address alone.
        if was & WAITING != 0 {
            self.state.wake(u32::MAX);
        }
        Ok(BarrierRole::Leader)
    }

    /// Spins, then sleeps, until the generation in which it arrived is over.
    #[cold]
    fn wait_contended<D: Deadline>(&self, arrival: i32, deadline: D) -> Result<BarrierRole, D::Elapsed> {
        // While nobody sleeps, the last may arrive soon. Relaxed: the look below acquires.
        spin_while(|| arrival & WAITING == 0 && (self.state.load(Relaxed) ^ arrival) & !ARRIVED_MASK == 0);
        let look = wait_until_done(deadline, Class::ANY, |_| {
            // The mark, and the newest word in one step. Acquire: makes what all did before they arrived visible. Pairs
            // with the Releases of their arrivals.
            let now = self.state.fetch_or(WAITING, Acquire) | WAITING;
            if is_over(now, arrival) { Look::Done(()) } else { Look::Sleep(self.state, now) }
        });
        match look {
            Err(elapsed) if self.withdraw(arrival) => Err(elapsed),
            _ => Ok(BarrierRole::Follower),
        }
    }

    /// Takes an arrival back. Returns `false` if the round was complete before.
    fn withdraw(&self, arrival: i32) -> bool {
        // Acquire: as in wait_contended, if the round is over. Relaxed: what was published by arriving is not taken back.
        // The mark stays: others may need it. If no arrival is left to withdraw, then a stranger wrote the word.
        let mut now = self.state.load(Acquire);
        while !is_over(now, arrival) && arrived(now) > 0 {
            match self.state.compare_exchange(now, now - 1, Relaxed, Acquire) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
        !is_over(now, arrival)
    }
}

fn arrived(word: i32) -> i32 {
    word & ARRIVED_MASK
}

/// Returns `true` if the word is of another round than the arrival.
fn is_over(word: i32, arrival: i32) -> bool {
    (word ^ arrival) & !FLAGS != 0
}

handles! { Barrier }

impl Primitive for Barrier<'_> {
    /// The number of agents: every agent gives the same one.
    type With<'buf> = u32;
    const SLOTS: usize = Barrier::SLOTS;

    fn kind() -> String {
        "Barrier".to_owned()
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, agents: u32) -> Result<Barrier<'buf>, Error> {
        Barrier::new(buffer, index, agents)
    }
}
