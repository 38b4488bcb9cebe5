//! Memory that children inherit: an anonymous shared mapping.

use crate::error::MemoryError;
use crate::memory::contract::Memory;
use crate::memory::extent::Extent;
use crate::memory::object::mapping::Mapping;
use crate::memory::platform::UNRESERVED;
use crate::sync::{LengthInteger, Ordering::Relaxed};
use core::ptr;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Maps new, zeroed memory.
pub(crate) fn create(extent: Extent) -> Result<Box<dyn Memory>, MemoryError> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::SHARED | if extent.max().is_some() { UNRESERVED } else { MapFlags::empty() };
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let base = unsafe { mmap_anonymous(ptr::null_mut(), extent.total(), protection, flags) };
    // SAFETY: mapped by that call, of that length.
    let mapping = unsafe { Mapping::over(base, "anonymous memory".as_ref(), extent) }?;
    if let Some(length) = mapping.length() {
        // SAFETY: mapped above, and zeroed.
        // Relaxed: no other agent has the mapping yet.
        unsafe { length.as_ref() }.store(extent.bytes() as LengthInteger, Relaxed);
    }
    Ok(Box::new(mapping))
}
