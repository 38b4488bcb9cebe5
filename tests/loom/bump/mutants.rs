//! The mutants of the allocator.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, Group};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/places/bump.rs",
    mutants: &[
        (
            "an_allocation_in_two_steps_is_handed_out_twice",
            "match self.used.fetch_update(Acquire, Relaxed, take) {",
            "let mut take = take; let was = self.used.load(Acquire); match take(was).map(|now| self.used.store(now, Relaxed)).ok_or(was) {",
            "parking::two_allocate",
            ASSERTION,
        ),
        (
            "an_allocation_acquires_nothing",
            "self.used.fetch_update(Acquire, Relaxed, take)",
            "self.used.fetch_update(Relaxed, Relaxed, take)",
            "initializing_publishes_what_was_done_before",
            CAUSALITY,
        ),
        (
            "one_that_initializes_an_allocator_publishes_nothing",
            "allocator.used.store(0, Release);",
            "allocator.used.store(0, Relaxed);",
            "initializing_publishes_what_was_done_before",
            CAUSALITY,
        ),
    ],
}];
