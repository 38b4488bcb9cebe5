//! Copies of elements between typed arrays, and out of them.
#![forbid(unsafe_code)]

use crate::element::Element;
use crate::error::Error;
use crate::typed_array::TypedArray;
use core::ops::Range;

/// # Copies of elements
///
/// Each element is copied as a whole; a copy of several is not one step, and orders nothing.
impl<T: Element> TypedArray<'_, T> {
    /// A copy of the elements from `range.start` up to `range.end`. ([`subarray`](Self::subarray) is over the same bytes.)
    ///
    /// # Errors
    ///
    /// As for [`subarray`](Self::subarray).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{SharedBuffer, TypedArray};
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

    /// Copies the elements of `range` to those from `to` on, as `memmove` does: they may overlap.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: as for [`subarray`](Self::subarray), of the one place and of the other. Nothing is
    /// written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{SharedBuffer, TypedArray};
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
        let from = self.subarray(range)?;
        let into = self.subarray(to..to.saturating_add(from.len()))?;
        let last = from.len();
        // Towards the end it begins with the last, so that no element is overwritten before it is copied.
        for place in 0..last {
            let index = if is_forward { place } else { last - 1 - place };
            if let Some(value) = from.get(index) {
                into.set(index, value)?;
            }
        }
        Ok(())
    }

    /// Copies all elements of `source` to those from `index` on: ECMAScript's `set` of an array. The arrays may overlap, in one
    /// buffer or in two mappings of the same memory: all of `source` is read, into memory of this process, before
    /// anything is written.
    ///
    /// # Errors
    ///
    /// [`Error::ElementOutOfRange`]: they do not all fit. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Float32Array, SharedBuffer};
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
