//! The mutants of the condition variable.
//!
//! Left out: a latecomer that wakes all without moving the sequence on. They would wake each other without end.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[
    Group {
        file: "src/primitives/cond.rs",
        mutants: &[
            (
                "a_waiter_that_cannot_lock_in_time_keeps_the_notify",
                ".inspect_err(|_| self.notify_one())",
                "",
                "parking::a_notify_to_a_waiter_that_cannot_lock_in_time_is_passed_on",
                DEADLOCK,
            ),
            ("notify_never_wakes", "self.seq.wake(count);", "", "parking::one_takes_what_another_puts", DEADLOCK),
            (
                "notify_does_not_move_the_sequence_on",
                "self.seq.fetch_add(1, Relaxed);",
                "",
                "parking::one_takes_what_another_puts",
                DEADLOCK,
            ),
            (
                "notify_wakes_before_it_moves_the_sequence_on",
                "self.seq.fetch_add(1, Relaxed);\n            self.seq.wake(count);",
                "self.seq.wake(count);\n            self.seq.fetch_add(1, Relaxed);",
                "parking::one_takes_what_another_puts",
                DEADLOCK,
            ),
            (
                "notify_all_wakes_one",
                "self.notify(u32::MAX);",
                "self.notify(1);",
                "parking::two_take_what_one_puts_at_once",
                DEADLOCK,
            ),
            (
                "notify_clears_the_count",
                "if self.waiters.load(Relaxed) != 0 {",
                "if self.waiters.swap(0, Relaxed) != 0 {",
                "parking::two_take_what_one_puts_one_by_one",
                ASSERTION,
            ),
            (
                "wait_counts_itself_after_unlocking",
                "self.waiters.fetch_add(1, Relaxed);\n        let seq = self.seq.load(Relaxed);\n        drop(guard);",
                "let seq = self.seq.load(Relaxed);\n        drop(guard);\n        self.waiters.fetch_add(1, Relaxed);",
                "parking::one_takes_what_another_puts",
                DEADLOCK,
            ),
            (
                "wait_reads_the_sequence_after_unlocking",
                "let seq = self.seq.load(Relaxed);\n        drop(guard);",
                "drop(guard);\n        let seq = self.seq.load(Relaxed);",
                "parking::one_takes_what_another_puts",
                DEADLOCK,
            ),
            (
                "wait_keeps_the_lock",
                "        drop(guard);\n        self.sleep",
                "        std::mem::forget(guard);\n        self.sleep",
                "parking::one_takes_what_another_puts",
                DEADLOCK,
            ),
            (
                "wait_clears_the_count",
                "self.waiters.fetch_sub(1, Relaxed);",
                "self.waiters.store(0, Relaxed);",
                "parking::two_take_what_one_puts_one_by_one",
                DEADLOCK,
            ),
            (
                "wait_does_not_count_itself_out",
                "self.waiters.fetch_sub(1, Relaxed);",
                "",
                "parking::one_takes_what_another_puts",
                ASSERTION,
            ),
            (
                "a_latecomer_keeps_the_notify",
                "                    self.notify_all();",
                "",
                "parking::a_notify_that_a_latecomer_caught_is_passed_on",
                DEADLOCK,
            ),
            (
                "a_time_out_swallows_a_notify",
                "elapsed.filter(|_| !was_notified).map_or(Ok(()), Err)",
                "elapsed.map_or(Ok(()), Err)",
                "erring::a_time_out_together_with_a_notify_is_a_notify",
                DEADLOCK,
            ),
        ],
    },
    Group {
        file: "src/futex/sleep.rs",
        mutants: &[(
            "a_time_out_that_swallowed_a_wake_says_nothing",
            "Self::Woken | Self::TimedOut { perhaps_woken: true } |",
            "Self::Woken |",
            "erring::a_notify_that_a_latecomer_caught_and_gave_up_is_passed_on",
            DEADLOCK,
        )],
    },
];
