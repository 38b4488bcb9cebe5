//! Models that must fail: a double that lets one of these pass proves nothing about the lock either.
#![cfg(loom)]

use crate::lock::models::{all_three_were_in, all_two_were_in, free_after_unlock};
use crate::world::*;
use slotsync::{NotifyHint, Synchronic};

/// A lock whose steps can be got wrong one at a time.
struct Broken {
    /// What a contended agent takes the lock with.
    takes: i32,
    /// The ordering of taking it after a sleep.
    retakes: std::sync::atomic::Ordering,
    releases: std::sync::atomic::Ordering,
    wakes: bool,
}

const RIGHT: Broken = Broken { takes: 2, retakes: Acquire, releases: Release, wakes: true };

impl Broken {
    fn pass(&self, world: &World) {
        let word = world.word();
        if word.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            while word.swap(self.takes, self.retakes) != 0 {
                let _ = word.wait(self.takes);
            }
        }
        world.touch();
        if word.swap(0, self.releases) != 1 && self.wakes {
            word.wake(1);
        }
    }
}

fn right(world: &World) {
    RIGHT.pass(world);
}

fn forgets_to_wake(world: &World) {
    Broken { wakes: false, ..RIGHT }.pass(world);
}

fn retakes_without_the_mark(world: &World) {
    Broken { takes: 1, ..RIGHT }.pass(world);
}

fn releases_relaxed(world: &World) {
    Broken { releases: Relaxed, ..RIGHT }.pass(world);
}

fn retakes_relaxed(world: &World) {
    Broken { retakes: Relaxed, ..RIGHT }.pass(world);
}

#[test]
fn the_control_holds() {
    for double in Double::ALL {
        check(double, &[right, right], all_two_were_in);
        check(double, &[right, right, right], all_three_were_in);
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_lock_that_forgets_to_wake() {
    check(Double::Parking, &[forgets_to_wake, forgets_to_wake], |_| {});
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_lock_that_forgets_other_sleepers() {
    check(Double::Parking, &[retakes_without_the_mark, retakes_without_the_mark, retakes_without_the_mark], |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_release() {
    check(Double::Polling, &[releases_relaxed, releases_relaxed], |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_recheck_after_sleeping() {
    check(Double::Polling, &[retakes_relaxed, retakes_relaxed], |_| {});
}

/// Takes it for granted that a wake orders memory, as no futex does.
fn trusts_the_wake(world: &World) {
    let word = world.word();
    let mut order = Acquire;
    while word.swap(2, order) != 0 {
        order = if word.wait(2) == Wait::Woken { Relaxed } else { Acquire };
    }
    world.touch();
    word.swap(0, Release);
    word.wake(1);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_wake_that_is_trusted_to_order_memory() {
    check(Double::Polling, &[trusts_the_wake, trusts_the_wake], |_| {});
}

/// Why one double is not enough: unparking orders what the kernel does not.
#[test]
fn parking_alone_is_blind_to_a_wake_that_is_trusted() {
    check(Double::Parking, &[trusts_the_wake, trusts_the_wake], all_two_were_in);
}

/// Why one double is not enough: who polls needs no wake.
#[test]
fn polling_alone_is_blind_to_a_lost_wakeup() {
    check(Double::Polling, &[forgets_to_wake, forgets_to_wake], all_two_were_in);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_unlock_that_looks_back() {
    fn looks_back(word: Slot<'_>) {
        if word.swap(0, Release) != 1 {
            word.wake(1);
        }
        let _ = word.load(Relaxed);
    }
    free_after_unlock(looks_back, Double::Polling);
}

/// Sleeps on a flag, says so in a second word, and takes that back after every wait: also after one that was in vain.
#[test]
#[should_panic(expected = "deadlock")]
fn a_mark_that_is_taken_back_after_a_wait_in_vain() {
    fn waits(world: &World) {
        let [flag, sleeping] = [0, 1].map(|index| world.buffer.slot(index).unwrap());
        sleeping.swap(1, AcqRel);
        fence(SeqCst);
        while flag.load(Acquire) == 0 {
            let _ = flag.wait(0);
            sleeping.swap(0, AcqRel);
        }
    }
    fn raises(world: &World) {
        let [flag, sleeping] = [0, 1].map(|index| world.buffer.slot(index).unwrap());
        flag.swap(1, AcqRel);
        fence(SeqCst);
        if sleeping.swap(0, AcqRel) != 0 {
            flag.wake(1);
        }
    }
    check(Double::Erring, &[waits, raises], |_| {});
}

/// Goes away when its time is up, with whatever wake it swallowed, and leaves no mark for the others.
#[test]
#[should_panic(expected = "deadlock")]
fn one_that_times_out_and_takes_a_wake_along() {
    fn leaves(world: &World) {
        let word = world.word();
        if word.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            while word.swap(2, Acquire) != 0 {
                if word.wait_until(2, far()) == Wait::TimedOut {
                    return;
                }
            }
        }
        world.touch();
        if word.swap(0, Release) != 1 {
            word.wake(1);
        }
    }
    // The fewest preemptions in which that shows.
    check_to(Some(3), Double::Erring, &[right, right, leaves], |_| {}, |_| {});
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_wake_in_another_scope() {
    fn sleeps(world: &World) {
        let word = Slot::from_ref(&world.other, Scope::Shared).unwrap();
        while word.load(Acquire) == 0 {
            let _ = word.wait(0);
        }
    }
    fn wakes(world: &World) {
        let word = Slot::from_ref(&world.other, Scope::Private).unwrap();
        word.store(1, Release);
        word.wake(1);
    }
    check(Double::Parking, &[sleeps, wakes], |_| {});
}

/// Drepper's mutex 1 counts every attempt to take it: after 2^32 of them it is free while it is held. Here all but
/// one of them have been made.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutex_1_which_overflows() {
    fn mutex_1(world: &World) {
        let word = world.word();
        loop {
            let was = word.fetch_add(1, Acquire);
            if was == 0 {
                break;
            }
            let _ = word.wait(was.wrapping_add(1));
        }
        world.touch();
        word.store(0, Release);
        word.wake(1);
    }
    fn held_since_long(world: &World) {
        world.word().store(-1, Relaxed);
    }
    fn holder(world: &World) {
        world.touch();
        world.word().store(0, Release);
        world.word().wake(1);
    }
    check_from(Double::Parking, &[holder, mutex_1, mutex_1], held_since_long, |_| {});
}

/// The limit of a notify for one: the value changes again before the one that is woken looks, and that one can use it. Who
/// could have used the first change sleeps on.
#[test]
#[should_panic(expected = "deadlock")]
fn a_notify_for_one_of_two_that_wait_for_different_values() {
    fn changes_twice(world: &World) {
        let synchronic = Synchronic::<i32>::new(&world.buffer, 0).unwrap();
        synchronic.store(1, NotifyHint::One);
        synchronic.store(2, NotifyHint::None);
    }
    fn waits_for_two(world: &World) {
        let _ = Synchronic::<i32>::new(&world.buffer, 0).unwrap().load_when_equal_until(2, far());
    }
    fn waits_for_any(world: &World) {
        Synchronic::<i32>::new(&world.buffer, 0).unwrap().expect_update(0);
    }
    check(Double::Parking, &[changes_twice, waits_for_two, waits_for_any], |_| {});
}
