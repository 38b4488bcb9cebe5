//! The promises of copies of bytes and of elements, over every origin of memory. Between processes that is in
//! `data_view/processes.rs`, against a model in `data_view/properties.rs`; where a copy can be seen half done, in
//! `tearing.rs`.

use crate::support::numbers::Number;
use crate::support::{BYTES, Memory, OnDrop, Watchdog, until};
use slotsync::arrays::TypedArray;
use slotsync::{Error, SharedBuffer};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

over_every_origin! {
    a_range_of_bytes_is_copied_wherever_it_begins_and_ends
    a_range_beyond_the_end_is_refused_whole
    a_slot_that_lies_whole_in_the_range_is_never_seen_in_parts
    a_copy_beside_a_neighbour_does_not_take_back_what_it_wrote
}

for_every_number! {
    a_slice_is_a_copy
    each_element_is_read_in_its_turn
    a_copy_within_an_array_goes_right_however_it_overlaps
    a_copy_of_an_array_goes_right_however_it_overlaps
    a_copy_that_does_not_fit_changes_nothing
}

/// As far as the copies of bytes go here: a few slots.
const SOME: usize = 24;
/// As many elements as an array has.
const LENGTH: usize = 7;
/// Where it begins: a multiple of all sizes.
const OFFSET: usize = 40;

/// The bytes that are looked at: these, from the start of the buffer.
const PART: usize = 128;

fn bytes(memory: &Memory) -> TypedArray<'_, u8> {
    TypedArray::new(&memory.buffer, 0, PART).unwrap()
}

/// Another value in each byte.
fn pattern(bytes: TypedArray<'_, u8>) -> Vec<u8> {
    let pattern: Vec<u8> = (0..bytes.len()).map(|place| (place * 7 + 1) as u8).collect();
    bytes.copy_from(0, &pattern).unwrap();
    pattern
}

/// Numbers from `first` on.
fn numbers<T: Number>(first: i8, count: usize) -> Vec<T> {
    (first..).map(T::of).take(count).collect()
}

/// An array of other numbers than its place is full of.
fn array<T: Number>(buffer: &SharedBuffer) -> TypedArray<'_, T> {
    let array = TypedArray::new(buffer, OFFSET, LENGTH).unwrap();
    array.copy_from(0, &numbers(1, LENGTH)).unwrap();
    array
}

fn every_range() -> impl Iterator<Item = (usize, usize)> {
    (0..=SOME).flat_map(|start| (start..=SOME).map(move |end| (start, end - start)))
}

fn a_range_of_bytes_is_copied_wherever_it_begins_and_ends(memory: &Memory) {
    // At the start of the buffer and at its end.
    for base in [0, BYTES - SOME] {
        let around = TypedArray::new(&memory.buffer, base, SOME).unwrap();
        for (start, count) in every_range() {
            let mut expected = pattern(around);
            let mut copy = vec![0; count];
            memory.buffer.read_bytes(base + start, &mut copy).unwrap();
            assert_eq!(copy, expected[start..start + count]);
            copy.iter_mut().for_each(|byte| *byte ^= 0xff);
            memory.buffer.write_bytes(base + start, &copy).unwrap();
            expected[start..start + count].copy_from_slice(&copy);
            assert_eq!(around.to_vec(), expected, "{start}, {count}: and no other byte");
        }
    }
}

fn a_range_beyond_the_end_is_refused_whole(memory: &Memory) {
    let before = pattern(bytes(memory));
    for (byte_offset, count) in
        [(BYTES, 1), (BYTES - 3, 4), (BYTES + 1, 0), (0, BYTES + 1), (usize::MAX, 0), (usize::MAX, 1), (usize::MAX, 9)]
    {
        let error = Error::BytesOutOfBounds { byte_offset, count, bytes: BYTES };
        let mut copy = vec![3; count];
        assert_eq!(memory.buffer.read_bytes(byte_offset, &mut copy), Err(error.clone()));
        assert_eq!(copy, vec![3; count]);
        assert_eq!(memory.buffer.write_bytes(byte_offset, &copy), Err(error));
    }
    assert_eq!(bytes(memory).to_vec(), before);
    memory.buffer.read_bytes(BYTES, &mut []).unwrap();
    memory.buffer.write_bytes(BYTES, &[]).unwrap();
    let said = memory.buffer.write_bytes(BYTES - 3, b"four").unwrap_err().to_string();
    assert_eq!(said, "4 bytes from byte 4093 are out of bounds: there are 4096 bytes");
}

/// Others write the slots as slots, or copy a range of the same ends: all these accesses are of one size.
fn a_slot_that_lies_whole_in_the_range_is_never_seen_in_parts(memory: &Memory) {
    let _watchdog = Watchdog::new("a_slot_that_lies_whole_in_the_range_is_never_seen_in_parts");
    const PATTERNS: [u8; 2] = [0x55, 0xaa];
    const AT: usize = 32;
    memory.buffer.write_bytes(AT, &[PATTERNS[0]; 16]).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Relaxed) {
                for pattern in PATTERNS {
                    memory.buffer.write_bytes(AT, &[pattern; 16]).unwrap();
                }
            }
        });
        threads.spawn(|| {
            while !is_over.load(Relaxed) {
                for (slot, pattern) in memory.buffer.slots(AT / 4..AT / 4 + 4).unwrap().into_iter().zip(PATTERNS) {
                    slot.store(i32::from_ne_bytes([pattern; 4]), Relaxed);
                }
            }
        });
        let _over = OnDrop(|| is_over.store(true, Relaxed));
        let (mut last, mut changes) = (PATTERNS[0], 0);
        until("the other pattern was seen often enough", || {
            for _ in 0..100 {
                let mut copy = [0; 16];
                memory.buffer.read_bytes(AT, &mut copy).unwrap();
                for slot in copy.chunks(4) {
                    assert!(PATTERNS.iter().any(|pattern| slot == [*pattern; 4]), "{copy:x?}");
                }
                changes += u32::from(copy[0] != std::mem::replace(&mut last, copy[0]));
            }
            changes >= 30
        });
    });
}

/// Two ranges that meet within a slot are apart all the same.
fn a_copy_beside_a_neighbour_does_not_take_back_what_it_wrote(memory: &Memory) {
    const TURNS: u8 = 200;
    let turns = |byte_offset: usize, count: usize| {
        let mut copy = vec![0; count];
        for turn in 1..=TURNS {
            memory.buffer.write_bytes(byte_offset, &vec![turn; count]).unwrap();
            memory.buffer.read_bytes(byte_offset, &mut copy).unwrap();
            assert_eq!(copy, vec![turn; count], "from {byte_offset} on");
        }
    };
    thread::scope(|threads| {
        threads.spawn(|| turns(5, 9));
        threads.spawn(|| turns(14, 1));
        turns(15, 6);
    });
}

fn a_slice_is_a_copy<T: Number>(memory: &Memory) {
    let all = numbers::<T>(1, LENGTH);
    for (start, end) in (0..=LENGTH).flat_map(|start| (start..=LENGTH).map(move |end| (start, end))) {
        let array = array::<T>(&memory.buffer);
        let slice = array.slice(start..end).unwrap();
        array.fill(T::of(99));
        assert_eq!(slice, all[start..end]);
    }
    let array = array::<T>(&memory.buffer);
    #[allow(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let backwards = array.slice(4..1).unwrap();
    assert_eq!(backwards, []);
    let error = Error::ElementOutOfRange { index: LENGTH, length: LENGTH };
    assert_eq!(array.slice(2..LENGTH + 1), Err(error));
}

fn each_element_is_read_in_its_turn<T: Number>(memory: &Memory) {
    let array = array::<T>(&memory.buffer);
    // Of the array, which is a handle: the iterator outlives it.
    let mut elements = { array }.iter();
    assert_eq!(elements.next(), array.get(0));
    array.set(1, T::of(99)).unwrap();
    assert_eq!(elements.next(), Some(T::of(99)));
    assert_eq!(elements.count(), LENGTH - 2);
}

fn a_copy_within_an_array_goes_right_however_it_overlaps<T: Number>(memory: &Memory) {
    for (start, end) in (0..=LENGTH).flat_map(|start| (start..=LENGTH).map(move |end| (start, end))) {
        for to in 0..=LENGTH - (end - start) {
            let mut expected = pattern(bytes(memory));
            let mut elements = numbers::<T>(1, LENGTH);
            elements.copy_within(start..end, to);
            array::<T>(&memory.buffer).copy_within(start..end, to).unwrap();
            let raw = elements.iter().flat_map(|element| element.to_bytes());
            expected.splice(OFFSET..OFFSET + LENGTH * size_of::<T>(), raw);
            assert_eq!(bytes(memory).to_vec(), expected, "{start}..{end} to {to}, and no other byte");
        }
    }
    // The bits of a value, whichever it is.
    for value in T::edges() {
        let array = array::<T>(&memory.buffer);
        array.set(2, value).unwrap();
        array.copy_within(2..3, 5).unwrap();
        array.copy_from_array(0, array.subarray(5..6).unwrap()).unwrap();
        for copy in [array.slice(5..6).unwrap()[0], array.get(0).unwrap()] {
            assert_eq!(copy.to_bytes(), value.to_bytes());
        }
    }
}

/// Of one buffer, of two over the same memory, and of two that have nothing to do with each other.
fn a_copy_of_an_array_goes_right_however_it_overlaps<T: Number>(memory: &Memory) {
    let size = size_of::<T>();
    #[cfg(unix)]
    let again = memory.again();
    #[cfg(not(unix))]
    let again = None;
    for buffer in [Some(&memory.buffer), again.as_ref()].into_iter().flatten() {
        for (from, count) in (0..LENGTH).flat_map(|from| (0..=LENGTH - from).map(move |count| (from, count))) {
            for to in 0..=LENGTH - count {
                let into = array::<T>(&memory.buffer);
                let source = TypedArray::new(buffer, OFFSET + from * size, count).unwrap();
                into.copy_from_array(to, source).unwrap();
                let mut expected = numbers::<T>(1, LENGTH);
                expected.copy_within(from..from + count, to);
                assert_eq!(into.to_vec(), expected, "{count} from {from} to {to}");
            }
        }
    }
    let other = SharedBuffer::new(64).unwrap();
    let source = TypedArray::<T>::new(&other, 8, 3).unwrap();
    source.copy_from(0, &numbers(50, 3)).unwrap();
    let into = array::<T>(&memory.buffer);
    into.copy_from_array(LENGTH - 3, source).unwrap();
    assert_eq!(into.to_vec(), [numbers::<T>(1, LENGTH - 3), numbers(50, 3)].concat());
}

fn a_copy_that_does_not_fit_changes_nothing<T: Number>(memory: &Memory) {
    let array = array::<T>(&memory.buffer);
    let before = bytes(memory).to_vec();
    let beyond = |index| Err(Error::ElementOutOfRange { index, length: LENGTH });
    assert_eq!(array.copy_within(0..LENGTH + 2, 0), beyond(LENGTH + 1));
    assert_eq!(array.copy_within(0..3, LENGTH - 2), beyond(LENGTH));
    assert_eq!(array.copy_within(0..1, usize::MAX), beyond(usize::MAX));
    assert_eq!(array.copy_within(1..1, LENGTH + 1), beyond(LENGTH + 1));
    assert_eq!(array.copy_from_array(1, array), beyond(LENGTH));
    assert_eq!(array.copy_from_array(usize::MAX, array), beyond(usize::MAX));
    assert_eq!(array.copy_from_array(LENGTH + 1, array.subarray(0..0).unwrap()), beyond(LENGTH + 1));
    assert_eq!(bytes(memory).to_vec(), before);
    array.copy_within(2..2, LENGTH).unwrap();
    array.copy_from_array(LENGTH, array.subarray(LENGTH..LENGTH).unwrap()).unwrap();
    assert_eq!(bytes(memory).to_vec(), before);
}
