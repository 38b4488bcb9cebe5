//! A condition variable in two slots: a sequence that each notify moves on, and the number of waiters. After the futex
//! condition variable of Rust's standard library, with a count that spares the call when nobody waits.
#![forbid(unsafe_code)]

use super::lock::{Lock, LockGuard};
use crate::deadline::{By, Deadline, Never};
use crate::error::{Error, TimedOut};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::Relaxed;
use crate::words::{Primitive, Sleeper, Slot, Slots, handles};
use std::time::{Duration, Instant};

/// A condition variable over two slots, between threads and between processes. An agent waits, with a [`Lock`] released
/// meanwhile, until another agent says that something has changed.
///
/// A `Cond` is a `Copy` handle: its whole state is the two words. It is bound to one lock, which protects the condition.
/// **Change the condition under the lock.** Then notify, with the lock held or after unlocking. Unlocking first is faster,
/// because the woken agents do not run into the lock.
///
/// A notify while nobody waits is one load, and is not remembered. While a woken agent has not run yet, each further notify
/// is a system call in vain: to hand over items at a high rate, use two [semaphores](crate::Semaphore).
///
/// # Examples
///
/// ```
/// use slotsync::{Cond, Lock, SharedBuffer};
/// use std::sync::atomic::Ordering::Relaxed;
///
/// let buffer = SharedBuffer::new(16)?;
/// let lock = Lock::new(&buffer, 0)?;
/// let filled = Cond::new(&buffer, 1, lock)?; // Slots 1 and 2.
/// let items = buffer.slot(3)?;
/// std::thread::scope(|threads| {
///     threads.spawn(move || {
///         let guard = filled.wait_while(lock.lock(), || items.load(Relaxed) == 0);
///         items.fetch_sub(1, Relaxed);
///         drop(guard);
///     });
///     let guard = lock.lock();
///     items.fetch_add(1, Relaxed);
///     drop(guard);
///     filled.notify_one();
/// });
/// assert_eq!(items.load(Relaxed), 0);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Spurious wakeups
///
/// [`wait`](Self::wait) and its timed forms may return although nobody notified: look at the condition again.
/// [`wait_while`](Self::wait_while) does that.
///
/// # Timed waits
///
/// A timed wait that returns [`TimedOut`] has released the lock and does not hold it. So it returns in time even if another
/// agent holds the lock, or died while it held it.
///
/// # Memory
///
/// The two words must outlive every call on them: unlike the other primitives, a `Cond` is touched after a waiter was let
/// go. Free the memory when all calls have *returned*.
///
/// # Cross-process
///
/// Every process that maps the memory may wait and notify. If a process dies while it *waits*, its place in the count
/// stays, and each notify costs a system call from then on, until an agent [`initialize`](Self::initialize)s the condition
/// while nobody waits. If a process dies before or while it *notifies*, or takes with it a notify that woke it, waiters
/// recover within one second: in a shared scope a waiter returns spuriously once a second, to look at the condition.
/// If a process dies while it holds the lock, the lock stays held: see [`Lock`].
///
/// # Bound
///
/// The sequence wraps around. A waiter that is kept from sleeping (stopped, or without a processor) while exactly 2³²
/// notifies reach other waiters, and no other number, would sleep through them.
///
/// # Source
///
/// `pthread_cond_wait` (POSIX) for the contract. Passing on a notify that a latecomer caught is this crate's (compare
/// glibc BZ 25847). The states are described in the book, `docs/src/cond.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cond<'buf> {
    lock: Lock<'buf>,
    /// Moved on by each notify that finds a waiter. Waiters sleep on it. Any value is as good as any other.
    seq: Slot<'buf>,
    /// The number of waiters. Legal to say too many (a notify makes a vain call); illegal to say too few.
    waiters: Slot<'buf>,
}

impl<'buf> Cond<'buf> {
    /// The number of slots of a condition variable: the sequence and the count.
    pub const SLOTS: usize = 2;

    /// Returns the condition variable in slots `index` and `index + 1`, bound to `lock`. Writes nothing: two slots of fresh
    /// memory are a condition variable that nobody waits on.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slots, and [`Error::ScopeMismatch`] if the lock is in memory
    /// of another scope.
    pub fn new(buffer: &'buf SharedBuffer, index: usize, lock: Lock<'buf>) -> Result<Self, Error> {
        let [seq, waiters] = buffer.slot_array(index)?;
        Self::bind(lock, seq, waiters)
    }

    /// Makes slots `index` and `index + 1` a condition variable that nobody waits on, whatever they hold. One agent may do
    /// this while no other agent uses it. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, lock: Lock<'buf>) -> Result<Self, Error> {
        let cond = Self::new(buffer, index, lock)?;
        // Relaxed: an agent that waits or notifies reads nothing for it.
        cond.seq.store(0, Relaxed);
        cond.waiters.store(0, Relaxed);
        Ok(cond)
    }

    /// Returns the condition variable in the first two of these slots, the sequence and the count, which may lie
    /// elsewhere: see [`Slots::from_ref`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    #[inline]
    pub fn from_slots(slots: Slots<'buf>, lock: Lock<'buf>) -> Result<Self, Error> {
        let beyond = Error::OutOfBounds { index: 0, count: Self::SLOTS, length: slots.len() };
        let (seq, waiters) = slots.get(0).zip(slots.get(1)).ok_or(beyond)?;
        Self::bind(lock, seq, waiters)
    }

    #[inline]
    fn bind(lock: Lock<'buf>, seq: Slot<'buf>, waiters: Slot<'buf>) -> Result<Self, Error> {
        if seq.scope() == lock.scope() { Ok(Self { lock, seq, waiters }) } else { Err(Error::ScopeMismatch) }
    }

    /// Returns the lock that the condition variable is bound to.
    pub fn lock(&self) -> Lock<'buf> {
        self.lock
    }

    /// Returns the scope of the condition variable: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.seq.scope()
    }

    /// Releases the lock, blocks until a notify, and acquires the lock again. A notify after the release is not missed.
    ///
    /// # Spurious wakeups
    ///
    /// May return although nobody notified.
    ///
    /// # Panics
    ///
    /// Panics if the guard is of another lock than the [condition variable's](Self::lock). That lock is then released.
    pub fn wait(&self, guard: LockGuard<'buf>) -> LockGuard<'buf> {
        let Ok(guard) = self.wait_by(guard, &mut Sleeper::until(Never), Never);
        guard
    }

    /// Does the same as [`wait`](Self::wait), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the time ran out before a notify, or before the lock could be acquired again. The lock is
    /// then **not held** by the caller.
    ///
    /// # Panics
    ///
    /// Panics as [`wait`](Self::wait) does.
    pub fn wait_for(&self, guard: LockGuard<'buf>, timeout: Duration) -> Result<LockGuard<'buf>, TimedOut> {
        let deadline = By::after(timeout);
        self.wait_by(guard, &mut Sleeper::until(deadline), deadline)
    }

    /// Does the same as [`wait`](Self::wait), until `deadline` at most.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] as [`wait_for`](Self::wait_for) does.
    ///
    /// # Panics
    ///
    /// Panics as [`wait`](Self::wait) does.
    pub fn wait_until(&self, guard: LockGuard<'buf>, deadline: Instant) -> Result<LockGuard<'buf>, TimedOut> {
        let deadline = By::at(deadline);
        self.wait_by(guard, &mut Sleeper::until(deadline), deadline)
    }

    /// Blocks while `condition` returns `true`. It is called under the lock, the first time before any sleep.
    ///
    /// # Panics
    ///
    /// Panics as [`wait`](Self::wait) does, and if `condition` does.
    pub fn wait_while(&self, guard: LockGuard<'buf>, condition: impl FnMut() -> bool) -> LockGuard<'buf> {
        let Ok(guard) = self.wait_while_by(guard, condition, Never);
        guard
    }

    /// Blocks while `condition` returns `true`, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if the time ran out, and the condition still held or the lock could not be acquired to ask. The
    /// lock is then **not held** by the caller.
    ///
    /// # Panics
    ///
    /// Panics as [`wait_while`](Self::wait_while) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Cond, Lock, SharedBuffer, TimedOut};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(12)?;
    /// let lock = Lock::new(&buffer, 0)?;
    /// let ready = Cond::new(&buffer, 1, lock)?;
    /// let late = ready.wait_while_for(lock.lock(), || true, Duration::from_millis(1));
    /// assert_eq!(late.map(drop), Err(TimedOut));
    /// assert!(!lock.is_locked());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn wait_while_for(
        &self,
        guard: LockGuard<'buf>,
        condition: impl FnMut() -> bool,
        timeout: Duration,
    ) -> Result<LockGuard<'buf>, TimedOut> {
        self.wait_while_by(guard, condition, By::after(timeout))
    }

    /// Blocks while `condition` returns `true`, until `deadline` at most.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] as [`wait_while_for`](Self::wait_while_for) does.
    ///
    /// # Panics
    ///
    /// Panics as [`wait_while`](Self::wait_while) does.
    pub fn wait_while_until(
        &self,
        guard: LockGuard<'buf>,
        condition: impl FnMut() -> bool,
        deadline: Instant,
    ) -> Result<LockGuard<'buf>, TimedOut> {
        self.wait_while_by(guard, condition, By::at(deadline))
    }

    /// Wakes one waiter. Which one is unspecified, so use this only if all waiters wait for the same thing. This is
    /// async-signal-safe, but may change `errno`.
    #[inline]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes all waiters. This is async-signal-safe, but may change `errno`.
    ///
    /// It is faster after unlocking, because the woken agents run for the lock.
    #[inline]
    pub fn notify_all(&self) {
        self.notify(u32::MAX);
    }

    #[inline]
    fn notify(&self, count: u32) {
        // Relaxed: a waiter counted itself under the lock. An agent that has changed the condition held the lock after it,
        // and by that sees the count.
        if self.waiters.load(Relaxed) != 0 {
            // Relaxed: it publishes nothing, as the lock does that. Before the wake, so that an agent that is about to sleep
            // does not, and one that a time-out or the end of a slice woke finds that it was notified.
            //
            // All are woken, to run for the lock at once. Requeueing them to its word (benches/cond.rs) took 1.2 to 4.5
            // times as long after unlocking, and 0.6 to 2.1 times as long under the lock: so wake, and unlock first.
            self.seq.fetch_add(1, Relaxed);
            self.seq.wake(count);
        }
    }

    fn wait_while_by<D: Deadline>(
        &self,
        mut guard: LockGuard<'buf>,
        mut condition: impl FnMut() -> bool,
        deadline: D,
    ) -> Result<LockGuard<'buf>, D::Elapsed> {
        let mut sleeper = Sleeper::until(deadline);
        while condition() {
            guard = match self.wait_by(guard, &mut sleeper, deadline) {
                Ok(guard) => guard,
                // The condition may hold no longer, though no notify has come in time.
                Err(elapsed) => match self.lock.try_lock() {
                    Some(guard) if !condition() => return Ok(guard),
                    _ => return Err(elapsed),
                },
            };
        }
        // Only the condition tells a rescue from a notify that went to another, which moves the sequence on too.
        sleeper.done();
        Ok(guard)
    }

    fn wait_by<D: Deadline>(
        &self,
        guard: LockGuard<'buf>,
        sleeper: &mut Sleeper<D>,
        deadline: D,
    ) -> Result<LockGuard<'buf>, D::Elapsed> {
        assert!(guard.lock() == self.lock, "the guard is of another lock than the condition's");
        // Both under the lock: an agent that takes it after us and notifies finds us counted, and moves the sequence on from
        // what we read. Relaxed: the lock orders them.
        self.waiters.fetch_add(1, Relaxed);
        let seq = self.seq.load(Relaxed);
        drop(guard);
        self.sleep(seq, sleeper)?;
        // If the lock cannot be had in time: the notify that ended the sleep may be the only one, and another waiter needs
        // it now.
        self.lock.lock_by(|| deadline).inspect_err(|_| self.notify_one())
    }

    /// Sleeps until the sequence moves on, and counts itself out.
    fn sleep<D: Deadline>(&self, seq: i32, sleeper: &mut Sleeper<D>) -> Result<(), D::Elapsed> {
        loop {
            sleeper.sleep(self.seq, seq, Class::ANY);
            // A time-out together with a notify is a notify: the one wake may have been spent on us. Relaxed: with a wake
            // and a stale value we would take the wake for a stray one, and lose nothing but time.
            let was_notified = self.seq.load(Relaxed) != seq;
            // Woken, though nobody has notified since we came: the wake was meant for an agent that came before us.
            let is_stray = !was_notified && sleeper.may_have_taken_a_wake();
            let elapsed = sleeper.elapsed();
            // At the end of a slice we look at the condition, whatever the sequence says: the agent that changed it may have
            // been killed before it could move the sequence on.
            if was_notified || is_stray || elapsed.is_some() || sleeper.is_slice_over() {
                // Relaxed: too late is harmless, and too early it cannot be: we do not sleep any more.
                self.waiters.fetch_sub(1, Relaxed);
                if is_stray {
                    // The agent that it was meant for will return for this, and those that came after us do so in vain. A
                    // wake of one instead could be stray again, and without moving the sequence on it would go to and fro
                    // between latecomers.
                    self.notify_all();
                }
                return elapsed.filter(|_| !was_notified).map_or(Ok(()), Err);
            }
        }
    }
}

handles! { Cond }

impl Primitive for Cond<'_> {
    /// The lock that it is bound to.
    type With<'buf> = Lock<'buf>;
    const SLOTS: usize = Cond::SLOTS;

    fn kind() -> String {
        "Cond".to_owned()
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, lock: Lock<'buf>) -> Result<Cond<'buf>, Error> {
        Cond::new(buffer, index, lock)
    }
}
