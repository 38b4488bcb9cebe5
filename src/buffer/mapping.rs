//! A shared mapping. Used by every origin that maps.

use super::extent::Extent;
use super::object::{refused, reserve};
use super::{Memory, Origin, UNRESERVED};
use crate::error::Error;
use crate::sync::{AtomicI32, AtomicLength, Bytes, Ordering::Relaxed};
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::{self, NonNull};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A shared mapping of this process, undone when dropped.
pub(super) struct Mapping {
    base: NonNull<u8>,
    extent: Extent,
    label: Label,
    behind: Option<Behind>,
}

/// What a growable mapping has to reserve more of, as it grows, and its name, for errors.
struct Behind {
    object: OwnedFd,
    name: PathBuf,
}

/// What a mapping is of: its origin, by value.
pub(super) enum Label {
    Anonymous,
    Descriptor(OwnedFd),
    #[allow(dead_code, reason = "Android has none")]
    Named(String),
    File(PathBuf),
}

/// New zeroed memory that children inherit.
pub(super) fn create(extent: Extent) -> Result<Box<dyn Memory>, Error> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | if extent.max().is_some() { UNRESERVED } else { MapFlags::empty() };
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let base = unsafe { mmap_anonymous(ptr::null_mut(), extent.total(), protection, flags) };
    let mapping = Mapping::over(base, "anonymous memory".as_ref(), extent)?;
    if let Some(length) = mapping.length() {
        // SAFETY: mapped above, and zeroed. It is nobody else's yet.
        unsafe { length.as_ref() }.store(extent.bytes() as Bytes, Relaxed);
    }
    Ok(Box::new(mapping))
}

impl Mapping {
    /// Maps an object from its start, which is so long; its header too, if it is growable. `name` is for the error.
    pub(super) fn of(object: impl AsFd, name: &Path, extent: Extent) -> Result<Self, Error> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let base = unsafe { mmap(ptr::null_mut(), extent.total(), protection, MapFlags::SHARED, object, 0) };
        Self::over(base, name, extent)
    }

    fn over(base: Result<*mut c_void, Errno>, name: &Path, extent: Extent) -> Result<Self, Error> {
        let base = base.map_err(|errno| refused("mmap", name, extent.most(), errno))?;
        // The kernel never chooses address 0, but it is not for us to bet memory safety on that.
        let base = NonNull::new(base.cast()).ok_or_else(|| refused("mmap", name, extent.most(), Errno::INVAL))?;
        Ok(Self { base, extent, label: Label::Anonymous, behind: None })
    }

    /// If it can grow, keeps the object open, to reserve what it grows to.
    pub(super) fn reserving(mut self, object: impl AsFd, name: &Path) -> Result<Self, Error> {
        if self.extent.max().is_some() {
            let object =
                fcntl_dupfd_cloexec(object, 0).map_err(|errno| refused("fcntl(F_DUPFD_CLOEXEC)", name, 0, errno))?;
            self.behind = Some(Behind { object, name: name.to_owned() });
        }
        Ok(self)
    }

    pub(super) fn labelled(mut self, label: Label) -> Self {
        self.label = label;
        self
    }
}

// SAFETY: a page-aligned mapping until the drop, as long as asked for, and zeroed where nobody wrote. The words end
// where the header begins, in which the length is, if there is one. Should a peer truncate what is mapped, touching it
// is SIGBUS, which ends the process: no memory is misread.
unsafe impl Memory for Mapping {
    fn words(&self) -> NonNull<[AtomicI32]> {
        NonNull::slice_from_raw_parts(self.base.cast(), self.extent.slots())
    }

    fn length(&self) -> Option<NonNull<AtomicLength>> {
        // SAFETY: the offset is within what is mapped.
        self.extent.length_offset().map(|offset| unsafe { self.base.add(offset) }.cast())
    }

    fn reserve(&self, bytes: Range<usize>) -> Result<(), Error> {
        match &self.behind {
            // Where that cannot be promised, all of it was given its room when it was made.
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
// SAFETY: it hands out a pointer, nothing else.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped above, with this length, and nobody borrows it any more. It cannot fail for a whole mapping.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.extent.total()) };
    }
}
