//! The lock: its tables, and a stranger who takes it by the steps of the page.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, until};
use slotsync::{Lock, LockGuard, NotHeld, SharedBuffer, Slot, TimedOut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::{mem, thread};

const NAMES: Names<'_> = &[("other", &[-1, 3, 7, i32::MIN, i32::MAX])];

#[test]
fn the_states_of_a_lock_are_those_of_the_table() {
    rows::look("lock.md", "lock states", NAMES, 4, |buffer| {
        let is_locked = Lock::new(buffer, 0).unwrap().is_locked();
        if is_locked { "yes" } else { "no" }.to_owned()
    });
}

#[test]
fn every_transition_of_a_lock_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_lock_is_that_of_the_table");
    let calls = [
        ("initialize", 4),
        ("try_lock", 4),
        ("unlock", 4),
        ("lock at once", 1),
        ("lock after a sleep", 1),
        ("lock_for at once", 1),
        ("lock_for that gives up", 3),
    ];
    rows::run("lock.md", "lock transitions", NAMES, &calls, make);
}

/// Makes the call on the lock in slot 0 and says how it answered. What it takes it keeps.
fn make(call: &str, buffer: &SharedBuffer) -> String {
    let lock = Lock::new(buffer, 0).unwrap();
    let answer = match call {
        "initialize" => {
            Lock::initialize(buffer, 0).unwrap();
            "a handle"
        }
        "try_lock" => taken(lock.try_lock()),
        "lock at once" => taken(Some(lock.lock())),
        "lock_for at once" => in_time(lock.lock_for(SHORT)),
        "lock after a sleep" => {
            mem::forget(lock.lock());
            thread::scope(|threads| {
                threads.spawn(move || mem::forget(lock.lock()));
                until("the waiter leaves its mark", || word(buffer).load(Relaxed) == 2);
                lock.unlock().unwrap();
            });
            "a guard"
        }
        "lock_for that gives up" => return giving_up(buffer, 2, || in_time(lock.lock_for(SHORT)).to_owned()),
        "unlock" => match lock.unlock() {
            Ok(()) => "done",
            Err(NotHeld) => "`NotHeld`",
        },
        _ => panic!("a call that this test does not know: {call}"),
    };
    answer.to_owned()
}

fn taken(guard: Option<LockGuard<'_>>) -> &'static str {
    match guard {
        Some(guard) => {
            mem::forget(guard);
            "a guard"
        }
        None => "none",
    }
}

fn in_time(guard: Result<LockGuard<'_>, TimedOut>) -> &'static str {
    guard.map_or("timed out", |guard| taken(Some(guard)))
}

/// The steps of "Rules for another language", on a bare word, beside agents who use the crate.
#[test]
fn a_stranger_that_follows_the_page_shares_the_lock() {
    const TURNS: i32 = 10_000;
    let _watchdog = Watchdog::new("a_stranger_that_follows_the_page_shares_the_lock");
    let buffer = SharedBuffer::new(8).unwrap();
    let (word, total) = (word(&buffer), buffer.slot(1).unwrap());
    let turn = move || total.store(total.load(Relaxed) + 1, Relaxed);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(move || {
                for _ in 0..TURNS {
                    take(word);
                    turn();
                    release(word);
                }
            });
            threads.spawn(move || {
                for _ in 0..TURNS {
                    let _guard = Lock::from_slot(word).lock();
                    turn();
                }
            });
        }
    });
    assert_eq!((total.load(Relaxed), word.load(Relaxed)), (4 * TURNS, 0));
}

pub(crate) fn take(word: Slot<'_>) {
    if word.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
        return;
    }
    while word.swap(2, Acquire) != 0 {
        let _ = word.wait(2);
    }
}

pub(crate) fn release(word: Slot<'_>) {
    let was = word.swap(0, Release);
    if was != 0 && was != 1 {
        word.wake(1);
    }
}
