//! Memory behind a descriptor: `memfd_create(2)`, sized and then sealed.

use super::mapping::{Mapping, refused, whole_length};
use super::{Memory, Origin};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

struct MemFd {
    mapping: Mapping,
    descriptor: OwnedFd,
}

/// What the errors call it, and `/proc/PID/maps` too.
const NAME: &str = "memfd:slotsync";

pub(super) fn create(bytes: usize) -> Result<Box<dyn Memory>, Error> {
    let name = Path::new(NAME);
    let descriptor = memfd_create("slotsync", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(|errno| refused("memfd_create", name, bytes, errno))?;
    ftruncate(&descriptor, bytes as u64).map_err(|errno| refused("ftruncate", name, bytes, errno))?;
    fcntl_add_seals(&descriptor, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(|errno| refused("fcntl(F_ADD_SEALS)", name, bytes, errno))?;
    let mapping = Mapping::of(&descriptor, name, bytes)?;
    Ok(Box::new(MemFd { mapping, descriptor }))
}

/// A descriptor that nobody can shrink, and its length.
pub(super) fn open_sealed(descriptor: OwnedFd) -> Result<(Box<dyn Memory>, usize), Error> {
    // A descriptor that has no seals at all, such as a file's, is refused with EINVAL: it is not sealed.
    match fcntl_get_seals(&descriptor) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => open_unsealed(descriptor),
        _ => Err(Error::Unsealed),
    }
}

/// A descriptor of anything that can be mapped, and its length.
pub(super) fn open_unsealed(descriptor: OwnedFd) -> Result<(Box<dyn Memory>, usize), Error> {
    let name = Path::new("descriptor");
    let bytes = whole_length(&descriptor, name)?;
    let mapping = Mapping::of(&descriptor, name, bytes)?;
    Ok((Box::new(MemFd { mapping, descriptor }), bytes))
}

// SAFETY: a page-aligned mapping until the drop, as long as the object, and zeroed where nobody wrote. Should a peer
// truncate an unsealed object, touching the mapping is SIGBUS, which ends the process: no memory is misread.
unsafe impl Memory for MemFd {
    fn base(&self) -> NonNull<AtomicI32> {
        self.mapping.base()
    }

    fn origin(&self) -> Origin<'_> {
        Origin::MemFd
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }
}
