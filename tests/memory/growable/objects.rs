//! A growable object as others find it: by its header, or as bytes, and with a header that somebody has scribbled on.
#![cfg(target_os = "linux")]

use crate::support::growable::{HEADER, LENGTH_PLACE, MAX_PLACE, MOST, options};
use crate::support::kept::Kept;
use crate::support::{BYTES, Memory, Watchdog};
use rustix::fs::{SealFlags, fcntl_get_seals, ftruncate};
use slotsync::arrays::{Atomics, DataView, Int32Array, TypedArray};
use slotsync::{BufferOptions, MemoryError, SharedBuffer, Wait};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

over_shared_growable_origins! {
    an_object_has_its_final_length_and_its_header_at_the_end
    no_length_that_a_peer_scribbles_leads_beyond_the_maximum
    growing_repairs_a_length_that_is_no_whole_slot
    a_header_that_does_not_fit_its_object_is_none
    a_header_of_another_version_is_refused
}

/// Where the header begins.
fn header(object: &File) -> u64 {
    object.metadata().unwrap().len() - HEADER
}

fn scribble(object: &File, place: u64, value: u64) {
    object.write_all_at(&value.to_ne_bytes(), header(object) + place).unwrap();
}

fn read(object: &File, place: u64) -> u64 {
    let mut bytes = [0; 8];
    object.read_exact_at(&mut bytes, header(object) + place).unwrap();
    u64::from_ne_bytes(bytes)
}

fn an_object_has_its_final_length_and_its_header_at_the_end(memory: &Memory) {
    let Some(object) = memory.object() else { return };
    let length = (MOST as u64).next_multiple_of(HEADER) + HEADER;
    for bytes in [BYTES, MOST] {
        memory.buffer.grow(bytes).unwrap();
        assert_eq!(object.metadata().unwrap().len(), length);
        assert_eq!((read(&object, MAX_PLACE), read(&object, LENGTH_PLACE)), (MOST as u64, bytes as u64));
    }
}

fn no_length_that_a_peer_scribbles_leads_beyond_the_maximum(memory: &Memory) {
    let Some(object) = memory.object() else { return };
    let buffer = &memory.buffer;
    let most = MOST as u64;
    let fixed = TypedArray::<u8>::new(buffer, 0, BYTES).unwrap();
    let tracking = TypedArray::<u16>::rest(buffer, 8).unwrap();
    let view = DataView::rest(buffer, 8).unwrap();
    let (words, part) =
        (Int32Array::new(buffer, 4, BYTES / 4 - 1).unwrap(), DataView::new(buffer, 2, BYTES - 2).unwrap());
    let near = |value: u64| [value.wrapping_sub(4), value.wrapping_sub(1), value, value.wrapping_add(1), value + 4];
    for value in [0, 1, 3, 4, 5, 8, 9, 10, u64::MAX - 3, u64::MAX, 1 << 32, (1 << 32) + 4, 1 << 63]
        .into_iter()
        .chain(near(BYTES as u64))
        .chain(near(most))
    {
        scribble(&object, LENGTH_PLACE, value);
        // Without 64-bit atomics, the lower half is all of it.
        let value = if cfg!(target_has_atomic = "64") { value } else { value & u64::from(u32::MAX) };
        let length = value.min(most) as usize & !3;
        assert_eq!((buffer.byte_length(), buffer.max_byte_length()), (length, MOST), "{value}");
        let slots = buffer.slots(..).unwrap();
        assert_eq!(slots.len(), length / 4);
        slots.iter().for_each(|slot| slot.store(-1, Relaxed));
        assert!(buffer.slot(length / 4).is_err() && buffer.slots(..=length / 4).is_err());
        assert_eq!(tracking.len(), length.saturating_sub(8) / 2);
        assert_eq!(tracking.to_vec().len(), tracking.len());
        assert_eq!((tracking.get(tracking.len()), tracking.set(0, 1).is_ok()), (None, length >= 10));
        assert_eq!((view.byte_length(), view.get_le::<u8>(0).is_ok()), (length.saturating_sub(8), length > 8));
        assert_eq!(buffer.write_bytes(length - length.min(2), &[0; 2][..length.min(2)]), Ok(()));
        assert!(buffer.read_bytes(length, &mut [0]).is_err());
        // The bytes that were there when it was made are there.
        assert_eq!((fixed.len(), fixed.to_vec().len(), fixed.get(BYTES - 1).is_some()), (BYTES, BYTES, true));
        let last = words.len() - 1;
        let found = Atomics::store(words, last, 7).unwrap();
        assert_eq!(Atomics::wait(words, last, found, Duration::ZERO), Ok(Wait::TimedOut), "{value}");
        assert!(Atomics::notify(words, last, 1).is_ok());
        assert_eq!((part.get_ne(BYTES - 6), part.byte_length()), (Ok(found), BYTES - 2));
        assert_eq!(part.set_ne(BYTES - 6, -1), Ok(()));
        // A process that comes now believes no more of it.
        let again = memory.again().unwrap();
        assert_eq!((again.byte_length(), again.max_byte_length()), (length, MOST));
        let grown = buffer.grow(MOST);
        assert_eq!((grown, buffer.byte_length()), (Ok(()), MOST));
        assert!(buffer.grow(MOST + 4).is_err());
        assert_eq!(again.byte_length(), MOST);
    }
}

fn growing_repairs_a_length_that_is_no_whole_slot(memory: &Memory) {
    let _watchdog = Watchdog::new("growing_repairs_a_length_that_is_no_whole_slot");
    let Some(object) = memory.object() else { return };
    scribble(&object, LENGTH_PLACE, BYTES as u64 + 3);
    let shrinks = MemoryError::WouldShrink { bytes: BYTES as u64 - 4, length: BYTES as u64 };
    assert_eq!(memory.buffer.grow(BYTES - 4), Err(shrinks));
    memory.buffer.grow(BYTES + 4).unwrap();
    assert_eq!((memory.buffer.byte_length(), read(&object, LENGTH_PLACE)), (BYTES + 4, BYTES as u64 + 4));
}

fn a_header_that_does_not_fit_its_object_is_none(memory: &Memory) {
    let Some(object) = memory.object() else { return };
    let whole = object.metadata().unwrap().len() as usize;
    let most = MOST as u64;
    for max in [0, 4, most - HEADER, most + HEADER, most | 1, u64::MAX, u64::MAX - 3, u64::MAX - 63] {
        scribble(&object, MAX_PLACE, max);
        // A buffer that is there already goes by what it found.
        assert_eq!((memory.buffer.byte_length(), memory.buffer.max_byte_length()), (BYTES, MOST));
        let again = memory.again().unwrap();
        assert_eq!((again.byte_length(), again.is_growable()), (whole, false), "{max}");
    }
    scribble(&object, MAX_PLACE, most);
    scribble(&object, 0, 0);
    assert!(!memory.again().unwrap().is_growable(), "without its mark");
}

fn a_header_of_another_version_is_refused(memory: &Memory) {
    let Some(object) = memory.object() else { return };
    for found in [0, 2, u64::MAX] {
        scribble(&object, 8, found);
        let object: OwnedFd = object.try_clone().unwrap().into();
        let error = SharedBuffer::options().allow_unsealed(true).from_fd(object).unwrap_err();
        assert_eq!(error, MemoryError::HeaderVersion { name: "descriptor".into(), found, expected: 1 });
    }
}

/// Nor is a part of it handed out: how much of it may be, only its own version knows.
#[test]
fn a_fixed_buffer_of_another_version_is_refused_too() {
    for kept in Kept::both() {
        drop(kept.create_with(options(), BYTES).unwrap());
        let object = File::options().read(true).write(true).open(kept.path()).unwrap();
        scribble(&object, 8, 2);
        let error = MemoryError::HeaderVersion { name: kept.name(), found: 2, expected: 1 };
        assert_eq!([kept.open_or_create(64), kept.open()].map(Result::unwrap_err), [(); 2].map(|()| error.clone()));
        assert_eq!(kept.open_or_create_with(options(), 64).unwrap_err(), error);
    }
}

/// The header is written before the object can be seen, so all who come at once find it.
#[test]
fn each_caller_gets_it_whether_it_exists_or_not() {
    for kept in Kept::both() {
        let first = kept.open_or_create_with(options(), BYTES).unwrap();
        first.grow(2 * BYTES).unwrap();
        // Its length is as it is, and its maximum may be more than is asked for.
        for (bytes, max) in [(BYTES, MOST), (4, MOST), (2 * BYTES, MOST), (BYTES, MOST - 4), (4, 4)] {
            let again = kept.open_or_create_with(BufferOptions::new().max_byte_length(max), bytes).unwrap();
            assert_eq!((again.byte_length(), again.max_byte_length()), (2 * BYTES, MOST));
        }
        let opened = kept.open().unwrap();
        assert_eq!((opened.byte_length(), opened.max_byte_length()), (2 * BYTES, MOST));
        opened.grow(3 * BYTES).unwrap();
        assert_eq!(first.byte_length(), 3 * BYTES);
        assert_eq!(kept.create_with(options(), BYTES).unwrap_err(), MemoryError::AlreadyExists { name: kept.name() });
    }
}

#[test]
fn what_it_cannot_be_is_refused_and_changes_nothing() {
    for kept in Kept::both() {
        let buffer = kept.create_with(options(), BYTES).unwrap();
        let more = BufferOptions::new().max_byte_length(MOST + 4);
        let found = MOST as u64;
        let max_too_short = MemoryError::MaxTooShort { name: kept.name(), found, max: found + 4 };
        assert_eq!(kept.open_or_create_with(more, BYTES).unwrap_err(), max_too_short);
        let too_short = MemoryError::TooShort { name: kept.name(), found: BYTES as u64, bytes: BYTES as u64 + 4 };
        assert_eq!(kept.open_or_create_with(options(), BYTES + 4).unwrap_err(), too_short);
        assert_eq!((buffer.byte_length(), buffer.max_byte_length()), (BYTES, MOST));
        kept.unlink();

        let fixed = kept.create(2 * MOST).unwrap();
        let not_growable = MemoryError::NotGrowable { name: kept.name() };
        assert_eq!(kept.open_or_create_with(options(), BYTES).unwrap_err(), not_growable);
        assert!(!kept.open().unwrap().is_growable());
        drop(fixed);
    }
}

/// Nobody has ever written what is beyond the length, and it must be so when the length covers it.
#[test]
fn a_fixed_buffer_over_it_gets_no_more_than_the_length() {
    for kept in Kept::both() {
        let growable = kept.create_with(options(), BYTES).unwrap();
        for (bytes, found) in [(BYTES + 4, BYTES), (MOST, BYTES), (MOST + 4, BYTES), (4 * MOST, BYTES)] {
            let too_short = MemoryError::TooShort { name: kept.name(), found: found as u64, bytes: bytes as u64 };
            assert_eq!(kept.open_or_create(bytes).unwrap_err(), too_short);
        }
        let fixed = kept.open_or_create(BYTES).unwrap();
        growable.grow(MOST).unwrap();
        assert_eq!((fixed.byte_length(), fixed.is_growable()), (BYTES, false));
        assert_eq!(kept.open_or_create(MOST).unwrap().byte_length(), MOST);
        assert!(kept.open_or_create(MOST + 4).is_err(), "not the header");
    }
}

#[test]
fn a_process_handed_the_descriptor_can_grow_it_and_nobody_can_resize_it() {
    let buffer = options().memfd(BYTES).unwrap();
    let descriptor = buffer.as_fd().unwrap();
    let seals = fcntl_get_seals(descriptor).unwrap();
    assert!(seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL));
    assert!(ftruncate(descriptor, 0).is_err());
    let handed_on = SharedBuffer::from_fd(descriptor.try_clone_to_owned().unwrap()).unwrap();
    handed_on.grow(MOST).unwrap();
    drop(buffer);
    let once_more = SharedBuffer::options()
        .allow_unsealed(true)
        .from_fd(handed_on.as_fd().unwrap().try_clone_to_owned().unwrap())
        .unwrap();
    assert_eq!((once_more.byte_length(), once_more.max_byte_length()), (MOST, MOST));
}

#[test]
fn a_file_that_is_handed_on_by_descriptor_grows_and_reserves() {
    let kept = Kept::file();
    let buffer = kept.create_with(BufferOptions::new().max_byte_length(1 << 24), BYTES).unwrap();
    let object = File::options().read(true).write(true).open(kept.path()).unwrap();
    let handed_on = SharedBuffer::options().allow_unsealed(true).from_fd(object.into()).unwrap();
    handed_on.grow(1 << 20).unwrap();
    assert_eq!(buffer.byte_length(), 1 << 20);
    let has = fs::metadata(kept.path()).unwrap().blocks() * 512;
    assert!((1 << 20..1 << 21).contains(&has), "{has} bytes are reserved");
}

/// The bytes that it has not grown to take no room, not even where the object is opened again.
#[test]
fn an_object_takes_the_room_of_its_length() {
    for kept in Kept::both() {
        let buffer = kept.create_with(BufferOptions::new().max_byte_length(1 << 26), 1 << 20).unwrap();
        for bytes in [1_u64 << 20, 1 << 21] {
            buffer.grow(bytes as usize).unwrap();
            drop(kept.open().unwrap());
            drop(kept.open_or_create_with(BufferOptions::new().max_byte_length(64), 64).unwrap());
            let has = fs::metadata(kept.path()).unwrap().blocks() * 512;
            assert!((bytes..bytes + (1 << 18)).contains(&has), "{has} bytes for {bytes}");
        }
    }
}

#[test]
fn a_copy_of_a_file_is_as_growable_as_the_file() {
    let kept = Kept::file();
    let buffer = kept.create_with(options(), BYTES).unwrap();
    buffer.grow(BYTES + 64).unwrap();
    buffer.slot(BYTES / 4).unwrap().store(7, Relaxed);
    let path = kept.folder().join("copy");
    fs::copy(kept.path(), &path).unwrap();
    let copy = SharedBuffer::open_file(path).unwrap();
    copy.grow(MOST).unwrap();
    assert_eq!((copy.slot(BYTES / 4).unwrap().load(Relaxed), buffer.byte_length()), (7, BYTES + 64));
}

#[test]
fn an_object_that_is_a_header_and_nothing_else_is_bytes() {
    let kept = Kept::file();
    drop(kept.create_with(BufferOptions::new().max_byte_length(4), 4).unwrap());
    let bytes = fs::read(kept.path()).unwrap();
    assert_eq!(bytes.len(), 128);
    fs::write(kept.path(), &bytes[64..]).unwrap();
    let buffer = kept.open().unwrap();
    assert_eq!((buffer.byte_length(), buffer.is_growable()), (64, false));
}
