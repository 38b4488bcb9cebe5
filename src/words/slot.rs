//! One Int32 word of shared memory and its scope: the ground that every primitive stands on.

use crate::deadline;
use crate::error::Error;
use crate::futex::{self, Class, Scope, Sleep, Wait};
use crate::memory::{SLOT_BYTES, SharedBuffer};
use crate::sync::{self, AtomicI32, Ordering};
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Bound, Range, RangeBounds};
use core::ptr::NonNull;
use std::time::{Duration, Instant};

/// One Int32 word of shared memory: atomic operations, and a futex to wait on.
///
/// A slot is a `Copy` pair of an address and a [`Scope`]. It borrows its buffer, and any number of slots may name one word.
/// Arithmetic wraps around. The orderings are those of [`std::sync::atomic`].
///
/// Any agent that maps the memory can write any value at any time. No value of the word makes an operation panic or
/// misbehave.
///
/// # Examples
///
/// A flag that one thread raises and another waits for:
///
/// ```
/// use slotsync::SharedBuffer;
/// use std::sync::atomic::Ordering::{Acquire, Release};
///
/// let buffer = SharedBuffer::new(4)?;
/// let flag = buffer.slot(0)?;
/// std::thread::scope(|threads| {
///     threads.spawn(move || {
///         while flag.load(Acquire) == 0 {
///             let _ = flag.wait(0); // May return spuriously: hence the loop.
///         }
///     });
///     flag.store(1, Release);
///     flag.wake(1);
/// });
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// A slot cannot outlive its buffer:
///
/// ```compile_fail,E0597
/// # use slotsync::SharedBuffer;
/// let slot = {
///     let buffer = SharedBuffer::new(4).unwrap();
///     buffer.slot(0).unwrap()
/// };
/// slot.wake(1);
/// ```
///
/// # Cross-process
///
/// A slot of a shared buffer works between processes, at whatever address each maps it. The unit of sharing is the
/// word's place in the memory, so 32- and 64-bit processes agree on it.
#[derive(Clone, Copy)]
pub struct Slot<'buf> {
    /// A pointer, not a reference: after the operation that publishes a change, the memory may be freed by another
    /// agent while a call on this slot is still returning.
    word: NonNull<AtomicI32>,
    scope: Scope,
    buffer: PhantomData<&'buf AtomicI32>,
}

// SAFETY: a slot is a `&AtomicI32` in all but the promise that the word outlives a call in progress, and that
// reference is Send and Sync.
unsafe impl Send for Slot<'_> {}
// SAFETY: as above.
unsafe impl Sync for Slot<'_> {}

impl<'buf> Slot<'buf> {
    /// Returns a slot over a word that lies elsewhere: in a `static`, or in a `#[repr(C)]` struct.
    ///
    /// `scope` must be [`Scope::Shared`] if other processes wait on the word or wake its waiters, and all of them must
    /// say so.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Unsupported`] for `Scope::Shared` on a platform whose futex is private.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Scope, Slot};
    /// use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
    ///
    /// static WORD: AtomicI32 = AtomicI32::new(3);
    /// assert_eq!(Slot::from_ref(&WORD, Scope::Private)?.fetch_add(1, Relaxed), 3);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn from_ref(word: &'buf AtomicI32, scope: Scope) -> Result<Self, Error> {
        futex::check_scope(scope).map_err(|what| Error::Unsupported { what })?;
        Ok(Self::from_word(NonNull::from(word), scope))
    }

    /// Makes a slot of a word for which its buffer vouches: it is aligned, and lives and stays atomic for `'buf`.
    #[inline]
    fn from_word(word: NonNull<AtomicI32>, scope: Scope) -> Self {
        Self { word, scope, buffer: PhantomData }
    }

    /// Returns the address. The pointer is one to all the words that the buffer vouched for.
    #[allow(dead_code, reason = "for values of 64 bits, which some machines lack")]
    pub(crate) fn pointer(&self) -> NonNull<AtomicI32> {
        self.word
    }

    /// Returns the word itself. Not for use after an operation that lets another agent free the memory.
    #[inline]
    fn word(&self) -> &'buf AtomicI32 {
        // SAFETY: all constructors take words that are aligned, initialized and only accessed atomically for 'buf.
        unsafe { self.word.as_ref() }
    }

    /// Returns the scope: which agents can wait on this word and wake its waiters.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Reads the word.
    ///
    /// # Panics
    ///
    /// Panics if `order` is `Release` or `AcqRel`, as [`AtomicI32::load`](std::sync::atomic::AtomicI32::load) does.
    #[inline]
    pub fn load(&self, order: Ordering) -> i32 {
        sync::load(self.word(), order)
    }

    /// Writes the word. Wakes nobody: see [`wake`](Self::wake).
    ///
    /// # Panics
    ///
    /// Panics if `order` is `Acquire` or `AcqRel`, as [`AtomicI32::store`](std::sync::atomic::AtomicI32::store) does.
    #[inline]
    pub fn store(&self, value: i32, order: Ordering) {
        sync::store(self.word(), value, order);
    }

    /// Writes the word and returns its previous value, as one atomic step.
    #[inline]
    pub fn swap(&self, value: i32, order: Ordering) -> i32 {
        self.word().swap(value, order)
    }

    /// Writes `new` if the word holds `current`. Returns its previous value.
    ///
    /// # Errors
    ///
    /// Returns the value that was found instead of `current`.
    ///
    /// # Panics
    ///
    /// Panics if `failure` is `Release` or `AcqRel`.
    #[inline]
    pub fn compare_exchange(&self, current: i32, new: i32, success: Ordering, failure: Ordering) -> Result<i32, i32> {
        self.word().compare_exchange(current, new, success, failure)
    }

    /// Adds, wrapping around, and returns the previous value.
    #[inline]
    pub fn fetch_add(&self, value: i32, order: Ordering) -> i32 {
        self.word().fetch_add(value, order)
    }

    /// Subtracts, wrapping around, and returns the previous value.
    #[inline]
    pub fn fetch_sub(&self, value: i32, order: Ordering) -> i32 {
        self.word().fetch_sub(value, order)
    }

    /// Keeps the bits that `value` has too, and returns the previous value.
    #[inline]
    pub fn fetch_and(&self, value: i32, order: Ordering) -> i32 {
        self.word().fetch_and(value, order)
    }

    /// Sets the bits that `value` has, and returns the previous value.
    #[inline]
    pub fn fetch_or(&self, value: i32, order: Ordering) -> i32 {
        self.word().fetch_or(value, order)
    }

    /// Flips the bits that `value` has, and returns the previous value.
    #[inline]
    pub fn fetch_xor(&self, value: i32, order: Ordering) -> i32 {
        self.word().fetch_xor(value, order)
    }

    /// Writes what `change` makes of the word, as one atomic step, and returns the previous value. If `change` returns
    /// `None`, nothing is written. It is called again whenever another agent was faster.
    ///
    /// # Errors
    ///
    /// Returns the value for which `change` returned `None`.
    ///
    /// # Panics
    ///
    /// Panics if `failure` is `Release` or `AcqRel`.
    #[inline]
    pub fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(i32) -> Option<i32>,
    ) -> Result<i32, i32> {
        let mut was = self.load(failure);
        while let Some(new) = change(was) {
            match self.compare_exchange(was, new, success, failure) {
                Ok(_) => return Ok(was),
                Err(now) => was = now,
            }
        }
        Err(was)
    }

    /// Sleeps while the word holds `expected`, until a [`wake`](Self::wake).
    ///
    /// # Spurious wakeups
    ///
    /// May return [`Wait::Woken`] although nobody woke it, so call it in a loop that looks at the word again.
    ///
    /// # Memory ordering
    ///
    /// None: whatever the outcome, look at the word again with the ordering that what you read next needs.
    pub fn wait(&self, expected: i32) -> Wait {
        self.wait_deadline(expected, None)
    }

    /// Does the same as [`wait`](Self::wait), for at most `timeout`. A `timeout` beyond what the clock can represent, such as
    /// [`Duration::MAX`], is forever. With [`Duration::ZERO`] it never sleeps.
    ///
    /// In a loop, use [`wait_until`](Self::wait_until): it bounds the sum of the waits, and this does not.
    pub fn wait_for(&self, expected: i32, timeout: Duration) -> Wait {
        self.wait_deadline(expected, deadline::after(timeout))
    }

    /// Does the same as [`wait`](Self::wait), until `deadline` at most, on the monotonic clock that [`Instant`] reads.
    ///
    /// If the word does not hold `expected`, the outcome is [`Wait::NotEqual`] even if the deadline has passed.
    pub fn wait_until(&self, expected: i32, deadline: Instant) -> Wait {
        self.wait_deadline(expected, Some(deadline))
    }

    /// Does the three waits above. `None` is no deadline.
    fn wait_deadline(&self, expected: i32, deadline: Option<Instant>) -> Wait {
        loop {
            match self.sleep(expected, deadline, Class::ANY) {
                Sleep::NotEqual => return Wait::NotEqual,
                Sleep::TimedOut { .. } => return Wait::TimedOut,
                Sleep::Woken | Sleep::Interrupted => return Wait::Woken,
                // Relaxed: the caller looks again with the ordering it needs.
                Sleep::SliceOver { .. } if self.load(Ordering::Relaxed) != expected => {
                    futex::count_rescue();
                    return Wait::Woken;
                }
                Sleep::SliceOver { .. } => {}
            }
        }
    }

    /// Sleeps once while the word holds `expected`. In a shared scope the sleep ends after a slice at the latest.
    pub(crate) fn sleep(&self, expected: i32, deadline: Option<Instant>, class: Class) -> Sleep {
        futex::wait(self.word(), expected, deadline, self.scope, class)
    }

    /// Wakes up to `count` sleepers of a class, and returns how many. `None`: all of every class, or nobody knows.
    pub(crate) fn wake_class(&self, count: u32, class: Class) -> Option<u32> {
        futex::wake_class(self.word.as_ptr(), count, self.scope, class)
    }

    /// Wakes up to `count` waiters, whichever they are; 0 wakes none.
    ///
    /// Where the system can wake only one or all (macOS, Windows), any count above one wakes all.
    ///
    /// This uses the word's address and never its memory, so it is harmless if another agent has freed the memory by then.
    /// It orders no memory. It is async-signal-safe, but may change `errno`.
    #[inline]
    pub fn wake(&self, count: u32) {
        futex::wake(self.word.as_ptr(), count, self.scope);
    }

    /// Does the same as [`wake`](Self::wake), and returns how many were woken.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Unsupported`], and wakes nobody, except on Linux and Android: other systems do not tell.
    pub fn wake_counted(&self, count: u32) -> Result<u32, Error> {
        futex::wake_counted(self.word.as_ptr(), count, self.scope)
            .ok_or(Error::Unsupported { what: "counting the woken waiters" })
    }
}

/// Two slots are equal if they name the same word of this address space, in the same scope.
impl PartialEq for Slot<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.word, self.scope) == (other.word, other.scope)
    }
}

impl Eq for Slot<'_> {}

impl fmt::Debug for Slot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.load(Ordering::Relaxed);
        f.debug_struct("Slot").field("value", &value).field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl SharedBuffer {
    /// Returns slot `index`: the four bytes at `4 * index`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slot.
    pub fn slot(&self, index: usize) -> Result<Slot<'_>, Error> {
        self.span(index, 1).map(|first| Slot::from_word(first, self.scope()))
    }

    /// Returns slot `index` of all that there may ever be, whatever the length of the buffer says now.
    pub(crate) fn mapped_slot(&self, index: usize) -> Option<Slot<'_>> {
        let is_mapped = index < self.max_byte_length() / SLOT_BYTES;
        // SAFETY: it is within the words, and the pointer is one to all of them.
        is_mapped.then(|| Slot::from_word(unsafe { self.base().add(index) }, self.scope()))
    }

    /// Returns the slots of a primitive that begins at `index`.
    pub(crate) fn slot_array<const N: usize>(&self, index: usize) -> Result<[Slot<'_>; N], Error> {
        let first = Slot::from_word(self.span(index, N)?, self.scope());
        // SAFETY: the buffer vouched for N words from the first on.
        Ok(core::array::from_fn(|place| Slot { word: unsafe { first.word.add(place) }, ..first }))
    }

    /// Returns the slots of a range. A range that ends before it starts has none.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer ends before the range does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use std::sync::atomic::Ordering::Relaxed;
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// for (number, slot) in (0..).zip(buffer.slots(8..)?) {
    ///     slot.store(number, Relaxed);
    /// }
    /// assert_eq!(buffer.slot(15)?.load(Relaxed), 7);
    /// assert!(buffer.slots(8..17).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn slots(&self, range: impl RangeBounds<usize>) -> Result<Slots<'_>, Error> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.byte_length() / SLOT_BYTES,
        };
        let count = end.saturating_sub(start);
        self.slots_from(start, count)
    }

    /// Returns `count` slots from `index` on.
    pub(crate) fn slots_from(&self, index: usize, count: usize) -> Result<Slots<'_>, Error> {
        self.span(index, count).map(|first| Slots { first: Slot::from_word(first, self.scope()), count })
    }
}

/// Consecutive slots of a buffer: indexed by [`get`](Self::get), or walked by a `for` loop.
///
/// [`SharedBuffer::slots`](crate::SharedBuffer::slots) returns one, and has an example. It is `Copy`, as a slot is.
#[derive(Clone, Copy)]
pub struct Slots<'buf> {
    first: Slot<'buf>,
    count: usize,
}

impl<'buf> Slots<'buf> {
    /// Returns slots over words that lie elsewhere: see [`Slot::from_ref`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Slot::from_ref`].
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Scope, Slots, Synchronic};
    /// use std::sync::atomic::AtomicI32;
    ///
    /// static WORDS: [AtomicI32; 4] = [const { AtomicI32::new(0) }; 4];
    /// let synchronic = Synchronic::<u8>::from_slots(Slots::from_ref(&WORDS, Scope::Private)?)?;
    /// assert_eq!(synchronic.load(), 0);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn from_ref(words: &'buf [AtomicI32], scope: Scope) -> Result<Self, Error> {
        futex::check_scope(scope).map_err(|what| Error::Unsupported { what })?;
        // The pointer is one to all of them; if there are none, it is never used.
        Ok(Self { first: Slot::from_word(NonNull::from(words).cast(), scope), count: words.len() })
    }

    /// Returns the number of slots.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns `true` if there are no slots.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns an iterator over the slots.
    pub fn iter(&self) -> SlotsIter<'buf> {
        SlotsIter { slots: *self, places: 0..self.count }
    }

    /// Returns the slot at `index`, counted from the first of these, or `None` beyond the last.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Slot<'buf>> {
        // SAFETY: the maker of these vouched for `count` words from the first on.
        (index < self.count).then(|| Slot { word: unsafe { self.first.word.add(index) }, ..self.first })
    }
}

impl<'buf> IntoIterator for Slots<'buf> {
    type Item = Slot<'buf>;
    type IntoIter = SlotsIter<'buf>;

    fn into_iter(self) -> SlotsIter<'buf> {
        self.iter()
    }
}

/// An iterator over the slots of a [`Slots`].
#[derive(Clone, Debug)]
pub struct SlotsIter<'buf> {
    slots: Slots<'buf>,
    places: Range<usize>,
}

impl<'buf> Iterator for SlotsIter<'buf> {
    type Item = Slot<'buf>;

    fn next(&mut self) -> Option<Slot<'buf>> {
        self.places.next().and_then(|place| self.slots.get(place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl ExactSizeIterator for SlotsIter<'_> {}

impl fmt::Debug for Slots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

static_assertions::assert_impl_all!(Slot<'static>: Copy, Send, Sync);
