//! Memory under a name: named objects and files, which outlive the processes that made them. Each test is about both,
//! unless it says otherwise.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "umask, mkfifo and chdir")]

use crate::refused::Refused;
use crate::support::confined::{become_a_stranger, in_child, mount};
use crate::support::kept::Kept;
use crate::support::{Watchdog, is_emulated, unique_name};
use slotsync::{BufferOptions, Error, Lock, MemoryError, SharedBuffer, TimedOut};
use std::ffi::{CString, OsStr};
use std::fs::{self, File, Permissions};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

fn load(buffer: &SharedBuffer, index: usize) -> i32 {
    buffer.slot(index).unwrap().load(Relaxed)
}

fn store(buffer: &SharedBuffer, index: usize, value: i32) {
    buffer.slot(index).unwrap().store(value, Relaxed);
}

/// The object exists, with these bytes, and nobody has it open.
fn holding(kept: &Kept, bytes: &[u8]) {
    fs::write(kept.path(), bytes).unwrap();
}

/// Checks the outcome of each way to get at the object.
fn assert_refused(kept: &Kept, bytes: usize, opens: &MemoryError, creates: &MemoryError, opens_whole: &MemoryError) {
    assert_eq!(kept.open_or_create(bytes).unwrap_err(), *opens, "open or create");
    assert_eq!(kept.create(bytes).unwrap_err(), *creates, "create");
    assert_eq!(kept.open().unwrap_err(), *opens_whole, "open");
}

#[test]
fn a_later_caller_gets_what_is_there() {
    for kept in Kept::both() {
        let first = kept.open_or_create(64).unwrap();
        store(&first, 15, 7);
        let later = kept.open_or_create(64).unwrap();
        assert_eq!(load(&later, 15), 7);
        drop((first, later));
        assert_eq!(load(&kept.open_or_create(64).unwrap(), 15), 7, "it outlives all who have it");
        assert_eq!(fs::metadata(kept.path()).unwrap().len(), 64, "as long as it was made");
    }
}

#[test]
fn of_a_longer_object_one_gets_what_one_asks_for() {
    for kept in Kept::both() {
        store(&kept.create(64).unwrap(), 15, 7);
        let part = kept.open_or_create(32).unwrap();
        assert_eq!(part.byte_length(), 32);
        assert_eq!(part.slot(8), Err(Error::OutOfBounds { index: 8, count: 1, length: 8 }));
        let whole = kept.open().unwrap();
        assert_eq!((whole.byte_length(), load(&whole, 15)), (64, 7));
        store(&part, 3, 5);
        assert_eq!(load(&whole, 3), 5);
        assert_eq!(fs::metadata(kept.path()).unwrap().len(), 64, "nobody shrinks what others have");
    }
}

#[test]
fn what_exists_is_not_created() {
    for kept in Kept::both() {
        store(&kept.create(64).unwrap(), 15, 7);
        for bytes in [4, 64, 4096] {
            assert_eq!(kept.create(bytes).unwrap_err(), MemoryError::AlreadyExists { name: kept.name() });
        }
        assert_eq!(load(&kept.open().unwrap(), 15), 7);
    }
}

#[test]
fn what_does_not_exist_is_not_opened() {
    for kept in Kept::both() {
        assert_eq!(kept.open().unwrap_err(), MemoryError::NotFound { name: kept.name() });
        assert!(kept.found().is_empty());
    }
    let kept = Kept::named();
    let Kept::Named(name) = &kept else { unreachable!() };
    assert_eq!(SharedBuffer::unlink(name), Err(MemoryError::NotFound { name: kept.name() }));
}

#[test]
fn a_shorter_object_is_refused_and_left_as_it_is() {
    for kept in Kept::both() {
        for content in [&b""[..], b"abcdef", b"abcdefgh"] {
            holding(&kept, content);
            let found = content.len() as u64;
            for bytes in [12, 1 << 20] {
                let error = MemoryError::TooShort { name: kept.name(), found, bytes };
                assert_eq!(kept.open_or_create(bytes as usize).unwrap_err(), error);
            }
            assert_eq!(fs::read(kept.path()).unwrap(), content);
        }
    }
}

#[test]
fn an_empty_object_is_no_buffer() {
    for kept in Kept::both() {
        holding(&kept, b"");
        assert_refused(
            &kept,
            4,
            &MemoryError::TooShort { name: kept.name(), found: 0, bytes: 4 },
            &MemoryError::AlreadyExists { name: kept.name() },
            &MemoryError::TooShort { name: kept.name(), found: 0, bytes: 4 },
        );
        assert_eq!(fs::read(kept.path()).unwrap(), b"");
    }
}

#[test]
fn an_object_that_is_no_whole_number_of_slots_is_not_opened_whole() {
    for kept in Kept::both() {
        holding(&kept, b"abcdef");
        assert_eq!(kept.open().unwrap_err(), MemoryError::UnevenLength { bytes: 6 });
        assert_eq!(
            load(&kept.open_or_create(4).unwrap(), 0),
            i32::from_ne_bytes(*b"abcd"),
            "but its first slots serve"
        );
        assert_eq!(fs::read(kept.path()).unwrap(), b"abcdef");
    }
}

#[test]
fn a_folder_is_refused() {
    for kept in Kept::both() {
        fs::create_dir(kept.path()).unwrap();
        let error = MemoryError::BadName { name: kept.name(), reason: "it is a directory" };
        assert_refused(&kept, 64, &error, &MemoryError::AlreadyExists { name: kept.name() }, &error);
        if let Kept::Named(name) = &kept {
            assert_eq!(SharedBuffer::unlink(name), Err(error));
        }
    }
}

#[test]
fn a_pipe_is_too_short() {
    let _watchdog = Watchdog::new("a_pipe_is_too_short");
    for kept in Kept::both() {
        let path = CString::new(kept.path().as_os_str().as_bytes()).unwrap();
        // SAFETY: a string that lives through the call.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        assert_refused(
            &kept,
            64,
            &MemoryError::TooShort { name: kept.name(), found: 0, bytes: 64 },
            &MemoryError::AlreadyExists { name: kept.name() },
            &MemoryError::TooShort { name: kept.name(), found: 0, bytes: 4 },
        );
    }
}

#[test]
fn a_file_may_be_reached_by_a_symbolic_link() {
    let kept = Kept::file();
    let target = kept.folder().join("target");
    store(&SharedBuffer::options().create_new(true).file(&target, 64).unwrap(), 1, 7);
    symlink(&target, kept.path()).unwrap();
    assert_eq!(load(&kept.open_or_create(64).unwrap(), 1), 7);
    assert_eq!(load(&kept.open().unwrap(), 1), 7);
    assert_eq!(kept.create(64).unwrap_err(), MemoryError::AlreadyExists { name: kept.name() });
}

#[test]
fn a_symbolic_link_to_nothing_is_refused_and_nothing_is_made_there() {
    let _watchdog = Watchdog::new("a_symbolic_link_to_nothing_is_refused");
    let kept = Kept::file();
    let target = kept.folder().join("target");
    symlink(&target, kept.path()).unwrap();
    assert_refused(
        &kept,
        64,
        &MemoryError::BadName { name: kept.name(), reason: "it exists but does not open: a dangling symbolic link?" },
        &MemoryError::AlreadyExists { name: kept.name() },
        &MemoryError::NotFound { name: kept.name() },
    );
    assert!(!target.exists());
}

#[test]
fn a_symbolic_link_among_the_named_objects_is_not_followed() {
    // Anybody may put one there, which leads to what is ours and not theirs.
    let (kept, file) = (Kept::named(), Kept::file());
    let Kept::Named(name) = &kept else { unreachable!() };
    symlink(file.path(), kept.path()).unwrap();
    let refused = || {
        let error = MemoryError::BadName {
            name: kept.name(),
            reason: "it is or leads to a symbolic link, and is not followed",
        };
        assert_refused(&kept, 64, &error, &MemoryError::AlreadyExists { name: kept.name() }, &error);
    };
    refused();
    assert!(file.found().is_empty(), "it led to nothing, and still does");
    store(&file.create(64).unwrap(), 1, 7);
    refused();
    SharedBuffer::unlink(name).unwrap();
    assert_eq!(load(&file.open().unwrap(), 1), 7, "the link is gone, what it led to is not");
    assert_eq!(load(&kept.create(64).unwrap(), 1), 0);
}

#[test]
fn a_bad_name_is_refused_for_what_is_bad_about_it() {
    let long = "n".repeat(256);
    for (name, reason) in [
        ("", "it is empty"),
        ("/", "it is empty"),
        (".", "it is a directory"),
        ("/..", "it is a directory"),
        ("//", "it contains a slash after its first character"),
        ("//a", "it contains a slash after its first character"),
        ("a/b", "it contains a slash after its first character"),
        ("/../etc/a", "it contains a slash after its first character"),
        ("a/", "it contains a slash after its first character"),
        ("a\0b", "it contains a NUL"),
        ("\0", "it contains a NUL"),
        (&long, "it is longer than 255 bytes"),
        (&format!("/{long}"), "it is longer than 255 bytes"),
    ] {
        let error = MemoryError::BadName { name: name.into(), reason };
        assert_eq!(SharedBuffer::named(name, 64).unwrap_err(), error);
        assert_eq!(SharedBuffer::options().create_new(true).named(name, 64).unwrap_err(), error);
        assert_eq!(SharedBuffer::open_named(name).unwrap_err(), error);
        assert_eq!(SharedBuffer::unlink(name).unwrap_err(), error);
    }
}

#[test]
fn a_name_may_be_of_255_bytes_and_its_slash_is_not_counted() {
    let name = unique_name();
    let kept = Kept::Named(format!("{name}{}", "\u{e9}".repeat((256 - name.len()) / 2)));
    let Kept::Named(name) = &kept else { unreachable!() };
    assert!(name.len() >= 255, "with its slash");
    store(&SharedBuffer::named(name, 64).unwrap(), 0, 7);
    assert_eq!(load(&SharedBuffer::open_named(&name[1..]).unwrap(), 0), 7, "with the slash or without, it is one name");
    SharedBuffer::unlink(&name[1..]).unwrap();
}

#[test]
fn a_bad_path_is_refused_for_what_is_bad_about_it() {
    let kept = Kept::file();
    let folder = kept.folder();
    holding(&kept, b"abcd");
    let file = |path: &Path| SharedBuffer::file(path, 64).unwrap_err();
    let create = |path: &Path| SharedBuffer::options().create_new(true).file(path, 64).unwrap_err();
    let open = |path: &Path| SharedBuffer::open_file(path).unwrap_err();

    let directory = |path: &Path| MemoryError::BadName { name: path.to_owned(), reason: "it is a directory" };
    for path in [Path::new("/"), Path::new(".."), &folder.join(".."), &folder.join(".")] {
        assert_eq!((file(path), open(path)), (directory(path), directory(path)));
    }
    let empty = MemoryError::BadName { name: "".into(), reason: "it is empty" };
    assert_eq!([file("".as_ref()), create("".as_ref()), open("".as_ref())], [(); 3].map(|()| empty.clone()));
    assert_eq!(create("..".as_ref()), directory("..".as_ref()));
    // Whether there is such a file or not.
    for name in ["missing", "buffer"] {
        for path in ["/", "//", "/.", "/./"].map(|end| folder.join(format!("{name}{end}"))) {
            assert_eq!([file(&path), create(&path), open(&path)], [(); 3].map(|()| directory(&path)));
        }
    }

    let long = folder.join("n".repeat(256));
    let error = MemoryError::BadName { name: long.clone(), reason: "it is longer than the system permits" };
    assert_eq!([file(&long), create(&long), open(&long)], [(); 3].map(|()| error.clone()));

    let nowhere = folder.join("missing").join("buffer");
    let error = MemoryError::BadName { name: nowhere.clone(), reason: "its folder does not exist" };
    assert_eq!([file(&nowhere), create(&nowhere)], [(); 2].map(|()| error.clone()));
    assert_eq!(open(&nowhere), MemoryError::NotFound { name: nowhere.clone() });

    let within_a_file = kept.path().join("buffer");
    let error = Refused::Os { call: "open", name: within_a_file.clone(), code: libc::ENOTDIR };
    assert_eq!([file(&within_a_file), create(&within_a_file), open(&within_a_file)], [(); 3].map(|()| error.clone()));

    let nul = folder.join("a\0b");
    let error = MemoryError::BadName { name: nul.clone(), reason: "it contains a NUL" };
    assert_eq!([file(&nul), create(&nul), open(&nul)], [(); 3].map(|()| error.clone()));

    assert_eq!(kept.found(), [kept.path()], "nothing was made");
}

#[test]
fn a_path_need_not_be_text() {
    let kept = Kept::file();
    let path = kept.folder().join(OsStr::from_bytes(b"\xff\xfe buffer"));
    store(&SharedBuffer::options().create_new(true).file(&path, 64).unwrap(), 0, 7);
    assert_eq!(load(&SharedBuffer::open_file(&path).unwrap(), 0), 7);
}

#[test]
fn a_path_may_be_a_bare_file_name() {
    let kept = Kept::file();
    in_child(|| {
        std::env::set_current_dir(kept.folder()).unwrap();
        store(&SharedBuffer::file("buffer", 64).unwrap(), 0, 7);
        assert_eq!(load(&SharedBuffer::open_file("./buffer").unwrap(), 0), 7);
        Ok(())
    });
    assert_eq!(load(&kept.open().unwrap(), 0), 7);
}

#[test]
fn the_mode_is_0600_or_as_asked_less_the_umask() {
    for kept in Kept::both() {
        for (umask, options, mode) in [
            (0, BufferOptions::new(), 0o600),
            (0, BufferOptions::default(), 0o600),
            (0o277, BufferOptions::new(), 0o400),
            (0, BufferOptions::new().mode(0o666), 0o666),
            (0o027, BufferOptions::new().mode(0o666), 0o640),
            (0o022, BufferOptions::new().mode(0o660), 0o640),
            (0, BufferOptions::new().mode(0), 0),
        ] {
            type Way = fn(&Kept, BufferOptions, usize) -> Result<SharedBuffer, MemoryError>;
            for make in [Kept::open_or_create_with as Way, Kept::create_with] {
                // In a child: the umask is the whole process's.
                in_child(|| {
                    // SAFETY: no preconditions.
                    unsafe { libc::umask(umask) };
                    drop(make(&kept, options, 64).unwrap());
                    let found = fs::metadata(kept.path()).unwrap().mode() & 0o7777;
                    assert_eq!(found, mode, "{options:?} under {umask:#o}");
                    Ok(())
                });
                kept.unlink();
            }
        }
    }
}

#[test]
fn an_object_that_exists_keeps_its_mode() {
    for kept in Kept::both() {
        drop(kept.create(64).unwrap());
        drop(kept.open_or_create_with(BufferOptions::new().mode(0o666), 64).unwrap());
        assert_eq!(fs::metadata(kept.path()).unwrap().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_stranger_gets_at_nothing_that_is_not_his() {
    for kept in Kept::both() {
        drop(kept.create(64).unwrap());
        if let Kept::File(folder) = &kept {
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        }
        in_child(|| {
            become_a_stranger()?;
            let denied = |code| Refused::PermissionDenied { name: kept.name(), code };
            assert_eq!(kept.open_or_create(64).unwrap_err(), denied(libc::EACCES));
            assert_eq!(kept.open().unwrap_err(), denied(libc::EACCES));
            match &kept {
                // Everybody may make names there, but remove only his own.
                Kept::Named(name) => assert_eq!(SharedBuffer::unlink(name).unwrap_err(), denied(libc::EPERM)),
                Kept::File(_) => {
                    let other = kept.path().with_file_name("other");
                    let error = Refused::PermissionDenied { name: other.clone(), code: libc::EACCES };
                    assert_eq!(SharedBuffer::file(&other, 64).unwrap_err(), error);
                    assert_eq!(SharedBuffer::options().create_new(true).file(&other, 64).unwrap_err(), error);
                }
            }
            Ok(())
        });
        assert_eq!(kept.found(), [kept.path()]);
    }
}

#[test]
fn a_stranger_may_use_what_is_for_all() {
    for kept in Kept::both() {
        // Even if it is not his to resize, or to chmod.
        store(&kept.create(64).unwrap(), 0, 7);
        fs::set_permissions(kept.path(), Permissions::from_mode(0o666)).unwrap();
        if let Kept::File(folder) = &kept {
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        }
        in_child(|| {
            become_a_stranger()?;
            assert_eq!(load(&kept.open_or_create(64).unwrap(), 0), 7);
            assert_eq!(load(&kept.open().unwrap(), 0), 7);
            Ok(())
        });
    }
}

#[test]
fn a_process_that_may_only_read_is_refused() {
    for kept in Kept::both() {
        in_child(|| {
            if let Kept::File(folder) = &kept {
                fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
            }
            become_a_stranger()?;
            holding(&kept, b"abcd");
            fs::set_permissions(kept.path(), Permissions::from_mode(0o444)).unwrap();
            let error = Refused::PermissionDenied { name: kept.name(), code: libc::EACCES };
            assert_eq!(kept.open_or_create(4).unwrap_err(), error);
            assert_eq!(kept.open().unwrap_err(), error);
            Ok(())
        });
    }
}

#[test]
fn a_file_system_that_is_read_only_refuses() {
    if is_emulated() {
        return;
    }
    for kept in Kept::both() {
        in_child(|| {
            mount(c"tmpfs", &kept.folder(), c"ro")?;
            let error = Refused::PermissionDenied { name: kept.name(), code: libc::EROFS };
            assert_eq!(kept.open_or_create(64).unwrap_err(), error);
            assert_eq!(kept.create(64).unwrap_err(), error);
            assert_eq!(kept.open().unwrap_err(), MemoryError::NotFound { name: kept.name() });
            Ok(())
        });
    }
}

#[test]
fn a_removed_name_leaves_its_memory_to_those_who_have_it_and_is_free_for_others() {
    for kept in Kept::both() {
        let old = kept.create(64).unwrap();
        let old_again = kept.open().unwrap();
        store(&old, 0, 7);
        kept.unlink();
        assert_eq!(kept.open().unwrap_err(), MemoryError::NotFound { name: kept.name() });
        store(&old, 1, 8);
        assert_eq!((load(&old_again, 0), load(&old_again, 1)), (7, 8), "the old one lives");

        let new = kept.open_or_create(128).unwrap();
        assert_eq!((new.byte_length(), load(&new, 0)), (128, 0), "the new one is fresh, and of its own length");
        store(&new, 0, 9);
        assert_eq!(load(&old, 0), 7);
        drop((old, old_again));
        assert_eq!(load(&kept.open().unwrap(), 0), 9, "whose name it is not does not take it along");
    }
}

#[test]
fn memory_is_reserved_when_it_is_made_and_when_it_is_opened() {
    const BYTES: u64 = 64 * 1024;
    for kept in Kept::both() {
        let reserved = || fs::metadata(kept.path()).unwrap().blocks() * 512;
        let sparse = || {
            let file = File::create(kept.path()).unwrap();
            file.set_len(BYTES).unwrap();
            file
        };
        if rustix::fs::fallocate(sparse(), rustix::fs::FallocateFlags::empty(), 0, BYTES).is_err() {
            println!("skipped: {} reserves nothing", kept.folder().display());
            continue;
        }
        kept.unlink();
        let buffer = kept.create(BYTES as usize).unwrap();
        assert!(reserved() >= BYTES, "{:?}: {} of {BYTES} bytes", buffer, reserved());
        kept.unlink();

        // Sparse, as others may make it: the holes would be found by SIGBUS, when the file system is full.
        for open in [|kept: &Kept| kept.open_or_create(BYTES as usize), Kept::open] {
            drop(sparse());
            assert!(reserved() < BYTES);
            let buffer = open(&kept).unwrap();
            assert!(reserved() >= BYTES, "{:?}: {} of {BYTES} bytes", buffer, reserved());
        }
    }
}

#[test]
fn what_is_dropped_is_unmapped() {
    for kept in Kept::both() {
        let is_mapped = || fs::read_to_string("/proc/self/maps").unwrap().contains(kept.path().to_str().unwrap());
        assert!(!is_mapped());
        let (one, other) = (kept.create(64).unwrap(), kept.open().unwrap());
        assert!(is_mapped());
        drop(one);
        assert!(is_mapped(), "the other is");
        drop(other);
        assert!(!is_mapped());
    }
}

#[test]
fn a_lock_that_was_held_when_all_went_down_is_found_held_until_it_is_initialized() {
    for kept in Kept::both() {
        let buffer = kept.create(64).unwrap();
        mem::forget(Lock::new(&buffer, 3).unwrap().lock());
        drop(buffer); // As it is after a reboot, for a file: nobody is left who could unlock.

        let buffer = kept.open_or_create(64).unwrap();
        let lock = Lock::new(&buffer, 3).unwrap();
        assert!(lock.is_locked());
        assert_eq!(lock.lock_for(Duration::from_millis(5)).err(), Some(TimedOut));
        let lock = Lock::initialize(&buffer, 3).unwrap();
        assert!(lock.try_lock().is_some());
    }
}
