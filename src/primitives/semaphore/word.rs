//! The word of a semaphore.
#![forbid(unsafe_code)]

use crate::error::TooManyPermits;

/// The number of permits. Zero, so fresh memory is a semaphore without any.
pub(super) const PERMITS_MASK: i32 = (1 << 30) - 1;
/// An agent may sleep. Legal to say falsely (one vain wake); illegal to omit, unless an agent that was woken is on its
/// way: it will set the mark again and pass the wake on.
pub(super) const WAITING: i32 = 1 << 30;
/// An agent that needs several permits may sleep. A release must then wake all agents, because it could give the one wake
/// to this agent although another, which needs fewer permits, could use it. Legal to say falsely; illegal to omit.
pub(super) const MANY_WAITING: i32 = i32::MIN;

/// Returns the permits of a word. Every value of the word says some number from zero to the maximum.
#[inline]
pub(super) fn available(word: i32) -> i32 {
    word & PERMITS_MASK
}

#[inline]
pub(super) fn in_range(permits: u64) -> Result<i32, TooManyPermits> {
    let max = PERMITS_MASK as u32;
    if permits > max.into() { Err(TooManyPermits { permits, max }) } else { Ok(permits as i32) }
}
