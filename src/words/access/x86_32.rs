//! Elements of 8 bytes on x86 in 32 bits. Registers are too narrow, but the floating-point unit moves integers of 8
//! bytes, and one instruction exchanges them.

use super::bits::Bits;
use crate::sync::Ordering::{self, Relaxed};
use core::arch::asm;

/// Copies 8 bytes in one piece. Every integer of 64 bits fits into a register of the floating-point unit.
///
/// # Safety
///
/// `from` can be read, and `to` written.
#[inline]
unsafe fn copy(from: *const u64, to: *mut u64) {
    // SAFETY: the caller's promise. All registers of the unit are declared lost, so there is room for a number.
    unsafe {
        asm!(
            "fild qword ptr [{from}]",
            "fistp qword ptr [{to}]",
            from = in(reg) from,
            to = in(reg) to,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            options(nostack),
        );
    }
}

impl Bits for u64 {
    #[inline]
    fn truncate(bits: u64) -> Self {
        bits
    }

    #[inline]
    unsafe fn load(at: *mut Self, _: Ordering) -> Self {
        let mut value = 0;
        // SAFETY: the caller promises that the element is there, here and below.
        unsafe { copy(at, &raw mut value) };
        value
    }

    #[inline]
    unsafe fn store(at: *mut Self, value: Self, order: Ordering) {
        // SAFETY: as above.
        unsafe {
            match order {
                Relaxed => copy(&raw const value, at),
                // As for the narrower elements: an exchange is locked.
                _ => {
                    Self::swap(at, value);
                }
            }
        }
    }

    #[inline]
    unsafe fn compare_exchange(at: *mut Self, current: Self, new: Self) -> Self {
        let (low, high): (u32, u32);
        // SAFETY: as above.
        unsafe {
            asm!(
                "lock cmpxchg8b qword ptr [{at}]",
                at = in(reg) at,
                in("ebx") new as u32,
                in("ecx") (new >> 32) as u32,
                inout("eax") current as u32 => low,
                inout("edx") (current >> 32) as u32 => high,
                options(nostack),
            );
        }
        u64::from(high) << 32 | u64::from(low)
    }
}
