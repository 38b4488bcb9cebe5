//! A synchronic in four slots: a value that agents change and wait for. A count of the waiters spares the system call
//! when nobody waits. Waiters sleep on a generation, because a futex cannot watch a byte or a float.
#![forbid(unsafe_code)]

use crate::deadline::Deadline;
use crate::error::Error;
use crate::futex::{Class, Scope};
use crate::memory::{Handle, SLOT_BYTES, SharedBuffer};
use crate::sync::{Ordering::Relaxed, Ordering::SeqCst, fence};
use crate::words::{Look, Number, NumberSlot, Primitive, Slot, Slots, spin_while, wait_until_done};
use core::fmt;

mod calls;

/// The number of waiters that a change wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotifyHint {
    /// No waiter. The waiters hear of a later change. In a shared scope, each waiter looks once a second in any case.
    None,
    /// At least one waiter for which the value suffices when it looks.
    ///
    /// A woken waiter that cannot use the value passes the wake on. If the value changes again before a woken waiter
    /// looks, that waiter may return because of the later value. Another waiter, which the earlier value would have let
    /// return, then sleeps on. So use this hint only if all waiters wait for the same thing.
    One,
    /// All waiters.
    All,
}

/// The lowest bit of the generation is set if the last notify was for one waiter.
const FOR_ONE: i32 = 1;

/// A value over four slots that agents can wait for, between threads and between processes.
///
/// Each operation on the value is atomic, sequentially consistent and lock-free. Each change takes a [`NotifyHint`],
/// and costs a system call only if an agent waits. A `Synchronic` is a `Copy` handle: all its state is in the slots.
///
/// Do not make two synchronics of different types over the same slots: the values would be nonsense. If other handles
/// access one of the two value slots of a 64-bit value, a race with them may mix halves of values, and nothing worse.
///
/// # Examples
///
/// Threads take turns by a number:
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
///             // ... one thread after the other ...
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
/// For floating-point values, -0 is the same as +0, and each NaN is the same as each other NaN. Otherwise a wait for
/// NaN could not end, and a compare-and-exchange could not replace a NaN.
///
/// # Cross-process
///
/// Every process that maps the memory may change the value, notify and wait. If a process dies while it *waits*, its
/// place in the count stays. Each notify then costs a system call, until an agent [`initialize`](Self::initialize)s the
/// synchronic while nobody waits. If a process dies between a change and its notify, or after it was woken for one,
/// other waiters recover within one second: a waiter in a shared scope looks at the value once a second.
///
/// # Memory
///
/// An agent that changes the value looks at the count afterwards, and a waiter finally counts itself out. So the memory
/// must outlive every call on it.
///
/// # Bound
///
/// The generation wraps around. A waiter may be kept from sleeping (stopped, or without a processor) while exactly 2³¹
/// notifies are made, or a multiple of that. If the last of them has the same hint as the one before the first, the
/// waiter sleeps through all of them.
///
/// # Source
///
/// N4195, *std::synchronic&lt;T&gt;* (Giroux and Edwards, 2014), for the contract and the hints; Hansen's
/// `synchronic.js` for the layout. `synchronic.js` keeps floats under a spin lock, and does not notify if a compared
/// value is out of the range of the type.
#[derive(Clone, Copy)]
pub struct Synchronic<'buf, T: Number> {
    /// The number of waiters. Legal to say too many (a notify makes a vain call); illegal to say too few.
    waiters: Slot<'buf>,
    /// Moved on by each notify that finds a waiter. Waiters sleep on it.
    generation: Slot<'buf>,
    value: NumberSlot<'buf, T>,
}

impl<'buf, T: Number> Synchronic<'buf, T> {
    /// The number of slots of a synchronic: the waiters, the generation, and two for the value, whatever its type.
    pub const SLOTS: usize = 4;

    /// Returns the synchronic in four slots from `index` on. Writes nothing: slots of fresh memory are a synchronic
    /// with the value 0.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slots, and [`Error::Misaligned`] if a value of 64 bits
    /// does not lie at a multiple of 8 bytes. It does if `index` is even, unless foreign memory starts at an odd slot.
    /// Returns [`Error::Unsupported`] where [no number of 64 bits](Number#platforms) is supported.
    #[inline]
    pub fn new(buffer: &'buf SharedBuffer, index: usize) -> Result<Self, Error> {
        Self::from_slots(buffer.slots_from(index, Self::SLOTS)?)
    }

    /// Makes four slots from `index` on a synchronic with this value, whatever they hold. One agent may do this while
    /// no other agent uses the synchronic. Fresh memory needs no such call.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    pub fn initialize(buffer: &'buf SharedBuffer, index: usize, value: T) -> Result<Self, Error> {
        let synchronic = Self::new(buffer, index)?;
        // Relaxed: an agent that waits or notifies reads nothing because of these words.
        synchronic.waiters.store(0, Relaxed);
        synchronic.generation.store(0, Relaxed);
        synchronic.value.swap(value, SeqCst);
        Ok(synchronic)
    }

    /// Returns the synchronic in the first four of these slots, which may lie elsewhere: see [`Slots::from_ref`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    #[inline]
    pub fn from_slots(slots: Slots<'buf>) -> Result<Self, Error> {
        // The last slot too, for every type, though a small value would not need it.
        let (Some(waiters), Some(generation), Some(_)) = (slots.get(0), slots.get(1), slots.get(3)) else {
            return Err(Error::OutOfBounds { index: 0, count: Self::SLOTS, length: slots.len() });
        };
        Ok(Self { waiters, generation, value: NumberSlot::at(slots, 2)? })
    }

    /// Returns the scope of the synchronic: which agents can use it.
    #[inline]
    pub fn scope(&self) -> Scope {
        self.generation.scope()
    }

    /// Returns the value.
    #[inline]
    pub fn load(&self) -> T {
        // SeqCst, here and below: users of one value may rely on the order of another's. The algorithm itself needs
        // only that an agent that reads a value sees what was done before the value was written.
        self.value.load(SeqCst)
    }

    /// Writes the value and returns the previous one, as one step, and notifies.
    #[inline]
    pub fn swap(&self, value: T, hint: NotifyHint) -> T {
        let was = self.value.swap(value, SeqCst);
        self.notify(hint);
        was
    }

    /// Replaces the value by what `change` makes of it, as one step, notifies, and returns the previous value.
    ///
    /// `change` is called again whenever another agent was faster. If it returns `None`, the value stays as it is.
    ///
    /// # Errors
    ///
    /// Returns the value for which `change` returned `None`. Then nothing was written, and nobody was notified.
    #[inline]
    pub fn fetch_update(&self, hint: NotifyHint, change: impl FnMut(T) -> Option<T>) -> Result<T, T> {
        let was = self.value.fetch_update(SeqCst, change)?;
        self.notify(hint);
        Ok(was)
    }

    /// Wakes waiters, so that they look at the value again.
    ///
    /// Call it after changing the value with [`NotifyHint::None`]. It is async-signal-safe, as each change is, but may
    /// change `errno`.
    #[inline]
    pub fn notify(&self, hint: NotifyHint) {
        if hint == NotifyHint::None {
            return;
        }
        // Either this sees the count of a waiter, or the waiter sees the value that was written before. SeqCst: pairs
        // with the fence in sleep_until.
        fence(SeqCst);
        if self.waiters.load(Relaxed) != 0 {
            self.wake(hint);
        }
    }

    #[cold]
    fn wake(&self, hint: NotifyHint) {
        let (count, mark) = if hint == NotifyHint::One { (1, FOR_ONE) } else { (u32::MAX, 0) };
        // Before the wake, so that a waiter that is about to sleep does not. Relaxed: by the fences, a waiter that sees
        // the generation sees the value too.
        let next = |was: i32| Some((was & !FOR_ONE).wrapping_add(2) | mark);
        let _ = self.generation.fetch_update(Relaxed, Relaxed, next);
        self.generation.wake(count);
    }

    fn load_when_by<D: Deadline>(&self, is_wanted: impl Fn(T) -> bool, deadline: D) -> Result<T, D::Elapsed> {
        let value = self.load();
        if is_wanted(value) {
            return Ok(value);
        }
        deadline.check()?;
        // The value may change soon. SeqCst here too, as what is wanted may depend on what was done before the write.
        spin_while(|| !is_wanted(self.load()));
        // Relaxed: the fence orders it before the look. Counting ourselves out too late is harmless, and it cannot be
        // too early: we do not sleep any more.
        self.waiters.fetch_add(1, Relaxed);
        let found = self.sleep_until(is_wanted, deadline);
        self.waiters.fetch_sub(1, Relaxed);
        found
    }

    /// Sleeps until the value is as wanted. The caller has counted itself.
    #[cold]
    fn sleep_until<D: Deadline>(&self, is_wanted: impl Fn(T) -> bool, deadline: D) -> Result<T, D::Elapsed> {
        // Not looked at before there was a sleep.
        let mut slept_on = 0;
        wait_until_done(deadline, Class::ANY, |sleeper| {
            // The newest generation: a wake orders nothing, and what we were woken for must be seen.
            let generation = self.generation.fetch_add(0, Relaxed);
            // Either a notifier sees that we are counted, and moves the generation on from what we have read, or we see
            // the value that it has written. SeqCst: pairs with the fence in notify.
            fence(SeqCst);
            let value = self.load();
            let is_wanted = is_wanted(value);
            // A wake for one waiter is another's if it was sent before we came, or if we cannot use it. Then we wake
            // all, as one might be the wrong one again. The notify for all takes the mark away, so this ends. Relaxed:
            // by the fences we see the count of the waiter that the notify was for.
            let is_ours = is_wanted && generation != slept_on;
            let is_for_one = sleeper.may_have_taken_a_wake() && generation & FOR_ONE != 0;
            if is_for_one && !is_ours && self.waiters.load(Relaxed) != 1 {
                self.notify(NotifyHint::All);
            }
            slept_on = generation;
            if is_wanted { Look::Done(value) } else { Look::Sleep(self.generation, generation) }
        })
    }
}

/// Two handles are equal if they name the same words of this address space, in the same scope.
impl<T: Number> PartialEq for Synchronic<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation
    }
}

impl<T: Number> Eq for Synchronic<'_, T> {}

impl<T: Number> fmt::Debug for Synchronic<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synchronic")
            .field("value", &self.load())
            .field("waiters", &self.waiters)
            .finish_non_exhaustive()
    }
}

impl<T: Number> Handle for Synchronic<'_, T> {
    type Over<'buf> = Synchronic<'buf, T>;

    #[inline]
    fn shorten<'short, 'long: 'short>(handle: &'short Synchronic<'long, T>) -> &'short Synchronic<'short, T> {
        handle
    }
}

impl<T: Number> Primitive for Synchronic<'_, T> {
    type With<'buf> = ();
    const SLOTS: usize = Synchronic::<T>::SLOTS;
    /// The value is in the third slot and the fourth.
    const ALIGN: usize = size_of::<T>().div_ceil(SLOT_BYTES);

    fn kind() -> String {
        format!("Synchronic<{}>", T::NAME)
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<Synchronic<'buf, T>, Error> {
        Synchronic::new(buffer, index)
    }
}
