//! The mutants of the semaphore.
//!
//! Left out: a release of several that wakes one. The woken agent passes the wake on, which only takes longer.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[
    Group {
        file: "src/primitives/semaphore/mod.rs",
        mutants: &[
            ("release_never_wakes", "self.wake(was, count);", "", "parking::two_pass", DEADLOCK),
            (
                "release_publishes_relaxed",
                "sum(was)?, Release, Relaxed)",
                "sum(was)?, Relaxed, Relaxed)",
                "polling::two_pass",
                CAUSALITY,
            ),
            (
                "release_in_two_steps_loses_the_mark",
                "self.permits.compare_exchange(was, sum(was)?, Release, Relaxed)",
                "{ self.permits.store(sum(was)?, Release); Ok::<i32, i32>(was) }",
                "parking::two_pass",
                DEADLOCK,
            ),
            (
                "release_looks_back",
                "self.wake(was, count);",
                "self.wake(was, count); let _ = self.permits.load(Relaxed);",
                "one_that_acquires_may_free_the_memory_at_once",
                CAUSALITY,
            ),
            (
                "permits_are_taken_relaxed",
                "was - count, Acquire, Relaxed)",
                "was - count, Relaxed, Relaxed)",
                "polling::two_pass",
                CAUSALITY,
            ),
            (
                "permits_are_taken_in_two_steps",
                "self.permits.compare_exchange(was, was - count, Acquire, Relaxed)",
                "{ self.permits.load(Acquire); self.permits.store(was - count, Relaxed); Ok::<i32, i32>(was) }",
                "parking::two_pass",
                CAUSALITY,
            ),
            (
                "one_that_slept_does_not_pass_the_wake_on",
                "self.pass_on(marked - count);",
                "",
                "parking::two_quick_releases_reach_two_sleepers",
                DEADLOCK,
            ),
            (
                "one_that_slept_takes_without_its_mark",
                "if available(marked) >= count && self.take(marked, count).is_ok() {",
                "if available(marked) >= count && self.permits.compare_exchange(marked, available(marked) - count, Acquire, Relaxed).is_ok() {",
                "parking::three_pass",
                DEADLOCK,
            ),
            (
                "one_that_slept_takes_before_it_marks",
                "let was = self.permits.fetch_or(mark, Relaxed);",
                "if self.try_take(count) { return Look::Done(()); } let was = self.permits.fetch_or(mark, Relaxed);",
                "parking::three_pass",
                DEADLOCK,
            ),
            (
                "one_that_needs_many_says_that_it_needs_one",
                "if count == 1 { WAITING } else { MANY_WAITING }",
                "WAITING",
                "parking::one_that_needs_two_does_not_strand_one_that_needs_one",
                DEADLOCK,
            ),
            (
                "one_is_woken_where_one_needs_many",
                "self.permits.wake(u32::MAX);",
                "self.permits.wake(count);",
                "two_that_need_two_do_not_strand_one_that_needs_one",
                DEADLOCK,
            ),
            (
                "one_that_needs_many_swallows_a_wake_of_one",
                "self.pass_on(marked);",
                "",
                "parking::one_that_needs_two_does_not_strand_one_that_needs_one",
                DEADLOCK,
            ),
            (
                "one_that_gives_up_wakes_nobody",
                "must_wake |= mark == MANY_WAITING && was & MANY_WAITING == 0;",
                "must_wake |= deadline.answer().is_none() && mark == MANY_WAITING && was & MANY_WAITING == 0;",
                "one_that_gave_up_to_take_two_does_not_strand_one_that_needs_one",
                DEADLOCK,
            ),
            (
                "one_that_gives_up_takes_the_mark_along_from_a_semaphore",
                "            Look::Sleep(self.permits, marked)\n        })",
                "            Look::Sleep(self.permits, marked)\n        }).inspect_err(|_| { self.permits.fetch_and(!mark, Relaxed); })",
                "parking::one_gives_up_beside_two",
                DEADLOCK,
            ),
            (
                "a_semaphore_is_initialized_relaxed",
                "semaphore.permits.store(permits, Release);",
                "semaphore.permits.store(permits, Relaxed);",
                "initializing_publishes_what_was_done_before",
                CAUSALITY,
            ),
        ],
    },
    Group {
        file: "src/words/sleeper.rs",
        mutants: &[(
            "one_that_gives_up_takes_a_wake_along_from_a_semaphore",
            "        let found = look(&sleeper);\n        match (found, sleeper.elapsed()) {",
            "        if let Some(elapsed) = sleeper.elapsed() { return Err(elapsed); }\n        let found = look(&sleeper);\n        match (found, sleeper.elapsed()) {",
            "erring::one_that_gives_up_leaves_the_wake_to_another",
            DEADLOCK,
        )],
    },
    Group {
        file: "src/primitives/semaphore/permit.rs",
        mutants: &[
            (
                "a_permit_is_made_before_it_is_taken",
                "self.try_acquire().then(|| Permit { semaphore: *self })",
                "self.try_acquire().then_some(Permit { semaphore: *self })",
                "a_failed_try_releases_nothing",
                ASSERTION,
            ),
            (
                "a_failed_timed_permit_is_released",
                "self.acquire_until(deadline).map(|()| Permit { semaphore: *self })",
                "{ let permit = Permit { semaphore: *self }; self.acquire_until(deadline).map(|()| permit) }",
                "a_failed_try_releases_nothing",
                ASSERTION,
            ),
            ("a_permit_forgets_to_release", "let _ = self.semaphore.release(1);", "", "parking::two_pass", DEADLOCK),
        ],
    },
];
