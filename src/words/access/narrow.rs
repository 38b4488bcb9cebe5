//! Elements of 1 and 2 bytes by way of the words that contain them, in Rust.

use super::bits::{Bits, word};
use crate::sync::Ordering::{self, Relaxed, SeqCst};
use core::sync::atomic::AtomicU32;

/// The last byte of a word in memory is its lowest.
const IS_BIG_ENDIAN: bool = u16::from_ne_bytes([0, 1]) == 1;

/// Returns the word around an element of `size` bytes, and by how many bits the element is shifted in it.
///
/// # Safety
///
/// As for [`Bits`].
#[inline]
unsafe fn around<'buf>(at: *mut u8, size: usize) -> (&'buf AtomicU32, usize) {
    let offset = at.addr() % size_of::<u32>();
    let below = if IS_BIG_ENDIAN { size_of::<u32>() - size - offset } else { offset };
    // SAFETY: a buffer begins at a multiple of 4, and `at` points to all of it, so the word around an element is a
    // word of the buffer.
    (unsafe { word(at.byte_sub(offset).cast()) }, 8 * below)
}

macro_rules! by_words {
    ($($bits:ident)*) => { $(
        impl Bits for $bits {
            #[inline]
            fn truncate(bits: u64) -> Self {
                bits as Self
            }

            #[inline]
            unsafe fn load(at: *mut Self, order: Ordering) -> Self {
                // SAFETY: the caller's promise, here and below.
                let (word, shift) = unsafe { around(at.cast(), size_of::<Self>()) };
                (word.load(order) >> shift) as Self
            }

            #[inline]
            unsafe fn store(at: *mut Self, value: Self, order: Ordering) {
                // SAFETY: as above.
                let (word, shift) = unsafe { around(at.cast(), size_of::<Self>()) };
                let mask = u32::from(Self::MAX) << shift;
                let with = |was| Some(was & !mask | u32::from(value) << shift);
                let _ = word.fetch_update(order, Relaxed, with);
            }

            #[inline]
            unsafe fn compare_exchange(at: *mut Self, current: Self, new: Self) -> Self {
                // SAFETY: as above.
                let (word, shift) = unsafe { around(at.cast(), size_of::<Self>()) };
                let mask = u32::from(Self::MAX) << shift;
                let if_current =
                    |was| ((was >> shift) as Self == current).then_some(was & !mask | u32::from(new) << shift);
                let found = word.fetch_update(SeqCst, SeqCst, if_current).unwrap_or_else(|found| found);
                (found >> shift) as Self
            }
        }
    )* };
}

by_words!(u8 u16);
