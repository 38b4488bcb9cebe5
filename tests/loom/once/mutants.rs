//! The mutants of the once.
//!
//! Left out: the first look of a once when it begins, and the success of taking it, relaxed. One of the two is enough.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, DEADLOCK, Group, SUPERSEDED};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/primitives/once.rs",
    mutants: &[
        ("the_end_never_wakes", "self.state.wake(u32::MAX);", "", "parking::two_call", DEADLOCK),
        ("the_end_wakes_one", "self.state.wake(u32::MAX);", "self.state.wake(1);", "parking::three_call", DEADLOCK),
        (
            "the_end_looks_back",
            "self.state.wake(u32::MAX);",
            "self.state.wake(u32::MAX); let _ = self.state.load(Relaxed);",
            "one_that_waited_may_free_the_memory_at_once",
            CAUSALITY,
        ),
        (
            "the_end_publishes_relaxed",
            "| end, Release, Relaxed)",
            "| end, Relaxed, Relaxed)",
            "polling::two_call",
            CAUSALITY,
        ),
        (
            "the_end_in_two_steps_loses_the_mark",
            "self.state.compare_exchange(was, attempt.0 | end, Release, Relaxed)",
            "{ self.state.store(attempt.0 | end, Release); Ok::<i32, i32>(was) }",
            "parking::two_call",
            DEADLOCK,
        ),
        (
            "the_end_of_a_superseded_attempt_counts",
            "if now & !WAITING != attempt.0 | RUNNING {",
            "if false {",
            "one_that_was_taken_for_dead_learns_so",
            ASSERTION,
        ),
        (
            "call_once_looks_relaxed",
            "if self.state.load(Acquire) & STATE_MASK == DONE {",
            "if self.state.load(Relaxed) & STATE_MASK == DONE {",
            "polling::two_call",
            CAUSALITY,
        ),
        (
            "call_once_looks_relaxed_again",
            "            let now = self.state.load(Acquire);",
            "            let now = self.state.load(Relaxed);",
            "polling::two_call",
            CAUSALITY,
        ),
        (
            "state_looks_relaxed",
            "match self.state.load(Acquire) & STATE_MASK {",
            "match self.state.load(Relaxed) & STATE_MASK {",
            "polling::one_looks",
            CAUSALITY,
        ),
        (
            "two_run",
            "match self.state.compare_exchange(now, now | RUNNING, Acquire, Relaxed)",
            "match { self.state.store(now | RUNNING, Relaxed); Ok::<i32, i32>(now) }",
            "parking::two_call",
            CAUSALITY,
        ),
        (
            "a_panic_goes_unseen",
            "let _ = self.once.end(self.attempt, PANICKED);",
            "",
            "a_panic_is_seen_by_those_that_wait",
            DEADLOCK,
        ),
        (
            "reset_publishes_relaxed",
            "wrapping_add(1), Release, Relaxed)",
            "wrapping_add(1), Relaxed, Relaxed)",
            "polling::a_reset_lets_one_of_those_that_wait_run",
            CAUSALITY,
        ),
        (
            "reset_stays_in_its_attempt",
            "(was | FLAGS).wrapping_add(1)",
            "was & !FLAGS",
            "one_that_was_taken_for_dead_learns_so",
            SUPERSEDED,
        ),
        (
            "reset_never_wakes",
            "        self.wake(was);\n    }\n\n    #[inline]",
            "    }\n\n    #[inline]",
            "parking::a_reset_lets_one_of_those_that_wait_run",
            DEADLOCK,
        ),
        (
            "one_that_gives_up_takes_the_mark_along_from_a_once",
            "                _ => Look::Done(Err(OnceError::Panicked)),\n            }\n        })",
            "                _ => Look::Done(Err(OnceError::Panicked)),\n            }\n        }).inspect_err(|_| { self.state.fetch_and(!WAITING, Relaxed); })",
            "parking::one_gives_up_beside_two",
            DEADLOCK,
        ),
        (
            "a_once_is_initialized_relaxed",
            "once.state.store(NOT_RUN, Release);",
            "once.state.store(NOT_RUN, Relaxed);",
            "initializing_publishes_what_was_repaired",
            CAUSALITY,
        ),
    ],
}];
