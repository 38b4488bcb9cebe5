//! The bytes of a file; and how anything with a path comes to be, safely for all who do it at once.

use super::mapping::{Mapping, check_long_enough, refused, reserve, whole_length};
use super::options::Existing;
use super::unnamed::Unnamed;
use super::{Memory, Origin};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;
use rustix::fs::{Mode, OFlags, ftruncate, open};
use rustix::io::{Errno, pwrite};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

struct File {
    mapping: Mapping,
    path: PathBuf,
}

pub(super) fn create(path: &Path, bytes: usize, mode: u32, existing: Existing) -> Result<Box<dyn Memory>, Error> {
    let mapping = create_or_open(path, path, bytes, mode, existing, OFlags::empty())?;
    Ok(Box::new(File { mapping, path: path.to_owned() }))
}

pub(super) fn open_whole(path: &Path) -> Result<(Box<dyn Memory>, usize), Error> {
    let (mapping, bytes) = map_whole(path, path, OFlags::empty())?;
    Ok((Box::new(File { mapping, path: path.to_owned() }), bytes))
}

/// The object at `path`, at least `bytes` long and reserved. All who call this at once get the same one. `name` is what
/// the caller calls it.
///
/// A new object is built without a name, and gets it as the last step: there is no short one to be seen, a failure
/// leaves nothing behind, and nobody ever changes the length of an object that somebody else may have mapped.
pub(super) fn create_or_open(
    path: &Path,
    name: &Path,
    bytes: usize,
    mode: u32,
    existing: Existing,
    flags: OFlags,
) -> Result<Mapping, Error> {
    // Each further turn needs somebody who creates the object before our link and removes it before our open.
    for _ in 0..TURNS {
        if existing == Existing::Open {
            match open_existing(path, flags) {
                Ok(object) => {
                    check_long_enough(&object, name, bytes)?;
                    reserve(&object, name, bytes)?;
                    return Mapping::of(object, name, bytes);
                }
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(refused("open", name, bytes, errno)),
            }
        }
        let object = build(path, name, bytes, mode)?;
        let mapping = Mapping::of(&object, name, bytes)?;
        match object.publish(path) {
            Ok(()) => return Ok(mapping),
            Err(Errno::EXIST) if existing == Existing::Open => {}
            Err(errno) => return Err(refused("link", name, bytes, errno)),
        }
    }
    Err(Error::BadName { name: name.to_owned(), reason: "it exists but does not open: a dangling symbolic link?" })
}

/// More than any honest race takes; a dangling symbolic link takes them all.
const TURNS: u32 = 100;

/// The whole of the object at `path`, which must exist, and its length.
pub(super) fn map_whole(path: &Path, name: &Path, flags: OFlags) -> Result<(Mapping, usize), Error> {
    let object = open_existing(path, flags).map_err(|errno| refused("open", name, 0, errno))?;
    let bytes = whole_length(&object, name)?;
    reserve(&object, name, bytes)?;
    Ok((Mapping::of(object, name, bytes)?, bytes))
}

fn open_existing(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    open(path, OFlags::RDWR | OFlags::CLOEXEC | flags, Mode::empty())
}

/// A whole object that has no name yet: zero-filled, reserved, and gone if we fail or die now.
fn build(path: &Path, name: &Path, bytes: usize, mode: u32) -> Result<Unnamed, Error> {
    let refused = |call| move |errno| refused(call, name, bytes, errno);
    let object = Unnamed::create(path, Mode::from_raw_mode(mode as _)).map_err(refused("open"))?;
    ftruncate(&object, bytes as u64).map_err(refused("ftruncate"))?;
    if !reserve(&object, name, bytes)? {
        fill(&object, bytes).map_err(refused("pwrite"))?;
    }
    Ok(object)
}

/// Reserves by writing zeros, where the file system has no other way. Nobody else knows the object yet.
fn fill(object: &Unnamed, bytes: usize) -> Result<(), Errno> {
    let zeros = [0; 64 * 1024];
    let mut offset = 0;
    while offset < bytes {
        match pwrite(object, &zeros[..zeros.len().min(bytes - offset)], offset as u64) {
            // A device that takes nothing and says nothing is full.
            Ok(0) => return Err(Errno::NOSPC),
            Ok(written) => offset += written,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

// SAFETY: a page-aligned mapping until the drop, as long as asked for, and zeroed where nobody wrote. Should a peer
// truncate the file, touching the mapping is SIGBUS, which ends the process: no memory is misread.
unsafe impl Memory for File {
    fn base(&self) -> NonNull<AtomicI32> {
        self.mapping.base()
    }

    fn origin(&self) -> Origin<'_> {
        Origin::File(&self.path)
    }
}
