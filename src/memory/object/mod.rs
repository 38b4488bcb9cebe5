//! The object behind a descriptor that is to be mapped: how long it is, and how its room is reserved.

use super::errno::refused;
use super::extent::{Extent, MAX_BYTES, SLOT_BYTES};
use super::platform::FALLOCATE_CAN_SHRINK;
use crate::error::MemoryError;
use core::ops::Range;
use header::Header;
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fstat, seek};
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::path::Path;

pub(super) mod header;
pub(super) mod mapping;
pub(super) mod publish;
mod turn;

/// How an object is built before it has its name: nameless where the system has such files.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod nameless;
mod temporary;
#[cfg(any(target_os = "linux", target_os = "android"))]
use nameless as unnamed;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use temporary as unnamed;

/// Returns the length of an object.
pub(super) fn length(object: impl AsFd, name: &Path) -> Result<u64, MemoryError> {
    let status = fstat(object).map_err(|errno| refused("fstat", name, 0, errno))?;
    // No object has a negative length.
    Ok(u64::try_from(status.st_size).unwrap_or(0))
}

/// Returns the extent of the whole object, if a buffer can have it: growable if its header says so.
pub(super) fn whole(object: impl AsFd, name: &Path) -> Result<Extent, MemoryError> {
    let found = length(&object, name)?;
    if found == 0 {
        return Err(MemoryError::TooShort { name: name.to_owned(), found, bytes: SLOT_BYTES as u64 });
    }
    match header::read(&object, name, found)? {
        Some(header) => grown(&header),
        None => Extent::new(countable(found)?, None),
    }
}

/// Returns the current and the maximum length of a growable object.
fn grown(header: &Header) -> Result<Extent, MemoryError> {
    Extent::found(countable(header.length)?, countable(header.max)?)
}

/// Converts a length, if this process can count that far.
fn countable(bytes: u64) -> Result<usize, MemoryError> {
    usize::try_from(bytes).map_err(|_| MemoryError::TooLarge { bytes, max: MAX_BYTES as u64 })
}

/// Returns the extent asked for, if the object has that many bytes. If a growable one was asked for, returns the
/// current and the maximum length of the object.
pub(super) fn enough(object: impl AsFd, name: &Path, asked: Extent) -> Result<Extent, MemoryError> {
    let found = length(&object, name)?;
    let header = header::read(&object, name, found)?;
    match (&header, asked.max()) {
        (None, Some(_)) => return Err(MemoryError::NotGrowable { name: name.to_owned() }),
        (Some(header), Some(max)) if header.max < max as u64 => {
            return Err(MemoryError::MaxTooShort { name: name.to_owned(), found: header.max, max: max as u64 });
        }
        _ => {}
    }
    // A buffer over a growable object has no byte of the header, nor a byte that must be zero when the object grows to
    // it.
    let (found, bytes) = (header.as_ref().map_or(found, |header| header.length), asked.bytes() as u64);
    match header {
        _ if found < bytes => Err(MemoryError::TooShort { name: name.to_owned(), found, bytes }),
        Some(header) if asked.max().is_some() => grown(&header),
        _ => Ok(asked),
    }
}

/// Gives an object its pages now, so that a full file system is an error and not a `SIGBUS` later. Never shortens it.
/// Returns `false` if the file system cannot promise that.
pub(super) fn reserve(object: impl AsFd, name: &Path, bytes: Range<usize>) -> Result<bool, MemoryError> {
    if FALLOCATE_CAN_SHRINK {
        return Ok(false);
    }
    let (mut offset, mut step) = (bytes.start, bytes.len());
    while offset < bytes.end {
        let length = step.min(bytes.end - offset);
        match fallocate(&object, FallocateFlags::empty(), offset as u64, length as u64) {
            Ok(()) => offset += length,
            // On a tmpfs, an interrupted call takes back the pages that it gave. Before Linux 6.10 or so any signal
            // interrupts it, so one long call under a periodic timer would never end.
            Err(Errno::INTR) => step = (length / 2).next_multiple_of(LEAST_STEP),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => return Ok(false),
            Err(errno) => return Err(refused("fallocate", name, bytes.end, errno)),
        }
    }
    Ok(true)
}

/// A step short enough for any timer, in whole pages of any size.
const LEAST_STEP: usize = 1 << 16;

/// Reserves the first bytes of an object that may have its pages already, as [`reserve`] does. Some file systems (ZFS)
/// would otherwise ask for that room a second time.
pub(super) fn reserve_existing(object: impl AsFd, name: &Path, bytes: usize) -> Result<(), MemoryError> {
    match seek(&object, SeekFrom::Hole(0)) {
        Ok(hole) if hole >= bytes as u64 => Ok(()),
        _ => reserve(object, name, 0..bytes).map(|_| ()),
    }
}
