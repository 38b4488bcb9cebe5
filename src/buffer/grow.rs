//! Growth: the length of a growable buffer, which only ever rises, and how it does.

use super::{BufferOptions, SLOT_BYTES, SharedBuffer};
use crate::error::Error;
use crate::sync::{AtomicLength, Bytes, Ordering, Ordering::SeqCst, load_length};
use core::cmp::Ordering::{Equal, Greater, Less};
use core::ops::Range;

impl SharedBuffer {
    /// Memory of `bytes` bytes for the threads of this process, from the heap, which may [`grow`](Self::grow) to `max`.
    /// [`Scope::Private`](crate::Scope::Private).
    ///
    /// Memory of every other origin is made growable by [`BufferOptions::max_byte_length`].
    ///
    /// The addresses of all `max` bytes are taken at once, so growing moves nothing: slots and handles stay as they
    /// are. Most systems take memory for them as they are touched, but may refuse more than there is.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), for both lengths; [`Error::TooLarge`] if `bytes` is beyond `max`.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Error, SharedBuffer, TypedArray};
    ///
    /// let buffer = SharedBuffer::growable(8, 4096)?;
    /// let first = buffer.slot(0)?;
    /// let bytes = TypedArray::<u8>::rest(&buffer, 4)?;
    /// assert_eq!((buffer.byte_length(), bytes.len()), (8, 4));
    /// assert!(buffer.slot(2).is_err());
    ///
    /// buffer.grow(64)?;
    /// assert_eq!((buffer.byte_length(), bytes.len()), (64, 60));
    /// assert!(buffer.slot(2).is_ok());
    /// first.wake(1); // Made before, and as good as ever.
    /// assert_eq!(buffer.grow(8), Err(Error::WouldShrink { bytes: 8, length: 64 }));
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// # Source
    ///
    /// ECMAScript, *SharedArrayBuffer Objects*: `new SharedArrayBuffer(bytes, { maxByteLength: max })`.
    pub fn growable(bytes: usize, max: usize) -> Result<Self, Error> {
        BufferOptions::new().max_byte_length(max).heap(bytes)
    }

    /// Makes the buffer `bytes` bytes long, for all who share it. The new bytes are zero, and no address changes. If it
    /// is so long already, nothing is done.
    ///
    /// Any number of agents may call this at once. The length only ever rises, and goes through the lengths of all
    /// calls that succeed. Who sees the new length sees what was done before the call.
    ///
    /// In a named object and in a file, the room for the new bytes is reserved first, as when the object is made: so a
    /// full file system is an error here, not a `SIGBUS` later. Who is killed on the way leaves the old length or
    /// the new one.
    ///
    /// # Errors
    ///
    /// [`Error::FixedLength`]: the buffer is not growable. [`Error::UnevenLength`]. [`Error::TooLarge`]: `bytes` is
    /// beyond the maximum. [`Error::WouldShrink`]: the buffer is longer, perhaps because another has just made it so.
    /// [`Error::NoRoom`]: the file system has no room for the new bytes; [`Error::Os`]. The length has not changed then;
    /// but most file systems leave an object the room that they gave it before there was no more, for the next growth.
    ///
    /// # Cross-process
    ///
    /// Every process that shares the memory sees the new length at its next call, and needs to do nothing for it. A
    /// peer that writes nonsense where the length is can make the buffer seem shorter, or as long as its maximum, and
    /// never longer.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use slotsync::{BufferOptions, SharedBuffer};
    ///
    /// let name = format!("/slotsync-growing-{}", std::process::id());
    /// let buffer = BufferOptions::new().max_byte_length(1 << 30).named(&name, 4096)?;
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
    pub fn grow(&self, bytes: usize) -> Result<(), Error> {
        let Some(length) = self.length() else {
            return Err(Error::FixedLength { bytes: self.byte_length() as u64 });
        };
        if bytes % SLOT_BYTES != 0 {
            return Err(Error::UnevenLength { bytes: bytes as u64 });
        }
        if bytes > self.max_byte_length() {
            return Err(Error::TooLarge { bytes: bytes as u64, max: self.max_byte_length() as u64 });
        }
        // SeqCst throughout, as in the standard. The exchange publishes what was done before it, to whoever reads the
        // length by `byte_length` or learns of it here.
        let mut found = load_length(length, SeqCst);
        while let Some(range) = self.lacking(found, bytes)? {
            self.memory.reserve(range)?;
            // What was found, not what it was taken for: else nonsense in the word would keep this from ever ending.
            match length.compare_exchange(found, bytes as Bytes, SeqCst, SeqCst) {
                Ok(_) => break,
                Err(now) => found = now,
            }
        }
        Ok(())
    }

    /// How long the buffer may get, in bytes; what is mapped. Of a fixed one, its length.
    #[inline]
    pub fn max_byte_length(&self) -> usize {
        self.words.len() * SLOT_BYTES
    }

    /// Can the buffer [`grow`](Self::grow)? Also if it is as long as it may get.
    #[inline]
    pub fn is_growable(&self) -> bool {
        self.length.is_some()
    }

    /// The length in bytes as it is now, in an order of the caller's choice. It is safe to rely on, whatever peers
    /// write: what it counts is mapped.
    #[inline]
    pub(crate) fn length_now(&self, order: Ordering) -> usize {
        self.length().map_or(self.max_byte_length(), |length| self.sane(load_length(length, order)))
    }

    /// The word that a growable buffer has its length in.
    #[inline]
    fn length(&self) -> Option<&AtomicLength> {
        // SAFETY: the memory vouched for the word until it is dropped, which is with this buffer.
        self.length.map(|length| unsafe { length.as_ref() })
    }

    /// What a length is taken for: a peer may have written anything.
    #[inline]
    fn sane(&self, found: Bytes) -> usize {
        let found = usize::try_from(found).unwrap_or(usize::MAX);
        found.min(self.max_byte_length()) / SLOT_BYTES * SLOT_BYTES
    }

    /// Which bytes are to come, from the length that was found on. `None`: none.
    fn lacking(&self, found: Bytes, bytes: usize) -> Result<Option<Range<usize>>, Error> {
        let length = self.sane(found);
        match bytes.cmp(&length) {
            Greater => Ok(Some(length..bytes)),
            Equal => Ok(None),
            Less => Err(Error::WouldShrink { bytes: bytes as u64, length: length as u64 }),
        }
    }
}
