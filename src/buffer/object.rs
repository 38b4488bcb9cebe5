//! An object to be mapped: how long it is, its room, and what a system call's error number means.

use super::extent::Extent;
use super::header::{self, Header};
use super::{FALLOCATE_CAN_SHRINK, MAX_BYTES, SLOT_BYTES};
use crate::error::Error;
use core::ops::Range;
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fstat, seek};
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::path::Path;

/// The length of an object.
pub(super) fn length(object: impl AsFd, name: &Path) -> Result<u64, Error> {
    let status = fstat(object).map_err(|errno| refused("fstat", name, 0, errno))?;
    // No object has a negative length.
    Ok(u64::try_from(status.st_size).unwrap_or(0))
}

/// The whole of an object, if that can be a buffer: growable if its header says so.
pub(super) fn whole(object: impl AsFd, name: &Path) -> Result<Extent, Error> {
    let found = length(&object, name)?;
    if found == 0 {
        return Err(Error::TooShort { name: name.to_owned(), found, bytes: SLOT_BYTES as u64 });
    }
    match header::read(&object, name, found)? {
        Some(header) => grown(&header),
        None => Extent::new(countable(found)?, None),
    }
}

/// What a growable object has by now, and may get.
fn grown(header: &Header) -> Result<Extent, Error> {
    Extent::found(countable(header.length)?, countable(header.max)?)
}

/// A length that this process can count.
fn countable(bytes: u64) -> Result<usize, Error> {
    usize::try_from(bytes).map_err(|_| Error::TooLarge { bytes, max: MAX_BYTES as u64 })
}

/// As much of an object as was asked for, if it has so much. Of one that is growable, what it has and may get.
pub(super) fn enough(object: impl AsFd, name: &Path, asked: Extent) -> Result<Extent, Error> {
    let found = length(&object, name)?;
    let header = header::read(&object, name, found)?;
    match (&header, asked.max()) {
        (None, Some(_)) => return Err(Error::NotGrowable { name: name.to_owned() }),
        (Some(header), Some(max)) if header.max < max as u64 => {
            return Err(Error::MaxTooShort { name: name.to_owned(), found: header.max, max: max as u64 });
        }
        _ => {}
    }
    // Of one that is growable, never a byte of the header, nor one that is to be zero when somebody grows to it.
    let (found, bytes) = (header.as_ref().map_or(found, |header| header.length), asked.bytes() as u64);
    match header {
        _ if found < bytes => Err(Error::TooShort { name: name.to_owned(), found, bytes }),
        Some(header) if asked.max().is_some() => grown(&header),
        _ => Ok(asked),
    }
}

/// Gives an object its pages now, so that a full file system is an error and not a `SIGBUS` later. Only ever extends.
/// False: the file system cannot promise that.
pub(super) fn reserve(object: impl AsFd, name: &Path, bytes: Range<usize>) -> Result<bool, Error> {
    if FALLOCATE_CAN_SHRINK {
        return Ok(false);
    }
    let (mut offset, mut step) = (bytes.start, bytes.len());
    while offset < bytes.end {
        let length = step.min(bytes.end - offset);
        match fallocate(&object, FallocateFlags::empty(), offset as u64, length as u64) {
            Ok(()) => offset += length,
            // On a tmpfs, a call that is interrupted takes back what it gave. (Before Linux 6.10 or so any signal does
            // it, so one long call under a periodic timer would never end.)
            Err(Errno::INTR) => step = (length / 2).next_multiple_of(LEAST_STEP),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => return Ok(false),
            Err(errno) => return Err(refused("fallocate", name, bytes.end, errno)),
        }
    }
    Ok(true)
}

/// A step that any timer leaves time for, in whole pages of any size.
const LEAST_STEP: usize = 1 << 16;

/// As [`reserve`], of the first bytes of an object that may have its pages already. Some file systems (ZFS) ask for
/// room as if it had none.
pub(super) fn reserve_existing(object: impl AsFd, name: &Path, bytes: usize) -> Result<(), Error> {
    match seek(&object, SeekFrom::Hole(0)) {
        Ok(hole) if hole >= bytes as u64 => Ok(()),
        _ => reserve(object, name, 0..bytes).map(|_| ()),
    }
}

/// The error of a call that the system refused, by what the caller can do about it.
pub(super) fn refused(call: &'static str, name: &Path, bytes: usize, errno: Errno) -> Error {
    let (name, code) = (name.to_owned(), errno.raw_os_error());
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::NOMEM | Errno::AGAIN | Errno::FBIG => {
            Error::NoRoom { bytes: bytes as u64, code }
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Error::PermissionDenied { name, code },
        Errno::EXIST => Error::AlreadyExists { name },
        Errno::NOENT => Error::NotFound { name },
        Errno::NAMETOOLONG => Error::BadName { name, reason: "it is longer than the system takes" },
        Errno::ISDIR => Error::BadName { name, reason: "it is a directory" },
        Errno::LOOP => Error::BadName { name, reason: "it is, or leads to, a symbolic link that is not followed" },
        _ => Error::Os { call, name, code },
    }
}
