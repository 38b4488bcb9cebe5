//! The lock held against a plain sequential model, from any value of its word.
#![cfg(not(loom))]

#[macro_use]
mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use slotsync::{Error, Lock, LockGuard, Slot};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use support::{Memory, Watchdog};

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

/// All of `i32`, and the states more often.
fn word() -> impl Strategy<Value = i32> {
    prop_oneof![0..=3, any::<i32>()]
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

    /// Who gave up has left the mark of one who slept; unless it was kept from the processor until its time was over.
    fn lock_briefly(&mut self, word: i32) -> bool {
        let took = self.try_lock();
        if !took && word == 2 {
            self.0 = 2;
        }
        took
    }

    fn unlock(&mut self) -> Result<(), Error> {
        if mem::take(&mut self.0) == 0 { Err(Error::NotHeld) } else { Ok(()) }
    }
}

/// So many cases, or `PROPTEST_CASES`. Failures are printed with all that repeats them, not kept in a file.
fn cases(number: u32) -> ProptestConfig {
    let cases = std::env::var_os("PROPTEST_CASES").map_or(number, |_| ProptestConfig::default().cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

over_every_origin! { a_lock_does_as_its_model_does }

fn a_lock_does_as_its_model_does(memory: &Memory) {
    let _watchdog = Watchdog::new("a_lock_does_as_its_model_does");
    let slot = memory.buffer.slot(9).unwrap();
    let check = |(first, ops): (i32, Vec<Op>)| {
        slot.store(first, Relaxed);
        run(memory, slot, Model(first), &ops)
    };
    TestRunner::new(cases(256)).run(&(word(), vec(op(), 0..40)), check).unwrap();
}

fn run(memory: &Memory, slot: Slot<'_>, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let lock = Lock::from_slot(slot);
    let mut guards: Vec<LockGuard<'_>> = Vec::new();
    let brief = Duration::from_micros(50);
    for op in ops {
        match op {
            Op::TryLock => {
                let guard = lock.try_lock();
                prop_assert_eq!(guard.is_some(), model.try_lock());
                guards.extend(guard);
            }
            Op::LockForNothing => {
                let guard = lock.lock_until(Instant::now());
                prop_assert_eq!(guard.is_some(), model.try_lock());
                guards.extend(guard);
            }
            Op::LockBriefly => {
                let start = Instant::now();
                let guard = lock.lock_for(brief);
                prop_assert!(guard.is_some() || start.elapsed() >= brief);
                prop_assert_eq!(guard.is_some(), model.lock_briefly(slot.load(Relaxed)));
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
    mem::forget(guards);
    Ok(())
}

over_every_origin! { no_scribbler_hangs_a_timed_lock }

fn no_scribbler_hangs_a_timed_lock(memory: &Memory) {
    let _watchdog = Watchdog::new("no_scribbler_hangs_a_timed_lock");
    let slot = memory.buffer.slot(9).unwrap();
    let lock = Lock::from_slot(slot);
    let check = |scribbles: Vec<i32>| {
        let is_over = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                for value in scribbles.iter().cycle().take_while(|_| !is_over.load(Relaxed)) {
                    slot.store(*value, Relaxed);
                    slot.wake(1);
                }
            });
            for _ in 0..5 {
                drop(lock.lock_for(Duration::from_micros(200)));
                drop(lock.lock_until(Instant::now()));
                let _ = lock.unlock();
            }
            is_over.store(true, Relaxed);
        });
        Ok(())
    };
    TestRunner::new(cases(32)).run(&vec(word(), 1..20), check).unwrap();
}
