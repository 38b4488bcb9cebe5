#![doc = include_str!("../README.md")]

mod deadline;
mod error;
mod sleeper;
mod spin;
mod sync;

mod atomics;
mod barrier;
#[allow(unsafe_code, reason = "origins of memory: mappings, descriptors, allocations")]
mod buffer;
mod bump;
mod bytes;
mod cond;
mod copies;
mod data_view;
#[allow(unsafe_code, reason = "one element, by its address")]
mod element;
mod event;
#[allow(unsafe_code, reason = "system calls on the address of a word")]
mod futex;
#[cfg(feature = "guarded")]
mod guarded;
#[cfg(feature = "guarded")]
mod guarded_place;
#[cfg(feature = "guarded")]
mod guarded_words;
mod latch;
mod layout;
mod lock;
#[cfg(all(feature = "lock_api", not(loom)))]
#[allow(unsafe_code, reason = "traits that promise exclusion")]
pub mod lock_api;
mod once;
mod permit;
mod place;
mod primitive;
mod rw_lock;
mod rw_lock_guard;
mod rw_lock_queue;
mod semaphore;
#[allow(unsafe_code, reason = "one word, by its address")]
mod slot;
mod synchronic;
mod synchronic_calls;
mod typed_array;
mod value;
#[cfg(target_has_atomic = "64")]
#[allow(unsafe_code, reason = "two words as one, by their address")]
mod wide;

// Memory
pub use buffer::{BufferOptions, Origin, SharedBuffer};
// Words
pub use futex::{Scope, Wait};
pub use slot::{Slot, Slots, SlotsIter};
// Arrays
pub use atomics::Atomics;
pub use data_view::DataView;
pub use element::{Element, IntegerElement};
pub use typed_array::{
    BigInt64Array, BigUint64Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, TypedArray,
    Uint8Array, Uint16Array, Uint32Array,
};
// Places
pub use bump::BumpAllocator;
pub use layout::Layout;
pub use place::{ArrayPlace, Place};
pub use primitive::Primitive;
// Primitives
pub use barrier::{Barrier, Role};
pub use cond::Cond;
pub use deadline::Outcome;
pub use event::Event;
#[cfg(feature = "guarded")]
pub use guarded::Guarded;
pub use latch::Latch;
pub use lock::{Lock, LockGuard};
pub use once::{Once, OnceState};
pub use permit::Permit;
pub use rw_lock::RwLock;
pub use rw_lock_guard::{RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::Semaphore;
pub use synchronic::{NotifyHint, Synchronic};
pub use value::{Integer, Value};
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
