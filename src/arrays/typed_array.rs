//! Typed arrays over the bytes of a buffer: ECMAScript's views, as handles.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::memory::{Handle, SLOT_BYTES, SharedBuffer};
use crate::sync::{Ordering, Ordering::Relaxed, Ordering::SeqCst};
use crate::words::{Element, Elements, Number, Slot};
use core::fmt;
use core::ops::Range;

/// Numbers of one type in consecutive bytes of a buffer, between threads and between processes.
///
/// A `TypedArray` is a `Copy` handle: an offset and a length. An array that [goes on](Self::rest) to the end of a
/// growable buffer has no length of its own. Any number of arrays may overlap, of whatever types. They share the bytes,
/// in the byte order of the machine.
///
/// Each element is read and written as a whole, without order: two agents that race for an element see one value or the
/// other, never a mixture, and the value orders nothing that was done before. [`Atomics`](super::Atomics) has the
/// operations with order.
///
/// There is no `array[i]`, which would be a reference into memory that others write. [`get`](Self::get) and
/// [`set`](Self::set) copy one element, [`iter`](Self::iter) copies one after the other, and [`to_vec`](Self::to_vec)
/// and [`copy_to`](Self::copy_to) copy many.
///
/// # Examples
///
/// ```
/// use slotsync::SharedBuffer;
/// use slotsync::arrays::TypedArray;
///
/// let buffer = SharedBuffer::new(16)?;
/// let words = TypedArray::<u32>::new(&buffer, 8, 2)?;
/// let bytes = TypedArray::<u8>::new(&buffer, 0, 16)?;
/// words.set(1, 0x0101_0101)?;
/// assert_eq!(bytes.get(12), Some(1));
/// assert_eq!(words.get(2), None);
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # Accesses of different sizes
///
/// Overlapping accesses of different sizes that race may see a mixture of the bytes that were written, and nothing
/// worse.
///
/// # Source
///
/// ECMAScript, *TypedArray Objects* and *Memory Model*.
#[derive(Clone, Copy)]
pub struct TypedArray<'buf, T> {
    buffer: &'buf SharedBuffer,
    byte_offset: usize,
    /// The elements, or all that there may ever be if the array tracks the length of its buffer.
    elements: Elements<'buf, T>,
    is_length_tracking: bool,
}

impl<'buf, T: Number> TypedArray<'buf, T> {
    /// The size of an element in bytes.
    pub const BYTES_PER_ELEMENT: usize = size_of::<T>();

    /// Returns the array of `length` elements that starts `byte_offset` bytes after the start of the buffer. Writes
    /// nothing.
    ///
    /// # Errors
    ///
    /// - [`Error::UnevenOffset`] if the offset is not a multiple of the element size.
    /// - [`Error::ArrayOutOfBounds`] if the buffer ends before the array does.
    /// - [`Error::Misaligned`] if foreign memory starts at an address that is not a multiple of the element size.
    /// - [`Error::Unsupported`] in a loom model, whose atomics cannot overlay bytes, and for elements of 64 bits where
    ///   they are [not supported](crate::Number#platforms).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::TypedArray;
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// let counts = TypedArray::<u64>::new(&buffer, 16, 6)?;
    /// assert_eq!((counts.byte_offset(), counts.len(), counts.byte_length()), (16, 6, 48));
    /// let uneven = TypedArray::<u64>::new(&buffer, 12, 6).unwrap_err();
    /// assert_eq!(uneven, Error::UnevenOffset { byte_offset: 12, size: 8 });
    /// let beyond = TypedArray::<u64>::new(&buffer, 16, 7).unwrap_err();
    /// assert_eq!(beyond, Error::ArrayOutOfBounds { byte_offset: 16, length: 7, size: 8, bytes: 64 });
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn new(buffer: &'buf SharedBuffer, byte_offset: usize, length: usize) -> Result<Self, Error> {
        let elements = buffer.elements(byte_offset, length)?;
        Ok(Self { buffer, byte_offset, elements, is_length_tracking: false })
    }

    /// Returns the array of all elements from `byte_offset` to the end of the buffer.
    ///
    /// Over a [growable](crate::BufferOptions::max_byte_length) buffer the array *tracks the length*: it grows as the
    /// buffer grows, whichever agent makes it grow. It has as many elements as there is room for. Bytes that are left
    /// over are in none of them.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new). Over a buffer of a fixed length, returns [`Error::UnevenRest`] if the
    /// bytes that are left are not a whole number of elements.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::TypedArray;
    ///
    /// let buffer = SharedBuffer::options().max_byte_length(64).heap(8)?;
    /// let array = TypedArray::<u16>::rest(&buffer, 2)?;
    /// assert_eq!((array.len(), array.get(3)), (3, None));
    /// buffer.grow(12)?;
    /// assert_eq!((array.len(), array.get(3)), (5, Some(0)));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn rest(buffer: &'buf SharedBuffer, byte_offset: usize) -> Result<Self, Error> {
        // The offset first, as in the standard: after a wrong offset the rest does not matter.
        let none = Self::new(buffer, byte_offset, 0)?;
        if buffer.is_growable() {
            return Ok(Self { elements: buffer.mapped_elements(byte_offset)?, is_length_tracking: true, ..none });
        }
        let (bytes, size) = (buffer.byte_length() - byte_offset, Self::BYTES_PER_ELEMENT);
        if bytes % size != 0 {
            return Err(Error::UnevenRest { bytes, size });
        }
        Self::new(buffer, byte_offset, bytes / size)
    }

    /// Returns the buffer that the elements are in.
    pub fn buffer(&self) -> &'buf SharedBuffer {
        self.buffer
    }

    /// Returns the offset of the array from the start of the buffer, in bytes.
    pub fn byte_offset(&self) -> usize {
        self.byte_offset
    }

    /// Returns the length of the array in bytes.
    pub fn byte_length(&self) -> usize {
        self.len() * Self::BYTES_PER_ELEMENT
    }

    /// Returns the number of elements. If the array tracks the length of its buffer, it may be greater at each call.
    pub fn len(&self) -> usize {
        // SeqCst, as the length of the buffer.
        self.length_now(SeqCst)
    }

    /// Returns `true` if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if the array was made by [`rest`](Self::rest) over a growable buffer, and so grows with it.
    pub fn is_length_tracking(&self) -> bool {
        self.is_length_tracking
    }

    /// Returns the element at `index`, or `None` beyond the last.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        // Relaxed: plain access orders nothing.
        self.element(index).ok().map(|element| element.load(Relaxed))
    }

    /// Writes the element at `index`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has no such element. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::Float64Array;
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let samples = Float64Array::rest(&buffer, 0)?;
    /// samples.set(1, 0.5)?;
    /// assert_eq!((samples.get(0), samples.get(1), samples.get(2)), (Some(0.0), Some(0.5), None));
    /// assert_eq!(samples.set(2, 0.5), Err(Error::ElementOutOfRange { index: 2, length: 2 }));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn set(&self, index: usize, value: T) -> Result<(), Error> {
        self.element(index).map(|element| element.store(value, Relaxed))
    }

    /// Writes `value` to each element.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::Uint16Array;
    ///
    /// let buffer = SharedBuffer::new(8)?;
    /// let array = Uint16Array::rest(&buffer, 0)?;
    /// array.subarray(1..3)?.fill(7);
    /// assert_eq!(array.to_vec(), [0, 7, 7, 0]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn fill(&self, value: T) {
        self.elements_now().iter().for_each(|element| element.store(value, Relaxed));
    }

    /// Returns the array of the elements from `range.start` up to `range.end`, over the same bytes. A range that ends
    /// before it starts has no elements.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the range has an element beyond the last, or starts beyond the end. (The
    /// standard would cut it off at the end.)
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::TypedArray;
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(8)?;
    /// let bytes = TypedArray::<u8>::rest(&buffer, 0)?;
    /// let part = bytes.subarray(2..5)?;
    /// part.set(0, 9)?;
    /// assert_eq!((part.len(), bytes.get(2)), (3, Some(9)));
    /// assert_eq!(bytes.subarray(2..9).unwrap_err(), Error::ElementOutOfRange { index: 8, length: 8 });
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn subarray(&self, range: Range<usize>) -> Result<Self, Error> {
        let start = range.start;
        let elements = self.elements_of(range)?;
        let byte_offset = self.byte_offset + start * Self::BYTES_PER_ELEMENT;
        Ok(Self { byte_offset, elements, is_length_tracking: false, ..*self })
    }

    /// Returns an iterator over the elements that there are now. Each is read when its turn comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::Float64Array;
    ///
    /// let buffer = SharedBuffer::new(24)?;
    /// let samples = Float64Array::rest(&buffer, 0)?;
    /// samples.fill(0.5);
    /// assert_eq!(samples.iter().sum::<f64>(), 1.5);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator + use<'buf, T> {
        self.elements_now().iter().map(|element| element.load(Relaxed))
    }

    /// Returns a copy of the elements, each of them whole. What other agents write meanwhile may be in it or not.
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }

    #[inline]
    pub(super) fn element(&self, index: usize) -> Result<Element<'buf, T>, Error> {
        // Relaxed, as in the standard: see `SharedBuffer::span`.
        let length = self.length_now(Relaxed);
        let element = if index < length { self.elements.get(index) } else { None };
        element.ok_or(Error::ElementOutOfRange { index, length })
    }

    /// Returns the elements of a range, or an error that names the one beyond the last.
    fn elements_of(&self, range: Range<usize>) -> Result<Elements<'buf, T>, Error> {
        let elements = self.elements_now();
        let index = range.start.max(range.end.saturating_sub(1));
        elements.range(range).ok_or(Error::ElementOutOfRange { index, length: elements.len() })
    }

    /// Returns the elements that there are now. The array may grow meanwhile.
    pub(super) fn elements_now(&self) -> Elements<'buf, T> {
        // In order, as in the standard for everything that uses the whole length: how many there are tells of a growth.
        // There are never more than may ever be.
        self.elements.range(0..self.len()).unwrap_or(self.elements)
    }

    #[inline]
    fn length_now(&self, order: Ordering) -> usize {
        if self.is_length_tracking {
            return self.buffer.length_now(order).saturating_sub(self.byte_offset) / Self::BYTES_PER_ELEMENT;
        }
        self.elements.len()
    }
}

/// # Copies of elements
///
/// Each element is copied as a whole. A copy of several elements is not one step, and orders nothing.
impl<T: Number> TypedArray<'_, T> {
    /// Reads as many elements as `values` has room for, from `index` on.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if the array has too few elements. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::TypedArray;
    ///
    /// let buffer = SharedBuffer::new(32)?;
    /// let counts = TypedArray::<u64>::rest(&buffer, 0)?;
    /// counts.fill(3);
    /// let mut copy = [0; 2]; // As long as what is wanted, and on this thread's stack.
    /// counts.copy_to(1, &mut copy)?;
    /// assert_eq!(copy, [3, 3]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn copy_to(&self, index: usize, values: &mut [T]) -> Result<(), Error> {
        let elements = self.elements_of(index..index.saturating_add(values.len()))?;
        elements.iter().zip(values).for_each(|(element, value)| *value = element.load(Relaxed));
        Ok(())
    }

    /// Writes these values to the elements from `index` on.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if they do not all fit. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::arrays::TypedArray;
    /// use slotsync::{Error, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(8)?;
    /// let halves = TypedArray::<i16>::rest(&buffer, 0)?;
    /// halves.copy_from(2, &[-1, -2])?;
    /// assert_eq!(halves.copy_from(3, &[5, 6]), Err(Error::ElementOutOfRange { index: 4, length: 4 }));
    /// assert_eq!(halves.to_vec(), [0, 0, -1, -2]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn copy_from(&self, index: usize, values: &[T]) -> Result<(), Error> {
        let elements = self.elements_of(index..index.saturating_add(values.len()))?;
        elements.iter().zip(values).for_each(|(element, value)| element.store(*value, Relaxed));
        Ok(())
    }

    /// Returns a copy of the elements from `range.start` up to `range.end`. ([`subarray`](Self::subarray) is over the
    /// same bytes.)
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subarray`](Self::subarray).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::TypedArray;
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// let samples = TypedArray::<i16>::rest(&buffer, 6)?;
    /// samples.copy_from(0, &[1, 2, 3, 4])?;
    /// let copy = samples.slice(1..3)?;
    /// samples.fill(0);
    /// assert_eq!(copy, [2, 3]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn slice(&self, range: Range<usize>) -> Result<Vec<T>, Error> {
        Ok(self.subarray(range)?.to_vec())
    }

    /// Copies the elements of `range` to those from `to` on, as `memmove` does: the two places may overlap.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if one of the two places ends beyond the array, as
    /// [`subarray`](Self::subarray) does. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::TypedArray;
    ///
    /// let buffer = SharedBuffer::new(20)?;
    /// let array = TypedArray::<u32>::rest(&buffer, 0)?;
    /// array.copy_from(0, &[1, 2, 3, 4, 5])?;
    /// array.copy_within(0..4, 1)?;
    /// assert_eq!(array.to_vec(), [1, 1, 2, 3, 4]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn copy_within(&self, range: Range<usize>, to: usize) -> Result<(), Error> {
        let is_forward = to <= range.start;
        let from = self.elements_of(range)?;
        let into = self.elements_of(to..to.saturating_add(from.len()))?;
        let pairs = from.iter().zip(into.iter());
        // Towards the end it begins with the last, so that no element is overwritten before it is copied.
        if is_forward {
            pairs.for_each(|(from, into)| into.store(from.load(Relaxed), Relaxed));
        } else {
            pairs.rev().for_each(|(from, into)| into.store(from.load(Relaxed), Relaxed));
        }
        Ok(())
    }

    /// Copies all elements of `source` to those from `index` on: ECMAScript's `set` of an array.
    ///
    /// The arrays may overlap, in one buffer or in two mappings of the same memory. All of `source` is read, into
    /// memory of this process, before anything is written.
    ///
    /// # Errors
    ///
    /// Returns [`Error::ElementOutOfRange`] if they do not all fit. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::Float32Array;
    ///
    /// let (near, far) = (SharedBuffer::new(64)?, SharedBuffer::new(64)?);
    /// let (samples, copy) = (Float32Array::new(&near, 0, 3)?, Float32Array::rest(&far, 32)?);
    /// samples.copy_from(0, &[0.5, 1.0, 1.5])?;
    /// copy.copy_from_array(2, samples)?;
    /// assert_eq!(copy.slice(1..5)?, [0.0, 0.5, 1.0, 1.5]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn copy_from_array(&self, index: usize, source: TypedArray<'_, T>) -> Result<(), Error> {
        self.copy_from(index, &source.to_vec())
    }
}

impl<'buf> TypedArray<'buf, i32> {
    /// Returns the slot that the element at `index` is.
    pub(super) fn slot(&self, index: usize) -> Result<Slot<'buf>, Error> {
        self.element(index)?;
        let slot = self.buffer.mapped_slot(self.byte_offset / SLOT_BYTES + index);
        slot.ok_or(Error::ElementOutOfRange { index, length: self.elements.len() })
    }
}

impl<T: Number> Handle for TypedArray<'_, T> {
    type Over<'buf> = TypedArray<'buf, T>;

    #[inline]
    fn shorten<'short, 'long: 'short>(handle: &'short TypedArray<'long, T>) -> &'short TypedArray<'short, T> {
        handle
    }
}

/// Shows offset and length, but no elements.
impl<T: Number> fmt::Debug for TypedArray<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("TypedArray");
        fields.field("element", &core::any::type_name::<T>()).field("byte_offset", &self.byte_offset);
        fields.field("length", &self.len());
        if self.is_length_tracking() {
            fields.field("is_length_tracking", &true);
        }
        fields.finish()
    }
}

/// ECMAScript's array of `i8`.
pub type Int8Array<'buf> = TypedArray<'buf, i8>;
/// ECMAScript's array of `u8`.
pub type Uint8Array<'buf> = TypedArray<'buf, u8>;
/// ECMAScript's array of `i16`.
pub type Int16Array<'buf> = TypedArray<'buf, i16>;
/// ECMAScript's array of `u16`.
pub type Uint16Array<'buf> = TypedArray<'buf, u16>;
/// ECMAScript's array of `i32`.
pub type Int32Array<'buf> = TypedArray<'buf, i32>;
/// ECMAScript's array of `u32`.
pub type Uint32Array<'buf> = TypedArray<'buf, u32>;
/// ECMAScript's array of signed `BigInt`s of 64 bits, which are `i64` here.
pub type BigInt64Array<'buf> = TypedArray<'buf, i64>;
/// ECMAScript's array of unsigned `BigInt`s of 64 bits, which are `u64` here.
pub type BigUint64Array<'buf> = TypedArray<'buf, u64>;
/// ECMAScript's array of `f32`. It has no [`Atomics`](super::Atomics).
pub type Float32Array<'buf> = TypedArray<'buf, f32>;
/// ECMAScript's array of `f64`. It has no [`Atomics`](super::Atomics).
pub type Float64Array<'buf> = TypedArray<'buf, f64>;

static_assertions::assert_impl_all!(TypedArray<'static, f64>: Copy, Send, Sync);
