//! Copies of bytes out of a buffer and into it, by whole words where the range contains them.
#![forbid(unsafe_code)]

use super::typed_array::Uint8Array;
use crate::error::Error;
use crate::memory::{SLOT_BYTES, SharedBuffer};
use crate::sync::Ordering::Relaxed;
use crate::words::Slots;

/// # Copies of bytes
impl SharedBuffer {
    /// Reads as many bytes as `bytes` has room for, from `byte_offset` on. Any number of bytes can be read from any
    /// offset.
    ///
    /// Each slot that lies whole in the range is read as a whole. The bytes before the first of these slots and behind
    /// the last are read one by one.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the buffer has too few bytes, and [`Error::Unsupported`] in a loom model,
    /// whose atomics cannot overlay bytes. Then nothing was written.
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
    /// Only a byte, and a slot that lies whole in the range, is read as a whole. While another agent writes, the rest
    /// may be partly from before the write and partly from after it. Nothing is ordered: let a lock, or a flag that
    /// says that the bytes are there, come before the read.
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

    /// Writes these bytes, from `byte_offset` on. Any number of bytes can be written to any offset.
    ///
    /// Each slot that lies whole in the range is written as a whole. The bytes before the first of these slots and
    /// behind the last are written one by one. No other byte is touched, even if it shares a slot with one that is
    /// written. Nobody is woken. The write can tear as [`read_bytes`](Self::read_bytes) can.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if they do not all fit, and [`Error::Unsupported`] in a loom model. Then
    /// nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::TypedArray;
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

    /// Splits a range of bytes.
    fn pieces(&self, byte_offset: usize, count: usize) -> Result<Pieces<'_>, Error> {
        let end = end_of_range(byte_offset, count, self.byte_length())?;
        // The length is a multiple of a slot's, so the first whole slot starts within it, or at its end.
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

/// A range of bytes: the bytes before its first whole slot, the whole slots, and the bytes behind the last of them.
struct Pieces<'buf> {
    before: Uint8Array<'buf>,
    words: Slots<'buf>,
    behind: Uint8Array<'buf>,
}

/// Returns the end of a range of `count` bytes, if it is at most `bytes`.
#[inline]
pub(super) fn end_of_range(byte_offset: usize, count: usize, bytes: usize) -> Result<usize, Error> {
    let end = byte_offset.checked_add(count).filter(|end| *end <= bytes);
    end.ok_or(Error::BytesOutOfBounds { byte_offset, count, bytes })
}
