//! POSIX shared memory on Linux: files of the memory file system at `/dev/shm`, as `shm_open(3)` makes them.
//!
//! By path rather than by `shm_open`, because only so can an object be whole before it has its name.

use super::file::{create_or_open, map_whole};
use super::mapping::{Mapping, refused};
use super::options::Existing;
use super::{Memory, Origin};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;
use rustix::fs::OFlags;
use std::path::{Path, PathBuf};

struct Named {
    mapping: Mapping,
    name: String,
}

/// Anybody may make names in `/dev/shm`: never follow one that somebody else's link is.
const FLAGS: OFlags = OFlags::NOFOLLOW;

pub(super) fn create(name: &str, bytes: usize, mode: u32, existing: Existing) -> Result<Box<dyn Memory>, Error> {
    let mapping = create_or_open(&path(name)?, name.as_ref(), bytes, mode, existing, FLAGS)?;
    Ok(Box::new(Named { mapping, name: name.to_owned() }))
}

pub(super) fn open_whole(name: &str) -> Result<(Box<dyn Memory>, usize), Error> {
    let (mapping, bytes) = map_whole(&path(name)?, name.as_ref(), FLAGS)?;
    Ok((Box::new(Named { mapping, name: name.to_owned() }), bytes))
}

pub(super) fn unlink(name: &str) -> Result<(), Error> {
    rustix::fs::unlink(path(name)?).map_err(|errno| refused("unlink", name.as_ref(), 0, errno))
}

/// Where the object of that name is. The first slash, which POSIX asks for, may be left out.
fn path(name: &str) -> Result<PathBuf, Error> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let bad = |reason| Err(Error::BadName { name: name.into(), reason });
    match bare {
        "" => bad("it is empty"),
        "." | ".." => bad("it is a directory"),
        _ if bare.contains('/') => bad("it holds a slash other than a first one"),
        _ if bare.contains('\0') => bad("it holds a NUL"),
        _ if bare.len() > 255 => bad("it is longer than 255 bytes"),
        _ => Ok(Path::new("/dev/shm").join(bare)),
    }
}

// SAFETY: a page-aligned mapping until the drop, as long as asked for, and zeroed where nobody wrote. Should a peer
// truncate the object, touching the mapping is SIGBUS, which ends the process: no memory is misread.
unsafe impl Memory for Named {
    fn base(&self) -> NonNull<AtomicI32> {
        self.mapping.base()
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Named(&self.name)
    }
}
