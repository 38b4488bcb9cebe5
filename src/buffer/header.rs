//! The header behind a growable object, by which those who open it know it.
//!
//! It is written before anybody else can see the object, and read as bytes of a file: the mapping has only the length.

use super::extent::{Extent, HEADER_BYTES};
use super::object::refused;
use crate::error::Error;
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use std::os::fd::AsFd;
use std::path::Path;

/// Ours, in the byte order of the machine: elsewhere it is another number.
const MAGIC: u64 = u64::from_be_bytes(*b"slotgrow");
/// Of what follows it.
const VERSION: u64 = 1;

/// What it says.
pub(super) struct Header {
    /// Fits the length of the object.
    pub(super) max: u64,
    /// At that moment; at most `max`, and whole slots.
    pub(super) length: u64,
}

/// Writes the header of a new object, which has its whole length.
pub(super) fn write(object: impl AsFd, name: &Path, extent: Extent) -> Result<(), Error> {
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

/// The header of an object that is so long. `None`: it is not growable.
///
/// # Errors
///
/// The object was made growable by a version of this crate that has another header.
pub(super) fn read(object: impl AsFd, name: &Path, total: u64) -> Result<Option<Header>, Error> {
    let Some(offset) = total.checked_sub(HEADER_BYTES as u64) else { return Ok(None) };
    let mut bytes = [0; HEADER_BYTES];
    // What cannot be read this way was not made by `write`.
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
        return Err(Error::HeaderVersion { name: name.to_owned(), found: version, expected: VERSION });
    }
    // Anybody can write it: a maximum that is not this object's is nobody's.
    let fits = max != 0 && max % 4 == 0 && max.checked_next_multiple_of(HEADER_BYTES as u64) == Some(offset);
    Ok(fits.then_some(Header { max, length: length.min(max) & !3 }))
}
