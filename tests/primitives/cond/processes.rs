//! What a condition variable promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total, word};
use crate::support::processes::{FAR, Process, kill_where_it_stays, stay};
use crate::support::processes::{fork, fork_all, fork_asleep, fork_asleep_rescued, fork_victim, join_all};
use crate::support::{Memory, SHORT, Watchdog, until};
use slotsync::{Cond, Lock, SharedBuffer, Slot};
use std::sync::atomic::Ordering::Relaxed;

over_shared_origins! {
    no_item_is_lost_between_two_processes
    a_notify_of_all_lets_all_processes_return
    each_notify_lets_one_process_return
    a_process_killed_while_it_waits_strands_nobody_and_stays_counted
    a_waiter_that_was_woken_and_died_strands_nobody_beyond_one_slice
    a_process_that_notified_and_died_before_the_wake_strands_nobody_beyond_one_slice
    a_process_that_died_before_it_could_notify_strands_nobody_beyond_one_slice
    the_lock_of_a_process_killed_after_its_wait_stays_held
}

fn lock(buffer: &SharedBuffer) -> Lock<'_> {
    Lock::new(buffer, 4).unwrap()
}

fn cond(buffer: &SharedBuffer) -> Cond<'_> {
    Cond::new(buffer, INDEX, lock(buffer)).unwrap()
}

fn waiters(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(INDEX + 1).unwrap()
}

/// Waits until there is something, and takes it.
fn take(buffer: &SharedBuffer) {
    let _guard = cond(buffer).wait_while(lock(buffer).lock(), || total(buffer).load(Relaxed) == 0);
    total(buffer).fetch_sub(1, Relaxed);
}

/// Forks that many children, which take something and all wait for it, so that the count is this. That one of them sleeps is
/// not enough: it may wait for the lock.
fn fork_waiting(memory: &Memory, number: usize, counted: i32) -> Vec<Process> {
    let children = fork_all(memory, number, take);
    until("that many wait", || {
        let _guard = lock(&memory.buffer).lock();
        waiters(memory).load(Relaxed) == counted
    });
    children.iter().for_each(Process::until_asleep);
    children
}

fn put(buffer: &SharedBuffer, number: i32) {
    let _guard = lock(buffer).lock();
    total(buffer).fetch_add(number, Relaxed);
}

fn no_item_is_lost_between_two_processes(memory: &Memory) {
    let _watchdog = Watchdog::new("no_item_is_lost_between_two_processes");
    fn conditions(buffer: &SharedBuffer) -> [Cond<'_>; 2] {
        [INDEX, INDEX + 2].map(|index| Cond::new(buffer, index, lock(buffer)).unwrap())
    }
    let taker = fork(memory, |buffer| {
        let [filled, emptied] = conditions(buffer);
        for expected in 1..=2_000 {
            let guard = filled.wait_while(lock(buffer).lock(), || total(buffer).load(Relaxed) == 0);
            assert_eq!(total(buffer).swap(0, Relaxed), expected);
            drop(guard);
            emptied.notify_one();
        }
        0
    });
    let [filled, emptied] = conditions(&memory.buffer);
    for number in 1..=2_000 {
        let item = total(&memory.buffer);
        let guard = emptied.wait_while(lock(&memory.buffer).lock(), || item.load(Relaxed) != 0);
        item.store(number, Relaxed);
        drop(guard);
        filled.notify_one();
    }
    taker.join();
}

fn a_notify_of_all_lets_all_processes_return(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_of_all_lets_all_processes_return");
    let sleepers = fork_waiting(memory, 4, 4);
    put(&memory.buffer, 4);
    cond(&memory.buffer).notify_all();
    join_all(sleepers);
    assert_eq!((total(&memory.buffer).load(Relaxed), waiters(memory).load(Relaxed)), (0, 0));
}

fn each_notify_lets_one_process_return(memory: &Memory) {
    let _watchdog = Watchdog::new("each_notify_lets_one_process_return");
    let sleepers = fork_waiting(memory, 4, 4);
    for _ in 0..4 {
        put(&memory.buffer, 1);
        cond(&memory.buffer).notify_one();
    }
    join_all(sleepers);
    assert_eq!((total(&memory.buffer).load(Relaxed), waiters(memory).load(Relaxed)), (0, 0));
}

fn a_process_killed_while_it_waits_strands_nobody_and_stays_counted(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let mut sleepers = fork_waiting(memory, 2, 2);
    sleepers.remove(0).kill();
    put(&memory.buffer, 1);
    cond(&memory.buffer).notify_one();
    join_all(sleepers); // And without having been rescued.
    assert_eq!(waiters(memory).load(Relaxed), 1);
    // Others wait and are notified as before.
    let sleepers = fork_waiting(memory, 2, 3);
    put(&memory.buffer, 2);
    cond(&memory.buffer).notify_all();
    join_all(sleepers);
    // The remedy.
    Cond::initialize(&memory.buffer, INDEX, lock(&memory.buffer)).unwrap();
    cond(&memory.buffer).notify_one();
    assert_eq!(word(&memory.buffer).load(Relaxed), 0, "nobody is counted");
}

fn a_waiter_that_was_woken_and_died_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died");
    let victim = fork_victim(memory, INDEX);
    let survivor = fork_asleep_rescued(memory, 0..=1, take);
    put(&memory.buffer, 1);
    // The victim has slept longer, so the one wake is most likely its.
    cond(&memory.buffer).notify_one();
    survivor.join();
    drop(victim);
}

/// Two children that wait until there is something, and are rescued once each.
fn fork_rescued(memory: &Memory) -> [Process; 2] {
    let sleepers = FAR.map(|timeout| {
        fork_asleep_rescued(memory, 1..=1, |buffer| {
            let is_empty = || total(buffer).load(Relaxed) == 0;
            drop(cond(buffer).wait_while_for(lock(buffer).lock(), is_empty, timeout).unwrap());
        })
    });
    assert_eq!(waiters(memory).load(Relaxed), 2);
    sleepers
}

fn a_process_that_notified_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_notified_and_died_before_the_wake");
    let sleepers = fork_rescued(memory);
    put(&memory.buffer, 1);
    // All that a notify does before its wake.
    word(&memory.buffer).fetch_add(1, Relaxed);
    join_all(sleepers.into());
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn a_process_that_died_before_it_could_notify_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_died_before_it_could_notify");
    let sleepers = fork_rescued(memory);
    put(&memory.buffer, 1);
    join_all(sleepers.into());
    assert_eq!(waiters(memory).load(Relaxed), 0);
}

fn the_lock_of_a_process_killed_after_its_wait_stays_held(memory: &Memory) {
    let _watchdog = Watchdog::new("the_lock_of_a_process_killed_after_its_wait_stays_held");
    let holder = fork(memory, |buffer| {
        let _guard = cond(buffer).wait_while(lock(buffer).lock(), || total(buffer).load(Relaxed) == 0);
        stay(buffer)
    });
    holder.until_asleep();
    let others = fork_asleep(memory, 1, |buffer| {
        drop(cond(buffer).wait_while(lock(buffer).lock(), || total(buffer).load(Relaxed) == 0));
    });
    put(&memory.buffer, 1);
    cond(&memory.buffer).notify_all();
    kill_where_it_stays(memory, holder);
    assert!(lock(&memory.buffer).lock_for(SHORT).is_err());
    // On its behalf. The other has been notified too, and waits for the lock, unless it had it before.
    lock(&memory.buffer).unlock().unwrap();
    join_all(others);
    join_all(fork_all(memory, 1, |buffer| drop(lock(buffer).lock())));
}
