//! The types that a [`Synchronic`](crate::Synchronic) can hold, and how their values lie in shared memory.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::slot::{Slot, Slots};
use crate::sync::Ordering;
use core::fmt;
use core::ops::{BitAnd, BitOr, BitXor};

/// A number that a [`Synchronic`](crate::Synchronic) can hold: `i8` to `i64`, `u8` to `u64`, `f32` and `f64`.
///
/// Two values are the same if they are equal; and for the floating-point types, -0 is the same as +0, and each NaN the
/// same as each other. Integers wrap around.
///
/// `i64`, `u64` and `f64` are not there on machines without 64-bit atomics; in a loom model, to make a
/// [`Synchronic`](crate::Synchronic) of them is [`Error::Unsupported`].
pub trait Value: Copy + PartialEq + fmt::Debug + Send + Sync + 'static + sealed::Number {}

/// A [`Value`] that has bits to set and to clear.
pub trait Integer: Value + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> {}

pub(crate) mod sealed {
    use super::Place;

    /// What every [`Value`](super::Value) can do: sealed, so that shared memory holds nothing that some of its bits do not make.
    pub trait Number: Copy {
        /// Where it lies.
        type Place<'buf>: Place<'buf, Bits = Self::Bits>;
        /// The whole of the words that it lies in.
        type Bits: Copy;

        /// The value in the first bytes. The rest, which a stranger may have written, counts as nothing.
        fn from_bits(bits: Self::Bits) -> Self;
        /// With zeros behind it.
        fn into_bits(self) -> Self::Bits;
        fn is_same(self, other: Self) -> bool;
        fn plus(self, other: Self) -> Self;
        fn minus(self, other: Self) -> Self;
    }
}

/// One word, or two that are one: what the value lies in is always read and written as a whole.
pub trait Place<'buf>: Copy + Send + Sync {
    type Bits: Copy;

    /// The place that begins at `index`.
    fn at(slots: Slots<'buf>, index: usize) -> Result<Self, Error>;
    fn load(&self, order: Ordering) -> Self::Bits;
    fn swap(&self, bits: Self::Bits, order: Ordering) -> Self::Bits;
    /// As [`Slot::compare_exchange`]; in either case in this order.
    fn replace(&self, current: Self::Bits, new: Self::Bits, order: Ordering) -> Result<Self::Bits, Self::Bits>;
}

impl<'buf> Place<'buf> for Slot<'buf> {
    type Bits = i32;

    fn at(slots: Slots<'buf>, index: usize) -> Result<Self, Error> {
        slots.get(index).ok_or(Error::OutOfBounds { index, count: 1, length: slots.len() })
    }

    #[inline]
    fn load(&self, order: Ordering) -> i32 {
        Slot::load(self, order)
    }

    #[inline]
    fn swap(&self, bits: i32, order: Ordering) -> i32 {
        Slot::swap(self, bits, order)
    }

    #[inline]
    fn replace(&self, current: i32, new: i32, order: Ordering) -> Result<i32, i32> {
        self.compare_exchange(current, new, order, order)
    }
}

/// Numbers in the first bytes of a place.
macro_rules! numbers {
    ($place:ident, $bits:ty: $($number:ty)*; $same:expr, $plus:expr, $minus:expr) => { $(
        impl $crate::value::Value for $number {}

        impl $crate::value::sealed::Number for $number {
            type Place<'buf> = $place<'buf>;
            type Bits = $bits;

            #[inline]
            fn from_bits(bits: $bits) -> Self {
                let mut bytes = [0; size_of::<Self>()];
                bytes.copy_from_slice(&bits.to_ne_bytes()[..size_of::<Self>()]);
                Self::from_ne_bytes(bytes)
            }

            #[inline]
            fn into_bits(self) -> $bits {
                let mut bytes = [0; size_of::<$bits>()];
                bytes[..size_of::<Self>()].copy_from_slice(&self.to_ne_bytes());
                <$bits>::from_ne_bytes(bytes)
            }

            #[inline]
            fn is_same(self, other: Self) -> bool {
                $same(self, other)
            }

            #[inline]
            fn plus(self, other: Self) -> Self {
                $plus(self, other)
            }

            #[inline]
            fn minus(self, other: Self) -> Self {
                $minus(self, other)
            }
        }
    )* };
}

macro_rules! integers {
    ($place:ident, $bits:ty: $($integer:ty)*) => { $(
        impl $crate::value::Integer for $integer {}
        $crate::value::numbers!($place, $bits: $integer; |a, b| a == b, Self::wrapping_add, Self::wrapping_sub);
    )* };
}

macro_rules! floats {
    ($place:ident, $bits:ty: $float:ty) => {
        $crate::value::numbers!($place, $bits: $float;
            |a: Self, b: Self| a == b || a.is_nan() && b.is_nan(), core::ops::Add::add, core::ops::Sub::sub);
    };
}

pub(crate) use {floats, integers, numbers};

integers!(Slot, i32: i8 u8 i16 u16 i32 u32);
floats!(Slot, i32: f32);
