//! Memory that nobody can shrink: `memfd_create(2)`, sized and then sealed.

use super::descriptor::{self, Growth};
use super::extent::Extent;
use super::object::refused;
use super::{Memory, header};
use crate::error::Error;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create};
use std::os::fd::AsFd;
use std::path::Path;

pub(super) fn create(extent: Extent) -> Result<Box<dyn Memory>, Error> {
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

/// Refuses what a peer could shrink. What has no seals at all, such as a file, is refused by the system with `EINVAL`.
pub(super) fn check_sealed(object: impl AsFd) -> Result<(), Error> {
    match fcntl_get_seals(object) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => Ok(()),
        _ => Err(Error::Unsealed),
    }
}
