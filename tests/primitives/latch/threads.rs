//! What a latch promises, over every origin of memory, between threads.

use crate::support::{
    LONG, Memory, Plain, SHORT, Watchdog, assert_not_early, join_all, sleepers, under_stray_wakes, until,
};
use slotsync::{Error, Latch, SharedBuffer, Slot, TimedOut, TooFewLeft};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_a_latch_that_is_done
    all_wait_until_the_last_has_counted_down
    a_latch_counts_down_once
    too_many_are_an_error_that_changes_nothing
    writes_before_each_count_are_seen
    counting_down_by_nothing_changes_nothing
    a_timed_wait_ends_not_before_its_time
    a_timed_wait_returns_for_the_last
    a_deadline_in_the_past_is_a_look
    a_stray_wake_lets_nobody_return
    latches_in_neighbouring_slots_are_strangers
    every_word_is_some_count
}

const WAITING: i32 = i32::MIN;
const MAX: u32 = Latch::MAX_COUNT;

fn latch(memory: &Memory, count: u32) -> Latch<'_> {
    Latch::initialize(&memory.buffer, 5, count).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

fn until_one_waits(memory: &Memory) {
    until("the waiter has left its mark", || word(memory).load(Relaxed) & WAITING != 0);
}

fn fresh_memory_is_a_latch_that_is_done(memory: &Memory) {
    let latch = Latch::new(&memory.buffer, 5).unwrap();
    assert!(latch.is_done());
    assert_eq!(latch.count(), 0);
    latch.wait();
    assert_eq!(latch.wait_for(Duration::MAX), Ok(()));
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn all_wait_until_the_last_has_counted_down(memory: &Memory) {
    let _watchdog = Watchdog::new("all_wait_until_the_last_has_counted_down");
    let latch = latch(memory, 4);
    thread::scope(|threads| {
        let waiters = sleepers(threads, 3, || latch.wait());
        until_one_waits(memory);
        for (by, left) in [(1, 3), (2, 1)] {
            latch.count_down(by).unwrap();
            assert_eq!(latch.count(), left);
            assert!(!latch.is_done());
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        }
        latch.count_down(1).unwrap();
        join_all(waiters);
    });
    assert!(latch.is_done());
    latch.wait();
}

fn a_latch_counts_down_once(memory: &Memory) {
    let latch = latch(memory, 1);
    latch.count_down(1).unwrap();
    assert_eq!(latch.count_down(1), Err(TooFewLeft { count: 1, left: 0 }));
    assert!(latch.is_done(), "and stays so");
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn too_many_are_an_error_that_changes_nothing(memory: &Memory) {
    let latch = latch(memory, 3);
    for mark in [0, WAITING] {
        word(memory).store(3 | mark, Relaxed);
        for count in [4, MAX, MAX + 1, u32::MAX] {
            assert_eq!(latch.count_down(count), Err(TooFewLeft { count, left: 3 }));
            assert_eq!(word(memory).load(Relaxed), 3 | mark);
        }
    }
    let error = Error::TooLongCount { count: MAX + 1, max: MAX };
    assert_eq!(Latch::initialize(&memory.buffer, 5, MAX + 1), Err(error));
    assert_eq!(latch.count(), 3);
}

fn writes_before_each_count_are_seen(memory: &Memory) {
    let _watchdog = Watchdog::new("writes_before_each_count_are_seen");
    let data = [(); 3].map(|()| Plain::default());
    for round in 1..=300 {
        let latch = latch(memory, 3);
        thread::scope(|threads| {
            for data in &data {
                threads.spawn(move || {
                    data.write(round);
                    latch.count_down(1).unwrap();
                });
            }
            latch.wait();
            assert!(data.iter().all(|data| data.read() == round));
        });
    }
}

fn counting_down_by_nothing_changes_nothing(memory: &Memory) {
    let latch = latch(memory, 2);
    for word_before in [0, 2, 2 | WAITING] {
        word(memory).store(word_before, Relaxed);
        assert_eq!(latch.count_down(0), Ok(()));
        assert_eq!(word(memory).load(Relaxed), word_before);
    }
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let latch = latch(memory, 2);
    assert_not_early(|timeout| latch.wait_for(timeout).is_err(), |deadline| latch.wait_until(deadline).is_err());
    assert_eq!(latch.count(), 2, "giving up does not count");
}

fn a_timed_wait_returns_for_the_last(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_returns_for_the_last");
    for timeout in [LONG, Duration::MAX] {
        let latch = latch(memory, 1);
        thread::scope(|threads| {
            let waiter = threads.spawn(|| latch.wait_for(timeout));
            until_one_waits(memory);
            latch.count_down(1).unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    }
}

fn a_deadline_in_the_past_is_a_look(memory: &Memory) {
    let (latch, past) = (latch(memory, 1), Instant::now());
    assert_eq!(latch.wait_until(past), Err(TimedOut));
    assert_eq!(latch.wait_for(Duration::ZERO), Err(TimedOut));
    assert_eq!(word(memory).load(Relaxed), 1, "an agent that did not wait leaves no mark");
    latch.count_down(1).unwrap();
    assert_eq!(latch.wait_until(past), Ok(()));
    assert_eq!(latch.wait_for(Duration::ZERO), Ok(()));
}

fn a_stray_wake_lets_nobody_return(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_lets_nobody_return");
    let latch = latch(memory, 2);
    under_stray_wakes(word(memory), || {
        assert!(latch.wait_for(SHORT).is_err());
        thread::scope(|threads| {
            let waiter = threads.spawn(|| latch.wait());
            latch.count_down(1).unwrap();
            assert!(!waiter.is_finished());
            latch.count_down(1).unwrap();
        });
    });
}

fn latches_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = Latch::initialize(&memory.buffer, 6, 1).unwrap();
    let latch = latch(memory, 1);
    latch.count_down(1).unwrap();
    assert!(!other.is_done());
    assert_ne!(other, latch);
}

fn every_word_is_some_count(memory: &Memory) {
    let latch = Latch::new(&memory.buffer, 5).unwrap();
    for (garbage, count) in [(-1, MAX), (i32::MIN, 0), (i32::MAX, MAX), (WAITING | 7, 7)] {
        word(memory).store(garbage, Relaxed);
        assert_eq!(latch.count(), count);
        assert_eq!(latch.is_done(), count == 0);
        assert_eq!(latch.wait_for(Duration::from_millis(1)).is_ok(), count == 0);
        assert_eq!(latch.count_down(count), Ok(()));
        assert!(latch.is_done());
    }
}

#[test]
fn a_latch_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Latch::new(&buffer, 15).is_ok());
    assert_eq!(Latch::new(&buffer, 16), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        Latch::initialize(&buffer, usize::MAX, 1),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn initializing_makes_any_word_a_latch_of_that_count() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, -7, i32::MIN, i32::MAX] {
        for count in [0, 1, MAX] {
            buffer.slot(0).unwrap().store(left_behind, Relaxed);
            assert_eq!(Latch::initialize(&buffer, 0, count).unwrap().count(), count);
            assert_eq!(buffer.slot(0).unwrap().load(Relaxed), count as i32);
        }
    }
}
