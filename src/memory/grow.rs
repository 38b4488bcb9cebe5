//! The growth of a buffer: its length only ever rises.

use super::buffer::SharedBuffer;
use super::extent::SLOT_BYTES;
use crate::error::MemoryError;
use crate::sync::{AtomicLength, LengthInteger, Ordering, Ordering::SeqCst, load_length};
use core::cmp::Ordering::{Equal, Greater, Less};
use core::ops::Range;

impl SharedBuffer {
    /// Makes the buffer `bytes` bytes long, for every agent that shares it. The new bytes are zero, and no address
    /// changes.
    ///
    /// If the buffer has that length already, the call does nothing. Any number of agents may call this at once. The
    /// length only ever rises, and takes the values of all calls that succeed. An agent that sees the new length sees
    /// everything that was done before the call.
    ///
    /// In a named object and in a file, the room for the new bytes is reserved first, as at creation. A full file
    /// system is therefore an error here, not a `SIGBUS` later. A process that is killed during the call leaves either
    /// the old or the new length.
    ///
    /// # Errors
    ///
    /// - [`MemoryError::FixedLength`] if the buffer is not growable.
    /// - [`MemoryError::UnevenLength`] if `bytes` is not a multiple of 4.
    /// - [`MemoryError::TooLarge`] if `bytes` exceeds the maximum.
    /// - [`MemoryError::WouldShrink`] if the buffer is longer, perhaps because another agent has just made it longer.
    /// - [`MemoryError::NoRoom`] if the file system has too little room for the new bytes.
    /// - [`MemoryError::Os`] if a system call fails otherwise.
    ///
    /// After an error the length is unchanged. Most file systems leave an object the room that they reserved before
    /// they ran out of it, for the next growth.
    ///
    /// # Cross-process
    ///
    /// Every process that shares the memory sees the new length at its next call, without doing anything for it. A peer
    /// that writes garbage to the place of the length can make the buffer seem shorter, or as long as its maximum, but
    /// never longer.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::SharedBuffer;
    ///
    /// let name = format!("/slotsync-growing-{}", std::process::id());
    /// let buffer = SharedBuffer::options().max_byte_length(1 << 30).named(&name, 4096)?;
    /// // Another process would open it by the same line.
    /// let again = SharedBuffer::open_named(&name)?;
    /// buffer.grow(8192)?;
    /// assert_eq!((again.byte_length(), again.max_byte_length()), (8192, 1 << 30));
    /// SharedBuffer::unlink(&name)?;
    /// # }
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// # Source
    ///
    /// ECMAScript, *SharedArrayBuffer.prototype.grow*.
    pub fn grow(&self, bytes: usize) -> Result<(), MemoryError> {
        let Some(length) = self.length() else {
            return Err(MemoryError::FixedLength { bytes: self.byte_length() as u64 });
        };
        if bytes % SLOT_BYTES != 0 {
            return Err(MemoryError::UnevenLength { bytes: bytes as u64 });
        }
        if bytes > self.max_byte_length() {
            return Err(MemoryError::TooLarge { bytes: bytes as u64, max: self.max_byte_length() as u64 });
        }
        // SeqCst throughout, as in the standard. The exchange publishes what was done before it. Pairs with the load of
        // `byte_length`, and with the load and the failed exchange here.
        let mut found = load_length(length, SeqCst);
        while let Some(range) = self.lacking(found, bytes)? {
            self.memory.reserve(range)?;
            // Expects the value that was found, not the length it was taken for: otherwise garbage in the word would
            // make this loop endless.
            match length.compare_exchange(found, bytes as LengthInteger, SeqCst, SeqCst) {
                Ok(_) => break,
                Err(now) => found = now,
            }
        }
        Ok(())
    }

    /// Returns the maximum length in bytes. For a buffer of a fixed length it is that length. All of it is mapped.
    #[inline]
    pub fn max_byte_length(&self) -> usize {
        self.words.len() * SLOT_BYTES
    }

    /// Returns `true` if the buffer can [`grow`](Self::grow), even if it has reached its maximum.
    #[inline]
    pub fn is_growable(&self) -> bool {
        self.length.is_some()
    }

    /// Returns the current length in bytes, loaded in the given order. Memory safety may depend on it, whatever peers
    /// write: the bytes that it counts are mapped.
    #[inline]
    pub(crate) fn length_now(&self, order: Ordering) -> usize {
        self.length().map_or(self.max_byte_length(), |length| self.sane(load_length(length, order)))
    }

    /// Returns the word that holds the length of a growable buffer.
    #[inline]
    fn length(&self) -> Option<&AtomicLength> {
        // SAFETY: the word is valid until the memory is dropped, as `Memory` promises, and this buffer owns the memory.
        self.length.map(|length| unsafe { length.as_ref() })
    }

    /// Clamps a length that was found, in whole slots: a peer may have written anything.
    #[inline]
    fn sane(&self, found: LengthInteger) -> usize {
        let found = usize::try_from(found).unwrap_or(usize::MAX);
        found.min(self.max_byte_length()) / SLOT_BYTES * SLOT_BYTES
    }

    /// Returns the bytes that are missing from the length that was found to `bytes`, or `None` if none are.
    fn lacking(&self, found: LengthInteger, bytes: usize) -> Result<Option<Range<usize>>, MemoryError> {
        let length = self.sane(found);
        match bytes.cmp(&length) {
            Greater => Ok(Some(length..bytes)),
            Equal => Ok(None),
            Less => Err(MemoryError::WouldShrink { bytes: bytes as u64, length: length as u64 }),
        }
    }
}
