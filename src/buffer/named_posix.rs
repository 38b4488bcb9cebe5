//! POSIX shared memory by `shm_open(3)`, where an object cannot be whole before it has its name (FreeBSD, macOS).
//!
//! Here every process brings the object to its length before it uses it, and only ever from length zero. FreeBSD
//! extends by `posix_fallocate`, which cannot shrink; macOS lets the length be set once and refuses a second time. So
//! nobody shrinks another's, and who loses the race sees the winner's length.

use super::extent::Extent;
use super::mapping::{Label, Mapping};
use super::object::{enough, length, refused, reserve, whole};
use super::options::Existing;
use super::{Memory, TRUNCATES_ONCE, bare};
use crate::error::Error;
use rustix::fs::{Mode, ftruncate};
use rustix::io::Errno;
use rustix::shm::{self, OFlags};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn create(name: &str, extent: Extent, mode: u32, existing: Existing) -> Result<Box<dyn Memory>, Error> {
    if extent.max().is_some() {
        // It would be there before its header is.
        return Err(Error::Unsupported { what: "growable named shared memory" });
    }
    let bytes = extent.bytes();
    let exclusive = if existing == Existing::Refuse { OFlags::EXCL } else { OFlags::empty() };
    let object = open(name, OFlags::CREATE | exclusive, mode, bytes)?;
    let whole =
        bring_to_length(&object, name.as_ref(), extent).and_then(|()| Mapping::of(&object, name.as_ref(), extent));
    // Of an object that is new, and ours alone, nothing stays. Of one that others may use, everything does.
    if whole.is_err() && existing == Existing::Refuse {
        let _ = unlink(name);
    }
    Ok(Box::new(whole?.labelled(Label::Named(name.to_owned()))))
}

pub(super) fn open_whole(name: &str) -> Result<Box<dyn Memory>, Error> {
    let object = open(name, OFlags::empty(), 0, 0)?;
    let began = Instant::now();
    // Whoever made it may be about to give it its length.
    while length(&object, name.as_ref())? == 0 && began.elapsed() < PATIENCE {
        thread::sleep(PAUSE);
    }
    let mapping = Mapping::of(&object, name.as_ref(), whole(&object, name.as_ref())?)?;
    Ok(Box::new(mapping.labelled(Label::Named(name.to_owned()))))
}

pub(super) fn unlink(name: &str) -> Result<(), Error> {
    shm::unlink(format!("/{}", bare(name)?)).map_err(|errno| refused("shm_unlink", name.as_ref(), 0, errno))
}

fn open(name: &str, flags: OFlags, mode: u32, bytes: usize) -> Result<OwnedFd, Error> {
    shm::open(format!("/{}", bare(name)?), OFlags::RDWR | flags, Mode::from_raw_mode(mode as _))
        .map_err(|errno| refused("shm_open", name.as_ref(), bytes, errno))
}

/// From length zero to what was asked for; an object that has a length keeps it.
fn bring_to_length(object: &OwnedFd, name: &Path, extent: Extent) -> Result<(), Error> {
    let bytes = extent.bytes();
    let began = Instant::now();
    while length(object, name)? == 0 {
        if !TRUNCATES_ONCE {
            // Never by `ftruncate`, which could shrink what another has just made longer.
            if !reserve(object, name, 0..bytes)? {
                return Err(Error::Unsupported { what: "named shared memory without posix_fallocate" });
            }
        } else if let Err(errno) = ftruncate(object, bytes as u64) {
            // Another was first. While his call is under way the length still reads as zero.
            if length(object, name)? == 0 {
                if errno != Errno::INVAL || began.elapsed() > PATIENCE {
                    return Err(refused("ftruncate", name, bytes, errno));
                }
                thread::sleep(PAUSE);
            }
        }
    }
    enough(object, name, extent).map(|_| ())
}

/// How long the one who gives an object its length may take.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);
