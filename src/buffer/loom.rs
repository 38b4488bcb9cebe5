//! Memory for a model: words that loom watches. They cannot overlay bytes, so this is the only origin under loom.

use super::extent::Extent;
use super::{Memory, Origin};
use crate::error::Error;
use crate::sync::{AtomicI32, AtomicLength, Bytes};
use core::ptr::NonNull;

struct Words {
    words: Box<[AtomicI32]>,
    length: Option<Box<AtomicLength>>,
}

pub(super) fn create(extent: Extent) -> Result<Box<dyn Memory>, Error> {
    Ok(Box::new(Words {
        words: (0..extent.slots()).map(|_| AtomicI32::new(0)).collect(),
        length: extent.max().map(|_| Box::new(AtomicLength::new(extent.bytes() as Bytes))),
    }))
}

// SAFETY: as many words as the bytes make, or may make, boxed until the drop, as their length is.
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
