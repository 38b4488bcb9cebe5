//! The integers that memory holds, and what can be done with one of them.

use crate::sync::Ordering::{self, Relaxed, SeqCst};
use core::ops::{BitAnd, BitOr, BitXor};
use core::sync::atomic::AtomicU32;

/// An unsigned integer of the size of an element.
///
/// A read-modify-write is sequentially consistent. A load and a store are so too, unless they are `Relaxed`.
///
/// # Safety
///
/// Of all accesses: `at` is a multiple of the integer's size, and the bytes from there on lie in words of a buffer.
#[allow(unreachable_pub, reason = "Number names it, which older compilers do not see")]
pub trait Bits:
    Copy + Eq + Into<u64> + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + 'static
{
    /// Elements of this size can be accessed on this processor.
    const IS_SUPPORTED: bool = true;

    /// Returns the lowest bits.
    fn truncate(bits: u64) -> Self;

    unsafe fn load(at: *mut Self, order: Ordering) -> Self;

    unsafe fn store(at: *mut Self, value: Self, order: Ordering);

    /// Writes `new` if `current` is found, and returns what was found.
    unsafe fn compare_exchange(at: *mut Self, current: Self, new: Self) -> Self;

    /// Writes what `change` makes of the integer, and returns what it was.
    #[inline]
    unsafe fn fetch_update(at: *mut Self, change: impl Fn(Self) -> Self) -> Self {
        // SAFETY: the caller's promise, here and below.
        // Relaxed: whatever this finds, the exchange decides.
        let mut was = unsafe { Self::load(at, Relaxed) };
        loop {
            // SAFETY: as above.
            let found = unsafe { Self::compare_exchange(at, was, change(was)) };
            if found == was {
                return was;
            }
            was = found;
        }
    }

    #[inline]
    unsafe fn swap(at: *mut Self, value: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::fetch_update(at, |_| value) }
    }

    #[inline]
    unsafe fn fetch_add(at: *mut Self, value: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::fetch_update(at, |was| Self::truncate(was.into().wrapping_add(value.into()))) }
    }
}

/// Returns the word, as Rust accesses it.
///
/// # Safety
///
/// As for [`Bits`].
#[inline]
pub(super) unsafe fn word<'buf>(at: *mut u32) -> &'buf AtomicU32 {
    // SAFETY: the words of a buffer are aligned, initialized, and accessed as atomics of this size only.
    unsafe { AtomicU32::from_ptr(at) }
}

impl Bits for u32 {
    #[inline]
    fn truncate(bits: u64) -> Self {
        bits as Self
    }

    #[inline]
    unsafe fn load(at: *mut Self, order: Ordering) -> Self {
        // SAFETY: the caller's promise, here and below.
        unsafe { word(at) }.load(order)
    }

    #[inline]
    unsafe fn store(at: *mut Self, value: Self, order: Ordering) {
        // SAFETY: as above.
        unsafe { word(at) }.store(value, order);
    }

    #[inline]
    unsafe fn compare_exchange(at: *mut Self, current: Self, new: Self) -> Self {
        // SAFETY: as above.
        unsafe { word(at) }.compare_exchange(current, new, SeqCst, SeqCst).unwrap_or_else(|found| found)
    }

    #[inline]
    unsafe fn swap(at: *mut Self, value: Self) -> Self {
        // SAFETY: as above.
        unsafe { word(at) }.swap(value, SeqCst)
    }

    #[inline]
    unsafe fn fetch_add(at: *mut Self, value: Self) -> Self {
        // SAFETY: as above.
        unsafe { word(at) }.fetch_add(value, SeqCst)
    }
}
