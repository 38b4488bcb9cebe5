//! POSIX shared memory by `shm_open(3)`, where an object cannot be whole before it has its name (FreeBSD, macOS).
//!
//! Here every process brings the object to its length before it uses it, and only ever from length zero. FreeBSD
//! extends by `posix_fallocate`, which cannot shrink; macOS lets the length be set once and refuses a second time. So
//! nobody shrinks another's, and who loses the race sees the winner's length.

use super::mapping::{Mapping, check_long_enough, length, refused, reserve, whole_length};
use super::options::Existing;
use super::{Memory, Origin};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;
use rustix::fs::{Mode, ftruncate};
use rustix::shm::{self, OFlags};
use std::os::fd::OwnedFd;
use std::path::Path;

struct Named {
    mapping: Mapping,
    name: String,
}

pub(super) fn create(name: &str, bytes: usize, mode: u32, existing: Existing) -> Result<Box<dyn Memory>, Error> {
    let path = check_name(name)?;
    let exclusive = if existing == Existing::Refuse { OFlags::EXCL } else { OFlags::empty() };
    let object = open(name, OFlags::CREATE | exclusive, mode, bytes)?;
    if let Err(error) = bring_to_length(&object, path.as_ref(), bytes) {
        // Of an object that is new, and ours alone, nothing stays. Of one that others may use, everything does.
        if existing == Existing::Refuse {
            let _ = unlink(name);
        }
        return Err(error);
    }
    let mapping = Mapping::of(object, path.as_ref(), bytes)?;
    Ok(Box::new(Named { mapping, name: name.to_owned() }))
}

pub(super) fn open_whole(name: &str) -> Result<(Box<dyn Memory>, usize), Error> {
    let path = check_name(name)?;
    let object = open(name, OFlags::empty(), 0, 0)?;
    let bytes = whole_length(&object, path.as_ref())?;
    let mapping = Mapping::of(object, path.as_ref(), bytes)?;
    Ok((Box::new(Named { mapping, name: name.to_owned() }), bytes))
}

pub(super) fn unlink(name: &str) -> Result<(), Error> {
    let path = check_name(name)?;
    shm::unlink(&*path).map_err(|errno| refused("shm_unlink", path.as_ref(), 0, errno))
}

fn open(name: &str, flags: OFlags, mode: u32, bytes: usize) -> Result<OwnedFd, Error> {
    let path = check_name(name)?;
    shm::open(&*path, OFlags::RDWR | flags, Mode::from_raw_mode(mode as _))
        .map_err(|errno| refused("shm_open", path.as_ref(), bytes, errno))
}

/// From length zero to `bytes`; an object that has a length keeps it.
fn bring_to_length(object: &OwnedFd, path: &Path, bytes: usize) -> Result<(), Error> {
    if length(object, path)? == 0 && !reserve(object, path, bytes)? {
        // A refusal may mean that another was first: then the length says so.
        let sized = ftruncate(object, bytes as u64);
        if length(object, path)? == 0 {
            sized.map_err(|errno| refused("ftruncate", path, bytes, errno))?;
        }
    }
    check_long_enough(object, path, bytes)
}

/// With its first slash, which may be left out. The system's own limits are its own errors.
fn check_name(name: &str) -> Result<String, Error> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let bad = |reason| Err(Error::BadName { name: name.into(), reason });
    match bare {
        "" => bad("it is empty"),
        "." | ".." => bad("it is a directory"),
        _ if bare.contains('/') => bad("it holds a slash other than a first one"),
        _ if bare.contains('\0') => bad("it holds a NUL"),
        _ => Ok(format!("/{bare}")),
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
