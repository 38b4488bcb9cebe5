//! Memory that a test maps and unmaps by itself.

use slotsync::{Scope, SharedBuffer};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr;

pub const PAGE: usize = 4096;

/// New memory, zeroed and shared with children.
pub fn map() -> *mut u8 {
    mmap(libc::MAP_SHARED | libc::MAP_ANON, -1)
}

/// The first page of a file. Whoever shrinks the file takes it away from all who map it.
pub fn map_file(file: &File) -> *mut u8 {
    mmap(libc::MAP_SHARED, file.as_raw_fd())
}

fn mmap(flags: i32, descriptor: i32) -> *mut u8 {
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let base = unsafe { libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, descriptor, 0) };
    assert_ne!(base, libc::MAP_FAILED);
    base.cast()
}

/// Memory that other processes can change, in either scope: that is about who waits, and only this process does.
pub fn changeable(scope: Scope) -> SharedBuffer {
    let base = map();
    // SAFETY: zeroed memory of that length, used through this buffer alone, and never unmapped.
    unsafe { SharedBuffer::from_raw_parts(base, PAGE, scope) }.unwrap()
}

/// Puts it at the start of new memory that is shared with children. It stays there: the memory is never unmapped.
pub fn place<T: Sync>(value: T) -> &'static T {
    assert!(size_of::<T>() <= PAGE);
    let place = map().cast::<T>();
    // SAFETY: a page of its own, which is aligned for whatever fits and is never unmapped; nobody else knows it yet.
    unsafe {
        place.write(value);
        &*place
    }
}
