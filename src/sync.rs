//! The one door to atomics and to what a spinning thread asks of its machine: core's, or loom's under `--cfg loom`.
//!
//! Every word of a buffer and every operation on one goes through here, so a model runs the very code that ships. (The
//! platform files name core's types where a system call's wrapper asks for them, and the doubles name loom's.)

pub(crate) use imp::*;

/// A process-local statistic. Always core's, so that a model neither sees it nor explores it.
pub(crate) use core::sync::atomic::AtomicUsize as Counter;

#[cfg(not(loom))]
mod imp {
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::{AtomicI32, Ordering};

    #[inline]
    pub(crate) fn store(word: &AtomicI32, value: i32, order: Ordering) {
        word.store(value, order);
    }

    /// Watching a word before sleeping on it can pay.
    pub(crate) const SPINS: bool = true;
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicI32, Ordering};

    /// A swap, not a store: in loom a relaxed read-modify-write beside a plain store is not atomic, and a model of a
    /// correct protocol would then report a deadlock that no machine can reach.
    pub(crate) fn store(word: &AtomicI32, value: i32, order: Ordering) {
        word.swap(value, order);
    }

    /// A turn of spinning is a state that sleeping explores as well: models do without.
    pub(crate) const SPINS: bool = false;
}
