//! The promises of an allocator in the buffer, over every origin of memory, between threads.
// Numbers of 64 bits are among what it places.
#![cfg(target_has_atomic = "64")]
#![allow(unsafe_code, reason = "foreign memory")]

use crate::support::{Memory, Watchdog, properties::*};
use proptest::prelude::*;
use slotsync::arrays::TypedArray;
use slotsync::{Barrier, BumpAllocator, Cond, Error, Lock, Number, Primitive, SharedBuffer, Slot, Synchronic};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

over_every_origin! {
    fresh_memory_is_an_allocator_that_has_handed_out_nothing
    what_is_handed_out_is_consecutive_and_aligned
    an_exhausted_allocator_stays_as_it_is
    what_is_handed_out_is_as_zeroed_as_the_buffer_was
    arrays_and_places_are_what_was_asked_for
    any_word_is_an_error_or_a_place_in_the_range
    initializing_hands_out_the_range_again
    what_it_cannot_hand_out_is_refused
    threads_exhaust_it_without_an_overlap
    an_allocator_does_as_its_model_does
    beside_a_scribbler_it_hands_out_what_is_in_the_range
}

/// Where the word is, and what it hands out.
const INDEX: usize = 5;
const RANGE: Range<usize> = 9..1024;
const FIRST: usize = 4 * RANGE.start;
const BYTES: usize = 4 * (RANGE.end - RANGE.start);

fn allocator(buffer: &SharedBuffer) -> BumpAllocator<'_> {
    BumpAllocator::new(buffer, INDEX, RANGE).unwrap()
}

fn word(memory: &Memory) -> Slot<'_> {
    memory.buffer.slot(INDEX).unwrap()
}

fn exhausted<T>(bytes: usize, align: usize, left: usize) -> Result<T, Error> {
    Err(Error::Exhausted { bytes, align, left })
}

fn fresh_memory_is_an_allocator_that_has_handed_out_nothing(memory: &Memory) {
    let allocator = allocator(&memory.buffer);
    assert_eq!((allocator.used(), allocator.left()), (0, BYTES));
    assert_eq!(allocator.allocate(BYTES, 1), Ok(FIRST));
    assert_eq!((allocator.used(), allocator.left()), (BYTES, 0));
}

fn what_is_handed_out_is_consecutive_and_aligned(memory: &Memory) {
    let allocator = allocator(&memory.buffer);
    assert_eq!(allocator.allocate(1, 1), Ok(36));
    assert_eq!(allocator.allocate(5, 1), Ok(40), "no two share a slot");
    assert_eq!(allocator.used(), 12);
    assert_eq!(allocator.allocate(8, 8), Ok(48));
    assert_eq!(allocator.allocate(4, 2), Ok(56));
    assert_eq!(allocator.allocate(4, 128), Ok(128));
    assert_eq!((allocator.used(), word(memory).load(Relaxed)), (96, 24), "with what was skipped");
    assert_eq!(allocator.allocate(0, 4), Ok(132));
    assert_eq!(allocator.allocate(0, 8), Ok(136));
    assert_eq!(allocator.allocate(4, 4), Ok(136));
    let other_handle = BumpAllocator::new(&memory.buffer, INDEX, RANGE).unwrap();
    assert_eq!(other_handle.allocate(4, 4), Ok(140));
}

fn an_exhausted_allocator_stays_as_it_is(memory: &Memory) {
    let allocator = allocator(&memory.buffer);
    assert_eq!(allocator.allocate(BYTES + 1, 1), exhausted(BYTES + 1, 1, BYTES));
    assert_eq!(allocator.allocate(BYTES, 8), exhausted(BYTES, 8, BYTES), "there is no room to align it");
    assert_eq!(allocator.allocate(usize::MAX, 1), exhausted(usize::MAX, 1, BYTES));
    assert_eq!(allocator.allocate(0, 1 << (usize::BITS - 1)), exhausted(0, 1 << (usize::BITS - 1), BYTES));
    assert_eq!(
        allocator.allocate_array::<f64>(usize::MAX).unwrap_err(),
        Error::Exhausted { bytes: usize::MAX, align: 8, left: BYTES }
    );
    assert_eq!(word(memory).load(Relaxed), 0);

    assert_eq!(allocator.allocate(BYTES - 4, 1), Ok(FIRST));
    for _ in 0..3 {
        assert_eq!(allocator.allocate(5, 1), exhausted(5, 1, 4));
        assert_eq!(allocator.allocate_place::<Synchronic<u8>>(), exhausted(16, 4, 4));
    }
    assert_eq!(allocator.allocate(4, 1), Ok(4092), "less may fit");
    assert_eq!(allocator.allocate(1, 1), exhausted(1, 1, 0));
    assert_eq!(allocator.allocate(0, 1), Ok(4096), "nothing always fits");
    assert_eq!(word(memory).load(Relaxed), 1015);
    let text = "8 bytes at a multiple of 8 do not fit: the allocator has 0 bytes left";
    assert_eq!(allocator.allocate(8, 8).unwrap_err().to_string(), text);
}

fn what_is_handed_out_is_as_zeroed_as_the_buffer_was(memory: &Memory) {
    let allocator = allocator(&memory.buffer);
    for length in 1..10 {
        let bytes = allocator.allocate_array::<u8>(length).unwrap();
        assert_eq!(bytes.to_vec(), vec![0; length]);
        bytes.fill(0xff);
    }
    let lock = allocator.allocate_place::<Lock>().unwrap().of(&memory.buffer).unwrap();
    assert!(lock.try_lock().is_some());
}

fn arrays_and_places_are_what_was_asked_for(memory: &Memory) {
    fn array<T: Number>(allocator: BumpAllocator<'_>) {
        for length in [0, 1, 3] {
            let array: TypedArray<'_, T> = allocator.allocate_array(length).unwrap();
            assert_eq!((array.len(), array.byte_offset() % size_of::<T>()), (length, 0));
            assert!(array.byte_offset() + array.byte_length() <= FIRST + allocator.used());
        }
    }
    fn place<P: Primitive>(allocator: BumpAllocator<'_>, align: usize) {
        let before = allocator.used();
        let place = allocator.allocate_place::<P>().unwrap();
        assert_eq!(place.index() % align, 0);
        assert!(place.byte_offset() >= FIRST + before);
        assert_eq!(place.byte_offset() + 4 * P::SLOTS, FIRST + allocator.used());
    }
    let allocator = allocator(&memory.buffer);
    array::<i8>(allocator);
    array::<u16>(allocator);
    array::<i32>(allocator);
    array::<f32>(allocator);
    array::<u64>(allocator);
    array::<f64>(allocator);
    for _ in 0..2 {
        place::<Lock>(allocator, 1);
        place::<Barrier>(allocator, 1);
        place::<Synchronic<i32>>(allocator, 1);
        place::<Synchronic<i64>>(allocator, 2);
    }
    let lock = allocator.allocate_place::<Lock>().unwrap().of(&memory.buffer).unwrap();
    let cond = allocator.allocate_place::<Cond>().unwrap().with(&memory.buffer, lock).unwrap();
    cond.notify_all();
}

fn any_word_is_an_error_or_a_place_in_the_range(memory: &Memory) {
    let allocator = allocator(&memory.buffer);
    for garbage in [1014, 1015, 1016, i32::MAX, i32::MIN, i32::MIN + 1, -2, -1] {
        word(memory).store(garbage, Relaxed);
        assert_eq!(allocator.used() + allocator.left(), BYTES);
        for (bytes, align) in [(0, 1), (1, 1), (4, 4), (8, 128), (usize::MAX, 1), (0, 1 << (usize::BITS - 1))] {
            match allocator.allocate(bytes, align) {
                Ok(offset) => {
                    assert!((FIRST..=4096 - bytes).contains(&offset));
                    word(memory).store(garbage, Relaxed);
                }
                Err(error) => assert_eq!(error, Error::Exhausted { bytes, align, left: allocator.left() }),
            }
            assert_eq!(word(memory).load(Relaxed), garbage);
        }
    }
}

fn initializing_hands_out_the_range_again(memory: &Memory) {
    let first = allocator(&memory.buffer).allocate_array::<u8>(4).unwrap();
    first.fill(7);
    for garbage in [-1, 3] {
        word(memory).store(garbage, Relaxed);
        let allocator = BumpAllocator::initialize(&memory.buffer, INDEX, RANGE).unwrap();
        assert_eq!(allocator.allocate_array::<u8>(4).unwrap().to_vec(), [7; 4], "the bytes stay as they are");
    }
}

fn what_it_cannot_hand_out_is_refused(memory: &Memory) {
    let new = |index, range| BumpAllocator::new(&memory.buffer, index, range).map(|allocator| allocator.left());
    assert_eq!(new(1024, 0..4), Err(Error::OutOfBounds { index: 1024, count: 1, length: 1024 }));
    assert_eq!(new(0, 1..1025), Err(Error::OutOfBounds { index: 1, count: 1024, length: 1024 }));
    assert_eq!(new(0, 1..usize::MAX), Err(Error::OutOfBounds { index: 1, count: usize::MAX - 1, length: 1024 }));
    assert_eq!(new(5, 5..9), Err(Error::InOwnRange { index: 5 }));
    assert_eq!(new(8, 5..9), Err(Error::InOwnRange { index: 8 }));
    assert_eq!([new(4, 5..9), new(9, 5..9)], [Ok(16), Ok(16)]);
    assert_eq!([new(5, 5..5), new(5, Range { start: 9, end: 5 }), new(5, 1024..1024)], [Ok(0), Ok(0), Ok(0)]);
    for align in [0, 3, 6, usize::MAX] {
        assert_eq!(allocator(&memory.buffer).allocate(1, align), Err(Error::BadAlignment { align }));
    }
    assert_eq!(word(memory).load(Relaxed), 0);
}

/// An allocator takes nothing for elements that its memory cannot hold.
#[test]
fn an_array_that_foreign_memory_cannot_hold_takes_nothing() {
    let mut words = [0_u64; 64];
    let odd = words.as_mut_ptr().cast::<u8>().wrapping_add(4);
    // SAFETY: within the words, which are zero, live longer than the buffer and are used by nobody else.
    let buffer = unsafe { SharedBuffer::from_raw_parts(odd, 256, slotsync::Scope::Private) }.unwrap();
    let allocator = BumpAllocator::new(&buffer, 0, 1..64).unwrap();
    assert!(matches!(allocator.allocate_array::<u64>(1), Err(Error::Misaligned { .. })));
    assert_eq!(allocator.used(), 0);
}

/// Counts itself up in each slot of what it gets, until there is no more, not even for a byte.
fn exhaust(buffer: &SharedBuffer, mut bytes: usize) {
    let allocator = allocator(buffer);
    loop {
        match allocator.allocate(bytes, 4) {
            Ok(offset) => {
                let first = offset / 4;
                for slot in buffer.slots(first..first + bytes.div_ceil(4)).unwrap() {
                    assert_eq!(slot.fetch_add(1, Relaxed), 0, "it was another's");
                }
                bytes = bytes % 29 + 1;
            }
            Err(_) if bytes > 4 => bytes -= 4,
            Err(error) => return assert_eq!(error, Error::Exhausted { bytes, align: 4, left: 0 }),
        }
    }
}

fn each_slot_has_one_owner(memory: &Memory) {
    assert_eq!(allocator(&memory.buffer).left(), 0);
    assert!(memory.buffer.slots(RANGE).unwrap().iter().all(|slot| slot.load(Relaxed) == 1));
    let others = memory.buffer.slots(..RANGE.start).unwrap();
    assert!(others.iter().enumerate().all(|(index, slot)| index == INDEX || slot.load(Relaxed) == 0));
}

fn threads_exhaust_it_without_an_overlap(memory: &Memory) {
    std::thread::scope(|threads| {
        let threads: Vec<_> = (1..=4).map(|first| threads.spawn(move || exhaust(&memory.buffer, first))).collect();
        crate::support::join_all(threads);
    });
    each_slot_has_one_owner(memory);
}

#[cfg(target_os = "linux")]
mod processes {
    use super::*;
    use crate::support::processes::{fork, fork_all, join_all, kill_where_it_stays, stay};

    over_shared_origins! {
        processes_exhaust_it_without_an_overlap
        one_uses_what_another_was_handed
        what_a_killed_process_was_handed_is_lost_and_no_more
    }

    fn processes_exhaust_it_without_an_overlap(memory: &Memory) {
        let _watchdog = Watchdog::new("processes_exhaust_it_without_an_overlap");
        join_all(fork_all(memory, 4, |buffer| exhaust(buffer, 7)));
        each_slot_has_one_owner(memory);
    }

    /// By its index, in a slot that both know.
    fn one_uses_what_another_was_handed(memory: &Memory) {
        let _watchdog = Watchdog::new("one_uses_what_another_was_handed");
        let place = allocator(&memory.buffer).allocate_place::<Lock>().unwrap();
        memory.buffer.slot(0).unwrap().store(place.index() as i32, Relaxed);
        join_all(fork_all(memory, 1, |buffer| {
            let index = buffer.slot(0).unwrap().load(Relaxed);
            std::mem::forget(Lock::new(buffer, index as usize).unwrap().lock());
        }));
        assert!(place.of(&memory.buffer).unwrap().is_locked());
    }

    fn what_a_killed_process_was_handed_is_lost_and_no_more(memory: &Memory) {
        let _watchdog = Watchdog::new("what_a_killed_process_was_handed_is_lost_and_no_more");
        let victim = fork(memory, |buffer| {
            assert_eq!(allocator(buffer).allocate(40, 4), Ok(FIRST));
            stay(buffer)
        });
        kill_where_it_stays(memory, victim);
        join_all(fork_all(memory, 2, |buffer| exhaust(buffer, 7)));
        let owners: Vec<_> = memory.buffer.slots(RANGE).unwrap().iter().map(|slot| slot.load(Relaxed)).collect();
        assert!(owners[..10].iter().all(|owners| *owners == 0), "to be found by who looks for it");
        assert!(owners[10..].iter().all(|owners| *owners == 1));
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Allocate(usize, usize),
    Bytes(usize),
    Doubles(usize),
    Wide,
    Initialize,
    /// Another process writes what it likes.
    Scribble(i32),
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = prop_oneof![8 => 0..200_usize, 1 => any::<usize>()];
    let align = prop_oneof![8 => (0..9_u32).prop_map(|bit| 1 << bit), 1 => any::<usize>()];
    prop_oneof![
        6 => (bytes.clone(), align).prop_map(|(bytes, align)| Op::Allocate(bytes, align)),
        2 => bytes.clone().prop_map(Op::Bytes),
        2 => bytes.prop_map(Op::Doubles),
        2 => Just(Op::Wide),
        1 => Just(Op::Initialize),
        1 => prop_oneof![0..1100_i32, any::<i32>()].prop_map(Op::Scribble),
    ]
}

/// How many slots are used.
struct Model(u32);

impl Model {
    fn left(&self) -> usize {
        BYTES.saturating_sub((self.0 as usize).saturating_mul(4))
    }

    fn allocate(&mut self, bytes: usize, align: usize) -> Result<usize, Error> {
        if align.count_ones() != 1 {
            return Err(Error::BadAlignment { align });
        }
        // Wide enough for everything.
        let [wide, step] = [bytes, align.max(4)].map(|number| number as u128);
        let start = (FIRST as u128 + 4 * u128::from(self.0)).div_ceil(step) * step;
        let end = (start + wide).div_ceil(4) * 4;
        if end > 4 * RANGE.end as u128 {
            return exhausted(bytes, align, self.left());
        }
        self.0 = (end as usize / 4 - RANGE.start) as u32;
        Ok(start as usize)
    }
}

fn an_allocator_does_as_its_model_does(memory: &Memory) {
    let first = prop_oneof![3 => Just(0), 1 => 0..1100_i32, 1 => any::<i32>()];
    run_sequences("an_allocator_does_as_its_model_does", first, op(), |first, ops| {
        run(memory, Model(first as u32), &ops)
    });
}

fn run(memory: &Memory, mut model: Model, ops: &[Op]) -> Result<(), TestCaseError> {
    let slot = word(memory);
    slot.store(model.0 as i32, Relaxed);
    let allocator = allocator(&memory.buffer);
    for op in ops {
        match *op {
            Op::Allocate(bytes, align) => {
                prop_assert_eq!(allocator.allocate(bytes, align), model.allocate(bytes, align));
            }
            Op::Bytes(length) => {
                let found = allocator.allocate_array::<u8>(length).map(|array| (array.byte_offset(), array.len()));
                prop_assert_eq!(found, model.allocate(length, 1).map(|offset| (offset, length)));
            }
            Op::Doubles(length) => {
                let found = allocator.allocate_array::<f64>(length).map(|array| (array.byte_offset(), array.len()));
                prop_assert_eq!(found, model.allocate(length.saturating_mul(8), 8).map(|offset| (offset, length)));
            }
            Op::Wide => {
                let found = allocator.allocate_place::<Synchronic<u64>>().map(|place| place.byte_offset());
                prop_assert_eq!(found, model.allocate(16, 8));
            }
            Op::Initialize => {
                BumpAllocator::initialize(&memory.buffer, INDEX, RANGE).unwrap();
                model.0 = 0;
            }
            Op::Scribble(value) => {
                slot.store(value, Relaxed);
                model.0 = value as u32;
            }
        }
        prop_assert_eq!(slot.load(Relaxed) as u32, model.0, "after {:?}", op);
        prop_assert_eq!(allocator.left(), model.left());
        prop_assert_eq!(allocator.used(), BYTES - model.left());
    }
    Ok(())
}

fn beside_a_scribbler_it_hands_out_what_is_in_the_range(memory: &Memory) {
    let name = "beside_a_scribbler_it_hands_out_what_is_in_the_range";
    under_scribbles(name, memory, &[INDEX], prop_oneof![0..1100_i32, any::<i32>()], |buffer| {
        let allocator = allocator(buffer);
        if let Ok(offset) = allocator.allocate(12, 8) {
            assert!((FIRST..=4096 - 12).contains(&offset) && offset % 8 == 0);
        }
        assert!(allocator.left() <= BYTES && allocator.used() <= BYTES);
    });
}
