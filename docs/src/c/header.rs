//! The start of the shared memory: the Rust side of header.h.

use slotsync::{Error, Lock, Semaphore, SharedBuffer, Slot};
use std::mem::offset_of;

#[repr(C)]
pub struct Header {
    pub version: u32, // The version of this struct: VERSION.
    pub lock: i32,    // A `Lock` that protects `total`.
    pub permits: i32, // A `Semaphore`.
    pub total: u32,   // Protected by the lock.
}

pub const VERSION: i32 = 1;

const _: () = assert!(offset_of!(Header, version) == 0);
const _: () = assert!(offset_of!(Header, lock) == 4);
const _: () = assert!(offset_of!(Header, permits) == 8);
const _: () = assert!(offset_of!(Header, total) == 12);
const _: () = assert!(size_of::<Header>() == 16);

/// The members of the header, as slots of the buffer that begins with it.
impl Header {
    pub fn version(buffer: &SharedBuffer) -> Result<Slot<'_>, Error> {
        buffer.slot(offset_of!(Header, version) / 4)
    }

    pub fn lock(buffer: &SharedBuffer) -> Result<Lock<'_>, Error> {
        Lock::new(buffer, offset_of!(Header, lock) / 4)
    }

    pub fn permits(buffer: &SharedBuffer) -> Result<Semaphore<'_>, Error> {
        Semaphore::new(buffer, offset_of!(Header, permits) / 4)
    }

    pub fn total(buffer: &SharedBuffer) -> Result<Slot<'_>, Error> {
        buffer.slot(offset_of!(Header, total) / 4)
    }
}
