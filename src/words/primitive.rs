//! The trait of what occupies slots of a buffer: each primitive implements it in its own file.
#![forbid(unsafe_code)]

use super::slot::Slot;
use crate::error::Error;
use crate::memory::{Handle, SharedBuffer};

/// A type that occupies slots in a buffer and that [`Layout`](crate::Layout) and
/// [`BumpAllocator`](crate::BumpAllocator) can place.
///
/// Implement it for a type of your own that consists of slots. All zeros should be a valid state of it, because nobody
/// initializes a place.
///
/// # Examples
///
/// ```
/// use slotsync::{Error, Handle, Layout, Lock, Primitive, SharedBuffer, Slot};
///
/// /// A number under a lock.
/// struct Counter<'buf>(Lock<'buf>, Slot<'buf>);
///
/// impl Handle for Counter<'_> {
///     type Over<'buf> = Counter<'buf>;
///
///     fn shorten<'short, 'long: 'short>(handle: &'short Counter<'long>) -> &'short Counter<'short> {
///         handle
///     }
/// }
///
/// impl Primitive for Counter<'_> {
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
/// # Ok::<(), Error>(())
/// ```
pub trait Primitive: Handle {
    /// What a handle needs beside its slots: the lock of a [`Cond`](crate::Cond), the number of agents of a
    /// [`Barrier`](crate::Barrier), or `()`.
    type With<'buf>;

    /// The number of slots.
    const SLOTS: usize;
    /// The alignment of the first slot, in slots: a power of two.
    const ALIGN: usize = 1;

    /// Returns the name of the type in the text of a layout, and so in its fingerprint.
    ///
    /// The name is one line, and the same in every program that shares the memory.
    fn kind() -> String;

    /// Returns the handle to the slots from `index` on. Any number of agents may attach, at any time.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer has no such slots, or what else the handle's `new` refuses.
    fn attach<'buf>(
        buffer: &'buf SharedBuffer,
        index: usize,
        with: Self::With<'buf>,
    ) -> Result<Self::Over<'buf>, Error>;
}

/// Implements [`Handle`](crate::memory::Handle) for a type whose only lifetime is that of the buffer.
macro_rules! handles {
    ($($handle:ident)*) => { $(
        impl $crate::memory::Handle for $handle<'_> {
            type Over<'buf> = $handle<'buf>;

            #[inline]
            fn shorten<'short, 'long: 'short>(handle: &'short $handle<'long>) -> &'short $handle<'short> {
                handle
            }
        }
    )* };
}

/// Implements [`Handle`](crate::memory::Handle) and [`Primitive`] for a type that is made of its slots alone.
macro_rules! primitive {
    ($primitive:ident) => {
        $crate::words::handles! { $primitive }

        impl $crate::words::Primitive for $primitive<'_> {
            type With<'buf> = ();
            const SLOTS: usize = $primitive::SLOTS;

            fn kind() -> String {
                stringify!($primitive).to_owned()
            }

            fn attach<'buf>(
                buffer: &'buf $crate::memory::SharedBuffer,
                index: usize,
                (): (),
            ) -> Result<$primitive<'buf>, $crate::error::Error> {
                $primitive::new(buffer, index)
            }
        }
    };
}

pub(crate) use {handles, primitive};

handles! { Slot }

impl Primitive for Slot<'_> {
    type With<'buf> = ();
    const SLOTS: usize = 1;

    fn kind() -> String {
        "Slot".to_owned()
    }

    fn attach<'buf>(buffer: &'buf SharedBuffer, index: usize, (): ()) -> Result<Slot<'buf>, Error> {
        buffer.slot(index)
    }
}
