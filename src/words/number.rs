//! The numbers that shared memory can hold.
#![forbid(unsafe_code)]

use super::access::Bits;
use core::fmt;
use core::ops::{BitAnd, BitOr, BitXor};

/// A number that a [`Synchronic`](crate::Synchronic) and a [`TypedArray`](crate::arrays::TypedArray) can hold: `i8` to
/// `i64`, `u8` to `u64`, `f32` and `f64`.
///
/// The trait is sealed, because shared memory may hold any bits: every bit pattern has to be a value of the type.
///
/// # Platforms
///
/// `i64`, `u64` and `f64` are supported on x86, x86_64, aarch64 and riscv64. Elsewhere, in a loom model, and in Miri,
/// attaching a handle to such a number is [`Error::Unsupported`](crate::Error::Unsupported).
pub trait Number: Copy + PartialEq + fmt::Debug + Send + Sync + 'static + sealed::Sealed {}

/// A [`Number`] that has bits to set and to clear. Arithmetic on it wraps around.
pub trait Integer: Number + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> {}

mod sealed {
    use super::Bits;

    /// What every [`Number`](super::Number) can do. These are functions, not methods, so that they hide no method of
    /// the types.
    pub trait Sealed: Copy {
        /// The unsigned integer of the same size.
        type Bits: Bits;

        /// The name in Rust, which is part of a layout's fingerprint.
        const NAME: &'static str;

        fn from_bits(bits: Self::Bits) -> Self;

        fn into_bits(value: Self) -> Self::Bits;

        /// Returns the number in the lowest bits.
        #[inline]
        fn from_lowest(bits: u64) -> Self {
            Self::from_bits(Self::Bits::truncate(bits))
        }

        /// Returns the number in the lowest bits, and zeros above.
        #[inline]
        fn into_lowest(value: Self) -> u64 {
            Self::into_bits(value).into()
        }

        /// Returns `true` if the values are equal or both are NaN.
        fn is_same(value: Self, other: Self) -> bool;

        fn sum(value: Self, other: Self) -> Self;

        fn difference(value: Self, other: Self) -> Self;
    }
}

macro_rules! numbers {
    ($($kind:ident $number:ident: $bits:ident;)*) => { $(
        impl Number for $number {}

        impl sealed::Sealed for $number {
            type Bits = $bits;

            const NAME: &'static str = stringify!($number);

            #[inline]
            fn from_bits(bits: $bits) -> Self {
                Self::from_ne_bytes(bits.to_ne_bytes())
            }

            #[inline]
            fn into_bits(value: Self) -> $bits {
                $bits::from_ne_bytes(value.to_ne_bytes())
            }

            numbers!(@ $kind);
        }

        numbers!(@ $kind $number);
    )* };
    (@ integer) => {
        #[inline]
        fn is_same(value: Self, other: Self) -> bool {
            value == other
        }

        #[inline]
        fn sum(value: Self, other: Self) -> Self {
            value.wrapping_add(other)
        }

        #[inline]
        fn difference(value: Self, other: Self) -> Self {
            value.wrapping_sub(other)
        }
    };
    (@ float) => {
        #[inline]
        fn is_same(value: Self, other: Self) -> bool {
            value == other || value.is_nan() && other.is_nan()
        }

        #[inline]
        fn sum(value: Self, other: Self) -> Self {
            value + other
        }

        #[inline]
        fn difference(value: Self, other: Self) -> Self {
            value - other
        }
    };
    (@ integer $number:ident) => {
        impl Integer for $number {}
    };
    (@ float $number:ident) => {};
}

numbers! {
    integer i8: u8;
    integer u8: u8;
    integer i16: u16;
    integer u16: u16;
    integer i32: u32;
    integer u32: u32;
    integer i64: u64;
    integer u64: u64;
    float f32: u32;
    float f64: u64;
}
