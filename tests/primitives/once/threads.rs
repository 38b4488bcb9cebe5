//! What a once promises, over every origin of memory, between threads.

use crate::support::{
    LONG, Memory, OnDrop, Plain, Watchdog, assert_not_early, join_all, sleepers, under_stray_wakes, until,
};
use slotsync::{Error, Once, OnceError, OnceState, SharedBuffer, Slot, TimedOut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_a_once_that_was_not_run
    exactly_one_runs_and_all_see_what_it_wrote
    a_call_while_it_runs_waits_for_its_end
    a_panic_is_seen_by_all_until_a_reset
    a_waiter_for_one_that_panics_is_told
    a_reset_lets_another_run
    a_reset_while_it_runs_lets_one_of_those_who_wait_run
    one_that_was_reset_while_it_ran_is_superseded
    one_that_was_superseded_and_panics_changes_nothing
    a_timed_call_gives_up_while_another_runs
    a_timed_call_returns_when_another_is_done
    a_timed_call_takes_its_time_for_its_own_initializer
    a_deadline_in_the_past_is_a_try
    the_attempt_wraps_around
    a_stray_wake_lets_nobody_return_early
    onces_in_neighbouring_slots_are_strangers
    every_word_is_a_once
}

const WAITING: i32 = 4;

fn once(memory: &Memory) -> Once<'_> {
    Once::new(&memory.buffer, 5).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

/// For a call whose initializer must not run.
fn never() {
    panic!("this initializer must not run");
}

/// As a panic, but without a report of it.
fn fail() {
    resume_unwind(Box::new("on purpose"));
}

fn call_failing(once: Once<'_>) {
    assert!(catch_unwind(|| once.call_once(fail)).is_err(), "the panic goes on to the caller");
}

/// Runs `body` while another thread runs the initializer of the once, and lets that end when `body` returns. Says what
/// the thread got.
fn while_another_runs(memory: &Memory, body: impl FnOnce()) -> Result<(), OnceError> {
    let may_end = AtomicBool::new(false);
    thread::scope(|threads| {
        let runner =
            threads.spawn(|| once(memory).call_once(|| until("the initializer may end", || may_end.load(Relaxed))));
        until("another runs", || once(memory).state() == OnceState::Running);
        let end = OnDrop(|| may_end.store(true, Relaxed));
        body();
        drop(end);
        runner.join().unwrap()
    })
}

fn until_one_waits(memory: &Memory) {
    until("the waiter has left its mark", || word(memory).load(Relaxed) & WAITING != 0);
}

fn fresh_memory_is_a_once_that_was_not_run(memory: &Memory) {
    assert_eq!(once(memory).state(), OnceState::NotRun);
    let mut runs = 0;
    for _ in 0..3 {
        once(memory).call_once(|| runs += 1).unwrap();
        assert_eq!(once(memory).state(), OnceState::Done);
    }
    assert_eq!(runs, 1);
    assert_eq!(word(memory).load(Relaxed), 3);
}

fn exactly_one_runs_and_all_see_what_it_wrote(memory: &Memory) {
    let _watchdog = Watchdog::new("exactly_one_runs_and_all_see_what_it_wrote");
    let (first, second, runs) = (Plain::default(), memory.buffer.slot(64).unwrap(), AtomicI32::new(0));
    for round in 1..=200 {
        Once::initialize(&memory.buffer, 5).unwrap();
        thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    let initialize = || {
                        runs.fetch_add(1, Relaxed);
                        first.write(round);
                        thread::yield_now();
                        second.store(round, Relaxed);
                    };
                    once(memory).call_once(initialize).unwrap();
                    assert_eq!((first.read(), second.load(Relaxed)), (round, round));
                });
            }
        });
        assert_eq!(runs.load(Relaxed), round);
    }
}

fn a_call_while_it_runs_waits_for_its_end(memory: &Memory) {
    let _watchdog = Watchdog::new("a_call_while_it_runs_waits_for_its_end");
    let may_end = AtomicBool::new(false);
    thread::scope(|threads| {
        let runner =
            threads.spawn(|| once(memory).call_once(|| until("the initializer may end", || may_end.load(Relaxed))));
        let _end = OnDrop(|| may_end.store(true, Relaxed));
        until("another runs", || once(memory).state() == OnceState::Running);
        let waiters = sleepers(threads, 3, || once(memory).call_once(never));
        until_one_waits(memory);
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        may_end.store(true, Relaxed);
        assert_eq!(join_all(waiters), [Ok(()), Ok(()), Ok(())]);
        assert_eq!(runner.join().unwrap(), Ok(()));
    });
    assert_eq!(once(memory).state(), OnceState::Done);
}

fn a_panic_is_seen_by_all_until_a_reset(memory: &Memory) {
    let once = once(memory);
    call_failing(once);
    for _ in 0..2 {
        assert_eq!(once.state(), OnceState::Panicked);
        assert_eq!(once.call_once(never), Err(OnceError::Panicked));
        assert_eq!(once.call_once_for(never, LONG), Ok(Err(OnceError::Panicked)));
        assert_eq!(once.call_once_until(never, Instant::now()), Ok(Err(OnceError::Panicked)));
    }
    once.reset();
    assert_eq!(once.state(), OnceState::NotRun);
    let mut ran = false;
    assert_eq!(once.call_once(|| ran = true), Ok(()));
    assert!(ran);
    assert_eq!(once.state(), OnceState::Done);
}

fn a_waiter_for_one_that_panics_is_told(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_for_one_that_panics_is_told");
    let may_end = &AtomicBool::new(false);
    thread::scope(|threads| {
        let failing = || {
            until("the initializer may end", || may_end.load(Relaxed));
            fail();
        };
        let runner = threads.spawn(move || catch_unwind(AssertUnwindSafe(|| once(memory).call_once(failing))).is_err());
        let _end = OnDrop(|| may_end.store(true, Relaxed));
        until("another runs", || once(memory).state() == OnceState::Running);
        let waiters = sleepers(threads, 3, || once(memory).call_once(never));
        may_end.store(true, Relaxed);
        assert!(join_all(waiters).iter().all(|answer| *answer == Err(OnceError::Panicked)));
        assert!(runner.join().unwrap());
    });
}

fn a_reset_lets_another_run(memory: &Memory) {
    let once = once(memory);
    let mut runs = 0;
    for round in 1..=5 {
        once.call_once(|| runs += 1).unwrap();
        assert_eq!(once.state(), OnceState::Done);
        once.reset();
        assert_eq!(once.state(), OnceState::NotRun);
        assert_eq!(word(memory).load(Relaxed), 8 * round);
    }
    assert_eq!(runs, 5);
}

fn a_reset_while_it_runs_lets_one_of_those_who_wait_run(memory: &Memory) {
    let _watchdog = Watchdog::new("a_reset_while_it_runs_lets_one_of_those_who_wait_run");
    let runs = &AtomicUsize::new(0);
    let answer = while_another_runs(memory, || {
        thread::scope(|threads| {
            let count = || {
                runs.fetch_add(1, Relaxed);
            };
            let waiters = sleepers(threads, 3, move || once(memory).call_once(count));
            // As if it were known that the one who runs is dead.
            once(memory).reset();
            assert!(join_all(waiters).iter().all(Result::is_ok));
        });
        assert_eq!(runs.load(Relaxed), 1, "one of three");
        assert_eq!(once(memory).state(), OnceState::Done);
    });
    assert_eq!(answer, Err(OnceError::Superseded));
    assert_eq!(once(memory).state(), OnceState::Done, "the late end of the first is not taken for anything");
}

fn one_that_was_reset_while_it_ran_is_superseded(memory: &Memory) {
    let once = once(memory);
    assert_eq!(once.call_once(|| once.reset()), Err(OnceError::Superseded));
    assert_eq!(once.state(), OnceState::NotRun, "nobody else has run since");
    // Another runs now.
    let answer = once.call_once(|| {
        once.reset();
        word(memory).fetch_or(1, Relaxed);
    });
    assert_eq!(answer, Err(OnceError::Superseded));
    assert_eq!(once.state(), OnceState::Running, "that of the other is not ended");
    once.reset();
    assert_eq!(once.call_once_for(|| once.reset(), LONG), Ok(Err(OnceError::Superseded)));
    assert_eq!(once.call_once_until(|| once.reset(), Instant::now()), Ok(Err(OnceError::Superseded)));
    assert_eq!(once.call_once(|| ()), Ok(()));
}

fn one_that_was_superseded_and_panics_changes_nothing(memory: &Memory) {
    let once = once(memory);
    let failing = || {
        once.reset();
        once.call_once(|| ()).unwrap();
        fail();
    };
    assert!(catch_unwind(AssertUnwindSafe(|| once.call_once(failing))).is_err());
    assert_eq!(once.state(), OnceState::Done, "another has run since");
}

fn a_timed_call_gives_up_while_another_runs(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_call_gives_up_while_another_runs");
    let answer = while_another_runs(memory, || {
        assert_not_early(
            |timeout| once(memory).call_once_for(never, timeout) == Err(TimedOut),
            |deadline| once(memory).call_once_until(never, deadline) == Err(TimedOut),
        );
        assert_eq!(once(memory).state(), OnceState::Running);
    });
    assert_eq!(answer, Ok(()));
}

fn a_timed_call_returns_when_another_is_done(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_call_returns_when_another_is_done");
    for timeout in [LONG, Duration::MAX] {
        Once::initialize(&memory.buffer, 5).unwrap();
        thread::scope(|threads| {
            let mut waiter = None;
            let answer = while_another_runs(memory, || {
                waiter = Some(threads.spawn(move || once(memory).call_once_for(never, timeout)));
                until_one_waits(memory);
            });
            assert_eq!(answer, Ok(()));
            assert_eq!(waiter.unwrap().join().unwrap(), Ok(Ok(())));
        });
    }
}

fn a_timed_call_takes_its_time_for_its_own_initializer(memory: &Memory) {
    let deadline = Instant::now() + Duration::from_millis(1);
    let beyond = || until("the deadline has passed", || Instant::now() > deadline);
    assert_eq!(once(memory).call_once_until(beyond, deadline), Ok(Ok(())));
    assert_eq!(once(memory).state(), OnceState::Done);
}

fn a_deadline_in_the_past_is_a_try(memory: &Memory) {
    let _watchdog = Watchdog::new("a_deadline_in_the_past_is_a_try");
    let past = Instant::now();
    let answer = while_another_runs(memory, || {
        assert_eq!(once(memory).call_once_until(never, past), Err(TimedOut));
        assert_eq!(once(memory).call_once_for(never, Duration::ZERO), Err(TimedOut));
        assert_eq!(word(memory).load(Relaxed), 1, "an agent that did not wait leaves no mark");
    });
    assert_eq!(answer, Ok(()));
    assert_eq!(once(memory).call_once_until(never, past), Ok(Ok(())));
    once(memory).reset();
    let mut ran = false;
    assert_eq!(once(memory).call_once_for(|| ran = true, Duration::ZERO), Ok(Ok(())));
    assert!(ran, "nobody ran it, so there was nothing to wait for");
}

fn the_attempt_wraps_around(memory: &Memory) {
    let _watchdog = Watchdog::new("the_attempt_wraps_around");
    for last in [-8, i32::MAX & !7] {
        word(memory).store(last, Relaxed);
        assert_eq!(once(memory).call_once(|| once(memory).reset()), Err(OnceError::Superseded));
        assert_eq!(word(memory).load(Relaxed), last.wrapping_add(8));
        word(memory).store(last, Relaxed);
        let answer = while_another_runs(memory, || {
            thread::scope(|threads| {
                let waiters = sleepers(threads, 2, || once(memory).call_once(|| ()));
                once(memory).reset();
                assert_eq!(join_all(waiters), [Ok(()), Ok(())]);
            });
        });
        assert_eq!(answer, Err(OnceError::Superseded));
        assert_eq!(word(memory).load(Relaxed) & !WAITING, last.wrapping_add(8) | 3);
    }
}

fn a_stray_wake_lets_nobody_return_early(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_lets_nobody_return_early");
    under_stray_wakes(word(memory), || {
        thread::scope(|threads| {
            let mut waiter = None;
            let answer = while_another_runs(memory, || {
                waiter = Some(threads.spawn(|| once(memory).call_once(never)));
                let in_vain = once(memory).call_once_for(never, Duration::from_millis(5));
                assert_eq!(in_vain, Err(TimedOut));
                until_one_waits(memory);
                assert!(!waiter.as_ref().unwrap().is_finished());
            });
            assert_eq!(answer, Ok(()));
            assert_eq!(waiter.unwrap().join().unwrap(), Ok(()));
        });
    });
}

fn onces_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = Once::new(&memory.buffer, 6).unwrap();
    once(memory).call_once(|| other.call_once(|| ()).unwrap()).unwrap();
    other.reset();
    assert_eq!(once(memory).state(), OnceState::Done);
    assert_ne!(other, once(memory));
}

fn every_word_is_a_once(memory: &Memory) {
    let once = once(memory);
    let states = [OnceState::NotRun, OnceState::Running, OnceState::Panicked, OnceState::Done];
    for garbage in [4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1, i32::MIN, i32::MAX] {
        word(memory).store(garbage, Relaxed);
        let state = states[(garbage & 3) as usize];
        assert_eq!(once.state(), state);
        let mut ran = false;
        let answer = once.call_once_for(|| ran = true, Duration::from_millis(1));
        assert_eq!(ran, state == OnceState::NotRun);
        let expected = match state {
            OnceState::NotRun | OnceState::Done => Ok(Ok(())),
            OnceState::Running => Err(TimedOut),
            OnceState::Panicked => Ok(Err(OnceError::Panicked)),
        };
        assert_eq!(answer, expected);
        once.reset();
        assert_eq!(once.call_once(|| ()), Ok(()));
        assert_eq!(once.state(), OnceState::Done);
    }
}

#[test]
fn a_once_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Once::new(&buffer, 15).is_ok());
    assert_eq!(Once::new(&buffer, 16), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        Once::initialize(&buffer, usize::MAX),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn initializing_makes_any_word_a_once_that_was_not_run() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, 2, 3, 5, -7, i32::MIN] {
        buffer.slot(0).unwrap().store(left_behind, Relaxed);
        assert_eq!(Once::initialize(&buffer, 0).unwrap().state(), OnceState::NotRun);
        assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 0);
    }
}
