//! POSIX shared memory on Linux: files of the memory file system at `/dev/shm`, as `shm_open(3)` makes them.
//!
//! By path rather than by `shm_open`, because only so can an object be whole before it has its name.

use super::extent::Extent;
use super::mapping::Label;
use super::object::refused;
use super::options::Existing;
use super::publish::{create_or_open, map_whole};
use super::{Memory, bare};
use crate::error::Error;
use rustix::fs::OFlags;
use std::path::{Path, PathBuf};

/// Anybody may make names in `/dev/shm`: never follow one that somebody else's link is.
const FLAGS: OFlags = OFlags::NOFOLLOW;

pub(super) fn create(name: &str, extent: Extent, mode: u32, existing: Existing) -> Result<Box<dyn Memory>, Error> {
    let mapping = create_or_open(&path(name)?, name.as_ref(), extent, mode, existing, FLAGS)?;
    Ok(Box::new(mapping.labelled(Label::Named(name.to_owned()))))
}

pub(super) fn open_whole(name: &str) -> Result<Box<dyn Memory>, Error> {
    Ok(Box::new(map_whole(&path(name)?, name.as_ref(), FLAGS)?.labelled(Label::Named(name.to_owned()))))
}

pub(super) fn unlink(name: &str) -> Result<(), Error> {
    rustix::fs::unlink(path(name)?).map_err(|errno| refused("unlink", name.as_ref(), 0, errno))
}

/// Where the object of that name is.
fn path(name: &str) -> Result<PathBuf, Error> {
    Ok(Path::new("/dev/shm").join(bare(name)?))
}
