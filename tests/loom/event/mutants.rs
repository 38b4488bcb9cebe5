//! The mutants of the event.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/primitives/event.rs",
    mutants: &[
        ("set_never_wakes", "self.state.wake(u32::MAX);", "", "parking::a_set_lets_one_go_on", DEADLOCK),
        (
            "set_wakes_one",
            "self.state.wake(u32::MAX);",
            "self.state.wake(1);",
            "parking::a_set_lets_two_go_on",
            DEADLOCK,
        ),
        (
            "set_looks_back",
            "self.state.wake(u32::MAX);",
            "self.state.wake(u32::MAX); let _ = self.state.load(Relaxed);",
            "one_that_waited_may_free_the_memory_at_once",
            CAUSALITY,
        ),
        (
            "set_publishes_relaxed",
            "fetch_or(SET, Release)",
            "fetch_or(SET, Relaxed)",
            "polling::a_set_lets_one_go_on",
            CAUSALITY,
        ),
        (
            "set_in_two_steps_loses_the_mark",
            "let was = self.state.fetch_or(SET, Release);",
            "let was = self.state.load(Relaxed); self.state.store(was | SET, Release);",
            "parking::a_set_lets_one_go_on",
            DEADLOCK,
        ),
        (
            "is_set_looks_relaxed",
            "is_set(self.state.load(Acquire))",
            "is_set(self.state.load(Relaxed))",
            "polling::one_looks_and_one_waits",
            CAUSALITY,
        ),
        (
            "wait_looks_relaxed",
            "let began = self.state.load(Acquire);",
            "let began = self.state.load(Relaxed);",
            "polling::a_set_lets_one_go_on",
            CAUSALITY,
        ),
        (
            "wait_looks_relaxed_after_a_sleep",
            "fetch_or(WAITING, Acquire)",
            "fetch_or(WAITING, Relaxed)",
            "polling::a_set_lets_one_go_on",
            CAUSALITY,
        ),
        (
            "wait_misses_a_set_that_was_reset",
            " || generation(now) != generation(began)",
            "",
            "parking::a_set_is_not_missed_though_it_is_reset_at_once",
            DEADLOCK,
        ),
        (
            "reset_gives_up_beside_a_waiter_that_returns",
            "Err(now) => was = now,",
            "Err(_) => return,",
            "parking::a_reset_is_not_lost_beside_a_waiter_that_returns",
            ASSERTION,
        ),
        (
            "reset_stays_in_its_generation",
            "(was | FLAGS).wrapping_add(1)",
            "was & !FLAGS",
            "parking::a_set_is_not_missed_though_it_is_reset_at_once",
            DEADLOCK,
        ),
        (
            "reset_takes_back_relaxed",
            "wrapping_add(1), Acquire, Relaxed)",
            "wrapping_add(1), Relaxed, Relaxed)",
            "erring::one_that_resets_sees_what_it_was_set_for_twice",
            DEADLOCK,
        ),
        (
            "two_resets_go_two_generations_on",
            "self.state.compare_exchange(was, (was | FLAGS).wrapping_add(1), Acquire, Relaxed)",
            "Ok::<i32, i32>(self.state.fetch_add((was | FLAGS).wrapping_add(1).wrapping_sub(was), Acquire))",
            "two_resets_are_one",
            ASSERTION,
        ),
        (
            "one_that_gives_up_takes_the_mark_along_from_an_event",
            "if is_over { Look::Done(()) } else { Look::Sleep(self.state, now) }\n        })",
            "if is_over { Look::Done(()) } else { Look::Sleep(self.state, now) }\n        }).inspect_err(|_| { self.state.fetch_and(!WAITING, Relaxed); })",
            "parking::one_gives_up_beside_another",
            DEADLOCK,
        ),
    ],
}];
