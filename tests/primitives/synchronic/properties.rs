//! A synchronic held against a plain sequential model, from any value of its words.

use crate::properties::{SOON, Time, time, timed, timed_wait};
use crate::support::numbers::{Bits, Number};
use crate::support::{Memory, Watchdog, properties::*};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use slotsync::{NotifyHint, Slot, Synchronic, TimedOut};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Where the synchronic lies: at an even slot, so that every type can.
const INDEX: usize = 10;

#[derive(Clone, Copy, Debug)]
enum Op<T> {
    Load,
    Store(T, NotifyHint),
    Swap(T, NotifyHint),
    CompareExchange(T, T, NotifyHint),
    /// Of the value that is there, or one that is the same.
    CompareExchangeSame(T, NotifyHint),
    Update(Option<T>, NotifyHint),
    Add(T, NotifyHint),
    Subtract(T, NotifyHint),
    Bits(Bits, T, NotifyHint),
    Notify(NotifyHint),
    WhenEqual(T, Time),
    WhenNotEqual(T, Time),
    ExpectUpdate(T, Time),
    /// For the value that is there.
    ExpectUpdateOfThis(Time),
    /// Another agent waits, or has died while it did.
    Count,
    Initialize(T),
    /// Another process writes what it likes.
    Scribble([i32; 4]),
}

fn op<T: Number>() -> impl Strategy<Value = Op<T>> {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = std::array::from_fn(|_| T::any());
    let bits = prop_oneof![Just(Bits::And), Just(Bits::Or), Just(Bits::Xor)];
    prop_oneof![
        2 => Just(Op::Load),
        2 => (a, hint()).prop_map(|(value, hint)| Op::Store(value, hint)),
        2 => (b, hint()).prop_map(|(value, hint)| Op::Swap(value, hint)),
        2 => (c, d, hint()).prop_map(|(current, new, hint)| Op::CompareExchange(current, new, hint)),
        2 => (e, hint()).prop_map(|(new, hint)| Op::CompareExchangeSame(new, hint)),
        2 => (proptest::option::of(f), hint()).prop_map(|(new, hint)| Op::Update(new, hint)),
        2 => (g, hint()).prop_map(|(value, hint)| Op::Add(value, hint)),
        2 => (h, hint()).prop_map(|(value, hint)| Op::Subtract(value, hint)),
        3 => (bits, i, hint()).prop_map(|(bits, value, hint)| Op::Bits(bits, value, hint)),
        3 => hint().prop_map(Op::Notify),
        2 => (T::any(), time()).prop_map(|(value, time)| Op::WhenEqual(value, time)),
        2 => (j, time()).prop_map(|(value, time)| Op::WhenNotEqual(value, time)),
        2 => (k, time()).prop_map(|(value, time)| Op::ExpectUpdate(value, time)),
        1 => time().prop_map(Op::ExpectUpdateOfThis),
        2 => Just(Op::Count),
        1 => l.prop_map(Op::Initialize),
        1 => four_words().prop_map(Op::Scribble),
    ]
}

fn hint() -> impl Strategy<Value = NotifyHint> {
    prop_oneof![Just(NotifyHint::None), Just(NotifyHint::One), Just(NotifyHint::All)]
}

fn four_words() -> impl Strategy<Value = [i32; 4]> {
    [word(), word(), word(), word()]
}

/// What the words must hold after each step.
struct Model {
    waiters: i32,
    generation: i32,
    /// Those of the value first, in native order.
    bytes: [u8; 8],
}

impl Model {
    fn of([waiters, generation, low, high]: [i32; 4]) -> Self {
        let bytes = [low.to_ne_bytes(), high.to_ne_bytes()].concat().try_into().unwrap();
        Self { waiters, generation, bytes }
    }

    fn value<T: Number>(&self) -> T {
        T::from_bytes(&self.bytes)
    }

    /// With zeros up to the end of the last word that the value lies in.
    fn write<T: Number>(&mut self, value: T) {
        let size = size_of::<T>();
        self.bytes[..size].copy_from_slice(&value.to_bytes());
        self.bytes[size..size.next_multiple_of(4)].fill(0);
    }

    fn notify(&mut self, hint: NotifyHint) {
        if hint != NotifyHint::None && self.waiters != 0 {
            let mark = i32::from(hint == NotifyHint::One);
            self.generation = (self.generation & !1).wrapping_add(2) | mark;
        }
    }

    fn change<T: Number>(&mut self, value: T, hint: NotifyHint) {
        self.write(value);
        self.notify(hint);
    }

    /// Nothing on Linux. Elsewhere, an agent that ran out of time cannot tell that no wake was spent on it, and if the last one was
    /// for one, looks for that one.
    fn wait_in_vain(&mut self, generation: Slot<'_>) {
        let is_passed_on = self.generation & 1 != 0 && cfg!(not(target_os = "linux"));
        if is_passed_on && generation.load(Relaxed) != self.generation {
            self.generation = (self.generation & !1).wrapping_add(2);
        }
    }
}

for_every_number! { a_synchronic_does_as_its_model_does no_scribbler_hangs_a_timed_wait_for_a_value }

fn a_synchronic_does_as_its_model_does<T: Number>(memory: &Memory) {
    let _watchdog = Watchdog::new("a_synchronic_does_as_its_model_does");
    let sequences = (four_words(), proptest::collection::vec(op::<T>(), 0..40));
    // With all ten types, as many as another primitive has.
    TestRunner::new(cases(26)).run(&sequences, |(first, ops)| run(memory, first, &ops)).unwrap();
}

fn run<T: Number>(memory: &Memory, first: [i32; 4], ops: &[Op<T>]) -> Result<(), TestCaseError> {
    let slots = [0, 1, 2, 3].map(|place| memory.buffer.slot(INDEX + place).unwrap());
    let put = |words: [i32; 4]| slots.iter().zip(words).for_each(|(slot, word)| slot.store(word, Relaxed));
    put(first);
    let mut model = Model::of(first);
    let synchronic = Synchronic::<T>::new(&memory.buffer, INDEX).unwrap();
    for op in ops {
        let was = model.value::<T>();
        let found = match *op {
            Op::Load => synchronic.load(),
            Op::Store(value, hint) => {
                synchronic.store(value, hint);
                model.change(value, hint);
                was
            }
            Op::Swap(value, hint) => {
                model.change(value, hint);
                synchronic.swap(value, hint)
            }
            Op::CompareExchange(current, new, hint) => {
                let outcome = synchronic.compare_exchange(current, new, hint);
                prop_assert_eq!(outcome.is_ok(), was.equals(current), "{:?}", op);
                if outcome.is_ok() {
                    model.change(new, hint);
                }
                outcome.unwrap_or_else(|found| found)
            }
            Op::CompareExchangeSame(new, hint) => {
                model.change(new, hint);
                synchronic.compare_exchange(was, new, hint).unwrap()
            }
            Op::Update(new, hint) => {
                let outcome = synchronic.fetch_update(hint, |_| new);
                prop_assert_eq!(outcome.is_ok(), new.is_some());
                if let Some(new) = new {
                    model.change(new, hint);
                }
                outcome.unwrap_or_else(|found| found)
            }
            Op::Add(value, hint) => {
                model.change(was.sum(value), hint);
                synchronic.fetch_add(value, hint)
            }
            Op::Subtract(value, hint) => {
                model.change(was.difference(value), hint);
                synchronic.fetch_sub(value, hint)
            }
            Op::Bits(bits, value, hint) => {
                let Some(new) = was.with_bits(bits, value) else { continue };
                model.change(new, hint);
                T::fetch_bits(synchronic, bits, value, hint).unwrap()
            }
            Op::Notify(hint) => {
                synchronic.notify(hint);
                model.notify(hint);
                was
            }
            Op::WhenEqual(value, time) => {
                let seen = timed(time, |deadline| synchronic.load_when_equal_until(value, deadline))?;
                prop_assert_eq!(seen.is_ok(), was.equals(value), "{:?}", op);
                model.wait_in_vain(slots[1]);
                seen.unwrap_or(was)
            }
            Op::WhenNotEqual(value, time) => {
                let seen = timed(time, |deadline| synchronic.load_when_not_equal_until(value, deadline))?;
                prop_assert_eq!(seen.is_ok(), !was.equals(value), "{:?}", op);
                model.wait_in_vain(slots[1]);
                seen.unwrap_or(was)
            }
            Op::ExpectUpdate(value, time) => {
                let is_updated = timed_wait(time, |deadline| synchronic.expect_update_until(value, deadline))?;
                prop_assert_eq!(is_updated, !was.equals(value), "{:?}", op);
                model.wait_in_vain(slots[1]);
                was
            }
            Op::ExpectUpdateOfThis(time) => {
                prop_assert!(!timed_wait(time, |deadline| synchronic.expect_update_until(was, deadline))?);
                model.wait_in_vain(slots[1]);
                was
            }
            Op::Count => {
                slots[0].fetch_add(1, Relaxed);
                model.waiters = model.waiters.wrapping_add(1);
                was
            }
            Op::Initialize(value) => {
                Synchronic::initialize(&memory.buffer, INDEX, value).unwrap();
                (model.waiters, model.generation) = (0, 0);
                model.write(value);
                was
            }
            Op::Scribble(words) => {
                put(words);
                model = Model::of(words);
                was
            }
        };
        prop_assert!(found.is_identical(was), "{:?} found {:?} and not {:?}", op, found, was);
        let actual = Model::of(slots.map(|slot| slot.load(Relaxed)));
        prop_assert_eq!((actual.waiters, actual.generation), (model.waiters, model.generation), "after {:?}", op);
        // Which of all NaNs comes out of arithmetic is left to the processor.
        if model.value::<T>().is_nan() && actual.value::<T>().is_nan() {
            model.write(actual.value::<T>());
        }
        prop_assert_eq!(actual.bytes, model.bytes, "after {:?}", op);
    }
    Ok(())
}

fn no_scribbler_hangs_a_timed_wait_for_a_value<T: Number>(memory: &Memory) {
    let words = [INDEX, INDEX + 1, INDEX + 2, INDEX + 3];
    under_scribbles("no_scribbler_hangs_a_timed_wait_for_a_value", memory, &words, word(), |buffer| {
        let synchronic = Synchronic::<T>::new(buffer, INDEX).unwrap();
        let _ = synchronic.load_when_equal_for(T::of(77), SOON);
        let _ = synchronic.load_when_not_equal_for(T::of(1), SOON);
        let _ = synchronic.expect_update_for(synchronic.load(), SOON);
        let _: Result<(), TimedOut> = synchronic.expect_update_until(T::of(2), Instant::now());
        synchronic.store(T::of(5), NotifyHint::One);
        let _ = synchronic.compare_exchange(T::of(5), T::of(1), NotifyHint::All);
        let _ = synchronic.fetch_add(T::of(1), NotifyHint::All);
        synchronic.notify(NotifyHint::One);
    });
}
