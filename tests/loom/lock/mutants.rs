//! The mutants of the lock.
//!
//! Left out, because no program can tell them from the crate:
//!
//! - `is_locked` with a stronger load: its answer may be out of date anyway, and it orders nothing.
//! - the failure ordering of the fast path, and the load of the spin, stronger: they read nothing that is used.
//! - an unlock that wakes after state 1 too: a vain wake, which every waiter must bear. The same holds for the set of an
//!   event, the count of a latch, the end of a once, and for marks that a release leaves in the word.
#![cfg(not(loom))]

use crate::mutants::{ASSERTION, CAUSALITY, DEADLOCK, Group};

pub(crate) const MUTANTS: &[Group] = &[
    Group {
        file: "src/primitives/lock.rs",
        mutants: &[
            ("unlock_never_wakes", "self.state.wake(1);", "", "parking::two_lock", DEADLOCK),
            (
                "unlock_wakes_before_it_publishes",
                "let was = self.state.swap(UNLOCKED, Release);",
                "if self.state.load(Relaxed) == CONTENDED { self.state.wake(1); } let was = self.state.swap(UNLOCKED, Release).min(LOCKED);",
                "parking::two_lock",
                DEADLOCK,
            ),
            (
                "unlock_publishes_relaxed",
                "self.state.swap(UNLOCKED, Release)",
                "self.state.swap(UNLOCKED, Relaxed)",
                "polling::two_lock",
                CAUSALITY,
            ),
            (
                "unlock_in_two_steps_loses_the_mark",
                "let was = self.state.swap(UNLOCKED, Release);",
                "let was = self.state.load(Relaxed); self.state.store(UNLOCKED, Release);",
                "parking::two_lock",
                DEADLOCK,
            ),
            (
                "unlock_by_subtraction_lets_two_unlock",
                "let was = self.state.swap(UNLOCKED, Release);",
                "let was = self.state.fetch_sub(1, Release); if was != LOCKED { self.state.store(UNLOCKED, Release); }",
                "of_two_unlocks_of_one_lock_one_is_refused",
                CAUSALITY,
            ),
            (
                "unlock_of_a_free_lock_is_not_refused",
                "UNLOCKED => Err(NotHeld),",
                "UNLOCKED => Ok(()),",
                "of_two_unlocks_of_one_lock_one_is_refused",
                CAUSALITY,
            ),
            (
                "fast_path_takes_relaxed",
                "compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed)",
                "compare_exchange(UNLOCKED, LOCKED, Relaxed, Relaxed)",
                "polling::two_lock",
                CAUSALITY,
            ),
            (
                "fast_path_takes_in_two_steps",
                "self.state.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_ok()",
                "self.state.load(Acquire) == UNLOCKED && { self.state.store(LOCKED, Relaxed); true }",
                "parking::two_lock",
                CAUSALITY,
            ),
            (
                "contended_path_takes_relaxed",
                "match self.state.swap(CONTENDED, Acquire)",
                "match self.state.swap(CONTENDED, Relaxed)",
                "polling::two_lock",
                CAUSALITY,
            ),
            (
                "a_sleeper_takes_without_the_mark",
                "match self.state.swap(CONTENDED, Acquire) {",
                "match if self.try_take() { UNLOCKED } else { self.state.swap(CONTENDED, Acquire) } {",
                "parking::three_lock",
                DEADLOCK,
            ),
            (
                "one_that_gives_up_takes_the_mark_along",
                "            _ => Look::Sleep(self.state, CONTENDED),\n        })",
                "            _ => Look::Sleep(self.state, CONTENDED),\n        }).inspect_err(|_| { let _ = self.state.compare_exchange(CONTENDED, LOCKED, Relaxed, Relaxed); })",
                "parking::one_gives_up_beside_two",
                DEADLOCK,
            ),
            (
                "unlock_looks_back",
                "self.state.wake(1);",
                "self.state.wake(1); let _ = self.state.load(Relaxed);",
                "the_next_holder_may_free_the_memory_at_once",
                CAUSALITY,
            ),
            (
                "a_guard_is_made_before_the_lock_is_taken",
                "self.try_take().then(|| LockGuard { lock: *self })",
                "self.try_take().then_some(LockGuard { lock: *self })",
                "a_failed_try_leaves_the_lock_held",
                ASSERTION,
            ),
            (
                "a_failed_timed_lock_unlocks",
                "self.lock_contended(deadline())?;",
                "let guard = LockGuard { lock: *self }; self.lock_contended(deadline())?; return Ok(guard);",
                "a_failed_try_leaves_the_lock_held",
                ASSERTION,
            ),
            (
                "initialize_publishes_relaxed",
                "lock.state.store(UNLOCKED, Release);",
                "lock.state.store(UNLOCKED, Relaxed);",
                "initializing_publishes_what_was_repaired",
                CAUSALITY,
            ),
            ("a_guard_forgets_to_unlock", "let _ = self.lock.unlock();", "", "parking::two_lock", DEADLOCK),
        ],
    },
    Group {
        file: "src/words/sleeper.rs",
        mutants: &[(
            "one_that_gives_up_takes_a_wake_along",
            "        let found = look(&sleeper);\n        match (found, sleeper.elapsed()) {",
            "        if let Some(elapsed) = sleeper.elapsed() { return Err(elapsed); }\n        let found = look(&sleeper);\n        match (found, sleeper.elapsed()) {",
            "erring::one_gives_up_beside_two",
            DEADLOCK,
        )],
    },
];
