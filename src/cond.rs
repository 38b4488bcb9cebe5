//! A condition variable in two slots: a sequence that each notify moves on, and how many wait. After the futex condition
//! variable of Rust's standard library, with a count that spares the call when nobody waits.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline::{self, Outcome};
use crate::error::Error;
use crate::lock::{Lock, LockGuard};
use crate::sleeper::Sleeper;
use crate::slot::Slot;
use crate::sync::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// A condition variable over two slots, between threads and between processes: to wait, with a [`Lock`] released
/// meanwhile, until another agent says that something has changed.
///
/// A `Cond` is a `Copy` handle: all its state is the two words. It is bound to one lock, which protects whatever the
/// condition is about. **Change that under the lock**; then notify, with the lock held or after unlocking, which spares
/// those who wake from running into it.
///
/// A notify while nobody waits is one load, and is not remembered. While somebody was woken and has not run yet, each
/// further notify is a system call in vain: to hand over items at a high rate, take two [semaphores](crate::Semaphore).
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
/// [`wait`](Self::wait) and its timed forms may return though nobody notified: look at the condition again.
/// [`wait_while`](Self::wait_while) does that.
///
/// # Memory
///
/// The two words must outlive every call on them: unlike the other primitives, a `Cond` is touched after a waiter was let
/// go. Free the memory when all calls have *returned*.
///
/// # Cross-process
///
/// Every process that maps the memory may wait and notify. If a process dies while it *waits*, its place in the count
/// stays, and each notify costs a system call from then on, until somebody [`initialize`](Self::initialize)s the condition
/// while nobody waits. If it dies before or while it *notifies*, or takes a notify along that it was woken by, nobody is
/// stranded for more than a second: who waits in a shared scope returns spuriously once a second, to look at the condition.
/// If it dies while it holds the lock, that stays held: see [`Lock`].
///
/// # Bound
///
/// The sequence wraps around. A waiter that is kept from sleeping (stopped, or without a processor) while exactly 2³²
/// notifies reach other waiters, and no other number, would sleep through them.
///
/// # Source
///
/// `pthread_cond_wait` (POSIX) for the contract. How one notify that was caught by a latecomer is passed on is this
/// crate's (compare glibc BZ 25847).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cond<'buf> {
    lock: Lock<'buf>,
    /// Moved on by each notify that finds somebody waiting. Waiters sleep on it. Any value is as good as any other.
    seq: Slot<'buf>,
    /// How many wait. Legal to say too many (a notify makes a vain call); illegal to say too few.
    waiters: Slot<'buf>,
}

impl<'buf> Cond<'buf> {
    /// How many slots a condition takes: the sequence and the count.
    pub const SLOTS: usize = 2;

    /// The condition in slots `index` and `index + 1`, bound to `lock`. Writes nothing: two slots of fresh memory are a
    /// condition that nobody waits for.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slots. [`Error::ScopeMismatch`]: the lock is in memory of another
    /// scope.
    pub fn new(buffer: &'buf SharedBuffer, index: usize, lock: Lock<'buf>) -> Result<Self, Error> {
        let [seq, waiters] = buffer.slot_array(index)?;
        Self::from_slots([seq, waiters], lock)
    }

    /// Makes slots `index` and `index + 1` a condition that nobody waits for, whatever they hold: for one agent, while no
    /// other uses it. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, lock: Lock<'buf>) -> Result<Self, Error> {
        let cond = Self::new(buffer, index, lock)?;
        // Relaxed: who waits or notifies reads nothing for it.
        cond.seq.store(0, Relaxed);
        cond.waiters.store(0, Relaxed);
        Ok(cond)
    }

    /// The condition in two words that lie elsewhere, the sequence and the count: see [`Slot::from_ref`].
    ///
    /// # Errors
    ///
    /// [`Error::ScopeMismatch`].
    pub fn from_slots([seq, waiters]: [Slot<'buf>; 2], lock: Lock<'buf>) -> Result<Self, Error> {
        let cond = Self { lock, seq, waiters };
        if [seq, waiters].iter().any(|slot| slot.scope() != lock.scope()) {
            Err(Error::ScopeMismatch)
        } else {
            Ok(cond)
        }
    }

    /// The lock that the condition is bound to.
    pub fn lock(&self) -> Lock<'buf> {
        self.lock
    }

    /// Unlocks, sleeps until a notify, and locks again. A notify that comes after the unlocking is not missed.
    ///
    /// # Spurious wakeups
    ///
    /// It may return though nobody notified.
    ///
    /// # Panics
    ///
    /// If the guard is of another lock than the [condition's](Self::lock), which is then unlocked.
    pub fn wait(&self, guard: LockGuard<'buf>) -> LockGuard<'buf> {
        self.wait_deadline(guard, None).0
    }

    /// As [`wait`](Self::wait), for at most `timeout`, and says whether that ran out. Locking again may take longer.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_for(&self, guard: LockGuard<'buf>, timeout: Duration) -> (LockGuard<'buf>, Outcome) {
        self.wait_deadline(guard, deadline::after(timeout))
    }

    /// As [`wait`](Self::wait), but not beyond `deadline`, and says whether that passed. Locking again may take longer.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_until(&self, guard: LockGuard<'buf>, deadline: Instant) -> (LockGuard<'buf>, Outcome) {
        self.wait_deadline(guard, Some(deadline))
    }

    /// Waits while `condition` holds, which is asked under the lock, the first time before any sleep.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait), and if `condition` does.
    pub fn wait_while(&self, guard: LockGuard<'buf>, condition: impl FnMut() -> bool) -> LockGuard<'buf> {
        self.wait_while_deadline(guard, condition, None).0
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`. [`Outcome::TimedOut`]: the condition holds still.
    ///
    /// # Panics
    ///
    /// As [`wait_while`](Self::wait_while).
    pub fn wait_while_for(
        &self,
        guard: LockGuard<'buf>,
        condition: impl FnMut() -> bool,
        timeout: Duration,
    ) -> (LockGuard<'buf>, Outcome) {
        self.wait_while_deadline(guard, condition, deadline::after(timeout))
    }

    /// As [`wait_while`](Self::wait_while), but not beyond `deadline`. [`Outcome::TimedOut`]: the condition holds still.
    ///
    /// # Panics
    ///
    /// As [`wait_while`](Self::wait_while).
    pub fn wait_while_until(
        &self,
        guard: LockGuard<'buf>,
        condition: impl FnMut() -> bool,
        deadline: Instant,
    ) -> (LockGuard<'buf>, Outcome) {
        self.wait_while_deadline(guard, condition, Some(deadline))
    }

    /// Lets one of those who wait return: any one, so this is for a condition of which all who wait, wait for the same.
    /// It is async-signal-safe, but may change `errno`.
    #[inline]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Lets all return who wait. It is async-signal-safe, but may change `errno`.
    ///
    /// It is faster after unlocking: those who wake run for the lock.
    #[inline]
    pub fn notify_all(&self) {
        self.notify(u32::MAX);
    }

    #[inline]
    fn notify(&self, count: u32) {
        // Relaxed: a waiter counted itself under the lock. Who has changed what it waits for was there after it, and by
        // that sees the count.
        if self.waiters.load(Relaxed) != 0 {
            // Relaxed: it publishes nothing, as the lock does that. Before the wake, so that who is about to sleep does
            // not, and who was told by a time-out or the end of a slice finds that it was notified.
            //
            // All are woken, to run for the lock at once. To requeue them to its word (benches/cond.rs) took 1.2 to 4.5 times
            // as long after unlocking, and 0.6 to 2.1 times as long under the lock: so wake, and unlock first.
            self.seq.fetch_add(1, Relaxed);
            self.seq.wake(count);
        }
    }

    fn wait_while_deadline(
        &self,
        mut guard: LockGuard<'buf>,
        mut condition: impl FnMut() -> bool,
        deadline: Option<Instant>,
    ) -> (LockGuard<'buf>, Outcome) {
        let mut sleeper = Sleeper::until(deadline);
        let mut outcome = Outcome::Done;
        while condition() {
            if outcome.is_timed_out() {
                return (guard, outcome);
            }
            (guard, outcome) = self.wait_with(guard, &mut sleeper);
        }
        // Only the condition tells a rescue from a notify that went to another, which moves the sequence on too.
        sleeper.done();
        (guard, Outcome::Done)
    }

    fn wait_deadline(&self, guard: LockGuard<'buf>, deadline: Option<Instant>) -> (LockGuard<'buf>, Outcome) {
        self.wait_with(guard, &mut Sleeper::until(deadline))
    }

    fn wait_with(&self, guard: LockGuard<'buf>, sleeper: &mut Sleeper) -> (LockGuard<'buf>, Outcome) {
        assert!(guard.lock() == self.lock, "the guard is of another lock than the condition's");
        // Both under the lock: who takes it after us and notifies, finds us counted and makes the sequence move on from
        // what we read. Relaxed: the lock orders them.
        self.waiters.fetch_add(1, Relaxed);
        let seq = self.seq.load(Relaxed);
        drop(guard);
        let outcome = self.sleep(seq, sleeper);
        (self.lock.lock(), outcome)
    }

    /// Sleeps until the sequence moves on, and counts itself out.
    fn sleep(&self, seq: i32, sleeper: &mut Sleeper) -> Outcome {
        loop {
            sleeper.sleep(self.seq, seq);
            // A time-out together with a notify is a notify: the one wake may have been spent on us. Relaxed: with a wake
            // and a stale value we would take the wake for one that went astray, and lose nothing but time.
            let was_notified = self.seq.load(Relaxed) != seq;
            // Woken, though nobody has notified since we came: the wake was meant for one who came before us.
            let is_astray = !was_notified && sleeper.may_have_taken_a_wake();
            // At the end of a slice we look at the condition, whatever the sequence says: who changed it may have been
            // killed before it could move the sequence on.
            if was_notified || is_astray || sleeper.is_late() || sleeper.is_slice_over() {
                // Relaxed: too late is harmless, and too early it cannot be: we do not sleep any more.
                self.waiters.fetch_sub(1, Relaxed);
                if is_astray {
                    // Whoever it was will return for this, and those who came after us do so in vain. To wake one instead
                    // could go astray again, and not to move the sequence on would go to and fro between latecomers.
                    self.notify_all();
                }
                return if sleeper.is_late() && !was_notified { Outcome::TimedOut } else { Outcome::Done };
            }
        }
    }
}
