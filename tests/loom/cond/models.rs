//! The condition variable, over a lock in slot 0, with its own words in slots 1 and 2. Slot 3 counts items, and slot 4
//! says something else.
#![cfg(loom)]

use crate::world::*;
use slotsync::Cond;

impl World {
    fn cond(&self) -> Cond<'_> {
        Cond::new(&self.buffer, 1, self.lock()).unwrap()
    }

    fn items(&self) -> Slot<'_> {
        self.buffer.slot(3).unwrap()
    }

    fn other_thing(&self) -> Slot<'_> {
        self.buffer.slot(4).unwrap()
    }
}

fn takes_one(world: &World) {
    let _guard = world.cond().wait_while(world.lock().lock(), || world.items().load(Relaxed) == 0);
    world.items().fetch_sub(1, Relaxed);
    world.touch();
}

fn takes_one_or_gives_up(world: &World) {
    let is_empty = || world.items().load(Relaxed) == 0;
    if let Ok(_guard) = world.cond().wait_while_until(world.lock().lock(), is_empty, far()) {
        world.items().fetch_sub(1, Relaxed);
        world.touch();
    }
}

fn puts(world: &World, items: i32) {
    let _guard = world.lock().lock();
    world.items().fetch_add(items, Relaxed);
    world.touch();
}

fn puts_one_and_notifies(world: &World) {
    puts(world, 1);
    world.cond().notify_one();
}

fn puts_one_and_notifies_under_the_lock(world: &World) {
    let _guard = world.lock().lock();
    world.items().fetch_add(1, Relaxed);
    world.touch();
    world.cond().notify_one();
}

fn puts_one_and_one(world: &World) {
    puts_one_and_notifies(world);
    puts_one_and_notifies(world);
}

fn puts_two_and_notifies_all(world: &World) {
    puts(world, 2);
    world.cond().notify_all();
}

fn puts_two_and_notifies_all_under_the_lock(world: &World) {
    let _guard = world.lock().lock();
    world.items().fetch_add(2, Relaxed);
    world.touch();
    world.cond().notify_all();
}

fn wakes_for_no_reason(world: &World) {
    world.buffer.slot(1).unwrap().wake(1);
}

fn nobody_waits(world: &World) {
    assert!(!world.lock().is_locked());
    assert_eq!(world.buffer.slot(2).unwrap().load(Relaxed), 0, "everybody counted itself out");
}

fn all_were_taken(world: &World) {
    nobody_waits(world);
    assert_eq!(world.items().load(Relaxed), 0);
}

/// The sequence wraps around at the first notify.
fn about_to_wrap(world: &World) {
    world.buffer.slot(1).unwrap().store(-1, Relaxed);
}

/// Comes when the notify for who waits has begun, waits for something else, and catches the wake: which must go on to the
/// one whom it was meant for, who then says that something else.
fn comes_late_and_waits_for_something_else(world: &World) {
    let guard = world.lock().lock();
    if world.buffer.slot(1).unwrap().load(Relaxed) != 0 {
        let _guard = world.cond().wait_while(guard, || world.other_thing().load(Relaxed) == 0);
    }
}

fn comes_late_and_waits_for_something_else_for_a_while(world: &World) {
    let guard = world.lock().lock();
    if world.buffer.slot(1).unwrap().load(Relaxed) != 0 {
        let _ = world.cond().wait_while_until(guard, || world.other_thing().load(Relaxed) == 0, far());
    }
}

fn takes_one_and_says_so(world: &World) {
    takes_one(world);
    let guard = world.lock().lock();
    world.other_thing().store(1, Relaxed);
    drop(guard);
    world.cond().notify_all();
}

/// Waits once, for any notify. If there was one, it may have been the only one: it is handed on.
fn waits_once_and_hands_on(world: &World) {
    if let Ok(guard) = world.cond().wait_until(world.lock().lock(), far()) {
        drop(guard);
        world.cond().notify_one();
    }
}

holds! {
    one_takes_what_another_puts = &[takes_one, puts_one_and_notifies], all_were_taken;
    one_takes_what_another_puts_under_the_lock[3] = &[takes_one, puts_one_and_notifies_under_the_lock], all_were_taken;
    one_takes_where_the_sequence_wraps(about_to_wrap) = &[takes_one, puts_one_and_notifies], all_were_taken;
    one_takes_or_gives_up = &[takes_one_or_gives_up, puts_one_and_notifies], nobody_waits;
    two_take_what_one_puts_at_once = &[takes_one, takes_one, puts_two_and_notifies_all], all_were_taken;
    two_take_what_one_puts_at_once_under_the_lock =
        &[takes_one, takes_one, puts_two_and_notifies_all_under_the_lock], all_were_taken;
    two_take_what_one_puts_one_by_one = &[takes_one, takes_one, puts_one_and_one], all_were_taken;
    one_takes_what_two_put = &[takes_one, puts_one_and_notifies, puts_one_and_notifies], nobody_waits;
    a_stray_wake_is_no_notify = &[takes_one, puts_one_and_notifies, wakes_for_no_reason], all_were_taken;
    a_notify_that_a_latecomer_caught_is_passed_on =
        &[puts_one_and_notifies, comes_late_and_waits_for_something_else, takes_one_and_says_so], all_were_taken;
    a_notify_that_a_latecomer_caught_and_gave_up_is_passed_on =
        &[puts_one_and_notifies, comes_late_and_waits_for_something_else_for_a_while, takes_one_and_says_so], all_were_taken;
    /// A waiter that was notified, and cannot have the lock in time, leaves the one notify to another.
    a_notify_to_a_waiter_that_cannot_lock_in_time_is_passed_on =
        &[takes_one, waits_once_and_hands_on, puts_one_and_notifies_under_the_lock], all_were_taken;
    /// A waiter that says that its time was over must not have swallowed the one notify.
    a_time_out_together_with_a_notify_is_a_notify =
        &[takes_one, waits_once_and_hands_on, puts_one_and_notifies], all_were_taken;
}

#[test]
fn a_wait_gives_the_lock_to_others_and_gets_it_back() {
    fn waits(world: &World) {
        let guard = world.lock().lock();
        world.touch();
        let _guard = world.cond().wait_until(guard, far()).unwrap_or_else(|_| world.lock().lock());
        world.touch();
    }
    fn locks(world: &World) {
        let _guard = world.lock().lock();
        world.touch();
    }
    for double in Double::ALL {
        check(double, &[waits, locks], |world| {
            nobody_waits(world);
            assert_eq!(world.touched(), 3);
        });
    }
}

#[test]
#[should_panic(expected = "of another lock")]
fn the_guard_of_another_lock_is_refused() {
    check(
        Double::Parking,
        &[|world| {
            let other = Lock::new(&world.buffer, 5).unwrap();
            drop(world.cond().wait(other.lock()));
        }],
        |_| {},
    );
}
