//! Memory that a test maps and unmaps by itself.

use slotsync::{Scope, SharedBuffer};
use std::ptr;

pub const PAGE: usize = 4096;

/// New memory, zeroed and shared with children.
pub fn map() -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANON);
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let base = unsafe { libc::mmap(ptr::null_mut(), PAGE, protection, flags, -1, 0) };
    assert_ne!(base, libc::MAP_FAILED);
    base.cast()
}

/// Memory that other processes can change, in either scope: that is about who waits, and only this process does.
pub fn changeable(scope: Scope) -> SharedBuffer {
    let base = map();
    // SAFETY: zeroed memory of that length, used through this buffer alone, and never unmapped.
    unsafe { SharedBuffer::from_raw_parts(base, PAGE, scope) }.unwrap()
}
