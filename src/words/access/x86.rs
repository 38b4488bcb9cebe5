//! Elements of 1 and 2 bytes on x86, in 32 bits and in 64.

use super::bits::Bits;
use crate::sync::Ordering::{self, Relaxed};
use core::arch::asm;

/// Implements [`Bits`] by the instructions on operands of one size.
///
/// The stores of a processor with this architecture are seen in their order, and so are its loads. So loads are plain
/// in every order. A sequentially consistent store is an exchange, which is locked: no later load overtakes it.
macro_rules! by_instructions {
    ($bits:ident: $pointer:literal, $class:ident, $modifier:literal, $accumulator:tt, $load:literal, $loaded:ident) => {
        impl Bits for $bits {
            #[inline]
            fn truncate(bits: u64) -> Self {
                bits as Self
            }

            #[inline]
            unsafe fn load(at: *mut Self, order: Ordering) -> Self {
                let value: $loaded;
                // SAFETY: the caller promises that the element is there, here and below.
                unsafe {
                    match order {
                        Relaxed => asm!(
                            concat!($load, ", ", $pointer, " ptr [{at}]"),
                            at = in(reg) at,
                            value = lateout(reg) value,
                            options(readonly, nostack, preserves_flags),
                        ),
                        _ => asm!(
                            concat!($load, ", ", $pointer, " ptr [{at}]"),
                            at = in(reg) at,
                            value = lateout(reg) value,
                            options(nostack, preserves_flags),
                        ),
                    }
                }
                value as Self
            }

            #[inline]
            unsafe fn store(at: *mut Self, value: Self, order: Ordering) {
                // SAFETY: as above.
                unsafe {
                    match order {
                        Relaxed => asm!(
                            concat!("mov ", $pointer, " ptr [{at}], {value", $modifier, "}"),
                            at = in(reg) at,
                            value = in($class) value,
                            options(nostack, preserves_flags),
                        ),
                        _ => {
                            Self::swap(at, value);
                        }
                    }
                }
            }

            #[inline]
            unsafe fn compare_exchange(at: *mut Self, current: Self, new: Self) -> Self {
                let found;
                // SAFETY: as above.
                unsafe {
                    asm!(
                        concat!("lock cmpxchg ", $pointer, " ptr [{at}], {new", $modifier, "}"),
                        at = in(reg) at,
                        new = in($class) new,
                        inout($accumulator) current => found,
                        options(nostack),
                    );
                }
                found
            }

            #[inline]
            unsafe fn swap(at: *mut Self, value: Self) -> Self {
                let was;
                // SAFETY: as above.
                unsafe {
                    asm!(
                        concat!("xchg ", $pointer, " ptr [{at}], {value", $modifier, "}"),
                        at = in(reg) at,
                        value = inout($class) value => was,
                        options(nostack, preserves_flags),
                    );
                }
                was
            }

            #[inline]
            unsafe fn fetch_add(at: *mut Self, value: Self) -> Self {
                let was;
                // SAFETY: as above.
                unsafe {
                    asm!(
                        concat!("lock xadd ", $pointer, " ptr [{at}], {value", $modifier, "}"),
                        at = in(reg) at,
                        value = inout($class) value => was,
                        options(nostack),
                    );
                }
                was
            }
        }
    };
}

// Only x86_64 has more of them.
#[allow(unused_imports)]
pub(super) use by_instructions;

// A load into part of a register would wait for the rest of it.
by_instructions!(u8: "byte", reg_byte, "", "al", "movzx {value:e}", u32);
by_instructions!(u16: "word", reg, ":x", "ax", "movzx {value:e}", u32);
