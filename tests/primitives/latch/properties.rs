//! A latch held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, note_mark, time, timed_wait};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{Error, Latch, TooFewLeft};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    CountDown(u32),
    /// By as many as are left, which opens it.
    CountDownAll,
    Count,
    IsDone,
    /// Only if that is sure to return.
    Wait,
    WaitUntil(Time),
    Initialize(u32),
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => number().prop_map(Op::CountDown),
        1 => Just(Op::CountDownAll),
        2 => Just(Op::Count),
        2 => Just(Op::IsDone),
        1 => Just(Op::Wait),
        3 => time().prop_map(Op::WaitUntil),
        2 => number().prop_map(Op::Initialize),
        1 => word().prop_map(Op::Scribble),
    ]
}

const WAITING: i32 = i32::MIN;
const MAX: u32 = i32::MAX as u32;

/// What the word must hold after each step: the count, and the mark above it.
struct Model(i32);

impl Model {
    fn left(&self) -> u32 {
        self.0 as u32 % (MAX + 1)
    }

    fn count_down(&mut self, count: u32) -> Result<(), TooFewLeft> {
        let left = self.left();
        if count > left {
            return Err(TooFewLeft { count, left });
        }
        // The last takes the mark away.
        self.0 = if count == left { 0 } else { self.0 - count as i32 };
        Ok(())
    }
}

over_every_origin! { a_latch_does_as_its_model_does no_scribbler_hangs_a_timed_wait_for_a_latch }

fn a_latch_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_latch_does_as_its_model_does", word(), op(), |first, ops| run(memory, Model(first), &ops));
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = memory.buffer.slot(INDEX).unwrap();
    slot.store(model.0, Relaxed);
    let latch = Latch::from_slot(slot);
    for op in ops {
        match *op {
            Op::CountDown(count) => prop_assert_eq!(latch.count_down(count), model.count_down(count)),
            Op::CountDownAll => {
                prop_assert_eq!(latch.count_down(model.left()), Ok(()));
                model.0 = 0;
            }
            Op::Count => prop_assert_eq!(latch.count(), model.left()),
            Op::IsDone => prop_assert_eq!(latch.is_done(), model.left() == 0),
            Op::Wait if model.left() == 0 => latch.wait(),
            Op::Wait => {}
            Op::WaitUntil(time) => {
                prop_assert_eq!(timed_wait(time, |deadline| latch.wait_until(deadline))?, model.left() == 0);
                if model.left() != 0 {
                    note_mark(&mut model.0, slot, time, WAITING);
                }
            }
            Op::Initialize(count) => {
                let answer = Latch::initialize(&memory.buffer, INDEX, count).map(|_| ());
                if count > MAX {
                    prop_assert_eq!(answer, Err(Error::TooLongCount { count, max: MAX }));
                } else {
                    prop_assert_eq!(answer, Ok(()));
                    model.0 = count as i32;
                }
            }
            Op::Scribble(value) => {
                slot.store(value, Relaxed);
                model.0 = value;
            }
        }
        prop_assert_eq!(slot.load(Relaxed), model.0, "after {:?}", op);
    }
    Ok(())
}

fn no_scribbler_hangs_a_timed_wait_for_a_latch(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_wait_for_a_latch", memory, &[INDEX], word(), |buffer| {
        let latch = Latch::new(buffer, INDEX).unwrap();
        let _ = latch.wait_for(SOON);
        let _ = latch.wait_until(Instant::now());
        let _ = latch.count_down(1);
        let _ = latch.count_down(latch.count());
    });
}
