//! What a semaphore promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total, word};
use crate::support::processes::{FAR, fork, fork_all, fork_asleep, fork_asleep_rescued, fork_victim, join_all};
use crate::support::processes::{kill_where_it_stays, stay};
use crate::support::{Memory, SHORT, Watchdog};
use slotsync::{Semaphore, SharedBuffer};
use std::sync::atomic::Ordering::{Relaxed, Release};

over_shared_origins! {
    no_more_processes_are_in_than_there_are_permits
    no_signal_is_lost_between_two_processes
    processes_sleep_until_another_releases
    processes_that_need_different_numbers_do_not_strand_each_other
    a_process_killed_while_it_waits_strands_nobody
    a_waiter_that_was_woken_and_died_before_taking_strands_nobody_beyond_one_slice
    a_process_that_released_and_died_before_the_wake_strands_nobody_beyond_one_slice
    the_permits_of_a_dead_process_are_gone_until_they_are_released_on_its_behalf
}

const WAITING: i32 = 1 << 30;

fn semaphore(buffer: &SharedBuffer) -> Semaphore<'_> {
    Semaphore::new(buffer, INDEX).unwrap()
}

fn no_more_processes_are_in_than_there_are_permits(memory: &Memory) {
    let _watchdog = Watchdog::new("no_more_processes_are_in_than_there_are_permits");
    semaphore(&memory.buffer).release(2).unwrap();
    join_all(fork_all(memory, 4, |buffer| {
        let inside = buffer.slot(96).unwrap();
        for _ in 0..2_000 {
            let _permit = semaphore(buffer).permit();
            assert!(inside.fetch_add(1, Relaxed) < 2);
            total(buffer).fetch_add(1, Relaxed);
            inside.fetch_sub(1, Relaxed);
        }
    }));
    assert_eq!(total(&memory.buffer).load(Relaxed), 8_000);
    assert_eq!(semaphore(&memory.buffer).permits(), 2);
}

fn no_signal_is_lost_between_two_processes(memory: &Memory) {
    let _watchdog = Watchdog::new("no_signal_is_lost_between_two_processes");
    let pair = |buffer| [INDEX, INDEX + 1].map(|index| Semaphore::new(buffer, index).unwrap());
    let ponger = fork(memory, |buffer| {
        let [ping, pong] = [INDEX, INDEX + 1].map(|index| Semaphore::new(buffer, index).unwrap());
        for round in 0..2_000 {
            ping.acquire();
            assert_eq!(total(buffer).fetch_add(1, Relaxed), 2 * round + 1);
            pong.release(1).unwrap();
        }
        0
    });
    let [ping, pong] = pair(&memory.buffer);
    for round in 0..2_000 {
        assert_eq!(total(&memory.buffer).fetch_add(1, Relaxed), 2 * round);
        ping.release(1).unwrap();
        pong.acquire();
    }
    ponger.join();
}

fn processes_sleep_until_another_releases(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_sleep_until_another_releases");
    // At once, or one after the other.
    for releases in [&[3][..], &[1, 1, 1], &[1, 2]] {
        let sleepers = fork_asleep(memory, 3, |buffer| semaphore(buffer).acquire());
        assert_eq!(word(&memory.buffer).load(Relaxed), WAITING);
        for count in releases {
            semaphore(&memory.buffer).release(*count).unwrap();
        }
        join_all(sleepers);
        assert_eq!(semaphore(&memory.buffer).permits(), 0);
        word(&memory.buffer).store(0, Relaxed);
    }
}

fn processes_that_need_different_numbers_do_not_strand_each_other(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_need_different_numbers");
    for counts in [[1, 2, 3], [3, 2, 1]] {
        let sleepers: Vec<_> = counts
            .into_iter()
            .flat_map(|count| fork_asleep(memory, 1, |buffer| semaphore(buffer).acquire_many(count).unwrap()))
            .collect();
        for _ in 0..6 {
            semaphore(&memory.buffer).release(1).unwrap();
        }
        join_all(sleepers);
        assert_eq!(semaphore(&memory.buffer).permits(), 0);
    }
}

fn a_process_killed_while_it_waits_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let mut sleepers = fork_asleep(memory, 2, |buffer| semaphore(buffer).acquire());
    sleepers.remove(0).kill();
    semaphore(&memory.buffer).release(1).unwrap();
    join_all(sleepers); // And without having been rescued.
    assert_eq!(semaphore(&memory.buffer).permits(), 0);
}

fn a_waiter_that_was_woken_and_died_before_taking_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died_before_taking");
    word(&memory.buffer).store(WAITING, Relaxed);
    let victim = fork_victim(memory, INDEX);
    let survivor = fork_asleep_rescued(memory, 0..=1, |buffer| semaphore(buffer).acquire());
    // The victim has slept longer, so the one wake is most likely its.
    semaphore(&memory.buffer).release(1).unwrap();
    survivor.join();
    drop(victim);
}

fn a_process_that_released_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_released_and_died_before_the_wake");
    // Two semaphores: on one, the first that finds its permit would wake the other.
    let sleepers = [INDEX, INDEX + 1].into_iter().zip(FAR).map(|(index, timeout)| {
        let sleeper = fork_asleep_rescued(memory, 1..=1, |buffer| {
            assert!(Semaphore::new(buffer, index).unwrap().acquire_for(timeout).is_ok());
        });
        // All that a release does before its wake.
        assert_eq!(memory.buffer.slot(index).unwrap().swap(1, Release), WAITING);
        sleeper
    });
    join_all(sleepers.collect());
    assert_eq!(semaphore(&memory.buffer).permits(), 0);
}

fn the_permits_of_a_dead_process_are_gone_until_they_are_released_on_its_behalf(memory: &Memory) {
    let _watchdog = Watchdog::new("the_permits_of_a_dead_process");
    semaphore(&memory.buffer).release(3).unwrap();
    let holder = fork(memory, |buffer| {
        let _permit = semaphore(buffer).permit();
        semaphore(buffer).acquire();
        stay(buffer)
    });
    kill_where_it_stays(memory, holder);
    assert_eq!(semaphore(&memory.buffer).permits(), 1);
    assert!(semaphore(&memory.buffer).acquire_many_for(3, SHORT).is_err());
    semaphore(&memory.buffer).release(2).unwrap();
    assert_eq!(semaphore(&memory.buffer).try_acquire_many(3), Ok(true));
}
