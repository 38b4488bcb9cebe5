//! The latch.
#![cfg(loom)]

use crate::world::*;
use slotsync::{Latch, TooFewLeft};

impl World {
    fn latch(&self) -> Latch<'_> {
        Latch::from_slot(self.word())
    }
}

fn waits(world: &World) {
    world.latch().wait();
    assert_eq!(world.found(0), 1, "what the one who counted down did before");
}

fn waits_for_both(world: &World) {
    world.latch().wait();
    assert_eq!([world.found(0), world.found(1)], [1, 1], "what both did before they counted down");
}

fn waits_or_gives_up(world: &World) {
    if world.latch().wait_until(far()) == Ok(()) {
        assert_eq!(world.found(0), 1);
    }
}

fn looks(world: &World) {
    if world.latch().is_done() {
        assert_eq!(world.found(0), 1);
    }
}

fn counts_down(world: &World) {
    world.leave(0);
    world.latch().count_down(1).unwrap();
}

fn counts_down_too(world: &World) {
    world.leave(1);
    world.latch().count_down(1).unwrap();
}

fn counts_down_and_waits(world: &World) {
    counts_down(world);
    waits_for_both(world);
}

fn wakes_for_no_reason(world: &World) {
    world.word().wake(1);
}

fn of_one(world: &World) {
    Latch::initialize(&world.buffer, 0, 1).unwrap();
}

fn of_two(world: &World) {
    Latch::initialize(&world.buffer, 0, 2).unwrap();
}

fn it_is_done(world: &World) {
    assert!(world.latch().is_done());
}

holds! {
    one_waits(of_one) = &[waits, counts_down], it_is_done;
    two_wait(of_one) = &[waits, waits, counts_down], it_is_done;
    one_waits_for_two(of_two) = &[waits_for_both, counts_down, counts_down_too], it_is_done;
    one_counts_down_and_waits_for_another(of_two) = &[counts_down_and_waits, counts_down_too], it_is_done;
    one_gives_up_beside_another(of_one) = &[waits, waits_or_gives_up, counts_down], it_is_done;
    one_looks(of_one) = &[looks, counts_down], it_is_done;
    a_stray_wake_lets_nobody_go_on(of_one) = &[waits, counts_down, wakes_for_no_reason], it_is_done;
}

#[test]
fn of_two_counts_where_one_is_left_one_is_refused() {
    fn counts_down_or_not(world: &World) {
        match world.latch().count_down(1) {
            Ok(()) => world.touch(),
            Err(error) => assert_eq!(error, TooFewLeft { count: 1, left: 0 }),
        }
    }
    for double in Double::ALL {
        check_from(double, &[counts_down_or_not, counts_down_or_not], of_one, |world| {
            it_is_done(world);
            assert_eq!(world.touched(), 1);
        });
    }
}

/// A latch of nothing is done from the first: what was done before it was made is seen.
#[test]
fn initializing_publishes_what_was_done_before() {
    fn initializes(world: &World) {
        world.leave(0);
        Latch::initialize(&world.buffer, 0, 0).unwrap();
    }
    for double in Double::ALL {
        check_from(double, &[initializes, looks], of_one, it_is_done);
    }
}

#[test]
fn one_that_waited_may_free_the_memory_at_once() {
    fn waits(word: Slot<'_>) -> bool {
        Latch::from_slot(word).wait();
        true
    }
    for double in Double::ALL {
        free_after(1, |word| Latch::from_slot(word).count_down(1).unwrap(), waits, double);
    }
}
