//! The lock held against a plain sequential model, from any value of its word.

use crate::support::Memory;
use crate::support::properties::{BRIEF, run_sequences, under_scribbles, word};
use proptest::prelude::*;
use slotsync::{Lock, LockGuard, NotHeld, Slot};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
enum Op {
    TryLock,
    LockForNothing,
    /// A wait that runs out, or takes the lock if it is free.
    LockBriefly,
    Unlock,
    /// Drops the guard that has been held longest, whatever became of the lock since.
    DropGuard,
    /// Loses a guard, as a process does that dies or hands its lock over.
    ForgetGuard,
    IsLocked,
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::TryLock),
        2 => Just(Op::LockForNothing),
        1 => Just(Op::LockBriefly),
        4 => Just(Op::Unlock),
        4 => Just(Op::DropGuard),
        1 => Just(Op::ForgetGuard),
        2 => Just(Op::IsLocked),
        1 => Just(Op::Initialize),
        1 => word().prop_map(Op::Scribble),
    ]
}

/// What the word must hold after each step, as a value and nothing more.
struct Model(i32);

impl Model {
    fn try_lock(&mut self) -> bool {
        let is_free = self.0 == 0;
        if is_free {
            self.0 = 1;
        }
        is_free
    }

    /// A waiter that gave up has left the mark of a sleeper, unless it was kept from the processor until its time was over.
    fn lock_briefly(&mut self, word: i32) -> bool {
        let took = self.try_lock();
        if !took && word == 2 {
            self.0 = 2;
        }
        took
    }

    fn unlock(&mut self) -> Result<(), NotHeld> {
        if mem::take(&mut self.0) == 0 { Err(NotHeld) } else { Ok(()) }
    }
}

over_every_origin! { a_lock_does_as_its_model_does }

fn a_lock_does_as_its_model_does(memory: &Memory) {
    let slot = memory.buffer.slot(9).unwrap();
    run_sequences("a_lock_does_as_its_model_does", word(), op(), |first, ops| {
        slot.store(first, Relaxed);
        run(memory, slot, Model(first), &ops)
    });
}

fn run(memory: &Memory, slot: Slot<'_>, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let lock = Lock::from_slot(slot);
    let mut guards: Vec<LockGuard<'_>> = Vec::new();
    for op in ops {
        match op {
            Op::TryLock => {
                let guard = lock.try_lock();
                prop_assert_eq!(guard.is_some(), model.try_lock());
                guards.extend(guard);
            }
            Op::LockForNothing => {
                let guard = lock.lock_until(Instant::now());
                prop_assert_eq!(guard.is_ok(), model.try_lock());
                guards.extend(guard);
            }
            Op::LockBriefly => {
                let start = Instant::now();
                let guard = lock.lock_for(BRIEF);
                prop_assert!(guard.is_ok() || start.elapsed() >= BRIEF);
                prop_assert_eq!(guard.is_ok(), model.lock_briefly(slot.load(Relaxed)));
                guards.extend(guard);
            }
            Op::Unlock => prop_assert_eq!(lock.unlock(), model.unlock()),
            Op::DropGuard if !guards.is_empty() => {
                drop(guards.remove(0));
                let _ = model.unlock();
            }
            Op::ForgetGuard => mem::forget(guards.pop()),
            Op::DropGuard => {}
            Op::IsLocked => prop_assert_eq!(lock.is_locked(), model.0 != 0),
            Op::Initialize => {
                Lock::initialize(&memory.buffer, 9).unwrap();
                model.0 = 0;
            }
            Op::Scribble(value) => {
                slot.store(*value, Relaxed);
                model.0 = *value;
            }
        }
        prop_assert_eq!(slot.load(Relaxed), model.0, "after {:?}", op);
    }
    guards.into_iter().for_each(mem::forget);
    Ok(())
}

over_every_origin! { no_scribbler_hangs_a_timed_lock }

fn no_scribbler_hangs_a_timed_lock(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_lock", memory, &[9], word(), |buffer| {
        let lock = Lock::new(buffer, 9).unwrap();
        drop(lock.lock_for(Duration::from_micros(200)));
        drop(lock.lock_until(Instant::now()));
        let _ = lock.unlock();
    });
}
