//! Plain data beside its lock, which goes in and out by copying. How the data lies in the words is in `words.rs`.
#![forbid(unsafe_code)]

use super::lock::{Lock, LockGuard};
use crate::error::{Error, TimedOut};
use crate::futex::Scope;
use crate::memory::{Handle, SharedBuffer};
use crate::words::{Primitive, Slots};
use core::convert::Infallible;
use core::fmt;
use std::time::{Duration, Instant};
use words::Words;
use zerocopy::{FromBytes, Immutable, IntoBytes};

mod words;

/// A value of plain data and a [`Lock`] beside it, between threads and between processes.
///
/// A `Guarded` is a `Copy` handle: the lock, a header and the value are all in the slots. There is no fairness and no
/// poisoning. Fresh memory is an unlocked lock and a `T` of zeros.
///
/// `T` is a type that [`zerocopy`] can make from any bytes: a number, an array, or a struct of them that derives the
/// traits of that crate and has no padding. It has no `bool` and no enum, because not all bytes make one; use a `u8` in
/// their place. To derive the traits, depend on zerocopy 0.8 with its feature `derive`.
///
/// The value goes in and out by copying, word by word, so no reference into shared memory ever exists. A closure gets a
/// copy of its own. A large `T` is a large local variable.
///
/// `VERSION` is the version of `T`, from 1 on. Raise it whenever the fields change: a program with other fields then
/// gets an error, and does not read the value as something different.
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
/// let refused: Result<(), &str> = account.transact(|account| {
///     account.balance -= 1000;
///     if account.balance < 0 { Err("no money") } else { Ok(()) }
/// });
/// assert_eq!(refused, Err("no money"));
/// assert_eq!(account.get().balance, 100);
/// assert!(Guarded::<Account, 2>::new(&buffer, 0).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A [`Layout`](crate::Layout) and a [`BumpAllocator`](crate::BumpAllocator) can place it. Its size, its alignment and
/// its version are part of the text of the layout, and so of the fingerprint:
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
/// A closure that uses its own `Guarded` waits for itself. All agents must use two of them in the same order, as for
/// two [`Lock`]s.
///
/// # Cross-process
///
/// Every process that maps the memory may use the value, if its `T` has the same size and alignment, its pointers have
/// the same size, and its version is the same. The header tells these apart. It cannot tell the order and the meaning
/// of the fields apart: declare them `#[repr(C)]`, and raise the version with each change.
///
/// If a process dies while it *waits* or *unlocks*, other waiters recover within one second.
///
/// If a process dies while it *holds* the lock, the lock stays held, and the value is **whole**: it is the value before
/// the call or the value after it. A call writes the copy that is not the value, and then makes it the value by writing
/// one word. So there is nothing to repair but the lock.
///
/// Release the lock only when all other users of the value are known to be stopped. The word does not say which agent
/// holds the lock, so an agent whose time runs out cannot tell a dead holder from a slow one, or from another agent
/// that has just recovered the lock. If two agents write at once, the value can be a mixture. A supervisor stops the
/// other users first, and then initializes the lock, which is the first slot:
///
/// ```
/// use slotsync::{Guarded, Lock, SharedBuffer};
///
/// # let buffer = SharedBuffer::new(4 * Guarded::<u64, 1>::SLOTS)?;
/// # let index = 0;
/// # Guarded::<u64, 1>::initialize(&buffer, index, 7)?;
/// # std::mem::forget(Guarded::<u64, 1>::new(&buffer, index)?.lock().lock()); // As if a process had died here.
/// // All other users have been stopped.
/// Lock::initialize(&buffer, index)?;
/// assert_eq!(Guarded::<u64, 1>::new(&buffer, index)?.get(), 7);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Source
///
/// C. A. R. Hoare, *Monitors* (1974), without the conditions; Raymond A. Lorie, *Physical integrity in a large
/// segmented database* (1977), for the second copy.
pub struct Guarded<'buf, T, const VERSION: u32> {
    lock: Lock<'buf>,
    /// For the agent that holds the lock.
    words: Words<'buf, T, VERSION>,
}

impl<'buf, T: FromBytes + IntoBytes + Immutable, const VERSION: u32> Guarded<'buf, T, VERSION> {
    /// The number of slots of a guarded value: 7, and twice the words of a `T`.
    pub const SLOTS: usize = Words::<'buf, T, VERSION>::SLOTS;

    /// Returns the guarded value in the slots from `index` on.
    ///
    /// The first agent that attaches to fresh memory writes the header. Nothing else is written. Any number of agents
    /// may do that at once. If one of them dies before it has written the whole header, the next one writes the rest.
    ///
    /// A `T` of no bytes does not compile, nor does one of 2³² bytes or more, nor a version of 0:
    ///
    /// ```compile_fail
    /// # let buffer = slotsync::SharedBuffer::new(64).unwrap();
    /// slotsync::Guarded::<u64, 0>::new(&buffer, 0);
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slots, and [`Error::GuardedMismatch`] if another type
    /// or another version lies there.
    #[inline]
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Self::from_slots(buffer.slots_from(index, Self::SLOTS)?)
    }

    /// Makes the slots from `index` on this value, unlocked, whatever they hold, and wakes nobody. One agent may do
    /// this while no other agent uses the slots. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slots.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Guarded, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4096)?;
    /// Guarded::<[u32; 2], 1>::new(&buffer, 0)?.set([640, 480]);
    /// // A program of the next version finds the old value, and no other agent uses it.
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
        // Its store has Release, and publishes the value. Pairs with the Acquire of the first agent that takes the
        // lock.
        Ok(Self { lock: Lock::initialize(buffer, index)?, words })
    }

    /// Returns the guarded value in words that lie elsewhere, the first [`SLOTS`](Self::SLOTS) of these: see
    /// [`Slots::from_ref`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
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
    #[inline]
    pub fn from_slots(slots: Slots<'buf>) -> Result<Self, Error> {
        let words = Words::over(slots)?;
        words.attach()?;
        Ok(Self { lock: Lock::from_slot(words.lock()), words })
    }

    /// Returns the scope of the guarded value: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.lock.scope()
    }

    /// Returns the lock beside the value.
    ///
    /// While an agent holds it, no other agent reads or writes the value. An agent that holds it and uses the value
    /// itself waits for itself. For a lock that a dead process held, see [Cross-process](Self#cross-process).
    #[inline]
    pub fn lock(&self) -> Lock<'buf> {
        self.lock
    }

    /// Returns `true` if an agent uses the value. The answer may be out of date when it arrives.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// Returns a copy of the value, blocking while another agent uses it.
    pub fn get(&self) -> T {
        let _held = self.lock.lock();
        self.words.read()
    }

    /// Returns a copy of the value if no agent uses it.
    pub fn try_get(&self) -> Option<T> {
        self.lock.try_lock().map(|_held| self.words.read())
    }

    /// Returns a copy of the value, blocking for at most `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`]
    /// waits forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer, TimedOut};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<u64, 1>::SLOTS)?;
    /// let total = Guarded::<u64, 1>::new(&buffer, 0)?;
    /// total.update(|value| {
    ///     *value = 5;
    ///     assert_eq!(total.try_get(), None, "this very call uses it");
    ///     assert_eq!(total.get_for(Duration::from_millis(1)), Err(TimedOut));
    /// });
    /// assert_eq!(total.get_for(Duration::from_millis(1)), Ok(5));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn get_for(&self, timeout: Duration) -> Result<T, TimedOut> {
        self.lock.lock_for(timeout).map(|_held| self.words.read())
    }

    /// Returns a copy of the value, blocking until `deadline` at most. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time.
    pub fn get_until(&self, deadline: Instant) -> Result<T, TimedOut> {
        self.lock.lock_until(deadline).map(|_held| self.words.read())
    }

    /// Replaces the value, blocking while another agent uses it.
    pub fn set(&self, value: T) {
        let _held = self.lock.lock();
        self.words.write(&value);
    }

    /// Replaces the value if no agent uses it, and returns `true` if so.
    pub fn try_set(&self, value: T) -> bool {
        self.lock.try_lock().map(|_held| self.words.write(&value)).is_some()
    }

    /// Replaces the value, blocking for at most `timeout`. [`Duration::ZERO`] tries once, [`Duration::MAX`] waits
    /// forever.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time. Then the value stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer, TimedOut};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<[u8; 3], 1>::SLOTS)?;
    /// let color = Guarded::<[u8; 3], 1>::new(&buffer, 0)?;
    /// let guard = color.lock().lock(); // As another agent would hold it.
    /// assert_eq!(color.set_for([255, 0, 0], Duration::from_millis(1)), Err(TimedOut));
    /// assert!(!color.try_set([255, 0, 0]));
    /// drop(guard);
    /// assert_eq!(color.set_for([0, 255, 0], Duration::from_millis(1)), Ok(()));
    /// assert_eq!(color.get(), [0, 255, 0]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn set_for(&self, value: T, timeout: Duration) -> Result<(), TimedOut> {
        self.lock.lock_for(timeout).map(|_held| self.words.write(&value))
    }

    /// Replaces the value, blocking until `deadline` at most. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time. Then the value stays as it is.
    pub fn set_until(&self, value: T, deadline: Instant) -> Result<(), TimedOut> {
        self.lock.lock_until(deadline).map(|_held| self.words.write(&value))
    }

    /// Calls `change` with a copy of the value, which then becomes the value, and returns the result of `change`.
    /// Blocks while another agent uses the value; no other agent uses it meanwhile.
    ///
    /// # Panics
    ///
    /// Panics if `change` does. Then the value stays as it is, and is unlocked.
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
        self.update_held(self.lock.lock(), change)
    }

    /// Updates the value as [`update`](Self::update) does, if no agent uses it. Otherwise it does not call `change`.
    ///
    /// # Panics
    ///
    /// Panics if `change` does, as [`update`](Self::update) does.
    pub fn try_update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock.try_lock().map(|held| self.update_held(held, change))
    }

    /// Updates the value as [`update`](Self::update) does, blocking for at most `timeout` before it calls `change`.
    /// [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever. `change` may take any time.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time. Then `change` was not called.
    ///
    /// # Panics
    ///
    /// Panics if `change` does, as [`update`](Self::update) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer, TimedOut};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<u64, 1>::SLOTS)?;
    /// let total = Guarded::<u64, 1>::new(&buffer, 0)?;
    /// let add = |value: &mut u64| *value += 1;
    /// assert_eq!(total.update_for(add, Duration::from_millis(10)), Ok(()));
    /// let guard = total.lock().lock();
    /// assert_eq!(total.try_update(add), None);
    /// assert_eq!(total.update_for(add, Duration::from_millis(1)), Err(TimedOut));
    /// drop(guard);
    /// assert_eq!(total.get(), 1);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn update_for<R>(&self, change: impl FnOnce(&mut T) -> R, timeout: Duration) -> Result<R, TimedOut> {
        self.lock.lock_for(timeout).map(|held| self.update_held(held, change))
    }

    /// Updates the value as [`update`](Self::update) does, blocking until `deadline` at most before it calls `change`.
    /// A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time. Then `change` was not called.
    ///
    /// # Panics
    ///
    /// Panics if `change` does, as [`update`](Self::update) does.
    pub fn update_until<R>(&self, change: impl FnOnce(&mut T) -> R, deadline: Instant) -> Result<R, TimedOut> {
        self.lock.lock_until(deadline).map(|held| self.update_held(held, change))
    }

    /// Updates the value as [`update`](Self::update) does, but the copy becomes the value only if `change` returns
    /// `Ok`.
    ///
    /// # Errors
    ///
    /// Returns the error of `change`. Then the value stays as it is.
    ///
    /// # Panics
    ///
    /// Panics if `change` does, as [`update`](Self::update) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<[u32; 2], 1>::SLOTS)?;
    /// let stock = Guarded::<[u32; 2], 1>::initialize(&buffer, 0, [3, 0])?;
    /// let take = |count: u32| {
    ///     stock.transact(|[left, sold]| {
    ///         *sold += count; // Needs no undoing if the next line fails.
    ///         *left = left.checked_sub(count).ok_or("too few are left")?;
    ///         Ok::<u32, &str>(*left)
    ///     })
    /// };
    /// assert_eq!(take(2), Ok(1));
    /// assert_eq!(take(2), Err("too few are left"));
    /// assert_eq!(stock.get(), [1, 2]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn transact<R, E>(&self, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        self.transact_held(self.lock.lock(), change)
    }

    /// Updates the value as [`transact`](Self::transact) does, blocking for at most `timeout` before it calls `change`.
    /// [`Duration::ZERO`] tries once, [`Duration::MAX`] waits forever. `change` may take any time.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time. Then `change` was not called. The inner
    /// error is that of `change`; then the value stays as it is.
    ///
    /// # Panics
    ///
    /// Panics if `change` does, as [`update`](Self::update) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Guarded, SharedBuffer, TimedOut};
    /// use std::time::Duration;
    ///
    /// let buffer = SharedBuffer::new(4 * Guarded::<u32, 1>::SLOTS)?;
    /// let left = Guarded::<u32, 1>::initialize(&buffer, 0, 1)?;
    /// let take = |left: &mut u32| left.checked_sub(1).map(|now| *left = now).ok_or("none is left");
    /// let short = Duration::from_millis(1);
    /// assert_eq!(left.transact_for(take, short), Ok(Ok(())));
    /// assert_eq!(left.transact_for(take, short), Ok(Err("none is left")));
    /// let guard = left.lock().lock();
    /// assert_eq!(left.transact_for(take, short), Err(TimedOut));
    /// # drop(guard);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn transact_for<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
        timeout: Duration,
    ) -> Result<Result<R, E>, TimedOut> {
        self.lock.lock_for(timeout).map(|held| self.transact_held(held, change))
    }

    /// Updates the value as [`transact`](Self::transact) does, blocking until `deadline` at most before it calls
    /// `change`. A deadline that has passed tries once.
    ///
    /// # Errors
    ///
    /// Returns [`TimedOut`] if another agent used the value for all that time. Then `change` was not called. The inner
    /// error is that of `change`; then the value stays as it is.
    ///
    /// # Panics
    ///
    /// Panics if `change` does, as [`update`](Self::update) does.
    pub fn transact_until<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
        deadline: Instant,
    ) -> Result<Result<R, E>, TimedOut> {
        self.lock.lock_until(deadline).map(|held| self.transact_held(held, change))
    }

    fn update_held<R>(&self, held: LockGuard<'buf>, change: impl FnOnce(&mut T) -> R) -> R {
        let Ok(result) = self.transact_held(held, |value| Ok::<R, Infallible>(change(value)));
        result
    }

    /// The guard unlocks in the end, also if `change` panics.
    fn transact_held<R, E>(&self, _held: LockGuard<'buf>, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let mut value = self.words.read();
        let result = change(&mut value)?;
        self.words.write(&value);
        Ok(result)
    }
}

impl<T, const VERSION: u32> Clone for Guarded<'_, T, VERSION> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const VERSION: u32> Copy for Guarded<'_, T, VERSION> {}

/// Two handles are equal if they are over the same words.
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

impl<T, const VERSION: u32> Handle for Guarded<'_, T, VERSION> {
    type Over<'buf> = Guarded<'buf, T, VERSION>;

    #[inline]
    fn shorten<'short, 'long: 'short>(
        handle: &'short Guarded<'long, T, VERSION>,
    ) -> &'short Guarded<'short, T, VERSION> {
        handle
    }
}

impl<T: FromBytes + IntoBytes + Immutable, const VERSION: u32> Primitive for Guarded<'_, T, VERSION> {
    type With<'buf> = ();
    const SLOTS: usize = Guarded::<T, VERSION>::SLOTS;

    /// As in the header, but without the size of a pointer: a layout is the same in 32 bits and in 64, if its parts
    /// are.
    fn kind() -> String {
        format!("Guarded<size {}, alignment {}, version {VERSION}>", size_of::<T>(), align_of::<T>())
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<Guarded<'buf, T, VERSION>, Error> {
        Guarded::new(buffer, index)
    }
}
