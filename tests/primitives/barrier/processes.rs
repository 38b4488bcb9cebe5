//! What a barrier promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total, word};
use crate::support::processes::{FAR, fork, fork_all, fork_asleep, fork_asleep_rescued, fork_victim, join_all};
use crate::support::processes::{kill_where_it_stays, stay};
use crate::support::{Memory, SHORT, Watchdog};
use slotsync::{Barrier, BarrierRole, SharedBuffer, TimedOut};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

over_shared_origins! {
    rounds_keep_apart_between_processes
    processes_sleep_until_the_last_has_arrived
    the_arrival_of_a_process_killed_while_it_waits_counts
    a_waiter_that_was_woken_and_died_strands_nobody
    a_process_that_completed_a_round_and_died_before_the_wake_strands_nobody_beyond_one_slice
    a_process_that_died_before_it_arrived_is_waited_for_until_all_withdraw
}

/// Arrivals and the mark.
const FLAGS: i32 = (1 << 15) - 1;

fn barrier(buffer: &SharedBuffer, agents: u32) -> Barrier<'_> {
    Barrier::new(buffer, INDEX, agents).unwrap()
}

fn rounds_keep_apart_between_processes(memory: &Memory) {
    let _watchdog = Watchdog::new("rounds_keep_apart_between_processes");
    const ROUNDS: i32 = 500;
    join_all(fork_all(memory, 4, |buffer| {
        let (barrier, led) = (barrier(buffer, 4), buffer.slot(96).unwrap());
        for round in 1..=ROUNDS {
            total(buffer).fetch_add(1, Relaxed);
            led.fetch_add(i32::from(barrier.wait() == BarrierRole::Leader), Relaxed);
            assert_eq!(total(buffer).load(Relaxed), 4 * round);
            led.fetch_add(i32::from(barrier.wait() == BarrierRole::Leader), Relaxed);
        }
    }));
    assert_eq!(memory.buffer.slot(96).unwrap().load(Relaxed), 2 * ROUNDS, "one leader in each round");
}

fn processes_sleep_until_the_last_has_arrived(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_sleep_until_the_last_has_arrived");
    let sleepers = fork_asleep(memory, 3, |buffer| assert_eq!(barrier(buffer, 4).wait(), BarrierRole::Follower));
    assert_eq!(barrier(&memory.buffer, 4).arrived(), 3);
    assert_eq!(barrier(&memory.buffer, 4).wait(), BarrierRole::Leader);
    join_all(sleepers);
    assert_eq!(barrier(&memory.buffer, 4).arrived(), 0);
}

fn the_arrival_of_a_process_killed_while_it_waits_counts(memory: &Memory) {
    let _watchdog = Watchdog::new("the_arrival_of_a_process_killed_while_it_waits_counts");
    let mut sleepers = fork_asleep(memory, 2, |buffer| assert_eq!(barrier(buffer, 3).wait(), BarrierRole::Follower));
    sleepers.remove(0).kill();
    assert_eq!(barrier(&memory.buffer, 3).arrived(), 2);
    assert_eq!(barrier(&memory.buffer, 3).wait_for(SHORT), Ok(BarrierRole::Leader));
    join_all(sleepers); // And without having been rescued.
}

fn a_waiter_that_was_woken_and_died_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died_strands_nobody");
    let mut sleepers = fork_asleep(memory, 1, |buffer| assert_eq!(barrier(buffer, 3).wait(), BarrierRole::Follower));
    let victim = fork_victim(memory, INDEX);
    sleepers.extend(fork_asleep(memory, 1, |buffer| assert_eq!(barrier(buffer, 3).wait(), BarrierRole::Follower)));
    assert_eq!(barrier(&memory.buffer, 3).wait(), BarrierRole::Leader);
    join_all(sleepers); // And without having been rescued: the last wakes all.
    drop(victim);
}

fn a_process_that_completed_a_round_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_completed_a_round_and_died_before_the_wake");
    let sleepers = FAR.map(|timeout| {
        fork_asleep_rescued(memory, 1..=1, |buffer| {
            assert_eq!(barrier(buffer, 3).wait_for(timeout), Ok(BarrierRole::Follower));
        })
    });
    // All that the last to arrive does before its wake.
    let was = 2 | 1 << 14;
    let now = (was | FLAGS).wrapping_add(1);
    assert_eq!(word(&memory.buffer).compare_exchange(was, now, AcqRel, Relaxed), Ok(was));
    join_all(sleepers.into());
}

fn a_process_that_died_before_it_arrived_is_waited_for_until_all_withdraw(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_died_before_it_arrived");
    let victim = fork(memory, |buffer| stay(buffer));
    kill_where_it_stays(memory, victim);
    join_all(fork_all(memory, 2, |buffer| assert_eq!(barrier(buffer, 3).wait_for(SHORT), Err(TimedOut))));
    assert_eq!(barrier(&memory.buffer, 3).arrived(), 0, "all have withdrawn");
    // For as many as are left.
    Barrier::initialize(&memory.buffer, INDEX, 2).unwrap();
    join_all(fork_all(memory, 2, |buffer| assert!(barrier(buffer, 2).wait_for(FAR[1]).is_ok())));
}
