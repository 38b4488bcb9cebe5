//! The latch's tables.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, until};
use slotsync::{Error, Latch, SharedBuffer};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

const WAITING: i32 = i32::MIN;
const NAMES: Names<'_> = &[("n", &[1, 2, 1000, i32::MAX - 1]), ("m", &[0, WAITING]), ("WAITING", &[WAITING])];

#[test]
fn the_states_of_a_latch_are_those_of_the_table() {
    rows::look("latch.md", "latch states", NAMES, 4, |buffer| {
        let latch = Latch::new(buffer, 0).unwrap();
        assert_eq!(latch.is_done(), latch.count() == 0);
        latch.count().to_string()
    });
}

#[test]
fn every_transition_of_a_latch_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_latch_is_that_of_the_table");
    let calls = [
        ("initialize with 5", 1),
        ("initialize with 2³¹", 1),
        ("count_down(1)", 4),
        ("count_down(2)", 2),
        ("count_down(0)", 3),
        ("wait at once", 1),
        ("wait after a sleep", 1),
        ("wait_for that gives up", 1),
    ];
    rows::run("latch.md", "latch transitions", NAMES, &calls, make);
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let latch = Latch::new(buffer, 0).unwrap();
    match call {
        "initialize with 5" => done(Latch::initialize(buffer, 0, 5).map(|_| "a handle")),
        "initialize with 2³¹" => done(Latch::initialize(buffer, 0, 1 << 31).map(|_| "a handle")),
        "count_down(0)" => done(latch.count_down(0).map(|()| "done").map_err(Error::from)),
        "count_down(1)" => done(latch.count_down(1).map(|()| "done").map_err(Error::from)),
        "count_down(2)" => done(latch.count_down(2).map(|()| "done").map_err(Error::from)),
        "wait at once" => {
            latch.wait();
            "done".to_owned()
        }
        "wait after a sleep" => {
            // A mark that is there already says nothing: the call sets it again.
            word(buffer).fetch_and(!WAITING, Relaxed);
            thread::scope(|threads| {
                threads.spawn(move || latch.wait());
                until("the waiter leaves its mark", || word(buffer).load(Relaxed) & WAITING != 0);
                latch.count_down(latch.count()).unwrap();
            });
            "done".to_owned()
        }
        "wait_for that gives up" => {
            giving_up(buffer, WAITING, || latch.wait_for(SHORT).map_or("timed out", |()| "done").to_owned())
        }
        _ => panic!("a call that this test does not know: {call}"),
    }
}

fn done(result: Result<&'static str, Error>) -> String {
    match result {
        Ok(answer) => answer.to_owned(),
        Err(Error::TooLongCount { .. }) => "`TooLongCount`".to_owned(),
        Err(Error::TooFewLeft(_)) => "`TooFewLeft`".to_owned(),
        Err(error) => panic!("{error}"),
    }
}
