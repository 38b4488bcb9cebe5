//! Rounds that one agent opens with an event, and that the others close with a latch.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, counter, stress, times};
use slotsync::{Event, Latch, SharedBuffer};
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "rounds of an event and a latch", prepare: |_| (), agent, conclude } }

const ROUND: usize = 0;
const DONE: usize = 1;

/// The event and the latch of a round. The next round has others: an agent that is late finds its own as it was.
fn parts(buffer: &SharedBuffer, round: i32) -> (Event<'_>, Latch<'_>) {
    let index = if round % 2 == 0 { 0 } else { 2 };
    (Event::new(buffer, index).unwrap(), Latch::new(buffer, index + 1).unwrap())
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let workers = AGENTS as i32 - 1;
    let [current, done] = [ROUND, DONE].map(|number| counter(buffer, number));
    let mut random = Random::of(number);
    for round in 1..=times(3_000) {
        let (go, finished) = parts(buffer, round);
        if number == 0 {
            Latch::initialize(buffer, if round % 2 == 0 { 1 } else { 3 }, workers as u32).unwrap();
            current.store(round, Relaxed);
            go.set();
            while random.bits(1) == 0 && finished.wait_for(random.timeout()).is_err() {}
            finished.wait();
            assert_eq!(done.load(Relaxed), round * workers, "all have done their part");
            go.reset();
            assert!(!go.is_set());
        } else {
            while random.bits(1) == 0 && go.wait_for(random.timeout()).is_err() {}
            go.wait();
            assert_eq!(current.load(Relaxed), round, "nobody goes before the round is open");
            random.yield_sometimes();
            done.fetch_add(1, Relaxed);
            finished.count_down(1).unwrap();
        }
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    for round in [0, 1] {
        let (go, finished) = parts(buffer, round);
        assert!(!go.is_set() && finished.is_done());
    }
    format!("{} rounds", counter(buffer, ROUND).load(Relaxed))
}
