//! The once.
#![cfg(loom)]

use crate::world::*;
use slotsync::{Once, OnceError, OnceState};
use std::panic::{AssertUnwindSafe, catch_unwind};

impl World {
    fn once(&self) -> Once<'_> {
        Once::from_slot(self.word())
    }
}

/// What every caller finds, whoever ran the initializer.
fn is_initialized(world: &World) {
    assert_eq!(world.touched(), 1, "the initializer ran once, before");
}

fn calls(world: &World) {
    world.once().call_once(|| world.touch()).unwrap();
    is_initialized(world);
}

fn calls_or_gives_up(world: &World) {
    if world.once().call_once_until(|| world.touch(), far()) == Ok(Ok(())) {
        is_initialized(world);
    }
}

fn looks(world: &World) {
    if world.once().state() == OnceState::Done {
        is_initialized(world);
    }
}

fn wakes_for_no_reason(world: &World) {
    world.word().wake(1);
}

fn is_done(world: &World) {
    assert_eq!(world.once().state(), OnceState::Done);
    is_initialized(world);
}

/// The state of a once whose initializer has been killed.
fn died_in_it(world: &World) {
    world.word().store(1, Relaxed);
}

fn repairs_and_resets(world: &World) {
    // Brings what was half done back to what was before it.
    world.leave(0);
    world.once().reset();
}

fn calls_after_repair(world: &World) {
    world.once().call_once(|| assert_eq!(world.found(0), 1, "what was repaired")).unwrap();
}

holds! {
    two_call = &[calls, calls], is_done;
    three_call = &[calls, calls, calls], is_done;
    one_gives_up = &[calls, calls_or_gives_up], is_done;
    one_gives_up_beside_two = &[calls, calls, calls_or_gives_up], is_done;
    one_looks = &[looks, calls], is_done;
    a_stray_wake_lets_nobody_go_on = &[calls, calls, wakes_for_no_reason], is_done;
    /// They wait for the dead one, until somebody resets the once: then one of them runs its own.
    a_reset_lets_one_of_those_that_wait_run(died_in_it) = &[calls_after_repair, repairs_and_resets], |_| ();
    a_reset_lets_one_of_two_that_wait_run(died_in_it) = &[calls_after_repair, calls_after_repair, repairs_and_resets], |_| ();
}

/// An initializer that panics.
fn panics(world: &World) {
    let call = catch_unwind(AssertUnwindSafe(|| {
        world.once().call_once(|| {
            world.touch();
            std::panic::resume_unwind(Box::new(()));
        })
    }));
    assert!(matches!(call, Err(_) | Ok(Err(OnceError::Panicked))));
}

#[test]
fn a_panic_is_seen_by_those_that_wait() {
    fn panicked(world: &World) {
        assert_eq!(world.once().state(), OnceState::Panicked);
        assert_eq!(world.touched(), 1);
    }
    for double in Double::ALL {
        check(double, &[panics, panics], panicked);
        check(double, &[panics, panics, panics], panicked);
    }
}

/// One was taken for dead and is not: it learns so, and does not pass off the next attempt's work as done.
#[test]
fn one_that_was_taken_for_dead_learns_so() {
    fn is_slow(world: &World) {
        let [begun, is_reset] = [1, 2].map(|index| world.buffer.slot(index).unwrap());
        let mut was_reset = false;
        let call = world.once().call_once(|| {
            begun.store(1, Relaxed);
            was_reset = is_reset.load(Relaxed) == 1;
        });
        match call {
            Ok(()) => assert!(!was_reset),
            Err(error) => assert_eq!(error, OnceError::Superseded),
        }
    }
    fn is_rash(world: &World) {
        let [begun, is_reset] = [1, 2].map(|index| world.buffer.slot(index).unwrap());
        if begun.load(Relaxed) == 1 && world.once().state() == OnceState::Running {
            world.once().reset();
            is_reset.store(1, Relaxed);
            world.once().call_once(|| world.touch()).unwrap();
            assert_eq!(world.touched(), 1);
        }
    }
    for double in Double::ALL {
        check(double, &[is_slow, is_rash], |world| assert_eq!(world.once().state(), OnceState::Done));
    }
}

#[test]
fn initializing_publishes_what_was_repaired() {
    fn repairs(world: &World) {
        world.touch();
        Once::initialize(&world.buffer, 0).unwrap();
    }
    fn calls_if_it_may(world: &World) {
        let _ = world.once().call_once_until(|| assert_eq!(world.touched(), 1), Instant::now());
    }
    for double in Double::ALL {
        check_from(double, &[repairs, calls_if_it_may], died_in_it, |_| {});
    }
}

/// The agent that did not run the initializer frees the memory as soon as it returns.
#[test]
fn one_that_waited_may_free_the_memory_at_once() {
    fn calls(word: Slot<'_>) -> bool {
        let mut ran = false;
        Once::from_slot(word).call_once(|| ran = true).unwrap();
        !ran
    }
    for double in Double::ALL {
        free_after(0, |word| _ = calls(word), calls, double);
    }
}
