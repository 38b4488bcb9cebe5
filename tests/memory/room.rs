//! A want of room is an error when the memory is made or opened, not a `SIGBUS` when it is touched, and leaves nothing
//! behind; also on file systems that can do less than most.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "limits and timers")]

use crate::refused::Refused;
use crate::support::confined::{NO_LINKS, NO_LONG_RESERVATIONS, NO_NAMELESS_FILES, NO_RESERVATIONS};
use crate::support::confined::{Skipped, catch, in_child, limit, mount, refuse};
use crate::support::kept::Kept;
use crate::support::processes::Process;
use crate::support::{Watchdog, is_emulated, until};
use rustix::process::Resource;
use slotsync::{BufferOptions, Lock, MemoryError, SharedBuffer};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

const MIB: usize = 1 << 20;
/// The size of a file system that is mounted for a test.
const ROOM: usize = 64 * 1024;

/// Writes to every word: what was promised is there, or else this process dies.
fn touch(buffer: &SharedBuffer) {
    buffer.slots(..).unwrap().iter().for_each(|slot| slot.store(-1, Relaxed));
}

fn no_room(bytes: usize, code: i32) -> Refused {
    Refused::NoRoom { bytes: bytes as u64, code }
}

/// A child that sees an empty file system of `ROOM` bytes where the memory is kept.
fn in_little_room(body: impl Fn(&Kept) -> Result<(), Skipped>) {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        in_child(|| {
            mount(c"tmpfs", &kept.folder(), c"size=64k")?;
            body(&kept)
        });
        assert!(kept.found().is_empty());
    }
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    in_little_room(|kept| {
        for bytes in [ROOM + 4, 2 * ROOM, MIB] {
            assert_eq!(kept.open_or_create(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
            assert_eq!(kept.create(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
            assert_eq!(fs::read_dir(kept.folder()).unwrap().count(), 0);
        }
        Ok(())
    });
}

#[test]
fn what_just_fits_can_be_touched_to_its_end() {
    in_little_room(|kept| {
        touch(&kept.create(ROOM).unwrap());
        touch(&kept.open().unwrap());
        touch(&kept.open_or_create(ROOM).unwrap());
        // And now nothing fits any more.
        let other = kept.path().with_file_name("other");
        assert_eq!(SharedBuffer::file(&other, 4).unwrap_err(), no_room(4, libc::ENOSPC));
        kept.unlink();
        touch(&kept.create(ROOM).unwrap());
        Ok(())
    });
}

#[test]
fn what_others_made_sparse_is_refused_if_its_holes_cannot_be_filled() {
    in_little_room(|kept| {
        File::create(kept.path()).unwrap().set_len(MIB as u64).unwrap();
        assert_eq!(kept.open().unwrap_err(), no_room(MIB, libc::ENOSPC));
        assert_eq!(kept.open_or_create(2 * ROOM).unwrap_err(), no_room(2 * ROOM, libc::ENOSPC));
        assert_eq!(fs::metadata(kept.path()).unwrap().len(), MIB as u64, "it is left as it is");
        touch(&kept.open_or_create(ROOM).unwrap()); // A part may fit.
        Ok(())
    });
}

/// Can grow to more than there is room for.
fn growable() -> BufferOptions {
    BufferOptions::new().max_byte_length(MIB)
}

#[test]
fn growing_to_more_than_there_is_room_for_is_refused_and_changes_nothing() {
    in_little_room(|kept| {
        let buffer = kept.create_with(growable(), 4096).unwrap();
        for bytes in [ROOM, 2 * ROOM, MIB] {
            assert_eq!(buffer.grow(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
            assert_eq!((buffer.byte_length(), buffer.max_byte_length()), (4096, MIB));
        }
        // One page is the header's.
        buffer.grow(ROOM - 4096).unwrap();
        let other = kept.path().with_file_name("other");
        assert_eq!(SharedBuffer::file(&other, 4).unwrap_err(), no_room(4, libc::ENOSPC));
        touch(&buffer);
        touch(&kept.open().unwrap());
        assert_eq!(buffer.grow(ROOM).unwrap_err(), no_room(ROOM, libc::ENOSPC));
        kept.unlink();
        Ok(())
    });
}

/// A reservation that fails takes back its own alone.
#[test]
fn a_growing_process_keeps_what_was_reserved_though_others_fail_to_grow() {
    let _watchdog = Watchdog::new("a_growing_process_keeps_what_was_reserved_though_others_fail_to_grow");
    in_little_room(|kept| {
        for _ in 0..20 {
            let buffer = kept.create_with(growable(), 4096).unwrap();
            let greedy: Vec<_> = (0..2)
                .map(|_| {
                    Process::fork(|| {
                        while buffer.byte_length() < ROOM / 2 {
                            assert!(buffer.grow(MIB).is_err());
                        }
                        0
                    })
                })
                .collect();
            for bytes in (4096..=ROOM / 2).step_by(4096) {
                // Those who fail have it all for a moment.
                until("there is room", || buffer.grow(bytes).is_ok());
            }
            greedy.into_iter().for_each(Process::join);
            // Nobody gives up a page for this.
            let other = kept.path().with_file_name("other");
            let rest = SharedBuffer::file(&other, ROOM / 2 - 4096).unwrap();
            touch(&buffer);
            touch(&rest);
            fs::remove_file(other).unwrap();
            kept.unlink();
        }
        Ok(())
    });
}

#[test]
fn a_named_object_larger_than_its_file_system_is_refused_at_once() {
    let size = rustix::fs::statvfs("/dev/shm").unwrap();
    if size.f_blocks == 0 {
        println!("skipped: /dev/shm has no limit");
        return;
    }
    let bytes = usize::try_from(size.f_blocks * size.f_frsize + (1 << 30)).unwrap() & !3;
    let kept = Kept::named();
    assert_eq!(kept.open_or_create(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
    assert_eq!(kept.create(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
    assert!(kept.found().is_empty());
}

#[test]
fn a_limit_on_file_sizes_is_a_want_of_room() {
    let [named, file] = Kept::both();
    in_child(|| {
        // Else the limit kills.
        catch(libc::SIGXFSZ);
        limit(Resource::Fsize, 4096);
        for kept in [&named, &file] {
            assert_eq!(kept.open_or_create(8192).unwrap_err(), no_room(8192, libc::EFBIG));
            assert_eq!(kept.create(8192).unwrap_err(), no_room(8192, libc::EFBIG));
            assert!(kept.found().is_empty());
            touch(&kept.create(4096).unwrap());
        }
        assert_eq!(SharedBuffer::memfd(8192).unwrap_err(), no_room(8192, libc::EFBIG));
        touch(&SharedBuffer::memfd(4096).unwrap());
        Ok(())
    });
}

#[test]
fn a_limit_on_address_space_is_a_want_of_room_and_leaves_nothing() {
    const BYTES: usize = 16 * MIB;
    if is_emulated() {
        return;
    }
    let [named, file] = Kept::both();
    let [exists, other_exists] = Kept::both();
    drop((exists.create(BYTES).unwrap(), other_exists.create(BYTES).unwrap()));
    in_child(|| {
        limit(Resource::As, address_space() + 2 * MIB as u64);
        let refused = no_room(BYTES, libc::ENOMEM);
        // Not the heap: the allocator has something in reserve.
        for constructor in [SharedBuffer::anonymous, SharedBuffer::memfd] {
            assert_eq!(constructor(BYTES).unwrap_err(), refused);
        }
        for kept in [&exists, &other_exists] {
            assert_eq!(kept.open_or_create(BYTES).unwrap_err(), refused);
            assert_eq!(kept.open().unwrap_err(), refused);
        }
        for kept in [&named, &file] {
            assert_eq!(kept.open_or_create(BYTES).unwrap_err(), refused);
            assert_eq!(kept.create(BYTES).unwrap_err(), refused);
            assert!(kept.found().is_empty(), "{:?} is left behind", kept.found());
        }
        Ok(())
    });
}

/// How much this process has, in bytes.
fn address_space() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    1024 * size.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
}

/// A child on a file system that can do less than most, once for each thing that it may be unable to do.
fn on_lesser_file_systems(body: impl Fn(&Kept) -> Result<(), Skipped>) {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        for lacking in [NO_NAMELESS_FILES, NO_RESERVATIONS, &[NO_NAMELESS_FILES, NO_RESERVATIONS].concat()] {
            in_child(|| {
                refuse(lacking)?;
                body(&kept)
            });
        }
    }
}

/// All that is promised of what is kept.
fn assert_serves(kept: &Kept) {
    // SAFETY: no preconditions.
    unsafe { libc::umask(0o022) };
    let buffer = kept.create_with(BufferOptions::new().mode(0o660), MIB).unwrap();
    assert!(buffer.slots(..).unwrap().iter().all(|slot| slot.load(Relaxed) == 0));
    touch(&buffer);
    let status = fs::metadata(kept.path()).unwrap();
    assert_eq!((status.len(), status.mode() & 0o777), (MIB as u64, 0o640));
    assert_eq!(kept.create(MIB).unwrap_err(), MemoryError::AlreadyExists { name: kept.name() });
    let again = kept.open_or_create(MIB / 2).unwrap();
    let guard = Lock::initialize(&again, 5).unwrap().lock();
    assert!(Lock::new(&kept.open().unwrap(), 5).unwrap().is_locked());
    drop(guard);
    assert_eq!(
        kept.open_or_create(2 * MIB).unwrap_err(),
        MemoryError::TooShort { name: kept.name(), found: MIB as u64, bytes: 2 * MIB as u64 }
    );
    assert_eq!(kept.found(), [kept.path()], "under no other name");
    kept.unlink();
    assert_eq!(kept.open().unwrap_err(), MemoryError::NotFound { name: kept.name() });
    drop(kept.open_or_create(64).unwrap());
    kept.unlink();
    assert!(kept.found().is_empty());
}

#[test]
fn a_file_system_without_nameless_files_or_reservations_serves_as_well() {
    on_lesser_file_systems(|kept| {
        assert_serves(kept);
        Ok(())
    });
}

#[test]
fn a_file_system_without_nameless_files_or_reservations_takes_what_fits_and_no_more() {
    on_lesser_file_systems(|kept| {
        mount(c"tmpfs", &kept.folder(), c"size=64k")?;
        for bytes in [ROOM + 4, MIB] {
            assert_eq!(kept.open_or_create(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
            assert_eq!(kept.create(bytes).unwrap_err(), no_room(bytes, libc::ENOSPC));
            assert_eq!(fs::read_dir(kept.folder()).unwrap().count(), 0);
        }
        for bytes in [ROOM - 4, ROOM] {
            touch(&kept.create(bytes).unwrap());
            kept.unlink();
        }
        Ok(())
    });
}

#[test]
fn where_nothing_can_be_reserved_it_is_written() {
    for kept in Kept::both() {
        in_child(|| {
            refuse(NO_RESERVATIONS)?;
            // Not a whole number of the parts that are written at once.
            let bytes = MIB + 4100;
            let _buffer = kept.create(bytes).unwrap();
            assert!(fs::metadata(kept.path()).unwrap().blocks() * 512 >= bytes as u64);
            Ok(())
        });
    }
}

/// It cannot be written later, when others write there too.
#[test]
fn where_nothing_can_be_reserved_what_can_grow_takes_its_room_at_once() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        in_child(|| {
            refuse(NO_RESERVATIONS)?;
            mount(c"tmpfs", &kept.folder(), c"size=64k")?;
            assert_eq!(kept.create_with(growable(), 4096).unwrap_err(), no_room(MIB, libc::ENOSPC));
            assert_eq!(fs::read_dir(kept.folder()).unwrap().count(), 0);
            let buffer = kept.create_with(BufferOptions::new().max_byte_length(ROOM - 4096), 4096).unwrap();
            let other = kept.path().with_file_name("other");
            assert_eq!(SharedBuffer::file(&other, 4).unwrap_err(), no_room(4, libc::ENOSPC));
            buffer.slot(0).unwrap().store(7, Relaxed);
            kept.open().unwrap().grow(ROOM - 4096).unwrap();
            assert_eq!(buffer.slot(0).unwrap().load(Relaxed), 7);
            touch(&buffer);
            kept.unlink();
            Ok(())
        });
    }
}

#[test]
fn a_symbolic_link_to_nothing_does_not_cost_the_memory_again_and_again() {
    let kept = Kept::file();
    std::os::unix::fs::symlink(kept.folder().join("nothing"), kept.path()).unwrap();
    in_child(|| {
        refuse(NO_RESERVATIONS)?;
        limit(Resource::Cpu, 1); // Enough to write it several times.
        assert!(matches!(kept.open_or_create(32 * MIB), Err(MemoryError::BadName { .. })));
        Ok(())
    });
}

#[test]
fn the_last_descriptor_is_enough() {
    on_lesser_file_systems(|kept| {
        let last = rustix::fs::open("/dev/null", rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap();
        limit(Resource::Nofile, std::os::fd::AsRawFd::as_raw_fd(&last) as u64 + 1);
        drop(last);
        drop(kept.create(64).unwrap());
        drop(kept.open().unwrap());
        kept.unlink();
        Ok(())
    });
}

#[test]
fn a_file_system_where_a_file_has_one_name_is_refused_and_nothing_is_left() {
    for kept in Kept::both() {
        for lacking in [NO_LINKS, &[NO_LINKS, NO_NAMELESS_FILES].concat()] {
            in_child(|| {
                refuse(lacking)?;
                let error = Refused::PermissionDenied { name: kept.name(), code: libc::EPERM };
                assert_eq!(kept.open_or_create(64).unwrap_err(), error);
                assert_eq!(kept.create(64).unwrap_err(), error);
                assert!(kept.found().is_empty(), "{:?} is left behind", kept.found());
                Ok(())
            });
        }
    }
}

#[test]
fn a_file_system_that_only_lives_in_memory_serves() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        // It really has no reservations.
        in_child(|| {
            mount(c"ramfs", &kept.folder(), c"")?;
            assert_serves(&kept);
            Ok(())
        });
    }
}

#[test]
fn a_file_system_of_layers_as_containers_have_it_serves() {
    if is_emulated() {
        return;
    }
    let (kept, layers) = (Kept::file(), tempfile::tempdir().unwrap());
    in_child(|| {
        mount(c"tmpfs", layers.path(), c"")?;
        let [lower, upper, work] = ["lower", "upper", "work"].map(|name| layers.path().join(name));
        for folder in [&lower, &upper, &work] {
            fs::create_dir(folder).unwrap();
        }
        let [lower, upper, work] = [&lower, &upper, &work].map(|folder| folder.display());
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        mount(c"overlay", &kept.folder(), &std::ffi::CString::new(options).unwrap())?;
        assert_serves(&kept);
        Ok(())
    });
}

#[test]
fn it_works_where_proc_is_not_mounted() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        in_child(|| {
            mount(c"tmpfs", Path::new("/proc"), c"")?;
            assert_serves(&kept);
            Ok(())
        });
    }
}

#[test]
fn a_reservation_that_is_always_interrupted_is_made_in_parts() {
    const BYTES: usize = 8 * MIB + 4100;
    let _watchdog = Watchdog::new("a_reservation_that_is_always_interrupted_is_made_in_parts");
    for kept in Kept::both() {
        in_child(|| {
            refuse(NO_LONG_RESERVATIONS)?;
            limit(Resource::Cpu, 2); // If it tries the same for ever, it is killed.
            let _buffer = kept.create(BYTES).unwrap();
            assert!(fs::metadata(kept.path()).unwrap().blocks() * 512 >= BYTES as u64, "all of it");
            drop(kept.open().unwrap());
            kept.unlink();
            let buffer = kept.create_with(BufferOptions::new().max_byte_length(2 * BYTES), 4).unwrap();
            buffer.grow(BYTES).unwrap();
            assert!(fs::metadata(kept.path()).unwrap().blocks() * 512 >= BYTES as u64, "all of it");
            Ok(())
        });
    }
}

/// Most file systems keep what they gave before it ran out; the memory file system does if signals come in between.
#[test]
fn room_that_a_failed_growth_has_taken_is_there_for_the_next() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        in_child(|| {
            mount(c"tmpfs", &kept.folder(), c"size=1536k")?;
            refuse(NO_LONG_RESERVATIONS)?;
            let has = || fs::metadata(kept.path()).unwrap().blocks() * 512;
            let buffer = kept.create_with(BufferOptions::new().max_byte_length(8 * MIB), 4096).unwrap();
            assert_eq!(buffer.grow(2 * MIB).unwrap_err(), no_room(2 * MIB, libc::ENOSPC));
            assert_eq!(buffer.byte_length(), 4096);
            let taken = has();
            assert!(taken >= MIB as u64, "{taken} bytes: this tests nothing");
            buffer.grow(MIB).unwrap();
            assert_eq!(has(), taken);
            touch(&buffer);
            kept.unlink();
            Ok(())
        });
    }
}

/// Signals at short intervals, as a profiler sends them, interrupt calls that take longer than that.
#[test]
fn a_creation_ends_under_a_storm_of_signals() {
    const BYTES: usize = 8 * MIB;
    let _watchdog = Watchdog::new("a_creation_ends_under_a_storm_of_signals");
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        for lacking in [&[], NO_RESERVATIONS] {
            in_child(|| {
                refuse(lacking)?;
                limit(Resource::Cpu, 20);
                catch(libc::SIGALRM);
                ring_every(500);
                touch(&kept.create(BYTES).unwrap());
                drop(kept.open().unwrap());
                drop(SharedBuffer::memfd(BYTES).unwrap());
                kept.unlink();
                let buffer = kept.create_with(BufferOptions::new().max_byte_length(BYTES), 4).unwrap();
                buffer.grow(BYTES).unwrap();
                touch(&buffer);
                kept.unlink();
                Ok(())
            });
        }
    }
}

/// From now on, `SIGALRM` comes again after each interval of this length.
fn ring_every(microseconds: libc::suseconds_t) {
    let interval = libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: a timer that lives through the call. Its signal is caught.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) }, 0);
}
