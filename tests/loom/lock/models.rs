//! The lock.
#![cfg(loom)]

use crate::world::*;

// What one agent does.

fn locks(world: &World) {
    let _guard = world.lock().lock();
    world.touch();
}

fn locks_twice(world: &World) {
    locks(world);
    locks(world);
}

fn tries(world: &World) {
    if let Some(_guard) = world.lock().try_lock() {
        world.touch();
    }
}

fn locks_or_gives_up(world: &World) {
    if let Ok(_guard) = world.lock().lock_until(far()) {
        world.touch();
    }
}

/// Unlocks a lock that another agent left locked for it.
fn unlocks_for_another(world: &World) {
    world.touch();
    world.lock().unlock().unwrap();
}

/// A wake that is meant for somebody who used the memory before.
fn wakes_for_no_reason(world: &World) {
    world.word().wake(1);
}

fn js_locks(world: &World) {
    js::lock(world.word());
    world.touch();
    js::unlock(world.word());
}

/// The steps of Hansen's `lock.js`, as published: Drepper's mutex 2.
mod js {
    use super::*;

    pub(super) fn lock(word: Slot<'_>) {
        let mut was = compare_exchange(word, 0, 1);
        while was != 0 {
            if was == 2 || compare_exchange(word, 1, 2) != 0 {
                let _ = word.wait(2);
            }
            was = compare_exchange(word, 0, 2);
        }
    }

    pub(super) fn unlock(word: Slot<'_>) {
        if word.fetch_sub(1, Release) != 1 {
            word.store(0, Release);
            word.wake(1);
        }
    }

    fn compare_exchange(word: Slot<'_>, current: i32, new: i32) -> i32 {
        word.compare_exchange(current, new, Acquire, Relaxed).unwrap_or_else(|was| was)
    }
}

pub(crate) fn nobody_holds_it(world: &World) {
    assert!(!world.lock().is_locked());
}

pub(crate) fn all_two_were_in(world: &World) {
    nobody_holds_it(world);
    assert_eq!(world.touched(), 2);
}

pub(crate) fn all_three_were_in(world: &World) {
    nobody_holds_it(world);
    assert_eq!(world.touched(), 3);
}

fn all_four_were_in(world: &World) {
    nobody_holds_it(world);
    assert_eq!(world.touched(), 4);
}

fn two_or_three_were_in(world: &World) {
    nobody_holds_it(world);
    assert!((2..=3).contains(&world.touched()));
}

holds! {
    two_lock = &[locks, locks], all_two_were_in;
    two_lock_twice = &[locks_twice, locks_twice], all_four_were_in;
    three_lock = &[locks, locks, locks], all_three_were_in;
    one_tries_beside_another = &[locks_twice, tries], two_or_three_were_in;
    one_tries_beside_two = &[locks, locks, tries], two_or_three_were_in;
    one_gives_up_beside_another = &[locks_twice, locks_or_gives_up], two_or_three_were_in;
    /// A waiter that gives up must not take a wake with it that another sleeper needs.
    one_gives_up_beside_two[3] = &[locks, locks, locks_or_gives_up], two_or_three_were_in;
    stray_wakes_let_nobody_in = &[locks, locks, wakes_for_no_reason], all_two_were_in;
    ours_beside_lock_js = &[locks_twice, js_locks], all_three_were_in;
    two_of_ours_beside_lock_js = &[locks, locks, js_locks], all_three_were_in;
    one_of_ours_beside_two_lock_js = &[locks, js_locks, js_locks], all_three_were_in;
    one_of_ours_gives_up_beside_two_lock_js = &[locks_or_gives_up, js_locks, js_locks], two_or_three_were_in;
}

fn is_held(world: &World) {
    mem::forget(world.lock().lock());
    world.touch();
}

#[test]
fn a_lock_is_handed_to_an_agent_that_unlocks_it() {
    for double in Double::ALL {
        check_from(double, &[locks, unlocks_for_another], is_held, all_three_were_in);
        check_from(double, &[locks, locks, unlocks_for_another], is_held, all_four_were_in);
    }
}

/// Memory that outlived its users may hold a held lock: what was repaired before it was initialized is seen by all.
#[test]
fn initializing_publishes_what_was_repaired() {
    fn repairs(world: &World) {
        world.touch();
        Lock::initialize(&world.buffer, 0).unwrap();
    }
    for double in Double::ALL {
        check_from(double, &[repairs, tries], |world| world.word().store(1, Relaxed), nobody_holds_it);
    }
}

#[test]
fn of_two_unlocks_of_one_lock_one_is_refused() {
    fn unlocks(world: &World) {
        match world.lock().unlock() {
            Ok(()) => world.touch(),
            Err(error) => assert_eq!(error, NotHeld),
        }
    }
    fn is_held_and_contended(world: &World) {
        world.word().store(2, Relaxed);
    }
    fn one_was_let(world: &World) {
        nobody_holds_it(world);
        assert_eq!(world.touched(), 1);
    }
    for double in Double::ALL {
        check_from(double, &[unlocks, unlocks], is_held_and_contended, one_was_let);
    }
}

/// A guard that never was must not unlock what another agent holds.
#[test]
fn a_failed_try_leaves_the_lock_held() {
    fn fails(world: &World) {
        assert!(world.lock().try_lock().is_none());
        assert!(world.lock().lock_until(Instant::now()).is_err());
        assert!(world.lock().lock_until(far()).is_err());
    }
    for double in Double::ALL {
        check_from(double, &[fails, fails], is_held, |world| assert!(world.lock().is_locked()));
    }
}

/// One agent holds the lock and unlocks it; the other takes it and frees the memory, while the first may still be at it.
pub(crate) fn free_after_unlock(unlock: fn(Slot<'_>), double: Double) {
    fn takes(word: Slot<'_>) -> bool {
        mem::forget(Lock::from_slot(word).lock());
        true
    }
    free_after(1, unlock, takes, double);
}

#[test]
fn the_next_holder_may_free_the_memory_at_once() {
    for double in Double::ALL {
        free_after_unlock(|word| Lock::from_slot(word).unlock().unwrap(), double);
    }
}
