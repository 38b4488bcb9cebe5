//! The creation of an object with a path, safe for all processes that create it at once: an object is built without its
//! name, and named when it is whole.

use super::header;
use super::mapping::Mapping;
use super::turn::Turn;
use super::unnamed::Unnamed;
use super::{enough, reserve, reserve_existing, whole};
use crate::error::MemoryError;
use crate::memory::contract::Existing;
use crate::memory::errno::refused;
use crate::memory::extent::Extent;
use rustix::fs::{Mode, OFlags, ftruncate, lstat, open};
use rustix::io::{Errno, pwrite, retry_on_intr};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Opens or creates the object at `path`, at least as long as asked for, and reserves it. All processes that call this
/// at once get the same object. `name` is the caller's name for it.
///
/// A new object is built without its name, and gets it in the last step. So no process sees a short object, a failure
/// leaves nothing behind, and no process changes the length of an object that another process may have mapped.
pub(crate) fn create_or_open(
    path: &Path,
    name: &Path,
    extent: Extent,
    mode: u32,
    existing: Existing,
    flags: OFlags,
) -> Result<Mapping, MemoryError> {
    let refused = |call| move |errno| refused(call, name, extent.bytes(), errno);
    let mut turn = None;
    // Each further round needs a process that creates the object before our link and removes it before our open.
    for _ in 0..ROUNDS {
        if existing == Existing::Open {
            match open_existing(path, flags) {
                Ok(object) => return attach(&object, name, enough(&object, name, extent)?),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(refused("open")(errno)),
            }
        }
        let object = Unnamed::create(path, Mode::from_raw_mode(mode as _)).map_err(|errno| match errno {
            Errno::NOENT => MemoryError::BadName { name: name.to_owned(), reason: "its folder does not exist" },
            _ => refused("open")(errno),
        })?;
        // One turn for all rounds, so that a process waits for it in vain only once.
        turn.get_or_insert_with(|| Turn::take(path));
        // The last holder of the turn may have created the object, and there may be no room for a second one.
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
    Err(MemoryError::BadName {
        name: name.to_owned(),
        reason: "it exists but does not open: a dangling symbolic link?",
    })
}

/// The number of attempts: more than any honest race needs. A dangling symbolic link uses them all.
const ROUNDS: u32 = 100;

/// Opens the whole of the object at `path`, which must exist.
pub(crate) fn map_whole(path: &Path, name: &Path, flags: OFlags) -> Result<Mapping, MemoryError> {
    let object = open_existing(path, flags).map_err(|errno| refused("open", name, 0, errno))?;
    attach(&object, name, whole(&object, name)?)
}

/// Reserves and maps this extent of an object, which is that long. The bytes beyond a growable object's length take no
/// room.
fn attach(object: &OwnedFd, name: &Path, extent: Extent) -> Result<Mapping, MemoryError> {
    reserve_existing(object, name, extent.bytes())?;
    Mapping::of(object, name, extent)?.reserving(object, name)
}

fn open_existing(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| open(path, OFlags::RDWR | OFlags::CLOEXEC | flags, Mode::empty()))
}

/// Makes an object whole that does not have its name yet: zero-filled, reserved and mapped.
fn build(object: &Unnamed, name: &Path, extent: Extent) -> Result<Mapping, MemoryError> {
    let refused = |call| move |errno| refused(call, name, extent.most(), errno);
    retry_on_intr(|| ftruncate(object, extent.total() as u64)).map_err(refused("ftruncate"))?;
    if !reserve(object, name, 0..extent.bytes())? {
        // All of a growable object: zeros cannot be written later, when other processes write there too.
        fill(object, extent.total()).map_err(refused("pwrite"))?;
    }
    // The header needs no reservation: bytes that have been written have their room.
    header::write(object, name, extent)?;
    Mapping::of(object, name, extent)?.reserving(object, name)
}

/// Reserves by writing zeros, where the file system has no other way. No other process knows the object yet.
fn fill(object: &Unnamed, bytes: usize) -> Result<(), Errno> {
    let zeros = [0; 64 * 1024];
    let mut offset = 0;
    while offset < bytes {
        match pwrite(object, &zeros[..zeros.len().min(bytes - offset)], offset as u64) {
            // A device that takes no byte and reports no error is full.
            Ok(0) => return Err(Errno::NOSPC),
            Ok(written) => offset += written,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
