#![doc = include_str!("../README.md")]

mod deadline;
mod error;
mod spin;
mod sync;

#[allow(unsafe_code, reason = "origins of memory: mappings, descriptors, allocations")]
mod buffer;
#[allow(unsafe_code, reason = "system calls on the address of a word")]
mod futex;
mod lock;
#[allow(unsafe_code, reason = "one word, by its address")]
mod slot;

// Memory
pub use buffer::{BufferOptions, Origin, SharedBuffer};
// Words
pub use futex::{Scope, Wait};
pub use slot::{Slot, Slots, SlotsIter};
// Primitives
pub use lock::{Lock, LockGuard};
// What went wrong, and what went on
pub use error::Error;
pub use futex::{Counters, counters};
// Checking protocols of your own, under --cfg loom
#[cfg(loom)]
pub use futex::platform as model;

/// The examples of the book compile and run.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../docs/src/abi.md")]
    struct Abi;
    #[doc = include_str!("../docs/src/design.md")]
    struct Design;
}
