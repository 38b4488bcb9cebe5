//! The event.
#![cfg(loom)]

use crate::world::*;
use slotsync::Event;

impl World {
    fn event(&self) -> Event<'_> {
        Event::from_slot(self.word())
    }
}

fn waits(world: &World) {
    world.event().wait();
    assert_eq!(world.touched(), 1, "what was done before the event was set");
}

fn waits_or_gives_up(world: &World) {
    if world.event().wait_until(far()) == Ok(()) {
        assert_eq!(world.touched(), 1);
    }
}

fn looks(world: &World) {
    if world.event().is_set() {
        assert_eq!(world.touched(), 1);
    }
}

fn sets(world: &World) {
    world.touch();
    world.event().set();
}

/// Resets the event at once if somebody has begun to wait. An agent that came after that would rightly wait for the next time.
fn sets_and_resets_for_one_that_waits(world: &World) {
    let is_awaited = world.word().load(Relaxed) != 0;
    sets(world);
    if is_awaited {
        world.event().reset();
    }
}

/// The last time for who comes after the reset.
fn sets_and_resets_and_sets(world: &World) {
    world.event().set();
    world.event().reset();
    // Also if a waiter marked the word in the middle of the reset.
    assert!(!world.event().is_set());
    world.event().set();
}

/// Has nothing to do with what the others touch.
fn sets_too(world: &World) {
    world.event().set();
}

fn waits_for_either(world: &World) {
    world.event().wait();
}

fn wakes_for_no_reason(world: &World) {
    world.word().wake(1);
}

fn it_is_set(world: &World) {
    assert!(world.event().is_set());
}

fn anything(_: &World) {}

/// Resets the event, then looks whether there is something to do, and only if not, waits for the next set.
fn resets_looks_and_waits(world: &World) {
    world.event().reset();
    if world.buffer.slot(1).unwrap().load(Relaxed) == 0 {
        world.event().wait();
    }
}

fn puts_and_sets(world: &World) {
    world.buffer.slot(1).unwrap().store(1, Relaxed);
    world.event().set();
}

/// As above, but for something that the second of two puts.
fn resets_looks_for_the_other_and_waits(world: &World) {
    world.event().reset();
    if world.buffer.slot(2).unwrap().load(Relaxed) == 0 {
        world.event().wait();
    }
}

fn puts_the_other_and_sets(world: &World) {
    world.buffer.slot(2).unwrap().store(1, Relaxed);
    world.event().set();
}

holds! {
    a_set_lets_one_go_on = &[waits, sets], it_is_set;
    a_set_lets_two_go_on = &[waits, waits, sets], it_is_set;
    one_gives_up_beside_another = &[waits, waits_or_gives_up, sets], it_is_set;
    one_looks_and_one_waits = &[looks, waits, sets], it_is_set;
    two_set_it = &[waits_for_either, sets_too, sets_too], it_is_set;
    a_set_is_not_missed_though_it_is_reset_at_once = &[waits, sets_and_resets_for_one_that_waits], anything;
    a_reset_is_not_lost_beside_a_waiter_that_returns = &[waits_for_either, sets_and_resets_and_sets], it_is_set;
    /// An agent that takes back a set sees what was done before it.
    one_that_resets_sees_what_it_was_set_for = &[resets_looks_and_waits, puts_and_sets], anything;
    one_that_resets_sees_what_it_was_set_for_twice =
        &[resets_looks_for_the_other_and_waits, sets_too, puts_the_other_and_sets], anything;
    a_stray_wake_lets_nobody_go_on = &[waits, sets, wakes_for_no_reason], it_is_set;
}

/// Of two resets one may find that the other was there first: either way the event is reset once in between.
#[test]
fn two_resets_are_one() {
    fn resets(world: &World) {
        world.event().reset();
    }
    fn is_set(world: &World) {
        world.event().set();
    }
    fn is_reset(world: &World) {
        assert!(!world.event().is_set());
        assert_eq!(world.word().load(Relaxed), 4, "one generation on");
    }
    for double in Double::ALL {
        check_from(double, &[resets, resets], is_set, is_reset);
    }
}

#[test]
fn one_that_waited_may_free_the_memory_at_once() {
    fn waits(word: Slot<'_>) -> bool {
        Event::from_slot(word).wait();
        true
    }
    for double in Double::ALL {
        free_after(0, |word| Event::from_slot(word).set(), waits, double);
    }
}
