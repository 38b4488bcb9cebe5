//! A reader-writer lock in one slot: how many read, whether one writes, and a mark for each kind that waits. Writers and
//! readers sleep on the same word in classes of their own (Linux: futex bitsets), so that a release can wake one writer.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::error::Error;
use crate::futex::Class;
use crate::slot::Slot;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// How many read. Zero, with nothing else, so fresh memory is an unlocked lock.
const READERS_MASK: i32 = (1 << 29) - 1;
/// One writes. What else a stranger writes beside this counts as nothing.
pub(crate) const WRITING: i32 = 1 << 29;
/// A reader may sleep. Legal to say falsely (one vain wake); illegal to omit while one sleeps, unless a wake is still to be
/// sent, or a writer that was woken is on its way: it will say so again.
pub(crate) const READERS_WAITING: i32 = 1 << 30;
/// A writer may sleep: readers that arrive queue behind it. Legal to say falsely until the next release; illegal to omit
/// as above.
pub(crate) const WRITERS_WAITING: i32 = i32::MIN;
pub(crate) const MARKS: i32 = READERS_WAITING | WRITERS_WAITING;

/// A reader-writer lock over one slot, between threads and between processes: many read, or one writes.
///
/// An `RwLock` is a `Copy` handle: all its state is the word. **Readers that arrive queue behind a writer that waits**,
/// so readers that overlap do not keep writers out; writers can keep readers out. It is **not fair** beyond that: a
/// release frees the lock for whoever takes it first, and a reader that runs may do so before the writer that was
/// woken. Like [`Lock`](crate::Lock) it has **no owner** (any agent may unlock), is **never poisoned** and **not
/// recursive**.
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
///             let _guard = lock.read().unwrap();
///             assert!([0, 1].contains(&(high.load(Relaxed) - low.load(Relaxed))));
///         });
///     }
/// });
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// To write while this agent reads or writes waits for itself. So does to **read twice**, if a writer comes in between: the
/// second read queues behind the writer, which waits for the first. Two that read and both wait to write wait for each
/// other: hence [`try_upgrade`](crate::RwLockReadGuard::try_upgrade), and no `upgrade`.
///
/// # Cross-process
///
/// Every process that maps the memory may lock, unlock and wait. If a process dies while it *holds* the lock, it stays
/// held, also by one reader among others: whoever knows that calls [`unlock_read`](Self::unlock_read) or
/// [`unlock_write`](Self::unlock_write) in its name. If it dies while it *waits*, *unlocks* or *downgrades*, nobody who
/// waits on is stranded for more than one second; readers that queue behind a writer that died find out in that time
/// and 20 milliseconds, or in two seconds if a signal interrupts their first sleep. Who does not wait so long may fail to
/// read beside others that read, until one has found out, or they have unlocked.
///
/// # Source
///
/// Courtois, Heymans and Parnas, *Concurrent control with "readers" and "writers"* (1971), their second problem, without
/// its unfairness to writers at the end of a read; the two classes of sleepers are of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RwLock<'buf> {
    pub(crate) state: Slot<'buf>,
}

impl<'buf> RwLock<'buf> {
    /// How many slots a reader-writer lock takes.
    pub const SLOTS: usize = 1;
    /// The most readers at once: 2²⁹ - 1.
    pub const MAX_READERS: u32 = READERS_MASK as u32;

    /// The lock in slot `index`. Writes nothing: a slot of fresh memory is an unlocked lock.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Ok(Self::from_slot(buffer.slot(index)?))
    }

    /// Makes slot `index` an unlocked lock, whatever it holds, and wakes nobody: for one agent, while no other uses it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slot.
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        let lock = Self::new(buffer, index)?;
        // Release: pairs with the Acquire of the first who takes it.
        lock.state.store(0, Release);
        Ok(lock)
    }

    /// The lock in a word that lies elsewhere: see [`Slot::from_ref`].
    #[inline]
    pub fn from_slot(state: Slot<'buf>) -> Self {
        Self { state }
    }

    /// How many agents read. By the time of the answer that may have changed.
    pub fn readers(&self) -> u32 {
        let word = self.state.load(Relaxed);
        if is_writing(word) { 0 } else { readers(word) as u32 }
    }

    /// Does an agent write? By the time of the answer that may have changed.
    pub fn is_writing(&self) -> bool {
        is_writing(self.state.load(Relaxed))
    }

    /// Unlocks for one reader, without a guard: any agent may, as for [`Lock::unlock`](crate::Lock::unlock).
    ///
    /// # Errors
    ///
    /// [`Error::NotHeld`]: nobody reads. Nothing changes.
    #[inline]
    pub fn unlock_read(&self) -> Result<(), Error> {
        // The last takes the marks away. Release: what was read stays before what a writer does next. Pairs with the Acquire
        // of write; the other readers' steps in between are read-modify-writes, which hand it on.
        let leave = |was| (!is_writing(was) && readers(was) > 0).then(|| if readers(was) == 1 { 0 } else { was - 1 });
        let was = self.state.fetch_update(Release, Relaxed, leave).map_err(|_| Error::NotHeld)?;
        if readers(was) == 1 {
            self.wake(was);
        }
        Ok(())
    }

    /// Unlocks for the writer, without a guard: any agent may, as for [`Lock::unlock`](crate::Lock::unlock).
    ///
    /// # Errors
    ///
    /// [`Error::NotHeld`]: nobody writes. Nothing changes.
    #[inline]
    pub fn unlock_write(&self) -> Result<(), Error> {
        // Release: publishes what was written. Pairs with the Acquires of those who take the lock.
        let leave = |was| is_writing(was).then_some(0);
        let was = self.state.fetch_update(Release, Relaxed, leave).map_err(|_| Error::NotHeld)?;
        self.wake(was);
        Ok(())
    }

    /// By address alone: whoever takes the lock next may free the memory.
    #[inline]
    fn wake(&self, marks: i32) {
        // A writer that was woken is on its way, and sets the readers' mark too. Where classes are not told apart all were
        // woken, and nobody knows how many.
        let wakes_writer = marks & WRITERS_WAITING != 0 && self.state.wake_class(1, Class::WRITERS) != Some(0);
        if !wakes_writer && marks & READERS_WAITING != 0 {
            let _ = self.state.wake_class(u32::MAX, Class::READERS);
        }
    }

    /// `Ok(false)`: one writes, or others read and one waits to write.
    #[inline]
    pub(crate) fn try_take_read(&self) -> Result<bool, Error> {
        // Acquire: what was written is seen. Pairs with the Release of unlock_write and of downgrade; the other readers'
        // steps in between are read-modify-writes, which hand it on.
        let enter = |was| (is_open(was) && readers(was) < READERS_MASK).then(|| was + 1);
        match self.state.fetch_update(Acquire, Relaxed, enter) {
            Err(was) if is_open(was) => Err(Error::TooManyReaders { max: Self::MAX_READERS }),
            taken => Ok(taken.is_ok()),
        }
    }

    #[inline]
    pub(crate) fn try_take_write(&self) -> bool {
        // The marks of those who died, or are on their way, stay. Acquire: what was written is seen, and what was read stays
        // before. Pairs with the Releases of both unlocks.
        let enter = |was| is_free(was).then_some(was | WRITING);
        self.state.fetch_update(Acquire, Relaxed, enter).is_ok()
    }
}

pub(crate) fn is_writing(word: i32) -> bool {
    word & WRITING != 0
}

fn readers(word: i32) -> i32 {
    word & READERS_MASK
}

/// Does nobody hold it?
pub(crate) fn is_free(word: i32) -> bool {
    word & !MARKS == 0
}

/// May a reader come in? Beside others only if no writer waits.
pub(crate) fn is_open(word: i32) -> bool {
    !is_writing(word) && (readers(word) == 0 || word & WRITERS_WAITING == 0)
}
