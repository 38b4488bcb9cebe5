//! The mutants of a buffer that grows.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, Group};

pub(crate) const MUTANTS: &[Group] = &[
    Group {
        file: "src/memory/grow.rs",
        mutants: &[
            (
                "a_growth_is_published_by_a_store",
                "match length.compare_exchange(found, bytes as LengthInteger, SeqCst, SeqCst) {",
                "match { length.store(bytes as LengthInteger, SeqCst); Ok::<LengthInteger, LengthInteger>(found) } {",
                "of_two_that_grow_it_none_is_lost",
                ASSERTION,
            ),
            (
                "one_that_loses_a_race_to_grow_does_not_look_again",
                "Err(now) => found = now,",
                "Err(_) => break,",
                "of_two_that_grow_it_none_is_lost",
                ASSERTION,
            ),
            (
                "a_growth_publishes_nothing",
                "bytes as LengthInteger, SeqCst, SeqCst)",
                "bytes as LengthInteger, Ordering::Relaxed, SeqCst)",
                "one_that_is_told_of_the_length_sees_what_was_done_before",
                CAUSALITY,
            ),
            (
                "one_that_loses_a_race_to_grow_acquires_nothing",
                "bytes as LengthInteger, SeqCst, SeqCst)",
                "bytes as LengthInteger, SeqCst, Ordering::Relaxed)",
                "one_that_is_told_of_the_length_sees_what_was_done_before",
                CAUSALITY,
            ),
            (
                "one_that_is_refused_a_growth_acquires_nothing",
                "let mut found = load_length(length, SeqCst);",
                "let mut found = load_length(length, Ordering::Relaxed);",
                "one_that_is_told_of_the_length_sees_what_was_done_before",
                CAUSALITY,
            ),
        ],
    },
    Group {
        file: "src/memory/buffer.rs",
        mutants: &[(
            "one_that_reads_the_length_acquires_nothing",
            "self.length_now(SeqCst)",
            "self.length_now(Relaxed)",
            "one_that_sees_the_length_sees_what_was_done_before",
            CAUSALITY,
        )],
    },
];
