//! The promises of a view of numbers at any byte, over every origin of memory and for every type of number. Between
//! processes that is in `processes.rs`, against a model in `properties.rs`; that it tears, in `../tearing.rs`.
#![allow(unsafe_code, reason = "foreign memory")]

use crate::support::numbers::Number;
use crate::support::{BYTES, Memory};
use slotsync::arrays::{DataView, TypedArray};
use slotsync::{Error, Scope, SharedBuffer};
use std::sync::atomic::AtomicI32;

for_every_number! {
    a_number_lies_at_any_byte_in_the_order_that_is_said
    the_native_order_is_that_of_a_typed_array
    the_bits_of_each_value_survive
    a_number_beyond_the_view_is_refused
}

over_every_origin! {
    a_view_knows_where_it_lies
    a_view_beyond_the_buffer_is_refused
}

/// Where the view begins: where no element of more than a byte could.
const OFFSET: usize = 41;
/// As many bytes as it has: some more than a number of 8 at any of 8 offsets takes.
const LENGTH: usize = 19;

fn view(memory: &Memory) -> DataView<'_> {
    DataView::new(&memory.buffer, OFFSET, LENGTH).unwrap()
}

/// The bytes of the view, and some on either side.
fn around(memory: &Memory) -> TypedArray<'_, u8> {
    TypedArray::new(&memory.buffer, OFFSET - 8, LENGTH + 16).unwrap()
}

/// Another value in each of them.
fn pattern(memory: &Memory) -> Vec<u8> {
    let pattern: Vec<u8> = (0..around(memory).len()).map(|place| (place * 7 + 1) as u8).collect();
    around(memory).copy_from(0, &pattern).unwrap();
    pattern
}

fn a_number_lies_at_any_byte_in_the_order_that_is_said<T: Number>(memory: &Memory) {
    let size = size_of::<T>();
    // Told by Rust's own conversion to bytes, as it is on a machine of this order.
    let as_little = |value: T| {
        let mut bytes = value.to_bytes();
        if cfg!(target_endian = "big") {
            bytes.reverse();
        }
        bytes
    };
    for (value, byte_offset) in T::edges().into_iter().flat_map(|value| (0..=LENGTH - size).map(move |at| (value, at)))
    {
        let (view, place) = (view(memory), 8 + byte_offset..8 + byte_offset + size);
        let (mut little, mut big) = (pattern(memory), pattern(memory));
        little.splice(place.clone(), as_little(value));
        big.splice(place, as_little(value).into_iter().rev());

        view.set_le(byte_offset, value).unwrap();
        assert_eq!(around(memory).to_vec(), little, "and no other byte");
        assert!(view.get_le::<T>(byte_offset).unwrap().is_identical(value));
        let turned = as_little(view.get_be::<T>(byte_offset).unwrap());
        // But not of a float: what the bytes in the wrong order make may be a NaN, and another one than they were.
        assert!(T::IS_FLOAT || turned.into_iter().rev().eq(as_little(value)));

        pattern(memory);
        view.set_be(byte_offset, value).unwrap();
        assert_eq!(around(memory).to_vec(), big, "and no other byte");
        assert!(view.get_be::<T>(byte_offset).unwrap().is_identical(value));
    }
}

fn the_native_order_is_that_of_a_typed_array<T: Number>(memory: &Memory) {
    let (array, all) = (TypedArray::<T>::rest(&memory.buffer, 48).unwrap(), DataView::rest(&memory.buffer, 3).unwrap());
    for value in T::edges() {
        array.set(2, value).unwrap();
        let byte_offset = 48 - 3 + 2 * size_of::<T>();
        assert!(all.get_ne::<T>(byte_offset).unwrap().is_identical(value));
        all.set_ne(byte_offset + size_of::<T>(), value).unwrap();
        assert!(array.get(3).unwrap().is_identical(value));
    }
}

fn the_bits_of_each_value_survive<T: Number>(memory: &Memory) {
    let view = view(memory);
    for value in T::edges() {
        view.set_le(1, value).unwrap();
        assert_eq!(view.get_le::<T>(1).unwrap().to_bytes(), value.to_bytes());
        view.set_be(2, value).unwrap();
        assert_eq!(view.get_be::<T>(2).unwrap().to_bytes(), value.to_bytes());
        view.set_ne(3, value).unwrap();
        assert_eq!(view.get_ne::<T>(3).unwrap().to_bytes(), value.to_bytes());
    }
}

fn a_number_beyond_the_view_is_refused<T: Number>(memory: &Memory) {
    let (count, before) = (size_of::<T>(), pattern(memory));
    for byte_offset in [LENGTH - count + 1, LENGTH, LENGTH + 1, usize::MAX - count + 1, usize::MAX - OFFSET, usize::MAX]
    {
        let (view, value) = (view(memory), T::of(1));
        let error = Error::BytesOutOfBounds { byte_offset, count, bytes: LENGTH };
        for found in [view.get_le::<T>(byte_offset), view.get_be(byte_offset), view.get_ne(byte_offset)] {
            assert_eq!(found, Err(error.clone()), "though the buffer is longer");
        }
        let sets = [DataView::set_le::<T>, DataView::set_be::<T>, DataView::set_ne::<T>];
        for set in sets {
            assert_eq!(set(&view, byte_offset, value), Err(error.clone()));
        }
    }
    let none = DataView::new(&memory.buffer, OFFSET, 0).unwrap();
    assert_eq!(none.get_le::<T>(0), Err(Error::BytesOutOfBounds { byte_offset: 0, count, bytes: 0 }));
    assert_eq!(around(memory).to_vec(), before);
}

fn a_view_knows_where_it_lies(memory: &Memory) {
    for (byte_offset, byte_length) in [(0, 0), (0, 1), (1, 2), (OFFSET, LENGTH), (BYTES, 0), (1, BYTES - 1)] {
        let view = DataView::new(&memory.buffer, byte_offset, byte_length).unwrap();
        assert_eq!((view.byte_offset(), view.byte_length()), (byte_offset, byte_length));
        assert!(std::ptr::eq(view.buffer(), &memory.buffer));
        let shown = format!("DataView {{ byte_offset: {byte_offset}, byte_length: {byte_length} }}");
        assert_eq!(format!("{view:?}"), shown);
        let rest = DataView::rest(&memory.buffer, byte_offset).unwrap();
        assert_eq!((rest.byte_offset(), rest.byte_length()), (byte_offset, BYTES - byte_offset));
    }
    let view = view(memory);
    view.set_le(0, 5_u8).unwrap();
    let same = view;
    assert_eq!((view.get_le::<u8>(0), same.get_be::<u8>(0)), (Ok(5), Ok(5)), "handles to the same byte");
}

fn a_view_beyond_the_buffer_is_refused(memory: &Memory) {
    let refused = |byte_offset, count| Error::BytesOutOfBounds { byte_offset, count, bytes: BYTES };
    for (byte_offset, byte_length) in
        [(0, BYTES + 1), (1, BYTES), (BYTES, 1), (BYTES + 1, 0), (usize::MAX, 1), (1, usize::MAX), (usize::MAX, 0)]
    {
        let view = DataView::new(&memory.buffer, byte_offset, byte_length);
        assert_eq!(view.unwrap_err(), refused(byte_offset, byte_length));
    }
    for byte_offset in [BYTES + 1, usize::MAX] {
        assert_eq!(DataView::rest(&memory.buffer, byte_offset).unwrap_err(), refused(byte_offset, 0));
    }
    let said = view(memory).get_le::<u32>(17).unwrap_err().to_string();
    assert_eq!(said, "4 bytes from byte 17 are out of bounds: there are 19 bytes");
}

/// One of two neighbouring words is not where a number of 8 bytes could be.
#[cfg(target_has_atomic = "64")]
#[test]
fn a_view_needs_no_alignment_of_the_memory() {
    static WORDS: [AtomicI32; 4] = [const { AtomicI32::new(0) }; 4];
    for first in [0, 1] {
        let words = (&raw const WORDS[first]).cast_mut().cast();
        // SAFETY: three words that live for ever, and that nobody else knows.
        let buffer = unsafe { SharedBuffer::from_raw_parts(words, 12, Scope::Private) }.unwrap();
        let view = DataView::rest(&buffer, 0).unwrap();
        for byte_offset in 0..4 {
            view.set_be(byte_offset, 0x0102_0304_0506_0708_i64).unwrap();
            assert_eq!(view.get_be::<i64>(byte_offset), Ok(0x0102_0304_0506_0708));
        }
    }
}
