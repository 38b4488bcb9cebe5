//! What a lock promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::support::processes::{Process, fork, sign, thread_id, until_thread_asleep};
use crate::support::{Memory, SHORT, Watchdog, until};
use slotsync::{Lock, Scope, SharedBuffer, Slot, counters};
use std::mem;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;
use std::time::{Duration, Instant};

over_shared_origins! {
    processes_exclude_each_other
    lock_js_in_another_process_excludes_ours
    a_lock_is_handed_to_a_process_that_unlocks_it
    a_process_sleeps_until_another_unlocks
    a_timed_lock_ends_though_another_process_holds_on
    a_process_killed_while_it_waits_strands_nobody
    a_waiter_that_was_woken_and_died_before_taking_strands_nobody_beyond_one_slice
    a_holder_that_unlocked_and_died_before_the_wake_strands_nobody_beyond_one_slice
    a_scribble_over_the_mark_strands_nobody
    the_lock_of_a_dead_process_stays_held_until_it_is_unlocked_on_its_behalf
    a_scribbling_process_neither_hangs_nor_breaks_a_timed_lock
    two_mappings_in_one_process_are_one_lock
}

const LOCK: usize = 0;
const TOTAL: usize = 64;

fn lock(buffer: &SharedBuffer) -> Lock<'_> {
    Lock::new(buffer, LOCK).unwrap()
}

fn word(buffer: &SharedBuffer) -> Slot<'_> {
    buffer.slot(LOCK).unwrap()
}

/// A child that takes the lock, waiting if it must, and lets go of it.
fn passer(memory: &Memory) -> Process {
    fork(memory, |buffer| {
        drop(lock(buffer).lock());
        0
    })
}

fn bump(buffer: &SharedBuffer) {
    let total = buffer.slot(TOTAL).unwrap();
    total.store(total.load(Relaxed).wrapping_add(1), Relaxed);
}

fn processes_exclude_each_other(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_exclude_each_other");
    let worker = || {
        fork(memory, |buffer| {
            for _ in 0..5_000 {
                let _guard = lock(buffer).lock();
                bump(buffer);
            }
            0
        })
    };
    for worker in [(); 4].map(|()| worker()) {
        worker.join();
    }
    assert_eq!(memory.buffer.slot(TOTAL).unwrap().load(Relaxed), 20_000);
    assert!(!lock(&memory.buffer).is_locked());
}

fn lock_js_in_another_process_excludes_ours(memory: &Memory) {
    let _watchdog = Watchdog::new("lock_js_in_another_process_excludes_ours");
    let worker = |is_js: bool| {
        fork(memory, move |buffer| {
            for _ in 0..5_000 {
                if is_js {
                    crate::support::js::lock(word(buffer));
                    bump(buffer);
                    crate::support::js::unlock(word(buffer));
                } else {
                    let _guard = lock(buffer).lock();
                    bump(buffer);
                }
            }
            0
        })
    };
    for worker in [true, false, true, false].map(worker) {
        worker.join();
    }
    assert_eq!(memory.buffer.slot(TOTAL).unwrap().load(Relaxed), 20_000);
}

fn a_lock_is_handed_to_a_process_that_unlocks_it(memory: &Memory) {
    let _watchdog = Watchdog::new("a_lock_is_handed_to_a_process_that_unlocks_it");
    // From here to there...
    mem::forget(lock(&memory.buffer).lock());
    let waiter = passer(memory);
    waiter.until_asleep();
    fork(memory, |buffer| i32::from(lock(buffer).unlock().is_err())).join();
    waiter.join();
    // ...and from there to here.
    fork(memory, |buffer| {
        mem::forget(lock(buffer).lock());
        0
    })
    .join();
    assert!(lock(&memory.buffer).is_locked());
    lock(&memory.buffer).unlock().unwrap();
}

fn a_process_sleeps_until_another_unlocks(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_sleeps_until_another_unlocks");
    let guard = lock(&memory.buffer).lock();
    let sleepers = [(); 3].map(|()| passer(memory));
    sleepers.iter().for_each(Process::until_asleep);
    assert_eq!(word(&memory.buffer).load(Relaxed), 2);
    drop(guard);
    for sleeper in sleepers {
        sleeper.join();
    }
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn a_timed_lock_ends_though_another_process_holds_on(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_lock_ends_though_another_process_holds_on");
    let holder = fork(memory, |buffer| {
        let _guard = lock(buffer).lock();
        sign(buffer).store(1, Release);
        while sign(buffer).load(Acquire) == 1 {
            let _ = sign(buffer).wait(1);
        }
        0
    });
    until("the other process holds the lock", || sign(&memory.buffer).load(Acquire) == 1);
    let start = Instant::now();
    assert!(lock(&memory.buffer).lock_for(SHORT).is_err());
    assert!(start.elapsed() >= SHORT);
    sign(&memory.buffer).store(2, Release);
    sign(&memory.buffer).wake(1);
    drop(lock(&memory.buffer).lock());
    holder.join();
}

fn a_process_killed_while_it_waits_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let guard = lock(&memory.buffer).lock();
    let (victim, survivor) = (passer(memory), passer(memory));
    victim.until_asleep();
    survivor.until_asleep();
    victim.kill();
    drop(guard);
    survivor.join(); // And without having been rescued.
    assert_eq!(word(&memory.buffer).load(Relaxed), 0);
}

fn a_waiter_that_was_woken_and_died_before_taking_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died_before_taking");
    let guard = lock(&memory.buffer).lock();
    word(&memory.buffer).store(2, Relaxed);
    // Sleeps as a waiter of the lock does, and is gone before it could take it.
    let victim = fork(memory, |buffer| {
        let _ = word(buffer).wait(2);
        0
    });
    victim.until_asleep();
    let survivor = Process::fork(|| {
        drop(lock(&memory.buffer).lock());
        assert!(counters().rescues <= 1, "one wake was lost with the victim");
        0
    });
    survivor.until_asleep();
    drop(guard); // The victim has slept longer, so the one wake is most likely its.
    survivor.join();
}

fn a_holder_that_unlocked_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_holder_that_unlocked_and_died_before_the_wake");
    for timeout in [Duration::MAX, Duration::from_secs(1_000)] {
        mem::forget(lock(&memory.buffer).lock());
        let sleeper = Process::fork(|| {
            assert!(lock(&memory.buffer).lock_for(timeout).is_ok());
            assert_eq!(counters().rescues, 1, "it was the end of a slice that found the lock free");
            0
        });
        sleeper.until_asleep();
        // All that an unlock does before its wake.
        assert_eq!(word(&memory.buffer).swap(0, Release), 2);
        sleeper.join();
    }
}

fn a_scribble_over_the_mark_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_scribble_over_the_mark_strands_nobody");
    for garbage in [3, -1, i32::MIN, i32::MAX] {
        mem::forget(lock(&memory.buffer).lock());
        let sleeper = passer(memory);
        sleeper.until_asleep();
        word(&memory.buffer).store(garbage, Relaxed);
        lock(&memory.buffer).unlock().unwrap();
        sleeper.join(); // And without having been rescued.
    }
}

fn the_lock_of_a_dead_process_stays_held_until_it_is_unlocked_on_its_behalf(memory: &Memory) {
    let _watchdog = Watchdog::new("the_lock_of_a_dead_process_stays_held");
    let holder = fork(memory, |buffer| {
        let _guard = lock(buffer).lock();
        sign(buffer).store(1, Release);
        loop {
            let _ = sign(buffer).wait(1);
        }
    });
    until("the other process holds the lock", || sign(&memory.buffer).load(Acquire) == 1);
    holder.kill();
    assert!(lock(&memory.buffer).lock_for(SHORT).is_err());
    lock(&memory.buffer).unlock().unwrap();
    drop(lock(&memory.buffer).try_lock().expect("free again"));
}

fn a_scribbling_process_neither_hangs_nor_breaks_a_timed_lock(memory: &Memory) {
    let _watchdog = Watchdog::new("a_scribbling_process");
    let scribbler = fork(memory, |buffer| {
        let mut value = 1_i32;
        loop {
            // Every state and much garbage, in an order without pattern.
            value = value.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let scribble = if value & 4096 == 0 { (value >> 16) & 3 } else { value };
            word(buffer).store(scribble, Relaxed);
            sign(buffer).fetch_add(1, Relaxed);
        }
    });
    until("the scribbler scribbles", || sign(&memory.buffer).load(Relaxed) != 0);
    for _ in 0..200 {
        let lock = lock(&memory.buffer);
        drop(lock.lock_for(Duration::from_millis(1)));
        drop(lock.try_lock());
        let _ = lock.unlock();
        let _ = lock.is_locked();
    }
    scribbler.kill();
    drop(Lock::initialize(&memory.buffer, LOCK).unwrap().lock());
}

fn two_mappings_in_one_process_are_one_lock(memory: &Memory) {
    let _watchdog = Watchdog::new("two_mappings_in_one_process_are_one_lock");
    // An anonymous mapping has no second address; then this is about two buffers over one.
    let again = memory.again();
    let here = &memory.buffer;
    let there = again.as_ref().unwrap_or(here);
    assert_eq!(again.is_some(), lock(here) != lock(there), "two addresses");
    let guard = lock(here).lock();
    let sleeper = sign(here);
    thread::scope(|threads| {
        threads.spawn(|| {
            sleeper.store(thread_id(), Release);
            drop(lock(there).lock());
        });
        until("the thread says its number", || sleeper.load(Acquire) != 0);
        until("it has left its mark", || word(here).load(Relaxed) == 2);
        until_thread_asleep(sleeper.load(Acquire));
        drop(guard);
    });
    assert!(!lock(there).is_locked());
}

#[test]
fn memory_that_a_child_only_has_a_copy_of_is_not_claimed_to_be_shared() {
    let heap = Memory::heap();
    assert_eq!(heap.buffer.scope(), Scope::Private);
    Process::fork(|| {
        word(&heap.buffer).store(7, Relaxed);
        0
    })
    .join();
    assert_eq!(word(&heap.buffer).load(Relaxed), 0, "the child wrote into its own copy");
    for shared in [Memory::anonymous(), Memory::memfd(), Memory::named(), Memory::file()] {
        assert_eq!(shared.buffer.scope(), Scope::Shared);
        fork(&shared, |buffer| {
            word(buffer).store(7, Relaxed);
            0
        })
        .join();
        assert_eq!(word(&shared.buffer).load(Relaxed), 7, "{:?}", shared.buffer);
    }
}
