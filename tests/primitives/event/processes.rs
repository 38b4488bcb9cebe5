//! What an event promises between real processes, over every origin of memory that they can share.
#![cfg(target_os = "linux")]

use crate::processes::{INDEX, total};
use crate::support::processes::{FAR, fork, fork_asleep, fork_asleep_rescued, fork_victim, join_all};
use crate::support::processes::{kill_where_it_stays, stay};
use crate::support::{Memory, SHORT, Watchdog};
use slotsync::{Event, SharedBuffer};
use std::sync::atomic::Ordering::{Relaxed, Release};

over_shared_origins! {
    a_set_wakes_all_processes_that_wait
    processes_that_waited_return_though_the_event_is_reset_at_once
    writes_before_a_set_are_seen_in_another_process
    a_process_killed_while_it_waits_strands_nobody
    a_waiter_that_was_woken_and_died_strands_nobody
    a_process_that_set_and_died_before_the_wake_strands_nobody_beyond_one_slice
    an_event_set_by_a_dead_process_is_set
}

fn event(buffer: &SharedBuffer) -> Event<'_> {
    Event::new(buffer, INDEX).unwrap()
}

fn a_set_wakes_all_processes_that_wait(memory: &Memory) {
    let _watchdog = Watchdog::new("a_set_wakes_all_processes_that_wait");
    let sleepers = fork_asleep(memory, 4, |buffer| event(buffer).wait());
    event(&memory.buffer).set();
    join_all(sleepers);
    assert!(event(&memory.buffer).is_set());
}

fn processes_that_waited_return_though_the_event_is_reset_at_once(memory: &Memory) {
    let _watchdog = Watchdog::new("processes_that_waited_return");
    for _ in 0..10 {
        let sleepers = fork_asleep(memory, 3, |buffer| event(buffer).wait());
        event(&memory.buffer).set();
        event(&memory.buffer).reset();
        join_all(sleepers);
        assert!(!event(&memory.buffer).is_set());
    }
    assert!(event(&memory.buffer).wait_for(SHORT).is_err(), "the next one waits for the next set");
}

fn writes_before_a_set_are_seen_in_another_process(memory: &Memory) {
    let _watchdog = Watchdog::new("writes_before_a_set_are_seen_in_another_process");
    // Two events, to and fro.
    let peer = fork(memory, |buffer| {
        let [there, back] = [INDEX, INDEX + 1].map(|index| Event::new(buffer, index).unwrap());
        for round in 0..1_000 {
            there.wait();
            there.reset();
            assert_eq!(total(buffer).fetch_add(1, Relaxed), 2 * round + 1);
            back.set();
        }
        0
    });
    let [there, back] = [INDEX, INDEX + 1].map(|index| Event::new(&memory.buffer, index).unwrap());
    for round in 0..1_000 {
        assert_eq!(total(&memory.buffer).fetch_add(1, Relaxed), 2 * round);
        there.set();
        back.wait();
        back.reset();
    }
    peer.join();
}

fn a_process_killed_while_it_waits_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_killed_while_it_waits_strands_nobody");
    let mut sleepers = fork_asleep(memory, 3, |buffer| event(buffer).wait());
    sleepers.remove(0).kill();
    event(&memory.buffer).set();
    join_all(sleepers); // And without having been rescued.
}

fn a_waiter_that_was_woken_and_died_strands_nobody(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_was_woken_and_died_strands_nobody");
    let mut sleepers = fork_asleep(memory, 1, |buffer| event(buffer).wait());
    let victim = fork_victim(memory, INDEX);
    sleepers.extend(fork_asleep(memory, 1, |buffer| event(buffer).wait()));
    event(&memory.buffer).set();
    join_all(sleepers); // And without having been rescued: a set wakes all.
    drop(victim);
}

fn a_process_that_set_and_died_before_the_wake_strands_nobody_beyond_one_slice(memory: &Memory) {
    let _watchdog = Watchdog::new("a_process_that_set_and_died_before_the_wake");
    // Two events: one is reset by another agent before anybody looks.
    let sleepers = [INDEX, INDEX + 1].into_iter().zip(FAR).map(|(index, timeout)| {
        let sleeper = fork_asleep_rescued(memory, 1..=1, |buffer| {
            assert!(Event::new(buffer, index).unwrap().wait_for(timeout).is_ok());
        });
        // All that a set does before its wake.
        assert_eq!(memory.buffer.slot(index).unwrap().fetch_or(1, Release), 2);
        sleeper
    });
    let sleepers = sleepers.collect();
    event(&memory.buffer).reset();
    join_all(sleepers);
}

fn an_event_set_by_a_dead_process_is_set(memory: &Memory) {
    let _watchdog = Watchdog::new("an_event_set_by_a_dead_process_is_set");
    let setter = fork(memory, |buffer| {
        event(buffer).set();
        stay(buffer)
    });
    kill_where_it_stays(memory, setter);
    event(&memory.buffer).wait();
    event(&memory.buffer).reset();
    assert!(!event(&memory.buffer).is_set());
}
