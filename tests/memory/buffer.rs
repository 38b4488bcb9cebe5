//! The promises of every buffer, whatever its origin: its length, its zeros, and its scope. Memory under a name is in
//! `names.rs`, memory behind a descriptor in `descriptors.rs`; a want of room is in `room.rs`, and races with other
//! processes are in `races.rs`.
#![allow(unsafe_code, reason = "foreign memory")]

use crate::support::Memory;
use crate::support::kept::make_in_every_way;
#[cfg(target_pointer_width = "64")]
use slotsync::SystemError;
use slotsync::{Error, Lock, MemoryError, NotHeld, Origin, Scope, SharedBuffer, TimedOut};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

/// The greatest length of a buffer: a multiple of 4 bytes, at most `isize::MAX`.
const MOST: usize = isize::MAX as usize - 3;

over_every_origin! {
    fresh_memory_is_zero
    a_buffer_is_as_long_as_asked_for
    every_word_can_be_written
    slot_0_starts_a_cache_line
}

#[cfg(unix)]
over_shared_origins! {
    two_attachments_are_one_memory
    a_dropped_mapping_takes_nothing_from_the_other
}

fn fresh_memory_is_zero(memory: &Memory) {
    assert!(memory.buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 0));
}

fn a_buffer_is_as_long_as_asked_for(memory: &Memory) {
    assert_eq!(memory.buffer.byte_length(), crate::support::BYTES);
    assert_eq!(memory.buffer.slots(..).unwrap().len(), crate::support::BYTES / 4);
}

fn every_word_can_be_written(memory: &Memory) {
    for (value, slot) in (1..).zip(memory.buffer.slots(..).unwrap()) {
        slot.store(value, Relaxed);
    }
    assert!((1..).zip(memory.buffer.slots(..).unwrap()).all(|(value, slot)| slot.load(Relaxed) == value));
}

/// Nothing says where it is but the error of a value of 64 bits, which cannot begin at an odd slot.
fn slot_0_starts_a_cache_line(memory: &Memory) {
    #[cfg(target_has_atomic = "64")]
    match slotsync::Synchronic::<u64>::new(&memory.buffer, 1).unwrap_err() {
        Error::Misaligned { address, .. } => {
            let line = align_of::<crossbeam_utils::CachePadded<AtomicI32>>();
            assert_eq!((address - 12) % line, 0, "{address:#x} is the address of slot 3");
        }
        error => panic!("{error}"),
    }
    #[cfg(not(target_has_atomic = "64"))]
    let _ = memory;
}

#[cfg(unix)]
fn two_attachments_are_one_memory(memory: &Memory) {
    let Some(again) = memory.again() else { return };
    assert_eq!(again.byte_length(), memory.buffer.byte_length());
    assert_eq!(again.scope(), Scope::Shared);
    for (value, (here, there)) in (1..).zip(memory.buffer.slots(..).unwrap().iter().zip(again.slots(..).unwrap())) {
        here.store(value, Relaxed);
        assert_eq!(there.load(Relaxed), value);
        there.store(-value, Relaxed);
        assert_eq!(here.load(Relaxed), -value);
    }
}

#[cfg(unix)]
fn a_dropped_mapping_takes_nothing_from_the_other(memory: &Memory) {
    let Some(again) = memory.again() else { return };
    memory.buffer.slot(7).unwrap().store(7, Relaxed);
    drop(again);
    assert_eq!(memory.buffer.slot(7).unwrap().load(Relaxed), 7);
    assert_eq!(memory.again().unwrap().slot(7).unwrap().load(Relaxed), 7);
}

#[test]
fn a_length_that_no_buffer_can_have_is_an_error_in_every_way_and_leaves_nothing() {
    for (bytes, error) in [(0, MemoryError::ZeroLength)]
        .into_iter()
        .chain([1, 2, 3, 6, 4097, MOST - 1].map(|bytes| (bytes, MemoryError::UnevenLength { bytes: bytes as u64 })))
        .chain(
            [MOST + 1, MOST + 4, usize::MAX - 3, usize::MAX]
                .map(|bytes| (bytes, MemoryError::TooLarge { bytes: bytes as u64, max: MOST as u64 })),
        )
    {
        for (way, made) in make_in_every_way(bytes) {
            assert_eq!(made.unwrap_err(), error, "{way}");
        }
        // SAFETY: the length is refused before anybody could look at memory.
        let foreign = unsafe { SharedBuffer::from_raw_parts([0_i32; 1].as_mut_ptr().cast(), bytes, Scope::Private) };
        assert_eq!(foreign.unwrap_err(), error);
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_length_beyond_all_memory_has_no_room_in_every_way_and_leaves_nothing() {
    for bytes in [1 << 60, MOST] {
        for (way, made) in make_in_every_way(bytes) {
            match made.unwrap_err() {
                MemoryError::Unsupported { .. } if !is_supported(way) => {}
                MemoryError::NoRoom { bytes: refused, source } => {
                    assert_eq!(refused, bytes as u64, "{way}");
                    assert_ne!(source.code(), 0, "{way}");
                }
                error => panic!("{way} of {bytes} bytes: {error:?}"),
            }
        }
    }
}

#[test]
fn a_buffer_may_be_of_any_whole_number_of_slots() {
    for bytes in [4, 8, 12, 4092, 4096, 4100, 3 * 4096 + 4, 65_536 + 4] {
        for (way, made) in make_in_every_way(bytes).into_iter().filter(|(way, _)| is_supported(way)) {
            let buffer = made.unwrap();
            assert_eq!((buffer.byte_length(), buffer.slots(..).unwrap().len()), (bytes, bytes / 4), "{way}");
            assert!(
                buffer.slots(..).unwrap().iter().all(|slot| slot.swap(-1, Relaxed) == 0),
                "{way} of {bytes} bytes is zero"
            );
            assert!(buffer.slot(bytes / 4).is_err(), "{way}");
        }
    }
}

#[test]
fn memory_that_was_used_before_is_zero_again() {
    for _ in 0..1000 {
        let buffer = SharedBuffer::new(256).unwrap();
        assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.swap(-1, Relaxed) == 0));
    }
}

#[test]
fn only_the_heap_is_private() {
    for (way, made) in make_in_every_way(64).into_iter().filter(|(way, _)| is_supported(way)) {
        let scope = if way == "new" { Scope::Private } else { Scope::Shared };
        assert_eq!(made.unwrap().scope(), scope, "{way}");
    }
}

#[test]
fn what_a_platform_lacks_is_unsupported() {
    for (way, made) in make_in_every_way(64) {
        match made {
            Ok(_) => assert!(is_supported(way), "{way}"),
            Err(MemoryError::Unsupported { what }) => assert!(!is_supported(way), "{way}: {what}"),
            Err(error) => panic!("{way}: {error}"),
        }
    }
    let absent = "slotsync-test-that-is-not-there";
    let unsupported = |error| matches!(error, MemoryError::Unsupported { .. });
    assert_eq!(unsupported(SharedBuffer::open_named(absent).unwrap_err()), !is_supported("named"));
    assert_eq!(unsupported(SharedBuffer::unlink(absent).unwrap_err()), !is_supported("named"));
    assert_eq!(unsupported(SharedBuffer::open_file(absent).unwrap_err()), !is_supported("file"));
}

fn is_supported(way: &str) -> bool {
    match way {
        "new" => true,
        "anonymous" | "file" | "create_file" => cfg!(unix),
        "memfd" => cfg!(any(target_os = "linux", target_os = "android", target_os = "freebsd")),
        "named" | "create_named" => cfg!(any(target_os = "linux", target_os = "freebsd", target_os = "macos")),
        _ => unreachable!("{way}"),
    }
}

#[test]
fn a_private_buffer_says_where_it_is_from() {
    let buffer = SharedBuffer::new(64).unwrap();
    assert_eq!(buffer.origin(), Origin::Heap);
    assert_eq!(format!("{buffer:?}"), "SharedBuffer { origin: Heap, byte_length: 64, scope: Private }");
}

#[test]
#[cfg(target_os = "linux")]
fn a_shared_buffer_says_where_it_is_from() {
    let text = |buffer: &SharedBuffer, origin: &str| {
        assert_eq!(
            format!("{buffer:?}"),
            format!("SharedBuffer {{ origin: {origin}, byte_length: 64, scope: Shared }}")
        );
    };
    let buffer = SharedBuffer::anonymous(64).unwrap();
    assert_eq!(buffer.origin(), Origin::Anonymous);
    text(&buffer, "Anonymous");

    let buffer = SharedBuffer::memfd(64).unwrap();
    assert_eq!(buffer.origin(), Origin::Descriptor);
    text(&buffer, "Descriptor");
    let handed_on = SharedBuffer::from_fd(buffer.as_fd().unwrap().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(handed_on.origin(), Origin::Descriptor);

    // As it was given: with the slash or without.
    let kept = crate::support::kept::Kept::named();
    let crate::support::kept::Kept::Named(name) = &kept else { unreachable!() };
    for name in [name.as_str(), &name[1..]] {
        let buffer = SharedBuffer::named(name, 64).unwrap();
        assert_eq!(buffer.origin(), Origin::Named(name));
        text(&buffer, &format!("Named({name:?})"));
    }
    let buffer = SharedBuffer::open_named(name).unwrap();
    assert_eq!(buffer.origin(), Origin::Named(name));

    let kept = crate::support::kept::Kept::file();
    for buffer in [kept.create(64).unwrap(), kept.open_or_create(64).unwrap(), kept.open().unwrap()] {
        assert_eq!(buffer.origin(), Origin::File(&kept.path()));
        text(&buffer, &format!("File({:?})", kept.path()));
    }
}

/// Sixteen words that a test lends to a buffer.
fn words() -> [AtomicI32; 16] {
    [const { AtomicI32::new(0) }; 16]
}

#[test]
fn foreign_memory_serves_in_place_and_is_given_back() {
    let words = words();
    // SAFETY: the words outlive the buffer, and are atomic.
    let buffer = unsafe { SharedBuffer::from_raw_parts(words[2].as_ptr().cast(), 56, Scope::Private) }.unwrap();
    assert_eq!((buffer.origin(), buffer.byte_length(), buffer.scope()), (Origin::Foreign, 56, Scope::Private));
    assert_eq!(format!("{buffer:?}"), "SharedBuffer { origin: Foreign, byte_length: 56, scope: Private }");
    words[3].store(5, Relaxed);
    assert_eq!(buffer.slot(1).unwrap().load(Relaxed), 5, "what was there is there");
    let guard = Lock::new(&buffer, 13).unwrap().lock();
    assert_eq!(words[15].load(Relaxed), 1);
    drop(guard);
    assert_eq!(buffer.slot(14), Err(Error::OutOfBounds { index: 14, count: 1, length: 14 }));
    drop(buffer);
    assert_eq!(words[3].swap(6, Relaxed), 5, "only lent");
}

#[test]
fn foreign_memory_that_is_no_place_for_words_is_refused() {
    let words = words();
    for offset in [1, 2, 3] {
        let base = words[0].as_ptr().cast::<u8>().wrapping_add(offset);
        // SAFETY: there is memory of that length from there on.
        let made = unsafe { SharedBuffer::from_raw_parts(base, 32, Scope::Private) };
        assert_eq!(made.unwrap_err(), MemoryError::Misaligned { address: base.addr(), align: 4 });
    }
    // SAFETY: the address is refused before anybody could look there.
    let made = unsafe { SharedBuffer::from_raw_parts(std::ptr::null_mut(), 32, Scope::Private) };
    assert_eq!(made.unwrap_err(), MemoryError::Misaligned { address: 0, align: 4 });
}

#[test]
fn foreign_memory_is_shared_where_the_futex_is() {
    let words = words();
    // SAFETY: the words outlive the buffer and are atomic, and nobody waits on them.
    let made = unsafe { SharedBuffer::from_raw_parts(words[0].as_ptr().cast(), 64, Scope::Shared) };
    if cfg!(windows) {
        assert_eq!(made.unwrap_err(), MemoryError::Unsupported { what: "waiting across processes" });
    } else {
        assert_eq!(made.unwrap().scope(), Scope::Shared);
    }
}

/// A length that the system refuses, and so an error that keeps one of the system's.
#[cfg(target_pointer_width = "64")]
fn system_error() -> SystemError {
    match SharedBuffer::new(MOST).unwrap_err() {
        MemoryError::NoRoom { source, .. } => source,
        error => panic!("{error:?}"),
    }
}

fn name() -> PathBuf {
    Path::new("n").to_owned()
}

#[test]
fn an_error_keeps_its_kind_and_its_text_as_an_io_error() {
    use io::ErrorKind;
    for (error, kind) in [
        (MemoryError::ZeroLength, ErrorKind::InvalidInput),
        (MemoryError::UnevenLength { bytes: 6 }, ErrorKind::InvalidInput),
        (MemoryError::TooShort { name: name(), found: 4, bytes: 8 }, ErrorKind::InvalidInput),
        (MemoryError::BadName { name: name(), reason: "it is empty" }, ErrorKind::InvalidInput),
        (MemoryError::Unsealed, ErrorKind::InvalidInput),
        (MemoryError::AlreadyExists { name: name() }, ErrorKind::AlreadyExists),
        (MemoryError::NotFound { name: name() }, ErrorKind::NotFound),
        (MemoryError::Unsupported { what: "memfd" }, ErrorKind::Unsupported),
    ] {
        assert_kept(&error, kind);
    }
    for (error, kind) in [
        (Error::NotHeld(NotHeld), ErrorKind::InvalidInput),
        (Error::ScopeMismatch, ErrorKind::InvalidInput),
        (Error::TimedOut(TimedOut), ErrorKind::TimedOut),
        (Error::Unsupported { what: "memfd" }, ErrorKind::Unsupported),
    ] {
        let converted = io::Error::from(error.clone());
        assert_eq!((converted.kind(), converted.to_string()), (kind, error.to_string()));
        assert_eq!(converted.get_ref().unwrap().downcast_ref::<Error>(), Some(&error));
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_error_of_the_system_keeps_its_kind_and_its_text_as_an_io_error() {
    let source = system_error();
    let kind = io::Error::from_raw_os_error(source.code()).kind();
    assert_ne!(kind, io::ErrorKind::InvalidInput);
    assert_kept(&MemoryError::NoRoom { bytes: 8, source }, kind);
    assert_kept(&MemoryError::Os { call: "open", name: name(), source }, kind);
    assert_kept(&MemoryError::PermissionDenied { name: name(), source }, io::ErrorKind::PermissionDenied);
    let converted = io::Error::from(source);
    assert_eq!((converted.raw_os_error(), converted.kind()), (Some(source.code()), kind));
}

/// As an `io::Error` of its own, and by way of an `Error`.
fn assert_kept(error: &MemoryError, kind: io::ErrorKind) {
    assert_eq!(error.kind(), kind);
    let converted = io::Error::from(error.clone());
    assert_eq!((converted.kind(), converted.to_string()), (kind, error.to_string()));
    assert_eq!(converted.get_ref().unwrap().downcast_ref::<MemoryError>(), Some(error));

    let wide = Error::from(error.clone());
    assert_eq!((&wide, wide.to_string()), (&Error::Memory(error.clone()), error.to_string()));
    let converted = io::Error::from(wide.clone());
    assert_eq!((converted.kind(), converted.to_string()), (kind, error.to_string()));
    assert_eq!(converted.get_ref().unwrap().downcast_ref::<Error>(), Some(&wide));
}

/// A chain of errors has each text once: an `Error` speaks for the `MemoryError` in it, and so has the same source.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_source_of_an_error_is_that_of_the_system() {
    let source = system_error();
    for error in [
        MemoryError::NoRoom { bytes: 8, source },
        MemoryError::PermissionDenied { name: name(), source },
        MemoryError::Os { call: "mmap", name: name(), source },
    ] {
        let by_itself = std::error::Error::source(&error).unwrap();
        assert_eq!(by_itself.downcast_ref::<SystemError>(), Some(&source), "{error:?}");
        assert_eq!(by_itself.to_string(), io::Error::from_raw_os_error(source.code()).to_string());
        assert!(by_itself.source().is_none(), "the system gives no further reason");

        let wide = Error::Memory(error);
        let by_way_of_it = std::error::Error::source(&wide).unwrap();
        assert_eq!(by_way_of_it.downcast_ref::<SystemError>(), Some(&source), "{wide:?}");
    }
}

#[test]
fn an_error_that_is_not_of_the_system_has_no_source() {
    for error in [
        MemoryError::ZeroLength,
        MemoryError::TooLarge { bytes: 9, max: 8 },
        MemoryError::NotFound { name: name() },
        MemoryError::AlreadyExists { name: name() },
        MemoryError::BadName { name: name(), reason: "it is empty" },
        MemoryError::Unsealed,
        MemoryError::Unsupported { what: "memfd" },
    ] {
        assert!(std::error::Error::source(&error).is_none(), "{error:?}");
        let wide = Error::Memory(error);
        assert!(std::error::Error::source(&wide).is_none(), "{wide:?}");
    }
    for error in [Error::ScopeMismatch, Error::TimedOut(TimedOut), Error::NotHeld(NotHeld)] {
        assert!(std::error::Error::source(&error).is_none(), "{error:?}");
    }
}

#[test]
fn an_error_names_the_offending_value_and_the_limit() {
    let misaligned = "address 0xff is not a multiple of 4 bytes";
    let sentences = [
        (MemoryError::ZeroLength, "a length of 0 bytes is less than one slot (4 bytes)"),
        (MemoryError::UnevenLength { bytes: 6 }, "a length of 6 bytes is not a multiple of 4"),
        (MemoryError::TooLarge { bytes: 9, max: 8 }, "a length of 9 bytes exceeds the maximum of 8"),
        (MemoryError::Misaligned { address: 255, align: 4 }, misaligned),
        (MemoryError::BadName { name: name(), reason: "it is empty" }, "\"n\" is not a valid name: it is empty"),
        (MemoryError::FixedLength { bytes: 8 }, "the buffer has a fixed length of 8 bytes and cannot grow"),
        (
            MemoryError::WouldShrink { bytes: 4, length: 8 },
            "a length of 4 bytes is less than the buffer's 8, and buffers never shrink",
        ),
        (MemoryError::NotGrowable { name: name() }, "\"n\" has a fixed length and cannot grow"),
        (
            MemoryError::MaxTooShort { name: name(), found: 4, max: 8 },
            "\"n\" can grow to 4 bytes, fewer than the 8 asked for",
        ),
        (MemoryError::HeaderVersion { name: name(), found: 2, expected: 1 }, "\"n\" has a header of version 2, not 1"),
        (MemoryError::AlreadyExists { name: name() }, "\"n\" already exists"),
        (MemoryError::NotFound { name: name() }, "\"n\" does not exist"),
        (MemoryError::TooShort { name: name(), found: 4, bytes: 8 }, "\"n\" has 4 bytes, fewer than the 8 asked for"),
        (MemoryError::Unsealed, "the descriptor is not sealed against shrinking"),
    ];
    for (error, sentence) in sentences {
        assert_eq!(error.to_string(), sentence);
    }
    let unsupported = format!("memfd is not supported on {}", std::env::consts::OS);
    assert_eq!(MemoryError::Unsupported { what: "memfd" }.to_string(), unsupported);
    for (error, sentence) in [
        (Error::OutOfBounds { index: 3, count: 1, length: 2 }, "slot 3 is out of bounds: the buffer has 2 slots"),
        (
            Error::OutOfBounds { index: 3, count: 2, length: 4 },
            "2 slots from slot 3 are out of bounds: the buffer has 4 slots",
        ),
        (Error::Misaligned { address: 255, align: 4 }, misaligned),
        (Error::Unsupported { what: "memfd" }, &unsupported),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_error_of_the_system_says_what_the_system_says() {
    let source = system_error();
    let system = io::Error::from_raw_os_error(source.code());
    for (error, sentence) in [
        (MemoryError::NoRoom { bytes: 8, source }, format!("no room for 8 bytes: {system}")),
        (MemoryError::Os { call: "mmap", name: name(), source }, format!("mmap of \"n\" failed: {system}")),
        (MemoryError::PermissionDenied { name: name(), source }, format!("no permission for \"n\": {system}")),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}
