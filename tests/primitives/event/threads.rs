//! What an event promises, over every origin of memory, between threads.

use crate::support::{
    LONG, Memory, OnDrop, Plain, SHORT, Watchdog, assert_not_early, join_all, sees_sleepers, sleepers,
    under_stray_wakes, until,
};
use slotsync::{Error, Event, SharedBuffer, Slot, TimedOut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_an_event_that_is_not_set
    a_set_lets_all_return_who_wait
    an_event_stays_set_until_it_is_reset
    an_event_that_is_reset_at_once_after_a_set_lets_all_return_who_waited_before
    a_waiter_that_comes_after_the_reset_waits_for_the_next_set
    a_reset_resets_though_a_waiter_returns_meanwhile
    writes_before_a_set_are_seen_also_after_a_reset
    a_timed_wait_ends_not_before_its_time
    a_timed_wait_returns_for_a_set
    a_deadline_in_the_past_is_a_look
    the_generation_wraps_around
    a_stray_wake_lets_nobody_return
    events_in_neighbouring_slots_are_strangers
    every_word_is_an_event
}

const WAITING: i32 = 2;

fn event(memory: &Memory) -> Event<'_> {
    Event::new(&memory.buffer, 5).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

/// How many waiters there can be in a test in which all of them must have begun to wait.
fn waiters() -> usize {
    if sees_sleepers() { 3 } else { 1 }
}

fn until_one_waits(memory: &Memory) {
    until("the waiter has left its mark", || word(memory).load(Relaxed) & WAITING != 0);
}

fn fresh_memory_is_an_event_that_is_not_set(memory: &Memory) {
    assert!(!event(memory).is_set());
    event(memory).reset();
    assert_eq!(word(memory).load(Relaxed), 0, "there was nothing to reset");
    event(memory).set();
    assert!(event(memory).is_set());
    event(memory).wait();
}

fn a_set_lets_all_return_who_wait(memory: &Memory) {
    let _watchdog = Watchdog::new("a_set_lets_all_return_who_wait");
    let returned = AtomicUsize::new(0);
    thread::scope(|threads| {
        let (event, returned) = (event(memory), &returned);
        let waiters = sleepers(threads, 4, move || {
            event.wait();
            returned.fetch_add(1, Relaxed);
        });
        until_one_waits(memory);
        assert_eq!(returned.load(Relaxed), 0);
        event.set();
        join_all(waiters);
    });
    assert!(event(memory).is_set());
}

fn an_event_stays_set_until_it_is_reset(memory: &Memory) {
    let event = event(memory);
    event.set();
    event.set();
    for _ in 0..3 {
        event.wait();
        assert_eq!(event.wait_for(Duration::MAX), Ok(()));
        assert!(event.is_set());
    }
    event.reset();
    assert!(!event.is_set(), "one reset for any number of sets");
    event.reset();
    event.set();
    assert!(event.is_set(), "one set for any number of resets");
}

fn an_event_that_is_reset_at_once_after_a_set_lets_all_return_who_waited_before(memory: &Memory) {
    let _watchdog = Watchdog::new("who_waited_before");
    for _ in 0..50 {
        // A waiter that returned may have left a mark behind.
        let event = Event::initialize(&memory.buffer, 5).unwrap();
        thread::scope(|threads| {
            let waiters = sleepers(threads, waiters(), || event.wait());
            until_one_waits(memory);
            event.set();
            event.reset();
            join_all(waiters);
        });
        assert!(!event.is_set());
    }
}

fn a_waiter_that_comes_after_the_reset_waits_for_the_next_set(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_comes_after_the_reset_waits_for_the_next_set");
    let event = event(memory);
    event.set();
    event.reset();
    assert!(event.wait_for(SHORT).is_err());
    let returned = AtomicUsize::new(0);
    thread::scope(|threads| {
        let returned = &returned;
        let waiters = sleepers(threads, 2, || {
            event.wait();
            returned.fetch_add(1, Relaxed);
        });
        until_one_waits(memory);
        event.reset();
        assert_eq!(returned.load(Relaxed), 0, "a reset lets nobody return");
        event.set();
        join_all(waiters);
    });
}

fn a_reset_resets_though_a_waiter_returns_meanwhile(memory: &Memory) {
    let _watchdog = Watchdog::new("a_reset_resets_though_a_waiter_returns_meanwhile");
    let (event, is_over) = (event(memory), AtomicBool::new(false));
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !is_over.load(Relaxed) {
                    event.wait();
                }
            });
        }
        let _over = OnDrop(|| {
            is_over.store(true, Relaxed);
            event.set();
        });
        for _ in 0..20_000 {
            event.set();
            event.reset();
            assert!(!event.is_set(), "nobody else sets it, and it was reset");
        }
    });
}

fn writes_before_a_set_are_seen_also_after_a_reset(memory: &Memory) {
    let _watchdog = Watchdog::new("writes_before_a_set_are_seen_also_after_a_reset");
    let data = Plain::default();
    for round in 1..=500 {
        // A waiter that returned may have left a mark behind.
        let event = Event::initialize(&memory.buffer, 5).unwrap();
        thread::scope(|threads| {
            let waiter = threads.spawn(|| {
                event.wait();
                data.read()
            });
            until_one_waits(memory);
            data.write(round);
            event.set();
            event.reset();
            assert_eq!(waiter.join().unwrap(), round);
        });
    }
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let event = event(memory);
    assert_not_early(|timeout| event.wait_for(timeout).is_err(), |deadline| event.wait_until(deadline).is_err());
    assert!(!event.is_set(), "giving up does not set it");
}

fn a_timed_wait_returns_for_a_set(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_returns_for_a_set");
    let event = event(memory);
    for timeout in [LONG, Duration::MAX] {
        thread::scope(|threads| {
            let waiter = threads.spawn(|| event.wait_for(timeout));
            until_one_waits(memory);
            event.set();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
        event.reset();
    }
    // A waiter that gave up has left a mark that is not needed, and does no harm.
    assert!(event.wait_for(Duration::from_millis(1)).is_err());
    event.set();
    assert!(event.is_set());
}

fn a_deadline_in_the_past_is_a_look(memory: &Memory) {
    let (event, past) = (event(memory), Instant::now());
    assert_eq!(event.wait_until(past), Err(TimedOut));
    assert_eq!(event.wait_for(Duration::ZERO), Err(TimedOut));
    assert_eq!(word(memory).load(Relaxed), 0, "an agent that did not wait leaves no mark");
    event.set();
    assert_eq!(event.wait_until(past), Ok(()));
    assert_eq!(event.wait_for(Duration::ZERO), Ok(()));
}

fn the_generation_wraps_around(memory: &Memory) {
    let _watchdog = Watchdog::new("the_generation_wraps_around");
    let event = event(memory);
    for last in [-4, i32::MAX & !3] {
        word(memory).store(last, Relaxed);
        thread::scope(|threads| {
            let waiters = sleepers(threads, waiters(), || event.wait());
            until_one_waits(memory);
            event.set();
            event.reset();
            join_all(waiters);
        });
        assert!(!event.is_set());
        assert_eq!(word(memory).load(Relaxed) & !WAITING, last.wrapping_add(4));
    }
}

fn a_stray_wake_lets_nobody_return(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_lets_nobody_return");
    let event = event(memory);
    under_stray_wakes(word(memory), || {
        assert!(event.wait_for(SHORT).is_err());
        thread::scope(|threads| {
            let waiter = threads.spawn(|| event.wait());
            until_one_waits(memory);
            assert!(!waiter.is_finished());
            event.set();
        });
    });
}

fn events_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = Event::new(&memory.buffer, 6).unwrap();
    event(memory).set();
    assert!(!other.is_set());
    assert_ne!(other, event(memory));
}

fn every_word_is_an_event(memory: &Memory) {
    let event = event(memory);
    for garbage in [-1, i32::MIN, i32::MAX, 6, -2] {
        word(memory).store(garbage, Relaxed);
        assert_eq!(event.is_set(), garbage & 1 == 1);
        assert_eq!(event.wait_for(Duration::from_millis(1)).is_ok(), event.is_set());
        event.set();
        assert!(event.is_set());
        event.reset();
        assert!(!event.is_set());
    }
}

#[test]
fn an_event_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Event::new(&buffer, 15).is_ok());
    assert_eq!(Event::new(&buffer, 16), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        Event::initialize(&buffer, usize::MAX),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn initializing_makes_any_word_an_event_that_is_not_set() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, 2, 3, -1, i32::MIN] {
        buffer.slot(0).unwrap().store(left_behind, Relaxed);
        assert!(!Event::initialize(&buffer, 0).unwrap().is_set());
        assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 0);
    }
}
