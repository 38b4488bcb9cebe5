//! The word of a reader-writer lock.
#![forbid(unsafe_code)]

/// The number of readers. Zero, with nothing else, so fresh memory is an unlocked lock.
pub(super) const READERS_MASK: i32 = (1 << 29) - 1;
/// An agent writes. Any number of readers beside this, which only a stranger can have written, counts as nothing.
pub(super) const WRITING: i32 = 1 << 29;
/// A reader may sleep. Legal to say falsely (one vain wake); illegal to omit while one sleeps, unless a wake is still to be
/// sent, or a writer that was woken is on its way: it will set the mark again.
pub(super) const READERS_WAITING: i32 = 1 << 30;
/// A writer may sleep: arriving readers queue behind it. Legal to say falsely until the next release; illegal to omit as
/// above.
pub(super) const WRITERS_WAITING: i32 = i32::MIN;
pub(super) const MARKS: i32 = READERS_WAITING | WRITERS_WAITING;

#[inline]
pub(super) fn is_writing(word: i32) -> bool {
    word & WRITING != 0
}

#[inline]
pub(super) fn readers(word: i32) -> i32 {
    word & READERS_MASK
}

/// Returns `true` if nobody holds the lock.
#[inline]
pub(super) fn is_free(word: i32) -> bool {
    word & !MARKS == 0
}

/// Returns `true` if a reader may enter: beside others only if no writer waits, and if there is room for one more.
#[inline]
pub(super) fn is_open(word: i32) -> bool {
    match readers(word) {
        _ if is_writing(word) => false,
        0 => true,
        READERS_MASK => false,
        _ => word & WRITERS_WAITING == 0,
    }
}
