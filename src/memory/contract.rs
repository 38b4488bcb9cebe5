//! The contract between buffers and the origins of their memory.

use super::platform::Descriptor;
use crate::error::MemoryError;
use crate::sync::{AtomicI32, AtomicLength};
use core::ops::Range;
use core::ptr::NonNull;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;

/// The memory of one buffer, valid until it is dropped.
///
/// # Safety
///
/// `words`, and the `length` beside them, are aligned, initialized and valid at this address until the drop. Every
/// access to them is atomic.
pub(super) unsafe trait Memory: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Returns the words; for growable memory, all that there may ever be.
    fn words(&self) -> NonNull<[AtomicI32]>;

    /// Returns the word that holds the current length in bytes, if the length can change.
    fn length(&self) -> Option<NonNull<AtomicLength>> {
        None
    }

    /// Reserves memory for these bytes, where the origin promises that.
    fn reserve(&self, _bytes: Range<usize>) -> Result<(), MemoryError> {
        Ok(())
    }

    /// Returns the origin, with its name if it has one.
    fn origin(&self) -> Origin<'_>;

    /// Returns the descriptor, if a descriptor is how this memory is handed to another process.
    #[allow(dead_code, reason = "only Unix has descriptors")]
    fn descriptor(&self) -> Option<Descriptor<'_>> {
        None
    }
}

/// Where a buffer's memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin<'buf> {
    /// The heap: [`SharedBuffer::new`](crate::SharedBuffer::new).
    Heap,
    /// A mapping without a name: [`SharedBuffer::anonymous`](crate::SharedBuffer::anonymous).
    Anonymous,
    /// A descriptor: [`SharedBuffer::memfd`](crate::SharedBuffer::memfd) and
    /// [`SharedBuffer::from_fd`](crate::SharedBuffer::from_fd).
    Descriptor,
    /// A named object, with its name: [`SharedBuffer::named`](crate::SharedBuffer::named).
    Named(&'buf str),
    /// A file, with its path: [`SharedBuffer::file`](crate::SharedBuffer::file).
    File(&'buf Path),
    /// Memory of the caller: [`SharedBuffer::from_raw_parts`](crate::SharedBuffer::from_raw_parts).
    Foreign,
}

/// How a constructor treats an object that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Open,
    Refuse,
}
