//! Memory that no process can shrink: `memfd_create(2)`, sized and then sealed.

use super::descriptor::{self, Growth};
use crate::error::MemoryError;
use crate::memory::contract::Memory;
use crate::memory::errno::refused;
use crate::memory::extent::Extent;
use crate::memory::object::header;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create};
use std::os::fd::AsFd;
use std::path::Path;

/// Makes new, sealed memory.
pub(crate) fn create(extent: Extent) -> Result<Box<dyn Memory>, MemoryError> {
    let name = Path::new("memfd:slotsync");
    let refused = |call| move |errno| refused(call, name, extent.most(), errno);
    let object =
        memfd_create("slotsync", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).map_err(refused("memfd_create"))?;
    ftruncate(&object, extent.total() as u64).map_err(refused("ftruncate"))?;
    header::write(&object, name, extent)?;
    fcntl_add_seals(&object, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(refused("fcntl(F_ADD_SEALS)"))?;
    descriptor::open(object, Growth::Unreserved)
}

/// Refuses an object that a peer could shrink. For one that cannot be sealed at all, such as a file, the system returns
/// `EINVAL`.
pub(crate) fn check_sealed(object: impl AsFd) -> Result<(), MemoryError> {
    match fcntl_get_seals(object) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => Ok(()),
        _ => Err(MemoryError::Unsealed),
    }
}
