//! A bounded queue of three semaphores: how much room there is, how many items there are, and who may touch them.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, counter, stress, times};
use slotsync::{Semaphore, SharedBuffer};
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "queue of semaphores", prepare, agent, conclude } }

const ROOM: i32 = 4;

const PUT: usize = 0;
const TAKEN: usize = 1;
const SUM_PUT: usize = 2;
const SUM_TAKEN: usize = 3;

fn semaphores(buffer: &SharedBuffer) -> [Semaphore<'_>; 3] {
    [0, 1, 2].map(|index| Semaphore::new(buffer, index).unwrap())
}

fn prepare(buffer: &SharedBuffer) {
    let [room, _, turn] = semaphores(buffer);
    room.release(ROOM as u32).unwrap();
    turn.release(1).unwrap();
}

/// Half of the agents put in as many as the other half takes out.
fn agent(buffer: &SharedBuffer, number: usize) {
    let [room, items, turn] = semaphores(buffer);
    let is_putting = number % 2 == 0;
    let (from, to) = if is_putting { (room, items) } else { (items, room) };
    let [done, sum] = if is_putting { [PUT, SUM_PUT] } else { [TAKEN, SUM_TAKEN] }.map(|word| counter(buffer, word));
    let mut random = Random::of(number);
    for item in 1..=times(5_000) {
        while random.bits(2) == 0 && from.acquire_for(random.timeout()).is_ok() {
            // It was not needed after all.
            from.release(1).unwrap();
        }
        from.acquire();
        let permit = turn.permit();
        // Under the permit, loads and stores are enough.
        let count = done.load(Relaxed);
        random.yield_sometimes();
        done.store(count + 1, Relaxed);
        let cell = buffer.slot(8 + (count % ROOM) as usize).unwrap();
        let was = cell.swap(if is_putting { item } else { 0 }, Relaxed);
        assert_eq!(was == 0, is_putting, "what was taken was put in before, and there was room for it");
        sum.store(sum.load(Relaxed) + if is_putting { item } else { was }, Relaxed);
        drop(permit);
        to.release(1).unwrap();
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    let [put, taken, sum_put, sum_taken] =
        [PUT, TAKEN, SUM_PUT, SUM_TAKEN].map(|number| counter(buffer, number).load(Relaxed));
    assert_eq!((put, sum_put), (taken, sum_taken), "what was put in, and nothing else, was taken out");
    assert_eq!(put, times(5_000) * AGENTS as i32 / 2);
    assert_eq!(semaphores(buffer).map(|semaphore| semaphore.permits()), [ROOM as u32, 0, 1]);
    format!("{put} items")
}
