//! The semaphore's tables.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, until};
use slotsync::{Error, Semaphore, SharedBuffer, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

const WAITING: i32 = 1 << 30;
const MANY_WAITING: i32 = i32::MIN;
const MAX: i32 = (1 << 30) - 1;
const NAMES: Names<'_> = &[
    ("n", &[1, 2, 1000, MAX - 2]),
    ("m", &[0, WAITING, MANY_WAITING, WAITING | MANY_WAITING]),
    ("WAITING", &[WAITING]),
    ("MANY_WAITING", &[MANY_WAITING]),
    ("MAX", &[MAX]),
];

#[test]
fn the_states_of_a_semaphore_are_those_of_the_table() {
    rows::look("semaphore.md", "semaphore states", NAMES, 8, |buffer| {
        Semaphore::new(buffer, 0).unwrap().permits().to_string()
    });
}

#[test]
fn every_transition_of_a_semaphore_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_semaphore_is_that_of_the_table");
    let calls = [
        ("initialize with 5", 1),
        ("initialize with 2³⁰", 1),
        ("release(0)", 1),
        ("release(1)", 5),
        ("release(2)", 4),
        ("try_acquire", 2),
        ("try_acquire_many(3)", 2),
        ("try_acquire_many(0)", 1),
        ("acquire at once", 1),
        ("acquire after a sleep, of 1 released", 1),
        ("acquire after a sleep, of 3 released", 1),
        ("acquire_many(3) after a sleep, of 3 released", 1),
        ("acquire_many(3) after a sleep, of 5 released", 1),
        ("acquire_for that gives up", 4),
        ("acquire_many_for(3) that gives up", 5),
    ];
    rows::run("semaphore.md", "semaphore transitions", NAMES, &calls, make);
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let semaphore = Semaphore::new(buffer, 0).unwrap();
    match call {
        "initialize with 5" => done(Semaphore::initialize(buffer, 0, 5).map(|_| "a handle")),
        "initialize with 2³⁰" => done(Semaphore::initialize(buffer, 0, 1 << 30).map(|_| "a handle")),
        "release(0)" => done(semaphore.release(0).map(|()| "done").map_err(Error::from)),
        "release(1)" => done(semaphore.release(1).map(|()| "done").map_err(Error::from)),
        "release(2)" => done(semaphore.release(2).map(|()| "done").map_err(Error::from)),
        "try_acquire" => semaphore.try_acquire().to_string(),
        "try_acquire_many(3)" => semaphore.try_acquire_many(3).unwrap().to_string(),
        "try_acquire_many(0)" => semaphore.try_acquire_many(0).unwrap().to_string(),
        "acquire at once" => {
            semaphore.acquire();
            "done".to_owned()
        }
        "acquire after a sleep, of 1 released" => after_a_sleep(semaphore, buffer, 1, 1),
        "acquire after a sleep, of 3 released" => after_a_sleep(semaphore, buffer, 1, 3),
        "acquire_many(3) after a sleep, of 3 released" => after_a_sleep(semaphore, buffer, 3, 3),
        "acquire_many(3) after a sleep, of 5 released" => after_a_sleep(semaphore, buffer, 3, 5),
        "acquire_for that gives up" => giving_up(buffer, WAITING, || timed(semaphore.acquire_for(SHORT))),
        "acquire_many_for(3) that gives up" => {
            giving_up(buffer, MANY_WAITING, || timed(semaphore.acquire_many_for(3, SHORT).map(|taken| taken.unwrap())))
        }
        _ => panic!("a call that this test does not know: {call}"),
    }
}

/// That it marked the word is what can be seen of an agent that is going to sleep.
fn after_a_sleep(semaphore: Semaphore<'_>, buffer: &SharedBuffer, count: u32, released: u32) -> String {
    let mark = if count == 1 { WAITING } else { MANY_WAITING };
    // A mark that is there already says nothing: the call sets it again.
    word(buffer).fetch_and(!mark, Relaxed);
    thread::scope(|threads| {
        threads.spawn(move || semaphore.acquire_many(count).unwrap());
        until("the waiter leaves its mark", || word(buffer).load(Relaxed) & mark != 0);
        semaphore.release(released).unwrap();
    });
    "done".to_owned()
}

fn done(result: Result<&'static str, Error>) -> String {
    match result {
        Ok(answer) => answer.to_owned(),
        Err(Error::TooManyPermits(_)) => "`TooManyPermits`".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

fn timed(result: Result<(), TimedOut>) -> String {
    result.map_or("timed out", |()| "done").to_owned()
}
