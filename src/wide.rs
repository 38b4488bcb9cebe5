//! Two Int32 words of shared memory that are one of 64 bits, for values that need them. Nobody sleeps on one: futexes are
//! of 32 bits.

use crate::error::Error;
use crate::slot::Slots;
use crate::sync::{self, Ordering};
use crate::value::{Place, floats, integers};
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::AtomicI64;

/// A `Copy` address, as a [`Slot`](crate::slot::Slot) is.
#[derive(Clone, Copy, Debug)]
pub struct Wide<'buf> {
    word: NonNull<AtomicI64>,
    buffer: PhantomData<&'buf AtomicI64>,
}

// SAFETY: a `Wide` is a `&AtomicI64` in all but the promise that the word outlives a call in progress, and that reference
// is Send and Sync.
unsafe impl Send for Wide<'_> {}
// SAFETY: as above.
unsafe impl Sync for Wide<'_> {}

impl Wide<'_> {
    fn word(&self) -> &AtomicI64 {
        // SAFETY: `at` takes two words that are there for 'buf, initialized, and together aligned; the pointer is one to
        // both. All accesses to them are atomic. Those by way of a slot are of another size; the memory model of LLVM,
        // which Rust compiles to, defines that byte by byte, so the worst that they can see of each other is a half.
        unsafe { self.word.as_ref() }
    }
}

impl<'buf> Place<'buf> for Wide<'buf> {
    type Bits = i64;

    fn at(slots: Slots<'buf>, index: usize) -> Result<Self, Error> {
        if !sync::HAS_WIDE {
            return Err(Error::Unsupported { what: "a value of 64 bits in a model" });
        }
        let words = |index| slots.get(index).zip(slots.get(index + 1));
        let (low, _) = words(index).ok_or(Error::OutOfBounds { index, count: 2, length: slots.len() })?;
        let word = low.pointer().cast::<AtomicI64>();
        if !word.is_aligned() {
            return Err(Error::Misaligned { address: word.addr().get(), align: align_of::<AtomicI64>() });
        }
        Ok(Self { word, buffer: PhantomData })
    }

    #[inline]
    fn load(&self, order: Ordering) -> i64 {
        self.word().load(order)
    }

    #[inline]
    fn swap(&self, bits: i64, order: Ordering) -> i64 {
        self.word().swap(bits, order)
    }

    #[inline]
    fn replace(&self, current: i64, new: i64, order: Ordering) -> Result<i64, i64> {
        self.word().compare_exchange(current, new, order, order)
    }
}

integers!(Wide, i64: i64 u64);
floats!(Wide, i64: f64);
