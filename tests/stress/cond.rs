//! A bounded queue under a lock, with a condition for each end.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, counter, stress, times};
use slotsync::{Cond, Lock, LockGuard, SharedBuffer, Slot, TimedOut};
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "queue of conditions", prepare: |_| (), agent, conclude } }

const ROOM: i32 = 4;

/// How many are in the queue, what was put in and what was taken out, as counts and as sums.
const LENGTH: usize = 0;
const PUT: usize = 1;
const TAKEN: usize = 2;
const SUM_PUT: usize = 3;
const SUM_TAKEN: usize = 4;

fn queue(buffer: &SharedBuffer) -> (Lock<'_>, [Cond<'_>; 2]) {
    let lock = Lock::new(buffer, 0).unwrap();
    (lock, [2, 4].map(|index| Cond::new(buffer, index, lock).unwrap()))
}

fn cell(buffer: &SharedBuffer, count: i32) -> Slot<'_> {
    buffer.slot(8 + (count % ROOM) as usize).unwrap()
}

/// Half of the agents put in as many as the other half takes out.
fn agent(buffer: &SharedBuffer, number: usize) {
    let (lock, [not_full, not_empty]) = queue(buffer);
    let mut random = Random::of(number);
    for item in 1..=times(2_500) {
        let (mine, theirs) = if number % 2 == 0 { (not_full, not_empty) } else { (not_empty, not_full) };
        let length = counter(buffer, LENGTH);
        let is_stuck = || if number % 2 == 0 { length.load(Relaxed) == ROOM } else { length.load(Relaxed) == 0 };
        let guard = wait(&mut random, lock, mine, is_stuck);
        let [done, sum] = if number % 2 == 0 { [PUT, SUM_PUT] } else { [TAKEN, SUM_TAKEN] };
        let count = counter(buffer, done).fetch_add(1, Relaxed);
        random.yield_sometimes();
        let cell = cell(buffer, count);
        let item = if number % 2 == 0 {
            cell.store(item, Relaxed);
            length.fetch_add(1, Relaxed);
            item
        } else {
            length.fetch_sub(1, Relaxed);
            cell.swap(0, Relaxed)
        };
        assert!((0..=ROOM).contains(&length.load(Relaxed)), "two agents are in, or one came for nothing");
        assert_ne!(item, 0, "what was taken was put in before");
        counter(buffer, sum).fetch_add(item, Relaxed);
        // One for one; with the lock held and without; and more than is needed, once in a while.
        match random.bits(3) {
            0 => theirs.notify_all(),
            1..4 => theirs.notify_one(),
            _ => {
                drop(guard);
                theirs.notify_one();
            }
        }
    }
}

/// With a deadline or without.
fn wait<'buf>(
    random: &mut Random,
    lock: Lock<'buf>,
    cond: Cond<'buf>,
    mut is_stuck: impl FnMut() -> bool,
) -> LockGuard<'buf> {
    let mut guard = lock.lock();
    while random.bits(1) == 0 {
        match cond.wait_while_for(guard, &mut is_stuck, random.timeout()) {
            Ok(guard) => return guard,
            Err(TimedOut) => guard = lock.lock(),
        }
    }
    cond.wait_while(guard, is_stuck)
}

fn conclude(buffer: &SharedBuffer) -> String {
    let [length, put, taken, sum_put, sum_taken] =
        [LENGTH, PUT, TAKEN, SUM_PUT, SUM_TAKEN].map(|number| counter(buffer, number).load(Relaxed));
    assert_eq!((length, put, sum_put), (0, taken, sum_taken), "what was put in, and nothing else, was taken out");
    assert_eq!(put, times(2_500) * AGENTS as i32 / 2);
    let (lock, _) = queue(buffer);
    assert!(!lock.is_locked());
    let waiters = [3, 5].map(|index| buffer.slot(index).unwrap().load(Relaxed));
    assert_eq!(waiters, [0, 0], "nobody waits any more");
    let notifies = [2, 4].map(|index| buffer.slot(index).unwrap().load(Relaxed));
    format!("{put} items, {} notifies that found somebody", notifies[0] + notifies[1])
}
