//! A shared mapping, and what a system call's error number means here. Used by every origin that maps.

use super::{FALLOCATE_CAN_SHRINK, MAX_BYTES};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::{self, NonNull};
use rustix::fs::{fallocate, fstat};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::os::fd::AsFd;
use std::path::Path;

/// A shared mapping of this process, undone when dropped.
pub(super) struct Mapping {
    base: NonNull<AtomicI32>,
    bytes: usize,
}

impl Mapping {
    /// Maps new zeroed memory that children inherit.
    pub(super) fn anonymous(bytes: usize) -> Result<Self, Error> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), bytes, protection, MapFlags::SHARED) };
        Self::over(base.map_err(|errno| refused("mmap", "".as_ref(), bytes, errno))?.cast(), bytes)
    }

    /// Maps the first `bytes` bytes of an object, which has so many. `name` is for the error.
    pub(super) fn of(object: impl AsFd, name: &Path, bytes: usize) -> Result<Self, Error> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let base = unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED, object, 0) };
        Self::over(base.map_err(|errno| refused("mmap", name, bytes, errno))?.cast(), bytes)
    }

    fn over(base: *mut AtomicI32, bytes: usize) -> Result<Self, Error> {
        // The kernel never chooses address 0, but it is not for us to bet memory safety on that.
        NonNull::new(base).map(|base| Self { base, bytes }).ok_or(Error::Os { call: "mmap", code: libc::EINVAL })
    }

    pub(super) fn base(&self) -> NonNull<AtomicI32> {
        self.base
    }
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: it hands out a pointer, nothing else.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped above, with this length, and nobody borrows it any more. It cannot fail for a whole mapping.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// The length of an object.
pub(super) fn length(object: impl AsFd, name: &Path) -> Result<u64, Error> {
    let status = fstat(object).map_err(|errno| refused("fstat", name, 0, errno))?;
    // No object has a negative length.
    Ok(u64::try_from(status.st_size).unwrap_or(0))
}

/// The whole length of an object, if a buffer can have that.
pub(super) fn whole_length(object: impl AsFd, name: &Path) -> Result<usize, Error> {
    let found = length(object, name)?;
    let bytes = usize::try_from(found).map_err(|_| Error::TooLarge { bytes: found, max: MAX_BYTES as u64 })?;
    super::check_length(bytes)
}

/// Refuses an object that is shorter than asked.
pub(super) fn check_long_enough(object: impl AsFd, name: &Path, bytes: usize) -> Result<(), Error> {
    let (found, bytes) = (length(object, name)?, bytes as u64);
    if found < bytes {
        return Err(Error::TooShort { name: name.to_owned(), found, bytes });
    }
    Ok(())
}

/// Gives an object its pages now, so that a full file system is an error and not a `SIGBUS` later. Only ever extends.
/// False: the file system cannot promise that.
pub(super) fn reserve(object: impl AsFd, name: &Path, bytes: usize) -> Result<bool, Error> {
    if FALLOCATE_CAN_SHRINK {
        return Ok(false);
    }
    loop {
        match fallocate(&object, rustix::fs::FallocateFlags::empty(), 0, bytes as u64) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => return Ok(false),
            Err(errno) => return Err(refused("fallocate", name, bytes, errno)),
        }
    }
}

/// The error of a call that the system refused, by what the caller can do about it.
pub(super) fn refused(call: &'static str, name: &Path, bytes: usize, errno: Errno) -> Error {
    let (name, code) = (name.to_owned(), errno.raw_os_error());
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::NOMEM | Errno::FBIG => Error::NoRoom { bytes: bytes as u64, code },
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Error::PermissionDenied { name, code },
        Errno::EXIST => Error::AlreadyExists { name },
        Errno::NOENT => Error::NotFound { name },
        Errno::NAMETOOLONG => Error::BadName { name, reason: "it is longer than the system takes" },
        Errno::ISDIR => Error::BadName { name, reason: "it is a directory" },
        Errno::LOOP => Error::BadName { name, reason: "it is a symbolic link" },
        _ => Error::Os { call, code },
    }
}
