//! Numbers in shared memory that are narrower or wider than a word, and why such accesses can race with those of slots.
//!
//! # The word is the unit
//!
//! Rust's memory model does not define a race between atomic accesses of different sizes that overlap. Handles of
//! different sizes over the same bytes are safe to make, so no access may rely on the caller to avoid such a race.
//!
//! Therefore every access to a buffer that Rust sees is an atomic access to one aligned word of 4 bytes. Slots and
//! elements of 4 bytes are accessed by the atomic types of that size. Elements of 1, 2 and 8 bytes are accessed by
//! instructions of the processor, in `asm!` blocks. (SpiderMonkey accesses shared memory by its own instructions for
//! the same reason.) The effect of such a block must be an effect that Rust code could have. It is the effect of these
//! accesses to whole words:
//!
//! - A load loads the word that contains the element, and returns a part of it.
//! - A store, or a read-modify-write, replaces the part of the word by one read-modify-write of the word. It leaves the
//!   other bytes as they are.
//! - An access to 8 bytes is one access to each of its two words.
//!
//! The processor keeps what such accesses promise:
//!
//! - Every access is aligned to its size, and the processor makes it in one piece. So it changes no other byte.
//! - An access that is sequentially consistent uses the instructions that compilers use for that order, and a relaxed
//!   one the instructions of a relaxed atomic. A block never claims `nomem`, so the compiler moves no access of memory
//!   across it. Only a relaxed load claims `readonly`: it orders nothing.
//! - Two agents may see relaxed stores to *different* elements of one word in different orders. Accesses to whole words
//!   would not show that, but another agent could: a process that maps the memory may replace a word at any time, and
//!   Rust code that shares memory with processes has to expect it. No such value breaks the safety of this process,
//!   because every value of a word is valid.
//!
//! So the outcome of a race of different sizes is a mixture of the bytes that were written, and nothing worse.
//!
//! # Where there are no such instructions
//!
//! On other processors, and in Miri, elements of 1 and 2 bytes are accessed by way of their words, in Rust. Elements of
//! 8 bytes are not supported there: making a handle to one is an error.

mod bits;
mod element;
mod number_slot;

#[cfg(all(target_arch = "aarch64", target_pointer_width = "64", not(miri)))]
mod aarch64;
#[cfg(all(target_arch = "riscv64", target_feature = "a", not(miri)))]
mod riscv64;
#[cfg(all(any(target_arch = "x86", all(target_arch = "x86_64", target_pointer_width = "64")), not(miri)))]
mod x86;
#[cfg(all(target_arch = "x86", not(miri)))]
mod x86_32;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", not(miri)))]
mod x86_64;

#[cfg(any(
    miri,
    not(any(
        target_arch = "x86",
        all(target_arch = "x86_64", target_pointer_width = "64"),
        all(target_arch = "aarch64", target_pointer_width = "64"),
    ))
))]
mod narrow;
#[cfg(any(
    miri,
    not(any(
        target_arch = "x86",
        all(target_arch = "x86_64", target_pointer_width = "64"),
        all(target_arch = "aarch64", target_pointer_width = "64"),
        all(target_arch = "riscv64", target_feature = "a"),
    ))
))]
mod no_wide;

pub(crate) use bits::Bits;
pub(crate) use element::{Element, Elements};
pub(crate) use number_slot::NumberSlot;

/// Elements of 8 bytes are supported.
pub(crate) const HAS_WIDE: bool = <u64 as Bits>::IS_SUPPORTED;
