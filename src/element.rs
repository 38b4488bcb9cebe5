//! The elements of typed arrays: numbers of one to eight bytes, each accessed atomically and as a whole.

use crate::buffer::SharedBuffer;
use crate::error::Error;
use crate::sync::{self, Ordering};
use crate::value::{Integer, Value};
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI8, AtomicI16, AtomicI32, AtomicU8, AtomicU16, AtomicU32};

/// A number that a [`TypedArray`](crate::TypedArray) can hold: `i8` to `i64`, `u8` to `u64`, `f32` and `f64`.
///
/// `i64`, `u64` and `f64` are not there on machines without 64-bit atomics.
pub trait Element: Value + sealed::Access {}

/// An [`Element`] that has bits to set and to clear, and that ECMAScript's `Atomics` are for.
pub trait IntegerElement: Element + Integer + sealed::Arithmetic {}

pub(crate) mod sealed {
    use crate::sync::Ordering;

    /// One element in memory. Functions, not methods, so that they are in nobody's way.
    pub trait Access: Copy {
        /// As long as the element, and aligned to that.
        type Atomic: Sync + 'static;
        /// As many bytes as it has.
        type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;

        fn from_little_endian(bytes: Self::Bytes) -> Self;
        fn into_little_endian(value: Self) -> Self::Bytes;
        fn load(atomic: &Self::Atomic, order: Ordering) -> Self;
        fn store(atomic: &Self::Atomic, value: Self, order: Ordering);
    }

    /// What integers can do in one step.
    pub trait Arithmetic: Access {
        fn exchange(atomic: &Self::Atomic, value: Self, order: Ordering) -> Self;
        fn compare_exchange(atomic: &Self::Atomic, current: Self, new: Self, order: Ordering) -> Self;
        fn add(atomic: &Self::Atomic, value: Self, order: Ordering) -> Self;
        fn sub(atomic: &Self::Atomic, value: Self, order: Ordering) -> Self;
        fn and(atomic: &Self::Atomic, value: Self, order: Ordering) -> Self;
        fn or(atomic: &Self::Atomic, value: Self, order: Ordering) -> Self;
        fn xor(atomic: &Self::Atomic, value: Self, order: Ordering) -> Self;
    }
}

/// Where one element is: a `Copy` address, as a [`Slot`](crate::Slot) is.
pub(crate) struct Cell<'buf, T: Element> {
    at: NonNull<T::Atomic>,
    buffer: PhantomData<&'buf T::Atomic>,
}

impl<'buf, T: Element> Cell<'buf, T> {
    #[inline]
    pub(crate) fn atomic(&self) -> &'buf T::Atomic {
        // SAFETY: `cell` takes places that are within the buffer, and aligned. All accesses to the buffer's bytes are
        // atomic. Those of another size, by slots or other arrays, are not defined by Rust's memory model, if they race
        // with these; that of LLVM, which Rust compiles to, does, byte by byte, so the worst that one sees of the other is
        // a part. `TypedArray` says so.
        unsafe { self.at.as_ref() }
    }
}

impl SharedBuffer {
    /// The element at `byte_offset`. `None`: it is not a multiple of the element's size, or not within the memory.
    #[inline]
    pub(crate) fn cell<T: Element>(&self, byte_offset: usize) -> Option<Cell<'_, T>> {
        let size = size_of::<T::Atomic>();
        // Of a growable buffer, within all that there may ever be: where the array ends, the array knows.
        let is_within = byte_offset.checked_add(size).is_some_and(|end| end <= self.max_byte_length());
        if !is_within || byte_offset % size != 0 {
            return None;
        }
        // SAFETY: the offset is within the words, and the pointer is one to all of them.
        let at = unsafe { self.base().byte_add(byte_offset) }.cast::<T::Atomic>();
        // Foreign memory may begin where a word can, and a longer element not.
        at.is_aligned().then_some(Cell { at, buffer: PhantomData })
    }

    /// Can elements of this type lie here? In all memory but foreign they can.
    pub(crate) fn check_alignment<T: Element>(&self) -> Result<(), Error> {
        if !sync::HAS_WIDE {
            return Err(Error::Unsupported { what: "an array or a view of bytes in a model" });
        }
        let (base, align) = (self.base(), align_of::<T::Atomic>());
        if base.addr().get() % align != 0 {
            return Err(Error::Misaligned { address: base.addr().get(), align });
        }
        Ok(())
    }
}

macro_rules! access {
    ($($number:ty: $atomic:ident, $bits:ty, $to:expr, $from:expr;)*) => { $(
        impl Element for $number {}

        impl sealed::Access for $number {
            type Atomic = $atomic;
            type Bytes = [u8; size_of::<$number>()];

            #[inline]
            fn from_little_endian(bytes: Self::Bytes) -> Self {
                Self::from_le_bytes(bytes)
            }

            #[inline]
            fn into_little_endian(value: Self) -> Self::Bytes {
                value.to_le_bytes()
            }

            #[inline]
            fn load(atomic: &$atomic, order: Ordering) -> Self {
                $from(atomic.load(order))
            }

            #[inline]
            fn store(atomic: &$atomic, value: Self, order: Ordering) {
                atomic.store($to(value), order);
            }
        }
    )* };
}

macro_rules! arithmetic {
    ($($number:ty: $atomic:ident;)*) => { $(
        access! { $number: $atomic, $number, |value| value, |bits| bits; }

        impl IntegerElement for $number {}

        impl sealed::Arithmetic for $number {
            #[inline]
            fn exchange(atomic: &$atomic, value: Self, order: Ordering) -> Self {
                atomic.swap(value, order)
            }

            #[inline]
            fn compare_exchange(atomic: &$atomic, current: Self, new: Self, order: Ordering) -> Self {
                atomic.compare_exchange(current, new, order, order).unwrap_or_else(|found| found)
            }

            #[inline]
            fn add(atomic: &$atomic, value: Self, order: Ordering) -> Self {
                atomic.fetch_add(value, order)
            }

            #[inline]
            fn sub(atomic: &$atomic, value: Self, order: Ordering) -> Self {
                atomic.fetch_sub(value, order)
            }

            #[inline]
            fn and(atomic: &$atomic, value: Self, order: Ordering) -> Self {
                atomic.fetch_and(value, order)
            }

            #[inline]
            fn or(atomic: &$atomic, value: Self, order: Ordering) -> Self {
                atomic.fetch_or(value, order)
            }

            #[inline]
            fn xor(atomic: &$atomic, value: Self, order: Ordering) -> Self {
                atomic.fetch_xor(value, order)
            }
        }
    )* };
}

#[allow(unused_imports, reason = "for `wide`, which machines without 64-bit atomics lack")]
pub(crate) use {access, arithmetic};

arithmetic! { i8: AtomicI8; u8: AtomicU8; i16: AtomicI16; u16: AtomicU16; i32: AtomicI32; u32: AtomicU32; }
access! { f32: AtomicU32, u32, f32::to_bits, f32::from_bits; }
