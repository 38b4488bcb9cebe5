// The pictures of the front page, and links that need a feature: the first definition of a link wins.
#![cfg_attr(all(doc, not(doctest)), doc = include_str!("../docs/src/front/rustdoc.txt"))]
#![cfg_attr(feature = "guarded", doc = "[`Guarded`]: crate::Guarded")]
#![cfg_attr(all(feature = "lock_api", not(loom)), doc = "[`lock_api`]: mod@crate::lock_api")]
#![doc = include_str!("../README.md")]

mod deadline;
mod error;
#[allow(unsafe_code, reason = "system calls on the address of a word")]
mod futex;
mod sync;

#[allow(unsafe_code, reason = "origins of memory: mappings, descriptors, allocations")]
mod memory;
mod words;

pub mod arrays;
#[cfg(all(feature = "lock_api", not(loom)))]
#[allow(unsafe_code, reason = "traits that promise exclusion")]
pub mod lock_api;
mod places;
mod primitives;

// Memory
pub use memory::{Borrowed, BufferOptions, Handle, Origin, Owned, SharedBuffer};
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
    #[doc = include_str!("../docs/src/recipes/handles.md")]
    struct Handles;
    #[doc = include_str!("../docs/src/recipes/descriptor.md")]
    struct Descriptor;
    #[doc = include_str!("../docs/src/recipes/stale.md")]
    struct Stale;
    #[doc = include_str!("../docs/src/recipes/supervisor.md")]
    struct Supervisor;
    #[doc = include_str!("../docs/src/recipes/tokio.md")]
    struct Tokio;
}
