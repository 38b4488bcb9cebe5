//! The promises of typed arrays and `Atomics`, over every origin of memory and for every type of element. Between
//! processes that is in `processes.rs`, against a model in `properties.rs`, against another engine in `../node`.
#![allow(unsafe_code, reason = "foreign memory")]

use crate::support::numbers::Number;
use crate::support::{BYTES, LONG, Memory, OnDrop, SHORT, Watchdog, join_all, sees_sleepers, sleepers, until};
use slotsync::arrays::{Atomics, Float32Array, Int32Array, TypedArray};
use slotsync::{Error, Integer, Scope, SharedBuffer, Wait};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

for_every_number! {
    an_array_knows_where_it_lies
    an_offset_that_is_no_multiple_of_the_size_is_refused
    an_array_beyond_the_end_is_refused
    the_rest_of_a_buffer_is_an_array_if_it_is_even
    an_element_beyond_the_last_is_refused
    elements_lie_in_native_order_one_after_the_other
    what_is_filled_is_filled_and_nothing_else
    a_part_of_an_array_is_an_array_over_the_same_bytes
    copies_are_whole_or_not_made
    the_bits_of_each_value_survive
}

over_every_origin! {
    views_of_all_types_share_the_bytes
    arithmetic_wraps_around
    a_compare_exchange_writes_only_what_it_compared
    an_operation_on_what_is_not_there_changes_nothing
    an_element_is_never_seen_in_parts
    agents_that_add_at_once_lose_nothing
    another_value_is_not_equal_even_after_the_time
    a_wait_ends_not_before_its_time
    a_store_and_a_notify_end_a_wait
    a_notify_wakes_as_many_as_it_says_and_no_neighbour
    views_at_different_offsets_share_their_waiters
    no_operation_wakes_by_itself
    a_notify_publishes_what_was_done_before
}

/// As many elements as the tests take, none of them at either end of the buffer.
const LENGTH: usize = 6;
/// Where they begin: a multiple of all sizes.
const OFFSET: usize = 40;

fn array<T: Number>(memory: &Memory) -> TypedArray<'_, T> {
    TypedArray::new(&memory.buffer, OFFSET, LENGTH).unwrap()
}

fn bytes(memory: &Memory) -> TypedArray<'_, u8> {
    TypedArray::rest(&memory.buffer, 0).unwrap()
}

/// Another value in each byte.
fn pattern(memory: &Memory) -> Vec<u8> {
    let pattern: Vec<u8> = (0..BYTES).map(|place| (place * 7 + 1) as u8).collect();
    bytes(memory).copy_from(0, &pattern).unwrap();
    pattern
}

fn an_array_knows_where_it_lies<T: Number>(memory: &Memory) {
    let size = size_of::<T>();
    assert_eq!(TypedArray::<T>::BYTES_PER_ELEMENT, size);
    for (byte_offset, length) in [(0, 0), (0, 1), (size, 3), (OFFSET, LENGTH), (BYTES, 0), (0, BYTES / size)] {
        let array = TypedArray::<T>::new(&memory.buffer, byte_offset, length).unwrap();
        assert_eq!((array.byte_offset(), array.len(), array.byte_length()), (byte_offset, length, size * length));
        assert_eq!(array.is_empty(), length == 0);
        assert!(std::ptr::eq(array.buffer(), &memory.buffer));
        let name = std::any::type_name::<T>();
        let shown = format!("TypedArray {{ element: {name:?}, byte_offset: {byte_offset}, length: {length} }}");
        assert_eq!(format!("{array:?}"), shown);
    }
    assert!(Atomics::is_lock_free(size));
}

fn an_offset_that_is_no_multiple_of_the_size_is_refused<T: Number>(memory: &Memory) {
    let size = size_of::<T>();
    for byte_offset in (1..size).chain([BYTES - 1, BYTES + 1, usize::MAX]).filter(|offset| offset % size != 0) {
        let error = Error::UnevenOffset { byte_offset, size };
        for length in [0, 1, usize::MAX] {
            assert_eq!(TypedArray::<T>::new(&memory.buffer, byte_offset, length).unwrap_err(), error);
        }
        assert_eq!(TypedArray::<T>::rest(&memory.buffer, byte_offset).unwrap_err(), error);
    }
}

fn an_array_beyond_the_end_is_refused<T: Number>(memory: &Memory) {
    let size = size_of::<T>();
    let last = usize::MAX / size * size;
    for (byte_offset, length) in [
        (0, BYTES / size + 1),
        (size, BYTES / size),
        (BYTES, 1),
        (BYTES + size, 0),
        (BYTES + 8, 1),
        // More bytes than can be counted, and an end that cannot.
        (0, usize::MAX),
        (size, usize::MAX),
        (0, usize::MAX / size),
        (size, usize::MAX / size),
        (last, 0),
        (last, 1),
        (last, usize::MAX),
    ] {
        let found = TypedArray::<T>::new(&memory.buffer, byte_offset, length);
        assert_eq!(found.unwrap_err(), Error::ArrayOutOfBounds { byte_offset, length, size, bytes: BYTES });
    }
}

fn the_rest_of_a_buffer_is_an_array_if_it_is_even<T: Number>(memory: &Memory) {
    let size = size_of::<T>();
    for byte_offset in [0, size, OFFSET, BYTES - size, BYTES] {
        let array = TypedArray::<T>::rest(&memory.buffer, byte_offset).unwrap();
        assert_eq!((array.byte_offset(), array.len()), (byte_offset, (BYTES - byte_offset) / size));
    }
    for byte_offset in [BYTES + size, BYTES + 8 * size, usize::MAX / size * size] {
        let error = Error::ArrayOutOfBounds { byte_offset, length: 0, size, bytes: BYTES };
        assert_eq!(TypedArray::<T>::rest(&memory.buffer, byte_offset).unwrap_err(), error);
    }
    // A length that is a multiple of 4 only.
    let buffer = SharedBuffer::new(12).unwrap();
    for byte_offset in [0, 8] {
        let (bytes, rest) = (12 - byte_offset, TypedArray::<T>::rest(&buffer, byte_offset));
        if size == 8 {
            assert_eq!(rest.unwrap_err(), Error::UnevenRest { bytes, size });
        } else {
            assert_eq!(rest.unwrap().len(), bytes / size);
        }
    }
}

fn an_element_beyond_the_last_is_refused<T: Number>(memory: &Memory) {
    let array = array::<T>(memory);
    let before = pattern(memory);
    for index in [LENGTH, LENGTH + 1, usize::MAX / size_of::<T>(), usize::MAX - 1, usize::MAX] {
        assert_eq!(array.get(index), None);
        assert_eq!(array.set(index, T::of(1)), Err(Error::ElementOutOfRange { index, length: LENGTH }));
    }
    let none = TypedArray::<T>::new(&memory.buffer, 0, 0).unwrap();
    assert_eq!(none.get(0), None);
    assert_eq!(none.set(0, T::of(1)), Err(Error::ElementOutOfRange { index: 0, length: 0 }));
    assert_eq!(none.to_vec(), []);
    none.fill(T::of(1));
    assert_eq!(bytes(memory).to_vec(), before);
}

fn elements_lie_in_native_order_one_after_the_other<T: Number>(memory: &Memory) {
    let (array, size) = (array::<T>(memory), size_of::<T>());
    for value in T::edges() {
        let mut expected = pattern(memory);
        for index in 0..LENGTH {
            let place = OFFSET + index * size;
            assert!(array.get(index).unwrap().is_identical(T::from_bytes(&expected[place..])));
            array.set(index, value).unwrap();
            expected[place..place + size].copy_from_slice(&value.to_bytes());
            assert_eq!(bytes(memory).to_vec(), expected, "and no other byte");
        }
    }
}

fn what_is_filled_is_filled_and_nothing_else<T: Number>(memory: &Memory) {
    for value in T::edges() {
        let mut expected = pattern(memory);
        array(memory).fill(value);
        expected.splice(OFFSET..OFFSET + LENGTH * size_of::<T>(), value.to_bytes().repeat(LENGTH));
        assert_eq!(bytes(memory).to_vec(), expected);
    }
}

fn a_part_of_an_array_is_an_array_over_the_same_bytes<T: Number>(memory: &Memory) {
    let array = array::<T>(memory);
    for index in 0..LENGTH {
        array.set(index, T::of(index as i8)).unwrap();
    }
    for (start, end) in (0..=LENGTH).flat_map(|start| (start..=LENGTH).map(move |end| (start, end))) {
        let part = array.subarray(start..end).unwrap();
        assert_eq!((part.byte_offset(), part.len()), (OFFSET + start * size_of::<T>(), end - start));
        assert_eq!(part.to_vec(), (start..end).map(|index| T::of(index as i8)).collect::<Vec<_>>());
        assert_eq!(part.get(part.len()), None, "not even if there is an element in the whole");
    }
    let part = array.subarray(2..4).unwrap().subarray(1..2).unwrap();
    part.set(0, T::of(77)).unwrap();
    assert_eq!(array.get(3), Some(T::of(77)));
    #[allow(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let backwards = array.subarray(4..1).unwrap();
    assert_eq!((backwards.byte_offset(), backwards.len()), (OFFSET + 4 * size_of::<T>(), 0));
    const MAX: usize = usize::MAX;
    for (start, end, index) in [
        (0, LENGTH + 1, LENGTH),
        (LENGTH, LENGTH + 1, LENGTH),
        (LENGTH + 1, LENGTH + 1, LENGTH + 1),
        (LENGTH + 3, 1, LENGTH + 3),
        (2, LENGTH + 5, LENGTH + 4),
        (0, MAX, MAX - 1),
        (MAX, MAX, MAX),
        (MAX, 0, MAX),
    ] {
        assert_eq!(array.subarray(start..end).unwrap_err(), Error::ElementOutOfRange { index, length: LENGTH });
    }
}

fn copies_are_whole_or_not_made<T: Number>(memory: &Memory) {
    let (array, size) = (array::<T>(memory), size_of::<T>());
    let values: Vec<T> = (0..LENGTH).map(|index| T::of(10 + index as i8)).collect();
    for (index, count) in (0..=LENGTH).flat_map(|index| (0..=LENGTH - index).map(move |count| (index, count))) {
        let mut expected = pattern(memory);
        array.copy_from(index, &values[..count]).unwrap();
        let raw = values[..count].iter().flat_map(|value| value.to_bytes());
        expected.splice(OFFSET + index * size..OFFSET + (index + count) * size, raw);
        assert_eq!(bytes(memory).to_vec(), expected);
        let mut copy = vec![T::of(0); count];
        array.copy_to(index, &mut copy).unwrap();
        assert_eq!(copy, values[..count]);
    }
    let before = pattern(memory);
    for (index, count) in [(1, LENGTH), (LENGTH, 1), (LENGTH - 1, 2), (LENGTH + 1, 0), (usize::MAX, 2), (usize::MAX, 0)]
    {
        // It names the last that was asked for.
        let last = index.max(index.saturating_add(count).saturating_sub(1));
        let error = Error::ElementOutOfRange { index: last, length: LENGTH };
        let mut copy = vec![T::of(3); count];
        assert_eq!(array.copy_from(index, &values[..count]), Err(error.clone()));
        assert_eq!(array.copy_to(index, &mut copy), Err(error));
        assert_eq!(copy, vec![T::of(3); count]);
    }
    assert_eq!(bytes(memory).to_vec(), before);
}

fn the_bits_of_each_value_survive<T: Number>(memory: &Memory) {
    let array = array::<T>(memory);
    for value in T::edges() {
        array.set(1, value).unwrap();
        assert_eq!(array.get(1).unwrap().to_bytes(), value.to_bytes());
        array.copy_from(2, &[value]).unwrap();
        assert_eq!(array.to_vec()[2].to_bytes(), value.to_bytes());
        let mut copy = [T::of(0)];
        array.copy_to(2, &mut copy).unwrap();
        assert_eq!(copy[0].to_bytes(), value.to_bytes());
    }
}

fn views_of_all_types_share_the_bytes(memory: &Memory) {
    let raw: [u8; 8] = [0x80, 1, 2, 0xff, 4, 5, 0x7f, 7];
    TypedArray::<u8>::new(&memory.buffer, 16, 8).unwrap().copy_from(0, &raw).unwrap();
    fn parts<T: Number>(memory: &Memory, raw: &[u8]) {
        let size = size_of::<T>();
        let array = TypedArray::<T>::new(&memory.buffer, 16, raw.len() / size).unwrap();
        let expected: Vec<T> = raw.chunks(size).map(T::from_bytes).collect();
        assert_eq!(array.to_vec(), expected);
    }
    parts::<i8>(memory, &raw);
    parts::<i16>(memory, &raw);
    parts::<u16>(memory, &raw);
    parts::<i32>(memory, &raw);
    parts::<u32>(memory, &raw);
    parts::<f32>(memory, &raw);
    #[cfg(target_has_atomic = "64")]
    {
        parts::<i64>(memory, &raw);
        parts::<u64>(memory, &raw);
        parts::<f64>(memory, &raw);
    }
    // And a slot is an Int32 of them.
    assert_eq!(memory.buffer.slot(5).unwrap().load(Relaxed), i32::from_ne_bytes([4, 5, 0x7f, 7]));
    Float32Array::new(&memory.buffer, 20, 1).unwrap().set(0, 1.5).unwrap();
    assert_eq!(memory.buffer.slot(5).unwrap().load(Relaxed), 1.5_f32.to_bits() as i32);
}

/// The results of the operations on each two of these, computed by other means.
fn arithmetic_wraps_around(memory: &Memory) {
    fn check<T: Number + Integer>(memory: &Memory) {
        let array = array::<T>(memory);
        for (was, value) in T::edges().into_iter().flat_map(|was| T::edges().into_iter().map(move |value| (was, value)))
        {
            type Operation<T> = fn(TypedArray<'_, T>, usize, T) -> Result<T, Error>;
            let operations: [(&str, Operation<T>, T); 6] = [
                ("exchange", Atomics::exchange, value),
                ("add", Atomics::add, was.sum(value)),
                ("sub", Atomics::sub, was.difference(value)),
                ("and", Atomics::and, was & value),
                ("or", Atomics::or, was | value),
                ("xor", Atomics::xor, was ^ value),
            ];
            for (name, operation, becomes) in operations {
                array.fill(was);
                let outcome = (operation(array, 2, value), Atomics::load(array, 2));
                assert_eq!(outcome, (Ok(was), Ok(becomes)), "{name} of {value:?} on {was:?}");
                array.set(2, was).unwrap();
                assert_eq!(array.to_vec(), [was; LENGTH], "{name} touches no neighbour");
            }
            assert_eq!(Atomics::store(array, 2, value), Ok(value), "what was written, not what was there");
            assert_eq!(array.get(2), Some(value));
        }
    }
    check::<i8>(memory);
    check::<u8>(memory);
    check::<i16>(memory);
    check::<u16>(memory);
    check::<i32>(memory);
    check::<u32>(memory);
    #[cfg(target_has_atomic = "64")]
    {
        check::<i64>(memory);
        check::<u64>(memory);
    }
}

fn a_compare_exchange_writes_only_what_it_compared(memory: &Memory) {
    fn check<T: Number + Integer>(memory: &Memory) {
        let array = array::<T>(memory);
        for (was, expected) in T::edges().into_iter().flat_map(|was| T::edges().into_iter().map(move |e| (was, e))) {
            array.set(3, was).unwrap();
            assert_eq!(Atomics::compare_exchange(array, 3, expected, T::of(99)), Ok(was));
            assert_eq!(array.get(3), Some(if was == expected { T::of(99) } else { was }));
        }
    }
    check::<i8>(memory);
    check::<u8>(memory);
    check::<i16>(memory);
    check::<u16>(memory);
    check::<i32>(memory);
    check::<u32>(memory);
    #[cfg(target_has_atomic = "64")]
    {
        check::<i64>(memory);
        check::<u64>(memory);
    }
}

fn an_operation_on_what_is_not_there_changes_nothing(memory: &Memory) {
    let array = array::<i32>(memory);
    let before = pattern(memory);
    for index in [LENGTH, LENGTH + 1, usize::MAX / 4 + 1, usize::MAX] {
        let error = Error::ElementOutOfRange { index, length: LENGTH };
        let outcomes = [
            Atomics::load(array, index),
            Atomics::store(array, index, 1),
            Atomics::exchange(array, index, 1),
            Atomics::compare_exchange(array, index, 0, 1),
            Atomics::add(array, index, 1),
            Atomics::sub(array, index, 1),
            Atomics::and(array, index, 1),
            Atomics::or(array, index, 1),
            Atomics::xor(array, index, 1),
        ];
        assert!(outcomes.iter().all(|outcome| *outcome == Err(error.clone())), "{outcomes:?}");
        // Though the time is out, and nobody is there to be woken.
        assert_eq!(Atomics::wait(array, index, 0, Duration::ZERO), Err(error.clone()));
        assert_eq!(Atomics::notify(array, index, 0), Err(error));
    }
    assert_eq!(bytes(memory).to_vec(), before);
}

/// Two agents write two patterns, plainly and by exchanges; a third sees the one or the other.
fn an_element_is_never_seen_in_parts(memory: &Memory) {
    fn check<T: Number + Integer>(memory: &Memory, patterns: [T; 2]) {
        let array = array::<T>(memory);
        array.set(1, patterns[0]).unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|threads| {
            for (number, pattern) in patterns.into_iter().enumerate() {
                let is_over = &is_over;
                threads.spawn(move || {
                    while !is_over.load(Relaxed) {
                        match number {
                            0 => array.set(1, pattern).unwrap(),
                            _ => assert!(patterns.contains(&Atomics::exchange(array, 1, pattern).unwrap())),
                        }
                    }
                });
            }
            let _over = OnDrop(|| is_over.store(true, Relaxed));
            let (mut last, mut changes) = (patterns[0], 0);
            until("the other pattern was seen often enough", || {
                for _ in 0..100 {
                    let seen = [array.get(1).unwrap(), Atomics::load(array, 1).unwrap(), array.to_vec()[1]];
                    assert!(seen.iter().all(|value| patterns.contains(value)), "{seen:?}");
                    changes += u32::from(seen[0] != std::mem::replace(&mut last, seen[0]));
                }
                changes >= 30
            });
        });
    }
    let _watchdog = Watchdog::new("an_element_is_never_seen_in_parts");
    check(memory, [0x5555_u16, 0xaaaa]);
    check(memory, [0x5555_5555_u32, 0xaaaa_aaaa]);
    #[cfg(target_has_atomic = "64")]
    check(memory, [0x5555_5555_5555_5555_u64, 0xaaaa_aaaa_aaaa_aaaa]);
}

fn agents_that_add_at_once_lose_nothing(memory: &Memory) {
    fn check<T: Number + Integer>(memory: &Memory) {
        let array = array::<T>(memory);
        array.fill(T::of(0));
        thread::scope(|threads| {
            for agent in 0..3 {
                threads.spawn(move || {
                    for _ in 0..1_000 {
                        // Neighbours in one word, too.
                        Atomics::add(array, agent, T::of(3)).unwrap();
                        Atomics::add(array, 3, T::of(3)).unwrap();
                    }
                });
            }
        });
        let sum = |times: usize| (0..times).fold(T::of(0), |sum, _| sum.sum(T::of(3)));
        assert_eq!(array.to_vec()[..4], [sum(1_000), sum(1_000), sum(1_000), sum(3_000)]);
    }
    let _watchdog = Watchdog::new("agents_that_add_at_once_lose_nothing");
    check::<u8>(memory);
    check::<i16>(memory);
    check::<i32>(memory);
    #[cfg(target_has_atomic = "64")]
    check::<u64>(memory);
}

fn another_value_is_not_equal_even_after_the_time(memory: &Memory) {
    let _watchdog = Watchdog::new("another_value_is_not_equal_even_after_the_time");
    let array = array(memory);
    for (holds, value) in [(0, 1), (1, 0), (-1, i32::MAX), (i32::MIN, 0)] {
        array.set(2, holds).unwrap();
        for timeout in [Duration::ZERO, SHORT, LONG, Duration::MAX] {
            assert_eq!(Atomics::wait(array, 2, value, timeout), Ok(Wait::NotEqual));
        }
        assert_eq!(Atomics::wait(array, 2, holds, Duration::ZERO), Ok(Wait::TimedOut));
        assert_eq!(array.get(2), Some(holds), "a wait never writes");
    }
}

fn a_wait_ends_not_before_its_time(memory: &Memory) {
    let _watchdog = Watchdog::new("a_wait_ends_not_before_its_time");
    for timeout in [Duration::from_nanos(1), Duration::from_micros(999), SHORT] {
        let start = Instant::now();
        if Atomics::wait(array(memory), 2, 0, timeout) == Ok(Wait::TimedOut) {
            assert!(start.elapsed() >= timeout);
        }
    }
}

fn a_store_and_a_notify_end_a_wait(memory: &Memory) {
    let _watchdog = Watchdog::new("a_store_and_a_notify_end_a_wait");
    let array = array(memory);
    for timeout in [Duration::MAX, LONG] {
        array.fill(0);
        thread::scope(|threads| {
            let waiters = sleepers(threads, 3, move || {
                while Atomics::load(array, 2).unwrap() == 0 {
                    assert_ne!(Atomics::wait(array, 2, 0, timeout), Ok(Wait::TimedOut));
                }
            });
            Atomics::store(array, 2, 1).unwrap();
            let woken = Atomics::notify(array, 2, u32::MAX).unwrap();
            assert!(woken.is_none_or(|woken| woken <= 3), "{woken:?}");
            join_all(waiters);
        });
    }
}

/// A number of threads sleep on an element. Each notify by that array has a count and then wakes the given number.
fn assert_notifies(sleeping: (Int32Array<'_>, usize), number: usize, notifies: &[(Int32Array<'_>, usize, u32, u32)]) {
    if !sees_sleepers() {
        return;
    }
    let (array, index) = sleeping;
    loop {
        array.set(index, 0).unwrap();
        let start = Instant::now();
        let woken: Vec<_> = thread::scope(|threads| {
            let waiters = sleepers(threads, number, move || Atomics::wait(array, index, 0, LONG).unwrap());
            let woken = notifies.iter().map(|&(array, index, count, _)| Atomics::notify(array, index, count).unwrap());
            let woken = woken.collect();
            // Those who are left.
            Atomics::store(array, index, 1).unwrap();
            Atomics::notify(array, index, u32::MAX).unwrap();
            assert!(join_all(waiters).iter().all(|outcome| *outcome != Wait::TimedOut));
            woken
        });
        // If this took so long that a sleeper may have been between two slices of its sleep, then once more.
        if start.elapsed() < Duration::from_millis(500) {
            let expected: Vec<_> = notifies.iter().map(|(_, _, _, woken)| Some(*woken)).collect();
            assert_eq!(woken, expected, "of {number} sleepers");
            return;
        }
    }
}

fn a_notify_wakes_as_many_as_it_says_and_no_neighbour(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_wakes_as_many_as_it_says_and_no_neighbour");
    let array = array(memory);
    let here = (array, 2);
    let notify = |index, count, woken| (array, index, count, woken);
    assert_notifies(here, 1, &[notify(2, 1, 1), notify(2, 1, 0)]);
    assert_notifies(here, 4, &[notify(2, 1, 1), notify(2, 2, 2), notify(2, u32::MAX, 1), notify(2, u32::MAX, 0)]);
    assert_notifies(here, 3, &[notify(2, 0, 0), notify(2, u32::MAX, 3), notify(2, 1, 0)]);
    assert_notifies(here, 2, &[notify(2, i32::MAX as u32 + 1, 2)]);
    assert_notifies(here, 2, &[notify(1, u32::MAX, 0), notify(3, u32::MAX, 0), notify(0, 1, 0), notify(2, 3, 2)]);
}

fn views_at_different_offsets_share_their_waiters(memory: &Memory) {
    let _watchdog = Watchdog::new("views_at_different_offsets_share_their_waiters");
    let at = |byte_offset| Int32Array::new(&memory.buffer, byte_offset, 16).unwrap();
    let (low, high) = (at(32), at(44));
    assert_notifies((low, 5), 2, &[(high, 5, 9, 0), (high, 2, 1, 1), (low, 5, 9, 1)]);
    assert_notifies((high, 2), 2, &[(high.subarray(2..3).unwrap(), 0, 9, 2), (low, 5, 9, 0)]);
    #[cfg(unix)]
    if let Some(again) = memory.again() {
        let there = Int32Array::new(&again, 44, 16).unwrap();
        assert_notifies((low, 5), 2, &[(there, 2, 1, 1), (there, 2, 9, 1)]);
    }
    // And with who sleeps on the slot itself.
    let slot = memory.buffer.slot(13).unwrap();
    slot.store(0, Relaxed);
    thread::scope(|threads| {
        let waiters = sleepers(threads, 1, move || {
            while slot.load(Relaxed) == 0 {
                let _ = slot.wait(0);
            }
        });
        Atomics::store(low, 5, 1).unwrap();
        Atomics::notify(low, 5, 1).unwrap();
        join_all(waiters);
    });
}

fn no_operation_wakes_by_itself(memory: &Memory) {
    let _watchdog = Watchdog::new("no_operation_wakes_by_itself");
    let array = array::<i32>(memory);
    array.fill(0);
    thread::scope(|threads| {
        let waiter = threads.spawn(move || Atomics::wait(array, 2, 0, SHORT).unwrap());
        // The sum of the changes is none, and a waiter that comes late sees another value at most.
        while !waiter.is_finished() {
            Atomics::add(array, 2, 1).unwrap();
            Atomics::sub(array, 2, 1).unwrap();
            Atomics::store(array, 2, 0).unwrap();
            array.set(2, 0).unwrap();
            Atomics::xor(array, 2, 0).unwrap();
            Atomics::exchange(array, 2, 0).unwrap();
        }
        let outcome = waiter.join().unwrap();
        // Linux has a reason for each wakeup.
        assert!(outcome != Wait::Woken || cfg!(not(target_os = "linux")), "{outcome:?}");
    });
}

/// The element that is waited for stays as it is: only the notify can have told.
fn a_notify_publishes_what_was_done_before(memory: &Memory) {
    let _watchdog = Watchdog::new("a_notify_publishes_what_was_done_before");
    let array = array::<i32>(memory);
    for round in 1..=20 {
        let seen = AtomicI32::new(0);
        thread::scope(|threads| {
            let seen = &seen;
            let waiter = threads.spawn(move || {
                while Atomics::wait(array, 2, 0, LONG).unwrap() != Wait::Woken {}
                seen.store(array.get(4).unwrap(), Relaxed);
            });
            array.set(4, round).unwrap();
            until("the waiter is woken", || {
                Atomics::notify(array, 2, 1).unwrap();
                waiter.is_finished()
            });
        });
        assert_eq!(seen.into_inner(), round);
    }
}

#[test]
fn foreign_memory_at_an_odd_word_has_no_longer_elements() {
    let layout = Layout::from_size_align(64, 64).unwrap();
    // SAFETY: of a size.
    let base = unsafe { alloc_zeroed(layout) };
    // SAFETY: 16 words, which nobody else knows, and which outlive the buffer.
    let buffer = unsafe { SharedBuffer::from_raw_parts(base.add(4), 56, Scope::Private) }.unwrap();
    fn attach<T: Number>(buffer: &SharedBuffer) {
        let arrays = [TypedArray::<T>::new(buffer, 0, 2), TypedArray::new(buffer, 8, 0), TypedArray::rest(buffer, 0)];
        for array in arrays {
            if size_of::<T>() == 8 {
                let Err(Error::Misaligned { address, align: 8 }) = array else { panic!("{array:?}") };
                assert_eq!(address % 8, 4);
            } else {
                array.unwrap().fill(T::of(1));
            }
        }
    }
    attach::<i8>(&buffer);
    attach::<u16>(&buffer);
    attach::<i32>(&buffer);
    attach::<f32>(&buffer);
    #[cfg(target_has_atomic = "64")]
    {
        attach::<i64>(&buffer);
        attach::<u64>(&buffer);
        attach::<f64>(&buffer);
    }
    drop(buffer);
    // SAFETY: from above, and nobody uses it any more.
    unsafe { dealloc(base, layout) };
}

#[test]
fn elements_of_any_other_size_are_not_lock_free() {
    let sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, usize::MAX];
    let free: Vec<_> = sizes.into_iter().filter(|bytes| Atomics::is_lock_free(*bytes)).collect();
    assert_eq!(free, if cfg!(target_has_atomic = "64") { vec![1, 2, 4, 8] } else { vec![1, 2, 4] });
    Atomics::pause();
}
