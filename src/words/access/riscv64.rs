//! Elements of 8 bytes on riscv64. Those of 1 and 2 bytes go by way of their words: only words and longer elements have
//! read-modify-writes.

use super::bits::Bits;
use crate::sync::Ordering::{self, Relaxed};
use core::arch::asm;

impl Bits for u64 {
    #[inline]
    fn truncate(bits: u64) -> Self {
        bits
    }

    #[inline]
    unsafe fn load(at: *mut Self, order: Ordering) -> Self {
        let value;
        // SAFETY: the caller promises that the element is there, here and below.
        unsafe {
            match order {
                Relaxed => asm!(
                    "ld {value}, 0({at})",
                    at = in(reg) at,
                    value = lateout(reg) value,
                    options(readonly, nostack, preserves_flags),
                ),
                _ => asm!(
                    "fence rw, rw",
                    "ld {value}, 0({at})",
                    "fence r, rw",
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
                    "sd {value}, 0({at})",
                    at = in(reg) at,
                    value = in(reg) value,
                    options(nostack, preserves_flags),
                ),
                // The last fence is for loads by code of a convention that has none before them.
                _ => asm!(
                    "fence rw, w",
                    "sd {value}, 0({at})",
                    "fence rw, rw",
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
                "lr.d.aqrl {found}, ({at})",
                "bne {found}, {current}, 3f",
                "sc.d.rl {failed}, {new}, ({at})",
                "bnez {failed}, 2b",
                "3:",
                at = in(reg) at,
                current = in(reg) current,
                new = in(reg) new,
                found = out(reg) found,
                failed = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
        found
    }
}
