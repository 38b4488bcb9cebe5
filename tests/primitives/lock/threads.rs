//! What a lock promises, over every origin of memory, between threads.

use crate::support::{LONG, Memory, Plain, Watchdog, assert_not_early, until};
use slotsync::{Error, Lock, NotHeld, SharedBuffer, Slot};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_an_unlocked_lock
    one_agent_at_a_time
    a_lock_that_is_held_is_not_taken
    a_timed_lock_ends_not_before_its_time
    a_timed_lock_takes_what_becomes_free
    a_deadline_in_the_past_is_a_try
    any_agent_may_unlock
    a_lock_that_nobody_holds_cannot_be_unlocked
    a_guard_outlives_its_handle
    locks_in_neighbouring_slots_are_strangers
    a_scribble_is_taken_for_contended
}

fn lock(memory: &Memory) -> Lock<'_> {
    Lock::new(&memory.buffer, 5).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

fn fresh_memory_is_an_unlocked_lock(memory: &Memory) {
    assert!(!lock(memory).is_locked());
    drop(lock(memory).try_lock().expect("a fresh lock is free"));
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn one_agent_at_a_time(memory: &Memory) {
    let _watchdog = Watchdog::new("one_agent_at_a_time");
    let total = Plain::default();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..5_000 {
                    let _guard = lock(memory).lock();
                    total.write(total.read() + 1);
                }
            });
        }
    });
    assert_eq!(total.read(), 20_000);
    assert!(!lock(memory).is_locked());
}

fn a_lock_that_is_held_is_not_taken(memory: &Memory) {
    let guard = lock(memory).lock();
    assert!(lock(memory).is_locked());
    assert!(lock(memory).try_lock().is_none());
    assert!(lock(memory).is_locked(), "a failed try must not unlock");
    drop(guard);
    assert!(lock(memory).try_lock().is_some());
}

fn a_timed_lock_ends_not_before_its_time(memory: &Memory) {
    let _guard = lock(memory).lock();
    let lock = lock(memory);
    assert_not_early(|timeout| lock.lock_for(timeout).is_err(), |deadline| lock.lock_until(deadline).is_err());
    assert!(lock.is_locked(), "giving up must not unlock");
}

fn a_timed_lock_takes_what_becomes_free(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_lock_takes_what_becomes_free");
    for timeout in [LONG, Duration::MAX] {
        let guard = lock(memory).lock();
        thread::scope(|threads| {
            let waiter = threads.spawn(|| lock(memory).lock_for(timeout).is_ok());
            until("the waiter has left its mark", || word(memory).load(Relaxed) == 2);
            drop(guard);
            assert!(waiter.join().unwrap());
        });
        assert!(!lock(memory).is_locked());
    }
}

fn a_deadline_in_the_past_is_a_try(memory: &Memory) {
    let past = Instant::now();
    drop(lock(memory).lock_until(past).expect("free, so it is taken"));
    drop(lock(memory).lock_for(Duration::ZERO).expect("free, so it is taken"));
    let _guard = lock(memory).lock();
    assert!(lock(memory).lock_until(past).is_err());
    assert!(lock(memory).lock_for(Duration::ZERO).is_err());
    assert_eq!(word(memory).load(Relaxed), 1, "an agent that did not wait leaves no mark");
}

fn any_agent_may_unlock(memory: &Memory) {
    let _watchdog = Watchdog::new("any_agent_may_unlock");
    mem::forget(lock(memory).lock());
    thread::scope(|threads| {
        let waiter = threads.spawn(|| drop(lock(memory).lock()));
        until("the waiter has left its mark", || word(memory).load(Relaxed) == 2);
        threads.spawn(|| lock(memory).unlock().unwrap()).join().unwrap();
        waiter.join().unwrap();
    });
    // A guard is Send for the same reason.
    let guard = lock(memory).lock();
    thread::scope(|threads| threads.spawn(move || drop(guard)).join().unwrap());
    assert!(!lock(memory).is_locked());
}

fn a_lock_that_nobody_holds_cannot_be_unlocked(memory: &Memory) {
    assert_eq!(lock(memory).unlock(), Err(NotHeld));
    assert_eq!(word(memory).load(Relaxed), 0, "and nothing changed");
    let guard = lock(memory).lock();
    assert_eq!(lock(memory).unlock(), Ok(()));
    drop(guard); // Unlocked already, by another agent: no panic.
    assert!(!lock(memory).is_locked());
}

fn a_guard_outlives_its_handle(memory: &Memory) {
    let guard = Lock::new(&memory.buffer, 5).unwrap().lock();
    assert_eq!(guard.lock(), lock(memory));
    assert!(lock(memory).is_locked());
}

fn locks_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = Lock::new(&memory.buffer, 6).unwrap();
    let _guard = lock(memory).lock();
    drop(other.try_lock().expect("only its neighbour is locked"));
    assert_ne!(other, lock(memory));
}

fn a_scribble_is_taken_for_contended(memory: &Memory) {
    for garbage in [3, -1, i32::MIN, i32::MAX] {
        word(memory).store(garbage, Relaxed);
        assert!(lock(memory).is_locked());
        assert!(lock(memory).try_lock().is_none());
        assert!(lock(memory).lock_for(Duration::from_millis(1)).is_err());
        assert_eq!(lock(memory).unlock(), Ok(()));
        assert_eq!(word(memory).load(Relaxed), 0);
    }
}

#[test]
fn a_lock_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Lock::new(&buffer, 15).is_ok());
    assert_eq!(Lock::new(&buffer, 16), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        Lock::initialize(&buffer, usize::MAX),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn initializing_makes_any_word_an_unlocked_lock() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, 2, -7] {
        buffer.slot(0).unwrap().store(left_behind, Relaxed);
        assert!(Lock::initialize(&buffer, 0).unwrap().try_lock().is_some());
    }
}

over_every_origin! { lock_js_and_ours_exclude_each_other }

fn lock_js_and_ours_exclude_each_other(memory: &Memory) {
    let _watchdog = Watchdog::new("lock_js_and_ours_exclude_each_other");
    let total = memory.buffer.slot(64).unwrap();
    let bump = || total.store(total.load(Relaxed) + 1, Relaxed);
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                for _ in 0..5_000 {
                    let _guard = lock(memory).lock();
                    bump();
                }
            });
            threads.spawn(|| {
                for _ in 0..5_000 {
                    crate::support::js::lock(word(memory));
                    bump();
                    crate::support::js::unlock(word(memory));
                }
            });
        }
    });
    assert_eq!(total.load(Relaxed), 30_000);
    assert_eq!(word(memory).load(Relaxed), 0);
}
