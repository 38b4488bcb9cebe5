//! Memory that somebody else made and keeps.

use super::{Memory, Origin, SLOT_BYTES};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;

struct Foreign(NonNull<[AtomicI32]>);

/// # Safety
///
/// `base` and `bytes` are as `Memory` demands, until what this returns is dropped.
pub(super) unsafe fn adopt(base: *mut u8, bytes: usize) -> Result<Box<dyn Memory>, Error> {
    let word = base.cast::<AtomicI32>();
    match NonNull::new(word) {
        Some(word) if word.is_aligned() => {
            Ok(Box::new(Foreign(NonNull::slice_from_raw_parts(word, bytes / SLOT_BYTES))))
        }
        _ => Err(Error::Misaligned { address: base.addr(), align: align_of::<AtomicI32>() }),
    }
}

// SAFETY: the caller of `adopt` answers for it.
unsafe impl Memory for Foreign {
    fn words(&self) -> NonNull<[AtomicI32]> {
        self.0
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Foreign
    }
}

// SAFETY: it hands out a pointer, nothing else.
unsafe impl Send for Foreign {}
// SAFETY: as above.
unsafe impl Sync for Foreign {}
