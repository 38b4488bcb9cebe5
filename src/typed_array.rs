//! Typed arrays over the bytes of a buffer: ECMAScript's views, as handles.
#![forbid(unsafe_code)]

use crate::buffer::{SLOT_BYTES, SharedBuffer};
use crate::element::{Cell, Element};
use crate::error::Error;
use crate::slot::Slot;
use crate::sync::{Ordering, Ordering::Relaxed, Ordering::SeqCst};
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

/// Numbers of one type in consecutive bytes of a buffer, between threads and between processes.
///
/// A `TypedArray` is a `Copy` handle: an offset and a length, or none, if it [goes on](Self::rest) to the end of a
/// buffer that can grow. Any number of them may overlap, of whatever types; they share the bytes, in the byte order of
/// the machine. Each element is read and written as a whole, without order: two agents that race for it see one value
/// or the other, never a mixture, and nothing of what was done before. [`Atomics`](crate::Atomics) has the operations
/// with order.
///
/// There is no `array[i]`, which would be a reference into memory that others write: [`get`](Self::get) and
/// [`set`](Self::set) copy one element, [`iter`](Self::iter) one after the other, [`to_vec`](Self::to_vec) and
/// [`copy_to`](Self::copy_to) many.
///
/// # Examples
///
/// ```
/// use slotsync::{SharedBuffer, TypedArray};
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
/// # Overlapping accesses of two sizes
///
/// If two arrays of different element sizes, or an array and a slot, race for the same bytes of one process, then Rust's memory
/// model does not define what is read; on the machines and by the compiler that there are, it is a mixture of bytes that
/// were written. Agree on who writes, or put a lock beside it.
///
/// # Source
///
/// ECMAScript, *TypedArray Objects* and *Memory Model*.
#[derive(Clone, Copy)]
pub struct TypedArray<'buf, T> {
    buffer: &'buf SharedBuffer,
    byte_offset: usize,
    /// `None`: all that the buffer has, however much that is by now.
    length: Option<usize>,
    element: PhantomData<T>,
}

impl<'buf, T: Element> TypedArray<'buf, T> {
    /// The size of an element.
    pub const BYTES_PER_ELEMENT: usize = size_of::<T>();

    /// An array of `length` elements that begins `byte_offset` bytes after the start of the buffer. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::UnevenOffset`]: the offset is not a multiple of the element's size. [`Error::ArrayOutOfBounds`]: the buffer
    /// ends before the array does. [`Error::Misaligned`]: foreign memory starts where no element of this size can.
    /// [`Error::Unsupported`]: in a loom model, whose atomics cannot overlay bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, SharedBuffer, TypedArray};
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
        let size = Self::BYTES_PER_ELEMENT;
        if byte_offset % size != 0 {
            return Err(Error::UnevenOffset { byte_offset, size });
        }
        let end = length.checked_mul(size).and_then(|bytes| bytes.checked_add(byte_offset));
        let bytes = buffer.byte_length();
        if end.is_none_or(|end| end > bytes) {
            return Err(Error::ArrayOutOfBounds { byte_offset, length, size, bytes });
        }
        buffer.check_alignment::<T>()?;
        Ok(Self { buffer, byte_offset, length: Some(length), element: PhantomData })
    }

    /// The array of all elements from `byte_offset` to the end of the buffer.
    ///
    /// Over a [growable](SharedBuffer::growable) buffer it *tracks the length*: as the buffer grows, whoever makes it
    /// grow, the array does. It has as many elements as there is room for, and bytes that are left over are in none.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and over a buffer of a fixed length [`Error::UnevenRest`]: the bytes that are left
    /// make no whole number of elements.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{SharedBuffer, TypedArray};
    ///
    /// let buffer = SharedBuffer::growable(8, 64)?;
    /// let array = TypedArray::<u16>::rest(&buffer, 2)?;
    /// assert_eq!((array.len(), array.get(3)), (3, None));
    /// buffer.grow(12)?;
    /// assert_eq!((array.len(), array.get(3)), (5, Some(0)));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn rest(buffer: &'buf SharedBuffer, byte_offset: usize) -> Result<Self, Error> {
        // The offset first, as in the standard: no rest from a wrong one is worth a word.
        let none = Self::new(buffer, byte_offset, 0)?;
        if buffer.is_growable() {
            return Ok(Self { length: None, ..none });
        }
        let (bytes, size) = (buffer.byte_length() - byte_offset, Self::BYTES_PER_ELEMENT);
        if bytes % size != 0 {
            return Err(Error::UnevenRest { bytes, size });
        }
        Ok(Self { length: Some(bytes / size), ..none })
    }

    /// The buffer that the elements are in.
    pub fn buffer(&self) -> &'buf SharedBuffer {
        self.buffer
    }

    /// How many bytes after the start of the buffer the array begins.
    pub fn byte_offset(&self) -> usize {
        self.byte_offset
    }

    /// How many bytes the elements take.
    pub fn byte_length(&self) -> usize {
        self.len() * Self::BYTES_PER_ELEMENT
    }

    /// How many elements. If the array tracks the length of its buffer, there may be more at each call.
    pub fn len(&self) -> usize {
        // SeqCst, as the length of the buffer.
        self.length_now(SeqCst)
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does the array have whatever its buffer has? Made by [`rest`](Self::rest) over a growable one.
    pub fn is_length_tracking(&self) -> bool {
        self.length.is_none()
    }

    /// The element at `index`; `None` beyond the last.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        // Relaxed: plain access orders nothing.
        self.cell(index).ok().map(|cell| T::load(cell.atomic(), Relaxed))
    }

    /// Writes the element at `index`.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the array ends before. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, Float64Array, SharedBuffer};
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
        self.cell(index).map(|cell| T::store(cell.atomic(), value, Relaxed))
    }

    /// Writes `value` to each element.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{SharedBuffer, Uint16Array};
    ///
    /// let buffer = SharedBuffer::new(8)?;
    /// let array = Uint16Array::rest(&buffer, 0)?;
    /// array.subarray(1..3)?.fill(7);
    /// assert_eq!(array.to_vec(), [0, 7, 7, 0]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn fill(&self, value: T) {
        self.cells().for_each(|cell| T::store(cell.atomic(), value, Relaxed));
    }

    /// The array of the elements from `range.start` up to `range.end`, over the same bytes. A range that ends before it
    /// begins has none.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: the range has an element beyond the last, which the error names; or it is empty, and
    /// begins there. (The standard would cut it off at the end.)
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, SharedBuffer, TypedArray};
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
        // In order, as in the standard for all that goes by the whole length: the answer tells of it, as `len` does.
        let length = self.len();
        if range.start.max(range.end) > length {
            let index = range.start.max(range.end.saturating_sub(1));
            return Err(Error::ElementOutOfRange { index, length });
        }
        let byte_offset = self.byte_offset + range.start * Self::BYTES_PER_ELEMENT;
        Ok(Self { byte_offset, length: Some(range.len()), ..*self })
    }

    /// The elements that there are now, each read when its turn comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Float64Array, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(24)?;
    /// let samples = Float64Array::rest(&buffer, 0)?;
    /// samples.fill(0.5);
    /// assert_eq!(samples.iter().sum::<f64>(), 1.5);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'buf, T> {
        self.cells().map(|cell| T::load(cell.atomic(), Relaxed))
    }

    /// A copy of the elements, each of them whole: what others write meanwhile is in it or not.
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }

    /// Writes these values to the elements from `index` on.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: they do not all fit. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, SharedBuffer, TypedArray};
    ///
    /// let buffer = SharedBuffer::new(8)?;
    /// let halves = TypedArray::<i16>::rest(&buffer, 0)?;
    /// halves.copy_from(2, &[-1, -2])?;
    /// assert_eq!(halves.copy_from(3, &[5, 6]), Err(Error::ElementOutOfRange { index: 4, length: 4 }));
    /// assert_eq!(halves.to_vec(), [0, 0, -1, -2]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn copy_from(&self, index: usize, values: &[T]) -> Result<(), Error> {
        let end = index.saturating_add(values.len());
        let cells = self.subarray(index..end)?;
        cells.cells().zip(values).for_each(|(cell, value)| T::store(cell.atomic(), *value, Relaxed));
        Ok(())
    }

    /// Reads as many elements as there is room for, from `index` on.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: there are not so many. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{SharedBuffer, TypedArray};
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
        let end = index.saturating_add(values.len());
        let cells = self.subarray(index..end)?;
        cells.cells().zip(values).for_each(|(cell, value)| *value = T::load(cell.atomic(), Relaxed));
        Ok(())
    }

    #[inline]
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'buf, T>, Error> {
        self.find(index, |place| self.buffer.cell(place))
    }

    /// What is at the byte where this element begins.
    #[inline]
    fn find<P>(&self, index: usize, at: impl FnOnce(usize) -> Option<P>) -> Result<P, Error> {
        // Relaxed, as in the standard: see `SharedBuffer::span`.
        let length = self.length_now(Relaxed);
        let place = (index < length).then(|| self.byte_offset + index * Self::BYTES_PER_ELEMENT);
        place.and_then(at).ok_or(Error::ElementOutOfRange { index, length })
    }

    /// All that there are now: the array may grow meanwhile.
    fn cells(&self) -> impl Iterator<Item = Cell<'buf, T>> + use<'buf, T> {
        // In order, as for `subarray`: how many there are tells of a growth.
        let length = self.len();
        let array = Self { length: Some(length), ..*self };
        (0..length).filter_map(move |index| array.cell(index).ok())
    }

    #[inline]
    fn length_now(&self, order: Ordering) -> usize {
        let rest = || self.buffer.length_now(order).saturating_sub(self.byte_offset) / Self::BYTES_PER_ELEMENT;
        self.length.unwrap_or_else(rest)
    }
}

impl<'buf> TypedArray<'buf, i32> {
    /// The slot that this element is.
    pub(crate) fn slot(&self, index: usize) -> Result<Slot<'buf>, Error> {
        self.find(index, |place| self.buffer.mapped_slot(place / SLOT_BYTES))
    }
}

/// Says offset and length, and nothing of the elements.
impl<T: Element> fmt::Debug for TypedArray<'_, T> {
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

/// As ECMAScript calls it.
pub type Int8Array<'buf> = TypedArray<'buf, i8>;
/// As ECMAScript calls it.
pub type Uint8Array<'buf> = TypedArray<'buf, u8>;
/// As ECMAScript calls it.
pub type Int16Array<'buf> = TypedArray<'buf, i16>;
/// As ECMAScript calls it.
pub type Uint16Array<'buf> = TypedArray<'buf, u16>;
/// As ECMAScript calls it.
pub type Int32Array<'buf> = TypedArray<'buf, i32>;
/// As ECMAScript calls it.
pub type Uint32Array<'buf> = TypedArray<'buf, u32>;
/// As ECMAScript calls it: its `BigInt` is an `i64` here.
pub type BigInt64Array<'buf> = TypedArray<'buf, i64>;
/// As ECMAScript calls it: its `BigInt` is a `u64` here.
pub type BigUint64Array<'buf> = TypedArray<'buf, u64>;
/// As ECMAScript calls it. For plain access only.
pub type Float32Array<'buf> = TypedArray<'buf, f32>;
/// As ECMAScript calls it. For plain access only.
pub type Float64Array<'buf> = TypedArray<'buf, f64>;
