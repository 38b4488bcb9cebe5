//! The barrier.
#![cfg(loom)]

use crate::world::*;
use slotsync::{Barrier, BarrierRole};

fn barrier(world: &World, agents: u32) -> Barrier<'_> {
    Barrier::from_slot(world.word(), agents).unwrap()
}

/// Leaves a mark of its own, meets the others, and finds all marks.
fn meets(world: &World, me: usize, agents: usize) {
    world.leave(me);
    let role = barrier(world, agents.try_into().unwrap()).wait();
    for other in 0..agents {
        assert_eq!(world.found(other), 1, "what each did before it arrived");
    }
    count_leader(world, role);
}

/// How often somebody was the leader.
fn count_leader(world: &World, role: BarrierRole) {
    if role == BarrierRole::Leader {
        world.buffer.slot(1).unwrap().fetch_add(1, Relaxed);
    }
}

fn leaders(world: &World, rounds: i32) {
    assert_eq!(world.buffer.slot(1).unwrap().load(Relaxed), rounds, "one leader for each round");
    assert_eq!(barrier(world, 2).arrived(), 0);
}

fn first_of_two(world: &World) {
    meets(world, 0, 2);
}

fn second_of_two(world: &World) {
    meets(world, 1, 2);
}

fn first_of_three(world: &World) {
    meets(world, 0, 3);
}

fn second_of_three(world: &World) {
    meets(world, 1, 3);
}

fn third_of_three(world: &World) {
    meets(world, 2, 3);
}

/// Two rounds: in each one touches what the other touched in the round before.
fn meets_twice(world: &World, me: usize) {
    for round in 0..2 {
        if round == me {
            world.touch();
        }
        let role = barrier(world, 2).wait();
        count_leader(world, role);
    }
}

fn first_twice(world: &World) {
    meets_twice(world, 0);
}

fn second_twice(world: &World) {
    meets_twice(world, 1);
}

fn wakes_for_no_reason(world: &World) {
    world.word().wake(u32::MAX);
}

fn one_round(world: &World) {
    leaders(world, 1);
}

fn two_rounds(world: &World) {
    leaders(world, 2);
    assert_eq!(world.touched(), 2);
}

/// The last generation: the next is the first again.
fn about_to_wrap(world: &World) {
    world.word().store(!0x7fff, Relaxed);
}

holds! {
    two_meet = &[first_of_two, second_of_two], one_round;
    two_meet_twice = &[first_twice, second_twice, nobody], two_rounds;
    two_meet_where_the_generation_wraps(about_to_wrap) = &[first_twice, second_twice, nobody], two_rounds;
    three_meet[2] = &[first_of_three, second_of_three, third_of_three], one_round;
    a_stray_wake_lets_nobody_pass = &[first_of_two, second_of_two, wakes_for_no_reason], one_round;
}

/// To three preemptions under the double that finds lost wakeups; under the other two that takes minutes.
#[test]
fn three_meet_with_a_preemption_more() {
    check(Double::Parking, &[first_of_three, second_of_three, third_of_three], one_round);
}

/// One comes with little time and one with much: either they meet, or the one that gives up has taken its arrival back. Then
/// the other, which would wait for ever, is met by a third.
#[test]
fn one_that_gives_up_takes_its_arrival_back() {
    fn gives_up(world: &World) {
        world.leave(0);
        match barrier(world, 2).wait_until(far()) {
            Ok(role) => {
                assert_eq!([world.found(0), world.found(1)], [1, 1]);
                count_leader(world, role);
            }
            Err(_) => {
                // Comes again, with time.
                let role = barrier(world, 2).wait();
                assert_eq!(world.found(1), 1);
                count_leader(world, role);
            }
        }
    }
    for double in Double::ALL {
        check(double, &[gives_up, second_of_two], one_round);
    }
}

/// Of three who meet, one comes with little time first, and then with much: the mark that it leaves is another's too.
#[test]
fn one_that_gives_up_leaves_the_mark_of_others() {
    fn comes_twice(world: &World) {
        let role = barrier(world, 3).wait_until(far()).unwrap_or_else(|_| barrier(world, 3).wait());
        count_leader(world, role);
    }
    fn comes(world: &World) {
        count_leader(world, barrier(world, 3).wait());
    }
    // A lost mark is a deadlock, which polling does not see, and erring takes long to.
    check(Double::Parking, &[comes, comes, comes_twice], one_round);
}

/// Of three who meet in pairs one is left over: it withdraws, and nobody takes a withdrawn arrival for one.
#[test]
fn a_withdrawn_arrival_does_not_count() {
    fn tries_to_meet(world: &World) {
        if let Ok(role) = barrier(world, 2).wait_until(far()) {
            count_leader(world, role);
            world.buffer.slot(2).unwrap().fetch_add(1, Relaxed);
        }
    }
    fn pairs(world: &World) {
        let [leaders, met] = [1, 2].map(|index| world.buffer.slot(index).unwrap().load(Relaxed));
        assert_eq!((met, barrier(world, 2).arrived()), (2 * leaders, 0));
    }
    for double in Double::ALL {
        check(double, &[tries_to_meet, tries_to_meet], pairs);
    }
    check(Double::Parking, &[tries_to_meet, tries_to_meet, tries_to_meet], pairs);
}

/// An agent that comes without time arrives only if it is the last.
#[test]
fn one_that_has_no_time_does_not_arrive() {
    fn has_no_time(world: &World) {
        if let Ok(role) = barrier(world, 2).wait_until(Instant::now()) {
            assert_eq!(role, BarrierRole::Leader);
        }
    }
    for double in Double::ALL {
        check(double, &[has_no_time, has_no_time], |world| assert_eq!(world.word().load(Relaxed), 0));
    }
}

#[test]
fn one_that_passes_may_free_the_memory_at_once() {
    fn follows(word: Slot<'_>) -> bool {
        Barrier::from_slot(word, 2).unwrap().wait() == BarrierRole::Follower
    }
    fn leads(word: Slot<'_>) {
        // If it follows, then the other does not free anything.
        let _ = Barrier::from_slot(word, 2).unwrap().wait();
    }
    for double in Double::ALL {
        free_after(0, leads, follows, double);
    }
}
