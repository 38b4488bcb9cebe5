//! POSIX shared memory on Linux: files of the memory file system at `/dev/shm`, as `shm_open(3)` makes them.
//!
//! They are made by path and not by `shm_open`, because only so can an object be whole before it has its name.

use super::name::bare;
use crate::error::MemoryError;
use crate::memory::contract::{Existing, Memory};
use crate::memory::errno::refused;
use crate::memory::extent::Extent;
use crate::memory::object::mapping::Label;
use crate::memory::object::publish::{create_or_open, map_whole};
use rustix::fs::OFlags;
use std::path::{Path, PathBuf};

/// Any user may make names in `/dev/shm`, so a symbolic link there is never followed.
const FLAGS: OFlags = OFlags::NOFOLLOW;

/// Creates the object, or opens its first bytes.
pub(crate) fn create(
    name: &str,
    extent: Extent,
    mode: u32,
    existing: Existing,
) -> Result<Box<dyn Memory>, MemoryError> {
    let mapping = create_or_open(&path(name)?, name.as_ref(), extent, mode, existing, FLAGS)?;
    Ok(Box::new(mapping.labelled(Label::Named(name.to_owned()))))
}

/// Opens the whole object, which must exist.
pub(crate) fn open_whole(name: &str) -> Result<Box<dyn Memory>, MemoryError> {
    Ok(Box::new(map_whole(&path(name)?, name.as_ref(), FLAGS)?.labelled(Label::Named(name.to_owned()))))
}

/// Removes the name.
pub(crate) fn unlink(name: &str) -> Result<(), MemoryError> {
    rustix::fs::unlink(path(name)?).map_err(|errno| refused("unlink", name.as_ref(), 0, errno))
}

/// Returns the path of the object of that name.
fn path(name: &str) -> Result<PathBuf, MemoryError> {
    Ok(Path::new("/dev/shm").join(bare(name)?))
}
