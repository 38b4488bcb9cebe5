//! The promises of a layout: the same places for all programs that run the same lines, over every origin of memory.
// Numbers of 64 bits are among what it places.
#![cfg(target_has_atomic = "64")]

use crate::support::{Memory, properties::cases};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use slotsync::{
    ArrayPlace, Barrier, BumpAllocator, Cond, Error, Event, Latch, Layout, Lock, MemoryError, Number, Once, Place,
    Primitive, RwLock, Semaphore, SharedBuffer, Slot, Synchronic,
};
use std::sync::atomic::Ordering::Relaxed;

over_every_origin! {
    every_primitive_can_be_placed
    the_first_to_attach_leaves_the_fingerprint_and_nothing_else
    another_layout_is_a_mismatch_that_names_both
    any_other_word_is_a_mismatch
    a_layout_longer_than_the_buffer_is_refused
    of_two_layouts_that_are_attached_at_once_one_wins
}

/// A bit of everything.
fn everything() -> Layout {
    let mut layout = Layout::new();
    layout.place::<Lock>();
    layout.array::<u8>(3);
    layout.array::<u16>(2);
    layout.place::<Synchronic<f64>>();
    layout.cache_padded::<Semaphore>();
    layout.place::<Cond>();
    layout
}

fn words(buffer: &SharedBuffer) -> Vec<i32> {
    buffer.slots(..).unwrap().iter().map(|slot| slot.load(Relaxed)).collect()
}

#[test]
fn places_are_consecutive_and_aligned_to_what_they_need() {
    let mut layout = Layout::new();
    assert_eq!(layout.byte_length(), 4, "its own slot");
    assert_eq!(layout.place::<Lock>().byte_offset(), 4);
    assert_eq!(layout.array::<u8>(3).byte_offset(), 8);
    assert_eq!(layout.byte_length(), 12, "a whole number of slots");
    assert_eq!(layout.array::<u8>(2).byte_offset(), 11);
    assert_eq!(layout.array::<i16>(1).byte_offset(), 14);
    assert_eq!(layout.place::<Cond>().index(), 4);
    assert_eq!(layout.place::<Event>().index(), 6);
    assert_eq!(layout.array::<f64>(2).byte_offset(), 32);
    assert_eq!(layout.place::<Slot>().index(), 12);
    assert_eq!(layout.place::<Synchronic<u8>>().index(), 13, "a small value needs no more than slots do");
    assert_eq!(layout.place::<Synchronic<u64>>().index(), 18, "one of 64 bits lies at a multiple of 8 bytes");
    assert_eq!(layout.byte_length(), 88);
}

#[test]
fn what_is_padded_shares_no_line_with_anything() {
    let mut layout = Layout::new();
    let padded = layout.cache_padded::<Lock>();
    assert_eq!(padded.byte_offset(), 128);
    assert_eq!(layout.byte_length(), 256);
    assert_eq!(layout.cache_padded::<Lock>().byte_offset(), 256, "there is no line in between");
    layout.pad();
    assert_eq!(layout.byte_length(), 384, "a line begins here already");
    assert_eq!(layout.place::<Slot>().byte_offset(), 384);
    layout.pad();
    assert_eq!(layout.array::<u8>(1).byte_offset(), 512);
}

/// Part of what programs of different versions agree about: neither may change while the first line says 1.
#[test]
fn the_text_and_its_fingerprint_stay_as_they_are() {
    let mut text = "slotsync layout 1\n0 4 Layout\n4 4 Lock\n8 3 [u8; 3]\n12 4 [u16; 2]\n".to_owned();
    text += "16 16 Synchronic<f64>\n128 4 Semaphore\n256 8 Cond\n";
    assert_eq!(everything().to_string(), text);
    assert_eq!(everything().fingerprint(), FINGERPRINT);
}

/// By another program.
const FINGERPRINT: u32 = 0x8aa3_26ce;

#[test]
fn the_fingerprint_tells_what_was_placed_and_where() {
    let of = |place: fn(&mut Layout) -> usize| {
        let mut layout = Layout::new();
        place(&mut layout);
        layout.fingerprint()
    };
    let placed = [
        of(|_| 0),
        of(|layout| layout.place::<Lock>().index()),
        of(|layout| layout.place::<Semaphore>().index()),
        of(|layout| layout.place::<Lock>().index() + layout.place::<Semaphore>().index()),
        of(|layout| layout.place::<Semaphore>().index() + layout.place::<Lock>().index()),
        of(|layout| layout.cache_padded::<Lock>().index()),
        of(|layout| layout.place::<Synchronic<i32>>().index()),
        of(|layout| layout.place::<Synchronic<u32>>().index()),
        of(|layout| layout.array::<i32>(4).len()),
        of(|layout| layout.array::<u32>(4).len()),
        of(|layout| layout.array::<f32>(4).len()),
        of(|layout| layout.array::<u32>(5).len()),
        of(|layout| layout.array::<u32>(2).len() + layout.array::<u32>(2).len()),
        of(|layout| layout.array::<u32>(0).len()),
        Layout::starting_at(1).fingerprint(),
    ];
    for (index, fingerprint) in placed.iter().enumerate() {
        assert_ne!(*fingerprint, 0);
        assert!(!placed[..index].contains(fingerprint), "two are the same");
    }
}

#[test]
fn layouts_side_by_side_have_nothing_in_common() {
    let mut one = Layout::new();
    one.array::<u8>(5);
    let mut other = Layout::starting_at(one.byte_length() / 4);
    let lock = other.place::<Lock>();
    assert_eq!((lock.index(), other.byte_length()), (4, 20));
    let buffer = SharedBuffer::new(other.byte_length()).unwrap();
    one.attach(&buffer).unwrap();
    other.attach(&buffer).unwrap();
    assert_eq!(words(&buffer), [one.fingerprint() as i32, 0, 0, other.fingerprint() as i32, 0]);
}

#[test]
fn what_is_too_long_for_an_address_space_is_refused_by_every_buffer() {
    fn refuses(buffer: &SharedBuffer, mut layout: Layout) {
        assert!(layout.place::<Lock>().of(buffer).is_err());
        assert!(layout.place::<Synchronic<u64>>().of(buffer).is_err());
        assert!(layout.array::<u8>(1).of(buffer).is_err());
        assert!(layout.array::<f64>(0).of(buffer).is_err());
        layout.cache_padded::<Cond>();
        assert!(matches!(layout.attach(buffer), Err(Error::OutOfBounds { .. })));
        assert!(matches!(SharedBuffer::new(layout.byte_length()), Err(MemoryError::TooLarge { .. })));
    }
    let buffer = SharedBuffer::new(4096).unwrap();
    for length in [usize::MAX, usize::MAX / 2, usize::MAX / 8 + 1, usize::MAX / 8] {
        let mut layout = Layout::new();
        assert!(layout.array::<u64>(length).of(&buffer).is_err());
        refuses(&buffer, layout);
    }
    for index in [usize::MAX, usize::MAX / 4, usize::MAX / 4 + 1] {
        refuses(&buffer, Layout::starting_at(index));
    }
    assert_eq!(words(&buffer), [0; 1024]);
}

#[test]
fn a_place_can_be_kept_and_says_what_it_is() {
    struct Places {
        lock: Place<Lock<'static>>,
        bytes: ArrayPlace<u8>,
    }
    let mut layout = Layout::new();
    let places = Places { lock: layout.place(), bytes: layout.array(3) };
    assert_eq!(format!("{:?}", places.lock), r#"Place { kind: "Lock", index: 1 }"#);
    assert_eq!(format!("{:?}", places.bytes), r#"ArrayPlace { element: "u8", byte_offset: 8, length: 3 }"#);
    assert_eq!((places.bytes.len(), places.bytes.is_empty()), (3, false));
    let copy = places.lock;
    assert_eq!(copy, places.lock);
    assert_eq!(layout, layout.clone());
}

fn every_primitive_can_be_placed(memory: &Memory) {
    let buffer = &memory.buffer;
    let mut layout = Layout::new();
    let lock = layout.place::<Lock>();
    let rw_lock = layout.place::<RwLock>();
    let semaphore = layout.place::<Semaphore>();
    let event = layout.place::<Event>();
    let latch = layout.place::<Latch>();
    let barrier = layout.place::<Barrier>();
    let once = layout.place::<Once>();
    let cond = layout.place::<Cond>();
    let synchronic = layout.place::<Synchronic<u16>>();
    let slot = layout.place::<Slot>();
    let bump = layout.place::<BumpAllocator>();
    let heap = layout.array::<i32>(8);
    layout.attach(buffer).unwrap();

    let lock = lock.of(buffer).unwrap();
    assert_eq!(lock, Lock::new(buffer, 1).unwrap());
    assert_eq!(rw_lock.of(buffer).unwrap(), RwLock::new(buffer, 2).unwrap());
    assert_eq!(semaphore.of(buffer).unwrap(), Semaphore::new(buffer, 3).unwrap());
    assert_eq!(event.of(buffer).unwrap(), Event::new(buffer, 4).unwrap());
    assert_eq!(latch.of(buffer).unwrap(), Latch::new(buffer, 5).unwrap());
    assert_eq!(barrier.with(buffer, 3).unwrap(), Barrier::new(buffer, 6, 3).unwrap());
    assert!(matches!(barrier.with(buffer, 0), Err(Error::BadAgents { .. })), "as its new does");
    assert_eq!(once.of(buffer).unwrap(), Once::new(buffer, 7).unwrap());
    assert_eq!(cond.with(buffer, lock).unwrap(), Cond::new(buffer, 8, lock).unwrap());
    synchronic.of(buffer).unwrap().store(7, slotsync::NotifyHint::None);
    assert_eq!(Synchronic::<u16>::new(buffer, 10).unwrap().load(), 7);
    assert_eq!(slot.of(buffer).unwrap(), buffer.slot(14).unwrap());
    assert_eq!((bump.index(), heap.slots()), (15, 16..24));
    assert_eq!(bump.with(buffer, heap.slots()).unwrap().left(), 32);
    assert_eq!(layout.byte_length(), 96);

    let initialized = Semaphore::initialize(buffer, semaphore.index(), 5).unwrap();
    assert_eq!(initialized.permits(), 5);
}

fn the_first_to_attach_leaves_the_fingerprint_and_nothing_else(memory: &Memory) {
    let mut expected = words(&memory.buffer);
    assert!(expected.iter().all(|word| *word == 0));
    expected[0] = everything().fingerprint() as i32;
    for _ in 0..2 {
        everything().attach(&memory.buffer).unwrap();
        assert_eq!(words(&memory.buffer), expected);
    }
    #[cfg(unix)]
    if let Some(again) = memory.again() {
        everything().attach(&again).unwrap();
    }
}

fn another_layout_is_a_mismatch_that_names_both(memory: &Memory) {
    everything().attach(&memory.buffer).unwrap();
    let before = words(&memory.buffer);
    let mut longer = everything();
    longer.array::<i8>(1);
    let (found, expected) = (everything().fingerprint(), longer.fingerprint());
    let error = longer.attach(&memory.buffer).unwrap_err();
    assert_eq!(error, Error::LayoutMismatch { found, expected });
    assert!(error.to_string().contains(&format!("{found:#010x}")), "{error}");
    assert!(error.to_string().contains(&format!("{expected:#010x}")), "{error}");
    assert_eq!(words(&memory.buffer), before);
}

fn any_other_word_is_a_mismatch(memory: &Memory) {
    let expected = everything().fingerprint();
    for found in [1, -1, i32::MIN, i32::MAX, !expected as i32] {
        memory.buffer.slot(0).unwrap().store(found, Relaxed);
        let error = everything().attach(&memory.buffer);
        assert_eq!(error, Err(Error::LayoutMismatch { found: found as u32, expected }));
        assert_eq!(memory.buffer.slot(0).unwrap().load(Relaxed), found);
    }
}

fn a_layout_longer_than_the_buffer_is_refused(memory: &Memory) {
    let mut layout = everything();
    let rest = crate::support::BYTES - layout.byte_length();
    layout.array::<u8>(rest).of(&memory.buffer).unwrap();
    let beyond = layout.array::<u8>(1);
    assert_eq!(layout.attach(&memory.buffer), Err(Error::OutOfBounds { index: 0, count: 1025, length: 1024 }));
    assert!(beyond.of(&memory.buffer).is_err());
    assert_eq!(
        layout.place::<Lock>().of(&memory.buffer),
        Err(Error::OutOfBounds { index: 1025, count: 1, length: 1024 })
    );
    assert!(words(&memory.buffer).iter().all(|word| *word == 0));

    // That another is attached is told first.
    everything().attach(&memory.buffer).unwrap();
    let (found, expected) = (everything().fingerprint(), layout.fingerprint());
    assert_eq!(layout.attach(&memory.buffer), Err(Error::LayoutMismatch { found, expected }));
}

fn of_two_layouts_that_are_attached_at_once_one_wins(memory: &Memory) {
    let mut other = everything();
    other.pad();
    other.place::<Lock>();
    let layouts = [everything(), other.clone(), everything(), other];
    let attached = std::thread::scope(|threads| {
        let attach = |layout: &Layout| layout.attach(&memory.buffer);
        let threads: Vec<_> = layouts.iter().map(|layout| threads.spawn(move || attach(layout))).collect();
        crate::support::join_all(threads)
    });
    assert_ne!(attached[0].is_ok(), attached[1].is_ok(), "{attached:?}");
    assert_eq!((&attached[0], &attached[1]), (&attached[2], &attached[3]));
}

#[cfg(target_os = "linux")]
mod processes {
    use super::*;
    use crate::support::processes::{fork, fork_all, join_all};

    over_shared_origins! { processes_that_run_the_same_lines_agree others_are_told }

    /// Where each of them finds the lock and the counter.
    fn places() -> (Layout, Place<Lock<'static>>, ArrayPlace<i64>) {
        let mut layout = Layout::new();
        let (lock, counter) = (layout.cache_padded::<Lock>(), layout.array::<i64>(3));
        (layout, lock, counter)
    }

    fn processes_that_run_the_same_lines_agree(memory: &Memory) {
        let _watchdog = crate::support::Watchdog::new("processes_that_run_the_same_lines_agree");
        join_all(fork_all(memory, 4, |buffer| {
            let (layout, lock, counter) = places();
            layout.attach(buffer).unwrap();
            let (lock, counter) = (lock.of(buffer).unwrap(), counter.of(buffer).unwrap());
            for _ in 0..100 {
                let _guard = lock.lock();
                counter.set(2, counter.get(2).unwrap() + 1).unwrap();
            }
        }));
        assert_eq!(places().2.of(&memory.buffer).unwrap().get(2), Some(400));
    }

    fn others_are_told(memory: &Memory) {
        let _watchdog = crate::support::Watchdog::new("others_are_told");
        places().0.attach(&memory.buffer).unwrap();
        let other = fork(memory, |buffer| {
            let mut layout = places().0;
            layout.place::<Event>();
            let (found, expected) = (places().0.fingerprint(), layout.fingerprint());
            assert_eq!(layout.attach(buffer), Err(Error::LayoutMismatch { found, expected }));
            0
        });
        other.join();
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Lock,
    Cond,
    Bytes(usize),
    Halves(usize),
    Doubles(usize),
    Wide,
    Narrow,
    Padded,
    Pad,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Lock),
        Just(Op::Cond),
        (0..9_usize).prop_map(Op::Bytes),
        (0..9_usize).prop_map(Op::Halves),
        (0..9_usize).prop_map(Op::Doubles),
        Just(Op::Wide),
        Just(Op::Narrow),
        Just(Op::Padded),
        Just(Op::Pad),
    ]
}

/// Where what was placed begins, or would if it were there.
fn run(layout: &mut Layout, op: Op) -> usize {
    fn place<P: Primitive>(layout: &mut Layout) -> usize {
        layout.place::<P>().byte_offset()
    }
    fn array<T: Number>(layout: &mut Layout, length: usize) -> usize {
        layout.array::<T>(length).byte_offset()
    }
    match op {
        Op::Lock => place::<Lock>(layout),
        Op::Cond => place::<Cond>(layout),
        Op::Bytes(length) => array::<i8>(layout, length),
        Op::Halves(length) => array::<u16>(layout, length),
        Op::Doubles(length) => array::<f64>(layout, length),
        Op::Wide => place::<Synchronic<i64>>(layout),
        Op::Narrow => place::<Synchronic<i8>>(layout),
        Op::Padded => layout.cache_padded::<Once>().byte_offset(),
        Op::Pad => {
            layout.pad();
            layout.byte_length()
        }
    }
}

/// The size of what is placed, and what its offset must be a multiple of.
fn needs(op: Op) -> (usize, usize) {
    match op {
        Op::Lock => (4, 4),
        Op::Cond => (8, 4),
        Op::Bytes(length) => (length, 1),
        Op::Halves(length) => (2 * length, 2),
        Op::Doubles(length) => (8 * length, 8),
        Op::Wide => (16, 8),
        Op::Narrow => (16, 4),
        Op::Padded => (128, 128),
        Op::Pad => (0, 128),
    }
}

#[test]
fn a_layout_does_as_its_model_does() {
    let run_both = |(ops, others): (Vec<Op>, Vec<Op>)| {
        let mut layout = Layout::new();
        let mut end = 4;
        for op in &ops {
            let (size, align) = needs(*op);
            // The first that fits.
            let start = (end..).find(|start| start % align == 0).unwrap();
            prop_assert_eq!(run(&mut layout, *op), start, "{:?}", op);
            end = start + size;
        }
        prop_assert!((end..end + 4).contains(&layout.byte_length()));

        let [mut again, mut other] = [Layout::new(), Layout::new()];
        ops.iter().for_each(|op| assert!(run(&mut again, *op) >= 4));
        others.iter().for_each(|op| assert!(run(&mut other, *op) >= 4));
        prop_assert_eq!(&layout, &again);
        prop_assert_eq!(layout.fingerprint(), again.fingerprint());
        prop_assert_eq!(layout.fingerprint() == other.fingerprint(), layout.to_string() == other.to_string());
        Ok(())
    };
    TestRunner::new(cases(256)).run(&(vec(op(), 0..40), vec(op(), 0..3)), run_both).unwrap();
}
