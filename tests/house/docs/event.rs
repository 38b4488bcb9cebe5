//! The event's tables.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, until};
use slotsync::{Event, SharedBuffer};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::thread;

const WAITING: i32 = 2;
const NAMES: Names<'_> = &[
    // The last generation is followed by the first.
    ("g", &[0, 4, i32::MAX - 3, i32::MIN, -4]),
    ("f", &[0, 1, 2, 3]),
    ("m", &[0, WAITING]),
    ("SET", &[1]),
    ("WAITING", &[WAITING]),
];

#[test]
fn the_states_of_an_event_are_those_of_the_table() {
    rows::look("event.md", "event states", NAMES, 4, |buffer| {
        if Event::new(buffer, 0).unwrap().is_set() { "yes" } else { "no" }.to_owned()
    });
}

#[test]
fn every_transition_of_an_event_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_an_event_is_that_of_the_table");
    let calls = [
        ("initialize", 1),
        ("set", 3),
        ("reset", 2),
        ("wait at once", 1),
        ("wait after a sleep", 1),
        ("wait that sleeps through a set and a reset", 1),
        ("wait_for that gives up", 1),
    ];
    rows::run("event.md", "event transitions", NAMES, &calls, make);
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let event = Event::new(buffer, 0).unwrap();
    let answer = match call {
        "initialize" => {
            Event::initialize(buffer, 0).unwrap();
            "a handle"
        }
        "set" => {
            event.set();
            "done"
        }
        "reset" => {
            event.reset();
            "done"
        }
        "wait at once" => {
            event.wait();
            "done"
        }
        "wait after a sleep" => after_a_sleep(event, buffer, || event.set()),
        // Both in one step, so that the waiter cannot look in between.
        "wait that sleeps through a set and a reset" => after_a_sleep(event, buffer, || {
            let (word, next) = (word(buffer), |was: i32| (was | 3).wrapping_add(1));
            let was = word.load(Relaxed);
            word.compare_exchange(was, next(was), AcqRel, Relaxed).unwrap();
            word.wake(u32::MAX);
        }),
        "wait_for that gives up" => {
            return giving_up(buffer, WAITING, || event.wait_for(SHORT).map_or("timed out", |()| "done").to_owned());
        }
        _ => panic!("a call that this test does not know: {call}"),
    };
    answer.to_owned()
}

fn after_a_sleep(event: Event<'_>, buffer: &SharedBuffer, end: impl FnOnce()) -> &'static str {
    // A mark that is there already says nothing: the call sets it again.
    word(buffer).fetch_and(!WAITING, Relaxed);
    thread::scope(|threads| {
        threads.spawn(move || event.wait());
        until("the waiter leaves its mark", || word(buffer).load(Relaxed) & WAITING != 0);
        end();
    });
    "done"
}
