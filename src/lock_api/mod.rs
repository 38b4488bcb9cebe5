//! The locks behind the traits of the crate [lock_api](https://docs.rs/lock_api/0.5), version 0.5.
//!
//! The traits give a word and the data that it protects as one value, [`Mutex<T>`](Mutex) and [`RwLock<T>`](RwLock),
//! and code that is generic over locks. This module exists with the feature `lock_api`, which needs **Rust 1.95**, as
//! the crate lock_api does.
//!
//! A raw lock is four bytes, all zeros when free, and can be made in a `const`. Each call on it is the call on the
//! handle ([`Lock`](crate::Lock), [`RwLock`](crate::RwLock), [`Cond`](crate::Cond)) over its word. It keeps the
//! promises of the handle, and makes no others.
//!
//! | here | between processes | slots | as the handle | traits |
//! |---|---|---|---|---|
//! | [`RawMutex`] | `RawSharedMutex` | 1 | [`Lock`](crate::Lock) | `RawMutex`, `RawMutexTimed` |
//! | [`RawRwLock`] | `RawSharedRwLock` | 1 | [`RwLock`](crate::RwLock) | `RawRwLock`, `RawRwLockTimed`, `RawRwLockDowngrade` |
//! | [`RawCondvar`] | `RawSharedCondvar` | 2 | [`Cond`](crate::Cond) | `RawCondvar`, `RawCondvarTimed` |
//!
//! Guards are `Send`: any thread may unlock. The traits of fairness are not implemented, because no unlock hands the
//! lock over. The traits of upgrading are not implemented either. They need a reader that no other reader can keep from
//! writing, and the word has no place for it.
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
//! The crate [parking_lot](https://docs.rs/parking_lot/0.12) has the same types by the same traits, so most code needs
//! only another `use`:
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
//! | `parking_lot::lock_api`, 0.4 | [`lock_api`], 0.5: using its traits needs no further dependency |
//! | `Condvar::wait` returns only when notified, and a notify returns the number of woken threads | [`Condvar`]: a wait may return for no reason, so use `wait_while`; a notify returns `false` or 0 |
//! | guards are `Send` with the feature `send_guard` | guards are always `Send` |
//! | `Once` | [`Once`](crate::Once), in a slot |
//! | eventual fairness, `unlock_fair`, `bump`, `FairMutex` | absent: no unlock hands the lock over |
//! | `upgradable_read` | absent: the word has no place for such a reader; the handle has [`try_upgrade`](crate::RwLockReadGuard::try_upgrade) |
//! | `read_recursive` | absent: a reader that reads [once more](crate::RwLock#deadlock) queues behind a writer |
//! | `ReentrantMutex`, `deadlock_detection` | absent: the word has no owner |
//!
//! # Cross-process
//!
//! The types called `Shared` sleep and wake between processes. They exist where the platform's futex can do that, so
//! not on Windows. The other types work between the threads of one process only, wherever they lie.
//!
//! A caller that makes a reference to a value in shared memory promises, by `unsafe`, that the value is valid there. It
//! is aligned and initialized (zeros are a free lock). Its type means the same in each process, and so has no pointers.
//! No process writes to it except under its lock.
//!
//! The crate lock_api does not fix where `Mutex<T>` and `RwLock<T>` keep the raw lock, so only processes that run the
//! same program may share those. The raw types are `#[repr(transparent)]` over their words, so any program may share
//! them in a `#[repr(C)]` struct. A `Lock` over the same word is the same lock, also in a program of another language.

/// The crate lock_api itself, in the version that has the traits of these locks.
pub use ::lock_api;

mod condvar;
mod mutex;
mod raw;
mod rw_lock;

pub use condvar::*;
pub use mutex::*;
pub use rw_lock::*;
