//! The place of a primitive or of an array: a number, which any process can use with its own mapping of the buffer.
#![forbid(unsafe_code)]

use crate::arrays::TypedArray;
use crate::error::Error;
use crate::memory::{Owned, SLOT_BYTES, SharedBuffer};
use crate::words::{Number, Primitive};
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use std::sync::Arc;

/// The place of a primitive in a buffer, handed out by a [`Layout`](crate::Layout) or a
/// [`BumpAllocator`](crate::BumpAllocator). It is a `Copy` number, and not yet bound to a buffer.
///
/// In a field, the type parameter is that of a handle with any lifetime: `Place<Lock<'static>>`.
pub struct Place<P> {
    index: usize,
    primitive: PhantomData<fn() -> P>,
}

impl<P: Primitive> Place<P> {
    pub(super) fn at(index: usize) -> Self {
        Self { index, primitive: PhantomData }
    }

    /// Returns the index of the first slot: for the primitive's `initialize`, and for telling another agent of the
    /// place.
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
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the offset of the first byte from the start of the buffer.
    #[inline]
    pub fn byte_offset(&self) -> usize {
        self.index * SLOT_BYTES
    }

    /// Returns the handle to the primitive that lies here in `buffer`. Any number of agents may attach, at any time, as
    /// by the primitive's `new`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OutOfBounds`] if the buffer ends before the place does, and the other errors of the primitive's
    /// `new`.
    #[inline]
    pub fn of<'buf>(&self, buffer: &'buf SharedBuffer) -> Result<P::Over<'buf>, Error>
    where
        P: Primitive<With<'buf> = ()>,
    {
        self.with(buffer, ())
    }

    /// Returns the handle to a primitive that needs more than its slots: the lock of a [`Cond`](crate::Cond), or the
    /// number of agents of a [`Barrier`](crate::Barrier).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`of`](Self::of).
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
    #[inline]
    pub fn with<'buf>(&self, buffer: &'buf SharedBuffer, with: P::With<'buf>) -> Result<P::Over<'buf>, Error> {
        P::attach(buffer, self.index, with)
    }

    /// Returns an owned handle to the primitive that lies here, with a share in `buffer`.
    ///
    /// For a primitive that needs more than its slots, call [`Owned::new`] and, in it, [`with`](Self::with).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`of`](Self::of).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Cond, Error, Layout, Lock, Owned, SharedBuffer};
    /// use std::sync::Arc;
    ///
    /// let mut layout = Layout::new();
    /// let (lock, filled) = (layout.place::<Lock>(), layout.place::<Cond>());
    /// let buffer = Arc::new(SharedBuffer::new(layout.byte_length())?);
    /// let owned: Owned<Lock> = lock.owned(&buffer)?;
    /// let filled = Owned::<Cond>::new(buffer, |buffer| filled.with(buffer, lock.of(buffer)?))?;
    /// std::thread::spawn(move || drop(owned.get().lock())).join().unwrap();
    /// filled.get().notify_one();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn owned(&self, buffer: &Arc<SharedBuffer>) -> Result<Owned<P>, Error>
    where
        P: for<'buf> Primitive<With<'buf> = ()>,
    {
        Owned::new(Arc::clone(buffer), |buffer| self.of(buffer))
    }
}

/// The place of a [`TypedArray`] in a buffer: its offset and its length. Like a [`Place`], it is `Copy` and not yet
/// bound to a buffer.
pub struct ArrayPlace<T> {
    byte_offset: usize,
    length: usize,
    element: PhantomData<fn() -> T>,
}

impl<T: Number> ArrayPlace<T> {
    pub(super) fn at(byte_offset: usize, length: usize) -> Self {
        Self { byte_offset, length, element: PhantomData }
    }

    /// Returns the offset of the first byte from the start of the buffer.
    #[inline]
    pub fn byte_offset(&self) -> usize {
        self.byte_offset
    }

    /// Returns the number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns `true` if the array has no elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the array that lies here in `buffer`. Writes nothing.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`TypedArray::new`].
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
    #[inline]
    pub fn of<'buf>(&self, buffer: &'buf SharedBuffer) -> Result<TypedArray<'buf, T>, Error> {
        TypedArray::new(buffer, self.byte_offset, self.length)
    }

    /// Returns an owned handle to the array that lies here, with a share in `buffer`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`TypedArray::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Layout, SharedBuffer};
    /// use std::sync::Arc;
    ///
    /// let mut layout = Layout::new();
    /// let samples = layout.array::<f64>(100);
    /// let buffer = Arc::new(SharedBuffer::new(layout.byte_length())?);
    /// let samples = samples.owned(&buffer)?;
    /// std::thread::spawn(move || samples.get().fill(0.5)).join().unwrap();
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn owned(&self, buffer: &Arc<SharedBuffer>) -> Result<Owned<TypedArray<'static, T>>, Error> {
        Owned::new(Arc::clone(buffer), |buffer| self.of(buffer))
    }
}

impl ArrayPlace<i32> {
    /// Returns the range of slots that the elements are: for [`SharedBuffer::slots`], or for a
    /// [`BumpAllocator`](crate::BumpAllocator) to hand out.
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

// By hand: a derive would demand the same of the type that lies there.
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

impl<T: Number> fmt::Debug for ArrayPlace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrayPlace")
            .field("element", &T::NAME)
            .field("byte_offset", &self.byte_offset)
            .field("length", &self.length)
            .finish()
    }
}
