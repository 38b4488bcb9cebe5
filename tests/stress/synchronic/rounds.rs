//! Rounds in which a value is passed from each agent to the next, and of which each ends when all have had it.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, counter, stress, times};
use slotsync::{NotifyHint, Number, SharedBuffer, Synchronic, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

stress! { Stress { name: "rounds of synchronics", prepare: |_| (), agent, conclude } }

const PASSED: usize = 0;

/// As many odd ones as even ones.
fn rounds() -> i32 {
    2 * times(200)
}

/// Whose turn it is. It wraps around.
fn turn(buffer: &SharedBuffer) -> Synchronic<'_, u8> {
    Synchronic::new(buffer, 0).unwrap()
}

/// How many have arrived at the end of a round.
fn arrived(buffer: &SharedBuffer) -> Synchronic<'_, i64> {
    Synchronic::new(buffer, 4).unwrap()
}

/// The last round of which the end has come. Odd rounds have another than even ones: so all who wait for one of them wait
/// for the same round, also if some are still on their way out of the round before it.
fn last_even(buffer: &SharedBuffer) -> Synchronic<'_, f64> {
    Synchronic::new(buffer, 8).unwrap()
}

fn last_odd(buffer: &SharedBuffer) -> Synchronic<'_, i32> {
    Synchronic::new(buffer, 12).unwrap()
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let passed = counter(buffer, PASSED);
    let mut random = Random::of(number);
    for round in 0..rounds() {
        let mine = round * AGENTS as i32 + number as i32;
        // The low byte of it.
        wait(&mut random, turn(buffer), |turn, timeout| match timeout {
            Some(timeout) => turn.load_when_equal_for(mine as u8, timeout),
            None => Ok(turn.load_when_equal(mine as u8)),
        });
        // Whose turn it is, is alone: loads and stores are enough.
        assert_eq!(passed.load(Relaxed), mine, "out of turn");
        random.yield_sometimes();
        passed.store(mine + 1, Relaxed);
        // One of those who wait can go on, whoever is woken.
        turn(buffer).fetch_add(1, if random.bits(1) == 0 { NotifyHint::One } else { NotifyHint::All });

        // Nobody waits for this.
        let is_last = arrived(buffer).fetch_add(1, NotifyHint::None) == i64::from(round + 1) * AGENTS as i64 - 1;
        if round % 2 == 0 {
            // The last lets all go.
            let last = last_even(buffer);
            if is_last {
                last.store(f64::from(round + 2), NotifyHint::All);
            }
            await_other_than(f64::from(round), last, &mut random);
        } else {
            // Each lets one go.
            let last = last_odd(buffer);
            if is_last {
                last.store(round + 1, NotifyHint::None);
            }
            await_other_than(round - 1, last, &mut random);
            last.notify(NotifyHint::One);
        }
        assert!(passed.load(Relaxed) >= (round + 1) * AGENTS as i32, "all have had their turn");
    }
}

fn await_other_than<T: Number>(value: T, last: Synchronic<'_, T>, random: &mut Random) {
    wait(random, last, |last, timeout| match timeout {
        Some(timeout) => last.load_when_not_equal_for(value, timeout),
        None => Ok(last.load_when_not_equal(value)),
    });
}

/// With a deadline or without.
fn wait<'buf, T: Number>(
    random: &mut Random,
    synchronic: Synchronic<'buf, T>,
    load: impl Fn(Synchronic<'buf, T>, Option<Duration>) -> Result<T, TimedOut>,
) -> T {
    loop {
        let timeout = (random.bits(1) == 0).then(|| random.timeout());
        if let Ok(value) = load(synchronic, timeout) {
            return value;
        }
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    let rounds = rounds();
    let turns = rounds * AGENTS as i32;
    assert_eq!(counter(buffer, PASSED).load(Relaxed), turns);
    assert_eq!((turn(buffer).load(), arrived(buffer).load()), (turns as u8, turns.into()));
    assert_eq!((last_even(buffer).load(), last_odd(buffer).load()), (f64::from(rounds), rounds));
    let waiters = [0, 4, 8, 12].map(|index| buffer.slot(index).unwrap().load(Relaxed));
    assert_eq!(waiters, [0; 4], "nobody waits any more");
    format!("{rounds} rounds")
}
