//! The locks behind the traits of the crate [lock_api](https://docs.rs/lock_api/0.5), version 0.5: a word and the data
//! that it protects as one value, [`Mutex<T>`](Mutex) and [`RwLock<T>`](RwLock), and code that is generic over locks. With
//! the feature `lock_api`, which needs **Rust 1.95**, as the crate lock_api does.
//!
//! A raw lock is four bytes, all zeros when free, and constructible in a `const`. Each call on it is the call on the handle
//! ([`Lock`](crate::Lock), [`RwLock`](crate::RwLock), [`Cond`](crate::Cond)) over its word: what these promise holds here,
//! and what they do not, does not.
//!
//! | here | between processes | slots | as the handle | traits |
//! |---|---|---|---|---|
//! | [`RawMutex`] | `RawSharedMutex` | 1 | [`Lock`](crate::Lock) | `RawMutex`, `RawMutexTimed` |
//! | [`RawRwLock`] | `RawSharedRwLock` | 1 | [`RwLock`](crate::RwLock) | `RawRwLock`, `RawRwLockTimed`, `RawRwLockDowngrade` |
//! | [`RawCondvar`] | `RawSharedCondvar` | 2 | [`Cond`](crate::Cond) | `RawCondvar`, `RawCondvarTimed` |
//!
//! Guards are `Send`: any thread may unlock. Not implemented are the traits of fairness, as no unlock hands the lock over,
//! and of upgrading, which need a reader whom no other reader can keep from writing: the word has no place for it.
//!
//! # Examples
//!
//! ```
//! use slotsync::lock_api::Mutex;
//!
//! static NAMES: Mutex<Vec<&str>> = Mutex::new(Vec::new());
//! std::thread::scope(|threads| {
//!     for name in ["Ada", "Grace"] {
//!         threads.spawn(move || NAMES.lock().push(name));
//!     }
//! });
//! assert_eq!(NAMES.lock().len(), 2);
//! ```
//!
//! # Cross-process
//!
//! The types called `Shared` sleep and wake between processes. They exist where the platform's futex does that: not on
//! Windows. The other types work between the threads of one process only, wherever they lie. To refer to a value in shared
//! memory, the caller promises, by `unsafe`, that it is one: aligned, initialized (zeros are a free lock), of a type that
//! means the same in each process, so without pointers, and that no process writes to it but by this lock.
//!
//! The crate lock_api does not fix where `Mutex<T>` and `RwLock<T>` keep the raw lock, so only processes that run one and
//! the same program may share those. The raw types are `#[repr(transparent)]` over the word: in a `#[repr(C)]` struct they
//! are for any program, and a `Lock` over the same word, in a program of another language too, is the same lock.

mod condvar;
mod mutex;
mod rw_lock;

pub use condvar::*;
pub use mutex::*;
pub use rw_lock::*;

use crate::futex::Scope;
use crate::slot::Slot;
use crate::sync::AtomicI32;
use ::lock_api::GuardSend;
use core::mem;

/// The slot of a raw lock's word.
#[inline]
fn slot(word: &AtomicI32, scope: Scope) -> Slot<'_> {
    // Where it is inlined, the scope is a constant, and nothing is left of this.
    Slot::from_ref(word, scope).expect("shared types exist where the futex is shared")
}

/// A guard of lock_api's in place of the handle's: it, and not the handle's, will unlock.
#[inline]
fn keep<Guard>(guard: Guard) -> GuardSend {
    mem::forget(guard);
    GuardSend::new()
}
