//! The barrier's tables, for three agents.

use super::rows::{self, Names, SHORT, giving_up, word};
use crate::support::{Watchdog, until};
use slotsync::{Barrier, BarrierRole, SharedBuffer, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

const AGENTS: u32 = 3;
const WAITING: i32 = 1 << 14;
const ROUND: i32 = 1 << 15;
const NAMES: Names<'_> = &[
    // The last generation is followed by the first.
    ("g", &[0, ROUND, i32::MAX - (ROUND - 1), i32::MIN, -ROUND]),
    ("a", &[1, 2, 3, (1 << 14) - 1]),
    ("b", &[0, 1]),
    ("m", &[0, WAITING]),
    ("WAITING", &[WAITING]),
];

#[test]
fn the_states_of_a_barrier_are_those_of_the_table() {
    rows::look("barrier.md", "barrier states", NAMES, 4, |buffer| barrier(buffer).arrived().to_string());
}

#[test]
fn every_transition_of_a_barrier_is_that_of_the_table() {
    let _watchdog = Watchdog::new("every_transition_of_a_barrier_is_that_of_the_table");
    let calls = [
        ("initialize", 1),
        ("wait", 4),
        ("wait after a sleep", 1),
        ("wait_for without time", 3),
        ("wait_for that gives up", 1),
    ];
    rows::run("barrier.md", "barrier transitions", NAMES, &calls, make);
}

fn barrier(buffer: &SharedBuffer) -> Barrier<'_> {
    Barrier::new(buffer, 0, AGENTS).unwrap()
}

fn make(call: &str, buffer: &SharedBuffer) -> String {
    let barrier = barrier(buffer);
    match call {
        "initialize" => {
            Barrier::initialize(buffer, 0, AGENTS).unwrap();
            "a handle".to_owned()
        }
        "wait" => role(Ok(barrier.wait())),
        "wait_for without time" => role(barrier.wait_for(Duration::ZERO)),
        "wait_for that gives up" => giving_up(buffer, WAITING, || role(barrier.wait_for(SHORT))),
        "wait after a sleep" => {
            // A mark that is there already says nothing: the call sets it again.
            word(buffer).fetch_and(!WAITING, Relaxed);
            let missing = (AGENTS - barrier.arrived()) as i32;
            thread::scope(|threads| {
                let waiter = threads.spawn(move || role(Ok(barrier.wait())));
                until("the waiter leaves its mark", || word(buffer).load(Relaxed) & WAITING != 0);
                // The waiter is one of the missing, and the last arrives by itself.
                word(buffer).fetch_add(missing - 2, Relaxed);
                assert_eq!(barrier.wait(), BarrierRole::Leader);
                waiter.join().unwrap()
            })
        }
        _ => panic!("a call that this test does not know: {call}"),
    }
}

fn role(role: Result<BarrierRole, TimedOut>) -> String {
    match role {
        Ok(BarrierRole::Leader) => "leader",
        Ok(BarrierRole::Follower) => "follower",
        Err(TimedOut) => "timed out",
    }
    .to_owned()
}
