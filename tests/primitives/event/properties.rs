//! An event held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, note_mark, time, timed_wait};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::Event;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    Set,
    Reset,
    IsSet,
    /// Only if that is sure to return.
    Wait,
    WaitUntil(Time),
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Set),
        4 => Just(Op::Reset),
        2 => Just(Op::IsSet),
        1 => Just(Op::Wait),
        3 => time().prop_map(Op::WaitUntil),
        1 => Just(Op::Initialize),
        1 => word().prop_map(Op::Scribble),
    ]
}

const WAITING: i32 = 2;

/// What the word must hold after each step: set or not, the mark, and the generation above them.
struct Model(i32);

impl Model {
    fn is_set(&self) -> bool {
        self.0 % 2 != 0
    }

    fn reset(&mut self) {
        if self.is_set() {
            self.0 = ((self.0 >> 2).wrapping_add(1)).wrapping_shl(2);
        }
    }
}

over_every_origin! { an_event_does_as_its_model_does no_scribbler_hangs_a_timed_wait_for_an_event }

fn an_event_does_as_its_model_does(memory: &Memory) {
    run_sequences("an_event_does_as_its_model_does", word(), op(), |first, ops| run(memory, Model(first), &ops));
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = memory.buffer.slot(INDEX).unwrap();
    slot.store(model.0, Relaxed);
    let event = Event::from_slot(slot);
    for op in ops {
        match *op {
            Op::Set => {
                event.set();
                model.0 |= 1;
            }
            Op::Reset => {
                event.reset();
                model.reset();
            }
            Op::IsSet => prop_assert_eq!(event.is_set(), model.is_set()),
            Op::Wait if model.is_set() => event.wait(),
            Op::Wait => {}
            Op::WaitUntil(time) => {
                prop_assert_eq!(timed_wait(time, |deadline| event.wait_until(deadline))?, model.is_set());
                if !model.is_set() {
                    note_mark(&mut model.0, slot, time, WAITING);
                }
            }
            Op::Initialize => {
                Event::initialize(&memory.buffer, INDEX).unwrap();
                model.0 = 0;
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

fn no_scribbler_hangs_a_timed_wait_for_an_event(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_wait_for_an_event", memory, &[INDEX], word(), |buffer| {
        let event = Event::new(buffer, INDEX).unwrap();
        let _ = event.wait_for(SOON);
        let _ = event.wait_until(Instant::now());
        event.reset();
        event.set();
    });
}
