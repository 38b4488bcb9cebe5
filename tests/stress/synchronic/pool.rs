//! Pools whose numbers are values of 32 and of 64 bits: an agent that takes waits until there is something.

use crate::support::Memory;
use crate::{Random, Stress, counter, stress, times};
use slotsync::{NotifyHint, Number, SharedBuffer, Slot, Synchronic};
use std::ops::{Add, Sub};
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "pools of synchronics", prepare, agent, conclude } }

const POOL: i32 = 3;

/// One thing of the narrow pool, and one of the wide pool, which is in both halves of the value.
const NARROW: u32 = 1;
const WIDE: u64 = 1 << 32 | 1;

fn narrow(buffer: &SharedBuffer) -> Synchronic<'_, u32> {
    Synchronic::new(buffer, 0).unwrap()
}

fn wide(buffer: &SharedBuffer) -> Synchronic<'_, u64> {
    Synchronic::new(buffer, 4).unwrap()
}

/// How many are held, and how often some were taken.
fn counters(buffer: &SharedBuffer, pool: usize) -> [Slot<'_>; 2] {
    [0, 1].map(|number| counter(buffer, 2 * pool + number))
}

fn prepare(buffer: &SharedBuffer) {
    narrow(buffer).store(NARROW * POOL as u32, NotifyHint::None);
    wide(buffer).store(WIDE * POOL as u64, NotifyHint::None);
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let mut random = Random::of(number);
    for _ in 0..times(8_000) {
        if random.bits(1) == 0 {
            use_some(narrow(buffer), NARROW, counters(buffer, 0), &mut random);
        } else {
            use_some(wide(buffer), WIDE, counters(buffer, 1), &mut random);
        }
    }
}

fn use_some<T>(pool: Synchronic<'_, T>, one: T, [held, taken]: [Slot<'_>; 2], random: &mut Random)
where
    T: Number + PartialOrd + From<u8> + Add<Output = T> + Sub<Output = T>,
{
    let two = one + one;
    // Two, if they are there. Nobody waits for two, nor for fewer than there are, so nobody hears of it.
    let take_two = || pool.fetch_update(NotifyHint::None, |free| (free >= two).then(|| free - two));
    let count = if random.bits(2) == 0 && take_two().is_ok() {
        2
    } else {
        take(pool, one, random);
        1
    };
    let before = held.fetch_add(count, Relaxed);
    assert!(before + count <= POOL, "{count} were taken, though {before} are held");
    random.yield_sometimes();
    held.fetch_sub(count, Relaxed);
    taken.fetch_add(1, Relaxed);
    // Each of those who wait can use one.
    match (count, random.bits(2)) {
        (1, 0) => {
            pool.fetch_add(one, NotifyHint::None);
            pool.notify(NotifyHint::One);
        }
        (1, 1..=2) => drop(pool.fetch_add(one, NotifyHint::One)),
        (1, _) => drop(pool.fetch_add(one, NotifyHint::All)),
        (_, 0) => {
            pool.fetch_add(two, NotifyHint::One);
            pool.notify(NotifyHint::One);
        }
        _ => drop(pool.fetch_add(two, NotifyHint::All)),
    }
}

/// Takes one, in every way to wait for it.
fn take<T>(pool: Synchronic<'_, T>, one: T, random: &mut Random)
where
    T: Number + PartialOrd + From<u8> + Sub<Output = T>,
{
    let none = T::from(0);
    loop {
        match random.bits(2) {
            0 => {
                if pool.load_when_not_equal_for(none, random.timeout()).is_err() {
                    continue;
                }
            }
            1 => {
                if pool.expect_update_for(none, random.timeout()).is_err() {
                    continue;
                }
            }
            _ => drop(pool.load_when_not_equal(none)),
        }
        if pool.fetch_update(NotifyHint::None, |free| (free >= one).then(|| free - one)).is_ok() {
            return;
        }
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    assert_eq!(narrow(buffer).load(), NARROW * POOL as u32);
    assert_eq!(wide(buffer).load(), WIDE * POOL as u64);
    let [narrow, wide] = [0, 1].map(|pool| counters(buffer, pool).map(|word| word.load(Relaxed)));
    assert_eq!([narrow[0], wide[0]], [0, 0], "nothing is held");
    assert_eq!([0, 4].map(|index| buffer.slot(index).unwrap().load(Relaxed)), [0, 0], "nobody waits any more");
    format!("{} and {} entries", narrow[1], wide[1])
}
