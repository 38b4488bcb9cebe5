//! Elements of 8 bytes on x86 in 64 bits.

use super::bits::Bits;
use super::x86::by_instructions;
use crate::sync::Ordering::{self, Relaxed};
use core::arch::asm;

by_instructions!(u64: "qword", reg, "", "rax", "mov {value}", u64);
