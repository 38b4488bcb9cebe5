//! Places: what a layout or an allocator hands out, and what a handle is made of.
#![forbid(unsafe_code)]

use crate::buffer::{SLOT_BYTES, SharedBuffer};
use crate::element::Element;
use crate::error::Error;
use crate::primitive::Primitive;
use crate::typed_array::TypedArray;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

/// Where a primitive lies in a buffer, handed out by a [`Layout`](crate::Layout) or a
/// [`BumpAllocator`](crate::BumpAllocator). A `Copy` number, with no buffer yet.
///
/// In a field, the type is that of a handle for as long as you like: `Place<Lock<'static>>`.
pub struct Place<P> {
    index: usize,
    primitive: PhantomData<fn() -> P>,
}

impl<P: Primitive> Place<P> {
    pub(crate) fn at(index: usize) -> Self {
        Self { index, primitive: PhantomData }
    }

    /// The first slot: for the primitive's `initialize`, and to tell another agent of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Layout, Semaphore, SharedBuffer};
    ///
    /// let mut layout = Layout::new();
    /// let permits = layout.place::<Semaphore>();
    /// let buffer = SharedBuffer::new(layout.byte_length())?;
    /// let semaphore = Semaphore::initialize(&buffer, permits.index(), 3)?;
    /// assert_eq!(permits.of(&buffer)?.permits(), semaphore.permits());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many bytes after the start of the buffer it begins.
    pub fn byte_offset(&self) -> usize {
        self.index * SLOT_BYTES
    }

    /// The handle to what lies here in `buffer`: for any number of agents, at any time, as the primitive's `new`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]: the buffer ends before that. What else the primitive's `new` refuses.
    pub fn of<'buf>(&self, buffer: &'buf SharedBuffer) -> Result<P::Handle<'buf>, Error>
    where
        P: Primitive<With<'buf> = ()>,
    {
        self.with(buffer, ())
    }

    /// As [`of`](Self::of), for a primitive that is made of more than its slots: the lock of a [`Cond`](crate::Cond),
    /// the number of agents of a [`Barrier`](crate::Barrier).
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Barrier, Cond, Layout, Lock, SharedBuffer};
    ///
    /// let mut layout = Layout::new();
    /// let (lock, filled, rounds) = (layout.place::<Lock>(), layout.place::<Cond>(), layout.place::<Barrier>());
    /// let buffer = SharedBuffer::new(layout.byte_length())?;
    /// let filled = filled.with(&buffer, lock.of(&buffer)?)?;
    /// let rounds = rounds.with(&buffer, 2)?;
    /// filled.notify_one();
    /// assert_eq!(rounds.arrived(), 0);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn with<'buf>(&self, buffer: &'buf SharedBuffer, with: P::With<'buf>) -> Result<P::Handle<'buf>, Error> {
        P::attach(buffer, self.index, with)
    }
}

/// Where a [`TypedArray`] lies in a buffer: its offset and its length. As a [`Place`], it is a pair of `Copy` numbers.
pub struct ArrayPlace<T> {
    byte_offset: usize,
    length: usize,
    element: PhantomData<fn() -> T>,
}

impl<T: Element> ArrayPlace<T> {
    pub(crate) fn at(byte_offset: usize, length: usize) -> Self {
        Self { byte_offset, length, element: PhantomData }
    }

    /// How many bytes after the start of the buffer it begins.
    pub fn byte_offset(&self) -> usize {
        self.byte_offset
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The array that lies here in `buffer`. Writes nothing.
    ///
    /// # Errors
    ///
    /// As for [`TypedArray::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Layout, SharedBuffer};
    ///
    /// let mut layout = Layout::new();
    /// let samples = layout.array::<f64>(100);
    /// assert_eq!((samples.byte_offset(), samples.len()), (8, 100));
    /// let buffer = SharedBuffer::new(layout.byte_length())?;
    /// samples.of(&buffer)?.fill(0.5);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn of<'buf>(&self, buffer: &'buf SharedBuffer) -> Result<TypedArray<'buf, T>, Error> {
        TypedArray::new(buffer, self.byte_offset, self.length)
    }
}

impl ArrayPlace<i32> {
    /// The slots that its elements are: for [`SharedBuffer::slots`], or for a [`BumpAllocator`](crate::BumpAllocator)
    /// to hand out.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::Layout;
    ///
    /// let mut layout = Layout::new();
    /// assert_eq!(layout.array::<i32>(10).slots(), 1..11);
    /// ```
    pub fn slots(&self) -> Range<usize> {
        let first = self.byte_offset / SLOT_BYTES;
        first..first.saturating_add(self.length)
    }
}

// By hand: a derive would ask the same of what lies there.
impl<P> Clone for Place<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Place<P> {}

impl<P> PartialEq for Place<P> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<P> Eq for Place<P> {}

impl<P: Primitive> fmt::Debug for Place<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("kind", &P::kind()).field("index", &self.index).finish()
    }
}

impl<T> Clone for ArrayPlace<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ArrayPlace<T> {}

impl<T> PartialEq for ArrayPlace<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.byte_offset, self.length) == (other.byte_offset, other.length)
    }
}

impl<T> Eq for ArrayPlace<T> {}

impl<T: Element> fmt::Debug for ArrayPlace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrayPlace")
            .field("element", &T::NAME)
            .field("byte_offset", &self.byte_offset)
            .field("length", &self.length)
            .finish()
    }
}
