//! A reader-writer lock in one slot: the number of readers, whether an agent writes, and a mark for each kind of waiter.
//! Writers and readers sleep on the same word in classes of their own (Linux: futex bitsets), so that a release can wake
//! one writer. How agents wait is in `queue`; the guards and the calls that return them are in `guard`.
#![forbid(unsafe_code)]

use crate::error::{Error, NotHeld};
use crate::futex::{Class, Scope};
use crate::memory::SharedBuffer;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::words::{Slot, primitive};

mod guard;
mod queue;
mod word;

pub use guard::{RwLockReadGuard, RwLockWriteGuard};
use word::{MARKS, READERS_MASK, READERS_WAITING, WRITERS_WAITING, WRITING, is_free, is_open, is_writing, readers};

/// A reader-writer lock over one slot, between threads and between processes: many agents read, or one writes.
///
/// An `RwLock` is a `Copy` handle: its whole state is the word. **Arriving readers queue behind a waiting writer**, so
/// readers that overlap do not keep writers out. Writers can keep readers out. Beyond that it is **not fair**: a release
/// frees the lock for the agent that takes it first, and a running reader may do so before the writer that was woken.
/// Like [`Lock`](crate::Lock) it has **no owner** (any agent may unlock), is **never poisoned** and **not recursive**.
///
/// # Examples
///
/// ```
/// use slotsync::{RwLock, SharedBuffer};
/// use std::sync::atomic::Ordering::Relaxed;
///
/// let buffer = SharedBuffer::new(12)?;
/// let lock = RwLock::new(&buffer, 0)?;
/// let [low, high] = [buffer.slot(1)?, buffer.slot(2)?];
/// std::thread::scope(|threads| {
///     threads.spawn(move || {
///         for number in 0..1000 {
///             let _guard = lock.write();
///             low.store(number, Relaxed);
///             high.store(number + 1, Relaxed);
///         }
///     });
///     for _ in 0..3 {
///         threads.spawn(move || {
///             let _guard = lock.read();
///             assert!([0, 1].contains(&(high.load(Relaxed) - low.load(Relaxed))));
///         });
///     }
/// });
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// An agent that acquires the write lock while it reads or writes waits for itself. Acquiring a read lock **twice** from
/// the same agent can deadlock if a writer is waiting: the second read queues behind the writer, which waits for the first.
/// There is no blocking `upgrade`, because two readers upgrading at once would wait for each other; use
/// [`try_upgrade`](crate::RwLockReadGuard::try_upgrade).
///
/// # Cross-process
///
/// Every process that maps the memory may lock, unlock and wait. If a process dies while it *waits* or *unlocks*, other
/// waiters recover within one second. If a process dies while it waits to write, arriving readers wait until the current
/// readers have left. A process that dies while it *downgrades* leaves the lock held for reading, and arriving readers may
/// wait in the same way.
///
/// If a process dies while it *holds* the lock, the lock stays held, also if the process was one of several readers. The
/// word counts readers and does not name them, so no agent can tell a dead holder from a live one. Unlocking on behalf of
/// the dead process is sound only after every other process that uses the lock has been stopped: then repair the data, and
/// [`initialize`](Self::initialize) the lock.
///
/// # Source
///
/// Courtois, Heymans and Parnas, *Concurrent control with "readers" and "writers"* (1971), their second problem, without
/// its unfairness to writers at the end of a read. The two classes of sleepers are this crate's. The states are described
/// in the book, `docs/src/rw_lock.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RwLock<'buf> {
    state: Slot<'buf>,
}

impl<'buf> RwLock<'buf> {
    /// The number of slots of a reader-writer lock.
    pub const SLOTS: usize = 1;
    /// The maximum number of readers at once: 2²⁹ - 1. Another reader waits until one of them leaves.
    pub const MAX_READERS: u32 = READERS_MASK as u32;

    /// Returns the lock in slot `index`. Writes nothing: a slot of fresh memory is an unlocked lock.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` an unlocked lock, whatever it holds, and wakes nobody. One agent may do this while no other agent
    /// uses the lock.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let lock = Self::new(buffer, index)?;
        // Release: publishes what was repaired. Pairs with the Acquire of the first agent that takes the lock.
        lock.state.store(0, Release);
        Ok(lock)
    }

    /// Returns the lock in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// Returns the scope of the lock: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.state.scope()
    }

    /// Returns `true` if an agent reads or writes. The answer may be out of date when it arrives.
    pub fn is_locked(&self) -> bool {
        !is_free(self.state.load(Relaxed))
    }

    /// Returns `true` if an agent writes. The answer may be out of date when it arrives.
    pub fn is_write_locked(&self) -> bool {
        is_writing(self.state.load(Relaxed))
    }

    /// Returns the number of readers. The answer may be out of date when it arrives.
    pub fn readers(&self) -> u32 {
        let word = self.state.load(Relaxed);
        if is_writing(word) { 0 } else { readers(word) as u32 }
    }

    /// Releases the lock for one reader, without a guard. Any agent may do this, as with
    /// [`Lock::unlock`](crate::Lock::unlock).
    ///
    /// # Errors
    ///
    /// Returns [`NotHeld`] if nobody reads. Nothing changes.
    #[inline]
    pub fn unlock_read(&self) -> Result<(), NotHeld> {
        // The last reader takes the marks away, and the first that leaves a full lock takes that of the readers away.
        // Release: what was read stays before what a writer does next. Pairs with the Acquire of write; the other readers'
        // steps in between are read-modify-writes, which hand it on.
        let leave = |was| match readers(was) {
            0 => None,
            _ if is_writing(was) => None,
            1 => Some(0),
            READERS_MASK => Some((was - 1) & !READERS_WAITING),
            _ => Some(was - 1),
        };
        let was = self.state.fetch_update(Release, Relaxed, leave).map_err(|_| NotHeld)?;
        match readers(was) {
            1 => self.wake(was),
            READERS_MASK => self.wake(was & !WRITERS_WAITING),
            _ => {}
        }
        Ok(())
    }

    /// Releases the lock for the writer, without a guard. Any agent may do this, as with
    /// [`Lock::unlock`](crate::Lock::unlock).
    ///
    /// # Errors
    ///
    /// Returns [`NotHeld`] if nobody writes. Nothing changes.
    #[inline]
    pub fn unlock_write(&self) -> Result<(), NotHeld> {
        // Release: publishes what was written. Pairs with the Acquires of the agents that take the lock.
        let leave = |was| is_writing(was).then_some(0);
        let was = self.state.fetch_update(Release, Relaxed, leave).map_err(|_| NotHeld)?;
        self.wake(was);
        Ok(())
    }

    /// Makes the writer a reader: nobody writes in between. Does nothing if nobody writes.
    pub(crate) fn downgrade(&self) {
        // With the marks: readers that come now queue behind a waiting writer. Release: publishes what was written.
        let turn = |was| is_writing(was).then_some(was & MARKS | 1);
        let Ok(was) = self.state.fetch_update(Release, Relaxed, turn) else { return };
        // The writers' mark may be false, if this writer slept before it wrote: another writer shows that it is not, or all
        // look again.
        if was & WRITERS_WAITING != 0 {
            self.withdraw();
        } else if was & READERS_WAITING != 0 {
            let _ = self.state.wake_class(u32::MAX, Class::READERS);
        }
    }

    /// Makes the only reader the writer. Returns `false` if there are other readers.
    fn try_turn_writer(&self) -> bool {
        // Acquire: what was read by others stays before. Pairs with the Release of unlock_read.
        let turn = |was| (was & !MARKS == 1).then_some(was ^ (WRITING | 1));
        self.state.fetch_update(Acquire, Relaxed, turn).is_ok()
    }

    /// Wakes by address alone: the agent that takes the lock next may free the memory.
    #[inline]
    fn wake(&self, marks: i32) {
        // A writer that was woken is on its way, and sets the readers' mark too. Where classes are not told apart all were
        // woken, and nobody knows how many.
        let wakes_writer = marks & WRITERS_WAITING != 0 && self.state.wake_class(1, Class::WRITERS) != Some(0);
        if !wakes_writer && marks & READERS_WAITING != 0 {
            let _ = self.state.wake_class(u32::MAX, Class::READERS);
        }
    }

    #[inline]
    fn try_take_read(&self) -> bool {
        // Acquire: makes what was written visible. Pairs with the Release of unlock_write and of downgrade; the other
        // readers' steps in between are read-modify-writes, which hand it on.
        let enter = |was| is_open(was).then(|| was + 1);
        self.state.fetch_update(Acquire, Relaxed, enter).is_ok()
    }

    #[inline]
    fn try_take_write(&self) -> bool {
        // The marks of agents that died, or are on their way, stay. Acquire: makes what was written visible, and what was
        // read stays before. Pairs with the Releases of both unlocks.
        let enter = |was| is_free(was).then_some(was | WRITING);
        self.state.fetch_update(Acquire, Relaxed, enter).is_ok()
    }
}

primitive! { RwLock }
