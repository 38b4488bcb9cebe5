//! The slots of a raw lock's words, and the guards of lock_api.

use crate::futex::Scope;
use crate::sync::AtomicI32;
use crate::words::{Slot, Slots};
use ::lock_api::GuardSend;
use core::mem;

const UNSHARED: &str = "a shared type exists only where the futex is shared";

/// Returns the slot of a raw lock's word.
#[inline]
pub(super) fn slot(word: &AtomicI32, scope: Scope) -> Slot<'_> {
    // Where this is inlined, the scope is a constant, and nothing is left of the check.
    Slot::from_ref(word, scope).expect(UNSHARED)
}

/// Returns the slots of a raw condition variable's words.
#[inline]
pub(super) fn slots(words: &[AtomicI32], scope: Scope) -> Slots<'_> {
    Slots::from_ref(words, scope).expect(UNSHARED)
}

/// Replaces the guard of a handle by one of lock_api's, which will unlock in its place.
#[inline]
pub(super) fn keep<Guard>(guard: Guard) -> GuardSend {
    mem::forget(guard);
    GuardSend::new()
}
