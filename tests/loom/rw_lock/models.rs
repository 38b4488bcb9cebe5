//! The reader-writer lock.
#![cfg(loom)]

use crate::world::*;
use slotsync::RwLock;

impl World {
    fn rw_lock(&self) -> RwLock<'_> {
        RwLock::from_slot(self.word())
    }
}

fn reads(world: &World) {
    let _guard = world.rw_lock().read();
    world.touched();
}

fn writes(world: &World) {
    let _guard = world.rw_lock().write();
    world.touch();
}

fn tries(world: &World) {
    if let Some(_guard) = world.rw_lock().try_read() {
        world.touched();
    }
    if let Some(_guard) = world.rw_lock().try_write() {
        world.touch();
    }
}

fn reads_or_gives_up(world: &World) {
    if let Ok(_guard) = world.rw_lock().read_until(far()) {
        world.touched();
    }
}

fn writes_or_gives_up(world: &World) {
    if let Ok(_guard) = world.rw_lock().write_until(far()) {
        world.touch();
    }
}

fn writes_and_reads(world: &World) {
    let guard = world.rw_lock().write();
    world.touch();
    let written = world.touched();
    let _guard = guard.downgrade();
    assert_eq!(world.touched(), written, "nobody wrote in between");
}

fn reads_and_writes(world: &World) {
    let guard = world.rw_lock().read();
    let read = world.touched();
    if let Ok(_guard) = guard.try_upgrade() {
        assert_eq!(world.touched(), read, "nobody wrote in between");
        world.touch();
    }
}

fn wakes_for_no_reason(world: &World) {
    world.word().wake(1);
}

/// The mark of another agent, in a word beside the lock: it waits for it, or leaves it.
fn awaits_another(world: &World) {
    let mark = world.buffer.slot(1).unwrap();
    while mark.load(Acquire) == 0 {
        let _ = mark.wait(0);
    }
}

fn tells_another(world: &World) {
    let mark = world.buffer.slot(1).unwrap();
    mark.store(1, Release);
    mark.wake(1);
}

/// Keeps the lock until another has it too.
fn reads_until_another_does(world: &World) {
    let _guard = world.rw_lock().read();
    awaits_another(world);
}

fn reads_for_another(world: &World) {
    let _guard = world.rw_lock().read();
    tells_another(world);
}

fn downgrades_and_reads_until_another_does(world: &World) {
    let guard = world.rw_lock().write();
    world.touch();
    // A guard that is dropped while loom reports a deadlock would end the test without a word.
    mem::forget(guard.downgrade());
    awaits_another(world);
    world.rw_lock().unlock_read().unwrap();
}

fn is_written(world: &World) {
    mem::forget(world.rw_lock().write());
}

fn unlocks_to_read(world: &World) {
    world.rw_lock().unlock_read().unwrap();
}

fn unlocks_two_to_read(world: &World) {
    unlocks_to_read(world);
    unlocks_to_read(world);
}

fn unlocks(world: &World) {
    world.rw_lock().unlock_write().unwrap();
}

fn unlocked(world: &World) {
    assert_eq!((world.rw_lock().readers(), world.rw_lock().is_write_locked()), (0, false));
}

fn one_wrote(world: &World) {
    unlocked(world);
    assert_eq!(world.touched(), 1);
}

fn two_wrote(world: &World) {
    unlocked(world);
    assert_eq!(world.touched(), 2);
}

fn three_wrote(world: &World) {
    unlocked(world);
    assert_eq!(world.touched(), 3);
}

holds! {
    two_read = &[reads, reads], unlocked;
    one_reads_and_one_writes = &[reads, writes], one_wrote;
    two_write = &[writes, writes], two_wrote;
    two_read_and_one_writes = &[writes, reads, reads], one_wrote;
    one_reads_and_two_write = &[writes, reads, writes], two_wrote;
    three_write = &[writes, writes, writes], three_wrote;
    one_tries = &[writes, tries, nobody], unlocked;
    one_gives_up_to_read = &[writes, writes, reads_or_gives_up], two_wrote;
    one_gives_up_to_write = &[reads, writes_or_gives_up, writes], unlocked;
    one_gives_up_to_write_before_readers = &[writes_or_gives_up, reads, reads], unlocked;
    /// Readers who came behind a writer that gives up do not wait for those who read.
    one_that_gives_up_to_write_lets_readers_in[2] =
        &[writes_or_gives_up, reads_for_another, reads_until_another_does], unlocked;
    one_goes_on_to_read[3] = &[writes_and_reads, writes], two_wrote;
    one_goes_on_to_read_beside_two[2] = &[writes_and_reads, reads, writes], two_wrote;
    one_that_goes_on_to_read_lets_readers_in[3] = &[reads_for_another, downgrades_and_reads_until_another_does], one_wrote;
    /// What was written before is seen by those who come in while it is read.
    two_read_beside_one_that_goes_on_to_read[3] = &[reads, writes_and_reads], one_wrote;
    one_goes_on_to_write = &[reads_and_writes, reads], unlocked;
    two_go_on_to_write = &[reads_and_writes, reads_and_writes], unlocked;
    one_goes_on_to_write_beside_a_writer[3] = &[reads_and_writes, writes], unlocked;
    stray_wakes_let_nobody_in = &[reads, writes, wakes_for_no_reason], one_wrote;
}

/// A writer that has slept has set both marks, though perhaps no other writer waits. Under one double, as the others take
/// minutes for what the model above shows them.
#[test]
fn one_that_slept_and_goes_on_to_read_lets_readers_in() {
    let agents: &[Agent] = &[unlocks, reads_for_another, downgrades_and_reads_until_another_does];
    check_from(Double::Parking, agents, is_written, one_wrote);
}

/// It leaves its mark to another that it wakes. That one need not be the one that a release would have woken.
#[test]
fn one_that_gives_up_to_write_before_another_strands_nobody() {
    fn gives_up_and_writes(world: &World) {
        writes_or_gives_up(world);
        writes(world);
    }
    for double in [Double::Parking, Double::Erring] {
        check(double, &[gives_up_and_writes, writes, reads], unlocked);
    }
}

/// A reader that finds as many readers as the word can count waits, and comes in when one of them leaves.
#[test]
fn a_full_lock_lets_a_reader_in_when_another_leaves() {
    fn is_full(world: &World) {
        world.word().store((1 << 29) - 1, Relaxed);
    }
    fn is_full_again(world: &World) {
        assert_eq!(world.rw_lock().readers(), (1 << 29) - 1);
    }
    fn enters(world: &World) {
        mem::forget(world.rw_lock().read());
    }
    for double in Double::ALL {
        check_from(double, &[enters, unlocks_to_read], is_full, is_full_again);
        check_from(double, &[enters, enters, unlocks_two_to_read], is_full, is_full_again);
    }
}

#[test]
fn the_next_holder_may_free_the_memory_at_once() {
    fn takes(word: Slot<'_>) -> bool {
        mem::forget(RwLock::from_slot(word).write());
        true
    }
    for double in Double::ALL {
        // One writes; one reads.
        free_after(1 << 29, |word| RwLock::from_slot(word).unlock_write().unwrap(), takes, double);
        free_after(1, |word| RwLock::from_slot(word).unlock_read().unwrap(), takes, double);
    }
}

#[test]
fn initializing_publishes_what_was_repaired() {
    fn repairs(world: &World) {
        world.touch();
        RwLock::initialize(&world.buffer, 0).unwrap();
    }
    fn is_held(world: &World) {
        mem::forget(world.rw_lock().write());
    }
    for double in Double::ALL {
        check_from(double, &[repairs, tries], is_held, unlocked);
    }
}

/// A guard that never was must not unlock what another agent holds.
#[test]
fn a_failed_try_leaves_the_lock_held() {
    fn fails(world: &World) {
        assert!(world.rw_lock().try_read().is_none());
        assert!(world.rw_lock().try_write().is_none());
        assert!(world.rw_lock().read_until(far()).is_err());
        assert!(world.rw_lock().write_until(far()).is_err());
    }
    fn is_held(world: &World) {
        mem::forget(world.rw_lock().write());
    }
    fn fails_to_read(world: &World) {
        assert!(world.rw_lock().try_read().is_none());
    }
    fn is_read_before_a_writer(world: &World) {
        world.word().store(i32::MIN | 1, Relaxed);
    }
    for double in Double::ALL {
        check_from(double, &[fails], is_held, |world| assert!(world.rw_lock().is_write_locked()));
        check_from(double, &[fails_to_read], is_read_before_a_writer, |world| assert_eq!(world.rw_lock().readers(), 1));
    }
}
