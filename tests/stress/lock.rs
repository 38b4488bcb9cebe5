//! A lock taken in every way there is.

use crate::support::Memory;
use crate::{Random, Stress, counter, stress, times};
use slotsync::{Lock, SharedBuffer};
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "lock", prepare: |_| (), agent, conclude } }

fn lock(buffer: &SharedBuffer) -> Lock<'_> {
    Lock::new(buffer, 0).unwrap()
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let lock = lock(buffer);
    // What the lock protects: two words that must never be seen to differ.
    let [first, second, entries] = [0, 1, 2].map(|number| counter(buffer, number));
    let mut random = Random::of(number);
    for _ in 0..times(6_000) {
        let guard = match random.bits(2) {
            0 => lock.try_lock(),
            1 => lock.lock_for(random.timeout()).ok(),
            _ => Some(lock.lock()),
        };
        let Some(_guard) = guard else { continue };
        let seen = first.load(Relaxed);
        assert_eq!(seen, second.load(Relaxed), "two agents are in");
        first.store(seen.wrapping_add(1), Relaxed);
        random.yield_sometimes();
        second.store(seen.wrapping_add(1), Relaxed);
        entries.fetch_add(1, Relaxed);
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    let [first, entries] = [0, 2].map(|number| counter(buffer, number).load(Relaxed));
    assert_eq!(first, entries, "an entry was lost");
    assert!(!lock(buffer).is_locked());
    format!("{entries} entries")
}
