//! The synchronic, of 32 bits: loom's words cannot be taken for one of 64.
#![cfg(loom)]

use crate::world::*;
use slotsync::{NotifyHint, Synchronic};

impl World {
    fn synchronic(&self) -> Synchronic<'_, i32> {
        Synchronic::new(&self.buffer, 0).unwrap()
    }

    fn waiters(&self) -> i32 {
        self.buffer.slot(0).unwrap().load(Relaxed)
    }
}

fn waits(world: &World) {
    assert_eq!(world.synchronic().load_when_not_equal(0), 1);
    assert_eq!(world.touched(), 1, "what was done before the value was written");
}

fn waits_or_gives_up(world: &World) {
    if world.synchronic().expect_update_until(0, far()) == Ok(()) {
        assert_eq!(world.touched(), 1);
    }
}

/// If it is woken, then for the other.
fn waits_or_gives_up_and_passes_on(world: &World) {
    if world.synchronic().expect_update_until(0, far()) == Ok(()) {
        world.synchronic().notify(NotifyHint::One);
    }
}

fn looks(world: &World) {
    if world.synchronic().load() == 1 {
        assert_eq!(world.touched(), 1);
    }
}

fn stores(world: &World) {
    world.touch();
    world.synchronic().store(1, NotifyHint::All);
}

fn exchanges(world: &World) {
    world.touch();
    assert_eq!(world.synchronic().compare_exchange(0, 1, NotifyHint::All), Ok(0));
}

/// Comes too late to exchange, and sees what was done before the value that it found.
fn fails_to_exchange(world: &World) {
    if world.synchronic().compare_exchange(0, 2, NotifyHint::All) == Err(1) {
        assert_eq!(world.touched(), 1);
    }
}

/// Fails if it comes second.
fn exchanges_if_first(world: &World) {
    world.touch();
    let _ = world.synchronic().compare_exchange(0, 1, NotifyHint::All);
}

fn adds(world: &World) {
    world.synchronic().fetch_add(1, NotifyHint::All);
}

fn adds_twice(world: &World) {
    adds(world);
    adds(world);
}

fn waits_for_two(world: &World) {
    assert_eq!(world.synchronic().load_when_equal(2), 2);
}

fn waits_for_change(world: &World) {
    world.synchronic().expect_update(0);
}

fn stores_silently_and_notifies(world: &World) {
    world.touch();
    world.synchronic().store(1, NotifyHint::None);
    world.synchronic().notify(NotifyHint::All);
}

fn stores_for_one(world: &World) {
    world.touch();
    world.synchronic().store(1, NotifyHint::One);
}

/// Of two who wait, each lets the other go on.
fn takes_one(world: &World) {
    let is_taken = |value: i32| (value > 0).then(|| value - 1);
    while world.synchronic().fetch_update(NotifyHint::None, is_taken).is_err() {
        world.synchronic().expect_update(0);
    }
}

fn gives_one(world: &World) {
    world.synchronic().fetch_add(1, NotifyHint::One);
}

fn gives_two(world: &World) {
    world.synchronic().fetch_add(1, NotifyHint::One);
    world.synchronic().fetch_add(1, NotifyHint::One);
}

/// Goes on by a wake for one, and lets go whoever waits for what it does then.
fn answers(world: &World) {
    world.synchronic().expect_update(0);
    world.synchronic().store(2, NotifyHint::All);
}

fn answers_one(world: &World) {
    world.synchronic().expect_update(0);
    world.synchronic().store(2, NotifyHint::One);
}

fn stores_for_one_of_two(world: &World) {
    world.synchronic().store(1, NotifyHint::One);
}

/// Came after the change that the one wake was for.
fn waits_for_the_answer(world: &World) {
    if world.synchronic().load() == 1 {
        world.synchronic().load_when_equal(2);
    }
}

/// The second change is none that anybody hears of.
fn stores_for_one_and_silently(world: &World) {
    world.synchronic().store(1, NotifyHint::One);
    world.synchronic().store(2, NotifyHint::None);
}

/// Comes after the notify for one, and may see what nobody heard of.
fn waits_late_or_gives_up(world: &World) {
    if world.buffer.slot(1).unwrap().load(Relaxed) != 0 {
        let _ = world.synchronic().load_when_equal_until(2, far());
    }
}

fn wakes_for_no_reason(world: &World) {
    world.buffer.slot(1).unwrap().wake(1);
}

fn nobody_is_counted(world: &World) {
    assert_eq!(world.waiters(), 0);
}

holds! {
    a_change_lets_one_go_on = &[waits, stores], nobody_is_counted;
    an_exchange_lets_one_go_on = &[waits, exchanges], nobody_is_counted;
    one_that_fails_to_exchange_sees_what_it_found = &[fails_to_exchange, exchanges_if_first], nobody_is_counted;
    a_change_lets_two_go_on = &[stores, waits, waits], nobody_is_counted;
    two_changes_let_one_go_on[2] = &[adds, adds, waits_for_two], nobody_is_counted;
    two_wait_for_different_values[2] = &[adds_twice, waits_for_change, waits_for_two], nobody_is_counted;
    one_looks_and_one_waits = &[looks, stores, waits], nobody_is_counted;
    one_gives_up_beside_another = &[stores, waits_or_gives_up, waits], nobody_is_counted;
    one_is_notified_afterwards = &[waits, stores_silently_and_notifies], nobody_is_counted;
    a_change_for_one_lets_one_go_on = &[waits, stores_for_one], nobody_is_counted;
    a_change_for_one_is_taken_by_one_of_two[2] = &[gives_two, takes_one, takes_one], nobody_is_counted;
    two_changes_for_one_let_two_go_on[2] = &[gives_one, gives_one, takes_one], nobody_is_counted;
    one_that_cannot_use_a_wake_passes_it_on[2] = &[stores_for_one_of_two, waits_for_two, answers], nobody_is_counted;
    so_does_the_next[2] = &[stores_for_one_of_two, waits_for_two, answers_one], nobody_is_counted;
    a_latecomer_passes_a_wake_on = &[stores_for_one_of_two, waits_for_the_answer, answers], nobody_is_counted;
    a_latecomer_that_can_go_on_passes_a_wake_on =
        &[stores_for_one_and_silently, waits_late_or_gives_up, waits_for_change], nobody_is_counted;
    one_gives_up_beside_a_wake_for_one[2] = &[stores_for_one, waits_or_gives_up_and_passes_on, waits], nobody_is_counted;
    a_stray_wake_lets_nobody_go_on = &[stores, wakes_for_no_reason, waits], nobody_is_counted;
}

#[test]
fn a_value_of_64_bits_is_not_in_a_model() {
    Model::new(Double::Polling).check(|| {
        let buffer = SharedBuffer::new(16).unwrap();
        let refused = Synchronic::<u64>::new(&buffer, 0).unwrap_err();
        assert_eq!(refused, Error::Unsupported { what: "a value of 64 bits in a model" });
    });
}
