//! What the tests between real processes share: where a primitive lies, and where they count.
#![cfg(target_os = "linux")]

use slotsync::{SharedBuffer, Slot};

/// Where the primitive lies.
pub(crate) const INDEX: usize = 5;

pub(crate) fn word(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(INDEX).unwrap()
}

/// A word that the tests count in.
pub(crate) fn total(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(64).unwrap()
}
