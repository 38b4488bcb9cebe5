//! The condition's tables.

use super::rows::{self, Names, SHORT, word};
use crate::support::{Watchdog, until};
use slotsync::{Cond, Lock, LockGuard, SharedBuffer, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

const NAMES: Names<'_> = &[
    ("s", &[0, 7, i32::MAX, i32::MIN, -1]),
    // Any count but none says that somebody waits.
    ("c", &[1, 5, i32::MAX, i32::MIN, -2]),
    ("n", &[0, 1, 5]),
];

#[test]
fn the_states_of_a_cond_are_those_of_the_table() {
    rows::look("cond.md", "cond states", NAMES, 2, |buffer| {
        let lock = SharedBuffer::new(4).unwrap();
        let before = word(buffer).load(Relaxed);
        Cond::new(buffer, 0, Lock::new(&lock, 0).unwrap()).unwrap().notify_one();
        if word(buffer).load(Relaxed) != before { "yes" } else { "no" }.to_owned()
    });
}

#[test]
fn every_transition_of_a_cond_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_cond_is_that_of_the_table");
    let calls = [
        ("initialize", 1),
        ("notify_one", 2),
        ("notify_all", 2),
        ("wait begins", 1),
        ("wait that is notified", 1),
        ("wait that is woken without a notify", 2),
        ("wait_for without time", 1),
        ("wait_for that gives up", 1),
        ("wait_for that gives up after a notify", 1),
    ];
    rows::run("cond.md", "cond transitions", NAMES, &calls, make);
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let elsewhere = SharedBuffer::new(4).unwrap();
    let lock = Lock::new(&elsewhere, 0).unwrap();
    let (seq, waiters) = (word(buffer), buffer.slot(1).unwrap());
    let cond = match call {
        "initialize" => Cond::initialize(buffer, 0, lock).unwrap(),
        _ => Cond::new(buffer, 0, lock).unwrap(),
    };
    let counted = waiters.load(Relaxed).wrapping_add(1);
    // Makes the call, and does something when it has counted itself. It unlocks after that: the lock is the sign.
    let then = |call: Call, act: &dyn Fn(&dyn Fn() -> bool)| {
        thread::scope(|threads| {
            let waiter = threads.spawn(move || call_locked(cond, call));
            // One whose time is short may be gone before anybody sees it.
            until("the waiter is counted", || waiters.load(Relaxed) == counted || waiter.is_finished());
            drop(lock.lock());
            act(&|| waiter.is_finished());
            waiter.join().unwrap()
        })
    };
    let answer = match call {
        "initialize" => "a handle",
        "notify_one" => {
            cond.notify_one();
            "done"
        }
        "notify_all" => {
            cond.notify_all();
            "done"
        }
        "wait begins" => {
            let mut begun = Vec::new();
            let before = [seq, waiters].map(|slot| slot.load(Relaxed));
            thread::scope(|threads| {
                threads.spawn(move || drop(cond.wait(lock.lock())));
                until("the waiter is counted", || waiters.load(Relaxed) == counted);
                drop(lock.lock());
                begun.extend([seq, waiters].map(|slot| slot.load(Relaxed)));
                cond.notify_all();
            });
            assert_eq!(waiters.load(Relaxed), before[1]);
            // What the words were while it slept.
            [seq, waiters].iter().zip(begun).for_each(|(slot, value)| slot.store(value, Relaxed));
            "sleeps"
        }
        "wait that is notified" => timed(then(forever, &|_| cond.notify_one())),
        "wait that is woken without a notify" => timed(then(forever, &|is_over| {
            until("the wake finds the waiter asleep", || {
                seq.wake(1);
                is_over()
            });
        })),
        "wait_for without time" => timed(cond.wait_for(lock.lock(), Duration::ZERO).map(drop)),
        "wait_for that gives up" => timed(cond.wait_for(lock.lock(), SHORT).map(drop)),
        "wait_for that gives up after a notify" => {
            // The notifier's first step alone: no wake comes. If it came too late, once more.
            let before = seq.load(Relaxed);
            loop {
                let answer = timed(then(|cond, guard| cond.wait_for(guard, 20 * SHORT).map(drop), &|_| {
                    seq.fetch_add(1, Relaxed);
                }));
                if answer == "done" {
                    break answer;
                }
                seq.store(before, Relaxed);
            }
        }
        _ => panic!("a call that this test does not know: {call}"),
    };
    answer.to_owned()
}

/// A call with the condition's lock held.
type Call = for<'a> fn(Cond<'a>, LockGuard<'a>) -> Result<(), TimedOut>;

fn call_locked(cond: Cond<'_>, call: Call) -> Result<(), TimedOut> {
    call(cond, cond.lock().lock())
}

fn forever<'a>(cond: Cond<'a>, guard: LockGuard<'a>) -> Result<(), TimedOut> {
    drop(cond.wait(guard));
    Ok(())
}

fn timed(result: Result<(), TimedOut>) -> &'static str {
    result.map_or("timed out", |()| "done")
}
