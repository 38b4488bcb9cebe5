//! Two Int32 words of shared memory that are one of 64 bits, for values that need them. Nobody sleeps on one: futexes are
//! of 32 bits.

use crate::element::{Element, IntegerElement, access, arithmetic, sealed};
use crate::error::Error;
use crate::slot::{Slot, Slots};
use crate::sync::{self, Ordering};
use crate::value::{Place, Width, floats, integers};
use core::sync::atomic::{AtomicI64, AtomicU64};

/// Two words.
#[derive(Clone, Copy)]
pub struct Wide;

fn word<'buf>(place: &Place<'buf, Wide>) -> &'buf AtomicI64 {
    // SAFETY: a place of this width has been checked: it begins with two words that are there for 'buf, initialized, and
    // together aligned, and the pointer is one to both. All accesses to them are atomic. Those by way of a slot are of
    // another size, which the memory model of Rust does not define, if they race with these; that of LLVM, which Rust
    // compiles to, does, byte by byte, so the worst that one sees of the other is a half. `Synchronic` says not to.
    unsafe { place.first().pointer().cast::<AtomicI64>().as_ref() }
}

impl Width for Wide {
    type Bits = i64;

    fn check(slots: Slots<'_>, index: usize) -> Result<Slot<'_>, Error> {
        if !sync::HAS_WIDE {
            return Err(Error::Unsupported { what: "a value of 64 bits in a model" });
        }
        let both = slots.get(index).zip(slots.get(index.saturating_add(1)));
        let (first, _) = both.ok_or(Error::OutOfBounds { index, count: 2, length: slots.len() })?;
        let word = first.pointer().cast::<AtomicI64>();
        if !word.is_aligned() {
            return Err(Error::Misaligned { address: word.addr().get(), align: align_of::<AtomicI64>() });
        }
        Ok(first)
    }

    #[inline]
    fn load(place: Place<'_, Self>, order: Ordering) -> i64 {
        word(&place).load(order)
    }

    #[inline]
    fn swap(place: Place<'_, Self>, bits: i64, order: Ordering) -> i64 {
        word(&place).swap(bits, order)
    }

    #[inline]
    fn replace(place: Place<'_, Self>, current: i64, new: i64, order: Ordering) -> Result<i64, i64> {
        word(&place).compare_exchange(current, new, order, order)
    }
}

integers!(Wide, i64: i64 u64);
floats!(Wide, i64: f64);

arithmetic! { i64: AtomicI64; u64: AtomicU64; }
access! { f64: AtomicU64, u64, f64::to_bits, f64::from_bits; }
