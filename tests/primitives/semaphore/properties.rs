//! A semaphore held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, note_mark, time, timed, timed_wait};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{Error, Permit, Semaphore, TooManyPermits};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    TryAcquire,
    TryAcquireMany(u32),
    Acquire(Time),
    AcquireMany(u32, Time),
    Permit,
    /// Drops the permit that has been held longest, whatever became of the semaphore since.
    DropPermit,
    /// Loses a permit, as a process does that dies or hands it over.
    ForgetPermit,
    Release(u32),
    Permits,
    Initialize(u32),
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::TryAcquire),
        2 => number().prop_map(Op::TryAcquireMany),
        2 => time().prop_map(Op::Acquire),
        2 => (number(), time()).prop_map(|(count, time)| Op::AcquireMany(count, time)),
        3 => Just(Op::Permit),
        3 => Just(Op::DropPermit),
        1 => Just(Op::ForgetPermit),
        4 => number().prop_map(Op::Release),
        2 => Just(Op::Permits),
        1 => number().prop_map(Op::Initialize),
        1 => word().prop_map(Op::Scribble),
    ]
}

const WAITING: i32 = 1 << 30;
const MANY_WAITING: i32 = i32::MIN;

/// What the word must hold after each step: the permits, and the marks above them.
struct Model(i32);

impl Model {
    fn permits(&self) -> u32 {
        self.0 as u32 % (1 << 30)
    }

    fn acquire(&mut self, count: u32) -> Result<bool, TooManyPermits> {
        check(count.into())?;
        let has_enough = self.permits() >= count;
        if has_enough {
            self.0 -= count as i32;
        }
        Ok(has_enough)
    }

    /// The marks go.
    fn release(&mut self, count: u32) -> Result<(), TooManyPermits> {
        let sum = u64::from(self.permits()) + u64::from(count);
        if count > 0 {
            check(sum)?;
            self.0 = sum as i32;
        }
        Ok(())
    }
}

fn check(permits: u64) -> Result<(), TooManyPermits> {
    let max = (1 << 30) - 1;
    if permits > max.into() { Err(TooManyPermits { permits, max }) } else { Ok(()) }
}

over_every_origin! { a_semaphore_does_as_its_model_does no_scribbler_hangs_a_timed_acquire }

fn a_semaphore_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_semaphore_does_as_its_model_does", word(), op(), |first, ops| run(memory, Model(first), &ops));
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = memory.buffer.slot(INDEX).unwrap();
    slot.store(model.0, Relaxed);
    let semaphore = Semaphore::from_slot(slot);
    let mut permits: Vec<Permit<'_>> = Vec::new();
    for op in ops {
        match *op {
            Op::TryAcquire => prop_assert_eq!(Ok(semaphore.try_acquire()), model.acquire(1)),
            Op::TryAcquireMany(count) => prop_assert_eq!(semaphore.try_acquire_many(count), model.acquire(count)),
            Op::Acquire(time) => {
                let is_acquired = timed_wait(time, |deadline| semaphore.acquire_until(deadline))?;
                prop_assert_eq!(Ok(is_acquired), model.acquire(1));
                note_mark(&mut model.0, slot, time, WAITING);
            }
            Op::AcquireMany(count, time) => {
                let answer = timed(time, |deadline| semaphore.acquire_many_until(count, deadline))?;
                let is_acquired = answer.map_or(Ok(false), |acquired| acquired.map(|()| true));
                prop_assert_eq!(is_acquired, model.acquire(count));
                note_mark(&mut model.0, slot, time, if count == 1 { WAITING } else { MANY_WAITING });
            }
            Op::Permit => {
                let permit = semaphore.try_permit();
                prop_assert_eq!(Ok(permit.is_some()), model.acquire(1));
                permits.extend(permit);
            }
            Op::DropPermit if !permits.is_empty() => {
                drop(permits.remove(0));
                let _ = model.release(1);
            }
            Op::ForgetPermit => mem::forget(permits.pop()),
            Op::DropPermit => {}
            Op::Release(count) => prop_assert_eq!(semaphore.release(count), model.release(count)),
            Op::Permits => prop_assert_eq!(semaphore.permits(), model.permits()),
            Op::Initialize(count) => {
                let answer = Semaphore::initialize(&memory.buffer, INDEX, count).map(|_| ());
                prop_assert_eq!(&answer, &check(count.into()).map_err(Error::from));
                if answer.is_ok() {
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
    permits.into_iter().for_each(mem::forget);
    Ok(())
}

fn no_scribbler_hangs_a_timed_acquire(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_acquire", memory, &[INDEX], word(), |buffer| {
        let semaphore = Semaphore::new(buffer, INDEX).unwrap();
        let _ = semaphore.acquire_for(SOON);
        let _ = semaphore.acquire_many_for(1 << 29, SOON);
        let _ = semaphore.acquire_many_until(3, Instant::now());
        drop(semaphore.permit_for(SOON));
        let _ = semaphore.release(1);
    });
}
