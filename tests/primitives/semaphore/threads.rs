//! What a semaphore promises, over every origin of memory, between threads.

use crate::support::{LONG, Memory, Plain, Watchdog, assert_not_early, join_all, sleepers, until};
use slotsync::{Error, Permit, Semaphore, SharedBuffer, Slot, TimedOut, TooManyPermits};
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_a_semaphore_without_permits
    no_more_agents_are_in_than_there_are_permits
    no_signal_is_lost_between_two_agents
    a_release_wakes_as_many_as_it_lets_in
    two_quick_releases_wake_two_sleepers
    a_timed_acquire_ends_not_before_its_time
    a_timed_acquire_takes_what_is_released
    a_timed_out_waiter_takes_no_permit
    waiters_that_give_up_neither_keep_nor_lose_a_permit
    a_deadline_in_the_past_is_a_try
    many_permits_are_taken_all_at_once_or_not_at_all
    a_waiter_for_many_lets_others_pass
    a_waiter_for_one_and_a_waiter_for_two_do_not_strand_each_other
    one_permit_reaches_who_needs_one_past_all_who_need_two
    too_many_permits_are_an_error_that_changes_nothing
    no_permits_are_taken_and_released_at_once
    a_permit_is_released_when_it_is_dropped
    a_forgotten_permit_is_released_by_another_agent
    a_permit_that_does_not_fit_any_more_is_dropped_without_harm
    semaphores_in_neighbouring_slots_are_strangers
    every_word_is_some_number_of_permits
}

const WAITING: i32 = 1 << 30;
const MANY_WAITING: i32 = i32::MIN;
const MAX: u32 = Semaphore::MAX_PERMITS;

fn semaphore(memory: &Memory) -> Semaphore<'_> {
    Semaphore::new(&memory.buffer, 5).unwrap()
}

fn with_permits(memory: &Memory, permits: u32) -> Semaphore<'_> {
    Semaphore::initialize(&memory.buffer, 5, permits).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

fn too_many(permits: u64) -> TooManyPermits {
    TooManyPermits { permits, max: MAX }
}

fn fresh_memory_is_a_semaphore_without_permits(memory: &Memory) {
    let semaphore = semaphore(memory);
    assert_eq!(semaphore.permits(), 0);
    assert!(!semaphore.try_acquire());
    assert!(semaphore.try_permit().is_none());
    assert_eq!(semaphore.try_acquire_many(1), Ok(false));
    assert_eq!(word(memory).load(Relaxed), 0);
    semaphore.release(2).unwrap();
    assert_eq!(semaphore.permits(), 2);
    assert!(semaphore.try_acquire());
    assert_eq!(word(memory).load(Relaxed), 1);
}

fn no_more_agents_are_in_than_there_are_permits(memory: &Memory) {
    let _watchdog = Watchdog::new("no_more_agents_are_in_than_there_are_permits");
    let semaphore = with_permits(memory, 2);
    let [inside, passed] = [64, 65].map(|index| memory.buffer.slot(index).unwrap());
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..2_000 {
                    let _permit = semaphore.permit();
                    assert!(inside.fetch_add(1, Relaxed) < 2);
                    passed.fetch_add(1, Relaxed);
                    inside.fetch_sub(1, Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.load(Relaxed), 8_000);
    assert_eq!(semaphore.permits(), 2);
}

fn no_signal_is_lost_between_two_agents(memory: &Memory) {
    let _watchdog = Watchdog::new("no_signal_is_lost_between_two_agents");
    let [ping, pong] = [5, 6].map(|index| Semaphore::new(&memory.buffer, index).unwrap());
    let total = Plain::default();
    thread::scope(|threads| {
        threads.spawn(|| {
            for round in 0..2_000 {
                ping.acquire();
                assert_eq!(total.read(), 2 * round + 1, "what was done before the release");
                total.write(2 * round + 2);
                pong.release(1).unwrap();
            }
        });
        for round in 0..2_000 {
            total.write(2 * round + 1);
            ping.release(1).unwrap();
            pong.acquire();
            assert_eq!(total.read(), 2 * round + 2, "what was done before the release");
        }
    });
    assert_eq!((ping.permits(), pong.permits()), (0, 0));
}

fn a_release_wakes_as_many_as_it_lets_in(memory: &Memory) {
    let _watchdog = Watchdog::new("a_release_wakes_as_many_as_it_lets_in");
    let semaphore = semaphore(memory);
    thread::scope(|threads| {
        let waiters = sleepers(threads, 3, || semaphore.acquire());
        semaphore.release(3).unwrap();
        join_all(waiters);
    });
    assert_eq!(semaphore.permits(), 0);
}

fn two_quick_releases_wake_two_sleepers(memory: &Memory) {
    let _watchdog = Watchdog::new("two_quick_releases_wake_two_sleepers");
    let semaphore = semaphore(memory);
    for _ in 0..20 {
        thread::scope(|threads| {
            let waiters = sleepers(threads, 2, || semaphore.acquire());
            // The first takes the mark away; who is woken must wake the other.
            semaphore.release(1).unwrap();
            semaphore.release(1).unwrap();
            join_all(waiters);
        });
        assert_eq!(semaphore.permits(), 0);
    }
}

fn a_timed_acquire_ends_not_before_its_time(memory: &Memory) {
    let semaphore = with_permits(memory, 1);
    assert_not_early(
        |timeout| semaphore.acquire_many_for(2, timeout) == Err(TimedOut),
        |deadline| semaphore.acquire_many_until(2, deadline) == Err(TimedOut),
    );
    assert_eq!(semaphore.permits(), 1, "giving up takes nothing");
    semaphore.acquire();
    assert_not_early(
        |timeout| semaphore.acquire_for(timeout).is_err(),
        |deadline| semaphore.acquire_until(deadline).is_err(),
    );
    assert_not_early(
        |timeout| semaphore.permit_for(timeout).is_err(),
        |deadline| semaphore.permit_until(deadline).is_err(),
    );
    assert_eq!(semaphore.permits(), 0, "giving up releases nothing");
}

fn a_timed_acquire_takes_what_is_released(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_acquire_takes_what_is_released");
    let semaphore = semaphore(memory);
    for timeout in [LONG, Duration::MAX] {
        thread::scope(|threads| {
            let one = threads.spawn(move || semaphore.acquire_for(timeout));
            until("the waiter for one has left its mark", || word(memory).load(Relaxed) & WAITING != 0);
            semaphore.release(1).unwrap();
            assert_eq!(one.join().unwrap(), Ok(()));

            let two = threads.spawn(move || semaphore.acquire_many_for(2, timeout));
            until("the waiter for two has left its mark", || word(memory).load(Relaxed) & MANY_WAITING != 0);
            semaphore.release(2).unwrap();
            assert_eq!(two.join().unwrap(), Ok(Ok(())));
        });
        assert_eq!(semaphore.permits(), 0);
    }
}

fn a_timed_out_waiter_takes_no_permit(memory: &Memory) {
    let semaphore = semaphore(memory);
    let brief = Duration::from_millis(1);
    assert_eq!(semaphore.acquire_for(brief), Err(TimedOut));
    semaphore.release(1).unwrap();
    assert_eq!(semaphore.acquire_many_for(2, brief), Err(TimedOut));
    assert_eq!(semaphore.permits(), 1);
    assert!(semaphore.try_acquire());
}

fn waiters_that_give_up_neither_keep_nor_lose_a_permit(memory: &Memory) {
    let _watchdog = Watchdog::new("waiters_that_give_up_neither_keep_nor_lose_a_permit");
    const RELEASES: u32 = 3_000;
    let semaphore = semaphore(memory);
    let taken = AtomicU32::new(0);
    thread::scope(|threads| {
        // One who never gives up, and gets what the others leave.
        let patient = threads.spawn(|| {
            for _ in 0..RELEASES / 4 {
                semaphore.acquire();
            }
        });
        for seed in 0..3_u64 {
            let taken = &taken;
            threads.spawn(move || {
                for turn in 0..u64::from(RELEASES) / 4 {
                    let timeout = Duration::from_micros((turn * 7 + seed * 13) % 60);
                    let outcome = semaphore.acquire_for(timeout);
                    taken.fetch_add(u32::from(outcome.is_ok()), Relaxed);
                }
            });
        }
        for _ in 0..RELEASES {
            semaphore.release(1).unwrap();
        }
        patient.join().unwrap();
    });
    assert_eq!(taken.load(Relaxed) + RELEASES / 4 + semaphore.permits(), RELEASES);
}

fn a_deadline_in_the_past_is_a_try(memory: &Memory) {
    let past = Instant::now();
    let semaphore = with_permits(memory, 6);
    assert_eq!(semaphore.acquire_until(past), Ok(()));
    assert_eq!(semaphore.acquire_for(Duration::ZERO), Ok(()));
    assert_eq!(semaphore.acquire_many_until(2, past), Ok(Ok(())));
    assert_eq!(semaphore.acquire_many_for(2, Duration::ZERO), Ok(Ok(())));
    assert_eq!(semaphore.acquire_until(past), Err(TimedOut));
    assert_eq!(semaphore.acquire_for(Duration::ZERO), Err(TimedOut));
    assert_eq!(semaphore.acquire_many_until(2, past), Err(TimedOut));
    assert_eq!(semaphore.acquire_many_for(2, Duration::ZERO), Err(TimedOut));
    assert_eq!(word(memory).load(Relaxed), 0, "an agent that did not wait leaves no mark");
}

fn many_permits_are_taken_all_at_once_or_not_at_all(memory: &Memory) {
    let _watchdog = Watchdog::new("many_permits_are_taken_all_at_once_or_not_at_all");
    let semaphore = with_permits(memory, 2);
    assert_eq!(semaphore.try_acquire_many(3), Ok(false));
    assert_eq!(semaphore.permits(), 2);
    thread::scope(|threads| {
        let waiters = sleepers(threads, 1, || semaphore.acquire_many(4));
        until("the waiter for four has left its mark", || word(memory).load(Relaxed) & MANY_WAITING != 0);
        assert_eq!(semaphore.permits(), 2, "it holds none while it waits");
        semaphore.release(1).unwrap();
        until("it has looked again", || word(memory).load(Relaxed) & MANY_WAITING != 0);
        assert_eq!(semaphore.permits(), 3);
        semaphore.release(2).unwrap();
        assert_eq!(join_all(waiters), [Ok(())]);
    });
    assert_eq!(semaphore.permits(), 1);
}

fn a_waiter_for_many_lets_others_pass(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_for_many_lets_others_pass");
    let semaphore = with_permits(memory, 2);
    thread::scope(|threads| {
        let waiters = sleepers(threads, 1, || semaphore.acquire_many(3));
        until("the waiter for three has left its mark", || word(memory).load(Relaxed) & MANY_WAITING != 0);
        semaphore.acquire();
        semaphore.acquire();
        semaphore.release(3).unwrap();
        assert_eq!(join_all(waiters), [Ok(())]);
    });
    assert_eq!(semaphore.permits(), 0);
}

fn a_waiter_for_one_and_a_waiter_for_two_do_not_strand_each_other(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_for_one_and_a_waiter_for_two_do_not_strand_each_other");
    let semaphore = semaphore(memory);
    for (first, second) in [(1, 2), (2, 1)].repeat(5) {
        for releases in [&[1, 1, 1][..], &[2, 1], &[1, 2], &[3]] {
            thread::scope(|threads| {
                // They sleep in this order.
                let mut waiters = sleepers(threads, 1, move || semaphore.acquire_many(first));
                waiters.extend(sleepers(threads, 1, move || semaphore.acquire_many(second)));
                for count in releases {
                    semaphore.release(*count).unwrap();
                }
                assert_eq!(join_all(waiters), [Ok(()), Ok(())]);
            });
            assert_eq!(semaphore.permits(), 0);
        }
    }
}

fn one_permit_reaches_who_needs_one_past_all_who_need_two(memory: &Memory) {
    let _watchdog = Watchdog::new("one_permit_reaches_who_needs_one_past_all_who_need_two");
    let semaphore = semaphore(memory);
    thread::scope(|threads| {
        // They sleep in this order.
        let greedy = sleepers(threads, 2, || semaphore.acquire_many(2));
        let modest = sleepers(threads, 1, || semaphore.acquire());
        semaphore.release(1).unwrap();
        join_all(modest);
        semaphore.release(4).unwrap();
        assert_eq!(join_all(greedy), [Ok(()), Ok(())]);
    });
    assert_eq!(semaphore.permits(), 0);
}

fn too_many_permits_are_an_error_that_changes_nothing(memory: &Memory) {
    let semaphore = with_permits(memory, 3);
    assert_eq!(Semaphore::initialize(&memory.buffer, 5, MAX + 1), Err(too_many(u64::from(MAX) + 1).into()));
    assert_eq!(semaphore.release(MAX), Err(too_many(u64::from(MAX) + 3)));
    assert_eq!(semaphore.release(u32::MAX), Err(too_many(u64::from(u32::MAX) + 3)));
    for count in [MAX + 1, u32::MAX] {
        let error = too_many(count.into());
        assert_eq!(semaphore.acquire_many(count), Err(error));
        assert_eq!(semaphore.try_acquire_many(count), Err(error));
        assert_eq!(semaphore.acquire_many_for(count, LONG), Ok(Err(error)));
        assert_eq!(semaphore.acquire_many_until(count, Instant::now()), Ok(Err(error)));
    }
    assert_eq!(word(memory).load(Relaxed), 3);
    // Marks are no permits, and stay.
    word(memory).store(3 | WAITING | MANY_WAITING, Relaxed);
    assert_eq!(semaphore.release(MAX - 2), Err(too_many(u64::from(MAX) + 1)));
    assert_eq!(word(memory).load(Relaxed), 3 | WAITING | MANY_WAITING);
    semaphore.release(MAX - 3).unwrap();
    assert_eq!(semaphore.permits(), MAX);
    assert_eq!(semaphore.try_acquire_many(MAX), Ok(true));
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn no_permits_are_taken_and_released_at_once(memory: &Memory) {
    let semaphore = semaphore(memory);
    for marks in [0, WAITING, MANY_WAITING] {
        word(memory).store(marks, Relaxed);
        assert_eq!(semaphore.acquire_many(0), Ok(()));
        assert_eq!(semaphore.try_acquire_many(0), Ok(true));
        assert_eq!(semaphore.acquire_many_for(0, LONG), Ok(Ok(())));
        assert_eq!(semaphore.release(0), Ok(()));
        assert_eq!(word(memory).load(Relaxed), marks);
    }
}

fn a_permit_is_released_when_it_is_dropped(memory: &Memory) {
    let semaphore = with_permits(memory, 4);
    let permits: [Permit<'_>; 4] = [
        semaphore.permit(),
        semaphore.try_permit().unwrap(),
        semaphore.permit_for(LONG).unwrap(),
        Semaphore::new(&memory.buffer, 5).unwrap().permit_until(Instant::now()).unwrap(),
    ];
    assert!(permits.iter().all(|permit| permit.semaphore() == semaphore));
    assert_eq!(semaphore.permits(), 0);
    for (before, permit) in permits.into_iter().enumerate() {
        drop(permit);
        assert_eq!(semaphore.permits() as usize, before + 1);
    }
}

fn a_forgotten_permit_is_released_by_another_agent(memory: &Memory) {
    let _watchdog = Watchdog::new("a_forgotten_permit_is_released_by_another_agent");
    let semaphore = with_permits(memory, 1);
    mem::forget(semaphore.permit());
    thread::scope(|threads| {
        let waiters = sleepers(threads, 1, || drop(semaphore.permit()));
        threads.spawn(|| semaphore.release(1).unwrap()).join().unwrap();
        join_all(waiters);
    });
    // A permit is Send for the same reason.
    let permit = semaphore.permit();
    thread::scope(|threads| threads.spawn(move || drop(permit)).join().unwrap());
    assert_eq!(semaphore.permits(), 1);
}

fn a_permit_that_does_not_fit_any_more_is_dropped_without_harm(memory: &Memory) {
    let semaphore = with_permits(memory, MAX);
    let permit = semaphore.permit();
    semaphore.release(1).unwrap();
    drop(permit);
    assert_eq!(semaphore.permits(), MAX);
}

fn semaphores_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = Semaphore::new(&memory.buffer, 6).unwrap();
    semaphore(memory).release(1).unwrap();
    assert!(!other.try_acquire());
    assert_ne!(other, semaphore(memory));
}

fn every_word_is_some_number_of_permits(memory: &Memory) {
    let semaphore = semaphore(memory);
    for (garbage, permits) in [(-1, MAX), (i32::MIN, 0), (i32::MAX, MAX), (WAITING, 0), (MANY_WAITING | 7, 7)] {
        word(memory).store(garbage, Relaxed);
        assert_eq!(semaphore.permits(), permits);
        assert_eq!(semaphore.try_acquire(), permits > 0);
        assert_eq!(semaphore.try_acquire_many(MAX), Ok(false));
        assert_eq!(semaphore.acquire_many_for(MAX, Duration::from_millis(1)), Err(TimedOut));
        assert_eq!(semaphore.release(1), Ok(()));
        assert_eq!(semaphore.permits(), permits.max(1));
    }
}

#[test]
fn a_semaphore_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Semaphore::new(&buffer, 15).is_ok());
    assert_eq!(Semaphore::new(&buffer, 16), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        Semaphore::initialize(&buffer, usize::MAX, 1),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn initializing_makes_any_word_a_semaphore_of_so_many_permits() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, -7, i32::MIN, i32::MAX] {
        for permits in [0, 1, MAX] {
            buffer.slot(0).unwrap().store(left_behind, Relaxed);
            assert_eq!(Semaphore::initialize(&buffer, 0, permits).unwrap().permits(), permits);
            assert_eq!(buffer.slot(0).unwrap().load(Relaxed), permits as i32);
        }
    }
}
