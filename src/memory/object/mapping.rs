//! A shared mapping, which every origin that maps uses.

use super::reserve;
use crate::error::MemoryError;
use crate::memory::contract::{Memory, Origin};
use crate::memory::errno::refused;
use crate::memory::extent::Extent;
use crate::sync::{AtomicI32, AtomicLength};
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::{self, NonNull};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A shared mapping of this process, unmapped on drop.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    extent: Extent,
    label: Label,
    behind: Option<Behind>,
}

/// The object behind a growable mapping, where room is reserved as the buffer grows, and its name for errors.
struct Behind {
    object: OwnedFd,
    name: PathBuf,
}

/// The origin of a mapping, by value.
pub(crate) enum Label {
    Anonymous,
    Descriptor(OwnedFd),
    #[allow(dead_code, reason = "Android has no named objects")]
    Named(String),
    File(PathBuf),
}

impl Mapping {
    /// Maps this extent of an object from its start, with the header if it is growable. `name` is for the error.
    pub(crate) fn of(object: impl AsFd, name: &Path, extent: Extent) -> Result<Self, MemoryError> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let base = unsafe { mmap(ptr::null_mut(), extent.total(), protection, MapFlags::SHARED, object, 0) };
        // SAFETY: mapped by that call, of that length.
        unsafe { Self::over(base, name, extent) }
    }

    /// Owns the result of a system call that maps `extent.total()` bytes.
    ///
    /// # Safety
    ///
    /// If the call succeeded, it made a new mapping of that length, shared, readable and writable, and no other value
    /// owns the mapping.
    pub(crate) unsafe fn over(
        base: Result<*mut c_void, Errno>,
        name: &Path,
        extent: Extent,
    ) -> Result<Self, MemoryError> {
        let base = base.map_err(|errno| refused("mmap", name, extent.most(), errno))?;
        // The kernel never chooses address 0, but memory safety must not depend on that.
        let base = NonNull::new(base.cast()).ok_or_else(|| refused("mmap", name, extent.most(), Errno::INVAL))?;
        Ok(Self { base, extent, label: Label::Anonymous, behind: None })
    }

    /// Keeps the object of a growable mapping open, to reserve room for its growth.
    pub(crate) fn reserving(mut self, object: impl AsFd, name: &Path) -> Result<Self, MemoryError> {
        if self.extent.max().is_some() {
            let object =
                fcntl_dupfd_cloexec(object, 0).map_err(|errno| refused("fcntl(F_DUPFD_CLOEXEC)", name, 0, errno))?;
            self.behind = Some(Behind { object, name: name.to_owned() });
        }
        Ok(self)
    }

    /// Sets the origin.
    pub(crate) fn labelled(mut self, label: Label) -> Self {
        self.label = label;
        self
    }
}

// SAFETY: a page-aligned mapping until the drop, of the length asked for, and zeroed where no process has written. The
// words end where the header begins, and a growable mapping has its length in the header. If a peer truncates the
// object, touching the mapping is SIGBUS, which ends the process: no memory is misread.
unsafe impl Memory for Mapping {
    fn words(&self) -> NonNull<[AtomicI32]> {
        NonNull::slice_from_raw_parts(self.base.cast(), self.extent.slots())
    }

    fn length(&self) -> Option<NonNull<AtomicLength>> {
        // SAFETY: the offset is within what is mapped.
        self.extent.length_offset().map(|offset| unsafe { self.base.add(offset) }.cast())
    }

    fn reserve(&self, bytes: Range<usize>) -> Result<(), MemoryError> {
        match &self.behind {
            // Where a file system cannot promise that, the object got all its room at creation.
            Some(Behind { object, name }) => reserve(object, name, bytes).map(|_| ()),
            None => Ok(()),
        }
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
// SAFETY: it hands out pointers and nothing else.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by the constructor, with this length, and no longer borrowed. It cannot fail for a whole
        // mapping.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.extent.total()) };
    }
}
