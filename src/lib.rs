#![doc = include_str!("../README.md")]

mod deadline;
mod error;
#[allow(unsafe_code, reason = "system calls on the address of a word")]
mod futex;
mod sync;

#[allow(unsafe_code, reason = "origins of memory: mappings, descriptors, allocations")]
mod memory;
mod words;

/// Typed arrays over the bytes of a buffer, with the names and operations of ECMAScript.
pub mod arrays;
#[cfg(all(feature = "lock_api", not(loom)))]
#[allow(unsafe_code, reason = "traits that promise exclusion")]
pub mod lock_api;
mod places;
mod primitives;

// Memory
pub use memory::{BufferOptions, Handle, Origin, Owned, SharedBuffer};
// Words
pub use futex::{Scope, Wait};
pub use words::{Integer, Number, Slot, Slots, SlotsIter};
// Primitives
#[cfg(feature = "guarded")]
pub use primitives::Guarded;
pub use primitives::{
    Barrier, BarrierRole, Cond, Event, Latch, Lock, LockGuard, NotifyHint, Once, OnceState, Permit, RwLock,
    RwLockReadGuard, RwLockWriteGuard, Semaphore, Synchronic,
};
// Places
pub use places::{ArrayPlace, BumpAllocator, Layout, Place};
pub use words::Primitive;
// Errors and counters
pub use error::{Error, MemoryError, NotHeld, OnceError, SystemError, TimedOut, TooFewLeft, TooManyPermits};
pub use futex::{Counters, counters};
// Checking protocols of your own, under --cfg loom
#[cfg(loom)]
pub use futex::model;

/// The examples of the book compile and run.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../docs/src/abi.md")]
    struct Abi;
    #[doc = include_str!("../docs/src/rw_lock.md")]
    struct RwLock;
    #[doc = include_str!("../docs/src/semaphore.md")]
    struct Semaphore;
    #[doc = include_str!("../docs/src/event.md")]
    struct Event;
    #[doc = include_str!("../docs/src/latch.md")]
    struct Latch;
    #[doc = include_str!("../docs/src/barrier.md")]
    struct Barrier;
    #[doc = include_str!("../docs/src/once.md")]
    struct Once;
    #[doc = include_str!("../docs/src/cond.md")]
    struct Cond;
    // Its example has a value of 64 bits.
    #[cfg(target_has_atomic = "64")]
    #[doc = include_str!("../docs/src/synchronic.md")]
    struct Synchronic;
    #[doc = include_str!("../docs/src/arrays.md")]
    struct Arrays;
    #[doc = include_str!("../docs/src/growable.md")]
    struct Growable;
    #[cfg(feature = "guarded")]
    #[doc = include_str!("../docs/src/guarded.md")]
    struct Guarded;
    #[doc = include_str!("../docs/src/layout.md")]
    struct Layout;
    #[doc = include_str!("../docs/src/design.md")]
    struct Design;
}
