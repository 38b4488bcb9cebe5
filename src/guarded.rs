//! Plain data beside its lock, which goes in and out by copying. How it lies in the words is in `guarded_words`.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline::Outcome;
use crate::error::Error;
use crate::guarded_words::Words;
use crate::lock::{Lock, LockGuard};
use crate::slot::Slots;
use core::convert::Infallible;
use core::fmt;
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A value of plain data and a [`Lock`] beside it, between threads and between processes.
///
/// A `Guarded` is a `Copy` handle: lock, value and a header are all in the slots. `T` is whatever [`zerocopy`] can make
/// from any bytes: numbers, arrays, and structs of them that derive its traits and have no padding. (They have no `bool`
/// and no enum either, which not all bytes make: a `u8` in place of them. To derive the traits, depend on zerocopy 0.8
/// with its feature `derive`.) It goes in and out by copying, word by word, so no reference into shared memory ever exists: closures get a copy of their own. A large
/// `T` is a large local variable.
///
/// `VERSION` is that of the `T`, from 1 on: raise it whenever the fields change, and programs that have other ones are
/// told, in place of reading them as something else.
///
/// Fresh memory is an unlocked lock and a `T` of zeros. There is no fairness and no poisoning.
///
/// # Examples
///
/// ```
/// use slotsync::{Guarded, SharedBuffer};
/// use zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(FromBytes, IntoBytes, Immutable)]
/// #[repr(C)]
/// struct Account {
///     balance: i64,
///     transfers: [u32; 2],
/// }
///
/// /// Raised whenever the fields change.
/// const VERSION: u32 = 1;
///
/// let buffer = SharedBuffer::new(4 * Guarded::<Account, VERSION>::SLOTS)?;
/// let account = Guarded::<Account, VERSION>::new(&buffer, 0)?;
/// std::thread::scope(|threads| {
///     for agent in 0..2 {
///         threads.spawn(move || {
///             account.update(|account| {
///                 account.balance += 50;
///                 account.transfers[agent] += 1;
///             });
///         });
///     }
/// });
/// let refused: Result<(), &str> = account.try_update(|account| {
///     account.balance -= 1000;
///     if account.balance < 0 { Err("no money") } else { Ok(()) }
/// });
/// assert_eq!(refused, Err("no money"));
/// assert_eq!(account.get().balance, 100);
/// assert!(Guarded::<Account, 2>::new(&buffer, 0).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A [`Layout`](crate::Layout) and a [`BumpAllocator`](crate::BumpAllocator) have places for it. Its size, its alignment
/// and its version are part of the layout's text, and so of the fingerprint:
///
/// ```
/// use slotsync::{Guarded, Layout, SharedBuffer};
///
/// let mut layout = Layout::new();
/// let totals = layout.place::<Guarded<[u64; 8], 3>>();
/// let buffer = SharedBuffer::new(layout.byte_length())?;
/// layout.attach(&buffer)?;
/// totals.of(&buffer)?.update(|totals| totals[0] += 1);
/// # #[cfg(target_pointer_width = "64")]
/// assert!(layout.to_string().ends_with("4 156 Guarded<size 64, alignment 8, version 3>\n"));
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Deadlock
///
/// A closure that uses its own `Guarded` waits for itself. Two must be taken in one order by all: see [`Lock`].
///
/// # Cross-process
///
/// Every process that maps the memory may use it, if its `T` has the same size and alignment, its pointers the same
/// size, and it has the same version; the header tells them apart. What it cannot tell is the order and the meaning
/// of the fields: `#[repr(C)]`, and a version that is raised with each change, are for that.
///
/// A process that dies while it holds the lock leaves it held, and the value *whole*: the one before the call, or the
/// one after it. It writes the copy that is not the value, and then says by one word that it is. So the repair is to
/// unlock in its name, by whoever is sure that it is dead and that it held the lock, whose word does not say who does:
/// `guarded.lock().unlock()`. Nothing has to be written again. If it was only slow, or another held the lock, two write
/// at once, and the value can be a mixture. If it dies while it *waits* or *unlocks*, nobody is stranded for more than
/// one second.
///
/// # Source
///
/// C. A. R. Hoare, *Monitors* (1974), without the conditions; Raymond A. Lorie, *Physical integrity in a large segmented
/// database* (1977), for the second copy.
pub struct Guarded<'buf, T, const VERSION: u32> {
    lock: Lock<'buf>,
    /// For who holds the lock.
    words: Words<'buf, T, VERSION>,
}

impl<'buf, T: FromBytes + IntoBytes + Immutable, const VERSION: u32> Guarded<'buf, T, VERSION> {
    /// How many slots it takes: 7, and twice the words of a `T`.
    pub const SLOTS: usize = Words::<'buf, T, VERSION>::SLOTS;

    /// The value in the slots from `index` on. Who is the first to attach to fresh memory writes the header; nothing
    /// else is written. Any number may do that at once, and one that dies while it does leaves the rest to the next.
    ///
    /// A `T` of no bytes, or of 2³² and more, does not compile, nor does a version of 0:
    ///
    /// ```compile_fail
    /// # let buffer = slotsync::SharedBuffer::new(64).unwrap();
    /// slotsync::Guarded::<u64, 0>::new(&buffer, 0);
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slots. [`Error::GuardedMismatch`]: others have put another type, or
    /// another version, there.
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Self::from_slots(buffer.slots_from(index, Self::SLOTS)?)
    }

    /// Makes the slots from `index` on this value, unlocked, whatever they hold, and wakes nobody: for one agent, while
    /// no other uses them. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slots.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Guarded, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4096)?;
    /// Guarded::<[u32; 2], 1>::new(&buffer, 0)?.set([640, 480]);
    /// // A program of the next version finds the old value, and nobody else is there.
    /// assert!(matches!(Guarded::<[u64; 3], 2>::new(&buffer, 0), Err(Error::GuardedMismatch { .. })));
    /// let [width, height] = Guarded::<[u32; 2], 1>::new(&buffer, 0)?.get().map(u64::from);
    /// let size = Guarded::<_, 2>::initialize(&buffer, 0, [width, height, 60])?;
    /// assert_eq!(size.get(), [640, 480, 60]);
    /// assert!(Guarded::<[u32; 2], 1>::new(&buffer, 0).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, value: T) -> Result<Self, Error> {
        let words = Words::over(buffer.slots_from(index, Self::SLOTS)?)?;
        words.describe();
        words.write(&value);
        // It stores with Release: pairs with the Acquire of the first who takes it.
        Ok(Self { lock: Lock::initialize(buffer, index)?, words })
    }

    /// The value in words that lie elsewhere, in the first [`SLOTS`](Self::SLOTS) of these: see [`Slots::from_ref`].
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use slotsync::{Guarded, Scope, Slots};
    /// use std::sync::atomic::AtomicI32;
    ///
    /// static WORDS: [AtomicI32; 9] = [const { AtomicI32::new(0) }; 9];
    /// let total = Guarded::<u32, 1>::from_slots(Slots::from_ref(&WORDS, Scope::Private)?)?;
    /// total.update(|total| *total += 1);
    /// assert_eq!(total.get(), 1);
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn from_slots(slots: Slots<'buf>) -> Result<Self, Error> {
        let words = Words::over(slots)?;
        words.attach()?;
        Ok(Self { lock: Lock::from_slot(words.lock()), words })
    }

    /// The lock beside the value: to see who can use it, or to unlock it in the name of a dead process. Who holds it and
    /// uses the value waits for itself.
    pub fn lock(&self) -> Lock<'buf> {
        self.lock
    }

    /// A copy of the value. Sleeps while another agent uses it.
    pub fn get(&self) -> T {
        let _held = self.lock.lock();
        self.words.read()
    }

    /// A copy of the value, if nobody uses it now.
    pub fn try_get(&self) -> Option<T> {
        self.lock.try_lock().map(|_held| self.words.read())
    }

    /// A copy of the value, or gives up after `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<u64, 1>::SLOTS)?;
    /// let total = Guarded::<u64, 1>::new(&buffer, 0)?;
    /// total.update(|value| {
    ///     *value = 5;
    ///     assert_eq!(total.try_get(), None, "it is in use: by this very call");
    ///     assert_eq!(total.get_for(Duration::from_millis(1)), None);
    /// });
    /// assert_eq!(total.get_for(Duration::from_millis(1)), Some(5));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn get_for(&self, timeout: Duration) -> Option<T> {
        self.lock.lock_for(timeout).map(|_held| self.words.read())
    }

    /// A copy of the value, or gives up at `deadline`. A deadline that has passed tries once.
    pub fn get_until(&self, deadline: Instant) -> Option<T> {
        self.lock.lock_until(deadline).map(|_held| self.words.read())
    }

    /// Replaces the value. Sleeps while another agent uses it.
    pub fn set(&self, value: T) {
        let _held = self.lock.lock();
        self.words.write(&value);
    }

    /// Replaces the value if nobody uses it now, and says whether it did.
    pub fn try_set(&self, value: T) -> bool {
        self.lock.try_lock().map(|_held| self.words.write(&value)).is_some()
    }

    /// Replaces the value, or gives up after `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, Outcome, SharedBuffer};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<[u8; 3], 1>::SLOTS)?;
    /// let color = Guarded::<[u8; 3], 1>::new(&buffer, 0)?;
    /// let guard = color.lock().lock(); // As another agent would hold it.
    /// assert_eq!(color.set_for([255, 0, 0], Duration::from_millis(1)), Outcome::TimedOut);
    /// assert!(!color.try_set([255, 0, 0]));
    /// drop(guard);
    /// assert_eq!(color.set_for([0, 255, 0], Duration::from_millis(1)), Outcome::Done);
    /// assert_eq!(color.get(), [0, 255, 0]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn set_for(&self, value: T, timeout: Duration) -> Outcome {
        outcome(self.lock.lock_for(timeout).map(|_held| self.words.write(&value)))
    }

    /// Replaces the value, or gives up at `deadline`. A deadline that has passed tries once.
    pub fn set_until(&self, value: T, deadline: Instant) -> Outcome {
        outcome(self.lock.lock_until(deadline).map(|_held| self.words.write(&value)))
    }

    /// Lets `change` work on a copy of the value, which then becomes the value, and returns what it returned. Nobody else
    /// uses the value meanwhile.
    ///
    /// # Panics
    ///
    /// If `change` does. Then the value is what it was, and unlocked.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<[u64; 2], 1>::SLOTS)?;
    /// let range = Guarded::<[u64; 2], 1>::new(&buffer, 0)?;
    /// let length = range.update(|[start, end]| {
    ///     *end += 10;
    ///     *end - *start
    /// });
    /// assert_eq!((length, range.get()), (10, [0, 10]));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.change(self.lock.lock(), change)
    }

    /// As [`update`](Self::update), or gives up after `timeout`, and then does not call `change`. [`Duration::ZERO`] tries
    /// once, [`Duration::MAX`] waits forever. `change` may take as long as it likes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<u64, 1>::SLOTS)?;
    /// let total = Guarded::<u64, 1>::new(&buffer, 0)?;
    /// let add = |value: &mut u64| *value += 1;
    /// assert_eq!(total.update_for(add, Duration::from_millis(10)), Some(()));
    /// let guard = total.lock().lock();
    /// assert_eq!(total.update_for(add, Duration::from_millis(1)), None);
    /// drop(guard);
    /// assert_eq!(total.get(), 1);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn update_for<R>(&self, change: impl FnOnce(&mut T) -> R, timeout: Duration) -> Option<R> {
        self.lock.lock_for(timeout).map(|held| self.change(held, change))
    }

    /// As [`update`](Self::update), or gives up at `deadline`, and then does not call `change`. A deadline that has passed
    /// tries once.
    pub fn update_until<R>(&self, change: impl FnOnce(&mut T) -> R, deadline: Instant) -> Option<R> {
        self.lock.lock_until(deadline).map(|held| self.change(held, change))
    }

    /// As [`update`](Self::update), but the copy becomes the value only if `change` returns `Ok`. (To try to *lock*, there
    /// is [`update_for`](Self::update_for) with [`Duration::ZERO`].)
    ///
    /// # Errors
    ///
    /// What `change` returns. Then the value is what it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<[u32; 2], 1>::SLOTS)?;
    /// let stock = Guarded::<[u32; 2], 1>::initialize(&buffer, 0, [3, 0])?;
    /// let take = |count: u32| {
    ///     stock.try_update(|[left, sold]| {
    ///         *sold += count; // Undone by nobody, if the next line fails.
    ///         *left = left.checked_sub(count).ok_or("not so many are left")?;
    ///         Ok::<u32, &str>(*left)
    ///     })
    /// };
    /// assert_eq!(take(2), Ok(1));
    /// assert_eq!(take(2), Err("not so many are left"));
    /// assert_eq!(stock.get(), [1, 2]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn try_update<R, E>(&self, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        self.try_change(self.lock.lock(), change)
    }

    /// As [`try_update`](Self::try_update), or gives up after `timeout`, and then does not call `change`.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<u32, 1>::SLOTS)?;
    /// let left = Guarded::<u32, 1>::initialize(&buffer, 0, 1)?;
    /// let take = |left: &mut u32| left.checked_sub(1).map(|now| *left = now).ok_or("none is left");
    /// let short = Duration::from_millis(1);
    /// assert_eq!(left.try_update_for(take, short), Some(Ok(())));
    /// assert_eq!(left.try_update_for(take, short), Some(Err("none is left")));
    /// let guard = left.lock().lock();
    /// assert_eq!(left.try_update_for(take, short), None);
    /// # drop(guard);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn try_update_for<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
        timeout: Duration,
    ) -> Option<Result<R, E>> {
        self.lock.lock_for(timeout).map(|held| self.try_change(held, change))
    }

    /// As [`try_update`](Self::try_update), or gives up at `deadline`, and then does not call `change`.
    pub fn try_update_until<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
        deadline: Instant,
    ) -> Option<Result<R, E>> {
        self.lock.lock_until(deadline).map(|held| self.try_change(held, change))
    }

    fn change<R>(&self, held: LockGuard<'buf>, change: impl FnOnce(&mut T) -> R) -> R {
        let Ok(result) = self.try_change(held, |value| Ok::<R, Infallible>(change(value)));
        result
    }

    /// The guard unlocks in the end, also if `change` panics.
    fn try_change<R, E>(&self, _held: LockGuard<'buf>, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let mut value = self.words.read();
        let result = change(&mut value)?;
        self.words.write(&value);
        Ok(result)
    }
}

fn outcome(done: Option<()>) -> Outcome {
    done.map_or(Outcome::TimedOut, |()| Outcome::Done)
}

impl<T, const VERSION: u32> Clone for Guarded<'_, T, VERSION> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const VERSION: u32> Copy for Guarded<'_, T, VERSION> {}

/// Two are equal if they are over the same words.
impl<T, const VERSION: u32> PartialEq for Guarded<'_, T, VERSION> {
    fn eq(&self, other: &Self) -> bool {
        self.lock == other.lock
    }
}

impl<T, const VERSION: u32> Eq for Guarded<'_, T, VERSION> {}

impl<T, const VERSION: u32> fmt::Debug for Guarded<'_, T, VERSION> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("lock", &self.lock).finish_non_exhaustive()
    }
}
