//! The mutants of the synchronic.
//!
//! Left out:
//!
//! - a generation that is loaded: the doubles' wakes order memory, which the kernel's need not.
//! - a notify for all that leaves the mark of one, or that passes a wake on to one: it could go round for long.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[
    Group {
        file: "src/primitives/synchronic/mod.rs",
        mutants: &[
            (
                "a_notifier_without_its_fence",
                "fence(SeqCst);\n        if self.waiters",
                "if self.waiters",
                "erring::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "a_waiter_without_its_fence",
                "fence(SeqCst);\n            let value",
                "let value",
                "erring::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "the_generation_is_read_after_the_value",
                "let value = self.load();\n            let is_wanted",
                "let value = self.load(); let generation = self.generation.fetch_add(0, Relaxed);\n            let is_wanted",
                "parking::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "a_waiter_is_not_counted",
                "self.waiters.fetch_add(1, Relaxed);",
                "",
                "parking::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "a_waiter_stays_counted",
                "self.waiters.fetch_sub(1, Relaxed);",
                "",
                "polling::a_change_lets_one_go_on",
                ASSERTION,
            ),
            (
                "nobody_is_woken_for_a_change",
                "self.generation.wake(count);",
                "let _ = count;",
                "parking::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "the_generation_stays",
                "let _ = self.generation.fetch_update(Relaxed, Relaxed, next);",
                "let _ = next;",
                "parking::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "the_wake_comes_before_the_generation_moves_on",
                "let _ = self.generation.fetch_update(Relaxed, Relaxed, next);\n        self.generation.wake(count);",
                "self.generation.wake(count);\n        let _ = self.generation.fetch_update(Relaxed, Relaxed, next);",
                "parking::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "a_swap_publishes_nothing",
                "let was = self.value.swap(value, SeqCst);",
                "let was = self.value.swap(value, Relaxed);",
                "polling::a_change_lets_one_go_on",
                CAUSALITY,
            ),
            (
                "a_look_acquires_nothing",
                "        self.value.load(SeqCst)\n",
                "        self.value.load(Relaxed)\n",
                "polling::a_change_lets_one_go_on",
                CAUSALITY,
            ),
            (
                "a_swap_notifies_nobody",
                "        self.notify(hint);\n        was",
                "        let _ = hint;\n        was",
                "parking::a_change_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "an_update_notifies_nobody",
                "        self.notify(hint);\n        Ok(was)",
                "        let _ = hint;\n        Ok(was)",
                "parking::an_exchange_lets_one_go_on",
                DEADLOCK,
            ),
            (
                "a_wake_for_one_is_not_told_from_others",
                "(1, FOR_ONE)",
                "(1, 0)",
                "parking::one_that_cannot_use_a_wake_passes_it_on",
                DEADLOCK,
            ),
            (
                "one_that_cannot_use_a_wake_keeps_it",
                "self.notify(NotifyHint::All);",
                "",
                "parking::one_that_cannot_use_a_wake_passes_it_on",
                DEADLOCK,
            ),
            (
                "two_that_wait_are_taken_for_one",
                "self.waiters.load(Relaxed) != 1",
                "self.waiters.load(Relaxed) != 2",
                "parking::one_that_cannot_use_a_wake_passes_it_on",
                DEADLOCK,
            ),
            (
                "a_latecomer_keeps_a_wake",
                "is_wanted && generation != slept_on",
                "is_wanted",
                "parking::a_latecomer_that_can_go_on_passes_a_wake_on",
                DEADLOCK,
            ),
        ],
    },
    Group {
        file: "src/words/access/number_slot.rs",
        mutants: &[
            (
                "an_update_publishes_nothing",
                "Self::whole(new), order)",
                "Self::whole(new), Ordering::Relaxed)",
                "polling::an_exchange_lets_one_go_on",
                CAUSALITY,
            ),
            (
                "one_that_fails_to_exchange_acquires_nothing",
                "new as i32, order, order)",
                "new as i32, order, Ordering::Relaxed)",
                "polling::one_that_fails_to_exchange_sees_what_it_found",
                CAUSALITY,
            ),
        ],
    },
    Group {
        file: "src/words/sleeper.rs",
        mutants: &[(
            "one_that_is_late_takes_a_wake_along",
            "        let found = look(&sleeper);\n        match (found, sleeper.elapsed()) {",
            "        if let Some(elapsed) = sleeper.elapsed() { return Err(elapsed); }\n        let found = look(&sleeper);\n        match (found, sleeper.elapsed()) {",
            "erring::one_gives_up_beside_a_wake_for_one",
            DEADLOCK,
        )],
    },
];
