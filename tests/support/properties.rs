//! What random sequences of calls take: how many, and which values.

use super::{Memory, OnDrop, Watchdog};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use slotsync::{SharedBuffer, Slot};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// A wait that runs out, unless what it waits for is there.
pub const BRIEF: Duration = Duration::from_micros(50);

/// So many cases, or `PROPTEST_CASES`. Failures are printed with all that repeats them, not kept in a file.
pub fn cases(number: u32) -> ProptestConfig {
    let cases = std::env::var_os("PROPTEST_CASES").map_or(number, |_| ProptestConfig::default().cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// All of `i32`, and the small values more often.
pub fn word() -> impl Strategy<Value = i32> {
    prop_oneof![0..=3, any::<i32>()]
}

/// All of `u32`, and the small numbers and those next to a power of two more often.
pub fn number() -> impl Strategy<Value = u32> {
    let near_a_power = (0..32_u32, -1..=1_i32).prop_map(|(bit, more)| (1_u32 << bit).wrapping_add_signed(more));
    prop_oneof![4 => 0..4_u32, 1 => near_a_power, 1 => any::<u32>()]
}

/// Runs many sequences of up to 40 of these calls, each with the first value of the word it begins with.
pub fn run_sequences<Op: Clone + Debug>(
    name: &'static str,
    first: impl Strategy<Value = i32>,
    op: impl Strategy<Value = Op>,
    run: impl Fn(i32, Vec<Op>) -> Result<(), TestCaseError>,
) {
    let _watchdog = Watchdog::new(name);
    TestRunner::new(cases(256)).run(&(first, vec(op, 0..40)), |(first, ops)| run(first, ops)).unwrap();
}

/// Makes these calls some times while a thread writes into these words whatever it likes, and wakes who sleeps there.
/// They must end.
pub fn under_scribbles(
    name: &'static str,
    memory: &Memory,
    words: &[usize],
    value: impl Strategy<Value = i32>,
    calls: impl Fn(&SharedBuffer),
) {
    let _watchdog = Watchdog::new(name);
    let slots: Vec<Slot<'_>> = words.iter().map(|index| memory.buffer.slot(*index).unwrap()).collect();
    let check = |scribbles: Vec<i32>| {
        let is_over = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                let places = slots.iter().cycle();
                for (value, slot) in scribbles.iter().cycle().zip(places).take_while(|_| !is_over.load(Relaxed)) {
                    slot.store(*value, Relaxed);
                    slot.wake(1);
                }
            });
            let _over = OnDrop(|| is_over.store(true, Relaxed));
            for _ in 0..5 {
                calls(&memory.buffer);
            }
        });
        Ok(())
    };
    TestRunner::new(cases(32)).run(&vec(value, 1..20), check).unwrap();
}
