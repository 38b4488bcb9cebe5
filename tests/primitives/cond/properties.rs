//! A condition variable held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, time, timed_wait};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{Cond, Lock};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    NotifyOne,
    NotifyAll,
    WaitUntil(Time),
    /// While the condition holds that many times.
    WaitWhile(Time, u32),
    /// Another agent begins to wait, and dies: it stays counted.
    Count,
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32, i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::NotifyOne),
        3 => Just(Op::NotifyAll),
        3 => time().prop_map(Op::WaitUntil),
        2 => (time(), 0..2_u32).prop_map(|(time, holds)| Op::WaitWhile(time, holds)),
        2 => Just(Op::Count),
        1 => Just(Op::Initialize),
        1 => (word(), word()).prop_map(|(seq, waiters)| Op::Scribble(seq, waiters)),
    ]
}

/// What the two words must hold after each step.
struct Model {
    seq: i32,
    waiters: i32,
}

impl Model {
    fn notify(&mut self) {
        if self.waiters != 0 {
            self.seq = self.seq.wrapping_add(1);
        }
    }
}

over_every_origin! { a_condition_does_as_its_model_does no_scribbler_hangs_a_timed_wait_for_a_condition }

fn a_condition_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_condition_does_as_its_model_does", word(), op(), |seq, ops| {
        run(memory, Model { seq, waiters: 0 }, &ops)
    });
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let lock = Lock::initialize(&memory.buffer, INDEX + 2).unwrap();
    let [seq, waiters] = [INDEX, INDEX + 1].map(|index| memory.buffer.slot(index).unwrap());
    let write = |model: &Model| {
        seq.store(model.seq, Relaxed);
        waiters.store(model.waiters, Relaxed);
    };
    write(&model);
    let cond = Cond::new(&memory.buffer, INDEX, lock).unwrap();
    for op in ops {
        match *op {
            Op::NotifyOne => {
                cond.notify_one();
                model.notify();
            }
            Op::NotifyAll => {
                cond.notify_all();
                model.notify();
            }
            Op::WaitUntil(time) => {
                // Nobody notifies, and nobody sends a wake.
                prop_assert!(!timed_wait(time, |deadline| cond.wait_until(lock.lock(), deadline))?);
            }
            Op::WaitWhile(time, holds) => {
                let mut asked = 0;
                let condition = || {
                    asked += 1;
                    asked <= holds
                };
                let outcome = cond.wait_while_until(lock.lock(), condition, time.deadline());
                prop_assert!(outcome.is_ok(), "it does not hold any more");
                prop_assert_eq!(asked, holds + 1);
            }
            Op::Count => {
                waiters.fetch_add(1, Relaxed);
                model.waiters = model.waiters.wrapping_add(1);
            }
            Op::Initialize => {
                Cond::initialize(&memory.buffer, INDEX, lock).unwrap();
                model = Model { seq: 0, waiters: 0 };
            }
            Op::Scribble(seq, waiters) => {
                model = Model { seq, waiters };
                write(&model);
            }
        }
        prop_assert_eq!((seq.load(Relaxed), waiters.load(Relaxed)), (model.seq, model.waiters), "after {:?}", op);
        prop_assert!(!lock.is_locked());
    }
    Ok(())
}

fn no_scribbler_hangs_a_timed_wait_for_a_condition(memory: &Memory) {
    // Into both words, but not into that of the lock, which the calls take without a deadline before they wait.
    let words = [INDEX, INDEX + 1];
    under_scribbles("no_scribbler_hangs_a_timed_wait_for_a_condition", memory, &words, word(), |buffer| {
        let lock = Lock::new(buffer, INDEX + 2).unwrap();
        let cond = Cond::new(buffer, INDEX, lock).unwrap();
        drop(cond.wait_for(lock.lock(), SOON));
        drop(cond.wait_until(lock.lock(), Instant::now()));
        drop(cond.wait_while_for(lock.lock(), || true, SOON));
        cond.notify_one();
        cond.notify_all();
    });
}
