//! Memory for a model: words that loom watches. They cannot overlay bytes, so this is the only origin under loom.

use crate::error::MemoryError;
use crate::memory::contract::{Memory, Origin};
use crate::memory::extent::Extent;
use crate::sync::{AtomicI32, AtomicLength, LengthInteger};
use core::ptr::NonNull;

struct Words {
    words: Box<[AtomicI32]>,
    length: Option<Box<AtomicLength>>,
}

/// Makes new words of zero.
pub(crate) fn create(extent: Extent) -> Result<Box<dyn Memory>, MemoryError> {
    Ok(Box::new(Words {
        words: (0..extent.slots()).map(|_| AtomicI32::new(0)).collect(),
        length: extent.max().map(|_| Box::new(AtomicLength::new(extent.bytes() as LengthInteger))),
    }))
}

// SAFETY: the words, as many as there may ever be, are boxed until the drop, and so is their length.
unsafe impl Memory for Words {
    fn words(&self) -> NonNull<[AtomicI32]> {
        NonNull::from(&*self.words)
    }

    fn length(&self) -> Option<NonNull<AtomicLength>> {
        self.length.as_deref().map(NonNull::from)
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Heap
    }
}
