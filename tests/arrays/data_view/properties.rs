//! Sequences of calls of views, and of copies of bytes and elements, over the same bytes, against a plain vector of bytes.

use crate::support::numbers::Number;
use crate::support::properties::cases;
use crate::support::{Memory, Watchdog};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use slotsync::arrays::{DataView, TypedArray};
use slotsync::{Error, SharedBuffer};

over_every_origin! { views_and_copies_do_as_the_bytes_of_their_model_do }

/// The bytes that the model has, from the start of the buffer.
const BYTES: usize = 48;

#[derive(Clone, Copy, Debug)]
enum Type {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    I64,
    U64,
    F64,
}

const TYPES: [Type; 10] =
    [Type::I8, Type::U8, Type::I16, Type::U16, Type::I32, Type::U32, Type::F32, Type::I64, Type::U64, Type::F64];

#[derive(Clone, Copy, Debug)]
enum Order {
    Little,
    Big,
    Native,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Get(Order),
    Set(Order),
    ReadBytes,
    WriteBytes,
    /// The same, through a view.
    ReadView,
    WriteView,
    /// One element of an array, of floats too: the properties of typed arrays have integers.
    GetElement,
    SetElement,
    Fill,
    CopyTo,
    CopyFrom,
    Slice,
    CopyWithin,
    /// By an array that begins this number of elements further on.
    CopyFromArray,
}

/// An operation, with numbers of a type. `places` are where a view or an array begins and how long it is, and where in
/// it and to how many: or a little beyond.
#[derive(Clone, Debug)]
struct Step {
    op: Op,
    number: Type,
    places: [Index; 5],
    bytes: [u8; BYTES],
}

fn op() -> impl Strategy<Value = Op> {
    let order = || prop_oneof![Just(Order::Little), Just(Order::Big), Just(Order::Native)];
    prop_oneof![
        3 => order().prop_map(Op::Get),
        3 => order().prop_map(Op::Set),
        1 => Just(Op::ReadBytes),
        1 => Just(Op::WriteBytes),
        1 => Just(Op::ReadView),
        1 => Just(Op::WriteView),
        1 => Just(Op::GetElement),
        1 => Just(Op::SetElement),
        1 => Just(Op::Fill),
        1 => Just(Op::CopyTo),
        1 => Just(Op::CopyFrom),
        1 => Just(Op::Slice),
        1 => Just(Op::CopyWithin),
        1 => Just(Op::CopyFromArray)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (op(), proptest::sample::select(&TYPES), any::<[Index; 5]>(), vec(any::<u8>(), BYTES)).prop_map(
        |(op, number, places, bytes)| Step { op, number, places, bytes: bytes.try_into().expect("so many bytes") },
    )
}

fn views_and_copies_do_as_the_bytes_of_their_model_do(memory: &Memory) {
    let _watchdog = Watchdog::new("views_and_copies_do_as_the_bytes_of_their_model_do");
    let check = |(first, steps): (Vec<u8>, Vec<Step>)| {
        let all = TypedArray::<u8>::new(&memory.buffer, 0, BYTES).unwrap();
        all.copy_from(0, &first).unwrap();
        let mut model = first;
        for step in steps {
            let run = match step.number {
                Type::I8 => run::<i8>,
                Type::U8 => run::<u8>,
                Type::I16 => run::<i16>,
                Type::U16 => run::<u16>,
                Type::I32 => run::<i32>,
                Type::U32 => run::<u32>,
                Type::F32 => run::<f32>,
                #[cfg(target_has_atomic = "64")]
                Type::I64 => run::<i64>,
                #[cfg(target_has_atomic = "64")]
                Type::U64 => run::<u64>,
                #[cfg(target_has_atomic = "64")]
                Type::F64 => run::<f64>,
                #[cfg(not(target_has_atomic = "64"))]
                Type::I64 | Type::U64 | Type::F64 => continue,
            };
            run(&memory.buffer, &mut model, &step)?;
            prop_assert_eq!(all.to_vec(), &model[..], "after {:?}", step);
        }
        Ok(())
    };
    TestRunner::new(cases(256)).run(&(vec(any::<u8>(), BYTES), vec(step(), 0..60)), check).unwrap();
}

/// Does the step by the crate, and to the model by what the bytes say.
fn run<T: Number>(buffer: &SharedBuffer, model: &mut [u8], step: &Step) -> Result<(), TestCaseError> {
    let size = size_of::<T>();
    let [begin, long, at, many, to] = step.places;
    match step.op {
        Op::Get(order) | Op::Set(order) => {
            let start = begin.index(BYTES + 1);
            let length = long.index(BYTES - start + 1);
            let at = at.index(length + 2);
            let view = DataView::new(buffer, start, length).unwrap();
            let there = (at + size <= length).then(|| start + at..start + at + size);
            let error = || Error::BytesOutOfBounds { byte_offset: at, count: size, bytes: length };
            if let Op::Get(_) = step.op {
                let get = match order {
                    Order::Little => view.get_le::<T>(at),
                    Order::Big => view.get_be(at),
                    Order::Native => view.get_ne(at),
                };
                let expected = there.map(|there| turned(order, &model[there])).ok_or_else(error);
                prop_assert_eq!(get.map(Number::to_bytes), expected, "{:?}", step);
            } else {
                let value = T::from_bytes(&step.bytes);
                let set = match order {
                    Order::Little => view.set_le(at, value),
                    Order::Big => view.set_be(at, value),
                    Order::Native => view.set_ne(at, value),
                };
                prop_assert_eq!(set, there.clone().map(drop).ok_or_else(error));
                if let Some(there) = there {
                    model[there].copy_from_slice(&turned(order, &step.bytes[..size]));
                }
            }
        }
        Op::ReadBytes => {
            let start = begin.index(BYTES + 1);
            let there = start..start + many.index(BYTES - start + 1);
            let mut copy = step.bytes[..there.len()].to_vec();
            buffer.read_bytes(start, &mut copy).unwrap();
            prop_assert_eq!(&copy, &model[there]);
        }
        Op::WriteBytes => {
            let start = begin.index(BYTES + 1);
            let there = start..start + many.index(BYTES - start + 1);
            buffer.write_bytes(start, &step.bytes[..there.len()]).unwrap();
            model[there.clone()].copy_from_slice(&step.bytes[..there.len()]);
        }
        Op::ReadView | Op::WriteView => {
            let start = begin.index(BYTES + 1);
            let length = long.index(BYTES - start + 1);
            let (at, count) = (at.index(length + 2), many.index(length + 2).min(BYTES));
            let view = DataView::new(buffer, start, length).unwrap();
            let there = (at + count <= length).then(|| start + at..start + at + count);
            let error = Error::BytesOutOfBounds { byte_offset: at, count, bytes: length };
            let expected = there.clone().map(drop).ok_or(error);
            let mut bytes = step.bytes[..count].to_vec();
            if let Op::ReadView = step.op {
                prop_assert_eq!(view.read_bytes(at, &mut bytes), expected);
                prop_assert_eq!(&bytes, there.map_or(&step.bytes[..count], |there| &model[there]));
            } else {
                prop_assert_eq!(view.write_bytes(at, &bytes), expected);
                if let Some(there) = there {
                    model[there].copy_from_slice(&bytes);
                }
            }
        }
        Op::GetElement | Op::SetElement | Op::Fill | Op::CopyTo | Op::CopyFrom => {
            let start = size * begin.index(BYTES / size + 1);
            let length = long.index((BYTES - start) / size + 1);
            let array = TypedArray::<T>::new(buffer, start, length).unwrap();
            let (index, count) = (at.index(length + 2), many.index(BYTES / size));
            let place = |index: usize, count: usize| start + index * size..start + (index + count) * size;
            let (value, there) = (T::from_bytes(&step.bytes), (index < length).then(|| place(index, 1)));
            let raw = |values: &[T]| values.iter().copied().flat_map(Number::to_bytes).collect::<Vec<_>>();
            let mut values: Vec<_> = step.bytes.chunks_exact(size).take(count).map(T::from_bytes).collect();
            let fits = index + count <= length;
            match step.op {
                Op::GetElement => {
                    prop_assert_eq!(array.get(index).map(Number::to_bytes), there.map(|there| model[there].to_vec()));
                }
                Op::SetElement => {
                    let error = Error::ElementOutOfRange { index, length };
                    prop_assert_eq!(array.set(index, value), there.clone().map(drop).ok_or(error));
                    if let Some(there) = there {
                        model[there].copy_from_slice(&step.bytes[..size]);
                    }
                }
                Op::Fill => {
                    array.fill(value);
                    model[place(0, length)].chunks_exact_mut(size).for_each(|it| it.copy_from_slice(&value.to_bytes()));
                }
                Op::CopyTo => {
                    let before = raw(&values);
                    prop_assert_eq!(array.copy_to(index, &mut values).is_ok(), fits);
                    let expected = if fits { &model[place(index, count)] } else { &before };
                    prop_assert_eq!(&raw(&values), expected);
                }
                _ => {
                    prop_assert_eq!(array.copy_from(index, &values).is_ok(), fits);
                    if fits {
                        model[place(index, count)].copy_from_slice(&raw(&values));
                    }
                }
            }
        }
        Op::Slice | Op::CopyWithin | Op::CopyFromArray => {
            let start = size * begin.index(BYTES / size + 1);
            let length = long.index((BYTES - start) / size + 1);
            let array = TypedArray::<T>::new(buffer, start, length).unwrap();
            let (from, to) = (at.index(length + 1), to.index(length + 2));
            let count = many.index(length - from + 1);
            let fits = to + count <= length;
            let source = start + from * size..start + (from + count) * size;
            let outcome = match step.op {
                Op::Slice => {
                    let raw = array.slice(from..from + count).unwrap().into_iter().flat_map(Number::to_bytes);
                    prop_assert_eq!(&raw.collect::<Vec<_>>(), &model[source]);
                    return Ok(());
                }
                Op::CopyWithin => array.copy_within(from..from + count, to),
                _ => array.copy_from_array(to, TypedArray::new(buffer, source.start, count).unwrap()),
            };
            prop_assert_eq!(outcome.is_ok(), fits, "{:?}", step);
            if fits {
                model.copy_within(source, start + to * size);
            }
        }
    }
    Ok(())
}

/// The bytes of a number of this order, in native order; or of one in native order, in this.
fn turned(order: Order, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let is_native = match order {
        Order::Little => cfg!(target_endian = "little"),
        Order::Big => cfg!(target_endian = "big"),
        Order::Native => true,
    };
    if !is_native {
        bytes.reverse();
    }
    bytes
}
