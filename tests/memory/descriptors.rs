//! Memory behind a descriptor: nobody can resize it, a descriptor lets another process in, and none is ever lost.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "descriptors, sealed and unsealed")]

use crate::refused::Refused;
use crate::support::confined::in_child;
use crate::support::is_emulated;
use crate::support::kept::{Kept, make_in_every_way};
use crate::support::processes::Process;
use rustix::fs::{FallocateFlags, MemfdFlags, OFlags, SealFlags};
use rustix::fs::{fallocate, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use slotsync::{Lock, MemoryError, SharedBuffer};
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;

const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Memory of that length behind a descriptor with these seals.
fn memory(bytes: u64, seals: SealFlags) -> OwnedFd {
    let memory = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&memory, bytes).unwrap();
    fcntl_add_seals(&memory, seals).unwrap();
    memory
}

/// The same object, opened once more.
fn reopened(object: impl AsFd, flags: OFlags) -> OwnedFd {
    let path = format!("/proc/self/fd/{}", object.as_fd().as_raw_fd());
    rustix::fs::open(path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap()
}

fn pipe() -> [OwnedFd; 2] {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors, which are then ours alone.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        ends.map(|end| OwnedFd::from_raw_fd(end))
    }
}

fn from_fd(descriptor: impl Into<OwnedFd>) -> MemoryError {
    SharedBuffer::from_fd(descriptor.into()).unwrap_err()
}

fn from_unsealed_fd(descriptor: impl Into<OwnedFd>) -> MemoryError {
    SharedBuffer::options().allow_unsealed(true).from_fd(descriptor.into()).unwrap_err()
}

#[test]
fn nobody_can_resize_a_memfd_or_lift_that() {
    let buffer = SharedBuffer::memfd(4096).unwrap();
    let descriptor = buffer.as_fd().unwrap();
    assert_eq!(fcntl_get_seals(descriptor), Ok(SEALS));
    assert_eq!(fcntl_add_seals(descriptor, SealFlags::WRITE), Err(Errno::PERM));
    Process::fork(|| {
        for bytes in [0, 4095, 4097, 8192] {
            assert_eq!(ftruncate(descriptor, bytes), Err(Errno::PERM));
        }
        0
    })
    .join();
    assert_eq!(fstat(descriptor).unwrap().st_size, 4096);
    assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 0));
}

#[test]
fn a_memfd_whose_pages_a_peer_takes_away_reads_as_zero() {
    let buffer = SharedBuffer::memfd(8192).unwrap();
    let slots = buffer.slots(..).unwrap();
    slots.iter().for_each(|slot| slot.store(7, Relaxed));
    Process::fork(|| {
        // All that the seals leave to a peer who wants to harm.
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(buffer.as_fd().unwrap(), hole, 0, 8192).unwrap();
        0
    })
    .join();
    assert!({ slots }.iter().all(|slot| slot.load(Relaxed) == 0));
}

#[test]
fn a_descriptor_is_closed_on_exec() {
    let buffer = SharedBuffer::memfd(64).unwrap();
    assert!(fcntl_getfd(buffer.as_fd().unwrap()).unwrap().contains(FdFlags::CLOEXEC));
}

#[test]
fn a_process_with_the_descriptor_gets_the_memory() {
    let buffer = SharedBuffer::memfd(64).unwrap();
    buffer.slot(3).unwrap().store(7, Relaxed);
    let again = SharedBuffer::from_fd(buffer.as_fd().unwrap().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!((again.byte_length(), again.slot(3).unwrap().load(Relaxed)), (64, 7));
    drop(buffer);
    // And can hand it on.
    let once_more = SharedBuffer::from_fd(again.as_fd().unwrap().try_clone_to_owned().unwrap()).unwrap();
    let guard = Lock::new(&once_more, 5).unwrap().lock();
    assert!(Lock::new(&again, 5).unwrap().is_locked());
    drop(guard);
}

#[test]
fn what_cannot_shrink_is_accepted() {
    for seals in [SealFlags::SHRINK, SealFlags::SHRINK | SealFlags::GROW, SEALS] {
        let buffer = SharedBuffer::from_fd(memory(64, seals)).unwrap();
        assert_eq!(buffer.byte_length(), 64);
        assert!(buffer.as_fd().is_some());
    }
}

#[test]
fn what_can_shrink_is_refused() {
    assert_eq!(from_fd(memory(64, SealFlags::empty())), MemoryError::Unsealed);
    assert_eq!(from_fd(memory(64, SealFlags::GROW | SealFlags::SEAL)), MemoryError::Unsealed);
    let unsealable = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&unsealable, 64).unwrap();
    assert_eq!(from_fd(unsealable), MemoryError::Unsealed);

    let (kept, named) = (Kept::file(), Kept::named());
    for kept in [&kept, &named] {
        drop(kept.create(64).unwrap());
        assert_eq!(from_fd(File::options().read(true).write(true).open(kept.path()).unwrap()), MemoryError::Unsealed);
    }
    let [reader, writer] = pipe();
    assert_eq!((from_fd(reader), from_fd(writer)), (MemoryError::Unsealed, MemoryError::Unsealed));
    assert_eq!(from_fd(File::open(kept.folder()).unwrap()), MemoryError::Unsealed);
    assert_eq!(from_fd(File::open("/dev/zero").unwrap()), MemoryError::Unsealed);
}

#[test]
fn what_can_shrink_is_accepted_at_ones_own_risk() {
    let kept = Kept::file();
    drop(kept.create(64).unwrap());
    let file = || File::options().read(true).write(true).open(kept.path()).unwrap();
    let buffer = SharedBuffer::options().allow_unsealed(true).from_fd(file().into()).unwrap();
    assert_eq!(buffer.byte_length(), 64);
    buffer.slot(3).unwrap().store(7, Relaxed);
    assert_eq!(kept.open().unwrap().slot(3).unwrap().load(Relaxed), 7);
    assert!(buffer.as_fd().is_some());
    assert!(SharedBuffer::options().allow_unsealed(true).from_fd(memory(64, SealFlags::empty())).is_ok());
    assert!(SharedBuffer::options().allow_unsealed(true).from_fd(memory(64, SEALS)).is_ok());
}

#[test]
fn a_descriptor_has_the_length_of_a_buffer() {
    let empty = MemoryError::TooShort { name: "descriptor".into(), found: 0, bytes: 4 };
    for (bytes, error) in [
        (0, empty.clone()),
        (6, MemoryError::UnevenLength { bytes: 6 }),
        (4097, MemoryError::UnevenLength { bytes: 4097 }),
    ] {
        assert_eq!(from_fd(memory(bytes, SEALS)), error);
        assert_eq!(from_unsealed_fd(memory(bytes, SealFlags::empty())), error);
    }
    let [reader, _writer] = pipe();
    assert_eq!(from_unsealed_fd(reader), empty, "a pipe has none");
    assert_eq!(from_unsealed_fd(File::open("/dev/null").unwrap()), empty);
}

#[test]
fn a_descriptor_that_cannot_be_written_is_refused() {
    let denied = |code| Refused::PermissionDenied { name: "descriptor".into(), code };
    for flags in [OFlags::RDONLY, OFlags::WRONLY] {
        assert_eq!(from_fd(reopened(memory(64, SEALS), flags)), denied(libc::EACCES), "{flags:?}");
        let unsealed = reopened(memory(64, SealFlags::empty()), flags);
        assert_eq!(from_unsealed_fd(unsealed), denied(libc::EACCES), "{flags:?}");
    }
    for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        assert_eq!(from_fd(memory(64, SEALS | seal)), denied(libc::EPERM), "{seal:?}");
    }
}

#[test]
fn other_origins_have_no_descriptor() {
    for (way, made) in make_in_every_way(64) {
        assert_eq!(made.unwrap().as_fd().is_some(), way == "memfd", "{way}");
    }
}

/// How many descriptors and mappings this process has.
fn possessions() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    (fs::read_dir("/proc/self/fd").unwrap().count(), maps.lines().filter(|line| line.contains(" rw-s ")).count())
}

#[test]
fn neither_success_nor_failure_costs_a_descriptor_or_a_mapping() {
    if is_emulated() {
        return;
    }
    let [kept, short] = [Kept::file(), Kept::file()];
    drop(kept.create(64).unwrap());
    fs::write(short.path(), b"abcd").unwrap();
    // In a child: other tests have descriptors and mappings, too.
    in_child(|| {
        let before = possessions();
        let buffers = make_in_every_way(64);
        assert_ne!(possessions(), before, "they can be seen");
        drop(buffers);
        for _ in 0..100 {
            drop(make_in_every_way(64));
            drop(make_in_every_way(1 << 60));
            assert!(kept.open().is_ok() && kept.open_or_create(64).is_ok());
            assert!(kept.create(64).is_err() && kept.open_or_create(128).is_err() && short.open_or_create(64).is_err());
            drop(SharedBuffer::from_fd(memory(64, SEALS)).unwrap());
            drop((from_fd(memory(64, SealFlags::empty())), from_fd(memory(6, SEALS))));
            drop(from_unsealed_fd(reopened(memory(64, SEALS), OFlags::RDONLY)));
        }
        assert_eq!(possessions(), before);
        Ok(())
    });
}

#[test]
fn a_mapping_needs_no_descriptor_that_stays_open() {
    if is_emulated() {
        return;
    }
    let [named, file] = Kept::both();
    in_child(|| {
        let before = possessions().0;
        let _buffers = [named.create(64).unwrap(), file.create(64).unwrap(), SharedBuffer::anonymous(64).unwrap()];
        assert_eq!(possessions().0, before);
        let _memfd = SharedBuffer::memfd(64).unwrap();
        assert_eq!(possessions().0, before + 1, "except one that is handed on by it");
        Ok(())
    });
}

#[test]
fn a_process_that_has_no_descriptor_left_is_told_so_and_nothing_is_made() {
    let [named, file] = Kept::both();
    in_child(|| {
        crate::support::confined::limit(rustix::process::Resource::Nofile, 0);
        let refused = |call, name| Refused::Os { call, name, code: libc::EMFILE };
        assert_eq!(SharedBuffer::memfd(64).unwrap_err(), refused("memfd_create", "memfd:slotsync".into()));
        for kept in [&named, &file] {
            assert_eq!(kept.open_or_create(64).unwrap_err(), refused("open", kept.name()));
            assert_eq!(kept.create(64).unwrap_err(), refused("open", kept.name()));
            assert_eq!(kept.open().unwrap_err(), refused("open", kept.name()));
        }
        // These need none.
        assert!(SharedBuffer::new(64).is_ok());
        assert!(SharedBuffer::anonymous(64).is_ok());
        Ok(())
    });
    assert!(named.found().is_empty() && file.found().is_empty());
}
