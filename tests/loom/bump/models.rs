//! The allocator.
#![cfg(loom)]

use crate::world::*;
use slotsync::BumpAllocator;

impl World {
    /// Of the three slots behind its own.
    fn allocator(&self) -> BumpAllocator<'_> {
        BumpAllocator::new(&self.buffer, 0, 1..4).unwrap()
    }
}

/// Counts itself up in what it gets.
fn allocates(world: &World) {
    if let Ok(offset) = world.allocator().allocate(4, 4) {
        let slot = world.buffer.slot(offset / 4).unwrap();
        assert_eq!(slot.fetch_add(1, Relaxed), 0, "it was another's");
    }
}

fn allocates_two(world: &World) {
    match world.allocator().allocate(8, 4) {
        Ok(offset) => {
            for index in [0, 1] {
                let slot = world.buffer.slot(offset / 4 + index).unwrap();
                assert_eq!(slot.fetch_add(1, Relaxed), 0, "it was another's");
            }
        }
        Err(error) => assert!(matches!(error, Error::Exhausted { left: 0 | 4, .. }), "{error}"),
    }
}

fn allocates_twice(world: &World) {
    allocates(world);
    allocates(world);
}

fn handed_out(world: &World) -> usize {
    let slots = world.buffer.slots(1..4).unwrap();
    slots.iter().filter(|slot| slot.load(Relaxed) == 1).count()
}

fn two_are_used(world: &World) {
    assert_eq!((handed_out(world), world.allocator().left()), (2, 4));
}

fn all_are_used(world: &World) {
    assert_eq!((handed_out(world), world.allocator().left()), (3, 0));
}

/// Two and one, or one and one and one slot that is too few.
fn no_two_are_left(world: &World) {
    assert_eq!(4 * handed_out(world), world.allocator().used());
    assert!(world.allocator().left() < 8);
}

holds! {
    two_allocate = &[allocates, allocates], two_are_used;
    two_exhaust_it = &[allocates_twice, allocates_two], no_two_are_left;
    three_exhaust_it = &[allocates, allocates_two, allocates], no_two_are_left;
    of_four_allocations_one_is_too_many = &[allocates_twice, allocates_twice], all_are_used;
}

/// An agent that is handed a slot sees how the range was left by the agent that began anew.
#[test]
fn initializing_publishes_what_was_done_before() {
    fn full(world: &World) {
        world.word().store(3, Relaxed);
    }
    fn begins_anew(world: &World) {
        world.leave(0);
        BumpAllocator::initialize(&world.buffer, 0, 1..4).unwrap();
    }
    fn is_handed_what_was_left(world: &World) {
        if world.allocator().allocate(4, 4).is_ok() {
            assert_eq!(world.found(0), 1);
        }
    }
    for double in Double::ALL {
        check_from(double, &[begins_anew, is_handed_what_was_left], full, |_| {});
        // By way of what another was handed.
        check_from(double, &[begins_anew, is_handed_what_was_left, is_handed_what_was_left], full, |_| {});
    }
}
