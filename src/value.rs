//! The types that a [`Synchronic`](crate::Synchronic) can hold, and how their values lie in shared memory.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::slot::{Slot, Slots};
use crate::sync::Ordering;
use core::fmt;
use core::marker::PhantomData;
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
    use super::Width;

    /// What every [`Value`](super::Value) can do: sealed, so that shared memory holds nothing that some of its bits do not
    /// make. Functions, not methods, so that they are in nobody's way.
    pub trait Number: Copy {
        /// What it lies in.
        type Width: Width<Bits = Self::Bits>;
        /// The whole of that.
        type Bits: Copy;

        /// As Rust writes it: part of a layout's fingerprint.
        const NAME: &'static str;

        /// The value in the first bytes. The rest, which a stranger may have written, counts as nothing.
        fn from_bits(bits: Self::Bits) -> Self;
        /// With zeros behind it.
        fn into_bits(value: Self) -> Self::Bits;
        fn is_same(value: Self, other: Self) -> bool;
        fn sum(value: Self, other: Self) -> Self;
        fn difference(value: Self, other: Self) -> Self;
    }
}

/// Where a value lies: one word, or two that are one. It is always read and written as a whole.
#[derive(Clone, Copy)]
#[allow(unreachable_pub, reason = "as for Width")]
pub struct Place<'buf, W> {
    first: Slot<'buf>,
    width: PhantomData<W>,
}

impl<'buf, W: Width> Place<'buf, W> {
    /// The place that begins at `index`.
    pub(crate) fn at(slots: Slots<'buf>, index: usize) -> Result<Self, Error> {
        Ok(Self { first: W::check(slots, index)?, width: PhantomData })
    }

    /// The first word of those that were checked.
    #[inline]
    pub(crate) fn first(&self) -> Slot<'buf> {
        self.first
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> W::Bits {
        W::load(*self, order)
    }

    #[inline]
    pub(crate) fn swap(&self, bits: W::Bits, order: Ordering) -> W::Bits {
        W::swap(*self, bits, order)
    }

    /// As [`Slot::compare_exchange`]; in either case in this order.
    #[inline]
    pub(crate) fn replace(&self, current: W::Bits, new: W::Bits, order: Ordering) -> Result<W::Bits, W::Bits> {
        W::replace(*self, current, new, order)
    }
}

/// One word, or two.
#[allow(unreachable_pub, reason = "Number names it, which older compilers do not see")]
pub trait Width: Copy + Send + Sync + Sized + 'static {
    type Bits: Copy;

    /// The first word, if a place of this width can begin there.
    fn check(slots: Slots<'_>, index: usize) -> Result<Slot<'_>, Error>;
    fn load(place: Place<'_, Self>, order: Ordering) -> Self::Bits;
    fn swap(place: Place<'_, Self>, bits: Self::Bits, order: Ordering) -> Self::Bits;
    fn replace(
        place: Place<'_, Self>,
        current: Self::Bits,
        new: Self::Bits,
        order: Ordering,
    ) -> Result<Self::Bits, Self::Bits>;
}

/// One word.
#[derive(Clone, Copy)]
pub struct Narrow;

impl Width for Narrow {
    type Bits = i32;

    fn check(slots: Slots<'_>, index: usize) -> Result<Slot<'_>, Error> {
        slots.get(index).ok_or(Error::OutOfBounds { index, count: 1, length: slots.len() })
    }

    #[inline]
    fn load(place: Place<'_, Self>, order: Ordering) -> i32 {
        place.first.load(order)
    }

    #[inline]
    fn swap(place: Place<'_, Self>, bits: i32, order: Ordering) -> i32 {
        place.first.swap(bits, order)
    }

    #[inline]
    fn replace(place: Place<'_, Self>, current: i32, new: i32, order: Ordering) -> Result<i32, i32> {
        place.first.compare_exchange(current, new, order, order)
    }
}

/// Numbers in the first bytes of their place.
macro_rules! numbers {
    ($width:ident, $bits:ty: $($number:ty)*; $same:expr, $plus:expr, $minus:expr) => { $(
        impl $crate::value::Value for $number {}

        impl $crate::value::sealed::Number for $number {
            type Width = $width;
            type Bits = $bits;

            const NAME: &'static str = stringify!($number);

            #[inline]
            fn from_bits(bits: $bits) -> Self {
                let mut bytes = [0; size_of::<Self>()];
                bytes.copy_from_slice(&bits.to_ne_bytes()[..size_of::<Self>()]);
                Self::from_ne_bytes(bytes)
            }

            #[inline]
            fn into_bits(value: Self) -> $bits {
                let mut bytes = [0; size_of::<$bits>()];
                bytes[..size_of::<Self>()].copy_from_slice(&value.to_ne_bytes());
                <$bits>::from_ne_bytes(bytes)
            }

            #[inline]
            fn is_same(value: Self, other: Self) -> bool {
                $same(value, other)
            }

            #[inline]
            fn sum(value: Self, other: Self) -> Self {
                $plus(value, other)
            }

            #[inline]
            fn difference(value: Self, other: Self) -> Self {
                $minus(value, other)
            }
        }
    )* };
}

macro_rules! integers {
    ($width:ident, $bits:ty: $($integer:ty)*) => { $(
        impl $crate::value::Integer for $integer {}
        $crate::value::numbers!($width, $bits: $integer; |a, b| a == b, Self::wrapping_add, Self::wrapping_sub);
    )* };
}

macro_rules! floats {
    ($width:ident, $bits:ty: $float:ty) => {
        $crate::value::numbers!($width, $bits: $float;
            |a: Self, b: Self| a == b || a.is_nan() && b.is_nan(), core::ops::Add::add, core::ops::Sub::sub);
    };
}

#[allow(unused_imports, reason = "for `wide`, which machines without 64-bit atomics lack")]
pub(crate) use {floats, integers, numbers};

integers!(Narrow, i32: i8 u8 i16 u16 i32 u32);
floats!(Narrow, i32: f32);
