//! Memory that the caller made and keeps.

use crate::error::MemoryError;
use crate::memory::contract::{Memory, Origin};
use crate::memory::extent::SLOT_BYTES;
use crate::sync::AtomicI32;
use core::ptr::NonNull;

struct Foreign(NonNull<[AtomicI32]>);

/// Adopts the memory.
///
/// # Safety
///
/// `base` and `bytes` are as `Memory` demands, until the result is dropped.
pub(crate) unsafe fn adopt(base: *mut u8, bytes: usize) -> Result<Box<dyn Memory>, MemoryError> {
    let word = base.cast::<AtomicI32>();
    match NonNull::new(word) {
        Some(word) if word.is_aligned() => {
            Ok(Box::new(Foreign(NonNull::slice_from_raw_parts(word, bytes / SLOT_BYTES))))
        }
        _ => Err(MemoryError::Misaligned { address: base.addr(), align: align_of::<AtomicI32>() }),
    }
}

// SAFETY: the caller of `adopt` promises it.
unsafe impl Memory for Foreign {
    fn words(&self) -> NonNull<[AtomicI32]> {
        self.0
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Foreign
    }
}

// SAFETY: it hands out a pointer and nothing else.
unsafe impl Send for Foreign {}
// SAFETY: as above.
unsafe impl Sync for Foreign {}
