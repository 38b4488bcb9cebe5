//! Rounds between barriers, in each of which a once is run by one, and reset by one.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, counter, stress, times};
use slotsync::{Barrier, BarrierRole, Once, OnceState, SharedBuffer};
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "rounds of a barrier and a once", prepare: |_| (), agent, conclude } }

const ARRIVED: usize = 0;
const RUNS: usize = 1;
const WRITTEN: usize = 2;
const LED: usize = 3;

fn parts(buffer: &SharedBuffer) -> (Barrier<'_>, Once<'_>) {
    (Barrier::new(buffer, 0, AGENTS as u32).unwrap(), Once::new(buffer, 1).unwrap())
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let (barrier, once) = parts(buffer);
    let [arrived, runs, written, led] = [ARRIVED, RUNS, WRITTEN, LED].map(|number| counter(buffer, number));
    let mut random = Random::of(number);
    for round in 1..=times(1_000) {
        arrived.fetch_add(1, Relaxed);
        led.fetch_add(i32::from(wait(barrier, &mut random) == BarrierRole::Leader), Relaxed);
        assert_eq!(arrived.load(Relaxed), round * AGENTS as i32, "all have arrived, and none again");

        let mut initializer_random = Random::of(number);
        let initialize = || {
            runs.fetch_add(1, Relaxed);
            // Let the others run into it.
            for _ in 0..initializer_random.bits(3) {
                std::thread::yield_now();
            }
            written.store(round, Relaxed);
        };
        let is_done = random.bits(1) == 0 && once.call_once_for(initialize, random.timeout()).is_ok();
        if !is_done {
            once.call_once(|| {
                runs.fetch_add(1, Relaxed);
                written.store(round, Relaxed);
            })
            .unwrap();
        }
        assert_eq!(once.state(), OnceState::Done);
        assert_eq!((runs.load(Relaxed), written.load(Relaxed)), (round, round), "one has run, and all see it");

        // All have looked, and before the leader arrives again nobody calls it again.
        if wait(barrier, &mut random) == BarrierRole::Leader {
            led.fetch_add(1, Relaxed);
            once.reset();
        }
    }
}

/// With a deadline or without.
fn wait(barrier: Barrier<'_>, random: &mut Random) -> BarrierRole {
    while random.bits(1) == 0 {
        if let Ok(role) = barrier.wait_for(random.timeout()) {
            return role;
        }
    }
    barrier.wait()
}

fn conclude(buffer: &SharedBuffer) -> String {
    let rounds = times(1_000);
    let (barrier, once) = parts(buffer);
    assert_eq!((barrier.arrived(), once.state()), (0, OnceState::NotRun));
    let found = [RUNS, WRITTEN, LED].map(|number| counter(buffer, number).load(Relaxed));
    assert_eq!(found, [rounds, rounds, 2 * rounds], "one run and two leaders in each round");
    // No mark is left behind where the generation is.
    assert_eq!(buffer.slot(0).unwrap().load(Relaxed) >> 15, (2 * rounds) << 15 >> 15);
    assert_eq!(buffer.slot(1).unwrap().load(Relaxed), rounds << 3);
    format!("{} rounds", 2 * rounds)
}
