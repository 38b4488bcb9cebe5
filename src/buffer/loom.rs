//! Memory for a model: words that loom watches. They cannot overlay bytes, so this is the only origin under loom.

use super::{Memory, Origin, SLOT_BYTES};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;

struct Words(Box<[AtomicI32]>);

pub(super) fn create(bytes: usize) -> Result<Box<dyn Memory>, Error> {
    Ok(Box::new(Words((0..bytes / SLOT_BYTES).map(|_| AtomicI32::new(0)).collect())))
}

// SAFETY: as many words as the bytes make, boxed until the drop.
unsafe impl Memory for Words {
    fn words(&self) -> NonNull<[AtomicI32]> {
        NonNull::from(&*self.0)
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Heap
    }
}
