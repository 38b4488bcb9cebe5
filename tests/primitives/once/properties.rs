//! A once held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, note_mark, time, timed};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{Once, OnceError, OnceState, TimedOut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    Call(Time, Initializer),
    /// Only if that is sure to return.
    CallOnce(Initializer),
    /// Another agent begins to run its initializer, and dies.
    Begin,
    Reset,
    State,
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32),
}

/// What the initializer does, if it runs.
#[derive(Clone, Copy, Debug)]
enum Initializer {
    Return,
    Panic,
    /// Another agent takes it for dead meanwhile.
    BeReset,
    /// The same, and it panics after that.
    BeResetAndPanic,
    /// Another process writes what it likes meanwhile.
    BeScribbled(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (time(), initializer()).prop_map(|(time, initializer)| Op::Call(time, initializer)),
        2 => initializer().prop_map(Op::CallOnce),
        2 => Just(Op::Begin),
        3 => Just(Op::Reset),
        2 => Just(Op::State),
        1 => Just(Op::Initialize),
        1 => states().prop_map(Op::Scribble),
    ]
}

fn initializer() -> impl Strategy<Value = Initializer> {
    prop_oneof![
        4 => Just(Initializer::Return),
        2 => Just(Initializer::Panic),
        1 => Just(Initializer::BeReset),
        1 => Just(Initializer::BeResetAndPanic),
        1 => states().prop_map(Initializer::BeScribbled),
    ]
}

/// Any word, and the four states with and without a mark more often.
fn states() -> impl Strategy<Value = i32> {
    prop_oneof![0..8, word()]
}

const STATES: [OnceState; 4] = [OnceState::NotRun, OnceState::Running, OnceState::Panicked, OnceState::Done];
const WAITING: i32 = 4;

/// What the word must hold after each step: the state, the mark, and the attempt above them.
struct Model(i32);

impl Model {
    fn state(&self) -> OnceState {
        STATES[self.0 as usize % 4]
    }

    fn reset(&mut self) {
        self.0 = ((self.0 >> 3).wrapping_add(1)).wrapping_shl(3);
    }

    /// What a call answers that finds nobody running, or `None` if it panics.
    fn call(&mut self, initializer: Initializer) -> Option<Result<(), OnceError>> {
        match self.state() {
            OnceState::Done => return Some(Ok(())),
            OnceState::Panicked => return Some(Err(OnceError::Panicked)),
            OnceState::NotRun | OnceState::Running => {}
        }
        let attempt = self.0 >> 3;
        self.0 += 1;
        match initializer {
            Initializer::Return | Initializer::Panic => {}
            Initializer::BeReset | Initializer::BeResetAndPanic => self.reset(),
            Initializer::BeScribbled(value) => self.0 = value,
        }
        let panics = matches!(initializer, Initializer::Panic | Initializer::BeResetAndPanic);
        let is_superseded = self.0 >> 3 != attempt || self.state() != OnceState::Running;
        if !is_superseded {
            self.0 = attempt.wrapping_shl(3) | if panics { 2 } else { 3 };
        }
        match (panics, is_superseded) {
            (true, _) => None,
            (false, true) => Some(Err(OnceError::Superseded)),
            (false, false) => Some(Ok(())),
        }
    }
}

over_every_origin! { a_once_does_as_its_model_does no_scribbler_hangs_a_timed_call_once }

fn a_once_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_once_does_as_its_model_does", states(), op(), |first, ops| run(memory, Model(first), &ops));
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = memory.buffer.slot(INDEX).unwrap();
    slot.store(model.0, Relaxed);
    let once = Once::from_slot(slot);
    // As a panic, but without a report of it.
    let fail = || resume_unwind(Box::new("on purpose"));
    let initialize = |initializer| {
        move || match initializer {
            Initializer::Return => {}
            Initializer::Panic => fail(),
            Initializer::BeReset => once.reset(),
            Initializer::BeResetAndPanic => {
                once.reset();
                fail();
            }
            Initializer::BeScribbled(value) => slot.store(value, Relaxed),
        }
    };
    for op in ops {
        match *op {
            Op::Call(time, initializer) => {
                // `None` if the initializer panics.
                let call = |deadline| {
                    let call = || once.call_once_until(initialize(initializer), deadline);
                    catch_unwind(AssertUnwindSafe(call)).map_or(Ok(None), |answer| answer.map(Some))
                };
                let answer = timed(time, call)?;
                if model.state() == OnceState::Running {
                    prop_assert_eq!(answer, Err(TimedOut));
                    note_mark(&mut model.0, slot, time, WAITING);
                } else {
                    prop_assert_eq!(answer, Ok(model.call(initializer)));
                }
            }
            Op::CallOnce(initializer) if model.state() != OnceState::Running => {
                let call = || once.call_once(initialize(initializer));
                prop_assert_eq!(catch_unwind(AssertUnwindSafe(call)).ok(), model.call(initializer));
            }
            Op::CallOnce(_) => {}
            Op::Begin if model.state() == OnceState::NotRun => {
                slot.fetch_add(1, Relaxed);
                model.0 += 1;
            }
            Op::Begin => {}
            Op::Reset => {
                once.reset();
                model.reset();
            }
            Op::State => prop_assert_eq!(once.state(), model.state()),
            Op::Initialize => {
                Once::initialize(&memory.buffer, INDEX).unwrap();
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

fn no_scribbler_hangs_a_timed_call_once(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_call_once", memory, &[INDEX], states(), |buffer| {
        let once = Once::new(buffer, INDEX).unwrap();
        let _ = once.call_once_for(|| (), SOON);
        let _ = once.call_once_until(|| (), Instant::now());
        once.reset();
        let _ = once.state();
    });
}
