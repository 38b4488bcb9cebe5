//! What can be placed: each primitive, how many slots it takes, and what its handle is made of.
#![forbid(unsafe_code)]

use crate::barrier::Barrier;
use crate::buffer::{SLOT_BYTES, SharedBuffer};
use crate::cond::Cond;
use crate::error::Error;
use crate::event::Event;
use crate::latch::Latch;
use crate::lock::Lock;
use crate::once::Once;
use crate::rw_lock::RwLock;
use crate::semaphore::Semaphore;
use crate::slot::Slot;
use crate::synchronic::Synchronic;
use crate::value::Value;

/// What takes slots of its own in a buffer: what a [`Layout`](crate::Layout) and a
/// [`BumpAllocator`](crate::BumpAllocator) have places for.
///
/// Implement it for what you build of slots. All zeros should be a valid state of it: nobody initializes a place.
///
/// # Examples
///
/// ```
/// use slotsync::{Error, Layout, Lock, Primitive, SharedBuffer, Slot};
///
/// /// A number under a lock.
/// struct Counter<'buf>(Lock<'buf>, Slot<'buf>);
///
/// impl Primitive for Counter<'_> {
///     type Handle<'buf> = Counter<'buf>;
///     type With<'buf> = ();
///     const SLOTS: usize = 2;
///
///     fn kind() -> String {
///         "Counter".to_owned()
///     }
///
///     fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<Counter<'buf>, Error> {
///         Ok(Counter(Lock::new(buffer, index)?, buffer.slot(index + 1)?))
///     }
/// }
///
/// let mut layout = Layout::new();
/// let counter = layout.place::<Counter>();
/// let buffer = SharedBuffer::new(layout.byte_length())?;
/// let Counter(lock, _number) = counter.of(&buffer)?;
/// assert!(!lock.is_locked());
/// # Ok::<(), slotsync::Error>(())
/// ```
pub trait Primitive {
    /// The handle, over a buffer that lives for `'buf`: this type.
    type Handle<'buf>;
    /// What the handle is made of beside its slots: the lock of a [`Cond`], the number of agents of a [`Barrier`]. `()`
    /// if there is nothing.
    type With<'buf>;

    /// How many slots it takes.
    const SLOTS: usize;
    /// The first is at a multiple of so many slots, a power of two.
    const ALIGN: usize = 1;

    /// What it is, in a layout's text and so in its fingerprint: in one line, and the same in every program that shares
    /// the memory.
    fn kind() -> String;

    /// The handle to what lies in the slots from `index` on: for any number of agents, at any time. It changes nothing for
    /// those who have one.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], and what else the handle's `new` refuses.
    fn attach<'buf>(
        buffer: &'buf SharedBuffer,
        index: usize,
        with: Self::With<'buf>,
    ) -> Result<Self::Handle<'buf>, Error>;
}

/// Primitives that are made of their slots alone.
macro_rules! of_slots_alone {
    ($($primitive:ident)*) => { $(
        impl Primitive for $primitive<'_> {
            type Handle<'buf> = $primitive<'buf>;
            type With<'buf> = ();
            const SLOTS: usize = $primitive::SLOTS;

            fn kind() -> String {
                stringify!($primitive).to_owned()
            }

            fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<$primitive<'buf>, Error> {
                $primitive::new(buffer, index)
            }
        }
    )* };
}

of_slots_alone! { Lock RwLock Semaphore Event Latch Once }

impl Primitive for Slot<'_> {
    type Handle<'buf> = Slot<'buf>;
    type With<'buf> = ();
    const SLOTS: usize = 1;

    fn kind() -> String {
        "Slot".to_owned()
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<Slot<'buf>, Error> {
        buffer.slot(index)
    }
}

impl Primitive for Barrier<'_> {
    type Handle<'buf> = Barrier<'buf>;
    /// How many agents meet: all say the same number.
    type With<'buf> = u32;
    const SLOTS: usize = Barrier::SLOTS;

    fn kind() -> String {
        "Barrier".to_owned()
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, agents: u32) -> Result<Barrier<'buf>, Error> {
        Barrier::new(buffer, index, agents)
    }
}

impl Primitive for Cond<'_> {
    type Handle<'buf> = Cond<'buf>;
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

impl<T: Value> Primitive for Synchronic<'_, T> {
    type Handle<'buf> = Synchronic<'buf, T>;
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
