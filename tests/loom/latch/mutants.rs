//! The mutants of the latch.
#![cfg(not(loom))]

use crate::mutants::{CAUSALITY, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/primitives/latch.rs",
    mutants: &[
        ("the_last_never_wakes", "self.count.wake(u32::MAX);", "", "parking::one_waits", DEADLOCK),
        ("the_last_wakes_one", "self.count.wake(u32::MAX);", "self.count.wake(1);", "parking::two_wait", DEADLOCK),
        (
            "the_last_looks_back",
            "self.count.wake(u32::MAX);",
            "self.count.wake(u32::MAX); let _ = self.count.load(Relaxed);",
            "one_that_waited_may_free_the_memory_at_once",
            CAUSALITY,
        ),
        (
            "count_down_publishes_relaxed",
            "compare_exchange(was, now, Release, Relaxed)",
            "compare_exchange(was, now, Relaxed, Relaxed)",
            "polling::one_waits",
            CAUSALITY,
        ),
        (
            "count_down_loses_the_mark",
            "left as i32 | was & WAITING",
            "left as i32",
            "parking::one_waits_for_two",
            DEADLOCK,
        ),
        (
            "count_down_in_two_steps_loses_the_mark",
            "match self.count.compare_exchange(was, now, Release, Relaxed) {",
            "match { self.count.store(now, Release); Ok::<i32, i32>(was) } {",
            "parking::one_waits",
            DEADLOCK,
        ),
        (
            "is_done_looks_relaxed",
            "left(self.count.load(Acquire)) == 0",
            "left(self.count.load(Relaxed)) == 0",
            "polling::one_looks",
            CAUSALITY,
        ),
        (
            "a_latch_is_looked_at_relaxed_after_a_sleep",
            "fetch_or(WAITING, Acquire)",
            "fetch_or(WAITING, Relaxed)",
            "polling::one_waits",
            CAUSALITY,
        ),
        (
            "one_that_gives_up_takes_the_mark_along_from_a_latch",
            "if left(now) == 0 { Look::Done(()) } else { Look::Sleep(self.count, now) }\n        })",
            "if left(now) == 0 { Look::Done(()) } else { Look::Sleep(self.count, now) }\n        }).inspect_err(|_| { self.count.fetch_and(!WAITING, Relaxed); })",
            "parking::one_gives_up_beside_another",
            DEADLOCK,
        ),
        (
            "a_latch_is_initialized_relaxed",
            "latch.count.store(count as i32, Release);",
            "latch.count.store(count as i32, Relaxed);",
            "initializing_publishes_what_was_done_before",
            CAUSALITY,
        ),
    ],
}];
