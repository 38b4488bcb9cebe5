//! The mutants of the guarded value.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, Group, MIXTURE};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/primitives/guarded/words.rs",
    mutants: &[
        (
            "a_value_is_published_relaxed",
            "self.current.store(next, Release);",
            "self.current.store(next, Relaxed);",
            "polling::one_that_unlocks_on_anothers_behalf_finds_a_whole_value",
            MIXTURE,
        ),
        (
            "a_value_is_read_relaxed",
            "self.current.load(Acquire)",
            "self.current.load(Relaxed)",
            "polling::one_that_unlocks_on_anothers_behalf_finds_a_whole_value",
            MIXTURE,
        ),
        (
            "a_value_is_written_in_place",
            "let next = !self.current.load(Relaxed) & 1;",
            "let next = self.current.load(Relaxed) & 1;",
            "parking::one_that_unlocks_on_anothers_behalf_finds_a_whole_value",
            MIXTURE,
        ),
        (
            "a_header_is_written_in_two_steps",
            "slot.compare_exchange(0, expected, Relaxed, Relaxed).unwrap_or_else(|it| it)",
            "{ let was = slot.load(Relaxed); if was == 0 { slot.store(expected, Relaxed); } was }",
            "parking::of_two_versions_one_wins",
            ASSERTION,
        ),
    ],
}];
