//! Memory that nobody can shrink: `memfd_create(2)`, sized and then sealed.

use super::mapping::refused;
use super::{Memory, descriptor};
use crate::error::Error;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create};
use std::os::fd::AsFd;

pub(super) fn create(bytes: usize) -> Result<Box<dyn Memory>, Error> {
    let refused = |call| move |errno| refused(call, "memfd:slotsync".as_ref(), bytes, errno);
    let object =
        memfd_create("slotsync", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).map_err(refused("memfd_create"))?;
    ftruncate(&object, bytes as u64).map_err(refused("ftruncate"))?;
    fcntl_add_seals(&object, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(refused("fcntl(F_ADD_SEALS)"))?;
    descriptor::open(object)
}

/// Refuses what a peer could shrink. What has no seals at all, such as a file, is refused by the system with `EINVAL`.
pub(super) fn check_sealed(object: impl AsFd) -> Result<(), Error> {
    match fcntl_get_seals(object) {
        Ok(seals) if seals.contains(SealFlags::SHRINK) => Ok(()),
        _ => Err(Error::Unsealed),
    }
}
