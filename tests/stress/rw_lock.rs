//! Two words that are always equal for their readers, written and read in every way there is.

use crate::support::Memory;
use crate::{Random, Stress, counter, stress, times};
use slotsync::{RwLock, SharedBuffer};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "rw_lock", prepare: |_| (), agent, conclude } }

fn rw_lock(buffer: &SharedBuffer) -> RwLock<'_> {
    RwLock::new(buffer, 0).unwrap()
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let lock = rw_lock(buffer);
    let [low, high, reads] = [0, 1, 3].map(|number| counter(buffer, number));
    let mut random = Random::of(number);
    for _ in 0..times(5_000) {
        let reader = match random.bits(4) {
            0 => lock.try_read(),
            1 => lock.read_for(random.timeout()).ok(),
            2..8 => Some(lock.read()),
            way => {
                let writer = match way {
                    8 => lock.try_write(),
                    9 => lock.write_for(random.timeout()).ok(),
                    _ => Some(lock.write()),
                };
                let Some(writer) = writer else { continue };
                write(buffer, &mut random);
                match random.bits(2) {
                    0 => {
                        mem::forget(writer);
                        lock.unlock_write().unwrap();
                        None
                    }
                    // What it has written is what it reads.
                    1 => Some(writer.downgrade()),
                    _ => None,
                }
            }
        };
        let Some(reader) = reader else { continue };
        let value = low.load(Relaxed);
        random.yield_sometimes();
        assert_eq!(high.load(Relaxed), value, "another wrote while this one read");
        reads.fetch_add(1, Relaxed);
        if random.bits(2) != 0 {
            continue;
        }
        match reader.try_upgrade() {
            Ok(_writer) => {
                assert_eq!(low.load(Relaxed), value, "another wrote before this one went on to");
                write(buffer, &mut random);
            }
            Err(reader) => {
                mem::forget(reader);
                lock.unlock_read().unwrap();
            }
        }
    }
}

fn write(buffer: &SharedBuffer, random: &mut Random) {
    let [low, high, writes] = [0, 1, 2].map(|number| counter(buffer, number));
    let value = low.load(Relaxed);
    assert_eq!(high.load(Relaxed), value, "another wrote beside this one");
    low.store(value + 1, Relaxed);
    random.yield_sometimes();
    high.store(value + 1, Relaxed);
    writes.fetch_add(1, Relaxed);
}

fn conclude(buffer: &SharedBuffer) -> String {
    let lock = rw_lock(buffer);
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, false));
    let [low, high, writes, reads] = [0, 1, 2, 3].map(|number| counter(buffer, number).load(Relaxed));
    assert_eq!((low, high), (writes, writes), "a write was lost");
    format!("{writes} writes, {reads} reads")
}
