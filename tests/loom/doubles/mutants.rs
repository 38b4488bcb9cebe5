//! The mutants of the doubles themselves: what makes them explore what the kernel may do.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, Group};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/futex/model.rs",
    mutants: &[
        (
            "a_double_without_its_door_tries_one_order",
            "self.door.fetch_add(1, Relaxed);",
            "",
            "a_wake_finds_a_waiter_or_comes_too_early",
            ASSERTION,
        ),
        (
            "a_double_that_wakes_too_many",
            "let woken = count.min(unpromised.len().saturating_sub(promised));",
            "let woken = unpromised.len();",
            "any_waiter_may_be_the_one_that_is_woken",
            ASSERTION,
        ),
    ],
}];
