//! Bytes that are copied out of a buffer and into it, by whole words as far as there are such.
#![forbid(unsafe_code)]

use crate::buffer::{SLOT_BYTES, SharedBuffer};
use crate::error::Error;
use crate::slot::Slots;
use crate::sync::Ordering::Relaxed;
use crate::typed_array::Uint8Array;

/// # Copies of bytes
impl SharedBuffer {
    /// Reads as many bytes as there is room for, from `byte_offset` on: any number of them, from anywhere.
    ///
    /// Each slot that lies whole in the range is read as a whole, and the bytes before the first and behind the last of
    /// these one by one. Other bytes are not touched.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: there are not so many. Nothing is written. [`Error::Unsupported`]: in a loom model,
    /// whose atomics cannot overlay bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// buffer.write_bytes(3, b"shared")?;
    /// let mut bytes = [0; 8];
    /// buffer.read_bytes(2, &mut bytes)?;
    /// assert_eq!(&bytes, b"\0shared\0");
    /// assert!(buffer.read_bytes(9, &mut bytes).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// # What can tear
    ///
    /// Everything but a byte, and a slot that lies whole in the range: who reads while another agent writes may get some of
    /// it from before and some from after. Nothing is ordered: let a lock, or whatever says that the bytes are there, come
    /// before. Who overlaps this, unordered, by accesses of another size than these, for instance by a copy whose ends lie
    /// elsewhere in a slot, is in the case of [`TypedArray`](crate::TypedArray#overlapping-accesses-of-two-sizes).
    pub fn read_bytes(&self, byte_offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let Pieces { before, words, behind } = self.pieces(byte_offset, bytes.len())?;
        let (first, rest) = bytes.split_at_mut(before.len());
        let (whole, last) = rest.split_at_mut(SLOT_BYTES * words.len());
        before.copy_to(0, first)?;
        for (bytes, word) in whole.chunks_exact_mut(SLOT_BYTES).zip(words) {
            // Relaxed: plain access orders nothing.
            bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        behind.copy_to(0, last)
    }

    /// Writes these bytes, from `byte_offset` on: any number of them, to anywhere.
    ///
    /// Each slot that lies whole in the range is written as a whole, and the bytes before the first and behind the last of
    /// these one by one. Other bytes are not touched, not even those that share a slot with bytes that are. Nobody is
    /// woken. What can tear is said at [`read_bytes`](Self::read_bytes).
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: they do not all fit. Nothing is written. [`Error::Unsupported`]: in a loom model.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{SharedBuffer, TypedArray};
    ///
    /// let buffer = SharedBuffer::new(8)?;
    /// buffer.write_bytes(1, &[1, 2, 3, 4, 5])?;
    /// assert_eq!(TypedArray::<u8>::rest(&buffer, 0)?.to_vec(), [0, 1, 2, 3, 4, 5, 0, 0]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn write_bytes(&self, byte_offset: usize, bytes: &[u8]) -> Result<(), Error> {
        let Pieces { before, words, behind } = self.pieces(byte_offset, bytes.len())?;
        let (first, rest) = bytes.split_at(before.len());
        let (whole, last) = rest.split_at(SLOT_BYTES * words.len());
        before.copy_from(0, first)?;
        for (bytes, word) in whole.chunks_exact(SLOT_BYTES).zip(words) {
            let bytes = bytes.try_into().expect("a chunk is as long as a slot");
            // Relaxed: plain access orders nothing.
            word.store(i32::from_ne_bytes(bytes), Relaxed);
        }
        behind.copy_from(0, last)
    }

    fn pieces(&self, byte_offset: usize, count: usize) -> Result<Pieces<'_>, Error> {
        let end = end_of_range(byte_offset, count, self.byte_length())?;
        // The length is a multiple of a slot's, so this is no further.
        let first = byte_offset.next_multiple_of(SLOT_BYTES).min(end);
        let words = self.slots_from(first / SLOT_BYTES, (end - first) / SLOT_BYTES)?;
        let last = first + SLOT_BYTES * words.len();
        Ok(Pieces {
            before: Uint8Array::new(self, byte_offset, first - byte_offset)?,
            words,
            behind: Uint8Array::new(self, last, end - last)?,
        })
    }
}

/// A range of bytes: what lies before its first whole slot, the whole ones, and what lies behind the last.
struct Pieces<'buf> {
    before: Uint8Array<'buf>,
    words: Slots<'buf>,
    behind: Uint8Array<'buf>,
}

/// Where a range of `count` bytes ends, if that is within so many `bytes`.
#[inline]
pub(crate) fn end_of_range(byte_offset: usize, count: usize, bytes: usize) -> Result<usize, Error> {
    let end = byte_offset.checked_add(count).filter(|end| *end <= bytes);
    end.ok_or(Error::BytesOutOfBounds { byte_offset, count, bytes })
}
