//! POSIX shared memory by `shm_open(3)`, where an object cannot be whole before it has its name (FreeBSD, macOS).
//!
//! Here every process brings the object to its length before using it, and only ever from length zero. FreeBSD extends
//! it by `posix_fallocate`, which cannot shrink. macOS lets the length be set once and refuses a second time. So no
//! process shrinks the object of another, and a process that loses the race sees the winner's length.

use super::name::bare;
use crate::error::MemoryError;
use crate::memory::contract::{Existing, Memory};
use crate::memory::errno::refused;
use crate::memory::extent::Extent;
use crate::memory::object::mapping::{Label, Mapping};
use crate::memory::object::{enough, length, reserve, whole};
use crate::memory::platform::TRUNCATES_ONCE;
use rustix::fs::{Mode, ftruncate};
use rustix::io::Errno;
use rustix::shm::{self, OFlags};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Creates the object, or opens its first bytes.
pub(crate) fn create(
    name: &str,
    extent: Extent,
    mode: u32,
    existing: Existing,
) -> Result<Box<dyn Memory>, MemoryError> {
    if extent.max().is_some() {
        // The object would be visible before its header is written.
        return Err(MemoryError::Unsupported { what: "growable named shared memory" });
    }
    let bytes = extent.bytes();
    let exclusive = if existing == Existing::Refuse { OFlags::EXCL } else { OFlags::empty() };
    let object = open(name, OFlags::CREATE | exclusive, mode, bytes)?;
    let whole =
        bring_to_length(&object, name.as_ref(), extent).and_then(|()| Mapping::of(&object, name.as_ref(), extent));
    // A failure removes an object that this call created. An object that another process may use stays.
    if whole.is_err() && existing == Existing::Refuse {
        let _ = unlink(name);
    }
    Ok(Box::new(whole?.labelled(Label::Named(name.to_owned()))))
}

/// Opens the whole object, which must exist.
pub(crate) fn open_whole(name: &str) -> Result<Box<dyn Memory>, MemoryError> {
    let object = open(name, OFlags::empty(), 0, 0)?;
    let began = Instant::now();
    // The process that made the object may be about to give it its length.
    while length(&object, name.as_ref())? == 0 && began.elapsed() < PATIENCE {
        thread::sleep(PAUSE);
    }
    let mapping = Mapping::of(&object, name.as_ref(), whole(&object, name.as_ref())?)?;
    Ok(Box::new(mapping.labelled(Label::Named(name.to_owned()))))
}

/// Removes the name.
pub(crate) fn unlink(name: &str) -> Result<(), MemoryError> {
    shm::unlink(format!("/{}", bare(name)?)).map_err(|errno| refused("shm_unlink", name.as_ref(), 0, errno))
}

fn open(name: &str, flags: OFlags, mode: u32, bytes: usize) -> Result<OwnedFd, MemoryError> {
    shm::open(format!("/{}", bare(name)?), OFlags::RDWR | flags, Mode::from_raw_mode(mode as _))
        .map_err(|errno| refused("shm_open", name.as_ref(), bytes, errno))
}

/// Brings an object of length zero to the length asked for. An object that has a length keeps it.
fn bring_to_length(object: &OwnedFd, name: &Path, extent: Extent) -> Result<(), MemoryError> {
    let bytes = extent.bytes();
    let began = Instant::now();
    while length(object, name)? == 0 {
        if !TRUNCATES_ONCE {
            // Never by `ftruncate`, which could shrink an object that another process has just made longer.
            if !reserve(object, name, 0..bytes)? {
                return Err(MemoryError::Unsupported { what: "named shared memory without posix_fallocate" });
            }
        } else if let Err(errno) = ftruncate(object, bytes as u64) {
            // Another process was first. While its call is under way the length still reads as zero.
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

/// The longest wait for the process that gives an object its length.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);
