//! A reader-writer lock held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, note_mark, time, timed};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{NotHeld, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Op {
    TryRead,
    Read(Time),
    TryWrite,
    Write(Time),
    /// Drops the guard that has been held longest, whatever became of the lock since. So do the next two.
    DropRead,
    DropWrite,
    Downgrade,
    TryUpgrade,
    /// Loses a guard of each kind, as a process does that dies or hands it over.
    Forget,
    UnlockRead,
    UnlockWrite,
    Look,
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::TryRead),
        2 => time().prop_map(Op::Read),
        3 => Just(Op::TryWrite),
        2 => time().prop_map(Op::Write),
        3 => Just(Op::DropRead),
        2 => Just(Op::DropWrite),
        3 => Just(Op::Downgrade),
        3 => Just(Op::TryUpgrade),
        1 => Just(Op::Forget),
        2 => Just(Op::UnlockRead),
        2 => Just(Op::UnlockWrite),
        2 => Just(Op::Look),
        1 => Just(Op::Initialize),
        2 => state().prop_map(Op::Scribble),
    ]
}

const MAX_READERS: i32 = (1 << 29) - 1;
const WRITING: i32 = 1 << 29;
const READERS_WAITING: i32 = 1 << 30;
const WRITERS_WAITING: i32 = i32::MIN;
const MARKS: i32 = READERS_WAITING | WRITERS_WAITING;

/// All of `i32`, and few or very many readers more often, with all that can be beside them.
fn state() -> impl Strategy<Value = i32> {
    let readers = prop_oneof![4 => 0..=2_i32, 1 => MAX_READERS - 1..=MAX_READERS];
    let beside = prop_oneof![2 => Just(0), 3 => 0..8_u32];
    prop_oneof![4 => (readers, beside).prop_map(|(readers, beside)| readers | (beside << 29) as i32), 1 => word()]
}

/// What the word must hold after each step.
struct Model(i32);

impl Model {
    fn is_writing(&self) -> bool {
        self.0 & WRITING != 0
    }

    fn readers(&self) -> i32 {
        if self.is_writing() { 0 } else { self.0 & MAX_READERS }
    }

    fn read(&mut self) -> bool {
        // A writer's mark keeps readers out only beside others.
        let is_open = !self.is_writing()
            && (self.readers() == 0 || self.0 & WRITERS_WAITING == 0)
            && self.readers() < MAX_READERS;
        if is_open {
            self.0 += 1;
        }
        is_open
    }

    fn try_write(&mut self) -> bool {
        let is_free = self.0 & !MARKS == 0;
        if is_free {
            self.0 |= WRITING;
        }
        is_free
    }

    /// The marks stay until the last reader has left, except that of the readers at a full count.
    fn unlock_read(&mut self) -> Result<(), NotHeld> {
        match self.readers() {
            0 => return Err(NotHeld),
            1 => self.0 = 0,
            MAX_READERS => self.0 = (self.0 - 1) & !READERS_WAITING,
            _ => self.0 -= 1,
        }
        Ok(())
    }

    fn unlock_write(&mut self) -> Result<(), NotHeld> {
        if !self.is_writing() {
            return Err(NotHeld);
        }
        self.0 = 0;
        Ok(())
    }

    /// No writer waits here, so a mark of writers is false, and both marks go.
    fn downgrade(&mut self) {
        if self.is_writing() {
            self.0 = 1 | if self.0 & WRITERS_WAITING != 0 { 0 } else { self.0 & READERS_WAITING };
        }
    }

    fn try_upgrade(&mut self) -> bool {
        let is_alone = self.readers() == 1;
        if is_alone {
            self.0 = WRITING | self.0 & MARKS;
        }
        is_alone
    }
}

over_every_origin! { a_reader_writer_lock_does_as_its_model_does no_scribbler_hangs_a_timed_read_or_write }

fn a_reader_writer_lock_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_reader_writer_lock_does_as_its_model_does", state(), op(), |first, ops| {
        run(memory, Model(first), &ops)
    });
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = memory.buffer.slot(INDEX).unwrap();
    slot.store(model.0, Relaxed);
    let lock = RwLock::from_slot(slot);
    let mut readers: Vec<RwLockReadGuard<'_>> = Vec::new();
    let mut writers: Vec<RwLockWriteGuard<'_>> = Vec::new();
    for op in ops {
        match *op {
            Op::TryRead => {
                let guard = lock.try_read();
                prop_assert_eq!(guard.is_some(), model.read());
                readers.extend(guard);
            }
            Op::Read(time) => {
                let guard = timed(time, |deadline| lock.read_until(deadline))?;
                let is_taken = guard.is_ok();
                prop_assert_eq!(is_taken, model.read());
                readers.extend(guard);
                if !is_taken {
                    note_mark(&mut model.0, slot, time, READERS_WAITING);
                }
            }
            Op::TryWrite => {
                let guard = lock.try_write();
                prop_assert_eq!(guard.is_some(), model.try_write());
                writers.extend(guard);
            }
            Op::Write(time) => {
                let guard = timed(time, |deadline| lock.write_until(deadline))?;
                let is_taken = guard.is_ok();
                prop_assert_eq!(is_taken, model.try_write());
                writers.extend(guard);
                // A writer that gives up finds no other writer, and takes all marks away; unless its time was over from the beginning.
                if !is_taken && matches!(time, Time::Brief) && slot.load(Relaxed) == model.0 & !MARKS {
                    model.0 &= !MARKS;
                }
            }
            Op::DropRead if !readers.is_empty() => {
                drop(readers.remove(0));
                let _ = model.unlock_read();
            }
            Op::DropWrite if !writers.is_empty() => {
                drop(writers.remove(0));
                let _ = model.unlock_write();
            }
            Op::Downgrade if !writers.is_empty() => {
                readers.push(writers.remove(0).downgrade());
                model.downgrade();
            }
            Op::TryUpgrade if !readers.is_empty() => {
                let guard = readers.remove(0).try_upgrade();
                prop_assert_eq!(guard.is_ok(), model.try_upgrade());
                match guard {
                    Ok(guard) => writers.push(guard),
                    Err(guard) => readers.push(guard),
                }
            }
            Op::DropRead | Op::DropWrite | Op::Downgrade | Op::TryUpgrade => {}
            Op::Forget => mem::forget((readers.pop(), writers.pop())),
            Op::UnlockRead => prop_assert_eq!(lock.unlock_read(), model.unlock_read()),
            Op::UnlockWrite => prop_assert_eq!(lock.unlock_write(), model.unlock_write()),
            Op::Look => {
                prop_assert_eq!(lock.readers() as i32, model.readers());
                prop_assert_eq!(lock.is_write_locked(), model.is_writing());
            }
            Op::Initialize => {
                RwLock::initialize(&memory.buffer, INDEX).unwrap();
                model.0 = 0;
            }
            Op::Scribble(value) => {
                slot.store(value, Relaxed);
                model.0 = value;
            }
        }
        prop_assert_eq!(slot.load(Relaxed), model.0, "after {:?}", op);
    }
    mem::forget((readers, writers));
    Ok(())
}

fn no_scribbler_hangs_a_timed_read_or_write(memory: &Memory) {
    under_scribbles("no_scribbler_hangs_a_timed_read_or_write", memory, &[INDEX], state(), |buffer| {
        let lock = RwLock::new(buffer, INDEX).unwrap();
        drop(lock.read_for(SOON));
        drop(lock.write_for(SOON));
        mem::forget(lock.write_for(SOON).map(RwLockWriteGuard::downgrade));
        mem::forget(lock.read_until(Instant::now()).map(RwLockReadGuard::try_upgrade));
        let _ = lock.unlock_read();
        let _ = lock.unlock_write();
    });
}
