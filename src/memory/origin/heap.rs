//! Memory of this process alone: the allocator's.

use crate::error::{MemoryError, SystemError};
use crate::memory::contract::{Memory, Origin};
use crate::memory::extent::Extent;
use crate::memory::platform::OUT_OF_MEMORY;
use crate::sync::{AtomicI32, AtomicLength, LengthInteger, Ordering::Relaxed};
use core::ptr::NonNull;
use crossbeam_utils::CachePadded;
use std::alloc::{Layout, alloc_zeroed, dealloc};

struct Heap {
    allocated: NonNull<u8>,
    layout: Layout,
    base: NonNull<u8>,
    extent: Extent,
}

/// The line of most caches.
const LINE: usize = align_of::<CachePadded<AtomicI32>>();

/// Allocates zeroed memory, aligned to a cache line, so that slot 0 starts a line as it does in a mapping.
pub(crate) fn create(extent: Extent) -> Result<Box<dyn Memory>, MemoryError> {
    let no_room = MemoryError::NoRoom { bytes: extent.most() as u64, source: SystemError::new(OUT_OF_MEMORY) };
    // Asks for one line more, without an alignment: std zeroes an allocation of unusual alignment by writing to it,
    // which takes memory for all of a maximum. The layout refuses the last few lengths; no allocator has room for them
    // either.
    let Ok(layout) = Layout::array::<u8>(extent.total() + LINE) else { return Err(no_room) };
    // SAFETY: the length was checked not to be zero.
    let allocated = unsafe { alloc_zeroed(layout) };
    let allocated = NonNull::new(allocated).ok_or(no_room)?;
    let before = allocated.addr().get().wrapping_neg() % LINE;
    // SAFETY: `before` is less than the line that was added.
    let base = unsafe { allocated.add(before) };
    let heap = Heap { allocated, layout, base, extent };
    if let Some(length) = heap.length() {
        // SAFETY: allocated above, and zeroed.
        // Relaxed: no other agent has the memory yet.
        unsafe { length.as_ref() }.store(extent.bytes() as LengthInteger, Relaxed);
    }
    Ok(Box::new(heap))
}

// SAFETY: zeroed, aligned to more than a word, at one address until the drop, and no other value has the pointer. The
// words end where the header begins, and growable memory has its length in the header.
unsafe impl Memory for Heap {
    fn words(&self) -> NonNull<[AtomicI32]> {
        NonNull::slice_from_raw_parts(self.base.cast(), self.extent.slots())
    }

    fn length(&self) -> Option<NonNull<AtomicLength>> {
        // SAFETY: the offset is within what was allocated.
        self.extent.length_offset().map(|offset| unsafe { self.base.add(offset) }.cast())
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Heap
    }
}

// SAFETY: the owner of an allocation may be any thread.
unsafe impl Send for Heap {}
// SAFETY: it hands out pointers and nothing else.
unsafe impl Sync for Heap {}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated by `create`, with this layout.
        unsafe { dealloc(self.allocated.as_ptr(), self.layout) };
    }
}
