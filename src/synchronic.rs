//! A synchronic in four slots: a value that agents can change, and wait for to change. A count of those who wait spares
//! the call if there is nobody; they sleep on a generation, since a futex cannot watch a byte or a float.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::deadline;
use crate::error::Error;
use crate::sleeper::Sleeper;
use crate::slot::{Slot, Slots};
use crate::spin;
use crate::sync::Ordering::{Relaxed, SeqCst};
use crate::sync::fence;
use crate::value::{Narrow, Place, Value};
use core::fmt;
use std::time::Instant;

/// How many of those who wait for a change are to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotifyHint {
    /// Nobody: they hear of a later one. (In a shared scope they look once a second, whatever they hear.)
    None,
    /// One of them, at least, for whom the value suffices when it looks: who is woken and cannot use what it finds passes the
    /// wake on. If the value changes again before that, then the one may go on by the later value, and who would have gone on
    /// by the earlier sleeps on. So this is right if all who wait, wait for the same.
    One,
    /// All of them.
    All,
}

/// The lowest bit of the generation is set if the last notify was for one.
const FOR_ONE: i32 = 1;

/// A value over four slots, between threads and between processes, that can be waited for.
///
/// Each operation on the value is atomic and sequentially consistent, and lock-free. Each change takes a
/// [`NotifyHint`], and only if somebody waits does it cost a system call. A `Synchronic` is a `Copy` handle: all its state
/// is in the slots. Do not make two of different types over the same slots: the values would be nonsense.
/// Nor reach into the two slots of a value of 64 bits by other handles of this process, while it is in use: an access of
/// another size that races with its own is not defined by Rust's memory model. (The machine makes halves of it, no more.)
///
/// # Examples
///
/// A number that is passed on from thread to thread:
///
/// ```
/// use slotsync::{NotifyHint, SharedBuffer, Synchronic};
///
/// let buffer = SharedBuffer::new(16)?;
/// let turn = Synchronic::<u8>::new(&buffer, 0)?;
/// std::thread::scope(|threads| {
///     for number in 0..4 {
///         threads.spawn(move || {
///             turn.load_when_equal(number);
///             // ... one after the other ...
///             turn.fetch_add(1, NotifyHint::All);
///         });
///     }
/// });
/// assert_eq!(turn.load(), 4);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Equality
///
/// Of floating-point values, -0 is the same as +0, and each NaN the same as each other NaN: else to wait for NaN could not
/// end, and a NaN in the cell could not be replaced.
///
/// # Cross-process
///
/// Every process that maps the memory may change the value, notify and wait. If a process dies while it *waits*, its place
/// in the count stays, and each notify costs a system call from then on, until somebody [`initialize`](Self::initialize)s
/// the synchronic while nobody waits. If it dies between a change and the notify, or when it was woken for one, nobody is
/// stranded for more than a second: who waits in a shared scope looks at the value once a second.
///
/// # Memory
///
/// Who changes the value looks at the count after that, and who waits counts itself out in the end: the memory must outlive
/// every call on it.
///
/// # Bound
///
/// The generation wraps around. A waiter that is kept from sleeping (stopped, or without a processor) while exactly 2³¹
/// notifies are made, or a multiple of that, the last with the hint of the one before the first, sleeps through them.
///
/// # Source
///
/// N4195, *std::synchronic&lt;T&gt;* (Giroux and Edwards, 2014), for the contract and the hints; Hansen's `synchronic.js` for
/// the layout. That one keeps floats under a spin lock, and does not notify if a compared value is out of the type's range.
#[derive(Clone, Copy)]
pub struct Synchronic<'buf, T: Value> {
    /// How many wait. Legal to say too many (a notify makes a vain call); illegal to say too few.
    waiters: Slot<'buf>,
    /// Moved on by each notify that finds somebody waiting. Waiters sleep on it.
    generation: Slot<'buf>,
    value: Place<'buf, T::Width>,
}

impl<'buf, T: Value> Synchronic<'buf, T> {
    /// How many slots a synchronic takes: the waiters, the generation, and two for the value, of any type.
    pub const SLOTS: usize = 4;

    /// The synchronic in four slots from `index` on. Writes nothing: slots of fresh memory are a synchronic of the value 0.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer has no such slots. [`Error::Misaligned`]: a value of 64 bits does not lie at a
    /// multiple of 8 bytes, as it does if `index` is even (unless foreign memory starts at an odd slot).
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        // Its error tells of all of them.
        buffer.slot_array::<4>(index)?;
        Self::from_slots(buffer.slots(index..)?)
    }

    /// Makes four slots from `index` on a synchronic of this value, whatever they hold: for one agent, while no other uses
    /// it. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, value: T) -> Result<Self, Error> {
        let synchronic = Self::new(buffer, index)?;
        // Relaxed: who waits or notifies reads nothing for these.
        synchronic.waiters.store(0, Relaxed);
        synchronic.generation.store(0, Relaxed);
        synchronic.value.swap(T::into_bits(value), SeqCst);
        Ok(synchronic)
    }

    /// The synchronic in the first four of these slots, which may lie elsewhere: see [`Slots::from_ref`].
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn from_slots(slots: Slots<'buf>) -> Result<Self, Error> {
        // Of any type: a small value would not need the last.
        if slots.len() < Self::SLOTS {
            return Err(Error::OutOfBounds { index: 0, count: Self::SLOTS, length: slots.len() });
        }
        let [waiters, generation] = [0, 1].map(|index| Place::<Narrow>::at(slots, index));
        Ok(Self { waiters: waiters?.first(), generation: generation?.first(), value: Place::at(slots, 2)? })
    }

    /// The value.
    #[inline]
    pub fn load(&self) -> T {
        // SeqCst, here and below: users of one value may rely on the order of another's. What the algorithm needs is that
        // who reads a value sees what was done before it was written.
        T::from_bits(self.value.load(SeqCst))
    }

    /// Writes the value and returns what it was, as one step, and notifies.
    #[inline]
    pub fn swap(&self, value: T, hint: NotifyHint) -> T {
        let was = self.value.swap(T::into_bits(value), SeqCst);
        self.notify(hint);
        T::from_bits(was)
    }

    /// Writes what `change` makes of the value, as one step, notifies, and returns what the value was; unless `change` says
    /// `None`. It is asked again whenever another agent was faster.
    ///
    /// # Errors
    ///
    /// The value for which `change` said `None`: nothing was written, and nobody notified.
    #[inline]
    pub fn fetch_update(&self, hint: NotifyHint, mut change: impl FnMut(T) -> Option<T>) -> Result<T, T> {
        let mut bits = self.value.load(SeqCst);
        while let Some(new) = change(T::from_bits(bits)) {
            match self.value.replace(bits, T::into_bits(new), SeqCst) {
                Ok(_) => {
                    self.notify(hint);
                    return Ok(T::from_bits(bits));
                }
                Err(now) => bits = now,
            }
        }
        Err(T::from_bits(bits))
    }

    /// Lets those who wait look at the value again: for who has changed it with [`NotifyHint::None`]. It is
    /// async-signal-safe, as each change is, but may change `errno`.
    #[inline]
    pub fn notify(&self, hint: NotifyHint) {
        if hint == NotifyHint::None {
            return;
        }
        // Either this sees the count of one who waits, or that one sees the value that was written before: the fence pairs
        // with the one in sleep_until.
        fence(SeqCst);
        if self.waiters.load(Relaxed) != 0 {
            self.wake(hint);
        }
    }

    #[cold]
    fn wake(&self, hint: NotifyHint) {
        let (count, mark) = if hint == NotifyHint::One { (1, FOR_ONE) } else { (u32::MAX, 0) };
        // Before the wake, so that who is about to sleep does not. Relaxed: by the fences, who sees it sees the value too.
        let next = |was: i32| Some((was & !FOR_ONE).wrapping_add(2) | mark);
        let _ = self.generation.fetch_update(Relaxed, Relaxed, next);
        self.generation.wake(count);
    }

    /// The waits of [`synchronic_calls`](crate::synchronic_calls).
    pub(crate) fn load_when_deadline(&self, is_wanted: impl Fn(T) -> bool, deadline: Option<Instant>) -> Option<T> {
        let value = self.load();
        if is_wanted(value) {
            return Some(value);
        }
        if deadline::has_passed(deadline) {
            return None;
        }
        // It may change soon. In order here too, as what is wanted may depend on what was done before the value was written.
        spin::spin_while(|| !is_wanted(self.load()));
        // Relaxed: the fence orders it before the look. To count ourselves out too late is harmless, and too early it cannot
        // be: we do not sleep any more.
        self.waiters.fetch_add(1, Relaxed);
        let found = self.sleep_until(is_wanted, deadline);
        self.waiters.fetch_sub(1, Relaxed);
        found
    }

    /// For one who is counted.
    #[cold]
    fn sleep_until(&self, is_wanted: impl Fn(T) -> bool, deadline: Option<Instant>) -> Option<T> {
        let mut sleeper = Sleeper::until(deadline);
        // Not looked at before there was a sleep.
        let mut slept_on = 0;
        loop {
            // The newest: a wake orders nothing, and what we were woken for must be seen.
            let generation = self.generation.fetch_add(0, Relaxed);
            // Who notifies sees that we are counted, and moves the generation on from what we have read; or else we see the
            // value that it has written. Pairs with the fence in notify.
            fence(SeqCst);
            let value = self.load();
            let is_wanted = is_wanted(value);
            // The one wake that was sent for one is for another, if it was sent before we came, or if we cannot use it. All
            // are woken, as one may be the wrong one again; the notify for all takes the mark away, so this ends. Relaxed: by
            // the fences we see the count of whoever the notify was for.
            let is_ours = is_wanted && generation != slept_on;
            let is_for_one = sleeper.may_have_taken_a_wake() && generation & FOR_ONE != 0;
            if is_for_one && !is_ours && self.waiters.load(Relaxed) != 1 {
                self.notify(NotifyHint::All);
            }
            if is_wanted {
                sleeper.done();
                return Some(value);
            }
            if sleeper.is_late() {
                return None;
            }
            slept_on = generation;
            sleeper.sleep(self.generation, generation);
        }
    }
}

/// Two handles are equal if they name the same words of this address space, in the same scope.
impl<T: Value> PartialEq for Synchronic<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation
    }
}

impl<T: Value> Eq for Synchronic<'_, T> {}

impl<T: Value> fmt::Debug for Synchronic<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synchronic")
            .field("value", &self.load())
            .field("waiters", &self.waiters)
            .finish_non_exhaustive()
    }
}
