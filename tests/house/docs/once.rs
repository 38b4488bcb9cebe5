//! The once's tables.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, until};
use slotsync::{Once, OnceError, OnceState, SharedBuffer, TimedOut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::thread;
use std::time::Duration;

const NOT_RUN: i32 = 0;
const RUNNING: i32 = 1;
const PANICKED: i32 = 2;
const DONE: i32 = 3;
const WAITING: i32 = 4;
const ATTEMPT: i32 = 8;
const NAMES: Names<'_> = &[
    // The last attempt is followed by the first.
    ("t", &[0, ATTEMPT, i32::MAX - (ATTEMPT - 1), i32::MIN, -ATTEMPT]),
    ("s", &[NOT_RUN, RUNNING, PANICKED, DONE]),
    ("m", &[0, WAITING]),
    ("RUNNING", &[RUNNING]),
    ("PANICKED", &[PANICKED]),
    ("DONE", &[DONE]),
    ("WAITING", &[WAITING]),
];

#[test]
fn the_states_of_a_once_are_those_of_the_table() {
    rows::look("once.md", "once states", NAMES, 4, |buffer| {
        match Once::new(buffer, 0).unwrap().state() {
            OnceState::NotRun => "not run",
            OnceState::Running => "running",
            OnceState::Panicked => "panicked",
            OnceState::Done => "done",
        }
        .to_owned()
    });
}

#[test]
fn every_transition_of_a_once_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_once_is_that_of_the_table");
    let calls = [
        ("initialize", 1),
        ("reset", 2),
        ("call_once begins", 1),
        ("call_once ends", 2),
        ("call_once ends in another attempt", 1),
        ("call_once panics", 2),
        ("call_once panics in another attempt", 1),
        ("call_once", 2),
        ("call_once after a sleep", 1),
        ("call_once_for without time", 1),
        ("call_once_for that gives up", 1),
    ];
    rows::run("once.md", "once transitions", NAMES, &calls, make);
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let (once, word) = (Once::new(buffer, 0).unwrap(), word(buffer));
    let before = word.load(Relaxed);
    match call {
        "initialize" => {
            Once::initialize(buffer, 0).unwrap();
            "a handle".to_owned()
        }
        "reset" => {
            once.reset();
            "done".to_owned()
        }
        "call_once begins" => {
            let mut begun = None;
            // Without the mark, as the end is not this row's.
            once.call_once(|| begun = Some(word.fetch_and(!WAITING, Relaxed))).unwrap();
            // What the word was while the initializer ran.
            word.store(begun.unwrap(), Relaxed);
            "runs".to_owned()
        }
        "call_once ends" => said(called_at(once, buffer, before, || ())),
        "call_once panics" => said(called_at(once, buffer, before, stops)),
        // The attempt that ends is the one before.
        "call_once ends in another attempt" => said(called_at(once, buffer, before.wrapping_sub(ATTEMPT), || ())),
        "call_once panics in another attempt" => said(called_at(once, buffer, before.wrapping_sub(ATTEMPT), stops)),
        "call_once" => said(Some(once.call_once(|| panic!("there is nothing to run")))),
        "call_once after a sleep" => thread::scope(|threads| {
            // A mark that is there already says nothing: the call sets it again.
            word.fetch_and(!WAITING, Relaxed);
            let waiter = threads.spawn(move || once.call_once(|| panic!("another runs it")));
            until("the waiter leaves its mark", || word.load(Relaxed) & WAITING != 0);
            // The other's end, as the table has it.
            word.swap((before | DONE) & !WAITING, AcqRel);
            word.wake(u32::MAX);
            said(waiter.join().ok())
        }),
        "call_once_for without time" => timed(once.call_once_for(|| panic!("another runs it"), Duration::ZERO)),
        "call_once_for that gives up" => {
            giving_up(buffer, WAITING, || timed(once.call_once_for(|| panic!("another runs it"), SHORT)))
        }
        _ => panic!("a call that this test does not know: {call}"),
    }
}

/// A call that begins in the attempt of that word, and finds at its end the word as it is now. `None`: it panicked.
fn called_at(once: Once<'_>, buffer: &SharedBuffer, attempt: i32, end: fn()) -> Option<Result<(), OnceError>> {
    let word = word(buffer);
    let before = word.swap(attempt & !(ATTEMPT - 1), Relaxed);
    let call = || {
        once.call_once(|| {
            word.store(before, Relaxed);
            end();
        })
    };
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// A panic that prints nothing.
fn stops() {
    resume_unwind(Box::new("stopped"));
}

fn said(result: Option<Result<(), OnceError>>) -> String {
    match result {
        None => "panics",
        Some(Ok(())) => "done",
        Some(Err(OnceError::Superseded)) => "`Superseded`",
        Some(Err(OnceError::Panicked)) => "`Panicked`",
    }
    .to_owned()
}

fn timed(result: Result<Result<(), OnceError>, TimedOut>) -> String {
    result.map_or("timed out".to_owned(), |result| said(Some(result)))
}
