//! Elements of 1, 2 and 8 bytes on aarch64.

use super::bits::Bits;
use crate::sync::Ordering::{self, Relaxed};
use core::arch::asm;

/// Implements [`Bits`] by the instructions with this suffix, registers of this width, and a comparison of that many
/// bits.
///
/// Sequential consistency is an acquiring load and a releasing store, of one element or in an exclusive pair, which is
/// tried until it succeeds.
macro_rules! by_instructions {
    ($bits:ident: $suffix:literal, $width:literal, $extended:literal) => {
        impl Bits for $bits {
            #[inline]
            fn truncate(bits: u64) -> Self {
                bits as Self
            }

            #[inline]
            unsafe fn load(at: *mut Self, order: Ordering) -> Self {
                let value;
                // SAFETY: the caller promises that the element is there, here and below.
                unsafe {
                    match order {
                        Relaxed => asm!(
                            concat!("ldr", $suffix, " {value", $width, "}, [{at}]"),
                            at = in(reg) at,
                            value = lateout(reg) value,
                            options(readonly, nostack, preserves_flags),
                        ),
                        _ => asm!(
                            concat!("ldar", $suffix, " {value", $width, "}, [{at}]"),
                            at = in(reg) at,
                            value = lateout(reg) value,
                            options(nostack, preserves_flags),
                        ),
                    }
                }
                value
            }

            #[inline]
            unsafe fn store(at: *mut Self, value: Self, order: Ordering) {
                // SAFETY: as above.
                unsafe {
                    match order {
                        Relaxed => asm!(
                            concat!("str", $suffix, " {value", $width, "}, [{at}]"),
                            at = in(reg) at,
                            value = in(reg) value,
                            options(nostack, preserves_flags),
                        ),
                        _ => asm!(
                            concat!("stlr", $suffix, " {value", $width, "}, [{at}]"),
                            at = in(reg) at,
                            value = in(reg) value,
                            options(nostack, preserves_flags),
                        ),
                    }
                }
            }

            #[inline]
            unsafe fn compare_exchange(at: *mut Self, current: Self, new: Self) -> Self {
                let found;
                // SAFETY: as above.
                unsafe {
                    asm!(
                        "2:",
                        concat!("ldaxr", $suffix, " {found", $width, "}, [{at}]"),
                        concat!("cmp {found", $width, "}, {current", $width, "}", $extended),
                        "b.ne 3f",
                        concat!("stlxr", $suffix, " {failed:w}, {new", $width, "}, [{at}]"),
                        "cbnz {failed:w}, 2b",
                        "3:",
                        at = in(reg) at,
                        current = in(reg) current,
                        new = in(reg) new,
                        found = out(reg) found,
                        failed = out(reg) _,
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
                        "2:",
                        concat!("ldaxr", $suffix, " {was", $width, "}, [{at}]"),
                        concat!("stlxr", $suffix, " {failed:w}, {value", $width, "}, [{at}]"),
                        "cbnz {failed:w}, 2b",
                        at = in(reg) at,
                        value = in(reg) value,
                        was = out(reg) was,
                        failed = out(reg) _,
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
                        "2:",
                        concat!("ldaxr", $suffix, " {was", $width, "}, [{at}]"),
                        concat!("add {sum", $width, "}, {was", $width, "}, {value", $width, "}"),
                        concat!("stlxr", $suffix, " {failed:w}, {sum", $width, "}, [{at}]"),
                        "cbnz {failed:w}, 2b",
                        at = in(reg) at,
                        value = in(reg) value,
                        was = out(reg) was,
                        sum = out(reg) _,
                        failed = out(reg) _,
                        options(nostack, preserves_flags),
                    );
                }
                was
            }
        }
    };
}

by_instructions!(u8: "b", ":w", ", uxtb");
by_instructions!(u16: "h", ":w", ", uxth");
by_instructions!(u64: "", ":x", "");
