//! Elements of 8 bytes where there are none. No handle to one can be made.

use super::bits::Bits;
use crate::sync::Ordering;

const REFUSED: &str = "a handle to an element of 8 bytes was refused";

impl Bits for u64 {
    const IS_SUPPORTED: bool = false;

    fn truncate(bits: u64) -> Self {
        bits
    }

    unsafe fn load(_: *mut Self, _: Ordering) -> Self {
        unreachable!("{REFUSED}")
    }

    unsafe fn store(_: *mut Self, _: Self, _: Ordering) {
        unreachable!("{REFUSED}")
    }

    unsafe fn compare_exchange(_: *mut Self, _: Self, _: Self) -> Self {
        unreachable!("{REFUSED}")
    }
}
