//! Sequences of calls on a buffer that grows, and on arrays that grow with it, against a vector that does.

use crate::support::Watchdog;
use crate::support::kept::Kept;
use crate::support::properties::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use slotsync::arrays::{Atomics, DataView, TypedArray};
use slotsync::{BufferOptions, Error, MemoryError, SharedBuffer};
use std::sync::atomic::Ordering::Relaxed;

/// Few, so that lengths are met again.
const MAX: usize = 160;

#[derive(Clone, Debug)]
enum Op {
    /// To this number of bytes, or a little beyond the maximum.
    Grow(usize),
    Lengths,
    Get(Index),
    Set(Index, u16),
    Add(Index, u16),
    Slot(Index, i32),
    Fill(u8),
    CopyFrom(Index, Vec<u8>),
    Subarray(Index, Index),
    /// By a view of the rest: a number, and bytes.
    View(Index, u32),
    Bytes(Index, Vec<u8>),
    Again,
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    prop_oneof![
        3 => (0..MAX + 20).prop_map(Op::Grow),
        3 => (0..MAX / 4 + 2).prop_map(|slots| Op::Grow(4 * slots)),
        1 => Just(Op::Lengths),
        1 => index().prop_map(Op::Get),
        1 => (index(), any::<u16>()).prop_map(|(index, value)| Op::Set(index, value)),
        1 => (index(), any::<u16>()).prop_map(|(index, value)| Op::Add(index, value)),
        1 => (index(), any::<i32>()).prop_map(|(index, value)| Op::Slot(index, value)),
        1 => any::<u8>().prop_map(Op::Fill),
        1 => (index(), vec(any::<u8>(), 0..9)).prop_map(|(index, values)| Op::CopyFrom(index, values)),
        1 => (index(), index()).prop_map(|(start, end)| Op::Subarray(start, end)),
        1 => (index(), any::<u32>()).prop_map(|(index, value)| Op::View(index, value)),
        1 => (index(), vec(any::<u8>(), 0..9)).prop_map(|(index, values)| Op::Bytes(index, values)),
        1 => Just(Op::Again),
    ]
}

/// A way to make it, and to have it once more.
type Make = fn(&Kept, BufferOptions, usize) -> SharedBuffer;
type Again = fn(&Kept, &SharedBuffer) -> Option<SharedBuffer>;

fn check(name: &'static str, kept: impl Fn() -> Kept, make: Make, again: Again) {
    let _watchdog = Watchdog::new(name);
    let run = |(slots, ops): (usize, Vec<Op>)| {
        let kept = kept();
        let buffer = make(&kept, BufferOptions::new().max_byte_length(MAX), 4 * slots);
        run(&buffer, 4 * slots, ops, || again(&kept, &buffer))
    };
    TestRunner::new(cases(128)).run(&(1..=MAX / 4, vec(op(), 0..60)), run).unwrap();
}

/// Does the calls by the crate, and to the model what they say.
fn run(
    buffer: &SharedBuffer,
    first: usize,
    ops: Vec<Op>,
    again: impl Fn() -> Option<SharedBuffer>,
) -> Result<(), TestCaseError> {
    let mut model = vec![0_u8; first];
    let bytes = TypedArray::<u8>::rest(buffer, 0).unwrap();
    let halves = TypedArray::<u16>::rest(buffer, 2).unwrap();
    let fixed = TypedArray::<u8>::new(buffer, 0, first).unwrap();
    let view = DataView::rest(buffer, 1).unwrap();
    for op in ops {
        let (length, count) = (model.len(), (model.len() - 2) / 2);
        let at = |index: &Index| index.index(count + 2);
        match &op {
            &Op::Grow(to) => {
                let (asked, most) = (to as u64, MAX as u64);
                let expected = match to {
                    _ if to % 4 != 0 => Err(MemoryError::UnevenLength { bytes: asked }),
                    _ if to > MAX => Err(MemoryError::TooLarge { bytes: asked, max: most }),
                    _ if to < length => Err(MemoryError::WouldShrink { bytes: asked, length: length as u64 }),
                    _ => Ok(()),
                };
                if expected.is_ok() {
                    model.resize(to, 0);
                }
                prop_assert_eq!(buffer.grow(to), expected);
            }
            Op::Lengths => {
                prop_assert_eq!((buffer.byte_length(), buffer.max_byte_length()), (length, MAX));
                prop_assert_eq!((bytes.len(), halves.len(), halves.byte_length()), (length, count, 2 * count));
                prop_assert_eq!((fixed.len(), fixed.to_vec()), (first, model[..first].to_vec()));
                prop_assert_eq!(buffer.slots(..).unwrap().len(), length / 4);
            }
            Op::Get(index) => {
                let index = at(index);
                let expected = (index < count).then(|| half(&model, index));
                prop_assert_eq!(halves.get(index), expected);
            }
            Op::Set(index, value) => {
                let index = at(index);
                prop_assert_eq!(halves.set(index, *value).is_ok(), index < count);
                if index < count {
                    model[2 + 2 * index..][..2].copy_from_slice(&value.to_ne_bytes());
                }
            }
            Op::Add(index, value) => {
                let index = at(index);
                let found = (index < count).then(|| half(&model, index));
                let expected = found.ok_or(Error::ElementOutOfRange { index, length: count });
                prop_assert_eq!(Atomics::add(halves, index, *value), expected);
                if let Some(found) = found {
                    model[2 + 2 * index..][..2].copy_from_slice(&found.wrapping_add(*value).to_ne_bytes());
                }
            }
            Op::Slot(index, value) => {
                let index = index.index(length / 4 + 2);
                let slot = buffer.slot(index);
                prop_assert_eq!(slot.is_ok(), index < length / 4);
                if let Ok(slot) = slot {
                    let word = &mut model[4 * index..][..4];
                    prop_assert_eq!(slot.swap(*value, Relaxed).to_ne_bytes(), &*word);
                    word.copy_from_slice(&value.to_ne_bytes());
                }
            }
            Op::Fill(value) => {
                bytes.fill(*value);
                model.fill(*value);
            }
            Op::CopyFrom(index, values) => {
                let index = index.index(length + 2);
                let fits = index + values.len() <= length;
                prop_assert_eq!(bytes.copy_from(index, values).is_ok(), fits);
                if fits {
                    model[index..][..values.len()].copy_from_slice(values);
                }
            }
            Op::Subarray(start, end) => {
                let (start, end) = (start.index(length + 2), end.index(length + 2));
                let part = bytes.subarray(start..end);
                prop_assert_eq!(part.is_ok(), start.max(end) <= length);
                if let Ok(part) = part {
                    prop_assert_eq!(part.to_vec(), model.get(start..end).unwrap_or_default());
                }
            }
            Op::View(index, value) => {
                let at = index.index(length + 2);
                let there = (at + 5 <= length).then(|| 1 + at..at + 5);
                let error = Error::BytesOutOfBounds { byte_offset: at, count: 4, bytes: length - 1 };
                let expected = there.clone().map(|there| u32::from_be_bytes(model[there].try_into().unwrap()));
                prop_assert_eq!(view.get_be(at), expected.ok_or(error));
                prop_assert_eq!(view.set_le(at, *value).is_ok(), there.is_some());
                if let Some(there) = there {
                    model[there].copy_from_slice(&value.to_le_bytes());
                }
            }
            Op::Bytes(index, values) => {
                let at = index.index(length + 2);
                let there = (at + values.len() < length).then(|| 1 + at..1 + at + values.len());
                let mut found = values.clone();
                prop_assert_eq!(view.read_bytes(at, &mut found).is_ok(), there.is_some());
                prop_assert_eq!(&found[..], there.clone().map_or(&values[..], |there| &model[there]));
                prop_assert_eq!(buffer.write_bytes(at + 1, values).is_ok(), there.is_some());
                if let Some(there) = there {
                    model[there].copy_from_slice(values);
                }
            }
            Op::Again => {
                if let Some(again) = again() {
                    prop_assert_eq!((again.byte_length(), again.max_byte_length()), (length, MAX));
                    prop_assert_eq!(TypedArray::<u8>::rest(&again, 0).unwrap().to_vec(), &model[..]);
                }
            }
        }
        prop_assert_eq!(bytes.to_vec(), &model[..], "after {:?}", op);
    }
    Ok(())
}

/// The element at `index` of the array that begins at byte 2.
fn half(model: &[u8], index: usize) -> u16 {
    u16::from_ne_bytes(model[2 + 2 * index..][..2].try_into().unwrap())
}

#[cfg(unix)]
fn by_descriptor(_: &Kept, buffer: &SharedBuffer) -> Option<SharedBuffer> {
    let descriptor = buffer.as_fd()?.try_clone_to_owned().unwrap();
    Some(SharedBuffer::from_fd(descriptor).unwrap())
}

#[test]
fn memory_of_the_heap_grows_as_its_model_does() {
    let make: Make = |_, options, bytes| options.heap(bytes).unwrap();
    check("memory_of_the_heap_grows_as_its_model_does", Kept::named, make, |_, _| None);
}

#[test]
#[cfg(unix)]
fn anonymous_memory_grows_as_its_model_does() {
    let make: Make = |_, options, bytes| options.anonymous(bytes).unwrap();
    check("anonymous_memory_grows_as_its_model_does", Kept::named, make, |_, _| None);
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn a_memfd_grows_as_its_model_does() {
    let make: Make = |_, options, bytes| options.memfd(bytes).unwrap();
    check("a_memfd_grows_as_its_model_does", Kept::named, make, by_descriptor);
}

#[test]
#[cfg(target_os = "linux")]
fn a_named_object_grows_as_its_model_does() {
    let make: Make = |kept, options, bytes| kept.create_with(options, bytes).unwrap();
    check("a_named_object_grows_as_its_model_does", Kept::named, make, |kept, _| Some(kept.open().unwrap()));
}

#[test]
#[cfg(unix)]
fn a_file_grows_as_its_model_does() {
    let make: Make = |kept, options, bytes| kept.create_with(options, bytes).unwrap();
    check("a_file_grows_as_its_model_does", Kept::file, make, |kept, _| Some(kept.open().unwrap()));
}
