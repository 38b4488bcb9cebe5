//! How an object with a path comes to be, safely for all who make it at once: built without a name, named when whole.

use super::extent::Extent;
use super::header;
use super::mapping::Mapping;
use super::object::{enough, refused, reserve, reserve_existing, whole};
use super::options::Existing;
use super::turn::Turn;
use super::unnamed::Unnamed;
use crate::error::Error;
use rustix::fs::{Mode, OFlags, ftruncate, lstat, open};
use rustix::io::{Errno, pwrite, retry_on_intr};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The object at `path`, at least as long as asked for, and reserved. All who call this at once get the same one.
/// `name` is what the caller calls it.
///
/// A new object is built without a name, and gets it as the last step: there is no short one to be seen, a failure
/// leaves nothing behind, and nobody ever changes the length of an object that somebody else may have mapped.
pub(super) fn create_or_open(
    path: &Path,
    name: &Path,
    extent: Extent,
    mode: u32,
    existing: Existing,
    flags: OFlags,
) -> Result<Mapping, Error> {
    let refused = |call| move |errno| refused(call, name, extent.bytes(), errno);
    let mut turn = None;
    // Each further round needs somebody who creates the object before our link and removes it before our open.
    for _ in 0..ROUNDS {
        if existing == Existing::Open {
            match open_existing(path, flags) {
                Ok(object) => return attach(&object, name, enough(&object, name, extent)?),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(refused("open")(errno)),
            }
        }
        let object = Unnamed::create(path, Mode::from_raw_mode(mode as _)).map_err(|errno| match errno {
            Errno::NOENT => Error::BadName { name: name.to_owned(), reason: "its folder does not exist" },
            _ => refused("open")(errno),
        })?;
        // For all rounds: who waits for it in vain does so once.
        turn.get_or_insert_with(|| Turn::take(path));
        // Whoever had the turn may have made it, and there may be no room for a second one.
        let published = match lstat(path) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => {
                let mapping = build(&object, name, extent)?;
                object.publish(path).map(|()| mapping)
            }
        };
        match published {
            Ok(mapping) => return Ok(mapping),
            Err(Errno::EXIST) if existing == Existing::Open => {}
            Err(errno) => return Err(refused("link")(errno)),
        }
    }
    Err(Error::BadName { name: name.to_owned(), reason: "it exists but does not open: a dangling symbolic link?" })
}

/// More than any honest race takes; a dangling symbolic link takes them all.
const ROUNDS: u32 = 100;

/// The whole of the object at `path`, which must exist.
pub(super) fn map_whole(path: &Path, name: &Path, flags: OFlags) -> Result<Mapping, Error> {
    let object = open_existing(path, flags).map_err(|errno| refused("open", name, 0, errno))?;
    attach(&object, name, whole(&object, name)?)
}

/// Reserves and maps so much of an object that has it. Of a growable one, what is beyond its length takes no room.
fn attach(object: &OwnedFd, name: &Path, extent: Extent) -> Result<Mapping, Error> {
    reserve_existing(object, name, extent.bytes())?;
    Mapping::of(object, name, extent)?.reserving(object, name)
}

fn open_existing(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| open(path, OFlags::RDWR | OFlags::CLOEXEC | flags, Mode::empty()))
}

/// Makes an object whole that has no name yet: zero-filled, reserved, mapped.
fn build(object: &Unnamed, name: &Path, extent: Extent) -> Result<Mapping, Error> {
    let refused = |call| move |errno| refused(call, name, extent.most(), errno);
    retry_on_intr(|| ftruncate(object, extent.total() as u64)).map_err(refused("ftruncate"))?;
    if !reserve(object, name, 0..extent.bytes())? {
        // Of a growable one, all: zeros cannot be written later, when others write there too.
        fill(object, extent.total()).map_err(refused("pwrite"))?;
    }
    // What has been written has its room.
    header::write(object, name, extent)?;
    Mapping::of(object, name, extent)?.reserving(object, name)
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
