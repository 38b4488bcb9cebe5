//! What a barrier promises, over every origin of memory, between threads.

use crate::support::{
    LONG, Memory, Plain, SHORT, Watchdog, assert_not_early, join_all, sleepers, under_stray_wakes, until,
};
use slotsync::{Barrier, BarrierRole, Error, SharedBuffer, Slot, TimedOut};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

over_every_origin! {
    fresh_memory_is_a_barrier_that_nobody_has_come_to
    a_barrier_for_one_lets_it_pass_as_the_leader
    nobody_passes_before_all_have_arrived
    each_round_has_exactly_one_leader
    rounds_keep_apart
    rounds_keep_apart_when_agents_take_turns
    all_see_the_writes_that_each_made_before_it_arrived
    a_timed_wait_ends_not_before_its_time
    a_waiter_that_gives_up_withdraws_its_arrival
    a_waiter_that_gives_up_in_vain_has_passed
    a_timed_wait_passes_when_all_have_arrived
    a_deadline_in_the_past_is_a_try
    the_generation_wraps_around
    a_stray_wake_lets_nobody_pass_early
    barriers_in_neighbouring_slots_are_strangers
    every_word_is_a_barrier
}

const WAITING: i32 = 1 << 14;
/// What the word gains with each round.
const ROUND: i32 = 1 << 15;

fn barrier(memory: &Memory, agents: u32) -> Barrier<'_> {
    Barrier::new(&memory.buffer, 5, agents).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(5).unwrap()
}

fn leaders(roles: &[BarrierRole]) -> usize {
    roles.iter().filter(|role| **role == BarrierRole::Leader).count()
}

fn fresh_memory_is_a_barrier_that_nobody_has_come_to(memory: &Memory) {
    assert_eq!(barrier(memory, 2).arrived(), 0);
    assert_eq!(barrier(memory, 2).wait_for(Duration::ZERO), Err(TimedOut));
    assert_eq!(word(memory).load(Relaxed), 0);
}

fn a_barrier_for_one_lets_it_pass_as_the_leader(memory: &Memory) {
    let barrier = barrier(memory, 1);
    for round in 1..10 {
        assert_eq!(barrier.wait(), BarrierRole::Leader);
        assert_eq!(word(memory).load(Relaxed), round * ROUND);
    }
    assert_eq!(barrier.wait_for(Duration::ZERO), Ok(BarrierRole::Leader));
    assert_eq!(barrier.wait_until(Instant::now()), Ok(BarrierRole::Leader));
}

fn nobody_passes_before_all_have_arrived(memory: &Memory) {
    let _watchdog = Watchdog::new("nobody_passes_before_all_have_arrived");
    let barrier = barrier(memory, 4);
    thread::scope(|threads| {
        let waiters = sleepers(threads, 3, || barrier.wait());
        until("all but one have arrived", || barrier.arrived() == 3);
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        assert_eq!(barrier.wait(), BarrierRole::Leader, "the last to arrive");
        assert_eq!(join_all(waiters), [BarrierRole::Follower; 3]);
    });
    assert_eq!(barrier.arrived(), 0);
}

fn each_round_has_exactly_one_leader(memory: &Memory) {
    let _watchdog = Watchdog::new("each_round_has_exactly_one_leader");
    for agents in [2, 3, 5] {
        let barrier = barrier(memory, agents);
        for _ in 0..100 {
            let roles =
                thread::scope(|threads| join_all((0..agents).map(|_| threads.spawn(|| barrier.wait())).collect()));
            assert_eq!(leaders(&roles), 1);
        }
    }
}

fn rounds_keep_apart(memory: &Memory) {
    let _watchdog = Watchdog::new("rounds_keep_apart");
    const AGENTS: i32 = 3;
    const ROUNDS: i32 = 3_000;
    let barrier = barrier(memory, AGENTS as u32);
    let [total, led] = [64, 65].map(|index| memory.buffer.slot(index).unwrap());
    thread::scope(|threads| {
        for _ in 0..AGENTS {
            threads.spawn(|| {
                for round in 1..=ROUNDS {
                    total.fetch_add(1, Relaxed);
                    let role = barrier.wait();
                    // All have added, and none has added again.
                    assert_eq!(total.load(Relaxed), round * AGENTS);
                    if role == BarrierRole::Leader {
                        assert_eq!(led.fetch_add(1, Relaxed), 2 * round - 2);
                    }
                    if barrier.wait() == BarrierRole::Leader {
                        assert_eq!(led.fetch_add(1, Relaxed), 2 * round - 1);
                    }
                    // The second leader of the round has counted before anybody leads again, as it takes part in that.
                }
            });
        }
    });
    assert_eq!(led.load(Relaxed), 2 * ROUNDS, "one leader in each round");
    assert_eq!(word(memory).load(Relaxed) & !WAITING, (2 * ROUNDS).wrapping_mul(ROUND));
}

fn all_see_the_writes_that_each_made_before_it_arrived(memory: &Memory) {
    let _watchdog = Watchdog::new("all_see_the_writes_that_each_made_before_it_arrived");
    let barrier = barrier(memory, 3);
    let data = [(); 3].map(|()| Plain::default());
    thread::scope(|threads| {
        for mine in &data {
            let data = &data;
            threads.spawn(move || {
                for round in 1..=500 {
                    mine.write(round);
                    barrier.wait();
                    assert!(data.iter().all(|data| data.read() == round));
                    barrier.wait();
                }
            });
        }
    });
}

fn rounds_keep_apart_when_agents_take_turns(memory: &Memory) {
    let _watchdog = Watchdog::new("rounds_keep_apart_when_agents_take_turns");
    // More agents than the barrier is for: each round takes any two of them, and the last agent may find itself alone.
    let barrier = barrier(memory, 2);
    let leaders = memory.buffer.slot(64).unwrap();
    let followers = memory.buffer.slot(65).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        let agents = (0..4).map(|_| {
            threads.spawn(|| {
                for _ in 0..1_000 {
                    let role = loop {
                        match barrier.wait_for(Duration::from_millis(5)) {
                            Ok(role) => break role,
                            Err(TimedOut) if is_over.load(Relaxed) => return,
                            Err(TimedOut) => {}
                        }
                    };
                    let counter = if role == BarrierRole::Leader { leaders } else { followers };
                    counter.fetch_add(1, Relaxed);
                }
            })
        });
        let agents: Vec<_> = agents.collect();
        until("at most one agent is left", || agents.iter().filter(|agent| !agent.is_finished()).count() <= 1);
        is_over.store(true, Relaxed);
    });
    assert_eq!(leaders.load(Relaxed), followers.load(Relaxed));
    assert_eq!(word(memory).load(Relaxed) & !WAITING, leaders.load(Relaxed).wrapping_mul(ROUND));
}

fn a_timed_wait_ends_not_before_its_time(memory: &Memory) {
    let barrier = barrier(memory, 2);
    assert_not_early(|timeout| barrier.wait_for(timeout).is_err(), |deadline| barrier.wait_until(deadline).is_err());
    assert_eq!(barrier.arrived(), 0);
}

fn a_waiter_that_gives_up_withdraws_its_arrival(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_gives_up_withdraws_its_arrival");
    let barrier = barrier(memory, 3);
    thread::scope(|threads| {
        let first = sleepers(threads, 1, || barrier.wait());
        until("one has arrived", || barrier.arrived() == 1);
        assert_eq!(barrier.wait_for(SHORT), Err(TimedOut));
        assert_eq!(barrier.arrived(), 1, "it is as if it had not arrived");
        let second = sleepers(threads, 1, || barrier.wait());
        until("two have arrived", || barrier.arrived() == 2);
        assert!(!first[0].is_finished() && !second[0].is_finished());
        assert_eq!(barrier.wait(), BarrierRole::Leader);
        assert_eq!(join_all(first), [BarrierRole::Follower]);
        assert_eq!(join_all(second), [BarrierRole::Follower]);
    });
    assert_eq!(word(memory).load(Relaxed) & !WAITING, ROUND);
}

fn a_waiter_that_gives_up_in_vain_has_passed(memory: &Memory) {
    let _watchdog = Watchdog::new("a_waiter_that_gives_up_in_vain_has_passed");
    const ROUNDS: u64 = 2_000;
    let barrier = barrier(memory, 2);
    let led = AtomicI32::new(0);
    let passed = thread::scope(|threads| {
        // Its time-outs run into the arrivals of the other: whether it has passed, both must agree.
        let hasty = threads.spawn(|| {
            let mut passed = 0;
            for turn in 0.. {
                let role = barrier.wait_for(Duration::from_micros(turn % 40));
                passed += u64::from(role.is_ok());
                led.fetch_add(i32::from(role == Ok(BarrierRole::Leader)), Relaxed);
                if passed == ROUNDS {
                    break;
                }
            }
            passed
        });
        for _ in 0..ROUNDS {
            led.fetch_add(i32::from(barrier.wait() == BarrierRole::Leader), Relaxed);
        }
        hasty.join().unwrap()
    });
    assert_eq!(passed, ROUNDS);
    assert_eq!(led.load(Relaxed) as u64, ROUNDS);
    assert_eq!(barrier.arrived(), 0);
}

fn a_timed_wait_passes_when_all_have_arrived(memory: &Memory) {
    let _watchdog = Watchdog::new("a_timed_wait_passes_when_all_have_arrived");
    let barrier = barrier(memory, 2);
    for timeout in [LONG, Duration::MAX] {
        thread::scope(|threads| {
            let waiter = threads.spawn(|| barrier.wait_for(timeout));
            until("the waiter has arrived", || barrier.arrived() == 1);
            assert_eq!(barrier.wait_until(Instant::now()), Ok(BarrierRole::Leader));
            assert_eq!(waiter.join().unwrap(), Ok(BarrierRole::Follower));
        });
    }
}

fn a_deadline_in_the_past_is_a_try(memory: &Memory) {
    let barrier = barrier(memory, 3);
    // One has arrived, and sleeps or died.
    word(memory).store(1, Relaxed);
    assert_eq!(barrier.wait_for(Duration::ZERO), Err(TimedOut));
    assert_eq!(barrier.wait_until(Instant::now()), Err(TimedOut));
    assert_eq!(word(memory).load(Relaxed), 1, "an agent that did not wait leaves neither an arrival nor a mark");
    word(memory).store(2, Relaxed);
    assert_eq!(barrier.wait_for(Duration::ZERO), Ok(BarrierRole::Leader), "only the last to arrive passes");
    assert_eq!(word(memory).load(Relaxed), ROUND);
}

fn the_generation_wraps_around(memory: &Memory) {
    let _watchdog = Watchdog::new("the_generation_wraps_around");
    let barrier = barrier(memory, 3);
    for last in [-ROUND, i32::MAX & -ROUND] {
        word(memory).store(last.wrapping_sub(2 * ROUND), Relaxed);
        for _ in 0..5 {
            thread::scope(|threads| {
                let waiters = sleepers(threads, 2, || barrier.wait());
                until("two have arrived", || barrier.arrived() == 2);
                assert_eq!(barrier.wait(), BarrierRole::Leader);
                assert_eq!(join_all(waiters), [BarrierRole::Follower; 2]);
            });
        }
        assert_eq!(word(memory).load(Relaxed) & !WAITING, last.wrapping_add(3 * ROUND));
    }
}

fn a_stray_wake_lets_nobody_pass_early(memory: &Memory) {
    let _watchdog = Watchdog::new("a_stray_wake_lets_nobody_pass_early");
    const AGENTS: i32 = 3;
    let barrier = barrier(memory, AGENTS as u32);
    let total = memory.buffer.slot(64).unwrap();
    under_stray_wakes(word(memory), || {
        assert_eq!(barrier.wait_for(SHORT), Err(TimedOut));
        thread::scope(|threads| {
            for _ in 0..AGENTS {
                threads.spawn(|| {
                    for round in 1..=300 {
                        total.fetch_add(1, Relaxed);
                        barrier.wait();
                        assert_eq!(total.load(Relaxed), round * AGENTS);
                        barrier.wait();
                    }
                });
            }
        });
    });
}

fn barriers_in_neighbouring_slots_are_strangers(memory: &Memory) {
    let other = Barrier::new(&memory.buffer, 6, 1).unwrap();
    assert_eq!(other.wait(), BarrierRole::Leader);
    assert_eq!(word(memory).load(Relaxed), 0);
    assert_ne!(other, barrier(memory, 1));
}

fn every_word_is_a_barrier(memory: &Memory) {
    let _watchdog = Watchdog::new("every_word_is_a_barrier");
    for garbage in [-1, i32::MIN, i32::MAX, WAITING, ROUND - 1] {
        // More have arrived than there are agents, or none: the next is the last, or waits as it should.
        word(memory).store(garbage, Relaxed);
        let has_all = garbage & (WAITING - 1) != 0;
        assert_eq!(barrier(memory, 2).wait_for(Duration::from_millis(1)).is_ok(), has_all);
        assert_eq!(barrier(memory, 2).arrived(), 0);
        thread::scope(|threads| {
            let agents = [(); 2].map(|()| threads.spawn(|| barrier(memory, 2).wait()));
            let roles = agents.map(|agent| agent.join().unwrap());
            assert_eq!(leaders(&roles), 1);
        });
    }
}

#[test]
fn a_barrier_beyond_the_end_is_an_error() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert!(Barrier::new(&buffer, 15, 2).is_ok());
    assert_eq!(Barrier::new(&buffer, 16, 2), Err(Error::OutOfBounds { index: 16, count: 1, length: 16 }));
    assert_eq!(
        Barrier::initialize(&buffer, usize::MAX, 2),
        Err(Error::OutOfBounds { index: usize::MAX, count: 1, length: 16 })
    );
}

#[test]
fn a_barrier_of_no_agents_or_too_many_is_an_error_that_changes_nothing() {
    let max = Barrier::MAX_AGENTS;
    let buffer = SharedBuffer::new(4).unwrap();
    buffer.slot(0).unwrap().store(7, Relaxed);
    for agents in [0, max + 1, u32::MAX] {
        assert_eq!(Barrier::new(&buffer, 0, agents), Err(Error::BadAgents { agents, max }));
        assert_eq!(Barrier::initialize(&buffer, 0, agents), Err(Error::BadAgents { agents, max }));
        assert_eq!(Barrier::from_slot(buffer.slot(0).unwrap(), agents), Err(Error::BadAgents { agents, max }));
    }
    assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 7);
}

#[test]
fn a_barrier_for_as_many_as_can_be_counts_all_of_them() {
    let max = Barrier::MAX_AGENTS;
    let buffer = SharedBuffer::new(4).unwrap();
    let barrier = Barrier::new(&buffer, 0, max).unwrap();
    // All but two have arrived.
    buffer.slot(0).unwrap().store(max as i32 - 2, Relaxed);
    assert_eq!(barrier.wait_for(Duration::from_millis(1)), Err(TimedOut));
    assert_eq!(barrier.arrived(), max - 2);
    buffer.slot(0).unwrap().store(max as i32 - 1, Relaxed);
    assert_eq!(barrier.arrived(), max - 1);
    assert_eq!(barrier.wait(), BarrierRole::Leader);
    assert_eq!(buffer.slot(0).unwrap().load(Relaxed), ROUND);
}

#[test]
fn initializing_makes_any_word_a_barrier_that_nobody_has_come_to() {
    let buffer = SharedBuffer::new(4).unwrap();
    for left_behind in [0, 1, WAITING, -7, i32::MIN] {
        buffer.slot(0).unwrap().store(left_behind, Relaxed);
        assert_eq!(Barrier::initialize(&buffer, 0, 2).unwrap().arrived(), 0);
        assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 0);
    }
}
