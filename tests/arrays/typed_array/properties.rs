//! Sequences of operations on typed arrays of all types of integers over the same bytes, against a plain vector of bytes.

use crate::support::numbers::Number;
use crate::support::properties::cases;
use crate::support::{Memory, Watchdog};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use slotsync::arrays::{Atomics, TypedArray};
use slotsync::{Error, Integer, SharedBuffer, Wait};
use std::time::Duration;

over_every_origin! { arrays_do_as_the_bytes_of_their_model_do }

/// The bytes that the model has, from the start of the buffer.
const BYTES: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Width {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
}

const WIDTHS: [Width; 8] =
    [Width::I8, Width::U8, Width::I16, Width::U16, Width::I32, Width::U32, Width::I64, Width::U64];

#[derive(Clone, Debug)]
enum Op {
    Load,
    Get,
    Store,
    Set,
    Exchange,
    CompareExchange,
    /// Of the value that is there.
    CompareExchangeSame,
    Add,
    Sub,
    And,
    Or,
    Xor,
    Fill,
    CopyFrom(usize),
    CopyTo(usize),
    Subarray(usize),
    Wait,
    Notify,
}

/// An operation: the type of its array, its first byte, its length, and an index within or a little beyond.
#[derive(Clone, Debug)]
struct Step {
    op: Op,
    width: Width,
    offset: Index,
    length: Index,
    index: Index,
    operands: [[u8; 8]; 2],
}

fn op() -> impl Strategy<Value = Op> {
    let count = 0..6_usize;
    prop_oneof![
        Just(Op::Load),
        Just(Op::Get),
        Just(Op::Store),
        Just(Op::Set),
        Just(Op::Exchange),
        Just(Op::CompareExchange),
        Just(Op::CompareExchangeSame),
        Just(Op::Add),
        Just(Op::Sub),
        Just(Op::And),
        Just(Op::Or),
        Just(Op::Xor),
        Just(Op::Fill),
        count.clone().prop_map(Op::CopyFrom),
        count.clone().prop_map(Op::CopyTo),
        count.prop_map(Op::Subarray),
        Just(Op::Wait),
        Just(Op::Notify),
    ]
}

/// Any bytes, and those of small and of extreme numbers more often.
fn operand() -> impl Strategy<Value = [u8; 8]> {
    let edge = |number: i64| number.to_ne_bytes();
    prop_oneof![
        any::<[u8; 8]>(),
        (-2..3_i64).prop_map(edge),
        (0..64_u32, -1..2_i64).prop_map(move |(bit, more)| edge((1_i64 << bit).wrapping_add(more)))
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let places = (any::<Index>(), any::<Index>(), any::<Index>());
    (op(), proptest::sample::select(&WIDTHS), places, [operand(), operand()])
        .prop_map(|(op, width, (offset, length, index), operands)| Step { op, width, offset, length, index, operands })
}

fn arrays_do_as_the_bytes_of_their_model_do(memory: &Memory) {
    let _watchdog = Watchdog::new("arrays_do_as_the_bytes_of_their_model_do");
    let check = |(first, steps): (Vec<u8>, Vec<Step>)| {
        let all = TypedArray::<u8>::new(&memory.buffer, 0, BYTES).unwrap();
        all.copy_from(0, &first).unwrap();
        let mut model = first;
        for step in steps {
            match step.width {
                Width::I8 => run::<i8>(&memory.buffer, &mut model, &step)?,
                Width::U8 => run::<u8>(&memory.buffer, &mut model, &step)?,
                Width::I16 => run::<i16>(&memory.buffer, &mut model, &step)?,
                Width::U16 => run::<u16>(&memory.buffer, &mut model, &step)?,
                Width::I32 => run::<i32>(&memory.buffer, &mut model, &step)?,
                Width::U32 => run::<u32>(&memory.buffer, &mut model, &step)?,
                #[cfg(target_has_atomic = "64")]
                Width::I64 => run::<i64>(&memory.buffer, &mut model, &step)?,
                #[cfg(target_has_atomic = "64")]
                Width::U64 => run::<u64>(&memory.buffer, &mut model, &step)?,
                #[cfg(not(target_has_atomic = "64"))]
                Width::I64 | Width::U64 => {}
            }
            prop_assert_eq!(all.to_vec(), &model[..], "after {:?}", step);
        }
        Ok(())
    };
    TestRunner::new(cases(256)).run(&(vec(any::<u8>(), BYTES), vec(step(), 0..60)), check).unwrap();
}

/// Does the step by the crate, and to the model by what the bytes say.
fn run<T: Number + Integer>(buffer: &SharedBuffer, model: &mut [u8], step: &Step) -> Result<(), TestCaseError> {
    let size = size_of::<T>();
    let offset = size * step.offset.index(BYTES / size + 1);
    let length = step.length.index((BYTES - offset) / size + 1);
    let index = step.index.index(length + 2);
    let [value, other] = step.operands.map(|bytes| T::from_bytes(&bytes));
    let array = TypedArray::<T>::new(buffer, offset, length).unwrap();
    let at = |index: usize| offset + index * size..offset + (index + 1) * size;
    let found = (index < length).then(|| T::from_bytes(&model[at(index)]));
    let beyond = |index| Error::ElementOutOfRange { index, length };
    let here = found.ok_or_else(|| beyond(index));
    let mut put = |index, value: T| model[at(index)].copy_from_slice(&value.to_bytes());
    // The outcome, the expected outcome, and the new value of the element.
    let (outcome, expected, becomes) = match step.op {
        Op::Load => (Atomics::load(array, index), here, None),
        Op::Get => (array.get(index).ok_or_else(|| beyond(index)), here, None),
        Op::Store => (Atomics::store(array, index, value), here.map(|_| value), Some(value)),
        Op::Set => (array.set(index, value).map(|()| value), here.map(|_| value), Some(value)),
        Op::Exchange => (Atomics::exchange(array, index, value), here, Some(value)),
        Op::CompareExchange => {
            let becomes = (found == Some(value)).then_some(other);
            (Atomics::compare_exchange(array, index, value, other), here, becomes)
        }
        Op::CompareExchangeSame => {
            let expected = found.unwrap_or(value);
            (Atomics::compare_exchange(array, index, expected, other), here, Some(other))
        }
        Op::Add => (Atomics::add(array, index, value), here, found.map(|found| found.sum(value))),
        Op::Sub => (Atomics::sub(array, index, value), here, found.map(|found| found.difference(value))),
        Op::And => (Atomics::and(array, index, value), here, found.map(|found| found & value)),
        Op::Or => (Atomics::or(array, index, value), here, found.map(|found| found | value)),
        Op::Xor => (Atomics::xor(array, index, value), here, found.map(|found| found ^ value)),
        Op::Fill => {
            array.fill(value);
            (0..length).for_each(|index| put(index, value));
            return Ok(());
        }
        Op::CopyFrom(count) => {
            let values: Vec<T> = (0..count).map(|place| if place % 2 == 0 { value } else { other }).collect();
            let is_copied = array.copy_from(index, &values).is_ok();
            prop_assert_eq!(is_copied, index + count <= length);
            if is_copied {
                values.into_iter().enumerate().for_each(|(place, value)| put(index + place, value));
            }
            return Ok(());
        }
        Op::CopyTo(count) => {
            let mut values = vec![value; count];
            let is_copied = array.copy_to(index, &mut values).is_ok();
            prop_assert_eq!(is_copied, index + count <= length);
            for (place, found) in values.into_iter().enumerate() {
                prop_assert_eq!(found, if is_copied { T::from_bytes(&model[at(index + place)]) } else { value });
            }
            return Ok(());
        }
        Op::Subarray(count) => {
            let Ok(part) = array.subarray(index..index + count) else {
                prop_assert!(index + count > length);
                return Ok(());
            };
            let bytes = &model[offset + index * size..offset + (index + count) * size];
            prop_assert_eq!(part.to_vec(), bytes.chunks(size).map(T::from_bytes).collect::<Vec<_>>());
            return Ok(());
        }
        Op::Wait => {
            let word = TypedArray::<i32>::new(buffer, offset / 4 * 4, 1.min((BYTES - offset / 4 * 4) / 4)).unwrap();
            let Some(found) = word.get(0) else { return Ok(()) };
            prop_assert_eq!(Atomics::wait(word, 0, found, Duration::ZERO), Ok(Wait::TimedOut));
            prop_assert_eq!(Atomics::wait(word, 0, !found, Duration::ZERO), Ok(Wait::NotEqual));
            return Ok(());
        }
        Op::Notify => {
            let word = TypedArray::<i32>::new(buffer, offset / 4 * 4, 1.min((BYTES - offset / 4 * 4) / 4)).unwrap();
            if !word.is_empty() {
                prop_assert!(matches!(Atomics::notify(word, 0, u32::MAX), Ok(None | Some(0))));
            }
            return Ok(());
        }
    };
    prop_assert_eq!(outcome, expected, "{:?}", step);
    if let (Some(_), Some(becomes)) = (found, becomes) {
        put(index, becomes);
    }
    Ok(())
}
