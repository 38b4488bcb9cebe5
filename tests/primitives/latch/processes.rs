//! What a latch promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total, word};
use crate::support::processes::{FAR, Process, kill_where_it_stays, stay};
use crate::support::processes::{fork, fork_all, fork_asleep, fork_asleep_rescued, fork_victim, join_all};
use crate::support::{Memory, SHORT, Watchdog};
use slotsync::{Latch, SharedBuffer};
use std::sync::atomic::Ordering::{Relaxed, Release};

over_shared_origins! {
    processes_wait_until_all_have_counted_down
    processes_sleep_until_the_last_has_counted_down
    a_process_killed_while_it_waits_strands_nobody
    a_waiter_that_was_woken_and_died_strands_nobody
    a_process_that_counted_last_and_died_before_the_wake_strands_nobody_beyond_one_slice
    a_process_that_died_before_it_counted_is_counted_down_on_its_behalf
}

fn initialized(memory: &Memory, count: u32) -> Latch<'_> {
    Latch::initialize(&memory.buffer, INDEX, count).unwrap()
}

fn latch(buffer: &SharedBuffer) -> Latch<'_> {
    Latch::new(buffer, INDEX).unwrap()
}

fn processes_wait_until_all_have_counted_down(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_wait_until_all_have_counted_down");
    for round in 1..=5 {
        initialized(memory, 4);
        join_all(fork_all(memory, 4, |buffer| {
            total(buffer).fetch_add(1, Relaxed);
            latch(buffer).count_down(1).unwrap();
            latch(buffer).wait();
            assert_eq!(total(buffer).load(Relaxed), 4 * round);
        }));
        assert!(latch(&memory.buffer).is_done());
    }
}

fn processes_sleep_until_the_last_has_counted_down(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_sleep_until_the_last_has_counted_down");
    let latch_here = initialized(memory, 3);
    let sleepers = fork_asleep(memory, 3, |buffer| latch(buffer).wait());
    latch_here.count_down(2).unwrap();
    sleepers.iter().for_each(Process::until_asleep);
    latch_here.count_down(1).unwrap();
    join_all(sleepers);
    assert!(latch_here.count_down(1).is_err());
}

fn a_process_killed_while_it_waits_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let latch_here = initialized(memory, 1);
    let mut sleepers = fork_asleep(memory, 3, |buffer| latch(buffer).wait());
    sleepers.remove(0).kill();
    latch_here.count_down(1).unwrap();
    join_all(sleepers); // And without having been rescued.
}

fn a_waiter_that_was_woken_and_died_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died_strands_nobody");
    let latch_here = initialized(memory, 1);
    let mut sleepers = fork_asleep(memory, 1, |buffer| latch(buffer).wait());
    let victim = fork_victim(memory, INDEX);
    sleepers.extend(fork_asleep(memory, 1, |buffer| latch(buffer).wait()));
    latch_here.count_down(1).unwrap();
    join_all(sleepers); // And without having been rescued: the last wakes all.
    drop(victim);
}

fn a_process_that_counted_last_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_counted_last_and_died_before_the_wake");
    initialized(memory, 1);
    let sleepers = FAR
        .map(|timeout| fork_asleep_rescued(memory, 1..=1, |buffer| assert!(latch(buffer).wait_for(timeout).is_ok())));
    // All that the last count does before its wake.
    assert_eq!(word(&memory.buffer).swap(0, Release), 1 | i32::MIN);
    join_all(sleepers.into());
}

fn a_process_that_died_before_it_counted_is_counted_down_on_its_behalf(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_died_before_it_counted");
    initialized(memory, 2);
    let victim = fork(memory, |buffer| {
        latch(buffer).count_down(1).unwrap();
        stay(buffer)
    });
    kill_where_it_stays(memory, victim);
    assert!(latch(&memory.buffer).wait_for(SHORT).is_err());
    assert_eq!(latch(&memory.buffer).count(), 1, "what it had counted before it died stays counted");
    let sleepers = fork_asleep(memory, 2, |buffer| latch(buffer).wait());
    latch(&memory.buffer).count_down(1).unwrap();
    join_all(sleepers);
}
