//! A shared mapping, and what a system call's error number means here. Used by every origin that maps.

use super::{FALLOCATE_CAN_SHRINK, MAX_BYTES, Memory, Origin, SLOT_BYTES};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fstat, seek};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A shared mapping of this process, undone when dropped.
pub(super) struct Mapping {
    base: NonNull<AtomicI32>,
    bytes: usize,
    label: Label,
}

/// What a mapping is of: its origin, by value.
pub(super) enum Label {
    Anonymous,
    Descriptor(OwnedFd),
    Named(String),
    File(PathBuf),
}

/// New zeroed memory that children inherit.
pub(super) fn create(bytes: usize) -> Result<Box<dyn Memory>, Error> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let base = unsafe { mmap_anonymous(ptr::null_mut(), bytes, protection, MapFlags::SHARED) };
    Ok(Box::new(Mapping::over(base, "anonymous memory".as_ref(), bytes)?.labelled(Label::Anonymous)))
}

impl Mapping {
    /// Maps the first `bytes` bytes of an object, which has so many. `name` is for the error.
    pub(super) fn of(object: impl AsFd, name: &Path, bytes: usize) -> Result<Self, Error> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        Self::over(unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED, object, 0) }, name, bytes)
    }

    fn over(base: Result<*mut c_void, Errno>, name: &Path, bytes: usize) -> Result<Self, Error> {
        let base = base.map_err(|errno| refused("mmap", name, bytes, errno))?;
        // The kernel never chooses address 0, but it is not for us to bet memory safety on that.
        let base = NonNull::new(base.cast()).ok_or_else(|| refused("mmap", name, bytes, Errno::INVAL))?;
        Ok(Self { base, bytes, label: Label::Anonymous })
    }

    pub(super) fn labelled(mut self, label: Label) -> Self {
        self.label = label;
        self
    }
}

// SAFETY: a page-aligned mapping until the drop, as long as asked for, and zeroed where nobody wrote. Should a peer
// truncate what is mapped, touching it is SIGBUS, which ends the process: no memory is misread.
unsafe impl Memory for Mapping {
    fn words(&self) -> NonNull<[AtomicI32]> {
        NonNull::slice_from_raw_parts(self.base, self.bytes / SLOT_BYTES)
    }

    fn origin(&self) -> Origin<'_> {
        match &self.label {
            Label::Anonymous => Origin::Anonymous,
            Label::Descriptor(_) => Origin::Descriptor,
            Label::Named(name) => Origin::Named(name),
            Label::File(path) => Origin::File(path),
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.label {
            Label::Descriptor(descriptor) => Some(descriptor.as_fd()),
            _ => None,
        }
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
    if found == 0 {
        return Err(Error::TooShort { name: name.to_owned(), found, bytes: SLOT_BYTES as u64 });
    }
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
    let (mut offset, mut step) = (0, bytes);
    while offset < bytes {
        let length = step.min(bytes - offset);
        match fallocate(&object, FallocateFlags::empty(), offset as u64, length as u64) {
            Ok(()) => offset += length,
            // On a tmpfs, a call that is interrupted takes back what it gave. (Before Linux 6.10 or so any signal does
            // it, so one long call under a periodic timer would never end.)
            Err(Errno::INTR) => step = (length / 2).next_multiple_of(LEAST_STEP),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => return Ok(false),
            Err(errno) => return Err(refused("fallocate", name, bytes, errno)),
        }
    }
    Ok(true)
}

/// A step that any timer leaves time for, in whole pages of any size.
const LEAST_STEP: usize = 1 << 16;

/// As [`reserve`], of an object that may have its pages already. Some file systems (ZFS) ask for room as if it had none.
pub(super) fn reserve_existing(object: impl AsFd, name: &Path, bytes: usize) -> Result<(), Error> {
    match seek(&object, SeekFrom::Hole(0)) {
        Ok(hole) if hole >= bytes as u64 => Ok(()),
        _ => reserve(object, name, bytes).map(|_| ()),
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
