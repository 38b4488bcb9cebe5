//! A pool of three things, of which one or two are taken in every way there is.

use crate::support::Memory;
use crate::{Random, Stress, counter, stress, times};
use slotsync::{Semaphore, SharedBuffer};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "pool", prepare: |buffer| pool(buffer).release(POOL).unwrap(), agent, conclude } }

const POOL: u32 = 3;

fn pool(buffer: &SharedBuffer) -> Semaphore<'_> {
    Semaphore::new(buffer, 0).unwrap()
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let pool = pool(buffer);
    let [held, entries] = [0, 1].map(|number| counter(buffer, number));
    let mut random = Random::of(number);
    for _ in 0..times(5_000) {
        let took = match random.bits(3) {
            0 => u32::from(pool.try_acquire()),
            1 => u32::from(pool.acquire_for(random.timeout()).is_ok()),
            2 => 2 * u32::from(pool.try_acquire_many(2).unwrap()),
            3 => 2 * u32::from(pool.acquire_many_for(2, random.timeout()) == Ok(Ok(()))),
            4 => {
                pool.acquire_many(2).unwrap();
                2
            }
            5 => {
                mem::forget(pool.permit());
                1
            }
            _ => {
                pool.acquire();
                1
            }
        };
        if took == 0 {
            continue;
        }
        let before = held.fetch_add(took as i32, Relaxed);
        assert!(before + took as i32 <= POOL as i32, "{took} were taken, though {before} are held");
        random.yield_sometimes();
        held.fetch_sub(took as i32, Relaxed);
        entries.fetch_add(1, Relaxed);
        pool.release(took).unwrap();
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    assert_eq!(pool(buffer).permits(), POOL);
    assert_eq!(counter(buffer, 0).load(Relaxed), 0);
    format!("{} entries", counter(buffer, 1).load(Relaxed))
}
