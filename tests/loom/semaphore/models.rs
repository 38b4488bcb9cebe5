//! The semaphore.
#![cfg(loom)]

use crate::world::*;
use slotsync::Semaphore;

impl World {
    fn semaphore(&self) -> Semaphore<'_> {
        Semaphore::from_slot(self.word())
    }
}

/// Alone with what the one permit protects.
fn passes(world: &World) {
    world.semaphore().acquire();
    world.touch();
    world.semaphore().release(1).unwrap();
}

fn passes_by_guard(world: &World) {
    let _permit = world.semaphore().permit();
    world.touch();
}

fn passes_twice(world: &World) {
    passes(world);
    passes(world);
}

fn tries(world: &World) {
    if let Some(_permit) = world.semaphore().try_permit() {
        world.touch();
    }
}

fn passes_or_gives_up(world: &World) {
    if let Ok(_permit) = world.semaphore().permit_until(far()) {
        world.touch();
    }
}

fn acquires(world: &World) {
    world.semaphore().acquire();
}

fn acquires_two(world: &World) {
    world.semaphore().acquire_many(2).unwrap();
}

/// Needs one, and has two to give when it has got that.
fn acquires_one_and_releases_two(world: &World) {
    world.semaphore().acquire();
    world.semaphore().release(2).unwrap();
}

fn acquires_two_and_gives_them_back(world: &World) {
    world.semaphore().acquire_many(2).unwrap();
    world.touch();
    world.semaphore().release(2).unwrap();
}

/// Takes part in every hand-over, and leaves no permit behind that it took.
fn acquires_or_gives_up(world: &World) {
    if world.semaphore().acquire_until(far()).is_ok() {
        world.semaphore().release(1).unwrap();
    }
}

fn acquires_two_or_gives_up(world: &World) {
    if world.semaphore().acquire_many_until(2, far()).is_ok() {
        world.semaphore().release(2).unwrap();
    }
}

/// Waits for two for a while, leaving its mark, and then for good.
fn acquires_two_at_the_second_try(world: &World) {
    if world.semaphore().acquire_many_until(2, far()).is_err() {
        world.semaphore().acquire_many(2).unwrap();
    }
}

/// Gives one, takes it back if it is still there, and gives it again.
fn releases_one_for_good(world: &World) {
    world.semaphore().release(1).unwrap();
    if world.semaphore().try_acquire() {
        world.semaphore().release(1).unwrap();
    }
}

fn releases_one_and_one(world: &World) {
    world.semaphore().release(1).unwrap();
    world.semaphore().release(1).unwrap();
}

fn releases_two(world: &World) {
    world.semaphore().release(2).unwrap();
}

fn releases_three(world: &World) {
    world.semaphore().release(3).unwrap();
}

fn releases_one_and_two(world: &World) {
    world.semaphore().release(1).unwrap();
    world.semaphore().release(2).unwrap();
}

fn has_one(world: &World) {
    Semaphore::initialize(&world.buffer, 0, 1).unwrap();
}

fn has_two(world: &World) {
    Semaphore::initialize(&world.buffer, 0, 2).unwrap();
}

fn none_is_left(world: &World) {
    assert_eq!(world.semaphore().permits(), 0);
}

fn two_are_left(world: &World) {
    assert_eq!(world.semaphore().permits(), 2);
}

fn two_passed(world: &World) {
    passed(world, 2..=2);
}

fn three_passed(world: &World) {
    passed(world, 3..=3);
}

fn two_or_three_passed(world: &World) {
    passed(world, 2..=3);
}

fn passed(world: &World, times: std::ops::RangeInclusive<i32>) {
    assert_eq!(world.semaphore().permits(), 1, "a permit was lost, or made of nothing");
    assert!(times.contains(&world.touched()));
}

holds! {
    two_pass(has_one) = &[passes, passes_by_guard], two_passed;
    one_passes_twice_beside_another(has_one) = &[passes_twice, passes, nobody], three_passed;
    three_pass(has_one) = &[passes, passes, passes], three_passed;
    one_tries_beside_two(has_one) = &[passes, passes, tries], two_or_three_passed;
    one_gives_up_beside_another(has_one) = &[passes_twice, passes_or_gives_up, nobody], two_or_three_passed;
    one_gives_up_beside_two(has_one) = &[passes, passes, passes_or_gives_up], two_or_three_passed;
    /// The second finds no mark, as the first has taken it away for the one whom it woke.
    two_quick_releases_reach_two_sleepers = &[acquires, acquires, releases_one_and_one], none_is_left;
    a_release_of_two_reaches_two_sleepers = &[acquires, acquires, releases_two], none_is_left;
    /// A waiter that needs two must not keep for itself the wake that a waiter that needs one could use.
    one_and_two_at_once = &[acquires, acquires_two, releases_three], none_is_left;
    one_that_needs_two_does_not_strand_one_that_needs_one =
        &[acquires_one_and_releases_two, acquires_two, |world| world.semaphore().release(1).unwrap()], none_is_left;
    one_and_two_in_two_steps = &[acquires, acquires_two, releases_one_and_two], none_is_left;
    two_need_two(has_two) = &[acquires_two_and_gives_them_back, acquires_two_and_gives_them_back], two_are_left;
    one_that_gives_up_leaves_the_wake_to_another[3] = &[acquires, acquires_or_gives_up, |world| world.semaphore().release(1).unwrap()], none_is_left;
    one_that_gives_up_to_take_two_leaves_the_wake_to_another =
        &[acquires, acquires_two_or_gives_up, |world| world.semaphore().release(1).unwrap()], none_is_left;
}

/// Of two who need two, neither may keep to itself the wake that who needs one could use.
#[test]
fn two_that_need_two_do_not_strand_one_that_needs_one() {
    fn acquires_one_and_releases_four(world: &World) {
        world.semaphore().acquire();
        world.semaphore().release(4).unwrap();
    }
    fn releases_one(world: &World) {
        world.semaphore().release(1).unwrap();
    }
    check(Double::Parking, &[acquires_two, acquires_two, releases_one, acquires_one_and_releases_four], none_is_left);
}

/// A waiter that needs two must not swallow a wake of one when it finds the mark of one that gave up. A lost wakeup is a
/// deadlock, which polling does not see, and erring takes long to. The agent that comes twice is the last: beginning on the main thread
/// is no preemption.
#[test]
fn one_that_gave_up_to_take_two_does_not_strand_one_that_needs_one() {
    check(
        Double::Parking,
        &[acquires_one_and_releases_two, releases_one_for_good, acquires_two_at_the_second_try],
        none_is_left,
    );
}

#[test]
fn one_that_acquires_may_free_the_memory_at_once() {
    fn acquires(word: Slot<'_>) -> bool {
        Semaphore::from_slot(word).acquire();
        true
    }
    for double in Double::ALL {
        free_after(0, |word| Semaphore::from_slot(word).release(1).unwrap(), acquires, double);
    }
}

#[test]
fn initializing_publishes_what_was_done_before() {
    fn initializes(world: &World) {
        world.touch();
        Semaphore::initialize(&world.buffer, 0, 1).unwrap();
    }
    for double in Double::ALL {
        check(double, &[initializes, tries], |_| {});
    }
}

/// A guard that never was must not release what nobody took.
#[test]
fn a_failed_try_releases_nothing() {
    fn fails(world: &World) {
        assert!(world.semaphore().try_permit().is_none());
        assert!(world.semaphore().permit_until(Instant::now()).is_err());
        assert!(world.semaphore().permit_until(far()).is_err());
    }
    for double in Double::ALL {
        check(double, &[fails], none_is_left);
    }
}
