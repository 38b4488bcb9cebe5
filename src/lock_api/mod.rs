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
//! # Coming from parking_lot
//!
//! The crate [parking_lot](https://docs.rs/parking_lot/0.12) has the same types by the same traits, so most code needs no
//! more than another `use`:
//!
//! ```
//! use slotsync::lock_api::{Condvar, MappedMutexGuard, Mutex, MutexGuard, RwLock, RwLockWriteGuard};
//! use std::time::Duration;
//!
//! static JOBS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
//! static ADDED: Condvar = Condvar::new();
//! static TOTAL: RwLock<u32> = RwLock::new(0);
//!
//! fn first<'a>(jobs: MutexGuard<'a, Vec<u32>>) -> MappedMutexGuard<'a, u32> {
//!     MutexGuard::map(jobs, |jobs| &mut jobs[0])
//! }
//!
//! std::thread::scope(|threads| {
//!     threads.spawn(|| {
//!         let mut jobs = JOBS.lock();
//!         ADDED.wait_while(&mut jobs, |jobs| jobs.is_empty());
//!         let mut total = TOTAL.write();
//!         *total += *first(jobs);
//!         let total = RwLockWriteGuard::downgrade(total);
//!         assert_eq!(*total, *TOTAL.read());
//!     });
//!     if let Some(mut jobs) = JOBS.try_lock_for(Duration::MAX) {
//!         jobs.push(7);
//!     }
//!     ADDED.notify_one();
//! });
//! ```
//!
//! | parking_lot 0.12 | here |
//! |---|---|
//! | `const_mutex`, `const_rwlock` | `Mutex::new` and `RwLock::new` are `const` |
//! | `parking_lot::lock_api`, 0.4 | [`lock_api`], 0.5: its traits need no dependency of yours |
//! | `Condvar::wait` returns only when notified, and a notify says whom it reached | [`Condvar`]: it may return for no reason, so `wait_while`; a notify says `false` or 0 |
//! | guards are `Send` with the feature `send_guard` | they are |
//! | `Once` | [`Once`](crate::Once), in a slot |
//! | eventual fairness, `unlock_fair`, `bump`, `FairMutex` | absent: no unlock hands the lock over |
//! | `upgradable_read` | absent: the word has no place for such a reader; the handle has [`try_upgrade`](crate::RwLockReadGuard::try_upgrade) |
//! | `read_recursive` | absent: a reader that reads [once more](crate::RwLock#deadlock) queues behind a writer |
//! | `ReentrantMutex`, `deadlock_detection` | absent: the word has no owner |
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

/// The crate lock_api itself, in the version that has the traits of these locks.
pub use ::lock_api;

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
