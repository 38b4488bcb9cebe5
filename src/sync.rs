//! The one door to atomics and to the hint of a spinning thread: core's, or loom's under `--cfg loom`.
//!
//! Every word of a buffer and every operation on one goes through here, so a model runs the very code that ships. (The
//! platform files name core's types where a system call's wrapper asks for them, and the doubles name loom's.)

pub(crate) use imp::*;

/// A process-local statistic. Always core's, so that a model neither sees it nor explores it.
pub(crate) use core::sync::atomic::AtomicUsize as Counter;

/// The machine has atomics of 64 bits.
pub(crate) const HAS_64_BITS: bool = cfg!(target_has_atomic = "64");

/// The offset of an [`AtomicLength`] in 8 bytes of memory: at their low end, if it is shorter than they are.
pub(crate) const LENGTH_PLACE: usize = if cfg!(target_endian = "big") && !HAS_64_BITS { 4 } else { 0 };

#[cfg(not(loom))]
mod imp {
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::{AtomicI32, Ordering, fence};

    #[cfg(not(target_has_atomic = "64"))]
    pub(crate) use core::sync::atomic::AtomicU32 as AtomicLength;
    /// A length in bytes, for processes of any word size that map the same memory. Those of a machine without 64-bit
    /// atomics map no more than 32 bits can say.
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::AtomicU64 as AtomicLength;
    /// The integer that it holds.
    #[cfg(target_has_atomic = "64")]
    pub(crate) type LengthInteger = u64;
    #[cfg(not(target_has_atomic = "64"))]
    pub(crate) type LengthInteger = u32;

    #[inline]
    pub(crate) fn load_length(length: &AtomicLength, order: Ordering) -> LengthInteger {
        length.load(order)
    }

    #[inline]
    pub(crate) fn load(word: &AtomicI32, order: Ordering) -> i32 {
        word.load(order)
    }

    #[inline]
    pub(crate) fn store(word: &AtomicI32, value: i32, order: Ordering) {
        word.store(value, order);
    }

    /// Watching a word before sleeping on it can pay.
    pub(crate) const SPINS: bool = true;
    /// Two words of a buffer can be taken for one.
    pub(crate) const HAS_WIDE: bool = true;
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicI32, AtomicU64 as AtomicLength, Ordering, fence};
    use std::cell::Cell;

    pub(crate) type LengthInteger = u64;

    /// Loads a length, stale or fresh, as [`load`] does.
    pub(crate) fn load_length(length: &AtomicLength, order: Ordering) -> LengthInteger {
        if LOADS_ARE_FRESH.get() { length.fetch_add(0, order) } else { length.load(order) }
    }

    thread_local! {
        /// Whether loads are fresh. Loom runs all agents of a model on one system thread.
        static LOADS_ARE_FRESH: Cell<bool> = const { Cell::new(false) };
    }

    /// Sets what loads are in the models to come: see [`load`].
    pub(crate) fn set_loads_are_fresh(fresh: bool) {
        LOADS_ARE_FRESH.set(fresh);
    }

    /// Loads a word, stale or fresh, because neither shows everything. A load of loom's may read any value that the memory
    /// model allows. But loom does not try all orders of it and a later write of another agent, if that agent has loaded
    /// the word before it wrote. An addition of nothing is tried in all orders, and reads the newest value only.
    pub(crate) fn load(word: &AtomicI32, order: Ordering) -> i32 {
        if LOADS_ARE_FRESH.get() { word.fetch_add(0, order) } else { word.load(order) }
    }

    /// Stores by a swap: in loom a relaxed read-modify-write beside a plain store is not atomic, and a model of a
    /// correct protocol would then report a deadlock that no machine can reach.
    pub(crate) fn store(word: &AtomicI32, value: i32, order: Ordering) {
        word.swap(value, order);
    }

    /// A turn of spinning is a state that sleeping explores as well: models do without.
    pub(crate) const SPINS: bool = false;
    /// Loom's words lie beside each other, but their values do not.
    pub(crate) const HAS_WIDE: bool = false;
}
