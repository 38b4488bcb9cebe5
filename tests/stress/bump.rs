//! Rounds between barriers, in each of which all exhaust one allocator, and one begins it anew.

use crate::support::Memory;
use crate::{AGENTS, Random, Stress, stress, times};
use slotsync::{Barrier, BarrierRole, BumpAllocator, SharedBuffer};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

stress! { Stress { name: "rounds of an allocator", prepare: |_| (), agent, conclude } }

/// An odd number of slots.
const RANGE: Range<usize> = 5..960;
/// How many slots have been handed out in all rounds.
const HANDED_OUT: usize = 2;

fn allocator(buffer: &SharedBuffer) -> BumpAllocator<'_> {
    BumpAllocator::new(buffer, 1, RANGE).unwrap()
}

fn agent(buffer: &SharedBuffer, number: usize) {
    let (barrier, allocator) = (Barrier::new(buffer, 0, AGENTS as u32).unwrap(), allocator(buffer));
    let handed_out = buffer.slot(HANDED_OUT).unwrap();
    let mut random = Random::of(number);
    for _ in 0..times(200) {
        barrier.wait();
        loop {
            let bytes = 1 + random.bits(5) as usize;
            let Ok(offset) = allocator.allocate(bytes, 4) else { break };
            for slot in buffer.slots(offset / 4..(offset + bytes).div_ceil(4)).unwrap() {
                assert_eq!(slot.swap(number as i32 + 1, Relaxed), 0, "it is another's");
                handed_out.fetch_add(1, Relaxed);
            }
        }
        // The rest is too little for some.
        while let Ok(offset) = allocator.allocate(1, 1) {
            assert_eq!(buffer.slot(offset / 4).unwrap().swap(number as i32 + 1, Relaxed), 0, "it is another's");
            handed_out.fetch_add(1, Relaxed);
        }
        assert_eq!(allocator.left(), 0);
        if barrier.wait() == BarrierRole::Leader {
            for slot in buffer.slots(RANGE).unwrap() {
                assert_ne!(slot.swap(0, Relaxed), 0, "each slot was handed out");
            }
            BumpAllocator::initialize(buffer, 1, RANGE).unwrap();
        }
    }
}

fn conclude(buffer: &SharedBuffer) -> String {
    let handed_out = buffer.slot(HANDED_OUT).unwrap().load(Relaxed);
    assert_eq!(handed_out, times(200) * RANGE.len() as i32, "each slot once in each round");
    assert_eq!(allocator(buffer).used(), 0);
    format!("{} rounds, {handed_out} slots", times(200))
}
