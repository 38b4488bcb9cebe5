//! Memory without a name, inherited by `fork`.

use super::mapping::Mapping;
use super::{Memory, Origin};
use crate::error::Error;
use crate::sync::AtomicI32;
use core::ptr::NonNull;

struct Anonymous(Mapping);

pub(super) fn create(bytes: usize) -> Result<Box<dyn Memory>, Error> {
    Ok(Box::new(Anonymous(Mapping::anonymous(bytes)?)))
}

// SAFETY: a page-aligned, zeroed mapping until the drop.
unsafe impl Memory for Anonymous {
    fn base(&self) -> NonNull<AtomicI32> {
        self.0.base()
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Anonymous
    }
}
