//! Elements of arrays: numbers beside each other, each accessed as a whole.

use super::bits::Bits;
use crate::error::Error;
use crate::memory::SharedBuffer;
use crate::sync::{self, AtomicI32, Ordering};
use crate::words::number::{Integer, Number};
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;

/// One number in a buffer: a `Copy` address, as a [`Slot`](crate::Slot) is.
#[derive(Clone, Copy)]
pub(crate) struct Element<'buf, T> {
    /// Points to all the words of the buffer, and is a multiple of the size.
    at: NonNull<u8>,
    buffer: PhantomData<(&'buf AtomicI32, T)>,
}

// SAFETY: all accesses to the number are atomic, and it can be copied to any thread.
unsafe impl<T: Send> Send for Element<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Element<'_, T> {}

/// Loads and stores are sequentially consistent or, if the caller says so, relaxed. The others are sequentially
/// consistent.
impl<T: Number> Element<'_, T> {
    #[inline]
    fn pointer(self) -> *mut T::Bits {
        self.at.as_ptr().cast()
    }

    #[inline]
    pub(crate) fn load(self, order: Ordering) -> T {
        // SAFETY: an element was checked to lie in the words of its buffer, at a multiple of its size. So too below.
        T::from_bits(unsafe { T::Bits::load(self.pointer(), order) })
    }

    #[inline]
    pub(crate) fn store(self, value: T, order: Ordering) {
        // SAFETY: as above.
        unsafe { T::Bits::store(self.pointer(), T::into_bits(value), order) }
    }
}

/// Each returns what the element was.
impl<T: Integer> Element<'_, T> {
    #[inline]
    pub(crate) fn swap(self, value: T) -> T {
        // SAFETY: as above.
        T::from_bits(unsafe { T::Bits::swap(self.pointer(), T::into_bits(value)) })
    }

    /// Writes `new` if the element is `current`.
    #[inline]
    pub(crate) fn compare_exchange(self, current: T, new: T) -> T {
        let (current, new) = (T::into_bits(current), T::into_bits(new));
        // SAFETY: as above.
        T::from_bits(unsafe { T::Bits::compare_exchange(self.pointer(), current, new) })
    }

    #[inline]
    pub(crate) fn fetch_add(self, value: T) -> T {
        // SAFETY: as above.
        T::from_bits(unsafe { T::Bits::fetch_add(self.pointer(), T::into_bits(value)) })
    }

    #[inline]
    pub(crate) fn fetch_sub(self, value: T) -> T {
        // Arithmetic wraps around, so this is the same as subtracting.
        let negative = T::into_lowest(value).wrapping_neg();
        self.fetch_add(T::from_lowest(negative))
    }

    /// Writes what `change` makes of the element.
    #[inline]
    pub(crate) fn fetch_update(self, change: impl Fn(T) -> T) -> T {
        let change = |bits| T::into_bits(change(T::from_bits(bits)));
        // SAFETY: as above.
        T::from_bits(unsafe { T::Bits::fetch_update(self.pointer(), change) })
    }
}

/// Consecutive elements of a buffer, whose bounds and alignment were checked.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'buf, T> {
    first: Element<'buf, T>,
    count: usize,
}

impl<'buf, T: Number> Elements<'buf, T> {
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<Element<'buf, T>> {
        // SAFETY: there are as many elements as were checked, and this is one of them.
        (index < self.count).then(|| unsafe { self.first_after(index) })
    }

    /// Returns the elements of a range, if all of them are there. A range that ends before it starts has none.
    #[inline]
    pub(crate) fn range(self, range: Range<usize>) -> Option<Self> {
        if range.start.max(range.end) > self.count {
            return None;
        }
        // SAFETY: the first lies in the elements that were checked, or at their end if there are none.
        Some(Self { first: unsafe { self.first_after(range.start) }, count: range.len() })
    }

    #[inline]
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = Element<'buf, T>> + DoubleEndedIterator + use<'buf, T> {
        // SAFETY: as in `get`.
        (0..self.count).map(move |index| unsafe { self.first_after(index) })
    }

    /// # Safety
    ///
    /// `index` is at most the number of elements. The result is not accessed if it is equal.
    #[inline]
    unsafe fn first_after(self, index: usize) -> Element<'buf, T> {
        // SAFETY: the caller's promise: the result lies in the memory of the buffer, or at its end.
        Element { at: unsafe { self.first.at.add(index * size_of::<T>()) }, ..self.first }
    }
}

impl SharedBuffer {
    /// Returns `length` elements from `byte_offset` on.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnevenOffset`] if the offset is not a multiple of the element size, [`Error::ArrayOutOfBounds`]
    /// if the buffer ends before the elements, [`Error::Misaligned`] if foreign memory is not aligned for them, and
    /// [`Error::Unsupported`] where elements of this size are not supported.
    pub(crate) fn elements<T: Number>(&self, byte_offset: usize, length: usize) -> Result<Elements<'_, T>, Error> {
        self.elements_within(self.byte_length(), byte_offset, length)
    }

    /// Returns all elements from `byte_offset` on that there may ever be, whatever the length of the buffer says now.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`elements`](Self::elements).
    pub(crate) fn mapped_elements<T: Number>(&self, byte_offset: usize) -> Result<Elements<'_, T>, Error> {
        let bytes = self.max_byte_length();
        self.elements_within(bytes, byte_offset, bytes.saturating_sub(byte_offset) / size_of::<T>())
    }

    /// `bytes` is at most the maximum length of the buffer.
    fn elements_within<T: Number>(
        &self,
        bytes: usize,
        byte_offset: usize,
        length: usize,
    ) -> Result<Elements<'_, T>, Error> {
        let size = size_of::<T>();
        if byte_offset % size != 0 {
            return Err(Error::UnevenOffset { byte_offset, size });
        }
        let end = length.checked_mul(size).and_then(|length| length.checked_add(byte_offset));
        if end.is_none_or(|end| end > bytes) {
            return Err(Error::ArrayOutOfBounds { byte_offset, length, size, bytes });
        }
        if !sync::HAS_WIDE {
            return Err(Error::Unsupported { what: "an array or a view of bytes in a model" });
        }
        if !T::Bits::IS_SUPPORTED {
            return Err(Error::Unsupported { what: "an array of 64-bit numbers on this processor" });
        }
        // All memory but foreign memory starts at a multiple of every size.
        let address = self.base().addr().get();
        if address % size != 0 {
            return Err(Error::Misaligned { address, align: size });
        }
        // SAFETY: the offset is at most the length, so the result lies in the memory or at its end.
        let at = unsafe { self.base().cast::<u8>().add(byte_offset) };
        Ok(Elements { first: Element { at, buffer: PhantomData }, count: length })
    }
}
