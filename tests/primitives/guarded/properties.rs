//! A guarded value held against a plain sequential model, from any value of its words.

use crate::properties::{INDEX, SOON, Time, time, timed, timed_wait};
use crate::support::{Memory, properties::*};
use proptest::prelude::*;
use slotsync::{Error, Guarded, NotHeld, TimedOut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Six bytes: the last word of a copy is half used.
type Value = [u16; 3];

const SLOTS: usize = 11;
const VERSION: u32 = 4;

#[derive(Clone, Copy, Debug)]
enum Op {
    Get,
    TryGet,
    GetUntil(Time),
    Set(Value),
    TrySet(Value),
    SetUntil(Value, Time),
    /// Adds this to the first, and the first to the others.
    Update(u16),
    TryUpdate(u16),
    UpdateUntil(u16, Time),
    /// The same, and then says whether to keep it.
    Transact(u16, bool),
    TransactUntil(u16, bool, Time),
    Panic(u16),
    /// As an agent that dies in a call leaves it, and as another repairs it.
    Lock,
    Unlock,
    /// As its version, or as another.
    Attach(bool),
    Initialize(Value),
    /// Another process writes what it likes, where it likes.
    Scribble(usize, i32),
}

fn op() -> impl Strategy<Value = Op> {
    use Op::*;
    let value = any::<Value>;
    prop_oneof![
        2 => Just(Get),
        1 => Just(TryGet),
        1 => time().prop_map(GetUntil),
        2 => value().prop_map(Set),
        1 => value().prop_map(TrySet),
        1 => (value(), time()).prop_map(|(value, time)| SetUntil(value, time)),
        3 => any::<u16>().prop_map(Update),
        1 => any::<u16>().prop_map(TryUpdate),
        1 => (any::<u16>(), time()).prop_map(|(more, time)| UpdateUntil(more, time)),
        2 => (any::<u16>(), any::<bool>()).prop_map(|(more, is_kept)| Transact(more, is_kept)),
        1 => (any::<u16>(), any::<bool>(), time()).prop_map(|(more, is_kept, time)| TransactUntil(more, is_kept, time)),
        1 => any::<u16>().prop_map(Panic),
        1 => Just(Lock),
        3 => Just(Unlock),
        2 => any::<bool>().prop_map(Attach),
        1 => value().prop_map(Initialize),
        2 => (0..SLOTS, word()).prop_map(|(place, word)| Scribble(place, word)),
    ]
}

fn change(value: &mut Value, more: u16) {
    value[0] = value[0].wrapping_add(more);
    value[1] = value[1].wrapping_add(value[0]);
    value[2] = value[2].wrapping_add(value[0]);
}

fn change_if(value: &mut Value, more: u16, is_kept: bool) -> Result<u16, u16> {
    change(value, more);
    if is_kept { Ok(more) } else { Err(more) }
}

/// The words, as the page in the book has them.
struct Model([i32; SLOTS]);

impl Model {
    fn is_free(&self) -> bool {
        self.0[0] == 0
    }

    fn copy(&mut self, number: i32) -> &mut [i32] {
        let first = if number % 2 == 0 { 7 } else { 9 };
        &mut self.0[first..first + 2]
    }

    fn get(&mut self) -> Value {
        let words = self.copy(self.0[6]);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        [0, 2, 4].map(|place| u16::from_ne_bytes([bytes[place], bytes[place + 1]]))
    }

    fn set(&mut self, value: Value) {
        let next = if self.0[6] % 2 == 0 { 1 } else { 0 };
        let [a, b, c] = value.map(u16::to_ne_bytes);
        let words = [[a[0], a[1], b[0], b[1]], [c[0], c[1], 0, 0]].map(i32::from_ne_bytes);
        self.copy(next).copy_from_slice(&words);
        self.0[6] = next;
    }

    fn update(&mut self, more: u16) {
        let mut value = self.get();
        change(&mut value, more);
        self.set(value);
    }

    fn header(version: u32) -> [(&'static str, u32); 5] {
        let pointer = size_of::<usize>() as u32;
        [("mark", 0x4744_0001), ("size", 6), ("alignment", 2), ("pointer size", pointer), ("version", version)]
    }

    fn attach(&mut self, version: u32) -> Result<(), Error> {
        let header = Self::header(version);
        for (word, (what, expected)) in self.0[1..].iter().zip(header) {
            let found = *word as u32;
            if found != 0 && found != expected {
                return Err(Error::GuardedMismatch { what, found, expected });
            }
        }
        self.0[1..6].copy_from_slice(&header.map(|(_, expected)| expected as i32));
        Ok(())
    }

    fn initialize(&mut self, value: Value) {
        self.0[0] = 0;
        for (word, (_, number)) in self.0[1..].iter_mut().zip(Self::header(VERSION)) {
            *word = number as i32;
        }
        self.set(value);
    }
}

over_every_origin! { a_guarded_value_does_as_its_model_does no_scribbler_hangs_a_timed_call_on_a_guarded_value }

fn a_guarded_value_does_as_its_model_does(memory: &Memory) {
    run_sequences("a_guarded_value_does_as_its_model_does", word(), op(), |current, ops| run(memory, current, &ops));
}

fn run(memory: &Memory, current: i32, ops: &[Op]) -> Result<(), TestCaseError> {
    let buffer = &memory.buffer;
    let words =
        || -> Vec<i32> { buffer.slots(INDEX..INDEX + SLOTS).unwrap().iter().map(|slot| slot.load(Relaxed)).collect() };
    for slot in buffer.slots(..).unwrap() {
        slot.store(0, Relaxed);
    }
    prop_assert_eq!(Guarded::<Value, VERSION>::SLOTS, SLOTS);
    let guarded = Guarded::<Value, VERSION>::new(buffer, INDEX).unwrap();
    let mut model = Model([0; SLOTS]);
    model.attach(VERSION).unwrap();
    buffer.slot(INDEX + 6).unwrap().store(current, Relaxed);
    model.0[6] = current;
    for op in ops {
        let is_free = model.is_free();
        let mut waited = None;
        let mut wait = |time| {
            waited = Some(time);
            time
        };
        match *op {
            // Only if that is sure to return.
            Op::Get | Op::Set(_) | Op::Update(_) | Op::Transact(..) | Op::Panic(_) if !is_free => continue,
            Op::Get => prop_assert_eq!(guarded.get(), model.get()),
            Op::TryGet => prop_assert_eq!(guarded.try_get(), is_free.then(|| model.get())),
            Op::GetUntil(time) => {
                let got = timed(wait(time), |deadline| guarded.get_until(deadline))?;
                prop_assert_eq!(got, if is_free { Ok(model.get()) } else { Err(TimedOut) });
            }
            Op::Set(value) => {
                guarded.set(value);
                model.set(value);
            }
            Op::TrySet(value) => {
                prop_assert_eq!(guarded.try_set(value), is_free);
                is_free.then(|| model.set(value));
            }
            Op::SetUntil(value, time) => {
                let set = |deadline| guarded.set_until(value, deadline);
                prop_assert_eq!(timed_wait(wait(time), set)?, is_free);
                is_free.then(|| model.set(value));
            }
            Op::Update(more) => {
                let was = guarded.update(|value| {
                    let was = *value;
                    change(value, more);
                    was
                });
                prop_assert_eq!(was, model.get());
                model.update(more);
            }
            Op::TryUpdate(more) => {
                let updated = guarded.try_update(|value| {
                    change(value, more);
                    *value
                });
                is_free.then(|| model.update(more));
                prop_assert_eq!(updated, is_free.then(|| model.get()));
            }
            Op::UpdateUntil(more, time) => {
                let update = |deadline| guarded.update_until(|value| change(value, more), deadline);
                prop_assert_eq!(timed_wait(wait(time), update)?, is_free);
                is_free.then(|| model.update(more));
            }
            Op::Transact(more, is_kept) => {
                let outcome = guarded.transact(|value| change_if(value, more, is_kept));
                prop_assert_eq!(outcome, if is_kept { Ok(more) } else { Err(more) });
                is_kept.then(|| model.update(more));
            }
            Op::TransactUntil(more, is_kept, time) => {
                let update = |deadline| guarded.transact_until(|value| change_if(value, more, is_kept), deadline);
                let outcome = timed(wait(time), update)?;
                let expected = if is_kept { Ok(more) } else { Err(more) };
                prop_assert_eq!(outcome, if is_free { Ok(expected) } else { Err(TimedOut) });
                (is_free && is_kept).then(|| model.update(more));
            }
            Op::Panic(more) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    guarded.update(|value| {
                        change(value, more);
                        std::panic::resume_unwind(Box::new(()));
                    });
                }));
                prop_assert!(outcome.is_err());
            }
            Op::Lock => {
                let taken = guarded.lock().try_lock().map(std::mem::forget);
                prop_assert_eq!(taken.is_some(), is_free);
                is_free.then(|| model.0[0] = 1);
            }
            Op::Unlock => {
                prop_assert_eq!(guarded.lock().unlock(), if is_free { Err(NotHeld) } else { Ok(()) });
                model.0[0] = 0;
            }
            Op::Attach(true) => {
                let outcome = Guarded::<Value, VERSION>::new(buffer, INDEX);
                prop_assert_eq!(outcome.map(|handle| handle == guarded), model.attach(VERSION).map(|()| true));
            }
            Op::Attach(false) => {
                let outcome = Guarded::<Value, { VERSION + 1 }>::new(buffer, INDEX);
                prop_assert_eq!(outcome.map(drop), model.attach(VERSION + 1));
            }
            Op::Initialize(value) => {
                prop_assert_eq!(Guarded::initialize(buffer, INDEX, value), Ok(guarded));
                model.initialize(value);
            }
            Op::Scribble(place, word) => {
                buffer.slot(INDEX + place).unwrap().store(word, Relaxed);
                model.0[place] = word;
            }
        }
        // An agent that waited in vain may have left the lock's mark.
        if let Some(time) = waited.filter(|_| !is_free) {
            if matches!(time, Time::Brief) && words()[0] == 2 {
                model.0[0] = 2;
            }
        }
        prop_assert_eq!(&words()[..], &model.0[..], "after {:?}", op);
    }
    Ok(())
}

fn no_scribbler_hangs_a_timed_call_on_a_guarded_value(memory: &Memory) {
    let all: Vec<_> = (INDEX..INDEX + SLOTS).collect();
    under_scribbles("no_scribbler_hangs_a_timed_call_on_a_guarded_value", memory, &all, word(), |buffer| {
        // What it finds in the header may be anything.
        let _ = Guarded::<Value, VERSION>::new(buffer, INDEX);
        let guarded = Guarded::<Value, VERSION>::initialize(buffer, INDEX, [0; 3]).unwrap();
        let soon = || Instant::now() + SOON;
        let _ = guarded.get_until(soon());
        let _ = guarded.set_until([1; 3], soon());
        let _ = guarded.update_for(|value| change(value, 7), SOON);
        let _ = guarded.transact_until(|value| change_if(value, 7, false), soon());
        let _ = (guarded.try_get(), guarded.try_set([2; 3]), guarded.get_for(Duration::ZERO));
    });
}
