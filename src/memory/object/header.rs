//! The header at the end of a growable object, which tells a process that opens the object how it can grow.
//!
//! It is written before any other process can see the object, and read as bytes of a file. Through the mapping only the
//! length in it is used.

use crate::error::MemoryError;
use crate::memory::errno::refused;
use crate::memory::extent::{Extent, HEADER_BYTES};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use std::os::fd::AsFd;
use std::path::Path;

/// Marks a header of this crate, in the byte order of the machine: in the other order it is another number.
const MAGIC: u64 = u64::from_be_bytes(*b"slotgrow");
/// The version of the words that follow.
const VERSION: u64 = 1;

/// The contents of a header.
pub(super) struct Header {
    /// The maximum length, which fits the length of the object.
    pub(super) max: u64,
    /// The length when the header was read: at most `max`, in whole slots.
    pub(super) length: u64,
}

/// Writes the header of a new object, which has its whole length already.
pub(crate) fn write(object: impl AsFd, name: &Path, extent: Extent) -> Result<(), MemoryError> {
    let Some(max) = extent.max() else { return Ok(()) };
    let mut bytes = [0; HEADER_BYTES];
    let words = [MAGIC, VERSION, max as u64, extent.bytes() as u64];
    for (place, word) in bytes.chunks_exact_mut(size_of::<u64>()).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    let offset = (extent.total() - HEADER_BYTES) as u64;
    match retry_on_intr(|| pwrite(&object, &bytes, offset)) {
        Ok(HEADER_BYTES) => Ok(()),
        Ok(_) => Err(refused("pwrite", name, extent.bytes(), Errno::NOSPC)),
        Err(errno) => Err(refused("pwrite", name, extent.bytes(), errno)),
    }
}

/// Reads the header of an object of `total` bytes. Returns `None` if the object is not growable.
///
/// # Errors
///
/// Returns [`MemoryError::HeaderVersion`] if a version of this crate with another header made the object growable.
pub(super) fn read(object: impl AsFd, name: &Path, total: u64) -> Result<Option<Header>, MemoryError> {
    let Some(offset) = total.checked_sub(HEADER_BYTES as u64) else { return Ok(None) };
    let mut bytes = [0; HEADER_BYTES];
    // An object that cannot be read this way was not made by `write`.
    let Ok(HEADER_BYTES) = retry_on_intr(|| pread(&object, &mut bytes, offset)) else { return Ok(None) };
    let mut words = bytes.chunks_exact(size_of::<u64>()).map(|word| {
        let word = word.try_into().unwrap_or_default();
        u64::from_ne_bytes(word)
    });
    let [magic, version, max, length] = [(); 4].map(|()| words.next().unwrap_or_default());
    if magic != MAGIC {
        return Ok(None);
    }
    if version != VERSION {
        return Err(MemoryError::HeaderVersion { name: name.to_owned(), found: version, expected: VERSION });
    }
    // Any peer can write the header. A maximum that does not fit the object makes it an object of a fixed length.
    let fits = max != 0 && max % 4 == 0 && max.checked_next_multiple_of(HEADER_BYTES as u64) == Some(offset);
    Ok(fits.then_some(Header { max, length: length.min(max) & !3 }))
}
