//! The mutants of the barrier.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[Group {
    file: "src/primitives/barrier.rs",
    mutants: &[
        ("the_leader_never_wakes", "self.state.wake(u32::MAX);", "", "parking::two_meet", DEADLOCK),
        ("the_leader_wakes_one", "self.state.wake(u32::MAX);", "self.state.wake(1);", "parking::three_meet", DEADLOCK),
        (
            "the_leader_looks_back",
            "self.state.wake(u32::MAX);",
            "self.state.wake(u32::MAX); let _ = self.state.load(Relaxed);",
            "one_that_passes_may_free_the_memory_at_once",
            CAUSALITY,
        ),
        (
            "arrivals_publish_nothing",
            "compare_exchange(was, now, AcqRel, Relaxed)",
            "compare_exchange(was, now, Acquire, Relaxed)",
            "polling::two_meet",
            CAUSALITY,
        ),
        (
            "the_leader_sees_nothing",
            "compare_exchange(was, now, AcqRel, Relaxed)",
            "compare_exchange(was, now, crate::sync::Ordering::Release, Relaxed)",
            "polling::two_meet",
            CAUSALITY,
        ),
        (
            "followers_look_relaxed",
            "fetch_or(WAITING, Acquire)",
            "fetch_or(WAITING, Relaxed)",
            "polling::two_meet",
            CAUSALITY,
        ),
        (
            "a_round_does_not_end_its_generation",
            "(was | FLAGS).wrapping_add(1)",
            "was & !FLAGS",
            "parking::two_meet",
            DEADLOCK,
        ),
        (
            "a_wake_lets_pass",
            "wait_until_done(deadline, Class::ANY, |_| {",
            "wait_until_done(deadline, Class::ANY, |sleeper| {\n            if sleeper.may_have_taken_a_wake() { return Look::Done(()); }",
            "erring::two_meet",
            ASSERTION,
        ),
        (
            "one_that_gives_up_leaves_its_arrival",
            "Err(elapsed) if self.withdraw(arrival) => Err(elapsed),",
            "Err(elapsed) => Err(elapsed),",
            "a_withdrawn_arrival_does_not_count",
            ASSERTION,
        ),
        (
            "one_that_gives_up_does_not_see_that_the_round_is_over",
            "Err(elapsed) if self.withdraw(arrival) => Err(elapsed),",
            "Err(elapsed) => { self.state.fetch_sub(1, Relaxed); Err(elapsed) }",
            "a_withdrawn_arrival_does_not_count",
            ASSERTION,
        ),
        (
            "one_that_gives_up_takes_the_mark_along_from_a_barrier",
            "compare_exchange(now, now - 1, Relaxed, Acquire)",
            "compare_exchange(now, (now - 1) & !WAITING, Relaxed, Acquire)",
            "one_that_gives_up_leaves_the_mark_of_others",
            DEADLOCK,
        ),
        (
            "one_that_has_no_time_arrives",
            "            if !is_last {\n                deadline.check()?;\n            }",
            "",
            "one_that_has_no_time_does_not_arrive",
            ASSERTION,
        ),
    ],
}];
