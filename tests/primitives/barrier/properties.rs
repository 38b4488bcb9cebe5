//! A barrier held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, note_mark, time, timed};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{Barrier, BarrierRole, Error, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// For that many agents.
    WaitUntil(u32, Time),
    /// Only if that is sure to return.
    Wait(u32),
    /// Another agent arrives, and dies or never looks again.
    Arrive(u32),
    Arrived,
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (agents(), time()).prop_map(|(agents, time)| Op::WaitUntil(agents, time)),
        2 => agents().prop_map(Op::Wait),
        4 => agents().prop_map(Op::Arrive),
        2 => Just(Op::Arrived),
        1 => Just(Op::Initialize),
        1 => word().prop_map(Op::Scribble),
    ]
}

/// A few, or any number that is allowed, or not.
fn agents() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1..=4_u32, 1 => 1..=MAX, 1 => number()]
}

const MAX: u32 = 1 << 14;
const WAITING: i32 = 1 << 14;

/// What the word must hold after each step: the arrivals, the mark, and the generation above them.
struct Model(i32);

impl Model {
    fn arrived(&self) -> u32 {
        self.0 as u32 % MAX
    }

    fn is_last(&self, agents: u32) -> bool {
        self.arrived() + 1 >= agents
    }

    /// The next round, without arrivals and mark.
    fn complete(&mut self) {
        self.0 = ((self.0 >> 15).wrapping_add(1)).wrapping_shl(15);
    }
}

over_every_origin! { a_barrier_does_as_its_model_does no_scribbler_hangs_a_timed_wait_for_a_barrier }

fn a_barrier_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_barrier_does_as_its_model_does", word(), op(), |first, ops| run(memory, Model(first), &ops));
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = memory.buffer.slot(INDEX).unwrap();
    slot.store(model.0, Relaxed);
    for op in ops {
        match *op {
            Op::WaitUntil(agents, _) | Op::Wait(agents) | Op::Arrive(agents) if !(1..=MAX).contains(&agents) => {
                prop_assert_eq!(Barrier::from_slot(slot, agents), Err(Error::BadAgents { agents, max: MAX }));
            }
            Op::WaitUntil(agents, time) => {
                let barrier = Barrier::from_slot(slot, agents).unwrap();
                let role = timed(time, |deadline| barrier.wait_until(deadline))?;
                if model.is_last(agents) {
                    prop_assert_eq!(role, Ok(BarrierRole::Leader));
                    model.complete();
                } else {
                    // Nobody else comes: what is left of it is a mark at most.
                    prop_assert_eq!(role, Err(TimedOut));
                    note_mark(&mut model.0, slot, time, WAITING);
                }
            }
            Op::Wait(agents) if model.is_last(agents) => {
                prop_assert_eq!(Barrier::from_slot(slot, agents).unwrap().wait(), BarrierRole::Leader);
                model.complete();
            }
            Op::Arrive(agents) if !model.is_last(agents) => {
                slot.fetch_add(1, Relaxed);
                model.0 += 1;
            }
            Op::Wait(_) | Op::Arrive(_) => {}
            Op::Arrived => prop_assert_eq!(Barrier::from_slot(slot, 1).unwrap().arrived(), model.arrived()),
            Op::Initialize => {
                Barrier::initialize(&memory.buffer, INDEX, 2).unwrap();
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

fn no_scribbler_hangs_a_timed_wait_for_a_barrier(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_wait_for_a_barrier", memory, &[INDEX], word(), |buffer| {
        for agents in [1, 3, MAX] {
            let barrier = Barrier::new(buffer, INDEX, agents).unwrap();
            let _ = barrier.wait_for(SOON);
            let _ = barrier.wait_until(Instant::now());
        }
    });
}
