//! The promises of a buffer that can grow, over every origin of memory. Between processes that is in `processes.rs`,
//! against a model in `properties.rs`; a want of room is in `../room.rs`.

use crate::support::growable::MOST;
use crate::support::kept::{Kept, make_in_every_way};
use crate::support::{BYTES, LONG, Memory, Watchdog, sleepers};
use slotsync::arrays::{Atomics, DataView, Int32Array, TypedArray};
use slotsync::{BufferOptions, Error, Lock, MemoryError, Scope, SharedBuffer, Slot, Wait};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

over_every_growable_origin! {
    it_is_as_long_as_asked_for_and_says_how_long_it_may_get
    growing_keeps_what_is_there_and_brings_zeros
    a_slot_that_was_made_before_is_the_same_after
    a_lock_that_was_held_before_is_held_after
    a_sleeper_on_a_slot_sleeps_on
    a_slot_is_there_as_soon_as_the_length_covers_it
    it_grows_to_its_maximum_and_no_further
    a_length_that_it_has_changes_nothing
    what_is_refused_changes_nothing
    the_rest_of_it_is_an_array_that_grows
    the_rest_has_whole_elements_only
    an_array_of_a_fixed_length_stays_as_it_is
    a_part_of_an_array_that_grows_does_not_grow
    the_rest_of_it_is_a_view_that_grows
    copies_reach_what_has_come
    operations_reach_what_has_come
    agents_that_grow_it_at_once_lose_no_growth
}

#[cfg(unix)]
over_shared_growable_origins! { another_mapping_sees_it_grow_and_can_grow_it }

fn it_is_as_long_as_asked_for_and_says_how_long_it_may_get(memory: &Memory) {
    let buffer = &memory.buffer;
    assert_eq!((buffer.byte_length(), buffer.max_byte_length(), buffer.is_growable()), (BYTES, MOST, true));
    assert_eq!(buffer.slots(..).unwrap().len(), BYTES / 4);
    assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.swap(-1, Relaxed) == 0));
    let shown = format!("byte_length: {BYTES}, max_byte_length: {MOST}, scope: {:?} }}", buffer.scope());
    assert!(format!("{buffer:?}").ends_with(&shown), "{buffer:?}");
}

fn growing_keeps_what_is_there_and_brings_zeros(memory: &Memory) {
    let mut length = BYTES;
    for step in [4, 60, 4096, 100, 8] {
        memory.buffer.slots(..length / 4).unwrap().iter().zip(1..).for_each(|(slot, value)| slot.store(value, Relaxed));
        memory.buffer.grow(length + step).unwrap();
        assert_eq!(memory.buffer.byte_length(), length + step);
        let words: Vec<_> = memory.buffer.slots(..).unwrap().iter().map(|slot| slot.load(Relaxed)).collect();
        let kept = (1..).take(length / 4);
        let expected: Vec<i32> = kept.chain([0].into_iter().cycle().take(step / 4)).collect();
        assert_eq!(words, expected);
        length += step;
    }
}

fn a_slot_that_was_made_before_is_the_same_after(memory: &Memory) {
    let [first, last] = [0, BYTES / 4 - 1].map(|index| memory.buffer.slot(index).unwrap());
    memory.buffer.grow(MOST).unwrap();
    let [first_again, last_again] = [0, BYTES / 4 - 1].map(|index| memory.buffer.slot(index).unwrap());
    first.store(5, Relaxed);
    last_again.store(6, Relaxed);
    assert_eq!((first_again.load(Relaxed), last.load(Relaxed)), (5, 6));
}

fn a_lock_that_was_held_before_is_held_after(memory: &Memory) {
    let guard = Lock::new(&memory.buffer, 3).unwrap().lock();
    memory.buffer.grow(2 * BYTES).unwrap();
    assert!(Lock::new(&memory.buffer, 3).unwrap().try_lock().is_none());
    drop(guard);
    assert!(Lock::new(&memory.buffer, 3).unwrap().try_lock().is_some());
}

fn a_sleeper_on_a_slot_sleeps_on(memory: &Memory) {
    let _watchdog = Watchdog::new("a_sleeper_on_a_slot_sleeps_on");
    let word = memory.buffer.slot(7).unwrap();
    thread::scope(|threads| {
        let threads = sleepers(threads, 1, move || {
            while word.load(Relaxed) == 0 {
                let _ = word.wait_for(0, LONG);
            }
        });
        memory.buffer.grow(MOST).unwrap();
        let again = memory.buffer.slot(7).unwrap();
        again.store(1, Relaxed);
        again.wake(1);
        crate::support::join_all(threads);
    });
}

fn a_slot_is_there_as_soon_as_the_length_covers_it(memory: &Memory) {
    let index = BYTES / 4;
    let beyond = |length| Some(Error::OutOfBounds { index, count: 1, length });
    assert_eq!(memory.buffer.slot(index).err(), beyond(BYTES / 4));
    assert!(memory.buffer.slots(..=index).is_err());
    memory.buffer.grow(BYTES + 4).unwrap();
    let slot: Slot<'_> = memory.buffer.slot(index).unwrap();
    assert_eq!(slot.swap(9, Relaxed), 0);
    assert_eq!(memory.buffer.slots(..).unwrap().len(), index + 1);
    assert!(Lock::new(&memory.buffer, index + 1).is_err());
}

fn it_grows_to_its_maximum_and_no_further(memory: &Memory) {
    memory.buffer.grow(MOST).unwrap();
    assert_eq!((memory.buffer.byte_length(), memory.buffer.is_growable()), (MOST, true));
    assert!(memory.buffer.slots(..).unwrap().iter().all(|slot| slot.swap(-1, Relaxed) == 0));
    assert_eq!(memory.buffer.byte_length(), MOST, "no slot is where the length is");
    assert_eq!(memory.buffer.grow(MOST), Ok(()));
    let too_large = MemoryError::TooLarge { bytes: MOST as u64 + 4, max: MOST as u64 };
    assert_eq!(memory.buffer.grow(MOST + 4), Err(too_large));
}

fn a_length_that_it_has_changes_nothing(memory: &Memory) {
    for length in [BYTES, BYTES + 8] {
        memory.buffer.grow(length).unwrap();
        memory.buffer.grow(length).unwrap();
        assert_eq!(memory.buffer.byte_length(), length);
    }
}

fn what_is_refused_changes_nothing(memory: &Memory) {
    let length = BYTES + 64;
    memory.buffer.grow(length).unwrap();
    memory.buffer.slots(..).unwrap().iter().for_each(|slot| slot.store(7, Relaxed));
    let too_large = |bytes: usize| (bytes, MemoryError::TooLarge { bytes: bytes as u64, max: MOST as u64 });
    let shrinks = |bytes: usize| (bytes, MemoryError::WouldShrink { bytes: bytes as u64, length: length as u64 });
    let uneven = |bytes: usize| (bytes, MemoryError::UnevenLength { bytes: bytes as u64 });
    for (bytes, error) in [
        shrinks(0),
        shrinks(4),
        shrinks(BYTES),
        shrinks(length - 4),
        uneven(1),
        uneven(length - 1),
        uneven(length + 2),
        uneven(MOST + 1),
        uneven(usize::MAX),
        too_large(MOST + 4),
        too_large(usize::MAX - 3),
    ] {
        assert_eq!(memory.buffer.grow(bytes), Err(error));
        assert_eq!((memory.buffer.byte_length(), memory.buffer.max_byte_length()), (length, MOST));
    }
    assert!(memory.buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 7));
}

#[cfg(unix)]
fn another_mapping_sees_it_grow_and_can_grow_it(memory: &Memory) {
    memory.buffer.grow(BYTES + 4).unwrap();
    let Some(again) = memory.again() else { return };
    assert_eq!((again.byte_length(), again.max_byte_length(), again.is_growable()), (BYTES + 4, MOST, true));
    memory.buffer.grow(BYTES + 8).unwrap();
    assert_eq!(again.byte_length(), BYTES + 8);
    again.grow(MOST).unwrap();
    assert_eq!(memory.buffer.byte_length(), MOST);
    again.slot(MOST / 4 - 1).unwrap().store(3, Relaxed);
    assert_eq!(memory.buffer.slot(MOST / 4 - 1).unwrap().load(Relaxed), 3);
    drop(again);
    assert_eq!(memory.again().unwrap().byte_length(), MOST);
}

fn the_rest_of_it_is_an_array_that_grows(memory: &Memory) {
    let array = TypedArray::<u16>::rest(&memory.buffer, 2).unwrap();
    let last = (BYTES - 2) / 2;
    assert!(array.is_length_tracking() && !array.is_empty());
    assert_eq!((array.len(), array.byte_length(), array.get(last)), (last, BYTES - 2, None));
    assert_eq!(array.set(last, 1), Err(Error::ElementOutOfRange { index: last, length: last }));
    memory.buffer.grow(BYTES + 4).unwrap();
    assert_eq!((array.len(), array.byte_length(), array.get(last)), (last + 2, BYTES + 2, Some(0)));
    array.set(last + 1, 7).unwrap();
    assert_eq!(array.to_vec()[last..], [0, 7]);
    array.fill(9);
    assert_eq!(array.to_vec(), vec![9; last + 2]);
    array.copy_from(last, &[1, 2]).unwrap();
    let mut values = [0; 2];
    array.copy_to(last, &mut values).unwrap();
    assert_eq!(values, [1, 2]);
    assert!(array.copy_from(last + 1, &[1, 2]).is_err());
    let shown = format!("byte_offset: 2, length: {}, is_length_tracking: true }}", last + 2);
    assert!(format!("{array:?}").ends_with(&shown), "{array:?}");
}

/// In the standard too, an array that tracks the length leaves out what is no whole element.
fn the_rest_has_whole_elements_only(memory: &Memory) {
    for length in [BYTES, BYTES + 4, BYTES + 8, BYTES + 12] {
        memory.buffer.grow(length).unwrap();
        let bytes = TypedArray::<u8>::rest(&memory.buffer, 1).unwrap();
        assert_eq!(bytes.len(), length - 1);
        #[cfg(target_has_atomic = "64")]
        for byte_offset in [0, 8, BYTES] {
            let array = TypedArray::<f64>::rest(&memory.buffer, byte_offset).unwrap();
            let count = (length - byte_offset) / 8;
            assert_eq!((array.len(), array.byte_length()), (count, 8 * count));
            assert_eq!((array.get(count), array.to_vec().len()), (None, count));
        }
    }
    assert!(matches!(TypedArray::<i16>::rest(&memory.buffer, 3), Err(Error::UnevenOffset { .. })));
    let beyond = TypedArray::<i16>::rest(&memory.buffer, BYTES + 14);
    assert!(matches!(beyond, Err(Error::ArrayOutOfBounds { .. })), "{beyond:?}");
    let at_the_end = TypedArray::<i16>::rest(&memory.buffer, BYTES + 12).unwrap();
    assert!(at_the_end.is_empty());
    memory.buffer.grow(BYTES + 16).unwrap();
    assert_eq!(at_the_end.to_vec(), [0, 0]);
}

fn an_array_of_a_fixed_length_stays_as_it_is(memory: &Memory) {
    let array = TypedArray::<u8>::new(&memory.buffer, 8, BYTES - 8).unwrap();
    let refused = TypedArray::<u8>::new(&memory.buffer, 8, BYTES - 7).unwrap_err();
    assert_eq!(refused, Error::ArrayOutOfBounds { byte_offset: 8, length: BYTES - 7, size: 1, bytes: BYTES });
    memory.buffer.grow(MOST).unwrap();
    assert!(!array.is_length_tracking());
    assert_eq!((array.len(), array.get(BYTES - 8), array.to_vec().len()), (BYTES - 8, None, BYTES - 8));
    assert_eq!(TypedArray::<u8>::new(&memory.buffer, 8, BYTES - 7).unwrap().get(BYTES - 8), Some(0));
}

fn a_part_of_an_array_that_grows_does_not_grow(memory: &Memory) {
    let array = TypedArray::<u8>::rest(&memory.buffer, 0).unwrap();
    let part = array.subarray(4..BYTES).unwrap();
    assert!(array.subarray(4..BYTES + 1).is_err());
    memory.buffer.grow(MOST).unwrap();
    assert_eq!((part.len(), part.is_length_tracking()), (BYTES - 4, false));
    assert_eq!(array.subarray(4..BYTES + 1).unwrap().len(), BYTES - 3);
}

fn the_rest_of_it_is_a_view_that_grows(memory: &Memory) {
    let (view, part) = (DataView::rest(&memory.buffer, 3).unwrap(), DataView::new(&memory.buffer, 3, 5).unwrap());
    let last = BYTES - 3;
    assert_eq!(view.byte_length(), last);
    let beyond = Error::BytesOutOfBounds { byte_offset: last - 1, count: 2, bytes: last };
    assert_eq!(view.get_be::<u16>(last - 1), Err(beyond.clone()));
    assert_eq!(view.set_be(last - 1, 7_u16), Err(beyond));
    memory.buffer.grow(BYTES + 4).unwrap();
    assert_eq!((view.byte_length(), part.byte_length()), (last + 4, 5));
    view.set_be(last - 1, 0x0102_u16).unwrap();
    assert_eq!(view.get_le::<u16>(last - 1), Ok(0x0201));
    let at_the_end = DataView::rest(&memory.buffer, BYTES + 4).unwrap();
    memory.buffer.grow(BYTES + 8).unwrap();
    assert_eq!(at_the_end.get_ne::<i32>(0), Ok(0));
}

fn copies_reach_what_has_come(memory: &Memory) {
    assert!(memory.buffer.write_bytes(BYTES - 1, b"12").is_err());
    memory.buffer.grow(BYTES + 8).unwrap();
    memory.buffer.write_bytes(BYTES - 1, b"12345678").unwrap();
    let mut bytes = [0; 3];
    memory.buffer.read_bytes(BYTES + 3, &mut bytes).unwrap();
    assert_eq!(&bytes, b"567");
    let array = TypedArray::<u8>::rest(&memory.buffer, BYTES - 1).unwrap();
    array.copy_within(0..5, 4).unwrap();
    assert_eq!(array.slice(0..9).unwrap(), b"123412345");
    assert!(array.copy_within(0..5, 5).is_err());
}

fn operations_reach_what_has_come(memory: &Memory) {
    let _watchdog = Watchdog::new("operations_reach_what_has_come");
    let array = Int32Array::rest(&memory.buffer, 4).unwrap();
    let index = array.len();
    let beyond = Error::ElementOutOfRange { index, length: index };
    assert_eq!(Atomics::add(array, index, 1), Err(beyond.clone()));
    assert_eq!(Atomics::wait(array, index, 0, Duration::ZERO), Err(beyond.clone()));
    assert_eq!(Atomics::notify(array, index, 1), Err(beyond));
    memory.buffer.grow(BYTES + 4).unwrap();
    assert_eq!((Atomics::add(array, index, 3), Atomics::load(array, index)), (Ok(0), Ok(3)));
    assert_eq!(Atomics::wait(array, index, 3, Duration::ZERO), Ok(Wait::TimedOut));
    thread::scope(|threads| {
        let threads = sleepers(threads, 1, move || {
            while Atomics::load(array, index) == Ok(3) {
                let _ = Atomics::wait(array, index, 3, LONG);
            }
        });
        Atomics::store(array, index, 4).unwrap();
        Atomics::notify(array, index, 1).unwrap();
        crate::support::join_all(threads);
    });
}

/// Each takes every length that is left to it, while one watches.
fn agents_that_grow_it_at_once_lose_no_growth(memory: &Memory) {
    let _watchdog = Watchdog::new("agents_that_grow_it_at_once_lose_no_growth");
    const AGENTS: usize = 4;
    let buffer = &memory.buffer;
    let (grown, running) = (AtomicUsize::new(0), AtomicUsize::new(AGENTS));
    thread::scope(|threads| {
        for agent in 0..AGENTS {
            let (grown, running) = (&grown, &running);
            threads.spawn(move || {
                let _over = crate::support::OnDrop(|| {
                    running.fetch_sub(1, Relaxed);
                });
                for length in (BYTES + 4..MOST).step_by(4).skip(agent).step_by(AGENTS) {
                    match buffer.grow(length) {
                        Ok(()) => {
                            assert!(buffer.byte_length() >= length, "taken back");
                            grown.fetch_max(length, Relaxed);
                        }
                        Err(MemoryError::WouldShrink { bytes, length: now }) => {
                            assert!(bytes == length as u64 && now > bytes && now <= MOST as u64);
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        let mut seen = BYTES;
        while running.load(Relaxed) > 0 {
            let length = buffer.byte_length();
            assert!(length >= seen && length % 4 == 0, "{length} after {seen}");
            seen = length;
        }
    });
    assert_eq!((buffer.byte_length(), grown.load(Relaxed)), (MOST - 4, MOST - 4));
}

#[test]
fn a_buffer_of_a_fixed_length_does_not_grow() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert_eq!((buffer.max_byte_length(), buffer.is_growable()), (64, false));
    for bytes in [0, 6, 60, 64, 68, usize::MAX] {
        assert_eq!(buffer.grow(bytes), Err(MemoryError::FixedLength { bytes: 64 }));
    }
    for (way, made) in make_in_every_way(64) {
        let Ok(buffer) = made else { continue };
        assert!(!buffer.is_growable(), "{way}");
        assert_eq!(buffer.grow(128), Err(MemoryError::FixedLength { bytes: 64 }), "{way}");
    }
}

type Make = fn(BufferOptions, usize) -> Result<SharedBuffer, MemoryError>;

/// Nothing of it is left.
const WAYS: [(&str, Make); 7] = [
    ("heap", |options, bytes| options.heap(bytes)),
    ("anonymous", |options, bytes| options.anonymous(bytes)),
    ("memfd", |options, bytes| options.memfd(bytes)),
    ("named", |options, bytes| Kept::named().open_or_create_with(options, bytes)),
    ("create_named", |options, bytes| Kept::named().create_with(options, bytes)),
    ("file", |options, bytes| Kept::file().open_or_create_with(options, bytes)),
    ("create_file", |options, bytes| Kept::file().create_with(options, bytes)),
];

#[test]
fn a_maximum_that_no_buffer_can_have_is_an_error_in_every_way() {
    let most = (isize::MAX as usize & !63) - 64;
    let too_large = |bytes: usize, max: usize| MemoryError::TooLarge { bytes: bytes as u64, max: max as u64 };
    for (way, make) in WAYS {
        for (bytes, max, error) in [
            (0, 64, MemoryError::ZeroLength),
            (4, 0, MemoryError::ZeroLength),
            (6, 64, MemoryError::UnevenLength { bytes: 6 }),
            (4, 63, MemoryError::UnevenLength { bytes: 63 }),
            (68, 64, too_large(68, 64)),
            (4, most + 4, too_large(most + 4, most)),
        ] {
            let made = make(BufferOptions::new().max_byte_length(max), bytes);
            assert_eq!(made.unwrap_err(), error, "{way}: {bytes} bytes, growable to {max}");
        }
    }
    assert_eq!(SharedBuffer::options().max_byte_length(64).heap(68).unwrap_err(), too_large(68, 64));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_maximum_beyond_all_memory_has_no_room_in_every_way() {
    let most = (isize::MAX as usize & !63) - 64;
    for (way, make) in WAYS {
        match make(BufferOptions::new().max_byte_length(most), 4).unwrap_err() {
            MemoryError::NoRoom { bytes, .. } => assert_eq!(bytes, most as u64, "{way}"),
            MemoryError::Unsupported { .. } if !cfg!(target_os = "linux") => {}
            error => panic!("{way}: {error}"),
        }
    }
}

#[test]
fn options_without_a_maximum_make_a_fixed_buffer_in_every_way() {
    for (way, make) in WAYS {
        match make(BufferOptions::new(), 64) {
            Ok(buffer) => {
                assert_eq!((buffer.byte_length(), buffer.is_growable()), (64, false), "{way}");
                assert_eq!(buffer.scope() == Scope::Private, way == "heap", "{way}");
            }
            Err(MemoryError::Unsupported { .. }) if !cfg!(target_os = "linux") => {}
            Err(error) => panic!("{way}: {error}"),
        }
    }
}

/// Room is taken as it is grown to or touched: much more than there is can be kept open. But an allocator may be
/// refused what the system has not.
#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn a_maximum_takes_no_room() {
    const MUCH: usize = 1 << 36;
    if crate::support::is_emulated() {
        return crate::support::skipped(
            "a_maximum_takes_no_room",
            "qemu maps an object over memory that it wants room for",
        );
    }
    for (way, make) in WAYS.into_iter().filter(|(way, _)| *way != "heap") {
        let buffer = make(BufferOptions::new().max_byte_length(MUCH), 4096).unwrap();
        buffer.grow(8192).unwrap();
        assert_eq!((buffer.byte_length(), buffer.max_byte_length()), (8192, MUCH), "{way}");
    }
}

/// Nor of the heap: nobody writes the zeros. The other tests of this process take little beside it.
#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn a_maximum_of_the_heap_is_not_touched() {
    const MUCH: usize = 1 << 30;
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        1024 * line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap()
    };
    let before = resident();
    let buffer = SharedBuffer::options().max_byte_length(MUCH).heap(4096).unwrap();
    buffer.grow(8192).unwrap();
    let taken = resident().saturating_sub(before);
    assert!(taken < MUCH / 4, "{taken} bytes are resident");
    assert_eq!(buffer.byte_length(), 8192);
}

#[test]
#[cfg(any(target_os = "freebsd", target_os = "macos"))]
fn a_named_object_that_is_there_before_its_header_cannot_grow() {
    let kept = Kept::named();
    let made = kept.create_with(BufferOptions::new().max_byte_length(64), 64);
    assert!(matches!(made, Err(MemoryError::Unsupported { .. })), "{made:?}");
}
