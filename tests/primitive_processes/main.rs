//! What the primitives beside the lock, and typed arrays, promise between real processes, over every origin of memory that
//! they can share.
#![cfg(all(target_os = "linux", not(loom)))]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod atomics;
mod barrier;
mod cond;
mod event;
#[cfg(feature = "guarded")]
mod guarded;
mod latch;
mod once;
mod rw_lock;
mod scribbles;
mod semaphore;
#[cfg(target_has_atomic = "64")]
mod synchronic;

use slotsync::{SharedBuffer, Slot};
use std::time::Duration;

/// Where the primitive lies.
const INDEX: usize = 5;

fn word(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(INDEX).unwrap()
}

/// A word that the tests count in.
fn total(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(64).unwrap()
}

/// No wait without a deadline takes another way than one with a deadline that is far away.
const FAR: [Duration; 2] = [Duration::MAX, Duration::from_secs(1_000)];
