//! The types that a synchronic can hold, for tests that are written once and run for each of them.

use proptest::prelude::*;
use slotsync::{NotifyHint, Synchronic};

/// What a test must know of such a type, told by other means than the crate's own.
pub trait Number: slotsync::Number {
    /// A number out of the type's range, or beyond its precision, as the type has it. In JavaScript, where there is one
    /// type of numbers, what was passed for it is another.
    const COERCED: Self;
    const IS_FLOAT: bool;

    fn of(number: i8) -> Self;
    /// The numbers at which arithmetic goes wrong, if it does.
    fn edges() -> Vec<Self>;
    fn any() -> BoxedStrategy<Self>;
    /// In native order.
    fn to_bytes(self) -> Vec<u8>;
    /// From the first bytes of these.
    fn from_bytes(bytes: &[u8]) -> Self;
    fn sum(self, other: Self) -> Self;
    fn difference(self, other: Self) -> Self;
    fn is_nan(self) -> bool;
    /// `None`: the type has no bits to play with.
    fn with_bits(self, operation: Bits, value: Self) -> Option<Self>;
    fn fetch_bits(synchronic: Synchronic<'_, Self>, operation: Bits, value: Self, hint: NotifyHint) -> Option<Self>;

    /// What a synchronic takes for the same.
    fn equals(self, other: Self) -> bool {
        self == other || self.is_nan() && other.is_nan()
    }

    /// Bit by bit; but which of all NaNs comes out of arithmetic is left to the processor.
    fn is_identical(self, other: Self) -> bool {
        self.to_bytes() == other.to_bytes() || self.is_nan() && other.is_nan()
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Bits {
    And,
    Or,
    Xor,
}

impl Bits {
    pub fn name(self) -> &'static str {
        match self {
            Self::And => "fetch_and",
            Self::Or => "fetch_or",
            Self::Xor => "fetch_xor",
        }
    }
}

#[track_caller]
pub fn assert_identical<T: Number>(found: T, expected: T) {
    assert!(found.is_identical(expected), "{found:?} and not {expected:?}");
}

/// What integers and floats have in common.
macro_rules! common {
    ($coerced:expr) => {
        const COERCED: Self = $coerced;

        fn of(number: i8) -> Self {
            number as Self
        }

        fn to_bytes(self) -> Vec<u8> {
            self.to_ne_bytes().to_vec()
        }

        fn from_bytes(bytes: &[u8]) -> Self {
            Self::from_ne_bytes(bytes[..size_of::<Self>()].try_into().unwrap())
        }
    };
}

macro_rules! integers {
    ($($integer:ty: $coerced:expr,)*) => { $(
        impl Number for $integer {
            common!($coerced);
            const IS_FLOAT: bool = false;

            fn edges() -> Vec<Self> {
                vec![0, 1, 5, Self::MAX / 2, Self::MAX - 1, Self::MAX, Self::MIN, Self::MIN + 1]
            }

            fn any() -> BoxedStrategy<Self> {
                prop_oneof![0..4 as Self, Just(Self::MAX), Just(Self::MIN), any::<Self>()].boxed()
            }

            fn sum(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn difference(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn is_nan(self) -> bool {
                false
            }

            fn with_bits(self, operation: Bits, value: Self) -> Option<Self> {
                Some(match operation {
                    Bits::And => self & value,
                    Bits::Or => self | value,
                    Bits::Xor => self ^ value,
                })
            }

            fn fetch_bits(
                synchronic: Synchronic<'_, Self>,
                operation: Bits,
                value: Self,
                hint: NotifyHint,
            ) -> Option<Self> {
                Some(match operation {
                    Bits::And => synchronic.fetch_and(value, hint),
                    Bits::Or => synchronic.fetch_or(value, hint),
                    Bits::Xor => synchronic.fetch_xor(value, hint),
                })
            }
        }
    )* };
}

macro_rules! floats {
    ($float:ty: $coerced:expr) => {
        impl Number for $float {
            common!($coerced);
            const IS_FLOAT: bool = true;

            fn edges() -> Vec<Self> {
                let least = Self::from_bits(1);
                let edges = [0.0, 0.1, 1.0, 3.0, Self::EPSILON, least, Self::MIN_POSITIVE, Self::MAX, Self::INFINITY];
                let quiet = Self::NAN.to_bits();
                // Of which the last makes a signal of it that it is used.
                let nans = [quiet, quiet | 7, Self::INFINITY.to_bits() | 1].map(Self::from_bits);
                [edges, edges.map(|edge| -edge)].concat().into_iter().chain(nans).chain([-Self::NAN]).collect()
            }

            fn any() -> BoxedStrategy<Self> {
                let edge = proptest::sample::select(Self::edges());
                prop_oneof![
                    edge,
                    (0..4_i8).prop_map(Self::of),
                    any::<[u8; size_of::<Self>()]>().prop_map(Self::from_ne_bytes)
                ]
                .boxed()
            }

            fn sum(self, other: Self) -> Self {
                self + other
            }

            fn difference(self, other: Self) -> Self {
                self - other
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }

            fn with_bits(self, _: Bits, _: Self) -> Option<Self> {
                None
            }

            fn fetch_bits(_: Synchronic<'_, Self>, _: Bits, _: Self, _: NotifyHint) -> Option<Self> {
                None
            }
        }
    };
}

integers! {
    i8: 200_u8 as i8,
    u8: 256_u16 as u8,
    i16: 40_000_u16 as i16,
    u16: -1_i16 as u16,
    i32: 3_000_000_000_u32 as i32,
    u32: ((1_u64 << 32) + 7) as u32,
}
floats! { f32: 0.1_f64 as f32 }
#[cfg(target_has_atomic = "64")]
integers! {
    i64: (1_u64 << 63) as i64,
    u64: -1_i64 as u64,
}
#[cfg(target_has_atomic = "64")]
floats! { f64: ((1_u64 << 53) + 1) as f64 }

/// Tests over every origin of memory, from functions that take a `&Memory` and a [`Number`] for a type. Each runs for all
/// types, one after the other over the same memory.
macro_rules! for_every_number {
    ($($test:ident)*) => {
        mod every_number {
            use crate::support::Memory;
            $(
                fn $test(memory: &Memory) {
                    super::$test::<i8>(memory);
                    super::$test::<u8>(memory);
                    super::$test::<i16>(memory);
                    super::$test::<u16>(memory);
                    super::$test::<i32>(memory);
                    super::$test::<u32>(memory);
                    super::$test::<f32>(memory);
                    #[cfg(target_has_atomic = "64")]
                    {
                        super::$test::<i64>(memory);
                        super::$test::<u64>(memory);
                        super::$test::<f64>(memory);
                    }
                }
            )*
            over_every_origin! { $($test)* }
        }
    };
}
