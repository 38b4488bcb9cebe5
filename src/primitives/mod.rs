//! The primitives: one file each, or a folder where one screen is too small.

mod barrier;
mod cond;
mod event;
#[cfg(feature = "guarded")]
mod guarded;
mod latch;
mod lock;
mod once;
mod rw_lock;
mod semaphore;
mod synchronic;

pub use barrier::{Barrier, BarrierRole};
pub use cond::Cond;
pub use event::Event;
#[cfg(feature = "guarded")]
pub use guarded::Guarded;
pub use latch::Latch;
pub use lock::{Lock, LockGuard};
pub use once::{Once, OnceState};
pub use rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Permit, Semaphore};
pub use synchronic::{NotifyHint, Synchronic};
