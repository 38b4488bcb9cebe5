//! How long memory is, how long it may get, and where it keeps its length.
#![allow(dead_code, reason = "a model's memory has no header, and some platforms open no objects")]

use crate::error::MemoryError;
use crate::sync::LENGTH_PLACE;

/// The size of a slot in bytes.
pub(crate) const SLOT_BYTES: usize = size_of::<i32>();

/// The maximum length of a buffer: pointer offsets are signed.
pub(super) const MAX_BYTES: usize = isize::MAX as usize & !(SLOT_BYTES - 1);

/// The length of memory that is to be made, or that was found.
///
/// Growable memory has all its addresses from the beginning: first the bytes that a buffer may ever have, then, at the
/// next multiple of 64, a header of 64 bytes. No slot lies in the header, so a handle never overlaps it. Slot 0 lies at
/// the start, as in every buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    bytes: usize,
    max: Option<usize>,
}

/// The length of the header: one line of most caches.
pub(super) const HEADER_BYTES: usize = 64;
/// The offset in the header of the length, which takes 8 bytes.
pub(super) const LENGTH_OFFSET: usize = 24;

/// The maximum length that leaves room for a header.
const MAX_GROWABLE: usize = MAX_BYTES / HEADER_BYTES * HEADER_BYTES - HEADER_BYTES;

impl Extent {
    /// Checks the length, and the maximum that makes it growable.
    pub(super) fn new(bytes: usize, max: Option<usize>) -> Result<Self, MemoryError> {
        check_length(bytes)?;
        if let Some(max) = max {
            check_length(max)?;
            let too_large = |bytes: usize, max: usize| MemoryError::TooLarge { bytes: bytes as u64, max: max as u64 };
            if max > MAX_GROWABLE {
                return Err(too_large(max, MAX_GROWABLE));
            }
            if bytes > max {
                return Err(too_large(bytes, max));
            }
        }
        Ok(Self { bytes, max })
    }

    /// Makes the extent of a growable object that was found. A peer may have written any length, even zero.
    pub(super) fn found(bytes: usize, max: usize) -> Result<Self, MemoryError> {
        Self::new(max, Some(max)).map(|extent| Self { bytes, ..extent })
    }

    /// Returns the length of the buffer at first.
    pub(super) fn bytes(self) -> usize {
        self.bytes
    }

    /// Returns the maximum, if the memory is growable.
    pub(super) fn max(self) -> Option<usize> {
        self.max
    }

    /// Returns the length that the buffer may ever have.
    pub(super) fn most(self) -> usize {
        self.max.unwrap_or(self.bytes)
    }

    /// Returns the number of slots in that length.
    pub(super) fn slots(self) -> usize {
        self.most() / SLOT_BYTES
    }

    /// Returns the length of the memory, including a header.
    pub(super) fn total(self) -> usize {
        // `MAX_GROWABLE` leaves room for the header, so this does not overflow.
        self.max.map_or(self.bytes, |max| max.next_multiple_of(HEADER_BYTES) + HEADER_BYTES)
    }

    /// Returns the offset of the word that holds the length, if the length can change.
    pub(super) fn length_offset(self) -> Option<usize> {
        self.max.map(|_| self.total() - HEADER_BYTES + LENGTH_OFFSET + LENGTH_PLACE)
    }
}

/// Checks that a buffer can have this length.
pub(super) fn check_length(bytes: usize) -> Result<usize, MemoryError> {
    match bytes {
        0 => Err(MemoryError::ZeroLength),
        // The casts lose no bit: a usize fits into 64 bits everywhere.
        _ if bytes > MAX_BYTES => Err(MemoryError::TooLarge { bytes: bytes as u64, max: MAX_BYTES as u64 }),
        _ if bytes % SLOT_BYTES != 0 => Err(MemoryError::UnevenLength { bytes: bytes as u64 }),
        _ => Ok(bytes),
    }
}
