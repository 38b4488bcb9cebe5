//! How long memory is, how long it may get, and where it says so.
#![allow(dead_code, reason = "a model's memory has no header, and some platforms open no objects")]

use super::{MAX_BYTES, SLOT_BYTES, check_length};
use crate::error::Error;
use crate::sync::LENGTH_PLACE;

/// The length of memory that is to be made, or that was found.
///
/// Growable memory has all its addresses from the beginning: first the bytes that a buffer may ever have, then, at the
/// next multiple of 64, a header of 64 bytes. Nothing of the header is a slot, so what a buffer hands out never
/// overlaps it; and slot 0 lies at the start, as everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    bytes: usize,
    max: Option<usize>,
}

/// How long the header is, and a line of most caches.
pub(super) const HEADER_BYTES: usize = 64;
/// Where in the header the length is, in 8 bytes.
pub(super) const LENGTH_OFFSET: usize = 24;

/// The greatest length that leaves room for a header.
const MAX_GROWABLE: usize = MAX_BYTES / HEADER_BYTES * HEADER_BYTES - HEADER_BYTES;

impl Extent {
    /// Refuses what no buffer can be. `max` makes it growable.
    pub(super) fn new(bytes: usize, max: Option<usize>) -> Result<Self, Error> {
        check_length(bytes)?;
        if let Some(max) = max {
            check_length(max)?;
            let too_large = |bytes: usize, max: usize| Error::TooLarge { bytes: bytes as u64, max: max as u64 };
            if max > MAX_GROWABLE {
                return Err(too_large(max, MAX_GROWABLE));
            }
            if bytes > max {
                return Err(too_large(bytes, max));
            }
        }
        Ok(Self { bytes, max })
    }

    /// That of a growable object that was found. Its length is whatever a peer has written, and may be none.
    pub(super) fn found(bytes: usize, max: usize) -> Result<Self, Error> {
        Self::new(max, Some(max)).map(|extent| Self { bytes, ..extent })
    }

    /// How long the buffer is at first.
    pub(super) fn bytes(self) -> usize {
        self.bytes
    }

    /// How long it may get, if it is growable.
    pub(super) fn max(self) -> Option<usize> {
        self.max
    }

    /// How long it may ever be.
    pub(super) fn most(self) -> usize {
        self.max.unwrap_or(self.bytes)
    }

    /// How many slots that makes.
    pub(super) fn slots(self) -> usize {
        self.most() / SLOT_BYTES
    }

    /// How much memory that takes, with the header.
    pub(super) fn total(self) -> usize {
        // The greatest maximum leaves room for it.
        self.max.map_or(self.bytes, |max| max.next_multiple_of(HEADER_BYTES) + HEADER_BYTES)
    }

    /// Where the word is that the length is in, if it can change.
    pub(super) fn length_offset(self) -> Option<usize> {
        self.max.map(|_| self.total() - HEADER_BYTES + LENGTH_OFFSET + LENGTH_PLACE)
    }
}
