//! What a once promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total, word};
use crate::support::processes::{FAR, Process, kill_where_it_stays, sign, stay};
use crate::support::processes::{fork, fork_all, fork_asleep, fork_asleep_rescued, fork_victim, join_all};
use crate::support::{Memory, SHORT, Watchdog, until};
use slotsync::{Once, OnceError, OnceState, SharedBuffer, TimedOut};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

over_shared_origins! {
    exactly_one_of_several_processes_runs_and_all_see_what_it_wrote
    processes_sleep_until_another_is_done
    a_panic_in_one_process_is_seen_by_the_others
    a_process_killed_while_it_waits_strands_nobody
    a_waiter_that_was_woken_and_died_strands_nobody
    a_process_that_was_done_and_died_before_the_wake_strands_nobody_beyond_one_slice
    a_process_that_reset_and_died_before_the_wake_strands_nobody_beyond_one_slice
    a_once_whose_process_was_killed_while_it_ran_is_run_again_after_a_reset
    a_process_that_was_slow_and_not_dead_is_superseded
}

fn once(buffer: &SharedBuffer) -> Once<'_> {
    Once::new(buffer, INDEX).unwrap()
}

fn never() {
    panic!("this initializer must not run");
}

/// A child that runs its initializer until this process says that it may end, and what it then must get.
fn runner(memory: &Memory, answer: Result<(), OnceError>) -> Process {
    let runner = fork(memory, |buffer| {
        let initialize = || {
            sign(buffer).store(1, Release);
            while sign(buffer).load(Acquire) == 1 {
                let _ = sign(buffer).wait(1);
            }
        };
        assert_eq!(once(buffer).call_once(initialize), answer);
        0
    });
    until("the initializer runs", || sign(&memory.buffer).load(Acquire) == 1);
    runner
}

fn let_it_end(memory: &Memory) {
    sign(&memory.buffer).store(0, Release);
    sign(&memory.buffer).wake(1);
}

fn exactly_one_of_several_processes_runs_and_all_see_what_it_wrote(memory: &Memory) {
    let _watchdog = Watchdog::new("exactly_one_of_several_processes_runs");
    for round in 1..=10 {
        join_all(fork_all(memory, 4, |buffer| {
            let written = buffer.slot(96).unwrap();
            let initialize = || {
                written.store(round, Relaxed);
                total(buffer).fetch_add(1, Relaxed);
            };
            once(buffer).call_once(initialize).unwrap();
            assert_eq!(written.load(Relaxed), round);
        }));
        assert_eq!(total(&memory.buffer).load(Relaxed), round);
        once(&memory.buffer).reset();
    }
}

fn processes_sleep_until_another_is_done(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_sleep_until_another_is_done");
    let runner = runner(memory, Ok(()));
    let sleepers = fork_asleep(memory, 3, |buffer| once(buffer).call_once(never).unwrap());
    let_it_end(memory);
    join_all(sleepers);
    runner.join();
    assert_eq!(once(&memory.buffer).state(), OnceState::Done);
}

fn a_panic_in_one_process_is_seen_by_the_others(memory: &Memory) {
    let _watchdog = Watchdog::new("a_panic_in_one_process_is_seen_by_the_others");
    let failing = fork(memory, |buffer| {
        let panics = || once(buffer).call_once(|| resume_unwind(Box::new("on purpose")));
        assert!(catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        0
    });
    failing.join();
    join_all(fork_all(memory, 2, |buffer| {
        assert_eq!(once(buffer).call_once(never), Err(OnceError::Panicked));
    }));
    once(&memory.buffer).reset();
    assert_eq!(once(&memory.buffer).call_once(|| ()), Ok(()));
}

fn a_process_killed_while_it_waits_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let runner = runner(memory, Ok(()));
    let mut sleepers = fork_asleep(memory, 3, |buffer| once(buffer).call_once(never).unwrap());
    sleepers.remove(0).kill();
    let_it_end(memory);
    join_all(sleepers); // And without having been rescued.
    runner.join();
}

fn a_waiter_that_was_woken_and_died_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died_strands_nobody");
    let runner = runner(memory, Ok(()));
    let mut sleepers = fork_asleep(memory, 1, |buffer| once(buffer).call_once(never).unwrap());
    let victim = fork_victim(memory, INDEX);
    sleepers.extend(fork_asleep(memory, 1, |buffer| once(buffer).call_once(never).unwrap()));
    let_it_end(memory);
    join_all(sleepers); // And without having been rescued: the end wakes all.
    runner.join();
    drop(victim);
}

fn a_process_that_was_done_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_was_done_and_died_before_the_wake");
    word(&memory.buffer).store(1, Relaxed);
    let sleepers = FAR.map(|timeout| {
        fork_asleep_rescued(memory, 1..=1, |buffer| {
            assert_eq!(once(buffer).call_once_for(never, timeout), Ok(Ok(())));
        })
    });
    // All that the end of an initializer does before its wake.
    assert_eq!(word(&memory.buffer).swap(3, Release), 1 | 4);
    join_all(sleepers.into());
}

fn a_process_that_reset_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_reset_and_died_before_the_wake");
    word(&memory.buffer).store(1, Relaxed);
    let sleeper = fork_asleep_rescued(memory, 1..=1, |buffer| once(buffer).call_once(|| ()).unwrap());
    // All that a reset does before its wake.
    assert_eq!(word(&memory.buffer).swap(8, Release), 1 | 4);
    sleeper.join();
    assert_eq!(word(&memory.buffer).load(Relaxed), 8 | 3);
}

fn a_once_whose_process_was_killed_while_it_ran_is_run_again_after_a_reset(memory: &Memory) {
    let _watchdog = Watchdog::new("a_once_whose_process_was_killed_while_it_ran");
    let victim = fork(memory, |buffer| {
        let _ = once(buffer).call_once(|| stay(buffer));
        0
    });
    until("the initializer runs", || sign(&memory.buffer).load(Acquire) == 1);
    let sleepers = fork_asleep(memory, 3, |buffer| {
        let initialize = || {
            total(buffer).fetch_add(1, Relaxed);
        };
        once(buffer).call_once(initialize).unwrap();
    });
    kill_where_it_stays(memory, victim);
    // Dead or slow, the others cannot tell.
    assert_eq!(once(&memory.buffer).state(), OnceState::Running);
    assert_eq!(once(&memory.buffer).call_once_for(never, SHORT), Err(TimedOut));
    sleepers.iter().for_each(Process::until_asleep);
    once(&memory.buffer).reset();
    join_all(sleepers); // And without having been rescued: the reset wakes all.
    assert_eq!(total(&memory.buffer).load(Relaxed), 1, "one of them has run its own");
    assert_eq!(once(&memory.buffer).state(), OnceState::Done);
}

fn a_process_that_was_slow_and_not_dead_is_superseded(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_was_slow_and_not_dead_is_superseded");
    let runner = runner(memory, Err(OnceError::Superseded));
    once(&memory.buffer).reset();
    assert_eq!(once(&memory.buffer).call_once(|| let_it_end(memory)), Ok(()));
    runner.join();
    assert_eq!(once(&memory.buffer).state(), OnceState::Done);
}
